"""Compiled `address.grammar.token_at` for the forms that can be read one way."""

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["KINDS", "NOT_MINE", "SUFFIXES", "head_table", "read_token", "token_text"]

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

NOT_MINE = -1

KINDS = ("", "lane", "chain", "yard", "building", "unit", "floor", "room", "hao", "lou", "phase",
         "group", "bare", "sub")  # fmt: skip
"""Kind of a token by its number here."""
LANE, CHAIN, YARD, BUILDING, UNIT, FLOOR, ROOM, HAO, LOU, PHASE, GROUP, BARE, SUB = (
    np.int64(k)
    for k in range(1, 14)  # a Python int would be a type of its own, compiled for again
)

SUFFIXES = ("", "号", "弄", "支弄", "室", "房间", "房", "铺", "单元", "门", "楼", "层", "栋", "幢",
            "座", "户", "号楼", "#")  # fmt: skip
"""Last word of a token by its number here; 0 where it tells nothing."""
(S_NONE, S_HAO, S_NONG, S_ZHINONG, S_SHI, S_FANGJIAN, S_FANG, S_PU, S_DANYUAN, S_MEN, S_LOU,
 S_CENG, S_DONG, S_ZHUANG, S_ZUO, S_HU, S_HAOLOU, S_HASH) = (np.int64(k) for k in range(18))  # fmt: skip

_HAO, _NONG, _ZHI, _LOU, _DONG, _ZHUANG, _ZUO = (ord(c) for c in "号弄支楼栋幢座")
_DAN, _YUAN, _MEN, _TI, _CENG, _SHI, _FANG, _JIAN, _PU, _HU, _NA = (
    ord(c) for c in "单元门梯层室房间铺户那"
)
_QI, _QU, _ZU, _DUI, _SHE, _DA, _COURT = (ord(c) for c in "期区组队社大院")
_FU_NEG, _DI, _XIA, _FU, _OF, _ZI = (ord(c) for c in "负地下附之字")
_HASH, _DASH, _COMMA, _OPEN, _CLOSE, _TILDE = (ord(c) for c in "#-,()~")
_WAI, _ZHUANG_POST, _PU_OLD = ord("外"), ord("桩"), ord("舖")

HEAD_PREFIX, HEAD_COMPASS, HEAD_NUMERAL, HEAD_OTHER = 1, 2, 3, 4
STOP_LOU, STOP_MEN, STOP_BARE, STOP_FANG, STOP_HAOLOU, STOP_SHE = 16, 32, 64, 128, 8, 256
STOP_EXIT, FACILITY = 512, 1024


_FACILITIES = [
    "雨水",
    "污水",
    "电力",
    "通信",
    "通讯",
    "市政",
    "供水",
    "燃气",
    "自来",
    "路灯",
    "灯杆",
    "井盖",
    "消防",
    "消火",
    "桥墩",
    "配电",
    "变电",
    "变压",
    "电线",
    "信号",
    "监控",
    "垃圾",
    "公交",
    "充电",
    "交通",
]
_FACILITY_PAIRS = np.array(sorted(ord(pair[0]) << 16 | ord(pair[1]) for pair in _FACILITIES))


@njit(cache=True)
def _facility(first: int, second: int) -> bool:
    """A lamp post, a manhole and the like may begin with these."""
    pair = first << 16 | second
    at = np.searchsorted(_FACILITY_PAIRS, pair)
    return at < len(_FACILITY_PAIRS) and _FACILITY_PAIRS[at] == pair


@cache
def head_table() -> npt.NDArray[np.uint16]:
    """What a Han character does at the head of a token or behind its unit word, shape (65536,)."""
    table = np.zeros(0x10000, np.uint16)
    for words, bit in (
        ("甲乙丙丁戊己庚辛", HEAD_PREFIX),
        ("东西南北中", HEAD_COMPASS),
        ("一二三四五六七八九十", HEAD_NUMERAL),
        ("顶首夹避底", HEAD_OTHER),
        ("盘下上宇村镇乡路街", STOP_LOU),
        ("路街口诊镇乡村市面外", STOP_MEN),
        ("年月日点时分元万米个位吨%国省县中小大公路号次台件村团连口出", STOP_BARE),
        ("产屋管", STOP_FANG),
        ("上下梯道", STOP_HAOLOU),
        ("区", STOP_SHE),
        ("口出", STOP_EXIT),
        ([pair[0] for pair in _FACILITIES], FACILITY),
    ):
        for character in words:
            table[ord(character)] |= bit
    return table


