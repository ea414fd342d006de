"""Things that lie across a tile's edge, cut to the tile and its buffer.

A compiled loop cuts what leaves the tile once, as the outlines of buildings and pieces of lines mostly do; GEOS cuts the
rest. Both walk and round alike, so it cannot be seen which of them it was.
"""

from __future__ import annotations

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from tiles.mvt_encode import EXTENT
from tiles.mvt_features import commands, put_ring
from tiles.mvt_level import Level, geometries_of, is_simple, on_grid, oriented, valid_on_grid
from tiles.wkb import POINT, POLYGON

__all__ = ["BUFFER", "crossing_commands"]

BUFFER = 64
"""Units beyond the tile that are kept, so that outlines do not show the tile's edge."""
MOST_CORNERS = 256
"""Vertices up to which an outline is cut by the compiled loop."""

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Whole = NDArray[np.int32]


def crossing_commands(level: Level, rows: Ints, x0: int, y0: int) -> tuple[Bytes, Ints, Ints]:
    """Geometry of features that do not lie wholly in a tile, whose south-west corner is (x0, y0) units of the zoom.

    Returns
    -------
    tuple of ndarray of uint8 and two ndarrays of int64, shape (n,)
        Bytes of all, and where those of each begin and end; of one of which nothing is left there are none.
    """
    done, begin, end, left = _cut(
        level.x, level.y, level.ring_start, level.first, level.last, level.kind, rows, x0, y0
    )  # fmt: skip
    if left.any():
        odd = rows[left]
        more, at = commands(_clipped(level, odd, x0, y0), np.arange(len(odd)), x0, y0)
        begin[left], end[left] = at[:-1] + len(done), at[1:] + len(done)
        done = np.concatenate([done, more])
    return done, begin, end


def _clipped(level: Level, rows: Ints, x0: int, y0: int) -> Level:
    """Features cut to a tile and its buffer, on whole units; those of which nothing is left are left out."""
    low, size = float(-BUFFER), float(EXTENT + BUFFER)
    cut = shapely.clip_by_rect(
        drawn := geometries_of(level, rows), x0 + low, y0 + low, x0 + size, y0 + size
    )
    # a cut that touches only at a corner or an edge has lost the dimension of the thing
    thinner = shapely.get_dimensions(cut) != shapely.get_dimensions(drawn)
    cut[thinner | (shapely.get_type_id(cut) == 7) | shapely.is_empty(cut)] = None
    cut = shapely.transform(cut, np.rint)
    bad = (shapely.get_dimensions(cut) == 2) & ~shapely.is_valid(cut)
    cut[bad] = valid_on_grid(cut[bad])
    return on_grid(cut)


@njit(cache=True, nogil=True)
def _side(x: float, y: float, west: float, south: float, east: float, north: float) -> int:
    """Sides of the window at or beyond which a point lies, a bit each; 0 inside; 16 more for one on an edge."""
    side = int(x <= west) | int(y >= north) << 1 | int(x >= east) << 2 | int(y <= south) << 3
    on_edge = side != 0 and west <= x <= east and south <= y <= north
    return side + 16 * int(on_edge)


@njit(cache=True, nogil=True)
def _met(
    ax: float, ay: float, bx: float, by: float, west: float, south: float, east: float, north: float
) -> tuple[float, float, int]:
    """Where the edge from a, not inside, to b, inside, meets the window, and at which side; in the steps of GEOS."""
    side = -1
    if ax <= west:
        ay += (by - ay) * (west - ax) / (bx - ax)
        ax, side = west, 0
    elif ax >= east:
        ay += (by - ay) * (east - ax) / (bx - ax)
        ax, side = east, 2
    if ay <= south:
        ax += (bx - ax) * (south - ay) / (by - ay)
        ay, side = south, 3
    elif ay >= north:
        ax += (bx - ax) * (north - ay) / (by - ay)
        ay, side = north, 1
    return ax, ay, side


@njit(cache=True, nogil=True)
def _passes(
    ax: float, ay: float, bx: float, by: float, west: float, south: float, east: float, north: float
) -> bool:
    """Whether the line through two points has corners of the window on both sides of it, or one on it."""
    dx, dy = bx - ax, by - ay
    left, right = 0, 0
    for x, y in ((west, south), (west, north), (east, south), (east, north)):
        turn = dx * (y - ay) - dy * (x - ax)
        left += int(turn > 0)
        right += int(turn < 0)
    return left != 4 and right != 4


