import re

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.validity import repair


def one(geom):
    geoms, repaired, reason = repair(np.array([geom], dtype=object))
    return geoms[0], bool(repaired[0]), reason[0]


def line(vertices):
    with np.errstate(invalid="ignore"):
        return shapely.LineString(vertices)


def test_sound_geometry_is_left_alone():
    square = shapely.box(114, 30, 114.1, 30.1)
    assert one(square) == (square, False, None)


def test_a_bow_tie_becomes_its_two_triangles():
    geom, repaired, reason = one(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert reason is None
    assert repaired
    assert geom.geom_type == "MultiPolygon"
    assert geom.area == pytest.approx(2.0)  # two triangles of base 2 and height 1


def test_a_hole_outside_its_shell_becomes_a_part_of_its_own():
    shell, outside = [(0, 0), (2, 0), (2, 2), (0, 2)], [(5, 5), (6, 5), (6, 6), (5, 6)]
    geom, repaired, reason = one(shapely.Polygon(shell, [outside]))
    assert repaired
    assert reason is None
    assert geom.geom_type == "MultiPolygon"
    assert geom.area == pytest.approx(5.0)  # 2 × 2 and 1 × 1


def test_a_spike_falls_away_and_only_polygons_stay():
    geom, repaired, _ = one(shapely.Polygon([(0, 0), (1, 0), (1, 1), (1, 9), (1, 1), (0, 1)]))
    assert repaired
    assert geom.geom_type == "Polygon"
    assert geom.bounds == (0, 0, 1, 1)


def test_overlapping_parts_of_a_multipolygon_are_counted_once():
    parts = shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)])
    geom, repaired, _ = one(parts)
    assert repaired
    assert geom.area == pytest.approx(6.0)


def test_heights_survive_the_repair():
    geom, _, _ = one(shapely.Polygon([(0, 0, 7), (2, 2, 7), (2, 0, 7), (0, 2, 7)]))
    assert set(shapely.get_coordinates(geom, include_z=True)[:, 2]) == {7.0}


@pytest.mark.parametrize(
    ("geom", "words"),
    [
        (shapely.Polygon(), "empty"),
        (shapely.from_wkb("0101000000" + "000000000000f87f" * 2), "empty"),  # POINT (nan nan)
        (line([(0, 0), (np.nan, 1), (2, 2)]), "1 of 3 vertices .*vertex 2"),
        (line([(0, 0), (np.inf, 1)]), "not a number"),
        (shapely.Point(1, 2, np.inf), "not a number"),
        (shapely.Polygon([(0, 0), (1, 1), (2, 2), (0, 0)]), "no area"),
        (shapely.Polygon([(5, 5), (5, 5), (5, 5), (5, 5)]), "no area"),
        (shapely.box(490797, 2488812, 495417, 2493713), r"outside the world: x 490797 … 495417"),
        (shapely.Point(22.5, 113.9), "axes swapped"),
        (shapely.LineString([(1, 1), (1, 1)]), "no length"),
    ],
)
def test_what_cannot_be_used_says_why(geom, words):
    given_back, repaired, reason = one(geom)
    assert not repaired
    assert re.search(words, reason), reason
    assert shapely.to_wkb(given_back) == shapely.to_wkb(geom)


def test_a_missing_geometry_is_no_fault():
    geoms, repaired, reason = repair(np.array([None, shapely.Point(1, 2)], dtype=object))
    assert geoms[0] is None
    assert repaired.tolist() == [False, False]
    assert reason.tolist() == [None, None]


def test_no_rows_give_no_rows():
    geoms, repaired, reason = repair(np.array([], dtype=object))
    assert len(geoms) == len(repaired) == len(reason) == 0


rings = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=9
)  # small integers make crossings, spikes and doubled points common


@given(st.lists(rings, min_size=1, max_size=5))
def test_every_polygon_comes_out_valid_or_with_a_reason(rows):
    polygons = np.array([shapely.Polygon(r) for r in rows], dtype=object)
    geoms, repaired, reason = repair(polygons)
    for before, after, changed, why in zip(polygons, geoms, repaired, reason, strict=True):
        if why is None:
            assert after.is_valid
            assert after.area > 0
            assert after.geom_type in ("Polygon", "MultiPolygon")
            assert changed == (not before.is_valid)
        else:
            assert after.equals_exact(before)
            assert not changed


@given(st.lists(rings, min_size=1, max_size=5))
def test_repairing_twice_changes_nothing_more(rows):
    first, _, _ = repair(np.array([shapely.Polygon(r) for r in rows], dtype=object))
    second, repaired, _ = repair(first[[g.is_valid for g in first]])
    assert not repaired.any()
    assert len(second) <= len(first)
