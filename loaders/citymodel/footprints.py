"""What shapes cover on the ground, a batch at a time."""

from contextlib import suppress
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.citymodel.grounds import chosen, single_rings
from loaders.citymodel.shapes import FloatArray, Shapes, starts_of

__all__ = ["footprints"]

LEVEL = 0.01
"""Metres within which a face counts as level and as lying at the bottom."""
_FEW = 4
MIN_AREA, MIN_WIDTH = 2e-3, 2e-3


def _polygons(shapes: Shapes) -> NDArray[np.object_]:
    """Faces seen from above, one polygon each."""
    first = shapes.ring_start[:-1]
    n = np.diff(shapes.ring_start)
    closed_start = starts_of(n + 1)
    take = np.arange(closed_start[-1]) - np.repeat(np.arange(len(n)), n + 1)
    take[closed_start[1:] - 1] = first
    return np.asarray(
        shapely.from_ragged_array(
            shapely.GeometryType.POLYGON,
            shapes.xyz[take, :2],
            (closed_start, shapes.face_start),
        ),
        dtype=object,
    )


def _united(polygons: NDArray[np.object_]) -> shapely.Geometry | None:
    whole = None
    if len(polygons) > _FEW:  # faces of a mesh share their edges: then there is a faster way
        with suppress(shapely.errors.GEOSException):
            joined = shapely.coverage_union_all(polygons)
            total = float(shapely.area(polygons).sum())
            whole = joined if abs(joined.area - total) <= 1e-9 * total and joined.is_valid else None
    if whole is None:
        whole = shapely.union_all(polygons)
    parts = [p for p in shapely.get_parts(whole) if p.geom_type == "Polygon" and not p.is_empty]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def footprints(
    shapes: Shapes,
    at: NDArray[np.int64],
    flat: NDArray[np.bool_],
    ground: NDArray[np.bool_],
    metres: float = 1.0,
) -> list[bytes | None]:
    """Outline on the ground of some shapes.

    Parameters
    ----------
    shapes : Shapes
        Finite.
    at : ndarray of int64, shape (s,)
        Which of them, ascending, with at least one face each.
    flat : ndarray of bool, shape (s,)
        Those of LoD 0, whose faces are the footprint as they are.
    ground : ndarray of bool, shape (f,)
        Faces that are ground surfaces.
    metres : float
        In one unit of x and y. What covers less than 20 cm² or is thinner than 2 mm is no area.

    Returns
    -------
    list of bytes or None, length s
        ISO WKB of a (Multi)Polygon in the source's CRS, with the lowest z of the shape; None where
        nothing has an area seen from above.
    """
    starts = (shapes.ring_start, shapes.face_start, shapes.shape_start)
    pick, lowest = chosen(shapes.xyz[:, 2], *starts, at, flat, ground, LEVEL)
    least = (MIN_AREA / metres**2, MIN_WIDTH / metres)
    data, end = single_rings(shapes.xyz, *starts, at, pick, lowest, *least)
    raw = data.tobytes()
    out = [raw[a:b] if b > a else None for a, b in pairwise(end.tolist())]
    left = np.diff(end) == 0
    if left.any():
        some = np.zeros(len(shapes.shape_start) - 1, bool)
        some[at[left]] = True
        faces = some[shapes.shape_of_face]
        united = _general(shapes.of(some, faces), pick[faces], lowest[left], metres)
        for i, value in zip(np.flatnonzero(left).tolist(), united, strict=True):
            out[i] = value
    return out


def _general(
    shapes: Shapes, pick: NDArray[np.bool_], lowest: FloatArray, metres: float
) -> list[bytes | None]:
    """Outlines of any faces: the chosen ones united, else all of the shape."""
    n = len(shapes.shape_start) - 1
    out = np.full(n, None, dtype=object)
    for attempt in (pick, np.ones_like(pick)):
        todo = np.array([g is None for g in out.tolist()])
        mask = attempt & todo[shapes.shape_of_face]
        if not mask.any():
            continue
        part = shapes.keep_faces(mask)
        polygons = _polygons(part)
        valid = shapely.is_valid(polygons)
        if not valid.all():
            polygons[~valid] = shapely.make_valid(polygons[~valid])
        some = shapely.area(polygons) > 0
        counts = np.diff(part.shape_start)
        one = (counts == 1) & todo
        at = part.shape_start[:-1][one]
        simple = some[at] & np.isin(shapely.get_type_id(polygons[at]), (3, 6))
        out[np.flatnonzero(one)[simple]] = polygons[at[simple]]
        for i in np.flatnonzero((counts > 0) & todo & ~(one & _at(simple, one))).tolist():
            run = slice(part.shape_start[i], part.shape_start[i + 1])
            out[i] = _united(polygons[run][some[run]])
    there = np.array([g is not None for g in out.tolist()])
    area, length = shapely.area(out) * metres**2, shapely.length(out) * metres
    there &= (area > MIN_AREA) & (area > MIN_WIDTH * length)
    out[~there] = None
    out[there] = shapely.force_3d(out[there], lowest[there])
    return list(shapely.to_wkb(out, output_dimension=3, flavor="iso"))


def _at(flags: NDArray[np.bool_], where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Flags of the places of ``where``, spread over all places."""
    out = np.zeros(len(where), bool)
    out[where] = flags
    return out
