"""OGC API – Processes 1.0 (OGC 18-062r2), one test a requirement under its URI; jobs that end, are dismissed, outlive the server."""

import threading
import time

import httpx
import pytest
from jsonschema import Draft202012Validator

from api.app import create_app
from api.jobs import Jobs, Work
from api.routes.processes import PROCESSES_CONFORMANCE
from twin.analysis import ANALYSES
from twin.settings import ServerSettings

SPEC = "http://www.opengis.net/spec/ogcapi-processes-1/1.0"
PROBLEM = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
NEAR = {"at": [114.0002, 30.4002, 50.0], "count": 3, "collections": ["buildings"]}
LINK = {
    "type": "object",
    "required": ["href"],
    "properties": {"href": {"type": "string"}, "rel": {"type": "string"}},
}
SUMMARY = {
    "type": "object", "required": ["id", "version"],
    "properties": {
        "id": {"type": "string"}, "version": {"type": "string"}, "title": {"type": "string"}, "keywords": {"type": "array"},
        "jobControlOptions": {"type": "array", "items": {"enum": ["sync-execute", "async-execute", "dismiss"]}},
        "outputTransmission": {"type": "array", "items": {"enum": ["value", "reference"]}},
        "links": {"type": "array", "items": LINK},
    },
}  # fmt: skip
STATUS = {
    "type": "object", "required": ["jobID", "status", "type"],
    "properties": {
        "jobID": {"type": "string"}, "processID": {"type": "string"}, "type": {"enum": ["process"]},
        "status": {"enum": ["accepted", "running", "successful", "failed", "dismissed"]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100}, "links": {"type": "array", "items": LINK},
        **{name: {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"} for name in ("created", "started", "finished", "updated")},
    },
}  # fmt: skip
EXCEPTION = {"type": "object", "required": ["type"], "properties": {"status": {"type": "integer"}}}
REQUIREMENTS = {}


def requirement(*names):
    """Register a check under the URIs of requirements."""

    def keep(check):
        for name in names:
            REQUIREMENTS[f"{SPEC}/req/{name}"] = check
        return check

    return keep


def valid(schema, body):
    Draft202012Validator(schema).validate(body)
    return body


def links(body):
    return {entry["rel"]: entry["href"] for entry in body["links"]}


def execute(client, process, inputs, prefer=None, **more):
    headers = {"Prefer": prefer} if prefer else {}
    return client.post(
        f"/processes/{process}/execution", json={"inputs": inputs, **more}, headers=headers
    )


def ended(client, job):
    for _ in range(1500):
        found = client.get(f"/jobs/{job}").json()
        if found["status"] not in ("accepted", "running"):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def refused(answer, status, kind):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert valid(EXCEPTION, answer.json())["type"].endswith(kind)
    assert answer.json()["status"] == status


@requirement("core/landingpage-op", "core/landingpage-success")
def _landing(client):
    rels = links(client.get("/landing").json())
    assert rels["service-desc"].endswith("/api")
    assert client.get(rels["conformance"]).status_code == 200
    assert client.get(rels[f"{REL}/processes"]).json()["processes"]
    assert "jobs" in client.get(rels[f"{REL}/job-list"]).json()


@requirement("core/conformance-op", "core/conformance-success")
def _conformance(client):
    assert set(PROCESSES_CONFORMANCE) <= set(client.get("/conformance").json()["conformsTo"])


@requirement(
    "core/api-definition-op",
    "core/api-definition-success",
    "oas30/oas-definition-1",
    "oas30/completeness",
)
def _definition(client):
    paths = client.get("/api").json()["paths"]
    for path, methods in {
        "/processes": {"get"}, "/processes/{process_id}": {"get"}, "/processes/{process_id}/execution": {"post"},
        "/jobs": {"get"}, "/jobs/{job_id}": {"get", "delete"}, "/jobs/{job_id}/results": {"get"},
    }.items():  # fmt: skip
        assert methods <= paths[path].keys()
    body = paths["/processes/{process_id}/execution"]["post"]["requestBody"]["content"][
        "application/json"
    ]
    assert body["schema"]["properties"]["inputs"]


@requirement("core/process-list", "core/process-list-success", "core/pl-links", "json/definition")
def _list(client):
    found = client.get("/processes")
    assert found.headers["content-type"] == "application/json"
    body = found.json()
    assert [valid(SUMMARY, entry)["id"] for entry in body["processes"]] == list(ANALYSES)
    assert "self" in links(body)


@requirement("core/pl-limit-definition", "core/pl-limit-response")
def _list_limit(client):
    seen, where = [], "/processes?limit=3"
    while where:
        body = client.get(where).json()
        assert len(body["processes"]) <= 3
        seen += [entry["id"] for entry in body["processes"]]
        where = links(body).get("next")
    assert seen == list(ANALYSES)
    refused(client.get("/processes?limit=0"), 400, "")


@requirement(
    "core/process-description", "core/process-description-success", "core/process-summary-links",
    "ogc-process-description/json-encoding", "ogc-process-description/inputs-def", "ogc-process-description/input-def",
    "ogc-process-description/outputs-def", "ogc-process-description/output-def",
)  # fmt: skip
def _description(client):
    for name in ANALYSES:
        body = valid(SUMMARY, client.get(f"/processes/{name}").json())
        assert body["id"] == name
        rels = links(body)
        assert client.get(rels["self"]).status_code == 200
        assert rels[f"{REL}/execute"].endswith(f"/processes/{name}/execution")
        for entry in (*body["inputs"].values(), *body["outputs"].values()):
            Draft202012Validator.check_schema(entry["schema"])
        assert all(
            i["minOccurs"] in (0, 1) and i["maxOccurs"] == 1 for i in body["inputs"].values()
        )


@requirement("core/process-exception-no-such-process")
def _no_process(client):
    refused(client.get("/processes/nothing"), 404, f"{PROBLEM}/no-such-process")
    refused(execute(client, "nothing", {}), 404, f"{PROBLEM}/no-such-process")


@requirement("core/process-execute-op", "core/process-execute-request", "core/process-execute-inputs",
             "core/process-execute-sync-one", "core/process-execute-sync-raw-value-one",
             "core/process-execute-default-execution-mode")  # fmt: skip
def _sync(client):
    found = execute(client, "nearest", NEAR)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/geo+json")
    assert found.json()["numberReturned"] == 3
    # the tower's roof is 13 m up: from 50 m above its middle it is 37 m away
    assert found.json()["features"][0]["properties"]["distance_m"] == 37.0


@requirement("core/process-execute-sync-document", "core/process-execute-sync-one-document")
def _document(client):
    raw = execute(client, "nearest", NEAR).json()
    found = execute(client, "nearest", NEAR, response="document")
    assert found.headers["content-type"] == "application/json"
    assert found.json() == {"result": {"mediaType": "application/geo+json", "value": raw}}


@requirement(
    "core/process-execute-input-inline",
    "core/process-execute-input-inline-object",
    "core/process-execute-input-validation",
)
def _inputs(client):
    raw = execute(client, "nearest", NEAR).json()
    point = {"type": "Point", "coordinates": NEAR["at"]}
    for wrapped in ({"value": NEAR["at"]}, {"value": point}, point):
        assert execute(client, "nearest", NEAR | {"at": wrapped}).json() == raw
    for wrong, name in (
        ({"at": [200, 0, 0]}, "at"), ({"at": "here"}, "at"), ({"count": 0}, "count"), ({"nonsense": 1}, "nonsense"),
        ({"at": {"href": "http://127.0.0.1/secret"}}, "at"), ({"count": None}, "count"),
    ):  # fmt: skip
        answer = execute(client, "nearest", NEAR | wrong)
        refused(answer, 400, "")
        assert answer.json()["parameter"] == name
    refused(execute(client, "nearest", {}), 400, "")


@requirement("core/process-execute-default-outputs")
def _outputs(client):
    asked = {
        "result": {"transmissionMode": "value", "format": {"mediaType": "application/geo+json"}}
    }
    assert execute(client, "nearest", NEAR, outputs=asked).status_code == 200
    for wrong in ({"other": {}}, {"result": {"transmissionMode": "reference"}}, {"result": 1}, []):
        refused(execute(client, "nearest", NEAR, outputs=wrong), 400, "")
    refused(execute(client, "nearest", NEAR, response="html"), 400, "")
    refused(
        execute(client, "nearest", NEAR, subscriber={"successUri": "http://127.0.0.1/"}), 400, ""
    )
    refused(client.post("/processes/nearest/execution", content=b"{"), 400, "")


@requirement("core/process-execute-auto-execution-mode", "core/process-execute-success-async", "core/job-success",
             "core/job-results", "core/job-results-async-raw-value-one", "core/job-op")  # fmt: skip
def _async(client):
    sent = execute(client, "nearest", NEAR, "respond-async")
    assert sent.status_code == 201
    assert sent.headers["preference-applied"] == "respond-async"
    assert sent.headers["location"].endswith(f"/jobs/{valid(STATUS, sent.json())['jobID']}")
    job = valid(STATUS, ended(client, sent.json()["jobID"]))
    assert (job["status"], job["progress"], job["processID"]) == ("successful", 100, "nearest")
    results = client.get(links(job)[f"{REL}/results"])
    assert results.headers["content-type"] == "application/geo+json"
    assert results.json() == execute(client, "nearest", NEAR).json()
    assert results.json()["result_id"] == job["jobID"]


@requirement("core/job-results-async-document")
def _async_document(client):
    inputs = NEAR | {"count": 2}
    sent = execute(client, "nearest", inputs, "respond-async", response="document")
    job = ended(client, sent.json()["jobID"])
    answer = client.get(f"/jobs/{job['jobID']}/results").json()
    assert answer["result"]["value"] == execute(client, "nearest", inputs).json()


@requirement("core/job-exception-no-such-job", "core/job-results-exception-no-such-job")
def _no_job(client):
    refused(client.get("/jobs/nothing"), 404, f"{PROBLEM}/no-such-job")
    refused(client.get("/jobs/nothing/results"), 404, f"{PROBLEM}/no-such-job")
    refused(client.delete("/jobs/nothing"), 404, f"{PROBLEM}/no-such-job")


@requirement("core/job-results-failed")
def _failed(client):
    gone = {"thing": "018f0000-0000-7000-8000-000000000000"}
    direct = execute(client, "nearest", gone)
    job = ended(client, execute(client, "nearest", gone, "respond-async").json()["jobID"])
    assert job["status"] == "failed"
    answer = client.get(f"/jobs/{job['jobID']}/results")
    refused(answer, direct.status_code, "not-found")
    assert answer.json()["detail"] == direct.json()["detail"] == job["message"]


@requirement("job-list/job-list-op", "job-list/job-list-success", "job-list/limit-definition", "job-list/limit-response",
             "job-list/links", "job-list/type-definition", "job-list/type-response", "job-list/processID-definition",
             "job-list/processID-response", "job-list/status-definition", "job-list/status-response",
             "job-list/datetime-definition", "job-list/datetime-response", "job-list/duration-definition",
             "job-list/duration-response")  # fmt: skip
def _job_list(client):
    ids = []
    for count in (11, 12, 13):
        ids.append(
            execute(client, "nearest", NEAR | {"count": count}, "respond-async").json()["jobID"]
        )
        ended(client, ids[-1])
    ids.append(
        execute(client, "within", {"at": NEAR["at"], "distance_m": 40}, "respond-async").json()[
            "jobID"
        ]
    )
    created = ended(client, ids[-1])["created"]

    def listed(**asked):
        body = client.get("/jobs", params=asked).json()
        return [valid(STATUS, job)["jobID"] for job in body["jobs"]]

    assert listed(limit=4) == ids[::-1]
    assert listed(limit=1) == ids[-1:]
    assert "next" in links(client.get("/jobs?limit=1").json())
    assert listed(processID="within") == ids[-1:]
    assert set(ids) <= set(listed(status="successful", limit=100))
    assert listed(status="running,accepted") == []
    assert listed(type="other") == []
    assert ids[-1] in listed(datetime=f"{created}/..")
    assert ids[0] not in listed(datetime=f"{created}/..")
    assert listed(minDuration=3600) == []
    assert set(ids) <= set(listed(maxDuration=3600, limit=100))
    for wrong in (
        {"status": "lost"},
        {"datetime": "soon"},
        {"limit": "none"},
        {"minDuration": "-1"},
        {"x": "1"},
    ):
        refused(client.get("/jobs", params=wrong), 400, "")


@requirement("dismiss/job-dismiss-op", "dismiss/job-dismiss-success")
def _dismiss(client):
    job = execute(client, "nearest", NEAR | {"count": 21}, "respond-async").json()["jobID"]
    ended(client, job)
    answer = client.delete(f"/jobs/{job}")
    assert (answer.status_code, valid(STATUS, answer.json())["status"]) == (200, "dismissed")
    refused(client.get(f"/jobs/{job}"), 404, f"{PROBLEM}/no-such-job")
    again = execute(client, "nearest", NEAR | {"count": 21}, "respond-async")
    assert again.json()["jobID"] == job  # the same request to the same base
    assert ended(client, job)["status"] == "successful"


@pytest.mark.parametrize("uri", sorted(REQUIREMENTS))
def test_requirement(uri, client):
    REQUIREMENTS[uri](client)


def test_every_declared_class_has_requirements_with_tests():
    tested = {uri.split("/req/")[1].split("/")[0] for uri in REQUIREMENTS}
    assert {uri.rsplit("/", 1)[1] for uri in PROCESSES_CONFORMANCE} <= tested


def waiting(job):
    """Work that goes on until it is told to stop."""
    job.said["begun"] = True
    while True:
        job.tell(0.5)
        time.sleep(0.005)


def until(claim):
    for _ in range(1000):
        if claim():
            return
        time.sleep(0.005)
    raise AssertionError


def test_a_dismissed_job_stops_and_the_next_one_runs(tmp_path):
    jobs = Jobs(tmp_path / "jobs", {"wait": Work("a", waiting), "end": Work("a", lambda _: None)})
    try:
        first = jobs.submit("wait", {})
        until(lambda: first.said)
        second = jobs.submit("end", {})
        assert second.status == "accepted"
        assert jobs.dismiss(first.id).status == "dismissed"
        until(lambda: second.status == "successful")
        until(lambda: not first.folder.exists())
        assert [job.id for job in jobs.listed()] == [second.id]
    finally:
        jobs.close()


def test_jobs_outlive_the_server(tmp_path):
    done = threading.Event()

    def work(job):
        if not done.is_set():
            waiting(job)
        (job.folder / "answer").write_text(job.given["name"])

    jobs = Jobs(tmp_path / "jobs", {"w": Work("a", work)})
    running, waits = jobs.submit("w", {"name": "one"}), jobs.submit("w", {"name": "two"})
    until(lambda: running.said)
    jobs.close()
    (tmp_path / "jobs" / "half").mkdir()  # a crash between folder and file
    done.set()
    jobs = Jobs(tmp_path / "jobs", {"w": Work("a", work)})
    try:
        until(lambda: all(job.status == "successful" for job in jobs.listed()))
        assert [job.id for job in jobs.listed()] == [waits.id, running.id]
        assert [(job.folder / "answer").read_text() for job in jobs.listed()] == ["two", "one"]
    finally:
        jobs.close()
    jobs = Jobs(tmp_path / "jobs", {"w": Work("a", work)})
    jobs.close()
    assert [job.status for job in jobs.listed()] == ["successful"] * 2
    assert not (tmp_path / "jobs" / "half").exists()


def test_jobs_and_what_they_hold_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("api.jobs.MOST_JOBS", 3)
    monkeypatch.setattr("api.jobs.MOST_BYTES", 1000)
    jobs = Jobs(
        tmp_path / "jobs",
        {"w": Work("a", lambda job: (job.folder / "x").write_bytes(b"x" * job.given["n"]))},
    )
    try:
        made = []
        for size in (1, 1, 1, 1, 600, 600):
            made.append(jobs.submit("w", {"n": size}))
            until(lambda: made[-1].status == "successful")
        until(lambda: len(jobs.listed()) == 1)
        assert [job.id for job in jobs.listed()] == [made[-1].id]
        assert len(list((tmp_path / "jobs").iterdir())) == 1
    finally:
        jobs.close()


def test_results_of_a_server_are_there_after_its_restart(make_city, serve, tmp_path):
    settings = ServerSettings(city=make_city(tmp_path / "city").path)
    with serve(create_app(settings)) as root, httpx.Client(base_url=root) as client:
        job = execute(client, "nearest", NEAR, "respond-async").json()["jobID"]
        ended(client, job)
        results = client.get(f"/jobs/{job}/results").content
    with serve(create_app(settings)) as root, httpx.Client(base_url=root) as client:
        assert client.get(f"/jobs/{job}").json()["status"] == "successful"
        assert client.get(f"/jobs/{job}/results").content == results
        assert execute(client, "nearest", NEAR, "respond-async").json()["jobID"] == job
