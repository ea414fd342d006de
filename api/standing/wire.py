"""Bounds of connections that HTTP itself does not set: how long a request may take to arrive, how large its head may be."""

from asyncio import TimerHandle, Transport
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["TRANSPORT", "bounded"]

TRANSPORT: Final = "citytwin.transport"
"""Name in the scope under which an endless answer finds its connection, to write to many without a task for each."""

LONGEST_HEAD: Final = 64 << 10
RENEWED_BY: Final = 64 << 10
"""Bytes of a body that give a client the same time again."""
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Bounded(HttpToolsProtocol):
    """Ends connections whose request comes too slowly, or whose head never ends."""

    patience_s = 15.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- as the server gives them
        super().__init__(*args, **kwargs)
        self._waiting: TimerHandle | None = None
        self._head_bytes: int | None = 0
        self._body_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as the base class
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD + (1 << 18):
                self.transport.write(TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        if self._waiting is None:
            self._wait()
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self.scope[TRANSPORT] = self.transport  # type: ignore[typeddict-unknown-key]  # beside what ASGI has
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self._arrived()  # a WebSocket has its own pings

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes >= RENEWED_BY and self._waiting is not None:
            self._arrived()
            self._wait()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._arrived()
        super().on_message_complete()

    def _wait(self) -> None:
        self._body_bytes = 0
        self._waiting = self.loop.call_later(self.patience_s, self._give_up)

    def _arrived(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self.transport.is_closing():
            begun = getattr(self.cycle, "response_started", False)
            ended = getattr(self.cycle, "response_complete", True)
            if ended or not begun:
                self.transport.write(TOO_SLOW)
            self.transport.close()


def bounded(patience_s: float) -> type[HttpToolsProtocol]:
    """The server's protocol, with ``patience_s`` seconds for a head and each 64 KiB of a body to arrive."""
    return type("Bounded", (_Bounded,), {"patience_s": patience_s})
