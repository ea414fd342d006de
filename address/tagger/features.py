"""Features of each token of a text, as 32-bit hashes.

What stands in a window, the unit words around it (号, 栋, 单元, 室), and the names of divisions and
towns found there. Training and reading share this module, so that both see the same.
"""

from typing import SupportsInt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from address.tagger.names import DIVISION, TOWN, mark_names, mark_repeats
from address.tagger.tokens import BEYOND, EDGE, NUMBER

__all__ = ["FEATURES", "features_of"]

Ints = NDArray[np.int32]
Hashes = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

FEATURES = 64
"""Features of a token."""
_BASE = np.uint64(0x51ED270B)
_PAD = 5
_WRITTEN = np.array(
    [
        (0, 0), (-1, -1), (1, 1), (-2, -2), (2, 2), (-3, -3), (3, 3), (-1, 0), (0, 1), (-2, -1),
        (1, 2), (-3, -2), (2, 3), (-2, 0), (-1, 1), (0, 2), (-3, -1), (1, 3), (-3, 0), (-2, 1),
        (-1, 2), (0, 3), (-4, 0), (0, 4), (1, 4), (-4, -1),
    ]
)  # fmt: skip
_CLASSED = np.array([(-1, 1), (-2, 2), (-3, 0), (0, 3), (-3, 3), (-5, 0), (0, 5)])


@njit(cache=True, inline="always")
def _mix(h: np.uint64, value: SupportsInt) -> np.uint64:
    h = (h ^ np.uint64(value)) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@njit(cache=True, inline="always")
def _unit_bit(k: int) -> int:
    """Bit of a class of unit words, for the set of those that stand before or behind a token."""
    if k == 1 or k == 2 or k == 4 or k == 16:
        return k
    if k == 5 or k == 6:
        return 8
    if k == 8 or k == 9:
        return 32
    if k == 11:
        return 64
    if k == 12 or k == 13:
        return 128
    return 256 if k == 7 else 0


@njit(cache=True, inline="always")
def _put(out: NDArray[np.uint32], i: int, f: int, a: int, b: int, c: int, d: int) -> None:
    h = _mix(_BASE, f)
    h = _mix(_mix(_mix(_mix(h, np.int64(a)), np.int64(b)), np.int64(c)), np.int64(d))
    out[i, f] = h >> np.uint64(32)


@njit(cache=True)
def _windows(
    at: int, padded: Ints, windows: NDArray[np.int64], i: int, first: int, out: NDArray[np.uint32]
) -> None:
    """Hashes of what stands in each window around a token."""
    for f in range(len(windows)):
        h = _mix(_BASE, first + f)
        for j in range(at + windows[f, 0], at + windows[f, 1] + 1):
            h = _mix(h, padded[j])
        out[i, first + f] = h >> np.uint64(32)


@njit(cache=True)
def _before(codes: Ints, n: int, classes: Ints, tails: Bytes) -> Ints:
    """Per token, of what stands before it: last two tails, set of units, units of two numbers."""
    out = np.zeros((n + 2, 4), np.int32)
    t1, t2, u1, u2, seen = 0, 0, 0, 0, 0
    for i in range(n):
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = t1, t2, seen, u1 * 64 + u2
        t = tails[codes[i]]
        if t:
            t2, t1 = t1, t
            seen |= _unit_bit(classes[_PAD + i])
        if codes[i] >= NUMBER:
            u2, u1 = u1, classes[_PAD + i + 1]
    return out


@njit(cache=True)
def _after(codes: Ints, n: int, classes: Ints, tails: Bytes) -> Ints:
    """Per token, from it on: two tails, steps to the first, units of two numbers, set of units."""
    out = np.zeros((n + 2, 5), np.int32)
    t1, t2, u1, u2, seen, where = 0, 0, 0, 0, 0, n
    for r in range(n):
        i = n - 1 - r
        t = tails[codes[i]]
        if t:
            t2, t1, where = t1, t, i
            seen |= _unit_bit(classes[_PAD + i])
        if codes[i] >= NUMBER:
            u2, u1 = u1, classes[_PAD + i + 1]
        out[i, 0], out[i, 1], out[i, 2] = t1, t2, min(where - i, 7)
        out[i, 3], out[i, 4] = u1 * 64 + u2, seen
    return out


@njit(cache=True, inline="always")
def _ended(division: int, town: int) -> int:
    """Kinds of the names that end at a token."""
    kinds = 0
    if division % 8 == 3:
        kinds |= division // 8
    if town % 8 == 3:
        kinds |= town // 8
    return kinds


