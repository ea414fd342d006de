"""Mode INDICES: whole numbers as differences from one of two running values."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.meshopt.errors import MeshoptError
from tiles.meshopt.numbers import fold, read_number, unfold, write_number

__all__ = ["decode_sequence", "encode_sequence"]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.uint32]

HEADER, TAIL = 0xD1, 4
WIDEST = 5
FARTHEST = 1 << 30


def encode_sequence(numbers: NDArray[np.integer], *, compiled: bool = True) -> bytes:
    """Compress indices that are no list of triangles.

    Parameters
    ----------
    numbers : array, shape (n,)
        From 0; neighbours less than 2^30 apart.
    compiled : bool
        Whether the compiled loop is taken; the bytes are the same.

    Returns
    -------
    bytes

    Raises
    ------
    MeshoptError
        If a number or a step is too large.
    """
    wide = np.asarray(numbers, dtype=np.int64)
    if len(wide) and (wide.min() < 0 or wide.max() >= FARTHEST):
        raise MeshoptError(f"indices from {wide.min()} to {wide.max()}; 0 to 2^30 - 1 is expected")
    out = np.empty(1 + WIDEST * len(wide) + TAIL, dtype=np.uint8)
    encode = _encode if compiled else _encode.py_func
    return out[: encode(wide, out)].tobytes()


def decode_sequence(stream: bytes, count: int) -> Numbers:
    """Give back what :func:`encode_sequence` was given.

    Parameters
    ----------
    stream : bytes
        The compressed view.
    count : int
        How many numbers it holds.

    Returns
    -------
    array of uint32, shape (count,)

    Raises
    ------
    MeshoptError
        If the stream is cut off, too long, or of another codec.
    """
    data = np.frombuffer(stream, dtype=np.uint8)
    if len(data) < 1 + TAIL or data[0] != HEADER:
        raise MeshoptError(f"a sequence of indices starts with {HEADER:#x} and ends in a tail")
    out = np.zeros(count, dtype=np.uint32)
    if _decode(data, out) != len(data) - TAIL:
        raise MeshoptError(f"the stream does not hold {count} indices")
    return out


@njit(cache=True, nogil=True)
def _encode(numbers: NDArray[np.int64], out: Bytes) -> int:
    out[0] = HEADER
    at = 1
    last = np.zeros(2, dtype=np.int64)
    current = 0
    for number in numbers:
        nearer = 0 if abs(number - last[0]) <= abs(number - last[1]) else 1
        if abs(number - last[current]) > 30:
            current = nearer
        delta = number - last[current]
        last[current] = number
        at = write_number((fold(delta) << 1) | current, out, at)
    out[at : at + TAIL] = 0
    return at + TAIL


@njit(cache=True, nogil=True)
def _decode(data: Bytes, out: Numbers) -> int:
    end = len(data) - TAIL
    at = 1
    last = np.zeros(2, dtype=np.int64)
    for i in range(len(out)):
        coded, at = read_number(data, at, end)
        if at < 0:
            return -1
        which = coded & 1
        last[which] += unfold(coded >> 1)
        out[i] = last[which]
    return at
