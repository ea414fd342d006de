"""Compiled: one pass over the corners of a batch each: which faces hold, where corners lie, what each shape spans."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["bounds", "cleaned", "corners_at", "localised", "runs_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def runs_of(whole: IntArray, start: IntArray, length: IntArray) -> IntArray:
    """Runs of an array one after another, run i from ``start[i]`` on."""
    total = 0
    for i in range(len(length)):
        total += length[i]
    out = np.empty(total, np.int64)
    at = 0
    for i in range(len(start)):
        for k in range(start[i], start[i] + length[i]):
            out[at] = whole[k]
            at += 1
    return out


@njit(cache=True, nogil=True)
def corners_at(
    vertices: FloatArray, index: IntArray, length: IntArray, first: IntArray, count: IntArray
) -> FloatArray:
    """Corners (n, 3) of shapes whose numbers point into vertex lists of their own.

    Parameters
    ----------
    vertices : ndarray of float64, shape (v, 3)
        All lists one after another.
    index : ndarray of int64, shape (n,)
        Numbers of the corners, shape after shape, ``length`` (s,) of each.
    first, count : ndarray of int64, shape (s,)
        Where the list of each shape begins and how long it is. A number beyond it gives NaN.
    """
    out = np.empty((len(index), 3))
    at = 0
    for s in range(len(length)):
        for _ in range(length[s]):
            k = index[at]
            if 0 <= k < count[s]:
                k += first[s]
                out[at, 0], out[at, 1], out[at, 2] = vertices[k, 0], vertices[k, 1], vertices[k, 2]
            else:
                out[at, 0] = out[at, 1] = out[at, 2] = np.nan
            at += 1
    return out


@njit(cache=True, nogil=True)
def cleaned(
    xyz: FloatArray, ring_start: IntArray, face_start: IntArray, farthest: float
) -> tuple[Flags, Flags, int, int]:
    """Which corners only close their ring, and which faces hold no ring that is none.

    Parameters
    ----------
    xyz, ring_start, face_start
        As in :class:`loaders.citymodel.shapes.Shapes`.
    farthest : float
        A corner with a larger coordinate is out of range.

    Returns
    -------
    closing : ndarray of bool, shape (n,)
        Last corners that repeat the first of a ring of more than three.
    good : ndarray of bool, shape (f,)
        Faces all of whose corners are numbers in range and all of whose rings have three.
    n_closing, n_bad : int
    """
    closing = np.zeros(len(xyz), np.bool_)
    good = np.ones(len(face_start) - 1, np.bool_)
    n_closing = n_bad = 0
    for f in range(len(good)):
        for r in range(face_start[f], face_start[f + 1]):
            a, b = ring_start[r], ring_start[r + 1]
            n = b - a
            if (
                n > 3
                and xyz[a, 0] == xyz[b - 1, 0]
                and xyz[a, 1] == xyz[b - 1, 1]
                and xyz[a, 2] == xyz[b - 1, 2]
            ):
                closing[b - 1] = True
                n_closing += 1
                n -= 1
            sound = n >= 3
            for i in range(a, b):
                for axis in range(3):
                    if not abs(xyz[i, axis]) < farthest:  # nor where it is no number
                        sound = False
            if not sound:
                good[f] = False
        if not good[f]:
            n_bad += 1
    return closing, good, n_closing, n_bad


@njit(cache=True, nogil=True)
def bounds(xyz: FloatArray, start: IntArray) -> tuple[FloatArray, FloatArray]:
    """Least and greatest corner (s, 3) of runs, NaN for empty ones."""
    n = len(start) - 1
    low, high = np.full((n, 3), np.nan), np.full((n, 3), np.nan)
    for s in range(n):
        for i in range(start[s], start[s + 1]):
            for axis in range(3):
                v = xyz[i, axis]
                if i == start[s] or v < low[s, axis]:
                    low[s, axis] = v
                if i == start[s] or v > high[s, axis]:
                    high[s, axis] = v
    return low, high


@njit(cache=True, nogil=True)
def localised(
    xyz: FloatArray, start: IntArray, origin: FloatArray, scale: FloatArray
) -> tuple[FloatArray, NDArray[np.float32]]:
    """Corners in metres from the origin of their shape, and the same as float32 without negative zeros."""
    local = np.empty((len(xyz), 3))
    near = np.empty((len(xyz), 3), np.float32)
    for s in range(len(start) - 1):
        for i in range(start[s], start[s + 1]):
            for axis in range(3):
                v = (xyz[i, axis] - origin[s, axis]) * scale[s, axis]
                local[i, axis] = v
                near[i, axis] = np.float32(v) + np.float32(0)
    return local, near
