"""OGC API – Tiles Part 1: tile matrix sets, tilesets of collections, of the city and of its imagery, and tiles."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import View, view_of
from api.deps import Lang, State, base_url, language, only
from api.imagery_tiles import imagery_tile_response
from api.models import answer
from api.ogc.formats import JSON, wanted
from api.ogc.question import known
from api.ogc.tile_sources import (
    dataset_tileset,
    filter_of,
    imagery_tileset,
    joined_tile,
    layer_tile,
    seen_part,
    tiled,
    vector_tileset,
)
from api.ogc.tilesets import (
    JPEG,
    MATRIX_SET,
    MVT,
    TILEJSON,
    Limits,
    Tileset,
    definition,
    listing,
    matrix_sets,
    metadata,
    tilejson,
)
from api.state import CityState, CollectionInfo
from api.static import answer_bytes
from twin.errors import InvalidRequestError, NotFoundError

__all__ = ["COLLECTION_TILE", "FILTERS", "collection_tile", "collection_tile_now", "router"]

router = APIRouter(include_in_schema=False)
FILTERS: Final = ("filter", "filter-crs", "filter-lang")
_NO_CACHE: Final = {"Cache-Control": "no-cache"}
_MOST: Final = 64
_TILE: Final = "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
COLLECTION_TILE: Final = f"/collections/{{collectionId}}{_TILE}"


@router.get("/tileMatrixSets")
def tile_matrix_sets(request: Request) -> Response:
    """The tile matrix sets that tiles are offered in."""
    only(request, {"f", "lang"})
    wanted(request, (JSON,))
    return answer(matrix_sets(base_url(request)))


@router.get("/tileMatrixSets/{tileMatrixSetId}")
def tile_matrix_set(tileMatrixSetId: str, request: Request) -> Response:  # noqa: N803 -- the standard's name
    """Levels, origin and sizes of a tile matrix set."""
    only(request, {"f", "lang"})
    wanted(request, (JSON,))
    _expect(tileMatrixSetId)
    return answer(definition(), headers={"Cache-Control": "public, max-age=86400"})


@router.get("/collections/{collectionId}/tiles")
def collection_tilesets(collectionId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803
    """The tilesets of a collection."""
    found = vector_tileset(state, known(request, state, collectionId), lang, view_of(request))
    return _listing(request, found, lang)


@router.get("/collections/{collectionId}/tiles/{tileMatrixSetId}")
def collection_tileset(
    collectionId: str,  # noqa: N803
    tileMatrixSetId: str,  # noqa: N803
    request: Request,
    state: State,
    lang: Lang,
) -> Response:
    """A tileset of a collection; its TileJSON carries a filter on to the tiles."""
    info = known(request, state, collectionId)
    _expect(tileMatrixSetId)
    if request.query_params.get("f") == TILEJSON.name:
        only(request, {"f", "lang", *FILTERS})
        filter_of(request, state, info)
    return _tileset(request, vector_tileset(state, info, lang, view_of(request)), lang, FILTERS)


@router.get(COLLECTION_TILE)
def collection_tile(
    collectionId: str,  # noqa: N803
    request: Request,
    state: State,
    lang: Lang,
) -> Response:
    """A vector tile of a collection, ``filter`` (CQL2) leaving some of its things."""
    only(request, {"f", "lang", *FILTERS})
    wanted(request, (MVT,))
    info = known(request, state, collectionId)
    view = view_of(request)
    z, row, col = _place(request, vector_tileset(state, info, lang, view, told=False))
    part = seen_part(view, filter_of(request, state, info))
    return _vector(request, *layer_tile(state, info.id, (z, col, row), part))


def collection_tile_now(request: Request, state: CityState) -> Response | None:
    """The answer of :func:`collection_tile` to who sees everything and filters nothing; None where it takes longer.

    Raises
    ------
    TwinError, HTTPException
        As the route; a filter is an unknown parameter here.
    """
    only(request, {"f", "lang"})
    wanted(request, (MVT,))
    info = known(request, state, request.path_params["collectionId"])
    tileset = vector_tileset(state, info, language(request), None, told=False)
    z, row, col = _place(request, tileset)
    found = state.vectors.quick(info.id, z, col, row, request.headers.get("if-none-match"))
    return None if found is None else _vector(request, *found)


@router.get("/tiles")
def dataset_tilesets(request: Request, state: State, lang: Lang) -> Response:
    """The tilesets of the city: a layer for each collection."""
    view = view_of(request)
    return _listing(request, _dataset(state, tiled(state, view), lang, view), lang)


@router.get(f"/tiles/{MATRIX_SET}")
def city_tileset(request: Request, state: State, lang: Lang) -> Response:
    """The tileset of the city, or of some ``collections`` of it."""
    view = view_of(request)
    found = _dataset(state, _chosen(request, state, view), lang, view)
    return _tileset(request, found, lang, ("collections",), ("collections",))


@router.get(f"/tiles/{MATRIX_SET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}")
def city_tile(request: Request, state: State, lang: Lang) -> Response:
    """A vector tile with a layer for each collection, or for some ``collections``."""
    only(request, {"f", "lang", "collections"})
    wanted(request, (MVT,))
    view = view_of(request)
    infos = _chosen(request, state, view)
    z, row, col = _place(request, _dataset(state, infos, lang, view, told=False))
    return _vector(request, *joined_tile(state, list(infos), (z, col, row), seen_part(view)))


@router.get("/map/tiles")
def map_tilesets(request: Request, state: State, lang: Lang) -> Response:
    """The tilesets of the imagery."""
    return _listing(request, _imagery(request, state, lang), lang)


@router.get("/map/tiles/{tileMatrixSetId}")
def map_tileset(tileMatrixSetId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803
    """The tileset of the imagery."""
    _expect(tileMatrixSetId)
    return _tileset(request, _imagery(request, state, lang), lang)


@router.get(f"/map{_TILE}")
def map_tile(request: Request, state: State, lang: Lang) -> Response:
    """A tile of the imagery."""
    only(request, {"f", "lang"})
    found = _imagery(request, state, lang)
    form = wanted(request, found.forms)
    z, row, col = _place(request, found)
    return imagery_tile_response(request, state, z, col, row, "jpg" if form is JPEG else "webp")


def _listing(request: Request, tileset: Tileset, lang: str) -> Response:
    only(request, {"f", "lang"})
    wanted(request, (JSON,))
    root = base_url(request)
    found = listing([tileset], root, f"{root}{tileset.path}/tiles")
    return answer(found, language=lang, headers=_NO_CACHE)


def _tileset(
    request: Request,
    tileset: Tileset,
    lang: str,
    carried: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
) -> Response:
    """Metadata or TileJSON; what TileJSON's tiles are asked with besides is ``carried``, metadata know ``more``."""
    form = wanted(request, (JSON, TILEJSON))
    only(request, {"f", "lang", *(carried if form is TILEJSON else more)})
    root = base_url(request)
    if form is TILEJSON:
        given = {name: request.query_params[name] for name in carried if name in request.query_params}  # fmt: skip
        found = tilejson(tileset, root, given)
        return answer(found, media=JSON.media, headers=_NO_CACHE)
    return answer(metadata(tileset, root), language=lang, headers=_NO_CACHE)


