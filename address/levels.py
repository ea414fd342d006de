"""Which level a piece of an address has, told by what stands around it."""

import re
from dataclasses import dataclass

from address.grammar import Token
from address.model import Element
from address.normalise import Normalised
from address.segment import Piece

__all__ = [
    "JOINS_WITH",
    "PLAIN",
    "State",
    "chain_levels",
    "is_room_range",
    "put_name",
    "put_relation",
    "put_token",
]

_FLOOR_HOUSE = re.compile(
    r"(?:大厦|广场|中心|酒店|商场|商厦|大楼|城|宾馆|医院|学院|大学|市场|国际|百货|写字楼|超市"
    r"|天地|会所|[店馆厅])$"
)
_ROOM_LIKE = re.compile(r"^(?:[A-Z]?\d{3,5}[A-Z]?|\d{1,2}[A-Z])$")
_GARAGE = re.compile(r"(?:车库|停车场|停车库)$")
_SQUARE = re.compile(r"(?<!时代)(?<!国际)(?<!商业)(?<!购物)广场$")
"""Squares bear door numbers like roads; where they are shopping centres they bear buildings."""
_ESTATE_NUMBER = re.compile(r"^[\u4e00-\u9fa5]{2,}[一二三四五六七八九十]村$")
_ESTATE_VILLAGE = re.compile(r"[\u4e00-\u9fa5]{2}[东西南北]村$")
_VILLAGE_OFFICE = re.compile(r"村(?:民?委员?会?|村委会|村民委员会)$")
_JOINED = re.compile(r"^(?:[与及至]|和(?!平|谐|睦|县|田|顺|义|兴)|靠?近|到)")
JOINS_WITH = "与及至和靠近到"
_SOUNDS_LIKE_ROAD = "陆录鹿碌"
_NAMED_BUILDING = re.compile(
    r"(?:[\u4e00-\u9fa5]{1,6}楼|住院部|门诊部|裙房|主楼|塔楼|会所|东塔|西塔)$"
)
_NAMED_ROOM = re.compile(
    r"(?:间|室|厅|井|房|库|车位|护士站|服务台|变电所|配电所|开闭所|厕所|换热站|泵站|大堂|走廊"
    r"|走道|前室|露台)$"
)


@dataclass(slots=True)
class _Open:
    """An `Element` that can still be filled: made in half the time, then given its class."""

    level: str
    text: str
    value: str
    start: int
    end: int


class State:
    """Elements found so far."""

    __slots__ = ("elements", "ends", "has", "source", "starts", "text")

    def __init__(self, source: Normalised) -> None:
        self.source = source
        self.text = source.text
        self.starts, self.ends = source.starts, source.ends
        self.elements: list[Element] = []
        self.has: dict[str, int] = {}

    def put(self, level: str, start: int, end: int, value: str) -> None:
        """Add an element that stands from `start` to `end` of the folded text."""
        text, elements = self.text[start:end], self.elements
        if self.starts is not None and self.ends is not None and end > start:
            start, end = self.starts[start], self.ends[end - 1]
        self.has[level] = len(elements)
        element = _Open(level, text, value, start, end)
        element.__class__ = Element  # type: ignore[assignment]  # the same slots
        elements.append(element)  # type: ignore[arg-type]  # it is one now

    def last(self) -> str:
        """Level of the last element that is no noise."""
        for element in reversed(self.elements):
            if element.level not in ("noise", "relation", "distance"):
                return element.level
        return ""

    def value(self, level: str) -> str:
        """Value of the last element of a level; empty where there is none."""
        return self.elements[self.has[level]].value if level in self.has else ""

    def since(self, *levels: str) -> bool:
        """Whether one of the levels was found."""
        return not self.has.keys().isdisjoint(levels)

    def extend(self, level: str, end: int, value: str) -> None:
        """Let the last element of a level reach further."""
        number = self.has[level]
        old = self.elements[number]
        _, b = self.source.span(end - 1, end)
        self.elements[number] = Element(
            level, self.source.given[old.start : b], value, old.start, b
        )


