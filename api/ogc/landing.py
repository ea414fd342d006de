"""Front door: scene page, landing document, conformance, API definition."""

from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import view_of
from api.deps import Lang, Language, State, base_url, only
from api.models import answer, document, link
from api.ogc import pages
from api.ogc.conformance import CONFORMS_TO, PARTS
from api.ogc.definition import paths
from api.ogc.formats import DOCUMENTS, HTML, JSON, Format, wanted
from api.ogc.offers import tile_links
from api.openapi import OPENAPI_JSON, definition
from api.state import CityState
from api.static import answer_bytes, serve
from twin.errors import InvalidRequestError

__all__ = ["PAGE", "router"]

router = APIRouter(tags=["landing"])
PAGE: Final = Path(__file__).resolve().parents[1] / "page"


@router.get("/", include_in_schema=False)
def front_door(request: Request, state: State, lang: Lang) -> Response:
    """The page where a browser asks (``f=html``), the landing document otherwise (``f=json``)."""
    asked = request.query_params.get("f")
    if asked not in (None, "json", "html"):
        raise InvalidRequestError(f"f={asked!r}: expected json or html.", "f")
    if asked is None:
        asked = "html" if _prefers_html(request.headers.get("accept", "")) else "json"
    if asked == "html" and (PAGE / "index.html").is_file():
        page = serve(request, PAGE, "index.html", "no-cache")
        page.headers["Vary"] = "Accept"
        return page
    only(request, {"f", "lang"})
    return _landing(request, state, lang, HTML if asked == "html" else JSON)


@router.get("/landing", include_in_schema=False)
def landing(request: Request, state: State, lang: Lang) -> Response:
    """What this server is and where everything stands."""
    only(request, {"f", "lang"})
    return _landing(request, state, lang, wanted(request, DOCUMENTS))


@router.get("/conformance", include_in_schema=False)
def conformance(request: Request, state: State, lang: Lang) -> Response:
    """The OGC conformance classes this server holds to."""
    only(request, {"f", "lang"})
    if wanted(request, DOCUMENTS) is HTML:
        return pages.conformance(request, state, PARTS, lang)
    return answer({"conformsTo": list(dict.fromkeys(CONFORMS_TO))})


@router.get("/api", summary="The API definition", include_in_schema=False)
def api_definition(request: Request, state: State) -> Response:
    """OpenAPI 3.0 definition of everything served, with the collections of this city."""
    only(request, {"f", "lang"})
    whole = definition(request.app, base_url(request), paths(state, view_of(request)))
    content = document(whole)
    tag = blake2b(content, digest_size=12).hexdigest()
    return answer_bytes(request, content, tag, OPENAPI_JSON, "no-cache")


@router.get("/page/{path:path}", summary="Files of the scene page", include_in_schema=False)
def page_file(path: str, request: Request) -> Response:
    """Scripts, styles and CesiumJS."""
    cache = "public, max-age=86400" if path.startswith("vendor/") else "no-cache"
    return serve(request, PAGE, path, cache)


def _prefers_html(accept: str) -> bool:
    """Whether HTML stands before JSON in an Accept header (weights are rarely given here)."""
    html, json = accept.find("text/html"), accept.find("json")
    return html >= 0 and (json < 0 or html < json)


def _landing(request: Request, state: CityState, lang: Language, form: Format) -> Response:
    root, zh = base_url(request), lang == "zh"
    name = state.city.name
    other = HTML if form is JSON else JSON
    links = [
        link(
            f"{root}/landing?f={form.name}", "self", form.media, "本文档" if zh else "This document"
        ),
        link(
            f"{root}/landing?f={other.name}", "alternate", other.media, other.zh if zh else other.en
        ),
        link(f"{root}/?f=html", "related", HTML.media, "三维场景" if zh else "The scene page"),
        link(
            f"{root}/api", "service-desc", OPENAPI_JSON, "接口定义" if zh else "The API definition"
        ),
        link(f"{root}/conformance", "conformance", title="符合性" if zh else "Conformance classes"),
        link(f"{root}/collections", "data", title="数据集合" if zh else "Collections"),
        link(
            f"{root}/functions",
            "http://www.opengis.net/def/rel/ogc/1.0/functions",
            title="过滤函数" if zh else "Functions of filters",
        ),
        link(
            f"{root}/processes",
            "http://www.opengis.net/def/rel/ogc/1.0/processes",
            title="空间分析" if zh else "Analyses",
        ),
        link(
            f"{root}/jobs",
            "http://www.opengis.net/def/rel/ogc/1.0/job-list",
            title="分析任务" if zh else "Jobs of analyses",
        ),
        *tile_links(state, root, zh),
        link(f"{root}/city", "describedby", title="城市概况" if zh else "The city and its layers"),
        link(
            f"{root}/resolve?q={{q}}",
            "search",
            title="标识、编码、名称、地址解析" if zh else "Resolve ids, codes, names, addresses",
        ),
        link(f"{root}/streams", "related", title="实时数据流" if zh else "Live streams"),
        link(f"{root}/live", "monitor", "text/event-stream", "实时推送" if zh else "Live events"),
        link(f"{root}/alarms", "related", title="告警" if zh else "Alarms"),
        link(f"{root}/cases", "related", title="案件" if zh else "Cases"),
        link(f"{root}/healthz", "status", title="运行状态" if zh else "Health"),
    ]
    text = f"{name}的数字孪生底座" if zh else f"Digital-twin base of {name}"
    content: dict[str, Any] = {"title": name, "description": text, "links": links}
    if form is HTML:
        return pages.landing(request, state, content, lang)
    return answer(content, language=lang)
