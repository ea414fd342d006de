"""What a report must say before it becomes a case."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from twin.cases.clocks import URGENCIES
from twin.cases.register import EDITION
from twin.codes import components, matters
from twin.errors import InvalidRequestError

__all__ = ["KINDS", "NewCase", "code_names"]

KINDS = ("管理事项", "管理部件")


@cache
def code_names() -> Mapping[tuple[str, str], str]:
    """Name of each type of case, by kind and 5-digit code."""
    rows = [*matters().to_pylist(), *components().to_pylist()]
    return {(row["kind"], row["code"]): row["name"] for row in rows}


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case as somebody reports it.

    Parameters
    ----------
    title : str
        What is wrong, in a few words.
    kind : str
        管理事项 or 管理部件.
    code : str, optional
        5-digit type of that kind (edition :data:`twin.cases.register.EDITION`).
    description, address_text : str, optional
        As people write it.
    lon, lat : float, optional
        Degrees, EPSG:4490; both or neither.
    source, unit : str, optional
        Where it comes from (公众举报, 监督员, 物联监测 …) and the responsible unit.
    urgency : str
        One of :data:`twin.cases.clocks.URGENCIES`.

    Raises
    ------
    InvalidRequestError
        If a part is not as said.
    """

    title: str
    kind: str = KINDS[0]
    code: str | None = None
    description: str | None = None
    address_text: str | None = None
    lon: float | None = None
    lat: float | None = None
    source: str | None = None
    unit: str | None = None
    urgency: str = URGENCIES[0]

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise InvalidRequestError("a case needs a title that says what is wrong", "title")
        if self.kind not in KINDS:
            raise InvalidRequestError(f"kind {self.kind!r}: expected {' or '.join(KINDS)}", "kind")
        if self.code is not None and (self.kind, self.code) not in code_names():
            raise InvalidRequestError(
                f"code {self.code!r} is no {self.kind} of {EDITION}; expected one of its table",
                "code",
            )
        if self.urgency not in URGENCIES:
            raise InvalidRequestError(
                f"urgency {self.urgency!r}: expected one of {', '.join(URGENCIES)}", "urgency"
            )
        if (self.lon is None) != (self.lat is None):
            raise InvalidRequestError("lon and lat come together or not at all", "lon")
        if not (-180 <= (self.lon or 0) <= 180 and -90 <= (self.lat or 0) <= 90):
            raise InvalidRequestError(
                f"lon {self.lon}, lat {self.lat}: expected degrees within ±180 and ±90", "lon"
            )
