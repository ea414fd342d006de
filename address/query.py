"""What a text asks for, as items the tree can be descended by."""

import re
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from address.grammar import Token, core_of
from address.levels import is_room_range as _is_room_range
from address.normalise import Normalised, normalise
from address.romanised import from_romanised
from address.segment import WHOLE, Piece, segment
from address.turned import turned

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Item", "Items", "Option", "Query", "read_query", "reread"]

MAX_ITEMS = 60
"""Pieces of a text that are looked at; an address has a dozen."""

Option = tuple[str, str, float]
"""Level, core, cost of reading an item so."""

_HAN = re.compile(r"[\u4e00-\u9fa5]")
_LETTERS = re.compile(r"[A-Za-z]{3,}")
_NUMBERED = ("number", "building", "unit", "floor", "room")
_REPEATED = re.compile(r"^(.{2,12})(?:附近|旁边)$")


@dataclass(slots=True)
class Item:
    """A piece with the nodes it names, or the ways its number can be read."""

    piece: Piece
    nodes: list[int] = field(default_factory=list)
    options: list[list[Option]] = field(default_factory=list)
    """Alternatives; each is a run of levels to go down by."""

    @property
    def certain_level(self) -> str:
        """Level of the first way to read it."""
        return self.options[0][0][0] if self.options and self.options[0] else ""


class Items(list[Item]):
    """The items of a text, with the steps that following them down the tree has taken."""

    steps: int = 0


@dataclass(slots=True)
class Query:
    """A text made ready."""

    source: Normalised
    items: Items


def read_query(index: "AddressIndex", text: str) -> Query:
    """Cut a text by the names of a gazetteer; one that runs from room to province is turned."""
    source = normalise(text)
    folded = source.text
    if not _HAN.search(folded) or len(_LETTERS.findall(folded)) > len(_HAN.findall(folded)):
        written = from_romanised(index, source.given)
        if written is not None:
            source = Normalised(
                written, source.given, (0,) * len(written), (len(source.given),) * len(written)
            )
            folded = written
    source = _turned(index, source)
    pieces = segment(source.text, index.names)
    return Query(source, _items(index, pieces))


def reread(index: "AddressIndex", query: Query) -> Query | None:
    """The query with names that hold other names taken apart; None where there are none."""
    text = query.source.text
    avoid = frozenset(
        item.piece.text
        for item in query.items
        if (item.piece.kind == "admin" and item.piece.text[-1] not in "省市区县旗州盟")
        or (
            item.piece.kind == "node"
            and any(
                index.names.at(text, at) for at in range(item.piece.start + 1, item.piece.end - 1)
            )
            and len(item.piece.text) > 3
        )
    )
    longer = any(
        len(name) > len(item.piece.text) and item.piece.kind == "node"
        for item in query.items
        for name in index.names.at(text, item.piece.start)[:1]
    )
    if not avoid:
        whole = frozenset((WHOLE,))
        return (
            Query(query.source, _items(index, segment(text, index.names, whole)))
            if longer
            else None
        )
    avoid |= {
        name
        for item in query.items
        if item.piece.text in avoid
        for name in index.names.at(text, item.piece.start)
        if any(index.names.at(name, at) for at in range(1, len(name) - 1))
    }
    return Query(query.source, _items(index, segment(text, index.names, avoid)))


def _turned(index: "AddressIndex", source: Normalised) -> Normalised:
    """201室,1单元,…,鹿泉区,石家庄市 read from the end."""

    def rank_of(part: str) -> int:
        names = index.names.at(part, 0)
        if names and len(names[0]) == len(part):
            return min(index.levels[row] for row in index.names.get(names[0]))
        return 0

    return turned(source, rank_of)


def _items(index: "AddressIndex", pieces: list[Piece]) -> Items:
    items = Items()
    for piece in pieces:
        if piece.kind == "sep":
            continue
        if piece.kind == "node":
            items.append(Item(piece, nodes=index.names.get(piece.text)))
        elif piece.kind == "token" and piece.token is not None:
            _add_token(items, piece, piece.token)
        else:
            items.append(Item(piece))
        if len(items) >= MAX_ITEMS:
            break
    return items


def _add_token(items: list[Item], piece: Piece, token: Token) -> None:
    """A numbered part; a sub-number joins the door before it."""
    before = items[-1] if items else None
    if token.kind == "sub" and before is not None and before.piece.token is not None:
        door = before.piece.token
        if door.kind in ("hao", "yard", "chain", "bare") and before.piece.end == piece.start:
            merged = Token(door.start, token.end, "hao", f"{door.value}-{token.value}", "号")
            joined = Piece(
                door.start, token.end, "token", before.piece.text + piece.text, "", merged
            )
            items[-1] = Item(joined, options=_options(merged))
            return
    if token.kind == "lane" and before is not None and before.piece.token is not None:
        lane = before.piece.token
        if lane.kind == "lane" and before.piece.end == piece.start:
            merged = Token(lane.start, token.end, "lane", f"{lane.value}弄{token.value}支", "弄")
            joined = Piece(
                lane.start, token.end, "token", before.piece.text + piece.text, "", merged
            )
            items[-1] = Item(joined, options=_options(merged))
            return
    options = _options(token)
    if before is not None and before.piece.end == piece.start:
        options = options + _room_on_floor(before.piece.token, token)
    items.append(Item(piece, options=options))


