"""Time limits of cases: how long a stage and a whole case may take, and which are late."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.cases.calendar import Calendar
from twin.cases.stages import CLOSED
from twin.store import run

__all__ = ["EXTENSION", "URGENCIES", "WHOLE", "Limit", "clocks", "late", "limit_of", "limits"]

WHOLE: Final = "全程"
EXTENSION: Final = "延期"
PAUSED: Final = "挂账"
URGENCIES: Final = ("一般", "紧急", "特急")


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a stage (or the whole case) may take: working hours, or hours where ``natural``."""

    stage: str
    code: str
    urgency: str
    natural: bool
    hours: float


@cache
def limits() -> tuple[Limit, ...]:
    """The limits of ``twin/codes/case_limits.csv``."""
    text = files("twin.codes").joinpath("case_limits.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Limit(
            row["stage"],
            row["code"],
            row["urgency"],
            row["clock"] == "natural",
            float(row["hours"]),
        )
        for row in rows
    )


@cache
def limit_of(stage: str, code: str, urgency: str = URGENCIES[0]) -> Limit | None:
    """The limit of a stage for a type: one of its urgency before one of all, of the longest beginning of its code.

    Examples
    --------
    >>> limit_of("处置", "06010").hours, limit_of("处置", "06010", "特急").hours
    (24.0, 4.0)
    """
    fitting = [
        x
        for x in limits()
        if x.stage == stage and code.startswith(x.code) and x.urgency in ("", urgency)
    ]
    return max(fitting, key=lambda x: (x.urgency != "", len(x.code)), default=None)


@dataclass(frozen=True, slots=True)
class _Clocks:
    """The clocks of n cases, a column each; times UTC, NaT where there is none."""

    ids: pa.ChunkedArray
    since: NDArray[np.datetime64]
    stage_due: NDArray[np.datetime64]
    due: NDArray[np.datetime64]
    paused: NDArray[np.bool_]
    overdue: NDArray[np.bool_]


