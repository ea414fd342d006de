"""Vector tiles of the flat layers: clipped, generalised by zoom, with the entity's id.

A tile's bytes depend on the things in it alone, so one made when asked for (:func:`one_tile`) is the
one that a build of the whole collection writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from tiles.features import Layer, Progress, Write
from tiles.mvt_encode import EXTENT
from tiles.mvt_features import commands, encode
from tiles.mvt_level import Level, geometries_of, level_of, on_grid, valid_on_grid
from tiles.mvt_values import Values, values_of
from tiles.source import column, geometries, texts
from tiles.wkb import Shapes, buffers, shapes_of, spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Objects = NDArray[np.object_]

__all__ = [
    "ZOOMS",
    "boxes",
    "build_mvt",
    "feature_ids",
    "one_tile",
    "reach",
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

BUFFER = 64
"""Units beyond the tile that are kept, so that outlines do not show the tile's edge."""
STYLE = frozenset((
    "eid", "class", "name", "usage", "road_class", "highway", "width_m", "height_m", "floors",
    "material", "status", "diameter_mm", "kind", "type", "level",
))  # fmt: skip
"""What tiles above the last zoom carry: enough to draw, name and pick a thing."""
MOST_KEYS, LONGEST = 48, 256
"""At the last zoom a thing carries all its plain attributes, the first 48 by name, no text beyond 256 characters."""
MAX_LATITUDE = 85.05112877980659


@dataclass(frozen=True, slots=True)
class _Flat:
    """One collection in Web Mercator fractions (0–1 from west, from **south**)."""

    collection: str
    ids: Ints
    shapes: Shapes
    values: Values
    degrees: tuple[float, float, float, float]


def feature_ids(eid: Objects) -> Ints:
    """Numeric id of each eid: its last 52 bits where it is a UUID, which are random in UUIDv7.

    Parameters
    ----------
    eid : ndarray of str, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
        Below 2⁵², so that JavaScript keeps it; the property ``eid`` stays the truth.

    Examples
    --------
    >>> feature_ids(np.array(["01890000-0000-7000-8000-00000000002a"], dtype=object)).tolist()
    [42]
    """
    return np.array([int(e.replace("-", "")[-13:] or "0", 16) for e in eid.tolist()], np.int64)


