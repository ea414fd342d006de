"""Terrain tiles for Cesium: quantized-mesh 1.0 in the geographic TMS scheme, watertight.

Outside the DEM the ground runs from the DEM's edge to one level plain, so that the world has a
surface everywhere and the city has no cliff around it. Triangles are as few as the level's tolerance
allows (:mod:`tiles.rtin`); the posts they leave out still shade.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import orjson

from tiles.features import Layer, Progress, Write
from tiles.ground import FADE_M, Ground
from tiles.placement import M_PER_DEGREE
from tiles.quantized import GRID, METADATA, WATER, Globe, encode, extension, step_for
from tiles.rtin import SIDE, post_errors, triangulate
from tiles.water import Water

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from twin.terrain import Surface

    Floats = NDArray[np.float64]
    Range = tuple[int, int, int, int]

__all__ = ["build_terrain", "tile_posts", "tolerance_of"]

DEEPEST, SHALLOWEST = 15, 8
BLOCK = 8
"""Tiles along a side of what is worked on at once; one more on each side decides on common edges."""
AVAILABILITY = 10
"""Tiles of every tenth level tell which of the next ten there are."""
EARTH_M = 6_378_137.0
LEVEL_ZERO_ERROR_M = 77_067.34
"""Error that CesiumJS takes a level-0 tile to have; each level halves it."""


def tolerance_of(z: int) -> float:
    """Metres the triangles of a level may stray from its posts: an eighth of a pixel in CesiumJS."""
    return float(LEVEL_ZERO_ERROR_M / 2**z / 16)


def _bulge(z: int) -> Floats:
    """What the ellipsoid rises over edges and diagonals of 2, 4 … 64 intervals, metres, shape (6, 2)."""
    edge = np.deg2rad(180.0 / 2**z / SIDE) * 2.0 ** np.arange(1, 7)
    return np.asarray(EARTH_M * np.column_stack([edge**2, 2 * edge**2]) / 8)


def tile_posts(first: int, last: int, z: int, axis: int) -> Floats:
    """Degrees of the posts of a level's global grid, by number, both ends included.

    Parameters
    ----------
    first, last : int
        Tile t has the posts 64 t … 64 t + 64: neighbours share them bit for bit.
    z : int
    axis : int
        0: longitudes, 1: latitudes.
    """
    step = 180.0 / 2**z / SIDE
    degrees = np.arange(first, last + 1) * step - (90.0 if axis else 180.0)
    return np.asarray(np.clip(degrees, -90.0, 90.0) if axis else degrees)


def _deepest(terrain: Surface) -> int:
    """The first level whose posts are no further apart than 1.5 cells of the DEM."""
    cell = terrain.cell[1]
    level = int(np.ceil(np.log2(180.0 / SIDE / (1.5 * cell))))
    return int(np.clip(level, SHALLOWEST, DEEPEST))


def _ranges(terrain: Surface, deepest: int) -> list[Range]:
    """(startX, startY, endX, endY) per level; the finest level keeps to the DEM."""
    west, south, east, north = terrain.bounds
    out = [(0, 0, 1, 0)]
    for z in range(1, deepest + 1):
        size = 180.0 / 2**z
        margin = 0.0 if z == deepest else FADE_M / M_PER_DEGREE
        x = [int((v + 180.0) / size) for v in (west - margin, east + margin)]
        y = [int((v + 90.0) / size) for v in (south - margin, north + margin)]
        last_x, last_y = 2 ** (z + 1) - 1, 2**z - 1
        out.append((max(x[0], 0), max(y[0], 0), min(x[1], last_x), min(y[1], last_y)))
    return out


def _block(ground: Ground, z: int, cut: Range, step: float) -> Iterator[tuple[int, int, bytes]]:
    """Tiles of a block (its first and last column and row) with their column and row."""
    x0, y0, x1, y1 = cut
    west, south = (x0 - 1) * SIDE, (y0 - 1) * SIDE
    lon = tile_posts(west, (x1 + 2) * SIDE, z, 0)
    lat = tile_posts(south, (y1 + 2) * SIDE, z, 1)
    heights = np.rint(ground.grid(lon, lat, 180.0 / 2**z / SIDE) / step) * step
    errors = post_errors(heights, _bulge(z))
    globe = Globe.of(lon, lat, 180.0 / 2**z / SIDE)
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            top, left = (y - y0 + 1) * SIDE, (x - x0 + 1) * SIDE
            part = errors[top : top + GRID, left : left + GRID]
            # the diagonal of a block's first square falls where its column + row there is odd
            falling = bool((x - x0 + y - y0) % 2)
            posts, triangles = triangulate(part, tolerance_of(z), falling)
            yield x, y, encode(heights, (top, left), posts, triangles, globe, step)


def _blocks(cut: Range) -> Iterator[Range]:
    x0, y0, x1, y1 = cut
    for x in range(x0, x1 + 1, BLOCK):
        for y in range(y0, y1 + 1, BLOCK):
            yield x, y, min(x + BLOCK - 1, x1), min(y + BLOCK - 1, y1)


def _below(z: int, x: int, y: int, ranges: list[Range]) -> list[list[dict[str, int]]]:
    """What there is of the next levels below a tile."""
    out = []
    for k, (x0, y0, x1, y1) in enumerate(ranges[z + 1 : z + 1 + AVAILABILITY], 1):
        a, b = max(x0, x << k), max(y0, y << k)
        c, d = min(x1, ((x + 1) << k) - 1), min(y1, ((y + 1) << k) - 1)
        out.append([_named((a, b, c, d))] if a <= c and b <= d else [])
    return out


def _named(cut: Range) -> dict[str, int]:
    return dict(zip(("startX", "startY", "endX", "endY"), cut, strict=True))


def build_terrain(
    terrain: Surface,
    name: str,
    write: Write,
    progress: Progress | None = None,
    water: pa.Table | None = None,
) -> Layer:
    """Write ``layer.json`` and the tiles ``{z}/{x}/{y}.terrain``.

    Parameters
    ----------
    terrain : Surface
    name : str
        Shown by clients.
    write, progress : callable
    water : pyarrow.Table, optional
        Schema :data:`tiles.source.FLAT`; its polygons become the water mask.

    Returns
    -------
    Layer
        ``features`` counts tiles; there is no tree.
    """
    ground = Ground(terrain)
    step = step_for(*ground.span)
    ranges = _ranges(terrain, _deepest(terrain))
    lakes = Water.of(water)
    total = sum((r[2] - r[0] + 1) * (r[3] - r[1] + 1) for r in ranges)
    done = 0
    for z, cut in enumerate(ranges):
        for block in _blocks(cut):
            for x, y, tile in _block(ground, z, block, step):
                path = f"{z}/{x}/{y}.terrain"
                if z % AVAILABILITY == 0:
                    tile += _metadata(_below(z, x, y, ranges))
                mask = lakes.mask(z, x, y)
                if mask is not None:
                    tile += extension(WATER, mask)
                    # a mask is 64 kB of long runs: clients that take gzip get a hundredth of it
                    write(f"{path}.gz", gzip.compress(tile, 6, mtime=0))
                write(path, tile)
                done += 1
            if progress is not None:
                progress(done, total)
    write("layer.json", _layer_json(name, ranges, terrain.bounds, wet=bool(lakes)))
    return Layer(None, total)


def _metadata(available: list[list[dict[str, int]]]) -> bytes:
    body = orjson.dumps({"available": available})
    return extension(METADATA, len(body).to_bytes(4, "little") + body)


def _layer_json(
    name: str, ranges: list[Range], valid: tuple[float, float, float, float], *, wet: bool
) -> bytes:
    return orjson.dumps(
        {
            "tilejson": "2.1.0",
            "name": name,
            "version": "1.0.0",
            "format": "quantized-mesh-1.0",
            "attribution": "",
            "schema": "tms",
            "scheme": "tms",
            "extensions": ["octvertexnormals", *(["watermask"] if wet else []), "metadata"],
            "tiles": ["{z}/{x}/{y}.terrain"],
            "projection": "EPSG:4326",
            "bounds": [-180.0, -90.0, 180.0, 90.0],
            "valid_bounds": [float(v) for v in valid],
            "minzoom": 0,
            "maxzoom": len(ranges) - 1,
            "metadataAvailability": AVAILABILITY,
            "available": [[_named(r)] for r in ranges],
        }
    )
