"""OGC SensorThings 1.1 messages: entities with deep inserts, $expand answers, $batch, dataArray, MultiDatastreams.

Source: OGC 18-088, clauses 8 (entities), 10 (deep insert), 13 (batch) and 14 (data array).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from loaders.sensors.payload import Payload, point_of

__all__ = ["read_sensorthings", "speaks_sensorthings"]

MAX_DEPTH = 12
_MARKS = (
    b'"@iot.',
    b'"Datastreams"',
    b'"MultiDatastreams"',
    b'"unitOfMeasurement"',
    b'"ObservedProperty"',
    b'"dataArray"',
    b'"phenomenonTime"',
)
_SETS = {
    "things": "Thing",
    "locations": "Location",
    "datastreams": "Datastream",
    "multidatastreams": "MultiDatastream",
    "observations": "Observation",
    "sensors": "Sensor",
    "observedproperties": "ObservedProperty",
    "featuresofinterest": "FeatureOfInterest",
    "historicallocations": "HistoricalLocation",
}
_LINK = re.compile(r"(\w+)\(([^()]*)\)/?(\w+)?$")
_REFERENCE = re.compile(r"^\$(\S+)$")

Entity = Mapping[str, Any]


def speaks_sensorthings(head: bytes) -> bool:
    """Whether the first bytes of a JSON file hold words of SensorThings (two of them, or one with ``@iot``)."""
    found = sum(mark in head for mark in _MARKS)
    batch = b'"requests"' in head and b'"url"' in head and b'"method"' in head
    return batch or found >= 2 or (found == 1 and b'"@iot.' in head and b"Location" in head)


def read_sensorthings(document: object) -> Payload:
    """Datastreams and readings of a message.

    Parameters
    ----------
    document : parsed JSON
        One entity, a list, an answer with ``value``, a ``$batch`` with ``requests``, or data arrays.

    Returns
    -------
    Payload
        Streams are keyed by ``@iot.id`` (or ``name`` where none is given), those of a MultiDatastream by it and the
        observed property. Entities that carry neither streams nor readings are counted in the findings.
    """
    walk = _Walk(Payload("SensorThings"))
    for kind, entity in walk.entities(document):
        walk.take(kind, entity)
    return walk.finished()


class _Walk:
    """Takes entities one by one; references between them are resolved at the end."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.places: dict[str, tuple[float | None, float | None, float | None]] = {}
        self.things: dict[str, dict[str, Any]] = {}
        self.properties: dict[str, str] = {}
        self.multi: dict[str, list[str]] = {}
        self.of_stream: dict[str, dict[str, Any]] = {}
        self.others: dict[str, int] = {}
        self.pending: list[tuple[str | None, Entity]] = []
        self.unnamed = 0

    def entities(
        self, document: object, set_name: str | None = None
    ) -> Iterator[tuple[str, Entity]]:
        """Entities of a document with their kinds."""
        if isinstance(document, list):
            for part in document:
                yield from self.entities(part, set_name)
        elif isinstance(document, Mapping):
            if isinstance(document.get("requests"), list):
                yield from self._requests(document["requests"])
            elif isinstance(document.get("value"), list) and "result" not in document:
                context = str(document.get("@iot.context", document.get("@odata.context", "")))
                yield from self.entities(document["value"], context.rpartition("#")[2] or set_name)
            elif "dataArray" in document:
                yield "DataArray", document
            elif any(
                _kind_of_set(k) and isinstance(v, list | Mapping) and k[0].islower()
                for k, v in document.items()
            ):
                for k, v in document.items():
                    yield from self.entities(v, k)
            else:
                yield _kind_of(document, set_name), document

    def _requests(self, requests: list[Any]) -> Iterator[tuple[str, Entity]]:
        for request in requests:
            if not isinstance(request, Mapping):
                continue
            body, url = request.get("body"), str(request.get("url", ""))
            if not isinstance(body, Mapping | list):
                continue
            name = str(request.get("id", ""))
            for kind, entity in self.entities(body, url.split("?")[0]):
                owner = _owner(url)
                yield kind, {"@iot.id": f"${name}" if name else None, **owner, **entity}

    def take(self, kind: str, entity: Entity, depth: int = 0, **above: str) -> str | None:
        """Take one entity and what is nested in it; returns its key."""
        if depth > MAX_DEPTH:
            return None
        match kind:
            case "Thing":
                return self._thing(entity, depth)
            case "Location":
                key = _key(entity) or f"location {len(self.places)}"
                self.places[key] = point_of(entity.get("location"))
                for thing in _list(entity.get("Things")):
                    self._thing({"Locations": [{"@iot.id": key}], **thing}, depth + 1)
                return key
            case "Datastream" | "MultiDatastream":
                return self._datastream(entity, depth, above.get("thing"))
            case "ObservedProperty":
                key = _key(entity) or f"property {len(self.properties)}"
                self.properties[key] = str(entity.get("name") or key)
                return key
            case "Observation":
                self._observation(entity, above.get("stream"))
            case "DataArray":
                self._data_array(entity)
            case _:
                self.others[kind] = self.others.get(kind, 0) + 1
        return None

    def _thing(self, entity: Entity, depth: int) -> str:
        key = _key(entity) or self._anonymous("thing")
        row = self.things.setdefault(key, {"name": None, "places": []})
        row["name"] = row["name"] or entity.get("name")
        for location in _list(entity.get("Locations")):
            only = set(location) <= {"@iot.id", "id", "@id"}
            place = _key(location) if only else self.take("Location", location, depth + 1)
            row["places"].append(place)
        for name in ("Datastreams", "MultiDatastreams"):
            for stream in _list(entity.get(name)):
                self._datastream(stream, depth + 1, key)
        return key

    def _datastream(self, entity: Entity, depth: int, thing: str | None) -> str:
        nested = entity.get("Thing")
        if isinstance(nested, Mapping):
            only = set(nested) <= {"@iot.id", "id", "@id"}
            thing = _key(nested) if only else self._thing(nested, depth + 1)
        if thing is None:
            thing = _linked(entity.get("Thing@iot.navigationLink"), "Thing")
        key = _key(entity, parent=thing) or self._anonymous("datastream")
        names = self._observed(entity, depth)
        units = _units(entity.get("unitOfMeasurement") or entity.get("unitOfMeasurements"))
        multi = "unitOfMeasurements" in entity or "multiObservationDataTypes" in entity
        parts = names if multi else [names[0] if names else None]
        keys = [f"{key}/{part or i}" for i, part in enumerate(parts)] if multi else [key]
        self.multi[key] = keys
        place = point_of(entity.get("observedArea"))
        for i, (one, name) in enumerate(zip(keys, parts, strict=True)):
            more = {"name": entity.get("name"), **_mapping(entity.get("properties"))}
            self.of_stream[one] = {"thing": thing, "place": place}
            self.payload.stream(
                one,
                property=name,
                unit=units[i] if i < len(units) else None,
                attributes=orjson.dumps(
                    {k: v for k, v in more.items() if v is not None}, default=str
                ).decode(),
            )
        for observation in _list(entity.get("Observations")):
            self._observation(observation, key)
        return key

    def _observed(self, entity: Entity, depth: int) -> list[str | None]:
        given = entity.get("ObservedProperties", entity.get("ObservedProperty"))
        out: list[str | None] = []
        for one in [given] if isinstance(given, Mapping) else _list(given):
            key = _key(one)
            out.append(str(one["name"]) if one.get("name") else f"\x00{key}")
            if one.get("name"):
                self.take("ObservedProperty", one, depth + 1)
        return out

    def _observation(self, entity: Entity, stream: str | None) -> None:
        for name in ("Datastream", "MultiDatastream"):
            nested = entity.get(name)
            if isinstance(nested, Mapping):
                only = set(nested) <= {"@iot.id", "id", "@id"}
                stream = _key(nested) if only else self._datastream(nested, 1, None)
            elif stream is None:
                stream = _linked(entity.get(f"{name}@iot.navigationLink"), name)
        time = entity.get("phenomenonTime") or entity.get("resultTime")
        self._reading(stream, time, entity.get("result"), entity.get("resultQuality"))

    def _reading(self, stream: str | None, time: object, result: object, quality: object) -> None:
        text = None if quality is None else str(quality)
        if stream is None:
            self.payload.reading(None, time, result, text, "it names no Datastream")
            return
        if isinstance(result, list):
            for i, value in enumerate(result):
                self.pending.append((stream, {"i": i, "time": time, "result": value, "q": text}))
        else:
            self.pending.append((stream, {"i": 0, "time": time, "result": result, "q": text}))

    def _data_array(self, entity: Entity) -> None:
        nested = entity.get("Datastream") or entity.get("MultiDatastream")
        stream = _key(nested) if isinstance(nested, Mapping) else None
        if stream is None:
            stream = _linked(entity.get("Datastream@iot.navigationLink"), "Datastream")
        names = [str(c) for c in _any_list(entity.get("components"))]
        for row in _any_list(entity.get("dataArray")):
            if not isinstance(row, list) or len(row) != len(names):
                self.payload.reading(
                    stream, None, None, None, "a row of a dataArray does not fit its components"
                )
                continue
            cells = dict(zip(names, row, strict=True))
            time = cells.get("phenomenonTime") or cells.get("resultTime")
            self._reading(stream, time, cells.get("result"), cells.get("resultQuality"))

    def _anonymous(self, what: str) -> str:
        self.unnamed += 1
        return f"{what} {self.unnamed}"

    def finished(self) -> Payload:
        """The payload with references resolved."""
        for key, of in self.of_stream.items():
            stream = self.payload.streams[key]
            name = stream.get("property")
            if isinstance(name, str) and name.startswith("\x00"):
                stream["property"] = self.properties.get(name[1:], name[1:])
            thing = self.things.get(of["thing"] or "")
            place = of["place"]
            for where in thing["places"] if thing else ():
                place = self.places.get(where, place)
            stream |= {
                "thing_key": of["thing"] or key,
                "thing_name": (thing or {}).get("name") or of["thing"] or key,
                **{c: v for c, v in zip("xyz", place, strict=True) if v is not None},
            }
        for stream_key, cell in self.pending:
            keys = self.multi.get(stream_key or "", [stream_key])
            one = keys[cell["i"]] if cell["i"] < len(keys) else stream_key
            self.payload.reading(one, cell["time"], cell["result"], cell["q"])
        if self.others:
            said = ", ".join(f"{n} {kind}" for kind, n in sorted(self.others.items()))
            self.payload.findings.append(f"entities that are neither streams nor readings: {said}")
        return self.payload


