"""Work done in the background: lanes of one job at a time, kept on disk, taken up again after a restart.

A job is a folder: ``job.json`` says how it stands, the rest is what the work was given and what it made. A job that
waited or ran when the server ended starts again with the server; its work must give the same whenever it is done.
"""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from twin.errors import ConflictError, NotFoundError, TwinError
from twin.ids import uuid7
from twin.ingest.source import utc_now

__all__ = ["MOST_BYTES", "MOST_JOBS", "MOST_WAITING", "Dismissed", "Job", "Jobs", "Status", "Work"]

MOST_WAITING: Final = 8
"""Jobs of a lane that wait or run."""
MOST_JOBS: Final = 64
"""Jobs kept; of those that have ended the oldest goes first."""
MOST_BYTES: Final = 1 << 30
"""Bytes that ended jobs may hold on disk; the oldest goes first."""

Status = Literal["accepted", "running", "successful", "failed", "dismissed"]
_OPEN: Final = ("accepted", "running")


class Dismissed(Exception):  # noqa: N818 -- no error
    """The job was dismissed while it ran."""


@dataclass(slots=True)
class Job:
    """One job; times are UTC.

    Parameters
    ----------
    id, process : str
    folder : Path
        Its own; gone with it.
    created : datetime
    given : dict
        What the work needs to know, plain JSON.
    said : dict
        What the work says of itself, plain JSON.
    """

    id: str
    process: str
    folder: Path
    created: datetime
    given: dict[str, Any]
    said: dict[str, Any] = field(default_factory=dict)
    status: Status = "accepted"
    progress: int = 0
    message: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    updated: datetime | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def tell(self, share: float) -> None:
        """Note the share done, 0 to 1.

        Raises
        ------
        Dismissed
            If the work is to stop.
        """
        if self.stop.is_set():
            raise Dismissed
        self.progress, self.updated = min(99, int(100 * share)), utc_now()

    def keep(self) -> None:
        """Write how it stands, the whole file at once."""
        names = ("id", "process", "created", "given", "said", "status", "message", "started", "finished", "updated")  # fmt: skip
        beside = self.folder / "job.json.new"
        beside.write_bytes(orjson.dumps({name: getattr(self, name) for name in names}, default=str))
        beside.replace(self.folder / "job.json")

    @classmethod
    def read(cls, folder: Path) -> "Job":
        """A job as it was kept."""
        kept: dict[str, Any] = orjson.loads((folder / "job.json").read_bytes())
        for name in ("created", "started", "finished", "updated"):
            kept[name] = kept[name] and datetime.fromisoformat(kept[name])
        job = cls(folder=folder, **kept)
        job.progress = 100 if job.status == "successful" else 0
        return job


@dataclass(frozen=True, slots=True)
class Work:
    """What does the jobs of a process, and the lane they wait in."""

    lane: str
    do: Callable[[Job], None]


