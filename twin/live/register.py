"""Make the streams of a sensor table known to the base, again and again without change."""

from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa

from twin.store import run, statement

__all__ = ["REJECTED", "Counts", "naive_utc", "positioned", "register_streams"]

REJECTED = pa.schema([("position", pa.int64()), ("reason", pa.string())])
"""Rows refused: 0-based position in the table given, and why, for the quarantine."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Balance of one registration; the four together are the rows given.

    Parameters
    ----------
    loaded, changed, unchanged : int
        Rows new to the base, rows that replaced other content, rows the base had already.
    rejected : pyarrow.Table
        Columns of :data:`REJECTED`, in the order of the rows.
    """

    loaded: int
    changed: int
    unchanged: int
    rejected: pa.Table = field(default_factory=REJECTED.empty_table)


def positioned(table: pa.Table) -> pa.Table:
    """Copy of ``table`` with times as naive UTC and the 0-based row number as ``position``.

    DuckDB's time zones need an extension that is not always there; TIMESTAMP columns hold UTC
    without a zone.
    """
    for index, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            naive = table.column(index).cast(pa.timestamp("us"))
            table = table.set_column(index, column.name, naive)
    return table.append_column("position", pa.array(np.arange(table.num_rows, dtype=np.int64)))


def naive_utc(moment: datetime) -> datetime:
    """``moment`` as the base keeps it: UTC, no zone attached. A naive moment is taken to be UTC."""
    if moment.tzinfo is None:
        return moment
    return (moment - (moment.utcoffset() or moment - moment)).replace(tzinfo=None)


def balance(con: duckdb.DuckDBPyConnection, staged: str) -> Counts:
    """Counts over a staged table with ``position``, ``reason`` and ``verdict``."""
    table = con.table(staged)
    counted = dict(
        table.filter("reason IS NULL").aggregate("verdict, count(*)", "verdict").fetchall()
    )
    refused = table.filter("reason IS NOT NULL").project("position, reason").order("position")
    return Counts(
        counted.get("loaded", 0),
        counted.get("changed", 0),
        counted.get("unchanged", 0),
        refused.to_arrow_table().cast(REJECTED),
    )


def register_streams(
    con: duckdb.DuckDBPyConnection,
    streams: pa.Table,
    dataset_id: str,
    now: datetime,
    *,
    keep_known: bool = False,
) -> Counts:
    """Upsert the things and datastreams of a sensor table.

    A stream is known by its ``key``, a thing by its ``thing_key``; ids once given stay. Rows of
    the table that say the same as the base are unchanged.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Inside an open transaction of the caller.
    streams : pyarrow.Table
        Columns of :data:`twin.schema.STREAMS` plus ``lon``, ``lat`` (degrees, EPSG:4490) and
        ``z_ell`` (metres above the ellipsoid); null where unknown. Where ``z_ell`` is null and
        ``z_reference`` is ``ground``, ``z`` is kept as the height above ground.
    dataset_id : str
        UUID of the load, written to new and changed rows.
    now : datetime
        When it is loaded; not written, streams carry no time of their own.
    keep_known : bool
        Leave known streams as they are (their rows count as unchanged): for rows that were made out of readings and say
        less than the sensor table they came from.

    Returns
    -------
    Counts
        Rejected are rows with a ``fault``, without a key, or repeating a key with other content.
    """
    del now
    con.register("incoming_streams", positioned(streams))
    try:
        con.execute(statement("register_stage", "twin.live"))
        if keep_known:
            con.execute("UPDATE staged_stream SET verdict = 'unchanged' WHERE verdict = 'changed'")
        run(con, "register_write", "twin.live", dataset=dataset_id)
        return balance(con, "staged_stream")
    finally:
        con.unregister("incoming_streams")
