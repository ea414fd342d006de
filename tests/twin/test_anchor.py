import json

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.anchor import ANCHORS, anchor_points, inherit_anchors
from twin.containment import PolygonIndex
from twin.errors import InvalidRequestError
from twin.heights import Heights
from twin.terrain import Terrain

# ground rises 100 m per degree eastwards from 10 m at 114°
_COLUMN = (np.arange(1000) + 0.5) * 1e-3
TERRAIN = Terrain(
    np.broadcast_to(10.0 + 100.0 * _COLUMN, (1000, 1000)), (1e-3, 0.0, 114.0, 0.0, -1e-3, 31.0)
)
CELLS = (
    np.array([shapely.box(114.0, 30.0, 114.1, 30.1), shapely.box(114.1, 30.0, 114.2, 30.1)]),
    np.array(["cell-1", "cell-2"], dtype=object),
    np.array(["429871001001001", "429871001001002"], dtype=object),
)


# --- points in polygons -------------------------------------------------------------------------


def quads(n, seed):
    """n × n quadrilaterals that share crooked borders and fill their area without gaps."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0))
    corner = np.stack([x, y], -1) + rng.uniform(-0.3, 0.3, (n + 1, n + 1, 2))
    ring = [corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]]
    return shapely.polygons(np.stack(ring, 2).reshape(-1, 4, 2))


@pytest.mark.parametrize("seed", [0, 1])
def test_every_point_gets_the_polygon_that_brute_force_finds(seed):
    polygons = quads(12, seed)
    x, y = np.random.default_rng(seed + 10).uniform(-1, 13, (2, 20_000))
    expected = np.full(len(x), -1)
    for k, polygon in enumerate(polygons):
        expected[shapely.contains_xy(polygon, x, y)] = k
    assert np.array_equal(PolygonIndex(polygons).locate(x, y), expected)


def test_points_on_shared_borders_belong_to_exactly_one():
    polygons = quads(8, 3)
    a, b = shapely.get_coordinates(polygons[:-1]), shapely.get_coordinates(polygons[:-1])[1:]
    corners = a[:-1]
    middle = (corners + b) / 2
    x, y = np.concatenate([corners, middle]).T
    inner = (x > 1.5) & (x < 6.5) & (y > 1.5) & (y < 6.5)
    assert (PolygonIndex(polygons).locate(x[inner], y[inner]) >= 0).all()
    grid = shapely.box(
        *np.meshgrid(np.arange(4.0), np.arange(4.0)),
        *np.meshgrid(np.arange(1.0, 5), np.arange(1.0, 5)),
    ).ravel()
    px, py = (v.ravel() for v in np.meshgrid(np.arange(0.0, 4), np.arange(0.0, 4)))
    # half-open: a corner belongs to the cell north-east of it
    assert PolygonIndex(grid).locate(px, py).tolist() == list(range(16))


def test_holes_multipolygons_and_many_vertices_agree_with_geos():
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    disc = shapely.polygons(np.column_stack([50 + 45 * np.cos(angle), 50 + 45 * np.sin(angle)]))
    polygons = np.array([
        None, shapely.Point(1, 1), shapely.Polygon(),
        shapely.difference(shapely.box(20, 20, 60, 60), shapely.box(30, 30, 40, 40)),
        shapely.MultiPolygon([shapely.box(0, 0, 5, 5), shapely.box(90, 90, 99, 99)]), disc,
    ], dtype=object)  # fmt: skip
    x, y = np.random.default_rng(1).uniform(-5, 105, (2, 30_000))
    expected = np.full(len(x), -1)
    for k in (5, 4, 3):  # the first in the list wins where they overlap
        expected[shapely.contains_xy(polygons[k], x, y)] = k
    assert np.array_equal(PolygonIndex(polygons).locate(x, y), expected)


def test_rank_decides_where_polygons_overlap_whatever_their_order():
    both = np.array([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)])
    assert PolygonIndex(both).locate([1.5], [1.0]).tolist() == [0]
    assert PolygonIndex(both, rank=[9, 3]).locate([1.5], [1.0]).tolist() == [1]
    nothing = PolygonIndex(np.array([], dtype=object))
    assert nothing.locate([1.0, np.nan], [1.0, 2.0]).tolist() == [-1, -1]


boxes = st.lists(st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 5)] * 2), max_size=6)
places = st.lists(st.tuples(st.floats(-2, 20), st.floats(-2, 20)), min_size=1, max_size=20)


@settings(deadline=None, max_examples=50)
@given(boxes, places)
def test_boxes_hold_points_as_inequalities_say(rows, points):
    polygons = np.array([shapely.box(x, y, x + w, y + h) for x, y, w, h in rows], dtype=object)
    x, y = np.array(points).T
    got = PolygonIndex(polygons).locate(x, y)
    for px, py, k in zip(x, y, got, strict=True):
        inside = [i for i, (a, b, w, h) in enumerate(rows) if a <= px < a + w and b <= py < b + h]
        assert k == (inside[0] if inside else -1)


# --- anchors ------------------------------------------------------------------------------------


def test_heights_come_from_the_source_or_the_ground():
    table = anchor_points(
        [114.05, 114.05, 114.05, 114.05], [30.05] * 4, [20.0, 20.0, 2.5, np.nan],
        ["1985", "ellipsoid", "ground", "1985"], TERRAIN, CELLS, Heights(-12.8),
    )  # fmt: skip
    assert table.schema == ANCHORS
    assert table["ground_z"].to_pylist() == pytest.approx([15.0] * 4)  # 10 + 100 · 0.05
    assert table["z"].to_pylist() == pytest.approx([7.2, 20.0, 17.5, 15.0])
    assert table["method"].to_pylist() == ["geometry", "geometry", "terrain", "terrain"]
    assert table["grid_code"].to_pylist() == ["429871001001001"] * 4
    assert table["confidence"].to_pylist() == pytest.approx([1.0] * 4)
    facts = [json.loads(e) for e in table["evidence"].to_pylist()]
    assert [f["height"] for f in facts] == ["source", "source", "source", "ground"]
    assert [f["z_reference"] for f in facts] == ["1985", "ellipsoid", "ground", "1985"]


def test_what_has_no_place_says_why():
    table = anchor_points(
        [np.nan, 490_797.0, 114.05], [30.0, 30.0, 95.0], None, "ground", TERRAIN, CELLS
    )
    assert table["method"].to_pylist() == ["none"] * 3
    assert table["akind"].to_pylist() == ["none"] * 3
    assert table["confidence"].to_pylist() == [0.0] * 3
    assert "no coordinates" in table["reason"][0].as_py()
    assert "outside the world" in table["reason"][1].as_py()
    assert "outside the world" in table["reason"][2].as_py()
    assert table["lon"].to_pylist() == [None] * 3


def test_outside_terrain_and_grid_the_place_stays_with_less_confidence():
    table = anchor_points([114.05, 116.0], [30.05, 30.0], None, "ground", TERRAIN, CELLS)
    assert table["z"].to_pylist() == [pytest.approx(15.0), None]
    assert table["grid_eid"].to_pylist() == ["cell-1", None]
    assert table["confidence"].to_pylist() == pytest.approx([1.0, 0.7])
    assert table["reason"].to_pylist() == [None, None]


def test_without_terrain_and_grid_coordinates_are_enough():
    row = anchor_points([114.0], [30.0], None, None, None).to_pylist()[0]
    assert (row["akind"], row["method"], row["z"], row["grid_eid"]) == (
        "point",
        "geometry",
        None,
        None,
    )


def test_overlapping_cells_give_the_lower_code_in_any_order():
    shapes = np.array([shapely.box(114, 30, 114.1, 30.1)] * 2)
    for order in ([0, 1], [1, 0]):
        cells = (shapes, np.array(["b", "a"])[order], np.array(["2", "1"])[order])
        assert anchor_points([114.05], [30.05], None, "ground", None, cells)[
            "grid_code"
        ].to_pylist() == ["1"]


def test_calls_that_cannot_be_answered_are_refused():
    with pytest.raises(InvalidRequestError, match="undulation"):
        anchor_points([114.0], [30.0], [1.0], "1985", TERRAIN)
    with pytest.raises(InvalidRequestError, match="sea level"):
        anchor_points([114.0], [30.0], [1.0], "sea level", TERRAIN)
    with pytest.raises(InvalidRequestError, match="parent or host"):
        inherit_anchors(anchor_points([], [], None, "ground", None), [], [], method="friend")


def anchors(*lons):
    lon = np.array([np.nan if v is None else v for v in lons])
    return anchor_points(lon, np.full(len(lon), 30.05), None, "ground", TERRAIN, CELLS)


def test_parts_take_the_place_of_what_they_belong_to():
    # building → storey → room; only the building has a place
    table = inherit_anchors(anchors(114.05, None, None), ["b", "s", "r"], [None, "b", "s"])
    assert table["lon"].to_pylist() == [114.05] * 3
    assert table["z"].to_pylist() == pytest.approx([15.0] * 3)
    assert table["grid_code"].to_pylist() == ["429871001001001"] * 3
    assert table["akind"].to_pylist() == ["point", "part", "part"]
    assert table["method"].to_pylist() == ["terrain", "parent", "parent"]
    assert table["confidence"].to_pylist() == pytest.approx([1.0, 0.9, 0.9])
    assert json.loads(table["evidence"][2].as_py()) == {"parent": "b"}
    assert table["reason"].to_pylist() == [None] * 3


def test_an_own_place_is_never_replaced():
    table = inherit_anchors(anchors(114.05, 114.15), ["b", "c"], [None, "b"])
    assert table["lon"].to_pylist() == [114.05, 114.15]
    assert table["method"].to_pylist() == ["terrain", "terrain"]


def test_orphans_and_rings_end_with_a_reason():
    table = inherit_anchors(
        anchors(None, None, None, None), ["x", "y", "z", "w"], [None, "nobody", "w", "z"]
    )
    assert table["method"].to_pylist() == ["none"] * 4
    assert table["reason"][0].as_py().startswith("no coordinates")
    assert "belongs to nobody" in table["reason"][1].as_py()
    assert "belongs to w" in table["reason"][2].as_py()


def test_hosts_outside_the_table_give_their_place():
    table = inherit_anchors(anchors(None), ["sensor"], ["tower"], method="host",
                            hosts=anchors(114.05), host_ids=["tower"])  # fmt: skip
    row = table.to_pylist()[0]
    assert (row["method"], row["lon"], row["grid_eid"]) == ("host", 114.05, "cell-1")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(-1, 9)), min_size=1, max_size=10))
def test_nothing_floats(rows):
    n = len(rows)
    own = anchors(*[114.0 + 0.01 * i if placed else None for i, (placed, _) in enumerate(rows)])
    parent = [None if p < 0 or p >= n else str(p) for _, p in rows]
    table = inherit_anchors(own, [str(i) for i in range(n)], parent)
    for i, row in enumerate(table.to_pylist()):
        at, seen = i, set()
        while at is not None and not rows[at][0] and at not in seen:  # the walk, one step at a time
            seen.add(at)
            at = int(parent[at]) if parent[at] is not None else None
        if at is not None and rows[at][0]:
            assert row["lon"] == pytest.approx(114.0 + 0.01 * at)
            assert row["reason"] is None
        else:
            assert row["method"] == "none"
            assert row["reason"]


def test_two_hundred_thousand_points_are_anchored_in_one_call():
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 200_000))
    table = anchor_points(114 + 0.2 * x, 30 + 0.1 * y, None, "ground", TERRAIN, CELLS)
    assert isinstance(table, pa.Table)
    expected = np.where(114 + 0.2 * x < 114.1, "cell-1", "cell-2")
    assert (table["grid_eid"].to_numpy() == expected).mean() > 0.99999
    assert np.allclose(table["z"].to_numpy(), 10 + 20 * x, atol=0.06)
