"""Shapefiles as they arrive: parts missing, index lost, any case in the extensions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from loaders.encoding import EncodingVerdict, decide_dbf
from twin.errors import SourceError

__all__ = ["SIDECARS", "encoding_of", "openable", "sibling", "table_remarks"]

SIDECARS = frozenset(
    {
        "shx",
        "prj",
        "cpg",
        "sbn",
        "sbx",
        "qix",
        "qpj",
        "fbn",
        "fbx",
        "ain",
        "aih",
        "atx",
        "ixs",
        "mxs",
        "cst",
        "idm",
        "ind",
    }
)


def sibling(path: Path, extension: str) -> Path | None:
    """File with the same stem and the given extension in any case, or None."""
    for name in (extension, extension.upper(), extension.capitalize()):
        candidate = path.with_suffix("." + name)
        if candidate.exists():
            return candidate
    return None


def encoding_of(path: Path) -> EncodingVerdict | None:
    """Character set of a shapefile's (or lone DBF's) table; None where it has none."""
    dbf = path if path.suffix.lower() == ".dbf" else sibling(path, "dbf")
    return None if dbf is None else decide_dbf(dbf, sibling(path, "cpg"))


def _index_bytes(shp: Path) -> tuple[bytes, list[str]]:
    """A .shx computed from the .shp, and what stopped it: walk the record headers up to the first that makes no sense."""
    data = np.memmap(shp, dtype=np.uint8, mode="r") if shp.stat().st_size else np.zeros(0, np.uint8)
    if len(data) < 100 or int.from_bytes(data[:4].tobytes(), "big") != 9994:
        raise SourceError(shp, "is no shapefile (its header does not start with 9994)")
    words: list[int] = []
    stopped: list[str] = []
    at, view = 100, data.data
    while at + 12 <= len(data):
        length = int.from_bytes(view[at + 4 : at + 8], "big") * 2
        if length < 4 or at + 8 + length > len(data):
            n = len(words) // 2
            stopped.append(
                f"the .shp is damaged: record {n + 1} claims {length} bytes of {len(data) - at - 8}; {n} records before it"
                f" were taken, the {len(data) - at} bytes from there on cannot be read"
            )
            break
        words += [at // 2, length // 2]
        at += 8 + length
    if stopped and not words:
        raise SourceError(shp, f"{stopped[0]}; ask for the file again")
    header = bytearray(data[:100].tobytes())
    header[24:28] = (50 + len(words) * 2).to_bytes(4, "big")
    return bytes(header) + np.array(words, dtype=">i4").tobytes(), stopped


def table_remarks(shp: Path, shapes: int | None) -> list[str]:
    """What does not fit between the shapes and the table of a shapefile.

    Parameters
    ----------
    shp : Path
    shapes : int or None
        Records that the ``.shp`` has.
    """
    dbf = sibling(shp, "dbf")
    if dbf is None:
        return [".dbf is missing: shapes without attributes"]
    with dbf.open("rb") as file:
        head = file.read(8)
    rows = int.from_bytes(head[4:8], "little")
    if shapes is None or rows == shapes or len(head) < 8:
        return []
    alone = "table rows have no shape" if rows > shapes else "shapes have no table row"
    return [
        f"the .dbf has {rows} records, the .shp {shapes}: {abs(rows - shapes)} {alone} and are left out"
    ]


@contextmanager
def openable(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A path GDAL can open for a shapefile, and what had to be done for it.

    Where the ``.shx`` is missing, a temporary folder gets links to the parts and an index computed
    from the
    ``.shp``; nothing is written beside the source.

    Yields
    ------
    (Path, list of str)
        The path to open and the findings.

    Raises
    ------
    SourceError
        If the ``.shp`` is damaged at its very head.
    """
    if path.suffix.lower() != ".shp" or sibling(path, "shx") is not None:
        yield path, []
        return
    with TemporaryDirectory(prefix="citytwin-shp-") as folder:
        copy = Path(folder) / (path.stem + ".shp")
        copy.symlink_to(path.resolve())
        for extension in ("dbf", "prj", "cpg"):
            part = sibling(path, extension)
            if part is not None:
                copy.with_suffix("." + extension).symlink_to(part.resolve())
        index, notes = _index_bytes(path)
        copy.with_suffix(".shx").write_bytes(index)
        n = (len(index) - 100) // 8
        notes.insert(0, f".shx is missing: the index was computed from the .shp ({n} records)")
        yield copy, notes
