"""What routes ask of a request: state, language, times, boxes, sizes, no unknown parameter."""

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from starlette.requests import HTTPConnection

from api.state import CityState, utc_now
from twin.errors import InvalidRequestError
from twin.store.read import Box, Moment

__all__ = [
    "DEFAULT_LIMIT", "BboxText", "KnownAt", "Lang", "Language", "State", "ValidAt", "base_url",
    "get_state", "language", "link_with", "only", "parse_bbox", "parse_degrees", "parse_metres",
    "parse_moment", "parse_text", "parse_time", "parse_whole",
]  # fmt: skip

Language = Literal["zh", "en"]
DEFAULT_LIMIT: Final = 10
RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2}))?", re.ASCII
)
BBOX_HELP = (
    "west,south,east,north in degrees, or west,south,low,east,north,high with heights in metres"
)


def get_state(request: HTTPConnection) -> CityState:
    """The running city, as opened by the application's lifespan."""
    state: CityState = request.app.state.city_state
    return state


def language(request: Request) -> Language:
    """``?lang=zh|en``, else the first of the two in Accept-Language, else Chinese.

    Raises
    ------
    InvalidRequestError
        If ``lang`` is anything else.
    """
    asked = request.query_params.get("lang")
    if asked is not None:
        if asked not in ("zh", "en"):
            raise InvalidRequestError(f"lang={asked!r}: expected zh or en.", "lang")
        return "zh" if asked == "zh" else "en"
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.strip().lower()[:2]
        if tag in ("zh", "en"):
            return "zh" if tag == "zh" else "en"
    return "zh"


State = Annotated[CityState, Depends(get_state)]
Lang = Annotated[Language, Depends(language)]
BboxText = Annotated[
    str | None, Query(description=f"{BBOX_HELP}; things whose shape meets the box.")
]
ValidAt = Annotated[
    str | None,
    Query(description="RFC 3339 time: the city as it was then.", examples=["2026-07-01T00:00:00Z"]),
]
KnownAt = Annotated[
    str | None,
    Query(
        description="RFC 3339 time: as the base knew it then.", examples=["2026-07-01T00:00:00Z"]
    ),
]


def only(request: HTTPConnection, allowed: Collection[str]) -> None:
    """Refuse parameters this resource does not know, and parameters given twice.

    Raises
    ------
    InvalidRequestError
        Naming the parameter and listing the allowed ones.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in allowed:
            listed = ", ".join(sorted(allowed)) or "none"
            raise InvalidRequestError(
                f"Unknown parameter {name[:80]!r}; {request.url.path} knows: {listed}.", name[:80]
            )
        if names.count(name) > 1:
            raise InvalidRequestError(
                f"Parameter {name!r} is given {names.count(name)} times; give it once.", name
            )


def parse_whole(
    text: str | None, name: str, default: int, low: int, high: int | None = None
) -> int:
    """A whole number from a parameter; above ``high`` it is cut to ``high``.

    OGC API Features 1, /req/core/fc-limit-response-1: a server may answer fewer than asked.

    Raises
    ------
    InvalidRequestError
        If it is no whole number or lies below ``low``.

    Examples
    --------
    >>> parse_whole("50000", "limit", 10, 1, 10000)
    10000
    """
    if text is None:
        return default
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) or int(text) < low:
        raise InvalidRequestError(
            f"{name}={text[:40]!r}: expected a whole number of at least {low}.", name
        )
    return int(text) if high is None else min(int(text), high)


def parse_text(text: str | None, name: str, longest: int = 400) -> str:
    """A text that says something.

    Raises
    ------
    InvalidRequestError
        If it is missing, blank, longer than ``longest`` characters, or holds control characters.
    """
    stripped = (text or "").strip()
    if not stripped or len(stripped) > longest or any(ord(letter) < 32 for letter in stripped):
        raise InvalidRequestError(
            f"{name}={stripped[:40]!r}: expected a text of 1 to {longest} printable characters.",
            name,
        )
    return stripped


def parse_degrees(text: str | None, name: str, most: float) -> float:
    """Degrees within ±most.

    Raises
    ------
    InvalidRequestError
        If it is missing, no number, or outside.
    """
    value = parse_metres(text, name)
    if abs(value) > most:
        raise InvalidRequestError(f"{name}={value:g}: expected degrees within ±{most:g}.", name)
    return value


def parse_metres(text: str | None, name: str) -> float:
    """A finite number.

    Raises
    ------
    InvalidRequestError
        If it is missing or none.
    """
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        given = "nothing" if text is None else f"{text[:40]!r}"
        raise InvalidRequestError(f"{name}: expected a number, given {given}.", name)
    return value


def parse_bbox(text: str) -> Box:
    """Box from four or six numbers, longitude first.

    Raises
    ------
    InvalidRequestError
        If it is no such box; says so when the axes look swapped.

    Examples
    --------
    >>> parse_bbox("113.9,30.4,114.1,30.6").east
    114.1
    >>> parse_bbox("170,-20,-170,-10").halves()[1].west
    -180.0
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise InvalidRequestError(f"bbox={text[:80]!r}: expected {BBOX_HELP}.", "bbox")
    half = len(numbers) // 2
    west, south, east, north = numbers[0], numbers[1], numbers[half], numbers[half + 1]
    low, high = (numbers[2], numbers[5]) if half == 3 else (None, None)
    if abs(south) > 90 or abs(north) > 90:
        swapped = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180
        hint = (
            f" The axes look swapped: try bbox={south:g},{west:g},{north:g},{east:g}."
            if swapped and half == 2
            else ""
        )
        raise InvalidRequestError(
            f"bbox={text[:80]!r}: latitudes must lie within ±90, longitude comes first.{hint}",
            "bbox",
        )
    if abs(west) > 180 or abs(east) > 180:
        raise InvalidRequestError(f"bbox={text[:80]!r}: longitudes must lie within ±180.", "bbox")
    if south > north:
        raise InvalidRequestError(
            f"bbox={text[:80]!r}: south {south:g} lies north of north {north:g}.", "bbox"
        )
    if low is not None and high is not None and low > high:
        raise InvalidRequestError(
            f"bbox={text[:80]!r}: lower height {low:g} m is above upper height {high:g} m.", "bbox"
        )
    return Box(west, south, east, north, low, high)


