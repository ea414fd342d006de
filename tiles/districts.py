"""A district: the unit of work of the buildings layer, made from its own buildings alone.

What :func:`make_district` gives depends on nothing but its arguments, so districts can be made in any order,
in any process, again or for the first time, with the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tiles import membership
from tiles.blocks import FACADE, Blocks, content, prepare
from tiles.massing import BLOCK, blocks_of, content_of, deviation
from tiles.membership import LAST_LEVEL, unmorton
from tiles.placement import frame_at
from tiles.subtrees import write_subtrees

if TYPE_CHECKING:
    from tiles.features import Write
    from twin.terrain import Surface

__all__ = [
    "Area",
    "District",
    "Part",
    "area_of",
    "frame_of",
    "make_district",
    "make_part",
    "name_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Cell = tuple[int, int, int]

ORIGIN_STEP_M = 100.0
FACADE_URI = f"../{FACADE}"
"""Contents lie a folder below the layer, which has one picture for all."""


@dataclass(frozen=True, slots=True)
class Area:
    """What one district is made of; arrays belong to the rows of the table.

    Parameters
    ----------
    cell : (level, x, y)
    table : pyarrow.Table
        Schema :data:`tiles.source.BUILDINGS`, sorted by eid.
    key : ndarray of int64, shape (n,)
        Morton keys (:mod:`tiles.membership`).
    tile_level : ndarray of int8, shape (n,)
    size : ndarray of float64, shape (n,)
        Metres.
    """

    cell: Cell
    table: pa.Table
    key: Ints
    tile_level: NDArray[np.int8]
    size: Floats

    @property
    def whole(self) -> bool:
        """Whether the district is one tile."""
        return len(self.key) <= membership.LEAF_FEATURES


def area_of(
    cell: Cell, table: pa.Table, key: Ints, tile_level: NDArray[np.int8], size: Floats
) -> Area:
    """An :class:`Area` from rows in any order."""
    order = pc.sort_indices(table, [("eid", "ascending")])
    rows = order.to_numpy()
    return Area(cell, table.take(order), key[rows], tile_level[rows], size[rows])


@dataclass(frozen=True, slots=True)
class Part:
    """A tile of a district: its cell counted from the district's, what it shows and leaves out.

    ``low``, ``high`` are the corners of the content's box in the frame, NaN where it shows nothing.
    """

    cell: Cell
    features: int
    low: Floats
    high: Floats
    omitted: float


@dataclass(frozen=True, slots=True)
class District:
    """A district as it was made.

    Parameters
    ----------
    parts : list of Part
        The top first, then cells in order of level; every cell above another is there.
    massing : (low, high) or None
        Box of the massing; None where the district is one tile.
    deviation : float
        Error of the massing, metres.
    blocks : ndarray of :data:`tiles.massing.BLOCK`
    span : (lowest, highest)
        Metres above the ellipsoid.
    levels : int
        ``availableLevels`` of its implicit root, 0 where it has none.
    """

    cell: Cell
    frame: Floats
    parts: list[Part]
    massing: tuple[Floats, Floats] | None
    deviation: float
    blocks: NDArray[np.void]
    span: tuple[float, float]
    levels: int
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def features(self) -> int:
        """Buildings that are drawn."""
        return sum(p.features for p in self.parts)

    @property
    def error(self) -> float:
        """Error of the district's own cell, metres: halved at each level below, no tile leaves out more."""
        left_out = [p.omitted * 2.0 ** p.cell[0] for p in self.parts]
        return float(np.ceil(max(self.deviation, *left_out) * 1000) / 1000)


def name_of(cell: Cell) -> str:
    """``level_x_y``."""
    return "{}_{}_{}".format(*cell)


def frame_of(cell: Cell, terrain: Surface | None) -> Floats:
    """Frame of a cell: its middle at the ground there, which no building has a say in."""
    level, x, y = cell
    width = 360.0 / 2**level
    lon, lat = (x + 0.5) * width - 180.0, (y + 0.5) * width - 90.0
    ground = 0.0
    if terrain is not None:
        found = float(np.asarray(terrain.height(np.array([lon]), np.array([lat])))[0])
        ground = round(found / ORIGIN_STEP_M) * ORIGIN_STEP_M if np.isfinite(found) else 0.0
    return frame_at(lon, lat, ground)


