"""Analyses as processes of OGC API: their descriptions, execution requests, and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import shapely

from api.jobs import Job, Jobs, Work
from api.models import instant
from twin.analysis import (
    ANALYSES,
    Analysis,
    SceneBook,
    Study,
    analysis,
    job_id,
    read_inputs,
    run,
)
from twin.errors import InvalidRequestError, NotFoundError
from twin.features.asking import Reach
from twin.store import Store

__all__ = [
    "MOST_RESULT_BYTES", "OUTPUT", "Execution", "analysis_work", "described", "encoded", "job_of", "jobs_within", "reach_key",
    "read_execution", "status_of", "submitted", "summary",
]  # fmt: skip

VERSION: Final = "1.0.0"
OUTPUT: Final = "result"
"""The one output every analysis has."""
MOST_RESULT_BYTES: Final = 256 << 20
REL: Final = "http://www.opengis.net/def/rel/ogc/1.0"
_QUALIFIED: Final = frozenset({"value", "mediaType", "encoding", "schema"})


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution request: the process, its inputs by value, whether the answer comes in a document."""

    process: Analysis
    inputs: Mapping[str, Any]
    document: bool


def summary(what: Analysis, root: str, language: str) -> dict[str, Any]:
    """Summary of a process (processSummary.yaml)."""
    here = f"{root}/processes/{what.id}"
    return {
        "id": what.id, "version": VERSION, "title": what.title_zh if language == "zh" else what.title,
        "description": what.description, "keywords": ["3D", "analysis"],
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"], "outputTransmission": ["value"],
        "links": [
            {"href": here, "rel": "self", "type": "application/json", "title": what.title},
            {"href": f"{here}/execution", "rel": f"{REL}/execute", "type": "application/json", "title": "Execute"},
        ],
    }  # fmt: skip


def described(what: Analysis, root: str, language: str) -> dict[str, Any]:
    """Description of a process (process.yaml): summary, inputs, output, and an example that runs."""
    schema = what.inputs.model_json_schema()
    required = set(schema.get("required", ()))
    inputs = {
        name: {
            "title": name,
            "description": part.pop("description", name),
            "schema": {key: value for key, value in part.items() if key != "title"},
            "minOccurs": int(name in required),
            "maxOccurs": 1,
        }
        for name, part in schema["properties"].items()
    }
    output = {"title": what.title, "schema": {**what.schema, "contentMediaType": what.media}}
    return {
        **summary(what, root, language),
        "inputs": inputs,
        "outputs": {OUTPUT: output},
        "example": {"inputs": dict(what.example)},
    }


def read_execution(name: str, body: bytes) -> Execution:
    """An execution request (execute.yaml).

    Raises
    ------
    NotFoundError
        If there is no such process.
    InvalidRequestError
        If it is no such request, or asks for what is not offered: references, callbacks, other outputs.
    """
    what = analysis(name)
    try:
        given = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"the body is no JSON ({error}).", "body") from None
    if not isinstance(given, dict):
        raise InvalidRequestError("the body: expected an object with inputs.", "body")
    unknown = sorted(set(given) - {"inputs", "outputs", "response", "subscriber"})
    if unknown:
        raise InvalidRequestError(
            f"{unknown[0]!r} is no member of an execution request; expected inputs, outputs, response.", unknown[0]
        )  # fmt: skip
    if given.get("subscriber") is not None:
        raise InvalidRequestError(
            "subscriber: callbacks are not offered; ask /jobs/{jobID} instead.", "subscriber"
        )
    response = given.get("response", "raw")
    if response not in ("raw", "document"):
        raise InvalidRequestError(f"response={str(response)[:40]!r}: expected raw or document.", "response")  # fmt: skip
    _check_outputs(given.get("outputs"), what)
    inputs = given.get("inputs", {})
    if not isinstance(inputs, dict):
        raise InvalidRequestError("inputs: expected an object, name: value.", "inputs")
    return Execution(what, {key: _by_value(key, value) for key, value in inputs.items()}, response == "document")  # fmt: skip


