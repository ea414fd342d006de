"""Bounding volumes of 3D Tiles as boxes of longitude, latitude and height (3D Tiles 1.1, 2.6)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.crs import ecef_to_geographic

__all__ = ["Box", "box_of", "matrix_of"]

Box = tuple[float, float, float, float, float, float]
"""West, south, east, north in degrees, lowest and highest in metres above the ellipsoid."""
NEAREST, FARTHEST = 6_200_000.0, 6_600_000.0
"""Distances from the Earth's centre between which a city lies, metres."""


def matrix_of(tile: Mapping[str, Any]) -> NDArray[np.float64]:
    """A tile's transform as a 4 × 4 matrix (the document has it column by column); the unit matrix where there is none."""
    values = tile.get("transform")
    if not isinstance(values, Sequence) or len(values) != 16:
        return np.eye(4)
    return np.array(values, dtype=float).reshape(4, 4).T


def box_of(volume: Mapping[str, Any], matrix: NDArray[np.float64]) -> Box | None:
    """The box of a bounding volume.

    Parameters
    ----------
    volume : mapping
        With ``region`` (radians; no transform applies), ``box`` or ``sphere`` (metres).
    matrix : ndarray, shape (4, 4)
        From the volume's space to ECEF.

    Returns
    -------
    tuple of 6 floats or None
        None where the volume is none or does not lie on the Earth's surface.
    """
    try:
        if "region" in volume:
            west, south, east, north, low, high = (float(v) for v in volume["region"])
            corners = np.rad2deg([west, south, east, north])
            good = np.isfinite([*corners, low, high]).all() and (np.abs(corners) <= 360).all()
            return (*(float(v) for v in corners), low, high) if good else None  # type: ignore[return-value]  # six
        if "box" in volume:
            numbers = np.array(volume["box"], dtype=float).reshape(4, 3)
            signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
            points = numbers[0] + signs @ numbers[1:]
            return _around(np.vstack([numbers[:1], points]), matrix)
        if "sphere" in volume:
            x, y, z, r = (float(v) for v in volume["sphere"])
            signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
            return _around(np.vstack([[[x, y, z]], np.array([x, y, z]) + r * signs]), matrix)
    except (TypeError, ValueError):
        return None
    return None


def _around(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> Box | None:
    """Box of points (n, 3), the first of which is the middle."""
    placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    if not np.isfinite(placed).all() or not NEAREST < np.linalg.norm(placed[0]) < FARTHEST:
        return None
    lon, lat, z = ecef_to_geographic(*placed.T)
    return (
        float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max()), float(z.min()), float(z.max()),
    )  # fmt: skip
