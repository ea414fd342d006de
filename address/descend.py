"""Follow the items of a query down the address tree."""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from address.grammar import implied_floor
from address.model import ADMIN_LEVELS, RANK, Fault
from address.query import Item, Items, Option

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["MAX_STEPS", "Way", "descend"]

_UNMATCHED = {
    "number": 3.0,
    "building": 3.0,
    "room": 3.0,
    "unit": 0.7,
    "floor": 0.7,
    "phase": 0.4,
    "group": 1.5,
}
_SKIP = {
    "number": {"group": 0.2, "village": 0.3},
    "compound": {"number": 0.3},
    "phase": {"compound": 0.1},
    "building": {"compound": 0.05, "phase": 0.1, "number": 0.5},
    "unit": {"building": 0.6, "compound": 0.05, "phase": 0.1},
    "floor": {"unit": 0.1, "building": 0.6, "compound": 0.05},
    "room": {"floor": 0.0, "unit": 0.1, "building": 0.6, "compound": 0.05, "phase": 0.1},
    "group": {},
    "village": {"group": 0.1},
}
_SKIP_RANKED = {
    level: {RANK[via]: cost for via, cost in vias.items()} for level, vias in _SKIP.items()
}
_SETTLED = frozenset(RANK[level] for level in ("street", "community", "group", "village"))
_MAX_WAYS = 24
MAX_STEPS = 3000
"""Nodes looked at for one text; a usual address takes a few dozen."""


@dataclass(slots=True)
class Way:
    """One way to read a query in the tree."""

    row: int
    cost: float
    missing: str | None = None
    given: str = ""
    faults: list[Fault] = field(default_factory=list)
    anchor: int = -1
    depth: int = 0


def descend(index: "AddressIndex", items: Items, at: int, row: int, depth: int) -> list[Way]:
    """Follow the items from `at` on below a node; after `MAX_STEPS` steps nothing more is found."""
    items.steps += 1
    if items.steps > MAX_STEPS:
        return []
    if at >= len(items):
        return [Way(row, 0.0, depth=depth)]
    item = items[at]
    if item.nodes:
        return _by_name(index, items, at, row, depth)
    if item.options:
        return _by_number(index, items, at, row, depth)
    named = _by_plain_name(index, items, at, row, depth)
    if named:
        return named
    if (level := _hidden_by(index, items, at, row)) is not None:
        text = item.piece.text
        absent = Fault(f"{level.upper()}.missing", level, text, index.core_of_row(row), 0.04)
        return [Way(row, 3.0, level, text, [absent], depth=depth)]
    if item.piece.level == "road" and index.levels[row] >= RANK["number"]:
        foreign = Fault("ROAD.unused", "road", item.piece.text, "", 0.02)
        return _plus(descend(index, items, _past_door(items, at + 1), row, depth), 0.3, foreign)
    cost = 0.6 if item.piece.level == "road" and index.levels[row] < RANK["number"] else 0.02
    fault: Fault | None = None
    if item.piece.kind != "relation" and len(item.piece.text) > 1:
        fault = Fault("TEXT.unused", "text", item.piece.text, "", 0.01)
    return _plus(descend(index, items, at + 1, row, depth), cost, fault)


_NO_PLACE = re.compile(r"^[村庄]?[东西南北上下前后口头尾内里边侧]{1,3}$|委会?$|[省市区县镇乡]$")
_DOORS = frozenset(("hao", "lane", "yard", "bare", "chain", "group"))


def _hidden_by(index: "AddressIndex", items: Items, at: int, row: int) -> str | None:
    """Level of a name that is not there and to which the next door belongs.

    石桥村王家宅6号 is no 石桥村6号 where there is no 王家宅.
    """
    piece = items[at].piece
    if index.levels[row] not in _SETTLED or at + 1 >= len(items):
        return None
    behind = at + 1
    while behind + 1 < len(items) and _is_glued_word(items, behind):
        behind += 1
    token = items[behind].piece.token
    if token is None or token.kind not in _DOORS or piece.kind not in ("rest", "generic"):
        return None
    if piece.level in ("facility", "devzone", "room", "city", "county"):
        return None
    if len(piece.text) < 2 or _NO_PLACE.search(piece.text):
        return None
    if index.levels[row] == RANK["village"] and piece.level not in ("road", "village"):
        return None
    return piece.level if piece.level in ("road", "compound") else "village"


def _is_glued_word(items: Items, at: int) -> bool:
    piece = items[at].piece
    return piece.kind in ("rest", "generic") and piece.start == items[at - 1].piece.end


