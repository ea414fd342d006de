"""Answers from arenas: of this version and of those still kept, in any process that can map the files."""

import itertools
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, overload
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.arena.delta import DeltaReader, Record
from twin.arena.files import DamagedArenaError, read_document
from twin.arena.matching import Masks, matched, window_of, within_reach
from twin.arena.segment import Segment
from twin.arena.view import Ints, View
from twin.errors import NotReadyError
from twin.features.asking import EVERYTHING, Ask, Field, Kind, Page, Reach
from twin.features.matching import checked
from twin.features.stored import EID, no_version, table_schema
from twin.features.values import as_arrow, sort_key, sorted_rows

__all__ = ["CURRENT", "KEEP_S", "ArenaReader", "Pieces", "Pinned", "folder_of"]

CURRENT: Final = "current"
"""The file that names the segment and the delta file of a collection."""
KEEP_S: Final = 600.0
"""Seconds for which versions of an earlier segment can still be asked for."""
VIEWS: Final = 32
CACHE_BYTES: Final = 64 << 20
TABLE_ROWS: Final = 1 << 14
TRIES: Final = 5
NUMBERS: Final = itertools.count()
FIRST: Final = np.zeros(1, np.int64)


def folder_of(arenas: Path, collection: str) -> Path:
    """Folder of a collection's arenas."""
    return arenas / quote(collection, safe="")


class Pieces(Sequence["bytes | memoryview"]):
    """Features of a page, cut out of the mapped file when they are looked at."""

    def __init__(self, view: View, handles: Ints) -> None:
        segment = view.segment
        self._data = segment.features
        later = len(view.later.at) > 0 and len(handles) > 0 and int(handles.max()) >= segment.n
        self._late: dict[int, bytes] = {}
        if later:
            for i in np.flatnonzero(handles >= segment.n).tolist():
                self._late[i] = view.later.things[int(handles[i]) - segment.n].feature
            handles = np.where(handles >= segment.n, 0, handles)
        if later and not segment.n:
            self._starts = self._ends = np.zeros(len(handles), np.int64)
        else:
            self._starts, self._ends = (
                segment.feature_at[handles],
                segment.feature_at[handles + 1] - 1,
            )

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, i: int) -> "bytes | memoryview": ...
    @overload
    def __getitem__(self, i: slice) -> "Sequence[bytes | memoryview]": ...
    def __getitem__(self, i: "int | slice") -> "bytes | memoryview | Sequence[bytes | memoryview]":
        if isinstance(i, slice):
            return list(self)[i]
        n = i + len(self) if i < 0 else i
        if n in self._late:
            return self._late[n]
        return self._data[int(self._starts[n]) : int(self._ends[n])]

    def __iter__(self) -> "Iterator[bytes | memoryview]":
        data = self._data
        pairs = zip(self._starts.tolist(), self._ends.tolist(), strict=True)
        if not self._late:
            return (data[a:b] for a, b in pairs)
        late = self._late
        return (late[i] if i in late else data[a:b] for i, (a, b) in enumerate(pairs))

    def joined(self) -> "bytes | memoryview":
        """All of them with commas between: the inside of a JSON array; neighbours are taken in one piece."""
        if not len(self):
            return b""
        if self._late:
            return b",".join(self)
        breaks = np.flatnonzero(self._starts[1:] != self._ends[:-1] + 1)
        data = self._data
        if not len(breaks):
            return data[int(self._starts[0]) : int(self._ends[-1])]
        starts = self._starts[np.concatenate([FIRST, breaks + 1])].tolist()
        ends = [*self._ends[breaks].tolist(), int(self._ends[-1])]
        return b",".join([data[a:b] for a, b in zip(starts, ends, strict=True)])


class Generation:
    """A segment and what came after it."""

    def __init__(self, folder: Path, segment: str, delta: str) -> None:
        self.number = next(NUMBERS)
        self.segment = Segment(folder / segment)
        self._delta = DeltaReader(folder / delta)
        self._taken = 0
        self._lock = threading.Lock()
        self._records: list[Record] = []
        self.latest = View.of(self.segment)
        self._views: OrderedDict[int, View] = OrderedDict({self.latest.version: self.latest})
        self.behind = False
        self.masks = Masks(self.segment)

    def refresh(self) -> None:
        """Take what was written since."""
        if not self._delta.has_news(self._taken):
            return
        with self._lock:
            for record in self._delta.news():
                if record.behind:
                    self.behind = True
                    continue
                self._records.append(record)
                self._keep(self.latest.after(record))
            self._taken = self._delta.end  # only now: who asks meanwhile waits for it

    def view(self, version: int) -> View | None:
        """A version; None where this segment and its changes never had it."""
        found = self._views.get(version)
        if found is not None:
            return found
        with self._lock:
            after = [r for r in self._records if r.mark.version <= version]
            if version != (after[-1].mark.version if after else self.segment.version):
                return None
            made = View.of(self.segment)
            for record in after:
                made = made.after(record)
            self._views[version] = made
            return made

    def close(self) -> None:
        """Let go of the delta file; what is mapped goes with its last user."""
        self._delta.close()

    def _keep(self, view: View) -> None:
        self._views[view.version] = view
        self.latest = view
        while len(self._views) > VIEWS:
            self._views.popitem(last=False)


