"""Vector tiles of the flat layers: clipped, generalised by zoom, with the entity's id.

A tile's bytes depend on the things in it alone, so one made when asked for (:func:`one_tile`) is the
one that a build of the whole collection writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tiles.features import Layer, Progress, Write
from tiles.mvt_clip import BUFFER
from tiles.mvt_encode import EXTENT
from tiles.mvt_ready import Ready, ready_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "ZOOMS",
    "Ready",
    "build_mvt",
    "one_tile",
    "reach",
    "ready",
    "tilejson",
    "zooms_of",
]

ZOOMS: dict[str, tuple[int, int]] = {
    "subdistricts": (9, 14), "communities": (10, 15), "grids": (12, 16),
    "roads": (10, 16), "water": (9, 16), "green": (10, 16),
    "pois": (14, 16), "components": (15, 16), "buildings": (13, 16), "pipes": (13, 16),
}  # fmt: skip
OTHER_ZOOMS = (13, 16)
"""First and last zoom of a collection; clients enlarge the last one further."""


def zooms_of(collection: str) -> tuple[int, int]:
    """First and last zoom of a collection."""
    return ZOOMS.get(collection, OTHER_ZOOMS)


def build_mvt(
    table: pa.Table,
    collection: str,
    write: Write,
    progress: Progress | None = None,
    version: int = 0,
) -> Layer:
    """Write ``{z}/{x}/{y}.mvt`` and ``tilejson.json`` of one flat collection.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.FLAT`.
    collection : str
        Name of the layer inside the tiles.
    write, progress : callable
    version : int
        Of the collection in the base; the TileJSON carries it.

    Returns
    -------
    Layer
        ``features`` counts entities.
    """
    first, last = zooms_of(collection)
    found, notes = ready_of(table, collection, last)
    if found is None:
        return Layer(None, 0, notes)
    for z in range(first, last + 1):
        for x, y, blob in found.tiles(z):
            write(f"{z}/{x}/{y}.mvt", blob)
        found.forget(z)
        if progress is not None:
            progress(z - first + 1, last - first + 1)
    write("tilejson.json", orjson.dumps(tilejson(found, version)))
    return Layer(None, len(found), notes)


def reach(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north (degrees) of what can show in a tile: the tile and its buffer.

    A little more, so that rounding leaves nothing out.
    """
    margin = (BUFFER + 1) / EXTENT
    u = (np.array([x - margin, x + 1 + margin])) / 2**z
    v = (np.array([y + 1 + margin, y - margin])) / 2**z
    lat = np.rad2deg(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * v))))
    # the rim of the map holds what lies beyond it
    south = -90.0 if y + 1 >= 2**z else float(lat[0])
    north = 90.0 if y == 0 else float(lat[1])
    return float(u[0] * 360 - 180), south, float(u[1] * 360 - 180), north


def one_tile(table: pa.Table, collection: str, z: int, x: int, y: int) -> bytes:
    """One tile as :func:`build_mvt` writes it; empty where nothing is.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.FLAT`: at least all things whose box meets :func:`reach`.
    collection : str
    z, x, y : int
    """
    first, last = zooms_of(collection)
    if not first <= z <= last:
        return b""
    found, _ = ready_of(table, collection, last, every=z == last)
    return b"" if found is None else found.tile(z, x, y)


def ready(table: pa.Table, collection: str) -> Ready | None:
    """A collection made ready for any of its tiles; None where nothing of it can be drawn."""
    return ready_of(table, collection, zooms_of(collection)[1])[0]


def tilejson(of: Ready, version: int) -> dict[str, Any]:
    """The TileJSON of a collection at a version."""
    west, south, east, north = of.degrees
    first, last = zooms_of(of.collection)
    layer = {"id": of.collection, "fields": of.fields(), "minzoom": first, "maxzoom": last}
    return {
        "tilejson": "3.0.0",
        "name": of.collection,
        "version": f"1.{version}.0",
        "scheme": "xyz",
        "tiles": ["{z}/{x}/{y}.mvt"],
        "minzoom": first,
        "maxzoom": last,
        "bounds": [west, south, east, north],
        "vector_layers": [layer],
    }
