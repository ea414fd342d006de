"""Triangles of a model from a child process with a time limit, element by element where a batch fails."""

import contextlib
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

__all__ = ["Shapes", "compute_shapes"]

BATCH = 3_000
"""Elements per job."""
START_LIMIT_S, BATCH_LIMIT_S, SINGLE_LIMIT_S = 180.0, 120.0, 10.0
"""Seconds a child may take to open the file, for a batch, for one element."""
MAX_ALONE = 400
ALONE_BUDGET_S = 60.0
"""At most so many elements, for so many seconds in all, are tried alone; the rest go without a shape."""


@dataclass(slots=True)
class Shapes:
    """Arrow files with the shapes, in order, and what went wrong.

    ``files`` hold an instances stream (step, mesh_id, matrix to model metres) and a meshes stream
    each.
    """

    files: list[Path] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


class _Child:
    """One child process and the thread that reads its answers."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (own module, no shell)
            [sys.executable, "-m", "loaders.ifc.child", str(source.resolve()), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.alive = self._wait(START_LIMIT_S) is not None

    def _listen(self) -> None:
        stream = self._process.stdout
        if stream is not None:
            for line in stream:
                self._answers.put(line)
        self._answers.put(b"")

    def _wait(self, seconds: float) -> dict[str, Any] | None:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        return orjson.loads(line) if line.startswith(b"{") else None

    def ask(self, job: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Answer to a job; None (and the child is gone) where it crashed or took too long."""
        if self.alive and self._process.stdin is not None:
            try:
                self._process.stdin.write(orjson.dumps(job) + b"\n")
                self._process.stdin.flush()
                answer = self._wait(seconds)
            except OSError:
                answer = None
            if answer is not None:
                return answer
        self.close()
        return None

    def close(self) -> None:
        """End the process."""
        self.alive = False
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _found(path: Path) -> set[int]:
    with pa.memory_map(str(path)) as file:
        return set(pa.ipc.open_stream(file).read_all()["step"].to_pylist())


def compute_shapes(source: Path, steps: list[int], folder: Path) -> Shapes:
    """Shapes of elements, never as a whole refused.

    Parameters
    ----------
    source : Path
        The IFC file.
    steps : list of int
        Step ids of the elements that have a representation, in record order.
    folder : Path
        Existing temporary folder for the results.

    Returns
    -------
    Shapes
        An element that failed in a batch was tried alone, then without its openings; ``failed``
        says why it has no shape.
    """
    out = Shapes()
    child = _Child(source, folder)
    for number, start in enumerate(range(0, len(steps), BATCH)):
        ids = steps[start : start + BATCH]
        name = f"batch-{number}.arrow"
        if not child.alive:
            child = _Child(source, folder)
        answer = child.ask({"mode": "batch", "ids": ids, "out": name}, BATCH_LIMIT_S)
        path = folder / name
        got: set[int] = set()
        if answer is not None:
            out.files.append(path)
            got = _found(path)
            out.failed.update(dict.fromkeys(answer["empty"], "it has no surface"))
            got.update(answer["empty"])
        else:
            out.findings.append(
                f"a batch of {len(ids)} elements crashed or took over {BATCH_LIMIT_S:.0f} s; its elements were tried alone"
            )
        child = _alone(source, folder, [i for i in ids if i not in got], child, out, number)
    child.close()
    return out


def _alone(
    source: Path, folder: Path, ids: list[int], child: _Child, out: Shapes, number: int
) -> _Child:
    """Each remaining element by itself, then without openings; returns the child that is alive at the end."""
    end = time.monotonic() + ALONE_BUDGET_S
    for position, step in enumerate(ids):
        if position >= MAX_ALONE or time.monotonic() > end:
            rest = ids[position:]
            out.failed.update(dict.fromkeys(rest, "not tried after the failure of its batch"))
            out.findings.append(
                f"{len(rest)} further elements of a failed batch were not tried alone"
            )
            break
        for mode in ("single", "plain"):
            if not child.alive:
                child = _Child(source, folder)
            name = f"{mode}-{number}-{step}.arrow"
            answer = child.ask({"mode": mode, "ids": [step], "out": name}, SINGLE_LIMIT_S)
            if answer is not None and answer["steps"]:
                out.files.append(folder / name)
                out.failed.pop(step, None)
                if mode == "plain":
                    out.findings.append(
                        f"#{step}: its shape could only be computed without its openings"
                    )
                break
            out.failed[step] = (
                (answer["reason"] or "it has no surface")
                if answer is not None
                else "crashed or took too long"
            )
            if answer is not None and answer["reason"] is None:
                break
    return child
