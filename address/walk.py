"""Compiled steps over the arrays of an arena: words, children, names in a text."""

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = [
    "child_slice",
    "code_points",
    "fill_slots",
    "fill_steps",
    "find_text",
    "find_word",
    "hash_all",
    "name_of",
    "names_in",
    "step",
    "warm",
    "word_hash",
]

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]

_BASIS = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_21 = np.uint64(21)
_ONE = np.uint64(1)


def code_points(text: str) -> U32:
    """Code points of a text, shape (len(text),).

    Examples
    --------
    >>> code_points("A江").tolist()
    [65, 27743]
    """
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@njit(cache=True, nogil=True, inline="always")
def _slot(value: np.uint64, mask: np.uint64) -> np.uint64:
    """Where to look first in an open table of ``mask + 1`` places."""
    mixed = value * _SPREAD
    return (mixed ^ (mixed >> _SHIFT)) & mask


@njit(cache=True, nogil=True)
def word_hash(level: int, points: U32, start: int, end: int) -> np.uint64:
    """FNV-1a over a level and the code points ``start`` to ``end``, as uint64."""
    value = (_BASIS ^ np.uint64(level)) * _PRIME
    for i in range(start, end):
        value = (value ^ np.uint64(points[i])) * _PRIME
    return value


@njit(cache=True, nogil=True)
def hash_all(points: U32, starts: npt.NDArray[np.int64]) -> U64:
    """`word_hash` at level 0 of each text between two starts, shape (len(starts) - 1,)."""
    out = np.empty(len(starts) - 1, np.uint64)
    for k in range(len(out)):
        out[k] = word_hash(0, points, starts[k], starts[k + 1])
    return out


@njit(cache=True, nogil=True)
def find_word(
    level: int,
    points: U32,
    start: int,
    end: int,
    word_slots: U32,
    word_hashes: U64,
    word_level: npt.NDArray[np.uint8],
    word_start: U32,
    word_points: U32,
) -> int:
    """Word of the vocabulary with this level and text, 0 where there is none; texts are compared."""
    value = word_hash(level, points, start, end)
    mask = np.uint64(len(word_slots) - 1)
    at = _slot(value, mask)
    while True:
        code = word_slots[at]
        if code == 0:
            return 0
        if word_hashes[code] == value and word_level[code] == level:
            first = np.int64(word_start[code])
            if np.int64(word_start[code + 1]) - first == end - start:
                same = True
                for i in range(end - start):
                    if word_points[first + i] != points[start + i]:
                        same = False
                        break
                if same:
                    return int(code)
        at = (at + _ONE) & mask


@njit(cache=True, nogil=True)
def find_text(wanted: npt.NDArray[np.uint8], start: U32, text: npt.NDArray[np.uint8]) -> int:
    """First place of some bytes in a sorted text column, -1 where it is absent."""
    low, high = 0, len(start) - 1
    size = len(wanted)
    while low < high:
        middle = (low + high) >> 1
        first = int(start[middle])
        own = int(start[middle + 1]) - first
        before = own < size
        for i in range(min(own, size)):
            if text[first + i] != wanted[i]:
                before = text[first + i] < wanted[i]
                break
        if before:
            low = middle + 1
        else:
            high = middle
    if low == len(start) - 1:
        return -1
    first = int(start[low])
    if int(start[low + 1]) - first != size:
        return -1
    for i in range(size):
        if text[first + i] != wanted[i]:
            return -1
    return low


@njit(cache=True, nogil=True)
def child_slice(first: I32, core: U32, row: int, code: int) -> tuple[int, int]:
    """Rows of the children of `row` (-1: the roots) with a core, as a half-open range."""
    low, high = np.int64(first[row + 1]), np.int64(first[row + 2])
    end = high
    while low < high:
        middle = (low + high) >> 1
        if core[middle] < code:
            low = middle + 1
        else:
            high = middle
    stop = low
    while stop < end and core[stop] == code:
        stop += 1
    return int(low), int(stop)