def put_relation(state: State, piece: Piece) -> None:
    """A relation (对面), a distance, or both; a gate is a place."""
    distance = re.search(r"(\d+)米", piece.text)
    where = re.sub(r"约|大约|\d+米(?:处|左右)?", "", piece.text)
    if where in ("北门", "南门", "东门", "西门", "后门", "前门", "正门", "侧门"):
        state.put("sub_poi", piece.start, piece.end, where)
        return
    if where:
        state.put("relation", piece.start, piece.end, where)
    if distance:
        state.put("distance", piece.start, piece.end, distance[1])


def put_name(state: State, piece: Piece, following: Piece | None) -> None:
    """A name known by its last word, or nobody knows."""
    level, text = piece.level, piece.text
    if level == "tenant":
        state.put("tenant", piece.start, piece.end, text)
        return
    half = len(text) // 2
    if half > 1 and text[0] == text[half] and text[:half] == text[half:]:
        text = text[:half]
    kind = following.token.kind if following is not None and following.token is not None else ""
    if piece.kind == "rest" or not level:
        level = _level_of_rest(state, text, kind)
        if level == "road" and text[-1] in _SOUNDS_LIKE_ROAD:
            text = text[:-1] + "路"
    else:
        level, text = _settled(state, level, text, kind)
    if level == "road":
        _put_road(state, piece, text)
        return
    if (
        level in ("compound", "poi")
        and state.since("building", "floor")
        and not state.since("room")
        and _NAMED_ROOM.search(text)
    ):
        level = "room"
    state.put(level, piece.start, piece.end, text)


def _settled(state: State, level: str, text: str, kind: str) -> tuple[str, str]:
    """Level and text of a name known by its last word, from what stands around it."""
    if level == "devzone" and text.startswith("第") and state.since("street"):
        return "community", text
    if level == "community":
        if _ESTATE_NUMBER.match(text) and not _in_country(state):
            return "compound", text
        if kind in ("building", "unit") and _ESTATE_VILLAGE.search(text) and not _in_country(state):
            return "compound", text
        return level, _VILLAGE_OFFICE.sub("村", text)
    if level == "street" and text.endswith("场") and state.since("street"):
        return "community", text
    if level == "poi" and text.endswith("公园") and kind in ("building", "chain", "unit"):
        return "compound", text
    return level, text


def _in_country(state: State) -> bool:
    """A town or township has been named."""
    return state.value("street").endswith(("镇", "乡", "场"))


def _put_road(state: State, piece: Piece, text: str) -> None:
    """A road; behind 与 it crosses the one before, behind 近 it only lies near."""
    joined = _JOINED.match(text) if text[0] in JOINS_WITH else None
    if joined is not None and len(text) - joined.end() > 1:
        near = joined[0].endswith("近")
        if near or state.since("road"):
            level = "near_road" if near else "road"
            state.put(level, piece.start + joined.end(), piece.end, text[joined.end() :])
            return
    near = piece.start > 0 and state.text[piece.start - 1] == "近"
    state.put("near_road" if near else "road", piece.start, piece.end, text)


def _level_of_rest(state: State, text: str, kind: str) -> str:
    """What a name nobody knows may be, from what stands around it."""
    if (
        state.since("building", "floor")
        and not state.since("room")
        and _NAMED_ROOM.search(text)
        and len(text) > 1
    ):
        return "room"
    if _NAMED_BUILDING.search(text) and not state.since("building") and len(text) > 1:
        return "building"
    if state.since("room", "unit"):
        return "tenant" if len(text) > 1 else "noise"
    if len(text) < 2:
        return "noise"
    if _GARAGE.search(text):
        return "sub_poi" if state.elements else "poi"
    if kind in ("building", "chain", "lou", "unit", "phase", "yard", "floor"):
        return "compound"
    if kind in ("hao", "lane") and not state.since("road"):
        return "road" if kind == "lane" or not state.since("community") else "village"
    if state.since("floor", "building"):
        return "tenant"
    if text[-1] in "宅屯庄湾浜埭寨塘坞" and state.since("community", "street"):
        return "village"
    return "poi"


