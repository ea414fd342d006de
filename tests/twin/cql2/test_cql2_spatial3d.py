"""Functions in three dimensions: vectors by hand, and dense sampling of the same bodies."""

import itertools
import math
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import shapely
from cql2_rows import DictRows, fields_of

from twin.cql2 import parse
from twin.cql2.spatial3d import Body, Frame, within
from twin.crs import from_geographic, geographic_to_ecef, to_geographic
from twin.features.asking import Kind
from twin.store.read import Box

FIELDS = fields_of({"geometry": Kind.SHAPE})
METRES = 1 / 111_194.0


def _row(shape: Any, low: float | None, high: float | None) -> dict[str, Any]:
    return {"geometry": shape, "_low": low, "_high": high}


def _holds(text: str, *rows: dict[str, Any]) -> list[bool]:
    return parse(text, "cql2-text", FIELDS).holds(DictRows(rows, FIELDS)).tolist()  # type: ignore[no-any-return]


def _square(east: float, north: float, side: float) -> Any:
    """A square in metres east and north of 114° E, 30° N."""
    x, y = _degrees(
        [east, east + side, east + side, east], [north, north, north + side, north + side]
    )
    return shapely.polygons(np.column_stack([x, y]))


def _degrees(east: Any, north: Any) -> tuple[Any, Any]:
    """By the Gauss-Kruger zone whose middle is 114° E: exact on its middle."""
    _, origin, _ = from_geographic("EPSG:4547", 114.0, 30.0)
    lon, lat, _ = to_geographic(
        "EPSG:4547", 500_000.0 + np.asarray(east, float), origin + np.asarray(north, float)
    )
    return lon, lat


def test_distances_by_hand() -> None:
    """A house 10 m east of a pipe's end and 4 m above it is hypot(10, 4) = 10.770 m from it."""
    (x0, x1), (y0, y1) = _degrees([0.0, 0.0], [0.0, 50.0])
    house = _row(_square(10, 20, 8), 24.0, 40.0)
    for metres, hit in ((10.76, False), (10.78, True)):
        assert _holds(
            f"S3D_DWITHIN(geometry, LINESTRING Z({x0} {y0} 20, {x1} {y1} 20), {metres})", house
        ) == [hit]
    # a pipe that rises from 20 to 24 m over 50 m along the wall is nearest where it is highest beside the house, at north 28:
    # gap 10 east, 24 - (20 + 4 * 28 / 50) = 1.76 up
    exact = math.hypot(10, 1.76)
    for metres, hit in ((exact - 0.01, False), (exact + 0.01, True)):
        assert _holds(
            f"S3D_DWITHIN(geometry, LINESTRING Z({x0} {y0} 20, {x1} {y1} 24), {metres})", house
        ) == [hit]


def test_meeting_in_space_is_not_meeting_on_the_map() -> None:
    house, tunnel, unknown = (
        _row(_square(0, 0, 10), 20.0, 50.0),
        _row(_square(0, 0, 10), -10.0, 0.0),
        _row(_square(0, 0, 10), None, None),
    )
    x, y = _degrees([5.0], [5.0])
    point = f"POINT Z({x[0]} {y[0]} 30)"
    assert _holds(f"S_INTERSECTS(geometry, {point})", house, tunnel, unknown) == [True, True, True]
    assert _holds(f"S3D_INTERSECTS(geometry, {point})", house, tunnel, unknown) == [
        True,
        False,
        False,
    ]
    assert _holds(f"NOT S3D_INTERSECTS(geometry, {point})", house, tunnel, unknown) == [
        False,
        True,
        False,
    ]
    assert _holds(f"S3D_DWITHIN(geometry, {point}, 30)", house, tunnel, unknown) == [
        True,
        True,
        False,
    ]
    assert _holds(f"S3D_DWITHIN({point}, geometry, 29.9)", house, tunnel, unknown) == [
        True,
        False,
        False,
    ]
    box = f"BBOX({x[0]}, {y[0]}, -5, {x[0] + METRES}, {y[0] + METRES}, 10)"
    assert _holds(f"S_INTERSECTS(geometry, {box})", house, tunnel, unknown) == [False, True, False]
    assert _holds(f"S3D_INTERSECTS(geometry, {box})", house, tunnel, unknown) == [
        False,
        True,
        False,
    ]


