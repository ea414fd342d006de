"""One process that writes and several that read, on one port; who dies is started again.

They are forked from a process that has loaded the program and done nothing else, so that a start costs little and the
program's own memory is there once.
"""

import multiprocessing
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Final

from api.address_remote import announced
from api.workers.process import serve
from twin.errors import CityError
from twin.settings import ServerSettings

__all__ = ["run_workers"]

PAUSE_S: Final = 0.02
HASTY_S: Final = 1.0
"""Who dies sooner than this after its start, without having answered, is not started again sooner."""
START_S: Final = 120.0
END_S: Final = 10.0


class _Worker:
    """A process, and how to start it again."""

    def __init__(
        self, context: ForkServerContext, settings: ServerSettings, path: Path, port: socket.socket | None
    ) -> None:  # fmt: skip
        self._context, self._given = context, (settings, path, port)
        self._process: ForkServerProcess | None = None
        self._told: Connection | None = None
        self._started = 0.0
        self._ready = False

    def start(self) -> None:
        """Start it."""
        self._told, tell = self._context.Pipe(duplex=False)
        self._process = self._context.Process(target=serve, args=(*self._given, tell), daemon=True)
        self._process.start()
        tell.close()
        self._started, self._ready = time.monotonic(), False

    @property
    def is_ready(self) -> bool:
        """Whether it answers, or did."""
        if not self._ready and self._told is not None and self._told.poll():
            try:
                self._ready = bool(self._told.recv_bytes())
            except EOFError:
                self._told = None
        return self._ready

    @property
    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self._process is not None and not self._process.is_alive()

    def revive(self) -> None:
        """Start it again where it has died."""
        if self.is_dead and (self.is_ready or time.monotonic() - self._started > HASTY_S):
            self.start()

    def end(self) -> None:
        """Ask it to end."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()

    def join(self, deadline: float) -> None:
        """Wait for its end, and make it end at the deadline."""
        if self._process is None:
            return
        self._process.join(max(0.1, deadline - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run_workers(
    settings: ServerSettings, listener: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve until interrupted, by ``settings.workers`` processes that read and one that writes.

    Parameters
    ----------
    settings : ServerSettings
    listener : socket
        As :func:`api.serving.listen` gives it; closed at the end.
    ready : callable
        Told when all of them answer.

    Raises
    ------
    CityError
        If the writer cannot open the city; it has said why.
    """
    port = listener.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([serve.__module__])
    stop = threading.Event()
    with (
        listener,
        tempfile.TemporaryDirectory(prefix="twin-") as folder,
        announced(settings.city, settings.host, port),
    ):
        path = Path(folder) / "writer"
        writer = _Worker(context, settings, path, None)
        readers = [_Worker(context, settings, path, listener) for _ in range(settings.workers)]
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            writer.start()
            _await([writer], stop)
            for reader in readers:
                reader.start()
            _await(readers, stop)
            if not stop.is_set():
                ready()
            while not stop.wait(PAUSE_S):
                for worker in (writer, *readers):
                    worker.revive()
        finally:
            for group in (readers, [writer]):  # what readers have begun, the writer answers
                deadline = time.monotonic() + END_S
                for worker in group:
                    worker.end()
                for worker in group:
                    worker.join(deadline)


def _await(workers: list[_Worker], stop: threading.Event) -> None:
    deadline = time.monotonic() + START_S
    for worker in workers:
        while not worker.is_ready and not stop.wait(PAUSE_S):
            if worker.is_dead:
                raise CityError(
                    "a process that serves this city ended at once; what it said stands above"
                )
            if time.monotonic() > deadline:
                raise CityError(
                    f"a process that serves this city does not answer after {START_S:.0f} s"
                )
