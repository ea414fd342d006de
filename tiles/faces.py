"""The two faces of one tree: explicit pages with tight boxes, and implicit quadtrees below explicit massing.

Both refer to the same contents. ``tileset.json`` and its ``page_*.json`` name every tile;
``implicit.json`` and its ``implicit_*.json`` name massing, tops and roots of quadtrees, whose subtrees say
what lies below. A root's volume is the region of its district's cell, halved by clients at each level, so
that contents need no box of their own; everything in a cell lies strictly inside of it. All that has
something below is replaced by it (refine REPLACE), and all that is there has a content: a district's massing gives
way to its top and its root, which shows massing of the rest; inner cells show massing, leaves their buildings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tiles.districts import District, Part, file_of, frame_of, name_of
from tiles.massing import BLOCK, content_of, deviation, merged
from tiles.membership import LAST_LEVEL, morton
from tiles.placement import to_local
from tiles.subtrees import LEVELS
from tiles.tree import Tile, page_of, settle, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tiles.features import Write
    from twin.terrain import Surface

__all__ = ["Quarter", "explicit", "implicit", "quarters", "write_faces"]

Floats = NDArray[np.float64]
Cell = tuple[int, int, int]

EARTH_M = 6_371_000.0
PAGE_LEVELS = 4
"""Levels of massing one page holds."""


@dataclass(slots=True)
class Quarter:
    """A cell above districts, where they part: massing of everything below."""

    cell: Cell
    below: list[Quarter | District]
    frame: Floats = field(default_factory=lambda: np.eye(4))
    blocks: NDArray[np.void] = field(default_factory=lambda: np.empty(0, BLOCK))
    box: tuple[Floats, Floats] | None = None
    deviation: float = 0.0


def _key(cell: Cell) -> int:
    """First Morton key of a cell at the last level."""
    own = int(morton(np.array([cell[1]]), np.array([cell[2]]))[0])
    return own << (2 * (LAST_LEVEL - cell[0]))


def quarters(districts: Sequence[District]) -> Quarter | District:
    """The tree above districts (in the order of their Morton keys), without cells that do not branch."""
    if len(districts) == 1:
        return districts[0]
    first, last = _key(districts[0].cell), _key(districts[-1].cell)
    level = min(
        LAST_LEVEL - ((first ^ last).bit_length() + 1) // 2, *(d.cell[0] for d in districts)
    )
    down = districts[0].cell[0] - level
    cell = (level, districts[0].cell[1] >> down, districts[0].cell[2] >> down)
    groups: dict[int, list[District]] = {}
    for d in districts:
        groups.setdefault(_key(d.cell) >> (2 * (LAST_LEVEL - level - 1)), []).append(d)
    return Quarter(cell, [quarters(g) for g in groups.values()])


def mass(node: Quarter | District, terrain: Surface | None, write: Write) -> None:
    """Merge the massing upwards and write it."""
    if isinstance(node, District):
        return
    for below in node.below:
        mass(below, terrain, write)
    node.frame = frame_of(node.cell, terrain)
    node.blocks = merged([b.blocks for b in node.below], node.cell[0])
    node.deviation = deviation(node.blocks)
    glb, low, high = content_of(node.blocks, node.cell, node.frame)
    node.box = low, high
    write(f"massing/{name_of(node.cell)}.glb", glb)


def explicit(district: District) -> Tile:
    """A district with all its tiles."""
    d = district
    own = [d.top] if d.top else []
    tiles = [_tile(d, p) for p in [*own, *d.leaves]]
    # all beside one another: one distance decides for the whole district
    return tiles[0] if d.massing is None else _massed(d, tiles, f"page_{name_of(d.cell)}.json")


def _tile(d: District, part: Part) -> Tile:
    down = part.cell[0]
    cell = (
        d.cell[0] + down,
        (d.cell[1] << down) + part.cell[1],
        (d.cell[2] << down) + part.cell[2],
    )
    name = file_of(d.cell, part.cell)
    return Tile(d.frame, part.low, part.high, 0.0, "ADD", name, cell, features=part.features)


def _massed(d: District, children: list[Tile], page: str) -> Tile:
    assert d.massing is not None  # noqa: S101 - callers have looked
    m, name = d.massing, f"massing/{name_of(d.cell)}.glb"
    tile = Tile(d.frame, m.low, m.high, m.deviation, "REPLACE", name, d.cell, page)
    tile.children = children
    return tile


def implicit(district: District) -> Tile:
    """A district with its top, and a root for everything below."""
    d, folder = district, name_of(district.cell)
    children = [_tile(d, d.top)] if d.top else []
    if d.massing is None:
        return children[0]
    if d.levels:
        region = _region(d)
        low, high = _around(d, region)
        root = Tile(
            d.frame, low, high, d.root_error, "REPLACE", f"{folder}/{{level}}_{{x}}_{{y}}.glb", d.cell,
            implicit={
                "subdivisionScheme": "QUADTREE",
                "subtreeLevels": LEVELS,
                "availableLevels": d.levels,
                "subtrees": {"uri": f"{folder}/{{level}}_{{x}}_{{y}}.subtree"},
            },
            region=region,
        )  # fmt: skip
        children.append(root)
    return _massed(d, children, "")


def _region(d: District) -> list[float]:
    """West, south, east, north of the cell (radians), and whole metres around what stands in it."""
    level, x, y = d.cell
    width = 360.0 / 2**level
    west, south = x * width - 180.0, y * width - 90.0
    sides = np.deg2rad([west, south, west + width, south + width]).tolist()
    return [*sides, float(np.floor(d.span[0])), float(np.ceil(d.span[1]))]


def _around(d: District, region: list[float]) -> tuple[Floats, Floats]:
    """Box in the district's frame around a region, curved as it is."""
    west, south, east, north = np.rad2deg(region[:4])
    lon, lat = np.array([west, east, east, west]), np.array([south, south, north, north])
    points = np.concatenate([to_local(d.frame, lon, lat, np.full(4, h)) for h in region[4:]])
    reach = float(np.hypot(points[:, 0], points[:, 1]).max())
    bulge = reach * reach / (2 * EARTH_M) * 1.1 + 0.1
    return points.min(axis=0) - bulge, points.max(axis=0) + bulge


