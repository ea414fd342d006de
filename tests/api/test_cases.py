"""Cases over HTTP: placed by words, given to a unit, photographed, counted, told apart and merged."""

import hashlib
import io
from collections import Counter

import httpx
import numpy as np
import pytest
from PIL import Image

from api.access.policy import Grant, add_key
from api.app import create_app
from twin.crs.offsets import wgs84_to_gcj02
from twin.settings import ServerSettings
from twin.store import Store

STREET = "429871001"
PLACE = {"lon": 114.0052, "lat": 30.4012}
REPORT = {"title": "路边暴露垃圾", "code": "06010", "actor": "热线"}


@pytest.fixture(scope="module")
def web(tmp_path_factory, make_city, serve):
    city = make_city(tmp_path_factory.mktemp("cases") / "city")
    with Store.open(city) as store, store.transaction() as con:
        con.execute("UPDATE entity SET attributes = '{\"权属单位\": \"区水务局\"}' WHERE eid = $e", {"e": _nearest(con)})  # fmt: skip
    keys = {
        name: add_key(city.path, name, Grant(role="operator", duties=duties))[1]
        for name, duties in {"desk": ("操作员",), "both": ("操作员", "值班长")}.items()
    }
    app = create_app(ServerSettings(city=city.path, tokens={"admin": "whole"}))
    with serve(app) as root, httpx.Client(base_url=root, timeout=60) as client:
        client.headers["Authorization"] = "Bearer whole"
        client.keys = keys
        yield client


def _nearest(con):
    """The 管理部件 of type 01001 at 114.0099, 30.4000."""
    return con.execute(
        "SELECT e.eid::VARCHAR FROM entity e JOIN geometry g USING (eid) WHERE collection = 'components' "
        "ORDER BY (xmin - 114.0099) ** 2 + (ymin - 30.4) ** 2 LIMIT 1"
    ).fetchone()[0]


def report(web, **more):
    made = web.post("/cases", json={**REPORT, **more})
    assert made.status_code == 201, made.text
    return made.json()["properties"]


def take(web, case, action, role, status=200, **more):
    told = web.post(f"/cases/{case['id']}/{action}", json={"actor": "小王", "role": role, **more})
    assert told.status_code == status, told.text
    return told.json()["properties"] if status == 200 else told.json()


def test_a_report_without_coordinates_stands_where_its_address_is(web):
    case = report(web, address_text="临江花园5号楼2单元301室", title="楼道堆物")
    assert (case["placed_by"], case["node_id"]) == ("address", "o".rjust(16, "0"))
    assert (round(case["lon"], 5), round(case["lat"], 5)) == (114.00015, 30.40015)
    assert case["grid_code"] == "429871001001001"
    vague = report(web, address_text="老百货楼后面", title="噪声")
    assert (vague["lon"], vague["placed_by"]) == (None, "none")
    assert vague["not_placed"]


def test_the_unit_comes_from_the_owner_else_from_the_table_and_says_why(web):
    rules = [
        {"code": "", "area": "", "unit": "区城管局"},
        {"code": "", "area": STREET, "unit": "滨江街道"},
        {"code": "06", "area": "", "unit": "区环卫中心"},
        {"code": "06010", "area": "429871002", "unit": "别处"},
    ]
    assert web.put("/case-units", json={"units": rules}).status_code == 200
    assert len(web.get("/case-units").json()["units"]) == 4

    def why(case):
        found = web.get(f"/cases/{case['id']}").json()["properties"]
        return found["unit"], found["events"][0]["details"]

    assert why(report(web, **PLACE)) == ("区环卫中心", {"unit": "区环卫中心", "by": "table", "code": "06", "area": "", "grid_code": "429871001001001"})  # fmt: skip
    assert why(report(web, code=None, **PLACE))[0] == "滨江街道"
    assert why(report(web, code=None))[0] == "区城管局"
    owned = {"kind": "管理部件", "code": "01001", "lon": 114.00991, "lat": 30.40001}
    unit, evidence = why(report(web, **owned))
    assert (unit, evidence["by"], evidence["distance_m"] < 2) == ("区水务局", "owner", True)
    assert why(report(web, **{**owned, "lon": 114.02}))[0] == "滨江街道"  # nothing within 20 m
    assert why(report(web, unit="物业公司", **PLACE))[1]["by"] == "report"
    for wrong in ({"code": "9x", "area": "", "unit": "a"}, {"code": "", "area": "12a", "unit": "a"}, {"code": "", "area": "", "unit": " "}):  # fmt: skip
        assert web.put("/case-units", json={"units": [wrong]}).status_code == 400
    assert web.put("/case-units", json={"units": rules}, headers={"Authorization": f"Bearer {web.keys['both']}"}).status_code == 403  # fmt: skip


