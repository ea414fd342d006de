"""Which features go into which tile: a quadtree that shows the large ones first.

Cells are global (level 0 is 360° × 360° from −180°, −90°), so that a feature's cell never depends
on its neighbours: adding a building far away leaves the cells here as they are.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Branch", "plan_quadtree"]

MAX_LEVEL = 24
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(slots=True)
class Branch:
    """A planned tile: what it shows, what it leaves to its children, and how large that is."""

    cell: tuple[int, int, int]
    take: Indices
    omitted: float
    children: list["Branch"] = field(default_factory=list)


def plan_quadtree(
    lon: Floats, lat: Floats, size: Floats, weight: Floats, node_weight: float, leaf_weight: float
) -> Branch:
    """Distribute features over a tree with additive refinement, each into exactly one tile.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Degrees; the point that decides the cell. n ≥ 1.
    size : ndarray of float64, shape (n,)
        Metres: how much is missed where the feature is not drawn.
    weight : ndarray of float64, shape (n,)
        What a tile's budget counts (features, vertices).
    node_weight, leaf_weight : float
        Budget of a tile that has children, and of one that has none.

    Returns
    -------
    Branch
        ``omitted`` of a branch is the largest size among the features below it.
    """
    order = np.argsort(-size, kind="stable")
    extent = max(float(np.ptp(lon)), float(np.ptp(lat)), 360.0 / 2**MAX_LEVEL)
    level = max(
        1, int(np.floor(np.log2(360.0 / extent)))
    )  # the features touch at most 2 × 2 cells of this level
    x, y = cell_of(lon.min(keepdims=True), lat.min(keepdims=True), level - 1)
    root = (level - 1, int(x[0]), int(y[0]))
    return _branch(root, order, level, (lon, lat, size, weight), (node_weight, leaf_weight))


def cell_of(lon: Floats, lat: Floats, level: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column and row of the cell at a level, counted from the south-west."""
    scale = 2.0**level / 360.0
    last = 2**level - 1
    x = np.clip(np.floor((lon + 180.0) * scale), 0, last).astype(np.int64)
    y = np.clip(np.floor((lat + 90.0) * scale), 0, last).astype(np.int64)
    return x, y


def _branch(
    cell: tuple[int, int, int],
    order: Indices,
    split: int,
    columns: tuple[Floats, ...],
    budget: tuple[float, float],
) -> Branch:
    """One branch over ``order`` (largest first); its rest is split by cells of level ``split``."""
    lon, lat, size, weight = columns
    total = np.cumsum(weight[order])
    if total[-1] <= budget[1] or split > MAX_LEVEL or len(order) == 1:
        return Branch(cell, order, 0.0)
    n = max(1, int(np.searchsorted(total, budget[0], side="right")))
    take, rest = order[:n], order[n:]
    if not len(rest):
        return Branch(cell, take, 0.0)
    branch = Branch(cell, take, float(size[rest[0]]))
    x, y = cell_of(lon[rest], lat[rest], split)
    keys, group = np.unique(y << 32 | x, return_inverse=True)
    for i, key in enumerate(keys):
        child = (split, int(key & 0xFFFFFFFF), int(key >> 32))
        branch.children.append(_branch(child, rest[group == i], split + 1, columns, budget))
    return branch
