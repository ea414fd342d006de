"""Compiled `address.normalise.normalise` for texts without telephone numbers and the like."""

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

from address.normalise import fold_characters

__all__ = ["NOT_MINE", "fold_points", "fold_table", "numeral_table", "watch_table"]

U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]

NOT_MINE = -1
"""Returned where the reference must read the text."""

_SEVERAL = 0xFFFFFFFF  # folds to several characters, or was not looked at
_RANGES = ((0x00, 0x250), (0x2000, 0x3400), (0x9FD0, 0xA000), (0xF900, 0xFB00), (0xFE00, 0x10000))
_IDEOGRAPHS = (0x3400, 0x9FD0)  # each folds to itself but for the tables


@cache
def fold_table() -> U32:
    """Folded code point of every code point below 0x10000, shape (65536,); 0 where it vanishes."""
    table = np.full(0x10000, _SEVERAL, np.uint32)
    table[_IDEOGRAPHS[0] : _IDEOGRAPHS[1]] = np.arange(*_IDEOGRAPHS, dtype=np.uint32)
    wanted = [code for first, last in _RANGES for code in range(first, last)]
    for code, folded in fold_characters(wanted).items():
        if code < len(table):
            table[code] = 0 if not folded else ord(folded) if len(folded) == 1 else _SEVERAL
    return table


_TEN, _HUNDRED, _THOUSAND, _TWENTY, _THIRTY = 11, 12, 13, 14, 15


@cache
def numeral_table() -> U8:
    """1 to 10 for the numerals 〇 to 九, 11 to 15 for 十百千廿卅, 0 for the rest, shape (65536,)."""
    table = np.zeros(0x10000, np.uint8)
    words = {"〇一二三四五六七八九": 1, "零壹贰叁肆伍陆柒捌玖": 1}
    for characters, first in words.items():
        for offset, character in enumerate(characters):
            table[ord(character)] = first + offset
    table[ord("两")], table[ord("幺")] = 3, 2
    for characters, value in (
        ("十拾", _TEN), ("百佰", _HUNDRED), ("千仟", _THOUSAND), ("廿", _TWENTY), ("卅", _THIRTY),
    ):  # fmt: skip
        for character in characters:
            table[ord(character)] = value
    return table


_COMMA, _DASH, _CLOSE = ord(","), ord("-"), ord(")")
_DI, _ZHI, _FU = ord("第"), ord("之"), ord("附")
_HAO, _NONG, _ZHI_LANE = ord("号"), ord("弄"), ord("支")
_DONG, _ZHUANG, _ZUO = ord("栋"), ord("幢"), ord("座")
_DAN, _YUAN, _MEN, _TI = ord("单"), ord("元"), ord("门"), ord("梯")
_CENG, _LOU, _SHI, _FANG, _HU = ord("层"), ord("楼"), ord("室"), ord("房"), ord("户")
_ZU, _DUI, _HASH, _SHAN = ord("组"), ord("队"), ord("#"), ord("山")
_LU, _JIE, _DAO, _ZHEN, _XIANG, _QIAO, _CUN = (ord(c) for c in "路街道镇乡桥村")
_DA, _GONG, _COURT = ord("大"), ord("公"), ord("院")
_KOU, _ZHEN_SEE, _SHI_CITY, _XIAN, _XIA = (ord(c) for c in "口诊市县峡")


@njit(cache=True)
def _is_digit(c: int) -> bool:
    return 48 <= c <= 57


@njit(cache=True)
def _not_after_unit(c: int) -> bool:
    """路街道镇乡桥村 behind a unit word: the number belongs to a name."""
    return (
        c == _LU or c == _JIE or c == _DAO or c == _ZHEN or c == _XIANG or c == _QIAO or c == _CUN
    )


