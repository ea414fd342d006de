"""``python -m api.workers.process``: one of the processes that serve a city, started by the supervisor."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from api.serving import answer, server_settings, serving
from api.workers.forward import Writer
from api.workers.reader import Reader
from api.workers.writer import Behind
from twin.city import City
from twin.errors import TwinError
from twin.settings import ServerSettings

__all__ = ["main"]


def _ends_with(life: int) -> None:
    """End when the process that started this one has, however it did."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def main(kind: str, where: Sequence[str]) -> None:
    """Serve as ``writer`` or ``reader``.

    Parameters
    ----------
    kind : str
    where : sequence of str
        City folder, host, port, 1 to simulate, the writer's Unix socket, the port's descriptor, the descriptor a byte is
        written to when this process answers, and the one that ends with the process that started it.
    """
    city, host, port, simulate, path, fd, tell, life = where
    threading.Thread(target=_ends_with, args=(int(life),), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the supervisor tells when
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # everything is closed on the way out
    settings = server_settings(Path(city), host, int(port), simulate == "1")

    def told() -> object:
        return os.write(int(tell), b"1")

    try:
        if kind == "writer":
            _write(settings, Path(path), told)
        else:
            _read(settings, Path(path), int(fd), told)
    except TwinError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _write(settings: ServerSettings, path: Path, told: Callable[[], object]) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    with serving(settings) as (app, state), listener:
        listener.bind(str(path))
        listener.listen(1024)
        answer(settings, Behind(app, state), listener, told)


def _read(settings: ServerSettings, path: Path, fd: int, told: Callable[[], object]) -> None:
    app = Reader(settings, City.open(settings.city), Writer(path))
    with socket.socket(fileno=fd) as listener:
        answer(settings, app, listener, told)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
