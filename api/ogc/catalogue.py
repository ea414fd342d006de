"""The catalogue of datasets: every load with its source, licence, the evidence for its system, its balance, what it fed."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import View, view_of
from api.deps import Lang, State, base_url, only, parse_whole
from api.models import answer, instant, link
from api.ogc import pages
from api.ogc.envelope import alternates
from api.ogc.formats import DOCUMENTS, HTML, Format, wanted
from api.ogc.question import checked_eid
from api.state import CityState
from api.static import is_known
from twin.errors import NotFoundError
from twin.store.catalogue import load_count, load_of, loads, reasons
from twin.store.read import version

__all__ = ["MOST", "router"]

router = APIRouter(include_in_schema=False)
MOST: Final = 1000
Fed = Mapping[str, Mapping[str, int]]
"""Load → collection → things seen whose state is of it."""
DEFAULT: Final = 100


@router.get("/datasets")
def datasets(request: Request, state: State, lang: Lang) -> Response:
    """Loads, newest first."""
    only(request, {"f", "lang", "limit", "offset"})
    form = wanted(request, DOCUMENTS)
    given, root = request.query_params, base_url(request)
    limit = parse_whole(given.get("limit"), "limit", DEFAULT, 1, MOST)
    start = parse_whole(given.get("offset"), "offset", 0, 0, 2**53)
    view = view_of(request)
    headers = _tag(state, form, lang, view)
    if is_known(request, headers["ETag"].removeprefix("W/")):
        return Response(status_code=304, headers=headers)
    fed = None if view is None else view.fed()
    chosen = None if fed is None else sorted(fed)
    found = [_told(row, root, fed) for row in loads(state.store, limit, start, chosen)]
    matched = load_count(state.store) if fed is None else len(fed)
    links = [
        link(str(request.url), "self", form.media),
        *alternates(request, form, DOCUMENTS, lang == "zh"),
    ]
    for rel, at in (("prev", start - limit), ("next", start + limit)):
        if (rel == "prev" and start > 0) or (rel == "next" and at < matched):
            there = f"{root}/datasets?f={form.name}&limit={limit}&offset={max(at, 0)}"
            links.append(link(there, rel, form.media))
    content = {
        "links": links,
        "numberMatched": matched,
        "numberReturned": len(found),
        "datasets": found,
    }
    if form is HTML:
        return pages.datasets(request, state, content, lang, headers)
    return answer(content, language=lang, headers=headers)


@router.get("/datasets/{datasetId}")
def dataset(datasetId: str, request: Request, state: State, lang: Lang) -> Response:  # noqa: N803 -- as the others
    """One load, with what records were not taken for."""
    only(request, {"f", "lang"})
    form = wanted(request, DOCUMENTS)
    root = base_url(request)
    view = view_of(request)
    fed = None if view is None else view.fed()
    row = load_of(state.store, checked_eid(datasetId))
    if row is None or (fed is not None and row["dataset_id"] not in fed):
        raise NotFoundError(f"No dataset {datasetId[:60]!r}; /datasets lists them.")
    headers = _tag(state, form, lang, view)
    if is_known(request, headers["ETag"].removeprefix("W/")):
        return Response(status_code=304, headers=headers)
    why = reasons(state.store, row["dataset_id"]) if fed is None else []
    content = _told(row, root, fed) | {"quarantine": why}
    content["links"] = [
        link(f"{root}/datasets/{row['dataset_id']}", "self", form.media),
        *alternates(request, form, DOCUMENTS, lang == "zh"),
        link(f"{root}/datasets", "collection"),
    ]
    if form is HTML:
        return pages.dataset(request, state, content, lang, headers)
    return answer(content, language=lang, headers=headers)


def _tag(state: CityState, form: Format, lang: str, view: View | None) -> dict[str, str]:
    """A weak ETag from the version of the base and the number of loads, or from what is seen: asking again costs no scan."""
    now = f"{version(state.store)}-{load_count(state.store)}" if view is None else view.part
    return {
        "ETag": f'W/"{now}-{form.name}-{lang}"',
        "Cache-Control": "no-cache",
    }


def _told(row: dict[str, Any], root: str, fed: Fed | None) -> dict[str, Any]:
    """A load as the catalogue says it; where the file lay on the server's disk is not said.

    Who sees a part of the city is told what it fed of that, and nothing that speaks of the file as a whole.
    """
    if fed is not None:
        whole: dict[str, Any] = {name: None for name in row if name.startswith("n_")}
        whole |= {"seconds": None, "sha256": None, "crs_why": None, "findings": []}
        things = fed[row["dataset_id"]]
        row = row | whole | {"fed": [{"collection": c, "things": n} for c, n in things.items()]}
    return {
        "id": row["dataset_id"],
        "title": row["source_key"],
        "layer": row["layer"],
        "format": row["format"],
        "kind": row["kind"],
        "encoding": row["encoding"],
        "sha256": row["sha256"],
        "licence": row["licence"],
        "loaded": instant(row["loaded_at"]),
        "seconds": row["seconds"],
        "crs": {
            "found": row["crs_found"],
            "used": row["crs_used"],
            "why": row["crs_why"],
            "confidence": row["crs_confidence"],
            "heights": row["z_reference"],
        },
        "records": {
            name: row[f"n_{name}"]
            for name in (
                "in",
                "loaded",
                "changed",
                "merged",
                "unchanged",
                "quarantined",
                "repaired",
                "gone",
            )
        },
        "findings": row["findings"] or [],
        "collections": [
            {**fed, "href": f"{root}/collections/{fed['collection']}"} for fed in row["fed"]
        ],
        "links": [link(f"{root}/datasets/{row['dataset_id']}", "self")],
    }
