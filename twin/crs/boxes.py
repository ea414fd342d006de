"""Compiled: where the boxes of meshes lie on the Earth."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["placed_boxes", "spanned"]

Array = NDArray[np.float64]
_A = 6378137.0
_F = 1 / 298.257223563
_E2 = _F * (2 - _F)


@njit(cache=True, nogil=True)
def _geographic(x: float, y: float, z: float) -> tuple[float, float, float]:
    """As :func:`twin.crs.ecef_to_geographic` for one point, in radians; sines and cosines come from the sides."""
    p = np.sqrt(x * x + y * y)
    b = _A * (1 - _F)
    up, out = _A * z, b * p
    sin = cos = 0.0
    for _ in range(3):
        length = np.sqrt(up * up + out * out)
        sin, cos = up / length, out / length  # of the reduced latitude
        up, out = z + _E2 / (1 - _E2) * b * sin * sin * sin, p - _E2 * _A * cos * cos * cos
        length = np.sqrt(up * up + out * out)
        sin, cos = up / length, out / length  # of the latitude
        up, out = (1 - _F) * sin, cos
    h = p * cos + z * sin - _A * np.sqrt(1 - _E2 * sin * sin)
    return np.arctan2(y, x), np.arctan2(sin, cos), h


@njit(cache=True, nogil=True)
def placed_boxes(boxes: Array, matrices: Array) -> Array:
    """Boxes on the Earth of boxes that stand somewhere, each about its eight corners.

    Parameters
    ----------
    boxes : ndarray of float64, shape (n, 6)
        Least and greatest x, y, z in local metres.
    matrices : ndarray of float64, shape (n, 16)
        Row-major; local metres → EPSG:4978.

    Returns
    -------
    ndarray of float64, shape (n, 6)
        xmin, ymin, zmin, xmax, ymax, zmax in degrees and ellipsoidal metres; NaN where the matrix is.
    """
    out = np.empty((len(boxes), 6))
    for i in range(len(boxes)):
        m = matrices[i]
        for corner in range(8):
            x, y = boxes[i, 3 * (corner & 1)], boxes[i, 1 + 3 * (corner >> 1 & 1)]
            z = boxes[i, 2 + 3 * (corner >> 2)]
            found = _geographic(
                m[0] * x + m[1] * y + m[2] * z + m[3],
                m[4] * x + m[5] * y + m[6] * z + m[7],
                m[8] * x + m[9] * y + m[10] * z + m[11],
            )
            for axis in range(3):
                v = found[axis] if axis == 2 else np.rad2deg(found[axis])
                if corner == 0 or not v >= out[i, axis]:
                    out[i, axis] = v
                if corner == 0 or not v <= out[i, axis + 3]:
                    out[i, axis + 3] = v
    return out


@njit(cache=True, nogil=True)
def spanned(points: NDArray[np.float32], start: NDArray[np.int64]) -> Array:
    """Boxes of runs of points.

    Parameters
    ----------
    points : ndarray of float32, shape (m, 3)
    start : ndarray of int64, shape (n + 1,)
        Where each run begins.

    Returns
    -------
    ndarray of float64, shape (n, 6)
        Least and greatest x, y, z; NaN for an empty run and along an axis where one is NaN.
    """
    out = np.full((len(start) - 1, 6), np.nan)
    for i in range(len(out)):
        for k in range(start[i], start[i + 1]):
            for axis in range(3):
                v = points[k, axis]
                if k == start[i] or v < out[i, axis] or v != v:
                    out[i, axis] = v
                if k == start[i] or v > out[i, axis + 3] or v != v:
                    out[i, axis + 3] = v
    return out
