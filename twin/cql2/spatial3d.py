"""Things in three dimensions: which of them come within metres of a shape.

A thing is where its heights put it. A point or a line that has heights of its own is a point or a line in space; an
area, or a line or point without, stands upright between its lowest and highest height (a prism, a wall, a post). What a
roof or a sloping floor takes away from the prism is not looked at: the distance to the prism is never larger than that to
the thing.

Upright bodies are decided by their distance on the map and in height, which GEOS tells by its index over the shape;
what slopes, by the kernels of :mod:`twin.solids`. Distances are exact between those bodies in the plane of
:class:`twin.crs.local.LocalFrame` amid the shape; the plane is off by less than 1.3e-6 of the distance within 10 km of
there and 3.2e-5 within 50 km, and by 1.6e-5 per 100 m of height above or below the middle of the shape.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.cql2.shapes import z_range
from twin.crs.local import LocalFrame
from twin.solids import Solids
from twin.solids import within as solids_within

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_REACH", "Body", "Frame", "near_degrees", "within"]

MAX_REACH: Final = 100_000.0
"""Metres: a literal may be no larger, nor a distance."""
_METRES: Final = 110_574.0  # per degree of latitude, at least
_TOUCH: Final = 1e-9  # metres: what a degree in 64 bits tells
_HIGHEST: Final = 10_000.0
_RUN: Final = 4  # least number of pieces of a line that are looked at together
_RUNS: Final = 100  # of a line, about
_MORE: Final = 1 + 1e-9  # boxes are passed over only where rounding cannot matter

Array = NDArray[np.float64]
Shapes = NDArray[np.object_]
_POINT, _AREA, _SIMPLE = 0, 3, 3


class Frame:
    """East and north in metres of a place at a height (kept within 10 km of the ellipsoid); heights stay as they are."""

    def __init__(self, lon: float, lat: float, height: float = 0.0) -> None:
        self._local = LocalFrame(lon, lat, min(_HIGHEST, max(-_HIGHEST, height)))

    def metres(self, shapes: Any) -> Any:  # noqa: ANN401 - array of shapes
        """Copies of shapes in degrees, in metres; heights kept."""

        def move(xyz: Array) -> Array:
            x, y = self._local.forward(xyz[:, 0], xyz[:, 1])
            return np.column_stack([x, y, xyz[:, 2:]])

        return shapely.transform(shapes, move, include_z=bool(np.any(shapely.has_z(shapes))))


@dataclass(frozen=True, slots=True)
class Body:
    """A shape in metres with its lowest and highest height; ``path``: its lines or points lie in space as given."""

    shape: shapely.Geometry
    low: float
    high: float
    path: bool

    @classmethod
    def of(cls, shape: shapely.Geometry, low: float, high: float) -> "Body":
        """Of a shape; its own heights are taken where it is a line or a point that has them."""
        path, bottom, top = _placed(
            np.array([shape], dtype=object), np.array([low]), np.array([high])
        )
        return cls(shape, float(bottom[0]), float(top[0]), bool(path[0]))


def near_degrees(bounds: Array, metres: float) -> Array:
    """Bounds in degrees grown by a distance, generously."""
    west, south, east, north = bounds
    up = metres / _METRES * 1.01
    across = up / max(np.cos(np.deg2rad(min(89.0, max(abs(south), abs(north)) + up))), 0.01)
    return np.array([west - across, south - up, east + across, north + up])


def within(shapes: Shapes, low: Array, high: Array, other: Body, reach: float) -> NDArray[np.bool_]:
    """Which things come as near to a body as a distance; a nanometre counts as meeting.

    Parameters
    ----------
    shapes : ndarray of shapely geometries, shape (n,)
        In metres (:meth:`Frame.metres`), none missing.
    low, high : ndarray of float64, shape (n,)
        Lowest and highest height, metres; not looked at for lines and points that have heights of their own.
    other : Body
        Fast where its shape is prepared.
    reach : float
        Metres.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    reach = max(reach, _TOUCH)
    path, low, high = _placed(shapes, low, high)
    up = np.maximum(0.0, np.maximum(low - other.high, other.low - high))
    across: Any = np.sqrt(np.maximum(0.0, (reach - up) * (reach + up)))
    slopes = (path & (low != high)) | (other.path and other.low != other.high)
    hit = np.zeros(len(shapes), dtype=bool)
    rows = np.flatnonzero((up <= reach) & ~slopes)
    hit[rows] = shapely.dwithin(other.shape, shapes[rows], across[rows])
    rows = np.flatnonzero((up <= reach) & slopes)
    if len(rows):
        hit[rows] = _sloping(shapes[rows], low[rows], high[rows], path[rows], other, reach)
    return hit


