"""Bounds of connections that HTTP itself does not set: how long a request may take to arrive, how large its head may be."""

from asyncio import Event, TimerHandle, Transport
from collections.abc import Callable
from typing import Any, Final, Protocol
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

__all__ = ["ASIDE", "LONGEST_POST", "TRANSPORT", "Later", "Reply", "Short", "Whole", "bounded"]

Whole = tuple[int, bytes, tuple[bytes | memoryview, ...]]
"""Status of an answer, its headers as lines, and its body in pieces."""
Short = Callable[[dict[str, Any]], Whole | None]
"""Answers a GET without a body from its ASGI scope at once; None where the application has to."""
Reply = Callable[[Whole], None]

TRANSPORT: Final = "citytwin.transport"
"""Name in the scope under which an endless answer finds its connection, to write to many without a task for each."""

ASIDE: Final = frozenset({
    b"origin", b"transfer-encoding", b"expect", b"upgrade", b"x-forwarded-for", b"x-forwarded-proto", b"range",
})  # fmt: skip
"""Headers whose requests the application answers."""
JOINED: Final = 16 << 10
"""Bytes of a body up to which it is copied beside its head."""
LONGEST_HEAD: Final = 64 << 10
LONGEST_POST: Final = 64 << 10
"""Bytes of a body up to which a POST may be answered without a task of its own."""
RENEWED_BY: Final = 64 << 10
"""Bytes of a body that give a client the same time again."""
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Later(Protocol):
    """Takes POSTs to some addresses, and answers each when it is time, in the loop of the server."""

    def may(self, url: bytes) -> bool:
        """Whether an address (with its parameters, as it was sent) is one of them."""
        ...

    def __call__(self, scope: dict[str, Any], body: bytes, reply: Reply) -> bool:
        """Whether it takes this one, and calls ``reply`` once; the application has to answer otherwise."""
        ...


class _Pending:
    """Stands where a request that is answered later would have its cycle."""

    __slots__ = ("answered", "body", "disconnected", "keep_alive", "message_event", "more_body")
    response_started = False

    def __init__(self) -> None:
        self.body = bytearray()
        self.more_body = True
        self.answered = self.disconnected = False
        self.keep_alive = True
        self.message_event = Event()

    @property
    def response_complete(self) -> bool:
        return self.answered


