"""Several processes serve one city: what readers answer is what the writer would, and kills lose nothing."""

import asyncio
import json
import select
import shutil
import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
import uvloop
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.access.policy import Grant, add_key
from api.app import create_app
from api.ogc import lane
from api.workers.forward import Writer
from api.workers.reader import Reader
from api.workers.writer import INFOS, Behind, infos_of
from twin.live.frames import INDEX, opened
from twin.settings import ServerSettings

sys.path.insert(0, str(Path(__file__).parent / "ogc"))
sys.path.insert(0, str(Path(__file__).parents[1] / "bench" / "api"))
from kills import killed
from test_lane import ODD, paths, told

TOKEN = {"Authorization": "Bearer whole"}


@contextmanager
def behind(app, path):
    """An application behind a Unix socket."""
    server = uvicorn.Server(uvicorn.Config(app, uds=str(path), lifespan="on", log_level="error", timeout_graceful_shutdown=1))  # fmt: skip
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def pair(make_city, serve, tmp_path_factory):
    """(city, a client of a reader, a client of its writer, what the reader answered itself)."""
    city = make_city(tmp_path_factory.mktemp("workers") / "city")
    path = tmp_path_factory.mktemp("socket") / "w"
    settings = ServerSettings(city=city.path, tokens={"admin": "whole"})
    answered, whole = [], lane.found

    def noted(scope, request_of):
        found = whole(scope, request_of)
        if lane.TRIED in scope:  # the reader's, not the writer's
            answered.append(found is not None)
        return found

    class LateState:
        """The state of an application that has started."""

        def __getattr__(self, name):
            return getattr(app.state.city_state, name)

    app = create_app(settings)
    patching = pytest.MonkeyPatch()
    patching.setattr(lane, "found", noted)
    app.state.tallies = path.parent
    with (
        behind(Behind(app, LateState()), path),
        serve(Reader(settings, city, Writer(path), path.parent)) as root,
        httpx.Client(base_url=root, headers=TOKEN, timeout=300) as reader,
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url=root, headers=TOKEN, timeout=300
        ) as writer,
    ):
        yield city, reader, writer, answered
    patching.undo()


def patched(client, path, name):
    """Change the name of a thing."""
    tag = client.get(path).headers["etag"]
    heads = {"content-type": "application/merge-patch+json", "if-match": tag}
    return client.patch(path, json={"properties": {"name": name}}, headers=heads)


def test_readers_answer_as_the_writer_does(pair, ids):
    _city, reader, writer, answered = pair
    reader.get("/collections/buildings/items?limit=1")
    time.sleep(0.3)
    asked = [*ODD, *list(paths(ids, np.random.default_rng(7)))[len(ODD) :][:60], "/city", "/collections", "/api", "/cases", "/page/index.html"]  # fmt: skip
    answered.clear()
    statuses = set()
    for number, path in enumerate(asked):
        heads = [{}, {"accept-encoding": "gzip"}, {"accept-language": "en"}][number % 3] | {"x-request-id": "r"}  # fmt: skip
        one, two = reader.get(path, headers=heads), writer.get(path, headers=heads)
        assert told(one) == told(two), path
        if "etag" in one.headers:
            known = heads | {"if-none-match": one.headers["etag"]}
            again = reader.get(path, headers=known)
            assert told(again) == told(writer.get(path, headers=known)), path
            statuses.add(again.status_code)
    assert sum(answered) > 60
    assert 304 in statuses


def test_a_write_is_seen_with_the_next_question(pair, ids):
    _city, reader, _writer, _answered = pair
    path = f"/collections/buildings/items/{ids.tower}"
    for number in range(5):
        name = f"新名{number}"
        done = patched(reader, path, name)
        assert done.status_code in (200, 204), done.text
        assert reader.get(path).json()["properties"]["name"] == name
        page = reader.get("/collections/buildings/items?limit=1000").json()["features"]
        assert name in {feature["properties"]["name"] for feature in page}


