"""New readings over HTTP, what of them is missing, and what was kept aside."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
from anyio import to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access import View, caller_of, view_of, whole_only
from api.deps import State, only, parse_whole
from api.errors import BY_STATUS, problem
from api.models import answer
from api.payloads import Columns, times_us
from twin.errors import InvalidRequestError
from twin.live import LiveHub
from twin.live.catalogue import StreamIds
from twin.live.completeness import completeness
from twin.live.incoming import Batch, IngestReport

__all__ = [
    "Counts",
    "accepted",
    "batch_of",
    "bell_of",
    "counts_of",
    "is_table",
    "router",
    "stored",
    "told",
]

router = APIRouter(tags=["live"])
NO_STORE: Final = {"Cache-Control": "no-store"}
CSV: Final = "text/csv"
MOST_REFUSALS: Final = 1000
CSV_TYPES: Final = {
    **dict.fromkeys(("stream", "time", "quality", "unit"), pa.string()),
    "result": pa.float64(),
    "seq": pa.int64(),
}

_READING: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["stream", "result"],
    "properties": {
        "stream": {"oneOf": [{"type": "string"}, {"type": "integer"}], "description": "Key or id"},
        "time": {
            "description": "RFC 3339 (without a zone: UTC) or milliseconds since 1970; that of arrival where absent",
            "oneOf": [{"type": "string"}, {"type": "number"}],
        },
        "result": {
            "anyOf": [{"type": "number"}, {"type": "null"}],
            "description": "In the unit of the stream, or in ``unit``",
        },
        "quality": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "unit": {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "description": "Of result, any usual spelling; that of the stream where absent",
        },
        "seq": {"type": "integer", "minimum": 0, "description": "The stream's own running number"},
    },
}
_ARRAY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["Datastream", "components", "dataArray"],
    "properties": {
        "Datastream": {"type": "object", "properties": {"@iot.id": {"type": "integer"}}},
        "components": {"type": "array", "items": {"type": "string"}},
        "dataArray": {"type": "array", "items": {"type": "array", "items": {}}},
    },
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {
                            "type": "object",
                            "required": ["observations"],
                            "properties": {"observations": {"type": "array", "items": _READING, "minItems": 1}},
                        },
                        {"type": "array", "items": {"oneOf": [_READING, _ARRAY]}, "minItems": 1},
                        _READING,
                    ]
                },
                "example": {
                    "observations": [
                        {"stream": "RQ-0017/ch4", "time": "2026-07-01T16:00:00+08:00", "result": 0.12}
                    ]
                },
            },
            CSV: {
                "schema": {"type": "string"},
                "example": "stream,time,result\nRQ-0017/ch4,2026-07-01T08:00:00Z,0.12\n",
            },
        },
    }
}  # fmt: skip


class RefusalOut(BaseModel):
    """A reading that was not stored."""

    position: int
    stream: str | int
    reason: str


class IngestOut(BaseModel):
    """What became of a batch; what is stored is on disk."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "stored": 1, "duplicate": 0, "aside": 0, "converted": 0, "unknown": 0, "rejected": 0, "refusals": [],
            }
        }
    )  # fmt: skip
    stored: int
    duplicate: int
    aside: int = Field(description="Of the duplicates: gave another value, which is kept aside")
    converted: int = Field(description="Came in another unit and were turned into the stream's")
    unknown: int
    rejected: int
    refusals: list[RefusalOut]


class Missing(BaseModel):
    """What is missing of a stream."""

    id: int
    key: str
    newest: datetime | None
    interval_s: float | None
    overdue_s: float | None = Field(description="How long the next reading has been due")
    expected: int | None = Field(description="Readings due in the window")
    received: int
    gaps: list[dict[str, Any]] = Field(
        description="Running numbers that never came: first, last, since"
    )
    restarts: int


class CompletenessOut(BaseModel):
    """Streams of which something is missing, the longest overdue first."""

    since: datetime
    now: datetime
    streams: list[Missing]
    count: int


