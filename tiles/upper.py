"""Everything above the districts of a layer: quarters, pages of both faces, and what a later edit needs of them.

:class:`Upper` is told of districts one after another and keeps no shapes; :meth:`Upper.finish` merges massing upwards
and writes the pages. What it knows can be written down (:func:`upper_bytes`) and taken up again, to renew a chain.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.districts import District, frame_of
from tiles.folder import Signature, signature
from tiles.nodes import (
    FACES,
    Node,
    branches,
    open_doors,
    page_of,
    place_district,
    place_quarter,
    write_page,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tiles.features import Write
    from tiles.nodes import Face
    from tiles.records import Record
    from tiles.tree import Tile
    from twin.terrain import Surface

__all__ = ["Upper", "keep_upper", "take_upper", "upper_bytes"]

Rows = NDArray[np.void]
Cell = tuple[int, int, int]
MOST_BLOCKS = 128
"""Nodes whose blocks stay in memory between edits, some 50 kB each."""


@dataclass(slots=True)
class Upper:
    """Districts of a layer, in order, and the quarters above them.

    Parameters
    ----------
    nodes : list of Node
        All districts along the Morton curve, then quarters, children before parents.
    position : int
        Place in the log of changes it stands at, -1 where there is no log.
    ground : str
        Hash of the terrain and of the format.
    places : str
        What changes when places of buildings are computed anew.
    left_out : int
        Buildings without a box.
    moved : dict
        District (its place in ``nodes``, -1 for none) of buildings by eid, where it is not that of the index.
    records : dict
        Those of the districts edited last, by place in ``nodes``; not written down.
    """

    nodes: list[Node] = field(default_factory=list)
    position: int = -1
    ground: str = ""
    places: str = ""
    left_out: int = 0
    moved: dict[str, int] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    _tiles: dict[int, list[Tile]] = field(default_factory=dict)
    _blocks: dict[int, Rows] = field(default_factory=dict)

    @property
    def districts(self) -> list[Node]:
        """Nodes that are districts."""
        return [n for n in self.nodes if not n.below]

    def add(self, d: District) -> None:
        """The next district along the curve."""
        node = Node(list(d.cell), [])
        tiles = place_district(node, d)
        self.nodes.append(node)
        if tiles:
            self._tiles[len(self.nodes) - 1] = tiles

    def finish(
        self,
        blocks: Callable[[Cell], Rows],
        terrain: Surface | None,
        write: Write,
        keep: Callable[[Node, Rows], None],
    ) -> None:
        """Write massing and pages above the districts.

        Parameters
        ----------
        blocks : callable
            Gives the blocks of a district.
        terrain : Surface or None
        write : callable
        keep : callable
            Takes every quarter and its blocks.
        """
        drawn = {_cell(n): i for i, n in enumerate(self.nodes) if n.features}
        quarters = list(branches(list(drawn)))
        for cell, children in quarters:
            place = drawn[cell] = len(self.nodes)
            frame = frame_of(cell, terrain).ravel().tolist()
            self.nodes.append(Node(list(cell), frame, [drawn[c] for c in children]))
            for c in children:
                self.nodes[drawn[c]].above = place
        for i, tiles in self._tiles.items():
            self._open(i, tiles, write)
        held: dict[Cell, Rows] = {}
        for cell, children in quarters:
            node = self.nodes[drawn[cell]]
            parts = [
                (self.nodes[drawn[c]], held.pop(c) if c in held else blocks(c)) for c in children
            ]
            above = self.nodes[node.above] if node.above >= 0 else None
            held[cell] = place_quarter(node, parts, above, write)
            keep(node, held[cell])
        self._tiles = {}
        for i, node in enumerate(self.nodes):
            if not node.faces:
                continue
            for face in range(len(FACES)):
                if node.above < 0 or (node.below and node.faces[face].page):
                    write_page(self.nodes, i, face, write)

    def renew(
        self,
        changed: dict[int, District],
        blocks: Callable[[Node], Rows],
        write: Write,
        keep: Callable[[Node, Rows], None],
    ) -> None:
        """Write what lies above some districts anew, all of which show something before and after.

        Parameters
        ----------
        changed : dict
            Districts by their place in ``nodes``.
        blocks : callable
            Gives the blocks of any node as they were kept.
        write, keep : callable
            As for :meth:`finish`.
        """
        fresh: dict[int, Rows] = {}
        chain: set[int] = set()
        before = {}
        for i, d in changed.items():
            before[i] = self.nodes[i].faces
            self._open(i, place_district(self.nodes[i], d), write)
            self._hold(i, d.blocks)
            fresh[i] = d.blocks
            while i >= 0:
                chain.add(i)
                i = self.nodes[i].above
        for i in sorted(chain - changed.keys()):
            node = self.nodes[i]
            before[i] = node.faces
            parts = [
                (self.nodes[c], fresh[c] if c in fresh else self._held(c, blocks))
                for c in node.below
            ]
            same = all(
                _shapes(before[c]) == _shapes(self.nodes[c].faces) for c in node.below if c in chain
            )
            above = self.nodes[node.above] if node.above >= 0 else None
            fresh[i] = place_quarter(node, parts, above, write, same=same)
            self._hold(i, fresh[i])
            keep(node, fresh[i])
        self._rewrite(sorted(chain), before, write)

    def _rewrite(self, chain: list[int], before: dict[int, list[Face]], write: Write) -> None:
        """Write the pages of a chain, children first, in which a text is another one than before."""
        for face in range(len(FACES)):
            stale: set[int] = set()
            for i in chain:
                node = self.nodes[i]
                now, then = node.faces[face], before[i][face] if before[i] else None
                starts = node.above < 0 or (node.below and now.page)
                if starts and (now != then or stale.intersection(node.below)):
                    write_page(self.nodes, i, face, write)
                if now != then or (not now.page and stale.intersection(node.below)):
                    stale.add(i)

    def _held(self, i: int, blocks: Callable[[Node], Rows]) -> Rows:
        """Blocks of a node, as they were used last or are kept."""
        if i not in self._blocks:
            self._hold(i, blocks(self.nodes[i]))
        return self._blocks[i]

    def _hold(self, i: int, rows: Rows) -> None:
        self._blocks.pop(i, None)
        self._blocks[i] = rows
        while len(self._blocks) > MOST_BLOCKS:
            self._blocks.pop(next(iter(self._blocks)))

    def _open(self, i: int, tiles: list[Tile], write: Write) -> None:
        """Write the page of a district and what its parent's pages say of it."""
        node = self.nodes[i]
        above = self.nodes[node.above] if node.above >= 0 else None
        open_doors(node, tiles, above)
        if tiles[0].page and above is not None:
            write(tiles[0].page, page_of(tiles[0]))

    def errors(self) -> list[float]:
        """Distinct errors of the explicit face, falling."""
        found: set[float] = set()
        for node in self.nodes:
            found |= set(node.errors)
            if node.below:
                found.add(round(node.faces[0].error, 3))
        return sorted(found, reverse=True)

    def notes(self) -> dict[str, int]:
        """What was assumed or left out, with the number of buildings."""
        found = {"without a polygon, left out": self.left_out} if self.left_out else {}
        for node in self.districts:
            for text, n in node.notes.items():
                found[text] = found.get(text, 0) + n
        return found