def test_heights_above_and_below() -> None:
    rows = [
        _row(_square(0, 0, 10), 20.0, 50.0),
        _row(_square(0, 0, 10), -10.0, 0.0),
        _row(_square(500, 0, 10), 60.0, 70.0),
        _row(None, None, None),
    ]
    x, y = _degrees([5.0], [5.0])
    assert _holds("ABOVE(geometry, 20)", *rows) == [True, False, True, False]
    assert _holds("BELOW(geometry, 0)", *rows) == [False, True, False, False]
    assert _holds(f"ABOVE(geometry, POINT Z({x[0]} {y[0]} 10))", *rows) == [
        True,
        False,
        False,
        False,
    ]
    assert _holds(
        f"BELOW(geometry, BBOX({x[0]}, {y[0]}, 5, {x[0] + METRES}, {y[0] + METRES}, 6))", *rows
    ) == [False, True, False, False]
    assert _holds(
        "HEIGHT(geometry) = 30 AND LOWEST(geometry) = 20 AND HIGHEST(geometry) = 50", *rows
    ) == [True, False, False, False]
    box = parse("ABOVE(geometry, 20) AND BELOW(geometry, 60)", "cql2-text", FIELDS).box
    assert box is not None
    assert (box.low, box.high) in ((20.0, None), (None, 60.0))


def test_pipes_lie_where_their_own_heights_put_them() -> None:
    """Two pipes that cross on the map, 3 m apart in height."""
    (x0, x1), (y0, y1) = _degrees([-20.0, 20.0], [0.0, 0.0])
    upper = _row(shapely.linestrings([[x0, y0, 8.0], [x1, y1, 12.0]]), 8.0, 12.0)
    (a0, a1), (b0, b1) = _degrees([0.0, 0.0], [-20.0, 20.0])
    lower = f"LINESTRING Z({a0} {b0} 7, {a1} {b1} 7)"
    # at the crossing the upper pipe is at 10; it slopes 4 in 40, so the nearest point is 3 cos(atan(0.1)) away
    exact = 3 * math.cos(math.atan(0.1))
    assert _holds(f"S3D_DWITHIN(geometry, {lower}, {exact - 0.002})", upper) == [False]
    assert _holds(f"S3D_DWITHIN(geometry, {lower}, {exact + 0.002})", upper) == [True]


def _within(bodies: list[Body], other: Body, metres: float) -> Any:
    low, high = (np.array([getattr(b, name) for b in bodies]) for name in ("low", "high"))
    return within(np.array([b.shape for b in bodies], dtype=object), low, high, other, metres)


def _apart(body: Body, other: Body, least: float, most: float) -> bool:
    """Whether their distance lies from ``least`` to ``most``, whichever of the two is asked about."""
    return all(
        bool(_within([a], b, most)[0]) and (least <= 0 or not _within([a], b, least)[0])
        for a, b in ((body, other), (other, body))
    )


def _body(rng: random.Random) -> Body:
    low = rng.uniform(-10, 10)
    high = low + rng.choice([0.0, rng.uniform(0, 15)])
    x, y, size = rng.uniform(-20, 20), rng.uniform(-20, 20), rng.uniform(1, 15)
    kind = rng.randrange(6)
    if kind == 0:
        area = shapely.Polygon(
            [
                (x, y),
                (x + size, y),
                (x + size, y + size),
                (x + size / 2, y + size / 3),
                (x, y + size),
            ]
        )
        return Body.of(area, low, high)
    if kind == 1:
        ring = shapely.box(x, y, x + size, y + size).difference(
            shapely.box(x + size / 4, y + size / 4, x + size / 2, y + size / 2)
        )
        return Body.of(ring, low, high)
    if kind == 2:
        return Body.of(shapely.LineString([(x, y), (x + size, y + size / 2)]), low, high)
    if kind == 5:
        return Body.of(shapely.Point(x, y), low, high)
    vertices = [
        (x + rng.uniform(-size, size), y + rng.uniform(-size, size), rng.uniform(-12, 20))
        for _ in range(4)
    ]
    return Body.of(
        shapely.Point(vertices[0]) if kind == 3 else shapely.LineString(vertices),
        float("nan"),
        float("nan"),
    )


def _z_along(body: Body, step: float) -> Any:
    flat = shapely.get_coordinates(body.shape, include_z=True)
    if len(flat) == 1:
        return flat
    pieces = [
        np.linspace(a, b, max(2, int(np.linalg.norm(b - a) / step) + 2))
        for a, b in itertools.pairwise(flat)
    ]
    return np.concatenate(pieces)


