"""Questions to the address engine from the command line."""

from collections.abc import Sequence
from typing import Any

from address import AddressIndex, Match
from twin.city import City
from twin.errors import NotFoundError
from twin.ingest.binding import address_nodes
from twin.store import Store

__all__ = ["geocode_texts", "reverse_places"]


def geocode_texts(city: City, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Status, standard address, place and confidence of each text."""
    index = _index(city)
    return [_plain(text, index.geocode(text)) for text in texts]


def reverse_places(
    city: City, places: Sequence[tuple[float, float, float | None]]
) -> list[dict[str, Any]]:
    """The address of each place (degrees, metres above the ellipsoid)."""
    index = _index(city)
    return [
        _plain(",".join(str(v) for v in place if v is not None), index.reverse(*place))
        for place in places
    ]


def _index(city: City) -> AddressIndex:
    with Store.open(city, read_only=True) as store:
        nodes = address_nodes(store)
    if nodes.num_rows == 0:
        raise NotFoundError(
            f"{city.path} has no addresses yet: load a gazetteer table with `twin load`"
        )
    return AddressIndex.from_nodes(nodes)


def _plain(query: str, match: Match) -> dict[str, Any]:
    place = match.location
    return {
        "query": query,
        "status": match.status,
        "id": match.node_id,
        "eid": match.eid,
        "full": match.full,
        "level": match.level,
        "confidence": match.confidence,
        "faults": [f.text for f in match.faults],
        "location": place
        and {
            "lon": place.lon,
            "lat": place.lat,
            "z": place.z,
            "method": place.method,
            "error_m": place.error_m,
        },
    }
