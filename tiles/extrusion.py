"""Walls and flat roofs of one tile as the vertices and triangles of one mesh (compiled).

Every corner of a footprint is drawn five times: in the roof, and at foot and head of the wall that
starts there and of the one that ends there. The corners go by 256; of each such run the roof
corners come first, then the feet, heads, feet and heads. The five copies of a run hold the same
bytes east and north, which is what makes the file small once it is compressed.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.rings import Rings

__all__ = ["COPIES", "DIRECTIONS", "RUN", "UV_EXPONENT", "Soup", "Style", "extrude", "next_of"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Steps = NDArray[np.int32]

RUN = 256
"""Corners of a run: as many as the attribute codec takes at a time."""
COPIES = 5
N_DIRECTIONS = 128
UV_EXPONENT = -4
"""Texture coordinates are sixteenths of a bay and of a storey."""
PLAIN_SPOT = 8
"""Half a storey up the left edge of the façade's picture, where it is white."""


def _directions() -> NDArray[np.int8]:
    angle = np.arange(N_DIRECTIONS) * (2 * np.pi / N_DIRECTIONS)
    out = np.zeros((N_DIRECTIONS, 4), np.int8)
    out[:, 0], out[:, 2] = np.rint(127 * np.cos(angle)), np.rint(127 * np.sin(angle))
    return out


DIRECTIONS = _directions()
"""Normals of walls (x, y, z, 0) in glTF axes: 2.8° apart, so a wall is lit as if turned by 1.5° at most."""


@dataclass(frozen=True, slots=True)
class Style:
    """How each feature of a tile is painted; linear colours, shape (m, 3).

    ``foot_v``, ``head_v`` (m) are the rows of the façade at foot and head, in sixteenths of a
    storey down from the base; ``bay_steps`` (m) is the width of a bay in grid steps, 0 where the
    façade is plain.
    """

    wall: Bytes
    foot: Bytes
    roof: Bytes
    foot_v: Steps
    head_v: Steps
    bay_steps: Floats


@dataclass(frozen=True, slots=True)
class Soup:
    """Vertices and triangles in whole numbers.

    ``at`` (n, 3) grid steps, glTF axes; ``normal`` (n, 4) int8; ``color`` (n, 4); ``feature`` (n);
    ``uv`` (n, 2) in steps of 2^:data:`UV_EXPONENT`; ``corners`` (3 t) indices.
    """

    at: Steps
    normal: NDArray[np.int8]
    color: Bytes
    feature: Ints
    uv: Steps
    corners: Ints


def next_of(ring_start: Ints) -> Ints:
    """The point after each along its ring."""
    after = np.arange(1, int(ring_start[-1]) + 1)
    after[ring_start[1:] - 1] = ring_start[:-1]
    return after


def extrude(rings: Rings, triangles: Ints, count: Ints, style: Style) -> Soup:
    """Walls and roofs of footprints.

    Parameters
    ----------
    rings : Rings
    triangles : ndarray of int64, shape (t, 3)
        Of the roofs, points of ``rings``.
    count : ndarray of int64, shape (p,)
        Triangles of each polygon.
    style : Style

    Returns
    -------
    Soup
        Five vertices a point of ``rings``; the triangles are in order of polygons.
    """
    n = len(rings.low)
    out = Soup(
        np.empty((COPIES * n, 3), np.int32), np.zeros((COPIES * n, 4), np.int8),
        np.full((COPIES * n, 4), 255, np.uint8), np.empty(COPIES * n, np.int64),
        np.empty((COPIES * n, 2), np.int32), np.empty(6 * n + 3 * len(triangles), np.int64),
    )  # fmt: skip
    _vertices(
        rings.low, rings.high, rings.ring_start, rings.polygon_start, rings.owner,
        (style.wall, style.foot, style.roof), (style.foot_v, style.head_v), style.bay_steps,
        DIRECTIONS, (out.at, out.normal, out.color, out.feature, out.uv),
    )  # fmt: skip
    _corners(rings.ring_start, rings.polygon_start, triangles, count, out.corners)
    return out


