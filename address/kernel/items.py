"""Compiled cutting of a folded text by the names of a gazetteer: names, numbered parts, the rest.

As `address.segment` and `address.query` cut it, as far as every part is a name of the gazetteer, a
numbered part or a separator.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.options import add_options
from address.kernel.tokens import (
    BARE,
    CHAIN,
    FLOOR,
    HAO,
    LANE,
    LOU,
    ROOM,
    SUB,
    YARD,
    read_token,
)
from address.kernel.work import (
    ADMIN,
    CURSOR,
    END,
    ERROR,
    FIRST,
    G_END,
    G_FIRST,
    G_LENGTH,
    G_LEVEL,
    G_PLACELESS,
    G_SILENT,
    G_START,
    G_SUFFIX,
    G_TOKEN,
    G_WHAT,
    ITEMS,
    KIND,
    LENGTH,
    LENGTH_OF_TEXT,
    MOST_ITEMS,
    NAME,
    NODE,
    NUMBER,
    PIECE_TOKEN,
    PLACELESS,
    REST,
    RUNS,
    RUNS_USED,
    SILENT,
    START,
    STEPS,
    SUFFIX,
    TAIL,
    TOKEN,
    WHAT,
    WORDY,
    Calls,
    Nodes,
    Tables,
)
from address.model import RANK
from address.segment import _NAMED_WORD as _WORD_ENDS
from address.walk import name_of, step

__all__ = ["cut", "fill_gap", "longest_name", "name_begins"]

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

_LU, _JIE, _DAO, _XIANG, _NONG, _DA, _ZHI = (ord(c) for c in "路街道巷弄大支")
_COMMA, _OPEN, _CLOSE, _DASH, _TILDE, _PLUS, _AND = (ord(c) for c in ",()-~+&")
_COMMUNITY = RANK["community"]


@njit(cache=True)
def name_begins(text: U32, size: int, at: int, calls: Calls) -> bool:
    """Whether a name of the gazetteer begins at a place."""
    state = 0
    for i in range(at, size):
        state = step(state, text[i], calls.step_key, calls.step_next)
        if state < 0:
            return False
        if calls.state_name[state] >= 0:
            return True
    return False


@njit(cache=True)
def longest_name(text: U32, size: int, at: int, calls: Calls) -> int:
    """End of the longest name that begins at a place, `at` where none does."""
    state, end = 0, at
    for i in range(at, size):
        state = step(state, text[i], calls.step_key, calls.step_next)
        if state < 0:
            break
        if calls.state_name[state] >= 0:
            end = i + 1
    return end


@njit(cache=True)
def _is_name(text: U32, start: int, end: int, calls: Calls) -> bool:
    return name_of(text, start, end, calls.step_key, calls.step_next, calls.state_name) >= 0


@njit(cache=True)
def _falls_apart(text: U32, start: int, end: int, calls: Calls) -> bool:
    """合庆镇前哨村: a name of two names."""
    for cut in range(start + 2, end - 1):
        if _is_name(text, start, cut, calls) and _is_name(text, cut, end, calls):
            return True
    return False


@njit(cache=True)
def _road_after(text: U32, size: int, at: int) -> bool:
    """路, 街 (not 街道), 大道, 大街, 巷 stands at a place."""
    if at >= size:
        return False
    c = text[at]
    second = text[at + 1] if at + 1 < size else np.uint32(0)
    if c == _LU or c == _XIANG:
        return True
    if c == _JIE:
        return second != _DAO
    return c == _DA and (second == _DAO or second == _JIE)


_ROAD_LAST = np.array([ord(c) for c in "路街道巷弄"])
_NAMED_WORD = np.array([ord(c) for c in sorted(_WORD_ENDS)])
_SIDES = np.array([ord(c) for c in "东西南北中"])


@njit(cache=True)
def _one_of(c: int, these: npt.NDArray[np.int64]) -> bool:
    for k in range(len(these)):
        if these[k] == c:
            return True
    return False


@njit(cache=True)
def _directed_road(text: U32, size: int, at: int) -> bool:
    """东路, 西北大道: a road that goes on from the name before it."""
    i = at
    while i < size and i < at + 2 and _one_of(text[i], _SIDES):
        i += 1
    return i > at and i < size and text[i] != _XIANG and _road_after(text, size, i)


@njit(cache=True)
def _name_at(text: U32, size: int, at: int, calls: Calls) -> tuple[int, int]:
    """Longest name at a place that does not run into a road of another name: number and end."""
    best, best_end = -1, at
    state = 0
    for i in range(at, size):
        state = step(state, text[i], calls.step_key, calls.step_next)
        if state < 0:
            break
        name = calls.state_name[state]
        if name < 0:
            continue
        c = text[i]
        cuts = not _one_of(c, _ROAD_LAST) and _road_after(text, size, i + 1)
        if not cuts and not _one_of(c, _NAMED_WORD):
            cuts = _directed_road(text, size, i + 1)
        if not cuts or name_begins(text, size, i + 1, calls):
            best, best_end = np.int64(name), i + 1
    return best, best_end


@njit(cache=True)
def _add_name(work: np.record, nodes: Nodes, name: int, start: int, end: int) -> None:
    at = work.state[ITEMS]
    work.state[ITEMS] = at + 1
    item = work.items[at]
    item[KIND], item[START], item[END], item[NAME], item[RUNS] = NODE, start, end, name, 0
    admin = 1
    for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
        if nodes.level[nodes.name_rows[k]] > _COMMUNITY:
            admin = 0
            break
    item[ADMIN] = admin


@njit(cache=True)
def _add_number(work: np.record, start: int) -> None:
    """A numbered item; a sub-number joins the door before it, a lane the lane."""
    kind, end, first, length, suffix = (
        work.token[0],
        work.token[1],
        work.token[2],
        work.token[3],
        work.token[4],
    )
    at = work.state[ITEMS]
    if at and (kind == SUB or kind == LANE):
        before = work.items[at - 1]
        door = before[KIND] == NUMBER and before[END] == start
        held = before[TOKEN]
        if kind == SUB and door and held == CHAIN:
            work.state[ERROR] = 1
            return
        if (kind == SUB and door and (held == HAO or held == YARD or held == BARE)) or (
            kind == LANE and door and held == LANE
        ):
            values, into = work.values, work.state[CURSOR]
            if into + before[LENGTH] + length + 80 > len(values):
                work.state[ERROR] = 1
                return
            for i in range(before[LENGTH]):
                values[into + i] = values[before[FIRST] + i]
            total = into + before[LENGTH]
            values[total] = _DASH if kind == SUB else _NONG
            for i in range(length):
                values[total + 1 + i] = values[first + i]
            total += 1 + length
            if kind == LANE:
                values[total] = _ZHI
                total += 1
            work.state[CURSOR] = total
            before[END], before[FIRST], before[LENGTH] = end, into, total - into
            before[TOKEN] = HAO if kind == SUB else LANE
            work.state[RUNS_USED] -= before[RUNS]
            add_options(work, at - 1)
            return
    work.state[ITEMS] = at + 1
    item = work.items[at]
    item[KIND], item[START], item[END], item[TOKEN] = NUMBER, start, end, kind
    item[FIRST], item[LENGTH], item[SUFFIX], item[ADMIN] = first, length, suffix, 0
    item[RUNS] = 0
    short = (kind == ROOM or kind == BARE) and length <= 2 and at > 0
    if short and work.items[at - 1, KIND] == NUMBER and work.items[at - 1, END] == start:
        floor = work.items[at - 1, TOKEN]
        short = floor == FLOOR or floor == LOU
    else:
        short = False
    if kind == SUB or short:  # 10楼03室 may be 1003: `address.query` knows
        work.state[ERROR] = 1
        return
    add_options(work, at)


@njit(cache=True)
def fill_gap(work: np.record, gap: I64, points: U32, first: int, last: int) -> None:
    """Put the pieces `first` to `last` that the reference found at ``state[TAIL]``.

    Parameters
    ----------
    gap : ndarray of int64, shape (n, `G_COLUMNS`)
        Begin and end from the tail on, whether it is silent, what it is, rank of its level, whether
        its words tell no place, kind, last word and value of a token.
    points : ndarray of uint32
        Values of tokens.
    """
    state = work.state
    for k in range(first, last):
        if state[ITEMS] >= MOST_ITEMS or state[CURSOR] + 256 > len(work.values):
            state[ERROR] = 1
        if state[ERROR]:
            return
        start = state[TAIL] + gap[k, G_START]
        if gap[k, G_WHAT] == PIECE_TOKEN:
            begun, length = state[CURSOR], gap[k, G_LENGTH]
            for i in range(length):
                work.values[begun + i] = points[gap[k, G_FIRST] + i]
            work.token[0], work.token[1] = gap[k, G_TOKEN], state[TAIL] + gap[k, G_END]
            work.token[2], work.token[3], work.token[4] = begun, length, gap[k, G_SUFFIX]
            state[CURSOR] = begun + length
            _add_number(work, start)
            continue
        item = work.items[state[ITEMS]]
        state[ITEMS] += 1
        item[KIND], item[RUNS], item[ADMIN], item[NAME] = REST, 0, 0, 0
        item[START], item[END] = start, state[TAIL] + gap[k, G_END]
        item[SILENT], item[WHAT] = gap[k, G_SILENT], gap[k, G_WHAT]
        item[WORDY], item[PLACELESS] = gap[k, G_LEVEL], gap[k, G_PLACELESS]


@njit(cache=True)
def cut(work: np.record, tables: Tables, nodes: Nodes, calls: Calls, begin: int) -> None:
    """Fill ``work.items`` from ``work.text``, from a place on.

    ``state[TAIL]`` is where something begins that is none of the parts known here, else the length
    of the text.
    """
    text, size, state = work.text, work.state[LENGTH_OF_TEXT], work.state
    if begin == 0:
        state[ITEMS] = state[CURSOR] = state[STEPS] = state[RUNS_USED] = state[ERROR] = 0
    at = np.int64(begin)
    while at < size:
        state[TAIL] = at
        if state[ITEMS] >= MOST_ITEMS or state[CURSOR] + 256 > len(work.values):
            state[ERROR] = 1
        if state[ERROR]:
            return
        c = text[at]
        if (
            c == _COMMA
            or c == _OPEN
            or c == _CLOSE
            or c == _TILDE
            or c == _PLUS
            or c == _AND
            or c == _DASH
        ):
            found = 0
            if c == _DASH:
                found = read_token(
                    text, size, at, work.values, state[CURSOR], tables.head, work.token
                )
            if found == 0:
                at += 1
                continue
        name, end = _name_at(text, size, at, calls)
        if name >= 0:
            level = nodes.level[nodes.name_rows[nodes.name_start[name]]]
            if level == _COMMUNITY and _falls_apart(text, at, end, calls):
                state[ERROR] = 1
                return
            _add_name(work, nodes, name, at, end)
            at = end
            continue
        found = read_token(text, size, at, work.values, state[CURSOR], tables.head, work.token)
        if found != 1:
            return
        state[CURSOR] = work.token[2] + work.token[3]
        _add_number(work, at)
        at = work.token[1]
    state[TAIL] = size
