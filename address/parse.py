"""Cut an address into its elements."""

import re

from address.divisions import admin_level, resolve
from address.grammar import Token
from address.lexicon import Names
from address.model import RANK, Element
from address.normalise import Normalised, normalise
from address.segment import Piece, segment

__all__ = ["elements_of", "parse", "split_fields"]

_FLOOR_HOUSE = re.compile(r"(?:大厦|广场|中心|酒店|商场|商厦|大楼|城|宾馆|医院|学院|大学|市场)$")
_ROOM_LIKE = re.compile(r"^[A-Z]?\d{3,5}[A-Z]?$")
_SOUNDS_LIKE_ROAD = "陆录鹿碌"
_NAMED_BUILDING = re.compile(r"(?:[\u4e00-\u9fa5]{1,6}楼|裙房|主楼|塔楼|会所|东塔|西塔)$")
_NAMED_ROOM = re.compile(r"(?:间|室|厅|井|房|库|车位)$")
_FACILITY = re.compile(
    r"(?:路灯杆?|灯杆|井盖|消防栓|消火栓|桥墩|配电箱|变电箱|电线杆|信号灯|监控杆|垃圾箱|垃圾桶|公交站牌)$"
)


class _State:
    """Elements found so far."""

    def __init__(self, source: Normalised) -> None:
        self.source = source
        self.elements: list[Element] = []
        self.has: dict[str, int] = {}

    def put(self, level: str, start: int, end: int, value: str, text: str | None = None) -> None:
        a, b = self.source.span(start, end)
        self.has[level] = len(self.elements)
        self.elements.append(
            Element(level, text if text is not None else self.source.text[start:end], value, a, b)
        )

    def last(self) -> str:
        """Level of the last element that is no noise."""
        for element in reversed(self.elements):
            if element.level not in ("noise", "relation", "distance"):
                return element.level
        return ""

    def value(self, level: str) -> str:
        return self.elements[self.has[level]].value if level in self.has else ""

    def since(self, *levels: str) -> bool:
        """Whether one of the levels was found."""
        return any(level in self.has for level in levels)

    def extend(self, level: str, end: int, value: str) -> None:
        """Let the last element of a level reach further."""
        number = self.has[level]
        old = self.elements[number]
        _, b = self.source.span(end - 1, end)
        self.elements[number] = Element(
            level, self.source.given[old.start : b], value, old.start, b
        )


def parse(text: str, known: Names[int] | None = None) -> list[Element]:
    """Elements of an address.

    Parameters
    ----------
    text : str
        As people write it; only its first `address.normalise.MAX_CHARACTERS` characters are read.
    known : Names, optional
        Names of a gazetteer, which win over what only looks like a name.

    Returns
    -------
    list of Element
        In the order of the text; spans are of the given text. Values of divisions are their current
        official names.
        Nothing is invented: a level that is not written has no element.

    Examples
    --------
    >>> [(e.level, e.value) for e in parse("临江花园五栋2-1203")]
    [('compound', '临江花园'), ('building', '5'), ('unit', '2'), ('room', '1203')]
    """
    return elements_of(normalise(text), known)


def elements_of(source: Normalised, known: Names[int] | None = None) -> list[Element]:
    """Elements of a text that is already folded."""
    pieces = segment(source.text, known)
    state = _State(source)
    names = resolve([p for p in pieces if p.kind == "admin"])
    for number, piece in enumerate(pieces):
        following = next((p for p in pieces[number + 1 : number + 3] if p.kind != "sep"), None)
        if piece.kind == "sep":
            continue
        if piece.kind == "token" and piece.token is not None:
            _put_token(state, piece.token, following)
        elif piece.kind == "admin":
            level, value = names.get(piece.start) or (admin_level(piece.text), piece.text)
            state.put(level, piece.start, piece.end, value)
        elif piece.kind == "relation":
            _put_relation(state, piece)
        else:
            _put_name(state, piece, following)
    return state.elements


def _put_relation(state: _State, piece: Piece) -> None:
    distance = re.search(r"(\d+)米", piece.text)
    where = re.sub(r"约|大约|\d+米(?:处|左右)?", "", piece.text)
    if where in ("北门", "南门", "东门", "西门", "后门", "前门", "正门", "侧门"):
        state.put("sub_poi", piece.start, piece.end, where)
        return
    if where:
        state.put("relation", piece.start, piece.end, where)
    if distance:
        state.put("distance", piece.start, piece.end, distance[1])


