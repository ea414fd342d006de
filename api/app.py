"""The HTTP application, made by :func:`create_app`; importing this module opens nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import errors, posting
from api.access import Gate
from api.models import RawJson
from api.ogc import catalogue, collections, landing, schemas, styling, tiling
from api.ogc.lane import Lane, Short
from api.receiving import receiving
from api.routes import (
    address_batch,
    address_edits,
    alarm_rules,
    alarms,
    case_files,
    cases,
    entities,
    geocode,
    health,
    info,
    live,
    processes,
    readings,
    resolve,
    scene,
    tiles,
    wmts,
)
from api.routes.health import program_version
from api.sensorthings.routes import router as sensorthings
from api.standing import Encodings, Notes, Watch
from api.standing.tally import Tally
from api.state import CityState
from twin.settings import ServerSettings

__all__ = ["cors_options", "create_app"]

ROUTERS = (
    landing.router, info.router, collections.router, schemas.router, tiling.router, styling.router, entities.router,
    resolve.router, geocode.router, address_batch.router, address_edits.router, tiles.router, wmts.router, live.router,
    readings.router, alarms.router, alarm_rules.router, case_files.router, cases.router, health.router, processes.router,
    catalogue.router, sensorthings, scene.router,
)  # fmt: skip

CORS_TAKES = ["Authorization", "X-API-Key", "X-Request-Id", "Content-Type", "Last-Event-ID", "If-Match", "If-None-Match",
              "Content-Crs", "Prefer"]  # fmt: skip
CORS_TELLS = [
    "ETag",
    "Content-Language",
    "Content-Crs",
    "Link",
    "Location",
    "Retry-After",
    "X-Request-Id",
]


def cors_options(settings: ServerSettings) -> dict[str, Any]:
    """What pages of other origins may ask and read."""
    return {
        "allow_origins": settings.cors_origins,
        "allow_methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": CORS_TAKES,
        "expose_headers": CORS_TELLS,
    }


def create_app(settings: ServerSettings, opened: CityState | None = None) -> FastAPI:
    """The application for one city.

    Parameters
    ----------
    settings : ServerSettings
        City folder, tokens, origins, bounds. The city is opened when the server starts, and
        closed when it ends.
    opened : CityState, optional
        The city, where the caller has opened it already and closes it after the server.

    Returns
    -------
    FastAPI
        ``app.state.city_state`` is the :class:`api.state.CityState` while it runs; ``app.state.short`` and
        ``app.state.later`` are what :func:`api.standing.wire.bounded` asks first; ``app.state.tallies`` is a folder
        where processes beside leave their counts.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with CityState.open(settings) if opened is None else nullcontext(opened) as state:
            app.state.city_state = state
            async with receiving(state.hub, settings, state.sensorthings) as receivers:
                app.state.receivers = receivers
                yield

    app = FastAPI(
        title="citytwin",
        version=program_version(),
        description="The open geospatial digital-twin backend that a city can run on.",
        lifespan=lifespan,
        default_response_class=RawJson,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(posting.Lane)
    app.add_middleware(Lane)
    app.state.tally, app.state.tallies = Tally(), None
    notes, gate = Notes(settings, app.state.tally), Gate(app, settings)
    app.state.short, app.state.later = Short(app, gate, notes), posting.Posts(app, gate, notes)
    app.add_middleware(Encodings)
    app.add_middleware(Gate, settings=settings, beside=gate)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, **cors_options(settings))
    app.add_middleware(Watch, notes=notes)
    return app
