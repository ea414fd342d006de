"""Compiled `address.query`: the ways a numbered part can be read, likeliest first."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.late import is_late
from address.kernel.tokens import (
    BARE,
    BUILDING,
    CHAIN,
    FLOOR,
    GROUP,
    HAO,
    LANE,
    LOU,
    PHASE,
    ROOM,
    S_CENG,
    S_DANYUAN,
    S_DONG,
    S_FANG,
    S_FANGJIAN,
    S_HAO,
    S_HAOLOU,
    S_HASH,
    S_HU,
    S_LOU,
    S_MEN,
    S_NONG,
    S_PU,
    S_SHI,
    S_ZHUANG,
    S_ZUO,
    UNIT,
    YARD,
)
from address.kernel.work import (
    CURSOR,
    END,
    ERROR,
    FIRST,
    IMPLIED,
    ITEMS,
    KIND,
    LENGTH,
    LEVEL,
    MOST_RUNS,
    MOST_STEPS,
    NO_FLOOR,
    PLAIN,
    PLAIN_LEVELS,
    REST,
    RUN,
    RUNS,
    RUNS_USED,
    SINCE,
    SIZE,
    START,
    STEPS,
    SUFFIX,
    TEXT,
    TOKEN,
    TOUCHED,
    VALUES,
    WORD,
    Words,
)
from address.kernel.work import (
    FLOOR as FLOOR_OF,
)
from address.model import RANK
from address.walk import find_word, word_hash

__all__ = ["add_options", "floor_told", "implied", "look_up"]

U32 = npt.NDArray[np.uint32]

R_NUMBER, R_COMPOUND, R_PHASE, R_BUILDING, R_UNIT, R_FLOOR, R_ROOM, R_GROUP = (
    np.int64(RANK[level])  # a Python int would be a type of its own, and compiled for again
    for level in ("number", "compound", "phase", "building", "unit", "floor", "room", "group")
)
_NUMBERED = (R_NUMBER, R_BUILDING, R_UNIT, R_FLOOR, R_ROOM)
_NONG, _HAO, _COURT, _QI = ord("弄"), ord("号"), ord("院"), ord("期")
_DASH = ord("-")
_PLAIN_RANKS = np.array([RANK[level] for level in PLAIN_LEVELS])
_NUMERALS = tuple(ord(c) for c in "〇一二三四五六七八九十")


@njit(cache=True)
def implied(points: U32, start: int, end: int) -> int:
    """Floor a room number tells (see `address.grammar.implied_floor`), `NO_FLOOR` where none."""
    below = False
    if start < end and 65 <= points[start] <= 90:
        below = points[start] == 66
        start += 1
    last = end
    if last > start and 65 <= points[last - 1] <= 90:
        last -= 1
    if last - start < 3 or last - start > 9:
        return NO_FLOOR
    floor = 0
    for i in range(start, last):
        c = np.int64(points[i])
        if c < 48 or c > 57:
            return NO_FLOOR
        if i < last - 2:
            floor = floor * 10 + c - 48
    if floor == 0:
        return NO_FLOOR
    return -floor if below else floor


@njit(cache=True)
def floor_told(points: U32, start: int, end: int) -> int:
    """Number of a floor's core, `NO_FLOOR` where it is no plain number."""
    minus = start < end and points[start] == _DASH
    if minus:
        start += 1
    if start == end or end - start > 9 or points[start] == 48:
        return NO_FLOOR
    floor = 0
    for i in range(start, end):
        c = np.int64(points[i])
        if c < 48 or c > 57:
            return NO_FLOOR
        floor = floor * 10 + c - 48
    return -floor if minus else floor


@njit(cache=True)
def _word(work: np.record, words: Words, level: int, points: U32, first: int, last: int) -> int:
    """Word of the vocabulary, 0 where there is none; marks the text where there is one since."""
    word = find_word(
        level, points, first, last,
        words.slots, words.hashes, words.level, words.start, words.points,
    )  # fmt: skip
    if word == 0 and work.state[SINCE]:
        if is_late(words.late, word_hash(level, points, first, last)):
            work.state[TOUCHED] = 1
    return word


