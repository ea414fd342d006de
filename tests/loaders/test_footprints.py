"""Footprints by compiled loops are those that GEOS makes of the same faces."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.citymodel import footprints as module
from loaders.citymodel.footprints import footprints
from loaders.citymodel.shapes import Shapes, starts_of

RING = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=9)


def shapes_of(*shapes: list[list[tuple[float, float, float]]]) -> Shapes:
    """Shapes whose faces are one ring each."""
    faces = [face for shape in shapes for face in shape]
    corners = np.array([c for face in faces for c in face], float).reshape(-1, 3)
    n = len(faces)
    return Shapes(
        corners,
        starts_of(np.array([len(f) for f in faces])),
        np.arange(n + 1),
        starts_of(np.array([len(s) for s in shapes])),
        np.full(n, -1, np.int32),
        np.zeros(n, np.uint32),
        np.full(n, -1, np.int32),
        np.zeros((0, 2), np.float32),
    )


def by_geos(shapes: Shapes, flat: np.ndarray, ground: np.ndarray) -> list[bytes | None]:
    """The same, each shape by the general way."""
    starts = (shapes.ring_start, shapes.face_start, shapes.shape_start)
    pick, lowest = module.chosen(
        shapes.xyz[:, 2], *starts, np.arange(len(flat)), flat, ground, module.LEVEL
    )
    return module._general(shapes, pick, lowest, 1.0)


@settings(deadline=None)  # the first call compiles
@given(st.lists(RING, min_size=1, max_size=6))
def test_any_ring_gives_the_bytes_that_geos_gives(rings):
    shapes = shapes_of(*([[(x, y, 3.0) for x, y in ring]] for ring in rings))
    flat, ground = np.ones(len(rings), bool), np.zeros(len(rings), bool)

    found = footprints(shapes, np.arange(len(flat)), flat, ground)

    assert found == by_geos(shapes, flat, ground)
    drawn = shapely.from_wkb([one for one in found if one is not None])
    assert (shapely.get_coordinates(drawn, include_z=True)[:, 2] == 3.0).all()


@pytest.mark.parametrize(
    ("flat", "ground", "expected"),
    [
        (False, [False, False, True], (4.0, 4.0, 6.0, 6.0)),  # what is called ground, though above
        (False, [False, False, False], (0.0, 0.0, 2.0, 2.0)),  # what is level at the bottom
        (True, [False, False, False], (0.0, 0.0, 6.0, 6.0)),  # all faces of LoD 0
    ],
)
def test_the_footprint_is_of_ground_faces_else_of_level_ones_at_the_bottom(flat, ground, expected):
    def square(a: float, z: float) -> list[tuple[float, float, float]]:
        return [(a, a, z), (a + 2, a, z), (a + 2, a + 2, z), (a, a + 2, z)]

    shapes = shapes_of([square(0, 1.0), square(2, 3.0), square(4, 5.0)])

    (found,) = footprints(shapes, np.arange(1), np.array([flat]), np.array(ground))

    shape = shapely.from_wkb(found)
    assert shape.bounds == expected
    assert {z for *_, z in shapely.get_coordinates(shape, include_z=True)} == {1.0}


def test_a_ring_without_area_has_no_footprint():
    line = [(0.0, 0.0, 1.0), (2.0, 0.0, 1.0), (4.0, 0.0, 1.0)]
    shapes = shapes_of([line], [[(0, 0, 1), (1, 0, 1), (0, 1, 1)]])

    found = footprints(shapes, np.arange(2), np.zeros(2, bool), np.zeros(2, bool))

    assert found[0] is None
    assert shapely.from_wkb(found[1]).area == 0.5
