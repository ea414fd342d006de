"""Whole numbers of a stream, one at a time: seven bits a byte, signed ones folded (compiled).

`tiles.varints` writes the same for whole arrays; here each number hangs on the one before.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["fold", "read_number", "unfold", "write_number"]

Bytes = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def fold(delta: int) -> int:
    """Signed to unsigned: 0, -1, 1, -2 … to 0, 1, 2, 3 …."""
    return (delta << 1) ^ (delta >> 63)


@njit(cache=True, nogil=True)
def unfold(folded: int) -> int:
    """The signed number again."""
    half = folded >> 1
    return -half - 1 if folded & 1 else half


@njit(cache=True, nogil=True)
def write_number(number: int, out: Bytes, at: int) -> int:
    """Write an unsigned number; where to write on."""
    while number >= 128:
        out[at] = (number & 127) | 128
        number >>= 7
        at += 1
    out[at] = number
    return at + 1


@njit(cache=True, nogil=True)
def read_number(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """An unsigned number of five bytes at most, and where to read on (-1 past the end)."""
    number, shift = 0, 0
    while at < end and shift <= 28:
        byte = int(data[at])
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at
    return 0, -1
