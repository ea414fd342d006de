"""Compiled `address.repair.Repairs.near`: nodes whose name is nearly what was written."""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from address.arena import Arena
from address.kernel.late import GONE, is_late
from address.kernel.work import ERROR, LONGEST_NAME, MOST_NAMES, MOST_NEAR, Nodes, Words
from address.late import Late
from address.model import RANK
from address.pinyin import _common, _merged, _table
from address.repair import _LEVELS, _MEANT
from address.tails import LISTED
from address.walk import find_text, find_word, word_hash

__all__ = ["CODES", "COSTS", "Near", "near", "near_of"]

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

CODES = ("homophone", "homophone", "suffix", "omitted", "omitted", "spelling", "spelling")
COSTS = np.array([0.3, 0.8, 0.35, 0.6, 0.95, 0.6, 0.8])
"""Mistakes and their costs, by the number of a mistake here."""
ALIKE, SOUNDS_LIKE, OTHER_TAIL, OMITTED, LEFT_OUT, SLIP, SHORT_SLIP = (
    np.int64(k) for k in range(7)
)
_NO = np.int64(-1)
_WAYS = 8
_SOUND, _STEM, _GAP = (ord(c) for c in "sag")
_SPACE = ord(" ")


class Near(NamedTuple):
    """Keys that forgive a mistake, the names they lead to, and the sounds of characters."""

    hash: U64
    of: U32
    name_start: U32
    name_text: U8
    first: U32
    rows: I32
    sound: U16
    syllable_start: U32
    syllable_points: U32
    late: U64


@cache
def _sounds() -> tuple[U16, U32, U32]:
    """Numbers of the two readings of a character at most (0: none), and their letters."""
    numbers: dict[str, int] = {"": 0}
    sound = np.zeros((0x10000, 2), np.uint16)
    for character in (*_table(), *map(chr, range(33, 127))):
        if len(character) != 1 or ord(character) > 0xFFFF:
            continue
        ways = list(dict.fromkeys(_merged(s) for s in _common(character)))[:2]
        for k, way in enumerate(ways):
            sound[ord(character), k] = numbers.setdefault(way, len(numbers))
    start = np.zeros(len(numbers) + 1, np.uint32)
    np.cumsum([len(text) for text in numbers], out=start[1:])
    points = np.frombuffer("".join(numbers).encode("utf-32-le"), np.uint32)
    return sound, start, points


def near_of(arena: Arena, late: Late) -> Near:
    """The keys of an arena, and those that came later."""
    names = ("near_hash", "near_of", "tail_start", "tail_text", "tail_first", "tail_rows")
    return Near(*(arena[name] for name in names), *_sounds(), late.table)


def _marked(characters: "frozenset[str] | str") -> npt.NDArray[np.bool_]:
    out = np.zeros(0x10000, np.bool_)
    for character in characters:
        out[ord(character)] = True
    return out


_MEANING = _marked(_MEANT)
_SIDE = _marked("东西南北中")
_HAMLET = _marked("宅屯庄湾浜埭寨塘村")
_ROAD_ENDS = _marked("路街道巷弄")
_HOME, _GAO, _SU, _GONG, _LU, _DA, _DAO, _JIE, _HU, _TONG, _ZHI = (
    ord(c) for c in "家高速公路大道街胡同支"
)
_BEARERS = np.array([level in _LEVELS for level in range(max(RANK.values()) + 1)])
_LISTED = np.array(sorted(LISTED))


@njit(cache=True)
def _has(table: npt.NDArray[np.bool_], c: int) -> bool:
    return c < 0x10000 and table[c]


@njit(cache=True)
def _plain_tail(text: U32, a: int, b: int) -> int:
    """Characters of the last word of a road."""
    if b - a >= 4 and text[b - 4] == _GAO and text[b - 3] == _SU:
        if text[b - 2] == _GONG and text[b - 1] == _LU:
            return 4
    if b - a >= 2:
        c, last = text[b - 2], text[b - 1]
        if (c == _GONG and last == _LU) or (c == _DA and (last == _DAO or last == _JIE)):
            return 2
        if c == _HU and last == _TONG:
            return 2
    if b > a and _has(_ROAD_ENDS, text[b - 1]):
        return 1
    return 0


