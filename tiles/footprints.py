"""Footprints as flat arrays: polygons of many features, read straight from a column of WKB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from tiles.placement import M_PER_DEGREE
from tiles.source import column
from tiles.wkb import buffers, header, polygon_body
from twin.wkb import u32, u64

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Footprints", "extents", "footprints_of"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]

POLYGON, MULTIPOLYGON = 3, 6


@dataclass(frozen=True, slots=True)
class Footprints:
    """Polygons of many features in a row, rings as they were written, closing vertices included.

    ``lon``, ``lat`` (v) are degrees; ``ring_start`` (r + 1) cuts the vertices into rings,
    ``polygon_start`` (p + 1) the rings into polygons, ``first`` and ``last`` (n) are the range of
    polygons of each feature; a feature without a polygon has an empty range.
    """

    lon: Floats
    lat: Floats
    ring_start: Ints
    polygon_start: Ints
    first: Ints
    last: Ints

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: NDArray[np.intp]) -> Footprints:
        """Some features; their vertices stay where they are."""
        return Footprints(
            self.lon, self.lat, self.ring_start, self.polygon_start,
            self.first[rows], self.last[rows],
        )  # fmt: skip

    def vertex_ranges(self) -> tuple[Ints, Ints]:
        """First vertex of each feature, and the one after its last, shape (n,)."""
        return (
            self.ring_start[self.polygon_start[self.first]],
            self.ring_start[self.polygon_start[self.last]],
        )


def footprints_of(table: pa.Table, *, compiled: bool = True) -> Footprints:
    """The ``wkb`` column of a table.

    Parameters
    ----------
    table : pyarrow.Table
        ``wkb`` holds polygons and multipolygons in longitude and latitude, ISO or EWKB; any
        winding, Z and M are left out. Collections give their polygons, other types none, and so
        does what cannot be read.
    compiled : bool
        Whether compiled loops are taken; GEOS reads the same from all rows.

    Returns
    -------
    Footprints
        One feature a row.
    """
    data, start = buffers(column(table, "wkb"))
    if not compiled:
        return _through_geos(data, start)
    plain, polygons, rings, vertices = _measure(data, start)
    if plain.all():
        return _gather(data, start, plain, polygons, rings, vertices)
    found = _gather(data, start, plain, polygons, rings, vertices)
    odd = np.flatnonzero(~plain)
    size = np.diff(start)[odd]
    picked = np.concatenate([data[start[i] : start[i + 1]] for i in odd.tolist()])
    rest = _through_geos(picked, np.concatenate([[0], np.cumsum(size)]))
    return _with(found, rest, odd)


def _through_geos(data: Bytes, start: Ints) -> Footprints:
    """What is not plain: collections, the other byte order, damaged records (which are empty)."""
    bounds = zip(start[:-1].tolist(), start[1:].tolist(), strict=True)
    records = [data[a:b].tobytes() or None for a, b in bounds]
    with np.errstate(invalid="ignore"):
        read = shapely.from_wkb(np.asarray(records, dtype=object), on_invalid="ignore")
    shapes = shapely.force_2d(np.asarray(read, dtype=object))
    polygons, owner = _polygons(shapes)
    rings, ring_polygon = shapely.get_rings(polygons, return_index=True)
    xy, vertex_ring = shapely.get_coordinates(rings, return_index=True)
    last = np.searchsorted(owner, np.arange(len(records)), side="right")
    return Footprints(
        np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]),
        np.searchsorted(vertex_ring, np.arange(len(rings) + 1)),
        np.searchsorted(ring_polygon, np.arange(len(polygons) + 1)),
        np.concatenate([[0], last[:-1]]), last,
    )  # fmt: skip


def _polygons(shapes: Objects) -> tuple[Objects, Ints]:
    """Polygons within shapes, however deep, and the shape of each."""
    parts, owner = shapes, np.arange(len(shapes))
    while (shapely.get_type_id(parts) > POLYGON).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        owner = owner[inner]
    areal = (shapely.get_type_id(parts) == POLYGON) & ~shapely.is_empty(parts)
    return parts[areal], owner[areal]


def _with(found: Footprints, rest: Footprints, rows: Ints) -> Footprints:
    """Some rows of ``found`` replaced by those of ``rest``; its vertices come after the others."""
    polygons = len(found.polygon_start) - 1
    first, last = found.first.copy(), found.last.copy()
    first[rows], last[rows] = rest.first + polygons, rest.last + polygons
    rings, vertices = found.polygon_start[-1], found.ring_start[-1]
    return Footprints(
        np.concatenate([found.lon, rest.lon]), np.concatenate([found.lat, rest.lat]),
        np.concatenate([found.ring_start, rest.ring_start[1:] + vertices]),
        np.concatenate([found.polygon_start, rest.polygon_start[1:] + rings]), first, last,
    )  # fmt: skip


def _gather(
    data: Bytes, start: Ints, plain: Flags, polygons: Ints, rings: int, vertices: int
) -> Footprints:
    bounds = np.concatenate([[0], np.cumsum(polygons)])
    lon, lat = np.empty(vertices, np.uint64), np.empty(vertices, np.uint64)
    ring_start, polygon_start = np.zeros(rings + 1, np.int64), np.zeros(bounds[-1] + 1, np.int64)
    _fill(data, start, plain, lon, lat, ring_start, polygon_start)
    return Footprints(
        lon.view(np.float64), lat.view(np.float64), ring_start, polygon_start,
        bounds[:-1], bounds[1:],
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _record(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Polygons, rings and vertices of a record; -1 polygons if it is not plain."""
    if end - at < 9:
        return -1, 0, 0
    kind, size, at = header(data, at)
    if kind == POLYGON:
        at, rings, vertices = polygon_body(data, at, end, size)
        return (1 if at == end else -1), rings, vertices
    if kind != MULTIPOLYGON or at + 4 > end:
        return -1, 0, 0
    polygons, rings, vertices = u32(data, at), 0, 0
    at += 4
    for _ in range(polygons):
        if at + 9 > end:
            return -1, 0, 0
        kind, size, at = header(data, at)
        if kind != POLYGON:
            return -1, 0, 0
        at, more_rings, more_vertices = polygon_body(data, at, end, size)
        if at < 0:
            return -1, 0, 0
        rings += more_rings
        vertices += more_vertices
    return (polygons if at == end else -1), rings, vertices