@njit(cache=True)
def _unit_follows(text: U32, at: int, size: int) -> bool:
    """A unit word stands at a place, as `address.normalise` wants behind a numeral."""
    if at >= size:
        return False
    c = text[at]
    second = text[at + 1] if at + 1 < size else np.uint32(0)
    third = text[at + 2] if at + 2 < size else np.uint32(0)
    if c == _HAO:
        if not _not_after_unit(second):
            return True
        return second == _LU or second == _JIE or second == _QIAO
    if c == _DAN:
        return second == _YUAN and not _not_after_unit(third)
    if c == _ZHI_LANE:
        return second == _NONG and not _not_after_unit(third)
    if c == _ZUO:
        return second != _SHAN and not _not_after_unit(second)
    if c == _MEN:
        return not (
            _not_after_unit(second)
            or second == _KOU
            or second == _ZHEN_SEE
            or second == _SHI_CITY
            or second == _XIAN
            or second == _XIA
        )
    if (
        c == _NONG
        or c == _DONG
        or c == _ZHUANG
        or c == _TI
        or c == _CENG
        or c == _LOU
        or c == _SHI
        or c == _FANG
        or c == _HU
        or c == _ZU
        or c == _DUI
        or c == _HASH
    ):
        return not _not_after_unit(second)
    return False


@njit(cache=True)
def _numeral_stands(text: U32, a: int, b: int, size: int) -> bool:
    """The numeral of a whole run `a` to `b` is written in digits."""
    if _unit_follows(text, b, size):
        return True
    before = text[a - 1] if a > 0 else np.uint32(0)
    after = text[b] if b < size else np.uint32(_COMMA)
    if before == _ZHI or before == _FU:
        return True
    if 3 <= b - a <= 4 and (after == _COMMA or after == _CLOSE):
        if (
            before == _YUAN
            or before == _CENG
            or before == _LOU
            or before == _DONG
            or before == _ZHUANG
            or before == _ZUO
            or before == _HAO
            or before == _MEN
            or before == _TI
        ):
            return True
    if before == _DASH and (after == _COMMA or after == _CLOSE or after == _DASH):
        return True
    if after == _DASH and b + 1 < size:
        c = text[b + 1]
        return _is_digit(c) or (c < 0x10000 and c in _PLACE_DIGITS)
    return False


_PLACE_DIGITS = tuple(ord(c) for c in "〇一二三四五六七八九")


@njit(cache=True)
def _number_at(text: U32, a: int, b: int, numeral: U8) -> int:
    """Value of a numeral with unit words (二百零三, 廿三); see `address.normalise.number_of`."""
    total, digit, last, before = 0, 0, 1, 0
    for i in range(a, b):
        kind = np.int64(numeral[text[i]])
        before = kind
        if kind == _TWENTY or kind == _THIRTY:
            digit = 2 if kind == _TWENTY else 3
            kind = _TEN
        if kind <= 10:
            digit = kind - 1
        else:
            worth = 10 if kind == _TEN else 100 if kind == _HUNDRED else 1000
            total += (digit if digit else 1) * worth
            digit, last = 0, worth
    if digit and last >= 100 and b - a >= 2:
        before = np.int64(numeral[text[b - 2]])
        if _TEN <= before <= _THOUSAND:
            digit *= last // 10
    return total + digit


@njit(cache=True)
def _put_number(value: int, out: U32, n: int) -> int:
    """Write the digits of a number; the place behind them."""
    digits = 1
    scale = 10
    while value >= scale:
        digits += 1
        scale *= 10
    for i in range(digits):
        out[n + digits - 1 - i] = 48 + value % 10
        value //= 10
    return n + digits


_PAIRS = [
    "收件",
    "收货",
    "联系",
    "电话",
    "手机",
    "姓名",
    "邮编",
    "邮政",
    "又名",
    "亦名",
    "别名",
    "用名",
    "现为",
    "(原",
    "(旧",
    "(老",
    "号搂",
    "丹元",
    "单园",
    "单圆",
    "单员",
    "单无",
    "村民",
    "小组",
]
"""Two characters that tell of something `address.normalise` mends or takes out."""
WATCH_PAIR, WATCH_SLIP, WATCH_LAST, WATCH_DOOR, WATCH_LETTER = 1, 2, 4, 8, 16


@cache
def watch_table() -> U8:
    """What a character may be the sign of, shape (65536,)."""
    table = np.zeros(0x10000, np.uint8)
    for words, bit in (
        ([pair[0] for pair in _PAIRS], WATCH_PAIR),
        ("憧撞拣搂窒动是事", WATCH_SLIP),
        ("收", WATCH_LAST),
        ("路街道巷弄", WATCH_DOOR),
        ("附之甲乙丙丁第原", WATCH_LETTER),
    ):
        for character in words:
            table[ord(character)] |= bit
    return table


