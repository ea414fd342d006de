"""Columns of WKB without objects: coordinates out and in again, and which shapes are certainly sound.

A city delivers millions of plain shapes: little-endian WKB of points, lines and polygons, with or
without Z. Their coordinates are read from and written back into the column's buffer by compiled
loops. Whatever is not plain (other types, other byte order, open rings, damaged) is named, and goes the
general way through GEOS (:mod:`twin.validity`).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "MOST_CORNERS",
    "OTHER",
    "Coordinates",
    "certain",
    "kinds",
    "read",
    "replaced",
    "ring_ends",
    "simple_ring",
    "u32",
    "u64",
]

OTHER = -1
"""Kind of a record that is not plain."""

MOST_CORNERS = 64
"""A ring with more corners is left to GEOS, whose sweep is faster than all pairs."""

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Coordinates:
    """All coordinates of a column, record after record.

    ``kind`` (n,) is the WKB type 1 … 6, 0 for null, :data:`OTHER` for what is not plain; ``first``
    (n + 1,) where the coordinates of each record begin; ``at`` (m,) the byte of each x; ``x``, ``y``,
    ``z`` (m,) as written, z NaN where there is none; ``has_z`` (n,); ``rings`` (n,) the rings of
    polygons and multipolygons, 0 elsewhere.
    """

    kind: NDArray[np.int8]
    first: NDArray[np.int64]
    at: NDArray[np.int64]
    x: Floats
    y: Floats
    z: Floats
    has_z: NDArray[np.bool_]
    rings: NDArray[np.int32]


def read(column: pa.Array) -> Coordinates:
    """Coordinates of a binary column of ISO WKB.

    Parameters
    ----------
    column : pyarrow.Array of binary, length n
        Null where a record has no geometry.

    Examples
    --------
    >>> import shapely
    >>> found = read(pa.array(shapely.to_wkb([shapely.Point(1, 2), None]), pa.binary()))
    >>> found.kind.tolist(), found.x.tolist(), found.first.tolist()
    ([1, 0], [1.0], [0, 1, 1])
    """
    data, offsets = _buffers(column)
    valid = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    kind, count, has_z, rings = _measure(data, offsets, valid)
    first = np.zeros(len(kind) + 1, np.int64)
    np.cumsum(count, out=first[1:])
    at, x, y, z = _gather(data, offsets, kind, first, has_z)
    return Coordinates(kind, first, at, x, y, z, has_z, rings)


def kinds(column: pa.Array) -> tuple[NDArray[np.int8], Flags]:
    """What each record is, without its coordinates.

    Parameters
    ----------
    column : pyarrow.Array of binary, length n
        Null where a record has no geometry.

    Returns
    -------
    kind : ndarray of int8, shape (n,)
        As in :class:`Coordinates`.
    finite : ndarray of bool, shape (n,)
        False where x or y of a plain record is NaN or infinite.

    Examples
    --------
    >>> import shapely
    >>> kind, finite = kinds(pa.array(shapely.to_wkb([shapely.Point(1, np.inf), None]), pa.binary()))
    >>> kind.tolist(), finite.tolist()
    ([1, 0], [False, True])
    """
    data, offsets = _buffers(column)
    valid = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    return _kinds(data, offsets, valid)


def replaced(column: pa.Array, found: Coordinates, x: Floats, y: Floats, z: Floats) -> pa.Array:
    """The column with other numbers in the places of its coordinates; records that are not plain stay.

    Parameters
    ----------
    column : pyarrow.Array of binary, length n
        The one ``found`` was read from.
    x, y, z : ndarray of float64, shape (m,)
        New coordinates; z is written only where the record has one.
    """
    data, offsets = _buffers(column)
    data = data.copy()
    _scatter(data, found.at, x, y, z, np.repeat(found.has_z, np.diff(found.first)))
    mask = None
    if column.null_count:
        mask = column.is_valid().buffers()[1]
    buffers = [mask, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(column), buffers)


def ring_ends(found: Coordinates) -> tuple[Ints, Ints]:
    """Where polygons of one ring close, and where the same rings open, as places among all coordinates.

    Examples
    --------
    >>> import shapely
    >>> closing, opening = ring_ends(read(pa.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], pa.binary())))
    >>> closing.tolist(), opening.tolist()
    ([4], [0])
    """
    rows = np.flatnonzero((found.kind == 3) & (found.rings == 1))
    return found.first[rows + 1] - 1, found.first[rows]


def certain(
    found: Coordinates, lon: Floats, lat: Floats, least_area: float, least_width: float
) -> tuple[NDArray[np.bool_], Floats]:
    """Which records are sound beyond doubt, and the box of every plain record.

    Parameters
    ----------
    found : Coordinates
    lon, lat : ndarray of float64, shape (m,)
        Degrees, EPSG:4490.
    least_area, least_width : float
        Square degrees and degrees: a polygon below either is left to GEOS.

    Returns
    -------
    sound : ndarray of bool, shape (n,)
        Points; lines with a length; polygons of one ring of at most :data:`MOST_CORNERS` corners
        whose edges meet only where they join, by a margin above rounding. False says "ask GEOS",
        not "invalid". All coordinates are numbers within the world.
    boxes : ndarray of float64, shape (n, 4)
        xmin, ymin, xmax, ymax in degrees; NaN for records without coordinates.
    """
    sound, boxes = _certain(found.kind, found.first, found.rings, lon, lat, least_area, least_width)
    return sound, boxes


def _buffers(column: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bytes of a column and where each record lies in them."""
    parts = column.buffers()
    offsets = np.frombuffer(parts[1], np.int32)[column.offset : column.offset + len(column) + 1]
    low, high = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    data = (
        np.frombuffer(parts[2], np.uint8)[low:high]
        if parts[2] is not None
        else np.zeros(0, np.uint8)
    )
    return data, offsets.astype(np.int64) - low


