"""Tie leaves of the address tree to buildings and rooms, with evidence, never by guess."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from address.grammar import core_of, implied_floor
from address.model import RANK

__all__ = ["BINDINGS", "bind_buildings", "bind_rooms"]

BINDINGS = pa.schema(
    [
        ("node_id", pa.string()),
        ("eid", pa.string()),
        ("score", pa.float64()),
        ("evidence", pa.string()),
    ]
)
"""A row without ``node_id`` was not bound; its evidence says why."""


def _cores(level: str, values: pa.ChunkedArray | pa.Array) -> list[str | None]:
    encoded = pc.dictionary_encode(
        values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    )
    cores = [
        core_of(level, str(v)) if v is not None and str(v).strip() else None
        for v in encoded.dictionary.to_pylist()
    ]
    return [None if i is None else cores[i] for i in encoded.indices.to_pylist()]


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), kind)
    return table[name].combine_chunks().cast(kind)


class _Tree:
    """Ancestors of leaves, by arrays."""

    def __init__(self, nodes: pa.Table) -> None:
        self.nodes = nodes.combine_chunks()
        ids = nodes["node_id"].combine_chunks()
        self.ids = ids
        parents = pc.fill_null(pc.index_in(nodes["parent_id"].combine_chunks(), value_set=ids), -1)
        self.parent = parents.to_numpy(zero_copy_only=False).astype(np.int64)
        levels = nodes["level"].combine_chunks().dictionary_encode()
        ranks = np.array([RANK.get(v, 0) for v in levels.dictionary.to_pylist()], dtype=np.int64)
        self.rank = ranks[levels.indices.to_numpy()] if len(nodes) else np.zeros(0, dtype=np.int64)

    def ancestor(
        self, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]", level: str
    ) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Ancestor of a level of each row, -1 where there is none."""
        at = rows.copy()
        for _ in range(len(RANK)):
            wrong = (at >= 0) & (self.rank[at] != RANK[level])
            if not wrong.any():
                break
            at = np.where(wrong, self.parent[at], at)
        return at


def bind_rooms(nodes: pa.Table, rooms: pa.Table) -> pa.Table:
    """Tie room addresses to rooms of models.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES`; a building node carries ``building_key`` or ``eid``.
    rooms : pyarrow.Table
        ``eid``; ``building_key`` or ``building_eid`` (which building); ``unit`` (单元, null where
        the
        model has none);
        ``storey`` (its name, such as 12F), ``number`` (1203); ``elevation`` (metres; not needed).
        Further columns are left alone.

    Returns
    -------
    pyarrow.Table
        `BINDINGS`: one row per room with a number. ``node_id`` is null where no address or more
        than one fits: then the
        evidence lists what was found. Score: 1 with unit and floor agreeing, less 0.05 for each
        that one side leaves out.
    """
    tree = _Tree(nodes)
    book = _room_book(tree)
    keys = _column(rooms, "building_key", pa.string()).to_pylist()
    owners = _column(rooms, "building_eid", pa.string()).to_pylist()
    eids = _column(rooms, "eid", pa.string()).to_pylist()
    units = _cores("unit", _column(rooms, "unit", pa.string()))
    numbers = _cores("room", _column(rooms, "number", pa.string()))
    storeys = _cores("floor", _column(rooms, "storey", pa.string()))
    out: list[tuple[str | None, str, float, str]] = []
    for eid, key, owner, unit, number, storey in zip(
        eids, keys, owners, units, numbers, storeys, strict=True
    ):
        if number is not None and eid is not None:
            found = book.get((key or "", number)) or book.get((owner or "", number)) or []
            node, score, why = _decide(tree, found, unit, storey, number)
            out.append((node, eid, score, why))
    return _one_to_one(_bindings(out))


def _bindings(rows: list[tuple[str | None, str, float, str]]) -> pa.Table:
    """Table of node, entity, score, evidence."""
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, BINDINGS, strict=True)], BINDINGS)


def _room_book(tree: _Tree) -> dict[tuple[str, str], list[tuple[int, str | None, str | None]]]:
    """Rooms by building key (or the building's entity) and number: row, unit, floor."""
    rows = np.flatnonzero(tree.rank == RANK["room"])
    building, unit, floor = (tree.ancestor(rows, level) for level in ("building", "unit", "floor"))
    names = tree.nodes["name"].combine_chunks()
    numbers = _cores("room", names.take(pa.array(rows)))
    held = tree.nodes["building_key"].to_pylist()
    eids = tree.nodes["eid"].to_pylist()
    unit_cores = _cores("unit", names.take(pa.array(np.maximum(unit, 0)))) if len(rows) else []
    floor_cores = _cores("floor", names.take(pa.array(np.maximum(floor, 0)))) if len(rows) else []
    book: dict[tuple[str, str], list[tuple[int, str | None, str | None]]] = {}
    for i, row in enumerate(rows.tolist()):
        entry = (
            row,
            unit_cores[i] if unit[i] >= 0 else None,
            floor_cores[i] if floor[i] >= 0 else None,
        )
        b = int(building[i])
        owners = {held[row], held[b] if b >= 0 else None, eids[b] if b >= 0 else None}
        for owner in owners - {None}:
            book.setdefault((str(owner), str(numbers[i])), []).append(entry)
    return book


