"""Cases (案件): reported, moved from stage to stage, found on the map."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access import View, view_of
from api.deps import BboxText, State, only, parse_whole
from api.models import GEOJSON, answer
from api.routes.live import simple_box
from api.state import CityState
from twin.cases import NewCase
from twin.cases.desk import CasePage
from twin.errors import InvalidRequestError, NotFoundError

__all__ = ["router", "tell"]

router = APIRouter(tags=["cases"])
MOST_CASES: Final = 100_000
NO_STORE: Final = {"Cache-Control": "no-store"}


class CaseStep(BaseModel):
    """A step a case can take now."""

    action: str
    zh: str
    en: str
    to: str
    roles: list[str]
    needs_note: bool


class CaseClock(BaseModel):
    """Time limits of a case; working hours and days off are taken out."""

    stage_since: datetime | None
    stage_due: datetime | None = Field(description="Until when this stage should be done")
    due: datetime | None = Field(description="Until when the case should be closed")
    paused: bool = Field(description="挂账: the clock stands")
    overdue: bool


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
    stage: str
    reported_at: datetime | None
    closed_at: datetime | None
    source: str | None
    unit: str | None
    alarm_id: str | None
    lon: float | None
    lat: float | None
    z: float | None
    eid: str | None
    grid_code: str | None
    placed_by: str | None
    not_placed: str | None = Field(description="Why it has no place, where it has none")
    attributes: dict[str, Any]
    clock: CaseClock
    actions: list[CaseStep]


class CaseFeature(BaseModel):
    """A case as a GeoJSON point."""

    type: str = "Feature"
    id: str
    geometry: dict[str, Any] | None
    properties: CaseOut


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
    actor: str = Field(min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)


class StepIn(BaseModel):
    """Who takes a step, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"actor": "派遣员小王", "note": "请于今日处置"}},
    )
    actor: str = Field(min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)
    role: str | None = Field(None, description="Role of the actor; checked where given")


def _feature(case: Mapping[str, Any]) -> dict[str, Any]:
    placed = case["lon"] is not None and case["lat"] is not None
    place = [case["lon"], case["lat"], *([] if case["z"] is None else [case["z"]])]
    return {
        "type": "Feature",
        "id": case["id"],
        "geometry": {"type": "Point", "coordinates": place} if placed else None,
        "properties": dict(case),
    }


def tell(request: Request, state: CityState, case: Mapping[str, Any]) -> dict[str, Any]:
    """Tell subscribers what became of a case, and give it as a feature, as its caller sees it."""
    state.case_events.tell()
    feature, view = _feature(case), view_of(request)
    return feature if view is None else _feature(view.case(case) or view.untied(case))


@router.get(
    "/cases",
    summary="Cases",
    responses={200: {"model": CaseCollection, "content": {GEOJSON: {}}}},
)
def list_cases(
    request: Request,
    state: State,
    stage: Annotated[
        str | None, Query(description="Stages, several with commas.", examples=["派遣,处置"])
    ] = None,
    bbox: BboxText = None,
    grid: Annotated[str | None, Query(description="15-digit code of a 单元网格.")] = None,
    overdue: Annotated[
        str | None,
        Query(
            description="true: only those beyond a time limit; false: only the others that are open."
        ),
    ] = None,
    limit: Annotated[str | None, Query(description="Cases of a page.")] = None,
    offset: Annotated[str | None, Query(description="Cases to pass over.")] = None,
) -> Response:
    """Cases as GeoJSON points, newest first, each with the steps it can take now."""
    only(request, {"stage", "bbox", "grid", "overdue", "limit", "offset", "f", "lang"})
    if overdue not in (None, "true", "false"):
        raise InvalidRequestError(f"overdue={overdue[:20]!r}: expected true or false.", "overdue")
    late = None if overdue is None else overdue == "true"
    asked = stage.split(",") if stage else None
    size = parse_whole(limit, "limit", 100, 1, state.settings.max_limit)
    start = parse_whole(offset, "offset", 0, 0)
    view = view_of(request)
    if view is None:
        page = state.desk.listed(asked, simple_box(bbox), grid, size, start, late)
    else:
        page = _seen(
            state.desk.listed(asked, simple_box(bbox), grid, MOST_CASES, 0, late), view, size, start
        )
    content = {
        "type": "FeatureCollection",
        "features": [_feature(case) for case in page.cases],
        "numberMatched": page.matched,
        "numberReturned": len(page.cases),
    }
    return answer(content, media=GEOJSON, headers=NO_STORE)


@router.get(
    "/cases/{case_id}",
    summary="One case",
    responses={200: {"model": CaseFeature, "content": {GEOJSON: {}}}},
)
def one_case(case_id: str, request: Request, state: State) -> Response:
    """A case by id or key (案件编号), with every step as ``properties.events``."""
    only(request, {"f", "lang"})
    return answer(_feature(_case(request, state, case_id)), media=GEOJSON, headers=NO_STORE)


def _seen(found: CasePage, view: View, size: int, start: int) -> CasePage:
    """The page of the cases that are seen."""
    told = [case for row in found.cases if (case := view.case(row)) is not None]
    return CasePage(told[start : start + size], len(told))


def _case(request: Request, state: CityState, case_id: str) -> dict[str, Any]:
    found = state.desk.get(case_id)
    if (view := view_of(request)) is None:
        return found
    shown = view.case(found)
    if shown is None:
        raise NotFoundError(f"there is no case {case_id}")
    return shown


@router.post(
    "/cases",
    summary="Report a case",
    status_code=201,
    responses={201: {"model": CaseFeature, "content": {GEOJSON: {}}}},
)
def report_case(report: CaseIn, request: Request, state: State) -> Response:
    """Open a case at stage 上报; it is placed on the ground and in its grid cell."""
    only(request, {"f", "lang"})
    if (view := view_of(request)) is not None:
        view.may_write_at(report.lon, report.lat, "cases")
    names = [field.name for field in fields(NewCase)]
    new = NewCase(**{name: getattr(report, name) for name in names})
    case = state.desk.open(new, report.actor, report.note)
    feature = tell(request, state, case)
    return answer(feature, media=GEOJSON, status=201, headers={"Location": f"/cases/{case['id']}"})


@router.post(
    "/cases/{case_id}/{action}",
    summary="Take a case one step on",
    responses={200: {"model": CaseFeature, "content": {GEOJSON: {}}}},
)
def step_case(case_id: str, action: str, given: StepIn, request: Request, state: State) -> Response:
    """Take a step by its word or Chinese name; where it is not possible, 409 says which are."""
    only(request, {"f", "lang"})
    if view_of(request) is not None:
        _case(request, state, case_id)
    case = state.desk.step(case_id, action, given.actor, given.note, given.role)
    return answer(tell(request, state, case), media=GEOJSON)
