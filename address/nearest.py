"""Nearest of many places on the globe: a grid of degrees, searched ring by ring."""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["METRES_PER_DEGREE", "PointGrid"]

METRES_PER_DEGREE = 111_195.0
_CELL = 1 / 512  # degrees: 217 m from south to north
_ACROSS = 360 * 512
_TIE_M = 1e-6

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _metres(lon: float, lat: float, lon2: float, lat2: float) -> float:
    x = (lon - lon2) * math.cos(math.radians((lat + lat2) / 2))
    return math.hypot(x, lat - lat2) * METRES_PER_DEGREE


@njit(cache=True, nogil=True)
def _first(keys: Ints, key: int) -> int:
    """Where the first key that is not smaller stands."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _nearest(
    keys: Ints, rows: Ints, lons: Floats, lats: Floats, lon: float, lat: float, limit: float
) -> Ints:
    """Rows at the least distance, within `limit` metres; empty where there is none."""
    column = math.floor((lon + 180.0) / _CELL)
    line = math.floor((lat + 90.0) / _CELL)
    best = limit
    found = np.empty(8, np.int64)
    count = 0
    ring = 0
    # the sides of a ring that was searched lie at least this far, per ring beyond the first
    polewards = min(abs(lat) + limit / METRES_PER_DEGREE, 90.0)
    width = _CELL * METRES_PER_DEGREE * math.cos(math.radians(polewards))
    while (ring - 1) * width <= best:
        for y in range(line - ring, line + ring + 1):
            edge = y == line - ring or y == line + ring
            step = 1 if edge or ring == 0 else 2 * ring
            x = column - ring
            while x <= column + ring:
                last = column + ring if edge else x
                at = _first(keys, y * _ACROSS + x)
                end = y * _ACROSS + last
                while at < len(keys) and keys[at] <= end:
                    row = rows[at]
                    away = _metres(lon, lat, lons[row], lats[row])
                    if away < best - _TIE_M:
                        count = 0
                    if away <= best + _TIE_M and away <= limit:
                        if count == len(found):
                            more = np.empty(2 * count, np.int64)
                            more[:count] = found
                            found = more
                        found[count] = row
                        count += 1
                        best = min(best, away)
                    at += 1
                x = last + 1 if edge else x + step
        ring += 1
    return found[:count]


class PointGrid:
    """Places by cells of 1/512 degree, in order: 16 bytes a place beside the places themselves.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Degrees, EPSG:4490; kept, not copied.
    rows : ndarray of int64, shape (m,)
        Which of them are to be found; each has finite degrees within the bounds of the globe.
    """

    def __init__(self, lon: Floats, lat: Floats, rows: Ints) -> None:
        self.lon, self.lat = lon, lat
        keys = np.floor((lat[rows] + 90.0) / _CELL).astype(np.int64) * _ACROSS
        keys += np.floor((lon[rows] + 180.0) / _CELL).astype(np.int64)
        order = np.lexsort((rows, keys))
        self._keys, self._rows = keys[order], rows[order].astype(np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, lon: float, lat: float, limit_m: float) -> Ints:
        """Places nearest to a place: one, or all that are equally near.

        Parameters
        ----------
        lon, lat : float
            Degrees, finite, within the bounds of the globe. Nothing is sought across the 180th
            meridian.
        limit_m : float
            Metres; what lies farther is not found.

        Returns
        -------
        ndarray of int64, shape (k,)
            Rows in ascending order; empty where nothing is near.

        Examples
        --------
        >>> lon, lat = np.array([114.0, 114.1]), np.array([30.0, 30.0])
        >>> PointGrid(lon, lat, np.arange(2)).nearest(114.001, 30.0, 500.0).tolist()
        [0]
        """
        found = _nearest(self._keys, self._rows, self.lon, self.lat, lon, lat, limit_m)
        return np.sort(found)
