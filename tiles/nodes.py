"""The tree above districts as it is kept: boxes, errors and JSON of every node, so that a change costs its chain.

A node is a district, or a cell above districts where they part (a *quarter*), with the massing of everything below.
Nodes stand in a list, children before their parent; each keeps the text it contributes to the page it lies in, for both
faces (:mod:`tiles.faces`), and pages are put together from those texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tiles.districts import District, Massing, massing_of
from tiles.faces import explicit, implicit
from tiles.massing import merged
from tiles.membership import LAST_LEVEL, morton
from tiles.tree import Tile, document_of, entry_of, settle, settle_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tiles.features import Write

__all__ = [
    "FACES", "Face", "Node", "branches", "open_doors", "page_of", "place_district", "place_quarter", "write_page",
]  # fmt: skip

Floats = NDArray[np.float64]
Rows = NDArray[np.void]
Cell = tuple[int, int, int]

PAGE_LEVELS = 4
"""Levels of massing one page holds."""
FACES = (("page", "tileset.json", explicit), ("implicit", "implicit.json", implicit))
"""Prefix of pages, the first page, and how a district is shown."""


@dataclass(slots=True)
class Face:
    """A node in one face.

    Parameters
    ----------
    low, high : list of float
        Its box in its frame, metres.
    error : float
        Metres.
    page : str
        The page it begins, "" where it lies in its parent's.
    door : str
        JSON of its tile in its parent's page, without the closing brace where tiles below follow.
    own : str
        The same at the beginning of its own page.
    """

    low: list[float]
    high: list[float]
    error: float
    page: str = ""
    door: str = ""
    own: str = ""

    @property
    def shape(self) -> tuple[list[float], list[float], float]:
        """What a parent's box and error depend on."""
        return self.low, self.high, self.error


@dataclass(slots=True)
class Node:
    """A district or a quarter.

    Parameters
    ----------
    cell : (level, x, y)
    frame : list of float
        4 × 4, local → ECEF, row by row.
    below : list of int
        Places of its children in the list; a district has none.
    above : int
        Place of its parent, -1 for the root.
    massing : list or None
        Low, high, deviation and hash of a quarter's massing.
    rows, features : int
        Buildings of a district, and those that are drawn.
    notes : dict
        Of a district.
    errors : list of float
        All errors of a district's tiles in the explicit face.
    faces : list of Face
        As :data:`FACES`; empty for a district that shows nothing, which has no place in the tree.
    """

    cell: list[int]
    frame: list[float]
    below: list[int] = field(default_factory=list)
    above: int = -1
    massing: list[Any] | None = None
    rows: int = 0
    features: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    errors: list[float] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)

    @classmethod
    def read(cls, said: dict[str, Any]) -> Node:
        """From what JSON gives back."""
        node = cls(**said)
        node.faces = [Face(**f) for f in said["faces"]]
        return node

    @property
    def name(self) -> str:
        """``level_x_y``."""
        return "{}_{}_{}".format(*self.cell)

    @property
    def matrix(self) -> Floats:
        """Frame, shape (4, 4)."""
        return np.array(self.frame).reshape(4, 4)


def _key(cell: Sequence[int]) -> int:
    """First Morton key of a cell at the last level."""
    own = int(morton(np.array([cell[1]]), np.array([cell[2]]))[0])
    return own << (2 * (LAST_LEVEL - cell[0]))


def branches(cells: Sequence[Cell]) -> Iterator[tuple[Cell, list[Cell]]]:
    """Quarters above some districts (along the Morton curve), each after those below it, with their children.

    Cells that do not branch are left out.
    """
    keys = [_key(c) for c in cells]

    def visit(first: int, last: int) -> Iterator[tuple[Cell, list[Cell]]]:
        """Branches above districts ``first`` to ``last``; the root of them comes last."""
        apart = LAST_LEVEL - ((keys[first] ^ keys[last - 1]).bit_length() + 1) // 2
        level = min(apart, *(c[0] for c in cells[first:last]))
        down = cells[first][0] - level
        cell = level, cells[first][1] >> down, cells[first][2] >> down
        shift = 2 * (LAST_LEVEL - level - 1)
        starts = [
            i for i in range(first, last) if i == first or keys[i] >> shift != keys[i - 1] >> shift
        ]
        children = []
        for a, b in zip(starts, [*starts[1:], last], strict=True):
            if b - a == 1:
                children.append(cells[a])
            else:
                found = list(visit(a, b))
                yield from found
                children.append(found[-1][0])
        yield cell, children

    if len(cells) > 1:
        yield from visit(0, len(cells))


