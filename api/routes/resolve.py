"""From any identifier, code, name or address to the things it may mean."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import view_of
from api.deps import Lang, State, only, parse_text, parse_whole
from api.models import answer
from api.search import find, find_code
from twin.errors import InvalidRequestError

__all__ = ["router"]

router = APIRouter(tags=["search"])


@router.get("/resolve", summary="Resolve ids, codes, names and addresses")
def resolve(
    request: Request,
    state: State,
    lang: Lang,
    q: Annotated[
        str | None,
        Query(description="Id, 17-digit code, GlobalId, name, address, stream key, case number."),
    ] = None,
    code: Annotated[
        str | None, Query(description="An address code or node id of any time, instead of q.")
    ] = None,
    limit: Annotated[
        str | None, Query(description="At most so many candidates (50 at most).")
    ] = None,
) -> Response:
    """Ranked candidates, each with the reason it was found and its place.

    Ids that were issued once resolve for ever: what was merged, split or replaced leads to what
    came after it.
    """
    only(request, {"q", "code", "limit", "lang", "f"})
    view = view_of(request)
    if code is not None:
        if q is not None:
            raise InvalidRequestError("Give q or code, not both.", "code")
        given = parse_text(code, "code", 80)
        return answer(
            {"query": given, "candidates": find_code(state, given, lang, view)}, language=lang
        )
    text = parse_text(q, "q")
    most = parse_whole(limit, "limit", 10, 1, 50)
    return answer({"query": text, "candidates": find(state, text, most, lang, view)}, language=lang)
