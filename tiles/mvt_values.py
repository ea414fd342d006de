"""Attributes of things as vector tiles carry them, by compiled loops over the columns' bytes.

A value is kept as the message a tile holds, so that equal values are equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from tiles.mvt_encode import value_message
from tiles.source import column, floats
from tiles.wkb import buffers

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Values", "values_of"]

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FIXED = (("eid", "eid"), ("class", "class_code"), ("name", "name"))


@dataclass(frozen=True, slots=True)
class Values:
    """``at`` (n, keys) is where a value's message begins in ``pool``, -1 where there is none."""

    keys: list[str]
    at: Ints
    pool: Bytes


def values_of(
    table: pa.Table,
    keys: frozenset[str] | None,
    most: int,
    longest: int,
    plain: Callable[[Any], Any],
) -> Values:
    """eid, class and name, then attributes by name.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.FLAT`.
    keys : frozenset of str or None
        Attributes that are wanted; None for all.
    most : int
        Attributes a thing keeps of all its plain ones, the first by name.
    longest : int
        Characters of a text beyond which it is left out.
    plain : callable
        A value of a document that compiled loops leave to Python as a tile holds it, or None.
    """
    n = table.num_rows
    names: list[str] = []
    columns: list[Ints] = []
    pools: list[Bytes] = []
    size = 0
    for key, name in _FIXED:
        data, start = _text(table, name)
        at, pool = _texts(data, start)
        names.append(key)
        columns.append(np.where(at < 0, -1, at + size))
        pools.append(pool)
        size += len(pool)
    found, pool = _documents(table, keys, most, longest, plain)
    for key, at in found.items():
        found[key] = np.where(at < 0, -1, at + size)
    pools.append(pool)
    size += len(pool)
    for key in ("height_m", "floors"):
        if key in table.column_names:
            typed = floats(table, key)
            at, pool = _numbers(typed, key == "floors")
            before = found.get(key, np.full(n, -1, np.int64))
            found[key] = np.where(at < 0, before, at + size)
            pools.append(pool)
            size += len(pool)
    order = sorted(k for k, at in found.items() if (at >= 0).any())
    at = np.stack([*columns, *(found[k] for k in order)], axis=1)
    return Values([*names, *order], np.ascontiguousarray(at), np.concatenate(pools))


def _text(table: pa.Table, name: str) -> tuple[Bytes, Ints]:
    return buffers(column(table, name).cast(pa.large_string()).cast(pa.large_binary()))


def _documents(
    table: pa.Table,
    keys: frozenset[str] | None,
    most: int,
    longest: int,
    plain: Callable[[Any], Any],
) -> tuple[dict[str, Ints], Bytes]:
    """Values of the attributes' documents by key, and the messages."""
    data, start = _text(table, "attributes")
    n = len(start) - 1
    row, name, where, pool, odd = _scan(data, start, most, longest)
    texts, number = _distinct(data, name)
    found: dict[str, Ints] = {}
    for k, text in enumerate(texts):
        if text in ("eid", "class", "name") or (keys is not None and text not in keys):
            continue
        here = number == k
        found[text] = np.full(n, -1, np.int64)
        found[text][row[here]] = where[here]
    size, more = len(pool), [pool.tobytes()]
    for i in np.flatnonzero(odd).tolist():
        document = orjson.loads(data[start[i] : start[i + 1]].tobytes())
        kept = [
            (k, v)
            for k in sorted(document)
            if k not in ("eid", "class", "name") and (v := plain(document[k])) is not None
        ]
        for key, value in kept[:most]:
            if keys is None or key in keys:
                blob = value_message(value)
                found.setdefault(key, np.full(n, -1, np.int64))[i] = size
                more.append(blob)
                size += len(blob)
    return found, np.frombuffer(b"".join(more), np.uint8)


def _distinct(data: Bytes, name: Ints) -> tuple[list[str], Ints]:
    """Texts of the keys, and the number of each token's key."""
    number, first = _number_keys(data, name)
    return [data[name[i, 0] : name[i, 1]].tobytes().decode() for i in first.tolist()], number


