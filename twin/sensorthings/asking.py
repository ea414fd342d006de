"""One question of SensorThings on one cursor: rows of the base as entities, with what is to be expanded."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from twin.errors import InvalidRequestError, NotFoundError
from twin.live.readings import Readings
from twin.live.view import LiveView
from twin.sensorthings.areas import observed_areas, within
from twin.sensorthings.expressions import Path, paths_of
from twin.sensorthings.model import Entity, entity
from twin.sensorthings.narrowing import Part, narrow
from twin.sensorthings.observing import Bounds, Observing, bounds_of
from twin.sensorthings.pages import Pages
from twin.sensorthings.questions import Options, Question, Step
from twin.sensorthings.shapes import shapes_of
from twin.sensorthings.showing import columns_of, entities, newest_readings, next_link, shown_time
from twin.sensorthings.spans import phenomenon_spans, register_times, result_spans
from twin.sensorthings.sqltext import Binder, condition, link_between, sort_key
from twin.store import Store

__all__ = ["Answer", "Asking"]

_NEWEST: Final = (((Path(("phenomenonTime",)), True),), ())
MOST_PARENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked for: one entity, or a page of a set with the number of all (where asked) and whether more follow."""

    one: dict[str, Any] | None = None
    rows: Sequence[dict[str, Any]] = ()
    count: int | None = None
    more: bool = False
    datastreams: Sequence[int] = ()


