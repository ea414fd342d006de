"""Colours of single faces: IfcIndexedColourMap on an IfcTriangulatedFaceSet, which the kernels leave out."""

import contextlib
from typing import Any

import ifcopenshell
import numpy as np
from numpy.typing import NDArray

__all__ = ["FaceColors"]

Colors = NDArray[np.uint8]
FAINTEST = 0.05
"""Opacity that a shape keeps, so that it can be seen and picked."""


class FaceColors:
    """Colours of the triangles of face sets, by step id of the face set.

    Parameters
    ----------
    model : ifcopenshell.file
        IFC2x3 has no colour maps.
    """

    def __init__(self, model: ifcopenshell.file) -> None:
        self._maps: dict[int, Any] = {}
        self._read: dict[int, Colors | None] = {}
        with contextlib.suppress(RuntimeError):  # the schema has no such class
            for one in model.by_type("IfcIndexedColourMap"):
                if hasattr(one.MappedTo, "is_a") and one.MappedTo.is_a("IfcTriangulatedFaceSet"):
                    self._maps[one.MappedTo.id()] = one

    def __bool__(self) -> bool:
        return bool(self._maps)

    def over(self, colors: Colors, items: NDArray[np.int32]) -> Colors:
        """Colours of a shape's triangles with those of its face sets laid over.

        Parameters
        ----------
        colors : ndarray of uint8, shape (m, 4)
            RGBA by style.
        items : ndarray of int32, shape (m,)
            Step id of the item that each triangle comes from.

        Returns
        -------
        ndarray of uint8, shape (m, 4)
            A face set whose triangles are not those of the file any more (cut by an opening) keeps
            its style: which face a triangle belongs to is told by their order.
        """
        out = colors.copy()
        for item in np.unique(items).tolist() if len(items) == len(colors) else ():
            painted, there = self._of(item), items == item
            if painted is not None and len(painted) == there.sum():
                out[there] = painted
        return out

    def _of(self, item: int) -> Colors | None:
        if item in self._maps and item not in self._read:
            self._read[item] = None
            with contextlib.suppress(RuntimeError, ValueError, TypeError, IndexError):
                self._read[item] = _painted(self._maps[item])
        return self._read.get(item)


def _painted(one: Any) -> Colors:  # noqa: ANN401 (IFC entity)
    """RGBA of the triangles of a face set that have three corners apart, as the kernels keep them."""
    opacity = one.Opacity if isinstance(one.Opacity, float) and np.isfinite(one.Opacity) else 1.0
    rgb = np.clip(np.array(one.Colours.ColourList, dtype=float).reshape(-1, 3), 0.0, 1.0)
    alpha = np.full((len(rgb), 1), min(max(opacity, FAINTEST), 1.0))
    table = np.rint(np.hstack([rgb, alpha]) * 255).astype(np.uint8)
    chosen = np.array(one.ColourIndex, dtype=int) - 1
    corners = np.array(one.MappedTo.CoordIndex, dtype=int).reshape(-1, 3) - 1
    if min(chosen.min(), corners.min()) < 0 or len(chosen) != len(corners):
        raise ValueError
    points = np.array(one.MappedTo.Coordinates.CoordList, dtype=float)[corners]
    same = (points == np.roll(points, 1, axis=1)).all(axis=2).any(axis=1)
    return np.asarray(table[chosen[~same]])
