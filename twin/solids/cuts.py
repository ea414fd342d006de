"""What an upright plane cuts out of solids: polygons in (distance along the line, height)."""

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.solids.shapes import LINE, MESH, PRISM, Solids

__all__ = ["TUBE_SIDES", "cut"]

Array = NDArray[np.float64]
TUBE_SIDES = 24
"""Sides of the prism that stands for a pipe: circumscribed, its corners 0.9 % of the radius outside."""


def cut(solids: Solids, start: Array, end: Array) -> NDArray[np.object_]:
    """Polygons that the upright plane over a stretch cuts out of solids.

    Parameters
    ----------
    solids : Solids
    start, end : ndarray of float64, shape (2,)
        Metres, in the frame of the solids.

    Returns
    -------
    ndarray of shapely geometries, shape (n,)
        x is the distance from ``start``, y the height, metres; None where the plane misses one. Prisms, pipes and closed
        meshes give polygons, open meshes lines; points with a radius give nothing.

    Examples
    --------
    >>> house = Solids.prisms(np.array([shapely.box(10, -5, 20, 5)]), 2.0, 20.0)
    >>> cut(house, np.array([0.0, 0.0]), np.array([50.0, 0.0]))[0].bounds
    (10.0, 2.0, 20.0, 20.0)
    """
    out = np.full(len(solids), None, dtype=object)
    way = end - start
    length = float(np.hypot(*way))
    along = way / length
    rows = np.flatnonzero(solids.kind == PRISM)
    if len(rows):
        out[rows] = _prisms(solids, rows, start, end, along)
    for row in np.flatnonzero(solids.kind == MESH):
        points = solids.xyz[solids.at[solids.piece[row]] : solids.at[solids.piece[row + 1]]]
        out[row] = _mesh(_turned(points, start, along), length)
    for row in np.flatnonzero((solids.kind == LINE) & (solids.radius > 0)):
        out[row] = _pipe(solids, int(row), start, along, length)
    return out


def _turned(points: Array, start: Array, along: Array) -> Array:
    """Distance along the line, distance to its left, height; shape (m, 3)."""
    x, y = points[:, 0] - start[0], points[:, 1] - start[1]
    return np.stack(
        [x * along[0] + y * along[1], y * along[0] - x * along[1], points[:, 2]], axis=1
    )


def _prisms(
    solids: Solids, rows: NDArray[np.int64], start: Array, end: Array, along: Array
) -> NDArray[np.object_]:
    line = shapely.linestrings([start, end])
    shared = shapely.intersection(solids.footprints(rows), line)
    parts, of = shapely.get_parts(shared, return_index=True)
    lines = shapely.get_type_id(parts) == 1
    parts, of = parts[lines], of[lines]
    out = np.full(len(rows), None, dtype=object)
    if not len(parts):
        return out
    places, owner = shapely.get_coordinates(parts, return_index=True)
    s = (places - start) @ along
    begin = np.flatnonzero(np.diff(owner, prepend=-1))
    low, high = np.minimum.reduceat(s, begin), np.maximum.reduceat(s, begin)
    boxes = shapely.box(low, solids.low[rows[of]], high, solids.high[rows[of]])
    for k in np.unique(of):
        out[k] = shapely.union_all(boxes[of == k])
    return out


def _crossings(triangles: Array) -> Array:
    """Where triangles (t, 3, 3) of (along, left, height) cross the plane left = 0, as segments (k, 2, 2)."""
    left = triangles[:, :, 1]
    left = np.where(left == 0.0, 1e-12, left)  # a corner in the plane counts as beside it
    cuts = left * np.roll(left, -1, axis=1) < 0
    rows = cuts.sum(axis=1) == 2
    triangles, left, cuts = triangles[rows], left[rows], cuts[rows]
    after = np.roll(triangles, -1, axis=1)
    share = (left / np.where(cuts, left - np.roll(left, -1, axis=1), 1.0))[:, :, None]
    points = (triangles + share * (after - triangles))[:, :, [0, 2]]
    return np.asarray(points[cuts].reshape(-1, 2, 2))


def _mesh(points: Array, length: float) -> shapely.Geometry | None:
    segments = _crossings(points.reshape(-1, 3, 3))
    if not len(segments):
        return None
    lines = shapely.union_all(shapely.linestrings(np.round(segments, 7)))
    found = shapely.node(lines)
    areas = shapely.polygonize([found])
    shape = shapely.union_all(shapely.get_parts(areas)) if len(areas.geoms) else found
    return _clipped(shape, length)


def _clipped(shape: shapely.Geometry, length: float) -> shapely.Geometry | None:
    _, bottom, _, top = shapely.bounds(shape).tolist()
    kept = shapely.intersection(shape, shapely.box(0.0, bottom - 1.0, length, top + 1.0))
    return None if kept.is_empty else kept


def _pipe(
    solids: Solids, row: int, start: Array, along: Array, length: float
) -> shapely.Geometry | None:
    """Union of what the plane cuts out of the straight pieces of a pipe."""
    r = float(solids.radius[row]) / np.cos(np.pi / TUBE_SIDES)
    found = []
    for line in range(solids.piece[row], solids.piece[row + 1]):
        axis = _turned(solids.xyz[solids.at[line] : solids.at[line + 1]], start, along)
        near = np.minimum(np.abs(axis[:-1, 1]), np.abs(axis[1:, 1])) <= r
        near |= axis[:-1, 1] * axis[1:, 1] <= 0
        for k in np.flatnonzero(near):
            shape = _tube(axis[k], axis[k + 1], r)
            if shape is not None:
                found.append(shape)
    return _clipped(shapely.union_all(found), length) if found else None


def _tube(a: Array, b: Array, r: float) -> shapely.Geometry | None:
    """Hull of where the edges of a tube from a to b cross the plane left = 0."""
    way = b - a
    size = np.linalg.norm(way)
    if size == 0.0:
        return None
    way = way / size
    helper = np.array([0.0, 0.0, 1.0]) if abs(way[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = np.cross(way, helper)
    u /= np.linalg.norm(u)
    v = np.cross(way, u)
    turn = np.arange(TUBE_SIDES) * (2 * np.pi / TUBE_SIDES)
    ring = r * (np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * v)
    first, last = a + ring, b + ring
    edges = np.concatenate(
        [
            np.stack([first, last], axis=1),
            np.stack([first, np.roll(first, -1, axis=0)], axis=1),
            np.stack([last, np.roll(last, -1, axis=0)], axis=1),
        ]
    )
    left = edges[:, :, 1]
    crosses = (left[:, 0] <= 0) != (left[:, 1] <= 0)
    edges, left = edges[crosses], left[crosses]
    if len(edges) < 3:
        return None
    share = (left[:, 0] / (left[:, 0] - left[:, 1]))[:, None]
    points = edges[:, 0] + share * (edges[:, 1] - edges[:, 0])
    hull = shapely.convex_hull(shapely.multipoints(points[:, [0, 2]]))
    return hull if hull.geom_type == "Polygon" else None
