"""Tables of addresses answered in the background, as jobs of :mod:`api.jobs`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from address import History
from api.address_batch import geocode_source
from api.address_tables import TextSource, open_source, writer_for
from api.jobs import Job, Jobs, Work
from twin.errors import InvalidRequestError, NotFoundError, TwinError

__all__ = ["MOST_ROWS", "PROCESS", "AddressJob", "AddressJobs", "address_work"]

MOST_ROWS: Final = 200_000
"""Rows of one job; what is larger is for the command line."""
PROCESS: Final = "address-batch"


@dataclass(frozen=True, slots=True)
class AddressJob:
    """A job whose work is one table."""

    job: Job

    @property
    def id(self) -> str:
        """Of the job."""
        return self.job.id

    @property
    def status(self) -> str:
        """Of the job."""
        return self.job.status

    @property
    def source(self) -> Path:
        """The table as it was given."""
        return self.job.folder / str(self.job.given["file"])

    @property
    def result(self) -> Path:
        """The answered rows."""
        return self.job.folder / "answers.parquet"

    @property
    def lines(self) -> list[tuple[str, Any]]:
        """The report as lines of a sheet."""
        return [(name, value) for name, value in self.job.said.get("lines", [])]

    def to_json(self) -> dict[str, Any]:
        """Status in the words of OGC API Processes: ``jobID``, ``status``, ``progress`` in percent."""
        job = self.job
        return {
            "jobID": job.id, "type": "process", "processID": job.process, "status": job.status,
            "progress": job.progress, "rows": job.said.get("rows", 0), "message": job.message, "created": job.created,
            "started": job.started, "finished": job.finished, "report": job.said.get("report"),
        }  # fmt: skip


def address_work(
    index: Callable[[], History],
    steady: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Work:
    """What answers tables.

    Parameters
    ----------
    index : callable
        Gives what answers, when some rows are asked.
    steady : callable
        Gives a block in which what answers does not change; entered for some rows at a time.
    """

    def do(job: Job) -> None:
        table = AddressJob(job)
        expected = job.given.get("expected")

        def tell(_: str, done: int, __: int | None) -> None:
            job.said["rows"] = done
            job.tell(done / expected if expected else 0.0)
            if done > MOST_ROWS:
                raise InvalidRequestError(f"more than {MOST_ROWS} rows; send parts")

        try:
            given: TextSource = open_source(table.source, job.given["column"])
            with writer_for(table.result) as writer:
                report = geocode_source(index, given, writer, tell, 256, steady)
        except TwinError as error:
            raise InvalidRequestError(str(error).replace(str(table.source), "the table")) from error
        kept = {k: v for k, v in report.to_json().items() if k not in ("files", "source")}
        job.said |= {"lines": report.lines(), "report": kept}

    return Work("addresses", do)


class AddressJobs:
    """The jobs of tables among all jobs.

    Parameters
    ----------
    jobs : Jobs
        With :func:`address_work` for :data:`PROCESS`.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def submit(self, content: bytes, suffix: str, column: str | None) -> AddressJob:
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

        def fill(job: Job) -> None:
            source = AddressJob(job).source
            source.write_bytes(content)
            count = open_source(source, column).count
            if count is not None and count > MOST_ROWS:
                raise InvalidRequestError(
                    f"{count} rows; at most {MOST_ROWS} in a job: send parts, or use twin geocode --batch"
                )
            job.given["expected"] = count

        given = {"file": f"given{suffix}", "column": column}
        return AddressJob(self._jobs.submit(PROCESS, given, fill))

    def get(self, job_id: str) -> AddressJob:
        """A job by id.

        Raises
        ------
        NotFoundError
            If there is none, or it went with age.
        """
        job = self._jobs.get(job_id)
        if job.process != PROCESS:
            raise NotFoundError(f"{job_id!r} is no table of addresses; see /jobs/{job_id}")
        return AddressJob(job)

    def listed(self) -> list[AddressJob]:
        """All of them, newest first."""
        return [AddressJob(job) for job in self._jobs.listed() if job.process == PROCESS]

    def dismiss(self, job_id: str) -> AddressJob:
        """End a job that waits or runs; forget the result of one that has ended."""
        self.get(job_id)
        return AddressJob(self._jobs.dismiss(job_id))
