"""The scene stream: states of streams and things as frames, once, as server-sent events, over a WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Query, Request, WebSocket
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection
from starlette.responses import Response, StreamingResponse

from api.access import view_of
from api.access.callers import Callers
from api.access.gate import token_of
from api.access.sights import caller_of
from api.deps import State, only
from api.models import GEOJSON, JSON, answer
from api.scene.asking import ASKED, Asked, asked
from api.scene.feed import QUIET_S, Feed, Message, Reader, Source
from api.scene.past import Past
from api.scene.shapes import czml, features, plain
from api.scene.talk import Talk
from api.standing.wire import TRANSPORT
from api.state import CityState
from twin.errors import ConflictError, InvalidRequestError, TwinError

__all__ = ["router"]

router = APIRouter(tags=["live"])
FRAMES: Final = "application/vnd.citytwin.scene"
MOST_PASTS: Final = 32
MOST_WAITING: Final = 64 << 10
"""Bytes not taken yet with which a reader still gets more."""
FORMS: Final = ("binary", "json", "geojson", "czml")


class Scene(BaseModel):
    """What is asked of the scene stream."""

    bbox: str | None = Field(
        None, description="west,south,east,north in degrees; features that stand in it."
    )
    frustum: str | None = Field(
        None,
        description="Six planes a,b,c,d in EPSG:4978 (24 numbers): inside where ax+by+cz+d ≥ 0.",
    )
    subject: str | None = Field(
        None, description="Monitored subject, such as 燃气.", examples=["燃气"]
    )
    class_code: str | None = Field(None, alias="class", description="CIM class code.")
    grid: str | None = Field(None, description="Code of a 单元网格, or its beginning.")
    level: str | None = Field(
        None, description="States below it are told as nothing: normal, stale, warning or alarm."
    )
    values: str | None = Field(
        None, description="true: newest readings beside the states (streams)."
    )
    detail: str | None = Field(
        None, description="features, grid (counts) or auto (counts beyond 20,000 features)."
    )
    since: str | None = Field(None, description="Number of the last event you have.")
    index: str | None = Field(None, description="CRC-32 of the index you have.")
    begin: str | None = Field(None, alias="from", description="RFC 3339: the past, from here.")
    to: str | None = Field(None, description="RFC 3339: the past ends here; now if not said.")


class SceneStream(Scene):
    """What is asked of the scene stream, and how fast it may come."""

    rate: str | None = Field(None, description="Frames a second at most, 0.1 to 20.")
    speed: str | None = Field(None, description="Seconds of the past in a second, 0 to 86400.")


def _source(state: CityState, request: HTTPConnection, want: Asked) -> Source:
    view = view_of(request)
    if want.begin is not None:
        if len(state.pasts) >= MOST_PASTS:
            raise ConflictError(
                f"{MOST_PASTS} pasts are being played at once, and more are not; end one, or ask again later."
            )
        past = Past(state, view, want.begin, want.end, want.speed)
        state.pasts.add(past)
        return past
    return state.scene.of(view)


@router.get(
    "/scene/{layer}",
    summary="States of streams or things now",
    responses={200: {"content": {FRAMES: {}, JSON: {}, GEOJSON: {}}}},
)
def states(
    layer: str,
    request: Request,
    state: State,
    query: Annotated[Scene, Query()],
    f: Annotated[str | None, Query(description="binary, json, geojson or czml.")] = None,
) -> Response:
    """An index frame and a full frame (docs/scene-stream.md), or what is missing after ``since``; or plain JSON.

    ``from`` gives the states of a moment of the past; for ``f=czml`` the interval ``from``–``to``, an hour at most.
    """
    form = f or "binary"
    if form not in FORMS:
        raise InvalidRequestError(f"f={form[:20]!r}: expected one of {', '.join(FORMS)}.", "f")
    only(request, (ASKED - {"rate", "speed"}) | {"f", "lang"})
    want = asked(
        state, view_of(request), layer, query.model_dump(by_alias=True, exclude_none=True), None
    )
    source = _source(state, request, want)
    headers = {"Cache-Control": "no-cache"}
    if form == "czml":
        return answer(czml(source, want), headers=headers)
    if form != "binary":
        content = (plain if form == "json" else features)(source, want.question)
        return answer(content, media=GEOJSON if form == "geojson" else JSON, headers=headers)
    frames, seq, of = source.frames(want.question, want.since, want.index)
    tag = f'W/"{seq}.{of}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**headers, "ETag": tag})
    return Response(b"".join(frames), headers={**headers, "ETag": tag}, media_type=FRAMES)


@router.get(
    "/scene/{layer}/events",
    summary="States of streams or things, as they change",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def follow(
    layer: str,
    request: Request,
    state: State,
    query: Annotated[SceneStream, Query()],
) -> Response:
    """Server-sent events ``index``, ``full`` and ``delta`` (a frame of docs/scene-stream.md in base64), ``counts``, ``lagging``.

    After a break the client goes on with ``Last-Event-ID``, also after the server was started anew.
    """
    only(request, ASKED | {"lang"})
    given = query.model_dump(by_alias=True, exclude_none=True)
    last_id = request.headers.get("last-event-id")

    def prepared() -> tuple[Asked, Source]:
        want = asked(state, view_of(request), layer, given, last_id)
        return want, _source(state, request, want)

    want, source = await to_thread.run_sync(prepared)
    feed = state.feeds.of(source, want.question, want.rate)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    body = _events(feed, want, request.scope.get(TRANSPORT), partial(may_follow, request))
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


def may_follow(connection: HTTPConnection) -> bool:
    """Whether the caller of an endless answer would still be let in, as he was."""
    callers: Callers | None = connection.scope.get("callers")
    if callers is None:
        return True
    token = token_of("GET", dict(connection.scope["headers"]))
    return callers.still(caller_of(connection), token)


async def _events(
    feed: Feed, want: Asked, transport: asyncio.Transport | None, may: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Messages as they come; a sign of life, with the place, where none do.

    Where the connection is known, messages are written to it as whole chunks beside this answer, which then only says
    that it lives: thousands of readers cost a write each and no task.
    """
    room: list[Message] = []
    flag = asyncio.Event()
    over = asyncio.Event()

    def keep(message: Message) -> None:
        room.append(message)
        flag.set()

    def let_go() -> None:
        over.set()
        flag.set()
        if transport is not None:
            transport.abort()

    place = want.since, want.index, False
    reader = Reader(place, lambda: not room, keep, let_go)
    if transport is not None:
        waiting = transport.get_write_buffer_size
        reader = Reader(
            place, lambda: waiting() <= MOST_WAITING, keep, let_go, write=transport.write
        )
    yield b"retry: 2000\n\n"
    await feed.join(reader)
    try:
        while may() and not over.is_set():
            if room:
                yield room[0].sse()
                room.clear()
                continue
            flag.clear()
            try:
                await asyncio.wait_for(flag.wait(), QUIET_S)
            except TimeoutError:
                yield f": alive\nid: {reader.seq}.{reader.index}\n\n".encode()
    finally:
        feed.leave(reader)


@router.websocket("/scene/{layer}/socket")
async def talk(socket: WebSocket, layer: str, state: State) -> None:
    """Frames as binary messages; questions, seeking and pausing as JSON (docs/scene-stream.md)."""
    await socket.accept()
    try:
        only(socket, ASKED)
        given = dict(socket.query_params)
        want = await to_thread.run_sync(lambda: asked(state, view_of(socket), layer, given, None))
        source = await to_thread.run_sync(_source, state, socket, want)
    except TwinError as error:
        await socket.close(1008, str(error)[:120])
        return
    await Talk(state, socket, layer, want, source, partial(may_follow, socket)).run()
