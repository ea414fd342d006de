"""Addresses in letters, in western order: Flat 7, 16 Linjiang Road, Wuhan."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from address.model import Element

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["from_romanised", "romanised_elements", "romanised_parts"]

_PINYIN_ROAD = re.compile(
    r"\b((?:[a-z']+\s+){1,5}?|[a-z']+?)(lu|da\s?dao|da\s?jie|jie|xiang|hu\s?tong)\b"
)
_ROAD_WORDS = r"road|rd|street|st|avenue|ave|av|boulevard|blvd|highway|hwy|alley"
_DIRECTIONS = {
    "east": "dong",
    "west": "xi",
    "south": "nan",
    "north": "bei",
    "middle": "zhong",
    "central": "zhong",
    "e": "dong",
    "w": "xi",
    "s": "nan",
    "n": "bei",
    "m": "zhong",
}
_PARTS = (
    ("building", re.compile(r"\b([a-z]?\d+|[a-z])\s*(?:hao\s*lou|dong|zhuang|zuo)\b")),
    ("room", re.compile(r"\b([a-z]?\d+[a-z]?)\s*shi\b")),
    ("unit", re.compile(r"\b(\d{1,2})\s*dan\s*yuan\b")),
    ("floor", re.compile(r"\b(\d{1,3})\s*(?:ceng|lou)\b")),
    ("door", re.compile(r"\b(\d+)\s*hao\b")),
    (
        "room",
        re.compile(
            r"\b(?:room|rm|suite|unit\s+no|flat|apt|apartment)\.?\s*(?:no\.?\s*)?([a-z]?-?\d+[a-z]?)\b"
        ),
    ),
    ("room", re.compile(r"\bunit\.?\s*([a-z]?\d{3,5}[a-z]?)\b")),
    (
        "floor",
        re.compile(
            r"\b(?:(\d{1,3})\s*(?:/f|f|st|nd|rd|th)\s*(?:floor|fl)?\b(?!\s*[a-z]+\s+(?:road|rd|street|st))|(?:floor|level)\s*(\d{1,3}))"
        ),
    ),
    ("unit", re.compile(r"\b(?:unit|entrance)\.?\s*(\d{1,2})\b")),
    (
        "building",
        re.compile(r"\b(?:building|bldg|block|blk|tower)\.?\s*(?:no\.?\s*)?([a-z]?\d*[a-z]?)\b"),
    ),
    ("lane", re.compile(r"\b(?:lane|ln|nong)\.?\s*(\d+)\b|\b(\d+)\s*nong\b")),
    ("door", re.compile(r"\bno\.?\s*(\d+[a-z]?)\b")),
)
_ROAD = re.compile(
    rf"(?:(\d+)\s+)?((?:[a-z']+\s+){{1,5}}?)(?:\(?({'|'.join(_DIRECTIONS)})\.?\)?\s+)?({_ROAD_WORDS})\b\.?(?:\s*\(?({'|'.join(_DIRECTIONS)})\)?\b)?"
)
_DISTRICT = re.compile(r"([a-z' ]+?)\s+(?:new\s+)?(?:district|county|dist)\b\.?")
_TOWN = re.compile(r"([a-z' ]+?)\s+(?:town|township|subdistrict|sub-district)\b")


def romanised_parts(text: str) -> dict[str, str]:
    """Parts of a western-style address, names in toneless pinyin without spaces.

    Examples
    --------
    >>> romanised_parts("Suite 808, 16 Binjiang Avenue, Wuchang District")["road"]
    'binjiang'
    """
    low = re.sub(r"\s+", " ", text.lower()).strip()[:200]
    out: dict[str, str] = {}
    for piece in (part.strip(" .") for part in low.split(",")):
        if piece:
            _put_names(out, _put_numbers(out, piece))
    return out


_HOUSE = re.compile(
    r"\b(?:garden|gardens|plaza|mansion|centre|center|building|community|estate|village|park|court)s?$"
)
_LEVEL_OF = {"door": "number", "lane": "number"}


def romanised_elements(text: str) -> list[Element]:
    """Elements of an address in letters, with spans; empty where it tells no road and no numbered part.

    Names stay as they are written: which Chinese name is meant only a gazetteer knows.

    Examples
    --------
    >>> [(e.level, e.value) for e in romanised_elements("Room 1203, No. 35 Linjiang Avenue")]
    [('room', '1203'), ('number', '35'), ('road', 'Linjiang Avenue')]
    """
    low = text.lower()
    if len(low) != len(text):
        return []
    out: list[Element] = []

    def put(level: str, start: int, end: int, value: str = "") -> None:
        start += len(text[start:end]) - len(text[start:end].lstrip(" ."))
        written = text[start:end].rstrip(" .")
        if written and all(element.level != level for element in out):
            out.append(Element(level, written, value or written, start, start + len(written)))

    for piece in re.finditer(r"[^,，;；]+", low):
        rest, begin = piece[0], piece.start()
        for kind, pattern in _PARTS:
            found = pattern.search(rest)
            value = next((g for g in found.groups() if g), "").upper() if found else ""
            if found is not None and value:
                a, b = found.span()
                put(
                    _LEVEL_OF.get(kind, kind), begin + a, begin + b, value + "弄" * (kind == "lane")
                )
                rest = rest[:a] + " " * (b - a) + rest[b:]
        _put_written(put, rest, begin)
    told = {element.level for element in out} & {"road", "number", "building", "room", "unit"}
    return sorted(out, key=lambda element: element.start) if told else []


def _put_written(put: Callable[..., None], rest: str, begin: int) -> None:
    """The names in a piece whose numbered parts are blank."""
    road = _ROAD.search(rest) or _PINYIN_ROAD.search(rest)
    if road is not None:
        numbered = road.re is _ROAD and road[1] is not None
        if numbered:
            put("number", begin + road.start(1), begin + road.end(1))
        put("road", begin + (road.end(1) if numbered else road.start()), begin + road.end())
        return
    for level, pattern in (("county", _DISTRICT), ("street", _TOWN)):
        found = pattern.search(rest)
        if found is not None:
            put(level, begin + found.start(), begin + found.end())
            return
    name = rest.strip(" .")
    if re.fullmatch(r"[a-z' ]{2,}", name) and name not in _CHINA:
        put("compound" if _HOUSE.search(name) else "city", begin, begin + len(rest))


_CHINA = ("china", "prc", "p r china", "hao", "lou")


def _put_numbers(out: dict[str, str], rest: str) -> str:
    """Take the numbered parts out of a piece; what is left."""
    for kind, pattern in _PARTS:
        found = pattern.search(rest)
        value = next((g for g in found.groups() if g), "").upper() if found is not None else ""
        if found is not None and value and kind not in out:
            out[kind] = value
            rest = rest[: found.start()] + " " + rest[found.end() :]
    return rest


def _put_names(out: dict[str, str], rest: str) -> None:
    road = _ROAD.search(rest)
    if road is not None and "road" not in out:
        out["road"] = _road_name(road)
        if road[1] and "door" not in out and "lane" not in out:
            out["door"] = road[1]
        return
    road = _PINYIN_ROAD.search(rest)
    if road is not None and "road" not in out and len(road[1]) > 1:
        out["road"] = _joined(road[0]).replace(" ", "")
        return
    for level, pattern in (("county", _DISTRICT), ("street", _TOWN)):
        found = pattern.search(rest)
        if found is not None:
            out[level] = _joined(found[1])
            return
    if re.fullmatch(r"[a-z' ]+", rest.strip()) and rest.strip() not in (
        "china",
        "prc",
        "p r china",
        "",
    ):
        if "city" in out and "county" not in out:
            out["county"] = out["city"]  # Pudong, Shanghai
            del out["city"]
        out.setdefault("city", _joined(rest))


def _road_name(road: re.Match[str]) -> str:
    """Stem with its direction behind, as Chinese has it: Linjiang East Road, East Linjiang Rd."""
    words = road[2].split()
    direction = road[3] or road[5]
    if direction is None and len(words) > 1:
        if words[-1] in _DIRECTIONS:
            direction = words.pop()
        elif words[0] in _DIRECTIONS and len(words[0]) > 1:
            direction = words.pop(0)
    return _joined("".join(words)) + (_DIRECTIONS[direction] if direction else "")


def _joined(name: str) -> str:
    return name.replace(" ", "").replace("'", "")


def _named(index: "AddressIndex", level: str, pinyin: str) -> list[str]:
    """Names of a level that are spelled so, with or without their last word."""
    return index.repairs.romanised(level, pinyin)


def from_romanised(index: "AddressIndex", text: str) -> str | None:
    """The address in Chinese characters; None where it has no road the gazetteer knows."""
    parts = romanised_parts(text)
    if "road" not in parts:
        return None
    scope = ""
    for level in ("city", "county", "street"):
        if level in parts:
            names = _named(index, level, parts[level]) or (
                _named(index, "province", parts[level]) if level == "city" else []
            )
            if len(names) == 1:
                scope += names[0]
    roads = _named(index, "road", parts["road"])
    if not roads:
        return None
    lane, door = parts.get("lane"), parts.get("door")
    tail = (f"{lane}弄" if lane else "") + (f"{door}号" if door else "")
    tail += f"{parts['building']}座" if "building" in parts else ""
    tail += f"{parts['unit']}单元" if "unit" in parts else ""
    tail += f"{parts['floor']}层" if "floor" in parts else ""
    tail += f"{parts['room']}室" if "room" in parts else ""
    best = roads[0]
    if len(roads) > 1:
        order = {"exact": 0, "ambiguous": 1, "partial": 2, "none": 3}
        best = min(roads, key=lambda road: (order[index.match(scope + road + tail).status], road))
    return scope + best + tail
