"""Shapes of a zoom of vector tiles: simplified, on whole units, polygons valid.

Compiled loops do plain shapes; what they cannot prove to be valid goes through GEOS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from tiles.wkb import LINE, POINT, POLYGON, Shapes, of_geometries

__all__ = [
    "SMALLEST",
    "TOLERANCE",
    "Level",
    "geometries_of",
    "is_simple",
    "level_of",
    "on_grid",
    "oriented",
    "valid_on_grid",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Whole = NDArray[np.int32]
Objects = NDArray[np.object_]

TOLERANCE = 4.0
"""Units a simplified outline may stray (half a pixel at 512 pixels per tile)."""
SMALLEST = 64.0
"""Square units; smaller polygons are left out above the last zoom."""
FARTHEST = 2.0**30
"""Units from the corner of the world beyond which nothing is drawn; all of the last zoom are 2²⁸."""
PROVEN = 64
"""Vertices up to which a ring is proven to be simple by looking at each pair of its edges."""


@dataclass(frozen=True, slots=True)
class Level:
    """Shapes of n features in units of a zoom, from the west and the **south**; rings are not closed.

    ``x``, ``y`` (v) are whole; ``ring_start`` (r + 1), ``outer`` (r), ``first``, ``last``, ``kind``
    (n) as in :class:`tiles.wkb.Shapes`: a feature that is left out has an empty range of runs.
    Outer rings run clockwise, holes the other way.
    """

    x: Whole
    y: Whole
    ring_start: Whole
    outer: Flags
    first: Whole
    last: Whole
    kind: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self, name).nbytes for name in self.__slots__)

    def bounds(self) -> Ints:
        """West, south, east, north of each feature, shape (n, 4); of one left out west > east."""
        return np.asarray(_bounds(self.x, self.y, self.ring_start, self.first, self.last))


def level_of(shapes: Shapes, scale: float, *, simplify: bool, compiled: bool = True) -> Level:
    """Shapes on the grid of a zoom.

    Parameters
    ----------
    shapes : Shapes
        Web Mercator, 0–1 from the west and from the south.
    scale : float
        Units of the zoom around the world.
    simplify : bool
        Whether outlines are simplified by :data:`TOLERANCE` and small things are left out.
    compiled : bool
        Whether the compiled loop is taken, or the same as plain Python.
    """
    x, y = shapes.x * scale, shapes.y * scale
    tolerance = TOLERANCE if simplify else -1.0
    run = _snap if compiled else _snap.py_func
    *arrays, unproven = run(  # the fields of a Level, then flags
        x, y, shapes.ring_start, shapes.outer, shapes.first, shapes.last, shapes.kind, tolerance
    )
    level = Level(*arrays)  # type: ignore[arg-type]  # a tuple of several kinds of arrays
    rows = np.flatnonzero(unproven)
    return _proven(level, shapes, scale, rows, simplify) if len(rows) else level


def _proven(level: Level, shapes: Shapes, scale: float, rows: Ints, simplify: bool) -> Level:
    """Polygons a look at pairs of edges did not prove to be valid: GEOS judges, and mends."""
    with np.errstate(all="ignore"):
        drawn = geometries_of(level, rows)
        bad = ~shapely.is_valid(drawn) | shapely.is_missing(drawn)
        rows = rows[bad]
        if not len(rows):
            return level
        whole = np.array([_polygon(shapes, scale, i) for i in rows.tolist()], dtype=object)
        if simplify:
            whole[shapely.area(whole) < SMALLEST] = None
            whole = shapely.simplify(whole, TOLERANCE)
        mended = on_grid(valid_on_grid(whole))
    first, last = level.first.copy(), level.last.copy()
    runs = np.int32(len(level.outer))
    first[rows], last[rows] = mended.first + runs, mended.last + runs
    return Level(
        np.concatenate([level.x, mended.x]), np.concatenate([level.y, mended.y]),
        np.concatenate([level.ring_start, mended.ring_start[1:] + level.ring_start[-1]]),
        np.concatenate([level.outer, mended.outer]), first, last, level.kind,
    )  # fmt: skip


def on_grid(geometry: Objects) -> Level:
    """Shapes that lie on whole units as they are; None is left out."""
    s = of_geometries(geometry)
    *arrays, _ = _snap(s.x, s.y, s.ring_start, s.outer, s.first, s.last, s.kind, -1.0)
    return Level(*arrays)  # type: ignore[arg-type]  # as above


def valid_on_grid(geometry: Objects) -> Objects:
    """Polygons with corners on whole units that are valid; None where nothing is left."""
    sound = np.where(shapely.is_valid(geometry), geometry, shapely.make_valid(geometry))
    out = shapely.set_precision(sound, 1.0)
    for i in np.flatnonzero(shapely.get_type_id(out) == 7).tolist():
        parts = shapely.get_parts(shapely.get_parts(out[i]))
        out[i] = shapely.multipolygons(parts[shapely.get_type_id(parts) == POLYGON])
    out[(shapely.get_dimensions(out) < 2) | shapely.is_empty(out)] = None
    return np.asarray(out, dtype=object)


def _polygon(shapes: Shapes, scale: float, i: int) -> shapely.Geometry:
    rings = range(int(shapes.first[i]), int(shapes.last[i]))
    cuts = [slice(*shapes.ring_start[r : r + 2].tolist()) for r in rings]
    xy = [np.column_stack([shapes.x[c] * scale, shapes.y[c] * scale]) for c in cuts]
    return _joined(xy, [bool(shapes.outer[r]) for r in rings])


def _joined(rings: list[NDArray[np.float64]], outer: list[bool]) -> shapely.Geometry:
    """A polygon or several of rings in a row, each outer one before its holes."""
    parts: list[list[NDArray[np.float64]]] = []
    for ring, is_outer in zip(rings, outer, strict=True):
        if is_outer:
            parts.append([])
        if len(ring) > 3 and (is_outer or parts[-1]):
            parts[-1].append(ring)
    polygons = [shapely.Polygon(p[0], p[1:]) for p in parts if p]
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def geometries_of(level: Level, rows: Ints) -> Objects:
    """Some features as shapely's geometries; None for one left out."""
    out = np.full(len(rows), None, dtype=object)
    for n, i in enumerate(rows.tolist()):
        runs = range(int(level.first[i]), int(level.last[i]))
        cuts = [slice(*level.ring_start[r : r + 2].tolist()) for r in runs]
        xy = [np.column_stack([level.x[c], level.y[c]]).astype(np.float64) for c in cuts]
        if not xy:
            continue
        if level.kind[i] == POINT:
            out[n] = shapely.MultiPoint(np.concatenate(xy))
        elif level.kind[i] == LINE:
            out[n] = shapely.MultiLineString(xy)
        else:
            closed = [np.concatenate([c, c[:1]]) for c in xy]
            out[n] = _joined(closed, [bool(level.outer[r]) for r in runs])
    return out