def make_district(area: Area, terrain: Surface | None, write: Write) -> District:
    """Write the contents and subtrees of a district.

    Parameters
    ----------
    area : Area
    terrain : Surface or None
    write : callable
        Takes paths relative to the layer.

    Returns
    -------
    District
        Without parts where nothing of it can be drawn.
    """
    blocks, rows = _prepared(area, terrain)
    frame = frame_of(area.cell, terrain)
    notes = _counted(blocks.notes)
    if not len(rows):
        none = np.empty(0, BLOCK)
        return District(area.cell, frame, [], None, 0.0, none, (0.0, 0.0), 0, notes)
    level = area.cell[0]
    folder = name_of(area.cell)
    parts = []
    cells = _cells(area, rows)
    for depth, key in cells:
        mine, left = _mine(area, rows, depth, key)
        low = high = np.full(3, np.nan)
        if len(mine):
            glb, low, high = content(blocks, mine, frame, facade_uri=FACADE_URI)
            write(f"{folder}/{_file(area.cell, depth, key)}.glb", glb)
        parts.append(Part(_local(area.cell, depth, key), len(mine), low, high, left))
    held = [p.cell for p in parts[1:] if p.features]
    levels = 0
    if held:
        levels = write_subtrees(held, lambda c, b: write(f"{folder}/{name_of(c)}.subtree", b))
    squares = blocks_of(blocks, level)
    massing, error = None, 0.0
    if not area.whole:
        glb, low, high = content_of(squares, area.cell, frame)
        write(f"massing/{folder}.glb", glb)
        massing, error = (low, high), deviation(squares)
    span = float(blocks.bottom.min()), float(blocks.top.max())
    return District(area.cell, frame, parts, massing, error, squares, span, levels, notes)


def make_part(area: Area, terrain: Surface | None, part: Cell | None) -> bytes | None:
    """The content of one tile alone, with the bytes :func:`make_district` writes.

    Parameters
    ----------
    area : Area
        Of at least the tile's own buildings.
    part : (level, x, y) or None
        Counted from the district's cell; None for its top.

    Returns
    -------
    bytes or None
        None where there is nothing to show.
    """
    level, x, y = area.cell
    depth = level if part is None else level + part[0]
    at_key = unmorton(area.key >> (2 * (LAST_LEVEL - depth)))
    mine = area.tile_level == depth
    if part is not None:
        mine &= (at_key[0] == (x << part[0]) + part[1]) & (at_key[1] == (y << part[0]) + part[2])
    if not mine.any():
        return None
    rows = np.flatnonzero(mine)
    own = Area(
        area.cell, area.table.take(pa.array(rows)), area.key[rows], area.tile_level[rows],
        area.size[rows],
    )  # fmt: skip
    blocks, found = _prepared(own, terrain)
    if not len(found):
        return None
    frame = frame_of(area.cell, terrain)
    return content(blocks, np.arange(len(found)), frame, facade_uri=FACADE_URI)[0]


def _prepared(area: Area, terrain: Surface | None) -> tuple[Blocks, Ints]:
    """Blocks of what can be drawn, and the row of the area each stands in."""
    blocks = prepare(area.table, terrain)
    rows = np.arange(len(area.key))
    if len(blocks.eid) < len(rows):
        drawn = pc.is_in(area.table["eid"], pa.array(blocks.eid.tolist(), pa.string()))
        rows = np.flatnonzero(drawn.to_numpy())
    return blocks, rows


def _cells(area: Area, rows: Ints) -> list[tuple[int, int]]:
    """(level, key) of every tile: the district's own, then the others and all cells above them."""
    level = area.cell[0]
    key, depth = area.key[rows], area.tile_level[rows].astype(np.int64)
    found = {(level, int(key[0]) >> (2 * (LAST_LEVEL - level)))}
    for deep in np.unique(depth[depth > level]).tolist():
        for k in np.unique(key[depth == deep] >> (2 * (LAST_LEVEL - deep))).tolist():
            found |= {(deep - i, k >> (2 * i)) for i in range(deep - level)}
    return sorted(found)


def _mine(area: Area, rows: Ints, depth: int, key: int) -> tuple[Ints, float]:
    """Buildings of one tile, and the size of the largest of those below it."""
    inside = (area.key[rows] >> (2 * (LAST_LEVEL - depth))) == key
    level = area.tile_level[rows]
    below = inside & (level > depth)
    left = float(area.size[rows][below].max()) if below.any() else 0.0
    return np.flatnonzero(inside & (level == depth)), left


def _local(cell: Cell, depth: int, key: int) -> Cell:
    """Cell of a tile counted from the district's."""
    x, y = unmorton(np.array([key]))
    down = depth - cell[0]
    return down, int(x[0]) - (cell[1] << down), int(y[0]) - (cell[2] << down)


def _file(cell: Cell, depth: int, key: int) -> str:
    return "top" if depth == cell[0] else name_of(_local(cell, depth, key))


def _counted(notes: tuple[str, ...]) -> dict[str, int]:
    """Notes by what they say, with the number they begin with."""
    split = (re.match(r"(\d+) (.*)", n) for n in notes)
    return {m[2]: int(m[1]) for m in split if m}
