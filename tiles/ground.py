"""Height everywhere: the DEM, its gaps filled from around them, and a level plain beyond its edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from tiles.placement import M_PER_DEGREE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.terrain import Surface

    Floats = NDArray[np.float64]

__all__ = ["FADE_M", "Ground"]

FADE_M = 1500.0
"""Over this distance the ground outside the DEM goes to the level of the plain."""
FILL = 257
"""Posts along a side of the coarse ground that fills gaps."""


class Ground:
    """The ground of the whole world.

    Parameters
    ----------
    terrain : Surface
    """

    def __init__(self, terrain: Surface) -> None:
        self.terrain = terrain
        west, south, east, north = terrain.bounds
        a, e = terrain.cell
        # half a cell inside: the outermost posts that are surely known
        self.inner = (west + a / 2, south + e / 2, east - a / 2, north - e / 2)
        self.squeeze = float(np.cos(np.deg2rad((south + north) / 2)))
        lon = np.linspace(self.inner[0], self.inner[2], FILL)
        lat = np.linspace(self.inner[1], self.inner[3], FILL)
        coarse = terrain.grid(lon, lat, max(lon[1] - lon[0], lat[1] - lat[0]))
        edge = np.concatenate([coarse[0], coarse[-1], coarse[:, 0], coarse[:, -1]])
        known = edge[np.isfinite(edge)]
        finite = np.concatenate([terrain.sample(), coarse[np.isfinite(coarse)]])
        if not len(known):
            known = finite
        self.plain = round(float(np.median(known)), 2) if len(known) else 0.0
        """Level of the plain, ellipsoidal metres."""
        self.coarse = _filled(coarse, self.plain)
        values = np.append(finite, self.plain)
        low, high = float(values.min()), float(values.max())
        self.span = (low, high + 0.25 * (high - low) + 32.0)
        """Lowest and highest, with room for peaks between the heights looked at."""

    def height(self, lon: Floats, lat: Floats) -> Floats:
        """Ellipsoidal metres at places, finite everywhere; degrees, any common shape."""
        west, south, east, north = self.inner
        near_lon, near_lat = np.clip(lon, west, east), np.clip(lat, south, north)
        z = np.array(self.terrain.height(near_lon, near_lat))
        col, row = self._coarse_cell(near_lon, near_lat)
        return np.asarray(_faded(z, self.coarse, col, row, self._away(lon, lat), self.plain))

    def grid(self, lon: Floats, lat: Floats, spacing: float) -> Floats:
        """Ellipsoidal metres at all combinations of longitudes and latitudes (m, n), finite everywhere.

        Parameters
        ----------
        lon, lat : ndarray of float64, shapes (n,) and (m,)
            Degrees, rising.
        spacing : float
            Degrees between them.
        """
        west, south, east, north = self.inner
        near_lon, near_lat = np.clip(lon, west, east), np.clip(lat, south, north)
        z = np.array(self.terrain.grid(near_lon, near_lat, spacing))
        inside = lon[0] >= west and lon[-1] <= east and lat[0] >= south and lat[-1] <= north
        if inside and np.isfinite(z).all():
            return z
        col, row = self._coarse_cell(near_lon, near_lat)
        dx, dy = (lon - near_lon) * self.squeeze, lat - near_lat
        return np.asarray(_faded_grid(z, self.coarse, col, row, dx, dy, self.plain))

    def _coarse_cell(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        west, south, east, north = self.inner
        last = FILL - 1
        col = (lon - west) / max(east - west, 1e-12) * last
        row = (lat - south) / max(north - south, 1e-12) * last
        return np.clip(col, 0, last), np.clip(row, 0, last)

    def _away(self, lon: Floats, lat: Floats) -> Floats:
        west, south, east, north = self.inner
        dx = (lon - np.clip(lon, west, east)) * self.squeeze
        return np.asarray(np.hypot(dx, lat - np.clip(lat, south, north)) * M_PER_DEGREE)


def _filled(coarse: Floats, plain: float) -> Floats:
    """Gaps of a grid of 2^k + 1 posts filled from ever larger neighbourhoods (pull and push)."""
    known = np.isfinite(coarse)
    if known.all():
        return coarse
    if not known.any():
        return np.full_like(coarse, plain)
    value, weight = np.where(known, coarse, 0.0), known.astype(float)
    levels = [(value, weight)]
    while len(levels[-1][0]) > 2:
        value, weight = levels[-1]
        total, weight = _halved(value * weight), _halved(weight)
        value = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        levels.append((value, np.minimum(weight, 1.0)))
    above = np.where(levels[-1][1] > 0, levels[-1][0], plain)
    for value, weight in reversed(levels[:-1]):
        n = len(value)
        at = np.arange(n) / 2
        j = np.minimum(at.astype(int), len(above) - 2)
        t = at - j
        across = above[:, j] * (1 - t) + above[:, j + 1] * t
        wide = across[j] * (1 - t)[:, None] + across[j + 1] * t[:, None]
        above = value * weight + wide * (1 - weight)
    return above


def _halved(values: Floats) -> Floats:
    """Every second post with a share of its neighbours (1 2 1 in both directions)."""
    padded = np.pad(values, 1)
    thin = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    thin = thin[::2]
    thin = thin[:, :-2] + 2 * thin[:, 1:-1] + thin[:, 2:]
    return np.asarray(thin[:, ::2] / 16)


@njit(cache=True)
def _at(z: float, coarse: Floats, col: float, row: float, away: float, plain: float) -> float:
    """A height: filled where it is no number, faded to the plain outside."""
    if not np.isfinite(z):
        i, j = min(int(row), len(coarse) - 2), min(int(col), len(coarse) - 2)
        v, u = row - i, col - j
        south = coarse[i, j] * (1 - u) + coarse[i, j + 1] * u
        north = coarse[i + 1, j] * (1 - u) + coarse[i + 1, j + 1] * u
        z = south * (1 - v) + north * v
    t = min(away / FADE_M, 1.0)
    return z + (plain - z) * (t * t * (3.0 - 2.0 * t))


@njit(cache=True)
def _faded_grid(
    z: Floats, coarse: Floats, col: Floats, row: Floats, dx: Floats, dy: Floats, plain: float
) -> Floats:
    for i in range(len(dy)):
        for j in range(len(dx)):
            away = np.sqrt(dx[j] * dx[j] + dy[i] * dy[i]) * M_PER_DEGREE
            z[i, j] = _at(z[i, j], coarse, col[j], row[i], away, plain)
    return z


def _faded(z: Floats, coarse: Floats, col: Floats, row: Floats, away: Floats, plain: float) -> Floats:  # fmt: skip
    flat = [v.ravel() for v in np.broadcast_arrays(z, col, row, away)]
    out = [_at(z, coarse, c, r, a, plain) for z, c, r, a in zip(*flat, strict=True)]
    return np.array(out).reshape(np.shape(z))
