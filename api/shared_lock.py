"""A lock that many readers share and a writer has to itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["SharedLock"]


class SharedLock:
    """Readers go in together; a writer waits until they are out, and those who come later wait for it.

    A thread must not ask for it while it holds it.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._readers = 0
        self._writers = 0  # that wait or write
        self._writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold it with other readers."""
        with self._turn:
            while self._writers:
                self._turn.wait()
            self._readers += 1
        try:
            yield
        finally:
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold it alone."""
        with self._turn:
            self._writers += 1
            while self._readers or self._writing:
                self._turn.wait()
            self._writing = True
        try:
            yield
        finally:
            with self._turn:
                self._writing = False
                self._writers -= 1
                self._turn.notify_all()
