"""Compiled `address.segment.segment` for texts that are read without a gazetteer.

The same steps in the same order; the patterns are the same ones, run by `address.kernel.patterns`.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel import sheet as w
from address.kernel.divisions import (
    admin_at,
    begins_in,
    division_at,
    goes_on,
    in_name,
    letter_province,
)
from address.kernel.folding import fold_points
from address.kernel.patterns import CLASSES, LONGEST, MARK, SPENT, TEXT

__all__ = ["cut", "read"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@njit(cache=True)
def _begins(t: I32, e: I64, s: I32, at: int, inner: int, size: int) -> bool:
    """Something that is surely not part of a nameless run begins here."""
    c = s[TEXT + inner]
    may = not w.is_in(t, s, w.S_ALPHA, inner) or c < 128 or c == w.LAND or c == w.BEAR
    if not may and w.is_in(t, s, w.S_STEMS, inner) and inner + 1 < size:
        may = w.is_in(t, s, w.S_DIGITS, inner + 1)
    if (
        not may
        and (c == w.HALF or c == w.TOPMOST or c == w.FOREMOST or c == w.LOWEST)
        and inner + 1 < size
    ):
        may = s[TEXT + inner + 1] == w.STOREY
    if may and w.match(t, s, w.P_TOKEN, inner, size) >= 0:
        return True
    if inner - at < 2:
        return False
    name, _ = admin_at(t, e, s, inner, size, True, 0)
    return name >= 0 and w.flags_of(t, name) & w.F_COUNTY_WORD != 0


@njit(cache=True)
def _unknown(t: I32, e: I64, s: I32, at: int, size: int, things: bool, known: int) -> None:
    """A name nobody knows: by its last word, else up to the next thing that is known."""
    end = at
    while end < size and end < at + w.LONGEST_NAME and w.is_in(t, s, w.S_HAN, end):
        end += 1
    if end == at:
        w.put(s, at + 1, w.REST, w.NONE, -1)
        return
    foreign = w.match(t, s, w.P_FOREIGN, at, size)
    if foreign >= 0:
        w.put(s, foreign, w.REST, w.NONE, -1)
        return
    limit, firm = end, False
    for i in range(at + 1, end):
        if division_at(t, e, s, i, size, known):
            firm, limit = True, i
            break
        if i - at < 2:
            continue
        if (
            (w.is_in(t, s, w.S_ROAD_LAST, i - 1) and w.match(t, s, w.P_WHOLE, i, size) >= 0)
            or (
                things
                and w.is_in(t, s, w.S_FACILITY, i)
                and w.match(t, s, w.P_FACILITY, i, size) >= 0
            )
            or (w.is_in(t, s, w.S_RELATION, i) and w.match(t, s, w.P_RELATION, i, size) >= 0)
        ):
            limit = i
            break
    generic = w.match(t, s, w.P_GENERIC, at, limit)
    if generic < 0 and limit < end and not firm:
        generic = w.match(t, s, w.P_GENERIC, at, size)
    if generic >= 0:
        w.put(s, generic, w.GENERIC, s[MARK], -1)
        return
    for i in range(at + 1, limit):
        if _begins(t, e, s, at, i, size):
            limit = i
            break
    lone = limit - at == 1 and w.match(t, s, w.P_WHOLE, at, size) >= 0
    w.put(s, limit, w.SEP if lone else w.REST, w.NONE, -1)


@njit(cache=True)
def _numbered(t: I32, s: I32, at: int, size: int) -> bool:
    """A numbered part, or a road whose name is a number."""
    if not w.is_in(t, s, w.S_TOKEN, at):
        return False
    token = w.match(t, s, w.P_TOKEN, at, size)
    kind = s[MARK]
    if w.is_in(t, s, w.S_ROAD_HEADS, at):
        road = w.match(t, s, w.P_GENERIC, at, size)
        if road >= 0 and s[MARK] == w.NUMBERED and road >= token:
            w.put(s, road, w.GENERIC, w.ROAD, -1)
            return True
    if token < 0:
        return False
    w.put(s, token, w.TOKEN, w.NONE, kind)
    return True


@njit(cache=True)
def _new_division(t: I32, e: I64, s: I32, at: int, size: int, n: int, pieces: I32) -> bool:
    """A city or county that the tables do not have, after its province or city."""
    if n == 0:
        pattern, level = w.P_NEW_FIRST, w.CITY
    elif pieces[n - 1, 2] == w.ADMIN and w.flags_of(t, pieces[n - 1, 4]) & w.F_PROVINCE:
        pattern, level = w.P_NEW_CITY, w.CITY
    elif pieces[n - 1, 3] == w.CITY and pieces[n - 1, 2] == w.GENERIC:
        pattern, level = w.P_NEW_COUNTY, w.COUNTY
    else:
        return False
    end = w.match(t, s, pattern, at, size)
    if end < 0:
        return False
    found = w.named(t, e, s, 0, at, size, 6)
    for k in range(found):
        name = w.number_of_name(s, 6, k)
        if w.flags_of(t, name) & w.F_LAST:
            return False
        if s[w.BEGINS + w.end_of_name(s, 6, k)]:
            return False
        if goes_on(
            t,
            e,
            s,
            w.first_division(t, name),
            w.first_division(t, name + 1),
            w.end_of_name(s, 6, k),
            size,
        ):
            return False
    w.put(s, end, w.GENERIC, level, -1)
    return True


@njit(cache=True)
def _other(
    t: I32, e: I64, s: I32, at: int, size: int, things: bool, brackets: bool, after_road: bool,
    known: int,
) -> None:  # fmt: skip
    """What is no division: a post, a number, a word between, a name."""
    if things and w.is_in(t, s, w.S_FACILITY, at):
        end = w.match(t, s, w.P_FACILITY, at, size)
        if end >= 0:
            w.put(s, end, w.GENERIC, w.FACILITY, -1)
            return
    if things and w.is_in(t, s, w.S_SPACE, at):
        end = w.match(t, s, w.P_SPACE, at, size)
        if end >= 0:
            w.put(s, end, w.GENERIC, w.ROOM, -1)
            return
    if _numbered(t, s, at, size):
        return
    if after_road and w.is_in(t, s, w.S_JOINS, at) and w.match(t, s, w.P_JOINS, at, size) >= 0:
        w.put(s, at + 1, w.SEP, w.NONE, -1)
        return
    if w.is_in(t, s, w.S_LEAD, at):
        end = w.match(t, s, w.P_LEAD, at, size)
        if end >= 0:
            w.put(s, end, w.SEP, w.NONE, -1)
            return
    if w.is_in(t, s, w.S_RELATION, at):
        end = w.match(t, s, w.P_RELATION, at, size)
        if end >= 0:
            w.put(s, end, w.RELATION, w.NONE, -1)
            return
    if brackets:
        end = w.match(t, s, w.P_BRANCH, at, size)
        if end >= 0:
            w.put(s, end, w.GENERIC, w.POI, -1)
            return
    end = w.match(t, s, w.P_DIGIT_NAME, at, size)
    if end >= 0:
        w.put(s, end, w.GENERIC, w.COMPOUND, -1)
        return
    _unknown(t, e, s, at, size, things, known)
    if s[w.OUT + 3] == w.NUMBERED:
        s[w.OUT + 3] = w.ROAD


@njit(cache=True)
def _letters(t: I32, e: I64, s: I32, size: int, pieces: I32) -> int:
    """Pieces of one letter for a province, and for its city, at the head of a text; how many."""
    letters = np.int64(t[w.T_LETTERS])
    if size < 2 or not t[letters + 4 * s[TEXT]] or not letter_province(t, e, s, size):
        return 0
    _keep(0, 0, 1, w.ADMIN, w.PROVINCE, t[letters + 4 * s[TEXT] + 1], pieces)
    own = letters + 4 * s[TEXT + 1]
    city = np.int64(t[own + 2])
    if not city or s[w.BEGINS + 1] or not begins_in(t, e, s, city // 100, 2, size):
        return 1
    _keep(1, 1, 2, w.ADMIN, w.CITY, t[own + 3], pieces)
    return 2


@njit(cache=True, inline="always")
def _keep(row: int, start: int, end: int, kind: int, level: int, number: int, pieces: I32) -> None:
    pieces[row, 0], pieces[row, 1], pieces[row, 2] = start, end, kind
    pieces[row, 3], pieces[row, 4] = level, number


@njit(cache=True, inline="always")
def _widen(t: I32, s: I32, name: int, known: int) -> int:
    """Add what a name means to the divisions named so far; how many they are."""
    for division in range(
        w.first_division(t, name),
        min(w.first_division(t, name + 1), w.first_division(t, name) + 64),
    ):
        if known < w.MOST_SCOPE:
            s[w.SCOPE + known] = division
        known += 1
    return known


@njit(cache=True)
def _prepare(t: I32, e: I64, s: I32, size: int) -> bool:
    """Classes of the characters, and where names of divisions begin; whether it can be read here."""
    s[SPENT] = 0
    for i in range(size):
        if not 0 < s[TEXT + i] < 0x10000:
            return False
        s[CLASSES + i] = t[t[1] + s[TEXT + i]]
    for i in range(size + 1):
        s[w.BEGINS + i], s[w.ENDS + i] = 0, 0
    for i in range(size):
        if i + 1 >= size or not w.is_in(t, s, w.S_DIVISIONS, i):
            continue
        bit = w.pair_bit(s[TEXT + i], s[TEXT + i + 1])
        if not (t[t[w.T_PAIRS] + (bit >> 5)] >> (bit & 31)) & 1:
            continue
        found = w.named(t, e, s, 0, i, size, 0)
        s[w.BEGINS + i] = found > 0
        for k in range(found):
            end = w.end_of_name(s, 0, k)
            if 3 <= end - i <= 11 and w.flags_of(t, w.number_of_name(s, 0, k)) & w.F_CITY:
                s[w.ENDS + i] = end
    return True


@njit(cache=True)
def _is_settled(t: I32, s: I32, start: int, end: int, level: int) -> bool:
    """Hardly anything around a name changes its level (`address.levels.put_name`)."""
    if level != w.CITY and level != w.COUNTY and level != w.TOWN and level != w.ROAD and level != w.COMPOUND:  # fmt: skip
        return False
    if s[TEXT + start] == s[TEXT + start + (end - start) // 2]:
        return False
    if level == w.ROAD:
        near = start > 0 and s[TEXT + start - 1] == w.NEAR
        return not near and not w.is_in(t, s, w.S_JOINS_WITH, start)
    return level != w.TOWN or s[TEXT + end - 1] != w.FIELD


@njit(cache=True)
def _settle(t: I32, s: I32, pieces: I32, n: int) -> int:
    """Mark the names whose level is settled; how many pieces at the head are those, divisions and separators."""
    leading = n
    for k in range(n):
        kind = pieces[k, 2]
        if kind == w.SEP or kind == w.ADMIN:
            continue
        if kind == w.GENERIC and _is_settled(
            t, s, np.int64(pieces[k, 0]), np.int64(pieces[k, 1]), pieces[k, 3]
        ):
            pieces[k, 4] = w.SETTLED
        else:
            leading = min(leading, k)
    return leading


@njit(cache=True)
def _is_firm(pieces: I32, n: int) -> bool:
    """No words stand right behind a room or a bare number."""
    for k in range(n - 1):
        if pieces[k, 2] != w.TOKEN:
            continue
        token, kind = pieces[k, 4], pieces[k + 1, 2]
        if (token == w.T_ROOM or token == w.T_BARE or token == w.T_CHAIN) and (
            kind == w.ADMIN or kind == w.GENERIC or kind == w.REST
        ):
            return False
    return True


@njit(cache=True)
def cut(t: I32, e: I64, given: U32, size: int, pieces: I32) -> int:
    """Pieces of a folded text.

    Parameters
    ----------
    t : ndarray of int32
        `address.kernel.patterns.Programs.table` with `MORE`.
    e : ndarray of int64
        Edges of the names.
    given : ndarray of uint32
        Code points, the first `size` of them.
    pieces : ndarray of int32, shape (>= size, COLUMNS)
        Written.

    Returns
    -------
    int
        How many, plus `FIRM` where no words behind a room may belong together, plus `LEADING` times
        how many at the head have the level they show whatever follows; `NOT_MINE` where the
        reference must read it.
    """
    if size > LONGEST:
        return w.NOT_MINE
    s = np.empty(w.ALL, np.int32)
    for i in range(size):
        s[TEXT + i] = np.int32(min(given[i], 0x10000))
    if not _prepare(t, e, s, size):
        return w.NOT_MINE
    things, brackets = False, False
    for i in range(size):
        brackets = brackets or s[TEXT + i] == w.OPEN
        if not things and w.is_in(t, s, w.S_THINGS, i):
            things = w.match(t, s, w.P_THINGS, i, size) >= 0
    n = np.int64(_letters(t, e, s, size, pieces))
    at, known, seen, after_road, fresh = n, 0, False, False, True
    if n:
        known = _widen(t, s, np.int64(pieces[0, 4]), known)
    while at < size:
        if w.is_in(t, s, w.S_SEPARATORS, at) and (
            s[TEXT + at] != w.DASH or w.match(t, s, w.P_TOKEN, at, size) < 0
        ):
            w.put(s, at + 1, w.SEP, w.NONE, -1)
        elif not _new_division(t, e, s, at, size, n, pieces):
            name, end = admin_at(t, e, s, at, size, seen, known)
            if name >= 0 and not in_name(t, e, s, name, end, size, known, seen, fresh):
                w.put(s, end, w.ADMIN, w.NONE, name)
            else:
                _other(t, e, s, at, size, things, brackets, after_road, known)
        end, kind, level = np.int64(s[w.OUT + 1]), s[w.OUT + 2], s[w.OUT + 3]
        _keep(n, at, end, kind, level, s[w.OUT + 4], pieces)
        after_road, fresh = level == w.ROAD, kind == w.SEP
        if kind == w.ADMIN:
            seen = True
            known = _widen(t, s, np.int64(s[w.OUT + 4]), known)
        if end <= at or s[SPENT] or known > w.MOST_SCOPE:
            return w.NOT_MINE
        at = end
        n += 1
    told = n + w.LEADING * _settle(t, s, pieces, n)
    return told + w.FIRM if _is_firm(pieces, n) else told


@njit(cache=True)
def read(
    t: I32, e: I64, fold: U32, numeral: U8, watch: U8, given: U32, size: int, folded: U32,
    starts: I32, ends: I32, pieces: I32,
) -> int:  # fmt: skip
    """Fold a text and cut it.

    Parameters
    ----------
    t, e : ndarray
        As in `cut`.
    fold, numeral, watch, given, size, folded, starts, ends
        As in `address.kernel.folding.fold_points`.
    pieces : ndarray of int32, shape (>= LONGEST + 1, COLUMNS)
        Written.

    Returns
    -------
    int
        As `cut`, plus `PLACE` times the length of the folded text, plus `SAME` where every
        character of it stands where it stood in the given one, plus `EQUAL` where nothing was
        folded; `NOT_MINE` where the reference must read it.
    """
    length = fold_points(given, size, fold, numeral, watch, folded, starts, ends)
    if length < 0:
        return w.NOT_MINE
    same, han = length == size, False
    equal = same
    for i in range(length):
        same = same and starts[i] == i and ends[i] == i + 1
        equal = equal and folded[i] == given[i]
        han = han or 0x4E00 <= folded[i] <= 0x9FA5
    if not han:
        return w.NOT_MINE
    n = cut(t, e, folded, length, pieces)
    if n < 0:
        return w.NOT_MINE
    return n + w.PLACE * length + (w.SAME if same else 0) + (w.EQUAL if equal else 0)
