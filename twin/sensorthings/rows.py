"""Rows of the SensorThings tables: made from what clients send, written, and looked up."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import duckdb
import orjson
import shapely

from twin.errors import ConflictError, InvalidRequestError
from twin.sensorthings.expressions import instants, read_instant
from twin.sensorthings.model import ENTITIES, Entity

GEOJSON: Final = ("application/geo+json", "application/vnd.geo+json")
FORGET_ANCHORS: Final = "DELETE FROM anchor WHERE subject_kind = 'datastream' AND subject_id IN (SELECT unnest($ids)::VARCHAR)"


def expect_body(of: Entity, body: Any, *, partial: bool = False) -> None:  # noqa: ANN401 -- JSON
    """Refuse a body that lacks what it must have, or has what nobody knows."""
    if not isinstance(body, Mapping):
        raise InvalidRequestError(f"A {of.one} is a JSON object.")
    for name in () if partial else of.required:
        if name not in body or (body[name] is None and name != "result"):
            raise InvalidRequestError(f"A {of.one} needs {name}.", name)
    ones = {e.one for e in ENTITIES.values()}
    for name in body:
        if name in of.properties or name in of.links or name in ones or "@iot." in name:
            continue
        known = ", ".join((*of.properties, *of.links))
        raise InvalidRequestError(
            f"{name[:60]!r} is no property of {of.one}; there are {known}.", name[:60]
        )
    for name, kind in of.properties.items():
        value = body.get(name)
        if kind == "text" and value is not None and not isinstance(value, str):
            raise InvalidRequestError(f"{name}: expected a text.", name)
        if name == "properties" and value is not None and not isinstance(value, Mapping):
            raise InvalidRequestError("properties: expected an object.", name)


def expect_vector(con: duckdb.DuckDBPyConnection, stream: int, result: Any) -> None:  # noqa: ANN401
    """Refuse a result of a MultiDatastream that has not a value per property."""
    row = con.execute(
        "SELECT count(*) FROM sta_datastream_property WHERE datastream = $i", {"i": stream}
    ).fetchone()
    n = row[0] if row else 0
    if not isinstance(result, list) or len(result) != n:
        raise InvalidRequestError(
            f"result: expected a list of {n} values, one per ObservedProperty.", "result"
        )


def insert(con: duckdb.DuckDBPyConnection, table: str, row: Mapping[str, Any]) -> None:
    """Write a row whose columns are named."""
    names = ", ".join(row)
    values = ", ".join(f"${name}" for name in row)
    con.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", dict(row))  # noqa: S608 -- names of the model


def next_id(con: duckdb.DuckDBPyConnection) -> int:
    """An id no entity had before."""
    row = con.execute("SELECT nextval('sta_seq')").fetchone()
    assert row is not None  # noqa: S101 -- a sequence gives one
    return int(row[0])


def next_stream(con: duckdb.DuckDBPyConnection) -> int:
    """An id no stream had before, deleted ones included."""
    row = con.execute(
        "SELECT coalesce(max(id), 0) + 1 FROM (SELECT stream_id AS id FROM datastream UNION ALL "
        "SELECT id FROM sta_datastream UNION ALL FROM sta_gone)"
    ).fetchone()
    assert row is not None  # noqa: S101 -- no table is asked for rows
    return int(row[0])


def json_text(value: Any) -> str:  # noqa: ANN401 -- JSON
    """A value as JSON text."""
    return orjson.dumps(value).decode()


def properties_text(body: Mapping[str, Any]) -> str | None:
    """The ``properties`` of a body as JSON text; None where it has none."""
    return None if body.get("properties") is None else json_text(body["properties"])


def subject_in(properties: Mapping[str, Any]) -> str | None:
    """The monitored subject that properties name."""
    found = properties.get("subject")
    return found[:40] if isinstance(found, str) else None


def subject_of_thing(con: duckdb.DuckDBPyConnection, thing: int) -> str | None:
    """The monitored subject of a thing."""
    row = con.execute(
        "SELECT t.subject FROM sta_thing s JOIN thing t USING (thing_id) WHERE s.id = $i",
        {"i": thing},
    ).fetchone()
    return row[0] if row else None


def stream_key(con: duckdb.DuckDBPyConnection, number: int, properties: Mapping[str, Any]) -> str:
    """The key of a new stream: that of its properties, else one of its id."""
    given = properties.get("key")
    if not isinstance(given, str) or not given.strip():
        return f"sta:{number}"
    if con.execute("SELECT 1 FROM datastream WHERE key = $k", {"k": given}).fetchone():
        raise ConflictError(f"There is a stream with key {given[:80]!r} already.")
    return given


def thing_uuid(con: duckdb.DuckDBPyConnection, thing: int) -> str:
    """The UUID the base knows a thing by."""
    row = con.execute(
        "SELECT thing_id::VARCHAR FROM sta_thing WHERE id = $i", {"i": thing}
    ).fetchone()
    assert row is not None  # noqa: S101 -- known
    return str(row[0])


def feature_at(con: duckdb.DuckDBPyConnection, thing: int) -> int | None:
    """The feature that stands for where a thing is; made where there is none."""
    row = con.execute(
        "SELECT l.id, f.id FROM sta_thing_location x JOIN sta_location l ON l.id = x.location "
        "LEFT JOIN sta_feature f ON f.location = l.id WHERE x.thing = $t AND l.geometry IS NOT NULL ORDER BY l.id LIMIT 1",
        {"t": thing},
    ).fetchone()
    if row is None:
        return None
    if row[1] is not None:
        return int(row[1])
    number = next_id(con)
    con.execute(
        "INSERT INTO sta_feature SELECT $n, name, description, encoding_type, location, geometry, NULL, id "
        "FROM sta_location WHERE id = $l",
        {"n": number, "l": row[0]},
    )
    return number


def default_feature(con: duckdb.DuckDBPyConnection, stream: int) -> int | None:
    """The feature the observations of a stream are of, where they name none."""
    row = con.execute("SELECT feature FROM sta_datastream WHERE id = $i", {"i": stream}).fetchone()
    return row[0] if row else None


def move_stream(con: duckdb.DuckDBPyConnection, stream: int, thing: int) -> None:
    """The register of streams has a stream where its thing is."""
    row = con.execute(
        "SELECT l.geometry FROM sta_thing_location x JOIN sta_location l ON l.id = x.location "
        "WHERE x.thing = $t AND l.geometry IS NOT NULL ORDER BY l.id LIMIT 1",
        {"t": thing},
    ).fetchone()
    if row is None:
        return
    shape = shapely.from_geojson(row[0])
    point = shape if shape.geom_type == "Point" else shapely.point_on_surface(shape)
    z = float(point.z) if point.has_z else None
    con.execute(
        "UPDATE datastream SET lon = $x, lat = $y, z = $z, z_reference = $r WHERE stream_id = $i",
        {"x": point.x, "y": point.y, "z": z, "r": None if z is None else "ellipsoid", "i": stream},
    )


def located_row(number: int, body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The columns a location or feature has of its body."""
    return {
        "id": number,
        "name": str(body["name"]),
        "description": str(body["description"]),
        "encoding_type": str(body["encodingType"]),
        name: json_text(body[name]),
        "geometry": geometry_text(body[name], body["encodingType"], name),
        "properties": properties_text(body),
    }


