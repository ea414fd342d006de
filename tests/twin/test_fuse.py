import json

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.fuse import DOUBTFUL, MERGE, match_footprints, merge_attributes, merge_json

METRE = 1e-5  # degrees; ratios of areas do not care


def block(x, y, width, depth):
    west, south = 114 + x * METRE, 30 + y * METRE
    return shapely.box(west, south, west + width * METRE, south + depth * METRE)


def shapes(*geoms):
    return np.array(geoms, dtype=object)


def merged(table):
    return {(r["new_index"], r["eid"]) for r in table.to_pylist() if r["decision"] == "merge"}


def test_the_same_footprint_merges_with_full_score():
    table = match_footprints(shapes(block(0, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"])
    row = table.to_pylist()[0]
    assert (row["decision"], row["method"], row["eid"]) == ("merge", "footprint", "a")
    assert row["score"] == pytest.approx(1.0)
    assert json.loads(row["evidence"]) == {"iou": 1.0, "share_new": 1.0, "share_existing": 1.0}


def test_the_evidence_holds_the_ratios_computed_by_hand():
    # 20 × 10 against the same moved 5 east: common 150, union 250
    table = match_footprints(
        shapes(block(5, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"],
        new_height=[30.0], existing_height=[27.0], new_name=["A"], existing_name=["B"],
    )  # fmt: skip
    facts = json.loads(table["evidence"][0].as_py())
    assert facts["iou"] == pytest.approx(0.6, abs=1e-4)
    assert facts["share_new"] == facts["share_existing"] == pytest.approx(0.75, abs=1e-4)
    assert facts["height"] == pytest.approx(1 - 3 / 9, abs=1e-4)  # 3 m of the 9 m (30 %) tolerated
    assert facts["name"] is False
    shape = 0.6 + 0.35 * 0.4 * 0.6 * 0.75
    expected = 0.75 * shape + 0.15 * (2 / 3)
    assert table["score"][0].as_py() == pytest.approx(expected, abs=1e-4)


def test_neighbours_that_touch_are_no_match():
    table = match_footprints(shapes(block(20, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"])
    assert table.num_rows == 0


def test_a_kiosk_inside_a_big_building_is_a_thing_of_its_own():
    table = match_footprints(shapes(block(5, 5, 3, 3)), shapes(block(0, 0, 60, 40)), ["a"])
    assert table.num_rows == 0


def test_a_half_overlap_is_doubtful_and_kept_apart():
    table = match_footprints(shapes(block(7, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"])
    row = table.to_pylist()[0]
    assert row["decision"] == "doubtful"
    assert DOUBTFUL <= row["score"] < MERGE


def test_height_decides_between_two_that_fit_equally():
    old = shapes(block(0, 0, 20, 10), block(0, 0, 20, 10))
    table = match_footprints(shapes(block(0, 0, 20, 10)), old, ["low", "high"],
                             new_height=[60.0], existing_height=[9.0, 58.0])  # fmt: skip
    assert merged(table) == {(0, "high")}


def test_the_same_code_merges_shapes_that_alone_would_not():
    args = (shapes(block(10, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"])
    assert merged(match_footprints(*args)) == set()
    table = match_footprints(*args, new_code=["L0005"], existing_code=["L0005"])
    assert merged(table) == {(0, "a")}
    assert table["method"].to_pylist() == ["code"]


def test_a_code_joins_things_without_shape():
    table = match_footprints(
        shapes(None), shapes(block(0, 0, 9, 9)), ["a"], new_code=["X"], existing_code=["X"]
    )
    assert merged(table) == {(0, "a")}


def test_a_code_far_from_its_place_is_not_believed():
    table = match_footprints(
        shapes(block(900, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"],
        new_code=["X"], existing_code=["X"],
    )  # fmt: skip
    assert table["decision"].to_pylist() == ["doubtful"]


def test_different_codes_on_the_same_ground_are_left_in_doubt():
    table = match_footprints(
        shapes(block(0, 0, 20, 10)), shapes(block(0, 0, 20, 10)), ["a"],
        new_code=["X"], existing_code=["Y"],
    )  # fmt: skip
    assert table["decision"].to_pylist() == ["doubtful"]
    assert json.loads(table["evidence"][0].as_py())["code"] is False


def test_a_split_is_recorded_with_all_its_parts_and_merges_none():
    halves = shapes(block(0, 0, 20, 10), block(20, 0, 20, 10))
    table = match_footprints(halves, shapes(block(0, 0, 40, 10)), ["a"],
                             new_height=[10, 10], existing_height=[10])  # fmt: skip
    assert table["method"].to_pylist() == ["split", "split"]
    assert table["new_index"].to_pylist() == [0, 1]
    assert merged(table) == set()


def test_joined_buildings_are_recorded_too():
    table = match_footprints(
        shapes(block(0, 0, 40, 10)), shapes(block(0, 0, 20, 10), block(20, 0, 20, 10)), ["a", "b"]
    )
    assert table["method"].to_pylist() == ["joined", "joined"]
    assert set(table["eid"].to_pylist()) == {"a", "b"}


def test_a_main_part_with_an_annex_is_no_split():
    new = shapes(block(0, 0, 30, 10), block(30, 0, 8, 10))
    table = match_footprints(new, shapes(block(0, 0, 40, 10)), ["a"])
    assert merged(table) == {(0, "a")}


def test_an_entity_with_two_shapes_takes_one_new_thing_only():
    old = shapes(block(0, 0, 20, 10), block(1, 0, 20, 10))
    new = shapes(block(0, 0, 20, 10), block(1, 0, 20, 10))
    assert len(merged(match_footprints(new, old, ["a", "a"]))) == 1


def test_nothing_matches_nothing():
    empty = np.array([], dtype=object)
    assert match_footprints(empty, shapes(block(0, 0, 1, 1)), ["a"]).num_rows == 0
    assert match_footprints(shapes(block(0, 0, 1, 1)), empty, []).num_rows == 0
    assert match_footprints(shapes(None), shapes(None), ["a"]).num_rows == 0


blocks = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(2, 15), st.integers(2, 15),
              st.sampled_from([None, 9.0, 12.0, 30.0]), st.sampled_from([None, None, "A", "B"])),
    min_size=1, max_size=7, unique=True,
)  # fmt: skip


def decide(new, old):
    table = match_footprints(
        shapes(*[block(*r[:4]) for r in new]), shapes(*[block(*r[:4]) for r in old]),
        [f"e{r}" for r in old], new_height=[r[4] for r in new], existing_height=[r[4] for r in old],
        new_code=[r[5] for r in new], existing_code=[r[5] for r in old],
    )  # fmt: skip
    return table, {
        (new[r["new_index"]], r["eid"], round(r["score"], 9), r["method"], r["decision"])
        for r in table.to_pylist()
    }


@settings(deadline=None, max_examples=60)
@given(blocks, blocks, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_no_decision(new, old, random):
    _, first = decide(new, old)
    shuffled_new, shuffled_old = new.copy(), old.copy()
    random.shuffle(shuffled_new)
    random.shuffle(shuffled_old)
    _, second = decide(shuffled_new, shuffled_old)
    assert first == second


@settings(deadline=None, max_examples=60)
@given(blocks, blocks)
def test_each_side_merges_at_most_once_and_scores_keep_their_bounds(new, old):
    table, _ = decide(new, old)
    rows = table.to_pylist()
    merges = [r for r in rows if r["decision"] == "merge"]
    assert len({r["new_index"] for r in merges}) == len(merges)
    assert len({r["eid"] for r in merges}) == len(merges)
    assert all(MERGE <= r["score"] <= 1 + 1e-9 for r in merges)
    assert all(r["score"] >= DOUBTFUL or r["method"] in ("split", "joined") for r in rows)


@settings(deadline=None, max_examples=40)
@given(blocks)
def test_a_layer_matched_against_itself_never_merges_two_different_things(rows):
    boxes = {r[:4]: r for r in rows}
    table, _ = decide(list(boxes.values()), list(boxes.values()))
    for r in table.to_pylist():
        if r["decision"] == "merge" and r["method"] == "footprint":
            mine = list(boxes.values())[r["new_index"]]
            assert r["eid"] == f"e{mine}" or r["score"] < 1


# --- attributes ---------------------------------------------------------------------------------


def test_gaps_are_filled_and_what_is_known_is_never_overwritten():
    merged_columns, conflicts = merge_attributes(
        {"floors": [18, None, 6], "name": ["塔楼", "", None], "height_m": [54.0, np.nan, 20.0]},
        {"floors": [17, 12, 6], "name": ["塔楼", "乙", "丙"], "height_m": [54.004, 36.0, 21.0],
         "usage": ["住宅", None, "商业"]},
        {"height_m": 0.01},
    )  # fmt: skip
    assert merged_columns["floors"].tolist() == [18, 12, 6]
    assert merged_columns["name"].tolist() == ["塔楼", "乙", "丙"]
    assert merged_columns["height_m"].tolist() == [54.0, 36.0, 20.0]
    assert merged_columns["usage"].tolist() == ["住宅", None, "商业"]
    assert conflicts.to_pylist() == [
        {"row": 0, "field": "floors", "kept": "18", "offered": "17"},
        {"row": 2, "field": "height_m", "kept": "20.0", "offered": "21.0"},
    ]


def test_json_attributes_follow_the_same_rule():
    merged_rows, conflicts = merge_json(
        ['{"b":1,"a":"x","empty":null}', None], ['{"a":"y","empty":3,"list":[1]}', '{"k":true}']
    )
    assert merged_rows == ['{"a":"x","b":1,"empty":3,"list":[1]}', '{"k":true}']
    assert conflicts.to_pylist() == [{"row": 0, "field": "a", "kept": "x", "offered": "y"}]


values = st.one_of(st.none(), st.integers(-5, 5), st.text("ab ", max_size=2), st.floats(-2, 2))
columns = st.dictionaries(
    st.sampled_from(["p", "q", "r"]), st.lists(values, min_size=3, max_size=3)
)


@given(columns, columns)
def test_every_value_is_kept_or_reported(existing, offered):
    merged_columns, conflicts = merge_attributes(existing, offered)
    reported = {(r["row"], r["field"]) for r in conflicts.to_pylist()}
    for field, column in offered.items():
        for row, value in enumerate(column):
            if value is None or value == "":
                continue
            got = merged_columns[field][row]
            same = str(got).strip() == str(value).strip() or got == value
            assert same or (row, field) in reported or abs(got - value) <= 1e-6
    for field, column in existing.items():
        for row, value in enumerate(column):
            if value is not None and value != "":
                assert merged_columns[field][row] is value or merged_columns[field][row] == value


@given(columns, columns)
def test_merging_the_same_again_brings_no_new_conflict(existing, offered):
    once, _ = merge_attributes(existing, offered)
    twice, conflicts = merge_attributes(once, existing)
    assert conflicts.num_rows == 0
    assert isinstance(conflicts, pa.Table)
    assert {k: list(v) for k, v in twice.items()} == {k: list(v) for k, v in once.items()}
