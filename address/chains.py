"""Element chains of gazetteer rows, batch by batch, to one row per node."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from address.grammar import core_of, display_of, implied_floor
from address.model import LEVELS, RANK
from address.parse import split_fields

__all__ = ["FIELDS", "NODES", "child_id", "gather"]

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

NODES = pa.schema(
    [
        ("node_id", pa.uint64()),
        ("parent_id", pa.uint64()),  # null for a root
        ("level", pa.uint8()),
        ("name", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("z", pa.float64()),
        ("key", pa.string()),  # of the row that decides, "" where none
        ("building_key", pa.string()),
        ("status", pa.string()),
        ("own", pa.bool_()),  # that row ends here
    ]
)

UInts = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_ROW = 1_000_000


def _mix(parent: UInts, own: UInts) -> UInts:
    """Next link of the hash chain (splitmix64 finaliser), shape (n,)."""
    x = parent * np.uint64(0x9E3779B97F4A7C15) + own
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _tag(level: str, core: str) -> int:
    raw = hashlib.blake2b(f"{level}\x1f{core}".encode(), digest_size=8).digest()
    return int.from_bytes(raw, "big")


def child_id(parent: str | None, level: str, core: str) -> str:
    """Id a build gives a node; below a parent whose id is no hash it is one of that id.

    Examples
    --------
    >>> child_id(None, "province", "湖北省") == child_id(None, "province", "湖北省")
    True
    """
    try:
        above = int(parent, 16) if parent is not None and len(parent) == 16 else 0
    except ValueError:
        above = 0
    if above == 0 and parent is not None:
        above = _tag("", parent)
    link = _mix(np.array([above], np.uint64), np.array([_tag(level, core)], np.uint64))
    return f"{int(link[0]):016x}"


@dataclass
class _Column:
    """Element names of one level as numbers of distinct values, -1 for null."""

    codes: Ints
    values: list[str]

    @property
    def present(self) -> Bools:
        return self.codes >= 0


@dataclass
class _Spelling:
    """Standard spelling and hash of each written element, kept from batch to batch."""

    level: str
    shown: dict[str, tuple[str, int]] = field(default_factory=dict)

    def of(self, written: str) -> tuple[str, int]:
        known = self.shown.get(written)
        if known is None:
            core = core_of(self.level, written)
            bare = not any("\u4e00" <= c <= "\u9fff" for c in written)
            shown = display_of(self.level, core if bare else written)
            known = self.shown[written] = (shown, _tag(self.level, core))
        return known


def _column(array: pa.Array) -> _Column:
    """Distinct trimmed values; the empty text is null."""
    if pa.types.is_null(array.type) or array.null_count == len(array):
        return _Column(np.full(len(array), -1, np.int64), [])
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    table: list[int] = []
    values: dict[str, int] = {}
    for value in encoded.dictionary.to_pylist():
        text = str(value).strip()
        table.append(values.setdefault(text, len(values)) if text else -1)
    codes = encoded.indices.fill_null(len(table)).to_numpy(zero_copy_only=False)
    return _Column(np.array([*table, -1], np.int64)[codes], list(values))


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _columns(addresses: pa.Table) -> dict[str, _Column]:
    """Columns of the element chain; rows that only have ``full`` are cut by the parser."""
    columns = {level: _column(_array(addresses[name])) for name, level in FIELDS.items()}
    if "full" in addresses.column_names:
        bare = np.ones(len(addresses), bool)
        for column in columns.values():
            bare &= ~column.present
        if bare.any():
            _cut(columns, _column(_array(addresses["full"])), bare)
    columns["floor"] = _floors(columns["floor"], columns["room"])
    return columns


def _cut(columns: dict[str, _Column], full: _Column, bare: Bools) -> None:
    """Fill the columns of the bare rows from their whole string."""
    rows = np.flatnonzero(bare & full.present)
    parsed = {code: split_fields(full.values[code]) for code in set(full.codes[rows].tolist())}
    for level, column in columns.items():
        number = {value: code for code, value in enumerate(column.values)}
        for row in rows.tolist():
            value = parsed[int(full.codes[row])].get(level)
            if value is not None:
                column.codes[row] = number.setdefault(value, len(number))
        column.values = list(number)


def _floors(floor: _Column, room: _Column) -> _Column:
    """Floor of each row: as given, else told by the room number."""
    number = {value: code for code, value in enumerate(floor.values)}
    told = [implied_floor(core_of("room", value)) for value in room.values]
    table = [number.setdefault(t, len(number)) if t is not None else -1 for t in told]
    own = np.array([*table, -1], np.int64)[room.codes]
    return _Column(np.where(floor.present, floor.codes, own), list(number))


def _text(addresses: pa.Table, name: str, empty: str) -> pa.Array:
    if name not in addresses.column_names:
        return pa.array([empty]).take(pa.array(np.zeros(len(addresses), np.int64)))
    trimmed = pc.fill_null(pc.utf8_trim_whitespace(_array(addresses[name]).cast(pa.string())), "")
    return pc.if_else(pc.equal(trimmed, ""), empty, trimmed) if empty else trimmed


def _floats(addresses: pa.Table, name: str) -> npt.NDArray[np.float64]:
    if name not in addresses.column_names:
        return np.full(len(addresses), np.nan)
    column = _array(addresses[name]).cast(pa.float64())
    return np.asarray(column.fill_null(np.nan).to_numpy(zero_copy_only=False))


@njit(cache=True)
def _least(ids: UInts, rank: Ints, rows: Ints) -> Ints:
    """Row of the least rank for each distinct id, in order of first meeting; 0 is an id too."""
    size = 16
    while size < 2 * len(ids) + 2:
        size *= 2
    mask = np.uint64(size - 1)
    slots = np.full(size, -1, np.int64)
    best = np.empty(len(ids), np.int64)
    count = 0
    for k in range(len(ids)):
        at = ids[k] & mask
        while slots[at] >= 0 and ids[best[slots[at]]] != ids[k]:
            at = (at + np.uint64(1)) & mask
        if slots[at] < 0:
            slots[at] = count
            best[count] = k
            count += 1
        elif rank[k] < rank[best[slots[at]]]:
            best[slots[at]] = k
    return rows[best[:count]]


def _batch(addresses: pa.Table, spellings: dict[str, _Spelling]) -> pa.Table:
    """Nodes of one batch; the row with the least key decides name and place of each."""
    if "fault" in addresses.column_names:
        addresses = addresses.filter(pc.is_null(addresses["fault"]))
    columns = _columns(addresses)
    count = len(addresses)
    key, building = _text(addresses, "key", ""), _text(addresses, "building_key", "")
    status = _text(addresses, "status", "active")
    lon, lat, z = (_floats(addresses, name) for name in ("lon", "lat", "z"))
    deepest = np.zeros(count, np.int64)
    for level, column in columns.items():
        deepest = np.where(column.present, np.maximum(deepest, RANK[level]), deepest)
    by_key, by_building = _ranks(key), _ranks(building)
    places = [axis.view(np.int64) for axis in (lon, lat, z)]
    ending = _dense(by_key, *places, by_building, _ranks(status))
    passing = {False: by_key, True: _dense(by_key, by_building)}
    chain = np.zeros(count, np.uint64)
    tables = []
    for level in (name for name in LEVELS if name in columns):
        column = columns[level]
        rows = np.flatnonzero(column.present)
        if not len(rows):
            continue
        told = [spellings[level].of(value) for value in column.values]
        tags = np.array([tag for _, tag in told], np.uint64)
        codes = column.codes[rows]
        below = chain.copy()
        below[rows] = _mix(chain[rows], tags[codes])
        own = deepest[rows] == RANK[level]
        # a row that ends here before one that goes on, then by key and place, then by spelling
        deep = RANK[level] >= RANK["building"]
        name_rank = _ranks(pa.array([name for name, _ in told], pa.string()))[codes]
        weight = np.where(own, ending[rows], passing[deep][rows] + (1 << 30)) << 24
        weight += name_rank
        picked = _least(below[rows], weight, rows)
        mine = deepest[picked] == RANK[level]
        take = pa.array(picked)
        roots = chain[picked] == 0
        shown = pa.array([name for name, _ in told], pa.string())
        tables.append(
            pa.table(
                [
                    pa.array(below[picked]),
                    pa.array(chain[picked], mask=roots),
                    pa.array(np.full(len(picked), RANK[level], np.uint8)),
                    shown.take(pa.array(column.codes[picked])),
                    *(pa.array(np.where(mine, axis[picked], np.nan)) for axis in (lon, lat, z)),
                    key.take(take),
                    pc.if_else(pa.array(mine | deep), building.take(take), ""),
                    pc.if_else(pa.array(mine), status.take(take), "active"),
                    pa.array(mine),
                ],
                schema=NODES,
            )
        )
        # a road's parent is the street, so its rows pass the community by
        passes = columns["road"].present if level == "community" else np.zeros(count, bool)
        chain = np.where(passes, chain, below)
    return pa.concat_tables(tables) if tables else NODES.empty_table()


def _dense(*columns: Ints) -> Ints:
    """Dense rank of each row by the columns, the first counting most."""
    order = np.lexsort(columns[::-1])
    changes = np.zeros(len(order), bool)
    for column in columns:
        changes[1:] |= column[order[1:]] != column[order[:-1]]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.cumsum(changes)
    return rank


def _ranks(values: pa.Array) -> Ints:
    """Dense alphabetical rank of each text."""
    encoded = values.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[encoded.indices.to_numpy(zero_copy_only=False)])


def gather(batches: Iterable[pa.Table | pa.RecordBatch]) -> pa.Table:
    """Distinct nodes of a gazetteer that comes in batches.

    Parameters
    ----------
    batches : iterable of pyarrow.Table or RecordBatch
        As for `address.nodes.build_nodes`. How the rows are cut and ordered does not matter.

    Returns
    -------
    pyarrow.Table
        `NODES`, in no particular order.
    """
    spellings = {level: _Spelling(level) for level in FIELDS.values()}
    tables = [NODES.empty_table(), *(_batch(part, spellings) for part in _parts(batches))]
    return _merged(pa.concat_tables(tables), len(tables) > 2)


def _parts(batches: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of a size that is worked on at once."""
    for batch in batches:
        whole = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        for start in range(0, len(whole), _ROW):
            yield whole.slice(start, _ROW)


def _merged(nodes: pa.Table, several: bool) -> pa.Table:
    """One row per id: the same choice as within a batch."""
    if not several or not len(nodes):
        return nodes.combine_chunks()
    ids = nodes["node_id"].combine_chunks().to_numpy()
    order = np.argsort(ids, kind="stable")
    same = ids[order][1:] == ids[order][:-1]
    double = np.zeros(len(ids), bool)
    double[order[1:][same]] = True
    double[order[:-1][same]] = True
    rows = np.flatnonzero(double)
    part = nodes.take(pa.array(rows)).combine_chunks()
    texts = [_ranks(_array(part[name])) for name in ("name", "status", "building_key", "key")]
    axes = [part[name].to_numpy().view(np.int64) for name in ("z", "lat", "lon")]
    ends = part["own"].to_numpy()
    first = np.lexsort((texts[0], *texts[1:3], *axes, texts[3], ~ends, part["node_id"].to_numpy()))
    own = part["node_id"].to_numpy()[first]
    begins = np.ones(len(own), bool)
    begins[1:] = own[1:] != own[:-1]
    keep = ~double
    keep[rows[first[begins]]] = True
    return nodes.filter(pa.array(keep)).combine_chunks()
