"""Mode ATTRIBUTES: elements of fixed size, as differences byte by byte in groups of sixteen."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.meshopt.errors import MeshoptError

__all__ = ["decode_attributes", "encode_attributes"]

Bytes = NDArray[np.uint8]

HEADER = 0xA0
GROUP = 16
BLOCK_BYTES, BLOCK_ELEMENTS = 8192, 256
TAIL = 32
ONES = np.uint64(0x0101010101010101)
"""Times a byte: that byte eight times."""


def encode_attributes(elements: NDArray[np.generic], *, compiled: bool = True) -> bytes:
    """Compress a buffer view of vertex attributes.

    Parameters
    ----------
    elements : array, shape (n, ...)
        One row an element; the bytes of a row, padding included, are the stride: a multiple of 4,
        at most 256.
    compiled : bool
        Whether the compiled loop is taken; the bytes are the same.

    Returns
    -------
    bytes
        Same input, same bytes.

    Raises
    ------
    MeshoptError
        For another stride.
    """
    count, stride = len(elements), elements.itemsize * math.prod(elements.shape[1:])
    _check_stride(stride)
    if not count:
        return bytes([HEADER]) + bytes(max(TAIL, stride))
    rows = np.ascontiguousarray(elements).view(np.uint8).reshape(count, stride)
    if not compiled:
        return _in_columns(rows)
    groups = -(-count // GROUP) + count // 16 + 1
    out = np.empty(1 + stride * (groups * (GROUP + 9) + 64) + max(TAIL, stride), dtype=np.uint8)
    return out[: _encode(rows, out)].tobytes()


def decode_attributes(stream: bytes, count: int, stride: int) -> Bytes:
    """Give back what :func:`encode_attributes` was given.

    Parameters
    ----------
    stream : bytes
        The compressed view.
    count, stride : int
        Elements and bytes of each, as the extension states them.

    Returns
    -------
    array of uint8, shape (count, stride)

    Raises
    ------
    MeshoptError
        If the stream is cut off, too long, or of another codec.
    """
    _check_stride(stride)
    out = np.zeros((count, stride), dtype=np.uint8)
    data = np.frombuffer(stream, dtype=np.uint8)
    if len(data) < 1 + max(TAIL, stride) or data[0] != HEADER:
        raise MeshoptError(f"a stream of attributes starts with {HEADER:#x} and ends in a tail")
    if _decode(data, out) != len(data) - max(TAIL, stride):
        raise MeshoptError(f"the stream does not hold {count} elements of {stride} bytes")
    return out


def _check_stride(stride: int) -> None:
    if stride % 4 or not 4 <= stride <= BLOCK_ELEMENTS:
        raise MeshoptError(f"elements of {stride} bytes; a multiple of 4 up to 256 is expected")


def _in_columns(rows: Bytes) -> bytes:
    """What :func:`_encode` gives, without a compiled loop."""
    count, stride = rows.shape
    most = min((BLOCK_BYTES // stride) & ~15, BLOCK_ELEMENTS)
    deltas = np.diff(rows, axis=0, prepend=rows[:1])
    folded = (deltas << np.uint8(1)) ^ np.where(deltas & 0x80, np.uint8(255), np.uint8(0))
    blocks = range(0, count, most)
    parts = [_block_in_columns(folded[start : start + most]) for start in blocks]
    tail = bytes(max(TAIL, stride) - stride) + rows[0].tobytes()
    return b"".join([bytes([HEADER]), *parts, tail])


def _block_in_columns(folded: Bytes) -> bytes:
    """One block: for each byte of the elements the modes of its groups, then the groups."""
    n, stride = folded.shape
    groups = -(-n // GROUP)
    padded = np.zeros((groups * GROUP, stride), np.uint8)
    padded[:n] = folded
    table = padded.T.reshape(stride, groups, GROUP)
    over2, over4 = (table >= 3).sum(axis=2), (table >= 15).sum(axis=2)
    two, four = 4 + over2, 8 + over4
    mode = np.where((two < GROUP) & (two <= four), 1, np.where(four < GROUP, 2, 3))
    mode = np.where(table.any(axis=2), mode, 0)
    length = np.choose(mode, [np.zeros_like(two), two, four, np.full_like(two, GROUP)])
    head = -(-groups // 4)
    size = head + length.sum(axis=1)
    base = np.cumsum(size) - size
    place = base[:, None] + head + np.cumsum(length, axis=1) - length
    out = np.zeros(int(size.sum()), np.uint8)
    modes = np.zeros((stride, head * 4), np.uint8)
    modes[:, :groups] = mode
    out[base[:, None] + np.arange(head)] = _bits(modes, 2, high_first=False)
    for kind, bits in ((1, 2), (2, 4), (3, 8)):
        at, values = place[mode == kind], table[mode == kind]
        sentinel = (1 << bits) - 1
        packed = _bits(np.minimum(values, sentinel), bits, high_first=True)
        out[at[:, None] + np.arange(packed.shape[1])] = packed
        if kind < 3:
            extra = values >= sentinel
            rank = np.cumsum(extra, axis=1) - 1
            out[(at[:, None] + packed.shape[1] + rank)[extra]] = values[extra]
    return out.tobytes()


def _bits(values: Bytes, bits: int, *, high_first: bool) -> Bytes:
    """Small numbers, several to a byte."""
    each = 8 // bits
    shift = np.arange(each)[:: -1 if high_first else 1] * bits
    grouped = values.reshape(len(values), values.shape[1] // each, each).astype(np.uint32)
    return np.asarray((grouped << shift.astype(np.uint32)).sum(axis=2), dtype=np.uint8)


@njit(cache=True, nogil=True)
def _encode(rows: Bytes, out: Bytes) -> int:
    count, stride = rows.shape
    most = min((BLOCK_BYTES // stride) & ~15, BLOCK_ELEMENTS)
    words = rows.view(np.uint32)
    deltas = np.zeros((stride, BLOCK_ELEMENTS), dtype=np.uint8)
    eights = deltas.view(np.uint64)
    before = words[0].copy()
    out[0] = HEADER
    at = 1
    for start in range(0, count, most):
        n = min(most, count - start)
        groups = (n + GROUP - 1) // GROUP
        _differences(words[start : start + n], before, deltas)
        deltas[:, n : groups * GROUP] = 0
        for k in range(stride):
            head = at
            at += (groups + 3) // 4
            out[head:at] = 0
            for g in range(groups):
                a, b = eights[k, 2 * g], eights[k, 2 * g + 1]
                if a | b:
                    at = _group(deltas[k, g * GROUP : (g + 1) * GROUP], a, b, g, out, head, at)
    tail = max(TAIL, stride)
    out[at : at + tail] = 0
    out[at + tail - stride : at + tail] = rows[0]
    return int(at + tail)


@njit(cache=True, nogil=True)
def _differences(words: NDArray[np.uint32], before: NDArray[np.uint32], deltas: Bytes) -> None:
    """Folded differences, four bytes of an element at a time, each byte of the elements in a row of its own."""
    high, low = np.uint32(0x80808080), np.uint32(0x7F7F7F7F)
    for w in range(words.shape[1]):
        last = before[w]
        k = 4 * w
        for i in range(len(words)):
            value = words[i, w]
            # a borrow stays in its byte: the top bits are set before and put right after
            d = ((value | high) - (last & low)) ^ (~(value ^ last) & high)
            d = ((d & low) << np.uint32(1)) ^ (((d & high) >> np.uint32(7)) * np.uint32(255))
            deltas[k, i] = d & np.uint32(255)
            deltas[k + 1, i] = (d >> np.uint32(8)) & np.uint32(255)
            deltas[k + 2, i] = (d >> np.uint32(16)) & np.uint32(255)
            deltas[k + 3, i] = d >> np.uint32(24)
            last = value
        before[w] = last


@njit(cache=True, nogil=True)
def _from(eight: np.uint64, least: np.uint64) -> np.uint64:
    """The top bit of each of eight bytes that is at least so large, 1 to 127."""
    low = np.uint64(0x7F7F7F7F7F7F7F7F)
    lift = (np.uint64(128) - least) * ONES
    return (((eight & low) + lift) | eight) & ~low


@njit(cache=True, nogil=True)
def _count(bits: np.uint64) -> int:
    """How many of eight top bits are set."""
    return int(((bits >> np.uint64(7)) * ONES) >> np.uint64(56))


@njit(cache=True, nogil=True)
def _group(
    deltas: Bytes, a: np.uint64, b: np.uint64, g: int, out: Bytes, head: int, at: int
) -> int:
    """Sixteen differences, also given as two words, not all 0, in the shortest of the three ways left."""
    a2, b2 = _from(a, np.uint64(3)), _from(b, np.uint64(3))
    a4, b4 = _from(a, np.uint64(15)), _from(b, np.uint64(15))
    two, four = 4 + _count(a2) + _count(b2), 8 + _count(a4) + _count(b4)
    if two < GROUP and two <= four:
        out[head + g // 4] |= 1 << (g % 4 * 2)
        _twos(a | ((a2 >> np.uint64(7)) * np.uint64(3)), out, at)
        _twos(b | ((b2 >> np.uint64(7)) * np.uint64(3)), out, at + 2)
        return _extras(deltas, 3, two - 4, out, at + 4)
    if four < GROUP:
        out[head + g // 4] |= 2 << (g % 4 * 2)
        _fours(a | ((a4 >> np.uint64(7)) * np.uint64(15)), out, at)
        _fours(b | ((b4 >> np.uint64(7)) * np.uint64(15)), out, at + 4)
        return _extras(deltas, 15, four - 8, out, at + 8)
    out[head + g // 4] |= 3 << (g % 4 * 2)
    out[at : at + GROUP] = deltas
    return at + GROUP


@njit(cache=True, nogil=True)
def _twos(eight: np.uint64, out: Bytes, at: int) -> None:
    """The lower two bits of eight bytes, the first highest."""
    bits = eight & (np.uint64(3) * ONES)
    places = np.uint64(1 << 30 | 1 << 20 | 1 << 10 | 1)
    byte = np.uint64(255)
    out[at] = (((bits & np.uint64(0xFFFFFFFF)) * places) >> np.uint64(24)) & byte
    out[at + 1] = (((bits >> np.uint64(32)) * places) >> np.uint64(24)) & byte


@njit(cache=True, nogil=True)
def _fours(eight: np.uint64, out: Bytes, at: int) -> None:
    """The lower four bits of eight bytes, the first highest."""
    for j in range(4):
        pair = eight >> np.uint64(16 * j)
        out[at + j] = ((pair & np.uint64(15)) << np.uint64(4)) | (
            (pair >> np.uint64(8)) & np.uint64(15)
        )


@njit(cache=True, nogil=True)
def _extras(deltas: Bytes, sentinel: int, count: int, out: Bytes, at: int) -> int:
    """Differences that do not fit, whole."""
    if count:
        for d in deltas:
            if d >= sentinel:
                out[at] = d
                at += 1
    return at


@njit(cache=True, nogil=True)
def _decode(data: Bytes, out: Bytes) -> int:
    """Where the tail starts; -1 for a stream that ends too early."""
    count, stride = out.shape
    end = len(data) - max(TAIL, stride)
    most = min((BLOCK_BYTES // stride) & ~15, BLOCK_ELEMENTS)
    last = data[len(data) - stride :].copy()
    deltas = np.zeros(GROUP, dtype=np.uint8)
    at = 1
    for start in range(0, count, most):
        n = min(most, count - start)
        groups = (n + GROUP - 1) // GROUP
        for k in range(stride):
            head = at
            at += (groups + 3) // 4
            if at > end:
                return -1
            for g in range(groups):
                at = _read_group(data, (data[head + g // 4] >> (g % 4 * 2)) & 3, at, end, deltas)
                if at < 0:
                    return -1
                for i in range(min(GROUP, n - g * GROUP)):
                    z = deltas[i]
                    d = (z >> np.uint8(1)) ^ (np.uint8(255) if z & 1 else np.uint8(0))
                    last[k] = np.uint8(last[k] + d)
                    out[start + g * GROUP + i, k] = last[k]
    return at


@njit(cache=True, nogil=True)
def _read_group(data: Bytes, mode: int, at: int, end: int, deltas: Bytes) -> int:
    if mode == 0:
        deltas[:] = 0
        return at
    if mode == 3:
        if at + GROUP > end:
            return -1
        deltas[:] = data[at : at + GROUP]
        return at + GROUP
    bits = 2 * mode
    sentinel = (1 << bits) - 1
    each = 8 // bits
    extra = at + GROUP // each
    if extra > end:
        return -1
    for i in range(GROUP):
        d = (data[at + i // each] >> (8 - bits - i % each * bits)) & sentinel
        if d == sentinel:
            if extra >= end:
                return -1
            d = data[extra]
            extra += 1
        deltas[i] = d
    return extra
