"""Things in three dimensions: do they meet, and how far are they apart, in metres.

A thing is where its heights put it. A point or a line that has heights of its own is a point or a line in space; an
area, or a line or point without, stands upright between its lowest and highest height (a prism, a wall, a post). What a
roof or a sloping floor takes away from the prism is not looked at: the distance to the prism is never larger than that to
the thing.

Distances are exact between those bodies in a plane that touches the ellipsoid amid the literal; the plane is off by less
than 1.3e-6 of the distance within 10 km of there and 3.2e-5 within 50 km, and by 1.6e-5 per 100 m of height.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.cql2.shapes import z_range
from twin.crs import enu_matrix, geographic_to_ecef

__all__ = ["MAX_REACH", "Body", "Frame", "distances", "near_degrees"]

MAX_REACH: Final = 100_000.0
"""Metres: a literal may be no larger, nor a distance."""
_METRES: Final = 110_574.0  # per degree of latitude, at least

Array = NDArray[np.float64]


class Frame:
    """East and north in metres in the plane that touches the ellipsoid at a place; height stays as it is."""

    def __init__(self, lon: float, lat: float) -> None:
        self._to_local = np.linalg.inv(enu_matrix(lon, lat, 0.0))

    def metres(self, shapes: Any) -> Any:  # noqa: ANN401 - array of shapes
        """Copies of shapes in degrees, in metres; heights kept."""

        def move(xyz: Array) -> Array:
            x, y, z = geographic_to_ecef(xyz[:, 0], xyz[:, 1], 0.0)
            local = np.column_stack([x, y, z, np.ones(len(x))]) @ self._to_local.T
            return np.column_stack([local[:, :2], xyz[:, 2:]])

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
        own = bool(shapely.has_z(shape)) and int(shapely.get_dimensions(shape)) < 2
        z = shapely.get_coordinates(shape, include_z=True)[:, 2]
        own = own and bool(np.isfinite(z).all())
        return (
            cls(shape, float(z.min()), float(z.max()), True)
            if own
            else cls(shape, low, high, False)
        )


def near_degrees(bounds: Array, metres: float) -> Array:
    """Bounds in degrees grown by a distance, generously."""
    west, south, east, north = bounds
    up = metres / _METRES * 1.01
    across = up / max(np.cos(np.deg2rad(min(89.0, max(abs(south), abs(north)) + up))), 0.01)
    return np.array([west - across, south - up, east + across, north + up])


def distances(shapes: Any, low: Array, high: Array, other: Body) -> Array:  # noqa: ANN401 - array of shapes
    """Distance of things from a body, 0 where they meet.

    Parameters
    ----------
    shapes : ndarray of shapely geometries, shape (n,)
        In metres (:meth:`Frame.metres`), none missing.
    low, high : ndarray of float64, shape (n,)
        Lowest and highest height, metres; not looked at for lines and points that have heights of their own.
    other : Body

    Returns
    -------
    ndarray of float64, shape (n,)
        Metres.
    """
    own = shapely.has_z(shapes) & (shapely.get_dimensions(shapes) < 2)
    if own.any():
        low, high = low.copy(), high.copy()
        least, most = z_range(shapes[own])
        sure = np.isfinite(least) & np.isfinite(most)
        own[own] = sure
        low[own], high[own] = least[sure], most[sure]
    flat = ~(own & (low != high)) & (not _sloping(other))
    out = np.empty(len(shapes))
    across = shapely.distance(shapes[flat], other.shape)
    out[flat] = np.hypot(
        across, np.maximum(0.0, np.maximum(low[flat] - other.high, other.low - high[flat]))
    )
    for i in np.flatnonzero(~flat):
        out[i] = _between(Body.of(shapes[i], float(low[i]), float(high[i])), other)
    return out


def _sloping(body: Body) -> bool:
    """Whether its height changes along it, so that distance and height do not part."""
    return body.path and body.low != body.high


def _between(a: Body, b: Body) -> float:
    if not _sloping(a):
        a, b = b, a
    if b.path:
        return _paths(*_segments(a), *_segments(b))
    return _path_to_prism(a, b)


def _segments(body: Body) -> tuple[Array, Array]:
    """Starts and ends of the pieces of lines, points as pieces without length; shape (n, 3)."""
    starts, ends = [], []
    for part in _simple(body.shape):
        xyz = shapely.get_coordinates(part, include_z=True)
        if len(xyz) == 1:
            xyz = np.repeat(xyz, 2, axis=0)
        starts.append(xyz[:-1])
        ends.append(xyz[1:])
    return np.concatenate(starts), np.concatenate(ends)


def _simple(shape: shapely.Geometry) -> list[shapely.Geometry]:
    parts = [shape]
    while any(shapely.get_type_id(p) > 3 for p in parts):
        parts = list(shapely.get_parts(np.array(parts, dtype=object)))
    return parts


def _paths(p: Array, q: Array, r: Array, s: Array) -> float:
    """Least distance between pieces p–q and pieces r–s."""
    step = max(1, 2_000_000 // max(1, len(r)))
    return min(
        float(_pieces(p[i : i + step, None], q[i : i + step, None], r[None], s[None]).min())
        for i in range(0, len(p), step)
    )


def _pieces(p: Array, q: Array, r: Array, s: Array) -> Array:
    """Distance between straight pieces, pairwise by broadcasting (C. Ericson, Real-Time Collision Detection, 5.1.9)."""
    d1, d2, w = q - p, s - r, p - r
    a, e, f = (np.einsum("...i,...i", u, v) for u, v in ((d1, d1), (d2, d2), (d2, w)))
    b, c = np.einsum("...i,...i", d1, d2), np.einsum("...i,...i", d1, w)
    denominator = a * e - b * b
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(
            denominator > 1e-12 * a * e, np.clip((b * f - c * e) / denominator, 0, 1), 0.0
        )
        other = np.where(e > 0, (b * along + f) / e, 0.0)
        held = np.clip(other, 0, 1)
        along = np.where(
            (other != held) | (e == 0),
            np.where(a > 0, np.clip((b * held - c) / a, 0, 1), 0.0),
            along,
        )
    gap = (p + d1 * along[..., None]) - (r + d2 * held[..., None])
    found: Array = np.sqrt(np.einsum("...i,...i", gap, gap))
    return found


def _path_to_prism(path: Body, prism: Body) -> float:
    """Of a line in space from an upright body: inside it, or to its upright faces."""
    p, q = _segments(path)
    low, high = prism.low, prism.high
    best = np.inf
    if int(shapely.get_dimensions(prism.shape)) == 2:
        best = _over_area(p, q, prism)
        if best == 0.0:
            return 0.0
    outline = (
        shapely.boundary(prism.shape) if np.isfinite(best) or _is_area(prism.shape) else prism.shape
    )
    r, s = _segments(Body(shapely.force_2d(outline), low, high, False))
    for i in range(len(r)):
        best = min(best, _to_wall(p, q, r[i, :2], s[i, :2], low, high))
        if best == 0.0:
            break
    return float(best)


def _is_area(shape: shapely.Geometry) -> bool:
    return int(shapely.get_dimensions(shape)) == 2


def _over_area(p: Array, q: Array, prism: Body) -> float:
    """Least height between a line and the part of the prism right above or below it; 0 where it runs inside."""
    area = prism.shape
    shapely.prepare(area)
    points = [p, q]
    rise = q[:, 2] - p[:, 2]
    for level in (prism.low, prism.high):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (level - p[:, 2]) / rise
        cut = np.isfinite(t) & (t > 0) & (t < 1)
        points.append(p[cut] + (q - p)[cut] * t[cut, None])
    xyz = np.concatenate(points)
    over = shapely.intersects_xy(area, xyz[:, 0], xyz[:, 1])
    if not over.any():
        return float("inf")
    z = xyz[over, 2]
    gap = np.maximum(0.0, np.maximum(z - prism.high, prism.low - z))
    least = float(gap.min())
    return 0.0 if least <= 1e-9 * max(1.0, abs(prism.low), abs(prism.high)) else least


def _to_wall(p: Array, q: Array, a: Array, b: Array, low: float, high: float) -> float:
    """Of pieces p–q from an upright rectangle over a–b."""
    corners = np.array([[*a, low], [*b, low], [*b, high], [*a, high]])
    best = float(
        _pieces(p[:, None], q[:, None], corners[None], np.roll(corners, -1, axis=0)[None]).min()
    )
    along = b - a
    length = float(np.hypot(*along))
    if length == 0.0 or high == low:
        return best
    unit = along / length
    across = np.array([-unit[1], unit[0]])
    ends = np.stack([p, q])
    s = (ends[..., :2] - a) @ unit
    d = (ends[..., :2] - a) @ across
    z = ends[..., 2]
    facing = (s >= 0) & (s <= length) & (z >= low) & (z <= high)
    if facing.any():
        best = min(best, float(np.abs(d[facing]).min()))
    through = d[0] * d[1] < 0
    if through.any():
        t = d[0][through] / (d[0] - d[1])[through]
        s0 = s[0][through] + t * (s[1] - s[0])[through]
        z0 = z[0][through] + t * (z[1] - z[0])[through]
        if ((s0 >= 0) & (s0 <= length) & (z0 >= low) & (z0 <= high)).any():
            return 0.0
    return best
