"""Gabled and hipped roofs over convex footprints (compiled).

A gabled roof folds along the middle of the smallest rectangle around the footprint, a hipped one rises
by the same slope from every edge (the straight skeleton, which over a convex outline is where one edge
is the nearest). Walls reach up to it. All is computed in grid steps from one corner and rounded last.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.extrusion import DIRECTIONS, PLAIN_SPOT, Soup, Style, direction_of
from tiles.footprints import Footprints
from tiles.placement import M_PER_DEGREE
from tiles.rings import Rings

__all__ = [
    "FLAT",
    "GABLED",
    "HIPPED",
    "MOST_SIDES",
    "Pitch",
    "can_be_pitched",
    "shapes_of",
    "with_roofs",
]

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLAT, GABLED, HIPPED = 0, 1, 2
WORDS = {
    "gabled": GABLED, "1030": GABLED, "双坡": GABLED, "人字顶": GABLED,
    "hipped": HIPPED, "1040": HIPPED, "四坡": HIPPED,
}  # fmt: skip
"""What sources write: OSM ``roof:shape``, the code list RoofType of CityGML, Chinese surveys."""
FLAT_WORDS = frozenset({"flat", "1000", "平顶", "平"})
MOST_SIDES = 12
STRAIGHT_M = 0.02
"""A corner that lies nearer to the line between its neighbours is none for the roof."""
ROOM = MOST_SIDES * (2 * MOST_SIDES + 4) + 6 * MOST_SIDES + 16


@dataclass(frozen=True, slots=True)
class Pitch:
    """Roofs of the features of a tile: ``shape`` (m) and how high they ``rise`` (m) in grid steps."""

    shape: NDArray[np.int8]
    rise: Floats


def shapes_of(words: list[str | None]) -> tuple[NDArray[np.int8], Flags]:
    """Roof shapes as sources write them, and which words are not known.

    Parameters
    ----------
    words : list of str or None

    Returns
    -------
    shape : ndarray of int8, shape (n,)
    other : ndarray of bool, shape (n,)
    """
    low = [(w or "").strip().lower() for w in words]
    shape = np.array([WORDS.get(w, FLAT) for w in low], np.int8)
    return shape, np.array([bool(w) and w not in WORDS and w not in FLAT_WORDS for w in low], bool)


def can_be_pitched(footprints: Footprints, rows: Ints, *, compiled: bool) -> Flags:
    """Whether footprints are single, convex and of few sides.

    Parameters
    ----------
    footprints : Footprints
    rows : ndarray of int64, shape (m,)
        Which features.
    compiled : bool
        Whether the compiled loop is taken.
    """
    f = footprints
    find = _can_be_pitched if compiled else _can_be_pitched.py_func
    cuts = f.ring_start, f.polygon_start, f.first[rows], f.last[rows]
    return np.asarray(find(f.lon, f.lat, *cuts), dtype=bool)


def with_roofs(soup: Soup, rings: Rings, style: Style, pitch: Pitch, per_metre: float, *, compiled: bool) -> Soup:  # fmt: skip
    """A tile's mesh with pitched roofs upon the walls of some features.

    Parameters
    ----------
    soup : Soup
        Whose walls and flat roofs end at the eaves.
    rings : Rings
    style : Style
    pitch : Pitch
    per_metre : float
        Grid steps of a metre.
    compiled : bool
        Whether compiled loops are taken; the numbers are the same.
    """
    rise = np.where(pitch.shape == FLAT, 0.0, pitch.rise)[rings.owner]
    if not rise.any():
        return soup
    make = _roofs if compiled else _roofs.py_func
    at, normal, wall, feature, corners = make(
        rings.high, rings.ring_start, rings.polygon_start, rings.owner, pitch.shape, rise,
        STRAIGHT_M * per_metre, DIRECTIONS,
    )  # fmt: skip
    color = np.full((len(at), 4), 255, np.uint8)
    color[:, :3] = np.where(wall[:, None], style.wall[feature], style.roof[feature])
    uv = np.zeros((len(at), 2), np.int32)
    uv[:, 1] = PLAIN_SPOT
    return Soup(
        np.concatenate([soup.at, at]), np.concatenate([soup.normal, normal]),
        np.concatenate([soup.color, color]), np.concatenate([soup.feature, feature]),
        np.concatenate([soup.uv, uv]), np.concatenate([soup.corners, corners + len(soup.at)]),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _can_be_pitched(
    lon: Floats, lat: Floats, ring_start: Ints, polygon_start: Ints, first: Ints, last: Ints
) -> Flags:
    out = np.zeros(len(first), np.bool_)
    for i in range(len(first)):
        p = first[i]
        if last[i] - p != 1 or polygon_start[p + 1] - polygon_start[p] != 1:
            continue
        s = polygon_start[p]
        a, n = ring_start[s], ring_start[s + 1] - ring_start[s] - 1
        if n < 3:
            continue
        squeeze = np.cos(np.deg2rad(lat[a]))
        ring, twice = np.empty((n, 2)), 0.0
        for k in range(n):
            ring[k, 0] = (lon[a + k] - lon[a]) * M_PER_DEGREE * squeeze
            ring[k, 1] = (lat[a + k] - lat[a]) * M_PER_DEGREE
            if k:
                twice += ring[k - 1, 0] * ring[k, 1] - ring[k, 0] * ring[k - 1, 1]
        if twice < 0:
            ring = ring[::-1].copy()
        out[i] = _convex(ring, STRAIGHT_M)[1] >= 3
    return out


@njit(cache=True, nogil=True)
def _roofs(
    high: NDArray[np.int32],
    ring_start: Ints,
    polygon_start: Ints,
    owner: Ints,
    shape: NDArray[np.int8],
    rise: Floats,
    straight: float,
    directions: NDArray[np.int8],
) -> tuple[NDArray[np.int32], NDArray[np.int8], Flags, Ints, Ints]:
    """All roofs that rise, one after another."""
    room = ROOM * int((rise > 0).sum())
    at, normal = np.empty((room, 3), np.int32), np.empty((room, 4), np.int8)
    wall, feature = np.empty(room, np.bool_), np.empty(room, np.int64)
    corners = np.empty(3 * room, np.int64)
    n = k = 0
    for p in range(len(owner)):
        s = polygon_start[p]
        if rise[p] <= 0 or polygon_start[p + 1] - s > 1:
            continue
        ring = high[ring_start[s] : ring_start[s + 1]].astype(np.float64)
        found = _roof(ring, int(shape[owner[p]]), rise[p], straight, directions)
        m, c = len(found[0]), len(found[3])
        at[n : n + m], normal[n : n + m], wall[n : n + m] = found[0], found[1], found[2]
        feature[n : n + m] = owner[p]
        corners[k : k + c] = found[3] + n
        n += m
        k += c
    return at[:n], normal[:n], wall[:n], feature[:n], corners[:k]


@njit(cache=True, nogil=True)
def _convex(ring: Floats, straight: float) -> tuple[Floats, int]:
    """A ring's corners without those on straight lines; 0 of them if it is not convex or too long."""
    n = len(ring)
    out = np.empty((MOST_SIDES, 2))
    m = 0
    for i in range(n):
        ax, ay = ring[i - 1, 0], ring[i - 1, 1]
        k = i + 1 if i + 1 < n else 0
        ux, uy = ring[i, 0] - ax, ring[i, 1] - ay
        vx, vy = ring[k, 0] - ax, ring[k, 1] - ay
        turn = ux * vy - uy * vx
        if abs(turn) <= straight * np.sqrt(vx * vx + vy * vy):
            continue
        if turn < 0 or m == MOST_SIDES:
            return out, 0
        out[m, 0], out[m, 1] = ring[i, 0], ring[i, 1]
        m += 1
    for i in range(1, m - 1):  # one turn round, not two
        ux, uy = out[i, 0] - out[0, 0], out[i, 1] - out[0, 1]
        if ux * (out[i + 1, 1] - out[0, 1]) - uy * (out[i + 1, 0] - out[0, 0]) <= 0:
            return out, 0
    return out, m


