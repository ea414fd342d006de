"""Questions the base answers: collections, pages of things, everything about one thing.

Statements stand in ``sql/read_*.sql``; values are bound. Coordinates that come out are longitude,
latitude (degrees, EPSG:4490) and metres above the ellipsoid; times are UTC without a zone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.errors import InvalidRequestError
from twin.store.shapes import rounded, shown
from twin.store.store import Store, statement

__all__ = [
    "TYPED_FIELDS", "Box", "ItemPage", "ItemQuery", "Moment", "address_nodes",
    "cards", "extents", "fields", "geojson_of", "items", "rows", "version",
]  # fmt: skip

TEXT_FIELDS: Final = ("name", "class_code", "edition", "lifecycle")
NUMBER_FIELDS: Final = ("height_m", "floors")
TYPED_FIELDS: Final = TEXT_FIELDS + NUMBER_FIELDS
"""Fields every thing has; all others are attributes."""

PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Box:
    """A box in degrees (EPSG:4490) and metres above the ellipsoid.

    ``west > east`` crosses the antimeridian.
    """

    west: float
    south: float
    east: float
    north: float
    low: float | None = None
    high: float | None = None

    def halves(self) -> tuple["Box", ...]:
        """Itself, or its two parts on either side of the antimeridian."""
        if self.west <= self.east:
            return (self,)
        return (
            Box(self.west, self.south, 180.0, self.north, self.low, self.high),
            Box(-180.0, self.south, self.east, self.north, self.low, self.high),
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """The time a question is about (UTC without a zone).

    ``valid_at``: when it was so in the city; ``known_at``: what the base knew then; ``since`` and
    ``until`` (each may be None for open) instead of ``valid_at``: so at any moment between.
    ``now`` stands in where nothing is asked.
    """

    now: datetime
    valid_at: datetime | None = None
    known_at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_present(self) -> bool:
        """Whether the question is about how things are now."""
        return not (self.valid_at or self.known_at or self.since or self.until)

    def states(self) -> str:
        """SQL of the states the question is about."""
        if self.since or self.until:
            return statement("read_states_during")
        if self.known_at:
            return statement("read_states_known")
        return statement("read_states_valid" if self.valid_at else "read_states_now")

    def values(self) -> dict[str, Any]:
        """Values of its parameters."""
        at = self.valid_at or self.known_at or self.now
        return {
            "valid_at": at,
            "known_at": self.known_at or self.now,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """A page of one collection.

    Parameters
    ----------
    collection : str
    moment : Moment
    box : Box, optional
        Only things whose shape meets it (exactly, not by their boxes).
    filters : Mapping of str to str
        Field → value it must equal; numbers are compared as numbers.
    limit, offset : int
        Page size and number of things before it.
    eids : sequence of str, optional
        Only these things.
    classes : sequence of str, optional
        Only states of these class codes.
    """

    collection: str | None
    moment: Moment
    box: Box | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    limit: int = 10
    offset: int = 0
    eids: Sequence[str] | None = None
    classes: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Things of a page, columns as in ``sql/read_page.sql``, and how many match altogether."""

    matched: int
    things: pa.Table


