"""The compiled part of `address.numbering`: many door numbers among the doors of many roads at once."""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["FEATURES", "krige"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEATURES = ("gap", "few", "lane", "spread", "row", "around")
_KNOWN = 20  # doors that are asked, nearest in number
_ROUNDS = 3
_WRONG = 0.1  # weight below which a place is taken for wrong: it then falls with its square
_FAR = 3000.0  # metres: how little is known of where a road lies before its doors are seen
_HALF = 150.0  # numbers on either side of a door that tell the direction of the road
_AROUND = 100.0  # numbers: how far the misses of neighbours speak for a door
_ALONE = 600.0  # numbers: no door of the same side and kind is farther than this
_ROOT3 = math.sqrt(3.0)


@njit(cache=True, nogil=True)
def _window(numbers: Ints, low: int, high: int, wanted: int) -> tuple[int, int]:
    """First and last (exclusive) of the doors nearest in number."""
    right = low + int(np.searchsorted(numbers[low:high], wanted))
    left = right
    while right - left < _KNOWN and (left > low or right < high):
        if right == high or (left > low and wanted - numbers[left - 1] <= numbers[right] - wanted):
            left -= 1
        else:
            right += 1
    return left, right


@njit(cache=True, nogil=True)
def _step(numbers: Ints, x: Floats, y: Floats, usual: float, trust: float) -> float:
    """Metres per number, between the doors' own and the usual."""
    total, weights = 0.0, trust * 1000.0
    for i in range(len(numbers)):
        for j in range(i):
            apart = float(numbers[i] - numbers[j])
            if apart > 30.0:
                metres = math.hypot(x[i] - x[j], y[i] - y[j])
                weight = 2.0 * min(apart, 300.0)
                total += weight * math.log((metres + 20.0) / (apart * usual + 20.0))
                weights += weight
    return usual * math.exp(min(max(total / weights, -1.2), 1.2))


@njit(cache=True, nogil=True)
def _held(number: float, low: float, high: float, reach: float) -> float:
    """Number, or beyond the known ones one that goes at most so far past the last."""
    if number > high:
        return high + reach * math.tanh((number - high) / reach)
    if number < low:
        return low - reach * math.tanh((low - number) / reach)
    return number


@njit(cache=True, nogil=True)
def _bend(apart: float, reach: float) -> float:
    """Smooth correlation (Matérn 3/2)."""
    r = apart * _ROOT3 / reach
    return (1.0 + r) * math.exp(-r)


@njit(cache=True, nogil=True)
def _invert(a: Floats, inverse: Floats, n: int) -> None:
    """Inverse of a symmetric positive matrix by Cholesky; `a` is overwritten."""
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            a[i, j] = math.sqrt(max(s, 1e-9)) if i == j else s / a[j, j]
    for i in range(n):  # the triangle's inverse, over itself
        a[i, i] = 1.0 / a[i, i]
        for j in range(i):
            s = 0.0
            for k in range(j, i):
                s -= a[i, k] * a[k, j]
            a[i, j] = s * a[i, i]
    for i in range(n):
        for j in range(i + 1):
            s = 0.0
            for k in range(i, n):
                s += a[k, i] * a[k, j]
            inverse[i, j] = s
            inverse[j, i] = s


@njit(cache=True, nogil=True)
def krige(  # noqa: C901 (one pass over the questions)
    starts: Ints,
    numbers: Ints,
    x: Floats,
    y: Floats,
    lane: Bools,
    repeated: Bools,
    road: Ints,
    wanted: Ints,
    wanted_lane: Bools,
    law: Floats,
) -> tuple[Floats, Floats]:
    """Places of door numbers and what tells their errors.

    Parameters
    ----------
    starts : ndarray of int64, shape (r + 1,)
        Where the doors of each road begin; every road asked has one.
    numbers, x, y, lane, repeated : ndarray, shape (d,)
        Doors, ascending in number within a road: number, metres on the plane of the road, whether a
        lane, whether its place is also that of a far number.
    road, wanted, wanted_lane : ndarray, shape (q,)
        Questions: road, number, whether a lane.
    law : ndarray of float64
        `address.numbering.Law` in the order of its fields.

    Returns
    -------
    ndarray of float64, shape (q, 2)
        Metres on the plane of the road.
    ndarray of float64, shape (q, 6)
        Signs of the error in the order of `FEATURES`.
    """
    slope, bend_m, bend_reach, block_m, block_reach = law[0], law[1], law[2], law[3], law[4]
    side_m, side_reach, row_m, row_lane_m, row_reach = law[5], law[6], law[7], law[8], law[9]
    door_m, lane_m, repeated_m, tail = law[10], law[11], law[12], law[13]
    odd_left, lane_left, usual, trust = law[14], law[15], law[16], law[17]
    beyond, stretch, picky = law[18], law[19], law[20]
    layers = 3
    places = np.empty((len(road), 2))
    features = np.empty((len(road), len(FEATURES)))
    cov, work = np.empty((_KNOWN, _KNOWN)), np.empty((_KNOWN, _KNOWN))
    inverse = np.empty((_KNOWN, _KNOWN))
    u, to_wanted, noise = np.empty(_KNOWN), np.empty(_KNOWN), np.empty(_KNOWN)
    left = np.empty(_KNOWN)
    weight, alone, miss = np.empty(_KNOWN), np.empty(_KNOWN), np.empty(_KNOWN)
    pull, heading = np.empty((_KNOWN, 2)), np.empty((_KNOWN + 1, 2))
    fits, around, variances = np.empty(layers), np.empty(layers), np.empty(layers)
    ways = np.empty((layers, 2))
    for q in range(len(road)):
        number, as_lane = wanted[q], wanted_lane[q]
        first, last = _window(numbers, starts[road[q]], starts[road[q] + 1], number)
        n = last - first
        near, px, py = numbers[first:last], x[first:last], y[first:last]
        lanes = lane[first:last]
        step = _step(near, px, py, usual, trust)
        mid_x, mid_y = px.mean(), py.mean()
        meant = _held(float(number), float(near[0]), float(near[n - 1]), beyond * usual / step)
        own = 1.0 if number % 2 == 1 else -1.0
        for i in range(n):
            u[i] = (near[i] - meant) * (step / usual)
            noise[i] = lane_m**2 if lanes[i] else door_m**2
            if repeated[first + i]:
                noise[i] += repeated_m**2
            side = 1.0 if near[i] % 2 == 1 else -1.0
            left[i] = side * (odd_left + (lane_left if lanes[i] else 0.0))
        left_wanted = own * (odd_left + (lane_left if as_lane else 0.0))
        for layer in range(layers):
            bent, blocked = (
                (stretch ** (layer - 1) * bend_m) ** 2,
                (stretch ** (layer - 1) * block_m) ** 2,
            )
            for i in range(n):
                for j in range(i + 1):
                    apart = abs(u[i] - u[j])
                    c = _FAR**2 + slope**2 * u[i] * u[j] + bent * _bend(apart, bend_reach)
                    c += blocked * math.exp(-apart / block_reach)
                    same = (near[i] - near[j]) % 2 == 0
                    c += (1.0 if same else -1.0) * side_m**2 * math.exp(-apart / side_reach)
                    if same and lanes[i] == lanes[j]:
                        c += (row_lane_m if lanes[i] else row_m) ** 2 * math.exp(-apart / row_reach)
                    cov[i, j] = c
                    cov[j, i] = c
                apart = abs(u[i])
                c = _FAR**2 + bent * _bend(apart, bend_reach)
                c += blocked * math.exp(-apart / block_reach)
                same = (near[i] - number) % 2 == 0
                c += (1.0 if same else -1.0) * side_m**2 * math.exp(-apart / side_reach)
                if same and lanes[i] == as_lane:
                    c += (row_lane_m if as_lane else row_m) ** 2 * math.exp(-apart / row_reach)
                to_wanted[i] = c
                weight[i] = 1.0
            heading[: n + 1] = 0.0
            for turn in range(_ROUNDS + 1):
                for i in range(n):
                    for j in range(i + 1):
                        work[i, j] = cov[i, j]
                    work[i, i] += noise[i] / weight[i]
                _invert(work, inverse, n)
                for i in range(n):
                    sx, sy = 0.0, 0.0
                    for j in range(n):
                        sx += inverse[i, j] * (px[j] - mid_x + heading[j, 1] * left[j])
                        sy += inverse[i, j] * (py[j] - mid_y - heading[j, 0] * left[j])
                    pull[i, 0], pull[i, 1] = sx, sy
                    alone[i] = 1.0 / inverse[i, i]  # variance when left out
                    miss[i] = (sx * sx + sy * sy) * alone[i] ** 2
                if turn == _ROUNDS:
                    break
                for i in range(n):
                    w = (tail + 2.0) / (tail + miss[i] / max(alone[i], 1.0))
                    w = w if w >= _WRONG else w * w / _WRONG
                    weight[i] = min(max(w, 1e-7), 1.5)
                if turn < 2:
                    for k in range(n + 1):
                        at = u[k] if k < n else 0.0
                        hx, hy = 0.0, 0.0
                        for i in range(n):
                            run = slope**2 * 2.0 * _HALF * u[i]
                            run += bent * _bend(abs(at + _HALF - u[i]), bend_reach)
                            run -= bent * _bend(abs(at - _HALF - u[i]), bend_reach)
                            hx += run * pull[i, 0]
                            hy += run * pull[i, 1]
                        length = math.hypot(hx, hy)
                        sure = min(length / (2.0 * _HALF) / 0.7, 1.0) / max(length, 1e-9)
                        heading[k, 0], heading[k, 1] = hx * sure, hy * sure
            fits[layer], around[layer], known, close = 0.0, 0.0, 0.0, 0.0
            ways[layer, 0] = mid_x - heading[n, 1] * left_wanted
            ways[layer, 1] = mid_y + heading[n, 0] * left_wanted
            for i in range(n):
                fits[layer] -= math.log(alone[i]) + (tail + 2.0) / 2.0 * math.log1p(
                    miss[i] / alone[i] / tail
                )
                here = math.exp(-abs(u[i]) / _AROUND)
                close += here
                around[layer] += here * math.log(math.sqrt(miss[i]) + 20.0)
                ways[layer, 0] += to_wanted[i] * pull[i, 0]
                ways[layer, 1] += to_wanted[i] * pull[i, 1]
                for j in range(n):
                    known += to_wanted[i] * inverse[i, j] * to_wanted[j]
            whole = _FAR**2 + bent + blocked + side_m**2 + (row_lane_m if as_lane else row_m) ** 2
            variances[layer] = max(whole - known, 0.0)
            around[layer] /= close
        best, total = fits[:layers].max(), 0.0
        at_x, at_y, variance, missed = 0.0, 0.0, 0.0, 0.0
        for layer in range(layers):
            fits[layer] = math.exp(picky * (fits[layer] - best))
            total += fits[layer]
        for layer in range(layers):
            share = fits[layer] / total
            at_x += share * ways[layer, 0]
            at_y += share * ways[layer, 1]
            missed += share * around[layer]
        for layer in range(layers):
            off = (ways[layer, 0] - at_x) ** 2 + (ways[layer, 1] - at_y) ** 2
            variance += fits[layer] / total * (variances[layer] + off)
        gap, row_gap = np.inf, _ALONE
        for i in range(n):
            gap = min(gap, abs(u[i]))
            if (near[i] - number) % 2 == 0 and lanes[i] == as_lane:
                row_gap = min(row_gap, abs(u[i]))
        places[q, 0], places[q, 1] = at_x, at_y
        features[q, 0] = math.log(gap + 10.0)
        features[q, 1] = 1.0 / n
        features[q, 2] = 1.0 if as_lane else 0.0
        features[q, 3] = math.log(math.sqrt(variance) + 20.0)
        features[q, 4] = math.log(row_gap + 10.0)
        features[q, 5] = missed
    return places, features