PLAIN = {"unit": "unit", "floor": "floor", "room": "room", "group": "group", "km": "km",
          "phase": "phase", "building": "building"}  # fmt: skip


def put_token(state: State, token: Token, following: Piece | None) -> None:
    """Give a numbered part its level, from what came before it."""
    kind, value, last = token.kind, token.value, state.last()
    if kind == "chain":
        _put_chain(state, token)
    elif kind == "sub":
        _put_sub(state, token, last)
    elif kind == "lane":
        lane = "巷" if token.suffix == "巷" else "弄"
        if last == "number" and state.value("number").endswith(("弄", "巷")):
            state.extend("number", token.end, state.value("number") + value + token.suffix)
        else:
            state.put("number", token.start, token.end, value + lane)
    elif kind == "yard":
        _put_yard(state, token, last)
    elif kind == "exit":
        state.put("sub_poi", token.start, token.end, value)
    elif kind == "corps":
        level = "street" if token.suffix.startswith("团") else "community"
        state.put(level, token.start, token.end, value + token.suffix)
    elif kind == "floor" and value == "地下":
        state.put("floor", token.start, token.end, "G" if _is_offshore(state) else "-1")
    else:
        level = PLAIN.get(kind) or _level_of_number(state, token, last, following)
        state.put(level, token.start, token.end, value)


def _is_offshore(state: State) -> bool:
    """In Hong Kong and Macao 地下 is the ground floor."""
    return state.value("province").startswith(("香港", "澳门"))


def _level_of_number(state: State, token: Token, last: str, following: Piece | None) -> str:
    if token.kind == "hao":
        return _level_of_hao(state, last, following)
    if token.kind == "lou":
        return _level_of_lou(state, token, following)
    return _level_of_bare(state, last, token.value, following)


def _put_sub(state: State, token: Token, last: str) -> None:
    if last == "number":
        state.extend("number", token.end, state.value("number") + "-" + token.value)
    else:
        state.put("noise", token.start, token.end, token.value)


def _put_yard(state: State, token: Token, last: str) -> None:
    """36号院: a door of a road, else a compound or the end of its name."""
    if last in ("compound", "poi"):
        state.extend(last, token.end, state.value(last) + token.value + "号院")
    elif last and not state.since("road"):
        state.put("compound", token.start, token.end, token.value + "号院")
    else:
        state.put("number", token.start, token.end, token.value)


_STALL = re.compile(r"商?铺|店铺|门面|摊位|档口")


def _level_of_hao(state: State, last: str, following: Piece | None) -> str:
    stall = following is not None and _STALL.match(following.text) is not None
    if last == "floor" or (stall and last in ("compound", "phase", "poi", "building")):
        return "room"
    if last in ("road", "community", "village", "group", "street", "devzone", ""):
        return "number"
    if last == "number":
        return "number" if "巷" in state.value("number") else "building"
    if (
        last == "compound"
        and not state.since("road", "number")
        and _SQUARE.search(state.value(last))
    ):
        return "number"
    if last in ("compound", "phase"):
        return "building" if not state.since("building") else "room"
    if state.since("building") and not state.since("room"):
        return "room"
    return (
        "number"
        if not state.since("number")
        else "building"
        if not state.since("building")
        else "room"
    )


