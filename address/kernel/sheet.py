"""What the compiled cut works on: its tables, the sheet of one text, and how both are asked."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.grammar import TOKEN_KINDS
from address.kernel.naming import names_at
from address.kernel.patterns import HEAD, LONGEST, SHEET, TEXT, in_set, run

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

NOT_MINE = -1
PLACE, SAME, EQUAL, FIRM, LEADING = 1 << 12, 1 << 24, 1 << 25, 1 << 26, 1 << 27
"""What a number that tells of a cut is made of: see `address.kernel.cutting.read`."""
KINDS = ("sep", "admin", "generic", "rest", "token", "relation")
SEP, ADMIN, GENERIC, REST, TOKEN, RELATION = range(6)
LEVELS = ("", "province", "city", "county", "street", "community", "road", "compound", "poi",
          "devzone", "facility", "room")  # fmt: skip
NONE, PROVINCE, CITY, COUNTY, TOWN, ROAD, COMPOUND, POI, FACILITY, ROOM = (
    LEVELS.index(k) for k in ("", "province", "city", "county", "street", "road", "compound", "poi", "facility", "room")
)  # fmt: skip
T_ROOM, T_BARE, T_CHAIN = (TOKEN_KINDS.index(k) for k in ("room", "bare", "chain"))
COLUMNS = 5
"""Start, end, kind, level, and the number of the division's name or of the kind of numbered part.

A name whose level hardly anything around it changes has `SETTLED` there, all else -1.
"""
SETTLED = 0
PATTERNS = ("token", "generic", "trap", "town_after", "road_after", "follows", "goes_on", "new_city",
            "new_county", "new_city_first", "joins", "facility", "space", "lead", "relation",
            "branch", "digit_name", "foreign", "whole_word", "things")  # fmt: skip
(P_TOKEN, P_GENERIC, P_TRAP, P_TOWN, P_ROAD, P_FOLLOWS, P_GOES_ON, P_NEW_CITY, P_NEW_COUNTY,
 P_NEW_FIRST, P_JOINS, P_FACILITY, P_SPACE, P_LEAD, P_RELATION, P_BRANCH, P_DIGIT_NAME,
 P_FOREIGN, P_WHOLE, P_THINGS) = range(20)  # fmt: skip
SETS = ("separators", "token_heads", "joins", "facility_heads", "space_heads", "lead_heads",
        "relation_heads", "road_last", "alpha", "alnum", "digits", "thing_heads", "han_run", "stems",
        "letter_name", "letter_before", "road_heads", "division_heads", "joins_with")  # fmt: skip
(S_SEPARATORS, S_TOKEN, S_JOINS, S_FACILITY, S_SPACE, S_LEAD, S_RELATION, S_ROAD_LAST,
 S_ALPHA, S_ALNUM, S_DIGITS, S_THINGS, S_HAN, S_STEMS, S_LETTER_NAME, S_LETTER_BEFORE,
 S_ROAD_HEADS, S_DIVISIONS, S_JOINS_WITH) = range(19)  # fmt: skip
FLAGS = {"street": 1, "full": 2, "last": 4, "exact": 8, "everywhere": 16, "common": 32,
         "province": 64, "county": 128, "city_word": 256, "county_word": 512}  # fmt: skip
(F_STREET, F_FULL, F_LAST, F_EXACT, F_EVERYWHERE, F_COMMON, F_PROVINCE, F_COUNTY,
 F_CITY, F_COUNTY_WORD) = (1 << k for k in range(10))  # fmt: skip
DASH, OPEN, LAND, BEAR, STREET, WAY, NEAR, FIELD = (ord(c) for c in "-(地负街路近场")
HALF, TOPMOST, FOREMOST, LOWEST, STOREY = (ord(c) for c in "夹顶首底层")
L_STREET = 3  # level of a Division: province, city, county, street
LONGEST_NAME = 32


MANY = len(PATTERNS)
(T_ENTRY, T_NAME, T_CHILD, T_FLAGS, T_SHORTER, T_FIRST, T_TOWN_FIRST, T_TOWN_COUNTY,
 T_LETTERS, T_DIVISIONS, T_PAIRS) = range(HEAD, HEAD + 11)  # fmt: skip
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
MOST_NAMES = 24
MOST_SCOPE = 256
BEGINS = SHEET
"""Of each place, whether a name of a division begins there."""
ENDS = BEGINS + LONGEST + 1
"""Of each place, the end of the longest name written in full there, else 0."""
NAMES = ENDS + LONGEST + 1
SCOPE = NAMES + 12 * MOST_NAMES
OUT = SCOPE + MOST_SCOPE
"""The piece being read, as in `COLUMNS`."""
ALL = OUT + COLUMNS


@njit(cache=True, inline="always")
def match(t: I32, s: I32, pattern: int, at: int, size: int) -> int:
    """End of a pattern at a place, or -1."""
    if at >= size or not in_set(t, s, FIRSTS + pattern, at):
        return np.int64(-1)
    return run(t, s, t[t[T_ENTRY] + pattern], at, size)


FIRSTS = len(SETS)


@njit(cache=True, inline="always")
def told(t: I32, division: int, what: int) -> int:
    """A column of a row of the divisions."""
    return np.int64(t[t[T_DIVISIONS] + 8 * division + what])


@njit(cache=True, inline="always")
def is_in(t: I32, s: I32, number: int, at: int) -> bool:
    """Whether the character at a place is in one of `SETS`."""
    return in_set(t, s, number, at)


@njit(cache=True, inline="always")
def named(t: I32, e: I64, s: I32, root: int, at: int, size: int, row: int) -> int:
    """Names of divisions (root 0) or towns (1) at a place, to two rows of the sheet; how many."""
    return names_at(
        t, np.int64(t[T_CHILD]), np.int64(t[T_NAME]), e, root, s, TEXT + at, TEXT + size,
        NAMES + row * MOST_NAMES, MOST_NAMES,
    )  # fmt: skip


@njit(cache=True, inline="always")
def number_of_name(s: I32, row: int, k: int) -> int:
    """Number of the k-th name found."""
    return np.int64(s[NAMES + row * MOST_NAMES + k])


@njit(cache=True, inline="always")
def end_of_name(s: I32, row: int, k: int) -> int:
    """Where the k-th name found ends in the text."""
    return np.int64(s[NAMES + (row + 1) * MOST_NAMES + k]) - TEXT


@njit(cache=True, inline="always")
def first_division(t: I32, name: int) -> int:
    """First of the divisions a name means; the next name's ends them."""
    return np.int64(t[t[T_FIRST] + name])


@njit(cache=True, inline="always")
def flags_of(t: I32, name: int) -> int:
    """Sum of `FLAGS` of a name."""
    return np.int64(t[t[T_FLAGS] + name])


@njit(cache=True, inline="always")
def put(s: I32, end: int, kind: int, level: int, number: int) -> None:
    """Note the piece that was found."""
    s[OUT + 1], s[OUT + 2], s[OUT + 3], s[OUT + 4] = end, kind, level, number


NUMBERED = 100
"""Mark of a road whose name is a number."""


PAIR_BITS = 1 << 19


@njit(cache=True, inline="always")
def pair_bit(first: int, second: int) -> int:
    """Bit of the first two characters of a name: most places are passed over at one look."""
    mixed = np.int64(first) * 0x9E3779B1 + np.int64(second) * 0x85EBCA77
    return (mixed >> 9) & (PAIR_BITS - 1)
