"""What stands before every route: who calls, how often, same-origin writes, bounded bodies and heads."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.callers import EVERYONE, NOBODY, Caller, Callers, Refused
from api.access.rates import Rates
from api.access.roles import at_least, is_open
from api.errors import response_for_status
from twin.settings import Role, ServerSettings

__all__ = ["COOKIE", "Gate", "private", "private_of", "token_of"]

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE: Final = "twin_token"
"""Reads of a browser (tiles, event streams) may carry the token in this cookie; writes may not."""

KEY_HEADER: Final = b"x-api-key"
ENDLESS: Final = re.compile(r"/live|/scene/[^/]+/events")
MOST_HEADERS: Final = 100
LONGEST_HEADS: Final = 32 << 10
LONGEST_TARGET: Final = 16 << 10
COUNTED: Final = "citytwin.counted"
"""In a scope: the request stands in its caller's bucket already."""
Heads = Mapping[bytes, bytes]


class Gate:
    """ASGI middleware around the routes.

    It puts the :class:`api.access.callers.Caller` into ``scope["caller"]``.

    Parameters
    ----------
    app : ASGIApp
    settings : ServerSettings
        Tokens (none, and no keys in the city folder: everyone may everything, meant for loopback), origins, rates,
        largest body.
    beside : Gate, optional
        Another into the same city: both know the same callers and count them together.
    """

    def __init__(
        self, app: ASGIApp, settings: ServerSettings, beside: "Gate | None" = None
    ) -> None:
        self.app = app
        self.settings = settings
        self.callers: Callers = beside.callers if beside else Callers(settings)
        self.rates: Rates = (
            beside.rates if beside else Rates(settings.rate_per_s, settings.rate_burst)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what it lacks."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        heads: Heads = dict(scope["headers"])
        scope["callers"] = self.callers
        guarded = self.callers.are_known
        refusal = self._misshapen(scope, heads) or await self._unknown(scope, heads, guarded)
        if refusal is None and scope["method"] not in SAFE:
            body = await self._read(receive)
            if body is None:
                refusal = self._refuse_size(scope, "more")
            else:
                receive = _replayed(body, receive)
        if guarded and not is_open(scope["path"]):
            send = private(send)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["method"] == "HEAD" and not ENDLESS.fullmatch(scope["path"]):
            read = {**scope, "method": "GET"}  # the server itself leaves the body out
            await self.app(read, receive, send)
            scope["route"] = read.get("route")
            return
        await self.app(scope, receive, send)

    async def admits(self, scope: Scope) -> bool:
        """Whether a read is let through; its caller is noted then. Another will say no where it is not."""
        heads: Heads = dict(scope["headers"])
        scope["callers"] = self.callers
        guarded = self.callers.are_known
        return not (self._misshapen(scope, heads) or await self._unknown(scope, heads, guarded))

    def admits_at_once(self, scope: Scope, heads: Heads, needed: Role = "viewer") -> bool:
        """Whether a request whose body has come is let through, where that is known without waiting; its caller is noted then.

        It is counted once: who answers it after all does not count it again.
        """
        guarded = self.callers.are_known
        given = token_of(scope["method"], heads) if guarded else None
        if (given is not None and self.callers.may_wait(given)) or self._misshapen(scope, heads):
            return False
        caller = self.callers.caller(given) if guarded else EVERYONE
        if not isinstance(caller, Caller) or not at_least(caller.role, needed):
            return False
        if self.rates.are_limited:
            if self._too_often(scope, caller) is not None:
                return False
            scope[COUNTED] = True
        scope["caller"], scope["callers"] = caller, self.callers
        return True

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket reads as its caller; one that a page of another site opens is refused, as a write would be."""
        heads: Heads = dict(scope["headers"])
        known = {**scope, "type": "http", "method": "GET"}
        origin = heads.get(b"origin")
        foreign = origin is not None and self._cross_site(
            {**known, "method": "POST"}, heads, origin.decode("latin-1")
        )
        if foreign or await self._unknown(known, heads, self.callers.are_known):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        scope["caller"], scope["callers"] = known["caller"], self.callers
        await self.app(scope, receive, send)

    def _misshapen(self, scope: Scope, heads: Heads) -> Response | None:
        listed = scope["headers"]
        if len(listed) > MOST_HEADERS or sum(len(k) + len(v) for k, v in listed) > LONGEST_HEADS:
            text = f"At most {MOST_HEADERS} headers of {LONGEST_HEADS} bytes together are taken."
            return response_for_status(Request(scope), 431, text)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_TARGET:
            text = f"The address is longer than {LONGEST_TARGET} bytes; send less in it."
            return response_for_status(Request(scope), 414, text)
        length = heads.get(b"content-length")
        if length is not None and (found := self._too_large(scope, length.decode("latin-1"))):
            return found
        origin = heads.get(b"origin")
        return None if origin is None else self._cross_site(scope, heads, origin.decode("latin-1"))

    def _too_large(self, scope: Scope, length: str) -> Response | None:
        if not (length.isascii() and length.isdigit()):
            text = f"Content-Length {length[:40]!r}: expected a whole number."
            return response_for_status(Request(scope), 400, text)
        if len(length) > 15 or int(length) > self.settings.max_body_bytes:
            return self._refuse_size(scope, length[:20])
        return None

    def _refuse_size(self, scope: Scope, length: str) -> Response:
        most = self.settings.max_body_bytes
        text = f"The body has {length} bytes; at most {most} are taken. Send it in parts."
        return response_for_status(Request(scope), 413, text)

    def _cross_site(self, scope: Scope, heads: Heads, origin: str) -> Response | None:
        """A page of another site must not write through a visitor's browser."""
        if scope["method"] in SAFE or origin in self.settings.cors_origins:
            return None
        try:
            own = urlsplit(origin).netloc == heads.get(b"host", b"").decode("latin-1")
        except ValueError:
            own = False
        if own:
            return None
        text = f"Writing from {origin[:100]} is not allowed; allow it with TWIN_CORS_ORIGINS."
        return response_for_status(Request(scope), 403, text)

    async def _unknown(self, scope: Scope, heads: Heads, guarded: bool) -> Response | None:
        """What a request without the right it needs is answered; the caller is noted otherwise."""
        given = token_of(scope["method"], heads)
        caller: Caller | Refused | None
        if not guarded:
            caller = EVERYONE
        elif given is not None and self.callers.may_wait(given):
            caller = await to_thread.run_sync(self.callers.caller, given)
        else:
            caller = self.callers.caller(given)
        late = self._too_often(scope, caller)
        if late is not None:
            return late
        needed: Role = "viewer" if scope["method"] in SAFE else "operator"
        if scope["method"] == "OPTIONS" or (is_open(scope["path"]) and needed == "viewer"):
            scope["caller"] = caller if isinstance(caller, Caller) else NOBODY
            return None
        if not isinstance(caller, Caller):
            return _refused(scope, caller, needed)
        scope["caller"] = caller
        if not at_least(caller.role, needed):
            text = f"{scope['method']} needs role {needed}; this token has {caller.role}."
            return response_for_status(Request(scope), 403, text)
        return None

    def _too_often(self, scope: Scope, caller: Caller | Refused | None) -> Response | None:
        if not self.rates.are_limited or scope.get(COUNTED):
            return None
        client = scope.get("client")
        who = str(client and client[0])
        if isinstance(caller, Caller) and caller is not EVERYONE:
            who = caller.subject
        wait = self.rates.wait(who)
        if wait <= 0:
            return None
        text = f"More than {self.rates.per_s:g} requests a second; ask again in {wait:.1f} s."
        return response_for_status(
            Request(scope), 429, text, headers={"Retry-After": str(max(1, int(wait + 0.999)))}
        )

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None if it is too large (its length may not have been announced)."""
        parts: list[bytes] = []
        taken = 0
        more = True
        while more:
            message = await receive()
            part: bytes = message.get("body", b"")
            taken += len(part)
            if taken > self.settings.max_body_bytes:
                return None
            parts.append(part)
            more = message["type"] == "http.request" and message.get("more_body", False)
        return b"".join(parts)


def _refused(scope: Scope, refused: object, needed: Role) -> Response:
    status = getattr(refused, "status", 401)
    reason = getattr(refused, "reason", None)
    detail = f"Send 'Authorization: Bearer <token>' with a token of role {needed} or above."
    if reason is not None:
        detail = f"{reason}. {detail}"
    headers = {"WWW-Authenticate": 'Bearer realm="citytwin"'} if status == 401 else {}
    return response_for_status(Request(scope), status, detail, headers=headers)


def token_of(method: str, heads: Heads) -> str | None:
    """The token of a request: Authorization (Bearer), X-API-Key, or for reads the cookie."""
    scheme, _, given = heads.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return given.strip().decode("utf-8", "surrogateescape")
    if (key := heads.get(KEY_HEADER)) is not None:
        return key.strip().decode("utf-8", "surrogateescape")
    if method not in SAFE or b"cookie" not in heads:
        return None
    for part in heads[b"cookie"].decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A channel that first gives the body already read, then whatever follows it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def private(send: Send) -> Send:
    """Answers that depend on who asks: no shared cache may keep them, and no cache give them to another."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = private_of(message["headers"])
        await send(message)

    return wrapped


def private_of(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers of an answer that is one caller's alone."""
    kept, cache, vary = [], b"private", b"Authorization, X-API-Key, Cookie"
    for pair in headers:
        low = pair[0].lower()
        if low == b"cache-control":
            cache = pair[1].replace(b"public", b"private")
        elif low == b"vary":
            vary = pair[1] + b", " + vary
        else:
            kept.append(pair)
    return [*kept, (b"cache-control", cache), (b"vary", vary)]
