"""What hangs on cases: counts of the board, duplicates, photos, the table of responsible units."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from api.access import role_only, view_of, whole_only
from api.case_models import CaseCounts, Duplicates, PhotoOut, Photos, StandingCases, Units
from api.deps import BboxText, State, only, parse_metres, parse_text, parse_time
from api.models import answer
from api.routes.cases import (
    FILTERS,
    NO_STORE,
    CodeText,
    GridText,
    OverdueText,
    StageText,
    UnitText,
    asked_for,
    case_seen,
    seen,
    tell,
)
from twin.cases.counting import DIGITS, counted, told
from twin.cases.standing import standing
from twin.errors import InvalidRequestError, NotFoundError

__all__ = ["router"]

router = APIRouter(tags=["cases"])
NEAR: Final = {"metres": (50.0, 2_000.0), "hours": (72.0, 720.0)}
"""How far and long duplicates are looked for: usual, most."""


@router.get(
    "/cases/counts",
    summary="Cases by area, type and stage",
    responses={200: {"model": CaseCounts}},
)
def counts(
    request: Request,
    state: State,
    by: Annotated[
        str | None, Query(description="street (街道), community (社区) or grid (单元网格).")
    ] = None,
    stage: StageText = None,
    bbox: BboxText = None,
    grid: GridText = None,
    code: CodeText = None,
    unit: UnitText = None,
    overdue: OverdueText = None,
) -> Response:
    """The board: how many cases are at each stage, in all, by area, and by type in each area."""
    only(request, {*FILTERS, "by", "f", "lang"})
    by = by or "street"
    if by not in DIGITS:
        raise InvalidRequestError(f"by={by[:40]!r}: expected one of {', '.join(DIGITS)}.", "by")
    asked, late = asked_for(stage, bbox, grid, code, unit, overdue)
    view = view_of(request)
    if view is None:
        groups = state.desk.counts(asked, by, late)
    else:
        groups = counted(seen(state.desk.listed(asked, late), view, asked.limit, 0).cases, by)
    names = state.desk.area_names({area for area, *_ in groups if area})
    return answer({"by": by, **told(groups, names)}, headers=NO_STORE)


@router.get(
    "/cases/standing",
    summary="Cases that were open at a moment",
    responses={200: {"model": StandingCases}},
)
def standing_at(
    request: Request,
    state: State,
    at: Annotated[str, Query(description="RFC 3339.", examples=["2026-07-01T08:00:00Z"])],
) -> Response:
    """Every case that was open at a moment, in the stage it was in by its steps, oldest first."""
    only(request, {"at", "f", "lang"})
    moment, view = parse_time(at, "at"), view_of(request)
    found = standing(state.store, moment)
    if view is not None:
        shown = [(case, view.case(case)) for case in found]
        found = [{name: told[name] for name in case} for case, told in shown if told is not None]
    return answer({"at": moment, "cases": found, "count": len(found)}, headers=NO_STORE)


@router.get(
    "/cases/{case_id}/duplicates",
    summary="Cases that may tell of the same",
    responses={200: {"model": Duplicates}},
)
def alike(
    case_id: str,
    request: Request,
    state: State,
    metres: Annotated[str | None, Query(description="How far (50; at most 2000).")] = None,
    hours: Annotated[str | None, Query(description="How long apart (72; at most 720).")] = None,
) -> Response:
    """Cases of the same type, near in space and time, with their likeness and why; merging is a step (`merge`)."""
    only(request, {"metres", "hours", "f", "lang"})
    far, long = _bounded("metres", metres), _bounded("hours", hours)
    case = case_seen(request, state, case_id)
    found = state.desk.duplicates(case["id"], far, long)
    if (view := view_of(request)) is not None:
        found = [row for each in found if (row := view.case(each)) is not None]
    return answer({"duplicates": found, "count": len(found)}, headers=NO_STORE)


def _bounded(name: str, text: str | None) -> float:
    usual, most = NEAR[name]
    if text is None:
        return usual
    value = parse_metres(text, name)
    if not 0 < value <= most:
        raise InvalidRequestError(f"{name}={value:g}: expected above 0, at most {most:g}.", name)
    return value


@router.get("/cases/{case_id}/photos", summary="Photos", responses={200: {"model": Photos}})
def list_photos(case_id: str, request: Request, state: State) -> Response:
    """Photos of a case, in the order they came."""
    only(request, {"f", "lang"})
    case = case_seen(request, state, case_id)
    photos = [_told(case["id"], photo) for photo in state.desk.photos(case["id"])]
    return answer({"photos": photos, "count": len(photos)}, headers=NO_STORE)


@router.get(
    "/cases/{case_id}/photos/{sha256}",
    summary="A photo",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}}},
)
def one_photo(case_id: str, sha256: str, request: Request, state: State) -> Response:
    """The picture as it came."""
    only(request, {"f", "lang"})
    case = case_seen(request, state, case_id)
    for photo in state.desk.photos(case["id"]):
        if photo["sha256"] == sha256:
            headers = {**NO_STORE, "X-Content-Type-Options": "nosniff"}
            path = state.store.assets / photo["asset"]
            return FileResponse(path, media_type=photo["media_type"], headers=headers)
    raise NotFoundError(f"case {case_id} has no photo {sha256[:80]}")


@router.post(
    "/cases/{case_id}/photos",
    summary="Add a photo",
    status_code=201,
    responses={201: {"model": PhotoOut}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("image/jpeg", "image/png", "image/webp")
            },
        }
    },
)
async def add_photo(
    case_id: str,
    request: Request,
    state: State,
    actor: Annotated[str | None, Query(description="Who took or sends it.")] = None,
) -> Response:
    """Keep a JPEG, PNG or WebP picture by its content; a position its EXIF says is held against the place of the case."""
    only(request, {"actor", "f", "lang"})
    content = await request.body()

    def add() -> dict[str, Any]:
        who = parse_text(actor, "actor", 200)
        case = case_seen(request, state, case_id)
        photo = state.desk.photograph(case["id"], content, who)
        tell(request, state, state.desk.get(case["id"]))
        return _told(case["id"], photo)

    made = await run_in_threadpool(add)
    return answer(made, status=201, headers={"Location": made["href"]})


def _told(case_id: str, photo: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in photo.items() if name != "asset"}
    return {**told, "href": f"/cases/{case_id}/photos/{photo['sha256']}"}


@router.get("/case-units", summary="Responsible units", responses={200: {"model": Units}})
def list_units(request: Request, state: State) -> Response:
    """Who is responsible for which types in which areas: the longest beginning of the type decides, then that of the area."""
    only(request, {"f", "lang"})
    whole_only(request)
    return answer({"units": state.desk.units()}, headers=NO_STORE)


@router.put(
    "/case-units", summary="Replace the responsible units", responses={200: {"model": Units}}
)
def put_units(given: Units, request: Request, state: State) -> Response:
    """Write the table anew (role admin); cases that have a unit keep it."""
    only(request, {"f", "lang"})
    role_only(request, "admin", "the table of units")
    state.desk.replace_units([rule.model_dump() for rule in given.units])
    return answer({"units": state.desk.units()}, headers=NO_STORE)
