"""Analyses against vectors computed by hand, on cities of a few things."""

import numpy as np
import orjson
import pytest
import shapely

from twin.analysis import ANALYSES, Study, job_id, read_inputs, run
from twin.errors import InvalidRequestError, NotFoundError
from twin.features.asking import Reach

MILLIMETRE = 0.0011


def near(value):
    return pytest.approx(value, abs=MILLIMETRE)


def line(*points):
    return shapely.LineString(points)


def by_id(answer):
    return {feature["id"]: feature["properties"] for feature in answer["features"]}


def test_within_measures_from_the_wall_of_a_pipe_to_walls_roofs_and_points(town):
    """Pipe of 1 m across at 8 m; a house 3 m beside and 2 m above its axis; a lid 1.5 m straight over it."""
    pipe = town.put("pipes", line((0, 0, 8), (100, 0, 8)), diameter_mm=1000)
    house = town.put("buildings", shapely.box(10, 3, 20, 9), ground=10.0, height=20.0)
    lid = town.put("components", shapely.Point(50, 0, 9.5))
    far = town.put("buildings", shapely.box(200, 0, 210, 9), ground=10.0, height=5.0)
    found = town.ask("within", thing=pipe, distance_m=30.0)
    assert [f["id"] for f in found["features"]] == [lid, house]
    assert by_id(found)[lid]["distance_m"] == near(1.0)
    assert by_id(found)[house]["distance_m"] == near(np.sqrt(3**2 + 2**2) - 0.5)
    assert by_id(found)[house]["horizontal_m"] == near(3 - 0.5 * 3 / np.sqrt(13))
    assert by_id(found)[house]["vertical_m"] == near(2 - 0.5 * 2 / np.sqrt(13))
    assert found["error_bound"]["metres"] < 0.001
    assert by_id(town.ask("within", thing=pipe, distance_m=120.0))[far]["distance_m"] == near(
        np.sqrt(100**2 + 2**2) - 0.5
    )
    assert (
        town.ask("within", thing=pipe, distance_m=30.0, collections=["buildings"])["numberMatched"]
        == 1
    )
    assert town.ask("within", thing=pipe, distance_m=30.0, limit=1)["numberReturned"] == 1


def test_nearest_counts_in_order_and_sees_no_farther_than_told(town):
    wells = [town.put("components", shapely.Point(x, 0, 10)) for x in (100, 30, 60)]
    found = town.ask("nearest", at=town.at(0, 0, 50), count=2)
    assert [(f["id"], f["properties"]["distance_m"]) for f in found["features"]] == [
        (wells[1], near(50.0)), (wells[2], near(np.hypot(60, 40)))
    ]  # fmt: skip
    assert (
        town.ask("nearest", at=town.at(0, 0, 50), count=9, max_distance_m=75)["numberReturned"] == 2
    )


def test_sight_is_blocked_where_a_wall_or_a_hill_stands(town):
    """Eye at 12 m: a wall of 15 m at 20 m hides a target at 11 m; over it, at 30 m, one is seen; ground of 10 m all around."""
    wall = town.put("buildings", shapely.box(20, -50, 21, 50), ground=10.0, height=5.0)
    town.level(10.0)
    targets = [town.at(60, 0, 11), town.at(60, 0, 30), town.at(10, 0, 11), town.at(60, 0, 9)]
    found = [
        f["properties"]
        for f in town.ask("sight", eye=town.at(0, 0, 12), targets=targets)["features"]
    ]
    assert [f["visible"] for f in found] == [False, True, True, False]
    assert found[0]["blocked_by"] == wall
    assert found[0]["blocked_after_m"] == near(20 * np.hypot(60, 1) / 60)
    assert found[0]["blocked_at"][:2] == pytest.approx(town.at(20, 0), abs=1e-8)
    over = town.ask("sight", eye=town.at(0, 0, 12), targets=[town.at(60, 0, 9)], ignore=[wall])[
        "features"
    ][0]["properties"]
    assert over["blocked_by"] == "terrain"
    # 2 m to the ground of the 3 m to the target: at two thirds of the way
    assert over["blocked_after_m"] == pytest.approx(np.hypot(60, 3) * 2 / 3, abs=0.1)
    below = town.ask("sight", eye=town.at(0, 0), targets=[town.at(10, 0)])["features"][0]
    assert [c[2] for c in below["geometry"]["coordinates"]] == [11.6, 11.6]  # 1.6 m over the ground


