"""What ties address nodes to things has in common; buildings by their code or name, storeys and units by theirs."""

import re
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from address.grammar import core_of
from address.model import RANK

__all__ = [
    "BINDINGS", "AddressTree", "bind_buildings", "bind_parts", "bindings_table", "cores_of", "floor_of_storey", "one_to_one",
    "text_column",
]  # fmt: skip

BINDINGS = pa.schema(
    [
        ("node_id", pa.string()),
        ("eid", pa.string()),
        ("score", pa.float64()),
        ("evidence", pa.string()),
    ]
)
"""A row without ``node_id`` was not bound; its evidence says why."""


def cores_of(level: str, values: pa.ChunkedArray | pa.Array) -> list[str | None]:
    """Canonical core of each element of a column of names; None where there is none."""
    encoded = pc.dictionary_encode(
        values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    )
    cores = [
        core_of(level, str(v)) if v is not None and str(v).strip() else None
        for v in encoded.dictionary.to_pylist()
    ]
    return [None if i is None else cores[i] for i in encoded.indices.to_pylist()]


def text_column(table: pa.Table, name: str, kind: pa.DataType) -> pa.Array:
    """A column under its type, nulls where the table has none."""
    if name not in table.column_names:
        return pa.nulls(len(table), kind)
    return table[name].combine_chunks().cast(kind)


class AddressTree:
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


def bindings_table(rows: list[tuple[str | None, str, float, str]]) -> pa.Table:
    """Table of node, entity, score, evidence."""
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, BINDINGS, strict=True)], BINDINGS)


def one_to_one(table: pa.Table) -> pa.Table:
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
    tree = AddressTree(nodes)
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
        text_column(buildings, name, pa.string()).to_pylist()
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
    return one_to_one(bindings_table(out))


def _plain(name: str) -> str:
    """Name with its building number in one spelling."""
    from address.standardise import standardise

    return standardise(name) or name


def _tails(tree: AddressTree, row: int) -> Iterable[str]:
    """Ways a building is named without its road: compound and number."""
    names = tree.nodes["name"]
    own = str(names[row].as_py())
    parent = int(tree.parent[row])
    while parent >= 0 and tree.rank[parent] in (RANK["phase"], RANK["compound"]):
        own = str(names[parent].as_py()) + own
        yield _plain(own)
        parent = int(tree.parent[parent])


_LATIN_STOREY = re.compile(
    r"(?:level|floor|storey|story|etage|fl|lvl|l|f|标高)[\s_.-]*(-?\d{1,3})|(-?\d{1,3})[\s_.-]*(?:st|nd|rd|th)?[\s_.-]*(?:floor|storey|story|fl|f)",
    re.IGNORECASE,
)
_BASEMENT = re.compile(r"(?:b|ug|basement|地下|负)[\s_.-]*(\d{1,2})(?:[层楼f].*)?", re.IGNORECASE)


def floor_of_storey(name: str | None, order: int | None) -> tuple[str | None, bool]:
    """Core of the floor a storey of a model is, and whether its name says so.

    Parameters
    ----------
    name : str or None
        Of the storey: ``12F``, ``地下一层``, ``Level 2``, ``B1``.
    order : int or None
        Its number by elevation: 1 for the one at the ground, -1 for the first below.

    Examples
    --------
    >>> floor_of_storey("12F", 12), floor_of_storey("1st floor", 2), floor_of_storey("Level 2", None)
    (('12', True), ('2', False), ('2', True))
    >>> floor_of_storey("B1", -1), floor_of_storey("夹层", None)
    (('-1', True), ('夹', True))
    """
    if name is not None and name.strip():
        text = name.strip()
        below = _BASEMENT.fullmatch(text)
        if below is not None:
            return f"-{int(below[1])}", True
        core = core_of("floor", text)
        if re.fullmatch(r"-?\d{1,3}", core):
            return core, True
        latin = _LATIN_STOREY.fullmatch(text)
        if (
            latin is not None and order is None
        ):  # 1st floor is the second one in Europe: elevation knows
            return str(int(latin[1] or latin[2])), True
        if re.search(r"[层楼]$", text):
            return core, True
    return (None if order is None else str(order)), False


def bind_parts(nodes: pa.Table, parts: pa.Table, level: str) -> pa.Table:
    """Tie the floors or units of addresses to storeys or zones of models.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES`.
    parts : pyarrow.Table
        ``eid``; ``building_key`` or ``building_eid``; ``name``; ``storey_number`` (by elevation, may be absent).
    level : str
        ``floor`` or ``unit``.

    Returns
    -------
    pyarrow.Table
        `BINDINGS`. A storey of a building with several units is the floor of each of them.
    """
    tree = AddressTree(nodes)
    rows = np.flatnonzero(tree.rank == RANK[level])
    building = tree.ancestor(rows, "building")
    cores = cores_of(level, tree.nodes["name"].combine_chunks().take(pa.array(rows)))
    held, eids = tree.nodes["building_key"].to_pylist(), tree.nodes["eid"].to_pylist()
    book: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(rows.tolist()):
        b = int(building[i])
        for owner in {held[row], held[b] if b >= 0 else None, eids[b] if b >= 0 else None} - {None}:
            book.setdefault((str(owner), str(cores[i])), []).append(row)
    columns = [
        text_column(parts, name, kind).to_pylist()
        for name, kind in (
            ("eid", pa.string()), ("building_key", pa.string()), ("building_eid", pa.string()),
            ("name", pa.string()), ("storey_number", pa.int64()),
        )
    ]  # fmt: skip
    out: list[tuple[str | None, str, float, str]] = []
    for eid, key, owner, name, order in zip(*columns, strict=True):
        told = True
        core = core_of(level, name) if level == "unit" and name else None
        if level == "floor":
            core, told = floor_of_storey(name, order)
        if eid is None or core is None:
            continue
        found = book.get((key or "", core)) or book.get((owner or "", core)) or []
        how = f"building, {level} {core}" + ("" if told else " by elevation")
        if level == "unit" and len(found) > 1:
            out.append((None, eid, 0.0, f"{how}: {len(found)} addresses fit"))
            continue
        out += [(str(tree.ids[row].as_py()), eid, 1.0 if told else 0.9, how) for row in found]
        if not found:
            out.append((None, eid, 0.0, f"no address has {level} {core} in this building"))
    return one_to_one(bindings_table(out))
