"""Life cycle of alarms, after ISA-18.2 / IEC 62682, and the writing of every step.

===============  ======================================  ==========================
state            means                                   steps out of it
===============  ======================================  ==========================
active           condition holds, nobody has answered    acknowledge, return, close*
acknowledged     condition holds, somebody has           return → closed, close*
returned         condition is over, nobody has answered  acknowledge → closed, close, raise → active
closed           over and answered; kept as history      –
===============  ======================================  ==========================

``close*`` while the condition still holds needs a reason. A rule has at most one alarm that is not
closed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.ids import uuid7_array
from twin.store import run, statement
from twin.units import shown

__all__ = [
    "CONDITION_COLUMNS",
    "LIFE_CYCLE",
    "OPEN_STATES",
    "STREAM_FIELDS",
    "Alarm",
    "AlarmEvent",
    "Draft",
    "as_row",
    "listed",
    "one",
    "open_alarms",
    "write",
]

OPEN_STATES = ("active", "acknowledged", "returned")

LIFE_CYCLE: Mapping[tuple[str | None, str], str] = {
    (None, "raise"): "active",
    ("active", "return"): "returned",
    ("active", "acknowledge"): "acknowledged",
    ("active", "close"): "closed",
    ("acknowledged", "return"): "closed",
    ("acknowledged", "close"): "closed",
    ("returned", "raise"): "active",
    ("returned", "acknowledge"): "closed",
    ("returned", "close"): "closed",
}
"""State after a step, by state before (None: there is no open alarm) and step."""

LEVELS_ZH = {"warning": "预警值", "alarm": "报警值"}
SIDES_ZH = {"above": "高于", "below": "低于"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as it stands; times naive UTC, ``value`` and ``threshold`` in the stream's unit."""

    alarm_id: str
    rule_id: str
    stream_id: int
    level: str
    state: str
    value: float
    threshold: float
    raised_at: datetime
    acknowledged_at: datetime | None
    returned_at: datetime | None
    message_zh: str
    message_en: str


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One step of one alarm, at a time in naive UTC."""

    alarm_id: str
    at_time: datetime
    event: str
    from_state: str | None
    to_state: str
    actor: str
    note: str | None
    value: float | None


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
SYSTEM = "system"
STREAM_FIELDS = (
    *("key", "name", "subject", "property", "unit", "lon", "lat", "z", "eid", "grid_code"),
)
"""What an alarm tells about its stream."""


def message(
    stream: Mapping[str, Any], level: str, comparison: str, value: float, threshold: float
) -> tuple[str, str]:
    """What the alarm says, in Chinese and English.

    Examples
    --------
    >>> stream = {"name": "燃气井1", "property": "甲烷", "unit": "%"}
    >>> message(stream, "alarm", "above", 1.25, 1.0)
    ('燃气井1 甲烷 1.25 % 高于报警值 1 %', '燃气井1 甲烷: 1.25 % is above the alarm level of 1 %')
    """
    name, what, code = (stream.get(key) or "" for key in ("name", "property", "unit"))
    unit = shown(code, "zh")
    zh = (
        f"{name} {what} {value:.6g} {unit} {SIDES_ZH.get(comparison, comparison)}"
        f"{LEVELS_ZH.get(level, level)} {threshold:.6g} {unit}"
    )
    unit = shown(code, "en")
    en = (
        f"{name} {what}: {value:.6g} {unit} is {comparison} "
        f"the {level} level of {threshold:.6g} {unit}"
    )
    return zh.strip(), en.strip()


class Draft:
    """Steps of alarms that are being taken, before they are written and true.

    Parameters
    ----------
    standing : Mapping of str to Alarm
        Open alarms by rule; never changed here.
    """

    def __init__(self, standing: Mapping[str, Alarm]) -> None:
        self._standing = standing
        self._new: set[str] = set()
        self.touched: dict[str, Alarm] = {}
        self.events: list[AlarmEvent] = []
        self._current: dict[str, Alarm | None] = {}

    def _of_rule(self, rule_id: str) -> Alarm | None:
        return self._current.get(rule_id, self._standing.get(rule_id))

    def begin(
        self, rule: Mapping[str, Any], stream: Mapping[str, Any], at_time: datetime, value: float
    ) -> None:
        """The condition of a rule has begun: raise its alarm, or raise it again."""
        zh, en = message(stream, rule["level"], rule["comparison"], value, rule["threshold"])
        known = self._of_rule(rule["rule_id"])
        if known is None:
            alarm = Alarm(
                alarm_id=str(uuid7_array(1)[0]),
                rule_id=rule["rule_id"],
                stream_id=rule["stream_id"],
                level=rule["level"],
                state="active",
                value=value,
                threshold=rule["threshold"],
                raised_at=at_time,
                acknowledged_at=None,
                returned_at=None,
                message_zh=zh,
                message_en=en,
            )
            self._new.add(alarm.alarm_id)
            self._keep(alarm, None, "raise", at_time, SYSTEM, None, value)
        elif (known.state, "raise") in LIFE_CYCLE:
            again = replace(
                known, state="active", value=value, returned_at=None, message_zh=zh, message_en=en
            )
            self._keep(again, known.state, "raise", at_time, SYSTEM, None, value)

    def end(self, rule_id: str, at_time: datetime, value: float) -> None:
        """The condition of a rule is over; nothing to do where its alarm was closed before."""
        known = self._of_rule(rule_id)
        if known is not None and (known.state, "return") in LIFE_CYCLE:
            target = LIFE_CYCLE[known.state, "return"]
            self._keep(
                replace(known, state=target, returned_at=at_time),
                known.state,
                "return",
                at_time,
                SYSTEM,
                None,
                value,
            )

    def answer(
        self, alarm: Alarm, step: str, at_time: datetime, actor: str, note: str | None
    ) -> Alarm:
        """A person acknowledges or closes ``alarm``.

        Raises
        ------
        ConflictError
            If its state does not allow the step, or closing while the condition holds lacks a
            reason.
        """
        target = LIFE_CYCLE.get((alarm.state, step))
        if target is None:
            possible = [
                s
                for state, s in LIFE_CYCLE
                if state == alarm.state and s in ("acknowledge", "close")
            ]
            raise ConflictError(
                f"alarm {alarm.alarm_id} is {alarm.state}; it cannot {step}. "
                f"Possible now: {', '.join(possible) or 'nothing'}."
            )
        if step == "close" and alarm.state != "returned" and not (note or "").strip():
            raise ConflictError(
                f"alarm {alarm.alarm_id} is {alarm.state}: its condition still holds. "
                "Closing it now needs a reason in note."
            )
        if not actor.strip():
            raise InvalidRequestError("an answer to an alarm needs to say who gives it", "actor")
        answered = replace(alarm, state=target, acknowledged_at=alarm.acknowledged_at or at_time)
        self._keep(answered, alarm.state, step, at_time, actor, note, None)
        return answered

    def _keep(
        self,
        alarm: Alarm,
        source: str | None,
        step: str,
        at_time: datetime,
        actor: str,
        note: str | None,
        value: float | None,
    ) -> None:
        self.touched[alarm.alarm_id] = alarm
        self._current[alarm.rule_id] = None if alarm.state == "closed" else alarm
        self.events.append(
            AlarmEvent(alarm.alarm_id, at_time, step, source, alarm.state, actor, note, value)
        )

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Alarms as they will stand, and events in order."""
        alarms = [
            {**_fields(alarm, _ALARM_COLUMNS.names[:-1]), "is_new": alarm.alarm_id in self._new}
            for alarm in self.touched.values()
        ]
        events = [
            {"ordinal": n, **_fields(event, _EVENT_COLUMNS.names[1:])}
            for n, event in enumerate(self.events)
        ]
        return (
            pa.Table.from_pylist(alarms, schema=_ALARM_COLUMNS),
            pa.Table.from_pylist(events, schema=_EVENT_COLUMNS),
        )

    def standing_after(self) -> dict[str, Alarm]:
        """Open alarms by rule once the draft is true."""
        after = {**self._standing, **self._current}
        return {rule_id: alarm for rule_id, alarm in after.items() if alarm is not None}


