"""Street furniture and trees: 管理部件 that are points, drawn as instances of a shape of their class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tiles.features import Layer, Progress, Write, feature_columns
from tiles.glb import write_glb
from tiles.palette import hash_of
from tiles.placement import frame_at, to_local
from tiles.quadtree import Branch, plan_quadtree
from tiles.repeats import Repeat, decomposed
from tiles.source import floats, texts
from tiles.street_shapes import KINDS, kind_of, street_shape
from tiles.tree import Tile, corners, settle, walk, write_explicit

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from twin.terrain import Surface

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Objects = NDArray[np.object_]

__all__ = ["build_furniture"]

NODE_THINGS, LEAF_THINGS = 1_000.0, 3_000.0
_NAMES = tuple(KINDS)


class _Things:
    """Things that have a shape and a place, sorted by eid."""

    def __init__(self, table: pa.Table, ground: Surface | None) -> None:
        table = table.sort_by("eid") if table.num_rows else table
        code = texts(table, "class_code")
        codes, of = np.unique(code.astype(str), return_inverse=True)
        kind = np.array([_NAMES.index(kind_of(c)) if kind_of(c) else -1 for c in codes] + [-1])[of]
        lon, lat, z = floats(table, "lon"), floats(table, "lat"), floats(table, "z")
        sound = np.isfinite(lon) & np.isfinite(lat) & (kind >= 0)
        self.notes: list[str] = []
        if not sound.all():
            text = "of a class that has no shape or without a place, left out"
            self.notes.append(f"{int((~sound).sum())} {text}")
        rows = np.flatnonzero(sound)
        self.lon, self.lat, self.z = lon[rows], lat[rows], z[rows]
        unknown = ~np.isfinite(self.z)
        if unknown.any():
            self.z[unknown] = self._ground(ground, unknown)
        self.kind = kind[rows].astype(np.int64)
        self.eid, self.code = texts(table, "eid")[rows], code[rows]
        self.name = texts(table, "name")[rows]
        seed = hash_of(self.eid).astype(np.int64) if len(rows) else np.zeros(0, np.int64)
        self.turn: Floats = (seed & 0xFFFF).astype(np.float64) * (2 * np.pi / 65536)
        varied = np.array([street_shape(n).varied for n in _NAMES])[self.kind]
        self.scale: Floats = 1 + varied * ((seed >> 16).astype(np.float64) / 32767.5 - 1)
        low = np.array([street_shape(n).low for n in _NAMES])
        high = np.array([street_shape(n).high for n in _NAMES])
        self.size: Floats = np.asarray(
            np.linalg.norm(high - low, axis=1)[self.kind] * self.scale, dtype=np.float64
        )

    def _ground(self, ground: Surface | None, where: NDArray[np.bool_]) -> Floats | float:
        if ground is None:
            return 0.0
        z = ground.height(self.lon[where], self.lat[where])
        return np.where(np.isfinite(z), z, 0.0)


def build_furniture(
    table: pa.Table, ground: Surface | None, write: Write, progress: Progress | None = None
) -> Layer:
    """Write street furniture and trees: glb contents and the tileset.

    Large things (trees, lamps) come first, small ones when the camera is near (additive refinement). Turn and,
    for trees, size are drawn from the eid, so that they stay.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.FURNITURE`.
    ground : Surface or None
        Stands in for heights that are missing; without it they stand at 0.
    write, progress : callable

    Returns
    -------
    Layer
        ``root`` is None where there is nothing to draw.
    """
    things = _Things(table, ground)
    if not len(things.eid):
        return Layer(None, 0, things.notes)
    one = np.ones(len(things.eid))
    plan = plan_quadtree(things.lon, things.lat, things.size, one, NODE_THINGS, LEAF_THINGS)
    root = _tile(things, plan, write, progress, [0])
    settle(root)
    write_explicit(root, write, whole_error=float(things.size.max()))
    return Layer(root, sum(t.features for t in walk(root)), things.notes)


def _tile(
    things: _Things, branch: Branch, write: Write, progress: Progress | None, done: list[int]
) -> Tile:
    rows = np.sort(branch.take).astype(np.int64)
    middle = [
        float((v[rows].min() + v[rows].max()) / 2) for v in (things.lon, things.lat, things.z)
    ]
    frame = frame_at(*middle)
    at = to_local(frame, things.lon[rows], things.lat[rows], things.z[rows])
    matrix = np.zeros((len(rows), 4, 4))
    cos, sin = np.cos(things.turn[rows]), np.sin(things.turn[rows])
    scale = things.scale[rows]
    matrix[:, 0, 0], matrix[:, 0, 1] = cos * scale, -sin * scale
    matrix[:, 1, 0], matrix[:, 1, 1] = sin * scale, cos * scale
    matrix[:, 2, 2], matrix[:, 3, 3] = scale, 1.0
    matrix[:, :3, 3] = at
    shift, turned, sized, _ = decomposed(matrix)
    repeats, low, high = [], np.full(3, np.inf), np.full(3, -np.inf)
    for kind in np.unique(things.kind[rows]).tolist():
        mine = np.flatnonzero(things.kind[rows] == kind)
        shape = street_shape(_NAMES[kind])
        repeats.append(Repeat(shape.primitives, shift[mine], turned[mine], sized[mine], mine))
        box = np.einsum("nij,kj->nki", matrix[mine, :3, :3], corners(shape.low, shape.high))
        points = box + at[mine, None]
        low, high = (
            np.minimum(low, points.min(axis=(0, 1))),
            np.maximum(high, points.max(axis=(0, 1))),
        )
    columns = feature_columns(
        things.eid[rows], things.code[rows], things.name[rows], np.full(len(rows), np.nan)
    )
    name = "{}_{}_{}.glb".format(*branch.cell)
    write(name, write_glb([], columns, len(rows), repeats=repeats))
    done[0] += len(rows)
    if progress is not None:
        progress(done[0], len(things.eid))
    tile = Tile(
        frame, low, high, branch.omitted, content=name, cell=branch.cell, features=len(rows)
    )
    tile.children = [_tile(things, child, write, progress, done) for child in branch.children]
    return tile