@njit(cache=True)
def _tail(text: U32, a: int, b: int) -> int:
    """Characters of the last word of a road, with its side, or of a hamlet."""
    tail = _plain_tail(text, a, b)
    if tail == 1 and b - a >= 2 and text[b - 2] == _ZHI and text[b - 1] == _LU:
        tail = 2
    if tail:
        best = tail
        if b - tail > a and _has(_SIDE, text[b - tail - 1]):
            best = tail + 1
        return best
    if b > a and _has(_HAMLET, text[b - 1]):
        return 2 if b - a >= 2 and text[b - 2] == _HOME else 1
    return 0


@njit(cache=True)
def _less_one(long: U32, a: int, short: U32, b: int, size: int) -> int:
    """First character whose loss makes the one text the other of `size` characters; -1 where none."""
    i = 0
    while i < size and long[a + i] == short[b + i]:
        i += 1
    for k in range(i, size):
        if long[a + k + 1] != short[b + k]:
            return -1
    while i > 0 and long[a + i] == long[a + i - 1]:
        i -= 1
    return i


@njit(cache=True)
def _differs(one: U32, a: int, n: int, other: U32, b: int, m: int) -> bool:
    """They differ in a character that carries a meaning of its own on both sides."""
    if n == m:
        count, first, second, meant = 0, 0, 0, False
        for i in range(n):
            x, y = one[a + i], other[b + i]
            if x != y:
                meant = meant or (_has(_MEANING, x) and _has(_MEANING, y))
                first = i if count == 0 else first
                second = i
                count += 1
        if (
            count == 2
            and one[a + first] == other[b + second]
            and one[a + second] == other[b + first]
        ):
            return False
        return meant
    if n > m:
        at = _less_one(one, a, other, b, m) if n == m + 1 else -1
        if at < 0:
            return True
        doubled = at + 1 < n and one[a + at] == one[a + at + 1]
        return _has(_MEANING, one[a + at]) and not doubled
    return (_less_one(other, b, one, a, n) if m == n + 1 else -1) < 0


@njit(cache=True)
def _slip(text: U32, a: int, n: int, name: U32, m: int) -> int:
    """Number of the mistake for one wrong, missing or spare character; -1 for another name."""
    if _differs(text, a, n, name, 0, m):
        return _NO
    if m > n and _differs(name, 0, m, text, a, n):
        return LEFT_OUT
    stem = m - _tail(name, 0, m)
    short = min(n - _tail(text, a, a + n), stem)
    if n == m:
        own, wrong = 0, 0
        for i in range(stem):
            own += 0 if _has(_MEANING, name[i]) else 1
        for i in range(n):
            wrong += 1 if name[i] != text[a + i] else 0
        if own < 2 and wrong == 1:
            return _NO
    return SLIP if short >= 3 else SHORT_SLIP


@njit(cache=True)
def _one_edit(text: U32, a: int, name: U32, n: int) -> bool:
    """One character replaced, or two neighbours swapped, in texts of one length."""
    count, first, last = 0, 0, 0
    for i in range(n):
        if text[a + i] != name[i]:
            first = i if count == 0 else first
            last = i
            count += 1
    if count == 2:
        return last == first + 1 and text[a + first] == name[last] and text[a + last] == name[first]
    return count == 1


@njit(cache=True)
def _read_name(work: np.record, near: Near, number: int) -> int:
    """Characters of a name, written to ``work.name``; 0 where there are too many."""
    i, last, n = np.int64(near.name_start[number]), np.int64(near.name_start[number + 1]), 0
    text = near.name_text
    while i < last:
        if n == LONGEST_NAME:
            return 0
        c = np.uint32(text[i])
        if c < 0x80:
            work.name[n] = c
            i += 1
        elif c < 0xE0:
            work.name[n] = (c & 0x1F) << 6 | (np.uint32(text[i + 1]) & 0x3F)
            i += 2
        elif c < 0xF0:
            work.name[n] = (
                (c & 0x0F) << 12
                | (np.uint32(text[i + 1]) & 0x3F) << 6
                | (np.uint32(text[i + 2]) & 0x3F)
            )
            i += 3
        else:
            work.name[n] = (
                (c & 0x07) << 18
                | (np.uint32(text[i + 1]) & 0x3F) << 12
                | (np.uint32(text[i + 2]) & 0x3F) << 6
                | (np.uint32(text[i + 3]) & 0x3F)
            )
            i += 4
        n += 1
    return n


