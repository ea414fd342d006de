"""Collections of city objects: what is there, where, since when, and how it can be had."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import Route

from api.access import view_of
from api.deps import Lang, Language, State, base_url, only
from api.models import answer, instant, link
from api.ogc import pages, writing
from api.ogc.envelope import alternates
from api.ogc.formats import DOCUMENTS, HTML, ITEMS, SCHEMA, wanted
from api.ogc.geovolumes import volume, volume_links
from api.ogc.lane import ITEM_ROUTE, ITEMS_ROUTE
from api.ogc.offers import further_links
from api.ogc.question import known
from api.ogc.systems import CRS84, CRS84H, offered, storage
from api.state import CityState, CollectionInfo

__all__ = ["collection_document", "router"]

_REL: Final = "http://www.opengis.net/def/rel/ogc/1.0/"

router = APIRouter(
    include_in_schema=False,
    routes=[
        ITEMS_ROUTE,
        ITEM_ROUTE,
        Route(ITEMS_ROUTE.path, writing.create, methods=["POST"]),
        Route(ITEM_ROUTE.path, writing.replace, methods=["PUT"]),
        Route(ITEM_ROUTE.path, writing.update, methods=["PATCH"]),
        Route(ITEM_ROUTE.path, writing.remove, methods=["DELETE"]),
        Route(ITEMS_ROUTE.path, writing.options, methods=["OPTIONS"]),
        Route(ITEM_ROUTE.path, writing.options, methods=["OPTIONS"]),
    ],
)


@router.get("/collections")
def list_collections(request: Request, state: State, lang: Lang) -> Response:
    """Collections that hold something, in the order of the class table."""
    only(request, {"f", "lang"})
    form = wanted(request, DOCUMENTS)
    root = base_url(request)
    links = [
        link(f"{root}/collections", "self", form.media),
        *alternates(request, form, DOCUMENTS, lang == "zh"),
    ]
    listed = [
        collection_document(state, info, root, lang)
        for info in state.seen(view_of(request)).values()
    ]
    content = {"links": links, "collections": listed}
    if form is HTML:
        return pages.collections(request, state, content, lang)
    return answer(content, language=lang)


@router.get("/collections/{collectionId}")
def one_collection(collectionId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803 -- the standard's name
    """Names, extent, systems, number of items and links of a collection."""
    only(request, {"f", "lang"})
    form = wanted(request, DOCUMENTS)
    info = known(request, state, collectionId)
    content = collection_document(state, info, base_url(request), lang)
    content["links"] = [
        link(f"{base_url(request)}/collections/{info.id}", "self", form.media, info.title(lang)),
        *alternates(request, form, DOCUMENTS, lang == "zh"),
        *[one for one in content["links"] if one["rel"] not in ("self", "alternate")],
    ]
    if form is HTML:
        return pages.collection(request, state, info, content, lang)
    return answer(content, language=lang)


def collection_document(
    state: CityState, info: CollectionInfo, root: str, lang: Language
) -> dict[str, Any]:
    """A collection as OGC API – Features describes it."""
    joint = "、" if lang == "zh" else ", "
    names = joint.join(entry.zh if lang == "zh" else entry.en for entry in info.classes[:8])
    return {
        "id": info.id,
        "title": info.title(lang),
        "titles": {"zh": info.zh, "en": info.en},
        "description": f"{info.title(lang)}: {names}" if info.count else info.title(lang),
        "itemType": "feature",
        "itemCount": info.count,
        "extent": _extent(info, as_volume=bool(volume_links(state, info, root, zh=False))),
        "crs": list(offered(state.city, info)),
        "storageCrs": storage(info).uri,
        "classes": [
            {
                "code": entry.code,
                "title": entry.zh if lang == "zh" else entry.en,
                "count": entry.count,
            }
            for entry in info.classes
        ],
        "links": _links(state, info, root, lang),
    }


def _links(
    state: CityState, info: CollectionInfo, root: str, lang: Language
) -> list[dict[str, str]]:
    zh, here = lang == "zh", f"{root}/collections/{info.id}"
    items_ = [
        link(f"{here}/items?f={form.name}", "items", form.media, form.zh if zh else form.en)
        for form in ITEMS
    ]
    return [
        link(here, "self", title=info.title(lang)),
        link(f"{here}?f=html", "alternate", HTML.media, HTML.zh if zh else HTML.en),
        *items_,
        link(f"{here}/queryables", f"{_REL}queryables", SCHEMA.media, "可查询项" if zh else "Queryables"),
        link(f"{here}/sortables", f"{_REL}sortables", SCHEMA.media, "可排序项" if zh else "Sortables"),
        link(f"{here}/schema", f"{_REL}schema", SCHEMA.media, "模式" if zh else "Schema"),
        *further_links(state, info, root, zh),
        link(f"{root}/collections", "parent", title="数据集合" if zh else "Collections"),
    ]  # fmt: skip


def _extent(info: CollectionInfo, *, as_volume: bool) -> dict[str, Any]:
    """Where and since when; six numbers where it is offered as 3D Tiles, as 3D GeoVolumes asks."""
    temporal = {"temporal": {"interval": [[instant(info.since), None]]}}
    box: Mapping[str, Any] | None = info.extent
    if box is None:
        return temporal
    flat = [box["xmin"], box["ymin"], box["xmax"], box["ymax"]]
    spatial: dict[str, Any] = {"bbox": [flat], "crs": CRS84}
    if box["zmin"] is not None:
        spatial["storageCrsBbox"] = [
            [box["xmin"], box["ymin"], box["zmin"], box["xmax"], box["ymax"], box["zmax"]]
        ]
        assert storage(info).uri == CRS84H  # noqa: S101 -- six numbers are in that
    box3d = volume(info)
    if as_volume and box3d is not None:
        spatial = {"bbox": [box3d], "crs": CRS84H}
    return {"spatial": spatial, **temporal}
