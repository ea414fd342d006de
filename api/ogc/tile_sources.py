"""What a city has tilesets of, and the bytes of their tiles."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from starlette.requests import Request

from api.access import View, key_of, reach_of, view_of
from api.deps import Language
from api.imagery_tiles import narrowed
from api.ogc.filters import LANGUAGES, condition
from api.ogc.question import MOST
from api.ogc.readers import reader_at
from api.ogc.readers import told as told_fields
from api.ogc.schemas import field_schema
from api.ogc.systems import offered, system
from api.ogc.tilesets import JPEG, MVT, WEBP, Tileset
from api.state import CityState, CollectionInfo
from api.static import GZIP_MAGIC, safe_path
from api.vector_tiles import Degrees, Part
from tiles.mvt import zooms_of
from twin.errors import InvalidRequestError, NotFoundError
from twin.features.asking import Ask, Condition, Kind, Reach
from twin.store.read import Box

__all__ = [
    "dataset_tileset", "filter_of", "imagery_tileset", "joined_tile", "layer_tile", "seen_part", "tiled", "vector_tileset",
]  # fmt: skip

_DIMENSIONS: Final = {
    "components": 0, "pois": 0, "pipes": 1, "buildings": 2, "grids": 2, "communities": 2, "subdistricts": 2,
}  # fmt: skip
"""Dimension of what is drawn, where all of a collection is alike."""
_NOT_IN_TILES: Final = frozenset({"lifecycle", "valid_from", "valid_to"})
_MARGIN: Final = 1e-3
"""Degrees by which the shape an item has may reach beyond the one that is drawn."""


def tiled(state: CityState, view: View | None = None) -> dict[str, CollectionInfo]:
    """Collections that have vector tiles for a caller, in the order of the class table."""
    return {
        name: info
        for name, info in state.seen(view).items()
        if info.extent is not None and _is_drawn(state, name, view)
    }


def _is_drawn(state: CityState, collection: str, view: View | None) -> bool:
    """Whether there are vector tiles: finished ones cannot be narrowed, so a limited caller has none of them."""
    known = collection in state.vectors.known()
    return known or (view is None and state.vectors.is_built(collection))


def vector_tileset(
    state: CityState, info: CollectionInfo, lang: str, view: View | None, *, told: bool = True
) -> Tileset:
    """The vector tiles of a collection as a caller sees it; without ``told`` where they would be, for who asks for one next.

    Raises
    ------
    NotFoundError
        If nothing of it lies on the map.
    """
    box = info.extent
    if box is None or ((told or view is not None) and not _is_drawn(state, info.id, view)):
        raise NotFoundError(f"No vector tiles of {info.id!r}: nothing of it lies on the map.")
    degrees = (box["xmin"], box["ymin"], box["xmax"], box["ymax"])
    zooms = zooms_of(info.id)
    layers = [_layer(state, info, lang, view)] if told else []
    return Tileset(
        f"/collections/{info.id}", info.title(lang), "vector", degrees, zooms, (MVT,), layers
    )


def dataset_tileset(
    state: CityState,
    infos: Mapping[str, CollectionInfo],
    lang: str,
    view: View | None,
    *,
    told: bool = True,
) -> Tileset | None:
    """The vector tiles of several collections, a layer each; None where there is none."""
    parts = [vector_tileset(state, info, lang, view, told=told) for info in infos.values()]
    if not parts:
        return None
    boxes = [part.box for part in parts]
    west, south = min(b[0] for b in boxes), min(b[1] for b in boxes)
    east, north = max(b[2] for b in boxes), max(b[3] for b in boxes)
    zooms = min(part.zooms[0] for part in parts), max(part.zooms[1] for part in parts)
    layers = [layer for part in parts for layer in part.layers]
    return Tileset("", state.city.name, "vector", (west, south, east, north), zooms, (MVT,), layers)


def imagery_tileset(state: CityState, lang: str, view: View | None) -> Tileset | None:
    """The imagery as map tiles, cut to the area of a view; None where there is none, or none of it is granted."""
    if view is not None and not view.named("imagery"):
        return None
    path = safe_path(state.city.tiles, "imagery/tilejson.json")
    try:
        index = narrowed(orjson.loads(path.read_bytes()), view)
        west, south, east, north = index["bounds"]
        zooms = int(index["minzoom"]), int(index["maxzoom"])
    except (OSError, KeyError, ValueError):
        return None
    if view is not None and west == east:
        return None
    title = "影像" if lang == "zh" else "Imagery"
    return Tileset("/map", title, "map", (west, south, east, north), zooms, (WEBP, JPEG))


def _layer(
    state: CityState, info: CollectionInfo, lang: str, view: View | None
) -> dict[str, object]:
    """A layer of vector tiles: its fields are those the last level carries, of the things a caller sees."""
    first, last = zooms_of(info.id)
    fields = told_fields(reader_at(state, state.moment()).fields(info.id), info.id, view)
    spoken: Language = "zh" if lang == "zh" else "en"
    said = {
        "class" if name == "class_code" else name: field_schema(field, spoken)
        for name, field in fields.items()
        if field.kind not in (Kind.SHAPE, Kind.LIST) and name not in _NOT_IN_TILES
    }
    return {
        "id": info.id,
        "title": info.title(lang),
        "dataType": "vector",
        **({"geometryDimension": _DIMENSIONS[info.id]} if info.id in _DIMENSIONS else {}),
        "minTileMatrix": str(first),
        "maxTileMatrix": str(last),
        "propertiesSchema": {
            "type": "object",
            "properties": {"eid": {"type": "string"}} | said,
        },
    }


def filter_of(request: Request, state: CityState, info: CollectionInfo) -> Part | None:
    """What ``filter`` leaves of a collection's tiles; None where a request has none.

    Raises
    ------
    InvalidRequestError
        If the filter or its language or system cannot be understood.
    """
    given = request.query_params
    spoken = given.get("filter-lang")
    if spoken is not None and spoken not in LANGUAGES:
        wrong = f"filter-lang={spoken[:40]!r}: expected {' or '.join(LANGUAGES)}."
        raise InvalidRequestError(wrong, "filter-lang")
    of = None
    text = given.get("filter")
    if "filter-crs" in given:
        where = system(given["filter-crs"], "filter-crs", offered(state.city, info))
        of = None if where.stored else where.name
    if text is None:
        return None
    guessed = "cql2-json" if text.lstrip()[:1] == "{" else "cql2-text"
    fields = told_fields(
        reader_at(state, state.moment()).fields(info.id), info.id, view_of(request)
    )
    found = condition(fields, {}, text, spoken or guessed, of)
    return None if found is None else _part(state, info.id, found, reach_of(request))


def _part(state: CityState, collection: str, where: Condition, seen: Reach) -> Part:
    """What a condition holds for; its key changes with the version that is read."""
    reader = reader_at(state, state.moment())
    version = reader.version(collection)

    def holds(eids: pa.Array, box: Degrees) -> NDArray[np.bool_]:
        ask = Ask(collection, _around(box), where, limit=MOST, reach=seen)
        found = pa.chunked_array([batch["eid"] for batch in reader.table(ask, [])], pa.string())
        return np.asarray(pc.is_in(eids.cast(pa.string()), value_set=found))

    return f"{where.key} {key_of(seen)} {version}", holds


def seen_part(view: View | None, part: Part | None = None) -> Part | None:
    """What a caller sees of a part; all of it where he sees everything."""
    if view is None:
        return part
    shows = view.sight.shows
    if part is None:
        return view.part, shows
    key, holds = part
    return f"{view.part} {key}", lambda eids, box: shows(eids) & holds(eids, box)


def layer_tile(
    state: CityState, collection: str, place: tuple[int, int, int], part: Part | None = None
) -> tuple[bytes, str]:
    """The tile (z, x, y) of a collection and its digest; no bytes where nothing is."""
    if part is None and state.vectors.is_built(collection):
        z, x, y = place
        path = safe_path(state.city.tiles, f"mvt/{collection}/{z}/{x}/{y}.mvt")
        blob = _read(path) or _read(path.with_name(f"{path.name}.gz"))
        return blob, hashlib.sha256(blob).hexdigest()[:32] if blob else ""
    return state.vectors.tile(collection, *place, part)


def joined_tile(
    state: CityState,
    collections: Sequence[str],
    place: tuple[int, int, int],
    part: Part | None = None,
) -> tuple[bytes, str]:
    """One tile with a layer of each collection: layers are repeated fields, so messages stand one after the other."""
    found = [layer_tile(state, collection, place, part) for collection in collections]
    tags = " ".join(tag for blob, tag in found if blob)
    return b"".join(blob for blob, _ in found), hashlib.sha256(tags.encode()).hexdigest()[:32]


def _around(box: Degrees) -> Box:
    """A box with a margin."""
    west, south, east, north = box
    return Box(
        max(west - _MARGIN, -180.0), max(south - _MARGIN, -90.0), min(east + _MARGIN, 180.0), min(north + _MARGIN, 90.0)
    )  # fmt: skip


def _read(path: Path) -> bytes:
    """A built tile, unpacked; nothing where there is none."""
    try:
        blob = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    return gzip.decompress(blob) if blob[:2] == GZIP_MAGIC else blob
