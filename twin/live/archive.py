"""All readings of a city that came live: the open log, the sealed chunks, and one answer over both.

``live/`` in the city folder holds ``log/`` (:mod:`twin.live.log`), ``history/`` (:mod:`twin.live.chunks`)
and ``history/manifest.json``, which says which chunks count and up to which frame of the log they reach;
it is replaced in one step, so a crash while sealing leaves the old or the new state, never a mixture.
A reading is in the log or in one chunk, and never twice.
"""

import json
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from twin.durable import sync_folder
from twin.live.chunks import (
    HOUR_US,
    LEAST,
    MOST,
    MOST_TABLE,
    Chunk,
    Rollup,
    among,
    rolled,
    write_chunk,
)
from twin.live.log import Log
from twin.live.readings import Readings, decode, encode, joined
from twin.live.tail import Tail
from twin.store import Store

__all__ = ["SEAL_ROWS", "Archive", "Newest", "newest_of"]

SEAL_ROWS = 1_000_000
"""Readings in the open log from which on they are sealed."""

SEAL_FRAMES = 10_000
"""Frames of the open log from which on they are sealed, so that a start replays few."""

MERGED_ROWS = 4 * SEAL_ROWS
"""Chunks are merged up to so many readings."""

DAY_US = 24 * HOUR_US
SPANS_US = (DAY_US, 30 * DAY_US, MOST)
MOST_PARTS = 32

