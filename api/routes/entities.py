"""Everything about one thing, and what it was before."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.access import View, view_of
from api.deps import KnownAt, Lang, State, ValidAt, base_url, only, parse_moment
from api.errors import BY_STATUS, problem
from api.models import GEOJSON, answer, fragment, instant, link
from api.ogc.question import checked_eid
from api.state import CityState
from twin.errors import NotFoundError
from twin.store.read import ItemQuery, Moment, cards, geojson_of, items, rows

__all__ = ["router"]

router = APIRouter(tags=["entities"])
MOST = 500
"""Largest number of relations, streams, cases … listed; the collections give the rest."""

EntityId = Annotated[str, Path(description="UUID of the thing, as the base issued it.")]
UPWARD = ("part_of", "located_in")


@router.get("/entities/{eid}", summary="Everything about one thing")
def one_entity(
    eid: EntityId,
    request: Request,
    state: State,
    lang: Lang,
    valid_at: ValidAt = None,
    known_at: KnownAt = None,
) -> Response:
    """Attributes, other ids, shape, anchor, relations, sources, history, streams, cases.

    An id that was issued once never becomes unknown: where the thing is no more, the answer is
    410 with its last state and what came after it.
    """
    only(request, {"valid_at", "known_at", "lang", "f"})
    wanted = checked_eid(eid)
    moment = parse_moment(valid_at, known_at)
    view = view_of(request)
    if view is not None and not view.sight.has(wanted):
        raise _unknown(wanted)
    classes = None if view is None or view.reach.classes is None else sorted(view.reach.classes)
    page = items(state.store, ItemQuery(None, moment, limit=1, eids=[wanted], classes=classes))
    if not page.things.num_rows:
        return _absent(request, state, wanted, moment, view)
    thing = page.things.drop_columns(["wkb"]).to_pylist()[0]
    card = cards(state.store, [wanted], moment.now).get(wanted)
    content = _head(state, thing) | {
        "geometry": fragment(geojson_of(page.things)[0]),
        "bbox": _bbox(card or thing),
    }
    content |= _surroundings(state, wanted, view) | _evidence(state, wanted, view)
    root = base_url(request)
    content["links"] = [
        link(f"{root}/entities/{wanted}", "self"),
        link(f"{root}/entities/{wanted}/history", "version-history"),
        link(f"{root}/collections/{thing['collection']}/items/{wanted}", "alternate", GEOJSON),
    ]
    return answer(content, language=lang)


@router.get("/entities/{eid}/history", summary="States of one thing")
def entity_history(eid: EntityId, request: Request, state: State, lang: Lang) -> Response:
    """Every state the base has held, newest knowledge first, and the lineage of the id."""
    only(request, {"lang", "f"})
    wanted = checked_eid(eid)
    view = view_of(request)
    if view is not None and not view.sight.has(wanted):
        raise _unknown(wanted)
    states, lineage = _history(state, wanted, view), _lineage(state, wanted, view)
    if not states and not lineage:
        raise _unknown(wanted)
    return answer({"eid": wanted, "states": states, "lineage": lineage}, language=lang)


def _head(state: CityState, thing: dict[str, Any]) -> dict[str, Any]:
    info = state.collections().get(thing["collection"])
    label = (
        next((entry for entry in info.classes if entry.code == thing["class_code"]), None)
        if info
        else None
    )
    plain = (
        "eid",
        "name",
        "class_code",
        "edition",
        "collection",
        "height_m",
        "floors",
        "lifecycle",
    )
    times = ("valid_from", "valid_to", "known_from", "known_to")
    return {
        **{name: thing[name] for name in plain},
        "class": {"zh": label.zh, "en": label.en, "color": label.color} if label else None,
        **{name: instant(thing[name]) for name in times},
        "attributes": fragment(thing["attributes"]) or {},
    }


def _bbox(thing: dict[str, Any]) -> list[float] | None:
    if thing["xmin"] is None:
        return None
    if thing["zmin"] is None:
        return [thing[name] for name in ("xmin", "ymin", "xmax", "ymax")]
    return [thing[name] for name in ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")]


def _surroundings(state: CityState, eid: str, view: View | None) -> dict[str, Any]:
    """Where it stands, what it belongs to, what is measured and reported on it."""
    store = state.store
    relations = rows(store, "relations_of", eid=eid, limit=MOST)
    streams = rows(store, "streams_of", eid=eid, limit=MOST)
    cases = rows(store, "cases_of", eid=eid, limit=MOST)
    if view is not None:
        relations = view.rows_of(relations, "eid")
        streams = [row for row in streams if view.stream(row["id"])]
        desk = state.desk
        cases = [row for row in cases if view.case(desk.get(row["id"])) is not None]
    upward = [row for row in relations if row["kind"] in UPWARD]
    addresses = rows(store, "address_of", eid=eid, limit=MOST)
    return {
        "anchor": _anchor(state, eid, addresses, view),
        "addresses": addresses,
        "parent": next((row for row in upward if row["direction"] == "out"), None),
        "children": [row for row in upward if row["direction"] == "in"],
        "relations": relations,
        "streams": [row | {"time": instant(row["time"])} for row in streams],
        "cases": [
            row
            | {"reported_at": instant(row["reported_at"]), "closed_at": instant(row["closed_at"])}
            for row in cases
        ],
    }


def _anchor(
    state: CityState, eid: str, addresses: list[dict[str, Any]], view: View | None
) -> dict[str, Any] | None:
    found = rows(state.store, "anchor_of", kind="entity", id=eid)
    if not found:
        return None
    row = found[0]
    grid = (
        {"eid": row["grid_eid"], "code": row["grid_code"], "name": row["grid_name"]}
        if row["grid_eid"] and (view is None or view.sight.has(row["grid_eid"]))
        else None
    )
    own = addresses[0]["full"] if addresses else None
    kept = ("akind", "lon", "lat", "z", "ground_z", "method", "confidence", "reason")
    return {name: row[name] for name in kept} | {
        "grid": grid,
        "address": own or row["address"],
        "evidence": fragment(row["evidence"]) if view is None else None,
    }


def _evidence(state: CityState, eid: str, view: View | None) -> dict[str, Any]:
    """Where the knowledge comes from."""
    store = state.store
    representations = rows(store, "representations_of", eid=eid)
    kept = ("gid", "role", "lod", "cim_level", "asset", "mesh_id", "source")
    return {
        "aliases": [
            {"scheme": row["scheme"], "value": row["value"]}
            for row in rows(store, "aliases_of", eid=eid)
        ],
        "representations": [
            {name: row[name] for name in kept} | {"bbox": _bbox(row)} for row in representations
        ],
        "datasets": [
            row | {"loaded_at": instant(row["loaded_at"])}
            for row in rows(store, "datasets_of", eid=eid)
        ],
        "fusion": [
            row
            | {
                "at": instant(row["at"]),
                "evidence": fragment(row["evidence"]) if view is None else None,
            }
            for row in rows(store, "fusion_of", eid=eid, limit=MOST)
        ],
        "conflicts": [
            row | {"at": instant(row["at"])}
            for row in rows(store, "conflicts_of", eid=eid, limit=MOST)
        ],
        "history": _history(state, eid, view),
        "lineage": _lineage(state, eid, view),
    }


def _history(state: CityState, eid: str, view: View | None) -> list[dict[str, Any]]:
    times = ("valid_from", "valid_to", "known_from", "known_to")
    return [
        row
        | {name: instant(row[name]) for name in times}
        | {"attributes": fragment(row["attributes"])}
        for row in rows(state.store, "states_of", eid=eid)
        if view is None or view.reach.classes is None or row["class_code"] in view.reach.classes
    ]


def _lineage(state: CityState, eid: str, view: View | None) -> list[dict[str, Any]]:
    found = rows(state.store, "lineage_of", eid=eid)
    if view is not None:
        found = view.rows_of(found, "from_eid", "to_eid")
    return [row | {"at": instant(row["at"])} for row in found]


def _unknown(eid: str) -> NotFoundError:
    return NotFoundError(
        f"{eid} was never issued in this city. "
        "Codes, names and addresses are looked up with /resolve?q=…"
    )


def _absent(
    request: Request, state: CityState, eid: str, moment: Moment, view: View | None
) -> Response:
    """Answer for an id that has no state at the asked time."""
    states, lineage = _history(state, eid, view), _lineage(state, eid, view)
    if not states and not lineage:
        raise _unknown(eid)
    after = [row for row in lineage if row["from_eid"] == eid]
    asked = instant(moment.valid_at or moment.known_at or moment.now)
    starts = [row["valid_from"] for row in states if row["valid_from"]]
    if starts and asked is not None and min(starts) > asked:
        raise NotFoundError(
            f"{eid} was not there yet at {asked}: its first state begins {min(starts)}."
        )
    follows = "; it goes on as " + ", ".join(row["to_eid"] for row in after) if after else ""
    return problem(
        request,
        BY_STATUS[410],
        f"{eid} is no more at {asked}{follows}. "
        f"Its states stay readable at /entities/{eid}/history and with valid_at=.",
        successors=[
            {"eid": row["to_eid"], "kind": row["kind"], "href": f"/entities/{row['to_eid']}"}
            for row in after
        ],
        lineage=lineage,
        last_state=states[0] if states else None,
    )
