"""Distances, contacts and sight lines of solids against hand-computed numbers and brute force."""

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.solids import (
    LINE,
    MISSED,
    Solids,
    Tree,
    distances,
    first_hits,
    intersects,
    nearest_points,
    within,
)

HOUSE = shapely.Polygon(shapely.box(0, 0, 10, 10).exterior, [shapely.box(3, 3, 7, 7).exterior])
"""A house around a court, 10 m × 10 m, the court 4 m × 4 m."""


def one(shape, low=0.0, high=20.0):
    return Solids.prisms(np.array([shape]), low, high)


def pipe(*points, radius=0.0):
    return Solids.lines(np.array([shapely.LineString(points)]), radius)


def mesh(*triangles):
    return Solids.meshes([np.array(triangles, float)])


HAND = [
    (Solids.points([[13, 14, 0]]), Solids.points([[10, 10, 0]]), 5.0),
    (Solids.points([[13, 5, 24]]), one(HOUSE), 5.0),  # 3 m east of the wall, 4 m above the roof
    (Solids.points([[5, 5, 10]]), one(HOUSE), 2.0),  # in the court
    (Solids.points([[1, 1, -3]]), one(HOUSE), 3.0),  # below the floor
    (Solids.points([[1, 1, 1]]), one(HOUSE), 0.0),  # in the walls
    (pipe((-10, 5, -3), (20, 5, -3)), one(HOUSE), 3.0),  # passes below
    (pipe((-10, 5, -3), (20, 5, -3), radius=0.5), one(HOUSE), 2.5),
    (pipe((5, 5, -10), (5, 5, 50)), one(HOUSE), 2.0),  # up through the court
    (pipe((-5, -5, 30), (15, 15, -10)), one(HOUSE), 0.0),  # in by the roof
    (pipe((5, 1, 25), (5, 9, 25)), one(HOUSE), 5.0),  # over the court and both wings
    (pipe((0, 0, 0), (10, 0, 0), radius=0.3), pipe((5, -5, 4), (5, 5, 4), radius=0.7), 3.0),
    (pipe((0, 0, 0), (10, 0, 0), radius=0.3), pipe((5, -5, 0.9), (5, 5, 0.9), radius=0.7), 0.0),
    (one(HOUSE), one(shapely.box(4, 4, 6, 6), 25, 30), np.sqrt(26)),  # 1 m from the court's wall, 5 m above
    (one(HOUSE), one(shapely.box(13, 14, 15, 16), 0, 5), 5.0),
    (one(HOUSE), one(shapely.box(-5, -5, 15, 15), 26, 30), 6.0),  # all of it above
    (Solids.points([[1, 1, 4]]), mesh([[0, 0, 0], [9, 0, 0], [0, 9, 0]]), 4.0),
    (pipe((1, 1, 3), (1, 1, 8)), mesh([[0, 0, 0], [9, 0, 0], [0, 9, 0]]), 3.0),
    (one(HOUSE), mesh([[20, 0, 0], [20, 9, 0], [20, 0, 9]]), 10.0),
    (one(HOUSE, 5, 6), mesh([[-90, -90, 5.5], [90, -90, 5.5], [0, 180, 5.5]]), 0.0),  # cut through
    (mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]]), mesh([[0, 0, 2], [1, 0, 2], [0, 1, 3]]), 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "expected"), HAND)
def test_distances_computed_by_hand(first, second, expected):
    for a, b in ((first, second), (second, first)):
        near = nearest_points(a, b, [0], [0])
        assert near.distance[0] == pytest.approx(expected, abs=1e-9)
        apart = np.linalg.norm(near.on_first[0] - near.on_second[0])
        assert apart == pytest.approx(expected, abs=1e-9)
        assert distances(Solids.points(near.on_first), a, [0], [0])[0] == pytest.approx(0, abs=1e-9)
        assert distances(Solids.points(near.on_second), b, [0], [0])[0] == pytest.approx(
            0, abs=1e-9
        )
    assert intersects(first, second, [0], [0]).tolist() == [expected == 0]
    assert within(first, second, [0, 0], [0, 0], expected + 1e-9).tolist() == [True, True]


number = st.integers(-30, 30).map(lambda k: k / 2)
spot = st.tuples(number, number, number)


@st.composite
def prisms(draw):
    corners = draw(st.lists(st.tuples(number, number), min_size=3, max_size=7))
    shape = shapely.convex_hull(shapely.MultiPoint(corners))
    if shape.geom_type != "Polygon" or shape.area < 1:
        shape = shapely.box(0, 0, 3, 4)
    low = draw(number)
    return one(shape, low, low + draw(st.integers(0, 20)))


def convex_points(solid):
    """Points whose hull a convex solid is."""
    if solid.kind[0] == 2:
        ring = solid.xyz[:-1, :2]
        return np.array([[*p, z] for p in ring for z in (solid.low[0], solid.high[0])])
    return solid.xyz