@njit(cache=True, nogil=True)
def _distance(x: Floats, y: Floats, p: int, a: int, b: int) -> float:
    """From a point to a segment, in the steps of GEOS, so that both keep the same points."""
    dx, dy = x[b] - x[a], y[b] - y[a]
    square = dx * dx + dy * dy
    if square == 0.0:
        return float(np.sqrt((x[p] - x[a]) ** 2 + (y[p] - y[a]) ** 2))
    r = ((x[p] - x[a]) * dx + (y[p] - y[a]) * dy) / square
    if r <= 0.0:
        return float(np.sqrt((x[p] - x[a]) ** 2 + (y[p] - y[a]) ** 2))
    if r >= 1.0:
        return float(np.sqrt((x[p] - x[b]) ** 2 + (y[p] - y[b]) ** 2))
    s = ((y[a] - y[p]) * dx - (x[a] - x[p]) * dy) / square
    return float(abs(s) * np.sqrt(square))


@njit(cache=True, nogil=True)
def _thin(x: Floats, y: Floats, a: int, b: int, tolerance: float, keep: Flags) -> None:
    """Mark what Douglas and Peucker keep of vertices a to b - 1; the ends are kept."""
    keep[a:b] = tolerance < 0.0
    keep[a], keep[b - 1] = True, True
    if tolerance < 0.0 or b - a < 3:
        return
    stack = [(a, b - 1)]
    while len(stack) > 0:
        i, j = stack.pop()
        worst, at = -1.0, i
        for k in range(i + 1, j):
            d = _distance(x, y, k, i, j)
            if d > worst:
                worst, at = d, k
        if worst > tolerance:
            keep[at] = True
            stack.append((i, at))
            stack.append((at, j))