@njit(cache=True)
def features_of(
    codes: Ints,
    values: Ints,
    n: int,
    keys: Hashes,
    kinds: Bytes,
    classes: Bytes,
    tails: Bytes,
    out: NDArray[np.uint32],
) -> None:
    """Hashed features of each token.

    Parameters
    ----------
    codes, values : ndarray of int32, shape (>= n,)
        From `address.tagger.tokens.tokens_of`.
    n : int
        Tokens.
    keys, kinds : ndarray
        From `address.tagger.names.lexicon`.
    classes, tails : ndarray of uint8
        `address.tagger.tokens.CLASSES` and `TAILS`.
    out : ndarray of uint32, shape (>= n, FEATURES)
        Filled.
    """
    s = np.full(n + 2 * _PAD, BEYOND, np.int32)
    c = np.full(n + 2 * _PAD, EDGE, np.int32)
    for i in range(n):
        s[_PAD + i] = codes[i]
        c[_PAD + i] = classes[codes[i]]
    division = np.zeros(n + 2, np.int32)
    town = np.zeros(n + 2, np.int32)
    mark_names(codes, n, keys, kinds, DIVISION, division)
    mark_names(codes, n, keys, kinds, TOWN, town)
    repeated = mark_repeats(codes, n, division)
    before = _before(codes, n, c, tails)
    after = _after(codes, n, c, tails)
    ahead = np.zeros(n + 1, np.int32)
    for r in range(n):
        i = n - 1 - r
        ahead[i] = ahead[i + 1] | _ended(division[i], town[i])
    number, found = 0, 0
    for i in range(n):
        p = _PAD + i
        number += codes[i] >= NUMBER
        _windows(p, s, _WRITTEN, i, 0, out)
        _put(out, i, 26, s[p - 1], s[p + 1], 0, 0)
        _windows(p, c, _CLASSED, i, 27, out)
        d, w, k, k1 = division[i], town[i], c[p], c[p + 1]
        last = division[i - 1] * 1024 + town[i - 1] if i else -1
        digits = min(values[i], 10000) if values[i] >= 0 else -1
        size = (
            0
            if digits < 0
            else 1
            if digits < 10
            else 2
            if digits < 34
            else 3
            if digits < 100
            else 4
        )
        t1, t2, units, chain = before[i, 0], before[i, 1], before[i, 2], before[i, 3]
        n1, n2, steps, rest = after[i, 0], after[i, 1], after[i, 2], after[i, 4]
        chain_on = after[i + 1, 3] if i + 1 < n else 0
        _put(out, i, 34, s[p], n1, steps, 0)
        _put(out, i, 35, n1, steps, n2, 0)
        _put(out, i, 36, t1, n1, steps, 0)
        _put(out, i, 37, t1, t2, n1, k)
        _put(out, i, 38, s[p], t1, t2, 0)
        _put(out, i, 39, s[p], s[p + 1], t1, t2)
        _put(out, i, 40, k, k1, chain, 0)
        _put(out, i, 41, k, k1, chain_on, 0)
        _put(out, i, 42, k, c[p - 1] * 64 + k1, chain, chain_on)
        _put(out, i, 43, d, k, 0, 0)
        _put(out, i, 44, w, k, 0, 0)
        _put(out, i, 45, d, w, division[i + 1] * 1024 + town[i + 1], 0)
        _put(out, i, 46, d * 1024 + w, last, n1, steps)
        _put(out, i, 47, units, k, 0, 0)
        _put(out, i, 48, units, s[p], s[p + 1], 0)
        _put(out, i, 49, units, rest, k, k1)
        _put(out, i, 50, rest, k, k1, 0)
        _put(out, i, 51, rest, s[p], 0, 0)
        _put(out, i, 52, min(i, 3), min(n - 1 - i, 3), k, 0)
        _put(out, i, 53, digits, s[p + 1], 0, 0)
        _put(out, i, 54, size, c[p - 1], k1, t1)
        _put(out, i, 55, min(number, 5), k, k1, 0)
        _put(out, i, 56, d, repeated[i], k, 0)
        _put(out, i, 57, d, repeated[i], found, 0)
        _put(out, i, 58, d, w, ahead[i], 0)
        _put(out, i, 59, found, s[p], s[p + 1], 0)
        _put(out, i, 60, found, ahead[i], k, k1)
        _put(out, i, 61, s[p - 2], s[p], 0, 0)
        _put(out, i, 62, s[p], s[p + 2], 0, 0)
        _put(out, i, 63, found, n1, steps, 0)
        found |= _ended(d, w)
