"""What a running server holds: the city, its store, address index, live hub and case desk."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from twin.city import City
from twin.codes import cim_classes, components
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.read import Moment, address_nodes, extents, fields, rows, version

__all__ = ["CityState", "ClassInfo", "CollectionInfo", "utc_now"]

MIXED_TITLES = {"pipes": ("地下管线", "Utility pipes")}
"""Titles of collections that hold several classes; all others are called as their class."""


def utc_now() -> datetime:
    """Now, UTC without a zone, as the base keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


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
    """A collection as served: names, classes, count, and its box (degrees, metres above the ellipsoid) if it has one."""

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
    started: datetime = field(default_factory=utc_now)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: int = -1
    _collections: dict[str, CollectionInfo] = field(default_factory=dict)
    _fields: dict[str, list[str]] = field(default_factory=dict)

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
            yield cls(settings, city, store)

    def moment(self) -> Moment:
        """The present."""
        return Moment(utc_now())

    def collections(self) -> dict[str, CollectionInfo]:
        """Collections that hold something, by id, in the order of the class table; fresh after every change."""
        now = version(self.store)
        with self._lock:
            if now != self._seen:
                self._collections = _collections(self.store)
                self._fields = {}
                self._seen = now
            return self._collections

    def fields(self, collection: str) -> list[str]:
        """Attributes that things of a collection can be filtered by."""
        self.collections()
        with self._lock:
            if collection not in self._fields:
                self._fields[collection] = fields(self.store, collection)
            return self._fields[collection]


def _collections(store: Store) -> dict[str, CollectionInfo]:
    now = utc_now()
    boxes = extents(store, now)
    table = {row["code"]: row for row in cim_classes().to_pylist()}
    order: dict[str, list[dict[str, Any]]] = {}
    for row in table.values():
        order.setdefault(row["collection"], []).append(row)
    counted: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows(store, "counts", valid_at=now):
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
    first = (
        known[0]
        if known
        else {"name_zh": name, "name_en": name, "color": "#aaaaaa", "dimension": 2}
    )
    by_code = {row["code"]: row for row in known}
    parts = _component_names() if name == "components" else {}
    classes = []
    for code, row in counted.items():
        entry = by_code.get(code, first)
        zh = parts.get(code, entry["name_zh"])
        classes.append(
            ClassInfo(code, zh, zh if code in parts else entry["name_en"], entry["color"], row["n"])
        )
    zh, en = MIXED_TITLES.get(name, (first["name_zh"], first["name_en"]))
    since = min((row["since"] for row in counted.values() if row["since"]), default=None)
    extent = box if box and box["xmin"] is not None else None
    return CollectionInfo(
        name, zh, en, first["color"], int(first["dimension"]), tuple(classes), extent, since
    )


def _component_names() -> dict[str, str]:
    """Chinese name of each 管理部件 code; the standard gives no English ones."""
    table = components()
    return dict(zip(table["code"].to_pylist(), table["name"].to_pylist(), strict=True))