def test_an_extension_is_asked_once_and_moves_the_limit(web):
    case = report(web, **PLACE)
    for action, role in (("accept", "操作员"), ("register", "值班长"), ("dispatch", "派遣员"), ("handle", "责任单位")):  # fmt: skip
        case = take(web, case, action, role)
    before = case["clock"]
    take(web, case, "extend", "责任单位", 400, note="雨天")  # how long?
    take(web, case, "extend", "责任单位", 400, note="雨天", hours=500)
    take(web, case, "extend", "责任单位", 409, hours=8)  # why?
    case = take(web, case, "extend", "责任单位", note="雨天", hours=8)
    assert (case["extension"]["state"], case["clock"]["due"]) == ("asked", before["due"])
    case = take(web, case, "grant", "值班长")
    assert (case["extension"]["state"], case["extension"]["hours"]) == ("granted", 8)
    assert case["clock"]["stage_due"] > before["stage_due"]
    assert case["clock"]["due"] > before["due"]
    assert not {"extend", "grant", "refuse"} & {step["action"] for step in case["actions"]}
    case = take(web, case, "assign", "派遣员", note="权属不清", unit="区市政中心")
    assert case["unit"] == "区市政中心"
    last = web.get(f"/cases/{case['id']}").json()["properties"]["events"][-1]
    assert (last["event"], last["role"], last["details"]["before"]) == ("assign", "派遣员", "区环卫中心")  # fmt: skip
    take(web, case, "urge", "督办员", 400, until="2020-01-01T00:00:00Z")
    case = take(web, case, "urge", "督办员", until="2027-01-01T00:00:00Z")
    assert case["urged"]["until"] == "2027-01-01T00:00:00Z"
    assert take(web, case, "unurge", "督办员")["urged"] is None


def test_a_key_takes_steps_only_as_its_duties_say(web):
    case = report(web, **PLACE)
    path = f"/cases/{case['id']}"
    desk, both = ({"Authorization": f"Bearer {web.keys[name]}"} for name in ("desk", "both"))
    assert web.post(f"{path}/accept", json={"actor": "a"}, headers=both).status_code == 400
    assert web.post(f"{path}/accept", json={"actor": "a"}, headers=desk).status_code == 200
    said = {"actor": "a", "role": "值班长"}
    assert web.post(f"{path}/register", json=said, headers=desk).status_code == 403
    assert web.post(f"{path}/register", json=said, headers=both).status_code == 200


def test_duplicates_are_offered_with_reasons_and_merged_by_a_step(web):
    first = report(web, lon=114.0301, lat=30.4301, title="菜场门口暴露垃圾")
    second = report(web, lon=114.03015, lat=30.43012, title="菜场东门口有暴露垃圾")
    report(web, lon=114.0301, lat=30.4301, code="06013", title="菜场门口暴露垃圾")  # another type
    report(web, lon=114.0401, lat=30.4301, title="菜场门口暴露垃圾")  # a kilometre away
    path = f"/cases/{second['id']}/duplicates"
    (found,) = web.get(path).json()["duplicates"]
    metres = np.hypot(0.00005 * np.cos(np.radians(30.43)), 0.00002) * 111_320
    assert (found["id"], found["distance_m"]) == (first["id"], pytest.approx(metres, abs=0.1))
    assert found["likeness"] == pytest.approx(2 * 5 / (7 + 9), abs=1e-3)
    assert "相距 5 米" in found["why_zh"]
    assert len(web.get(path, params={"metres": 1500}).json()["duplicates"]) == 2
    assert web.get(path, params={"metres": 1e9}).status_code == 400
    take(web, second, "merge", "操作员", 409, into=second["key"])
    take(web, second, "merge", "操作员", 404, into="AJ-none")
    take(web, second, "merge", "操作员", 400)
    gone = take(web, second, "merge", "操作员", into=first["key"])
    assert (gone["stage"], gone["merged_into"]) == ("作废", first["id"])
    for name in (second["id"], second["key"]):
        assert web.get(f"/cases/{name}").json()["properties"]["merged_into"] == first["id"]
    kept = web.get(f"/cases/{first['key']}").json()["properties"]
    assert (kept["events"][-1]["event"], kept["events"][-1]["details"]) == ("merged", {"from": second["id"]})  # fmt: skip
    take(web, first, "merge", "操作员", 409, into=second["id"])


