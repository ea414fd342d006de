"""Rules of alarms: what raises them, in versions."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access import role_only, view_of
from api.deps import State, only, parse_whole
from api.models import answer
from twin.errors import NotFoundError
from twin.live.rulebook import Members, RuleSpec, Window, listed_rules, one_rule

__all__ = ["router"]

router = APIRouter(prefix="/alarm-rules", tags=["alarms"])
MOST_RULES: Final = 1_000_000
_NO_STORE: Final = {"Cache-Control": "no-store"}
_EXAMPLE: Final[dict[str, Any]] = {
    "rule_id": "RQ-0017/ch4/rise",
    "stream": "RQ-0017/ch4",
    "name": "甲烷快速上升",
    "kind": "rate",
    "level": "warning",
    "comparison": "above",
    "threshold": 0.5,
    "dead_band": 0.1,
    "off_delay_s": 60,
    "window": {"months": [11, 12, 1, 2, 3], "from": "22:00", "to": "06:00"},
    "actor": "王工",
    "note": "冬季巡检",
}


class RuleChange(RuleSpec):
    """A rule, who writes it, and why."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"example": {k: v for k, v in _EXAMPLE.items() if k != "rule_id"}},
    )
    actor: Annotated[str, Field(min_length=1, max_length=200)]
    note: Annotated[str | None, Field(max_length=4000)] = None

    def spec(self) -> RuleSpec:
        """The rule alone."""
        names = set(RuleSpec.model_fields)
        return RuleSpec.model_validate(self.model_dump(by_alias=True, include=names))


class NewRule(RuleChange):
    """A new rule."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, json_schema_extra={"example": _EXAMPLE}
    )
    rule_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s?#%]+$")]


class RuleOut(BaseModel):
    """A rule as it stands; ``versions`` (of one rule) are those that ended, the newest first."""

    rule_id: str
    stream: str
    stream_id: int
    subject: str | None
    property: str | None
    version: int
    name: str | None
    kind: str
    level: str
    comparison: str | None
    threshold: float | None
    dead_band: float | None
    on_delay_s: float | None
    off_delay_s: float | None
    window: Window | None
    latched: bool | None
    suppressed_by: str | None
    need: int | None
    members: Members | None
    enabled: bool
    origin: str | None = Field(description="threshold, starting or person")
    valid_from: datetime | None
    valid_to: datetime | None
    actor: str | None
    note: str | None
    versions: list[dict[str, Any]] | None = None


class RuleList(BaseModel):
    """Rules in force."""

    rules: list[RuleOut]
    count: int


@router.get("", summary="Rules", responses={200: {"model": RuleList}})
def list_rules(
    request: Request,
    state: State,
    stream: Annotated[str | None, Query(description="Key of a stream.", max_length=200)] = None,
    subject: Annotated[str | None, Query(description="Monitored subject.", max_length=80)] = None,
    kind: Annotated[Literal["level", "rate", "stale", "compound"] | None, Query()] = None,
    enabled: Annotated[bool | None, Query()] = None,
    limit: Annotated[str | None, Query(description="At most so many.")] = None,
) -> Response:
    """Rules in force, by stream; those switched off too."""
    only(request, {"stream", "subject", "kind", "enabled", "limit", "f", "lang"})
    most = parse_whole(limit, "limit", 1000, 1, state.settings.max_limit)
    view = view_of(request)
    with state.store.snapshot() as cursor:
        found = listed_rules(
            cursor, most if view is None else MOST_RULES, stream=stream, subject=subject, kind=kind, enabled=enabled
        )  # fmt: skip
    if view is not None:
        found = [_shown(rule) for rule in found if view.stream(rule["stream_id"])][:most]
    return answer({"rules": found, "count": len(found)}, headers=_NO_STORE)


@router.get("/{rule_id:path}", summary="One rule", responses={200: {"model": RuleOut}})
def get_rule(rule_id: str, request: Request, state: State) -> Response:
    """A rule with the versions that ended."""
    only(request, {"f", "lang"})
    return answer(_rule(request, state, rule_id), headers=_NO_STORE)


@router.post("", summary="Make a rule", status_code=201, responses={201: {"model": RuleOut}})
def make_rule(given: NewRule, request: Request, state: State) -> Response:
    """A rule of your own; in force when answered. Try it on history first: process alarm-backtest."""
    only(request, {"f", "lang"})
    role_only(request, "admin", "changing rules")
    state.hub.change_rule(given.rule_id, given.spec(), given.actor, given.note)
    where = {"Location": f"/alarm-rules/{given.rule_id}"}
    return answer(_rule(request, state, given.rule_id), status=201, headers=where)


@router.put("/{rule_id:path}", summary="Change a rule", responses={200: {"model": RuleOut}})
def change_rule(rule_id: str, given: RuleChange, request: Request, state: State) -> Response:
    """The next version of a rule: the whole of it, in force when answered."""
    only(request, {"f", "lang"})
    role_only(request, "admin", "changing rules")
    state.hub.change_rule(rule_id, given.spec(), given.actor, given.note, replaces=True)
    return answer(_rule(request, state, rule_id), headers=_NO_STORE)


@router.delete("/{rule_id:path}", summary="End a rule", status_code=204)
def end_rule(
    rule_id: str,
    request: Request,
    state: State,
    actor: Annotated[str, Query(min_length=1, max_length=200, description="Who ends it.")],
    note: Annotated[str | None, Query(max_length=4000, description="Why.")] = None,
) -> Response:
    """End a rule: its versions stay, its open alarm is closed with that reason."""
    only(request, {"actor", "note", "f", "lang"})
    role_only(request, "admin", "changing rules")
    state.hub.change_rule(rule_id, None, actor, note)
    return Response(status_code=204)


def _rule(request: Request, state: State, rule_id: str) -> dict[str, Any]:
    with state.store.snapshot() as cursor:
        found = one_rule(cursor, rule_id)
    view = view_of(request)
    if view is None:
        return found
    if not view.stream(found["stream_id"]):
        raise NotFoundError(f"there is no rule {rule_id[:200]!r}")
    versions = [_shown(v) for v in found["versions"] if view.stream(v["stream_id"])]
    return _shown(found) | {"versions": versions}


def _shown(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule for a caller who does not see everything: without the names of rules that may watch other streams."""
    members = rule["members"]
    if members and members.get("rules"):
        members = {"rules": []}
    return rule | {"members": members, "suppressed_by": None}