@njit(cache=True, nogil=True)
def _number_keys(data: Bytes, name: Ints) -> tuple[Ints, Ints]:
    """Keys in order of appearance: few, so each token is compared with them, the next one first."""
    number, first = np.empty(len(name), np.int64), np.empty(len(name), np.int64)
    count, guess = 0, 0
    for i in range(len(name)):
        a, size = name[i, 0], name[i, 1] - name[i, 0]
        which = -1
        for t in range(count):
            c = (guess + t) % count
            b = name[first[c], 0]
            if name[first[c], 1] - b != size:
                continue
            same = True
            for j in range(size):
                if data[a + j] != data[b + j]:
                    same = False
                    break
            if same:
                which = c
                break
        if which < 0:
            which = count
            first[count] = i
            count += 1
        number[i] = which
        guess = which + 1
    return number, first[:count].copy()


@njit(cache=True, nogil=True)
def _message(out: Bytes, at: int, data: Bytes, a: int, b: int) -> int:
    """Write a text's message; where it ends."""
    size = b - a
    inner, n = size, 1
    while inner > 127:
        inner >>= 7
        n += 1
    out[at] = 0x22
    at += 1
    for value in (size + 1 + n, size):
        left = value
        while left > 127:
            out[at] = left & 127 | 128
            left >>= 7
            at += 1
        out[at] = left
        at += 1
        if value != size:
            out[at] = 0x0A
            at += 1
    for j in range(a, b):
        out[at] = data[j]
        at += 1
    return at


@njit(cache=True, nogil=True)
def _whole(out: Bytes, at: int, value: int) -> int:
    left, begin = (value << 1) ^ (value >> 63), at
    out[at], out[at + 2] = 0x22, 0x30
    at += 3
    while left > 127:
        out[at] = left & 127 | 128
        left >>= 7
        at += 1
    out[at] = left
    at += 1
    out[begin + 1] = at - begin - 2
    return at


@njit(cache=True, nogil=True)
def _real(out: Bytes, at: int, bits: np.uint64) -> int:
    out[at], out[at + 1], out[at + 2] = 0x22, 9, 0x19
    for k in range(8):
        out[at + 3 + k] = (bits >> np.uint64(8 * k)) & np.uint64(255)
    return at + 11


@njit(cache=True, nogil=True)
def _texts(data: Bytes, start: Ints) -> tuple[Ints, Bytes]:
    """Messages of a column of texts; an empty one is absent."""
    n = len(start) - 1
    where = np.full(n, -1, np.int64)
    out, at = np.empty(start[n] - start[0] + 16 * n + 16, np.uint8), 0
    for i in range(n):
        if start[i + 1] > start[i]:
            where[i] = at
            at = _message(out, at, data, start[i], start[i + 1])
    return where, out[:at].copy()


@njit(cache=True, nogil=True)
def _numbers(values: Floats, whole: bool) -> tuple[Ints, Bytes]:
    """Messages of a column of numbers; what is not finite is absent."""
    n = len(values)
    where, bits = np.full(n, -1, np.int64), (values + 0.0).view(np.uint64)
    out, at = np.empty(16 * n + 16, np.uint8), 0
    for i in range(n):
        if np.isfinite(values[i]):
            where[i] = at
            at = _whole(out, at, int(values[i])) if whole else _real(out, at, bits[i])
    return where, out[:at].copy()