def test_what_is_far_sinks_behind_the_curve_of_the_earth(town):
    """At 10 km, a target sinks by (1 - 0.13) d² / 2R = 6.83 m: a wall half way (sunk by 1.71 m) hides 3.41 m less."""
    town.put("buildings", shapely.box(5000, -50, 5001, 50), ground=0.0, height=100.0)
    sunk = 0.87 * 10_000**2 / (2 * 6_371_008.8)
    clear = 100.0 + sunk / 4  # height at both ends that just passes over the top
    for above, seen in ((-0.01, False), (0.01, True)):
        z = clear + above
        found = town.ask("sight", eye=town.at(0, 0, z), targets=[town.at(10_001, 0, z)])[
            "features"
        ][0]["properties"]
        assert found["visible"] is seen
    flat = town.ask(
        "sight", eye=town.at(0, 0, 100.1), targets=[town.at(10_001, 0, 100.1)], refraction=1.0
    )
    assert flat["features"][0]["properties"]["visible"]


def test_a_viewshed_has_the_shadow_of_a_wall(town):
    """Eye 10 m over level ground, a wall 5 m high from 20 m to 21 m: along the axis ground is hidden to 42 m."""
    wall = town.put("buildings", shapely.box(20, -300, 21.0, 300), ground=10.0, height=5.0)
    town.level(10.0)
    asked = {"at": town.at(0.25, 0.25, 20), "radius_m": 60, "resolution_m": 1.0, "refraction": 1.0}
    found = town.ask("viewshed", facades=True, **asked)
    grid = town.cells(found)
    x = np.arange(-60, 61) + 0.25
    roof = (x > 20) & (x < 21)
    hidden = (x > 21) & (x <= 21 + (21 - 0.25))  # the far edge of the roof, seen at 5 of 10 m
    assert grid[60].tolist() == np.where(hidden, 0, 1).tolist()
    assert (grid == 1).sum() == found["visible_m2"]
    assert found["visible_roof_m2"] == (grid[:, roof] == 1).sum()
    # one side of the wall within 60 m faces the eye: 2·√(60² - 19.75²) m long, 5 m high, seen whole
    facade = found["features"][0]["properties"]
    assert (found["features"][0]["id"], facade["kind"]) == (wall, "facade")
    assert facade["facade_m2"] == near(2 * (600 + 1) * 5)
    assert facade["visible_m2"] == pytest.approx(2 * np.sqrt(60**2 - 19.75**2) * 5, rel=0.02)
    outline = town.ask("viewshed", output="polygons", **asked)["features"][0]
    area = shapely.geometry.shape(outline["geometry"])
    metres = shapely.transform(
        area, lambda p: np.column_stack(town.scene.frame.forward(p[:, 0], p[:, 1]))
    )
    assert metres.area == pytest.approx(found["visible_m2"], rel=1e-6)
    inside = town.ask("viewshed", **asked | {"at": town.at(20.5, 0, 12)})
    assert (inside["inside"], inside["visible_ground_m2"]) == ([wall], 0.0)


