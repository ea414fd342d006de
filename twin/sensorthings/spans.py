"""First and last times of the observations of Datastreams: of the archive, of what was loaded, and of what is kept beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.chunks import HOUR_US, LEAST, MOST
from twin.live.history import readings, rollup
from twin.live.state import moment_of
from twin.store import Store

__all__ = ["TIMES", "Spans", "phenomenon_spans", "register_times", "result_spans"]

TIMES: Final = "sta_stream_times"
"""Name of the relation of :func:`register_times`."""

_BESIDE: Final = """
SELECT datastream, epoch_us(min(time_from)) AS first, epoch_us(max(time_to)) AS last FROM sta_observation
WHERE datastream IN (SELECT unnest($ids)) GROUP BY 1 ORDER BY 1"""
_MADE: Final = """
SELECT datastream, epoch_us(min(result_time)) AS first, epoch_us(max(result_time)) AS last
FROM (SELECT datastream, result_time FROM sta_observation UNION ALL SELECT datastream, result_time FROM sta_remark)
WHERE result_time IS NOT NULL AND datastream IN (SELECT unnest($ids)) GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Spans:
    """First and last moment (µs UTC) of those streams that have any; columns of shape (n,), ids ascending."""

    stream_id: NDArray[np.int64]
    first_us: NDArray[np.int64]
    last_us: NDArray[np.int64]

    def moments(self) -> Mapping[int, tuple[datetime, datetime]]:
        """Naive UTC, by stream."""
        rows = zip(
            self.stream_id.tolist(), self.first_us.tolist(), self.last_us.tolist(), strict=True
        )
        return {stream: (moment_of(first), moment_of(last)) for stream, first, last in rows}


def phenomenon_spans(store: Store, con: duckdb.DuckDBPyConnection, ids: NDArray[np.int64]) -> Spans:
    """Spans of the phenomenonTime of Datastreams (ids ascending).

    Where the first readings of a stream were let go, the hour that is kept of them counts.
    """
    archive, beside = _archive(store, ids), _asked(con, _BESIDE, ids)
    streams = np.concatenate([archive.stream_id, beside.stream_id])
    order = np.argsort(streams, kind="stable")
    starts = np.flatnonzero(np.diff(streams[order], prepend=-1))
    if not len(starts):
        return archive
    first = np.concatenate([archive.first_us, beside.first_us])[order]
    last = np.concatenate([archive.last_us, beside.last_us])[order]
    return Spans(
        streams[order][starts],
        np.minimum.reduceat(first, starts),
        np.maximum.reduceat(last, starts),
    )


def result_spans(con: duckdb.DuckDBPyConnection, ids: NDArray[np.int64]) -> Spans:
    """Spans of the resultTime of Datastreams (ids ascending)."""
    return _asked(con, _MADE, ids)


def register_times(store: Store, con: duckdb.DuckDBPyConnection, ids: NDArray[np.int64]) -> None:
    """Lay the times of Datastreams out as a relation :data:`TIMES`: ``id``, and two columns for each of both times."""
    table = None
    for stem, spans in (
        ("time", phenomenon_spans(store, con, ids)),
        ("made", result_spans(con, ids)),
    ):
        columns = [spans.stream_id, spans.first_us.view("M8[us]"), spans.last_us.view("M8[us]")]
        part = pa.table(columns, names=["id", f"{stem}_from", f"{stem}_to"])
        table = part if table is None else table.join(part, "id", join_type="full outer")
    con.register(TIMES, table)


def _asked(con: duckdb.DuckDBPyConnection, sql: str, ids: NDArray[np.int64]) -> Spans:
    found = con.execute(sql, {"ids": ids.tolist()}).to_arrow_table()
    columns = (found.column(name).to_numpy() for name in ("datastream", "first", "last"))
    return Spans(*(np.asarray(column, np.int64) for column in columns))


def _archive(store: Store, ids: NDArray[np.int64]) -> Spans:
    """Spans of the readings of streams: by their hours, then exactly within the first and the last."""
    hours = rollup(store, ids, LEAST, MOST, HOUR_US)
    begins = np.flatnonzero(np.diff(hours.stream_id, prepend=-1))
    ends = np.append(begins[1:], len(hours.stream_id)) - 1
    if not len(begins):
        return Spans(*(np.empty(0, np.int64) for _ in range(3)))
    streams = hours.stream_id[begins]
    first = _within(store, streams, hours.start_us[begins], np.minimum)
    last = _within(store, streams, hours.start_us[ends], np.maximum)
    return Spans(streams, first, last)


def _within(
    store: Store, streams: NDArray[np.int64], hour_us: NDArray[np.int64], of: np.ufunc
) -> NDArray[np.int64]:
    """The least or greatest time of each stream in its hour; the hour where nothing of it is kept."""
    found = hour_us.copy()
    for hour in np.unique(hour_us).tolist():
        kept = readings(store, streams[hour_us == hour], hour, hour + HOUR_US)
        starts = np.flatnonzero(np.diff(kept.stream_id, prepend=-1))
        if len(starts):
            at = np.searchsorted(streams, kept.stream_id[starts])
            found[at] = of.reduceat(kept.time_us, starts)
    return found
