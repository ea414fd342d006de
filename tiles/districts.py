"""A district: the unit of work of the buildings layer, made from its own buildings alone.

What :func:`make_district` gives depends on nothing but its arguments, so districts can be made in any order,
in any process, again or for the first time, with the same bytes. The same holds for each of its tiles
(:func:`make_parts`), so that an edit makes those it touches and takes the others as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tiles import membership
from tiles.blocks import FACADE, content, prepare
from tiles.eids import eid_words
from tiles.massing import BLOCK, blocks_of, content_of, deviation, merged, seen_digest, square_level
from tiles.membership import LAST_LEVEL, unmorton
from tiles.placement import frame_at
from tiles.subtrees import write_subtrees

if TYPE_CHECKING:
    from collections.abc import Callable

    from tiles.features import Write
    from twin.terrain import Surface

__all__ = [
    "MEMBER", "Area", "District", "Massing", "Part", "area_of", "assembled", "cell_within", "file_of", "frame_of",
    "make_district", "make_part", "make_parts", "massing_of", "name_of",
    "sorted_members", "tile_keys",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.void]
Cell = tuple[int, int, int]

ORIGIN_STEP_M = 100.0
FACADE_URI = f"../{FACADE}"
"""Contents lie a folder below the layer, which has one picture for all."""


MEMBER = np.dtype(
    [
        ("high", "<u8"), ("low", "<u8"),  # eid
        ("key", "<i8"),  # Morton key
        ("row", "<i8"), ("thing", "<i8"), ("base_z", "<f8"),  # as in outlines
        ("inside", "i1"), ("level", "i1"),  # deepest cell that holds it, cell of its tile
    ]
)  # fmt: skip
"""A building of a district and its place there."""


@dataclass(frozen=True, slots=True)
class Area:
    """What a district, or some of its tiles, is made of.

    Parameters
    ----------
    cell : (level, x, y)
    table : pyarrow.Table
        Schema :data:`tiles.source.BUILDINGS`; the top first, then tiles by level and key, each sorted by eid.
    members : ndarray of :data:`MEMBER`, shape (n,)
        As the rows of the table.
    """

    cell: Cell
    table: pa.Table
    members: Rows

    @property
    def starts(self) -> Ints:
        """Where each tile begins, and the end."""
        tile = tile_keys(self.members)
        edge = (np.diff(tile) != 0) | (np.diff(self.members["level"]) != 0)
        return np.concatenate([[0], np.flatnonzero(edge) + 1, [len(tile)]]).astype(np.int64)


def area_of(cell: Cell, table: pa.Table, members: Rows) -> Area:
    """An :class:`Area` from rows in any order; the eids of ``members`` are filled in."""
    words = eid_words(table["eid"])
    members["high"], members["low"] = words["high"], words["low"]
    order = sorted_members(members)
    return Area(cell, table.take(pa.array(order)), members[order])


def sorted_members(members: Rows) -> Ints:
    """The order of an area's rows."""
    found = (members["low"], members["high"], tile_keys(members), members["level"])
    return np.lexsort(found).astype(np.int64)


def tile_keys(members: Rows) -> Ints:
    """Morton key of the tile of each, at the tile's level."""
    shift = 2 * (LAST_LEVEL - members["level"].astype(np.int64))
    return np.asarray(members["key"] >> shift)


@dataclass(slots=True)
class Part:
    """A tile of buildings.

    Parameters
    ----------
    cell : (level, x, y)
        Counted from the district's, which is the top's.
    rows, features : int
        Buildings that belong to it, and those of them that can be drawn.
    digest : str
        Hash of what it was made of, "" where nobody asked for one.
    low, high : ndarray of float64, shape (3,)
        Corners of the content's box in the district's frame, metres; NaN where it shows nothing.
    span : (lowest, highest)
        Metres above the ellipsoid.
    blocks : ndarray of :data:`tiles.massing.BLOCK`
        What it gives to the massing of the cell above.
    notes : dict
        Number of buildings by what was assumed or left out.
    """

    cell: Cell
    rows: int
    features: int
    digest: str
    low: Floats
    high: Floats
    span: tuple[float, float]
    blocks: Rows
    notes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Massing:
    """Massing of a cell: box in its frame and error, metres, and the hash of what is seen.

    The cell is counted from its district's, whose frame it has, or is one above districts with a frame of its own.
    """

    cell: Cell
    low: Floats
    high: Floats
    deviation: float
    seen: str


