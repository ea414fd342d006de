"""Exact distances between solids of any two kinds, with the points that attain them.

A prism is full; a point or a line is as thick as its radius; a mesh is its surface. What is in contact has distance 0.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from twin.solids.segments import (
    in_rings,
    point_segment,
    point_triangle,
    segment_segment,
    segment_triangle,
    segment_wall,
)
from twin.solids.shapes import LINE, MESH, POINT, PRISM, Columns, Solids

__all__ = ["Near", "distances", "intersects", "nearest_points", "within"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Near:
    """Distances of pairs in metres (k,), and the points that attain them, on the first and the second (k, 3)."""

    distance: Array
    on_first: Array
    on_second: Array


def nearest_points(first: Solids, second: Solids, i: ArrayLike, j: ArrayLike) -> Near:
    """Distance of ``first[i[k]]`` and ``second[j[k]]`` for every k, and where it is attained.

    Parameters
    ----------
    first, second : Solids
        In the same frame.
    i, j : array_like of int, shape (k,)

    Examples
    --------
    >>> import shapely
    >>> house = Solids.prisms(np.array([shapely.box(0, 0, 10, 10)]), 0.0, 20.0)
    >>> near = nearest_points(Solids.points([[13.0, 5.0, 24.0]]), house, [0], [0])
    >>> near.distance.tolist(), near.on_second.tolist()
    ([5.0], [[10.0, 5.0, 20.0]])
    """
    rows, columns = np.asarray(i, np.int64), np.asarray(j, np.int64)
    distance, ends = _pairs(first.columns, second.columns, rows, columns)
    return Near(distance, ends[:, :3], ends[:, 3:])


def distances(first: Solids, second: Solids, i: ArrayLike, j: ArrayLike) -> Array:
    """Distances of pairs, metres, shape (k,); see :func:`nearest_points`."""
    return nearest_points(first, second, i, j).distance


def within(
    first: Solids, second: Solids, i: ArrayLike, j: ArrayLike, metres: float
) -> NDArray[np.bool_]:
    """Which pairs are no farther apart than ``metres``; see :func:`nearest_points`."""
    return np.asarray(distances(first, second, i, j) <= metres)


def intersects(first: Solids, second: Solids, i: ArrayLike, j: ArrayLike) -> NDArray[np.bool_]:
    """Which pairs share a point; see :func:`nearest_points`."""
    return within(first, second, i, j, 0.0)


@njit(cache=True, nogil=True)
def _keep(found: tuple[float, ...], best: float, swap: bool, out: Array) -> float:
    """The smaller of two squared distances; the points go to ``out`` where ``found`` is it."""
    if found[0] >= best:
        return best
    for k in range(3):
        out[k] = found[4 + k] if swap else found[1 + k]
        out[3 + k] = found[1 + k] if swap else found[4 + k]
    return found[0]


@njit(cache=True, nogil=True)
def _gap(a0: float, a1: float, b0: float, b1: float) -> float:
    """How far apart two stretches of a line are."""
    if a0 > a1:
        a0, a1 = a1, a0
    if b0 > b1:
        b0, b1 = b1, b0
    return max(0.0, a0 - b1, b0 - a1)


@njit(cache=True, nogil=True)
def _point_prism(x: float, y: float, z: float, b: Columns, j: int) -> tuple[float, ...]:
    _, _, low, high, piece, at, xyz = b
    h = min(high[j], max(low[j], z))
    if in_rings(xyz, at, piece[j], piece[j + 1], x, y):
        return (z - h) ** 2, x, y, z, x, y, h
    flat, fx, fy = np.inf, 0.0, 0.0
    for ring in range(piece[j], piece[j + 1]):
        for i in range(at[ring], at[ring + 1] - 1):
            d, px, py, _ = point_segment(
                x, y, 0.0, xyz[i, 0], xyz[i, 1], 0.0, xyz[i + 1, 0], xyz[i + 1, 1], 0.0
            )
            if d < flat:
                flat, fx, fy = d, px, py
    return flat + (z - h) ** 2, x, y, z, fx, fy, h


@njit(cache=True, nogil=True)
def _segment_prism(
    ax: float, ay: float, az: float, bx: float, by: float, bz: float,
    b: Columns, j: int, best: float, swap: bool, out: Array,
) -> float:  # fmt: skip
    """Squared distance of a segment and a prism where it is below ``best``."""
    _, _, low, high, piece, at, xyz = b
    p, q, bottom, top = piece[j], piece[j + 1], low[j], high[j]
    if in_rings(xyz, at, p, q, ax, ay):
        h = min(top, max(bottom, az))
        best = _keep(((az - h) ** 2, ax, ay, az, ax, ay, h), best, swap, out)
    if in_rings(xyz, at, p, q, bx, by):
        h = min(top, max(bottom, bz))
        best = _keep(((bz - h) ** 2, bx, by, bz, bx, by, h), best, swap, out)
    for h in (bottom, top):
        if best > 0.0 and (az - h) * (bz - h) < 0.0:
            t = (h - az) / (bz - az)
            x, y = ax + t * (bx - ax), ay + t * (by - ay)
            if in_rings(xyz, at, p, q, x, y):
                best = _keep((0.0, x, y, h, x, y, h), best, swap, out)
    up = _gap(az, bz, bottom, top)
    for ring in range(p, q):
        for i in range(at[ring], at[ring + 1] - 1):
            if best == 0.0:
                return best
            across = _gap(ax, bx, xyz[i, 0], xyz[i + 1, 0])
            along = _gap(ay, by, xyz[i, 1], xyz[i + 1, 1])
            if across * across + along * along + up * up >= best:
                continue
            found = segment_wall(
                ax, ay, az, bx, by, bz, xyz[i, 0], xyz[i, 1], xyz[i + 1, 0], xyz[i + 1, 1], bottom, top
            )  # fmt: skip
            best = _keep(found, best, swap, out)
    return best


@njit(cache=True, nogil=True)
def _prism_prism(a: Columns, i: int, b: Columns, j: int, out: Array) -> float:
    _, _, low_a, high_a, piece_a, at_a, xyz_a = a
    _, _, low_b, high_b, piece_b, at_b, xyz_b = b
    up = _gap(low_a[i], high_a[i], low_b[j], high_b[j])
    z_a = min(high_a[i], max(low_a[i], low_b[j]))
    z_b = min(high_b[j], max(low_b[j], z_a))
    best = np.inf
    k, m = at_a[piece_a[i]], at_b[piece_b[j]]
    if in_rings(xyz_b, at_b, piece_b[j], piece_b[j + 1], xyz_a[k, 0], xyz_a[k, 1]):
        x, y = xyz_a[k, 0], xyz_a[k, 1]
        best = _keep((up * up, x, y, z_a, x, y, z_b), best, False, out)
    elif in_rings(xyz_a, at_a, piece_a[i], piece_a[i + 1], xyz_b[m, 0], xyz_b[m, 1]):
        x, y = xyz_b[m, 0], xyz_b[m, 1]
        best = _keep((up * up, x, y, z_a, x, y, z_b), best, False, out)
    for ring in range(piece_a[i], piece_a[i + 1]):
        for k in range(at_a[ring], at_a[ring + 1] - 1):
            for other in range(piece_b[j], piece_b[j + 1]):
                for m in range(at_b[other], at_b[other + 1] - 1):
                    if best == up * up:
                        return best
                    across = _gap(xyz_a[k, 0], xyz_a[k + 1, 0], xyz_b[m, 0], xyz_b[m + 1, 0])
                    along = _gap(xyz_a[k, 1], xyz_a[k + 1, 1], xyz_b[m, 1], xyz_b[m + 1, 1])
                    if across * across + along * along + up * up >= best:
                        continue
                    d, px, py, _, qx, qy, _ = segment_segment(
                        xyz_a[k, 0], xyz_a[k, 1], 0.0, xyz_a[k + 1, 0], xyz_a[k + 1, 1], 0.0,
                        xyz_b[m, 0], xyz_b[m, 1], 0.0, xyz_b[m + 1, 0], xyz_b[m + 1, 1], 0.0,
                    )  # fmt: skip
                    d = 0.0 if d < 1e-18 else d
                    best = _keep((d + up * up, px, py, z_a, qx, qy, z_b), best, False, out)
    return best


@njit(cache=True, nogil=True)
def _triangle_prism(t: Array, b: Columns, j: int, best: float, swap: bool, out: Array) -> float:
    """Squared distance of a triangle (the first, unless ``swap``) and a prism where it is below ``best``."""
    _, _, low, high, piece, at, xyz = b
    for k in range(3):
        m = (k + 1) % 3
        best = _segment_prism(
            t[k, 0], t[k, 1], t[k, 2], t[m, 0], t[m, 1], t[m, 2], b, j, best, swap, out
        )
    x0, x1 = min(t[0, 0], t[1, 0], t[2, 0]), max(t[0, 0], t[1, 0], t[2, 0])
    y0, y1 = min(t[0, 1], t[1, 1], t[2, 1]), max(t[0, 1], t[1, 1], t[2, 1])
    for ring in range(piece[j], piece[j + 1]):
        for i in range(at[ring], at[ring + 1] - 1):
            if best == 0.0:
                return best
            ax, ay, bx, by = xyz[i, 0], xyz[i, 1], xyz[i + 1, 0], xyz[i + 1, 1]
            if _gap(x0, x1, ax, bx) ** 2 + _gap(y0, y1, ay, by) ** 2 >= best:
                continue
            best = _keep(segment_triangle(ax, ay, low[j], ax, ay, high[j], t), best, not swap, out)
            best = _keep(segment_triangle(ax, ay, low[j], bx, by, low[j], t), best, not swap, out)
            best = _keep(segment_triangle(ax, ay, high[j], bx, by, high[j], t), best, not swap, out)
    return best


@njit(cache=True, nogil=True)
def _to_mesh(a: Columns, i: int, b: Columns, j: int, out: Array) -> float:  # noqa: C901 -- one branch a kind
    """Squared distance of anything (the first) and a mesh."""
    kind, _, _, _, piece_a, at_a, xyz_a = a
    _, _, _, _, piece, at, xyz = b
    best = np.inf
    for k in range(at[piece[j]], at[piece[j + 1]], 3):
        t = xyz[k : k + 3]
        if kind[i] == POINT:
            p = xyz_a[at_a[piece_a[i]]]
            d, x, y, z = point_triangle(p[0], p[1], p[2], t)
            best = _keep((d, p[0], p[1], p[2], x, y, z), best, False, out)
        elif kind[i] == LINE:
            for line in range(piece_a[i], piece_a[i + 1]):
                for m in range(at_a[line], at_a[line + 1] - 1):
                    p, q = xyz_a[m], xyz_a[m + 1]
                    lower = 0.0
                    for axis in range(3):
                        least = min(t[0, axis], t[1, axis], t[2, axis])
                        most = max(t[0, axis], t[1, axis], t[2, axis])
                        lower += _gap(p[axis], q[axis], least, most) ** 2
                    if lower < best:
                        found = segment_triangle(p[0], p[1], p[2], q[0], q[1], q[2], t)
                        best = _keep(found, best, False, out)
        elif kind[i] == PRISM:
            best = _triangle_prism(t, a, i, best, True, out)
        else:
            for m in range(at_a[piece_a[i]], at_a[piece_a[i + 1]], 3):
                best = _triangles(xyz_a[m : m + 3], t, best, out)
        if best == 0.0:
            break
    return best


@njit(cache=True, nogil=True)
def _triangles(s: Array, t: Array, best: float, out: Array) -> float:
    lower = 0.0
    for axis in range(3):
        s0, s1 = min(s[0, axis], s[1, axis], s[2, axis]), max(s[0, axis], s[1, axis], s[2, axis])
        t0, t1 = min(t[0, axis], t[1, axis], t[2, axis]), max(t[0, axis], t[1, axis], t[2, axis])
        lower += _gap(s0, s1, t0, t1) ** 2
    if lower >= best:
        return best
    for k in range(3):
        m = (k + 1) % 3
        best = _keep(segment_triangle(s[k, 0], s[k, 1], s[k, 2], s[m, 0], s[m, 1], s[m, 2], t), best, False, out)  # fmt: skip
        best = _keep(segment_triangle(t[k, 0], t[k, 1], t[k, 2], t[m, 0], t[m, 1], t[m, 2], s), best, True, out)  # fmt: skip
    return best


@njit(cache=True, nogil=True)
def _axes(a: Columns, i: int, b: Columns, j: int, out: Array) -> float:  # noqa: C901 -- one branch a pair of kinds
    """Squared distance of the axes of two solids, the first of the smaller kind."""
    kind_a, _, _, _, piece_a, at_a, xyz_a = a
    kind_b, _, _, _, piece_b, at_b, xyz_b = b
    if kind_b[j] == MESH:
        return _to_mesh(a, i, b, j, out)
    if kind_a[i] == PRISM:
        return _prism_prism(a, i, b, j, out)
    best = np.inf
    if kind_a[i] == POINT:
        p = xyz_a[at_a[piece_a[i]]]
        if kind_b[j] == PRISM:
            return _keep(_point_prism(p[0], p[1], p[2], b, j), best, False, out)
        if kind_b[j] == POINT:
            q = xyz_b[at_b[piece_b[j]]]
            d = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2
            return _keep((d, p[0], p[1], p[2], q[0], q[1], q[2]), best, False, out)
        for line in range(piece_b[j], piece_b[j + 1]):
            for k in range(at_b[line], at_b[line + 1] - 1):
                c, e = xyz_b[k], xyz_b[k + 1]
                d, x, y, z = point_segment(p[0], p[1], p[2], c[0], c[1], c[2], e[0], e[1], e[2])
                best = _keep((d, p[0], p[1], p[2], x, y, z), best, False, out)
        return best
    for line in range(piece_a[i], piece_a[i + 1]):
        for k in range(at_a[line], at_a[line + 1] - 1):
            p, q = xyz_a[k], xyz_a[k + 1]
            if kind_b[j] == PRISM:
                best = _segment_prism(p[0], p[1], p[2], q[0], q[1], q[2], b, j, best, False, out)
                continue
            for other in range(piece_b[j], piece_b[j + 1]):
                for m in range(at_b[other], at_b[other + 1] - 1):
                    c, e = xyz_b[m], xyz_b[m + 1]
                    found = segment_segment(
                        p[0], p[1], p[2], q[0], q[1], q[2], c[0], c[1], c[2], e[0], e[1], e[2]
                    )
                    best = _keep(found, best, False, out)
    return best


@njit(cache=True, nogil=True)
def _thick(distance: float, r: float, s: float, out: Array) -> float:
    """Distance of the surfaces around two axes; the points move to the surfaces."""
    if r == 0.0 and s == 0.0:
        return distance
    if distance <= r + s:  # they touch: one point stands for both
        share = 0.0 if distance == 0.0 else min(1.0, r / distance)
        for k in range(3):
            x = out[k] + share * (out[3 + k] - out[k])
            out[k], out[3 + k] = x, x
        return 0.0
    for k in range(3):
        x = (out[3 + k] - out[k]) / distance
        out[k], out[3 + k] = out[k] + r * x, out[3 + k] - s * x
    return distance - r - s


@njit(cache=True, nogil=True)
def _pairs(a: Columns, b: Columns, rows: Ints, columns: Ints) -> tuple[Array, Array]:
    distance, ends = np.empty(len(rows)), np.empty((len(rows), 6))
    for n in range(len(rows)):
        i, j = rows[n], columns[n]
        out = ends[n]
        out[:] = np.nan
        if a[0][i] <= b[0][j]:
            d = _axes(a, i, b, j, out)
            distance[n] = _thick(np.sqrt(d), a[1][i], b[1][j], out)
        else:
            d = _axes(b, j, a, i, out)
            distance[n] = _thick(np.sqrt(d), b[1][j], a[1][i], out)
            for k in range(3):
                out[k], out[3 + k] = out[3 + k], out[k]
    return distance, ends
