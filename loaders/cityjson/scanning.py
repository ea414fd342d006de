"""Compiled: the number lists of CityJSON text go into columns, what is left is small enough for a JSON parser.

Four fifths of a CityJSON text are ``vertices``, ``boundaries`` and semantic ``values``. As Python lists they cost
ten times their size in memory and most of the time of a load; here they are read into arrays, and each is replaced
by its number in the text that is left. So are whole ``geometry`` arrays where all of their geometries are plain
(:mod:`loaders.cityjson.geometries`).
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from loaders.cityjson.geometries import COLUMNS, VERTICES, array_rows
from loaders.cityjson.numberlists import (
    COUNTS,
    DEPTH,
    INNER,
    LISTS,
    NUMBERS,
    OUTER,
    UPPER,
    is_word,
    taken,
)

__all__ = ["Packed", "pack", "triples"]

IntArray = NDArray[np.int64]
MEMBERS = 3
"""A plain geometry has at least as many: type, LoD and boundaries."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Nested lists of whole numbers of one text, in columns.

    ``bounds[:, k]`` says where list k begins in ``numbers``, ``inner``, ``outer`` and ``upper``, and how deep its
    numbers are nested; it ends where the next begins. ``inner`` are the lengths of the innermost lists
    (the rings of boundaries), ``outer`` how many of them each list above holds (the rings of a face),
    ``upper`` how many of those the lists above them hold (the faces of a shell).

    ``rows`` (g, COLUMNS) are the plain geometries, see :mod:`loaders.cityjson.geometries`; the geometry array k has
    ``rows[arrays[k]:arrays[k + 1]]``.
    """

    numbers: IntArray
    inner: IntArray
    outer: IntArray
    upper: IntArray
    bounds: IntArray
    rows: IntArray
    arrays: list[int] = field(default_factory=lambda: [0])

    def list_of(self, k: int) -> IntArray:
        """Numbers of list k, whatever their nesting."""
        return self.numbers[self.bounds[NUMBERS, k] : self.bounds[NUMBERS, k + 1]]

    def depth_of(self, k: int) -> int:
        """How deep the numbers of list k are nested."""
        return int(self.bounds[DEPTH, k])

    def upper_of(self, k: int) -> IntArray:
        """Faces of each shell of list k."""
        return self.upper[self.bounds[UPPER, k] : self.bounds[UPPER, k + 1]]

    def inner_of(self, k: int) -> IntArray:
        """Lengths of the innermost lists of list k."""
        return self.inner[self.bounds[INNER, k] : self.bounds[INNER, k + 1]]

    def spans_of(self, lists: IntArray) -> IntArray:
        """Where lists begin and end in ``outer``, ``inner`` and ``numbers``, shape (n, 6)."""
        at = self.bounds[np.array([OUTER, INNER, NUMBERS])[:, None, None], lists[:, None] + [0, 1]]
        return np.ascontiguousarray(at.transpose(1, 0, 2)).reshape(-1, 6)


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


_GEOMETRY = np.frombuffer(b"geometry", np.uint8)
_BOUNDARIES = np.frombuffer(b"boundaries", np.uint8)
_SEMANTICS = np.frombuffer(b"semantics", np.uint8)
_VALUES = np.frombuffer(b"values", np.uint8)
_VERTICES = np.frombuffer(b"vertices", np.uint8)
_NO_LIST = -1
_SEVERAL = -2


@njit(cache=True, nogil=True)
def _copied(data: NDArray[np.uint8], a: int, b: int, rest: NDArray[np.uint8], at: int) -> int:
    """Copy ``data[a:b]`` to ``rest`` from ``at`` on; the place behind."""
    rest[at : at + b - a] = data[a:b]
    return at + b - a


@njit(cache=True, nogil=True)
def _write(rest: NDArray[np.uint8], at: int, number: int) -> int:
    """A colon and a number; the place behind."""
    rest[at] = 58
    at += 1
    digits = 1
    power = 10
    while number >= power:
        power *= 10
        digits += 1
    for d in range(digits):
        rest[at + digits - 1 - d] = 48 + number % 10
        number //= 10
    return at + digits


@njit(cache=True, nogil=True)
def _placed(
    rows: IntArray, first: int, last: int, vertices: int, inner: IntArray, bounds: IntArray
) -> bool:
    """Tell rows ``first`` to ``last`` the list of their vertices; False where there is none of triples."""
    if first == last:
        return True
    if vertices < 0 or bounds[DEPTH, vertices] != 2:
        return False
    for i in range(bounds[INNER, vertices], bounds[INNER, vertices + 1]):
        if inner[i] != 3:
            return False
    rows[first:last, VERTICES] = vertices
    return True


@njit(cache=True, nogil=True)
def _scan(  # noqa: C901 (one state machine)
    data: NDArray[np.uint8],
    by_line: bool,
    plain: bool,
    rest: NDArray[np.uint8],
    numbers: IntArray,
    inner: IntArray,
    outer: IntArray,
    upper: IntArray,
    bounds: IntArray,
    rows: IntArray,
    arrays: IntArray,
    counts: IntArray,
) -> tuple[int, int, bool]:
    """Copy the text to ``rest`` with its number lists and, if ``plain``, its plain geometries replaced.

    What was written, how many geometry arrays there are, and whether all of their rows have vertices.
    """
    i = at = kept = depth = n_arrays = n_rows = placed = 0
    in_geometry = in_semantics = False
    sound = True
    vertex_list = _NO_LIST
    end = len(data)
    while i < end:
        c = data[np.uint64(i)]
        if c != 34:
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
                sound &= _placed(rows, placed, n_rows, vertex_list, inner, bounds)
                placed, vertex_list = n_rows, _NO_LIST
            continue
        a = i + 1
        j = a
        while j < end:
            c = data[np.uint64(j)]
            if c == 34 or (by_line and c == 10):
                break
            j += 2 if c == 92 else 1
        i = j = min(j, end)
        if j >= end or data[j] != 34:
            continue
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
        if depth == 3:
            if is_word(data, a, b, _GEOMETRY):
                if data[j] == 91:
                    in_geometry = True
                    stop = 0
                    if plain:
                        stop, n_rows = array_rows(
                            data, j, rows, n_rows, counts, numbers, inner, outer, upper, bounds
                        )
                    if stop > 0:
                        in_geometry = False
                        at = _write(rest, _copied(data, kept, i, rest, at), n_arrays)
                        n_arrays += 1
                        arrays[n_arrays] = n_rows
                        i = kept = stop
                elif data[j] == 45 or 48 <= data[j] <= 57:  # a number of its own, not of an array
                    sound = False
            continue
        if data[j] == 91:
            if depth == 5:
                wanted = in_geometry and is_word(data, a, b, _BOUNDARIES)
            elif depth == 6:
                wanted = in_semantics and is_word(data, a, b, _VALUES)
            else:
                wanted = is_word(data, a, b, _VERTICES)
                if wanted:
                    vertex_list = _NO_LIST if vertex_list == _NO_LIST else _SEVERAL
        elif data[j] == 123 and depth == 5 and in_geometry and is_word(data, a, b, _SEMANTICS):
            in_semantics = True
        if not wanted:
            continue
        stop = taken(data, j, depth == 6, counts, numbers, inner, outer, upper, bounds)
        if stop == 0:
            continue
        at = _write(rest, _copied(data, kept, i, rest, at), counts[LISTS] - 1)
        i = kept = stop
        if depth == 1 and vertex_list == _NO_LIST:
            vertex_list = counts[LISTS] - 1
    sound &= _placed(rows, placed, n_rows, vertex_list, inner, bounds)
    return _copied(data, kept, end, rest, at), n_arrays, sound


@njit(cache=True, nogil=True)
def _counted(data: NDArray[np.uint8]) -> tuple[int, int, int]:
    """How many opening brackets, colons and commas there are."""
    brackets = colons = commas = 0
    for i in range(len(data)):
        brackets += data[i] == 91
        colons += data[i] == 58
        commas += data[i] == 44
    return brackets, colons, commas


def pack(text: bytes, by_line: bool, plain: bool = False) -> tuple[bytes, Packed]:
    """Take the number lists out of CityJSON text.

    Parameters
    ----------
    text : bytes
        A document, or whole lines of a sequence.
    by_line : bool
        Whether each line stands for itself: a broken one then does not spoil the next.
    plain : bool
        Whether ``geometry`` arrays of plain geometries are taken out too, unless one of them lacks vertices or the
        text has a number of its own there.

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
    # what is set aside must not be much too large: the system clears it by whole huge pages
    n_lists, n_members, n_commas = _counted(data)
    rest = np.empty(len(data) + 20, np.uint8)
    numbers = np.empty(n_lists + n_commas + 1, np.int64)
    inner, outer, upper = (np.empty(n_lists + 1, np.int64) for _ in range(3))
    bounds = np.empty((DEPTH + 1, n_members + 2), np.int64)
    n_rows = n_members // MEMBERS + 1 if plain else 0
    rows, arrays = np.empty((n_rows, COLUMNS), np.int64), np.empty(n_rows + 1, np.int64)
    counts = np.zeros(COUNTS, np.int64)
    bounds[:, 0] = arrays[0] = 0
    columns = (numbers, inner, outer, upper, bounds, rows, arrays, counts)
    at, n_arrays, sound = _scan(data, by_line, plain, rest, *columns)
    if plain and not sound:
        return pack(text, by_line)
    packed = Packed(
        numbers[: counts[NUMBERS]],
        inner[: counts[INNER]],
        outer[: counts[OUTER]],
        upper[: counts[UPPER]],
        bounds[:, : counts[LISTS] + 1],
        rows[: arrays[n_arrays]],
        arrays[: n_arrays + 1].tolist(),
    )
    return rest[:at].tobytes(), packed
