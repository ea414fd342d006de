"""The live hub: takes readings, keeps the newest of each, raises alarms, tells subscribers.

Batches go one way, all that wait as one group: judged → sorted → what is kept already left out →
readings appended to the log and **synced** → alarm steps and conditions written in one transaction,
with the number of the frame they follow from → memory follows → subscribers are told → each caller
gets its report. What was acknowledged is stored, what was told is stored. A crash between log and
alarms loses nothing: the same frames give the same alarms, and those the base does not know of yet
are evaluated again at the start.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from twin.live import alarms
from twin.live.archive import Archive
from twin.live.aside import UNKNOWN, Aside
from twin.live.catalogue import Catalogue, StreamIds
from twin.live.conditions import evaluate
from twin.live.groups import Group, Queue, finish
from twin.live.history import CLOCK_TOLERANCE, loaded_values
from twin.live.incoming import Batch, IngestReport, Times, batch_of
from twin.live.ledger import Sequences
from twin.live.memory import Memory
from twin.live.readings import NO_SEQUENCE
from twin.live.retelling import Retelling
from twin.live.rulebook import are_ruled
from twin.live.state import STALE, microseconds
from twin.live.view import utc_now
from twin.store import Store, run

__all__ = ["LiveHub"]

CHECKPOINT_EVERY = timedelta(seconds=10)
FORGET_EVERY = timedelta(hours=1)
MANY_FRAMES = 100
"""Frames evaluated anew at a start from which on the base is told so."""


class LiveHub(Retelling):
    """Readings in, states and alarms out; safe to use from any thread.

    Parameters
    ----------
    store : Store
        The base, open for writing.
    clock : callable, optional
        Gives the present moment; UTC where it is naive.
    keep_days : Mapping of str to float, optional
        Days that readings of a subject are kept (``*``: of all others); their hours stay for ever.

    Examples
    --------
    >>> hub = LiveHub(store)                                             # doctest: +SKIP
    >>> hub.ingest(["G1/ch4"], [datetime.now(UTC)], [0.4]).stored        # doctest: +SKIP
    1
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime] = utc_now,
        keep_days: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(store, clock)
        self._keep_days = dict(keep_days or {})
        self._forgot = datetime.min
        self.archive = Archive.of(store)
        self.aside = Aside(store.city.path / "live" / "aside")
        self.queue = Queue()
        self._lock = threading.RLock()  # one batch, answer or tick at a time
        self._sound = False
        self._checkpointed = self.listening_since
        self._told = self.events.last_id
        self.sequences = (
            Sequences() if not self.archive.state else Sequences.load(self.archive.state)
        )
        for readings in self.archive.open_blocks():
            self.sequences.follow(readings.by_stream())
        self.reload()

    def reload(self) -> None:
        """Rebuild memory from base and log, as after a load; subscribers are told to resync.

        Readings in the log that the alarms in the base do not know yet are evaluated now. Readings
        parked because their stream was unknown are stored where it has become known.
        """
        with self._lock:
            with self._store.transaction() as con:
                if self._sound:
                    _write_applied(con, self.archive.next_frame)
                applied = _applied(con)
                now = self.now()
                memory = Memory.load(con, self.archive.newest(applied), now)
                _snapshot(con, memory)
            before = getattr(self, "_memory", None)
            self._sound = False
            with self._view:
                self._memory = memory
            told = self._told_before(memory) if before is None else None
            if told is not None:
                told = self._tell_committed(told, applied)
            behind = self.archive.since(applied)
            for frame, readings in behind:
                at = memory.catalogue.of_ids(readings.stream_id)
                known = at >= 0
                when, what = readings.time_us[known], readings.value[known]
                tell = told is not None and frame >= told.frames
                self._advance(frame, at[known], when, what, now, tell)
            if len(behind) >= MANY_FRAMES:  # who is killed again soon need not do it again
                with self._store.transaction() as con:
                    _write_applied(con, self.archive.next_frame)
            if told is not None:
                self._tell_silent(told.at_us)
            if before is not None:
                at = memory.catalogue.of_ids(before.catalogue.ids)
                memory.received = before.received.rearranged(at, len(memory.catalogue.ids))
            self._sound = True
            if told is None:
                self._begin_anew(memory)
            self._replay_parked()

    def extend(self, ids: Sequence[int]) -> bool:
        """Take in streams that are new in the base; whether nothing else had to be looked at anew.

        Those after all others, with no rule, join the streams that are known; otherwise this is :meth:`reload`.
        """
        with self._lock:
            memory, now = self._memory, self.now()
            with self._store.cursor() as con:
                more = Catalogue.load(con, ids)
            after = len(more.ids) and more.ids[0] > memory.catalogue.ids.max(initial=0)
            if not (self._sound and after) or are_ruled(more.table):
                self.reload()
                return False
            bigger = memory.extended(more, now)
            with self._view:
                self._memory = bigger
            self._begin_anew(bigger)
            self._replay_parked()
            return True

    def _replay_parked(self) -> None:
        """Store readings that were parked for want of a stream that is known by now."""
        keys = self._memory.catalogue.keys
        if not self.aside.waits_for(keys):
            return
        records = self.aside.records()
        known = [r for r in records if r["reason"] == UNKNOWN and r["stream"] in keys]
        if known:
            times = np.array([r["time_us"] for r in known], np.int64).view("M8[us]")
            results = [np.nan if r["result"] is None else r["result"] for r in known]
            sequence = [r.get("sequence", NO_SEQUENCE) for r in known]
            quality = [r.get("quality") for r in known]
            streams = [r["stream"] for r in known]
            batch = batch_of(streams, times, results, quality, sequence, park=True)
            batch.units = [r.get("unit") for r in known]
            self._store_group([batch])
            gone = set(map(id, known))
            later = self.aside.records()[len(records) :]
            self.aside.replace([*(r for r in records if id(r) not in gone), *later])

    def maintain(self) -> None:
        """Seal, merge and let go of old readings where it is time; beside everything else."""
        if self.archive.due or self.archive.frozen:
            with self._lock:
                if self._sound:
                    first = self.archive.freeze(self.sequences.dump())
                    with self._store.transaction() as con:
                        _write_applied(con, max(first, _applied(con)))
                elif not self.archive.frozen:
                    return
            self.archive.seal()
            self.archive.merge()
        if self._keep_days and self.now() - self._forgot >= FORGET_EVERY:
            self._forgot = self.now()
            self._forget()

    def _forget(self) -> None:
        """Let sealed readings go that are older than their subject keeps them."""
        catalogue = self._memory.catalogue
        subjects = catalogue.table.column("subject").to_pylist()
        for subject in self._keep_days:
            mine = [s == subject if subject != "*" else s not in self._keep_days for s in subjects]
            before = self.now() - timedelta(days=self._keep_days[subject])
            self.archive.forget(catalogue.ids[np.array(mine, bool)], microseconds(before))

    def ingest(
        self,
        streams: StreamIds,
        times: Times,
        results: ArrayLike | pa.Array,
        quality: Sequence[str | None] | None = None,
        sequence: Sequence[int] | NDArray[np.int64] | None = None,
        park: bool = False,
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
        sequence : sequence of int, shape (n,), optional
            Running numbers the streams give their readings; −1 for none.
        park : bool
            Keep aside what is refused, for a sender that cannot be told.

        Returns
        -------
        IngestReport
            Every reading is accounted for; those refused are listed with the reason.

        Raises
        ------
        InvalidRequestError
            If lengths or types do not fit; nothing is stored then.
        """
        batch = batch_of(streams, times, results, quality, sequence, park)
        self.submit(batch)
        self.commit()
        if batch.error is not None:
            raise batch.error
        assert batch.report is not None  # noqa: S101 -- settled without an error
        return batch.report

    def submit(self, batch: Batch) -> None:
        """Queue a batch; it is stored with the next :meth:`commit` of any thread.

        Blocks while more than :data:`twin.live.groups.MOST_WAITING` readings wait.
        """
        self.queue.put(batch)

    def commit(self) -> int:
        """Store what waits as one group; how many batches it was, 0 where another thread took them.

        Every batch queued before the call is settled when it returns.
        """
        with self._lock:
            batches = self.queue.take()
            if not batches:
                return 0
            try:
                finish(batches, self._store_group)
            finally:
                self.queue.settled(batches)
        for batch in batches:
            if batch.done is not None:
                batch.done(batch)
        return len(batches)

    def _store_group(self, batches: list[Batch]) -> None:
        if not self._sound:
            self.reload()
        memory, now = self._memory, self.now()
        latest_us = microseconds(now + CLOCK_TOLERANCE)
        group = Group(batches, memory.catalogue, memory.time_us, self._kept, latest_us)
        aside = group.aside(microseconds(now))
        if aside:
            self.aside.keep(aside)
        new = group.settled.new
        if len(new):
            readings = group.readings(microseconds(now))
            self._sound = False  # until memory has followed the log again
            frame = self.archive.append(readings, microseconds(now))
            self.sequences.follow(readings)
            self._advance(frame, group.position[new], readings.time_us, readings.value, now)
            self._sound = True
            for hear in self.heard:
                hear(readings)
        group.report()

    def kept(self, ids: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """Results kept for streams and times (µs UTC), columns of shape (n,); NaN where there is none."""
        position = self._memory.catalogue.of_ids(ids)
        found, known = np.full(len(ids), np.nan), position >= 0
        found[known] = self._kept(position[known], time_us[known])
        return found

    def _kept(self, position: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """Results kept for streams and times, NaN where there is none."""
        memory = self._memory
        ids = memory.catalogue.ids[position]
        value = self.archive.find(ids, time_us)
        open_ = np.flatnonzero(np.isnan(value) & (time_us <= memory.loaded_us))
        if len(open_):
            with self._store.cursor() as con:
                value[open_] = loaded_values(con, ids[open_], time_us[open_])
        return value

    def _advance(
        self,
        frame: int,
        at: NDArray[np.int64],
        when: NDArray[np.int64],
        what: NDArray[np.float64],
        now: datetime,
        tell: bool = True,
    ) -> None:
        """Let alarms and memory follow the readings of a frame, which are on disk."""
        memory = self._memory
        memory.received.count(at, when)
        current = when > memory.time_us[at]
        at, when, what = at[current], when[current], what[current]
        outcome = evaluate(
            memory.rules, memory.conditions, at, when, what, memory.time_us, memory.value
        )
        draft = self._draft(outcome.transitions)
        moved, numbers = memory.moved(outcome), range(0)
        if moved.num_rows or draft.events:
            with self._store.transaction() as con:
                numbers = alarms.write(con, draft, moved, now)
                _write_applied(con, frame + 1)
        newest = np.flatnonzero(np.append(np.diff(at) != 0, True)[: len(at)])
        with self._view:
            touched = at[newest]
            memory.time_us[touched], memory.value[touched] = when[newest], what[newest]
            memory.state[touched] = memory.judged(touched, now)
            memory.conditions.follow(outcome)
            memory.standing = draft.standing_after()
        if tell:
            if len(touched):
                changes = memory.changes(touched)
                self.events.publish("state", changes=changes, marks={"frames": frame + 1})
            self._tell(draft, numbers)

    def tick(self) -> None:
        """Let time pass: silent streams go stale, key numbers are told, ``latest`` follows.

        To be called about once a second.
        """
        with self._lock:
            if not self._sound:
                self.reload()
            memory, now = self._memory, self.now()
            everyone = np.arange(len(memory.catalogue.ids))
            judged = memory.judged(everyone, now)
            silent = np.flatnonzero((judged == STALE) & (memory.state != STALE))
            if len(silent):
                with self._view:
                    memory.state[silent] = STALE
                self.events.publish("state", changes=memory.changes(silent))
            self._pass_time()
            if now - self._checkpointed >= CHECKPOINT_EVERY:
                self.checkpoint()
            if self.events.last_id != self._told:
                self._told = self.events.publish("indicators", self.indicators())

    def checkpoint(self) -> None:
        """Write the newest readings to the ``latest`` table, for readers of the base."""
        with self._lock, self._store.transaction() as con:
            _snapshot(con, self._memory)
            if self._sound:
                _write_applied(con, self.archive.next_frame)
            self._checkpointed = self.now()

    def close(self) -> None:
        """End every subscription and write the ``latest`` table."""
        self.events.close()
        self.checkpoint()
        self.aside.close()

    def keep_aside(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Keep what cannot be read; see :meth:`twin.live.aside.Aside.keep`."""
        with self._lock:
            self.aside.keep(records)

    def aside_summary(self, limit: int) -> dict[str, Any]:
        """Readings kept aside by stream and reason, the most numerous first; see :mod:`twin.live.aside`."""
        with self._lock:
            return self.aside.summary(limit)


def _applied(con: duckdb.DuckDBPyConnection) -> int:
    """Number of the first frame of the log that the alarms in the base do not know."""
    row = con.execute("SELECT value FROM base_meta WHERE key = 'live_applied'").fetchone()
    return 0 if row is None else int(row[0])


def _write_applied(con: duckdb.DuckDBPyConnection, frame: int) -> None:
    run(con, "applied", "twin.live", frame=str(frame))


def _snapshot(con: duckdb.DuckDBPyConnection, memory: Memory) -> None:
    con.register("incoming_latest", memory.latest())
    con.execute(
        "INSERT OR REPLACE INTO latest SELECT stream_id, phenomenon_time, result, state "
        "FROM incoming_latest WHERE phenomenon_time IS NOT NULL"
    )
    con.unregister("incoming_latest")
