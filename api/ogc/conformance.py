"""The conformance classes declared, part by part: only what a test named by its URI holds this server to."""

from typing import Final

from api.routes.processes import PROCESSES_CONFORMANCE
from twin.cql2 import CONFORMANCE

__all__ = ["CONFORMS_TO", "PARTS"]

_SPEC: Final = "http://www.opengis.net/spec"


def _classes(part: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{_SPEC}/{part}/conf/{name}" for name in names)


PARTS: Final[dict[str, tuple[str, ...]]] = {
    "Common 1": _classes(
        "ogcapi-common-1/1.0", "core", "landing-page", "json", "html", "oas30"
    ),
    "Common 2": _classes("ogcapi-common-2/1.0", "collections", "json", "html"),
    "Features 1": _classes("ogcapi-features-1/1.0", "core", "geojson", "html", "oas30"),
    "Features 2": _classes("ogcapi-features-2/1.0", "crs"),
    "Features 3": _classes(
        "ogcapi-features-3/1.0", "queryables", "queryables-query-parameters", "filter", "features-filter"
    ),
    "Features 4": _classes(
        "ogcapi-features-4/1.0", "create-replace-delete", "update", "optimistic-locking-etags", "features"
    ),
    "Features 5": _classes(
        "ogcapi-features-5/1.0", "schemas", "advanced-property-roles", "returnables-and-receivables",
        "queryables", "sortables",
    ),
    "Features 6": _classes("ogcapi-features-6/1.0", "properties", "properties-features"),
    "Features 8": _classes("ogcapi-features-8/1.0", "sortables", "sorting", "features-sorting"),
    "JSON-FG": _classes("json-fg-1/1.0", "core", "prisms", "types-schemas"),
    "Tiles 1": _classes(
        "ogcapi-tiles-1/1.0", "core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets",
        "collections-selection", "mvt", "jpeg", "oas30",
    ),
    "Tile matrix sets": _classes(
        "tms/2.0", "tilematrixset", "tilesetmetadata", "tilematrixsetlimits", "json-tilematrixset",
        "json-tilesetmetadata", "json-tilematrixsetlimits",
    ),
    "3D GeoVolumes": tuple(
        f"https://www.opengis.net/spec/ogcapi-geovolumes-1/1.0/conf/{name}" for name in ("core", "3d-tiles")
    ),
    "Styles 1": _classes("ogcapi-styles-1/1.0", "core", "mapbox-styles"),
    "CQL2": CONFORMANCE,
    "Processes 1": PROCESSES_CONFORMANCE,
}  # fmt: skip
"""Classes by part of the standards."""

CONFORMS_TO: Final = tuple(uri for part in PARTS.values() for uri in part)
