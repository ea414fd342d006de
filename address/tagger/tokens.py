"""Tokens of the span tagger: a run of digits is one, every other character is one."""

import unicodedata
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from address.normalise import read_table

__all__ = ["BEYOND", "CLASSES", "EDGE", "NUMBER", "TAILS", "folded_points", "tokens_of"]

Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

NUMBER = 0x20000
"""Code of a number, plus its digits (at most 5)."""
BEYOND = 0x2FFFF
"""Code of what lies before the first and behind the last token."""
EDGE = 38
"""Class of that."""

_CLASSES = (
    "省市区县旗州盟", "镇乡", "道", "村社庄屯寨", "路街巷", "弄", "号", "栋幢座", "楼", "单", "元",
    "室房户", "层F", "期", "组队", "园苑城场厦院寓庭府湾里", "店厂司馆行校所站", "口旁边面侧角内处",
    "东西南北中", "一二三四五六七八九十", "甲乙丙丁", "小", "大", "公", "新",
)  # fmt: skip
_DIGIT, _LETTER, _OTHER, _SEPARATOR = 30, 36, 37, 39
_TAILS = (
    "省市区县旗州盟镇乡道村社路街巷弄号栋幢座楼元室房户层期组队园苑城场厦院店厂司馆口旁边面侧角F"
)
_FOLDED = (
    (" \t\r\n\u3000,，、;；|/_\\·•。:：!！?？\"'“”‘’…*=<>《》", ","),
    ("（[［【〔「『{", "("),
    ("）]］】〕」』}", ")"),
    ("－—–―‐‑−~～〜﹣", "-"),
    ("○", "〇"),
    ("\uff03", "#"),
)


class _Folding(dict[int, str]):
    """Character table of the tagger: one character for one, so that spans need no way back."""

    def __init__(self) -> None:
        super().__init__()
        for row in read_table("traditional.csv"):
            self[ord(row["traditional"])] = row["simplified"]
        for row in read_table("radicals.csv"):
            self[ord(row["radical"])] = row["ideograph"]
        for characters, folded in _FOLDED:
            self.update((ord(character), folded) for character in characters)

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = unicodedata.normalize("NFKC", character)
        if len(folded) != 1:
            folded = character
        folded = self[ord(folded)] if ord(folded) != code else folded
        if "a" <= folded <= "z":
            folded = folded.upper()
        self[code] = folded
        return folded


@cache
def _folding() -> _Folding:
    return _Folding()


def folded_points(text: str) -> Ints:
    """Folded code points of a text, one for each character.

    Examples
    --------
    >>> "".join(map(chr, folded_points("５號樓ａ座")))
    '5号楼A座'
    """
    folded = text.translate(_folding())
    return np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.int32)


def _classes() -> Bytes:
    table = np.full(0x30000, _OTHER, np.uint8)
    for number, members in enumerate(_CLASSES, start=1):
        for member in members:
            table[ord(member)] = number
    for letter in range(ord("A"), ord("Z") + 1):
        if table[letter] == _OTHER:
            table[letter] = _LETTER
    for number, mark in enumerate(",-()#+&."):
        table[ord(mark)] = _SEPARATOR + number
    for length in range(1, 6):
        table[NUMBER + length] = _DIGIT + length
    table[BEYOND] = EDGE
    return table


def _tails() -> Bytes:
    table = np.zeros(0x30000, np.uint8)
    for number, tail in enumerate(_TAILS, start=1):
        table[ord(tail)] = number
    return table


CLASSES = _classes()
"""Class of each code point of a token."""
TAILS = _tails()
"""Last characters of names and numbered parts; 0 for others."""


@njit(cache=True)
def tokens_of(text: Ints, starts: Ints, codes: Ints, values: Ints) -> int:
    """Cut folded code points into tokens; fills start, code and value (of a number) of each."""
    count, i, n = 0, 0, len(text)
    while i < n:
        starts[count] = i
        if 48 <= text[i] <= 57:
            value, j = 0, i
            while j < n and 48 <= text[j] <= 57:
                value = min(value * 10 + text[j] - 48, 9999999)
                j += 1
            codes[count] = NUMBER + min(j - i, 5)
            values[count] = value
            i = j
        else:
            codes[count] = text[i] if text[i] < NUMBER else 0xFFFD
            values[count] = -1
            i += 1
        count += 1
    return count
