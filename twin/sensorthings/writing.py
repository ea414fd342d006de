"""Changes and deletion of SensorThings entities.

One request is one transaction of the base; observations it brings are stored after it, durably, before the answer.
"""

from collections.abc import Mapping
from typing import Any, Final

import duckdb
import numpy as np

from twin.errors import ConflictError, NotFoundError
from twin.live.history import readings
from twin.live.state import microseconds, moment_of
from twin.sensorthings.areas import widen
from twin.sensorthings.creating import STREAM_LINK, Creator, Work
from twin.sensorthings.model import Entity, entity
from twin.sensorthings.observing import id_of, one_of
from twin.sensorthings.plain import quality_mark
from twin.sensorthings.rows import (
    FORGET_ANCHORS,
    GEOJSON,
    expect_body,
    expect_vector,
    geometry_text,
    insert,
    interval_in,
    json_text,
    moment_in,
    move_stream,
    thing_uuid,
)
from twin.sensorthings.storing import Change

__all__ = ["Writer"]

_TABLES: Final = {
    "Things": "sta_thing",
    "Locations": "sta_location",
    "HistoricalLocations": "sta_history",
    "Datastreams": "sta_datastream",
    "MultiDatastreams": "sta_datastream",
    "Sensors": "sta_sensor",
    "ObservedProperties": "sta_property",
    "FeaturesOfInterest": "sta_feature",
}
_COLUMNS: Final = {
    ("", "encodingType"): "encoding_type",
    ("", "observationType"): "observation_type",
    ("", "unitOfMeasurement"): "unit",
    ("", "unitOfMeasurements"): "unit",
    ("", "multiObservationDataTypes"): "multi_types",
    ("", "observedArea"): "observed_area",
    ("HistoricalLocations", "time"): "at_time",
}
_STREAMS_OF: Final = {
    "Things": "SELECT id, multi FROM sta_datastream WHERE thing IN (SELECT unnest($ids))",
    "Sensors": "SELECT id, multi FROM sta_datastream WHERE sensor IN (SELECT unnest($ids))",
    "ObservedProperties": "SELECT DISTINCT d.id, d.multi FROM sta_datastream d "
    "JOIN sta_datastream_property p ON p.datastream = d.id WHERE p.property IN (SELECT unnest($ids))",
}
_DROP_THINGS: Final = "DELETE FROM thing WHERE thing_id IN (SELECT thing_id FROM sta_thing WHERE id IN (SELECT unnest($ids)))"
_STREAM_ROWS: Final = (
    ("sta_observation", "datastream"), ("sta_remark", "datastream"), ("sta_datastream_property", "datastream"),
    ("datastream", "stream_id"), ("sta_extent", "datastream"),
)  # fmt: skip
_TIED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "Things": (("sta_thing_location", "thing"), ("sta_history", "thing")),
    "Locations": (("sta_thing_location", "location"), ("sta_history_location", "location")),
    "HistoricalLocations": (("sta_history_location", "history"),),
    "Datastreams": _STREAM_ROWS,
    "MultiDatastreams": _STREAM_ROWS,
    "Sensors": (),
    "ObservedProperties": (),
    "FeaturesOfInterest": (("sta_observation", "feature"),),
}


_BESIDE: Final = (
    "SELECT o.datastream, d.multi FROM sta_observation o JOIN sta_datastream d ON d.id = o.datastream "
    "WHERE o.id = $i"
)
_REMARKED: Final = (
    "SELECT result_time, valid_from, valid_to, parameters::VARCHAR AS parameters, feature FROM sta_remark "
    "WHERE datastream = $s AND time_from = $t"
)
_FORGET_REMARK: Final = "DELETE FROM sta_remark WHERE datastream = $s AND time_from = $t"


