"""What the hub does at a start so that each event is told once: it tells what was committed and not told.

Readings, alarm steps and events are on disk one after the other; a crash may come between. The marks of
the last event (:class:`twin.live.events.Marks`) say what was told, log and base what is so.
"""

from hashlib import blake2b

import numpy as np

from twin.live import alarms
from twin.live.events import MAX_EVENTS, Changes, Marks
from twin.live.memory import Memory
from twin.live.operating import Operating
from twin.live.state import STALE, classify, is_stale

__all__ = ["Retelling"]


class Retelling(Operating):
    """Going on from the events of the life before; part of :class:`twin.live.LiveHub`."""

    def _told_before(self, memory: Memory) -> Marks | None:
        """How far the life before told; None where there was none, or the city was loaded meanwhile."""
        known = self.journal.digest() == self._digest(memory)
        return self.events.marks if known else None

    def _tell_committed(self, told: Marks, applied: int) -> Marks | None:
        """Tell states of frames whose alarms the base knows already, and those alarms; None where it is too much."""
        with self._store.cursor() as cursor:
            steps = alarms.steps_after(cursor, told.alarms, MAX_EVENTS)
        if len(steps) == MAX_EVENTS:
            return None
        for frame, readings in self.archive.since(told.frames):
            if frame >= applied:
                break
            order = np.lexsort((readings.time_us, readings.stream_id))
            stream_id = readings.stream_id[order]
            newest = order[np.flatnonzero(np.append(np.diff(stream_id) != 0, True)[: len(order)])]
            found = readings.take(newest)
            at = self._memory.catalogue.of_ids(found.stream_id)
            state = classify(found.value, self._memory.catalogue.thresholds[at])
            changes = Changes(found.stream_id, found.value, state, found.time_us).take(at >= 0)
            if len(changes.stream_id):
                self.events.publish("state", changes=changes, marks={"frames": frame + 1})
        for number, alarm, event in steps:
            self._tell_step(number, alarm, event)
        return told

    def _tell_silent(self, since_us: int) -> None:
        """Tell the streams that fell silent while nobody was there to notice."""
        memory = self._memory
        was = is_stale(memory.time_us, memory.catalogue.interval_s, since_us)
        silent = np.flatnonzero((memory.state == STALE) & ~was)
        if len(silent):
            self.events.publish("state", changes=memory.changes(silent))

    def _begin_anew(self, memory: Memory) -> None:
        """Who follows has to read the present state; from here on each event is told once."""
        with self._store.cursor() as cursor:
            found = cursor.execute(
                "SELECT coalesce((SELECT max(seq) FROM alarm_event), 0), "
                "coalesce((SELECT max(seq) FROM case_event), 0)"
            ).fetchall()
        marks = {"frames": self.archive.next_frame, "alarms": found[0][0], "cases": found[0][1]}
        self.events.publish("resync", {"reason": "reload"}, marks=marks)
        self.journal.remember(self._digest(memory))

    def _digest(self, memory: Memory) -> str:
        """A text that is another after streams were changed or anything was loaded."""
        catalogue = memory.catalogue
        loads = str(self._store.scalar("SELECT count(*) FROM dataset"))
        parts = (catalogue.ids.tobytes(), catalogue.thresholds.tobytes(), loads.encode())
        return blake2b(b"\0".join(parts), digest_size=16).hexdigest()