Newest = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Stream ids (ascending), times (µs since 1970 UTC) and results of the newest readings."""

T = TypeVar("T")
_open: "weakref.WeakKeyDictionary[Store, Archive]" = weakref.WeakKeyDictionary()
_opening = threading.Lock()


class Archive:
    """Readings of one city, durable and exact; one thread writes, any thread reads.

    Parameters
    ----------
    folder : Path
        ``live`` in the city folder.
    read_only : bool
        Change nothing on disk.
    """

    def __init__(self, folder: Path, read_only: bool = False) -> None:
        self._history = folder / "history"
        self._lock = threading.Lock()  # which parts there are
        self._sealing = threading.Lock()
        manifest = self._manifest()
        self._sealed: int = manifest["sealed"]
        self._chunks = [
            Chunk(self._history / name, rows, low, high)
            for name, rows, low, high in manifest["chunks"]
        ]
        self._newest = self._stored_newest(manifest.get("newest"))
        self._frozen: Tail | None = None
        self._frozen_to = 0
        self._frozen_state: Any = None
        self.state: Any = manifest.get("state")
        self._tail = Tail()
        self._log = Log(folder / "log", read_only)
        for number, content in self._log.replay():
            if number >= self._sealed:
                self._tail.append(number, decode(content))
        self._log.next = max(self._log.next, self._sealed)
        if not read_only:
            self._history.mkdir(parents=True, exist_ok=True)
            self._tidy()

    @classmethod
    def of(cls, store: Store) -> "Archive":
        """The archive of an open base; the same one for as long as the base is open."""
        with _opening:
            found = _open.get(store)
            if found is None:
                found = _open[store] = cls(store.city.path / "live", store.read_only)
                weakref.finalize(store, found.close)
            return found

    def _manifest(self) -> dict[str, Any]:
        path = self._history / "manifest.json"
        if not path.exists():
            return {"sealed": 0, "chunks": [], "newest": None}
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _stored_newest(self, name: str | None) -> Newest:
        if name is None:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        with np.load(self._history / name) as stored:
            return stored["stream_id"], stored["time_us"], stored["value"]

    def _tidy(self) -> None:
        """Remove what no manifest names: left by a crash while sealing."""
        known = {path for chunk in self._chunks for path in (chunk.path, chunk.hours_path)}
        known |= {self._history / "manifest.json", self._history / f"newest-{self._sealed}.npz"}
        for path in self._history.iterdir():
            if path not in known:
                path.unlink()
        self._log.drop(self._sealed)

    @property
    def next_frame(self) -> int:
        """Number the next frame of the log gets."""
        return self._log.next

    @property
    def open_rows(self) -> int:
        """Readings not sealed yet."""
        return len(self._tail) + (0 if self._frozen is None else len(self._frozen))

    @property
    def frozen(self) -> bool:
        """Whether readings were frozen that :meth:`seal` has not moved yet."""
        return self._frozen is not None

    @property
    def due(self) -> bool:
        """Whether the open log is long enough to be sealed."""
        return len(self._tail) >= SEAL_ROWS or self._tail.frames >= SEAL_FRAMES

    def open_blocks(self, rows: int = 16_384) -> Iterator[Readings]:
        """Open readings in the order they came, some at a time."""
        everything = self._tail.view()
        for start in range(0, len(everything), rows):
            yield everything.take(slice(start, start + rows))

    def __len__(self) -> int:
        with self._lock:
            return self.open_rows + sum(chunk.rows for chunk in self._chunks)

    def append(self, readings: Readings, received_us: int) -> int:
        """Keep readings that are not there yet, durably before this returns the frame's number.

        Raises
        ------
        OSError
            If the disk cannot take them; nothing is kept then.
        """
        frame = self._log.append(encode(readings, received_us))
        self._tail.append(frame, readings)
        return frame

    def since(self, frame: int) -> list[tuple[int, Readings]]:
        """Numbers and readings of each frame of the open log from number ``frame`` on."""
        return self._tail.since(frame)

    def newest(self, before: int | None = None) -> Newest:
        """Newest reading of every stream that has one; ``before``: of frames before that number."""
        with self._lock:
            frozen, tail = self._frozen, self._tail
        parts = [] if frozen is None else [frozen.view()]
        open_ = tail.view()
        if before is not None:
            later = sum(len(part) for _, part in tail.since(before))
            open_ = open_.take(slice(0, len(open_) - later))
        return newest_of(self._newest, [*parts, open_])

    def find(self, stream_id: NDArray[np.int64], time_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """Result kept for each stream and time, NaN where there is none; shape (k,)."""
        value = np.full(len(stream_id), np.nan)
        with self._lock:
            tails = [self._tail, *([] if self._frozen is None else [self._frozen])]
        for tail in tails:
            rows = tail.find(stream_id, time_us)
            value[rows >= 0] = tail.value_at(rows[rows >= 0])
        open_ = np.flatnonzero(np.isnan(value))
        if len(open_):
            value[open_] = self._retried(
                lambda: self._sealed_values(stream_id[open_], time_us[open_])
            )
        return value

    def _sealed_values(
        self, stream_id: NDArray[np.int64], time_us: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        value = np.full(len(stream_id), np.nan)
        for chunk in self._parts()[0]:
            inside = (time_us >= chunk.low_us) & (time_us <= chunk.high_us)
            open_ = np.flatnonzero(inside & np.isnan(value))
            if not len(open_):
                continue
            low, high = int(time_us[open_].min()), int(time_us[open_].max())
            kept = chunk.read(np.unique(stream_id[open_]), low, high + 1, full=False)
            if len(kept):
                index = Tail()
                index.append(0, kept)
                rows = index.find(stream_id[open_], time_us[open_])
                value[open_[rows >= 0]] = kept.value[rows[rows >= 0]]
        return value

    def read(
        self,
        streams: NDArray[np.int64] | None = None,
        low_us: int = LEAST,
        high_us: int = MOST,
        full: bool = True,
    ) -> Readings:
        """Readings in ``[low_us, high_us)`` of some streams (ascending ids), or of all.

        Returns
        -------
        Readings
            Sorted by stream and time. Sealed ones carry no sequence; without ``full`` neither
            arrival nor marks of quality.
        """

        def gathered() -> list[Readings]:
            chunks, open_ = self._parts()
            found = [chunk.read(streams, low_us, high_us, full) for chunk in chunks]
            return [*found, *(_chosen(part, streams, low_us, high_us) for part in open_)]

        found = [part for part in self._retried(gathered) if len(part)]
        return found[0].by_stream() if len(found) == 1 else joined(found).by_stream()

    def hours(
        self,
        streams: NDArray[np.int64] | None = None,
        low_us: int = LEAST,
        high_us: int = MOST,
    ) -> Rollup:
        """Roll-up by full hours (UTC) that begin in ``[low_us, high_us)``."""

        def gathered() -> list[Rollup]:
            chunks, open_ = self._parts()
            found = [chunk.hours(streams, low_us, high_us) for chunk in chunks]
            whole = (_chosen(part, streams, low_us, high_us) for part in open_)
            return [*found, *(rolled(part, HOUR_US) for part in whole)]

        return Rollup.combined(self._retried(gathered))

    def _parts(self) -> tuple[list[Chunk], list[Readings]]:
        """Chunks and open readings that together hold every reading once."""
        with self._lock:
            tails = [*([] if self._frozen is None else [self._frozen]), self._tail]
            return list(self._chunks), [tail.view() for tail in tails]

    def _retried(self, work: Callable[[], T]) -> T:
        """The answer, anew where a chunk was replaced meanwhile."""
        for _ in range(5):
            try:
                return work()
            except FileNotFoundError:
                continue
        return work()

    def freeze(self, state: Any = None) -> int:  # noqa: ANN401 -- any JSON
        """Close the open readings for sealing; the number of the first frame after them.

        ``state`` (JSON) is what the caller derived from all readings so far; kept as :attr:`state`.
        No one may append meanwhile. Whatever is derived from earlier frames must be on disk before
        :meth:`seal` is called: they are not replayed after it.
        """
        with self._sealing:
            if self._frozen is None and len(self._tail):
                first = self._log.rotate()
                with self._lock:
                    self._frozen, self._tail, self._frozen_to = self._tail, Tail(), first
                self._frozen_state = state
            return self._frozen_to if self._frozen is not None else self._log.next

    def seal(self) -> int:
        """Move the frozen readings into chunks; how many they were. Called again where it failed."""
        with self._sealing:
            frozen, first = self._frozen, self._frozen_to
            if frozen is None:
                return 0
            readings = frozen.view()
            made = [self._written(part, first, i) for i, part in enumerate(_by_day(readings))]
            self.state = self._frozen_state
            self._install([*self._chunks, *made], first, newest_of(self._newest, [readings]))
            self._log.drop(first)
            return len(readings)

    def _written(self, readings: Readings, first: int, part: int) -> Chunk:
        return write_chunk(self._history / f"readings-{first:012d}-{part:03d}.parquet", readings)

    def _install(self, chunks: list[Chunk], sealed: int, newest: Newest) -> None:
        """Make another set of chunks the true one."""
        name = f"newest-{sealed}.npz"
        if sealed != self._sealed:
            with (self._history / name).open("wb") as file:
                np.savez(file, stream_id=newest[0], time_us=newest[1], value=newest[2])
                file.flush()
                os.fsync(file.fileno())
        listed = [(chunk.path.name, chunk.rows, chunk.low_us, chunk.high_us) for chunk in chunks]
        beside = self._history / "manifest.new"
        with beside.open("w", encoding="utf-8") as text:
            manifest = {"sealed": sealed, "newest": name, "state": self.state, "chunks": listed}
            json.dump(manifest, text)
            text.flush()
            os.fsync(text.fileno())
        sync_folder(self._history)
        beside.replace(self._history / "manifest.json")
        sync_folder(self._history)
        before, kept = self._sealed, {chunk.path for chunk in chunks}
        gone = [chunk for chunk in self._chunks if chunk.path not in kept]
        with self._lock:
            self._chunks, self._newest = chunks, newest
            if sealed != self._sealed:
                self._sealed, self._frozen = sealed, None
        for chunk in gone:
            chunk.remove()
        if before != sealed:
            (self._history / f"newest-{before}.npz").unlink(missing_ok=True)

    def merge(self) -> int:
        """Merge small chunks of the same days; how many went into larger ones."""
        with self._sealing:
            chosen = self._mergeable()
            if len(chosen) < 2:
                return 0
            readings = joined([chunk.read(None, LEAST, MOST) for chunk in chosen])
            hours = Rollup.combined([chunk.hours() for chunk in chosen])
            path = (
                self._history / f"readings-{self._sealed:012d}-m{chosen[0].path.stem[9:]}.parquet"
            )
            kept = [chunk for chunk in self._chunks if chunk not in chosen]
            self._install([*kept, write_chunk(path, readings, hours)], self._sealed, self._newest)
            return len(chosen)

    def _mergeable(self) -> list[Chunk]:
        """Small chunks of one day: eight or more, or as many as make a large one."""
        days: dict[tuple[int, int], list[Chunk]] = {}
        for chunk in self._chunks:
            if chunk.rows <= MERGED_ROWS // 2:
                days.setdefault((chunk.low_us // DAY_US, chunk.high_us // DAY_US), []).append(chunk)
        for chunks in days.values():
            chosen: list[Chunk] = []
            rows = 0
            for chunk in sorted(chunks, key=lambda c: c.rows):
                if rows + chunk.rows <= MERGED_ROWS:
                    chosen.append(chunk)
                    rows += chunk.rows
            if len(chosen) >= 8 or (len(chosen) > 1 and 4 * rows >= 3 * MERGED_ROWS):
                return chosen
        return []

    def forget(self, streams: NDArray[np.int64], before_us: int) -> int:
        """Let sealed readings of some streams (ascending ids) before a moment go; their hours stay.

        Returns
        -------
        int
            How many went.
        """
        with self._sealing:
            gone, chunks = 0, []
            for chunk in self._chunks:
                kept = self._without(chunk, streams, before_us)
                gone += chunk.rows - kept.rows
                chunks.append(kept)
            if gone:
                self._install(chunks, self._sealed, self._newest)
            return gone

    def _without(self, chunk: Chunk, streams: NDArray[np.int64], before_us: int) -> Chunk:
        if not chunk.rows or chunk.low_us >= before_us:
            return chunk
        readings = chunk.read(None, LEAST, MOST)
        old = among(readings.stream_id, streams) & (readings.time_us < before_us)
        if not old.any():
            return chunk
        return write_chunk(self._fresh_path(), readings.take(~old), chunk.hours())

    def _fresh_path(self) -> Path:
        return self._history / f"readings-{self._sealed:012d}-{secrets.token_hex(4)}.parquet"

    def close(self) -> None:
        """Let go of the files."""
        self._log.close()


def newest_of(known: Newest, parts: list[Readings]) -> Newest:
    """Newest reading of every stream, of those known and those in ``parts``."""
    stream = np.concatenate([known[0], *(part.stream_id for part in parts)])
    moment = np.concatenate([known[1], *(part.time_us for part in parts)])
    value = np.concatenate([known[2], *(part.value for part in parts)])
    order = np.argsort(moment, kind="stable")  # fast where they came nearly in order
    ids, owner = _numbered(stream)
    last = np.empty(len(ids), np.int64)
    last[owner[order]] = order  # the latest of each is written last
    return ids, moment[last], value[last]


def _numbered(stream: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct ids, ascending, and the place of each row's id among them."""
    if not len(stream) or stream.max() >= MOST_TABLE or stream.min() < 0:
        return np.unique(stream, return_inverse=True)
    there = np.zeros(int(stream.max()) + 1, bool)
    there[stream] = True
    ids = np.flatnonzero(there)
    place = np.cumsum(there) - 1
    return ids, place[stream]


def _chosen(
    readings: Readings, streams: NDArray[np.int64] | None, low_us: int, high_us: int
) -> Readings:
    if streams is not None:
        readings = readings.take(np.flatnonzero(among(readings.stream_id, streams)))
    keep = (readings.time_us >= low_us) & (readings.time_us < high_us)
    return readings if keep.all() else readings.take(keep)


def _by_day(readings: Readings) -> list[Readings]:
    """Readings in parts of a day each; of a month or altogether where that would be too many."""
    for span in SPANS_US:
        number = readings.time_us // span
        found = np.unique(number)
        if len(found) <= MOST_PARTS:
            break
    return [readings.take(number == one) for one in found]
