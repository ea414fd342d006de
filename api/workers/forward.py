"""Requests passed on to the writer over its Unix socket: HTTP/1.1 as it came, answers as they come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httptools
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from api.access.gate import SAFE
from api.errors import response_for_status

__all__ = ["CLIENT", "PATIENCE_S", "Writer", "WriterGoneError"]

CLIENT: Final = b"x-citytwin-client"
"""Who asked the reader: believed by a writer, which only readers can reach."""
PATIENCE_S: Final = 15.0
"""Seconds in which a writer that died is back, or a reader says 503."""
PAUSE_S: Final = 0.05
PIECE: Final = 1 << 16
IDLE: Final = 32
"""Connections kept for the next requests."""
_HOP: Final = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", CLIENT, b"expect",
})  # fmt: skip
_NOT_BACK: Final = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"date", b"server"}
)


class WriterGoneError(Exception):
    """The connection to the writer broke; ``begun`` if a part of the answer had come."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the writer went away")
        self.begun = begun


class _Answer:
    """What :class:`httptools.HttpResponseParser` tells of one answer."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.has_head = self.is_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in _NOT_BACK:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, body: bytes) -> None:
        self.parts.append(body)

    def on_message_complete(self) -> None:
        self.is_done = True


Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Writer:
    """The writer as a reader sees it: an ASGI application that is elsewhere.

    Parameters
    ----------
    path : Path
        Its Unix socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._idle: list[Link] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back; 503 where the writer is away for long."""
        safe, tried = scope["method"] in SAFE, 0
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            try:
                link, fresh = await self._link(reused=safe and not tried)
            except OSError:
                if asyncio.get_running_loop().time() > deadline:
                    await self._refuse(scope, receive, send, "nothing was done")
                    return
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                await self._relayed(link, scope, receive, send)
            except WriterGoneError as gone:
                if gone.begun:
                    raise
                if not safe:
                    text = "whether it was done is not known; look before you send it again"
                    await self._refuse(scope, receive, send, text)
                    return
                tried += 1
                if fresh and asyncio.get_running_loop().time() > deadline:
                    await self._refuse(scope, receive, send, "nothing was done")
                    return
                await asyncio.sleep(PAUSE_S if fresh else 0)
            else:
                return

    async def talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a WebSocket on, message by message, both ways."""
        await receive()  # that it is wanted
        target: bytes = scope.get("raw_path") or scope["path"].encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        try:
            link = await unix_connect(
                self._path,
                f"ws://writer{target.decode('latin-1')}",
                additional_headers=_handed_on(scope),
                subprotocols=scope.get("subprotocols") or None,
                compression=None,
                max_size=None,
                open_timeout=PATIENCE_S,
                user_agent_header=None,
            )
        except InvalidStatus as refused:
            await _refused(scope, send, refused)
            return
        except (OSError, InvalidHandshake, TimeoutError):
            await send({"type": "websocket.close", "code": 1013, "reason": "the writer is away"})
            return
        async with link:
            await send({"type": "websocket.accept", "subprotocol": link.subprotocol})
            ways = {
                asyncio.ensure_future(_told(receive, link)),
                asyncio.ensure_future(_heard(link, send)),
            }
            try:
                done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in done:
                    way.result()
            finally:
                for way in ways:
                    way.cancel()

    async def get(self, path: str) -> bytes:
        """Body of a GET that is answered with 200.

        Raises
        ------
        OSError
            If there is no such answer.
        """
        link, _ = await self._link(reused=True)
        await _write(link[1], f"GET {path} HTTP/1.1\r\nhost: writer\r\n\r\n".encode())
        answer, body = _Answer(), b""
        parser = httptools.HttpResponseParser(answer)
        while not answer.is_done:
            piece = await link[0].read(PIECE)
            if not piece:
                link[1].close()
                raise ConnectionResetError(self._path)
            parser.feed_data(piece)
        body = b"".join(answer.parts)
        self._keep(link, parser)
        if parser.get_status_code() != 200:
            raise OSError(f"{path}: {parser.get_status_code()}")
        return body

    async def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _link(self, *, reused: bool) -> tuple[Link, bool]:
        """A connection, and whether it is a new one; one that may have been closed meanwhile is not for writes."""
        while reused and self._idle:
            link = self._idle.pop()
            if not link[0].at_eof() and not link[1].is_closing():
                return link, False
            link[1].close()
        return await asyncio.open_unix_connection(self._path, limit=PIECE), True

    async def _relayed(self, link: Link, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange; ends early where the client goes away."""
        sending = asyncio.ensure_future(self._exchanged(link, scope, receive, send))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            sending.cancel()
            link[1].close()
            raise

    async def _exchanged(self, link: Link, scope: Scope, receive: Receive, send: Send) -> None:
        reader, writer = link
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        left: asyncio.Task[None] | None = None
        begun = done = False
        try:
            async for piece in _request(scope, receive):
                await _write(writer, piece)
            left = asyncio.ensure_future(_gone(receive))
            while not done:
                coming = asyncio.ensure_future(reader.read(PIECE))
                await asyncio.wait({coming, left}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():  # the client went away: so does what was asked for it
                    coming.cancel()
                    return
                piece = coming.result()
                if not piece:
                    raise WriterGoneError(begun)
                parser.feed_data(piece)
                done = answer.is_done or (answer.has_head and scope["method"] == "HEAD")
                for message in _messages(answer, parser, begun, done):
                    begun = True
                    await send(message)
            if scope["method"] != "HEAD":
                self._keep(link, parser)
                link = None  # type: ignore[assignment]  # it is another's now
        except (OSError, httptools.HttpParserError) as error:
            raise WriterGoneError(begun) from error
        finally:
            if left is not None:
                left.cancel()
            if link is not None:
                writer.close()

    def _keep(self, link: Link, parser: "httptools.HttpResponseParser") -> None:
        if parser.should_keep_alive() and len(self._idle) < IDLE:
            self._idle.append(link)
        else:
            link[1].close()

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, what: str) -> None:
        text = f"The process that writes this city is being started again: {what}."
        response = response_for_status(Request(scope), 503, text, headers={"Retry-After": "3"})
        await response(scope, receive, send)


async def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send some bytes; ``ConnectionResetError`` where the other end went away meanwhile."""
    try:
        writer.write(piece)
    except RuntimeError as error:  # what uvloop says of a connection that it has closed
        raise ConnectionResetError(str(error)) from error
    await writer.drain()


def _messages(
    answer: _Answer, parser: "httptools.HttpResponseParser", begun: bool, done: bool
) -> list[Message]:
    """What came since, as the server is told it."""
    made: list[Message] = []
    if answer.has_head and not begun:
        made.append(
            {"type": "http.response.start", "status": parser.get_status_code(), "headers": answer.headers}
        )  # fmt: skip
    if answer.has_head and (answer.parts or done):
        body, answer.parts = b"".join(answer.parts), []
        made.append({"type": "http.response.body", "body": body, "more_body": not done})
    return made


async def _request(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    """A request as it is written."""
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    lines = [b"%s %s HTTP/1.1" % (scope["method"].encode(), target)]
    names = {name for name, _ in scope["headers"]}
    lines += [b"%s: %s" % pair for pair in scope["headers"] if pair[0] not in _HOP]
    client = scope.get("client") or ("",)
    lines.append(b"%s: %s" % (CLIENT, str(client[0]).encode()))
    chunked = b"transfer-encoding" in names and b"content-length" not in names
    if chunked:
        lines.append(b"transfer-encoding: chunked")
    yield b"\r\n".join(lines) + b"\r\n\r\n"
    more = chunked or b"content-length" in names
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionResetError("the client went away")
        body, more = message.get("body", b""), message.get("more_body", False)
        if body:
            yield b"%x\r\n%s\r\n" % (len(body), body) if chunked else body
    if chunked:
        yield b"0\r\n\r\n"


def _handed_on(scope: Scope) -> list[tuple[str, str]]:
    """Headers of a WebSocket that are the client's, and who it is."""
    heads = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _HOP and name != b"host" and not name.startswith(b"sec-websocket-")
    ]
    client = scope.get("client") or ("",)
    return [*heads, (CLIENT.decode(), str(client[0]))]


async def _refused(scope: Scope, send: Send, refused: InvalidStatus) -> None:
    """The writer's answer to a WebSocket it does not take."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    answer = refused.response
    heads = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.raw_items()
        if name.lower().encode() not in _NOT_BACK
    ]
    start = {"type": "websocket.http.response.start", "status": answer.status_code}
    await send({**start, "headers": heads})
    await send({"type": "websocket.http.response.body", "body": bytes(answer.body or b"")})


async def _told(receive: Receive, link: ClientConnection) -> None:
    """What a client says, until it goes."""
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        with contextlib.suppress(ConnectionClosed):
            await link.send(message["bytes"] if text is None else text)


async def _heard(link: ClientConnection, send: Send) -> None:
    """What the writer says, until it ends."""
    with contextlib.suppress(ConnectionClosed):
        async for message in link:
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    await send({"type": "websocket.close", "code": link.close_code or 1011})


async def _gone(receive: Receive) -> None:
    """Ends when the client has."""
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