def _sampled(a: Body, b: Body, step: float) -> float:
    if not a.path:
        a, b = b, a
    points = _z_along(a, step)
    if b.path:
        others = _z_along(b, step)
        return float(np.sqrt(((points[:, None] - others[None]) ** 2).sum(-1)).min())
    across = shapely.distance(shapely.points(points[:, :2]), b.shape)
    up = np.maximum(0, np.maximum(points[:, 2] - b.high, b.low - points[:, 2]))
    return float(np.hypot(across, up).min())


def test_distances_are_those_of_dense_samples() -> None:
    rng = random.Random(20260927)
    step, tried = 0.05, 0
    while tried < 150:
        a, b = _body(rng), _body(rng)
        if not (a.path or b.path):
            continue
        tried += 1
        sampled = _sampled(a, b, step)
        assert _apart(a, b, sampled - step - 1e-9, sampled + 1e-9), (a, b)


def test_upright_bodies_part_into_plan_and_height() -> None:
    rng = random.Random(5)
    bodies = [b for b in (_body(rng) for _ in range(200)) if not b.path]
    other = bodies.pop()
    exact = []
    for body in bodies:
        up = max(0.0, body.low - other.high, other.low - body.high)
        exact.append(math.hypot(body.shape.distance(other.shape), up))
        assert _apart(body, other, exact[-1] - 1e-12, exact[-1] + 1e-12)
    for metres in (1.0, 5.0, 12.0):
        assert _within(bodies, other, metres).tolist() == [d <= metres for d in exact]


def test_many_things_of_all_kinds_at_once_are_told_one_by_one() -> None:
    """A long line is looked at in runs, things in columns: neither changes an answer."""
    rng = random.Random(11)
    bodies = [_body(rng) for _ in range(300)]
    both = [
        Body.of(
            shapely.union_all([a.shape, shapely.affinity.translate(a.shape, 30)]), a.low, a.high
        )
        for a in bodies[:50]
    ]
    turns = [i / 3 for i in range(160)]
    vertices = [(15 * math.cos(t), 12 * math.sin(t), t / 4 - 3) for t in turns]
    line = Body.of(shapely.linestrings(vertices), math.nan, math.nan)
    pieces = [
        Body.of(shapely.linestrings(pair), math.nan, math.nan)
        for pair in itertools.pairwise(vertices)
    ]
    for metres in (0.0, 0.3, 2.0):
        found = _within(bodies + both, line, metres)
        alone = np.any([_within(bodies + both, piece, metres) for piece in pieces], axis=0)
        assert found.tolist() == alone.tolist()
        assert 10 < found.sum() < len(found) - 10
        assert [bool(_within([b], line, metres)[0]) for b in bodies[:50]] == found[:50].tolist()


def test_the_plane_keeps_distances_on_the_ellipsoid() -> None:
    rng = np.random.default_rng(1)
    for reach, most in ((10_000.0, 1.3e-6), (50_000.0, 3.2e-5)):
        east, north = rng.uniform(-reach, reach, (2, 500)) / math.sqrt(2)
        lon = 114 + east / (111_320 * math.cos(math.radians(30)))
        lat = 30 + north / 110_852
        near = shapely.points(lon, lat), shapely.points(lon + 2e-4, lat + 1e-4)
        a, b = (shapely.get_coordinates(Frame(114.0, 30.0).metres(p)) for p in near)
        p, q = (
            np.column_stack(geographic_to_ecef(*shapely.get_coordinates(s).T, 0.0)) for s in near
        )
        true = np.linalg.norm(p - q, axis=1)
        assert np.abs(np.linalg.norm(a - b, axis=1) / true - 1).max() < most


