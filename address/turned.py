"""Addresses written from the narrowest part to the widest."""

import re
from collections.abc import Callable
from itertools import pairwise

from address.lexicon import national_names
from address.model import RANK
from address.normalise import Normalised

__all__ = ["rank_by_word", "turned"]

_END_RANK = re.compile(
    r"(?:(?P<room>室|房|铺)|(?P<floor>\d[层F楼])|(?P<unit>单元|\d门|梯)|(?P<building>栋|幢|座|号楼|#)"
    r"|(?P<number>[号弄])|(?P<room2>^[A-Z]?\d{3,4}[A-Z]?)|(?P<province>省|自治区))$"
)
_RANK_OF = {
    "room": 15,
    "floor": 14,
    "unit": 13,
    "building": 12,
    "number": 9,
    "room2": 15,
    "province": 1,
}
_WORD = re.compile(
    r"(?:(?P<street>街道|镇|乡)|(?P<road>路|街|大道|巷)|(?P<compound>小区|花园|苑|城|园))$"
)


def rank_by_word(part: str) -> int:
    """Rank of a part that is a division of the country, or ends in a telling word; 0 where unknown.

    Examples
    --------
    >>> rank_by_word("金水区"), rank_by_word("科学大道"), rank_by_word("某处")
    (3, 8, 0)
    """
    found = national_names().get(part)
    if found:
        return min(RANK[division.level] for division in found)
    word = _WORD.search(part)
    return 0 if word is None else RANK[next(k for k in ("street", "road", "compound") if word[k])]


def turned(source: Normalised, rank_of: Callable[[str], int]) -> Normalised:
    """A folded text whose parts between commas run from room to province, the other way round.

    Parameters
    ----------
    source : Normalised
    rank_of : callable
        Rank in ``address.model.RANK`` of a part that is a name, 0 where it is none.

    Returns
    -------
    Normalised
        Spans still lead back to the given text; a text in the usual order is returned as it is.

    Examples
    --------
    >>> from address.normalise import normalise
    >>> turned(normalise("301室,2号楼,和平路8号,金水区,郑州市"), rank_by_word).text
    '郑州市,金水区,和平路8号,2号楼,301室'
    """
    text = source.text
    order = _from_the_end(text, rank_of)
    if order is not None:
        return _ordered(source, order)
    rising = _RISING.match(text)
    if rising is not None and _TAIL_WORD.search(text, rising.end()) is None:
        house = [range(*rising.span(part)) for part in ("building", "unit", "floor", "room")]
        order = [*range(rising.end(), len(text)), *(i for part in house for i in part if i >= 0)]
        return _ordered(source, order)
    head = _TAIL_FIRST.match(text)
    if head is not None and _TAIL_WORD.search(text, head.end()) is None:
        a, b = head.span("tail")
        order = [*range(b + 1, len(text)), b, *range(a, b)] if text[b] == "," else []
        return _ordered(source, order or [*range(b, len(text)), *range(a, b)])
    return source


def _from_the_end(text: str, rank_of: Callable[[str], int]) -> list[int] | None:
    """The characters of a text whose parts run the other way, last part first; None of others."""
    if text.count(",") < 2:
        return None
    parts = [(m.start(), m.end()) for m in re.finditer(r"[^,]+", text)]
    if len(parts) < 3:
        return None
    ranks = []
    for a, b in parts:
        part = text[a:b]
        rank = rank_of(part)
        if not rank and part[-1] in "号弄" and not part[0].isdigit():
            rank = 8  # a road with its door
        elif not rank and (found := _END_RANK.search(part)) is not None:
            rank = next(rank for key, rank in _RANK_OF.items() if found[key] is not None)
        ranks.append(rank)
    known = [r for r in ranks if r]
    falls = sum(x > y for x, y in pairwise(known))
    if len(known) < 3 or falls < len(known) - 1 - (len(known) > 4) or known[0] < known[-1]:
        return None
    order: list[int] = []
    for a, b in reversed(parts):
        order += [*range(a, b)]
        order.append(b if b < len(text) else a - 1)
    kept = [i for i in order if i >= 0]
    if text[kept[-1]] == ",":
        kept.pop()
    return kept


_TAIL_FIRST = re.compile(
    r"(?P<tail>[A-Z]?\d{1,3}(?:号楼|栋|幢|座)(?:\d{1,2}(?:单元|门|梯))?(?:\d{1,2}[层楼])?(?:[A-Z]?\d{3,4}[A-Z]?[室房]?)?)"
    r"(?:,(?=[\u4e00-\u9fa5]{2})|(?=[\u4e00-\u9fa5]{2,12}[路街巷道]\d{1,5}[号弄]))"
)
"""The house before its address: 7号楼2单元1303室,人民路5号."""
_RISING = re.compile(
    r"(?:(?P<room>[A-Z]?\d{1,4}[A-Z]?(?:室|房间|房)),?)?(?:(?P<floor>\d{1,2}[层楼]),?)?"
    r"(?:(?P<unit>\d{1,2}(?:单元|门|梯)),?)?(?<=[室间房层楼元门梯,])(?P<building>[A-Z]?\d{1,3}(?:号楼|栋|幢|座)),?"
    r"(?=[\u4e00-\u9fa5]{2})"
)
"""The house from its room up, before its address: 1203室2单元5号楼临江花园."""
_TAIL_WORD = re.compile(r"号楼|栋|幢|单元|\d[室房层]")


def _ordered(source: Normalised, kept: list[int]) -> Normalised:
    """A folded text in another order of its characters."""
    text = source.text
    starts = source.starts or tuple(range(len(text)))
    ends = source.ends or tuple(range(1, len(text) + 1))
    return Normalised(
        "".join(text[i] for i in kept),
        source.given,
        tuple(starts[i] for i in kept),
        tuple(ends[i] for i in kept),
    )