def _decide(
    tree: _Tree,
    found: list[tuple[int, str | None, str | None]],
    unit: str | None,
    storey: str | None,
    number: str,
) -> tuple[str | None, float, str]:
    """Node, score and evidence for one room."""
    if not found:
        return None, 0.0, f"no address has room {number} in this building"
    fits = [f for f in found if unit is None or f[1] is None or f[1] == unit]
    if not fits:
        return None, 0.0, f"room {number} exists, but not in unit {unit}"
    if len(fits) > 1:
        same = [f for f in fits if storey is not None and f[2] == storey]
        fits = same if len(same) == 1 else fits
    if len(fits) > 1:
        names = tree.nodes["full"]
        listed = "; ".join(str(names[f[0]].as_py()) for f in fits[:4])
        return None, 0.0, f"{len(fits)} addresses fit: {listed}"
    row, node_unit, node_floor = fits[0]
    score, why = 1.0, ["building", f"number {number}"]
    if unit is not None and node_unit == unit:
        why.append(f"unit {unit}")
    elif unit is not None or node_unit is not None:
        score -= 0.05
        why.append("unit on one side only, number unique")
    floor = node_floor or implied_floor(number)
    storey_floor = storey if storey is not None and storey.lstrip("-").isdigit() else None
    if storey_floor is not None and floor is not None:
        if storey_floor == floor:
            why.append(f"floor {floor}")
        else:
            score -= 0.3
            why.append(f"storey {storey} against floor {floor}")
    else:
        score -= 0.05
    return str(tree.ids[row].as_py()), round(score, 3), ", ".join(why)


def _one_to_one(table: pa.Table) -> pa.Table:
    """Unbind nodes that several rooms claim."""
    claimed = (
        table.filter(pc.is_valid(table["node_id"]))
        .group_by("node_id")
        .aggregate([("eid", "count")])
    )
    twice = claimed.filter(pc.greater(claimed["eid_count"], 1))["node_id"]
    clash = pc.fill_null(pc.is_in(table["node_id"], value_set=twice.combine_chunks()), False)
    evidence = pc.if_else(
        clash,
        pc.binary_join_element_wise("several rooms claim this address", table["evidence"], ": "),
        table["evidence"],
    )
    return pa.table(
        {
            "node_id": pc.if_else(clash, pa.scalar(None, pa.string()), table["node_id"]),
            "eid": table["eid"],
            "score": pc.if_else(clash, 0.0, table["score"]),
            "evidence": evidence,
        }
    ).cast(BINDINGS)


def bind_buildings(nodes: pa.Table, buildings: pa.Table) -> pa.Table:
    """Tie building addresses to buildings of the base.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES`.
    buildings : pyarrow.Table
        ``eid``, ``building_key`` (楼栋编码, null
        where unknown), ``name`` (临江花园5号楼, null where
        unknown).

    Returns
    -------
    pyarrow.Table
        `BINDINGS`, one row per building that has a key or a name: by key (score 1), else by a name
        that ends exactly one
        building's standard address (score 0.8). Doors and compounds stand for a building only where
        its key says so.
    """
    tree = _Tree(nodes)
    held = tree.nodes["building_key"].to_pylist()
    order = {RANK["building"]: 0, RANK["number"]: 1, RANK["compound"]: 2, RANK["poi"]: 3}
    by_key: dict[str, list[tuple[int, int]]] = {}
    names: dict[str, list[int]] = {}
    for row, (key, rank) in enumerate(zip(held, tree.rank.tolist(), strict=True)):
        if key is not None and rank in order:
            by_key.setdefault(key, []).append((order[rank], row))
    for row in np.flatnonzero(tree.rank == RANK["building"]).tolist():
        for tail in _tails(tree, row):
            names.setdefault(tail, []).append(row)
    out: list[tuple[str | None, str, float, str]] = []
    columns = (
        _column(buildings, name, pa.string()).to_pylist()
        for name in ("eid", "building_key", "name")
    )
    for eid, key, name in zip(*columns, strict=True):
        if eid is None or (key is None and not name):
            continue
        found = sorted(by_key.get(key, [])) if key is not None else []
        best = [row for rank, row in found if rank == found[0][0]] if found else []
        how, score = f"building key {key}", 1.0
        if not best and name:
            best, how, score = names.get(_plain(name), []), f"name {name}", 0.8
        if len(best) == 1:
            out.append((str(tree.ids[best[0]].as_py()), eid, score, how))
        else:
            out.append((None, eid, 0.0, f"{how}: {len(best)} addresses fit"))
    return _one_to_one(_bindings(out))


def _plain(name: str) -> str:
    """Name with its building number in one spelling."""
    from address.standardise import standardise

    return standardise(name) or name


def _tails(tree: _Tree, row: int) -> Iterable[str]:
    """Ways a building is named without its road: compound and number."""
    names = tree.nodes["name"]
    own = str(names[row].as_py())
    parent = int(tree.parent[row])
    while parent >= 0 and tree.rank[parent] in (RANK["phase"], RANK["compound"]):
        own = str(names[parent].as_py()) + own
        yield _plain(own)
        parent = int(tree.parent[parent])
