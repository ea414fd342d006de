"""Points of one block of space together, whatever order they come in, with bounded memory.

Blocks are cells of the octree. A block that grows beyond :data:`MOST` points is cut into its eight
cells; a block that no later chunk reaches into is handed on; where too many points wait, they wait
on disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tiles.points.keys import DEPTH, Cube, Rows, parted

__all__ = ["HELD", "MOST", "Block", "Gathering"]

MOST = 1 << 20
"""Points of one block, except where they cannot be told apart."""
HELD = 1 << 23
"""Points that wait in memory, 20 bytes each."""
DEEPEST = DEPTH - 7
"""Blocks are not cut below this level."""


@dataclass(slots=True)
class Block:
    """A cell of the octree and the points in it: level, first key, the last chunk that reaches into it."""

    level: int
    start: int
    last: int
    parts: list[Rows] = field(default_factory=list)
    held: int = 0
    spilled: int = 0
    path: Path | None = None
    closed: bool = False

    @property
    def count(self) -> int:
        """Its points so far."""
        return self.held + self.spilled

    def add(self, rows: Rows) -> None:
        """Take some points.

        Raises
        ------
        AssertionError
            If the block was handed on: a chunk has points outside its box.
        """
        if self.closed:
            raise AssertionError(f"points came late to cell {self.start:#x} of level {self.level}")
        self.parts.append(rows)
        self.held += len(rows)

    def spill(self, path: Path) -> None:
        """Let its points wait on disk."""
        self.path = path
        with path.open("ab") as file:
            for rows in self.parts:
                rows.tofile(file)
        self.spilled += self.held
        self.parts, self.held = [], 0

    def taken(self) -> Rows:
        """All its points in the order they came; it is empty and closed then."""
        self.closed = True
        parts = self.parts
        if self.path is not None:
            with self.path.open("rb") as file:
                parts = [_read(file), *parts]
            self.path.unlink()
            self.path = None
        self.parts, self.held, self.spilled = [], 0, 0
        return (
            parts[0] if len(parts) == 1 else np.concatenate([np.zeros((0, 5), np.uint32), *parts])
        )


def _read(file: BinaryIO) -> Rows:
    return np.fromfile(file, np.uint32).reshape(-1, 5)


class Gathering:
    """Blocks that wait for their points.

    Parameters
    ----------
    cube : Cube
    boxes : ndarray of float64, shape (n_chunks, 6)
        Where the points of each chunk lie, steps.
    folder : Path
        Where points may wait.
    """

    def __init__(self, cube: Cube, boxes: NDArray[np.float64], folder: Path) -> None:
        self.cube, self.boxes, self.folder = cube, boxes, folder
        self.held = 0
        self._files = 0
        root = Block(0, 0, len(boxes) - 1)
        self._blocks = {0: root}
        self._starts = np.zeros(1, np.uint64)

    def add(self, chunk: int, rows: Rows) -> Iterator[Block]:
        """Take the points of a chunk; gives the blocks that are complete by it, in the order of their keys."""
        keys = self.cube.keys(rows)
        grown = set()
        for part, some in parted(rows, keys, self._starts) if len(rows) else ():
            start = int(self._starts[part])
            self._blocks[start].add(some)
            grown.add(start)
            self.held += len(some)
        for start in sorted(grown):
            self._cut(self._blocks[start])
        if self.held > HELD:
            self._spill()
        yield from self._complete(chunk)

    def _cut(self, block: Block) -> None:
        """Cut a block that is too large into its eight cells, and those again."""
        if block.count <= MOST or block.level >= DEEPEST:
            return
        self.held -= block.held
        rows = block.taken()
        level, width = block.level + 1, 1 << 3 * (DEPTH - 1 - block.level)
        del self._blocks[block.start]
        young = [Block(level, block.start + i * width, -1) for i in range(8)]
        for each in young:
            each.last = self._last(each)
            self._blocks[each.start] = each
        starts = np.array([each.start for each in young], np.uint64)
        for part, some in parted(rows, self.cube.keys(rows), starts):
            young[part].add(some)
            self.held += len(some)
        self._starts = np.array(sorted(self._blocks), np.uint64)
        for each in young:
            self._cut(each)

    def _last(self, block: Block) -> int:
        low, high = self.cube.cell(block.level, block.start)
        reach = (self.boxes[:, :3] <= high) & (self.boxes[:, 3:] >= low)
        found = np.flatnonzero(reach.all(axis=1))
        return int(found[-1]) if len(found) else -1

    def _spill(self) -> None:
        """Put the largest half of what waits on disk."""
        for block in sorted(self._blocks.values(), key=lambda b: (-b.held, b.start)):
            if self.held <= HELD // 2:
                return
            self.held -= block.held
            if block.path is None:
                self._files += 1
            block.spill(block.path or self.folder / str(self._files))

    def _complete(self, chunk: int) -> Iterator[Block]:
        for start in sorted(self._blocks):
            block = self._blocks[start]
            if block.last <= chunk and block.count:
                self.held -= block.held
                yield block
