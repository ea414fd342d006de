"""Who goes into which tile: of itself and of counts along its own chain of cells, nothing else.

The world is the quadtree of :mod:`tiles.quadtree` (level 0 is 360° × 360°). From the top down:

*District*
    the shallowest cell from :data:`FIRST_DISTRICT` on that has no more than :data:`DISTRICT_FEATURES`
    buildings, counted by the middle of their boxes. It is the unit of work: everything in it is made from
    its own buildings alone. One of no more than :data:`LEAF_FEATURES` is one tile.
*Leaf*
    the shallowest cell below a district's own that has no more than :data:`LEAF_FEATURES` buildings, counted
    likewise: it takes those it holds strictly.
*Top*
    what crosses the border of its leaf, and everything of a district of one tile: the one tile that need
    not lie inside a cell.

Cells between a district and its leaves show massing (:mod:`tiles.massing`), never buildings.

So an edit takes one building out of one chain and puts it into another; every other tile keeps what it has.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DISTRICT_FEATURES", "FIRST_DISTRICT", "LAST_LEVEL", "LEAF_FEATURES", "Membership",
    "members", "members_within", "morton", "place", "unmorton",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.int8]
Cell = tuple[int, int, int]

LAST_LEVEL = 22
"""Cells of some 10 m: nothing is divided further."""
FIRST_DISTRICT = 13
"""Cells of some 5 km: from there on a frame is flat enough for everything in it."""
DISTRICT_FEATURES = 6_400
LEAF_FEATURES = 1_600
MARGIN_DEG = 1e-7
"""Kept free at the border of a cell, about a centimetre: vertices move by less when they are quantised."""


def _spread(v: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A zero between any two of the lower 32 bits."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        v = (v | (v << np.uint64(shift))) & np.uint64(mask)
    return v


def _gather(v: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Inverse of :func:`_spread`."""
    v = v & np.uint64(0x5555555555555555)
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
        (16, 0x00000000FFFFFFFF),
    ):
        v = (v | (v >> np.uint64(shift))) & np.uint64(mask)
    return v


def morton(x: Ints, y: Ints) -> Ints:
    """Bits of column and row interleaved, the row's above; cells of any level are ranges of it."""
    return (_spread(x.astype(np.uint64)) | (_spread(y.astype(np.uint64)) << np.uint64(1))).astype(
        np.int64
    )


def unmorton(key: Ints) -> tuple[Ints, Ints]:
    """(column, row) of Morton keys."""
    k = key.astype(np.uint64)
    return _gather(k).astype(np.int64), _gather(k >> np.uint64(1)).astype(np.int64)


def _column(degrees: Floats, origin: float) -> Ints:
    scale = 2.0**LAST_LEVEL / 360.0
    return np.clip(np.floor((degrees - origin) * scale), 0, 2**LAST_LEVEL - 1).astype(np.int64)


def place(box: Floats) -> tuple[Ints, Small]:
    """Where buildings stand in the quadtree.

    Parameters
    ----------
    box : ndarray of float64, shape (n, 4)
        West, south, east, north in degrees, finite.

    Returns
    -------
    key : ndarray of int64, shape (n,)
        Morton key of the middle at :data:`LAST_LEVEL`.
    inside : ndarray of int8, shape (n,)
        Deepest level at which one cell holds the box strictly.
    """
    x0, x1 = _column(box[:, 0] - MARGIN_DEG, -180.0), _column(box[:, 2] + MARGIN_DEG, -180.0)
    y0, y1 = _column(box[:, 1] - MARGIN_DEG, -90.0), _column(box[:, 3] + MARGIN_DEG, -90.0)
    # the number of bits of a whole number is the exponent of the float of the same value
    _, bits = np.frexp(((x0 ^ x1) | (y0 ^ y1)).astype(np.float64))
    x = _column((box[:, 0] + box[:, 2]) / 2, -180.0)
    y = _column((box[:, 1] + box[:, 3]) / 2, -90.0)
    return morton(x, y), (LAST_LEVEL - bits).astype(np.int8)


