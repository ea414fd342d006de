"""What stands before every route: roles, same-origin writes, bounded bodies, safe headers."""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import response_for_status
from twin.settings import Role, ServerSettings

__all__ = ["COOKIE", "Gate", "may_write", "role_of"]

ROLES: Final[tuple[Role, ...]] = ("viewer", "analyst", "operator", "admin")
"""Each may do what those before it may."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE: Final = "twin_token"
"""Reads of a browser (tiles, event streams) may carry the token in this cookie; writes may not."""

OPEN_PATHS: Final = ("/healthz", "/page/")
ENDLESS: Final = frozenset({"/live"})
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
        "connect-src 'self' blob: data:; img-src 'self' blob: data:; "
        "style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def role_of(given: str | None, settings: ServerSettings) -> Role | None:
    """Role a token stands for, the highest where several share it; compared in constant time."""
    if not given:
        return None
    found: Role | None = None
    for role in ROLES:
        secret = settings.tokens.get(role)
        if secret is not None and hmac.compare_digest(
            given.encode(), secret.get_secret_value().encode()
        ):
            found = role
    return found


def may_write(request: Request) -> bool:
    """Whether the caller of a request may change things."""
    settings: ServerSettings = request.app.state.city_state.settings
    if not settings.tokens:
        return True
    role = role_of(_token(request), settings)
    return role is not None and ROLES.index(role) >= ROLES.index("operator")


class Gate:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    app : ASGIApp
    settings : ServerSettings
        Tokens (none: everyone may everything, meant for loopback), origins, largest body.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what it lacks."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        guarded = _with_headers(send)
        request = Request(scope, receive)
        refusal = self._refusal(request)
        if refusal is None and request.method not in SAFE:
            body = await self._read(receive)
            if body is None:
                refusal = self._refuse_size(request, "more")
            else:
                receive = _replayed(body, receive)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        if request.method == "HEAD" and request.url.path not in ENDLESS:
            scope = {**scope, "method": "GET"}  # the server itself leaves the body out
        await self.app(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        return self._too_large(request) or self._cross_site(request) or self._unauthorised(request)

    def _too_large(self, request: Request) -> Response | None:
        length = request.headers.get("content-length", "0")
        most = self.settings.max_body_bytes
        if not (length.isascii() and length.isdigit()):
            return response_for_status(
                request, 400, f"Content-Length {length[:40]!r}: expected a whole number."
            )
        if len(length) > 15 or int(length) > most:
            return self._refuse_size(request, length[:20])
        return None

    def _refuse_size(self, request: Request, length: str) -> Response:
        most = self.settings.max_body_bytes
        return response_for_status(
            request,
            413,
            f"The body has {length} bytes; at most {most} are taken. Send it in parts.",
        )

    def _cross_site(self, request: Request) -> Response | None:
        """A page of another site must not write through a visitor's browser."""
        origin = request.headers.get("origin")
        if request.method in SAFE or origin is None or origin in self.settings.cors_origins:
            return None
        if urlsplit(origin).netloc == request.headers.get("host"):
            return None
        return response_for_status(
            request,
            403,
            f"Writing from {origin[:100]} is not allowed; allow it with TWIN_CORS_ORIGINS.",
        )

    def _unauthorised(self, request: Request) -> Response | None:
        path = request.url.path
        if (
            not self.settings.tokens
            or request.method == "OPTIONS"
            or path == "/"
            or path.startswith(OPEN_PATHS)
        ):
            return None
        needed: Role = "viewer" if request.method in SAFE else "operator"
        role = role_of(_token(request), self.settings)
        if role is None:
            detail = f"Send 'Authorization: Bearer <token>' with a token of role {needed} or above."
            return response_for_status(
                request, 401, detail, headers={"WWW-Authenticate": 'Bearer realm="citytwin"'}
            )
        if ROLES.index(role) < ROLES.index(needed):
            return response_for_status(
                request, 403, f"{request.method} needs role {needed}; this token has {role}."
            )
        request.scope["role"] = role
        return None

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


def _token(request: Request) -> str | None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    return request.cookies.get(COOKIE) if request.method in SAFE else None


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped
