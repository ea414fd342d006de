"""Compiled: triangles of many planar faces at once, and their areas and normals."""

from typing import Any

import mapbox_earcut
import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["columns_of", "planes", "triangulate"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MAX_CLIPPED = 128
"""Corners up to which a face is clipped ear by ear; larger ones and those with holes go to earcut."""


@njit(cache=True, nogil=True)
def planes(
    xyz: FloatArray, ring_start: IntArray, face_start: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Unit normal and area of each face (Newell's method over its rings).

    Parameters
    ----------
    xyz : ndarray of float64, shape (n, 3)
        Corners ring after ring, metres; the last corner of a ring is not its first.
    ring_start : ndarray of int64, shape (r + 1,)
        First corner of each ring.
    face_start : ndarray of int64, shape (f + 1,)
        First ring of each face; the first ring is the outer one.

    Returns
    -------
    normal : ndarray of float64, shape (f, 3)
        Zero where the outer ring spans no area.
    area : ndarray of float64, shape (f,)
        Square metres, inner rings taken off.
    """
    n_faces = len(face_start) - 1
    normal = np.zeros((n_faces, 3))
    area = np.zeros(n_faces)
    for f in range(n_faces):
        for r in range(face_start[f], face_start[f + 1]):
            a, b = ring_start[r], ring_start[r + 1]
            ox, oy, oz = xyz[a, 0], xyz[a, 1], xyz[a, 2]
            sx = sy = sz = 0.0
            for i in range(a + 1, b - 1):
                px, py, pz = xyz[i, 0] - ox, xyz[i, 1] - oy, xyz[i, 2] - oz
                qx, qy, qz = xyz[i + 1, 0] - ox, xyz[i + 1, 1] - oy, xyz[i + 1, 2] - oz
                sx += py * qz - pz * qy
                sy += pz * qx - px * qz
                sz += px * qy - py * qx
            length = np.sqrt(sx * sx + sy * sy + sz * sz)
            if r == face_start[f]:
                area[f] = length / 2
                if length > 0:
                    normal[f, 0], normal[f, 1], normal[f, 2] = sx / length, sy / length, sz / length
            else:
                area[f] -= length / 2
        if area[f] < 0:
            area[f] = 0.0
    return normal, area


@njit(cache=True, nogil=True)
def _flat(
    xyz: FloatArray, normal: FloatArray, a: int, b: int, u: FloatArray, v: FloatArray
) -> None:
    """Corners ``a`` to ``b`` seen against ``normal``, counter-clockwise, relative to the first."""
    nx, ny, nz = abs(normal[0]), abs(normal[1]), abs(normal[2])
    if nz >= nx and nz >= ny:
        first, second, up = 0, 1, normal[2] >= 0
    elif ny >= nx:
        first, second, up = 2, 0, normal[1] >= 0
    else:
        first, second, up = 1, 2, normal[0] >= 0
    if not up:
        first, second = second, first
    for i in range(a, b):
        u[i - a] = xyz[i, first] - xyz[a, first]
        v[i - a] = xyz[i, second] - xyz[a, second]


@njit(cache=True, nogil=True)
def _clip(
    u: FloatArray, v: FloatArray, n: int, base: int, triangles: IntArray, at: int, link: IntArray
) -> int:
    """Ears of a ring of ``n`` corners cut off one by one; -1 where no ear is left to cut."""
    for i in range(n):
        link[i] = i + 1
    link[n - 1] = 0
    left, before, idle = n, n - 1, 0
    while left > 3:
        i = link[before]
        j = link[i]
        ax, ay, bx, by, cx, cy = u[before], v[before], u[i], v[i], u[j], v[j]
        ear = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0
        k = link[j]
        while ear and k != before:
            px, py = u[k], v[k]
            if (
                (bx - ax) * (py - ay) - (by - ay) * (px - ax) >= 0
                and (cx - bx) * (py - by) - (cy - by) * (px - bx) >= 0
                and (ax - cx) * (py - cy) - (ay - cy) * (px - cx) >= 0
            ):
                ear = False
            k = link[k]
        if ear:
            triangles[at, 0], triangles[at, 1], triangles[at, 2] = base + before, base + i, base + j
            at += 1
            link[before] = j
            left -= 1
            idle = 0
        else:
            before = i
            idle += 1
            if idle > left:
                return -1
    i = link[before]
    triangles[at, 0], triangles[at, 1], triangles[at, 2] = base + before, base + i, base + link[i]
    return at + 1


@njit(cache=True, nogil=True)
def _first_ear(u: FloatArray, v: FloatArray) -> bool:
    """Whether the first corner of a ring of four is an ear, as it is of every convex one."""
    ax, ay, bx, by, cx, cy, px, py = u[3], v[3], u[0], v[0], u[1], v[1], u[2], v[2]
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0 and not (
        (bx - ax) * (py - ay) - (by - ay) * (px - ax) >= 0
        and (cx - bx) * (py - by) - (cy - by) * (px - bx) >= 0
        and (ax - cx) * (py - cy) - (ay - cy) * (px - cx) >= 0
    )


@njit(cache=True, nogil=True)
def _simple(
    xyz: FloatArray,
    ring_start: IntArray,
    face_start: IntArray,
    normal: FloatArray,
    room: int,
    limit: int,
) -> tuple[IntArray, IntArray, IntArray]:
    """Triangles of the faces that are simple, the face of each, and the faces left over."""
    triangles = np.empty((room, 3), np.int64)
    owner = np.empty(room, np.int64)
    hard = np.empty(len(face_start) - 1, np.int64)
    u, v, link = np.empty(limit), np.empty(limit), np.empty(limit, np.int64)
    at = n_hard = 0
    for f in range(len(face_start) - 1):
        if normal[f, 0] == 0 and normal[f, 1] == 0 and normal[f, 2] == 0:
            continue
        first, n_rings = face_start[f], face_start[f + 1] - face_start[f]
        a, b = ring_start[first], ring_start[first + 1]
        n = b - a
        if n_rings > 1 or n > limit:
            hard[n_hard] = f
            n_hard += 1
            continue
        if n == 3:
            triangles[at, 0], triangles[at, 1], triangles[at, 2] = a, a + 1, a + 2
            end = at + 1
        else:
            _flat(xyz, normal[f], a, b, u, v)
            if n == 4 and _first_ear(u, v):
                triangles[at, 0], triangles[at, 1], triangles[at, 2] = a + 3, a, a + 1
                end = at + 2
                triangles[end - 1, 0], triangles[end - 1, 1] = a + 3, a + 1
                triangles[end - 1, 2] = a + 2
            else:
                end = _clip(u, v, n, a, triangles, at, link)
        if end < 0:
            hard[n_hard] = f
            n_hard += 1
            continue
        owner[at:end] = f
        at = end
    return triangles[:at], owner[:at], hard[:n_hard]


def _earcut(
    xyz: FloatArray, ring_start: IntArray, first: int, last: int, normal: FloatArray
) -> IntArray:
    """Triangles (m, 3) of one face with holes or many corners, turned as its normal."""
    a, b = int(ring_start[first]), int(ring_start[last])
    u, v = np.empty(b - a), np.empty(b - a)
    _flat(xyz, normal, a, b, u, v)
    flat = np.stack([u, v], axis=1)
    ends = (ring_start[first + 1 : last + 1] - a).astype(np.uint32)
    found = mapbox_earcut.triangulate_float64(flat, ends).reshape(-1, 3).astype(np.int64)
    p, q, r = (flat[found[:, i]] for i in range(3))
    turn = ((q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0]).sum()
    return (found if turn >= 0 else found[:, ::-1]) + a


def triangulate(
    xyz: FloatArray, ring_start: IntArray, face_start: IntArray, normal: FloatArray
) -> tuple[IntArray, IntArray]:
    """Triangles of planar faces, turned as their faces are.

    Parameters
    ----------
    xyz, ring_start, face_start
        As for :func:`planes`; finite.
    normal : ndarray of float64, shape (f, 3)
        As :func:`planes` gives it; a face whose normal is zero has no triangles.

    Returns
    -------
    triangles : ndarray of int64, shape (t, 3)
        Corner numbers, in order of faces.
    face : ndarray of int64, shape (t,)
        Face of each triangle, ascending.
    """
    room = len(xyz) + 2
    triangles, face, hard = _simple(xyz, ring_start, face_start, normal, room, MAX_CLIPPED)
    if not len(hard):
        return triangles, face
    more: list[Any] = [triangles]
    owners: list[Any] = [face]
    for f in hard.tolist():
        cut = _earcut(xyz, ring_start, int(face_start[f]), int(face_start[f + 1]), normal[f])
        more.append(cut)
        owners.append(np.full(len(cut), f, np.int64))
    face = np.concatenate(owners)
    order = np.argsort(face, kind="stable")
    return np.concatenate(more)[order], face[order]


@njit(cache=True, nogil=True)
def columns_of(
    triangles: IntArray,
    face: IntArray,
    vertex_of: NDArray[np.int32],
    surface: NDArray[np.int32],
    color: NDArray[np.uint32],
    shape_start: IntArray,
) -> tuple[
    NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32], NDArray[np.uint32], IntArray, IntArray
]:
    """Triangles and faces as a mesh has them.

    Parameters
    ----------
    triangles, face
        As :func:`triangulate` gives them, in order of shapes; those of a face together.
    vertex_of : ndarray of int32, shape (n,)
        Vertex of each corner.
    surface : ndarray of int32, shape (f,)
        Semantic surface of each face, -1 for none.
    color : ndarray of uint32, shape (f,)
    shape_start : ndarray of int64, shape (s + 1,)
        Faces of each shape.

    Returns
    -------
    indices : ndarray of uint32, shape (t, 3)
    counts : ndarray of uint32, shape (d,)
        Triangles of each of the faces that have any.
    surface : ndarray of int32, shape (d,)
    paint : ndarray of uint32, shape (d,)
    triangle_start, face_start : ndarray of int64, shape (s + 1,)
        First triangle and first such face of each shape.
    """
    n = len(triangles)
    indices = np.empty((n, 3), np.uint32)
    most = min(n, len(surface))
    counts, paint = np.empty(most, np.uint32), np.empty(most, np.uint32)
    surfaces = np.empty(most, np.int32)
    start, begin = np.zeros(len(shape_start), np.int64), np.zeros(len(shape_start), np.int64)
    shape, made, last = 0, 0, -1
    for t in range(n):
        for k in range(3):
            indices[t, k] = vertex_of[triangles[t, k]]
        f = face[t]
        if f != last:
            last = f
            while not shape_start[shape] <= f < shape_start[shape + 1]:
                shape += 1
                start[shape], begin[shape] = t, made
            counts[made], surfaces[made], paint[made] = 0, surface[f], color[f]
            made += 1
        counts[made - 1] += 1
    for s in range(shape + 1, len(start)):
        start[s], begin[s] = n, made
    return indices, counts[:made], surfaces[:made], paint[:made], start, begin
