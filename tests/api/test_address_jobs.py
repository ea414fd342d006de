"""Tables of addresses over HTTP: jobs, their results, what is refused; codes and times in /resolve and /geocode."""

import io
import time

import httpx
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from api.address_tree import editor, number_addresses
from api.app import create_app
from twin.settings import ServerSettings
from twin.store import Store

TEXTS = ["临江花园5号楼2单元301", "临江花园5号楼2单元999", "火星路1号", ""]
STATUS = ["exact", "partial", "none", "none"]


def ended(client, job):
    for _ in range(600):
        found = client.get(f"/address/batch/{job}").json()
        if found["status"] not in ("accepted", "running"):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


@pytest.fixture
def done(client):
    sent = client.post("/address/batch", json={"texts": TEXTS})
    assert sent.status_code == 201
    assert sent.headers["location"] == f"/address/batch/{sent.json()['jobID']}"
    return ended(client, sent.json()["jobID"])


def test_texts_are_answered_in_order_with_a_report(client, done):
    assert (done["status"], done["progress"], done["rows"]) == ("successful", 100, 4)
    assert done["report"]["status"] == {"exact": 1, "ambiguous": 0, "partial": 1, "none": 2}
    rows = client.get(f"/address/batch/{done['jobID']}/result").json()["rows"]
    assert [row["text"] or "" for row in rows] == TEXTS
    assert [row["addr_status"] for row in rows] == STATUS
    assert rows[0]["addr_full"].endswith("301室")
    assert rows[0]["addr_z"] == pytest.approx(16.0)


def test_results_come_as_csv_and_parquet_and_the_review_by_itself(client, done):
    here = f"/address/batch/{done['jobID']}/result"
    table = pc_csv.read_csv(io.BytesIO(client.get(here, params={"f": "csv"}).content[3:]))
    assert table["addr_status"].to_pylist() == STATUS
    table = pq.read_table(io.BytesIO(client.get(here, params={"f": "parquet"}).content))
    assert table["addr_status"].to_pylist() == STATUS
    review = client.get(here, params={"part": "review"}).json()["rows"]
    assert [row["addr_status"] for row in review] == STATUS[1:]


def test_a_workbook_holds_answers_review_and_report(client, done):
    here = f"/address/batch/{done['jobID']}/result"
    got = client.get(here, params={"f": "xlsx"})
    assert got.headers["content-type"].endswith("spreadsheetml.sheet")
    book = CalamineWorkbook.from_filelike(io.BytesIO(got.content))
    assert [name.split()[0] for name in book.sheet_names] == ["结果", "复核", "报告"]
    rows = book.get_sheet_by_index(0).to_python()
    assert [row[rows[0].index("addr_status")] for row in rows[1:]] == STATUS
    assert len(book.get_sheet_by_index(1).to_python()) == 1 + 3
    assert ["待复核 to review", 3.0] in book.get_sheet_by_index(2).to_python()


def test_rows_and_files_keep_their_columns(client):
    rows = [{"id": 1, "地址": TEXTS[0]}, {"id": 2, "地址": None}]
    job = ended(client, client.post("/address/batch", json={"rows": rows}).json()["jobID"])
    assert job["report"]["column"] == "地址"
    sent = client.post("/address/batch", params={"column": "b"}, content="a,b\n1,临江花园5号楼\n".encode(),
                       headers={"Content-Type": "text/csv"})  # fmt: skip
    job = ended(client, sent.json()["jobID"])
    row = client.get(f"/address/batch/{job['jobID']}/result").json()["rows"][0]
    assert (row["b"], row["addr_status"]) == ("临江花园5号楼", "exact")
    sink = io.BytesIO()
    pq.write_table(pa.table({"地址": [TEXTS[0]]}), sink)
    sent = client.post("/address/batch", content=sink.getvalue(),
                       headers={"Content-Type": "application/vnd.apache.parquet"})  # fmt: skip
    assert ended(client, sent.json()["jobID"])["report"]["status"]["exact"] == 1


def test_a_dismissed_job_is_gone(client, done):
    assert client.delete(f"/address/batch/{done['jobID']}").json()["status"] == "dismissed"
    gone = client.get(f"/address/batch/{done['jobID']}")
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"json": {}}, 400),
        ({"json": {"texts": []}}, 400),
        ({"json": {"texts": ["a"], "rows": []}}, 400),
        ({"json": {"texts": [1]}}, 400),
        ({"json": {"other": 1}}, 400),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 400),
        (
            {
                "content": b"no parquet",
                "headers": {"Content-Type": "application/vnd.apache.parquet"},
            },
            422,
        ),
        ({"content": b"a,b\n1,2\n", "headers": {"Content-Type": "text/csv"}}, 400),
        ({"json": {"texts": ["a"]}, "params": {"nonsense": "1"}}, 400),
    ],
)
def test_what_is_no_table_of_addresses_is_refused(client, how, status):
    sent = client.post("/address/batch", **how)
    assert (sent.status_code, sent.headers["content-type"]) == (status, "application/problem+json")