class Writer(Creator):
    """Changes SensorThings entities; one request at a time."""

    def update(self, of: Entity, given: int | str, body: Mapping[str, Any], *, whole: bool) -> None:
        """Change an entity: what the body names (PATCH), or all of it (PUT: what it does not name is taken away).

        Raises
        ------
        NotFoundError
            If there is none of this id.
        InvalidRequestError
            If a property cannot be.
        ConflictError
            If it is a reading of the archive, and another result, time or quality is given: they are what was measured.
        """
        expect_body(of, body, partial=not whole)
        with self._working() as work:
            if of.name == "Observations":
                self._update_observation(work, given, body, whole=whole)
                return
            number = self._known(work, of, given)
            self._update(work, of, number, body, whole=whole)
            names = None if whole else frozenset(body)
            work.changes.append(Change(of.name, number, names))

    def _update(
        self, work: Work, of: Entity, number: int, body: Mapping[str, Any], *, whole: bool
    ) -> None:
        changes: dict[str, Any] = {}
        for name, kind in of.properties.items():
            emptied = whole and name in ("properties", "observedArea")
            if kind != "computed" and (name in body or emptied):
                column = _COLUMNS.get((of.name, name), _COLUMNS.get(("", name), name))
                changes[column] = _changed(name, kind, body.get(name))
            if kind == "geo" and name in body:
                encoding = body.get("encodingType", GEOJSON[0])
                changes["geometry"] = geometry_text(body[name], encoding, name)
        table = _TABLES[of.name]
        if of.name == "Things" and "name" in changes:
            work.con.execute(
                "UPDATE thing SET name = $n WHERE thing_id = (SELECT thing_id FROM sta_thing WHERE id = $i)",
                {"n": changes.pop("name"), "i": number},
            )
        if (
            of.name == "Things" and "properties" in changes
        ):  # what the sensor table said is superseded
            work.con.execute(
                "UPDATE thing SET attributes = NULL WHERE thing_id = (SELECT thing_id FROM sta_thing WHERE id = $i)",
                {"i": number},
            )
        if changes:
            names = ", ".join(f"{name} = ${name}" for name in changes)
            work.con.execute(f"UPDATE {table} SET {names} WHERE id = $row", {**changes, "row": number})  # noqa: S608 -- names of the model # fmt: skip
        self._relink(work, of, number, body)
        if of.name == "Datastreams":
            self._update_stream(work, number, body)

    def _update_observation(
        self, work: Work, given: int | str, body: Mapping[str, Any], *, whole: bool
    ) -> None:
        found, of = one_of(given), entity("Observations")
        sql, key = _BESIDE, dict[str, Any](i=found)
        if not isinstance(found, int):
            stream, at = found
            sql, key = _REMARKED, {"s": stream, "t": moment_of(at)}
            self._expect_same(stream, at, body)
        row = work.con.execute(sql, key).to_arrow_table().to_pylist()
        if isinstance(found, int) and not row:
            raise NotFoundError(f"there is no Observation {str(given)[:60]!r}.")
        changes = self._told_beside(work, body, whole=whole)
        if isinstance(found, int):
            changes |= self._measured_beside(work, row[0], body, whole=whole)
            names = ", ".join(f"{name} = ${name}" for name in changes)
            if changes:
                work.con.execute(f"UPDATE sta_observation SET {names} WHERE id = $row", {**changes, "row": found})  # noqa: S608 -- names of this module # fmt: skip
        else:
            remark = {**(row[0] if row else {}), **changes}
            work.con.execute(_FORGET_REMARK, key)
            if any(value is not None for value in remark.values()):
                insert(
                    work.con,
                    "sta_remark",
                    {"datastream": found[0], "time_from": key["t"], **remark},
                )
                self._pages.beside.add(found[0])
        if changes.get("feature") is not None:
            owner = row[0]["datastream"] if isinstance(found, int) else found[0]
            widen(work.con, owner, changes["feature"])
        work.changes.append(Change(of.name, given, None if whole else frozenset(body)))

    def _expect_same(self, stream: int, at: int, body: Mapping[str, Any]) -> None:
        """Refuse what contradicts a reading of the archive."""
        kept = readings(self._store, np.array([stream]), at, at + 1)
        if not len(kept):
            raise NotFoundError(f"there is no Observation {id_of(stream, at)!r}.")
        time, result = interval_in(body.get("phenomenonTime"), "phenomenonTime"), body.get("result")
        quality, link = body.get("resultQuality"), body.get("Datastream")
        same = {
            "phenomenonTime": time is None or tuple(map(microseconds, time)) == (at, at),
            "result": "result" not in body or result == kept.value[0],
            "resultQuality": quality is None or quality_mark(quality) == kept.quality()[0].as_py(),
            "Datastream": link is None or link == {"@iot.id": stream},
            "MultiDatastream": body.get("MultiDatastream") is None,
        }  # fmt: skip
        other = [name for name, holds in same.items() if not holds]
        if other:
            raise ConflictError(
                f"{other[0]} of a reading of the archive is what was measured and stays; resultTime, validTime, parameters and "
                "FeatureOfInterest can be changed."
            )

    def _told_beside(self, work: Work, body: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
        """Columns that change of what an observation says beside its result."""
        changes: dict[str, Any] = {}
        if whole or "resultTime" in body:
            made = body.get("resultTime")
            changes["result_time"] = None if made is None else moment_in(made, "resultTime")
        if whole or "validTime" in body:
            valid = interval_in(body.get("validTime"), "validTime") or (None, None)
            changes["valid_from"], changes["valid_to"] = valid
        if whole or "parameters" in body:
            given = body.get("parameters")
            changes["parameters"] = None if given is None else json_text(given)
        if body.get("FeatureOfInterest") is not None:
            changes["feature"] = self._linked(work, "FeatureOfInterest", body, {})
        return changes

    def _measured_beside(
        self, work: Work, row: Mapping[str, Any], body: Mapping[str, Any], *, whole: bool
    ) -> dict[str, Any]:
        """Columns that change of the result of an observation that is not in the archive."""
        changes: dict[str, Any] = {}
        if "result" in body:
            if row["multi"]:
                expect_vector(work.con, row["datastream"], body["result"])
            changes["result"] = json_text(body["result"])
        if whole or "resultQuality" in body:
            quality = body.get("resultQuality")
            changes["quality"] = None if quality is None else json_text(quality)
        time = interval_in(body.get("phenomenonTime"), "phenomenonTime")
        if time is not None:
            changes["time_from"], changes["time_to"] = time
        for name in STREAM_LINK:
            if body.get(name) is not None and body[name] != {"@iot.id": row["datastream"]}:
                raise ConflictError("An Observation stays with its Datastream; create another.")
        return changes

    def _relink(self, work: Work, of: Entity, number: int, body: Mapping[str, Any]) -> None:
        if of.name == "Things" and "Locations" in body:
            self._place(work, number, self._each(work, "Locations", body), work.now)
        if of.name == "Locations":
            for thing in self._each(work, "Things", body):
                self._place(work, thing, [number], work.now)
            if "location" in body:
                rows = work.con.execute(
                    "SELECT thing FROM sta_thing_location WHERE location = $l", {"l": number}
                ).fetchall()
                for (thing,) in rows:
                    self._place(work, thing, [number], work.now)
        if of.name.endswith("Datastreams"):
            for name in ("Thing", "Sensor"):
                if name in body:
                    found = self._linked(work, name, body, {})
                    work.con.execute(f"UPDATE sta_datastream SET {name.lower()} = $f WHERE id = $i", {"f": found, "i": number})  # noqa: S608 # fmt: skip
            if "ObservedProperty" in body:
                found = self._linked(work, "ObservedProperty", body, {})
                work.con.execute(
                    "UPDATE sta_datastream_property SET property = $f WHERE datastream = $i",
                    {"f": found, "i": number},
                )

    def _update_stream(self, work: Work, number: int, body: Mapping[str, Any]) -> None:
        """What the register of streams knows of a Datastream follows it."""
        thing = work.con.execute(
            "SELECT thing FROM sta_datastream WHERE id = $i", {"i": number}
        ).fetchone()
        assert thing is not None  # noqa: S101 -- known
        unit = body.get("unitOfMeasurement")
        if isinstance(unit, Mapping):
            work.con.execute(
                "UPDATE datastream SET unit = $u WHERE stream_id = $i",
                {"u": str(unit.get("symbol") or unit.get("name") or ""), "i": number},
            )
        if "Thing" in body:
            work.con.execute(
                "UPDATE datastream SET thing_id = $t WHERE stream_id = $i",
                {"t": thing_uuid(work.con, thing[0]), "i": number},
            )
            move_stream(work.con, number, thing[0])
        work.streams.append(number)

    def delete(self, of: Entity, given: int | str) -> None:
        """Delete an entity and all that cannot be without it (18-088 table 24).

        Raises
        ------
        NotFoundError
            If there is none of this id.
        ConflictError
            If it is an observation of the archive, or alarms or cases rest on a Datastream.
        """
        with self._working() as work:
            if of.name == "Observations":
                self._delete_observation(work, given)
                return
            number = self._known(work, of, given)
            work.made += 1
            self._drop(work, of.name, [number])

    def _delete_observation(self, work: Work, given: int | str) -> None:
        found = one_of(given)
        if not isinstance(found, int):
            raise ConflictError(
                "Readings of the archive are kept: they go when their keeping time (TWIN_KEEP_DAYS) is over."
            )
        gone = work.con.execute(
            "DELETE FROM sta_observation WHERE id = $i RETURNING id", {"i": found}
        ).fetchone()
        if gone is None:
            raise NotFoundError(f"there is no Observation {str(given)[:60]!r}.")

    def _drop(self, work: Work, name: str, ids: list[int]) -> None:
        """Delete entities of a set, after what hangs on them."""
        if not ids:
            return
        con, chosen = work.con, {"ids": ids}
        if name in _STREAMS_OF:
            found = con.execute(_STREAMS_OF[name], chosen).fetchall()
            for multi, kind in ((False, "Datastreams"), (True, "MultiDatastreams")):
                self._drop(work, kind, [stream for stream, is_multi in found if is_multi == multi])
        if name.endswith("Datastreams"):
            self._expect_free(con, ids)
            con.execute("INSERT INTO sta_gone SELECT unnest($ids)", chosen)
            con.execute(FORGET_ANCHORS, chosen)
            work.gone += ids
        if name == "Things":
            con.execute(_DROP_THINGS, chosen)
        for table, column in (*_TIED[name], (_TABLES[name], "id")):
            con.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT unnest($ids))", chosen)  # noqa: S608 -- names of this module

    def _expect_free(self, con: duckdb.DuckDBPyConnection, ids: list[int]) -> None:
        held = con.execute(
            "SELECT count(*) FROM alarm WHERE stream_id IN (SELECT unnest($ids))", {"ids": ids}
        ).fetchone()
        if held and held[0]:
            raise ConflictError(
                f"{held[0]} alarms on record rest on the Datastream; it stays with them."
            )


def _changed(name: str, kind: str, value: Any) -> Any:  # noqa: ANN401 -- JSON
    """What the column of a property becomes."""
    if kind == "time":
        return moment_in(value, name)
    if kind in ("json", "geo"):
        return None if value is None else json_text(value)
    return str(value)
