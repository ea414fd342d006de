"""A short way to items: their GETs are taken off before the routes are searched.

Finding a route and entering it costs more than answering from mapped memory does. What is answered here is answered by
the functions of the routes themselves, behind the same gate, so that the bytes are the same; whatever is not answered
at once (a refusal, an older moment, another format, a limited reach) goes the whole way.
"""

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.ogc import items
from api.ogc.readers import is_quick
from twin.errors import TwinError

__all__ = ["ITEMS_ROUTE", "ITEM_ROUTE", "ItemsLane"]

ITEMS_ROUTE: Final = Route("/collections/{collectionId}/items", items.items, methods=["GET"])
ITEM_ROUTE: Final = Route(
    "/collections/{collectionId}/items/{featureId}", items.item, methods=["GET"]
)
_PATH: Final = re.compile(r"/collections/([^/]+)/items(?:/([^/]+))?")


class ItemsLane:
    """ASGI middleware that answers GETs of items which cost little; it passes on everything else.

    Parameters
    ----------
    app : ASGIApp
        The routes. The caller stands in ``scope["caller"]`` already.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        response = _answered(scope)
        if response is None:
            await self.app(scope, receive, send)
        else:
            await response(scope, receive, send)


def _answered(scope: Scope) -> Response | None:
    """The answer to a request for items, None where it has to go the whole way."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return None
    found = _PATH.fullmatch(scope["path"])
    if found is None:
        return None
    collection, feature = found.groups()
    given = {"collectionId": collection}
    if feature is not None:
        given["featureId"] = feature
    request = Request({**scope, "path_params": given})
    state = request.app.state.city_state
    try:
        if not is_quick(request, state):
            return None
        answer = items.items_now if feature is None else items.item_now
        response = answer(request, state)
    except (TwinError, HTTPException):
        return None
    scope["route"] = ITEMS_ROUTE if feature is None else ITEM_ROUTE
    return response
