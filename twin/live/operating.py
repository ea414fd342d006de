"""The alarm half of the hub: steps that follow from conditions, from the clock and from people."""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.live import alarms
from twin.live.archive import Archive
from twin.live.conditions import Outcome, Transitions, settle
from twin.live.life_cycle import SILENT_STATES, Alarm, AlarmEvent, Draft
from twin.live.register import naive_utc
from twin.live.rulebook import RuleSpec, begin_version, end_rule
from twin.live.state import microseconds, moment_of
from twin.live.view import LiveView
from twin.store import run

__all__ = ["LONGEST_SHELF", "Operating"]

LONGEST_SHELF = timedelta(days=7)
"""An alarm is not shelved for longer: what is silent for ever is taken out of service."""


class Operating(LiveView):
    """What alarms do and what people do with them; the part of :class:`twin.live.LiveHub` that knows rules."""

    archive: Archive
    _lock: threading.RLock
    _sound: bool

    def reload(self) -> None:
        """Rebuild memory from base and log."""
        raise NotImplementedError

    def _draft(self, transitions: Transitions) -> Draft:
        """Alarm steps that follow from conditions that began or ended."""
        memory = self._memory
        rules, draft = memory.rules, Draft(memory.standing)
        moved: dict[int, bool] = {}

        def holds(row: int | None) -> bool:
            return row is not None and moved.get(row, bool(memory.conditions.active[row]))

        for moment, together in _by_time(transitions):
            moved.update((row, begins) for row, _, begins in together)
            for row, value, begins in together:
                rule = rules.row(row)
                if begins:
                    silent = holds(rules.rows_of.get(rule["suppressed_by"] or ""))
                    draft.begin(rule, self._stream_of(rule["stream_id"]), moment, value, silent)
                else:
                    draft.end(rule["rule_id"], moment, value)
                for other in rules.suppresses.get(rule["rule_id"], ()):
                    alarm = draft.of_rule(rules.row(other)["rule_id"])
                    if alarm is not None and (not begins or alarm.state not in SILENT_STATES):
                        step = "suppress" if begins else "unsuppress"
                        draft.system(alarm.rule_id, step, moment, holds(other))
        return draft

    def _stream_of(self, stream_id: int) -> Mapping[str, Any]:
        position = int(self._memory.catalogue.of_ids(np.array([stream_id]))[0])
        return self._memory.catalogue.row(position) if position >= 0 else {}

    def _holds(self, rule_id: str) -> bool:
        row = self._memory.rules.rows_of.get(rule_id)
        return row is not None and bool(self._memory.conditions.active[row])

    def _take(self, draft: Draft, outcome: Outcome | None = None) -> None:
        """Write steps that follow from no reading, make them true and tell them."""
        memory, now = self._memory, self.now()
        moved = alarms.CONDITION_COLUMNS.empty_table() if outcome is None else memory.moved(outcome)
        if not draft.events and not moved.num_rows:
            return
        self._sound = False
        with self._store.transaction() as con:
            numbers = alarms.write(con, draft, moved, now)
            if moved.num_rows:  # conditions of the base are those after every frame of the log
                run(con, "applied", "twin.live", frame=str(self.archive.next_frame))
        with self._view:
            memory.standing = draft.standing_after()
            if outcome is not None:
                memory.conditions.follow(outcome)
        self._sound = True
        self._tell(draft, numbers)

    def _pass_time(self) -> None:
        """Silence that has become too long, compound rules left behind, shelves that are over, rules that ended."""
        memory, now = self._memory, self.now()
        now_us, since_us = microseconds(now), microseconds(self.listening_since)
        outcome = settle(memory.rules, memory.conditions, memory.time_us, now_us, since_us)
        if len(outcome.transitions.rule):
            self._take(self._draft(outcome.transitions), outcome)
        draft = Draft(memory.standing)
        for rule_id, alarm in memory.standing.items():
            if rule_id not in memory.rules.rows_of:
                draft.system(rule_id, "end", now, False, "the rule is no longer in force")
            elif alarm.shelved_until is not None and alarm.shelved_until <= now:
                draft.system(rule_id, "unshelve", alarm.shelved_until, self._holds(rule_id))
        self._take(draft)

    def _tell(self, draft: Draft, numbers: range) -> None:
        for number, event in zip(numbers, draft.events, strict=True):
            self._tell_step(number, draft.touched[event.alarm_id], event)

    def _tell_step(self, number: int, alarm: Alarm, event: AlarmEvent) -> None:
        told = self._told_alarm(alarm, event)
        self.events.publish("alarm", told, stream_id=alarm.stream_id, marks={"alarms": number})

    def _told_alarm(self, alarm: Alarm, event: AlarmEvent) -> Mapping[str, Any]:
        stream = self._stream_of(alarm.stream_id)
        place = {name: stream.get(name) for name in alarms.STREAM_FIELDS}
        return {
            **alarms.as_row(alarm),
            **place,
            "state": event.to_state,
            "event": event.event,
            "actor": event.actor,
            "at": event.at_time.isoformat(timespec="milliseconds") + "Z",
        }

    def answer(
        self,
        alarm_id: str,
        step: str,
        actor: str,
        note: str | None = None,
        until: datetime | None = None,
    ) -> Alarm:
        """A person takes a step with an alarm.

        Parameters
        ----------
        alarm_id : str
            UUID of the alarm.
        step : str
            One of :data:`twin.live.life_cycle.ANSWERS`.
        actor : str
            Who answers.
        note : str, optional
            Why; needed for closing an alarm whose condition still holds.
        until : datetime, optional
            When a shelved alarm comes back; needed for ``shelve``, at most :data:`LONGEST_SHELF` ahead.

        Returns
        -------
        Alarm
            As it stands now.

        Raises
        ------
        NotFoundError
            If there never was such an alarm.
        ConflictError
            If its state does not allow the step.
        InvalidRequestError
            If nobody is named, or ``until`` does not fit the step.
        """
        with self._lock:
            if not self._sound:
                self.reload()
            end = self._until(step, until)
            standing = {alarm.alarm_id: alarm for alarm in self._memory.standing.values()}
            draft = Draft(self._memory.standing)
            if alarm_id not in standing:
                with self._store.cursor() as cursor:
                    alarms.one(cursor, alarm_id)  # raises where there never was one
                raise ConflictError(f"alarm {alarm_id} is closed; there is nothing to {step}.")
            alarm = standing[alarm_id]
            holds = self._holds(alarm.rule_id)
            answered = draft.answer(alarm, step, self.now(), actor, note, holds, end)
            self._take(draft)
        return answered

    def step_rule(
        self,
        rule_id: str,
        step: str,
        actor: str,
        note: str | None = None,
        until: datetime | None = None,
    ) -> Alarm:
        """A person takes a step with the alarm of a rule; silences the rule where it has none.

        Parameters as in :meth:`answer`.

        Raises
        ------
        NotFoundError
            If no such rule is in force.
        ConflictError, InvalidRequestError
            As in :meth:`answer`.
        """
        with self._lock:
            if not self._sound:
                self.reload()
            known = self._memory.standing.get(rule_id)
            if known is not None:
                return self.answer(known.alarm_id, step, actor, note, until)
            row = self._memory.rules.rows_of.get(rule_id)
            if row is None:
                raise NotFoundError(f"there is no rule {rule_id[:200]!r} in force")
            rule, draft = self._memory.rules.row(row), Draft(self._memory.standing)
            stream, end = self._stream_of(rule["stream_id"]), self._until(step, until)
            alarm = draft.silence(rule, stream, step, self.now(), actor, note, end)
            self._take(draft)
        return alarm

    def change_rule(
        self,
        rule_id: str,
        spec: RuleSpec | None,
        actor: str,
        note: str | None = None,
        *,
        replaces: bool = False,
    ) -> None:
        """Make a rule, give it its next version (``replaces``), or end it (``spec`` None); in force when this returns.

        The open alarm of a rule that ends or is switched off is closed with that reason. An edited rule keeps its
        condition until its next reading says otherwise.

        Raises
        ------
        NotFoundError, ConflictError, InvalidRequestError
            As of :func:`twin.live.rulebook.begin_version` and :func:`twin.live.rulebook.end_rule`.
        """
        with self._lock:
            now = self.now()
            with self._store.transaction() as con:
                if spec is None:
                    end_rule(con, rule_id, now, actor, note)
                else:
                    begin_version(con, rule_id, spec, now, actor, note, replaces=replaces)
                    if not spec.enabled:
                        con.execute(
                            "DELETE FROM alarm_condition WHERE rule_id = $r", {"r": rule_id}
                        )
            self.reload()
            self._pass_time()

    def _until(self, step: str, until: datetime | None) -> datetime | None:
        if step != "shelve":
            if until is not None:
                raise InvalidRequestError(f"until goes with shelve, not with {step}.", "until")
            return None
        now = self.now()
        end = None if until is None else naive_utc(until)
        if end is None or not now < end <= now + LONGEST_SHELF:
            raise InvalidRequestError(
                f"shelving needs until: a time after now, at most {LONGEST_SHELF.days} days ahead "
                f"(given {until}). For longer, remove_from_service.",
                "until",
            )
        return end


def _by_time(transitions: Transitions) -> Iterator[tuple[datetime, list[tuple[int, float, bool]]]]:
    """Row, value and whether it begins of the conditions that change at each time: what changes together is seen together."""
    columns = (transitions.rule, transitions.time_us, transitions.value, transitions.begins)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for time_us, group in groupby(rows, key=itemgetter(1)):
        yield moment_of(time_us), [(row, value, begins) for row, _, value, begins in group]
