"""The ground: regular longitude/latitude grids of ellipsoidal heights, and its height anywhere.

Cells are described by an affine transform of their corners, (a, b, c, d, e, f) with
``lon = a·col + b·row + c`` and ``lat = d·col + e·row + f``; values stand at cell centres.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.bilinear import Affine, Array, bilinear, bilinear_grid, cell_of
from twin.cog import Cog
from twin.errors import CityError, InvalidRequestError
from twin.heights import Heights
from twin.resample import Resampled

__all__ = ["Affine", "Mosaic", "Surface", "Terrain"]

Grid = NDArray[np.float32]
_AT_ONCE = 1 << 17  # places asked for at a time; in order of their tiles


class Surface(Protocol):
    """What has a height: one grid (:class:`Terrain`) or several (:class:`Mosaic`)."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        ...

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of the finest cell, degrees."""
        ...

    def height(self, lon: ArrayLike, lat: ArrayLike) -> Array:
        """Height of the ground at places; see :meth:`Terrain.height`."""
        ...

    def grid(self, lon: Array, lat: Array, spacing: float = 0.0) -> Array:
        """Heights at all combinations of longitudes and latitudes; see :meth:`Terrain.grid`."""
        ...

    def sample(self) -> Array:
        """Some of its known heights, spread over all of it."""
        ...

    def digest(self) -> str:
        """Hash of all heights and where they lie."""
        ...


@dataclass(frozen=True, slots=True)
class Terrain:
    """Ground heights over one regular longitude/latitude grid.

    Parameters
    ----------
    data : ndarray of float32, shape (rows, cols), or Cog
        Metres above the ellipsoid at cell centres, NaN where unknown.
    transform : tuple of 6 floats
        Cell corners to degrees (EPSG:4490).
    """

    data: NDArray[np.floating] | Cog
    transform: Affine

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        a, b, _, d, e, _ = self.transform
        if self.data.ndim != 2 or 0 in self.data.shape or a * e - b * d == 0:
            raise InvalidRequestError(
                f"a terrain needs a grid and an invertible transform; given {self.data.shape}, "
                f"transform {self.transform}"
            )

    @classmethod
    def open(cls, path: Path) -> "Terrain":
        """Open a raster asset of the base, mapped from disk.

        Raises
        ------
        CityError
            If the file is missing, damaged or no DEM.
        """
        cog = Cog(path)
        if cog.bands != 1:
            raise CityError(f"{path}: imagery, not a terrain grid; load the DEM again")
        return cls(cog, cog.transform)

    @staticmethod
    def from_dem(
        data: NDArray[np.floating],
        transform: Affine,
        crs: str,
        heights: Heights,
        reference: str = "1985",
    ) -> tuple[Grid, Affine]:
        """A DEM in memory as the base's grid; see :class:`twin.resample.Resampled` for the parameters.

        Returns
        -------
        grid : ndarray of float32, shape (rows, cols)
            Metres above the ellipsoid, NaN where the DEM has none.
        transform : tuple of 6 floats
            Cell corners to degrees (EPSG:4490), north up.
        """
        grid = Resampled(
            lambda top, bottom, left, right: data[top:bottom, left:right],
            (data.shape[0], data.shape[1]), transform, crs, heights, reference,
        )  # fmt: skip
        return grid.window(0, grid.shape[0], 0, grid.shape[1]), grid.transform

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        rows, cols = self.data.shape
        a, b, c, d, e, f = self.transform
        x = [c, c + a * cols, c + b * rows, c + a * cols + b * rows]
        y = [f, f + d * cols, f + e * rows, f + d * cols + e * rows]
        return min(x), min(y), max(x), max(y)

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a cell, degrees."""
        return abs(self.transform[0]), abs(self.transform[4])

    def height(self, lon: ArrayLike, lat: ArrayLike) -> Array:
        """Height of the ground at places.

        Parameters
        ----------
        lon, lat : array_like of float, any common shape
            Degrees, EPSG:4490.

        Returns
        -------
        ndarray of float64
            Metres above the ellipsoid, bilinear between cell centres; NaN outside the grid, in its
            gaps and where a coordinate is NaN.

        Examples
        --------
        >>> cells = np.array([[0.0, 10.0], [0.0, 10.0]])
        >>> slope = Terrain(cells, (1.0, 0.0, 100.0, 0.0, -1.0, 32.0))
        >>> slope.height([100.5, 101.0, 103.0], [31.0, 31.0, 31.0]).tolist()
        [0.0, 5.0, nan]
        """
        x, y = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        col, row = cell_of(self.transform, x, y)
        if isinstance(self.data, np.ndarray) or col.size <= _AT_ONCE:
            return bilinear(self.data, col, row)
        return self._in_order_of_tiles(col.ravel(), row.ravel()).reshape(col.shape)

    def grid(self, lon: Array, lat: Array, spacing: float = 0.0) -> Array:
        """Heights at all combinations of some longitudes and latitudes.

        Parameters
        ----------
        lon, lat : ndarray of float64, shapes (n,) and (m,)
            Degrees, each in order.
        spacing : float
            Degrees between places. An asset then answers from the overview whose cells are no larger,
            so that few heights stand for many; 0 asks for the cells themselves.

        Returns
        -------
        ndarray of float64, shape (m, n)
            As :meth:`height` of a meshgrid, to the bit where no overview is used.
        """
        _, b, _, d, _, _ = self.transform
        if b or d:
            return self.height(*np.meshgrid(lon, lat))
        level = 0
        if isinstance(self.data, Cog) and spacing > 0:
            level = max(0, int(np.floor(np.log2(spacing / max(self.cell)))))
            level = min(level, len(self.data.levels) - 1)
        col, _ = cell_of(self.transform, lon, np.full(len(lon), self.transform[5]))
        _, row = cell_of(self.transform, np.full(len(lat), self.transform[2]), lat)
        if level:
            col, row = (col + 0.5) / 2**level - 0.5, (row + 0.5) / 2**level - 0.5
        return self._window(level, col, row)

    def _window(self, level: int, col: Array, row: Array) -> Array:
        """Heights over rows and columns of a level, read in one piece."""
        whole = self.data.levels[level] if isinstance(self.data, Cog) else self.data.shape
        shape = (int(whole[0]), int(whole[1]))
        ends = []
        for at, size in ((row, shape[0]), (col, shape[1])):
            known = at[(at >= -0.5) & (at <= size - 0.5)]
            if not len(known):
                return np.full((len(row), len(col)), np.nan)
            ends += [max(int(known.min()) - 1, 0), min(int(known.max()) + 3, size)]
        top, bottom, left, right = ends
        if isinstance(self.data, Cog):
            cells = np.asarray(self.data.window(level, top, bottom, left, right), np.float32)
        else:
            cells = self.data[top:bottom, left:right]
        return np.asarray(bilinear_grid(cells, shape, top, left, col, row))

    def _in_order_of_tiles(self, col: Array, row: Array) -> Array:
        """Heights of many places, so that each tile is decoded once or twice."""
        with np.errstate(invalid="ignore"):
            key = np.nan_to_num(row // 512) * 1e6 + np.nan_to_num(col // 512)
        order = np.argsort(key, kind="stable")
        out = np.empty(len(col))
        for start in range(0, len(order), _AT_ONCE):
            these = order[start : start + _AT_ONCE]
            out[these] = bilinear(self.data, col[these], row[these])
        return out

    def sample(self) -> Array:
        """Some of its known heights: at most about 512 × 512 cells, evenly spread."""
        rows, cols = self.data.shape
        if isinstance(self.data, Cog):
            level = len(self.data.levels) - 1
            cells = self.data.window(level, 0, rows, 0, cols).astype(np.float64)
        else:
            cells = np.asarray(
                self.data[:: max(1, rows // 512), :: max(1, cols // 512)], np.float64
            )
        return np.asarray(cells[np.isfinite(cells)])

    def digest(self) -> str:
        """Hash of the cells and their place; an asset's name is one already."""
        if isinstance(self.data, Cog):
            return self.data.name
        place = f"{self.data.shape}{self.data.dtype.str}{[float(v) for v in self.transform]}"
        content = np.ascontiguousarray(self.data).view(np.uint8)
        return hashlib.sha256(place.encode() + content.tobytes()).hexdigest()


class Mosaic:
    """Several grids as one ground: at each place the finest grid that knows it decides.

    Grids of equal cells keep the order given. Between two grids that touch, heights run on without
    a step: what lies beyond the outer cell centres of one is taken from the others.

    Parameters
    ----------
    parts : sequence of Terrain
        At least one.
    """

    def __init__(self, parts: Sequence[Terrain]) -> None:
        if not parts:
            raise InvalidRequestError("a mosaic needs at least one grid; none was given")
        self.parts = tuple(sorted(parts, key=lambda p: round(np.log2(p.cell[1]), 2)))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all grids together, degrees."""
        boxes = np.array([part.bounds for part in self.parts])
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of the finest cell, degrees."""
        return self.parts[0].cell

    def height(self, lon: ArrayLike, lat: ArrayLike) -> Array:
        """Height of the ground at places; see :meth:`Terrain.height`."""
        x, y = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        at_x, at_y = x.ravel(), y.ravel()
        out = self._stacked(at_x, at_y, self.parts)
        for k, part in enumerate(self.parts):
            self._across_edges(part, k, at_x, at_y, out)
        return out.reshape(x.shape)

    def grid(self, lon: Array, lat: Array, spacing: float = 0.0) -> Array:  # noqa: ARG002 -- several grids have no common overviews
        """Heights at all combinations of longitudes and latitudes, from the cells themselves."""
        reach = max(max(part.cell) for part in self.parts)
        box = lon.min(), lat.min(), lon.max(), lat.max()
        near = [part for part in self.parts if _overlap(part.bounds, box, reach)]
        if not near:
            return np.full((len(lat), len(lon)), np.nan)
        if len(near) == 1 and _within(box, near[0]):
            return near[0].grid(lon, lat)
        return self.height(*np.meshgrid(lon, lat))

    def _stacked(self, x: Array, y: Array, parts: Sequence[Terrain]) -> Array:
        out = np.full(len(x), np.nan)
        for part in parts:
            west, south, east, north = part.bounds
            box = (x >= west) & (x <= east) & (y >= south) & (y <= north)
            missing = np.flatnonzero(np.isnan(out) & box)
            if len(missing):
                out[missing] = part.height(x[missing], y[missing])
        return out

    def _across_edges(self, part: Terrain, k: int, x: Array, y: Array, out: Array) -> None:
        """Places in the outer half cell of a grid: interpolated with what the other grids know beyond it."""
        rows, cols = part.data.shape
        west, south, east, north = part.bounds
        at = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
        col, row = cell_of(part.transform, x[at], y[at])
        at = at[(col < 0) | (col > cols - 1) | (row < 0) | (row > rows - 1)]
        for finer in self.parts[:k]:
            at = at[np.isnan(finer.height(x[at], y[at]))] if len(at) else at
        at = at[np.isfinite(part.height(x[at], y[at]))] if len(at) else at
        if not len(at):
            return
        others = [p for p in self.parts if p is not part]
        a, b, c, d, e, f = part.transform
        col, row = cell_of(part.transform, x[at], y[at])
        j, i = np.floor(col), np.floor(row)
        u, v = col - j, row - i
        total, weights = np.zeros(len(at)), np.zeros(len(at))
        for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = (v if di else 1 - v) * (u if dj else 1 - u)
            at_col, at_row = j + dj + 0.5, i + di + 0.5
            lon, lat = a * at_col + b * at_row + c, d * at_col + e * at_row + f
            value = part.height(lon, lat)
            gap = np.isnan(value)
            value[gap] = self._stacked(lon[gap], lat[gap], others)
            weights += np.isfinite(value) * weight
            total += np.nan_to_num(value) * weight
        known = weights > 0
        out[at[known]] = total[known] / weights[known]

    def sample(self) -> Array:
        """Some of the known heights of every grid."""
        return np.concatenate([part.sample() for part in self.parts])

    def digest(self) -> str:
        """Hash of the digests of the grids, in their order."""
        return hashlib.sha256("".join(part.digest() for part in self.parts).encode()).hexdigest()


_Box = tuple[float, float, float, float]


def _overlap(one: _Box, other: _Box, reach: float) -> bool:
    """Whether two boxes come nearer to each other than ``reach`` degrees."""
    across = one[0] <= other[2] + reach and other[0] <= one[2] + reach
    return bool(across and one[1] <= other[3] + reach and other[1] <= one[3] + reach)


def _within(box: _Box, part: Terrain) -> bool:
    """Whether a box lies inside the outermost cell centres of a grid."""
    west, south, east, north = part.bounds
    a, e = part.cell
    return bool(
        box[0] >= west + a and box[1] >= south + e and box[2] <= east - a and box[3] <= north - e
    )