def write_faces(root: Quarter | District, write: Write) -> tuple[Tile, int]:
    """Write both faces.

    Returns
    -------
    tile : Tile
        The explicit tree, settled.
    pages : int
        Number of JSON files written.
    """
    whole = _tree(root, explicit, "page")
    settle(whole)
    written = _pages(whole, "tileset.json", write)
    twin = _tree(root, implicit, "implicit")
    settle(twin)
    return whole, written + _pages(twin, "implicit.json", write)


def _tree(
    node: Quarter | District, face: Callable[[District], Tile], prefix: str, above: int = -1
) -> Tile:
    if isinstance(node, District):
        return face(node)
    level = node.cell[0]
    low, high = node.box or (np.full(3, np.nan), np.full(3, np.nan))
    name = name_of(node.cell)
    turns = above >= 0 and above // PAGE_LEVELS != level // PAGE_LEVELS
    page = f"{prefix}_{name}.json" if turns else ""
    tile = Tile(
        node.frame, low, high, node.deviation, "REPLACE", f"massing/{name}.glb", node.cell, page
    )
    tile.children = [_tree(b, face, prefix, level) for b in node.below]
    return tile


def _pages(root: Tile, name: str, write: Write) -> int:
    """Write the first page and all others."""
    diagonal = float(np.linalg.norm(root.box_high - root.box_low))
    write(name, page_of(root, whole_error=diagonal))
    others = [t for t in walk(root) if t.page and t is not root]
    for tile in others:
        write(tile.page, page_of(tile))
    return 1 + len(others)
