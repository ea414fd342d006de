"""Compiled `address.segment.segment` for texts that are read without a gazetteer.

The same steps in the same order; the patterns are the same ones, run by `address.kernel.patterns`.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.folding import fold_points
from address.kernel.naming import names_at
from address.kernel.patterns import CLASSES, HEAD, LONGEST, MARK, SHEET, SPENT, TEXT, in_set, run

__all__ = ["COLUMNS", "FLAGS", "KINDS", "NOT_MINE", "cut", "read"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

NOT_MINE = -1
PLACE, SAME, EQUAL = 1 << 12, 1 << 24, 1 << 25
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
        "letter_name", "letter_before", "road_heads", "division_heads")  # fmt: skip
(_S_SEPARATORS, _S_TOKEN, _S_JOINS, _S_FACILITY, _S_SPACE, _S_LEAD, _S_RELATION, _S_ROAD_LAST,
 _S_ALPHA, _S_ALNUM, _S_DIGITS, _S_THINGS, _S_HAN, _S_STEMS, _S_LETTER_NAME, _S_LETTER_BEFORE,
 _S_ROAD_HEADS, _S_DIVISIONS) = range(18)  # fmt: skip
FLAGS = {"street": 1, "full": 2, "last": 4, "exact": 8, "everywhere": 16, "common": 32,
         "province": 64, "county": 128, "city_word": 256, "county_word": 512}  # fmt: skip
(_F_STREET, _F_FULL, _F_LAST, _F_EXACT, _F_EVERYWHERE, _F_COMMON, _F_PROVINCE, _F_COUNTY,
 _F_CITY, _F_COUNTY_WORD) = (1 << k for k in range(10))  # fmt: skip
_DASH, _OPEN, _LAND, _BEAR, _STREET, _WAY = (ord(c) for c in "-(地负街路")
_L_STREET = 3  # level of a Division: province, city, county, street
_LONGEST_NAME = 32


_MANY = len(PATTERNS)
(_T_ENTRY, _T_NAME, _T_CHILD, _T_FLAGS, _T_SHORTER, _T_FIRST, _T_TOWN_FIRST, _T_TOWN_COUNTY,
 _T_LETTERS, _T_DIVISIONS, _T_PAIRS) = range(HEAD, HEAD + 11)  # fmt: skip
MORE = ("entry", "name", "child", "flags", "shorter", "first", "town_first", "town_county",
        "letters", "divisions", "pairs")  # fmt: skip
"""Tables behind those of the patterns, all int32.

``entry``: where each of `PATTERNS` begins. ``name``, ``child``: trees of the names of
divisions and of towns (`address.kernel.naming`). ``flags``, ``shorter`` (its number without 市,
or -1), ``first``: of each name. ``divisions``: of each division a name means its code, digits of
it, its stem, digits of that, level, whether towns hang on it, whether the name is its official
one, its first four digits. ``town_first``, ``town_county``: counties of each name of a town.
``pairs``: bits of the first two characters of the names (`pair_bit`). ``letters``: of each
character its province (two digits) and the number of its name, its city (six
digits) and the number of that. The sets are numbered as in `SETS`, then what each pattern begins
with.
"""
_MOST_NAMES = 24
_MOST_SCOPE = 256
_BEGINS = SHEET
"""Of each place, whether a name of a division begins there."""
_ENDS = _BEGINS + LONGEST + 1
"""Of each place, the end of the longest name written in full there, else 0."""
_NAMES = _ENDS + LONGEST + 1
_SCOPE = _NAMES + 12 * _MOST_NAMES
_OUT = _SCOPE + _MOST_SCOPE
"""The piece being read, as in `COLUMNS`."""
_ALL = _OUT + COLUMNS


@njit(cache=True, inline="always")
def _match(t: I32, s: I32, pattern: int, at: int, size: int) -> int:
    """End of a pattern at a place, or -1."""
    if at >= size or not in_set(t, s, _SETS + pattern, at):
        return np.int64(-1)
    return run(t, s, t[t[_T_ENTRY] + pattern], at, size)


_SETS = len(SETS)


@njit(cache=True, inline="always")
def _told(t: I32, division: int, what: int) -> int:
    """A column of a row of the divisions."""
    return np.int64(t[t[_T_DIVISIONS] + 8 * division + what])


@njit(cache=True, inline="always")
def _in(t: I32, s: I32, number: int, at: int) -> bool:
    """Whether the character at a place is in one of `SETS`."""
    return in_set(t, s, number, at)


@njit(cache=True, inline="always")
def _named(t: I32, e: I64, s: I32, root: int, at: int, size: int, row: int) -> int:
    """Names of divisions (root 0) or towns (1) at a place, to two rows of the sheet; how many."""
    return names_at(
        t, np.int64(t[_T_CHILD]), np.int64(t[_T_NAME]), e, root, s, TEXT + at, TEXT + size,
        _NAMES + row * _MOST_NAMES, _MOST_NAMES,
    )  # fmt: skip


@njit(cache=True, inline="always")
def _number(s: I32, row: int, k: int) -> int:
    """Number of the k-th name found."""
    return np.int64(s[_NAMES + row * _MOST_NAMES + k])


@njit(cache=True, inline="always")
def _end(s: I32, row: int, k: int) -> int:
    """Where the k-th name found ends in the text."""
    return np.int64(s[_NAMES + (row + 1) * _MOST_NAMES + k]) - TEXT


@njit(cache=True, inline="always")
def _first(t: I32, name: int) -> int:
    """First of the divisions a name means; the next name's ends them."""
    return np.int64(t[t[_T_FIRST] + name])


