"""A reader over pages of the base, whole collections at a time: until the arenas and the stored reader are here."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from api.features import features
from twin.errors import NotFoundError
from twin.features.asking import EVERYTHING, Ask, Field, Kind, Page, Reach
from twin.store import Store
from twin.store.read import ItemQuery, Moment, items, version

__all__ = ["Adapter"]

_kept: OrderedDict[tuple[Any, ...], "_Collection"] = OrderedDict()


@dataclass(slots=True)
class _Collection:
    n: int
    eids: list[str]
    encoded: list[bytes]
    properties: list[dict[str, Any]]
    geometry: NDArray[np.object_]

    def column(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        if name == "eid":
            values: list[Any] = list(self.eids)
        else:
            values = [one.get(name) for one in self.properties]
        known = np.array([value is not None for value in values], dtype=bool)
        kind = kind_of(values)
        if name in ("valid_from", "valid_to"):
            kind = Kind.INSTANT
        if kind in (Kind.NUMBER, Kind.WHOLE) or name in ("height_m", "floors"):
            return np.array([v if v is not None else np.nan for v in values], dtype=float), known
        if kind is Kind.TRUTH:
            return np.array([bool(v) for v in values]), known
        if kind is Kind.INSTANT:
            return np.array([v[:-1] if v else "NaT" for v in values], dtype="datetime64[us]"), known
        if kind is Kind.TEXT:
            values = [v if isinstance(v, str) or v is None else str(v) for v in values]
        out = np.empty(self.n, dtype=object)
        out[:] = values
        return out, known

    def shapes(self) -> NDArray[np.object_]:
        return self.geometry

    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        nothing = np.full(self.n, np.nan)
        return nothing, nothing


def kind_of(values: Sequence[Any]) -> Kind:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return Kind.TRUTH
    if kinds == {int}:
        return Kind.WHOLE
    if kinds and kinds <= {int, float}:
        return Kind.NUMBER
    return Kind.TEXT if list not in kinds else Kind.LIST


class Adapter:
    """See :class:`twin.features.asking.Reader`."""

    def __init__(self, store: Store, moment: Moment) -> None:
        self.store, self.moment = store, moment

    def version(self, collection: str) -> int:
        return version(self.store)

    def fields(self, collection: str) -> Mapping[str, Field]:
        things = self._things(collection, None)
        names = dict.fromkeys(name for one in things.properties for name in one)
        out = {}
        for name in names:
            values = [one.get(name) for one in things.properties]
            kind = kind_of(values)
            if name in ("valid_from", "valid_to"):
                kind = Kind.INSTANT
            if name == "floors":
                kind = Kind.WHOLE
            if name == "height_m":
                kind = Kind.NUMBER
            few = sorted({v for v in values if isinstance(v, str)}) if kind is Kind.TEXT else []
            out[name] = Field(name, kind, tuple(few) if len(few) <= 12 else ())
        return out | {"geometry": Field("geometry", Kind.SHAPE)}

    def page(self, ask: Ask) -> Page:
        now = self.version(ask.collection)
        things = self._things(ask.collection, ask.version)
        found = self._found(things, ask)
        part = found[ask.start : ask.start + ask.limit]
        return Page(
            now if ask.version is None else ask.version,
            len(found),
            [things.encoded[i] for i in part],
        )

    def one(
        self, collection: str, eid: str, reach: Reach = EVERYTHING, version: int | None = None
    ) -> bytes | memoryview | None:
        things = self._things(collection, version)
        for i, have in enumerate(things.eids):
            if have == eid and i in set(self._found(things, Ask(collection, reach=reach)).tolist()):
                return things.encoded[i]
        return None

    def table(self, ask: Ask, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        things = self._things(ask.collection, ask.version)
        part = self._found(things, ask)[ask.start : ask.start + ask.limit]
        wanted = [n for n in (names or self.fields(ask.collection)) if n not in ("geometry", "eid")]
        columns: dict[str, Any] = {"eid": pa.array([things.eids[i] for i in part], pa.string())}
        for name in wanted:
            values, known = things.column(name)
            columns[name] = pa.array(values[part], mask=~known[part])
        columns["geometry"] = pa.array(
            [
                g and shapely.to_wkb(g, output_dimension=3, flavor="iso")
                for g in things.geometry[part]
            ],
            pa.binary(),
        )
        yield from pa.table(columns).to_batches(max_chunksize=5_000)

    def _found(self, things: _Collection, ask: Ask) -> NDArray[np.int64]:
        keep = np.ones(things.n, dtype=bool)
        if ask.box is not None:
            inside = items(
                self.store, ItemQuery(ask.collection, self.moment, ask.box, limit=10**8)
            ).things
            keep &= np.isin(np.array(things.eids, dtype=object), inside["eid"].to_pylist())
        if ask.where is not None:
            keep &= ask.where.holds(things)
        if ask.reach.classes is not None:
            keep &= np.isin(things.column("class_code")[0].astype(str), list(ask.reach.classes))
        if ask.reach.area is not None:
            keep &= shapely.intersects(things.geometry, ask.reach.area)
        found = np.flatnonzero(keep)
        for name, down in reversed(ask.sort):
            values, known = things.column(name)
            ranked = np.unique(values[known], return_inverse=True)[1] if known.any() else []
            rank = np.full(things.n, np.iinfo(np.int64).max)
            rank[known] = -np.asarray(ranked) if down else ranked
            found = found[np.argsort(rank[found], kind="stable")]
        return found

    def _things(self, collection: str, wanted: int | None) -> _Collection:
        when = (self.moment.valid_at, self.moment.known_at, self.moment.since, self.moment.until)
        key = (
            id(self.store),
            collection,
            when,
            self.version(collection) if wanted is None else wanted,
        )
        if key not in _kept:
            if wanted is not None and wanted != self.version(collection):
                raise NotFoundError(
                    f"Version {wanted} of {collection} is no longer kept; start again without token."
                )
            table = items(self.store, ItemQuery(collection, self.moment, limit=10**8)).things
            made = features(table)
            encoded = [orjson.dumps(one) for one in made]
            parsed = [orjson.loads(one) for one in encoded]
            shapes = [
                orjson.dumps(one["geometry"]).decode() if one["geometry"] else None
                for one in parsed
            ]
            _kept[key] = _Collection(
                len(made), [one["id"] for one in made], encoded, [one["properties"] for one in parsed],
                np.asarray(shapely.from_geojson(np.array(shapes, dtype=object)), dtype=object).reshape(-1),
            )  # fmt: skip
            while len(_kept) > 60:
                _kept.popitem(last=False)
        return _kept[key]