@njit(cache=True, nogil=True)
def _cut(points: Floats, n: int, gx: float, gy: float, g: float, out: Floats) -> int:
    """The part of a convex polygon where ``gx · x + gy · y + g ≤ 0``; its number of corners."""
    m = 0
    for i in range(n):
        k = i + 1 if i + 1 < n else 0
        here = gx * points[i, 0] + gy * points[i, 1] + g
        there = gx * points[k, 0] + gy * points[k, 1] + g
        if here <= 0:
            out[m, 0], out[m, 1] = points[i, 0], points[i, 1]
            m += 1
        if (here < 0 and there > 0) or (here > 0 and there < 0):
            t = here / (here - there)
            out[m, 0] = points[i, 0] + t * (points[k, 0] - points[i, 0])
            out[m, 1] = points[i, 1] + t * (points[k, 1] - points[i, 1])
            m += 1
    return m


@njit(cache=True, nogil=True)
def _ridge(ring: Floats, n: int) -> tuple[float, float, float, float]:
    """(x, y) across the ridge, of length one; where along it the ridge lies, and half the span."""
    best, bx, by, middle, half = np.inf, 1.0, 0.0, 0.0, 1.0
    for i in range(n):
        k = i + 1 if i + 1 < n else 0
        ux, uy = ring[k, 0] - ring[i, 0], ring[k, 1] - ring[i, 1]
        length = np.sqrt(ux * ux + uy * uy)
        ux, uy = ux / length, uy / length
        low_u = low_v = np.inf
        high_u = high_v = -np.inf
        for j in range(n):
            u, v = ring[j, 0] * ux + ring[j, 1] * uy, ring[j, 1] * ux - ring[j, 0] * uy
            low_u, high_u = min(low_u, u), max(high_u, u)
            low_v, high_v = min(low_v, v), max(high_v, v)
        along, across = high_u - low_u, high_v - low_v
        if along * across < best:
            best = along * across
            if across <= along:
                bx, by, middle, half = -uy, ux, (low_v + high_v) / 2, across / 2
            else:
                bx, by, middle, half = ux, uy, (low_u + high_u) / 2, along / 2
    return bx, by, middle, half


