"""Feature messages of a vector tile by compiled loops: commands, tags, varints.

The bytes are those of :func:`tiles.mvt_encode.encode_layer`, which does the same with whole arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.mvt_encode import EXTENT, sized
from tiles.wkb import POINT, POLYGON

if TYPE_CHECKING:
    from tiles.mvt_coded import Coded
    from tiles.mvt_level import Level

__all__ = ["commands", "encode", "put_ring"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Whole = NDArray[np.int32]

_TAIL = b"\x28\x80\x20\x78\x02"
"""Extent 4096 and version 2, which end a layer."""


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
    name: str, ids: Ints, kinds: NDArray[np.uint8], geometry: tuple[Bytes, Ints, Ints], values: Coded, rows: Ints
) -> bytes:  # fmt: skip
    """One tile with one layer.

    Parameters
    ----------
    name : str
    ids, kinds : ndarray, shape (n,)
        In the order of the features in the tile.
    geometry : tuple of ndarray
        Bytes, first and last of each feature's commands.
    values : Coded
    rows : ndarray of int64, shape (n,)
        Rows of ``values``.
    """
    with values.scratch() as local:
        features, table, has = _features(
            ids, kinds, *geometry, values.code, values.columns, rows, values.start, values.pool, local
        )  # fmt: skip
    keys = b"".join(
        [sized(0x1A, k.encode()) for k, h in zip(values.keys, has.tolist(), strict=True) if h]
    )
    head = sized(0x0A, name.encode())
    size = len(head) + len(features) + len(keys) + len(table) + len(_TAIL)
    return b"".join([sized(0x1A, b"", size), head, features.data, keys, table.data, _TAIL])


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
def put_ring(out: Bytes, at: int, x: Whole, y: Whole, n: int, x0: int, y0: int) -> int:
    """Write the commands of a feature that is one ring of ``n`` vertices; where they end."""
    px, py = 0, 0
    for k in range(n):
        if k == 0:
            at = _put(out, at, 9)
        elif k == 1:
            at = _put(out, at, (n - 1) << 3 | 2)
        qx, qy = x[k] - x0, EXTENT - (y[k] - y0)
        at = _put(out, at, _zigzag(qx - px))
        at = _put(out, at, _zigzag(qy - py))
        px, py = qx, qy
    return _put(out, at, 15)


@njit(cache=True, nogil=True)
def _commands(
    x: Whole, y: Whole, cuts: Whole, first: Whole, last: Whole, kind: NDArray[np.uint8], rows: Ints, x0: int, y0: int
) -> tuple[Bytes, Ints]:  # fmt: skip
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
def _numbered(code: Whole, columns: Ints, rows: Ints, local: Whole, used: Whole) -> int:
    """Number the values of some rows as they come, a key after the other; how many there are."""
    count = 0
    for k in columns:
        for i in rows:
            value = code[k, i]
            if value >= 0 and local[value] < 0:
                local[value] = count
                used[count] = value
                count += 1
    return count


@njit(cache=True, nogil=True)
def _gathered(used: Whole, start: Ints, pool: Bytes) -> Bytes:
    """Messages of values one after the other; neighbours are copied at once."""
    size = 0
    for v in used:
        size += start[v + 1] - start[v]
    out, at, k = np.empty(size, np.uint8), 0, 0
    while k < len(used):
        first = k
        while k + 1 < len(used) and used[k + 1] == used[k] + 1:
            k += 1
        a, b = start[used[first]], start[used[k] + 1]
        out[at : at + b - a] = pool[a:b]
        at += b - a
        k += 1
    return out


@njit(cache=True, nogil=True)
def _features(  # noqa: C901 -- one message after the other
    ids: Ints, kinds: NDArray[np.uint8], geometry: Bytes, begin: Ints, end: Ints, code: Whole, columns: Ints,
    rows: Ints, start: Ints, pool: Bytes, local: Whole,
) -> tuple[Bytes, Bytes, NDArray[np.bool_]]:  # fmt: skip
    """Feature messages, messages of the values, and which keys have any; ``local`` is -1 everywhere, and is so after."""
    n, keys = len(rows), len(columns)
    used = np.empty(keys * n, np.int32)
    used = used[: _numbered(code, columns, rows, local, used)]
    has, number = np.zeros(keys, np.bool_), np.zeros(keys, np.int64)
    some = 0
    for k in range(keys):
        for i in rows:
            if code[columns[k], i] >= 0:
                has[k], number[k] = True, some
                some += 1
                break
    room = 16
    for i in range(n):
        room += 48 + 20 * keys + end[i] - begin[i]
    out, at = np.empty(room, np.uint8), 0
    for i in range(n):
        row, tags = rows[i], 0
        for k in range(keys):
            value = code[columns[k], row]
            if value >= 0:
                tags += _length(number[k]) + _length(local[value])
        shape = end[i] - begin[i]
        size = 1 + _length(ids[i]) + 1 + _length(tags) + tags + 2 + 1 + _length(shape) + shape
        at = _put(out, at, 0x12)
        at = _put(out, at, size)
        at = _put(out, at, 0x08)
        at = _put(out, at, ids[i])
        at = _put(out, at, 0x12)
        at = _put(out, at, tags)
        for k in range(keys):
            value = code[columns[k], row]
            if value >= 0:
                at = _put(out, at, number[k])
                at = _put(out, at, local[value])
        at = _put(out, at, 0x18)
        at = _put(out, at, kinds[i])
        at = _put(out, at, 0x22)
        at = _put(out, at, shape)
        for j in range(begin[i], end[i]):
            out[at] = geometry[j]
            at += 1
    table = _gathered(used, start, pool)
    for value in used:
        local[value] = -1
    return out[:at], table, has
