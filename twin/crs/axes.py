"""Systems as registries define them: which axis comes first, shapes and boxes in them, the zone of a place."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from twin.crs import names
from twin.crs.transforms import from_geographic, moved_shapes, to_geographic
from twin.errors import CrsError

__all__ = ["projjson", "ring_in_degrees", "shapes_from_geographic", "with_official_axes",
           "with_x_first", "zone_at"]  # fmt: skip

DEGREES = "EPSG:4490"
_ALONG = 17
"""Points on each edge of a box that is bent by its projection."""


@lru_cache(maxsize=256)
def with_official_axes(crs: str) -> str:
    """The system with its axes in the order its definition gives them, as the other functions take it.

    Examples
    --------
    >>> with_official_axes("EPSG:4326"), with_official_axes("EPSG:3857"), with_official_axes("EPSG:4547")
    ('EPSG:4326@yx', 'EPSG:3857', 'EPSG:4547@yx')
    """
    name = names.plain(names.canonical(crs))
    if name in names.SHIFTED or name.startswith("LOCAL:"):
        return name
    first = CRS.from_user_input(name).axis_info[0].direction
    return name + names.SWAPPED if first in ("north", "south") else name


def with_x_first(crs: str) -> str:
    """The system without the mark for swapped axes: x before y, as GIS files keep it."""
    return names.plain(crs)


def projjson(crs: str) -> dict[str, Any]:
    """A system as PROJ writes it in JSON."""
    found: dict[str, Any] = CRS.from_user_input(names.plain(names.canonical(crs))).to_json_dict()
    return found


def zone_at(lon: float) -> str:
    """The CGCS2000 3° zone (EPSG, without zone prefix) around a meridian, degrees.

    Raises
    ------
    CrsError
        If no such zone is there: outside 73.5° … 136.5°.

    Examples
    --------
    >>> zone_at(114.2), zone_at(121.0)
    ('EPSG:4547', 'EPSG:4549')
    """
    central = 3 * round(lon / 3)
    if not 75 <= central <= 135:
        raise CrsError(f"longitude {lon:g}°: CGCS2000 3° zones reach from 73.5° to 136.5°")
    return f"EPSG:{4534 + (central - 75) // 3}"


def shapes_from_geographic(crs: str, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Copies of shapely geometries in a system, from EPSG:4490 degrees; the inverse of ``transform_shapes``.

    Parameters
    ----------
    crs : str
        With ``@yx`` behind it the second axis comes first.
    shapes : ndarray of shapely geometries or None, shape (n,)
        Heights stay as they are.
    """
    return moved_shapes(shapes, lambda x, y, z: from_geographic(crs, x, y, z))


def ring_in_degrees(crs: str, box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """The edge of a box of a system, in degrees.

    Parameters
    ----------
    crs : str
        With ``@yx`` behind it the second axis comes first.
    box : tuple of float
        Lower corner, upper corner, in the order of the axes of ``crs``.

    Returns
    -------
    ndarray of float64, shape (m, 2)
        Longitude, latitude (EPSG:4490), closed; each edge in so many points that its bend is followed.

    Raises
    ------
    CrsError
        If a part of it has no place on the Earth.
    """
    a, b, c, d = box
    along = np.linspace(0.0, 1.0, _ALONG)[:-1]
    x = np.concatenate(
        [
            a + (c - a) * along,
            np.full(len(along), c),
            c - (c - a) * along,
            np.full(len(along), a),
            [a],
        ]
    )
    y = np.concatenate(
        [
            np.full(len(along), b),
            b + (d - b) * along,
            np.full(len(along), d),
            d - (d - b) * along,
            [b],
        ]
    )
    lon, lat, _ = to_geographic(crs, x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise CrsError(
            f"the box {a:g}, {b:g}, {c:g}, {d:g} reaches where {names.plain(crs)} has no place"
        )
    return np.stack([lon, lat], axis=1)
