"""The ground: one regular longitude/latitude grid of ellipsoidal heights, and its height anywhere.

Cells are described by an affine transform of their corners, (a, b, c, d, e, f) with
``lon = a·col + b·row + c`` and ``lat = d·col + e·row + f``; values stand at cell centres.
"""

from dataclasses import dataclass
from math import ceil, cos, hypot, radians
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.crs import from_geographic, is_geographic, to_geographic
from twin.errors import CityError, InvalidRequestError
from twin.heights import Heights

__all__ = ["Affine", "Terrain"]

Affine = tuple[float, float, float, float, float, float]
Array = NDArray[np.float64]
Grid = NDArray[np.float32]

_METRES_PER_DEGREE = 111_319.490793
_BLOCK_CELLS = 1 << 20  # cells worked on at a time
_LATTICE_METRES = (
    400.0  # PROJ is asked at this spacing; in between linear, good to a few millimetres
)


def _bilinear(data: NDArray[np.floating], col: Array, row: Array) -> Array:
    """Value at fractional cell-centre coordinates; gaps (NaN) are left out of the mean.

    Half a cell beyond the outer centres belongs to the grid and has the outer value. NaN outside,
    and where the nearest cell is a gap.
    """
    rows, cols = data.shape
    inside = (col >= -0.5) & (col <= cols - 0.5) & (row >= -0.5) & (row <= rows - 0.5)
    x = np.clip(np.where(inside, col, 0.0), 0, cols - 1)
    y = np.clip(np.where(inside, row, 0.0), 0, rows - 1)
    j, i = (
        np.minimum(x.astype(np.int64), max(cols - 2, 0)),
        np.minimum(y.astype(np.int64), max(rows - 2, 0)),
    )
    u, v = x - j, y - i
    total, weights = np.zeros(x.shape), np.zeros(x.shape)
    nearest_known = np.zeros(x.shape, bool)
    for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
        value = data[np.minimum(i + di, rows - 1), np.minimum(j + dj, cols - 1)].astype(np.float64)
        weight = (v if di else 1 - v) * (u if dj else 1 - u)
        known = np.isfinite(value)
        total += np.where(known, value, 0.0) * weight
        weights += known * weight
        is_nearest = ((v >= 0.5) == bool(di)) & ((u >= 0.5) == bool(dj))
        nearest_known |= is_nearest & known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(inside & nearest_known & (weights > 0), total / weights, np.nan)


def _cell_of(transform: Affine, x: Array, y: Array) -> tuple[Array, Array]:
    """Fractional cell-centre coordinates (col, row) of positions."""
    a, b, c, d, e, f = transform
    det = a * e - b * d
    dx, dy = x - c, y - f
    return (e * dx - b * dy) / det - 0.5, (a * dy - d * dx) / det - 0.5


def _outline(shape: tuple[int, int], transform: Affine, crs: str) -> tuple[Array, Array]:
    """Longitude and latitude along the edge of a raster."""
    rows, cols = shape
    t = np.linspace(0.0, 1.0, 65)
    col = np.concatenate([t * cols, t * cols, 0 * t, 0 * t + cols])
    row = np.concatenate([0 * t, 0 * t + rows, t * rows, t * rows])
    a, b, c, d, e, f = transform
    lon, lat, _ = to_geographic(crs, a * col + b * row + c, d * col + e * row + f)
    return lon, lat


def _target(shape: tuple[int, int], transform: Affine, crs: str) -> tuple[Affine, int, int]:
    """Transform, rows and columns of the regular grid that holds a raster at its resolution."""
    a, b, c, d, e, f = transform
    if is_geographic(crs) and b == 0 and d == 0 and a > 0 and e < 0 and not crs.endswith("@yx"):
        lon, lat, _ = to_geographic(crs, [c], [f])
        if lon[0] == c and lat[0] == f:
            return transform, shape[0], shape[1]
    lon, lat = _outline(shape, transform, crs)
    if not np.isfinite(lon).any():
        raise InvalidRequestError(f"the raster lies outside the area {crs} can be used in")
    west, east = float(np.nanmin(lon)), float(np.nanmax(lon))
    south, north = float(np.nanmin(lat)), float(np.nanmax(lat))
    middle = (a * shape[1] / 2 + b * shape[0] / 2 + c, d * shape[1] / 2 + e * shape[0] / 2 + f)
    x = np.array([middle[0], middle[0] + a, middle[0] + b])
    y = np.array([middle[1], middle[1] + d, middle[1] + e])
    p, q, _ = to_geographic(crs, x, y)
    squeeze = cos(radians(float(q[0])))
    sizes = [hypot(float(p[k] - p[0]) * squeeze, float(q[k] - q[0])) for k in (1, 2)]
    step_lat = min(sizes)
    step_lon = step_lat / squeeze
    cols, rows = max(ceil((east - west) / step_lon), 1), max(ceil((north - south) / step_lat), 1)
    return (step_lon, 0.0, west, 0.0, -step_lat, north), rows, cols


