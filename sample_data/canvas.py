"""Drawing EPSG:4547 geometry into a picture."""

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sample_data.district import EXTENT

__all__ = ["Canvas", "Colour", "noise"]

Colour = tuple[int, int, int]
Geometries = NDArray[np.object_]


def noise(size: int, cell: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise in −1 … 1, shape (size, size), whose blots are about ``cell`` pixels wide."""
    few = max(int(size / cell), 2)
    small = Image.fromarray(rng.uniform(-1.0, 1.0, (few, few)).astype(np.float32))
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


class Canvas:
    """A square picture of the district, ``size`` pixels wide; north is up.

    Parameters
    ----------
    size : int
        Pixels.
    mode : str
        ``RGB`` or ``L``.
    fill : colour or int
        Background.
    """

    def __init__(self, size: int, mode: str, fill: Colour | int) -> None:
        self.image = Image.new(mode, (size, size), fill)
        self.scale = size / (EXTENT[2] - EXTENT[0])
        self._draw = ImageDraw.Draw(self.image)

    def pixels(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel positions of points, shape (n, 2)."""
        return np.column_stack(
            [(xy[:, 0] - EXTENT[0]) * self.scale, (EXTENT[3] - xy[:, 1]) * self.scale]
        )

    def rings(
        self, rings: Geometries, fills: Sequence[Colour] | Sequence[int] | Colour | int
    ) -> None:
        """Fill linear rings, one colour each or one for all."""
        rings = rings[~shapely.is_empty(rings)]
        points = self.pixels(shapely.get_coordinates(rings))
        ends = np.cumsum(shapely.get_num_coordinates(rings))
        one = isinstance(fills, int) or (
            isinstance(fills, tuple) and len(fills) == 3 and isinstance(fills[0], int)
        )
        for i, end in enumerate(ends):
            start = ends[i - 1] if i else 0
            self._draw.polygon(points[start:end].ravel().tolist(), fill=fills if one else fills[i])  # type: ignore[arg-type,index]  # both forms checked

    def areas(self, geometry: Geometries, fill: Colour | int) -> None:
        """Fill polygons without regard to their holes."""
        self.rings(shapely.get_exterior_ring(_polygons(geometry)), fill)

    def holes(self, geometry: Geometries, fill: Colour | int) -> None:
        """Fill the holes of polygons."""
        polygons = _polygons(geometry)
        rings = [
            r for p in polygons[shapely.get_num_interior_rings(polygons) > 0] for r in p.interiors
        ]
        if rings:
            self.rings(np.array(rings, dtype=object), fill)

    def quads(self, corners: NDArray[np.float64], fills: Sequence[Colour] | Colour | int) -> None:
        """Fill four-sided shapes, ``corners`` of shape (n, 4, 2)."""
        points = self.pixels(corners.reshape(-1, 2)).reshape(-1, 8).tolist()
        one = isinstance(fills, int) or (
            isinstance(fills, tuple) and len(fills) == 3 and isinstance(fills[0], int)
        )
        for i, quad in enumerate(points):
            self._draw.polygon(quad, fill=fills if one else fills[i])  # type: ignore[arg-type,index]  # both forms checked

    def lines(self, geometry: Geometries, fill: Colour, width: float) -> None:
        """Draw lines ``width`` metres wide."""
        px = max(round(width * self.scale), 1)
        for line in shapely.get_parts(geometry):
            self._draw.line(
                self.pixels(shapely.get_coordinates(line)).ravel().tolist(),
                fill=fill,
                width=px,
                joint="curve",
            )

    def dots(
        self,
        xy: NDArray[np.float64],
        radius: NDArray[np.float64],
        fills: Iterable[Colour | int],
    ) -> None:
        """Draw discs of ``radius`` metres."""
        centre, r = self.pixels(xy), radius[:, None] * self.scale
        boxes = np.hstack([centre - r, centre + r]).tolist()
        for box, fill in zip(boxes, fills, strict=True):
            self._draw.ellipse(box, fill=fill)


def _polygons(geometry: Geometries) -> Geometries:
    parts = shapely.get_parts(np.asarray(geometry, dtype=object))
    return np.asarray(parts[shapely.get_type_id(parts) == 3])
