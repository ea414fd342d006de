"""A collection at one version: a segment, the things that were replaced, added and taken away since, and their order.

A thing is named by its *handle*: its row in the segment, or ``n + i`` for the i-th of the later ones, which stand in
the order of the version among themselves.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.arena.delta import Record
from twin.arena.segment import Segment
from twin.features.asking import Field, Kind
from twin.features.values import MOST_VALUES, TYPED, as_column, as_text, fields_of, type_of

__all__ = ["Later", "View", "ViewRows"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing that is newer than the segment."""

    feature: bytes
    shape: shapely.Geometry | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Later:
    """Things newer than the segment, in the order of the version; arrays of length m."""

    eids: NDArray[np.uint8]
    place: Ints
    at: Ints
    boxes: NDArray[np.float64]
    heights: NDArray[np.float64]
    form: NDArray[np.uint8]
    things: NDArray[np.object_]

    @classmethod
    def none(cls) -> Self:
        """Nothing."""
        return cls(
            np.empty((0, 16), np.uint8), np.empty(0, np.int64), np.empty(0, np.int64),
            np.empty((0, 4)), np.empty((0, 2)), np.empty(0, np.uint8), np.empty(0, object),
        )  # fmt: skip

    def find(self, eid: bytes) -> int:
        """Place of an identifier, -1 where it is not."""
        if not len(self.eids):
            return -1
        halves = np.frombuffer(eid, "<u8")
        own = self.eids.view("<u8")
        found = np.flatnonzero((own[:, 1] == halves[1]) & (own[:, 0] == halves[0]))
        return int(found[0]) if len(found) else -1

    def without(self, rows: list[int]) -> "Later":
        """All but some."""
        if not rows:
            return self
        return Later(*(np.delete(getattr(self, name), rows, axis=0) for name in self.__slots__))

    def with_more(self, more: "Later") -> "Later":
        """These and others, in order."""
        both = [
            np.concatenate([getattr(self, name), getattr(more, name)]) for name in self.__slots__
        ]
        eids, place = both[0], both[1]
        halves = np.ascontiguousarray(eids).view(">u8")
        order = np.lexsort((halves[:, 1], halves[:, 0], place))
        return Later(*(array[order] for array in both))


