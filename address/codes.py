"""The zoned code of address nodes, with its check character.

``AAAAAA TTT CCC | SSSS | BBBBB | UU FFF RRRR | K``: division, town, community, road or courtyard, door or
building, unit, floor, room, check character. Parts a node does not have are zeros, so the parts in front of the zeros
are those of its ancestors. Order and widths stand in ``data/code_parts.csv``.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from address.grammar import core_of
from address.lexicon import divisions, towns_of
from address.normalise import read_table

__all__ = [
    "SCHEME", "WANTS", "Official", "Parts", "check_characters", "is_code", "serial_text", "serials_wanted",
    "split_code", "zoned_codes",
]  # fmt: skip

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Official = Mapping[tuple[str, str], str]

SCHEME: Final = "citytwin-2026"
"""Edition of the zoned code."""

WANTS: Final = pa.schema(
    [
        ("node_id", pa.string()),
        ("scope", pa.string()),
        ("part", pa.string()),
        ("sort_key", pa.string()),
    ]
)
"""A node that needs a serial: unique within the scope (a node) and the part."""

_DIGITS: Final = re.compile(r"\d+")
_PLAIN: Final = re.compile(r"-?\d{1,4}")
_ALPHABET: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)
_LOCAL_TOWN: Final = 900
_LOCAL_COMMUNITY: Final = 900
_GROUND: Final = 500
_PART_OF: Final = {
    "street": "T", "community": "C", "group": "S", "village": "S", "road": "S", "number": "B",
    "compound": "B", "phase": "B", "building": "B", "poi": "B", "unit": "U", "floor": "F",
    "room": "R",
}  # fmt: skip


@cache
def widths() -> Mapping[str, int]:
    """Characters of each part, widest part first."""
    return {row["part"]: int(row["width"]) for row in read_table("code_parts.csv")}


class Parts(NamedTuple):
    """A zoned code taken apart."""

    division: str
    town: str
    community: str
    road: str
    building: str
    unit: str
    floor: str
    room: str
    check: str


def split_code(code: str) -> Parts | None:
    """Parts of a zoned code; None where it is none, or its check character is wrong.

    Examples
    --------
    >>> code = "42010000100000120000301513130" + "1"
    >>> split_code(code + chr(check_characters([code])[0])).floor
    '513'
    """
    text = re.sub(r"[\s|-]", "", code).upper()
    if not is_code(text):
        return None
    at, out = 0, []
    for width in (*widths().values(), 1):
        out.append(text[at : at + width])
        at += width
    return Parts._make(out)


def is_code(text: str) -> bool:
    """Whether a text is a zoned code with a right check character."""
    length = sum(widths().values())
    if len(text) != length + 1 or not re.fullmatch(r"[0-9A-Z]+", text):
        return False
    return chr(check_characters([text[:-1]])[0]) == text[-1]


def check_characters(codes: "list[str] | Bytes") -> Bytes:
    """Check characters (ISO/IEC 7064 MOD 37,36) of codes of one length.

    Parameters
    ----------
    codes : list of str, or ndarray of uint8, shape (n, m)
        Digits and capital letters, ASCII.

    Returns
    -------
    ndarray of uint8, shape (n,)

    Examples
    --------
    >>> bytes(check_characters(["A12425GABC1234002"])).decode()
    'M'
    """
    matrix = _letters(codes, len(codes[0])) if isinstance(codes, list) and codes else codes
    if isinstance(matrix, list):
        return np.zeros(0, np.uint8)
    values = np.where(matrix < 65, matrix - 48, matrix - 55).astype(np.int64)
    carry = np.full(len(matrix), 36)
    for column in values.T:
        carry = (carry + column) % 36
        carry[carry == 0] = 36
        carry = carry * 2 % 37
    return np.asarray(_ALPHABET[(37 - carry) % 36])


def serial_text(value: int, width: int) -> str:
    """A serial in a part: digits while they last, then numbers that begin with a letter.

    Examples
    --------
    >>> serial_text(7, 2), serial_text(99, 2), serial_text(100, 2), serial_text(136, 2)
    ('07', '99', 'A0', 'B0')

    Raises
    ------
    OverflowError
        If the part cannot hold it.
    """
    if value < 10**width:
        return str(value).zfill(width)
    rest = value - 10**width + 10 * 36 ** (width - 1)
    if rest >= 36**width:
        raise OverflowError(f"{value} does not fit into {width} characters")
    out = ""
    for _ in range(width):
        rest, digit = divmod(rest, 36)
        out = chr(_ALPHABET[digit]) + out
    return out


class _Tree:
    """Nodes as columns, walked in layers: the roots, then their children, and so on."""

    def __init__(self, nodes: pa.Table) -> None:
        self.ids = _one(nodes["node_id"])
        parents = pc.fill_null(pc.index_in(_one(nodes["parent_id"]), value_set=self.ids), -1)
        self.parent: Ints = parents.to_numpy(zero_copy_only=False).astype(np.int64)
        levels = _one(nodes["level"]).dictionary_encode()
        self.level_names: list[str] = levels.dictionary.to_pylist()
        self.level: Ints = levels.indices.to_numpy().astype(np.int64)
        self.names = _one(nodes["name"])
        self.layers = self._layers()
        self.standing: list[tuple[int, str | None]] = []
        if "asked" in nodes.column_names:
            asked, codes = nodes["asked"].to_pylist(), nodes["code"].to_pylist()
            self.standing = [(row, codes[row]) for row, one in enumerate(asked) if not one]

    def _layers(self) -> list[Ints]:
        """Rows by their distance from the root, shape (rows of the layer,) each."""
        depth = np.full(len(self.parent), -1, np.int64)
        order = np.argsort(self.parent, kind="stable")
        ups = self.parent[order]
        layers = [order[: int(np.searchsorted(ups, 0))]]
        while len(layers[-1]):
            depth[layers[-1]] = len(layers)
            layers.append(
                np.flatnonzero((self.parent >= 0) & (depth < 0) & (depth[self.parent] > 0))
            )
        return layers[:-1]

    def of(self, told: Mapping[str, int], other: int) -> Ints:
        """A value for each node by its level."""
        values = np.array([told.get(name, other) for name in self.level_names] or [other], np.int64)
        return np.asarray(values[self.level])

    def pick(self, rows: Ints) -> list[tuple[int, str, str]]:
        """Row, level and name of some nodes."""
        names = self.names.take(pa.array(rows)).to_pylist()
        levels = [self.level_names[i] for i in self.level[rows].tolist()]
        return list(zip(rows.tolist(), levels, names, strict=True))


_DIVISION, _T, _C, _S, _B, _U, _F, _R = range(8)
_NUMBER_OF: Final = {part: number for number, part in enumerate("TCSBUFR", 1)}
_OWN_PART: Final = {level: _NUMBER_OF[part] for level, part in _PART_OF.items()}


def _places(tree: _Tree) -> tuple[Ints, Ints]:
    """Number of each node's own part (0: none), and the row that is its scope (-1: the whole base)."""
    part = tree.of(_OWN_PART, _DIVISION)
    yard = tree.of({"compound": 1}, 0) == 1
    scope, road, area = (np.full(len(part), -1, np.int64) for _ in range(3))
    for rows in tree.layers:
        up = tree.parent[rows]
        at, around = np.where(up >= 0, road[up], -1), np.where(up >= 0, area[up], -1)
        own = np.where((part[rows] == _B) & (at < 0) & yard[rows], _S, part[rows])
        part[rows] = own  # a courtyard of its own is like a road
        scope[rows] = np.where(own >= _U, up, np.where((own == _B) & (at >= 0), at, around))
        road[rows] = np.where(own == _S, rows, at)
        area[rows] = np.where(own <= _C, rows, around)
    return part, scope


