"""The states a scene shows: every stream and every thing something is tied to, kept current by events.

:class:`SceneStates` is a picture of one moment and follows the events after it, live ones or those of the past
alike. Beside each state stands the number of the event that last changed it, so what changed since any number is
one comparison, and a slow reader costs nothing (:mod:`twin.live.channels`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from twin.live.catalogue import Catalogue
from twin.live.events import Event
from twin.live.state import NOTHING, WORST, alarm_byte, of_things, stream_bytes

__all__ = ["Layer", "Picture", "SceneStates"]

Things = Callable[[list[str]], Mapping[str, tuple[str, str]]]
"""Class code and collection of things by eid; things it does not name are not there."""


@dataclass(slots=True)
class Layer:
    """Features of one kind, columns of shape (n,).

    Parameters
    ----------
    ids : ndarray of uint8, shape (n, width)
        Bytes of each id.
    state : ndarray of uint8
        State bytes (:mod:`twin.live.state`).
    changed : ndarray of int64
        Number of the event that last changed the state; 0 where none that is remembered did.
    lon, lat, z : ndarray of float64
        Degrees, metres above the ellipsoid; NaN where unknown.
    grid, subject, class_code, collection : ndarray of object
        Texts, None where there is none.
    value : ndarray of float64, optional
        Newest readings; of streams only.
    valued : ndarray of int64, optional
        Number of the event that last brought one.
    """

    ids: NDArray[np.uint8]
    state: NDArray[np.uint8]
    changed: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    z: NDArray[np.float64]
    grid: NDArray[Any]
    subject: NDArray[Any]
    class_code: NDArray[Any]
    collection: NDArray[Any]
    value: NDArray[np.float64] | None = None
    valued: NDArray[np.int64] | None = None
    lately: "Lately" = field(default_factory=lambda: Lately())
    lately_valued: "Lately" = field(default_factory=lambda: Lately())

    def __len__(self) -> int:
        return len(self.state)


class Lately:
    """Which rows the last events changed, so that what changed since one of them needs no look at all rows."""

    MOST_ROWS: Final = 65_536

    def __init__(self) -> None:
        self.whole_from = 0
        """Every change by an event after this number is here."""
        self._changes: deque[tuple[int, NDArray[np.int64]]] = deque()
        self._n = 0

    def add(self, number: int, rows: NDArray[np.int64]) -> None:
        """An event changed rows (ascending)."""
        self._changes.append((number, rows))
        self._n += 1 + len(rows)
        while self._n > self.MOST_ROWS:
            self.whole_from, gone = self._changes.popleft()
            self._n -= 1 + len(gone)

    def since(self, number: int) -> NDArray[np.int64] | None:
        """Rows changed after an event, ascending; None where that is not known here."""
        if number < self.whole_from:
            return None
        found: list[NDArray[np.int64]] = []
        for at, rows in reversed(self._changes):
            if at <= number:
                break
            found.append(rows)
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


@dataclass(frozen=True, slots=True)
class Picture:
    """How a city stands at one moment.

    Parameters
    ----------
    catalogue : Catalogue
        Streams that are shown.
    state : ndarray of uint8, shape (n_streams,)
        Index into :data:`twin.live.state.STATES`.
    value : ndarray of float64, shape (n_streams,)
    alarms : list of dict
        ``id, stream_id, state, level`` of those that are not closed.
    cases : list of dict
        ``id, eid, lon, lat, z, grid_code`` of those that are open.
    seq : int
        Number of an event not after the moment.
    time_us : int
        The moment, microseconds since 1970 UTC.
    """

    catalogue: Catalogue
    state: NDArray[np.uint8]
    value: NDArray[np.float64]
    alarms: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    seq: int
    time_us: int


@dataclass(slots=True)
class _Ties:
    """Which streams hang on which thing, in one run of rows a thing."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    def of(self, things: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Stream rows of some things one after the other, and where those of each begin."""
        inside = np.minimum(things, len(self.starts) - 2)
        known = things < len(self.starts) - 1
        counts = np.where(known, self.starts[inside + 1] - self.starts[inside], 0)
        ends = np.cumsum(counts)
        flat = np.repeat(self.starts[inside] - (ends - counts), counts) + np.arange(counts.sum())
        return self.order[flat], np.concatenate([[0], ends])


