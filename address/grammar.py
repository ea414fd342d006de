"""The numbered end of an address: door, building, unit, floor, room, and how each is written."""

import re
from typing import NamedTuple

from address.normalise import fold

__all__ = [
    "TOKEN",
    "TOKEN_HEADS",
    "TOKEN_KINDS",
    "Token",
    "core_of",
    "display_of",
    "implied_floor",
    "token_at",
]

_PREFIX = "甲乙丙丁戊己庚辛"
_V = rf"(?:[{_PREFIX}]字?)?[A-Za-z]?\d{{1,5}}[A-Za-z]?[{_PREFIX}]?"


class Token(NamedTuple):
    """A numbered part of the folded text.

    ``kind`` is ``lane`` (弄), ``yard`` (号院), ``hao`` (号: a door, or a building in a lane),
    ``building`` (栋幢座号楼#),
    ``lou`` (楼: a floor or a building), ``unit``, ``floor``, ``room``, ``sub`` (附3号), ``chain``
    (3-2-501), ``bare``,
    ``group`` (组队社), ``phase`` (一期, 东区), ``exit`` (8号口), ``corps`` (10团, 5连).
    """

    start: int
    end: int
    kind: str
    value: str
    suffix: str = ""


TOKEN = re.compile(
    rf"""
    (?P<km>(?:桩号)?K(?P<km_n>\d{{1,5}}(?:\+\d{{1,4}})?)(?:米?处|米)?|(?P<km_m>\d{{1,5}})公里(?:处)?)
  | (?P<exit>(?:\d{{1,2}}[号出]|[A-Z]\d?[号出]?)(?:出入|出)?口)
  | (?P<base>(?:负|地下|(?<![A-Z0-9])-
      |(?<![A-Z0-9])B(?=\d(?:层|楼|F|f|(?![\dA-Z-])))|(?<![A-Z0-9])L?B-?)(?P<base_n>\d)(?P<base_s>层|楼|F|f|(?=$|[,()])))
  | (?P<under>地下(?=$|[,()]|[A-Z]?\d*[铺舖]))
  | (?P<sub>(?:附|之)(?P<sub_n>\d{{1,4}})号?)
  | (?P<lane>(?P<lane_n>\d{{1,5}})(?P<lane_s>弄|支弄|巷))
  | (?P<chain>(?P<chain_v>(?!\d+F-)(?:[A-Za-z]\d{{0,5}}|\d{{1,5}}[A-Za-z]?)
      (?:-[A-Za-z]?\d{{1,5}}[A-Za-z]?|-[A-Za-z](?=-))+)
      (?P<chain_s>号楼|号|弄|室|房间|房|铺|单元|门|楼|层|栋|幢|座|户)?)
  | (?P<yard>(?P<yard_n>{_V})号(?:大院|院))
  | (?P<building>(?P<building_n>{_V}|[A-Za-z]\d{{0,2}}|[{_PREFIX}])
      (?P<building_s>号楼(?![上下梯道])|\#楼|栋楼|栋|幢|座|\#|(?<=[A-Za-z])塔(?![楼吊])))
  | (?P<unit>(?P<unit_n>\d{{1,2}}|[A-Za-z](?=单元)|[{_PREFIX}东西南北中](?=单元|门(?=\d)))
      (?P<unit_s>单元|号?门洞|门栋|楼道|号楼道(?![里内上中有堆灯被])|号门(?=[A-Z]?\d{{3}})|门(?![路街口诊镇乡村市面外])|梯))
  | (?P<floor>(?P<floor_n>\d{{1,3}}|[A-Za-z]?\d?M|[LU]?G\d?|L\d{{1,2}}|屋?顶|首|夹|避难|底)
      (?P<floor_s>层|F(?![A-Za-z])|f(?![A-Za-z])))
  | (?P<room>(?P<room_n>\d{{1,2}}[A-Z]\d{{2}}|{_V}|[A-Za-z]\d{{2,4}}|[A-Z](?=[铺舖]))
      (?P<room_s>室|房间|房(?!产|屋|管)|[铺舖]|户(?!外)|那户|(?<=\d{{3}})门(?=$|[,)])))
  | (?P<hao>(?P<hao_n>{_V}(?:~\d+)?)号(?P<hao_t>[甲乙丙丁](?![\d骨烯纶香字家级方第桥山村醛桂]))?
      (?!线|大街|路(?!灯)|桥|地块|点|楼梯))
  | (?P<lou>(?P<lou_n>{_V}|[A-Za-z])楼(?!盘|下|上|宇|村|镇|乡|路|街))
  | (?P<phase>(?:[一二三四五六七八九十\d]{{1,2}}期
      |[东西南北中][一二三]?区(?![\u4e00-\u9fa5]?[路街])|[A-Za-z]区))
  | (?P<group>(?P<group_n>\d{{1,3}})(?P<group_s>村民小组|小组|组|队|社(?!区)))
  | (?P<corps>(?P<corps_n>\d{{1,3}})(?P<corps_s>团(?![结队委圆购体员])场?|连(?=[\d,]|$)))
  | (?P<bare>(?P<bare_n>\d{{1,2}}[A-Z]\d{{2}}(?![\dA-Za-z])|(?:[{_PREFIX}](?=\d))?[A-Za-z]?\d{{1,5}}[A-Za-z]?)
      (?![\d年月日点时分元万米个位吨\u0025]|国道|省道|县道|号线|大街|路|中学|小学|[\u5143\u6b21\u53f0\u4ef6\u5e74]))
    """,
    re.VERBOSE,
)
TOKEN_HEADS = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    "桩负地附之甲乙丙丁戊己庚辛东西南北中屋顶首夹避底一二三四五六七八九十"
)
"""Every character a numbered part can begin with."""
TOKEN_KINDS = ("km", "exit", "base", "under", "sub", "lane", "chain", "yard", "building", "unit", "floor", "room",
          "hao", "lou", "phase", "group", "corps", "bare")  # fmt: skip


