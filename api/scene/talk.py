"""A client at a WebSocket: what it is sent, and what it says.

It says JSON: ``{"type": "ask", "bbox": …}`` another question (the parameters of the address, the index begins anew);
of the past also ``{"type": "play", "speed": 10}``, ``{"type": "pause"}``, ``{"type": "seek", "time": …}``. Whoever does
not answer a ping is hung up on by the server.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from anyio import to_thread
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from api.access import view_of
from api.deps import parse_time
from api.scene.asking import ASKED, FASTEST_PAST, Asked, asked, number
from api.scene.feed import BEGINNING, QUIET_S, Message, Reader, Source
from api.scene.past import Past
from api.state import CityState
from twin.errors import InvalidRequestError, TwinError
from twin.live.state import microseconds

__all__ = ["Talk"]


class Talk:
    """One connection.

    Parameters
    ----------
    state : CityState
    socket : WebSocket
        Accepted.
    layer : str
    want : Asked
        What is asked at the beginning.
    source : Source
    may : callable
        Whether the caller would still be let in.
    """

    def __init__(
        self,
        state: CityState,
        socket: WebSocket,
        layer: str,
        want: Asked,
        source: Source,
        may: Callable[[], bool],
    ) -> None:
        self._state, self._socket, self._layer = state, socket, layer
        self._want, self._source, self._may = want, source, may
        self._room: list[Message] = []
        self._flag = asyncio.Event()
        self._over = False
        self._feed = state.feeds.of(source, want.question, want.rate)
        self._reader = self._fresh(want.since, want.index)

    def _fresh(self, since: int | None, index: int | None) -> Reader:
        return Reader((since, index, False), lambda: not self._room, self._give, self._let_go)

    def _give(self, message: Message) -> None:
        self._room.append(message)
        self._flag.set()

    def _let_go(self) -> None:
        self._over = True
        self._flag.set()

    async def run(self) -> None:
        """Until one of the two has had enough."""
        await self._feed.join(self._reader)
        listening = asyncio.create_task(self._listen())
        try:
            while self._may() and not self._over:
                if self._room:
                    await self._send(self._room[0])
                    self._room.clear()
                    continue
                self._flag.clear()
                try:
                    await asyncio.wait_for(self._flag.wait(), QUIET_S)
                except TimeoutError:
                    continue
            if not listening.done():
                await self._socket.close(1001)
        except (WebSocketDisconnect, RuntimeError):
            return  # gone while it was sent something
        finally:
            listening.cancel()
            self._feed.leave(self._reader)

    async def _send(self, message: Message) -> None:
        if message.lagging is not None:
            await self._socket.send_text(message.lagging.decode())
        for frame in message.frames:
            await self._socket.send_bytes(frame)
        if message.counts is not None:
            await self._socket.send_text(
                b'{"type":"counts",'.decode() + message.counts[1:].decode()
            )

    async def _listen(self) -> None:
        try:
            while True:
                text = await self._socket.receive_text()
                try:
                    await self._heard(_read(text))
                except TwinError as error:
                    told = {"type": "problem", "detail": str(error)}
                    await self._socket.send_text(orjson.dumps(told).decode())
        except (WebSocketDisconnect, RuntimeError, KeyError):
            self._let_go()  # it has gone, or sent bytes

    async def _heard(self, said: Mapping[str, Any]) -> None:
        kind = said.get("type")
        past = self._source
        if kind == "ask":
            await self._ask(said)
        elif kind not in ("play", "pause", "seek"):
            raise InvalidRequestError(
                f"type {str(kind)[:40]!r}: expected ask, play, pause or seek.", "type"
            )
        elif not isinstance(past, Past):
            raise InvalidRequestError(
                f"{kind} goes with the past: open the socket with from=.", "type"
            )
        elif kind == "seek":
            moment = microseconds(parse_time(str(said.get("time")), "time"))
            await to_thread.run_sync(past.seek, moment)
            self._reader.place = BEGINNING
        else:
            speed = 0.0 if kind == "pause" else number(said, "speed", 1.0, 0.0, FASTEST_PAST)
            await to_thread.run_sync(past.play, speed)

    async def _ask(self, said: Mapping[str, Any]) -> None:
        """Another question of the same source; what is in the room is of the old one."""
        given = {name: _text(value) for name, value in said.items() if name != "type"}
        unknown = given.keys() - (ASKED - {"from", "to", "speed"})
        if unknown:
            raise InvalidRequestError(
                f"{min(unknown)[:40]!r} is nothing that can be asked.", min(unknown)[:40]
            )

        def question() -> Asked:
            return asked(self._state, view_of(self._socket), self._layer, given, None)

        want = await to_thread.run_sync(question)
        self._feed.leave(self._reader)
        self._room.clear()
        self._feed = self._state.feeds.of(self._source, want.question, want.rate)
        self._reader = self._fresh(want.since, want.index)
        await self._feed.join(self._reader)


def _read(text: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"{text[:40]!r}: expected a JSON object with type.")
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)
