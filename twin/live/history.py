"""Past readings: bulk loading, an interval of one stream, and its hourly roll-up."""

from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from twin.live.register import Counts, balance, naive_utc, positioned
from twin.store import statement

__all__ = ["CLOCK_TOLERANCE", "hourly", "insert_observations", "observations"]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a reading's clock may run ahead of ours before the reading counts as from the future."""


def insert_observations(
    con: duckdb.DuckDBPyConnection, observations: pa.Table, now: datetime
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

    Returns
    -------
    Counts
        ``changed`` is always 0; repeated readings are unchanged. Rejected are readings that give another
        value for a stream and time, readings of unknown streams, with a fault, without a time, from the future, or not finite.
    """
    moment = naive_utc(now)
    con.register("incoming_observations", positioned(observations))
    try:
        con.execute(statement("history_stage", "twin.live"), {"latest": moment + CLOCK_TOLERANCE})
        con.execute(statement("history_write", "twin.live"), {"now": moment})
        return balance(con, "staged_observation")
    finally:
        con.unregister("incoming_observations")


def observations(
    con: duckdb.DuckDBPyConnection,
    stream_id: int,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1000,
) -> pa.Table:
    """Readings of a stream in ``[start, end)``, the newest ``limit`` of them, oldest first.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
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
    return con.execute(
        statement("observations", "twin.live"), _interval(stream_id, start, end, limit)
    ).to_arrow_table()


def hourly(
    con: duckdb.DuckDBPyConnection,
    stream_id: int,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1000,
) -> pa.Table:
    """Roll-up by full hours (UTC) in ``[start, end)``, the newest ``limit``, oldest first.

    Returns
    -------
    pyarrow.Table
        ``time`` (start of the hour), ``n``, ``mean``, ``low``, ``high`` (unit of the stream); hours
        without readings have no row.
    """
    return con.execute(
        statement("hourly", "twin.live"), _interval(stream_id, start, end, limit)
    ).to_arrow_table()


def _interval(
    stream_id: int, start: datetime | None, end: datetime | None, limit: int
) -> dict[str, object]:
    return {
        "stream": stream_id,
        "start": naive_utc(start or datetime.min),
        "end": naive_utc(end or datetime.max),
        "limit": limit,
    }
