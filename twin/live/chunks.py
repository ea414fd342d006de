"""Sealed history: immutable Parquet files sorted by stream and time, each with its hours beside it.

``readings-….parquet`` holds readings, ``hours-….parquet`` their count, sum, least and greatest by stream
and full hour. Row groups are small, so that one stream's part is read without the rest.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twin.live.readings import NO_SEQUENCE, Readings, joined

__all__ = [
    "HOUR_US",
    "LEAST",
    "MOST",
    "MOST_TABLE",
    "Chunk",
    "Rollup",
    "among",
    "rolled",
    "write_chunk",
]

ROWS_PER_GROUP, HOURS_PER_GROUP = 8192, 2048
HOUR_US = 3_600_000_000
COLUMNS = ("stream_id", "phenomenon_time", "delay_ms", "result", "quality")
HOURS = ("stream_id", "start", "n", "total", "low", "high")
MOST_TABLE = 50_000_000
LEAST, MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Rollup:
    """Readings summed up by stream and interval, sorted by them; columns of shape (m,).

    ``start_us`` is where the interval begins, ``low`` and ``high`` are in the unit of the stream.
    """

    stream_id: NDArray[np.int64]
    start_us: NDArray[np.int64]
    n: NDArray[np.int64]
    total: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def combined(cls, parts: list["Rollup"]) -> "Rollup":
        """Several as one: what falls into the same interval of a stream is added up."""
        kinds = (np.int64, np.int64, np.int64, np.float64, np.float64, np.float64)
        names = ("stream_id", "start_us", "n", "total", "low", "high")
        columns = [
            np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])
            for name, kind in zip(names, kinds, strict=True)
        ]
        order = np.lexsort((columns[1], columns[0]))
        stream, start, n, total, low, high = (column[order] for column in columns)
        first = np.flatnonzero(_starts(stream, start))
        if not len(first):
            return cls(stream, start, n, total, low, high)
        return cls(
            stream[first],
            start[first],
            np.add.reduceat(n, first),
            np.add.reduceat(total, first),
            np.minimum.reduceat(low, first),
            np.maximum.reduceat(high, first),
        )


def _starts(stream: NDArray[np.int64], moment: NDArray[np.int64]) -> NDArray[np.bool_]:
    new: NDArray[np.bool_] = np.ones(len(stream), bool)
    new[1:] = (stream[1:] != stream[:-1]) | (moment[1:] != moment[:-1])
    return new


def rolled(readings: Readings, span_us: int) -> Rollup:
    """Roll up readings, in any order, by intervals of ``span_us`` microseconds since 1970.

    Examples
    --------
    >>> times, values = np.array([0, 5, 10]), np.array([1.0, 3.0, 7.0])
    >>> one = np.ones(3, np.int64)
    >>> rolled(Readings(one, times, values, times, -one), 10).total.tolist()
    [4.0, 7.0]
    """
    start = readings.time_us // span_us * span_us
    value = readings.value
    ones = np.ones(len(readings), np.int64)
    return Rollup.combined([Rollup(readings.stream_id, start, ones, value, value, value)])


class _Sorted:
    """A Parquet file sorted by its first column, the stream: read by row groups."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, memory_map=True)
        meta = self._file.metadata
        ends = [
            (statistics.min, statistics.max)
            for statistics in (
                meta.row_group(group).column(0).statistics for group in range(meta.num_row_groups)
            )
            if statistics is not None and statistics.has_min_max
        ]
        self._low, self._high = np.array(ends, np.int64).reshape(-1, 2).T

    def read(self, streams: NDArray[np.int64] | None, columns: Sequence[str]) -> pa.Table:
        """Row groups that may hold the streams (ascending ids); all where None."""
        groups = np.arange(len(self._low))
        if streams is not None:
            first = np.searchsorted(streams, self._low)
            groups = np.flatnonzero(np.searchsorted(streams, self._high, "right") > first)
        return self._file.read_row_groups(groups.tolist(), list(columns), use_threads=False)


