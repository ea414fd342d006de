"""Keeps the arenas of a city as the base is: builds them beside, follows every transaction, makes them anew in time.

Only the process that holds the base has a keeper. Readers of any process see what it wrote with their next question.
"""

import contextlib
import logging
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import duckdb
import pyarrow as pa

from twin.arena.build import BuildStoppedError, Mark, anchors_of, build_segment, mark_of
from twin.arena.delta import DeltaWriter
from twin.arena.files import DamagedArenaError, read_document, write_document
from twin.arena.reader import CURRENT, KEEP_S, folder_of
from twin.arena.segment import Segment
from twin.features.things import raw_things
from twin.store.read import Moment
from twin.store.store import Connection, Store

__all__ = ["ArenaKeeper"]

MOST_AT_ONCE: Final = 5_000
"""A transaction that touches more things of a collection makes another segment."""
LEAST_MERGED, SHARE_MERGED = 2_048, 64
"""A segment is made anew when its changes are more than these, and more than one in so many things."""
CHANGES: Final = (
    "SELECT seq, epoch_us(at_time), subject_kind, subject_id, collection FROM change "
    "WHERE seq > $since AND collection IS NOT NULL ORDER BY seq"
)
COUNTED: Final = (
    "SELECT collection, count(*) FILTER (subject_kind <> 'entity'), count(*) FROM change "
    "WHERE seq > $since AND collection IS NOT NULL GROUP BY ALL"
)
COLLECTIONS: Final = "SELECT DISTINCT collection FROM entity WHERE collection IS NOT NULL"
log = logging.getLogger("citytwin.arena")