@router.post(
    "/observations",
    summary="Store readings",
    status_code=201,
    responses={200: {"model": IngestOut}, 201: {"model": IngestOut}},
    openapi_extra=_BODY,
)
async def store_observations(request: Request, state: State) -> Response:
    """Store one reading, a batch, SensorThings data arrays or CSV; the answer comes when it is on disk.

    A reading is known by its stream and time: sending it again changes nothing. 201: something was
    stored; 200: all of it was there already; 422: all of it was refused. Readings refused are
    listed with the reason (the first thousand of them).
    """
    only(request, {"f", "lang"})
    return await stored(request, await request.body(), state.hub)


def is_table(request: Request) -> bool:
    """Whether the body of a POST is CSV."""
    kind = request.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == CSV


async def stored(request: Request, body: bytes, hub: LiveHub) -> Response:
    """Answer to a POST of readings.

    Raises
    ------
    HTTPException
        422 where the body cannot be understood, 503 where the disk cannot take it.
    """
    batch = _from_csv(body) if is_table(request) else batch_of(body, hub)
    if caller_of(request).grant.is_limited:
        view = await to_thread.run_sync(view_of, request)
        if view is not None:
            _expect_streams(view, batch.streams)
    if not batch.settled:
        await _stored(hub, batch)
    return told(request, batch)


def told(request: Request, batch: Batch) -> Response:
    """What became of a batch that is settled.

    Raises
    ------
    HTTPException
        503 where the disk, or the room for what does not fit, is full.
    """
    if isinstance(batch.error, OSError):
        detail = f"Nothing of it could be stored: {batch.error}."
        raise HTTPException(503, detail) from batch.error
    if batch.error is not None:
        raise batch.error
    report = batch.report
    assert report is not None  # noqa: S101 -- settled without an error
    refusals = [
        {"position": refused.position, "stream": refused.stream, "reason": refused.reason}
        for refused in report.refusals[:MOST_REFUSALS]
    ]
    if report.refusals and len(report.refusals) == len(batch) + batch.left_out:
        detail = (
            f"None of the {len(report.refusals)} readings could be stored: {refusals[0]['reason']}."
        )
        return problem(request, BY_STATUS[422], detail, refusals=refusals)
    return accepted(counts_of(report), refusals)


class Counts(NamedTuple):
    """How many readings of a batch became what."""

    stored: int
    duplicate: int
    aside: int
    converted: int
    unknown: int
    rejected: int


def counts_of(report: IngestReport) -> Counts:
    """The counts of a report."""
    return Counts(*(getattr(report, name) for name in Counts._fields))


def accepted(counts: Counts, refusals: Sequence[Mapping[str, Any]] = ()) -> Response:
    """Answer to a POST of readings not all of which were refused."""
    content = {**counts._asdict(), "refusals": list(refusals)}
    return answer(content, status=201 if counts.stored else 200, headers=NO_STORE)


