"""What is missing, for whom, since when: gaps in running numbers, and readings received by minute."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twin.live.readings import NO_SEQUENCE, Readings

__all__ = ["Gap", "Received", "Sequences"]

MINUTE_US = 60_000_000
MINUTES = 64
MOST_GAPS = 1000


@dataclass(slots=True)
class Gap:
    """Numbers ``first`` to ``last`` of a stream never came; noticed at ``since_us`` (µs UTC)."""

    first: int
    last: int
    since_us: int


class Received:
    """Readings of each stream by minute of their own time, for the last hour.

    Parameters
    ----------
    n : int
        Number of streams.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._counts = np.zeros((MINUTES, n), np.int32)
        self._minute = np.full(MINUTES, -1, np.int64)

    def count(self, position: NDArray[np.int64], time_us: NDArray[np.int64]) -> None:
        """Count readings of the streams at ``position``."""
        minute = time_us // MINUTE_US
        for one in np.unique(minute[minute > minute.max(initial=0) - MINUTES]).tolist():
            slot = one % MINUTES
            if self._minute[slot] > one:
                continue  # of an hour that has gone
            if self._minute[slot] < one:
                self._minute[slot], self._counts[slot] = one, 0
            self._counts[slot] += np.bincount(position[minute == one], minlength=self._n).astype(
                np.int32
            )

    def rearranged(self, at: NDArray[np.int64], n: int) -> "Received":
        """The same counts where each stream stands at ``at`` (−1: gone) among ``n``."""
        found = Received(n)
        found._minute[:] = self._minute
        found._counts[:, at[at >= 0]] = self._counts[:, at >= 0]
        return found

    def between(self, low_us: int, high_us: int) -> NDArray[np.int64]:
        """Readings of each stream in ``(low_us, high_us]``, to the minute; shape (n,)."""
        inside = (self._minute > low_us // MINUTE_US) & (self._minute <= high_us // MINUTE_US)
        found: NDArray[np.int64] = self._counts[inside].sum(axis=0, dtype=np.int64)
        return found


@dataclass(slots=True)
class Sequences:
    """Running numbers of streams: the highest seen, and the gaps below it, by stream id."""

    highest: dict[int, int] = field(default_factory=dict)
    gaps: dict[int, list[Gap]] = field(default_factory=dict)
    restarts: dict[int, int] = field(default_factory=dict)

    def follow(self, readings: Readings) -> None:
        """Take in readings that are new to the store, sorted by stream."""
        rows = np.flatnonzero(readings.sequence != NO_SEQUENCE)
        if not len(rows):
            return
        stream, number = readings.stream_id[rows], readings.sequence[rows]
        received = readings.received_us[rows]
        order = np.lexsort((number, stream))
        stream, number, received = stream[order], number[order], received[order]
        starts = np.flatnonzero(np.append(True, np.diff(stream) != 0))
        ends = np.append(starts[1:], len(stream))
        whole = number[ends - 1] - number[starts] == ends - starts - 1
        for start, end, closed in zip(starts.tolist(), ends.tolist(), whole.tolist(), strict=True):
            one, first, last = int(stream[start]), int(number[start]), int(number[end - 1])
            if closed and first == self.highest.get(one, first - 1) + 1:
                self.highest[one] = last
            else:
                for each in number[start:end].tolist():
                    self._follow_one(one, each, int(received[start]))

    def _follow_one(self, stream: int, number: int, at_us: int) -> None:
        highest = self.highest.get(stream)
        if highest is None or number == highest + 1:
            self.highest[stream] = number
        elif number > highest:
            gaps = self.gaps.setdefault(stream, [])
            if len(gaps) < MOST_GAPS:
                gaps.append(Gap(highest + 1, number - 1, at_us))
            else:
                gaps[-1].last = number - 1
            self.highest[stream] = number
        elif not self._filled(stream, number) and number < highest:
            self.highest[stream] = number  # the device began to count anew
            self.restarts[stream] = self.restarts.get(stream, 0) + 1

    def _filled(self, stream: int, number: int) -> bool:
        """Take a number that came late out of its gap."""
        gaps = self.gaps.get(stream, [])
        for at, gap in enumerate(gaps):
            if gap.first <= number <= gap.last:
                parts = [
                    Gap(gap.first, number - 1, gap.since_us),
                    Gap(number + 1, gap.last, gap.since_us),
                ]
                gaps[at : at + 1] = [part for part in parts if part.first <= part.last]
                if not gaps:
                    self.gaps.pop(stream, None)
                return True
        return False

    def seen(self, stream: int, number: int) -> bool:
        """Whether this number of a stream came already."""
        if number > self.highest.get(stream, NO_SEQUENCE):
            return False
        return not any(gap.first <= number <= gap.last for gap in self.gaps.get(stream, ()))

    def listed(self) -> Iterator[tuple[int, Gap]]:
        """Every gap with its stream."""
        for stream, gaps in self.gaps.items():
            for gap in gaps:
                yield stream, gap

    def dump(self) -> list[list[list[int]]]:
        """Everything as lists of whole numbers, for JSON; see :meth:`load`."""
        gaps = [[stream, gap.first, gap.last, gap.since_us] for stream, gap in self.listed()]
        return [
            [list(pair) for pair in self.highest.items()],
            gaps,
            [list(pair) for pair in self.restarts.items()],
        ]

    @classmethod
    def load(cls, dumped: list[list[list[int]]]) -> "Sequences":
        """From what :meth:`dump` gave."""
        highest, gaps, restarts = dumped
        found = cls({a: b for a, b in highest}, {}, {a: b for a, b in restarts})  # noqa: C416 -- lists, not pairs
        for stream, first, last, since in gaps:
            found.gaps.setdefault(stream, []).append(Gap(first, last, since))
        return found
