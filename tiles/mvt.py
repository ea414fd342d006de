"""Vector tiles of the flat layers: clipped, generalised by zoom, with the entity's id.

A tile's bytes depend on the things in it alone, so one made when asked for (:func:`one_tile`) is the
one that a build of the whole collection writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely

from tiles.features import Layer, Progress, Write
from tiles.mvt_encode import EXTENT, Tags, encode_layer
from tiles.source import floats, geometries, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
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
TOLERANCE = 4.0
"""Units a simplified outline may stray (half a pixel at 512 pixels per tile)."""
SMALLEST = 64.0
"""Square units; smaller polygons are left out above the last zoom."""
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
    geometry: Objects
    tags: Tags
    bounds: Floats
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


def _project(points: Floats) -> Floats:
    phi = np.deg2rad(np.clip(points[:, 1], -MAX_LATITUDE, MAX_LATITUDE))
    return np.column_stack(
        [points[:, 0] / 360.0 + 0.5, 0.5 + np.arcsinh(np.tan(phi)) / (2 * np.pi)]
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of a JSON document
    """A value as a tile holds it, None where it cannot."""
    if isinstance(value, str):
        return value if value and len(value) <= LONGEST else None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else float(value)
    return value + 0.0 if isinstance(value, float) else None


def _attributes(table: pa.Table, *, every: bool) -> Tags:
    """eid, class, name, and what is plain of the attributes, by name; or what is drawn with alone."""
    n = table.num_rows
    columns: dict[str, list[Any]] = {}
    for key, name in (("eid", "eid"), ("class", "class_code"), ("name", "name")):
        columns[key] = [v or None for v in texts(table, name).tolist()]
    found: dict[str, list[Any]] = {}
    for i, text in enumerate(texts(table, "attributes").tolist()):
        row = orjson.loads(text) if text else {}
        if not every:
            # the cut to the first 48 stays the one of all
            row = {k: row[k] for k in STYLE & row.keys()} if len(row) <= MOST_KEYS else row
        plain = [
            (k, v) for k in sorted(row) if k not in columns and (v := _plain(row[k])) is not None
        ]
        for key, value in plain[:MOST_KEYS]:
            if key not in found:
                found[key] = [None] * n
            found[key][i] = value
    for key in ("height_m", "floors"):
        if key in table.column_names:
            typed = floats(table, key)
            values = found.setdefault(key, [None] * n)
            for i in np.flatnonzero(np.isfinite(typed)).tolist():
                values[i] = int(typed[i]) if key == "floors" else float(typed[i])
    return Tags.of(columns | {key: found[key] for key in sorted(found)})


def boxes(table: pa.Table) -> Floats:
    """West, south, east, north (4, n) of the things of a table, degrees; NaN where a shape is missing."""
    return np.ascontiguousarray(shapely.bounds(geometries(table)).T)


def _read(
    table: pa.Table, collection: str, *, every: bool = True
) -> tuple[_Flat | None, list[str]]:
    table = table.sort_by("eid") if table.num_rows else table
    geometry = geometries(table)
    bounds = shapely.bounds(geometry)
    kind = shapely.get_type_id(geometry)
    good = np.isfinite(bounds).all(axis=1) & (kind >= 0) & (kind < 7)
    notes = [] if good.all() else [f"{collection}: {int((~good).sum())} without geometry, left out"]
    if not good.any():
        return None, notes
    table = table.take(np.flatnonzero(good))
    box = bounds[good]
    degrees = (*box[:, :2].min(axis=0).tolist(), *box[:, 2:].max(axis=0).tolist())
    projected = shapely.transform(geometry[good], _project)
    eid = texts(table, "eid")
    flat = _Flat(
        collection, feature_ids(eid), projected, _attributes(table, every=every), shapely.bounds(projected),
        degrees,
    )  # fmt: skip
    return flat, notes


def _generalise(flat: _Flat, z: int, last: int) -> tuple[Objects, Ints]:
    """(geometry in units of the level, rows) of a zoom: simplified, the smallest left out."""
    scale = 2.0**z * EXTENT
    geometry = shapely.transform(flat.geometry, lambda p: p * scale)
    rows = np.arange(len(geometry))
    if z < last:
        dimension = shapely.get_dimensions(geometry)
        small = (dimension == 2) & (shapely.area(geometry) < SMALLEST)
        small |= (dimension == 1) & (shapely.length(geometry) < TOLERANCE)
        geometry, rows = geometry[~small], rows[~small]
        extended = shapely.get_dimensions(geometry) > 0
        geometry[extended] = shapely.simplify(geometry[extended], TOLERANCE)
        alive = ~shapely.is_empty(geometry)
        geometry, rows = geometry[alive], rows[alive]
    return geometry, rows


def _pairs(geometry: Objects, z: int) -> tuple[Ints, Ints, Ints]:
    """(feature, column, row from south) of every tile a feature's box touches, by tile."""
    bounds = shapely.bounds(geometry)
    last = 2**z - 1
    low = np.clip(np.floor((bounds[:, :2] - BUFFER) / EXTENT), 0, last).astype(np.int64)
    high = np.clip(np.floor((bounds[:, 2:] + BUFFER) / EXTENT), 0, last).astype(np.int64)
    span = high - low + 1
    n = span.prod(axis=1)
    feature = np.repeat(np.arange(len(geometry)), n)
    k = np.arange(len(feature)) - np.repeat(np.cumsum(n) - n, n)
    x = low[feature, 0] + k % span[feature, 0]
    y = low[feature, 1] + k // span[feature, 0]
    order = np.lexsort((feature, y, x))
    return feature[order], x[order], y[order]


