"""Compiled `address.segment.segment` for texts that are read without a gazetteer.

The same steps in the same order; the patterns are the same ones, run by `address.kernel.patterns`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.naming import names_at
from address.kernel.patterns import FULL, in_set, run

__all__ = ["COLUMNS", "KINDS", "FLAGS", "NOT_MINE", "Tables", "cut"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

NOT_MINE = -1
KINDS = ("sep", "admin", "generic", "rest", "token", "relation")
_SEP, ADMIN, _GENERIC, _REST, TOKEN, _RELATION = range(6)
LEVELS = ("", "province", "city", "county", "street", "community", "road", "compound", "poi",
          "devzone", "facility", "room")  # fmt: skip
_NONE, _PROVINCE, _CITY, _COUNTY, _ROAD, _COMPOUND, _POI, _FACILITY, _ROOM = (
    LEVELS.index(k) for k in ("", "province", "city", "county", "road", "compound", "poi", "facility", "room")
)  # fmt: skip
COLUMNS = 5
"""Start, end, kind, level, and the number of the division's name or of the kind of numbered part."""
PATTERNS = ("token", "generic", "trap", "town_after", "road_after", "follows", "goes_on", "new_city",
            "new_county", "new_city_first", "joins", "facility", "space", "lead", "relation",
            "branch", "digit_name", "foreign", "whole_word", "things")  # fmt: skip
(_P_TOKEN, _P_GENERIC, _P_TRAP, _P_TOWN, _P_ROAD, _P_FOLLOWS, _P_GOES_ON, _P_NEW_CITY, _P_NEW_COUNTY,
 _P_NEW_FIRST, _P_JOINS, _P_FACILITY, _P_SPACE, _P_LEAD, _P_RELATION, _P_BRANCH, _P_DIGIT_NAME,
 _P_FOREIGN, _P_WHOLE, _P_THINGS) = range(20)  # fmt: skip
SETS = ("separators", "token_heads", "joins", "facility_heads", "space_heads", "lead_heads",
        "relation_heads", "road_last", "alpha", "alnum", "digits", "thing_heads", "han_run", "stems",
        "letter_name", "letter_before", "road_heads")  # fmt: skip
(_S_SEPARATORS, _S_TOKEN, _S_JOINS, _S_FACILITY, _S_SPACE, _S_LEAD, _S_RELATION, _S_ROAD_LAST,
 _S_ALPHA, _S_ALNUM, _S_DIGITS, _S_THINGS, _S_HAN, _S_STEMS, _S_LETTER_NAME, _S_LETTER_BEFORE,
 _S_ROAD_HEADS) = range(17)  # fmt: skip
FLAGS = {"street": 1, "full": 2, "last": 4, "exact": 8, "everywhere": 16, "common": 32,
         "province": 64, "county": 128, "city_word": 256, "county_word": 512}  # fmt: skip
(_F_STREET, _F_FULL, _F_LAST, _F_EXACT, _F_EVERYWHERE, _F_COMMON, _F_PROVINCE, _F_COUNTY,
 _F_CITY, _F_COUNTY_WORD) = (1 << k for k in range(10))  # fmt: skip
_DASH, _OPEN, _LAND, _BEAR, _STREET, _WAY = (ord(c) for c in "-(地负街路")
_L_STREET = 3  # level of a Division: province, city, county, street
_MOST_NAMES = 24
_MOST_SCOPE = 256
_LONGEST_NAME = 32


class Tables(NamedTuple):
    """What the cut knows.

    ``steps``, ``bits``: the patterns; ``entry``: where each of `PATTERNS` begins, then the set of
    each of `SETS`. ``edges`` … : trees of the names of divisions and of towns. ``flags``,
    ``shorter`` (its number without 市, or -1) and ``first``: of each name of a division.
    ``divisions``: of each division a name means its code, digits of it, its stem, digits of that,
    level, whether towns hang on it, whether the name is its official one, its first four digits.
    ``town_first``, ``town_county``: counties of a town's
    name. ``letters``: of each character, its province (two digits) and its name's number, its city
    (six digits) and that name's number.
    """

    steps: I32
    bits: U64
    entry: I32
    edges: I64
    child: I32
    name: I32
    flags: I32
    shorter: I32
    first: I32
    divisions: I64
    town_edges: I64
    town_child: I32
    town_name: I32
    town_first: I32
    town_county: I32
    letters: I32


@njit(cache=True, inline="always")
def _match(t: Tables, pattern: int, text: U32, at: int, size: int, stack: I32, mark: I32) -> int:
    end = run(t.steps, t.entry[pattern], text, at, size, t.bits, stack, mark)
    if end == FULL:
        mark[1] = 1
    return end


