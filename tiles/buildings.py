"""The layer of LoD1 buildings: large ones first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tiles.blocks import Blocks, content, prepare
from tiles.features import Layer, Progress, Write
from tiles.placement import frame_at
from tiles.quadtree import Branch, plan_quadtree
from tiles.tree import Tile, settle, walk, write_explicit

if TYPE_CHECKING:
    import pyarrow as pa

    from twin.terrain import Surface

__all__ = ["build_buildings"]

NODE_FEATURES, LEAF_FEATURES = 500, 1000


def build_buildings(
    table: pa.Table, terrain: Surface | None, write: Write, progress: Progress | None = None
) -> Layer:
    """Write the whole layer: one glb per tile and the tileset.

    Parameters
    ----------
    table : pyarrow.Table
        Schema :data:`tiles.source.BUILDINGS`.
    terrain : Surface or None
    write : callable
    progress : callable, optional

    Returns
    -------
    Layer
        ``root`` is None where there is nothing to draw.
    """
    blocks = prepare(table, terrain)
    if not len(blocks.eid):
        return Layer(None, 0, list(blocks.notes))
    plan = plan_quadtree(
        blocks.lon, blocks.lat, blocks.size, np.ones(len(blocks.eid)), NODE_FEATURES, LEAF_FEATURES
    )  # fmt: skip
    root = _tile(blocks, plan, write, progress, [0, len(blocks.eid)])
    settle(root)
    tallest = float(blocks.size.max())
    write_explicit(root, write, whole_error=tallest)
    return Layer(root, sum(t.features for t in walk(root)), list(blocks.notes))


def _tile(
    blocks: Blocks, branch: Branch, write: Write, progress: Progress | None, done: list[int]
) -> Tile:
    rows = np.sort(branch.take)
    west, east = blocks.lon[rows].min(), blocks.lon[rows].max()
    south, north = blocks.lat[rows].min(), blocks.lat[rows].max()
    frame = frame_at((west + east) / 2, (south + north) / 2, float(blocks.base[rows].min()))
    glb, low, high = content(blocks, rows, frame)
    name = "{}_{}_{}.glb".format(*branch.cell)
    write(name, glb)
    tile = Tile(
        frame,
        low,
        high,
        branch.omitted,
        "ADD",
        name,
        branch.cell,
        features=len(rows),
    )
    done[0] += len(rows)
    if progress is not None:
        progress(done[0], done[1])
    tile.children = [_tile(blocks, child, write, progress, done) for child in branch.children]
    return tile
