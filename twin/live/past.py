"""The past of a city as pictures and events: what a live follower saw, told again from what is stored.

States follow from readings in the order of their times, silence included; alarms and cases from their steps. What
is judged with are the thresholds of today, and a reading that came late is where it belongs.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twin.live.catalogue import Catalogue
from twin.live.events import Changes, Event
from twin.live.history import readings
from twin.live.readings import Readings
from twin.live.scene import Picture
from twin.live.state import (
    GRACE_S,
    MISSED_INTERVALS,
    NO_TIME,
    STALE,
    classify,
    is_stale,
    moment_of,
)
from twin.store import Store, statement

__all__ = ["Past"]

DAY_US: Final = 86_400_000_000
LONGEST_LOOK_BACK_US: Final = 2 * DAY_US


class Past:
    """The past of some streams, read forward from one moment; one thread uses it.

    Parameters
    ----------
    store : Store
    catalogue : Catalogue
        Streams that are shown.
    at_us : int
        The moment to begin at, microseconds since 1970 UTC.
    """

    def __init__(self, store: Store, catalogue: Catalogue, at_us: int) -> None:
        self._store, self._catalogue, self.at_us = store, catalogue, at_us
        n = len(catalogue.ids)
        self._time_us, self._value = np.full(n, NO_TIME, np.int64), np.full(n, np.nan)
        self._take(self._read(at_us - self._look_back_us(), at_us))
        self._state = self._judged(np.arange(n))

    def _look_back_us(self) -> int:
        """How far back a reading can lie and its stream be not stale."""
        interval = self._catalogue.interval_s
        known = interval[np.isfinite(interval)]
        longest = float(known.max(initial=0.0)) * MISSED_INTERVALS + GRACE_S
        needed = max(int(longest * 1e6), DAY_US if len(known) < len(interval) else 0)
        return min(needed, LONGEST_LOOK_BACK_US)

    def _read(self, low_us: int, high_us: int) -> Readings:
        """Readings after one moment, up to another, by stream and time."""
        return readings(self._store, self._catalogue.ids, low_us + 1, high_us + 1)

    def _take(self, found: Readings) -> NDArray[np.int64]:
        """Keep the newest of each stream; positions of those that got one."""
        at = self._catalogue.of_ids(found.stream_id)
        newest = np.flatnonzero(np.append(np.diff(at) != 0, True)[: len(at)])
        newest = newest[at[newest] >= 0]
        touched = at[newest]
        self._time_us[touched], self._value[touched] = found.time_us[newest], found.value[newest]
        return touched

    def _judged(self, position: NDArray[np.int64]) -> NDArray[np.uint8]:
        state = classify(self._value[position], self._catalogue.thresholds[position])
        interval = self._catalogue.interval_s[position]
        state[is_stale(self._time_us[position], interval, self.at_us)] = STALE
        return state

    def picture(self, cases: list[dict[str, Any]]) -> Picture:
        """How the streams stand at :attr:`at_us`; ``cases`` as of :class:`twin.live.scene.Picture`."""
        with self._store.snapshot() as cursor:
            found = cursor.execute(
                statement("past_alarms", "twin.live"), {"at": moment_of(self.at_us)}
            ).fetchall()
        names = ("id", "stream_id", "level", "state")
        alarms = [dict(zip(names, row, strict=True)) for row in found]
        state, value = self._state.copy(), self._value.copy()
        return Picture(self._catalogue, state, value, alarms, cases, self.at_us, self.at_us)

    def forward(self, to_us: int) -> list[Event]:
        """What happened until a moment: states (of each stream the newest), then steps of alarms; numbered by their times."""
        if to_us <= self.at_us:
            return []
        since_us, self.at_us = self.at_us, to_us
        # what came before that and nothing after it is silent by then
        low_us = max(since_us, to_us - self._look_back_us())
        touched = self._take(self._read(low_us, to_us))
        state = self._judged(np.arange(len(self._state)))
        moved = state != self._state
        moved[touched] = True
        self._state = state
        events = []
        if moved.any():
            changes = Changes(self._catalogue.ids, self._value, state, self._time_us).take(moved)
            events.append(Event(to_us, "state", changes=changes))
        return [*events, *(Event(to_us, "alarm", step) for step in self._steps(since_us, to_us))]

    def _steps(self, since_us: int, to_us: int) -> list[Mapping[str, Any]]:
        bound = {"since": moment_of(since_us), "to": moment_of(to_us)}
        with self._store.snapshot() as cursor:
            found = cursor.execute(statement("past_steps", "twin.live"), bound).fetchall()
        names = ("at", "id", "stream_id", "level", "state", "event")
        return [dict(zip(names, row, strict=True)) for row in found]