def test_result_parameters_are_strict(client, done):
    here = f"/address/batch/{done['jobID']}/result"
    assert [
        client.get(here, params=p).status_code for p in ({"f": "xml"}, {"part": "half"}, {"x": "1"})
    ] == [400] * 3


def test_a_viewer_reads_jobs_and_an_operator_makes_them(make_city, serve, tmp_path):
    tokens = {"viewer": "v" * 20, "operator": "o" * 20}
    app = create_app(ServerSettings(city=make_city(tmp_path / "city").path, tokens=tokens))
    with serve(app) as root, httpx.Client(base_url=root) as client:
        as_ = {role: {"Authorization": f"Bearer {token}"} for role, token in tokens.items()}
        body = {"texts": TEXTS[:1]}
        assert client.post("/address/batch", json=body).status_code == 401
        assert client.post("/address/batch", json=body, headers=as_["viewer"]).status_code == 403
        assert client.post("/address/batch", json=body, headers=as_["operator"]).status_code == 201
        assert len(client.get("/address/batch", headers=as_["viewer"]).json()["jobs"]) == 1


def test_the_definition_shows_the_job_with_examples(get):
    paths = get("/api")["paths"]
    assert {"get", "post"} <= paths["/address/batch"].keys()
    body = paths["/address/batch"]["post"]["requestBody"]["content"]
    assert body["application/json"]["schema"]["example"]["texts"]
    assert "text/csv" in body


@pytest.fixture(scope="module")
def edited(make_city, serve, tmp_path_factory):
    """A city whose road was renamed and whose room was retired, with all codes that were given."""
    city = make_city(tmp_path_factory.mktemp("edited") / "city")
    with Store.open(city) as store:
        number_addresses(store)
        given = store.table("SELECT level, code FROM address_node").to_pylist()
        codes = {row["level"]: row["code"] for row in given}
        edit = editor(store, "tester")
        edit.rename("r".rjust(16, "0"), "滨江大道")
        edit.retire("o".rjust(16, "0"), ["f".rjust(16, "0")])
        number_addresses(store)
    with (
        serve(create_app(ServerSettings(city=city.path))) as root,
        httpx.Client(base_url=root) as client,
    ):
        yield client, codes


def test_every_code_ever_given_resolves(edited, ids):
    client, codes = edited
    for level, code in codes.items():
        found = client.get("/resolve", params={"code": code}).json()["candidates"]
        assert found[0]["kind"] == "address", level
    building = client.get("/resolve", params={"code": codes["building"]}).json()["candidates"][0]
    assert building["eid"] == ids.tower
    assert building["full"].endswith("滨江街道滨江大道35号临江花园5号楼")
    room = client.get("/resolve", params={"code": codes["room"]}).json()["candidates"]
    assert [c["name"] for c in room] == ["301室", "3层"]
    assert "已注销" in room[0]["why"]
    assert (
        client.get("/resolve", params={"q": codes["room"]}).json()["candidates"][0]["name"]
        == "301室"
    )
    assert client.get("/resolve", params={"code": "0" * 31}).json()["candidates"] == []
    assert client.get("/resolve", params={"code": "a", "q": "b"}).status_code == 400


def test_geocode_by_the_old_name_and_as_of_then(edited):
    client, _ = edited
    now = client.get("/geocode", params={"q": "临江大道35号"}).json()
    assert (now["status"], now["full"][-7:]) == ("exact", "滨江大道35号")
    assert [f["code"] for f in now["faults"]] == ["ROAD.renamed"]
    then = client.get(
        "/geocode", params={"q": "临江大道35号", "valid_at": "2026-01-01T00:00:00Z"}
    ).json()
    assert (then["full"][-7:], then["faults"]) == ("临江大道35号", [])
    room = client.get(
        "/geocode", params={"q": "临江大道35号临江花园5号楼2单元301", "valid_at": "2026-01-01"}
    ).json()
    assert (room["status"], room["level"]) == ("exact", "room")
    assert client.get("/geocode", params={"q": "a", "valid_at": "yesterday"}).status_code == 400


def test_faults_are_told_in_english(edited):
    client, _ = edited
    found = client.get("/geocode", params={"q": "临江大道35号", "lang": "en"}).json()
    assert found["faults"][0]["text"] == "“临江大道” is a former name of “滨江大道”"
