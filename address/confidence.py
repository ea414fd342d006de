"""Chance that an answer is the right one, from what was met on the way to it."""

import json
import math
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from address.model import RANK, Fault

if TYPE_CHECKING:
    from address.descend import Way
    from address.index import AddressIndex
    from address.query import Query

__all__ = ["SIGNS", "confidence", "signs_of"]

_GAP = 3.0
_RIVALS = 12
_SHORT = 6
_PARTS = ("building", "unit", "floor", "room")
_REPAIRS = ("homophone", "spelling", "suffix", "omitted")
_COMMUNITY = RANK["community"]
_NAMES = frozenset(RANK[x] for x in ("road", "village", "compound", "group"))

SIGNS = (
    "cost",
    "gap",
    "nested_gap",
    "rivals",
    "homophone",
    "spelling",
    "suffix",
    "omitted",
    "short_repair",
    "conflict_wide",
    "conflict_county",
    "conflict_street",
    "outside",
    "unused_text",
    "unused_name",
    "unused_part",
    "kind",
    "missing_number",
    "missing_part",
    "missing_name",
    "repaired_missing",
    "conflict_missing",
    "nothing",
    "nothing_named",
    "ends_at_division",
    "ends_at_name",
    "no_division",
    "common_name",
    "nothing_numbered",
    "nothing_short",
    "unread_words",
    "unread_name",
    "unread_rivals",
    "unread_missing",
    "before",
)
"""What the chance is told from; see `signs_of`."""


def signs_of(
    index: "AddressIndex", query: "Query", found: list["Way"], rivals: list["Way"]
) -> dict[str, float]:
    """Signs of trouble in an answer; those that are left out are 0.

    Parameters
    ----------
    index : AddressIndex
    query : Query
        What was read.
    found : list of Way
        Ways to read it, the answer first; empty where there is none.
    rivals : list of Way
        Those that fit as well.
    """
    signs: dict[str, float] = {}
    named, numbers, words, unknown, roads = _read(query)
    signs["unread_words"], signs["unread_name"] = math.log1p(words), unknown
    if not found:
        signs["nothing"] = 1.0
        signs["nothing_named"] = float(bool(named))
        signs["nothing_numbered"] = min(3.0, numbers)
        signs["nothing_short"] = float(len(query.source.text) < _SHORT)
        return signs
    best = found[0]
    above = set(index.above(best.row))
    signs["before"] = roads
    signs["cost"] = min(best.cost, 6.0)
    apart, nested = _gaps(index, found, rivals, above)
    signs["gap"] = 1.0 - apart / _GAP
    signs["nested_gap"] = 1.0 - nested / _GAP
    if best.faults:
        _add_faults(signs, best.faults)
    if rivals:
        signs["rivals"] = math.log1p(len(rivals))
        signs["unread_rivals"] = signs["unread_words"] + unknown
    if best.missing is not None:
        signs[_missing_sign(best.missing)] = 1.0
        signs["repaired_missing"] = float(any(s in signs for s in _REPAIRS))
        signs["conflict_missing"] = float(any(s.startswith("conflict") for s in signs))
        signs["unread_missing"] = signs["unread_words"] + unknown
    levels = index.levels
    if levels[best.row] <= _COMMUNITY:
        signs["ends_at_division"] = 1.0
    elif levels[best.row] in _NAMES:
        signs["ends_at_name"] = 1.0
    if not any(r in above and levels[r] <= _COMMUNITY for nodes in named for r in nodes):
        signs["no_division"] = 1.0
    if best.anchor >= 0 and levels[best.anchor] > _COMMUNITY:
        alike = len(index.names.get(index.core_of_row(best.anchor)))
        signs["common_name"] = math.log(max(1, alike))
    return signs


def _add_faults(signs: dict[str, float], faults: list[Fault]) -> None:
    for fault in faults:
        sign = _sign_of(fault.code, fault.level)
        if sign:
            signs[sign] = signs.get(sign, 0.0) + 1.0
        if sign in _REPAIRS and len(fault.given) <= 3:
            signs["short_repair"] = 1.0


def _read(query: "Query") -> tuple[list[list[int]], float, int, float, float]:
    """Nodes of the names, numbers, unread characters, unknown names, and unknown roads."""
    named: list[list[int]] = []
    numbers = unknown = roads = 0.0
    words = 0
    for item in query.items:
        piece = item.piece
        if item.nodes:
            named.append(item.nodes)
        elif item.options:
            numbers += 1.0
        elif piece.kind == "rest":
            words += len(piece.text)
        elif piece.kind in ("generic", "admin"):
            unknown += 1.0
        if piece.level == "road" and piece.kind in ("rest", "generic"):
            roads += 1.0
    return named, numbers, words, unknown, roads


def _missing_sign(level: str) -> str:
    if level == "number":
        return "missing_number"
    return "missing_part" if level in _PARTS else "missing_name"


def _gaps(
    index: "AddressIndex", found: list["Way"], rivals: list["Way"], above: set[int]
) -> tuple[float, float]:
    """How much dearer the next answer is that lies elsewhere, and the next on the same branch."""
    best = found[0]
    level_with = {id(way) for way in rivals}
    apart = nested = _GAP
    for way in found[1:_RIVALS]:
        more = way.cost - best.cost + (1.0 if way.missing and not best.missing else 0.0)
        if more >= _GAP:
            continue
        if way.row in above or index.is_below(way.row, best.row):
            nested = min(nested, more)
        elif id(way) not in level_with:
            apart = min(apart, more)
    return max(apart, 0.0), max(nested, 0.0)


def _sign_of(code: str, level: str) -> str:
    what = code.partition(".")[2]
    if what in _REPAIRS or what in ("outside", "kind"):
        return what
    if what == "conflict":
        wide = level in ("province", "city")
        return (
            "conflict_wide" if wide else f"conflict_{'county' if level == 'county' else 'street'}"
        )
    if what == "unused":
        if level == "text":
            return "unused_text"
        return "unused_part" if RANK.get(level, 0) >= RANK["phase"] else "unused_name"
    return ""


@cache
def _coefficients() -> tuple[float, dict[str, float], list[float], list[float]]:
    data = json.loads(
        files("address").joinpath("data", "confidence.json").read_text(encoding="utf-8")
    )
    return data["constant"], data["weights"], data["scores"], data["chances"]


def confidence(signs: dict[str, float]) -> float:
    """Chance that an answer with these signs is right.

    Parameters
    ----------
    signs : dict
        `signs_of`.

    Returns
    -------
    float
        0 to 1: a logistic sum of the signs, set right by a rising step function. Coefficients are
        those of ``data/confidence.json``, fitted on generated noise.

    Examples
    --------
    >>> confidence({}) > confidence({"spelling": 1.0, "gap": 1.0}) > 0
    True
    """
    constant, weights, scores, chances = _coefficients()
    score = constant
    for name, value in signs.items():
        if value:
            score += weights[name] * value
    return chances[max(bisect_right(scores, score) - 1, 0)]
