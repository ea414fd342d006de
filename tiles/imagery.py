"""Orthophoto as WebP tiles in Web Mercator (XYZ).

The deepest level is cut from the photo by inverse mapping: the corners of a 4 × 4 lattice per tile
are transformed exactly, pixels in between are placed and sampled bilinearly. Every coarser tile is
the mean of its four children, so nothing aliases.
"""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import orjson
from PIL import Image

from tiles.features import Layer, Progress, Write
from twin.crs import from_geographic, to_geographic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Affine = tuple[float, ...]

__all__ = ["DEEPEST", "TILE", "Photo", "build_imagery", "tile_bounds"]

TILE = 256
LATTICE = 4
SHALLOWEST, DEEPEST = 10, 17
QUALITY, METHOD = 80, 2
EQUATOR_M = 40_075_016.685578488
BACKLOG = 64
"""Encodings that may wait for a thread before the next tile is drawn."""


def tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of an XYZ tile, degrees."""
    lon, lat = _degrees(np.array([x, x + 1.0]) / 2**z, np.array([y, y + 1.0]) / 2**z)
    return float(lon[0]), float(lat[1]), float(lon[1]), float(lat[0])


def _degrees(u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude of Web Mercator fractions (0–1 from west, from north)."""
    return u * 360.0 - 180.0, np.rad2deg(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * v))))


