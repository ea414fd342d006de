"""The filter EXPONENTIAL: numbers as whole multiples of a power of two, which pack well."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["MANTISSA", "exponent_for", "exponential", "from_exponential", "to_exponential"]

MANTISSA = (1 << 23) - 1
"""The largest multiple that the filter's 24 bits hold."""


def exponent_for(values: NDArray[np.floating], finest: int) -> int:
    """The exponent of the step that holds all values: ``finest``, or the next that reaches far enough.

    Parameters
    ----------
    values : array of float
        All finite.
    finest : int
        -10 is a step of 2^-10.
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    exponent = finest
    while largest > MANTISSA * 2.0**exponent:
        exponent += 1
    return exponent


def to_exponential(
    values: NDArray[np.floating], exponent: int
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """What to compress, and the numbers as a reader gets them.

    Parameters
    ----------
    values : array of float, shape (n, k)
        Not more than ``MANTISSA`` steps from 0.
    exponent : int
        The step is 2^exponent; values move by half of it at most.

    Returns
    -------
    packed : array of uint32, shape (n, k)
    decoded : array of float32, shape (n, k)
    """
    steps = np.rint(np.asarray(values, dtype=np.float64) * 2.0**-exponent).astype(np.int32)
    return exponential(steps, exponent), (steps * 2.0**exponent).astype(np.float32)


def exponential(steps: NDArray[np.int32], exponent: int) -> NDArray[np.uint32]:
    """Whole multiples of 2^exponent as they are compressed, same shape; at most ``MANTISSA``."""
    return (steps.view(np.uint32) & np.uint32(0xFFFFFF)) | np.uint32((exponent & 0xFF) << 24)


def from_exponential(packed: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The numbers of a decompressed view, same shape."""
    signed = packed.view(np.int32)
    steps = (signed << 8) >> 8
    return np.asarray(np.ldexp(steps.astype(np.float64), signed >> 24), dtype=np.float32)
