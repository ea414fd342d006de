"""Records of well-known binary in a column: compiled readers, and shapes of any kind as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numba import njit
from numpy.typing import NDArray

from twin.wkb import u32, u64

__all__ = [
    "Shapes",
    "buffers",
    "header",
    "of_geometries",
    "polygon_body",
    "shapes_of",
    "spans",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]

POINT, LINE, POLYGON = 1, 2, 3
_KINDS = np.array([POINT, LINE, LINE, POLYGON, POINT, LINE, POLYGON, 0])
"""Kind by shapely's type of geometry: points, lines or polygons, one or many."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Points, lines and polygons of many features in a row, closing vertices included.

    ``x``, ``y`` (v) as they were written; ``ring_start`` (r + 1) cuts the vertices into runs: a
    point, a line or a ring of a polygon; ``outer`` (r) is False for a hole; ``first`` and ``last``
    (n) are the range of runs of each feature, ``kind`` (n) is 1 for points, 2 for lines, 3 for
    polygons, 0 for what is none of these or empty.
    """

    x: Floats
    y: Floats
    ring_start: Ints
    outer: Flags
    first: Ints
    last: Ints
    kind: Ints

    def __len__(self) -> int:
        return len(self.first)


def shapes_of(wkb: pa.Array, *, compiled: bool = True) -> Shapes:
    """Shapes of a binary column, ISO WKB or EWKB; Z and M are left out.

    Parameters
    ----------
    wkb : pyarrow.Array of binary, n rows
        Null, unreadable and empty records and collections are features of kind 0.
    compiled : bool
        Whether compiled loops are taken; GEOS reads the same from all rows.
    """
    data, start = buffers(wkb)
    if not compiled:
        return _through_geos(data, start, np.arange(len(start) - 1))
    kind, rings, vertices = measure(data, start)
    ends = np.concatenate([[0], np.cumsum(rings)])
    x, y = np.empty(vertices, np.uint64), np.empty(vertices, np.uint64)
    ring_start, outer = np.zeros(ends[-1] + 1, np.int64), np.ones(ends[-1], np.bool_)
    fill(data, start, kind, x, y, ring_start, outer)
    found = Shapes(
        x.view(np.float64), y.view(np.float64), ring_start, outer, ends[:-1], ends[1:],
        np.maximum(kind, 0),
    )  # fmt: skip
    odd = np.flatnonzero(kind < 0)
    return replaced(found, _through_geos(data, start, odd), odd) if len(odd) else found


def _through_geos(data: Bytes, start: Ints, rows: Ints) -> Shapes:
    """What is not plain: the other byte order, kinds within kinds, damaged records."""
    records = [data[start[i] : start[i + 1]].tobytes() or None for i in rows.tolist()]
    with np.errstate(invalid="ignore"):
        read = shapely.from_wkb(np.asarray(records, dtype=object), on_invalid="ignore")
    return of_geometries(shapely.force_2d(np.asarray(read, dtype=object)))


def of_geometries(geometry: Objects) -> Shapes:
    """Shapes of shapely's geometries, shape (n,); kind 0 for None, empty ones and collections."""
    kind = _KINDS[shapely.get_type_id(geometry)]
    kind[(shapely.get_type_id(geometry) < 0) | shapely.is_empty(geometry)] = 0
    parts, owner = shapely.get_parts(
        np.where(kind > 0, geometry, np.array(None, dtype=object)), return_index=True
    )
    areal = shapely.get_type_id(parts) == POLYGON
    rings, polygon = shapely.get_rings(parts[areal], return_index=True)
    of = np.concatenate([np.flatnonzero(~areal), np.flatnonzero(areal)[polygon]])
    runs = np.concatenate([parts[~areal], rings])
    order = np.argsort(of, kind="stable")
    of, runs = of[order], runs[order]
    outer = np.append(True, of[1:] != of[:-1])[: len(of)]
    xy, run = shapely.get_coordinates(runs, return_index=True)
    cuts = np.searchsorted(owner[of], np.arange(len(geometry) + 1))
    return Shapes(
        np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]),
        np.searchsorted(run, np.arange(len(runs) + 1)), outer, cuts[:-1], cuts[1:], kind,
    )  # fmt: skip


def replaced(found: Shapes, rest: Shapes, rows: Ints) -> Shapes:
    """Some features of ``found`` replaced by those of ``rest``; its vertices come after the others."""
    first, last, kind = found.first.copy(), found.last.copy(), found.kind.copy()
    runs = len(found.outer)
    first[rows], last[rows], kind[rows] = rest.first + runs, rest.last + runs, rest.kind
    return Shapes(
        np.concatenate([found.x, rest.x]), np.concatenate([found.y, rest.y]),
        np.concatenate([found.ring_start, rest.ring_start[1:] + found.ring_start[-1]]),
        np.concatenate([found.outer, rest.outer]), first, last, kind,
    )  # fmt: skip


def buffers(wkb: pa.Array) -> tuple[Bytes, Ints]:
    """Bytes of a binary column and where each row begins; null rows are empty."""
    if not pa.types.is_large_binary(wkb.type):
        wkb = wkb.cast(pa.large_binary())
    if wkb.null_count:
        wkb = wkb.fill_null(b"")
    _, offsets, values = wkb.buffers()
    start = np.frombuffer(offsets, np.int64)[wkb.offset : wkb.offset + len(wkb) + 1]
    data = np.frombuffer(values, np.uint8) if values is not None else np.zeros(0, np.uint8)
    return data, start


