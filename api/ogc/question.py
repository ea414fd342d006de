"""A request for items, understood: every parameter checked, nothing asked of the base yet but its fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request

from api.access import reach_of, view_of
from api.deps import DEFAULT_LIMIT, Language, language, only, parse_bbox, parse_moment, parse_whole
from api.ogc.filters import LANGUAGES, SIMPLE, condition
from api.ogc.formats import ITEMS, Format, wanted
from api.ogc.readers import pinned, reader_of, told
from api.ogc.systems import System, offered, storage, system
from api.state import CityState, CollectionInfo
from twin import crs
from twin.errors import CrsError, InvalidRequestError, NotFoundError
from twin.features.asking import Ask, Field, Kind, Reader
from twin.store.read import Box, Moment

__all__ = ["OWN", "Question", "checked_eid", "known", "moment_of", "question", "selection"]

OWN: Final = frozenset({
    "bbox", "bbox-crs", "crs", "datetime", "exclude-properties", "f", "filter", "filter-crs", "filter-lang",
    "known_at", "lang", "limit", "offset", "properties", "sortby", "token", "valid_at",
})  # fmt: skip
"""Parameters of items that are no fields."""
MOST: Final = 2**53
_IN_SYSTEMS: Final = frozenset({"crs", "bbox-crs", "filter-crs"})
_PLAIN: Final = frozenset(
    {"bbox", "crs", "f", "known_at", "lang", "limit", "offset", "token", "valid_at"}
)
"""Parameters that name no field."""
_TOKEN: Final = re.compile(r"(\d{1,18})-(\d{1,15})", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom, and how the answer shall look.

    ``properties`` are those shown (None: all).
    """

    info: CollectionInfo
    reader: Reader
    moment: Moment
    ask: Ask
    form: Format
    system: System
    properties: frozenset[str] | None
    language: Language

    @property
    def plain(self) -> bool:
        """Whether features leave as the reader gives them."""
        return self.properties is None and self.system.stored and self.system is storage(self.info)

    def everything(self) -> Ask:
        """The same question without a page."""
        return replace(self.ask, limit=MOST, start=0)

    def fields(self) -> Mapping[str, Field]:
        """Fields of the collection."""
        return self.reader.fields(self.info.id)


def known(request: Request, state: CityState, collection: str) -> CollectionInfo:
    """A collection of the city, as the caller sees it.

    Raises
    ------
    NotFoundError
        If it has no such collection.
    """
    view, held = view_of(request), pinned(request)
    if view is not None:
        found = state.seen(view).get(collection)
    else:
        found = state.collection(collection, None if held is None else held.view.version)
    if found is None:
        have = ", ".join(state.seen(view))
        raise NotFoundError(
            f"No collection {collection[:80]!r} in this city; there are: {have or 'none yet'}."
        )
    return found


def checked_eid(text: str) -> str:
    """An entity id in the form the base writes it.

    Raises
    ------
    NotFoundError
        If the text cannot be an id of the base.
    """
    low = text.lower()
    if not _UUID.fullmatch(low):
        raise NotFoundError(
            f"{text[:80]!r} is no entity id (expected a UUID such as "
            "01890a5d-ac96-774b-bcce-b302099a8057). Codes, names and addresses: /resolve?q=…"
        )
    return low


def moment_of(request: Request) -> Moment:
    """The time a request is about."""
    given = request.query_params
    return parse_moment(given.get("valid_at"), given.get("known_at"), given.get("datetime"))


def question(request: Request, state: CityState) -> Question:
    """Understand a request for items.

    Raises
    ------
    InvalidRequestError
        Naming the parameter that cannot be understood.
    NotFoundError
        If there is no such collection.
    """
    info = known(request, state, request.path_params["collectionId"])
    form = wanted(request, ITEMS)
    moment = moment_of(request)
    reader = reader_of(request, state, moment)
    given = request.query_params
    if not given.keys() <= _PLAIN:
        fields = told(reader.fields(info.id), info.id, view_of(request))
        queryable = [n for n, field in fields.items() if field.kind in SIMPLE and n not in OWN]
        only(request, OWN | set(queryable))
    else:
        fields, queryable = {}, []
        only(request, OWN)
    systems = offered(state.city, info) if given.keys() & _IN_SYSTEMS else {}
    target = system(given["crs"], "crs", systems) if "crs" in given else storage(info)
    box, ring = _box(given.get("bbox"), given.get("bbox-crs"), systems)
    version, start = _start(given.get("token"), given.get("offset"))
    values = {name: text for name, text in given.items() if name not in OWN}
    ask = Ask(
        info.id,
        box,
        _where(given, fields, values, systems, ring),
        _sort(given.get("sortby"), fields),
        parse_whole(given.get("limit"), "limit", DEFAULT_LIMIT, 1, state.settings.max_limit),
        start,
        version,
        reach_of(request),
    )
    shown = selection(given, fields)
    return Question(info, reader, moment, ask, form, target, shown, language(request))


