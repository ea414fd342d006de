"""The part of the API definition that tells of tiles, styles and datasets."""

from collections.abc import Sequence
from typing import Any, Final

from api.access import View
from api.ogc.catalogue import MOST
from api.ogc.filters import LANGUAGES
from api.ogc.formats import DOCUMENTS, HTML, JSON
from api.ogc.operations import LANG, OBJECT, f_parameter, get, query
from api.ogc.styles import CITY, MAPBOX, TILES_STYLE, styled
from api.ogc.systems import offered
from api.ogc.tile_sources import dataset_tileset, imagery_tileset, tiled, vector_tileset
from api.ogc.tilesets import MATRIX_SET, TILEJSON, Tileset
from api.state import CityState
from twin.store.catalogue import newest_load

__all__ = ["tile_paths"]

Json = dict[str, Any]
_TAG: Final = "OGC API – Tiles"
_PLACE: Final = "{tileMatrix}/{tileRow}/{tileCol}"
_LIST: Final = {JSON.media: OBJECT}


def tile_paths(state: CityState, view: View | None) -> Json:
    """Paths of tile matrix sets, tilesets and tiles of this city as a caller sees it."""
    plain = [f_parameter((JSON,)), LANG]
    out: Json = {
        "/tileMatrixSets": _get("getTileMatrixSetsList", "Tile matrix sets", _LIST, plain),
        "/tileMatrixSets/{tileMatrixSetId}": _get(
            "getTileMatrixSet", "A tile matrix set", _LIST, [_SET, *plain]
        ),
    }
    infos = tiled(state, view)
    for info in infos.values():
        tileset = vector_tileset(state, info, "en", view, told=False)
        filters = _filters(list(offered(state.city, info)))
        name = f"{info.id}.collection.vector"
        out |= _tileset(tileset, name, f"{info.en}: ", filters, filters)
    chosen = query(
        "collections",
        "Collections that are layers of a tile",
        {"type": "array", "items": {"type": "string"}},
        list(infos)[:1] or None,
    )
    whole = dataset_tileset(state, infos, "en", view, told=False)
    if whole is not None:
        out |= _tileset(whole, "dataset.vector", "The city: ", [chosen], [chosen], fixed=True)
    imagery = imagery_tileset(state, "en", view)
    if imagery is not None:
        out |= _tileset(imagery, "dataset.map", "Imagery: ", [], [])
    return out | _style_paths(state, view) | _dataset_paths(state, view)


def _style_paths(state: CityState, view: View | None) -> Json:
    names = [*([CITY] if tiled(state, view) else []), *styled(state, view)]
    if not names:
        return {}
    style = _path("styleId", "Style", {"type": "string", "enum": names}, names[0])
    plain, sheets = [f_parameter((JSON,)), LANG], [f_parameter((MAPBOX, TILES_STYLE)), LANG]
    forms = {form.media: OBJECT for form in (MAPBOX, TILES_STYLE)}
    return {
        "/styles": get("getStyles", "Styles", _LIST, plain),
        "/styles/{styleId}": get("getStyle", "A stylesheet", forms, [style, *sheets]),
        "/styles/{styleId}/metadata": get("getStyleMetadata", "About a style", _LIST, [style, *plain]),
    }  # fmt: skip


def _dataset_paths(state: CityState, view: View | None) -> Json:
    some = newest_load(state.store) if view is None else next(iter(view.fed()), None)
    dataset = _path("datasetId", "Load", {"type": "string", "format": "uuid"}, some)
    if some is None:
        dataset.pop("example")
    plain = [f_parameter(DOCUMENTS), LANG]
    forms = {JSON.media: OBJECT, HTML.media: {"schema": {"type": "string"}}}
    pages = [
        query("limit", "Datasets of a page", {"type": "integer", "minimum": 1, "maximum": MOST}, 100),
        query("offset", "Datasets to pass over", {"type": "integer", "minimum": 0, "default": 0}, 0),
    ]  # fmt: skip
    return {
        "/datasets": get("datasets", "The catalogue of loads", forms, [*plain, *pages]),
        "/datasets/{datasetId}": get("dataset", "One load", forms, [dataset, *plain]),
    }


def _tileset(
    tileset: Tileset,
    name: str,
    of: str,
    index: Sequence[Json],
    tile: Sequence[Json],
    *,
    fixed: bool = False,
) -> Json:
    """List, metadata and tiles; ``index`` and ``tile`` are the parameters of the latter two beside f and lang."""
    here = f"{tileset.path}/tiles"
    there = f"{here}/{MATRIX_SET if fixed else '{tileMatrixSetId}'}"
    matrix_set = [] if fixed else [_SET]
    forms = {form.media: {"schema": {"type": "string", "format": "binary"}} for form in tileset.forms}  # fmt: skip
    f_tile = [f_parameter(tileset.forms), LANG]
    made = {
        here: _get(f"{name}.getTileSetsList", f"{of}tilesets", _LIST, [f_parameter((JSON,)), LANG]),
        there: _get(
            f"{name}.getTileSet", f"{of}a tileset", {JSON.media: OBJECT},
            [*matrix_set, f_parameter((JSON, TILEJSON)), LANG, *index],
        ),
        f"{there}/{_PLACE}": _get(
            f"{name}.getTile", f"{of}a tile", forms, [*matrix_set, *_place(tileset), *f_tile, *tile]
        ),
    }  # fmt: skip
    made[f"{there}/{_PLACE}"]["get"]["responses"]["204"] = {"description": "Nothing there"}
    return made


def _get(operation: str, summary: str, content: Json, parameters: Sequence[Json]) -> Json:
    made = get(operation, summary, content, parameters)
    made["get"]["tags"] = [_TAG]
    return made


def _place(tileset: Tileset) -> list[Json]:
    some = next(tileset.all_limits())
    return [
        _path("tileMatrix", "Level", {"type": "string"}, str(some.level)),
        _path("tileRow", "Row from the north", {"type": "integer", "minimum": 0}, some.rows[0]),
        _path("tileCol", "Column from the west", {"type": "integer", "minimum": 0}, some.columns[0]),
    ]  # fmt: skip


def _path(name: str, text: str, schema: Json, example: object) -> Json:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema, "example": example}  # fmt: skip


def _filters(uris: Sequence[str]) -> list[Json]:
    kinds = {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]}
    systems = {"type": "string", "format": "uri", "enum": list(uris), "default": uris[0]}
    return [
        query("filter", "CQL2; only things it holds for are drawn (and, with f=tilejson, go to the tiles)", {"type": "string"}),
        query("filter-lang", "Language of filter", kinds),
        query("filter-crs", "Coordinates in filter", systems),
    ]  # fmt: skip


_SET: Final = _path(
    "tileMatrixSetId", "Tile matrix set", {"type": "string", "enum": [MATRIX_SET]}, MATRIX_SET
)
