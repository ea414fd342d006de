"""A short way to items and vector tiles: their GETs are taken off before the routes are searched.

Finding a route and entering it costs more than answering from mapped memory does. What is answered here is answered by
the functions of the routes themselves, behind the same gate, so that the bytes are the same; whatever is not answered
at once (a refusal, an older moment, another format, a limited reach, a tile that is not ready) goes the whole way.

:class:`Short` answers before a task is begun for a request, in the server's protocol (:mod:`api.standing.wire`);
:class:`Lane` those requests that come through a proxy, by HTTP/1.0 or from a page of another origin.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import Gate, caller_of
from api.ogc import items, tiling
from api.ogc.framed import Framed
from api.ogc.plain import PlainRequest, given_of, root_of
from api.ogc.readers import is_quick
from api.routes import tiles
from api.standing import Notes
from api.standing.encodings import LEAST, asked, at_once
from api.standing.watch import REQUEST_ID, head_lines
from api.standing.wire import ASIDE, Whole
from api.state import CityState
from twin.errors import TwinError

__all__ = [
    "BEGINNINGS",
    "ITEMS_ROUTE",
    "ITEM_ROUTE",
    "TILE_ROUTE",
    "TRIED",
    "VECTOR_ROUTE",
    "Lane",
    "Short",
    "answered",
    "is_short",
]

ITEMS_ROUTE: Final = Route("/collections/{collectionId}/items", items.items, methods=["GET"])
ITEM_ROUTE: Final = Route(
    "/collections/{collectionId}/items/{featureId}", items.item, methods=["GET"]
)
TILE_ROUTE: Final = Route(tiling.COLLECTION_TILE, tiling.collection_tile, methods=["GET"])
VECTOR_ROUTE: Final = Route(tiles.VECTOR_TILE, tiles.vector_tile, methods=["GET"])
BEGINNINGS: Final = (b"/collections/", b"/mvt/")
"""Of the addresses that may be answered here."""
_PATHS: Final = ("/collections/", "/mvt/")
TRIED: Final = "citytwin.tried"
"""In a scope: the short way has looked, and had no answer."""
Answer = Callable[[Request, CityState], Response | None]
Way = tuple[Route, Callable[[Request, CityState], bool], Answer, dict[str, str]]


def _sees_everything(request: Request, _state: CityState) -> bool:
    return not caller_of(request).grant.is_limited


def _way(path: str) -> Way | None:
    """The route a path is of, when it may be answered here, by what, and the parts of the path."""
    parts = path.split("/")
    if not all(parts[1:]):
        return None
    n = len(parts)
    if parts[1] == "collections":
        if n == 4 and parts[3] == "items":
            return ITEMS_ROUTE, is_quick, items.items_at_once, {"collectionId": parts[2]}
        if n == 5 and parts[3] == "items":
            given = {"collectionId": parts[2], "featureId": parts[4]}
            return ITEM_ROUTE, is_quick, items.item_now, given
        if n == 8 and parts[3] == "tiles":
            names = ("collectionId", "", "tileMatrixSetId", "tileMatrix", "tileRow", "tileCol")
            given = dict(zip(names, parts[2:], strict=True))
            return TILE_ROUTE, _sees_everything, tiling.collection_tile_now, given
    elif n == 6:
        z, x, y = parts[3], parts[4], parts[5].removesuffix(".mvt").removesuffix(".pbf")
        if all(t.isascii() and t.isdecimal() and len(t) <= 8 for t in (z, x, y)) and len(z) <= 2:
            given = {"collection": parts[2], "z": z, "x": x, "y": y}
            return VECTOR_ROUTE, _sees_everything, tiles.vector_tile_now, given
    return None


class Lane:
    """ASGI middleware that answers GETs which cost little; it passes on everything else.

    Parameters
    ----------
    app : ASGIApp
        The routes. The caller stands in ``scope["caller"]`` already.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        response = None if scope.get(TRIED) else answered(scope)
        if response is None:
            await self.app(scope, receive, send)
            if "route" not in scope and scope["type"] == "http":
                _note_route(scope)
        else:
            await response(scope, receive, send)