def _put_name(state: _State, piece: Piece, following: Piece | None) -> None:
    level, text = piece.level, piece.text
    kind = following.token.kind if following is not None and following.token is not None else ""
    if piece.kind == "rest" or not level:
        level = _level_of_rest(state, text, kind)
        if level == "road" and text[-1] in _SOUNDS_LIKE_ROAD:
            state.put("road", piece.start, piece.end, text[:-1] + "路")
            return
    if level == "poi" and text.endswith("公园") and kind in ("building", "chain", "unit"):
        level = "compound"
    if level == "road" and text[0] in "与和及近至" and len(text) > 2:
        state.put("road", piece.start + 1, piece.end, text[1:])
        return
    if (
        level in ("compound", "poi")
        and state.since("building")
        and not state.since("room")
        and _NAMED_ROOM.search(text)
    ):
        level = "room"
    state.put(level, piece.start, piece.end, text)


def _level_of_rest(state: _State, text: str, kind: str) -> str:
    """What a name nobody knows may be, from what stands around it."""
    if _FACILITY.search(text):
        return "facility"
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
    if kind in ("building", "chain", "lou", "unit", "phase", "yard"):
        return "compound"
    if kind in ("hao", "lane") and not state.since("road"):
        return "road" if kind == "lane" or not state.since("community") else "village"
    if state.since("floor", "building"):
        return "tenant"
    if text[-1] in "宅屯庄湾浜埭寨塘坞" and state.since("community", "street"):
        return "village"
    return "poi"


_PLAIN = {"unit": "unit", "floor": "floor", "room": "room", "group": "group", "km": "km",
          "phase": "phase", "building": "building"}  # fmt: skip


def _put_token(state: _State, token: Token, following: Piece | None) -> None:
    """Give a numbered part its level, from what came before it."""
    kind, value, last = token.kind, token.value, state.last()
    if kind == "chain":
        _put_chain(state, token)
    elif kind == "sub":
        _put_sub(state, token, last)
    elif kind == "lane":
        if last == "number" and state.value("number").endswith("弄"):
            state.extend("number", token.end, state.value("number") + value + token.suffix)
        else:
            state.put("number", token.start, token.end, value + "弄")
    elif kind == "yard":
        _put_yard(state, token, last)
    elif kind == "bare" and last == "facility":
        state.extend("facility", token.end, state.value("facility") + value)
    else:
        level = _PLAIN.get(kind) or _level_of_number(state, token, last, following)
        state.put(level, token.start, token.end, value)


def _level_of_number(state: _State, token: Token, last: str, following: Piece | None) -> str:
    if token.kind == "hao":
        return _level_of_hao(state, last)
    if token.kind == "lou":
        return _level_of_lou(state, token, following)
    return _level_of_bare(state, last, token.value)


def _put_sub(state: _State, token: Token, last: str) -> None:
    if last == "number":
        state.extend("number", token.end, state.value("number") + "-" + token.value)
    else:
        state.put("noise", token.start, token.end, token.value)


def _put_yard(state: _State, token: Token, last: str) -> None:
    """36号院: a door of a road, else a compound or the end of its name."""
    if last in ("compound", "poi"):
        state.extend(last, token.end, state.value(last) + token.value + "号院")
    elif last and not state.since("road"):
        state.put("compound", token.start, token.end, token.value + "号院")
    else:
        state.put("number", token.start, token.end, token.value)


def _level_of_hao(state: _State, last: str) -> str:
    if last in ("road", "community", "village", "group", "street", "devzone", ""):
        return "number"
    if last == "number":
        return "building"
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


def _level_of_lou(state: _State, token: Token, following: Piece | None) -> str:
    nxt = following.token if following is not None else None
    if state.since("building"):
        return "floor"
    if not token.value.isdigit() or (nxt is not None and nxt.kind in ("unit", "lou", "floor")):
        return "building"
    if nxt is not None and nxt.kind in ("room", "bare", "chain"):
        room = nxt.value
        if room.startswith(token.value) and len(room) - len(token.value) in (2, 3):
            return "floor"
        return "building"
    named = state.value("compound") or state.value("poi")
    if named and not _FLOOR_HOUSE.search(named) and state.last() == "compound":
        return "building"
    return "floor"


def _level_of_bare(state: _State, last: str, value: str) -> str:
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


def _put_chain(state: _State, token: Token) -> None:
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


def split_fields(text: str) -> dict[str, str]:
    """Columns of ADDRESSES told by a full address: level → text, the first of each level.

    Examples
    --------
    >>> split_fields("湖北省云梦泽市临江示范区江北街道临江大道35号临江花园5号楼2单元1203室")["room"]
    '1203室'
    """
    out: dict[str, str] = {}
    deepest = 0
    for element in parse(text):
        rank = RANK.get(element.level)
        if rank is not None and rank >= deepest and element.level not in out:
            out[element.level] = (
                element.value if element.level in ("province", "city", "county") else element.text
            )
            deepest = rank
    return out
