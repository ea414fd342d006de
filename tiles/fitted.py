"""Many points of one tile, placed by polynomials that are fitted to the exact placement and checked.

A point at longitude, latitude and height h lies at ``A(lon, lat) + h · B(lon, lat)`` in a tile's
frame; over a tile, ``A`` is a cubic and ``B``, the direction up, a quadratic to within a few
micrometres. The fit is made at 25 places and tried at others; where it misses by more than
:data:`CLOSE_ENOUGH_M`, every point is placed exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.placement import to_local

__all__ = ["CLOSE_ENOUGH_M", "Fit", "fitted", "place"]

Floats = NDArray[np.float64]

CLOSE_ENOUGH_M = 2e-5
_SPAN_M = 1000.0
"""Heights between which the direction up is measured."""
_TINY = 1e-9


def _terms(u: Floats, v: Floats) -> Floats:
    one = np.ones_like(u)
    rows = [one, u, v, u * u, u * v, v * v, u * u * u, u * u * v, u * v * v, v * v * v]
    return np.stack(rows, axis=-1)


def _grid(places: Floats) -> tuple[Floats, Floats]:
    u, v = np.meshgrid(places, places, indexing="ij")
    return u.ravel(), v.ravel()


_NODES = _grid(np.cos(np.pi * (np.arange(5) + 0.5) / 5))
_TRIALS = _grid(np.array([-1.0, -0.45, 0.2, 0.7, 1.0]))
_SOLVE = np.linalg.pinv(_terms(*_NODES))
_SOLVE_UP = np.linalg.pinv(_terms(*_NODES)[:, :6])
_TRIED = _terms(*_TRIALS)


@dataclass(frozen=True, slots=True)
class Fit:
    """Polynomials of a tile: ``ground`` (3, 10) metres at height ``h``, ``up`` (3, 6) per metre.

    ``lon``, ``lat`` are the middle and ``scale_lon``, ``scale_lat`` the degrees to the edge, as
    reciprocals. ``close`` says that the fit holds; the numbers are of no use otherwise.
    """

    lon: float
    lat: float
    scale_lon: float
    scale_lat: float
    h: float
    ground: Floats
    up: Floats
    close: bool


def fitted(frame: Floats, box: tuple[float, float, float, float], h: float) -> Fit:
    """Fit a tile's placement.

    Parameters
    ----------
    frame : ndarray of float64, shape (4, 4)
        Local (east, north, up) → ECEF.
    box : tuple of float
        West, south, east, north of all points, degrees.
    h : float
        A height among those of the points, metres.

    Returns
    -------
    Fit
    """
    lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(box[2] - lon, _TINY), max(box[3] - lat, _TINY)
    u = np.concatenate([_NODES[0], _TRIALS[0]])
    v = np.concatenate([_NODES[1], _TRIALS[1]])
    at = lon + np.tile(u, 2) * half[0], lat + np.tile(v, 2) * half[1]
    exact = to_local(frame, *at, np.repeat([h, h + _SPAN_M], len(u)))
    below, upward = exact[: len(u)], (exact[len(u) :] - exact[: len(u)]) / _SPAN_M
    n = len(_NODES[0])
    ground, up = _SOLVE @ below[:n], _SOLVE_UP @ upward[:n]
    miss = np.abs(_TRIED @ ground - below[n:]).max()
    miss_up = np.abs(_TRIED[:, :6] @ up - upward[n:]).max() * _SPAN_M
    return Fit(
        lon, lat, 1 / half[0], 1 / half[1], h,
        np.ascontiguousarray(ground.T), np.ascontiguousarray(up.T),
        bool(miss + miss_up <= CLOSE_ENOUGH_M),
    )  # fmt: skip


def place(
    fit: Fit, frame: Floats, lon: Floats, lat: Floats, low: Floats, high: Floats, *, compiled: bool
) -> tuple[Floats, Floats]:
    """Local points at two heights each.

    Parameters
    ----------
    fit : Fit
        Of the same ``frame``.
    frame : ndarray of float64, shape (4, 4)
    lon, lat : ndarray of float64, shape (n,)
        Degrees, within the box of the fit.
    low, high : ndarray of float64, shape (n,)
        Metres above the ellipsoid.
    compiled : bool
        Whether compiled loops are taken; the numbers are the same.

    Returns
    -------
    low, high : ndarray of float64, shape (n, 3)
        East, north, up, metres.
    """
    if not fit.close:
        return to_local(frame, lon, lat, low), to_local(frame, lon, lat, high)
    u, v = (lon - fit.lon) * fit.scale_lon, (lat - fit.lat) * fit.scale_lat
    if compiled:
        return _both(fit.ground, fit.up, u, v, low - fit.h, high - fit.h)
    out = np.empty((len(u), 3)), np.empty((len(u), 3))
    for k in range(3):
        ground = _cubic.py_func(fit.ground[k], u, v)
        up = _quadratic.py_func(fit.up[k], u, v)
        out[0][:, k] = ground + (low - fit.h) * up
        out[1][:, k] = ground + (high - fit.h) * up
    return out


@njit(cache=True, nogil=True)
def _cubic(c: Floats, u: Any, v: Any) -> Any:  # noqa: ANN401 - numbers, or columns of them
    return (
        (c[0] + u * (c[1] + u * (c[3] + u * c[6])))
        + v * (c[2] + u * (c[4] + u * c[7]))
        + v * v * (c[5] + u * c[8] + v * c[9])
    )


@njit(cache=True, nogil=True)
def _quadratic(c: Floats, u: Any, v: Any) -> Any:  # noqa: ANN401
    return c[0] + u * (c[1] + u * c[3] + v * c[4]) + v * (c[2] + v * c[5])


@njit(cache=True, nogil=True)
def _both(
    ground: Floats, up: Floats, u: Floats, v: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    below, above = np.empty((len(u), 3)), np.empty((len(u), 3))
    for i in range(len(u)):
        for k in range(3):
            at = _cubic(ground[k], u[i], v[i])
            rise = _quadratic(up[k], u[i], v[i])
            below[i, k] = at + low[i] * rise
            above[i, k] = at + high[i] * rise
    return below, above