def massing_of(
    blocks: Rows,
    cell: Cell,
    own: Cell,
    frame: Floats,
    put: Callable[[bytes], None],
    old: Massing | None = None,
) -> Massing:
    """Write the massing of some blocks, unless an older one looks the same.

    Parameters
    ----------
    blocks : ndarray of :data:`tiles.massing.BLOCK`
    cell : (level, x, y)
    own : (level, x, y)
        What the massing is called by.
    frame : ndarray of float64, shape (4, 4)
    put : callable
        Takes the content.
    old : Massing, optional
        Of the same cell; its file is there.
    """
    seen, error = seen_digest(blocks, cell[0]), deviation(blocks, cell[0])
    if old is not None and old.seen == seen:
        return Massing(own, old.low, old.high, error, seen)
    glb, low, high = content_of(blocks, cell, frame)
    put(glb)
    return Massing(own, low, high, error, seen)


@dataclass(frozen=True, slots=True)
class District:
    """A district as it was made.

    Parameters
    ----------
    parts : list of Part
        The top first, where it has any; then leaves in order of level and key.
    massing : Massing or None
        Of everything; None where the district is one tile or empty.
    inner : list of Massing
        Of the cells above leaves, the district's own first: there without what the top shows.
    blocks : ndarray of :data:`tiles.massing.BLOCK`
        Of everything.
    """

    cell: Cell
    frame: Floats
    parts: list[Part]
    massing: Massing | None
    inner: list[Massing]
    blocks: Rows

    @property
    def features(self) -> int:
        """Buildings that are drawn."""
        return sum(p.features for p in self.parts)

    @property
    def top(self) -> Part | None:
        """What it shows of the top."""
        first = self.parts[0] if self.parts else None
        return first if first is not None and first.cell[0] == 0 and first.features else None

    @property
    def leaves(self) -> list[Part]:
        """Tiles of cells that show something."""
        return [p for p in self.parts if p.cell[0] and p.features]

    @property
    def cells(self) -> set[Cell]:
        """What its subtrees have."""
        return {p.cell for p in self.leaves} | {m.cell for m in self.inner}

    @property
    def levels(self) -> int:
        """``availableLevels`` of its implicit root, 0 where it has none."""
        return 1 + max((p.cell[0] for p in self.leaves), default=-1)

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest of what the leaves show, metres above the ellipsoid."""
        spans = [p.span for p in self.leaves]
        return min(s[0] for s in spans), max(s[1] for s in spans)

    @property
    def root_error(self) -> float:
        """Error of its implicit root, metres: halved at each level, no massing is worse than it says."""
        worst = max((m.deviation * 2.0 ** m.cell[0] for m in self.inner), default=0.0)
        return float(np.ceil(worst * 1000) / 1000)

    @property
    def notes(self) -> dict[str, int]:
        """Those of all parts."""
        found: dict[str, int] = {}
        for part in self.parts:
            for text, n in part.notes.items():
                found[text] = found.get(text, 0) + n
        return found


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
        Of all of its buildings.
    terrain : Surface or None
    write : callable
        Takes paths relative to the layer.
    """
    return assembled(area.cell, make_parts(area, terrain, write), terrain, write)


def make_parts(area: Area, terrain: Surface | None, write: Write) -> list[Part]:
    """Write the contents of the tiles of an area.

    Parameters
    ----------
    area : Area
    terrain : Surface or None
    write : callable

    Returns
    -------
    list of Part
        One for each tile, in order, also where it shows nothing.
    """
    blocks = prepare(area.table, terrain, ordered=True)
    frame, starts = frame_of(area.cell, terrain), area.starts
    drawn = np.searchsorted(blocks.row, starts)
    square = _squares(area)[blocks.row]
    noted = {text: np.diff(np.searchsorted(rows, starts)) for text, rows in blocks.noted.items()}
    parts = []
    for i, start in enumerate(starts[:-1].tolist()):
        cell = cell_within(area.cell, area.members[start])
        own = slice(int(drawn[i]), int(drawn[i + 1]))
        low = high = np.full(3, np.nan)
        span, squares = (0.0, 0.0), np.empty(0, BLOCK)
        if own.stop > own.start:
            rows = np.arange(own.start, own.stop)
            glb, low, high = content(blocks, rows, frame, facade_uri=FACADE_URI)
            write(file_of(area.cell, cell), glb)
            span = float(blocks.bottom[own].min()), float(blocks.top[own].max())
            squares = blocks_of(blocks, own, square[own])
        notes = {text: int(n[i]) for text, n in noted.items() if n[i]}
        count = int(starts[i + 1] - start)
        parts.append(Part(cell, count, own.stop - own.start, "", low, high, span, squares, notes))
    return parts