@njit(cache=True, inline="always")
def _in(t: Tables, number: int, c: int) -> bool:
    return in_set(t.bits, t.entry[len(PATTERNS) + number], c)


@njit(cache=True, inline="always")
def _begins_with(code: int, digits: int, stem: int, stem_digits: int) -> bool:
    """A code begins with the stem of another."""
    if stem_digits > digits:
        return False
    for _ in range(digits - stem_digits):
        code //= 10
    return code == stem


@njit(cache=True)
def _holds_any(t: Tables, name: int, stem: int, stem_digits: int) -> bool:
    """One of a name's divisions has a code that begins so."""
    for d in range(t.first[name], t.first[name + 1]):
        if _begins_with(t.divisions[d, 0], t.divisions[d, 1], stem, stem_digits):
            return True
    return False


@njit(cache=True)
def _fits_scope(t: Tables, name: int, scope: I32, known: int) -> bool:
    for d in range(t.first[name], t.first[name + 1]):
        code, digits = t.divisions[d, 0], t.divisions[d, 1]
        stem, stem_digits = t.divisions[d, 2], t.divisions[d, 3]
        for k in range(known):
            o = scope[k]
            if _begins_with(code, digits, t.divisions[o, 2], t.divisions[o, 3]):
                return True
            if _begins_with(t.divisions[o, 0], t.divisions[o, 1], stem, stem_digits):
                return True
    return False


@njit(cache=True)
def _goes_on(t: Tables, first: int, last: int, text: U32, end: int, size: int) -> bool:
    """A division, or a town, of those of rows `first` to `last` follows."""
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    n = names_at(t.edges, t.child, t.name, text, end, size, numbers, ends)
    for k in range(n):
        for o in range(t.first[numbers[k]], t.first[numbers[k] + 1]):
            if t.divisions[o, 4] != 2:
                continue
            for d in range(first, last):
                if t.divisions[d, 4] != 2 and _begins_with(
                    t.divisions[o, 0], t.divisions[o, 1], t.divisions[d, 2], t.divisions[d, 3]
                ):
                    return True
    n = names_at(t.town_edges, t.town_child, t.town_name, text, end, size, numbers, ends)
    for k in range(n):
        for r in range(t.town_first[numbers[k]], t.town_first[numbers[k] + 1]):
            for d in range(first, last):
                if t.divisions[d, 5] and t.divisions[d, 0] == t.town_county[r]:
                    return True
    return False


@njit(cache=True)
def _splits_better(t: Tables, name: int, text: U32, end: int, size: int) -> bool:
    """青岛市南区 is 青岛 and its 市南区."""
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    n = names_at(t.edges, t.child, t.name, text, end, size, numbers, ends)
    for k in range(n):
        for o in range(t.first[numbers[k]], t.first[numbers[k] + 1]):
            for d in range(t.first[name], t.first[name + 1]):
                if _same_city(t, o, d):
                    return False
    n = names_at(t.edges, t.child, t.name, text, end - 1, size, numbers, ends)
    for k in range(n):
        for o in range(t.first[numbers[k]], t.first[numbers[k] + 1]):
            for d in range(t.first[name], t.first[name + 1]):
                if _same_city(t, o, d) and (
                    t.divisions[o, 6] or _goes_on(t, o, o + 1, text, ends[k], size)
                ):
                    return True
    return False


@njit(cache=True, inline="always")
def _same_city(t: Tables, a: int, b: int) -> bool:
    """First four digits are the same."""
    return t.divisions[a, 7] == t.divisions[b, 7]


