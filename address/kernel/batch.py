"""Compiled loop over the texts of a column: decode, read, say what was found in numbers."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.answer import NEEDS_REFERENCE, NEEDS_TAIL, after_road, finish, read
from address.kernel.lent import calls_at, near_at, nodes_at, tables_at, words_at
from address.kernel.summary import AMBIGUOUS, EXACT, NONE, PARTIAL, summary, tell_others
from address.kernel.tokens import HAO, LANE
from address.kernel.work import (
    END,
    FIRST,
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
    REST,
    ROW,
    START,
    TAIL,
    TOKEN,
    TOUCHED,
    Nodes,
)
from address.model import RANK

__all__ = [
    "AMBIGUOUS",
    "EXACT",
    "NONE",
    "PARTIAL",
    "UNREAD",
    "WANTS_TAIL",
    "read_column",
]

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

UNREAD, WANTS_TAIL = 4, 5
"""Further statuses; the first four are those of `address.kernel.summary`."""
_ROAD, _STREET, _NUMBER = RANK["road"], RANK["street"], RANK["number"]


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
    lent: I64,
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
    lent : ndarray of int64
        `address.kernel.lent.lend`.
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
    tables, nodes, words = tables_at(lent), nodes_at(lent), words_at(lent)
    calls, keys = calls_at(lent), near_at(lent)
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
            status[row], sign[row] = summary(work, nodes, calls, found)
            if work.state[TOUCHED]:
                status[row] = UNREAD
                continue
            missing[row] = 0 if status[row] == NONE else work.ways[0, MISSING]
            if len(others):
                tell_others(work, nodes, found, others[row], others_cost[row])
            door[row] = _door(work, nodes) if missing[row] == _NUMBER else -1
            node[row] = -1 if status[row] == NONE else work.ways[0, ROW]
