"""Fold what people type into one spelling, keeping the way back to every character.

NFKC and full width, radicals that look like ideographs, traditional characters, separators,
telephone numbers
and postcodes, Chinese numerals before unit words only, letters typed for digits. The tables are
data.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = [
    "MAX_CHARACTERS",
    "Normalised",
    "fold",
    "fold_characters",
    "normalise",
    "number_of",
    "read_table",
]

MAX_CHARACTERS = 400
"""What lies behind is not read: an address is no novel."""

_GONE = "\x00"
_SEPARATORS = " \t\r\n\u3000,，、;；|/_\\·•。:：!！?？\"'“”‘’…*=<>《》"
_OPEN, _CLOSE = "(（[［【〔「『{", ")）]］】〕」』}"
_DASHES = "-－—–―‐‑−~～〜﹣"


@dataclass(frozen=True, slots=True)
class Normalised:
    """A folded text that knows where each of its characters came from.

    Parameters
    ----------
    text : str
        The folded text.
    given : str
        What was given.
    starts, ends : tuple of int or None
        Half-open source span of each folded character; None where folding kept every position.
    """

    text: str
    given: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Source span of a span of the folded text.

        Examples
        --------
        >>> n = normalise("三十二号院")
        >>> n.text, n.span(0, 2)
        ('32号院', (0, 3))
        """
        if self.starts is None or self.ends is None or end <= start:
            return start, end
        return self.starts[start], self.ends[end - 1]


def read_table(name: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV table in ``address/data`` (comment lines start with ``#``)."""
    with files("address").joinpath("data", name).open(encoding="utf-8") as lines:
        yield from csv.DictReader(line for line in lines if not line.startswith("#"))


class _Folding(dict[int, str]):
    """Character table that learns NFKC forms as they are met."""

    def __init__(self) -> None:
        super().__init__()
        for row in read_table("traditional.csv"):
            self[ord(row["traditional"])] = row["simplified"]
        for row in read_table("radicals.csv"):
            self[ord(row["radical"])] = row["ideograph"]
        for characters, folded in ((_SEPARATORS, ","), (_OPEN, "("), (_CLOSE, ")"), (_DASHES, "-")):
            for character in characters:
                self[ord(character)] = folded
        self[ord("○")] = "〇"
        self[ord("\uff03")] = "#"
        self.long: set[str] = set()

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn", "Mn"):
            folded = _GONE
        else:
            folded = unicodedata.normalize("NFKC", character)
            folded = "".join(self.get(ord(part), part) for part in folded)
            if not folded or folded.isspace():
                folded = ","
        if len(folded) > 1:
            self.long.add(character)
        self[code] = folded
        return folded


@cache
def _folding() -> _Folding:
    return _Folding()


def fold_characters(codes: Iterable[int]) -> dict[int, str]:
    """What each code point, and each of the tables, folds to by itself; empty where it vanishes.

    Examples
    --------
    >>> table = fold_characters([0xFF11, 0x200B, 0x33A1])
    >>> table[0xFF11], table[0x200B], table[0x33A1], table[ord("號")]
    ('1', '', 'm2', '号')
    """
    table = _Folding()
    for code in codes:
        table[code]
    return {code: folded.replace(_GONE, "") for code, folded in table.items()}


_DIGITS = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {
    c: i for i, c in enumerate("零壹贰叁肆伍陆柒捌玖")
}
_DIGITS["两"] = 2
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_NUMERAL = "[〇零一二三四五六七八九十百千廿卅两壹贰叁肆伍陆柒捌玖拾佰仟]"
_UNIT_WORD = (
    r"(?=(?:号|弄|支弄|栋|幢|座(?!山)|单元|门(?![路街口诊镇乡村市桥道县峡])|梯|层|楼|室|房|户|组|队|#)"
    r"(?![路街道镇乡桥村])|号[路街大公院桥])"
)
_CHINESE_NUMBER = re.compile(
    rf"(?:第?({_NUMERAL}+){_UNIT_WORD})|(?<=[之附])({_NUMERAL}+)"
    rf"|(?<=[元层楼栋幢座号])({_NUMERAL}{{3,4}})(?=$|[,)])|(?<=-)({_NUMERAL}+)(?=$|[-,)])|({_NUMERAL}+)(?=-[\d〇一二三四五六七八九])"
)
_HAS_NUMERAL = re.compile(_NUMERAL)
_PHONE = re.compile(
    r"(?:(?:^|(?<=[,)室号楼层元]))[\u4e00-\u9fa5]{2,3},?)?(?<!\d)"
    r"(?:\+?86[- ,]?)?(?:1[3-9]\d{9}|1[3-9]\d-\d{4}-\d{4}|0\d{2,3}-\d{7,8}|400-?\d{3}-?\d{4})(?!\d)"
)
_POSTCODE = re.compile(
    r"(?:邮编[,:]?)(?<!\d)\d{6}(?!\d)|^\d{6}(?=[,\u4e00-\u9fa5])(?![号弄室栋幢组])|(?<=,)\d{6}$"
)
_CONTACT = re.compile(
    r"(?:收件人|收货人|联系人|联系电话|电话|手机|姓名)[,:]*[\u4e00-\u9fa5]{0,3}(?:先生|女士)?(?=,|$)"
)
_TYPED = re.compile(
    r"(?<![A-Za-z])(?=[OolI\d]*\d)(?=[\d]*[OolI])[OolI\d]{2,5}(?=[室号弄栋幢层房]|单元|$|[,)])"
)
_TYPED_8 = re.compile(r"(?<=\d)B(?=\d+[室号弄])")
_HAS_DIGIT_RUN = re.compile(r"\d{6}|\d-\d{7}|\d-\d{4}-")
_LETTER_DIGITS = str.maketrans("OolI", "0011")


def number_of(numeral: str) -> int | None:
    """Value of a Chinese numeral, by place (二〇三) or by unit (二百零三, 廿三).

    Examples
    --------
    >>> number_of("二千二百八十一"), number_of("二二八一"), number_of("廿三"), number_of("壹佰贰拾")
    (2281, 2281, 23, 120)
    """
    if all(c in _DIGITS for c in numeral):
        return int("".join(str(_DIGITS[c]) for c in numeral))
    total, digit, last = 0, 0, 1
    for c in numeral.replace("廿", "二十").replace("卅", "三十"):
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _TENS:
            total += (digit or 1) * _TENS[c]
            digit, last = 0, _TENS[c]
        else:
            return None
    if digit and last >= 100 and numeral[-2] in _TENS:
        digit *= last // 10  # 一百二 is 120
    return total + digit


def _arabic(found: re.Match[str]) -> str:
    numeral = next(group for group in found.groups() if group is not None)
    if all(c in _DIGITS for c in numeral):
        return "".join(str(_DIGITS[c]) for c in numeral)
    value = number_of(numeral)
    return found[0] if value is None else str(value)


_EDITS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(_GONE + "+"), lambda _: ""),
    (_PHONE, lambda _: ","),
    (_POSTCODE, lambda _: ","),
    (_CONTACT, lambda _: ","),
    (_TYPED, lambda found: found[0].translate(_LETTER_DIGITS)),
    (_TYPED_8, lambda _: "8"),
    (_CHINESE_NUMBER, _arabic),
    (re.compile(r",{2,}"), lambda _: ","),
    (
        re.compile(
            r"(?<=\d),(?=[号弄栋幢层室]|单元)|(?<=[A-Z]),(?=座|栋|幢|号楼)|(?<=[栋幢弄号]),(?=$)"
        ),
        lambda _: "",
    ),
)


