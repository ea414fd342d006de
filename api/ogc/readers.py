"""Who answers a question about collections: arenas for the present, the base for any other moment."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Final

from starlette.requests import Request

from api.access import View, caller_of
from api.state import CityState
from twin.arena import Pinned
from twin.errors import NotReadyError
from twin.features.asking import Field, Reader
from twin.features.stored import StoredReader
from twin.features.values import RESERVED
from twin.store.read import Moment

__all__ = ["PINNED", "is_quick", "pinned", "reader_at", "reader_of", "told"]

_SLOW: Final = frozenset(
    {"bbox-crs", "crs", "datetime", "filter-crs", "known_at", "properties", "sortby", "valid_at"}
)
PINNED: Final = "citytwin.pinned"
"""In a scope: the collection it asks about as it is, once for all that is asked of it."""
MOMENTS: Final = 16
"""Moments whose readers are kept, with the fields they found."""
_kept: "OrderedDict[Hashable, StoredReader]" = OrderedDict()
_lock = threading.Lock()


def reader_at(state: CityState, moment: Moment) -> Reader:
    """The reader of a moment."""
    if moment.is_present:
        return state.present
    key = (id(state.store), moment.valid_at, moment.known_at, moment.since, moment.until)
    with _lock:
        found = _kept.pop(key, None) or StoredReader(state.store, moment)
        _kept[key] = found
        while len(_kept) > MOMENTS:
            _kept.popitem(last=False)
    return found


def pinned(request: Request) -> Pinned | None:
    """The collection a request asks about, where :func:`is_quick` has found it in mapped memory."""
    found: Pinned | None = request.scope.get(PINNED)
    return found


def reader_of(request: Request, state: CityState, moment: Moment) -> Reader:
    """The reader of a moment for a request about one collection."""
    found = pinned(request) if moment.is_present else None
    return found or reader_at(state, moment)


def is_quick(request: Request, state: CityState) -> bool:
    """Whether a request may be answered from mapped memory in less time than another thread costs."""
    given = request.query_params
    if not _SLOW.isdisjoint(given.keys()):
        return False
    if given.get("f", "json") != "json" or "html" in request.headers.get("accept", ""):
        return False
    if caller_of(request).grant.is_limited:
        return False  # what he sees may have to be found first
    try:
        found = state.present.arenas.pinned(request.path_params["collectionId"])
    except NotReadyError:
        return False
    request.scope[PINNED] = found
    return True


def told(fields: Mapping[str, Field], collection: str, view: View | None) -> Mapping[str, Field]:
    """Fields as a caller is told of them: where he sees a part of the city, those of what he sees, without values."""
    if view is None:
        return fields
    carried = view.attributes(collection)
    return {
        name: replace(field, values=())
        for name, field in fields.items()
        if name in RESERVED or name in carried
    }
