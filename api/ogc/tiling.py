"""OGC API – Tiles Part 1: tile matrix sets, tilesets of collections, of the city and of its imagery, and tiles."""

from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.access import whole_only
from api.deps import Lang, State, base_url, only
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

__all__ = ["FILTERS", "router"]

router = APIRouter(include_in_schema=False, dependencies=[Depends(whole_only)])
FILTERS: Final = ("filter", "filter-crs", "filter-lang")
_NO_CACHE: Final = {"Cache-Control": "no-cache"}
_MOST: Final = 64
_TILE: Final = "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"


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
    found = vector_tileset(state, known(request, state, collectionId), lang)
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
    return _tileset(request, vector_tileset(state, info, lang), lang, FILTERS)


@router.get(f"/collections/{{collectionId}}{_TILE}")
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
    z, row, col = _place(request, vector_tileset(state, info, lang, told=False))
    return _vector(request, *layer_tile(state, info.id, (z, col, row), filter_of(request, state, info)))  # fmt: skip


@router.get("/tiles")
def dataset_tilesets(request: Request, state: State, lang: Lang) -> Response:
    """The tilesets of the city: a layer for each collection."""
    return _listing(request, _dataset(state, tiled(state), lang), lang)


@router.get(f"/tiles/{MATRIX_SET}")
def city_tileset(request: Request, state: State, lang: Lang) -> Response:
    """The tileset of the city, or of some ``collections`` of it."""
    found = _dataset(state, _chosen(request, state), lang)
    return _tileset(request, found, lang, ("collections",), ("collections",))


@router.get(f"/tiles/{MATRIX_SET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}")
def city_tile(request: Request, state: State, lang: Lang) -> Response:
    """A vector tile with a layer for each collection, or for some ``collections``."""
    only(request, {"f", "lang", "collections"})
    wanted(request, (MVT,))
    infos = _chosen(request, state)
    z, row, col = _place(request, _dataset(state, infos, lang, told=False))
    return _vector(request, *joined_tile(state, list(infos), (z, col, row)))


@router.get("/map/tiles")
def map_tilesets(request: Request, state: State, lang: Lang) -> Response:
    """The tilesets of the imagery."""
    return _listing(request, _imagery(state, lang), lang)


@router.get("/map/tiles/{tileMatrixSetId}")
def map_tileset(tileMatrixSetId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803
    """The tileset of the imagery."""
    _expect(tileMatrixSetId)
    return _tileset(request, _imagery(state, lang), lang)


@router.get(f"/map{_TILE}")
def map_tile(request: Request, state: State, lang: Lang) -> Response:
    """A tile of the imagery."""
    only(request, {"f", "lang"})
    found = _imagery(state, lang)
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


def _chosen(request: Request, state: CityState) -> dict[str, CollectionInfo]:
    """The collections a request names, all that have tiles where it names none.

    Raises
    ------
    InvalidRequestError
        If one is named that has no tiles.
    """
    have = tiled(state)
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
    state: CityState, infos: dict[str, CollectionInfo], lang: str, *, told: bool = True
) -> Tileset:
    found = dataset_tileset(state, infos, lang, told=told)
    if found is None:
        raise NotFoundError("No vector tiles here: nothing of this city lies on the map.")
    return found


def _imagery(state: CityState, lang: str) -> Tileset:
    found = imagery_tileset(state, lang)
    if found is None:
        raise NotFoundError("No imagery here: load an orthophoto and run `twin tile`.")
    return found
