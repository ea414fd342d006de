"""The Python client against a real server: frames, paging, locks, live events, errors, retries."""

import json
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import shapely
from pydantic import SecretStr

from api.app import create_app
from api.client import (
    City,
    ConflictError,
    InvalidRequestError,
    LockNeededError,
    MissingPackageError,
    NotFoundError,
    ServerError,
    UnauthenticatedError,
    UnreachableError,
)
from twin.settings import ServerSettings


@pytest.fixture(scope="module")
def town(tmp_path_factory, make_city, serve):
    folder = tmp_path_factory.mktemp("client") / "city"
    made = make_city(folder)
    with serve(create_app(ServerSettings(city=made.path))) as root, City(root) as city:
        yield city


@pytest.fixture
def faulty():
    """``faulty(answers)``: a server that gives these answers in turn and keeps what it was asked."""
    servers = []

    def start(answers):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(dict(self.headers))
                status, headers, body = answers[min(len(asked), len(answers)) - 1]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 -- named by http.server

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def quick():
    """``quick(url, token)``: a client that notes its waits instead of waiting."""
    opened = []

    def start(url, token=None):
        waits = []
        opened.append(City(url, token, sleep=waits.append))
        return opened[-1], waits

    yield start
    for city in opened:
        city.close()


def test_collections_are_told_with_counts_and_shown_in_a_notebook(town):
    found = town.collections()

    assert found["buildings"].count == 40
    assert found["buildings"].bbox[0] == pytest.approx(114.0)
    assert "<td>buildings</td>" in found._repr_html_()
    assert "测试城" in town._repr_html_()


def test_a_frame_holds_what_the_shapes_and_attributes_are(town, ids):
    frame = town.items("buildings", where="floors > 30 AND usage = '住宅'", sort="-floors")

    assert frame["floors"].tolist() == [40, 38, 36, 34, 32]
    assert shapely.equals_exact(
        shapely.force_2d(frame.geometry.iloc[0]).normalize(), ids.shape(39).normalize(), 1e-9
    )
    assert frame.index[0] == ids.building(39)
    assert frame.crs.equals("OGC:CRS84", ignore_axis_order=True) or frame.crs.is_geographic


def test_box_filter_in_json_selection_time_and_limit_reach_the_server(town, ids):
    box = (114, 30.4, 114.0045, 30.4005)

    assert len(town.query("buildings", bbox=box)) == 5
    json_filter = {"op": ">", "args": [{"property": "floors"}, 2]}
    assert len(town.query("buildings", bbox=box, where=json_filter)) == 3
    assert len(town.items("buildings", limit=3)) == 3
    assert "floors" not in town.items("buildings", properties=["name", "geometry"], limit=1)
    old = [f.id for f in town.query("buildings", at="2026-03-01T00:00:00Z")]
    assert len(old) == 41
    assert ids.old in old
    assert town.query("buildings").arrow().num_rows == 40


def test_pages_are_of_one_version_while_items_come_and_go(town):
    query = town.query("components")
    pages = query.pages(size=70)
    seen = [f["id"] for f in next(pages)["features"]]
    new = town.create("components", point(114.0001, 30.4001))
    seen += [f["id"] for page in pages for f in page["features"]]

    assert len(seen) == len(set(seen)) == 300
    assert new not in seen
    assert len(query) == 301
    assert sum(1 for _ in town.query("components", limit=75)) == 75
    town.delete("components", new)
    assert len(query) == 300


def point(lon, lat, **properties):
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": properties,
    }


def test_an_edit_on_an_old_state_is_a_conflict(town):
    eid = town.create("components", point(114.0011, 30.4001, name="井盖"))
    first = town.item("components", eid)
    tag = town.update("components", eid, {"properties": {"name": "雨水井盖"}}, first.etag)

    assert town.item("components", eid).properties["name"] == "雨水井盖"
    with pytest.raises(ConflictError) as refused:
        town.update("components", eid, {"properties": {"name": "别的"}}, first.etag)
    assert refused.value.status == 412
    assert refused.value.problem["type"] == "urn:citytwin:problem:precondition-failed"
    with pytest.raises(ConflictError):
        town.replace("components", eid, first)  # brings the tag it was read with
    with pytest.raises(LockNeededError):
        town.update("components", eid, {"properties": {"name": "别的"}})
    fresh = town.item("components", eid)
    assert fresh.etag.partition(".")[0] == tag.partition(".")[0]
    fresh.properties["name"] = "污水井盖"
    town.replace("components", eid, fresh)
    town.delete("components", eid, town.item("components", eid).etag)
    with pytest.raises(NotFoundError):
        town.item("components", eid)


def test_a_thing_its_address_and_its_names_are_found(town, ids):
    assert town.entity(ids.tower)["name"] == "临江花园5号楼"
    assert town.geocode("临江花园5号楼2单元301室")["eid"] == ids.room
    assert "临江大道35号" in town.reverse(114.00015, 30.40015)["full"]
    assert town.resolve("LJ-0005")[0]["eid"] == ids.tower
    assert town.suggest("临江花园")


