"""Boxes in space, packed into a tree in memory: what lies near a box, what a sight line passes.

A static tree of boxes in Hilbert order (as flatbush and FlatGeobuf have it), with heights. Rows that are no more are
taken out without building it anew, and rows that came since are looked at one by one, so that an edit is cheap.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from twin.hilbert import hilbert_key

__all__ = ["Tree"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_WIDTH = 16
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Tree:
    """Boxes (n, 6): xmin, ymin, zmin, xmax, ymax, zmax in metres; NaN where there is nothing.

    ``order`` holds the rows of the leaves, ``nodes`` the boxes of all levels from the leaves' parents up, ``level``
    where each level begins; the first ``packed`` rows are in the tree.
    """

    boxes: Array
    order: Ints
    nodes: Array
    level: Ints
    packed: int

    @classmethod
    def of(cls, boxes: ArrayLike) -> "Tree":
        """Tree over boxes.

        Examples
        --------
        >>> tree = Tree.of([[0, 0, 0, 1, 1, 1], [5, 5, 5, 6, 6, 6]])
        >>> tree.near([0, 0, 3, 1, 1, 3], 2.0).tolist()
        [0]
        """
        rows = np.ascontiguousarray(np.asarray(boxes, np.float64).reshape(-1, 6))
        there = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if not len(there):
            return cls(rows, there, np.zeros((0, 6)), np.zeros(1, np.int64), len(rows))
        middle = (rows[there, :2] + rows[there, 3:5]) / 2
        low, span = middle.min(axis=0), np.maximum(np.ptp(middle, axis=0), 1e-9)
        unit = (middle - low) / span
        key = hilbert_key(unit[:, 0] * 360 - 180, unit[:, 1] * 180 - 90, 16)
        order = there[np.argsort(key, kind="stable")]
        levels, below = [], rows[order]
        while True:
            starts = np.arange(0, len(below), _WIDTH)
            below = np.hstack([np.minimum.reduceat(below[:, :3], starts), np.maximum.reduceat(below[:, 3:], starts)])  # fmt: skip
            levels.append(below)
            if len(below) == 1:
                break
        level = np.append(0, np.cumsum([len(part) for part in levels]))
        return cls(rows, order, np.ascontiguousarray(np.concatenate(levels)), level, len(rows))

    def __len__(self) -> int:
        """Rows, those that are no more included."""
        return len(self.boxes)

    @property
    def unpacked(self) -> int:
        """Rows that are looked at one by one."""
        return len(self.boxes) - self.packed

    def edited(self, gone: ArrayLike, more: Array) -> "Tree":
        """The tree without some rows, and with more boxes (m, 6) after the others."""
        boxes = np.concatenate([self.boxes, more])
        boxes[np.asarray(gone, np.int64)] = np.nan
        return Tree(boxes, self.order, self.nodes, self.level, self.packed)

    def near(self, box: ArrayLike, metres: float = 0.0, wanted: Flags | None = None) -> Ints:
        """Rows whose box comes as near to a box (6,) as ``metres``, in no order; only those ``wanted`` (n,)."""
        query = np.asarray(box, np.float64)
        return self._found(query, float(metres) ** 2, wanted)

    def along(self, start: ArrayLike, end: ArrayLike, wanted: Flags | None = None) -> Ints:
        """Rows whose box a segment from ``start`` (3,) to ``end`` (3,) passes; only those ``wanted`` (n,)."""
        query = np.concatenate([np.asarray(start, np.float64), np.asarray(end, np.float64)])
        return self._found(query, -1.0, wanted)

    def _found(self, query: Array, most: float, wanted: Flags | None) -> Ints:
        flags = np.ones(0, np.bool_) if wanted is None else wanted
        tree = self.boxes, self.order, self.nodes, self.level, self.packed
        return np.asarray(_search(*tree, query, most, flags))


@njit(cache=True, nogil=True)
def _apart(box: Array, query: Array, most: float) -> bool:
    """Whether two boxes are farther apart than the square root of ``most``; a box of NaN is."""
    total = 0.0
    for axis in range(3):
        gap = max(0.0, box[axis] - query[axis + 3], query[axis] - box[axis + 3])
        total += gap * gap
    return not (total <= most and box[0] <= box[3])


@njit(cache=True, nogil=True)
def _missed(box: Array, a: Array, b: Array) -> bool:
    """Whether a segment passes a box by; it does a box of NaN."""
    first, last = 0.0, 1.0
    for axis in range(3):
        way = b[axis] - a[axis]
        low, high = box[axis] - 1e-6, box[axis + 3] + 1e-6
        if way == 0.0:
            if not low <= a[axis] <= high:
                return True
            continue
        t0, t1 = (low - a[axis]) / way, (high - a[axis]) / way
        if t0 > t1:
            t0, t1 = t1, t0
        first, last = max(first, t0), min(last, t1)
    return not (first <= last and box[0] <= box[3])


@njit(cache=True, nogil=True)
def _added(found: Ints, n: int, row: int) -> tuple[Ints, int]:
    """A list of ``n`` rows with one more."""
    if n == len(found):
        more = np.empty(2 * n, np.int64)
        more[:n] = found
        found = more
    found[n] = row
    return found, n + 1


@njit(cache=True, nogil=True)
def _passed_over(box: Array, query: Array, most: float) -> bool:
    """Whether a search leaves a box out: near a box where ``most`` ≥ 0, else along a segment."""
    if most >= 0.0:
        return _apart(box, query, most)
    return _missed(box, query[:3], query[3:])


@njit(cache=True, nogil=True)
def _search(
    boxes: Array, order: Ints, nodes: Array, level: Ints, packed: int,
    query: Array, most: float, wanted: Flags,
) -> Ints:  # fmt: skip
    found, n = np.empty(64, np.int64), 0
    stack, of = np.empty(_DEEPEST * _WIDTH, np.int64), np.empty(_DEEPEST * _WIDTH, np.int64)
    top = 0
    if len(level) > 1:
        stack[0], of[0], top = 0, len(level) - 2, 1
    while top > 0:
        top -= 1
        node, k = stack[top], of[top]
        if _passed_over(nodes[level[k] + node], query, most):
            continue
        size = len(order) if k == 0 else level[k] - level[k - 1]
        for child in range(node * _WIDTH, min((node + 1) * _WIDTH, size)):
            if k > 0:
                stack[top], of[top] = child, k - 1
                top += 1
                continue
            row = order[child]
            if (len(wanted) == 0 or wanted[row]) and not _passed_over(boxes[row], query, most):
                found, n = _added(found, n, row)
    for row in range(packed, len(boxes)):
        if (len(wanted) == 0 or wanted[row]) and not _passed_over(boxes[row], query, most):
            found, n = _added(found, n, row)
    return found[:n]