def geometry_text(value: Any, encoding: Any, name: str) -> str | None:  # noqa: ANN401 -- JSON
    """The GeoJSON geometry of a location or feature; None where its encoding is another.

    Raises
    ------
    InvalidRequestError
        If it is no GeoJSON in degrees.
    """
    if encoding not in GEOJSON:
        return None
    inner = (
        value.get("geometry")
        if isinstance(value, Mapping) and value.get("type") == "Feature"
        else value
    )
    try:
        shape = shapely.from_geojson(json_text(inner))
        west, south, east, north = shape.bounds
        sound = not shape.is_empty and west >= -180 and east <= 180 and south >= -90 and north <= 90
    except (shapely.errors.GEOSException, ValueError, TypeError):
        sound = False
    if not sound:
        raise InvalidRequestError(
            f"{name}: expected a GeoJSON geometry or Feature in degrees, longitude first.", name
        )
    return json_text(inner)


def moment_in(value: Any, name: str) -> datetime:  # noqa: ANN401 -- JSON
    """A moment of a body, naive UTC; raises InvalidRequestError where it is none."""
    try:
        return read_instant(value)
    except (ValueError, TypeError, OverflowError):
        raise InvalidRequestError(
            f"{name}={str(value)[:60]!r}: expected a time such as 2026-07-01T08:00:00Z.", name
        ) from None


def interval_in(value: Any, name: str) -> tuple[datetime, datetime] | None:  # noqa: ANN401 -- JSON
    """Begin and end of a body's time or interval; None where there is none."""
    if value is None:
        return None
    try:
        return instants(value)
    except (ValueError, TypeError, OverflowError, AttributeError):
        raise InvalidRequestError(
            f"{name}={str(value)[:60]!r}: expected a time, or begin/end.", name
        ) from None