@njit(cache=True, nogil=True)
def _size(x: Floats, y: Floats, a: int, b: int, areal: bool) -> float:
    """Area (positive) or length of a run."""
    total = 0.0
    for k in range(a, b - 1):
        if areal:
            total += (x[k] - x[a]) * (y[k + 1] - y[a]) - (x[k + 1] - x[a]) * (y[k] - y[a])
        else:
            total += np.sqrt((x[k + 1] - x[k]) ** 2 + (y[k + 1] - y[k]) ** 2)
    return float(abs(total) / 2 if areal else total)


@njit(cache=True, nogil=True)
def _big(x: Floats, y: Floats, cuts: Ints, outer: Flags, first: int, last: int, kind: int) -> bool:
    if kind == POINT:
        return True
    total = 0.0
    for r in range(first, last):
        size = _size(x, y, cuts[r], cuts[r + 1], kind == POLYGON)
        total += size if kind == LINE or outer[r] else -size
    return bool(total >= (SMALLEST if kind == POLYGON else TOLERANCE))


@njit(cache=True, nogil=True)
def _turn(x: Whole, y: Whole, a: int, b: int, c: int) -> int:
    cross = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
    return int(cross > 0) - int(cross < 0)


@njit(cache=True, nogil=True)
def is_simple(x: Whole, y: Whole, a: int, b: int) -> bool:
    """Whether no two edges of a ring share a point but neighbours their corner."""
    n = b - a
    if n > PROVEN:
        return False
    for i in range(n):
        p, q = a + i, a + (i + 1) % n
        r = a + (i + 2) % n
        if (
            _turn(x, y, p, q, r) == 0
            and (x[q] - x[p]) * (x[r] - x[q]) + (y[q] - y[p]) * (y[r] - y[q]) < 0
        ):
            return False
        for j in range(i + 2, n - (1 if i == 0 else 0)):
            s, t = a + j, a + (j + 1) % n
            if (
                max(x[p], x[q]) < min(x[s], x[t])
                or max(x[s], x[t]) < min(x[p], x[q])
                or max(y[p], y[q]) < min(y[s], y[t])
                or max(y[s], y[t]) < min(y[p], y[q])
            ):
                continue
            if (
                _turn(x, y, p, q, s) * _turn(x, y, p, q, t) <= 0
                and _turn(x, y, s, t, p) * _turn(x, y, s, t, q) <= 0
            ):
                return False
    return True


@njit(cache=True, nogil=True)
def _round_run(
    x: Floats, y: Floats, a: int, b: int, keep: Flags, ox: Whole, oy: Whole, at: int, closed: bool
) -> int:
    """Write kept vertices on whole units, without those that fall together; where they end."""
    begin = at
    for k in range(a, b):
        if not keep[k]:
            continue
        px, py = np.int32(np.rint(x[k])), np.int32(np.rint(y[k]))
        if at > begin and ox[at - 1] == px and oy[at - 1] == py:
            continue
        ox[at], oy[at] = px, py
        at += 1
    while closed and at - begin > 1 and ox[at - 1] == ox[begin] and oy[at - 1] == oy[begin]:
        at -= 1
    return at