@njit(cache=True, nogil=True)
def step(state: int, point: int, step_key: U64, step_next: U32) -> int:
    """State reached from a state by one code point; -1 where no name goes on so."""
    wanted = ((np.uint64(state) << _21) | np.uint64(point)) + _ONE
    mask = np.uint64(len(step_key) - 1)
    at = _slot(wanted, mask)
    while True:
        key = step_key[at]
        if key == wanted:
            return int(step_next[at])
        if key == 0:
            return -1
        at = (at + _ONE) & mask


@njit(cache=True, nogil=True)
def name_of(
    points: U32, start: int, end: int, step_key: U64, step_next: U32, state_name: I32
) -> int:
    """Number of the name that the code points `start` to `end` spell, -1 where none."""
    state = 0
    for i in range(start, end):
        state = step(state, points[i], step_key, step_next)
        if state < 0:
            return -1
    return int(state_name[state]) if end > start else -1


@njit(cache=True, nogil=True)
def names_in(points: U32, step_key: U64, step_next: U32, state_name: I32) -> I32:
    """Every name in a text.

    Returns
    -------
    ndarray of int32, shape (hits, 3)
        Start, end, number of the name; by start, then longest first.
    """
    size = len(points)
    room = 64
    out = np.empty((room, 3), np.int32)
    count = 0
    for position in range(size):
        begun = count
        state = 0
        for i in range(position, size):
            state = step(state, points[i], step_key, step_next)
            if state < 0:
                break
            name = state_name[state]
            if name >= 0:
                if count == room:
                    more = np.empty((room * 2, 3), np.int32)
                    more[:room] = out
                    out, room = more, room * 2
                out[count, 0], out[count, 1], out[count, 2] = position, i + 1, name
                count += 1
        low, high = begun, count - 1
        while low < high:
            for k in range(3):
                kept = out[low, k]
                out[low, k] = out[high, k]
                out[high, k] = kept
            low, high = low + 1, high - 1
    return out[:count]


@njit(cache=True, nogil=True)
def fill_slots(hashes: U64, slots: U32) -> None:
    """Put the words 1 and up into an open table of zeros."""
    mask = np.uint64(len(slots) - 1)
    for code in range(1, len(hashes)):
        at = _slot(hashes[code], mask)
        while slots[at] != 0:
            at = (at + _ONE) & mask
        slots[at] = code


@njit(cache=True, nogil=True)
def fill_steps(
    points: U32, starts: npt.NDArray[np.int64], step_key: U64, step_next: U32, ends: I32
) -> int:
    """Prefix tree of names, in their order; state of each name's end goes to `ends`.

    Returns
    -------
    int
        States in all; the table must be longer than that.
    """
    mask = np.uint64(len(step_key) - 1)
    states = 1
    for name in range(len(starts) - 1):
        state = 0
        for i in range(starts[name], starts[name + 1]):
            wanted = ((np.uint64(state) << _21) | np.uint64(points[i])) + _ONE
            at = _slot(wanted, mask)
            while step_key[at] != 0 and step_key[at] != wanted:
                at = (at + _ONE) & mask
            if step_key[at] == 0:
                step_key[at] = wanted
                step_next[at] = states
                states += 1
            state = int(step_next[at])
        ends[name] = state
    return states


@cache
def warm() -> None:
    """Load all that questions need, so that the second one is as fast as the next."""
    points = code_points("x")
    none = np.zeros(2, np.uint64), np.zeros(2, np.uint32), np.zeros(1, np.int32)
    for array in none:
        array.flags.writeable = False
    names_in(points, *none)
    name_of(points, 0, 1, *none)
    hash_all(points, np.array([0, 1]))
    level = np.zeros(2, np.uint8)
    level.flags.writeable = False
    find_word(1, points, 0, 1, none[1], none[0], level, none[1], none[1])
