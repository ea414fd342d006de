"""Which province, city and county a text means."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from address.lexicon import Division, divisions, national_names
from address.segment import Piece

__all__ = ["admin_level", "path_of", "resolve", "resolve_named"]


def path_of(code: str) -> tuple[str, str, str]:
    """Province, city and county of a 6-digit code, as a person would say them.

    A municipality is its own city; a county right below its province, and a city without counties,
    is both city and
    county. Levels below the code are empty.

    Examples
    --------
    >>> path_of("310106"), path_of("420100")
    (('上海市', '上海市', '静安区'), ('湖北省', '武汉市', ''))
    >>> path_of("429004"), path_of("441900")
    (('湖北省', '仙桃市', '仙桃市'), ('广东省', '东莞市', '东莞市'))
    """
    table = divisions()
    province = table[code[:2] + "0000"].name if code[:2] + "0000" in table else ""
    if code.endswith("0000"):
        return province, province if code[:2] in ("11", "12", "31", "50") else "", ""
    city = table[code[:4] + "00"].name if code[:4] + "00" in table else ""
    county = table[code].name if code in table and not code.endswith("00") else ""
    if not city:
        city = province if code[:2] in ("11", "12", "31", "50") else county
    if code.endswith("00") and code in ("441900", "442000", "460400", "620200"):
        county = city
    return province, city, county


def admin_level(name: str) -> str:
    """Level of a division's name, the widest it can have.

    Examples
    --------
    >>> admin_level("静安区"), admin_level("湖北"), admin_level("襄樊市")
    ('county', 'province', 'city')
    """
    order = {"province": 0, "city": 1, "county": 2, "street": 3}
    found = sorted(national_names().get(name), key=lambda division: order[division.level])
    return found[0].level if found else "county"


def _fits(a: Division, b: Division) -> bool:
    """One contains the other."""
    wide, narrow = sorted((a.code, b.code), key=lambda code: len(code.rstrip("0")))
    wide = wide[:2] if wide.endswith("0000") else wide[:4] if wide.endswith("00") else wide
    return narrow.startswith(wide)


def resolve(pieces: Sequence[Piece], hints: Iterable[Division] = ()) -> dict[int, tuple[str, str]]:
    """Level and official name of each division in a text, so that they fit each other.

    Parameters
    ----------
    pieces : sequence of Piece
        The ``admin`` pieces of a text.
    hints : iterable of Division
        Divisions known from elsewhere (a default city).

    Returns
    -------
    dict of int to (str, str)
        By the piece's start.
    """
    few = pieces[:_MOST]  # nobody names more divisions in one address
    found = _resolved(tuple((piece.text, piece.level) for piece in few), tuple(hints))
    return {piece.start: told for piece, told in zip(few, found, strict=True) if told is not None}


def resolve_named(
    named: tuple[tuple[str, str], ...],
) -> tuple[tuple[str, str] | None, ...]:
    """As `resolve`, of the text and level of each piece, in their order."""
    found = _resolved(named[:_MOST], ())
    return found + (None,) * (len(named) - len(found))


_MOST = 16


@lru_cache(4096)
def _resolved(
    named: tuple[tuple[str, str], ...], hints: tuple[Division, ...]
) -> tuple[tuple[str, str] | None, ...]:
    """As `resolve`, by what is written; the same few divisions stand in front of many addresses."""
    names = national_names()
    table = divisions()
    options: list[tuple[str, list[Division]]] = []
    for text, level in named:
        own = names.get(text)
        if level == "province":
            own = [division for division in own if division.level == "province"]
        options.append((text, own))
    wide = list(hints)
    out: list[tuple[str, str] | None] = []
    order = {"province": 0, "city": 1, "county": 2, "street": 3}
    for number, (text, own) in enumerate(options):
        best = max(own, key=lambda d: _support(d, text, number, options, wide, order), default=None)
        told = best is not None and (best.code in table or best.level == "street")
        out.append((best.level, best.name) if best is not None and told else None)
        if best is not None and told:
            wide.append(best)
    return tuple(out)


def _support(
    division: Division,
    text: str,
    number: int,
    options: list[tuple[str, list[Division]]],
    wide: list[Division],
    order: dict[str, int],
) -> tuple[int, int, int, int]:
    """How well a reading fits the other names: before and after, spelling, deeper, wider."""
    before = sum(1 if _fits(division, other) else -1 for other in wide)
    deeper = bool(wide) and order[division.level] > max(order[other.level] for other in wide)
    after = sum(
        any(_fits(division, d) and d is not division for d in found)
        for _, found in options[number + 1 :]
    )
    exact = 2 if division.name == text else 0
    return before + after, exact, 1 if deeper else 0, -order[division.level]
