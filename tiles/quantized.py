"""Encoding of quantized-mesh 1.0 tiles over a grid of posts, with its extensions.

Heights are snapped to one step for the whole layer and each tile's range is chosen so that its
integers hit those steps exactly: two neighbours decode the same height on their common edge.

Source: https://github.com/CesiumGS/quantized-mesh (specification).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from tiles.rtin import SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["GRID", "Globe", "encode", "extension", "oct_encode", "step_for"]

GRID = SIDE + 1
"""Posts along a side of a tile."""
LARGEST = 32767
NORMALS, WATER, METADATA = 1, 2, 4
"""Numbers of the extensions."""
RADII = np.array([6378137.0, 6378137.0, 6356752.3142451793])
_PLACES = np.rint(np.arange(GRID) * (LARGEST / SIDE)).astype(np.int64)
_E2 = 0.0066943799901413165


@dataclass(frozen=True, slots=True)
class Globe:
    """Columns and rows of posts of some tiles, prepared for the ellipsoid.

    ``column`` (n, 2) has the cosine and sine of longitudes, ``row`` (m, 4) those of latitudes, the
    prime vertical's radius of curvature in metres, and metres per column at that latitude.
    """

    column: Floats
    row: Floats
    spacing: float
    """Metres between rows."""

    @classmethod
    def of(cls, lon: Floats, lat: Floats, step: float) -> Globe:
        """Of degrees, ``step`` degrees apart."""
        lam, phi = np.deg2rad(lon), np.deg2rad(lat)
        spacing = float(np.deg2rad(step) * 6_371_000.0)
        radius = RADII[0] / np.sqrt(1 - _E2 * np.sin(phi) ** 2)
        across = spacing * np.maximum(np.cos(phi), 1e-6)
        row = np.column_stack([np.cos(phi), np.sin(phi), radius, across])
        return cls(np.column_stack([np.cos(lam), np.sin(lam)]), row, spacing)


def step_for(low: float, high: float) -> float:
    """Height step of a layer: the smallest power of two (≥ 1/256 m) that spans its range."""
    return float(2.0 ** np.ceil(np.log2(max((high - low) / LARGEST, 1.0 / 256.0))))


def _range(low: float, high: float, step: float) -> tuple[float, float]:
    """(minimum, unit): heights are minimum + unit × integer, exactly, in float32 headers."""
    unit = step
    while unit > step / 8 and high - low <= LARGEST * unit / 2:
        unit /= 2
    while float(np.float32(low + LARGEST * unit)) != low + LARGEST * unit:
        unit *= 2
    return low, unit


def oct_encode(normals: Floats) -> NDArray[np.uint8]:
    """Unit vectors (n, 3) → two bytes each, as the extension ``octvertexnormals`` wants them."""
    out = np.empty((len(normals), 2), np.uint8)
    for k, (x, y, z) in enumerate(normals):
        out[k] = _oct(float(x), float(y), float(z))
    return out


@njit(cache=True)
def _oct(x: float, y: float, z: float) -> tuple[int, int]:
    total = abs(x) + abs(y) + abs(z)
    a, b = x / total, y / total
    if z < 0:
        a, b = (
            (1.0 - abs(b)) * (1.0 if a >= 0 else -1.0),
            (1.0 - abs(a)) * (1.0 if b >= 0 else -1.0),
        )
    a, b = min(max(a, -1.0), 1.0), min(max(b, -1.0), 1.0)
    return round((a * 0.5 + 0.5) * 255.0), round((b * 0.5 + 0.5) * 255.0)


@njit(cache=True)
def _vertices(
    z: Floats, top: int, left: int, posts: NDArray[np.int32], column: Floats, row: Floats,
    spacing: float,
) -> tuple[Floats, NDArray[np.uint8], Floats]:  # fmt: skip
    """Geocentric place of each vertex (n, 3), its packed normal (n, 2), and their bounds (4, 2).

    Bounds are lowest and highest x, y, z and height.

    Normals are those of the posts, whatever triangles are left, so that shading shows what the mesh left out.
    """
    n = len(posts)
    place = np.empty((n, 3))
    octs = np.empty((n, 2), np.uint8)
    bounds = np.empty((4, 2))
    bounds[:, 0], bounds[:, 1] = np.inf, -np.inf
    for k in range(n):
        i, j = top + posts[k] // GRID, left + posts[k] % GRID
        cl, sl = column[j, 0], column[j, 1]
        cp, sp, radius = row[i, 0], row[i, 1], row[i, 2]
        h = z[i, j]
        place[k, 0] = (radius + h) * cp * cl
        place[k, 1] = (radius + h) * cp * sl
        place[k, 2] = (radius * (1.0 - _E2) + h) * sp
        east = (z[i, j + 1] - z[i, j - 1]) / (2.0 * row[i, 3])
        north = (z[i + 1, j] - z[i - 1, j]) / (2.0 * spacing)
        a, b = _oct(
            cp * cl + east * sl + north * sp * cl,
            cp * sl - east * cl + north * sp * sl,
            sp - north * cp,
        )
        octs[k, 0] = a
        octs[k, 1] = b
        for axis in range(4):
            value = h if axis == 3 else place[k, axis]
            bounds[axis, 0] = min(bounds[axis, 0], value)
            bounds[axis, 1] = max(bounds[axis, 1], value)
    return place, octs, bounds


@njit(cache=True)
def _horizon(place: Floats, centre: Floats, radii: Floats) -> tuple[float, float]:
    """Squared radius of the sphere round a centre, and how far out the occlusion point lies.

    Source: https://cesium.com/blog/2013/05/09/computing-the-horizon-occlusion-point/.
    """
    scaled = centre / radii
    direction = scaled / np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
    farthest, least = 0.0, 2.0
    for k in range(len(place)):
        apart, squared, along = 0.0, 0.0, 0.0
        for axis in range(3):
            apart += (place[k, axis] - centre[axis]) ** 2
            s = place[k, axis] / radii[axis]
            squared += s * s
            along += s * direction[axis]
        farthest = max(farthest, apart)
        length = np.sqrt(squared)
        cos_alpha = min(max(along / length, -1.0), 1.0)
        length = max(length, 1.0)
        sin_alpha = np.sqrt(1.0 - cos_alpha * cos_alpha)
        cos_beta = 1.0 / length
        sin_beta = np.sqrt(max(length * length - 1.0, 0.0)) * cos_beta
        least = min(least, cos_alpha * cos_beta - sin_alpha * sin_beta)
    # a tile that spans a hemisphere is never hidden
    return farthest, (1.0 / least if least > 1e-3 else 1e3)


@njit(cache=True)
def _codes(
    z: Floats, top: int, left: int, posts: NDArray[np.int32], triangles: NDArray[np.int32],
    places: NDArray[np.int64], low: float, unit: float,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:  # fmt: skip
    """u, v and heights as zigzag differences (3n); triangles against the highest number yet (3m)."""
    n = len(posts)
    coded = np.empty(3 * n, np.uint16)
    u, v, h = 0, 0, 0
    for k in range(n):
        i, j = posts[k] // GRID, posts[k] % GRID
        up = round((z[top + i, left + j] - low) / unit)
        up = min(max(up, 0), LARGEST)
        for part, (new, old) in enumerate(((places[j], u), (places[i], v), (up, h))):
            delta = new - old
            coded[part * n + k] = (delta << 1) ^ (delta >> 63)
        u, v, h = places[j], places[i], up
    index = np.empty(triangles.size, np.uint16)
    highest = 0
    for k in range(triangles.size):
        number = triangles[k // 3, k % 3]
        index[k] = highest - number
        if number == highest:
            highest += 1
    return coded, index


def encode(
    heights: Floats,
    corner: tuple[int, int],
    posts: NDArray[np.int32],
    triangles: NDArray[np.int32],
    globe: Globe,
    step: float,
) -> bytes:
    """One tile.

    Parameters
    ----------
    heights : ndarray of float64, shape (m, n)
        Ellipsoidal metres of all posts of ``globe``, multiples of ``step``; rows south to north.
    corner : (int, int)
        Row and column of the tile's south-west post; there are posts beyond each side of the tile.
    posts, triangles : ndarray of int32
        See :func:`tiles.rtin.triangulate`.
    globe : Globe
    step : float
        See :func:`step_for`.

    Returns
    -------
    bytes
        A ``.terrain`` file with normals; further extensions may be appended.
    """
    top, left = corner
    place, octs, bounds = _vertices(
        heights, top, left, posts, globe.column, globe.row, globe.spacing
    )
    low, unit = _range(float(bounds[3, 0]), float(bounds[3, 1]), step)
    coded, index = _codes(heights, top, left, posts, triangles, _PLACES, low, unit)
    return b"".join((
        _header(place, bounds, low + LARGEST * unit),
        struct.pack("<I", len(posts)),
        coded.astype("<u2", copy=False).tobytes(),
        struct.pack("<I", len(triangles)),
        index.astype("<u2", copy=False).tobytes(),
        *_edges(posts),
        extension(NORMALS, octs.tobytes()),
    ))  # fmt: skip


def extension(number: int, body: bytes) -> bytes:
    """An extension with its head."""
    return struct.pack("<BI", number, len(body)) + body


def _edges(posts: NDArray[np.int32]) -> list[bytes]:
    """Vertices on the west, south, east and north side, from the south and from the west."""
    number = np.full(GRID * GRID, -1, np.int32)
    number[posts] = np.arange(len(posts))
    grid = number.reshape(GRID, GRID)
    out = []
    for line in (grid[:, 0], grid[0], grid[:, SIDE], grid[SIDE]):
        here = line[line >= 0]
        out.append(struct.pack("<I", len(here)) + here.astype("<u2").tobytes())
    return out


def _header(place: Floats, bounds: Floats, high: float) -> bytes:
    """Centre, heights, bounding sphere and horizon occlusion point (scaled by the ellipsoid's radii)."""
    centre = (bounds[:3, 0] + bounds[:3, 1]) / 2
    squared, out = _horizon(place, centre, RADII)
    x, y, z = (centre / RADII).tolist()
    scale = out / (x * x + y * y + z * z) ** 0.5
    return struct.pack(
        "<3d2f4d3d", *centre, bounds[3, 0], high, *centre, squared**0.5,
        x * scale, y * scale, z * scale,
    )  # fmt: skip