@njit(cache=True, nogil=True)
def _blank(data: Bytes, at: int, end: int) -> int:
    while at < end and (data[at] == 32 or data[at] == 9 or data[at] == 10 or data[at] == 13):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _quoted(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Where a text that begins after its quote ends, and its characters; -1 if it has escapes."""
    count = 0
    while at < end and data[at] != 34:
        if data[at] == 92:
            return -1, 0
        count += (data[at] & 0xC0) != 0x80
        at += 1
    return (at if at < end else -1), count


@njit(cache=True, nogil=True)
def _skip(data: Bytes, at: int, end: int) -> int:
    """Where an array or object ends, -1 if that is not plain to see."""
    depth = 0
    while at < end:
        c = data[at]
        if c == 34:
            at, _ = _quoted(data, at + 1, end)
            if at < 0:
                return -1
        elif c == 91 or c == 123:
            depth += 1
        elif c == 93 or c == 125:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return -1


@njit(cache=True, nogil=True)
def _number(data: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """Where a number ends (-1: left to Python), its digits as a whole number, digits after the point, its sign.

    Up to 15 digits with up to 15 after the point are exact as a quotient of two floats.
    """
    sign = 1
    if data[at] == 45:
        sign = -1
        at += 1
    digits, whole, after, point = 0, np.int64(0), 0, False
    while at < end:
        c = data[at]
        if 48 <= c <= 57:
            whole = whole * 10 + (np.int64(c) - 48)
            digits += 1
            after += point
            if digits > 15:
                return -1, 0, 0, 0
        elif c == 46 and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0 or (point and after == 0) or (sign < 0 and whole == 0):
        return -1, 0, 0, 0
    if at < end and (data[at] == 101 or data[at] == 69):
        return -1, 0, 0, 0
    return at, int(whole), (after if point else -1), sign


@njit(cache=True, nogil=True)
def _value(data: Bytes, at: int, end: int, out: Bytes, n: int, longest: int) -> tuple[int, int]:
    """Read a value: where it ends (-1: left to Python), where its message ends (n: none)."""
    c = data[at]
    if c == 34:
        stop, count = _quoted(data, at + 1, end)
        if stop < 0:
            return -1, n
        if 0 < count <= longest:
            n = _message(out, n, data, at + 1, stop)
        return stop + 1, n
    if c == 91 or c == 123:
        return _skip(data, at, end), n
    if c == 110:  # null
        return at + 4, n
    if c == 116 or c == 102:  # true, false
        out[n], out[n + 1], out[n + 2], out[n + 3] = 0x22, 2, 0x38, c == 116
        return (at + 4 if c == 116 else at + 5), n + 4
    stop, whole, after, sign = _number(data, at, end)
    if stop < 0:
        return -1, n
    if after < 0:
        return stop, _whole(out, n, sign * whole)
    real = np.empty(1, np.float64)
    real[0] = sign * (np.float64(whole) / 10.0**after) + 0.0
    return stop, _real(out, n, real.view(np.uint64)[0])


@njit(cache=True, nogil=True)
def _scan(  # noqa: C901 - one pass over a document
    data: Bytes, start: Ints, most: int, longest: int
) -> tuple[Ints, Ints, Ints, Bytes, Flags]:
    """Plain values of rows of documents: row, key's bytes, where the message is; and rows left to Python."""
    n = len(start) - 1
    size = start[n] - start[0]
    room = size // 3 + 16
    row, name, where = (
        np.empty(room, np.int64),
        np.empty((room, 2), np.int64),
        np.empty(room, np.int64),
    )
    out, odd = np.empty(4 * size + 64, np.uint8), np.zeros(n, np.bool_)
    count, at = 0, 0
    for i in range(n):
        p, end = start[i], start[i + 1]
        if p == end:
            continue
        before, was = count, at
        p = _blank(data, p, end)
        good = p < end and data[p] == 123
        p = _blank(data, p + 1, end)
        while good and p < end and data[p] != 125:
            if data[p] == 44:
                p = _blank(data, p + 1, end)
            if p >= end or data[p] != 34:
                good = False
                break
            stop, _ = _quoted(data, p + 1, end)
            if stop < 0:
                good = False
                break
            a, b = p + 1, stop
            p = _blank(data, stop + 1, end)
            if p >= end or data[p] != 58:
                good = False
                break
            p = _blank(data, p + 1, end)
            if p >= end:
                good = False
                break
            p, more = _value(data, p, end, out, at, longest)
            if p < 0:
                good = False
                break
            if more > at:
                row[count], where[count] = i, at
                name[count, 0], name[count, 1] = a, b
                count += 1
                at = more
            p = _blank(data, p, end)
        if not good or count - before > most or _twice(data, name, before, count):
            odd[i] = True
            count, at = before, was
    return row[:count].copy(), name[:count].copy(), where[:count].copy(), out[:at].copy(), odd


@njit(cache=True, nogil=True)
def _twice(data: Bytes, name: Ints, a: int, b: int) -> bool:
    """Whether a key comes twice."""
    for i in range(a, b):
        size = name[i, 1] - name[i, 0]
        for j in range(a, i):
            if name[j, 1] - name[j, 0] != size:
                continue
            same = True
            for k in range(size):
                if data[name[i, 0] + k] != data[name[j, 0] + k]:
                    same = False
                    break
            if same:
                return True
    return False
