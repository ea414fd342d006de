"""The case desk: only legal steps, each with its event, every case with a place or a reason."""

import csv
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

import twin.cases
from twin.cases import Asked, CaseDesk, NewCase
from twin.cases.stages import roles, stages, steps_from
from twin.city import City
from twin.cog import RasterSpec, write_cog
from twin.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from twin.live import LiveHub, register_streams
from twin.schema import STREAMS
from twin.store import Store

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
GRID = "019e7044-8800-7000-8000-00000000000a"
STRAIGHT = ["accept", "register", "dispatch", "handle", "report", "verify", "close"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with Store.open(City.init(tmp_path_factory.mktemp("desk") / "city", name="test")) as opened:
        with opened.transaction() as con:
            ground(con, opened.assets)
            register_streams(con, sensors(), GRID, NOW)
        yield opened


class Desk(CaseDesk):
    """A desk at which everybody takes steps as one who may."""

    def step(self, case_id, action, actor, note=None, role=None, **said):
        stage = self.get(case_id)["stage"]
        may = next((s.roles for s in steps_from(stage) if action in (s.action, s.zh)), roles())
        return super().step(case_id, action, actor, note, role or may[0], **said)


@pytest.fixture
def desk(store):
    return Desk(store, lambda: NOW)


def ground(con, assets):
    """A grid cell of 0.01° and a ground that lies at 20 m."""
    cell = shapely.box(114.04, 30.44, 114.05, 30.45)
    con.execute(
        "INSERT INTO entity (eid, collection, name) VALUES ($eid::UUID, 'grids', '格')",
        {"eid": GRID},
    )
    con.execute(
        "INSERT INTO geometry (eid, role, wkb, xmin, ymin, xmax, ymax) "
        "VALUES ($eid::UUID, 'area', $wkb, 114.04, 30.44, 114.05, 30.45)",
        {"eid": GRID, "wkb": shapely.to_wkb(cell)},
    )
    con.execute(
        "INSERT INTO alias (scheme, value, eid) VALUES ('grid.code', '429871001001001', $eid)",
        {"eid": GRID},
    )
    flat = np.full((5, 5), 20.0, np.float32)
    place = (0.01, 0.0, 114.03, 0.0, -0.01, 30.47)
    name = write_cog(
        assets, RasterSpec(5, 5, "dem", place, "EPSG:4490"), lambda a, b, c, d: flat[a:b, c:d]
    )
    con.execute("INSERT INTO raster (kind, asset) VALUES ('dem', $asset)", {"asset": name})


def sensors():
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    row = {
        "key": "G1",
        "thing_key": "G1",
        "thing_name": "燃气井1",
        "subject": "燃气",
        "unit": "%",
        "property": "甲烷",
        "lon": 114.045,
        "lat": 30.445,
        "z_ell": 9.5,
        "alarm_high": 1.0,
    }
    return pa.Table.from_pylist([row], schema=placed)


def test_a_case_walks_the_straight_way_and_every_step_is_an_event(desk):
    case = desk.open(NewCase("暴露垃圾", code="06010", lon=114.045, lat=30.445), "市民")
    assert (case["stage"], case["code_name"]) == ("上报", "暴露垃圾")
    for action in STRAIGHT:
        case = desk.step(case["id"], action, "值班长")
    assert (case["stage"], case["actions"]) == ("结案", [])
    assert case["closed_at"] == NOW.replace(tzinfo=None)
    found = [(e["event"], e["from_stage"], e["to_stage"]) for e in desk.events(case["key"])]
    names = ["上报", "受理", "立案", "派遣", "处置", "反馈", "核查", "结案"]
    assert found == list(zip(["open", *STRAIGHT], [None, *names], names, strict=False))


def test_a_reported_case_stands_on_the_ground_in_its_grid_cell(desk):
    case = desk.open(NewCase("道路破损", lon=114.045, lat=30.445), "市民")
    assert (case["grid_code"], case["z"], case["placed_by"]) == ("429871001001001", 20.0, "terrain")
    assert desk.listed(Asked(grid="429871001001001")).matched >= 1
    nowhere = desk.open(NewCase("噪声扰民", address_text="老百货楼后面"), "市民")
    assert (nowhere["lon"], nowhere["placed_by"]) == (None, "none")
    assert "coordinates" in nowhere["not_placed"]


def test_an_illegal_step_says_what_is_possible(desk):
    case = desk.open(NewCase("占道经营"), "市民")
    with pytest.raises(ConflictError, match=r"accept \(受理\), void \(作废\)"):
        desk.step(case["id"], "close", "值班长")
    with pytest.raises(InvalidRequestError, match="dispatch"):
        desk.step(case["id"], "explode", "值班长")
    with pytest.raises(ConflictError, match="reason"):
        desk.step(case["id"], "作废", "值班长", "  ")
    assert desk.step(case["id"], "作废", "值班长", "重复上报")["stage"] == "作废"
    with pytest.raises(ConflictError, match="nothing"):
        desk.step(case["id"], "accept", "值班长")
    assert len(desk.events(case["id"])) == 2


def test_who_may_not_and_who_is_nobody(desk):
    case = desk.open(NewCase("占道经营"), "市民")
    with pytest.raises(ForbiddenError):
        desk.step(case["id"], "accept", "老王", role="监督员")
    for nobody in (None, "局长"):
        with pytest.raises(InvalidRequestError, match="操作员"):
            CaseDesk.step(desk, case["id"], "accept", "老王", role=nobody)
    with pytest.raises(InvalidRequestError):
        desk.step(case["id"], "accept", "")
    with pytest.raises(NotFoundError):
        desk.step("019e7044-8800-7000-8000-0000000000ff", "accept", "老王")
    assert desk.step(case["key"], "accept", "老王", role="操作员")["stage"] == "受理"


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"kind": "别的"},
        {"code": "99999"},
        {"lon": 114.0},
        {"lon": 200.0, "lat": 1.0},
        {"lon": float("nan"), "lat": 1.0},
    ],
)
def test_a_report_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InvalidRequestError):
        NewCase(**{"title": "占道经营", **wrong})


