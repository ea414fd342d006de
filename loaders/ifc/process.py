"""The process that holds a model: started once, forked for every file, limited in time.

Nothing of a foreign file is parsed in the process that loads a city. A warm server
(``python -m loaders.ifc.server``) is kept and forks a process for each file, so that a parser or a
kernel that crashes, hangs or eats memory costs that file's process and nothing else.
"""

import atexit
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from twin.errors import PlanError, SourceError, UnsafeSourceError

__all__ = ["ask"]

SILENCE_S = 45.0
"""Seconds without a word from a model's process before it is given up; one more for each MB of the file."""

_ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_TRIM_THRESHOLD_": str(16 << 20)}
"""What glibc gives back to the system at once: the kernels take and free small blocks all the time, and two
thirds of the page faults of a small model came of giving them back. Other C libraries ignore it."""

_idle: list["_Server"] = []
_lock = threading.Lock()


class _Server:
    """One warm server and the thread that reads its answers."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loaders.ifc.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={
                **os.environ,
                **_ALLOCATION,
                "OPENBLAS_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            },
        )
        self._answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        stream = self.process.stdout
        if stream is not None:
            for line in stream:
                self._answers.put(line)
        self._answers.put(b"")

    def send(self, job: dict[str, Any]) -> None:
        """Start a job; an ended server answers with its end."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.write(orjson.dumps(job) + b"\n")
                self.process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """Next answer; None where none came in time or the server is gone."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        return orjson.loads(line) if line.startswith(b"{") else None

    def close(self) -> None:
        """End the server and everything it started."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _take() -> _Server:
    with _lock:
        while _idle:
            server = _idle.pop()
            if server.process.poll() is None:
                return server
            server.close()
    return _Server()


@atexit.register
def _close_idle() -> None:
    with _lock:
        while _idle:
            _idle.pop().close()


def ask(
    path: Path, task: str, folder: Path | None = None, options: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Answers of a model's process to one task, as they come.

    Parameters
    ----------
    path : Path
        The IFC file.
    task : str
        See :mod:`loaders.ifc.tasks`.
    folder : Path, optional
        Existing folder for results.
    options : mapping, optional
        Plain values for the task.

    Yields
    ------
    dict

    Raises
    ------
    SourceError
        If the file cannot be read, or its process crashed or fell silent.
    PlanError
        If the plan contradicts itself or does not place the model.
    """
    limit = SILENCE_S + path.stat().st_size / 1e6
    server = _take()
    whole = False
    try:
        server.send(
            {
                "path": str(path.resolve()),
                "task": task,
                "folder": str(folder),
                "options": dict(options or {}),
            }
        )
        while True:
            said = server.answer(limit)
            if said is None:
                raise SourceError(
                    path,
                    f"the process that read it said nothing for {limit:.0f} s and was ended; "
                    "check the file with another program or split the model",
                )
            if "ended" in said:
                whole = True
                if said["ended"] != 0:
                    raise SourceError(
                        path,
                        f"the process that read it ended with {_ending(said['ended'])}: the file is "
                        "damaged in a way the parser does not survive; export it again",
                    )
                return
            if "error" in said:
                whole = server.answer(5.0) is not None
                if said["kind"] == "plan":
                    raise PlanError(said["error"])
                kind = UnsafeSourceError if said["kind"] == "unsafe" else SourceError
                raise kind(path, said["error"])
            yield said
    finally:
        if whole:
            with _lock:
                _idle.append(server)
        else:
            server.close()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