@njit(cache=True, inline="always")
def _flags(t: I32, name: int) -> int:
    return np.int64(t[t[_T_FLAGS] + name])


@njit(cache=True, inline="always")
def _put(s: I32, end: int, kind: int, level: int, number: int) -> None:
    """Note the piece that was found."""
    s[_OUT + 1], s[_OUT + 2], s[_OUT + 3], s[_OUT + 4] = end, kind, level, number


@njit(cache=True, inline="always")
def _begins_with(code: int, digits: int, stem: int, stem_digits: int) -> bool:
    """A code begins with the stem of another."""
    if stem_digits > digits:
        return False
    for _ in range(digits - stem_digits):
        code //= 10
    return code == stem


@njit(cache=True)
def _holds_any(t: I32, name: int, stem: int, stem_digits: int) -> bool:
    """One of a name's divisions has a code that begins so."""
    for d in range(_first(t, name), _first(t, name + 1)):
        if _begins_with(_told(t, d, 0), _told(t, d, 1), stem, stem_digits):
            return True
    return False


@njit(cache=True)
def _fits_scope(t: I32, s: I32, name: int, known: int) -> bool:
    for d in range(_first(t, name), _first(t, name + 1)):
        code, digits = _told(t, d, 0), _told(t, d, 1)
        stem, stem_digits = _told(t, d, 2), _told(t, d, 3)
        for k in range(known):
            o = s[_SCOPE + k]
            if _begins_with(code, digits, _told(t, o, 2), _told(t, o, 3)):
                return True
            if _begins_with(_told(t, o, 0), _told(t, o, 1), stem, stem_digits):
                return True
    return False


@njit(cache=True)
def _goes_on(t: I32, e: I64, s: I32, first: int, last: int, end: int, size: int) -> bool:
    """A division, or a town, of those of rows `first` to `last` follows."""
    n = _named(t, e, s, 0, end, size, 2)
    for k in range(n):
        for o in range(_first(t, _number(s, 2, k)), _first(t, _number(s, 2, k) + 1)):
            if _told(t, o, 4) != 2:
                continue
            for d in range(first, last):
                if _told(t, d, 4) != 2 and _begins_with(
                    _told(t, o, 0), _told(t, o, 1), _told(t, d, 2), _told(t, d, 3)
                ):
                    return True
    n = _named(t, e, s, 1, end, size, 2)
    for k in range(n):
        for r in range(
            t[t[_T_TOWN_FIRST] + _number(s, 2, k)], t[t[_T_TOWN_FIRST] + _number(s, 2, k) + 1]
        ):
            for d in range(first, last):
                if _told(t, d, 5) and _told(t, d, 0) == t[t[_T_TOWN_COUNTY] + r]:
                    return True
    return False


