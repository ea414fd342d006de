"""Triangles of many polygons on a grid of whole steps.

A ring without holes is cut ear by ear in a compiled loop, or in columns where all polygons take a
step at a time; both cut the same ears, as whole numbers leave nothing to rounding. Polygons with
holes, with very many corners, or which touch themselves so that no ear is left, go to earcut.
"""

import mapbox_earcut
import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.rings import Rings
from twin.earclip import clip, turn

__all__ = ["MOST_CORNERS", "MOST_EARCUT", "triangulate"]

Ints = NDArray[np.int64]
Steps = NDArray[np.int32]

MOST_CORNERS = 128
"""Corners up to which a ring is cut ear by ear."""
MOST_EARCUT = 16_384
"""Corners up to which a polygon is triangulated with all of them; of more, every second, third …"""
SLIVER_M = 1e-3
"""Thinner triangles cannot be seen and turn over when they are rounded."""
LEFT = -1


def triangulate(rings: Rings, per_metre: float, *, compiled: bool) -> tuple[Ints, Ints]:
    """Triangles of every polygon, counter-clockwise seen from above.

    Parameters
    ----------
    rings : Rings
        Triangulated as its points lie at the foot.
    per_metre : float
        Steps of a metre.
    compiled : bool
        Whether compiled loops are taken; the triangles are the same.

    Returns
    -------
    triangles : ndarray of int64, shape (t, 3)
        Point numbers, in order of polygons; slivers are left out.
    count : ndarray of int64, shape (p,)
        Triangles of each polygon.
    """
    at, room = rings.low, len(rings.low) + 1
    cut = _clipped if compiled else clipped_in_columns
    triangles, count = cut(at, rings.ring_start, rings.polygon_start, room)
    if (count == LEFT).any():
        triangles, count = _with_earcut(rings, triangles, count)
    return _without_slivers(at, triangles, count, SLIVER_M * per_metre)


