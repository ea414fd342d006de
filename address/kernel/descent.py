"""Compiled `address.descend`: follow the items of a text down the tree."""

import numpy as np
from numba import njit

from address.arena import EDITED
from address.descend import _MAX_WAYS, _SETTLED, _SKIP_RANKED, _UNMATCHED
from address.kernel.near import CODES, COSTS
from address.kernel.options import R_BUILDING, R_FLOOR, R_NUMBER, R_PHASE, R_ROOM, R_UNIT, implied
from address.kernel.tokens import BARE, CHAIN, GROUP, HAO, LANE, YARD
from address.kernel.work import (
    ADMIN,
    ANCHOR,
    BUDGET,
    DEPTH,
    END,
    ERROR,
    FAULT,
    FAULTS,
    FLOOR,
    GIVEN,
    IMPLIED,
    ITEMS,
    KIND,
    LEVEL,
    MISSING,
    MOST_FAULTS,
    MOST_REACHED,
    MOST_WAYS,
    NAME,
    NO_FLOOR,
    NODE,
    NUMBER,
    OTHER_LEVELS,
    PLACELESS,
    PLAIN,
    PLAIN_LEVELS,
    RELATION,
    REST,
    ROW,
    RUN,
    RUNS,
    SILENT,
    START,
    TOKEN,
    WHAT,
    WORD,
    WORDY,
    Nodes,
)
from address.model import LEVELS, RANK
from address.walk import child_slice

__all__ = ["CONFLICT", "FAULT_CODES", "PENALTIES", "REPAIR", "add_fault", "descend", "is_below"]

FAULT_CODES = (
    "",
    "unused",
    "kind",
    "unused",
    "unused",
    "missing",
    "unused",
    "conflict",
    "unused",
    *CODES,
)
"""What is wrong, by the number of a fault here; from `REPAIR` on the mistakes of `near`."""
PENALTIES = (
    0.0,
    0.02,
    0.05,
    0.03,
    0.05,
    0.04,
    0.01,
    0.03,
    0.02,
    *(round(c / 10, 3) for c in COSTS.tolist()),
)
NAME_UNUSED, OTHER_KIND, PHASE_UNUSED, PASSED, LACKING, TEXT_UNUSED, CONFLICT, FOREIGN, REPAIR = (
    np.int64(k) for k in range(1, 10)
)
_ZERO, _NONE = np.int64(0), np.int64(-1)

_ROAD, _COMMUNITY, _POI = RANK["road"], RANK["community"], RANK["poi"]
_SKIP = np.full((len(LEVELS) + 1, len(LEVELS) + 1), -1.0)
for _level, _vias in _SKIP_RANKED.items():
    for _via, _cost in _vias.items():
        _SKIP[RANK[_level], _via] = _cost
_HAS_SKIP = np.array([bool((row >= 0).any()) for row in _SKIP])
_LOST = np.array([0.0, *(_UNMATCHED.get(level, 0.0) for level in LEVELS)])
_STOP = np.array([2.0, *(_UNMATCHED.get(level, 2.0) for level in LEVELS)])
_PHASE_COST = _UNMATCHED["phase"]
_PLAIN_RANKS = np.array([RANK[level] for level in PLAIN_LEVELS])
_MOST_CHILDREN = 80
_VILLAGE, _COMPOUND = np.int64(RANK["village"]), np.int64(RANK["compound"])
_R_ROAD = np.int64(_ROAD)
_IS_SETTLED = np.array([level in _SETTLED for level in range(len(LEVELS) + 1)])
_NEVER_HIDDEN = np.array(
    [False]
    + [level in ("room", "city", "county") for level in LEVELS]
    + [level in ("facility", "devzone") for level in OTHER_LEVELS]
)


@njit(cache=True)
def is_below(nodes: Nodes, row: int, ancestor: int) -> bool:
    """Whether `ancestor` is the node or one of its ancestors (they have smaller rows)."""
    while row > ancestor:
        row = np.int64(nodes.parent[row])
    return row == ancestor