@njit(cache=True)
def _splits_better(t: I32, e: I64, s: I32, name: int, end: int, size: int) -> bool:
    """青岛市南区 is 青岛 and its 市南区."""
    n = _named(t, e, s, 0, end, size, 4)
    for k in range(n):
        for o in range(_first(t, _number(s, 4, k)), _first(t, _number(s, 4, k) + 1)):
            for d in range(_first(t, name), _first(t, name + 1)):
                if _same_city(t, o, d):
                    return False
    n = _named(t, e, s, 0, end - 1, size, 4)
    for k in range(n):
        for o in range(_first(t, _number(s, 4, k)), _first(t, _number(s, 4, k) + 1)):
            for d in range(_first(t, name), _first(t, name + 1)):
                if _same_city(t, o, d) and (
                    _told(t, o, 6) or _goes_on(t, e, s, o, o + 1, _end(s, 4, k), size)
                ):
                    return True
    return False


@njit(cache=True, inline="always")
def _same_city(t: I32, a: int, b: int) -> bool:
    """First four digits are the same."""
    return _told(t, a, 7) == _told(t, b, 7)


@njit(cache=True)
def _admin_at(
    t: I32, e: I64, s: I32, at: int, size: int, seen: bool, known: int
) -> tuple[int, int]:
    """Number and end of the division's name at a place, as `address.segment` finds it; -1: none."""
    if s[_BEGINS + at] == 0:
        return np.int64(-1), np.int64(-1)
    n = _named(t, e, s, 0, at, size, 0)
    for k in range(n - 1, -1, -1):
        name, end = _number(s, 0, k), _end(s, 0, k)
        flags = _flags(t, name)
        if flags & _F_STREET:
            if known and _fits_scope(t, s, name, known) and _match(t, s, _P_TRAP, end, size) < 0:
                return name, end
            continue
        full = flags & _F_FULL != 0
        blocked = not full and (
            _match(t, s, _P_TRAP, end, size) >= 0 or _match(t, s, _P_TOWN, end, size) >= 0
        )
        if not blocked and full and end - at == 2 and end < size:
            blocked = s[TEXT + end] == _STREET or s[TEXT + end] == _WAY
        if not blocked and _match(t, s, _P_ROAD, end, size) >= 0:
            blocked = s[_BEGINS + end] == 0
        if not blocked and not full and not known and not seen and flags & _F_COUNTY:
            blocked = _match(t, s, _P_GOES_ON, end, size) >= 0
        if flags & _F_EVERYWHERE and not (known and _fits_scope(t, s, name, known)):
            blocked = blocked or at > 0
        if blocked and not _goes_on(t, e, s, _first(t, name), _first(t, name + 1), end, size):
            continue
        if not full and seen and end - at == 2 and _match(t, s, _P_FOLLOWS, end, size) < 0:
            continue
        if not full and known and not _fits_scope(t, s, name, known):
            continue
        if t[t[_T_SHORTER] + name] >= 0 and _splits_better(t, e, s, name, end, size):
            return np.int64(t[t[_T_SHORTER] + name]), end - 1
        return name, end
    return np.int64(-1), np.int64(-1)


@njit(cache=True)
def _in_name(
    t: I32, e: I64, s: I32, name: int, end: int, size: int, known: int, admin: bool, fresh: bool
) -> bool:
    """A short name with no division before it that only begins an estate or a firm."""
    flags = _flags(t, name)
    if known or admin or (fresh and not flags & _F_COMMON):
        return False
    if flags & (_F_LAST | _F_EXACT) or end >= size or not _in(t, s, _S_ALNUM, end):
        return False
    return not _goes_on(t, e, s, _first(t, name), _first(t, name + 1), end, size)


@njit(cache=True, inline="always")
def _division(t: I32, e: I64, s: I32, at: int, size: int, known: int) -> bool:
    """A division written in full begins at a place."""
    if s[_ENDS + at] == 0:
        return False
    name, end = _admin_at(t, e, s, at, size, True, known)
    return name >= 0 and end == s[_ENDS + at]


@njit(cache=True)
def _begins(t: I32, e: I64, s: I32, at: int, inner: int, size: int) -> bool:
    """Something that is surely not part of a nameless run begins here."""
    c = s[TEXT + inner]
    may = not _in(t, s, _S_ALPHA, inner) or c < 128 or c == _LAND or c == _BEAR
    if not may and _in(t, s, _S_STEMS, inner) and inner + 1 < size:
        may = _in(t, s, _S_DIGITS, inner + 1)
    if may and _match(t, s, _P_TOKEN, inner, size) >= 0:
        return True
    if inner - at < 2:
        return False
    name, _ = _admin_at(t, e, s, inner, size, True, 0)
    return name >= 0 and _flags(t, name) & _F_COUNTY_WORD != 0


