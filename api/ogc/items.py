"""Items of a collection and one item: handlers that give bytes."""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.access import reach_of
from api.deps import base_url, language, only
from api.ogc import downloads, jsonfg, pages
from api.ogc.envelope import (
    VARY,
    collection_parts,
    feature_links,
    feature_parts,
    feature_tag,
    fresh,
    is_known,
    page_links,
    page_tag,
)
from api.ogc.formats import CSV, FEATURE, FGB, GEOJSON, HTML, JSONFG, PARQUET, wanted
from api.ogc.framed import Framed, framed_heads
from api.ogc.question import (
    Question,
    checked_eid,
    known,
    moment_of,
    question,
    selection,
)
from api.ogc.readers import is_quick, pinned, reader_of
from api.ogc.reshape import reshaped
from api.ogc.systems import offered, storage, system
from api.state import CityState
from twin.errors import NotFoundError
from twin.features.asking import Ask

__all__ = ["item", "item_now", "items", "items_at_once", "items_now"]


MOST_AT_ONCE: Final = 5_000
"""Things that may have to be looked at for a page that is answered on the event loop."""


async def items(request: Request) -> Response:
    """``GET /collections/{collectionId}/items``."""
    state: CityState = request.app.state.city_state
    found = items_at_once(request, state) if is_quick(request, state) else None
    return await run_in_threadpool(items_now, request, state) if found is None else found


async def item(request: Request) -> Response:
    """``GET /collections/{collectionId}/items/{featureId}``."""
    state: CityState = request.app.state.city_state
    if is_quick(request, state):
        return item_now(request, state)
    return await run_in_threadpool(item_now, request, state)


def items_at_once(request: Request, state: CityState) -> Response | None:
    """The answer where little has to be looked at for it (:func:`is_quick` was so); else None."""
    asked, held = question(request, state), pinned(request)
    if held is None or not held.is_short(asked.ask, MOST_AT_ONCE):
        return None
    return _items(request, state, asked)


def items_now(request: Request, state: CityState) -> Response:
    """The answer to a request for items, found on this thread."""
    return _items(request, state, question(request, state))


def _items(request: Request, state: CityState, asked: Question) -> Response:
    version = (
        asked.reader.version(asked.info.id) if asked.ask.version is None else asked.ask.version
    )
    if asked.form is GEOJSON and asked.plain:
        return _geojson(request, asked, version)
    headers = {
        "Content-Language": asked.language,
        "Vary": VARY,
        "Cache-Control": "no-cache",
        "Content-Crs": f"<{asked.system.uri}>",
    }
    tag = page_tag(request, asked, version)
    known_already = fresh(request, tag, headers)
    if known_already is not None:
        return known_already
    if asked.form in (CSV, PARQUET, FGB):
        return downloads.response(request, asked, {**headers, "ETag": tag})
    page = asked.reader.page(asked.ask)
    if page.version != version and asked.ask.version is None:
        tag = page_tag(request, asked, page.version)
    headers["ETag"] = tag
    links = page_links(request, asked, page)
    if asked.form is HTML:
        return pages.items(request, state, asked, page, links, headers)
    features = page.features
    if asked.form is JSONFG:
        return Response(jsonfg.collection(state, asked, page, links), 200, headers, JSONFG.media)
    features = reshaped(features, asked.system, asked.properties)
    parts = collection_parts(links, page, features)
    return Response(b"".join(parts), 200, headers, asked.form.media)


def _geojson(request: Request, asked: Question, version: int) -> Response:
    """The answer most ask for: features as they lie."""
    static = framed_heads(asked.language, asked.system.uri)
    tag = page_tag(request, asked, version)
    if is_known(request, tag):
        return Framed(304, static, tag)
    page = asked.reader.page(asked.ask)
    if page.version != version and asked.ask.version is None:
        tag = page_tag(request, asked, page.version)
    parts = collection_parts(page_links(request, asked, page), page, page.features)
    return Framed(200, static, tag, asked.form.media, parts)


def item_now(request: Request, state: CityState) -> Response:
    """The answer to a request for one item, found on this thread."""
    asked = _one(request, state)
    eid = checked_eid(request.path_params["featureId"])
    feature = asked.reader.one(asked.info.id, eid, asked.ask.reach)
    if feature is None:
        raise NotFoundError(
            f"No item {eid} in {asked.info.id} at that time; "
            f"/entities/{eid} tells what became of an id that was once issued."
        )
    static = framed_heads(asked.language, asked.system.uri)
    tag = feature_tag(request, feature, asked.form, asked.language)
    if is_known(request, tag):
        return Framed(304, static, tag)
    headers = {
        "Content-Language": asked.language,
        "Vary": VARY,
        "Cache-Control": "no-cache",
        "Content-Crs": f"<{asked.system.uri}>",
        "ETag": tag,
    }
    query = request.scope["query_string"].decode("latin-1")
    kept = "&".join(p for p in query.split("&") if p and not p.startswith("f="))
    zh = asked.language == "zh"
    links = feature_links(
        base_url(request), asked.info.id, eid, asked.info.title(asked.language), asked.form, zh,
        f"?{kept}" if kept else "",
    )  # fmt: skip
    if asked.form is HTML:
        return pages.item(request, state, asked, feature, links, headers)
    if asked.form is JSONFG:
        return Response(jsonfg.one(state, asked, feature, links), 200, headers, JSONFG.media)
    if not asked.plain:
        feature = reshaped([feature], asked.system, asked.properties)[0]
    return Framed(200, static, tag, asked.form.media, feature_parts(feature, links))


def _one(request: Request, state: CityState) -> Question:
    """A request for one item, understood."""
    only(request, {"crs", "exclude-properties", "f", "known_at", "lang", "properties", "valid_at"})
    info = known(request, state, request.path_params["collectionId"])
    given = request.query_params
    moment = moment_of(request)
    reader = reader_of(request, state, moment)
    target = storage(info)
    if "crs" in given:
        target = system(given["crs"], "crs", offered(state.city, info))
    shown = None
    if "properties" in given or "exclude-properties" in given:
        shown = selection(given, reader.fields(info.id))
    ask = Ask(info.id, reach=reach_of(request))
    return Question(
        info, reader, moment, ask, wanted(request, FEATURE), target, shown, language(request)
    )
