"""What the live hub answers from memory: newest readings, states, key numbers, events."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.errors import NotFoundError
from twin.live.catalogue import Catalogue
from twin.live.events import EventLog, Subscription, View
from twin.live.indicators import indicators
from twin.live.journal import Journal
from twin.live.ledger import Sequences
from twin.live.memory import Memory
from twin.live.register import naive_utc
from twin.live.scene import Picture
from twin.live.state import NO_TIME, microseconds
from twin.store import Store

if TYPE_CHECKING:
    from twin.live.readings import Readings

__all__ = ["Box", "LiveView", "utc_now"]

Box = tuple[float, float, float, float]


def utc_now() -> datetime:
    """The present moment, with its zone."""
    return datetime.now(UTC)


class LiveView:
    """The reading half of :class:`twin.live.LiveHub`; safe to use from any thread.

    Parameters
    ----------
    store : Store
    clock : callable
        Gives the present moment; UTC where it is naive.
    """

    _memory: Memory
    sequences: Sequences

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self.journal = Journal(store.city.path / "live" / "events")
        self.events = EventLog(keeper=self.journal, clock_us=lambda: microseconds(self.now()))
        self._view = threading.Lock()  # held for moments while memory follows or is read
        self._arrived = 0
        self.listening_since = self.now()
        self.heard: list[Callable[[Readings], object]] = []
        """Called with the new readings of each group once they are on disk and known, from the thread that stored them."""

    def latest(self) -> pa.Table:
        """Newest reading of every stream: ``stream_id, key, phenomenon_time, result, state``."""
        with self._view:
            return self._memory.latest()

    def newest(
        self, ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Of some streams those that have a reading, its time (µs UTC) and result; columns of shape (n,)."""
        with self._view:
            memory = self._memory
            at = memory.catalogue.of_ids(ids)
            known = at >= 0
            ids, at = ids[known], at[known]
            time_us, value = memory.time_us[at], memory.value[at]
        some = time_us != NO_TIME
        return ids[some], time_us[some], value[some]

    @property
    def reporting(self) -> int:
        """How many streams have a reading."""
        return int(np.count_nonzero(self._memory.time_us != NO_TIME))

    @property
    def catalogue(self) -> Catalogue:
        """The streams as they are; another object after a reload."""
        return self._memory.catalogue

    def streams(
        self,
        bbox: Box | None = None,
        subject: str | None = None,
        shown: tuple[Catalogue, NDArray[np.bool_]] | None = None,
    ) -> pa.Table:
        """Streams with their newest reading.

        Parameters
        ----------
        bbox : tuple of float, optional
            West, south, east, north, degrees.
        subject : str, optional
            One of the monitored subjects, such as 燃气.
        shown : (Catalogue, ndarray of bool), optional
            Which streams of a catalogue may be shown; none where it is no longer that of the hub.

        Returns
        -------
        pyarrow.Table
            Columns of ``sql/catalogue.sql`` plus ``value``, ``state`` and ``time`` (UTC, no zone).
        """
        with self._view:
            memory = self._memory
            newest = memory.latest()
        table = memory.catalogue.table
        for column, name in (("result", "value"), ("state", "state"), ("phenomenon_time", "time")):
            table = table.append_column(name, newest.column(column))
        chosen = memory.catalogue.select(bbox, subject)
        if shown is not None:
            chosen &= shown[1] if shown[0] is memory.catalogue else False
        return table if chosen.all() else table.filter(pa.array(chosen))

    def stream(self, stream: str | int) -> dict[str, Any]:
        """One stream by key or id, with its newest reading.

        Raises
        ------
        NotFoundError
            If there is no such stream.
        """
        position = int(self._memory.catalogue.positions([stream])[0])
        if position < 0:
            raise NotFoundError(f"there is no datastream {stream!r}")
        with self._view:
            return self._memory.stream(position)

    def picture(
        self, cases: list[dict[str, Any]], shown: tuple[Catalogue, NDArray[np.bool_]] | None = None
    ) -> Picture:
        """How the city stands now; ``cases`` as in :class:`twin.live.scene.Picture`, ``shown`` as in :meth:`streams`.

        Its ``seq`` is older than what it holds or the same: events after it may be in it already.
        """
        seq = self.events.last_id
        with self._view:
            memory = self._memory
            state, value = memory.state.copy(), memory.value.copy()
            standing = list(memory.standing.values())
        catalogue = memory.catalogue
        if shown is not None:
            chosen = shown[1] if shown[0] is catalogue else np.zeros(len(state), bool)
            catalogue, state, value = catalogue.part(chosen), state[chosen], value[chosen]
        alarms = [
            {"id": a.alarm_id, "stream_id": a.stream_id, "state": a.state, "level": a.level}
            for a in standing
        ]
        return Picture(catalogue, state, value, alarms, cases, seq, microseconds(self.now()))

    @property
    def memory(self) -> Memory:
        """The live state; replaced as a whole by :meth:`reload`, not to be changed from outside."""
        return self._memory

    def now(self) -> datetime:
        """The present moment of this hub's clock, naive UTC."""
        return naive_utc(self._clock())

    def arrivals(self, n: int) -> NDArray[np.int64]:
        """Moments for ``n`` readings that bring none: now, and each given only once (µs UTC)."""
        with self._view:
            first = max(microseconds(self.now()), self._arrived + 1)
            self._arrived = first + n - 1
        return np.arange(first, first + n)

    def seen(self, stream: str | int, number: int) -> bool:
        """Whether a stream gave a reading of this running number before."""
        memory = self._memory
        position = int(memory.catalogue.positions([stream])[0])
        return position >= 0 and self.sequences.seen(int(memory.catalogue.ids[position]), number)

    def knows(self, key: str) -> bool:
        """Whether there is a stream of this key."""
        return key in self._memory.catalogue.keys

    def indicators(
        self,
        shown: tuple[Catalogue, NDArray[np.bool_]] | None = None,
        stages: Mapping[str, int] | None = None,
    ) -> dict[str, Any]:
        """Key numbers of the city now; see :func:`twin.live.indicators.indicators`.

        ``shown`` as in :meth:`streams`; ``stages`` counts the cases instead of the base.
        """
        with self._view:
            memory = self._memory
            state, time_us = memory.state.copy(), memory.time_us.copy()
            standing = list(memory.standing.values())
        catalogue, received = memory.catalogue, memory.received
        if shown is not None:
            chosen = shown[1] if shown[0] is catalogue else np.zeros(len(state), bool)
            catalogue, state, time_us = catalogue.part(chosen), state[chosen], time_us[chosen]
            streams = set(catalogue.ids.tolist())
            standing = [alarm for alarm in standing if alarm.stream_id in streams]
            received = received.rearranged(
                np.where(chosen, np.cumsum(chosen) - 1, -1), int(chosen.sum())
            )
        with self._store.snapshot() as cursor:
            return indicators(
                cursor,
                catalogue,
                state,
                time_us,
                standing,
                received,
                self.now(),
                self.listening_since,
                stages,
            )

    def subscribe(
        self,
        last_event_id: int | None = None,
        *,
        bbox: Box | None = None,
        subject: str | None = None,
        wake: Callable[[], object] | None = None,
        shown: tuple[Catalogue, NDArray[np.bool_]] | None = None,
        told: Callable[[str, Mapping[str, Any]], Mapping[str, Any] | None] | None = None,
    ) -> Subscription:
        """Follow what happens, from now on or after an event seen before.

        ``bbox`` (degrees) and ``subject`` narrow streams and alarms, ``bbox`` also cases; ``wake``
        as in :meth:`twin.live.events.EventLog.subscribe`; ``shown`` as in :meth:`streams`, ``told`` as in
        :class:`twin.live.events.View`.
        """
        streams, catalogue = None, self._memory.catalogue
        if bbox is not None or subject is not None:
            streams = catalogue.select(bbox, subject)
        if shown is not None:
            own = shown[1] if shown[0] is catalogue else np.zeros(len(catalogue.ids), bool)
            streams = own if streams is None else streams & own
        ids = None if streams is None else catalogue.ids[streams]
        return self.events.subscribe(last_event_id, View(ids, bbox, told), wake)
