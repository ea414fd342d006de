"""Compiled: footprints that are one plain ring, found and written without objects."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from twin.wkb import MOST_CORNERS, simple_ring

__all__ = ["chosen", "single_rings"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Flags = NDArray[np.bool_]
HEAD = 13
"""Bytes of a WKB polygon before its first corner: order, type, rings, corners."""


@njit(cache=True, nogil=True)
def chosen(
    z: FloatArray,
    ring_start: IntArray,
    face_start: IntArray,
    shape_start: IntArray,
    at: IntArray,
    flat: Flags,
    ground: Flags,
    level: float,
) -> tuple[Flags, FloatArray]:
    """Faces that make the footprint: all of LoD 0, else ground surfaces, else level ones at the bottom, else all.

    Parameters
    ----------
    z : ndarray of float64, shape (n,)
    ring_start, face_start, shape_start
        As in :class:`loaders.citymodel.shapes.Shapes`.
    at : ndarray of int64, shape (s,)
        Shapes looked at.
    flat : ndarray of bool, shape (s,)
        Those of LoD 0.
    ground : ndarray of bool, shape (f,)
    level : float
        Metres within which a face counts as level and as lying at the bottom.

    Returns
    -------
    pick : ndarray of bool, shape (f,)
    lowest : ndarray of float64, shape (s,)
    """
    n = len(at)
    pick = np.zeros(len(ground), np.bool_)
    lowest = np.full(n, np.inf)
    low, high = np.empty(len(ground)), np.empty(len(ground))
    for s in range(n):
        has_ground = has_level = False
        first, last = shape_start[at[s]], shape_start[at[s] + 1]
        for f in range(first, last):
            a, b = ring_start[face_start[f]], ring_start[face_start[f + 1]]
            low[f], high[f] = np.inf, -np.inf
            for i in range(a, b):
                low[f], high[f] = min(low[f], z[i]), max(high[f], z[i])
            lowest[s] = min(lowest[s], low[f])
            has_ground |= ground[f]
        for f in range(first, last):
            if high[f] - low[f] < level and low[f] < lowest[s] + level:
                has_level = True
        for f in range(first, last):
            if flat[s] or not (has_ground or has_level):
                pick[f] = True
            elif has_ground:
                pick[f] = ground[f]
            else:
                pick[f] = high[f] - low[f] < level and low[f] < lowest[s] + level
    return pick, lowest


@njit(cache=True, nogil=True)
def _put(out: NDArray[np.uint8], at: int, value: float, one: FloatArray) -> None:
    one[0] = value
    raw = one.view(np.uint8)
    for k in range(8):
        out[at + k] = raw[k]


@njit(cache=True, nogil=True)
def _area(x: FloatArray, y: FloatArray, n: int) -> tuple[float, float]:
    """Area and length of a closed ring of n corners, the first repeated."""
    area = length = 0.0
    for i in range(n - 1):
        area += (x[i] - x[0]) * (y[i + 1] - y[0]) - (x[i + 1] - x[0]) * (y[i] - y[0])
        length += np.hypot(x[i + 1] - x[i], y[i + 1] - y[i])
    return abs(area) / 2, length


@njit(cache=True, nogil=True)
def single_rings(  # noqa: C901 (one pass over the columns)
    xyz: FloatArray,
    ring_start: IntArray,
    face_start: IntArray,
    shape_start: IntArray,
    at: IntArray,
    pick: Flags,
    lowest: FloatArray,
    least_area: float,
    least_width: float,
) -> tuple[NDArray[np.uint8], IntArray]:
    """Little-endian ISO WKB of the footprints that are one ring, sound beyond doubt.

    Parameters
    ----------
    xyz, ring_start, face_start, shape_start
        As in :class:`loaders.citymodel.shapes.Shapes`.
    at : ndarray of int64, shape (s,)
        Shapes looked at.
    pick : ndarray of bool, shape (f,)
        Faces that make the footprint of their shape.
    lowest : ndarray of float64, shape (s,)
        Written as z.
    least_area, least_width : float
        Square units and units of x and y; what is not clearly above is left to the general way.

    Returns
    -------
    data : ndarray of uint8
    end : ndarray of int64, shape (s + 1,)
        ``data[end[i]:end[i + 1]]`` is the footprint of shape i; empty where it takes the general way.
    """
    n_shapes = len(at)
    data = np.empty(n_shapes * (HEAD + 24 * (MOST_CORNERS + 1)), np.uint8)
    end = np.zeros(n_shapes + 1, np.int64)
    x, y = np.empty(MOST_CORNERS + 1), np.empty(MOST_CORNERS + 1)
    one = np.empty(1)
    to = 0
    for s in range(n_shapes):
        end[s + 1] = to
        count, face = 0, -1
        for f in range(shape_start[at[s]], shape_start[at[s] + 1]):
            if pick[f]:
                count += 1
                face = f
        if count != 1 or face_start[face + 1] - face_start[face] != 1:
            continue
        a, b = ring_start[face_start[face]], ring_start[face_start[face] + 1]
        n = b - a
        if n < 3 or n >= MOST_CORNERS:
            continue
        for i in range(n):
            x[i], y[i] = xyz[a + i, 0], xyz[a + i, 1]
        x[n], y[n] = x[0], y[0]
        area, length = _area(x, y, n + 1)
        if not (area > 2 * least_area and area > 2 * least_width * length):
            continue
        if not simple_ring(x, y, 0, n + 1):
            continue
        data[to] = 1
        for k in range(4):
            data[to + 1 + k] = (1003 >> (8 * k)) & 255
            data[to + 5 + k] = (1 >> (8 * k)) & 255
            data[to + 9 + k] = ((n + 1) >> (8 * k)) & 255
        to += HEAD
        for i in range(n + 1):
            _put(data, to, x[i], one)
            _put(data, to + 8, y[i], one)
            _put(data, to + 16, lowest[s], one)
            to += 24
        end[s + 1] = to
    return data[:to].copy(), end
