"""Items of a collection and one item: handlers that give bytes."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.access import reach_of
from api.deps import base_url, language, only
from api.ogc import downloads, jsonfg, pages
from api.ogc.envelope import (
    VARY,
    collection_bytes,
    feature_bytes,
    feature_links,
    feature_tag,
    fresh,
    page_links,
    page_tag,
)
from api.ogc.formats import CSV, FEATURE, FGB, HTML, JSONFG, PARQUET, wanted
from api.ogc.question import (
    Question,
    checked_eid,
    known,
    moment_of,
    question,
    selection,
)
from api.ogc.readers import is_quick, reader_at
from api.ogc.reshape import reshaped
from api.ogc.systems import offered, storage, system
from api.state import CityState
from twin.errors import NotFoundError
from twin.features.asking import Ask

__all__ = ["item", "item_now", "items", "items_now"]


async def items(request: Request) -> Response:
    """``GET /collections/{collectionId}/items``."""
    state: CityState = request.app.state.city_state
    if is_quick(request, state):
        return items_now(request, state)
    return await run_in_threadpool(items_now, request, state)


async def item(request: Request) -> Response:
    """``GET /collections/{collectionId}/items/{featureId}``."""
    state: CityState = request.app.state.city_state
    if is_quick(request, state):
        return item_now(request, state)
    return await run_in_threadpool(item_now, request, state)


def items_now(request: Request, state: CityState) -> Response:
    """The answer to a request for items, found on this thread."""
    asked = question(request, state)
    headers = {
        "Content-Language": asked.language,
        "Vary": VARY,
        "Cache-Control": "no-cache",
        "Content-Crs": f"<{asked.system.uri}>",
    }
    version = (
        asked.reader.version(asked.info.id) if asked.ask.version is None else asked.ask.version
    )
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
    if not asked.plain:
        features = reshaped(features, asked.system, asked.properties)
    return Response(collection_bytes(links, page, features), 200, headers, asked.form.media)


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
    headers = {
        "Content-Language": asked.language,
        "Vary": VARY,
        "Cache-Control": "no-cache",
        "Content-Crs": f"<{asked.system.uri}>",
        "ETag": feature_tag(request, feature, asked.form, asked.language),
    }
    known_already = fresh(request, headers["ETag"], headers)
    if known_already is not None:
        return known_already
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
    return Response(feature_bytes(feature, links), 200, headers, asked.form.media)


def _one(request: Request, state: CityState) -> Question:
    """A request for one item, understood."""
    only(request, {"crs", "exclude-properties", "f", "known_at", "lang", "properties", "valid_at"})
    info = known(request, state, request.path_params["collectionId"])
    given = request.query_params
    moment = moment_of(request)
    reader = reader_at(state, moment)
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
