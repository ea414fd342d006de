"""Alarms in the base: written with the conditions they follow from, listed with their stream and place."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from twin.errors import NotFoundError
from twin.live.life_cycle import OPEN_STATES, Alarm, AlarmEvent, Draft
from twin.store import run, statement

__all__ = [
    "CONDITION_COLUMNS",
    "STREAM_FIELDS",
    "as_row",
    "listed",
    "one",
    "open_alarms",
    "steps_after",
    "write",
]

_ALARM_COLUMNS = pa.schema(
    [
        ("alarm_id", pa.string()),
        ("rule_id", pa.string()),
        ("stream_id", pa.int64()),
        ("level", pa.string()),
        ("state", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("raised_at", pa.timestamp("us")),
        ("acknowledged_at", pa.timestamp("us")),
        ("returned_at", pa.timestamp("us")),
        ("message_zh", pa.string()),
        ("message_en", pa.string()),
        ("kind", pa.string()),
        ("rule_version", pa.int32()),
        ("latched", pa.bool_()),
        ("shelved_until", pa.timestamp("us")),
        ("is_new", pa.bool_()),
    ]
)
_EVENT_COLUMNS = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("alarm_id", pa.string()),
        ("at_time", pa.timestamp("us")),
        ("event", pa.string()),
        ("from_state", pa.string()),
        ("to_state", pa.string()),
        ("actor", pa.string()),
        ("note", pa.string()),
        ("value", pa.float64()),
    ]
)
CONDITION_COLUMNS = pa.schema(
    [("rule_id", pa.string()), ("active", pa.bool_()), ("since", pa.timestamp("us"))]
)
STREAM_FIELDS = (
    *("key", "name", "subject", "property", "unit", "lon", "lat", "z", "eid", "grid_code"),
)
"""What an alarm tells about its stream."""


def _tables(draft: Draft) -> tuple[pa.Table, pa.Table]:
    """Alarms as they will stand, and events in order."""
    alarms = [
        {**_fields(alarm, _ALARM_COLUMNS.names[:-1]), "is_new": alarm.alarm_id in draft.new}
        for alarm in draft.touched.values()
    ]
    events = [
        {"ordinal": n, **_fields(event, _EVENT_COLUMNS.names[1:])}
        for n, event in enumerate(draft.events)
    ]
    return (
        pa.Table.from_pylist(alarms, schema=_ALARM_COLUMNS),
        pa.Table.from_pylist(events, schema=_EVENT_COLUMNS),
    )


def _fields(record: Alarm | AlarmEvent, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def write(
    con: duckdb.DuckDBPyConnection, draft: Draft, conditions: pa.Table, now: datetime
) -> range:
    """Write a draft and the conditions that moved with it, inside the caller's transaction.

    ``conditions`` has the columns of :data:`CONDITION_COLUMNS`; ``now`` is naive UTC. Gives the numbers
    (``seq``) of the draft's events.
    """
    alarms, events = _tables(draft)
    tables = {
        "incoming_alarm": alarms,
        "incoming_event": events,
        "incoming_condition": conditions,
    }
    for name, table in tables.items():
        con.register(name, table)
    run(con, "alarm_write", "twin.live", now=now)
    for name in tables:
        con.unregister(name)
    if not draft.events:
        return range(0)
    last = con.execute("SELECT currval('live_seq')").fetchall()[0][0]
    return range(last - len(draft.events) + 1, last + 1)


def open_alarms(con: duckdb.DuckDBPyConnection) -> dict[str, Alarm]:
    """Open alarms of the base by rule."""
    return {alarm.rule_id: alarm for alarm in _alarms(con, None)}


def _alarms(con: duckdb.DuckDBPyConnection, ids: Sequence[str] | None) -> list[Alarm]:
    names = _ALARM_COLUMNS.names[:-1]
    found = con.execute(statement("open_alarms", "twin.live"), {"ids": ids})
    rows: Iterable[tuple[Any, ...]] = found.fetchall()
    return [Alarm(**dict(zip(names, row, strict=True))) for row in rows]


def steps_after(
    con: duckdb.DuckDBPyConnection, seq: int, limit: int
) -> list[tuple[int, Alarm, AlarmEvent]]:
    """Number, alarm (as it stands by now) and step of the events after number ``seq``, oldest first."""
    names = _EVENT_COLUMNS.names[1:]
    found = con.execute(
        "SELECT seq, alarm_id::VARCHAR, at_time, event, from_state, to_state, actor, note, value "
        "FROM alarm_event WHERE seq > $seq ORDER BY seq LIMIT $limit",
        {"seq": seq, "limit": limit},
    ).fetchall()
    events = [(row[0], AlarmEvent(**dict(zip(names, row[1:], strict=True)))) for row in found]
    ids = sorted({event.alarm_id for _, event in events})
    by_id = {alarm.alarm_id: alarm for alarm in _alarms(con, ids)}
    return [(number, by_id[event.alarm_id], event) for number, event in events]


def as_row(alarm: Alarm) -> dict[str, Any]:
    """An alarm for JSON: ``id`` and times as RFC 3339 UTC."""
    row = _fields(alarm, _ALARM_COLUMNS.names[:-1])
    for name in ("raised_at", "acknowledged_at", "returned_at", "shelved_until"):
        moment = row[name]
        row[name] = None if moment is None else moment.isoformat(timespec="milliseconds") + "Z"
    return {"id": row.pop("alarm_id"), **row}


def listed(
    con: duckdb.DuckDBPyConnection,
    states: Sequence[str] = OPEN_STATES,
    limit: int = 1000,
    at: datetime | None = None,
) -> list[dict[str, Any]]:
    """Alarms in ``states`` now, or at a moment (naive UTC), newest first, with stream and place (:data:`STREAM_FIELDS`)."""
    bound = {"states": list(states), "limit": limit, "alarm_id": None, "at": at}
    return _rows(con, bound)


def one(con: duckdb.DuckDBPyConnection, alarm_id: str) -> dict[str, Any]:
    """One alarm with its stream, place and events.

    Raises
    ------
    NotFoundError
        If there never was such an alarm.
    """
    found = _rows(con, {"states": None, "limit": 1, "alarm_id": alarm_id, "at": None})
    if not found:
        raise NotFoundError(f"there is no alarm {alarm_id}")
    events = con.execute(
        "SELECT seq, at_time, event, from_state, to_state, actor, note, value FROM alarm_event "
        "WHERE alarm_id = TRY_CAST($alarm_id AS UUID) ORDER BY seq",
        {"alarm_id": alarm_id},
    )
    return {**found[0], "events": _json_rows(events)}


def _rows(con: duckdb.DuckDBPyConnection, bound: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _json_rows(con.execute(statement("alarms", "twin.live"), dict(bound)))


def _json_rows(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in answer.description or ()]
    return [
        {
            name: cell.isoformat(timespec="milliseconds") + "Z"
            if isinstance(cell, datetime)
            else cell
            for name, cell in zip(names, row, strict=True)
        }
        for row in answer.fetchall()
    ]
