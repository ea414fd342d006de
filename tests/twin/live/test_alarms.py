"""Alarms against a small model written reading by reading, with answers and restarts."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.live import LiveHub, alarms
from twin.live.conditions import Conditions, evaluate
from twin.live.rules import ALWAYS, Rules
from twin.live.state import NO_TIME

RULES = {  # rule: threshold, dead band, seconds on, seconds off
    "G1/ch4/alarm/above": (1.0, 0.05, 5, 3),
    "G1/ch4/warning/above": (0.5, 0.05, 0, 0),
}


class Model:
    """One rule and its alarm, as the standard describes them."""

    def __init__(self, threshold, dead_band, on_s, off_s):
        self.threshold, self.dead_band = threshold, dead_band
        self.on_s, self.off_s = on_s, off_s
        self.holds, self.since, self.state = False, None, None
        self.events = []

    def step(self, event, target):
        self.events.append((event, self.state, target))
        self.state = None if target == "closed" else target

    def read(self, second, value):
        over = value - self.threshold
        towards = over <= -self.dead_band if self.holds else over > 0
        if not towards:
            self.since = None
            return
        self.since = second if self.since is None else self.since
        if second - self.since < (self.off_s if self.holds else self.on_s):
            return
        self.since, self.holds = None, not self.holds
        if self.holds and self.state in (None, "returned"):
            self.step("raise", "active")
        elif not self.holds and self.state == "active":
            self.step("return", "returned")
        elif not self.holds and self.state == "acknowledged":
            self.step("return", "closed")

    def answer(self, step):
        if self.state is None or (step == "acknowledge" and self.state == "acknowledged"):
            return False
        calm = self.state == "returned" or step == "close"
        self.step(step, "closed" if calm else "acknowledged")
        return True


READING = st.tuples(
    st.integers(1, 4),
    st.sampled_from([0.3, 0.44, 0.46, 0.5, 0.52, 0.9, 0.94, 0.97, 1.0, 1.01, 1.5]),
)
STEP = st.one_of(
    st.lists(READING, min_size=1, max_size=6),
    st.lists(READING, min_size=1, max_size=6),
    st.tuples(st.sampled_from(["acknowledge", "close"]), st.sampled_from(sorted(RULES))),
    st.just("restart"),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, max_size=30))
@example(steps=[[(1, 1.5)], "restart", [(4, 1.5)], [(1, 1.5)]])  # delays outlive a restart
@example(steps=[[(1, 1.5)] * 6 + [(1, 0.3)] * 2, "restart", [(1, 0.3), (1, 0.3)]])
@example(steps=[[(1, 0.7)], ("close", "G1/ch4/warning/above"), "restart", [(1, 0.7)]])
def test_the_stored_life_of_alarms_is_that_of_the_model(steps, open_city):
    models = {rule: Model(*numbers) for rule, numbers in RULES.items()}
    with tempfile.TemporaryDirectory() as folder, open_city(Path(folder) / "city") as store:
        hub = LiveHub(store)
        with store.transaction() as con:
            con.execute("UPDATE alarm_rule SET dead_band = 0.05")
            con.execute(
                "UPDATE alarm_rule SET on_delay_s = 5, off_delay_s = 3 WHERE level = 'alarm'"
            )
        hub.reload()
        play(steps, store, hub, models)
        expected = {rule: model.events for rule, model in models.items() if model.events}
        standing = {rule: model.state for rule, model in models.items() if model.state}
        assert stored_events(store) == expected
        table = store.table("SELECT rule_id, state FROM alarm WHERE state <> 'closed'")
        assert {row["rule_id"]: row["state"] for row in table.to_pylist()} == standing
        assert table.num_rows == len(standing)


def play(steps, store, hub, models):
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    second = 0
    for step in steps:
        if step == "restart":
            hub = LiveHub(store)
        elif isinstance(step, tuple):
            take_answer(hub, models, step)
        else:
            times = []
            for wait, value in step:
                second += wait
                times.append(moment + timedelta(seconds=second))
                for model in models.values():
                    model.read(second, value)
            hub.ingest(["G1/ch4"] * len(times), times, [value for _, value in step])


def take_answer(hub, models, step):
    action, rule = step
    alarm = hub._memory.standing.get(rule)
    if not models[rule].answer(action):
        if alarm is not None:
            with pytest.raises(ConflictError):
                hub.answer(alarm.alarm_id, action, "值班员", "reason")
        return
    hub.answer(alarm.alarm_id, action, "值班员", "reason")


def stored_events(store):
    rows = store.table(
        "SELECT a.rule_id, e.event, e.from_state, e.to_state "
        "FROM alarm_event e JOIN alarm a USING (alarm_id) ORDER BY seq"
    ).to_pylist()
    found = {}
    for row in rows:
        found.setdefault(row["rule_id"], []).append(tuple(list(row.values())[1:]))
    return found


def raised(hub, clock, value=2.0):
    hub.ingest(["G1/ch4"], [clock.forward(seconds=10)], [value])
    return hub._memory.standing["G1/ch4/alarm/above"].alarm_id


def test_an_alarm_has_a_place_a_message_and_its_steps(hub, store, clock):
    alarm_id = raised(hub, clock)
    hub.answer(alarm_id, "acknowledge", "值班员小李", "已通知巡检")
    raised_at = clock.now.replace(tzinfo=None)
    hub.ingest(["G1/ch4"], [clock.forward(seconds=10)], [0.1])
    with store.cursor() as cursor:
        found = alarms.one(cursor, alarm_id)
    assert found["state"] == "closed"
    assert found["message_zh"] == "燃气井1 甲烷 2 % 高于报警值 1 %"
    assert (found["lon"], found["lat"], found["z"]) == (114.05, 30.45, 9.5)
    assert [(e["event"], e["actor"], e["to_state"]) for e in found["events"]] == [
        ("raise", "system", "active"),
        ("acknowledge", "值班员小李", "acknowledged"),
        ("return", "system", "closed"),
    ]
    assert found["raised_at"] == raised_at.isoformat(timespec="milliseconds") + "Z"
    assert store.scalar("SELECT count(*) FROM anchor WHERE subject_kind = 'alarm'") == 2


def test_an_alarm_that_still_holds_is_closed_only_with_a_reason_and_not_raised_anew(hub, clock):
    alarm_id = raised(hub, clock)
    with pytest.raises(ConflictError, match="reason"):
        hub.answer(alarm_id, "close", "值班员")
    hub.answer(alarm_id, "close", "值班员", "传感器校准中")
    with pytest.raises(ConflictError, match="closed"):
        hub.answer(alarm_id, "acknowledge", "值班员")
    hub.ingest(["G1/ch4"], [clock.forward(seconds=10)], [3.0])
    assert "G1/ch4/alarm/above" not in hub._memory.standing
    hub.ingest(["G1/ch4"], [clock.forward(seconds=10)], [0.1])
    assert raised(hub, clock) != alarm_id


def test_unknown_alarms_and_nameless_answers_are_refused(hub, clock):
    for unknown in ("0190a000-0000-7000-8000-000000000009", "no-uuid"):
        with pytest.raises(NotFoundError):
            hub.answer(unknown, "acknowledge", "值班员")
    with pytest.raises(InvalidRequestError):
        hub.answer(raised(hub, clock), "acknowledge", " ")


def test_rules_follow_thresholds_and_keep_what_people_set(hub, store, clock):
    with store.transaction() as con:
        con.execute("UPDATE alarm_rule SET on_delay_s = 7, dead_band = 0.2 WHERE level = 'alarm'")
        con.execute("UPDATE datastream SET alarm_high = 3, warn_high = NULL WHERE key = 'G1/ch4'")
    hub.reload()
    rows = store.table(
        "SELECT rule_id, threshold, dead_band, on_delay_s, enabled FROM alarm_rule ORDER BY rule_id"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("G1/ch4/alarm/above", 3.0, 0.2, 7.0, True),
        ("G1/ch4/warning/above", 0.5, pytest.approx(0.05), 0.0, False),
        ("W1/p/alarm/below", 0.2, 0.2, 7.0, True),
    ]
    hub.ingest(["G1/ch4"] * 2, [clock.now, clock.now + timedelta(seconds=7)], [3.1, 3.1])
    assert list(hub._memory.standing) == ["G1/ch4/alarm/above"]


def test_a_low_threshold_works_downwards(hub, clock):
    readings = [0.25, 0.19, 0.202, 0.204, 0.21]  # dead band 2 % of 0.2
    times = [clock.now - timedelta(seconds=60 - i) for i in range(5)]
    hub.ingest(["W1/p"] * 4, times[:4], readings[:4])
    assert hub._memory.standing["W1/p/alarm/below"].state == "active"
    hub.ingest(["W1/p"], times[4:], readings[4:])
    assert hub._memory.standing["W1/p/alarm/below"].state == "returned"


def test_batches_of_any_size_give_the_same_conditions():
    rng = np.random.default_rng(3)
    n_streams, n = 7, 4000
    position = rng.integers(0, n_streams, n)
    time_us = np.arange(n, dtype=np.int64) * 500_000
    value = np.cumsum(rng.normal(0, 0.4, n)) % 3.0
    rules = rules_for(n_streams, rng)
    whole = transitions(rules, position, time_us, value, [n])
    assert len(whole) > 100
    for cuts in ([1] * n, [13] * (n // 13 + 1), [997] * 5):
        assert transitions(rules, position, time_us, value, cuts) == whole


def rules_for(n_streams, rng):
    m = 3 * n_streams
    return Rules(
        pa.table({"rule_id": [str(i) for i in range(m)]}),
        np.arange(0, m + 1, 3),
        np.zeros(m, np.int8),
        rng.choice([-1.0, 1.0], m),
        rng.uniform(0.5, 2.5, m),
        rng.choice([0.0, 0.3], m),
        rng.choice([0, 1_000_000], m),
        rng.choice([0, 2_000_000], m),
        np.tile(ALWAYS, (m, 1)),
        np.full(m, NO_TIME),
    )


def transitions(rules, position, time_us, value, cuts):
    m = len(rules.sign)
    state, never = Conditions.calm(m), np.full(len(rules.first) - 1, NO_TIME)
    found, start = [], 0
    for size in cuts:
        part = np.arange(start, min(start + size, len(position)))
        start += size
        part = part[np.lexsort((time_us[part], position[part]))]
        outcome = evaluate(
            rules, state, position[part], time_us[part], value[part], never, never.astype(float)
        )
        state.follow(outcome)
        moved = outcome.transitions
        columns = (moved.rule, moved.time_us, moved.value, moved.begins)
        found += zip(*(column.tolist() for column in columns), strict=True)
    return sorted(found)