def _by_value(name: str, value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Value of an input, out of its wrapping."""
    if isinstance(value, dict) and "href" in value:
        raise InvalidRequestError(
            f"inputs.{name}: inputs by reference are not offered; send the value.", name
        )
    if isinstance(value, dict) and "value" in value and set(value) <= _QUALIFIED:
        return value["value"]
    return value


def _check_outputs(outputs: Any, what: Analysis) -> None:  # noqa: ANN401 -- any JSON
    if outputs is None:
        return
    if not isinstance(outputs, dict) or not all(isinstance(o, dict) for o in outputs.values()):
        raise InvalidRequestError("outputs: expected an object, name: how it is sent.", "outputs")
    for name, wanted in outputs.items():
        if name != OUTPUT:
            raise InvalidRequestError(f"outputs.{name[:40]}: {what.id} has one output, {OUTPUT}.", "outputs")  # fmt: skip
        how = wanted.get("transmissionMode", "value")
        if how != "value":
            raise InvalidRequestError(f"transmissionMode={str(how)[:20]!r}: expected value.", "outputs")  # fmt: skip
        asked = wanted.get("format", {})
        media = asked.get("mediaType", what.media) if isinstance(asked, dict) else asked
        if media not in (what.media, "application/json"):
            raise InvalidRequestError(f"format {str(media)[:60]!r}: expected {what.media}.", "outputs")  # fmt: skip


def encoded(answer: Mapping[str, Any]) -> bytes:
    """JSON of an answer.

    Raises
    ------
    InvalidRequestError
        If it is larger than :data:`MOST_RESULT_BYTES`.
    """
    content = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY, default=_plain)
    if len(content) > MOST_RESULT_BYTES:
        raise InvalidRequestError(
            f"the answer has {len(content)} bytes; at most {MOST_RESULT_BYTES} are kept: ask for less"
        )
    return content


def _plain(value: Any) -> Any:  # noqa: ANN401 -- what orjson does not know
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


def reach_key(reach: Reach) -> dict[str, Any]:
    """What a caller may see, as it is kept with a job."""
    return {
        "classes": None if reach.classes is None else sorted(reach.classes),
        "area": None if reach.area is None else shapely.to_wkb(reach.area, hex=True),
    }


def analysis_work(scenes: SceneBook, store: Store) -> dict[str, Work]:
    """What does the jobs of every analysis."""

    def do(job: Job) -> None:
        kept = job.given["reach"]
        classes = None if kept["classes"] is None else frozenset(kept["classes"])
        reach = Reach(classes, None if kept["area"] is None else shapely.from_wkb(kept["area"]))
        study = Study(scenes.now(), store, reach, job.tell)
        content = encoded(run(job.process, job.given["inputs"], study))
        beside = job.folder / "result.json.new"
        beside.write_bytes(content)
        beside.replace(job.folder / "result.json")

    return {name: Work("analyses", do) for name in ANALYSES}


def submitted(jobs: Jobs, asked: Execution, study: Study) -> Job:
    """A job for an execution; the same request to the same state of the base is the same job."""
    inputs = read_inputs(asked.process, asked.inputs)
    given = {
        "inputs": inputs.model_dump(mode="json", exclude_none=True),
        "reach": reach_key(study.reach),
        "document": asked.document,
    }
    known = job_id(asked.process, inputs, study) if asked.process.lasting else None
    return jobs.submit(asked.process.id, given, job_id=known)


def jobs_within(jobs: Jobs, reach: Reach) -> list[Job]:
    """Jobs of analyses that were asked for with the same rights, newest first."""
    key = reach_key(reach)
    return [j for j in jobs.listed() if j.process in ANALYSES and j.given.get("reach") == key]


def job_of(jobs: Jobs, name: str, reach: Reach) -> Job:
    """A job of an analysis that was asked for with the same rights.

    Raises
    ------
    NotFoundError
    """
    job = jobs.get(name)
    if job.process not in ANALYSES or job.given.get("reach") != reach_key(reach):
        raise NotFoundError(f"there is no job {name[:60]!r}")
    return job


def status_of(job: Job, root: str) -> dict[str, Any]:
    """Status of a job (statusInfo.yaml)."""
    here = f"{root}/jobs/{job.id}"
    links = [
        {"href": here, "rel": "self", "type": "application/json", "title": "This job"},
        {"href": f"{root}/processes/{job.process}", "rel": "up", "type": "application/json", "title": "Its process"},
    ]  # fmt: skip
    if job.status == "successful":
        to = {"href": f"{here}/results", "rel": f"{REL}/results"}
        links.append({**to, "type": "application/json", "title": "Results"})
    said: dict[str, str | None] = {
        "message": job.message,
        "started": instant(job.started),
        "finished": instant(job.finished),
        "updated": instant(job.updated),
    }
    return {
        "jobID": job.id, "processID": job.process, "type": "process", "status": job.status, "progress": job.progress,
        "created": instant(job.created), **{name: value for name, value in said.items() if value is not None}, "links": links,
    }  # fmt: skip
