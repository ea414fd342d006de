"""The layer of point clouds: each cloud an octree of its own, all under one root."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiles.features import Layer, Progress, Write
from tiles.points.colors import Colors
from tiles.points.content import Attributes, content
from tiles.points.gathering import Gathering
from tiles.points.keys import DEPTH, Cube, Rows, cell_of
from tiles.points.octree import FINER, Grown, Show, grow_block, grow_top
from tiles.points.placing import FARTHEST_M, STEP_M, Placing
from tiles.tree import Tile, settle, walk, write_explicit
from twin.cloud.placed import PlacedCloud

__all__ = ["MOST_IN_TILE", "build_points"]

MOST_IN_TILE = 200_000
"""A tile of more points (all in one place, or a volume full of them) is dealt out to several."""


def build_points(
    clouds: Sequence[PlacedCloud], write: Write, progress: Progress | None = None
) -> Layer:
    """Write the whole layer: glb files in a folder per cloud, named by its eid, and the tileset.

    Parameters
    ----------
    clouds : sequence of PlacedCloud
    write : callable
    progress : callable, optional
        Told the points done and all points.

    Returns
    -------
    Layer
        ``root`` is None where there is nothing to draw; a feature is a point.
    """
    total = sum(len(cloud.asset) for cloud in clouds)
    done, notes, roots = 0, [], []
    for cloud in sorted(clouds, key=lambda c: (c.eid, c.asset.path.name)):
        work = _Cloud(cloud, write)
        for n in work.run():
            done += n
            if progress is not None:
                progress(done, total)
        notes += work.notes
        if work.root is not None:
            roots.append((work.root, work.size_m))
    if not roots:
        return Layer(None, 0, notes)
    root = roots[0][0] if len(roots) == 1 else _joined(roots)
    settle(root)
    write_explicit(root, write, whole_error=max(size for _, size in roots))
    return Layer(root, sum(t.features for t in walk(root)), notes)


def _joined(roots: list[tuple[Tile, float]]) -> Tile:
    """A root over several clouds: each is asked for when it is large enough to be seen itself."""
    doors = [Tile(root.frame, omitted=size, children=[root]) for root, size in roots]
    return Tile(roots[0][0].frame, omitted=max(size for _, size in roots), children=doors)


class _Cloud:
    """One cloud on its way into tiles."""

    def __init__(self, cloud: PlacedCloud, write: Write) -> None:
        self.cloud, self.write = cloud, write
        asset = cloud.asset
        self.placing = Placing(cloud)
        self.colors = Colors(asset.meaning, asset.columns)
        columns = asset.chunk(0, ["intensity"]) if "intensity" in asset.columns and asset.n_chunks else None  # fmt: skip
        kind = None if columns is None else columns["intensity"].to_numpy().dtype
        small = kind is not None and kind.kind == "u" and kind.itemsize <= 2
        self.attributes = Attributes(
            classified="classification" in asset.columns,
            intense=kind is not None,
            real=kind is not None and not small,
        )
        self.root: Tile | None = None
        self.size_m = 0.0
        self.notes: list[str] = []

    def run(self) -> Iterator[int]:
        """Make the tiles; tells the points of each chunk."""
        extent = self._extent()
        if extent is None:
            self._note("has no point that has a place")
            yield len(self.cloud.asset)
            return
        low, high = extent
        cube = Cube.around(low, high)
        self.size_m = float(np.linalg.norm(high - low)) * STEP_M
        self.placing.nowhere = 0
        grown: list[Grown] = []
        kept = 0
        with tempfile.TemporaryDirectory(prefix="citytwin-points-") as folder:
            gathering = Gathering(cube, self.placing.boxes, Path(folder))
            show = self._show(cube)
            for k in range(self.cloud.asset.n_chunks):
                rows, read = self._rows(k, low, high)
                kept += len(rows)
                grown += [
                    grow_block(block.taken(), cube, block.level, block.start, show)
                    for block in gathering.add(k, rows)
                ]
                yield read
        self.root = grow_top(grown, cube, show)
        shown = 0 if self.root is None else sum(t.features for t in walk(self.root))
        if shown != kept:
            raise AssertionError(f"{kept} points went in, {shown} came out")
        if self.placing.nowhere:
            self._note(
                f"{self.placing.nowhere} points without a place within {FARTHEST_M / 1000:.0f} km are left out"
            )

    def _note(self, text: str) -> None:
        self.notes.append(f"{self.cloud.name or self.cloud.eid}: {text}")

    def _extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Corners of the box of all points, steps: of the chunks' boxes where they are known."""
        boxes = self.placing.boxes.copy()
        for k in np.flatnonzero(~np.isfinite(boxes).all(axis=1)):
            table = self.cloud.asset.chunk(int(k), "xyz")
            steps, _ = self.placing.chunk(int(k), *(table[c].to_numpy() for c in "xyz"))
            boxes[k] = np.nan
            if len(steps):
                boxes[k] = [*steps.min(axis=0), *steps.max(axis=0)]
        boxes = boxes[np.isfinite(boxes).all(axis=1)]
        if not len(boxes):
            return None
        return boxes[:, :3].min(axis=0), boxes[:, 3:].max(axis=0)

    def _rows(
        self, k: int, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[Rows, int]:
        """Points of a chunk that have a place, and how many there were."""
        extra = [c for c in ("classification", "intensity") if c in self.cloud.asset.columns]
        table = self.cloud.asset.chunk(k, [*"xyz", *self.colors.wanted, *extra])
        columns = {name: table[name].to_numpy() for name in table.column_names}
        steps, kept = self.placing.chunk(k, *(columns[c] for c in "xyz"))
        if kept is not None:
            columns = {name: column[kept] for name, column in columns.items()}
        rows = np.empty((len(steps), 5), np.uint32)
        rows[:, :3] = steps.view(np.uint32)
        classes = np.zeros(len(steps), np.uint8)
        if self.attributes.classified:
            classes = np.clip(columns["classification"], 0, 255).astype(np.uint8)
        height = (steps[:, 2] - low[2]) / max(float(high[2] - low[2]), 1.0)
        rows[:, 3] = self.colors.of(columns, classes, height)
        rows[:, 3] |= classes.astype(np.uint32) << np.uint32(24)
        rows[:, 4] = 0
        if self.attributes.intense:
            values = columns["intensity"]
            if self.attributes.real:
                values = np.nan_to_num(values.astype(np.float32)).view(np.uint32)
            rows[:, 4] = values
        return rows, table.num_rows

    def _show(self, cube: Cube) -> Show:
        """What makes and writes one tile."""

        def show(level: int, start: int, rows: Rows, omitted: float) -> Tile:
            name = "/".join([self.cloud.eid, "_".join(map(str, (level, *cell_of(level, start))))])
            pieces = max(1, -(-len(rows) // MOST_IN_TILE))
            tile = self._tile(f"{name}.glb", rows[::pieces], omitted)
            if pieces > 1:
                raster = cube.edge / (1 << min(level + FINER, DEPTH))
                tile.omitted = max(tile.omitted, raster * STEP_M)
                tile.children += [
                    self._tile(f"{name}_{i}.glb", rows[i::pieces], 0.0) for i in range(1, pieces)
                ]
            return tile

        return show

    def _tile(self, name: str, rows: Rows, omitted: float) -> Tile:
        frame = self.placing.frame
        if not len(rows):
            return Tile(frame, omitted=omitted * STEP_M)
        glb, low, high = content(np.ascontiguousarray(rows), self.attributes)
        self.write(name, glb)
        return Tile(frame, low, high, omitted * STEP_M, "ADD", name, features=len(rows))
