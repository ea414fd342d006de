"""Create, replace, update and delete items (OGC API – Features Part 4), with ETags as locks."""

from typing import Any, Final

import numpy as np
import orjson
import shapely
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.access import may_write, reach_of
from api.deps import base_url, language, only
from api.ogc.drafts import draft, feature_of, merged, permitted
from api.ogc.envelope import feature_tag, state_of
from api.ogc.formats import GEOJSON
from api.ogc.question import checked_eid, known
from api.ogc.readers import reader_at
from api.ogc.systems import System, offered, system
from api.state import CityState, CollectionInfo
from twin import crs
from twin.errors import InvalidRequestError, NotFoundError
from twin.features.asking import Reader
from twin.features.editing import Draft, editing
from twin.heights import Heights

__all__ = [
    "PATCHES",
    "READ",
    "WRITE_ITEM",
    "WRITE_ITEMS",
    "create",
    "options",
    "remove",
    "replace",
    "update",
]

READ: Final = ("GET", "HEAD", "OPTIONS")
WRITE_ITEMS: Final = ("POST",)
WRITE_ITEM: Final = ("PUT", "PATCH", "DELETE")
BODIES: Final = (GEOJSON.media, "application/json")
PATCHES: Final = ("application/merge-patch+json", *BODIES)
_NO_STORE: Final = {"Cache-Control": "no-store"}


async def create(request: Request) -> Response:
    """``POST …/items``: a new item; 201 with its address."""
    body = await request.body()
    return await run_in_threadpool(_create, request, request.app.state.city_state, body)


async def replace(request: Request) -> Response:
    """``PUT …/items/{featureId}``: a new state instead of the one it has."""
    body = await request.body()
    return await run_in_threadpool(_change, request, request.app.state.city_state, body)


async def update(request: Request) -> Response:
    """``PATCH …/items/{featureId}``: some members, as a merge patch (RFC 7396)."""
    body = await request.body()
    return await run_in_threadpool(_change, request, request.app.state.city_state, body)


async def remove(request: Request) -> Response:
    """``DELETE …/items/{featureId}``: it ends; its past stays."""
    return await run_in_threadpool(_remove, request, request.app.state.city_state)


async def options(request: Request) -> Response:
    """``OPTIONS``: which methods the caller may use here."""
    writes = WRITE_ITEM if "featureId" in request.path_params else WRITE_ITEMS
    known(request, request.app.state.city_state, request.path_params["collectionId"])
    allowed = [*READ, *(writes if may_write(request) else ())]
    headers = {"Allow": ", ".join(allowed)}
    if "PATCH" in allowed:
        headers["Accept-Patch"] = PATCHES[0]
    return Response(status_code=200, headers=headers)


def _create(request: Request, state: CityState, body: bytes) -> Response:
    info, where = _begun(request, state, BODIES)
    feature = feature_of(body)
    made = draft(feature, info, where)
    reader = reader_at(state, state.moment())
    permitted(reach_of(request), made, _degrees(made))
    named = feature.get("id")
    with _edit(state) as edit:
        eid = edit.create(info.id, made, None if named is None else str(named)[:200])
    location = f"{base_url(request)}/collections/{info.id}/items/{eid}"
    headers = {"Location": location, **_NO_STORE, **_tag(request, reader, info.id, eid)}
    return Response(orjson.dumps({"id": eid, "href": location}), 201, headers, "application/json")


def _change(request: Request, state: CityState, body: bytes) -> Response:
    patching = request.method == "PATCH"
    info, where = _begun(request, state, PATCHES if patching else BODIES)
    eid = checked_eid(request.path_params["featureId"])
    given = feature_of(body)
    reader, reach = reader_at(state, state.moment()), reach_of(request)
    with _edit(state) as edit:
        current = reader.one(info.id, eid, reach)
        _locked(request, state, current, info.id, eid)
        assert current is not None  # noqa: S101 -- 404 otherwise
        if patching:
            if "geometry" not in given:
                where = _stored(state, info)  # the shape it has stays in the coordinates it has
            given = _patched(bytes(current), given)
        made = draft(given, info, where)
        permitted(reach, made, _degrees(made))
        edit.replace(info.id, eid, made)
    return Response(status_code=204, headers={**_NO_STORE, **_tag(request, reader, info.id, eid)})