@njit(cache=True)
def u32(data: Bytes, at: int) -> int:
    """Little-endian whole number of four bytes."""
    return int(
        np.int64(data[at])
        | np.int64(data[at + 1]) << 8
        | np.int64(data[at + 2]) << 16
        | np.int64(data[at + 3]) << 24
    )


@njit(cache=True)
def _part(data: Bytes, at: int, end: int, type_: int, size: int) -> tuple[int, int, int]:
    """Where a point, line or polygon body ends (-1: it does not add up), its coordinates and rings."""
    if type_ == 1:
        return (at + size if at + size <= end else -1), 1, 0
    loops = 1
    if type_ == 3:
        if at + 4 > end:
            return -1, 0, 0
        loops = u32(data, at)
        at += 4
    total = 0
    for _ in range(loops):
        if at + 4 > end:
            return -1, 0, 0
        points = u32(data, at)
        begin = at + 4
        at = begin + points * size
        total += points
        if at > end or points < (4 if type_ == 3 else 2):
            return -1, 0, 0
        if type_ == 3:
            for k in range(16):  # a ring ends where it began
                if data[begin + k] != data[at - size + k]:
                    return -1, 0, 0
    return at, total, loops if type_ == 3 else 0


@njit(cache=True)
def _shape(data: Bytes, start: int, end: int) -> tuple[int, int, bool, int]:
    """Kind, number of coordinates, Z and rings of one record."""
    other = (OTHER, 0, False, 0)
    if end - start < 9 or data[start] != 1:
        return other
    code = u32(data, start + 1)
    type_, dim = code % 1000, code // 1000
    if type_ < 1 or type_ > 6 or dim > 1:
        return other
    size = 24 if dim == 1 else 16
    at = start + 5
    if type_ <= 3:
        at, total, rings = _part(data, at, end, type_, size)
        return (type_, total, dim == 1, rings) if at == end and total > 0 else other
    parts = u32(data, at)
    at += 4
    total, rings = 0, 0
    for _ in range(parts):
        if at + 9 > end or data[at] != 1 or u32(data, at + 1) != type_ - 3 + 1000 * dim:
            return other
        at, points, loops = _part(data, at + 5, end, type_ - 3, size)
        if at < 0:
            return other
        total += points
        rings += loops
    return (type_, total, dim == 1, rings) if at == end and total > 0 else other


@njit(cache=True)
def _measure(
    data: Bytes, offsets: Ints, valid: Flags
) -> tuple[NDArray[np.int8], Ints, Flags, NDArray[np.int32]]:
    """Kind, number of coordinates, Z and rings of each record; what does not add up is OTHER."""
    n = len(offsets) - 1
    kind = np.zeros(n, np.int8)
    count = np.zeros(n, np.int64)
    has_z = np.zeros(n, np.bool_)
    rings = np.zeros(n, np.int32)
    for i in range(n):
        if valid[i]:
            kind[i], count[i], has_z[i], rings[i] = _shape(data, offsets[i], offsets[i + 1])
    return kind, count, has_z, rings


