"""What a request of SensorThings is answered, whether it came alone or in a batch."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import jsonpatch
import numpy as np
import orjson
from jsonpointer import JsonPointerException

from api.sensorthings.batches import Batches, Reply, inside
from twin.errors import ConflictError, InvalidRequestError, TwinError
from twin.live import LiveHub
from twin.live.incoming import Batch
from twin.sensorthings.announcing import Announcer
from twin.sensorthings.model import ENTITIES, entity
from twin.sensorthings.narrowing import Part
from twin.sensorthings.observing import id_of
from twin.sensorthings.plain import expect_stored, path_stream, plain_array, plain_reading
from twin.sensorthings.questions import KNOWN, Question, read_options, read_path
from twin.sensorthings.reading import Answer, Reader
from twin.sensorthings.showing import address_of, one_reading
from twin.sensorthings.writing import Writer
from twin.store import Store

__all__ = ["CONFORMANCE", "Reply", "SensorThings"]

_CLASS: Final = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
CONFORMANCE: Final = tuple(
    _CLASS + name
    for name in (
        "datamodel/thing",
        "datamodel/location",
        "datamodel/historical-location",
        "datamodel/datastream",
        "datamodel/sensor",
        "datamodel/observed-property",
        "datamodel/observation",
        "datamodel/feature-of-interest",
        "datamodel/entity-control-information",
        "resource-path/resource-path-to-entities",
        "request-data/order",
        "request-data/expand",
        "request-data/select",
        "request-data/count",
        "request-data/skip",
        "request-data/top",
        "request-data/filter",
        "request-data/built-in-filter-operations",
        "request-data/built-in-query-functions",
        "request-data/pagination",
        "create-update-delete/create-entity",
        "create-update-delete/link-to-existing-entities",
        "create-update-delete/deep-insert",
        "create-update-delete/deep-insert-status-code",
        "create-update-delete/update-entity",
        "create-update-delete/delete-entity",
        "create-update-delete/historical-location-auto-creation",
        "multi-datastream/properties",
        "multi-datastream/relations",
        "multi-datastream/constraints",
        "data-array/data-array",
        "batch-request/batch-request",
        "create-observations-via-mqtt/observations-creation",
        "receive-updates-via-mqtt/receive-updates",
    )
)
MOST_ROWS: Final = 200_000
PAGED: Final = ("$top", "$skip")


class SensorThings:
    """The service of one city; safe to use from any thread.

    Parameters
    ----------
    store : Store
    hub : LiveHub
    """

    def __init__(self, store: Store, hub: LiveHub) -> None:
        self._hub, self._reader = hub, Reader(store, hub)
        self._writer = self.storing = Writer(store, hub, self._reader)
        self.announcer = Announcer(self._reader, self.storing)
        self._batches = Batches(self._writer, self.handle)

    def root(self, root: str) -> Reply:
        """The entity sets, and what the service can do."""
        sets = [{"name": name, "url": f"{root}/{name}"} for name in ENTITIES]
        settings = {
            "conformance": CONFORMANCE,
            f"{_CLASS}create-observations-via-mqtt/observations-creation": {
                "topics": ["v1.1/Datastreams({id})/Observations", "v1.1/CreateObservations"]
            },
        }
        return Reply(200, {"value": sets, "serverSettings": settings})

    def get(self, path: str, query: str, root: str, part: Part | None = None) -> Reply:
        """What a path holds, of what ``part`` leaves to be seen.

        Raises
        ------
        TwinError
            If it cannot be answered.
        """
        if not path:
            return self.root(root)
        question = read_path(path)
        given = _options(query)
        options = read_options(given, question.entity)
        if question.count:
            return Reply(200, str(self._reader.count(question, options, part)), text=True)
        found = self._reader.answer(question, options, root, part)
        if found.one is not None:
            return _one(question, found.one)
        content: dict[str, Any] = {}
        if found.count is not None:
            content["@iot.count"] = found.count
        if found.more:
            turned = {"$top": str(options.top), "$skip": str(options.skip + options.top)}
            left = {k: v for k, v in given.items() if k not in PAGED}
            content["@iot.nextLink"] = (
                f"{root}/{path.strip('/')}?{urlencode({**left, **turned}, safe='$,/()')}"
            )
        content["value"] = _rows(question, options.data_array, found, root)
        return Reply(200, content)

    def post(self, path: str, body: Any, root: str) -> Reply:  # noqa: ANN401 -- JSON
        """Create what a body holds where a path leads; errors as in :meth:`get`."""
        if path.strip("/") == "$batch":
            return Reply(200, {"responses": self._batches.answer(body, root)})
        if path.strip("/") == "CreateObservations":
            return self._create_observations(body, root)
        batch = self.plain(path, body)
        if batch is not None:
            self._hub.submit(batch)
            self._hub.commit()
            return self.settled(batch, root)
        question = read_path(path)
        if question.single or question.only or question.refs or question.count:
            raise InvalidRequestError(f"{path[:100]!r} is no set; a new entity is posted to a set.")
        above = self._above(question, root)
        made = self._writer.create(question.entity, body, above)
        link = address_of(root, question.entity, made)
        return Reply(201, self._again(link, root), link)

    def plain(self, path: str, body: Any) -> Batch | None:  # noqa: ANN401 -- JSON
        """A POST that is one plain observation as a batch to be stored; None for every other."""
        stream = path_stream(path)
        return None if stream is None else plain_reading(self._hub, body, stream)

    def settled(self, batch: Batch, root: str) -> Reply:
        """Answer to a POST whose batch (:meth:`plain`) is settled.

        Raises
        ------
        TwinError, OSError
            As :func:`twin.sensorthings.plain.expect_stored`.
        """
        expect_stored(batch)
        of, stream, at = ENTITIES["Observations"], int(batch.streams[0]), int(batch.time_us[0])
        link = address_of(root, of, id_of(stream, at))
        if batch.report is None or not batch.report.stored or batch.marks is not None:
            return Reply(201, self._again(link, root), link)
        return Reply(201, one_reading(stream, at, float(batch.value[0]), root), link)

    def _again(self, link: str, root: str) -> Any:  # noqa: ANN401 -- JSON
        return self.get(link[len(root) :], "", root).content

    def _above(self, question: Question, root: str) -> dict[str, int | str]:
        if len(question.steps) < 2:
            return {}
        before = Question(question.steps[:-1], True)
        if question.steps[-2].entity.name == "Observations":
            raise InvalidRequestError("nothing new hangs on an Observation.")
        one = self._reader.answer(before, read_options({"$select": "id"}, before.entity), root).one
        assert one is not None  # noqa: S101 -- a single entity was asked for
        return {before.entity.one: one["@iot.id"]}

    def change(self, path: str, body: Any, root: str, *, whole: bool) -> Reply:  # noqa: ANN401
        """Update (or replace: ``whole``) the entity of a path; errors as in :meth:`get`."""
        entity, given = self._named(path, root)
        self._writer.update(entity, given, body, whole=whole)
        return self.get(path, "", root)

    def patch(self, path: str, steps: Any, root: str) -> Reply:  # noqa: ANN401 -- JSON
        """Change the entity of a path by a JSON Patch (RFC 6902); errors as in :meth:`get`."""
        entity, _ = self._named(path, root)
        before = orjson.loads(orjson.dumps(self.get(path, "", root).content))
        try:
            after = jsonpatch.apply_patch(before, steps)
        except jsonpatch.JsonPatchTestFailed as error:
            raise ConflictError(f"a test of the JSON Patch does not hold: {error}") from error
        except (jsonpatch.JsonPatchException, JsonPointerException, TypeError) as error:
            raise InvalidRequestError(f"the JSON Patch cannot be applied: {error}") from error
        changed = {n: after.get(n) for n in entity.properties if after.get(n) != before.get(n)}
        return self.change(path, changed, root, whole=False)

    def delete(self, path: str, root: str) -> Reply:
        """Delete the entity of a path; errors as in :meth:`get`."""
        entity, given = self._named(path, root)
        self._writer.delete(entity, given)
        return Reply(200, {})

    def _named(self, path: str, root: str) -> tuple[Any, int | str]:
        question = read_path(path)
        if not question.single or question.only or question.value:
            raise InvalidRequestError(f"{path[:100]!r} is not one entity.")
        last = question.steps[-1]
        if last.id is not None and len(question.steps) == 1:
            return last.entity, last.id
        one = self._reader.answer(question, read_options({"$select": "id"}, last.entity), root).one
        assert one is not None  # noqa: S101 -- a single entity was asked for
        return last.entity, one["@iot.id"]

    def _create_observations(self, body: Any, root: str) -> Reply:  # noqa: ANN401 -- JSON
        """Data arrays: one answer per observation, its address or "error"."""
        if not isinstance(body, list):
            raise InvalidRequestError("CreateObservations takes a list of data arrays.")
        told: list[str] = []
        for part in body:
            batch = plain_array(self._hub, part)
            told += self._data_array(part, root) if batch is None else self._stored(batch, root)
        return Reply(201, told)

    def _stored(self, batch: Batch, root: str) -> list[str]:
        """Addresses of the observations of a data array that is stored now; "error" for those that are refused."""
        self._hub.submit(batch)
        self._hub.commit()
        report = batch.report
        if batch.error is not None or report is None:
            raise batch.error or ConflictError("The data array could not be stored.")
        head = f"{root}/Observations('{batch.streams[0]}-"
        told = [f"{head}{at}')" for at in batch.time_us.tolist()]
        for refused in report.refusals:
            told[refused.position] = "error"
        if report.aside:
            kept = self._hub.kept(np.array(batch.streams, np.int64), batch.time_us)
            for at in np.flatnonzero(~np.isnan(kept) & (kept != batch.value)).tolist():
                told[at] = "error"
        return told

    def _data_array(self, part: Any, root: str) -> list[str]:  # noqa: ANN401 -- JSON
        try:
            name = "Datastream" if "Datastream" in part else "MultiDatastream"
            stream, names, rows = {name: part[name]}, part["components"], part["dataArray"]
            fits = isinstance(rows, list) and all(
                isinstance(r, list) and len(r) == len(names) for r in rows
            )
        except (KeyError, TypeError):
            fits = False
        if not fits or len(rows) > MOST_ROWS:
            raise InvalidRequestError(
                f"A data array has Datastream, components, and dataArray with a list per observation, at most {MOST_ROWS}."
            )
        bodies = []
        for row in rows:
            body = {**dict(zip(names, row, strict=True)), **stream}
            if "FeatureOfInterest/id" in body:
                body["FeatureOfInterest"] = {"@iot.id": body.pop("FeatureOfInterest/id")}
            bodies.append(body)
        found = self._writer.readings(bodies)
        ids = iter(self._observed([each for each in found if each is not None]))
        told = ["error" if each is None else next(ids) for each in found]
        of = entity("Observations")
        return [each if each == "error" else address_of(root, of, each) for each in told]

    def _observed(self, given: list[Any]) -> list[Any]:
        """Ids of observations; those that are refused get "error", the others are stored."""
        try:
            return list(self._writer.observe(given))
        except TwinError:
            out: list[Any] = []
            for each in given:
                try:
                    out += self._writer.observe([each])
                except TwinError:
                    out.append("error")
            return out

    def handle(self, method: str, url: str, body: Any, root: str) -> Reply:  # noqa: ANN401 -- JSON
        """Answer a request by its method and its address below (or with) the service root."""
        path, _, query = inside(url, root).partition("?")
        match method.lower():
            case "get":
                return self.get(path, query, root)
            case "post":
                return self.post(path, body, root)
            case "json-patch":
                return self.patch(path, body, root)
            case "patch" | "put":
                return self.change(path, body, root, whole=method.lower() == "put")
            case "delete":
                return self.delete(path, root)
        raise InvalidRequestError(
            f"method {method[:20]!r}: expected get, post, patch, put or delete."
        )


def _options(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=50):
        if name in found:
            raise InvalidRequestError(
                f"Parameter {name[:80]!r} is given twice; give it once.", name[:80]
            )
        if name in ("f", "lang"):
            continue
        known = name if name.startswith("$") or f"${name}" not in KNOWN else f"${name}"
        found[known] = value
    return found


def _one(question: Question, one: dict[str, Any]) -> Reply:
    if question.only is None:
        return Reply(200, one)
    value = one.get(question.only)
    if value is None:
        return Reply(204)
    if not question.value:
        return Reply(200, {question.only: value})
    bare = value if isinstance(value, str) else orjson.dumps(value).decode()
    return Reply(200, bare, text=True)


def _rows(question: Question, data_array: bool, found: Answer, root: str) -> list[Any]:
    if question.refs:
        return [{"@iot.selfLink": row["@iot.selfLink"]} for row in found.rows]
    if not data_array:
        return list(found.rows)
    groups: dict[int, list[dict[str, Any]]] = {}
    for stream, row in zip(found.datastreams, found.rows, strict=True):
        groups.setdefault(stream, []).append(row)
    return [_array(stream, rows, root) for stream, rows in groups.items()]


def _array(stream: int, rows: list[dict[str, Any]], root: str) -> dict[str, Any]:
    names = [
        n
        for n in (
            "@iot.id",
            "phenomenonTime",
            "resultTime",
            "result",
            "resultQuality",
            "validTime",
            "parameters",
        )
        if any(n in row for row in rows)
    ]
    return {
        "Datastream@iot.navigationLink": f"{root}/Datastreams({stream})",
        "components": ["id" if n == "@iot.id" else n for n in names],
        "dataArray@iot.count": len(rows),
        "dataArray": [[row.get(n) for n in names] for row in rows],
    }
