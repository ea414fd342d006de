"""Compiled guard for texts that run from the room to the province."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel.work import Calls, Nodes
from address.walk import name_of

__all__ = ["may_be_turned"]

U32 = npt.NDArray[np.uint32]

_COMMA = ord(",")
_SHI, _FANG, _PU, _CENG, _LOU, _DAN, _YUAN, _MEN, _TI = (ord(c) for c in "室房铺层楼单元门梯")
_DONG, _ZHUANG, _ZUO, _HAO, _HASH, _NONG, _SHENG, _QU = (ord(c) for c in "栋幢座号#弄省区")
_ROOM, _FLOOR, _UNIT, _BUILDING, _NUMBER, _PROVINCE = 15, 14, 13, 12, 9, 1


@njit(cache=True)
def _digit(c: int) -> bool:
    return 48 <= c <= 57


@njit(cache=True)
def _rank_of_end(text: U32, a: int, b: int) -> int:
    """Rank the last word of a part tells (see `address.query`), 0 where none."""
    c = np.int64(text[b - 1])
    before = np.int64(text[b - 2]) if b - 2 >= a else 0
    if c == _SHI or c == _FANG or c == _PU:
        return _ROOM
    if _digit(before) and (c == _CENG or c == _LOU or c == 70):
        return _FLOOR
    if c == _TI or (c == _YUAN and before == _DAN) or (c == _MEN and _digit(before)):
        return _UNIT
    if c == _DONG or c == _ZHUANG or c == _ZUO or c == _HASH or (c == _LOU and before == _HAO):
        return _BUILDING
    if c == _HAO or c == _NONG:
        return _NUMBER
    if c == _SHENG or (c == _QU and b - a >= 3 and text[b - 2] == 0x6CBB and text[b - 3] == 0x81EA):
        return _PROVINCE
    i = a
    if 65 <= text[i] <= 90:
        i += 1
    run = i
    while i < b and _digit(text[i]):
        i += 1
    digits = i - run
    if i < b and 65 <= text[i] <= 90:
        i += 1
    return _ROOM if i == b and 3 <= digits <= 4 else 0


@njit(cache=True)
def _rank_of_part(text: U32, a: int, b: int, nodes: Nodes, calls: Calls) -> int:
    name = name_of(text, a, b, calls.step_key, calls.step_next, calls.state_name)
    if name < 0:
        last = text[b - 1]
        if (last == _HAO or last == _NONG) and not _digit(text[a]):
            return 8  # a road with its door
        return _rank_of_end(text, a, b)
    best = 99
    for k in range(nodes.name_start[name], nodes.name_start[name + 1]):
        best = min(best, np.int64(nodes.level[nodes.name_rows[k]]))
    return best


@njit(cache=True)
def _house_first(text: U32, size: int) -> bool:
    """A numbered part of a house stands at the head: 1203室2单元5号楼临江花园."""
    i = 1 if size and 65 <= text[0] <= 90 else 0
    run = i
    while i < size and _digit(text[i]):
        i += 1
    if i == run or i + 1 >= size:
        return False
    c, after = np.int64(text[i]), np.int64(text[i + 1])
    if c == _HAO:
        return after == _LOU
    return (
        c == _SHI or c == _FANG or c == _CENG or c == _LOU or c == _DONG or c == _ZHUANG
        or c == _ZUO or c == _TI or c == _COMMA or (c == _DAN and after == _YUAN)
    )  # fmt: skip


@njit(cache=True)
def may_be_turned(text: U32, size: int, nodes: Nodes, calls: Calls) -> bool:
    """Whether the parts between commas go from narrow to wide."""
    if _house_first(text, size):
        return True
    known, falls, first, last, parts, commas = 0, 0, 0, 0, 0, 0
    a = 0
    for i in range(size + 1):
        if i < size and text[i] != _COMMA:
            continue
        commas += 1 if i < size else 0
        if i > a:
            parts += 1
            rank = _rank_of_part(text, a, i, nodes, calls)
            if rank:
                falls += 1 if known and last > rank else 0
                first = rank if known == 0 else first
                last = rank
                known += 1
        a = i + 1
    if commas < 2 or parts < 3 or known < 3:
        return False
    return falls >= known - 1 - (1 if known > 4 else 0) and first >= last