@njit(cache=True)
def _implied_word(work: np.record, words: Words, floor: int) -> int:
    """Word of a floor by its number."""
    if floor == NO_FLOOR:
        return 0
    at = np.int64(VALUES - 16)
    first = at
    value = floor
    if value < 0:
        work.values[at] = _DASH
        at += 1
        value = -value
    scale = 10
    digits = 1
    while value >= scale:
        digits += 1
        scale *= 10
    for i in range(digits):
        work.values[at + digits - 1 - i] = 48 + value % 10
        value //= 10
    return _word(work, words, R_FLOOR, work.values, first, at + digits)


@njit(cache=True)
def _step(work: np.record, level: int, first: int, length: int, cost: float) -> None:
    """One more step of the last run."""
    at = work.state[STEPS]
    if at >= MOST_STEPS:
        work.state[ERROR] = 1
        return
    work.state[STEPS] = at + 1
    work.runs[work.state[RUNS_USED] - 1, 1] = at + 1
    work.steps[at, LEVEL] = level
    work.steps[at, TEXT], work.steps[at, SIZE] = first, length
    work.step_cost[at] = cost


@njit(cache=True)
def _run(work: np.record, item: int) -> None:
    """A new run of an item."""
    at = work.state[RUNS_USED]
    if at >= MOST_RUNS:
        work.state[ERROR] = 1
        return
    work.runs[at, 0] = work.runs[at, 1] = work.state[STEPS]
    work.state[RUNS_USED] = at + 1
    work.items[item, RUNS] += 1


@njit(cache=True)
def _one(work: np.record, item: int, level: int, first: int, length: int, cost: float) -> None:
    """A run of one step."""
    _run(work, item)
    _step(work, level, first, length, cost)


@njit(cache=True)
def _with(work: np.record, first: int, length: int, *more: int) -> int:
    """A value with characters behind it, written anew; where it begins."""
    at = work.state[CURSOR]
    if at + length + 80 > len(work.values):
        work.state[ERROR] = 1
        return 0
    for i in range(length):
        work.values[at + i] = work.values[first + i]
    for i in range(len(more)):
        work.values[at + length + i] = more[i]
    work.state[CURSOR] = at + length + len(more)
    return at


@njit(cache=True)
def _all_digits(values: U32, first: int, length: int) -> bool:
    for i in range(first, first + length):
        if values[i] < 48 or values[i] > 57:
            return False
    return length > 0


@njit(cache=True)
def _stripped(values: U32, first: int, length: int) -> int:
    """Zeros in front of a value that can go."""
    n = 0
    while n < length and values[first + n] == 48:
        n += 1
    return n - 1 if n == length else n


