"""Cases as they are told: found by what is asked, with clock, steps and what stands."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from twin.cases.calendar import Calendar
from twin.cases.clocks import clocks
from twin.cases.machine import Standing, possible, remembered, replay
from twin.cases.reporting import code_names
from twin.cases.stages import CLOSED, Transition
from twin.store import run, statement

__all__ = ["Asked", "CasePage", "bound_of", "dicts", "events_of", "page_of", "standing_of"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cases are asked for; None: any.

    Parameters
    ----------
    stages : sequence of str, optional
    bbox : tuple of float, optional
        West, south, east, north, degrees.
    grid : str, optional
        Code of a 街道 (9 digits), 社区 (12) or 单元网格 (15), or any beginning.
    code : str, optional
        Type, or the beginning of one.
    unit : str, optional
        Responsible unit.
    alarm, case : str, optional
        UUID of an alarm; UUID or key of a case.
    among : pyarrow.Array of string, optional
        UUIDs.
    limit, offset : int
    """

    stages: Sequence[str] | None = None
    bbox: Box | None = None
    grid: str | None = None
    code: str | None = None
    unit: str | None = None
    alarm: str | None = None
    case: str | None = None
    among: pa.Array | None = None
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some of the cases that matched, newest first, and how many matched."""

    cases: list[dict[str, Any]]
    matched: int


def page_of(
    con: duckdb.DuckDBPyConnection, asked: Asked, calendar: Calendar, now: datetime
) -> CasePage:
    """Cases, newest first, each as :class:`twin.cases.desk.CaseDesk` says.

    Parameters
    ----------
    con : duckdb connection
    asked : Asked
    calendar : Calendar
        Working time of the city.
    now : datetime
        Naive UTC.
    """
    found = standing_of(con, asked)
    told = clocks(con, now, calendar, [row["id"] for row in found.cases]) if found.cases else {}
    for row in found.cases:
        row["clock"] = told[row["id"]]
    return found


def standing_of(con: duckdb.DuckDBPyConnection, asked: Asked) -> CasePage:
    """Cases as :func:`page_of` tells them, without their clocks."""
    text = statement("found", "twin.cases") + statement("list", "twin.cases")
    with bound_of(con, asked) as bound:
        found = dicts(con.execute(text, {**bound, "limit": asked.limit, "offset": asked.offset}))
    if not found:
        return CasePage([], 0)
    matched = found[0]["matched"]
    ids = [row["id"] for row in found]
    marks = _marks(con, ids)
    for row in found:
        del row["matched"]
        events = marks.get(row["id"], [])
        row["code_name"] = code_names().get((row["kind"], row["code"]))
        row["attributes"] = orjson.loads(row["attributes"] or "{}")
        row |= _said(row["stage"], events)
        row["actions"] = [_told(step) for step in possible(_replayed(row["stage"], events))]
    return CasePage(found, matched)


@contextmanager
def bound_of(con: duckdb.DuckDBPyConnection, asked: Asked) -> Iterator[dict[str, Any]]:
    """What ``found.sql`` binds, for as long as the block runs."""
    west, south, east, north = asked.bbox or (None, None, None, None)
    nobody = pa.array([], pa.string())
    con.register("among", pa.table({"id": nobody if asked.among is None else asked.among}))
    try:
        yield {
            "stages": None if asked.stages is None else list(asked.stages),
            **{"west": west, "south": south, "east": east, "north": north},
            **{"grid": asked.grid, "code": asked.code, "unit": asked.unit, "alarm": asked.alarm},
            **{"case": asked.case, "all": asked.among is None},
        }
    finally:
        con.unregister("among")


def events_of(con: duckdb.DuckDBPyConnection, case_id: str) -> list[dict[str, Any]]:
    """Steps of a case by UUID, in order: ``seq, at_time, event, from_stage, to_stage, actor, role, note, details``."""
    rows = dicts(
        con.execute(
            "SELECT seq, at_time, event, from_stage, to_stage, actor, role, note, details::VARCHAR AS details "
            "FROM case_event WHERE case_id = $case::UUID ORDER BY seq",
            {"case": case_id},
        )
    )
    return [{**row, "details": orjson.loads(row["details"] or "{}")} for row in rows]


def dicts(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Rows of an answer by column name."""
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _marks(
    con: duckdb.DuckDBPyConnection, cases: Sequence[str]
) -> Mapping[str, list[dict[str, Any]]]:
    """The events of each case that decide what is possible, in order; cases without any are left out."""
    marks: dict[str, list[dict[str, Any]]] = {}
    names = [*remembered(), "merge"]
    con.register("asked_case", pa.table({"id": pa.array(cases, pa.string())}))
    try:
        rows = dicts(run(con, "marks", "twin.cases", events=names))
    finally:
        con.unregister("asked_case")
    for row in rows:
        row["details"] = orjson.loads(row["details"] or "{}")
        marks.setdefault(row["id"], []).append(row)
    return marks


def _replayed(stage: str, events: Sequence[Mapping[str, Any]]) -> Standing:
    return replay([*((row["event"], stage) for row in events), ("stage", stage)])


def _said(stage: str, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was said by steps and holds: 督办, 延期, 合并."""
    told: dict[str, Any] = {"urged": None, "extension": None, "merged_into": None}
    for row in events:
        said = row["details"]
        match row["event"]:
            case "urge":
                told["urged"] = {
                    "since": row["at_time"],
                    "until": _time(said.get("until")),
                    "actor": row["actor"],
                    "note": row["note"],
                }
            case "unurge":
                told["urged"] = None
            case "extend" | "grant" | "refuse" as step:
                state = {"extend": "asked", "grant": "granted", "refuse": "refused"}[step]
                asked = told["extension"] or {}
                hours = said.get("hours", asked.get("hours"))
                told["extension"] = {"state": state, "hours": hours, "at_time": row["at_time"]}
            case "merge":
                told["merged_into"] = said["into"]
    if stage in CLOSED:
        told["urged"] = None
    return told


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _told(step: Transition) -> dict[str, Any]:
    return {
        "action": step.action,
        "zh": step.zh,
        "en": step.en,
        "to": step.target,
        "roles": list(step.roles),
        "needs_note": step.needs_note,
        "takes": list(step.takes),
        "may_take": list(step.may_take),
    }
