"""Elements under new ids: recognised by class, place, surface, name and tag; nothing guessed."""

import numpy as np

from twin.rematch import Elements, same_shape

LON, LAT = 114.0, 30.5


def elements(
    rows: list[tuple[str, str | None, str | None, tuple[float, ...] | None, float]],
) -> Elements:
    """Rows of kind, name, tag, box (metres: x0 y0 z0 x1 y1 z1) and area."""
    boxes = np.full((len(rows), 6), np.nan)
    for i, row in enumerate(rows):
        if row[3] is not None:
            x0, y0, z0, x1, y1, z1 = row[3]
            east, north = 111_320 * np.cos(np.deg2rad(LAT)), 111_320
            boxes[i] = LON + x0 / east, LAT + y0 / north, z0, LON + x1 / east, LAT + y1 / north, z1
    surfaces = np.array([[r[4], r[4] / 6] for r in rows])
    return Elements(
        [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], boxes, surfaces
    )


WALL = (0.0, 0.0, 0.0, 5.0, 0.2, 3.0)


def test_the_same_wall_is_known_within_five_centimetres() -> None:
    old = elements([("wall", "W", "17", WALL, 33.0)])
    moved = tuple(v + 0.03 for v in WALL)
    far = tuple(v + 0.2 for v in WALL)
    assert same_shape(elements([("wall", "W", "17", moved, 33.1)]), old) == [(0, 0, 1.0)]
    assert same_shape(elements([("wall", "W", "17", far, 33.0)]), old) == []


def test_class_and_surface_must_agree() -> None:
    old = elements([("wall", "W", None, WALL, 33.0)])
    assert same_shape(elements([("slab", "W", None, WALL, 33.0)]), old) == []
    assert same_shape(elements([("wall", "W", None, WALL, 40.0)]), old) == []
    assert same_shape(elements([("wall", "renamed", None, WALL, 33.0)]), old) == [(0, 0, 0.775)]


def test_twins_in_one_place_are_told_apart_by_tag() -> None:
    old = elements([("wall", "W", "1", WALL, 33.0), ("wall", "W", "2", WALL, 33.0)])
    new = elements([("wall", "W", "2", WALL, 33.0), ("wall", "W", "1", WALL, 33.0)])
    assert same_shape(new, old) == [(0, 1, 1.0), (1, 0, 1.0)]


def test_what_has_no_shape_is_known_by_a_name_that_occurs_once() -> None:
    old = elements(
        [
            ("storey", "1F", None, None, np.nan),
            ("storey", "2F", None, None, np.nan),
            ("storey", "2F", None, None, np.nan),
        ]
    )
    new = elements([("storey", "2F", None, None, np.nan), ("storey", "1F", None, None, np.nan)])
    assert same_shape(new, old) == [(1, 0, 0.7)]
