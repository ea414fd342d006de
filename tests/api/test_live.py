"""Streams, readings, alarms, cases and the event stream over a real server."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pyarrow as pa
import pyarrow.ipc
import pytest

from api.app import create_app
from twin.city import City
from twin.live import register_streams
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
GAS = {
    "key": "G1/ch4", "thing_key": "G1", "thing_name": "燃气井1", "subject": "燃气", "unit": "%",
    "property": "甲烷", "lon": 114.05, "lat": 30.45, "z_ell": 9.5, "alarm_high": 1.0,
    "interval_s": 60.0,
}  # fmt: skip
WATER = {
    "key": "7", "thing_key": "W1", "thing_name": "供水站1", "subject": "供水", "unit": "MPa",
    "property": "压力", "lon": 114.06, "lat": 30.46, "z_ell": 10.0, "alarm_low": 0.2,
    "interval_s": 60.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def live_city(tmp_path_factory):
    made = City.init(tmp_path_factory.mktemp("live") / "city", name="test")
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    with Store.open(made) as store, store.transaction() as con:
        table = pa.Table.from_pylist([GAS, WATER], schema=placed)
        register_streams(con, table, LOAD, datetime.now(UTC))
    return made


@pytest.fixture(scope="module")
def root(live_city, serve):
    with serve(create_app(ServerSettings(city=live_city.path))) as address:
        yield address


@pytest.fixture(scope="module")
def web(root):
    with httpx.Client(base_url=root, timeout=10) as session:
        yield session


def send(web, *readings):
    named = ("stream", "time", "result")
    rows = [dict(zip(named, reading, strict=True)) for reading in readings]
    return web.post("/observations", json={"observations": rows})


def ago(seconds):
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


class Follower:
    """Reads server-sent events in a thread, noting when each came."""

    def __init__(self, root, after=None, **params):
        self.events, self.ready = [], threading.Event()
        self._stop = threading.Event()
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        self._thread = threading.Thread(
            target=self._read, args=(root, headers, params), daemon=True
        )
        self._thread.start()
        assert self.ready.wait(5)

    def _read(self, root, headers, params):
        with httpx.stream("GET", f"{root}/live", headers=headers, params=params, timeout=30) as got:
            assert got.headers["content-type"].startswith("text/event-stream")
            block = {}
            for line in got.iter_lines():
                name, _, text = line.partition(": ")
                if line:
                    block[name] = text
                    continue
                if "data" in block:
                    data = json.loads(block["data"])
                    self.events.append((int(block["id"]), block["event"], data, time.monotonic()))
                block = {}
                self.ready.set()
                if self._stop.is_set():
                    return

    def wait_for(self, kind, n=1, seconds=5.0):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [event for event in self.events if event[1] == kind]
            if len(found) >= n:
                return found
            time.sleep(0.01)
        raise AssertionError(f"no {n} {kind} events in {seconds} s: {self.events}")

    def leave(self):
        self._stop.set()


def test_streams_are_points_with_their_newest_reading(web):
    assert send(web, ("G1/ch4", ago(2), 0.25), (2, ago(1), 0.31)).status_code == 201
    found = web.get("/streams").json()
    assert (found["type"], found["numberMatched"]) == ("FeatureCollection", 2)
    gas = next(f for f in found["features"] if f["properties"]["key"] == "G1/ch4")
    assert gas["geometry"] == {"type": "Point", "coordinates": [114.05, 30.45, 9.5]}
    names = ("value", "state", "subject", "unit", "alarm_high", "name")
    assert [gas["properties"][n] for n in names] == [0.25, "normal", "燃气", "%", 1.0, "燃气井1"]
    assert gas["properties"]["time"].endswith("Z")
    for params, keys in (
        ({"subject": "供水"}, ["7"]),
        ({"bbox": "114.04,30.44,114.055,30.455"}, ["G1/ch4"]),
        ({"bbox": "115,30,116,31"}, []),
        ({"state": "normal", "limit": 1}, ["G1/ch4"]),
    ):
        features = web.get("/streams", params=params).json()["features"]
        assert [f["properties"]["key"] for f in features] == keys


def test_a_stream_is_found_by_key_and_by_id(web):
    assert web.get("/streams/G1/ch4").json()["id"] == 1
    assert web.get("/streams/1").json()["properties"]["key"] == "G1/ch4"
    assert web.get("/streams/7").json()["id"] == 2  # a key that looks like an id
    for missing in ("/streams/99", "/streams/G9", "/streams/G9/observations"):
        found = web.get(missing)
        assert found.status_code == 404
        assert found.headers["content-type"] == "application/problem+json"


def test_readings_are_listed_by_interval_and_hour(web):
    base = datetime(2026, 3, 1, tzinfo=UTC)
    times = [(base + timedelta(minutes=20 * i)).isoformat() for i in range(6)]
    assert send(web, *((2, moment, 0.3 + i) for i, moment in enumerate(times))).status_code == 201
    inside = {"from": "2026-03-01T00:20:00Z", "to": "2026-03-01T08:01:00+07:00"}
    found = web.get("/streams/2/observations", params=inside).json()
    assert [row["result"] for row in found["observations"]] == [1.3, 2.3, 3.3]
    assert found["observations"][0]["time"] == "2026-03-01T00:20:00Z"
    assert found["stream"]["alarm_low"] == 0.2
    hours = {"to": "2026-03-02", "rollup": "hour"}
    rows = web.get("/streams/2/observations", params=hours).json()["observations"]
    assert [(row["n"], row["low"], row["high"]) for row in rows] == [(3, 0.3, 2.3), (3, 3.3, 5.3)]
    assert web.get("/streams/2/observations", params={"from": "yesterday"}).status_code == 400


def test_readings_are_stored_once_and_refusals_are_listed(web):
    moment = ago(30)
    good, lost = ("G1/ch4", moment, 0.1), ("G9", moment, 0.1)
    first = send(web, good, lost, ("G1/ch4", moment, None))
    assert first.status_code == 201
    assert {k: first.json()[k] for k in ("stored", "duplicate", "unknown", "rejected")} == {
        "stored": 1, "duplicate": 0, "unknown": 1, "rejected": 1,
    }  # fmt: skip
    assert [refused["stream"] for refused in first.json()["refusals"]] == ["G9", "G1/ch4"]
    again = send(web, good)
    assert (again.status_code, again.json()["duplicate"]) == (200, 1)
    nothing = send(web, lost, ("G1/ch4", ago(-3600), 0.1))
    assert nothing.status_code == 422
    assert [refused["position"] for refused in nothing.json()["refusals"]] == [0, 1]
    assert send(web).status_code == 422
    assert web.post("/observations", content=b"{").status_code == 422


def test_a_follower_sees_an_alarm_within_a_second_of_its_reading(web, root):
    follower = Follower(root)
    assert send(web, ("G1/ch4", ago(0), 1.5)).status_code == 201
    committed = time.monotonic()
    _, _, alarm, seen = follower.wait_for("alarm")[0]
    assert seen - committed < 1.0
    assert (alarm["state"], alarm["event"], alarm["key"]) == ("active", "raise", "G1/ch4")
    assert (alarm["lon"], alarm["lat"]) == (114.05, 30.45)
    changes = follower.wait_for("state")[0][2]["changes"]
    assert [(row["id"], row["state"], row["value"]) for row in changes] == [(1, "alarm", 1.5)]
    numbers = follower.wait_for("indicators")[-1][2]
    assert numbers["alarms"]["by_level"]["alarm"] == 1
    follower.leave()
    listed = web.get("/alarms").json()
    assert [entry["id"] for entry in listed["alarms"]] == [alarm["id"]]
    assert web.get("/alarms", params={"state": "closed"}).json()["count"] == 0
    assert web.get("/alarms", params={"state": "loud"}).status_code == 400


def test_an_alarm_is_answered_becomes_a_case_and_ends(web, root):
    follower = Follower(root)
    (alarm,) = web.get("/alarms").json()["alarms"]
    path = f"/alarms/{alarm['id']}"
    assert web.post(f"{path}/close", json={"actor": "小李"}).status_code == 409
    reach = web.get(f"{path}/reach", params={"distance_m": 80}).json()
    assert (reach["alarm"], reach["at"], reach["distance_m"]) == (
        alarm["id"],
        [114.05, 30.45, 9.5],
        80,
    )
    assert reach["near"]["numberMatched"] == sum(reach["by_class"].values()) == 0  # an empty city
    assert web.get(f"{path}/reach", params={"distance_m": 9999}).status_code == 400
    found = web.post(f"{path}/acknowledge", json={"actor": "小李", "note": "已通知"}).json()
    assert (found["state"], found["events"][-1]["actor"]) == ("acknowledged", "小李")
    made = web.post(f"{path}/case", json={"actor": "小李"})
    assert made.status_code == 201
    case = web.get(made.headers["location"]).json()
    assert case["geometry"]["coordinates"] == [114.05, 30.45, 9.5]
    assert case["properties"]["alarm_id"] == alarm["id"]
    assert web.post(f"{path}/case", json={"actor": "小李"}).status_code == 409
    assert send(web, ("G1/ch4", ago(0), 0.1)).status_code == 201
    assert web.get(path).json()["state"] == "closed"
    assert web.post(f"{path}/shout", json={"actor": "小李"}).status_code == 400
    told = [event[2]["state"] for event in follower.wait_for("alarm", 2)]
    assert told == ["acknowledged", "closed"]
    assert follower.wait_for("case")[0][2]["stage"] == "上报"
    follower.leave()
    raised, answered = (event["at_time"] for event in found["events"])
    for moment, state, when in ((raised, "active", None), (answered, "acknowledged", answered)):
        (then,) = web.get("/alarms", params={"at": moment}).json()["alarms"]
        assert (then["id"], then["state"]) == (alarm["id"], state)
        assert then["acknowledged_at"] == when
        assert then["returned_at"] is None
    assert web.get("/alarms", params={"at": "2026-01-01T00:00:00Z"}).json()["count"] == 0


def test_a_rule_is_made_tried_changed_silenced_and_ended(web):
    rule = {
        "stream": "G1/ch4",
        "kind": "level",
        "level": "warning",
        "threshold": 40.0,
        "actor": "王工",
    }
    made = web.post("/alarm-rules", json=rule | {"rule_id": "G1/ch4/mine"})
    assert made.status_code == 201
    where = made.headers["location"]
    assert web.post("/alarm-rules", json=rule | {"rule_id": "G1/ch4/mine"}).status_code == 409
    window = {"months": list(range(1, 13))}
    changed = web.put(
        where, json=rule | {"threshold": 45.0, "window": window, "note": "太敏感"}
    ).json()
    assert (changed["version"], changed["threshold"], changed["window"]["months"]) == (
        2,
        45.0,
        window["months"],
    )
    assert [v["threshold"] for v in web.get(where).json()["versions"]] == [40.0]
    listed = web.get("/alarm-rules", params={"stream": "G1/ch4", "kind": "level"}).json()
    assert "G1/ch4/mine" in [entry["rule_id"] for entry in listed["rules"]]
    for wrong, status in (
        (rule | {"threshold": None}, 422),
        (rule | {"stream": "nothing"}, 400),
        (rule | {"x": 1}, 422),
    ):
        found = web.put(where, json=wrong)
        assert (found.status_code, found.headers["content-type"]) == (
            status,
            "application/problem+json",
        )
    assert send(web, ("G1/ch4", ago(0), 50.0)).status_code == 201
    (mine,) = [a for a in web.get("/alarms").json()["alarms"] if a["rule_id"] == "G1/ch4/mine"]
    assert (mine["rule_version"], mine["kind"], mine["value"]) == (2, "level", 50.0)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    shelved = web.post(f"/alarms/{mine['id']}/shelve", json={"actor": "小李", "until": until})
    assert shelved.json()["state"] == "shelved"
    assert web.post(f"/alarms/{mine['id']}/shelve", json={"actor": "小李"}).status_code == 400
    assert mine["id"] not in [a["id"] for a in web.get("/alarms").json()["alarms"]]
    assert [a["id"] for a in web.get("/alarms?state=shelved").json()["alarms"]] == [mine["id"]]
    out = {"rule_id": "G1/ch4/mine", "step": "remove_from_service", "actor": "小李"}
    assert web.post("/alarms/steps", json=out).json()["state"] == "out_of_service"
    assert web.delete(where, params={"actor": "王工", "note": "试完"}).status_code == 204
    assert web.get(f"/alarms/{mine['id']}").json()["events"][-1]["event"] == "end"
    assert (
        web.delete("/alarm-rules/G1/ch4/alarm/above", params={"actor": "王工"}).status_code == 409
    )


def test_a_follower_that_comes_back_sees_each_event_once(web, root):
    steady = Follower(root)
    first = Follower(root)
    for value in (0.11, 0.12, 0.13):
        send(web, ("G1/ch4", ago(0), value))
    first.wait_for("state", 2)
    first.leave()
    send(web, ("G1/ch4", ago(0), 0.14))
    seen = first.events[:2]
    for value in (0.15, 0.16):
        send(web, ("G1/ch4", ago(0), value))
    second = Follower(root, after=seen[-1][0])
    send(web, ("G1/ch4", ago(0), 0.17))
    expected = [event[:3] for event in steady.wait_for("state", 7)]
    last = expected[-1][0]
    second.wait_for("state", 7 - sum(event[1] == "state" for event in seen))
    both = [event[:3] for event in [*seen, *second.events] if event[0] <= last]
    since = seen[0][0]  # the steady one follows since a moment before
    assert both == [event[:3] for event in steady.events if since <= event[0] <= last]
    steady.leave()
    second.leave()


def test_the_newest_of_all_streams_as_arrow(web):
    send(web, ("G1/ch4", ago(0), 0.22), ("7", ago(0), 0.33))
    answer = web.get("/streams?f=arrow")
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    found = pa.ipc.open_stream(answer.content).read_all()
    assert found.column("value").to_pylist() == [0.22, 0.33]
    rows = {f["id"]: f["properties"] for f in web.get("/streams").json()["features"]}
    assert found.column("state").to_pylist() == [
        rows[i]["state"] for i in found.column("stream_id").to_pylist()
    ]
    few = pa.ipc.open_stream(web.get("/streams?f=arrow&subject=供水&limit=1").content).read_all()
    assert few.column("key").to_pylist() == ["7"]


def test_a_follower_of_a_place_or_subject_sees_only_that(web, root):
    box = Follower(root, bbox="114.055,30.455,114.07,30.47")
    gas = Follower(root, subject="燃气")
    send(web, ("G1/ch4", ago(0), 0.2), (2, ago(0), 0.4))
    assert [row["id"] for row in box.wait_for("state")[0][2]["changes"]] == [2]
    assert [row["id"] for row in gas.wait_for("state")[0][2]["changes"]] == [1]
    box.leave()
    gas.leave()
    cases = Follower(root, kinds="case")
    send(web, ("G1/ch4", ago(0), 0.3))
    made = web.post("/cases", json={"title": "积水", "code": "06010", "actor": "热线"}).json()
    assert cases.wait_for("case")[0][2]["id"] == made["id"]
    assert {event[1] for event in cases.events} == {"case"}
    cases.leave()
    assert web.get("/live", params={"kinds": "case,loud"}).status_code == 400
    lost = Follower(root, after=5)
    assert lost.wait_for("resync")[0][2] == {"missed_after": 5}
    lost.leave()


def test_a_case_is_reported_found_and_moved(web):
    report = {"title": "路边暴露垃圾", "code": "06010", "lon": 114.2, "lat": 30.5, "actor": "热线"}
    made = web.post("/cases", json=report)
    assert made.status_code == 201
    case = made.json()
    assert case["properties"]["code_name"] == "暴露垃圾"
    path = f"/cases/{case['id']}"
    me = {"actor": "老王", "role": "操作员"}
    assert web.post(f"{path}/close", json=me).status_code == 409
    assert web.post(f"{path}/accept", json={"actor": "老王"}).status_code == 400
    assert "accept" in web.post(f"{path}/close", json={"actor": "老王"}).json()["detail"]
    moved = web.post(f"{path}/受理", json=me).json()
    assert moved["properties"]["stage"] == "受理"
    assert web.post(f"{path}/return", json=me).status_code == 409
    forbidden = web.post(f"{path}/register", json={"actor": "老王", "role": "监督员"})
    assert forbidden.status_code == 403
    events = web.get(f"/cases/{case['properties']['key']}").json()["properties"]["events"]
    assert [event["event"] for event in events] == ["open", "accept"]
    for event, stage in zip(events, ("上报", "受理"), strict=True):
        then = web.get("/cases/standing", params={"at": event["at_time"]}).json()["cases"]
        (found,) = [each for each in then if each["id"] == case["id"]]
        assert (found["stage"], found["key"]) == (stage, case["properties"]["key"])
        assert (found["lon"], found["title"]) == (114.2, "路边暴露垃圾")
    assert web.get("/cases/standing", params={"at": "2026-01-01T00:00:00Z"}).json()["cases"] == []
    there = web.get("/cases", params={"bbox": "114.1,30.4,114.3,30.6", "stage": "受理"}).json()
    assert [f["id"] for f in there["features"]] == [case["id"]]
    assert there["numberMatched"] == 1
    for wrong in ({**report, "code": "99"}, {**report, "lat": None}):
        assert web.post("/cases", json=wrong).status_code == 400
    assert web.post("/cases", json={**report, "actor": ""}).status_code == 422
    assert web.get("/cases", params={"stage": "不明"}).status_code == 400
    assert web.get("/cases/none").status_code == 404


def test_key_numbers_count_the_city(web):
    found = web.get("/indicators").json()
    assert found["streams"]["total"] == 2
    assert sum(found["streams"]["by_state"].values()) == 2
    assert found["cases"]["open"] == sum(found["cases"]["by_stage"].values())
    assert found["freshness"]["newest"].endswith("Z")


def test_an_address_with_no_such_case_step_or_unknown_parameter_says_so(web):
    assert web.get("/streams", params={"colour": "red"}).status_code == 400
    assert web.get("/live", params={"bbox": "1,2,3"}).status_code == 400
    assert web.get("/live", params={"last_event_id": "newest"}).status_code == 400
    assert web.post("/alarms/none/acknowledge", json={"actor": "小李"}).status_code == 404
