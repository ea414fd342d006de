"""Past readings: bulk loading, an interval of one stream, and its hourly roll-up."""

from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from twin.live.register import Counts, balance, naive_utc, positioned
from twin.live.statements import statement

__all__ = ["CLOCK_TOLERANCE", "insert_observations"]

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
        ``changed`` is always 0; repeated readings are unchanged. Rejected are readings of unknown
        streams, with a fault, without a time, from the future, or not finite.
    """
    moment = naive_utc(now)
    con.register("incoming_observations", positioned(observations))
    try:
        con.execute(statement("twin.live", "history_stage"), {"latest": moment + CLOCK_TOLERANCE})
        con.execute(statement("twin.live", "history_write"), {"now": moment})
        return balance(con, "staged_observation")
    finally:
        con.unregister("incoming_observations")
