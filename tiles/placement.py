"""From the earth to a tile: frames, local coordinates, glTF axes.

A tile's frame is east-north-up at its origin. glTF is y-up; 3D Tiles clients turn content by
(x, y, z) → (x, −z, y), so a local point (east, north, up) is stored as (east, up, −north).
"""

import numpy as np
from numpy.typing import NDArray

from twin.crs import ecef_to_geographic, enu_matrix, geographic_to_ecef

__all__ = ["M_PER_DEGREE", "frame_at", "from_y_up", "to_local", "to_y_up"]

Floats = NDArray[np.float64]

M_PER_DEGREE = 111_320.0
"""Along a meridian, for sizes of things; places are never made with it."""


def frame_at(lon: float, lat: float, h: float) -> Floats:
    """Frame (local → ECEF, shape (4, 4)) at degrees, degrees, ellipsoidal metres."""
    return np.asarray(enu_matrix(float(lon), float(lat), float(h)), dtype=np.float64)


def frame_at_ecef(point: Floats) -> Floats:
    """Frame at an ECEF point, shape (3,), metres."""
    lon, lat, h = ecef_to_geographic(point[0:1], point[1:2], point[2:3])
    return frame_at(float(lon[0]), float(lat[0]), float(h[0]))


def to_local(frame: Floats, lon: Floats, lat: Floats, h: Floats) -> Floats:
    """Local (east, north, up) metres of geographic points; shape (n, 3), float64."""
    x, y, z = geographic_to_ecef(lon, lat, h)
    return (np.column_stack([x, y, z]) - frame[:3, 3]) @ frame[:3, :3]


def to_y_up(local: NDArray[np.floating]) -> NDArray[np.floating]:
    """(east, north, up) → glTF (x, y, z) = (east, up, −north)."""
    return np.column_stack([local[:, 0], local[:, 2], -local[:, 1]])


def from_y_up(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Inverse of :func:`to_y_up`: what a client does before it applies the tile's transform."""
    return np.column_stack([points[:, 0], -points[:, 2], points[:, 1]])