def _fields(record: Alarm | AlarmEvent, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def write(
    con: duckdb.DuckDBPyConnection, draft: Draft, conditions: pa.Table, now: datetime
) -> None:
    """Write a draft and the conditions that moved with it, inside the caller's transaction.

    ``conditions`` has the columns of :data:`CONDITION_COLUMNS`; ``now`` is naive UTC.
    """
    alarms, events = draft.tables()
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


def open_alarms(con: duckdb.DuckDBPyConnection) -> dict[str, Alarm]:
    """Open alarms of the base by rule."""
    names = _ALARM_COLUMNS.names[:-1]
    rows: Iterable[tuple[Any, ...]] = con.execute(statement("open_alarms", "twin.live")).fetchall()
    found = (Alarm(**dict(zip(names, row, strict=True))) for row in rows)
    return {alarm.rule_id: alarm for alarm in found}


def as_row(alarm: Alarm) -> dict[str, Any]:
    """An alarm for JSON: ``id`` and times as RFC 3339 UTC."""
    row = _fields(alarm, _ALARM_COLUMNS.names[:-1])
    for name in ("raised_at", "acknowledged_at", "returned_at"):
        moment = row[name]
        row[name] = None if moment is None else moment.isoformat(timespec="milliseconds") + "Z"
    return {"id": row.pop("alarm_id"), **row}


def listed(
    con: duckdb.DuckDBPyConnection, states: Sequence[str] = OPEN_STATES, limit: int = 1000
) -> list[dict[str, Any]]:
    """Alarms in ``states``, newest first, with stream and place (:data:`STREAM_FIELDS`)."""
    bound = {"states": list(states), "limit": limit, "alarm_id": None}
    return _rows(con, bound)


def one(con: duckdb.DuckDBPyConnection, alarm_id: str) -> dict[str, Any]:
    """One alarm with its stream, place and events.

    Raises
    ------
    NotFoundError
        If there never was such an alarm.
    """
    found = _rows(con, {"states": None, "limit": 1, "alarm_id": alarm_id})
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
