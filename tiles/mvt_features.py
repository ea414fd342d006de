"""Feature messages of a vector tile by compiled loops: commands, tags, varints.

The bytes are those of :func:`tiles.mvt_encode.encode_layer`, which does the same with whole arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.mvt_encode import EXTENT, layer_message
from tiles.wkb import POINT, POLYGON

if TYPE_CHECKING:
    from tiles.mvt_level import Level
    from tiles.mvt_values import Values

__all__ = ["commands", "encode"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


def commands(level: Level, rows: Ints, x0: int, y0: int) -> tuple[Bytes, Ints]:
    """Geometry of some features in a tile whose south-west corner is (x0, y0) units of the zoom.

    Returns
    -------
    tuple of ndarray of uint8 and ndarray of int64, shape (n + 1,)
        Bytes of all, and where each begins; of one that is left out there are none.
    """
    return _commands(
        level.x, level.y, level.ring_start, level.first, level.last, level.kind, rows, x0, y0
    )


def encode(
    name: str, ids: Ints, kinds: Ints, geometry: tuple[Bytes, Ints, Ints], values: Values, rows: Ints
) -> bytes:  # fmt: skip
    """One tile with one layer.

    Parameters
    ----------
    name : str
    ids, kinds : ndarray of int64, shape (n,)
        In the order of the features in the tile.
    geometry : tuple of ndarray
        Bytes, first and last of each feature's commands.
    values : Values
    rows : ndarray of int64, shape (n,)
        Rows of ``values``.
    """
    code, used = _number(values.pool, values.at, rows)
    features = _features(ids, kinds, *geometry, code)
    pool, has = values.pool, np.any(code >= 0, axis=1)
    keys = [k for k, h in zip(values.keys, np.asarray(has).tolist(), strict=True) if h]
    return layer_message(name, features.tobytes(), keys, _gathered(pool, used).tobytes())


@njit(cache=True, nogil=True)
def _put(out: Bytes, at: int, value: int) -> int:
    while value > 127:
        out[at] = value & 127 | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@njit(cache=True, nogil=True)
def _length(value: int) -> int:
    n = 1
    while value > 127:
        value >>= 7
        n += 1
    return n


@njit(cache=True, nogil=True)
def _zigzag(value: int) -> int:
    return (value << 1) ^ (value >> 63)


@njit(cache=True, nogil=True)
def _commands(
    x: Ints, y: Ints, cuts: Ints, first: Ints, last: Ints, kind: Ints, rows: Ints, x0: int, y0: int
) -> tuple[Bytes, Ints]:
    room = 16
    for i in rows:
        room += 20 * (cuts[last[i]] - cuts[first[i]]) + 12 * (last[i] - first[i]) + 8
    out, start = np.empty(room, np.uint8), np.zeros(len(rows) + 1, np.int64)
    at = 0
    for n in range(len(rows)):
        i = rows[n]
        px, py = 0, 0
        if kind[i] == POINT and last[i] > first[i]:
            at = _put(out, at, (last[i] - first[i]) << 3 | 1)
        for r in range(first[i], last[i]):
            for k in range(cuts[r], cuts[r + 1]):
                if kind[i] != POINT and k == cuts[r]:
                    at = _put(out, at, 9)
                elif kind[i] != POINT and k == cuts[r] + 1:
                    at = _put(out, at, (cuts[r + 1] - cuts[r] - 1) << 3 | 2)
                qx, qy = x[k] - x0, EXTENT - (y[k] - y0)
                at = _put(out, at, _zigzag(qx - px))
                at = _put(out, at, _zigzag(qy - py))
                px, py = qx, qy
            if kind[i] == POLYGON:
                at = _put(out, at, 15)
        start[n + 1] = at
    return out[:at].copy(), start


@njit(cache=True, nogil=True)
def blob_end(pool: Bytes, at: int) -> int:
    """Where a value message that begins at ``at`` ends."""
    at += 1
    size, shift = np.int64(0), 0
    while pool[at] > 127:
        size |= np.int64(pool[at] & 127) << shift
        shift += 7
        at += 1
    return int(at + 1 + (size | np.int64(pool[at]) << shift))


@njit(cache=True, nogil=True)
def _number(pool: Bytes, at: Ints, rows: Ints) -> tuple[Ints, Ints]:  # noqa: C901 - an open hash table
    """Number of each value (keys, n), -1 where absent, and where the values are, by number."""
    keys = at.shape[1]
    code = np.full((keys, len(rows)), -1, np.int64)
    slots = 64
    while slots < 2 * keys * len(rows):
        slots *= 2
    table = np.full(slots, -1, np.int64)
    used = np.empty(keys * len(rows), np.int64)
    ends = np.empty(keys * len(rows), np.int64)
    count = 0
    for k in range(keys):
        for n in range(len(rows)):
            a = at[rows[n], k]
            if a < 0:
                continue
            b = blob_end(pool, a)
            mixed = np.uint64(14695981039346656037)
            for j in range(a, b):
                mixed = (mixed ^ np.uint64(pool[j])) * np.uint64(1099511628211)
            slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(slots - 1))
            while True:
                v = table[slot]
                if v < 0:
                    table[slot] = count
                    used[count], ends[count] = a, b
                    code[k, n] = count
                    count += 1
                    break
                if ends[v] - used[v] == b - a:
                    same = True
                    for j in range(b - a):
                        if pool[used[v] + j] != pool[a + j]:
                            same = False
                            break
                    if same:
                        code[k, n] = v
                        break
                slot = (slot + 1) & (slots - 1)
    return code, used[:count].copy()


@njit(cache=True, nogil=True)
def _gathered(pool: Bytes, used: Ints) -> Bytes:
    size = 0
    for a in used:
        size += blob_end(pool, a) - a
    out, n = np.empty(size, np.uint8), 0
    for a in used:
        for j in range(a, blob_end(pool, a)):
            out[n] = pool[j]
            n += 1
    return out


@njit(cache=True, nogil=True)
def _features(ids: Ints, kinds: Ints, geometry: Bytes, begin: Ints, end: Ints, code: Ints) -> Bytes:  # noqa: C901 - one message after the other
    """Feature messages one after the other."""
    keys, n = code.shape
    number = np.full(keys, -1, np.int64)
    some = 0
    for k in range(keys):
        for i in range(n):
            if code[k, i] >= 0:
                number[k] = some
                some += 1
                break
    room = 0
    for i in range(n):
        room += 48 + 20 * keys + end[i] - begin[i]
    out, at = np.empty(room, np.uint8), 0
    for i in range(n):
        tags = 0
        for k in range(keys):
            if code[k, i] >= 0:
                tags += _length(number[k]) + _length(code[k, i])
        shape = end[i] - begin[i]
        size = 1 + _length(ids[i]) + 1 + _length(tags) + tags + 2 + 1 + _length(shape) + shape
        at = _put(out, at, 0x12)
        at = _put(out, at, size)
        at = _put(out, at, 0x08)
        at = _put(out, at, ids[i])
        at = _put(out, at, 0x12)
        at = _put(out, at, tags)
        for k in range(keys):
            if code[k, i] >= 0:
                at = _put(out, at, number[k])
                at = _put(out, at, code[k, i])
        at = _put(out, at, 0x18)
        at = _put(out, at, kinds[i])
        at = _put(out, at, 0x22)
        at = _put(out, at, shape)
        for j in range(begin[i], end[i]):
            out[at] = geometry[j]
            at += 1
    return out[:at].copy()
