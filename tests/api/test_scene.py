"""The scene stream over a real server: frames, resuming, questions, slow readers, the past."""

import asyncio
import base64
import json
import shutil
import socket
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api.app import create_app
from api.client import City as Client
from api.client.scene import States
from api.scene.feed import BEGINNING, Feed, Reader
from twin.city import City
from twin.live import register_streams
from twin.live.channels import Question
from twin.live.frames import DELTA, FULL, INDEX, opened
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
N = 12


@pytest.fixture(scope="module")
def scene_city(tmp_path_factory):
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    made = City.init(tmp_path_factory.mktemp("scene") / "city", name="test")
    rows = [
        {"row": i, "key": f"s{i}", "subject": "燃气" if i < 8 else "供水", "property": "p", "unit": "1",
         "lon": 114.0 + 0.01 * i, "lat": 30.4, "z_ell": 10.0, "alarm_high": 1.0, "interval_s": 3600.0}
        for i in range(N)
    ]  # fmt: skip
    with Store.open(made) as store, store.transaction() as con:
        register_streams(con, pa.Table.from_pylist(rows, schema=placed), LOAD, datetime.now(UTC))
    return made


@pytest.fixture(scope="module")
def app(scene_city):
    return create_app(ServerSettings(city=scene_city.path))


@pytest.fixture(scope="module")
def root(app, serve):
    with serve(app) as address:
        yield address


@pytest.fixture(scope="module")
def web(root):
    with httpx.Client(base_url=root, timeout=20) as session:
        send(session, *((i, 0.5) for i in range(N)))
        yield session


def send(web, *readings):
    now = datetime.now(UTC).isoformat()
    rows = [{"stream": f"s{i}", "time": now, "result": value} for i, value in readings]
    answer = web.post("/observations", json={"observations": rows})
    assert answer.status_code == 201


def frames_of(body):
    found = []
    while body:
        frame = opened(body)
        found.append(frame)
        body = body[frame["size"] :]
    return found


def states_now(web):
    return {row["id"]: row["state"] for row in web.get("/scene/streams?f=json").json()["features"]}


def test_an_index_and_a_full_frame_then_what_changed(web):
    first = web.get("/scene/streams")
    index, full = frames_of(first.content)
    assert (index["kind"], full["kind"]) == (INDEX, FULL)
    assert np.frombuffer(index["ids"], "<i8").tolist() == list(range(1, N + 1))
    send(web, (3, 7.0))
    asked = {"since": full["seq"], "index": full["index"]}
    (delta,) = frames_of(web.get("/scene/streams", params=asked).content)
    assert (delta["kind"], delta["changed"].tolist(), delta["state"].tolist()) == (
        DELTA,
        [3],
        [4 | 16],
    )
    again = web.get("/scene/streams", params={"since": delta["seq"], "index": delta["index"]})
    assert again.content == b""
    tag = again.headers["etag"]
    assert web.get("/scene/streams", headers={"If-None-Match": tag}).status_code == 304
    send(web, (3, 0.5))


def test_plain_answers_say_the_same(web):
    send(web, (1, 5.0))
    assert states_now(web)[2] == "alarm"
    found = web.get(
        "/scene/streams", params={"f": "geojson", "values": "true", "bbox": "114.005,30,114.015,31"}
    ).json()
    (feature,) = found["features"]
    assert feature["geometry"]["coordinates"] == [114.01, 30.4, 10.0]
    assert (feature["properties"]["state"], feature["properties"]["value"]) == ("alarm", 5.0)
    document, *packets = web.get("/scene/streams?f=czml").json()
    assert document["id"] == "document"
    assert packets[1]["point"]["color"]["rgba"] == [255, 77, 94, 255]
    assert packets[1]["position"]["cartographicDegrees"] == [114.01, 30.4, 10.0]
    send(web, (1, 0.5))


def test_what_cannot_be_asked_is_said(web):
    for query in ("f=png", "bbox=1,2,3", "frustum=1,2", "level=bad", "rate=1", "detail=some", "since=x", "speed=2",
                  "from=yesterday", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "colour=red"):  # fmt: skip
        answer = web.get(f"/scene/streams?{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (
            400,
            "application/problem+json",
        ), query
    assert web.get("/scene/nothing").status_code == 404
    assert web.get("/scene/streams/events", headers={"Last-Event-ID": "7"}).status_code == 400
    assert web.get("/scene/streams/events?rate=100").status_code == 400


