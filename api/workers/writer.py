"""What stands before the whole application where it answers readers over a Unix socket."""

from datetime import datetime
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.state import CityState, ClassInfo, CollectionInfo
from api.workers.forward import CLIENT
from twin.errors import NotReadyError

__all__ = ["INFOS", "Behind", "infos_of", "told_infos"]

INFOS: Final = "/.collections"
"""Asked by readers alone: collections with the versions of the arenas they are true of."""


class Behind:
    """ASGI middleware: takes the client's address from the reader that passed a request on, and tells readers of collections.

    Parameters
    ----------
    app : ASGIApp
        The application.
    state : CityState
    """

    def __init__(self, app: ASGIApp, state: CityState) -> None:
        self.app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer readers, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["path"] == INFOS and not any(name == CLIENT for name, _ in scope["headers"]):
            await Response(told_infos(self.state))(scope, receive, send)
            return
        address = next((value for name, value in scope["headers"] if name == CLIENT), b"")
        heads = [pair for pair in scope["headers"] if pair[0] != CLIENT]
        scope = {**scope, "headers": heads, "client": (address.decode("latin-1"), 0)}
        await self.app(scope, receive, send)


def told_infos(state: CityState) -> bytes:
    """Collections of a city as JSON: name → version of the arena and what there is to know."""
    told: dict[str, Any] = {}
    for name in list(state.collections()):
        try:
            version = state.present.arenas.version(name)
        except NotReadyError:
            continue
        info = state.collection(name)
        if info is not None:
            told[name] = {"version": version, "info": info}
    return orjson.dumps(told)


def infos_of(text: bytes) -> dict[str, tuple[int, CollectionInfo]]:
    """What :func:`told_infos` told."""
    return {
        name: (told["version"], _info(told["info"])) for name, told in orjson.loads(text).items()
    }


def _info(told: dict[str, Any]) -> CollectionInfo:
    classes = tuple(ClassInfo(**one) for one in told["classes"])
    since = None if told["since"] is None else datetime.fromisoformat(told["since"])
    return CollectionInfo(**{**told, "classes": classes, "since": since})
