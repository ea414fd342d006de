"""Places in a cube as keys of the Z-order curve in three dimensions, and points in their order (compiled).

A key has 21 octants of three bits, the first in bits 62 to 60: points whose keys begin alike lie in
the same cell of that level. East is the lowest bit of an octant, up the highest.
"""

# mypy: disable-error-code="no-untyped-def"

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["DEPTH", "Cube", "Rows", "cell_of", "common", "ordered", "parted"]

DEPTH = 21
"""Levels of a key."""
Rows = NDArray[np.uint32]
"""Points, (n, 5): east, north, up in steps (bits of int32), colour and class (0xCCBBGGRR), intensity."""
Keys = NDArray[np.uint64]
_DIGIT = 11


@dataclass(frozen=True, slots=True)
class Cube:
    """The cell of level 0: lowest corner (steps) and length of its edge (steps)."""

    low: NDArray[np.float64]
    edge: float

    @classmethod
    def around(cls, low: NDArray[np.float64], high: NDArray[np.float64]) -> "Cube":
        """The smallest cube that begins at ``low`` and reaches beyond ``high``."""
        return cls(np.asarray(low, np.float64), float(max((high - low).max(), 0.0) + 1.0))

    def keys(self, rows: Rows) -> Keys:
        """Key of every point, shape (n,); points outside count for the nearest cell inside."""
        out = np.empty(len(rows), np.uint64)
        _keys(rows, self.low, float(1 << DEPTH) / self.edge, out)
        return out

    def cell(self, level: int, start: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner, steps, of the cell of a level in which the key ``start`` lies."""
        size = self.edge / (1 << level)
        low = self.low + np.array(cell_of(level, start)) * size
        return low, low + size


def cell_of(level: int, key: int) -> tuple[int, int, int]:
    """Number of the cell of a level along each axis in which a key lies."""
    octants = [(key >> (3 * (DEPTH - 1 - i))) & 7 for i in range(level)]
    out = [0, 0, 0]
    for octant in octants:
        for a in range(3):
            out[a] = out[a] << 1 | (octant >> a) & 1
    return out[0], out[1], out[2]


@njit(cache=True, nogil=True)
def _spread(v):  # noqa: ANN001, ANN202 -- compiled
    """The 21 bits of a number, each followed by two zeros."""
    v = (v | (v << np.uint64(32))) & np.uint64(0x001F00000000FFFF)
    v = (v | (v << np.uint64(16))) & np.uint64(0x001F0000FF0000FF)
    v = (v | (v << np.uint64(8))) & np.uint64(0x100F00F00F00F00F)
    v = (v | (v << np.uint64(4))) & np.uint64(0x10C30C30C30C30C3)
    return (v | (v << np.uint64(2))) & np.uint64(0x1249249249249249)


@njit(cache=True, nogil=True)
def _keys(rows, low, factor, out):  # noqa: ANN001, ANN202 -- compiled
    most = (1 << DEPTH) - 1
    for i in range(len(rows)):
        key = np.uint64(0)
        for a in range(3):
            at = int((np.int32(rows[i, a]) - low[a]) * factor)
            key |= _spread(np.uint64(min(max(at, 0), most))) << np.uint64(a)
        out[i] = key


@njit(cache=True, nogil=True)
def _which(keys, starts, out, counts):  # noqa: ANN001, ANN202 -- compiled
    """Which of the parts that begin at ``starts`` each key belongs to, and how many belong to each."""
    n = len(starts)
    at = 0
    for i in range(len(keys)):
        key = keys[i]
        if key < starts[at] or (at + 1 < n and key >= starts[at + 1]):
            low, high = 0, n
            while high - low > 1:
                middle = (low + high) // 2
                if key >= starts[middle]:
                    low = middle
                else:
                    high = middle
            at = low
        out[i] = at
        counts[at] += 1


@njit(cache=True, nogil=True)
def _scatter(rows, which, at, out):  # noqa: ANN001, ANN202 -- compiled
    for i in range(len(rows)):
        k = at[which[i]]
        at[which[i]] = k + 1
        for a in range(rows.shape[1]):
            out[k, a] = rows[i, a]


def parted(rows: Rows, keys: Keys, starts: Keys) -> list[tuple[int, Rows]]:
    """Points by the part of the curve they lie in, in their order.

    Parameters
    ----------
    rows : ndarray of uint32, shape (n, 5)
    keys : ndarray of uint64, shape (n,)
    starts : ndarray of uint64, shape (p,)
        First key of each part, rising; the first is 0.

    Returns
    -------
    list of (part, rows)
        Parts that have points; every array is its own.
    """
    which = np.empty(len(rows), np.int32)
    counts = np.zeros(len(starts), np.int64)
    _which(keys, starts, which, counts)
    there = np.flatnonzero(counts)
    if len(there) == 1:
        return [(int(there[0]), rows)]
    ends = np.cumsum(counts)
    out = np.empty_like(rows)
    _scatter(rows, which, ends - counts, out)
    return [(int(p), out[ends[p] - counts[p] : ends[p]].copy()) for p in there]


@njit(cache=True, nogil=True)
def _radix(keys, bits):  # noqa: ANN001, ANN202 -- compiled
    """Sorted keys and the order that sorts them; equal keys keep their order. ``bits``: the lowest, which may differ."""
    n = len(keys)
    order, other = np.arange(n).astype(np.uint32), np.empty(n, np.uint32)
    values, spare = keys.copy(), np.empty(n, np.uint64)
    size = 1 << _DIGIT
    mask = np.uint64(size - 1)
    for shift in range(0, bits, _DIGIT):
        by = np.uint64(shift)
        counts = np.zeros(size, np.int64)
        for i in range(n):
            counts[(values[i] >> by) & mask] += 1
        if counts.max() == n:
            continue
        total = 0
        for d in range(size):
            counts[d], total = total, total + counts[d]
        for i in range(n):
            d = (values[i] >> by) & mask
            k = counts[d]
            counts[d] = k + 1
            spare[k], other[k] = values[i], order[i]
        values, spare = spare, values
        order, other = other, order
    return values, order


def ordered(keys: Keys, level: int) -> tuple[Keys, NDArray[np.uint32]]:
    """Keys of one cell of a level, sorted, and the order that sorts them; equal keys keep their order."""
    values, order = _radix(keys, 3 * (DEPTH - level))
    return values, order


@njit(cache=True, nogil=True)
def _common(keys, out):  # noqa: ANN001, ANN202 -- compiled
    for i in range(1, len(keys)):
        x = keys[i] ^ keys[i - 1]
        octants = 0
        while octants < DEPTH and (x >> np.uint64(3 * (DEPTH - 1 - octants))) == 0:
            octants += 1
        out[i] = octants


def common(keys: Keys) -> NDArray[np.int8]:
    """Levels whose cell each key shares with the key before it, shape (n,); -1 for the first key."""
    out = np.full(len(keys), -1, np.int8)
    _common(keys, out)
    return out