@njit(cache=True)
def _unknown(t: I32, e: I64, s: I32, at: int, size: int, things: bool, known: int) -> None:
    """A name nobody knows: by its last word, else up to the next thing that is known."""
    end = at
    while end < size and end < at + _LONGEST_NAME and _in(t, s, _S_HAN, end):
        end += 1
    if end == at:
        _put(s, at + 1, _REST, _NONE, -1)
        return
    foreign = _match(t, s, _P_FOREIGN, at, size)
    if foreign >= 0:
        _put(s, foreign, _REST, _NONE, -1)
        return
    limit, firm = end, False
    for i in range(at + 1, end):
        if _division(t, e, s, i, size, known):
            firm, limit = True, i
            break
        if i - at < 2:
            continue
        if (
            (_in(t, s, _S_ROAD_LAST, i - 1) and _match(t, s, _P_WHOLE, i, size) >= 0)
            or (things and _in(t, s, _S_FACILITY, i) and _match(t, s, _P_FACILITY, i, size) >= 0)
            or (_in(t, s, _S_RELATION, i) and _match(t, s, _P_RELATION, i, size) >= 0)
        ):
            limit = i
            break
    generic = _match(t, s, _P_GENERIC, at, limit)
    if generic < 0 and limit < end and not firm:
        generic = _match(t, s, _P_GENERIC, at, size)
    if generic >= 0:
        _put(s, generic, _GENERIC, s[MARK], -1)
        return
    for i in range(at + 1, limit):
        if _begins(t, e, s, at, i, size):
            limit = i
            break
    lone = limit - at == 1 and _match(t, s, _P_WHOLE, at, size) >= 0
    _put(s, limit, _SEP if lone else _REST, _NONE, -1)


@njit(cache=True)
def _numbered(t: I32, s: I32, at: int, size: int) -> bool:
    """A numbered part, or a road whose name is a number."""
    if not _in(t, s, _S_TOKEN, at):
        return False
    token = _match(t, s, _P_TOKEN, at, size)
    kind = s[MARK]
    if _in(t, s, _S_ROAD_HEADS, at):
        road = _match(t, s, _P_GENERIC, at, size)
        if road >= 0 and s[MARK] == NUMBERED and road >= token:
            _put(s, road, _GENERIC, _ROAD, -1)
            return True
    if token < 0:
        return False
    _put(s, token, TOKEN, _NONE, kind)
    return True


NUMBERED = 100
"""Mark of a road whose name is a number."""


@njit(cache=True)
def _new_division(t: I32, e: I64, s: I32, at: int, size: int, n: int, pieces: I32) -> bool:
    """A city or county that the tables do not have, after its province or city."""
    if n == 0:
        pattern, level = _P_NEW_FIRST, _CITY
    elif pieces[n - 1, 2] == ADMIN and _flags(t, pieces[n - 1, 4]) & _F_PROVINCE:
        pattern, level = _P_NEW_CITY, _CITY
    elif pieces[n - 1, 3] == _CITY and pieces[n - 1, 2] == _GENERIC:
        pattern, level = _P_NEW_COUNTY, _COUNTY
    else:
        return False
    end = _match(t, s, pattern, at, size)
    if end < 0:
        return False
    found = _named(t, e, s, 0, at, size, 6)
    for k in range(found):
        name = _number(s, 6, k)
        if _flags(t, name) & _F_LAST:
            return False
        if s[_BEGINS + _end(s, 6, k)]:
            return False
        if _goes_on(t, e, s, _first(t, name), _first(t, name + 1), _end(s, 6, k), size):
            return False
    _put(s, end, _GENERIC, level, -1)
    return True


@njit(cache=True)
def _begins_in(t: I32, e: I64, s: I32, code: int, at: int, size: int) -> bool:
    """A division of a city (four digits) begins at a place."""
    for k in range(_named(t, e, s, 0, at, size, 8)):
        if _holds_any(t, _number(s, 8, k), code, 4):
            return True
    return False


