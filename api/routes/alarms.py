"""Alarms: what is wrong now, and the answers people give."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access import reach_of, view_of
from api.deps import State, only, parse_time, parse_whole
from api.models import answer
from api.routes.cases import tell
from twin.analysis import Study
from twin.analysis.reach import alarm_reach
from twin.errors import InvalidRequestError, NotFoundError
from twin.live.alarms import listed, one
from twin.live.life_cycle import ANSWERS, OPEN_STATES, STATES
from twin.live.rulebook import listed_rules

__all__ = ["router"]

router = APIRouter(tags=["alarms"])
MOST_ALARMS: Final = 100_000
NO_STORE: Final = {"Cache-Control": "no-store"}


class AlarmOut(BaseModel):
    """An alarm with its stream and place."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "019e7044-8800-7000-8000-000000000001",
                "rule_id": "RQ-0017/ch4/alarm/above",
                "stream_id": 17,
                "level": "alarm",
                "state": "active",
                "value": 1.25,
                "threshold": 1.0,
                "raised_at": "2026-07-01T08:00:00.000Z",
                "acknowledged_at": None,
                "returned_at": None,
                "shelved_until": None,
                "kind": "level",
                "rule_version": 1,
                "latched": False,
                "message_zh": "燃气阀井 17 甲烷浓度 1.25 % 高于报警值 1 %",
                "message_en": "燃气阀井 17 甲烷浓度: 1.25 % is above the alarm level of 1 %",
                "key": "RQ-0017/ch4",
                "subject": "燃气",
                "lon": 114.0512,
                "lat": 30.4471,
                "z": 9.6,
            }
        }
    )
    id: str
    rule_id: str
    stream_id: int
    level: str = Field(description="warning or alarm")
    state: str = Field(description=", ".join(STATES))
    value: float | None = Field(
        description="As of the rule's kind: reading, rate per minute, seconds of silence, members"
    )
    threshold: float | None
    raised_at: datetime
    acknowledged_at: datetime | None
    returned_at: datetime | None
    shelved_until: datetime | None = None
    kind: str | None = Field(None, description="level, rate, stale or compound")
    rule_version: int | None = None
    latched: bool | None = None
    message_zh: str
    message_en: str
    key: str | None
    name: str | None
    subject: str | None
    property: str | None
    unit: str | None
    lon: float | None
    lat: float | None
    z: float | None
    eid: str | None
    grid_code: str | None


class AlarmList(BaseModel):
    """Alarms, newest first."""

    alarms: list[AlarmOut]
    count: int


class AlarmReach(BaseModel):
    """What an alarm can reach."""

    alarm: str
    at: list[float]
    distance_m: float
    by_class: dict[str, int] = Field(description="Things around the place, by class")
    near: dict[str, Any] = Field(description="As the process `within` answers")
    network: dict[str, dict[str, Any]] = Field(
        description="As the process `trace` answers: downstream and upstream where the flow is known, else connected"
    )


class AlarmAnswer(BaseModel):
    """Who answers an alarm, and why."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"actor": "值班员小李", "note": "已通知燃气公司"}}
    )
    actor: str = Field(min_length=1, max_length=200)
    note: str | None = Field(None, max_length=4000)


class AlarmStep(AlarmAnswer):
    """A step with an alarm: who takes it, why, and for shelving until when."""

    until: datetime | None = Field(None, description="End of a shelf, at most 7 days ahead.")


class RuleStep(AlarmStep):
    """A step with the alarm of a rule, whether it has one or not."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "rule_id": "RQ-0017/ch4/alarm/above",
                "step": "remove_from_service",
                "actor": "值班员小李",
                "note": "探头检修",
            }
        }
    )
    rule_id: str = Field(min_length=1, max_length=200)
    step: Literal[ANSWERS]  # type: ignore[valid-type] # the table of steps