@njit(cache=True)
def _digit(c: int) -> bool:
    return 48 <= c <= 57


@njit(cache=True)
def _letter(c: int) -> bool:
    return 65 <= c <= 90 or 97 <= c <= 122


@njit(cache=True)
def _get(text: U32, at: int, size: int) -> int:
    """Code point at a place, 0 beyond the end."""
    return np.int64(text[at]) if at < size else 0


@njit(cache=True)
def _put(out: I64, kind: int, end: int, first: int, length: int, suffix: int) -> int:
    out[0], out[1], out[2], out[3], out[4] = kind, end, first, length, suffix
    return 1


@njit(cache=True)
def _copy_upper(text: U32, start: int, end: int, values: U32, at: int) -> int:
    """Write a part in capital letters; the place behind it."""
    for i in range(start, end):
        c = text[i]
        values[at] = c - 32 if 97 <= c <= 122 else c
        at += 1
    return at


@njit(cache=True)
def _copy_door(text: U32, start: int, end: int, values: U32, at: int) -> int:
    """Write the core of a door, without zeros in front of its number."""
    if not _digit(text[start]) and not _letter(text[start]):
        values[at] = text[start]
        at += 1
        start += 1
    if text[start] == 48:
        while start < end and text[start] == 48:
            start += 1
        if start == end or not (_digit(text[start]) or _letter(text[start])):
            start -= 1
    return _copy_upper(text, start, end, values, at)


@njit(cache=True)
def _below_ground(text: U32, size: int, at: int, values: U32, first: int, out: I64) -> int:
    """负1层, 地下2层, B1: 0 where it is none of these."""
    c = text[at]
    i = at
    if c == _FU_NEG:
        i += 1
    elif c == _DI and _get(text, at + 1, size) == _XIA:
        i += 2
    else:
        before = np.int64(text[at - 1]) if at else 0
        if 65 <= before <= 90 or _digit(before):
            return 0
        if c == _DASH:
            i += 1
        else:
            if c == 76:
                i += 1
            if _get(text, i, size) != 66:
                return 0
            i += 1
            if _get(text, i, size) == _DASH:
                i += 1
    if not _digit(_get(text, i, size)):
        return NOT_MINE if c == _DI else 0
    values[first], values[first + 1] = _DASH, text[i]
    after = _get(text, i + 1, size)
    if after == _CENG or after == _LOU or after == 70 or after == 102:
        return _put(out, FLOOR, i + 2, first, 2, S_CENG)
    if after == 0 or after == _COMMA or after == _OPEN or after == _CLOSE:
        return _put(out, FLOOR, i + 1, first, 2, S_CENG)
    return NOT_MINE if c == _DI else 0


@njit(cache=True)
def _chain_end(text: U32, size: int, i: int) -> int:
    """End of the parts ``-2``, ``-B``, ``-501A`` from a dash on; `i` where there is none."""
    while _get(text, i, size) == _DASH:
        k = i + 1
        if _letter(_get(text, k, size)):
            k += 1
        if not _digit(_get(text, k, size)):
            if k == i + 2 and _get(text, k, size) == _DASH:
                i = k
                continue
            break
        run = k
        while _digit(_get(text, k, size)):
            k += 1
        if k - run > 5:
            return NOT_MINE
        if _letter(_get(text, k, size)):
            k += 1
        i = k
    return i