@njit(cache=True)
def _letter_province(t: I32, e: I64, s: I32, size: int) -> bool:
    """京朝阳…: the letter counts when a division of that province follows."""
    code = np.int64(t[t[_T_LETTERS] + 4 * s[TEXT + 0] + 0])
    first = _named(t, e, s, 0, 0, size, 10)
    closed = first > 0 and _in(t, s, _S_LETTER_BEFORE, _end(s, 10, first - 1) - 1)
    city = np.int64(t[t[_T_LETTERS] + 4 * s[TEXT + 1] + 2])
    if city // 10000 == code and not first and _begins_in(t, e, s, city // 100, 2, size):
        return True
    for k in range(_named(t, e, s, 0, 1, size, 10)):
        if first and (
            _end(s, 10, k) < 4 or not _in(t, s, _S_LETTER_NAME, _end(s, 10, k) - 1) or closed
        ):
            continue
        if _holds_any(t, _number(s, 10, k), code, 2):
            return True
    return False


@njit(cache=True)
def _other(
    t: I32, e: I64, s: I32, at: int, size: int, things: bool, brackets: bool, after_road: bool,
    known: int,
) -> None:  # fmt: skip
    """What is no division: a post, a number, a word between, a name."""
    if things and _in(t, s, _S_FACILITY, at):
        end = _match(t, s, _P_FACILITY, at, size)
        if end >= 0:
            _put(s, end, _GENERIC, _FACILITY, -1)
            return
    if things and _in(t, s, _S_SPACE, at):
        end = _match(t, s, _P_SPACE, at, size)
        if end >= 0:
            _put(s, end, _GENERIC, _ROOM, -1)
            return
    if _numbered(t, s, at, size):
        return
    if after_road and _in(t, s, _S_JOINS, at) and _match(t, s, _P_JOINS, at, size) >= 0:
        _put(s, at + 1, _SEP, _NONE, -1)
        return
    if _in(t, s, _S_LEAD, at):
        end = _match(t, s, _P_LEAD, at, size)
        if end >= 0:
            _put(s, end, _SEP, _NONE, -1)
            return
    if _in(t, s, _S_RELATION, at):
        end = _match(t, s, _P_RELATION, at, size)
        if end >= 0:
            _put(s, end, _RELATION, _NONE, -1)
            return
    if brackets:
        end = _match(t, s, _P_BRANCH, at, size)
        if end >= 0:
            _put(s, end, _GENERIC, _POI, -1)
            return
    end = _match(t, s, _P_DIGIT_NAME, at, size)
    if end >= 0:
        _put(s, end, _GENERIC, _COMPOUND, -1)
        return
    _unknown(t, e, s, at, size, things, known)
    if s[_OUT + 3] == NUMBERED:
        s[_OUT + 3] = _ROAD