def test_who_is_refused_or_sees_a_part_is_answered_by_the_writer(pair, ids):
    city, reader, _writer, answered = pair
    answered.clear()
    items = "/collections/buildings/items"
    assert reader.get(items, headers={"Authorization": "Bearer wrong"}).status_code == 401
    _, secret = add_key(city.path, "管线", Grant(collections=("pipes",)))
    time.sleep(1.1)
    limited = {"Authorization": "", "X-API-Key": secret}
    assert reader.get(items, headers=limited).status_code == 404
    assert reader.get("/collections/pipes/items", headers=limited).json()["numberMatched"] > 0
    assert not any(answered)
    assert reader.head(f"{items}/{ids.tower}").status_code == 200
    assert reader.put(items, json={}).status_code == 405
    long = {"title": "x" * 100_000, "lon": 114.0, "lat": 30.4, "actor": "a"}
    one, two = reader.post("/cases", json=long), _writer.post("/cases", json=long)
    assert (one.status_code, one.json()["detail"]) == (two.status_code, two.json()["detail"])
    with reader.stream("GET", "/live") as stream:
        assert next(stream.iter_lines()).startswith("retry")


def test_metrics_sum_what_all_processes_answered(pair, ids):
    """Requests the reader answered and those it passed on, each once."""
    _city, reader, _writer, answered = pair

    def counted() -> float:
        found = text_string_to_metric_families(reader.get("/metrics").text)
        own = next(family for family in found if family.name == "twin_requests")
        wanted = {"route": lane.ITEM_ROUTE.path, "method": "GET"}
        return sum(s.value for s in own.samples if wanted.items() <= s.labels.items())

    before, here = counted(), len(answered)
    path = f"/collections/buildings/items/{ids.tower}"
    for k in range(6):
        assert reader.get(path, params={"f": "html"} if k % 2 else {}).status_code == 200
    assert sum(answered[here:]) == 3
    assert counted() - before == 6


def test_a_socket_is_passed_on_both_ways(pair):
    _, reader, _, _ = pair
    url = str(reader.base_url).replace("http", "ws").rstrip("/") + "/scene/streams/socket"
    with connect(url, additional_headers=TOKEN, open_timeout=30) as told:
        assert opened(told.recv(30))["kind"] == INDEX
        told.send('{"type": "sing"}')
        while isinstance(said := told.recv(30), bytes):
            pass
        assert json.loads(said)["type"] == "problem"
    with pytest.raises(InvalidStatus) as refused, connect(url, open_timeout=30):
        pass
    with httpx.Client(base_url=reader.base_url, timeout=30) as nobody:
        assert refused.value.response.status_code in (403, nobody.get("/scene/streams").status_code)


def test_without_a_writer_reads_go_on_and_the_rest_is_told_to_wait(
    pair, serve, monkeypatch, tmp_path
):
    city = pair[0]
    monkeypatch.setattr("api.workers.forward.PATIENCE_S", 0.2)
    alone = Reader(
        ServerSettings(city=city.path, tokens={"admin": "whole"}), city, Writer(tmp_path / "gone")
    )
    with serve(alone) as root, httpx.Client(base_url=root, headers=TOKEN) as client:
        alone.state.city_state._infos = dict(_infos(pair))
        assert client.get("/collections/buildings/items?limit=2").status_code == 200
        found = client.get("/city")
        assert (found.status_code, found.headers["retry-after"]) == (503, "3")
        assert client.post("/cases", json={}).status_code == 503


def test_a_writer_that_dies_between_two_pieces_of_a_request_is_told_as_503(tmp_path):
    """uvloop says RuntimeError, not OSError, where it has closed the connection itself."""
    path, said = tmp_path / "writer", []
    scope = {"type": "http", "method": "POST", "path": "/cases", "query_string": b"", "headers": [(b"content-length", b"2")]}  # fmt: skip

    async def main():
        def die():
            with listener.accept()[0] as link:
                select.select([link], [], [], 10)  # closed with the head unread, as by a kill

        dying = asyncio.get_running_loop().run_in_executor(None, die)

        async def receive():
            await dying
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message):
            said.append(message)

        await Writer(path)(scope, receive, send)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        uvloop.run(main())
    assert said[0]["status"] == 503
    assert b"whether it was done is not known" in said[1]["body"]


def _infos(pair):
    return infos_of(pair[2].get(INFOS).content)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the processes in /proc")
def test_kills_lose_nothing_and_show_no_half_change(make_city, tmp_path):
    city = make_city(tmp_path / "city")
    shutil.rmtree(city.tiles)
    done = killed(city.path, 0, kills=6, workers=2, seed=4)
    assert done["cases"] >= done["kills"]
    assert done["reads"] > 0
    assert 0 < done["writers"] < done["kills"]
