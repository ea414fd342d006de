"""The child process that turns IFC shapes into triangles: a poisoned element can only kill this process.

Started as ``python -m loaders.ifc.child FILE FOLDER``. Reads one job per line from standard input
(``{"mode": "batch" | "single" | "plain", "ids": [...], "out": name}``), writes an Arrow file per job into FOLDER and
answers one JSON line per job on standard output.
"""

import contextlib
import sys
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from loaders.ifc.opening import open_model
from loaders.meshing import Mesh, mesh_table, shaded

__all__ = ["INSTANCES", "main"]

THREADS = 2
FAR = 5_000.0
"""Shapes whose vertices lie farther than this from their origin (metres) get an origin of their own."""
INSTANCES = pa.schema(
    [("step", pa.int64()), ("mesh_id", pa.string()), ("matrix", pa.list_(pa.float64(), 16))]
)


def _settings(plain: bool) -> Any:  # noqa: ANN401 (ifcopenshell, untyped)
    settings = ifcopenshell.geom.settings()  # type: ignore[no-untyped-call]  # no stubs
    settings.set("weld-vertices", True)
    settings.set("no-normals", True)
    settings.set("mesher-linear-deflection", 0.005)
    if plain:
        settings.set("disable-opening-subtractions", True)
    return settings


def _colors(geometry: Any, faces: int) -> NDArray[np.uint8]:  # noqa: ANN401
    """RGBA of each triangle from its style; light grey without one."""
    palette = []
    for style in geometry.materials:
        rgb = [style.diffuse.r(), style.diffuse.g(), style.diffuse.b()]
        clear = style.transparency if style.has_transparency() else 0.0
        clear = clear if np.isfinite(clear) else 0.0
        palette.append(
            [*np.clip(np.nan_to_num(rgb, nan=0.8), 0, 1), 1.0 - min(max(clear, 0.0), 0.95)]
        )
    palette.append([0.8, 0.8, 0.8, 1.0])
    ids = np.frombuffer(geometry.material_ids_buffer, np.int32)
    ids = np.full(faces, -1, np.int32) if len(ids) != faces else ids
    table = np.rint(np.array(palette) * 255).astype(np.uint8)
    chosen: NDArray[np.uint8] = table[np.where((ids < 0) | (ids >= len(palette) - 1), -1, ids)]
    return chosen


class _Collector:
    """Shapes and instances of one job; a shape is converted once in the life of the process."""

    def __init__(self) -> None:
        self._known: dict[str, NDArray[np.float64] | None] = {}
        self.start()

    def start(self) -> None:
        self.meshes: list[Mesh] = []
        self.steps: list[int] = []
        self.empty: list[int] = []
        self.names: list[str] = []
        self.matrices: list[NDArray[np.float64]] = []

    def add(self, shape: Any) -> None:  # noqa: ANN401 (ifcopenshell, untyped)
        geometry = shape.geometry
        name = str(geometry.id)
        if name not in self._known:
            self._known[name] = self._convert(name, geometry)
        shift = self._known[name]
        if shift is None:
            self.empty.append(int(shape.id))
            return
        matrix = np.frombuffer(shape.transformation_buffer, np.float64).reshape(4, 4).T.copy()
        matrix[:3, 3] += matrix[:3, :3] @ shift
        self.steps.append(int(shape.id))
        self.names.append(name)
        self.matrices.append(matrix)

    def _convert(self, name: str, geometry: Any) -> NDArray[np.float64] | None:  # noqa: ANN401
        """Store the shape; returns where its local origin lies in the element's own coordinates."""
        points = np.frombuffer(geometry.verts_buffer, np.float64).reshape(-1, 3)
        triangles = np.frombuffer(geometry.faces_buffer, np.int32).reshape(-1, 3).astype(np.int64)
        if not len(points) or not len(triangles):
            return None
        shift = np.zeros(3)
        if np.nanmax(np.abs(points)) > FAR:
            shift = np.floor(np.nanmin(points, axis=0))
        mesh = shaded(name, points - shift, triangles, _colors(geometry, len(triangles)))
        if mesh is None:
            return None
        self.meshes.append(mesh)
        return shift

    def write(self, path: Path) -> None:
        """Two Arrow streams in one file: instances, then meshes."""
        matrices = np.array(self.matrices, dtype=np.float64).reshape(-1)
        instances = pa.table(
            {
                "step": pa.array(self.steps, pa.int64()),
                "mesh_id": pa.array(self.names, pa.string()),
                "matrix": pa.FixedSizeListArray.from_arrays(pa.array(matrices, pa.float64()), 16),
            },
            schema=INSTANCES,
        )
        with pa.OSFile(str(path), "wb") as file:
            for table in (instances, mesh_table(self.meshes)):
                with pa.ipc.new_stream(file, table.schema) as writer:
                    writer.write_table(table)


def _batch(model: ifcopenshell.file, ids: list[int], collector: _Collector) -> None:
    """Many elements with the multi-threaded iterator."""
    elements = [model.by_id(i) for i in ids]
    iterator = ifcopenshell.geom.iterator(_settings(False), model, THREADS, include=elements)
    if iterator.initialize():
        while True:
            collector.add(iterator.get())  # type: ignore[no-untyped-call]  # no stubs
            if not iterator.next():
                break


def _single(model: ifcopenshell.file, step: int, plain: bool, collector: _Collector) -> str | None:
    """One element; returns why it has no shape."""
    element = model.by_id(step)
    for index in (2, 3, 4, 7):  # Name, Description, ObjectType, Tag written as "*" stop the kernel
        with contextlib.suppress(RuntimeError, IndexError, TypeError, ValueError):
            if not isinstance(element[index], str):
                element[index] = None
    try:
        collector.add(ifcopenshell.geom.create_shape(_settings(plain), element))
    except (RuntimeError, ValueError, TypeError) as err:
        return str(err)[:200] or type(err).__name__
    return None


def main() -> None:
    """Serve jobs until standard input ends."""
    model, _ = open_model(Path(sys.argv[1]))
    folder = Path(sys.argv[2])
    collector = _Collector()
    answer = sys.stdout.buffer
    answer.write(b'{"ready":true}\n')
    answer.flush()
    for line in sys.stdin.buffer:
        job = orjson.loads(line)
        collector.start()
        reason = None
        if job["mode"] == "batch":
            _batch(model, job["ids"], collector)
        else:
            reason = _single(model, job["ids"][0], job["mode"] == "plain", collector)
        collector.write(folder / job["out"])
        answer.write(
            orjson.dumps(
                {
                    "done": job["out"],
                    "steps": len(collector.steps),
                    "empty": collector.empty,
                    "reason": reason,
                }
            )
            + b"\n"
        )
        answer.flush()


if __name__ == "__main__":
    main()