@njit(cache=True)
def _same(work: np.record, a: int, n: int, m: int) -> bool:
    """The name that was read is the text."""
    if n != m:
        return False
    for i in range(n):
        if work.name[i] != work.text[a + i]:
            return False
    return True


@njit(cache=True)
def _offer(work: np.record, count: int, number: int, kind: int) -> int:
    """Keep the cheapest mistake that leads to a name; how many there are."""
    for k in range(count):
        if work.names[k, 0] == number:
            if COSTS[kind] < COSTS[work.names[k, 1]]:
                work.names[k, 1] = kind
            return count
    if count == MOST_NAMES:
        work.state[ERROR] = 1
        return count
    work.names[count, 0], work.names[count, 1] = number, kind
    return count + 1


@njit(cache=True)
def _first_of(work: np.record, near: Near, value: np.uint64) -> int:
    """First place of a hash."""
    if is_late(near.late, value):
        work.state[ERROR] = 1
    low, high = np.int64(0), np.int64(len(near.hash))
    while low < high:
        middle = (low + high) >> 1
        if near.hash[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _by_sound(work: np.record, near: Near, a: int, n: int, count: int) -> int:
    """Names that sound alike."""
    chosen = np.zeros(16, np.int64)
    for i in range(n):
        c = work.text[a + i]
        if c > 0xFFFF or (0x80 <= c < 0x2E80):
            work.state[ERROR] = 1
            return count
    for _ in range(_WAYS):
        key, at = work.key, 1
        key[0] = _SOUND
        for i in range(n):
            c = work.text[a + i]
            syllable = np.int64(near.sound[c, chosen[i]])
            if i:
                key[at] = _SPACE
                at += 1
            if syllable == 0:
                key[at] = c
                at += 1
            for k in range(near.syllable_start[syllable], near.syllable_start[syllable + 1]):
                key[at] = near.syllable_points[k]
                at += 1
        value = word_hash(0, key, 0, at)
        place = _first_of(work, near, value)
        while place < len(near.hash) and near.hash[place] == value:
            number = np.int64(near.of[place])
            place += 1
            if _read_name(work, near, number) != n:
                continue
            alike, same = True, True
            for i in range(n):
                c, own = work.text[a + i], work.name[i]
                same = same and c == own
                if c == own:
                    continue
                syllable = near.sound[c, chosen[i]]
                known = own <= 0xFFFF and syllable != 0
                if not known or (near.sound[own, 0] != syllable and near.sound[own, 1] != syllable):
                    alike = False
                    break
            if alike and not same:
                other = _differs(work.name, 0, n, work.text, a, n)
                count = _offer(work, count, number, SOUNDS_LIKE if other else ALIKE)
        i = n - 1
        while i >= 0 and (chosen[i] == 1 or near.sound[work.text[a + i], 1] == 0):
            chosen[i] = 0
            i -= 1
        if i < 0:
            break
        chosen[i] = 1
    return count


@njit(cache=True)
def _by_stem(work: np.record, near: Near, a: int, n: int, count: int) -> int:
    """Names with another last word."""
    stem = n - _plain_tail(work.text, a, a + n)
    if stem < 2 or stem == n:
        return count
    work.key[0] = _STEM
    for i in range(stem):
        work.key[1 + i] = work.text[a + i]
    value = word_hash(0, work.key, 0, stem + 1)
    place = _first_of(work, near, value)
    while place < len(near.hash) and near.hash[place] == value:
        number = np.int64(near.of[place])
        place += 1
        m = _read_name(work, near, number)
        tail = _plain_tail(work.name, 0, m)
        if m - tail != stem or tail == 0 or _same(work, a, n, m):
            continue
        if _same(work, a, stem, stem):
            count = _offer(work, count, number, OTHER_TAIL)
    return count


@njit(cache=True)
def _number_of(work: np.record, near: Near, words: Words, size: int) -> int:
    """Number of the name that ``work.key`` spells from its second character on; -1 where none."""
    some = False
    for k in range(len(_LISTED)):
        level = _LISTED[k]
        if find_word(
            level, work.key, 1, size + 1,
            words.slots, words.hashes, words.level, words.start, words.points,
        ):  # fmt: skip
            some = True
            break
    if not some:
        return _NO
    n = 0
    for i in range(1, size + 1):
        c = work.key[i]
        if c < 0x80:
            work.utf8[n] = c
            n += 1
        elif c < 0x800:
            work.utf8[n], work.utf8[n + 1] = 0xC0 | c >> 6, 0x80 | (c & 0x3F)
            n += 2
        elif c < 0x10000:
            work.utf8[n], work.utf8[n + 1] = 0xE0 | c >> 12, 0x80 | (c >> 6 & 0x3F)
            work.utf8[n + 2] = 0x80 | (c & 0x3F)
            n += 3
        else:
            work.state[ERROR] = 1
            return _NO
    return np.int64(find_text(work.utf8[:n], near.name_start, near.name_text))


@njit(cache=True)
def _by_gap(work: np.record, near: Near, words: Words, a: int, n: int, count: int) -> int:
    """Names with one character more, fewer or other."""
    text = work.text
    for gap in range(-1, n):
        if gap > 0 and text[a + gap] == text[a + gap - 1]:
            continue  # the same text is left
        size = 0
        work.key[0] = _GAP
        for i in range(n):
            if i != gap:
                work.key[1 + size] = text[a + i]
                size += 1
        value = word_hash(0, work.key, 0, size + 1)
        place = _first_of(work, near, value)
        while place < len(near.hash) and near.hash[place] == value:
            number = np.int64(near.of[place])
            place += 1
            m = _read_name(work, near, number)
            if m != size + 1 or m < 3 or m > 14:
                continue
            if _less_one(work.name, 0, work.key, 1, size) < 0:
                continue
            if m == n and not _one_edit(text, a, work.name, n):
                continue
            kind = _slip(text, a, n, work.name, m)
            if kind >= 0:
                count = _offer(work, count, number, kind)
        if gap >= 0:
            number = _number_of(work, near, words, size)
            if number >= 0:
                m = _read_name(work, near, number)
                kind = _slip(text, a, n, work.name, m)
                if kind >= 0:
                    count = _offer(work, count, number, kind)
    return count


@njit(cache=True)
def _without_home(work: np.record, near: Near, a: int, n: int, count: int) -> int:
    """陈浜 is 陈家浜."""
    work.key[0] = _GAP
    for i in range(n):
        work.key[1 + i] = work.text[a + i]
    value = word_hash(0, work.key, 0, n + 1)
    place = _first_of(work, near, value)
    while place < len(near.hash) and near.hash[place] == value:
        number = np.int64(near.of[place])
        place += 1
        if _read_name(work, near, number) != n + 1 or n + 1 < 3:
            continue
        at = 0
        while at < n + 1 and work.name[at] != _HOME:
            at += 1
        same = at <= n
        for i in range(n):
            same = same and work.name[i if i < at else i + 1] == work.text[a + i]
        if same:
            count = _offer(work, count, number, OMITTED)
    return count


@njit(cache=True)
def near(work: np.record, nodes: Nodes, words: Words, keys: Near, start: int, end: int) -> int:
    """Nodes whose name may be meant by a part of ``work.text`` of 2 to 14 characters.

    Returns
    -------
    int
        How many stand in ``work.near``: row, number of the mistake; cheapest first, by name, by id.
    """
    n = end - start
    count = _by_stem(work, keys, start, n, _by_sound(work, keys, start, n, np.int64(0)))
    count = (
        _by_gap(work, keys, words, start, n, count)
        if n > 2
        else _without_home(work, keys, start, n, count)
    )
    if work.state[ERROR]:
        return 0
    for k in range(1, count):
        number, kind = work.names[k, 0], work.names[k, 1]
        at = k
        while at > 0 and (
            COSTS[kind] < COSTS[work.names[at - 1, 1]]
            or (COSTS[kind] == COSTS[work.names[at - 1, 1]] and number < work.names[at - 1, 0])
        ):
            work.names[at, 0], work.names[at, 1] = work.names[at - 1, 0], work.names[at - 1, 1]
            at -= 1
        work.names[at, 0], work.names[at, 1] = number, kind
    found = 0
    for k in range(count):
        number = work.names[k, 0]
        for i in range(keys.first[number], keys.first[number + 1]):
            row = np.int64(keys.rows[i])
            if _BEARERS[nodes.level[row]] and not nodes.flags[row] & GONE:
                work.near[found, 0], work.near[found, 1] = row, work.names[k, 1]
                found += 1
                if found == MOST_NEAR:
                    return found
    return found
