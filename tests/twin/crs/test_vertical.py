import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import crs

UNDULATIONS = st.one_of(st.floats(-60.0, -5.0), st.floats(5.0, 60.0))


@settings(deadline=None)
@given(
    UNDULATIONS,
    st.floats(10.0, 3_000.0),
    st.sampled_from(["1985", "ellipsoid"]),
    st.integers(0, 1_000),
)
def test_the_reference_the_feet_stand_in_is_found_or_nothing_is_said(rise, high, truth, seed):
    rng = np.random.default_rng(seed)
    ground = high + rng.normal(0, 8.0, 200)  # ellipsoidal
    foot = ground + rng.normal(0.3, 0.4, 200) - (rise if truth == "1985" else 0.0)
    verdict = crs.judge_heights(foot, ground, rise)
    assert verdict.reference in (truth, None)
    if abs(rise) > 8.0 and abs(high) > 40.0 and abs(high - rise) > 40.0:
        assert verdict.reference == truth
        assert verdict.offset == pytest.approx(0.3, abs=0.3)


def test_heights_above_ground_are_told_where_the_ground_is_high():
    rng = np.random.default_rng(3)
    ground = rng.normal(80.0, 6.0, 100)
    verdict = crs.judge_heights(np.abs(rng.normal(0.0, 0.3, 100)), ground, -12.8)
    assert verdict.reference == "ground"


def test_some_roofs_among_the_feet_do_not_mislead():
    ground = np.linspace(5.0, 30.0, 100)
    foot = ground + 12.8
    foot[::5] += 60.0  # towers whose feet are missing
    verdict = crs.judge_heights(foot, ground, -12.8)
    assert verdict.reference == "1985"


@pytest.mark.parametrize(
    ("foot", "ground", "rise", "words"),
    [
        (np.full(5, 20.0), np.full(5, 20.0), -12.8, "5 heights lie over known terrain"),
        (np.full(50, np.nan), np.full(50, 20.0), -12.8, "0 heights"),
        (np.full(50, 20.0), np.full(50, 20.0), -1.0, "none fits clearly"),  # cannot be told apart
        (np.full(50, 70.0), np.full(50, 20.0), -12.8, "none fits clearly"),  # fits nothing
    ],
)
def test_what_the_terrain_cannot_tell_is_not_told(foot, ground, rise, words):
    verdict = crs.judge_heights(foot, ground, rise)
    assert (verdict.reference, verdict.confidence) == (None, 0.0)
    assert words in verdict.why
