"""Doors by place: a balanced tree in flat arrays, with those that moved since the build beside it.

Sections of an arena (``d`` doors): ``door_row`` int32 (d,), ``door_x`` float64 (d,) degrees of
longitude times ``meta["door_scale"]``, ``door_y`` float64 (d,) degrees of latitude. The middle one
of any run parts its run, by x and by y in turn (a k-d tree without pointers).
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit

from address.arena import MOVED, PLACED, RETIRED, Arena, Array
from address.distance import METRES_PER_DEGREE, distance_m
from address.model import RANK

if TYPE_CHECKING:
    from address.tree import Tree

__all__ = ["Doors", "door_tables", "usable"]

_DOORS = tuple(RANK[level] for level in ("number", "building", "poi"))
_NUMBER = RANK["number"]
_SAME_DEGREES = 0.5 / METRES_PER_DEGREE
TIE_M = 1e-6
_GONE = RETIRED | MOVED

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]


def usable(arrays: dict[str, Array], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of some rows are doors with a place that is theirs, shape (len(rows),).

    Doors of one place share one answer: a building or place of interest within 0.5 m of its parent
    is none, nor is one that only has the middle of what lies below it.
    """
    lon, lat, level = arrays["lon"], arrays["lat"], arrays["level"][rows]
    flags = arrays["flags"][rows]
    door = np.isin(level, _DOORS) & ~np.isnan(lon[rows]) & (flags & RETIRED == 0)
    number = level == _NUMBER
    door &= number | (flags & PLACED != 0)
    up = np.maximum(arrays["parent"][rows], 0)
    held = ~number & (arrays["parent"][rows] >= 0)
    flat = np.cos(np.deg2rad((lat[rows] + lat[up]) / 2))
    apart = np.hypot((lon[rows] - lon[up]) * flat, lat[rows] - lat[up])
    return np.asarray(door & ~(held & (apart < _SAME_DEGREES)), bool)


def door_tables(arrays: dict[str, Array]) -> tuple[dict[str, Array], float]:
    """Sections of the doors of a tree, and the scale of their x."""
    rows = np.flatnonzero(np.isin(arrays["level"], _DOORS))
    rows = rows[usable(arrays, rows)]
    middle = float(np.mean(arrays["lat"][rows])) if len(rows) else 0.0
    scale = float(np.cos(np.deg2rad(middle)))
    x, y = arrays["lon"][rows] * scale, arrays["lat"][rows]
    order = np.arange(len(rows))
    _part(x, y, order)
    return {
        "door_row": rows[order].astype(np.int32),
        "door_x": x[order],
        "door_y": y[order],
    }, scale


@njit(cache=True)
def _part(x: Floats, y: Floats, order: npt.NDArray[np.int64]) -> None:
    """Put the indices in the order of the tree."""
    stack = [(0, len(order), 0)]
    while stack:
        low, high, axis = stack.pop()
        if high - low < 2:
            continue
        values = x if axis == 0 else y
        middle = (low + high) // 2
        first, last = low, high - 1
        while first < last:  # the middle one to its place, smaller before, greater behind
            pivot = values[order[(first + last) // 2]]
            i, j = first, last
            while i <= j:
                while values[order[i]] < pivot:
                    i += 1
                while values[order[j]] > pivot:
                    j -= 1
                if i <= j:
                    kept = order[i]
                    order[i] = order[j]
                    order[j] = kept
                    i, j = i + 1, j - 1
            if middle <= j:
                last = j
            elif middle >= i:
                first = i
            else:
                break
        stack.append((low, middle, 1 - axis))
        stack.append((middle + 1, high, 1 - axis))


@njit(cache=True, nogil=True)
def _nearest(
    lon: float,
    lat: float,
    limit: float,
    x: Floats,
    y: Floats,
    scale: float,
    rows: Rows,
    flags: Array,
    gone: int,
) -> tuple[float, Rows]:
    """Metres to the nearest live doors within `limit` metres, and their rows."""
    best = limit
    out = np.empty(16, np.int32)
    count = 0
    polewards = math.radians(min(abs(lat) + limit / METRES_PER_DEGREE, 90.0))
    narrow = math.cos(polewards) / scale * METRES_PER_DEGREE  # least metres of a unit of x
    lows, highs = np.empty(128, np.int64), np.empty(128, np.int64)
    axes, bounds = np.empty(128, np.int64), np.empty(128, np.float64)
    lows[0], highs[0], axes[0], bounds[0] = 0, len(rows), 0, 0.0
    depth = 1
    while depth:
        depth -= 1
        low, high, axis = lows[depth], highs[depth], axes[depth]
        if bounds[depth] > best + TIE_M or low >= high:
            continue
        middle = (low + high) // 2
        if flags[rows[middle]] & gone == 0:
            across = (x[middle] / scale - lon) * math.cos(math.radians((y[middle] + lat) / 2))
            away = math.hypot(across, y[middle] - lat) * METRES_PER_DEGREE
            if away < best - TIE_M:
                count = 0
            if away <= best + TIE_M and away <= limit:
                if count == len(out):
                    more = np.empty(2 * count, np.int32)
                    more[:count] = out
                    out = more
                out[count] = rows[middle]
                count += 1
                best = min(best, away)
        off = (lon * scale - x[middle]) if axis == 0 else (lat - y[middle])
        lefts = off <= 0
        for side in range(2):  # the far half waits below the near one
            left = lefts if side else not lefts
            lows[depth] = low if left else middle + 1
            highs[depth] = middle if left else high
            axes[depth] = 1 - axis
            far = abs(off) * (narrow if axis == 0 else METRES_PER_DEGREE)
            bounds[depth] = 0.0 if side else far
            depth += 1
    return best, out[:count]


class Doors:
    """The doors of a tree."""

    def __init__(self, tree: "Tree") -> None:
        self.tree = tree
        arena: Arena = tree.arena
        self._x, self._y, self._rows = arena["door_x"], arena["door_y"], arena["door_row"]
        self.scale = float(arena.meta["door_scale"])
        moved = np.array(sorted(tree.replaced), np.int64)
        self._moved = moved[usable(arena.arrays, moved)]

    def near(self, lon: float, lat: float, reach_m: float) -> list[int]:
        """Rows of the nearest doors, more than one only where they are equally far.

        Parameters
        ----------
        lon, lat : float
            Degrees, EPSG:4490.
        reach_m : float
            Metres; what is farther is none.
        """
        arrays = self.tree.arena.arrays
        best, rows = _nearest(
            lon, lat, reach_m, self._x, self._y, self.scale, self._rows, arrays["flags"], _GONE
        )
        found: list[int] = rows.tolist()
        if len(self._moved):
            away = distance_m(arrays["lon"][self._moved], arrays["lat"][self._moved], lon, lat)
            least = float(away.min())
            if least <= best + TIE_M:
                found = found if least >= best - TIE_M else []
                found += self._moved[(away <= least + TIE_M) & (away <= reach_m)].tolist()
        return found
