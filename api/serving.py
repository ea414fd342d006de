"""Run the HTTP server of one city."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import SettingsError
from starlette.types import ASGIApp

from address.made import COLUMN, CUT, SINGLE, is_made
from api.access.callers import Callers
from api.address_remote import announced
from api.app import create_app
from api.ogc.lane import BEGINNINGS
from api.standing.wire import Later, Short, bounded
from api.state import CityState
from twin.errors import InvalidRequestError
from twin.garbage import keep_all
from twin.settings import ServerSettings

__all__ = ["answer", "listen", "listen_near", "run_server", "server_settings", "serving"]

LONGEST_MESSAGE = 64 << 10
"""Bytes of a message a WebSocket client may send: they are questions."""

GRACE_S = 3
"""Open event streams get this long when the server is told to end."""


def server_settings(
    city: Path, host: str, port: int, simulate: bool, workers: int = 1
) -> ServerSettings:
    """Settings of a server: what the command line says, the rest from the environment.

    Raises
    ------
    InvalidRequestError
        If a variable of the environment cannot be read as its setting, or the server would be
        reachable from outside without tokens.
    """
    try:
        settings = ServerSettings(
            city=city, host=host, port=port, simulate=simulate, workers=workers
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1])
        raise InvalidRequestError(
            f"TWIN_{name.upper()} cannot be used: {first['msg']}. The README's table says what it takes.",
            name,
        ) from error
    except SettingsError as error:
        raise InvalidRequestError(
            f"the environment cannot be used: {error}. Lists and tokens are given as JSON, e.g. "
            'TWIN_TOKENS=\'{"viewer": "…"}\'.'
        ) from error
    outside = settings.mqtt_host is not None and not _is_loopback(settings.mqtt_host)
    if outside and not settings.tokens and not settings.mqtt_accounts:
        raise InvalidRequestError(
            f"TWIN_MQTT_HOST {settings.mqtt_host} is reachable from other machines, and neither TWIN_TOKENS nor "
            "TWIN_MQTT_ACCOUNTS are set: anyone could write.",
            "mqtt_host",
        )
    if not _is_loopback(host) and not Callers(settings).are_known:
        raise InvalidRequestError(
            f"host {host} is reachable from other machines, and no tokens are set: "
            "anyone could write. Set TWIN_TOKENS, e.g. "
            '\'{"viewer": "…", "operator": "…"}\', make a key with `twin access key add`, or listen on 127.0.0.1.',
            "host",
        )
    return settings


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes a free one. Connections wait there until a server answers them.

    Raises
    ------
    InvalidRequestError
        If it is taken, or the host is none of this machine.
    """
    # The protocol is named so that asyncio sets TCP_NODELAY: without it every answer waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise InvalidRequestError(
            f"port {port} on {host} cannot be used: {error.strerror}; take another with --port, or 0 for a free one",
            "port",
        ) from error
    return listener


def listen_near(host: str, port: int) -> socket.socket:
    """Take this port, or a free one where it is taken."""
    try:
        return listen(host, port)
    except InvalidRequestError:
        return listen(host, 0)


def run_server(
    settings: ServerSettings, listener: socket.socket, ready: Callable[[str], None]
) -> None:
    """Serve until interrupted; Ctrl-C is the ordinary end.

    Parameters
    ----------
    settings : ServerSettings
    listener : socket
        As :func:`listen` gives it; closed at the end.
    ready : callable
        Told the address when the city is open and the server answers.

    Raises
    ------
    CityError
        If there is no city in the folder, or another process holds its base.
    """
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = listener.getsockname()[1]
    url = f"http://{host}:{port}/"
    if settings.workers > 1:
        from api.workers.supervisor import run_workers

        run_workers(settings, listener, lambda: ready(url))
        return
    with listener, serving(settings) as (app, _), announced(settings.city, settings.host, port):
        keep_all()
        try:
            told = partial(ready, url)
            answer(settings, app, listener, told, app.state.short, app.state.later)
        except KeyboardInterrupt:
            return  # uvicorn closes everything first and raises then


@contextmanager
def serving(settings: ServerSettings) -> Iterator[tuple[FastAPI, CityState]]:
    """The city, opened, and its application, for as long as the block runs.

    Raises
    ------
    CityError
        If there is no city in the folder, or another process holds its base.
    """
    with CityState.open(settings) as state, _making(), _warming(state):
        yield create_app(settings, state), state


def answer(
    settings: ServerSettings,
    app: ASGIApp,
    listener: socket.socket,
    ready: Callable[[], object],
    short: Short | None = None,
    later: Later | None = None,
) -> None:
    """Answer requests that come to a socket until the process is told to end; ``short`` and ``later`` those they can."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        http=bounded(settings.client_timeout_s, short, BEGINNINGS, later),
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        limit_concurrency=settings.max_connections,
        server_header=False,
        access_log=False,
        lifespan="on",
    )
    _Server(config, ready).run(sockets=[listener])


@contextmanager
def _making() -> Iterator[None]:
    """Make the compiled code of addresses beside, where it is not made: answers are right before, and fast after."""
    if all(map(is_made, (SINGLE, COLUMN, CUT))):
        yield
        return
    maker = subprocess.Popen(
        [sys.executable, "-m", "address.kernel"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        maker.terminate()  # the next server goes on where it was
        maker.wait()


@contextmanager
def _warming(state: CityState) -> Iterator[None]:
    """Plan tiles that were not built beside, so that the first who asks for one need not wait."""
    thread = threading.Thread(target=state.drawing.warm, name="tiles", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(GRACE_S)


class _Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
