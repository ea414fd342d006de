"""The live hub: takes readings, keeps the newest of each, raises alarms, tells subscribers.

A batch goes one way: judged → sorted → what the base already has left out → readings, alarm steps
and alarm conditions written in **one transaction** → on disk → memory follows → subscribers are
told → the caller gets its report. What was acknowledged is stored, what was told is stored; a
crash anywhere loses neither, because memory is rebuilt from the base.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from twin.errors import ConflictError, NotFoundError
from twin.live import alarms
from twin.live.alarms import Alarm, AlarmEvent, Draft
from twin.live.catalogue import Catalogue, StreamIds
from twin.live.conditions import Transitions, evaluate
from twin.live.events import EventLog, Subscription, View
from twin.live.history import CLOCK_TOLERANCE
from twin.live.incoming import (
    IngestReport,
    Times,
    as_microseconds,
    fresh,
    judge,
    marks_of,
    report,
    values_of,
)
from twin.live.indicators import indicators
from twin.live.memory import Memory
from twin.live.register import naive_utc
from twin.live.state import STALE, microseconds, moment_of
from twin.store import Store

__all__ = ["LiveHub"]

Box = tuple[float, float, float, float]
CHECKPOINT_EVERY = timedelta(seconds=10)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LiveHub:
    """Readings in, states and alarms out; safe to use from any thread.

    Parameters
    ----------
    store : Store
        The base, open for writing.
    clock : callable, optional
        Gives the present moment; UTC where it is naive.

    Examples
    --------
    >>> hub = LiveHub(store)                                             # doctest: +SKIP
    >>> hub.ingest(["G1/ch4"], [datetime.now(UTC)], [0.4]).stored        # doctest: +SKIP
    1
    """

    def __init__(self, store: Store, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._clock = clock
        self.events = EventLog()
        self._lock = threading.RLock()  # one batch, answer or tick at a time
        self._view = threading.Lock()  # held for moments while memory follows or is read
        self._sound = False
        self.listening_since = self._now()
        self._checkpointed = self.listening_since
        self._told = self.events.last_id
        self.reload()

    def _now(self) -> datetime:
        return naive_utc(self._clock())

    def reload(self) -> None:
        """Rebuild memory from the base, as after a load; subscribers are told to resync."""
        with self._lock:
            with self._store.transaction() as con:
                memory = Memory.load(con, self._now())
                _snapshot(con, memory)
            with self._view:
                self._memory = memory
            self._sound = True
            self.events.publish("resync", {"reason": "reload"})

    def ingest(
        self,
        streams: StreamIds,
        times: Times,
        results: ArrayLike | pa.Array,
        quality: Sequence[str | None] | None = None,
    ) -> IngestReport:
        """Store readings, durably before this returns.

        A reading is known by its stream and time: sent again, it changes nothing and counts as
        duplicate. Readings older than the newest of their stream are stored, but change neither its
        state nor its alarms.

        Parameters
        ----------
        streams : sequence of str or int, shape (n,)
            Keys or ids.
        times : sequence of datetime, shape (n,), or one datetime
            When each was observed; naive means UTC. At most five minutes ahead of the clock.
        results : array of float, shape (n,)
            In the unit of the stream.
        quality : sequence of str, shape (n,), optional
            Source's own mark of quality, kept as it is.

        Returns
        -------
        IngestReport
            Every reading is accounted for; those refused are listed with the reason.

        Raises
        ------
        InvalidRequestError
            If lengths or types do not fit; nothing is stored then.
        """
        n = len(streams)
        time_us, value = as_microseconds(times, n), values_of(results, n)
        marks = marks_of(quality, n)
        with self._lock:
            if not self._sound:
                self.reload()
            memory, now = self._memory, self._now()
            position = memory.catalogue.positions(streams)
            verdict = judge(position, time_us, value, microseconds(now + CLOCK_TOLERANCE))
            good = np.flatnonzero(verdict == 0)
            order = good[np.lexsort((time_us[good], position[good]))]
            stored = self._store_batch(order, position, time_us, value, marks, now) if n else 0
        return report(streams, verdict, stored)

    def _store_batch(
        self,
        order: NDArray[np.int64],
        position: NDArray[np.int64],
        time_us: NDArray[np.int64],
        value: NDArray[np.float64],
        marks: pa.Array,
        now: datetime,
    ) -> int:
        memory = self._memory
        self._sound = False  # until memory has followed the base again
        with self._store.transaction() as con:
            ids = memory.catalogue.ids
            kept = fresh(con, order, position, time_us, memory.time_us, ids)
            at, when, what = position[kept], time_us[kept], value[kept]
            if len(kept):
                _write_readings(con, ids[at], when, what, marks.take(pa.array(kept)), now)
            current = when > memory.time_us[at]
            at, when, what = at[current], when[current], what[current]
            outcome = evaluate(memory.rules, memory.conditions, at, when, what)
            draft = self._draft(outcome.transitions)
            moved = memory.moved(outcome)
            if moved.num_rows or draft.events:
                alarms.write(con, draft, moved, now)
        newest = np.flatnonzero(np.append(np.diff(at) != 0, True)[: len(at)])
        with self._view:
            touched = at[newest]
            memory.time_us[touched], memory.value[touched] = when[newest], what[newest]
            memory.state[touched] = memory.judged(touched, now)
            memory.follow(outcome)
            memory.standing = draft.standing_after()
        self._sound = True
        if len(touched):
            self.events.publish("state", changes=memory.changes(touched))
        self._tell(draft)
        return len(kept)

    def _draft(self, transitions: Transitions) -> Draft:
        """Alarm steps that follow from conditions that began or ended."""
        memory = self._memory
        draft = Draft(memory.standing)
        for row, time_us, value, begins in zip(
            transitions.rule.tolist(),
            transitions.time_us.tolist(),
            transitions.value.tolist(),
            transitions.begins.tolist(),
            strict=True,
        ):
            rule = memory.rules.row(row)
            if begins:
                position = memory.catalogue.of_ids(np.array([rule["stream_id"]]))[0]
                stream = memory.catalogue.row(int(position))
                draft.begin(rule, stream, moment_of(time_us), value)
            else:
                draft.end(rule["rule_id"], moment_of(time_us), value)
        return draft

    def _tell(self, draft: Draft) -> None:
        for event in draft.events:
            alarm = draft.touched[event.alarm_id]
            position = int(self._memory.catalogue.of_ids(np.array([alarm.stream_id]))[0])
            self.events.publish(
                "alarm", self._told_alarm(alarm, event, position), position=position
            )

    def _told_alarm(self, alarm: Alarm, event: AlarmEvent, position: int) -> Mapping[str, Any]:
        stream = self._memory.catalogue.row(position) if position >= 0 else {}
        place = {name: stream.get(name) for name in alarms.STREAM_FIELDS}
        return {
            **alarms.as_row(alarm),
            **place,
            "state": event.to_state,
            "event": event.event,
            "actor": event.actor,
            "at": event.at_time.isoformat(timespec="milliseconds") + "Z",
        }

    def answer(self, alarm_id: str, step: str, actor: str, note: str | None = None) -> Alarm:
        """A person answers an alarm.

        Parameters
        ----------
        alarm_id : str
            UUID of the alarm.
        step : str
            ``acknowledge`` or ``close``.
        actor : str
            Who answers.
        note : str, optional
            Why; needed for closing an alarm whose condition still holds.

        Returns
        -------
        Alarm
            As it stands now.

        Raises
        ------
        NotFoundError
            If there never was such an alarm.
        ConflictError
            If its state does not allow the step.
        """
        with self._lock:
            if not self._sound:
                self.reload()
            now = self._now()
            standing = {alarm.alarm_id: alarm for alarm in self._memory.standing.values()}
            draft = Draft(self._memory.standing)
            if alarm_id not in standing:
                with self._store.cursor() as cursor:
                    alarms.one(cursor, alarm_id)  # raises where there never was one
                raise ConflictError(f"alarm {alarm_id} is closed; there is nothing to {step}.")
            answered = draft.answer(standing[alarm_id], step, now, actor, note)
            self._sound = False
            with self._store.transaction() as con:
                alarms.write(con, draft, alarms.CONDITION_COLUMNS.empty_table(), now)
            with self._view:
                self._memory.standing = draft.standing_after()
            self._sound = True
            self._tell(draft)
        return answered

    def tick(self) -> None:
        """Let time pass: silent streams go stale, key numbers are told, ``latest`` follows.

        To be called about once a second.
        """
        with self._lock:
            if not self._sound:
                self.reload()
            memory, now = self._memory, self._now()
            everyone = np.arange(len(memory.catalogue.ids))
            judged = memory.judged(everyone, now)
            silent = np.flatnonzero((judged == STALE) & (memory.state != STALE))
            if len(silent):
                with self._view:
                    memory.state[silent] = STALE
                self.events.publish("state", changes=memory.changes(silent))
            if now - self._checkpointed >= CHECKPOINT_EVERY:
                self.checkpoint()
            if self.events.last_id != self._told:
                self._told = self.events.publish("indicators", self.indicators())

    def checkpoint(self) -> None:
        """Write the newest readings to the ``latest`` table, for readers of the base."""
        with self._lock, self._store.transaction() as con:
            _snapshot(con, self._memory)
            self._checkpointed = self._now()

    def close(self) -> None:
        """End every subscription and write the ``latest`` table."""
        self.events.close()
        self.checkpoint()

    def latest(self) -> pa.Table:
        """Newest reading of every stream: ``stream_id, key, phenomenon_time, result, state``."""
        with self._view:
            return self._memory.latest()

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
        return table.filter(pa.array(chosen))

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
        catalogue = memory.catalogue
        if shown is not None:
            chosen = shown[1] if shown[0] is catalogue else np.zeros(len(state), bool)
            catalogue, state, time_us = catalogue.part(chosen), state[chosen], time_us[chosen]
            streams = set(catalogue.ids.tolist())
            standing = [alarm for alarm in standing if alarm.stream_id in streams]
        with self._store.cursor() as cursor:
            return indicators(
                cursor,
                catalogue,
                state,
                time_us,
                standing,
                self._now(),
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
        return self.events.subscribe(last_event_id, View(streams, bbox, told), wake)


def _write_readings(
    con: duckdb.DuckDBPyConnection,
    stream_id: NDArray[np.int64],
    time_us: NDArray[np.int64],
    value: NDArray[np.float64],
    marks: pa.Array,
    now: datetime,
) -> None:
    con.register(
        "incoming_reading",
        pa.table(
            {
                "stream_id": stream_id,
                "phenomenon_time": time_us.view("M8[us]"),
                "result": value,
                "quality": marks,
            }
        ),
    )
    con.execute(
        "INSERT INTO observation SELECT stream_id, phenomenon_time, $now, result, quality "
        "FROM incoming_reading",
        {"now": now},
    )
    con.unregister("incoming_reading")


def _snapshot(con: duckdb.DuckDBPyConnection, memory: Memory) -> None:
    con.register("incoming_latest", memory.latest())
    con.execute(
        "INSERT OR REPLACE INTO latest SELECT stream_id, phenomenon_time, result, state "
        "FROM incoming_latest WHERE phenomenon_time IS NOT NULL"
    )
    con.unregister("incoming_latest")
