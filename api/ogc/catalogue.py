"""The catalogue of datasets: every load with its source, licence, the evidence for its system, its balance, what it fed."""

from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.access import whole_only
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

router = APIRouter(include_in_schema=False, dependencies=[Depends(whole_only)])
MOST: Final = 1000
DEFAULT: Final = 100


@router.get("/datasets")
def datasets(request: Request, state: State, lang: Lang) -> Response:
    """Loads, newest first."""
    only(request, {"f", "lang", "limit", "offset"})
    form = wanted(request, DOCUMENTS)
    given, root = request.query_params, base_url(request)
    limit = parse_whole(given.get("limit"), "limit", DEFAULT, 1, MOST)
    start = parse_whole(given.get("offset"), "offset", 0, 0, 2**53)
    headers = _tag(state, form, lang)
    if is_known(request, headers["ETag"].removeprefix("W/")):
        return Response(status_code=304, headers=headers)
    found = [_told(row, root) for row in loads(state.store, limit, start)]
    matched = load_count(state.store)
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
    row = load_of(state.store, checked_eid(datasetId))
    if row is None:
        raise NotFoundError(f"No dataset {datasetId[:60]!r}; /datasets lists them.")
    headers = _tag(state, form, lang)
    if is_known(request, headers["ETag"].removeprefix("W/")):
        return Response(status_code=304, headers=headers)
    content = _told(row, root) | {"quarantine": reasons(state.store, row["dataset_id"])}
    content["links"] = [
        link(f"{root}/datasets/{row['dataset_id']}", "self", form.media),
        *alternates(request, form, DOCUMENTS, lang == "zh"),
        link(f"{root}/datasets", "collection"),
    ]
    if form is HTML:
        return pages.dataset(request, state, content, lang, headers)
    return answer(content, language=lang, headers=headers)


def _tag(state: CityState, form: Format, lang: str) -> dict[str, str]:
    """A weak ETag from the version of the base and the number of loads: asking again costs no scan."""
    now = f"{version(state.store)}-{load_count(state.store)}"
    return {
        "ETag": f'W/"{now}-{form.name}-{lang}"',
        "Cache-Control": "no-cache",
    }


def _told(row: dict[str, Any], root: str) -> dict[str, Any]:
    """A load as the catalogue says it; where the file lay on the server's disk is not said."""
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
