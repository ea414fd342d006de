"""Windows and cells of a raster asset; tiles are decoded when they are asked for."""

import mmap
import struct
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.cog.layout import TILE, Affine, decode
from twin.errors import CityError

__all__ = ["Cog"]

CACHE_BYTES = 96 << 20
"""Decoded tiles kept per open raster."""
_TYPES = {2: (1, "c"), 3: (2, "H"), 4: (4, "I"), 12: (8, "d"), 16: (8, "Q")}


@dataclass(frozen=True, slots=True)
class _Level:
    rows: int
    cols: int
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint64]


class Cog:
    """A raster asset, mapped from disk; safe to read from several threads.

    Parameters
    ----------
    path : Path
        As :func:`twin.cog.write_cog` wrote it.

    Raises
    ------
    CityError
        If the file is missing, damaged or not of this profile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[int, int, int], NDArray[np.generic]] = OrderedDict()
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._levels, self.bands, self.transform = _parsed(self._map)
        except (OSError, ValueError, struct.error, KeyError, IndexError) as err:
            raise CityError(
                f"{path}: no raster of the base ({err}); load its source again"
            ) from err

    def __reduce__(self) -> tuple[type["Cog"], tuple[Path]]:
        """Another process maps the same file anew."""
        return type(self), (self.path,)

    @property
    def name(self) -> str:
        """Name of the asset: a hash of its pixels and place."""
        return self.path.name

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """float32 for a DEM, uint8 for imagery."""
        return np.dtype(np.float32 if self.bands == 1 else np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, cols) of a DEM, (rows, cols, 4) of imagery."""
        first = self._levels[0]
        return (first.rows, first.cols) if self.bands == 1 else (first.rows, first.cols, 4)

    @property
    def ndim(self) -> int:
        """2 for a DEM, 3 for imagery."""
        return len(self.shape)

    @property
    def levels(self) -> list[tuple[int, int]]:
        """(rows, cols) of the raster and its overviews; level k has pixels 2^k as large."""
        return [(level.rows, level.cols) for level in self._levels]

    def window(self, level: int, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.generic]:
        """Pixels of a half-open window of a level, cut to the raster.

        Returns
        -------
        ndarray of float32, shape (rows, cols), or of uint8, shape (rows, cols, 4)
        """
        of = self._levels[level]
        row0, row1 = max(row0, 0), min(row1, of.rows)
        col0, col1 = max(col0, 0), min(col1, of.cols)
        shape = (max(row1 - row0, 0), max(col1 - col0, 0))
        out = np.empty(shape if self.bands == 1 else (*shape, 4), self.dtype)
        if 0 in shape:
            return out
        for i in range(row0 // TILE, (row1 - 1) // TILE + 1):
            for j in range(col0 // TILE, (col1 - 1) // TILE + 1):
                top, left = max(row0, i * TILE), max(col0, j * TILE)
                bottom, right = min(row1, (i + 1) * TILE), min(col1, (j + 1) * TILE)
                tile = self._tile(level, i, j)
                out[top - row0 : bottom - row0, left - col0 : right - col0] = tile[
                    top - i * TILE : bottom - i * TILE, left - j * TILE : right - j * TILE
                ]
        return out

    def __getitem__(self, at: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.generic]:
        """Cells of the raster itself at arrays of row and column, as NumPy's own indexing."""
        rows, cols = np.broadcast_arrays(*at)
        flat_rows, flat_cols = rows.ravel(), cols.ravel()
        across = ceil(self._levels[0].cols / TILE)
        tiles = (flat_rows // TILE) * across + flat_cols // TILE
        out = np.empty((len(tiles), *self.shape[2:]), self.dtype)
        if not len(tiles):
            return out.reshape((*rows.shape, *self.shape[2:]))
        order = np.argsort(tiles, kind="stable")
        starts = np.flatnonzero(np.diff(tiles[order], prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
            these = order[start:stop]
            i, j = divmod(int(tiles[these[0]]), across)
            tile = self._tile(0, i, j)
            out[these] = tile[flat_rows[these] - i * TILE, flat_cols[these] - j * TILE]
        return out.reshape((*rows.shape, *self.shape[2:]))

    def _tile(self, level: int, i: int, j: int) -> NDArray[np.generic]:
        key = (level, i, j)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        tile = self._decoded(level, i, j)
        with self._lock:
            self._cache[key] = tile
            while len(self._cache) * TILE * TILE * 4 > CACHE_BYTES:
                self._cache.popitem(last=False)
        return tile

    def _decoded(self, level: int, i: int, j: int) -> NDArray[np.generic]:
        of = self._levels[level]
        index = i * ceil(of.cols / TILE) + j
        offset, count = int(of.offsets[index]), int(of.counts[index])
        if count == 0:
            shape = (TILE, TILE) if self.bands == 1 else (TILE, TILE, 4)
            return np.full(shape, np.nan if self.bands == 1 else 0, self.dtype)
        want = TILE * TILE * 4
        try:
            raw = zlib.decompressobj().decompress(self._map[offset : offset + count], want)
            return decode(raw, self.bands)
        except (zlib.error, ValueError) as err:
            raise CityError(f"{self.path}: a damaged tile ({err}); load its source again") from err


def _parsed(data: mmap.mmap) -> tuple[list[_Level], int, Affine]:
    """Levels, bands and transform of the file."""
    if struct.unpack_from("<2sHHH", data) != (b"II", 43, 8, 0):
        raise ValueError("not a little-endian BigTIFF")
    at = struct.unpack_from("<Q", data, 8)[0]
    levels: list[_Level] = []
    bands, transform = 0, None
    while at:
        tags, at = _directory(data, at)
        if tags[259][0] != 8 or tags[322][0] != TILE or tags[317][0] not in (2, 3):
            raise ValueError("another profile of TIFF")
        offsets, counts = (np.array(tags[k], np.uint64) for k in (324, 325))
        rows, cols = int(tags[257][0]), int(tags[256][0])
        if len(offsets) != len(counts) or len(offsets) != ceil(rows / TILE) * ceil(cols / TILE):
            raise ValueError("its tiles do not cover it")
        levels.append(_Level(rows, cols, offsets, counts))
        if transform is None:
            bands, transform = int(tags[277][0]), _transform(tags)
        if len(levels) > 32:
            raise ValueError("too many directories")
    if transform is None or bands not in (1, 4):
        raise ValueError("neither a DEM nor RGBA")
    return levels, bands, transform


def _directory(data: mmap.mmap, at: int) -> tuple[dict[int, tuple[float, ...]], int]:
    count = struct.unpack_from("<Q", data, at)[0]
    if count > 64:
        raise ValueError("too many tags")
    tags: dict[int, tuple[float, ...]] = {}
    for k in range(count):
        place = at + 8 + 20 * k
        tag, kind, n = struct.unpack_from("<HHQ", data, place)
        size, letter = _TYPES[kind]
        if n * size > len(data):
            raise ValueError("a tag longer than the file")
        where = place + 12 if n * size <= 8 else struct.unpack_from("<Q", data, place + 12)[0]
        tags[tag] = struct.unpack_from(f"<{n}{letter}", data, where)
    return tags, struct.unpack_from("<Q", data, at + 8 + 20 * count)[0]


def _transform(tags: dict[int, tuple[float, ...]]) -> Affine:
    if 34264 in tags:
        m = tags[34264]
        return m[0], m[1], m[3], m[4], m[5], m[7]
    scale, tie = tags[33550], tags[33922]
    return scale[0], 0.0, tie[3], 0.0, -scale[1], tie[4]
