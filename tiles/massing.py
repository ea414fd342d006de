"""Block massing: what a quarter looks like from afar, a few boxes in place of its buildings.

A cell of the quadtree is cut into :data:`GRID` × :data:`GRID` squares; the buildings of a square (by their middle)
that are of about the same height (:data:`CLASSES_M`) become one :data:`BLOCK`: the box around their
footprints, as high as they are on average over their area. Blocks of a larger cell are merged from
those of the cells in it, four squares to one, and all that is measured on a block (how far roofs lie from
its top, how much of it is empty) can be merged as well, so that no building is looked at twice.
"""

import numpy as np
from numpy.typing import NDArray

from tiles.blocks import Blocks
from tiles.glb import Column, Primitive, write_glb
from tiles.membership import morton, unmorton
from tiles.placement import M_PER_DEGREE, from_y_up, to_local, to_y_up
from tiles.quadtree import cell_of

__all__ = ["BLOCK", "GRID", "blocks_of", "content_of", "deviation", "drawn", "merged"]

Floats = NDArray[np.float64]
Rows = NDArray[np.void]
Cell = tuple[int, int, int]

GRID_BITS = 4
GRID = 1 << GRID_BITS
CLASSES_M = (10.0, 20.0, 40.0, 80.0)
"""Heights that part the classes."""
STEP_M = 0.5
"""Tops and bottoms of blocks are multiples of it: an edited storey is not seen from afar."""
WALL, ROOF = (186, 178, 164, 255), (206, 199, 187, 255)
"""Linear RGBA of ordinary walls and roofs."""
FOOT = 0.7

BLOCK = np.dtype(
    [
        ("key", "<i8"),  # Morton key of the square at the cell's level + GRID_BITS
        ("kind", "<i8"),  # class of height
        ("west", "<f8"), ("south", "<f8"), ("east", "<f8"), ("north", "<f8"),
        ("area", "<f8"),  # of footprints, m²
        ("volume", "<f8"),  # area times roof height above the ellipsoid
        ("bottom", "<f8"), ("low", "<f8"), ("high", "<f8"),  # foot, lowest and highest roof, m
        ("count", "<f8"),
    ]
)  # fmt: skip
_MERGE = {
    "west": np.minimum, "south": np.minimum, "east": np.maximum, "north": np.maximum, "area": np.add, "volume": np.add,
    "bottom": np.minimum, "low": np.minimum, "high": np.maximum, "count": np.add,
}  # fmt: skip


def blocks_of(blocks: Blocks, level: int) -> Rows:
    """Blocks of the buildings of one cell.

    Parameters
    ----------
    blocks : Blocks
        Sorted by eid.
    level : int
        Level of the cell.

    Returns
    -------
    ndarray of :data:`BLOCK`
        Sorted by square and class.
    """
    x, y = cell_of(blocks.lon, blocks.lat, level + GRID_BITS)
    rows = np.empty(len(blocks.eid), BLOCK)
    rows["key"], rows["kind"] = morton(x, y), np.digitize(blocks.top - blocks.base, CLASSES_M)
    for i, side in enumerate(("west", "south", "east", "north")):
        rows[side] = blocks.box[:, i]
    rows["area"], rows["volume"] = blocks.area, blocks.area * blocks.top
    rows["bottom"], rows["low"], rows["high"] = blocks.bottom, blocks.top, blocks.top
    rows["count"] = 1.0
    return _grouped(rows)


def merged(parts: list[Rows], levels: list[int], level: int) -> Rows:
    """Blocks of a cell from those of the cells in it.

    Parameters
    ----------
    parts : list of ndarray of :data:`BLOCK`
        In the order of the cells along the Morton curve.
    levels : list of int
        Level of each of those cells.
    level : int
        Level of the cell.
    """
    rows = np.concatenate(parts)
    deeper = np.repeat(np.array(levels) - level, [len(p) for p in parts])
    rows["key"] >>= 2 * deeper
    return _grouped(rows)


def _grouped(rows: Rows) -> Rows:
    """One row for each square and class; the order of equals decides the order of sums."""
    rows = rows[np.lexsort((rows["kind"], rows["key"]))]
    edge = (np.diff(rows["key"]) != 0) | (np.diff(rows["kind"]) != 0)
    start = np.flatnonzero(np.append(True, edge))
    out = np.empty(len(start), BLOCK)
    out["key"], out["kind"] = rows["key"][start], rows["kind"][start]
    for name, merge in _MERGE.items():
        out[name] = merge.reduceat(np.ascontiguousarray(rows[name]), start)
    return out