_PAIR_CODES = np.array(sorted(ord(pair[0]) << 16 | ord(pair[1]) for pair in _PAIRS))
_ZHI_TO, _DAO_TO = ord("至"), ord("到")
_TUAN, _LIAN = ord("团"), ord("连")


@njit(cache=True)
def _range_of_doors(text: U32, size: int, at: int) -> bool:
    """28、30号, 402至406号, 8号-2 behind a road: written anew by `address.normalise`."""
    i = at
    while i < size and _is_digit(text[i]):
        i += 1
    if i == at:
        return False
    hao = i < size and text[i] == _HAO
    if hao:
        i += 1
    if i + 1 >= size or not _is_digit(text[i + 1]):
        return False
    if hao and text[i] == _DASH:
        return True
    if text[i] != _COMMA and text[i] != _ZHI_TO and text[i] != _DAO_TO:
        return False
    i += 1
    while i < size and _is_digit(text[i]):
        i += 1
    return i < size and text[i] == _HAO


@njit(cache=True)
def _may_be_slip(c: int, after: int) -> bool:
    """动, 是, 事 typed for 栋 and 室 stand before a number or an end; the others are always slips."""
    end = after == 0 or after == _COMMA or after == _CLOSE or after == _OPEN
    if c == _IS or c == _AFFAIR:
        return end
    if c == _MOVES:
        return end or _is_digit(after) or after == _DAN or _is_plain_numeral(after)
    return True


_IS, _AFFAIR, _MOVES, _OPEN = (ord(c) for c in "是事动(")


@njit(cache=True)
def _free_call(text: U32, end: int) -> bool:
    """400 or 800 stands before a place."""
    first = text[end - 3]
    return (first == 52 or first == 56) and text[end - 2] == 48 and text[end - 1] == 48


@njit(cache=True)
def _plain(text: U32, size: int, watch: U8) -> bool:
    """Nothing that `address.normalise` mends: telephones, contacts, slips, English, ranges."""
    run, dashed = 0, False
    for i in range(size):
        c = text[i]
        before = text[i - 1] if i else np.uint32(0)
        after = text[i + 1] if i + 1 < size else np.uint32(0)
        if _is_digit(c):
            run += 1
            if run >= 6 or (dashed and run >= 7):
                return False
            continue
        join = c == _DASH or c == _COMMA
        if join and run == 4 and dashed:
            return False
        if join and run == 3 and _free_call(text, i) and _is_digit(after):
            return False
        dashed = join and run > 0
        run = 0
        if 65 <= c <= 90 or 97 <= c <= 122:
            if c == 79 or c == 111 or c == 108 or c == 73:  # O o l I
                return False
            if (65 <= after <= 90 or 97 <= after <= 122) or after == _COMMA:
                return False
            if c == 66 and _is_digit(before) and _is_digit(after):
                return False
            if c == 70 and before > 0 and before == _COMMA:
                return False
            continue
        sign = watch[c] if c < 0x10000 else 0
        if sign == 0:
            continue
        if sign & WATCH_PAIR:
            pair = np.int64(c) << 16 | np.int64(after)
            at = np.searchsorted(_PAIR_CODES, pair)
            if at < len(_PAIR_CODES) and _PAIR_CODES[at] == pair:
                return False
        if sign & WATCH_SLIP and i and _may_be_slip(c, after):
            return False
        if sign & WATCH_LAST and (after == 0 or after == _COMMA):
            return False
        if sign & WATCH_DOOR and _range_of_doors(text, size, i + 1):
            return False
        if sign & WATCH_LETTER and (after == _COMMA or before == _COMMA):
            return False
        if (c == _DI or c == _YUAN_OLD) and _is_digit(after):
            return False
    return True


_YUAN_OLD = ord("原")


_PLAIN_NUMERALS = np.array([ord(c) for c in "〇零一二三四五六七八九十百"])


@njit(cache=True)
def _is_plain_numeral(c: int) -> bool:
    for k in range(len(_PLAIN_NUMERALS)):
        if _PLAIN_NUMERALS[k] == c:
            return True
    return False