def test_a_section_cuts_houses_courts_and_pipes(town):
    """Across a house with a court, and a pipe of 1 m that crosses at 30°: an ellipse of 0.5 m by 0.5 m / sin 30°."""
    house = town.put(
        "buildings",
        shapely.Polygon(
            shapely.box(10, -20, 40, 20).exterior, [shapely.box(20, -5, 30, 5).exterior]
        ),
        ground=10.0,
        height=12.0,
    )
    pipe = town.put(
        "pipes",
        line((60 - 40 * np.sqrt(3), -40, 5), (60 + 40 * np.sqrt(3), 40, 5)),
        diameter_mm=1000,
    )
    town.put("buildings", shapely.box(10, 30, 40, 40), ground=10.0, height=12.0)
    town.level(10.0)
    found = town.ask("section", line=[town.at(0, 0), town.at(50, 0), town.at(100, 0)], margin_m=2.0)
    shapes = {f["id"]: shapely.geometry.shape(f["geometry"]) for f in found["features"]}
    assert set(shapes) == {house, pipe}
    assert shapes[house].equals_exact(shapely.MultiPolygon([shapely.box(10, 10, 20, 22), shapely.box(30, 10, 40, 22)]).normalize(), 0.002) or (
        shapes[house].normalize().hausdorff_distance(shapely.MultiPolygon([shapely.box(10, 10, 20, 22), shapely.box(30, 10, 40, 22)])) < 0.002
    )  # fmt: skip
    said = by_id(found)
    assert said[pipe]["area_m2"] == pytest.approx(np.pi * 0.5 * 1.0, rel=0.012)
    assert (said[pipe]["from_m"], said[pipe]["to_m"]) == (
        pytest.approx(59.0, abs=0.01),
        pytest.approx(61.0, abs=0.01),
    )
    assert (said[pipe]["low_m"], said[pipe]["high_m"]) == (
        pytest.approx(4.5, abs=0.01),
        pytest.approx(5.5, abs=0.01),
    )
    assert found["length_m"] == near(100.0)
    ground = shapely.geometry.shape(found["ground"]["area"])
    assert ground.area == pytest.approx(100 * (10 - (said[pipe]["low_m"] - 2.0)), abs=0.2)


def test_statistics_add_up_by_area_and_class(town):
    west = town.put("subdistricts", shapely.box(-500, -500, 0, 500), code="subdistrict")
    east = town.put("subdistricts", shapely.box(0, -500, 500, 500), code="subdistrict")
    for x in (-100, 100, 130):
        town.put(
            "buildings",
            shapely.Polygon(
                shapely.box(x, 0, x + 20, 10).exterior, [shapely.box(x + 5, 2, x + 10, 6).exterior]
            ),
            ground=0.0,
            height=10.0,
        )
    town.put("pipes", line((10, 0, 0), (10, 30, 40)), code="pipe_gas")
    town.put("components", shapely.Point(900, 0, 0), code="01001")
    rows = {
        (r["area"], r["class_code"]): r for r in town.ask("statistics", by="subdistricts")["rows"]
    }
    assert {key: r["count"] for key, r in rows.items()} == {
        (west, "building"): 1, (east, "building"): 2, (east, "pipe_gas"): 1, (None, "01001"): 1,
    }  # fmt: skip
    assert rows[east, "building"]["footprint_m2"] == near(2 * (200 - 20))
    assert rows[east, "building"]["volume_m3"] == pytest.approx(2 * 1800, rel=1e-5)
    assert rows[east, "pipe_gas"]["length_m"] == near(50.0)


def test_join_by_relations_in_space_and_of_record(town):
    pipe = town.put("pipes", line((0, 0, 5), (40, 0, 5)), diameter_mm=1000)
    over = town.put("buildings", shapely.box(10, -5, 20, 5), ground=10.0, height=10.0)
    through = town.put("buildings", shapely.box(30, -5, 45, 5), ground=0.0, height=10.0)
    beside = town.put("buildings", shapely.box(0, 3, 5, 8), ground=4.0, height=10.0)
    area = town.put("subdistricts", shapely.box(-5, -10, 25, 20), code="subdistrict")

    def pairs(relation, left="pipes", right="buildings", **more):
        answer = town.ask("join", left=left, right=right, relation=relation, **more)
        return {
            (r["left"], r["right"]): r.get("distance_m", r.get("vertical_m"))
            for r in answer["rows"]
        }

    assert pairs("intersects") == {(pipe, through): 0.0}
    assert pairs("near", distance_m=2.5) == {(pipe, through): 0.0, (pipe, beside): near(2.5)}
    assert pairs("below") == {(pipe, over): near(10 - 5.5)}
    assert pairs("above", "buildings", "pipes") == {(over, pipe): near(4.5)}
    assert set(pairs("inside", "buildings", "subdistricts")) == {(over, area), (beside, area)}
    with town.store.transaction() as con:
        con.execute(
            "INSERT INTO relation VALUES (?, ?, 'serves', NULL, NULL, NULL, NULL)", [pipe, over]
        )
    assert pairs("serves") == {(pipe, over): None}
    assert town.ask(
        "join", left="pipes", right="buildings", relation="near", distance_m=9, limit=1
    )["more"]