def _past_door(items: Items, at: int) -> int:
    """Place behind a door number glued to a road elsewhere."""
    if at < len(items) and (token := items[at].piece.token) is not None:
        glued = items[at].piece.start == items[at - 1].piece.end
        return at + (glued and token.kind in ("hao", "lane", "yard"))
    return at


def _by_plain_name(index: "AddressIndex", items: Items, at: int, row: int, depth: int) -> list[Way]:
    """A building or room that has a name instead of a number: 食堂, 弱电间."""
    text = items[at].piece.text
    if index.levels[row] < RANK["number"] or len(text) < 2:
        return []
    out: list[Way] = []
    for level in ("building", "room", "phase", "compound", "poi"):
        code = index.vocabulary.get(chr(RANK[level]) + text)
        if code is not None and index.levels[row] < RANK[level]:
            for reached, cost in _find(index, row, level, text, 0):
                out += _plus(descend(index, items, at + 1, reached, depth + 1), cost)
    return out


def _plus(found: list[Way], cost: float, fault: Fault | None = None) -> list[Way]:
    for way in found:
        way.cost += cost
        if fault is not None:
            way.faults = [fault, *way.faults]
    return found


def _by_name(index: "AddressIndex", items: Items, at: int, row: int, depth: int) -> list[Way]:
    item = items[at]
    above = set(index.above(row))
    if any(r in above for r in item.nodes):
        again = (
            at + 1 < len(items)
            and bool(items[at + 1].options)
            and index.level_of(item.nodes[0]) == "road"
        )
        behind = at + 2 if again and _repeats(index, items[at + 1], row) else at + 1
        return descend(index, items, behind, row, depth)
    if all(index.level_of(r) in ADMIN_LEVELS for r in item.nodes):
        return descend(index, items, at + 1, row, depth)  # weighed as evidence
    out: list[Way] = []
    below = [r for r in item.nodes if index.is_below(r, row)]
    for r in below[:40]:
        skipped = index.parent[r] != row
        out += _plus(descend(index, items, at + 1, r, depth + 1), 0.1 if skipped else 0.0)
    if not out:
        level = index.level_of(item.nodes[0])
        fault = Fault(
            f"{level.upper()}.unused", level, item.piece.text, index.core_of_row(row), 0.02
        )
        road = level == "road"
        passed = index.levels[row] >= RANK["number"]
        behind = _past_door(items, at + 1) if road and passed else at + 1
        out = _plus(
            descend(index, items, behind, row, depth), 0.9 if road and not passed else 0.35, fault
        )
    return out


def _by_number(index: "AddressIndex", items: Items, at: int, row: int, depth: int) -> list[Way]:
    item = items[at]
    out: list[Way] = []
    met = False
    door = item.piece.token is not None and item.piece.token.kind == "hao"
    for run in item.options:
        if door and run[0][0] == "room" and index.levels[row] < RANK["building"]:
            continue  # 602号 is a room only inside a building
        for reached, cost in _run(index, row, run):
            met = met or cost < 0.25
            fault = _kind_fault(index, item, run[0], reached) if run[0][2] >= 0.3 else None
            out += _plus(descend(index, items, at + 1, reached, depth + 1), cost, fault)
        if len(out) > _MAX_WAYS:
            break
    if met and any(way.missing is None and way.cost < 0.05 for way in out):
        return _cheapest(out)
    if not any(way.missing is None for way in out) and _repeats(index, item, row):
        return descend(index, items, at + 1, row, depth)
    if not met:
        out += _unread(index, items, at, row, depth)
    return _cheapest(out)


def _kind_fault(index: "AddressIndex", item: Item, option: Option, row: int) -> Fault:
    """A lane taken for a door, or a door for a lane."""
    level = option[0]
    return Fault(f"{level.upper()}.kind", level, item.piece.text, index.core_of_row(row), 0.05)


def _cheapest(found: list[Way]) -> list[Way]:
    return sorted(found, key=lambda way: way.cost)[:_MAX_WAYS]


def _repeats(index: "AddressIndex", item: Item, row: int) -> bool:
    """The number says again what is already settled above."""
    settled = {(index.level_of(r), index.core_of_row(r)) for r in index.above(row)}
    for run in item.options:
        if all((level, core) in settled for level, core, _ in run):
            return True
    if item.certain_level == "floor" and index.levels[row] >= RANK["room"]:
        return implied_floor(index.core_of_row(row)) == item.options[0][0][1]
    return False