@njit(cache=True)
def _letters(t: I32, e: I64, s: I32, size: int, pieces: I32) -> int:
    """Pieces of one letter for a province, and for its city, at the head of a text; how many."""
    letters = np.int64(t[_T_LETTERS])
    if size < 2 or not t[letters + 4 * s[TEXT]] or not _letter_province(t, e, s, size):
        return 0
    _keep(0, 0, 1, ADMIN, _PROVINCE, t[letters + 4 * s[TEXT] + 1], pieces)
    own = letters + 4 * s[TEXT + 1]
    city = np.int64(t[own + 2])
    if not city or s[_BEGINS + 1] or not _begins_in(t, e, s, city // 100, 2, size):
        return 1
    _keep(1, 1, 2, ADMIN, _CITY, t[own + 3], pieces)
    return 2


@njit(cache=True, inline="always")
def _keep(row: int, start: int, end: int, kind: int, level: int, number: int, pieces: I32) -> None:
    pieces[row, 0], pieces[row, 1], pieces[row, 2] = start, end, kind
    pieces[row, 3], pieces[row, 4] = level, number


@njit(cache=True, inline="always")
def _widen(t: I32, s: I32, name: int, known: int) -> int:
    """Add what a name means to the divisions named so far; how many they are."""
    for division in range(_first(t, name), min(_first(t, name + 1), _first(t, name) + 64)):
        if known < _MOST_SCOPE:
            s[_SCOPE + known] = division
        known += 1
    return known


PAIR_BITS = 1 << 19


@njit(cache=True, inline="always")
def pair_bit(first: int, second: int) -> int:
    """Bit of the first two characters of a name: most places are passed over at one look."""
    mixed = np.int64(first) * 0x9E3779B1 + np.int64(second) * 0x85EBCA77
    return (mixed >> 9) & (PAIR_BITS - 1)


@njit(cache=True)
def _prepare(t: I32, e: I64, s: I32, size: int) -> bool:
    """Classes of the characters, and where names of divisions begin; whether it can be read here."""
    s[SPENT] = 0
    for i in range(size):
        if not 0 < s[TEXT + i] < 0x10000:
            return False
        s[CLASSES + i] = t[t[1] + s[TEXT + i]]
    for i in range(size + 1):
        s[_BEGINS + i], s[_ENDS + i] = 0, 0
    for i in range(size):
        if i + 1 >= size or not _in(t, s, _S_DIVISIONS, i):
            continue
        bit = pair_bit(s[TEXT + i], s[TEXT + i + 1])
        if not (t[t[_T_PAIRS] + (bit >> 5)] >> (bit & 31)) & 1:
            continue
        found = _named(t, e, s, 0, i, size, 0)
        s[_BEGINS + i] = found > 0
        for k in range(found):
            end = _end(s, 0, k)
            if 3 <= end - i <= 11 and _flags(t, _number(s, 0, k)) & _F_CITY:
                s[_ENDS + i] = end
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
        How many; `NOT_MINE` where the reference must read it.
    """
    if size > LONGEST:
        return NOT_MINE
    s = np.empty(_ALL, np.int32)
    for i in range(size):
        s[TEXT + i] = np.int32(min(given[i], 0x10000))
    if not _prepare(t, e, s, size):
        return NOT_MINE
    things, brackets = False, False
    for i in range(size):
        brackets = brackets or s[TEXT + i] == _OPEN
        if not things and _in(t, s, _S_THINGS, i):
            things = _match(t, s, _P_THINGS, i, size) >= 0
    n = np.int64(_letters(t, e, s, size, pieces))
    at, known, seen, after_road, fresh = n, 0, False, False, True
    if n:
        known = _widen(t, s, np.int64(pieces[0, 4]), known)
    while at < size:
        if _in(t, s, _S_SEPARATORS, at) and (
            s[TEXT + at] != _DASH or _match(t, s, _P_TOKEN, at, size) < 0
        ):
            _put(s, at + 1, _SEP, _NONE, -1)
        elif not _new_division(t, e, s, at, size, n, pieces):
            name, end = _admin_at(t, e, s, at, size, seen, known)
            if name >= 0 and not _in_name(t, e, s, name, end, size, known, seen, fresh):
                _put(s, end, ADMIN, _NONE, name)
            else:
                _other(t, e, s, at, size, things, brackets, after_road, known)
        end, kind, level = np.int64(s[_OUT + 1]), s[_OUT + 2], s[_OUT + 3]
        _keep(n, at, end, kind, level, s[_OUT + 4], pieces)
        after_road, fresh = level == _ROAD, kind == _SEP
        if kind == ADMIN:
            seen = True
            known = _widen(t, s, np.int64(s[_OUT + 4]), known)
        if end <= at or s[SPENT] or known > _MOST_SCOPE:
            return NOT_MINE
        at = end
        n += 1
    return n


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
        How many pieces, plus `PLACE` times the length of the folded text, plus `SAME` where every
        character of it stands where it stood in the given one, plus `EQUAL` where nothing was
        folded; `NOT_MINE` where the reference must read it.
    """
    length = fold_points(given, size, fold, numeral, watch, folded, starts, ends)
    if length < 0:
        return NOT_MINE
    same, han = length == size, False
    equal = same
    for i in range(length):
        same = same and starts[i] == i and ends[i] == i + 1
        equal = equal and folded[i] == given[i]
        han = han or 0x4E00 <= folded[i] <= 0x9FA5
    if not han:
        return NOT_MINE
    n = cut(t, e, folded, length, pieces)
    if n < 0:
        return NOT_MINE
    return n + PLACE * length + (SAME if same else 0) + (EQUAL if equal else 0)
