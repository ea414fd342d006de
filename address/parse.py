"""Cut an address into its elements."""

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from address.divisions import admin_level, resolve
from address.levels import PLAIN, State, put_name, put_relation, put_token
from address.lexicon import Names
from address.made import CUT, making, note_made, pays
from address.model import RANK, Element
from address.normalise import Normalised, normalise
from address.romanised import romanised_elements
from address.segment import Piece, segment

__all__ = [
    "ELEMENTS",
    "elements_of",
    "elements_of_pieces",
    "parse",
    "parse_batch",
    "split_fields",
    "warm",
]

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_TENANT = re.compile(
    r"(?:公司|事务所|店|馆|行|中心|超市|诊所|药房|工作室|集团|厂|银行|学校|俱乐部|协会|部|院|站|社|家|坊|吧)$"
)


def parse(text: str, known: Names[int] | None = None) -> list[Element]:
    """Elements of an address.

    Parameters
    ----------
    text : str
        As people write it; only its first `address.normalise.MAX_CHARACTERS` characters are read.
    known : Names, optional
        Names of a gazetteer, which win over what only looks like a name.

    Returns
    -------
    list of Element
        In the order of the text; spans are of the given text. Values of divisions are their current
        official names.
        Nothing is invented: a level that is not written has no element.

    Examples
    --------
    >>> [(e.level, e.value) for e in parse("临江花园五栋2-1203")]
    [('compound', '临江花园'), ('building', '5'), ('unit', '2'), ('room', '1203')]
    """
    if known is None:
        told = _reader(text)
        if told is not None:
            return told
    return elements_of(normalise(text), known)


_LOOK = 64
"""After so many texts it is looked whether the compiled cut pays."""


def _seldom() -> Callable[[str], list[Element] | None]:
    """A reader that reads nothing; asked often, it makes room for the compiled cut."""
    asked = 0

    def read(_: str) -> list[Element] | None:
        nonlocal asked
        asked += 1
        if asked % _LOOK == 0 and pays(CUT, asked):
            warm()
        return None

    return read


def warm() -> None:
    """Load the compiled cut, for those who know that they will parse many texts."""
    global _reader
    from address.reading import read_elements  # numba: only for those who parse often

    _reader = read_elements
    with making(CUT):
        read_elements("路1号")
        note_made(CUT)


_reader: Callable[[str], list[Element] | None] = _seldom()


ELEMENTS = pa.list_(
    pa.struct(
        [
            ("level", pa.string()),
            ("text", pa.string()),
            ("value", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
        ]
    )
)
"""Type of a column of elements; see `address.model.Element`."""


def parse_batch(texts: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Elements of a column of addresses; equal texts are read once.

    Parameters
    ----------
    texts : pyarrow.Array or ChunkedArray of string
        As people write them; null is allowed.

    Returns
    -------
    pyarrow.Table
        ``elements`` (`ELEMENTS`), a row per text in the same order; null where the text is null.
    """
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    coded = column.cast(pa.string()).dictionary_encode()
    rows = [parse(text) for text in coded.dictionary.to_pylist()]
    flat = [element for row in rows for element in row]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    fields = [[getattr(e, field.name) for e in flat] for field in ELEMENTS.value_type]
    arrays = [
        pa.array(values, field.type)
        for values, field in zip(fields, ELEMENTS.value_type, strict=True)
    ]
    structs = pa.StructArray.from_arrays(arrays, fields=list(ELEMENTS.value_type))
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), structs)
    return pa.table({"elements": lists.take(coded.indices)})


def elements_of(source: Normalised, known: Names[int] | None = None) -> list[Element]:
    """Elements of a text that is already folded."""
    if known is None and _HAN.search(source.given) is None:
        spelled = romanised_elements(source.given)
        if spelled:
            return spelled
    return elements_of_pieces(source, segment(source.text, known))


def elements_of_pieces(source: Normalised, pieces: list[Piece]) -> list[Element]:
    """Elements of a text that is folded and cut."""
    pieces = _with_tenant(pieces, source.text)
    state = State(source)
    named = [p for p in pieces if p.kind == "admin"]
    names = resolve(named) if named else {}
    for piece, following in _with_next(pieces):
        start, end, kind, text, level, token = piece
        if token is not None:
            plain = PLAIN.get(token[2])
            if plain is not None and token[3] != "地下":
                state.put(plain, start, end, token[3])
            else:
                put_token(state, token, following)
        elif kind == "admin":
            level, value = names.get(start) or (admin_level(text), text)
            state.put(level, start, end, value)
        elif kind == "relation":
            put_relation(state, piece)
        else:
            put_name(state, piece, following)
    return state.elements


def _with_next(pieces: list[Piece]) -> list[tuple[Piece, Piece | None]]:
    """Each piece but the separators with the next one; behind a rest a division does not count."""
    out: list[tuple[Piece, Piece | None]] = []
    after: Piece | None = None
    named: Piece | None = None
    for piece in reversed(pieces):
        kind = piece[2]
        if kind == "sep":
            continue
        out.append((piece, named if kind == "rest" else after))
        after = piece
        if kind != "admin":
            named = piece
    out.reverse()
    return out


_WORDS = ("admin", "generic", "rest")


def _with_tenant(pieces: list[Piece], text: str) -> list[Piece]:
    """Words glued behind a room number that end like a firm are one piece: the tenant."""
    before = None
    for number, piece in enumerate(pieces):
        before, token = piece[5], before
        if token is None or piece[2] not in _WORDS:
            continue
        if token.kind != "room" and not (token.kind in ("bare", "chain") and number > 1):
            continue
        if piece.level in ("facility", "room", "street", "road", "compound"):
            continue
        end = next((p.start for p in pieces[number:] if p.kind in ("sep", "token")), len(text))
        if _TENANT.search(text[piece.start : end]):
            tail = [p for p in pieces[number:] if p.start >= end]
            whole = Piece(piece.start, end, "rest", text[piece.start : end], "tenant")
            return [*pieces[:number], whole, *tail]
    return pieces


def split_fields(text: str) -> dict[str, str]:
    """Columns of ADDRESSES told by a full address: level → text, the first of each level.

    Examples
    --------
    >>> split_fields("湖北省云梦泽市临江示范区江北街道临江大道35号临江花园5号楼2单元1203室")["room"]
    '1203室'
    """
    out: dict[str, str] = {}
    deepest = 0
    for element in parse(text):
        rank = RANK.get(element.level)
        if rank is not None and rank >= deepest and element.level not in out:
            out[element.level] = (
                element.value if element.level in ("province", "city", "county") else element.text
            )
            deepest = rank
    return out