def _words(tree: _Tree, part: Ints) -> tuple[Ints, list[str], list[int]]:
    """Each pair of part's level and name once: pair of every node, its sort key, its own number (-1: none)."""
    names = tree.names.dictionary_encode()
    many = max(1, len(names.dictionary))
    pairs, of_row = np.unique(
        tree.level * many + names.indices.to_numpy().astype(np.int64), return_inverse=True
    )
    own = np.zeros(len(pairs), np.int64)
    own[of_row] = part
    keys, numbers = [], []
    texts = names.dictionary.to_pylist()
    for pair, number in zip(pairs.tolist(), own.tolist(), strict=True):
        core = core_of(tree.level_names[pair // many], texts[pair % many]) if number else ""
        keys.append(_DIGITS.sub(lambda m: m[0].zfill(8), core))
        numbers.append(_natural(number, core))
    return of_row, keys, numbers


def _given(tree: _Tree, part: Ints, divided: list[str | None], official: Official | None) -> Ints:
    """Digits of towns and communities that somebody else gave, -1 elsewhere; shape (n,)."""
    out = np.full(len(part), -1, np.int64)
    for row, level, name in tree.pick(np.flatnonzero(((part == _T) | (part == _C)) & _asked(tree))):
        found = _official("T" if part[row] == _T else "C", level, name, divided[row], official)
        if found is not None:
            out[row] = found
    return out


def serials_wanted(nodes: pa.Table, official: Official | None = None) -> pa.Table:
    """Nodes whose part of the code is a serial.

    Parameters
    ----------
    nodes : pyarrow.Table
        As for `zoned_codes`.
    official : mapping, optional
        See `zoned_codes`.

    Returns
    -------
    pyarrow.Table
        `WANTS`. Towns of the national table, numbered units, floors and rooms need none. ``sort_key`` puts 2 before 10.
    """
    tree = _Tree(nodes)
    part, scope = _places(tree)
    of_row, keys, numbers = _words(tree, part)
    given = _given(tree, part, _divisions(tree, ""), official)
    natural = np.array(numbers or [0], np.int64)[of_row]
    rows = np.flatnonzero((part > 0) & (given < 0) & (natural < 0) & _asked(tree))
    taken = pa.array(rows)
    above = pa.array(scope[rows], mask=scope[rows] < 0)
    letters = pa.array(["", *_NUMBER_OF])
    return pa.table(
        [
            tree.ids.take(taken),
            pc.fill_null(tree.ids.take(above), ""),
            letters.take(pa.array(part[rows])),
            pa.array(keys, pa.string()).take(pa.array(of_row[rows])),
        ],
        WANTS,
    )


def _natural(part: int, core: str) -> int:
    """Value of a part that is the number itself; -1 where a serial is needed."""
    if part < _U or not _PLAIN.fullmatch(core):
        return -1
    value = int(core) + (_GROUND if part == _F else 0)
    return value if 0 < value < 10 ** _width_list()[part] else -1


def _official(
    part: str, level: str, name: str, division: str | None, official: Official | None
) -> int | None:
    """Three digits of a town or community that somebody else gave: the base's own layers, the national table."""
    given = (official or {}).get((level, name)) if part in ("T", "C") else None
    if given is not None:
        return int(given[6:9] if part == "T" else given[9:12])
    if part != "T":
        return None
    for town in towns_of().get(division or "", ()):
        if town.name == name:
            return int(town.code[6:9])
    return None


def _divisions(tree: _Tree, admin_code: str) -> list[str | None]:
    """Six digits that hold for each node; those of the city where the table has not the one unknown county."""
    own = admin_code if re.fullmatch(r"\d{6}", admin_code) and admin_code != "000000" else None
    table: list[str | None] = [own]
    number = np.zeros(len(tree.parent), np.int64)  # into the table
    rank = tree.of({"province": 1, "city": 2, "county": 3}, 0)
    for row, code in tree.standing:
        table.append(None if code is None else code[:6])
        number[row] = len(table) - 1
    fresh = _asked(tree)
    rows = np.flatnonzero((rank > 0) & fresh)
    unknown: dict[str, int] = {}
    for row, level, name in tree.pick(rows[np.argsort(rank[rows], kind="stable")]):
        up = int(tree.parent[row])
        found = _division(level, name, table[number[up]] if up >= 0 else None)
        if found is None and own is not None and unknown.setdefault(level, row) == row:
            found = own[: {"province": 2, "city": 4, "county": 6}[level]].ljust(6, "0")
        table.append(found)
        number[row] = len(table) - 1
    for layer in tree.layers[1:]:
        below = layer[(rank[layer] == 0) & fresh[layer]]
        number[below] = number[tree.parent[below]]
    return [table[i] for i in number.tolist()]


@cache
def _by_name() -> Mapping[tuple[str, str], tuple[str, ...]]:
    table: dict[tuple[str, str], list[str]] = {}
    for division in divisions().values():
        table.setdefault((division.level, division.name), []).append(division.code)
    return {key: tuple(codes) for key, codes in table.items()}


def _division(level: str, name: str, above: str | None) -> str | None:
    """Code of a division by its name and what holds it; None where the table has none, or several."""
    prefix = "" if above is None else above[:2] if above.endswith("0000") else above[:4]
    if level == "city" and above is not None and prefix in ("11", "12", "31", "50"):
        return prefix + "0100"
    found = [c for c in _by_name().get((level, name), ()) if c.startswith(prefix)]
    if level == "county" and not found and above is not None:  # a municipality has 01 and 02
        found = [c for c in _by_name().get((level, name), ()) if c.startswith(above[:2])]
    if level == "city" and not found:
        found = [c[:4] + "00" for c in _by_name().get(("county", name), ()) if c.startswith(prefix)]
    return found[0] if len(found) == 1 else None


def zoned_codes(
    nodes: pa.Table, serials: pa.Table, admin_code: str, official: Official | None = None
) -> pa.StringArray:
    """Zoned code of every node.

    Parameters
    ----------
    nodes : pyarrow.Table
        ``node_id``, ``parent_id``, ``level``, ``name``; closed by parent. With ``asked`` (bool) and ``code`` only the
        asked nodes are coded: the codes of the others stand, and those below hang on them.
    serials : pyarrow.Table
        ``node_id``, ``serial`` (from 1) of the nodes of `serials_wanted`.
    admin_code : str
        Six digits of the city folder, for a county that the national table does not have.
    official : mapping, optional
        Level and name → the nine digits of a town, the twelve of a community, where a layer of the base has them.

    Returns
    -------
    pyarrow.StringArray, shape (n,)
        In the order of the nodes; null where no division is known.

    Raises
    ------
    OverflowError
        If a part cannot hold a serial.
    """
    tree = _Tree(nodes)
    part, _ = _places(tree)
    of_row, _, numbers = _words(tree, part)
    divided = _divisions(tree, admin_code)
    values = _values(tree, part, np.array(numbers or [0], np.int64)[of_row], serials)
    given = _given(tree, part, divided, official)
    values = np.where(given >= 0, given, values)
    tails = np.zeros((len(part), len(_NUMBER_OF) + 1), np.int64)
    column = np.arange(tails.shape[1])
    fresh = _asked(tree)
    for row, code in tree.standing:
        tails[row] = _tail(code)
    for layer in tree.layers:
        rows = layer[fresh[layer]]
        up = tree.parent[rows]
        above = np.where(up[:, None] >= 0, tails[up], 0)
        own = part[rows][:, None]
        kept = np.where((own == 0) | (column < own), above, 0)
        tails[rows] = np.where((column == own) & (own > 0), values[rows][:, None], kept)
    return _texts(divided, tails)


def _asked(tree: _Tree) -> npt.NDArray[np.bool_]:
    """Which nodes want a code, shape (n,)."""
    out = np.ones(len(tree.parent), bool)
    out[[row for row, _ in tree.standing]] = False
    return out


def _tail(code: str | None) -> list[int]:
    """Values of the parts of a code behind its division, as `_texts` writes them."""
    out, at = [0], 6
    for width in _width_list()[1:]:
        text = "0" if code is None else code[at : at + width]
        at += width
        letters = int(text, 36) - 10 * 36 ** (width - 1) + 10**width
        out.append(int(text) if text.isdigit() else letters)
    return out


def _values(tree: _Tree, part: Ints, natural: Ints, serials: pa.Table) -> Ints:
    """Value of each node's own part, shape (n,): its number, else a serial beyond the numbers."""
    at = pc.index_in(tree.ids, value_set=_one(serials["node_id"]))
    serial = pc.fill_null(_one(serials["serial"]).take(at), 0).to_numpy(zero_copy_only=False)
    beyond = [10**width - 1 if number >= _U else 0 for number, width in enumerate(_width_list())]
    beyond[_T], beyond[_C] = _LOCAL_TOWN, _LOCAL_COMMUNITY
    return np.where(natural >= 0, natural, np.array(beyond, np.int64)[part] + serial)


def _texts(divided: list[str | None], tails: Ints) -> pa.StringArray:
    """Codes with their check characters; null where there is no division."""
    known = np.array([division is not None for division in divided], bool)
    digits = [[division or "000000" for division in divided]]
    blocks = [_letters(digits[0], 6)]
    for number, width in enumerate(_width_list()):
        if number:
            values, of_row = np.unique(tails[:, number], return_inverse=True)
            texts = [serial_text(value, width) for value in values.tolist()]
            blocks.append(_letters(texts, width)[of_row])
    bare = np.hstack(blocks)
    whole = np.hstack([bare, check_characters(bare)[:, None]])
    size = whole.shape[1]
    offsets = np.arange(0, whole.size + 1, size, dtype=np.int32)
    codes = pa.StringArray.from_buffers(
        len(whole), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(whole))
    )
    return pc.if_else(pa.array(known), codes, pa.scalar(None, pa.string()))


def _letters(texts: list[str], width: int) -> Bytes:
    """ASCII of texts of one width, shape (n, width)."""
    return np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(-1, width)


@cache
def _width_list() -> tuple[int, ...]:
    """Widths by number of the part."""
    return tuple(widths().values())


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
