"""OGC API – Processes 1: what can be computed, executing it now or as a job, jobs and their results."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access import reach_of
from api.deps import Lang, State, base_url, link_with, only, parse_moment, parse_whole
from api.errors import BY_STATUS, problem
from api.jobs import Job
from api.models import JSON, answer, link
from api.process_models import JobListModel, ProcessListModel, ProcessModel, StatusModel
from api.processes import (
    OUTPUT,
    Execution,
    described,
    encoded,
    job_of,
    jobs_within,
    read_execution,
    status_of,
    submitted,
    summary,
)
from api.state import CityState, utc_now
from twin.analysis import ANALYSES, Study, run
from twin.errors import InvalidRequestError, NotFoundError

__all__ = ["PROCESSES_CONFORMANCE", "router"]

router = APIRouter(tags=["processes"])
_SPEC: Final = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
PROCESSES_CONFORMANCE: Final = (
    f"{_SPEC}/core",
    f"{_SPEC}/ogc-process-description",
    f"{_SPEC}/json",
    f"{_SPEC}/oas30",
    f"{_SPEC}/job-list",
    f"{_SPEC}/dismiss",
)
"""Classes of OGC API – Processes 1.0 (OGC 18-062r2) that tests hold this server to."""

_PROBLEM: Final = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
_NO_STORE: Final = {"Cache-Control": "no-store"}
_LIMIT: Final = 10
_JOB_PARAMETERS: Final = (
    "type", "processID", "status", "datetime", "minDuration", "maxDuration", "limit", "offset", "f", "lang",
)  # fmt: skip
_STATUSES: Final = ("accepted", "running", "successful", "failed", "dismissed")
_EXAMPLES: Final = {
    name: {"summary": what.title, "value": {"inputs": dict(what.example)}}
    for name, what in ANALYSES.items()
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "inputs": {"type": "object"},
                        "outputs": {"type": "object"},
                        "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"},
                    },
                    "additionalProperties": False,
                },
                "examples": _EXAMPLES,
            }
        },
    },
    "parameters": [
        {
            "name": "Prefer", "in": "header", "required": False, "schema": {"type": "string"},
            "description": "respond-async: as a job.",
        }
    ],
}  # fmt: skip


def _missing(request: Request, kind: str, error: Exception) -> Response:
    return problem(request, BY_STATUS[404], str(error), type=f"{_PROBLEM}/{kind}")


@router.get("/processes", summary="Processes", responses={200: {"model": ProcessListModel}})
def processes(
    request: Request,
    lang: Lang,
    limit: Annotated[str | None, Query(description="Processes of a page, 10 unless told.")] = None,
    offset: Annotated[str | None, Query(description="Processes before the page.")] = None,
) -> Response:
    """What can be computed."""
    only(request, {"limit", "offset", "f", "lang"})
    most, start = parse_whole(limit, "limit", _LIMIT, 1, 1000), parse_whole(offset, "offset", 0, 0)
    all_ = list(ANALYSES.values())
    page = all_[start : start + most]
    links = _links(request, start, most, len(all_))
    listed = [summary(what, base_url(request), lang) for what in page]
    return answer({"processes": listed, "links": links}, language=lang)


@router.get(
    "/processes/{process_id}",
    summary="What a process takes and gives",
    responses={200: {"model": ProcessModel}},
)
def process(process_id: str, request: Request, lang: Lang) -> Response:
    """Inputs with their schemas, the output, and an example that runs."""
    only(request, {"f", "lang"})
    what = ANALYSES.get(process_id)
    if what is None:
        return _no_process(request, process_id)
    return answer(described(what, base_url(request), lang), language=lang)


def _no_process(request: Request, name: str) -> Response:
    there = ", ".join(ANALYSES)
    error = NotFoundError(f"there is no process {name[:80]!r}; there are {there}")
    return _missing(request, "no-such-process", error)


@router.post(
    "/processes/{process_id}/execution",
    summary="Execute a process",
    responses={
        200: {"description": "The answer, or a document with it", "content": {JSON: {}}},
        201: {"model": StatusModel},
    },
    openapi_extra=_BODY,
)
async def execute(process_id: str, request: Request, state: State) -> Response:
    """The answer at once, or with ``Prefer: respond-async`` a job."""
    only(request, {"f", "lang"})
    if process_id not in ANALYSES:
        return _no_process(request, process_id)
    media = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media != JSON:
        raise InvalidRequestError(f"Content-Type {media[:60]!r}: expected {JSON}.", "Content-Type")
    asked = read_execution(process_id, await request.body())
    prefer = request.headers.get("prefer", "").lower()
    act: Callable[..., Response] = _as_job if "respond-async" in prefer else _at_once
    return await run_in_threadpool(act, request, state, asked)


def _study(request: Request, state: CityState) -> Study:
    return Study(state.scenes.now(), state.store, reach_of(request))


def _at_once(request: Request, state: CityState, asked: Execution) -> Response:
    content = encoded(run(asked.process.id, asked.inputs, _study(request, state)))
    return _sent(content, asked.process.media, document=asked.document)


def _as_job(request: Request, state: CityState, asked: Execution) -> Response:
    job = submitted(state.runner, asked, _study(request, state))
    status = status_of(job, base_url(request))
    headers = {
        "Location": f"{base_url(request)}/jobs/{job.id}",
        "Preference-Applied": "respond-async",
    }
    return answer(status, status=201, headers=headers | _NO_STORE)  # fmt: skip


def _sent(content: bytes, media: str, *, document: bool) -> Response:
    """The bare value, or results.yaml: the value with its media type under the name of the output."""
    if document:
        head = f'{{"{OUTPUT}":{{"mediaType":"{media}","value":'.encode()
        content, media = head + content + b"}}", JSON
    return Response(content, 200, _NO_STORE, media)


@router.get("/jobs", summary="Jobs", responses={200: {"model": JobListModel}})
def jobs(
    request: Request,
    state: State,
    type: Annotated[str | None, Query(description="process.")] = None,
    processID: Annotated[str | None, Query(description="Process ids, with commas between.")] = None,  # noqa: N803
    status: Annotated[str | None, Query(description="Statuses, with commas between.")] = None,
    datetime: Annotated[str | None, Query(description="Created then: a time or start/end.")] = None,
    minDuration: Annotated[str | None, Query(description="Seconds it has run at least.")] = None,  # noqa: N803
    maxDuration: Annotated[str | None, Query(description="Seconds it has run at most.")] = None,  # noqa: N803
    limit: Annotated[str | None, Query(description="Jobs of a page, 10 unless told.")] = None,
    offset: Annotated[str | None, Query(description="Jobs before the page.")] = None,
) -> Response:
    """Jobs that wait, run or have ended, newest first."""
    only(request, _JOB_PARAMETERS)
    most, start = parse_whole(limit, "limit", _LIMIT, 1, 1000), parse_whole(offset, "offset", 0, 0)
    found = jobs_within(state.runner, reach_of(request))
    if type is not None and "process" not in type.split(","):
        found = []
    if processID is not None:
        found = [job for job in found if job.process in processID.split(",")]
    if status is not None:
        wrong = sorted(set(status.split(",")) - set(_STATUSES))
        if wrong:
            raise InvalidRequestError(f"status={wrong[0][:40]!r}: expected {', '.join(_STATUSES)}.", "status")  # fmt: skip
        found = [job for job in found if job.status in status.split(",")]
    found = _at(found, datetime)
    least = parse_whole(minDuration, "minDuration", 0, 0)
    longest = parse_whole(maxDuration, "maxDuration", 1 << 40, 0)
    if minDuration is not None or maxDuration is not None:
        found = [job for job in found if job.started and least <= _seconds(job) <= longest]
    listed = [status_of(job, base_url(request)) for job in found[start : start + most]]
    body = {"jobs": listed, "links": _links(request, start, most, len(found))}
    return answer(body, headers=_NO_STORE)


def _seconds(job: Job) -> float:
    assert job.started is not None  # noqa: S101 -- asked of started jobs alone
    return ((job.finished or utc_now()) - job.started).total_seconds()


def _at(found: list[Job], interval: str | None) -> list[Job]:
    if interval is None:
        return found
    asked = parse_moment(None, None, interval)
    if asked.valid_at is not None:
        return [job for job in found if job.created == asked.valid_at]
    return [
        job for job in found
        if (asked.since is None or job.created >= asked.since) and (asked.until is None or job.created <= asked.until)
    ]  # fmt: skip


def _links(request: Request, start: int, most: int, total: int) -> list[dict[str, Any]]:
    links = [link(link_with(request, {}), "self")]
    if start + most < total:
        links.append(link(link_with(request, {"offset": str(start + most), "limit": str(most)}), "next"))  # fmt: skip
    if start > 0:
        links.append(link(link_with(request, {"offset": str(max(0, start - most)), "limit": str(most)}), "prev"))  # fmt: skip
    return links


@router.get("/jobs/{job_id}", summary="How a job stands", responses={200: {"model": StatusModel}})
def job_status(job_id: str, request: Request, state: State) -> Response:
    """Status and progress in percent."""
    only(request, {"f", "lang"})
    try:
        job = job_of(state.runner, job_id, reach_of(request))
    except NotFoundError as error:
        return _missing(request, "no-such-job", error)
    return answer(status_of(job, base_url(request)), headers=_NO_STORE)


@router.get(
    "/jobs/{job_id}/results",
    summary="The results of a job",
    responses={200: {"description": "As the execution asked for it", "content": {JSON: {}}}},
)
def results(job_id: str, request: Request, state: State) -> Response:
    """The answer, as :func:`execute` would have given it."""
    only(request, {"f", "lang"})
    try:
        job = job_of(state.runner, job_id, reach_of(request))
    except NotFoundError as error:
        return _missing(request, "no-such-job", error)
    if job.status == "failed":
        return _failed(request, job)
    if job.status != "successful":
        told = f"job {job.id} is {job.status}; its results are there when it is successful"
        return problem(request, BY_STATUS[404], told, type=f"{_PROBLEM}/result-not-ready")
    content = (job.folder / "result.json").read_bytes()
    return _sent(content, ANALYSES[job.process].media, document=bool(job.given["document"]))


def _failed(request: Request, job: Job) -> Response:
    """What the execution would have answered."""
    error = job.said.get("error", {})
    status = {"InvalidRequestError": 400, "NotFoundError": 404}.get(error.get("kind"), 500)
    detail = job.message or "the job failed"
    return problem(request, BY_STATUS[status], detail, parameter=error.get("parameter"))


@router.delete("/jobs/{job_id}", summary="Dismiss a job", responses={200: {"model": StatusModel}})
def dismiss(job_id: str, request: Request, state: State) -> Response:
    """End a job that waits or runs; forget one that has ended."""
    only(request, {"f", "lang"})
    try:
        job = job_of(state.runner, job_id, reach_of(request))
        ended = state.runner.dismiss(job.id)
    except NotFoundError as error:
        return _missing(request, "no-such-job", error)
    return answer(status_of(ended, base_url(request)), headers=_NO_STORE)
