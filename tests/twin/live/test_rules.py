"""Rules as data: kinds, windows, compound rules, versions, suppression, shelves, silence, and trial on history."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from twin.analysis.model import Study
from twin.analysis.registry import run
from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.live import LiveHub, alarms
from twin.live.kernel import in_force
from twin.live.rulebook import one_rule, read_rule
from twin.live.rules import window_of
from twin.verify import verify

RATE = {"stream": "L1/on", "kind": "rate", "level": "warning", "threshold": 6.0, "dead_band": 1.0}
STALE = {"stream": "G1/ch4", "kind": "stale", "level": "warning", "threshold": 300}


def made(hub, rule_id, rule, **more):
    hub.change_rule(rule_id, read_rule(rule), "王工", **more)


def steps(store, rule_id):
    return [
        tuple(row.values())
        for row in store.table(
            "SELECT event, to_state, at_time, e.value FROM alarm_event e JOIN alarm a USING (alarm_id) WHERE rule_id = $r ORDER BY seq",
            {"r": rule_id},
        ).to_pylist()
    ]


def feed(hub, stream, start, *pairs):
    hub.ingest(
        [stream] * len(pairs),
        [start + timedelta(seconds=s) for s, _ in pairs],
        [v for _, v in pairs],
    )


def broken(store):
    """Laws of alarms and readings; the city of these tests has streams without anchors."""
    return {
        r.law: r.broken for r in verify(store) if r.broken and r.law != "nothing_floats_streams"
    }


def test_a_rate_is_the_change_from_the_reading_before_also_across_a_restart(hub, store, clock):
    made(hub, "L1/rise", RATE)
    t = clock.now - timedelta(hours=1)
    feed(hub, "L1/on", t, (0, 1.0))
    again = LiveHub(store, clock)
    feed(again, "L1/on", t, (30, 4.5), (60, 6.9), (90, 9.4))  # 7, 4.8, 5 a minute
    naive = t.replace(tzinfo=None)
    assert steps(store, "L1/rise") == [
        ("raise", "active", naive + timedelta(seconds=30), 7.0),
        ("return", "returned", naive + timedelta(seconds=60), pytest.approx(4.8)),
    ]


def test_silence_is_found_by_the_clock_or_the_next_reading_and_told_the_same(store, clock):
    silent = []
    for ticks in (False, True):
        hub = LiveHub(store, clock)
        made(hub, f"G1/silent{ticks}", STALE | {"threshold": 300})
        t = clock.forward(seconds=1)
        feed(hub, "G1/ch4", t, (0, 0.1))
        clock.forward(seconds=290)
        hub.tick()
        assert not steps(store, f"G1/silent{ticks}")
        clock.forward(seconds=110)
        if ticks:
            hub.tick()
            hub = LiveHub(store, clock)
        feed(hub, "G1/ch4", t, (400, 0.1))
        silent.append(
            [
                (e, s, (at - t.replace(tzinfo=None)).total_seconds(), v)
                for e, s, at, v in steps(store, f"G1/silent{ticks}")
            ]
        )
        hub.change_rule(f"G1/silent{ticks}", None, "王工")
    assert silent[0] == [("raise", "active", 300.0, 300.0), ("return", "returned", 400.0, 400.0)]
    assert silent[1] == silent[0]


def test_a_stream_that_has_never_spoken_is_silent_from_the_begin_of_its_rule(hub, store, clock):
    made(hub, "L1/silent", STALE | {"stream": "L1/on"})
    begun = clock.now.replace(tzinfo=None)
    clock.forward(seconds=301)
    hub.tick()
    hub.tick()
    assert [s[:3] for s in steps(store, "L1/silent")] == [
        ("raise", "active", begun + timedelta(seconds=300))
    ]


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ('{"months": [11, 12, 1, 2, 3]}', ["2024-02-29T12:00", "2026-12-31T15:59", "2025-10-31T16:00"], ["2024-03-31T16:00", "2026-07-01T00:00"]),
        ('{"from": "22:00", "to": "06:00"}', ["2026-07-01T14:00", "2026-07-01T21:59"], ["2026-07-01T13:59", "2026-07-01T22:00"]),
        ('{"weekdays": [1]}', ["2026-07-05T16:00", "2026-07-06T15:59"], ["2026-07-05T15:59", "2026-07-06T16:00"]),
        ('{"from": "08:00", "to": "18:00"}', ["2026-07-01T00:00"], ["2026-07-01T10:00"]),
    ],
)  # fmt: skip
def test_windows_are_beijing_time(window, inside, outside):
    """2026-07-06 is a Monday; 16:00 UTC is midnight in Beijing."""
    for moments, expected in ((inside, True), (outside, False)):
        times = np.array(moments, "M8[us]").view(np.int64)
        assert in_force(times, np.tile(window_of(window), (len(times), 1))).tolist() == [
            expected
        ] * len(times)


def test_a_condition_ends_with_the_first_reading_outside_its_window(hub, store):
    made(
        hub,
        "L1/night",
        {"stream": "L1/on", "threshold": 1.0, "window": {"from": "22:00", "to": "06:00"}},
    )
    t = datetime(2026, 6, 30, 21, 59, 30, tzinfo=UTC)  # 05:59:30 in Beijing
    feed(hub, "L1/on", t, (0, 5.0), (30, 5.0), (60, 5.0))
    assert [(s[0], s[2].second) for s in steps(store, "L1/night")] == [("raise", 30), ("return", 0)]


def test_a_compound_rule_counts_its_members(hub, store, clock):
    made(hub, "L1/on/high", {"stream": "L1/on", "threshold": 10.0})
    three = ["L1/on/high", "G1/ch4/warning/above", "W1/p/alarm/below"]
    made(
        hub,
        "two-of-three",
        {"stream": "G1/ch4", "kind": "compound", "need": 2, "members": {"rules": three}},
    )
    made(
        hub,
        "near",
        {
            "stream": "G1/ch4",
            "kind": "compound",
            "need": 0,
            "members": {"within_m": 2000, "level": "alarm"},
        },
    )
    row = hub._memory.rules.rows_of["near"]
    named = [hub._memory.rules.row(m)["rule_id"] for m in hub._memory.rules.members[row].tolist()]
    assert named == ["G1/ch4/alarm/above", "W1/p/alarm/below"]  # 1.5 km; L1 is 7 km off
    t = clock.now - timedelta(minutes=10)
    feed(hub, "L1/on", t, (0, 11.0))
    assert not steps(store, "two-of-three")
    feed(hub, "W1/p", t, (10, 0.1))
    hub = LiveHub(store, clock)
    feed(hub, "G1/ch4", t, (20, 2.0))
    feed(hub, "L1/on", t, (30, 1.0))
    assert [s[::3] for s in steps(store, "two-of-three")] == [("raise", 2.0)]
    assert [s[::3] for s in steps(store, "near")] == [("raise", 2.0)]
    feed(hub, "W1/p", t, (40, 0.4))
    assert [s[::3] for s in steps(store, "two-of-three")] == [("raise", 2.0), ("return", 1.0)]
    hub.change_rule("L1/on/high", None, "王工")
    assert [s[::3] for s in steps(store, "near")][-1] == ("return", 1.0)


def test_an_alarm_is_silent_while_the_rule_that_suppresses_it_holds(hub, store, clock):
    warning = {
        "stream": "G1/ch4",
        "level": "warning",
        "threshold": 0.5,
        "dead_band": 0.05,
        "suppressed_by": "G1/ch4/alarm/above",
    }
    made(hub, "G1/ch4/warning/above", warning, replaces=True)
    t = clock.now - timedelta(minutes=10)
    feed(hub, "G1/ch4", t, (0, 0.7), (10, 1.5), (20, 0.7), (30, 2.0), (40, 0.1))
    assert [s[:2] for s in steps(store, "G1/ch4/warning/above")] == [
        ("raise", "active"), ("suppress", "suppressed"), ("unsuppress", "active"), ("suppress", "suppressed"), ("unsuppress", "closed"),
    ]  # fmt: skip


def test_a_shelf_ends_by_the_clock_and_the_alarm_is_what_its_condition_says(hub, store, clock):
    feed(hub, "G1/ch4", clock.now, (0, 2.0))
    (alarm_id,) = [a.alarm_id for a in hub._memory.standing.values() if a.level == "alarm"]
    for wrong in (None, clock.now, clock.now + timedelta(days=8)):
        with pytest.raises(InvalidRequestError, match="until"):
            hub.answer(alarm_id, "shelve", "小李", None, wrong)
    until = clock.now + timedelta(minutes=5)
    hub.answer(alarm_id, "shelve", "小李", "检修", until)
    feed(hub, "G1/ch4", clock.now, (1, 0.1), (2, 3.0))
    clock.forward(minutes=6)
    hub = LiveHub(store, clock)
    hub.tick()
    assert [s[:3] for s in steps(store, "G1/ch4/alarm/above")][1:] == [
        ("shelve", "shelved", clock.now.replace(tzinfo=None) - timedelta(minutes=6)),
        ("unshelve", "active", until.replace(tzinfo=None)),
    ]


def test_a_rule_in_normal_state_goes_out_of_service_and_back(hub, store, clock):
    out = hub.step_rule("W1/p/alarm/below", "remove_from_service", "小李", "换探头")
    feed(hub, "W1/p", clock.now, (0, 0.1))
    assert [a.state for a in hub._memory.standing.values()] == ["out_of_service"]
    with pytest.raises(ConflictError, match="return_to_service"):
        hub.answer(out.alarm_id, "acknowledge", "小李")
    assert hub.answer(out.alarm_id, "return_to_service", "小李").state == "active"
    with pytest.raises(NotFoundError):
        hub.step_rule("nothing", "shelve", "小李")


def test_a_latched_alarm_waits_for_its_reset(hub, clock):
    made(hub, "L1/latch", {"stream": "L1/on", "threshold": 10.0, "latched": True})
    feed(hub, "L1/on", clock.now, (0, 11.0), (1, 1.0))
    alarm_id = hub._memory.standing["L1/latch"].alarm_id
    with pytest.raises(ConflictError):
        hub.answer(alarm_id, "reset", "小李")
    assert hub.answer(alarm_id, "acknowledge", "小李").state == "latched"
    feed(hub, "L1/on", clock.now, (2, 12.0))
    assert hub._memory.standing["L1/latch"].acknowledged_at is None
    feed(hub, "L1/on", clock.now, (3, 1.0))
    hub.answer(alarm_id, "acknowledge", "小李")
    assert hub.answer(alarm_id, "reset", "小李").state == "closed"


def test_versions_end_and_begin_and_alarms_name_theirs(hub, store, clock):
    made(hub, "L1/v", {"stream": "L1/on", "threshold": 10.0})
    clock.forward(seconds=5)
    made(hub, "L1/v", {"stream": "L1/on", "threshold": 20.0}, replaces=True, note="太敏感")
    feed(hub, "L1/on", clock.now, (0, 15.0), (1, 25.0))
    hub.change_rule("L1/v", None, "王工", "不再需要")
    with store.cursor() as con:
        found = one_rule(con, "L1/v")
        (alarm,) = alarms.listed(con, ["closed"])
        told = alarms.one(con, alarm["id"])
    assert [v["threshold"] for v in (found, *found["versions"])] == [20.0, 10.0]
    assert [v["version"] for v in (found, *found["versions"])] == [2, 1]
    assert found["versions"][0]["valid_to"] == found["valid_from"]
    assert (alarm["rule_version"], alarm["threshold"]) == (2, 20.0)
    assert [e["event"] for e in told["events"]] == ["raise", "end"]
    made(hub, "L1/v", {"stream": "L1/on", "threshold": 5.0})
    assert hub._memory.rules.row(hub._memory.rules.rows_of["L1/v"])["version"] == 3
    assert broken(store) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "loud"}, "kind"),
        ({"threshold": None}, "threshold"),
        ({"threshold": float("inf")}, "threshold"),
        ({"dead_band": -1}, "dead_band"),
        ({"window": {"months": [13]}}, "months"),
        ({"window": {"from": "22:00"}}, "from and to"),
        ({"window": {"from": "22:00", "to": "25:00"}}, "to"),
        ({"members": {"rules": ["a"]}}, "compound"),
        ({"kind": "compound", "threshold": None, "members": {"rules": ["a"], "same": "thing"}}, "one of"),
        ({"kind": "stale", "threshold": 60, "on_delay_s": 5}, "delays"),
        ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_said(change, said):
    with pytest.raises(InvalidRequestError, match=said):
        read_rule({"stream": "L1/on", "threshold": 1.0} | change)


def test_rules_that_do_not_fit_the_base_are_refused(hub):
    wrong = [
        ("a", {"stream": "nothing", "threshold": 1.0}, InvalidRequestError),
        ("a", {"stream": "L1/on", "threshold": 1.0, "suppressed_by": "b"}, InvalidRequestError),
        ("a", {"stream": "L1/on", "kind": "compound", "need": 2, "members": {"rules": ["W1/p/alarm/below"]}}, InvalidRequestError),
        ("W1/p/alarm/below", {"stream": "L1/on", "threshold": 1.0}, ConflictError),
    ]  # fmt: skip
    for rule_id, rule, error in wrong:
        with pytest.raises(error):
            made(hub, rule_id, rule)
    with pytest.raises(ConflictError, match="follows"):
        made(
            hub,
            "W1/p/alarm/below",
            {"stream": "W1/p", "comparison": "below", "threshold": 0.3},
            replaces=True,
        )
    with pytest.raises(NotFoundError):
        made(hub, "a", {"stream": "L1/on", "threshold": 1.0}, replaces=True)
    with pytest.raises(ConflictError, match="enabled"):
        hub.change_rule("W1/p/alarm/below", None, "王工")


def test_a_law_finds_a_step_the_life_cycle_does_not_know(hub, store, clock):
    feed(hub, "G1/ch4", clock.now, (0, 0.7))
    with store.transaction() as con:
        con.execute("UPDATE alarm_event SET from_state = 'latched', to_state = 'shelved'")
        con.execute("UPDATE alarm SET state = 'shelved'")
    assert broken(store) == {"alarm_life_cycle": 1}


def test_a_trial_on_history_finds_the_alarms_the_rule_raises_live(hub, store, clock):
    """The rule in force raised them when the readings came; the same rule as a draft finds the same, another fewer."""
    rng = np.random.default_rng(5)
    value = np.abs(np.cumsum(rng.normal(0, 0.15, 500))) % 1.4
    t = clock.now - timedelta(hours=3)
    feed(hub, "G1/ch4", t, *((20 * i, v) for i, v in enumerate(value.tolist())))
    live = store.scalar("SELECT count(*) FROM alarm_event WHERE event = 'raise' AND alarm_id IN (SELECT alarm_id FROM alarm WHERE level = 'warning')")  # fmt: skip
    draft = {"stream": "G1/ch4", "level": "warning", "threshold": 0.5, "dead_band": 0.05}
    asked = {
        "rule": draft, "start": t.isoformat(), "end": clock.now.isoformat(), "compare": "G1/ch4/warning/above",
    }  # fmt: skip
    study = Study(_NoScene(), store)
    found = run("alarm-backtest", asked, study)
    assert found["readings"] == 500
    assert found["draft"]["alarms"] == live > 5
    assert found["draft"] == found["present"]
    assert found["difference"] == {"in_both": live, "only_draft": 0, "only_present": 0}
    lazy = run("alarm-backtest", asked | {"rule": draft | {"on_delay_s": 120}}, study)
    assert 0 < lazy["draft"]["alarms"] < live
    assert lazy["difference"]["only_draft"] == 0
    assert lazy["difference"]["only_present"] > 0
    assert store.scalar("SELECT count(*) FROM alarm_rule WHERE rule_id LIKE 'draft%'") == 0


class _NoScene:
    """A back-test looks at readings, not at bodies."""

    class stamp:  # noqa: N801
        seq, anchors, anchored = 0, 0, datetime(2026, 7, 1)

    class frame:  # noqa: N801
        lon, lat, height = 114.0, 30.0, 0.0
