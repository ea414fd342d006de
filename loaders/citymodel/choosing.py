"""Compiled: which shape of an object is its outline, which its mesh, which stand beside."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["outlined", "settled"]

IntArray = NDArray[np.int64]
Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def outlined(
    start: IntArray, shapes: IntArray, rank: NDArray[np.float64], flat: Flags, whole: Flags
) -> IntArray:
    """The shape of each object that has the best say about its outline, -1 for none.

    Parameters
    ----------
    start : ndarray of int64, shape (n + 1,)
        ``shapes[start[i]:start[i + 1]]`` are those of object i.
    shapes : ndarray of int64
    rank : ndarray of float64, shape (s,)
        LoD as a number.
    flat, whole : ndarray of bool, shape (s,)
        Shapes of LoD 0 and shapes that have a face.
    """
    out = np.full(len(start) - 1, -1, np.int64)
    for i in range(len(out)):
        for k in range(start[i], start[i + 1]):
            s = shapes[k]
            best = out[i]
            if whole[s] and (best < 0 or (not flat[best] and (flat[s] or rank[s] > rank[best]))):
                out[i] = s
    return out


@njit(cache=True, nogil=True)
def settled(
    start: IntArray,
    shapes: IntArray,
    rank: NDArray[np.float64],
    flat: Flags,
    sound: Flags,
    building: Flags,
) -> tuple[Flags, IntArray, IntArray, IntArray]:
    """Meshes of the objects about which there is nothing to decide or to tell.

    Parameters
    ----------
    start, shapes, rank, flat
        As for :func:`outlined`.
    sound : ndarray of bool, shape (s,)
        Shapes that have faces, none of them left out, and triangles.
    building : ndarray of bool, shape (n,)
        Objects of which LoD 0 is no mesh.

    Returns
    -------
    plain : ndarray of bool, shape (n,)
        Objects whose shapes are all sound and of different LoDs.
    mesh : ndarray of int64, shape (n,)
        The finest shape of each of those, -1 for none.
    owner, extra : ndarray of int64
        Objects and their coarser shapes, finest first.
    """
    n = len(start) - 1
    plain, mesh = np.ones(n, np.bool_), np.full(n, -1, np.int64)
    owner, extra = np.empty(len(shapes), np.int64), np.empty(len(shapes), np.int64)
    order = np.empty(len(shapes), np.int64)
    at = 0
    for i in range(n):
        count = solids = 0
        for k in range(start[i], start[i + 1]):
            s = shapes[k]
            plain[i] &= sound[s]
            solids += not flat[s]
        for k in range(start[i], start[i + 1]):
            s = shapes[k]
            if flat[s] and (solids > 0 or building[i]):
                continue
            j = count
            while j > 0 and rank[order[j - 1]] < rank[s]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = s
            count += 1
        for j in range(1, count):
            plain[i] &= rank[order[j - 1]] > rank[order[j]]
        if not plain[i] or count == 0:
            continue
        mesh[i] = order[0]
        for j in range(1, count):
            owner[at], extra[at] = i, order[j]
            at += 1
    return plain, mesh, owner[:at], extra[:at]
