"""What a running server holds: the city, its store, address index, live hub and case desk."""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from address import AddressIndex, History
from api.access.limited_tiles import LimitedTiles
from api.access.sights import Sights
from api.access.view import View
from api.address_book import AddressBook
from api.address_edits import Edits
from api.address_jobs import PROCESS, AddressJobs, address_work
from api.address_tree import index_at
from api.case_events import CaseEvents
from api.jobs import Jobs
from api.processes import analysis_work
from api.retiling import Retiler
from api.scene import Feeds, Scenes
from api.sensorthings.service import SensorThings
from api.shared_lock import SharedLock
from api.vector_tiles import VectorTiles
from sample_data.district import SEED
from sample_data.live import Simulator
from tiles import Hashes, OnDemand
from twin.analysis import SceneBook
from twin.arena import ArenaKeeper, ArenaReader, CityReader
from twin.cases import CaseOffice
from twin.city import City
from twin.codes import cim_classes, components
from twin.errors import NotReadyError
from twin.features.stored import StoredReader
from twin.ingest.source import utc_now
from twin.live import LiveHub, run_committer, run_simulator, run_ticker
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.read import Moment, extents, fields, rows, version
from twin.store.scene import Scene

__all__ = ["CityState", "ClassInfo", "CollectionInfo", "utc_now"]

