"""Terrain tiles for Cesium: quantized-mesh 1.0 in the geographic TMS scheme, watertight.

Outside the DEM the ground runs from the DEM's edge to one level plain, so that the world has a
surface everywhere and the city has no cliff around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from tiles.features import Layer, Progress, Write
from tiles.quantized import GRID, encode, step_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.terrain import Surface

    Floats = NDArray[np.float64]

__all__ = ["Ground", "build_terrain", "tile_posts"]

DEEPEST, SHALLOWEST = 15, 8
FADE_M = 1500.0
"""Over this distance the ground outside the DEM goes to the level of the plain."""
M_PER_DEGREE = 111_320.0


class Ground:
    """Height everywhere: the DEM, filled where it has gaps, and a level plain beyond its edge."""

    def __init__(self, terrain: Surface) -> None:
        self.terrain = terrain
        west, south, east, north = terrain.bounds
        a, e = terrain.cell
        # half a cell inside: the outermost posts that are surely known
        self.inner = (west + a / 2, south + e / 2, east - a / 2, north - e / 2)
        self.squeeze = float(np.cos(np.deg2rad((south + north) / 2)))
        self.plain = 0.0
        t = np.linspace(0.0, 1.0, 129)
        lon = self.inner[0] + t * (self.inner[2] - self.inner[0])
        lat = self.inner[1] + t * (self.inner[3] - self.inner[1])
        edge_lon = np.concatenate([lon, lon, 0 * lat + self.inner[0], 0 * lat + self.inner[2]])
        edge_lat = np.concatenate([0 * lon + self.inner[1], 0 * lon + self.inner[3], lat, lat])
        edge = np.asarray(terrain.height(edge_lon, edge_lat))
        known = edge[np.isfinite(edge)]
        finite = terrain.sample()
        if not len(known):
            known = finite
        self.plain = round(float(np.median(known)), 2) if len(known) else 0.0
        values = np.concatenate([finite, known, [self.plain]])
        self.low, self.high = float(values.min()), float(values.max())

    def height(self, lon: Floats, lat: Floats) -> Floats:
        """Ellipsoidal metres, finite everywhere; any common shape, degrees."""
        west, south, east, north = self.inner
        near_lon, near_lat = np.clip(lon, west, east), np.clip(lat, south, north)
        z = np.asarray(self.terrain.height(near_lon, near_lat))
        gap = ~np.isfinite(z)
        z = np.where(gap, self.plain, z)
        away = np.hypot((lon - near_lon) * self.squeeze, lat - near_lat) * M_PER_DEGREE
        t = np.clip(away / FADE_M, 0.0, 1.0)
        return np.asarray(z + (self.plain - z) * (t * t * (3.0 - 2.0 * t)))


def tile_posts(z: int, x: int, y: int, pad: int = 0) -> tuple[Floats, Floats]:
    """Degrees of a tile's posts, optionally some beyond each side.

    They come from whole numbers of the level's global grid: neighbours share them bit for bit.
    """
    step = 180.0 / 2**z / (GRID - 1)
    k = np.arange(-pad, GRID + pad)
    return (x * (GRID - 1) + k) * step - 180.0, (y * (GRID - 1) + k) * step - 90.0


def _normals(lon: Floats, lat: Floats, padded: Floats) -> Floats:
    """Unit normals in ECEF (n, n, 3) from heights that reach one post beyond each side."""
    step = np.deg2rad(lon[1] - lon[0]) * 6_371_000.0
    squeeze = np.maximum(np.cos(np.deg2rad(lat)), 1e-6)[:, None]
    east = (padded[1:-1, 2:] - padded[1:-1, :-2]) / (2 * step * squeeze)
    north = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / (2 * step)
    lam, phi = np.deg2rad(lon)[None, :], np.deg2rad(lat)[:, None]
    sl, cl, sp, cp = np.sin(lam), np.cos(lam), np.sin(phi), np.cos(phi)
    x = cp * cl + east * sl + north * sp * cl
    y = cp * sl - east * cl + north * sp * sl
    z = sp - north * cp
    out = np.stack([x, y, np.broadcast_to(z, x.shape)], axis=-1)
    return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True))


def _tile(ground: Ground, z: int, x: int, y: int, step: float) -> bytes:
    lon, lat = tile_posts(z, x, y, pad=1)
    grid_lon, grid_lat = np.meshgrid(lon, np.clip(lat, -90.0, 90.0))
    padded = ground.height(grid_lon, grid_lat)
    lon, lat = lon[1:-1], lat[1:-1]
    normals = _normals(lon, lat, padded)
    return encode(lon, lat, padded[1:-1, 1:-1], normals, step)


def _deepest(terrain: Surface) -> int:
    """The first level whose posts are no further apart than 1.5 cells of the DEM."""
    cell = terrain.cell[1]
    level = int(np.ceil(np.log2(180.0 / (GRID - 1) / (1.5 * cell))))
    return int(np.clip(level, SHALLOWEST, DEEPEST))


def _ranges(terrain: Surface, deepest: int) -> list[tuple[int, int, int, int]]:
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


def build_terrain(
    terrain: Surface, name: str, write: Write, progress: Progress | None = None
) -> Layer:
    """Write ``layer.json`` and the tiles ``{z}/{x}/{y}.terrain``.

    Parameters
    ----------
    terrain : Surface
    name : str
        Shown by clients.
    write, progress : callable

    Returns
    -------
    Layer
        ``features`` counts tiles; there is no tree.
    """
    ground = Ground(terrain)
    step = step_for(ground.low, ground.high)
    deepest = _deepest(terrain)
    ranges = _ranges(terrain, deepest)
    total = sum((r[2] - r[0] + 1) * (r[3] - r[1] + 1) for r in ranges)
    done = 0
    for z, (x0, y0, x1, y1) in enumerate(ranges):
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                write(f"{z}/{x}/{y}.terrain", _tile(ground, z, x, y, step))
                done += 1
            if progress is not None:
                progress(done, total)
    write("layer.json", _layer_json(name, ranges, terrain.bounds))
    return Layer(None, total)


def _layer_json(
    name: str, ranges: list[tuple[int, int, int, int]], valid: tuple[float, float, float, float]
) -> bytes:
    keys = ("startX", "startY", "endX", "endY")
    return orjson.dumps(
        {
            "tilejson": "2.1.0",
            "name": name,
            "version": "1.0.0",
            "format": "quantized-mesh-1.0",
            "attribution": "",
            "schema": "tms",
            "scheme": "tms",
            "extensions": ["octvertexnormals"],
            "tiles": ["{z}/{x}/{y}.terrain"],
            "projection": "EPSG:4326",
            "bounds": [-180.0, -90.0, 180.0, 90.0],
            "valid_bounds": [float(v) for v in valid],
            "minzoom": 0,
            "maxzoom": len(ranges) - 1,
            "available": [[dict(zip(keys, r, strict=True))] for r in ranges],
        }
    )
