"""Layers declared as TIN, polyhedral surface or triangle, which pyogrio does not open although it hands over their records.

A copy of the file declares a type it does open (any geometry in a GeoPackage; polygon or multipolygon,
laid out alike, in FlatGeobuf); the records stay as they are.
"""

import shutil
import sqlite3
import struct
from pathlib import Path

from loaders.sqlitefiles import BROKEN, asked

__all__ = ["opened_types"]

_SURFACES = ("TIN", "POLYHEDRALSURFACE", "TRIANGLE")
_FGB_MAGIC = b"fgb\x03fgb"
_FGB_ALIKE = {15: 6, 17: 3}
"""FlatGeobuf geometry type → one whose records are laid out the same way."""


def opened_types(path: Path, folder: Path) -> Path | None:
    """A copy in ``folder`` that declares types pyogrio opens; None where the file needs none.

    Parameters
    ----------
    path : Path
        A GeoPackage or FlatGeobuf file.
    folder : Path
        Where the copy goes.
    """
    extension = path.suffix.lower()
    if extension == ".gpkg":
        return _geopackage(path, folder)
    return _flatgeobuf(path, folder) if extension == ".fgb" else None


def _geopackage(path: Path, folder: Path) -> Path | None:
    if path.with_name(path.name + "-wal").exists():
        return None  # a copy would lack what is still in the log
    marks = ", ".join("?" * len(_SURFACES))
    where = f"FROM gpkg_geometry_columns WHERE upper(geometry_type_name) IN ({marks})"
    if not asked(path, f"SELECT 1 {where} LIMIT 1", _SURFACES):
        return None
    copy = folder / path.name
    shutil.copyfile(path, copy)
    try:
        with sqlite3.connect(copy) as base:
            base.execute(
                f"UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY' WHERE upper(geometry_type_name) IN ({marks})",  # noqa: S608
                _SURFACES,
            )
        base.close()
    except BROKEN:
        return None
    return copy


def _flatgeobuf(path: Path, folder: Path) -> Path | None:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    at = _type_at(head)
    if at is None or head[at] not in _FGB_ALIKE:
        return None
    copy = folder / path.name
    shutil.copyfile(path, copy)
    with copy.open("r+b") as file:
        file.seek(at)
        file.write(bytes([_FGB_ALIKE[head[at]]]))
    return copy


def _type_at(head: bytes) -> int | None:
    """Where the header of a FlatGeobuf file keeps its geometry type (third field of its table); None where it keeps none."""
    if not head.startswith(_FGB_MAGIC):
        return None
    try:
        table = 12 + struct.unpack_from("<I", head, 12)[0]
        vtable = table - struct.unpack_from("<i", head, table)[0]
        size = struct.unpack_from("<H", head, vtable)[0]
        offset = struct.unpack_from("<H", head, vtable + 8)[0] if size >= 10 else 0
    except struct.error:
        return None
    return table + offset if offset and 0 < table + offset < len(head) else None
