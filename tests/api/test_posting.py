"""The short way of readings that are POSTed gives what the whole way gives, in order, when they are on disk."""

import json
import re
import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pytest

from api import posting
from api.app import create_app
from twin.city import City
from twin.live import log, register_streams
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"
NOW = int(time.time() * 1000) - 3_600_000
BODIES = [
    '{"stream": "d0", "time": %d, "result": 1}', '{"stream": 2, "time": %d, "result": null}', '{"stream": "d9", "time": %d, "result": 1}',
    '{"stream": "d0", "time": %d9999, "result": 1}', '{"stream": "d1", "time": %d, "result": 1, "unit": "MPa", "quality": "good"}',
    '[{"stream": "d0", "time": %d, "result": 1}, {"stream": "none", "result": 2}]', '{"observations": [{"stream": "d1", "time": %d, "result": 3}]}',
    '[{"Datastream": {"@iot.id": 1}, "components": ["phenomenonTime", "result"], "dataArray": [[%d, 2], ["soon", 4]]}]',
    '{"stream": "d2", "result": 1, "seq": %d}', '{"stream": ["d0"], "time": %d, "result": 1}', "[%d", "%d", '{"observations": %d}',
]  # fmt: skip


@contextmanager
def serving(folder, serve, **settings):
    made = City.init(folder / "city", name="test")
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    rows = [
        {"row": i, "key": f"d{i}", "subject": "燃气", "property": "p", "unit": "kPa", "lon": 114.0, "lat": 30.0, "z_ell": 1.0, "interval_s": 60.0}
        for i in range(4)
    ]  # fmt: skip
    with Store.open(made) as store, store.transaction() as con:
        register_streams(con, pa.Table.from_pylist(rows, schema=placed), LOAD, datetime.now(UTC))
    app = create_app(ServerSettings(city=made.path, **settings))
    with serve(app) as address, httpx.Client(base_url=address, timeout=30) as session:
        yield session


@pytest.fixture(scope="module")
def web(tmp_path_factory, serve):
    with serving(tmp_path_factory.mktemp("posting"), serve) as session:
        yield session


@pytest.fixture
def taken(monkeypatch):
    """Whether each request that reached the short way was answered there."""
    found = []
    whole = posting.Posts.__call__

    def noted(self, scope, body, reply):
        found.append(whole(self, scope, body, reply))
        return found[-1]

    monkeypatch.setattr(posting.Posts, "__call__", noted)
    return found


def told(answer):
    """What must be alike of two answers."""
    heads = {n: v for n, v in answer.headers.items() if n not in ("date", "x-request-id")}
    return answer.status_code, heads, re.sub(r"\d{13,}", "", answer.text)


@pytest.mark.parametrize(
    "more",
    [{}, {"accept-encoding": "gzip"}, {"accept-language": "en"}, {"content-type": "application/json; charset=utf-8"}],
)  # fmt: skip
def test_answers_are_those_of_the_whole_way(web, taken, more):
    heads = {"content-type": "application/json", "x-request-id": "r"} | more
    for nth, body in enumerate(BODIES):
        at = NOW + 1000 * nth + 10 * len(str(more))
        for _ in range(2):  # the second time it is there already
            short = web.post("/observations", content=body % at, headers=heads)
            aside = heads | {"x-forwarded-for": "127.0.0.1"}
            whole = web.post("/observations", content=body % (at + 1), headers=aside)
            assert told(short) == told(whole), body
    assert taken[1::2] == [False] * 2 * len(BODIES)
    assert sum(taken) == 2 * 9


def test_what_is_answered_is_stored_and_told_apart_from_what_came_before(web, taken):
    reading = {"stream": "d3", "time": NOW, "result": 7.5}
    first, again = (web.post("/observations", json=reading) for _ in range(2))
    assert (first.status_code, first.json()["stored"]) == (201, 1)
    assert (again.status_code, again.json()["duplicate"]) == (200, 1)
    other = web.post("/observations", json={**reading, "result": 8}).json()
    assert (other["duplicate"], other["aside"]) == (1, 1)
    rows = web.get("/streams/d3/observations").json()["observations"]
    assert [row["result"] for row in rows] == [7.5]
    assert taken == [True] * 3


