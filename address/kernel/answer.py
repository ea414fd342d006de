"""One text through the compiled path: fold, cut, search."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.folding import fold_points
from address.kernel.items import cut
from address.kernel.search import search
from address.kernel.turning import may_be_turned
from address.kernel.work import (
    ERROR,
    LENGTH_OF_TEXT,
    LONGEST,
    TAIL,
    Calls,
    Nodes,
    Tables,
    Words,
)

__all__ = ["NEEDS_REFERENCE", "NEEDS_TAIL", "read"]

U32 = npt.NDArray[np.uint32]

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
    given: U32, size: int, work: Any, tables: Tables, nodes: Nodes, words: Words, calls: Calls
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
    cut(work, tables, nodes, words, calls)
    if work.state[ERROR]:
        return NEEDS_REFERENCE
    if work.state[TAIL] < length:
        return NEEDS_TAIL
    return search(work, nodes, calls)
