"""Validity of geometry: what can be repaired is repaired and counted, what cannot gets a reason.

A geometry with a reason goes to quarantine. A missing geometry (None) is no fault here: things
without geometry are anchored through what they belong to.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["MIN_AREA_DEG2", "MIN_WIDTH_DEG", "repair"]

MIN_AREA_DEG2 = 1e-13
"""Square degrees below which a polygon has no area: about 10 cm² at 30° north."""

MIN_WIDTH_DEG = 1e-8
"""Degrees of mean width below which a polygon is a line whose corners were rounded: about 1 mm."""

_POLYGONAL = (3, 6)  # shapely type ids: Polygon, MultiPolygon
_LINEAR = (1, 2, 5)  # LineString, LinearRing, MultiLineString
_COLLECTION = 7
_SLACK = 1e-9  # degrees; rounding at the date line is no fault

Geometries = NDArray[np.object_]


def _polygonal_part(geom: shapely.Geometry) -> shapely.Geometry:
    """Union of the polygons in a geometry."""
    parts = shapely.get_parts(shapely.get_parts(geom))
    polygons = parts[np.isin(shapely.get_type_id(parts), _POLYGONAL)]
    return shapely.union_all(shapely.make_valid(polygons))


def _number_faults(geoms: Geometries) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which geometries hold a coordinate that is no number, and which lie outside the world."""
    xyz, owner = shapely.get_coordinates(geoms, include_z=True, return_index=True)
    bad = ~np.isfinite(xyz[:, :2]).all(axis=1) | np.isinf(xyz[:, 2])
    far = (np.abs(xyz[:, 0]) > 180 + _SLACK) | (np.abs(xyz[:, 1]) > 90 + _SLACK)
    n = len(geoms)
    return np.bincount(owner, bad, n) > 0, np.bincount(owner, far & ~bad, n) > 0


def _none(reason: Geometries) -> NDArray[np.bool_]:
    """Where there is no reason yet."""
    return np.array([r is None for r in reason], dtype=bool)


def _note(reason: Geometries, where: NDArray[np.bool_], text: Callable[[int], str]) -> None:
    """Give the rows of ``where`` that have no reason yet the sentence ``text(row)``."""
    for i in np.flatnonzero(where & _none(reason)):
        reason[i] = text(int(i))


def _outside_text(geom: shapely.Geometry) -> str:
    xmin, ymin, xmax, ymax = shapely.bounds(geom)
    return (
        f"outside the world: x {xmin:.6g} … {xmax:.6g}, y {ymin:.6g} … {ymax:.6g}; longitude "
        "must lie within ±180 and latitude within ±90 degrees (is the coordinate reference "
        "system right, are the axes swapped?)"
    )


def _not_a_number_text(geom: shapely.Geometry) -> str:
    xyz = shapely.get_coordinates(geom, include_z=True)
    bad = np.flatnonzero(~np.isfinite(xyz[:, :2]).all(axis=1) | np.isinf(xyz[:, 2]))
    return (
        f"{len(bad)} of {len(xyz)} vertices have a coordinate that is not a number "
        f"(first: vertex {bad[0] + 1})"
    )


def _repair_polygons(out: Geometries, sound: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Make invalid polygons valid in place; returns which were touched."""
    kind = shapely.get_type_id(out)
    broken = sound & np.isin(kind, (*_POLYGONAL, _COLLECTION))
    broken[broken] = ~shapely.is_valid(out[broken])
    if broken.any():
        was_polygonal = broken & np.isin(kind, _POLYGONAL)
        out[broken] = shapely.make_valid(out[broken], method="structure", keep_collapsed=False)
        # GEOS leaves collections, now and then parts that share an edge: unite the polygons
        loose = was_polygonal & (shapely.get_type_id(out) == _COLLECTION)
        loose |= was_polygonal & ~shapely.is_valid(out)
        for i in np.flatnonzero(loose):
            out[i] = _polygonal_part(out[i])
    return broken


def repair(geoms: NDArray[Any]) -> tuple[Geometries, NDArray[np.bool_], Geometries]:
    """Repair geometries and say which cannot be used.

    Parameters
    ----------
    geoms : ndarray of shapely geometries or None, shape (n,)
        Longitude and latitude in degrees (EPSG:4490), Z in metres or absent; not changed.

    Returns
    -------
    geoms : ndarray of object, shape (n,)
        Valid geometries; a polygon that was invalid became the polygon or multipolygon of the
        same rings (GEOS "structure" method: a hole outside its shell becomes a part of its own),
        lines and points that fell out of it dropped.
        None stays None. A geometry that has a reason is given back as it came.
    repaired : ndarray of bool, shape (n,)
        Where the geometry was changed.
    reason : ndarray of object (str or None), shape (n,)
        One sentence where the geometry cannot be used: empty, coordinates that are no numbers,
        outside the world, polygon without area, line without length.

    Examples
    --------
    >>> bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    >>> fixed, changed, why = repair(np.array([bow_tie, shapely.Point()], dtype=object))
    >>> float(shapely.area(fixed[0])), changed.tolist(), why.tolist()
    (0.5, [True, False], [None, 'the geometry is empty'])
    """
    out: Geometries = np.array(geoms, dtype=object, copy=True)
    reason = np.full(len(out), None, dtype=object)
    present = ~shapely.is_missing(out)
    _note(reason, present & shapely.is_empty(out), lambda _: "the geometry is empty")
    no_number, outside = _number_faults(out)
    _note(reason, no_number, lambda i: _not_a_number_text(out[i]))
    _note(reason, outside, lambda i: _outside_text(out[i]))
    repaired = _repair_polygons(out, present & _none(reason))
    sound = present & _none(reason)
    with np.errstate(invalid="ignore"):  # what is no number has its reason already
        kind, area, length = shapely.get_type_id(geoms), shapely.area(out), shapely.length(out)
    vertices = shapely.get_num_coordinates(geoms)
    solid = (area > MIN_AREA_DEG2) & (area > MIN_WIDTH_DEG * length)
    flat = sound & np.isin(kind, _POLYGONAL) & ~solid
    _note(
        reason,
        flat,
        lambda i: (
            f"the polygon has no area: {area[i]:.2g} square degrees from "
            f"{vertices[i]} vertices, which lie on a line or fall together"
        ),
    )
    _note(
        reason,
        sound & np.isin(kind, _LINEAR) & ~(length > 0),
        lambda i: f"the line has no length: all its {vertices[i]} vertices fall together",
    )
    unusable = ~_none(reason)
    out[unusable] = np.asarray(geoms, dtype=object)[unusable]
    return out, repaired & ~unusable, reason
