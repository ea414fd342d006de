"""Past readings: bulk loading, an interval of one stream, and its roll-ups.

Readings that were loaded from files stand in the base, in ``observation``; those that came live stand in
the archive (:mod:`twin.live.archive`). No stream and time stands in both. Every answer here is over both.
"""

from datetime import datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.live.archive import Archive
from twin.live.chunks import HOUR_US, LEAST, MOST, Rollup, rolled
from twin.live.readings import NO_SEQUENCE, Readings, joined
from twin.live.register import Counts, balance, naive_utc, positioned
from twin.live.state import microseconds, moment_of
from twin.store import Store, statement

__all__ = [
    "CLOCK_TOLERANCE",
    "SPANS_US",
    "hourly",
    "insert_observations",
    "loaded_values",
    "observations",
    "readings",
    "rollup",
]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a reading's clock may run ahead of ours before the reading counts as from the future."""

SPANS_US = {"minute": HOUR_US // 60, "hour": HOUR_US, "day": 24 * HOUR_US}
"""Microseconds of the intervals of a roll-up."""


def insert_observations(
    con: duckdb.DuckDBPyConnection,
    observations: pa.Table,
    now: datetime,
    archive: Archive | None = None,
) -> Counts:
    """Load past readings in bulk.

    A reading is known by its stream and time, and the first one stored stays.
    History raises no alarms: those come from readings that arrive through
    :class:`twin.live.LiveHub`.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Inside an open transaction of the caller.
    observations : pyarrow.Table
        Columns of :data:`twin.schema.OBSERVATIONS`.
    now : datetime
        Written as the time of arrival; readings more than :data:`CLOCK_TOLERANCE` later are
        refused.
    archive : Archive, optional
        Readings that came live: what stands there is not loaded again.

    Returns
    -------
    Counts
        ``changed`` is always 0; repeated readings are unchanged. Rejected are readings that give another
        value for a stream and time, readings of unknown streams, with a fault, without a time, from the future, or not finite.
    """
    moment = naive_utc(now)
    con.register("incoming_observations", positioned(observations))
    con.register("live_readings", _live_like(con, archive))
    try:
        con.execute(statement("history_stage", "twin.live"), {"latest": moment + CLOCK_TOLERANCE})
        con.execute(statement("history_write", "twin.live"), {"now": moment})
        return balance(con, "staged_observation")
    finally:
        con.unregister("incoming_observations")
        con.unregister("live_readings")


def _live_like(con: duckdb.DuckDBPyConnection, archive: Archive | None) -> pa.Table:
    """Live readings of the streams and times of ``incoming_observations``."""
    found = con.execute(
        "SELECT DISTINCT d.stream_id, o.phenomenon_time FROM incoming_observations o "
        "JOIN datastream d ON d.key = o.stream_key WHERE o.phenomenon_time IS NOT NULL"
    ).fetchnumpy()
    ids = np.asarray(found["stream_id"], np.int64)
    time_us = np.asarray(found["phenomenon_time"]).astype("M8[us]").view(np.int64)
    value = np.full(len(ids), np.nan) if archive is None else archive.find(ids, time_us)
    there = ~np.isnan(value)
    columns = (ids[there], time_us[there].view("M8[us]"), value[there])
    return pa.table(list(columns), names=["stream_id", "phenomenon_time", "result"])


def loaded_values(
    con: duckdb.DuckDBPyConnection, stream_id: NDArray[np.int64], time_us: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Result of the loaded reading of each stream and time, NaN where there is none; shape (k,)."""
    columns = (np.arange(len(stream_id)), stream_id, time_us.view("M8[us]"))
    con.register(
        "incoming_late",
        pa.table(list(columns), names=["ordinal", "stream_id", "phenomenon_time"]),
    )
    bounds = {"low": moment_of(time_us.min()), "high": moment_of(time_us.max())}
    found = con.execute(statement("loaded_values", "twin.live"), bounds).fetchnumpy()
    con.unregister("incoming_late")
    value = np.full(len(stream_id), np.nan)
    value[np.asarray(found["ordinal"], np.int64)] = found["result"]
    return value


def readings(
    store: Store, streams: NDArray[np.int64] | None, low_us: int = LEAST, high_us: int = MOST
) -> Readings:
    """Every reading in ``[low_us, high_us)`` (µs since 1970 UTC), loaded or live.

    Parameters
    ----------
    store : Store
    streams : ndarray of int64, optional
        Ids, ascending; all streams where None.
    low_us, high_us : int
        Microseconds since 1970 UTC.

    Returns
    -------
    Readings
        Sorted by stream and time.
    """
    live = Archive.of(store).read(streams, low_us, high_us)
    with store.cursor() as con:
        loaded = _loaded(con, streams, low_us, high_us)
    return joined([live, loaded]).by_stream() if len(loaded) else live


def _loaded(
    con: duckdb.DuckDBPyConnection, streams: NDArray[np.int64] | None, low_us: int, high_us: int
) -> Readings:
    bound = {
        "low": moment_of(max(low_us, _FIRST)),
        "high": moment_of(min(high_us, _LAST)),
        "streams": None if streams is None else streams.tolist(),
    }
    found = con.execute(statement("loaded", "twin.live"), bound).to_arrow_table()
    times, arrivals = (
        found[name].to_numpy().astype("M8[us]").view(np.int64)
        for name in ("phenomenon_time", "received_at")
    )
    quality = found["quality"].combine_chunks()
    if isinstance(quality, pa.ChunkedArray):
        quality = pa.concat_arrays(quality.chunks) if quality.num_chunks else None
    return Readings(
        found["stream_id"].to_numpy(),
        times,
        found["result"].to_numpy(),
        arrivals,
        np.full(found.num_rows, NO_SEQUENCE, np.int64),
        quality,
    )


_FIRST, _LAST = microseconds(datetime.min), microseconds(datetime.max)


def observations(
    store: Store,
    stream_id: int,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1000,
) -> pa.Table:
    """Readings of a stream in ``[start, end)``, the newest ``limit`` of them, oldest first.

    Parameters
    ----------
    store : Store
    stream_id : int
    start, end : datetime, optional
        Naive means UTC; open where None.
    limit : int
        At most so many.

    Returns
    -------
    pyarrow.Table
        ``time`` (timestamp, UTC without a zone), ``result`` (unit of the stream), ``quality``.
    """
    found = readings(store, np.array([stream_id]), *_interval(start, end))
    found = found.take(slice(max(len(found) - limit, 0), None))
    columns = (found.time_us.view("M8[us]"), found.value, found.quality())
    return pa.table(list(columns), names=["time", "result", "quality"])


def hourly(
    store: Store,
    stream_id: int,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1000,
    span: str = "hour",
) -> pa.Table:
    """Roll-up by full hours, minutes or days (UTC) in ``[start, end)``, the newest ``limit``, oldest first.

    Parameters
    ----------
    store, stream_id, start, end, limit
        As in :func:`observations`.
    span : str
        ``minute``, ``hour`` or ``day``.

    Returns
    -------
    pyarrow.Table
        ``time`` (start of the interval), ``n``, ``mean``, ``low``, ``high`` (unit of the stream);
        intervals without readings have no row.
    """
    found = rollup(store, np.array([stream_id]), *_interval(start, end), SPANS_US[span])
    rows = slice(max(len(found.n) - limit, 0), None)
    n = found.n[rows]
    mean = found.total[rows] / n
    columns = (found.start_us[rows].view("M8[us]"), n, mean, found.low[rows], found.high[rows])
    return pa.table(list(columns), names=["time", "n", "mean", "low", "high"])


def rollup(
    store: Store, streams: NDArray[np.int64] | None, low_us: int, high_us: int, span_us: int
) -> Rollup:
    """Readings in ``[low_us, high_us)`` summed up by intervals of ``span_us`` microseconds.

    Where the interval is a number of full hours, full hours come from what was summed up when the
    readings were sealed; so they are there also where the readings themselves were let go.
    """
    if span_us % HOUR_US:
        return rolled(readings(store, streams, low_us, high_us), span_us)
    archive = Archive.of(store)
    first, last = -(-max(low_us, _FIRST) // HOUR_US) * HOUR_US, high_us // HOUR_US * HOUR_US
    parts = []
    if first < last:
        parts.append(archive.hours(streams, first, last))
    edges = ((low_us, min(first, high_us)), (max(last, first), high_us))
    for low, high in edges:
        if low < high:
            parts.append(rolled(archive.read(streams, low, high, full=False), HOUR_US))
    with store.cursor() as con:
        parts.append(rolled(_loaded(con, streams, low_us, high_us), span_us))
    found = Rollup.combined(parts)
    start = found.start_us // span_us * span_us
    whole = Rollup(found.stream_id, start, found.n, found.total, found.low, found.high)
    return Rollup.combined([whole])


def _interval(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    low = LEAST if start is None else microseconds(naive_utc(start))
    high = MOST if end is None else microseconds(naive_utc(end))
    return low, high
