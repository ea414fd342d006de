"""WaterML as JSON, as the USGS water services answer: sites with series of daily or instantaneous values."""

import html
import re
from collections.abc import Mapping
from typing import Any

from loaders.sensors.payload import Payload

__all__ = ["read_waterml", "speaks_waterml"]


def speaks_waterml(head: bytes) -> bool:
    """Whether the first bytes of a JSON file are those of a WaterML answer."""
    return b'"timeSeries"' in head or b"timeSeriesResponseType" in head


def read_waterml(document: object) -> Payload:
    """Datastreams (``site/variable[/statistic]``) and readings of an answer; its no-data figure is a reading's fault."""
    payload = Payload("WaterML")
    value = document.get("value") if isinstance(document, Mapping) else None
    series = value.get("timeSeries") if isinstance(value, Mapping) else None
    for one in series if isinstance(series, list) else []:
        if isinstance(one, Mapping):
            _take(payload, one)
    return payload


def _first(value: object, name: str = "value") -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return value[0].get(name)
    return None


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _take(payload: Payload, series: Mapping[str, Any]) -> None:
    source, variable = _mapping(series.get("sourceInfo")), _mapping(series.get("variable"))
    place = _mapping(_mapping(source.get("geoLocation")).get("geogLocation"))
    site = str(_first(source.get("siteCode")) or source.get("siteName") or "site")
    code = str(_first(variable.get("variableCode")) or variable.get("variableName") or "value")
    option = _mapping(variable.get("options")).get("option")
    statistic = _first(option, "optionCode") if _first(option, "name") == "Statistic" else None
    key = "/".join(str(p) for p in (site, code, statistic) if p)
    payload.stream(
        key,
        thing_key=site,
        thing_name=source.get("siteName") or site,
        property=html.unescape(str(variable.get("variableName") or code)),
        unit=_mapping(variable.get("unit")).get("unitCode"),
        x=place.get("longitude"),
        y=place.get("latitude"),
    )
    nothing = variable.get("noDataValue")
    zone = _mapping(_mapping(source.get("timeZoneInfo")).get("defaultTimeZone")).get("zoneOffset")
    for block in _listed(series.get("values")):
        for reading in _listed(_mapping(block).get("value")):
            one = _mapping(reading)
            result = one.get("value")
            qualifiers = one.get("qualifiers")
            empty = _same(result, nothing)
            payload.reading(
                key,
                _in_zone(one.get("dateTime"), zone),
                None if empty else result,
                ",".join(map(str, qualifiers)) if isinstance(qualifiers, list) else None,
                f"{result} is the answer's mark for no data" if empty else None,
            )


def _in_zone(time: object, offset: object) -> str | None:
    """A time with the offset of its site where it names none."""
    if time is None:
        return None
    text = str(time)
    return text if re.search(r"(Z|[+-]\d{2}:?\d{2})$", text) or not offset else f"{text}{offset}"


def _same(result: object, nothing: object) -> bool:
    try:
        return nothing is not None and float(str(result)) == float(str(nothing))
    except ValueError:
        return False