def _fractions(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    phi = np.deg2rad(lat)
    return lon / 360.0 + 0.5, 0.5 - np.arcsinh(np.tan(phi)) / (2 * np.pi)


class Photo:
    """A georeferenced RGBA array and its means over 2, 4, 8 … pixels.

    Parameters
    ----------
    data : ndarray of uint8, shape (rows, cols, 4)
    transform : tuple of 6 floats
        Affine of pixel corners: x = a·col + b·row + c, y = d·col + e·row + f.
    crs : str
    """

    def __init__(self, data: NDArray[np.uint8], transform: Affine, crs: str) -> None:
        self.data, self.transform, self.crs = data, transform, crs
        rows, cols = data.shape[:2]
        t = np.linspace(0.0, 1.0, 33)
        col = np.concatenate([t * cols, t * cols, 0 * t, 0 * t + cols])
        row = np.concatenate([0 * t, 0 * t + rows, t * rows, t * rows])
        a, b, c, d, e, f = transform
        lon, lat, _ = to_geographic(crs, a * col + b * row + c, d * col + e * row + f)
        low, high = (np.nanmin(lon), np.nanmin(lat)), (np.nanmax(lon), np.nanmax(lat))
        self.bounds = float(low[0]), float(low[1]), float(high[0]), float(high[1])
        middle = a * cols / 2 + b * rows / 2 + c, d * cols / 2 + e * rows / 2 + f
        x = np.array([middle[0], middle[0] + a, middle[0] + b])
        y = np.array([middle[1], middle[1] + d, middle[1] + e])
        u, v = _fractions(*to_geographic(crs, x, y)[:2])
        sides = np.hypot(u[1:] - u[0], v[1:] - v[0])
        self.pixel = float(sides.min())
        """Size of a pixel as a fraction of the Web Mercator world."""

    @property
    def deepest(self) -> int:
        """The level whose pixels are the first no larger than 1.2 of the photo's."""
        return int(np.clip(np.ceil(np.log2(1.0 / (TILE * self.pixel * 1.2))), 0, DEEPEST))

    def level(self, z: int) -> tuple[NDArray[np.uint8], int]:
        """(the photo averaged so that it is no finer than half a pixel of level z, the factor)."""
        factor = 1
        while factor < 64 and 2 * factor * self.pixel * TILE * 2**z <= 1.0:
            factor *= 2
        if factor == 1:
            return self.data, 1
        reduced = Image.fromarray(np.ascontiguousarray(self.data)).reduce(factor)
        return np.asarray(reduced), factor

    def pixel_of(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Fractional (column, row), counted from the photo's corner."""
        x, y, _ = from_geographic(self.crs, lon, lat)
        a, b, c, d, e, f = self.transform
        det = a * e - b * d
        return (e * (x - c) - b * (y - f)) / det, (a * (y - f) - d * (x - c)) / det


def _draw(
    photo: Photo, data: NDArray[np.uint8], factor: int, z: int, x: int, y: int
) -> Image.Image | None:
    """One tile of the deepest level; None where the photo does not reach."""
    k = np.arange(LATTICE + 1) / LATTICE
    u, v = np.meshgrid((x + k) / 2**z, (y + k) / 2**z)
    col, row = (p / factor for p in photo.pixel_of(*_degrees(u, v)))
    if not np.isfinite(col + row).all():
        return None
    rows, cols = data.shape[:2]
    left, top = max(int(col.min()) - 2, 0), max(int(row.min()) - 2, 0)
    right, bottom = min(int(col.max()) + 3, cols), min(int(row.max()) + 3, rows)
    if left >= right or top >= bottom:
        return None
    window = Image.fromarray(np.ascontiguousarray(data[top:bottom, left:right]))
    col, row = col - left, row - top
    side = TILE // LATTICE
    mesh = [
        (
            (j * side, i * side, (j + 1) * side, (i + 1) * side),
            tuple(
                float(p)
                for q in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
                for p in (col[q], row[q])
            ),
        )
        for i in range(LATTICE)
        for j in range(LATTICE)
    ]
    image = window.transform((TILE, TILE), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    return image if image.getchannel("A").getbbox() is not None else None


def _encode(image: Image.Image) -> bytes:
    if image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    out = io.BytesIO()
    image.save(out, format="WEBP", quality=QUALITY, method=METHOD)
    return out.getvalue()


class _Pyramid:
    """Depth first over the tiles: memory holds one path of the tree, encoding runs in threads."""

    def __init__(self, photo: Photo, deepest: int, write: Write, progress: Progress | None) -> None:
        self.photo, self.deepest, self.write, self.progress = photo, deepest, write, progress
        self.data, self.factor = photo.level(deepest)
        west, south, east, north = photo.bounds
        u, v = _fractions(np.array([west, east]), np.array([north, south]))
        self.u, self.v = u, v
        self.total = sum(
            len(self.columns(z)) * len(self.rows(z)) for z in range(SHALLOWEST, deepest + 1)
        )
        self.done = 0
        self.written = 0
        self.waiting: list[tuple[str, Future[bytes]]] = []

    def columns(self, z: int) -> range:
        """Columns of a level that the photo's box touches."""
        return range(int(self.u[0] * 2**z), int(np.ceil(self.u[1] * 2**z)))

    def rows(self, z: int) -> range:
        """Rows of a level that the photo's box touches."""
        return range(int(self.v[0] * 2**z), int(np.ceil(self.v[1] * 2**z)))

    def tile(self, pool: ThreadPoolExecutor, z: int, x: int, y: int) -> Image.Image | None:
        """Draw a tile and everything below it."""
        if x not in self.columns(z) or y not in self.rows(z):
            return None
        image = (
            _draw(self.photo, self.data, self.factor, z, x, y)
            if z == self.deepest
            else self._mean(pool, z, x, y)
        )
        self.done += 1
        if image is not None:
            self.written += 1
            self.waiting.append((f"{z}/{x}/{y}.webp", pool.submit(_encode, image)))
            self.drain(BACKLOG)
        return image

    def _mean(self, pool: ThreadPoolExecutor, z: int, x: int, y: int) -> Image.Image | None:
        whole: Image.Image | None = None
        for dy in (0, 1):
            for dx in (0, 1):
                child = self.tile(pool, z + 1, 2 * x + dx, 2 * y + dy)
                if child is not None:
                    whole = whole or Image.new("RGBA", (2 * TILE, 2 * TILE))
                    whole.paste(child, (dx * TILE, dy * TILE))
        return None if whole is None else whole.reduce(2)

    def drain(self, keep: int) -> None:
        """Write finished tiles, oldest first, until at most ``keep`` wait."""
        while len(self.waiting) > keep:
            name, future = self.waiting.pop(0)
            self.write(name, future.result())
        if self.progress is not None:
            self.progress(self.done, self.total)


def build_imagery(photo: Photo, name: str, write: Write, progress: Progress | None = None) -> Layer:
    """Write ``{z}/{x}/{y}.webp`` and ``tilejson.json``; tiles without any pixel are left out.

    Parameters
    ----------
    photo : Photo
    name : str
        Shown by clients.
    write, progress : callable

    Returns
    -------
    Layer
        ``features`` counts tiles; there is no tree.
    """
    deepest = photo.deepest
    first = min(SHALLOWEST, deepest)
    pyramid = _Pyramid(photo, deepest, write, progress)
    with ThreadPoolExecutor(2) as pool:
        for x in pyramid.columns(first):
            for y in pyramid.rows(first):
                pyramid.tile(pool, first, x, y)
        pyramid.drain(0)
    west, south, east, north = photo.bounds
    document = {
        "tilejson": "3.0.0",
        "name": name,
        "scheme": "xyz",
        "tiles": ["{z}/{x}/{y}.webp"],
        "format": "webp",
        "minzoom": first,
        "maxzoom": deepest,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, first],
    }
    write("tilejson.json", orjson.dumps(document))
    return Layer(None, pyramid.written)
