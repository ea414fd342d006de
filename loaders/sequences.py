"""Sequences of GeoJSON features (RFC 8142, NDJSON): which records are features, which are none and why.

GDAL passes over a record it cannot read, and over all behind one that is no object, in silence; a record
with something behind its end it reads as if there were nothing. So it is given the features alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import orjson

from loaders.gdalio import head_of
from twin.errors import SourceError

__all__ = ["BrokenRecord", "broken_records", "features_only"]

_BOM: Final = b"\xef\xbb\xbf"
_SHAPES: Final = (
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
    "GeometryCollection",
)  # fmt: skip
MOST_KEPT: Final = 1 << 16

BrokenRecord = tuple[str, str]
"""Why a record is no feature, and its text (at most ``MOST_KEPT`` characters)."""


def broken_records(path: Path) -> Iterator[BrokenRecord]:
    """Records of a sequence that are no features, streamed in their order.

    A record is a line, or what stands between record separators where the file begins with one.
    Records are counted from 1 in the reasons, empty lines with them.
    """
    for number, text in _records(path):
        fault = _fault(text)
        if fault is not None:
            shown = text.decode("utf-8", "replace")
            yield f"record {number} is no {fault}", shown[:MOST_KEPT]


@contextmanager
def features_only(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The file itself where every record is a feature, else a copy with those that are, and a finding.

    Raises
    ------
    SourceError
        Where no record is a feature.
    """
    first = next(broken_records(path), None)
    if first is None:
        yield path, []
        return
    with TemporaryDirectory(prefix="citytwin-seq-") as folder:
        copy = Path(folder) / f"{path.stem}.geojsonl"
        good, bad = _copied(path, copy)
        if not good:
            raise SourceError(path, f"holds no feature: {first[0]}")
        yield copy, [f"{bad} of {good + bad} records are no features; the first: {first[0]}"]


def _copied(path: Path, copy: Path) -> tuple[int, int]:
    good = bad = 0
    with copy.open("wb") as out:
        for _, text in _records(path):
            if _fault(text) is None:
                out.write(b" ".join(text.splitlines()) + b"\n")
                good += 1
            else:
                bad += 1
    return good, bad


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number and text of every record that is not empty."""
    separated = head_of(path, 4).lstrip(_BOM).startswith(b"\x1e")
    with path.open("rb") as file:
        for number, line in enumerate(_separated(file) if separated else file, 1):
            text = line.strip(b"\x1e\r\n\t " + _BOM)
            if text:
                yield number, text


def _separated(file: IO[bytes]) -> Iterator[bytes]:
    """Texts between record separators, the empty one before the first left out."""
    rest = b""
    while block := file.read(1 << 20):
        *whole, rest = (rest + block).split(b"\x1e")
        yield from (text for text in whole if text.strip())
    if rest.strip():
        yield rest


def _fault(text: bytes) -> str | None:
    """What a record is not, None for a feature or a bare geometry."""
    try:
        record: Any = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        return f"JSON: {str(err)[:120]}"
    if not isinstance(record, dict):
        return "feature but a bare value or list"
    kind = record.get("type")
    if kind == "Feature" or (
        kind in _SHAPES and ("coordinates" in record or "geometries" in record)
    ):
        return None
    return f"feature: its type is {str(kind)[:40]!r}"
