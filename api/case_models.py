"""Cases as they are told and taken over HTTP."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CaseCollection",
    "CaseCounts",
    "CaseFeature",
    "CaseIn",
    "CaseOut",
    "Duplicates",
    "PhotoOut",
    "Photos",
    "StandingCases",
    "StepIn",
    "Units",
]


class CaseStep(BaseModel):
    """A step a case can take now."""

    action: str
    zh: str
    en: str
    to: str
    roles: list[str]
    needs_note: bool
    takes: list[str] = Field(description="What else it must say: hours, until, unit, into")
    may_take: list[str] = Field(description="What else it may say")


class CaseClock(BaseModel):
    """Time limits of a case; working hours and days off are taken out."""

    stage_since: datetime | None
    stage_due: datetime | None = Field(description="Until when this stage should be done")
    due: datetime | None = Field(description="Until when the case should be closed")
    paused: bool = Field(description="挂账: the clock stands")
    overdue: bool


class Urged(BaseModel):
    """督办: since when, until when, by whom and why."""

    since: datetime
    until: datetime | None
    actor: str
    note: str | None


class Extension(BaseModel):
    """延期: asked, granted or refused, and how many hours."""

    state: str
    hours: float
    at_time: datetime


class CaseOut(BaseModel):
    """Properties of a case."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "019e7044-8800-7000-8000-0000000000aa",
                "key": "AJ20260701-0001",
                "kind": "管理事项",
                "code": "06010",
                "code_name": "暴露垃圾",
                "title": "路边暴露垃圾",
                "urgency": "一般",
                "stage": "派遣",
                "reported_at": "2026-07-01T08:00:00Z",
                "lon": 114.0512,
                "lat": 30.4471,
                "grid_code": "429871001001001",
            }
        }
    )
    id: str
    key: str
    kind: str | None
    code: str | None
    code_name: str | None
    edition: str | None
    title: str | None
    description: str | None
    address_text: str | None
    urgency: str | None
    stage: str
    reported_at: datetime | None
    closed_at: datetime | None
    source: str | None
    unit: str | None = Field(description="Responsible unit")
    alarm_id: str | None
    lon: float | None
    lat: float | None
    z: float | None
    eid: str | None
    node_id: str | None = Field(description="Standard address it was placed by")
    grid_code: str | None
    placed_by: str | None
    not_placed: str | None = Field(description="Why it has no place, where it has none")
    attributes: dict[str, Any]
    clock: CaseClock
    urged: Urged | None
    extension: Extension | None
    merged_into: str | None = Field(description="Case this one went into")
    actions: list[CaseStep]


class CaseFeature(BaseModel):
    """A case as a GeoJSON point."""

    type: str = "Feature"
    id: str
    geometry: dict[str, Any] | None
    properties: CaseOut


class StandingCase(BaseModel):
    """A case that was open at a moment."""

    id: str
    key: str
    title: str | None
    code: str | None
    unit: str | None
    stage: str = Field(description="As of then")
    reported_at: datetime | None
    alarm_id: str | None
    lon: float | None
    lat: float | None
    z: float | None
    eid: str | None
    grid_code: str | None


class StandingCases(BaseModel):
    """Cases that were open at a moment, oldest first."""

    at: datetime
    cases: list[StandingCase]
    count: int


class CaseCollection(BaseModel):
    """Cases as GeoJSON, newest first."""

    type: str = "FeatureCollection"
    features: list[CaseFeature]
    numberMatched: int  # noqa: N815 -- spelled as in OGC API Features
    numberReturned: int  # noqa: N815


class CaseIn(BaseModel):
    """A report that becomes a case."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "title": "路边暴露垃圾",
                "kind": "管理事项",
                "code": "06010",
                "address_text": "临江大道35号门口",
                "lon": 114.0512,
                "lat": 30.4471,
                "source": "公众举报",
                "actor": "市民热线",
            }
        },
    )
    title: str = Field(max_length=200)
    kind: str = "管理事项"
    code: str | None = Field(None, description="5-digit type of that kind")
    description: str | None = Field(None, max_length=4000)
    address_text: str | None = Field(None, max_length=400)
    lon: float | None = None
    lat: float | None = None
    source: str | None = Field(None, max_length=100)
    unit: str | None = Field(None, max_length=100)
    urgency: str = Field("一般", description="一般, 紧急 or 特急")
    actor: str = Field(min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)


class StepIn(BaseModel):
    """Who takes a step, as whom, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"actor": "小王", "role": "派遣员", "note": "请于今日处置"},
        },
    )
    actor: str = Field(min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)
    role: str | None = Field(
        None,
        description="As whom: one of the roles of the step; may be left out by a key of one duty.",
    )
    hours: float | None = Field(None, description="延期: by how many hours")
    until: datetime | None = Field(None, description="督办: until when")
    unit: str | None = Field(None, max_length=100, description="改派: to which unit")
    into: str | None = Field(None, max_length=100, description="合并: into which case (id or key)")


class Duplicate(BaseModel):
    """A case that may tell of the same, and why."""

    id: str
    key: str
    title: str | None
    stage: str
    lon: float | None
    lat: float | None
    eid: str | None
    distance_m: float | None
    hours_apart: float
    likeness: float = Field(description="Of title and description, 0 to 1")
    score: float = Field(description="0 to 1")
    why_zh: str
    why_en: str


class Duplicates(BaseModel):
    """Cases that may tell of the same, likeliest first."""

    duplicates: list[Duplicate]
    count: int


class PhotoOut(BaseModel):
    """A photo of a case and what it says of its place."""

    sha256: str
    media_type: str
    n_bytes: int
    width: int
    height: int
    taken_at: datetime | None
    lon: float | None = Field(description="Degrees, by its EXIF")
    lat: float | None
    distance_m: float | None = Field(description="From the place of the case")
    verdict: str = Field(
        description="agrees, agrees_as_gcj02, far, no_position (of the photo), no_place (of the case)"
    )
    actor: str
    at_time: datetime
    href: str


class Photos(BaseModel):
    """Photos of a case, in the order they came."""

    photos: list[PhotoOut]
    count: int


class UnitRule(BaseModel):
    """Who is responsible for a type of cases in an area."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field("", max_length=5, description="Type, or the beginning of one; empty: all")
    area: str = Field(
        "", max_length=15, description="Beginning of a 单元网格 code; empty: everywhere"
    )
    unit: str = Field(max_length=100)


class Units(BaseModel):
    """The table of responsible units (责任单位)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "units": [
                    {"code": "", "area": "429871001", "unit": "滨江街道综合执法中心"},
                    {"code": "06", "area": "", "unit": "区环境卫生服务中心"},
                ]
            }
        },
    )
    units: list[UnitRule] = Field(max_length=20_000)


class Numbers(BaseModel):
    """Cases, those that are open, and by stage."""

    total: int
    open: int
    by_stage: dict[str, int]


class ClassNumbers(Numbers):
    """Cases of a type."""

    kind: str | None
    code: str | None
    name: str | None


class AreaNumbers(Numbers):
    """Cases of an area; code null: outside all."""

    code: str | None
    name: str | None
    by_class: list[ClassNumbers]


class CaseCounts(Numbers):
    """Cases by area, type and stage."""

    by: str
    areas: list[AreaNumbers]
