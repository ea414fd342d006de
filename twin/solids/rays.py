"""Where a straight sight line first meets solids: prisms with their roofs and floors, meshes from either side."""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from twin.solids.segments import in_rings, segment_crosses_triangle
from twin.solids.shapes import MESH, PRISM, Columns, Solids

__all__ = ["MISSED", "first_hits"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
MISSED = 2.0
"""Share of a sight line that meets nothing."""


def first_hits(
    start: ArrayLike, end: ArrayLike, solids: Solids, i: ArrayLike, j: ArrayLike
) -> Array:
    """Share of the way from ``start[i[k]]`` to ``end[i[k]]`` at which it first meets ``solids[j[k]]``.

    Parameters
    ----------
    start, end : array_like of float64, shape (n, 3)
        Metres, in the frame of the solids.
    solids : Solids
        Points and lines hide nothing. A start inside a prism meets it at once.
    i, j : array_like of int, shape (k,)

    Returns
    -------
    ndarray of float64, shape (k,)
        0 to 1, or :data:`MISSED`.

    Examples
    --------
    >>> import shapely
    >>> house = Solids.prisms(np.array([shapely.box(10, -5, 20, 5)]), 0.0, 20.0)
    >>> first_hits([[0, 0, 5]] * 2, [[40, 0, 5], [40, 0, 66]], house, [0, 1], [0, 0]).tolist()
    [0.25, 2.0]
    """
    a = np.ascontiguousarray(np.asarray(start, np.float64).reshape(-1, 3))
    b = np.ascontiguousarray(np.asarray(end, np.float64).reshape(-1, 3))
    rows, columns = np.asarray(i, np.int64), np.asarray(j, np.int64)
    return np.asarray(_hits(a, b, solids.columns, rows, columns))


@njit(cache=True, nogil=True)
def _hits(a: Array, b: Array, solids: Columns, rows: Ints, columns: Ints) -> Array:
    out = np.empty(len(rows))
    for k in range(len(rows)):
        p, q = a[rows[k]], b[rows[k]]
        out[k] = first_crossing(p[0], p[1], p[2], q[0], q[1], q[2], solids, columns[k])
    return out


@njit(cache=True, nogil=True)
def first_crossing(  # noqa: C901 -- one pass over caps and walls
    ax: float, ay: float, az: float, bx: float, by: float, bz: float, b: Columns, j: int
) -> float:
    """Share of a segment at which it first meets a prism or a mesh; 2 where it does not."""
    kind, _, low, high, piece, at, xyz = b
    first = 2.0
    if kind[j] == MESH:
        for k in range(at[piece[j]], at[piece[j + 1]], 3):
            first = min(first, segment_crosses_triangle(ax, ay, az, bx, by, bz, xyz[k : k + 3]))
        return first
    if kind[j] != PRISM:
        return first
    p, q, bottom, top = piece[j], piece[j + 1], low[j], high[j]
    if bottom <= az <= top and in_rings(xyz, at, p, q, ax, ay):
        return 0.0
    for h in (bottom, top):
        if (az - h) * (bz - h) <= 0.0 and az != bz:
            t = (h - az) / (bz - az)
            if t < first and in_rings(xyz, at, p, q, ax + t * (bx - ax), ay + t * (by - ay)):
                first = t
    ux, uy = bx - ax, by - ay
    for ring in range(p, q):
        for i in range(at[ring], at[ring + 1] - 1):
            cx, cy = xyz[i, 0], xyz[i, 1]
            vx, vy = xyz[i + 1, 0] - cx, xyz[i + 1, 1] - cy
            turn = ux * vy - uy * vx
            if turn == 0.0:
                continue
            t = ((cx - ax) * vy - (cy - ay) * vx) / turn
            s = ((cx - ax) * uy - (cy - ay) * ux) / turn
            if (
                0.0 <= t < first
                and t <= 1.0
                and 0.0 <= s <= 1.0
                and bottom <= az + t * (bz - az) <= top
            ):
                first = t
    return first
