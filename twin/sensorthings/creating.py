"""New SensorThings entities with all that hangs on them, one request in one transaction of the base."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from twin.anchor import anchor_points
from twin.errors import InvalidRequestError, NotFoundError, TwinError
from twin.heights import Heights
from twin.ids import uuid7_array
from twin.ingest.anchoring import grids_of
from twin.live import LiveHub
from twin.sensorthings.areas import widen
from twin.sensorthings.model import Entity, entity, named
from twin.sensorthings.reading import Reader
from twin.sensorthings.rows import (
    FORGET_ANCHORS,
    expect_body,
    expect_vector,
    feature_at,
    insert,
    interval_in,
    json_text,
    located_row,
    moment_in,
    move_stream,
    next_id,
    next_stream,
    properties_text,
    stream_key,
    subject_in,
    subject_of_thing,
    thing_uuid,
)
from twin.sensorthings.storing import Change, Reading, Storing
from twin.store import Store
from twin.store.rasters import terrain_of

__all__ = ["STREAM_LINK", "Creator", "Work"]

MOST_NESTED: Final = 5_000
STREAM_LINK: Final = ("Datastream", "MultiDatastream")


@dataclass(slots=True)
class Work:
    """What one request makes."""

    con: duckdb.DuckDBPyConnection
    now: datetime
    made: int = 0
    streams: list[int] = field(default_factory=list)
    observations: list[Reading] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    known: set[tuple[str, int]] = field(default_factory=set)


class Creator(Storing):
    """Makes new entities with all that hangs on them.

    Parameters
    ----------
    store : Store
    hub : LiveHub
        Stores observations, and is told of new streams.
    reader : Reader
    """

    def __init__(self, store: Store, hub: LiveHub, reader: Reader) -> None:
        super().__init__(store, hub, reader.pages)
        self._reader = reader
        self._set = threading.local()

    def create(
        self, of: Entity, body: Mapping[str, Any], above: Mapping[str, int | str] | None = None
    ) -> int | str:
        """A new entity with all that its body holds.

        Parameters
        ----------
        of : Entity
        body : mapping
            As the client sent it.
        above : mapping of str to id, optional
            What the path named: ``{"Thing": 7}``.

        Returns
        -------
        int or str
            Its id.

        Raises
        ------
        InvalidRequestError
            Naming the property that is missing or cannot be.
        NotFoundError
            If something it links to is not there.
        """
        with self._working() as work:
            if of.name == "Observations":
                reading = self._reading(work, body, dict(above or {}))
                return self._noted(work, reading)
            found: int | str = self._create(work, of, body, dict(above or {}))
        return found

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside the block, by this thread, is one transaction (a change set).

        Raises
        ------
        TwinError
            As the writing does; nothing is stored then.
        """
        with self._working() as work:
            self._set.work = work
            try:
                yield
            finally:
                self._set.work = None

    @contextmanager
    def _working(self) -> Iterator[Work]:
        """The work of a request: that of the change set it stands in, else one of its own."""
        work: Work | None = getattr(self._set, "work", None)
        if work is not None:
            yield work
            return
        self._reader.adopt()
        with self._store.transaction() as con:
            work = Work(con, self._hub.now())
            yield work
            if work.made:  # else nothing would be left if they are refused
                self.expect_storable(work.observations)
            if work.streams:
                self._anchor(con, work.streams)
        self._follow(work)

    def _noted(self, work: Work, reading: Reading) -> int | str:
        """Id of an observation, which is stored with the work it is part of."""
        work.observations.append(reading)
        if not reading.fits_archive:
            reading.number = next_id(work.con)
        return reading.id

    def _follow(self, work: Work) -> None:
        """New streams are known to the hub and have their place; their observations are stored."""
        if work.made or work.changes or work.gone:
            self._reader.pages.renew()
        before = self._hub.catalogue
        if work.gone:
            self._hub.reload()
        elif work.streams and self._hub.extend(work.streams):
            self._reader.has_adopted(before)
        self.tell(work.changes)
        if work.observations:
            self.observe(work.observations)

    def readings(self, bodies: Iterable[Mapping[str, Any]]) -> list[Reading | None]:
        """Observations as a client sent them, in one transaction; None for each that cannot be one."""
        found: list[Reading | None] = []
        with self._store.transaction() as con:
            work = Work(con, self._hub.now())
            for body in bodies:
                try:
                    found.append(self._reading(work, body, {}))
                except TwinError:
                    found.append(None)
            if work.streams:
                self._anchor(con, work.streams)
        if work.made:
            self._follow(work)
        return found

    def _create(self, work: Work, of: Entity, body: Mapping[str, Any], above: dict[str, Any]) -> Any:  # noqa: ANN401 # fmt: skip
        work.made += 1
        if work.made > MOST_NESTED:
            raise InvalidRequestError(
                f"One request makes at most {MOST_NESTED} entities; send it in parts."
            )
        expect_body(of, body)
        make = getattr(self, f"_make_{of.name}")
        found = make(work, body, above)
        work.changes.append(Change(of.name, found))
        return found

    def _linked(
        self, work: Work, name: str, body: Mapping[str, Any], above: Mapping[str, Any]
    ) -> int | None:
        """Id of the one entity a body names, makes or the path names; None where neither does."""
        of, given = named(name), body.get(name)
        if given is None:
            found = above.get(name)
            return None if found is None else int(found)
        if not isinstance(given, Mapping):
            raise InvalidRequestError(f'{name}: expected an object, or {{"@iot.id": …}}.', name)
        if "@iot.id" in given:
            return self._known(work, of, given["@iot.id"])
        return int(self._create(work, of, given, {}))

    def _known(self, work: Work, of: Entity, given: Any) -> int:  # noqa: ANN401 -- JSON
        if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 2**62:
            sql = f"SELECT id FROM {of.relation} WHERE id = $id"  # noqa: S608 -- a name of the model
            if (of.name, given) in work.known or work.con.execute(sql, {"id": given}).fetchone():
                work.known.add((of.name, given))
                return given
        raise NotFoundError(f"there is no {of.one} with @iot.id {str(given)[:60]!r}.")

    def _each(self, work: Work, name: str, body: Mapping[str, Any]) -> list[int]:
        """Ids of the entities of a list in a body: named or made."""
        of, given = entity(name), body.get(name)
        if given is None:
            return []
        items = [given] if isinstance(given, Mapping) else given
        if not isinstance(items, list) or not all(isinstance(x, Mapping) for x in items):
            raise InvalidRequestError(f"{name}: expected a list of objects.", name)
        return [
            self._known(work, of, x["@iot.id"])
            if "@iot.id" in x
            else int(self._create(work, of, x, {}))
            for x in items
        ]

    def _make_Things(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802 -- the standard's name
        number, thing = next_id(work.con), str(uuid7_array(1)[0])
        properties = body.get("properties") or {}
        insert(
            work.con,
            "thing",
            {
                "thing_id": thing,
                "key": f"sta:{number}",
                "name": str(body["name"]),
                "subject": subject_in(properties),
                "attributes": None,
                "dataset_id": None,
                "record_hash": None,
            },
        )
        insert(
            work.con,
            "sta_thing",
            {
                "id": number,
                "thing_id": thing,
                "description": str(body["description"]),
                "properties": None if "properties" not in body else json_text(properties),
            },
        )
        places = self._each(work, "Locations", body)
        if "Location" in above:
            places.append(int(above["Location"]))
        if places:
            self._place(work, number, places, work.now)
        for name in ("Datastreams", "MultiDatastreams"):
            for inner in body.get(name) or ():
                self._create(work, entity(name), inner, {"Thing": number})
        return number

    def _place(self, work: Work, thing: int, places: list[int], at: datetime) -> int:
        """The thing is at these locations from now on; the history keeps it."""
        work.con.execute("DELETE FROM sta_thing_location WHERE thing = $t", {"t": thing})
        for place in dict.fromkeys(places):
            insert(work.con, "sta_thing_location", {"thing": thing, "location": place})
        history = next_id(work.con)
        insert(work.con, "sta_history", {"id": history, "thing": thing, "at_time": at})
        for place in dict.fromkeys(places):
            insert(work.con, "sta_history_location", {"history": history, "location": place})
        streams = work.con.execute(
            "SELECT id, feature FROM sta_datastream WHERE thing = $t", {"t": thing}
        ).fetchall()
        feature = feature_at(work.con, thing)
        ids = np.array([stream for stream, _ in streams], np.int64)
        observed = set(self._hub.newest(ids)[0].tolist())
        for stream, before in streams:
            if stream in observed and before != feature:
                widen(work.con, stream, before)
            work.con.execute(
                "UPDATE sta_datastream SET feature = $f WHERE id = $s", {"f": feature, "s": stream}
            )
            move_stream(work.con, stream, thing)
            work.streams.append(stream)
        work.changes.append(Change("HistoricalLocations", history))
        return history

    def _make_Locations(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802
        number = next_id(work.con)
        row = located_row(number, body, "location")
        insert(work.con, "sta_location", {**row, "derived": None})
        things = self._each(work, "Things", body)
        if "Thing" in above:
            things.append(int(above["Thing"]))
        for thing in dict.fromkeys(things):
            self._place(work, thing, [number], work.now)
        return number

    def _make_FeaturesOfInterest(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802 # fmt: skip
        del above
        number = next_id(work.con)
        insert(work.con, "sta_feature", {**located_row(number, body, "feature"), "location": None})
        for given in body.get("Observations") or ():
            work.observations.append(self._reading(work, given, {"FeatureOfInterest": number}))
        return number

    def _make_HistoricalLocations(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802 # fmt: skip
        thing = self._linked(work, "Thing", body, above)
        places = self._each(work, "Locations", body)
        if "Location" in above:
            places.append(int(above["Location"]))
        if thing is None or not places:
            raise InvalidRequestError("A HistoricalLocation needs a Thing and Locations.", "Thing")
        at = moment_in(body["time"], "time")
        latest = work.con.execute(
            "SELECT max(at_time) FROM sta_history WHERE thing = $t", {"t": thing}
        ).fetchone()
        if latest is None or latest[0] is None or at >= latest[0]:
            return self._place(work, thing, places, at)
        number = next_id(work.con)
        insert(work.con, "sta_history", {"id": number, "thing": thing, "at_time": at})
        for place in dict.fromkeys(places):
            insert(work.con, "sta_history_location", {"history": number, "location": place})
        return number

    def _make_Sensors(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802
        del above
        number = next_id(work.con)
        insert(
            work.con,
            "sta_sensor",
            {
                "id": number,
                "name": str(body["name"]),
                "description": str(body["description"]),
                "encoding_type": str(body["encodingType"]),
                "metadata": json_text(body["metadata"]),
                "properties": properties_text(body),
                "derived": None,
            },
        )
        for name in ("Datastreams", "MultiDatastreams"):
            for inner in body.get(name) or ():
                self._create(work, entity(name), inner, {"Sensor": number})
        return number

    def _make_ObservedProperties(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802 # fmt: skip
        del above
        number = next_id(work.con)
        insert(
            work.con,
            "sta_property",
            {
                "id": number,
                "name": str(body["name"]),
                "definition": str(body["definition"]),
                "description": str(body["description"]),
                "properties": properties_text(body),
                "derived": None,
            },
        )
        for inner in body.get("Datastreams") or ():
            self._create(work, entity("Datastreams"), inner, {"ObservedProperty": number})
        return number

    def _make_Datastreams(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802
        observed = self._linked(work, "ObservedProperty", body, above)
        if observed is None:
            raise InvalidRequestError("A Datastream needs an ObservedProperty.", "ObservedProperty")
        unit = body["unitOfMeasurement"]
        if not isinstance(unit, Mapping) or not {"name", "symbol", "definition"} <= set(unit):
            raise InvalidRequestError(
                "unitOfMeasurement: expected name, symbol and definition (or null).",
                "unitOfMeasurement",
            )
        number = self._stream(work, body, above, [observed], multi=False)
        thing = work.con.execute(
            "SELECT thing FROM sta_datastream WHERE id = $i", {"i": number}
        ).fetchone()
        assert thing is not None  # noqa: S101 -- written a line above
        properties = body.get("properties") or {}
        name = work.con.execute(
            "SELECT name FROM sta_property WHERE id = $i", {"i": observed}
        ).fetchone()
        insert(
            work.con,
            "datastream",
            {
                "stream_id": number,
                "thing_id": thing_uuid(work.con, thing[0]),
                "key": stream_key(work.con, number, properties),
                "property": name[0] if name else None,
                "unit": str(unit["symbol"] or unit["name"] or ""),
                "subject": subject_in(properties) or subject_of_thing(work.con, thing[0]),
                "attributes": json_text(properties),
            },
        )
        move_stream(work.con, number, thing[0])
        work.streams.append(number)
        for given in body.get("Observations") or ():
            work.observations.append(self._reading(work, given, {"Datastream": number}))
        return number

    def _make_MultiDatastreams(self, work: Work, body: Mapping[str, Any], above: dict[str, Any]) -> int:  # noqa: N802 # fmt: skip
        observed = self._each(work, "ObservedProperties", body)
        units, types = body["unitOfMeasurements"], body["multiObservationDataTypes"]
        if (
            not isinstance(units, list)
            or not isinstance(types, list)
            or not (len(units) == len(types) == len(observed) > 0)
        ):
            raise InvalidRequestError(
                "A MultiDatastream has as many unitOfMeasurements as multiObservationDataTypes and ObservedProperties.",
                "unitOfMeasurements",
            )
        number = self._stream(work, body, above, observed, multi=True)
        for given in body.get("Observations") or ():
            work.observations.append(self._reading(work, given, {"MultiDatastream": number}))
        return number

    def _stream(
        self,
        work: Work,
        body: Mapping[str, Any],
        above: Mapping[str, Any],
        observed: list[int],
        *,
        multi: bool,
    ) -> int:
        ends = {name: self._linked(work, name, body, above) for name in ("Thing", "Sensor")}
        for name, found in ends.items():
            if found is None:
                raise InvalidRequestError(
                    f"A {'Multi' if multi else ''}Datastream needs a {name}.", name
                )
        number = next_stream(work.con)
        types = body.get("multiObservationDataTypes")
        insert(
            work.con,
            "sta_datastream",
            {
                "id": number,
                "multi": multi,
                "thing": ends["Thing"],
                "sensor": ends["Sensor"],
                "feature": feature_at(work.con, int(ends["Thing"] or 0)),
                "name": str(body["name"]),
                "description": str(body["description"]),
                "observation_type": str(
                    body.get("observationType")
                    or "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_ComplexObservation"
                ),
                "multi_types": None if types is None else json_text(types),
                "unit": json_text(body["unitOfMeasurements" if multi else "unitOfMeasurement"]),
                "properties": properties_text(body),
                "observed_area": json_text(body["observedArea"])
                if body.get("observedArea") is not None
                else None,
            },
        )
        for nth, each in enumerate(observed):
            insert(
                work.con,
                "sta_datastream_property",
                {"datastream": number, "nth": nth, "property": each},
            )
        return number

    def _reading(self, work: Work, body: Mapping[str, Any], above: Mapping[str, Any]) -> Reading:
        expect_body(entity("Observations"), body)
        ends = {name: self._linked(work, name, body, above) for name in STREAM_LINK}
        found = [(name, given) for name, given in ends.items() if given is not None]
        if len(found) != 1:
            raise InvalidRequestError(
                "An Observation needs one Datastream or MultiDatastream.", "Datastream"
            )
        (name, stream), multi = found[0], found[0][0] == "MultiDatastream"
        if name not in above:
            self._known(work, entity(f"{name}s"), stream)
        if multi:
            expect_vector(work.con, stream, body["result"])
        begin, end = interval_in(body.get("phenomenonTime"), "phenomenonTime") or (
            work.now,
            work.now,
        )
        made = body.get("resultTime")
        return Reading(
            stream,
            body["result"],
            begin,
            end,
            None if made is None else moment_in(made, "resultTime"),
            body.get("resultQuality"),
            interval_in(body.get("validTime"), "validTime"),
            body.get("parameters"),
            self._linked(work, "FeatureOfInterest", body, above),
            multi,
        )

    def _anchor(self, con: duckdb.DuckDBPyConnection, streams: Sequence[int]) -> None:
        """Where new and moved streams stand: on the ground, in a grid cell; or the reason why nowhere."""
        rows = con.execute(
            "SELECT stream_id, lon, lat, z FROM datastream WHERE stream_id IN (SELECT unnest($ids)) ORDER BY stream_id",
            {"ids": list(streams)},
        ).to_arrow_table()
        lon, lat, z = (
            np.asarray(rows[c].to_numpy(zero_copy_only=False), float) for c in ("lon", "lat", "z")
        )
        reference = np.where(np.isnan(z), "ground", "ellipsoid").astype(object)
        heights = Heights(self._store.city.undulation)
        found = anchor_points(
            lon, lat, z, reference, terrain_of(self._store), grids_of(con), heights
        )
        ids = pa.array([str(i) for i in rows["stream_id"].to_pylist()])
        con.register("anchored", found.append_column("subject_id", ids))
        con.execute(FORGET_ANCHORS, {"ids": list(streams)})
        con.execute(
            "INSERT INTO anchor BY NAME SELECT 'datastream' AS subject_kind, subject_id, akind, "
            "grid_eid::UUID AS grid_eid, grid_code, lon, lat, z, ground_z, method, confidence, evidence, reason, "
            "$now::TIMESTAMP AS at_time FROM anchored",
            {"now": self._hub.now()},
        )
        con.unregister("anchored")
