"""Whether the server can do its work."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.deps import State, only
from api.models import answer, instant
from api.state import utc_now
from twin.store.read import rows

__all__ = ["program_version", "router"]

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
