"""Events: each seen once, resumed after a gap, never a wait for a slow reader."""

import json
import threading
from datetime import timedelta

import numpy as np

from twin.live.events import Changes, EventLog, View


def seen(subscription):
    return [event.data["n"] for event in subscription.take() if event.kind == "case"]


def test_a_resumed_subscriber_sees_each_event_once():
    log = EventLog()
    first = log.subscribe()
    for n in range(5):
        log.publish("case", {"n": n})
    assert [event.data["n"] for event in first.take(limit=3)] == [0, 1, 2]
    resumed = log.subscribe(last_event_id=first.cursor)
    for n in range(5, 8):
        log.publish("case", {"n": n})
    assert seen(resumed) == [3, 4, 5, 6, 7]
    assert seen(resumed) == []
    assert seen(first) == [3, 4, 5, 6, 7]


def test_who_falls_behind_is_told_to_resync_once_and_goes_on():
    log = EventLog(max_events=10)
    slow = log.subscribe()
    for n in range(25):
        log.publish("case", {"n": n})
    (told,) = slow.take()
    assert told.kind == "resync"
    assert told.event_id == log.last_id
    log.publish("case", {"n": 25})
    assert seen(slow) == [25]


def test_a_number_from_another_life_leads_to_resync():
    log = EventLog()
    for stranger in (log.last_id + 1000, 0, -5):
        assert [event.kind for event in log.subscribe(stranger).take()] == ["resync"]


def test_numbers_rise_from_one_log_to_the_next():
    first = EventLog()
    last = [first.publish("case", {"n": n}) for n in range(3)]
    assert last == sorted(set(last))
    threading.Event().wait(0.005)
    assert EventLog().publish("case", {}) > last[-1]


def test_memory_is_bounded_by_weight_not_by_count_alone():
    log = EventLog(max_weight=100)
    for _ in range(50):
        log.publish("state", changes=changes(30))
    assert len(log._events) == 3
    assert log._weight == sum(event.weight for event in log._events)


def changes(n):
    at = np.arange(n)
    states = np.zeros(n, np.uint8)
    return Changes(at + 1, np.where(at == 0, np.nan, at / 2), states, at * 1_000_000)


def test_the_wire_form_is_a_server_sent_event():
    log = EventLog()
    subscription = log.subscribe()
    number = log.publish("state", changes=changes(2))
    wire = subscription.take()[0].wire().decode()
    head, body = wire.rstrip("\n").split("\ndata: ")
    assert head == f"id: {number}\nevent: state"
    assert json.loads(body) == {
        "changes": [
            {"id": 1, "value": None, "state": "normal", "time": "1970-01-01T00:00:00.000Z"},
            {"id": 2, "value": 0.5, "state": "normal", "time": "1970-01-01T00:00:01.000Z"},
        ]
    }
    assert wire.endswith("\n\n")


def test_a_view_shows_its_streams_alarms_and_cases_only():
    log = EventLog()
    view = View(np.array([2]), (114.0, 30.0, 114.1, 30.1))
    subscription = log.subscribe(view=view)
    log.publish("state", changes=changes(5))  # streams 4 and 5 came after the view was made
    log.publish("alarm", {"n": 0}, stream_id=1)
    log.publish("alarm", {"n": 1}, stream_id=2)
    log.publish("case", {"n": 2}, place=(114.05, 30.05))
    log.publish("case", {"n": 3}, place=(115.0, 30.05))
    log.publish("case", {"n": 4})
    log.publish("indicators", {"n": 5})
    states, *others = subscription.take()
    assert [row["id"] for row in states.content()["changes"]] == [2]
    assert [event.data["n"] for event in others] == [1, 2, 5]
    assert subscription.cursor == log.last_id


def test_a_waker_whose_loop_is_gone_is_dropped():
    log = EventLog()
    woken = []

    def gone():
        woken.append(1)
        raise RuntimeError("Event loop is closed")

    log.subscribe(wake=gone)
    log.publish("case", {"n": 0})
    log.publish("case", {"n": 1})
    assert woken == [1]


def test_readings_alarms_and_answers_are_told_in_order(hub, clock):
    follower = hub.subscribe()
    elsewhere = hub.subscribe(bbox=(114.055, 30.455, 114.2, 30.6))
    lights = hub.subscribe(subject="照明")
    hub.ingest(["G1/ch4"], [clock.now], [0.7])
    (alarm,) = hub._memory.standing.values()
    hub.answer(alarm.alarm_id, "acknowledge", "值班员")
    hub.ingest(["G1/ch4", "L1/on"], [clock.now + timedelta(seconds=1)] * 2, [0.1, 3.0])
    told = follower.take()
    assert [event.kind for event in told] == ["state", "alarm", "alarm", "state", "alarm"]
    steps = [(e.data["event"], e.data["state"], e.data["name"]) for e in told if e.kind == "alarm"]
    assert steps == [
        ("raise", "active", "燃气井1"),
        ("acknowledge", "acknowledged", "燃气井1"),
        ("return", "closed", "燃气井1"),
    ]
    assert [row["id"] for row in told[3].content()["changes"]] == [1, 3]
    for narrow in (elsewhere, lights):
        (only,) = narrow.take()
        assert [row["id"] for row in only.content()["changes"]] == [3]


def test_nothing_is_told_of_a_reading_sent_again(hub, clock):
    hub.ingest(["G1/ch4"], [clock.now], [0.7])
    follower = hub.subscribe()
    hub.ingest(["G1/ch4"], [clock.now], [0.7])
    assert follower.take() == []


def test_key_numbers_are_told_after_something_happened_and_only_then(hub, clock):
    hub.tick()
    follower = hub.subscribe()
    hub.tick()
    assert follower.take() == []
    hub.ingest(["G1/ch4"], [clock.now], [1.7])
    hub.tick()
    hub.tick()
    told = [event for event in follower.take() if event.kind == "indicators"]
    assert [event.data["alarms"]["by_level"] for event in told] == [{"alarm": 1, "warning": 1}]


def test_closing_ends_every_subscription(hub):
    woken = threading.Event()
    follower = hub.subscribe(wake=woken.set)
    assert not follower.ended
    hub.close()
    assert woken.is_set()
    assert follower.ended