@njit(cache=True)
def add_options(work: np.record, item: int) -> None:
    """Write the runs of a numbered item."""
    items = work.items
    kind, first, length = items[item, TOKEN], items[item, FIRST], items[item, LENGTH]
    items[item, RUN], items[item, RUNS] = work.state[RUNS_USED], 0
    if kind == CHAIN:
        _chain(work, item)
        return
    if kind == PHASE:
        _phase(work, item)
        return
    zeros = _stripped(work.values, first, length)
    plain, short = first + zeros, length - zeros
    if kind == LANE:
        lane = _with(work, first, length, _NONG)
        _one(work, item, R_NUMBER, lane, length + 1, 0.0)
        _one(work, item, R_NUMBER, first, length, 0.45)
    elif kind == HAO or kind == YARD:
        _one(work, item, R_NUMBER, first, length, 0.0)
        _one(work, item, R_BUILDING, plain, short, 0.05)
        _one(work, item, R_ROOM, plain, short, 0.3)
        if _all_digits(work.values, first, length):
            lane = _with(work, first, length, _NONG)
            _one(work, item, R_NUMBER, lane, length + 1, 0.45)
        _door(work, item)
    elif kind == BUILDING:
        _one(work, item, R_BUILDING, plain, short, 0.0)
        if items[item, SUFFIX] == S_HASH:
            _one(work, item, R_UNIT, plain, short, 0.1)
            _one(work, item, R_NUMBER, plain, short, 0.1)
    elif kind == LOU:
        if not _all_digits(work.values, first, length):
            _one(work, item, R_BUILDING, plain, short, 0.0)
        else:
            _one(work, item, R_BUILDING, plain, short, 0.02)
            _one(work, item, R_FLOOR, plain, short, 0.0)
    elif kind == BARE:
        _one(work, item, R_ROOM, plain, short, 0.0)
        _one(work, item, R_BUILDING, plain, short, 0.05)
        _one(work, item, R_NUMBER, plain, short, 0.05)
        _one(work, item, R_UNIT, plain, short, 0.1)
        if _all_digits(work.values, first, length):
            lane = _with(work, first, length, _NONG)
            _one(work, item, R_NUMBER, lane, length + 1, 0.45)
    elif kind == UNIT:
        _one(work, item, R_UNIT, plain, short, 0.0)
    elif kind == FLOOR:
        _one(work, item, R_FLOOR, plain, short, 0.0)
    elif kind == ROOM:
        _one(work, item, R_ROOM, plain, short, 0.0)
    elif kind == GROUP:
        _one(work, item, R_GROUP, plain, short, 0.0)


@njit(cache=True)
def _phase(work: np.record, item: int) -> None:
    """一期, 3期, A区: the core is in Chinese numerals up to ten."""
    first, length = work.items[item, FIRST], work.items[item, LENGTH]
    if work.values[first + length - 1] == _QI and _all_digits(work.values, first, length - 1):
        number = 0
        for i in range(first, first + length - 1):
            number = number * 10 + np.int64(work.values[i]) - 48
        if number <= 10:
            at = _with(work, first, 0, _NUMERALS[number], _QI)
            _one(work, item, R_PHASE, at, 2, 0.0)
            return
    _one(work, item, R_PHASE, first, length, 0.0)


@njit(cache=True)
def _door(work: np.record, item: int) -> None:
    """Further ways to read a door with a sub-number, or a yard."""
    first, length = work.items[item, FIRST], work.items[item, LENGTH]
    dash = -1
    for i in range(length):
        if work.values[first + i] == _DASH:
            dash = i
            break
    if dash >= 0 and dash + 1 < length:
        _one(work, item, R_NUMBER, first, dash, 0.0)
        _step(work, R_BUILDING, first + dash + 1, length - dash - 1, 0.1)
        _one(work, item, R_BUILDING, first, dash, 0.0)
        _step(work, R_ROOM, first + dash + 1, length - dash - 1, 0.2)
    if work.items[item, TOKEN] == YARD:
        at = _with(work, first, length, _HAO, _COURT)
        _one(work, item, R_COMPOUND, at, length + 2, 0.0)


@njit(cache=True)
def _last_level(suffix: int) -> int:
    """Level the last word of a chain tells, 0 where none."""
    if (
        suffix == S_SHI
        or suffix == S_FANG
        or suffix == S_FANGJIAN
        or suffix == S_PU
        or suffix == S_HU
    ):
        return R_ROOM
    if suffix == S_DANYUAN or suffix == S_MEN:
        return R_UNIT
    if suffix == S_CENG or suffix == S_LOU:
        return R_FLOOR
    if suffix == S_DONG or suffix == S_ZHUANG or suffix == S_ZUO or suffix == S_HAOLOU:
        return R_BUILDING
    return 0


@njit(cache=True)
def _usual(count: int, mask: int) -> bool:
    """Levels (bits of `_NUMBERED`) a chain of so many parts mostly has."""
    return (
        (count == 2 and mask == 0b10010)
        or (count == 3 and mask == 0b10110)
        or (count == 4 and mask == 0b10111)
    )


