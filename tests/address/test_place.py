import math

import numpy as np
import pyarrow as pa
import pytest

from address.batch import match_batch
from address.bind import bind_buildings, bind_rooms
from address.index import AddressIndex


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot((a[0] - b[0]) * math.cos(math.radians(a[1])), a[1] - b[1]) * 111_195


def test_an_unlisted_door_lies_between_its_neighbours_on_its_side() -> None:
    from address_town import TOP, table

    from address.nodes import build_nodes

    rows = [{**TOP, "street": "江北街道", "road": "古墩路", "number": f"{n}号",
             "lon": 114 + n * 1e-4, "lat": 30.0 + (n % 2) * 1e-3}
            for n in (1, 2, 5, 8, 9, 14)]  # fmt: skip
    index = AddressIndex.from_nodes(build_nodes(table(rows)))
    for number in (3, 7, 4, 11):
        found = index.geocode(f"古墩路{number}号")
        assert found.location is not None
        assert (found.status, found.location.method) == ("partial", "interpolated")
        if number < 9:
            truth = (114 + number * 1e-4, 30.0 + (number % 2) * 1e-3)
            assert metres((found.location.lon, found.location.lat), truth) < 40.0
            assert found.location.error_m > 0


def test_a_lane_that_answers_for_a_door_is_no_nearer_than_such_pairs_are() -> None:
    from address_town import TOP, table

    from address.nodes import build_nodes

    row = {**TOP, "street": "江北街道", "road": "古墩路", "lon": 114.0, "lat": 30.0}
    index = AddressIndex.from_nodes(build_nodes(table([{**row, "number": "95弄"}])))
    same, other = index.geocode("古墩路95弄"), index.geocode("古墩路95号")
    assert same.location is not None
    assert other.location is not None
    assert other.node_id == same.node_id
    assert "NUMBER.kind" in [fault.code for fault in other.faults]
    assert (other.location.lon, other.location.lat) == (114.0, 30.0)
    assert other.location.error_m > 5 * same.location.error_m
    told = match_batch(index, pa.array(["古墩路95号", "古墩路95弄"]))["error_m"].to_pylist()
    assert told == [other.location.error_m, same.location.error_m]


def test_a_node_without_a_place_takes_the_middle_of_what_lies_below(index: AddressIndex) -> None:
    found = index.geocode("柳巷路366弄")
    assert found.location is not None
    assert found.location.method == "children"
    assert (found.location.lon, found.location.lat) == pytest.approx((114.13, 30.45))


def test_a_missing_room_is_placed_at_its_building(index: AddressIndex) -> None:
    found = index.geocode("临江花园7号楼2单元9901")
    assert found.location is not None
    assert metres((found.location.lon, found.location.lat), (114.087, 30.40)) < 10


def test_the_room_has_its_height(index: AddressIndex) -> None:
    found = index.geocode("临江花园5号楼2单元1203")
    assert found.location is not None
    assert found.location.z == pytest.approx(46.0)


def test_reverse_is_the_nearest_door_of_brute_force(index: AddressIndex, town: pa.Table) -> None:
    doors = [
        n
        for n in town.to_pylist()
        if n["level"] == "number" and n["lon"] is not None and "路" in n["full"]
    ]
    generator = np.random.default_rng(2)
    for _ in range(40):
        point = (114.10 + generator.random() * 0.005, 30.42 + generator.random() * 0.0005)
        away = [metres(point, (d["lon"], d["lat"])) for d in doors]
        assert index.reverse(*point).full == doors[int(np.argmin(away))]["full"]


@pytest.mark.parametrize(("floor", "room"), [(1, "101"), (6, "602"), (13, "1304")])
def test_reverse_with_a_height_goes_to_the_room(index: AddressIndex, floor: int, room: str) -> None:
    lon = 114.08 + 5e-3 + int(room[-1]) * 1e-5
    found = index.reverse(lon, 30.40, 10.0 + floor * 3.0 + 0.4)
    assert found.level == "room"
    assert (found.full or "").endswith(f"{room}室")


@pytest.mark.parametrize("place", [(0.0, 0.0), (float("nan"), 30.0), (114.0, float("inf"))])
def test_reverse_far_from_everything_is_none(
    index: AddressIndex, place: tuple[float, float]
) -> None:
    assert index.reverse(*place).status == "none"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("古墩", "古墩路"),
        ("古墩路2", "古墩路2号"),
        ("gudun", "古墩路"),
        ("gdl17", "古墩路17号"),
        ("gudunlu17", "古墩路17号"),
        ("临江h", "临江花园"),
        ("江北街道古墩", "古墩路"),
        ("临江示范区gud", "古墩路"),
        ("shiminzx", "市民中心"),
        ("smzx", "市民中心"),
        (
            "临江花园5号楼2单元12",
            "湖北省云梦泽市临江示范区江北街道临江大道35号临江花园5号楼2单元12层",
        ),
        ("临江花园", "临江花园"),
    ],
)
def test_suggestions(index: AddressIndex, typed: str, expected: str | None) -> None:
    found = [s.text for s in index.suggest(typed, 10)]
    assert (expected in found) if expected is not None else found == []


def rooms(*rows: tuple[str, str | None, str | None, str, str]) -> pa.Table:
    names = ("eid", "building_key", "unit", "storey", "number")
    return pa.table({n: pa.array([r[i] for r in rows], pa.string()) for i, n in enumerate(names)})


def test_rooms_are_bound_by_building_unit_and_number(town: pa.Table) -> None:
    bound = bind_rooms(
        town, rooms(("e1", "B5", "2", "12F", "1203"), ("e2", "B5", "1单元", "12层", "1203室"))
    ).to_pylist()
    full = {n["node_id"]: n["full"] for n in town.to_pylist()}
    assert [full[b["node_id"]][-14:] for b in bound] == [
        "5号楼2单元12层1203室",
        "5号楼1单元12层1203室",
    ]
    assert [b["score"] for b in bound] == [1.0, 1.0]
    assert "unit 2" in bound[0]["evidence"]


def test_what_fits_twice_or_not_at_all_is_listed_and_not_bound(town: pa.Table) -> None:
    bound = bind_rooms(
        town,
        rooms(("e1", "B5", None, None, "1203"), ("e2", "B5", "2", None, "7701"),
              ("e3", "B99", "1", None, "101"),
              ("e4", "B3", "1", None, "101"), ("e5", "B3", "1", None, "101")),
    ).to_pylist()  # fmt: skip
    assert [b["node_id"] for b in bound] == [None] * 5
    assert "2 addresses fit" in bound[0]["evidence"]
    assert "several rooms claim" in bound[3]["evidence"]


def test_a_storey_that_gainsays_the_number_lowers_the_score(town: pa.Table) -> None:
    bound = bind_rooms(town, rooms(("e1", "B5", "2", "3F", "1203"))).to_pylist()
    assert bound[0]["score"] == pytest.approx(0.7)


def test_buildings_are_bound_by_key_then_by_name(town: pa.Table) -> None:
    table = pa.table(
        {
            "eid": ["a", "b", "c"],
            "building_key": ["B5", None, None],
            "name": [None, "临江花园7栋", "临江花园"],
        }
    )
    bound = {b["eid"]: b for b in bind_buildings(town, table).to_pylist()}
    full = {n["node_id"]: n["full"] for n in town.to_pylist()}
    assert full[bound["a"]["node_id"]].endswith("临江花园5号楼")
    assert full[bound["b"]["node_id"]].endswith("临江花园7号楼")
    assert bound["c"]["node_id"] is None
    assert (bound["a"]["score"], bound["b"]["score"]) == (1.0, 0.8)