def _vector(request: Request, content: bytes, tag: str) -> Response:
    """A vector tile; clients ask again each time, as it may change (304 while it does not)."""
    if not content:
        return Response(status_code=204, headers=_NO_CACHE)
    return answer_bytes(request, content, tag, MVT.media, "no-cache")


def _expect(matrix_set: str) -> None:
    if matrix_set != MATRIX_SET:
        raise NotFoundError(f"No tile matrix set {matrix_set[:60]!r} here: expected {MATRIX_SET}.")


def _place(request: Request, tileset: Tileset) -> tuple[int, int, int]:
    """Level, row and column of the tile a path names.

    Raises
    ------
    NotFoundError
        If it lies outside the tileset's limits (/req/core/tc-error).
    """
    given = request.path_params
    _expect(given.get("tileMatrixSetId", MATRIX_SET))
    texts = [given[name] for name in ("tileMatrix", "tileRow", "tileCol")]
    whole = all(text.isascii() and text.isdecimal() and len(text) < 10 for text in texts)
    z, row, col = map(int, texts) if whole else (-1, -1, -1)
    limits = tileset.limits(z)
    if limits is None or not limits.hold(row, col):
        raise NotFoundError(f"No tile {'/'.join(texts)[:60]!r}: expected {_told(limits, tileset)}.")
    return z, row, col


def _told(limits: Limits | None, tileset: Tileset) -> str:
    if limits is None:
        return f"a level of {tileset.zooms[0]} to {tileset.zooms[1]}, then row and column"
    rows, columns = limits.rows, limits.columns
    return f"a row of {rows[0]} to {rows[1]} and a column of {columns[0]} to {columns[1]}"


def _chosen(request: Request, state: CityState, view: View | None) -> dict[str, CollectionInfo]:
    """The collections a request names, all that have tiles where it names none.

    Raises
    ------
    InvalidRequestError
        If one is named that has no tiles.
    """
    have = tiled(state, view)
    text = request.query_params.get("collections")
    if text is None:
        return have
    root = f"{base_url(request)}/collections/"
    names = list(dict.fromkeys(part.removeprefix(root) for part in text.split(",")))
    if len(names) > _MOST or not all(name in have for name in names):
        listed = ", ".join(have) or "none"
        raise InvalidRequestError(
            f"collections={text[:80]!r}: expected some of {listed}.", "collections"
        )
    return {name: have[name] for name in names}


def _dataset(
    state: CityState,
    infos: dict[str, CollectionInfo],
    lang: str,
    view: View | None,
    *,
    told: bool = True,
) -> Tileset:
    found = dataset_tileset(state, infos, lang, view, told=told)
    if found is None:
        raise NotFoundError("No vector tiles here: nothing of this city lies on the map.")
    return found


def _imagery(request: Request, state: CityState, lang: str) -> Tileset:
    found = imagery_tileset(state, lang, view_of(request))
    if found is None:
        raise NotFoundError("No imagery here: load an orthophoto and run `twin tile`.")
    return found
