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
from numpy.typing import NDArray

from twin.cases.calendar import working_calendar
from twin.cases.stages import CLOSED
from twin.store import run

__all__ = ["WHOLE", "Limit", "clocks", "limit_of", "limits"]

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


def clocks(
    con: duckdb.DuckDBPyConnection, now: datetime, cases: Sequence[str] | None = None
) -> dict[str, dict[str, Any]]:
    """The clock of each case.

    Parameters
    ----------
    con : duckdb connection
    now : datetime
        Naive UTC.
    cases : sequence of str, optional
        UUIDs; all that are not closed where None.

    Returns
    -------
    dict of str to dict
        By UUID: ``stage_since, stage_due, due`` (naive UTC; due None where there is no limit or the case is over),
        ``paused`` and ``overdue``. A case that is 挂账 has no stage limit, and the time it stood so does not count.
    """
    bound = {"cases": None if cases is None else list(cases), "closed": list(CLOSED), "now": now}
    found = run(con, "clocks", "twin.cases", **bound).to_arrow_table()
    stages, codes = (found[name].to_pylist() for name in ("stage", "code"))
    since, reported, paused_from, paused_to, owner = _times(found, con, bound)
    ids = found["id"].to_pylist()
    stood = _stood(ids, paused_from, paused_to, owner)
    open_ = np.array([stage not in CLOSED for stage in stages], bool)
    stage_due = _due(since, [limit_of(s, c or "") for s, c in zip(stages, codes, strict=True)], np.zeros(len(ids)))  # fmt: skip
    whole = _due(reported, [limit_of(WHOLE, c or "") for c in codes], stood)
    stage_due[~open_] = whole[~open_] = np.datetime64("NaT")
    late = _before(stage_due, now) | _before(whole, now)
    return {
        ids[at]: {
            "stage_since": _moment(since[at]),
            "stage_due": _moment(stage_due[at]),
            "due": _moment(whole[at]),
            "paused": stages[at] == PAUSED,
            "overdue": bool(late[at]) and stages[at] != PAUSED,
        }
        for at in range(len(ids))
    }


def _times(found: Any, con: duckdb.DuckDBPyConnection, bound: Mapping[str, Any]) -> tuple[Any, ...]:  # noqa: ANN401 # fmt: skip
    since, reported = (
        found[name].to_numpy(zero_copy_only=False).astype("M8[us]")
        for name in ("since", "reported_at")
    )
    stood = run(con, "stood", "twin.cases", **bound).to_arrow_table()
    begin, end = (
        stood[name].to_numpy(zero_copy_only=False).astype("M8[us]") for name in ("begin", "end")
    )
    return since, reported, begin, end, stood["id"].to_pylist()


def _stood(
    ids: list[str], begin: NDArray[np.datetime64], end: NDArray[np.datetime64], owner: list[str]
) -> NDArray[np.float64]:
    """Seconds of work each case stood still."""
    calendar, place = working_calendar(), {each: at for at, each in enumerate(ids)}
    total = np.zeros(len(ids))
    if len(owner):
        work = calendar.worked(end) - calendar.worked(begin)
        np.add.at(total, np.array([place[each] for each in owner]), work)
    return total


def _due(
    begin: NDArray[np.datetime64], limit: list[Limit | None], stood: NDArray[np.float64]
) -> NDArray[np.datetime64]:
    hours = np.array([np.nan if x is None else x.hours for x in limit]) * 3600.0
    natural = np.array([x is not None and x.natural for x in limit], bool)
    due = working_calendar().after(begin, hours + stood)
    wall = np.where(np.isnan(hours), 0, hours * 1e6).astype(np.int64).astype("m8[us]")
    return np.where(natural, begin + wall, due)


def _before(moments: NDArray[np.datetime64], now: datetime) -> NDArray[np.bool_]:
    return ~np.isnat(moments) & (moments < np.datetime64(now, "us"))


def _moment(value: np.datetime64) -> datetime | None:
    found = value.astype("M8[us]").item()
    return found if isinstance(found, datetime) else None
