"""The compiled cut over the tables of `address.segment`: for those who read many texts."""

import re
from collections.abc import Iterable
from functools import cache
from threading import local
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from address import grammar, last_words, segment
from address.grammar import Token
from address.kernel.cutting import cut, read
from address.kernel.folding import fold_table, numeral_table, watch_table
from address.kernel.naming import make_tries, rows_of
from address.kernel.patterns import LONGEST, Programs
from address.kernel.sheet import (
    ADMIN,
    COLUMNS,
    EQUAL,
    FIRM,
    FLAGS,
    KINDS,
    LEADING,
    LEVELS,
    MORE,
    NUMBERED,
    PAIR_BITS,
    PATTERNS,
    PLACE,
    SAME,
    SETS,
    TOKEN,
    pair_bit,
)
from address.levels import JOINS_WITH
from address.lexicon import (
    CITY_LETTERS,
    PROVINCE_LETTERS,
    Division,
    divisions,
    national_names,
    towns_of,
)
from address.normalise import MAX_CHARACTERS, Normalised, is_spelt_out
from address.segment import Piece

__all__ = [
    "Cut", "Row", "cut_of", "names_of", "piece_of", "pieces_from", "pieces_of", "read_pieces", "tables",
    "told_of",
]  # fmt: skip

Row = list[int]
"""A piece as the compiled cut has it (`address.kernel.sheet.COLUMNS`)."""

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]


def _patterns() -> dict[str, re.Pattern[str]]:
    return {
        "token": grammar.TOKEN,
        "generic": last_words.GENERIC,
        "trap": last_words.TRAP,
        "town_after": last_words.TOWN_AFTER,
        "road_after": last_words.ROAD_AFTER,
        "follows": last_words.FOLLOWS,
        "goes_on": last_words.NAME_GOES_ON,
        "new_city": last_words.NEW_CITY,
        "new_county": last_words.NEW_COUNTY,
        "new_city_first": last_words.NEW_CITY_FIRST,
        "joins": last_words.JOINS,
        "facility": last_words.FACILITY,
        "space": last_words.SPACE,
        "lead": last_words.LEAD,
        "relation": last_words.RELATION,
        "branch": last_words.BRANCH,
        "digit_name": last_words.DIGIT_NAME,
        "foreign": last_words.FOREIGN_NAME,
        "whole_word": last_words.WHOLE_WORD,
        "things": last_words.THINGS,
    }


def _sets() -> dict[str, Iterable[str]]:
    every = [chr(code) for code in range(0x10000)]
    digits = [c for c in every if c.isdigit()]
    return {
        "separators": ",()-~+&",
        "token_heads": grammar.TOKEN_HEADS,
        "joins": "与和及跟",
        "facility_heads": last_words.FACILITY_HEADS,
        "space_heads": last_words.SPACE_HEADS,
        "lead_heads": last_words.LEAD_HEADS,
        "relation_heads": last_words.RELATION_HEADS,
        "road_last": segment.ROAD_LAST,
        "alpha": [c for c in every if c.isalpha()],
        "alnum": [c for c in every if c.isalnum()],
        "digits": digits,
        "thing_heads": {word[0] for word in last_words.THINGS.pattern.split("|")},
        "han_run": [c for c in every if last_words.HAN_RUN.match(c)],
        "stems": "甲乙丙丁",
        "letter_name": "市区县州",
        "letter_before": "省市区县",
        "road_heads": [*digits, *"GSXY"],
        "division_heads": {name[0] for name in names_of()},
        "joins_with": JOINS_WITH,
    }


@cache
def tables() -> tuple[I32, I64]:
    """What the compiled cut needs; made once."""
    programs = Programs()
    kinds = {kind: number for number, kind in enumerate(grammar.TOKEN_KINDS)}
    levels = {kind: LEVELS.index(segment.LEVEL_OF.get(kind, kind)) for kind in last_words.KINDS}
    levels["numbered"] = NUMBERED
    marks = {"token": kinds, "generic": levels}
    patterns, sets = _patterns(), _sets()
    for name in SETS:
        programs.set_of(sets[name])
    for name in PATTERNS:
        programs.first_of(patterns[name])
    entry = [programs.add(patterns[name], marks.get(name)) for name in PATTERNS]
    nation, names = national_names(), names_of()
    numbers = {name: number for number, name in enumerate(names)}
    towns: dict[str, list[int]] = {}
    for county, listed in towns_of().items():
        for town in listed:
            towns.setdefault(town.name, []).append(int(county))
    edges, child, name_at, _ = make_tries(names, list(towns))
    first, rows = rows_of(nation.get(name) for name in names)
    town_first, town_rows = rows_of(towns.values())
    more = {
        "entry": entry,
        "name": name_at,
        "child": child,
        "flags": [_flags(name) for name in names],
        "shorter": [numbers.get(n[:-1], -1) if n[-1] == "市" else -1 for n in names],
        "first": first,
        "town_first": town_first,
        "town_county": town_rows,
        "letters": _letters(numbers),
        "divisions": [
            value
            for number, name in enumerate(names)
            for division in rows[first[number] : first[number + 1]]
            for value in _told(division, name)
        ],
        "pairs": _pairs(names),
    }
    table = programs.table(*(np.asarray(more[key], np.int32).reshape(-1) for key in MORE))
    return table, edges


