"""The part of the API definition that is written by hand: OGC API – Features, path by path of this city's collections.

OpenAPI 3.0.3. Each collection has paths of its own, with its fields as parameters; examples are of what is loaded.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from api.access import View
from api.deps import DEFAULT_LIMIT
from api.models import (
    CollectionModel,
    CollectionsModel,
    ConformanceModel,
    FeatureCollectionModel,
    FeatureModel,
    LandingModel,
)
from api.ogc.definition_tiles import tile_paths
from api.ogc.filters import LANGUAGES, SIMPLE
from api.ogc.formats import DOCUMENTS, FEATURE, HTML, ITEMS, SCHEMAS, Format
from api.ogc.operations import LANG, OBJECT, f_parameter, get, operation, query
from api.ogc.question import OWN
from api.ogc.readers import reader_at, told
from api.ogc.schemas import field_schema
from api.ogc.systems import offered
from api.openapi import downgraded
from api.state import CityState, CollectionInfo
from twin.features.asking import EVERYTHING, Ask, Field, Kind

__all__ = ["paths"]

Json = dict[str, Any]
_SCHEMA_KINDS: Final[Json] = {
    "type": "string",
    "enum": ["returnables", "create", "replace", "update"],
}
_ITEM_ID: Final = "Id, as items give it"


def paths(state: CityState, view: View | None = None) -> Json:
    """Paths of landing document, conformance, collections and everything below them, as a caller sees them."""
    out: Json = {
        "/": _document("landing", "The landing document, or the scene page for browsers", LandingModel),
        "/landing": _document("landingPage", "The landing document", LandingModel),
        "/conformance": _document("conformance", "Conformance classes", ConformanceModel),
        "/functions": get("functions", "Functions of filters", {"application/json": OBJECT}, [LANG]),
        "/collections": _document("collections", "All collections", CollectionsModel),
    }  # fmt: skip
    for info in state.seen(view).values():
        out |= _collection(state, info, view)
    return out | tile_paths(state, view)


def _collection(state: CityState, info: CollectionInfo, view: View | None) -> Json:
    here, name = f"/collections/{info.id}", info.id
    reader = reader_at(state, state.moment())
    fields = told(reader.fields(info.id), info.id, view)
    reach = EVERYTHING if view is None else view.reach
    first = reader.page(Ask(info.id, limit=1, reach=reach)).features
    some = str(orjson.loads(first[0])["id"]) if first else None
    at = [_VALID_AT, _KNOWN_AT]
    schema = {"application/schema+json": OBJECT}
    crs = _crs_parameter("crs", "Coordinates of the answer", list(offered(state.city, info)))
    select = [_names("properties", "Only these properties (and geometry, where named)", list(fields)),
              _names("exclude-properties", "All properties but these", list(fields))]  # fmt: skip
    one = [_feature_id(some), f_parameter(FEATURE), LANG, crs, *select, *at]
    items = _item_parameters(state, info, fields, crs, select)
    body = _body("One GeoJSON feature", FeatureModel, ("application/geo+json", "application/json"))
    patch = _body(
        "A merge patch (RFC 7396) of the feature", None, ("application/merge-patch+json",)
    )
    writes = _crs_header(list(offered(state.city, info)))
    kind = query("type", "What a body must hold to", _SCHEMA_KINDS)
    mine, lock = _feature_id(some), _IF_MATCH
    made = {"201": {"description": "Made; Location leads to it"}}
    about = [f_parameter(SCHEMAS), LANG, *at]
    return {
        here: _document(f"{name}.collection", f"{info.en}: names, extent, links", CollectionModel),
        f"{here}/items": {
            **get(
                f"{name}.items", f"{info.en}: items", _forms(ITEMS, FeatureCollectionModel), items
            ),
            "post": operation(f"{name}.create", f"{info.en}: a new item", [writes], made, body),
        },
        f"{here}/items/{{featureId}}": {
            **get(f"{name}.item", f"{info.en}: one item", _forms(FEATURE, FeatureModel), one),
            "put": operation(
                f"{name}.replace", f"{info.en}: a new state", [mine, writes, lock], _DONE, body
            ),
            "patch": operation(
                f"{name}.update", f"{info.en}: some members", [mine, writes, lock], _DONE, patch
            ),
            "delete": operation(
                f"{name}.delete", f"{info.en}: an item ends", [mine, lock], _DONE, None
            ),
        },
        f"{here}/queryables": get(
            f"{name}.queryables", f"{info.en}: what filters may ask for", schema, about
        ),
        f"{here}/sortables": get(
            f"{name}.sortables", f"{info.en}: what sortby may name", schema, about
        ),
        f"{here}/schema": get(
            f"{name}.schema", f"{info.en}: schema of its items", schema, [*about, kind]
        ),
    }


def _item_parameters(
    state: CityState,
    info: CollectionInfo,
    fields: Mapping[str, Field],
    crs: Json,
    select: Sequence[Json],
) -> list[Json]:
    systems = list(offered(state.city, info))
    sortable = [name for name, field in fields.items() if field.kind not in (Kind.SHAPE, Kind.LIST)]
    box = info.extent
    example = [round(box[n], 6) for n in ("xmin", "ymin", "xmax", "ymax")] if box else None
    bbox = query("bbox", "west,south,east,north in degrees, or six numbers with heights in metres; in bbox-crs where given",
                  {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}, example)  # fmt: skip
    bbox["schema"]["oneOf"] = [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}]
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": state.settings.max_limit,
        "default": DEFAULT_LIMIT,
    }
    return [
        f_parameter(ITEMS), LANG, bbox, _crs_parameter("bbox-crs", "Coordinates of bbox", systems), crs,
        query("limit", "Items of a page; more than the maximum are cut to it", limit, DEFAULT_LIMIT),
        query("offset", "Items to pass over", {"type": "integer", "minimum": 0, "default": 0}, 0),
        query("token", "Version and position, as next and prev links give it", {"type": "string", "pattern": r"^\d+-\d+$"}),
        query("datetime", "RFC 3339 time or interval start/end, .. for open", {"type": "string"}, "2026-07-01T00:00:00Z/.."),
        _VALID_AT, _KNOWN_AT,
        query("filter", "CQL2", {"type": "string"}, _filter_example(fields)),
        query("filter-lang", "Language of filter", {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]}),
        _crs_parameter("filter-crs", "Coordinates in filter", systems),
        query("sortby", "Names with + (ascending) or - before them", {
            "type": "array", "minItems": 1, "maxItems": 8, "items": {"type": "string", "pattern": "[+|-]?[A-Za-z_].*"}},
            [f"-{sortable[0]}"] if sortable else None),
        *select,
        *(_field(field) for name, field in fields.items() if field.kind in SIMPLE and name not in OWN),
    ]  # fmt: skip


def _field(field: Field) -> Json:
    said = field_schema(field, "en")
    schema: Json = {name: said[name] for name in said if name in ("type", "format", "enum")}
    return query(
        field.name, f"{said['title']} equals", schema, field.values[0] if field.values else None
    )


def _filter_example(fields: Mapping[str, Field]) -> str | None:
    for field in fields.values():
        if field.kind in (Kind.NUMBER, Kind.WHOLE) and field.name.isidentifier():
            return f"{field.name} >= 0"
    for field in fields.values():
        if field.values and field.name.isidentifier() and "'" not in field.values[0]:
            return f"{field.name} = '{field.values[0]}'"
    return None


def _names(name: str, text: str, values: Sequence[str]) -> Json:
    return query(
        name,
        text,
        {"type": "array", "items": {"type": "string", "enum": list(values)}},
        list(values[:1]) or None,
    )


def _crs_parameter(name: str, text: str, uris: Sequence[str]) -> Json:
    return query(
        name,
        text,
        {"type": "string", "format": "uri", "enum": list(uris), "default": uris[0]},
        uris[-1],
    )


def _crs_header(uris: Sequence[str]) -> Json:
    return {"name": "Content-Crs", "in": "header", "required": False, "description": "Coordinates of the body, as <URI>",
            "schema": {"type": "string", "enum": [f"<{uri}>" for uri in uris]}}  # fmt: skip


def _feature_id(example: str | None) -> Json:
    made = {
        "name": "featureId",
        "in": "path",
        "required": True,
        "description": _ITEM_ID,
        "schema": {"type": "string", "format": "uuid"},
    }
    return made if example is None else {**made, "example": example}  # fmt: skip


_MOMENT: Final[Json] = {"type": "string", "format": "date-time"}
_VALID_AT: Final = query(
    "valid_at", "RFC 3339 time: the city as it was then", _MOMENT, "2026-07-01T00:00:00Z"
)
_KNOWN_AT: Final = query("known_at", "RFC 3339 time: as the base knew it then", _MOMENT)
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "ETag of the state that is changed (412 if it is another)",
    "schema": {"type": "string"},
}
_DONE: Final = {"204": {"description": "Done"}}


def _document(operation: str, summary: str, model: Any) -> Json:  # noqa: ANN401 -- a pydantic model
    return get(operation, summary, _forms(DOCUMENTS, model), [f_parameter(DOCUMENTS), LANG])


def _forms(forms: Sequence[Format], model: Any) -> Json:  # noqa: ANN401 -- a pydantic model
    content: Json = {}
    for form in forms:
        if form is HTML or form.name in ("csv",):
            content[form.media] = {"schema": {"type": "string"}}
        elif form.name in ("parquet", "fgb"):
            content[form.media] = {"schema": {"type": "string", "format": "binary"}}
        elif form.name == "jsonfg":
            content[form.media] = {"schema": {"type": "object"}}
        else:
            content[form.media] = {"schema": _model(model)}
    return content


def _model(model: Any) -> Json:  # noqa: ANN401 -- a pydantic model
    """A model's schema with the models in it written out."""
    schema: Json = model.model_json_schema()
    inside = schema.pop("$defs", {})

    def told(node: Any) -> Any:  # noqa: ANN401 -- JSON
        if isinstance(node, list):
            return [told(part) for part in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return told(inside[node["$ref"].rpartition("/")[2]])
        return {name: told(value) for name, value in node.items()}

    out: Json = downgraded(told(schema))
    return out


def _body(text: str, model: Any, medias: Sequence[str]) -> Json:  # noqa: ANN401 -- a pydantic model
    schema = {"type": "object"} if model is None else _draft_schema()
    return {
        "description": text,
        "required": True,
        "content": {media: {"schema": schema} for media in medias},
    }


def _draft_schema() -> Json:
    return {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "nullable": True},
        },
    }
