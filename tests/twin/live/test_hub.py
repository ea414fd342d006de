"""The hub: durable, idempotent, every reading accounted for, memory and base saying the same."""

import math
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from twin.errors import InvalidRequestError, NotFoundError
from twin.live import LiveHub
from twin.live.history import hourly, observations, readings
from twin.live.incoming import batch_of
from twin.live.state import STATES, classify
from twin.verify import verify


def stored(store):
    keys = dict(store.table("SELECT stream_id, key FROM datastream").to_pandas().values)
    found = readings(store, None)
    times = found.time_us.view("M8[us]").tolist()
    ids = found.stream_id.tolist()
    return sorted(zip([keys[i] for i in ids], times, found.value.tolist(), strict=True))


def test_every_reading_of_a_batch_is_accounted_for(hub, store, clock):
    now = clock.now
    streams = ["G1/ch4", "G9", "G1/ch4", "W1/p", "W1/p", "L1/on", "G1/ch4"]
    times = [now, now, now, now + timedelta(hours=1), None, now, now - timedelta(seconds=60)]
    report = hub.ingest(streams, times, [0.1, 1.0, 0.9, 0.3, 0.3, math.inf, 0.2])
    assert (report.stored, report.duplicate, report.unknown, report.rejected) == (2, 1, 1, 3)
    assert [(r.position, r.stream, r.reason) for r in report.refusals] == [
        (1, "G9", "unknown stream"),
        (3, "W1/p", "time lies in the future"),
        (4, "W1/p", "reading without a time"),
        (5, "L1/on", "result is not a finite number"),
    ]
    bare = now.replace(tzinfo=None)
    assert stored(store) == [("G1/ch4", bare - timedelta(seconds=60), 0.2), ("G1/ch4", bare, 0.1)]


def in_units(streams, times, results, units, park=False):
    batch = batch_of(streams, times, results, park=park)
    batch.units = units
    return batch


def test_a_reading_in_another_unit_is_turned_into_that_of_its_stream_or_not_stored(hub, store, clock):  # fmt: skip
    """kPa and psi measure pressure as MPa does (1 psi = 6,894.757 Pa), degrees do not."""
    times = [clock.now - timedelta(seconds=s) for s in (5, 4, 3, 2, 1)]
    units = ["kPa", "psi", "MPa", None, "℃"]
    batch = in_units(["W1/p"] * 5, times, [300.0, 50.0, 0.3, 0.4, 21.0], units)
    hub.submit(batch)
    hub.commit()
    report = batch.report
    assert (report.stored, report.converted, report.rejected) == (4, 2, 1)
    assert report.refusals[0].position == 4
    assert "unit" in report.refusals[0].reason
    assert [value for _, _, value in stored(store)] == pytest.approx([0.3, 0.34473785, 0.3, 0.4])
    again = in_units(["W1/p"], times[:1], [0.3], ["MPa"])
    hub.submit(again)
    hub.commit()
    assert (again.report.duplicate, again.report.aside) == (1, 0)


def test_a_reading_in_a_wrong_unit_is_parked_as_it_came(hub, store, clock):
    batch = in_units(["W1/p"], [clock.now], [21.0], ["℃"], park=True)
    hub.submit(batch)
    hub.commit()
    (record,) = hub.aside.records()
    assert (record["result"], record["unit"], record["stream"]) == (21.0, "℃", "W1/p")
    assert stored(store) == []


def test_what_was_parked_in_another_unit_is_turned_once_its_stream_is_known(store, clock, register_water):  # fmt: skip
    hub = LiveHub(store, clock)
    batch = in_units(["W2/p"], [clock.now], [250.0], ["kPa"], park=True)
    hub.submit(batch)
    hub.commit()
    register_water(store, "W2/p")
    hub.reload()
    assert [value for key, _, value in stored(store) if key == "W2/p"] == [0.25]


def test_sent_again_changes_nothing_also_after_a_restart(hub, store, clock):
    times = [clock.now - timedelta(seconds=s) for s in (30, 20, 10)]
    assert hub.ingest(["G1/ch4"] * 3, times, [0.1, 2.0, 0.3]).stored == 3
    before = stored(store), store.scalar("SELECT count(*) FROM alarm_event")
    for restart in (False, True):
        again = LiveHub(store, clock) if restart else hub
        report = again.ingest(["G1/ch4"] * 3, times[::-1], [9.0, 9.0, 9.0])
        assert (report.stored, report.duplicate) == (0, 3)
        late = again.ingest(["G1/ch4"], [times[0] - timedelta(seconds=5)], [5.0])
        assert late.stored == (1 if again is hub else 0)
    assert len(stored(store)) == len(before[0]) + 1
    assert store.scalar("SELECT count(*) FROM alarm_event") == before[1]