class Jobs:
    """Runs jobs, one after another in each lane.

    Parameters
    ----------
    folder : Path
        Where jobs are kept; made when there is none.
    work : Mapping of str to Work
        By process.
    """

    def __init__(self, folder: Path, work: Mapping[str, Work]) -> None:
        self._folder = folder
        self._work = dict(work)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._wake = threading.Condition()
        self._closed = False
        folder.mkdir(exist_ok=True)
        self._take_up()
        lanes = sorted({work.lane for work in self._work.values()})
        self._threads = [threading.Thread(target=self._run_lane, args=(lane,), daemon=True) for lane in lanes]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def _take_up(self) -> None:
        """Jobs of an earlier server; what is half made or unknown goes."""
        found = []
        for folder in sorted(self._folder.iterdir()):
            try:
                job = Job.read(folder)
            except (OSError, ValueError, TypeError):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if job.process in self._work and job.status != "dismissed":
                found.append(job)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        for job in sorted(found, key=lambda job: job.created):
            if job.status == "running":
                job.status, job.started = "accepted", None
            self._jobs[job.id] = job

    def submit(
        self, process: str, given: dict[str, Any], fill: Callable[[Job], None] | None = None, job_id: str | None = None
    ) -> Job:  # fmt: skip
        """Take a job.

        Parameters
        ----------
        process : str
        given : dict
            Plain JSON.
        fill : callable, optional
            Puts what the work needs into the job's folder; what it raises refuses the job.
        job_id : str, optional
            Of an answer that is always the same: a job of that id that waits, runs or has succeeded is given as it is.

        Raises
        ------
        ConflictError
            If too many jobs wait.
        """
        with self._wake:
            known = self._jobs.get(job_id) if job_id else None
            if known is not None and known.status in (*_OPEN, "successful"):
                return known
            lane = self._work[process].lane
            waiting = [j for j in self._jobs.values() if j.status in _OPEN and self._work[j.process].lane == lane]  # fmt: skip
            if len(waiting) >= MOST_WAITING:
                raise ConflictError(
                    f"{MOST_WAITING} jobs are waiting; ask again when one has ended"
                )
        name = uuid7()  # a folder of its own, also where the id was used before
        job = Job(job_id or name, process, self._folder / name, utc_now(), given)
        job.folder.mkdir()
        try:
            if fill is not None:
                fill(job)
            job.keep()
        except BaseException:
            shutil.rmtree(job.folder, ignore_errors=True)
            raise
        with self._wake:
            other = self._jobs.get(job.id)
            twin = other is not None and other.status in (*_OPEN, "successful")
            gone = job if twin else other
            if not twin:
                self._jobs.pop(job.id, None)
                self._jobs[job.id] = job
                self._wake.notify_all()
        if gone is not None:  # another asked for the same meanwhile, or it had failed before
            shutil.rmtree(gone.folder, ignore_errors=True)
        return other if twin and other is not None else job

    def get(self, job_id: str) -> Job:
        """A job by id.

        Raises
        ------
        NotFoundError
            If there is none, or it went with age.
        """
        with self._wake:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotFoundError(
                f"there is no job {job_id[:60]!r}; ended jobs are kept until {MOST_JOBS} others came"
            )
        return job

    def listed(self) -> list[Job]:
        """All jobs, newest first."""
        with self._wake:
            return list(reversed(self._jobs.values()))

    def dismiss(self, job_id: str) -> Job:
        """End a job that waits or runs, forget one that has ended; either is gone at once."""
        job = self.get(job_id)
        with self._wake:
            ran = job.status == "running"
            job.stop.set()
            job.status, job.finished = "dismissed", job.finished or utc_now()
            self._jobs.pop(job_id, None)
            (job.folder / "job.json").unlink(missing_ok=True)
        if not ran:  # else its lane clears up
            shutil.rmtree(job.folder, ignore_errors=True)
        return job

    def close(self) -> None:
        """Stop the work; what waits or runs is taken up by the next server."""
        with self._wake:
            self._closed = True
            for job in self._jobs.values():
                job.stop.set()
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()

    def _run_lane(self, lane: str) -> None:
        while True:
            with self._wake:
                while not self._closed and self._next(lane) is None:
                    self._wake.wait()
                job = self._next(lane)
                if self._closed or job is None:
                    return
                job.status, job.started = "running", utc_now()
                job.updated = job.started
            self._run(job)
            self._forget()

    def _next(self, lane: str) -> Job | None:
        return next(
            (j for j in self._jobs.values() if j.status == "accepted" and self._work[j.process].lane == lane), None
        )  # fmt: skip

    def _run(self, job: Job) -> None:
        status: Status = "successful"
        try:
            self._work[job.process].do(job)
        except Dismissed:
            status = "dismissed"
        except TwinError as error:
            status, job.message = "failed", str(error)
            job.said["error"] = {"kind": type(error).__name__, "parameter": getattr(error, "parameter", None)}  # fmt: skip
        except Exception as error:  # noqa: BLE001 -- a defect ends the job, not the server
            if not job.stop.is_set():
                status = "failed"
                job.message = f"the job ended with a defect ({type(error).__name__})"
                job.said["error"] = {"kind": "defect", "parameter": None}
        with self._wake:
            if job.status == "dismissed":
                shutil.rmtree(job.folder, ignore_errors=True)
            elif status == "dismissed":  # the server ends: next time
                job.status = "accepted"
            else:
                job.status, job.finished = status, utc_now()
                job.progress, job.updated = (
                    (100 if status == "successful" else job.progress),
                    job.finished,
                )
                job.keep()

    def _forget(self) -> None:
        with self._wake:
            ended = [j for j in self._jobs.values() if j.status not in _OPEN]
            held = {j.id: sum(f.stat().st_size for f in j.folder.glob("*") if f.is_file()) for j in ended}  # fmt: skip
            while ended and (len(self._jobs) > MOST_JOBS or sum(held.values()) > MOST_BYTES):
                job = ended.pop(0)
                held.pop(job.id)
                self._jobs.pop(job.id, None)
                shutil.rmtree(job.folder, ignore_errors=True)
