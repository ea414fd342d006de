"""What happens now: streams, their readings, the event stream, key numbers, new readings."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from api.access import View, caller_of, view_of
from api.access.callers import Callers
from api.access.gate import token_of
from api.deps import BboxText, State, only, parse_bbox, parse_time, parse_whole
from api.models import GEOJSON, answer
from api.state import CityState
from twin.cases import Asked
from twin.errors import InvalidRequestError
from twin.live.events import Subscription
from twin.live.history import SPANS_US, hourly, observations

__all__ = ["newest_arrow", "router", "simple_box"]

router = APIRouter(tags=["live"])
HEARTBEAT_S: Final = 15.0
KINDS: Final = ("state", "alarm", "case", "indicators")
"""Events a follower can choose among; a ``resync`` comes to all."""
MOST_CASES: Final = 100_000
NO_STORE: Final = {"Cache-Control": "no-store"}
ARROW: Final = "application/vnd.apache.arrow.stream"
NEWEST: Final = (
    *("stream_id", "key", "subject", "property", "unit", "value", "state", "time"),
    *("lon", "lat", "z", "eid", "grid_code"),
)
SubjectText = Annotated[
    str | None, Query(description="Monitored subject, such as 燃气 or 供水.", examples=["燃气"])
]


class StreamState(BaseModel):
    """Properties of a stream: who it is, its newest reading, what it watches."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 17,
                "key": "RQ-0017/ch4",
                "name": "燃气阀井 17",
                "subject": "燃气",
                "property": "甲烷浓度",
                "unit": "%",
                "value": 0.12,
                "state": "normal",
                "time": "2026-07-01T08:00:00Z",
                "lon": 114.0512,
                "lat": 30.4471,
                "z": 9.6,
                "eid": None,
                "grid_code": "429871001001001",
                "warn_high": 0.5,
                "alarm_high": 1.0,
                "interval_s": 60.0,
            }
        }
    )
    id: int
    key: str
    name: str | None
    subject: str | None
    property: str | None
    unit: str | None
    value: float | None
    state: str = Field(description="normal, warning, alarm or stale")
    time: datetime | None
    lon: float | None
    lat: float | None
    z: float | None = Field(description="Metres above the ellipsoid")
    eid: str | None
    grid_code: str | None
    interval_s: float | None
    warn_low: float | None = None
    warn_high: float | None = None
    alarm_low: float | None = None
    alarm_high: float | None = None


class StreamFeature(BaseModel):
    """A stream as a GeoJSON point."""

    type: str = "Feature"
    id: int
    geometry: dict[str, Any] | None
    properties: StreamState


class StreamCollection(BaseModel):
    """Streams as GeoJSON; ``asOf`` is the event number to follow ``/live`` from without a gap."""

    type: str = "FeatureCollection"
    features: list[StreamFeature]
    numberMatched: int  # noqa: N815 -- spelled as in OGC API Features
    numberReturned: int  # noqa: N815
    asOf: int  # noqa: N815


def simple_box(text: str | None) -> tuple[float, float, float, float] | None:
    """West, south, east, north of a ``bbox`` parameter that does not cross the antimeridian.

    Raises
    ------
    InvalidRequestError
        If it is no such box.
    """
    if text is None:
        return None
    box = parse_bbox(text)
    if box.west > box.east:
        raise InvalidRequestError(f"bbox={text[:80]!r}: west lies east of east.", "bbox")
    return box.west, box.south, box.east, box.north


def newest_arrow(table: pa.Table, view: View | None) -> pa.Buffer:
    """An Arrow IPC stream of streams with their newest readings (:data:`NEWEST`), without the ties a view does not show."""
    found = table.select(NEWEST)
    if view is not None and found.num_rows:
        rows = [view.untied(row) for row in found.select(["eid", "grid_code"]).to_pylist()]
        for name in ("eid", "grid_code"):
            at = found.column_names.index(name)
            found = found.set_column(at, name, pa.array([row[name] for row in rows], pa.string()))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return sink.getvalue()


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    properties = {"id": row["stream_id"], **row}
    for name in ("stream_id", "host_scheme", "host_value"):
        properties.pop(name, None)
    properties["attributes"] = orjson.loads(row["attributes"] or "{}")
    place = [row["lon"], row["lat"], *([] if row["z"] is None else [row["z"]])]
    placed = row["lon"] is not None and row["lat"] is not None
    return {
        "type": "Feature",
        "id": row["stream_id"],
        "geometry": {"type": "Point", "coordinates": place} if placed else None,
        "properties": properties,
    }