def test_the_same_question_has_the_same_answer_and_id_until_the_base_changes(town):
    town.put("components", shapely.Point(0, 0, 10))
    asked = {"at": town.at(5, 0, 10), "distance_m": 50.0}
    first = orjson.dumps(town.ask("within", **asked))
    town.book = type(town.book)(town.store)
    assert orjson.dumps(town.ask("within", **asked)) == first
    what = ANALYSES["within"]
    ids = {
        job_id(what, read_inputs(what, asked | more), Study(town.scene, town.store, reach))
        for more in ({}, {"limit": 20_000}, {"limit": 5})
        for reach in (Reach(), Reach(frozenset({"component"})))
    }
    assert len(ids) == 4  # defaults told or not are the same question
    town.put("components", shapely.Point(9, 9, 10))
    assert orjson.loads(first)["result_id"] != town.ask("within", **asked)["result_id"]


def test_nothing_outside_the_reach_is_named_or_hides(town):
    hidden = town.put(
        "buildings", shapely.box(10, -5, 20, 5), ground=0.0, height=30.0, code="building"
    )
    seen = town.put("components", shapely.Point(30, 0, 10), code="01001")
    away = town.put("components", shapely.Point(30, 300, 10), code="01001")
    area = shapely.box(*town.at(-100, -100), *town.at(100, 100))
    reach = Reach(frozenset({"01001"}), area)
    study = Study(town.scene, town.store, reach)
    for name, asked in (
        ("within", {"at": town.at(0, 0, 10), "distance_m": 500.0}),
        ("nearest", {"at": town.at(0, 0, 10)}),
        ("section", {"line": [town.at(0, 0), town.at(100, 0)]}),
        ("sight", {"eye": town.at(0, 0, 10), "targets": [town.at(30, 0, 10)]}),
        ("viewshed", {"at": town.at(0, 0, 10), "radius_m": 50, "facades": True}),
        ("statistics", {}),
        (
            "join",
            {"left": "components", "right": "buildings", "relation": "near", "distance_m": 500.0},
        ),
    ):
        text = orjson.dumps(run(name, asked, study), option=orjson.OPT_SERIALIZE_NUMPY).decode()
        assert hidden not in text
        assert away not in text
        assert (seen in text) == (name in ("within", "nearest"))
        assert '"building"' not in text
    assert run("sight", {"eye": town.at(0, 0, 10), "targets": [town.at(30, 0, 10)]}, study)[
        "features"
    ][0]["properties"]["visible"]
    with pytest.raises(NotFoundError):
        run("within", {"thing": hidden, "distance_m": 5.0}, study)


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("nothing", {}, "within"),
        ("within", {"distance_m": 1.0}, "either thing or at"),
        ("within", {"at": [114, 30.5, 0], "distance_m": 1e9}, "distance_m"),
        ("within", {"at": [114, 30.5], "distance_m": 1.0}, "ground is not known"),
        ("within", {"at": [30.5, 114, 0], "distance_m": 1.0}, "longitude comes first"),
        ("viewshed", {"at": [114, 30.5, 0], "radius_m": 5000, "resolution_m": 0.5}, "coarser"),
        ("section", {"line": [[114, 30.5], [114, 30.5]]}, "longer|long"),
        ("section", {"line": [[114, 30.5], [118, 30.5]]}, "at most 20000"),
        ("join", {"left": "a", "right": "b", "relation": "near"}, "distance_m"),
        ("statistics", {"by": "cities"}, "subdistricts"),
        ("nearest", {"at": [-66, -30, 5]}, "km from the middle of the city"),
        ("sight", {"eye": [114, 30.5, 9], "targets": [[115, 31, 9]] * 50}, "fewer targets"),
        ("sight", {"eye": [114, 30.5, float("nan")], "targets": [[114, 30.5, 0]]}, "eye"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_what_to_do(town, name, asked, said):
    town.put("components", shapely.Point(0, 0, 10))
    with pytest.raises((InvalidRequestError, NotFoundError), match=said):
        town.ask(name, **asked)