def table_of_steps():
    """The legal steps, read from the file without the code under test."""
    path = Path(twin.cases.__file__).parent / "transitions.csv"
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return {(row["from"], row["action"]): row["to"] for row in csv.DictReader(lines)}


def test_every_stage_can_be_reached_and_left_towards_an_end():
    legal = table_of_steps()
    assert set(legal.values()) | {"上报"} == set(stages())
    ends = {"结案", "作废"}
    for stage in set(stages()) - ends:
        seen, todo = set(), [stage]
        while todo:
            here = todo.pop()
            seen.add(here)
            todo += [to for (start, _), to in legal.items() if start == here and to not in seen]
        assert seen & ends


def test_of_two_who_take_the_same_step_one_wins(desk):
    case = desk.open(NewCase("井盖丢失"), "市民")
    outcomes = []

    def accept(name):
        try:
            outcomes.append(desk.step(case["id"], "accept", name)["stage"])
        except ConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=accept, args=(f"操作员{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 5 + ["受理"]
    assert len(desk.events(case["id"])) == 2


def test_a_case_from_an_alarm_has_its_place_and_ends_when_the_reading_is_back(store, desk):
    hub = LiveHub(store, lambda: NOW)
    hub.ingest(["G1"], [NOW], [1.4])
    (alarm,) = hub._memory.standing.values()
    case = desk.from_alarm(alarm.alarm_id, "值班员")
    assert case["title"] == "燃气井1 甲烷 1.4 % 高于报警值 1 %"
    assert (case["lon"], case["lat"], case["z"]) == (114.045, 30.445, 9.5)
    assert (case["alarm_id"], case["source"]) == (alarm.alarm_id, "物联监测")
    assert (case["attributes"]["value"], case["placed_by"]) == (1.4, "host")
    with pytest.raises(ConflictError, match=case["key"]):
        desk.from_alarm(alarm.alarm_id, "值班员")
    for action in STRAIGHT[:-1]:
        desk.step(case["id"], action, "值班长")
    with pytest.raises(ConflictError, match="still holds"):
        desk.step(case["id"], "close", "值班长")
    hub.ingest(["G1"], [NOW + timedelta(seconds=5)], [0.1])
    assert desk.step(case["id"], "close", "值班长")["stage"] == "结案"
    with pytest.raises(NotFoundError):
        desk.from_alarm("no-such-alarm", "值班员")


def test_cases_are_found_by_stage_box_and_page(store):
    desk = Desk(store, lambda: NOW + timedelta(days=1))
    made = [desk.open(NewCase(f"案{i}", lon=120.0 + i / 10, lat=31.0), "市民") for i in range(5)]
    assert [case["key"] for case in made] == [f"AJ20260702-{i:04d}" for i in range(1, 6)]
    desk.step(made[0]["id"], "accept", "操作员")
    box = (119.95, 30.9, 120.25, 31.1)
    assert {c["title"] for c in desk.listed(Asked(bbox=box)).cases} == {"案0", "案1", "案2"}
    assert [c["title"] for c in desk.listed(Asked(["受理"], box)).cases] == ["案0"]
    first, second = (desk.listed(Asked(bbox=box, limit=2, offset=k)) for k in (0, 2))
    assert (first.matched, len(first.cases), len(second.cases)) == (3, 2, 1)
    assert not {c["id"] for c in first.cases} & {c["id"] for c in second.cases}
    with pytest.raises(InvalidRequestError):
        desk.listed(Asked(["不明"]))
