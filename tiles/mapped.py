"""Meshes that a tile shows many times (mapped items of IFC, templates of CityJSON) as instances of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tiles.glb import Primitive
from tiles.palette import class_colors, linear
from tiles.repeats import Repeat, decomposed
from tiles.tree import corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tiles.meshes import Instances, Shapes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["repeated"]

FEWEST = 4
"""Instances below which a node of its own does not pay."""
SAVED_VERTICES = 256


def repeated(
    instances: Instances, shapes: Shapes, rows: Ints, feature: Ints, frame: Floats
) -> tuple[NDArray[np.bool_], list[Repeat], Floats, Floats]:
    """Instances of a tile that share their mesh.

    Parameters
    ----------
    rows : ndarray of int, shape (k,)
        Instances of the tile.
    feature : ndarray of int, shape (k,)
        Feature id of each.
    frame : ndarray of float64, shape (4, 4)
        The tile's.

    Returns
    -------
    taken : ndarray of bool, shape (k,)
        Those that are in ``repeats``: at least four of one mesh and colour that are turned and scaled along
        its axes but not mirrored, and have no picture.
    repeats : list of Repeat
    low, high : ndarray of float64, shape (3,)
        Box of all of them in the frame; infinite where there are none.
    """
    taken = np.zeros(len(rows), dtype=bool)
    empty = np.full(3, np.inf), np.full(3, -np.inf)
    shape = instances.shape[rows]
    n_v = np.diff(shapes.v_start)[shape]
    plain = np.where(shapes.colored[shape], "", instances.class_code[rows].astype(str))
    _, kind = np.unique(
        np.char.add(shape.astype("U12"), np.char.add("/", plain.astype(str))), return_inverse=True
    )
    count = np.bincount(kind)[kind]
    often = (count >= FEWEST) & ((count - 1) * n_v >= SAVED_VERTICES) & ~_clad(shapes)[shape]
    if not often.any():
        return taken, [], *empty
    to_tile = np.linalg.inv(frame) @ instances.matrix[rows]
    translation, rotation, scale, whole = decomposed(to_tile)
    taken = often & whole
    taken &= np.bincount(kind, taken, count.max(initial=0) and kind.max() + 1)[kind] >= FEWEST
    if not taken.any():
        return taken, [], *empty
    out = []
    for i in np.unique(kind[taken]).tolist():
        mine = np.flatnonzero(taken & (kind == i))
        parts = _primitives(shapes, int(shape[mine[0]]), str(instances.class_code[rows[mine[0]]]))
        out.append(Repeat(parts, translation[mine], rotation[mine], scale[mine], feature[mine]))
    at = np.flatnonzero(taken)
    ends = np.stack([shapes.low[shape[at]], shapes.high[shape[at]]], axis=1).astype(np.float64)
    points = np.stack([corners(a, b) for a, b in ends])
    moved = np.einsum("nij,nkj->nki", to_tile[at, :3, :3], points) + to_tile[at, None, :3, 3]
    return taken, out, moved.min(axis=(0, 1)), moved.max(axis=(0, 1))


def _clad(shapes: Shapes) -> NDArray[np.bool_]:
    """Which shapes have a picture."""
    m = len(shapes.t_start) - 1
    if not len(shapes.picture):
        return np.zeros(m, dtype=bool)
    of = np.repeat(np.arange(m), np.diff(shapes.t_start))
    return np.bincount(of, shapes.picture >= 0, m) > 0


def _primitives(shapes: Shapes, shape: int, class_code: str) -> list[Primitive]:
    """A mesh in its own axes: its solid and its translucent triangles."""
    v0, v1 = shapes.v_start[shape : shape + 2].tolist()
    t0, t1 = shapes.t_start[shape : shape + 2].tolist()
    triangles = shapes.triangles[t0:t1]
    normals = shapes.normals[v0:v1].astype(np.float64)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), (0.0, 0.0, 1.0))
    colors = shapes.colors[v0:v1]
    if not shapes.colored[shape]:
        one = np.array([class_code], dtype=object)
        colors = np.repeat(class_colors(one), v1 - v0, axis=0)
    colors = linear(colors)
    clear = colors[triangles[:, 0], 3] < 250
    out = []
    for mask, blend in ((~clear, False), (clear, True)):
        if not mask.any():
            continue
        used, number = np.unique(triangles[mask].ravel(), return_inverse=True)
        out.append(
            Primitive(
                shapes.positions[v0:v1][used],
                normals[used],
                colors[used],
                np.zeros(0, np.int64),
                number.astype(np.int64),
                blend=blend,
                double_sided=True,
            )
        )
    return out