@njit(cache=True, nogil=True)
def direction_of(dx: float, dy: float) -> int:
    """The normal of a wall that runs by (dx, dy), east and north, as a row of :data:`DIRECTIONS`."""
    across, along = abs(dy), abs(dx)
    t = min(across, along) / max(across, along)
    k = int(np.rint(t * (16.0 + 5.5615 * (1.0 - t))))  # the arc tangent to 0.2°
    if along > across:
        k = 32 - k
    if dy < 0:
        k = 64 - k
    if dx < 0:
        k = 128 - k
    return k & (N_DIRECTIONS - 1)


@njit(cache=True, nogil=True)
def _first(i: int, n: int) -> tuple[int, int]:
    """The roof vertex of point ``i`` of ``n``, and how far apart its copies are."""
    run = i // RUN * RUN
    return run * COPIES + i - run, min(RUN, n - run)


@njit(cache=True, nogil=True)
def _vertices(
    low: Steps,
    high: Steps,
    ring_start: Ints,
    polygon_start: Ints,
    owner: Ints,
    paint: tuple[Bytes, Bytes, Bytes],
    rows: tuple[Steps, Steps],
    bay_steps: Floats,
    directions: NDArray[np.int8],
    out: tuple[Steps, NDArray[np.int8], Bytes, Ints, Steps],
) -> None:
    wall, foot, roof = paint
    foot_v, head_v = rows
    at, normal, color, feature, uv = out
    n = len(low)
    for p in range(len(owner)):
        f = owner[p]
        bay = bay_steps[f]
        for s in range(polygon_start[p], polygon_start[p + 1]):
            a, b = ring_start[s], ring_start[s + 1]
            for i in range(a, b):
                j = i + 1 if i + 1 < b else a
                dx, dy = float(low[j, 0] - low[i, 0]), float(low[j, 1] - low[i, 1])
                d = direction_of(dx, dy)
                bays = 0
                if bay > 0:
                    bays = 16 * int(np.rint(np.sqrt(dx * dx + dy * dy) / bay))
                mine, step = _first(i, n)
                there, step_there = _first(j, n)
                for c in range(COPIES):
                    v = mine + c * step
                    ground = c == 1 or c == 3
                    at[v, 0] = low[i, 0] if ground else high[i, 0]
                    at[v, 1] = low[i, 2] if ground else high[i, 2]
                    at[v, 2] = -(low[i, 1] if ground else high[i, 1])
                    feature[v] = f
                    for k in range(3):
                        color[v, k] = roof[f, k] if c == 0 else foot[f, k] if ground else wall[f, k]
                    if c == 0 or bay == 0:
                        uv[v, 1] = PLAIN_SPOT
                    else:
                        uv[v, 1] = foot_v[f] if ground else head_v[f]
                normal[mine, 1] = 127
                uv[mine, 0] = 0
                for c in range(1, COPIES):
                    v = mine + c * step if c < 3 else there + c * step_there
                    normal[v, 0], normal[v, 2] = directions[d, 0], directions[d, 2]
                    uv[v, 0] = 0 if c < 3 else bays


@njit(cache=True, nogil=True)
def _corners(
    ring_start: Ints, polygon_start: Ints, triangles: Ints, count: Ints, out: Ints
) -> None:
    n, k, t = ring_start[-1], 0, 0
    for p in range(len(count)):
        for s in range(polygon_start[p], polygon_start[p + 1]):
            a, b = ring_start[s], ring_start[s + 1]
            for i in range(a, b):
                mine, step = _first(i, n)
                there, step_there = _first(i + 1 if i + 1 < b else a, n)
                out[k], out[k + 1], out[k + 2] = (
                    mine + step,
                    there + 3 * step_there,
                    mine + 2 * step,
                )
                out[k + 3], out[k + 4] = mine + 2 * step, there + 3 * step_there
                out[k + 5] = there + 4 * step_there
                k += 6
        for _ in range(count[p]):
            for c in range(3):
                out[k], _step = _first(triangles[t, c], n)
                k += 1
            t += 1
