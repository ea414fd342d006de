"""Compiled: coordinate texts into numbers, a batch at a time."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["parse_lists"]

_SEPARATOR = 124  # |


@njit(cache=True, nogil=True)
def _parse(  # noqa: C901 (one state machine)
    data: NDArray[np.uint8],
    powers: NDArray[np.float64],
    out: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> int:
    """Numbers of lists separated by ``|``, blanks and commas between them; NaN for what is none."""
    n, which, i, end = 0, 0, 0, len(data)
    while i < end:
        c = data[i]
        if c == _SEPARATOR:
            which += 1
            i += 1
            continue
        if c == 32 or c == 10 or c == 9 or c == 13 or c == 44:
            i += 1
            continue
        negative = c == 45
        if negative or c == 43:
            i += 1
        mantissa, digits, scale, seen, sound = np.uint64(0), 0, 0, False, True
        point = False
        while i < end:
            c = data[i]
            if 48 <= c <= 57:
                seen = True
                if digits < 18:
                    mantissa = mantissa * np.uint64(10) + np.uint64(c - 48)
                    if mantissa > 0:
                        digits += 1
                    if point:
                        scale -= 1
                elif not point:
                    scale += 1
            elif c == 46 and not point:
                point = True
            else:
                break
            i += 1
        if i < end and (data[i] == 101 or data[i] == 69) and seen:
            i += 1
            minus = i < end and data[i] == 45
            if i < end and (data[i] == 45 or data[i] == 43):
                i += 1
            exponent, some = 0, False
            while i < end and 48 <= data[i] <= 57:
                exponent = min(exponent * 10 + (int(data[i]) - 48), 9999)
                some = True
                i += 1
            sound = some
            scale += -exponent if minus else exponent
        while i < end:
            c = data[i]
            if c == 32 or c == 10 or c == 9 or c == 13 or c == 44 or c == _SEPARATOR:
                break
            sound = False
            i += 1
        value = np.nan
        if sound and seen:
            value = float(mantissa)
            if -22 <= scale < 0:
                value /= powers[-scale]
            elif 0 < scale <= 22:
                value *= powers[scale]
            elif scale != 0:
                value *= 10.0**scale
            if negative:
                value = -value
        out[n] = value
        counts[which] += 1
        n += 1
    return n


_POWERS = np.array([float(f"1e{k}") for k in range(23)])


def parse_lists(texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Numbers of coordinate lists.

    Parameters
    ----------
    texts : sequence of str, length n
        Decimal numbers with blanks (or commas) between them, as ``gml:posList`` has them.

    Returns
    -------
    numbers : ndarray of float64
        All lists one after another; NaN for a word that is no number. Within one unit in the last
        place of the nearest double.
    counts : ndarray of int64, shape (n,)
        How many numbers each list has.

    Examples
    --------
    >>> numbers, counts = parse_lists(["1 2.5 -3e-1", "x 4"])
    >>> numbers.tolist(), counts.tolist()
    ([1.0, 2.5, -0.3, nan, 4.0], [3, 2])
    """
    if not texts:
        return np.zeros(0), np.zeros(0, np.int64)
    joined = "|".join(texts).encode("ascii", "replace")
    if joined.count(b"|") != len(texts) - 1:
        joined = b"|".join(t.encode("ascii", "replace").replace(b"|", b"?") for t in texts)
    data = np.frombuffer(joined, np.uint8)
    out = np.empty(len(data) // 2 + 2)
    counts = np.zeros(len(texts), np.int64)
    n = _parse(data, _POWERS, out, counts)
    return out[:n], counts
