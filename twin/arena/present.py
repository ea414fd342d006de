"""The present of a city's collections: from arenas, from the base while one is being built."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from twin.arena.reader import ArenaReader
from twin.errors import NotReadyError
from twin.features.asking import EVERYTHING, Ask, Field, Page, Reach
from twin.features.stored import StoredReader

__all__ = ["CityReader"]


class CityReader:
    """Answers from arenas where they are ready, else from the base: both give the same things in the same order."""

    def __init__(self, arenas: ArenaReader, stored: StoredReader) -> None:
        self.arenas, self.stored = arenas, stored

    def version(self, collection: str) -> int:
        """Number of the last change."""
        try:
            return self.arenas.version(collection)
        except NotReadyError:
            return self.stored.version(collection)

    def fields(self, collection: str) -> Mapping[str, Field]:
        """Fields of its things."""
        try:
            return self.arenas.fields(collection)
        except NotReadyError:
            return self.stored.fields(collection)

    def page(self, ask: Ask) -> Page:
        """A page."""
        try:
            return self.arenas.page(ask)
        except NotReadyError:
            return self.stored.page(ask)

    def one(
        self, collection: str, eid: str, reach: Reach = EVERYTHING, version: int | None = None
    ) -> bytes | memoryview | None:
        """One thing."""
        try:
            return self.arenas.one(collection, eid, reach, version)
        except NotReadyError:
            return self.stored.one(collection, eid, reach, version)

    def table(self, ask: Ask, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything it finds, by column."""
        try:
            self.arenas.version(ask.collection)
        except NotReadyError:
            return self.stored.table(ask, names)
        return self.arenas.table(ask, names)