@njit(cache=True)
def _beyond(data: Bytes, at: int) -> bool:
    """Whether the double that begins here is NaN or infinite."""
    return bool((data[at + 7] & 0x7F) == 0x7F and (data[at + 6] & 0xF0) == 0xF0)


@njit(cache=True)
def _finite(data: Bytes, p: int, type_: int, size: int) -> bool:
    """Whether x and y of all coordinates of one sound record are numbers."""
    parts, part_type = 1, type_
    p += 5
    if type_ > 3:
        parts, part_type = u32(data, p), type_ - 3
        p += 4
    for _ in range(parts):
        if type_ > 3:
            p += 5
        loops = 1
        if part_type == 3:
            loops = u32(data, p)
            p += 4
        for _ in range(loops):
            points = 1
            if part_type > 1:
                points = u32(data, p)
                p += 4
            for _ in range(points):
                if _beyond(data, p) or _beyond(data, p + 8):
                    return False
                p += size
    return True


@njit(cache=True)
def _kinds(data: Bytes, offsets: Ints, valid: Flags) -> tuple[NDArray[np.int8], Flags]:
    n = len(offsets) - 1
    kind = np.zeros(n, np.int8)
    finite = np.ones(n, np.bool_)
    for i in range(n):
        if valid[i]:
            type_, _, has_z, _ = _shape(data, offsets[i], offsets[i + 1])
            kind[i] = type_
            if type_ > 0:
                finite[i] = _finite(data, offsets[i], type_, 24 if has_z else 16)
    return kind, finite


@njit(cache=True)
def _gather_shape(data: Bytes, p: int, type_: int, size: int, at: Ints, k: int) -> int:
    """Note the bytes of all coordinates of one sound record from coordinate ``k`` on; the next free one."""
    parts, part_type = 1, type_
    p += 5
    if type_ > 3:
        parts, part_type = u32(data, p), type_ - 3
        p += 4
    for _ in range(parts):
        if type_ > 3:
            p += 5
        loops = 1
        if part_type == 3:
            loops = u32(data, p)
            p += 4
        for _ in range(loops):
            points = 1
            if part_type > 1:
                points = u32(data, p)
                p += 4
            for _ in range(points):
                at[k] = p
                k += 1
                p += size
    return k


@njit(cache=True)
def _gather(
    data: Bytes, offsets: Ints, kind: NDArray[np.int8], first: Ints, has_z: Flags
) -> tuple[Ints, Floats, Floats, Floats]:
    total = first[-1]
    at = np.empty(total, np.int64)
    x, y, z = np.empty(total), np.empty(total), np.full(total, np.nan)
    bx, by, bz = x.view(np.uint64), y.view(np.uint64), z.view(np.uint64)
    for i in range(len(kind)):
        if kind[i] < 1:
            continue
        size = 24 if has_z[i] else 16
        _gather_shape(data, offsets[i], kind[i], size, at, first[i])
        for k in range(first[i], first[i + 1]):
            bx[k], by[k] = u64(data, at[k]), u64(data, at[k] + 8)
            if has_z[i]:
                bz[k] = u64(data, at[k] + 16)
    return at, x, y, z


@njit(cache=True)
def u64(data: Bytes, at: int) -> np.uint64:
    """Eight little-endian bytes as bits."""
    out = np.uint64(0)
    for k in range(8):
        out |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return out


@njit(cache=True)
def _put(data: Bytes, at: int, bits: np.uint64) -> None:
    for k in range(8):
        data[at + k] = np.uint8((bits >> np.uint64(8 * k)) & np.uint64(255))


@njit(cache=True)
def _scatter(data: Bytes, at: Ints, x: Floats, y: Floats, z: Floats, has_z: Flags) -> None:
    bx, by, bz = x.view(np.uint64), y.view(np.uint64), z.view(np.uint64)
    for k in range(len(at)):
        _put(data, at[k], bx[k])
        _put(data, at[k] + 8, by[k])
        if has_z[k]:
            _put(data, at[k] + 16, bz[k])


