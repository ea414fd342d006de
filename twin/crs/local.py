"""A metric frame around one place: the plane in which distances of a city are measured.

Transverse Mercator on the ellipsoid of CGCS2000/WGS 84 with the place on its meridian, enlarged to a height, so that
metres in the plane are metres on the ground of the city. Series in the third flattening to the fourth power after
Krüger (1912) as given by C. F. F. Karney, Transverse Mercator with an accuracy of a few nanometers, J. Geodesy 85
(2011), eq. 35 and 36; they agree with PROJ to a micrometre within 300 km.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

__all__ = ["EARTH_RADIUS_M", "LocalFrame"]

Array = NDArray[np.float64]

_A, _F = 6378137.0, 1 / 298.257223563
_E = (_F * (2 - _F)) ** 0.5
_N = _F / (2 - _F)
_RECTIFYING = _A / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64)
_ALPHA = (
    _N / 2 - 2 * _N**2 / 3 + 5 * _N**3 / 16 + 41 * _N**4 / 180,
    13 * _N**2 / 48 - 3 * _N**3 / 5 + 557 * _N**4 / 1440,
    61 * _N**3 / 240 - 103 * _N**4 / 140,
    49561 * _N**4 / 161280,
)
_BETA = (
    _N / 2 - 2 * _N**2 / 3 + 37 * _N**3 / 96 - _N**4 / 360,
    _N**2 / 48 + _N**3 / 15 - 437 * _N**4 / 1440,
    17 * _N**3 / 480 - 37 * _N**4 / 840,
    4397 * _N**4 / 161280,
)
EARTH_RADIUS_M = 6_371_008.8
"""Mean radius, metres."""


@njit(cache=True, nogil=True)
def _conformal(tau: float) -> float:
    """Tangent of the conformal latitude of a tangent of latitude."""
    root = np.sqrt(1 + tau * tau)
    sigma = np.sinh(_E * np.arctanh(_E * tau / root))
    return float(tau * np.sqrt(1 + sigma * sigma) - sigma * root)


@njit(cache=True, nogil=True)
def _forward(lon: Array, lat: Array, lon0: float, scale: float) -> tuple[Array, Array]:
    x, y = np.empty(len(lon)), np.empty(len(lon))
    for i in range(len(lon)):
        lam = np.deg2rad(lon[i] - lon0)
        tau = _conformal(np.tan(np.deg2rad(lat[i])))
        cos = np.cos(lam)
        xi0, eta0 = np.arctan2(tau, cos), np.arcsinh(np.sin(lam) / np.hypot(tau, cos))
        xi, eta = xi0, eta0
        for j in range(4):
            turn = 2 * (j + 1)
            xi += _ALPHA[j] * np.sin(turn * xi0) * np.cosh(turn * eta0)
            eta += _ALPHA[j] * np.cos(turn * xi0) * np.sinh(turn * eta0)
        x[i], y[i] = scale * _RECTIFYING * eta, scale * _RECTIFYING * xi
    return x, y


@njit(cache=True, nogil=True)
def _inverse(x: Array, y: Array, lon0: float, scale: float) -> tuple[Array, Array]:
    lon, lat = np.empty(len(x)), np.empty(len(x))
    for i in range(len(x)):
        xi1, eta1 = y[i] / (scale * _RECTIFYING), x[i] / (scale * _RECTIFYING)
        xi, eta = xi1, eta1
        for j in range(4):
            turn = 2 * (j + 1)
            xi -= _BETA[j] * np.sin(turn * xi1) * np.cosh(turn * eta1)
            eta -= _BETA[j] * np.cos(turn * xi1) * np.sinh(turn * eta1)
        wanted = np.sin(xi) / np.hypot(np.sinh(eta), np.cos(xi))
        tau = wanted
        for _ in range(4):
            found = _conformal(tau)
            step = (wanted - found) / np.sqrt(1 + found * found)
            tau += step * (1 + (1 - _E * _E) * tau * tau) / ((1 - _E * _E) * np.sqrt(1 + tau * tau))
        lon[i] = lon0 + np.rad2deg(np.arctan2(np.sinh(eta), np.cos(xi)))
        lat[i] = np.rad2deg(np.arctan(tau))
    return lon, lat


@dataclass(frozen=True, slots=True)
class LocalFrame:
    """Metres east and north of a place.

    Parameters
    ----------
    lon, lat : float
        Degrees, EPSG:4490: the origin.
    height : float
        Metres above the ellipsoid at which a metre of the plane is a metre.

    Examples
    --------
    >>> frame = LocalFrame(114.0, 30.5)
    >>> x, y = frame.forward([114.01], [30.5])
    >>> round(float(x[0]), 2), round(float(y[0]), 2)
    (959.99, 0.04)
    >>> lon, lat = frame.inverse(x, y)
    >>> round(float(lon[0]), 9), round(float(lat[0]), 9)
    (114.01, 30.5)
    """

    lon: float
    lat: float
    height: float = 0.0

    @property
    def scale(self) -> float:
        """How much the plane is enlarged over the ellipsoid."""
        return 1 + self.height / EARTH_RADIUS_M

    def _north(self) -> float:
        _, y = _forward(np.array([self.lon]), np.array([self.lat]), self.lon, self.scale)
        return float(y[0])

    def forward(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Array, Array]:
        """Metres east and north of degrees, any common shape; NaN in, NaN out."""
        p, q = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        x, y = _forward(p.ravel(), q.ravel(), self.lon, self.scale)
        return x.reshape(p.shape), (y - self._north()).reshape(p.shape)

    def inverse(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Degrees of metres east and north, any common shape; NaN in, NaN out."""
        p, q = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        lon, lat = _inverse(p.ravel(), q.ravel() + self._north(), self.lon, self.scale)
        return lon.reshape(p.shape), lat.reshape(p.shape)

    def relative_error(self, reach: float, rise: float = 0.0) -> float:
        """Largest share by which a distance in the plane differs from one on the ground.

        Parameters
        ----------
        reach : float
            Metres: nothing lies farther from the meridian of the origin.
        rise : float
            Metres: no height differs more from :attr:`height`.

        Examples
        --------
        >>> f"{LocalFrame(114.0, 30.5).relative_error(20_000.0, 100.0):.1e}"
        '2.1e-05'
        """
        return reach**2 / (2 * EARTH_RADIUS_M**2) + abs(rise) / EARTH_RADIUS_M