@njit(cache=True)
def _chain(work: np.record, item: int) -> None:
    """Ways to read 3-2-501: any rising run of levels that its last word allows."""
    values = work.values
    first, length = work.items[item, FIRST], work.items[item, LENGTH]
    suffix = work.items[item, SUFFIX]
    part = np.empty((8, 2), np.int64)
    count, begun = 0, first
    for i in range(first, first + length + 1):
        if i == first + length or values[i] == _DASH:
            if count == 5:
                work.state[ERROR] = 1
                return
            part[count, 0], part[count, 1] = begun, i - begun
            count += 1
            begun = i + 1
    plain = part.copy()
    for i in range(count):
        zeros = _stripped(values, part[i, 0], part[i, 1])
        plain[i, 0] += zeros
        plain[i, 1] -= zeros
    last = _last_level(suffix)
    number_joined = part[1, 0] + part[1, 1] - first
    digits = _all_digits(values, part[0, 0], part[0, 1]) and _all_digits(
        values, part[1, 0], part[1, 1]
    )
    pair = count == 2 and last == 0 and suffix != S_NONG
    if pair and suffix == S_HAO:
        _one(work, item, R_NUMBER, first, length, 0.0)
    if count == 2 and last == R_BUILDING:
        _one(work, item, R_BUILDING, first, length, 0.0)
    for mask in _MASKS:
        if _bits(mask) != count or (last and _highest(mask) != last):
            continue
        cost = 0.0 if _usual(count, mask) else 0.02
        if plain[count - 1, 1] < 3 and _highest(mask) == R_ROOM:
            cost += 0.02
        _run(work, item)
        k = 0
        for bit in range(5):
            if mask >> bit & 1:
                _step(work, _NUMBERED[bit], plain[k, 0], plain[k, 1], cost / count)
                k += 1
    if count == 2 and (last == 0 or last == R_ROOM) and _rooms(values, part):
        _one(work, item, R_ROOM, first, length, 0.0)
        _one(work, item, R_ROOM, part[0, 0], part[0, 1], 0.2)
        _one(work, item, R_ROOM, part[1, 0], part[1, 1], 0.25)
    if pair:
        if suffix != S_HAO:
            _one(work, item, R_NUMBER, first, length, 0.0)
        _one(work, item, R_BUILDING, first, length, 0.1)
        if suffix == S_HAO and digits:
            one = _value(values, part[0, 0], part[0, 1])
            if _value(values, part[1, 0], part[1, 1]) > one:
                _one(work, item, R_NUMBER, part[0, 0], part[0, 1], 0.2)
                _one(work, item, R_NUMBER, part[1, 0], part[1, 1], 0.25)
    elif count > 2:
        for mask in _MASKS:
            if mask & 1 or _bits(mask) != count - 2 or (last and _highest(mask) != last):
                continue
            _one(work, item, R_NUMBER, first, number_joined, 0.02)
            k = 2
            for bit in range(1, 5):
                if mask >> bit & 1:
                    _step(work, _NUMBERED[bit], plain[k, 0], plain[k, 1], 0.02)
                    k += 1
    _lanes(work, item)
    _sort_runs(work, item)


@njit(cache=True)
def _rooms(values: U32, part: npt.NDArray[np.int64]) -> bool:
    """901-903: two rooms of one floor."""
    a, b, length = part[0, 0], part[1, 0], part[0, 1]
    if length != part[1, 1] or length < 3:
        return False
    if not _all_digits(values, a, length) or not _all_digits(values, b, length):
        return False
    for i in range(length - 2):
        if values[a + i] != values[b + i]:
            return False
    return _value(values, a, length) < _value(values, b, length)


