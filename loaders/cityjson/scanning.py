"""Compiled: the number lists of CityJSON text go into columns, what is left is small enough for a JSON parser.

Four fifths of a CityJSON text are ``vertices``, ``boundaries`` and semantic ``values``. As Python lists they cost
ten times their size in memory and most of the time of a load; here they are read into arrays, and each is replaced
by its number in the text that is left.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Packed", "pack", "triples"]

IntArray = NDArray[np.int64]
COUNTED = 64 * 1024**2
"""Longer texts are looked through first for how many numbers and lists they have."""
NONE = -1
"""A ``null`` among semantic values."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Nested lists of whole numbers of one text, in columns.

    ``spans[k]`` says where list k lies: (first, end) in ``outer``, in ``inner``, in ``numbers`` and in
    ``upper``, and how deep its numbers are nested. ``inner`` are the lengths of the innermost lists
    (the rings of boundaries), ``outer`` how many of them each list above holds (the rings of a face),
    ``upper`` how many of those the lists above them hold (the faces of a shell).
    """

    numbers: IntArray
    inner: IntArray
    outer: IntArray
    upper: IntArray
    spans: list[list[int]]

    def list_of(self, k: int) -> IntArray:
        """Numbers of list k, whatever their nesting."""
        span = self.spans[k]
        return self.numbers[span[4] : span[5]]

    def depth_of(self, k: int) -> int:
        """How deep the numbers of list k are nested."""
        return self.spans[k][8]

    def upper_of(self, k: int) -> IntArray:
        """Faces of each shell of list k."""
        span = self.spans[k]
        return self.upper[span[6] : span[7]]

    def inner_of(self, k: int) -> IntArray:
        """Lengths of the innermost lists of list k."""
        span = self.spans[k]
        return self.inner[span[2] : span[3]]


@njit(cache=True, nogil=True)
def triples(
    numbers: IntArray,
    inner: IntArray,
    rows: tuple[int, int],
    first: int,
    scale: NDArray[np.float64],
    translate: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Scaled and moved corners (n, 3) of lists ``rows[0]`` to ``rows[1]`` of three numbers; (0, 3) where one has not three."""
    a, b = rows
    out = np.empty((b - a, 3))
    k = first
    for i in range(a, b):
        if inner[i] != 3:
            return out[:0]
        for axis in range(3):
            out[i - a, axis] = numbers[k + axis] * scale[axis] + translate[axis]
        k += 3
    return out


@njit(cache=True, nogil=True)
def _is(data: NDArray[np.uint8], a: int, b: int, word: NDArray[np.uint8]) -> bool:
    same = b - a == len(word)
    i = 0
    while same and i < len(word):
        same = data[a + i] == word[i]
        i += 1
    return same


