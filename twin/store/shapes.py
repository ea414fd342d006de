"""Shapes as readers test and show them: windows of boxes, what a thing without a shape stands for, rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from twin.store.read import Box

__all__ = ["HEIGHT_DECIMALS", "PLACE_DECIMALS", "rounded", "shown", "window"]

PLACE_DECIMALS: Final = 7
"""Decimals of degrees in answers: 11 mm on the ground."""
HEIGHT_DECIMALS: Final = 3
"""Decimals of metres in answers."""


def window(box: Box) -> shapely.Geometry:
    """The shape of a box that does not cross the antimeridian: a polygon, or the line or point it is reduced to.

    Examples
    --------
    >>> from twin.store.read import Box
    >>> window(Box(1, 2, 1, 3)).geom_type, window(Box(1, 2, 4, 3)).geom_type
    ('LineString', 'Polygon')
    """
    if box.west == box.east and box.south == box.north:
        return shapely.Point(box.west, box.south)
    if box.west == box.east or box.south == box.north:
        return shapely.LineString([(box.west, box.south), (box.east, box.north)])
    return shapely.box(box.west, box.south, box.east, box.north)


def shown(things: pa.Table | pa.RecordBatch) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Shapes of things, and for which of them the shape only stands for a box.

    Parameters
    ----------
    things : pa.Table or pa.RecordBatch
        With columns wkb, xmin, ymin, xmax, ymax, zmin, as ``sql/read_page.sql`` gives them.

    Returns
    -------
    shapes : ndarray of object, shape (n,)
        Degrees. A thing that has only a mesh is shown as the point in the middle of its box, at its foot; None for a
        thing without a place.
    boxed : ndarray of bool, shape (n,)
        True for such points.
    """
    shapes: NDArray[np.object_] = shapely.from_wkb(_objects(things["wkb"]))
    boxed = shapely.is_missing(shapes)
    if boxed.any():
        west, south, east, north, foot = (
            np.array(things[name].to_pylist(), dtype=float)
            for name in ("xmin", "ymin", "xmax", "ymax", "zmin")
        )
        boxed &= np.isfinite(west)
        middle = np.stack([(west + east) / 2, (south + north) / 2, foot], axis=1)[boxed]
        points = np.asarray(shapely.points(middle), dtype=object)
        flat = np.isnan(middle[:, 2])
        points[flat] = shapely.points(middle[flat, :2])
        shapes[boxed] = points
    return shapes, boxed


def rounded(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Shapes with coordinates of :data:`PLACE_DECIMALS` and :data:`HEIGHT_DECIMALS`; the given ones stay.

    Examples
    --------
    >>> rounded(np.array([shapely.Point(116.39123456789, 39.9, 45.67891), None]))[0].wkt
    'POINT Z (116.3912346 39.9 45.679)'
    """
    made = np.array(shapes, dtype=object)
    deep = shapely.has_z(made)
    for chosen in (np.flatnonzero(deep), np.flatnonzero(~deep & ~shapely.is_missing(made))):
        if not len(chosen):
            continue
        high = bool(deep[chosen[0]])
        part = made[chosen]
        numbers = shapely.get_coordinates(part, include_z=high)
        numbers[:, :2] = np.round(numbers[:, :2], PLACE_DECIMALS)
        if high:
            numbers[:, 2] = np.round(numbers[:, 2], HEIGHT_DECIMALS)
        made[chosen] = shapely.set_coordinates(part.copy(), numbers)
    return made


def _objects(column: Any) -> NDArray[np.object_]:  # noqa: ANN401 -- an Arrow array, chunked or not
    return np.array(column.to_pylist(), dtype=object)
