"""The same things under new ids: elements of a model that was exported again with other GlobalIds.

Pure decisions over columns. Two elements are one where class and type agree, their boxes lie on each
other, their surfaces are equal, and name and tag do not speak against it. What has no shape (a
storey, a zone, a system) is known by class and name, if those occur once on each side.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Elements", "same_shape", "surface_of"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE_M = 0.05
"""Metres by which any side of the two boxes may differ."""
SURFACE = 0.01
"""Share by which area and volume may differ."""
_DEGREE_M = 111_320.0


@dataclass(frozen=True, slots=True)
class Elements:
    """Columns of one side, all of length n.

    ``kinds`` is what must agree (class code and IFC class), ``names`` and ``tags`` may be null;
    ``boxes`` is (n, 6) xmin ymin zmin xmax ymax zmax in degrees and metres, NaN where there is no
    shape; ``surfaces`` is (n, 2) area (m²) and volume (m³), NaN where unknown.
    """

    kinds: Sequence[str]
    names: Sequence[str | None]
    tags: Sequence[str | None]
    boxes: Array
    surfaces: Array


def surface_of(positions: Array, triangles: NDArray[np.integer]) -> tuple[float, float]:
    """Area (m²) and enclosed volume (m³) of triangles, whatever their order.

    Examples
    --------
    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    >>> area, volume = surface_of(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    >>> round(area, 4), round(volume, 4)
    (2.366, 0.1667)
    """
    if not len(triangles):
        return 0.0, 0.0
    a, b, c = (positions[triangles[:, k]] - positions[triangles[0, 0]] for k in range(3))
    across = np.cross(b - a, c - a)
    area = float(np.linalg.norm(across, axis=1).sum()) / 2
    return area, abs(float(np.einsum("ij,ij->", a, np.cross(b, c)))) / 6


def _metres(boxes: Array, latitude: float) -> Array:
    scale = np.array([_DEGREE_M * np.cos(np.deg2rad(latitude)), _DEGREE_M, 1.0])
    return np.asarray(boxes * np.concatenate([scale, scale]), dtype=np.float64)


def _pairs(new: Elements, old: Elements) -> tuple[Ints, Ints, Array]:
    """Pairs whose boxes lie on each other, with the largest difference of a side in metres."""
    a, b = (np.flatnonzero(np.isfinite(e.boxes[:, [0, 1, 3, 4]]).all(axis=1)) for e in (new, old))
    if not len(a) or not len(b):
        empty = np.empty(0, np.int64)
        return empty, empty, np.empty(0)
    latitude = float(old.boxes[b[0], 1])
    p, q = _metres(new.boxes[a], latitude), _metres(old.boxes[b], latitude)
    first, second = (np.asarray(shapely.points(c[:, :2]), dtype=object) for c in (p, q))
    i, j = shapely.STRtree(second).query(first, predicate="dwithin", distance=2 * TOLERANCE_M)
    gap = np.abs(p[i] - q[j])
    gap = np.where(np.isnan(p[i]) & np.isnan(q[j]), 0.0, gap).max(axis=1)
    near = gap <= TOLERANCE_M
    return a[i[near]].astype(np.int64), b[j[near]].astype(np.int64), gap[near]


def _equal(a: Array, b: Array) -> NDArray[np.bool_]:
    """Whether area and volume agree; unknown ones do."""
    gap = np.abs(a - b) <= SURFACE * np.maximum(np.abs(a), np.abs(b)) + 1e-4
    return np.asarray((gap | np.isnan(a) | np.isnan(b)).all(axis=1))


def _agreement(a: Sequence[str | None], b: Sequence[str | None], i: Ints, j: Ints) -> Array:
    """1 where both texts are given and equal, -1 where they differ, 0 where one is missing."""
    return np.array(
        [
            0.0 if not a[p] or not b[q] else 1.0 if a[p] == b[q] else -1.0
            for p, q in zip(i.tolist(), j.tolist(), strict=True)
        ],
        dtype=np.float64,
    )


def _by_name(
    new: Elements, old: Elements, taken_new: set[int], taken_old: set[int]
) -> list[tuple[int, int, float]]:
    """Things without a shape whose class and name occur once on each side."""
    sides = []
    for side, taken in ((new, taken_new), (old, taken_old)):
        shapeless = np.isnan(side.boxes[:, 0])
        keys = {
            k: (side.kinds[k], side.names[k])
            for k in np.flatnonzero(shapeless).tolist()
            if side.names[k] and k not in taken
        }
        count = Counter(keys.values())
        sides.append({key: k for k, key in keys.items() if count[key] == 1})
    first, second = sides
    return [(k, second[key], 0.7) for key, k in first.items() if key in second]


def same_shape(new: Elements, old: Elements) -> list[tuple[int, int, float]]:
    """Which new elements are old ones.

    Parameters
    ----------
    new, old : Elements
        Elements whose ids the other side does not know.

    Returns
    -------
    list of (index in new, index in old, score)
        Each index at most once, ordered by ``new``; scores from 0.7 (name alone, or a shape whose
        name changed) to 1 (shape, place, name and tag agree). Identical twins in one place are
        paired by name and tag, else in the order given.
    """
    i, j, gap = _pairs(new, old)
    kinds = np.array(
        [new.kinds[p] == old.kinds[q] for p, q in zip(i.tolist(), j.tolist(), strict=True)],
        dtype=bool,
    )
    keep = kinds & _equal(new.surfaces[i], old.surfaces[j])
    i, j, gap = i[keep], j[keep], gap[keep]
    name = _agreement(new.names, old.names, i, j)
    tag = _agreement(new.tags, old.tags, i, j)
    score = 0.85 + 0.075 * name + 0.075 * tag
    chosen: list[tuple[int, int, float]] = []
    taken_new, taken_old = set[int](), set[int]()
    for k in np.lexsort((j, i, np.round(gap, 3), -score)).tolist():
        p, q = int(i[k]), int(j[k])
        if p not in taken_new and q not in taken_old:
            taken_new.add(p)
            taken_old.add(q)
            chosen.append((p, q, round(float(score[k]), 3)))
    return sorted(chosen + _by_name(new, old, taken_new, taken_old))