def _kind_of_set(name: str) -> str | None:
    return _SETS.get(name.lower())


def _kind_of(entity: Entity, set_name: str | None) -> str:
    """Kind of an entity by the set it came in, else by its members."""
    if set_name:
        last = re.sub(r"\(.*?\)", "", set_name).strip("/").split("/")[-1]
        if kind := _kind_of_set(last):
            return kind
    if "unitOfMeasurement" in entity or "observationType" in entity:
        return "Datastream"
    if "unitOfMeasurements" in entity or "multiObservationDataTypes" in entity:
        return "MultiDatastream"
    if "result" in entity and (
        "phenomenonTime" in entity or "resultTime" in entity or "Datastream" in entity
    ):
        return "Observation"
    if "location" in entity:
        return "Location"
    if "Datastreams" in entity or "Locations" in entity or "MultiDatastreams" in entity:
        return "Thing"
    if "metadata" in entity:
        return "Sensor"
    if "definition" in entity:
        return "ObservedProperty"
    return set_name or "unknown"


def _key(entity: object, parent: str | None = None) -> str | None:
    """Id of an entity: ``@iot.id``, ``@id``, ``id``, its self link, else its name (under its parent's)."""
    if not isinstance(entity, Mapping):
        return None
    for name in ("@iot.id", "id", "@id"):
        value = entity.get(name)
        if value not in (None, ""):
            reference = _REFERENCE.match(str(value))
            return reference[1] if reference else str(value)
    if link := _LINK.search(str(entity.get("@iot.selfLink", ""))):
        return link[2].strip("'\"")
    title = entity.get("name")
    return None if not title else f"{parent}/{title}" if parent else str(title)


