"""Tables of addresses as jobs: send one, ask how far it is, take the answers, dismiss it."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from api.access import whole_only
from api.address_jobs import AddressJob
from api.address_tables import writer_for
from api.deps import State, base_url, only
from api.models import answer
from twin.errors import ConflictError, InvalidRequestError

__all__ = ["router"]

router = APIRouter(tags=["addresses"])
NO_STORE: Final = {"Cache-Control": "no-store"}
PARQUET: Final = "application/vnd.apache.parquet"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUFFIXES: Final[Mapping[str, str]] = {
    "text/csv": ".csv",
    PARQUET: ".parquet",
    "application/x-parquet": ".parquet",
    XLSX: ".xlsx",
}
"""Media type of a table that is sent → the ending it is read by."""


class BatchIn(BaseModel):
    """Addresses to answer: bare texts, or rows of which a column holds the text."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"texts": ["临江花园5栋2单元301", "临江大道35号"]}},
    )
    texts: list[str] | None = None
    rows: list[dict[str, str | int | float | bool | None]] | None = None


class JobOut(BaseModel):
    """A job, in the words of OGC API Processes."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "jobID": "019e7044-8800-7000-8000-0000000000bb",
                "type": "process",
                "processID": "address-batch",
                "status": "running",
                "progress": 40,
                "rows": 2000,
                "message": None,
                "created": "2026-07-01T08:00:00Z",
                "started": "2026-07-01T08:00:01Z",
                "finished": None,
                "report": None,
            }
        }
    )
    jobID: str  # noqa: N815 -- the standard's name
    type: str
    processID: str  # noqa: N815 -- the standard's name
    status: str
    progress: int = Field(description="Percent.")
    rows: int
    message: str | None
    created: str
    started: str | None
    finished: str | None
    report: dict[str, Any] | None = Field(
        description="Counts by status and fault, histogram of confidence."
    )


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": BatchIn.model_json_schema()},
            "text/csv": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
            XLSX: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "/address/batch", summary="Answer a table of addresses", status_code=201,
    responses={201: {"model": JobOut}}, openapi_extra=BODY,
)  # fmt: skip
async def submit(
    request: Request,
    state: State,
    column: Annotated[
        str | None, Query(description="Column of the text; found when absent.")
    ] = None,
) -> Response:
    """Send texts or rows as JSON, or a file as CSV, Parquet or XLSX; the answer says where the job is."""
    only(request, {"column", "f", "lang"})
    whole_only(request)
    body = await request.body()
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json":
        content, suffix = _from_json(body), ".parquet"
    elif media in SUFFIXES:
        content, suffix = body, SUFFIXES[media]
    else:
        raise InvalidRequestError(
            f"Content-Type {media[:60]!r}: expected application/json, {', '.join(SUFFIXES)}.",
            "Content-Type",
        )
    job = state.jobs.submit(content, suffix, column)
    where = f"/address/batch/{job.id}"
    return answer(_described(job, request), status=201, headers={"Location": where, **NO_STORE})


@router.get("/address/batch", summary="Jobs", responses={200: {"model": JobList}})
def jobs(request: Request, state: State) -> Response:
    """Jobs that wait, run, or have ended lately, newest first."""
    only(request, {"f", "lang"})
    whole_only(request)
    return answer(
        {"jobs": [_described(job, request) for job in state.jobs.listed()]}, headers=NO_STORE
    )


@router.get(
    "/address/batch/{job_id}", summary="How far a job is", responses={200: {"model": JobOut}}
)
def status(job_id: str, request: Request, state: State) -> Response:
    """Status, progress in percent, and the report when it has ended."""
    only(request, {"f", "lang"})
    whole_only(request)
    return answer(_described(state.jobs.get(job_id), request), headers=NO_STORE)


@router.get("/address/batch/{job_id}/result", summary="The answers of a job")
def result(
    job_id: str,
    request: Request,
    state: State,
    f: Annotated[str | None, Query(description="json (default), csv, parquet or xlsx.")] = None,
    part: Annotated[
        str | None, Query(description="all (default), or review: what a person should see.")
    ] = None,
) -> Response:
    """The rows that were sent, each with its answer; a workbook also has the review list and the report as sheets."""
    only(request, {"f", "part", "lang"})
    whole_only(request)
    if f not in (None, "json", "csv", "parquet", "xlsx"):
        raise InvalidRequestError(f"f={f[:20]!r}: expected json, csv, parquet or xlsx.", "f")
    if part not in (None, "all", "review"):
        raise InvalidRequestError(f"part={part[:20]!r}: expected all or review.", "part")
    job = state.jobs.get(job_id)
    if job.status != "successful":
        raise ConflictError(
            f"job {job.id} is {job.status}; its result is there when it is successful"
        )
    table = pq.read_table(job.result)
    beside = job.result.with_name("answers.review.parquet")
    review = pq.read_table(beside) if beside.exists() else table.slice(0, 0)
    if f == "xlsx":
        return _workbook(table if part != "review" else None, review, job.lines)
    return _written(review if part == "review" else table, f or "json")


@router.delete(
    "/address/batch/{job_id}", summary="Dismiss a job", responses={200: {"model": JobOut}}
)
def dismiss(job_id: str, request: Request, state: State) -> Response:
    """End a job that waits or runs; forget one that has ended."""
    only(request, {"f", "lang"})
    whole_only(request)
    return answer(_described(state.jobs.dismiss(job_id), request), headers=NO_STORE)


def _described(job: AddressJob, request: Request) -> dict[str, Any]:
    here = f"{base_url(request)}/address/batch/{job.id}"
    links = [{"href": here, "rel": "self"}]
    if job.status == "successful":
        links.append(
            {"href": f"{here}/result", "rel": "http://www.opengis.net/def/rel/ogc/1.0/results"}
        )
    return {**job.to_json(), "links": links}


def _from_json(body: bytes) -> bytes:
    """Rows of a JSON body as a Parquet table."""
    try:
        given = BatchIn.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidRequestError(f"body {where}: {first['msg']}.", where or None) from None
    if (given.texts is None) == (given.rows is None):
        raise InvalidRequestError("the body needs either texts or rows.", "texts")
    if not (given.texts or given.rows):
        raise InvalidRequestError("the body holds no rows.", "texts")
    if given.texts is not None:
        table = pa.table({"text": pa.array(given.texts, pa.string())})
    else:
        names = list(dict.fromkeys(name for row in given.rows or () for name in row))
        columns = {
            name: pa.array(
                [None if (v := row.get(name)) is None else str(v) for row in given.rows or ()],
                pa.string(),
            )
            for name in names
        }
        table = pa.table(columns)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _workbook(table: pa.Table | None, review: pa.Table, lines: list[tuple[str, Any]]) -> Response:
    with tempfile.TemporaryDirectory(prefix="citytwin-result-") as folder:
        path = Path(folder) / "answers.xlsx"
        with writer_for(path) as writer:
            if table is not None:
                writer.rows(table)
            writer.review(review)
            writer.report(lines, {})
        content = path.read_bytes()
    named = {"Content-Disposition": 'attachment; filename="addresses.xlsx"'}
    return Response(content, 200, NO_STORE | named, XLSX)


def _written(table: pa.Table, form: str) -> Response:
    if form == "json":
        return Response(
            orjson.dumps({"rows": table.to_pylist()}, default=str),
            200,
            NO_STORE,
            "application/json",
        )
    sink = io.BytesIO()
    if form == "csv":
        sink.write(b"\xef\xbb\xbf")
        pc_csv.write_csv(table, sink)
        return Response(sink.getvalue(), 200, NO_STORE, "text/csv; charset=utf-8")
    pq.write_table(table, sink)
    return Response(sink.getvalue(), 200, NO_STORE, PARQUET)
