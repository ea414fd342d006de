"""Things as GeoJSON features."""

from typing import Any

import orjson
import pyarrow as pa

from api.models import fragment, instant
from twin.store.read import geojson_of

__all__ = ["features", "properties"]

PLAIN = ("class_code", "name", "height_m", "floors", "lifecycle")


def properties(thing: dict[str, Any]) -> dict[str, Any]:
    """Properties of one thing: typed fields first, then its attributes under their own names.

    Examples
    --------
    >>> properties({"class_code": "building", "name": None, "attributes": '{"usage": "住宅"}'})
    {'class_code': 'building', 'name': None, 'usage': '住宅'}
    """
    typed = {name: thing[name] for name in PLAIN if name in thing}
    attributes: dict[str, Any] = (
        orjson.loads(thing["attributes"]) if thing.get("attributes") else {}
    )
    times = {name: instant(thing[name]) for name in ("valid_from", "valid_to") if thing.get(name)}
    return typed | {name: value for name, value in attributes.items() if name not in typed} | times


def features(things: pa.Table) -> list[dict[str, Any]]:
    """GeoJSON features of a page of things (columns of ``sql/read_page.sql``), in its order."""
    shapes = geojson_of(things).tolist()
    plain = things.drop_columns(["wkb"]).to_pylist()
    return [
        {
            "type": "Feature",
            "id": thing["eid"],
            "geometry": fragment(shape),
            "properties": properties(thing),
        }
        for thing, shape in zip(plain, shapes, strict=True)
    ]
