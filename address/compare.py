"""Whether two addresses mean the same place."""

from dataclasses import dataclass
from typing import Literal

from address.fields import county_of
from address.model import Element
from address.parse import parse

__all__ = ["Comparison", "compare"]

_NUMBERS = ("number", "building", "unit", "room")
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


def _by_level(elements: list[Element]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for element in elements:
        level = "compound" if element.level in _NAMES else element.level
        out.setdefault(level, []).append(element.value)
    return out


def _alike(a: str, b: str) -> float:
    """Dice share of characters in pairs, 1 where one name holds the other."""
    if a in b or b in a:
        return 1.0
    first, second = ({x[i : i + 2] for i in range(len(x) - 1)} or {x} for x in (a, b))
    return 2 * len(first & second) / (len(first) + len(second))


def compare(a: str, b: str) -> Comparison:
    """Compare two addresses element by element, without a gazetteer.

    Parameters
    ----------
    a, b : str
        As people write them.

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
    left, right = _by_level(parse(a)), _by_level(parse(b))
    agree: list[str] = []
    differ: list[str] = []
    one_sided = 0
    for level in ("road", *_NUMBERS):
        x, y = left.get(level), right.get(level)
        if x and y:
            (agree if set(x) & set(y) else differ).append(level)
        elif (x or y) and level in _NUMBERS:
            one_sided += 1
    names = [(x, y) for x in left.get("compound", []) for y in right.get("compound", [])]
    if names:
        best = max(_alike(x, y) for x, y in names)
        (agree if best >= 0.5 else differ).append("compound")
    first, second = county_of(a), county_of(b)
    if first and second and first != second and not _nested(first, second):
        return Comparison("none", 0.0, tuple(agree), ("county", *differ))
    score = len(agree) / max(1, len(agree) + len(differ))
    return Comparison(
        _label(agree, differ, one_sided), round(score, 3), tuple(agree), tuple(differ)
    )


def _nested(a: str, b: str) -> bool:
    def prefix(code: str) -> str:
        return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code

    return prefix(a).startswith(prefix(b)) or prefix(b).startswith(prefix(a))


def _label(
    agree: list[str], differ: list[str], one_sided: int
) -> Literal["exact", "partial", "none"]:
    anchored = "compound" in agree or ("road" in agree and "number" in agree)
    if anchored and not differ:
        return "exact" if one_sided <= 1 else "partial"
    if anchored:
        return "partial"
    if "road" in agree and "number" not in differ and "compound" not in differ:
        return "partial"
    return "none"
