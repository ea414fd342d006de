"""What the fields of a collection are, said in JSON Schema: queryables, sortables, returnables; functions of filters."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import view_of
from api.deps import Language, State, base_url, language, only
from api.models import answer, link
from api.ogc.formats import SCHEMA, SCHEMAS, wanted
from api.ogc.question import known, moment_of
from api.ogc.readers import reader_at, told
from api.state import CollectionInfo
from twin.cql2 import described
from twin.errors import InvalidRequestError
from twin.features.asking import Field, Kind

__all__ = ["field_schema", "router"]

router = APIRouter(include_in_schema=False)
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final[Mapping[Kind, dict[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "number"},
    Kind.WHOLE: {"type": "integer"},
    Kind.TRUTH: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.INSTANT: {"type": "string", "format": "date-time"},
    Kind.LIST: {"type": "array"},
    Kind.SHAPE: {"format": "geometry-any"},
}
_ROLES: Final = {
    "geometry": "primary-geometry",
    "eid": "id",
    "class_code": "type",
    "valid_from": "primary-interval-start",
    "valid_to": "primary-interval-end",
}
_TITLES: Final = {
    "eid": ("标识", "Id"),
    "geometry": ("几何", "Geometry"),
    "class_code": ("分类编码", "Class code"),
    "name": ("名称", "Name"),
    "height_m": ("高度", "Height"),
    "floors": ("层数", "Floors"),
    "lifecycle": ("生命周期", "Life cycle"),
    "valid_from": ("生效时间", "Valid from"),
    "valid_to": ("失效时间", "Valid to"),
}
_READ_ONLY: Final = frozenset({"eid"})


def field_schema(field: Field, lang: Language, sequence: int | None = None) -> dict[str, Any]:
    """A field as a property of a JSON Schema."""
    said: dict[str, Any] = {"title": field.name} | _TYPES[field.kind]
    if field.name in _TITLES:
        said["title"] = _TITLES[field.name][0 if lang == "zh" else 1]
    if field.name in _ROLES:
        said["x-ogc-role"] = _ROLES[field.name]
    if field.name.endswith("_m") and field.kind in (Kind.NUMBER, Kind.WHOLE):
        said["x-ogc-unit"] = "m"
    elif field.name.endswith("_mm") and field.kind in (Kind.NUMBER, Kind.WHOLE):
        said["x-ogc-unit"] = "mm"
    if field.values and field.kind is Kind.TEXT:
        said["enum"] = list(field.values)
    if sequence is not None:
        said["x-ogc-propertySeq"] = sequence
    return said


def _schema(
    request: Request,
    info: CollectionInfo,
    lang: Language,
    properties: Mapping[str, Any],
    **more: Any,  # noqa: ANN401 -- keywords of JSON Schema
) -> Response:
    document = {
        "$schema": DIALECT,
        "$id": f"{base_url(request)}{request.url.path}",
        "type": "object",
        "title": info.title(lang),
        "properties": properties,
        **more,
    }
    return answer(document, media=SCHEMA.media, language=lang)


def _fields(
    request: Request, state: State, *more: str
) -> tuple[CollectionInfo, Mapping[str, Field]]:
    only(request, {"f", "known_at", "lang", "valid_at", *more})
    wanted(request, SCHEMAS)
    info = known(request, state, request.path_params["collectionId"])
    return info, told(
        reader_at(state, moment_of(request)).fields(info.id), info.id, view_of(request)
    )


@router.get("/collections/{collectionId}/queryables")
def queryables(request: Request, state: State) -> Response:
    """What the items of a collection can be filtered by."""
    lang = language(request)
    info, fields = _fields(request, state)
    return _schema(
        request, info, lang,
        {name: field_schema(field, lang) for name, field in fields.items()},
        additionalProperties=False,
    )  # fmt: skip


@router.get("/collections/{collectionId}/sortables")
def sortables(request: Request, state: State) -> Response:
    """What the items of a collection can be sorted by."""
    lang = language(request)
    info, fields = _fields(request, state)
    scalar = {n: f for n, f in fields.items() if f.kind not in (Kind.SHAPE, Kind.LIST)}
    return _schema(
        request, info, lang, {name: field_schema(field, lang) for name, field in scalar.items()},
        additionalProperties=False,
    )  # fmt: skip


@router.get("/collections/{collectionId}/schema")
def schema(request: Request, state: State) -> Response:
    """What items are given with and taken with; ``type=create|replace|update``: what a body must hold to."""
    lang = language(request)
    info, fields = _fields(request, state, "type")
    asked = request.query_params.get("type", "returnables")
    if asked not in ("returnables", "create", "replace", "update"):
        raise InvalidRequestError(
            f"type={asked[:40]!r}: expected create, replace, update or nothing.", "type"
        )
    own: dict[str, Any] = {
        "eid": field_schema(Field("eid", Kind.TEXT), lang, 0) | {"readOnly": True, "format": "uuid"}
    }
    for number, (name, field) in enumerate(fields.items(), 1):
        if name not in own:
            own[name] = field_schema(Field(name, field.kind), lang, number)
            if name == "class_code":
                own[name]["enum"] = [entry.code for entry in info.classes]
    if asked == "returnables":
        return _schema(request, info, lang, own)
    return _schema(request, info, lang, *_feature_schema(own, asked))


def _feature_schema(own: dict[str, Any], asked: str) -> tuple[dict[str, Any]]:
    """Members of a GeoJSON feature whose properties hold to a schema."""
    inside = {name: said for name, said in own.items() if name not in ("eid", "geometry")}
    inside = {name: _nullable(said) for name, said in inside.items()}
    members: dict[str, Any] = {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "string"},
        "geometry": {"format": "geometry-any"},
        "properties": {"type": "object", "properties": inside},
    }
    if asked == "update":
        members["properties"]["description"] = "null: take the property away (RFC 7396)"
    return (members,)


def _nullable(said: dict[str, Any]) -> dict[str, Any]:
    if "type" not in said:
        return said
    out = {**said, "type": [said["type"], "null"]}
    if "enum" in out:
        out["enum"] = [*out["enum"], None]
    return out


@router.get("/functions")
def functions(request: Request) -> Response:
    """Functions that filters may call."""
    only(request, {"f", "lang"})
    links = [link(f"{base_url(request)}/functions", "self")]
    return answer({**described(), "links": links})
