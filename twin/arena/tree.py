"""Packed Hilbert R-tree: boxes of things that already lie in Hilbert order, 16 to a node, level upon level.

As in flatbush and geoindex-rs, but rows are their own leaves: nothing is sorted when it is made, nothing is copied when
it is mapped, hits come out in the order of the rows, and heights and the exact test of simple cases are decided on the
way.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "BOX", "CONNECTED", "NODE", "OTHER_SHAPE", "build", "levels", "most_within", "overlapping", "search",
]  # fmt: skip

NODE: Final = 16
"""Children of a node."""
OTHER_SHAPE, CONNECTED, BOX = 0, 1, 2
"""What is known of a shape: nothing; that it hangs together; that it is (or stands for) its own box."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def levels(n: int) -> list[int]:
    """Number of nodes of each level above ``n`` rows, the lowest first; at least the root.

    Examples
    --------
    >>> levels(300)
    [19, 2, 1]
    """
    counts = [max(1, -(-n // NODE))]
    while counts[-1] > 1:
        counts.append(-(-counts[-1] // NODE))
    return counts


def build(boxes: Floats) -> Floats:
    """Boxes of the nodes of all levels, the lowest first.

    Parameters
    ----------
    boxes : ndarray of float64, shape (n, 4)
        west, south, east, north in degrees; NaN for a row without a place, which nothing finds.

    Returns
    -------
    ndarray of float64, shape (sum(levels(n)), 4)
    """
    made, below = [], boxes
    for count in levels(len(boxes)):
        at = np.arange(0, max(len(below), 1), NODE)
        if not len(below):
            below = np.full((1, 4), np.nan)
        low = np.fmin.reduceat(below[:, :2], at)
        high = np.fmax.reduceat(below[:, 2:], at)
        below = np.hstack([low, high])
        assert len(below) == count  # noqa: S101 -- one node for every 16
        made.append(below)
    return np.ascontiguousarray(np.concatenate(made))


@njit(cache=True, nogil=True)
def _verdict(
    west: float,
    south: float,
    east: float,
    north: float,
    w: float,
    s: float,
    e: float,
    n: float,
    shape: int,
) -> int:
    """Whether a shape with a box meets a window: 1 yes, 0 no, 2 cannot be said from the box."""
    if not (west <= e and east >= w and south <= n and north >= s):
        return 0
    across = west >= w and east <= e
    along = south >= s and north <= n
    if (across and along) or shape == BOX:
        return 1
    # A shape that hangs together takes every value between its edges: beside the window's edge, and inside it.
    if shape == CONNECTED and (across or along):
        return 1
    return 2  # fmt: skip


@njit(cache=True, nogil=True)
def search(  # noqa: C901 -- one walk, compiled
    boxes: Floats,
    heights: Floats,
    shape: NDArray[np.uint8],
    nodes: Floats,
    counts: Ints,
    window: Floats,
    exact: bool,
) -> tuple[Ints, Ints]:
    """Rows that meet a window, and those of them that only their shape can decide.

    Parameters
    ----------
    boxes : ndarray of float64, shape (n, 4)
    heights : ndarray of float64, shape (n, 2)
        Lowest and highest, metres above the ellipsoid; a row where they are NaN meets any.
    shape : ndarray of uint8, shape (n,)
        :data:`OTHER_SHAPE`, :data:`CONNECTED` or :data:`BOX`.
    nodes : ndarray of float64, shape (m, 4)
        As :func:`build` makes them.
    counts : ndarray of int64
        :func:`levels`.
    window : ndarray of float64, shape (6,)
        west, south, east, north, low, high; heights may be infinite.
    exact : bool
        False: whatever box overlaps is a hit.

    Returns
    -------
    hits : ndarray of int64
        Ascending.
    doubtful : ndarray of int64
        Indices into ``hits`` whose boxes overlap the window though their shapes may not.
    """
    w, s, e, n, low, high = window
    hits = np.empty(256, np.int64)
    doubts = np.empty(64, np.int64)
    found = 0
    doubted = 0
    top = len(counts) - 1
    first = np.zeros(len(counts), np.int64)
    for level in range(1, len(counts)):
        first[level] = first[level - 1] + counts[level - 1]
    at = np.zeros(len(counts), np.int64)  # node of each level that is being looked through
    end = np.zeros(len(counts), np.int64)
    level = top
    at[top] = 0
    end[top] = 1
    while level <= top:
        if at[level] >= end[level]:
            level += 1
            continue
        i = at[level]
        at[level] += 1
        k = first[level] + i
        if not (nodes[k, 0] <= e and nodes[k, 2] >= w and nodes[k, 1] <= n and nodes[k, 3] >= s):
            continue
        if level > 0:
            level -= 1
            at[level] = i * NODE
            end[level] = min((i + 1) * NODE, counts[level])
            continue
        for row in range(i * NODE, min((i + 1) * NODE, len(boxes))):
            said = _verdict(
                boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3], w, s, e, n, shape[row]
            )
            if said == 0 or heights[row, 0] > high or heights[row, 1] < low:
                continue
            if found == len(hits):
                more = np.empty(2 * found, np.int64)
                more[:found] = hits
                hits = more
            if said == 2 and exact:
                if doubted == len(doubts):
                    other = np.empty(2 * doubted, np.int64)
                    other[:doubted] = doubts
                    doubts = other
                doubts[doubted] = found
                doubted += 1
            hits[found] = row
            found += 1
    return hits[:found].copy(), doubts[:doubted].copy()  # fmt: skip


@njit(cache=True, nogil=True)
def most_within(nodes: Floats, counts: Ints, window: Floats, most: int) -> int:
    """Bound of the rows that meet a window: :data:`NODE` for each lowest node that does; the walk ends above ``most``.

    Parameters
    ----------
    nodes, counts, window : ndarray
        As :func:`search` takes them.
    most : int
    """
    w, s, e, n = window[0], window[1], window[2], window[3]
    top = len(counts) - 1
    first = np.zeros(len(counts), np.int64)
    for level in range(1, len(counts)):
        first[level] = first[level - 1] + counts[level - 1]
    at = np.zeros(len(counts), np.int64)
    end = np.zeros(len(counts), np.int64)
    level, found = top, 0
    end[top] = 1
    while level <= top and found <= most:
        if at[level] >= end[level]:
            level += 1
            continue
        i = at[level]
        at[level] += 1
        k = first[level] + i
        if not (nodes[k, 0] <= e and nodes[k, 2] >= w and nodes[k, 1] <= n and nodes[k, 3] >= s):
            continue
        if level == 0:
            found += NODE
            continue
        level -= 1
        at[level] = i * NODE
        end[level] = min((i + 1) * NODE, counts[level])
    return found


@njit(cache=True, nogil=True)
def overlapping(
    boxes: Floats, heights: Floats, shape: NDArray[np.uint8], window: Floats, exact: bool
) -> NDArray[np.uint8]:
    """The same of rows in no order: 0 not met, 1 met, 2 for the shape to decide; shape (n,)."""
    made = np.zeros(len(boxes), np.uint8)
    w, s, e, n, low, high = window
    for row in range(len(boxes)):
        if heights[row, 0] > high or heights[row, 1] < low:
            continue
        said = _verdict(
            boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3], w, s, e, n, shape[row]
        )
        made[row] = said if exact or said == 0 else 1
    return made
