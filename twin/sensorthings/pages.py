"""Pages of Datastreams that are kept as they were shown, until an entity is written or streams come."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from twin.sensorthings.questions import Options, Question

__all__ = ["Pages"]

MOST_ROWS: Final = 20_000
"""Datastreams in all pages together."""

Row = dict[str, Any]
Key = tuple[Any, ...]


class Pages:
    """Rows and entities of whole sets of Datastreams, by what was asked; safe to use from any thread.

    What is kept is of one version of the entities: whoever changes them calls :meth:`renew` before that is answered.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[Sequence[Row], Sequence[Row]]] = OrderedDict()
        self._rows = 0
        self._version = 0
        self._lock = threading.Lock()
        self.beside: set[int] = set()
        """Datastreams of whose observations more is kept than the archive has, and some that no longer are: read by
        :class:`~twin.sensorthings.reading.Reader`, added to before it is stored."""

    @property
    def version(self) -> int:
        """Number of changes so far: to be read before what :meth:`put` keeps is read."""
        return self._version

    def renew(self) -> None:
        """Forget everything: entities have changed."""
        with self._lock:
            self._version += 1
            self._kept.clear()
            self._rows = 0

    @staticmethod
    def key(question: Question, options: Options, root: str, reporting: int) -> Key | None:
        """Under what a page is kept; None for what is not. ``reporting``: streams that have a reading."""
        whole = len(question.steps) == 1 and not question.single
        if not whole or not question.entity.name.endswith("Datastreams"):
            return None
        if options.filter is not None or options.orderby:
            return None
        links = frozenset(options.expand)
        asked = options.select, links, options.top, options.skip
        return question.entity.name, root, reporting, *asked

    def get(self, key: Key) -> tuple[Sequence[Row], list[Row]] | None:
        """Rows and entities of a page; the entities are the caller's own."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
        return kept[0], [dict(row) for row in kept[1]]

    def put(self, key: Key, version: int, found: Sequence[Row], shown: Sequence[Row]) -> None:
        """Keep a page that was read at a version."""
        copy = [{"id": row["id"]} for row in found], [dict(row) for row in shown]
        with self._lock:
            if version != self._version or len(found) > MOST_ROWS or key in self._kept:
                return
            self._kept[key] = copy
            self._rows += len(found)
            while self._rows > MOST_ROWS:
                self._rows -= len(self._kept.popitem(last=False)[1][0])
