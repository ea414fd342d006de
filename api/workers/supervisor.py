"""One process that writes and several that read, on one port; who dies is started again."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from api.address_remote import announced
from twin.errors import CityError
from twin.settings import ServerSettings

__all__ = ["run_workers"]

PAUSE_S: Final = 0.05
QUICK_S: Final = 2.0
"""Who dies sooner than this after its start waits as long before the next."""
START_S: Final = 120.0
END_S: Final = 10.0


class _Worker:
    """A process, and how to start it again."""

    def __init__(self, arguments: list[str], fds: tuple[int, ...]) -> None:
        self._arguments, self._fds = arguments, fds
        self.process: subprocess.Popen[bytes] | None = None
        self.is_ready = threading.Event()
        self._started = 0.0

    def start(self) -> None:
        """Start it; a byte comes through its pipe when it answers, and it ends when this process has."""
        self.is_ready.clear()
        told, tell = os.pipe()
        life, held = os.pipe()
        command = [
            sys.executable,
            "-m",
            "api.workers.process",
            *self._arguments,
            str(tell),
            str(life),
        ]
        self.process = subprocess.Popen(command, pass_fds=(tell, life, *self._fds))  # noqa: S603 -- this program
        os.close(tell)
        os.close(life)
        self._started = time.monotonic()
        threading.Thread(target=self._wait, args=(told, held, self.process), daemon=True).start()

    def _wait(self, told: int, held: int, process: "subprocess.Popen[bytes]") -> None:
        if os.read(told, 1):
            self.is_ready.set()
        os.close(told)
        process.wait()
        os.close(held)

    def revive(self) -> None:
        """Start it again where it has died, not at once where it never answered."""
        hasty = not self.is_ready.is_set() and time.monotonic() - self._started < QUICK_S
        if self.code is not None and not hasty:
            self.start()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self.process is None else self.process.poll()

    def end(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def join(self, deadline: float) -> None:
        """Wait for its end, and make it end at the deadline."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_workers(
    settings: ServerSettings, listener: socket.socket, ready: Callable[[str], None]
) -> None:
    """Serve until interrupted, by ``settings.workers`` processes that read and one that writes.

    Parameters
    ----------
    settings : ServerSettings
    listener : socket
        As :func:`api.serving.listen` gives it; closed at the end.
    ready : callable
        Told the address when all of them answer.

    Raises
    ------
    CityError
        If the writer cannot open the city; it has said why.
    """
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = listener.getsockname()[1]
    with (
        listener,
        tempfile.TemporaryDirectory(prefix="twin-") as folder,
        announced(settings.city, settings.host, port),
    ):
        where = [str(settings.city), settings.host, str(port), str(int(settings.simulate))]
        where.append(str(Path(folder) / "writer"))
        writer = _Worker(["writer", *where, "-1"], ())
        fd = listener.fileno()
        readers = [_Worker(["reader", *where, str(fd)], (fd,)) for _ in range(settings.workers)]
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            writer.start()
            _await([writer], stop)
            for reader in readers:
                reader.start()
            _await(readers, stop)
            if not stop.is_set():
                ready(f"http://{host}:{port}/")
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
        while not worker.is_ready.wait(PAUSE_S) and not stop.is_set():
            if worker.code is not None:
                raise CityError(
                    "a process that serves this city ended at once; what it said stands above"
                )
            if time.monotonic() > deadline:
                raise CityError(
                    f"a process that serves this city does not answer after {START_S:.0f} s"
                )
