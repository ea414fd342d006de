"""Collections read from the base itself, at any moment: slow, always right, and what the arenas are held to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.errors import NotFoundError
from twin.features.asking import EVERYTHING, Ask, Field, Page, Reach
from twin.features.matching import checked, in_area, meets
from twin.features.tally import FieldTally
from twin.features.things import BATCH, ThingRows, Things, things_of
from twin.features.values import arrow_type, as_arrow, sort_key, sorted_rows
from twin.store.flat import flat_version
from twin.store.read import Moment
from twin.store.store import Connection, Store, statement

__all__ = ["EID", "StoredReader", "no_collection", "no_version"]

EID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORDER: Final = "ORDER BY s.hilbert NULLS LAST, w.eid"
MINE: Final = "e.collection = $collection"
OF_EIDS: Final = " AND e.eid IN (SELECT unnest($eids::UUID[]))"
AS_ASKED: Final = (
    "JOIN (SELECT unnest($eids::UUID[]) AS eid, generate_subscripts($eids, 1) AS i) asked USING (eid) "
    "ORDER BY asked.i"
)
OVERLAPS: Final = (
    "(g.xmax >= $west{i} AND g.xmin <= $east{i} AND g.ymax >= $south{i} AND g.ymin <= $north{i})"
)
MEETING: Final = "e.eid IN (SELECT g.eid FROM geometry g WHERE {halves})"
KNOWN: Final = "SELECT 1 FROM entity WHERE collection = $collection LIMIT 1"
EidArray = NDArray[np.uint8]


def no_collection(name: str) -> NotFoundError:
    """The error for a collection that is not there."""
    return NotFoundError(f"No collection {name[:80]!r} in this city; /collections lists them.")


def no_version(collection: str, version: int, now: int) -> NotFoundError:
    """The error for a version that is not kept."""
    return NotFoundError(
        f"Version {version} of {collection} is no longer kept (now: {now}); start again without a version."
    )


class StoredReader:
    """Answers from the base.

    Parameters
    ----------
    store : Store
    moment : Moment, optional
        What the questions are about; the present of each question where None. Shapes are those of now: the base keeps
        no others.
    """

    def __init__(self, store: Store, moment: Moment | None = None) -> None:
        self._store, self._moment = store, moment
        self._known: set[str] = set()
        self._fields: dict[str, tuple[int, dict[str, Field]]] = {}

    def version(self, collection: str) -> int:
        """Number of the last change of the collection in the log."""
        if collection not in self._known:
            if self._store.scalar(KNOWN, {"collection": collection}) is None:
                raise no_collection(collection)
            self._known.add(collection)
        return flat_version(self._store, collection)

    def fields(self, collection: str) -> Mapping[str, Field]:
        """Fields of its things, by reading them all; kept until the collection changes."""
        version = self.version(collection)
        held = self._fields.get(collection)
        if held is None or held[0] != version:
            tally = FieldTally()
            with self._store.snapshot() as cursor:
                for things in things_of(cursor, self._at(), MINE, {"collection": collection}):
                    tally.attributes(things.attributes)
                    tally.typed(things.table)
            held = self._fields[collection] = (version, tally.fields())
        return held[1]

    def page(self, ask: Ask) -> Page:
        """A page."""
        version = self._version(ask)
        with self._store.snapshot() as cursor:
            moment = self._at()
            if _is_plain(ask):
                return self._plain(cursor, ask, moment, version)
            eids = self._matched(cursor, ask, moment)
            wanted = eids[ask.start : ask.start + ask.limit]
            features = [
                f for things in _fetched(cursor, ask, moment, wanted) for f in things.features()
            ]
        return Page(version, len(eids), features)

    def one(
        self, collection: str, eid: str, reach: Reach = EVERYTHING, version: int | None = None
    ) -> bytes | None:
        """One thing."""
        ask = Ask(collection, version=version, reach=reach)
        self._version(ask)
        if EID.fullmatch(eid) is None:
            return None
        with self._store.snapshot() as cursor:
            wanted = np.frombuffer(bytes.fromhex(eid.replace("-", "")), np.uint8).reshape(1, 16)
            found = next(_fetched(cursor, ask, self._at(), wanted), None)
            if found is None or not _tried(found, ask, {}).any():
                return None
            return found.features()[0]

    def table(self, ask: Ask, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything it finds, by column."""
        self._version(ask)
        fields = self.fields(ask.collection)
        chosen = [n for n in fields if n != "geometry"] if names is None else list(names)
        checked(Ask(ask.collection, sort=tuple((name, False) for name in chosen)), dict(fields))
        schema = table_schema(fields, chosen)
        with self._store.snapshot() as cursor:
            moment = self._at()
            eids = self._matched(cursor, ask, moment)[ask.start : ask.start + ask.limit]
            for things in _fetched(cursor, ask, moment, eids):
                rows = ThingRows(things, fields)
                columns = [as_arrow(*rows.column(n), fields[n].kind) for n in chosen]
                shapes = pa.array(shapely.to_wkb(things.shapes), pa.binary())
                yield pa.record_batch([things.table["eid"], *columns, shapes], schema=schema)

    def _plain(self, cursor: Connection, ask: Ask, moment: Moment, version: int) -> Page:
        """A page of all things, cut out by the base."""
        checked(ask, {})
        values = {"collection": ask.collection, "limit": ask.limit, "start": ask.start}
        ending = f"{ORDER} LIMIT $limit OFFSET $start"
        found = things_of(cursor, moment, MINE, values, ending=ending)
        features = [feature for things in found for feature in things.features()]
        sql = statement("read_matched").replace("{states}", moment.states())
        sql = sql.replace("{conditions}", MINE)
        bound = {**moment.values(), **values}
        named = cursor.extract_statements(sql)[0].named_parameters
        row = cursor.execute(sql, {name: bound[name] for name in named}).fetchone()
        return Page(version, int(row[0]) if row else 0, features)

    def _at(self) -> Moment:
        return self._moment or Moment(datetime.now(UTC).replace(tzinfo=None))

    def _version(self, ask: Ask) -> int:
        now = self.version(ask.collection)
        if ask.version is not None and ask.version != now:
            raise no_version(ask.collection, ask.version, now)
        return now

    def _matched(self, cursor: Connection, ask: Ask, moment: Moment) -> EidArray:
        """Ids of what is found, in order; 16 bytes a thing are held, and what is sorted by."""
        needs = bool(ask.sort) or ask.where is not None
        fields = dict(self.fields(ask.collection)) if needs else {}
        checked(ask, fields)
        conditions, values = _narrowed(ask)
        eids: list[EidArray] = [np.empty((0, 16), np.uint8)]
        columns: list[list[tuple[NDArray[Any], NDArray[np.bool_]]]] = []
        found = things_of(cursor, moment, conditions, values, few=conditions != MINE, ending=ORDER)
        for things in found:
            met = _tried(things, ask, fields)
            eids.append(things.eids[met])
            if ask.sort:
                rows = ThingRows(things, fields)
                taken = [rows.column(name) for name, _ in ask.sort]
                columns.append([(values[met], known[met]) for values, known in taken])
        all_eids = np.concatenate(eids)
        if not ask.sort or not columns:
            return all_eids
        keys = []
        for i, (name, descending) in enumerate(ask.sort):
            column = np.concatenate([part[i][0] for part in columns])
            known = np.concatenate([part[i][1] for part in columns])
            keys.append(sort_key(column, known, fields[name].kind, descending))
        return all_eids[sorted_rows(keys)]


