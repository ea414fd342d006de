"""One text through the compiled path: fold, cut, search."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.arena import SILENT, WHOLE
from address.kernel.folding import fold_points
from address.kernel.items import cut, fill_gap
from address.kernel.late import names_late
from address.kernel.lent import (
    Spelling,
    calls_at,
    near_at,
    nodes_at,
    spelling_at,
    tables_at,
    words_at,
)
from address.kernel.near import Near
from address.kernel.options import look_up
from address.kernel.search import search
from address.kernel.summary import summary, tell_others, written
from address.kernel.turning import may_be_turned
from address.kernel.work import (
    AFTER_ROAD,
    END,
    ERROR,
    ITEMS,
    KIND,
    LENGTH_OF_TEXT,
    LONGEST,
    NAME,
    NODE,
    REST,
    ROW,
    SIGN,
    SINCE,
    STATUS,
    TAIL,
    TOUCHED,
    WORDY,
    Calls,
    Nodes,
    Tables,
    Words,
)
from address.model import RANK

__all__ = ["NEEDS_REFERENCE", "NEEDS_TAIL", "after_road", "finish", "read", "read_one"]

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
_ROAD = RANK["road"]

NEEDS_REFERENCE = -1
NEEDS_TAIL = -2
"""What follows ``work.state[TAIL]`` must be cut by the reference first."""


@njit(cache=True)
def _readable(text: U32, size: int) -> bool:
    """Some Han, no word of a Latin script."""
    han, run = 0, 0
    for i in range(size):
        c = text[i]
        if 0x4E00 <= c <= 0x9FA5:
            han += 1
        letter = 65 <= c <= 90 or 97 <= c <= 122
        run = run + 1 if letter else 0
        if run >= 3:
            return False
    return han > 0


@njit(cache=True)
def read(
    given: U32,
    size: int,
    work: np.record,
    tables: Tables,
    nodes: Nodes,
    words: Words,
    calls: Calls,
    keys: Near,
) -> int:
    """Read one text.

    Parameters
    ----------
    given : ndarray of uint32
        Code points, the first `size` of them.

    Returns
    -------
    int
        Number of ways in ``work.ways``, cheapest first; `NEEDS_REFERENCE`; `NEEDS_TAIL`.
    """
    if size > LONGEST or size == 0:
        return NEEDS_REFERENCE
    length = fold_points(
        given, size, tables.fold, tables.numeral, tables.watch, work.text, work.starts, work.ends
    )
    if length <= 0 or not _readable(work.text, length):
        return NEEDS_REFERENCE
    work.state[LENGTH_OF_TEXT] = length
    if may_be_turned(work.text, length, nodes, calls):
        return NEEDS_REFERENCE
    return _go_on(work, tables, nodes, words, calls, keys, np.int64(0))


@njit(cache=True)
def _go_on(
    work: np.record,
    tables: Tables,
    nodes: Nodes,
    words: Words,
    calls: Calls,
    keys: Near,
    begin: int,
) -> int:
    """Cut from a place on, and search when the end is reached."""
    cut(work, tables, nodes, calls, begin)
    if work.state[ERROR]:
        return NEEDS_REFERENCE
    if work.state[TAIL] < work.state[LENGTH_OF_TEXT]:
        return NEEDS_TAIL
    look_up(work, words)
    if work.state[SINCE] and (work.state[TOUCHED] or names_late(work, nodes, calls)):
        return NEEDS_REFERENCE
    return search(work, nodes, words, calls, keys)


@njit(cache=True)
def after_road(work: np.record, nodes: Nodes) -> bool:
    """Whether a road ends where the tail begins."""
    last = work.state[ITEMS] - 1
    if last < 0 or work.items[last, END] != work.state[TAIL]:
        return False
    if work.items[last, KIND] == NODE:
        name = work.items[last, NAME]
        return nodes.level[nodes.name_rows[nodes.name_start[name]]] == _ROAD
    return work.items[last, KIND] == REST and work.items[last, WORDY] == _ROAD


@njit(cache=True)
def finish(
    work: np.record,
    tables: Tables,
    nodes: Nodes,
    words: Words,
    calls: Calls,
    keys: Near,
    gap: I64,
    points: U32,
    first: int,
    last: int,
    size: int,
) -> int:
    """Go on after `NEEDS_TAIL` with what the reference made of the beginning of the tail.

    Parameters
    ----------
    gap, points, first, last
        As `address.kernel.items.fill_gap` takes them.
    size : int
        Characters that were cut.
    """
    fill_gap(work, gap, points, first, last)
    if work.state[ERROR]:
        return NEEDS_REFERENCE
    return _go_on(work, tables, nodes, words, calls, keys, work.state[TAIL] + size)


@njit(cache=True)
def read_one(
    given: U32, size: int, work: np.record, lent: I64, gap: I64, points: U32, cut_size: int
) -> int:
    """As `read`, or with an empty text as `finish` with all pieces; called from Python.

    For an answer ``work.state`` holds status and sign (`address.kernel.summary.summary`), ``work.told``
    the rows of the answer and the others, -1 behind the last, ``work.full`` their standard strings up to
    ``work.full_end``, -1 where there is no room; for `NEEDS_TAIL` whether a road ends there.
    """
    tables, nodes, words = tables_at(lent), nodes_at(lent), words_at(lent)
    calls, keys = calls_at(lent), near_at(lent)
    zero = np.int64(0)
    if size > 0:
        found = read(given, size, work, tables, nodes, words, calls, keys)
    else:
        found = finish(
            work, tables, nodes, words, calls, keys, gap, points, zero, np.int64(len(gap)), cut_size
        )
    if found == NEEDS_TAIL:
        work.state[AFTER_ROAD] = 1 if after_road(work, nodes) else 0
    elif found > 0:
        status, sign = summary(work, nodes, calls, found)
        work.state[STATUS], work.state[SIGN] = status, np.int64(sign)
        work.told[0] = work.ways[0, ROW]
        tell_others(work, nodes, found, work.told[1:], work.told_cost[1:])
        _spell(work, nodes, spelling_at(lent))
    return found


@njit(cache=True)
def _spell(work: np.record, nodes: Nodes, spelling: Spelling) -> None:
    """Standard strings of what is told."""
    size = np.int64(0)
    for fill in (False, True):
        if size > len(work.full):
            work.full_end[:] = -1
            break
        size = written(
            work.told, nodes.parent, nodes.flags, spelling.written, spelling.start, spelling.text,
            WHOLE, SILENT, work.full, work.full_end, fill,
        )  # fmt: skip