def _linked(link: object, kind: str) -> str | None:
    """Id behind a navigation link that names it (``…/Datastreams(3)``)."""
    found = _LINK.search(str(link or ""))
    if not found or found[3]:
        return None
    return found[2].strip("'\"") if _kind_of_set(found[1]) == kind else None


def _owner(url: str) -> dict[str, Any]:
    """``Datastreams(3)/Observations`` posts belong to datastream 3, ``$ds1/Observations`` to the request ds1."""
    found = re.match(r"^/?(?:v\d[\d.]*/)?(?:(\w+)\(([^)]*)\)|\$([\w.-]+))/", url)
    if not found:
        return {}
    key = (found[2] or found[3]).strip("'\"")
    kind = _kind_of_set(found[1] or "Datastreams") or "Datastream"
    return {"Locations": None} if kind == "Location" else {kind: {"@iot.id": key}}


def _mapping(value: object) -> Entity:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Entity]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _any_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _units(value: object) -> list[str | None]:
    """Unit texts: a UCUM definition, else the symbol, else the name."""
    out: list[str | None] = []
    for unit in [value] if isinstance(value, Mapping) else _list(value):
        definition = str(unit.get("definition") or "")
        code = re.search(r"ucum[:/#]+(?:.*[#/:])?([^\s#/:]{1,12}(?:/\w+)?)$", definition, re.I)
        symbol = str(unit.get("symbol") or "").strip()
        out.append(symbol or (code[1] if code else None) or (str(unit.get("name") or "") or None))
    return out