@njit(cache=True, nogil=True)
def _roof(
    high: Floats, shape: int, rise: float, straight: float, directions: NDArray[np.int8]
) -> tuple[NDArray[np.int32], NDArray[np.int8], Flags, Ints]:
    """Vertices (glTF axes), normals, which are of walls, and corners; none if it cannot be."""
    at, normal = np.zeros((ROOM, 3), np.int32), np.zeros((ROOM, 4), np.int8)
    wall, corners = np.zeros(ROOM, np.bool_), np.empty(3 * ROOM, np.int64)
    ox, oy, eaves = high[0, 0], high[0, 1], high[0, 2]
    flat = np.empty((len(high), 2))
    for i in range(len(high)):
        flat[i, 0], flat[i, 1] = high[i, 0] - ox, high[i, 1] - oy
    ring, n = _convex(flat, straight)
    state = np.zeros(2, np.int64)  # vertices and corners in use
    piece, other = np.empty((4 * MOST_SIDES, 2)), np.empty((4 * MOST_SIDES, 2))
    if n < 3:
        return at[:0], normal[:0], wall[:0], corners[:0]
    if shape == GABLED:
        x, y, middle, half = _ridge(ring, n)
        for side in (-1.0, 1.0):
            m = _cut(ring, n, side * x, side * y, -side * middle, piece)
            slope = rise / half
            _plane(
                piece, m, (ox, oy, eaves), (side * x * slope, side * y * slope, rise - side * middle * slope),
                at, normal, corners, state,
            )  # fmt: skip
        _gables(
            ring,
            n,
            (ox, oy, eaves),
            (x, y, middle, half),
            rise,
            directions,
            at,
            normal,
            wall,
            corners,
            state,
        )
    else:
        _hips(ring, n, (ox, oy, eaves), rise, piece, other, at, normal, corners, state)
    return at[: state[0]], normal[: state[0]], wall[: state[0]], corners[: state[1]]


@njit(cache=True, nogil=True)
def _plane(
    points: Floats,
    n: int,
    origin: tuple[float, float, float],
    height: tuple[float, float, float],
    at: NDArray[np.int32],
    normal: NDArray[np.int8],
    corners: Ints,
    state: Ints,
) -> None:
    """One plane of a roof over a convex polygon: its height is linear in x and y."""
    if n < 3:
        return
    gx, gy, g = height
    length = np.sqrt(gx * gx + gy * gy + 1.0)
    first = v = state[0]
    for i in range(n):
        z = gx * points[i, 0] + gy * points[i, 1] + g
        at[v, 0] = np.int32(np.rint(origin[0] + points[i, 0]))
        at[v, 1] = np.int32(np.rint(origin[2] + z))
        at[v, 2] = -np.int32(np.rint(origin[1] + points[i, 1]))
        if v > first and (_near(at, v, v - 1) or _near(at, v, first)):
            continue
        normal[v, 0] = np.int8(np.rint(-127 * gx / length))
        normal[v, 1] = np.int8(np.rint(127 / length))
        normal[v, 2] = np.int8(np.rint(127 * gy / length))
        v += 1
    if v - first >= 3:
        state[0] = v
        _fan(first, v - first, corners, state)


@njit(cache=True, nogil=True)
def _near(at: NDArray[np.int32], i: int, j: int) -> bool:
    """Whether two vertices of a plane are one but for rounding."""
    return bool(abs(at[i, 0] - at[j, 0]) <= 2 and abs(at[i, 2] - at[j, 2]) <= 2)