def test_a_filter_is_tried_by_several_threads_at_once() -> None:
    """GEOS fills a prepared shape as it is used: shared by threads it ends the process."""
    ring = ",".join(
        f"{114 + 0.01 * math.cos(a):.6f} {30 + 0.01 * math.sin(a):.6f}"
        for a in [*np.linspace(0, 2 * math.pi, 200)[:-1], 0.0]
    )
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(113.98, 114.02, 20_000), rng.uniform(29.98, 30.02, 20_000)
    rows = [_row(s, 0.0, 9.0) for s in shapely.box(lon, lat, lon + 1e-4, lat + 1e-4)]
    table = DictRows(rows, FIELDS)
    text = f"S_INTERSECTS(geometry, POLYGON(({ring}))) AND NOT S3D_DWITHIN(geometry, POINT Z(114 30 5), 300) AND ABOVE(geometry, POLYGON Z((113 29 0,115 29 0,115 31 0,113 29 0)))"
    expected = parse(text, "cql2-text", FIELDS).holds(table).tolist()
    assert 0.02 < np.mean(expected) < 0.5
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            found = parse(text, "cql2-text", FIELDS)
            assert all(
                hits.tolist() == expected
                for hits in pool.map(lambda _i, f=found: f.holds(table), range(4))
            )


@pytest.mark.parametrize(
    ("path", "metres"),
    [
        ([(-5, 5, 4), (15, 5, 6)], 0.0),  # through two walls, no end within
        ([(-10, 5, 1), (-3, 5, 5)], 3.0),  # its end before the middle of a wall
        ([(5, 5, 20), (5.1, 5, -20)], 0.0),  # from above to below
        ([(2, 2, 13), (8, 8, 15)], 3.0),  # over the roof
        ([(2, 2, -4), (8, 8, -5)], 4.0),  # under the floor
        ([(13, 14, 5), (13, 14, 25)], 5.0),  # upright beside a corner
        ([(-3, 5, 14), (-3, 6, 15)], 5.0),  # 3 beside, 4 above
        ([(4, 4, 3), (6, 6, 4)], 0.0),  # within
    ],
)
def test_a_line_in_space_and_a_block_of_ten_metres(
    path: list[tuple[float, float, float]], metres: float
) -> None:
    block = shapely.box(0, 0, 10, 10)
    for shape, low, high in (
        (block, 0.0, 10.0),
        (shapely.multipolygons([block, shapely.box(90, 90, 91, 91)]), 0.0, 10.0),
    ):
        line = Body.of(shapely.linestrings(path), math.nan, math.nan)
        assert _apart(Body.of(shape, low, high), line, metres - 1e-9, metres + 1e-9)


def test_what_is_far_on_the_map_is_decided_without_heights() -> None:
    here, far = _row(_square(0, 0, 10), None, None), _row(_square(900, 0, 10), None, None)
    box = "BBOX(114, 30, 0, 114.0001, 30.0001, 9)"
    for name in ("S_INTERSECTS", "S3D_INTERSECTS"):
        assert _holds(f"{name}(geometry, {box})", here, far) == [False, False]
        assert _holds(f"NOT {name}(geometry, {box})", here, far) == [False, True]
    assert _holds(f"S_DISJOINT(geometry, {box})", here, far) == [False, True]


def test_two_boxes_a_thing_meets_need_not_meet_it_together() -> None:
    """An angle goes round the corner the boxes share."""
    angle = _row(shapely.Polygon([(0, 0), (9, 0), (9, 1), (1, 1), (1, 9), (0, 9)]), 0.0, 1.0)
    for text in (
        "S_INTERSECTS(geometry, BBOX(0,3,6,6)) AND S_INTERSECTS(geometry, BBOX(3,0,6,6))",
        "S_INTERSECTS(geometry, BBOX(0,3,6,6)) AND S_WITHIN(geometry, BBOX(-1,-1,10,10))",
        "S_INTERSECTS(geometry, BBOX(3,0,6,6)) AND NOT S_DISJOINT(geometry, BBOX(0,3,6,6)) AND ABOVE(geometry, -1)",
        "S_EQUALS(geometry, POLYGON((0 0,9 0,9 1,1 1,1 9,0 9,0 0))) OR S_WITHIN(geometry, BBOX(50,50,60,60))",
    ):
        found = parse(text, "cql2-text", FIELDS)
        assert found.holds(DictRows([angle], FIELDS)).tolist() == [True]
        assert found.box is not None
        assert shapely.box(
            found.box.west, found.box.south, found.box.east, found.box.north
        ).intersects(angle["geometry"])
    assert parse(
        "S_WITHIN(geometry, BBOX(0,0,6,6)) AND S_INTERSECTS(geometry, BBOX(3,3,9,9))",
        "cql2-text",
        FIELDS,
    ).box == Box(3, 3, 6, 6)
    assert (
        parse("S_DISJOINT(geometry, BBOX(0,0,6,6)) OR ABOVE(geometry, 3)", "cql2-text", FIELDS).box
        is None
    )
