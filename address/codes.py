"""Codes of address nodes: the zoned code with its check character, and the coordinate code.

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
from address.model import RANK
from address.normalise import read_table

__all__ = [
    "SCHEME", "WANTS", "Parts", "check_characters", "coordinate_code", "is_code", "serial_text",
    "serials_wanted", "split_code", "zoned_codes",
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
    """
    matrix = (
        np.array([list(code.encode("ascii")) for code in codes], dtype=np.uint8)
        if isinstance(codes, list)
        else codes
    )
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
    """Rows of nodes with their parents, walked from the widest level to the narrowest."""

    def __init__(self, nodes: pa.Table) -> None:
        ids = nodes["node_id"].combine_chunks()
        self.ids = ids
        parents = pc.index_in(nodes["parent_id"].combine_chunks(), value_set=ids)
        self.parent: Ints = np.asarray(
            pc.fill_null(parents, -1).to_numpy(zero_copy_only=False), dtype=np.int64
        )
        self.levels: list[str] = nodes["level"].to_pylist()
        self.names: list[str] = nodes["name"].to_pylist()
        rank = np.array([RANK.get(level, 99) for level in self.levels], dtype=np.int64)
        self.order: list[int] = np.argsort(rank, kind="stable").tolist()


def _places(tree: _Tree) -> tuple[list[str | None], list[int]]:
    """Part of each node's own, and the row that is its scope (-1: the whole base)."""
    parts: list[str | None] = [None] * len(tree.levels)
    scope = [-1] * len(tree.levels)
    road, area = [-1] * len(tree.levels), [-1] * len(tree.levels)
    for row in tree.order:
        up = int(tree.parent[row])
        if up >= 0:
            road[row], area[row] = road[up], area[up]
        level = tree.levels[row]
        part = _PART_OF.get(level)
        if part == "B" and road[row] < 0 and level == "compound":
            part = "S"  # a courtyard of its own
        parts[row] = part
        if part in ("U", "F", "R"):
            scope[row] = up
        elif part == "B":
            scope[row] = road[row] if road[row] >= 0 else area[row]
        else:
            scope[row] = area[row]
        if part == "S":
            road[row] = row
        elif part in (None, "T", "C"):
            area[row] = row
    return parts, scope


def serials_wanted(nodes: pa.Table, official: Official | None = None) -> pa.Table:
    """Nodes whose part of the code is a serial.

    Parameters
    ----------
    nodes : pyarrow.Table
        ``node_id``, ``parent_id``, ``level``, ``name``.
    official : mapping, optional
        See `zoned_codes`.

    Returns
    -------
    pyarrow.Table
        `WANTS`. Towns of the national table, numbered units, floors and rooms need none. ``sort_key`` puts 2 before 10.
    """
    tree = _Tree(nodes)
    parts, scope = _places(tree)
    ids = tree.ids.to_pylist()
    divided = _divisions(tree, "")
    rows: list[tuple[str, str, str, str]] = []
    keys: dict[tuple[str, str], tuple[str, int | None]] = {}
    for row, part in enumerate(parts):
        if part is None:
            continue
        level, name = tree.levels[row], tree.names[row]
        if _official(part, level, name, divided[row], official) is not None:
            continue
        known = keys.get((level, name))
        if known is None:
            core = core_of(level, name)
            key = re.sub(r"\d+", lambda m: m[0].zfill(8), core)
            known = keys[level, name] = (key, _natural(part, core))
        if known[1] is None:
            rows.append((ids[row], ids[scope[row]] if scope[row] >= 0 else "", part, known[0]))
    columns = list(zip(*rows, strict=True)) or [()] * len(WANTS)
    return pa.table([pa.array(c, pa.string()) for c in columns], WANTS)