@njit(cache=True)
def _chain_suffix(text: U32, size: int, i: int) -> tuple[int, int]:
    """Last word of a chain and its length."""
    c, second = _get(text, i, size), _get(text, i + 1, size)
    if c == _HAO:
        return (S_HAOLOU, 2) if second == _LOU else (S_HAO, 1)
    if c == _NONG:
        return S_NONG, 1
    if c == _SHI:
        return S_SHI, 1
    if c == _FANG:
        return (S_FANGJIAN, 2) if second == _JIAN else (S_FANG, 1)
    if c == _PU:
        return S_PU, 1
    if c == _DAN and second == _YUAN:
        return S_DANYUAN, 2
    if c == _MEN:
        return S_MEN, 1
    if c == _LOU:
        return S_LOU, 1
    if c == _CENG:
        return S_CENG, 1
    if c == _DONG:
        return S_DONG, 1
    if c == _ZHUANG:
        return S_ZHUANG, 1
    if c == _ZUO:
        return S_ZUO, 1
    if c == _HU:
        return S_HU, 1
    return S_NONE, 0


@njit(cache=True)
def _special(
    text: U32, size: int, at: int, values: U32, first: int, head: npt.NDArray[np.uint16], out: I64
) -> int:
    """Tokens that begin with a Han character or a dash."""
    c = np.int64(text[at])
    if c == _DASH or c == _FU_NEG or c == _DI:
        return _below_ground(text, size, at, values, first, out)
    second = _get(text, at + 1, size)
    if c == _ZHUANG_POST:
        return NOT_MINE
    if c == _FU or c == _OF:
        k = at + 1
        while _digit(_get(text, k, size)):
            k += 1
        if k == at + 1:
            return 0
        if k - at > 5:
            return NOT_MINE
        last = _copy_upper(text, at + 1, k, values, first)
        if _get(text, k, size) == _HAO:
            k += 1
        return _put(out, SUB, k, first, last - first, S_NONE)
    if c >= 0x10000:
        return 0
    kind = head[c] & 7
    if kind == HEAD_COMPASS:
        if second == _DAN or second == _MEN:
            return NOT_MINE
        end = at + 2 if second == _QU else at + 3 if _get(text, at + 2, size) == _QU else 0
        if end == 0:
            return 0
        after = _get(text, end, size)
        if end == at + 3 or not (_digit(after) or after == 0 or after == _COMMA):
            return NOT_MINE
        last = _copy_upper(text, at, end, values, first)
        return _put(out, PHASE, end, first, last - first, S_NONE)
    if kind == HEAD_NUMERAL:
        third = _get(text, at + 2, size)
        end = at + 2 if second == _QI else at + 3 if third == _QI else 0
        if end == at + 3 and not (_digit(second) or (head[second & 0xFFFF] & 7) == HEAD_NUMERAL):
            return 0
        if end == 0:
            return 0
        last = _copy_upper(text, at, end, values, first)
        return _put(out, PHASE, end, first, last - first, S_NONE)
    if kind == HEAD_OTHER:
        return NOT_MINE
    return 0


@njit(cache=True)
def read_token(
    text: U32, size: int, at: int, values: U32, first: int, head: npt.NDArray[np.uint16], out: I64
) -> int:
    """Numbered part that begins at a place of a folded text.

    Parameters
    ----------
    text : ndarray of uint32
        Folded code points, the first `size` of them.
    at : int
    values : ndarray of uint32
        Written from `first` on: the value of the token.
    head : ndarray of uint16
        `head_table`.
    out : ndarray of int64, shape (5,)
        Written: number in `KINDS`, end, first and length of the value, number in `SUFFIXES`.

    Returns
    -------
    int
        1 a token; 0 surely none; `NOT_MINE` the reference must look.
    """
    c = np.int64(text[at])
    i = np.int64(at)
    prefix = c < 0x10000 and (head[c] & 7) == HEAD_PREFIX
    if not (_digit(c) or _letter(c) or prefix):
        return _special(text, size, at, values, first, head, out)
    if prefix:
        i += 1
        second = _get(text, i, size)
        if second == _ZI:
            return NOT_MINE
        if not _digit(second) and not _letter(second):
            # 甲座, 甲单元: read by the reference; 甲 within a name is no token
            if second == _HAO or second == _HASH or second == _DONG or second == _ZHUANG:
                return NOT_MINE
            return NOT_MINE if second == _ZUO or second == _DAN or second == _MEN else 0
    lead = _letter(_get(text, i, size))
    if lead:
        i += 1
    run = i
    while _digit(_get(text, i, size)):
        i += 1
    digits = i - run
    if digits > 5:
        return NOT_MINE
    if not prefix and (c == 66 or c == 76):
        found = _below_ground(text, size, at, values, first, out)
        if found:
            return found
    if lead and digits:
        letter = _get(text, run - 1, size)
        if letter == 75 or letter == 71 or letter == 83 or letter == 88 or letter == 89:
            return NOT_MINE  # K12, G107, S20: posts and roads
    tail = digits > 0 and _letter(_get(text, i, size))
    chained = i + 1 if tail and not lead else i
    if not prefix and _get(text, chained, size) == _DASH and not (tail and lead):
        floor_first = tail and text[i] == 70
        end = chained if floor_first else _chain_end(text, size, chained)
        if end == NOT_MINE:
            return NOT_MINE
        if end > chained:
            suffix, length = _chain_suffix(text, size, end)
            last = _copy_upper(text, at, end, values, first)
            return _put(out, CHAIN, end + length, first, last - first, suffix)
    if tail:
        i += 1
    after = _get(text, i, size)
    if after < 0x10000 and (head[after] & 7) == HEAD_PREFIX:
        return NOT_MINE
    return _by_unit_word(text, size, at, i, prefix, lead, digits, tail, values, first, head, out)


