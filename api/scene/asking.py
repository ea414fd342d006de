"""What is asked of the scene stream: parameters of an address, or a message of a WebSocket client."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.access.view import View
from api.deps import parse_bbox, parse_text, parse_time, parse_whole
from api.state import CityState
from twin.errors import InvalidRequestError, NotFoundError
from twin.live.channels import Question
from twin.live.state import WORDS

__all__ = ["ASKED", "Asked", "asked", "last_place", "question_of"]

QUESTION: Final = frozenset(
    {"bbox", "frustum", "subject", "class", "grid", "level", "values", "detail"}
)
ASKED: Final = QUESTION | {"since", "index", "rate", "from", "to", "speed"}
SLOWEST, FASTEST, USUAL = 0.1, 20.0, 2.0
FASTEST_PAST: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and how its answer is to come.

    Parameters
    ----------
    question : Question
    since, index : int, optional
        What the reader has.
    rate : float
        Messages a second at most.
    begin, end : datetime, optional
        Interval of the past, naive UTC.
    speed : float
        Seconds of the past in a second.
    """

    question: Question
    since: int | None
    index: int | None
    rate: float
    begin: datetime | None
    end: datetime | None
    speed: float


def question_of(
    state: CityState, view: View | None, layer: str, given: Mapping[str, str]
) -> Question:
    """The question of some parameters.

    Raises
    ------
    InvalidRequestError
        Naming the parameter that cannot be read.
    NotFoundError
        If there is no such layer.
    """
    if layer not in ("streams", "things") and layer not in state.seen(view):
        raise NotFoundError(
            f"there is no layer {layer[:80]!r}; layers are streams, things and the collections."
        )
    box = None
    if (text := given.get("bbox")) is not None:
        found = parse_bbox(text)
        if found.west > found.east:
            raise InvalidRequestError(f"bbox={text[:80]!r}: west lies east of east.", "bbox")
        box = found.west, found.south, found.east, found.north
    level = given.get("level", "nothing")
    if level not in WORDS:
        raise InvalidRequestError(
            f"level={level[:20]!r}: expected one of {', '.join(WORDS)}.", "level"
        )
    detail = given.get("detail", "features")
    if detail not in ("features", "grid", "auto"):
        raise InvalidRequestError(
            f"detail={detail[:20]!r}: expected features, grid or auto.", "detail"
        )
    values = given.get("values", "false")
    if values not in ("true", "false"):
        raise InvalidRequestError(f"values={values[:20]!r}: expected true or false.", "values")
    texts = {
        name: parse_text(given[name], name, 100) if name in given else None
        for name in ("subject", "class", "grid")
    }
    return Question(
        layer,
        box,
        _planes(given.get("frustum")),
        texts["subject"],
        texts["class"],
        texts["grid"],
        WORDS.index(level),
        values == "true" and layer == "streams",
        detail,
    )


def asked(
    state: CityState, view: View | None, layer: str, given: Mapping[str, str], last_id: str | None
) -> Asked:
    """The question of some parameters and how its answer is to come; ``last_id``: of Last-Event-ID.

    Raises
    ------
    InvalidRequestError, NotFoundError
        As of :func:`question_of`.
    """
    question = question_of(state, view, layer, given)
    since = parse_whole(given["since"], "since", 0, 0) if "since" in given else None
    index = parse_whole(given["index"], "index", 0, 0) if "index" in given else None
    if last_id is not None:
        since, index = last_place(last_id)
    begin = parse_time(given["from"], "from") if "from" in given else None
    end = parse_time(given["to"], "to") if "to" in given else None
    if begin is None and (end is not None or "speed" in given):
        raise InvalidRequestError("to and speed go with from: the past begins there.", "from")
    if begin is not None and end is not None and end <= begin:
        raise InvalidRequestError(f"to={given['to'][:40]!r}: expected a time after from.", "to")
    return Asked(
        question,
        since,
        index,
        number(given, "rate", USUAL, SLOWEST, FASTEST),
        begin,
        end,
        number(given, "speed", 1.0, 0.0, FASTEST_PAST),
    )


def last_place(text: str) -> tuple[int, int]:
    """Event number and index of a Last-Event-ID.

    Raises
    ------
    InvalidRequestError
        If it is none of this stream.
    """
    found = re.fullmatch(r"(\d{1,18})\.(\d{1,10})", text, re.ASCII)
    if found is None:
        raise InvalidRequestError(
            f"Last-Event-ID={text[:40]!r}: expected the id of an event of this stream, <number>.<index>.",
            "Last-Event-ID",
        )
    return int(found[1]), int(found[2])


def number(given: Mapping[str, Any], name: str, usual: float, low: float, high: float) -> float:
    """A number of a parameter.

    Raises
    ------
    InvalidRequestError
        If it is none, or outside ``low`` to ``high``.
    """
    text = given.get(name)
    if text is None:
        return usual
    try:
        found = float(text)
    except (TypeError, ValueError):
        found = math.nan
    if not low <= found <= high:
        raise InvalidRequestError(
            f"{name}={str(text)[:20]!r}: expected a number from {low:g} to {high:g}.", name
        )
    return found


def _planes(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    parts = text[:2000].split(",")
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        numbers = ()
    if len(numbers) != 24 or not all(map(math.isfinite, numbers)):
        raise InvalidRequestError(
            f"frustum={text[:40]!r}: expected 24 numbers, six planes a,b,c,d in EPSG:4978.",
            "frustum",
        )
    return numbers
