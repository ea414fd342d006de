"""Fitting an outline to footprints: the place to centimetres, and honesty where shapes look alike."""

import numpy as np
import pytest
import shapely
from shapely.affinity import rotate, translate

from twin.placement import fit_outline


def l_shape(w: float, h: float, a: float, b: float) -> shapely.Polygon:
    return shapely.Polygon([(0, 0), (w, 0), (w, a), (b, a), (b, h), (0, h)])


def put(shape: shapely.Polygon, turn: float, x: float, y: float) -> shapely.Polygon:
    return translate(rotate(shape, turn, origin=(0, 0)), x, y)


@pytest.fixture(scope="module")
def town() -> np.ndarray:
    rng = np.random.default_rng(7)
    shapes = []
    for i in range(400):
        w, h = rng.uniform(10, 40, 2)
        shape = l_shape(w, h, h * rng.uniform(0.3, 0.7), w * rng.uniform(0.3, 0.7))
        shape = shape if i % 2 else shapely.box(0, 0, w, h)
        shapes.append(put(shape, rng.uniform(0, 360), (i % 20) * 60, (i // 20) * 60))
    return np.array(shapes, dtype=object)


HOUSE = l_shape(32, 24, 10, 12)


def test_an_l_shape_is_found_in_its_place_and_turn_to_a_centimetre(town: np.ndarray) -> None:
    streets = town.copy()
    streets[123] = put(HOUSE, 77.3, 1234.5, 987.6)
    found = fit_outline(HOUSE, streets)
    best = found.fits[0]
    assert best.index == 123
    assert (best.east, best.north) == pytest.approx((1234.5, 987.6), abs=0.01)
    assert best.rotation == pytest.approx(77.3, abs=0.02)
    assert best.iou > 0.999
    assert found.clear


@pytest.mark.parametrize("sigma", [0.15, 0.3])
def test_a_surveyed_footprint_with_noise_is_found_to_half_its_noise(
    town: np.ndarray, sigma: float
) -> None:
    rng = np.random.default_rng(3)
    streets = town.copy()
    corners = shapely.get_coordinates(put(HOUSE, 200.0, 3000.0, 40.0).segmentize(3))[:-1]
    streets[5] = shapely.Polygon(corners + rng.normal(0, sigma, corners.shape)).buffer(0)
    best = fit_outline(HOUSE, streets).fits[0]
    assert best.index == 5
    corner = np.array([16.0, 12.0])
    turn = np.deg2rad([best.rotation, 200.0])
    ends = [
        np.array([np.cos(t) * corner[0] - np.sin(t) * corner[1],
                  np.sin(t) * corner[0] + np.cos(t) * corner[1]]) + shift
        for t, shift in zip(turn, ([best.east, best.north], [3000.0, 40.0]), strict=True)
    ]  # fmt: skip
    assert np.hypot(*(ends[0] - ends[1])) < sigma / 2 + 0.05


def test_a_model_that_lacks_a_wing_still_lies_on_its_building(town: np.ndarray) -> None:
    whole = shapely.union_all([HOUSE, shapely.box(32, 0, 40, 6)])
    streets = town.copy()
    streets[50] = put(whole, 31.0, 500.0, 500.0)
    best = fit_outline(HOUSE, streets).fits[0]
    assert best.index == 50
    assert (best.east, best.north) == pytest.approx((500.0, 500.0), abs=0.5)
    assert best.rotation == pytest.approx(31.0, abs=0.5)


def test_a_rectangle_says_that_it_fits_both_ways_round(town: np.ndarray) -> None:
    streets = town.copy()
    streets[9] = put(shapely.box(0, 0, 55, 12), 20.0, 100.0, 100.0)
    found = fit_outline(shapely.box(0, 0, 55, 12), streets)
    assert found.fits[0].index == 9
    assert {round(f.rotation) for f in found.fits if f.index == 9} == {20, 200}
    assert found.turn_margin < 0.01
    assert not found.clear


def test_twins_in_one_street_are_no_clear_fit(town: np.ndarray) -> None:
    streets = town.copy()
    streets[1], streets[300] = put(HOUSE, 10, 0, 0), put(HOUSE, 95, 900, 900)
    found = fit_outline(HOUSE, streets)
    assert {found.fits[0].index, found.fits[1].index} == {1, 300}
    assert found.margin < 0.01
    assert not found.clear


def test_what_fits_nothing_is_not_offered() -> None:
    nothing = fit_outline(HOUSE, np.array([shapely.box(0, 0, 200, 3), None], dtype=object))
    assert nothing.fits == ()
    assert not nothing.clear
    assert fit_outline(shapely.Polygon(), np.array([HOUSE], dtype=object)).fits == ()


def test_a_mirrored_shape_is_no_perfect_fit() -> None:
    mirrored = shapely.Polygon([(-x, y) for x, y in shapely.get_coordinates(HOUSE)])
    found = fit_outline(HOUSE, np.array([mirrored], dtype=object))
    assert found.fits[0].iou < 0.95
