"""Frames of the scene stream: index, full and delta, as docs/scene-stream.md lays them down.

A frame is a head of 48 bytes and a body that may be deflated. States are one byte a feature, gaps between
changed features are varints, so that a change costs about two bytes.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

__all__ = [
    "DEFLATED",
    "DELTA",
    "FULL",
    "INDEX",
    "LAGGING",
    "PAST",
    "VALUES",
    "Stamp",
    "delta_frame",
    "full_frame",
    "index_frame",
    "unvaried",
    "varied",
]

INDEX, FULL, DELTA = 1, 2, 3
DEFLATED, VALUES, LAGGING, PAST = 1, 2, 4, 8
MAGIC: Final = b"CTS1"
HEAD: Final = struct.Struct("<4sBBHQQqIIII")
SMALLEST_DEFLATED = 256


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a frame is about.

    Parameters
    ----------
    seq : int
        Number of the last event it knows.
    time_us : int
        Time of the state, microseconds since 1970 UTC.
    index : int
        CRC-32 of all ids of the index.
    n : int
        Features in the index.
    flags : int
        :data:`LAGGING` and :data:`PAST`.
    """

    seq: int
    time_us: int
    index: int
    n: int
    flags: int = 0


def _frame(kind: int, stamp: Stamp, since: int, k: int, body: bytes, flags: int = 0) -> bytes:
    if len(body) >= SMALLEST_DEFLATED:
        packed = isal_zlib.compress(body, level=1)
        if len(packed) < len(body):
            body, flags = packed, flags | DEFLATED
    flags |= stamp.flags
    what = (MAGIC, kind, flags, 0, stamp.seq, since, stamp.time_us, stamp.index, stamp.n, k)
    return HEAD.pack(*what, len(body)) + body


def index_frame(stamp: Stamp, ids: bytes, k: int) -> bytes:
    """The last ``k`` ids of the index, as they are one after the other."""
    return _frame(INDEX, stamp, 0, k, ids)


def full_frame(
    stamp: Stamp, state: NDArray[np.uint8], value: NDArray[np.float64] | None = None
) -> bytes:
    """State of every feature, and its value where wanted; shape (n,)."""
    body, flags = _states(state, value)
    return _frame(FULL, stamp, 0, len(state), body, flags)


def delta_frame(
    stamp: Stamp,
    since: int,
    changed: NDArray[np.int64],
    state: NDArray[np.uint8],
    value: NDArray[np.float64] | None = None,
) -> bytes:
    """States of the features that changed after event ``since``.

    Parameters
    ----------
    changed : ndarray of int64, shape (k,)
        Positions in the index, ascending.
    state, value : ndarray, shape (k,)
    """
    body, flags = _states(state, value)
    gaps = np.diff(changed, prepend=-1) - 1
    return _frame(DELTA, stamp, since, len(changed), varied(gaps) + body, flags)


def _states(state: NDArray[np.uint8], value: NDArray[np.float64] | None) -> tuple[bytes, int]:
    if value is None:
        return state.tobytes(), 0
    return state.tobytes() + value.astype("<f4").tobytes(), VALUES


def varied(numbers: NDArray[np.int64]) -> bytes:
    """Numbers from 0 to 2³⁵ − 1 as LEB128, one after the other.

    Examples
    --------
    >>> varied(np.array([1, 127, 128, 300])).hex()
    '017f8001ac02'
    """
    if not len(numbers):
        return b""
    most = int(numbers.max())
    if most < 0x80:
        return numbers.astype(np.uint8).tobytes()
    width = -(-most.bit_length() // 7)
    parts = np.empty((len(numbers), width), np.uint8)
    there = np.empty((len(numbers), width), bool)
    for nth in range(width):
        rest = numbers >> 7 * nth
        there[:, nth] = rest > 0
        parts[:, nth] = rest & 0x7F
    there[:, 0] = True
    parts[:, :-1] |= there[:, 1:].view(np.uint8) << 7
    return parts[there].tobytes()


def unvaried(body: bytes, k: int) -> tuple[NDArray[np.int64], int]:
    """The first ``k`` LEB128 numbers of some bytes, and where they end."""
    if k == 0:
        return np.empty(0, np.int64), 0
    raw = np.frombuffer(body, np.uint8)
    end = np.flatnonzero(raw < 0x80)[:k] + 1
    start = np.concatenate([[0], end[:-1]])
    numbers = np.zeros(k, np.int64)
    for nth in range(int((end - start).max())):
        there = np.flatnonzero(end - start > nth)
        numbers[there] |= (raw[start[there] + nth].astype(np.int64) & 0x7F) << 7 * nth
    return numbers, int(end[-1])


def opened(frame: bytes) -> dict[str, Any]:
    """A frame by the names of docs/scene-stream.md, its body inflated: what tests and tools read it with."""
    magic, kind, flags, _, seq, since, time_us, index, n, k, size = HEAD.unpack_from(frame)
    if magic != MAGIC or len(frame) < HEAD.size + size:
        raise ValueError("no whole frame of the scene stream")
    body = frame[HEAD.size : HEAD.size + size]
    if flags & DEFLATED:
        body = zlib.decompress(body)
    found = {"kind": kind, "flags": flags, "seq": seq, "since": since, "time_us": time_us}
    found |= {"index": index, "n": n, "k": k, "size": HEAD.size + size}
    if kind == INDEX:
        return {**found, "ids": body}
    at = 0
    if kind == DELTA:
        gaps, at = unvaried(body, k)
        found["changed"] = np.cumsum(gaps + 1) - 1
    found["state"] = np.frombuffer(body, np.uint8, k, at)
    if flags & VALUES:
        found["value"] = np.frombuffer(body[at + k : at + 5 * k], "<f4")
    return found