@dataclass(frozen=True)
class Chunk:
    """One sealed file; what it holds is known without reading it.

    Parameters
    ----------
    path : Path
        ``readings-….parquet``.
    rows : int
    low_us, high_us : int
        Earliest and latest time in it, microseconds since 1970 UTC.
    """

    path: Path
    rows: int
    low_us: int
    high_us: int

    @property
    def hours_path(self) -> Path:
        """The roll-up beside it."""
        return self.path.with_name(self.path.name.replace("readings-", "hours-"))

    @cached_property
    def _readings(self) -> _Sorted:
        return _Sorted(self.path)

    @cached_property
    def _hours(self) -> _Sorted:
        return _Sorted(self.hours_path)

    def read(
        self, streams: NDArray[np.int64] | None, low_us: int, high_us: int, full: bool = True
    ) -> Readings:
        """Readings in ``[low_us, high_us)`` of some streams (ascending ids), or of all.

        ``full`` false leaves out arrival and marks of quality.
        """
        if not self.rows or self.high_us < low_us or self.low_us >= high_us:
            return joined([])
        names = COLUMNS if full else ("stream_id", "phenomenon_time", "result")
        readings = _from_table(self._readings.read(streams, names))
        keep = (readings.time_us >= low_us) & (readings.time_us < high_us)
        if streams is not None:
            keep &= among(readings.stream_id, streams)
        return readings if keep.all() else readings.take(keep)

    def hours(
        self, streams: NDArray[np.int64] | None = None, low_us: int = LEAST, high_us: int = MOST
    ) -> Rollup:
        """Hours that begin in ``[low_us, high_us)``."""
        if self.high_us < low_us or self.low_us // HOUR_US * HOUR_US >= high_us:
            return Rollup.combined([])
        found = self._hours.read(streams, HOURS)
        stream = found["stream_id"].to_numpy()
        start = found["start"].to_numpy().astype("M8[us]").view(np.int64)
        keep = (start >= low_us) & (start < high_us)
        if streams is not None:
            keep &= among(stream, streams)
        n, total, low, high = (found[name].to_numpy()[keep] for name in HOURS[2:])
        return Rollup(stream[keep], start[keep], n.astype(np.int64), total, low, high)

    def remove(self) -> None:
        """Remove it from disk."""
        self.path.unlink(missing_ok=True)
        self.hours_path.unlink(missing_ok=True)


def among(given: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of ``given`` stand in ``chosen`` (ascending, of whole numbers from 0)."""
    found: NDArray[np.bool_]
    if len(chosen) == 1:
        found = given == chosen[0]
    elif not len(chosen):
        found = np.zeros(len(given), bool)
    elif chosen[-1] < MOST_TABLE:
        table = np.zeros(int(chosen[-1]) + 2, bool)
        table[chosen] = True
        found = table[np.minimum(given, chosen[-1] + 1)]
    else:
        at = np.minimum(np.searchsorted(chosen, given), len(chosen) - 1)
        found = chosen[at] == given
    return found


def _from_table(table: pa.Table) -> Readings:
    time_us = table["phenomenon_time"].to_numpy().astype("M8[us]").view(np.int64)
    received, marks = time_us, None
    if "delay_ms" in table.column_names:
        received = time_us + table["delay_ms"].to_numpy().astype(np.int64) * 1000
        quality = table["quality"].combine_chunks()
        marks = None if quality.null_count == len(quality) else quality
    if isinstance(marks, pa.ChunkedArray):
        marks = pa.concat_arrays(marks.chunks)
    return Readings(
        table["stream_id"].to_numpy(),
        time_us,
        table["result"].to_numpy(),
        received,
        np.full(table.num_rows, NO_SEQUENCE),
        marks,
    )


def write_chunk(path: Path, readings: Readings, hours: Rollup | None = None) -> Chunk:
    """Write readings and their hours beside; on disk when this returns.

    Arrival is kept to the millisecond, as delay after the reading's own time (within ±24 days).
    ``hours``, where given, are written instead of those of the readings: readings may have been let go.
    """
    readings = readings.by_stream()
    delay = (readings.received_us - readings.time_us) // 1000
    table = pa.table(
        {
            "stream_id": readings.stream_id,
            "phenomenon_time": readings.time_us.view("M8[us]"),
            "delay_ms": np.clip(delay, -(2**31), 2**31 - 1).astype(np.int32),
            "result": readings.value,
            "quality": readings.quality(),
        }
    )
    words = ["stream_id", "quality", "delay_ms"]
    encoding = {"phenomenon_time": "DELTA_BINARY_PACKED"}
    if _repeats(readings.value):
        words.append("result")
    else:
        encoding["result"] = "BYTE_STREAM_SPLIT"
    hours = rolled(readings, HOUR_US) if hours is None else hours
    moments = readings.time_us if len(readings) else hours.start_us
    chunk = Chunk(path, len(readings), int(moments.min()), int(moments.max()))
    columns = (hours.stream_id, hours.start_us.view("M8[us]"), hours.n.astype(np.int32))
    summed = pa.table([*columns, hours.total, hours.low, hours.high], names=list(HOURS))
    _write(chunk.hours_path, summed, ["stream_id", "start", "n"], {}, HOURS_PER_GROUP)
    _write(path, table, words, encoding, ROWS_PER_GROUP)
    return chunk


def _repeats(value: NDArray[np.float64]) -> bool:
    """Whether results are rounded enough that a list of the distinct ones is smaller than they are."""
    sample = value[:: max(len(value) // ROWS_PER_GROUP, 1)]
    return len(np.unique(sample)) < 0.5 * len(sample)


def _write(
    path: Path, table: pa.Table, words: list[str], encoding: dict[str, str], rows: int
) -> None:
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        pq.write_table(
            table,
            file,
            row_group_size=rows,
            compression="zstd",
            use_dictionary=words,
            column_encoding=encoding or None,
            write_statistics=table.column_names[:2],
        )
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
