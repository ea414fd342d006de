"""Lists of names as prefix trees of code points, and which names begin at a place."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["make_tries", "names_at", "rows_of"]

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
T = TypeVar("T")


def make_tries(*lists: Sequence[str]) -> tuple[I64, I32, I32, list[int]]:
    """Prefix trees of lists of names of characters below 0x10000.

    Returns
    -------
    tuple
        Edges (node · 65536 + character) by hash, the node below each, the place in its list of the
        name that ends at each node (-1: none), the root of each list.
    """
    names = [name for names in lists for name in names]
    codes = np.frombuffer("".join(names).encode("utf-32-le"), np.uint32)
    ends = np.cumsum([len(name) for name in names]).astype(np.int64)
    room = 1 << (2 * len(codes) + 16).bit_length()
    edges, child = np.full(room, -1, np.int64), np.zeros(room, np.int32)
    name = np.full(len(codes) + len(lists) + 1, -1, np.int32)
    counts = np.array([len(names) for names in lists], np.int64)
    _fill(codes, ends, counts, edges, child, name)
    return edges, child, name, list(range(len(lists)))


@njit(cache=True, inline="always")
def _slot(edges: I64, key: int) -> int:
    """Place of an edge in the hash, or the empty place for it."""
    mask = len(edges) - 1
    at = ((key * 0x5851F42D4C957F2D) >> 20) & mask
    while edges[at] != key and edges[at] != -1:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def _fill(codes: U32, ends: I64, counts: I64, edges: I64, child: I32, name: I32) -> None:
    nodes, at, row = len(counts), 0, 0
    for root in range(len(counts)):
        for number in range(counts[root]):
            node = np.int64(root)
            while at < ends[row]:
                key = node * 65536 + np.int64(codes[at])
                slot = _slot(edges, key)
                if edges[slot] == -1:
                    edges[slot] = key
                    child[slot] = nodes
                    nodes += 1
                node = np.int64(child[slot])
                at += 1
            name[node] = number
            row += 1


@njit(cache=True)
def names_at(
    table: I32, child: int, name: int, edges: I64, root: int, sheet: I32, at: int, end: int, out: int, most: int
) -> int:  # fmt: skip
    """Names of a list that begin at a place, shortest first.

    Parameters
    ----------
    table : ndarray of int32
        Holds the nodes below the edges from `child` on and the names of the nodes from `name` on.
    edges : ndarray of int64
    root : int
        Of the list.
    sheet : ndarray of int32
        Holds the text. Written: from `out` on the number of each name, from ``out + most`` on
        where it ends (in the sheet).
    at, end : int
        Place in the sheet, and end of the text there.

    Returns
    -------
    int
        How many, at most `most`.
    """
    found, node, i = 0, np.int64(root), at
    while i < end and found < most:
        slot = _slot(edges, node * 65536 + np.int64(sheet[i]))
        if edges[slot] == -1:
            break
        node = np.int64(table[child + slot])
        i += 1
        if table[name + node] >= 0:
            sheet[out + found], sheet[out + most + found] = table[name + node], i
            found += 1
    return found


def rows_of(groups: Iterable[Iterable[T]]) -> tuple[list[int], list[T]]:
    """Where the rows of each group begin, and all rows."""
    first: list[int] = [0]
    rows: list[T] = []
    for group in groups:
        rows += group
        first.append(len(rows))
    return first, rows