def test_a_file_is_whole_or_not_there(town, tmp_path, faulty, quick):
    import pyogrio

    for name in ("a.parquet", "a.fgb", "a.csv", "a.geojson"):
        assert town.query("buildings", where="floors <= 7").download(tmp_path / name).is_file()
    assert len(pyogrio.read_dataframe(tmp_path / "a.fgb")) == 7
    assert len(json.loads((tmp_path / "a.geojson").read_text("utf-8"))["features"]) == 7
    assert len((tmp_path / "a.csv").read_text("utf-8").splitlines()) == 8
    with pytest.raises(ValueError, match=r"\.parquet"):
        town.query("buildings").download(tmp_path / "a.shp")
    root, _ = faulty([(200, {"Content-Length": "1000"}, b"half")])
    with pytest.raises(UnreachableError):
        quick(root)[0].query("buildings").download(tmp_path / "b.parquet")
    assert sorted(p.name[0] for p in tmp_path.iterdir()) == ["a"] * 4


def test_live_events_go_on_where_the_connection_broke(tmp_path, make_city, serve, monkeypatch):
    made = make_city(tmp_path / "city")
    with serve(create_app(ServerSettings(city=made.path))) as root, City(root) as town:
        opened = []
        stream = town._transport.stream

        def broken_after_each_event(path, params=None, headers=None):
            opened.append(dict(headers))
            return stream(path, params, headers)

        monkeypatch.setattr(town._transport, "stream", broken_after_each_event)
        start = str(town.streams()["asOf"])
        for value in (0.5, 1.5):
            read(root, value)
        live = town.live(after=start)
        events = [next(live)]
        live.close()  # the connection is gone; what follows happens meanwhile
        read(root, 2.5)
        live = town.live(after=events[-1].id)
        while not any(
            c["value"] == 2.5 for e in events if e.kind == "state" for c in e.data["changes"]
        ):
            events.append(next(live))
        live.close()
    numbers = [int(event.id) for event in events]
    assert numbers == sorted(set(numbers))
    values = [c["value"] for e in events if e.kind == "state" for c in e.data["changes"]]
    assert values[-1] == 2.5
    assert len(values) == len(set(values))
    assert opened[1]["Last-Event-ID"] == events[0].id


def read(root, value):
    moment = datetime.now(UTC).isoformat()
    body = {"observations": [{"stream": "GAS-0001", "time": moment, "result": value}]}
    answer = httpx.post(
        f"{root}/observations", json=body, timeout=60
    )  # the first waits for compiled code
    assert answer.json()["stored"] == 1


def test_a_stream_that_breaks_is_opened_again_after_the_last_number(faulty, quick):
    kind = {"Content-Type": "text/event-stream"}
    root, asked = faulty(
        [
            (
                200,
                kind,
                b'id: 4\nevent: alarm\ndata: {"a": 1}\n\n: alive\nid: 6\n\nid: 7\nevent: al',
            ),
            (503, {}, b"{}"),
            (200, kind, b'id: 7\nevent: alarm\ndata: {"a": 2}\n\n'),
        ]
    )
    live = quick(root)[0].live()

    assert [(e.id, e.data["a"]) for e in (next(live), next(live))] == [("4", 1), ("7", 2)]
    assert [headers.get("Last-Event-ID") for headers in asked] == [None, "6", "6"]


def test_errors_carry_the_problem_and_name_the_parameter(town):
    with pytest.raises(InvalidRequestError) as refused:
        len(town.query("buildings", where="nonsense >"))
    assert refused.value.status == 400
    assert refused.value.problem["type"] == "urn:citytwin:problem:invalid-request"
    with pytest.raises(NotFoundError, match="there are: "):
        len(town.query("houses"))
    with pytest.raises(NotFoundError):
        town.item("buildings", str(uuid.uuid4()))


def test_retry_after_is_heeded_and_a_write_is_not_sent_twice(faulty, quick):
    root, asked = faulty([(429, {"Retry-After": "7"}, b""), (503, {}, b""), (200, {}, b'{"a": 1}')])
    city, waits = quick(root)
    assert city.about() == {"a": 1}
    assert waits == [7.0, 0.5]

    root, asked = faulty([(503, {}, b"not json")])
    with pytest.raises(ServerError):
        quick(root)[0].create("components", point(1, 2))
    assert len(asked) == 1


def test_the_token_is_sent_and_no_redirect_is_followed(tmp_path, make_city, serve, faulty, quick):
    made = make_city(tmp_path / "city")
    settings = ServerSettings(city=made.path, tokens={"viewer": SecretStr("v" * 32)})
    with serve(create_app(settings)) as root:
        with pytest.raises(UnauthenticatedError):
            quick(root)[0].collections()
        assert quick(root, "v" * 32)[0].collections()["buildings"].count == 40
    elsewhere, asked = faulty([(200, {}, b"{}")])
    here, _ = faulty([(302, {"Location": elsewhere}, b"")])
    with pytest.raises(InvalidRequestError):
        quick(here, "secret")[0].about()
    assert asked == []


def test_without_geopandas_the_error_says_what_to_install(town, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "geopandas", None)

    with pytest.raises(MissingPackageError, match="pip install geopandas"):
        town.items("buildings")
    assert len(list(town.query("buildings"))) == 40


def test_a_job_is_waited_for_and_its_result_given(faulty, quick):
    root, _ = faulty(
        [
            (201, {}, b'{"jobID": "j1"}'),
            (200, {}, b'{"status": "running"}'),
            (200, {}, b'{"status": "successful"}'),
            (200, {}, b'{"area": 12.5}'),
        ]
    )

    assert quick(root)[0].run("section", line=[1, 2]) == {"area": 12.5}
