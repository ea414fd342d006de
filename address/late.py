"""What came after the build of an index, by hash: for compiled code, which sees the build alone."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from address.repair import keys_after_build

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Late", "text_hash"]

_WORD = (1 << 64) - 1
_BASIS, _PRIME, _SPREAD = 0xCBF29CE484222325, 0x100000001B3, 0x9E3779B97F4A7C15
_LEAST = 64


def text_hash(level: int, text: str) -> int:
    """`address.walk.word_hash` of a text, without compiled code.

    Examples
    --------
    >>> from address.walk import code_points, word_hash
    >>> text_hash(9, "新桥路") == word_hash(9, code_points("新桥路"), 0, 3)
    True
    """
    value = (_BASIS ^ level) * _PRIME & _WORD
    for character in text:
        value = (value ^ ord(character)) * _PRIME & _WORD
    return value


class Late:
    """Names, words of the vocabulary and forgiving keys that edits have added.

    Nothing is ever taken out, and two texts may share a hash: what is found here may matter, what is
    not found does not.

    Attributes
    ----------
    table : ndarray of uint64, shape (0,) or a power of two
        Open table of hashes (`text_hash`): names at level 0, words at theirs, keys of
        `address.repair` at level 0; 0 is an empty place.
    heads : ndarray of uint8, shape (65536,)
        Characters of the longest name that begins with a code point (its lower 16 bits).
    """

    def __init__(self) -> None:
        self.table: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.heads: npt.NDArray[np.uint8] = np.zeros(0x10000, np.uint8)
        self._hashes: set[int] = set()
        self._seen = (0, 0, 0)

    def follow(self, index: "AddressIndex") -> bool:
        """Learn what was added since the last call; whether `table` is another array now."""
        told = (index.names.late, index.vocabulary.more_codes, index.more_bearers)
        if tuple(map(len, told)) == self._seen:
            return False
        names, words, bearers = map(list, told)  # whole, as another thread may edit meanwhile
        first = self._seen
        self._seen = (len(names), len(words), len(bearers))
        for name in names[first[0] :]:
            head = ord(name[0]) & 0xFFFF
            self.heads[head] = max(self.heads[head], min(len(name), 255))
        hashes = [text_hash(0, name) for name in names[first[0] :]]
        hashes += [text_hash(ord(word[0]), word[1:]) for word in words[first[1] :]]
        for name in bearers[first[2] :]:
            hashes += [text_hash(0, key) for key in keys_after_build(name)]
        return self._add(hashes)

    def _add(self, hashes: Iterable[int]) -> bool:
        new = {value or 1 for value in hashes} - self._hashes
        self._hashes |= new
        room = max(_LEAST, len(self.table))
        while room < 2 * len(self._hashes):
            room *= 2
        grown = room != len(self.table)
        if grown:
            self.table, new = np.zeros(room, np.uint64), self._hashes
        table, mask = self.table, room - 1
        for value in new:
            mixed = value * _SPREAD & _WORD
            at = (mixed ^ mixed >> 32) & mask
            while table[at]:
                at = at + 1 & mask
            table[at] = value
        return grown
