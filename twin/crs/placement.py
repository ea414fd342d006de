"""Where numbers would lie under a system: boxes, areas of use, and the ground web maps shift."""

from math import isfinite
from typing import TypeAlias

import numpy as np
import shapely

from twin.crs.names import SWAPPED
from twin.crs.transforms import area_of_use, from_geographic, is_geographic, to_geographic

__all__ = [
    "Box", "distance", "gap", "in_shifted_ground", "like_degrees", "misfit", "near_expected", "place",
    "reaches_in", "show", "swap", "usable",
]  # fmt: skip

Box: TypeAlias = tuple[float, float, float, float]
"""(xmin, ymin, xmax, ymax), in the units of whatever is spoken of."""

NEAR, FAR = 1.0, 3.5
"""Degrees outside an area of use: still common practice; cannot be right."""
NO_DEGREES = 1000.0
"""Beyond this a number is no faulty degree but a metre."""
_OVERHANG = 0.5  # degrees; cells of a grid of the world reach over its edge by half
_LOCAL, _SHARE = 6.0, 0.25
"""Degrees up to which a layer that touches China may be of China; beyond, the share of it that must lie there."""

# Where Chinese web maps shift: a coarse outline drawn generously, so that what lies outside surely
# is not shifted. Degrees.
_OUTLINE = """
73.4 39.5 74.8 40.7 76.5 40.7 80.2 42.4 79.8 45.2 82.5 45.6 83 47.4 85.5 47.3 87.3 49.4 88.3 48.9
91.2 46.8 91.2 45.3 95.6 44.6 97 43 101.8 42.8 105 42 107.5 42.7 110 43 111.9 43.9 111.4 44.6
114 45.2 116.2 46.6 119.9 47 118 48 115.6 47.8 115.4 48.3 116.8 50 119 50.4 120.6 53.6 123.5 53.8
127.7 50.2 131 48.2 135.2 48.7 133.4 45 131.5 45 131.4 42.6 130.7 42.2 129.6 42.2 128 41.8 126.9 41.5
124.2 39.6 121.6 38.4 123 37.2 120.3 35 123 31 123.3 29.5 122.6 25.4 122.4 24.5 121.2 21.6
119 22.4 117 22.6 114.4 21.6 111.4 20.2 111.4 18.3 109.5 17.8 108.2 19 107.9 21.3 106.6 21.7
105.2 23 102.4 22.1 101.7 20.9 99.8 21.7 98.6 23.8 97.3 23.8 98.5 27.3 97.2 27.5 92 26.7 91.5 27.5
88.9 27 88 27.6 86 27.7 81.2 29.8 78.6 31.2 78.2 32.6 76.3 35.6 74.3 37.1
"""
_GROUND = shapely.Polygon(np.array(_OUTLINE.split(), dtype=float).reshape(-1, 2))
shapely.prepare(_GROUND)


def usable(bounds: tuple[float, ...] | None) -> Box | None:
    """Finite bounds with some extent or at least a place; a box of only zeros says nothing."""
    if bounds is None or len(bounds) != 4 or not all(isfinite(v) for v in bounds):
        return None
    return None if not any(bounds) else (bounds[0], bounds[1], bounds[2], bounds[3])


def show(box: Box) -> str:
    """Bounds as a person reads them."""
    return f"x {box[0]:.10g} … {box[2]:.10g}, y {box[1]:.10g} … {box[3]:.10g}"


def swap(box: Box) -> Box:
    """The box with its axes the other way round."""
    return box[1], box[0], box[3], box[2]


def like_degrees(box: Box) -> bool:
    """Whether all numbers could be degrees."""
    return min(box) >= -180.5 and max(box) <= 180.5


def in_shifted_ground(place: Box) -> bool:
    """Whether degrees lie where Chinese web maps shift them; a map of a continent or the world does not.

    Examples
    --------
    >>> in_shifted_ground((113.9, 22.4, 114.0, 22.5)), in_shifted_ground((126.9, 37.4, 127.1, 37.6))
    (True, False)
    """
    box = shapely.box(*place)
    if max(place[2] - place[0], place[3] - place[1]) <= _LOCAL:
        return bool(_GROUND.intersects(box))
    return bool(_GROUND.intersection(box).area >= _SHARE * box.area)


def place(crs: str, box: Box) -> Box | None:
    """Longitude/latitude box of bounds (corners and middle); None where the projection fails."""
    x = np.array([box[0], box[2], box[0], box[2], (box[0] + box[2]) / 2])
    y = np.array([box[1], box[1], box[3], box[3], (box[1] + box[3]) / 2])
    if is_geographic(crs):
        first, second = (y, x) if crs.endswith(SWAPPED) else (x, y)
        if np.abs(first).max() > 180.0 + _OVERHANG or np.abs(second).max() > 90.0 + _OVERHANG:
            return None
        first.clip(-180.0, 180.0, out=first)
        second.clip(-90.0, 90.0, out=second)
    lon, lat, _ = to_geographic(crs, x, y, np.zeros(5))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    if np.ptp(lon) > 180.0 and not is_geographic(crs):
        lon = np.where(lon < 0, lon + 360.0, lon)  # a projection over the 180th meridian
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def distance(there: Box, area: Box) -> float:
    """Degrees by which a box reaches out of an area; the area may cross the 180th meridian."""
    if area[0] > area[2]:
        area = (-180.0, area[1], 180.0, area[3])
    out = (area[0] - there[0], area[1] - there[1], there[2] - area[2], there[3] - area[3])
    return max(0.0, *out)


def gap(a: Box, b: Box) -> float:
    """Degrees between two boxes; 0 where they meet."""
    return max(0.0, a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])


def misfit(crs: str, box: Box) -> float:
    """Degrees by which data lie outside the system's area of use; infinite if not projectable."""
    there = place(crs, box)
    if there is None:
        return float("inf")
    area = area_of_use(crs)
    return 0.0 if area is None else distance(there, area)


def reaches_in(crs: str, box: Box) -> bool:
    """Whether part of the bounds lies in the area of use (a few records may be far off)."""
    area = area_of_use(crs)
    if area is None:
        return False
    edge = np.linspace(0.0, 1.0, 9)
    lon = area[0] + (area[2] - area[0]) * np.tile(edge, 9)
    lat = area[1] + (area[3] - area[1]) * np.repeat(edge, 9)
    x, y, _ = from_geographic(crs, lon, lat, np.zeros(81))
    wide = bool(np.nanmin(x) <= box[2] and np.nanmax(x) >= box[0])
    return wide and bool(np.nanmin(y) <= box[3] and np.nanmax(y) >= box[1])


def near_expected(crs: str, box: Box, expected: str | None) -> bool | None:
    """Whether the data fall into the area the city's system is for; None if that cannot be said."""
    there, area = place(crs, box), area_of_use(expected) if expected else None
    if there is None or area is None:
        return None
    return distance(there, area) <= NEAR
