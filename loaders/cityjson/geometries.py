"""Compiled: plain geometry arrays of CityJSON text become rows of columns.

Most geometries say a type, an LoD, boundaries and semantics and nothing else. Such an array is read here without making
an object of it; any other is left to the JSON parser.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from loaders.cityjson.numberlists import LISTS, is_word, taken

__all__ = [
    "BOUNDARIES",
    "COLUMNS",
    "KIND",
    "KINDS",
    "LOD",
    "SURFACES",
    "VALUES",
    "VERTICES",
    "array_rows",
    "distinct",
    "point_columns",
]  # fmt: skip

IntArray = NDArray[np.int64]
Bytes = NDArray[np.uint8]
KINDS = ("MultiSurface", "CompositeSurface", "Solid", "MultiSolid", "CompositeSolid")
"""Types of geometries that are rows, in the order of their numbers."""
KIND, LOD, BOUNDARIES, VALUES, SURFACES, VERTICES, COLUMNS = 0, 1, 3, 4, 5, 7, 8
"""Columns of a row: number of its type; text of the LoD from, to; lists of boundaries and semantic values (-1: none); text of
the surfaces from, to (-1: none); list of the vertices."""

_TYPE, _LOD, _BOUNDARIES = (np.frombuffer(w, np.uint8) for w in (b"type", b"lod", b"boundaries"))
_SEMANTICS, _SURFACES, _VALUES = (
    np.frombuffer(w, np.uint8) for w in (b"semantics", b"surfaces", b"values")
)
_NAMES = np.frombuffer("".join(KINDS).encode(), np.uint8)
_NAME_AT = np.cumsum([0, *map(len, KINDS)])
_DEPTHS = np.array([3, 3, 4, 5, 5])
"""How deep the numbers of the boundaries of each type are nested."""
_TYPE_KEY, _LOD_KEY, _BOUNDARIES_KEY, _SEMANTICS_KEY, _SURFACES_KEY, _VALUES_KEY = (
    1,
    2,
    4,
    8,
    16,
    32,
)


@njit(cache=True, nogil=True, inline="always")
def _blank(data: Bytes, i: int) -> int:
    """The next place that is no blank; a line feed is none."""
    while i < len(data) and (data[i] == 32 or data[i] == 9 or data[i] == 13):
        i += 1
    return i


@njit(cache=True, nogil=True)
def _word_end(data: Bytes, i: int) -> int:
    """Closing quote of the text that begins behind ``data[i]``; 0 where it has an escape or does not end in its line."""
    i += 1
    while i < len(data) and data[i] != 34:
        if data[i] == 92 or data[i] < 32:
            return 0
        i += 1
    return i if i < len(data) else 0


@njit(cache=True, nogil=True)
def _list_end(data: Bytes, i: int) -> int:
    """Behind the bracket that closes the one at ``data[i]``; 0 where none does in the same line."""
    depth = 0
    while i < len(data):
        c = data[i]
        if c == 34:
            i += 1
            while i < len(data) and data[i] != 34:
                if data[i] == 10:
                    return 0
                i += 2 if data[i] == 92 else 1
        elif c == 91 or c == 123:
            depth += 1
        elif c == 93 or c == 125:
            depth -= 1
            if depth == 0:
                return i + 1
        elif c == 10:
            return 0
        i += 1
    return 0


@njit(cache=True, nogil=True)
def _value(  # noqa: C901 (one state machine)
    data: Bytes, a: int, b: int, i: int, said: int, row: IntArray
) -> tuple[int, int, int]:
    """Read a plain member named ``data[a:b]``; where it goes on, what has been said, and the list to take (0: none).

    Where it goes on is 0 for what no row has.
    """
    key = 0
    if is_word(data, a, b, _TYPE):
        key = _TYPE_KEY
        end = _word_end(data, i) if data[i] == 34 else 0
        if end == 0:
            return 0, said, 0
        row[KIND] = -1
        for kind in range(len(_DEPTHS)):
            if is_word(data, i + 1, end, _NAMES[_NAME_AT[kind] : _NAME_AT[kind + 1]]):
                row[KIND] = kind
        i = 0 if row[KIND] < 0 else end + 1
    elif is_word(data, a, b, _LOD):
        key = _LOD_KEY
        row[LOD] = i
        if data[i] == 34:
            i = _word_end(data, i)
            i = 0 if i == 0 else i + 1
        elif 48 <= data[i] <= 57:
            while i < len(data) and (48 <= data[i] <= 57 or data[i] == 46):
                i += 1
        else:
            i = 0
        row[LOD + 1] = i
    elif is_word(data, a, b, _BOUNDARIES):
        key = _BOUNDARIES_KEY
    elif is_word(data, a, b, _VALUES):
        key = _VALUES_KEY
    elif is_word(data, a, b, _SURFACES):
        key = _SURFACES_KEY
        row[SURFACES] = i
        i = _list_end(data, i) if data[i] == 91 else 0
        row[SURFACES + 1] = i
    elif is_word(data, a, b, _SEMANTICS):
        key = _SEMANTICS_KEY
    if key == 0 or i == 0 or said & key:
        return 0, said, 0
    taking = key if key in (_BOUNDARIES_KEY, _VALUES_KEY) else 0
    if (taking and data[i] != 91) or (key == _SEMANTICS_KEY and data[i] != 123):
        return 0, said, 0
    return i, said | key, taking


@njit(cache=True, nogil=True)
def _row(  # noqa: C901 (one state machine)
    data: Bytes,
    i: int,
    row: IntArray,
    counts: IntArray,
    numbers: IntArray,
    inner: IntArray,
    outer: IntArray,
    upper: IntArray,
    bounds: IntArray,
) -> int:
    """Read the geometry that begins at ``data[i]``; behind it, 0 where it is no row."""
    row[:] = -1
    said, level = 0, 1
    i += 1
    while True:
        i = _blank(data, i)
        if i >= len(data) or data[i] != 34:
            return 0
        a = i + 1
        b = _word_end(data, i)
        if b == 0:
            return 0
        i = _blank(data, b + 1)
        if i >= len(data) or data[i] != 58:
            return 0
        i = _blank(data, i + 1)
        if i >= len(data):
            return 0
        before = said
        i, said, taking = _value(data, a, b, i, said, row)
        if i == 0:
            return 0
        new = said ^ before
        if (new & (_SURFACES_KEY | _VALUES_KEY) != 0) != (level == 2):
            return 0
        if new == _SEMANTICS_KEY:
            level = 2
            i += 1
            continue
        if taking:
            row[BOUNDARIES if taking == _BOUNDARIES_KEY else VALUES] = counts[LISTS]
            i = taken(data, i, taking == _VALUES_KEY, counts, numbers, inner, outer, upper, bounds)
            if i == 0:
                return 0
        i = _blank(data, i)
        while level > 0 and i < len(data) and data[i] == 125:
            level -= 1
            i = _blank(data, i + 1) if level else i + 1
        if level == 0:
            whole = _TYPE_KEY | _LOD_KEY | _BOUNDARIES_KEY
            deep = said & whole == whole and bounds[4, row[BOUNDARIES]] == _DEPTHS[row[KIND]]
            return i if deep else 0
        if i >= len(data) or data[i] != 44:
            return 0
        i += 1


@njit(cache=True, nogil=True)
def array_rows(
    data: Bytes,
    i: int,
    rows: IntArray,
    n_rows: int,
    counts: IntArray,
    numbers: IntArray,
    inner: IntArray,
    outer: IntArray,
    upper: IntArray,
    bounds: IntArray,
) -> tuple[int, int]:
    """Read the geometry array that begins at ``data[i]`` into ``rows`` from ``n_rows`` on.

    Returns
    -------
    stop : int
        Where the text goes on; 0 where not all of its geometries are rows: then nothing is read.
    n_rows : int
    """
    kept, n = counts.copy(), n_rows
    i = _blank(data, i + 1)
    while i < len(data) and data[i] == 123 and n < len(rows):
        i = _row(data, i, rows[n], counts, numbers, inner, outer, upper, bounds)
        if i == 0:
            break
        n += 1
        i = _blank(data, i)
        if i >= len(data):
            break
        if data[i] == 93:
            return i + 1, n
        if data[i] != 44:
            break
        i = _blank(data, i + 1)
    counts[:] = kept
    return 0, n_rows


@njit(cache=True, nogil=True)
def distinct(data: Bytes, start: IntArray, end: IntArray) -> tuple[IntArray, IntArray]:
    """Which of the texts ``data[start[i]:end[i]]`` are the same; a start below 0 is none.

    Returns
    -------
    first : ndarray of int64
        The first of each, in order.
    which : ndarray of int64, shape (n,)
        Place of each text in ``first``, -1 for none.
    """
    n = len(start)
    size = 16
    while size < 2 * n:
        size *= 2
    slot = np.full(size, -1, np.int64)
    first, which = np.empty(n, np.int64), np.full(n, -1, np.int64)
    found = 0
    for i in range(n):
        a, b = start[i], end[i]
        if a < 0:
            continue
        h = np.uint64(14695981039346656037)
        for k in range(a, b):
            h = (h ^ np.uint64(data[k])) * np.uint64(1099511628211)
        at = np.int64(h >> np.uint64(20)) & (size - 1)
        while slot[at] >= 0:
            c = start[first[slot[at]]]
            same = end[first[slot[at]]] - c == b - a
            k = 0
            while same and k < b - a:
                same = data[a + k] == data[c + k]
                k += 1
            if same:
                break
            at = (at + 1) & (size - 1)
        if slot[at] < 0:
            slot[at], first[found] = found, i
            found += 1
        which[i] = slot[at]
    return first[:found], which


@njit(cache=True, nogil=True)
def point_columns(
    numbers: IntArray,
    lists: IntArray,
    bounds: IntArray,
    scale: NDArray[np.float64],
    translate: NDArray[np.float64],
) -> tuple[NDArray[np.float64], IntArray]:
    """Scaled and moved vertices (n, 3) of lists of triples, one after another, and where each list begins."""
    start = np.zeros(len(lists) + 1, np.int64)
    for i in range(len(lists)):
        start[i + 1] = start[i] + (bounds[0, lists[i] + 1] - bounds[0, lists[i]]) // 3
    out = np.empty((start[-1], 3))
    for i in range(len(lists)):
        k = bounds[0, lists[i]]
        for at in range(start[i], start[i + 1]):
            for axis in range(3):
                out[at, axis] = numbers[k + axis] * scale[axis] + translate[axis]
            k += 3
    return out, start
