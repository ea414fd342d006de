"""Whether two addresses mean the same place."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from address.fields import county_of
from address.model import Element
from address.parse import parse
from address.pinyin import sound_keys

__all__ = ["Comparison", "compare"]

_NUMBERS = ("number", "building", "unit", "room")
_DEPTH = ("building", "unit", "floor", "room")
_INDOORS = ("unit", "floor", "room")
_LANDMARKS = ("road", "number")
_CERTAIN = 4  # levels that agree outweigh a county named wrongly
_MEANT = frozenset("东西南北中上下前后左右内外新老大小一二三四五六七八九十百0123456789甲乙丙丁")
_TAIL = re.compile(r"(?:高速公路|公路|大道|大街|胡同|路|街|道|巷)$")
_FIRM = re.compile(r"(?:公司|厂|店|馆|专柜|超市|中心|银行|学校|医院|工作室|事务所)$")
_RANGE = re.compile(r"^(?P<low>\d{1,6})(?:-(?P<high>\d{1,6}))?(?P<kind>[弄巷]?)$")
_Levels = dict[str, list[str]]
_WITHIN = ("number", "compound", "poi", "tenant", *_DEPTH)
_NAMES = ("compound", "poi", "village", "community")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answer of `compare`.

    Parameters
    ----------
    label : str
        ``exact`` (one place), ``partial`` (one holds or touches the other), ``none``.
    score : float
        Share of what both say that agrees, 0 to 1.
    agree, differ : tuple of str
        Levels.
    """

    label: Literal["exact", "partial", "none"]
    score: float
    agree: tuple[str, ...]
    differ: tuple[str, ...]


def _by_level(elements: list[Element]) -> _Levels:
    out: _Levels = {}
    for element in elements:
        out.setdefault(element.level, []).append(element.value)
        if element.level in _NAMES and element.level != "compound":
            out.setdefault("compound", []).append(element.value)
    return out


def _landmark(elements: list[Element]) -> bool:
    """Whether the road or number is one that the place lies so many metres from."""
    levels = [element.level for element in elements]
    if "distance" not in levels:
        return False
    said = levels.index("distance")
    return any(level in _LANDMARKS for level in levels[:said]) and any(
        level in _NAMES for level in levels[said:]
    )


def _alike(a: str, b: str) -> float:
    """Dice share of characters in pairs, 1 where one name holds the other."""
    if a in b or b in a:
        return 1.0
    first, second = ({x[i : i + 2] for i in range(len(x) - 1)} or {x} for x in (a, b))
    return 2 * len(first & second) / (len(first) + len(second))


def compare(a: str, b: str, grain: Literal["room", "building"] = "room") -> Comparison:
    """Compare two addresses element by element, without a gazetteer.

    Roads and numbers that only tell where something lies (两路交叉口东50米) count where
    both name them, and not against each other.

    Parameters
    ----------
    a, b : str
        As people write them.
    grain : str
        Narrowest level that counts: with ``building``, units, floors and rooms do not (lists of
        deliveries and of places of interest go no deeper).

    Returns
    -------
    Comparison

    Examples
    --------
    >>> compare("临江大道35号5号楼", "临江大道35号五栋").label
    'exact'
    >>> compare("临江大道35号", "临江大道36号").label
    'none'
    """
    first, second = parse(a), parse(b)
    left, right = _by_level(first), _by_level(second)
    near = _landmark(first) or _landmark(second)
    if grain == "building":
        for level in _INDOORS:
            left.pop(level, None)
            right.pop(level, None)
    agree: list[str] = []
    differ: list[str] = []
    for level in ("road", *_NUMBERS):
        x, y = left.get(level), right.get(level)
        if x and y:
            same = _SAME.get(level, _equal)
            if any(same(p, q) for p in x for q in y):
                agree.append(level)
            elif not (near and level in _LANDMARKS):
                differ.append(level)
    names = [(x, y) for x in left.get("compound", []) for y in right.get("compound", [])]
    if names:
        best = max(_alike(x, y) for x, y in names)
        (agree if best >= 0.5 else differ).append("compound")
    if _counties_differ(a, b, left, right) and len(agree) < _CERTAIN:
        return Comparison("none", 0.0, tuple(agree), ("county", *differ))
    score = len(agree) / max(1, len(agree) + len(differ))
    return Comparison(
        _label(agree, differ, left, right), round(score, 3), tuple(agree), tuple(differ)
    )