@njit(cache=True, nogil=True)
def _room(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Upper bounds of how many numbers and lists there are."""
    numbers = lists = 0
    before = np.uint8(0)
    for c in data:
        digit = 48 <= c <= 57
        if (digit and not 48 <= before <= 57) or c == 110:  # a digit run or the n of null
            numbers += 1
        elif c == 91:
            lists += 1
        before = c
    return numbers, lists


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
        c = data[i]
        if 48 <= c <= 57 or c == 45 or c == 110:
            if not fresh or level == 0:
                return 0, 0, 0, 0, 0, 0
            if depth == 0:
                depth = level
            elif depth != level:
                return 0, 0, 0, 0, 0, 0
            if c == 110:
                if (
                    not nulls
                    or i + 3 >= end
                    or data[i + 1] != 117
                    or data[i + 2] != 108
                    or data[i + 3] != 108
                ):
                    return 0, 0, 0, 0, 0, 0
                value = NONE
                i += 4
            else:
                sign = 1
                if c == 45:
                    sign = -1
                    i += 1
                start, value = i, 0
                while i < end and 48 <= data[i] <= 57:
                    value = value * 10 + (int(data[i]) - 48)
                    i += 1
                if i == start or i - start > 17:
                    return 0, 0, 0, 0, 0, 0
                value *= sign
            numbers[n] = value
            n += 1
            size += 1
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


_GEOMETRY = np.frombuffer(b"geometry", np.uint8)
_BOUNDARIES = np.frombuffer(b"boundaries", np.uint8)
_SEMANTICS = np.frombuffer(b"semantics", np.uint8)
_VALUES = np.frombuffer(b"values", np.uint8)
_VERTICES = np.frombuffer(b"vertices", np.uint8)


@njit(cache=True, nogil=True)
def _scan(  # noqa: C901 (one state machine)
    data: NDArray[np.uint8],
    by_line: bool,
    rest: NDArray[np.uint8],
    numbers: IntArray,
    number_start: IntArray,
    inner: IntArray,
    inner_start: IntArray,
    outer: IntArray,
    outer_start: IntArray,
    upper: IntArray,
    upper_start: IntArray,
    depths: IntArray,
    geometry: NDArray[np.uint8],
    boundaries: NDArray[np.uint8],
    semantics: NDArray[np.uint8],
    values: NDArray[np.uint8],
    vertices: NDArray[np.uint8],
) -> tuple[int, int, int, int, int, int]:
    """Copy the text to ``rest`` with its number lists replaced; lengths of what was written."""
    i = at = n = n_inner = n_outer = n_upper = k = depth = 0
    in_geometry = in_semantics = False
    end = len(data)
    while i < end:
        c = data[i]
        if c != 34:
            rest[at] = c
            at += 1
            i += 1
            if c == 123 or c == 91:
                depth += 1
            elif c == 125 or c == 93:
                depth -= 1
                if depth <= 3:
                    in_geometry = False
                if depth <= 5:
                    in_semantics = False
            elif c == 10 and by_line:
                depth = 0
                in_geometry = in_semantics = False
            continue
        a = i + 1
        j = a
        while j < end and data[j] != 34 and not (by_line and data[j] == 10):
            j += 2 if data[j] == 92 else 1
        j = min(j, end)
        while i < j:
            rest[at] = data[i]
            at += 1
            i += 1
        if j >= end or data[j] != 34:
            continue
        rest[at] = 34
        at += 1
        i += 1
        if not (depth == 1 or depth == 3 or depth == 5 or depth == 6):
            continue
        b = j
        j = i
        while j < end and (data[j] == 32 or data[j] == 9 or data[j] == 13):
            j += 1
        if j >= end or data[j] != 58:
            continue
        j += 1
        while j < end and (data[j] == 32 or data[j] == 9 or data[j] == 13):
            j += 1
        if j >= end:
            continue
        wanted = False
        if data[j] == 91:
            if depth == 3 and _is(data, a, b, geometry):
                in_geometry = True
            elif depth == 5:
                wanted = in_geometry and _is(data, a, b, boundaries)
            elif depth == 6:
                wanted = in_semantics and _is(data, a, b, values)
            elif depth == 1:
                wanted = _is(data, a, b, vertices)
        elif data[j] == 123 and depth == 5 and in_geometry and _is(data, a, b, semantics):
            in_semantics = True
        if not wanted:
            continue
        stop, m, m_inner, m_outer, m_upper, deep = _nested(
            data, j, numbers, n, inner, n_inner, outer, n_outer, upper, n_upper, depth == 6
        )
        if stop == 0:
            continue
        rest[at] = 58
        at += 1
        digits = 1
        power = 10
        while k >= power:
            power *= 10
            digits += 1
        left = k
        for d in range(digits):
            rest[at + digits - 1 - d] = 48 + left % 10
            left //= 10
        at += digits
        i, n, n_inner, n_outer, n_upper = stop, m, m_inner, m_outer, m_upper
        depths[k] = deep
        k += 1
        number_start[k], inner_start[k], outer_start[k], upper_start[k] = (
            n,
            n_inner,
            n_outer,
            n_upper,
        )
    return at, n, n_inner, n_outer, n_upper, k


def pack(text: bytes, by_line: bool) -> tuple[bytes, Packed]:
    """Take the number lists out of CityJSON text.

    Parameters
    ----------
    text : bytes
        A document, or whole lines of a sequence.
    by_line : bool
        Whether each line stands for itself: a broken one then does not spoil the next.

    Returns
    -------
    rest : bytes
        The same text with ``vertices`` of the document or feature, ``boundaries`` of geometries and
        ``values`` of semantics replaced by k where they are nested lists of whole numbers, all
        equally deep; anything else stays as it is.
    Packed

    Examples
    --------
    >>> rest, packed = pack(b'{"vertices": [[1, 2, -3], [4, 5, 6]], "a": [1]}', False)
    >>> rest, packed.list_of(0).tolist(), packed.inner.tolist()
    (b'{"vertices":0, "a": [1]}', [1, 2, -3, 4, 5, 6], [3, 3])
    """
    data = np.frombuffer(text, np.uint8)
    n_numbers = n_lists = len(data) // 2 + 1  # what stays untouched takes no memory
    if len(data) > COUNTED:
        n_numbers, n_lists = _room(data)
    rest = np.empty(len(data) + 20, np.uint8)
    numbers = np.empty(n_numbers + 1, np.int64)
    lists = [np.empty(n_lists + 1, np.int64) for _ in range(4)]
    outer = lists[1]
    starts = [np.empty(n_lists + 2, np.int64) for _ in range(4)]
    for start in starts:
        start[0] = 0
    at, n, n_inner, n_outer, n_upper, k = _scan(
        data,
        by_line,
        rest,
        numbers,
        starts[0],
        lists[0],
        starts[1],
        lists[1],
        starts[2],
        lists[3],
        starts[3],
        lists[2],
        _GEOMETRY,
        _BOUNDARIES,
        _SEMANTICS,
        _VALUES,
        _VERTICES,
    )
    ends = [s[: k + 1] for s in (starts[2], starts[1], starts[0], starts[3])]
    spans = np.stack([part for s in ends for part in (s[:-1], s[1:])] + [lists[2][:k]], axis=1)
    return rest[:at].tobytes(), Packed(
        numbers[:n], lists[0][:n_inner], outer[:n_outer], lists[3][:n_upper], spans.tolist()
    )
