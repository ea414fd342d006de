"""The outer faces of a building: triangles that can be seen from outside, found by drawing it from all around.

The building is drawn from 25 directions with a depth buffer; what no picture shows is inside. Translucent
triangles hide nothing, so what stands behind a window belongs to the shell.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["CELLS", "visible"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CELLS = 512
"""Pixels across a building in each direction."""
LEAST_CELL_M = 0.02


@lru_cache(maxsize=1)
def _directions() -> Floats:
    """Axes (25, 3, 3) of the views: right, up, towards the eye; from the sides, from above, a little from below."""
    angles = [(a, e) for e in (4.0, 36.0) for a in range(0, 360, 45)]
    angles += [(a, e) for e in (-20.0, 68.0) for a in range(22, 360, 90)] + [(0, 90.0)]
    out = np.empty((len(angles), 3, 3))
    for i, (azimuth, elevation) in enumerate(angles):
        a, e = np.deg2rad(azimuth + 3.0), np.deg2rad(elevation)
        out[i, 0] = -np.sin(a), np.cos(a), 0.0
        out[i, 2] = np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)
        out[i, 1] = np.cross(out[i, 2], out[i, 0])
    return out


def visible(points: Floats, triangles: NDArray[np.int64], clear: Bools) -> tuple[Bools, float]:
    """Which triangles can be seen from outside.

    Parameters
    ----------
    points : ndarray of float64, shape (v, 3)
        East, north, up, metres.
    triangles : ndarray of int64, shape (t, 3)
    clear : ndarray of bool, shape (t,)
        Translucent ones.

    Returns
    -------
    seen : ndarray of bool, shape (t,)
    cell : float
        Metres a pixel is wide: what is smaller may be missed.
    """
    seen = np.zeros(len(triangles), dtype=np.bool_)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    span = float(np.linalg.norm(np.ptp(points, axis=0)))
    cell = max(span / CELLS, LEAST_CELL_M)
    size = int(np.ceil(span / cell)) + 2
    depth, owner = np.empty((size, size)), np.empty((size, size), np.int64)
    moved = np.empty_like(points)
    for axes in _directions():
        _turn(points, middle, axes, cell, size / 2, moved)
        depth[:] = -np.inf
        owner[:] = -1
        _draw(moved, triangles, clear, depth, owner, seen, cell)
    return seen, cell


@njit(cache=True, nogil=True)
def _turn(
    points: Floats, middle: Floats, axes: Floats, cell: float, half: float, out: Floats
) -> None:
    """Points as a view sees them: pixels to the right and up, metres towards the eye."""
    for i in range(len(points)):
        x, y, z = points[i, 0] - middle[0], points[i, 1] - middle[1], points[i, 2] - middle[2]
        out[i, 0] = (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) / cell + half
        out[i, 1] = (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) / cell + half
        out[i, 2] = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z


@njit(cache=True, nogil=True)
def _draw(  # noqa: C901 (one pass over the pixels)
    p: Floats, triangles: NDArray[np.int64], clear: Bools, depth: Floats,
    owner: NDArray[np.int64], seen: Bools, tolerance: float,
) -> None:  # fmt: skip
    """One view: solid triangles into the buffer, then translucent ones before it."""
    size = depth.shape[0]
    for solid in (True, False):
        for t in range(len(triangles)):
            if clear[t] == solid:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay, bx, by, cx, cy = p[i, 0], p[i, 1], p[j, 0], p[j, 1], p[k, 0], p[k, 1]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if abs(area) < 1e-9:
                continue
            x0, x1 = max(0, int(np.floor(min(ax, bx, cx)))), min(size - 1, int(max(ax, bx, cx)))
            y0, y1 = max(0, int(np.floor(min(ay, by, cy)))), min(size - 1, int(max(ay, by, cy)))
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    px, py = x + 0.5, y + 0.5
                    u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                    v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                    w = 1.0 - u - v
                    if u < 0 or v < 0 or w < 0:
                        continue
                    z = u * p[i, 2] + v * p[j, 2] + w * p[k, 2]
                    if solid:
                        if z > depth[y, x]:
                            depth[y, x] = z
                            owner[y, x] = t
                    elif z > depth[y, x] - tolerance:
                        seen[t] = True
    for y in range(size):
        for x in range(size):
            if owner[y, x] >= 0:
                seen[owner[y, x]] = True