def _shapes(faces: list[Face]) -> list[tuple[list[float], list[float], float]]:
    return [f.shape for f in faces]


def _cell(node: Node) -> Cell:
    return node.cell[0], node.cell[1], node.cell[2]


_lock = threading.Lock()
_kept: dict[Signature, Upper] = {}
"""What was written or read last, by the file it is in; taken out while somebody works on it."""
MOST_KEPT = 2


def upper_bytes(upper: Upper) -> bytes:
    """It as it is written down."""
    names = ("position", "ground", "places", "left_out", "moved", "nodes")
    return orjson.dumps({k: getattr(upper, k) for k in names})


def keep_upper(path: Path, upper: Upper) -> None:
    """Keep it by the file it was written to, under this name or another; it is not changed any more."""
    with _lock:
        _kept[signature(path)] = upper
        while len(_kept) > MOST_KEPT:
            _kept.pop(next(iter(_kept)))


def take_upper(path: Path) -> Upper | None:
    """What was written down, for the caller alone; None where there is nothing that can be read."""
    try:
        with _lock:
            found = _kept.pop(signature(path), None)
        if found is not None:
            return found
        said: dict[str, Any] = orjson.loads(path.read_bytes())
        nodes = [Node.read(n) for n in said.pop("nodes")]
        return Upper(nodes, **said)
    except (OSError, ValueError, KeyError, TypeError):
        return None
