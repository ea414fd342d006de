"""Compiled loop over the texts of a column: decode, read, say what was found in numbers."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.answer import NEEDS_REFERENCE, NEEDS_TAIL, after_road, finish, read
from address.kernel.borrow import borrowed_calls, borrowed_near, borrowed_nodes, borrowed_words
from address.kernel.descent import REPAIR, is_below
from address.kernel.late import bears_late, is_late
from address.kernel.near import Near
from address.kernel.tokens import HAO, LANE
from address.kernel.work import (
    ANCHOR,
    END,
    FAULT,
    FAULTS,
    FIRST,
    GENERIC,
    GIVEN,
    ITEMS,
    KIND,
    LENGTH,
    LENGTH_OF_TEXT,
    LONGEST,
    MISSING,
    MOST_GAPS,
    NAME,
    NODE,
    NUMBER,
    RELATION,
    REST,
    ROW,
    SINCE,
    START,
    TAIL,
    TOKEN,
    TOUCHED,
    UNKNOWN,
    WHAT,
    WINDOW,
    WORDY,
    Calls,
    Nodes,
    Tables,
    Words,
)
from address.match import _SAME
from address.model import RANK
from address.walk import name_of, word_hash

__all__ = [
    "AMBIGUOUS",
    "EXACT",
    "NONE",
    "PARTIAL",
    "UNREAD",
    "WANTS_TAIL",
    "read_column",
    "written",
]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

EXACT, AMBIGUOUS, PARTIAL, NONE, UNREAD, WANTS_TAIL = range(6)
_PROVINCE = RANK["province"]
_COMMUNITY = RANK["community"]
_ROAD, _STREET, _NUMBER = RANK["road"], RANK["street"], RANK["number"]
_GAP = 9.0
_TOLD = 12
"""Ways of which the cost is told."""


@njit(cache=True, nogil=True)
def _decoded(data: U8, first: int, last: int, out: U32) -> int:
    """Code points of UTF-8 bytes, at most as many as `out` holds; their number, -1 for more."""
    n, i = 0, first
    while i < last:
        if n == len(out):
            return -1
        c = np.uint32(data[i])
        if c < 0x80:
            out[n] = c
            i += 1
        elif c < 0xE0:
            out[n] = (c & 0x1F) << 6 | (np.uint32(data[i + 1]) & 0x3F)
            i += 2
        elif c < 0xF0:
            out[n] = (
                (c & 0x0F) << 12
                | (np.uint32(data[i + 1]) & 0x3F) << 6
                | (np.uint32(data[i + 2]) & 0x3F)
            )
            i += 3
        else:
            out[n] = 0x10FFFF  # none of these is read here
            i += 4
        n += 1
    return n


_MULTIPLY = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def _mixed(value: np.uint64, more: int) -> np.uint64:
    value = (np.uint64(value) ^ np.uint64(more)) * _MULTIPLY
    return value ^ (value >> np.uint64(29)) * _MIX


@njit(cache=True)
def _summary(work: np.record, nodes: Nodes, calls: Calls, found: int) -> tuple[int, np.uint64]:
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
def _tell_others(
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
def _door(work: np.record, nodes: Nodes) -> int:
    """The missing number: four times its value, 2 for a lane, 1 where a street is named.

    -1 where it is not the one plain number behind the one road: then `address.parse` tells it.
    """
    given, items = np.int64(work.ways[0, GIVEN]), work.items
    if given < 1 or items[given, KIND] != NUMBER or items[given, START] != items[given - 1, END]:
        return -1
    lane = items[given, TOKEN] == LANE
    if not lane and items[given, TOKEN] != HAO:
        return -1
    street = 0
    for at in range(work.state[ITEMS]):
        if items[at, KIND] == REST or (items[at, KIND] == NUMBER and at < given):
            return -1
        if items[at, KIND] == NODE:
            level = nodes.level[nodes.name_rows[nodes.name_start[items[at, NAME]]]]
            if (level == _ROAD) != (at == given - 1):
                return -1
            street = 1 if level == _STREET else street
    number, first = 0, items[given, FIRST]
    for i in range(first, first + items[given, LENGTH]):
        digit = np.int64(work.values[i]) - 48
        if digit < 0 or digit > 9 or number > 1_000_000:
            return -1
        number = number * 10 + digit
    return number << 2 | (2 if lane else 0) | street


@njit(cache=True)
def read_column(
    data: U8,
    offsets: I64,
    rows: I64,
    work: np.record,
    tables: Tables,
    nodes: Nodes,
    words: Words,
    calls: Calls,
    keys: Near,
    gap: I64,
    gap_first: I64,
    gap_size: I64,
    points: U32,
    gaps_of: I64,
    status: U8,
    node: I32,
    missing: U8,
    sign: U64,
    door: I32,
    others: I32,
    others_cost: npt.NDArray[np.float64],
    tail_text: U32,
    tail_end: I64,
) -> None:
    """Read some texts of a column.

    Parameters
    ----------
    data, offsets : ndarray
        UTF-8 bytes and where each text begins and ends.
    rows : ndarray of int64
        Which texts.
    gap, gap_first, gap_size : ndarray of int64
        Pieces of the gaps that were cut (`address.kernel.items.fill_gap`), where those of each gap
        begin, and how many characters it has.
    points : ndarray of uint32
        Values of the tokens in gaps.
    gaps_of : ndarray of int64, shape (texts, `MOST_GAPS`)
        The gaps of each text in order (-1 where it is not known yet).
    status, node, missing, sign, door
        Written, shape of ``offsets`` less one: one of `EXACT` … `WANTS_TAIL`; row of the node, -1
        for none; rank of the level that is missing; hash of all that confidence depends on; `_door`
        where a number is missing.
    others, others_cost
        Written unless empty, shape (texts, ways): nodes of the other ways as
        `address.match.Match.alternatives` has them, -1 behind the last, and their costs.
    tail_text, tail_end
        Written: for `WANTS_TAIL` 1 where a road ends there, the character before the tail (0 where
        none) and the tail, one after the other, and the end of each text's, shape of ``rows``.
    """
    nodes, words = borrowed_nodes(nodes), borrowed_words(words)
    calls, keys = borrowed_calls(calls), borrowed_near(keys)
    given = np.empty(LONGEST, np.uint32)
    used = np.int64(0)
    for k in range(len(rows)):
        row = rows[k]
        node[row], missing[row], sign[row], door[row] = -1, 0, 0, -1
        size = _decoded(data, offsets[row], offsets[row + 1], given)
        found = NEEDS_REFERENCE
        if size > 0:
            found = read(given, size, work, tables, nodes, words, calls, keys)
        for n in range(MOST_GAPS):
            at = gaps_of[row, n]
            if found != NEEDS_TAIL:
                break
            if at < 0:
                tail_text[used] = 1 if after_road(work, nodes) else 0
                begin = work.state[TAIL]
                tail_text[used + 1] = work.text[begin - 1] if begin else 0
                used += 2
                for i in range(begin, work.state[LENGTH_OF_TEXT]):
                    tail_text[used] = work.text[i]
                    used += 1
                break
            found = finish(
                work, tables, nodes, words, calls, keys, gap, points,
                gap_first[at], gap_first[at + 1], gap_size[at],
            )  # fmt: skip
            if found == NEEDS_TAIL and n + 1 == MOST_GAPS:
                found = NEEDS_REFERENCE
        tail_end[k] = used
        if found == NEEDS_TAIL:
            status[row] = WANTS_TAIL
        elif found <= 0:
            status[row] = UNREAD
        else:
            status[row], sign[row] = _summary(work, nodes, calls, found)
            if work.state[TOUCHED]:
                status[row] = UNREAD
                continue
            missing[row] = 0 if status[row] == NONE else work.ways[0, MISSING]
            if len(others):
                _tell_others(work, nodes, found, others[row], others_cost[row])
            door[row] = _door(work, nodes) if missing[row] == _NUMBER else -1
            node[row] = -1 if status[row] == NONE else work.ways[0, ROW]


@njit(cache=True, nogil=True)
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