@njit(cache=True)
def _by_unit_word(
    text: U32,
    size: int,
    at: int,
    i: int,
    prefix: bool,
    lead: bool,
    digits: int,
    tail: bool,
    values: U32,
    first: int,
    head: npt.NDArray[np.uint16],
    out: I64,
) -> int:
    """Kind of a token whose head ends at `i`."""
    after, second, third = _get(text, i, size), _get(text, i + 1, size), _get(text, i + 2, size)
    stop2 = np.int64(head[second]) if second < 0x10000 else 0
    pure = digits > 0 and not prefix and not lead and not tail
    letter = lead and digits == 0 and not prefix
    if lead and digits == 0 and prefix:
        return NOT_MINE
    if letter and _letter(_get(text, at + 1, size)):
        return NOT_MINE  # a word
    last = _copy_upper(text, at, i, values, first)
    length = last - first
    if after == _HAO:
        if third == _JIE or second == _LU or second == _XIAN:
            return NOT_MINE  # 6号大街, 31号路, 2号线
        if second == _LOU:
            if stop_of(text, i + 2, size, head) & STOP_HAOLOU:
                return NOT_MINE
            return _put(out, BUILDING, i + 2, first, length, S_HAOLOU)
        floor_like = tail and not prefix and digits <= 3
        if digits == 0 or (floor_like and (text[i - 1] == 70 or text[i - 1] == 102)):
            return NOT_MINE
        door = _copy_door(text, at, i, values, first) - first
        if second == _COURT:
            return _put(out, YARD, i + 2, first, door, S_HAO)
        if second == _DA and third == _COURT:
            return _put(out, YARD, i + 3, first, door, S_HAO)
        if second < 0x10000 and (head[second] & 7) == HEAD_PREFIX:
            return NOT_MINE
        if second == _QIAO or second == _DIAN or (second == _DI and third == _KUAI):
            return NOT_MINE
        if stop2 & STOP_EXIT or (stop2 & FACILITY and _facility(second, third)):
            return NOT_MINE  # 8号口, 3号路灯
        return _put(out, HAO, i + 1, first, door, S_HAO)
    if after == _NONG or (after == _ZHI and second == _NONG):
        if not pure:
            return NOT_MINE
        if after == _NONG:
            return _put(out, LANE, i + 1, first, length, S_NONG)
        return _put(out, LANE, i + 2, first, length, S_ZHINONG)
    if after == _XIANG:
        return NOT_MINE  # 12巷
    if after == _HASH:
        if second == _LOU:
            return _put(out, BUILDING, i + 2, first, length, S_LOU)
        return _put(out, BUILDING, i + 1, first, length, S_HASH)
    if after == _DONG or after == _ZHUANG or after == _ZUO:
        long = after == _DONG and second == _LOU
        return _put(out, BUILDING, i + 2 if long else i + 1, first, length, S_DONG)
    if after == _DAN and second == _YUAN:
        if (pure and digits <= 2) or letter:
            return _put(out, UNIT, i + 2, first, length, S_DANYUAN)
        return NOT_MINE
    if after == _MEN:
        if pure and digits <= 2 and not stop2 & STOP_MEN:
            return _put(out, UNIT, i + 1, first, length, S_MEN)
        end = second == 0 or second == _COMMA or second == _CLOSE
        if digits >= 3 and not tail and end:
            return _put(out, ROOM, i + 1, first, length, S_MEN)
        return NOT_MINE
    if after == _TI:
        if pure and digits <= 2:
            return _put(out, UNIT, i + 1, first, length, S_NONE)
        return NOT_MINE
    if after == _CENG:
        if pure and digits <= 3:
            return _put(out, FLOOR, i + 1, first, length, S_CENG)
        return NOT_MINE
    if tail and lead and (text[i - 1] == 70 or text[i - 1] == 102):
        return NOT_MINE  # L2F
    if tail and not lead and not prefix and digits <= 3:
        ending = text[i - 1]
        if (ending == 70 or ending == 102) and not _letter(after):
            return _put(out, FLOOR, i, first, length - 1, S_CENG)
    if digits == 0:
        if letter and after == _QU:
            values[last] = _QU
            return _put(out, PHASE, i + 1, first, length + 1, S_NONE)
        if letter and after == _LOU and not stop2 & STOP_LOU:
            return _put(out, LOU, i + 1, first, length, S_LOU)
        return NOT_MINE
    if tail and (_letter(after) or _digit(after)):
        return NOT_MINE
    return _by_last_word(text, size, i, pure, digits, first, length, head, prefix and lead, out)


