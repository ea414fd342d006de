"""Operations and parameters of the API definition (OpenAPI 3.0.3), as plain dicts."""

from collections.abc import Sequence
from typing import Any, Final

from api.ogc.formats import Format

__all__ = ["LANG", "OBJECT", "f_parameter", "get", "operation", "query"]

Json = dict[str, Any]
OBJECT: Final[Json] = {"schema": {"type": "object"}}


def query(name: str, text: str, schema: Json, example: Any = None) -> Json:  # noqa: ANN401 -- JSON
    """A parameter of the query."""
    made = {
        "name": name,
        "in": "query",
        "required": False,
        "description": text,
        "schema": schema,
        "style": "form",
        "explode": False,
    }
    return made if example is None else {**made, "example": example}  # fmt: skip


def f_parameter(forms: Sequence[Format]) -> Json:
    """``f``, one of some formats."""
    names = [form.name for form in forms]
    return query(
        "f", "Format of the answer, before Accept", {"type": "string", "enum": names}, names[0]
    )


def get(name: str, summary: str, content: Json, parameters: Sequence[Json]) -> Json:
    """A path that answers GET."""
    answers = {"200": {"description": "The answer", "content": content}}
    return {"get": operation(name, summary, parameters, answers, None)}


def operation(
    name: str, summary: str, parameters: Sequence[Json], answers: Json, body: Json | None
) -> Json:
    """An operation with the problems any may answer."""
    made: Json = {
        "tags": ["OGC API – Features"],
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {**answers, **_PROBLEMS},
    }
    return made if body is None else {**made, "requestBody": body}


_PROBLEM: Final = {
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemModel"}}
}
_PROBLEMS: Final = {
    status: {"description": text, "content": _PROBLEM}
    for status, text in (
        ("400", "The request cannot be answered so"),
        ("404", "No such thing"),
        ("406", "Not offered in this format"),
        ("500", "The server failed"),
    )
}


LANG: Final = query("lang", "Language of titles", {"type": "string", "enum": ["zh", "en"]}, "zh")
