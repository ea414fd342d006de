"""The city as the page needs it: where it is, where to look from, which layers there are."""

import math
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import View, view_of
from api.access.limited_tiles import LAYERS, MOST_THINGS
from api.deps import State, only
from api.imagery_tiles import narrowed
from api.models import answer, instant
from api.state import CityState, CollectionInfo
from twin.cases import Asked
from twin.errors import CityError
from twin.ingest.tilesets import tilesets_of
from twin.store.read import rows

__all__ = ["router"]

router = APIRouter(tags=["city"])
TILESETS = {
    "scene": ("三维场景", "Scene", ()),
    "buildings": ("建筑", "Buildings", ("buildings",)),
    "models": (
        "精细模型",
        "Detailed models",
        ("building_parts", "storeys", "units", "rooms", "elements", "bridges", "tunnels"),
    ),
    "pipes": ("地下管线", "Utility pipes", ("pipes",)),
    "furniture": ("部件与行道树", "Street furniture and trees", ("components",)),
    "points": ("点云", "Point clouds", ("point_clouds",)),
}
MOST_CASES = 100_000
METRES_PER_DEGREE = 111_320.0


@router.get("/city", summary="The city and its layers")
def city(request: Request, state: State) -> Response:
    """Name, bounds (degrees), home camera, layers with names, colours, counts; terrain, imagery."""
    only(request, {"lang", "f"})
    view = view_of(request)
    collections = state.seen(view)
    bounds = _bounds(collections)
    standing = rows(state.store, "standing")[0]
    tilesets = [name for name in TILESETS if (state.city.tiles / name / "tileset.json").is_file()]
    if view is not None:
        standing |= _standing(state, view)
        tilesets = _tilesets(collections, view)
    content = {
        "name": state.city.name,
        "admin_code": state.city.admin_code,
        "source_crs": state.city.source_crs,
        "geoid_undulation_m": state.city.undulation,
        "bounds": bounds,
        "home": _home(bounds),
        "layers": [_layer(state, info, tilesets, view) for info in collections.values()],
        "tilesets": [
            {
                "id": name,
                "title": {"zh": TILESETS[name][0], "en": TILESETS[name][1]},
                "url": f"/tiles/{name}/tileset.json",
            }
            for name in tilesets
        ]
        + (_external(state, "3d-tiles") if view is None else []),
        "terrains": _external(state, "terrain") if view is None else [],
        "terrain": _terrain(state) if view is None or view.named("terrain") else None,
        "imagery": _imagery(state, view),
        "counts": {
            name: standing[name]
            for name in ("entities", "streams", "cases", "addresses", "quarantined")
        },
        "loaded_at": instant(standing["loaded_at"]),
    }
    return answer(content, headers={"Cache-Control": "no-cache"})


def _standing(state: CityState, view: View) -> dict[str, Any]:
    """Numbers of what is seen."""
    cases = state.desk.listed(Asked(limit=MOST_CASES)).cases
    return {
        "entities": sum(row["n"] for row in view.sight.counts),
        "streams": int(view.streams.sum()),
        "cases": sum(view.case(case) is not None for case in cases),
        "addresses": None,
        "quarantined": None,
        "loaded_at": None,
    }


def _tilesets(collections: dict[str, CollectionInfo], view: View) -> list[str]:
    """3D layers that are made of what is seen."""
    if len(view.sight.eids) > MOST_THINGS:
        return []
    return [
        name
        for name, (_, _, held) in TILESETS.items()
        if name in LAYERS and any(collection in collections for collection in held)
    ]


def _layer(
    state: CityState, info: CollectionInfo, tilesets: list[str], view: View | None
) -> dict[str, Any]:
    own = [name for name in tilesets if info.id in TILESETS[name][2]]
    vector = info.id in state.vectors.known() if view else state.vectors.has(info.id)
    return {
        "id": info.id,
        "title": {"zh": info.zh, "en": info.en},
        "color": info.color,
        "dimension": info.dimension,
        "count": info.count,
        "extent": info.extent,
        "classes": [
            {
                "code": entry.code,
                "title": {"zh": entry.zh, "en": entry.en},
                "color": entry.color,
                "count": entry.count,
            }
            for entry in info.classes
        ],
        "items": f"/collections/{info.id}/items",
        "tileset": f"/tiles/{own[0]}/tileset.json" if own else None,
        "mvt": f"/mvt/{info.id}/{{z}}/{{x}}/{{y}}" if vector else None,
        "tilejson": f"/mvt/{info.id}/tilejson.json" if vector else None,
    }


def _external(state: CityState, kind: str) -> list[dict[str, Any]]:
    """Finished tilesets of a kind, served as they were delivered."""
    return [
        {
            "id": row["asset"][:16],
            "title": {"zh": row["title"], "en": row["title"]},
            "url": f"/external/{row['asset']}" + ("" if kind == "terrain" else f"/{row['entry']}"),
            "bounds": [row[side] for side in ("xmin", "ymin", "xmax", "ymax")],
            "external": True,
        }
        for row in tilesets_of(state.store)
        if row["kind"] == kind
    ]


def _bounds(collections: dict[str, CollectionInfo]) -> list[float] | None:
    """West, south, east, north of everything, degrees."""
    boxes = [info.extent for info in collections.values() if info.extent]
    if not boxes:
        return None
    low = [min(box[name] for box in boxes) for name in ("xmin", "ymin")]
    high = [max(box[name] for box in boxes) for name in ("xmax", "ymax")]
    return [*low, *high]


def _home(bounds: list[float] | None) -> dict[str, float] | None:
    """A view over the whole city from the south: target, angles (degrees), distance (metres)."""
    if bounds is None:
        return None
    west, south, east, north = bounds
    lat = (south + north) / 2
    wide = (east - west) * METRES_PER_DEGREE * math.cos(math.radians(lat))
    size = max(wide, (north - south) * METRES_PER_DEGREE, 200.0)
    return {
        "lon": (west + east) / 2,
        "lat": lat,
        "range": 1.1 * size,
        "heading": 0.0,
        "pitch": -40.0,
    }


def _terrain(state: CityState) -> dict[str, Any] | None:
    return {"url": "/terrain"} if (state.city.tiles / "terrain" / "layer.json").is_file() else None


def _imagery(state: CityState, view: View | None) -> dict[str, Any] | None:
    path = state.city.tiles / "imagery" / "tilejson.json"
    if not path.is_file() or (view is not None and not view.named("imagery")):
        return None
    try:
        index: dict[str, Any] = narrowed(orjson.loads(path.read_bytes()), view)
    except orjson.JSONDecodeError as err:
        raise CityError(
            f"{path} cannot be read ({err}); build the tiles again with `twin tile`."
        ) from err
    kept: dict[str, Any] = {
        name: index[name] for name in ("minzoom", "maxzoom", "bounds") if name in index
    }
    return {"url": "/imagery/{z}/{x}/{y}.webp", **kept}
