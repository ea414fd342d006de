"""Load the cases of a table, again and again without change."""

from datetime import datetime

import duckdb
import pyarrow as pa

from twin.cases.stages import stages
from twin.live.register import Counts, balance, naive_utc, positioned
from twin.store import run, statement

__all__ = ["EDITION", "register_cases"]

EDITION = "GB/T 47678.5-2026"
"""Edition of the type codes of cases."""


def register_cases(
    con: duckdb.DuckDBPyConnection, cases: pa.Table, dataset_id: str, now: datetime
) -> Counts:
    """Upsert the cases of a table; a case is known by its ``key`` (案件编号).

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Inside an open transaction of the caller.
    cases : pyarrow.Table
        Columns of :data:`twin.schema.CASES` plus ``lon`` and ``lat`` (degrees, EPSG:4490; null
        where unknown).
    dataset_id : str
        UUID of the load, written to new and changed rows.
    now : datetime
        Time of the events of changed cases; new cases get one event at the time they were reported.

    Returns
    -------
    Counts
        Rejected are rows with a ``fault``, without key, stage or time, or repeating a key with
        other content.
    """
    con.register("incoming_cases", positioned(cases))
    try:
        con.execute(statement("register_stage", "twin.cases"), {"stages": list(stages())})
        given = {"dataset": dataset_id, "edition": EDITION, "now": naive_utc(now)}
        run(con, "register_write", "twin.cases", **given)
        return balance(con, "staged_case")
    finally:
        con.unregister("incoming_cases")