def batch_of(body: bytes, hub: LiveHub) -> Batch:
    """The readings of a body of JSON; settled where all had numbers that came before.

    Raises
    ------
    HTTPException
        422 where it holds none.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(422, f"The body is not JSON: {error}.") from error
    columns = Columns()
    if not columns.add("", content):
        raise HTTPException(
            422,
            'The body holds no readings: expected {"observations": [{"stream", "time", "result"}]}, a '
            "list of those, one of them, or SensorThings data arrays.",
        )
    batch = columns.batch(hub.arrivals, hub.seen)
    batch.park = False
    return batch


def _from_csv(body: bytes) -> Batch:
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(body), convert_options=pa_csv.ConvertOptions(column_types=CSV_TYPES)
        )
        streams, times, results = (table[name] for name in ("stream", "time", "result"))
    except (pa.ArrowException, KeyError) as error:
        detail = f"The body is no CSV with the columns stream, time, result: {error}."
        raise HTTPException(422, detail) from error
    if not table.num_rows:
        raise HTTPException(422, "The CSV has no rows.")
    marks = pa.concat_arrays(table["quality"].chunks) if "quality" in table.column_names else None
    sequence = table["seq"].fill_null(-1).to_numpy() if "seq" in table.column_names else None
    value = np.asarray(results.to_numpy(), np.float64)
    units = table["unit"].to_pylist() if "unit" in table.column_names else None
    when = times_us(times.to_pylist())
    return Batch(streams.to_pylist(), when, value, marks, sequence, units=units)


def _expect_streams(view: View, streams: StreamIds) -> None:
    """Readings are taken for streams that are seen; others are answered as unknown ones."""
    catalogue = view.catalogue
    at = catalogue.positions(streams)
    for stream, position in zip(streams, at.tolist(), strict=True):
        view.expect(
            position >= 0 and bool(view.streams[position]), f"there is no datastream {stream!r}"
        )


class Bell:
    """Calls back in one loop from the thread that stores: one call to the loop for all of a group."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)
        self._calls: deque[Callable[[], object]] = deque()
        self._called = False

    def ring(self, call: Callable[[], object]) -> None:
        """Have something called in the loop."""
        self._calls.append(call)
        if not self._called:
            self._called = True
            loop = self._loop()
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._called = False  # before the last look: who comes after it calls again
        while self._calls:
            self._calls.popleft()()


_bells: "WeakKeyDictionary[asyncio.AbstractEventLoop, Bell]" = WeakKeyDictionary()


def bell_of(loop: asyncio.AbstractEventLoop) -> Bell:
    """The bell of a loop."""
    bell = _bells.get(loop)
    if bell is None:
        bell = _bells[loop] = Bell(loop)
    return bell


async def _stored(hub: LiveHub, batch: Batch) -> None:
    """Wait until a batch is settled, without holding a thread."""
    loop = asyncio.get_running_loop()
    bell, there = bell_of(loop), loop.create_future()

    def come() -> None:
        if not there.done():
            there.set_result(None)

    batch.done = lambda _: bell.ring(come)
    while hub.queue.full:
        await asyncio.sleep(0.005)
    hub.submit(batch)
    await there


@router.get(
    "/completeness",
    summary="What is missing, of whom, since when",
    responses={200: {"model": CompletenessOut}},
)
def list_missing(
    request: Request,
    state: State,
    everyone: Annotated[
        str | None, Query(alias="all", description="true: streams that lack nothing too")
    ] = None,
    limit: Annotated[str | None, Query(description="At most so many")] = None,
) -> Response:
    """Streams that are overdue, came short in the last hour, or left gaps in their running numbers."""
    only(request, {"all", "limit", "f", "lang"})
    if everyone not in (None, "true", "false"):
        raise InvalidRequestError(f"all={everyone[:20]!r}: expected true or false.", "all")
    most = parse_whole(limit, "limit", 1000, 1, 100_000)
    view = view_of(request)
    shown = None if view is None else view.shown
    return answer(completeness(state.hub, everyone == "true", most, shown), headers=NO_STORE)


@router.get("/observations/aside", summary="Readings that did not fit")
def list_aside(
    request: Request,
    state: State,
    limit: Annotated[str | None, Query(description="At most so many streams")] = None,
) -> Response:
    """What was kept aside: of unknown devices, second values, messages nobody could read.

    Readings of an unknown device are stored by themselves once its stream is registered.
    """
    only(request, {"limit", "f", "lang"})
    whole_only(request)
    most = parse_whole(limit, "limit", 1000, 1, 100_000)
    return answer(state.hub.aside_summary(most), headers=NO_STORE)


@router.get("/receivers", summary="The MQTT endpoint and the bridge")
def receivers(request: Request) -> Response:
    """Connections, messages, readings stored, refused and kept aside since the start."""
    only(request, {"f", "lang"})
    whole_only(request)
    return answer(request.app.state.receivers.status(), headers=NO_STORE)
