"""Who answers a question about collections: the base at a moment."""

from starlette.requests import Request

from api.ogc.adapter import Adapter
from api.state import CityState
from twin.features.asking import EVERYTHING, Reach, Reader
from twin.store.read import Moment

__all__ = ["reach_of", "reader_at"]


def reader_at(state: CityState, moment: Moment) -> Reader:
    """The reader of a moment."""
    return Adapter(state.store, moment)


def reach_of(request: Request) -> Reach:
    """What the caller of a request may see."""
    reach: Reach = request.scope.get("reach", EVERYTHING)
    return reach