@njit(cache=True, nogil=True)
def _measure(data: Bytes, start: Ints) -> tuple[Flags, Ints, int, int]:
    """Which rows are plain, the polygons of each, and all their rings and vertices."""
    n = len(start) - 1
    plain, polygons = np.ones(n, np.bool_), np.zeros(n, np.int64)
    rings, vertices = 0, 0
    for i in range(n):
        if start[i] == start[i + 1]:
            continue
        count, more_rings, more_vertices = _record(data, start[i], start[i + 1])
        plain[i] = count >= 0
        if count > 0:
            polygons[i] = count
            rings += more_rings
            vertices += more_vertices
    return plain, polygons, rings, vertices


@njit(cache=True, nogil=True)
def _fill(
    data: Bytes,
    start: Ints,
    plain: Flags,
    lon: NDArray[np.uint64],
    lat: NDArray[np.uint64],
    ring_start: Ints,
    polygon_start: Ints,
) -> None:
    """Coordinates (as bits) and cuts of the plain rows."""
    vertex, ring, polygon = 0, 0, 0
    for i in range(len(start) - 1):
        if start[i] == start[i + 1] or not plain[i]:
            continue
        kind, size, at = header(data, start[i])
        count = 1
        if kind == MULTIPOLYGON:
            count = u32(data, at)
            at += 4
        for _ in range(count):
            if kind == MULTIPOLYGON:
                _, size, at = header(data, at)
            rings = u32(data, at)
            at += 4
            for _ in range(rings):
                for k in range(u32(data, at)):
                    place = at + 4 + k * size
                    lon[vertex], lat[vertex] = u64(data, place), u64(data, place + 8)
                    vertex += 1
                at += 4 + u32(data, at) * size
                ring += 1
                ring_start[ring] = vertex
            polygon += 1
            polygon_start[polygon] = ring


def extents(footprints: Footprints, *, compiled: bool = True) -> Floats:
    """Box and size of each feature.

    Parameters
    ----------
    footprints : Footprints
    compiled : bool
        Whether the compiled loop is taken.

    Returns
    -------
    ndarray of float64, shape (n, 5)
        West, south, east, north in degrees and the area of the largest polygon in m²; NaN for a
        feature without vertices or with a coordinate that is no place on earth.
    """
    f = footprints
    find = _extents if compiled else _extents.py_func
    return np.asarray(find(f.lon, f.lat, f.ring_start, f.polygon_start, f.first, f.last))


@njit(cache=True, nogil=True)
def _twice_area(lon: Floats, lat: Floats, a: int, b: int) -> float:
    twice = 0.0
    for k in range(a, b - 1):
        twice += (lon[k] - lon[a]) * (lat[k + 1] - lat[a])
        twice -= (lon[k + 1] - lon[a]) * (lat[k] - lat[a])
    return abs(twice)


@njit(cache=True, nogil=True)
def _extents(
    lon: Floats, lat: Floats, ring_start: Ints, polygon_start: Ints, first: Ints, last: Ints
) -> Floats:
    """Columns west, south, east, north, area; shape (n, 5)."""
    out = np.full((len(first), 5), np.nan)
    for i in range(len(first)):
        a, b = ring_start[polygon_start[first[i]]], ring_start[polygon_start[last[i]]]
        if a == b:
            continue
        west = east = lon[a]
        south = north = lat[a]
        sound = True
        for k in range(a, b):
            x, y = lon[k], lat[k]
            sound &= abs(x) <= 360.0 and abs(y) <= 90.0  # false for NaN
            west, east = min(west, x), max(east, x)
            south, north = min(south, y), max(north, y)
        if not sound:
            continue
        largest = 0.0
        for p in range(first[i], last[i]):
            s = polygon_start[p]
            if s < polygon_start[p + 1]:
                largest = max(largest, _twice_area(lon, lat, ring_start[s], ring_start[s + 1]))
        square = M_PER_DEGREE * M_PER_DEGREE * np.cos(np.deg2rad((south + north) / 2))
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = west, south, east, north
        out[i, 4] = largest / 2 * square
    return out