@njit(cache=True, nogil=True)
def header(data: Bytes, at: int) -> tuple[int, int, int]:
    """Type, bytes of a coordinate and where the body begins; type -1 for the other byte order."""
    if data[at] != 1:
        return -1, 0, at
    code = u32(data, at + 1)
    at += 5
    if code & 0x20000000:
        at += 4
    thousands = (code & 0x1FFFFFFF) // 1000
    size = 16
    if (code & 0x80000000) or thousands == 1 or thousands == 3:
        size += 8
    if (code & 0x40000000) or thousands == 2 or thousands == 3:
        size += 8
    return ((code & 0x1FFFFFFF) % 1000 if thousands <= 3 else -1), size, at


@njit(cache=True, nogil=True)
def polygon_body(data: Bytes, at: int, end: int, size: int) -> tuple[int, int, int]:
    """Where a polygon's body ends (-1: it does not add up), its rings and vertices."""
    if at + 4 > end:
        return -1, 0, 0
    rings, vertices = u32(data, at), 0
    at += 4
    for _ in range(rings):
        if at + 4 > end:
            return -1, 0, 0
        n = u32(data, at)
        at += 4 + n * size
        vertices += n
        if at > end:
            return -1, 0, 0
    return at, rings, vertices


@njit(cache=True, nogil=True)
def body(data: Bytes, kind: int, at: int, end: int, size: int) -> tuple[int, int, int]:
    """Where the body of one point, line or polygon ends (-1: it does not add up), runs, vertices."""
    if kind == POINT:
        return (at + size if at + size <= end else -1), 1, 1
    if kind == LINE:
        if at + 4 > end:
            return -1, 0, 0
        n = u32(data, at)
        at += 4 + n * size
        return (at if at <= end else -1), 1, n
    if kind == POLYGON:
        return polygon_body(data, at, end, size)
    return -1, 0, 0


@njit(cache=True, nogil=True)
def record(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Kind, runs and vertices of a record; kind -1 if it is not plain."""
    if end - at < 9:
        return -1, 0, 0
    kind, size, at = header(data, at)
    if kind <= POLYGON:
        at, runs, vertices = body(data, kind, at, end, size)
        return (kind if at == end and vertices > 0 else -1), runs, vertices
    if kind > 6 or at + 4 > end:
        return -1, 0, 0
    parts, runs, vertices = u32(data, at), 0, 0
    at += 4
    for _ in range(parts):
        if at + 9 > end:
            return -1, 0, 0
        inner, size, at = header(data, at)
        if inner != kind - 3:
            return -1, 0, 0
        at, more_runs, more_vertices = body(data, inner, at, end, size)
        if at < 0 or more_vertices == 0:
            return -1, 0, 0
        runs += more_runs
        vertices += more_vertices
    return (kind - 3 if at == end and vertices > 0 else -1), runs, vertices


@njit(cache=True, nogil=True)
def measure(data: Bytes, start: Ints) -> tuple[Ints, Ints, int]:
    """Kind of each row (0 null, -1 not plain), its runs, and the vertices of all plain ones."""
    n = len(start) - 1
    kind, runs, vertices = np.zeros(n, np.int64), np.zeros(n, np.int64), 0
    for i in range(n):
        if start[i] == start[i + 1]:
            continue
        found, some, more = record(data, start[i], start[i + 1])
        kind[i] = found
        if found > 0:
            runs[i] = some
            vertices += more
    return kind, runs, vertices


@njit(cache=True, nogil=True)
def fill(
    data: Bytes,
    start: Ints,
    kinds: Ints,
    x: NDArray[np.uint64],
    y: NDArray[np.uint64],
    ring_start: Ints,
    outer: Flags,
) -> None:
    """Coordinates (as bits) and cuts of the plain rows."""
    vertex, run = 0, 0
    for i in range(len(start) - 1):
        if kinds[i] <= 0:
            continue
        kind, size, at = header(data, start[i])
        parts, many = 1, kind > POLYGON
        if many:
            parts = u32(data, at)
            at += 4
        for _ in range(parts):
            if many:
                kind, size, at = header(data, at)
            runs = 1
            if kind == POLYGON:
                runs = u32(data, at)
                at += 4
            for r in range(runs):
                count = 1
                if kind != POINT:
                    count = u32(data, at)
                    at += 4
                for k in range(count):
                    place = at + k * size
                    x[vertex], y[vertex] = u64(data, place), u64(data, place + 8)
                    vertex += 1
                at += count * size
                outer[run] = r == 0
                run += 1
                ring_start[run] = vertex


def spans(shapes: Shapes) -> tuple[Floats, Floats]:
    """Lowest and highest x and y of each feature, shape (2, n) both; NaN where it has no place."""
    found = np.asarray(_spans(shapes.x, shapes.y, shapes.ring_start, shapes.first, shapes.last))
    return found[:2], found[2:]


@njit(cache=True, nogil=True)
def _spans(x: Floats, y: Floats, cuts: Ints, first: Ints, last: Ints) -> Floats:
    out = np.full((4, len(first)), np.nan)
    for i in range(len(first)):
        a, b = cuts[first[i]], cuts[last[i]]
        if a == b:
            continue
        low_x = high_x = x[a]
        low_y = high_y = y[a]
        sound = True
        for k in range(a, b):
            sound &= abs(x[k]) < np.inf and abs(y[k]) < np.inf  # false for NaN
            low_x, high_x = min(low_x, x[k]), max(high_x, x[k])
            low_y, high_y = min(low_y, y[k]), max(high_y, y[k])
        if sound:
            out[0, i], out[1, i], out[2, i], out[3, i] = low_x, low_y, high_x, high_y
    return out
