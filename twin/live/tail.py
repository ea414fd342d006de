"""The newest readings, not sealed yet: columns that grow in memory, and what they hold found fast."""

import threading
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.readings import Readings

__all__ = ["Tail"]

_COLUMNS = ("stream_id", "time_us", "received_us", "sequence")
_FIRST = 4096


class Tail:
    """Readings of the open log in the order they came.

    One thread appends; others may look at any time.
    """

    def __init__(self) -> None:
        self._n = 0
        self._columns: dict[str, NDArray[np.int64]] = {
            name: np.empty(_FIRST, np.int64) for name in _COLUMNS
        }
        self._values: NDArray[np.float64] = np.empty(_FIRST)
        self._marks: list[tuple[int, pa.StringArray]] = []
        self._frames: list[int] = []
        self._starts: list[int] = []
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._indexed = 0
        self._guard = threading.Lock()  # one looks for new rows at a time

    def __len__(self) -> int:
        return self._n

    @property
    def frames(self) -> int:
        """Frames of the log it holds."""
        return len(self._frames)

    def append(self, frame: int, readings: Readings) -> None:
        """Add the readings of a frame of the log."""
        n = len(readings)
        if self._n + n > len(self._values):
            more = max(len(self._values), n)
            self._values = np.concatenate([self._values, np.empty(more)])
            for name, old in self._columns.items():
                self._columns[name] = np.concatenate([old, np.empty(more, np.int64)])
        for name, column in self._columns.items():
            column[self._n : self._n + n] = getattr(readings, name)
        self._values[self._n : self._n + n] = readings.value
        if readings.marks is not None:
            self._marks.append((self._n, readings.marks))
        self._frames.append(frame)
        self._starts.append(self._n)
        self._n += n

    def view(self, first: int = 0) -> Readings:
        """All readings so far, from row ``first`` on."""
        n = self._n
        stream_id, time_us, received_us, sequence = (
            self._columns[name][first:n]
            for name in ("stream_id", "time_us", "received_us", "sequence")
        )
        value = self._values[first:n]
        return Readings(stream_id, time_us, value, received_us, sequence, self._marked(first, n))

    def _marked(self, first: int, n: int) -> pa.StringArray | None:
        if not self._marks:
            return None
        parts, at = [], 0
        for start, marks in self._marks:
            parts += [pa.nulls(start - at, pa.string()), marks]
            at = start + len(marks)
        parts.append(pa.nulls(max(n - at, 0), pa.string()))
        return pa.concat_arrays(parts)[first:n]

    def since(self, frame: int) -> list[tuple[int, Readings]]:
        """Numbers and readings of each frame from number ``frame`` on."""
        everything = self.view()
        at = int(np.searchsorted(self._frames, frame))
        bounds = [*self._starts[at:], self._n]
        return [
            (number, everything.take(slice(start, end)))
            for number, (start, end) in zip(self._frames[at:], pairwise(bounds), strict=True)
        ]

    def find(self, stream_id: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of the reading of each stream and time, −1 where there is none.

        Parameters
        ----------
        stream_id, time_us : ndarray of int64, shape (k,)

        Returns
        -------
        ndarray of int64, shape (k,)
        """
        with self._guard:
            self._index()
            runs = list(self._runs)
        found = np.full(len(stream_id), -1, np.int64)
        wanted = _mixed(stream_id, time_us)
        streams, times = self._columns["stream_id"], self._columns["time_us"]
        for keys, rows in runs:
            open_ = np.flatnonzero(found < 0)
            at = np.searchsorted(keys, wanted[open_])
            while len(open_):  # once, but for different readings of the same key
                inside = at < len(keys)
                open_, at = open_[inside], at[inside]
                same = keys[at] == wanted[open_]
                open_, at = open_[same], at[same]
                row = rows[at]
                hit = (streams[row] == stream_id[open_]) & (times[row] == time_us[open_])
                found[open_[hit]] = row[hit]
                open_, at = open_[~hit], at[~hit] + 1
        return found

    def value_at(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Results at rows."""
        return self._values[rows]

    def _index(self) -> None:
        """Take the rows that came since into the sorted runs, each at least twice the next."""
        first, end = self._indexed, self._n
        if first == end:
            return
        part = slice(first, end)
        keys = _mixed(self._columns["stream_id"][part], self._columns["time_us"][part])
        order = np.argsort(keys, kind="stable")
        self._runs.append((keys[order], order + first))
        self._indexed = end
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            (a, rows_a), (b, rows_b) = self._runs[-2:]
            keys = np.concatenate([a, b])
            order = np.argsort(keys, kind="stable")
            self._runs[-2:] = [(keys[order], np.concatenate([rows_a, rows_b])[order])]


def _mixed(stream_id: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One well-spread number for each stream and time."""
    key = stream_id.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    key ^= time_us.view(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    key ^= key >> np.uint64(29)
    key *= np.uint64(0xBF58476D1CE4E5B9)
    return key ^ (key >> np.uint64(32))