class View:
    """One version of a collection; never changes.

    Attributes
    ----------
    version : int
    n : int
        Things in it.
    gone : ndarray of int64
        Rows of the segment that are not so any more, ascending.
    later : Later
    """

    def __init__(
        self,
        segment: Segment,
        version: int,
        gone: Ints,
        later: Later,
        types: dict[str, int],
        few: dict[str, Any],
    ) -> None:
        self.segment, self.version, self.gone, self.later = segment, version, gone, later
        self._types, self._few = types, few
        m = len(later.at)
        self.n = segment.n - len(gone) + m
        self._ranks = later.at - np.searchsorted(gone, later.at) + np.arange(m)
        self._alive = gone - np.arange(len(gone))
        self._fields: dict[str, Field] | None = None  # fmt: skip

    @classmethod
    def of(cls, segment: Segment) -> "View":
        """The version a segment was made at."""
        none = np.empty(0, np.int64)
        return cls(segment, segment.version, none, Later.none(), segment.types(), segment.few())

    def after(self, record: Record) -> "View":
        """The version after a transaction."""
        things = record.things
        eids = record.gone if things is None else np.concatenate([record.gone, things.eids])
        rows = self.segment.find(eids)
        gone = np.union1d(self.gone, rows[rows >= 0])
        old = [self.later.find(eid.tobytes()) for eid in eids]
        later = self.later.without(sorted({i for i in old if i >= 0}))
        types, few = self._types, self._few
        if things is not None:
            more = _later(self.segment, record)
            later = later.with_more(more)
            types, few = dict(types), dict(few)
            for thing in more.things:
                _tally(types, few, thing.values)
        return View(self.segment, record.mark.version, gone, later, types, few)

    def fields(self) -> dict[str, Field]:
        """Fields of its things."""
        if self._fields is None:
            self._fields = fields_of(self._types, self._few)
        return self._fields

    def handles(self, start: int, end: int) -> Ints:
        """Things from a place in the order to another, unfiltered."""
        ranks = np.arange(start, max(start, min(end, self.n)), dtype=np.int64)
        if not len(self.gone) and not len(self._ranks):
            return ranks
        before = np.searchsorted(self._ranks, ranks)
        alive = ranks - before
        made = alive + np.searchsorted(self._alive, alive, side="right")
        a, b = np.searchsorted(self._ranks, [start, start + len(ranks)])
        made[self._ranks[a:b] - start] = self.segment.n + np.arange(a, b)
        return made

    def everything(self) -> Ints:
        """All handles, in order."""
        return self.handles(0, self.n)

    def in_order(self, rows: Ints, later: Ints) -> Ints:
        """Rows of the segment and places of later things, both ascending, as handles in order; without rows that are gone."""
        if len(rows) and len(self.gone):
            at = np.minimum(np.searchsorted(self.gone, rows), len(self.gone) - 1)
            rows = rows[self.gone[at] != rows]
        if not len(later):
            return rows
        keys = np.concatenate([2 * self.later.at[later], 2 * rows + 1])
        return np.concatenate([later + self.segment.n, rows])[np.argsort(keys, kind="stable")]

    def find(self, eid: bytes) -> int:
        """Handle of an identifier (16 bytes), -1 where it is not."""
        if len(self.later.at):
            found = self.later.find(eid)
            if found >= 0:
                return self.segment.n + found
        row = self.segment.find_one(eid)
        if row >= 0 and len(self.gone):
            at = int(np.searchsorted(self.gone, row))
            if at < len(self.gone) and self.gone[at] == row:
                return -1
        return row

    def feature(self, handle: int) -> bytes | memoryview:
        """The encoded feature of a handle."""
        n = self.segment.n
        if handle >= n:
            return bytes(self.later.things[handle - n].feature)
        return self.segment.feature(handle)

    def eids(self, handles: Ints) -> NDArray[np.uint8]:
        """Identifiers (k, 16)."""
        return self._both(handles, self.segment.eids, self.later.eids)

    def heights(self, handles: Ints) -> NDArray[np.float64]:
        """Lowest and highest (k, 2)."""
        return self._both(handles, self.segment.heights, self.later.heights)

    def boxes(self, handles: Ints) -> NDArray[np.float64]:
        """West, south, east, north (k, 4), NaN without a place."""
        return self._both(handles, self.segment.boxes, self.later.boxes)

    def shapes(self, handles: Ints) -> NDArray[np.object_]:
        """Shapes in degrees, None for none."""
        rows, late, where = self._split(handles)
        found = self.segment.shapes(rows)
        if where is None:
            return found
        made = np.empty(len(handles), object)
        made[~where] = found
        made[where] = [self.later.things[i].shape for i in late.tolist()]
        return made

    def column(
        self, name: str, handles: Ints, kind: Kind
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values of a field as a kind, and which are known."""
        rows, late, where = self._split(handles)
        found = self.segment.column(name, rows, kind)
        if found is None:
            found = as_column([None] * len(rows), kind)
        if where is None:
            return found
        more = as_column([self.later.things[i].values.get(name) for i in late.tolist()], kind)
        values = np.empty(len(handles), found[0].dtype)
        known = np.empty(len(handles), bool)
        values[~where], values[where] = found[0], more[0]
        known[~where], known[where] = found[1], more[1]
        return values, known

    def _both(self, handles: Ints, old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
        rows, late, where = self._split(handles)
        if where is None:
            return old[rows]
        made = np.empty((len(handles), *old.shape[1:]), old.dtype)
        made[~where], made[where] = old[rows], new[late]
        return made

    def _split(self, handles: Ints) -> tuple[Ints, Ints, NDArray[np.bool_] | None]:
        """Rows of the segment, places of later things, and which are later; None where none is."""
        if not len(self.later.at):
            return handles, handles[:0], None
        where = handles >= self.segment.n
        if not where.any():
            return handles, handles[:0], None
        return handles[~where], handles[where] - self.segment.n, where


class ViewRows:
    """Some things of a view for a condition; satisfies :class:`twin.features.asking.Rows`."""

    def __init__(self, view: View, handles: Ints) -> None:
        self._view, self._handles = view, handles
        self.n = len(handles)

    def column(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values and which are known."""
        return self._view.column(name, self._handles, self._view.fields()[name].kind)

    def shapes(self) -> NDArray[np.object_]:
        """Shapes in degrees, None for none."""
        return self._view.shapes(self._handles)

    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest."""
        found = self._view.heights(self._handles)
        return found[:, 0], found[:, 1]


def _later(segment: Segment, record: Record) -> Later:
    things = record.things
    assert things is not None  # noqa: S101 -- asked for records with things
    typed = {name: things.values(name) for name in TYPED}
    made = np.empty(things.n, object)
    for i, (feature, shape, own) in enumerate(
        zip(things.features(), things.shapes, things.attributes, strict=True)
    ):
        made[i] = Thing(feature, shape, {**own, **{name: typed[name][i] for name in TYPED}})
    at = _insertion(segment, things.place, things.eids)
    return Later(things.eids, things.place, at, things.boxes, things.heights, things.form, made)


def _insertion(segment: Segment, place: Ints, eids: NDArray[np.uint8]) -> Ints:
    """Row before which each thing stands in the order of the segment."""
    low = np.searchsorted(segment.place, place, side="left")
    high = np.searchsorted(segment.place, place, side="right")
    made = np.empty(len(place), np.int64)
    for i, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        own, left, right = eids[i].tobytes(), a, b
        while left < right:
            middle = (left + right) // 2
            if segment.eids[middle].tobytes() < own:
                left = middle + 1
            else:
                right = middle
        made[i] = left
    return made


def _tally(types: dict[str, int], few: dict[str, Any], values: dict[str, Any]) -> None:
    """Count the values of a thing that came later."""
    for name, value in values.items():
        if name not in TYPED:
            if name in ("geometry", "eid"):
                continue
            types[name] = types.get(name, 0) | type_of(value)
        elif TYPED[name] is not Kind.TEXT:
            continue
        if value is None:
            continue
        held = few.get(name, ())
        if held is not None and as_text(value) not in held:
            more = {*held, as_text(value)}
            few[name] = None if len(more) > MOST_VALUES else more