def _stream(state: CityState, name: str, view: View | None) -> dict[str, Any]:
    """A stream by key, else by id."""
    hub = state.hub
    numbered = name.isascii() and name.isdigit() and len(name) < 19 and not hub.knows(name)
    wanted = int(name) if numbered else name
    found = hub.stream(wanted)
    if view is None:
        return found
    view.expect(view.stream(found["stream_id"]), f"there is no datastream {wanted!r}")
    return _untied(found, view)


def _untied(row: dict[str, Any], view: View) -> dict[str, Any]:
    told = view.untied(row)
    if told["eid"] is None:
        told |= {"host_scheme": None, "host_value": None}
    return told


@router.get(
    "/streams",
    summary="Streams with their newest reading",
    responses={200: {"model": StreamCollection, "content": {GEOJSON: {}}}},
)
def list_streams(
    request: Request,
    state: State,
    bbox: BboxText = None,
    subject: SubjectText = None,
    level: Annotated[
        str | None, Query(alias="state", description="normal, warning, alarm or stale")
    ] = None,
    limit: Annotated[str | None, Query(description="At most so many; all where absent.")] = None,
    f: Annotated[
        str | None, Query(description="json, or arrow: an Arrow IPC stream of the newest readings.")
    ] = None,
) -> Response:
    """Every stream as a point with its newest value, state and time, from memory."""
    only(request, {"bbox", "subject", "state", "limit", "f", "lang"})
    as_of = state.hub.events.last_id
    view = view_of(request)
    shown = None if view is None else view.shown
    table = state.hub.streams(simple_box(bbox), subject, shown)
    if f == "arrow":
        if level is not None:
            table = table.filter(pc.equal(table.column("state"), level))
        most = parse_whole(limit, "limit", table.num_rows, 1)
        headers = {**NO_STORE, "As-Of": str(as_of)}
        body = newest_arrow(table.slice(0, most), view).to_pybytes()
        return Response(body, headers=headers, media_type=ARROW)
    rows = table.to_pylist()
    if view is not None:
        rows = [_untied(row, view) for row in rows]
    if level is not None:
        rows = [row for row in rows if row["state"] == level]
    most = parse_whole(limit, "limit", len(rows), 1)
    content = {
        "type": "FeatureCollection",
        "features": [_feature(row) for row in rows[:most]],
        "numberMatched": len(rows),
        "numberReturned": min(most, len(rows)),
        "asOf": as_of,
    }
    return answer(content, media=GEOJSON, headers=NO_STORE)


@router.get("/streams/{stream:path}/observations", summary="Readings of a stream")
def list_observations(
    stream: str,
    request: Request,
    state: State,
    start: Annotated[str | None, Query(alias="from", description="RFC 3339, inclusive")] = None,
    end: Annotated[str | None, Query(alias="to", description="RFC 3339, exclusive")] = None,
    limit: Annotated[str | None, Query(description="The newest so many")] = None,
    rollup: Annotated[
        str | None, Query(description="minute, hour or day: mean, low and high by that")
    ] = None,
) -> Response:
    """The newest readings of an interval, oldest first; or their roll-up by minutes, hours or days (UTC)."""
    only(request, {"from", "to", "limit", "rollup", "f", "lang"})
    if rollup is not None and rollup not in SPANS_US:
        spans = ", ".join(SPANS_US)
        raise InvalidRequestError(f"rollup={rollup[:20]!r}: expected one of {spans}.", "rollup")
    found = _stream(state, stream, view_of(request))
    first = parse_time(start, "from") if start else None
    last = parse_time(end, "to") if end else None
    most = parse_whole(limit, "limit", 1000, 1, 100_000)
    if rollup is None:
        rows = observations(state.store, found["stream_id"], first, last, most).to_pylist()
    else:
        rows = hourly(state.store, found["stream_id"], first, last, most, rollup).to_pylist()
    names = ("key", "name", "property", "unit", "warn_low", "warn_high", "alarm_low", "alarm_high")
    content = {
        "stream": {"id": found["stream_id"], **{name: found[name] for name in names}},
        "rollup": rollup,
        "observations": rows,
    }
    return answer(content, headers=NO_STORE)


@router.get(
    "/streams/{stream:path}",
    summary="One stream",
    responses={200: {"model": StreamFeature, "content": {GEOJSON: {}}}},
)
def one_stream(stream: str, request: Request, state: State) -> Response:
    """A stream by id or key, with thresholds, place and newest reading."""
    only(request, {"f", "lang"})
    return answer(
        _feature(_stream(state, stream, view_of(request))), media=GEOJSON, headers=NO_STORE
    )


