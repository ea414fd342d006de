"""Compiled reading of the doors below a road."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.model import RANK

__all__ = ["numbers_below"]

I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]

_NUMBER = RANK["number"]
_STEMS = np.array([ord(c) for c in "甲乙丙丁戊己庚辛"])
_NONG, _XIANG, _LI, _HU, _TONG = (ord(c) for c in "弄巷里胡同")
_MOST_DIGITS = 9


@njit(cache=True, nogil=True)
def numbers_below(
    row: int,
    first: I32,
    level: npt.NDArray[np.uint8],
    core: U32,
    word_start: U32,
    word_points: U32,
    lon: npt.NDArray[np.float64],
) -> I64:
    """Placed doors among the children of a road, as `address.roads.number_of` reads them.

    Parameters
    ----------
    row : int
    first, level, core, word_start, word_points, lon : ndarray
        Sections of an `address.arena.Arena`.

    Returns
    -------
    ndarray of int64, shape (n, 4)
        Row, `row`, number, 1 for a lane.
    """
    low, high = np.int64(first[row + 1]), np.int64(first[row + 2])
    out = np.empty((high - low, 4), np.int64)
    count = 0
    for child in range(low, high):
        if level[child] != _NUMBER or np.isnan(lon[child]):
            continue
        at, last = np.int64(word_start[core[child]]), np.int64(word_start[core[child] + 1])
        begun = at + 1 if at < last and (word_points[at] == _STEMS).any() else at
        end, number = begun, np.int64(0)
        while end < last and end - begun < _MOST_DIGITS and 48 <= word_points[end] <= 57:
            number = number * 10 + np.int64(word_points[end]) - 48
            end += 1
        if end == begun:
            continue
        tail = word_points[last - 1]
        lane = tail in (_NONG, _XIANG, _LI)
        lane = lane or (tail == _TONG and word_points[last - 2] == _HU)
        out[count, 0], out[count, 1], out[count, 2], out[count, 3] = child, row, number, lane
        count += 1
    return out[:count]
