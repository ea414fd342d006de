"""A DEM of any system as the base's regular longitude/latitude grid of ellipsoidal heights, window by window."""

from collections.abc import Callable
from math import ceil, cos, hypot, radians

import numpy as np
from numpy.typing import NDArray

from twin.bilinear import Affine, Array, bilinear, cell_of
from twin.crs import from_geographic, is_geographic, to_geographic
from twin.errors import InvalidRequestError
from twin.heights import Heights

__all__ = ["Resampled"]

Grid = NDArray[np.float32]
Window = Callable[[int, int, int, int], NDArray[np.floating]]

MAX_GROWTH = 64
"""Cells the grid may have per pixel of the raster (pixels may be oblong or turned); more is a transform that lies."""
_METRES_PER_DEGREE = 111_319.490793
_BLOCK_CELLS = 1 << 18  # cells worked on at a time
_LATTICE_METRES = (
    400.0  # PROJ is asked at this spacing; in between linear, good to a few millimetres
)


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
    if not (np.isfinite(sizes).all() and step_lat > 0 and squeeze > 0):
        raise InvalidRequestError(
            f"its pixels have no size in {crs}; expected a transform that places them apart"
        )
    step_lon = step_lat / squeeze
    wide, tall = max((east - west) / step_lon, 1), max((north - south) / step_lat, 1)
    if wide * tall > MAX_GROWTH * (shape[0] * shape[1] + 1e6):
        raise InvalidRequestError(
            f"placed in {crs} it would need {wide:.3g} × {tall:.3g} cells for its {shape[1]} × {shape[0]} pixels; "
            "its transform or its system is wrong"
        )
    cols, rows = ceil(wide), ceil(tall)
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


class Resampled:
    """The grid a DEM becomes; bilinear by inverse mapping at the DEM's own resolution.

    A DEM that already is a regular longitude/latitude grid keeps its cells.

    Parameters
    ----------
    window : callable (row0, row1, col0, col1) -> ndarray of float, shape (rows, cols)
        Cells of the DEM, metres in ``reference``, NaN where unknown.
    shape : (int, int)
        Rows and columns of the DEM.
    transform : tuple of 6 floats
        Cell corners to coordinates of ``crs``.
    crs : str
        See :func:`twin.crs.canonical`.
    heights : Heights
        The city's relation between 1985 and the ellipsoid.
    reference : str
        ``1985`` or ``ellipsoid``.

    Raises
    ------
    InvalidRequestError
        If the raster cannot be placed, or the reference is ``ground``.
    """

    def __init__(
        self,
        window: Window,
        shape: tuple[int, int],
        transform: Affine,
        crs: str,
        heights: Heights,
        reference: str = "1985",
    ) -> None:
        if reference == "ground":
            raise InvalidRequestError(
                "a DEM has 1985 or ellipsoidal heights, not heights above ground"
            )
        self._window, self._shape, self._source, self._crs = window, shape, transform, crs
        self._heights, self._reference = heights, reference
        self.transform, rows, cols = _target(shape, transform, crs)
        """Cell corners to degrees (EPSG:4490), north up."""
        self.shape = rows, cols
        """Rows and columns of the grid."""

    def window(self, row0: int, row1: int, col0: int, col1: int) -> Grid:
        """Cells of a half-open window of the grid: float32, metres above the ellipsoid, NaN where unknown."""
        out: Grid = np.empty((row1 - row0, col1 - col0), np.float32)
        side = int(_BLOCK_CELLS**0.5)
        for top in range(row0, row1, side):
            for left in range(col0, col1, side):
                bottom, right = min(top + side, row1), min(left + side, col1)
                out[top - row0 : bottom - row0, left - col0 : right - col0] = self._block(
                    top, bottom, left, right
                )
        return out

    def _block(self, top: int, bottom: int, left: int, right: int) -> NDArray[np.float64]:
        step_lon, _, west, _, step_lat, north = self.transform
        lon: Array = west + (np.arange(left, right, dtype=np.float64) + 0.5) * step_lon
        lat: Array = north + (np.arange(top, bottom, dtype=np.float64) + 0.5) * step_lat
        spacing = max(1, min(64, int(_LATTICE_METRES / (-step_lat * _METRES_PER_DEGREE))))
        x, y = _source_positions(self._crs, lon, lat, spacing)
        col, row = cell_of(self._source, x, y)
        z = self._sampled(col, row)
        at_lon, at_lat = np.broadcast_to(lon, z.shape), np.broadcast_to(lat[:, None], z.shape)
        return self._heights.to_ellipsoid(z, at_lon, at_lat, self._reference)

    def _sampled(self, col: Array, row: Array) -> Array:
        rows, cols = self._shape
        with np.errstate(invalid="ignore"):
            inside = (col >= -0.5) & (col <= cols - 0.5) & (row >= -0.5) & (row <= rows - 0.5)
        if not inside.any():
            return np.full(col.shape, np.nan)
        left, right = int(col[inside].min()) - 1, int(col[inside].max()) + 3
        top, bottom = int(row[inside].min()) - 1, int(row[inside].max()) + 3
        left, top = max(left, 0), max(top, 0)
        cells = self._window(top, min(bottom, rows), left, min(right, cols))
        return bilinear(cells, np.where(inside, col - left, np.nan), row - top)