def _pairs(names: Iterable[str]) -> I32:
    out = np.zeros(PAIR_BITS // 32, np.uint32)
    for name in names:
        bit = int(pair_bit.py_func(ord(name[0]), ord(name[1])))
        out[bit >> 5] |= np.uint32(1 << (bit & 31))
    return out.view(np.int32)


def _told(division: Division, name: str) -> tuple[int, ...]:
    code, stem = division.code, segment.stem_of(division.code)
    holds = division.level == "county" or code in segment.NO_COUNTIES
    level = ("province", "city", "county", "street").index(division.level)
    exact = division.name == name
    return int(code), len(code), int(stem), len(stem), level, holds, exact, int(code[:4])


@cache
def names_of() -> tuple[str, ...]:
    """Names of divisions by their number in the tables."""
    return tuple(national_names().entries)


def _flags(name: str) -> int:
    found = national_names().get(name)
    exact = any(division.name == name for division in found)
    last = name[-1] in "省市区县旗盟州"
    told = {
        "street": found[0].level == "street",
        "full": exact or (last and len(name) > 2) or name[-1] in "县市",
        "last": last,
        "exact": exact,
        "everywhere": name in segment.EVERYWHERE,
        "common": name in segment.COMMON_WORDS,
        "province": name in segment.PROVINCES,
        "county": found[0].level == "county",
        "city_word": name[-1] in "市区县",
        "county_word": name[-1] in "省市区县",
    }
    return sum(FLAGS[key] for key, is_so in told.items() if is_so)


def _letters(numbers: dict[str, int]) -> I32:
    out = np.zeros((0x10000, 4), np.int32)
    table = divisions()
    for letter, code in PROVINCE_LETTERS.items():
        out[ord(letter), :2] = int(code), numbers[table[code + "0000"].name]
    for letter, code in CITY_LETTERS.items():
        out[ord(letter), 2:] = int(code), numbers[table[code].name]
    return out


class _Room(local):
    """Arrays one thread works in."""

    def __init__(self) -> None:
        self.folded = np.empty(4 * MAX_CHARACTERS + 8, np.uint32)
        self.starts = np.empty(len(self.folded), np.int32)
        self.ends = np.empty(len(self.folded), np.int32)
        self.pieces = np.empty((LONGEST + 2, COLUMNS), np.int32)


_room = _Room()


@cache
def _all() -> tuple[I32, I64, U32, U8, U8]:
    return *tables(), fold_table(), numeral_table(), watch_table()


def read_pieces(text: str) -> tuple[Normalised, list[Piece]] | None:
    """A text folded and cut, as `address.normalise` and `address.segment` do it.

    Returns
    -------
    (Normalised, list of Piece) or None
        None where they must read it.
    """
    told = cut_of(text)
    if told is None:
        return None
    return told.source, pieces_from(told.source.text, told.rows[: told.size].tolist())


class Cut(NamedTuple):
    """A text folded and cut.

    Parameters
    ----------
    source : Normalised
    rows : ndarray of int32, shape (>= size, COLUMNS)
        The pieces. The next cut of this thread overwrites them.
    size : int
        How many they are.
    leading : int
        How many of them, at the head, have the level they show whatever follows.
    firm : bool
        Whether no words behind a room may belong together.
    """

    source: Normalised
    rows: I32
    size: int
    leading: int
    firm: bool


def cut_of(text: str) -> Cut | None:
    """As `read_pieces`; the pieces are still rows of `address.kernel.sheet.COLUMNS`."""
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS]
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    room = _room
    found = room.pieces
    count = read(*_all(), codes, len(codes), room.folded, room.starts, room.ends, found)
    if count < 0:
        return None
    length = count // PLACE % PLACE
    if count & EQUAL:
        source = Normalised(text, text)
    else:
        folded = room.folded[:length].tobytes().decode("utf-32-le")
        if count & SAME:
            source = Normalised(folded, text)
        else:
            starts, ends = room.starts[:length].tolist(), room.ends[:length].tolist()
            source = Normalised(folded, text, tuple(starts), tuple(ends))
    if source.text.count(",") > _MANY_COMMAS and is_spelt_out(text):
        return None
    return Cut(source, found, count % PLACE, count // LEADING, count & FIRM != 0)


def pieces_of(text: str) -> list[Piece] | None:
    """Pieces of a folded text as `address.segment.segment` cuts it; None where that must read it."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found = np.empty((len(codes) + 1, COLUMNS), np.int32)
    count = cut(*tables(), codes, len(codes), found)
    return None if count < 0 else pieces_from(text, found[: count % PLACE].tolist())


def pieces_from(text: str, rows: list[Row]) -> list[Piece]:
    """Pieces of a folded text from the rows of the compiled cut."""
    return [piece_of(text, row) for row in rows]


def piece_of(text: str, row: Row) -> Piece:
    """A piece from its row."""
    start, end, kind, level, number = row
    new = tuple.__new__
    if kind == TOKEN:
        token = new(Token, (start, end, *told_of(text, start, end, number)))
        return new(Piece, (start, end, "token", text[start:end], "", token))
    if kind == ADMIN:
        return new(Piece, (start, end, "admin", names_of()[number], LEVELS[level], None))
    return new(Piece, (start, end, KINDS[kind], text[start:end], LEVELS[level], None))


_TOKENS: dict[tuple[int, str], tuple[str, str, str]] = {}
_MOST_TOKENS = 50_000
_MANY_COMMAS = 8


def told_of(text: str, start: int, end: int, kind: int) -> tuple[str, str, str]:
    """Kind, value and last word of a numbered part, which its own characters tell."""
    key = kind, text[start:end]
    told = _TOKENS.get(key)
    if told is None:
        token = grammar.token_at(text, start)
        assert token is not None  # noqa: S101 (the cut has seen it)
        if len(_TOKENS) >= _MOST_TOKENS:
            _TOKENS.clear()
        told = _TOKENS[key] = token[2:]
    return told