def _clip(geometry: Objects) -> Objects:
    """Geometry in tile units cut to the tile and its buffer; None where nothing is left."""
    bounds = shapely.bounds(geometry)
    low, high = float(-BUFFER), float(EXTENT + BUFFER)
    inside = (bounds[:, :2] >= low).all(axis=1) & (bounds[:, 2:] <= high).all(axis=1)
    out = geometry.copy()
    cut = shapely.clip_by_rect(geometry[~inside], low, low, high, high)
    # a cut that touches only at a corner or an edge has lost the dimension of the thing
    thinner = shapely.get_dimensions(cut) != shapely.get_dimensions(geometry[~inside])
    mixed = shapely.get_type_id(cut) == 7
    cut[thinner | mixed | shapely.is_empty(cut)] = None
    out[~inside] = cut
    return out


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
    geometry, rows = _generalise(flat, z, last)
    if not len(rows):
        return
    feature, x, y = _pairs(geometry, z)
    if only is not None:
        here = (x == only[0]) & (y == only[1])
        feature, x, y = feature[here], x[here], y[here]
    if not len(feature):
        return
    tags = flat.tags if z == last else flat.tags.only(STYLE)
    xy, of = shapely.get_coordinates(geometry[feature], return_index=True)
    origin = np.column_stack([x, y]) * float(EXTENT)
    local = _clip(shapely.set_coordinates(geometry[feature].copy(), xy - origin[of]))
    starts = np.flatnonzero(np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0)))
    for a, b in zip(starts.tolist(), [*starts[1:].tolist(), len(x)], strict=True):
        here = np.flatnonzero(~shapely.is_missing(local[a:b])) + a
        if len(here):
            picked = rows[feature[here]]
            blob = encode_layer(flat.collection, flat.ids[picked], local[here], tags.take(picked))
            if blob:
                yield int(x[a]), int(2**z - 1 - y[a]), blob


def _tilejson(flat: _Flat, version: int) -> dict[str, Any]:
    west, south, east, north = flat.degrees
    first, last = zooms_of(flat.collection)
    layer = {
        "id": flat.collection, "fields": flat.tags.fields(), "minzoom": first, "maxzoom": last,
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
