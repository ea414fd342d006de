"""Batches that wait, and those that are stored together as one group."""

import threading
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.aside import aside_record
from twin.live.catalogue import Catalogue
from twin.live.incoming import (
    OK,
    WRONG_UNIT,
    Batch,
    IngestReport,
    Known,
    in_stream_units,
    judge,
    report,
    settle,
)
from twin.live.readings import NO_SEQUENCE, Readings

__all__ = ["MOST_WAITING", "Group", "Queue", "finish"]

MOST_WAITING = 200_000
"""Readings that may wait to be stored; senders wait beyond that."""


class Queue:
    """Batches that wait to be stored; safe to use from any thread."""

    def __init__(self) -> None:
        self._batches: list[Batch] = []
        self._room = threading.Condition()
        self.rows = 0
        self.filled = threading.Event()

    @property
    def full(self) -> bool:
        """Whether :meth:`put` would wait."""
        return self.rows > MOST_WAITING

    def put(self, batch: Batch) -> None:
        """Add a batch; blocks while too many readings wait."""
        with self._room:
            while self.rows > MOST_WAITING:
                self._room.wait()
            self._batches.append(batch)
            self.rows += len(batch)
        self.filled.set()

    def take(self) -> list[Batch]:
        """All that wait, in the order they came."""
        with self._room:
            taken, self._batches = self._batches, []
            self.filled.clear()
        return taken

    def settled(self, batches: list[Batch]) -> None:
        """Make the room free that batches took."""
        with self._room:
            self.rows -= sum(map(len, batches))
            self._room.notify_all()


class Group:
    """Readings of several batches as columns of shape (n,), and what becomes of each.

    Parameters
    ----------
    batches : list of Batch
    catalogue : Catalogue
    newest_us : ndarray of int64, shape (n_streams,)
        Newest time kept of each stream.
    known : callable
        As in :func:`twin.live.incoming.settle`.
    latest_us : int
        Latest time accepted, microseconds since 1970 UTC.
    """

    def __init__(
        self,
        batches: list[Batch],
        catalogue: Catalogue,
        newest_us: NDArray[np.int64],
        known: Known,
        latest_us: int,
    ) -> None:
        self.batches = batches
        self._ids = catalogue.ids
        self._bounds = list(accumulate(map(len, batches), initial=0))
        self.position = _positions(catalogue, batches)
        self.time_us = np.concatenate([batch.time_us for batch in batches])
        self.value = np.concatenate([batch.value for batch in batches])
        self.verdict = judge(self.position, self.time_us, self.value, latest_us)
        self.converted = np.zeros(len(self.value), bool)
        self._settle_units(catalogue)
        good = np.flatnonzero(self.verdict == 0)
        self.settled = settle(good, self.position, self.time_us, self.value, newest_us, known)

    def _settle_units(self, catalogue: Catalogue) -> None:
        """Turn results that came in other units into those of their streams."""
        for batch, part in self._parts():
            if batch.units is None:
                continue
            known = np.flatnonzero(self.position[part] >= 0)
            wanted = catalogue.table.column("unit").take(pa.array(self.position[part][known]))
            rows = known + part.start
            given = [batch.units[at] for at in known.tolist()]
            self.value[rows], self.converted[rows], wrong = in_stream_units(
                given, wanted.to_pylist(), self.value[rows]
            )
            wrong &= self.verdict[rows] == OK
            self.verdict[rows[wrong]] = WRONG_UNIT

    def _parts(self) -> Iterator[tuple[Batch, slice]]:
        for batch, start in zip(self.batches, self._bounds, strict=False):
            yield batch, slice(start, start + len(batch))

    def aside(self, now_us: int) -> list[dict[str, Any]]:
        """Second values, and what senders that cannot be told sent in vain."""
        kept = dict(zip(self.settled.other.tolist(), self.settled.kept.tolist(), strict=True))
        if not kept and not self.verdict.any():
            return []
        rows = set(kept)
        for batch, part in self._parts():
            if batch.park:
                rows.update((np.flatnonzero(self.verdict[part]) + part.start).tolist())
        owners = np.searchsorted(self._bounds, sorted(rows), "right") - 1
        return [
            aside_record(
                self.batches[at],
                row - self._bounds[at],
                int(self.verdict[row]),
                kept.get(row),
                now_us,
            )
            for row, at in zip(sorted(rows), owners.tolist(), strict=True)
        ]

    def readings(self, now_us: int) -> Readings:
        """The new readings, sorted by stream and time."""
        new = self.settled.new
        return Readings(
            self._ids[self.position[new]],
            self.time_us[new],
            self.value[new],
            np.full(len(new), now_us, np.int64),
            self._sequences()[new],
            self._marks(new),
        )

    def _sequences(self) -> NDArray[np.int64]:
        found = np.full(len(self.position), NO_SEQUENCE, np.int64)
        for batch, part in self._parts():
            if batch.sequence is not None:
                found[part] = batch.sequence
        return found

    def _marks(self, rows: NDArray[np.int64]) -> pa.StringArray | None:
        if all(batch.marks is None for batch in self.batches):
            return None
        marks = [
            pa.nulls(len(batch), pa.string()) if batch.marks is None else batch.marks
            for batch in self.batches
        ]
        return pa.concat_arrays(marks).take(pa.array(rows))

    def report(self) -> None:
        """Tell every batch what became of it."""
        marks = np.zeros((4, len(self.position)), bool)  # stored, another value, converted, refused
        marks[0, self.settled.new] = True
        marks[1, self.settled.other] = True
        marks[3] = self.verdict != OK
        marks[2] = self.converted & ~marks[3]
        up_to = np.zeros((4, len(self.position) + 1), np.int64)
        np.cumsum(marks, axis=1, out=up_to[:, 1:])
        numbers = np.diff(up_to[:, self._bounds], axis=1).T.tolist()
        for (batch, part), (stored, other, converted, refused) in zip(
            self._parts(), numbers, strict=True
        ):
            if refused:
                batch.report = report(batch, self.verdict[part], stored, other, converted)
            else:
                duplicate = len(batch) - stored + batch.left_out
                batch.report = IngestReport(
                    stored, duplicate, 0, 0, aside=other, converted=converted
                )


def _positions(catalogue: Catalogue, batches: list[Batch]) -> NDArray[np.int64]:
    """Positions of the streams of all batches; lists, which are many and short, are looked up together."""
    found, named = [], list[Any]()
    for batch in batches:
        if isinstance(batch.streams, list):
            named += batch.streams
            continue
        if named:
            found.append(catalogue.positions(named))
            named = []
        found.append(catalogue.positions(batch.streams))
    if named or not found:
        found.append(catalogue.positions(named))
    return np.concatenate(found)


def finish(batches: list[Batch], work: Callable[[list[Batch]], None]) -> None:
    """Do ``work``; batches it does not settle get its error."""
    try:
        work(batches)
    except BaseException as err:
        for batch in batches:
            if not batch.settled:
                batch.error = err
        if not isinstance(err, Exception):
            raise