def clocks(
    con: duckdb.DuckDBPyConnection, now: datetime, calendar: Calendar, cases: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The clock of each case.

    Parameters
    ----------
    con : duckdb connection
    now : datetime
        Naive UTC.
    calendar : Calendar
        Working time of the city.
    cases : sequence of str
        UUIDs.

    Returns
    -------
    dict of str to dict
        By UUID: ``stage_since, stage_due, due`` (naive UTC; None where there is no limit or the case is over),
        ``paused`` and ``overdue``. A case that is 挂账 has no stage limit; the time it stood so counts neither for the
        stage it came back to nor for the whole; hours that were granted (延期) move both, those of an earlier stay
        the whole alone.
    """
    told = _clocks(con, now, calendar, cases)
    return {
        each: {
            "stage_since": _moment(told.since[at]),
            "stage_due": _moment(told.stage_due[at]),
            "due": _moment(told.due[at]),
            "paused": bool(told.paused[at]),
            "overdue": bool(told.overdue[at]),
        }
        for at, each in enumerate(told.ids.to_pylist())
    }


def late(
    con: duckdb.DuckDBPyConnection, now: datetime, calendar: Calendar, wanted: bool = True
) -> list[str]:
    """UUIDs of the cases that are not closed and beyond a limit, or (``wanted`` false) of the others."""
    told = _clocks(con, now, calendar, None)
    return list(told.ids.filter(pa.array(told.overdue == wanted)).to_pylist())


def _clocks(
    con: duckdb.DuckDBPyConnection, now: datetime, calendar: Calendar, cases: Sequence[str] | None
) -> _Clocks:
    bound = {"all": cases is None, "closed": list(CLOSED), "now": now}
    con.register("asked_case", pa.table({"id": pa.array(cases or [], pa.string())}))
    try:
        found = run(con, "clocks", "twin.cases", **bound).to_arrow_table()
        stood = run(con, "stood", "twin.cases", **bound).to_arrow_table()
        granted = run(con, "granted", "twin.cases", **bound).to_arrow_table()
    finally:
        con.unregister("asked_case")
    since, reported = (_column(found, name) for name in ("since", "reported_at"))
    kinds = _kinds(found)
    work, wall, work_all, wall_all = _stood(stood, calendar, found["id"], since)
    here, ever = _granted(granted, found["id"], since)
    stage_due = _due(calendar, since, kinds, None, work + here, wall + here)
    due = _due(calendar, reported, kinds, WHOLE, work_all + ever, wall_all + ever)
    stages = found["stage"].to_numpy(zero_copy_only=False).astype(str)
    over = np.isin(stages, CLOSED)
    stage_due[over] = due[over] = np.datetime64("NaT")
    paused = stages == PAUSED
    passed = np.datetime64(now, "us")
    overdue = ~paused & ((stage_due < passed) | (due < passed))  # NaT is before nothing
    return _Clocks(found["id"], since, stage_due, due, paused, overdue)


def _column(table: Any, name: str) -> NDArray[np.datetime64]:  # noqa: ANN401 -- an Arrow table
    found: NDArray[np.datetime64] = table[name].to_numpy(zero_copy_only=False).astype("M8[us]")
    return found


def _kinds(found: pa.Table) -> tuple[list[tuple[str, str, str]], NDArray[np.int64]]:
    """Stage, type and urgency: the different ones, and which each case has."""
    columns = [
        found[name].combine_chunks().fill_null(unset).dictionary_encode()
        for name, unset in (("stage", ""), ("code", ""), ("urgency", URGENCIES[0]))
    ]
    key = np.zeros(found.num_rows, np.int64)
    for column in columns:
        key = key * max(1, len(column.dictionary)) + column.indices.to_numpy()
    _, first, of = np.unique(key, return_index=True, return_inverse=True)
    taken = [column.take(pa.array(first)).to_pylist() for column in columns]
    return list(zip(*taken, strict=True)), of.reshape(-1)


def _stood(
    table: pa.Table, calendar: Calendar, ids: pa.ChunkedArray, since: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """How long each case stood still: seconds of work and of the clock since it came to its stage, and in all; shape (4, n)."""
    total = np.zeros((4, len(since)))
    if table.num_rows:
        owner = pc.index_in(table["id"], value_set=ids.combine_chunks()).to_numpy()
        begin, end = _column(table, "begin"), _column(table, "end")
        work = np.nan_to_num(calendar.worked(end) - calendar.worked(begin))
        wall = (end - begin).astype(np.int64) / 1e6
        here = begin >= since[owner]
        for row, seconds in enumerate((work * here, wall * here, work, wall)):
            np.add.at(total[row], owner, seconds)
    return total


def _granted(
    table: pa.Table, ids: pa.ChunkedArray, since: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Seconds granted to each case since it came to its stage, and in all; shape (2, n)."""
    total = np.zeros((2, len(since)))
    table = table.filter(pc.is_in(table["id"], value_set=ids.combine_chunks()))
    if table.num_rows:
        owner = pc.index_in(table["id"], value_set=ids.combine_chunks()).to_numpy()
        seconds = table["hours"].to_numpy() * 3600
        np.add.at(total[0], owner, seconds * (_column(table, "at_time") >= since[owner]))
        np.add.at(total[1], owner, seconds)
    return total


def _due(
    calendar: Calendar,
    begin: NDArray[np.datetime64],
    kinds: tuple[Sequence[tuple[str, str, str]], NDArray[np.int64]],
    stage: str | None,
    more_work: NDArray[np.float64],
    more_wall: NDArray[np.float64],
) -> NDArray[np.datetime64]:
    """When each time limit ends (that of the stage a case is at where none is named), the seconds to add added."""
    different, of = kinds
    limit = [limit_of(stage or at, code, urgency) for at, code, urgency in different]
    seconds = np.array([np.nan if x is None else x.hours * 3600 for x in limit])[of]
    natural = np.array([x is not None and x.natural for x in limit], bool)[of]
    due = calendar.after(begin, seconds + more_work)
    wall = np.nan_to_num(seconds + more_wall) * 1e6
    return np.where(natural, begin + wall.astype(np.int64).astype("m8[us]"), due)


def _moment(value: np.datetime64) -> datetime | None:
    found = value.astype("M8[us]").item()
    return found if isinstance(found, datetime) else None
