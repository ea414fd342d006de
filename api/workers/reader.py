"""A process that reads: it answers from the arenas it maps, and passes everything else on to the writer."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import State
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import Gate, View
from api.access.gate import private
from api.app import cors_options
from api.ogc.lane import TRIED, Short, answered, is_short
from api.standing import Encodings, Notes, Watch
from api.standing.encodings import asked
from api.standing.tally import Tally
from api.state import CollectionInfo
from api.workers.forward import Writer
from api.workers.writer import INFOS, infos_of
from twin.arena import ArenaReader, CityReader
from twin.city import City
from twin.errors import NotReadyError
from twin.features.stored import StoredReader
from twin.settings import ServerSettings

__all__ = ["Reader", "ReaderState"]

PAUSE_S: Final = 0.02
"""Between two questions what the collections are now."""
TOLD_S: Final = 2.0
"""Between two times that counts are left for the writer."""
METRICS: Final = "/metrics"


class ReaderState:
    """What the short way asks of a city, without its base; what is not known here is for the writer.

    Parameters
    ----------
    settings : ServerSettings
    city : City
    """

    def __init__(self, settings: ServerSettings, city: City) -> None:
        self.settings, self.city = settings, city
        self.present = CityReader(ArenaReader(city.arenas), Nowhere())
        self.stale = asyncio.Event()
        self._infos: dict[str, tuple[int, CollectionInfo]] = {}

    def collection(self, name: str, version: int | None = None) -> CollectionInfo:
        """A collection as its arena has it now, or at ``version``.

        Raises
        ------
        NotReadyError
            If what is known of it here is of another version.
        """
        held = self._infos.get(name)
        now = self.present.arenas.version(name) if version is None else version
        if held is None or held[0] != now:
            self.stale.set()
            raise NotReadyError(f"{name} is being asked for")
        return held[1]

    def seen(self, _view: View | None) -> dict[str, CollectionInfo]:
        """Not known here."""
        raise NotReadyError("the writer knows")

    @property
    def vectors(self) -> None:
        """Not here."""
        raise NotReadyError("the writer draws tiles")

    async def follow(self, writer: Writer) -> None:
        """Ask the writer what the collections are now, whenever it is wanted."""
        while True:
            await self.stale.wait()
            self.stale.clear()
            with contextlib.suppress(OSError):
                self._infos = infos_of(await writer.get(INFOS))
            await asyncio.sleep(PAUSE_S)


class Nowhere(StoredReader):
    """A base that is not here."""

    def __init__(self) -> None:
        """Holds nothing."""

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 -- whatever is asked for
        """Not known here."""
        raise NotReadyError("the writer knows")


class Reader:
    """The application of a process that reads.

    Parameters
    ----------
    settings : ServerSettings
    city : City
    writer : Writer
        Where everything goes that is not answered here.
    counts : Path, optional
        A folder that is shared with the writer: where requests counted here are left for its ``/metrics``.
    """

    def __init__(
        self, settings: ServerSettings, city: City, writer: Writer, counts: Path | None = None
    ) -> None:
        self.state = State()
        self.state.city_state = self._known = ReaderState(settings, city)
        self._writer, self._gate = writer, Gate(_answer, settings)
        chain: ASGIApp = Encodings(_answer)
        chain = _Private(chain, self._gate)
        if settings.cors_origins:
            chain = CORSMiddleware(chain, **cors_options(settings))
        self._tally, self._counts = Tally(), counts
        notes = Notes(settings, self._tally)
        self._chain = Watch(chain, notes)
        self.state.short = Short(self, self._gate, notes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await self._writer.talk(scope, receive, send)
            return
        if is_short(scope) and not scope.get(TRIED):
            own = {**scope, "app": self, "headers": asked(scope["headers"])[2]}
            if await self._gate.admits(own) and (found := answered(own)) is not None:
                own |= {"citytwin.answer": found, "headers": scope["headers"]}
                await self._chain(own, receive, send)
                return
        if scope["path"] == METRICS:
            self._tell()
        await self._writer(scope, receive, send)

    def _tell(self) -> None:
        if self._counts is not None:
            self._tally.write(self._counts)

    async def _telling(self) -> None:
        while True:
            await asyncio.sleep(TOLD_S)
            self._tell()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._known.stale.set()
        beside = {
            asyncio.ensure_future(self._known.follow(self._writer)),
            asyncio.ensure_future(self._telling()),
        }
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await self._writer.close()
        await send({"type": "lifespan.shutdown.complete"})


class _Private:
    """ASGI middleware: answers to who had to say who he is are his alone."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        await self._app(scope, receive, private(send) if self._gate.callers.are_known else send)


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the answer that was found."""
    await scope["citytwin.answer"](scope, receive, send)
