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
from twin.cog import Cog
from twin.crs import from_geographic, to_geographic

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class _InMemory:
    """An array with the overviews that an asset has."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._levels = [data]
        while max(self._levels[-1].shape[:2]) > TILE:
            image = Image.fromarray(np.ascontiguousarray(self._levels[-1]))
            self._levels.append(np.asarray(image.reduce(2)))

    @property
    def levels(self) -> list[tuple[int, int]]:
        """(rows, cols) of every level."""
        return [(level.shape[0], level.shape[1]) for level in self._levels]

    def window(self, level: int, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.uint8]:
        """Pixels of a half-open window."""
        return self._levels[level][row0:row1, col0:col1]


class Photo:
    """A georeferenced RGBA raster with overviews.

    Parameters
    ----------
    data : ndarray of uint8, shape (rows, cols, 4), or Cog
    transform : tuple of 6 floats
        Affine of pixel corners: x = a·col + b·row + c, y = d·col + e·row + f.
    crs : str
    """

    def __init__(self, data: NDArray[np.uint8] | Cog, transform: Affine, crs: str) -> None:
        self.data = data if isinstance(data, Cog) else _InMemory(data)
        self.transform, self.crs = transform, crs
        rows, cols = self.data.levels[0]
        t = np.linspace(0.0, 1.0, 33)
        col = np.concatenate([t * cols, t * cols, 0 * t, 0 * t + cols])
        row = np.concatenate([0 * t, 0 * t + rows, t * rows, t * rows])
        a, b, c, d, e, f = transform
        lon, lat, _ = to_geographic(crs, a * col + b * row + c, d * col + e * row + f)
        low, high = (np.nanmin(lon), np.nanmin(lat)), (np.nanmax(lon), np.nanmax(lat))
        self.bounds = float(low[0]), float(low[1]), float(high[0]), float(high[1])
        u, v = _fractions(np.array([low[0], high[0]]), np.array([high[1], low[1]]))
        self.box = float(u[0]), float(v[0]), float(u[1]), float(v[1])
        """West, north, east, south as fractions of the Web Mercator world."""
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

    def touches(self, z: int, x: int, y: int) -> bool:
        """Whether the photo's box reaches into a tile."""
        west, north, east, south = self.box
        n = 2**z
        across = west * n < x + 1 and east * n > x
        return bool(across and north * n < y + 1 and south * n > y)

    def level(self, z: int) -> int:
        """The coarsest overview whose pixels are no larger than half of those of level z."""
        level, last = 0, len(self.data.levels) - 1
        while level < last and 2 ** (level + 1) * self.pixel * TILE * 2**z <= 1.0:
            level += 1
        return level

    def pixel_of(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Fractional (column, row), counted from the photo's corner."""
        x, y, _ = from_geographic(self.crs, lon, lat)
        a, b, c, d, e, f = self.transform
        det = a * e - b * d
        return (e * (x - c) - b * (y - f)) / det, (a * (y - f) - d * (x - c)) / det


def _draw(photos: Sequence[Photo], z: int, x: int, y: int) -> Image.Image | None:
    """One tile from all photos, the first on top; None where none reaches."""
    image: Image.Image | None = None
    for photo in photos:
        if not photo.touches(z, x, y):
            continue
        below = _draw_one(photo, z, x, y)
        if below is not None:
            image = below if image is None else Image.alpha_composite(below, image)
        if image is not None and image.getchannel("A").getextrema()[0] == 255:
            break
    return image


def _draw_one(photo: Photo, z: int, x: int, y: int) -> Image.Image | None:
    level = photo.level(z)
    k = np.arange(LATTICE + 1) / LATTICE
    u, v = np.meshgrid((x + k) / 2**z, (y + k) / 2**z)
    col, row = (p / 2**level for p in photo.pixel_of(*_degrees(u, v)))
    if not np.isfinite(col + row).all():
        return None
    rows, cols = photo.data.levels[level]
    left, top = max(int(col.min()) - 2, 0), max(int(row.min()) - 2, 0)
    right, bottom = min(int(col.max()) + 3, cols), min(int(row.max()) + 3, rows)
    if left >= right or top >= bottom:
        return None
    pixels = photo.data.window(level, top, bottom, left, right)
    window = Image.fromarray(np.ascontiguousarray(pixels))
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

    def __init__(self, photos: Sequence[Photo], write: Write, progress: Progress | None) -> None:
        self.photos, self.write, self.progress = photos, write, progress
        self.total = sum(
            len(self.columns(p, z)) * len(self.rows(p, z))
            for p in photos
            for z in range(min(SHALLOWEST, p.deepest), p.deepest + 1)
        )
        self.done = 0
        self.written = 0
        self.waiting: list[tuple[str, Future[bytes]]] = []

    @staticmethod
    def columns(photo: Photo, z: int) -> range:
        """Columns of a level that a photo's box touches."""
        return range(int(photo.box[0] * 2**z), int(np.ceil(photo.box[2] * 2**z)))

    @staticmethod
    def rows(photo: Photo, z: int) -> range:
        """Rows of a level that a photo's box touches."""
        return range(int(photo.box[1] * 2**z), int(np.ceil(photo.box[3] * 2**z)))

    def roots(self, z: int) -> list[tuple[int, int]]:
        """Tiles of a level that any photo's box touches, in order."""
        return sorted({(x, y) for p in self.photos for x in self.columns(p, z) for y in self.rows(p, z)})  # fmt: skip

    def tile(self, pool: ThreadPoolExecutor, z: int, x: int, y: int) -> Image.Image | None:
        """Draw a tile and everything below it; no deeper than the finest photo in it."""
        here = [p for p in self.photos if p.touches(z, x, y)]
        if not here:
            return None
        deeper = any(p.deepest > z for p in here)
        image = self._mean(pool, z, x, y) if deeper else _draw(here, z, x, y)
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
            self.progress(min(self.done, self.total), self.total)


def build_imagery(
    photos: Sequence[Photo], name: str, write: Write, progress: Progress | None = None
) -> Layer:
    """Write ``{z}/{x}/{y}.webp`` and ``tilejson.json``; tiles without any pixel are left out.

    Parameters
    ----------
    photos : sequence of Photo
        At least one; the first lies on top.
    name : str
        Shown by clients.
    write, progress : callable

    Returns
    -------
    Layer
        ``features`` counts tiles; there is no tree.
    """
    deepest = max(photo.deepest for photo in photos)
    first = min(SHALLOWEST, deepest)
    pyramid = _Pyramid(photos, write, progress)
    with ThreadPoolExecutor(2) as pool:
        for x, y in pyramid.roots(first):
            pyramid.tile(pool, first, x, y)
        pyramid.drain(0)
    boxes = np.array([photo.bounds for photo in photos])
    west, south = (float(v) for v in boxes[:, :2].min(axis=0))
    east, north = (float(v) for v in boxes[:, 2:].max(axis=0))
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
