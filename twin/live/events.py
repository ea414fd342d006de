"""What subscribers are told: numbered events in a bounded memory, read by cursor.

A subscriber holds only the number of the last event it saw, so a slow one costs nothing and blocks
nobody: if it falls out of the memory it gets one ``resync`` event (read the present state anew, go
on from here). With a journal (:mod:`twin.live.journal`) memory and numbers outlive the process, and so
do the :class:`Marks`: what was committed and not told when it ended is told by the next one. Without
the journal of a life before, numbers start from the clock's milliseconds, above all that were given.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.live.state import STATES

__all__ = ["Changes", "Event", "EventLog", "Keeper", "Marks", "Subscription", "View", "iso_times"]

MAX_EVENTS = 10_000
MAX_WEIGHT = 500_000
"""Changes kept in all events together."""


def iso_times(time_us: NDArray[np.int64]) -> list[str | None]:
    """RFC 3339 UTC texts of microseconds since 1970, to the millisecond; None for no time."""
    text = np.datetime_as_string(time_us.view("M8[us]"), unit="ms")
    return [None if moment == "NaT" else f"{moment}Z" for moment in text.tolist()]


@dataclass(frozen=True, slots=True)
class Changes:
    """New states of streams, columns of shape (n,).

    ``state`` is an index into :data:`twin.live.state.STATES`, ``time_us`` microseconds since 1970
    UTC, ``value`` NaN where there is none.
    """

    stream_id: NDArray[np.int64]
    value: NDArray[np.float64]
    state: NDArray[np.uint8]
    time_us: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> "Changes":
        """The rows where ``chosen`` is true."""
        return Changes(
            self.stream_id[chosen],
            self.value[chosen],
            self.state[chosen],
            self.time_us[chosen],
        )

    def rows(self) -> list[dict[str, Any]]:
        """``{id, value, state, time}`` of each."""
        return [
            {"id": stream, "value": value, "state": STATES[state], "time": moment}
            for stream, value, state, moment in zip(
                self.stream_id.tolist(),
                [None if value != value else value for value in self.value.tolist()],
                self.state.tolist(),
                iso_times(self.time_us),
                strict=True,
            )
        ]


@dataclass(frozen=True, slots=True)
class Marks:
    """How far what is committed was told.

    Parameters
    ----------
    frames : int
        Number of the first frame of the log of readings whose states were not told.
    alarms, cases : int
        ``seq`` of the last event of an alarm and of a case that was told.
    at_us : int
        When the last event was told, microseconds since 1970 UTC.
    """

    frames: int
    alarms: int
    cases: int
    at_us: int


@dataclass(frozen=True, slots=True)
class View:
    """Part of the city a subscriber asks for.

    Parameters
    ----------
    streams : ndarray of int64, shape (n,), optional
        Ids, ascending, of the streams whose states and alarms to tell; all where None.
    bbox : tuple of float, optional
        West, south, east, north in degrees: cases outside are not told.
    told : callable, optional
        Given the kind and data of an event, what of it is told; None for nothing.
    """

    streams: NDArray[np.int64] | None = None
    bbox: tuple[float, float, float, float] | None = None
    told: Callable[[str, Mapping[str, Any]], Mapping[str, Any] | None] | None = None

    def shows(self, stream_id: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some streams are shown; streams newer than the view are not."""
        if self.streams is None:
            return np.ones(len(stream_id), bool)
        if not len(self.streams):
            return np.zeros(len(stream_id), bool)
        at = np.minimum(np.searchsorted(self.streams, stream_id), len(self.streams) - 1)
        shown: NDArray[np.bool_] = self.streams[at] == stream_id
        return shown


class Event:
    """One thing that happened: a number, a kind and data.

    Kinds are ``state``, ``alarm``, ``case``, ``indicators`` and ``resync``. ``stream_id`` is
    the stream it is about, ``place`` its longitude and latitude, where it has them.
    """

    __slots__ = ("_wire", "changes", "data", "event_id", "kind", "place", "stream_id")

    def __init__(
        self,
        event_id: int,
        kind: str,
        data: Mapping[str, Any] | None = None,
        changes: Changes | None = None,
        stream_id: int | None = None,
        place: tuple[float, float] | None = None,
    ) -> None:
        self.event_id = event_id
        self.kind = kind
        self.data = data
        self.changes = changes
        self.stream_id = stream_id
        self.place = place
        self._wire: bytes | None = None

    @property
    def weight(self) -> int:
        """How much memory it takes, counted in changes."""
        return 1 if self.changes is None else 1 + len(self.changes.stream_id)

    def content(self) -> Mapping[str, Any]:
        """What it says, ready for JSON."""
        return self.data if self.changes is None else {"changes": self.changes.rows()}  # type: ignore[return-value] # one of the two is there

    def wire(self) -> bytes:
        """The event as server-sent-event text; made once however many subscribers there are."""
        if self._wire is None:
            body = orjson.dumps(self.content(), default=str)
            head = f"id: {self.event_id}\nevent: {self.kind}\ndata: ".encode()
            self._wire = head + body + b"\n\n"
        return self._wire

    def seen_by(self, view: View) -> "Event | None":
        """The part of it that ``view`` shows; None where there is none."""
        if self.changes is not None and view.streams is not None:
            chosen = view.shows(self.changes.stream_id)
            if chosen.all():
                return self
            if not chosen.any():
                return None
            return Event(self.event_id, self.kind, changes=self.changes.take(chosen))
        if self.stream_id is not None and view.streams is not None:
            return self if view.shows(np.array([self.stream_id]))[0] else None
        if self.kind == "case" and view.bbox is not None:
            if self.place is None:
                return None
            (lon, lat), (west, south, east, north) = self.place, view.bbox
            return self if west <= lon <= east and south <= lat <= north else None
        return self

    def told_to(self, view: View) -> "Event | None":
        """As :meth:`seen_by`, with what of its data the view tells."""
        seen = self.seen_by(view)
        if seen is None or seen.data is None or view.told is None:
            return seen
        told = view.told(seen.kind, seen.data)
        return None if told is None else Event(seen.event_id, seen.kind, told)