def _source_positions(crs: str, lon: Array, lat: Array, step: int) -> tuple[Array, Array]:
    """Source x, y over the mesh ``lat`` × ``lon``: exact every ``step`` nodes, else linear."""
    i = np.unique(np.append(np.arange(0, len(lat), step), len(lat) - 1))
    j = np.unique(np.append(np.arange(0, len(lon), step), len(lon) - 1))
    nodes_lon, nodes_lat = np.meshgrid(lon[j], lat[i])
    x, y, _ = from_geographic(crs, nodes_lon, nodes_lat)
    if step == 1:
        return x, y

    def spread(values: Array) -> Array:
        index = np.interp(np.arange(len(lon)), j, np.arange(len(j)))
        left = np.minimum(index.astype(int), max(len(j) - 2, 0))
        right, u = np.minimum(left + 1, len(j) - 1), index - left
        along = values[:, left] * (1 - u) + values[:, right] * u
        index = np.interp(np.arange(len(lat)), i, np.arange(len(i)))
        top = np.minimum(index.astype(int), max(len(i) - 2, 0))
        low, v = np.minimum(top + 1, len(i) - 1), (index - top)[:, None]
        return np.asarray(along[top] * (1 - v) + along[low] * v)

    return spread(x), spread(y)


@dataclass(frozen=True, slots=True)
class Terrain:
    """Ground heights over a regular longitude/latitude grid.

    Parameters
    ----------
    data : ndarray of float32, shape (rows, cols)
        Metres above the ellipsoid at cell centres, NaN where unknown; may be memory-mapped.
    transform : tuple of 6 floats
        Cell corners to degrees (EPSG:4490).
    """

    data: NDArray[np.floating]
    transform: Affine

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        a, b, _, d, e, _ = self.transform
        if self.data.ndim != 2 or self.data.size == 0 or a * e - b * d == 0:
            raise InvalidRequestError(
                f"a terrain needs a grid and an invertible transform; given {self.data.shape}, "
                f"transform {self.transform}"
            )

    @classmethod
    def open(cls, path: Path, transform: Affine) -> "Terrain":
        """Open a grid saved as ``.npy``, mapped from disk.

        Raises
        ------
        CityError
            If the file is missing or damaged.
        """
        try:
            data = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as err:
            raise CityError(f"{path}: no terrain grid ({err}); load the DEM again") from err
        return cls(data, (*transform,))

    @staticmethod
    def from_dem(
        data: NDArray[np.floating],
        transform: Affine,
        crs: str,
        heights: Heights,
        reference: str = "1985",
        out: Path | None = None,
    ) -> tuple[Grid, Affine]:
        """Resample a DEM of any system to the base's grid of ellipsoidal heights.

        Bilinear by inverse mapping, block of rows by block of rows; at the DEM's own resolution. A
        DEM that already is a regular longitude/latitude grid keeps its cells.

        Parameters
        ----------
        data : ndarray of float, shape (rows, cols)
            Metres in ``reference``, NaN where unknown; may be memory-mapped.
        transform : tuple of 6 floats
            Cell corners to coordinates of ``crs``.
        crs : str
            See :func:`twin.crs.canonical`.
        heights : Heights
            The city's relation between 1985 and the ellipsoid.
        reference : str
            ``1985`` or ``ellipsoid``.
        out : Path, optional
            Write the grid into this ``.npy`` as it grows instead of holding it in memory.

        Returns
        -------
        grid : ndarray of float32, shape (rows, cols)
            Metres above the ellipsoid, NaN where the DEM has none.
        transform : tuple of 6 floats
            Cell corners to degrees (EPSG:4490), north up.

        Raises
        ------
        InvalidRequestError
            If the raster cannot be placed, or the reference is ``ground``.
        """
        if reference == "ground":
            raise InvalidRequestError(
                "a DEM has 1985 or ellipsoidal heights, not heights above ground"
            )
        new, rows, cols = _target((data.shape[0], data.shape[1]), transform, crs)
        grid: Grid = (
            np.empty((rows, cols), np.float32) if out is None
            else np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=(rows, cols))
        )  # fmt: skip
        lon: Array = new[2] + (np.arange(cols, dtype=np.float64) + 0.5) * new[0]
        lat: Array = new[5] + (np.arange(rows, dtype=np.float64) + 0.5) * new[4]
        spacing = max(1, min(64, int(_LATTICE_METRES / (-new[4] * _METRES_PER_DEGREE))))
        block = max(1, _BLOCK_CELLS // cols)
        for start in range(0, rows, block):
            band = lat[start : start + block]
            x, y = _source_positions(crs, lon, band, spacing)
            z = _bilinear(data, *_cell_of(transform, x, y))
            at_lon, at_lat = np.broadcast_to(lon, z.shape), np.broadcast_to(band[:, None], z.shape)
            grid[start : start + block] = heights.to_ellipsoid(z, at_lon, at_lat, reference)
        return grid, new

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        rows, cols = self.data.shape
        a, b, c, d, e, f = self.transform
        x = [c, c + a * cols, c + b * rows, c + a * cols + b * rows]
        y = [f, f + d * cols, f + e * rows, f + d * cols + e * rows]
        return min(x), min(y), max(x), max(y)

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
        return _bilinear(self.data, *_cell_of(self.transform, x, y))
