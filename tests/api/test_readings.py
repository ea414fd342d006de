"""Readings over HTTP in every form, what is missing of them, and what was kept aside."""

import time
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pytest

from api.app import create_app
from twin.city import City
from twin.live import register_streams
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

LOAD = "0190a000-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def web(tmp_path_factory, serve):
    made = City.init(tmp_path_factory.mktemp("readings") / "city", name="test")
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    rows = [
        {"row": i, "key": f"d{i}", "subject": "燃气", "property": "p", "lon": 114.0, "lat": 30.0,
         "z_ell": 1.0, "interval_s": 0.5}
        for i in range(4)
    ]  # fmt: skip
    with Store.open(made) as store, store.transaction() as con:
        register_streams(con, pa.Table.from_pylist(rows, schema=placed), LOAD, datetime.now(UTC))
    with (
        serve(create_app(ServerSettings(city=made.path))) as address,
        httpx.Client(base_url=address, timeout=10) as session,
    ):
        yield session


def results(web, stream):
    rows = web.get(f"/streams/{stream}/observations").json()["observations"]
    return [row["result"] for row in rows]


def test_one_reading_an_array_and_a_table_are_stored_alike(web):
    now = int(time.time() * 1000)
    one = web.post("/observations", json={"stream": "d0", "time": now, "result": 1})
    assert (one.status_code, one.json()["stored"]) == (201, 1)
    array = [{
        "Datastream": {"@iot.id": 1}, "components": ["phenomenonTime", "result"],
        "dataArray": [[now + 1, 2], ["2026-01-01T00:00:00Z", 0]],
    }]  # fmt: skip
    assert web.post("/observations", json=array).json()["stored"] == 2
    table = "stream,time,result,quality\nd0,2026-01-01T08:00:01+08:00,0.5,good\nd1,2026-01-01T00:00:00Z,7,\n"
    told = web.post("/observations", content=table, headers={"Content-Type": "text/csv"})
    assert told.json()["stored"] == 2
    assert results(web, "d0") == [0.0, 0.5, 1.0, 2.0]
    assert results(web, "d1") == [7.0]
    days = web.get("/streams/d0/observations", params={"rollup": "day"}).json()["observations"]
    assert [row["n"] for row in days] == [2, 2]
    assert web.get("/streams/d0/observations", params={"rollup": "week"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"3", b'{"observations": {}}', b'{"stream": "d0"}', b'[{"dataArray": 1}]',
     b'{"stream": ["d0"], "result": 1}', b'{"stream": "d0", "result": "high"}'],
)  # fmt: skip
def test_bodies_that_make_no_sense_are_refused_whole(web, body):
    before = results(web, "d0")
    found = web.post("/observations", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code == 422, found.text
    assert results(web, "d0") == before


def test_tables_that_make_no_sense_are_refused_whole(web):
    for body in ("", "a,b\n1,2\n", "stream,time,result\n", "stream,time,result\nd0,now,high\n"):
        found = web.post("/observations", content=body, headers={"Content-Type": "text/csv"})
        assert found.status_code == 422, body


def test_another_value_for_a_time_is_kept_aside_with_the_one_that_stands(web):
    moment = "2026-02-01T00:00:00Z"
    web.post("/observations", json={"stream": "d2", "time": moment, "result": 1})
    again = web.post("/observations", json={"stream": "d2", "time": moment, "result": 2}).json()
    assert (again["stored"], again["duplicate"], again["aside"]) == (0, 1, 1)
    assert results(web, "d2") == [1.0]
    (row,) = web.get("/observations/aside").json()["streams"]
    assert (row["stream"], row["reason"], row["count"]) == ("d2", "its time has another value", 1)


def test_what_is_missing_is_listed_with_since_when(web):
    now = int(time.time() * 1000)
    for number in (1, 2, 5):
        reading = {"stream": "d3", "time": now + number, "result": number, "seq": number}
        assert web.post("/observations", json=reading).status_code == 201
    listed = {row["key"]: row for row in web.get("/completeness").json()["streams"]}
    (gap,) = listed["d3"]["gaps"]
    assert (gap["first"], gap["last"]) == (3, 4)
    assert abs(datetime.fromisoformat(gap["since"]).timestamp() - now / 1000) < 30
    reading = {"stream": "d3", "time": now + 3, "result": 3, "seq": 3}
    web.post("/observations", json=reading)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        listed = {row["key"]: row for row in web.get("/completeness").json()["streams"]}
        if listed.get("d0", {}).get("overdue_s", 0) > 0.5:
            break
        time.sleep(0.1)
    assert [(g["first"], g["last"]) for g in listed["d3"]["gaps"]] == [(4, 4)]
    assert listed["d0"]["overdue_s"] > 0.5
    assert web.get("/receivers").json() == {"mqtt": None, "bridge": None}