def _where(given: Any, fields: Any, values: Any, systems: Any, ring: Any) -> Any:  # noqa: ANN401
    text = given.get("filter")
    spoken = given.get("filter-lang")
    if spoken is not None and spoken not in LANGUAGES:
        raise InvalidRequestError(
            f"filter-lang={spoken[:40]!r}: expected {' or '.join(LANGUAGES)}.", "filter-lang"
        )
    of = None
    if "filter-crs" in given:
        where = system(given["filter-crs"], "filter-crs", systems)
        of = None if where.stored else where.name
    if text is None and not values and ring is None:
        return None
    guessed = "cql2-json" if text and text.lstrip()[:1] == "{" else "cql2-text"
    return condition(fields, values, text, spoken or guessed, of, ring)


def _box(
    text: str | None,
    of: str | None,
    systems: Any,  # noqa: ANN401 -- Mapping of systems
) -> tuple[Box | None, list[list[float]] | None]:
    """The box asked for in degrees and, where edges of its own system are bent there, the ring it is."""
    where = None if of is None else system(of, "bbox-crs", systems)
    if text is None:
        return None, None
    if where is None or where.stored:
        return parse_bbox(text), None
    numbers = _numbers(text)
    half = len(numbers) // 2
    low, high = (numbers[2], numbers[5]) if half == 3 else (None, None)
    corners = (numbers[0], numbers[1], numbers[half], numbers[half + 1])
    if crs.is_geographic(where.name):
        order = (1, 0, 3, 2) if where.name.endswith("@yx") else (0, 1, 2, 3)
        west, south, east, north = (repr(corners[i]) for i in order)
        more = [] if half == 2 else [repr(low), repr(high)]
        parts = [west, south, *more[:1], east, north, *more[1:]]
        return parse_bbox(",".join(parts)), None
    if corners[0] > corners[2] or corners[1] > corners[3] or (low or 0) > (high or 0):
        raise InvalidRequestError(
            f"bbox={text[:80]!r}: the lower corner stands first, in the axes of bbox-crs.", "bbox"
        )
    try:
        ring = crs.ring_in_degrees(where.name, corners)
    except CrsError as err:
        raise InvalidRequestError(f"bbox={text[:80]!r}: {err}.", "bbox") from err
    (west_, south_), (east_, north_) = ring.min(axis=0), ring.max(axis=0)
    box = Box(float(west_), float(south_), float(east_), float(north_), low, high)
    return box, ring.tolist()


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(abs(number) < 1e9 for number in numbers):
        raise InvalidRequestError(
            f"bbox={text[:80]!r}: expected four or six numbers in the axes of bbox-crs.", "bbox"
        )
    return numbers


def _start(token: str | None, offset: str | None) -> tuple[int | None, int]:
    """Version and position a page begins at."""
    if token is None:
        return None, parse_whole(offset, "offset", 0, 0)
    found = _TOKEN.fullmatch(token)
    if found is None or offset is not None:
        raise InvalidRequestError(
            f"token={token[:40]!r}: expected what a next or prev link gives, without offset.",
            "token",
        )
    return int(found[1]), int(found[2])


def _sort(text: str | None, fields: dict[str, Field] | Any) -> tuple[tuple[str, bool], ...]:  # noqa: ANN401
    if text is None:
        return ()
    keys: list[tuple[str, bool]] = []
    for part in text.split(","):
        name = part.lstrip("+- ")
        if name not in fields or fields[name].kind in (Kind.SHAPE, Kind.LIST) or len(keys) >= 8:
            some = ", ".join(n for n, f in fields.items() if f.kind not in (Kind.SHAPE, Kind.LIST))
            raise InvalidRequestError(
                f"sortby={text[:80]!r}: expected up to 8 of {some}, each with + or - before it.",
                "sortby",
            )
        keys.append((name, part.startswith("-")))
    return tuple(keys)


def selection(given: Any, fields: Any) -> frozenset[str] | None:  # noqa: ANN401 -- Mappings
    """Properties shown: ``properties`` alone, or all but ``exclude-properties``; ``geometry`` is one of them.

    Raises
    ------
    InvalidRequestError
        If one is no field of the collection, or both are given.
    """
    only_, without = given.get("properties"), given.get("exclude-properties")
    if only_ is None and without is None:
        return None
    if only_ is not None and without is not None:
        raise InvalidRequestError("Give properties or exclude-properties, not both.", "properties")
    parameter = "properties" if only_ is not None else "exclude-properties"
    names = [part for part in (only_ or without or "").split(",") if part]
    for name in names:
        if name not in fields:
            raise InvalidRequestError(
                f"{parameter}: {name[:80]!r} is no property; there are: {', '.join(fields)}.",
                parameter,
            )
    return frozenset(names) if only_ is not None else frozenset(fields) - set(names)
