"""What an address is made of, and what an answer says."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, get_args

__all__ = [
    "ADMIN_LEVELS",
    "FAULT_TEXTS",
    "FAULT_TEXTS_EN",
    "LEVELS",
    "RANK",
    "STATUSES",
    "Candidate",
    "Element",
    "Fault",
    "Location",
    "Match",
    "Status",
    "Suggestion",
    "changed",
    "read_later",
]

Status = Literal["exact", "ambiguous", "partial", "none"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""In the order of their numbers in `address.kernel.summary`."""

LEVELS = (
    "province",
    "city",
    "county",
    "street",  # 街道、乡镇
    "community",  # 社区、居委会、行政村
    "group",  # 村民小组、队
    "village",  # 自然村、宅、屯
    "road",
    "number",  # 门牌: 35号, 甲12号, 399弄, 12号之3
    "compound",  # 小区、院落、园区
    "phase",  # 分区、期
    "building",
    "unit",
    "floor",
    "room",
    "poi",
)
"""From the widest to the narrowest; the value of ``Element.level`` and of ``ADDRESS_NODES.level``.

Free text also yields ``devzone`` (开发区), ``relation`` (对面), ``distance`` (50米), ``facility``
(路灯杆R0123), ``km``
(K12+300), ``intersection``, ``tenant`` and ``noise``, which name no node of the tree.
"""

RANK = {level: rank for rank, level in enumerate(LEVELS, start=1)}
ADMIN_LEVELS = ("province", "city", "county", "street", "community")


@dataclass(frozen=True, slots=True)
class Element:
    """A part of an address, found in a text.

    Parameters
    ----------
    level : str
        One of `LEVELS` or of the free-text kinds named there.
    text : str
        The part as it stands in the normalised text.
    value : str
        Its canonical core: ``35``, ``399弄``, ``甲12``, ``12-3``; building ``5`` or ``A``; floor
        ``-1``; a name as it is.
    start, end : int
        Half-open span in characters of the text that was given.
    """

    level: str
    text: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an answer is less than certain.

    Parameters
    ----------
    code : str
        ``LEVEL.what`` such as ``ROAD.homophone``, ``STREET.conflict``, ``ROOM.missing``.
    level : str
        Level the fault lies at.
    given, used : str
        What the text says and what was taken instead; empty where there is nothing.
    penalty : float
        Taken from the confidence, 0 to 1.
    """

    code: str
    level: str
    given: str
    used: str
    penalty: float

    @property
    def text(self) -> str:
        """The fault as a sentence in Chinese."""
        return self.say("zh")

    def say(self, language: Literal["zh", "en"]) -> str:
        """The fault as a sentence."""
        kind = self.code.partition(".")[2]
        if language == "en":
            what = FAULT_TEXTS_EN.get(kind, "{given} → {used}")
            return what.format(given=self.given or "(not written)", used=self.used or "(nothing)")
        what = FAULT_TEXTS.get(kind, "{given} → {used}")
        return what.format(given=self.given or "（未写）", used=self.used or "（无）")


FAULT_TEXTS = {
    "homophone": "“{given}”按读音取“{used}”",
    "spelling": "“{given}”疑为“{used}”之误",
    "suffix": "“{given}”通名不符，取“{used}”",
    "conflict": "文中为“{given}”，标准地址属“{used}”",
    "renamed": "“{given}”为旧名，现为“{used}”",
    "split": "“{given}”已撤销分设，此处属“{used}”",
    "missing": "地址库中没有“{given}”，止于“{used}”",
    "omitted": "文中未写，取“{used}”",
    "unused": "“{given}”未用于匹配",
    "kind": "“{given}”与标准写法“{used}”类别不同",
    "several": "有多处符合：{used}",
    "contradiction": "“{given}”与“{used}”矛盾",
    "outside": "“{given}”不在地址库范围内",
    "truncated": "文本过长，只读了前 {used} 个字",
    "retired": "“{given}”已注销（原“{used}”）",
    "alias": "“{given}”是“{used}”的别名",
}
"""Sentence of each kind of fault (what follows the dot of its code), Chinese."""

FAULT_TEXTS_EN = {
    "homophone": "“{given}” was read by its sound as “{used}”",
    "spelling": "“{given}” is taken for a slip of “{used}”",
    "suffix": "“{given}”: another generic word; “{used}” was taken",
    "conflict": "the text says “{given}”, the standard address lies in “{used}”",
    "renamed": "“{given}” is a former name of “{used}”",
    "split": "“{given}” was abolished and divided; this part belongs to “{used}” today",
    "missing": "the gazetteer has no “{given}”; the answer stops at “{used}”",
    "omitted": "not written; “{used}” was taken",
    "unused": "“{given}” was not used",
    "kind": "“{given}” is of another kind than “{used}” of the standard address",
    "several": "{used} places fit",
    "contradiction": "“{given}” contradicts “{used}”",
    "outside": "“{given}” lies outside the gazetteer",
    "truncated": "the text is too long; only its first {used} characters were read",
    "retired": "“{given}” was abolished (“{used}”)",
    "alias": "“{given}” is another name of “{used}”",
}
"""The same sentences in English."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place with the way it was found.

    Parameters
    ----------
    lon, lat : float
        Degrees, EPSG:4490.
    z : float or None
        Metres above the ellipsoid; None where unknown.
    method : str
        ``node`` (own coordinates), ``children`` (middle of what lies below), ``interpolated``
        (between door numbers
        of the same side of the road), ``parent`` (an ancestor's place), ``crossing`` (where two
        roads cross).
    error_m : float
        Metres that are meant to cover the truth nine times in ten.
    """

    lon: float
    lat: float
    z: float | None
    method: str
    error_m: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could be meant."""

    node_id: str
    full: str
    level: str
    score: float


