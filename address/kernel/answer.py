"""One text through the compiled path: fold, cut, search."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.borrow import borrowed_calls, borrowed_nodes, borrowed_words
from address.kernel.folding import fold_points
from address.kernel.items import cut
from address.kernel.options import look_up
from address.kernel.search import search
from address.kernel.turning import may_be_turned
from address.kernel.work import (
    ADMIN,
    END,
    ERROR,
    ITEMS,
    KIND,
    LENGTH_OF_TEXT,
    LONGEST,
    MOST_ITEMS,
    NAME,
    NODE,
    PLAIN,
    REST,
    RUNS,
    SILENT,
    START,
    TAIL,
    WHAT,
    Calls,
    Nodes,
    Tables,
    Words,
)
from address.model import RANK

__all__ = ["NEEDS_REFERENCE", "NEEDS_TAIL", "finish", "finish_one", "read", "read_one"]

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
    given: U32, size: int, work: np.record, tables: Tables, nodes: Nodes, words: Words, calls: Calls
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
    cut(work, tables, nodes, calls)
    if work.state[ERROR]:
        return NEEDS_REFERENCE
    look_up(work, words)
    if work.state[TAIL] < length:
        last = work.state[ITEMS] - 1
        if last < 0 or (
            work.items[last, KIND] == NODE
            and not work.items[last, ADMIN]
            and _is_road(nodes, work.items[last, NAME])
        ):
            return NEEDS_REFERENCE  # nothing known before it, or a name that goes on
        return NEEDS_TAIL
    return search(work, nodes, calls)


@njit(cache=True)
def _is_road(nodes: Nodes, name: int) -> bool:
    return nodes.level[nodes.name_rows[nodes.name_start[name]]] == _ROAD


@njit(cache=True)
def finish(work: np.record, nodes: Nodes, calls: Calls, tail: I64, first: int, last: int) -> int:
    """Go on after `NEEDS_TAIL` with what the reference made of the tail.

    Parameters
    ----------
    tail : ndarray of int64, shape (n, 4 + levels)
        Pieces ``first`` to ``last``: characters from the tail's beginning to the piece's and to its
        end, whether it is silent, 0 relation, 1 rest, 2 generic, words of `PLAIN_LEVELS`.
    """
    at = work.state[ITEMS]
    if at + last - first > MOST_ITEMS:
        return NEEDS_REFERENCE
    for k in range(first, last):
        item = work.items[at]
        item[KIND], item[RUNS], item[ADMIN], item[NAME] = REST, 0, 0, 0
        item[START] = work.state[TAIL] + tail[k, 0]
        item[END] = work.state[TAIL] + tail[k, 1]
        item[SILENT], item[WHAT] = tail[k, 2], tail[k, 3]
        for level in range(tail.shape[1] - 4):
            item[PLAIN + level] = tail[k, 4 + level]
        at += 1
    work.state[ITEMS] = at
    return search(work, nodes, calls)


@njit(cache=True)
def read_one(
    given: U32, size: int, work: np.record, tables: Tables, nodes: Nodes, words: Words, calls: Calls
) -> int:
    """As `read`, called from Python."""
    return read(
        given, size, work, tables,
        borrowed_nodes(nodes), borrowed_words(words), borrowed_calls(calls),
    )  # fmt: skip


@njit(cache=True)
def finish_one(work: np.record, nodes: Nodes, calls: Calls, tail: I64) -> int:
    """As `finish` with all pieces, called from Python."""
    zero = np.int64(0)
    return finish(work, borrowed_nodes(nodes), borrowed_calls(calls), tail, zero, len(tail))
