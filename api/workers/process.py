"""One of the processes that serve a city, as the supervisor starts it."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from api.serving import answer, serving
from api.workers.forward import Writer
from api.workers.reader import Reader
from api.workers.writer import Behind
from twin.city import City
from twin.errors import TwinError
from twin.settings import ServerSettings

__all__ = ["serve"]


def serve(
    settings: ServerSettings, path: Path, listener: socket.socket | None, tell: Connection
) -> None:
    """Serve until the process is told to end, or the one that started it has ended.

    Parameters
    ----------
    settings : ServerSettings
    path : Path
        The writer's Unix socket.
    listener : socket or None
        The port, for a process that reads; None: this process writes.
    tell : Connection
        Told when this process answers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the supervisor tells when
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # everything is closed on the way out
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def told() -> None:
        tell.send_bytes(b"1")

    try:
        if listener is not None:
            reader = Reader(settings, City.open(settings.city), Writer(path), path.parent)
            answer(settings, reader, listener, told, reader.state.short)
            return
        with (
            serving(settings) as (app, state),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as own,
        ):
            app.state.tallies = path.parent
            path.unlink(missing_ok=True)
            own.bind(str(path))
            own.listen(1024)
            answer(settings, Behind(app, state), own, told)
    except TwinError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _end_with_parent() -> None:
    """However it ended: a city must not stay held by a process nobody knows of."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
