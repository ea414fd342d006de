"""Edits of standard addresses: each is in the base, and seen by all who ask, when it is answered."""

from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from address.codes import split_code
from api.access import View, view_of, whole_only
from api.address_edits import Edits, meaning_of, moment_of
from api.deps import State, only, parse_text, parse_time, parse_whole
from api.gazetteers import faults_of
from api.models import answer
from twin.store.read import rows

__all__ = ["router"]

router = APIRouter(tags=["addresses"])
NO_STORE: Final = {"Cache-Control": "no-store"}
MOST_EVENTS: Final = 1_000


TOLD: Final = ("node_id", "level", "name", "full", "code", "lon", "lat", "z", "status")


class EditIn(BaseModel):
    """One edit. Nodes are given by id, code, or an address that means exactly one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"event": "insert", "parent": "江北街道临江大道", "level": "number", "name": "37号", "lon": 114.086,
                 "lat": 30.4785, "actor": "地名办"},
                {"event": "rename", "node": "江北街道临江大道", "name": "滨江大道", "at": "2026-07-01", "actor": "地名办"},
                {"event": "retire", "node": "临江大道9号", "into": ["临江大道11号"], "actor": "地名办"},
                {"event": "merge", "node": "旧街", "into": ["新街"], "actor": "地名办"},
                {"event": "split", "node": "临江大道", "into": ["临江东路", "临江西路"],
                 "shares": ["1-99=临江东路", "*=临江西路"], "actor": "地名办"},
            ]
        },
    )  # fmt: skip
    event: Literal["insert", "rename", "retire", "merge", "split"]
    actor: str = Field(
        min_length=1, max_length=200, description="Who does it; kept with the event."
    )
    at: str | None = Field(None, description="Since when it is so; now when absent.")
    node: str | None = Field(None, max_length=200, description="What is edited (not for insert).")
    parent: str | None = Field(None, max_length=200, description="insert: what it lies below.")
    level: str | None = Field(None, description="insert: road, number, building …")
    name: str | None = Field(None, description="insert, rename: 37号, 滨江大道 …")
    aliases: list[str] = Field([], max_length=20, description="insert: further names.")
    lon: float | None = Field(None, ge=-180, le=180, description="Degrees, EPSG:4490.")
    lat: float | None = Field(None, ge=-90, le=90, description="Degrees, EPSG:4490.")
    z: float | None = Field(None, description="Metres above the ellipsoid.")
    into: list[str] = Field(
        [], max_length=50,
        description="retire: what replaces it; merge: what it goes into; split: names of the new ones.",
    )  # fmt: skip
    shares: list[str] = Field(
        [], max_length=10_000,
        description="split: CHILDREN=NAME; children by id, name, range (1-99, 1-99单), 单, 双, or * for the rest.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {
            "insert": ("parent", "level", "name"), "rename": ("node", "name"), "retire": ("node",),
            "merge": ("node", "into"), "split": ("node", "into"),
        }[self.event]  # fmt: skip
        for name in needed:
            if not getattr(self, name):
                raise ValueError(f"{self.event} needs {' and '.join(needed)}")
        if self.event == "merge" and len(self.into) != 1:
            raise ValueError("merge needs exactly one address in into")
        if (self.lon is None) != (self.lat is None):
            raise ValueError("lon and lat go together")
        return self


class EditOut(BaseModel):
    """What an edit did."""

    event: str
    node_id: str
    full: str
    before: str | None = Field(description="The whole string before.")
    into: list[str] = Field(description="Ids of what came after it.")
    touched: int = Field(description="Nodes that changed with it.")
    moved: list[str] = Field(description="Ids that hang under another node now.")


@router.post(
    "/address/edits", summary="Edit one address", status_code=201,
    responses={201: {"model": EditOut}},
)  # fmt: skip
def edit(given: EditIn, request: Request, state: State) -> Response:
    """Insert, rename, retire, merge or split one address (role operator).

    In the base and in the index of every process when it is answered; kept as an event with its actor.
    """
    only(request, {"f", "lang"})
    whole_only(request)
    with state.editing_addresses(given.actor, moment_of(given.at)) as edits:
        said = _done(edits, given)
    return answer(said, status=201, headers=NO_STORE)


def _done(edits: Edits, given: EditIn) -> dict[str, Any]:
    node, name = given.node or "", given.name or ""
    match given.event:
        case "insert":
            place = (
                None if given.lon is None or given.lat is None else (given.lon, given.lat, given.z)
            )
            return edits.add(given.parent or "", given.level or "", name, place, given.aliases)
        case "rename":
            return edits.rename(node, name)
        case "retire":
            return edits.retire(node, given.into)
        case "merge":
            return edits.merge(node, given.into[0])
        case "split":
            return edits.split(node, given.into, given.shares)


@router.get("/address/edits", summary="What happened to addresses")
def events(
    request: Request,
    state: State,
    since: Annotated[str | None, Query(description="RFC 3339 time.")] = None,
    limit: Annotated[str | None, Query(description="At most so many (1000 at most).")] = None,
) -> Response:
    """Events, newest first, each with its actor."""
    only(request, {"since", "limit", "f", "lang"})
    whole_only(request)
    after = None if since is None else parse_time(since, "since")
    found = rows(state.store, "address_events", since=after, node_id=None)
    return answer(
        {"events": found[: parse_whole(limit, "limit", 100, 1, MOST_EVENTS)]}, headers=NO_STORE
    )


@router.get("/address/nodes/{node_id}", summary="One address, now and before")
def node(node_id: str, request: Request, state: State) -> Response:
    """A node of any time, by its id or a code it ever had: itself, every code, every event."""
    only(request, {"f", "lang"})
    wanted = parse_text(node_id, "node_id", 80)
    found = meaning_of(state.store, wanted)
    if (view := view_of(request)) is not None:
        found = _narrowed(found, wanted, view)
    return answer(found, headers=NO_STORE)


def _narrowed(found: dict[str, Any], wanted: str, view: View) -> dict[str, Any]:
    """The node without its history, which names others; as unknown where it is not seen."""
    node = found["node"]
    nodes = view.nodes([node["node_id"]])
    text = "".join(split_code(wanted) or ()) or wanted.strip()
    view.expect(bool(nodes), f"there never was an address node {text!r}")
    told = {name: node[name] for name in TOLD if name in node} | {"eid": nodes[node["node_id"]]}
    return {"node": told, "codes": found["codes"], "events": []}


@router.get("/address/faults", summary="What is wrong with the gazetteers that were loaded")
def faults(request: Request, state: State) -> Response:
    """Duplicates, orphans, holes in numbering, places, spellings: as `twin address check` has them."""
    only(request, {"f", "lang"})
    whole_only(request)
    return answer(faults_of(state.store), headers=NO_STORE)
