"""Block massing: what a quarter looks like from afar, a few boxes in place of its buildings.

A cell of the quadtree is cut into :data:`GRID` × :data:`GRID` squares; the buildings of a square (by their middle)
that are of about the same height (:data:`CLASSES_M`) become one :data:`BLOCK`: the box around their
footprints, as high as they are on average over their area. Blocks of a larger cell are merged from
those of the cells in it, four squares to one, and all that is measured on a block (how far roofs lie from
its top, how much of it is empty) can be merged as well, so that no building is looked at twice.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from tiles.blocks import Blocks
from tiles.glb import Column, Packed, feature_elements, write_glb
from tiles.membership import LAST_LEVEL, unmorton
from tiles.meshopt import exponent_for, exponential
from tiles.placement import M_PER_DEGREE, to_local, to_y_up

__all__ = [
    "BLOCK",
    "GRID",
    "blocks_of",
    "content_of",
    "deviation",
    "drawn",
    "merged",
    "square_level",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.void]
Cell = tuple[int, int, int]

GRID_BITS = 4
GRID = 1 << GRID_BITS
CLASSES_M = (10.0, 20.0, 40.0, 80.0)
"""Heights that part the classes."""
STEP_M, COARSEST_STEP_M, FINEST_LEVEL = 0.5, 4.0, 15
"""Tops and bottoms of blocks are multiples of a step, twice as long a level above: an edited storey is not seen from afar."""
WALL, ROOF = (186, 178, 164, 255), (206, 199, 187, 255)
"""Linear RGBA of ordinary walls and roofs."""
FOOT = 0.7
FINEST_STEP = -10
LON, LAT, HEIGHT = [0, 2, 2, 0] * 2, [1, 1, 3, 3] * 2, [4] * 4 + [5] * 4
"""Columns of :func:`drawn` of the eight corners: four below, four above, counter-clockwise from south-west."""
CORNER = np.array(
    [k for i in range(4) for k in (i, (i + 1) % 4, 4 + (i + 1) % 4, 4 + i)] + [4, 5, 6, 7]
)
"""Corners of the four walls and the roof."""


def _paint() -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Normals (glTF axes) and colours of the twenty vertices of a block."""
    side = np.array([[0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=np.float64)
    normals = np.zeros((len(CORNER), 4), np.int8)
    normals[:, :3] = to_y_up(np.repeat(side, 4, axis=0)) * 127
    colors = np.empty((len(CORNER), 4), np.uint8)
    colors[:16], colors[16:] = WALL, ROOF
    dark = CORNER[:16] < 4
    colors[:16][dark, :3] = np.rint(colors[:16][dark, :3] * FOOT).astype(np.uint8)
    return normals, colors


NORMALS, COLORS = _paint()
INDEX = (
    np.array([0, 1, 2, 0, 2, 3], np.uint32) + 4 * np.arange(5, dtype=np.uint32)[:, None]
).ravel()

BLOCK = np.dtype(
    [
        ("key", "<i8"),  # first Morton key of the square at the last level
        ("kind", "<i8"),  # class of height
        ("west", "<f8"), ("south", "<f8"),
        ("bottom", "<f8"), ("low", "<f8"),  # foot and lowest roof, m
        ("east", "<f8"), ("north", "<f8"),
        ("high", "<f8"),  # highest roof, m
        ("area", "<f8"),  # of footprints, m²
        ("volume", "<f8"),  # area times roof height above the ellipsoid
        ("count", "<f8"),
    ]
)  # fmt: skip
LEAST, MOST, SUM = slice(2, 6), slice(6, 9), slice(9, 12)
"""How columns are merged."""


def square_level(level: int) -> int:
    """Level of the squares of a cell's massing."""
    return min(level + GRID_BITS, LAST_LEVEL)


def blocks_of(blocks: Blocks, rows: slice, square: Ints) -> Rows:
    """Blocks of some buildings.

    Parameters
    ----------
    blocks : Blocks
    rows : slice
        Which of them, in an order that depends on nothing but them.
    square : ndarray of int64, shape (m,)
        First Morton key of the square of each.

    Returns
    -------
    ndarray of :data:`BLOCK`
        Sorted by square and class.
    """
    base, top, area = blocks.base[rows], blocks.top[rows], blocks.area[rows]
    out = np.empty(len(top), BLOCK)
    out["key"], out["kind"] = square, np.digitize(top - base, CLASSES_M)
    for i, side in enumerate(("west", "south", "east", "north")):
        out[side] = blocks.box[rows, i]
    out["area"], out["volume"] = area, area * top
    out["bottom"], out["low"], out["high"] = blocks.bottom[rows], top, top
    out["count"] = 1.0
    return _grouped(out)


def merged(parts: list[Rows], level: int) -> Rows:
    """Blocks of a cell from those of what lies in it.

    Parameters
    ----------
    parts : list of ndarray of :data:`BLOCK`
        Always in the same order: sums depend on it.
    level : int
        Level of the cell.
    """
    rows = np.concatenate(parts)
    shift = 2 * (LAST_LEVEL - square_level(level))
    rows["key"] = rows["key"] >> shift << shift
    return _grouped(rows)


def _grouped(rows: Rows) -> Rows:
    """One row for each square and class; the order of equals decides the order of sums."""
    name = rows["key"] * (len(CLASSES_M) + 1) + rows["kind"]
    order = np.argsort(name, kind="stable")
    name = name[order]
    start = np.flatnonzero(np.append(True, name[1:] != name[:-1]))
    numbers = rows.view("<f8").reshape(len(rows), -1)[order]
    out = np.empty((len(start), numbers.shape[1]))
    out[:, :2] = numbers[start, :2]
    out[:, LEAST] = np.minimum.reduceat(numbers[:, LEAST], start, axis=0)
    out[:, MOST] = np.maximum.reduceat(numbers[:, MOST], start, axis=0)
    out[:, SUM] = np.add.reduceat(numbers[:, SUM], start, axis=0)
    return out.view(BLOCK).reshape(-1)


def step_of(level: int) -> float:
    """Step of the tops and bottoms of a cell's massing, metres."""
    return float(min(max(STEP_M, STEP_M * 2.0 ** (FINEST_LEVEL - level)), COARSEST_STEP_M))


def drawn(rows: Rows, level: int) -> Floats:
    """What of the blocks of a cell can be seen: west, south, east, north, bottom, top, count; shape (n, 7)."""
    step = step_of(level)
    top = np.rint(rows["volume"] / rows["area"] / step) * step
    bottom = np.floor(rows["bottom"] / step) * step
    sides = [rows[s] for s in ("west", "south", "east", "north")]
    return np.column_stack([*sides, bottom, np.maximum(top, bottom + STEP_M), rows["count"]])


def seen_digest(rows: Rows, level: int) -> str:
    """Hash of all that a content of these blocks is made of, the cell apart."""
    found = rows["key"].tobytes(), rows["kind"].tobytes(), drawn(rows, level).tobytes()
    return hashlib.sha256(b"".join(found)).hexdigest()[:32]


def deviation(rows: Rows, level: int) -> float:
    """How wrong the blocks of a cell are, metres: the largest error among them.

    A block errs upwards by the roof farthest from its top, and sideways by the radius of a disc as large as
    the part of it that no footprint covers: no point of a compact gap is farther from a building. None
    counts as better than the step of its top.
    """
    top = drawn(rows, level)[:, 5]
    up = np.maximum(rows["high"] - top, top - rows["low"])
    width = (rows["east"] - rows["west"]) * np.cos(np.deg2rad((rows["south"] + rows["north"]) / 2))
    whole = width * (rows["north"] - rows["south"]) * M_PER_DEGREE**2
    aside = np.sqrt(np.maximum(whole - rows["area"], 0.0) / np.pi)
    return max(step_of(level), float(np.hypot(up, aside).max()))


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
    seen = drawn(rows, cell[0])
    n = len(rows)
    lon, lat, h = seen[:, LON].ravel(), seen[:, LAT].ravel(), seen[:, HEIGHT].ravel()
    local = to_local(frame, lon, lat, h)
    exponent = exponent_for(local, FINEST_STEP)
    step = 2.0**exponent
    at = np.rint(to_y_up(local) / step).astype(np.int32)
    low, high = at.min(axis=0) * step, at.max(axis=0) * step
    packed = exponential(at, exponent).reshape(n, 8, 3)[:, CORNER].reshape(-1, 3)
    index = INDEX + np.uint32(len(CORNER)) * np.arange(n, dtype=np.uint32)[:, None]
    mesh = Packed(
        packed, low.tolist(), high.tolist(), np.tile(NORMALS, (n, 1)), np.tile(COLORS, (n, 1)),
        feature_elements(np.repeat(np.arange(n), len(CORNER)), n), index.ravel(), in_sequence=True,
    )  # fmt: skip
    columns = [
        Column("block", "string", _names(rows, square_level(cell[0])), required=True),
        Column("buildings", "float32", seen[:, 6]),
        Column("top_m", "float32", seen[:, 5]),
    ]
    glb = write_glb([mesh], columns, n)
    return glb, np.array([low[0], -high[2], low[1]]), np.array([high[0], -low[2], high[1]])


def _names(rows: Rows, level: int) -> NDArray[np.object_]:
    """``level/x/y/class`` of each block."""
    x, y = unmorton(rows["key"] >> (2 * (LAST_LEVEL - level)))
    where = zip(x.tolist(), y.tolist(), rows["kind"].tolist(), strict=True)
    return np.array([f"{level}/{a}/{b}/{k}" for a, b, k in where], dtype=object)