def _level_of_lou(state: State, token: Token, following: Piece | None) -> str:
    nxt = following.token if following is not None else None
    if state.since("building"):
        return "floor"
    house = state.value("compound") or state.value("poi")
    if nxt is not None and nxt.kind == "unit" and state.since("number"):
        return "floor" if _FLOOR_HOUSE.search(house) else "building"
    if not token.value.isdigit() or (nxt is not None and nxt.kind in ("unit", "lou", "floor")):
        return "building"
    if nxt is not None and nxt.kind in ("room", "bare", "chain"):
        room = nxt.value
        if nxt.kind == "room" and len(room) == 2 and room[0] == "0":
            return "floor"
        if room.startswith(token.value) and len(room) - len(token.value) in (2, 3):
            return "floor"
        return "floor" if _FLOOR_HOUSE.search(house) else "building"
    if house and not _FLOOR_HOUSE.search(house) and state.last() == "compound":
        return "building"
    return "floor"


def _is_room(piece: Piece | None) -> bool:
    token = piece.token if piece is not None else None
    return token is not None and token.kind in ("bare", "room") and len(token.value) > 2


def _level_of_bare(state: State, last: str, value: str, following: Piece | None) -> str:
    if last == "building" and len(value) < 3 and _is_room(following):
        return "unit"
    if last in ("unit", "floor", "building"):
        return "room"
    if last == "road":
        return "number"
    if last == "number":
        if state.value("number").endswith("弄"):
            return "building"
        return "room" if _ROOM_LIKE.match(value) else "building"
    if last in ("compound", "phase", "poi"):
        return "room" if _ROOM_LIKE.match(value) else "building"
    return "room" if state.since("building") and not state.since("room") else "noise"


def chain_levels(
    parts: list[str], suffix: str, last: str, has_building: bool, has_unit: bool
) -> list[str]:
    """Likely levels of the parts of a chain such as 3-2-501, given what stands before it.

    Examples
    --------
    >>> chain_levels(["3", "2", "501"], "", "compound", False, False)
    ['building', 'unit', 'room']
    >>> chain_levels(["16", "C", "908"], "", "road", False, False)
    ['number', 'building', 'room']
    """
    count = len(parts)
    if count == 2 and suffix in ("", "室", "房", "铺") and is_room_range(*parts):
        return ["room"]
    if suffix in ("号", "弄") and last in ("road", "community", "village", "group", ""):
        return ["number"] if count == 2 else ["number"] * count
    if suffix in ("栋", "幢", "座", "号楼") and count == 2:
        return ["building"]
    below = (
        ["room"]
        if suffix not in ("单元", "门", "楼", "层")
        else ["unit" if suffix in ("单元", "门") else "floor"]
    )
    if last == "road":
        order = {1: ["number"], 2: ["number", *below], 3: ["number", "building", *below]}
        return order.get(count, ["number", "building", "unit", *below][:count])
    if has_unit:
        order = {1: below, 2: ["floor", *below]}
    elif has_building:
        order = {1: below, 2: ["unit", *below], 3: ["unit", "floor", *below]}
    else:
        order = {1: below, 2: ["building", *below], 3: ["building", "unit", *below]}
    return order.get(count, ["building", "unit", "floor", *below][:count])


def is_room_range(first: str, last: str) -> bool:
    """901-903: two rooms of one floor."""
    return (
        len(first) == len(last) >= 3
        and first.isdigit()
        and last.isdigit()
        and first[:-2] == last[:-2]
        and first < last
    )


def _put_chain(state: State, token: Token) -> None:
    parts = token.value.split("-")
    last = state.last()
    if (
        last == "number"
        and state.value("number").isdigit()
        and token.suffix == "号"
        and len(parts) == 2
    ):
        last = "compound"
    levels = chain_levels(parts, token.suffix, last, "building" in state.has, "unit" in state.has)
    if len(levels) == 1 and len(parts) > 1:
        state.put(levels[0], token.start, token.end, token.value)
        return
    position = token.start
    for number, (part, level) in enumerate(zip(parts, levels, strict=False)):
        end = position + len(part) if number < len(parts) - 1 else token.end
        state.put(level, position, end, part)
        position = end + 1
