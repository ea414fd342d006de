"""OGC API – Styles (draft 20-009, core): the styles of the city's layers, their encodings and metadata."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import View, view_of
from api.deps import Lang, State, base_url, only
from api.models import JSON as JSON_MEDIA
from api.models import answer, link
from api.ogc.formats import JSON, Format, wanted
from api.ogc.styles import (
    CITY,
    MAPBOX,
    attributes,
    encodings,
    map_style,
    styled,
    tiles_style,
)
from api.ogc.tile_sources import tiled
from api.ogc.tilesets import MATRIX_SET
from api.state import CityState, CollectionInfo
from twin.errors import NotFoundError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_NO_CACHE: Final = {"Cache-Control": "no-cache"}
_SPECIFICATIONS: Final = {
    "mapbox": ("8", "https://maplibre.org/maplibre-style-spec/"),
    "3dtiles": ("1.1", "https://docs.ogc.org/cs/22-025r4/22-025r4.html"),
}


@router.get("/styles")
def list_styles(request: Request, state: State, lang: Lang) -> Response:
    """The style of the whole city and that of each layer."""
    only(request, {"f", "lang"})
    wanted(request, (JSON,))
    root = base_url(request)
    offered = _offered(state, view_of(request))
    styles = [
        {
            "id": name,
            "title": _title(state, infos, name, lang),
            "links": [
                *[_sheet(root, name, form, lang) for form in forms],
                link(f"{root}/styles/{name}/metadata", "describedby", title="Metadata"),
            ],
        }
        for name, (infos, forms) in offered.items()
    ]
    content: dict[str, Any] = {"styles": styles, "links": [link(f"{root}/styles", "self")]}
    if CITY in offered:
        content["default"] = CITY
    return answer(content, language=lang, headers=_NO_CACHE)


@router.get("/styles/{styleId}")
def one_style(styleId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803 -- the standard's name
    """A stylesheet: MapLibre, or 3D Tiles with ``f=3dtiles``."""
    only(request, {"f", "lang"})
    infos, forms = _known(state, styleId, view_of(request))
    form = wanted(request, forms)
    if form is MAPBOX:
        title = _title(state, infos, styleId, lang)
        found = map_style(infos, base_url(request), title)
    else:
        found = tiles_style(infos[styleId])
    return answer(found, media=form.media, language=lang, headers=_NO_CACHE)


@router.get("/styles/{styleId}/metadata")
def style_metadata(styleId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803
    """What a style draws, what it needs for that, and in which encodings it is."""
    only(request, {"f", "lang"})
    wanted(request, (JSON,))
    infos, forms = _known(state, styleId, view_of(request))
    root, zh = base_url(request), lang == "zh"
    title = _title(state, infos, styleId, lang)
    text = f"{title}:按分类颜色" if zh else f"{title}: colours of the classes"
    content = {
        "id": styleId,
        "title": title,
        "description": text,
        "keywords": list(infos),
        "scope": "style",
        "stylesheets": [
            {
                "title": form.zh if zh else form.en,
                "version": _SPECIFICATIONS[form.name][0],
                "specification": _SPECIFICATIONS[form.name][1],
                "native": True,
                "link": _sheet(root, styleId, form, lang),
            }
            for form in forms
        ],
        "layers": [_layer(root, info, mapped=MAPBOX in forms) for info in infos.values()],
        "links": [
            link(f"{root}/styles/{styleId}/metadata", "self"),
            link(f"{root}/styles", "collection"),
        ],
    }
    return answer(content, language=lang, headers=_NO_CACHE)


def _layer(root: str, info: CollectionInfo, *, mapped: bool) -> dict[str, Any]:
    tiles = f"{root}/collections/{info.id}/tiles/{MATRIX_SET}"
    sample = (
        link(tiles, "tiles", JSON_MEDIA)
        if mapped
        else link(f"{root}/collections/{info.id}/items", "data", "application/geo+json")
    )
    return {
        "id": info.id,
        "description": info.en,
        "attributes": [{"id": name, "type": kind} for name, kind in attributes(info).items()],
        "sampleData": sample,
    }


def _offered(
    state: CityState, view: View | None
) -> dict[str, tuple[Mapping[str, CollectionInfo], tuple[Format, ...]]]:
    """Styles by name: the collections each draws and the encodings it is in."""
    out: dict[str, tuple[Mapping[str, CollectionInfo], tuple[Format, ...]]] = {}
    flat = tiled(state, view)
    if flat:
        out[CITY] = flat, (MAPBOX,)
    for name, info in styled(state, view).items():
        out[name] = {name: info}, encodings(state, info)
    return out


def _known(
    state: CityState, style: str, view: View | None
) -> tuple[Mapping[str, CollectionInfo], tuple[Format, ...]]:
    found = _offered(state, view)
    if style not in found:
        listed = ", ".join(found) or "none"
        raise NotFoundError(f"No style {style[:80]!r} here: there are {listed}.")
    return found[style]


def _title(
    state: CityState, infos: Mapping[str, CollectionInfo], style: str, lang: Any  # noqa: ANN401
) -> str:  # fmt: skip
    return state.city.name if style == CITY else infos[style].title(lang)


def _sheet(root: str, style: str, form: Format, lang: str) -> dict[str, str]:
    title = form.zh if lang == "zh" else form.en
    return link(f"{root}/styles/{style}?f={form.name}", "stylesheet", form.media, title)
