"""Compiled: corners of faces become vertices of meshes, normals split at hard edges."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["weld"]

SOFT = np.cos(np.deg2rad(25.0))
"""Corners whose faces lean less than 25° off their mean share one normal."""


@njit(cache=True, nogil=True, inline="always")
def _mixed(a: int, b: int, c: int, d: int) -> int:
    h = (a * 73856093) ^ (b * 19349663) ^ (c * 83492791) ^ (d * 2654435761)
    h ^= h >> 29
    h *= 0x5BD1E995
    return h ^ (h >> 17)


@njit(cache=True, nogil=True)
def _corner_angle(p: NDArray[np.float32], q: NDArray[np.float32], r: NDArray[np.float32]) -> float:
    """Angle at ``p`` between ``q`` and ``r``, radians."""
    ax, ay, az = float(q[0]) - p[0], float(q[1]) - p[1], float(q[2]) - p[2]
    bx, by, bz = float(r[0]) - p[0], float(r[1]) - p[1], float(r[2]) - p[2]
    dot = ax * bx + ay * by + az * bz
    cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return np.arctan2(np.sqrt(cx * cx + cy * cy + cz * cz), dot)


@njit(cache=True, nogil=True)
def weld(  # noqa: C901 (one pass over the columns)
    local: NDArray[np.float32],
    bits: NDArray[np.int32],
    uv_bits: NDArray[np.int32],
    triangles: NDArray[np.int64],
    triangle_face: NDArray[np.int64],
    normal: NDArray[np.float64],
    color: NDArray[np.uint32],
    texture: NDArray[np.int32],
    triangle_start: NDArray[np.int64],
    corner_start: NDArray[np.int64],
    soft: float,
) -> tuple[
    NDArray[np.int64], NDArray[np.float32], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]
]:
    """Vertices and indices of the meshes of a batch.

    Parameters
    ----------
    local : ndarray of float32, shape (n, 3)
        Corners of all faces, metres from the origin of their shape; ``bits`` are the same bytes as
        int32.
    uv_bits : ndarray of int32, shape (n, 2) or (0, 2)
        Texture coordinates of the corners as int32.
    triangles, triangle_face : ndarray of int64, shapes (t, 3), (t,)
        As :func:`loaders.citymodel.triangulation.triangulate` gives them.
    normal, color, texture : arrays of length f
        Unit normal, RGBA as one little-endian number, and texture (-1: none) of each face.
    triangle_start, corner_start : ndarray of int64, shape (s + 1,)
        First triangle and first corner of each shape.
    soft : float
        Cosine below which an edge is hard.

    Returns
    -------
    corner : ndarray of int64, shape (v,)
        A corner each vertex stands at.
    normals : ndarray of float32, shape (v, 3)
    colors : ndarray of uint32, shape (v,)
    indices : ndarray of uint32, shape (t, 3)
        Vertex numbers within the shape.
    vertex_start : ndarray of int64, shape (s + 1,)
    """
    n, n_shapes, n_triangles = len(local), len(triangle_start) - 1, len(triangles)
    textured = len(uv_bits) > 0
    largest = 0
    for s in range(n_shapes):
        largest = max(largest, corner_start[s + 1] - corner_start[s])
        largest = max(largest, 3 * (triangle_start[s + 1] - triangle_start[s]))
    size = 16
    while size < 2 * largest + 2:
        size *= 2
    mask = size - 1
    slot = np.full(size, -1, np.int64)
    used = np.empty(largest + 1, np.int64)
    at = np.full(n, -1, np.int64)  # one corner for all that fall together
    mean = np.zeros((n, 3))
    corner = np.empty(3 * n_triangles, np.int64)
    first_face = np.empty(3 * n_triangles, np.int64)
    packed = np.empty(3 * n_triangles, np.int64)
    normals = np.empty((3 * n_triangles, 3), np.float32)
    colors = np.empty(3 * n_triangles, np.uint32)
    indices = np.empty((n_triangles, 3), np.uint32)
    vertex_start = np.zeros(n_shapes + 1, np.int64)
    made = 0
    for s in range(n_shapes):
        t0, t1 = triangle_start[s], triangle_start[s + 1]
        n_used = 0
        for t in range(t0, t1):
            for c in range(3):
                i = triangles[t, c]
                if at[i] < 0:
                    h = _mixed(bits[i, 0], bits[i, 1], bits[i, 2], 7) & mask
                    while slot[h] >= 0:
                        j = slot[h]
                        if bits[j, 0] == bits[i, 0] and bits[j, 1] == bits[i, 1] and bits[j, 2] == bits[i, 2]:
                            break
                        h = (h + 1) & mask
                    if slot[h] < 0:
                        slot[h] = i
                        used[n_used] = h
                        n_used += 1
                    at[i] = slot[h]
        for k in range(n_used):
            slot[used[k]] = -1
        for t in range(t0, t1):
            f = triangle_face[t]
            for c in range(3):
                i = triangles[t, c]
                angle = _corner_angle(
                    local[i], local[triangles[t, (c + 1) % 3]], local[triangles[t, (c + 2) % 3]]
                )
                j = at[i]
                mean[j, 0] += normal[f, 0] * angle
                mean[j, 1] += normal[f, 1] * angle
                mean[j, 2] += normal[f, 2] * angle
        n_used = 0
        start = made
        for t in range(t0, t1):
            f = triangle_face[t]
            for c in range(3):
                i = triangles[t, c]
                j = at[i]
                mx, my, mz = mean[j, 0], mean[j, 1], mean[j, 2]
                length = np.sqrt(mx * mx + my * my + mz * mz)
                nx, ny, nz = normal[f, 0], normal[f, 1], normal[f, 2]
                if length > 0 and (mx * nx + my * ny + mz * nz) > soft * length:
                    nx, ny, nz = mx / length, my / length, mz / length
                p = (
                    (np.int64(np.rint(nx * 500) + 512) << 22)
                    | (np.int64(np.rint(ny * 500) + 512) << 11)
                    | np.int64(np.rint(nz * 500) + 512)
                )
                extra = np.int64(0)
                if textured:
                    extra = np.int64(uv_bits[i, 0]) * 31 + uv_bits[i, 1] + texture[f]
                h = _mixed(j, p, np.int64(color[f]), extra) & mask
                while slot[h] >= 0:
                    v = slot[h]
                    k = corner[v]
                    if at[k] == j and packed[v] == p and colors[v] == color[f]:
                        if not textured:
                            break
                        if (
                            uv_bits[k, 0] == uv_bits[i, 0]
                            and uv_bits[k, 1] == uv_bits[i, 1]
                            and texture[first_face[v]] == texture[f]
                        ):
                            break
                    h = (h + 1) & mask
                if slot[h] < 0:
                    slot[h] = made
                    used[n_used] = h
                    n_used += 1
                    corner[made], packed[made], colors[made], first_face[made] = i, p, color[f], f
                    normals[made, 0], normals[made, 1], normals[made, 2] = nx, ny, nz
                    made += 1
                indices[t, c] = slot[h] - start
        for k in range(n_used):
            slot[used[k]] = -1
        vertex_start[s + 1] = made
    return corner[:made], normals[:made], colors[:made], indices, vertex_start