def test_a_late_reading_is_stored_but_changes_no_state(hub, clock):
    hub.ingest([1, 1], [clock.now, clock.now - timedelta(minutes=1)], [0.1, 0.2])
    assert hub.ingest([1], [clock.now - timedelta(seconds=30)], [3.0]).stored == 1
    assert hub.stream("G1/ch4")["value"] == 0.1
    assert hub.stream(1)["state"] == "normal"
    with pytest.raises(NotFoundError):
        hub.stream("G9")


@pytest.mark.parametrize("form", ["list", "numpy", "arrow", "single"])
def test_columns_may_come_in_any_of_the_usual_forms(hub, store, clock, form):
    moment = clock.now
    naive = np.array([moment.replace(tzinfo=None)] * 2, "M8[ms]")
    keys, times, values = {
        "list": (["G1/ch4", "W1/p"], [moment, moment], [0.1, 0.3]),
        "numpy": (np.array([1, 2]), naive, np.array([0.1, 0.3], np.float32)),
        "arrow": (pa.array(["G1/ch4", "W1/p"]), pa.array(naive), pa.array([0.1, 0.3])),
        "single": (np.array(["G1/ch4", "W1/p"], object), moment, [0.1, 0.3]),
    }[form]
    assert hub.ingest(keys, times, values, quality=["good", None]).stored == 2
    bare = moment.replace(tzinfo=None)
    assert [(k, t, pytest.approx(v)) for k, t, v in stored(store)] == [
        ("G1/ch4", bare, 0.1), ("W1/p", bare, 0.3),
    ]  # fmt: skip


def test_times_with_a_zone_are_stored_as_utc(hub, store, clock):
    beijing = datetime.fromisoformat("2026-07-01T15:59:00+08:00")
    hub.ingest(["G1/ch4"], [beijing], [0.1])
    assert stored(store)[0][1] == datetime(2026, 7, 1, 7, 59)


def test_marks_of_quality_must_fit_and_an_empty_batch_is_no_error(hub, store, clock):
    for marks in (["good", "good"], [3]):
        with pytest.raises(InvalidRequestError):
            hub.ingest(["G1/ch4"], [clock.now], [0.1], marks)
    assert hub.ingest([], [], []).stored == 0
    assert stored(store) == []


@pytest.mark.parametrize(
    ("times", "results"), [([], [1.0]), (["yesterday"], [1.0]), ([datetime.now(UTC)], ["high"])]
)
def test_a_batch_that_makes_no_sense_is_refused_whole(hub, store, times, results):
    with pytest.raises(InvalidRequestError):
        hub.ingest(["G1/ch4"], times, results)
    assert stored(store) == []


def test_memory_rebuilt_from_the_base_says_the_same(hub, store, clock):
    rng = np.random.default_rng(7)
    for _ in range(20):
        clock.forward(seconds=10)
        hub.ingest(rng.integers(1, 4, 5), [clock.now] * 5, rng.uniform(0, 1.5, 5))
    again = LiveHub(store, clock)
    assert again.latest().equals(hub.latest())
    assert again._memory.standing == hub._memory.standing
    assert np.array_equal(again._memory.conditions.active, hub._memory.conditions.active)
    hub.checkpoint()
    table = store.table("SELECT stream_id, phenomenon_time, result, state FROM latest ORDER BY 1")
    assert table.to_pylist() == hub.latest().drop_columns("key").to_pylist()


