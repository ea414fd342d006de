"""Metres between places given in degrees, on the local plane."""

import numpy as np
import numpy.typing as npt

__all__ = ["METRES_PER_DEGREE", "distance_m"]

METRES_PER_DEGREE = 111_195.0


def distance_m(
    lon: npt.NDArray[np.float64],
    lat: npt.NDArray[np.float64],
    lon2: npt.NDArray[np.float64] | float,
    lat2: npt.NDArray[np.float64] | float,
) -> npt.NDArray[np.float64]:
    """Metres on the local plane between places given in degrees; good to 0.1 % over 10 km.

    Examples
    --------
    >>> float(distance_m(np.array([114.0]), np.array([0.0]), 114.001, 0.0)[0].round(1))
    111.2
    """
    x = (lon - lon2) * np.cos(np.deg2rad((lat + lat2) / 2))
    return np.asarray(np.hypot(x, lat - lat2) * METRES_PER_DEGREE)