class Events:
    """Server-sent events of the scene, in a thread."""

    def __init__(self, root, last_id=None, path="streams", **params):
        self.events, self._stop = [], threading.Event()
        headers = {} if last_id is None else {"Last-Event-ID": last_id}
        threading.Thread(target=self._read, args=(root, path, headers, params), daemon=True).start()

    def _read(self, root, path, headers, params):
        url = f"{root}/scene/{path}/events"
        with httpx.stream("GET", url, headers=headers, params=params, timeout=30) as got:
            block = {}
            for line in got.iter_lines():
                name, _, text = line.partition(": ")
                if line:
                    block[name] = text
                elif "data" in block:
                    self.events.append(block)
                    block = {}
                if self._stop.is_set():
                    return

    def wait(self, n, seconds=10.0):
        until = time.monotonic() + seconds
        while len(self.events) < n:
            assert time.monotonic() < until, self.events
            time.sleep(0.01)
        return self.events

    def leave(self):
        self._stop.set()


def test_events_go_on_from_where_they_broke_off(web, root):
    first = Events(root, rate=20)
    assert [event["event"] for event in first.wait(2)] == ["index", "full"]
    last = first.events[1]["id"]
    first.leave()
    send(web, (4, 9.0), (9, 9.0))
    second = Events(root, last_id=last, rate=20)
    (event,) = second.wait(1)
    assert event["event"] == "delta"
    frame = opened(base64.b64decode(event["data"]))
    assert frame["changed"].tolist() == [4, 9]
    assert event["id"] == f"{frame['seq']}.{frame['index']}"
    send(web, (4, 0.5), (9, 0.5))
    second.leave()


def test_far_away_counts_per_grid_are_told(web, root):
    far = Events(root, detail="grid", rate=20)
    (event,) = far.wait(1)
    told = json.loads(event["data"])
    assert event["event"] == "counts"
    assert sum(cell["features"] for cell in told["cells"]) == N
    far.leave()


def test_readers_in_step_share_one_message(web, app):
    source = app.state.city_state.scene.of(None)
    given = []

    async def play():
        feed = Feed(source, Question("streams"), 1.0)
        readers = [Reader(BEGINNING, lambda: True, given.append, lambda: None) for _ in range(50)]
        for reader in readers:
            await feed.join(reader)
        given.clear()
        await asyncio.to_thread(send, web, (5, 3.0))
        await feed.beat()
        for reader in readers:
            feed.leave(reader)

    asyncio.run(play())
    assert len(given) == 50
    assert len({id(message) for message in given}) == 1
    assert opened(given[0].frames[0])["changed"].tolist() == [5]
    send(web, (5, 0.5))


def test_a_slow_reader_gets_one_frame_and_is_told_and_one_that_stands_still_is_let_go(
    web, app, monkeypatch
):
    source = app.state.city_state.scene.of(None)
    given, gone, is_ready = [], [], [True]

    async def play():
        feed = Feed(source, Question("streams"), 1.0)
        slow = Reader(BEGINNING, lambda: is_ready[0], given.append, lambda: gone.append(1))
        await feed.join(slow)
        place, is_ready[0] = slow.seq, False
        for value in (3.0, 0.5, 4.0):
            await asyncio.to_thread(send, web, (6, value), (7, 0.5))
            await feed.beat()
        assert len(given) == 1
        is_ready[0] = True
        await feed.beat()
        (frame,) = map(opened, given[1].frames)
        assert (frame["since"], frame["changed"].tolist(), frame["flags"] & 4) == (place, [6], 4)
        assert json.loads(given[1].lagging)["from"] == place
        is_ready[0] = False
        await feed.beat()
        monkeypatch.setattr("api.scene.feed.PATIENCE_S", -1.0)
        await feed.beat()
        feed.leave(slow)

    asyncio.run(play())
    assert gone == [1]
    send(web, (6, 0.5))


def test_a_half_open_socket_costs_no_memory_and_ends(web, root, app):
    host, port = root.removeprefix("http://").split(":")
    mute = socket.create_connection((host, int(port)))
    mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    mute.sendall(b"GET /scene/streams/events?rate=20 HTTP/1.1\r\nHost: x\r\n\r\n")
    feeds = app.state.city_state.feeds
    until = time.monotonic() + 10
    while not any(feed.readers for feed in feeds._feeds.values()):
        assert time.monotonic() < until
        time.sleep(0.01)
    mute.close()
    for value in (3.0, 0.5) * 3:
        send(web, (2, value))
        time.sleep(0.06)
    until = time.monotonic() + 10
    while any(feed.readers for feed in feeds._feeds.values()):
        assert time.monotonic() < until, "a reader that has gone is still there"
        time.sleep(0.05)


def socket_of(root, path):
    return connect(root.replace("http", "ws") + path, open_timeout=20)