def _room_on_floor(floor: Token | None, room: Token) -> list[list[Option]]:
    """10楼03室 is room 1003 where rooms are numbered by their floor."""
    if floor is None or floor.kind not in ("floor", "lou") or room.kind not in ("room", "bare"):
        return []
    if not (floor.value.isdigit() and room.value.isdigit() and len(room.value) <= 2):
        return []
    return [[("room", f"{int(floor.value)}{int(room.value):02d}", 0.02)]]


def _options(token: Token) -> list[list[Option]]:
    """Ways to read a numbered part, likeliest first."""
    if token.kind == "chain":
        return _chain_options(token.value.split("-"), token.suffix)
    if token.kind == "phase":
        return [[("phase", core_of("phase", token.value), 0.0)]]
    value = token.value
    plain = (value.lstrip("0") or "0") if value[0] == "0" else value
    lane: list[list[Option]] = [[("number", value + "弄", 0.45)]] if value.isdigit() else []
    ways: dict[str, list[list[Option]]] = {
        "lane": [[("number", value + "弄", 0.0)], [("number", value, 0.45)]],
        "hao": [[("number", value, 0.0)], [("building", plain, 0.05)], [("room", plain, 0.3)],
                *lane],
        "building": [[("building", plain, 0.0)]],
        "lou": [[("building", plain, 0.02)], [("floor", plain, 0.0)]],
        "bare": [[("room", plain, 0.0)], [("building", plain, 0.05)], [("number", plain, 0.05)],
                 [("unit", plain, 0.1)], *lane],
    }  # fmt: skip
    if token.kind in ("hao", "yard"):
        return ways["hao"] + _door_options(token)
    if token.kind == "building" and token.suffix == "#":
        return [*ways["building"], [("unit", plain, 0.1)], [("number", plain, 0.1)]]
    if token.kind == "lou" and not value.isdigit():
        return ways["building"]
    if token.kind in ("unit", "floor", "room", "group"):
        return [[(token.kind, plain, 0.0)]]
    return ways.get(token.kind, [])


def _door_options(token: Token) -> list[list[Option]]:
    """Further ways to read a door with a sub-number, or a yard."""
    out: list[list[Option]] = []
    number, _, sub = token.value.partition("-")
    if sub:
        out.append([("number", number, 0.0), ("building", sub, 0.1)])
        out.append([("building", number, 0.0), ("room", sub, 0.2)])
    if token.kind == "yard":
        out.append([("compound", token.value + "号院", 0.0)])
    return out


_LAST_LEVEL = {
    word: level
    for level, words in (
        ("room", "室 房 房间 铺 户"),
        ("unit", "单元 门"),
        ("floor", "层 楼"),
        ("building", "栋 幢 座 号楼"),
    )
    for word in words.split()
}


def _pair_options(parts: list[str], suffix: str, last: str | None) -> list[list[Option]]:
    """A pair as one value (61-2号, 1-2栋) or as a range (116-118号, 901-903室)."""
    first, second = parts
    joined = f"{first}-{second}"
    out: list[list[Option]] = []
    if last == "building":
        out.append([("building", joined, 0.0)])
    if last in (None, "room") and _is_room_range(first, second):
        out += [[("room", joined, 0.03)], [("room", first, 0.2)], [("room", second, 0.25)]]
    if last is None and suffix != "弄":
        out += [[("number", joined, 0.0 if suffix == "号" else 0.03)], [("building", joined, 0.1)]]
        if suffix == "号" and first.isdigit() and second.isdigit() and int(second) > int(first):
            out += [[("number", first, 0.2)], [("number", second, 0.25)]]
    return out


def _chain_options(parts: list[str], suffix: str) -> list[list[Option]]:
    """Ways to read 3-2-501: any rising run of levels that its last word allows."""
    last = _LAST_LEVEL.get(suffix)
    plain = [(p.lstrip("0") or "0") if p[0] == "0" else p for p in parts]
    out: list[list[Option]] = []
    usual = {
        2: ("building", "room"),
        3: ("building", "unit", "room"),
        4: ("number", "building", "unit", "room"),
    }
    for levels in combinations(_NUMBERED, len(plain)):
        if last is not None and levels[-1] != last:
            continue
        cost = 0.0 if levels == usual.get(len(plain)) else 0.02
        if len(plain[-1]) < 3 and levels[-1] == "room":
            cost += 0.02
        out.append(
            [(level, core, cost / len(plain)) for level, core in zip(levels, plain, strict=True)]
        )
    joined = f"{parts[0]}-{parts[1]}"
    if len(parts) == 2:
        out = _pair_options(parts, suffix, last) + out
    else:
        for levels in combinations(_NUMBERED[1:], len(plain) - 2):
            if last is None or levels[-1] == last:
                rest: list[Option] = [
                    (lv, core, 0.02) for lv, core in zip(levels, plain[2:], strict=True)
                ]
                out.append([("number", joined, 0.02), *rest])
    lanes = [
        [("number", run[0][1] + "弄", run[0][2] + 0.02), *run[1:]]
        for run in out
        if run[0][0] == "number" and run[0][1].isdigit()
    ]
    out += lanes
    out.sort(key=lambda run: sum(cost for _, _, cost in run))
    return out