class _Live:
    """An arena that is followed: its newest segment, and the file its changes go to."""

    def __init__(self, folder: Path, segment: Segment, delta: DeltaWriter) -> None:
        self.folder, self.segment, self.delta = folder, segment, delta
        last = delta.last
        self.behind = last is not None and last.behind
        self.mark = last.mark if last is not None else Mark(*segment.meta["mark"])

    @property
    def is_worn(self) -> bool:
        """Whether it is time for another segment."""
        return self.behind or self.delta.count > max(LEAST_MERGED, self.segment.n // SHARE_MERGED)


class ArenaKeeper:
    """Keeps arenas while it is open.

    Parameters
    ----------
    store : Store
    arenas : Path
        ``<city>/arenas``; may be deleted while nothing runs, and is made again.
    keep_s : float
        Seconds for which the files of earlier segments stay.
    """

    def __init__(self, store: Store, arenas: Path, keep_s: float = KEEP_S) -> None:
        self._store, self._arenas, self._keep_s = store, arenas, keep_s
        self._live: dict[str, _Live] = {}
        self._since = 0
        self._wanted: set[str] = set()
        self._unchecked: set[str] = set()
        self._old: list[tuple[datetime, Path]] = []
        self._stop, self._work = threading.Event(), threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arenas", daemon=True)

    def start(self) -> None:
        """Take up what is on disk, follow the base from now on, and build the rest beside."""
        self._arenas.mkdir(exist_ok=True)
        with self._store.writing():
            self._open_all()
            self._store.committed.append(self._follow)
        self._work.set()
        self._thread.start()

    def close(self) -> None:
        """Stop; what is on disk stays whole."""
        self._stop.set()
        self._work.set()
        with contextlib.suppress(ValueError):
            self._store.committed.remove(self._follow)
        if self._thread.is_alive():
            self._thread.join()
        with self._store.writing():
            for live in self._live.values():
                live.delta.close()
            self._live.clear()

    def rebuild(self, collection: str | None = None) -> None:
        """Make segments anew, of all collections where none is named: places were computed, or files are doubted."""
        with self._store.writing():
            names = list(self._live) if collection is None else [collection]
            for name in names:
                self._fall_behind(name)
            self._wanted.update(names)
        self._work.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is left to build."""
        return self._idle.wait(timeout_s)

    def _open_all(self) -> None:
        with self._store.cursor() as cursor:
            found = cursor.execute("SELECT coalesce(max(seq), 0) FROM change").fetchone()
            self._since = int(found[0]) if found else 0
            names = [row[0] for row in cursor.execute(COLLECTIONS).fetchall()]
            anchors = anchors_of(cursor)
            for folder in self._arenas.iterdir():
                if folder.is_dir() and unquote(folder.name) not in names:
                    shutil.rmtree(folder, ignore_errors=True)
            for name in names:
                live = self._opened(cursor, name, anchors)
                if live is None:
                    (folder_of(self._arenas, name) / CURRENT).unlink(missing_ok=True)
                    self._wanted.add(name)
                    continue
                self._live[name] = live
                self._unchecked.add(name)
                self._catch_up(cursor, name, live)

    def _opened(self, cursor: Connection, name: str, anchors: list[int]) -> _Live | None:
        """The arena on disk, where it is whole and of this base."""
        folder = folder_of(self._arenas, name)
        try:
            named = read_document(folder / CURRENT)
            segment = Segment(folder / named["segment"])
            live = _Live(folder, segment, DeltaWriter(folder / named["delta"]))
        except (DamagedArenaError, OSError, KeyError, TypeError, ValueError) as error:
            log.info("arena of %s: %s", name, error)
            return None
        for path in (
            folder.iterdir()
        ):  # left over from what ended in the middle, or kept for readers of then
            if path.name not in (named["segment"], named["delta"], CURRENT):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        same = mark_of(cursor, name, live.mark.version) == live.mark
        if not same or live.behind or segment.meta["anchors"] != anchors:
            live.delta.close()
            return None
        return live

    def _catch_up(self, cursor: Connection, name: str, live: _Live) -> None:
        """Write what the log tells since an arena ended."""
        found = cursor.execute(
            CHANGES.replace("ORDER", "AND collection = $collection ORDER")
            + f" LIMIT {MOST_AT_ONCE + 1}",
            {"since": live.mark.version, "collection": name},
        ).fetchall()
        if found:
            self._tell(cursor, name, live, found)

    def _follow(self) -> None:
        """After a transaction, by the one who wrote it: write what it did to the arenas."""
        try:
            with self._store.cursor() as cursor:
                news = cursor.execute(COUNTED, {"since": self._since}).fetchall()
                if not news:
                    return
                large = {name for name, others, n in news if others or n > MOST_AT_ONCE}
                rows = cursor.execute(CHANGES, {"since": self._since}).fetchmany(
                    MOST_AT_ONCE * len(news)
                ) if len(large) < len(news) else []  # fmt: skip
                for name, _, _ in news:
                    live = self._live.get(name)
                    if live is None:
                        self._want(name)
                    elif name in large:
                        self._fall_behind(name)
                    else:
                        self._tell(cursor, name, live, [row for row in rows if row[4] == name])
                found = cursor.execute(
                    "SELECT max(seq) FROM change WHERE seq > $s", {"s": self._since}
                )
                self._since = int((found.fetchone() or (self._since,))[0])
        except (duckdb.Error, OSError, pa.ArrowException):
            log.exception("arenas could not follow a transaction; they are made again")
            for name in list(self._live):
                self._fall_behind(name)

    def _tell(self, cursor: Connection, name: str, live: _Live, rows: list[Any]) -> None:
        """Write a record of what the log says happened to a collection."""
        if live.behind:
            return
        if len(rows) > MOST_AT_ONCE or any(row[2] != "entity" or row[3] is None for row in rows):
            self._fall_behind(name)
            return
        eids = sorted({row[3] for row in rows})
        values = {"collection": name, "eids": eids}
        conditions = "e.collection = $collection AND e.eid IN (SELECT unnest($eids::UUID[]))"
        things = raw_things(cursor, Moment(_now()), conditions, values)
        there = set(things["eid"].to_pylist())
        mark = Mark(rows[-1][0], rows[-1][1] or 0, rows[-1][3] or "")
        live.delta.append(mark, [eid for eid in eids if eid not in there], things)
        live.mark = mark
        if live.is_worn:
            self._want(name)

    def _fall_behind(self, name: str) -> None:
        """Tell readers to wait for another segment."""
        live = self._live.get(name)
        if live is None:
            self._want(name)
            return
        if not live.behind:
            live.behind = True
            try:
                live.delta.append(live.mark, [], None, behind=True)
            except OSError:
                (live.folder / CURRENT).unlink(missing_ok=True)
        self._want(name)

    def _want(self, name: str) -> None:
        self._wanted.add(name)
        self._idle.clear()
        self._work.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._work.clear()
            while self._unchecked and not self._stop.is_set():
                self._check(self._unchecked.pop())
            while self._wanted and not self._stop.is_set():
                name = next(iter(self._wanted))
                try:
                    self._build(name)
                except BuildStoppedError:
                    return
                except (duckdb.Error, OSError, DamagedArenaError):
                    log.exception("the arena of %s could not be built; it is tried again", name)
                    if self._stop.wait(5):
                        return
            self._prune()
            if not self._wanted:
                self._idle.set()
            self._work.wait(60)

    def _check(self, name: str) -> None:
        """Read the files of an arena that was taken up, and make it again where a byte is wrong."""
        try:
            self._live[name].segment.check()
        except DamagedArenaError as error:
            log.warning("%s", error)
            self.rebuild(name)

    def _build(self, name: str) -> None:
        """Make a segment, put it in the place of the one before with what came meanwhile."""
        folder = folder_of(self._arenas, name)
        self._wanted.discard(name)
        try:
            with self._store.snapshot() as cursor:
                made = build_segment(cursor, Moment(_now()), name, folder, self._stop.is_set)
            segment = Segment(made)
        except BaseException:
            self._wanted.add(name)
            raise
        with self._store.writing():
            self._replace(name, folder, segment)

    def _replace(self, name: str, folder: Path, segment: Segment) -> None:
        path = folder / f"{segment.folder.name}.delta"
        delta = DeltaWriter(path)
        before = self._live.get(name)
        if before is not None and not before.behind:
            delta.copy_after(before.delta.path, segment.version)
            delta.close()
            delta = DeltaWriter(path)
        live = _Live(folder, segment, delta)
        with self._store.cursor() as cursor:
            self._catch_up(cursor, name, live)
        write_document(folder / CURRENT, {"segment": segment.folder.name, "delta": path.name})
        self._live[name] = live
        if before is not None:
            before.delta.close()
            self._old += [
                (datetime.now(UTC), before.segment.folder),
                (datetime.now(UTC), before.delta.path),
            ]

    def _prune(self) -> None:
        now = datetime.now(UTC)
        kept = []
        for since, path in self._old:
            if (now - since).total_seconds() < self._keep_s:
                kept.append((since, path))
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self._old = kept


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
