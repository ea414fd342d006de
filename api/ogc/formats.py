"""Encodings of answers and which of them a request wants: ``f``, else Accept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.models import GEOJSON as GEOJSON_MEDIA
from api.models import JSON as JSON_MEDIA
from twin.errors import InvalidRequestError

__all__ = ["CSV", "DOCUMENTS", "FEATURE", "FGB", "GEOJSON", "HTML", "ITEMS", "JSON", "JSONFG", "PARQUET", "SCHEMA",
           "SCHEMAS", "Format", "wanted"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """An encoding: the value of ``f``, its media type, those that are as good, its names."""

    name: str
    media: str
    also: tuple[str, ...] = ()
    zh: str = ""
    en: str = ""


JSON: Final = Format("json", JSON_MEDIA, zh="JSON", en="JSON")
HTML: Final = Format("html", "text/html", ("application/xhtml+xml",), "网页", "Web page")
GEOJSON: Final = Format("json", GEOJSON_MEDIA, (JSON_MEDIA, "application/vnd.geo+json"), "GeoJSON", "GeoJSON")  # fmt: skip
JSONFG: Final = Format("jsonfg", "application/vnd.ogc.fg+json", (), "JSON-FG(三维)", "JSON-FG (3D)")
CSV: Final = Format("csv", "text/csv", (), "CSV 表格", "CSV table")
PARQUET: Final = Format(
    "parquet", "application/vnd.apache.parquet", ("application/x-parquet",), "GeoParquet", "GeoParquet"
)  # fmt: skip
FGB: Final = Format("fgb", "application/flatgeobuf", ("application/x-flatgeobuf",), "FlatGeobuf", "FlatGeobuf")  # fmt: skip
SCHEMA: Final = Format("json", "application/schema+json", (JSON_MEDIA,), "JSON 模式", "JSON Schema")

DOCUMENTS: Final = (JSON, HTML)
ITEMS: Final = (GEOJSON, HTML, JSONFG, CSV, PARQUET, FGB)
FEATURE: Final = (GEOJSON, HTML, JSONFG)
SCHEMAS: Final = (SCHEMA,)


def wanted(request: Request, offered: Sequence[Format]) -> Format:
    """The format a request wants.

    Raises
    ------
    InvalidRequestError
        If ``f`` is none of those offered.
    HTTPException
        406, if Accept takes none of them.
    """
    asked = request.query_params.get("f")
    if asked is not None:
        for form in offered:
            if form.name == asked:
                return form
        raise InvalidRequestError(
            f"f={asked[:40]!r}: expected {' or '.join(form.name for form in offered)}.", "f"
        )
    accept = request.headers.get("accept")
    if not accept or accept == "*/*":
        return offered[0]
    found = _accepted(accept, tuple(offered))
    if found is None:
        listed = ", ".join(form.media for form in offered)
        raise HTTPException(
            406, f"Accept: {accept[:200]} takes none of what is offered here: {listed}."
        )
    return found


@lru_cache(maxsize=1024)
def _accepted(accept: str, offered: tuple[Format, ...]) -> Format | None:
    """The offered format with the highest weight in an Accept header; the first of equals."""
    ranges = [_range(part) for part in accept[:2000].split(",") if part.strip()]
    best, most = None, 0.0
    for form in offered:
        weight = max(
            (_weight(ranges, media) * worth for media, worth in _medias(form)), default=0.0
        )
        if weight > most:
            best, most = form, weight
    return best


def _medias(form: Format) -> list[tuple[str, float]]:
    return [(form.media, 1.0), *((media, 0.999) for media in form.also)]


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                weight = min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                weight = 0.0
    return media, weight


def _weight(ranges: list[tuple[str, float]], media: str) -> float:
    """Weight of a media type: the most specific range that takes it decides (RFC 9110, 12.5.1)."""
    for pattern in (media, media.split("/")[0] + "/*", "*/*"):
        found = [weight for given, weight in ranges if given == pattern]
        if found:
            return max(found)
    return 0.0
