"""Vector tiles made when asked for, with the bytes a build would write, and kept while the base stays as it is."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from api.static import safe_path
from tiles.mvt import Ready, one_tile, reach, ready, tilejson, zooms_of
from tiles.mvt_touched import Touched
from twin.errors import NotFoundError
from twin.store import Store
from twin.store.flat import (
    flat_collections,
    flat_count,
    flat_rows,
    flat_touched,
    flat_versions,
    flat_within,
)
from twin.store.read import version

__all__ = ["Part", "VectorTiles"]

KEPT_BYTES: Final = 64 << 20
"""Tiles kept in memory together; the longest unused go first."""
EMPTY_COSTS: Final = 200
MOST_AT_ONCE: Final = 100_000
"""Things of a collection up to which who asks first waits until it is ready; larger ones are made ready beside."""
MOST_HELD: Final = 1_200_000
"""Things of a collection up to which it is held in memory (300 to 700 bytes each)."""
HELD_BYTES: Final = 768 << 20
"""Collections held in memory together; the longest unused go first."""
Degrees = tuple[float, float, float, float]
Key = tuple[str, int, int, int, str]
Part = tuple[str, Callable[[pa.Array, Degrees], NDArray[np.bool_]]]
"""Some of the things: a key of its own, and which of some identifiers, of things that may meet a box, are of it."""
MOST_TOUCHED: Final = 500
"""Changed things of a collection up to which what was made ready of it stays, and tiles with them are read from the base."""
WORLD: Final = (-180.0, -90.0, 180.0, 90.0)


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
        self._commits = -1
        self._stamps: dict[str, str] = {}
        self._held: OrderedDict[str, Ready | None] = OrderedDict()
        self._touched: dict[str, Touched] = {}
        self._making: dict[str, threading.Lock] = {}
        self._beside: dict[str, threading.Thread] = {}
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

    def tag(self, collection: str, z: int, x: int, y: int) -> str:
        """ETag of a tile with all things, known before the tile is made: it follows from the last change there."""
        self._refresh()
        return f"{self._stamp(collection, (z, x, y))}.{z}.{x}.{y}"

    def _stamp(self, collection: str, place: tuple[int, int, int]) -> str:
        """What stands for the state of a collection in a tile; of all of it where it is not held."""
        touched = self._touched.get(collection)
        if touched is None or collection not in self._held:
            return self._stamps.get(collection, "")
        return touched.stamp(reach(*place))

    def tile(
        self, collection: str, z: int, x: int, y: int, part: Part | None = None
    ) -> tuple[bytes, str]:
        """One tile and its ETag; no bytes where nothing is. Tiles of different parts are kept apart.

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
        blob, stamp = self._drawn(collection, (z, x, y), part)
        # what a limited caller is told must not change with what he does not see
        tag = f"{stamp}.{z}.{x}.{y}" if part is None else hashlib.sha256(blob).hexdigest()[:32]
        made = blob, tag
        with self._lock:
            self.made += 1
            if of == self._at(collection) and key not in self._tiles:
                self._keep(key, made)
        return made

    def quick(
        self, collection: str, z: int, x: int, y: int, known: str | None = None
    ) -> tuple[bytes, str] | None:
        """A tile with all things, where it costs a few milliseconds at most; None where it has to be asked for as others.

        Where ``known`` (If-None-Match) is its ETag, no tile is made for it: its bytes are not looked at.
        """
        self._refresh()
        with self._lock:
            held = self._held.get(collection)
            found = self._tiles.get((collection, z, x, y, ""))
        if held is None or self.is_built(collection):
            return None
        if found is not None:
            return found
        if known is not None and known == f'"{self.tag(collection, z, x, y)}"':
            return b"-", known.strip('"')
        touched = self._touched.get(collection)
        if z not in held.zooms or (touched is not None and touched.meets(reach(z, x, y))):
            return None
        return self.tile(collection, z, x, y)

    def tilejson(self, collection: str, part: Part | None = None) -> dict[str, Any] | None:
        """The TileJSON of a collection, or of a part of it, as it is now; None where nothing of it can be drawn.

        Raises
        ------
        NotFoundError
            If the base has no such collection on the map.
        """
        self._expect(collection)
        if part is not None:
            rows = flat_rows(self._store, collection)
            of_part = ready(
                rows.filter(pa.array(part[1](rows["eid"].combine_chunks(), WORLD))), collection
            )
            return None if of_part is None else tilejson(of_part, self._now(collection))
        with self._lock:
            if collection in self._indexes:
                return self._indexes[collection]
            of = self._at(collection)
        with self._lock:
            if len(self._touched.get(collection, ())):  # it tells of all things as they are
                self._held.pop(collection, None)
        held = self._held_now(collection, wait=True)
        if held is None:
            held = ready(flat_rows(self._store, collection), collection)
        made = None if held is None else tilejson(held, of[0])
        with self._lock:
            if of == self._at(collection):
                self._indexes[collection] = made
        return made

    def close(self) -> None:
        """Wait for what is made beside; nothing may be asked after."""
        with self._lock:
            threads = list(self._beside.values())
        for thread in threads:
            thread.join()

    def _drawn(
        self, collection: str, place: tuple[int, int, int], part: Part | None
    ) -> tuple[bytes, str]:
        """A tile, and the stamp of the state it is of."""
        box = reach(*place)
        held = self._held_now(collection)
        with self._lock:
            stamp = self._stamp(collection, place)
            touched = self._touched.get(collection)
        if held is None or (touched is not None and touched.meets(box)):
            near = flat_within(self._store, collection, box)
            if part is not None and near.num_rows:
                near = near.filter(pa.array(part[1](near["eid"].combine_chunks(), box)))
            return one_tile(near, collection, *place), stamp
        before = held.zooms
        if part is None:
            blob = held.tile(*place)
        else:
            eids = held.eids(*place)
            blob = held.tile(*place, part[1](eids, box)) if len(eids) else b""
        if held.zooms != before:
            self._trim(collection, place[0])
        return blob, stamp

    def _held_now(self, collection: str, *, wait: bool = False) -> Ready | None:
        """A collection in memory; None where it is not yet, is too large, or has nothing to draw."""
        with self._lock:
            if collection in self._held:
                self._held.move_to_end(collection)
                return self._held[collection]
        n = flat_count(self._store, collection)
        if n > MOST_HELD:
            return None
        if n <= MOST_AT_ONCE or wait:
            return self._made_ready(collection)
        with self._lock:
            if collection not in self._beside:
                thread = threading.Thread(
                    target=self._make_beside, args=(collection,), name="mvt", daemon=True
                )
                self._beside[collection] = thread
                thread.start()
        return None

    def _make_beside(self, collection: str) -> None:
        try:
            self._made_ready(collection)
        finally:
            with self._lock:
                self._beside.pop(collection, None)

    def _made_ready(self, collection: str) -> Ready | None:
        with self._lock:
            making = self._making.setdefault(collection, threading.Lock())
        with making:
            with self._lock:
                if collection in self._held:
                    return self._held[collection]
                of = self._at(collection)
            made = ready(flat_rows(self._store, collection), collection)
            with self._lock:
                if of == self._at(collection):
                    self._held[collection] = made
                    self._touched[collection] = Touched(self._stamps.get(collection, ""))
            self._trim(collection)
            return made

    def _trim(self, collection: str, z: int | None = None) -> None:
        """Let go of what is beyond the bound: other collections, then other zooms of this one."""
        with self._lock:
            held = self._held.get(collection)
            while len(self._held) > 1 and sum(map(_cost, self._held.values())) > HELD_BYTES:
                oldest = next(name for name in self._held if name != collection)
                del self._held[oldest]
            if held is not None and held.nbytes > HELD_BYTES:
                for other in held.zooms - {z}:
                    held.forget(other)

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
        commits = self._store.commits
        if commits == self._commits:
            return
        now = version(self._store)
        with self._lock:
            if now == self._version:
                self._commits = commits
                return
        versions, marks = flat_versions(self._store)
        known = frozenset(flat_collections(self._store))
        with self._lock:
            before, self._versions = self._versions, versions
            everything = before.get(None, 0) != versions.get(None, 0)
            changed = {
                c for c in before.keys() | versions.keys() if before.get(c) != versions.get(c)
            }
            self._version, self._known, self._commits = now, known, commits
            self._stamps = {
                name: _stamp(marks[name], marks.get(None)) for name in known & marks.keys()
            }
            for name in [n for n in self._indexes if everything or n in changed]:
                del self._indexes[name]
            for name in self._held.keys() | {key[0] for key in self._tiles}:
                if everything:
                    self._forget(name, None)
                elif name in changed:
                    self._forget(name, self._boxes(name, before.get(name, 0)))

    def _boxes(self, collection: str, since: int) -> NDArray[np.float64] | None:
        """Boxes of what changed of a collection that is held; None where that cannot be told, or is much."""
        held = self._held.get(collection)
        rows = flat_touched(self._store, collection, since)
        if held is None or rows["eid"].null_count or not rows.num_rows:
            return None
        if rows.num_rows + len(self._touched.get(collection, ())) > MOST_TOUCHED:
            return None
        told = np.column_stack([rows[n].to_numpy() for n in ("xmin", "ymin", "xmax", "ymax")])
        before = held.boxes(rows["eid"].to_numpy(zero_copy_only=False))
        both = np.concatenate([told[np.isfinite(told).all(axis=1)], before])
        return both if len(both) else None

    def _forget(self, collection: str, boxes: NDArray[np.float64] | None) -> None:
        """Let go of what is not so any more: tiles that meet some boxes, or everything."""
        touched = self._touched.get(collection)
        if boxes is None or touched is None:
            self._held.pop(collection, None)
            self._touched.pop(collection, None)
            now = None
        else:
            now = Touched("").and_then("", boxes)
            stamp = self._stamps.get(collection, "")
            self._touched[collection] = touched.and_then(stamp, boxes)
        for key in [k for k in self._tiles if k[0] == collection]:
            if now is None or now.meets(reach(*key[1:4])):
                self._bytes -= len(self._tiles.pop(key)[0]) + EMPTY_COSTS


def _cost(held: Ready | None) -> int:
    return 0 if held is None else held.nbytes


def _stamp(*marks: object) -> str:
    """What tiles of a state of a collection are told from others by: its last changes, and the program that draws."""
    told = repr((version_of("citytwin"), *marks)).encode()
    return hashlib.blake2b(told, digest_size=8).hexdigest()


def _version_of(path: Path) -> int | None:
    """The base's version in a TileJSON; None where it is none of ours."""
    try:
        text = orjson.loads(path.read_bytes()).get("version", "")
    except (OSError, orjson.JSONDecodeError, AttributeError):
        return None
    parts = text.split(".") if isinstance(text, str) else []
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else None
