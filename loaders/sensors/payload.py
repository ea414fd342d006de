"""What a sensor platform's message holds, in lists, whatever platform it is of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from loaders.checks import check_not_future
from loaders.columns import Faults, build_table, to_number
from loaders.times import TimeReader
from twin.schema import OBSERVATIONS, STREAMS
from twin.units import ucum

__all__ = ["Payload", "observation_table", "point_of", "stream_table"]


@dataclass(slots=True)
class Payload:
    """Datastreams and readings of one message, as they are met.

    ``streams`` maps a datastream key to a row of :data:`twin.schema.STREAMS`; the readings stand in parallel lists: key of
    the stream, time and result as written, quality, and why a reading cannot be one.
    """

    platform: str
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: list[str | None] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    qualities: list[str | None] = field(default_factory=list)
    reasons: list[str | None] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def stream(self, key: str, **row: object) -> None:
        """Add a datastream, or what is not yet known of one."""
        known = self.streams.setdefault(key, {"key": key})
        for name, value in row.items():
            if value is not None and known.get(name) is None:
                known[name] = value

    def reading(
        self,
        key: str | None,
        time: object,
        result: object,
        quality: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Add a reading; a result that is no figure makes it a fault later."""
        self.keys.append(key)
        self.times.append(time)
        self.results.append(result)
        self.qualities.append(quality)
        self.reasons.append(reason)


def point_of(geometry: object) -> tuple[float | None, float | None, float | None]:
    """x, y, z of a GeoJSON point (or of the middle of another shape's coordinates); None where there is none."""
    if not isinstance(geometry, Mapping):
        return None, None, None
    if geometry.get("type") == "Feature":
        return point_of(geometry.get("geometry"))
    flat = _coordinates(geometry.get("coordinates"), 0)
    if not flat:
        return None, None, None
    x, y = (sum(p[i] for p in flat) / len(flat) for i in (0, 1))
    z = flat[0][2] if len(flat) == 1 and len(flat[0]) > 2 else None
    return x, y, z


def _coordinates(value: object, depth: int) -> list[list[float]]:
    if not isinstance(value, list) or not value or depth > 4:
        return []
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
        return [[float(v) for v in value]] if len(value) >= 2 else []
    return [p for part in value for p in _coordinates(part, depth + 1)]


def stream_table(payload: Payload) -> pa.Table:
    """Datastreams of a message under schema STREAMS; units under their UCUM codes."""
    rows = []
    for i, stream in enumerate(payload.streams.values()):
        row = {"thing_key": stream["key"], "z_reference": "ground", **stream, "row": i}
        row["unit"] = ucum(_text(stream.get("unit")))
        rows.append({f.name: _fitting(row.get(f.name), f.type) for f in STREAMS})
    return pa.Table.from_pylist(rows, schema=STREAMS)


def _text(value: object) -> str | None:
    """Any JSON value as text."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()


def _fitting(value: object, kind: pa.DataType) -> object:
    """A member of a message as its column wants it: figures where figures belong (None for others), else text."""
    if pa.types.is_string(kind):
        return _text(value)
    try:
        figure = float(value) if not isinstance(value, bool | list | dict) else None  # type: ignore[arg-type]  # None raises
    except (TypeError, ValueError):
        return None
    whole = figure is not None and pa.types.is_integer(kind)
    return int(figure) if whole and figure is not None else figure


def observation_table(payload: Payload, reader: TimeReader) -> pa.Table:
    """Readings of a message under schema OBSERVATIONS: every one, with its fault where it has one."""
    n = len(payload.keys)
    faults = Faults(n)
    broken = np.array([r is not None for r in payload.reasons], dtype=bool)
    faults.add(broken, lambda i: str(payload.reasons[i]))
    texts = [None if t is None else str(t).split("/")[0] for t in payload.times]
    time = reader.read(pa.array(texts, pa.string()), faults, "phenomenonTime")
    plain = [None if r is None or isinstance(r, bool) else str(r) for r in payload.results]
    result = to_number(pa.array(plain, pa.string()), faults, "result")
    for column, reason in ((time, "no time"), (result, "no result that is a figure")):
        missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False), bool)
        faults.add(missing & ~faults.mask, reason)
    check_not_future(time, faults, "time")
    columns = {
        "stream_key": pa.array([_text(k) for k in payload.keys], pa.string()),
        "phenomenon_time": time,
        "result": result,
        "quality": pa.array([_text(q) for q in payload.qualities], pa.string()),
        "fault": faults.array(),
    }
    return build_table(OBSERVATIONS, n, columns)