def picture(lon=None, lat=None, size=(64, 48)):
    """A JPEG, with a position in its EXIF where one is given."""
    image, out = Image.new("RGB", size, (90, 120, 60)), io.BytesIO()
    exif = image.getexif()
    if lon is not None:
        dms = [(int(v), int(v % 1 * 60), round(v * 60 % 1 * 60, 4)) for v in (lat, lon)]
        exif[0x8825] = {1: "N", 2: dms[0], 3: "E", 4: dms[1]}
        exif[0x8769] = {0x9003: "2026:07:01 16:30:00"}
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_photo_is_kept_once_and_its_position_held_against_the_case(web):
    case = report(web, **PLACE)
    path = f"/cases/{case['id']}/photos"

    def add(content, status=201, **params):
        made = web.post(path, content=content, params={"actor": "巡查员", **params}, headers={"Content-Type": "image/jpeg"})  # fmt: skip
        assert made.status_code == status, made.text
        return made.json()

    here = picture(114.0053, 30.4013)
    told = add(here)
    assert (told["verdict"], told["width"], told["taken_at"]) == (
        "agrees",
        64,
        "2026-07-01T08:30:00Z",
    )
    assert told["distance_m"] == pytest.approx(np.hypot(1e-4 * np.cos(np.radians(30.4)), 1e-4) * 111_320, abs=0.3)  # fmt: skip
    assert told["sha256"] == hashlib.sha256(here).hexdigest()
    assert add(here)["at_time"] == told["at_time"]
    assert add(picture(114.1053, 30.4013))["verdict"] == "far"
    assert add(picture())["verdict"] == "no_position"
    lon, lat = (float(v[0]) for v in wgs84_to_gcj02(np.array([114.0052]), np.array([30.4012])))
    assert add(picture(lon, lat))["verdict"] == "agrees_as_gcj02"
    assert web.get(told["href"]).content == here
    assert web.get(told["href"]).headers["content-type"] == "image/jpeg"
    assert web.get(path).json()["count"] == 4
    events = web.get(f"/cases/{case['id']}").json()["properties"]["events"]
    assert [event["event"] for event in events] == ["open", *["photo"] * 4]
    for bad in (b"", b"no picture", here[: len(here) // 2], b"GIF89a" + bytes(40), b"<svg/>"):
        add(bad, 400)
    add(here, 400, actor=" ")
    assert web.get(f"{path}/{'0' * 64}").status_code == 404
    assert web.post("/cases/none/photos", content=here, params={"actor": "a"}).status_code == 404


@pytest.mark.parametrize(("by", "digits"), [("street", 9), ("community", 12), ("grid", 15)])
def test_counts_by_area_and_type_equal_counting_one_by_one(web, by, digits):
    cases = [f["properties"] for f in web.get("/cases", params={"limit": 1000}).json()["features"]]
    told = web.get("/cases/counts", params={"by": by}).json()
    one_by_one = Counter(((c["grid_code"] or "")[:digits] or None, c["kind"], c["code"], c["stage"]) for c in cases)  # fmt: skip
    found = {
        (area["code"], row["kind"], row["code"], stage): n
        for area in told["areas"]
        for row in area["by_class"]
        for stage, n in row["by_stage"].items()
    }
    assert found == dict(one_by_one)
    assert told["total"] == len(cases) == sum(area["total"] for area in told["areas"])
    assert told["by_stage"] == dict(Counter(c["stage"] for c in cases))
    still = [c for c in cases if c["stage"] not in ("结案", "作废")]
    assert told["open"] == len(still)
    some = web.get("/cases/counts", params={"by": by, "stage": "处置", "unit": "区市政中心"}).json()
    assert (
        some["total"] == sum(c["stage"] == "处置" and c["unit"] == "区市政中心" for c in cases) > 0
    )


def test_cases_are_found_by_type_unit_and_area(web):
    every = [f["properties"] for f in web.get("/cases", params={"limit": 1000}).json()["features"]]
    for params, wanted in (
        ({"code": "06"}, lambda c: (c["code"] or "").startswith("06")),
        ({"unit": "区环卫中心"}, lambda c: c["unit"] == "区环卫中心"),
        ({"grid": STREET, "code": "06010"}, lambda c: (c["grid_code"] or "").startswith(STREET) and c["code"] == "06010"),
    ):  # fmt: skip
        found = web.get("/cases", params={"limit": 1000, **params}).json()
        assert (
            {f["id"] for f in found["features"]} == {c["id"] for c in every if wanted(c)} != set()
        )
    assert web.get("/cases", params={"grid": "x"}).status_code == 400
    assert web.get("/cases/counts", params={"by": "house"}).status_code == 400
