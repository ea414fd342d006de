"""Cases (案件): reported, moved from stage to stage, found on the map."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import View, caller_of, view_of
from api.address_anchors import named_place
from api.case_models import CaseCollection, CaseFeature, CaseIn, StepIn
from api.deps import BboxText, State, only, parse_whole
from api.models import GEOJSON, answer
from api.routes.geocode import narrowed
from api.routes.live import simple_box
from api.state import CityState
from twin.cases import Asked, CasePage, NewCase
from twin.errors import ForbiddenError, InvalidRequestError, NotFoundError

__all__ = ["FILTERS", "MOST_CASES", "NO_STORE", "asked_for", "case_seen", "router", "seen", "tell"]

router = APIRouter(tags=["cases"])
MOST_CASES: Final = 100_000
NO_STORE: Final = {"Cache-Control": "no-store"}
FILTERS: Final = frozenset({"stage", "bbox", "grid", "code", "unit", "overdue"})
StageText = Annotated[
    str | None, Query(description="Stages, several with commas.", examples=["派遣,处置"])
]
GridText = Annotated[
    str | None, Query(description="Code of a 街道 (9 digits), 社区 (12) or 单元网格 (15).")
]
CodeText = Annotated[
    str | None, Query(description="Type, or the beginning of one.", examples=["06010"])
]
UnitText = Annotated[str | None, Query(description="Responsible unit.")]
OverdueText = Annotated[
    str | None,
    Query(
        description="true: only those beyond a time limit; false: only the others that are open."
    ),
]


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
    stage: StageText = None,
    bbox: BboxText = None,
    grid: GridText = None,
    code: CodeText = None,
    unit: UnitText = None,
    overdue: OverdueText = None,
    limit: Annotated[str | None, Query(description="Cases of a page.")] = None,
    offset: Annotated[str | None, Query(description="Cases to pass over.")] = None,
) -> Response:
    """Cases as GeoJSON points, newest first, each with the steps it can take now."""
    only(request, {*FILTERS, "limit", "offset", "f", "lang"})
    wanted, late = asked_for(stage, bbox, grid, code, unit, overdue)
    size = parse_whole(limit, "limit", 100, 1, state.settings.max_limit)
    start = parse_whole(offset, "offset", 0, 0)
    view = view_of(request)
    if view is None:
        page = state.desk.listed(replace(wanted, limit=size, offset=start), late)
    else:
        page = seen(state.desk.listed(wanted, late), view, size, start)
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
    return answer(_feature(case_seen(request, state, case_id)), media=GEOJSON, headers=NO_STORE)


def asked_for(
    stage: str | None,
    bbox: str | None,
    grid: str | None,
    code: str | None,
    unit: str | None,
    overdue: str | None,
) -> tuple[Asked, bool | None]:
    """Which cases the parameters ask for, all of them; and whether those that are late, or not.

    Raises
    ------
    InvalidRequestError
        If one makes no sense.
    """
    if overdue not in (None, "true", "false"):
        raise InvalidRequestError(f"overdue={overdue[:20]!r}: expected true or false.", "overdue")
    for name, digits, most in (("grid", grid, 15), ("code", code, 5)):
        if digits is not None and not (
            digits.isascii() and digits.isdigit() and len(digits) <= most
        ):
            raise InvalidRequestError(
                f"{name}={digits[:40]!r}: expected up to {most} digits.", name
            )
    asked = Asked(
        stage.split(",") if stage else None, simple_box(bbox), grid, code, unit, limit=MOST_CASES
    )
    return asked, None if overdue is None else overdue == "true"


def seen(found: CasePage, view: View, size: int, start: int) -> CasePage:
    """The page of the cases that are seen."""
    told = [case for row in found.cases if (case := view.case(row)) is not None]
    return CasePage(told[start : start + size], len(told))


def case_seen(request: Request, state: CityState, case_id: str) -> dict[str, Any]:
    """A case by id or key with its events, as its caller sees it.

    Raises
    ------
    NotFoundError
        If there is none, or he does not see it.
    """
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
    """Open a case at stage 上报: on the ground and in its grid cell, by its coordinates or what its address text names.

    The responsible unit is found by ownership, else by the table of units, where the report names none. Cases that may
    tell of the same are offered at `/cases/{case_id}/duplicates`.
    """
    only(request, {"f", "lang"})
    names = [field.name for field in fields(NewCase)]
    new = NewCase(**{name: getattr(report, name) for name in names})
    view = view_of(request)
    named = _named(state, new, view)
    if view is not None:
        at = named or {"lon": new.lon, "lat": new.lat}
        view.may_write_at(at["lon"], at["lat"], "cases")
    case = state.desk.open(new, report.actor, report.note, named)
    feature = tell(request, state, case)
    return answer(feature, media=GEOJSON, status=201, headers={"Location": f"/cases/{case['id']}"})


def _named(state: CityState, new: NewCase, view: View | None) -> dict[str, Any] | None:
    """The place an address text names, for a report without coordinates."""
    text = (new.address_text or "").strip()
    if new.lon is not None or not text:
        return None
    with state.addresses() as (_, told):
        found = told.geocode(text)
    return named_place(found if view is None else narrowed(found, view))


@router.post(
    "/cases/{case_id}/{action}",
    summary="Take a case one step on",
    responses={200: {"model": CaseFeature, "content": {GEOJSON: {}}}},
)
def step_case(case_id: str, action: str, given: StepIn, request: Request, state: State) -> Response:
    """Take a step by its word or Chinese name; where it is not possible, 409 says which are."""
    only(request, {"f", "lang"})
    if view_of(request) is not None:
        case_seen(request, state, case_id)
        if given.into is not None:
            case_seen(request, state, given.into)
    said = {name: getattr(given, name) for name in ("hours", "until", "unit", "into")}
    role = _role(request, given.role)
    case = state.desk.step(case_id, action, given.actor, given.note, role, **said)
    return answer(tell(request, state, case), media=GEOJSON)


def _role(request: Request, named: str | None) -> str | None:
    """As whom a caller takes a step: one of his duties where he has some, the only one where he names none."""
    duties = caller_of(request).grant.duties
    if named is None and len(duties) == 1:
        return duties[0]
    if duties and named is not None and named not in duties:
        raise ForbiddenError(f"role {named}: this key has the duties {', '.join(duties)}.")
    return named
