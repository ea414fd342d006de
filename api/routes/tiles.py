"""Tiles as they lie in the city's ``tiles`` folder: 3D Tiles, terrain, imagery, vector tiles.

Vector tiles of a collection that was not built, or has changed since, are made when asked for.
"""

import re
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.access import View, view_of
from api.access.limited_tiles import LAYERS
from api.deps import State, base_url, only
from api.imagery_tiles import imagery_tile_response, narrowed
from api.models import answer
from api.state import CityState
from api.static import MEDIA_TYPES, answer_bytes, safe_path, serve
from twin.errors import NotFoundError

__all__ = ["VECTOR_TILE", "router", "vector_tile", "vector_tile_now"]

router = APIRouter(tags=["tiles"])
FILE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"*/*": {}}}}
"""In OpenAPI: a file of any kind."""
INDEX_SUFFIXES: Final = (".json", ".subtree")
EXTERNAL: Final = re.compile(r"[0-9a-f]{64}\.tileset")
TERRAIN: Final = re.compile(r"(\d{1,2})/(\d{1,9})/(\d{1,9})\.terrain", re.ASCII)
MOST_TERRAIN: Final = 30
VECTOR_TILE: Final = "/mvt/{collection}/{z}/{x}/{y}"
Level = Annotated[int, Path(ge=0, le=30)]
Column = Annotated[int, Path(ge=0, lt=2**30)]


def _tile(request: Request, state: CityState, relative: str) -> Response:
    """A tile; indexes are revalidated every time, content is good for five minutes."""
    shared = "private" if state.settings.tokens else "public"
    cache = "no-cache" if relative.endswith(INDEX_SUFFIXES) else f"{shared}, max-age=300"
    return serve(request, state.city.tiles, relative, cache, state.hashes.find)


@router.get(
    "/tiles/{path:path}",
    summary="3D Tiles and everything else that is tiled",
    response_class=Response,
    responses=FILE,
)
def any_tile(path: str, request: Request, state: State) -> Response:
    """A file such as ``buildings/tileset.json``; query parameters are not looked at.

    A content of the buildings that was never written, or is older than the base, is made from the base.
    """
    view = view_of(request)
    if view is not None:
        return _limited(request, state, path, view)
    made = state.drawing.draw(path)
    if made is None:
        return _tile(request, state, path)
    shared = "private" if state.settings.tokens else "public"
    return answer_bytes(
        request, made.data, made.digest, made.media, f"{shared}, no-cache", made.packed
    )


@router.get(
    "/external/{asset}/{path:path}",
    summary="Finished tilesets, as they were delivered",
    response_class=Response,
    responses=FILE,
)
def external_tile(asset: str, path: str, request: Request, state: State) -> Response:
    """A file of a tileset of ``/city`` whose ``external`` is true; query parameters are not looked at."""
    if EXTERNAL.fullmatch(asset) is None or view_of(request) is not None:
        raise NotFoundError(f"No tileset {asset[:80]!r}: expected one of those in /city.")
    shared = "private" if state.settings.tokens else "public"
    cache = "no-cache" if path.endswith(INDEX_SUFFIXES) else f"{shared}, max-age=300"
    return serve(request, state.city.assets / asset, path, cache)


@router.get(
    "/terrain/{path:path}",
    summary="Quantized-mesh terrain",
    response_class=Response,
    responses=FILE,
)
def terrain_tile(path: str, request: Request, state: State) -> Response:
    """``layer.json`` and its tiles; CesiumJS's own parameters (``?v=``) are not looked at."""
    if (view := view_of(request)) is not None:
        _expect_terrain(path, view)
    return _tile(request, state, f"terrain/{path}")


@router.get("/imagery/tilejson.json", summary="TileJSON of the imagery")
def imagery_index(request: Request, state: State) -> Response:
    """Zoom levels and bounds of the imagery."""
    if (view := view_of(request)) is not None:
        path = safe_path(state.city.tiles, "imagery/tilejson.json")
        view.expect(view.named("imagery") and path.is_file(), "No imagery here.")
        told = narrowed(orjson.loads(path.read_bytes()), view)
        return answer(told, headers={"Cache-Control": "no-cache"})
    return _tile(request, state, "imagery/tilejson.json")


@router.get(
    "/imagery/{z}/{x}/{y}.webp",
    summary="Imagery tile (Web Mercator, XYZ)",
    response_class=Response,
    responses=FILE,
)
def imagery_tile(z: Level, x: Column, y: Column, request: Request, state: State) -> Response:
    """One 256 × 256 tile as WebP."""
    return imagery_tile_response(request, state, z, x, y, "webp")


@router.get(
    "/imagery/{z}/{x}/{y}.jpg",
    summary="Imagery tile as JPEG (Web Mercator, XYZ)",
    response_class=Response,
    responses=FILE,
)
def imagery_jpeg(z: Level, x: Column, y: Column, request: Request, state: State) -> Response:
    """One 256 × 256 tile as JPEG, made from the WebP."""
    return imagery_tile_response(request, state, z, x, y, "jpg")


