"""The address tree: one node for every element chain of a gazetteer."""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from address.grammar import core_of, display_of, implied_floor
from address.model import LEVELS
from address.parse import split_fields
from twin.schema import ADDRESS_NODES

__all__ = ["FIELDS", "build_nodes", "check_character"]

FIELDS = {
    "province": "province",
    "city": "city",
    "county": "county",
    "street": "street",
    "community": "community",
    "road": "road",
    "number": "number",
    "compound": "compound",
    "building": "building",
    "unit": "unit",
    "floor": "floor",
    "room": "room",
    "poi": "poi",
}
"""Level of each column of ADDRESSES."""

_PLACED = ("number", "compound", "building", "unit", "floor", "room", "poi")

UInts = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


def _mix(parent: UInts, own: UInts) -> UInts:
    """Next link of the hash chain (splitmix64 finaliser), shape (n,)."""
    x = parent * np.uint64(0x9E3779B97F4A7C15) + own
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _by_value(values: list[str | None], make: Callable[[str], str]) -> list[str | None]:
    return [make(value) if value is not None else None for value in values]


def _text(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    trimmed = pc.utf8_trim_whitespace(array.cast(pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _filled(addresses: pa.Table) -> dict[str, pa.Array]:
    """Columns of the element chain; rows that only have ``full`` are cut by the parser."""
    columns = {level: _text(addresses[column]) for column, level in FIELDS.items()}
    if "full" not in addresses.column_names:
        return columns
    bare = np.ones(len(addresses), dtype=bool)
    for column in columns.values():
        bare &= column.is_null().to_numpy(zero_copy_only=False)
    full = _text(addresses["full"])
    bare &= full.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(bare)
    if not len(rows):
        return columns
    parsed = [split_fields(text) for text in full.take(pa.array(rows)).to_pylist()]
    for level, column in columns.items():
        values = np.array(column.to_pylist(), dtype=object)
        values[rows] = [fields.get(level) for fields in parsed]
        columns[level] = pa.array(values.tolist(), pa.string())
    return columns


def _floors(columns: dict[str, pa.Array]) -> pa.Array:
    """Floor of each row: as given, else told by the room number."""
    rooms = columns["room"].dictionary_encode()
    implied = pa.array(
        _by_value(
            rooms.dictionary.to_pylist(), lambda room: implied_floor(core_of("room", room)) or ""
        ),
        pa.string(),
    )
    told = implied.take(rooms.indices)
    told = pc.if_else(pc.equal(told, ""), pa.scalar(None, pa.string()), told)
    return pc.coalesce(columns["floor"], told)


def build_nodes(addresses: pa.Table) -> pa.Table:
    """Address tree of a gazetteer, closed by parent.

    Parameters
    ----------
    addresses : pyarrow.Table
        Columns of `twin.schema.ADDRESSES` with ``lon`` and ``lat`` (degrees, EPSG:4490, null where
        unknown) added; rows
        with a ``fault`` are left out. The order of rows does not matter.

    Returns
    -------
    pyarrow.Table
        `twin.schema.ADDRESS_NODES`, sorted by level and id. ``node_id`` is a hash of the chain of
        canonical cores, so
        5栋 and 5号楼 are one node and an id survives rebuilding. A road stands below its street,
        not
        its community. A
        node has its own row's place; upper nodes from the building up get the mean of what lies
        below at match time.
    """
    if "fault" in addresses.column_names:
        addresses = addresses.filter(pc.is_null(addresses["fault"]))
    columns = _filled(addresses)
    columns["floor"] = _floors(columns)
    count = len(addresses)
    own = {
        name: _text(addresses[name])
        if name in addresses.column_names
        else pa.nulls(count, pa.string())
        for name in ("key", "building_key", "status")
    }
    place = {
        name: addresses[name].combine_chunks().cast(pa.float64())
        if name in addresses.column_names
        else pa.nulls(count, pa.float64())
        for name in ("lon", "lat", "z")
    }
    chain = np.zeros(count, dtype=np.uint64)
    full = pa.array([""] * count, pa.string())
    deepest = _deepest(columns, count)
    tables = []
    has_road = columns["road"].is_valid().to_numpy(zero_copy_only=False)
    for level in (name for name in LEVELS if name in columns):
        column = columns[level]
        present = column.is_valid().to_numpy(zero_copy_only=False)
        if not present.any():
            continue
        names, cores = _spelled(level, column)
        tag = np.array(
            [_hash(f"{level}\x1f{core}") for core in cores.dictionary.to_pylist()], dtype=np.uint64
        )
        codes = np.where(present, cores.indices.fill_null(0).to_numpy(zero_copy_only=False), 0)
        below = np.where(present, _mix(chain, tag[codes]), chain)
        longer = pc.if_else(pa.array(present), pc.binary_join_element_wise(full, names, ""), full)
        tables.append(
            _level_nodes(level, present, chain, below, names, longer, deepest, own, place)
        )
        if level == "community":  # a road's parent is the street
            chain = np.where(has_road, chain, below)
            full = pc.if_else(pa.array(has_road), full, longer)
        else:
            chain, full = below, longer
    if not tables:
        return ADDRESS_NODES.empty_table()
    return pa.concat_tables(tables).cast(ADDRESS_NODES)


def _deepest(columns: dict[str, pa.Array], count: int) -> npt.NDArray[np.int8]:
    """Number of the deepest level each row names."""
    deepest = np.full(count, -1, dtype=np.int8)
    for number, level in enumerate(LEVELS):
        if level in columns:
            deepest[columns[level].is_valid().to_numpy(zero_copy_only=False)] = number
    return deepest


def _spelled(level: str, column: pa.Array) -> tuple[pa.Array, pa.DictionaryArray]:
    """Standard spelling and canonical core of a column of element names."""
    encoded = column.dictionary_encode()
    written = encoded.dictionary.to_pylist()
    cores = [core_of(level, value) for value in written]
    shown = [
        display_of(level, value if not _is_bare(value) else core)
        for value, core in zip(written, cores, strict=True)
    ]
    names = pa.array(shown, pa.string()).take(encoded.indices)
    return names, pa.array(cores, pa.string()).take(encoded.indices).dictionary_encode()


def _is_bare(value: str) -> bool:
    """No Han character in it: 12, A, B1."""
    return not any("\u4e00" <= c <= "\u9fff" for c in value)


def _level_nodes(
    level: str,
    present: npt.NDArray[np.bool_],
    chain: UInts,
    below: UInts,
    names: pa.Array,
    full: pa.Array,
    deepest: npt.NDArray[np.int8],
    own: dict[str, pa.Array],
    place: dict[str, pa.Array],
) -> pa.Table:
    """Distinct nodes of one level; the row that ends here gives key and place (smallest key)."""
    rows = np.flatnonzero(present)
    is_own = deepest[rows] == LEVELS.index(level)
    take = pa.array(rows)
    keys = pc.fill_null(own["key"].take(take), "")
    order = np.lexsort((_ranks(full.take(take)), _ranks(keys), ~is_own, below[rows]))
    ids = below[rows][order]
    first = np.ones(len(ids), dtype=bool)
    first[1:] = ids[1:] != ids[:-1]
    picked, mine = rows[order][first], is_own[order][first]
    at, kept = pa.array(picked), pa.array(mine)

    def owned(column: pa.Array, kind: pa.DataType) -> pa.Array:
        return pc.if_else(kept, column.take(at), pa.scalar(None, kind))

    building = own["building_key"].take(at)
    if LEVELS.index(level) < LEVELS.index("building"):
        building = owned(own["building_key"], pa.string())
    roots = chain[picked] == 0
    return pa.table(
        {
            "node_id": _hex(below[picked]),
            "parent_id": pc.if_else(
                pa.array(roots), pa.scalar(None, pa.string()), _hex(chain[picked])
            ),
            "level": pa.array([level] * len(picked), pa.string()),
            "name": names.take(at),
            "full": full.take(at),
            "code": _codes(ids[first]),
            "lon": owned(place["lon"], pa.float64()),
            "lat": owned(place["lat"], pa.float64()),
            "z": owned(place["z"], pa.float64()),
            "eid": pa.nulls(len(picked), pa.string()),
            "key": owned(own["key"], pa.string()),
            "building_key": building,
            "status": pc.fill_null(owned(own["status"], pa.string()), "active"),
        }
    )


def _ranks(values: pa.Array) -> Ints:
    """Dense alphabetical rank of each string."""
    encoded = values.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[encoded.indices.to_numpy(zero_copy_only=False)])


def _hex(values: UInts) -> pa.Array:
    """16 hex digits of each value."""
    raw = np.ascontiguousarray(values.astype(">u8")).view(np.uint8)
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.empty(len(raw) * 2, dtype=np.uint8)
    text[0::2], text[1::2] = digits[raw >> 4], digits[raw & 15]
    offsets = np.arange(0, len(text) + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text))


_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)


def check_character(code: str) -> str:
    """Check character of ISO/IEC 7064 MOD 37,36 over digits and capital letters.

    Examples
    --------
    >>> check_character("A12425GABC1234002")
    'M'
    """
    carry = 36
    for character in code:
        carry = (carry + int(character, 36)) % 36 or 36
        carry = carry * 2 % 37
    value = (37 - carry) % 36
    return chr(_ALPHABET[value])


def _codes(ids: UInts) -> pa.Array:
    """Code of each node, null until a coding scheme is applied."""
    return pa.nulls(len(ids), pa.string())
