"""What lies below an implicit root, read from its subtrees as a client does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tiles.subtrees import read_subtree
from twin.crs import ecef_to_geographic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Implicit", "outside", "within"]

Floats = NDArray[np.float64]
Cell = tuple[int, int, int]
M_PER_RADIAN = 6_371_000.0


class Implicit:
    """An implicit root; ``tiles`` are the cells that are there, ``faults`` what is wrong with its subtrees."""

    def __init__(self, said: dict[str, Any], template: str) -> None:
        self.template = template
        self.subtrees = str(said["subtrees"]["uri"])
        self.levels = int(said["subtreeLevels"])
        self.available = int(said["availableLevels"])
        self.faults: list[str] = []
        self.tiles: set[Cell] = set()
        if said["subdivisionScheme"] != "QUADTREE" or not 1 <= self.levels <= 10:
            self.faults.append(f"{said['subdivisionScheme']} of {self.levels} levels")

    @staticmethod
    def name(template: str, cell: Cell) -> str:
        """A template filled in."""
        for word, number in zip(("{level}", "{x}", "{y}"), cell, strict=True):
            template = template.replace(word, str(number))
        return template

    def contents(self, folder: Path) -> list[Cell]:
        """Cells with a content, counted from the root."""
        found: list[Cell] = []
        if not self.faults:
            self._walk(folder, (0, 0, 0), found)
        return found

    def _walk(self, folder: Path, root: Cell, found: list[Cell]) -> None:
        name = self.name(self.subtrees, root)
        try:
            tree = read_subtree((folder / name).read_bytes(), self.levels)
        except (OSError, ValueError, KeyError, IndexError, TypeError) as err:
            self.faults.append(f"{name}: {err}")
            return
        level, x, y = root
        if (0, 0, 0) not in tree.tiles:
            self.faults.append(f"{name}: its root is not available")
        there = set(tree.tiles)
        self.tiles |= {(level + k, (x << k) + a, (y << k) + b) for k, a, b in there}
        for k, a, b in tree.tiles:
            if k and (k - 1, a >> 1, b >> 1) not in there:
                self.faults.append(f"{name}: tile {k}/{a}/{b} has no parent")
            if level + k >= self.available:
                self.faults.append(f"{name}: tile {k}/{a}/{b} lies below availableLevels")
        for k, a, b in tree.contents:
            if (k, a, b) not in there:
                self.faults.append(f"{name}: content {k}/{a}/{b} has no tile")
            found.append((level + k, (x << k) + a, (y << k) + b))
        for k, a, b in tree.children:
            self._walk(folder, (level + k, (x << k) + a, (y << k) + b), found)


def within(cell: Cell, above: Cell) -> bool:
    """Whether a cell lies in another."""
    down = cell[0] - above[0]
    return down >= 0 and (cell[1] >> down, cell[2] >> down) == above[1:]


def outside(points: Floats, region: Floats, cell: Cell) -> float:
    """How far the farthest of some points lies outside a cell of a region, metres.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 3)
        ECEF metres.
    region : ndarray of float64, shape (6,)
        West, south, east, north in radians, lowest and highest metres.
    cell : (level, x, y)
    """
    lon, lat, h = ecef_to_geographic(*points.T)
    level, x, y = cell
    west, south, east, north = region[:4]
    width, depth = (east - west) / 2**level, (north - south) / 2**level
    lam, phi = np.deg2rad(lon), np.deg2rad(lat)
    scale = M_PER_RADIAN * np.cos(phi)
    beyond = [
        (west + x * width - lam) * scale,
        (lam - west - (x + 1) * width) * scale,
        (south + y * depth - phi) * M_PER_RADIAN,
        (phi - south - (y + 1) * depth) * M_PER_RADIAN,
        region[4] - h,
        h - region[5],
    ]
    return float(max(b.max() for b in beyond))