class Asking:
    """One question, on one cursor; its methods are those of :class:`twin.sensorthings.reading.Reader`.

    Parameters
    ----------
    store : Store
    live : LiveView
    pages : Pages
    con : duckdb connection
    root : str
        Address of the service, which links begin with.
    part : Part, optional
        What is seen; everything by default.
    """

    def __init__(
        self,
        store: Store,
        live: LiveView,
        pages: Pages,
        con: duckdb.DuckDBPyConnection,
        root: str,
        part: Part | None = None,
    ) -> None:
        self._store, self._live, self._pages = store, live, pages
        self._con, self._root, self._whole = con, root, part is None
        self._area = None if part is None else part.area
        self._timed = False
        if part is not None:
            narrow(con, part)
        self._observing = Observing(store, live, con, None if part is None else part.streams)

    def answer(self, question: Question, options: Options) -> Answer:
        """The entities a question asks for."""
        of, single = question.entity, question.single
        key = None
        if self._whole:
            key = Pages.key(question, options, self._root, self._live.reporting)
        page: tuple[Sequence[dict[str, Any]], list[dict[str, Any]]] | None = None
        if key is not None:
            page = self._pages.get(key)
        if page is None:
            version = self._pages.version
            fresh = self._found(question, options)
            page = fresh, self._shown(of, fresh, options)
            if key is not None:
                self._pages.put(key, version, *page)
        found, rows = page
        if single and not found:
            raise NotFoundError(f"there is no such {of.one}.")
        kept = 1 if single else options.top
        more, found, rows = not single and len(found) > kept, found[:kept], rows[:kept]
        self._complete(of, found, rows, options, whole=single)
        if single:
            return Answer(one=rows[0])
        counted = self.count(question, options) if options.count else None
        streams = [row["_datastream"] for row in found] if of.name == "Observations" else ()
        return Answer(rows=rows, count=counted, more=more, datastreams=streams)

    def _found(self, question: Question, options: Options) -> list[dict[str, Any]]:
        """Rows of a page, and one more where more follow."""
        of, single = question.entity, question.single
        bind, alias = Binder(self._shapes), "r0"
        where = self._path(question.steps, alias, bind)
        if options.filter is not None and not single:
            where.append(condition(options.filter, of, alias, bind))
        limit, skip = (1, 0) if single else (options.top + 1, options.skip)
        before = self._before(question, options, limit + skip)
        order = _order(of, alias, options, bind)
        sql = (
            f"{before}SELECT {columns_of(of, alias)} FROM {of.relation} {alias} WHERE {' AND '.join(where) or 'true'} "  # noqa: S608
            f"ORDER BY {order} LIMIT {limit} OFFSET {skip}"
        )
        return self._rows(sql, bind)

    def count(self, question: Question, options: Options) -> int:
        """How many entities a question is about."""
        of, bind, alias = question.entity, Binder(self._shapes), "r0"
        where = self._path(question.steps, alias, bind)
        if options.filter is not None:
            where.append(condition(options.filter, of, alias, bind))
        before = self._before(question, options, None)
        sql = f"{before}SELECT count(*) AS n FROM {of.relation} {alias} WHERE {' AND '.join(where) or 'true'}"  # noqa: S608 # fmt: skip
        return int(self._rows(sql, bind)[0]["n"])

    def among(
        self, question: Question, options: Options, new: Readings | Sequence[int | str]
    ) -> list[tuple[dict[str, Any], int | None]]:
        """Of new or changed entities those a question is about."""
        of, bind, alias = question.entity, Binder(self._shapes), "r0"
        observed, before = of.name == "Observations", ""
        where = self._path(question.steps, alias, bind)
        if isinstance(new, Readings):
            before = self._observing.these(new)
        else:
            before = self._observing.beside() if observed else ""
            ids = bind([str(i) for i in new] if observed else [int(i) for i in new])
            where.append(f"{alias}.id IN (SELECT unnest({ids}))")
        order = f"{alias}.time_from, {alias}.id" if observed else f"{alias}.id"
        found = self._rows(
            f"{before}SELECT {columns_of(of, alias)} FROM {of.relation} {alias} "  # noqa: S608
            f"WHERE {' AND '.join(where) or 'true'} ORDER BY {order}",
            bind,
        )
        rows = self._shown(of, found, options)
        streams = [row["_datastream"] for row in found] if observed else [None] * len(found)
        return list(zip(rows, streams, strict=True))

    def _path(self, steps: Sequence[Step], alias: str, bind: Binder) -> list[str]:
        """Conditions that ``alias``, a row of the last step, is where the steps lead."""
        last = steps[-1]
        where = [] if last.id is None else [f"{alias}.id = {bind(last.id)}"]
        if last.id is not None and isinstance(last.id, str) != (last.entity.name == "Observations"):
            raise NotFoundError(f"there is no {last.entity.one} {last.id!r}.")
        if len(steps) > 1:
            assert last.link is not None  # noqa: S101 -- only the first has none
            source = steps[-2].entity
            if source.name == "Observations":
                return [*where, self._from_observation(steps[-2], last.link, alias, bind)]
            inner = bind.alias()
            on = link_between(source, last.link, inner, alias)
            above = " AND ".join([on, *self._path(steps[:-1], inner, bind)])
            where.append(f"EXISTS (SELECT 1 FROM {source.relation} {inner} WHERE {above})")  # noqa: S608
        return where

    def _from_observation(self, step: Step, link: str, alias: str, bind: Binder) -> str:
        """Condition that a row is what one observation leads to."""
        if step.id is None:
            raise NotFoundError("one Observation is to be named before its links.")
        own = Binder(self._shapes)
        sql = f"{self._observing.one(step.id)}SELECT _datastream, _feature FROM sta_Observations r0 WHERE r0.id = {own(step.id)}"  # noqa: S608
        found = self._rows(sql, own)
        if not found:
            raise NotFoundError(f"there is no Observation {str(step.id)!r}.")
        return f"{alias}.id = {bind(found[0]['_feature' if link == 'FeatureOfInterest' else '_datastream'])}"

    def _before(self, question: Question, options: Options, wanted: int | None) -> str:
        """The observations a statement goes over, where it goes over any."""
        if question.entity.name != "Observations":
            conditions = [] if options.filter is None else [options.filter]
            keys = [key for key, _ in options.orderby]
            named = {
                part
                for e in (*conditions, *keys)
                for path in paths_of(e)
                for part in path.parts[:-1]
            }
            return self._observing.rows(Bounds()) if "Observations" in named else ""
        last = question.steps[-1]
        if last.id is not None:
            return self._observing.one(last.id)
        bounds = bounds_of(options.filter)
        own = self._streams(question.steps)
        if own is not None:
            both = own if bounds.streams is None else own & bounds.streams
            bounds = Bounds(both, bounds.low_us, bounds.high_us, bounds.exact)
        plain = len(question.steps) == 1 or own is not None
        if wanted is not None and plain and bounds.exact and tuple(options.orderby) in _NEWEST:
            return self._observing.newest(bounds, wanted)
        return self._observing.rows(bounds)

    def _streams(self, steps: Sequence[Step]) -> frozenset[int] | None:
        """Datastreams whose observations a path leads to; None where it does not lead over any."""
        if len(steps) < 2 or not steps[-2].entity.name.endswith("Datastreams"):
            return None
        bind, above = Binder(self._shapes), steps[:-1]
        where = " AND ".join(self._path(above, "r0", bind)) or "true"
        rows = self._rows(f"SELECT r0.id FROM {above[-1].entity.relation} r0 WHERE {where}", bind)  # noqa: S608 # fmt: skip
        if not rows:
            raise NotFoundError(f"there is no such {above[-1].entity.one}.")
        return frozenset(row["id"] for row in rows)

    def _shapes(self, of: Entity) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        return shapes_of(self._con, of)

    def _rows(self, sql: str, bind: Binder) -> list[dict[str, Any]]:
        if bind.timed and not self._timed:
            every = "SELECT id FROM sta_datastream ORDER BY id"
            ids = self._con.execute(every).to_arrow_table().column("id").to_numpy()
            register_times(self._store, self._con, np.asarray(ids, np.int64))
            self._timed = True
        try:
            cursor = self._con.execute(sql, bind.values or None)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except (
            duckdb.ConversionException,
            duckdb.OutOfRangeException,
            duckdb.InvalidInputException,
            duckdb.BinderException,
        ) as err:
            said = str(err).splitlines()[0][:200]
            raise InvalidRequestError(f"$filter cannot be computed: {said}", "$filter") from err

    def _shown(
        self, of: Entity, found: Sequence[dict[str, Any]], options: Options
    ) -> list[dict[str, Any]]:
        """Rows as entities, Datastreams with what they observed so far."""
        rows = entities(of, found, options, self._root)
        if not of.name.endswith("Datastreams") or not rows:
            return rows
        if options.select and "observedArea" not in options.select:
            return rows
        ids = [row["id"] for row in found]
        observed = self._live.newest(np.array(ids, np.int64))[0].tolist()
        areas = observed_areas(self._con, ids, observed)
        if self._area is not None:
            areas = within(areas, self._area)
        for row, given in zip(rows, ids, strict=True):
            row.pop("observedArea", None)
            if given in areas:
                row["observedArea"] = areas[given]
        return rows

    def _complete(
        self,
        of: Entity,
        found: Sequence[dict[str, Any]],
        rows: Sequence[dict[str, Any]],
        options: Options,
        *,
        whole: bool,
    ) -> None:
        """Add to entities what is computed, and what is to be expanded."""
        if of.name.endswith("Datastreams"):
            self._add_times(rows, found, options, whole=whole)
        for link, inner in options.expand.items():
            self._expand(of, link, inner, found, rows)

    def _expand(
        self,
        of: Entity,
        link: str,
        options: Options,
        parents: Sequence[dict[str, Any]],
        rows: Sequence[dict[str, Any]],
    ) -> None:
        target, many = entity(of.links[link].target), of.links[link].many
        if target.name == "Observations" and self._newest_only(of, options):
            parents, rows = self._expand_newest(link, options, parents, rows)
        groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for row in self._linked(of, link, options, parents):
            groups[row["_parent"]].append(row)
        flat = [row for group in groups.values() for row in group[: options.top]]
        shown = self._shown(target, flat, options)
        self._complete(target, flat, shown, options, whole=False)
        made = iter(shown)
        linked = {key: [next(made) for _ in group[: options.top]] for key, group in groups.items()}
        for parent, row in zip(parents, rows, strict=True):
            key = _key_of(of, link, parent)
            inside = linked.get(key, [])
            row.pop(f"{link}@iot.navigationLink", None)
            if not many:
                row[link] = inside[0] if inside else None
                continue
            if options.count:
                row[f"{link}@iot.count"] = len(groups.get(key, ()))
            row[link] = inside
            if len(groups.get(key, ())) > options.top:
                row[f"{link}@iot.nextLink"] = next_link(self._root, of, parent["id"], link, options)

    @staticmethod
    def _newest_only(of: Entity, options: Options) -> bool:
        """Whether the newest Observation of each Datastream is wanted, and nothing that hangs on it."""
        plain = options.filter is None and tuple(options.orderby) in _NEWEST
        one = options.top == 1 and not (options.skip or options.count or options.expand)
        return of.name == "Datastreams" and plain and one

    def _expand_newest(
        self,
        link: str,
        options: Options,
        parents: Sequence[dict[str, Any]],
        rows: Sequence[dict[str, Any]],
    ) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
        """Newest readings from memory; the Datastreams of which more is kept are left for a question."""
        ids = np.array([parent["id"] for parent in parents], np.int64)
        later = self._pages.beside.intersection(ids.tolist())
        if len(later) == len(ids):
            return parents, rows
        streams, time_us, value = self._live.newest(ids)
        shown = newest_readings(streams, time_us, value, options, self._root)
        found = dict(zip(streams.tolist(), shown, strict=True))
        left_parents, left_rows = [], []
        for parent, row in zip(parents, rows, strict=True):
            if parent["id"] in later:
                left_parents.append(parent)
                left_rows.append(row)
                continue
            row.pop(f"{link}@iot.navigationLink", None)
            newest = found.get(parent["id"])
            row[link] = [] if newest is None else [newest]
        return left_parents, left_rows

    def _linked(
        self, of: Entity, link: str, options: Options, parents: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Rows a link leads to from each of some parents, at most one more than wanted of each (all where counted)."""
        target, bind = entity(of.links[link].target), Binder(self._shapes)
        keys = sorted({k for p in parents if (k := _key_of(of, link, p)) is not None})
        if not keys:
            return []
        if len(keys) > MOST_PARENTS:
            raise InvalidRequestError(
                f"$expand goes over {len(keys)} entities; at most {MOST_PARENTS} are expanded.",
                "$expand",
            )
        where, before = [], ""
        if target.name == "Observations":
            before = self._expanded_observations(of, options, keys)
        if options.filter is not None:
            where.append(condition(options.filter, target, "b", bind))
        order = _order(target, "b", options, bind)
        parent, source = self._source(of, link, keys, where, bind)
        joined = f"{source}{target.relation} b" + (" ON true" if source else "")
        low, most = options.skip, None if options.count else options.skip + options.top + 1
        kept = f"_nth > {low}" + (f" AND _nth <= {most}" if most is not None else "")
        sql = (
            f"{before}SELECT * FROM (SELECT {parent} AS _parent, {columns_of(target, 'b')}, "  # noqa: S608
            f"row_number() OVER (PARTITION BY {parent} ORDER BY {order}) AS _nth "
            f"FROM {joined} WHERE {' AND '.join(where)}) WHERE {kept} ORDER BY _parent, _nth"
        )
        return self._rows(sql, bind)

    def _source(
        self, of: Entity, link: str, keys: list[int], where: list[str], bind: Binder
    ) -> tuple[str, str]:
        """Which column says the parent of a row ``b``, and what ``b`` is joined to; conditions go to ``where``."""
        if of.name == "Observations":
            where.append(f"b.id IN (SELECT unnest({bind(keys)}))")
            return "b.id", ""
        if of.name.endswith("Datastreams") and link == "Observations":
            where.append(f"b._datastream IN (SELECT unnest({bind(keys)}))")
            return "b._datastream", ""
        source = f"(SELECT unnest({bind(keys)}) AS id) k JOIN {of.relation} a ON a.id = k.id JOIN "
        through = of.links[link].through
        if through is None:
            where.append(link_between(of, link, "a", "b"))
            return "a.id", source
        table, mine, other = through
        where.append(f"x.{other} = b.id")
        return "a.id", f"{source}{table} x ON x.{mine} = a.id JOIN "

    def _expanded_observations(self, of: Entity, options: Options, keys: list[int]) -> str:
        newest = options.filter is None and tuple(options.orderby) in _NEWEST
        if not of.name.endswith("Datastreams"):
            return self._observing.rows(bounds_of(options.filter))
        if newest and options.top == 1 and not options.skip and not options.count:
            return self._observing.newest_each(keys)
        asked = bounds_of(options.filter)
        return self._observing.rows(Bounds(frozenset(keys), asked.low_us, asked.high_us, False))

    def _add_times(
        self,
        rows: Sequence[dict[str, Any]],
        found: Sequence[dict[str, Any]],
        options: Options,
        *,
        whole: bool,
    ) -> None:
        """First and last times of observations of datastreams: of one that is asked for, or where selected."""
        for name in ("phenomenonTime", "resultTime"):
            if name not in options.select and (not whole or options.select):
                continue
            ids = np.array(sorted(row["id"] for row in found), np.int64)
            made = name == "resultTime"
            spans = (
                result_spans(self._con, ids)
                if made
                else phenomenon_spans(self._store, self._con, ids)
            )
            times = spans.moments()
            for row, data in zip(rows, found, strict=True):
                if data["id"] in times:
                    first, last = times[data["id"]]
                    row[name] = f"{shown_time(first)}/{shown_time(last)}"


def _key_of(of: Entity, link: str, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- an id
    if of.name == "Observations":
        return row["_feature" if link == "FeatureOfInterest" else "_datastream"]
    return row["id"]


def _order(of: Entity, alias: str, options: Options, bind: Binder) -> str:
    """What rows are sorted by: observations the newest first unless asked otherwise, ids last."""
    keys = [
        f"{sort_key(key, of, alias, bind)} {'DESC' if falls else 'ASC'} NULLS LAST"
        for key, falls in options.orderby
    ]
    if of.name == "Observations" and not keys:
        keys = [f"{alias}.time_from DESC"]
    return ", ".join([*keys, f"{alias}.id"])
