"""Names of divisions and towns as a prefix tree of code points, and which of them begins at a place."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Trie", "make_trie", "names_at", "rows_of"]

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Trie = tuple[I64, I32, I32]
"""Edges (node · 65536 + character) by hash, child of each, name that ends at each node (-1: none)."""


def make_trie(names: Sequence[str]) -> Trie:
    """Prefix tree of names of characters below 0x10000; a name's number is its place."""
    codes = np.frombuffer("".join(names).encode("utf-32-le"), np.uint32)
    ends = np.cumsum([len(name) for name in names]).astype(np.int64)
    room = 1 << (2 * len(codes) + 16).bit_length()
    edges = np.full(room, -1, np.int64)
    child = np.zeros(room, np.int32)
    name = np.full(len(codes) + 1, -1, np.int32)
    _fill(codes, ends, edges, child, name)
    return edges, child, name


@njit(cache=True, inline="always")
def _slot(edges: I64, key: int) -> int:
    """Place of an edge in the hash, or the empty place for it."""
    mask = len(edges) - 1
    at = ((key * 0x5851F42D4C957F2D) >> 20) & mask
    while edges[at] != key and edges[at] != -1:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def _fill(codes: U32, ends: I64, edges: I64, child: I32, name: I32) -> None:
    nodes, at = 1, 0
    for number in range(len(ends)):
        node = np.int64(0)
        while at < ends[number]:
            key = node * 65536 + np.int64(codes[at])
            slot = _slot(edges, key)
            if edges[slot] == -1:
                edges[slot] = key
                child[slot] = nodes
                nodes += 1
            node = np.int64(child[slot])
            at += 1
        name[node] = number


@njit(cache=True, inline="always")
def _child_of(edges: I64, child: I32, node: int, character: int) -> int:
    """Node below a node by a character; 0 where there is none."""
    slot = _slot(edges, np.int64(node) * 65536 + np.int64(character))
    return np.int64(child[slot]) if edges[slot] != -1 else np.int64(0)


@njit(cache=True)
def names_at(
    edges: I64, child: I32, name: I32, text: U32, at: int, size: int, numbers: I32, ends: I32
) -> int:
    """Names that begin at a place, shortest first.

    Parameters
    ----------
    edges, child, name : ndarray
        A `Trie`.
    text : ndarray of uint32
        Code points below 0x10000, the first `size` of them.
    numbers, ends : ndarray of int32
        Written: number and end of each name.

    Returns
    -------
    int
        How many.
    """
    found, node, i = 0, np.int64(0), at
    while i < size and found < len(numbers):
        node = _child_of(edges, child, node, text[i])
        if node == 0:
            break
        i += 1
        if name[node] >= 0:
            numbers[found], ends[found] = name[node], i
            found += 1
    return found


def rows_of(groups: Iterable[Iterable[int]]) -> tuple[I32, list[int]]:
    """Where the rows of each group begin, and all rows."""
    first, rows = [0], []
    for group in groups:
        rows += group
        first.append(len(rows))
    return np.array(first, np.int32), rows
