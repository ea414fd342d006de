"""Compiled: a ring without holes cut into triangles, ear by ear; corners are floats or whole numbers."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["clip", "turn"]

Numbers = NDArray[Any]
Links = NDArray[np.int64]


@njit(cache=True, nogil=True, inline="always")
def turn(u: Numbers, v: Numbers, i: int, j: int, k: int) -> Any:  # noqa: ANN401 - of the corners' own type
    """Twice the area of the triangle of three corners: positive where it turns left."""
    return (u[j] - u[i]) * (v[k] - v[i]) - (v[j] - v[i]) * (u[k] - u[i])


@njit(cache=True, nogil=True)
def _linked(u: Numbers, v: Numbers, n: int, links: Links) -> int:
    """Fill the links of a whole ring; how many corners turn inward or not at all."""
    after, ahead, inward = links[0], links[1], links[2]
    n_inward = 0
    for i in range(n):
        after[i], ahead[i] = i + 1, i - 1
    after[n - 1], ahead[0] = 0, n - 1
    for i in range(n):
        if not turn(u, v, ahead[i], i, after[i]) > 0:
            inward[n_inward] = i
            n_inward += 1
    return n_inward


@njit(cache=True, nogil=True)
def clip(
    u: Numbers, v: Numbers, n: int, base: int, triangles: Numbers, at: int, links: Links
) -> int:
    """Ears of a ring of ``n`` corners cut off one by one.

    Parameters
    ----------
    u, v : ndarray, shape (n,) or longer
        Corners, counter-clockwise.
    n : int
        At least 3.
    base : int
        Number of the first corner.
    triangles : ndarray of int, shape (t, 3)
        Filled from ``at`` on, n − 2 rows. The last one is what is left, however it turns.
    at : int
    links : ndarray of int64, shape (3, n) or wider
        Room: the corners after and before each, and those that turn inward: no other can lie in an ear.

    Returns
    -------
    int
        The row after the last triangle; -1 where no ear is left to cut.
    """
    after, ahead, inward = links[0], links[1], links[2]
    n_inward = _linked(u, v, n, links)
    left, i, idle = n, 0, 0
    while left > 3:
        p, q = ahead[i], after[i]
        ear = turn(u, v, p, i, q) > 0
        m = 0
        while ear and m < n_inward:
            k = inward[m]
            m += 1
            ear = not (  # all sides at once: which one fails cannot be foreseen
                (turn(u, v, p, i, k) >= 0)
                & (turn(u, v, i, q, k) >= 0)
                & (turn(u, v, q, p, k) >= 0)
                & (k != p)
                & (k != q)
            )
        if not ear:
            i = q
            idle += 1
            if idle > left:
                return -1
            continue
        triangles[at, 0], triangles[at, 1], triangles[at, 2] = base + p, base + i, base + q
        at += 1
        after[p], ahead[q] = q, p
        left -= 1
        idle = 0
        for m in range(n_inward - 1, -1, -1):
            k = inward[m]
            if ((k == p) | (k == q)) and turn(u, v, ahead[k], k, after[k]) > 0:
                n_inward -= 1
                inward[m] = inward[n_inward]
        i = q
    p, q = ahead[i], after[i]
    triangles[at, 0], triangles[at, 1], triangles[at, 2] = base + p, base + i, base + q
    return at + 1