def _bound(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values a statement names; DuckDB refuses others."""
    return {name: values[name] for name in set(PARAMETER.findall(_without_comments(sql)))}


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)


def _table(store: Store, sql: str, values: Mapping[str, Any]) -> pa.Table:
    return store.table(sql, _bound(sql, values))


def rows(store: Store, question: str, **values: Any) -> list[Row]:  # noqa: ANN401 -- bound
    """Answer of ``sql/read_<question>.sql`` as dicts; for answers of at most some thousand rows.

    Examples
    --------
    >>> rows(store, "aliases_of", eid=eid)                       # doctest: +SKIP
    [{'scheme': 'building.code', 'value': 'LJ-0005', 'valid_from': None, 'valid_to': None}]
    """
    answer: list[Row] = _table(store, statement(f"read_{question}"), values).to_pylist()
    return answer


def version(store: Store) -> int:
    """Version of the base's content; grows with every change."""
    return int(rows(store, "version")[0]["version"])


def extents(store: Store, now: datetime) -> dict[str, Row]:
    """Box of each collection by its id: xmin … ymax in degrees, heights in ellipsoidal metres."""
    return {row.pop("collection"): row for row in rows(store, "extents", valid_at=now)}


def fields(store: Store, collection: str) -> list[str]:
    """Attributes things of a collection can be filtered by, besides :data:`TYPED_FIELDS`."""
    return [
        row["field"]
        for row in rows(store, "fields", collection=collection)
        if row["field"] not in TYPED_FIELDS
    ]


def address_nodes(store: Store) -> pa.Table:
    """The whole address tree, columns :data:`twin.schema.ADDRESS_NODES`."""
    return store.table(statement("read_address_nodes"))


def cards(store: Store, eids: Sequence[str], now: datetime) -> dict[str, Row]:
    """Short description and place of things, by id; unknown ids are left out."""
    if not eids:
        return {}
    return {row["eid"]: row for row in rows(store, "cards", eids=list(eids), valid_at=now)}


def items(store: Store, query: ItemQuery) -> ItemPage:
    """One page of things in the order of their ids, and the exact number that match.

    Parameters
    ----------
    store : Store
    query : ItemQuery

    Returns
    -------
    ItemPage

    Raises
    ------
    InvalidRequestError
        If a filter on a number is given something else.
    """
    conditions, values = _conditions(query)
    values |= query.moment.values() | {"limit": query.limit, "offset": query.offset}
    if query.box is not None:
        found = _inside(store, query, conditions, values)
        values |= {"eids": found[query.offset : query.offset + query.limit].tolist(), "offset": 0}
        page = _filled("read_page", query.moment, "e.eid IN (SELECT unnest($eids::UUID[]))")
        return ItemPage(len(found), _table(store, page, values))
    page = _filled("read_page", query.moment, conditions)
    things = _table(store, page, values)
    if query.offset == 0 and things.num_rows < query.limit:
        return ItemPage(things.num_rows, things)
    matched = _table(store, _filled("read_matched", query.moment, conditions), values)
    return ItemPage(matched["n"][0].as_py(), things)


def geojson_of(things: pa.Table) -> NDArray[np.object_]:
    """GeoJSON text of each thing's shape.

    Parameters
    ----------
    things : pa.Table
        With columns wkb, xmin, ymin, xmax, ymax, zmin. A thing that has only a mesh is shown as the
        point in the middle of its box, at its foot.

    Returns
    -------
    ndarray of object, shape (n,)
        JSON text of a geometry (CRS84h) to 11 mm and heights to 1 mm, ``null`` for a thing without a place.
    """
    shapes, _ = shown(things)
    texts = shapely.to_geojson(rounded(shapes))
    texts[shapely.is_missing(shapes)] = "null"
    return np.asarray(texts, dtype=object)


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.array(column.to_pylist(), dtype=object)


def _filled(name: str, moment: Moment, conditions: str) -> str:
    return statement(name).replace("{states}", moment.states()).replace("{conditions}", conditions)


def _conditions(query: ItemQuery) -> tuple[str, dict[str, Any]]:
    """SQL of the query's conditions, made of constant text alone, and the values bound to it."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    if query.collection is not None:
        parts.append("e.collection = $collection")
        values["collection"] = query.collection
    if query.eids is not None:
        parts.append("e.eid IN (SELECT unnest($eids::UUID[]))")
        values["eids"] = list(query.eids)
    if query.classes is not None:
        parts.append("list_contains($classes::VARCHAR[], e.class_code)")
        values["classes"] = list(query.classes)
    for number, (name, wanted) in enumerate(query.filters.items()):
        key = f"filter_{number}"
        values[key] = wanted
        if name in TEXT_FIELDS:
            parts.append(f"e.{name} = ${key}")
        elif name in NUMBER_FIELDS:
            values[key] = _number(name, wanted)
            parts.append(f"e.{name} = ${key}")
        else:
            values[f"path_{number}"] = "/" + name.replace("~", "~0").replace("/", "~1")
            text = f"json_extract_string(e.attributes, $path_{number})"
            parts.append(
                f"({text} = ${key} OR TRY_CAST({text} AS DOUBLE) = TRY_CAST(${key} AS DOUBLE))"
            )
    return " AND ".join(parts) or "true", values


def _number(name: str, wanted: str) -> float:
    try:
        return float(wanted)
    except ValueError:
        raise InvalidRequestError(
            f"{name}={wanted!r}: expected a number, such as {name}=18.", name
        ) from None


def _inside(
    store: Store, query: ItemQuery, conditions: str, values: Mapping[str, Any]
) -> NDArray[np.str_]:
    """Ids of the things that meet the box, sorted."""
    assert query.box is not None  # noqa: S101 -- asked by items() for a box alone
    heights = "" if query.box.low is None else "_at_heights"
    sql = _filled(f"read_candidates{heights}", query.moment, conditions)
    found: list[NDArray[np.str_]] = []
    for half in query.box.halves():
        edges = {
            name: getattr(half, name) for name in ("west", "south", "east", "north", "low", "high")
        }
        table = _table(store, sql, {**values, **edges})
        shapes = shapely.from_wkb(_objects(table["wkb"]))
        window = shapely.box(half.west, half.south, half.east, half.north)
        shapely.prepare(window)
        meets = shapely.is_missing(shapes) | shapely.intersects(window, shapes)
        found.append(np.array(table["eid"].to_pylist(), dtype="U36")[meets])
    return np.unique(np.concatenate(found))