class _Bounded(HttpToolsProtocol):
    """Ends connections whose request comes too slowly, or whose head never ends."""

    patience_s = 15.0
    short: Short | None = None
    beginnings: tuple[bytes, ...] = ()
    later: Later | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- as the server gives them
        super().__init__(*args, **kwargs)
        self._waiting: TimerHandle | None = None
        self._arriving = False
        self._head_bytes: int | None = 0
        self._body_bytes = 0
        self._answered = False
        self._before: RequestResponseCycle | None = None

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
        if self._arriving and self._waiting is None:
            self._wait()

    def on_message_begin(self) -> None:
        self._arriving = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        if self.short is not None and self.url.startswith(self.beginnings) and self._at_once():
            return
        if self.later is not None and self.later.may(self.url) and self._may_wait():
            self._before, self.cycle = self.cycle, _Pending()  # type: ignore[assignment]
            return
        self._whole_way()

    def _whole_way(self) -> None:
        """Let the application answer."""
        self.scope[TRANSPORT] = self.transport  # type: ignore[typeddict-unknown-key]  # beside what ASGI has
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self._arrived()  # a WebSocket has its own pings

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes >= RENEWED_BY and self._waiting is not None:
            self._waiting.cancel()
            self._wait()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._arrived()
        cycle: Any = self.cycle
        if self._answered:
            self._answered = False
        elif type(cycle) is _Pending and cycle.more_body:
            cycle.more_body = False
            self._ask_later(cycle)
        else:
            super().on_message_complete()

    def _is_plain(self, method: bytes) -> bool:
        """Whether the request whose head has come is one of those that may be answered without a task.

        Answers keep their order, and who does not read them is waited for: neither while another is being answered, nor while
        what was written before has not left.
        """
        parser = self.parser
        cycle: RequestResponseCycle | None = self.cycle  # None before the first
        return not (
            (cycle is not None and not cycle.response_complete) or self.flow.write_paused or self.transport.is_closing()
            or parser.get_method() != method or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive() or parser.should_upgrade()
            or (self.limit_concurrency is not None
                and max(len(self.connections), len(self.tasks)) >= self.limit_concurrency)
        )  # fmt: skip

    def _may_wait(self) -> bool:
        """Whether the request whose head has come is a small POST that says how long it is."""
        if self.expect_100_continue or not self._is_plain(b"POST"):
            return False
        length = [value for name, value in self.headers if name == b"content-length"]
        return len(length) == 1 and len(length[0]) < 6 and int(length[0]) <= LONGEST_POST

    def _ask_later(self, pending: _Pending) -> None:
        """Have a POST that has come whole answered when it is time, or by the application now."""
        scope: Any = self.scope
        scope["method"], scope["raw_path"], scope["query_string"] = "POST", self.url, b""
        scope["path"] = self.url.decode("ascii")
        body = bytes(pending.body)

        def reply(answer: Whole) -> None:
            pending.answered = True
            if pending.disconnected or self.transport.is_closing():
                return
            self._write(answer, b"" if pending.keep_alive else b"connection: close\r\n")
            if not pending.keep_alive:
                self.transport.close()
            self.on_response_complete()

        try:
            taken = self.later is not None and self.later(scope, body, reply)
        except Exception:  # noqa: BLE001 -- the application meets it again, and answers and logs it
            taken = False
        if not taken:
            pending.disconnected = True
            self.cycle = self._before  # type: ignore[assignment]  # None before the first
            self._whole_way()
            self.cycle.body = pending.body
            super().on_message_complete()

    def _write(self, answer: Whole, more: bytes = b"") -> None:
        status, headers, pieces = answer
        lines = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (headers, more, b"\r\n")
        if sum(map(len, pieces)) <= JOINED:
            self.transport.write(b"".join((*lines, *pieces)))
        else:
            self.transport.writelines((b"".join(lines), *pieces))

    def _at_once(self) -> bool:
        """Answer the request whose head has come, if that is a matter of less than a task costs."""
        if not self._is_plain(b"GET"):
            return False
        path, _, query = self.url.partition(b"?")
        if not path.isascii() or b"#" in query or b"#" in path:
            return False
        text = path.decode("ascii")
        scope: Any = self.scope
        scope["method"], scope["raw_path"], scope["query_string"] = "GET", path, query
        scope["path"] = unquote(text) if "%" in text else text
        try:
            found = self.short(scope) if self.short is not None else None
        except Exception:  # noqa: BLE001 -- the application meets it again, and answers and logs it
            return False
        if found is None:
            return False
        self._write(found)
        self._answered = True
        self.on_response_complete()
        return True

    def _wait(self) -> None:
        self._body_bytes = 0
        self._waiting = self.loop.call_later(self.patience_s, self._give_up)

    def _arrived(self) -> None:
        self._arriving = False
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


def bounded(
    patience_s: float,
    short: Short | None = None,
    beginnings: tuple[bytes, ...] = (),
    later: Later | None = None,
) -> type[HttpToolsProtocol]:
    """The server's protocol, with ``patience_s`` seconds for a head and each 64 KiB of a body to arrive.

    Parameters
    ----------
    patience_s : float
    short : callable, optional
        Asked first what a GET is answered whose address begins with one of ``beginnings``.
    beginnings : tuple of bytes
    later : Later, optional
        Asked first for the POSTs to its addresses that are small and say how long they are.
    """
    own = {"patience_s": patience_s, "beginnings": beginnings, "later": later}
    return type("Bounded", (_Bounded,), own | {"short": short and staticmethod(short)})
