"""States of streams and things: frames, what changed since, and the same answer after the server was started anew."""

import zlib
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.cases.standing import standing
from twin.crs.ecef import geographic_to_ecef
from twin.live import LiveHub
from twin.live.channels import Channel, Question
from twin.live.frames import (
    DELTA,
    FULL,
    INDEX,
    VALUES,
    Stamp,
    delta_frame,
    full_frame,
    opened,
    unvaried,
    varied,
)
from twin.live.past import Past
from twin.live.scene import SceneStates
from twin.live.state import microseconds

WELL, PLANT, LONE = (f"018f0000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))
CLASSES = {
    WELL: ("well", "components"),
    PLANT: ("plant", "buildings"),
    LONE: ("plant", "buildings"),
}


@given(st.lists(st.integers(0, 2**35 - 1)))
def test_varints_come_back(numbers):
    body = varied(np.array(numbers, np.int64))
    found, end = unvaried(body + b"\x01\x02", len(numbers))
    assert found.tolist() == numbers
    assert end == len(body)


@given(st.dictionaries(st.integers(0, 10**6), st.integers(0, 255), max_size=300))
def test_a_delta_says_what_changed(changes):
    at = np.array(sorted(changes), np.int64)
    state = np.array([changes[i] for i in at.tolist()], np.uint8)
    found = opened(delta_frame(Stamp(7, 8, 9, 10**6 + 1), 3, at, state, state / 2.0))
    assert (found["kind"], found["seq"], found["since"], found["k"]) == (DELTA, 7, 3, len(changes))
    assert dict(zip(found["changed"].tolist(), found["state"].tolist(), strict=True)) == changes
    assert found["value"].tolist() == (state / 2.0).tolist()


def test_the_head_is_as_the_document_lays_it_down():
    frame = full_frame(Stamp(0x0102030405060708, -1, 0xAABBCCDD, 2), np.array([4, 19], np.uint8))
    assert frame.hex() == (
        "43545331" "02" "00" "0000" "0807060504030201" "0000000000000000" "ffffffffffffffff"
        "ddccbbaa" "02000000" "02000000" "02000000" "0413"
    )  # fmt: skip


def test_a_deflated_body_is_zlib(rng):
    state = rng.integers(0, 3, 5000).astype(np.uint8)
    frame = full_frame(Stamp(1, 2, 3, 5000), state)
    assert frame[5] & 1
    assert zlib.decompress(frame[48:]) == state.tobytes()
    assert opened(frame)["state"].tolist() == state.tolist()


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def tied(store):
    """The gas stream hangs on a well, the water stream on a plant."""
    with store.transaction() as con:
        for stream, eid in (("1", WELL), ("2", PLANT)):
            con.execute(
                "INSERT INTO anchor (subject_kind, subject_id, akind, eid, lon, lat, z, grid_code, at_time) "
                "SELECT 'datastream', ?, 'entity', ?::UUID, 114.05, 30.45, 9.5, '429871001001001', now()::TIMESTAMP + INTERVAL 1 DAY",
                [stream, eid],
            )
    return store


def states_of(hub, store):
    return SceneStates(hub.picture(standing(store)), lambda eids: {e: CLASSES[e] for e in eids})


class Reader:
    """Applies frames as docs/scene-stream.md says."""

    def __init__(self):
        self.seq = self.index = None
        self.ids, self.state = b"", np.empty(0, np.uint8)

    def read(self, frames):
        for frame in map(opened, frames):
            if frame["kind"] == INDEX:
                self.ids = frame["ids"] if frame["k"] == frame["n"] else self.ids + frame["ids"]
                self.state = np.append(self.state, np.zeros(frame["n"], np.uint8))[: frame["n"]]
            elif frame["kind"] == FULL:
                self.state = frame["state"].copy()
            else:
                assert frame["since"] <= self.seq
                self.state[frame["changed"]] = frame["state"]
            assert zlib.crc32(self.ids) == frame["index"]
            self.seq, self.index = frame["seq"], frame["index"]
        return self


def test_things_stand_as_the_worst_of_what_is_tied_to_them(tied, clock):
    hub = LiveHub(tied, clock)
    follower = hub.subscribe()
    states = states_of(hub, tied)
    assert [bytes(row).hex()[-1] for row in states.things.ids] == ["1", "2"]
    assert states.things.state.tolist() == [2, 2]
    channel, reader = Channel(states, Question("things")), Reader()

    def after():
        for event in follower.take():
            states.apply(event)
        return reader.read(channel.frames(reader.seq, reader.index, 0, 0)).state.tolist()

    assert after() == [2, 2]
    hub.ingest(["G1/ch4", "W1/p"], [clock.now] * 2, [0.1, 0.3])
    assert after() == [1, 1]
    hub.ingest(["G1/ch4"], [clock.forward(seconds=1)], [0.7])
    assert after() == [3 | 16, 1]
    hub.ingest(["G1/ch4"], [clock.forward(seconds=1)], [1.7])
    assert after() == [4 | 16, 1]
    for alarm in list(hub.memory.standing.values()):
        hub.answer(alarm.alarm_id, "acknowledge", "值班员")
    assert after() == [4, 1]
    clock.forward(minutes=10)
    hub.tick()
    assert after() == [4, 2], "silent, but the alarm still holds"
    hub.ingest(["G1/ch4"], [clock.now], [0.1])
    assert after() == [1, 2]
    fresh = states_of(hub, tied)
    assert fresh.things.state.tolist() == states.things.state.tolist()


def test_a_thing_only_a_case_is_tied_to_comes_last_and_goes_by_itself(tied, clock):
    hub = LiveHub(tied, clock)
    states = states_of(hub, tied)
    channel, reader = Channel(states, Question("buildings")), Reader()
    reader.read(channel.frames(None, None, 0, 0))
    assert len(reader.state) == 1
    case = {"id": "c", "eid": LONE, "lon": 114.1, "lat": 30.5, "z": None, "grid_code": None}
    log = hub.events
    follower = hub.subscribe()
    log.publish("case", {**case, "closed_at": None})
    states.apply(*follower.take())
    frames = channel.frames(reader.seq, reader.index, 0, 0)
    assert [opened(frame)["kind"] for frame in frames] == [INDEX, DELTA]
    assert opened(frames[0])["k"] == 1
    assert reader.read(frames).state.tolist() == [2, 8]
    log.publish("case", {**case, "closed_at": "2026-07-01T08:00:00Z"})
    states.apply(*follower.take())
    assert reader.read(channel.frames(reader.seq, reader.index, 0, 0)).state.tolist() == [2, 0]


def test_deltas_from_any_number_lead_to_the_full_state(tied, clock, rng):
    hub = LiveHub(tied, clock)
    states, follower = states_of(hub, tied), hub.subscribe()
    channel = Channel(states, Question("streams", values=True))
    readers = [Reader().read(channel.frames(None, None, 0, 0)) for _ in range(3)]
    for _ in range(40):
        keys = [key for key in ("G1/ch4", "W1/p", "L1/on") if rng.random() < 0.5]
        when = clock.forward(seconds=int(rng.integers(1, 100)))
        hub.ingest(keys, [when] * len(keys), rng.choice([0.1, 0.3, 0.7, 1.7], len(keys)))
        hub.tick()
        for event in follower.take():
            states.apply(event)
        for reader in readers:
            if rng.random() < 0.4:
                reader.read(channel.frames(reader.seq, reader.index, 0, 0))
                assert reader.state.tolist() == states.streams.state.tolist()
    assert states.streams.state.tolist() == states_of(hub, tied).streams.state.tolist()
    assert opened(channel.frames(None, None, 0, 0)[1])["flags"] & VALUES


def test_questions_choose_by_box_frustum_subject_class_grid_and_level(tied, clock):
    hub = LiveHub(tied, clock)
    hub.ingest(["G1/ch4", "W1/p", "L1/on"], [clock.now] * 3, [0.7, 0.3, 1.0])
    states = states_of(hub, tied)

    def ids(layer="streams", **asked):
        rows, state = Channel(states, Question(layer, **asked)).features()
        return rows.tolist(), state.tolist()

    assert ids() == ([0, 1, 2], [3 | 16, 1, 1])
    assert ids(bbox=(114.09, 30.4, 114.2, 30.6))[0] == [2]
    x, y, z = (float(v) for v in geographic_to_ecef(114.10, 30.50, 12.0))
    around = tuple(
        value
        for axis, centre in zip(np.eye(3).tolist(), (x, y, z), strict=True)
        for sign in (1.0, -1.0)
        for value in (*(sign * part for part in axis), 500.0 - sign * centre)
    )
    assert ids(planes=around)[0] == [2]
    assert ids(subject="照明")[0] == [2]
    assert ids(grid="4298710")[0] == [0, 1]
    assert ids(level=3) == ([0, 1, 2], [3 | 16, 0, 0])
    assert ids("components")[0] == [0]
    assert ids("things", class_code="plant")[0] == [1]
    assert ids("pipes")[0] == []
    (cell, other) = sorted(
        Channel(states, Question("streams")).counts(), key=lambda c: c["features"]
    )
    assert other == {
        "grid": "429871001001001", "lon": 114.05, "lat": 30.45, "features": 2, "normal": 1, "warning": 1, "unanswered": 1,
    }  # fmt: skip
    assert cell["grid"] is None


def test_the_past_goes_through_the_states_a_live_reader_saw(tied, clock, rng):
    hub = LiveHub(tied, clock)
    hub.ingest(["G1/ch4", "W1/p", "L1/on"], [clock.now] * 3, [0.1, 0.3, 1.0])
    states, follower = states_of(hub, tied), hub.subscribe()
    begin_us, seen = microseconds(hub.now()), []
    for _ in range(30):
        when = clock.forward(seconds=int(rng.integers(20, 120)))
        if rng.random() < 0.7:
            hub.ingest(
                ["G1/ch4", "W1/p"],
                [when] * 2,
                [rng.choice([0.1, 0.7, 1.7]), rng.choice([0.1, 0.3])],
            )
        if hub.memory.standing and rng.random() < 0.3:
            alarm = next(iter(hub.memory.standing.values()))
            if alarm.state == "active":
                hub.answer(alarm.alarm_id, "acknowledge", "值班员")
        hub.tick()
        for event in follower.take():
            states.apply(event)
        seen.append(
            (microseconds(hub.now()), states.streams.state.tolist(), states.things.state.tolist())
        )
    past = Past(tied, hub.catalogue, begin_us)
    again = SceneStates(past.picture([]), lambda eids: {e: CLASSES[e] for e in eids})
    for at_us, streams, things in seen:
        for event in past.forward(at_us):
            again.apply(event)
        assert (again.streams.state.tolist(), again.things.state.tolist()) == (streams, things)
    assert len({tuple(streams) for _, streams, _ in seen}) > 3
    jumped = Past(tied, hub.catalogue, seen[17][0])
    whole = SceneStates(jumped.picture([]), lambda eids: {e: CLASSES[e] for e in eids})
    assert whole.streams.state.tolist() == seen[17][1]


def test_who_followed_goes_on_with_the_hub_that_comes_after(store, clock):
    hub = LiveHub(store, clock)
    follower = hub.subscribe()
    hub.ingest(["G1/ch4"], [clock.now], [0.7])
    first = follower.take(limit=1)
    del hub  # as a process that is killed: nothing is closed
    hub = LiveHub(store, clock)
    hub.ingest(["G1/ch4"], [clock.forward(seconds=1)], [0.1])
    told = [*first, *hub.subscribe(first[-1].event_id).take()]
    assert [event.kind for event in told] == ["state", "alarm", "state", "alarm"]
    ids = [event.event_id for event in told]
    assert ids == list(range(ids[0], ids[0] + 4))
    assert [event.data["event"] for event in told if event.kind == "alarm"] == ["raise", "return"]


def test_what_was_stored_and_not_told_is_told_by_the_next(store, clock, monkeypatch):
    hub = LiveHub(store, clock)
    after = hub.events.last_id
    with monkeypatch.context() as broken:
        broken.setattr(hub.events, "publish", lambda *_, **__: 0)  # killed before it could tell
        hub.ingest(["G1/ch4"], [clock.now], [0.7])
        hub.ingest(["W1/p"], [clock.now], [0.3])
    hub = LiveHub(store, clock)
    told = hub.subscribe(after).take()
    assert [event.kind for event in told] == ["state", "alarm", "state"]
    assert [row["id"] for event in told if event.changes for row in event.changes.rows()] == [1, 2]
    clock.forward(minutes=10)
    silent = LiveHub(store, clock).subscribe(told[-1].event_id).take()
    assert [row["state"] for event in silent for row in event.changes.rows()] == ["stale", "stale"]


def test_a_load_between_two_lives_leads_to_resync(store, clock):
    hub = LiveHub(store, clock)
    after = hub.events.last_id
    with store.transaction() as con:
        con.execute("UPDATE datastream SET alarm_high = 3.0 WHERE stream_id = 1")
    assert "resync" in [event.kind for event in LiveHub(store, clock).subscribe(after).take()]


def test_a_journal_of_another_start_of_the_machine_is_put_away(store, clock, monkeypatch):
    after = LiveHub(store, clock).events.last_id
    monkeypatch.setattr("twin.live.journal._boot", lambda: "another")
    hub = LiveHub(store, clock)
    assert hub.events.last_id > after
    assert [event.kind for event in hub.subscribe(after - 1).take()] == ["resync"]


def test_a_damaged_journal_costs_the_way_back_and_nothing_else(store, clock):
    hub = LiveHub(store, clock)
    hub.ingest(["G1/ch4"], [clock.now], [0.7])
    (segment,) = (store.city.path / "live" / "events").glob("*.log")
    segment.write_bytes(segment.read_bytes()[:30] + b"\xff\xff" + segment.read_bytes()[32:])
    hub = LiveHub(store, clock)
    assert hub.memory.standing
    assert [event.kind for event in hub.events.remembered()] == ["resync"]


def test_numbers_since_the_last_life_are_known_to_the_states(tied, clock):
    hub = LiveHub(tied, clock)
    hub.ingest(["G1/ch4", "W1/p"], [clock.now] * 2, [0.1, 0.3])
    reader = Reader().read(
        Channel(states_of(hub, tied), Question("things")).frames(None, None, 0, 0)
    )
    hub.ingest(["G1/ch4"], [clock.forward(seconds=1)], [1.7])
    hub = LiveHub(tied, clock)
    states = states_of(hub, tied)
    states.recall(hub.events.remembered())
    frames = Channel(states, Question("things")).frames(reader.seq, reader.index, 0, 0)
    assert [opened(frame)["kind"] for frame in frames] == [DELTA]
    assert opened(frames[0])["changed"].tolist() == [0]
    assert reader.read(frames).state.tolist() == [4 | 16, 1]


def test_silence_is_told_in_the_past_too(store, clock):
    hub = LiveHub(store, clock)
    hub.ingest(["G1/ch4"], [clock.now], [0.1])
    past = Past(store, hub.catalogue, microseconds(hub.now()))
    later = past.at_us + int(timedelta(minutes=5) / timedelta(microseconds=1))
    (event,) = past.forward(later)
    assert [row["state"] for row in event.changes.rows()] == ["stale"]