@dataclass(frozen=True, slots=True)
class Membership:
    """Buildings in the order of their districts (along the Morton curve) and of their keys.

    Parameters
    ----------
    order : ndarray of int64, shape (n,)
        Row of the input at each place of this order.
    key : ndarray of int64, shape (n,)
        Morton keys, sorted.
    tile_level : ndarray of int8, shape (n,)
        Level of the tile's cell, which is the one with the middle; that of the district for its top.
    start : ndarray of int64, shape (d + 1,)
        Where each district begins.
    district_level : ndarray of int8, shape (d,)
    """

    order: Ints
    key: Ints
    tile_level: Small
    start: Ints
    district_level: Small

    def cell(self, i: int) -> Cell:
        """(level, x, y) of district ``i``."""
        level = int(self.district_level[i])
        x, y = unmorton(self.key[self.start[i : i + 1]] >> (2 * (LAST_LEVEL - level)))
        return level, int(x[0]), int(y[0])

    @property
    def count(self) -> Ints:
        """Buildings of each district."""
        return np.diff(self.start)


def members(key: Ints, inside: Small) -> Membership:
    """Distribute buildings over districts and tiles.

    Parameters
    ----------
    key, inside : ndarray, shape (n,)
        As :func:`place` gives them, in any order; n ≥ 1.
    """
    order = np.argsort(key, kind="stable")
    key, inside = key[order], inside[order]
    level = _shallowest(key, np.full(len(key), FIRST_DISTRICT, np.int8), DISTRICT_FEATURES)
    start = np.append(np.flatnonzero(np.append(True, _apart(key, level))), len(key))
    tile = _tile_levels(key, inside, level, np.diff(start))
    return Membership(order, key, tile, start.astype(np.int64), level[start[:-1]])


def members_within(level: int, key: Ints, inside: Small) -> Membership:
    """:func:`members` of one district that is known to be one, of a given level."""
    order = np.argsort(key, kind="stable")
    key, inside = key[order], inside[order]
    tile = _tile_levels(key, inside, np.full(len(key), level, np.int8), np.array([len(key)]))
    start = np.array([0, len(key)], dtype=np.int64)
    return Membership(order, key, tile, start, np.array([level], dtype=np.int8))


def _apart(key: Ints, level: Small) -> NDArray[np.bool_]:
    """Whether each key lies in another district than the one before it."""
    shift = 2 * (LAST_LEVEL - level[1:].astype(np.int64))
    return np.asarray((key[1:] >> shift) != (key[:-1] >> shift))


def _run_lengths(cells: Ints) -> Ints:
    """Lengths of the runs of equal values."""
    edge = np.flatnonzero(cells[1:] != cells[:-1]) + 1
    return np.diff(np.concatenate([[0], edge, [len(cells)]])).astype(np.int64)


def _shallowest(key: Ints, first: Small, most: int) -> Small:
    """Level of the shallowest cell with no more than ``most`` keys, from a first level on (keys sorted)."""
    level = np.full(len(key), LAST_LEVEL, np.int8)
    rest = np.arange(len(key))
    for depth in range(int(first.min(initial=LAST_LEVEL)), LAST_LEVEL):
        length = _run_lengths(key[rest] >> (2 * (LAST_LEVEL - depth)))
        few = np.repeat(length <= most, length) & (first[rest] <= depth)
        level[rest[few]] = depth
        rest = rest[~few]
        if not len(rest):
            break
    return level


def _tile_levels(key: Ints, inside: Small, district: Small, count: Ints) -> Small:
    """Level of the tile of each building; districts stand in runs of given lengths (keys sorted)."""
    tile = district.copy()
    parted = np.flatnonzero(np.repeat(count > LEAF_FEATURES, count))
    if len(parted):
        leaf = _shallowest(key[parted], district[parted] + np.int8(1), LEAF_FEATURES)
        held = inside[parted] >= leaf
        tile[parted[held]] = leaf[held]
    return tile
