"""Vector tiles of the flat layers: clipped, generalised by zoom, with the entity's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely

from tiles.features import Layer, Progress, Write
from tiles.mvt_encode import EXTENT, Tags, encode_layer
from tiles.source import geometries, texts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Objects = NDArray[np.object_]

__all__ = ["ZOOMS", "build_mvt", "feature_ids"]

ZOOMS: dict[str, tuple[int, int]] = {
    "subdistricts": (9, 14), "communities": (10, 15), "grids": (12, 16),
    "roads": (10, 16), "water": (9, 16), "green": (10, 16),
    "pois": (14, 16), "components": (15, 16), "devices": (13, 16), "others": (13, 16),
}  # fmt: skip
"""First and last zoom of each collection; clients enlarge the last one further."""

BUFFER = 64
"""Units beyond the tile that are kept, so that outlines do not show the tile's edge."""
TOLERANCE = 4.0
"""Units a simplified outline may stray (half a pixel at 512 pixels per tile)."""
SMALLEST = 64.0
"""Square units; smaller polygons are left out above the last zoom."""
ATTRIBUTES = (
    "code", "usage", "road_class", "width_m", "height_m", "floors", "material", "status", "number",
    "address", "area_m2",
)  # fmt: skip
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


def _attributes(table: pa.Table) -> Tags:
    """eid, class, name and the known attributes that are plain values."""
    rows: list[dict[str, Any]] = [
        orjson.loads(a) if a else {} for a in texts(table, "attributes").tolist()
    ]
    columns: dict[str, list[Any]] = {}
    for key, name in (("eid", "eid"), ("class", "class_code"), ("name", "name")):
        columns[key] = [v or None for v in texts(table, name).tolist()]
    for key in ATTRIBUTES:
        values = [r.get(key) for r in rows]
        plain = [v if isinstance(v, str | int | float | bool) else None for v in values]
        if any(v is not None for v in plain):
            columns[key] = plain
    return Tags.of(columns)


def _read(table: pa.Table, collection: str) -> tuple[_Flat | None, list[str]]:
    table = table.sort_by("eid") if table.num_rows else table
    geometry = shapely.force_2d(geometries(table))
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
        collection, feature_ids(eid), projected, _attributes(table), shapely.bounds(projected),
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


def build_mvt(
    table: pa.Table, collection: str, write: Write, progress: Progress | None = None
) -> Layer:
    """Write ``{z}/{x}/{y}.mvt`` and ``tilejson.json`` of one flat collection.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.FLAT`.
    collection : str
        Name of the layer inside the tiles; a key of :data:`ZOOMS`.
    write, progress : callable

    Returns
    -------
    Layer
        ``features`` counts entities.
    """
    flat, notes = _read(table, collection)
    if flat is None:
        return Layer(None, 0, notes)
    first, last = ZOOMS[collection]
    for z in range(first, last + 1):
        _zoom(flat, z, last, write)
        if progress is not None:
            progress(z - first + 1, last - first + 1)
    write("tilejson.json", _tilejson(flat, first, last))
    return Layer(None, len(flat.ids), notes)


def _zoom(flat: _Flat, z: int, last: int, write: Write) -> None:
    geometry, rows = _generalise(flat, z, last)
    if not len(rows):
        return
    feature, x, y = _pairs(geometry, z)
    xy, of = shapely.get_coordinates(geometry[feature], return_index=True)
    origin = np.column_stack([x, y]) * float(EXTENT)
    local = _clip(shapely.set_coordinates(geometry[feature].copy(), xy - origin[of]))
    starts = np.flatnonzero(np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0)))
    for a, b in zip(starts.tolist(), [*starts[1:].tolist(), len(x)], strict=True):
        here = np.flatnonzero(~shapely.is_missing(local[a:b])) + a
        for group in _same_dimension(local, here):
            picked = rows[feature[group]]
            blob = encode_layer(
                flat.collection, flat.ids[picked], local[group], flat.tags.take(picked)
            )
            if blob:
                write(f"{z}/{x[a]}/{2**z - 1 - y[a]}.mvt", blob)


def _same_dimension(geometry: Objects, rows: Ints) -> list[Ints]:
    """Rows of the commonest dimension; a layer of the base holds one kind of geometry."""
    if not len(rows):
        return []
    dimension = shapely.get_dimensions(geometry[rows])
    common = int(np.bincount(dimension).argmax())
    return [rows[dimension == common]]


def _tilejson(flat: _Flat, first: int, last: int) -> bytes:
    west, south, east, north = flat.degrees
    fields = dict.fromkeys(flat.tags.keys, "String")
    return orjson.dumps(
        {
            "tilejson": "3.0.0",
            "name": flat.collection,
            "scheme": "xyz",
            "tiles": ["{z}/{x}/{y}.mvt"],
            "minzoom": first,
            "maxzoom": last,
            "bounds": [west, south, east, north],
            "vector_layers": [
                {"id": flat.collection, "fields": fields, "minzoom": first, "maxzoom": last}
            ],
        }
    )