def hull_distance(first, second):
    """Distance of two convex hulls as the point of their difference nearest to 0.

    P. Wolfe, Finding the nearest point in a polytope, Mathematical Programming 11 (1976); shares nothing with the kernels.
    """
    points = (convex_points(first)[:, None] - convex_points(second)[None]).reshape(-1, 3)
    points = np.unique(points, axis=0)
    corral = [int(np.argmin((points**2).sum(axis=1)))]
    weights = np.ones(1)
    for _ in range(500):
        x = weights @ points[corral]
        j = int(np.argmin(points @ x))
        if x @ x <= points[j] @ x + 1e-10 or j in corral:
            break
        corral, weights = [*corral, j], np.append(weights, 0.0)
        while True:
            q = points[corral]
            system = np.block(
                [[np.zeros((1, 1)), np.ones((1, len(q)))], [np.ones((len(q), 1)), q @ q.T]]
            )
            affine = np.linalg.lstsq(system, np.r_[1.0, np.zeros(len(q))], rcond=None)[0][1:]
            if (affine > 1e-12).all():
                weights = affine
                break
            low = affine <= 1e-12
            step = min(1.0, np.min(weights[low] / np.maximum(weights[low] - affine[low], 1e-300)))
            weights = weights + step * (affine - weights)
            keep = weights > 1e-12
            corral, weights = [c for c, k in zip(corral, keep, strict=True) if k], weights[keep]
    return float(np.linalg.norm(weights @ points[corral]))


convex = st.one_of(
    spot.map(lambda p: Solids.points([p])),
    st.tuples(spot, spot).map(lambda p: pipe(*p)),
    prisms(),
    st.tuples(spot, spot, spot).map(lambda t: mesh(t)),
)


@settings(max_examples=100, deadline=None)
@given(convex, convex)
def test_distances_agree_with_the_nearest_points_of_polytopes(first, second):
    assert distances(first, second, [0], [0])[0] == pytest.approx(
        hull_distance(first, second), abs=1e-4
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(number, number, number, st.integers(0, 5)), min_size=1, max_size=60),
       spot, spot, st.integers(0, 30), st.data())  # fmt: skip
def test_the_tree_finds_what_a_scan_finds_also_after_edits(things, a, b, metres, data):
    boxes = np.array([[x, y, z, x + s, y + s, z + s] for x, y, z, s in things], float)
    gone = data.draw(st.lists(st.integers(0, len(boxes) - 1), unique=True))
    tree = Tree.of(boxes).edited(gone, boxes[:2] + 1)
    rows = np.concatenate([boxes, boxes[:2] + 1])
    alive = np.setdiff1d(np.arange(len(rows)), gone)
    query = np.r_[np.minimum(a, b), np.maximum(a, b)]
    gap = np.maximum(0, np.maximum(rows[:, :3] - query[3:], query[:3] - rows[:, 3:]))
    near = alive[np.linalg.norm(gap, axis=1)[alive] <= metres]
    assert sorted(tree.near(query, metres)) == near.tolist()
    solids = Solids.prisms(shapely.box(*rows[:, [0, 1, 3, 4]].T + np.array([[0], [0], [1e-9], [1e-9]])), rows[:, 2], rows[:, 5])  # fmt: skip
    hit = first_hits([a], [b], solids, np.zeros(len(alive), int), alive) != MISSED
    assert set(alive[hit]) <= set(tree.along(a, b).tolist())


@settings(max_examples=100, deadline=None)
@given(prisms(), spot, spot)
def test_sight_lines_agree_with_clipping_by_shapely(solid, a, b):
    """The stretch of the line inside the footprint, and inside the heights: what both share is the hit."""
    shape = shapely.Polygon(solid.xyz[:, :2]).buffer(-1e-6)  # what only touches is left open
    a, b = np.array(a), np.array(b)
    steps = np.linspace(0, 1, 4001)
    places = a + steps[:, None] * (b - a)
    inside = shapely.intersects_xy(shape, places[:, 0], places[:, 1])
    inside &= (places[:, 2] > solid.low[0]) & (places[:, 2] < solid.high[0])
    found = first_hits([a], [b], solid, [0], [0])[0]
    if inside.any():
        assert found <= steps[inside][0] + 1e-9
    if found != MISSED:
        at = a + found * (b - a)
        near = distances(Solids.points([at]), solid, [0], [0])[0]
        assert near == pytest.approx(0, abs=1e-9)
        before = a + np.linspace(0, found, 50)[:-1, None] * (b - a)
        apart = distances(Solids.points(before), solid, np.arange(49), np.zeros(49, int))
        assert (apart[:-1] > 0).all() or found < 1e-9 or apart.max() < 1e-6


def test_solids_are_taken_and_joined_without_loss():
    parts = [solid for pair in HAND for solid in pair[:2]]
    all_ = Solids.joined(parts)
    order = np.random.default_rng(0).permutation(len(all_))
    taken = all_.take(order)
    for k, i in enumerate(order):
        assert np.array_equal(taken.boxes()[k], parts[i].boxes()[0])
    rows = np.array(list(itertools.product(range(len(all_)), repeat=2)))
    one_way = distances(all_, all_, rows[:, 0], rows[:, 1])
    assert np.allclose(one_way, distances(all_, all_, rows[:, 1], rows[:, 0]))
    assert (all_.kind == LINE).sum() == 10
