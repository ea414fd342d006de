"""Whether the server can do its work."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import caller_of, role_only
from api.deps import State, only
from api.models import answer, instant
from api.standing.metrics import exposition
from api.standing.tally import summed
from api.state import CityState, utc_now
from twin.store.read import rows

__all__ = ["program_version", "router"]

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter(tags=["health"])


@cache
def program_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("citytwin")
    except PackageNotFoundError:
        return "0+checkout"


@router.get("/healthz", summary="Health")
def health(request: Request, state: State) -> Response:
    """The base answers, tiles are there, age of the newest reading, version, uptime (seconds)."""
    only(request, set())
    if caller_of(request).grant.is_limited:
        return answer({"status": "ok"}, headers={"Cache-Control": "no-store"})
    standing = rows(state.store, "standing")[0]
    now = utc_now()
    newest = standing["newest_reading"]
    content: dict[str, Any] = {
        "status": "ok",
        "version": program_version(),
        "uptime_s": round((now - state.started).total_seconds(), 1),
        "base": {
            "opens": True,
            "entities": standing["entities"],
            "loaded_at": instant(standing["loaded_at"]),
        },
        "tiles": {"manifest": (state.city.tiles / "manifest.json").is_file()},
        "live": {
            "streams": standing["streams"],
            "newest_reading": instant(newest),
            "age_s": None if newest is None else round((now - newest).total_seconds(), 1),
        },
    }
    return answer(content, headers={"Cache-Control": "no-store"})


@router.get("/readyz", summary="Whether requests can be answered")
def ready(request: Request) -> Response:
    """200 when everything a request needs is there, else 503 with what is not: base, addresses, live stream."""
    only(request, set())
    state: CityState | None = getattr(request.app.state, "city_state", None)
    lacking = ["city"] if state is None else _lacking(state)
    content = {"status": "not ready" if lacking else "ready", "lacking": lacking}
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "2"} if lacking else {})
    return answer(content, status=503 if lacking else 200, headers=headers)


def _lacking(state: CityState) -> list[str]:
    lacking = [] if state.store.answers() else ["base"]
    if state.hub.events.closed:
        lacking.append("live")
    return lacking


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, state: State) -> Response:
    """Requests by route and status, times, the base, tiles, the live stream (role analyst, no limited reach)."""
    only(request, set())
    role_only(request, "analyst", "/metrics")
    own = request.app.state
    page = exposition(summed(own.tally, own.tallies), state)
    return Response(page, headers={"Cache-Control": "no-store"}, media_type=EXPOSITION)
