"""The loader of finished tilesets: one layer, one record with its box, and the files to take along."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import shapely

from loaders.base import Batch, LayerInfo
from loaders.gdalio import head_of
from loaders.tileset.members import Members, members_of
from loaders.tileset.terrain import survey_terrain
from loaders.tileset.walk import survey
from twin.errors import SourceError
from twin.plan import LayerPlan
from twin.schema import RECORDS

__all__ = ["TilesetFiles", "TilesetLoader"]

_BROKEN = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError),
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error),
)
"""What documents and members that are not built as the standard says lead to."""
_NOWHERE = (
    "it does not lie on the Earth: its root has no transform to ECEF and no region; "
    "export it georeferenced, or give its root a transform"
)


@dataclass(frozen=True, slots=True)
class TilesetFiles:
    """A tileset to be taken along: its files, its first document, and what shows it.

    ``kind`` is ``3d-tiles`` or ``terrain``; ``box`` west, south, east, north in degrees or None.
    """

    members: Members
    entry: str
    kind: str
    title: str
    box: tuple[float, float, float, float] | None
    attributes: dict[str, Any]
    findings: tuple[str, ...]


class TilesetLoader:
    """3D Tiles (a document or a .3tz archive) and quantized-mesh terrain (``layer.json``)."""

    name = "tileset"

    def supports(self, path: Path) -> bool:
        """Whether it is a tileset's first document, a terrain's ``layer.json`` or a .3tz archive."""
        extension = path.suffix.lower()
        if extension == ".3tz":
            return head_of(path, 4) == b"PK\x03\x04"
        if extension != ".json":
            return False
        head = head_of(path)
        if path.name.lower() == "layer.json":
            return re.search(rb"quantized-mesh|heightmap", head) is not None
        if path.name.lower() == "tileset.json":
            return head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{" or head[:2] == b"\x1f\x8b"
        return b'"geometricError"' in head and b'"root"' in head and b'"asset"' in head

    def scan(self, path: Path) -> list[LayerInfo]:
        """The set as one layer; every tile it promises is looked for.

        Raises
        ------
        SourceError
            If the document is no tileset.
        """
        files = self.read_files(path)
        form = files.attributes["format"]
        return [
            LayerInfo(
                path, _title(path), "tileset", form, 1, files.kind, {}, "EPSG:4326", files.box,
                None, files.findings,
            )
        ]  # fmt: skip

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:  # noqa: ARG002
        """One record of class ``tileset``: its box (EPSG:4326), its counts as attributes."""
        files = self.read_files(layer.path)
        yield Batch(tileset_record(files, plan.class_code or "tileset"), findings=files.findings)

    def read_files(self, path: Path) -> TilesetFiles:
        """What is to be taken along.

        Raises
        ------
        SourceError
            If the document is no tileset.
        """
        members, entry = members_of(path)
        if not members.exists(entry):
            raise SourceError(path, f"holds no {entry}; a .3tz has it at its top")
        try:
            if path.name.lower() == "layer.json":
                return _terrain(path, members, entry)
            return _tiles(path, members, entry)
        except _BROKEN as err:
            raise SourceError(path, f"is no tileset: {err}; make it again with its tiler") from err


def _title(path: Path) -> str:
    generic = path.name.lower() in ("tileset.json", "layer.json")
    return (path.resolve().parent.name if generic else path.stem) or path.stem


def _tiles(path: Path, members: Members, entry: str) -> TilesetFiles:
    found = survey(members, entry)
    attributes = {
        "format": f"3D Tiles {found.version}",
        "tiles": found.tiles,
        "contents": found.contents,
        "missing": len(found.missing),
        "levels": found.depth,
        "geometric_error": found.geometric_error,
    }
    box = found.box
    if box is not None:
        attributes |= {"z_min": round(box[4], 3), "z_max": round(box[5], 3)}
    place = None if box is None else (box[0], box[1], box[2], box[3])
    told = found.findings() + ([] if place else [_NOWHERE])
    return TilesetFiles(members, entry, "3d-tiles", _title(path), place, attributes, tuple(told))


def _terrain(path: Path, members: Members, entry: str) -> TilesetFiles:
    found = survey_terrain(members, entry)
    attributes: dict[str, Any] = {
        "format": found.format,
        "tiles": found.tiles,
        "missing": len(found.missing),
        "levels": found.levels[1] + 1,
    }
    return TilesetFiles(
        members, entry, "terrain", _title(path), found.box, attributes, tuple(found.findings())
    )


def tileset_record(files: TilesetFiles, class_code: str) -> pa.Table:
    """The one record of a set; with a fault where it is nowhere or has nothing to show."""
    fault = None if files.box is not None else _NOWHERE
    if files.attributes["tiles"] == 0:
        fault = "it has no tiles"
    row: dict[str, Any] = dict.fromkeys(RECORDS.names)
    row |= {
        "row": 0,
        "key": files.title,
        "name": files.title,
        "class_code": class_code,
        "attributes": orjson.dumps(files.attributes).decode(),
        "role": "area",
        "lod": "0",
        "geometry": None if files.box is None else shapely.to_wkb(shapely.box(*files.box)),
        "fault": fault,
    }
    return pa.Table.from_pylist([row], schema=RECORDS)
