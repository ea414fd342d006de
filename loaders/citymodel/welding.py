"""Compiled: corners of faces become vertices of meshes."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["weld"]

Bits = NDArray[np.int32]
IntArray = NDArray[np.int64]


@njit(cache=True, nogil=True, inline="always")
def _mixed(a: Any, b: Any, c: Any) -> Any:  # noqa: ANN401 (32-bit numbers)
    h = (np.uint32(a) * np.uint32(73856093)) ^ (np.uint32(b) * np.uint32(19349663))
    h ^= np.uint32(c) * np.uint32(83492791)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x5BD1E995)
    return h ^ (h >> np.uint32(13))


@njit(cache=True, nogil=True)
def weld(
    near: NDArray[np.float32],
    bits: Bits,
    uv_bits: Bits,
    ring_start: IntArray,
    face_start: IntArray,
    shape_start: IntArray,
    normal: NDArray[np.float64],
    texture: Bits,
) -> tuple[NDArray[np.float32], IntArray, Bits, IntArray]:
    """Vertices of the meshes of a batch: corners that fall together are one.

    Parameters
    ----------
    near : ndarray of float32, shape (n, 3)
        Corners of all faces, metres from the origin of their shape; ``bits`` are the same bytes as int32.
    uv_bits : ndarray of int32, shape (n, 2) or (0, 2)
        Texture coordinates of the corners as int32; corners of other ones or another texture stay apart.
    ring_start, face_start, shape_start : ndarray of int64
        As in :class:`loaders.citymodel.shapes.Shapes`.
    normal : ndarray of float64, shape (f, 3)
        Of each face; one without a normal has no vertices.
    texture : ndarray of int32, shape (f,)
        Image of each face, -1 for none.

    Returns
    -------
    positions : ndarray of float32, shape (v, 3)
    corner : ndarray of int64, shape (v,)
        The first corner that stands at each vertex.
    vertex_of : ndarray of int32, shape (n,)
        Vertex of each corner, counted within its shape; -1 for none.
    vertex_start : ndarray of int64, shape (s + 1,)
    """
    n, n_shapes = len(bits), len(shape_start) - 1
    textured = len(uv_bits) > 0
    largest = 8
    for s in range(n_shapes):
        a, b = ring_start[face_start[shape_start[s]]], ring_start[face_start[shape_start[s + 1]]]
        largest = max(largest, b - a)
    slot = np.empty(4 * largest + 16, np.int32)  # what belongs to one shape stays in the cache
    face_of = np.empty(largest, np.int64)
    positions, corner = np.empty((n, 3), np.float32), np.empty(n, np.int64)
    vertex_of = np.full(n, -1, np.int32)
    vertex_start = np.zeros(n_shapes + 1, np.int64)
    made = 0
    for s in range(n_shapes):
        f0, f1 = shape_start[s], shape_start[s + 1]
        room = ring_start[face_start[f1]] - ring_start[face_start[f0]]
        size = 16
        while size < 2 * room:
            size *= 2
        mask = np.uint32(size - 1)
        slot[:size] = -1
        count = 0
        for f in range(f0, f1):
            if normal[f, 0] == 0 and normal[f, 1] == 0 and normal[f, 2] == 0:
                continue
            for i in range(ring_start[face_start[f]], ring_start[face_start[f + 1]]):
                x, y, z = bits[i, 0], bits[i, 1], bits[i, 2]
                h = _mixed(x, y, z) & mask
                while slot[h] >= 0:
                    k = corner[made + slot[h]]
                    if (
                        bits[k, 0] == x
                        and bits[k, 1] == y
                        and bits[k, 2] == z
                        and (
                            not textured
                            or (
                                uv_bits[k, 0] == uv_bits[i, 0]
                                and uv_bits[k, 1] == uv_bits[i, 1]
                                and texture[face_of[slot[h]]] == texture[f]
                            )
                        )
                    ):
                        break
                    h = (h + np.uint32(1)) & mask
                if slot[h] < 0:
                    slot[h] = count
                    k = made + count
                    corner[k] = i
                    positions[k, 0], positions[k, 1], positions[k, 2] = (
                        near[i, 0],
                        near[i, 1],
                        near[i, 2],
                    )
                    face_of[count] = f
                    count += 1
                vertex_of[i] = slot[h]
        made += count
        vertex_start[s + 1] = made
    return positions[:made], corner[:made], vertex_of, vertex_start
