"""Life cycle of alarms, after ISA-18.2 / IEC 62682.

==============  ==========================================  =============================================
state           means                                       steps out of it
==============  ==========================================  =============================================
active          condition holds, nobody has answered        acknowledge, return, close*
acknowledged    condition holds, somebody has               return → closed or latched, close*
returned        condition is over, nobody has answered      acknowledge → closed or latched, raise, close
latched         over and answered, waits for a reset        reset → closed, raise
shelved         silent by a person, until a time            unshelve
suppressed      silent by design                            unsuppress
out_of_service  silent for maintenance                      return_to_service
closed          normal; kept as history                     –
==============  ==========================================  =============================================

``close*`` while the condition still holds needs a reason. Every open state can be made silent, and a rule in normal
state too; out of silence an alarm is active where its condition holds, else closed. ``end`` closes the alarm of a rule
that is no longer in force. A rule has at most one alarm that is not closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from twin.errors import ConflictError, InvalidRequestError
from twin.ids import uuid7_array
from twin.units import shown

__all__ = [
    "ANSWERS", "HOLDING", "LIFE_CYCLE", "OPEN_STATES", "SILENCING", "SILENT_STATES", "STATES", "SYSTEM",
    "Alarm", "AlarmEvent", "Draft", "next_state",
]  # fmt: skip

OPEN_STATES = ("active", "acknowledged", "returned", "latched")
"""States an operator has to do with."""
SILENCING = {"shelve": "shelved", "suppress": "suppressed", "remove_from_service": "out_of_service"}
SILENT_STATES = tuple(SILENCING.values())
STATES = (*OPEN_STATES, *SILENT_STATES, "closed")
HOLDING = ("active", "acknowledged", *SILENT_STATES)
"""States of an alarm whose condition holds, or about which nobody can say that it is over."""
ANSWERS = (
    "acknowledge", "close", "reset", *SILENCING, "unshelve", "unsuppress", "return_to_service",
)  # fmt: skip
"""Steps a person can take."""
SYSTEM = "system"

_ANSWERED = "latched|closed"
_REVIVED = "active|closed"

LIFE_CYCLE: Mapping[tuple[str | None, str], str] = {
    (None, "raise"): "active",
    ("active", "return"): "returned",
    ("active", "acknowledge"): "acknowledged",
    ("active", "close"): "closed",
    ("acknowledged", "return"): _ANSWERED,
    ("acknowledged", "close"): "closed",
    ("returned", "raise"): "active",
    ("returned", "acknowledge"): _ANSWERED,
    ("returned", "close"): "closed",
    ("latched", "raise"): "active",
    ("latched", "reset"): "closed",
    ("shelved", "unshelve"): _REVIVED,
    ("suppressed", "unsuppress"): _REVIVED,
    ("out_of_service", "return_to_service"): _REVIVED,
    **{
        (source, step): target
        for step, target in SILENCING.items()
        for source in (None, *OPEN_STATES, *SILENT_STATES)
        if source != target or step == "shelve"
    },
    **{(source, "end"): "closed" for source in (*OPEN_STATES, *SILENT_STATES)},
}
"""State after a step, by state before (None: there is no open alarm) and step.

``latched|closed`` is latched where the rule latches; ``active|closed`` active where the condition holds.
"""

LEVELS_ZH = {"warning": "预警值", "alarm": "报警值"}
SIDES_ZH = {"above": "高于", "below": "低于"}
SILENCE_ZH = {"shelved": "已搁置", "suppressed": "已抑制", "out_of_service": "已停用"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as it stands; times naive UTC, ``value`` and ``threshold`` as of its rule's kind, None where it has none."""

    alarm_id: str
    rule_id: str
    stream_id: int
    level: str
    state: str
    value: float | None
    threshold: float | None
    raised_at: datetime
    acknowledged_at: datetime | None
    returned_at: datetime | None
    message_zh: str
    message_en: str
    kind: str = "level"
    rule_version: int = 1
    latched: bool = False
    shelved_until: datetime | None = None


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


