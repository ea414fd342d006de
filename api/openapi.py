"""The API definition as OpenAPI 3.0.3, which OGC clients read; FastAPI itself writes 3.1."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from api.models import ProblemModel

__all__ = ["OPENAPI_JSON", "definition", "downgraded"]

OPENAPI_JSON = "application/vnd.oai.openapi+json;version=3.0"
GONE_IN_30 = (
    "const",
    "examples",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "contentMediaType",
    "contentEncoding",
)


def definition(app: FastAPI, server: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole definition for the address ``server``, with paths written by hand; every operation may answer a problem."""
    document: dict[str, Any] = downgraded(app.openapi())
    document["paths"] = {**(more or {}), **document["paths"]}
    document["openapi"] = "3.0.3"
    document["servers"] = [{"url": server}]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.setdefault("ProblemModel", downgraded(ProblemModel.model_json_schema()))
    shape = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemModel"}}}
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "What is wrong (RFC 9457)",
                "content": shape,
            }
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def downgraded(node: Any) -> Any:  # noqa: ANN401 -- any JSON
    """A schema of OpenAPI 3.1 said in the words of 3.0.

    Examples
    --------
    >>> downgraded({"anyOf": [{"type": "string"}, {"type": "null"}], "examples": ["a"]})
    {'type': 'string', 'nullable': True, 'example': 'a'}
    >>> downgraded({"type": "integer", "exclusiveMaximum": 8})
    {'type': 'integer', 'maximum': 8, 'exclusiveMaximum': True}
    """
    if isinstance(node, list):
        return [downgraded(part) for part in node]
    if not isinstance(node, dict):
        return node
    plain = {key: downgraded(value) for key, value in node.items() if key not in GONE_IN_30}
    choices = plain.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        plain.pop("anyOf")
        plain = (
            (rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest})
            | plain
            | {"nullable": True}
        )
    if "const" in node:
        plain["enum"] = [node["const"]]
    if isinstance(node.get("examples"), list) and node["examples"]:
        plain["example"] = node["examples"][0]
    for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(name), int | float) and not isinstance(node.get(name), bool):
            plain |= {bound: node[name], name: True}
    return plain
