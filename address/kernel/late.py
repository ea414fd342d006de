"""Whether what was edited after the build touches a text: then the reference reads it."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.arena import RENAMED, RETIRED
from address.kernel.work import LENGTH_OF_TEXT, Calls, Nodes
from address.walk import _BASIS, _ONE, _PRIME, _slot, step

__all__ = ["GONE", "bears_late", "is_late", "names_late"]

GONE = RETIRED | RENAMED
"""Flags of nodes that no longer go by the names of the build."""


@njit(cache=True)
def is_late(table: npt.NDArray[np.uint64], value: np.uint64) -> bool:
    """Whether a hash stands in `address.late.Late.table`."""
    if len(table) == 0:
        return False
    mask = np.uint64(len(table) - 1)
    at = _slot(value, mask)
    while table[at] != 0:
        if table[at] == value:
            return True
        at = (at + _ONE) & mask
    return False


@njit(cache=True)
def bears_late(nodes: Nodes, name: int) -> bool:
    """Whether a node went by a name when the index was built and does not now."""
    for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
        if nodes.flags[nodes.name_rows[k]] & GONE:
            return True
    return False


@njit(cache=True)
def names_late(work: np.record, nodes: Nodes, calls: Calls) -> bool:
    """Whether a name stands in the text, anywhere, that was given or taken after the build."""
    text, size = work.text, work.state[LENGTH_OF_TEXT]
    for position in range(size):
        longest = np.int64(calls.heads[text[position] & 0xFFFF])
        value = _BASIS * _PRIME
        for i in range(position, min(size, position + longest)):
            value = (value ^ np.uint64(text[i])) * _PRIME
            if is_late(calls.late, value):
                return True
        state = 0
        for i in range(position, size):
            state = step(state, text[i], calls.step_key, calls.step_next)
            if state < 0:
                break
            name = np.int64(calls.state_name[state])
            if name >= 0 and bears_late(nodes, name):
                return True
    return False
