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
    "is_spelt_out",
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
_DIGITS["两"], _DIGITS["幺"] = 2, 1
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_NUMERAL = "[〇零一二三四五六七八九十百千廿卅两幺壹贰叁肆伍陆柒捌玖拾佰仟]"
_UNIT_WORD = (
    r"(?=(?:号|弄|支弄|栋|幢|座(?!山)|单元|门(?![路街口诊镇乡村市桥道县峡])|梯|层|楼|室|房|户|#"
    r"|组|队|社(?=[\d,]|$)|村民小组|团(?=[\d,]|场|$|[一二三四五六七八九十])|连(?=[\d,]|$)|F(?![A-Za-z]))"
    r"(?![路街道镇乡桥村])|号[路街大公院桥])"
)
_CHINESE_NUMBER = re.compile(
    rf"(?:第?(?!壹号(?:院|公馆|府|公园))({_NUMERAL}+){_UNIT_WORD})|(?<=[之附])({_NUMERAL}+)"
    rf"|(?<=[元层楼栋幢座号门梯])({_NUMERAL}{{3,4}})(?=$|[,)])|(?<=-)({_NUMERAL}+)(?=$|[-,)])|({_NUMERAL}+)(?=-[\d〇一二三四五六七八九])"
)
_PHONE = re.compile(
    r"(?:(?:^|(?<=[,()室号楼层元]))[\u4e00-\u9fa5]{2,3},?)?(?<!\d)(?:\+?86[- ,]?)?"
    r"(?:1[3-9]\d{9}|1[3-9]\d([-,])\d{4}\1\d{4}|0\d{2,3}[-,]?\d{7,8}|\(0\d{2,3}\)\d{7,8}"
    r"|[48]00([-,]?)\d{3}\2\d{4})(?!\d)(?:[-,]?转[-,]?\d{1,5}(?!\d))?"
)
_POSTCODE = re.compile(
    r"(?:邮编|邮政编码)[,:]?(?<!\d)\d{6}(?!\d)|^\d{6}(?=[,\u4e00-\u9fa5])(?![号弄室栋幢组])|(?<=,)\d{6}(?=,?$)"
)
_CONTACT = re.compile(
    r"(?:收件人|收货人|联系人|联系电话|电话|手机|姓名)[,:]*[\u4e00-\u9fa5]{0,3}(?:先生|女士)?(?=,|$)"
    r"|(?<=,)[\u4e00-\u9fa5]{1,3}(?:先生|女士|小姐|师傅)?收(?=,|$)"
)
_TYPED = re.compile(
    r"(?<![A-Za-z])(?=[OolI\d〇零一二三四五六七八九]*[\d〇零一二三四五六七八九])"
    r"(?=[\d〇零一二三四五六七八九]*[OolI])[OolI\d〇零一二三四五六七八九]{2,5}(?=[室号弄栋幢层房]|单元|$|[,)])"
)
_TYPED_8 = re.compile(r"(?<=\d)B(?=\d+[室号弄])")
_HAS_DIGIT_RUN = re.compile(r"\d{6}|\d-\d{7}|\d([-,])\d{4}\1|[48]00[-,]\d{3}")
_LETTER_DIGITS = str.maketrans("OolI〇零一二三四五六七八九", "001100123456789")


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
        written = "".join(str(_DIGITS[c]) for c in numeral)
    else:
        value = number_of(numeral)
        if value is None:
            return found[0]
        written = str(value)
    glued = found[2] is not None and found.string[found.end() : found.end() + 1].isdigit()
    return written + "号" if glued else written  # 8号之三2栋 is 8号之3号2栋


def _lone_letter(found: re.Match[str]) -> str:
    """A 301 is A座301, but B 201 behind a building is room B201."""
    before = found.string[found.start() - 1 : found.start()]
    return found[1] if before in tuple("座栋幢楼层元") else found[1] + "座"