@njit(cache=True, nogil=True)
def oriented(x: Whole, y: Whole, a: int, b: int, outer: bool) -> bool:
    """Turn a ring the right way, its first vertex staying; False where it has no area."""
    twice = np.int64(0)
    for k in range(a + 1, b - 1):
        twice += (x[k] - x[a]) * (y[k + 1] - y[a]) - (x[k + 1] - x[a]) * (y[k] - y[a])
    if twice == 0:
        return False
    if (twice > 0) == outer:
        i, j = a + 1, b - 1
        while i < j:
            x[i], x[j] = x[j], x[i]
            y[i], y[j] = y[j], y[i]
            i += 1
            j -= 1
    return True


@njit(cache=True, nogil=True)
def _finite(x: Floats, y: Floats, a: int, b: int) -> bool:
    for k in range(a, b):  # noqa: SIM110 - a loop for the compiler
        if not (abs(x[k]) < FARTHEST and abs(y[k]) < FARTHEST):
            return False
    return True


@njit(cache=True, nogil=True)
def _snap(  # noqa: C901 - one pass over runs
    x: Floats,
    y: Floats,
    cuts: Ints,
    outer: Flags,
    first: Ints,
    last: Ints,
    kind: Ints,
    tolerance: float,
) -> tuple[Whole, Whole, Whole, Flags, Whole, Whole, NDArray[np.uint8], Flags]:
    """Fields of a :class:`Level`, and which polygons are not proven to be valid."""
    n = len(first)
    ox, oy = np.empty(len(x), np.int32), np.empty(len(x), np.int32)
    starts, outside = np.zeros(len(outer) + 1, np.int32), np.ones(len(outer), np.bool_)
    begin, end = np.zeros(n, np.int32), np.zeros(n, np.int32)
    unproven, keep = np.zeros(n, np.bool_), np.ones(len(x), np.bool_)
    at, run = 0, 0
    for i in range(n):
        begin[i] = run
        end[i] = run
        if kind[i] == 0 or not _finite(x, y, cuts[first[i]], cuts[last[i]]):
            continue
        if tolerance > 0 and not _big(x, y, cuts, outer, first[i], last[i], kind[i]):
            continue
        areal, alive = kind[i] == POLYGON, True
        for r in range(first[i], last[i]):
            a, b = cuts[r], cuts[r + 1]
            if a == b:
                continue
            if kind[i] != POINT:
                _thin(x, y, a, b, tolerance, keep)
            stop = _round_run(x, y, a, b, keep, ox, oy, at, areal)
            good = stop - at >= (3 if areal else kind[i])
            if good and areal:
                good = oriented(ox, oy, at, stop, outer[r])
            if areal and not good and tolerance > 0:
                unproven[i] = True
            if areal and outer[r]:
                alive = good  # holes go with their outer ring
            if not (good and alive):
                continue
            outside[run] = outer[r]
            at = stop
            run += 1
            starts[run] = at
        end[i] = run
        if areal and run > begin[i]:
            one = run - begin[i] == 1
            if not (one and is_simple(ox, oy, starts[begin[i]], at)):
                unproven[i] = True
    return (
        ox[:at].copy(), oy[:at].copy(), starts[: run + 1].copy(), outside[:run].copy(), begin, end,
        kind.astype(np.uint8), unproven,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _bounds(x: Whole, y: Whole, cuts: Whole, first: Whole, last: Whole) -> Ints:
    out = np.empty((len(first), 4), np.int64)
    for i in range(len(first)):
        a, b = cuts[first[i]], cuts[last[i]]
        if a == b:
            out[i] = np.array([1, 1, 0, 0])
            continue
        out[i, 0], out[i, 1] = x[a:b].min(), y[a:b].min()
        out[i, 2], out[i, 3] = x[a:b].max(), y[a:b].max()
    return out