@router.get("/alarms", summary="Alarms", responses={200: {"model": AlarmList}})
def list_alarms(
    request: Request,
    state: State,
    which: Annotated[
        str | None,
        Query(
            alias="state",
            description=f"{', '.join(STATES)}, several with commas, or all; "
            f"{', '.join(OPEN_STATES)} where absent.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        Query(description="RFC 3339: in the states they were in then, by their steps."),
    ] = None,
    limit: Annotated[str | None, Query(description="At most so many.")] = None,
) -> Response:
    """Alarms with their stream and place, newest first; now, or as they stood at a moment."""
    only(request, {"state", "at", "limit", "f", "lang"})
    wanted = list(OPEN_STATES)
    if which is not None:
        wanted = list(STATES) if which == "all" else which.split(",")
        unknown = [name for name in wanted if name not in STATES]
        if unknown:
            raise InvalidRequestError(
                f"state={unknown[0][:40]!r}: expected all or one of {', '.join(STATES)}.", "state"
            )
    most = parse_whole(limit, "limit", 1000, 1, state.settings.max_limit)
    moment = None if at is None else parse_time(at, "at")
    view = view_of(request)
    with state.store.snapshot() as cursor:
        found = listed(cursor, wanted, most if view is None else MOST_ALARMS, moment)
    if view is not None:
        shown = (view.alarm(alarm) for alarm in found)
        found = [alarm for alarm in shown if alarm is not None][:most]
    return answer({"alarms": found, "count": len(found)}, headers=NO_STORE)


@router.get("/alarms/{alarm_id}", summary="One alarm", responses={200: {"model": AlarmOut}})
def one_alarm(alarm_id: str, request: Request, state: State) -> Response:
    """An alarm with every step of its life as ``events``."""
    only(request, {"f", "lang"})
    return answer(_alarm(request, state, alarm_id), headers=NO_STORE)


@router.get(
    "/alarms/{alarm_id}/reach",
    summary="What is within reach of an alarm",
    responses={200: {"model": AlarmReach}},
)
def reach_of_alarm(
    alarm_id: str,
    request: Request,
    state: State,
    distance_m: Annotated[
        str | None, Query(description="Metres around its place, in space; 100 where absent.")
    ] = None,
    along_m: Annotated[
        str | None, Query(description="Metres along the pipes; 1000 where absent.")
    ] = None,
    limit: Annotated[str | None, Query(description="At most so many of each list.")] = None,
) -> Response:
    """Things around the place of an alarm in 3D, and the pipes up- and downstream of it."""
    only(request, {"distance_m", "along_m", "limit", "f", "lang"})
    metres = _metres(distance_m, "distance_m", 100, 2000)
    along = _metres(along_m, "along_m", 1000, 50_000)
    most = parse_whole(limit, "limit", 200, 1, min(state.settings.max_limit, 20_000))
    alarm = _alarm(request, state, alarm_id)
    study = Study(state.scenes.now(), state.store, reach_of(request))
    found = {"alarm": alarm["id"], **alarm_reach(study, alarm, metres, along, most)}
    return answer(found, headers=NO_STORE)


@router.post("/alarms/{alarm_id}/case", summary="Open a case about an alarm", status_code=201)
def open_case(alarm_id: str, given: AlarmAnswer, request: Request, state: State) -> Response:
    """Open a case at the place of the alarm's stream; one at a time."""
    only(request, {"f", "lang"})
    if (view := view_of(request)) is not None:
        alarm = _alarm(request, state, alarm_id)
        view.may_write_at(alarm["lon"], alarm["lat"], "cases")
    case = state.desk.from_alarm(alarm_id, given.actor, given.note)
    return answer(
        tell(request, state, case), status=201, headers={"Location": f"/cases/{case['id']}"}
    )


@router.post("/alarms/steps", summary="Silence a rule", responses={200: {"model": AlarmOut}})
def step_rule(given: RuleStep, request: Request, state: State) -> Response:
    """Shelve, suppress or take out of service the alarm of a rule, also of one in normal state."""
    only(request, {"f", "lang"})
    _rule_seen(request, state, given.rule_id)
    alarm = state.hub.step_rule(given.rule_id, given.step, given.actor, given.note, given.until)
    return answer(_alarm(request, state, alarm.alarm_id), headers=NO_STORE)


@router.post(
    "/alarms/{alarm_id}/{step}", summary="Take a step", responses={200: {"model": AlarmOut}}
)
def answer_alarm(
    alarm_id: str,
    step: Literal[ANSWERS],  # type: ignore[valid-type] # the table of steps
    given: AlarmStep,
    request: Request,
    state: State,
) -> Response:
    """Acknowledge, close, reset, shelve … an alarm; closing while its condition holds needs a note."""
    only(request, {"f", "lang"})
    if view_of(request) is not None:
        _alarm(request, state, alarm_id)
    state.hub.answer(alarm_id, step, given.actor, given.note, given.until)
    return answer(_alarm(request, state, alarm_id), headers=NO_STORE)


def _metres(given: str | None, name: str, usual: int, most: int) -> float:
    metres = parse_whole(given, name, usual, 0, 10**9)
    if metres > most:
        raise InvalidRequestError(f"{name}={metres}: expected at most {most} m.", name)
    return float(metres)


def _rule_seen(request: Request, state: State, rule_id: str) -> None:
    view = view_of(request)
    if view is None:
        return
    with state.store.snapshot() as cursor:
        found = listed_rules(cursor, 1, rule=rule_id)
    if not found or not view.stream(found[0]["stream_id"]):
        raise NotFoundError(f"there is no rule {rule_id!r} in force")


def _alarm(request: Request, state: State, alarm_id: str) -> dict[str, Any]:
    with state.store.snapshot() as cursor:
        found = one(cursor, alarm_id)
    if (view := view_of(request)) is None:
        return found
    shown = view.alarm(found)
    if shown is None:
        raise NotFoundError(f"there is no alarm {alarm_id}")
    return shown