@njit(cache=True)
def add_fault(work: np.record, way: int, kind: int, level: int, item: int, row: int) -> None:
    """Put a fault in front of those of a way."""
    ways = work.ways
    n = ways[way, FAULTS]
    if n >= MOST_FAULTS:
        work.state[ERROR] = 1
        return
    at = FAULT + 4 * n
    ways[way, at], ways[way, at + 1], ways[way, at + 2], ways[way, at + 3] = kind, level, item, row
    ways[way, FAULTS] = n + 1


@njit(cache=True)
def _add(work: np.record, first: int, last: int, cost: float) -> None:
    for way in range(first, last):
        work.cost[way] += cost


@njit(cache=True)
def _mark(
    work: np.record, first: int, last: int, kind: int, level: int, item: int, row: int
) -> None:
    for way in range(first, last):
        add_fault(work, way, kind, level, item, row)


@njit(cache=True)
def put_way(
    work: np.record, at: int, row: int, cost: float, missing: int, given: int, depth: int
) -> int:
    """Write a way; the place behind it."""
    if at + 1 >= MOST_WAYS:
        work.state[ERROR] = 1
        return at
    ways = work.ways
    ways[at, ROW], ways[at, MISSING], ways[at, GIVEN] = row, missing, given
    ways[at, DEPTH], ways[at, FAULTS], ways[at, ANCHOR] = depth, 0, -1
    work.cost[at] = cost
    return at + 1


@njit(cache=True)
def copy_way(work: np.record, source: int, target: int) -> None:
    """Write a way over another."""
    for k in range(FAULT + 4 * work.ways[source, FAULTS]):
        work.ways[target, k] = work.ways[source, k]
    work.cost[target] = work.cost[source]


@njit(cache=True)
def _cheapest(work: np.record, first: int, last: int) -> int:
    """Sort ways by cost, equal ones in order, and keep the first; the new end."""
    spare = MOST_WAYS - 1
    for k in range(first + 1, last):
        if work.cost[k] < work.cost[k - 1]:
            copy_way(work, k, spare)
            at = k
            while at > first and work.cost[spare] < work.cost[at - 1]:
                copy_way(work, at - 1, at)
                at -= 1
            copy_way(work, spare, at)
    return min(last, first + _MAX_WAYS)


@njit(cache=True)
def _reach(work: np.record, at: int, row: int, cost: float) -> int:
    if at >= MOST_REACHED:
        work.state[ERROR] = 1
        return at
    work.reached[at], work.reached_cost[at] = row, cost
    return at + 1


@njit(cache=True)
def _find(
    work: np.record,
    nodes: Nodes,
    row: int,
    level: int,
    word: int,
    floor_word: int,
    depth: int,
    at: int,
) -> int:
    """Nodes of a level below a node, directly or past levels people leave out; the end of them."""
    work.state[BUDGET] -= 1
    if nodes.flags[row] & EDITED or work.state[BUDGET] < 0:
        work.state[ERROR] = 1
        return at
    first, last = child_slice(nodes.first, nodes.core, row, word)
    if first < last:
        for found in range(first, last):
            at = _reach(work, at, found, 0.0)
        return at
    if depth > 3 or nodes.level[row] < _COMMUNITY:
        return at
    if level == R_ROOM and floor_word:
        begun = at
        first, last = child_slice(nodes.first, nodes.core, row, floor_word)
        for floor in range(first, last):
            if nodes.flags[floor] & EDITED:
                work.state[ERROR] = 1
            a, b = child_slice(nodes.first, nodes.core, floor, word)
            for found in range(a, b):
                at = _reach(work, at, found, 0.0)
        if at > begun:
            return at
    if not _HAS_SKIP[level] or nodes.level[row] == _ROAD:
        return at
    passed = 0
    for child in range(np.int64(nodes.first[row + 1]), np.int64(nodes.first[row + 2])):
        cost = _SKIP[level, nodes.level[child]]
        if cost < 0.0:
            continue
        passed += 1
        if passed > _MOST_CHILDREN or work.state[ERROR]:
            break
        begun = at
        at = _find(work, nodes, child, level, word, floor_word, depth + 1, at)
        for k in range(begun, at):
            work.reached_cost[k] = cost + work.reached_cost[k]
    return at


