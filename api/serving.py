"""Run the HTTP server of one city."""

import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from api.app import create_app
from twin.errors import InvalidRequestError
from twin.settings import ServerSettings

__all__ = ["run_server"]

GRACE_S = 3
"""Open event streams get this long when the server is told to end."""


def run_server(settings: ServerSettings, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    settings : ServerSettings
    ready : callable
        Told the address as soon as the port is taken.

    Raises
    ------
    InvalidRequestError
        If the server would be reachable from outside without tokens, or the port is taken.
    """
    if not _is_loopback(settings.host) and not settings.tokens:
        raise InvalidRequestError(
            f"host {settings.host} is reachable from other machines, and no tokens are set: "
            "anyone could write. Set TWIN_TOKENS, e.g. "
            '\'{"viewer": "…", "operator": "…"}\', or listen on 127.0.0.1.',
            "host",
        )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named so that asyncio sets TCP_NODELAY: without it every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise InvalidRequestError(
            f"port {settings.port} on {settings.host} cannot be used: {error.strerror}; take another with --port",
            "port",
        ) from error
    ready(f"http://{settings.host}:{listener.getsockname()[1]}/")
    config = uvicorn.Config(
        create_app(settings), log_level="warning", timeout_graceful_shutdown=GRACE_S, lifespan="on"
    )
    uvicorn.Server(config).run(sockets=[listener])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
