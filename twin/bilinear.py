"""Heights between the cells of a regular grid."""

from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Affine", "Array", "Cells", "bilinear", "bilinear_grid", "cell_of"]

Affine = tuple[float, float, float, float, float, float]
Array = NDArray[np.float64]


class Cells(Protocol):
    """Cells that arrays of row and column index: an ndarray or an asset."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    def __getitem__(
        self, at: tuple[NDArray[np.int64], NDArray[np.int64]], /
    ) -> NDArray[np.generic]:
        """Values of cells."""
        ...


def bilinear(data: Cells, col: Array, row: Array) -> Array:
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


@njit(cache=True)
def bilinear_grid(
    window: NDArray[np.floating],
    shape: tuple[int, int],
    row0: int,
    col0: int,
    col: Array,
    row: Array,
) -> Array:
    """:func:`bilinear` over all combinations of rows and columns, to the bit.

    Parameters
    ----------
    window : ndarray of float, shape (m, n)
        Part of the cells, from ``row0`` and ``col0``, with all that is asked for.
    shape : (int, int)
        Of the whole.
    col, row : ndarray of float64, shapes (c,) and (r,)
        Fractional cell-centre coordinates in the whole.

    Returns
    -------
    ndarray of float64, shape (r, c)
    """
    rows, cols = shape
    out = np.full((len(row), len(col)), np.nan)
    for r in range(len(row)):
        if not (row[r] >= -0.5 and row[r] <= rows - 0.5):
            continue
        y = min(max(row[r], 0.0), rows - 1.0)
        i = min(int(y), max(rows - 2, 0))
        v = y - i
        for c in range(len(col)):
            if not (col[c] >= -0.5 and col[c] <= cols - 0.5):
                continue
            x = min(max(col[c], 0.0), cols - 1.0)
            j = min(int(x), max(cols - 2, 0))
            u = x - j
            total, weights, known = 0.0, 0.0, False
            for di in range(2):
                for dj in range(2):
                    value = float(
                        window[min(i + di, rows - 1) - row0, min(j + dj, cols - 1) - col0]
                    )
                    if np.isfinite(value):
                        weight = (v if di else 1 - v) * (u if dj else 1 - u)
                        total += value * weight
                        weights += weight
                        known |= (v >= 0.5) == (di == 1) and (u >= 0.5) == (dj == 1)
            if known and weights > 0:
                out[r, c] = total / weights
    return out


def cell_of(transform: Affine, x: Array, y: Array) -> tuple[Array, Array]:
    """Fractional cell-centre coordinates (col, row) of positions."""
    a, b, c, d, e, f = transform
    det = a * e - b * d
    dx, dy = x - c, y - f
    return (e * dx - b * dy) / det - 0.5, (a * dy - d * dx) / det - 0.5
