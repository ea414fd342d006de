"""Tables of addresses answered in the background: one at a time, a bounded queue, results kept for a while."""

import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from address import History
from api.address_batch import geocode_source
from api.address_tables import TextSource, open_source, writer_for
from twin.errors import ConflictError, InvalidRequestError, NotFoundError, TwinError
from twin.ids import uuid7
from twin.ingest.source import utc_now

__all__ = ["MOST_JOBS", "MOST_ROWS", "AddressJobs", "Job"]

MOST_ROWS: Final = 200_000
"""Rows of one job; what is larger is for the command line."""

MOST_WAITING: Final = 8
MOST_JOBS: Final = 32
"""Jobs kept; of those that have ended the oldest goes first."""

Status = Literal["accepted", "running", "successful", "failed", "dismissed"]


@dataclass(slots=True)
class Job:
    """One table; times are UTC."""

    id: str
    source: Path
    column: str | None
    created: datetime
    status: Status = "accepted"
    rows: int = 0
    expected: int | None = None
    message: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    report: dict[str, Any] | None = None
    lines: list[tuple[str, Any]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def result(self) -> Path:
        """The answered rows."""
        return self.source.with_name("answers.parquet")

    def to_json(self) -> dict[str, Any]:
        """Status in the words of OGC API Processes: ``jobID``, ``status``, ``progress`` in percent."""
        share = 100 if self.status == "successful" else 0
        if self.status == "running" and self.expected:
            share = min(99, 100 * self.rows // self.expected)
        return {
            "jobID": self.id, "type": "process", "processID": "address-batch", "status": self.status,
            "progress": share, "rows": self.rows, "message": self.message, "created": self.created,
            "started": self.started, "finished": self.finished, "report": self.report,
        }  # fmt: skip


class _DismissedError(Exception):
    """The job was dismissed while it ran."""


class AddressJobs:
    """Runs jobs one after another in a thread of its own.

    Parameters
    ----------
    index : callable
        Gives what answers, when some rows are asked.
    steady : callable
        Gives a block in which what answers does not change; entered for some rows at a time.
    """

    def __init__(
        self,
        index: Callable[[], History],
        steady: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._index = index
        self._steady = steady
        self._folder = Path(tempfile.mkdtemp(prefix="citytwin-jobs-"))
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def submit(self, content: bytes, suffix: str, column: str | None) -> Job:
        """Take a table.

        Parameters
        ----------
        content : bytes
        suffix : str
            ``.csv``, ``.parquet``, ``.xlsx`` or ``.json``.
        column : str, optional
            Column of the text; found when absent.

        Raises
        ------
        InvalidRequestError, SourceError
            If it is no table, no column holds addresses, or it has too many rows.
        ConflictError
            If too many jobs wait.
        """
        with self._lock:
            if (
                sum(job.status in ("accepted", "running") for job in self._jobs.values())
                >= MOST_WAITING
            ):
                raise ConflictError(
                    f"{MOST_WAITING} jobs are waiting; ask again when one has ended"
                )
        job_id = uuid7()
        folder = self._folder / job_id
        folder.mkdir()
        job = Job(job_id, folder / f"given{suffix}", column, utc_now())
        job.source.write_bytes(content)
        try:
            given = open_source(job.source, column)
            if given.count is not None and given.count > MOST_ROWS:
                raise InvalidRequestError(
                    f"{given.count} rows; at most {MOST_ROWS} in a job: send parts, or use twin geocode --batch"
                )
            job.expected = given.count
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._wake:
            self._jobs[job_id] = job
            self._wake.notify()
        return job

    def get(self, job_id: str) -> Job:
        """A job by id.

        Raises
        ------
        NotFoundError
            If there is none, or it went with age.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotFoundError(
                f"there is no job {job_id[:60]!r}; ended jobs are kept until {MOST_JOBS} others came"
            )
        return job

    def listed(self) -> list[Job]:
        """All jobs, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def dismiss(self, job_id: str) -> Job:
        """End a job that waits or runs; forget the result of one that has ended."""
        job = self.get(job_id)
        job.stop.set()
        with self._lock:
            if job.status != "running":
                job.status, job.finished = "dismissed", job.finished or utc_now()
                self._jobs.pop(job_id, None)
                shutil.rmtree(job.source.parent, ignore_errors=True)
        return job

    def close(self) -> None:
        """End the work and remove what lies on disk."""
        with self._wake:
            self._closed = True
            for job in self._jobs.values():
                job.stop.set()
            self._wake.notify()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._closed and self._next() is None:
                    self._wake.wait()
                job = self._next()
                if self._closed or job is None:
                    return
                job.status, job.started = "running", utc_now()
            self._run(job)
            self._forget()

    def _next(self) -> Job | None:
        return next((job for job in self._jobs.values() if job.status == "accepted"), None)

    def _run(self, job: Job) -> None:
        def tell(_: str, done: int, __: int | None) -> None:
            job.rows = done
            if job.stop.is_set():
                raise _DismissedError
            if done > MOST_ROWS:
                raise InvalidRequestError(f"more than {MOST_ROWS} rows; send parts")

        try:
            given: TextSource = open_source(job.source, job.column)
            with writer_for(job.result) as writer:
                report = geocode_source(self._index, given, writer, tell, 256, self._steady)
            job.lines = report.lines()
            job.report = {k: v for k, v in report.to_json().items() if k not in ("files", "source")}
            job.status = "successful"
        except _DismissedError:
            job.status = "dismissed"
        except TwinError as error:
            job.status, job.message = "failed", str(error).replace(str(job.source), "the table")
        except Exception as error:  # noqa: BLE001 -- a defect ends the job, not the server
            job.status, job.message = (
                "failed",
                f"the job ended with a defect ({type(error).__name__})",
            )
        job.finished = utc_now()

    def _forget(self) -> None:
        with self._lock:
            ended = [j for j in self._jobs.values() if j.status not in ("accepted", "running")]
            for job in ended[: max(0, len(self._jobs) - MOST_JOBS)]:
                self._jobs.pop(job.id, None)
                shutil.rmtree(job.source.parent, ignore_errors=True)