def place_district(node: Node, d: District) -> list[Tile]:
    """Fill in what a district gives to its node.

    Returns
    -------
    list of Tile
        As it is shown in each of :data:`FACES`, settled; none where nothing is.
    """
    node.frame = d.frame.ravel().tolist()
    node.features, node.notes = d.features, d.notes
    node.rows = sum(p.rows for p in d.parts)
    node.faces, node.errors = [], []
    tiles = [show(d) for _, _, show in FACES] if d.features else []
    for tile in tiles:
        settle(tile)
        node.faces.append(
            Face(tile.box_low.tolist(), tile.box_high.tolist(), tile.omitted, tile.page)
        )
    if tiles:
        node.errors = sorted({round(tiles[0].omitted, 3), 0.0})
    return tiles


def page_of(tile: Tile) -> bytes:
    """The page that a settled tile begins."""
    return document_of(entry_of(tile, tile.frame), tile.omitted)


def open_doors(node: Node, tiles: list[Tile], above: Node | None) -> None:
    """What a district contributes to its parent's pages; ``tiles`` as :func:`place_district` gives them."""
    parent = np.eye(4) if above is None else above.matrix
    for f, tile in zip(node.faces, tiles, strict=True):
        f.door = entry_of(tile, parent, door=bool(tile.page) and above is not None).decode()


def place_quarter(
    node: Node,
    children: list[tuple[Node, Rows]],
    above: Node | None,
    write: Write,
    *,
    same: bool = False,
) -> Rows:
    """Merge the massing of a quarter, write it unless it looks as before, fit boxes and errors, and write its texts.

    Parameters
    ----------
    node : Node
        It has its frame; its ``massing`` is that of before, None if there was none.
    children : list of (Node, blocks)
        In the order of their keys.
    above : Node or None
        Its parent, which has its frame.
    write : callable
    same : bool
        Whether boxes and errors of the children are those of before: where the massing has its box and error as well,
        ``faces`` stay.

    Returns
    -------
    ndarray of :data:`tiles.massing.BLOCK`
    """
    level, x, y = node.cell
    cell = level, x, y
    frame = node.matrix
    blocks = merged([rows for _, rows in children], level)
    old = None
    if node.massing is not None:
        low, high, error, seen = node.massing
        old = Massing(cell, np.array(low), np.array(high), error, seen)
    name = f"massing/{node.name}.glb"
    made = massing_of(blocks, cell, cell, frame, lambda b: write(name, b), old)
    before = node.massing
    node.massing = [made.low.tolist(), made.high.tolist(), made.deviation, made.seen]
    if same and before is not None and before[:3] == node.massing[:3]:
        return blocks
    node.faces = [Face([], [], made.deviation) for _ in FACES]
    turns = above is not None and above.cell[0] // PAGE_LEVELS != level // PAGE_LEVELS
    parent = np.eye(4) if above is None else above.matrix
    for i, f in enumerate(node.faces):
        f.page = f"{FACES[i][0]}_{node.name}.json" if turns else ""
        tile = _tile(node, i)
        settle_over(tile, [_tile(c, i) for c, _ in children])
        f.low, f.high, f.error = tile.box_low.tolist(), tile.box_high.tolist(), tile.omitted
        f.door = entry_of(tile, parent, door=turns).decode()
        if turns:
            f.own = entry_of(tile, tile.frame).decode()[:-1]
        else:
            f.door = f.door[:-1]
    return blocks


def _tile(node: Node, face: int) -> Tile:
    """A node as a tile without children."""
    f = node.faces[face]
    cell = node.cell[0], node.cell[1], node.cell[2]
    tile = Tile(node.matrix, omitted=f.error, refine="REPLACE", cell=cell, page=f.page)
    if node.massing is not None:
        tile.low, tile.high = np.array(node.massing[0]), np.array(node.massing[1])
        tile.content = f"massing/{node.name}.glb"
    if f.low:
        tile.box_low, tile.box_high = np.array(f.low), np.array(f.high)
    return tile


def write_page(nodes: list[Node], place: int, face: int, write: Write) -> None:
    """Write the page a node begins.

    Parameters
    ----------
    nodes : list of Node
    place : int
        Of the node in the list.
    face : int
        Number in :data:`FACES`.
    write : callable
    """
    node = nodes[place]
    f = node.faces[face]
    text: list[str] = []
    _gather(nodes, place, face, text, first=True)
    name, error = f.page, f.error
    if node.above < 0:
        name = FACES[face][1]
        error = max(error, float(np.linalg.norm(np.subtract(f.high, f.low))))
    write(name, document_of("".join(text).encode(), error))


def _gather(nodes: list[Node], place: int, face: int, text: list[str], *, first: bool) -> None:
    node = nodes[place]
    f = node.faces[face]
    if not node.below or (f.page and not first):
        text.append(f.door)
        return
    text.append(f.own or f.door)
    text.append(',"children":[')
    for i, child in enumerate(node.below):
        if i:
            text.append(",")
        _gather(nodes, child, face, text, first=False)
    text.append("]}")
