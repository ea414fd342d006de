"""Tie room addresses to rooms of models, with evidence, never by guess."""

import re

import numpy as np
import pyarrow as pa

from address.bindings import (
    BINDINGS,
    AddressTree,
    bind_buildings,
    bindings_table,
    cores_of,
    floor_of_storey,
    one_to_one,
    text_column,
)
from address.grammar import core_of, implied_floor
from address.model import RANK

__all__ = ["BINDINGS", "bind_buildings", "bind_rooms", "numbers_in"]

_NUMBER = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{0,2})[-. ]?(\d{1,5})([A-Za-z]?)(?![A-Za-z0-9])")

_Found = tuple[int, str | None, str | None]
"""Row of a room node, core of its unit, core of its floor."""


def numbers_in(*texts: str | None) -> list[str]:
    """Cores of the room numbers that the name of a room may mean, likeliest first.

    Examples
    --------
    >>> numbers_in("A101"), numbers_in("Office 301", "会议室"), numbers_in("弱电间")
    (['A101'], ['OFFICE301', '301'], ['弱电间'])
    """
    out: list[str] = []
    for text in texts:
        if text is None or not text.strip():
            continue
        core = core_of("room", text)
        if not out or any(c.isdigit() for c in core):
            out.append(core)
        tokens = _NUMBER.findall(text)
        if len(tokens) == 1:
            out.append(core_of("room", "".join(tokens[0]).upper()))
        if any(c.isdigit() for c in out[-1]):
            break  # a further text speaks of the use
    return list(dict.fromkeys(out))


def bind_rooms(nodes: pa.Table, rooms: pa.Table) -> pa.Table:
    """Tie room addresses to rooms of models.

    Parameters
    ----------
    nodes : pyarrow.Table
        `twin.schema.ADDRESS_NODES`; a building node carries ``building_key`` or ``eid``.
    rooms : pyarrow.Table
        ``eid``; ``building_key`` or ``building_eid`` (which building); ``unit`` (单元, from its zone; null where the
        model has none); ``storey`` (its name, such as 12F), ``storey_number`` (by elevation, 1 at the ground);
        ``number`` (1203), ``label`` (a longer name, asked where the number has no digit). Columns may be absent.

    Returns
    -------
    pyarrow.Table
        `BINDINGS`: one row per room with a number. ``node_id`` is null where no address or more than one fits, or where
        the storey speaks against the only one and its number does not: then the evidence lists what was found. Score: 1
        with unit and floor agreeing, less 0.05 for each that one side leaves out, less 0.3 for a storey that
        gainsays a number which tells its floor.
    """
    tree = AddressTree(nodes)
    book = _room_book(tree)
    columns = [
        text_column(rooms, name, kind).to_pylist()
        for name, kind in (
            ("eid", pa.string()), ("building_key", pa.string()), ("building_eid", pa.string()),
            ("number", pa.string()), ("label", pa.string()), ("storey", pa.string()),
            ("storey_number", pa.int64()),
        )
    ]  # fmt: skip
    units = cores_of("unit", text_column(rooms, "unit", pa.string()))
    out: list[tuple[str | None, str, float, str]] = []
    for eid, key, owner, number, label, storey, order, unit in zip(*columns, units, strict=True):
        numbers = numbers_in(number, label)
        if eid is None or not numbers:
            continue
        found: list[_Found] = []
        for core in numbers:
            found = book.get((key or "", core)) or book.get((owner or "", core)) or []
            if found:
                break
        node, score, why = _decide(
            tree, found, unit, (storey, order), core if found else numbers[0]
        )
        out.append((node, eid, score, why))
    return one_to_one(bindings_table(out))


def _room_book(tree: AddressTree) -> dict[tuple[str, str], list[_Found]]:
    """Rooms by building key (or the building's entity) and number: row, unit, floor."""
    rows = np.flatnonzero(tree.rank == RANK["room"])
    building, unit, floor = (tree.ancestor(rows, level) for level in ("building", "unit", "floor"))
    names = tree.nodes["name"].combine_chunks()
    numbers = cores_of("room", names.take(pa.array(rows)))
    held = tree.nodes["building_key"].to_pylist()
    eids = tree.nodes["eid"].to_pylist()
    unit_cores = cores_of("unit", names.take(pa.array(np.maximum(unit, 0)))) if len(rows) else []
    floor_cores = cores_of("floor", names.take(pa.array(np.maximum(floor, 0)))) if len(rows) else []
    book: dict[tuple[str, str], list[_Found]] = {}
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
    tree: AddressTree,
    found: list[_Found],
    unit: str | None,
    storey: tuple[str | None, int | None],
    number: str,
) -> tuple[str | None, float, str]:
    """Node, score and evidence for one room."""
    if not found:
        return None, 0.0, f"no address has room {number} in this building"
    fits = [f for f in found if unit is None or f[1] is None or f[1] == unit]
    if not fits:
        return None, 0.0, f"room {number} exists, but not in unit {unit}"
    floor, named = floor_of_storey(*storey)
    if len(fits) > 1:
        same = [f for f in fits if floor is not None and f[2] == floor]
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
    there = node_floor or implied_floor(number)
    if floor is None or there is None or not floor.lstrip("-").isdigit():
        score -= 0.05
    elif floor == there:
        why.append(f"floor {floor}" if named else f"floor {floor} by elevation")
    else:
        said = f"storey {storey[0] or storey[1]} against floor {there}"
        if implied_floor(number) != there:
            return None, 0.0, f"room {number} exists, but {said}"
        score -= 0.3
        why.append(said)
    return str(tree.ids[row].as_py()), round(score, 3), ", ".join(why)