def _remove(request: Request, state: CityState) -> Response:
    only(request, {"f", "lang"})
    info = known(request, state, request.path_params["collectionId"])
    eid = checked_eid(request.path_params["featureId"])
    reader, reach = reader_at(state, state.moment()), reach_of(request)
    with _edit(state) as edit:
        current = reader.one(info.id, eid, reach)
        _locked(request, state, current, info.id, eid)
        edit.end(info.id, eid)
    return Response(status_code=204, headers=_NO_STORE)


def _edit(state: CityState) -> Any:  # noqa: ANN401 -- context manager of Edit
    return editing(state.store, Heights(state.city.undulation))


def _begun(
    request: Request, state: CityState, medias: tuple[str, ...]
) -> tuple[CollectionInfo, System]:
    """The collection written to and the system of the body's coordinates."""
    only(request, {"f", "lang"})
    info = known(request, state, request.path_params["collectionId"])
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in medias:
        raise HTTPException(
            415,
            f"Content-Type {media[:60]!r}: expected {' or '.join(medias)}.",
            {"Accept-Patch" if request.method == "PATCH" else "Accept": ", ".join(medias)},
        )
    given = request.headers.get("content-crs")
    if given is None:
        return info, _stored(state, info)
    return info, system(given, "Content-Crs", offered(state.city, info))


def _stored(state: CityState, info: CollectionInfo) -> System:
    """Degrees, longitude first, heights as given."""
    return next(one for one in offered(state.city, info).values() if one.stored and not one.flat)


def _locked(
    request: Request,
    state: CityState,
    current: bytes | memoryview | None,
    collection: str,
    eid: str,
) -> None:
    """Hold a request's If-Match against what is there, before anything is written (RFC 9110, 13.1.1).

    Raises
    ------
    NotFoundError, HTTPException
        404; 412 where the state is another; 428 where a lock is needed and none is given.
    """
    given = request.headers.get("if-match")
    if given is None:
        if current is None:
            raise NotFoundError(
                f"No item {eid} in {collection} now; /entities/{eid} tells what became of an id that was once issued."
            )
        if state.settings.edit_lock and request.method != "DELETE":
            raise HTTPException(
                428,
                f"Send If-Match with the ETag of the state you {request.method.lower()}: GET the item for it.",
            )
        return
    if current is not None and given.strip() == "*":
        return
    tags = [tag.strip() for tag in given.split(",")]
    now = None if current is None else state_of(current)
    if now is None or not any(
        tag.startswith('"') and tag[1:].partition(".")[0] == now for tag in tags
    ):
        raise HTTPException(
            412,
            "The item is not in the state that If-Match names: GET it again, and repeat the change on that.",
        )


def _patched(current: bytes, patch: dict[str, Any]) -> dict[str, Any]:
    """The current feature with a patch applied."""
    feature = orjson.loads(current)
    inside = patch.get("properties")
    named = patch.get("id"), inside.get("eid") if isinstance(inside, dict) else None
    if any(name is not None and name != feature["id"] for name in named):
        raise InvalidRequestError("id: the id of an item never changes; leave it out.", "id")
    patch = {name: value for name, value in patch.items() if name != "id"}
    if "geometry" in patch:  # a geometry is one value, not members to be mixed
        feature["geometry"] = patch.pop("geometry")
    out: dict[str, Any] = merged(feature, patch)
    return out


def _degrees(made: Draft) -> shapely.Geometry | None:
    if made.shape is None:
        return None
    found: shapely.Geometry = crs.transform_shapes(made.crs, np.array([made.shape], dtype=object))[
        0
    ]
    return found


def _tag(request: Request, reader: Reader, collection: str, eid: str) -> dict[str, str]:
    feature = reader.one(collection, eid, reach_of(request))
    if feature is None:
        return {}
    return {"ETag": feature_tag(request, feature, GEOJSON, language(request))}
