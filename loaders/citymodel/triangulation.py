"""Compiled: triangles of many planar faces at once, and their areas and normals."""

from typing import Any

import mapbox_earcut
import numpy as np
from numba import njit
from numpy.typing import NDArray

from twin.earclip import clip

__all__ = ["columns_of", "planes", "triangulate"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Numbers = NDArray[np.int32]
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


@njit(cache=True, nogil=True, inline="always")
def _plane(nx: float, ny: float, nz: float) -> tuple[int, int]:
    """The two axes of the plane a face with this normal is seen in, counter-clockwise."""
    if abs(nz) >= abs(nx) and abs(nz) >= abs(ny):
        return (0, 1) if nz >= 0 else (1, 0)
    if abs(ny) >= abs(nx):
        return (2, 0) if ny >= 0 else (0, 2)
    return (1, 2) if nx >= 0 else (2, 1)


@njit(cache=True, nogil=True)
def _simple(
    xyz: FloatArray,
    ring_start: IntArray,
    face_start: IntArray,
    normal: FloatArray,
    room: int,
    limit: int,
) -> tuple[Numbers, Numbers, IntArray]:
    """Triangles of the faces that are simple, the face of each, and the faces left over."""
    triangles = np.empty((room, 3), np.int32)
    owner = np.empty(room, np.int32)
    hard = np.empty(len(face_start) - 1, np.int64)
    u, v, links = np.empty(limit), np.empty(limit), np.empty((3, limit), np.int64)
    at = n_hard = 0
    for f in range(len(face_start) - 1):
        nx, ny, nz = normal[f, 0], normal[f, 1], normal[f, 2]
        if nx == 0 and ny == 0 and nz == 0:
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
            owner[at] = f
            at += 1
            continue
        s, t = _plane(nx, ny, nz)
        if n == 4:  # the first corner is an ear, as it is of every convex one
            x, y = xyz[a + 3, s], xyz[a + 3, t]
            bx, by = xyz[a, s] - x, xyz[a, t] - y
            cx, cy = xyz[a + 1, s] - x, xyz[a + 1, t] - y
            px, py = xyz[a + 2, s] - x, xyz[a + 2, t] - y
            if bx * cy - by * cx > 0 and not (
                bx * py - by * px >= 0
                and (cx - bx) * (py - by) - (cy - by) * (px - bx) >= 0
                and cy * px - cx * py >= 0
            ):
                triangles[at, 0], triangles[at, 1], triangles[at, 2] = a + 3, a, a + 1
                triangles[at + 1, 0], triangles[at + 1, 1] = a + 3, a + 1
                triangles[at + 1, 2] = a + 2
                owner[at] = owner[at + 1] = f
                at += 2
                continue
        for i in range(n):
            u[i] = xyz[a + i, s] - xyz[a, s]
            v[i] = xyz[a + i, t] - xyz[a, t]
        end = clip(u, v, n, a, triangles, at, links)
        if end < 0:
            hard[n_hard] = f
            n_hard += 1
            continue
        for i in range(at, end):
            owner[i] = f
        at = end
    return triangles[:at], owner[:at], hard[:n_hard]


def _earcut(
    xyz: FloatArray, ring_start: IntArray, first: int, last: int, normal: FloatArray
) -> Numbers:
    """Triangles (m, 3) of one face with holes or many corners, turned as its normal."""
    a, b = int(ring_start[first]), int(ring_start[last])
    flat = xyz[a:b, list(_plane(normal[0], normal[1], normal[2]))]
    flat = np.ascontiguousarray(flat - flat[0])
    ends = (ring_start[first + 1 : last + 1] - a).astype(np.uint32)
    found = mapbox_earcut.triangulate_float64(flat, ends).reshape(-1, 3).astype(np.int64)
    p, q, r = (flat[found[:, i]] for i in range(3))
    turn = ((q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0]).sum()
    return np.asarray((found if turn >= 0 else found[:, ::-1]) + a, np.int32)


def triangulate(
    xyz: FloatArray, ring_start: IntArray, face_start: IntArray, normal: FloatArray
) -> tuple[Numbers, Numbers]:
    """Triangles of planar faces, turned as their faces are.

    Parameters
    ----------
    xyz, ring_start, face_start
        As for :func:`planes`; finite.
    normal : ndarray of float64, shape (f, 3)
        As :func:`planes` gives it; a face whose normal is zero has no triangles.

    Returns
    -------
    triangles : ndarray of int32, shape (t, 3)
        Corner numbers, in order of faces.
    face : ndarray of int32, shape (t,)
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
        owners.append(np.full(len(cut), f, np.int32))
    face = np.concatenate(owners)
    order = np.argsort(face, kind="stable")
    return np.concatenate(more)[order], face[order]


@njit(cache=True, nogil=True)
def columns_of(
    triangles: Numbers,
    face: Numbers,
    vertex_of: NDArray[np.int32],
    surface: NDArray[np.int32],
    color: NDArray[np.uint32],
    shape_start: IntArray,
) -> tuple[
    NDArray[np.uint32],
    NDArray[np.uint32],
    NDArray[np.int32],
    NDArray[np.uint32],
    IntArray,
    IntArray,
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