def parse_time(text: str, name: str) -> datetime:
    """An RFC 3339 time or date as UTC without a zone.

    Raises
    ------
    InvalidRequestError
        If it is neither.

    Examples
    --------
    >>> parse_time("2026-07-01T08:00:00+08:00", "valid_at")
    datetime.datetime(2026, 7, 1, 0, 0)
    """
    # A raw "+" in a query arrives as a blank.
    text = re.sub(r" (\d{2}:\d{2})$", r"+\1", text)
    try:
        if not RFC3339.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None:
            return moment
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"{name}={text[:60]!r}: expected an RFC 3339 time such as 2026-07-01T08:00:00+08:00.",
            name,
        ) from None


def parse_moment(valid_at: str | None, known_at: str | None, interval: str | None = None) -> Moment:
    """The time a question is about.

    Parameters
    ----------
    valid_at, known_at : str, optional
        RFC 3339 times.
    interval : str, optional
        The ``datetime`` parameter of OGC API Features: a time, or ``start/end`` with ``..`` or
        nothing for open.

    Raises
    ------
    InvalidRequestError
        If one is no such time, or ``datetime`` is given together with ``valid_at``.
    """
    valid = parse_time(valid_at, "valid_at") if valid_at else None
    known = parse_time(known_at, "known_at") if known_at else None
    if not interval:
        return Moment(utc_now(), valid, known)
    if valid or known:
        raise InvalidRequestError(
            "datetime cannot be combined with valid_at or known_at; give one of them.", "datetime"
        )
    parts = interval.split("/")
    if len(parts) == 1:
        return Moment(utc_now(), parse_time(interval, "datetime"))
    if len(parts) != 2:
        raise InvalidRequestError(
            f"datetime={interval[:80]!r}: expected a time or start/end.", "datetime"
        )
    since, until = (None if part in ("", "..") else parse_time(part, "datetime") for part in parts)
    if since and until and since > until:
        raise InvalidRequestError(
            f"datetime={interval[:80]!r}: the start lies after the end.", "datetime"
        )
    return Moment(utc_now(), since=since, until=until)


def base_url(request: Request) -> str:
    """Address of the server as the client wrote it, no slash at the end."""
    found: str | None = request.scope.get("citytwin.root")
    if found is None:
        found = request.scope["citytwin.root"] = str(request.base_url).rstrip("/")
    return found


def link_with(request: Request, changes: Mapping[str, str | None]) -> str:
    """Address of a request with some parameters set (or, with None, left out)."""
    kept = {name: value for name, value in request.query_params.items() if name not in changes}
    kept |= {name: value for name, value in changes.items() if value is not None}
    address = f"{base_url(request)}{request.url.path}"
    return f"{address}?{urlencode(kept)}" if kept else address
