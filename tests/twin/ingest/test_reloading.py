"""Lineage of footprints: split, merged, replaced and plain neighbours, against areas computed by hand."""

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.ingest.reloading import lineage_edges


def row(eid: str, *box: float) -> dict[str, object]:
    return {"eid": eid, "shape": shapely.box(*box)}


def told(old: list[dict], new: list[dict]) -> set[tuple[str, str, str, float]]:
    return {(e["from_eid"], e["to_eid"], e["kind"], e["share"]) for e in lineage_edges(old, new)}


def test_a_footprint_that_is_cut_in_two_is_split_by_area() -> None:
    old = [row("a", 0, 0, 4, 1)]
    new = [row("b", 0, 0, 1, 1), row("c", 1, 0, 4, 1), row("far", 9, 9, 10, 10)]
    assert told(old, new) == {("a", "b", "split_into", 0.25), ("a", "c", "split_into", 0.75)}


def test_footprints_that_become_one_are_merged() -> None:
    old = [row("a", 0, 0, 1, 1), row("b", 1, 0, 2, 1)]
    assert told(old, [row("c", 0, 0, 2, 1)]) == {
        ("a", "c", "merged_into", 1.0),
        ("b", "c", "merged_into", 1.0),
    }


def test_a_thing_that_keeps_its_id_may_lose_a_part_or_take_one_in() -> None:
    assert told([row("a", 0, 0, 2, 1)], [row("a", 0, 0, 1, 1), row("b", 1, 0, 2, 1)]) == {
        ("a", "b", "split_into", 0.5)
    }
    assert told([row("a", 0, 0, 1, 1), row("b", 1, 0, 2, 1)], [row("a", 0, 0, 2, 1)]) == {
        ("b", "a", "merged_into", 1.0)
    }


def test_one_for_one_is_replaced_and_touching_neighbours_are_nothing() -> None:
    assert told([row("a", 0, 0, 10, 1)], [row("b", 1, 0, 10, 1)]) == {
        ("a", "b", "replaced_by", 0.9)
    }
    assert told([row("a", 0, 0, 1, 1)], [row("b", 1, 0, 2, 1)]) == set()
    assert told([row("a", 0, 0, 1, 1)], [row("b", 0.5, 0, 1.5, 1)]) == set()
    assert told([], [row("b", 0, 0, 1, 1)]) == set()


def test_points_lines_and_missing_shapes_have_no_lineage() -> None:
    old = [{"eid": "a", "shape": shapely.Point(0, 0)}, {"eid": "b", "shape": None}]
    assert told(old, [row("c", -1, -1, 1, 1)]) == set()


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_shares_of_a_split_add_up_to_the_whole(widths: list[int]) -> None:
    edges = [sum(widths[:i]) for i in range(len(widths) + 1)]
    old = [row("a", 0, 0, edges[-1], 1)]
    new = [row(f"n{i}", edges[i], 0, edges[i + 1], 1) for i in range(len(widths))]
    found = lineage_edges(old, new)
    assert {e["kind"] for e in found} == {"split_into"}
    assert sum(e["share"] for e in found) == pytest.approx(1.0, abs=1e-3)
