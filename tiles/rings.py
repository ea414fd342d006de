"""Footprints of one tile on the tile's grid: whole steps, clean rings, one direction (compiled).

All that follows is done in whole numbers, so that it comes out the same on every machine and with
or without a compiler; :mod:`tiles.columnwise` does the same in columns.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["TOLERANCE_ACROSS", "TOLERANCE_UP", "Rings", "clean", "gather", "snap"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Steps = NDArray[np.int32]

TOLERANCE_ACROSS, TOLERANCE_UP = 0.48e-3, 0.68e-3
"""Metres by which a point may move along an axis so that a whole building has one height, and one
step from foot to head, in the tile's frame: together less than a millimetre."""


@dataclass(frozen=True, slots=True)
class Rings:
    """Polygons on the grid: outer rings counter-clockwise, holes clockwise, no closing vertex.

    ``low``, ``high`` (n, 3) are east, north, up at foot and head, in steps; ``ring_start`` (r + 1)
    cuts the points into rings, ``polygon_start`` (p + 1) the rings into polygons, ``owner`` (p) is
    the feature of each polygon, ascending.
    """

    low: Steps
    high: Steps
    ring_start: Ints
    polygon_start: Ints
    owner: Ints


@njit(cache=True, nogil=True)
def gather(
    ring_start: Ints, polygon_start: Ints, first: Ints, last: Ints
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Bring the polygons of some features together.

    Parameters
    ----------
    ring_start, polygon_start : ndarray of int64
        Cuts of all footprints, see :class:`tiles.footprints.Footprints`.
    first, last : ndarray of int64, shape (m,)
        Range of polygons of each feature.

    Returns
    -------
    vertex : ndarray of int64, shape (v,)
        Which vertices, in order of the features.
    feature_start : ndarray of int64, shape (m + 1,)
    ring_start, polygon_start, owner : ndarray of int64
        Cuts of the gathered vertices, and the feature of each polygon.
    """
    rings = polygons = vertices = 0
    for i in range(len(first)):
        a, b = polygon_start[first[i]], polygon_start[last[i]]
        polygons += last[i] - first[i]
        rings += b - a
        vertices += ring_start[b] - ring_start[a]
    vertex = np.empty(vertices, np.int64)
    rings_out, polygons_out = np.zeros(rings + 1, np.int64), np.zeros(polygons + 1, np.int64)
    owner, feature_start = np.empty(polygons, np.int64), np.zeros(len(first) + 1, np.int64)
    v = r = p = 0
    for i in range(len(first)):
        for q in range(first[i], last[i]):
            for s in range(polygon_start[q], polygon_start[q + 1]):
                for k in range(ring_start[s], ring_start[s + 1]):
                    vertex[v] = k
                    v += 1
                r += 1
                rings_out[r] = v
            owner[p] = i
            p += 1
            polygons_out[p] = r
        feature_start[i + 1] = v
    return vertex, feature_start, rings_out, polygons_out, owner


@njit(cache=True, nogil=True)
def snap(low: Floats, high: Floats, feature_start: Ints, per_metre: float) -> tuple[Steps, Steps]:
    """Put the points of features on the grid.

    Parameters
    ----------
    low, high : ndarray of float64, shape (n, 3)
        East, north, up of foot and head, metres.
    feature_start : ndarray of int64, shape (m + 1,)
    per_metre : float
        Steps of a metre.

    Returns
    -------
    low, high : ndarray of int32, shape (n, 3)
        One height for all feet of a feature, one for all heads, and one step across from foot to
        head, where no point moves by more than the tolerances; else each point is rounded.
    """
    across, upward = TOLERANCE_ACROSS * per_metre, TOLERANCE_UP * per_metre
    below, above = np.empty(low.shape, np.int32), np.empty(low.shape, np.int32)
    for f in range(len(feature_start) - 1):
        a, b = feature_start[f], feature_start[f + 1]
        if a == b:
            continue
        for c in range(2):
            step = np.rint((high[a, c] - low[a, c]) * per_metre)
            same = True
            for i in range(a, b):
                foot = np.rint(low[i, c] * per_metre)
                below[i, c] = np.int32(foot)
                same &= abs(foot + step - high[i, c] * per_metre) <= across
            for i in range(a, b):
                head = np.rint(high[i, c] * per_metre)
                above[i, c] = below[i, c] + np.int32(step) if same else np.int32(head)
        _level(low, a, b, per_metre, upward, below)
        _level(high, a, b, per_metre, upward, above)
    return below, above


@njit(cache=True, nogil=True)
def _level(points: Floats, a: int, b: int, per_metre: float, most: float, out: Steps) -> None:
    """The heights of one feature, in steps."""
    lowest = highest = points[a, 2] * per_metre
    for i in range(a + 1, b):
        z = points[i, 2] * per_metre
        lowest, highest = min(lowest, z), max(highest, z)
    level = np.rint((lowest + highest) / 2)
    one = level - lowest <= most and highest - level <= most
    for i in range(a, b):
        out[i, 2] = np.int32(level) if one else np.int32(np.rint(points[i, 2] * per_metre))


@njit(cache=True, nogil=True)
def clean(
    at: Steps, ring_start: Ints, polygon_start: Ints, owner: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Drop repeated points and what then is no ring; turn the rest.

    Parameters
    ----------
    at : ndarray of int32, shape (n, 3)
        Points on the grid; the third column is not looked at.
    ring_start, polygon_start, owner : ndarray of int64
        As :func:`gather` gives them.

    Returns
    -------
    kept : ndarray of int64, shape (k,)
        Which points remain, in their new order.
    ring_start, polygon_start, owner : ndarray of int64
        As in :class:`Rings`. An outer ring has at least two points, a hole three.
    """
    kept = np.empty(len(at), np.int64)
    rings_out, polygons_out = (
        np.zeros(len(ring_start), np.int64),
        np.zeros(len(owner) + 1, np.int64),
    )
    owner_out = np.empty(len(owner), np.int64)
    k = r = p = 0
    for q in range(len(owner)):
        for s in range(polygon_start[q], polygon_start[q + 1]):
            a, b = ring_start[s], ring_start[s + 1]
            outer = s == polygon_start[q]
            begin = k
            for i in range(a, b):
                after = i + 1 if i + 1 < b else a
                if at[i, 0] != at[after, 0] or at[i, 1] != at[after, 1]:
                    kept[k] = i
                    k += 1
            if k - begin < (2 if outer else 3):
                k = begin
                if outer:
                    break
                continue
            if (_twice_area(at, kept, begin, k) < 0) == outer:
                kept[begin:k] = kept[begin:k][::-1].copy()
            r += 1
            rings_out[r] = k
        if r > polygons_out[p]:
            owner_out[p] = owner[q]
            p += 1
            polygons_out[p] = r
    return kept[:k], rings_out[: r + 1], polygons_out[: p + 1], owner_out[:p]


@njit(cache=True, nogil=True)
def _twice_area(at: Steps, kept: Ints, begin: int, end: int) -> int:
    ox, oy = np.int64(at[kept[begin], 0]), np.int64(at[kept[begin], 1])
    twice = np.int64(0)
    for k in range(begin + 1, end - 1):
        i, j = kept[k], kept[k + 1]
        twice += (at[i, 0] - ox) * (at[j, 1] - oy) - (at[j, 0] - ox) * (at[i, 1] - oy)
    return int(twice)
