"""A short way to items and vector tiles: their GETs are taken off before the routes are searched.

Finding a route and entering it costs more than answering from mapped memory does. What is answered here is answered by
the functions of the routes themselves, behind the same gate, so that the bytes are the same; whatever is not answered
at once (a refusal, an older moment, another format, a limited reach, a tile that is not ready) goes the whole way.
"""

import re
from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import caller_of
from api.ogc import items, tiling
from api.ogc.readers import is_quick
from api.routes import tiles
from api.state import CityState
from twin.errors import TwinError

__all__ = [
    "ITEMS_ROUTE",
    "ITEM_ROUTE",
    "TILE_ROUTE",
    "VECTOR_ROUTE",
    "Lane",
    "answered",
    "is_short",
]

ITEMS_ROUTE: Final = Route("/collections/{collectionId}/items", items.items, methods=["GET"])
ITEM_ROUTE: Final = Route(
    "/collections/{collectionId}/items/{featureId}", items.item, methods=["GET"]
)
TILE_ROUTE: Final = Route(tiling.COLLECTION_TILE, tiling.collection_tile, methods=["GET"])
VECTOR_ROUTE: Final = Route(tiles.VECTOR_TILE, tiles.vector_tile, methods=["GET"])
Answer = Callable[[Request, CityState], Response | None]


def _sees_everything(request: Request, _state: CityState) -> bool:
    return not caller_of(request).grant.is_limited


_WAYS: Final[tuple[tuple[re.Pattern[str], Route, Callable[[Request, CityState], bool], Answer], ...]] = (
    (re.compile(r"/collections/(?P<collectionId>[^/]+)/items"), ITEMS_ROUTE, is_quick, items.items_now),
    (re.compile(r"/collections/(?P<collectionId>[^/]+)/items/(?P<featureId>[^/]+)"), ITEM_ROUTE, is_quick, items.item_now),
    (re.compile(r"/collections/(?P<collectionId>[^/]+)/tiles/(?P<tileMatrixSetId>[^/]+)/"
                r"(?P<tileMatrix>[^/]+)/(?P<tileRow>[^/]+)/(?P<tileCol>[^/]+)"),
     TILE_ROUTE, _sees_everything, tiling.collection_tile_now),
    (re.compile(r"/mvt/(?P<collection>[^/]+)/(?P<z>\d{1,2})/(?P<x>\d{1,8})/(?P<y>\d{1,8})(?:\.mvt|\.pbf)?", re.ASCII),
     VECTOR_ROUTE, _sees_everything, tiles.vector_tile_now),
)  # fmt: skip
"""Paths, the routes they are, when they may be answered here, and by what."""


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
        response = answered(scope)
        if response is None:
            await self.app(scope, receive, send)
        else:
            await response(scope, receive, send)


def is_short(scope: Scope) -> bool:
    """Whether a request may be one that is answered here."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return False
    return str(scope["path"]).startswith(("/collections/", "/mvt/"))


def answered(scope: Scope) -> Response | None:
    """The answer to a request, None where it has to go the whole way."""
    if not is_short(scope):
        return None
    path = scope["path"]
    for pattern, route, may, answer in _WAYS:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        request = Request({**scope, "path_params": found.groupdict()})
        state = request.app.state.city_state
        try:
            response = answer(request, state) if may(request, state) else None
        except (TwinError, HTTPException):
            return None
        if response is not None:
            scope["route"] = route
        return response
    return None
