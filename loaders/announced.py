"""How many features a JSON file holds by its own text: what a reader passes over in silence is missed by this count."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from loaders.gdalio import head_of

__all__ = ["announced", "broken_lines", "remarks"]

LARGEST = 32 * 1024**2
"""Bytes up to which a JSON document is parsed whole to count what is in it."""


def announced(path: Path, driver: str) -> dict[str, int] | None:
    """Features per layer of a GeoJSON or TopoJSON document, by layer name (``""``: the only layer).

    Parameters
    ----------
    path : Path
    driver : str
        GDAL's name of the format.

    Returns
    -------
    dict or None
        None where the format is another, the file larger than ``LARGEST``, or no JSON.
    """
    if driver not in ("GeoJSON", "TopoJSON") or path.stat().st_size > LARGEST:
        return None
    try:
        document = orjson.loads(path.read_bytes().lstrip(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    if driver == "TopoJSON":
        objects = document.get("objects")
        return {n: _size(o) for n, o in objects.items()} if isinstance(objects, dict) else None
    features = document.get("features")
    return {"": len(features)} if isinstance(features, list) else None


def _size(topology_object: Any) -> int:  # noqa: ANN401 -- as JSON has it
    geometries = topology_object.get("geometries") if isinstance(topology_object, dict) else None
    return len(geometries) if isinstance(geometries, list) else 1


def broken_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Records of a GeoJSON sequence that are no JSON object, with the reason; numbers from 1, streamed.

    A record is a line, or what stands between record separators where the file begins with one (RFC 8142).
    """
    separated = head_of(path, 4).lstrip(b"\xef\xbb\xbf").startswith(b"\x1e")
    with path.open("rb") as file:
        for number, line in enumerate(_separated(file) if separated else file, 1):
            text = line.strip(b"\x1e\r\n\t \xef\xbb\xbf")
            if not text:
                continue
            try:
                if not isinstance(orjson.loads(text), dict):
                    yield number, f"record {number} is no feature"
            except orjson.JSONDecodeError as err:
                yield number, f"record {number} is no JSON: {str(err)[:120]}"


def _separated(file: IO[bytes]) -> Iterator[bytes]:
    """Texts between record separators, the empty one before the first left out."""
    rest = b""
    while block := file.read(1 << 20):
        *whole, rest = (rest + block).split(b"\x1e")
        yield from (text for text in whole if text.strip())
    if rest.strip():
        yield rest


def remarks(path: Path, driver: str) -> list[str]:
    """What the beginning of the file says that is not followed: a linked CRS, network links."""
    head = head_of(path, 1 << 16)
    if driver in ("GeoJSON", "GeoJSONSeq", "TopoJSON") and b'"crs"' in head and b'"href"' in head:
        return ["its crs member is a link, which is not followed: state the CRS in the plan"]
    if driver in ("LIBKML", "KML") and b"<NetworkLink" in head_of(path, 1 << 20):
        return ["holds network links, which are not followed"]
    return []