def _counties_differ(a: str, b: str, left: _Levels, right: _Levels) -> bool:
    """Whether both name a county or city, and not one within the other; a street proves nothing."""
    if not all(part.get("county") or part.get("city") for part in (left, right)):
        return False
    above = [part.get("province", []) + part.get("city", []) for part in (left, right)]
    if set(left.get("county", [])) & set(right.get("county", [])) and not all(above):
        return False  # one name, which several cities have; only one text tells which
    first, second = county_of(a), county_of(b)
    return bool(first and second and first != second and not _nested(first, second))


def _equal(a: str, b: str) -> bool:
    return a == b


def _same_road(a: str, b: str) -> bool:
    """One road: the same words, or one slip of them — a sound, a character, the last word.

    A direction, a section or a numeral is no slip: 中山东路 is not 中山西路.
    """
    if a == b or (min(len(a), len(b)) >= 3 and (a.endswith(b) or b.endswith(a))):
        return True
    x, y = _TAIL.sub("", a), _TAIL.sub("", b)
    if x == y:
        return len(x) >= 2
    odd = set(x) ^ set(y)
    if odd & _MEANT or abs(len(x) - len(y)) > 1 or min(len(x), len(y)) < 2:
        return False
    if len(x) == len(y):
        if set(sound_keys(x)) & set(sound_keys(y)):
            return True
        wrong = [i for i, (p, q) in enumerate(zip(x, y, strict=True)) if p != q]
        swapped = len(wrong) == 2 and x[wrong[0]] == y[wrong[1]] and x[wrong[1]] == y[wrong[0]]
        return swapped or (len(wrong) == 1 and len(x) >= 3)
    short, long = sorted((x, y), key=len)
    return len(long) >= 3 and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def _same_number(a: str, b: str) -> bool:
    """Equal, or one within the range of the other: 144 and 144-146."""
    if a == b:
        return True
    first, second = _RANGE.match(a), _RANGE.match(b)
    if first is None or second is None or first["kind"] != second["kind"]:
        return False
    low, high = _bounds(first)
    low2, high2 = _bounds(second)
    return low <= high2 and low2 <= high and (low < high or low2 < high2)


def _bounds(found: re.Match[str]) -> tuple[int, int]:
    """Lowest and highest number; 12-3 is no range."""
    low, high = int(found["low"]), int(found["high"] or found["low"])
    return low, max(low, high)


_SAME: dict[str, Callable[[str, str], bool]] = {"road": _same_road, "number": _same_number}


def _nested(a: str, b: str) -> bool:
    def prefix(code: str) -> str:
        return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code

    return prefix(a).startswith(prefix(b)) or prefix(b).startswith(prefix(a))


def _label(
    agree: list[str], differ: list[str], left: _Levels, right: _Levels
) -> Literal["exact", "partial", "none"]:
    """Exact where both go equally deep; partial where one holds the other or they share a yard."""
    numbered = "road" in agree and "number" in agree
    if "number" in differ and not numbered and _in_village(left, right):
        return "none"
    if "compound" in agree or numbered:
        deepest = [[lv for lv in _DEPTH if part.get(lv)] for part in (left, right)]
        level = deepest[0][-1:] == deepest[1][-1:] or not any(deepest)
        whole = bool(set(agree) & set(_DEPTH)) or _same_house(left, right)
        return "exact" if level and not differ and whole else "partial"
    if "road" in agree and "number" not in differ and "compound" not in differ:
        deeper = any(part.get(level) for part in (left, right) for level in _WITHIN)
        alone = len(left["road"]) == len(right["road"]) and not deeper and not differ
        return "exact" if alone else "partial"
    return "none"


def _same_house(left: _Levels, right: _Levels) -> bool:
    """Whether no firm is named that the other has not: a building is not the firm in it."""
    for one, other in ((left, right), (right, left)):
        names = [name for level in ("compound", "tenant") for name in other.get(level, [])]
        firms = [x for level in ("poi", "tenant") for x in one.get(level, []) if _FIRM.search(x)]
        if any(max((_alike(firm, x) for x in names), default=0.0) < 0.5 for firm in firms):
            return False
    return True


def _in_village(left: _Levels, right: _Levels) -> bool:
    """Numbers of a village are its houses; an estate may have several street numbers."""
    return bool(left.get("village") or left.get("community")) and bool(
        right.get("village") or right.get("community")
    )
