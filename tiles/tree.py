"""The tile tree, apart from how it is written.

A :class:`Tile` holds what every encoding needs: its frame on the earth, the box of its own content,
its children and
the size of what its content leaves out. :func:`settle` derives boxes and errors from the leaves up,
:func:`write_explicit`
writes paged ``tileset.json`` files. A tile keeps its quadtree ``cell`` so that an implicit writer
can address it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = [
    "Tile",
    "boxes_of",
    "corners",
    "document_of",
    "entry_of",
    "settle",
    "settle_over",
    "walk",
    "write_explicit",
]

Matrix = NDArray[np.float64]
PAGE_TILES = 256
"""Tiles a single ``tileset.json`` holds before deeper ones move to a page of their own."""


@dataclass(slots=True)
class Tile:
    """A node of the tree.

    Parameters
    ----------
    frame : ndarray of float64, shape (4, 4)
        Tile-local metres (east, north, up) to ECEF.
    low, high : ndarray of float64, shape (3,)
        Corners of the content's box in the frame; NaN where the tile has no content of its own.
    omitted : float
        Size in metres of the largest thing below this tile that its content does not show; 0 at a
        leaf.
    refine : str
        ``ADD`` or ``REPLACE``.
    content : str
        Path of the content from the tileset's folder, "" where there is none.
    cell : tuple of int, optional
        (level, x, y) in the global quadtree over longitude and latitude, where the tile is one of
        its cells.
    page : str
        Name of the page the tile is the root of, "" where it lies in its parent's.
    implicit : dict, optional
        ``implicitTiling`` of an implicit root; ``content`` is then a template.
    region : list of float, optional
        West, south, east, north (radians), lowest and highest (metres): written in place of the box.
    """

    frame: Matrix
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))
    omitted: float = 0.0
    refine: str = "ADD"
    content: str = ""
    cell: tuple[int, int, int] | None = None
    page: str = ""
    implicit: dict[str, Any] | None = None
    region: list[float] | None = None
    children: list["Tile"] = field(default_factory=list)
    features: int = 0
    box_low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))
    box_high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))


def walk(tile: Tile) -> Iterator[Tile]:
    """The tile and everything below it, parents first."""
    yield tile
    for child in tile.children:
        yield from walk(child)


PICK = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, 8).T == 0


def corners(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """The eight corners of a box, shape (8, 3)."""
    return np.where(PICK, low, high)


def relative(parent: Matrix, child: Matrix) -> Matrix:
    """Transform of a child's frame in its parent's: rigid inverse of the parent times the child."""
    out = np.eye(4)
    if parent is child:
        return out
    rotation = parent[:3, :3].T
    out[:3, :3] = rotation @ child[:3, :3]
    out[:3, 3] = rotation @ (child[:3, 3] - parent[:3, 3])
    return out


def settle(tile: Tile) -> None:
    """Fit the boxes and make the errors fall towards the leaves, in place, leaves first.

    A tile's box holds its own content and the whole boxes of its children; its error is at least
    the largest error among its children, so that it never rises on the way down.
    """
    for child in tile.children:
        settle(child)
    settle_over(tile, tile.children)


def settle_over(tile: Tile, children: list[Tile]) -> None:
    """:func:`settle` of one tile over children that are settled."""
    low, high = [tile.low], [tile.high]
    for child in children:
        if child.frame is tile.frame:
            low.append(child.box_low)
            high.append(child.box_high)
        else:
            matrix = relative(tile.frame, child.frame)
            points = corners(child.box_low, child.box_high) @ matrix[:3, :3].T + matrix[:3, 3]
            low.append(points.min(axis=0))
            high.append(points.max(axis=0))
        tile.omitted = max(tile.omitted, child.omitted)
    # rounded outwards, so that what is written still holds what is inside
    tile.box_low = np.floor(np.fmin.reduce(low) * 1000 - 2) / 1000
    tile.box_high = np.ceil(np.fmax.reduce(high) * 1000 + 2) / 1000


def box_of(low: NDArray[np.float64], high: NDArray[np.float64]) -> list[float]:
    """The 12 numbers of a 3D Tiles box (centre and three half axes)."""
    out = np.zeros(12)
    out[:3] = (low + high) / 2
    out[3::4] = (high - low) / 2
    return [float(v) for v in np.round(out, 6)]


def boxes_of(tile: Tile) -> tuple[list[float], list[float] | None]:
    """(bounding box, content box or None) of a settled tile."""
    low, high = np.floor(tile.low * 1000 - 1) / 1000, np.ceil(tile.high * 1000 + 1) / 1000
    own = box_of(low, high) if tile.content else None
    return box_of(tile.box_low, tile.box_high), own


def write_explicit(
    root: Tile,
    write: Callable[[str, bytes], None],
    whole_error: float,
    page_tiles: int | None = None,
) -> int:
    """Write ``tileset.json`` and, for large trees, further pages.

    Parameters
    ----------
    root : Tile
        A settled tree.
    write : callable
        Takes a path relative to the tileset's folder, and bytes.
    whole_error : float
        Error in metres when nothing of the tileset is shown.
    page_tiles : int
        Tiles one page holds before its deeper subtrees become pages; :data:`PAGE_TILES`.

    Returns
    -------
    int
        Number of JSON files written.
    """
    pages: list[tuple[str, Tile]] = [("tileset.json", root)]
    written = 0
    while pages:
        name, top = pages.pop(0)
        # a page other than the first hangs below a tile that already carries the frame
        parent = np.eye(4) if name == "tileset.json" else top.frame
        later: list[tuple[str, Tile]] = []
        entry = _entry(
            top, parent, _cut(top, page_tiles or PAGE_TILES), later, written + len(pages) + 1
        )
        error = max(whole_error, top.omitted) if name == "tileset.json" else top.omitted
        document = {
            "asset": {"version": "1.1", "generator": "citytwin"},
            "geometricError": _error(error),
            "root": entry,
        }
        write(name, orjson.dumps(document))
        pages += later
        written += 1
    return written


def document_of(root: bytes, error: float) -> bytes:
    """A ``tileset.json`` over the JSON of its root."""
    head = b'{"asset":{"version":"1.1","generator":"citytwin"},"geometricError":'
    return b"".join((head, orjson.dumps(_error(error)), b',"root":', root, b"}"))


def entry_of(tile: Tile, parent: Matrix, *, door: bool = False) -> bytes:
    """JSON of a settled tile and all below it.

    Parameters
    ----------
    tile : Tile
    parent : ndarray of float64, shape (4, 4)
        Frame of the tile above, or of the page.
    door : bool
        Whether it only refers to the tile's page.
    """
    cut = {id(tile)} if door else set()
    return orjson.dumps(_entry(tile, parent, cut, [], 0))


def _cut(top: Tile, page_tiles: int) -> set[int]:
    """Ids of the tiles at which the page ends: breadth first until the page is full."""
    row, seen, cut = [top], 0, set[int]()
    while row:
        seen += len(row)
        row = [c for t in row for c in t.children]
        if row and seen + len(row) > page_tiles:
            return {id(t) for t in row if t.children}
    return cut


def _entry(
    tile: Tile, parent: Matrix, cut: set[int], later: list[tuple[str, Tile]], first: int
) -> dict[str, Any]:
    whole, own = boxes_of(tile)
    entry: dict[str, Any] = {
        "boundingVolume": {"box": whole} if tile.region is None else {"region": tile.region},
        "geometricError": _error(tile.omitted),
        "refine": tile.refine,
    }
    matrix = relative(parent, tile.frame)
    if parent is not tile.frame and not np.array_equal(matrix, np.eye(4)):
        entry["transform"] = [float(v) for v in matrix.T.ravel()]
    if id(tile) in cut:
        name = tile.page or f"page_{first + len(later)}.json"
        later.append((name, tile))
        entry["content"] = {"uri": name}
        return entry
    if tile.content:
        entry["content"] = {"uri": tile.content}
        if own is not None and own != whole and tile.region is None:
            entry["content"] = {"boundingVolume": {"box": own}, "uri": tile.content}
    if tile.implicit is not None:
        entry["implicitTiling"] = tile.implicit
    if tile.children:
        entry["children"] = [_entry(c, tile.frame, cut, later, first) for c in tile.children]
    return entry


def _error(value: float) -> float:
    return round(float(value), 3)
