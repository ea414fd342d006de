"""Names of divisions and towns, where they stand in a text, as marks on its tokens."""

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from address.lexicon import divisions, national_names, towns_of
from address.normalise import fold
from address.tagger.tokens import NUMBER

__all__ = ["DIVISION", "TOWN", "lexicon", "mark_names", "mark_repeats"]

Ints = NDArray[np.int32]
Hashes = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

DIVISION = 31
"""Kinds of divisions: province, city, county, short forms, former names."""
TOWN = 96
"""Kinds of towns: whole names, names without 镇, 乡, 街道."""
_LONGEST = 14
_KINDS = {"province": 1, "city": 2, "county": 4}
_SHORT, _FORMER, _TOWN, _TOWN_SHORT = 8, 16, 32, 64


@njit(cache=True)
def _name_hash(codes: Ints, start: int, end: int) -> np.uint64:
    h = np.uint64(0x9E3779B97F4A7C15)
    for i in range(start, end):
        h = (h ^ np.uint64(codes[i])) * np.uint64(0x100000001B3)
    return h


@njit(cache=True)
def _fill(codes: Ints, offsets: Ints, kinds: Bytes, keys: Hashes, values: Bytes) -> None:
    mask = np.uint64(len(keys) - 1)
    for row in range(len(offsets) - 1):
        h = _name_hash(codes, offsets[row], offsets[row + 1])
        slot = (h ^ (h >> np.uint64(29))) & mask
        while keys[slot] != np.uint64(0) and keys[slot] != h:
            slot = (slot + np.uint64(1)) & mask
        keys[slot] = h
        values[slot] |= kinds[row]


@cache
def lexicon() -> tuple[Hashes, Bytes]:
    """Hash table of the names of divisions and towns: keys, and the kinds of each as bits."""
    pairs: dict[str, int] = {}

    def add(name: str, kind: int) -> None:
        if 2 <= len(name) <= _LONGEST:
            pairs[name] = pairs.get(name, 0) | kind

    current = {fold(division.name) for division in divisions().values()}
    for name, found in national_names().entries.items():
        bits = 0
        for division in found:
            bits |= _KINDS.get(division.level, _TOWN)
        add(name, bits | (0 if name in current else _FORMER if name[-1] in "市县区旗" else _SHORT))
    for towns in towns_of().values():
        for town in towns:
            name = fold(town.name)
            add(name, _TOWN)
            for tail in ("街道", "地区", "镇", "乡"):
                if name.endswith(tail) and len(name) - len(tail) >= 2:
                    add(name[: -len(tail)], _TOWN_SHORT)
                    break
    codes = np.array([ord(c) for name in pairs for c in name], np.int32)
    offsets = np.zeros(len(pairs) + 1, np.int32)
    np.cumsum([len(name) for name in pairs], out=offsets[1:])
    size = 1 << (3 * len(pairs)).bit_length()
    keys, values = np.zeros(size, np.uint64), np.zeros(size, np.uint8)
    _fill(codes, offsets, np.array(list(pairs.values()), np.uint8), keys, values)
    return keys, values


@njit(cache=True)
def mark_names(codes: Ints, n: int, keys: Hashes, kinds: Bytes, wanted: int, marks: Ints) -> None:
    """Longest names from left to right: 8 * kinds + place in the name (1 begin, 2 inside, 3 end)."""
    mask = np.uint64(len(keys) - 1)
    i = 0
    while i < n:
        h = np.uint64(0x9E3779B97F4A7C15)
        best, kind = 0, 0
        for j in range(i, min(n, i + _LONGEST)):
            if codes[j] >= NUMBER:
                break
            h = (h ^ np.uint64(codes[j])) * np.uint64(0x100000001B3)
            slot = (h ^ (h >> np.uint64(29))) & mask
            while keys[slot] != np.uint64(0):
                if keys[slot] == h:
                    if kinds[slot] & wanted:
                        best, kind = j + 1 - i, kinds[slot] & wanted
                    break
                slot = (slot + np.uint64(1)) & mask
        if best:
            for j in range(i, i + best):
                place = 1 if j == i else 3 if j == i + best - 1 else 2
                marks[j] = 8 * kind + place
            i += best
        else:
            i += 1


@njit(cache=True)
def mark_repeats(codes: Ints, n: int, marks: Ints) -> Ints:
    """Whether the first two characters of a name stand elsewhere too: 1 before it, 2 behind it."""
    out = np.zeros(n, np.int32)
    flag = 0
    for i in range(n):
        if marks[i] % 8 == 1 and i + 1 < n:
            flag = 0
            for j in range(n - 1):
                if codes[j] == codes[i] and codes[j + 1] == codes[i + 1] and j != i:
                    flag |= 1 if j < i else 2
        if marks[i]:
            out[i] = flag
    return out