_FORMER_DOOR = re.compile(
    r"\((?:又名|亦名|别名|曾用名|现为)[^()]{1,16}\)|\((?:原|旧)[\u4e00-\u9fa5]{2,6}[路街道巷镇村]\)"
    r"|\((?:原|旧|老)(?:门牌号?|门牌号码|址|地址|号)?:?(?:[\u4e00-\u9fa5]{2,6}[路街道巷])?\d+(?:-\d+)?[号弄]\)"
    r"|[,(](?:又名|亦名|别名|曾用名)[^,()]{2,16}\)?|(?<=[路街道巷])原\d+号,?现为?(?=\d)|(?<=[号弄])又名.{2,12}$"
)
_DOORS = re.compile(r"(?<=[路街道巷弄])(\d{1,5})号?([-,]|至|到)(\d{1,5})号(?!楼|院|线)")
_SUB_DOOR = re.compile(r"(?<=[路街道巷])(\d{1,5})号-(\d{1,2})号?(?![-\d]|单元|室|栋|幢|座|层|楼)")


def _door_range(found: re.Match[str]) -> str:
    """28、30号 and 402至406号 are ranges of doors; 1203,3号 is not."""
    a, b = int(found[1]), int(found[3])
    if a < b <= a + 60:
        return f"{found[1]}-{found[3]}号"
    return f"{found[1]}-{found[3]}号" if found[2] == "-" and b < 100 else found[0]


_SLIP = re.compile(
    r"(?<=[\dA-Z一二三四五六七八九十])(?:(?P<b>[憧撞拣]|动(?=[\d,一二三四五六]|单|$)|号(?=搂))(?P<b2>搂?)"
    r"|(?P<u>单[园圆员无]|丹元)|(?P<r>窒|[是事](?=$|[,)(])))"
)


def _slip(found: re.Match[str]) -> str:
    if found["b"]:
        return "号楼" if found["b2"] else "幢" if found["b"] in "憧撞" else "栋"
    return "单元" if found["u"] else "室"


_ENGLISH = re.compile(
    r"(?<![A-Za-z])(?:(?P<room>(?:room|rm|suite|flat|apt)[.,]*(?:no[.,]*)?(?P<room_n>[A-Z]?-?\d{1,5}[A-Z]?)室?)"
    r"|(?P<tower>(?:tower|block|blk|bldg|building)[.,]*(?:no[.,]*)?(?P<tower_n>[A-Z]\d?|\d{1,3})(?![A-Za-z\d])座?)"
    r"|(?P<tower2>(?P<tower2_n>[A-Z])[,]*(?:tower|block))"
    r"|(?P<lane>(?:lane|ln)[,]*(?P<lane_n>\d+)弄?)|(?P<unit>unit[,]*(?P<unit_n>\d{1,2})(?!\d))"
    r"|(?P<floor>(?:level|floor)[,]*(?P<floor_n>\d{1,3})(?!\d)|(?P<floor2_n>\d{1,3})(?:st|nd|rd|th)[,]*(?:floor|fl)?)"
    r"|(?P<door>no[.,]*(?P<door_n>\d+)号?))[,]?(?![A-Za-z])",
    re.IGNORECASE,
)
_HAS_ENGLISH = re.compile(r"[A-Za-z]{2}|\d(?:st|nd|rd|th)")
_HAS_HAN = re.compile(r"[\u4e00-\u9fa5]")


def _chinese_words(found: re.Match[str]) -> str:
    """Room 1203, Tower B, No. 88, 5th floor between Chinese words."""
    for kind, word in (("room", "室"), ("tower", ""), ("tower2", "座"), ("lane", "弄"),
                       ("unit", "单元"), ("floor", "层"), ("door", "号")):  # fmt: skip
        if found[kind]:
            value = (found[kind + "_n"] or found["floor2_n"]).upper()
            if kind == "tower":
                word = "座" if value.isalpha() else "号楼"
            return value + word
    return found[0]


