"""JSON-FG (OGC 21-045): GeoJSON with prisms and other systems in ``place``, time, feature types, schemas."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from api.models import instant
from api.ogc.question import Question
from api.ogc.reshape import decoded, in_system, shapes_of
from api.ogc.systems import CRS84H
from api.state import CityState, utc_now
from twin.features.asking import Page
from twin.store.read import rows

__all__ = ["CLASSES", "collection", "one"]

CLASSES: Final = tuple(
    f"http://www.opengis.net/spec/json-fg-1/1.0/conf/{name}"
    for name in ("core", "prisms", "types-schemas")
)
Links = Sequence[Mapping[str, str]]


def collection(state: CityState, asked: Question, page: Page, links: Links) -> bytes:
    """A page of things as a JSON-FG feature collection."""
    made = _features(state, asked, page.features)
    return orjson.dumps(
        {
            "type": "FeatureCollection",
            "conformsTo": CLASSES,
            "featureType": asked.info.id,
            "featureSchema": _schema(links),
            "coordRefSys": _system(asked),
            "timeStamp": instant(utc_now()),
            "numberMatched": page.matched,
            "numberReturned": len(made),
            "links": links,
            "features": made,
        }
    )


def one(state: CityState, asked: Question, feature: bytes | memoryview, links: Links) -> bytes:
    """One thing as a JSON-FG feature."""
    made = _features(state, asked, [feature])[0]
    head = {
        "type": "Feature",
        "conformsTo": CLASSES,
        "featureType": asked.info.id,
        "featureSchema": _schema(links),
        "coordRefSys": _system(asked),
    }
    return orjson.dumps({**head, **made, "links": links})


def _system(asked: Question) -> str:
    """The system of ``place``: the one asked for, else that of prisms."""
    return CRS84H if asked.system.stored else asked.system.uri


def _schema(links: Links) -> str:
    root = next(one["href"] for one in links if one["rel"] == "collection")
    return f"{root}/schema"


def _features(
    state: CityState, asked: Question, encoded: Sequence[bytes | memoryview]
) -> list[dict[str, Any]]:
    made = decoded(encoded)
    shapes = shapes_of(made)
    if asked.system.stored:
        places = _prisms(state, made, shapes)
    else:
        texts = shapely.to_geojson(in_system(shapes, asked.system))
        places = [None if text is None else orjson.Fragment(text) for text in texts]
    shown = asked.properties
    for feature, place in zip(made, places, strict=True):
        feature["time"] = _time(feature["properties"])
        feature["place"] = place
        if shown is not None:
            if "geometry" not in shown:
                feature["geometry"] = feature["place"] = None
            feature["properties"] = {
                name: value for name, value in feature["properties"].items() if name in shown
            }
    return made


def _time(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    since, until = properties.get("valid_from"), properties.get("valid_to")
    return {"interval": [since or "..", until or ".."]} if since or until else None


def _prisms(
    state: CityState, made: Sequence[Mapping[str, Any]], shapes: NDArray[np.object_]
) -> list[Any]:
    """The prism of each thing that stands on an area and has a foot and a top; None for the others."""
    areas = np.flatnonzero(np.isin(shapely.get_type_id(shapes), (3, 6))).tolist()
    places: list[Any] = [None] * len(made)
    if not areas:
        return places
    found = {
        row["eid"]: row
        for row in rows(state.store, "heights_of", eids=[made[i]["id"] for i in areas])
    }
    bases = shapely.force_2d(shapes[areas])
    for i, base in zip(areas, bases, strict=True):
        row = found.get(made[i]["id"])
        if row is None or row["foot"] is None or row["top"] is None or row["top"] <= row["foot"]:
            continue
        parts = [
            {
                "type": "Prism",
                "base": orjson.loads(shapely.to_geojson(part)),
                "lower": row["foot"],
                "upper": row["top"],
            }
            for part in shapely.get_parts(base)
        ]
        places[i] = parts[0] if len(parts) == 1 else {"type": "MultiPrism", "prisms": parts}
    return places
