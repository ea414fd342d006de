"""An address as named fields, with what its divisions imply."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from address.divisions import path_of
from address.lexicon import Division, divisions, national_names, short_admin, towns_of
from address.model import Element
from address.normalise import normalise
from address.parse import parse
from address.pinyin import spellings
from address.romanised import romanised_parts
from address.segment import segment

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
    options: list[list[Division]] = []
    for piece in pieces:
        if piece.kind == "admin":
            found = names.get(piece.text)
            options.append(
                [d for d in found if d.level == "province"] if piece.level == "province" else found
            )
    if not options:
        return None
    chosen = _best_chain(options)
    if chosen is None:
        return None
    if chosen.endswith("00"):
        towns = [piece.text for piece in pieces if piece.level == "street"]
        chosen = _by_town(chosen, towns) or chosen
    return chosen


def _best_chain(options: Sequence[Sequence[Division]]) -> str | None:
    """Narrowest division of the chain most names agree on; earlier names weigh more."""
    best: tuple[float, int, int, str] | None = None
    for number, found in enumerate(options):
        for division in found:
            prefix = {"province": 2, "city": 4}.get(division.level, 6)
            agreed = 0.0
            for place, others in enumerate(options):
                weight = 1.0 / (1 + place * 0.2)
                if any(_holds(other.code, division.code) for other in others):
                    agreed += weight
                elif place != number and any(_holds(division.code, other.code) for other in others):
                    agreed += 0.3 * weight
            key = (round(agreed, 3), prefix, -number, division.code)
            if best is None or key[:3] > best[:3]:
                best = key
    return best[3] if best is not None else None


def _holds(wide: str, narrow: str) -> bool:
    prefix = wide[:2] if wide.endswith("0000") else wide[:4] if wide.endswith("00") else wide
    return narrow.startswith(prefix)


def _by_town(code: str, towns: Sequence[str]) -> str | None:
    """County of a province or city that alone has one of the towns."""
    prefix = code[:2] if code.endswith("0000") else code[:4]
    for town in towns:
        found = {
            c
            for c, listed in towns_of().items()
            if c.startswith(prefix) and any(t.name == town for t in listed)
        }
        if len(found) == 1:
            return found.pop()
    return None


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
    if not any("\u4e00" <= c <= "\u9fff" for c in text):
        parts = romanised_parts(text)
        return _romanised_fields(parts) if "road" in parts else {}
    elements = parse(text)
    out: dict[str, object] = {}
    roads = [e.value for e in elements if e.level == "road"]
    for element in elements:
        _put(out, element)
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
    if code is not None and code in divisions():
        named = zip(("province", "city", "county"), path_of(code), strict=True)
        out |= {level: name for level, name in named if name}
    return out


def _is_address(fields: Mapping[str, object]) -> bool:
    return bool(
        set(fields) - {"noise", "tenant", "relation", "distance_m", "floor", "sub_poi", "room"}
    ) and (set(fields) != {"poi"} or len(str(fields["poi"])) >= 2)


def _put(out: dict[str, object], element: Element) -> None:
    level = _NAMES.get(element.level, element.level)
    value = element.value
    if level == "noise" or (level in out and level != "road_no"):
        return
    if element.level == "floor" and value in ("顶", "首", "夹", "避难", "底"):
        out["floor"] = value + "层"
        return
    if element.level == "number":
        _put_number(out, value)
        return
    out[level] = value


def _put_number(out: dict[str, object], value: str) -> None:
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
        if sub.isdigit() and number.isdigit() and int(sub) > int(number):
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
