"""Compiled: corners of faces become vertices of meshes, normals split at hard edges."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SOFT", "weld"]

SOFT = np.cos(np.deg2rad(25.0))
"""Corners whose faces lean less than 25° off their mean share one normal."""


@njit(cache=True, nogil=True, inline="always")
def _mixed(a: Any, b: Any, c: Any, d: Any) -> Any:  # noqa: ANN401 (64-bit numbers)
    h = (a * 73856093) ^ (b * 19349663) ^ (c * 83492791) ^ (d * 2654435761)
    h ^= h >> 29
    h *= 0x5BD1E995
    return h ^ (h >> 17)


@njit(cache=True, nogil=True)
def _weight(p: NDArray[np.float32], q: NDArray[np.float32], r: NDArray[np.float32]) -> float:
    """How much of the round about ``p`` a face with neighbours ``q`` and ``r`` takes: 1 - cos of its angle."""
    ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    bx, by, bz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    lengths = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz)
    if not lengths > 0:
        return 0.0
    return float(1.0 - (ax * bx + ay * by + az * bz) / np.sqrt(lengths))


@njit(cache=True, nogil=True)
def _together(
    bits: NDArray[np.int32], a: int, b: int, slot: NDArray[np.int32], at: NDArray[np.int32]
) -> None:
    """For corners ``a`` to ``b``, one corner for all that fall together, both counted from ``a``."""
    size = 16
    while size < 2 * (b - a):
        size *= 2
    mask = size - 1
    slot[:size] = -1
    for i in range(a, b):
        h = _mixed(bits[i, 0], bits[i, 1], bits[i, 2], 7) & mask
        while slot[h] >= 0:
            j = a + slot[h]
            if bits[j, 0] == bits[i, 0] and bits[j, 1] == bits[i, 1] and bits[j, 2] == bits[i, 2]:
                break
            h = (h + 1) & mask
        if slot[h] < 0:
            slot[h] = i - a
        at[i - a] = slot[h]


@njit(cache=True, nogil=True)
def weld(  # noqa: C901 (one pass over the columns)
    local: NDArray[np.float32],
    bits: NDArray[np.int32],
    uv_bits: NDArray[np.int32],
    ring_start: NDArray[np.int64],
    face_start: NDArray[np.int64],
    shape_start: NDArray[np.int64],
    normal: NDArray[np.float64],
    color: NDArray[np.uint32],
    texture: NDArray[np.int32],
    soft: float,
) -> tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.uint32],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
]:
    """Vertices of the meshes of a batch.

    Parameters
    ----------
    local : ndarray of float32, shape (n, 3)
        Corners of all faces, metres from the origin of their shape; ``bits`` are the same bytes as
        int32.
    uv_bits : ndarray of int32, shape (n, 2) or (0, 2)
        Texture coordinates of the corners as int32.
    ring_start, face_start, shape_start : ndarray of int64
        As in :class:`loaders.citymodel.shapes.Shapes`.
    normal, color, texture : arrays of length f
        Unit normal, RGBA as one little-endian number, and texture (-1: none) of each face. A face
        without a normal has no vertices.
    soft : float
        Cosine of the lean beyond which an edge is hard.

    Returns
    -------
    positions, normals : ndarray of float32, shape (v, 3)
    colors : ndarray of uint32, shape (v,)
    corner : ndarray of int64, shape (v,)
        A corner each vertex stands at.
    vertex_of : ndarray of int32, shape (n,)
        Vertex of each corner, counted within its shape; -1 for none.
    vertex_start : ndarray of int64, shape (s + 1,)
    """
    n, n_shapes = len(local), len(shape_start) - 1
    textured = len(uv_bits) > 0
    largest = 8
    for s in range(n_shapes):
        a, b = ring_start[face_start[shape_start[s]]], ring_start[face_start[shape_start[s + 1]]]
        largest = max(largest, b - a)
    slot = np.empty(4 * largest + 16, np.int32)  # what belongs to one shape stays in the cache
    at, own = np.empty(largest, np.int32), np.empty(largest, np.int64)
    face_of, packed = np.empty(largest, np.int64), np.empty(largest, np.int64)
    mean = np.empty((largest, 3))
    positions, normals = np.empty((n, 3), np.float32), np.empty((n, 3), np.float32)
    colors, corner = np.empty(n, np.uint32), np.empty(n, np.int64)
    vertex_of = np.full(n, -1, np.int32)
    vertex_start = np.zeros(n_shapes + 1, np.int64)
    made = 0
    for s in range(n_shapes):
        f0, f1 = shape_start[s], shape_start[s + 1]
        a, b = ring_start[face_start[f0]], ring_start[face_start[f1]]
        _together(bits, a, b, slot, at)
        mean[: b - a] = 0.0
        for f in range(f0, f1):
            nx, ny, nz = normal[f, 0], normal[f, 1], normal[f, 2]
            for r in range(face_start[f], face_start[f + 1]):
                c0, c1 = ring_start[r], ring_start[r + 1]
                before = c1 - 1
                for i in range(c0, c1):
                    after = i + 1 if i + 1 < c1 else c0
                    w = _weight(local[i], local[before], local[after])
                    j = at[i - a]
                    mean[j, 0] += nx * w
                    mean[j, 1] += ny * w
                    mean[j, 2] += nz * w
                    before = i
        size = 16
        while size < 2 * (b - a):
            size *= 2
        mask = size - 1
        slot[:size] = -1
        count = 0
        for f in range(f0, f1):
            fx, fy, fz = normal[f, 0], normal[f, 1], normal[f, 2]
            if fx == 0 and fy == 0 and fz == 0:
                continue
            for i in range(ring_start[face_start[f]], ring_start[face_start[f + 1]]):
                j = np.int64(at[i - a])
                mx, my, mz = mean[j, 0], mean[j, 1], mean[j, 2]
                length = np.sqrt(mx * mx + my * my + mz * mz)
                nx, ny, nz = fx, fy, fz
                if (mx * fx + my * fy + mz * fz) > soft * length:
                    nx, ny, nz = mx / length, my / length, mz / length
                # directions that differ by less than 1/500 are one
                p = (
                    (np.int64(nx * 500 + 512.5) << 22)
                    | (np.int64(ny * 500 + 512.5) << 11)
                    | np.int64(nz * 500 + 512.5)
                )
                extra = np.int64(0)
                if textured:
                    extra = np.int64(uv_bits[i, 0]) * 31 + uv_bits[i, 1] + texture[f]
                h = _mixed(j, p, np.int64(color[f]), extra) & mask
                while slot[h] >= 0:
                    v = slot[h]
                    if own[v] == j and packed[v] == p and colors[made + v] == color[f]:
                        if not textured:
                            break
                        k = corner[made + v]
                        if (
                            uv_bits[k, 0] == uv_bits[i, 0]
                            and uv_bits[k, 1] == uv_bits[i, 1]
                            and texture[face_of[v]] == texture[f]
                        ):
                            break
                    h = (h + 1) & mask
                if slot[h] < 0:
                    slot[h] = count
                    own[count], packed[count], face_of[count] = j, p, f
                    v = made + count
                    corner[v], colors[v] = i, color[f]
                    for axis in range(3):
                        positions[v, axis] = local[i, axis]
                    normals[v, 0], normals[v, 1], normals[v, 2] = nx, ny, nz
                    count += 1
                vertex_of[i] = slot[h]
        made += count
        vertex_start[s + 1] = made
    return positions[:made], normals[:made], colors[:made], corner[:made], vertex_of, vertex_start
