"""Standard addresses (地名地址): text to place, place to text, completion, parts."""

from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from address import Match, parse, standardise
from address.compare import compare
from address.model import changed
from api.access import View, view_of
from api.deps import (
    Lang,
    Language,
    State,
    ValidAt,
    only,
    parse_degrees,
    parse_metres,
    parse_text,
    parse_time,
    parse_whole,
)
from api.models import answer

__all__ = ["narrowed", "router"]

MOST_SUGGESTED = 500
router = APIRouter(tags=["addresses"])
AddressText = Annotated[str | None, Query(description="An address as people write it.")]
Degrees = Annotated[str | None, Query(description="Degrees, EPSG:4490.")]


@router.get("/geocode", summary="From address to place")
def geocode(
    request: Request,
    state: State,
    lang: Lang,
    q: AddressText = None,
    lon: Degrees = None,
    lat: Degrees = None,
    valid_at: ValidAt = None,
) -> Response:
    """The standard address a text means, with its place; never an invented one.

    ``lon`` and ``lat`` say where the asker is: of several equal answers the nearest comes first. ``valid_at`` asks the
    addresses of that time; without it former names and retired addresses lead to what is there now, with a fault
    that says so.
    """
    only(request, {"q", "lon", "lat", "valid_at", "lang", "f"})
    text = parse_text(q, "q")
    focus = _focus(lon, lat)
    then = parse_time(valid_at, "valid_at") if valid_at else None
    with state.addresses(then) as (_, told):
        found = told.geocode(text, focus)
    if (view := view_of(request)) is not None:
        found = narrowed(found, view)
    return answer({"query": text, **_match(found, lang)}, language=lang)


@router.get("/reverse", summary="From place to address")
def reverse(
    request: Request,
    state: State,
    lang: Lang,
    lon: Degrees = None,
    lat: Degrees = None,
    z: Annotated[
        str | None, Query(description="Metres above the ellipsoid; reaches floor and room.")
    ] = None,
) -> Response:
    """The address at a place."""
    only(request, {"lon", "lat", "z", "lang", "f"})
    east, north = parse_degrees(lon, "lon", 180), parse_degrees(lat, "lat", 90)
    height = None if z is None else parse_metres(z, "z")
    with state.addresses() as (index, _):
        found = index.reverse(east, north, height)
    if (view := view_of(request)) is not None:
        found = narrowed(found, view)
    return answer(
        {"query": {"lon": east, "lat": north, "z": height}, **_match(found, lang)}, language=lang
    )


@router.get("/suggest", summary="Complete an address")
def suggest(
    request: Request,
    state: State,
    q: AddressText = None,
    limit: Annotated[str | None, Query(description="At most so many (50 at most).")] = None,
    lon: Degrees = None,
    lat: Degrees = None,
) -> Response:
    """Completions of what is being typed: characters, pinyin or initials; near ``lon``, ``lat`` first."""
    only(request, {"q", "limit", "lon", "lat", "lang", "f"})
    text = parse_text(q, "q")
    most, focus = parse_whole(limit, "limit", 10, 1, 50), _focus(lon, lat)
    view = view_of(request)
    with state.addresses() as (index, _):
        found = index.suggest(text, most if view is None else MOST_SUGGESTED, focus)
    if view is not None:
        nodes = view.nodes(entry.node_id for entry in found)
        found = [entry for entry in found if entry.node_id in nodes][:most]
    return answer({"query": text, "suggestions": found})


@router.get("/address/parse", summary="Parts of an address")
def parts(request: Request, q: AddressText = None) -> Response:
    """The parts a text is made of and the text as the standard writes it; no gazetteer is asked."""
    only(request, {"q", "lang", "f"})
    text = parse_text(q, "q")
    return answer({"query": text, "elements": parse(text), "standard": standardise(text)})


@router.get("/address/compare", summary="Whether two texts mean one address")
def comparison(
    request: Request,
    a: AddressText = None,
    b: Annotated[str | None, Query(description="Another address.")] = None,
) -> Response:
    """The relation of two texts, their likeness, and both taken apart; no gazetteer is asked."""
    only(request, {"a", "b", "lang", "f"})
    left, right = parse_text(a, "a"), parse_text(b, "b")
    found = compare(left, right)
    told = {entry.name: getattr(found, entry.name) for entry in fields(found)}
    return answer(
        {"a": left, "b": right, **told, "elements": {"a": parse(left), "b": parse(right)}}
    )


def narrowed(found: Match, view: View) -> Match:
    """An answer of what a caller sees alone: where that is nothing, the answer to a text that means nothing here."""
    nodes = view.nodes([found.node_id or "", *(other.node_id for other in found.alternatives)])
    alternatives = tuple(other for other in found.alternatives if other.node_id in nodes)
    if found.node_id in nodes:
        faults = found.faults if len(alternatives) == len(found.alternatives) else ()
        eid = nodes[found.node_id]
        return changed(found, eid=eid, faults=faults, alternatives=alternatives)
    return Match("none", elements=found.elements)


def _focus(lon: str | None, lat: str | None) -> tuple[float, float] | None:
    if lon is None and lat is None:
        return None
    return parse_degrees(lon, "lon", 180), parse_degrees(lat, "lat", 90)


def _match(found: Match, language: Language) -> dict[str, Any]:
    content: dict[str, Any] = {entry.name: getattr(found, entry.name) for entry in fields(found)}
    names = ("code", "level", "given", "used", "penalty")
    content["faults"] = [
        {name: getattr(fault, name) for name in names} | {"text": fault.say(language)}
        for fault in found.faults
    ]
    place = found.location
    return content | {
        "lon": place.lon if place else None,
        "lat": place.lat if place else None,
        "z": place.z if place else None,
    }
