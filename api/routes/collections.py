"""Collections of city objects and their items (OGC API – Features, Part 1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import View, view_of
from api.deps import (
    DEFAULT_LIMIT,
    BboxText,
    KnownAt,
    Lang,
    Language,
    State,
    ValidAt,
    base_url,
    link_with,
    only,
    parse_bbox,
    parse_moment,
    parse_whole,
)
from api.features import features
from api.models import (
    GEOJSON,
    CollectionModel,
    CollectionsModel,
    FeatureCollectionModel,
    FeatureModel,
    answer,
    instant,
    link,
)
from api.state import CityState, CollectionInfo, utc_now
from twin.errors import NotFoundError
from twin.store.read import TYPED_FIELDS, ItemQuery, items

__all__ = ["collection_document", "router"]

router = APIRouter(tags=["collections"])
CRS84, CRS84H = (
    "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "http://www.opengis.net/def/crs/OGC/0/CRS84h",
)
OWN = frozenset({"bbox", "limit", "offset", "datetime", "valid_at", "known_at", "f", "lang"})


@router.get("/collections", summary="All collections", responses={200: {"model": CollectionsModel}})
def list_collections(request: Request, state: State, lang: Lang) -> Response:
    """Collections that hold something, in the order of the class table."""
    only(request, {"f", "lang"})
    here = f"{base_url(request)}/collections"
    listed = [
        collection_document(info, base_url(request), lang)
        for info in state.seen(view_of(request)).values()
    ]
    return answer({"links": [link(here, "self")], "collections": listed}, language=lang)


@router.get(
    "/collections/{collection}",
    summary="One collection",
    responses={200: {"model": CollectionModel}},
)
def one_collection(collection: str, request: Request, state: State, lang: Lang) -> Response:
    """Names, extent, number of items and links of a collection."""
    only(request, {"f", "lang"})
    return answer(
        collection_document(_known(state, collection, view_of(request)), base_url(request), lang),
        language=lang,
    )


@router.get(
    "/collections/{collection}/items",
    summary="Items of a collection",
    responses={200: {"model": FeatureCollectionModel, "content": {GEOJSON: {}}}},
)
def list_items(
    collection: str,
    request: Request,
    state: State,
    lang: Lang,
    bbox: BboxText = None,
    limit: Annotated[
        str | None, Query(description="Items of a page; cut to the server's largest page.")
    ] = None,
    offset: Annotated[str | None, Query(description="Items to pass over.")] = None,
    datetime: Annotated[
        str | None, Query(description="RFC 3339 time or interval start/end, .. for open.")
    ] = None,
    valid_at: ValidAt = None,
    known_at: KnownAt = None,
) -> Response:
    """A page of items in the order of their ids.

    Any field of the collection's items is a parameter too: ``class_code=01001``, ``floors=18``.
    """
    view = view_of(request)
    info = _known(state, collection, view)
    known = [*TYPED_FIELDS, *state.fields(info.id)]
    only(request, OWN | set(known))
    size = parse_whole(limit, "limit", DEFAULT_LIMIT, 1, state.settings.max_limit)
    start = parse_whole(offset, "offset", 0, 0)
    filters = {name: text for name, text in request.query_params.items() if name not in OWN}
    box = parse_bbox(bbox) if bbox is not None else None
    moment = parse_moment(valid_at, known_at, datetime)
    page = items(state.store, _within(view, ItemQuery(info.id, moment, box, filters, size, start)))
    found = features(page.things)
    content = {
        "type": "FeatureCollection",
        "timeStamp": instant(utc_now()),
        "numberMatched": page.matched,
        "numberReturned": len(found),
        "links": _page_links(request, info, size, start, page.matched, len(found)),
        "features": found,
    }
    return answer(content, media=GEOJSON, language=lang)


@router.get(
    "/collections/{collection}/items/{eid}",
    summary="One item",
    responses={200: {"model": FeatureModel, "content": {GEOJSON: {}}}},
)
def one_item(
    collection: str,
    eid: str,
    request: Request,
    state: State,
    lang: Lang,
    valid_at: ValidAt = None,
    known_at: KnownAt = None,
) -> Response:
    """One item as a GeoJSON feature."""
    only(request, {"f", "lang", "valid_at", "known_at"})
    view = view_of(request)
    info = _known(state, collection, view)
    moment = parse_moment(valid_at, known_at)
    query = ItemQuery(info.id, moment, limit=1, eids=[checked_eid(eid)])
    page = items(state.store, _within(view, query))
    if not page.things.num_rows:
        raise NotFoundError(
            f"No item {eid} in {collection} at that time; "
            f"/entities/{eid} tells what became of an id that was once issued."
        )
    feature = features(page.things)[0]
    root = base_url(request)
    here = f"{root}/collections/{info.id}"
    feature["links"] = [
        link(f"{here}/items/{eid}", "self", GEOJSON),
        link(here, "collection", title=info.title(lang)),
        link(
            f"{root}/entities/{eid}",
            "describedby",
            title="全部信息" if lang == "zh" else "Everything about it",
        ),
    ]
    return answer(feature, media=GEOJSON, language=lang)


def checked_eid(text: str) -> str:
    """An entity id in the form the base writes it.

    Raises
    ------
    NotFoundError
        If the text cannot be an id of the base.
    """
    low = text.lower()
    parts = low.split("-")
    shaped = [len(part) for part in parts] == [8, 4, 4, 4, 12] and low.isascii()
    if not shaped or any(letter not in "0123456789abcdef-" for letter in low):
        raise NotFoundError(
            f"{text[:80]!r} is no entity id (expected a UUID such as "
            "01890a5d-ac96-774b-bcce-b302099a8057). Codes, names and addresses: /resolve?q=…"
        )
    return low


def collection_document(info: CollectionInfo, root: str, lang: Language) -> dict[str, Any]:
    """A collection as OGC API – Features describes it."""
    here = f"{root}/collections/{info.id}"
    classes = "、" if lang == "zh" else ", "
    names = classes.join(entry.zh if lang == "zh" else entry.en for entry in info.classes[:8])
    return {
        "id": info.id,
        "title": info.title(lang),
        "titles": {"zh": info.zh, "en": info.en},
        "description": f"{info.title(lang)}: {names}" if info.count else info.title(lang),
        "itemType": "feature",
        "itemCount": info.count,
        "extent": _extent(info),
        "crs": [CRS84H if info.extent and info.extent["zmin"] is not None else CRS84],
        "classes": [
            {
                "code": entry.code,
                "title": entry.zh if lang == "zh" else entry.en,
                "count": entry.count,
            }
            for entry in info.classes
        ],
        "links": [
            link(here, "self", title=info.title(lang)),
            link(f"{here}/items", "items", GEOJSON, info.title(lang)),
            link(f"{root}/collections", "parent"),
        ],
    }


def _extent(info: CollectionInfo) -> dict[str, Any]:
    temporal = {"temporal": {"interval": [[instant(info.since), None]]}}
    box: Mapping[str, Any] | None = info.extent
    if box is None:
        return temporal
    numbers = [box["xmin"], box["ymin"], box["xmax"], box["ymax"]]
    return {"spatial": {"bbox": [numbers], "crs": CRS84}, **temporal}


def _within(view: View | None, query: ItemQuery) -> ItemQuery:
    """The query, of what is seen alone."""
    if view is None:
        return query
    eids = view.sight.eids.astype(str).tolist()
    if query.eids is not None:
        eids = [eid for eid in query.eids if view.sight.has(eid)]
    classes = None if view.reach.classes is None else sorted(view.reach.classes)
    return replace(query, eids=eids, classes=classes)


def _known(state: CityState, collection: str, view: View | None = None) -> CollectionInfo:
    have = state.seen(view)
    if collection not in have:
        raise NotFoundError(
            f"No collection {collection[:80]!r} in this city; "
            f"there are: {', '.join(have) or 'none yet'}."
        )
    return have[collection]


def _page_links(
    request: Request, info: CollectionInfo, size: int, start: int, matched: int, returned: int
) -> list[dict[str, str]]:
    links = [link(link_with(request, {}), "self", GEOJSON)]
    if start + returned < matched and returned:
        links.append(
            link(
                link_with(request, {"limit": str(size), "offset": str(start + size)}),
                "next",
                GEOJSON,
            )
        )
    if start > 0:
        before = str(max(0, start - size))
        links.append(
            link(link_with(request, {"limit": str(size), "offset": before}), "prev", GEOJSON)
        )
    links.append(link(f"{base_url(request)}/collections/{info.id}", "collection"))
    return links