class Keeper(Protocol):
    """What keeps events beyond the process; see :class:`twin.live.journal.Journal`."""

    def restore(self) -> tuple[list[Event], Marks] | None:
        """Events of the life before and how far they told; None where there was none."""

    def append(self, event: Event, marks: Marks, weight: int) -> None:
        """Keep an event; its number follows the one before. ``weight``: of one memory full of events."""


class EventLog:
    """Numbered events in memory, bounded by count and weight; safe to use from any thread.

    Parameters
    ----------
    max_events, max_weight : int
        Bounds of the memory.
    keeper : Keeper, optional
        Where events are kept beyond the process.
    clock_us : callable
        The present moment for :class:`Marks`, microseconds since 1970 UTC.
    """

    def __init__(
        self,
        max_events: int = MAX_EVENTS,
        max_weight: int = MAX_WEIGHT,
        keeper: Keeper | None = None,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._weight = 0
        self._limits = (max_events, max_weight)
        self._keeper, self._clock_us = keeper, clock_us
        self._next = time.time_ns() // 1_000_000 * 1_000
        self.marks: Marks | None = None
        """How far a life before told; None where there was none that can be gone on from."""
        restored = None if keeper is None else keeper.restore()
        if restored is not None:
            events, self.marks = restored
            for event in events:
                self._remember(event)
            self._next = events[-1].event_id + 1
        self.published = 0
        self._wakers: dict[int, Callable[[], object]] = {}
        self.closed = False

    @property
    def last_id(self) -> int:
        """Number of the newest event, or of the moment before the first."""
        with self._lock:
            return self._next - 1

    @property
    def followers(self) -> int:
        """Subscribers that are woken."""
        return len(self._wakers)

    def publish(
        self,
        kind: str,
        data: Mapping[str, Any] | None = None,
        *,
        changes: Changes | None = None,
        stream_id: int | None = None,
        place: tuple[float, float] | None = None,
        marks: Mapping[str, int] = MappingProxyType({}),
    ) -> int:
        """Append an event, wake everyone who waits, and give its number.

        ``marks`` says which of :class:`Marks` move with it.
        """
        with self._lock:
            event = Event(self._next, kind, data, changes, stream_id, place)
            self._next += 1
            self.published += 1
            self.marks = replace(self.marks or Marks(0, 0, 0, 0), at_us=self._clock_us(), **marks)
            if self._keeper is not None:
                self._keeper.append(event, self.marks, self._limits[1])
            self._remember(event)
        self._wake()
        return event.event_id

    def _remember(self, event: Event) -> None:
        self._events.append(event)
        self._weight += event.weight
        while len(self._events) > 1 and (
            len(self._events) > self._limits[0] or self._weight > self._limits[1]
        ):
            self._weight -= self._events.popleft().weight

    def since(self, last_id: int, limit: int) -> tuple[list[Event], bool]:
        """Events after ``last_id``, oldest first, and whether some are no longer remembered."""
        with self._lock:
            first = self._next - len(self._events)
            if last_id >= self._next or last_id + 1 < first:
                return [], True
            start = last_id + 1 - first
            return [
                self._events[i] for i in range(start, min(start + limit, len(self._events)))
            ], False

    def remembered(self) -> list[Event]:
        """Every event in memory, oldest first."""
        with self._lock:
            return list(self._events)

    def subscribe(
        self,
        last_event_id: int | None = None,
        view: View | None = None,
        wake: Callable[[], object] | None = None,
    ) -> "Subscription":
        """Begin to follow, after ``last_event_id`` or from now on.

        ``wake`` is called after every new event, from the thread that published it; it must not
        block (in a coroutine: ``functools.partial(loop.call_soon_threadsafe, flag.set)``).
        """
        with self._lock:
            start = self._next - 1 if last_event_id is None else last_event_id
            subscription = Subscription(self, start, view or View())
            if wake is not None:
                self._wakers[id(subscription)] = wake
        return subscription

    def drop(self, subscription: "Subscription") -> None:
        """Forget a subscriber."""
        with self._lock:
            self._wakers.pop(id(subscription), None)

    def close(self) -> None:
        """Tell every subscriber that nothing more will come."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            wakers = list(self._wakers.items())
        for key, wake in wakers:
            try:
                wake()
            except RuntimeError:  # its event loop has ended
                with self._lock:
                    self._wakers.pop(key, None)


class Subscription:
    """A cursor into an :class:`EventLog`."""

    def __init__(self, log: EventLog, cursor: int, view: View) -> None:
        self._log = log
        self.cursor = cursor
        self.view = view

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._log.closed

    def take(self, limit: int = 256) -> list[Event]:
        """New events, at most ``limit`` looked at; a ``resync`` event where some were missed."""
        found, gap = self._log.since(self.cursor, limit)
        if gap:
            missed_after, self.cursor = self.cursor, self._log.last_id
            return [Event(self.cursor, "resync", {"missed_after": missed_after})]
        if found:
            self.cursor = found[-1].event_id
        seen = (event.told_to(self.view) for event in found)
        return [event for event in seen if event is not None]

    def pending(self) -> bool:
        """Whether :meth:`take` has something to look at."""
        return self._log.last_id != self.cursor

    def close(self) -> None:
        """Stop following."""
        self._log.drop(self)
