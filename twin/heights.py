"""Heights: from what a source means by a height to metres above the ellipsoid.

A source's ``z_reference`` is ``1985`` (national height datum, above the quasi-geoid),
``ellipsoid``, or ``ground`` (heights above the ground, or none at all).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import InvalidRequestError, SourceError

__all__ = ["REFERENCES", "GeoidGrid", "Heights"]

Array = NDArray[np.float64]

REFERENCES = ("1985", "ellipsoid", "ground")

_GTX_HEADER = np.dtype([("origin", ">f8", 2), ("step", ">f8", 2), ("shape", ">i4", 2)])
_GTX_NO_DATA = -88.8888
_MAX_NODES = 200_000_000


@dataclass(frozen=True, slots=True)
class GeoidGrid:
    """Undulations on a regular grid of nodes.

    Parameters
    ----------
    values : ndarray of float, shape (rows, cols)
        Metres between ellipsoid and 1985 zero at each node, first row in the south; NaN where
        unknown.
    west, south : float
        Degrees of the first node.
    step_lon, step_lat : float
        Degrees between nodes, positive.
    """

    values: NDArray[np.floating]
    west: float
    south: float
    step_lon: float
    step_lat: float

    def __post_init__(self) -> None:
        """Refuse a grid that cannot be interpolated."""
        if self.values.ndim != 2 or min(self.values.shape) < 2:
            raise InvalidRequestError(
                f"a geoid grid of shape {self.values.shape}; expected ≥ 2 × 2"
            )
        if not (self.step_lon > 0 and self.step_lat > 0):
            raise InvalidRequestError("a geoid grid with steps that are not positive")

    @classmethod
    def read(cls, path: Path) -> "GeoidGrid":
        """Read a grid file: GTX (``.gtx``, as PROJ uses it) or NumPy (``.npz``).

        The NumPy archive holds ``values`` (first row in the south) and ``origin`` =
        (west, south, step_lon, step_lat), degrees.

        Raises
        ------
        SourceError
            If the file is no such grid.
        """
        try:
            return cls._read_npz(path) if path.suffix.lower() == ".npz" else cls._read_gtx(path)
        except (OSError, ValueError, KeyError, IndexError, InvalidRequestError) as err:
            raise SourceError(path, f"no geoid grid: {err}. Expected .gtx or .npz") from err

    @classmethod
    def _read_npz(cls, path: Path) -> "GeoidGrid":
        with np.load(path, allow_pickle=False) as archive:
            west, south, step_lon, step_lat = (float(v) for v in archive["origin"])
            return cls(archive["values"].astype(np.float64), west, south, step_lon, step_lat)

    @classmethod
    def _read_gtx(cls, path: Path) -> "GeoidGrid":
        raw = path.read_bytes()
        header = np.frombuffer(raw, dtype=_GTX_HEADER, count=1)[0]
        rows, cols = (int(v) for v in header["shape"])
        if not (rows > 0 and cols > 0 and rows * cols <= _MAX_NODES):
            raise ValueError(f"{rows} × {cols} nodes")
        body = np.frombuffer(raw, dtype=">f4", count=rows * cols, offset=_GTX_HEADER.itemsize)
        values = body.reshape(rows, cols).astype(np.float64)
        values[np.isclose(values, _GTX_NO_DATA, atol=1e-4)] = np.nan
        south, west = (float(v) for v in header["origin"])
        step_lat, step_lon = (float(v) for v in header["step"])
        return cls(values, west - 360.0 if west > 180.0 else west, south, step_lon, step_lat)

    def at(self, lon: ArrayLike, lat: ArrayLike) -> Array:
        """Undulation at places by bilinear interpolation; metres, NaN outside and beside gaps."""
        col = (np.asarray(lon, np.float64) - self.west) / self.step_lon
        row = (np.asarray(lat, np.float64) - self.south) / self.step_lat
        rows, cols = self.values.shape
        inside = (col >= 0) & (col <= cols - 1) & (row >= 0) & (row <= rows - 1)
        j = np.clip(np.where(inside, col, 0).astype(np.int64), 0, cols - 2)
        i = np.clip(np.where(inside, row, 0).astype(np.int64), 0, rows - 2)
        u, v = col - j, row - i
        lower = self.values[i, j] * (1 - u) + self.values[i, j + 1] * u
        upper = self.values[i + 1, j] * (1 - u) + self.values[i + 1, j + 1] * u
        return np.where(inside, lower * (1 - v) + upper * v, np.nan)


@dataclass(frozen=True, slots=True)
class Heights:
    """How 1985 heights of a city become ellipsoidal ones: ``ellipsoidal = 1985 + undulation``.

    Parameters
    ----------
    undulation_source : float or GeoidGrid
        A constant for the whole city (metres), or a grid.

    Examples
    --------
    >>> Heights(-12.8).to_ellipsoid([20.0], [114.0], [30.0], "1985").tolist()
    [7.199999999999999]
    """

    undulation_source: float | GeoidGrid = 0.0

    def undulation(self, lon: ArrayLike, lat: ArrayLike) -> Array:
        """Metres to add to a 1985 height, same shape as ``lon``; NaN where a grid has none."""
        if isinstance(self.undulation_source, GeoidGrid):
            return self.undulation_source.at(lon, lat)
        return np.full(np.shape(np.asarray(lon)), float(self.undulation_source))

    def to_ellipsoid(
        self,
        z: ArrayLike,
        lon: ArrayLike,
        lat: ArrayLike,
        reference: str,
        ground: ArrayLike | None = None,
    ) -> Array:
        """Ellipsoidal heights of a source's heights.

        Parameters
        ----------
        z : array_like of float, shape (n,)
            Metres in the source's reference; NaN where it has none.
        lon, lat : array_like of float, shape (n,)
            Degrees, EPSG:4490.
        reference : str
            ``1985``, ``ellipsoid`` or ``ground``.
        ground : array_like of float, shape (n,), optional
            Ellipsoidal height of the ground there, needed for ``ground``.

        Returns
        -------
        ndarray of float64, shape (n,)
            Metres above the ellipsoid. NaN stays NaN, except with ``ground``, where a missing
            height means "on the ground".

        Raises
        ------
        InvalidRequestError
            If the reference is unknown, or ``ground`` is needed and not given.
        """
        values = np.asarray(z, np.float64)
        if reference == "ellipsoid":
            return values.copy()
        if reference == "1985":
            return values + self.undulation(lon, lat)
        if reference != "ground":
            known = ", ".join(REFERENCES)
            raise InvalidRequestError(f"height reference {reference!r}; expected one of {known}")
        if ground is None:
            raise InvalidRequestError("heights above ground need the height of the ground")
        return np.asarray(ground, np.float64) + np.nan_to_num(values, nan=0.0)