@njit(cache=True, nogil=True)
def _entry(x: Whole, y: Whole, a: int, n: int, window: Floats) -> int:
    """The first vertex of the one run of a ring that lies inside; -1 where nothing is inside, -2 where it is not plain."""
    west, south, east, north = window
    start, runs, any_side = -1, 0, 0
    before = _side(x[a + n - 1], y[a + n - 1], west, south, east, north)
    for k in range(n):
        now = _side(x[a + k], y[a + k], west, south, east, north)
        any_side |= now
        if now >= 16 and (before >= 16 or now - 16 not in (1, 2, 4, 8)):
            return -2  # along an edge, or in a corner
        if now == 0 and before != 0:
            start = k
            runs += 1
        elif now != 0 and before != 0 and now & before & 15 == 0:
            j = a + (k + n - 1) % n
            if now >= 16 or before >= 16 or _passes(x[j], y[j], x[a + k], y[a + k], west, south, east, north):  # fmt: skip
                return -2
        before = now
    if runs == 0 and any_side != 0 and any_side & 15 != 15:
        return -1
    return start if runs == 1 else -2


@njit(cache=True, nogil=True)
def _cut_ring(
    x: Whole, y: Whole, a: int, b: int, window: Floats, ox: Floats, oy: Floats
) -> int:  # fmt: skip
    """Write the part of a clockwise ring in a window; its vertices, 0 for none, -1 where it is not plain."""
    west, south, east, north = window
    n = b - a
    start = _entry(x, y, a, n, window)
    if start < 0:
        return start + 1
    p, q = a + (start - 1 + n) % n, a + start
    fx, fy, first = _met(x[p], y[p], x[q], y[q], west, south, east, north)
    ox[0], oy[0] = fx, fy
    m, k = 1, start
    while _side(x[a + k % n], y[a + k % n], west, south, east, north) == 0:
        ox[m], oy[m] = x[a + k % n], y[a + k % n]
        m += 1
        k += 1
    p, q = a + k % n, a + (k - 1) % n
    lx, ly, last = _met(x[p], y[p], x[q], y[q], west, south, east, north)
    ox[m], oy[m] = lx, ly
    m += 1
    if first == last:  # back along the side, clockwise: else it goes around the whole window
        ahead = fx - lx if first == 1 else lx - fx
        if first in (0, 2):
            ahead = fy - ly if first == 0 else ly - fy
        return m if ahead > 0 else -1
    side = last
    while side != first:
        ox[m] = west if side in (0, 3) else east
        oy[m] = north if side in (0, 1) else south
        m += 1
        side = (side + 1) % 4
    return m


@njit(cache=True, nogil=True)
def _rounded(x: Floats, y: Floats, m: int, ox: Whole, oy: Whole) -> int:
    """Vertices on whole units from the westernmost (southernmost) on, without those that fall together; how many."""
    first, n = 0, 0
    for k in range(1, m):
        if x[k] < x[first] or (x[k] == x[first] and y[k] < y[first]):
            first = k
    for k in range(m):
        i = (first + k) % m
        px, py = np.int32(np.rint(x[i])), np.int32(np.rint(y[i]))
        if n == 0 or px != ox[n - 1] or py != oy[n - 1]:
            ox[n], oy[n] = px, py
            n += 1
    while n > 1 and ox[n - 1] == ox[0] and oy[n - 1] == oy[0]:
        n -= 1
    return n


@njit(cache=True, nogil=True)
def _cut(  # noqa: C901 -- one loop, compiled
    x: Whole, y: Whole, cuts: Whole, first: Whole,
    last: Whole, kind: NDArray[np.uint8], rows: Ints, x0: int, y0: int,
) -> tuple[Bytes, Ints, Ints, Flags]:  # fmt: skip
    """Commands, where each feature's begin and end, and which features are left to GEOS."""
    window = np.array([x0 - BUFFER, y0 - BUFFER, x0 + EXTENT + BUFFER, y0 + EXTENT + BUFFER], np.float64)  # fmt: skip
    n = len(rows)
    begin, end, left = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.bool_)
    cx, cy = np.empty(MOST_CORNERS + 8), np.empty(MOST_CORNERS + 8)
    ox, oy = np.empty(MOST_CORNERS + 8, np.int32), np.empty(MOST_CORNERS + 8, np.int32)
    room = 16
    for i in rows:
        room += 20 * (cuts[last[i]] - cuts[first[i]] + 8) + 16
    out, at = np.empty(room, np.uint8), 0
    for k in range(n):
        i = rows[k]
        begin[k] = at
        end[k] = at
        if first[i] == last[i]:
            continue
        a, b = cuts[first[i]], cuts[last[i]]
        if last[i] - first[i] > 1 or b - a > MOST_CORNERS:
            left[k] = True
        elif kind[i] == POINT:
            left[k] = _side(x[a], y[a], window[0], window[1], window[2], window[3]) >= 16
        elif kind[i] == POLYGON:
            m = _cut_ring(x, y, a, b, window, cx, cy)
            if m > 0:
                m = _rounded(cx, cy, m, ox, oy)
                if m < 3 or not oriented(ox, oy, 0, m, True) or not is_simple(ox, oy, 0, m):
                    m = -1
            if m < 0:
                left[k] = True
            elif m > 0:
                at = put_ring(out, at, ox, oy, m, x0, y0)
                end[k] = at
        else:
            left[k] = True
    return out[:at].copy(), begin, end, left