def _is_plain(ask: Ask) -> bool:
    return ask.box is None and ask.where is None and not ask.sort and ask.reach == EVERYTHING


def table_schema(fields: Mapping[str, Field], names: Sequence[str]) -> pa.Schema:
    """Schema of tables: eid, fields, geometry (WKB, degrees)."""
    columns = [pa.field(name, arrow_type(fields[name].kind)) for name in names]
    return pa.schema([pa.field("eid", pa.string()), *columns, pa.field("geometry", pa.binary())])


def _narrowed(ask: Ask) -> tuple[str, dict[str, Any]]:
    """SQL that leaves over at least what is asked for, by boxes in the base."""
    values: dict[str, Any] = {"collection": ask.collection}
    parts = [MINE]
    for n, box in enumerate((ask.box, ask.where.box if ask.where is not None else None)):
        if box is None:
            continue
        halves = []
        for m, half in enumerate(box.halves()):
            i = f"_{n}_{m}"
            halves.append(OVERLAPS.replace("{i}", i))
            for name in ("west", "south", "east", "north"):
                values[name + i] = getattr(half, name)
        parts.append(MEETING.replace("{halves}", " OR ".join(halves)))
    return " AND ".join(parts), values


def _tried(things: Things, ask: Ask, fields: Mapping[str, Field]) -> NDArray[np.bool_]:
    """Which things of a batch are asked for."""
    met = np.ones(things.n, bool)
    if ask.reach.classes is not None:
        allowed = ask.reach.classes
        met &= np.fromiter((c in allowed for c in things.values("class_code")), bool, things.n)
    if ask.reach.area is not None:
        met &= in_area(ask.reach.area, things.shapes)
    if ask.box is not None:
        boxed = things.boxed
        met &= meets(ask.box, things.shapes, things.boxes, boxed, things.heights)
    if ask.where is not None:
        met &= np.asarray(ask.where.holds(ThingRows(things, fields)), dtype=bool)
    return met


def _fetched(cursor: Connection, ask: Ask, moment: Moment, eids: EidArray) -> Iterator[Things]:
    """Things by their ids, in that order."""
    for first in range(0, len(eids), BATCH):
        wanted = [bytes(eid).hex() for eid in eids[first : first + BATCH]]
        values = {"collection": ask.collection, "eids": wanted}
        yield from things_of(cursor, moment, MINE + OF_EIDS, values, few=True, ending=AS_ASKED)