@njit(cache=True, nogil=True)
def _fan(first: int, n: int, corners: Ints, state: Ints) -> None:
    for i in range(1, n - 1):
        k = state[1]
        corners[k], corners[k + 1], corners[k + 2] = first, first + i, first + i + 1
        state[1] += 3


@njit(cache=True, nogil=True)
def _gables(
    ring: Floats,
    n: int,
    origin: tuple[float, float, float],
    ridge: tuple[float, float, float, float],
    rise: float,
    directions: NDArray[np.int8],
    at: NDArray[np.int32],
    normal: NDArray[np.int8],
    wall: Flags,
    corners: Ints,
    state: Ints,
) -> None:
    """What of the walls lies between eaves and roof."""
    x, y, middle, half = ridge
    top = np.empty((5, 3))
    for i in range(n):
        k = i + 1 if i + 1 < n else 0
        here = ring[i, 0] * x + ring[i, 1] * y - middle
        there = ring[k, 0] * x + ring[k, 1] * y - middle
        a, b = rise * (1 - abs(here) / half), rise * (1 - abs(there) / half)
        crosses = (here < 0 and there > 0) or (here > 0 and there < 0)
        if a < 1 and b < 1 and not crosses:
            continue
        m = 2
        top[0, 0], top[0, 1], top[0, 2] = ring[i, 0], ring[i, 1], 0
        top[1, 0], top[1, 1], top[1, 2] = ring[k, 0], ring[k, 1], 0
        if b >= 1:
            top[m, 0], top[m, 1], top[m, 2] = ring[k, 0], ring[k, 1], b
            m += 1
        if crosses:
            t = here / (here - there)
            top[m, 0] = ring[i, 0] + t * (ring[k, 0] - ring[i, 0])
            top[m, 1] = ring[i, 1] + t * (ring[k, 1] - ring[i, 1])
            top[m, 2] = rise
            m += 1
        if a >= 1:
            top[m, 0], top[m, 1], top[m, 2] = ring[i, 0], ring[i, 1], a
            m += 1
        d = direction_of(ring[k, 0] - ring[i, 0], ring[k, 1] - ring[i, 1])
        first = state[0]
        for j in range(m):
            at[first + j, 0] = np.int32(np.rint(origin[0] + top[j, 0]))
            at[first + j, 1] = np.int32(np.rint(origin[2] + top[j, 2]))
            at[first + j, 2] = -np.int32(np.rint(origin[1] + top[j, 1]))
            normal[first + j, 0], normal[first + j, 2] = directions[d, 0], directions[d, 2]
            wall[first + j] = True
        state[0] += m
        _fan(first, m, corners, state)


@njit(cache=True, nogil=True)
def _hips(
    ring: Floats,
    n: int,
    origin: tuple[float, float, float],
    rise: float,
    piece: Floats,
    other: Floats,
    at: NDArray[np.int32],
    normal: NDArray[np.int8],
    corners: Ints,
    state: Ints,
) -> None:
    """One plane an edge, over what is nearer to it than to any other."""
    away = np.empty((n, 3))  # distance from each edge, inwards: a · x + b · y + c
    for i in range(n):
        k = i + 1 if i + 1 < n else 0
        ux, uy = ring[k, 0] - ring[i, 0], ring[k, 1] - ring[i, 1]
        length = np.sqrt(ux * ux + uy * uy)
        away[i, 0], away[i, 1] = -uy / length, ux / length
        away[i, 2] = (uy * ring[i, 0] - ux * ring[i, 1]) / length
    highest, begin = 0.0, np.zeros(n + 1, np.int64)
    pieces = np.empty((n * (2 * n + 2), 2))
    for i in range(n):
        m = n
        piece[:n] = ring[:n]
        for j in range(n):
            if j != i and m >= 3:
                a, b, c = away[i, 0] - away[j, 0], away[i, 1] - away[j, 1], away[i, 2] - away[j, 2]
                m = _cut(piece, m, a, b, c, other)
                piece[:m] = other[:m]
        for q in range(m):
            d = away[i, 0] * piece[q, 0] + away[i, 1] * piece[q, 1] + away[i, 2]
            highest = max(highest, d)
            pieces[begin[i] + q] = piece[q]
        begin[i + 1] = begin[i] + m
    slope = rise / highest
    for i in range(n):
        height = (away[i, 0] * slope, away[i, 1] * slope, away[i, 2] * slope)
        _plane(
            pieces[begin[i] : begin[i + 1]], begin[i + 1] - begin[i], origin, height,
            at, normal, corners, state,
        )  # fmt: skip
