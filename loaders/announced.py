"""How many features a JSON file holds by its own text: what a reader passes over in silence is missed by this count."""

from pathlib import Path
from typing import Any

import orjson

from loaders.gdalio import head_of

__all__ = ["announced", "remarks"]

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


def remarks(path: Path, driver: str) -> list[str]:
    """What the beginning of the file says that is not followed: a linked CRS, network links."""
    head = head_of(path, 1 << 16)
    if driver in ("GeoJSON", "GeoJSONSeq", "TopoJSON") and b'"crs"' in head and b'"href"' in head:
        return ["its crs member is a link, which is not followed: state the CRS in the plan"]
    if driver in ("LIBKML", "KML") and b"<NetworkLink" in head_of(path, 1 << 20):
        return ["holds network links, which are not followed"]
    return []
