import numpy as np
import pytest
import shapely
import town
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import crs
from twin.crs.confirm import Fit, TrustedShapes, fits_of
from twin.crs.names import Zone, zone_code
from twin.crs.overlay import Peak

LOADS = 0.6
PLACES = ((113.93, 22.52), (121.47, 31.23), (116.40, 39.91), (104.07, 30.66), (87.61, 43.80))
HERE = PLACES[0]


def zones(lon, swapped=""):
    """Gauss-Kruger systems of a place: 3° and 6°, with and without number, of both tied datums."""
    out = []
    for family in ("CGCS2000", "Beijing 1954"):
        for width in (3, 6):
            meridian = 3 * round(lon / 3) if width == 3 else 6 * int(lon // 6) + 3
            out += [
                zone_code(Zone(family, width, meridian, prefixed=p)) + swapped
                for p in (True, False)
            ]
    return out


def systems(lon):
    degrees = ["EPSG:4490", "GCJ-02", "BD-09"]
    return [
        *degrees, *[f"{d}@yx" for d in degrees], "EPSG:3857", "GCJ-02MC", "BD-09MC",
        *zones(lon), *zones(lon, "@yx"),
    ]  # fmt: skip


def verdict_on(shapes, trusted, extent, declared=None, stated=True, expected=None, given_crs=None):
    evidence = crs.Evidence(stated=stated, city=extent)
    first = crs.judge(
        declared, town.bounds(shapes), expected=expected, given=given_crs, evidence=evidence
    )
    return crs.confirm(first, shapes, trusted, given=given_crs is not None)


@pytest.fixture(scope="module")
def here():
    return town.build(7, *HERE)


@pytest.fixture(scope="module")
def ground(here):
    return TrustedShapes(here.footprints)


def lands_right_or_is_refused(verdict, truth, shapes):
    return verdict.confidence < LOADS or town.metres_apart(verdict.crs, truth, shapes) < 1.0


# --- the law ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=8)
@given(st.data())
def test_nothing_lands_wrong_whatever_the_system_the_sort_and_the_declaration(data):
    place = data.draw(st.sampled_from(PLACES), "place")
    seed = data.draw(st.integers(0, 3), "seed")
    made = town.build(seed, *place, n=450)
    truth = data.draw(st.sampled_from(systems(place[0])), "truth")
    below, above = data.draw(
        st.sampled_from(
            [("footprints", "footprints"), ("streets", "streets"), ("footprints", "streets"),
             ("footprints", "shops"), ("streets", "footprints")]
        ), "ground and layer",
    )  # fmt: skip
    trusted = getattr(made, below)
    shapes = town.numbers(truth, town.jittered(getattr(made, above), 0.7, seed))
    degrees = truth.split("@")[0] in ("EPSG:4490", "GCJ-02", "BD-09")
    declared = data.draw(st.sampled_from([None, "EPSG:4326"] if degrees else [None]), "declared")
    extent = town.bounds(trusted)

    verdict = verdict_on(shapes, TrustedShapes(trusted), extent, declared, stated=False)

    assert lands_right_or_is_refused(verdict, truth, shapes)


@settings(deadline=None, max_examples=5)
@given(
    st.sampled_from(PLACES),
    st.integers(0, 2),
    st.integers(10, 12),
    st.sampled_from([None, "EPSG:4326"]),
)
def test_a_layer_of_another_town_is_confirmed_by_nothing(place, seed, other, declared):
    trusted = town.build(seed, *place, n=250).footprints
    shapes = town.build(other, *place, n=250).footprints

    verdict = verdict_on(
        shapes, TrustedShapes(trusted), town.bounds(trusted), declared, stated=False
    )

    assert verdict.confidence < LOADS


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PLACES), st.data())
def test_numbers_alone_never_place_wrongly(place, data):
    truth = data.draw(st.sampled_from(systems(place[0])))
    expected = data.draw(st.sampled_from([None, "EPSG:4490", zones(place[0])[1]]))
    stated = data.draw(st.sampled_from([None, "EPSG:4326"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    at = shapely.points(np.array(place) + rng.uniform(-0.05, 0.05, (30, 2)))
    shapes = town.numbers(truth, at)
    assume_datum = "EPSG" in truth and any(truth.split("@")[0] == z for z in zones(place[0])[4:])

    verdict = crs.judge(
        stated, town.bounds(shapes), expected=expected, evidence=crs.Evidence(stated=False)
    )

    if not assume_datum:  # Beijing 1954 numbers look like the city's CGCS2000: said as a finding
        assert lands_right_or_is_refused(verdict, truth, shapes)
    elif verdict.confidence >= LOADS:
        assert any("datum is not in the numbers" in f for f in verdict.findings)


# --- single claims ------------------------------------------------------------------------------


@pytest.mark.parametrize("truth", ["EPSG:4490", "GCJ-02", "BD-09"])
@pytest.mark.parametrize("above", ["footprints", "shops", "streets"])
def test_the_shift_of_degrees_is_told_from_footprints(here, ground, truth, above):
    shapes = town.numbers(truth, town.jittered(getattr(here, above), 0.5, 1))
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints))
    assert verdict.confidence >= 0.8
    assert verdict.crs == truth
    assert "fit the trusted layers without being moved" in verdict.why


@pytest.mark.parametrize("truth", ["EPSG:3857", "GCJ-02MC", "BD-09MC"])
def test_the_three_mercators_are_told_apart(here, ground, truth):
    shapes = town.numbers(truth, here.footprints)
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints))
    assert (verdict.crs, verdict.confidence >= 0.8) == (truth, True)