def token_at(text: str, position: int) -> Token | None:
    """Numbered part that begins at `position` of a folded text.

    Examples
    --------
    >>> token_at("35号临江花园", 0)
    Token(start=0, end=3, kind='hao', value='35', suffix='号')
    >>> token_at("5栋2-1203", 2)
    Token(start=2, end=8, kind='chain', value='2-1203', suffix='')
    >>> token_at("地下1层", 0).value
    '-1'
    """
    found = TOKEN.match(text, position)
    if found is None:
        return None
    kind = next(kind for kind in TOKEN_KINDS if found[kind] is not None)
    name, value, suffix = _read(kind, found)
    return Token(position, found.end(), name, value, suffix)


def _read(kind: str, found: re.Match[str]) -> tuple[str, str, str]:
    """Kind, value and last word of a numbered part."""
    if kind == "base":
        return "floor", "-" + found["base_n"], found["base_s"] or "层"
    if kind == "km":
        return kind, "K" + (found["km_n"] or found["km_m"]), ""
    if kind in ("exit", "phase"):
        return kind, found[kind], ""
    if kind == "under":
        return "floor", "地下", ""
    if kind == "chain":
        return kind, found["chain_v"].upper(), found["chain_s"] or ""
    value = found[kind + "_n"].upper()
    if value == "屋顶":
        return kind, "顶", "层"
    if kind == "hao":
        return kind, door_core(value + (found["hao_t"] or "")), "号"
    if kind == "yard":
        return kind, door_core(value), "号院"
    if kind in ("building", "lou"):
        value = value.replace("字", "")
    suffix = {"lou": "楼", "bare": "", "sub": ""}.get(kind)
    return kind, value, found[kind + "_s"] if suffix is None else suffix


_DOOR = re.compile(
    rf"(?P<p>[{_PREFIX}])?字?(?P<n>[A-Z]?\d+[A-Z]?)(?P<lane>支?弄)?(?P<q>[{_PREFIX}])?号?(?P<q2>[{_PREFIX}])?"
    rf"(?:[-之附](?P<s>[A-Z]?\d+)号?)?(?P<rest>.*)"
)


def door_core(text: str) -> str:
    """Canonical core of a door number: ``甲12``, ``12-3``, ``399弄``.

    Examples
    --------
    >>> door_core("甲12号"), door_core("12号甲"), door_core("399弄")
    ('甲12', '甲12', '399弄')
    >>> door_core("61号之4号"), door_core("18号附2号")
    ('61-4', '18-2')
    """
    found = _DOOR.fullmatch(text)
    if found is None or (found["rest"] and found["rest"] not in ("院", "大院")):
        return text
    core = (found["p"] or found["q"] or found["q2"] or "") + (found["n"].lstrip("0") or "0")
    if found["lane"]:
        return core + "弄"
    return core + ("-" + found["s"] if found["s"] else "")