@njit(cache=True)
def _drop_commas(text: U32, starts: I32, ends: I32, size: int) -> int:
    """One comma for several; none between a number and its unit word, nor behind the last one."""
    n = 0
    for i in range(size):
        c = text[i]
        if c == _COMMA and n and text[n - 1] == _COMMA:
            ends[n - 1] = ends[i]
            continue
        text[n], starts[n], ends[n] = c, starts[i], ends[i]
        n += 1
    size, n = n, 0
    before = np.uint32(0)  # as it stood, not as it stays
    for i in range(size):
        c = text[i]
        if c == _COMMA:
            second = text[i + 1] if i + 1 < size else np.uint32(0)
            third = text[i + 2] if i + 2 < size else np.uint32(0)
            unit = (second == _DAN and third == _YUAN) or (
                second == _HAO
                or second == _NONG
                or second == _DONG
                or second == _ZHUANG
                or second == _CENG
                or second == _SHI
            )
            tower = (
                second == _ZUO
                or second == _DONG
                or second == _ZHUANG
                or (second == _HAO and third == _LOU)
            )
            last = before == _DONG or before == _ZHUANG or before == _NONG or before == _HAO
            drop = (
                ((_is_digit(before) or _is_plain_numeral(before)) and unit)
                or (65 <= before <= 90 and tower)
                or (last and i + 1 == size)
            )
            before = c
            if drop:
                continue
        before = c
        text[n], starts[n], ends[n] = c, starts[i], ends[i]
        n += 1
    return n


@njit(cache=True)
def fold_points(
    given: U32, size: int, table: U32, numeral: U8, watch: U8, out: U32, starts: I32, ends: I32
) -> int:
    """Fold a text.

    Parameters
    ----------
    given : ndarray of uint32
        Code points, the first `size` of them.
    table, numeral, watch : ndarray
        `fold_table`, `numeral_table`, `watch_table`.
    out, starts, ends : ndarray
        Written: the folded text and the half-open span of each character in `given`; at least
        four times as long as the text.

    Returns
    -------
    int
        Length of the folded text, `NOT_MINE` where the reference must read it.
    """
    n, numerals = np.int64(0), False
    for i in range(size):
        c = given[i]
        if c >= 0x10000:
            return NOT_MINE
        folded = table[c]
        if folded == 0:
            continue
        if folded >= 0x10000:
            return NOT_MINE
        numerals = numerals or numeral[folded] > 0
        out[n], starts[n], ends[n] = folded, i, i + 1
        n += 1
    n = _drop_commas(out, starts, ends, n)
    if numerals:
        n = _write_digits(out, starts, ends, n, numeral)
    return n if n >= 0 and _plain(out, n, watch) else NOT_MINE


@njit(cache=True)
def _write_digits(text: U32, starts: I32, ends: I32, size: int, numeral: U8) -> int:
    """Chinese numerals before unit words in digits."""
    n, i = np.int64(0), np.int64(0)
    before, starts_before, ends_before = (
        text[:size].copy(),
        starts[:size].copy(),
        ends[:size].copy(),
    )
    while i < size:
        if numeral[before[i]] == 0:
            text[n], starts[n], ends[n] = before[i], starts_before[i], ends_before[i]
            n += 1
            i += 1
            continue
        b = i
        by_place = True
        while b < size and numeral[before[b]]:
            by_place = by_place and numeral[before[b]] <= 10
            b += 1
        after = before[b] if b < size else np.uint32(0)
        if after == _TUAN or after == _LIAN or after == 70 or (i and _is_digit(before[i - 1])):
            return NOT_MINE
        old = before[i - 1] if i else np.uint32(0)
        if (old == _ZHI or old == _FU) and _is_digit(after):
            return NOT_MINE
        if before[i] == 0x58F9 and after == _HAO:  # 壹号院
            return NOT_MINE
        if not _numeral_stands(before, i, b, size):
            while i < b:
                text[n], starts[n], ends[n] = before[i], starts_before[i], ends_before[i]
                n += 1
                i += 1
            continue
        first, last = starts_before[i], ends_before[b - 1]
        if i > 0 and before[i - 1] == _DI and _unit_follows(before, b, size):
            n -= 1
            first = starts[n]
        begun = n
        if by_place:
            for k in range(i, b):
                text[n] = 48 + numeral[before[k]] - 1
                n += 1
        else:
            n = _put_number(_number_at(before, i, b, numeral), text, n)
        for k in range(begun, n):
            starts[k], ends[k] = first, last
        i = b
    return n