@njit(cache=True)
def _run(work: np.record, nodes: Nodes, row: int, run: int, top: int) -> tuple[int, int]:
    """Nodes reached by going down a run of levels, as a range of ``work.reached``."""
    first, last = top, _reach(work, top, row, 0.0)
    for step in range(work.runs[run, 0], work.runs[run, 1]):
        level, word = work.steps[step, LEVEL], work.steps[step, WORD]
        cost = work.step_cost[step]
        begun = end = last
        for k in range(first, last):
            r = np.int64(work.reached[k])
            so_far = work.reached_cost[k]
            own = nodes.level[r]
            if word == 0 or own >= level or (level == R_NUMBER and own > _ROAD):
                continue
            before = end
            end = _find(work, nodes, r, level, word, work.steps[step, IMPLIED], _ZERO, end)
            for i in range(before, end):
                work.reached_cost[i] = so_far + cost + work.reached_cost[i]
        first, last = begun, min(end, begun + _MAX_WAYS)
        if first == last:
            break
    return first, last


@njit(cache=True)
def _floor_of_row(nodes: Nodes, row: int) -> int:
    word = np.int64(nodes.core[row])
    if word + 1 >= len(nodes.word_start):  # named after the build
        return NO_FLOOR
    return implied(
        nodes.word_points, np.int64(nodes.word_start[word]), np.int64(nodes.word_start[word + 1])
    )


@njit(cache=True)
def _certain(work: np.record, item: int) -> int:
    """Level of the first way to read an item, 0 where it is none."""
    if work.items[item, RUNS] == 0:
        return 0
    return work.steps[work.runs[work.items[item, RUN], 0], LEVEL]


@njit(cache=True)
def _repeats(work: np.record, nodes: Nodes, item: int, row: int) -> bool:
    """The number says again what is already settled above."""
    run = work.items[item, RUN]
    for k in range(run, run + work.items[item, RUNS]):
        settled = True
        for step in range(work.runs[k, 0], work.runs[k, 1]):
            word = work.steps[step, WORD]
            up = row
            while up >= 0 and nodes.core[up] != word:
                up = np.int64(nodes.parent[up])
            if word == 0 or up < 0:
                settled = False
                break
        if settled:
            return True
    if _certain(work, item) == R_FLOOR and nodes.level[row] >= R_ROOM:
        told = work.steps[work.runs[run, 0], FLOOR]
        return told != NO_FLOOR and _floor_of_row(nodes, row) == told
    return False


@njit(cache=True)
def _first_missing(work: np.record, nodes: Nodes, item: int, row: int) -> int:
    """Level the number would have had below a node."""
    rank = nodes.level[row]
    run, runs = work.items[item, RUN], work.items[item, RUNS]
    for k in range(run, run + runs):
        level = work.steps[work.runs[k, 0], LEVEL]
        if level > rank and not (level == R_NUMBER and rank > _ROAD and runs > 1):
            return level
    return _certain(work, item)


@njit(cache=True)
def _told_floor(work: np.record, item: int) -> int:
    run = work.items[item, RUN]
    for k in range(run, run + work.items[item, RUNS]):
        step = work.runs[k, 0]
        if work.steps[step, LEVEL] == R_FLOOR:
            return work.steps[step, FLOOR]
    return NO_FLOOR


@njit(cache=True)
def _undivided(nodes: Nodes, row: int, level: int) -> bool:
    """No child has the level, nor is a unit."""
    for child in range(np.int64(nodes.first[row + 1]), np.int64(nodes.first[row + 2])):
        own = nodes.level[child]
        if own == level or own == R_UNIT:
            return False
    return True


@njit(cache=True)
def _past_door(work: np.record, at: int) -> int:
    """Place behind a door number glued to a road elsewhere."""
    items = work.items
    if at < work.state[ITEMS] and items[at, KIND] == NUMBER:
        kind = items[at, TOKEN]
        if items[at, START] == items[at - 1, END] and (kind == HAO or kind == LANE or kind == YARD):
            return at + 1
    return at