@router.get("/mvt/{collection}/tilejson.json", summary="TileJSON of a collection's vector tiles")
def vector_index(collection: str, request: Request, state: State) -> Response:
    """Zoom levels, bounds and fields of a collection's vector tiles; addresses are whole ones."""
    view = view_of(request)
    if view is not None:
        _expect_collection(state, collection, view)
        found = state.vectors.tilejson(collection, (view.part, view.sight.shows))
    elif state.vectors.is_built(collection):
        path = safe_path(state.city.tiles, f"mvt/{collection}/tilejson.json")
        found = orjson.loads(path.read_bytes())
    else:
        found = state.vectors.tilejson(collection)
    if found is None:
        raise NotFoundError(f"Nothing of {collection[:80]!r} can be drawn.")
    if found.get("tiles"):
        found = found | {"tiles": [f"{base_url(request)}/mvt/{collection}/{{z}}/{{x}}/{{y}}.mvt"]}
    return answer(found, headers={"Cache-Control": "no-cache"})


@router.get(
    VECTOR_TILE,
    summary="Vector tile of a collection",
    response_class=Response,
    responses={**FILE, 204: {"description": "nothing there"}},
)
def vector_tile(
    collection: str, z: Level, x: Column, y: str, request: Request, state: State
) -> Response:
    """One Mapbox vector tile (Web Mercator, XYZ, ``.mvt`` optional); 204 where nothing is."""
    only(request, {"f"})
    row = y.removesuffix(".mvt").removesuffix(".pbf")
    if not (row.isascii() and row.isdigit()):
        raise NotFoundError(f"No vector tile row {y[:40]!r}: expected a whole number.")
    view = view_of(request)
    if view is not None:
        _expect_collection(state, collection, view)
    if view is not None or not state.vectors.is_built(collection):
        return _fresh_tile(request, state, collection, (z, x, int(row[:12])), view)
    relative = f"mvt/{collection}/{z}/{x}/{row}.mvt"
    path = safe_path(state.city.tiles, relative)
    if not path.exists() and not path.with_name(f"{path.name}.gz").exists():
        return Response(status_code=204, headers={"Cache-Control": "no-cache"})
    return _tile(request, state, relative)


def vector_tile_now(request: Request, state: CityState) -> Response | None:
    """The answer of :func:`vector_tile` to who sees everything; None where it takes longer.

    Raises
    ------
    InvalidRequestError
        As the route.
    """
    only(request, {"f"})
    given = request.path_params
    place = int(given["z"]), int(given["x"]), int(given["y"])
    found = state.vectors.quick(given["collection"], *place, request.headers.get("if-none-match"))
    return None if found is None else _vector(request, *found)


def _vector(request: Request, content: bytes, tag: str) -> Response:
    """A vector tile; clients ask again each time, as it may change."""
    if not content:
        return Response(status_code=204, headers={"Cache-Control": "no-cache"})
    return answer_bytes(request, content, tag, MEDIA_TYPES[".mvt"], "no-cache")


def _fresh_tile(
    request: Request,
    state: CityState,
    collection: str,
    place: tuple[int, int, int],
    view: View | None,
) -> Response:
    """A tile made from the base as it is; clients ask again each time, as it may change."""
    part = None if view is None else (view.part, view.sight.shows)
    return _vector(request, *state.vectors.tile(collection, *place, part))


def _limited(request: Request, state: CityState, path: str, view: View) -> Response:
    """A file of the tiles that are made of what a caller sees; there are no others for him."""
    layer = path.partition("/")[0]
    if layer == "terrain":
        return terrain_tile(path.partition("/")[2], request, state)
    view.expect(layer in LAYERS, f"No file {path[:120]!r} here.")
    return serve(request, state.limited.folder(view), path, "private, no-cache")


def _expect_terrain(path: str, view: View) -> None:
    """Terrain (TMS, EPSG:4326, two tiles at level 0) outside a caller's area is not there for him."""
    shown = view.named("terrain")
    place = TERRAIN.fullmatch(path)
    if place is not None and shown:
        z, x, y = map(int, place.groups())
        size = 180.0 / 2**z
        west, south = x * size - 180.0, y * size - 90.0
        shown = z <= MOST_TERRAIN and view.meets(west, south, west + size, south + size)
    view.expect(
        shown and (place is not None or path == "layer.json"), f"No file {path[:120]!r} here."
    )


def _expect_collection(state: CityState, collection: str, view: View) -> None:
    have = [name for name in state.seen(view) if name in state.vectors.known()]
    listed = ", ".join(sorted(have)) or "none"
    view.expect(collection in have, f"No vector tiles of {collection[:80]!r}: there are {listed}.")
