"""What a question leaves over of some things: boxes, reach and conditions tried on their shapes and columns."""

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.errors import InvalidRequestError
from twin.features.asking import Ask, Field
from twin.store.read import Box
from twin.store.shapes import window

__all__ = ["checked", "in_area", "meets", "meets_shape", "reach_of"]


def checked(ask: Ask, fields: "dict[str, Field]") -> None:
    """Refuse a question that names fields which are not there.

    Raises
    ------
    InvalidRequestError
        If a field of the filter or the order is unknown, the shape is to be sorted by, or a number is negative.
    """
    wanted = ask.where.names if ask.where is not None else frozenset()
    for name in [*sorted(wanted), *(name for name, _ in ask.sort)]:
        if name not in fields:
            raise InvalidRequestError(
                f"{ask.collection} has no field {name[:80]!r}; there are: {', '.join(fields)}.",
                name,
            )
    if any(name == "geometry" for name, _ in ask.sort):
        raise InvalidRequestError("geometry cannot be sorted by; name another field.", "sortby")
    if ask.limit < 0 or ask.start < 0:
        raise InvalidRequestError(
            f"limit {ask.limit} and start {ask.start}: expected whole numbers from 0.", "limit"
        )


def reach_of(box: Box) -> tuple[float, float]:
    """Heights of a box, infinite where it has none (metres above the ellipsoid)."""
    low = -np.inf if box.low is None else box.low
    high = np.inf if box.high is None else box.high
    return float(low), float(high)


def meets_shape(box: Box, shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which shapes meet a box that does not cross the antimeridian, on the map."""
    where = window(box)
    shapely.prepare(where)
    return np.asarray(shapely.intersects(where, shapes), dtype=bool)


def meets(
    box: Box,
    shapes: NDArray[np.object_],
    boxes: NDArray[np.float64],
    boxed: NDArray[np.bool_],
    heights: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which things meet a box, heights included; what stands for a box is tried by that box."""
    low, high = reach_of(box)
    found = np.zeros(len(shapes), bool)
    for half in box.halves():
        met = meets_shape(half, shapes)
        own = boxes[boxed]
        met[boxed] = (
            (own[:, 0] <= half.east) & (own[:, 2] >= half.west)
            & (own[:, 1] <= half.north) & (own[:, 3] >= half.south)
        )  # fmt: skip
        found |= met
    return found & ~(heights[:, 0] > high) & ~(heights[:, 1] < low)


def in_area(area: shapely.Geometry, shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which things show themselves in an area; none without a place."""
    shapely.prepare(area)
    return np.asarray(shapely.intersects(area, shapes), dtype=bool)