def _long_characters(text: str, table: _Folding) -> Normalised:
    """Fold a text in which one character becomes several (㎡, ㈠, ½)."""
    out, starts = [], []
    for position, character in enumerate(text):
        folded = table[ord(character)]
        out.append(folded)
        starts.extend([position] * len(folded))
    return Normalised("".join(out), text, tuple(starts), tuple(s + 1 for s in starts))


def _edit(
    source: Normalised, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]
) -> Normalised:
    text = source.text
    found = pattern.search(text)
    if found is None:
        return source
    starts = list(source.starts) if source.starts is not None else list(range(len(text)))
    ends = list(source.ends) if source.ends is not None else list(range(1, len(text) + 1))
    parts: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    last = 0
    for found in pattern.finditer(text):
        a, b = found.span()
        if a == b:
            continue
        new = replace(found)
        parts += (text[last:a], new)
        new_starts += starts[last:a] + [starts[a]] * len(new)
        new_ends += ends[last:a] + [ends[b - 1]] * len(new)
        last = b
    parts.append(text[last:])
    return Normalised(
        "".join(parts),
        source.given,
        tuple(new_starts + starts[last:]),
        tuple(new_ends + ends[last:]),
    )


def normalise(text: str) -> Normalised:
    """Fold a text.

    Parameters
    ----------
    text : str
        As typed; only the first `MAX_CHARACTERS` characters are read.

    Returns
    -------
    Normalised
        Letters in upper case where they stand beside digits or unit words is left to the parser;
        here case is kept.

    Examples
    --------
    >>> normalise("临江花园５號樓二单元十二层１２０３室").text
    '临江花园5号楼2单元12层1203室'
    """
    given = text[:MAX_CHARACTERS]
    table = _folding()
    folded = given.translate(table)
    source = (
        _long_characters(given, table)
        if table.long and not table.long.isdisjoint(given)
        else Normalised(folded, given)
    )
    for pattern, replace in _EDITS:
        if pattern in (_PHONE, _POSTCODE) and _HAS_DIGIT_RUN.search(source.text) is None:
            continue
        if pattern is _CHINESE_NUMBER and _HAS_NUMERAL.search(source.text) is None:
            continue
        source = _edit(source, pattern, replace)
    return source


def fold(name: str) -> str:
    """Fold a name of the gazetteer the way a text is folded, without separators at its ends."""
    return normalise(name).text.strip(",")