def test_a_socket_answers_questions(web, root):
    with socket_of(root, "/scene/streams/socket?rate=20") as told:
        assert [opened(told.recv(10))["kind"] for _ in range(2)] == [INDEX, FULL]
        send(web, (8, 9.0))
        frame = opened(told.recv(10))
        assert (frame["kind"], frame["changed"].tolist()) == (DELTA, [8])
        told.send(json.dumps({"type": "ask", "subject": "供水", "level": "alarm", "rate": 20}))
        index, full = opened(told.recv(10)), opened(told.recv(10))
        assert np.frombuffer(index["ids"], "<i8").tolist() == [9, 10, 11, 12]
        assert full["state"].tolist() == [4 | 16, 0, 0, 0]
        for wrong in (
            "[]",
            "{",
            '{"type": "dance"}',
            '{"type": "seek", "time": "now"}',
            '{"type": "ask", "colour": 1}',
        ):
            told.send(wrong)
            assert json.loads(told.recv(10))["type"] == "problem"
    send(web, (8, 0.5))
    with pytest.raises(ConnectionClosed), socket_of(root, "/scene/nothing/socket") as refused:
        refused.recv(10)


def test_the_past_is_played_sought_and_paused(web, root):
    time.sleep(0.05)
    begin = datetime.now(UTC)
    time.sleep(0.05)
    send(web, (0, 8.0))
    time.sleep(0.05)
    middle = datetime.now(UTC)
    time.sleep(0.05)
    send(web, (0, 0.5))
    time.sleep(0.05)
    end = datetime.now(UTC)

    def at(moment):
        found = web.get("/scene/streams", params={"f": "json", "from": moment.isoformat()}).json()
        return found["features"][0]["state"]

    assert [at(moment) for moment in (begin, middle, end)] == ["normal", "alarm", "normal"]
    with Client(root) as city:
        seen = [
            (states.time, states.words()[0])
            for states in city.replay(begin, end, "streams", speed=0.2, rate=20)
        ]
    words = [word for _, word in seen]
    assert [
        word for word, before in zip(words, [None, *words], strict=False) if word != before
    ] == ["normal", "alarm", "normal"]
    assert abs(seen[0][0] - begin) < timedelta(milliseconds=1)
    assert abs(seen[-1][0] - end) < timedelta(milliseconds=1)
    asked = httpx.QueryParams(
        {"from": begin.isoformat(), "to": end.isoformat(), "speed": "0", "rate": "20"}
    )
    with socket_of(root, f"/scene/streams/socket?{asked}") as told:
        states = States("streams")
        while not states.apply(told.recv(10)):
            pass
        assert states.words()[0] == "normal"
        told.send(json.dumps({"type": "seek", "time": middle.isoformat()}))
        while not states.apply(told.recv(10)):
            pass
        assert states.words()[0] == "alarm"
        told.send(json.dumps({"type": "play", "speed": 1000}))
        while states.time < end - timedelta(milliseconds=1):
            states.apply(told.recv(10))
        assert states.words()[0] == "normal"
    interval = {"from": begin.isoformat(), "to": end.isoformat(), "f": "czml"}
    _, first, *_ = web.get("/scene/streams", params=interval).json()
    assert [step["rgba"][0] for step in first["point"]["color"]] == [47, 255, 47]


def test_the_client_of_the_product_follows(web, root):
    with Client(root) as city:
        follower = city.states("streams", values=True, rate=20)
        states = next(follower)
        assert states.ids == list(range(1, N + 1))
        send(web, (11, 6.5))
        while states.words()[11] != "alarm":
            states = next(follower)
        assert states.value[11] == 6.5
        assert states.changed.tolist() == [11]
        follower.close()
    send(web, (11, 0.5))


SCRIPT = """
import { City } from "%s";
const city = new City("%s");
for await (const states of city.states("streams", { values: true, rate: 20 })) {
  const found = states.ids.map((id, i) => [id, states.word(i), states.value[i], states.time > 1.7e12]);
  console.log(JSON.stringify(found));
  if (states.changed.length === 1) break;
}
for await (const states of city.replay("streams", { from: process.argv[1], to: process.argv[2], speed: 100, rate: 20 })) console.log(states.word(10));
process.exit(0);
"""


def test_the_module_for_browsers_follows_and_replays(web, root):
    module = (Path(__file__).parents[2] / "api/page/client/citytwin.js").as_uri()
    begin = datetime.now(UTC)
    time.sleep(0.01)
    ended = begin + timedelta(milliseconds=5)
    script = [shutil.which("node"), "--input-type=module", "-e", SCRIPT % (module, root)]
    command = [*script, begin.isoformat(), ended.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        whole = json.loads(node.stdout.readline())
        send(web, (10, 6.5))
        after = json.loads(node.stdout.readline())
        rest = node.stdout.read().split()
    assert [row[0] for row in whole] == list(range(1, N + 1))
    assert (whole[10][1], after[10]) == ("normal", [11, "alarm", 6.5, True])
    assert rest[0] == rest[-1] == "normal"
    assert [row for row in after if row[0] != 11] == [row for row in whole if row[0] != 11]
    send(web, (10, 0.5))