@njit(cache=True)
def _admin_at(
    t: Tables, text: U32, at: int, size: int, seen: bool, scope: I32, known: int, stack: I32, mark: I32
) -> tuple[int, int]:
    """Number and end of the division's name at a place, as `address.segment` finds it; -1: none."""
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    inner, inner_ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    n = names_at(t.edges, t.child, t.name, text, at, size, numbers, ends)
    for k in range(n - 1, -1, -1):
        name, end = np.int64(numbers[k]), np.int64(ends[k])
        flags = t.flags[name]
        if flags & _F_STREET:
            if (
                known
                and _fits_scope(t, name, scope, known)
                and _match(t, _P_TRAP, text, end, size, stack, mark) < 0
            ):
                return name, end
            continue
        full = flags & _F_FULL != 0
        blocked = not full and (
            _match(t, _P_TRAP, text, end, size, stack, mark) >= 0
            or _match(t, _P_TOWN, text, end, size, stack, mark) >= 0
        )
        if not blocked and full and end - at == 2 and end < size:
            blocked = text[end] == _STREET or text[end] == _WAY
        if not blocked and _match(t, _P_ROAD, text, end, size, stack, mark) >= 0:
            blocked = names_at(t.edges, t.child, t.name, text, end, size, inner, inner_ends) == 0
        if not blocked and not full and not known and not seen and flags & _F_COUNTY:
            blocked = _match(t, _P_GOES_ON, text, end, size, stack, mark) >= 0
        if flags & _F_EVERYWHERE and not (known and _fits_scope(t, name, scope, known)):
            blocked = blocked or at > 0
        if blocked and not _goes_on(t, t.first[name], t.first[name + 1], text, end, size):
            continue
        if (
            not full
            and seen
            and end - at == 2
            and _match(t, _P_FOLLOWS, text, end, size, stack, mark) < 0
        ):
            continue
        if not full and known and not _fits_scope(t, name, scope, known):
            continue
        if t.shorter[name] >= 0 and _splits_better(t, name, text, end, size):
            return np.int64(t.shorter[name]), end - 1
        return name, end
    return np.int64(-1), np.int64(-1)


@njit(cache=True)
def _in_name(
    t: Tables, name: int, text: U32, end: int, size: int, known: int, admin: bool, fresh: bool
) -> bool:
    """A short name with no division before it that only begins an estate or a firm."""
    flags = t.flags[name]
    if known or admin or (fresh and not flags & _F_COMMON):
        return False
    if flags & (_F_LAST | _F_EXACT) or end >= size or not _in(t, _S_ALNUM, text[end]):
        return False
    return not _goes_on(t, t.first[name], t.first[name + 1], text, end, size)


@njit(cache=True)
def _division(
    t: Tables, text: U32, at: int, size: int, scope: I32, known: int, stack: I32, mark: I32
) -> bool:
    """A division written in full begins at a place."""
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    n = names_at(t.edges, t.child, t.name, text, at, size, numbers, ends)
    for k in range(n - 1, -1, -1):
        if 3 <= ends[k] - at <= 11 and t.flags[numbers[k]] & _F_CITY:
            name, end = _admin_at(t, text, at, size, True, scope, known, stack, mark)
            return name >= 0 and end == ends[k]
    return False


@njit(cache=True)
def _begins(
    t: Tables, text: U32, at: int, inner: int, size: int, scope: I32, stack: I32, mark: I32
) -> bool:
    """Something that is surely not part of a nameless run begins here."""
    c = text[inner]
    may = not _in(t, _S_ALPHA, c) or c < 128 or c == _LAND or c == _BEAR
    if not may and _in(t, _S_STEMS, c) and inner + 1 < size:
        may = _in(t, _S_DIGITS, text[inner + 1])
    if may and _match(t, _P_TOKEN, text, inner, size, stack, mark) >= 0:
        return True
    if inner - at < 2:
        return False
    name, _ = _admin_at(t, text, inner, size, True, scope, 0, stack, mark)
    return name >= 0 and t.flags[name] & _F_COUNTY_WORD != 0


@njit(cache=True)
def _unknown(
    t: Tables, text: U32, at: int, size: int, things: bool, scope: I32, known: int, stack: I32,
    mark: I32, out: I32,
) -> None:  # fmt: skip
    """A name nobody knows: by its last word, else up to the next thing that is known."""
    end = at
    while end < size and end < at + _LONGEST_NAME and _in(t, _S_HAN, text[end]):
        end += 1
    if end == at:
        out[1], out[2], out[3] = at + 1, _REST, _NONE
        return
    foreign = _match(t, _P_FOREIGN, text, at, size, stack, mark)
    if foreign >= 0:
        out[1], out[2], out[3] = foreign, _REST, _NONE
        return
    limit, firm = end, False
    for i in range(at + 1, end):
        if _division(t, text, i, size, scope, known, stack, mark):
            firm, limit = True, i
            break
        if i - at < 2:
            continue
        c = text[i]
        if (
            (
                _in(t, _S_ROAD_LAST, text[i - 1])
                and _match(t, _P_WHOLE, text, i, size, stack, mark) >= 0
            )
            or (
                things
                and _in(t, _S_FACILITY, c)
                and _match(t, _P_FACILITY, text, i, size, stack, mark) >= 0
            )
            or (_in(t, _S_RELATION, c) and _match(t, _P_RELATION, text, i, size, stack, mark) >= 0)
        ):
            limit = i
            break
    generic = _match(t, _P_GENERIC, text, at, limit, stack, mark)
    if generic < 0 and limit < end and not firm:
        generic = _match(t, _P_GENERIC, text, at, size, stack, mark)
    if generic >= 0:
        out[1], out[2], out[3] = generic, _GENERIC, mark[0]
        return
    for i in range(at + 1, limit):
        if _begins(t, text, at, i, size, scope, stack, mark):
            limit = i
            break
    lone = limit - at == 1 and _match(t, _P_WHOLE, text, at, size, stack, mark) >= 0
    out[1], out[2], out[3] = limit, _SEP if lone else _REST, _NONE


