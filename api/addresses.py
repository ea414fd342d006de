"""Questions to the address engine from outside: where the gazetteer is, and answers as plain values."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from address import AddressIndex, Match
from address.evaluate import nodes_from_gazetteer
from api.address_book import Tell, open_book
from api.address_notes import notes_of
from api.address_tree import index_at
from twin.city import City
from twin.errors import CityInUseError, InvalidRequestError, NotFoundError, SourceError
from twin.store import Store

__all__ = [
    "Geocoder",
    "geocode_texts",
    "match_texts",
    "open_geocoder",
    "open_index",
    "plain",
    "reverse_places",
]

Language = Literal["zh", "en"]


class Geocoder(Protocol):
    """What answers a text: an index, or the history over one."""

    def geocode(self, text: str, focus: tuple[float, float] | None = None) -> Match:
        """The address a text means, with its place."""

    def geocode_each(self, texts: Sequence[str]) -> list[Match]:
        """The address each text means."""


def open_index(
    city: Path | None, gazetteer: Path | None = None, tell: Tell | None = None
) -> AddressIndex:
    """Index of a city's addresses, or of a gazetteer file without a city.

    Parameters
    ----------
    city : Path, optional
        City folder.
    gazetteer : Path, optional
        Parquet with a row per node (``id``, ``parent``, ``level``, ``std``, ``lon``, ``lat``), or any table of
        addresses; goes before the city.
    tell : callable, optional
        Told when an index has to be made first: what, steps done, steps in all.

    Raises
    ------
    InvalidRequestError
        If neither is given.
    NotFoundError
        If the city has no addresses yet.
    SourceError
        If the file is no gazetteer.
    """
    return open_geocoder(city, gazetteer, tell=tell)[0]


def open_geocoder(
    city: Path | None,
    gazetteer: Path | None = None,
    valid_at: datetime | None = None,
    tell: Tell | None = None,
) -> tuple[AddressIndex, Geocoder]:
    """Index as `open_index` gives it, and what answers texts: of a city also by former names.

    ``valid_at`` (UTC without a zone) asks a city's addresses as they were.
    """
    if gazetteer is not None:
        index = AddressIndex.from_nodes(_nodes_of_file(gazetteer))
        return index, index
    if city is None:
        raise InvalidRequestError("say where the addresses are: --city DIR or --gazetteer FILE")
    return _of_city(City.open(city), valid_at, tell)


def _nodes_of_file(path: Path) -> pa.Table:
    if not path.is_file():
        raise SourceError(path, "there is no such file")
    if path.suffix.lower() == ".parquet" and {"id", "parent", "level", "std"} <= set(
        pq.read_schema(path).names
    ):
        return nodes_from_gazetteer(path)
    from api.gazetteers import read_gazetteer

    return read_gazetteer(path).nodes


def match_texts(index: Geocoder, texts: Sequence[str]) -> list[Match]:
    """Answer of each text, with its place; equal texts are asked once."""
    return index.geocode_each(texts)


def geocode_texts(
    index: Geocoder, texts: Sequence[str], language: Language = "zh"
) -> list[dict[str, Any]]:
    """Status, standard address, place and confidence of each text."""
    found = match_texts(index, texts)
    return [plain(text, match, language) for text, match in zip(texts, found, strict=True)]


def reverse_places(
    index: AddressIndex, places: Sequence[tuple[float, float, float | None]]
) -> list[dict[str, Any]]:
    """The address of each place (degrees, metres above the ellipsoid)."""
    return [
        plain(",".join(str(v) for v in place if v is not None), index.reverse(*place))
        for place in places
    ]


def _of_city(
    city: City, valid_at: datetime | None, tell: Tell | None
) -> tuple[AddressIndex, Geocoder]:
    if valid_at is not None:
        try:
            with Store.open(city, read_only=True) as store:
                then = index_at(store, valid_at)
        except CityInUseError as held:
            raise CityInUseError(
                f"{held} Addresses as they were are told by its server: GET /geocode?q=…&valid_at=… "
                "历史地址请向正在运行的服务查询。"
            ) from None
        if then is not None:
            return then, then
    book = open_book(city, tell)
    if not len(book.index):
        raise NotFoundError(
            f"{city.path} has no addresses yet: load a gazetteer table with `twin load`"
        )
    return book.index, book.history


def plain(query: str, match: Match, language: Language = "zh") -> dict[str, Any]:
    """An answer as plain values; ``faults`` are sentences, ``fault_codes`` what they are called.

    ``notes`` are those sentences, and what is missing where no fault tells it.
    """
    place = match.location
    return {
        "query": query,
        "status": match.status,
        "id": match.node_id,
        "code": match.code,
        "eid": match.eid,
        "full": match.full,
        "level": match.level,
        "confidence": match.confidence,
        "missing": match.missing,
        "elements": [
            {"level": e.level, "text": e.text, "value": e.value, "start": e.start, "end": e.end}
            for e in match.elements
        ],
        "corrections": list(match.corrections),
        "faults": [f.say(language) for f in match.faults],
        "notes": notes_of(match, language),
        "fault_codes": [
            {"code": f.code, "given": f.given, "used": f.used, "penalty": f.penalty}
            for f in match.faults
        ],
        "alternatives": [
            {"id": c.node_id, "full": c.full, "level": c.level, "score": c.score}
            for c in match.alternatives
        ],
        "location": place
        and {
            "lon": place.lon,
            "lat": place.lat,
            "z": place.z,
            "method": place.method,
            "error_m": place.error_m,
        },
    }
