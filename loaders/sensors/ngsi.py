"""NGSI-LD and NGSI-v2 entities (ETSI GS CIM 009; FIWARE): every attribute with a figure is a datastream.

Normalised, concise and key-value forms, temporal answers (lists of instances, ``values`` pairs), notifications (``data``)
and the GeoJSON form are read alike.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from loaders.sensors.payload import Payload, point_of

__all__ = ["read_ngsi", "speaks_ngsi"]

_UNECE = {
    "CEL": "Cel",
    "FAH": "[degF]",
    "KEL": "K",
    "MTR": "m",
    "MMT": "mm",
    "CMT": "cm",
    "KMT": "km",
    "MTS": "m/s",
    "KMH": "km/h",
    "HPA": "hPa",
    "A97": "hPa",
    "KPA": "kPa",
    "PAL": "Pa",
    "BAR": "bar",
    "GQ": "ug/m3",
    "GP": "mg/m3",
    "59": "[ppm]",
    "61": "[ppb]",
    "P1": "%",
    "2N": "dB",
    "LUX": "lx",
    "C62": "1",
    "MQH": "m3/h",
    "MQS": "m3/s",
    "LTR": "L",
    "MTQ": "m3",
    "KWH": "kW.h",
    "WTT": "W",
    "KWT": "kW",
    "VLT": "V",
    "AMP": "A",
    "DD": "deg",
    "D54": "W/m2",
    "HTZ": "Hz",
}
"""Common codes of UN/CEFACT Recommendation 20 → UCUM."""
_NOT_MEASURED = {"id", "type", "@context", "location", "address", "name", "geometry"}
_TIMES = ("observedAt", "dateObserved", "TimeInstant", "timestamp", "dateModified", "modifiedAt")

Entity = Mapping[str, Any]


def speaks_ngsi(head: bytes) -> bool:
    """Whether the first bytes of a JSON file are those of an NGSI entity."""
    if b'"id"' not in head or b'"type"' not in head:
        return False
    linked = b'"@context"' in head or b'"urn:ngsi-ld:' in head
    dated = any(f'"{t}"'.encode() in head for t in _TIMES[:4])
    typed = any(t in head for t in (b'"Property"', b'"GeoProperty"', b'"Number"', b'"geo:json"'))
    return (
        (linked and (dated or typed))
        or (dated and b'"location"' in head)
        or (typed and b'"metadata"' in head)
    )


def read_ngsi(document: object) -> Payload:
    """Datastreams (``entity id/attribute``) and readings of NGSI entities.

    An attribute without a time of its own takes that of its entity (``dateObserved`` …).
    """
    payload = Payload("NGSI")
    for entity in _entities(document):
        _take(payload, entity)
    return payload


def _entities(document: object) -> Iterator[Entity]:
    if isinstance(document, list):
        for part in document:
            yield from _entities(part)
    elif isinstance(document, Mapping):
        if isinstance(document.get("data"), list):
            yield from _entities(document["data"])
        elif document.get("type") == "FeatureCollection":
            yield from _entities(document.get("features"))
        elif document.get("type") == "Feature":
            inner = document.get("properties") or {k: v for k, v in document.items() if k != "type"}
            yield {"id": document.get("id"), "location": document.get("geometry"), **inner}
        elif "id" in document:
            yield document


def _plain(attribute: object) -> Any:  # noqa: ANN401 -- any JSON value
    """Value of an attribute in any of the forms."""
    if isinstance(attribute, Mapping) and "value" in attribute:
        return attribute["value"]
    return attribute


def _time(attribute: object) -> Any:  # noqa: ANN401 -- any JSON value
    if not isinstance(attribute, Mapping):
        return None
    metadata = attribute.get("metadata")
    for source in (attribute, metadata if isinstance(metadata, Mapping) else {}):
        for name in _TIMES:
            if name in source:
                return _dated(_plain(source[name]))
    return None


def _dated(value: object) -> object:
    return value.get("@value") if isinstance(value, Mapping) else value


def _unit(attribute: object) -> str | None:
    if not isinstance(attribute, Mapping):
        return None
    metadata = attribute.get("metadata")
    code = attribute.get("unitCode") or (
        _plain(metadata.get("unitCode") or metadata.get("unit"))
        if isinstance(metadata, Mapping)
        else None
    )
    return _UNECE.get(str(code), str(code)) if code else None


def _take(payload: Payload, entity: Entity) -> None:
    eid = str(entity.get("id"))
    x, y, z = point_of(_plain(entity.get("location")))
    name = _plain(entity.get("name"))
    own = next((_dated(_plain(entity[t])) for t in _TIMES if t in entity), None)
    for attribute, value in entity.items():
        if attribute in _NOT_MEASURED or attribute in _TIMES:
            continue
        key = f"{eid}/{attribute}"
        for result, time, unit in _readings(value, own):
            payload.stream(
                key,
                thing_key=eid,
                thing_name=str(name) if isinstance(name, str) else eid,
                property=attribute,
                unit=unit,
                x=x,
                y=y,
                z=z,
            )
            payload.reading(key, time, result)


def _readings(value: object, own: object) -> Iterator[tuple[Any, Any, str | None]]:
    """Result, time and unit of each instance of an attribute that is a figure."""
    if isinstance(value, list):
        for instance in value:
            if isinstance(instance, Mapping):
                yield from _readings(instance, own)
        return
    if isinstance(value, Mapping):
        if isinstance(value.get("values"), list):
            for pair in value["values"]:
                if isinstance(pair, list) and len(pair) == 2 and _is_figure(pair[0]):
                    yield pair[0], pair[1], _unit(value)
            return
        if value.get("type") in ("Relationship", "GeoProperty"):
            return
    result = _plain(value)
    if _is_figure(result):
        yield result, _time(value) or own, _unit(value)


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