def _unread(index: "AddressIndex", items: Items, at: int, row: int, depth: int) -> list[Way]:
    """The number leads nowhere: pass what the tree is not divided into, else it ends here."""
    item = items[at]
    level = _first_missing(index, item, row)
    rank = index.levels[row]
    if rank == RANK["poi"] and index.parent[row] >= 0:  # the numbers are those of its door
        return _plus(descend(index, items, at, index.parent[row], depth + 1), 0.02)
    if rank >= RANK["room"] or item.piece.token is None or item.piece.token.kind == "km":
        return _plus(descend(index, items, at + 1, row, depth), 0.05)
    if level == "phase":
        fault = Fault("PHASE.unused", level, item.piece.text, "", 0.03)
        return _plus(descend(index, items, at + 1, row, depth), _UNMATCHED["phase"], fault)
    if level in ("unit", "floor"):
        own = {index.levels[c] for c in index.children(row)}
        if RANK[level] not in own and RANK["unit"] not in own:
            return _passed(index, items, at, row, depth, level)
        if level == "floor" and (agreed := _agreed(index, items, at, row, depth)):
            return agreed
    cost = _UNMATCHED.get(level, 2.0)
    for later in items[at + 1 :]:
        cost += _UNMATCHED.get(later.certain_level, 0.0) * 0.05 if later.options else 0.0
    fault = Fault(f"{level.upper()}.missing", level, item.piece.text, index.core_of_row(row), 0.04)
    return [Way(row, cost, level, item.piece.text, [fault], depth=depth)]


def _passed(
    index: "AddressIndex", items: Items, at: int, row: int, depth: int, level: str
) -> list[Way]:
    """Go past a unit or floor the building is not divided into; a floor must fit the room."""
    item = items[at]
    if level == "floor" and (agreed := _agreed(index, items, at, row, depth)):
        return agreed
    rest = descend(index, items, at + 1, row, depth)
    fault = Fault(f"{level.upper()}.unused", level, item.piece.text, "", 0.05)
    return _plus(rest, 0.5, fault)


def _agreed(index: "AddressIndex", items: Items, at: int, row: int, depth: int) -> list[Way]:
    """Rooms further on that tell the floor said here, which has no node of its own."""
    floor = _floor_of(items[at])
    rest = descend(index, items, at + 1, row, depth)
    found = [
        way
        for way in rest
        if way.missing is None and implied_floor(index.core_of_row(way.row)) == floor
    ]
    return _plus(found, 0.02)


def _floor_of(item: Item) -> str:
    return next((run[0][1] for run in item.options if run[0][0] == "floor"), "")


def _first_missing(index: "AddressIndex", item: Item, row: int) -> str:
    """Level the number would have had below this node."""
    rank = index.levels[row]
    for run in item.options:
        if RANK[run[0][0]] > rank:
            if run[0][0] == "number" and rank > RANK["road"] and len(item.options) > 1:
                continue
            return run[0][0]
    return item.certain_level


def _run(
    index: "AddressIndex", row: int, run: list[tuple[str, str, float]]
) -> list[tuple[int, float]]:
    """Nodes reached by going down a run of levels."""
    reached = [(row, 0.0)]
    for level, core, cost in run:
        after: list[tuple[int, float]] = []
        for r, so_far in reached:
            if index.levels[r] < RANK[level] and not (
                level == "number" and index.levels[r] > RANK["road"]
            ):
                after += [
                    (c, so_far + cost + skipped) for c, skipped in _find(index, r, level, core, 0)
                ]
        reached = after[:_MAX_WAYS]
        if not reached:
            break
    return reached


def _find(
    index: "AddressIndex", row: int, level: str, core: str, depth: int
) -> list[tuple[int, float]]:
    """Nodes of a level below a node, directly or past levels people leave out."""
    direct = index.child(row, level, core)
    if direct:
        return [(r, 0.0) for r in direct]
    if depth > 3 or index.levels[row] < RANK["community"]:
        return []
    if level == "room" and (rooms := _on_implied_floor(index, row, core)):
        return [(room, 0.0) for room in rooms]
    skip = _SKIP_RANKED.get(level, {})
    if not skip or index.levels[row] == RANK["road"]:
        return []
    out: list[tuple[int, float]] = []
    passable = ((c, skip[index.levels[c]]) for c in index.children(row) if index.levels[c] in skip)
    for child, cost in islice(passable, 80):
        out += [(r, cost + more) for r, more in _find(index, child, level, core, depth + 1)]
    return out


def _on_implied_floor(index: "AddressIndex", row: int, room: str) -> list[int]:
    """Rooms of a number on the floor it tells."""
    floor = implied_floor(room)
    if floor is None:
        return []
    return [
        r for level in index.child(row, "floor", floor) for r in index.child(level, "room", room)
    ]