_MASKS = tuple(
    sorted(
        range(1, 32),
        key=lambda mask: [bit for bit in range(5) if mask >> bit & 1],
    )
)
"""Choices of levels in the order of `itertools.combinations` within each size."""


@njit(cache=True)
def _bits(mask: int) -> int:
    n = 0
    while mask:
        n += mask & 1
        mask >>= 1
    return n


@njit(cache=True)
def _highest(mask: int) -> int:
    """Level of the last bit."""
    level = 0
    for bit in range(5):
        if mask >> bit & 1:
            level = _NUMBERED[bit]
    return level


@njit(cache=True)
def _value(values: U32, first: int, length: int) -> int:
    out = 0
    for i in range(first, first + length):
        out = out * 10 + np.int64(values[i]) - 48
    return out


@njit(cache=True)
def _lanes(work: np.record, item: int) -> None:
    """Each run that begins with a plain number, with a lane instead."""
    run, runs = work.items[item, RUN], work.items[item, RUNS]
    lane_of, lane = -1, 0
    for number in range(run, run + runs):
        a, b = work.runs[number, 0], work.runs[number, 1]
        first, size = work.steps[a, TEXT], work.steps[a, SIZE]
        if work.steps[a, LEVEL] != R_NUMBER or not _all_digits(work.values, first, size):
            continue
        if lane_of != first:
            lane_of, lane = first, _with(work, first, size, _NONG)
        _one(work, item, R_NUMBER, lane, size + 1, work.step_cost[a] + 0.02)
        for step in range(a + 1, b):
            at = work.state[STEPS]
            if work.state[ERROR] or at >= MOST_STEPS:
                work.state[ERROR] = 1
                return
            for k in range(work.steps.shape[1]):
                work.steps[at, k] = work.steps[step, k]
            work.step_cost[at] = work.step_cost[step]
            work.state[STEPS] = at + 1
            work.runs[work.state[RUNS_USED] - 1, 1] = at + 1


@njit(cache=True)
def _sort_runs(work: np.record, item: int) -> None:
    """Cheapest first; equal ones stay in order."""
    run, runs = work.items[item, RUN], work.items[item, RUNS]
    cost = np.empty(runs, np.float64)
    for k in range(runs):
        total = 0.0
        for step in range(work.runs[run + k, 0], work.runs[run + k, 1]):
            total += work.step_cost[step]
        at = k
        a, b = work.runs[run + k, 0], work.runs[run + k, 1]
        while at > 0 and cost[at - 1] > total:
            cost[at] = cost[at - 1]
            work.runs[run + at, 0] = work.runs[run + at - 1, 0]
            work.runs[run + at, 1] = work.runs[run + at - 1, 1]
            at -= 1
        cost[at] = total
        work.runs[run + at, 0], work.runs[run + at, 1] = a, b


@njit(cache=True)
def look_up(work: np.record, words: Words) -> None:
    """Fill in the words of all steps, and those of pieces nobody knows."""
    work.state[TOUCHED] = 0
    for at in range(work.state[STEPS]):
        level = work.steps[at, LEVEL]
        first = work.steps[at, TEXT]
        last = first + work.steps[at, SIZE]
        work.steps[at, WORD] = _word(work, words, level, work.values, first, last)
        work.steps[at, FLOOR_OF] = NO_FLOOR
        work.steps[at, IMPLIED] = 0
        if level == R_FLOOR:
            work.steps[at, FLOOR_OF] = floor_told(work.values, first, last)
        elif level == R_ROOM:
            floor = implied(work.values, first, last)
            work.steps[at, IMPLIED] = _implied_word(work, words, floor)
    for at in range(work.state[ITEMS]):
        item = work.items[at]
        if item[KIND] != REST:
            continue
        long = item[END] - item[START] > 1
        for k in range(len(_PLAIN_RANKS)):
            item[PLAIN + k] = 0
            if long:
                item[PLAIN + k] = _word(
                    work, words, _PLAIN_RANKS[k], work.text, item[START], item[END]
                )
