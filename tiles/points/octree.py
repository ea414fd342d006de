"""Which point is shown from which level on, and how much a level leaves out.

A tile of level l shows, of each of its cells of level l + :data:`FINER`, the first point along the
Z-order curve that no tile above shows. So a point's level follows from the key of the point before
it alone, and the points of all levels together are every point once. What remains in a tile of few
points is shown there at once, and tiles that would hold next to nothing give their points to the
tile above.
"""

# mypy: disable-error-code="no-untyped-def"

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.points.gathering import DEEPEST
from tiles.points.keys import DEPTH, Cube, Rows, common, ordered
from tiles.tree import Tile

__all__ = ["FINER", "LEAF", "SMALL", "Grown", "Show", "grow_block", "grow_top"]

FINER = DEPTH - DEEPEST
"""A tile's points are thinned on a raster of 2^7 cells along each axis."""
LEAF = 48_000
"""A tile with no more points than this is not refined."""
SMALL = 4_000
"""Fewer points than this make no tile of their own."""
Show = Callable[[int, int, Rows, float], Tile]
"""Makes the tile of a cell: level, first key, its points, what it leaves out (steps)."""


@dataclass(slots=True)
class Grown:
    """What became of a block: its tile, the points that tiles above show, what those leave out here.

    ``omitted`` has one length in steps for each level above the block's.
    """

    level: int
    start: int
    tile: Tile | None
    risen: Rows
    omitted: list[float]


@dataclass(slots=True)
class _Sorted:
    """Points of a cell in the order of their keys, the levels from which on they are shown."""

    rows: Rows
    keys: NDArray[np.uint64]
    shared: NDArray[np.int8]
    level: NDArray[np.int8]

    @classmethod
    def of(cls, rows: Rows, cube: Cube, level: int) -> "_Sorted":
        keys, order = ordered(cube.keys(rows), level)
        shared = common(keys)
        levels = np.clip(shared + 1 - FINER, 0, DEEPEST + 1).astype(np.int8)
        return cls(rows[order], keys, shared, levels)

    def children(self, a: int, b: int, level: int, start: int) -> list[tuple[int, int, int]]:
        """(first key, from, to) of the eight cells below a cell."""
        width = 1 << 3 * (DEPTH - 1 - level)
        starts = [start + i * width for i in range(8)]
        inner = np.searchsorted(self.keys[a:b], np.array(starts[1:], np.uint64)) + a
        ends = [a, *inner.tolist(), b]
        return list(zip(starts, ends, ends[1:], strict=False))

    def omitted(self, a: int, b: int, level: int) -> float:
        """Largest distance of a point that is not shown at a level to the point that stands for it, steps."""
        return math.sqrt(
            _farthest(self.rows[a:b], self.shared[a:b], self.level[a:b], level, level + FINER)
        )


@njit(cache=True, nogil=True)
def _farthest(rows, shared, levels, level, cell):  # noqa: ANN001, ANN202 -- compiled
    """Square of the largest distance between a point of a later level and the first point of its cell."""
    most = 0.0
    first = 0
    for i in range(len(rows)):
        if shared[i] < cell:
            first = i
        elif levels[i] > level:
            square = 0.0
            for a in range(3):
                d = float(np.int32(rows[i, a])) - float(np.int32(rows[first, a]))
                square += d * d
            most = max(most, square)
    return most


def grow_block(rows: Rows, cube: Cube, level: int, start: int, show: Show) -> Grown:
    """The tiles of a block.

    Parameters
    ----------
    rows : ndarray of uint32, shape (n, 5)
        All points of the block; at least one.
    cube : Cube
    level, start : int
        The block's cell.
    show : callable
    """
    points = _Sorted.of(rows, cube, level)
    above = [_above(points, cube, level, upper) for upper in range(level)]
    stays = points.level >= level
    if level and int(stays.sum()) <= SMALL:
        return Grown(level, start, None, points.rows, above)
    tile = _grow(points, 0, len(rows), level, start, show)
    return Grown(level, start, tile, points.rows[~stays], above)


def _above(points: _Sorted, cube: Cube, level: int, upper: int) -> float:
    """What a level above leaves out of a block; its cells may be larger than the block."""
    if upper + FINER < level:
        return math.sqrt(3) * cube.edge / (1 << (upper + FINER))
    return points.omitted(0, len(points.rows), upper)


def _grow(points: _Sorted, a: int, b: int, level: int, start: int, show: Show) -> Tile:
    later = points.level[a:b] >= level
    if int(later.sum()) <= LEAF or level == DEEPEST:
        return show(level, start, points.rows[a:b][later], 0.0)
    own = points.level[a:b] == level
    below = []
    for first, c, d in points.children(a, b, level, start):
        rest = points.level[c:d] > level
        if int(rest.sum()) <= SMALL:
            own[c - a : d - a] |= rest
        else:
            below.append((first, c, d))
    tile = show(level, start, points.rows[a:b][own], points.omitted(a, b, level))
    tile.children += [_grow(points, c, d, level + 1, first, show) for first, c, d in below]
    return tile


def grow_top(blocks: list[Grown], cube: Cube, show: Show) -> Tile | None:
    """The tiles above the blocks, of the points that rose from them.

    Parameters
    ----------
    blocks : list of Grown
        All of them.
    cube : Cube
    show : callable

    Returns
    -------
    Tile or None
        The root; None without points.
    """
    if not blocks:
        return None
    if blocks[0].level == 0:
        return blocks[0].tile
    blocks = sorted(blocks, key=lambda g: g.start)
    risen = np.concatenate([g.risen for g in blocks])
    cap = np.repeat([g.level - 1 for g in blocks], [len(g.risen) for g in blocks]).astype(np.int8)
    # blocks stand in the order of their keys, and the points of each are sorted: so are all
    keys = cube.keys(risen)
    shared = common(keys)
    levels = np.minimum(np.clip(shared + 1 - FINER, 0, DEEPEST), cap).astype(np.int8)
    points = _Sorted(risen, keys, shared, levels)
    return _Top(points, blocks, show).grow(0, len(risen), 0, 0)


class _Top:
    """Cells above the blocks."""

    def __init__(self, points: _Sorted, blocks: list[Grown], show: Show) -> None:
        self.points, self.blocks, self.show = points, blocks, show
        self.starts = np.array([g.start for g in blocks], np.uint64)

    def grow(self, a: int, b: int, level: int, start: int) -> Tile | None:
        """The tile of a cell, None where it has no points."""
        width = 1 << 3 * (DEPTH - level)
        first, last = np.searchsorted(
            self.starts, np.array([start, start + width - 1], np.uint64)
        ).tolist()
        if last < len(self.starts) and int(self.starts[last]) == start + width - 1:
            last += 1
        inside = self.blocks[first:last]
        if len(inside) == 1 and inside[0].level == level:
            return inside[0].tile
        if not inside:
            return None
        own = self.points.rows[a:b][self.points.level[a:b] == level]
        below = [
            self.grow(c, d, level + 1, key)
            for key, c, d in self.points.children(a, b, level, start)
        ]
        tile = self.show(level, start, own, max(g.omitted[level] for g in inside))
        tile.children += [t for t in below if t is not None]
        return tile