class SceneStates:
    """States of streams and things; one thread changes and reads it.

    Parameters
    ----------
    picture : Picture
    things : callable
        Class code and collection of things by eid.
    """

    def __init__(self, picture: Picture, things: Things) -> None:
        self.catalogue = picture.catalogue
        self.seq, self.time_us = picture.seq, picture.time_us
        self._things = things
        self._reading = picture.state.copy()
        self._alarms: dict[int, dict[str, int]] = {}
        self._alarm = np.zeros(len(picture.state), np.uint8)
        self._case_of: dict[str, int] = {}
        for alarm in picture.alarms:
            self._set_alarm(alarm)
        self.streams = self._stream_layer(picture.value)
        self.things, self._row_of, self._thing, self._ties = self._thing_layer()
        self._cases = np.zeros(len(self.things), np.int64)
        for case in picture.cases:
            self._set_case(case, opened=True)
        everything = np.arange(len(self.things))
        flat, starts = self._ties.of(everything)
        self.things.state[:] = of_things(self.streams.state[flat], starts, self._cases > 0)
        for lately in (self.streams.lately, self.streams.lately_valued, self.things.lately):
            lately.whole_from = picture.seq

    def layer(self, name: str) -> Layer:
        """``streams``, or the things any other name is about."""
        return self.streams if name == "streams" else self.things

    def apply(self, event: Event) -> None:
        """Follow an event; its number becomes :attr:`seq`."""
        if event.changes is not None:
            rows = self.catalogue.of_ids(event.changes.stream_id)
            known = rows >= 0
            rows = rows[known]
            self._reading[rows] = event.changes.state[known]
            value, valued = self.streams.value, self.streams.valued
            assert value is not None and valued is not None  # noqa: S101, PT018 -- of streams
            value[rows], valued[rows] = event.changes.value[known], event.event_id
            self.streams.lately_valued.add(event.event_id, rows)
            self._settle(rows, event.event_id)
        elif event.kind == "alarm" and event.data is not None:
            row = self._set_alarm(event.data)
            if row >= 0:
                self._settle(np.array([row]), event.event_id)
        elif event.kind == "case" and event.data is not None:
            thing = self._set_case(event.data, opened=event.data.get("closed_at") is None)
            if thing >= 0:
                self._settle_things(np.array([thing]), event.event_id)
        self.seq = event.event_id

    def recall(self, events: Iterable[Event]) -> None:
        """Note which events changed what, without following them: they are in the picture already."""
        seq, reading, value = self.seq, self._reading.copy(), self.streams.value
        assert value is not None  # noqa: S101 -- of streams
        for event in events:
            if event.changes is not None:
                rows = self.catalogue.of_ids(event.changes.stream_id)
                self._recalled(rows[rows >= 0], event.event_id)
            elif event.kind == "alarm" and event.data is not None:
                rows = self.catalogue.of_ids(np.array([event.data["stream_id"]]))
                self._recalled(rows[rows >= 0], event.event_id)
            elif event.kind == "case" and event.data is not None:
                thing = self._row_of.get(event.data.get("eid") or "", -1)
                if thing >= 0:
                    self.things.changed[thing] = event.event_id
        self.seq, self._reading = seq, reading

    def _recalled(self, rows: NDArray[np.int64], number: int) -> None:
        valued = self.streams.valued
        assert valued is not None  # noqa: S101 -- of streams
        self.streams.changed[rows] = valued[rows] = number
        things = self._thing[rows]
        self.things.changed[things[things >= 0]] = number

    def _settle(self, rows: NDArray[np.int64], number: int) -> None:
        """Streams were changed by an event: their state, and that of the things they hang on."""
        state = stream_bytes(self._reading[rows], self._alarm[rows])
        moved = rows[state != self.streams.state[rows]]
        self.streams.state[rows] = state
        self.streams.changed[moved] = number
        self.streams.lately.add(number, moved)
        things = self._thing[moved]
        things = np.unique(things[things >= 0])
        if len(things):
            self._settle_things(things, number)

    def _settle_things(self, things: NDArray[np.int64], number: int) -> None:
        flat, starts = self._ties.of(things)
        state = of_things(self.streams.state[flat], starts, self._cases[things] > 0)
        moved = things[state != self.things.state[things]]
        self.things.state[things] = state
        self.things.changed[moved] = number
        self.things.lately.add(number, moved)

    def _set_alarm(self, alarm: Mapping[str, Any]) -> int:
        """Row of the stream of an alarm that came to a state; −1 where it is not shown."""
        row = int(self.catalogue.of_ids(np.array([alarm["stream_id"]]))[0])
        if row < 0:
            return row
        standing, byte = (
            self._alarms.setdefault(row, {}),
            alarm_byte(alarm["state"], alarm["level"]),
        )
        if byte:
            standing[alarm["id"]] = byte
        else:
            standing.pop(alarm["id"], None)
        worst = max((each & WORST for each in standing.values()), default=NOTHING)
        flags = 0
        for each in standing.values():
            flags |= each & ~WORST
        self._alarm[row] = worst | flags
        return row

    def _set_case(self, case: Mapping[str, Any], opened: bool) -> int:
        """Row of the thing of a case that is open or closed; −1 where it has none that is shown."""
        before = self._case_of.pop(case["id"], -1)
        if before >= 0:
            self._cases[before] -= 1
        if not opened or case.get("eid") is None:
            return before
        row = self._row_of.get(case["eid"], -1)
        if row < 0:
            row = self._append(case)
        if row >= 0:
            self._case_of[case["id"]] = row
            self._cases[row] += 1
        return row

    def _stream_layer(self, value: NDArray[np.float64]) -> Layer:
        table, n = self.catalogue.table, len(self.catalogue.ids)
        none = np.full(n, None, object)
        return Layer(
            self.catalogue.ids.astype("<i8").view(np.uint8).reshape(n, 8),
            stream_bytes(self._reading, self._alarm),
            np.zeros(n, np.int64),
            self.catalogue.lon,
            self.catalogue.lat,
            np.asarray(table.column("z").to_numpy(), np.float64),
            table.column("grid_code").to_numpy(zero_copy_only=False),
            table.column("subject").to_numpy(zero_copy_only=False),
            none,
            none,
            value.copy(),
            np.zeros(n, np.int64),
        )

    def _thing_layer(self) -> tuple[Layer, dict[str, int], NDArray[np.int64], _Ties]:
        """Things that streams are tied to, in the order of their ids; row by eid; thing of each stream; the ties."""
        eids = self.catalogue.table.column("eid").combine_chunks()
        coded = eids.dictionary_encode()
        names = coded.dictionary.to_pylist()
        known = self._things(names)
        order = sorted(name for name in names if name in known)
        row_of = {name: row for row, name in enumerate(order)}
        rank = np.array([*(row_of.get(name, -1) for name in names), -1], np.int64)
        codes = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        thing = rank[codes.astype(np.int64)]
        by_thing = np.argsort(thing, kind="stable")
        by_thing = by_thing[np.searchsorted(thing[by_thing], 0) :]
        starts = np.searchsorted(thing[by_thing], np.arange(len(order) + 1))
        first = by_thing[starts[:-1]]
        n, s = len(order), self.streams
        layer = Layer(
            _uuid_bytes(order),
            np.zeros(n, np.uint8),
            np.zeros(n, np.int64),
            s.lon[first],
            s.lat[first],
            s.z[first],
            s.grid[first],
            s.subject[first],
            _objects(known[name][0] for name in order),
            _objects(known[name][1] for name in order),
        )
        return layer, row_of, thing, _Ties(by_thing, starts)

    def _append(self, case: Mapping[str, Any]) -> int:
        """A thing that only cases are tied to comes last; −1 where there is no such thing."""
        known = self._things([case["eid"]]).get(case["eid"])
        if known is None:
            return -1
        t = self.things
        numbers = [np.nan if case.get(k) is None else float(case[k]) for k in ("lon", "lat", "z")]
        t.ids = np.concatenate([t.ids, _uuid_bytes([case["eid"]])])
        t.state, t.changed = np.append(t.state, np.uint8(0)), np.append(t.changed, 0)
        t.lon, t.lat, t.z = (
            np.append(column, number)
            for column, number in zip((t.lon, t.lat, t.z), numbers, strict=True)
        )
        texts = (case.get("grid_code"), None, *known)
        t.grid, t.subject, t.class_code, t.collection = (
            np.append(column, _objects([text]))
            for column, text in zip(
                (t.grid, t.subject, t.class_code, t.collection), texts, strict=True
            )
        )
        self._cases = np.append(self._cases, 0)
        self._row_of[case["eid"]] = len(t) - 1
        return len(t) - 1


def _uuid_bytes(eids: list[str]) -> NDArray[np.uint8]:
    raw = bytes.fromhex("".join(eids).replace("-", ""))
    return np.frombuffer(raw, np.uint8).reshape(len(eids), 16)


def _objects(texts: Iterable[str | None]) -> NDArray[Any]:
    found = list(texts)
    out = np.empty(len(found), object)
    out[:] = found
    return out