def _with_earcut(rings: Rings, triangles: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Fill in the polygons that were left."""
    hard = np.flatnonzero(count == LEFT)
    rings_of, flat = rings.ring_start, rings.low[:, :2].astype(np.float64)
    first = rings.polygon_start[hard]
    begin, end = rings_of[first], rings_of[rings.polygon_start[hard + 1]]
    found: list[NDArray[np.uint32]] = []
    bounds = zip(first.tolist(), begin.tolist(), end.tolist(), hard.tolist(), strict=True)
    for ring, a, b, p in bounds:
        ends = rings_of[ring + 1 : rings.polygon_start[p + 1] + 1] - a
        found.append(_earcut(flat[a:b], ends))
    size = np.array([len(f) // 3 for f in found], np.int64)
    more = np.concatenate(found).reshape(-1, 3).astype(np.int64) + np.repeat(begin, size)[:, None]
    x, y = flat[:, 0][more], flat[:, 1][more]
    turn = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
    more[turn < 0] = more[turn < 0][:, ::-1]
    count = count.copy()
    count[hard] = 0
    owner = np.concatenate([np.repeat(np.arange(len(count)), count), np.repeat(hard, size)])
    count[hard] = size
    order = np.argsort(owner, kind="stable")
    return np.concatenate([triangles, more])[order], count


def _earcut(flat: NDArray[np.float64], ends: Ints) -> NDArray[np.uint32]:
    """Corners of the triangles of one polygon whose rings end at ``ends``."""
    n = len(flat)
    if n <= MOST_EARCUT:
        found = mapbox_earcut.triangulate_float64(flat, ends.astype(np.uint32))
        return np.asarray(found, dtype=np.uint32)
    step = -(-n // MOST_EARCUT)
    start = np.concatenate([[0], ends[:-1]])
    picks = [
        np.arange(a, b, max(1, min(step, (b - a) // 3)))
        for a, b in zip(start.tolist(), ends.tolist(), strict=True)
    ]
    picked = np.concatenate(picks)
    fewer = np.cumsum([len(p) for p in picks]).astype(np.uint32)
    return np.asarray(picked[mapbox_earcut.triangulate_float64(flat[picked], fewer)], np.uint32)


def _without_slivers(at: Steps, triangles: Ints, count: Ints, thinnest: float) -> tuple[Ints, Ints]:
    x, y = at[:, 0].astype(np.float64)[triangles], at[:, 1].astype(np.float64)[triangles]
    ux, uy = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0]
    vx, vy = x[:, 2] - x[:, 0], y[:, 2] - y[:, 0]
    wx, wy = x[:, 2] - x[:, 1], y[:, 2] - y[:, 1]
    turn = ux * vy - uy * vx
    longest = np.maximum(np.maximum(ux * ux + uy * uy, vx * vx + vy * vy), wx * wx + wy * wy)
    wide = turn * turn > thinnest * thinnest * longest
    if wide.all():
        return triangles, count
    owner = np.repeat(np.arange(len(count)), count)[wide]
    return triangles[wide], np.bincount(owner, minlength=len(count)).astype(np.int64)


@njit(cache=True, nogil=True)
def _turns_over(x: Ints, y: Ints, corners: Ints, base: int) -> bool:
    return bool(turn(x, y, corners[0] - base, corners[1] - base, corners[2] - base) < 0)


@njit(cache=True, nogil=True)
def _clipped(at: Steps, ring_start: Ints, polygon_start: Ints, room: int) -> tuple[Ints, Ints]:
    """Triangles of the polygons that are simple; those of the others are still to be found."""
    n_polygons = len(polygon_start) - 1
    triangles, count = np.empty((room, 3), np.int64), np.empty(n_polygons, np.int64)
    x, y = np.empty(MOST_CORNERS, np.int64), np.empty(MOST_CORNERS, np.int64)
    links = np.empty((3, MOST_CORNERS), np.int64)
    used = 0
    for p in range(n_polygons):
        s = polygon_start[p]
        a, n = ring_start[s], ring_start[s + 1] - ring_start[s]
        if polygon_start[p + 1] - s > 1 or n > MOST_CORNERS:
            count[p] = LEFT
            continue
        if n < 3:
            count[p] = 0
            continue
        for i in range(n):
            x[i], y[i] = at[a + i, 0], at[a + i, 1]
        end = clip(x, y, n, a, triangles, used, links)
        if end < 0 or _turns_over(x, y, triangles[end - 1], a):
            count[p] = LEFT
            continue
        count[p] = end - used
        used = end
    return triangles[:used], count


def clipped_in_columns(
    at: Steps, ring_start: Ints, polygon_start: Ints, room: int
) -> tuple[Ints, Ints]:
    """The same without compiled loops: every polygon takes one step of the cutting at a time."""
    del room
    s = polygon_start[:-1]
    start, size = ring_start[s], ring_start[s + 1] - ring_start[s]
    easy = (np.diff(polygon_start) == 1) & (size <= MOST_CORNERS)
    count = np.where(easy, np.maximum(size - 2, 0), LEFT)
    mine = np.flatnonzero(easy & (size >= 3))
    if not len(mine):
        return np.empty((0, 3), np.int64), count
    cut = _Cutting(at, start[mine], size[mine])
    cut.run()
    count[mine[cut.failed]] = LEFT
    whole = ~cut.failed
    owner = np.repeat(np.arange(len(mine)), size[mine] - 2)
    step = np.arange(len(owner)) - np.repeat(
        np.cumsum(size[mine] - 2) - (size[mine] - 2), size[mine] - 2
    )
    picked = whole[owner]
    return cut.triangles[owner[picked], step[picked]], count


class _Cutting:
    """Rings in the rows of one table, each at its own place in the same procedure."""

    def __init__(self, at: Steps, start: Ints, size: Ints) -> None:
        m, widest = len(size), int(size.max())
        column = np.arange(widest)
        inside = column < size[:, None]
        picked = at[np.where(inside, start[:, None] + column, start[:, None])]
        self.x, self.y = picked[..., 0].astype(np.int64), picked[..., 1].astype(np.int64)
        self.after = np.where(column + 1 < size[:, None], column + 1, 0)
        self.ahead = np.where(column > 0, column - 1, size[:, None] - 1)
        row = np.arange(m)[:, None]
        self.inward = inside & (self._turn(row, self.ahead, column[None, :], self.after) <= 0)
        self.start, self.left, self.size = start, size.copy(), size
        self.i, self.idle = np.zeros(m, np.int64), np.zeros(m, np.int64)
        self.failed = np.zeros(m, bool)
        self.triangles = np.empty((m, max(widest - 2, 1), 3), np.int64)

    def _turn(self, r: Ints, i: Ints, j: Ints, k: Ints) -> Ints:
        x, y = self.x, self.y
        ux, uy = x[r, j] - x[r, i], y[r, j] - y[r, i]
        return np.asarray(ux * (y[r, k] - y[r, i]) - uy * (x[r, k] - x[r, i]))

    def run(self) -> None:
        """Cut until each ring is done or has no ear."""
        rows = np.flatnonzero(self.left > 3)
        while len(rows):
            i = self.i[rows]
            p, q = self.ahead[rows, i], self.after[rows, i]
            ear = self._is_ear(rows, p, i, q)
            self.idle[rows] = np.where(ear, 0, self.idle[rows] + 1)
            self.i[rows] = q
            cut = rows[ear]
            self._emit(cut, p[ear], i[ear], q[ear])
            self.after[cut, p[ear]], self.ahead[cut, q[ear]] = q[ear], p[ear]
            self.left[cut] -= 1
            for k in (p[ear], q[ear]):
                out = self._turn(cut, self.ahead[cut, k], k, self.after[cut, k]) > 0
                self.inward[cut, k] &= ~out
            self.failed[rows] |= self.idle[rows] > self.left[rows]
            rows = rows[(self.left[rows] > 3) & ~self.failed[rows]]
        rows = np.flatnonzero(~self.failed)
        i = self.i[rows]
        p, q = self.ahead[rows, i], self.after[rows, i]
        self.failed[rows] = self._turn(rows, p, i, q) < 0
        self._emit(rows, p, i, q)

    def _is_ear(self, rows: Ints, p: Ints, i: Ints, q: Ints) -> NDArray[np.bool_]:
        r, k = rows[:, None], np.arange(self.x.shape[1])[None, :]
        a, b, c = p[:, None], i[:, None], q[:, None]
        within = self.inward[rows] & (k != a) & (k != c)
        within &= self._turn(r, a, b, k) >= 0
        within &= self._turn(r, b, c, k) >= 0
        within &= self._turn(r, c, a, k) >= 0
        return np.asarray((self._turn(rows, p, i, q) > 0) & ~within.any(axis=1))

    def _emit(self, rows: Ints, p: Ints, i: Ints, q: Ints) -> None:
        step = self.size[rows] - self.left[rows]
        self.triangles[rows, step] = self.start[rows, None] + np.stack([p, i, q], axis=1)
