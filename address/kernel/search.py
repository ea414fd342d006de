"""Compiled `address.match.ways`: from every anchor down, what the divisions say, the best first."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.descent import (
    CONFLICT,
    REPAIR,
    add_fault,
    copy_way,
    descend,
    is_below,
    put_way,
)
from address.kernel.items import longest_name, name_begins
from address.kernel.near import COSTS, Near, near
from address.kernel.work import (
    ADMIN,
    ANCHOR,
    BUDGET,
    BUDGET_OF_A_TEXT,
    END,
    ERROR,
    FAULT,
    FAULTS,
    GENERIC,
    ITEMS,
    KIND,
    LENGTH_OF_TEXT,
    LEVEL,
    MISSING,
    MOST_WAYS,
    NAME,
    NODE,
    NUMBER,
    OTHER_LEVELS,
    RELATION,
    REST,
    ROW,
    RUN,
    RUNS,
    START,
    WAYS,
    WHAT,
    WINDOW,
    WORDY,
    Calls,
    Nodes,
    Words,
)
from address.match import _ANCHORS, _CONFLICT, _ELSEWHERE
from address.model import LEVELS, RANK

__all__ = ["search"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_ROAD, _COMMUNITY = RANK["road"], RANK["community"]
_ANCHOR = np.array([False, *(RANK[level] in _ANCHORS for level in LEVELS)])
_AGAINST = np.array([0.0, *(_CONFLICT.get(level, 0.0) for level in LEVELS)])
_NUMBER, _BUILDING, _CITY, _PROVINCE = (
    RANK[level] for level in ("number", "building", "city", "province")
)
_COUNTY = RANK["county"]
_FAR = 16
_FACILITY = len(LEVELS) + 1 + OTHER_LEVELS.index("facility")
_ZERO = np.int64(0)
_FULL = np.array([ord(c) for c in "省市区县州盟旗"])


@njit(cache=True)
def _is_sure(work: np.record, item: int, first: int) -> bool:
    """A division written in full, or the first thing said: no estate that is called so."""
    c = np.int64(work.text[work.items[item, END] - 1])
    for k in range(len(_FULL)):
        if _FULL[k] == c:
            return True
    same = work.items[item, NAME] == work.items[first, NAME]
    return same and work.items[first, START] == 0


@njit(cache=True)
def _conflicts(
    work: np.record, nodes: Nodes, row: int, wrong: I64, from_item: int, to_item: int
) -> int:
    """Bits of the levels whose named division does not hold a node.

    Items `from_item` to before `to_item` say nothing. ``wrong`` gets the item of each level. A
    division far away sets the bit of its level again, `_FAR` places higher.
    """
    fits, against, first = 0, 0, -1
    settled = False
    up = row
    while up >= 0:
        settled = settled or nodes.level[up] == _COMMUNITY
        up = np.int64(nodes.parent[up])
    for item in range(work.state[ITEMS]):
        if work.items[item, KIND] != NODE or not work.items[item, ADMIN]:
            continue
        if from_item <= item < to_item:
            continue
        first = item if first < 0 else first
        name = work.items[item, NAME]
        levels, held = 0, False
        for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
            r = np.int64(nodes.name_rows[k])
            levels |= 1 << nodes.level[r]
            held = held or is_below(nodes, row, r)
        if not settled:
            levels &= ~(1 << _COMMUNITY)
        if held:
            fits |= levels
            if nodes.name_former[name]:
                work.state[ERROR] = 1
            continue
        for level in range(1, _COMMUNITY + 1):
            if levels >> level & 1:
                against |= 1 << level
                wrong[level] = item
    local = fits & (1 << _CITY | 1 << _COUNTY)
    out = 0
    for level in range(1, _COMMUNITY + 1):
        if against >> level & 1 and not fits >> level & 1 and _AGAINST[level] > 0:
            out |= 1 << level
            wide = level == _PROVINCE or level == _CITY
            if not local and wide and _is_sure(work, wrong[level], first):
                out |= 1 << (level + _FAR)
    return out


@njit(cache=True)
def _cost_of(against: int) -> float:
    cost = 0.0
    for level in range(1, _COMMUNITY + 1):
        if against >> level & 1:
            cost += _ELSEWHERE if against >> (level + _FAR) & 1 else _AGAINST[level]
    return cost


@njit(cache=True)
def _before(work: np.record, nodes: Nodes, number: int) -> float:
    """What it costs that items stand in front of the anchor."""
    cost = 0.0
    for item in range(number):
        kind = work.items[item, KIND]
        if kind == NODE:
            name = work.items[item, NAME]
            for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
                level = nodes.level[nodes.name_rows[k]]
                if _ANCHOR[level] and level != _COMMUNITY:
                    cost += 0.9
                    break
        elif kind == NUMBER:
            cost += 0.5
        elif work.items[item, WHAT] != RELATION:
            cost += 0.7 if work.items[item, WORDY] == _ROAD else 0.05
    return cost


@njit(cache=True)
def _complete(work: np.record, first: int, end: int) -> int:
    """Keep the ways with nothing missing; where they end."""
    for way in range(first, end):
        if work.ways[way, MISSING] == 0:
            if way != first:
                copy_way(work, way, first)
            first += 1
    return first


@njit(cache=True)
def _from_anchor(work: np.record, nodes: Nodes, number: int, top: int) -> int:
    """Ways that start at the nodes of a named item."""
    name = work.items[number, NAME]
    low, high = np.int64(nodes.name_start[name]), np.int64(nodes.name_start[name + 1])
    rows = np.empty(high - low, np.int64)
    cost = np.empty(high - low, np.float64)
    wrong = np.zeros(_COMMUNITY + 1, np.int64)
    count = 0
    for k in range(low, high):
        row = np.int64(nodes.name_rows[k])
        if not _ANCHOR[nodes.level[row]]:
            continue
        mine = _cost_of(_conflicts(work, nodes, row, wrong, _ZERO, _ZERO))
        at = count
        while at > 0 and cost[at - 1] > mine:
            cost[at], rows[at] = cost[at - 1], rows[at - 1]
            at -= 1
        cost[at], rows[at] = mine, row
        count += 1
    before = _before(work, nodes, number)
    zero = np.int64(0)  # not 0: a constant would be a type of its own, compiled again
    where_named = False
    for k in range(min(count, 60)):
        end = descend(work, nodes, number + 1, rows[k], zero, top, zero)
        if cost[k] == 0.0:
            where_named = where_named or end > top
        elif where_named:
            end = _complete(work, top, end)
        against = _conflicts(work, nodes, rows[k], wrong, _ZERO, _ZERO) if cost[k] > 0.0 else 0
        for way in range(top, end):
            twice = 1.0 if work.ways[way, MISSING] == 0 else 2.0
            work.cost[way] = work.cost[way] + cost[k] + before * twice
            work.ways[way, ANCHOR] = rows[k]
            for level in range(_COMMUNITY, 0, -1):
                if against >> level & 1:
                    add_fault(work, way, CONFLICT, level, wrong[level], rows[k])
        top = end
        if work.state[ERROR]:
            break
    return top


@njit(cache=True)
def _plausible(work: np.record, way: int) -> bool:
    """A place in another county, or under a repaired name, needs its door to be right."""
    missing = work.ways[way, MISSING]
    if missing != _NUMBER and missing != _BUILDING:
        return work.cost[way] < 20
    for k in range(work.ways[way, FAULTS]):
        at = FAULT + 4 * k
        if work.ways[way, at] == CONFLICT and work.ways[way, at + 1] <= _COUNTY:
            return False
        if work.ways[way, at] >= REPAIR and missing == _NUMBER:
            return False
    return True


@njit(cache=True)
def _unread(work: np.record) -> tuple[int, int]:
    """First item that is no division: its item and the level that is missing; -1 where none."""
    for item in range(work.state[ITEMS]):
        if work.items[item, KIND] == REST and work.items[item, WHAT] == GENERIC:
            if work.items[item, WORDY] >= len(_ANCHOR):
                work.state[ERROR] = 1
            return item, work.items[item, WORDY]
    for item in range(work.state[ITEMS]):
        if work.items[item, KIND] == NODE and work.items[item, ADMIN]:
            continue
        if work.items[item, KIND] == REST and work.items[item, WHAT] == RELATION:
            continue
        if work.items[item, KIND] == NUMBER and work.items[item, RUNS]:
            return item, work.steps[work.runs[work.items[item, RUN], 0], LEVEL]
        return item, _ROAD
    return -1, 0


@njit(cache=True)
def _from_admin(work: np.record, nodes: Nodes, top: int) -> int:
    """The deepest division that is named, where nothing below it could be found."""
    rows = np.empty(400, np.int64)
    count = 0
    for item in range(work.state[ITEMS]):
        if work.items[item, KIND] != NODE or not work.items[item, ADMIN]:
            continue
        name = work.items[item, NAME]
        for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
            row = np.int64(nodes.name_rows[k])
            if (rows[:count] == row).any():
                continue
            if count == len(rows):
                work.state[ERROR] = 1
                return top
            at = count
            while at > 0 and (
                nodes.level[rows[at - 1]] < nodes.level[row]
                or (
                    nodes.level[rows[at - 1]] == nodes.level[row]
                    and nodes.ident[rows[at - 1]] > nodes.ident[row]
                )
            ):
                rows[at] = rows[at - 1]
                at -= 1
            rows[at] = row
            count += 1
    given, missing = _unread(work)
    wrong = np.zeros(_COMMUNITY + 1, np.int64)
    for k in range(min(count, 50)):
        row = rows[k]
        against = _conflicts(work, nodes, row, wrong, _ZERO, _ZERO)
        cost, unmet, short = 0.0, 0, 0.0
        for level in range(1, _COMMUNITY + 1):
            if nodes.level[row] <= level:
                against &= ~(1 << level | 1 << (level + _FAR))
        if against >> _FAR:
            continue
        for item in range(work.state[ITEMS]):
            if work.items[item, KIND] != NODE or not work.items[item, ADMIN]:
                continue
            name = work.items[item, NAME]
            held, own = False, False
            for i in range(nodes.name_start[name], nodes.name_start[name + 1]):
                r = np.int64(nodes.name_rows[i])
                held = held or is_below(nodes, row, r)
                own = own or r == row
            unmet += 0 if held else 1
            if own and not _spelled_so(work, nodes, item, row):
                short += 0.3
        cost = _cost_of(against) + 2.0 * unmet + short + 4.0
        if given < 0 and against == 0:
            cost -= 4.0
        top = put_way(work, top, row, cost, missing, given, np.int64(0))
        work.ways[top - 1, ANCHOR] = row
        for level in range(_COMMUNITY, 0, -1):
            if against >> level & 1:
                add_fault(work, top - 1, CONFLICT, level, wrong[level], row)
    return top


@njit(cache=True)
def _spelled_so(work: np.record, nodes: Nodes, item: int, row: int) -> bool:
    """The item is the core of the node."""
    word = np.int64(nodes.core[row])
    if word + 1 >= len(nodes.word_start):  # named after the build
        work.state[ERROR] = 1
        return False
    first, last = np.int64(nodes.word_start[word]), np.int64(nodes.word_start[word + 1])
    start, end = work.items[item, START], work.items[item, END]
    if last - first != end - start:
        return False
    for i in range(end - start):
        if nodes.word_points[first + i] != work.text[start + i]:
            return False
    return True


@njit(cache=True)
def _rounded(cost: float) -> float:
    return np.rint(cost * 1000.0)


@njit(cache=True)
def _before_in_order(work: np.record, nodes: Nodes, a: int, b: int) -> bool:
    """Way `a` comes before way `b`: cost, then depth, then id."""
    one, other = _rounded(work.cost[a]), _rounded(work.cost[b])
    if one != other:
        return one < other
    row, against = work.ways[a, ROW], work.ways[b, ROW]
    if nodes.level[row] != nodes.level[against]:
        return nodes.level[row] > nodes.level[against]
    return nodes.ident[row] < nodes.ident[against]


@njit(cache=True)
def _best(work: np.record, nodes: Nodes, count: int) -> int:
    """Keep the cheapest way to each node, in order; how many they are."""
    kept = 0
    for way in range(count):
        known = -1
        for k in range(kept):
            if work.ways[k, ROW] == work.ways[way, ROW]:
                known = k
                break
        if known >= 0:
            if work.cost[way] < work.cost[known]:
                copy_way(work, way, known)
            continue
        if kept != way:
            copy_way(work, way, kept)
        kept += 1
    spare = MOST_WAYS - 1
    for k in range(1, kept):
        if _before_in_order(work, nodes, k, k - 1):
            copy_way(work, k, spare)
            at = k
            while at > 0 and _before_in_order(work, nodes, spare, at - 1):
                copy_way(work, at - 1, at)
                at -= 1
            copy_way(work, spare, at)
    return kept


@njit(cache=True)
def _names_within(work: np.record, calls: Calls) -> bool:
    """A name holds the beginning of another: the text could be cut in another way."""
    size = work.state[LENGTH_OF_TEXT]
    for item in range(work.state[ITEMS]):
        start, end = work.items[item, START], work.items[item, END]
        if work.items[item, KIND] != NODE:
            continue
        if longest_name(work.text, size, start, calls) > end:
            return True
        if end - start <= 3:
            continue
        for at in range(start + 1, end - 1):
            if name_begins(work.text, size, at, calls):
                return True
    return False


@njit(cache=True)
def _is_wordy(work: np.record, at: int) -> bool:
    """Words nobody knows, or a short name."""
    item = work.items[at]
    if item[KIND] == REST:
        return item[WHAT] != RELATION and item[WORDY] != _FACILITY
    return item[KIND] == NODE and item[END] - item[START] <= 3


@njit(cache=True)
def _repaired(work: np.record, nodes: Nodes, words: Words, keys: Near, top: int) -> int:
    """Ways that start at a name nearly like one that nobody knows."""
    state, items = work.state, work.items
    for first in range(state[ITEMS]):
        unknown = False
        for last in range(first, min(first + 3, state[ITEMS])):
            if not _is_wordy(work, last) or (
                last > first and items[last, START] != items[last - 1, END]
            ):
                break
            unknown = unknown or items[last, KIND] == REST
            start, end = items[first, START], items[last, END]
            if unknown and 2 <= end - start <= 14:
                top = _from_near(work, nodes, words, keys, first, last, top)
            if state[ERROR]:
                return top
    return top


@njit(cache=True)
def _from_near(
    work: np.record, nodes: Nodes, words: Words, keys: Near, first: int, last: int, top: int
) -> int:
    """Ways that start at the names near the text of the items `first` to `last`."""
    found = near(work, nodes, words, keys, work.items[first, START], work.items[last, END])
    wrong = np.zeros(_COMMUNITY + 1, np.int64)
    window = np.int64(first | (last + 1) << WINDOW)
    for k in range(found):
        row, kind = work.near[k, 0], work.near[k, 1]
        against = _conflicts(work, nodes, row, wrong, first, last + 1)
        far = _cost_of(against)
        if far > 1.0:
            continue
        end = descend(work, nodes, last + 1, row, _ZERO, top, _ZERO)
        for way in range(top, end):
            work.cost[way] = work.cost[way] + far + COSTS[kind]
            work.ways[way, ANCHOR] = row
            add_fault(work, way, REPAIR + kind, np.int64(nodes.level[row]), window, row)
            for level in range(_COMMUNITY, 0, -1):
                if against >> level & 1:
                    add_fault(work, way, CONFLICT, level, wrong[level], row)
        top = end
        if work.state[ERROR]:
            break
    return top


@njit(cache=True)
def search(work: np.record, nodes: Nodes, words: Words, calls: Calls, keys: Near) -> int:
    """Ways to read the items, cheapest first.

    Returns
    -------
    int
        How many stand in ``work.ways``; -1 where the reference must look: nothing is found, or the
        text can be cut in two ways.
    """
    state = work.state
    state[BUDGET], state[ERROR] = BUDGET_OF_A_TEXT, 0
    anchors = np.empty((state[ITEMS] + 1, 2), np.int64)
    count = 0
    for number in range(state[ITEMS]):
        if work.items[number, KIND] != NODE:
            continue
        name = work.items[number, NAME]
        some, road = False, False
        for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
            level = nodes.level[nodes.name_rows[k]]
            some = some or _ANCHOR[level]
            road = road or level == _ROAD
        if some:
            anchors[count, 0], anchors[count, 1] = 0 if road else 1, number
            count += 1
    top, cheapest, complete = np.int64(0), 1e9, False
    for want in range(2):
        for k in range(count):
            if anchors[k, 0] != want or (complete and cheapest < 0.02):
                continue
            begun = top
            top = _from_anchor(work, nodes, anchors[k, 1], top)
            if state[ERROR]:
                return -1
            for way in range(begun, top):
                cheapest = min(cheapest, work.cost[way])
                if work.ways[way, MISSING] == 0 and work.cost[way] < 0.02:
                    complete = True
    if cheapest > 0.5:
        top = _repaired(work, nodes, words, keys, top)
        if state[ERROR]:
            return -1
    kept, complete = np.int64(0), False
    for way in range(top):
        if _plausible(work, way):
            if kept != way:
                copy_way(work, way, kept)
            complete = complete or work.ways[kept, MISSING] == 0
            kept += 1
    if not complete:
        kept = _from_admin(work, nodes, kept)
    found = _best(work, nodes, kept)
    if state[ERROR] or found == 0 or (work.cost[0] > 0.5 and _names_within(work, calls)):
        return -1
    state[WAYS] = found
    return found
