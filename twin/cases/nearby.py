"""Distances of some hundred metres and less around a place, on the plane that touches there."""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_around", "metres_from"]

METRES_PER_DEGREE: Final = 111_320.0
Degrees = TypeVar("Degrees", float, NDArray[np.float64])


def metres_from(lon: float, lat: float, east: Degrees, north: Degrees) -> Degrees:
    """Metres from a place to others, all in degrees; shape of ``east`` and ``north``.

    Examples
    --------
    >>> round(float(metres_from(114.0, 60.0, 114.001, 60.0)), 1)
    55.7
    """
    away = np.hypot((east - lon) * np.cos(np.radians(lat)), north - lat)
    found: Degrees = METRES_PER_DEGREE * away
    return found


def box_around(lon: float, lat: float, metres: float) -> dict[str, float]:
    """``west``, ``east``, ``south``, ``north`` (degrees) of a box that holds everything so near."""
    high = metres / METRES_PER_DEGREE
    wide = high / max(np.cos(np.radians(lat)), 1e-6)
    return {"west": lon - wide, "east": lon + wide, "south": lat - high, "north": lat + high}