def _squares(area: Area) -> Ints:
    """First key of the square each building is counted in: one of the cell above its leaf."""
    own = area.cell[0]
    above = np.maximum(area.members["level"].astype(np.int64) - 1, own)
    level = np.array([square_level(k) for k in range(LAST_LEVEL + 1)])[above]
    shift = 2 * (LAST_LEVEL - level)
    return np.asarray(area.members["key"] >> shift << shift)


def assembled(
    cell: Cell,
    parts: list[Part],
    terrain: Surface | None,
    write: Write,
    old: District | None = None,
) -> District:
    """A district from its tiles: massing and subtrees are written.

    Parameters
    ----------
    cell : (level, x, y)
    parts : list of Part
        All of them, in any order.
    terrain : Surface or None
    write : callable
    old : District, optional
        As it was; massing that looks the same and subtrees that say the same are not written.
    """
    parts = sorted(parts, key=_place)
    frame, folder = frame_of(cell, terrain), name_of(cell)
    drawn = [p for p in parts if p.features]
    if not drawn:
        return District(cell, frame, parts, None, [], np.empty(0, BLOCK))
    if len(parts) == 1 and not parts[0].cell[0] and parts[0].rows <= membership.LEAF_FEATURES:
        return District(cell, frame, parts, None, [], parts[0].blocks)
    below = {p.cell: p.blocks for p in drawn if p.cell[0]}
    inner = _inner(cell, below, frame, write, {m.cell: m for m in old.inner} if old else {})
    found = [p.cell for p in drawn if p.cell[0]] + [m.cell for m in inner]
    if inner and (old is None or set(found) != old.cells):
        write_subtrees(found, lambda c, b: write(f"{folder}/{name_of(c)}.subtree", b))
    top = [p.blocks for p in drawn if not p.cell[0]]
    rest = [below[0, 0, 0]] if inner else []
    blocks = merged(top + rest, cell[0]) if top else rest[0]
    massing = massing_of(
        blocks, cell, (0, 0, 0), frame, lambda b: write(f"massing/{folder}.glb", b),
        old.massing if old else None,
    )  # fmt: skip
    return District(cell, frame, parts, massing, inner, blocks)


def _inner(
    cell: Cell, blocks: dict[Cell, Rows], frame: Floats, write: Write, old: dict[Cell, Massing]
) -> list[Massing]:
    """Write the massing of all cells above leaves; their blocks are added to those of the leaves."""
    deepest = max((c[0] for c in blocks), default=0)
    made = []
    for level in range(deepest - 1, -1, -1):
        above: dict[Cell, list[Cell]] = {}
        for c in sorted((c for c in blocks if c[0] == level + 1), key=_morton):
            above.setdefault((level, c[1] >> 1, c[2] >> 1), []).append(c)
        for c, children in above.items():
            blocks[c] = merged([blocks[b] for b in children], cell[0] + level)
            own = cell[0] + level, (cell[1] << level) + c[1], (cell[2] << level) + c[2]
            name = f"{name_of(cell)}/{name_of(c)}.glb"
            made.append(massing_of(blocks[c], own, c, frame, partial(write, name), old.get(c)))
    return sorted(made, key=lambda m: (m.cell[0], _morton(m.cell)))


def make_part(area: Area, terrain: Surface | None) -> bytes | None:
    """The content of one tile alone, with the bytes :func:`make_district` writes.

    Parameters
    ----------
    area : Area
        Of the tile's own buildings.

    Returns
    -------
    bytes or None
        None where there is nothing to show.
    """
    if not len(area.members):
        return None
    blocks = prepare(area.table, terrain, ordered=True)
    if not len(blocks):
        return None
    frame = frame_of(area.cell, terrain)
    return content(blocks, np.arange(len(blocks)), frame, facade_uri=FACADE_URI)[0]


def _morton(cell: Cell) -> int:
    return int(membership.morton(np.array([cell[1]]), np.array([cell[2]]))[0])


def _place(part: Part) -> tuple[int, int]:
    return part.cell[0], _morton(part.cell)


def cell_within(cell: Cell, member: np.void) -> Cell:
    """Cell of a building's tile counted from the district's."""
    depth = int(member["level"])
    x, y = unmorton(np.array([int(member["key"]) >> (2 * (LAST_LEVEL - depth))]))
    down = depth - cell[0]
    return down, int(x[0]) - (cell[1] << down), int(y[0]) - (cell[2] << down)


def file_of(cell: Cell, part: Cell) -> str:
    """Path of a tile's content."""
    return f"{name_of(cell)}/{name_of(part) if part[0] else 'top'}.glb"
