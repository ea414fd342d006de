"""Water masks of terrain tiles: polygons of water drawn by scan line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numba import njit

from tiles.source import geometries

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["MASK", "Water"]

MASK = 256
"""Pixels along a side of a mask."""


class Water:
    """Polygons of water, degrees."""

    def __init__(self, polygons: NDArray[np.object_]) -> None:
        parts = shapely.get_parts(polygons[shapely.get_dimensions(polygons) == 2])
        self._parts = parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)]
        self._tree = shapely.STRtree(self._parts) if len(self._parts) else None

    @classmethod
    def of(cls, table: pa.Table | None) -> Water:
        """The polygons of a flat collection; other shapes are left out."""
        if table is None or not table.num_rows:
            return cls(np.empty(0, dtype=object))
        shapes = geometries(table)
        return cls(shapely.force_2d(shapes[~shapely.is_missing(shapes)]))

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._tree is not None

    def mask(self, z: int, x: int, y: int) -> bytes | None:
        """Mask of a tile of the geographic TMS scheme.

        Returns
        -------
        bytes or None
            65,536 bytes, 0 land and 255 water, rows from the north; one byte 255 where all is water;
            None where none is.
        """
        if self._tree is None:
            return None
        size = 180.0 / 2**z
        west, south = x * size - 180.0, y * size - 90.0
        found = np.sort(self._tree.query(shapely.box(west, south, west + size, south + size)))
        if not len(found):
            return None
        xy, starts = _edges(self._parts[found])
        # pixels from the west and from the north; their centres decide
        pixel = size / MASK
        xy = np.column_stack([(xy[:, 0] - west) / pixel, (south + size - xy[:, 1]) / pixel])
        mask = np.zeros((MASK, MASK), np.uint8)
        for a, b in starts:
            _draw(xy[a:b], mask)
        if not mask.any():
            return None
        return b"\xff" if mask.all() else mask.tobytes()


def _edges(parts: NDArray[np.object_]) -> tuple[Floats, list[tuple[int, int]]]:
    """Edges of each polygon as pairs of points in a row, and where each polygon's begin and end."""
    rings, polygon = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inside = ring[1:] == ring[:-1]
    pairs = np.empty((2 * int(inside.sum()), 2))
    pairs[0::2], pairs[1::2] = xy[:-1][inside], xy[1:][inside]
    count = np.bincount(polygon[ring[1:][inside]], minlength=len(parts)) * 2
    ends = np.cumsum(count)
    return pairs, list(zip((ends - count).tolist(), ends.tolist(), strict=True))


@njit(cache=True)
def _draw(edges: Floats, mask: NDArray[np.uint8]) -> None:
    """Fill one polygon, even and odd, into a mask; edges are pairs of points in pixels."""
    rows, cols = mask.shape
    low, high = rows, 0
    for k in range(len(edges)):
        low = min(low, max(int(np.floor(edges[k, 1])), 0))
        high = max(high, min(int(np.ceil(edges[k, 1])) + 1, rows))
    crossings = np.empty(len(edges) // 2)
    for i in range(low, high):
        y, n = i + 0.5, 0
        for k in range(0, len(edges), 2):
            y0, y1 = edges[k, 1], edges[k + 1, 1]
            if (y0 <= y) != (y1 <= y):
                x0, x1 = edges[k, 0], edges[k + 1, 0]
                crossings[n] = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
                n += 1
        at = np.sort(crossings[:n])
        for k in range(0, n - 1, 2):
            first = max(int(np.ceil(at[k] - 0.5)), 0)
            last = min(int(np.floor(at[k + 1] - 0.5)), cols - 1)
            for j in range(first, last + 1):
                mask[i, j] = 255
