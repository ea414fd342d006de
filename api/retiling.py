"""Tiles of buildings follow what is written to the base: in a thread of its own, after each write, never inside one.

What was written last is in the log of changes, and a build takes up from where the layer stands: a process that ends in the
middle loses nothing, the next one carries on.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final

import tiles
from tiles.folder import read_manifest
from twin.store.read import version
from twin.store.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from twin.store import Store

__all__ = ["Retiler"]

LAYER: Final = "buildings"
TOGETHER_S: Final = 0.1
"""Writes that follow one another so closely are taken together."""
log = logging.getLogger("citytwin.tiles")


class _StoppedError(Exception):
    """The server ends."""


class Retiler:
    """Brings the tiles of buildings up to date while it is open, where they were built before.

    Parameters
    ----------
    store : Store
    out : Path
        The city's tiles folder.
    """

    def __init__(self, store: Store, out: Path) -> None:
        self._store, self._out = store, out
        self._seen = -1
        self._stop, self._work, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="tiles", daemon=True)

    def start(self) -> None:
        """Follow the base from now on; what was left undone is done first."""
        self._store.committed.append(self._told)
        self._work.set()
        self._thread.start()

    def close(self) -> None:
        """Stop; a layer that is being made anew is taken up where it was by the next who opens the city."""
        self._stop.set()
        self._work.set()
        with contextlib.suppress(ValueError):
            self._store.committed.remove(self._told)
        if self._thread.is_alive():
            self._thread.join()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the tiles are those of the base."""
        return self._idle.wait(timeout_s)

    def _told(self) -> None:
        self._idle.clear()
        self._work.set()

    def _run(self) -> None:
        while True:
            self._work.wait()
            if self._stop.wait(TOGETHER_S):
                return
            self._work.clear()
            try:
                self._renew()
            except _StoppedError:
                return
            except Exception:
                log.exception("the tiles could not follow the base")
            if not self._work.is_set():
                self._idle.set()

    def _renew(self) -> None:
        now = version(self._store)
        if now == self._seen or LAYER not in read_manifest(self._out):
            return
        report = tiles.build(Scene(self._store), self._out, [LAYER], self._going)
        self._seen = now
        log.debug("tiles follow change %d: %.3f s", now, report.seconds)

    def _going(self, _layer: str, _done: int, _total: int) -> None:
        if self._stop.is_set():
            raise _StoppedError
