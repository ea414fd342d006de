"""Vector tiles the plain way: documents by Python, shapes by GEOS, whole arrays of integers.

Slow, and the measure of :mod:`tiles.mvt`: its tiles have these bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely

from tiles.mvt import zooms_of
from tiles.mvt_clip import BUFFER
from tiles.mvt_encode import EXTENT, Tags, encode_layer
from tiles.mvt_level import SMALLEST, TOLERANCE, valid_on_grid
from tiles.mvt_ready import MOST_KEYS, STYLE, feature_ids, plain, project
from tiles.source import floats, geometries, texts

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Objects = NDArray[np.object_]

__all__ = ["reference_tile"]


def reference_tile(table: pa.Table, collection: str, z: int, x: int, y: int) -> bytes:
    """One tile of a table (schema :data:`tiles.source.FLAT`), as :func:`tiles.mvt.one_tile` makes it."""
    last = zooms_of(collection)[1]
    table = table.sort_by("eid")
    geometry = geometries(table)
    kind = shapely.get_type_id(geometry)
    good = np.isfinite(shapely.bounds(geometry)).all(axis=1) & (kind >= 0) & (kind < 7)
    table = table.take(np.flatnonzero(good))
    drawn = _generalised(
        shapely.transform(shapely.force_2d(geometry[good]), _projected), 2.0**z * EXTENT, z < last
    )
    corner = np.array([x, 2**z - 1 - y], np.float64) * EXTENT
    local = _clip(shapely.transform(drawn, lambda p: p - corner))
    rows = np.flatnonzero(~shapely.is_missing(local))
    tags = _attributes(table)
    tags = tags if z == last else tags.only(STYLE)
    if not len(rows):
        return b""
    return encode_layer(
        collection, feature_ids(texts(table, "eid"))[rows], local[rows], tags.take(rows)
    )


def _projected(xy: Floats) -> Floats:
    return np.column_stack(project(np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])))


def _generalised(geometry: Objects, scale: float, simplify: bool) -> Objects:
    """Shapes on whole units of the zoom; None where nothing is left."""
    geometry = shapely.transform(geometry, lambda p: p * scale)
    out = geometry.copy()
    dimension = shapely.get_dimensions(geometry)
    if simplify:
        out[(dimension == 2) & (shapely.area(geometry) < SMALLEST)] = None
        out[(dimension == 1) & (shapely.length(geometry) < TOLERANCE)] = None
    for i in np.flatnonzero(~shapely.is_missing(out)).tolist():
        out[i] = _one(out[i], simplify)
    return out


def _one(shape: shapely.Geometry, simplify: bool) -> shapely.Geometry | None:
    if shapely.get_dimensions(shape) == 0:
        return shapely.transform(shape, np.rint)
    if shapely.get_dimensions(shape) == 1:
        lines = [_thinned(p, simplify) for p in shapely.get_parts(shape)]
        lines = [line for line in lines if len(line) > 1]
        return shapely.MultiLineString(lines) if lines else None
    polygons, lost = [], False
    for part in shapely.get_parts(shape):
        rings = [_thinned(ring, simplify)[:-1] for ring in shapely.get_rings(part)]
        sound = [len(r) > 2 and shapely.Polygon(r).area > 0 for r in rings]
        lost |= not all(sound)
        if sound[0]:
            holes = [r for r, good in zip(rings[1:], sound[1:], strict=True) if good]
            polygons.append(shapely.Polygon(rings[0], holes))
    drawn = shapely.MultiPolygon(polygons)
    if (polygons and drawn.is_valid) or not (polygons or (lost and simplify)):
        return drawn if polygons else None
    whole = shapely.simplify(shape, TOLERANCE) if simplify else shape
    mended: shapely.Geometry | None = valid_on_grid(np.array([whole], dtype=object))[0]
    return mended


def _thinned(line: shapely.Geometry, simplify: bool) -> Floats:
    xy = shapely.get_coordinates(line)
    if simplify:
        xy = shapely.get_coordinates(
            shapely.simplify(shapely.LineString(xy), TOLERANCE, preserve_topology=False)
        )
    xy = np.rint(xy)
    return np.asarray(xy[np.append(True, (np.diff(xy, axis=0) != 0).any(axis=1))])


def _clip(geometry: Objects) -> Objects:
    """Shapes in tile units cut to the tile and its buffer; None where nothing is left."""
    bounds = shapely.bounds(geometry)
    low, high = float(-BUFFER), float(EXTENT + BUFFER)
    outside = ~((bounds[:, :2] >= low) & (bounds[:, 2:] <= high)).all(axis=1)
    outside &= ~shapely.is_missing(geometry)
    out = geometry.copy()
    cut = shapely.clip_by_rect(geometry[outside], low, low, high, high)
    thinner = shapely.get_dimensions(cut) != shapely.get_dimensions(geometry[outside])
    cut[thinner | (shapely.get_type_id(cut) == 7) | shapely.is_empty(cut)] = None
    cut = shapely.transform(cut, np.rint)
    bad = (shapely.get_dimensions(cut) == 2) & ~shapely.is_valid(cut)
    cut[bad] = valid_on_grid(cut[bad])
    out[outside] = cut
    return out


def _attributes(table: pa.Table) -> Tags:
    """eid, class, name, and what is plain of the attributes."""
    n = table.num_rows
    columns: dict[str, list[Any]] = {}
    for key, name in (("eid", "eid"), ("class", "class_code"), ("name", "name")):
        columns[key] = [v or None for v in texts(table, name).tolist()]
    found: dict[str, list[Any]] = {}
    for i, text in enumerate(texts(table, "attributes").tolist()):
        row = orjson.loads(text) if text else {}
        kept = [
            (k, v) for k in sorted(row) if k not in columns and (v := plain(row[k])) is not None
        ]
        for key, value in kept[:MOST_KEYS]:
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
