"""Triangles of a model from forked workers with limits, element by element where a batch fails."""

import select
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ifcopenshell

from loaders.ifc.limits import cpu_seconds
from loaders.ifc.shaping import LADDER
from loaders.ifc.worker import Task, Worker

__all__ = ["Limits", "ShapeRun", "Shapes"]

TELL_S = 2.0
FEW = 10
"""Where fewer than one in so many elements is to be shaped, no iterator is asked."""
SMALL = 48
"""Elements the iterator is asked for again after it failed on many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the geometry of one model may cost.

    ``many_s`` is how long (CPU seconds of the worker, or six times that on the clock) the iterator
    may go without finishing an element, ``alone_s`` what one element may take on its first step and
    ``step_s`` on each later one; after ``ladder_s`` in all, what is left gets a box. ``memory`` is
    in bytes on top of the parsed model. ``batch`` elements go to one iterator: each looks through the
    whole model before its first shape, which is half of the work where most shapes are shared.
    A second of the kernels' ``threads`` doubles the CPU time and saves a tenth of the clock's.
    """

    many_s: float = 20.0
    alone_s: float = 15.0
    step_s: float = 2.5
    ladder_s: float = 30.0
    memory: float = 3.0e9
    threads: int = 1
    batch: int = 32_768


@dataclass(slots=True)
class Shapes:
    """Arrow files with the shapes, in order, and what went wrong.

    ``files`` hold an instances stream (step, mesh_id, matrix to model metres) and a meshes stream
    each; ``failed`` says why an element has no shape, ``step`` by which step of the ladder one that
    the iterator failed on got its own.
    """

    files: list[Path] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    step: dict[int, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """What went wrong, and how many shapes come from which step of the ladder."""
        counts = sorted(Counter(self.step.values()).items())
        return [*self.findings, *(f"{n} shapes were computed {_WORDS[mode]}" for mode, n in counts)]

    def join(self, other: "Shapes") -> None:
        """Add the shapes of other elements."""
        self.files += other.files
        self.failed |= other.failed
        self.step |= other.step
        self.findings += other.findings


class ShapeRun:
    """Shapes of some elements of one model.

    Parameters
    ----------
    model : ifcopenshell.file
        Inherited by the workers.
    ids : list of int
        Step ids of the elements that have a representation; those that share a shape should be
        neighbours.
    folder : Path
        Existing folder for the results.
    unit : float
        Metres in one project length unit.
    limits : Limits
    of : int
        Elements of the model that have a surface: an iterator looks at all of them before its first
        shape, so a few are shaped one by one.
    """

    def __init__(
        self,
        model: ifcopenshell.file,
        ids: list[int],
        folder: Path,
        unit: float,
        limits: Limits,
        of: int = 0,
    ) -> None:
        self._model, self._folder, self._unit, self._limits = model, folder, unit, limits
        self._all = ids
        self.wanted = len(ids)
        self._files: list[str] = []
        self._done: set[int] = set()
        self._empty: set[int] = set()
        self._reasons: dict[int, str] = {}
        self._shapes = Shapes()
        self._ladder_end: float | None = None
        self._serial = 0
        size, threads = limits.batch, limits.threads
        mode = "many" if len(ids) * FEW > of else "alone"
        self._queue = [
            Task(mode, tuple(ids[k : k + size]), threads) for k in range(0, len(ids), size)
        ]
        self._worker = self._started()

    def _started(self) -> Worker | None:
        self._at = 0
        self._current: int | None = None
        if not self._queue:
            return None
        self._serial += 1
        return Worker(
            self._model, self._queue, self._folder, self._serial, self._unit, self._limits.memory
        )

    def follow(self) -> Iterator[int]:
        """Wait for everything; yields how many elements are done, at least every few seconds."""
        while self._worker is not None:
            ending = yield from self._watch(self._worker)
            rest = self._queue[self._at :]
            if ending is None and not rest:
                break
            self._queue = self._escalated(rest, ending or "ended early")
            self._worker = self._started()

    def stop(self) -> None:
        """End the worker before its time."""
        if self._worker is not None:
            self._worker.end(kill=True)
            self._worker = None

    def shapes(self) -> Shapes:
        """What came of it, once :meth:`follow` has ended: a shape, no surface, or a reason for each element."""
        out = self._shapes
        out.files = [self._folder / name for name in self._files]
        for step in self._all:
            if step in self._done:
                continue
            why = "it has no surface" if step in self._empty else "not computed"
            out.failed[step] = self._reasons.get(step, why)
        return out

    def _watch(self, worker: Worker) -> Generator[int, None, str | None]:
        """Follow one worker to its end; why it ended, None if it did all it had to."""
        told = time.monotonic()
        moved, spent = time.monotonic(), 0.0
        silent = False
        while True:
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                yield len(self._done)
            ready, _, _ = select.select([worker.pipe], [], [], 0.25)
            if ready:
                said = worker.said()
                if said is None:
                    break
                for one in said:
                    self._hear(one)
                moved, silent = time.monotonic(), False
                continue
            if not silent:  # asked only now: a worker may speak a thousand times a second
                silent, spent = True, cpu_seconds(worker.pid) or spent
            limit = self._limit()
            wall = time.monotonic() - moved
            cpu = (cpu_seconds(worker.pid) or spent) - spent
            if wall > limit and (cpu > limit or wall > 6 * limit or cpu == 0.0):
                worker.end(kill=True)
                return f"took over {limit:.0f} s"
        code = worker.end()
        if code == 0:
            return None
        return "needed too much memory or crashed" if code > 0 else f"crashed (signal {-code})"

    def _limit(self) -> float:
        """Seconds the present task may stay silent."""
        mode = self._queue[self._at].mode if self._at < len(self._queue) else "many"
        if mode == "many":
            return self._limits.many_s
        if mode == "box":  # reading points takes milliseconds; only a busy machine makes it long
            return max(self._limits.step_s, 5.0)
        return self._limits.alone_s if mode == "alone" else self._limits.step_s

    def _hear(self, said: dict[str, object]) -> None:
        task = self._queue[self._at] if self._at < len(self._queue) else None
        if "at" in said:
            self._current = int(str(said["at"]))
        elif "done" in said and isinstance(said["done"], list) and isinstance(said["empty"], list):
            if said["file"]:
                self._files.append(str(said["file"]))
            fresh = set(said["done"]) - self._done
            self._done |= fresh
            self._empty.update(said["empty"])
            if task is not None and task.mode not in ("many", "alone"):
                self._shapes.step.update(dict.fromkeys(fresh, task.mode))
        elif "end" in said and task is not None and isinstance(said["failed"], dict):
            self._reasons.update({int(k): str(v) for k, v in said["failed"].items()})
            left = tuple(i for i in task.ids if i not in self._done)
            if task.mode == "many":
                left = tuple(i for i in left if i not in self._empty)
            self._at += 1
            self._queue += self._next(task, left)
            self._current = None

    def _next(self, task: Task, ids: tuple[int, ...], slow: bool = False) -> list[Task]:
        """What to try for elements that a task left without a shape; no further kernel for slow ones."""
        if not ids:
            return []
        if task.mode == "many":
            return [Task("alone", ids)]
        step = LADDER.index(task.mode) + 1
        while slow and step < len(LADDER) and LADDER[step] in ("other", "cgal"):
            step += 1
        return [Task(LADDER[step], ids)] if step < len(LADDER) else []

    def _escalated(self, rest: list[Task], ending: str) -> list[Task]:
        """Tasks after a worker died in the first of ``rest``."""
        if not rest:
            return []
        task, later = rest[0], rest[1:]
        left = tuple(i for i in task.ids if i not in self._done and i not in self._empty)
        if self._ladder_end is None:
            self._ladder_end = time.monotonic() + self._limits.ladder_s
        if task.mode == "many":
            self._shapes.findings.append(
                f"a batch of {len(task.ids)} elements {ending}; "
                f"{len(left)} of them were tried in smaller parts"
            )
            if len(task.ids) > SMALL and time.monotonic() < self._ladder_end:
                parts = [left[k : k + SMALL] for k in range(0, len(left), SMALL)]
                return [*(Task("many", part) for part in parts), *later]
            if len(left) == 1 and ending.startswith(
                "took"
            ):  # the same kernel would be as slow again
                self._reasons[left[0]] = ending
                return self._bounded([*self._next(Task("alone", left), left, slow=True), *later])
            return self._bounded([Task("alone", left), *later])
        culprit = self._current if self._current in left else (left[0] if left else None)
        again: list[Task] = []
        if culprit is not None:
            at = left.index(culprit)
            self._reasons[culprit] = ending
            again = [
                t for t in (Task(task.mode, left[:at] + left[at + 1 :]),) if t.ids
            ] + self._next(task, (culprit,), slow=ending.startswith("took"))
        return self._bounded(again + later)

    def _bounded(self, tasks: list[Task]) -> list[Task]:
        """After the time of the ladder everything that is left alone goes straight to its box."""
        if self._ladder_end is None or time.monotonic() < self._ladder_end:
            return tasks
        ids = tuple(i for t in tasks if t.mode != "many" and t.mode != "box" for i in t.ids)
        for step in ids:
            self._reasons.setdefault(step, "no time was left to compute it")
        kept = [t for t in tasks if t.mode in ("many", "box")]
        return kept + ([Task("box", ids)] if ids else [])


_WORDS = {
    "other": "by the second kernel",
    "no_openings": "without their openings",
    "no_booleans": "without openings and cuts",
    "cgal": "by the exact kernel",
    "box": "as a bounding box only",
}