MIXED_TITLES = {"pipes": ("地下管线", "Utility pipes")}
"""Titles of collections that hold several classes; all others are called as their class."""


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class of things present in the city: code, names, colour (``#rrggbb``), count."""

    code: str
    zh: str
    en: str
    color: str
    count: int


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection as served; its box is in degrees and metres above the ellipsoid."""

    id: str
    zh: str
    en: str
    color: str
    dimension: int
    classes: tuple[ClassInfo, ...]
    extent: dict[str, Any] | None
    since: datetime | None

    @property
    def count(self) -> int:
        """Things in it now."""
        return sum(entry.count for entry in self.classes)

    def title(self, language: str) -> str:
        """Its name in ``zh`` or ``en``."""
        return self.zh if language == "zh" else self.en


@dataclass(slots=True)
class CityState:
    """Everything requests share. Opened once by :meth:`open`; safe to read from any thread."""

    settings: ServerSettings
    city: City
    store: Store
    hub: LiveHub
    desk: CaseOffice
    book: AddressBook
    jobs: AddressJobs
    runner: Jobs
    scenes: SceneBook
    turns: SharedLock
    drawing: OnDemand
    retiler: Retiler
    vectors: VectorTiles = field(init=False)
    sights: Sights = field(init=False)
    limited: LimitedTiles = field(init=False)
    present: CityReader = field(init=False)
    hashes: Hashes = field(init=False)
    sensorthings: SensorThings = field(init=False)
    case_events: CaseEvents = field(init=False)
    scene: Scenes = field(init=False)
    feeds: Feeds = field(default_factory=Feeds)
    pasts: "weakref.WeakSet[Any]" = field(default_factory=weakref.WeakSet)
    """Intervals of the past that are being played."""
    started: datetime = field(default_factory=utc_now)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: int = -1
    _then: dict[tuple[int, datetime], AddressIndex | None] = field(default_factory=dict)
    _collections: dict[str, CollectionInfo] = field(default_factory=dict)
    _fields: dict[str, list[str]] = field(default_factory=dict)
    _seen_at: dict[str, tuple[int, CollectionInfo]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What hangs on the base."""
        self.vectors = VectorTiles(self.store, self.city.tiles)
        self.hashes = Hashes(self.city.tiles)
        self.sights = Sights(self.store, self.hub)
        self.limited = LimitedTiles(self.store)
        self.sensorthings = SensorThings(self.store, self.hub)
        self.case_events = CaseEvents(self.desk, self.hub.events)
        self.case_events.tell()
        self.scene = Scenes(self.hub, self.store)
        self.present = CityReader(ArenaReader(self.city.arenas), StoredReader(self.store))

    @classmethod
    @contextmanager
    def open(cls, settings: ServerSettings) -> Iterator["CityState"]:
        """Open the city of ``settings`` for as long as the block runs.

        Raises
        ------
        CityError
            If it is no city folder, or its base is held by another process.
        """
        city = City.open(settings.city)
        with Store.open(city) as store:
            book, turns = AddressBook.of(store), SharedLock()
            hub = LiveHub(store, keep_days=settings.keep_days)
            scenes = SceneBook(store)
            work = {PROCESS: address_work(lambda: book.history, turns.reading)}
            jobs = Jobs(city.path / "jobs", work | analysis_work(scenes, store))
            arenas, retiler = ArenaKeeper(store, city.arenas), Retiler(store, city.tiles)
            try:
                arenas.start()
                retiler.start()
                with _running(settings, hub):
                    drawing = OnDemand(Scene(store), city.tiles)
                    desk = CaseOffice(store)
                    state = cls(
                        settings, city, store, hub, desk, book, AddressJobs(jobs), jobs, scenes, turns, drawing,
                        retiler,
                    )  # fmt: skip
                    try:
                        yield state
                    finally:
                        state.limited.close()
                        state.vectors.close()
            finally:
                jobs.close()
                hub.close()
                retiler.close()
                arenas.close()

    def moment(self) -> Moment:
        """The present."""
        return Moment(utc_now())

    @contextmanager
    def addresses(
        self, moment: datetime | None = None
    ) -> Iterator[tuple[AddressIndex, History | AddressIndex]]:
        """Index of the addresses now or as they were (UTC without a zone), and what answers texts.

        No edit comes between while the block runs; what it gives is not kept beyond.
        """
        with self.turns.reading():
            then = None if moment is None else self._addresses_then(moment)
            yield (self.book.index, self.book.history) if then is None else (then, then)

    def _addresses_then(self, moment: datetime) -> AddressIndex | None:
        key = (self.book.seq, moment)
        with self._lock:
            if key not in self._then:
                then = index_at(self.store, moment)
                self._then = {**dict(list(self._then.items())[-1:]), key: then}
            return self._then[key]

    @contextmanager
    def editing_addresses(self, actor: str, at: datetime | None) -> Iterator[Edits]:
        """Edits of the addresses, one caller at a time; questions wait for as long as one takes."""
        with self.turns.writing():
            yield Edits(self.store, self.book, actor, at)

    def collections(self) -> dict[str, CollectionInfo]:
        """Collections that hold something, in the order of the class table; always fresh."""
        now = version(self.store)
        with self._lock:
            if now != self._seen:
                self._collections = _collections(self.store)
                self._fields = {}
                self._seen = now
            return self._collections

    def seen(self, view: View | None) -> dict[str, CollectionInfo]:
        """Collections as a caller sees them; all where he sees everything."""
        if view is None:
            return self.collections()
        return _grouped(view.sight.counts, view.sight.extents)

    def collection(self, name: str, version: int | None = None) -> CollectionInfo | None:
        """A collection that holds something; costs no query while its arena stays as it is (at ``version``, if known)."""
        try:
            now = self.present.arenas.version(name) if version is None else version
        except NotReadyError:
            return self.collections().get(name)
        held = self._seen_at.get(name)
        if held is None or held[0] != now:
            found = self.collections().get(name)
            if found is None:
                return None
            held = self._seen_at[name] = (now, found)
        return held[1]

    def fields(self, collection: str) -> list[str]:
        """Attributes that things of a collection can be filtered by."""
        self.collections()
        with self._lock:
            if collection not in self._fields:
                self._fields[collection] = fields(self.store, collection)
            return self._fields[collection]


@contextmanager
def _running(settings: ServerSettings, hub: LiveHub) -> Iterator[None]:
    """Let time pass, and simulated readings arrive if asked for, until the block ends."""
    stop = threading.Event()
    work: list[Callable[[], None]] = [
        lambda: run_ticker(hub, stop),
        lambda: run_committer(hub, stop),
    ]
    if settings.simulate:
        simulator = Simulator(hub.streams(), SEED)
        work.append(lambda: run_simulator(hub, simulator, stop, settings.simulate_interval_s))
    threads = [threading.Thread(target=target, daemon=True) for target in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _collections(store: Store) -> dict[str, CollectionInfo]:
    now = utc_now()
    return _grouped(rows(store, "counts", valid_at=now), extents(store, now))


def _grouped(
    counts: list[dict[str, Any]], boxes: dict[str, dict[str, Any]]
) -> dict[str, CollectionInfo]:
    """Collections of counts by class, in the order of the class table."""
    table = {row["code"]: row for row in cim_classes().to_pylist()}
    order: dict[str, list[dict[str, Any]]] = {}
    for row in table.values():
        order.setdefault(row["collection"], []).append(row)
    counted: dict[str, dict[str, dict[str, Any]]] = {}
    for row in counts:
        counted.setdefault(row["collection"], {})[row["class_code"]] = row
    found: dict[str, CollectionInfo] = {}
    for name in [
        *(key for key in order if key in counted),
        *(key for key in counted if key not in order),
    ]:
        found[name] = _collection(name, order.get(name, []), counted[name], boxes.get(name))
    return found


def _collection(
    name: str,
    known: list[dict[str, Any]],
    counted: dict[str, dict[str, Any]],
    box: dict[str, Any] | None,
) -> CollectionInfo:
    unknown: dict[str, Any] = {
        "name_zh": name,
        "name_en": name,
        "color": "#aaaaaa",
        "dimension": 2,
    }
    first = known[0] if known else unknown
    by_code = {row["code"]: row for row in known}
    parts = _component_names() if name == "components" else {}
    classes = []
    for code, row in counted.items():
        entry = by_code.get(code, first)
        zh, en = parts.get(code, entry["name_zh"]), parts.get(code, entry["name_en"])
        classes.append(ClassInfo(code, zh, en, entry["color"], row["n"]))
    zh, en = MIXED_TITLES.get(name, (first["name_zh"], first["name_en"]))
    since = min((row["since"] for row in counted.values() if row["since"]), default=None)
    return CollectionInfo(
        id=name,
        zh=zh,
        en=en,
        color=first["color"],
        dimension=int(first["dimension"]),
        classes=tuple(classes),
        extent=box if box and box["xmin"] is not None else None,
        since=since,
    )


def _component_names() -> dict[str, str]:
    """Chinese name of each 管理部件 code; the standard gives no English ones."""
    table = components()
    return dict(zip(table["code"].to_pylist(), table["name"].to_pylist(), strict=True))
