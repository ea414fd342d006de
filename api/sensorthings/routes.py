"""Routes of SensorThings: everything below ``/v1.1``."""

from typing import Annotated, Any, Final

import orjson
from anyio import to_thread
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.access import view_of, whole_only
from api.deps import State, base_url, only
from api.sensorthings.batches import Reply
from api.state import CityState
from twin.errors import InvalidRequestError
from twin.sensorthings.narrowing import Part

__all__ = ["BASE", "create", "response_to", "root_of", "router"]

router = APIRouter(tags=["sensorthings"])
BASE: Final = "/v1.1"
Below = Annotated[
    str,
    Path(
        description="Entity set, entity or property, such as Things(1)/Datastreams or Datastreams(7)/Observations",
        examples=["Things"],
    ),
]
_OBJECT: Final[dict[str, Any]] = {"schema": {"type": "object"}}
_ANSWER: Final[dict[int | str, Any]] = {
    200: {"description": "As OGC 18-088 writes it", "content": {"application/json": _OBJECT}}
}
_OPTIONS: Final = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": "string"},
        "description": text,
        **example,
    }
    for name, text, example in (
        (
            "$filter",
            "Condition, such as result gt 5 and phenomenonTime ge 2026-07-01T00:00:00Z",
            {},
        ),
        ("$expand", "Links whose entities are wanted with it, such as Observations($top=1)", {}),
        ("$select", "Properties wanted", {"example": "name"}),
        ("$orderby", "Properties to sort by, each with asc or desc", {}),
        ("$top", "At most so many", {"example": "10"}),
        ("$skip", "How many to pass over", {}),
        ("$count", "true: say how many there are", {"example": "true"}),
        ("$resultFormat", "dataArray: observations as arrays", {}),
    )
]
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {},
                "example": {
                    "name": "井盖 17",
                    "description": "燃气阀井",
                    "properties": {"owner": "燃气公司"},
                },
            }
        },
    }
}


@router.get(BASE, summary="SensorThings 1.1: the entity sets", responses=_ANSWER)
def service_root(request: Request, state: State) -> Response:
    """The entity sets of OGC SensorThings 1.1, and the requirement classes this service holds to."""
    only(request, {"f", "lang"})
    return response_to(state.sensorthings.root(root_of(request)))


@router.get(
    BASE + "/{path:path}",
    summary="SensorThings 1.1: read",
    responses=_ANSWER,
    openapi_extra={"parameters": _OPTIONS},
)
def read(request: Request, state: State, path: Below) -> Response:
    """An entity, a set of them, a property, or what they lead to; all query options of the standard."""
    view = view_of(request)
    part = None if view is None else Part(view.catalogue.ids[view.streams], view.reach.area)
    return response_to(state.sensorthings.get(path, request.url.query, root_of(request), part))


@router.post(
    BASE + "/{path:path}", summary="SensorThings 1.1: create", status_code=201, openapi_extra=_BODY
)
async def create(request: Request, state: State, path: Below) -> Response:
    """A new entity with all that hangs on it, data arrays (CreateObservations), or a batch ($batch).

    An observation is acknowledged when it is on disk.
    """
    return await _written(request, state, "post", path)


@router.patch(BASE + "/{path:path}", summary="SensorThings 1.1: update", openapi_extra=_BODY)
async def update(request: Request, state: State, path: Below) -> Response:
    """Change what the body names."""
    return await _written(request, state, "patch", path)


@router.put(BASE + "/{path:path}", summary="SensorThings 1.1: replace", openapi_extra=_BODY)
async def replace(request: Request, state: State, path: Below) -> Response:
    """Replace an entity: what the body does not name is taken away."""
    return await _written(request, state, "put", path)


@router.delete(BASE + "/{path:path}", summary="SensorThings 1.1: delete")
async def delete(request: Request, state: State, path: Below) -> Response:
    """Delete an entity and what cannot be without it."""
    return await _written(request, state, "delete", path)


async def _written(request: Request, state: CityState, method: str, path: str) -> Response:
    whole_only(request)
    body = None
    if method != "delete":
        given = request.headers.get("content-type", "application/json")
        kind = given.partition(";")[0].strip().lower()
        if kind == "application/json-patch+json" and method == "patch":
            method = "json-patch"
        elif kind != "application/json":
            raise InvalidRequestError(f"Content-Type {kind[:60]!r}: expected application/json.")
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise InvalidRequestError(f"The body is not JSON: {error}.") from error
    url = path if not request.url.query else f"{path}?{request.url.query}"
    reply = await to_thread.run_sync(state.sensorthings.handle, method, url, body, root_of(request))
    return response_to(reply)


def root_of(request: Request) -> str:
    """Address of the service as the client wrote it."""
    return f"{base_url(request)}{BASE}"


def response_to(reply: Reply) -> Response:
    """A reply as it is sent."""
    headers = {"Cache-Control": "no-store"}
    if reply.location is not None:
        headers["Location"] = reply.location
    if reply.content is None:
        return Response(status_code=reply.status, headers=headers)
    if reply.text:
        return Response(reply.content, reply.status, headers, "text/plain; charset=utf-8")
    return Response(orjson.dumps(reply.content), reply.status, headers, "application/json")