_BUILDING_TAIL = re.compile(r"(号楼|#楼|栋楼|栋|幢|座|#|号|楼)$")
_UNIT_TAIL = re.compile(r"(单元|号?门洞|门栋|号?楼道|号?门|梯)$")
_ROOM_TAIL = re.compile(r"(室|房间|房|铺|户)$")
_HAN = re.compile(r"[\u4e00-\u9fa5](?![-\d])")
_FLOOR = re.compile(r"(?P<b>负|地下|-|B)?(?P<n>\d+)(?:层|楼|F)?")
_PHASE_DIGIT = re.compile(r"^(\d+)期$")
_NUMERALS = "〇一二三四五六七八九十"


def core_of(level: str, written: str) -> str:
    """Canonical core of an element of a gazetteer, so that two ways of writing it are one.

    Parameters
    ----------
    level : str
        One of ``LEVELS``.
    written : str
        As the gazetteer writes it: ``5号楼``, ``5栋``, ``5``.

    Returns
    -------
    str
        Upper-case letters; numbers without leading zeros; names folded.

    Examples
    --------
    >>> core_of("building", "5号楼"), core_of("building", "５栋")
    ('5', '5')
    >>> core_of("floor", "B1层"), core_of("room", "0301室")
    ('-1', '301')
    """
    text = fold(written).replace(",", "")
    if level == "number":
        return door_core(text.upper())
    if level in ("building", "unit", "room"):
        tail = {"building": _BUILDING_TAIL, "unit": _UNIT_TAIL, "room": _ROOM_TAIL}[level]
        core = tail.sub("", text).upper().replace("字", "")
        if not core or (level != "unit" and len(core) > 1 and _HAN.search(core[1:])):
            return text  # 实验楼, 会议室: the last word belongs to the name
        return (core.lstrip("0") or "0") if core[0] == "0" else core
    if level == "floor":
        found = _FLOOR.fullmatch(text.upper())
        if found is None:
            return text.upper().rstrip("层楼F") or text
        return ("-" if found["b"] else "") + (found["n"].lstrip("0") or "0")
    if level == "phase":
        found = _PHASE_DIGIT.match(text)
        return f"{_NUMERALS[int(found[1])]}期" if found and int(found[1]) <= 10 else text.upper()
    if level == "group":
        return re.sub(r"(村民小组|小组|组|队|社)$", "", text) or text
    return text


_TAILS = {
    "number": "号",
    "building": "号楼",
    "unit": "单元",
    "floor": "层",
    "room": "室",
    "group": "组",
}
_IS_BARE = re.compile(rf"^-?[{_PREFIX}]?[A-Z]?\d*[A-Z]?(?:-\d+)?$")


def display_of(level: str, core: str) -> str:
    """Standard way to write a core.

    Examples
    --------
    >>> display_of("number", "12-3"), display_of("building", "A")
    ('12号之3', 'A座')
    >>> display_of("floor", "-1"), display_of("room", "1203")
    ('地下1层', '1203室')
    """
    if level not in _TAILS or not _IS_BARE.match(core) or core.endswith("弄"):
        return core
    if level == "number" and "-" in core:
        number, _, sub = core.partition("-")
        return f"{number}号之{sub}"
    if level == "building" and core.isalpha():
        return core + "座"
    if level == "floor" and core.startswith("-"):
        return f"地下{core[1:]}层"
    return core + _TAILS[level]


_ROOM_FLOOR = re.compile(r"^([A-Z]?)(\d+?)\d{2}[A-Z]?$")


def implied_floor(room: str) -> str | None:
    """Floor a room number tells: its digits before the last two; ``B`` in front means below ground.

    Examples
    --------
    >>> implied_floor("1203"), implied_floor("3801B"), implied_floor("B101"), implied_floor("12")
    ('12', '38', '-1', None)
    """
    found = _ROOM_FLOOR.match(room)
    if found is None:
        return None
    floor = found[2].lstrip("0")
    if not floor:
        return None
    return "-" + floor if found[1] == "B" else floor
