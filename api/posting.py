"""A short way for readings that are POSTed: they are taken off before the routes are searched.

Devices that send one reading a request are many; finding the route costs several times what the reading does. The answers
are those of :func:`api.routes.readings.store_observations` and of SensorThings, given when the readings are on disk.

:class:`Posts` takes them in the server's protocol (:mod:`api.standing.wire`), without a task for each; :class:`Lane` those
that come through a proxy, from a page of another origin, as tables or in pieces.
"""

import asyncio
import re
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import Gate, caller_of
from api.errors import response_for_status, response_of, surprised
from api.models import JSON
from api.ogc.plain import root_of as server_address
from api.routes import readings
from api.sensorthings.routes import BASE, create, response_to, root_of
from api.standing import Notes
from api.standing.encodings import asked, at_once
from api.standing.watch import REQUEST_ID, head_lines
from api.standing.wire import ASIDE, Reply
from api.state import CityState
from twin.errors import TwinError
from twin.live.incoming import Batch

__all__ = ["Lane", "Posts"]

PATH: Final = "/observations"
OURS: Final = PATH.encode()
_OBSERVATIONS: Final = re.compile(rb"/v1\.1/(?:Datastreams\(\d{1,18}\)/)?Observations")
ROUTE: Final = Route(PATH, readings.store_observations, methods=["POST"])
SENSORTHINGS: Final = Route(BASE + "/{path:path}", create, methods=["POST"])
Heads = dict[bytes, bytes]


class Lane:
    """ASGI middleware that answers POSTs of readings; it passes on everything else.

    Parameters
    ----------
    app : ASGIApp
        The routes. The caller stands in ``scope["caller"]`` already.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or scope["path"] != PATH
            or scope["query_string"]
        ):
            await self.app(scope, receive, send)
            return
        scope["route"] = ROUTE
        request = Request(scope, receive)
        hub = scope["app"].state.city_state.hub
        try:
            response = await readings.stored(request, await request.body(), hub)
        except (HTTPException, TwinError) as error:
            response = _refusal(request, error)
        await response(scope, receive, send)


class Posts:
    """Takes POSTs of readings in the server's protocol, and answers each when it is on disk.

    Parameters
    ----------
    app : object
        Its ``state.city_state`` has the hub.
    gate : Gate
    notes : Notes
    """

    def __init__(self, app: Any, gate: Gate, notes: Notes) -> None:  # noqa: ANN401 -- FastAPI or alike
        self._app, self._gate, self._notes = app, gate, notes

    def may(self, url: bytes) -> bool:
        """Whether an address takes readings."""
        return url == OURS or (
            url.endswith(b"Observations") and _OBSERVATIONS.fullmatch(url) is not None
        )

    def __call__(self, scope: Scope, body: bytes, reply: Reply) -> bool:
        """Whether it is taken; ``reply`` is called once then. What is refused goes the whole way."""
        listed = scope["headers"]
        heads: Heads = dict(listed)
        if len(heads) != len(listed) or not heads.keys().isdisjoint(ASIDE):
            return False
        state: CityState = self._app.state.city_state
        request = Request(scope)
        begun = time.perf_counter()
        if (
            state.hub.queue.full
            or not self._gate.admits_at_once(scope, heads, "operator")
            or caller_of(request).grant.is_limited
        ):
            return False
        ours = scope["path"] == PATH
        host = heads.get(b"host", b"")
        scope["citytwin.root"] = server_address(scope["scheme"], host, scope["server"])
        batch = _ours(request, body, state) if ours else _sensorthings(request, body, state)
        if batch is None:
            return False
        name = self._notes.named(scope, heads.get(REQUEST_ID, b""))
        scope["route"] = ROUTE if ours else SENSORTHINGS

        def end(settled: Batch) -> None:
            private = self._gate.callers.are_known
            if (
                ours
                and settled.error is None
                and settled.report is not None
                and not settled.report.refusals
            ):
                status, block, sent = _usual(readings.counts_of(settled.report), private)
            else:
                told = (
                    partial(readings.told, request) if ours else partial(_observed, request, state)
                )
                status, block, sent = _leaving(_told(request, told, settled), listed, private)
            self._notes.ended(scope, "POST", status, time.perf_counter() - begun, len(sent))
            reply((status, block % name, (sent,)))

        if batch.report is not None:
            end(batch)
            return True
        bell = readings.bell_of(asyncio.get_running_loop())
        batch.done = lambda settled: bell.ring(lambda: end(settled))
        state.hub.submit(batch)
        return True


def _ours(request: Request, body: bytes, state: CityState) -> Batch | None:
    if readings.is_table(request):
        return None
    try:
        return readings.batch_of(body, state.hub)
    except HTTPException:
        return None


def _sensorthings(request: Request, body: bytes, state: CityState) -> Batch | None:
    kind = request.headers.get("content-type", JSON)
    if kind.partition(";")[0].strip().lower() != JSON:
        return None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    path: str = request.scope["path"]
    return state.sensorthings.plain(path.removeprefix(BASE), content)


def _observed(request: Request, state: CityState, settled: Batch) -> Response:
    return response_to(state.sensorthings.settled(settled, root_of(request)))


@lru_cache(256)
def _usual(counts: readings.Counts, private: bool) -> tuple[int, bytes, bytes | memoryview]:
    """Status, headers and body of an answer that refuses nothing."""
    return _leaving(readings.accepted(counts), [], private)


def _leaving(
    response: Response, listed: list[tuple[bytes, bytes]], private: bool
) -> tuple[int, bytes, bytes | memoryview]:
    """Status, headers (with a place for the request's id) and body of an answer to a request with these headers."""
    coding, known, _ = asked(listed)
    head: dict[str, Any] = {"status": response.status_code, "headers": response.raw_headers}
    sent = at_once(head, bytes(response.body), coding, known, reads=False)
    assert sent is not None  # noqa: S101 -- a small request has a small answer
    given = [(name, value.replace(b"%", b"%%")) for name, value in head["headers"]]
    return head["status"], head_lines(given, b"%b", private), sent


def _told(request: Request, told: Callable[[Batch], Response], batch: Batch) -> Response:
    """What became of a batch, whatever that is."""
    try:
        return told(batch)
    except (HTTPException, TwinError) as error:
        return _refusal(request, error)
    except Exception as error:  # noqa: BLE001 -- as for any other route
        return surprised(request, error)


def _refusal(request: Request, error: HTTPException | TwinError) -> Response:
    if isinstance(error, TwinError):
        return response_of(request, error)
    return response_for_status(request, error.status_code, str(error.detail))