def next_state(state: str | None, step: str, latched: bool, holds: bool) -> str | None:
    """State after a step; None where the state does not allow it.

    Examples
    --------
    >>> next_state("returned", "acknowledge", latched=True, holds=False)
    'latched'
    >>> next_state("shelved", "unshelve", latched=False, holds=True)
    'active'
    """
    target = LIFE_CYCLE.get((state, step))
    if target == _ANSWERED:
        return "latched" if latched else "closed"
    if target == _REVIVED:
        return "active" if holds else "closed"
    return target


def message(stream: Mapping[str, Any], rule: Mapping[str, Any], value: float) -> tuple[str, str]:
    """What the alarm says, in Chinese and English.

    Examples
    --------
    >>> stream = {"name": "燃气井1", "property": "甲烷", "unit": "%"}
    >>> rule = {"kind": "level", "level": "alarm", "comparison": "above", "threshold": 1.0}
    >>> message(stream, rule, 1.25)
    ('燃气井1 甲烷 1.25 % 高于报警值 1 %', '燃气井1 甲烷: 1.25 % is above the alarm level of 1 %')
    >>> message(stream, rule | {"kind": "stale", "threshold": 600.0}, 600.0)[1]
    '燃气井1 甲烷: no data for 600 s'
    """
    name, what, code = (stream.get(key) or "" for key in ("name", "property", "unit"))
    side, threshold = rule["comparison"], rule["threshold"]
    zh_unit, en_unit = shown(code, "zh"), shown(code, "en")
    if rule["kind"] == "stale":
        zh, en = (
            f"{name} {what} {threshold:.6g} 秒无数据",
            f"{name} {what}: no data for {threshold:.6g} s",
        )
    elif rule["kind"] == "compound":
        title = rule.get("name") or rule["rule_id"]
        zh = f"{name} {title}：{value:.0f} 项条件成立"
        en = f"{name} {title}: {value:.0f} conditions hold"
    elif rule["kind"] == "rate":
        zh = f"{name} {what} 每分钟变化 {value:.6g} {zh_unit} {SIDES_ZH[side]}{threshold:.6g} {zh_unit}"
        en = f"{name} {what}: change of {value:.6g} {en_unit} a minute is {side} {threshold:.6g} {en_unit}"
    else:
        zh = (
            f"{name} {what} {value:.6g} {zh_unit} {SIDES_ZH[side]}"
            f"{LEVELS_ZH.get(rule['level'], rule['level'])} {threshold:.6g} {zh_unit}"
        )
        en = (
            f"{name} {what}: {value:.6g} {en_unit} is {side} "
            f"the {rule['level']} level of {threshold:.6g} {en_unit}"
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
        self.new: set[str] = set()
        self.touched: dict[str, Alarm] = {}
        self.events: list[AlarmEvent] = []
        self._current: dict[str, Alarm | None] = {}

    def of_rule(self, rule_id: str) -> Alarm | None:
        """The open alarm of a rule, if there is one."""
        return self._current.get(rule_id, self._standing.get(rule_id))

    def begin(
        self, rule: Mapping[str, Any], stream: Mapping[str, Any], at_time: datetime, value: float, suppressed: bool = False
    ) -> None:  # fmt: skip
        """The condition of a rule has begun: raise its alarm, or raise it again; silently where it is suppressed."""
        known = self.of_rule(rule["rule_id"])
        source = None if known is None else known.state
        if source in SILENT_STATES:
            return
        step = "suppress" if suppressed else "raise"
        target = next_state(source, step, latched=False, holds=True)
        if target is None:
            return
        zh, en = message(stream, rule, value)
        alarm = known or self._made(rule, at_time)
        if source == "latched":
            alarm = replace(alarm, acknowledged_at=None)
        self._keep(
            replace(alarm, state=target, value=value, returned_at=None, message_zh=zh, message_en=en),
            source, step, at_time, SYSTEM, None, value,
        )  # fmt: skip

    def end(self, rule_id: str, at_time: datetime, value: float) -> None:
        """The condition of a rule is over; nothing to do where its alarm was closed before, or is silent."""
        known = self.of_rule(rule_id)
        if known is None:
            return
        target = next_state(known.state, "return", known.latched, holds=False)
        if target is not None:
            after = replace(known, state=target, returned_at=at_time)
            self._keep(after, known.state, "return", at_time, SYSTEM, None, value)

    def system(
        self, rule_id: str, step: str, at_time: datetime, holds: bool, note: str | None = None, actor: str = SYSTEM
    ) -> None:  # fmt: skip
        """A step that follows from a rule or the clock; nothing where the alarm's state does not know it."""
        known = self.of_rule(rule_id)
        if known is None:
            return
        target = next_state(known.state, step, known.latched, holds)
        if target is not None:
            after = replace(known, state=target, shelved_until=None)
            self._keep(after, known.state, step, at_time, actor, note, None)

    def silence(
        self, rule: Mapping[str, Any], stream: Mapping[str, Any], step: str, at_time: datetime, actor: str, note: str | None,
        until: datetime | None,
    ) -> Alarm:  # fmt: skip
        """A person shelves, suppresses or takes out of service a rule that has no open alarm.

        Raises
        ------
        ConflictError
            If ``step`` begins no silence.
        """
        if step not in SILENCING:
            raise ConflictError(
                f"rule {rule['rule_id']} has no open alarm; it cannot {step}. Possible now: {', '.join(SILENCING)}."
            )
        _named(actor)
        state = SILENCING[step]
        name = f"{stream.get('name') or ''} {stream.get('property') or ''}".strip()
        alarm = replace(
            self._made(rule, at_time), state=state, shelved_until=until,
            message_zh=f"{name} {SILENCE_ZH[state]}", message_en=f"{name}: {state.replace('_', ' ')}",
        )  # fmt: skip
        self._keep(alarm, None, step, at_time, actor, note, None)
        return alarm

    def _made(self, rule: Mapping[str, Any], at_time: datetime) -> Alarm:
        alarm = Alarm(
            str(uuid7_array(1)[0]), rule["rule_id"], rule["stream_id"], rule["level"], "closed", None,
            None if rule["kind"] == "compound" else rule["threshold"], at_time, None, None, "", "",
            rule["kind"], rule["version"], rule["latched"],
        )  # fmt: skip
        self.new.add(alarm.alarm_id)
        return alarm

    def answer(
        self, alarm: Alarm, step: str, at_time: datetime, actor: str, note: str | None, holds: bool = False,
        until: datetime | None = None,
    ) -> Alarm:  # fmt: skip
        """A person takes a step with ``alarm``; ``holds`` is whether its condition does.

        Raises
        ------
        ConflictError
            If its state does not allow the step, or closing while the condition holds lacks a
            reason.
        """
        target = next_state(alarm.state, step, alarm.latched, holds)
        if target is None or step not in ANSWERS:
            possible = [s for state, s in LIFE_CYCLE if state == alarm.state and s in ANSWERS]
            raise ConflictError(
                f"alarm {alarm.alarm_id} is {alarm.state}; it cannot {step}. "
                f"Possible now: {', '.join(possible) or 'nothing'}."
            )
        if step == "close" and alarm.state != "returned" and not (note or "").strip():
            raise ConflictError(
                f"alarm {alarm.alarm_id} is {alarm.state}: its condition still holds. "
                "Closing it now needs a reason in note."
            )
        _named(actor)
        answers = step in ("acknowledge", "close")
        answered = replace(
            alarm, state=target, shelved_until=until if target == "shelved" else None,
            acknowledged_at=alarm.acknowledged_at or at_time if answers else alarm.acknowledged_at,
        )  # fmt: skip
        if alarm.state in SILENT_STATES and target == "active":
            answered = replace(answered, acknowledged_at=None, returned_at=None)
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

    def standing_after(self) -> dict[str, Alarm]:
        """Open alarms by rule once the draft is true."""
        after = {**self._standing, **self._current}
        return {rule_id: alarm for rule_id, alarm in after.items() if alarm is not None}


def _named(actor: str) -> None:
    if not actor.strip():
        raise InvalidRequestError("an answer to an alarm needs to say who gives it", "actor")