@njit(cache=True)
def _numbered(
    t: Tables, text: U32, at: int, size: int, stack: I32, mark: I32, out: I32
) -> bool:
    """A numbered part, or a road whose name is a number."""
    c = text[at]
    if not _in(t, _S_TOKEN, c):
        return False
    token = _match(t, _P_TOKEN, text, at, size, stack, mark)
    kind = mark[0]
    if _in(t, _S_ROAD_HEADS, c):
        road = _match(t, _P_GENERIC, text, at, size, stack, mark)
        if road >= 0 and mark[0] == NUMBERED and road >= token:
            out[1], out[2], out[3] = road, _GENERIC, _ROAD
            return True
    if token < 0:
        return False
    out[1], out[2], out[3], out[4] = token, TOKEN, _NONE, kind
    return True


NUMBERED = 100
"""Mark of a road whose name is a number."""


@njit(cache=True)
def _new_division(
    t: Tables, text: U32, at: int, size: int, n: int, pieces: I32, stack: I32, mark: I32, out: I32
) -> bool:
    """A city or county that the tables do not have, after its province or city."""
    if n == 0:
        pattern, level = _P_NEW_FIRST, _CITY
    elif pieces[n - 1, 2] == ADMIN and t.flags[pieces[n - 1, 4]] & _F_PROVINCE:
        pattern, level = _P_NEW_CITY, _CITY
    elif pieces[n - 1, 3] == _CITY and pieces[n - 1, 2] == _GENERIC:
        pattern, level = _P_NEW_COUNTY, _COUNTY
    else:
        return False
    end = _match(t, pattern, text, at, size, stack, mark)
    if end < 0:
        return False
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    inner, inner_ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    found = names_at(t.edges, t.child, t.name, text, at, size, numbers, ends)
    for k in range(found):
        name = numbers[k]
        if t.flags[name] & _F_LAST:
            return False
        if names_at(t.edges, t.child, t.name, text, ends[k], size, inner, inner_ends):
            return False
        if _goes_on(t, t.first[name], t.first[name + 1], text, ends[k], size):
            return False
    out[1], out[2], out[3] = end, _GENERIC, level
    return True


@njit(cache=True)
def _begins_in(t: Tables, code: int, text: U32, at: int, size: int) -> bool:
    """A division of a city (four digits) begins at a place."""
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    for k in range(names_at(t.edges, t.child, t.name, text, at, size, numbers, ends)):
        if _holds_any(t, numbers[k], code, 4):
            return True
    return False


@njit(cache=True)
def _letter_province(t: Tables, text: U32, size: int) -> bool:
    """京朝阳…: the letter counts when a division of that province follows."""
    code = np.int64(t.letters[text[0], 0])
    numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
    first = names_at(t.edges, t.child, t.name, text, 0, size, numbers, ends)
    closed = first > 0 and _in(t, _S_LETTER_BEFORE, text[ends[first - 1] - 1])
    city = np.int64(t.letters[text[1], 2])
    if city // 10000 == code and not first and _begins_in(t, city // 100, text, 2, size):
        return True
    for k in range(names_at(t.edges, t.child, t.name, text, 1, size, numbers, ends)):
        last = text[ends[k] - 1]
        if first and (ends[k] < 4 or not _in(t, _S_LETTER_NAME, last) or closed):
            continue
        if _holds_any(t, numbers[k], code, 2):
            return True
    return False