@pytest.mark.parametrize(
    "truth", ["EPSG:4547", "EPSG:4547@yx", "EPSG:4526", "EPSG:4508", "EPSG:2435"]
)
def test_zone_and_datum_come_from_the_ground(here, ground, truth):
    shapes = town.numbers(truth, here.footprints)
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints))
    assert verdict.confidence >= 0.8
    assert town.metres_apart(verdict.crs, truth, shapes) < 1.0


def test_a_wrong_declaration_is_refused_with_the_right_system(here, ground):
    shapes = town.numbers("GCJ-02", here.footprints)
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints), "EPSG:4326")
    assert verdict.crs == "GCJ-02"
    assert verdict.confidence < LOADS
    assert verdict.candidates[0].crs == "GCJ-02"
    assert "taken for EPSG:4326" in verdict.why


def test_a_wrong_meridian_is_corrected_by_the_ground_and_refused_without(here, ground):
    shapes = town.numbers("EPSG:4547", here.footprints)
    extent = town.bounds(here.footprints)
    alone = crs.judge("EPSG:4548", town.bounds(shapes), expected="EPSG:4547")
    assert alone.confidence < LOADS
    assert "EPSG:4547" in [c.crs for c in alone.candidates]
    found = verdict_on(shapes, ground, extent, "EPSG:4548", expected="EPSG:4547")
    assert (found.crs, found.confidence >= 0.8) == ("EPSG:4547", True)


def test_data_shifted_before_they_were_projected_are_refused_with_that_reason(here, ground):
    shifted = town.numbers("GCJ-02", here.footprints)
    shapes = town.numbers("EPSG:4547", shifted)
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints), "EPSG:4547")
    assert verdict.confidence < LOADS
    assert "the shift of GCJ-02 here" in verdict.why


def test_an_old_datum_that_lies_off_is_refused_with_the_distance(here, ground):
    # 48 m east and 64 m south, as a real Xian 1980 layer may lie when no relation is known
    moved = shapely.transform(
        town.numbers("EPSG:2383", here.footprints), lambda xy: xy + np.array([48.0, -64.0])
    )
    verdict = verdict_on(moved, ground, town.bounds(here.footprints), "EPSG:2383")
    assert verdict.confidence < LOADS
    assert "48 m west, 64 m north" in verdict.why


def test_the_plan_stays_and_what_the_ground_says_becomes_a_finding(here, ground):
    shapes = town.numbers("GCJ-02", here.footprints)
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints), given_crs="EPSG:4490")
    assert verdict.crs == "EPSG:4490"
    assert LOADS <= verdict.confidence <= 0.7
    assert "fit GCJ-02 without being moved, not EPSG:4490" in verdict.findings[-1]
    right = verdict_on(shapes, ground, town.bounds(here.footprints), given_crs="GCJ-02")
    assert (right.crs, right.confidence) == ("GCJ-02", 1.0)


def test_a_regular_grid_of_streets_fits_itself_at_many_places_and_decides_nothing():
    at = np.arange(-12, 13) * 80.0
    lines = [[(x, -1000.0), (x, 1000.0)] for x in at] + [[(-1000.0, y), (1000.0, y)] for y in at]
    squeeze = np.cos(np.deg2rad(HERE[1]))
    streets = shapely.transform(
        shapely.linestrings(lines),
        lambda xy: np.column_stack(
            [HERE[0] + xy[:, 0] / town.METRES / squeeze, HERE[1] + xy[:, 1] / town.METRES]
        ),
    )
    verdict = verdict_on(
        town.numbers("GCJ-02", streets), TrustedShapes(streets), town.bounds(streets)
    )
    assert verdict.confidence < LOADS


def test_an_old_datum_without_relation_never_wins_over_the_one_it_is_placed_as(here, ground):
    shapes = town.numbers("EPSG:4526", here.footprints)
    verdict = verdict_on(shapes, ground, town.bounds(here.footprints))
    assert verdict.crs == "EPSG:4526"  # EPSG:2362 lies two metres beside it


@pytest.mark.parametrize(
    ("best", "second", "off", "alike", "confirmed"),
    [
        (20.0, 8.0, 0.0, True, True),
        (20.0, 14.0, 0.0, True, False),  # another place fits nearly as well
        (8.0, 3.0, 0.0, True, False),  # does not stand out
        (20.0, 8.0, 16.0, True, False),  # outlines lie on outlines to the metre
        (20.0, 8.0, 16.0, False, True),  # shops lie somewhere in their houses
    ],
)
def test_a_fit_is_confirmed_only_if_it_is_clear_near_and_the_only_one(
    best, second, off, alike, confirmed
):
    peak = Peak(best, best, off, 0.0, second, 500, alike)
    assert Fit(crs.Candidate("GCJ-02", "", 0.3), peak).confirmed == confirmed


def test_a_few_shapes_say_nothing(here, ground):
    few = town.numbers("GCJ-02", here.footprints[:5])
    verdict = verdict_on(few, ground, town.bounds(here.footprints))
    assert verdict.confidence < LOADS


def test_the_measured_displacement_is_that_of_the_shift(here, ground):
    shapes = town.numbers("GCJ-02", here.footprints)
    candidate = crs.Candidate("EPSG:4490", "", 0.5)
    (fit,) = fits_of([candidate], shapes, ground)
    there, back = here.footprints[0].centroid, shapes[0].centroid
    east = (there.x - back.x) * town.METRES * np.cos(np.deg2rad(there.y))
    north = (there.y - back.y) * town.METRES
    assert fit.peak.east == pytest.approx(east, abs=6.0)
    assert fit.peak.north == pytest.approx(north, abs=6.0)
