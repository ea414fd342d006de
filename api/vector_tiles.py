"""Vector tiles made when asked for, with the bytes a build would write, and kept while the base stays as it is."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from api.static import safe_path
from tiles.mvt import boxes, one_tile, reach, tilejson, zooms_of
from twin.errors import NotFoundError
from twin.store import Store
from twin.store.flat import (
    flat_collections,
    flat_count,
    flat_rows,
    flat_versions,
    flat_within,
)
from twin.store.read import version

__all__ = ["VectorTiles"]

KEPT_BYTES: Final = 64 << 20
"""Tiles kept in memory together; the longest unused go first."""
EMPTY_COSTS: Final = 200
MOST_HELD: Final = 300_000
"""Things of a collection up to which it is held in memory (about half a kilobyte each)."""
HELD_BYTES: Final = 512 << 20
"""Collections held in memory together; the longest unused go first."""
Key = tuple[str, int, int, int, str]
Part = tuple[str, Callable[[pa.Table], pa.Table]]
_Held = tuple[pa.Table, NDArray[np.float64]] | None
_UNREAD: Final[_Held] = (pa.table({}), np.empty((4, 0)))


class VectorTiles:
    """Tiles of the flat collections of one base; safe to ask from any thread.

    Parameters
    ----------
    store : Store
    folder : Path
        The city's tiles; what lies there is used while it is as new as the base.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._lock = threading.Lock()
        self._version = -1
        self._versions: dict[str | None, int] = {}
        self._known: frozenset[str] = frozenset()
        self._indexes: dict[str, dict[str, Any] | None] = {}
        self._tiles: OrderedDict[Key, tuple[bytes, str]] = OrderedDict()
        self._bytes = 0
        self.made = 0
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._built: dict[str, tuple[int, int | None]] = {}

    @property
    def kept_bytes(self) -> int:
        """Bytes of the tiles in memory."""
        return self._bytes

    def is_built(self, collection: str) -> bool:
        """Whether the folder's tiles of a collection are those of the base as it is.

        Finished tiles of others, whose TileJSON carries no version of ours, are taken as they are.
        """
        path = safe_path(self._folder, f"mvt/{collection}/tilejson.json")
        try:
            stamp = path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return False
        known = self._built.get(collection)
        if known is None or known[0] != stamp:
            known = self._built[collection] = stamp, _version_of(path)
        return known[1] is None or known[1] == self._now(collection)

    def known(self) -> frozenset[str]:
        """Collections of the base that are on the map."""
        self._refresh()
        return self._known

    def has(self, collection: str) -> bool:
        """Whether there are tiles of a collection, built or to be made."""
        self._refresh()
        return collection in self._known or self.is_built(collection)

    def tile(
        self, collection: str, z: int, x: int, y: int, part: Part | None = None
    ) -> tuple[bytes, str]:
        """One tile and its ETag; no bytes where nothing is.

        ``part`` names some of the things (a key of its own, and what takes their rows of a table): the tile is of these
        alone, and kept apart.

        Raises
        ------
        NotFoundError
            If the base has no such collection on the map.
        """
        self._expect(collection)
        first, last = zooms_of(collection)
        if not (first <= z <= last and x < 2**z and y < 2**z):
            return b"", ""
        key = collection, z, x, y, "" if part is None else part[0]
        with self._lock:
            found = self._tiles.get(key)
            if found is not None:
                self._tiles.move_to_end(key)
                return found
            of = self._at(collection)
        near = self._near(collection, reach(z, x, y))
        blob = one_tile(near if part is None else part[1](near), collection, z, x, y)
        made = blob, hashlib.sha256(blob).hexdigest()[:32]
        with self._lock:
            self.made += 1
            if of == self._at(collection) and key not in self._tiles:
                self._keep(key, made)
        return made

    def tilejson(self, collection: str, part: Part | None = None) -> dict[str, Any] | None:
        """The TileJSON of a collection, or of a part of it, as it is now; None where nothing of it can be drawn.

        Raises
        ------
        NotFoundError
            If the base has no such collection on the map.
        """
        self._expect(collection)
        if part is not None:
            rows = part[1](flat_rows(self._store, collection))
            return tilejson(rows, collection, self._now(collection))
        with self._lock:
            if collection in self._indexes:
                return self._indexes[collection]
            of = self._at(collection)
        made = tilejson(flat_rows(self._store, collection), collection, of[0])
        with self._lock:
            if of == self._at(collection):
                self._indexes[collection] = made
        return made

    def _near(self, collection: str, box: tuple[float, float, float, float]) -> pa.Table:
        """What meets a box: from a copy of the collection in memory, or where that is large from the base."""
        with self._lock:
            held, of = self._held.get(collection, _UNREAD), self._at(collection)
            if held is not _UNREAD:
                self._held.move_to_end(collection)
        if held is _UNREAD:
            held = None
            if flat_count(self._store, collection) <= MOST_HELD:
                table = flat_rows(self._store, collection)
                held = table, boxes(table)
            with self._lock:
                if of == self._at(collection):
                    self._hold(collection, held)
        if held is None:
            return flat_within(self._store, collection, box)
        table, bounds = held
        west, south, east, north = box
        meets = (
            (bounds[0] <= east) & (bounds[2] >= west) & (bounds[1] <= north) & (bounds[3] >= south)
        )
        return table.take(np.flatnonzero(meets))

    def _hold(self, collection: str, held: _Held) -> None:
        self._held[collection] = held
        self._held.move_to_end(collection)
        while len(self._held) > 1 and sum(map(_cost, self._held.values())) > HELD_BYTES:
            self._held.popitem(last=False)

    def _keep(self, key: Key, made: tuple[bytes, str]) -> None:
        self._tiles[key] = made
        self._bytes += len(made[0]) + EMPTY_COSTS
        while self._bytes > KEPT_BYTES:
            _, (blob, _) = self._tiles.popitem(last=False)
            self._bytes -= len(blob) + EMPTY_COSTS

    def _expect(self, collection: str) -> None:
        self._refresh()
        if collection not in self._known:
            listed = ", ".join(sorted(self._known)) or "none"
            raise NotFoundError(f"No vector tiles of {collection[:80]!r}: there are {listed}.")

    def _now(self, collection: str) -> int:
        self._refresh()
        return self._at(collection)[0]

    def _at(self, collection: str) -> tuple[int, int]:
        """What stands for the state of a collection: its last change, and the last that names none."""
        return self._versions.get(collection, 0), self._versions.get(None, 0)

    def _refresh(self) -> None:
        """Forget what belongs to collections that have changed."""
        now = version(self._store)
        with self._lock:
            if now == self._version:
                return
        versions = flat_versions(self._store)
        known = frozenset(flat_collections(self._store))
        with self._lock:
            before, self._versions = self._versions, versions
            everything = before.get(None, 0) != versions.get(None, 0)
            changed = {
                c for c in before.keys() | versions.keys() if before.get(c) != versions.get(c)
            }
            self._version, self._known = now, known
            for name in [n for n in self._held if everything or n in changed]:
                del self._held[name]
            for name in [n for n in self._indexes if everything or n in changed]:
                del self._indexes[name]
            for key in [k for k in self._tiles if everything or k[0] in changed]:
                self._bytes -= len(self._tiles.pop(key)[0]) + EMPTY_COSTS


def _cost(held: _Held) -> int:
    return 0 if held is None else held[0].nbytes + held[1].nbytes


def _version_of(path: Path) -> int | None:
    """The base's version in a TileJSON; None where it is none of ours."""
    try:
        text = orjson.loads(path.read_bytes()).get("version", "")
    except (OSError, orjson.JSONDecodeError, AttributeError):
        return None
    parts = text.split(".") if isinstance(text, str) else []
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else None