@njit(cache=True)
def _hidden_by(work: np.record, nodes: Nodes, at: int, row: int) -> int:
    """Level of a name that is not there and to which the next door belongs, 0 where none."""
    items, own = work.items, nodes.level[row]
    if not _IS_SETTLED[own] or at + 1 >= work.state[ITEMS]:
        return _ZERO
    behind = at + 1
    while (
        behind + 1 < work.state[ITEMS]
        and items[behind, KIND] == REST
        and items[behind, WHAT] != RELATION
        and items[behind, START] == items[behind - 1, END]
    ):
        behind += 1
    if items[behind, KIND] != NUMBER or items[at, WHAT] == RELATION:
        return _ZERO
    kind = items[behind, TOKEN]
    door = kind == HAO or kind == LANE or kind == YARD or kind == BARE
    if not (door or kind == CHAIN or kind == GROUP):
        return _ZERO
    level = items[at, WORDY]
    if _NEVER_HIDDEN[level] or items[at, PLACELESS]:
        return _ZERO
    if own == _VILLAGE and level != _R_ROAD and level != _VILLAGE:
        return _ZERO
    return level if level == _R_ROAD or level == _COMPOUND else _VILLAGE


@njit(cache=True)
def _agreed(work: np.record, nodes: Nodes, item: int, first: int, last: int) -> int:
    """Keep the complete ways whose room tells the floor said by an item; the end of them."""
    floor, kept = _told_floor(work, item), first
    for way in range(first, last):
        if (
            floor != NO_FLOOR
            and work.ways[way, MISSING] == 0
            and _floor_of_row(nodes, np.int64(work.ways[way, ROW])) == floor
        ):
            if kept != way:
                copy_way(work, way, kept)
            kept += 1
    return kept


@njit(cache=True)
def _complete(work: np.record, first: int, last: int, below: float) -> bool:
    for way in range(first, last):
        if work.ways[way, MISSING] == 0 and work.cost[way] < below:
            return True
    return False