class Collection:
    """The segments of a collection that can be asked for, the newest first."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self._folder = name, folder
        self._pointer = str(folder / CURRENT)
        self._seen: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._held: list[tuple[float, Generation]] = []

    def current(self) -> Generation:
        """The newest, up to date; two calls of the system where nothing changed.

        Raises
        ------
        NotReadyError
            If there is none, or it is waiting for another.
        """
        try:
            found = os.stat(self._pointer)  # noqa: PTH116 -- for every question: half the time
        except OSError:
            raise NotReadyError(
                f"The arena of {self.name} is not built yet; ask again in a moment."
            ) from None
        if (found.st_ino, found.st_mtime_ns) != self._seen:
            self._load()
        generation = self._held[0][1]
        generation.refresh()
        if generation.behind:
            raise NotReadyError(
                f"The arena of {self.name} is being made again; ask again in a moment."
            )
        return generation

    def view(self, version: int | None) -> tuple[Generation, View]:
        """A version, the latest where none is given."""
        newest = self.current()
        latest = newest.latest
        if version is None or version == latest.version:
            return newest, latest
        for _, generation in self._held:
            found = generation.view(version)
            if found is not None:
                return generation, found
        raise no_version(self.name, version, latest.version)

    def _load(self) -> None:
        with self._lock:
            for _ in range(TRIES):
                try:
                    found = os.stat(self._pointer)  # noqa: PTH116 -- for every question: half the time
                    named = read_document(Path(self._pointer))
                    made = Generation(self._folder, named["segment"], named["delta"])
                    break
                except (DamagedArenaError, OSError):  # replaced meanwhile, or not whole
                    time.sleep(0.01)
            else:
                raise NotReadyError(
                    f"The arena of {self.name} is damaged and is made again; ask again in a moment."
                )
            now = time.monotonic()
            kept = [(since, g) for since, g in self._held if now - since < KEEP_S or since == 0]
            if kept and kept[0][0] == 0:
                kept[0][1].refresh()
                kept[0] = (now, kept[0][1])
            self._held = [(0.0, made), *kept]
            self._seen = (found.st_ino, found.st_mtime_ns)


class ArenaReader:
    """Answers from the arenas of a city; any number of threads and processes may.

    Parameters
    ----------
    arenas : Path
        ``<city>/arenas``.

    Raises
    ------
    NotReadyError
        By all methods, for a collection whose arena is not there or not up to date.
    """

    def __init__(self, arenas: Path) -> None:
        self._arenas = arenas
        self._collections: dict[str, Collection] = {}
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[Any, ...], Ints] = OrderedDict()
        self._bytes = 0

    def version(self, collection: str) -> int:
        """Number of the last change it holds."""
        return self._collection(collection).current().latest.version

    def fields(self, collection: str) -> Mapping[str, Field]:
        """Fields of its things; one that no thing has any more stays until the next segment."""
        return self._collection(collection).current().latest.fields()

    def view(self, collection: str, version: int | None = None) -> View:
        """The arena itself: boxes, heights, shapes and coordinates where they lie."""
        return self._collection(collection).view(version)[1]

    def pinned(self, collection: str) -> "Pinned":
        """A collection as it is now, for who has several questions about one moment."""
        generation = self._collection(collection).current()
        return Pinned(self, generation, generation.latest)

    def page(self, ask: Ask) -> Page:
        """A page."""
        return self.page_of(*self._collection(ask.collection).view(ask.version), ask)

    def page_of(self, generation: Generation, view: View, ask: Ask) -> Page:
        """A page of a version that is at hand."""
        if ask.where is not None or ask.sort or ask.limit < 0 or ask.start < 0:
            checked(ask, view.fields())
        if ask.box is None and ask.where is None and not ask.sort and ask.reach == EVERYTHING:
            return Page(
                view.version, view.n, Pieces(view, view.handles(ask.start, ask.start + ask.limit))
            )
        found = self._found(generation, view, ask)
        return Page(
            view.version, len(found), Pieces(view, found[ask.start : ask.start + ask.limit])
        )

    def one(
        self, collection: str, eid: str, reach: Reach = EVERYTHING, version: int | None = None
    ) -> bytes | memoryview | None:
        """One thing."""
        return self.one_of(*self._collection(collection).view(version), eid, reach)

    @staticmethod
    def one_of(
        generation: Generation, view: View, eid: str, reach: Reach
    ) -> bytes | memoryview | None:
        """One thing of a version that is at hand."""
        if EID.fullmatch(eid) is None:
            return None
        handle = view.find(bytes.fromhex(eid.replace("-", "")))
        if handle < 0:
            return None
        if reach is not EVERYTHING:
            handles = np.array([handle], np.int64)
            if not within_reach(view, generation.masks, handles, reach)[0]:
                return None
        return view.feature(handle)

    def table(self, ask: Ask, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything it finds, by column."""
        generation, view = self._collection(ask.collection).view(ask.version)
        fields = view.fields()
        chosen = [n for n in fields if n != "geometry"] if names is None else list(names)
        checked(Ask(ask.collection, sort=tuple((name, False) for name in chosen)), fields)
        checked(ask, fields)
        found = self._found(generation, view, ask)[ask.start : ask.start + ask.limit]
        schema = table_schema(fields, chosen)
        for first in range(0, len(found), TABLE_ROWS):
            handles = found[first : first + TABLE_ROWS]
            columns = []
            for name in chosen:
                kind = fields[name].kind
                columns.append(as_arrow(*view.column(name, handles, kind), kind))
            shapes = pa.array(shapely.to_wkb(view.shapes(handles)), pa.binary())
            yield pa.record_batch([_texts(view.eids(handles)), *columns, shapes], schema=schema)

    def _collection(self, name: str) -> Collection:
        found = self._collections.get(name)
        if found is None:
            with self._lock:
                found = self._collections.setdefault(
                    name, Collection(name, folder_of(self._arenas, name))
                )
        return found

    def _found(self, generation: Generation, view: View, ask: Ask) -> Ints:
        """Handles of everything asked for, in order; kept for the next page."""
        key = (
            generation.number, ask.collection, view.version, ask.box,
            None if ask.where is None else ask.where.key, ask.reach, ask.sort,
        )  # fmt: skip
        with self._lock:
            held = self._cache.get(key)
            if held is not None:
                self._cache.move_to_end(key)
                return held
        found = matched(view, generation.masks, ask.box, ask.where, ask.reach)
        if ask.sort:
            found = found[self._order(view, found, ask.sort)]
        with self._lock:
            self._cache[key] = found
            self._bytes += found.nbytes + 512
            while self._bytes > CACHE_BYTES and len(self._cache) > 1:
                self._bytes -= self._cache.popitem(last=False)[1].nbytes + 512
        return found

    @staticmethod
    def _order(view: View, handles: Ints, sort: tuple[tuple[str, bool], ...]) -> NDArray[np.intp]:
        fields, keys = view.fields(), []
        for name, descending in sort:
            kind: Kind = fields[name].kind
            keys.append(sort_key(*view.column(name, handles, kind), kind, descending))
        return sorted_rows(keys)


