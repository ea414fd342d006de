"""Time limits of cases: how long a stage and a whole case may take, and which are late."""

import csv
from collections.abc import Mapping, Sequence
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

from twin.cases.calendar import working_calendar
from twin.cases.stages import CLOSED
from twin.store import run

__all__ = ["WHOLE", "Limit", "clocks", "late", "limit_of", "limits"]

WHOLE: Final = "全程"
PAUSED: Final = "挂账"


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a stage (or the whole case) may take: working hours, or hours where ``natural``."""

    stage: str
    code: str
    natural: bool
    hours: float


@cache
def limits() -> tuple[Limit, ...]:
    """The limits of ``twin/codes/case_limits.csv``."""
    text = files("twin.codes").joinpath("case_limits.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Limit(row["stage"], row["code"], row["clock"] == "natural", float(row["hours"]))
        for row in rows
    )


@cache
def limit_of(stage: str, code: str) -> Limit | None:
    """The limit of a stage for a type: that of the longest beginning of its code."""
    fitting = [x for x in limits() if x.stage == stage and code.startswith(x.code)]
    return max(fitting, key=lambda x: len(x.code), default=None)


@dataclass(frozen=True, slots=True)
class _Clocks:
    """The clocks of n cases, a column each; times UTC, NaT where there is none."""

    ids: list[str]
    since: NDArray[np.datetime64]
    stage_due: NDArray[np.datetime64]
    due: NDArray[np.datetime64]
    paused: NDArray[np.bool_]
    overdue: NDArray[np.bool_]


def clocks(
    con: duckdb.DuckDBPyConnection, now: datetime, cases: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The clock of each case.

    Parameters
    ----------
    con : duckdb connection
    now : datetime
        Naive UTC.
    cases : sequence of str
        UUIDs.

    Returns
    -------
    dict of str to dict
        By UUID: ``stage_since, stage_due, due`` (naive UTC; None where there is no limit or the case is over),
        ``paused`` and ``overdue``. A case that is 挂账 has no stage limit; the time it stood so counts neither for the
        stage it came back to nor for the whole.
    """
    told = _clocks(con, now, cases)
    return {
        each: {
            "stage_since": _moment(told.since[at]),
            "stage_due": _moment(told.stage_due[at]),
            "due": _moment(told.due[at]),
            "paused": bool(told.paused[at]),
            "overdue": bool(told.overdue[at]),
        }
        for at, each in enumerate(told.ids)
    }


def late(con: duckdb.DuckDBPyConnection, now: datetime, wanted: bool = True) -> list[str]:
    """UUIDs of the cases that are not closed and beyond a limit, or (``wanted`` false) of the others."""
    told = _clocks(con, now, None)
    return [told.ids[at] for at in np.flatnonzero(told.overdue == wanted).tolist()]


def _clocks(con: duckdb.DuckDBPyConnection, now: datetime, cases: Sequence[str] | None) -> _Clocks:
    bound = {"cases": None if cases is None else list(cases), "closed": list(CLOSED), "now": now}
    found = run(con, "clocks", "twin.cases", **bound).to_arrow_table()
    since, reported = (_column(found, name) for name in ("since", "reported_at"))
    stages = found["stage"].to_numpy(zero_copy_only=False).astype(str)
    codes = found["code"].fill_null("").to_numpy(zero_copy_only=False).astype(str)
    stood = _stood(con, bound, found["id"], since)
    stage_due = _due(since, stages, codes, stood[0], stood[1])
    due = _due(reported, np.full(len(stages), WHOLE), codes, stood[2], stood[3])
    over = np.isin(stages, CLOSED)
    stage_due[over] = due[over] = np.datetime64("NaT")
    paused = stages == PAUSED
    passed = np.datetime64(now, "us")
    overdue = ~paused & ((stage_due < passed) | (due < passed))  # NaT is before nothing
    return _Clocks(found["id"].to_pylist(), since, stage_due, due, paused, overdue)


def _column(table: Any, name: str) -> NDArray[np.datetime64]:  # noqa: ANN401 -- an Arrow table
    found: NDArray[np.datetime64] = table[name].to_numpy(zero_copy_only=False).astype("M8[us]")
    return found


def _stood(
    con: duckdb.DuckDBPyConnection,
    bound: Mapping[str, Any],
    ids: pa.ChunkedArray,
    since: NDArray[np.datetime64],
) -> NDArray[np.float64]:
    """How long each case stood still: seconds of work and of the clock since it came to its stage, and in all; shape (4, n)."""
    total = np.zeros((4, len(since)))
    table = run(con, "stood", "twin.cases", **bound).to_arrow_table()
    if table.num_rows:
        owner = pc.index_in(table["id"], value_set=ids.combine_chunks()).to_numpy()
        begin, end = _column(table, "begin"), _column(table, "end")
        calendar = working_calendar()
        work = np.nan_to_num(calendar.worked(end) - calendar.worked(begin))
        wall = (end - begin).astype(np.int64) / 1e6
        here = begin >= since[owner]
        for row, seconds in enumerate((work * here, wall * here, work, wall)):
            np.add.at(total[row], owner, seconds)
    return total


def _due(
    begin: NDArray[np.datetime64],
    stages: NDArray[np.str_],
    codes: NDArray[np.str_],
    stood_work: NDArray[np.float64],
    stood_wall: NDArray[np.float64],
) -> NDArray[np.datetime64]:
    """When each time limit ends, the time a case stood still added."""
    kinds, of = np.unique(np.stack([stages, codes]), axis=1, return_inverse=True)
    limit = [limit_of(str(stage), str(code)) for stage, code in kinds.T]
    of = of.reshape(-1)
    seconds = np.array([np.nan if x is None else x.hours * 3600 for x in limit])[of]
    natural = np.array([x is not None and x.natural for x in limit], bool)[of]
    due = working_calendar().after(begin, seconds + stood_work)
    wall = np.nan_to_num(seconds + stood_wall) * 1e6
    return np.where(natural, begin + wall.astype(np.int64).astype("m8[us]"), due)


def _moment(value: np.datetime64) -> datetime | None:
    found = value.astype("M8[us]").item()
    return found if isinstance(found, datetime) else None