_SPARE_COMMA = re.compile(
    r"(?<=[\d〇零一二三四五六七八九十百]),(?=[号弄栋幢层室附之]|单元|F(?![A-Za-z]))"
    r"|(?<=[A-Z]),(?=座|栋|幢|号楼)|(?<=[栋幢弄号]),(?=$|[附之],?\d)|(?<=[附之甲乙丙丁]),(?=\d)"
    r"|(?<!门)第(?=\d{1,3}(?:村民)?(?:小组|组|队|层|楼|栋|幢))"
)
_LONE_LETTER = re.compile(r"(?<![A-Za-z\d])([A-Z]),(?=[A-Z]?\d{3,4}(?:$|[室,)]))")
_ROMAN = re.compile(
    r"(?<![A-Za-z\d])(?P<n>X?(?:I{1,3}|IV|VI{1,3}|IX))(?=单元|期|号楼|[栋幢座](?!山)|区(?![\u4e00-\u9fa5]?[路街]))"
)
_ROMAN_DIGITS = {"I": 1, "II": 2, "III": 3, "IV": 4, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}


def _roman(found: re.Match[str]) -> str:
    """II单元 is 2单元; a lone I before a tower is its letter, as V and X are everywhere."""
    numeral = found["n"]
    if numeral == "I" and not found.string.startswith(("单元", "期"), found.end()):
        return numeral
    return str(10 * numeral.startswith("XI") + _ROMAN_DIGITS[numeral.removeprefix("X")])


_SPELT_OUT = re.compile(
    r"(?:(?<=,)|^)(?=(?:[^,],){0,8}[\u4e00-\u9fa5],[\u4e00-\u9fa5],)(?:[^,],){9,}[^,]?(?=,|$)"
)
"""Characters typed one by one with a space between."""
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NUMERALS = frozenset(_NUMERAL[1:-1])
_Edit = tuple[
    frozenset[str], re.Pattern[str] | None, re.Pattern[str], Callable[[re.Match[str]], str]
]
_EDITS: tuple[_Edit, ...] = (
    (frozenset(_GONE), None, re.compile(_GONE + "+"), lambda _: ""),
    (frozenset("0123456789"), _HAS_DIGIT_RUN, _PHONE, lambda _: ","),
    (frozenset("0123456789"), _HAS_DIGIT_RUN, _POSTCODE, lambda _: ","),
    (frozenset("收联电手姓"), None, _CONTACT, lambda _: ","),
    (
        frozenset("原旧老又亦别曾现"),
        None,
        _FORMER_DOOR,
        lambda found: "," if found[0][0] in ",(" else "",
    ),
    (frozenset(","), None, re.compile(r",{2,}"), lambda _: ","),
    (frozenset(","), _SPELT_OUT, re.compile(r",(?=.(?:,|$))|(?<=,.),"), lambda _: ""),
    (frozenset(",第"), None, _SPARE_COMMA, lambda _: ""),
    (frozenset("I"), None, _ROMAN, _roman),
    (frozenset("OolI"), None, _TYPED, lambda found: found[0].translate(_LETTER_DIGITS)),
    (frozenset("B"), None, _TYPED_8, lambda _: "8"),
    (frozenset("单丹憧撞拣动搂窒是事"), None, _SLIP, _slip),
    (_NUMERALS, None, _CHINESE_NUMBER, _arabic),
    (frozenset(","), None, _LONE_LETTER, _lone_letter),
    (frozenset("-,至到"), None, _DOORS, _door_range),
    (frozenset("-"), None, _SUB_DOOR, lambda found: f"{found[1]}-{found[2]}号"),
    (_LATIN, _HAS_ENGLISH, _ENGLISH, _chinese_words),
)
"""Characters that must be there, a cheap test, what is looked for, what is put in its place."""
_OF_ANY_SCRIPT = 5
"""So many edits at the head of the table also apply to a text without Chinese characters."""


def is_spelt_out(text: str) -> bool:
    """Whether characters were typed one by one in a text, so that its separators are none."""
    folded = text.translate(_folding()).replace(_GONE, "")
    return _SPELT_OUT.search(re.sub(r",{2,}", ",", folded)) is not None


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
    edits = _EDITS if _HAS_HAN.search(source.text) is not None else _EDITS[:_OF_ANY_SCRIPT]
    characters = frozenset(source.text)
    for needed, guard, pattern, replace in edits:
        if characters.isdisjoint(needed) or (
            guard is not None and guard.search(source.text) is None
        ):
            continue
        source = _edit(source, pattern, replace)
    return source


def fold(name: str) -> str:
    """Fold a name of the gazetteer the way a text is folded, without separators at its ends."""
    return normalise(name).text.strip(",")
