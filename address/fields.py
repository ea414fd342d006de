"""An address as named fields, with what its divisions imply."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

from address.divisions import path_of
from address.lexicon import (
    Division,
    divisions,
    former_seats,
    national_names,
    short_admin,
    towns_of,
)
from address.model import Element
from address.normalise import MAX_CHARACTERS, normalise
from address.parse import elements_of
from address.pinyin import spellings
from address.quarters import county_of_quarter, name_zone, prefer_inner_compound, strip_town
from address.romanised import romanised_parts
from address.segment import Piece, segment
from address.turned import rank_by_word, turned

__all__ = ["county_of", "fields_of"]

_NAMES = {"street": "town", "number": "road_no", "distance": "distance_m", "phase": "sub_compound"}


def county_of(text: str, within: str | None = None) -> str | None:
    """6-digit code of the narrowest division a text names; None where it names none.

    Parameters
    ----------
    text : str
    within : str, optional
        Name of a division the text is known to lie in; it weighs like a name in front of the text.

    Examples
    --------
    >>> county_of("上海市卢湾区某路1号"), county_of("上海静安区重庆北路2号"), county_of("你好")
    ('310101', '310106', None)
    """
    pieces = segment(normalise((within or "") + text).text)
    names = national_names()
    said = [piece for piece in pieces if piece.kind == "admin"][:_MOST_DIVISIONS]
    if not said:
        return None
    options: list[list[Division]] = []
    for piece in said:
        found = [d for d in names.get(piece.text) if d.level != "street"]
        options.append(
            [d for d in found if d.level == "province"] if piece.level == "province" else found
        )
    chosen = _best_chain(options, _weights(said, options))
    if chosen is None:
        return None
    if chosen.endswith("00"):
        chosen = _seat_of(chosen, said)
    towns = [piece.text for piece in pieces if piece.level == "street"]
    if towns:
        if chosen.endswith("00"):
            return _by_town(chosen, towns) or chosen
        return _of_split(chosen, options, towns)
    return chosen


def _seat_of(code: str, said: Sequence[Piece]) -> str:
    """日喀则地区日喀则市 is the old county-level city, a district of today."""
    for before, piece in pairwise(said):
        if before.text.endswith(("地区", "盟")) and before.text[:2] == piece.text[:2]:
            parts = former_seats().get((piece.text, code), ())
            if len(parts) == 1:
                return parts[0]
    return code


_OFFSHORE = ("71", "81", "82")
_MUNICIPALITIES = ("110000", "120000", "310000", "500000")
_MOST_DIVISIONS = 16
"""Names of divisions in one text that are weighed."""
_SURE = 2.4
"""Weight of a county written in full that there is only one of."""


def _weights(said: Sequence[Piece], options: Sequence[Sequence[Division]]) -> list[float]:
    """How much each name counts: earlier more, and a county that alone bears its name.

    It may have moved from one city to another since the text was written. For the same reason a
    full name right behind another one of its province that does not hold it outweighs that one:
    零陵地区宁远县, 巢湖市庐江县.
    """
    out = []
    for place, (piece, found) in enumerate(zip(said, options, strict=True)):
        found = [d for d in found if d.code[:2] not in _OFFSHORE] or found
        alone = len(found) == 1 and (
            found[0].level == "county"
            or found[0].name != piece.text[: len(found[0].name)]
            or found[0].code in _MUNICIPALITIES
        )
        full = len(piece.text) > 2 or piece.text[-1] == "县"
        lone_city = len(found) == 1 and found[0].level == "city" and found[0].name == piece.text
        weight = (_SURE if alone and full else 1.3 if lone_city else 1.0) / (1 + place * 0.2)
        if place + 1 < len(said) and said[place + 1].start == piece.end:
            after = options[place + 1]
            fits = any(_holds(a.code, b.code) for a in found for b in after)
            near = any(a.code[:2] == b.code[:2] for a in found for b in after)
            full = piece.text[-1] in "市区盟州县" and said[place + 1].text[-1] in "县市区旗"
            if full and near and not fits and found[0].level != "province":
                weight *= 0.3
        out.append(weight)
    return out


def _best_chain(options: Sequence[Sequence[Division]], weights: Sequence[float]) -> str | None:
    """Narrowest division of the chain most names agree on."""
    best: tuple[float, int, int, str] | None = None
    for number, found in enumerate(options):
        for division in found:
            prefix = {"province": 2, "city": 4}.get(division.level, 6)
            agreed = 0.0
            for place, others in enumerate(options):
                if any(_holds(other.code, division.code) for other in others):
                    agreed += weights[place]
                elif place != number and any(_holds(division.code, other.code) for other in others):
                    agreed += 0.3 * weights[place]
            key = (round(agreed, 3), prefix, -number, division.code)
            if best is None or key[:3] > best[:3]:
                best = key
    return best[3] if best is not None else None


def _of_split(chosen: str, options: Sequence[Sequence[Division]], towns: Sequence[str]) -> str:
    """Of the parts a former county was split into, the one that has the town."""
    for found in options:
        codes = [division.code for division in found]
        if chosen in codes and len(codes) > 1:
            held = [
                code
                for code in codes
                if code[:4] == chosen[:4]
                and any(town.name in towns for town in towns_of().get(code, ()))
            ]
            if len(held) == 1:
                return held[0]
    return chosen


def _holds(wide: str, narrow: str) -> bool:
    prefix = wide[:2] if wide.endswith("0000") else wide[:4] if wide.endswith("00") else wide
    return narrow.startswith(prefix)


def _by_town(code: str, towns: Sequence[str]) -> str | None:
    """County of a province or city that alone has one of the towns."""
    prefix = code[:2] if code.endswith("0000") else code[:4]
    for town in towns:
        found = {c for c in _counties_with(town) if c.startswith(prefix)}
        if len(found) == 1:
            return found.pop()
    return None


@cache
def _county_by_town() -> dict[str, tuple[str, ...]]:
    out: dict[str, list[str]] = {}
    for county, listed in towns_of().items():
        for town in listed:
            out.setdefault(town.name, []).append(county)
    return {name: tuple(counties) for name, counties in out.items()}


def _counties_with(town: str) -> tuple[str, ...]:
    return _county_by_town().get(town, ())


def fields_of(text: str, context: Mapping[str, str] | None = None) -> dict[str, object]:
    """Fields of an address: ``province`` … ``room`` and the free-text kinds, as canonical strings.

    Parameters
    ----------
    text : str
    context : mapping, optional
        ``city`` or ``county`` the text is known to lie in.

    Returns
    -------
    dict
        Empty where the text holds no address. Two roads that cross are ``intersection``; a lane is
        ``lane``, not ``road_no``.

    Examples
    --------
    >>> fields_of("武汉市沿河大街18号之一")["road_no_sub"]
    '1'
    """
    text = text[:MAX_CHARACTERS]
    if not any("\u4e00" <= c <= "\u9fff" for c in text):
        parts = romanised_parts(text)
        return _romanised_fields(parts) if "road" in parts else {}
    elements = elements_of(turned(normalise(text), rank_by_word))
    out: dict[str, object] = {}
    roads = [e.value for e in elements if e.level == "road"]
    for element in elements:
        _put(out, element)
    prefer_inner_compound(out, elements)
    if not _is_address(out):
        return {}
    crossing = any(
        e.level == "relation" and e.value.endswith(("路口", "交叉口", "交汇处", "交界处"))
        for e in elements
    )
    if len(roads) == 2 and (crossing or "number" not in {e.level for e in elements}):
        out.pop("road", None)
        out["intersection"] = roads
    code = county_of(text, (context or {}).get("county") or (context or {}).get("city"))
    code = code or county_of_quarter(out)
    if code is not None and code in divisions():
        named = zip(("province", "city", "county"), path_of(code), strict=True)
        out |= {level: name for level, name in named if name}
        strip_town(out, code)
    name_zone(out)
    return out


def _is_address(fields: Mapping[str, object]) -> bool:
    told = set(fields) - {"noise", "tenant", "relation", "distance_m", "floor", "sub_poi", "room"}
    if {"floor", "room"} <= set(fields):
        return True
    return bool(told) and not (told == {"poi"} and _SPEECH.search(str(fields["poi"])))


_SPEECH = re.compile(
    r"^.$|[我你您他她它们吗呢吧啊哦了的得着请谢帮想问买卖吃喝是不没怎么什谁哪]|今天|明天|昨天|[上下中]午|早上|晚上|现在|开会|几点|多少"
    r"|恭喜|祝贺|快乐|发财|新年|测试|通知|订单|快递|查询|天气|支付|价格"
)
"""Words of speech: a text of which nothing else is known is no name of a place."""


def _put(out: dict[str, object], element: Element) -> None:
    level = _NAMES.get(element.level, element.level)
    value = element.value
    if level == "noise" or (level in out and level != "road_no"):
        return
    if element.level == "floor" and value in ("顶", "首", "夹", "避难", "底"):
        out["floor"] = value + "层"
        return
    if element.level == "number":
        _put_number(out, value, element.text)
        return
    out[level] = value


def _put_number(out: dict[str, object], value: str, written: str) -> None:
    """Lane, prefix, number and sub-number of a door; 116-118 is a range, 118-3 a sub-number."""
    if value[-1] in "弄支巷":
        lane, *inner = [part for part in re.split("[弄支巷]+", value) if part]
        out.setdefault("lane", lane)
        if inner:
            out.setdefault("lane_sub", inner[-1])
        return
    if "road_no" not in out:
        number, _, sub = value.partition("-")
        if number[:1] in "甲乙丙丁" and number[1:]:
            out["road_no_prefix"] = number[0]
            number = number[1:]
        said = "附" in written or "之" in written
        if not said and sub.isdigit() and number.isdigit() and int(sub) > int(number):
            number, sub = value, ""
        out["road_no"] = number
        if sub:
            out["road_no_sub"] = sub


_ROMANISED = {
    "room": "room",
    "floor": "floor",
    "unit": "unit",
    "building": "building",
    "lane": "lane",
    "door": "road_no",
}


def _romanised_fields(parts: Mapping[str, str]) -> dict[str, object]:
    out: dict[str, object] = {"road_py": parts["road"]}
    out |= {field: parts[name] for name, field in _ROMANISED.items() if name in parts}
    code = _romanised_division(parts.get("city"), parts.get("county"))
    if code is not None:
        named = zip(("province", "city", "county"), path_of(code), strict=True)
        out |= {level: name for level, name in named if name}
    return out


@cache
def _by_pinyin() -> dict[str, tuple[Division, ...]]:
    """Divisions by the pinyin of their short and full names."""
    out: dict[str, list[Division]] = {}
    for division in divisions().values():
        for name in (division.name, *short_admin(division.name)):
            for way in spellings(name):
                out.setdefault("".join(way), []).append(division)
    return {spelled: tuple(found) for spelled, found in out.items()}


def _romanised_division(city: str | None, county: str | None) -> str | None:
    """Code of the one county, or city, that is spelled so."""
    table = _by_pinyin()
    cities = [d.code for d in table.get(city or "", ()) if d.level != "county"]
    counties = [d.code for d in table.get(county or "", ()) if d.level == "county"]
    if cities:
        held = [code for code in counties if any(_holds(wide, code) for wide in cities)]
        return held[0] if len(held) == 1 else cities[0] if len(cities) == 1 else None
    return counties[0] if len(counties) == 1 else None
