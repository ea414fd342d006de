"""Places that points share, beside NumPy's own search."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import crs
from twin.crs.distinct import distinct_points

PLACES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.5, 500_000.125, float("nan"), float("inf")]),
        st.sampled_from([0.0, 1.5, 3_300_000.25]),
    ),
    max_size=60,
)


@settings(deadline=None)  # compiled at the first call
@given(PLACES)
def test_each_place_is_found_once_and_every_point_is_in_its_own(points):
    xy = np.array(points, np.float64).reshape(-1, 2)

    first, place = distinct_points(xy[:, 0], xy[:, 1])

    known, counts = np.unique(xy.view(np.uint64), axis=0, return_counts=True)
    assert (xy[first][place].view(np.uint64) == xy.view(np.uint64)).all()
    assert len(first) == len(known)
    assert sorted(np.bincount(place, minlength=len(first))) == sorted(counts)
    assert (np.diff(first) > 0).all()


def test_only_geocentric_systems_need_a_height_to_know_the_place():
    crs.define_local("厂区", crs.Grid("EPSG:4547", 500_000.0, 3_300_000.0))

    found = {
        name: crs.is_geocentric(name) for name in ("EPSG:4978", "EPSG:4547", "GCJ-02", "LOCAL:厂区")
    }

    assert found == {"EPSG:4978": True, "EPSG:4547": False, "GCJ-02": False, "LOCAL:厂区": False}


def test_meshes_in_one_place_stand_together_as_each_alone():
    matrices = np.tile(np.eye(4), (4, 1, 1))
    matrices[:, :3, 3] = [[500_000, 3_300_000, z] for z in (3.0, 3.0, 40.0)] + [
        [500_500, 3_300_000, 3.0]
    ]
    centres = np.array([[0, 0, 1.5], [0, 0, 9.0], [2.0, 1.0, 0.0], [0, 0, 0]])

    together = crs.local_to_ecef_matrices("EPSG:4547", matrices, -12.8, centres=centres)

    alone = [
        crs.local_to_ecef_matrices("EPSG:4547", m[None], -12.8, centres=c[None])[0]
        for m, c in zip(matrices, centres, strict=True)
    ]
    assert (together == np.array(alone)).all()