def _natural(part: str, core: str) -> int | None:
    """Value of a part that is the number itself; None where a serial is needed."""
    if part not in ("U", "F", "R") or not re.fullmatch(r"-?\d{1,4}", core):
        return None
    value = int(core) + (_GROUND if part == "F" else 0)
    return value if 0 < value < 10 ** widths()[part] else None


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
    out: list[str | None] = [None] * len(tree.levels)
    own = admin_code if re.fullmatch(r"\d{6}", admin_code) and admin_code != "000000" else None
    unknown: dict[str, int] = {}
    for row in tree.order:
        up = int(tree.parent[row])
        above = out[up] if up >= 0 else None
        level = tree.levels[row]
        if level not in ("province", "city", "county"):
            out[row] = above if up >= 0 else own
            continue
        found = _division(level, tree.names[row], above)
        if found is None and own is not None and unknown.setdefault(level, row) == row:
            found = own[: {"province": 2, "city": 4, "county": 6}[level]].ljust(6, "0")
        out[row] = found
    return out


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
    nodes: pa.Table, serials: Mapping[str, int], admin_code: str, official: Official | None = None
) -> list[str | None]:
    """Zoned code of every node.

    Parameters
    ----------
    nodes : pyarrow.Table
        ``node_id``, ``parent_id``, ``level``, ``name``; closed by parent.
    serials : mapping of str to int
        Node id → serial, from 1, for the nodes of `serials_wanted`.
    admin_code : str
        Six digits of the city folder, for a county that the national table does not have.
    official : mapping, optional
        Level and name → the nine digits of a town, the twelve of a community, where a layer of the base has them.

    Returns
    -------
    list of str or None
        In the order of the nodes; None where no division is known.
    """
    tree = _Tree(nodes)
    own, _ = _places(tree)
    divided = _divisions(tree, admin_code)
    ids = tree.ids.to_pylist()
    order = list(widths().items())
    zeros = tuple("0" * width for _, width in order[1:])
    at = {part: number for number, (part, _) in enumerate(order[1:])}
    tails: list[tuple[str, ...]] = [zeros] * len(ids)
    for row in tree.order:
        up = int(tree.parent[row])
        tail = tails[up] if up >= 0 else zeros
        part = own[row]
        if part is not None:
            given = _official(part, tree.levels[row], tree.names[row], divided[row], official)
            value = _value(tree, row, part, serials.get(ids[row])) if given is None else given
            place = at[part]
            tail = (*tail[:place], serial_text(value, widths()[part]), *zeros[place + 1 :])
        tails[row] = tail
    bare = [
        None if division is None else division + "".join(tail)
        for division, tail in zip(divided, tails, strict=True)
    ]
    whole = [code for code in bare if code is not None]
    checks = iter(check_characters(whole).tobytes().decode() if whole else "")
    return [None if code is None else code + next(checks) for code in bare]


def _value(tree: _Tree, row: int, part: str, serial: int | None) -> int:
    if part == "T":
        return _LOCAL_TOWN + (serial or 0)
    if part == "C":
        return _LOCAL_COMMUNITY + (serial or 0)
    natural = _natural(part, core_of(tree.levels[row], tree.names[row]))
    if natural is not None:
        return natural
    beyond = 10 ** widths()[part] - 1 if part in ("U", "F", "R") else 0
    return beyond + (serial or 0)


_BASE32: Final = np.frombuffer(b"0123456789bcdefghjkmnpqrstuvwxyz", dtype=np.uint8)


def coordinate_code(lon: float, lat: float, z: float | None = None) -> str:
    """Code of a place: ten characters of geohash (about 1 m), and its height in decimetres.

    Not the grid code of GB/T 39409, whose text was not at hand.

    Parameters
    ----------
    lon, lat : float
        Degrees, EPSG:4490.
    z : float, optional
        Metres above the ellipsoid.

    Examples
    --------
    >>> coordinate_code(-5.6, 42.6)[:5]          # the example of the geohash article
    'ezs42'
    >>> coordinate_code(114.08, 30.47, 45.9)[-6:]
    'H00459'
    """
    x = int((lon + 180.0) / 360.0 * (1 << 25))
    y = int((lat + 90.0) / 180.0 * (1 << 25))
    x, y = min(max(x, 0), (1 << 25) - 1), min(max(y, 0), (1 << 25) - 1)
    text = ""
    for group in range(10):
        digit = 0
        for bit in range(5):
            number = group * 5 + bit
            source = x if number % 2 == 0 else y
            digit = digit << 1 | (source >> (24 - number // 2)) & 1
        text += chr(_BASE32[digit])
    if z is None:
        return text
    height = round(z * 10)
    return f"{text}H{height:05d}" if height >= 0 else f"{text}H-{-height:04d}"
