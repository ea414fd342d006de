"""Addresses that the base's own things tell: of buildings with an address attribute, of storeys and rooms of their models."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from address.bind import numbers_in
from address.bindings import floor_of_storey, text_column
from address.chains import child_id
from address.grammar import core_of, display_of, implied_floor
from address.model import RANK, Match

__all__ = ["DERIVED", "derive_buildings", "derive_parts"]

DERIVED: Final = pa.schema(
    [
        ("node_id", pa.string()),
        ("parent_id", pa.string()),
        ("level", pa.string()),
        ("name", pa.string()),
        ("full", pa.string()),
        ("lon", pa.float64()),  # degrees, EPSG:4490
        ("lat", pa.float64()),
        (
            "eid",
            pa.string(),
        ),  # the building; null for what lies below, which is bound by its number afterwards
        ("evidence", pa.string()),
    ]
)
"""A node that the gazetteer does not have, parents before children; ``evidence`` says what told it."""

_DIVISIONS: Final = ("province", "city", "county", "street")
_BELOW: Final = ("road", "number", "compound", "phase", "building")
_NAMES_A_BUILDING: Final = ("building", "number", "compound", "poi")
_ROOM: Final = re.compile(r"[A-Z]{0,2}-?\d{1,5}[A-Z]?")
_SURE: Final = (".missing", ".omitted", ".kind", ".alias", ".renamed")
"""Kinds of faults with which an address attribute is still taken at its word."""

Row = dict[str, Any]


@dataclass
class _Growing:
    """Nodes that are there, and those that come."""

    known: dict[tuple[str | None, str, str], str] = field(default_factory=dict)
    full: dict[str, str] = field(default_factory=dict)
    units: set[str] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, nodes: pa.Table) -> "_Growing":
        out = cls()
        columns = (nodes[n].to_pylist() for n in ("node_id", "parent_id", "level", "name", "full"))
        for node, parent, level, name, full in zip(*columns, strict=True):
            out.full[node] = full
            if level in ("unit", "floor", "room", *_BELOW):
                out.known[parent, level, core_of(level, name)] = node
            if level == "unit":
                out.units.add(parent)
        return out

    def child(
        self, parent: str, level: str, core: str, evidence: str, **own: float | str | None
    ) -> str:
        """Id of a child, which comes into being where there is none."""
        found = self.known.get((parent, level, core))
        if found is not None:
            return found
        node, name = child_id(parent, level, core), display_of(level, core)
        self.known[parent, level, core] = node
        self.full[node] = self.full[parent] + name
        row = {"node_id": node, "parent_id": parent, "level": level, "name": name}
        self.rows.append({**row, "full": self.full[node], "evidence": evidence, **own})
        return node

    def table(self) -> pa.Table:
        """`DERIVED`."""
        return pa.Table.from_pylist(self.rows, schema=DERIVED)


def derive_buildings(
    nodes: pa.Table, buildings: pa.Table, match: Callable[[str], Match]
) -> tuple[pa.Table, list[Row], dict[str, str]]:
    """Addresses of buildings that no address names, from their own address attribute.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES`.
    buildings : pyarrow.Table
        ``eid``, ``address`` (null where it has none), ``lon``, ``lat`` (degrees), of buildings that are not bound.
    match : callable
        What answers texts.

    Returns
    -------
    pyarrow.Table
        `DERIVED`.
    list of dict
        Bindings (``node_id``, ``eid``, ``score``, ``evidence``) of buildings whose address the gazetteer has.
    dict
        Building → why it got no address.
    """
    growing, bound, refused = _Growing.of(nodes), [], {}
    taken = {eid for eid in nodes["eid"].to_pylist() if eid is not None}
    held = {
        n for n, e in zip(nodes["node_id"].to_pylist(), nodes["eid"].to_pylist(), strict=True) if e
    }
    for row in buildings.to_pylist():
        eid, text = row["eid"], (row["address"] or "").strip()
        if eid in taken:
            continue
        if not text:
            refused[eid] = "no address names it, and it has no address attribute"
            continue
        found = match(text)
        evidence = f"address attribute {text}"
        if found.status == "exact" and not _doubtful(found):
            if found.level not in _NAMES_A_BUILDING or found.node_id in held:
                refused[eid] = f"its address names a {found.level}, or what another building has"
                continue
            held.add(found.node_id or "")
            bound.append({"node_id": found.node_id, "eid": eid, "score": 0.9, "evidence": evidence})
            continue
        steps = _rest(found)
        if not steps:
            refused[eid] = f"its address does not fit the gazetteer ({found.status})"
            continue
        node = found.node_id or ""
        for level, core in steps[:-1]:
            node = growing.child(node, level, core, evidence)
        level, core = steps[-1]
        if (node, level, core) in growing.known:
            refused[eid] = "another building has its address"
            continue
        growing.child(node, level, core, evidence, lon=row["lon"], lat=row["lat"], eid=eid)
    return growing.table(), bound, refused


def _doubtful(found: Match) -> bool:
    """Whether the answer says something else than the text, in its names or in a division that it passes over."""
    if any(not fault.code.endswith(_SURE) for fault in found.faults):
        return True
    former = any(fault.code.endswith((".alias", ".renamed")) for fault in found.faults)
    divisions = [e.value for e in found.elements if e.level in _DIVISIONS]
    return not former and any(name not in (found.full or "") for name in divisions)


def _rest(found: Match) -> list[tuple[str, str]]:
    """Levels and cores of the text below what was found; empty where that is not sure."""
    if found.status != "partial" or found.node_id is None or _doubtful(found):
        return []
    rank = RANK.get(found.level or "", 99)
    below = [
        (e.level, core_of(e.level, e.value)) for e in found.elements if RANK.get(e.level, -1) > rank
    ]
    if not below or below[0][0] != found.missing or any(level not in _BELOW for level, _ in below):
        return []
    return below if below[-1][0] in _NAMES_A_BUILDING else []


def derive_parts(nodes: pa.Table, storeys: pa.Table, rooms: pa.Table) -> pa.Table:
    """Floors and rooms of models that the gazetteer does not have, below the address of their building.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES`; the building's node carries ``eid``.
    storeys : pyarrow.Table
        Storeys that no address names: ``building_eid``, ``name``, ``storey_number``.
    rooms : pyarrow.Table
        Rooms for which the building has no address: as `address.bind.bind_rooms` takes them.

    Returns
    -------
    pyarrow.Table
        `DERIVED`. Left out: rooms without a number, two of one number on one floor, and where the addresses of the
        building have units and the model has none.
    """
    growing = _Growing.of(nodes)
    owners: dict[str, list[str]] = {}
    columns = (nodes[n].to_pylist() for n in ("node_id", "eid", "level"))
    for node, eid, level in zip(*columns, strict=True):
        if eid is not None and level in _NAMES_A_BUILDING:
            owners.setdefault(eid, []).append(node)
    home = {eid: found[0] for eid, found in owners.items() if len(found) == 1}
    wanted: dict[tuple[str, str | None, str | None, str], list[str]] = {}
    for row in _plain(rooms):
        node, number = home.get(row["building_eid"] or ""), _number(row)
        unit = core_of("unit", row["unit"]) if row["unit"] else None
        if node is None or number is None or (unit is None and node in growing.units):
            continue
        floor = floor_of_storey(row["storey"], row["storey_number"])[0] or implied_floor(number)
        wanted.setdefault((node, unit, floor, number), []).append(str(row["storey"] or ""))
    for (node, unit, floor, number), told in wanted.items():
        if len(told) == 1:
            evidence = f"room {number} of the building's model" + (
                f", storey {told[0]}" if told[0] else ""
            )
            at = node if unit is None else growing.child(node, "unit", unit, evidence)
            at = at if floor is None else growing.child(at, "floor", floor, evidence)
            growing.child(at, "room", number, evidence)
    for row in _plain(storeys):
        node = home.get(row["building_eid"] or "")
        floor = floor_of_storey(row["name"], row["storey_number"])[0]
        if node is not None and floor is not None and node not in growing.units:
            growing.child(node, "floor", floor, f"storey {row['name']} of the building's model")
    return growing.table()


def _plain(things: pa.Table) -> list[Row]:
    kinds = {"storey_number": pa.int64()}
    names = ("building_eid", "unit", "storey", "storey_number", "number", "label", "name")
    table = pa.table({n: text_column(things, n, kinds.get(n, pa.string())) for n in names})
    plain: list[Row] = table.to_pylist()
    return plain


def _number(row: Row) -> str | None:
    """The number of a room; None where its names tell none."""
    told = numbers_in(row["number"], row["label"])
    return next((core for core in told if _ROOM.fullmatch(core)), None)
