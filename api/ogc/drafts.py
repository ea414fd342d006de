"""A request's body as what a thing shall be: GeoJSON features and merge patches of them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
import shapely

from api.deps import parse_time
from api.ogc.systems import System
from api.state import CollectionInfo
from twin.errors import ForbiddenError, InvalidRequestError
from twin.features.asking import EVERYTHING, Reach
from twin.features.editing import Draft

__all__ = ["draft", "feature_of", "merged", "permitted"]

_MOST_PROPERTIES: Final = 500
_DEEPEST: Final = 20


def feature_of(body: bytes) -> dict[str, Any]:
    """A JSON object from a body.

    Raises
    ------
    InvalidRequestError
        If it is none.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as err:
        raise InvalidRequestError(f"The body is no JSON: {err}. Send one GeoJSON feature.") from err
    if not isinstance(found, dict):
        raise InvalidRequestError(
            f"The body is a JSON {type(found).__name__}; send one GeoJSON feature as an object."
        )
    return found


def merged(feature: Any, patch: Any, depth: int = 0) -> Any:  # noqa: ANN401 -- JSON
    """A value with a merge patch applied (RFC 7396).

    Examples
    --------
    >>> merged({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}})
    {'b': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    if depth > _DEEPEST:
        raise InvalidRequestError(f"The patch is nested deeper than {_DEEPEST} levels.")
    out = dict(feature) if isinstance(feature, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merged(out.get(name, {}), value, depth + 1)
    return out


def draft(feature: Mapping[str, Any], info: CollectionInfo, system: System) -> Draft:
    """What a thing shall be, from a GeoJSON feature.

    Parameters
    ----------
    feature : Mapping
        ``type``, ``geometry``, ``properties``; other members are not read.
    info : CollectionInfo
        Its first class stands in where the properties name none.
    system : System
        Of the coordinates.

    Raises
    ------
    InvalidRequestError
        Naming the member that is wrong.
    """
    if feature.get("type") != "Feature":
        raise InvalidRequestError(
            f"type={str(feature.get('type'))[:40]!r}: expected Feature; send one feature at a time.",
            "type",
        )
    properties = feature.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict) or len(properties) > _MOST_PROPERTIES:
        raise InvalidRequestError(
            f"properties: expected an object of at most {_MOST_PROPERTIES} members.", "properties"
        )
    if _depth(properties) > _DEEPEST:
        raise InvalidRequestError(
            f"properties: nested deeper than {_DEEPEST} levels.", "properties"
        )
    given = {
        name: value for name, value in properties.items() if value is not None and name != "eid"
    }
    since, until = _time(given, "valid_from"), _time(given, "valid_to")
    if since and until and since >= until:
        raise InvalidRequestError(f"valid_to={until} is not after valid_from={since}.", "valid_to")
    first = info.classes[0].code if info.classes else info.id
    return Draft(
        class_code=_text(given, "class_code") or first,
        name=_text(given, "name"),
        lifecycle=_text(given, "lifecycle") or "in_use",
        valid_from=since,
        valid_to=until,
        attributes=given,
        shape=_shape(feature.get("geometry")),
        crs=system.name,
    )


def permitted(reach: Reach, made: Draft, shape: shapely.Geometry | None) -> None:
    """Refuse what lies outside of what a caller may see.

    Raises
    ------
    ForbiddenError
        If class or place are outside.
    """
    if reach is EVERYTHING:
        return
    if reach.classes is not None and made.class_code not in reach.classes:
        raise ForbiddenError(f"Your role may not write things of class {made.class_code}.")
    if reach.area is not None and (shape is None or not shapely.covers(reach.area, shape)):
        raise ForbiddenError("Your role may write inside its own area only.")


def _text(given: dict[str, Any], name: str) -> str | None:
    """Take a text out of the properties."""
    value = given.pop(name, None)
    if value is not None and (not isinstance(value, str) or len(value) > 1_000):
        raise InvalidRequestError(f"{name}={str(value)[:60]!r}: expected a text.", name)
    return value or None


def _time(given: dict[str, Any], name: str) -> datetime | None:
    value = _text(given, name)
    return None if value is None else parse_time(value, name)


def _shape(geometry: Any) -> shapely.Geometry | None:  # noqa: ANN401 -- JSON
    """The shape of a GeoJSON geometry."""
    if geometry is None:
        return None
    if not isinstance(geometry, dict) or _depth(geometry) > _DEEPEST:
        raise InvalidRequestError("geometry: expected a GeoJSON geometry or null.", "geometry")
    try:
        shape: shapely.Geometry = shapely.from_geojson(orjson.dumps(geometry).decode())
    except (shapely.GEOSException, ValueError, TypeError) as err:
        said = re.sub(r"\s+", " ", str(err))[:160]
        raise InvalidRequestError(f"geometry: no GeoJSON geometry ({said}).", "geometry") from err
    if shapely.is_empty(shape):
        return None
    return shape


def _depth(value: Any) -> int:  # noqa: ANN401 -- JSON
    """How deep lists and objects stand within one another, by level and not by recursion."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST + 1:
        inside = [v for v in level if isinstance(v, dict | list)]
        level = [w for v in inside for w in (v.values() if isinstance(v, dict) else v)]
        depth += bool(inside)
    return depth
