"""Elements straight from the rows of the compiled cut: what `address.parse` makes of pieces, without making them."""

from typing import Final

from address.cutting import Cut, Row, cut_of, names_of, piece_of, pieces_from, told_of
from address.divisions import admin_level, resolve_named
from address.grammar import TOKEN_KINDS, Token
from address.kernel.sheet import (
    ADMIN,
    COMPOUND,
    GENERIC,
    LEVELS,
    RELATION,
    REST,
    SEP,
    SETTLED,
    TOKEN,
)
from address.levels import PLAIN, State, put_name, put_relation, put_token
from address.model import Element
from address.parse import elements_of_pieces
from address.segment import Piece

__all__ = ["read_elements"]

_PLAIN: Final = tuple(PLAIN.get(kind) for kind in TOKEN_KINDS)
_ASKS_NEXT: Final = frozenset(TOKEN_KINDS.index(kind) for kind in ("hao", "lou", "bare"))

_Head = tuple[list[Element], dict[str, int]]
_HEADS: dict[tuple[str, bytes], _Head] = {}
"""Elements of the heads of texts, by what is written and its pieces: many addresses begin alike."""
_MOST_HEADS: Final = 20_000


def read_elements(text: str) -> list[Element] | None:
    """Elements of a text; None where `address.normalise` and `address.segment` must read it."""
    cut = cut_of(text)
    if cut is None:
        return None
    source, leading = cut.source, cut.leading
    if not cut.firm:
        return elements_of_pieces(source, pieces_from(source.text, cut.rows[: cut.size].tolist()))
    if leading and source.starts is None:
        rows = cut.rows[leading : cut.size].tolist()
        if all(row[2] != ADMIN for row in rows):  # divisions explain each other
            state = State(source)
            elements, has = _head_of(cut)
            state.elements, state.has = elements.copy(), has.copy()
            return _elements(state, rows)
    return _elements(State(source), cut.rows[: cut.size].tolist())


def _head_of(cut: Cut) -> _Head:
    """Elements of the pieces at the head, and the last of each level."""
    leading, text = cut.leading, cut.source.text
    key = text[: cut.rows[leading - 1, 1]], cut.rows[:leading].tobytes()
    found = _HEADS.get(key)
    if found is None:
        state = State(cut.source)
        _elements(state, cut.rows[:leading].tolist())
        if len(_HEADS) >= _MOST_HEADS:
            _HEADS.clear()
        found = _HEADS[key] = state.elements, state.has
    return found


def _elements(state: State, rows: list[Row]) -> list[Element]:
    text, names = state.text, names_of()
    put, has = state.put, state.has
    divisions = tuple([(names[row[4]], LEVELS[row[3]]) for row in rows if row[2] == ADMIN])
    named = iter(resolve_named(divisions) if divisions else ())
    for at, row in enumerate(rows):
        start, end, kind, level, number = row
        if kind == TOKEN:
            told, plain = told_of(text, start, end, number), _PLAIN[number]
            if plain is not None and told[1] != "地下":
                put(plain, start, end, told[1])
            else:
                following = _next(text, rows, at, False) if number in _ASKS_NEXT else None
                put_token(state, Token(start, end, *told), following)
        elif (
            kind == GENERIC
            and number == SETTLED
            and not (level == COMPOUND and ("building" in has or "floor" in has))
        ):  # where `put_name` changes nothing
            put(LEVELS[level], start, end, text[start:end])
        elif kind == ADMIN:
            wide, value = next(named) or (admin_level(names[number]), names[number])
            put(wide, start, end, value)
        elif kind == RELATION:
            put_relation(state, piece_of(text, row))
        elif kind != SEP:
            put_name(state, piece_of(text, row), _next(text, rows, at, kind == REST))
    return state.elements


def _next(text: str, rows: list[Row], at: int, past_divisions: bool) -> Piece | None:
    """The next piece but separators, for names nobody knows also but divisions."""
    for row in rows[at + 1 :]:
        if row[2] != SEP and not (past_divisions and row[2] == ADMIN):
            return piece_of(text, row)
    return None
