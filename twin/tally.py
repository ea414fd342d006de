"""How often each of millions of 64-bit words was seen: an open table, filled by a compiled loop."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Tally"]

Words = NDArray[np.uint64]
Counts = NDArray[np.int32]

_SMALLEST = 1 << 12


class Tally:
    """Counts words; 12 bytes a slot, between two and four slots a word.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.add(np.array([7, 9, 7], np.uint64)).tolist(), tally.add(np.array([7], np.uint64)).tolist()
    ([1, 1, 2], [3])
    """

    def __init__(self) -> None:
        self._words: Words = np.zeros(_SMALLEST, np.uint64)
        self._counts: Counts = np.zeros(_SMALLEST, np.int32)
        self._distinct = 0

    def add(self, words: Words) -> Counts:
        """Count words.

        Parameters
        ----------
        words : ndarray of uint64, shape (n,)

        Returns
        -------
        ndarray of int32, shape (n,)
            How often each word has been seen now, this time included.
        """
        self._grow(len(words))
        out = np.empty(len(words), np.int32)
        self._distinct += _add(self._words, self._counts, np.ascontiguousarray(words), out)
        return out

    def _grow(self, more: int) -> None:
        size = len(self._words)
        while 2 * (self._distinct + more) > size:
            size *= 2
        if size > len(self._words):
            words, counts = np.zeros(size, np.uint64), np.zeros(size, np.int32)
            _move(self._words, self._counts, words, counts)
            self._words, self._counts = words, counts


@njit(cache=True)
def _slot(table: Words, counts: Counts, word: np.uint64) -> int:
    """Where a word stands, or the free place where it would."""
    mask = np.uint64(len(table) - 1)
    at = (word * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20) & mask
    while counts[at] != 0 and table[at] != word:
        at = (at + np.uint64(1)) & mask
    return int(at)


@njit(cache=True)
def _add(table: Words, counts: Counts, words: Words, out: Counts) -> int:
    fresh = 0
    for i in range(len(words)):
        at = _slot(table, counts, words[i])
        if counts[at] == 0:
            table[at] = words[i]
            fresh += 1
        counts[at] += 1
        out[i] = counts[at]
    return fresh


@njit(cache=True)
def _move(old: Words, old_counts: Counts, table: Words, counts: Counts) -> None:
    for i in range(len(old)):
        if old_counts[i] != 0:
            at = _slot(table, counts, old[i])
            table[at] = old[i]
            counts[at] = old_counts[i]