@njit(cache=True)
def descend(
    work: np.record,
    nodes: Nodes,
    at: int,
    row: int,
    depth: int,
    top: int,
    reach: int,
) -> int:
    """Follow the items from `at` on below a node.

    Ways are written to ``work.ways`` from `top` on; the end of them is returned. ``work.reached``
    is free from `reach` on.
    """
    state, items = work.state, work.items
    state[BUDGET] -= 1
    if state[BUDGET] < 0:
        state[ERROR] = 1
    if depth > 24:
        state[ERROR] = 1
    if state[ERROR] or at >= state[ITEMS]:
        return put_way(work, top, row, 0.0, _ZERO, _NONE, depth)
    begun = top
    rank = nodes.level[row]
    if items[at, KIND] == NODE:
        name = items[at, NAME]
        low, high = np.int64(nodes.name_start[name]), np.int64(nodes.name_start[name + 1])
        for k in range(low, high):
            if is_below(nodes, row, np.int64(nodes.name_rows[k])):
                behind = at + 1
                road = nodes.level[nodes.name_rows[low]] == _ROAD
                if road and behind < state[ITEMS] and items[behind, KIND] == NUMBER:
                    behind += 1 if _repeats(work, nodes, behind, row) else 0
                return descend(work, nodes, behind, row, depth, top, reach)
        if items[at, ADMIN]:
            return descend(work, nodes, at + 1, row, depth, top, reach)
        taken = 0
        for k in range(low, high):
            r = np.int64(nodes.name_rows[k])
            if is_below(nodes, r, row):
                taken += 1
                if taken > 40:
                    break
                end = descend(work, nodes, at + 1, r, depth + 1, top, reach)
                _add(work, top, end, 0.1 if nodes.parent[r] != row else 0.0)
                top = end
        if top == begun:
            level = np.int64(nodes.level[nodes.name_rows[low]])
            passed = level == _ROAD and rank >= R_NUMBER
            behind = _past_door(work, at + 1) if passed else at + 1
            top = descend(work, nodes, behind, row, depth, top, reach)
            _add(work, begun, top, 0.9 if level == _ROAD and not passed else 0.35)
            _mark(work, begun, top, NAME_UNUSED, level, at, row)
        return top
    if items[at, KIND] == NUMBER:
        met, door = False, items[at, TOKEN] == HAO
        run = items[at, RUN]
        for k in range(run, run + items[at, RUNS]):
            if door and rank < R_BUILDING and work.steps[work.runs[k, 0], LEVEL] == R_ROOM:
                continue  # 602号 is a room only inside a building
            first, last = _run(work, nodes, row, k, reach)
            first_cost = work.step_cost[work.runs[k, 0]]
            for i in range(first, last):
                cost, r = work.reached_cost[i], np.int64(work.reached[i])
                met = met or cost < 0.25
                end = descend(work, nodes, at + 1, r, depth + 1, top, last)
                _add(work, top, end, cost)
                if first_cost >= 0.3:
                    level = work.steps[work.runs[k, 0], LEVEL]
                    _mark(work, top, end, OTHER_KIND, level, at, r)
                top = end
            if top - begun > _MAX_WAYS or state[ERROR]:
                break
        if met and _complete(work, begun, top, 0.05):
            return _cheapest(work, begun, top)
        if not _complete(work, begun, top, 1e9) and _repeats(work, nodes, at, row):
            return descend(work, nodes, at + 1, row, depth, begun, reach)
        if met:
            return _cheapest(work, begun, top)
        level = _first_missing(work, nodes, at, row)
        before = top
        undivided = (level == R_UNIT or level == R_FLOOR) and _undivided(nodes, row, level)
        if rank == _POI and nodes.parent[row] >= 0:
            above = np.int64(nodes.parent[row])
            top = descend(work, nodes, at, above, depth + 1, top, reach)
            _add(work, before, top, 0.02)
            return _cheapest(work, begun, top)
        if rank >= R_ROOM:
            top = descend(work, nodes, at + 1, row, depth, top, reach)
            _add(work, before, top, 0.05)
            return _cheapest(work, begun, top)
        if level == R_PHASE:
            top = descend(work, nodes, at + 1, row, depth, top, reach)
            _add(work, before, top, _PHASE_COST)
            _mark(work, before, top, PHASE_UNUSED, level, at, _NONE)
            return _cheapest(work, begun, top)
        if level == R_FLOOR:
            end = descend(work, nodes, at + 1, row, depth, top, reach)
            top = _agreed(work, nodes, at, before, end)
            if top > before:
                _add(work, before, top, 0.02)
                return _cheapest(work, begun, top)
        if undivided:
            top = descend(work, nodes, at + 1, row, depth, before, reach)
            _add(work, before, top, 0.5)
            _mark(work, before, top, PASSED, level, at, _NONE)
            return _cheapest(work, begun, top)
        cost = _STOP[level]
        for later in range(at + 1, state[ITEMS]):
            if items[later, KIND] == NUMBER:
                cost += _LOST[_certain(work, later)] * 0.05
        top = put_way(work, before, row, cost, level, at, depth)
        _mark(work, before, top, LACKING, level, at, row)
        return _cheapest(work, begun, top)
    if rank >= R_NUMBER:
        for k in range(len(_PLAIN_RANKS)):
            word, level = items[at, PLAIN + k], _PLAIN_RANKS[k]
            if word and rank < level:
                last = _find(
                    work, nodes, row, level, word, items[at, IMPLIED_OF_REST], _ZERO, reach
                )
                for i in range(reach, last):
                    r = np.int64(work.reached[i])
                    cost = work.reached_cost[i]
                    end = descend(work, nodes, at + 1, r, depth + 1, top, last)
                    _add(work, top, end, cost)
                    top = end
        if top > begun:
            return top
    hidden = _hidden_by(work, nodes, at, row)
    if hidden:
        top = put_way(work, top, row, 3.0, hidden, at, depth)
        _mark(work, begun, top, LACKING, hidden, at, row)
        return top
    road = items[at, WORDY] == _R_ROAD
    if road and rank >= R_NUMBER:
        top = descend(work, nodes, _past_door(work, at + 1), row, depth, top, reach)
        _add(work, begun, top, 0.3)
        _mark(work, begun, top, FOREIGN, _R_ROAD, at, _NONE)
        return top
    top = descend(work, nodes, at + 1, row, depth, top, reach)
    _add(work, begun, top, 0.6 if road else 0.02)
    if not items[at, SILENT]:
        _mark(work, begun, top, TEXT_UNUSED, _ZERO, at, _NONE)
    return top


IMPLIED_OF_REST = NAME