@njit(cache=True)
def cut(t: Tables, text: U32, size: int, pieces: I32) -> int:
    """Pieces of a folded text.

    Parameters
    ----------
    t : Tables
    text : ndarray of uint32
        Code points, the first `size` of them.
    pieces : ndarray of int32, shape (>= size, COLUMNS)
        Written.

    Returns
    -------
    int
        How many; `NOT_MINE` where the reference must read it.
    """
    for i in range(size):
        if text[i] >= 0x10000:
            return NOT_MINE
    stack, mark = np.empty((1024, 3), np.int32), np.zeros(2, np.int32)
    scope, known = np.empty(_MOST_SCOPE, np.int32), 0
    n, at, seen, after_road, fresh = 0, 0, False, False, True
    if size > 1 and t.letters[text[0], 0] and _letter_province(t, text, size):
        name = t.letters[text[0], 1]
        pieces[0, 0], pieces[0, 1], pieces[0, 2], pieces[0, 3], pieces[0, 4] = 0, 1, ADMIN, _PROVINCE, name  # fmt: skip
        n, at = 1, 1
        for d in range(t.first[name], t.first[name + 1]):
            scope[known] = d
            known += 1
        city = np.int64(t.letters[text[1], 2])
        numbers, ends = np.empty(_MOST_NAMES, np.int32), np.empty(_MOST_NAMES, np.int32)
        if (
            city
            and names_at(t.edges, t.child, t.name, text, 1, size, numbers, ends) == 0
            and _begins_in(t, city // 100, text, 2, size)
        ):
            pieces[1, 0], pieces[1, 1], pieces[1, 2], pieces[1, 3] = 1, 2, ADMIN, _CITY
            pieces[1, 4] = t.letters[text[1], 3]
            n, at = 2, 2
    things, brackets = False, False
    for i in range(size):
        brackets = brackets or text[i] == _OPEN
        if not things and _in(t, _S_THINGS, text[i]):
            things = _match(t, _P_THINGS, text, i, size, stack, mark) >= 0
    while at < size:
        out = pieces[n]
        out[0], out[4] = at, -1
        c = text[at]
        if _in(t, _S_SEPARATORS, c) and (
            c != _DASH or _match(t, _P_TOKEN, text, at, size, stack, mark) < 0
        ):
            out[1], out[2], out[3] = at + 1, _SEP, _NONE
        elif not _new_division(t, text, at, size, n, pieces, stack, mark, out):
            name, end = _admin_at(t, text, at, size, seen, scope, known, stack, mark)
            if name >= 0 and not _in_name(t, name, text, end, size, known, seen, fresh):
                out[1], out[2], out[3], out[4] = end, ADMIN, _NONE, name
            else:
                _other(t, text, at, size, things, brackets, after_road, scope, known, stack, mark, out)  # fmt: skip
        if out[1] <= at:
            return NOT_MINE
        after_road = out[3] == _ROAD
        fresh = out[2] == _SEP
        if out[2] == ADMIN:
            seen = True
            for d in range(t.first[out[4]], t.first[out[4] + 1]):
                if known >= _MOST_SCOPE:
                    return NOT_MINE
                scope[known] = d
                known += 1
        at = np.int64(out[1])
        n += 1
    return n if mark[1] == 0 else NOT_MINE


@njit(cache=True)
def _other(
    t: Tables, text: U32, at: int, size: int, things: bool, brackets: bool, after_road: bool,
    scope: I32, known: int, stack: I32, mark: I32, out: I32,
) -> None:  # fmt: skip
    """What is no division: a post, a number, a word between, a name."""
    c = text[at]
    if things and _in(t, _S_FACILITY, c):
        end = _match(t, _P_FACILITY, text, at, size, stack, mark)
        if end >= 0:
            out[1], out[2], out[3] = end, _GENERIC, _FACILITY
            return
    if things and _in(t, _S_SPACE, c):
        end = _match(t, _P_SPACE, text, at, size, stack, mark)
        if end >= 0:
            out[1], out[2], out[3] = end, _GENERIC, _ROOM
            return
    if _numbered(t, text, at, size, stack, mark, out):
        return
    if after_road and _in(t, _S_JOINS, c) and _match(t, _P_JOINS, text, at, size, stack, mark) >= 0:
        out[1], out[2], out[3] = at + 1, _SEP, _NONE
        return
    if _in(t, _S_LEAD, c):
        end = _match(t, _P_LEAD, text, at, size, stack, mark)
        if end >= 0:
            out[1], out[2], out[3] = end, _SEP, _NONE
            return
    if _in(t, _S_RELATION, c):
        end = _match(t, _P_RELATION, text, at, size, stack, mark)
        if end >= 0:
            out[1], out[2], out[3] = end, _RELATION, _NONE
            return
    if brackets:
        end = _match(t, _P_BRANCH, text, at, size, stack, mark)
        if end >= 0:
            out[1], out[2], out[3] = end, _GENERIC, _POI
            return
    end = _match(t, _P_DIGIT_NAME, text, at, size, stack, mark)
    if end >= 0:
        out[1], out[2], out[3] = end, _GENERIC, _COMPOUND
        return
    _unknown(t, text, at, size, things, scope, known, stack, mark, out)
    if out[3] == NUMBERED:
        out[3] = _ROAD
