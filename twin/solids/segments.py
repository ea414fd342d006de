"""Distances between the simplest things in space, compiled: points, segments, triangles, upright walls, rings.

Everything is in metres of one frame. Functions take and give plain numbers; the second half of an answer is always a
point that attains the distance. After C. Ericson, Real-Time Collision Detection (2005), 5.1.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "in_rings", "point_segment", "point_triangle", "point_wall", "segment_crosses_triangle", "segment_segment",
    "segment_triangle", "segment_wall",
]  # fmt: skip

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Six = tuple[float, float, float, float, float, float, float]
"""Squared distance, the point on the first thing, the point on the second."""
_TINY = 1e-18  # square metres: shorter than a nanometre is a point


@njit(cache=True, nogil=True)
def point_segment(
    px: float, py: float, pz: float,
    ax: float, ay: float, az: float, bx: float, by: float, bz: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Squared distance of a point from a segment, and the point of the segment."""
    ux, uy, uz = bx - ax, by - ay, bz - az
    length = ux * ux + uy * uy + uz * uz
    t = 0.0
    if length > _TINY:
        t = ((px - ax) * ux + (py - ay) * uy + (pz - az) * uz) / length
        t = min(1.0, max(0.0, t))
    x, y, z = ax + t * ux, ay + t * uy, az + t * uz
    return (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2, x, y, z


@njit(cache=True, nogil=True)
def segment_segment(
    ax: float, ay: float, az: float, bx: float, by: float, bz: float,
    cx: float, cy: float, cz: float, dx: float, dy: float, dz: float,
) -> Six:  # fmt: skip
    """Squared distance of two segments, and the points of both."""
    ux, uy, uz = bx - ax, by - ay, bz - az
    vx, vy, vz = dx - cx, dy - cy, dz - cz
    wx, wy, wz = ax - cx, ay - cy, az - cz
    a = ux * ux + uy * uy + uz * uz
    e = vx * vx + vy * vy + vz * vz
    f = vx * wx + vy * wy + vz * wz
    s = t = 0.0
    if a <= _TINY and e <= _TINY:
        pass
    elif a <= _TINY:
        t = min(1.0, max(0.0, f / e))
    else:
        c = ux * wx + uy * wy + uz * wz
        if e <= _TINY:
            s = min(1.0, max(0.0, -c / a))
        else:
            b = ux * vx + uy * vy + uz * vz
            even = a * e - b * b
            if even > 1e-14 * a * e:
                s = min(1.0, max(0.0, (b * f - c * e) / even))
            t = (b * s + f) / e
            if t < 0.0:
                t, s = 0.0, min(1.0, max(0.0, -c / a))
            elif t > 1.0:
                t, s = 1.0, min(1.0, max(0.0, (b - c) / a))
    px, py, pz = ax + s * ux, ay + s * uy, az + s * uz
    qx, qy, qz = cx + t * vx, cy + t * vy, cz + t * vz
    return (px - qx) ** 2 + (py - qy) ** 2 + (pz - qz) ** 2, px, py, pz, qx, qy, qz


@njit(cache=True, nogil=True)
def point_triangle(px: float, py: float, pz: float, t: Array) -> tuple[float, float, float, float]:
    """Squared distance of a point from a triangle (3, 3), and the point of the triangle."""
    ax, ay, az = t[0, 0], t[0, 1], t[0, 2]
    ux, uy, uz = t[1, 0] - ax, t[1, 1] - ay, t[1, 2] - az
    vx, vy, vz = t[2, 0] - ax, t[2, 1] - ay, t[2, 2] - az
    wx, wy, wz = px - ax, py - ay, pz - az
    uu, uv, vv = (
        ux * ux + uy * uy + uz * uz,
        ux * vx + uy * vy + uz * vz,
        vx * vx + vy * vy + vz * vz,
    )
    wu, wv = wx * ux + wy * uy + wz * uz, wx * vx + wy * vy + wz * vz
    area = uu * vv - uv * uv
    if area > 1e-14 * uu * vv:
        s, r = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
        if s >= 0 and r >= 0 and s + r <= 1:
            x, y, z = ax + s * ux + r * vx, ay + s * uy + r * vy, az + s * uz + r * vz
            return (px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2, x, y, z
    best = point_segment(px, py, pz, t[0, 0], t[0, 1], t[0, 2], t[1, 0], t[1, 1], t[1, 2])
    for k in range(1, 3):
        b = (k + 1) % 3
        found = point_segment(px, py, pz, t[k, 0], t[k, 1], t[k, 2], t[b, 0], t[b, 1], t[b, 2])
        if found[0] < best[0]:
            best = found
    return best


@njit(cache=True, nogil=True)
def segment_crosses_triangle(
    ax: float, ay: float, az: float, bx: float, by: float, bz: float, t: Array
) -> float:
    """Share of the segment at which it meets a triangle (3, 3), seen from either side; 2 where it does not.

    After T. Möller and B. Trumbore, Fast, Minimum Storage Ray/Triangle Intersection (1997).
    """
    dx, dy, dz = bx - ax, by - ay, bz - az
    ux, uy, uz = t[1, 0] - t[0, 0], t[1, 1] - t[0, 1], t[1, 2] - t[0, 2]
    vx, vy, vz = t[2, 0] - t[0, 0], t[2, 1] - t[0, 1], t[2, 2] - t[0, 2]
    hx, hy, hz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
    det = ux * hx + uy * hy + uz * hz
    if abs(det) < 1e-15:
        return 2.0
    wx, wy, wz = ax - t[0, 0], ay - t[0, 1], az - t[0, 2]
    s = (wx * hx + wy * hy + wz * hz) / det
    if s < 0.0 or s > 1.0:
        return 2.0
    qx, qy, qz = wy * uz - wz * uy, wz * ux - wx * uz, wx * uy - wy * ux
    r = (dx * qx + dy * qy + dz * qz) / det
    if r < 0.0 or s + r > 1.0:
        return 2.0
    along = (vx * qx + vy * qy + vz * qz) / det
    return along if 0.0 <= along <= 1.0 else 2.0


@njit(cache=True, nogil=True)
def segment_triangle(
    ax: float, ay: float, az: float, bx: float, by: float, bz: float, t: Array
) -> Six:
    """Squared distance of a segment and a triangle (3, 3), and the points of both."""
    along = segment_crosses_triangle(ax, ay, az, bx, by, bz, t)
    if along <= 1.0:
        x, y, z = ax + along * (bx - ax), ay + along * (by - ay), az + along * (bz - az)
        return 0.0, x, y, z, x, y, z
    d, x, y, z = point_triangle(ax, ay, az, t)
    best = (d, ax, ay, az, x, y, z)
    d, x, y, z = point_triangle(bx, by, bz, t)
    if d < best[0]:
        best = (d, bx, by, bz, x, y, z)
    for k in range(3):
        b = (k + 1) % 3
        found = segment_segment(
            ax, ay, az, bx, by, bz, t[k, 0], t[k, 1], t[k, 2], t[b, 0], t[b, 1], t[b, 2]
        )
        if found[0] < best[0]:
            best = found
    return best


@njit(cache=True, nogil=True)
def point_wall(
    px: float, py: float, pz: float, cx: float, cy: float, dx: float, dy: float, low: float, high: float
) -> tuple[float, float, float, float]:  # fmt: skip
    """Squared distance of a point from the wall that stands on c–d from ``low`` to ``high``, and the point of it."""
    d, x, y, _ = point_segment(px, py, 0.0, cx, cy, 0.0, dx, dy, 0.0)
    z = min(high, max(low, pz))
    return d + (pz - z) ** 2, x, y, z


@njit(cache=True, nogil=True)
def segment_wall(
    ax: float, ay: float, az: float, bx: float, by: float, bz: float,
    cx: float, cy: float, dx: float, dy: float, low: float, high: float,
) -> Six:  # fmt: skip
    """Squared distance of a segment and the wall that stands on c–d from ``low`` to ``high``, and the points of both."""
    flat, x, y, _, _, _, _ = segment_segment(ax, ay, 0.0, bx, by, 0.0, cx, cy, 0.0, dx, dy, 0.0)
    if flat <= _TINY:
        ux, uy = bx - ax, by - ay
        length = ux * ux + uy * uy
        if length > _TINY:
            z = az + (bz - az) * ((x - ax) * ux + (y - ay) * uy) / length
            if low <= z <= high:
                return 0.0, x, y, z, x, y, z
    d, x, y, z = point_wall(ax, ay, az, cx, cy, dx, dy, low, high)
    best = (d, ax, ay, az, x, y, z)
    d, x, y, z = point_wall(bx, by, bz, cx, cy, dx, dy, low, high)
    if d < best[0]:
        best = (d, bx, by, bz, x, y, z)
    found = segment_segment(ax, ay, az, bx, by, bz, cx, cy, low, dx, dy, low)
    if found[0] < best[0]:
        best = found
    found = segment_segment(ax, ay, az, bx, by, bz, cx, cy, high, dx, dy, high)
    if found[0] < best[0]:
        best = found
    found = segment_segment(ax, ay, az, bx, by, bz, cx, cy, low, cx, cy, high)
    if found[0] < best[0]:
        best = found
    found = segment_segment(ax, ay, az, bx, by, bz, dx, dy, low, dx, dy, high)
    return found if found[0] < best[0] else best


@njit(cache=True, nogil=True)
def in_rings(xyz: Array, at: Ints, first: int, last: int, x: float, y: float) -> bool:
    """Whether a place lies inside closed rings ``first`` to ``last`` (points ``at[r]:at[r + 1]``): the crossing rule."""
    inside = False
    for ring in range(first, last):
        for i in range(at[ring], at[ring + 1] - 1):
            y0, y1 = xyz[i, 1], xyz[i + 1, 1]
            if (y0 > y) != (y1 > y) and x < xyz[i, 0] + (y - y0) * (xyz[i + 1, 0] - xyz[i, 0]) / (
                y1 - y0
            ):
                inside = not inside
    return inside
