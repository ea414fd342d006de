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
) -> pa.Array:
    """UUIDs (text) of the cases that are not closed and beyond a limit, or (``wanted`` false) of the others."""
    told = _clocks(con, now, calendar, None)
    return told.ids.combine_chunks().filter(pa.array(told.overdue == wanted))


def _clocks(
    con: duckdb.DuckDBPyConnection, now: datetime, calendar: Calendar, cases: Sequence[str] | None
) -> _Clocks:
    bound = {"all": cases is None, "closed": list(CLOSED)}
    con.register("asked_case", pa.table({"id": pa.array(cases or [], pa.string())}))
    try:
        found = run(con, "clocks", "twin.cases", **bound).to_arrow_table()
        halts = run(con, "halts", "twin.cases", **bound).to_arrow_table()
    finally:
        con.unregister("asked_case")
    since, reported = (_column(found, name) for name in ("since", "reported_at"))
    different, of = _kinds(found)
    over, paused = (
        np.array([stage in stages for stage, _, _ in different], bool)[of]
        for stages in (CLOSED, (PAUSED,))
    )
    present = np.datetime64(now, "us")
    more = _added(halts, calendar, found["id"], since, paused, present)
    stage_due = _due(calendar, since, (different, of), None, more[0], more[1])
    due = _due(calendar, reported, (different, of), WHOLE, more[2], more[3])
    stage_due[over] = due[over] = np.datetime64("NaT")
    overdue = ~paused & ((stage_due < present) | (due < present))  # NaT is before nothing
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
    sizes = tuple(max(1, len(column.dictionary)) for column in columns)
    key = np.ravel_multi_index([column.indices.to_numpy() for column in columns], sizes)
    met = np.flatnonzero(np.bincount(key, minlength=1))
    place = np.zeros(int(np.prod(sizes)), np.int64)
    place[met] = np.arange(len(met))
    words = [column.dictionary.to_pylist() for column in columns]
    rows = zip(*np.unravel_index(met, sizes), strict=True) if len(key) else ()
    return [tuple(word[at] for word, at in zip(words, row, strict=True)) for row in rows], place[
        key
    ]


def _added(
    halts: pa.Table,
    calendar: Calendar,
    ids: pa.ChunkedArray,
    since: NDArray[np.datetime64],
    paused: NDArray[np.bool_],
    present: np.datetime64,
) -> NDArray[np.float64]:
    """By how much limits move, standing still and extensions together.

    Times add up: the end of each halt less its begin, and the present where one lasts.

    Returns
    -------
    ndarray of float64, shape (4, n)
        Seconds of work and of the clock since a case came to its stage, and in all.
    """
    total = np.zeros((4, len(since)))
    if not halts.num_rows:
        return total
    owner = pc.index_in(halts["id"], value_set=ids.combine_chunks())
    halts, owner = halts.filter(owner.is_valid()), owner.drop_null().to_numpy()
    at, sign = _column(halts, "at_time"), halts["sign"].to_numpy()
    here = at >= since[owner]
    sign = np.append(sign, np.ones(int(paused.sum())))
    granted = np.append(halts["hours"].to_numpy() * 3600, np.zeros(int(paused.sum())))
    owner = np.append(owner, np.flatnonzero(paused))
    at = np.append(at, np.full(int(paused.sum()), present))
    here = np.append(here, np.full(int(paused.sum()), True))
    zero = at.min() if len(at) else present
    work = sign * np.nan_to_num(calendar.worked(at)) + granted
    wall = sign * ((at - zero).astype(np.int64) / 1e6) + granted
    for row, seconds in enumerate((work * here, wall * here, work, wall)):
        total[row] = np.bincount(owner, seconds, len(since))
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
