"""Shapes and instances of a model as the workers wrote them, and those of objects that repeat one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.ifc.shapes import Shapes
from loaders.ifc.sharing import Repeats
from twin.schema import MESHES

__all__ = ["ShapeIndex"]

Matrix = NDArray[np.float64]


@dataclass(slots=True)
class ShapeIndex:
    """Instances by row, and where each mesh lies in the files of :class:`loaders.ifc.shapes.Shapes`.

    ``row``: step id → row; ``names``: mesh id of each row; ``matrices``: float64, shape (n, 4, 4), to
    model metres. ``mesh_at``: mesh id → file and row there.
    """

    row: dict[int, int]
    names: list[str]
    matrices: Matrix
    mesh_at: dict[str, tuple[int, int]]
    tables: list[pa.Table]

    @classmethod
    def read(cls, files: list[Path]) -> "ShapeIndex":
        """Memory-map all files and index their rows; a shape that two files hold is taken from the first."""
        row: dict[int, int] = {}
        names: list[str] = []
        parts = [np.zeros(0)]
        mesh_at: dict[str, tuple[int, int]] = {}
        tables = []
        for number, path in enumerate(files):
            source = pa.memory_map(str(path))
            placed = pa.ipc.open_stream(source).read_all()
            meshes = pa.ipc.open_stream(source).read_all()
            parts += [part.values.to_numpy() for part in placed["matrix"].chunks]
            for step in placed["step"].to_pylist():
                row.setdefault(step, len(row))
            names += placed["mesh_id"].to_pylist()
            for at, name in enumerate(meshes["mesh_id"].to_pylist()):
                mesh_at.setdefault(name, (number, at))
            tables.append(meshes)
        return cls(row, names, np.concatenate(parts).reshape(-1, 4, 4), mesh_at, tables)

    def rows(self, steps: list[int]) -> NDArray[np.int64]:
        """Row of each element, -1 where it has no shape."""
        get = self.row.get
        return np.array([get(step, -1) for step in steps], dtype=np.int64)

    def repeat(self, repeats: Repeats, shapes: Shapes) -> list[int]:
        """Place the objects that repeat a shape, or let them fail as their first did.

        Parameters
        ----------
        repeats : Repeats
        shapes : Shapes
            Of the first objects; what became of the repeats is noted there.

        Returns
        -------
        list of int
            Step ids of those that the kernel does not place as the file reads: they are to be shaped.
        """
        first = self.rows(repeats.first.tolist())
        known = np.full((len(first), 4, 4), np.nan)
        known[first >= 0] = self.matrices[first[first >= 0]]
        matrices, fits = repeats.placed(known)
        start = len(self.names)
        taken = np.flatnonzero((first >= 0) & fits)
        for step, model in zip(repeats.step.tolist(), repeats.first.tolist(), strict=True):
            if model in shapes.step:
                shapes.step[step] = shapes.step[model]
            if model in shapes.failed:
                shapes.failed[step] = shapes.failed[model]
        left = [int(step) for step in repeats.step[(first >= 0) & ~fits]]
        for step in left:
            shapes.step.pop(step, None)
        steps = repeats.step[taken].tolist()
        self.row.update(zip(steps, range(start, start + len(steps)), strict=True))
        self.names += [self.names[k] for k in first[taken].tolist()]
        self.matrices = np.concatenate([self.matrices, matrices[taken]])
        return left

    def positions(self, mesh_id: str) -> tuple[Matrix, NDArray[np.uint32]]:
        """Local points (n, 3) and triangles (m, 3) of a mesh."""
        number, row = self.mesh_at[mesh_id]
        table = self.tables[number]
        points = (
            np.frombuffer(table["positions"][row].as_buffer(), "<f4")
            .reshape(-1, 3)
            .astype(np.float64)
        )
        return points, np.frombuffer(table["indices"][row].as_buffer(), "<u4").reshape(-1, 3)

    def meshes(self, names: list[str]) -> pa.Table:
        """Rows of MESHES for mesh ids, by file and row: slices, nothing is copied."""
        rows = np.array(sorted(self.mesh_at[name] for name in names)).reshape(-1, 2)
        breaks = np.flatnonzero((np.diff(rows, axis=0) != (0, 1)).any(axis=1)) + 1
        runs = np.split(rows, breaks) if len(rows) else []
        parts = [self.tables[run[0, 0]].slice(run[0, 1], len(run)) for run in runs]
        return pa.concat_tables(parts) if parts else MESHES.empty_table()
