"""Entities as SensorThings writes them, from rows of the base."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.live.state import moment_of
from twin.sensorthings.model import ENTITIES, Entity, Kind
from twin.sensorthings.questions import Options

__all__ = [
    "address_of",
    "columns_of",
    "entities",
    "newest_readings",
    "next_link",
    "one_reading",
    "shown_time",
]

_OBSERVATION_LINKS: Final = tuple(
    name for name in ENTITIES["Observations"].links if name != "MultiDatastream"
)
_STEMS: Final = {"validTime": "valid", "phenomenonTime": "time"}


def address_of(root: str, of: Entity, given: int | str) -> str:
    """Where an entity stands below the service root."""
    return f"{root}/{of.name}({given!r})"


def next_link(root: str, of: Entity, given: int | str, link: str, options: Options) -> str:
    """Where the next of a page of linked entities stand."""
    skip = options.skip + options.top
    return f"{address_of(root, of, given)}/{link}?$top={options.top}&$skip={skip}"


def columns_of(of: Entity, alias: str) -> str:
    """Columns of its relation that :func:`entities` needs."""
    names = [f"{alias}.id"]
    for name, kind in of.properties.items():
        if kind == "interval":
            names += [f"{alias}.{_STEMS[name]}_from", f"{alias}.{_STEMS[name]}_to"]
        elif kind != "computed":
            names.append(f'{alias}."{name}"')
    if of.name == "Observations":
        names += [f"{alias}._datastream", f"{alias}._feature"]
    return ", ".join(names)


def entities(
    of: Entity, found: Sequence[Mapping[str, Any]], options: Options, root: str
) -> list[dict[str, Any]]:
    """Rows as entities: the properties and links an answer to these options has, nothing expanded."""
    chosen = options.select
    named = not chosen or "id" in chosen or "@iot.id" in chosen
    wanted = [
        (name, kind, name in of.required or name == "resultTime")
        for name, kind in of.properties.items()
        if kind != "computed" and (not chosen or name in chosen)
    ]
    links = [(f"{name}@iot.navigationLink", f"/{name}") for name in _links(of, options)]
    head = f"{root}/{of.name}("
    rows = []
    for row in found:
        given = row["id"]
        link = f"{head}{given!r})"
        out: dict[str, Any] = {"@iot.id": given, "@iot.selfLink": link} if named else {}
        for name, kind, always in wanted:
            value = _property(name, kind, row)
            if value is not None or always:
                out[name] = value
        for name, rest in links:
            out[name] = link + rest
        rows.append(out)
    return rows


def newest_readings(
    ids: NDArray[np.int64], time_us: NDArray[np.int64], value: NDArray[np.float64], options: Options, root: str
) -> list[dict[str, Any]]:  # fmt: skip
    """As :func:`entities`, of readings of the archive that nothing beside is known of; columns of shape (n,), times in µs UTC."""
    of = ENTITIES["Observations"]
    texts = np.datetime_as_string(time_us.view("M8[us]"), unit="us")
    micro = time_us % 1_000_000
    kept = np.where(micro == 0, 19, np.where(micro % 1000 == 0, 23, 26))
    moments = [f"{text[:n]}Z" for text, n in zip(texts.tolist(), kept.tolist(), strict=True)]
    chosen = options.select
    named = not chosen or "id" in chosen or "@iot.id" in chosen
    head, links = f"{root}/{of.name}('", [(f"{n}@iot.navigationLink", f"/{n}") for n in _links(of, options)]  # fmt: skip
    with_time, with_made, with_result = (
        not chosen or name in chosen for name in ("phenomenonTime", "resultTime", "result")
    )
    rows = []
    for stream, at, moment, result in zip(ids.tolist(), time_us.tolist(), moments, value.tolist(), strict=True):  # fmt: skip
        given = f"{stream}-{at}"
        link = f"{head}{given}')"
        out: dict[str, Any] = {"@iot.id": given, "@iot.selfLink": link} if named else {}
        if with_time:
            out["phenomenonTime"] = moment
        if with_made:
            out["resultTime"] = None
        if with_result:
            out["result"] = result
        for name, rest in links:
            out[name] = link + rest
        rows.append(out)
    return rows


def one_reading(stream: int, time_us: int, value: float, root: str) -> dict[str, Any]:
    """As :func:`newest_readings`, of one reading and everything of it."""
    given = f"{stream}-{time_us}"
    link = f"{root}/Observations('{given}')"
    out: dict[str, Any] = {
        "@iot.id": given,
        "@iot.selfLink": link,
        "phenomenonTime": shown_time(moment_of(time_us)),
        "resultTime": None,
        "result": value,
    }
    for name in _OBSERVATION_LINKS:
        out[f"{name}@iot.navigationLink"] = f"{link}/{name}"
    return out


def _links(of: Entity, options: Options) -> list[str]:
    """Links an entity is shown with."""
    shown = []
    for name in of.links:
        there = name in options.expand or not options.select or name in options.select
        if of.name == "Observations" and name == "MultiDatastream":
            there = there and name in options.expand
        if there:
            shown.append(name)
    return shown


def _property(name: str, kind: Kind, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- JSON
    if kind == "interval":
        stem = _STEMS[name]
        begin, end = row[f"{stem}_from"], row[f"{stem}_to"]
        if begin is None:
            return None
        return shown_time(begin) if begin == end else f"{shown_time(begin)}/{shown_time(end)}"
    value = row[name]
    if value is None or kind == "text":
        return value
    if kind == "time":
        return shown_time(value)
    return orjson.Fragment(value)


def shown_time(moment: datetime) -> str:
    """A moment in UTC as ISO 8601, with as many decimals as it needs."""
    micro = moment.microsecond
    if not micro:
        return f"{moment.isoformat()}Z"
    return f"{moment.isoformat(timespec='milliseconds' if micro % 1000 == 0 else 'microseconds')}Z"