def test_a_failed_log_leaves_base_and_memory_as_they_were(hub, store, clock, monkeypatch):
    hub.ingest(["G1/ch4"], [clock.now], [0.1])
    monkeypatch.setattr("twin.live.log.Log.append", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hub.ingest(["G1/ch4"], [clock.forward(seconds=1)], [5.0])
    monkeypatch.undo()
    assert len(stored(store)) == 1
    assert hub.ingest(["G1/ch4"], [clock.now], [5.0]).stored == 1
    assert {alarm.level for alarm in hub._memory.standing.values()} == {"warning", "alarm"}


@pytest.mark.parametrize("restart", [False, True])
def test_alarms_that_could_not_be_written_are_raised_once_from_the_log(
    hub, store, clock, monkeypatch, restart
):
    hub.ingest(["G1/ch4"], [clock.now], [0.1])
    monkeypatch.setattr("twin.live.alarms.write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # not acknowledged, though the log has it
        hub.ingest(["G1/ch4"], [clock.forward(seconds=1)], [5.0])
    monkeypatch.undo()
    hub = LiveHub(store, clock) if restart else hub
    report = hub.ingest(["G1/ch4"], [clock.now], [5.0])
    assert (report.stored, report.duplicate, report.aside) == (0, 1, 0)
    assert len(stored(store)) == 2
    assert store.scalar("SELECT count(*) FROM alarm_event") == 2
    assert {alarm.level for alarm in hub._memory.standing.values()} == {"warning", "alarm"}


def test_a_silent_stream_goes_stale_and_wakes_up_again(hub, clock):
    assert hub.stream(1)["state"] == "stale"
    hub.ingest([1, 3], [clock.now] * 2, [0.7, 4.0])
    assert hub.stream(1)["state"] == "warning"
    clock.forward(seconds=3 * 60 + 60)
    hub.tick()
    assert hub.stream(1)["state"] == "warning"
    follower = hub.subscribe()
    clock.forward(seconds=1)
    hub.tick()
    assert hub.stream(1)["state"] == "stale"
    assert hub.stream(3)["state"] == "normal"  # nobody knows how often it should report
    told = [event.content() for event in follower.take() if event.kind == "state"]
    assert [[row["id"], row["state"]] for row in told[0]["changes"]] == [[1, "stale"]]
    hub.ingest([1], [clock.now], [0.1])
    assert hub.stream(1)["state"] == "normal"


def test_states_are_those_of_a_plain_comparison():
    rng = np.random.default_rng(1)
    limits = np.sort(rng.normal(size=(500, 4)), axis=1)[:, [1, 2, 0, 3]]
    limits[rng.random(limits.shape) < 0.3] = np.nan
    value = rng.normal(size=500) * 2

    def by_hand(v, row):
        warn_low, warn_high, alarm_low, alarm_high = row
        if v < alarm_low or v > alarm_high:
            return "alarm"
        return "warning" if v < warn_low or v > warn_high else "normal"

    found = [STATES[code] for code in classify(value, limits)]
    assert found == [
        by_hand(v, row) for v, row in zip(value.tolist(), limits.tolist(), strict=True)
    ]
    assert set(found) == {"normal", "warning", "alarm"}


def test_many_threads_lose_and_double_nothing(hub, store, clock):
    batches = [
        [clock.now - timedelta(seconds=1000) + timedelta(seconds=k * 10 + j) for j in range(15)]
        for k in range(40)
    ]  # neighbours overlap by five readings
    totals, lock = [0, 0], threading.Lock()

    def send(part):
        for times in part:
            report = hub.ingest(["W1/p"] * len(times), times, [0.3] * len(times))
            with lock:
                totals[0] += report.stored
                totals[1] += report.duplicate

    threads = [threading.Thread(target=send, args=(batches[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments = {moment for times in batches for moment in times}
    assert totals == [len(moments), 40 * 15 - len(moments)]
    assert len(stored(store)) == len(moments)


def test_history_gives_intervals_and_hours(hub, store, clock):
    first = clock.now - timedelta(hours=3)
    times = [first + timedelta(minutes=20 * i) for i in range(9)]
    hub.ingest(["W1/p"] * 9, times, [float(i) for i in range(9)])
    newest = observations(store, 2, limit=2)
    assert newest.column("result").to_pylist() == [7.0, 8.0]
    half = observations(store, 2, times[2], times[4])
    assert half.column("result").to_pylist() == [2.0, 3.0]
    by_hour = hourly(store, 2, first).to_pylist()
    assert [(row["n"], row["mean"], row["low"], row["high"]) for row in by_hour] == [
        (3, 1.0, 0.0, 2.0), (3, 4.0, 3.0, 5.0), (3, 7.0, 6.0, 8.0),
    ]  # fmt: skip
    assert by_hour[1]["time"] == datetime(2026, 7, 1, 6)


def test_key_numbers_count_what_is_there(hub, clock):
    clock.forward(minutes=10)
    times = [clock.now - timedelta(minutes=m) for m in range(5)]
    hub.ingest(["G1/ch4"] * 5 + ["W1/p"] * 5, times * 2, [0.7] * 5 + [0.3] * 5)
    found = hub.indicators()
    assert found["streams"]["by_state"] == {"normal": 1, "warning": 1, "alarm": 0, "stale": 1}
    assert found["alarms"]["by_level"] == {"alarm": 0, "warning": 1}
    assert found["completeness_pct"] == 50.0  # ten minutes at one a minute, half of them came
    hub.reload()
    assert hub.indicators() == found
    assert found["freshness"]["newest"] == "2026-07-01T08:10:00.000Z"
    assert {row["subject"]: row["stale"] for row in found["streams"]["by_subject"]} == {
        "燃气": 0, "供水": 0, "照明": 1,
    }  # fmt: skip


def test_readings_are_kept_by_subject_and_their_hours_for_ever(store, clock):
    hub = LiveHub(store, clock, {"燃气": 10.0, "*": 1.0})
    times = [clock.now - timedelta(days=d) for d in (20, 5, 0)]
    for key in ("G1/ch4", "W1/p"):
        hub.ingest([key] * 3, times, [1.0, 2.0, 3.0])
    hub.archive.freeze()
    hub.archive.seal()
    hub.maintain()
    assert [(key, value) for key, _, value in stored(store)] == [
        ("G1/ch4", 2.0), ("G1/ch4", 3.0), ("W1/p", 3.0),
    ]  # fmt: skip
    assert [row["mean"] for row in hourly(store, 2).to_pylist()] == [1.0, 2.0, 3.0]
    assert LiveHub(store, clock).latest().column("result").to_pylist()[:2] == [3.0, 3.0]


def test_what_was_sealed_is_known_and_the_running_numbers_with_it(hub, store, clock, monkeypatch):
    monkeypatch.setattr("twin.live.archive.SEAL_ROWS", 3)
    times = [clock.now - timedelta(seconds=s) for s in (40, 30, 20, 10)]
    hub.ingest([1] * 4, times, [1.0, 2.0, 3.0, 4.0], sequence=[1, 2, 5, 6])
    hub.maintain()
    assert hub.archive.open_rows == 0
    again = LiveHub(store, clock)
    assert again.ingest([1] * 4, times, [1.0, 2.0, 3.0, 9.0]).duplicate == 4
    assert [(gap.first, gap.last) for _, gap in again.sequences.listed()] == [(3, 4)]
    assert again.aside.records()[0]["kept"] == 4.0
    assert again.stream(1)["value"] == 4.0


def test_the_laws_of_readings_hold_and_a_broken_one_is_found(hub, store, clock):
    hub.ingest([1, 2, 2], [clock.now, clock.now, clock.now - timedelta(seconds=9)], [0.1, 0.3, 0.4])
    hub.checkpoint()

    def broken():
        found = {result.law: (result.checked, result.broken) for result in verify(store)}
        return found["latest_true"], found["readings_once"]

    assert broken() == ((2, 0), (3, 0))
    with store.transaction() as con:
        con.execute("UPDATE latest SET result = 9 WHERE stream_id = 1")
        con.execute(
            "INSERT INTO observation SELECT 2, phenomenon_time, NULL, 0.3, NULL FROM latest WHERE stream_id = 2"
        )
    assert broken() == ((2, 1), (4, 1))


def memory_of(hub):
    """What the hub knows, in a form that compares."""
    memory = hub._memory
    return (
        memory.catalogue.table.combine_chunks().to_pylist(), memory.catalogue.ids.tolist(), memory.catalogue.keys, memory.rules.first.tolist(),
        memory.time_us.tolist(), str(memory.value.tolist()), memory.state.tolist(), memory.received.between(0, 2**62).tolist(),
        str(memory.catalogue.thresholds.tolist()), memory.catalogue.lon.tolist(),
    )  # fmt: skip


@pytest.mark.parametrize("ruled", [False, True])
def test_streams_that_join_leave_the_same_behind_as_a_reload(hub, register, clock, ruled):
    hub.ingest(["G1/ch4"], [clock.now - timedelta(minutes=2)], [0.7])
    for nth in range(70):  # more than the pieces a table grows by
        limit = {"alarm_high": 5.0} if ruled and nth == 3 else {}
        new = register(key=f"new {nth}", thing_key=f"N{nth}", **limit)
        assert hub.extend([new]) is not (ruled and nth == 3)
        report = hub.ingest(
            [f"new {nth}", "G1/ch4"], clock.now - timedelta(seconds=nth), [nth, 2.0]
        )
        assert report.stored == 2
    grown = memory_of(hub)
    hub.reload()
    assert grown == memory_of(hub)
    rows = {row["key"]: row for row in hub.latest().to_pylist()}
    assert (rows["new 69"]["result"], rows["G1/ch4"]["state"]) == (69.0, "alarm")
    assert rows["new 3"]["state"] == "normal"


def test_parked_readings_are_stored_when_their_stream_joins(hub, store, register, clock):
    batch = batch_of(["late one"], [clock.now], [4.0], park=True)
    hub.submit(batch)
    hub.commit()
    assert len(hub.aside.records()) == 1
    assert hub.extend([register(key="late one")])
    assert [value for _, _, value in stored(store)] == [4.0]
    assert not hub.aside.records()


def test_a_start_that_had_much_to_do_leaves_the_next_one_little(hub, store, clock):
    for nth in range(120):
        hub.ingest(["W1/p"], [clock.now - timedelta(seconds=200 - nth)], [0.3])
    asked = "SELECT value FROM base_meta WHERE key = 'live_applied'"
    assert store.scalar(asked) is None
    again = LiveHub(store, clock)
    assert int(store.scalar(asked)) == again.archive.next_frame == 120
    assert again.latest().to_pylist() == hub.latest().to_pylist()
