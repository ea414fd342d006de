"""What a reading comes to: status, the rivals, the standard strings, and all that confidence depends on."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.descent import REPAIR, is_below
from address.kernel.late import bears_late, is_late
from address.kernel.work import (
    ANCHOR,
    END,
    FAULT,
    FAULTS,
    GENERIC,
    ITEMS,
    KIND,
    MISSING,
    NAME,
    NUMBER,
    RELATION,
    REST,
    RIVALS,
    ROW,
    SINCE,
    START,
    TOUCHED,
    UNKNOWN,
    WHAT,
    WINDOW,
    WORDY,
    Calls,
    Nodes,
)
from address.match import _SAME
from address.model import RANK
from address.walk import name_of, word_hash

__all__ = ["AMBIGUOUS", "EXACT", "NONE", "PARTIAL", "summary", "tell_others", "written"]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]

EXACT, AMBIGUOUS, PARTIAL, NONE = range(4)
_PROVINCE = RANK["province"]
_COMMUNITY = RANK["community"]
_ROAD, _STREET = RANK["road"], RANK["street"]
_GAP = 9.0
_TOLD = 12
"""Ways of which the cost is told."""


_MULTIPLY = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def _mixed(value: np.uint64, more: int) -> np.uint64:
    value = (np.uint64(value) ^ np.uint64(more)) * _MULTIPLY
    return value ^ (value >> np.uint64(29)) * _MIX


@njit(cache=True)
def summary(work: np.record, nodes: Nodes, calls: Calls, found: int) -> tuple[int, np.uint64]:
    """Status, and a hash of all that confidence and the codes of faults depend on."""
    best, cost = work.ways[0], work.cost[0]
    node = np.int64(best[ROW])
    sign = _mixed(_mixed(_MIX, best[MISSING]), best[FAULTS])
    for k in range(best[FAULTS]):
        sign = _mixed(sign, best[FAULT + 4 * k] << 8 | best[FAULT + 4 * k + 1])
        if best[FAULT + 4 * k] >= REPAIR:
            item = np.int64(best[FAULT + 4 * k + 2])
            first, last = item & ((1 << WINDOW) - 1), (item >> WINDOW) - 1
            sign = _mixed(sign, work.items[last, END] - work.items[first, START] <= 3)
    sign = _mixed(sign, np.int64(nodes.level[node]))
    sign = _mixed(sign, np.int64(np.rint(cost * 10_000)))
    rivals = 0
    for way in range(1, found):
        row, more = np.int64(work.ways[way, ROW]), work.cost[way] - cost
        above, below = is_below(nodes, node, row), is_below(nodes, row, node)
        missing = work.ways[way, MISSING] != 0
        if not above and not below and more < _SAME and missing == (best[MISSING] != 0):
            rivals += 1
        if way <= _TOLD or more < _SAME:
            gap = np.int64(np.rint(min(more, _GAP) * 10_000))
            sign = _mixed(sign, gap << 4 | above << 2 | below << 1 | missing)
    work.state[RIVALS] = rivals
    sign = _mixed(_mixed(sign, rivals), _named(work, nodes, calls, node))
    if best[MISSING]:
        return (NONE if nodes.level[node] <= _PROVINCE else PARTIAL), sign
    return (AMBIGUOUS if rivals else EXACT), sign


@njit(cache=True)
def _named(work: np.record, nodes: Nodes, calls: Calls, row: int) -> np.uint64:
    """Hash of what else stands in the text: numbers, unread words, divisions, so-called anchors."""
    numbers, words, unknown, division, roads = 0, 0, 0, 0, 0
    head, street = True, _MIX
    for at in range(work.state[ITEMS]):
        item = work.items[at]
        if item[KIND] == NUMBER:
            numbers += 1
            head = False
        elif item[KIND] == REST:
            words += item[END] - item[START] if item[WHAT] == UNKNOWN else 0
            unknown += 1 if item[WHAT] == GENERIC else 0
            roads += 1 if item[WHAT] != RELATION and item[WORDY] == _ROAD else 0
            if head and item[WHAT] == GENERIC and item[WORDY] == _STREET:
                street = _street_said(work, nodes, row, item[START], item[END])
                head = False
        else:
            head = head and nodes.level[nodes.name_rows[nodes.name_start[item[NAME]]]] <= _COMMUNITY
            for k in range(nodes.name_start[item[NAME]], nodes.name_start[item[NAME] + 1]):
                r = np.int64(nodes.name_rows[k])
                if nodes.level[r] <= _COMMUNITY and is_below(nodes, row, r):
                    division = 1
    alike = 0
    anchor = np.int64(work.ways[0, ANCHOR])
    if anchor >= 0:
        word = np.int64(nodes.core[anchor])
        name = name_of(
            nodes.word_points, np.int64(nodes.word_start[word]), np.int64(nodes.word_start[word + 1]),
            calls.step_key, calls.step_next, calls.state_name,
        )  # fmt: skip
        if name >= 0:
            alike = np.int64(nodes.name_start[name + 1]) - np.int64(nodes.name_start[name])
        if work.state[SINCE] and _is_known_anew(nodes, calls, word, name):
            work.state[TOUCHED] = 1
        alike = alike << 5 | np.int64(nodes.level[anchor])
    seen = _mixed(_mixed(_mixed(_MIX, numbers), words), roads)
    seen = _mixed(_mixed(_mixed(seen, unknown), division), alike)
    return seen ^ street


@njit(cache=True)
def _is_known_anew(nodes: Nodes, calls: Calls, word: int, name: int) -> bool:
    """Whether the nodes that go by the core of an anchor are not those of the build."""
    if name >= 0 and bears_late(nodes, name):
        return True
    first, last = np.int64(nodes.word_start[word]), np.int64(nodes.word_start[word + 1])
    return is_late(calls.late, word_hash(np.int64(0), nodes.word_points, first, last))


@njit(cache=True)
def _street_said(work: np.record, nodes: Nodes, row: int, start: int, end: int) -> np.uint64:
    """Hash of a street the gazetteer has not and of the one the answer lies in."""
    while row >= 0 and nodes.level[row] != _STREET:
        row = np.int64(nodes.parent[row])
    seen = _mixed(_MIX, row)
    for i in range(start, end):
        seen = _mixed(seen, np.int64(work.text[i]))
    return seen


@njit(cache=True)
def tell_others(
    work: np.record, nodes: Nodes, found: int, others: I32, cost: npt.NDArray[np.float64]
) -> None:
    """Rivals of the best way, then the other ways, as far as there is room."""
    best, count = np.int64(work.ways[0, ROW]), 0
    missing = work.ways[0, MISSING] != 0
    others[:] = -1
    for want in range(2):
        for way in range(1, found):
            row = np.int64(work.ways[way, ROW])
            near = work.cost[way] - work.cost[0] < _SAME
            near = near and (work.ways[way, MISSING] != 0) == missing
            rival = near and not is_below(nodes, row, best) and not is_below(nodes, best, row)
            if rival == (want == 0) and (rival or way < _TOLD) and count < len(others):
                others[count], cost[count] = row, work.cost[way]
                count += 1


@njit(cache=True)
def written(
    rows: I32,
    parent: I32,
    flags: U8,
    name: U32,
    name_start: U32,
    name_text: U8,
    whole: int,
    silent: int,
    out: U8,
    ends: I32,
    fill: bool,
) -> int:
    """Standard strings of nodes: the names from the root down; bytes in all.

    Parameters
    ----------
    rows : ndarray of int32
        -1 gives an empty text.
    out, ends : ndarray
        UTF-8 bytes and the end of each text; without `fill` only the ends are written.
    """
    used = 0
    for k in range(len(rows)):
        size = 0
        row = np.int64(rows[k])
        while row >= 0:
            if not flags[row] & silent:
                size += np.int64(name_start[name[row] + 1]) - np.int64(name_start[name[row]])
            if flags[row] & whole:
                break
            row = np.int64(parent[row])
        used += size
        ends[k] = used
        if fill:
            at = used
            row = np.int64(rows[k])
            while row >= 0:
                if not flags[row] & silent:
                    first, last = (
                        np.int64(name_start[name[row]]),
                        np.int64(name_start[name[row] + 1]),
                    )
                    at -= last - first
                    for i in range(last - first):
                        out[at + i] = name_text[first + i]
                if flags[row] & whole:
                    break
                row = np.int64(parent[row])
    return used
