"""Right-triangulated irregular networks over a level's grid of posts: as few triangles as a tolerance allows.

The posts of a level form one grid, cut into tiles of ``SIDE`` intervals. Whether a post is needed depends
on the posts around it and never on the tile it is looked at from, so two tiles always agree on the posts of
their common edge, and each triangulation is free of T-junctions.

A post lies in the middle of the hypotenuse it splits: posts with one coordinate an odd multiple of ``h`` and
the other a multiple of ``2h`` split an edge of a square of side ``2h``; posts with two odd multiples split its
diagonal. Splitting a hypotenuse needs the posts that made its triangle, and a triangle left whole strays at
a post by no more than the sum of what the posts between them stray: so a post counts its own and the most
of what hangs below it, and the tolerance holds everywhere.

Source: Evans, Kirkpatrick, Townsend, Right-Triangulated Irregular Networks, Algorithmica 30 (2001).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SIDE", "post_errors", "triangulate"]

SIDE = 64
"""Intervals along a side of a tile: a power of two."""
_HALVES = 6  # halvings of a side


@njit(cache=True)
def post_errors(z: NDArray[np.float64], bulge: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the ground would stray if a post were left out.

    Parameters
    ----------
    z : ndarray of float64, shape (m · SIDE + 1, n · SIDE + 1)
        Heights of whole tiles, metres; rows from the south.
    bulge : ndarray of float64, shape (6, 2)
        What the ellipsoid itself rises over an edge and over a diagonal of 2, 4 … 64 intervals, metres.

    Returns
    -------
    ndarray of float64, same shape
        Metres; right for all tiles that have a tile on each side. Corners of tiles have 0.
    """
    out = np.zeros(z.shape)
    for k in range(_HALVES):
        h = 1 << k
        for i in range(0, z.shape[0], h):
            odd = (i // h) & 1
            for j in range(0 if odd else h, z.shape[1], 2 * h):
                di, dj = (h, 0) if odd else (0, h)
                own = abs((z[i - di, j - dj] + z[i + di, j + dj]) / 2 - z[i, j])
                out[i, j] = own + bulge[k, 0] + _most_across(out, i, j, h >> 1)
        for i in range(h, z.shape[0], 2 * h):
            for j in range(h, z.shape[1], 2 * h):
                dj = -h if ((i // (2 * h)) + (j // (2 * h))) & 1 else h
                own = abs((z[i - h, j - dj] + z[i + h, j + dj]) / 2 - z[i, j])
                below = max(max(out[i - h, j], out[i + h, j]), max(out[i, j - h], out[i, j + h]))
                out[i, j] = own + bulge[k, 1] + below
    return out


@njit(cache=True)
def _most_across(out: NDArray[np.float64], i: int, j: int, q: int) -> float:
    """The most of the four posts ``q`` off diagonally; 0 where there are none."""
    most = 0.0
    if q:
        for a in (i - q, i + q):
            for b in (j - q, j + q):
                if 0 <= a < out.shape[0] and 0 <= b < out.shape[1]:
                    most = max(most, out[a, b])
    return most


@njit(cache=True)
def _push(
    stack: NDArray[np.int32], at: int, ai: int, aj: int, bi: int, bj: int, ci: int, cj: int
) -> None:
    stack[at, 0], stack[at, 1] = ai, aj
    stack[at, 2], stack[at, 3] = bi, bj
    stack[at, 4], stack[at, 5] = ci, cj


@njit(cache=True)
def triangulate(
    errors: NDArray[np.float64], tolerance: float, falling: bool
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Triangles of one tile that keep every post whose error is above a tolerance.

    Parameters
    ----------
    errors : ndarray of float64, shape (SIDE + 1, SIDE + 1)
        The tile's part of :func:`post_errors`.
    tolerance : float
        Metres.
    falling : bool
        Whether the tile's first diagonal runs from north-west to south-east: so where column + row of
        the tile in the grid of :func:`post_errors` is odd.

    Returns
    -------
    posts : ndarray of int32, shape (n,)
        row · (SIDE + 1) + column of each vertex, in the order of first use.
    triangles : ndarray of int32, shape (m, 3)
        Vertex numbers, counter-clockwise seen from above.
    """
    n = SIDE + 1
    number = np.full(n * n, -1, np.int32)
    posts = np.empty(n * n, np.int32)
    triangles = np.empty((2 * SIDE * SIDE, 3), np.int32)
    used, made = 0, 0
    stack = np.empty((4 * _HALVES + 4, 6), np.int32)
    if falling:
        _push(stack, 0, SIDE, 0, 0, SIDE, SIDE, SIDE)
        _push(stack, 1, 0, SIDE, SIDE, 0, 0, 0)
    else:
        _push(stack, 0, 0, 0, SIDE, SIDE, SIDE, 0)
        _push(stack, 1, SIDE, SIDE, 0, 0, 0, SIDE)
    depth = 2
    while depth > 0:
        depth -= 1
        ai, aj, bi, bj, ci, cj = stack[depth]
        # of the hypotenuse a-b; a half of odd length is no post: the triangle is as small as they get
        mi, mj = (ai + bi) >> 1, (aj + bj) >> 1
        whole = ((ai + bi) & 1) == 0 and ((aj + bj) & 1) == 0
        if whole and errors[mi, mj] > tolerance:
            _push(stack, depth, bi, bj, ci, cj, mi, mj)
            _push(stack, depth + 1, ci, cj, ai, aj, mi, mj)
            depth += 2
            continue
        corners = (ai * n + aj, bi * n + bj, ci * n + cj)
        for k in range(3):
            post = corners[k]
            if number[post] < 0:
                number[post] = used
                posts[used] = post
                used += 1
            triangles[made, k] = number[post]
        made += 1
    return posts[:used].copy(), triangles[:made].copy()
