"""Shapes of answers: what OpenAPI says about them, and how they are written.

Answers are written by orjson from plain dicts; the models describe them to clients.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

__all__ = [
    "GEOJSON", "JSON", "CollectionModel", "CollectionsModel", "ConformanceModel",
    "FeatureCollectionModel", "FeatureModel", "LandingModel", "LinkModel", "ProblemModel",
    "RawJson",
    "answer", "document", "fragment", "instant", "link",
]  # fmt: skip

GEOJSON: Final = "application/geo+json"
JSON: Final = "application/json"


class LinkModel(BaseModel):
    """A link to another resource."""

    href: str
    rel: str
    type: str | None = None
    title: str | None = None


class LandingModel(BaseModel):
    """What this server is and where everything stands."""

    title: str
    description: str
    links: list[LinkModel]


class ConformanceModel(BaseModel):
    """Conformance classes this server holds to."""

    conformsTo: list[str]  # noqa: N815 -- the standard's name


class CollectionModel(BaseModel):
    """A collection of city objects."""

    id: str
    title: str
    description: str
    itemType: Literal["feature"]  # noqa: N815 -- the standard's name
    itemCount: int  # noqa: N815 -- common spelling among servers
    extent: dict[str, Any] | None = None
    crs: list[str]
    links: list[LinkModel]


class CollectionsModel(BaseModel):
    """All collections."""

    links: list[LinkModel]
    collections: list[CollectionModel]


class FeatureModel(BaseModel):
    """A city object as a GeoJSON feature: CRS84 or CRS84h, degrees and ellipsoidal metres."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]
    links: list[LinkModel] = Field(default_factory=list)


class FeatureCollectionModel(BaseModel):
    """A page of city objects."""

    type: Literal["FeatureCollection"]
    features: list[FeatureModel]
    links: list[LinkModel]
    timeStamp: str  # noqa: N815 -- the standard's name
    numberMatched: int  # noqa: N815 -- the standard's name
    numberReturned: int  # noqa: N815 -- the standard's name


class ProblemModel(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request: str | None = None
    parameter: str | None = None


class RawJson(JSONResponse):
    """JSON written by orjson; the application's default response class."""

    media_type = JSON

    def render(self, content: Any) -> bytes:  # noqa: ANN401 -- any JSON
        """Write the content; NaN becomes null."""
        return document(content)


def document(content: Any) -> bytes:  # noqa: ANN401 -- any JSON
    """JSON bytes; times without a zone are UTC and written with ``Z``."""
    return orjson.dumps(
        content, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY
    )


def answer(
    content: Any,  # noqa: ANN401 -- any JSON
    *,
    media: str = JSON,
    language: str | None = None,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """A JSON answer.

    Parameters
    ----------
    content : Any
        Plain dicts, lists, numbers, texts, times and :class:`orjson.Fragment`.
    media : str
        Media type.
    language : str, optional
        Language its titles are in.
    headers : Mapping, optional
        Further headers.
    status : int
        HTTP status.
    """
    more = {"Content-Language": language, "Vary": "Accept-Language, Accept"} if language else {}
    return Response(document(content), status, {**more, **(headers or {})}, media)


def fragment(text: str | None) -> orjson.Fragment | None:
    """JSON text from the base, put into an answer as it stands."""
    return None if text is None else orjson.Fragment(text)


def instant(moment: datetime | None) -> str | None:
    """RFC 3339 text of a time of the base (UTC without a zone).

    Examples
    --------
    >>> instant(datetime(2026, 7, 1))
    '2026-07-01T00:00:00Z'
    """
    return None if moment is None else f"{moment.isoformat()}Z"


def link(href: str, rel: str, media: str | None = JSON, title: str | None = None) -> dict[str, str]:
    """A link as a dict, unset members left out."""
    members = {"href": href, "rel": rel, "type": media, "title": title}
    return {name: value for name, value in members.items() if value is not None}
