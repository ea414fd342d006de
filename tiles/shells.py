"""Which buildings of a layer have an inside, and what of them is seen from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tiles.meshes import ragged
from tiles.placement import frame_at_ecef
from tiles.shell import visible

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiles.meshes import Instances, Shapes

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

__all__ = ["Shell", "shells"]

LEAST_TRIANGLES = 1_000
"""Below that a building is drawn as it is from any distance."""
MOST_SEEN = 0.8
"""A shell with more of the triangles does not pay."""
MOST_SPAN_M = 1_500.0
"""Beyond that a pixel of the views is too wide to tell inside from outside."""


@dataclass(frozen=True, slots=True)
class Shell:
    """Outer faces of one building.

    ``rows`` are its instances that have some, ``keep`` says of each of their triangles, one instance after the
    other, whether it is one; ``cell`` is the width of a pixel of the views, metres.
    """

    rows: Ints
    keep: Bools
    cell: float


def shells(instances: Instances, shapes: Shapes, group: Ints) -> dict[int, Shell]:
    """Shells of the buildings that have storeys and an inside.

    Parameters
    ----------
    group : ndarray of int64, shape (n,)
        Building of each instance.

    Returns
    -------
    dict
        Building → shell.
    """
    n_t = np.diff(shapes.t_start)[instances.shape]
    many = np.bincount(group, n_t) >= LEAST_TRIANGLES
    storeyed = np.bincount(group, instances.storey != "") > 0
    out: dict[int, Shell] = {}
    for i in np.flatnonzero(many & storeyed).tolist():
        rows = np.flatnonzero(group == i)
        low, high = instances.low[rows].min(axis=0), instances.high[rows].max(axis=0)
        if np.linalg.norm(high - low) > MOST_SPAN_M:
            continue
        shell = _shell(instances, shapes, rows)
        if shell is not None:
            out[i] = shell
    return out


def _shell(instances: Instances, shapes: Shapes, rows: Ints) -> Shell | None:
    """The shell of the instances of one building; None where nearly all of it is outside."""
    shape = instances.shape[rows]
    n_v, n_t = np.diff(shapes.v_start)[shape], np.diff(shapes.t_start)[shape]
    vertex, row = ragged(shapes.v_start[shape], n_v), ragged(shapes.t_start[shape], n_t)
    frame = frame_at_ecef((instances.low[rows].min(axis=0) + instances.high[rows].max(axis=0)) / 2)
    to_local = np.linalg.inv(frame) @ instances.matrix[rows]
    of = np.repeat(np.arange(len(rows)), n_v)
    points = np.einsum("nij,nj->ni", to_local[of, :3, :3], shapes.positions[vertex])
    points += to_local[of, :3, 3]
    triangles = shapes.triangles[row]
    colored = shapes.colored[np.repeat(shape, n_t)]
    first = triangles[:, 0] + np.repeat(shapes.v_start[shape], n_t)
    clear = colored & (shapes.colors[first, 3] < 250)
    triangles = triangles + np.repeat(np.cumsum(n_v) - n_v, n_t)[:, None]
    seen, cell = visible(points, triangles, clear)
    if float(seen.mean()) > MOST_SEEN:
        return None
    whose = np.repeat(np.arange(len(rows)), n_t)
    shown = np.bincount(whose, seen, len(rows)) > 0
    return Shell(rows[shown], seen[shown[whose]], cell)