def sent(web, *requests):
    """What comes back for requests that are written in one piece, until the connection ends."""
    where = urlsplit(str(web.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(b"".join(requests))
        found = b""
        while part := connection.recv(1 << 16):
            found += part
    return found


def posted(stream, at, more=""):
    body = json.dumps({"stream": stream, "time": at, "result": 1}).encode()
    head = f"POST /observations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def test_requests_in_one_piece_are_answered_in_order(web, taken):
    asks = b"GET /streams/d2 HTTP/1.1\r\nHost: a\r\n\r\n"
    last = posted("nobody", NOW, "Connection: close\r\n")
    found = sent(web, posted("d2", NOW - 5), asks, posted("d2", NOW - 4), posted("d2", NOW - 5), asks, last)  # fmt: skip
    statuses = [int(one) for one in re.findall(rb"HTTP/1\.1 (\d+)", found)]
    assert statuses == [201, 200, 201, 200, 200, 422]
    assert taken[0]  # the rest came before it was answered
    assert len(taken) == 1


def test_pieces_and_bodies_too_long_go_the_whole_way(web, taken):
    body = json.dumps({"stream": "d2", "time": NOW - 9, "result": 1}).encode()
    assert web.post("/observations", content=iter([body[:9], body[9:]])).status_code == 201
    rows = [{"stream": "d2", "time": NOW - 100_000 - i, "result": 1} for i in range(2_000)]
    assert web.post("/observations", json=rows).json()["stored"] == 2_000
    assert web.post("/observations?lang=en", json=rows[:1]).status_code == 200
    assert not taken


def test_who_leaves_before_the_answer_has_his_reading_stored(web, taken):
    where = urlsplit(str(web.base_url))
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(posted("d1", NOW - 77))
    until = time.monotonic() + 10
    while time.monotonic() < until:
        again = web.post("/observations", json={"stream": "d1", "time": NOW - 77, "result": 1})
        if again.status_code == 200:
            break
    assert again.json()["duplicate"] == 1


def test_a_full_disk_is_told(web, taken, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "_sync", full)
    refused = web.post("/observations", json={"stream": "d0", "time": NOW - 31, "result": 1})
    monkeypatch.undo()
    assert refused.status_code == 503
    assert "No space left" in refused.json()["detail"]
    stored = web.post("/observations", json={"stream": "d0", "time": NOW - 31, "result": 1})
    assert stored.json()["stored"] == 1


def test_roles_are_asked_and_writes_are_audited(tmp_path, serve, taken):
    tokens = {"viewer": "v" * 20, "operator": "o" * 20}
    with serving(tmp_path, serve, tokens=tokens) as web:
        statuses = [
            web.post("/observations", json={"stream": "d0", "time": NOW, "result": 1}, headers=heads).status_code
            for heads in ({}, {"authorization": "Bearer " + "v" * 20}, {"x-api-key": "o" * 20}, {"cookie": "twin_token=" + "o" * 20})
        ]  # fmt: skip
        told = web.post("/observations", json={"stream": "d1", "result": 1}, headers={"x-api-key": "o" * 20})  # fmt: skip
        assert "Authorization" in told.headers["vary"]
    assert statuses == [401, 403, 201, 401]
    assert taken == [False, False, True, False, True]
    text = (tmp_path / "city" / "audit.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    kept = [(line["status"], line["result"], line["route"]) for line in lines]
    assert kept.count((201, "done", "/observations")) == 2
    assert len(kept) == 5


def test_observations_of_sensorthings_are_told_as_they_are_read(web, taken):
    """What is answered without asking the base is what the base answers afterwards."""
    at = f"{datetime.fromtimestamp(NOW / 1000, UTC):%Y-%m-%dT%H:%M}"
    link = {"Datastream": {"@iot.id": 1}}
    bodies = [
        {"phenomenonTime": f"{at}:01Z", "result": 3, **link},
        {"phenomenonTime": f"{at}:02.5+00:00", "result": 2.25, **link},
        {"phenomenonTime": f"{at}:03Z", "result": 1, "resultQuality": "good", **link},
        {"phenomenonTime": f"{at}:04Z", "result": 1, "resultQuality": {"DQ": [1]}, **link},
        {"result": 7, **link},
    ]
    paths = ["/v1.1/Observations", "/v1.1/Datastreams(1)/Observations"]
    for nth, body in enumerate(bodies):
        found = web.post(paths[nth % 2], json=body)
        assert found.status_code == 201, found.text
        assert found.json() == web.get(found.headers["location"]).json()
        if "phenomenonTime" in body:
            again = web.post(paths[0], json=body)
            assert (again.status_code, again.json()) == (201, found.json())
    assert taken == [True] * 9
    other = web.post(paths[0], json={**bodies[0], "result": 4})
    assert other.status_code == 409
    odd = [
        {"phenomenonTime": "2999-01-01T00:00:00Z", "result": 1, **link}, {"result": 1}, {"result": True, **link}, {"phenomenonTime": "soon", "result": 1, **link},
        {"result": 1, "Datastream": {"@iot.id": 99}}, {"result": 1, "odd": 2, **link}, {"phenomenonTime": f"{at}:05Z/{at}:06Z", "result": 1, **link},
        {"phenomenonTime": f"{at}:07Z", "result": 1, "resultTime": f"{at}:08Z", **link}, [], 3,
    ]  # fmt: skip
    statuses = [web.post(paths[0], json=body).status_code for body in odd]
    assert statuses == [400, 400, 201, 400, 404, 400, 201, 201, 400, 400]


def test_data_arrays_are_stored_at_once_and_say_what_is_refused(web):
    at = [f"2026-01-01T00:00:0{n}Z" for n in range(6)]
    part = {"Datastream": {"@iot.id": 2}, "components": ["phenomenonTime", "result"]}
    first = web.post("/v1.1/CreateObservations", json=[{**part, "dataArray": [[at[0], 1], [at[1], 2]]}])  # fmt: skip
    assert [web.get(link).json()["result"] for link in first.json()] == [1.0, 2.0]
    rows = [[at[1], 2], [at[1], 5], ["2999-01-01T00:00:00Z", 1], [at[2], 3], [at[2], 4]]
    second = web.post("/v1.1/CreateObservations", json=[{**part, "dataArray": rows}]).json()
    assert [link == "error" for link in second] == [False, True, True, False, True]
    made = [*part["components"], "resultTime"]
    rich = {**part, "components": made, "dataArray": [[at[3], 6, at[4]], [at[5], 7, at[5]]]}
    for _ in range(2):  # told again it is the same
        third = web.post("/v1.1/CreateObservations", json=[rich]).json()
    assert [web.get(link).json()["resultTime"] for link in third] == [at[4], at[5]]
    kept = web.get("/v1.1/Datastreams(2)/Observations?$filter=phenomenonTime lt 2026-01-02T00:00:00Z&$orderby=phenomenonTime")  # fmt: skip
    assert [row["result"] for row in kept.json()["value"]] == [1.0, 2.0, 3.0, 6.0, 7.0]
    odd = {**part, "components": ["result"], "dataArray": [[1], ["x"]]}
    assert len(web.post("/v1.1/CreateObservations", json=[odd]).json()) == 2


def test_data_arrays_may_say_a_unit(web):
    part = {"Datastream": {"@iot.id": 3}, "components": ["phenomenonTime", "result", "unit"]}
    rows = [[NOW - 500, 0.002, "MPa"], [NOW - 400, 3, None], [NOW - 300, 20, "℃"]]
    told = web.post("/observations", json=[{**part, "dataArray": rows}]).json()
    assert (told["stored"], told["converted"], told["rejected"]) == (2, 1, 1)
    kept = [row["result"] for row in web.get("/streams/d2/observations").json()["observations"]]
    assert sorted(value for value in kept if value > 1) == [2.0, 3.0]
