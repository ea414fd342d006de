"""The outermost middleware: request ids, security headers, access log, metrics, audit."""

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.gate import SAFE, private_of
from api.standing.journal import AccessLog, AuditLog
from api.standing.tally import Tally
from twin.settings import ServerSettings

__all__ = ["HEADERS", "REQUEST_ID", "Notes", "Watch", "guarded", "head_lines"]

REQUEST_ID: Final = b"x-request-id"
PLAIN: Final = re.compile(rb"[\w.\-]{1,64}", re.ASCII)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
        "connect-src 'self' blob: data:; img-src 'self' blob: data:; "
        "style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
RAW: Final = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
NAMES: Final = frozenset(name for name, _ in RAW)
REFUSED: Final = frozenset({401, 403, 429})


class Notes:
    """What is noted of requests: their ids, counts, and the two logs.

    The id is the client's own (``X-Request-Id``, up to 64 plain characters) or a new one; it stands in
    ``scope["request_id"]``, in the answer, in both logs and in problem documents.

    Parameters
    ----------
    settings : ServerSettings
    tally : Tally
        Where requests are counted.
    """

    def __init__(self, settings: ServerSettings, tally: Tally) -> None:
        self.tally = tally
        self.audit = AuditLog(settings.city, settings.audit_max_bytes)
        self._begin = secrets.token_hex(4).encode()
        self._numbers = count(1)
        self.access = AccessLog(settings.access_log) if settings.access_log else None

    def named(self, scope: Scope, given: bytes) -> bytes:
        """The id of a request that brings one, or none (empty); noted in its scope."""
        known = given if PLAIN.fullmatch(given) else b"%s%08x" % (self._begin, next(self._numbers))
        scope["request_id"] = known.decode()
        return known

    def ended(self, scope: Scope, method: str, status: int, seconds: float, size: int) -> None:
        """A request that has been answered."""
        path = getattr(scope.get("route"), "path", None)
        self.tally.count(method, path or "(none)", status, seconds, size)
        if self.access is not None or status in REFUSED or method not in SAFE:
            self._note(scope, method, path, status, seconds, size)

    def _note(
        self, scope: Scope, method: str, route: str | None, status: int, seconds: float, size: int
    ) -> None:
        client = scope.get("client")
        caller = scope.get("caller")
        line: dict[str, Any] = {
            "time": datetime.now(UTC),
            "request": scope["request_id"],
            "subject": caller.subject if caller is not None else None,
            "role": caller.role if caller is not None else None,
            "address": client[0] if client else None,
            "method": method[:20],
            "path": _plain(scope["path"]),
            "route": route,
            "status": status,
        }
        if self.access is not None:
            self.access.write({**line, "bytes": size, "ms": round(seconds * 1000, 3)})
        if status in REFUSED:
            self.audit.refused({**line, "result": "refused"})
        elif method not in SAFE:
            self.audit.write({**line, "result": "done" if status < 400 else "failed"})


class Watch:
    """Names a request, and notes what became of it.

    Parameters
    ----------
    app : ASGIApp
    notes : Notes
    """

    def __init__(self, app: ASGIApp, notes: Notes) -> None:
        self.app, self.notes = app, notes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see how it ends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"")
        known = self.notes.named(scope, given)
        method = scope["method"]
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = guarded(message["headers"], known)
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        tally = self.notes.tally
        tally.open += 1
        try:
            await self.app(scope, receive, watched)
        except BaseException:
            status = status or 500
            raise
        finally:
            tally.open -= 1
            self.notes.ended(scope, method, status, time.perf_counter() - begun, size)


def guarded(headers: Iterable[tuple[bytes, bytes]], known: bytes) -> list[tuple[bytes, bytes]]:
    """Headers of an answer with those every answer has: what browsers must not do with it, and the request's id."""
    told = list(headers)
    there = {name.lower() for name, _ in told}
    told += RAW if there.isdisjoint(NAMES) else [h for h in RAW if h[0] not in there]
    told.append((REQUEST_ID, known))
    return told


def head_lines(headers: list[tuple[bytes, bytes]], known: bytes, private: bool) -> bytes:
    """Headers of an answer as they are sent, those of every answer among them."""
    told = guarded(private_of(headers) if private else headers, known)
    return b"".join([b"%b: %b\r\n" % pair for pair in told])


def _plain(path: str) -> str:
    """A path as a line of JSON can hold it."""
    return path[:500] if path.isascii() else path[:500].encode("utf-8", "replace").decode()