def drawn(rows: Rows) -> Floats:
    """What of the blocks can be seen: west, south, east, north, bottom, top, count; shape (n, 7)."""
    top = np.rint(rows["volume"] / rows["area"] / STEP_M) * STEP_M
    bottom = np.floor(rows["bottom"] / STEP_M) * STEP_M
    sides = [rows[s] for s in ("west", "south", "east", "north")]
    return np.column_stack([*sides, bottom, np.maximum(top, bottom + STEP_M), rows["count"]])


def deviation(rows: Rows) -> float:
    """How wrong the blocks are, metres: the largest error among them.

    A block errs upwards by the roof farthest from its top, and sideways by the radius of a disc as large as
    the part of it that no footprint covers: no point of a compact gap is farther from a building.
    """
    top = drawn(rows)[:, 5]
    up = np.maximum(rows["high"] - top, top - rows["low"])
    width = (rows["east"] - rows["west"]) * np.cos(np.deg2rad((rows["south"] + rows["north"]) / 2))
    whole = width * (rows["north"] - rows["south"]) * M_PER_DEGREE**2
    aside = np.sqrt(np.maximum(whole - rows["area"], 0.0) / np.pi)
    return float(np.hypot(up, aside).max())


def content_of(rows: Rows, cell: Cell, frame: Floats) -> tuple[bytes, Floats, Floats]:
    """The content of the massing of one cell.

    Feature ids are the blocks; ``block`` names the square and the class, ``buildings`` counts what it
    stands for. There is no ``eid``: a block is no entity.

    Returns
    -------
    glb : bytes
    low, high : ndarray of float64, shape (3,)
        Corners of the geometry's box in the frame, metres.
    """
    seen = drawn(rows)
    west, south, east, north, bottom, top, count = seen.T
    n = len(rows)
    lon, lat = np.stack([west, east, east, west], axis=1), np.stack([south, south, north, north], 1)
    foot = to_local(frame, lon.ravel(), lat.ravel(), np.repeat(bottom, 4)).reshape(n, 4, 3)
    roof = to_local(frame, lon.ravel(), lat.ravel(), np.repeat(top, 4)).reshape(n, 4, 3)
    after = [1, 2, 3, 0]
    quads = np.stack([foot, foot[:, after], roof[:, after], roof], axis=2)  # (n, 4 walls, 4, 3)
    points = np.concatenate([quads.reshape(n, 16, 3), roof], axis=1).reshape(-1, 3)
    side = np.array([[0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=np.float64)
    colors = np.empty((20, 4), np.uint8)
    colors[:16], colors[16:] = WALL, ROOF
    dark = np.tile([True, True, False, False], 4)
    colors[:16][dark, :3] = np.rint(colors[:16][dark, :3] * FOOT).astype(np.uint8)
    corner = np.array([0, 1, 2, 0, 2, 3], np.uint32) + 4 * np.arange(5, dtype=np.uint32)[:, None]
    index = corner.ravel() + 20 * np.arange(n, dtype=np.uint32)[:, None]
    primitive = Primitive(
        to_y_up(points).astype(np.float32),
        np.tile(to_y_up(np.repeat(side, 4, axis=0)), (n, 1)),
        np.tile(colors, (n, 1)),
        np.repeat(np.arange(n), 20),
        index.ravel(),
    )
    columns = [
        Column("block", "string", _names(rows, cell[0]), required=True),
        Column("buildings", "float32", count),
        Column("top_m", "float32", top),
    ]
    local = from_y_up(primitive.positions.astype(np.float64))
    return write_glb([primitive], columns, n), local.min(axis=0), local.max(axis=0)


def _names(rows: Rows, level: int) -> NDArray[np.object_]:
    """``level/x/y/class`` of each block."""
    x, y = unmorton(rows["key"])
    where = zip(x.tolist(), y.tolist(), rows["kind"].tolist(), strict=True)
    return np.array([f"{level + GRID_BITS}/{a}/{b}/{k}" for a, b, k in where], dtype=object)
