"""Compiled: nested lists of whole numbers in JSON text, read into columns."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "COUNTS",
    "DEPTH",
    "INNER",
    "LISTS",
    "NONE",
    "NUMBERS",
    "OUTER",
    "UPPER",
    "is_word",
    "taken",
]

IntArray = NDArray[np.int64]
NONE = -1
"""A ``null`` among semantic values."""
NUMBERS, INNER, OUTER, UPPER, LISTS, COUNTS = 0, 1, 2, 3, 4, 5
"""Places of the counts of what was read, and how many there are."""
DEPTH = 4
"""Row of ``bounds`` that says how deep the numbers of a list are nested; rows before say where each list begins."""


@njit(cache=True, nogil=True)
def is_word(data: NDArray[np.uint8], a: int, b: int, word: NDArray[np.uint8]) -> bool:
    """Whether ``data[a:b]`` is the word."""
    same = b - a == len(word)
    i = 0
    while same and i < len(word):
        same = data[a + i] == word[i]
        i += 1
    return same


@njit(cache=True, nogil=True)
def _nested(  # noqa: C901 (one state machine)
    data: NDArray[np.uint8],
    i: int,
    numbers: IntArray,
    n: int,
    inner: IntArray,
    n_inner: int,
    outer: IntArray,
    n_outer: int,
    upper: IntArray,
    n_upper: int,
    nulls: bool,
) -> tuple[int, int, int, int, int, int]:
    """Read the list that begins at ``data[i]``; end (0: it is none to pack), counts and depth."""
    depth = level = 0
    size, end = 0, len(data)
    in_outer = in_upper = 0
    fresh = True  # a value may come, not a comma or a closing bracket
    while i < end:
        c = data[np.uint64(i)]
        if 48 <= c <= 57 or c == 45 or c == 110:
            if not fresh or level == 0:
                return 0, 0, 0, 0, 0, 0
            if depth == 0:
                depth = level
            elif depth != level:
                return 0, 0, 0, 0, 0, 0
            first = n
            while True:  # numbers with nothing but a comma between them
                value, sign = 0, 1
                if c == 45:
                    sign = -1
                    i += 1
                    c = data[np.uint64(i)] if i < end else np.uint8(0)
                start = i
                while 48 <= c <= 57:
                    value = value * 10 + (int(c) - 48)
                    i += 1
                    c = data[np.uint64(i)] if i < end else np.uint8(0)
                if i == start:
                    if (
                        c != 110
                        or sign < 0
                        or not nulls
                        or i + 3 >= end
                        or data[i + 1] != 117
                        or data[i + 2] != 108
                        or data[i + 3] != 108
                    ):
                        return 0, 0, 0, 0, 0, 0
                    value = NONE
                    i += 4
                    c = data[i] if i < end else np.uint8(0)
                elif i - start > 17:
                    return 0, 0, 0, 0, 0, 0
                numbers[np.uint64(n)] = value * sign
                n += 1
                if c != 44 or i + 1 >= end:
                    break
                c = data[np.uint64(i + 1)]
                if not (48 <= c <= 57 or c == 45):
                    break
                i += 1
            size += n - first
            fresh = False
            continue
        if c == 44:
            if fresh:
                return 0, 0, 0, 0, 0, 0
            fresh = True
        elif c == 91:
            if not fresh or (depth > 0 and level >= depth):
                return 0, 0, 0, 0, 0, 0
            level += 1
            size = 0
            if depth == 0 or level == depth - 1:
                in_outer = 0
        elif c == 93:
            if fresh:  # an empty list, or a comma before it
                return 0, 0, 0, 0, 0, 0
            if level == depth:
                inner[n_inner] = size
                n_inner += 1
                in_outer += 1
            elif level == depth - 1:
                outer[n_outer] = in_outer
                n_outer += 1
                in_outer = 0
                in_upper += 1
            elif level == depth - 2:
                upper[n_upper] = in_upper
                n_upper += 1
                in_upper = 0
            level -= 1
            if level == 0:
                return i + 1, n, n_inner, n_outer, n_upper, depth
        elif c != 32 and c != 9 and c != 13:
            return 0, 0, 0, 0, 0, 0  # a fraction, text, an object, the end of the line
        i += 1
    return 0, 0, 0, 0, 0, 0


@njit(cache=True, nogil=True)
def taken(
    data: NDArray[np.uint8],
    i: int,
    nulls: bool,
    counts: IntArray,
    numbers: IntArray,
    inner: IntArray,
    outer: IntArray,
    upper: IntArray,
    bounds: IntArray,
) -> int:
    """Read the list that begins at ``data[i]`` behind those read before.

    Parameters
    ----------
    data : ndarray of uint8
        JSON text.
    i : int
        Place of its opening bracket.
    nulls : bool
        Whether ``null`` stands for a number (:data:`NONE`).
    counts : ndarray of int64, shape (COUNTS,)
        How much was read so far; counted on.
    numbers, inner, outer, upper : ndarray of int64
        As in :class:`loaders.cityjson.scanning.Packed`, with room for what the text may hold.
    bounds : ndarray of int64, shape (5, lists + 1)
        Where each list begins in those four, and its depth.

    Returns
    -------
    int
        Where the text goes on; 0 where it is no list of whole numbers, all equally deep. Nothing is read then.
    """
    stop, n, n_inner, n_outer, n_upper, deep = _nested(
        data,
        i,
        numbers,
        counts[NUMBERS],
        inner,
        counts[INNER],
        outer,
        counts[OUTER],
        upper,
        counts[UPPER],
        nulls,
    )
    if stop == 0:
        return 0
    k = counts[LISTS]
    bounds[DEPTH, k] = deep
    counts[NUMBERS], counts[INNER], counts[OUTER], counts[UPPER] = n, n_inner, n_outer, n_upper
    counts[LISTS] = k + 1
    for row in range(DEPTH):
        bounds[row, k + 1] = counts[row]
    return stop