class _Late:
    """Elements that are read when they are first asked for."""

    __slots__ = ("_read",)

    def __getattr__(self, name: str) -> "tuple[Element, ...]":
        if name != "elements":
            raise AttributeError(name)
        elements: tuple[Element, ...] = object.__getattribute__(self, "_read")()
        object.__setattr__(self, "elements", elements)
        return elements


@dataclass(frozen=True, slots=True)
class Match(_Late):
    """Answer to "which standard address is this?".

    Parameters
    ----------
    status : str
        ``exact`` (this node, nothing is left over), ``ambiguous`` (several nodes fit equally;
        `alternatives` lists them),
        ``partial`` (the deepest node that exists; `missing` names the level that does not),
        ``none``.
    node_id, code, full, level : str or None
        Of the node; None for ``none``.
    eid : str or None
        Entity the node is bound to.
    confidence : float
        0 to 1.
    elements : tuple of Element
    corrections : tuple of str
        Repairs made, ``given→used``.
    faults : tuple of Fault
    alternatives : tuple of Candidate
        Best first, without the node itself.
    missing : str or None
        First level the text gives and the gazetteer has not.
    location : Location or None
    """

    status: Status
    node_id: str | None = None
    code: str | None = None
    full: str | None = None
    level: str | None = None
    eid: str | None = None
    confidence: float = 0.0
    elements: tuple[Element, ...] = ()
    corrections: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    alternatives: tuple[Candidate, ...] = field(default=())
    missing: str | None = None
    location: Location | None = None


def changed(found: Match, **fields: object) -> Match:
    """The answer with other values; elements that were not read yet stay so."""
    out = object.__new__(Match)
    for name in (*Match.__slots__, "_read"):
        with suppress(AttributeError):
            object.__setattr__(out, name, object.__getattribute__(found, name))
    for name, value in fields.items():
        object.__setattr__(out, name, value)
    return out


def read_later(found: Match, read: Callable[[], tuple[Element, ...]]) -> Match:
    """The answer, whose elements are read when they are first asked for."""
    object.__delattr__(found, "elements")
    object.__setattr__(found, "_read", read)
    return found


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion of what is being typed."""

    node_id: str
    text: str
    full: str
    level: str
    lon: float | None
    lat: float | None