def _placed(shapes: Shapes, low: Array, high: Array) -> tuple[NDArray[np.bool_], Array, Array]:
    """Which lie in space by their own heights, and the heights of all."""
    path = shapely.has_z(shapes) & (shapely.get_dimensions(shapes) < 2)
    if path.any():
        low, high = low.copy(), high.copy()
        least, most = z_range(shapes[path])
        sure = np.isfinite(least) & np.isfinite(most)
        path[path] = sure
        low[path], high[path] = least[sure], most[sure]
    return path, low, high


def _sloping(
    shapes: Shapes, low: Array, high: Array, path: NDArray[np.bool_], other: Body, reach: float
) -> NDArray[np.bool_]:
    solids, owner = _solids(shapes, low, high, path)
    one = np.array([other.shape], dtype=object)
    if other.path:
        one = _runs(one)
    n = len(one)
    theirs, _ = _solids(one, np.full(n, other.low), np.full(n, other.high), np.full(n, other.path))
    hit = np.zeros(len(shapes), dtype=bool)
    boxes = solids.boxes()
    for j, box in enumerate(theirs.boxes()):
        gap = np.maximum(0.0, np.maximum(boxes[:, :3] - box[3:], box[:3] - boxes[:, 3:]))
        near = np.flatnonzero((np.einsum("ij,ij->i", gap, gap) <= _MORE * reach**2) & ~hit[owner])
        met = solids_within(solids, theirs, near, np.full(len(near), j), reach)
        hit[owner[near[met]]] = True
    return hit


def _solids(
    shapes: Shapes, low: Array, high: Array, path: NDArray[np.bool_]
) -> tuple[Solids, NDArray[np.int64]]:
    """The solids shapes are made of, and the row of the shape each belongs to."""
    parts, of = _parts(shapes)
    low, high, kind = low[of], high[of], shapely.get_type_id(parts)
    spots, areas, own = kind == _POINT, kind == _AREA, path[of]
    lines = ~spots & ~areas
    makers: tuple[tuple[NDArray[np.bool_], Callable[[Shapes, Array, Array], Solids]], ...] = (
        (spots & own, lambda s, _low, _high: Solids.points(_xyz(s))),
        (spots & ~own, _posts),
        (lines & own, lambda s, _low, _high: Solids.lines(s)),
        (lines & ~own, Solids.walls),
        (areas, Solids.prisms),
    )
    made, order = [], []
    for chosen, make in makers:
        rows = np.flatnonzero(chosen)
        if len(rows):
            made.append(make(parts[rows], low[rows], high[rows]))
            order.append(of[rows])
    return Solids.joined(made), np.concatenate([np.zeros(0, np.int64), *order])


def _xyz(shapes: Shapes) -> Array:
    found: Array = shapely.get_coordinates(shapes, include_z=True)
    return found


def _posts(shapes: Shapes, low: Array, high: Array) -> Solids:
    foot = shapely.get_coordinates(shapes)
    ends = [np.column_stack([foot, level]) for level in (low, high)]
    return Solids.lines(np.asarray(shapely.linestrings(np.stack(ends, axis=1))))


def _parts(shapes: Shapes) -> tuple[Shapes, NDArray[np.int64]]:
    """Points, lines and polygons that shapes consist of, and the rows they come from."""
    parts, of = shapely.get_parts(shapes, return_index=True)
    while (shapely.get_type_id(parts) > _SIMPLE).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        of = of[inner]
    there = ~shapely.is_empty(parts)
    return parts[there], of[there]


def _runs(shapes: Shapes) -> Shapes:
    """Their points, and their lines cut into short ones, so that a box around each is small."""
    out = []
    for part in _parts(shapes)[0]:
        xyz = shapely.get_coordinates(part, include_z=True)
        step = max(_RUN, len(xyz) // _RUNS)
        starts = range(0, len(xyz) - 1, step)
        out += [shapely.linestrings(xyz[k : k + step + 1]) for k in starts] or [part]
    return np.array(out, dtype=object)
