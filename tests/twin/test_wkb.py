"""Coordinates out of WKB columns and back, and soundness without GEOS, against shapely."""

import struct

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import wkb
from twin.validity import MIN_AREA_DEG2, MIN_WIDTH_DEG

SQUARE = [(0, 0), (2, 0), (2, 2), (0, 2), (0, 0)]
SHAPES = [
    shapely.Point(1.5, -2.25),
    shapely.LineString([(0, 0), (1, 1), (2, 0)]),
    shapely.Polygon(SQUARE, [[(0.5, 0.5), (1, 0.5), (1, 1), (0.5, 0.5)]]),
    shapely.MultiPoint([(0, 0), (3, 4)]),
    shapely.MultiLineString([[(0, 0), (1, 0)], [(5, 5), (6, 6), (7, 5)]]),
    shapely.MultiPolygon([shapely.Polygon(SQUARE), shapely.box(5, 5, 6, 6)]),
    shapely.Polygon([(0, 0, 3.5), (2, 0, 4.5), (2, 2, 5.5), (0, 0, 3.5)]),
    shapely.MultiPoint([(0, 0, 1), (3, 4, 2)]),
]


def column(shapes) -> pa.Array:
    return pa.array(shapely.to_wkb(shapes, output_dimension=3, flavor="iso"), pa.binary())


def judged(shapes):
    found = wkb.read(column(shapes))
    return wkb.certain(found, found.x, found.y, MIN_AREA_DEG2, MIN_WIDTH_DEG)


def test_coordinates_are_those_shapely_reads():
    found = wkb.read(column([*SHAPES, None]))

    for i, shape in enumerate(SHAPES):
        part = slice(found.first[i], found.first[i + 1])
        xyz = shapely.get_coordinates(shape, include_z=True)
        assert np.array_equal(found.x[part], xyz[:, 0])
        assert np.array_equal(found.y[part], xyz[:, 1])
        assert np.array_equal(found.z[part], xyz[:, 2], equal_nan=True)
        assert found.kind[i] == {"Point": 1, "LineString": 2, "Polygon": 3, "MultiPoint": 4,
                                 "MultiLineString": 5, "MultiPolygon": 6}[shape.geom_type]  # fmt: skip
        assert found.has_z[i] == shape.has_z
    assert found.kind[-1] == 0


def test_moved_coordinates_are_in_the_column_and_nothing_else_is():
    given_column = column([*SHAPES, None])
    found = wkb.read(given_column)

    moved = wkb.replaced(given_column, found, found.x + 10, found.y * 2, found.z - 1)

    out = shapely.from_wkb(moved.to_numpy(zero_copy_only=False))
    for before, after in zip(SHAPES, out[:-1], strict=True):
        expected = shapely.transform(
            before,
            lambda xyz: np.column_stack(
                [xyz[:, 0] + 10, xyz[:, 1] * 2, *(c - 1 for c in xyz.T[2:])]
            ),
            include_z=before.has_z,
        )
        assert shapely.equals_identical(after, expected)
    assert out[-1] is None
    assert shapely.equals_identical(
        shapely.from_wkb(given_column.to_numpy(zero_copy_only=False)[0]), SHAPES[0]
    )


def test_a_slice_of_a_column_is_read_as_itself():
    found = wkb.read(column(SHAPES)[2:4])

    assert found.kind.tolist() == [3, 4]
    assert np.array_equal(found.x, shapely.get_coordinates(SHAPES[2:4])[:, 0])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01",
        shapely.to_wkb(SHAPES[1], byte_order=0),
        shapely.to_wkb(SHAPES[2])[:-3],
        shapely.to_wkb(SHAPES[2]) + b"\x00",
        b"\x01\x03\x00\x00\x00\xff\xff\xff\x7f",
        b"\x01\x03\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\x7f",
        shapely.to_wkb(shapely.GeometryCollection(SHAPES[:2])),
        shapely.to_wkb(shapely.Polygon()),
        struct.pack("<BIII6d", 1, 3, 1, 3, 0, 0, 1, 0, 0, 0),
        struct.pack("<BIII8d", 1, 3, 1, 4, 0, 0, 1, 0, 1, 1, 0, 1),
        struct.pack("<BII2d", 1, 2, 1, 0, 0),
        b"\x01\x08\x00\x00\x00" + b"\x00" * 40,
    ],
    ids=["empty", "one byte", "big endian", "short", "long", "rings", "points", "collection", "empty polygon", "ring of three", "open ring", "line of one", "arc"],
)  # fmt: skip
def test_what_is_not_plain_is_named_and_left_alone(raw):
    given_column = pa.array([raw, shapely.to_wkb(SHAPES[0])], pa.binary())
    found = wkb.read(given_column)

    assert found.kind.tolist() == [wkb.OTHER, 1]
    assert wkb.replaced(given_column, found, found.x, found.y, found.z)[0].as_py() == raw
    assert not wkb.certain(found, found.x, found.y, 0, 0)[0][0]


@pytest.mark.parametrize(
    ("name", "ring"),
    [
        ("bow tie", [(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)]),
        ("spike", [(0, 0), (2, 0), (1, 0), (1, 1), (0, 0)]),
        ("spike at the end", [(0, 0), (1, 1), (2, 0), (0, 0), (-1, 0), (0, 0)]),
        ("touching itself", [(0, 0), (2, 0), (2, 2), (1, 0), (0, 2), (0, 0)]),
        ("repeated corner", [(0, 0), (0, 0), (1, 0), (1, 1), (0, 0)]),
        ("no area", [(0, 0), (1, 1), (2, 2), (0, 0)]),
        ("not a number", [(0, 0), (1, float("nan")), (1, 1), (0, 0)]),
        ("off the earth", [(0, 89), (1, 89), (1, 91), (0, 89)]),
    ],
)
def test_doubtful_rings_are_left_to_geos(name, ring):
    with np.errstate(invalid="ignore"):
        assert not judged([shapely.Polygon(ring)])[0][0], name


def test_plain_buildings_are_certain_and_boxed():
    shapes = [shapely.box(114, 30, 114.001, 30.001), SHAPES[0], SHAPES[1]]

    sound, boxes = judged(shapes)

    assert sound.all()
    assert np.array_equal(boxes, shapely.bounds(shapes))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=9))
def test_certain_is_never_said_of_what_geos_calls_invalid(corners):
    shape = shapely.Polygon([*corners, corners[0]])

    if judged([shape])[0][0]:
        assert shapely.is_valid(shape)
        assert shape.area > MIN_AREA_DEG2


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 60), st.integers(0, 2**32 - 1))
def test_star_shaped_outlines_are_certain(corners, seed):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    if np.diff(angle, append=angle[0] + 2 * np.pi).max() > 3.0 or np.diff(angle).min() < 1e-3:
        return
    radius = rng.uniform(1, 5, corners)
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    shape = shapely.Polygon(np.vstack([ring, ring[:1]]))

    assert shapely.is_valid(shape)
    assert judged([shape])[0][0]