def _note_route(scope: Scope) -> None:
    """FastAPI notes its own routes alone: those of items are noted here, so that they are counted under their names."""
    way = _way(scope["path"]) if scope["path"].startswith(_PATHS) else None
    if way is not None:
        scope["route"] = way[0]


class Short:
    """Answers requests of the server's protocol at once, byte for byte as the whole chain of the application would.

    Parameters
    ----------
    app : object
        Its ``state.city_state`` is what :func:`answered` asks.
    gate : Gate
    notes : Notes
    """

    def __init__(self, app: Any, gate: Gate, notes: Notes) -> None:  # noqa: ANN401 -- FastAPI or alike
        self._app, self._gate, self._notes = app, gate, notes

    def __call__(self, scope: Scope) -> Whole | None:
        """Status, headers and body of the answer to a GET without a body; None where it has to go the whole way."""
        listed = scope["headers"]
        heads = dict(listed)
        if (
            len(heads) != len(listed)
            or not heads.keys().isdisjoint(ASIDE)
            or b"content-length" in heads
        ):
            return None
        begun = time.perf_counter()
        if not self._gate.admits_at_once(scope, heads):
            return None
        coding, known = None, heads.get(b"if-none-match", b"")
        if b"accept-encoding" in heads:
            coding, known, listed = asked(listed)
            heads = dict(listed)
        given = given_of(scope["query_string"])
        scope[TRIED] = True
        if given is None:
            return None
        scope["app"] = self._app
        scope["citytwin.root"] = root_of(scope["scheme"], heads.get(b"host", b""), scope["server"])
        response = found(scope, lambda parts: _plain(scope, heads, given, parts))
        if response is None:
            return None
        name = self._notes.named(scope, heads.get(REQUEST_ID, b""))
        private = self._gate.callers.are_known
        if coding is None and isinstance(response, Framed):
            told = _framed(
                response.status_code,
                response.static,
                response.media,
                response.size >= LEAST,
                private,
            )
            status, size, pieces = response.status_code, response.size, response.pieces
            block = told % ((response.tag, size, name) if response.media else (response.tag, name))
        else:
            head: dict[str, Any] = {"status": response.status_code, "headers": response.raw_headers}
            body = at_once(head, bytes(response.body), coding, known)
            if body is None:
                return None
            status, size, pieces = head["status"], len(body), (body,) if body else ()
            block = head_lines(head["headers"], name, private)
        self._notes.ended(scope, "GET", status, time.perf_counter() - begun, size)
        return status, block, pieces


@lru_cache(256)
def _framed(
    status: int, static: tuple[tuple[bytes, bytes], ...], media: bytes, varying: bool, private: bool
) -> bytes:
    """The headers of a framed answer, with places for its tag, its length where it has a body, and the request's id."""
    given = (b"%", b"%%")
    fixed = tuple((name, value.replace(*given)) for name, value in static)
    like = Framed(status, fixed, "%b", media.replace(*given).decode())
    like.size = 0
    head: dict[str, Any] = {"status": status, "headers": like.raw_headers}
    at_once(head, b" " * (LEAST if varying else 0), None, b"")
    told = [(n, b"%d" if n == b"content-length" else v) for n, v in head["headers"]]
    return head_lines(told, b"%b", private)


def _plain(scope: Scope, heads: Any, given: Any, parts: dict[str, str]) -> Request:  # noqa: ANN401
    scope["path_params"] = parts
    return PlainRequest(scope, heads, given)


def is_short(scope: Scope) -> bool:
    """Whether a request may be one that is answered here."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return False
    return str(scope["path"]).startswith(_PATHS)


def answered(scope: Scope) -> Response | None:
    """The answer to a request, None where it has to go the whole way."""
    return found(scope, lambda parts: Request({**scope, "path_params": parts}))


def found(scope: Scope, request_of: Callable[[dict[str, str]], Request]) -> Response | None:
    """The same, of a request that is made of its scope when the parts of its path are known."""
    if not is_short(scope):
        return None
    way = _way(scope["path"])
    if way is None:
        return None
    route, may, answer, parts = way
    request = request_of(parts)
    state = request.app.state.city_state
    try:
        response = answer(request, state) if may(request, state) else None
    except (TwinError, HTTPException):
        return None
    if response is not None:
        scope["route"] = route
    return response
