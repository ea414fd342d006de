"""HTML of everything OGC API – Features names, in both languages; made on the server, no script, nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
import shapely
from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import Response

from api.deps import base_url
from api.ogc.envelope import query_with
from api.ogc.question import Question
from api.ogc.reshape import decoded, reshaped, shapes_of
from api.ogc.sketch import sketch
from api.state import CityState, CollectionInfo
from twin.features.asking import Page

__all__ = [
    "collection",
    "collections",
    "conformance",
    "dataset",
    "datasets",
    "item",
    "items",
    "landing",
]

MOST_COLUMNS: Final = 10
_pages: Final = Environment(
    loader=PackageLoader("api.ogc"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
Links = Sequence[Mapping[str, str]]


def landing(request: Request, state: CityState, content: Mapping[str, Any], lang: str) -> Response:
    """The landing document."""
    return _page(
        request,
        state,
        "landing.html",
        lang,
        links=content["links"],
        description=content["description"],
    )


def conformance(
    request: Request, state: CityState, parts: Mapping[str, Any], lang: str
) -> Response:
    """The conformance classes, part by part."""
    return _page(request, state, "conformance.html", lang, parts=parts)


def collections(
    request: Request, state: CityState, content: Mapping[str, Any], lang: str
) -> Response:
    """All collections."""
    return _page(
        request,
        state,
        "collections.html",
        lang,
        collections=content["collections"],
        links=content["links"],
    )


def collection(
    request: Request, state: CityState, info: CollectionInfo, content: Mapping[str, Any], lang: str
) -> Response:
    """One collection with where it lies."""
    box = (
        None if info.extent is None else [info.extent[n] for n in ("xmin", "ymin", "xmax", "ymax")]
    )
    there = f"{base_url(request)}/collections/{info.id}/items?f=html"
    drawing = ""
    if box is not None:
        drawing = sketch(
            np.array([shapely.box(*box)], dtype=object),
            [info.title(lang)],
            [there],
            None,
            info.color,
        )
    return _page(request, state, "collection.html", lang, collection=content, links=content["links"], map=drawing,
                 crumbs=[_crumb(request, info, lang)])  # fmt: skip


def datasets(
    request: Request,
    state: CityState,
    content: Mapping[str, Any],
    lang: str,
    headers: Mapping[str, str],
) -> Response:
    """The catalogue of what was loaded."""
    found, links = content["datasets"], content["links"]
    return _page(request, state, "datasets.html", lang, headers, datasets=found, links=links)


def dataset(
    request: Request,
    state: CityState,
    content: Mapping[str, Any],
    lang: str,
    headers: Mapping[str, str],
) -> Response:
    """One load."""
    name = "数据集目录" if lang == "zh" else "Catalogue of datasets"
    crumbs = [(f"{base_url(request)}/datasets?f=html", name)]
    links = content["links"]
    return _page(request, state, "dataset.html", lang, headers, dataset=content, links=links, crumbs=crumbs)  # fmt: skip


def items(
    request: Request,
    state: CityState,
    asked: Question,
    page: Page,
    links: Links,
    headers: Mapping[str, str],
) -> Response:
    """A page of things: a map and a table."""
    made = decoded(page.features)
    root = f"{base_url(request)}/collections/{asked.info.id}/items"
    hrefs = [f"{root}/{one['id']}?f=html" for one in made]
    names = [str(one["properties"].get("name") or one["id"]) for one in made]
    drawing = sketch(shapes_of(made), names, hrefs, None, asked.info.color) if made else ""
    shown = [
        one["properties"]
        for one in decoded(reshaped(page.features, asked.system, asked.properties))
    ]
    full = [name for one in shown for name, value in one.items() if value is not None]
    columns = list(dict.fromkeys(full))[:MOST_COLUMNS]
    first = asked.ask.start
    return _page(
        request, state, "items.html", asked.language, headers, info=asked.info, matched=page.matched, first=first + 1,
        last=first + len(made), columns=columns, rows=list(zip(hrefs, made, shown, strict=True)), links=links,
        map=drawing, crumbs=[_crumb(request, asked.info, asked.language)],
    )  # fmt: skip


def item(
    request: Request,
    state: CityState,
    asked: Question,
    feature: bytes | memoryview,
    links: Links,
    headers: Mapping[str, str],
) -> Response:
    """One thing: a map and its properties."""
    made = decoded([feature])
    shown = decoded(reshaped([feature], asked.system, asked.properties))[0]
    name = str(made[0]["properties"].get("name") or made[0]["id"])
    geometry = orjson.dumps(shown["geometry"]).decode()
    items_ = (
        f"{base_url(request)}/collections/{asked.info.id}/items?f=html",
        "要素" if asked.language == "zh" else "Items",
    )
    return _page(
        request, state, "item.html", asked.language, headers, name=name, feature=shown, geometry=geometry, links=links,
        map=sketch(shapes_of(made), [name], [None], None, asked.info.color), system=asked.system.uri,
        crumbs=[_crumb(request, asked.info, asked.language), items_],
    )  # fmt: skip


def _crumb(request: Request, info: CollectionInfo, lang: str) -> tuple[str, str]:
    return f"{base_url(request)}/collections/{info.id}?f=html", info.title(lang)


def _page(
    request: Request,
    state: CityState,
    template: str,
    lang: str,
    headers: Mapping[str, str] | None = None,
    **values: Any,  # noqa: ANN401 -- of the template
) -> Response:
    root, zh = base_url(request), lang == "zh"
    values = {"links": [], "crumbs": [], "map": ""} | values
    other = query_with(request, frozenset({"lang"}), f"lang={'en' if zh else 'zh'}")
    base = [(f"{root}/landing?f=html", state.city.name)]
    if template not in (
        "landing.html",
        "collections.html",
        "conformance.html",
        "datasets.html",
        "dataset.html",
    ):
        base.append((f"{root}/collections?f=html", "数据集合" if zh else "Collections"))
    values["crumbs"] = [*base, *values["crumbs"]]
    text = _pages.get_template(template).render(
        lang=lang,
        t=(lambda a, b: a if zh else b),
        city=state.city.name,
        other_language=other,
        root=root,
        **values,
    )
    more = {
        "Content-Language": lang,
        "Vary": "Accept, Accept-Language",
        "Cache-Control": "no-cache",
    }
    return Response(text.encode(), 200, {**more, **(headers or {})}, "text/html; charset=utf-8")
