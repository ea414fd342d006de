"""A forked process that turns elements into triangles and says how far it has come.

It inherits the parsed model from the process that forks it, so that starting over after a crash
costs milliseconds, not another parse.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifcopenshell
import numpy as np
import orjson
import pyarrow as pa

from loaders.ifc.facecolors import FaceColors
from loaders.ifc.limits import limit_memory
from loaders.ifc.shaping import Collector, shape_alone, shape_many
from loaders.meshing import matrix_column, mesh_table
from twin.schema import MATRIX

__all__ = ["INSTANCES", "Task", "Worker"]

FLUSH_ELEMENTS, FLUSH_S = 512, 1.0
FLUSH_CORNERS, FLUSH_SHARE = 100_000, 50
"""Corners of triangles that wait to be written (some 20 MB with what shading needs), or this share of all so far."""
INSTANCES = pa.schema([("step", pa.int64()), ("mesh_id", pa.string()), ("matrix", MATRIX)])


@dataclass(frozen=True, slots=True)
class Task:
    """Elements to shape: ``mode`` is ``many`` (iterator) or a step of the ladder."""

    mode: str
    ids: tuple[int, ...]
    threads: int = 1


class Worker:
    """Handle of a forked worker: ``pipe`` is where it speaks, one JSON line at a time."""

    def __init__(
        self,
        model: ifcopenshell.file,
        tasks: list[Task],
        folder: Path,
        serial: int,
        unit: float,
        memory: float,
    ) -> None:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(read)
                limit_memory(memory)
                _Talk(model, folder, serial, unit, write).serve(tasks)
                code = 0
            finally:
                os._exit(code)
        os.close(write)
        self.pid, self.pipe = pid, read
        self._rest = b""

    def said(self) -> list[dict[str, Any]] | None:
        """What has come since the last call (blocks until something does); None at the end."""
        data = os.read(self.pipe, 1 << 16)
        if not data:
            return None
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return [orjson.loads(line) for line in lines]

    def end(self, kill: bool = False) -> int:
        """Wait for the process (after killing it if asked to); its exit code."""
        if kill:
            os.kill(self.pid, 9)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pipe)
        return os.waitstatus_to_exitcode(status)


class _Talk:
    """The worker's side."""

    def __init__(
        self, model: ifcopenshell.file, folder: Path, serial: int, unit: float, pipe: int
    ) -> None:
        self._model, self._folder, self._serial = model, folder, serial
        self._unit, self._pipe = unit, pipe
        self._collector = Collector(FaceColors(model))
        self._files = self._corners = 0
        self._last = time.monotonic()

    def _say(self, **said: object) -> None:
        os.write(self._pipe, orjson.dumps(said) + b"\n")

    def serve(self, tasks: list[Task]) -> None:
        """All tasks in order; a task that ends says which of its elements have no shape and why."""
        for number, task in enumerate(tasks):
            self._say(begin=number)
            if task.mode == "many":
                for _ in shape_many(self._model, list(task.ids), task.threads, self._collector):
                    self._flush_if_due()
                failed: dict[str, str] = {}
            else:
                failed = self._ladder_step(task)
            self._flush()
            self._say(end=number, failed=failed)

    def _most_corners(self) -> int:
        """More as the model proves larger: every file that is written stays open until the model is read."""
        return max(FLUSH_CORNERS, self._corners // FLUSH_SHARE)

    def _ladder_step(self, task: Task) -> dict[str, str]:
        failed = {}
        for step in task.ids:
            self._say(at=step)
            reason = shape_alone(self._model, step, task.mode, self._unit, self._collector)
            if reason is not None:
                failed[str(step)] = reason
            self._flush_if_due()
        return failed

    def _flush_if_due(self) -> None:
        late = time.monotonic() - self._last > FLUSH_S
        many = len(self._collector) >= FLUSH_ELEMENTS
        if late or many or self._collector.corners > self._most_corners():
            self._flush()

    def _flush(self) -> None:
        """Write what was collected as one file: instances, then meshes."""
        self._last = time.monotonic()
        got = self._collector
        if not len(got):
            return
        name, matrices = "", got.placed()
        if got.steps:
            name = f"shapes-{self._serial}-{self._files}.arrow"
            self._files += 1
            instances = pa.table(
                {
                    "step": pa.array(got.steps, pa.int64()),
                    "mesh_id": pa.array(got.names, pa.string()),
                    "matrix": matrix_column(matrices, np.ones(len(matrices), dtype=bool)),
                },
                schema=INSTANCES,
            )
            part = self._folder / f"{name}.part"
            with pa.OSFile(str(part), "wb") as file:
                for table in (instances, mesh_table(got.meshes())):
                    with pa.ipc.new_stream(file, table.schema) as writer:
                        writer.write_table(table)
            part.rename(self._folder / name)
        self._say(file=name, done=got.steps, empty=got.empty)
        self._corners += got.corners
        got.clear()
