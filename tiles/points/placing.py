"""From a source's system onto one grid around the cloud's middle, a polynomial per chunk.

The grid's axes are east, north and up at the middle of the cloud, its step is 2^-10 m, its numbers
are int32. PROJ is asked for a few control points of each chunk; a quadratic polynomial through them
places the points. Where it is off by more than :data:`MOST_OFF_M` between the control points,
and where the numbers are floats that may be anything, PROJ places every point.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.placement import frame_at
from twin.cloud.placed import PlacedCloud
from twin.crs import geographic_to_ecef

__all__ = ["FARTHEST_M", "MOST_OFF_M", "STEP_M", "Placing"]

Floats = NDArray[np.float64]
Steps = NDArray[np.int32]
Numbers = NDArray[np.generic]
Mask = NDArray[np.bool_]

STEP_M = 2.0**-10
"""Points move by half of it at most along each axis."""
MOST_OFF_M = 1e-4
FARTHEST_M = 1_000_000.0
"""Points farther from the middle of the cloud are no part of a city and are left out."""
_NO_COORDINATE = 1e8
"""No place on the earth has such coordinates, in no system and no unit."""
_TOGETHER = 256
"""Chunks whose control points PROJ is given at once."""
_LOOKED_AT = 16
"""Chunks that say where the middle of the cloud is."""


def _basis(u: Floats) -> Floats:
    """Terms of the polynomial at places within ±1, (..., 3) → (..., 10)."""
    x, y, z = np.moveaxis(u, -1, 0)
    one = np.ones_like(x)
    return np.stack([one, x, y, z, x * x, x * y, y * y, x * z, y * z, z * z], axis=-1)


def _lattice(nx: int, ny: int, nz: int, edge: float) -> Floats:
    sides = [np.linspace(-edge, edge, n) for n in (nx, ny, nz)]
    return np.array(list(itertools.product(*sides)))


_NODES = _lattice(5, 5, 3, 1.0)
_BETWEEN = _lattice(4, 4, 2, 0.75)
_SOLVE = np.linalg.pinv(_basis(_NODES))


@dataclass(slots=True)
class Placing:
    """How the chunks of one cloud are placed.

    Parameters
    ----------
    cloud : PlacedCloud

    Attributes
    ----------
    frame : ndarray of float64, shape (4, 4)
        The grid's metres (east, north, up) to ECEF.
    boxes : ndarray of float64, shape (n_chunks, 6)
        Where the points of each chunk lie, steps of the grid, with a margin; unbounded where the
        polynomial was not good enough.
    off : float
        Largest distance in metres between polynomial and PROJ that was found, of those that are used.
    nowhere : int
        Points of the chunks placed so far that have no place: not finite, or not on the earth, or
        farther than :data:`FARTHEST_M` from the middle.
    """

    cloud: PlacedCloud
    frame: Floats
    boxes: Floats
    off: float
    nowhere: int
    _centre: Floats
    _inverse: Floats
    _terms: NDArray[np.float64]
    _good: Mask

    def __init__(self, cloud: PlacedCloud) -> None:
        self.cloud = cloud
        source = cloud.asset.boxes()
        n = len(source)
        low, high = source[:, :3], source[:, 3:]
        with np.errstate(invalid="ignore"):  # infinite numbers are told apart in _fit
            self._centre = (low + high) / 2
        half = np.maximum((high - low) / 2, 1e-9)
        self._inverse = 1.0 / half
        self._terms = np.zeros((n, 10, 3))
        self._good = np.zeros(n, dtype=np.bool_)
        self.boxes = np.full((n, 6), np.nan)
        self.off, self.nowhere = 0.0, 0
        self.frame = self._middle()
        for start in range(0, n, _TOGETHER):
            self._fit(slice(start, min(start + _TOGETHER, n)), half)

    def _middle(self) -> Floats:
        """The frame at the median of points of some chunks, which strays do not move."""
        asset = self.cloud.asset
        middles = []
        for k in np.unique(np.linspace(0, asset.n_chunks - 1, _LOOKED_AT).astype(int)):
            xyz = asset.positions(int(k)) if asset.n_chunks else np.zeros((0, 3))
            xyz = xyz[np.isfinite(xyz).all(axis=1)]
            if len(xyz):
                middles.append(np.median(xyz, axis=0))
        places = self.cloud.geographic(np.array(middles).reshape(-1, 3))
        places = places[np.isfinite(places).all(axis=1)]
        if not len(places):
            return np.eye(4)
        lon, lat, height = np.median(places, axis=0)
        return frame_at(float(lon), float(lat), float(height))

    def exact(self, xyz: Floats) -> Floats:
        """Source coordinates on the grid by PROJ alone, (n, 3) → steps, not rounded; inf where there is no place."""
        sane = np.abs(xyz) < _NO_COORDINATE  # projections run round the earth for ever
        places = self.cloud.geographic(np.where(np.all(sane, axis=1, keepdims=True), xyz, np.nan))
        there = np.isfinite(places).all(axis=1) & (np.abs(places[:, 2]) < FARTHEST_M)
        lon, lat, height = np.where(there[:, None], places, 0.0).T
        away = np.column_stack(geographic_to_ecef(lon, lat, height)) - self.frame[:3, 3]
        steps = away @ self.frame[:3, :3] / STEP_M
        return np.where(there[:, None], steps, np.inf)

    def _fit(self, some: slice, half: Floats) -> None:
        centre, half = self._centre[some, None, :], half[some, None, :]
        known = np.all(np.isfinite(centre) & np.isfinite(half), axis=(1, 2), keepdims=True)
        centre, half = (np.where(known, v, 0.0) for v in (centre, half))
        asked = np.concatenate([_NODES, _BETWEEN])
        values = self.exact((centre + half * asked).reshape(-1, 3)).reshape(-1, len(asked), 3)
        near = np.abs(values) < FARTHEST_M / STEP_M
        good: Mask = np.asarray(known[:, 0, 0] & np.all(near, axis=(1, 2)))
        values = np.where(good[:, None, None], values, 0.0)
        terms = _SOLVE @ values[:, : len(_NODES)]
        miss = np.linalg.norm(_basis(asked) @ terms - values, axis=2).max(axis=1) * STEP_M
        good &= (miss <= MOST_OFF_M) & (not self.cloud.on_ground)
        self.off = max(self.off, float(miss[good].max(initial=0.0)))
        self._terms[some], self._good[some] = terms, good
        low, high = values.min(axis=1), values.max(axis=1)
        margin = 64 + 0.01 * (high - low)
        boxes = np.concatenate([low - margin, high + margin], axis=1)
        boxes[~good] = [-np.inf] * 3 + [np.inf] * 3
        self.boxes[some] = boxes

    def chunk(self, k: int, x: Numbers, y: Numbers, z: Numbers) -> tuple[Steps, Mask | None]:
        """Points of a chunk on the grid.

        Parameters
        ----------
        k : int
            Number of the chunk.
        x, y, z : ndarray, shape (n,)
            As stored: without scale and offset.

        Returns
        -------
        steps : ndarray of int32, shape (m, 3)
            East, north, up.
        kept : ndarray of bool, shape (n,), or None
            Which points these are; None where they are all.
        """
        meaning = self.cloud.asset.meaning
        scale, offset = np.array(meaning["scale"]), np.array(meaning["offset"])
        if self._good[k] and x.dtype == y.dtype == z.dtype == np.int32:
            out = np.empty((len(x), 3), np.int32)
            _polynomial(
                x, y, z, scale, offset, self._centre[k], self._inverse[k], self._terms[k], out
            )
            return out, None
        xyz = np.column_stack([x, y, z]) * scale + offset
        if self._good[k]:
            finite = np.isfinite(xyz).all(axis=1)
            u = (xyz[finite] - self._centre[k]) * self._inverse[k]
            steps = np.full(xyz.shape, np.inf)
            steps[finite] = _basis(u) @ self._terms[k]
        else:
            steps = self.exact(np.where(np.isfinite(xyz), xyz, np.nan))
        kept: Mask = np.asarray(np.all(np.abs(steps) < FARTHEST_M / STEP_M, axis=1))
        self.nowhere += int((~kept).sum())
        return np.rint(steps[kept]).astype(np.int32), kept


@njit(cache=True, nogil=True)
def _polynomial(x, y, z, scale, offset, centre, inverse, terms, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 -- compiled
    for i in range(len(x)):
        u = (x[i] * scale[0] + offset[0] - centre[0]) * inverse[0]
        v = (y[i] * scale[1] + offset[1] - centre[1]) * inverse[1]
        w = (z[i] * scale[2] + offset[2] - centre[2]) * inverse[2]
        for a in range(3):
            s = terms[0, a] + u * terms[1, a] + v * terms[2, a] + w * terms[3, a]
            s += u * (u * terms[4, a] + v * terms[5, a] + w * terms[7, a])
            s += v * (v * terms[6, a] + w * terms[8, a]) + w * w * terms[9, a]
            out[i, a] = np.int32(np.rint(s))
