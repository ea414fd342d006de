"""Encoding of quantized-mesh 1.0 tiles on a regular grid, with oct-encoded normals.

All tiles of one level share the same topology, so everything but heights and normals is encoded
once. Heights are snapped to one step for the whole layer and each tile's range is chosen so that
its integers hit those steps exactly: two neighbours decode the same height on their common edge.

Source: https://github.com/CesiumGS/quantized-mesh (specification).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from twin.crs import geographic_to_ecef

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["GRID", "Topology", "encode", "oct_encode", "step_for", "topology"]

GRID = 65
"""Posts along a side of a tile."""
LARGEST = 32767
RADII = np.array([6378137.0, 6378137.0, 6356752.3142451793])


@dataclass(frozen=True, slots=True)
class Topology:
    """What tiles have in common.

    ``order`` lists grid posts (row-major from the south-west) in the order in which the vertices
    are stored; ``uv`` and ``triangles`` are encoded bytes, the latter with the edge lists.
    """

    order: NDArray[np.int64]
    uv: bytes
    triangles: bytes


def _zigzag_deltas(values: NDArray[np.int64]) -> bytes:
    delta = np.diff(values, prepend=0)
    return ((delta << 1) ^ (delta >> 63)).astype("<u2").tobytes()


@lru_cache(maxsize=4)
def topology(n: int = GRID) -> Topology:
    """Topology of an n × n grid (n² < 65536): counter-clockwise triangles, high-water indices."""
    i, j = np.meshgrid(np.arange(n - 1), np.arange(n - 1), indexing="ij")
    sw = (i * n + j).ravel()
    corners = np.column_stack([sw, sw + 1, sw + n + 1, sw, sw + n + 1, sw + n]).ravel()
    # vertices are numbered as triangles first use them, which the index coding asks for
    posts, first = np.unique(corners, return_index=True)
    order = posts[np.argsort(first)]
    number = np.empty(n * n, dtype=np.int64)
    number[order] = np.arange(n * n)
    index = number[corners]
    highest = np.maximum.accumulate(np.concatenate([[-1], index]))[:-1] + 1
    grid = np.rint(np.arange(n) * (LARGEST / (n - 1))).astype(np.int64)
    parts = [struct.pack("<I", len(index) // 3), (highest - index).astype("<u2").tobytes()]
    line = np.arange(n)
    edges = line * n, line, line * n + n - 1, line + n * (n - 1)  # west, south, east, north
    parts += [struct.pack("<I", n) + number[edge].astype("<u2").tobytes() for edge in edges]
    uv = _zigzag_deltas(grid[order % n]) + _zigzag_deltas(grid[order // n])
    return Topology(order, uv, b"".join(parts))


def step_for(low: float, high: float) -> float:
    """Height step of a layer: the smallest power of two (≥ 1/256 m) that spans its range."""
    return float(2.0 ** np.ceil(np.log2(max((high - low) / LARGEST, 1.0 / 256.0))))


def _range(heights: Floats, step: float) -> tuple[float, float]:
    """(minimum, unit): heights are minimum + unit × integer, exactly, in float32 headers."""
    low = float(heights.min())
    unit = step
    while unit > step / 8 and (float(heights.max()) - low) <= LARGEST * unit / 2:
        unit /= 2
    while float(np.float32(low + LARGEST * unit)) != low + LARGEST * unit:
        unit *= 2
    return low, unit


def oct_encode(normals: Floats) -> NDArray[np.uint8]:
    """Unit vectors (n, 3) → two bytes each, as the extension ``octvertexnormals`` wants them."""
    v = normals / np.abs(normals).sum(axis=1, keepdims=True)
    sign = np.where(v[:, :2] >= 0, 1.0, -1.0)
    folded = np.where(v[:, 2:3] < 0, (1.0 - np.abs(v[:, 1::-1])) * sign, v[:, :2])
    return np.asarray(np.rint((np.clip(folded, -1, 1) * 0.5 + 0.5) * 255.0), dtype=np.uint8)


def encode(lon: Floats, lat: Floats, heights: Floats, normals: Floats, step: float) -> bytes:
    """One tile.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Degrees of the posts, west to east and south to north.
    heights : ndarray of float64, shape (n, n)
        Ellipsoidal metres, rows south to north.
    normals : ndarray of float64, shape (n, n, 3)
        Unit vectors in ECEF.
    step : float
        See :func:`step_for`.

    Returns
    -------
    bytes
        A ``.terrain`` file.
    """
    shape = topology(len(lon))
    z = np.rint(heights / step) * step
    low, unit = _range(z, step)
    flat = z.ravel()[shape.order]
    grid_lon, grid_lat = np.meshgrid(lon, lat)
    points = np.column_stack([c.ravel() for c in geographic_to_ecef(grid_lon, grid_lat, z)])
    octs = oct_encode(normals.reshape(-1, 3)[shape.order])
    return b"".join((
        _header(points, low, low + LARGEST * unit),
        struct.pack("<I", flat.size),
        shape.uv,
        _zigzag_deltas(np.rint((flat - low) / unit).astype(np.int64)),
        shape.triangles,
        struct.pack("<BI", 1, octs.size),
        octs.tobytes(),
    ))  # fmt: skip


def _header(points: Floats, low: float, high: float) -> bytes:
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.sqrt(((points - centre) ** 2).sum(axis=1).max()))
    return struct.pack(
        "<3d2f4d3d", *centre, low, high, *centre, radius, *_occlusion_point(points, centre)
    )


def _occlusion_point(points: Floats, centre: Floats) -> Floats:
    """Point below the horizon of which the whole tile is hidden, scaled by the ellipsoid's radii.

    Source: https://cesium.com/blog/2013/05/09/computing-the-horizon-occlusion-point/.
    """
    direction = centre / RADII
    direction /= np.linalg.norm(direction)
    scaled = points / RADII
    length = np.linalg.norm(scaled, axis=1)
    unit = scaled / length[:, None]
    length = np.maximum(length, 1.0)
    cos_alpha = np.clip(unit @ direction, -1.0, 1.0)
    sin_alpha = np.sqrt(1.0 - cos_alpha**2)
    cos_beta = 1.0 / length
    sin_beta = np.sqrt(np.maximum(length**2 - 1.0, 0.0)) * cos_beta
    below = cos_alpha * cos_beta - sin_alpha * sin_beta
    # a tile that spans a hemisphere is never hidden
    magnitude = 1.0 / below.min() if below.min() > 1e-3 else 1e3
    return np.asarray(direction * magnitude)