@router.get("/indicators", summary="Key numbers of the city now")
def indicators(request: Request, state: State) -> Response:
    """Streams by state and subject, alarms by level, cases by stage, completeness, freshness."""
    only(request, {"f", "lang"})
    view = view_of(request)
    if view is None:
        return answer(state.hub.indicators(), headers=NO_STORE)
    cases = (view.case(case) for case in state.desk.listed(Asked(limit=MOST_CASES)).cases)
    stages = Counter(case["stage"] for case in cases if case is not None)
    return answer(state.hub.indicators(view.shown, stages), headers=NO_STORE)


@router.get(
    "/live",
    summary="What happens, as it happens",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def follow(
    request: Request,
    state: State,
    bbox: BboxText = None,
    subject: SubjectText = None,
    kinds: Annotated[
        str | None,
        Query(
            description=f"{', '.join(KINDS)}, several with commas; all where absent.",
            examples=["alarm,case"],
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Query(description="Go on after this event, as the header Last-Event-ID does."),
    ] = None,
) -> Response:
    """Server-sent events.

    ``state`` {changes: [{id, value, state, time}]}, ``alarm`` and ``case`` (the whole record),
    ``indicators`` (as at /indicators), ``resync`` (some events are no longer remembered: read
    /streams, /alarms and /cases anew, then go on). Every event has a number; after a break the
    client goes on where it was.
    """
    only(request, {"bbox", "subject", "kinds", "last_event_id", "f", "lang"})
    wanted = None if kinds is None else frozenset(kinds.split(","))
    if wanted is not None and (unknown := sorted(wanted.difference(KINDS))):
        raise InvalidRequestError(
            f"kinds={unknown[0][:40]!r}: expected some of {', '.join(KINDS)}.", "kinds"
        )
    text = request.headers.get("last-event-id") or last_event_id
    after = None if text is None else parse_whole(text, "last_event_id", 0, 0)
    flag = asyncio.Event()
    wake = partial(asyncio.get_running_loop().call_soon_threadsafe, flag.set)
    limited = caller_of(request).grant.is_limited
    view = await to_thread.run_sync(view_of, request) if limited else None
    subscription = state.hub.subscribe(
        after,
        bbox=simple_box(bbox),
        subject=subject,
        wake=wake,
        shown=None if view is None else view.shown,
        told=None if view is None else view.told,
    )
    headers = {**NO_STORE, "X-Accel-Buffering": "no"}
    narrow = view is not None or bbox is not None or subject is not None
    body = _wire(subscription, flag, partial(_may_follow, request), narrow, wanted)
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


def _may_follow(request: Request) -> bool:
    """Whether the caller of an endless answer would still be let in, as he was."""
    callers: Callers | None = request.scope.get("callers")
    if callers is None:
        return True
    return callers.still(caller_of(request), token_of("GET", dict(request.scope["headers"])))


def _is_wanted(kind: str, wanted: frozenset[str] | None) -> bool:
    return wanted is None or kind in wanted or kind == "resync"


async def _wire(
    subscription: Subscription,
    flag: asyncio.Event,
    may: Callable[[], bool],
    narrow: bool,
    wanted: frozenset[str] | None,
) -> AsyncIterator[bytes]:
    """Events as they come; a heartbeat that carries the last number where none do.

    A caller whose token has run out or was revoked is told no more; one who follows a part of the city begins anew after a
    resync, as there may be other streams in it. Where only some kinds are wanted, the number goes on with a heartbeat.
    """
    told_at = time.monotonic()
    try:
        yield f"retry: 2000\nid: {subscription.cursor}\n: {datetime.now(UTC):%FT%TZ}\n\n".encode()
        while not subscription.ended:
            flag.clear()
            events = subscription.take()
            if not may():
                return
            if events:
                kinds = [event.kind for event in events]
                if narrow and "resync" in kinds:
                    yield b"".join(e.wire() for e in events[: kinds.index("resync") + 1])
                    return
                told = b"".join(e.wire() for e in events if _is_wanted(e.kind, wanted))
                if told or time.monotonic() - told_at > HEARTBEAT_S:
                    yield told or f": alive\nid: {subscription.cursor}\n\n".encode()
                    told_at = time.monotonic()
            elif not subscription.pending():
                try:
                    await asyncio.wait_for(flag.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield f": alive\nid: {subscription.cursor}\n\n".encode()
    finally:
        subscription.close()