def project(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Web Mercator, 0–1 from the west and from the south, of degrees; beyond ±85.05° the rim."""
    phi = np.deg2rad(np.clip(lat, -MAX_LATITUDE, MAX_LATITUDE))
    return lon / 360.0 + 0.5, 0.5 + np.arcsinh(np.tan(phi)) / (2 * np.pi)


def plain(value: Any) -> Any:  # noqa: ANN401 - a value of a JSON document
    """A value as a tile holds it, None where it cannot."""
    if isinstance(value, str):
        return value if value and len(value) <= LONGEST else None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else float(value)
    return value + 0.0 if isinstance(value, float) else None


def boxes(table: pa.Table) -> Floats:
    """West, south, east, north (4, n) of the things of a table, degrees; NaN where a shape is missing."""
    return np.ascontiguousarray(shapely.bounds(geometries(table)).T)


def _read(
    table: pa.Table, collection: str, *, every: bool = True
) -> tuple[_Flat | None, list[str]]:
    if not table.num_rows:
        return None, []
    table = table.take(_order(table))
    shapes = shapes_of(column(table, "wkb"))
    low, high = spans(shapes)
    good = (shapes.kind > 0) & np.isfinite(low).all(axis=0) & np.isfinite(high).all(axis=0)
    notes = [] if good.all() else [f"{collection}: {int((~good).sum())} without geometry, left out"]
    if not good.any():
        return None, notes
    if not good.all():
        rows = np.flatnonzero(good)
        return _read(table.take(rows), collection, every=every)[0], notes
    x, y = project(shapes.x, shapes.y)
    degrees = (*low.min(axis=1).tolist(), *high.max(axis=1).tolist())
    values = values_of(table, None if every else STYLE, MOST_KEYS, LONGEST, plain)
    flat = _Flat(
        collection, feature_ids(texts(table, "eid")), replace(shapes, x=x, y=y), values, degrees
    )
    return flat, notes


def _order(table: pa.Table) -> NDArray[np.intp]:
    """Rows by eid, equal ones as they come."""
    data, start = buffers(column(table, "eid").cast(pa.large_string()).cast(pa.large_binary()))
    size = np.diff(start)
    if (size == size[0]).all() and size[0]:
        block = data[start[0] : start[-1]]
        return np.argsort(block.view(f"S{size[0]}"), kind="stable")
    return np.argsort(texts(table, "eid"), kind="stable")


def _clipped(level: Level, rows: Ints, x0: int, y0: int) -> Level:
    """Features cut to a tile and its buffer, on whole units; those of which nothing is left are left out."""
    low, size = float(-BUFFER), float(EXTENT + BUFFER)
    cut = shapely.clip_by_rect(
        drawn := geometries_of(level, rows), x0 + low, y0 + low, x0 + size, y0 + size
    )
    # a cut that touches only at a corner or an edge has lost the dimension of the thing
    thinner = shapely.get_dimensions(cut) != shapely.get_dimensions(drawn)
    cut[thinner | (shapely.get_type_id(cut) == 7) | shapely.is_empty(cut)] = None
    cut = shapely.transform(cut, np.rint)
    bad = (shapely.get_dimensions(cut) == 2) & ~shapely.is_valid(cut)
    cut[bad] = valid_on_grid(cut[bad])
    return on_grid(cut)


def _tile(
    flat: _Flat, level: Level, bounds: Ints, rows: Ints, place: tuple[int, int], values: Values
) -> bytes:
    """A tile (column, row from south) of some features of a level."""
    x0, y0 = place[0] * EXTENT, place[1] * EXTENT
    corner = np.array([x0, y0])
    near = bounds[rows]
    inside = ((near[:, :2] >= corner - BUFFER) & (near[:, 2:] <= corner + EXTENT + BUFFER)).all(
        axis=1
    )
    whole, begin = commands(level, rows[inside], x0, y0)
    first, last = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    first[inside], last[inside] = begin[:-1], begin[1:]
    if not inside.all():
        crossing = rows[~inside]
        cut, begin = commands(_clipped(level, crossing, x0, y0), np.arange(len(crossing)), x0, y0)
        first[~inside], last[~inside] = begin[:-1] + len(whole), begin[1:] + len(whole)
        whole = np.concatenate([whole, cut])
    kinds = level.kind[rows]
    order = np.argsort(kinds, kind="stable")
    order = order[(last > first)[order]]
    if not len(order):
        return b""
    picked = rows[order]
    geometry = whole, first[order], last[order]
    return encode(flat.collection, flat.ids[picked], kinds[order], geometry, values, picked)


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
    flat, notes = _read(table, collection)
    if flat is None:
        return Layer(None, 0, notes)
    first, last = zooms_of(collection)
    for z in range(first, last + 1):
        for x, y, blob in _zoom(flat, z, last):
            write(f"{z}/{x}/{y}.mvt", blob)
        if progress is not None:
            progress(z - first + 1, last - first + 1)
    write("tilejson.json", orjson.dumps(_tilejson(flat, version)))
    return Layer(None, len(flat.ids), notes)


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
    flat, _ = _read(table, collection, every=z == last)
    if flat is None:
        return b""
    return next((blob for _, _, blob in _zoom(flat, z, last, (x, 2**z - 1 - y))), b"")


def tilejson(table: pa.Table, collection: str, version: int) -> dict[str, Any] | None:
    """The TileJSON of a collection; None where nothing of it can be drawn."""
    flat, _ = _read(table, collection)
    return None if flat is None else _tilejson(flat, version)


def _zoom(
    flat: _Flat, z: int, last: int, only: tuple[int, int] | None = None
) -> Iterator[tuple[int, int, bytes]]:
    """Tiles of a level (x, y, bytes), or one of them (column, row from south)."""
    level = level_of(flat.shapes, 2.0**z * EXTENT, simplify=z < last)
    bounds = level.bounds()
    feature, x, y = _pairs(bounds, z)
    if only is not None:
        here = (x == only[0]) & (y == only[1])
        feature, x, y = feature[here], x[here], y[here]
    if not len(feature):
        return
    values = flat.values if z == last else flat.values.only(STYLE)
    starts = np.flatnonzero(np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0)))
    for a, b in zip(starts.tolist(), [*starts[1:].tolist(), len(x)], strict=True):
        place = int(x[a]), int(y[a])
        blob = _tile(flat, level, bounds, feature[a:b], place, values)
        if blob:
            yield place[0], 2**z - 1 - place[1], blob


def _pairs(bounds: Ints, z: int) -> tuple[Ints, Ints, Ints]:
    """(feature, column, row from south) of every tile a feature's box touches, by tile."""
    alive = np.flatnonzero(bounds[:, 0] <= bounds[:, 2])
    last = 2**z - 1
    low = np.clip((bounds[alive, :2] - BUFFER - 1) // EXTENT, 0, last)
    high = np.clip((bounds[alive, 2:] + BUFFER) // EXTENT, 0, last)
    span = high - low + 1
    n = span.prod(axis=1)
    of = np.repeat(np.arange(len(alive)), n)
    k = np.arange(len(of)) - np.repeat(np.cumsum(n) - n, n)
    x = low[of, 0] + k % span[of, 0]
    y = low[of, 1] + k // span[of, 0]
    feature = alive[of]
    order = np.lexsort((feature, y, x))
    return feature[order], x[order], y[order]


def _tilejson(flat: _Flat, version: int) -> dict[str, Any]:
    west, south, east, north = flat.degrees
    first, last = zooms_of(flat.collection)
    layer = {
        "id": flat.collection, "fields": flat.values.fields(), "minzoom": first, "maxzoom": last,
    }  # fmt: skip
    return {
        "tilejson": "3.0.0",
        "name": flat.collection,
        "version": f"1.{version}.0",
        "scheme": "xyz",
        "tiles": ["{z}/{x}/{y}.mvt"],
        "minzoom": first,
        "maxzoom": last,
        "bounds": [west, south, east, north],
        "vector_layers": [layer],
    }
