"""A gazetteer with one fault of each kind: each is found, and nothing else."""

import json
import random

import pyarrow as pa
import pytest
import shapely
from address_town import TOP, table, town_rows

from address.faults import FAULT_KINDS, check
from address.nodes import build_nodes


def faults(rows, areas=None, kinds=None):
    numbered = [{"full": "".join(str(v) for k, v in r.items() if isinstance(v, str) and k not in ("key", "fault", "building_key")),
                 **r, "row": i} for i, r in enumerate(rows)]  # fmt: skip
    given = table(numbered)
    found = check(given, build_nodes(given), areas).to_pylist()
    return [(f["kind"], f["full"], f["row_numbers"], json.loads(f["details"])) for f in found
            if kinds is None or f["kind"] in kinds]  # fmt: skip


def door(number, lon=None, lat=30.42, road="古墩路", **more):
    return {
        **TOP,
        "street": "江北街道",
        "road": road,
        "number": f"{number}号",
        "lon": lon,
        "lat": lat,
        "key": f"{road}{number}",
        **more,
    }


def test_a_sound_gazetteer_has_no_faults_but_what_its_traps_are():
    assert faults(town_rows(), kinds=set(FAULT_KINDS) - {"unplaced"}) == []


def test_rows_that_name_one_address_are_told_with_their_rows_and_distance():
    rows = [door(1, 114.1), door(3, 114.1), door(1, 114.1), door(3, 114.2)]
    assert [(k, r, d["metres"] > 5_000) for k, _, r, d in faults(rows, kinds={"duplicate", "moved"})] == [
        ("duplicate", [0, 2], False), ("moved", [1, 3], True)]  # fmt: skip


def test_holes_are_told_for_each_side():
    rows = [door(n, 114.1 + n / 1e5) for n in (1, 3, 5, 9, 13, 2, 4, 6, 8)]
    found = faults(rows, kinds={"hole"})
    assert [(d["side"], d["missing"]) for _, _, _, d in found] == [("odd", [7, 11])]
    sparse = [door(n, 114.1) for n in (1, 101, 201, 301)]
    assert faults(sparse, kinds={"hole"}) == []


def test_an_address_without_its_upper_levels_is_an_orphan():
    rows = [door(n, 114.1) for n in (1, 3)] + [{"road": "孤路", "number": "1号", "key": "x"}]
    assert [(full, d) for _, full, _, d in faults(rows, kinds={"orphan"})] == [
        ("孤路", {"begins": "road", "expected": "province"})]  # fmt: skip
    lone = [{**TOP, "street": "江北街道", "building": "5号楼", "key": "y"}]
    assert faults(lone, kinds={"orphan"})[0][3] == {"level": "building", "below": "street"}


def test_a_place_outside_the_outline_of_its_town_and_one_far_from_its_siblings():
    rows = [door(n, 114.10 + n / 1e5) for n in (1, 3, 5, 7, 9)] + [door(11, 114.3)]
    areas = {("street", "江北街道"): shapely.box(114.0, 30.0, 114.2, 31.0)}
    found = faults(rows, areas, kinds={"outside", "far"})
    assert [(k, full[-3:]) for k, full, _, _ in found] == [("outside", "11号"), ("far", "11号")]
    assert found[0][3]["metres"] == pytest.approx(9_590, rel=0.01)
    assert faults(rows[:5], areas, kinds={"outside", "far"}) == []


def test_two_spellings_of_one_name_but_not_two_names():
    rows = [door(1, 114.1), door(1, 114.1, road="古敦路"), door(1, 114.1, road="东湖路"), door(1, 114.1, road="长江路"),
            door(1, 114.1, road="长虹路"), door(1, 114.1, road="新一路"), door(1, 114.1, road="新乙路")]  # fmt: skip
    assert [d["names"] for *_, d in faults(rows, kinds={"spelling"})] == [["古墩路", "古敦路"]]


def test_a_community_under_two_towns_contradicts_itself():
    rows = [{**TOP, "street": s, "community": "临江社区", "road": r, "key": r}
            for s, r in (("江北街道", "甲路"), ("江南街道", "乙路"), ("江北街道", "丙路"))]  # fmt: skip
    found = faults(rows, kinds={"parents"})
    assert [(full, len(d["parents"])) for _, full, _, d in found] == [("临江社区", 2)]


def test_a_room_on_another_floor_than_its_number_tells():
    rows = [
        door(1, 114.1, building="1号楼", floor="3层", room="1203室"),
        door(3, 114.1, building="1号楼", floor="12层", room="1203室"),
    ]
    assert [(full[-10:], d) for _, full, _, d in faults(rows, kinds={"floor"})] == [
        ("1号楼3层1203室", {"floor": "3", "number": "1203室"})]  # fmt: skip


def test_doors_without_any_place_and_rows_that_could_not_be_read():
    rows = [
        door(1),
        door(3, building="1号楼"),
        door(3, 114.1, building="1号楼", room="101室"),
        {"fault": "no address text"},
    ]
    found = faults(rows, kinds={"unplaced", "unreadable"})
    assert [(k, full[-2:]) for k, full, _, _ in found] == [
        ("unreadable", "xt"),
        ("unplaced", "1号"),
    ]


def test_the_order_of_rows_changes_nothing_but_row_numbers():
    rows = [door(n, 114.1 + n / 1e5) for n in (1, 3, 5, 9, 13)] + [door(1, 114.1, road="古敦路")]
    other = rows.copy()
    random.Random(3).shuffle(other)
    assert [(k, f, d) for k, f, _, d in faults(rows)] == [(k, f, d) for k, f, _, d in faults(other)]


def test_an_empty_gazetteer_is_sound():
    empty = table([])
    assert check(empty, build_nodes(empty)).num_rows == 0
    assert isinstance(check(empty, build_nodes(empty)), pa.Table)