class Pinned:
    """One collection at one version; a :class:`twin.features.asking.Reader` that asks nothing of the system.

    Attributes
    ----------
    view : View
    """

    __slots__ = ("_arenas", "_generation", "view")

    def __init__(self, arenas: ArenaReader, generation: Generation, view: View) -> None:
        self._arenas, self._generation, self.view = arenas, generation, view

    def version(self, _collection: str) -> int:
        """The version."""
        return self.view.version

    def fields(self, _collection: str) -> Mapping[str, Field]:
        """Fields of its things."""
        return self.view.fields()

    def page(self, ask: Ask) -> Page:
        """A page; of an earlier version where the question names it."""
        if ask.version is not None and ask.version != self.view.version:
            return self._arenas.page(ask)
        return self._arenas.page_of(self._generation, self.view, ask)

    def one(
        self, collection: str, eid: str, reach: Reach = EVERYTHING, version: int | None = None
    ) -> bytes | memoryview | None:
        """One thing."""
        if version is not None and version != self.view.version:
            return self._arenas.one(collection, eid, reach, version)
        return self._arenas.one_of(self._generation, self.view, eid, reach)

    def table(self, ask: Ask, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything a question finds, by column."""
        version = self.view.version if ask.version is None else ask.version
        return self._arenas.table(replace(ask, version=version), names)

    def is_short(self, ask: Ask, most: int) -> bool:
        """Whether at most so many things, and those that came later, have to be looked at for a page."""
        if ask.sort or (ask.version is not None and ask.version != self.view.version):
            return False
        near = ask.box if ask.where is None or ask.box is not None else ask.where.box
        if near is None:
            return ask.where is None
        segment = self.view.segment
        return sum(segment.most_within(window_of(half), most) for half in near.halves()) <= most


def _texts(eids: NDArray[np.uint8]) -> pa.Array:
    """Identifiers as they are written."""
    raw = eids.tobytes().hex()
    made = []
    for i in range(0, len(raw), 32):
        t = raw[i : i + 32]
        made.append(f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}")
    return pa.array(made, pa.string())