@njit(cache=True)
def _side(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """Sign of the turn a → b → c: 1, -1, or 0 where rounding leaves it open."""
    left, right = (bx - ax) * (cy - ay), (by - ay) * (cx - ax)
    turn = left - right
    bound = 1e-14 * (abs(left) + abs(right))
    return 0 if abs(turn) <= bound else (1 if turn > 0 else -1)


@njit(cache=True)
def simple_ring(lon: Floats, lat: Floats, start: int, end: int) -> bool:
    """Whether the edges of a closed ring meet only where neighbours join, beyond doubt."""
    n = end - start - 1  # edges; the last vertex repeats the first
    for i in range(n):
        a, b = start + i, start + i + 1
        if lon[a] == lon[b] and lat[a] == lat[b]:
            return False
        c = start + (i + 2 if i + 2 <= n else 1)
        if _side(lon[a], lat[a], lon[b], lat[b], lon[c], lat[c]) == 0:
            ahead = (lon[b] - lon[a]) * (lon[c] - lon[b]) + (lat[b] - lat[a]) * (lat[c] - lat[b])
            if ahead <= 0:
                return False  # it may fold back onto itself
        for j in range(i + 2, n):
            if i == 0 and j == n - 1:
                continue
            c, d = start + j, start + j + 1
            if (
                max(lon[a], lon[b]) < min(lon[c], lon[d])
                or max(lon[c], lon[d]) < min(lon[a], lon[b])
                or max(lat[a], lat[b]) < min(lat[c], lat[d])
                or max(lat[c], lat[d]) < min(lat[a], lat[b])
            ):
                continue
            p = _side(lon[a], lat[a], lon[b], lat[b], lon[c], lat[c])
            q = _side(lon[a], lat[a], lon[b], lat[b], lon[d], lat[d])
            if p == q and p != 0:
                continue
            r = _side(lon[c], lat[c], lon[d], lat[d], lon[a], lat[a])
            s = _side(lon[c], lat[c], lon[d], lat[d], lon[b], lat[b])
            if r == s and r != 0:
                continue
            return False
    return True


@njit(cache=True)
def _extent(
    lon: Floats, lat: Floats, start: int, end: int, box: Floats
) -> tuple[bool, float, float]:
    """Whether all coordinates are numbers (then ``box`` is filled), length and area of the path."""
    box[0] = box[2] = lon[start]
    box[1] = box[3] = lat[start]
    area, length = 0.0, 0.0
    for k in range(start, end):
        x, y = lon[k], lat[k]
        if not (np.isfinite(x) and np.isfinite(y)):
            box[:] = np.nan
            return False, 0.0, 0.0
        box[0], box[2] = min(box[0], x), max(box[2], x)
        box[1], box[3] = min(box[1], y), max(box[3], y)
        if k > start:
            dx, dy = x - lon[k - 1], y - lat[k - 1]
            length += np.sqrt(dx * dx + dy * dy)
            area += (lon[k - 1] - lon[start]) * (y - lat[start])
            area -= (x - lon[start]) * (lat[k - 1] - lat[start])
    return True, length, abs(area) / 2


@njit(cache=True)
def _certain(
    kind: NDArray[np.int8],
    first: Ints,
    rings: NDArray[np.int32],
    lon: Floats,
    lat: Floats,
    least_area: float,
    least_width: float,
) -> tuple[Flags, Floats]:
    n = len(kind)
    sound = np.zeros(n, np.bool_)
    boxes = np.full((n, 4), np.nan)
    for i in range(n):
        start, end = first[i], first[i + 1]
        if kind[i] < 1 or end <= start:
            continue
        finite, length, area = _extent(lon, lat, start, end, boxes[i])
        if not finite or boxes[i, 0] < -180 or boxes[i, 2] > 180:
            continue
        if boxes[i, 1] < -90 or boxes[i, 3] > 90:
            continue
        if kind[i] <= 2:
            sound[i] = kind[i] == 1 or (length > 0 and end - start > 1)
        elif (kind[i] == 3 or kind[i] == 6) and rings[i] == 1 and 4 <= end - start <= MOST_CORNERS:
            closed = lon[start] == lon[end - 1] and lat[start] == lat[end - 1]
            big = area > least_area and area > least_width * length
            sound[i] = closed and big and simple_ring(lon, lat, start, end)
    return sound, boxes
