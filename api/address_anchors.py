"""What a matched address says of the place of a case or sensor."""

from typing import Any, Final

import orjson

from address import Match
from twin.ingest.anchoring import MATCHED

__all__ = ["FARTHEST_M", "NOWHERE", "named_place"]

FARTHEST_M: Final = 1_500.0
"""An address that is known no better than this is no anchor for a case."""
NOWHERE: Final[dict[str, Any]] = dict.fromkeys(MATCHED.names)


def named_place(found: Match) -> dict[str, Any]:
    """A row of :data:`twin.ingest.anchoring.MATCHED`: all None where nothing is named, or too vaguely."""
    place = found.location
    if place is None or place.error_m > FARTHEST_M:
        return NOWHERE
    evidence = {"address": found.status, "method": place.method, "error_m": place.error_m}
    return {
        "node_id": found.node_id,
        "lon": place.lon,
        "lat": place.lat,
        "confidence": found.confidence,
        "evidence": orjson.dumps(evidence).decode(),
    }