_XIAN, _JIE, _LU, _QIAO, _DIAN = (ord(c) for c in "线街路桥点")
_KUAI, _XIANG = ord("块"), ord("巷")


@njit(cache=True)
def stop_of(text: U32, at: int, size: int, head: npt.NDArray[np.uint16]) -> int:
    """Bits of `head_table` of the character at a place."""
    c = _get(text, at, size)
    return np.int64(head[c]) if c < 0x10000 else 0


@njit(cache=True)
def _by_last_word(
    text: U32,
    size: int,
    i: int,
    pure: bool,
    digits: int,
    first: int,
    length: int,
    head: npt.NDArray[np.uint16],
    no_bare: bool,
    out: I64,
) -> int:
    """Rooms, floors called 楼, phases, groups, bare numbers."""
    after, second = _get(text, i, size), _get(text, i + 1, size)
    stop2 = np.int64(head[second]) if second < 0x10000 else 0
    if after == _SHI:
        return _put(out, ROOM, i + 1, first, length, S_SHI)
    if after == _FANG:
        if second == _JIAN:
            return _put(out, ROOM, i + 2, first, length, S_FANGJIAN)
        if stop2 & STOP_FANG:
            return NOT_MINE
        return _put(out, ROOM, i + 1, first, length, S_FANG)
    if after == _PU or after == _PU_OLD:
        return _put(out, ROOM, i + 1, first, length, S_PU)
    if after == _HU and second != _WAI:
        return _put(out, ROOM, i + 1, first, length, S_HU)
    if after == _NA and second == _HU:
        return _put(out, ROOM, i + 2, first, length, S_HU)
    if after == _LOU:
        if stop2 & STOP_LOU:
            return NOT_MINE
        return _put(out, LOU, i + 1, first, length, S_LOU)
    if pure and digits <= 2 and (after == _QI or second == _QI):
        return NOT_MINE
    if pure and digits <= 3 and (after == _ZU or after == _DUI or after == _SHE):
        if after == _SHE and stop2 & STOP_SHE:
            return NOT_MINE
        return _put(out, GROUP, i + 1, first, length, S_NONE)
    if after == _TILDE or after == 37 or no_bare or (after < 0x10000 and head[after] & STOP_BARE):
        return NOT_MINE
    return _put(out, BARE, i, first, length, S_NONE)


def token_text(values: U32, first: int, length: int) -> str:
    """Value of a token as text."""
    return values[first : first + length].tobytes().decode("utf-32-le")
