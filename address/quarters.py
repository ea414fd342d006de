"""Names of quarters in front of the place that is meant: zones, towns, estates before a road."""

import re
from collections.abc import Sequence
from functools import cache

from address.lexicon import Division, towns_of
from address.model import Element

__all__ = ["county_of_quarter", "name_zone", "prefer_inner_compound", "strip_town"]

_ZONE = re.compile(r"(?:开发区|高新区|园区|示范区|度假区|管理区|保税区)$")


def name_zone(out: dict[str, object]) -> None:
    """A zone that the tables carry as a county is a zone too, without its city's name."""
    county, city = str(out.get("county", "")), str(out.get("city", ""))
    if "devzone" in out or not _ZONE.search(county):
        return
    stem = city.removesuffix("市")
    short = county.removeprefix(city).removeprefix(stem)
    out["devzone"] = county if short == "工业园区" else short


def prefer_inner_compound(out: dict[str, object], elements: Sequence[Element]) -> None:
    """珠江新城华夏路16号盈凯广场: the first is the quarter, the place behind the door is meant."""
    levels = [element.level for element in elements]
    if levels.count("compound") < 2 or "number" not in levels:
        return
    door = levels.index("number")
    if "road" in levels[:door] and levels.index("compound") < levels.index("road"):
        inner = [e.value for e in elements[door:] if e.level == "compound"]
        if inner:
            out["compound"] = inner[0]


_NUMBERED_ESTATE = re.compile(r"[\u4e00-\u9fa5]{2,}[一二三四五六七八九十]{1,2}[区里村]$")


def strip_town(out: dict[str, object], code: str) -> None:
    """The stem of a town in front of a whole name: of a road, or of an estate with its quarter.

    良渚金家渡路 in 余杭区 is 金家渡路 of 良渚, 方庄芳城园一区 in 丰台区 is 芳城园一区 of 方庄.
    """
    level = "road" if "road" in out else "compound"
    name = out.get(level)
    if not isinstance(name, str) or len(name) < 5 or "town" in out or name[0].isdigit():
        return
    for stem, town in _town_stems().get(name[:2], ()):
        rest = name[len(stem) :]
        if level == "compound" and not _NUMBERED_ESTATE.match(rest):
            continue
        if (
            name.startswith(stem)
            and town.code.startswith(code.rstrip("0") if code.endswith("00") else code)
            and len(rest) > 2
            and rest[0] not in _NO_HEAD
            and stem not in _WORDS
        ):
            out[level], out["town"] = rest, town.name
            return


def county_of_quarter(out: dict[str, object]) -> str | None:
    """County of the one town of the country whose name stands in front of a whole road.

    鼓浪屿龙头路 needs no 厦门市: only one town is called so. Names of two characters are too common.
    """
    name = out.get("road")
    if not isinstance(name, str) or len(name) < 6 or "town" in out:
        return None
    for stem, town in _town_stems().get(name[:2], ()):
        if len(stem) > 2 and name.startswith(stem):
            alike = sum(other == stem for other, _ in _town_stems()[name[:2]])
            rest = name[len(stem) :]
            whole = len(rest) > 2 and rest[0] not in _NO_HEAD and _NO_ROAD.match(rest) is None
            return town.code[:6] if alike == 1 and whole else None
    return None


_NO_HEAD = "东西南北中一二三四五六七八九十大新老前后上下门内外桥公"
_NO_ROAD = re.compile(r"(?:步行|酒吧|商业|美食|小吃|文化|购物|[\u4e00-\u9fa5]?环)[街路]")
_WORDS = frozenset(
    (
        "人民", "解放", "新华", "和平", "胜利", "建设", "文化", "光明", "红旗", "团结", "友谊",
        "东方", "工业", "中山", "长江", "黄河", "民主", "自由",
    )
)  # fmt: skip
"""Names of towns that begin roads all over the country."""


@cache
def _town_stems() -> dict[str, tuple[tuple[str, Division], ...]]:
    """Stems of towns by their first two characters, longest first."""
    out: dict[str, list[tuple[str, Division]]] = {}
    for listed in towns_of().values():
        for town in listed:
            stem = town.name.removesuffix("街道").removesuffix("镇").removesuffix("乡")
            if len(stem) > 1 and stem != town.name:
                out.setdefault(stem[:2], []).append((stem, town))
    return {head: tuple(sorted(found, key=lambda p: -len(p[0]))) for head, found in out.items()}
