"""The whole city as solids in memory: built once, kept up to date from the log of changes.

A scene never changes; :meth:`SceneBook.now` gives the newest, made from the one before by what the log names.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import ArrayLike, NDArray

from twin.analysis.bodies import bodies_of
from twin.crs.local import LocalFrame
from twin.errors import NotFoundError
from twin.features.asking import EVERYTHING, Reach
from twin.solids import Solids, Tree
from twin.store.rasters import terrain_of
from twin.store.read import version
from twin.store.solids import Stamp, bodies, changed_since, stamp
from twin.store.store import Store, statement
from twin.terrain import Surface

__all__ = ["Scene", "SceneBook", "Things"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_HIDING = ("buildings", "building_parts", "bridges", "tunnels", "elements")
MOST_EDITS = 2000
"""More changes than that, and the scene is built anew."""
MOST_LOOSE = 8192
"""Bodies that stand outside the packed tree before it is packed again."""
_ANCHORS_S = 1.0


@dataclass(frozen=True, slots=True)
class Things:
    """Things of a scene: id, class and collection (codes into lists), name."""

    eid: NDArray[np.bytes_]
    class_code: NDArray[np.int16]
    collection: NDArray[np.int16]
    name: pa.ChunkedArray
    classes: tuple[str, ...]
    collections: tuple[str, ...]

    def __len__(self) -> int:
        """How many, those that are no more included."""
        return len(self.eid)


@dataclass(slots=True)
class Scene:
    """Bodies of the city in metres of one frame.

    Parameters
    ----------
    stamp : Stamp
        State of the base.
    frame : LocalFrame
    terrain : Surface or None
    things : Things
    solids : Solids
        Bodies (n).
    thing : ndarray of int64, shape (n,)
        Whose body each is.
    hides : ndarray of bool, shape (n,)
        Whether it stands in the way of a sight line.
    tree : Tree
        Boxes of the bodies; those that are no more are NaN.
    assumed : int
        Bodies whose height is not known and was taken as 0.
    packed : int
        Things at the beginning whose ids are in order.
    """

    stamp: Stamp
    frame: LocalFrame
    terrain: Surface | None
    things: Things
    solids: Solids
    thing: Ints
    hides: Flags
    tree: Tree
    assumed: int
    packed: int
    _masks: dict[object, Flags] = field(default_factory=dict)
    _late: dict[bytes, int] = field(default_factory=dict)
    _order: list[tuple[Ints, Ints]] = field(default_factory=list)

    @property
    def relative_error(self) -> float:
        """Largest share by which distances in the frame differ from those on the ground."""
        box = self.tree.nodes[-1] if len(self.tree.nodes) else np.zeros(6)
        reach = float(np.abs(box[[0, 3]]).max())
        rise = float(np.abs(box[[2, 5]] - self.frame.height).max())
        return self.frame.relative_error(reach, rise)

    def find(self, eid: str) -> int:
        """Row of a thing.

        Raises
        ------
        NotFoundError
            If it has no body now.
        """
        key = eid.encode()
        if key in self._late:
            return self._late[key]
        row = int(np.searchsorted(self.things.eid[: self.packed], key))
        if row < self.packed and self.things.eid[row] == key:
            return row
        raise NotFoundError(
            f"{eid!r} has no body in the present scene; /entities/{eid} says what is known of it"
        )

    def bodies_of(self, row: int) -> Ints:
        """Bodies of a thing."""
        if not self._order:
            order = np.argsort(self.thing, kind="stable")
            self._order.append((order, self.thing[order]))
        order, sorted_ = self._order[0]
        found = order[np.searchsorted(sorted_, row) : np.searchsorted(sorted_, row, side="right")]
        return np.asarray(found[np.isfinite(self.tree.boxes[found, 0])])

    def wanted(
        self, collections: Sequence[str] | None = None, classes: Sequence[str] | None = None,
        reach: Reach = EVERYTHING, *, hiding: bool = False,
    ) -> Flags | None:  # fmt: skip
        """Which bodies belong to some collections and classes and lie within reach (n,); None: all do."""
        if collections is None and classes is None and reach is EVERYTHING and not hiding:
            return None
        key = (collections and tuple(collections), classes and tuple(classes), reach, hiding)
        if key not in self._masks:
            found = self._wanted_things(collections, classes, reach)[self.thing]
            if len(self._masks) > 16:
                self._masks.clear()
            self._masks[key] = found & self.hides if hiding else found
        return self._masks[key]

    def _wanted_things(
        self, collections: Sequence[str] | None, classes: Sequence[str] | None, reach: Reach
    ) -> Flags:
        things = self.things
        out = np.ones(len(things), bool)
        if collections is not None:
            out &= np.isin(things.collection, [k for k, c in enumerate(things.collections) if c in collections])  # fmt: skip
        for allowed in (classes, reach.classes):
            if allowed is not None:
                out &= np.isin(things.class_code, [k for k, c in enumerate(things.classes) if c in allowed])  # fmt: skip
        if reach.area is not None:
            box = np.full((len(things), 4), np.nan)
            box[self.thing] = self.tree.boxes[:, [0, 1, 3, 4]]
            lon, lat = self.frame.inverse((box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2)
            known = np.isfinite(lon)
            out &= known
            out[known] &= shapely.intersects_xy(reach.area, lon[known], lat[known])
        return out

    def places(self, xyz: Array) -> Array:
        """Longitude, latitude, height (n, 3) of points of the frame."""
        lon, lat = self.frame.inverse(xyz[:, 0], xyz[:, 1])
        return np.stack([lon, lat, xyz[:, 2]], axis=1)

    def ground(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Height of the ground (n,) at places of the frame; NaN where unknown."""
        lon, lat = self.frame.inverse(x, y)
        return np.full(lon.shape, np.nan) if self.terrain is None else self.terrain.height(lon, lat)

    def ground_grid(self, west: float, south: float, step: float, rows: int, cols: int) -> Array:
        """Height of the ground over a square of cells (rows, cols), from south to north; NaN where unknown.

        Degrees are computed every 100 m and taken as bilinear between: 0.1 mm.
        """
        if self.terrain is None:
            return np.full((rows, cols), np.nan)
        every = max(1, int(100 / step))
        row_at, row_mix = _lattice(rows, every)
        col_at, col_mix = _lattice(cols, every)
        x, y = np.meshgrid(west + col_at * step, south + row_at * step)
        lon, lat = self.frame.inverse(x.ravel(), y.ravel())
        fine = [row_mix @ v.reshape(x.shape) @ col_mix.T for v in (lon, lat)]
        return np.asarray(self.terrain.height(fine[0], fine[1]))


def _lattice(n: int, every: int) -> tuple[Array, Array]:
    """Places of a coarse lattice over 0 … n - 1, and the weights (n, k) that interpolate it."""
    at = np.arange(0, n - 1 + every, every, dtype=np.float64)
    mix = np.maximum(0.0, 1 - np.abs(np.arange(n)[:, None] - at) / every)
    return at, mix


class SceneBook:
    """The newest scene of a base; safe from any thread.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self._commits = -1
        self._looked = 0.0

    def now(self) -> Scene:
        """The scene as the base is now; the log is asked only after something was written."""
        with self._lock:
            commits = self._store.commits
            if self._scene is None:
                self._scene = _built(self._store)
            elif commits != self._commits and self._stale(self._scene):
                self._scene = _followed(self._store, self._scene)
            self._commits = commits
            return self._scene

    def _stale(self, scene: Scene) -> bool:
        """Whether the log has grown; anchors that came without a change are looked for once a second."""
        if version(self._store) != scene.stamp.seq:
            return True
        if time.monotonic() - self._looked < _ANCHORS_S:
            return False
        self._looked = time.monotonic()
        return stamp(self._store) != scene.stamp


def _built(store: Store) -> Scene:
    at = stamp(store)
    table = bodies(store)
    bounds = store.table(statement("scene_bounds")).to_pylist()[0]
    west, east = bounds["west"] or 0.0, bounds["east"] or 0.0
    south, north = bounds["south"] or 0.0, bounds["north"] or 0.0
    heights = table["ground_z"].drop_null().to_numpy()
    middle = float(np.median(heights)) if len(heights) else 0.0
    frame = LocalFrame((west + east) / 2, (south + north) / 2, middle)
    terrain = terrain_of(store)
    made = bodies_of(table, frame, terrain, store.assets)
    things, thing = _things(table)
    solids = made.solids
    hides = _hides(table)[made.row]
    return Scene(
        at, frame, terrain, things, solids, thing[made.row], hides, Tree.of(solids.boxes()), made.assumed, len(things),
    )  # fmt: skip


def _followed(store: Store, scene: Scene) -> Scene:
    """The scene with what changed since; built anew where much did or the ground may have."""
    at = stamp(store)
    changed = changed_since(store, scene.stamp, MOST_EDITS)
    if changed is None or scene.tree.unpacked + len(changed) > MOST_LOOSE:
        return _built(store)
    known = [row for eid in changed if (row := _row(scene, eid)) is not None]
    gone = np.flatnonzero(np.isin(scene.thing, known))
    table = bodies(store, changed)
    made = bodies_of(table, scene.frame, scene.terrain, store.assets)
    things, late, thing = _more_things(scene, table)
    return Scene(
        at, scene.frame, scene.terrain, things, Solids.joined([scene.solids, made.solids]),
        np.concatenate([scene.thing, thing[made.row]]), np.concatenate([scene.hides, _hides(table)[made.row]]),
        scene.tree.edited(gone, made.solids.boxes()), scene.assumed + made.assumed, scene.packed, {}, late,
    )  # fmt: skip


def _row(scene: Scene, eid: str) -> int | None:
    try:
        return scene.find(eid)
    except NotFoundError:
        return None


def _things(table: pa.Table) -> tuple[Things, Ints]:
    """Things of a table of bodies in order of their ids, and the thing of each row."""
    eid = np.array(table["eid"].to_pylist(), dtype="S36")
    first = np.flatnonzero(np.append(True, eid[1:] != eid[:-1])) if len(eid) else np.zeros(0, int)
    thing = np.cumsum(np.isin(np.arange(len(eid)), first)) - 1
    kept = table.take(pa.array(first))
    codes, classes = _coded(kept["class_code"])
    groups, collections = _coded(kept["collection"])
    return Things(eid[first], codes, groups, kept["name"], classes, collections), thing.astype(
        np.int64
    )


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    return coded.indices.to_numpy().astype(np.int16), tuple(coded.dictionary.to_pylist())


def _more_things(scene: Scene, table: pa.Table) -> tuple[Things, dict[bytes, int], Ints]:
    more, thing = _things(table)
    old = scene.things
    classes = (*old.classes, *(c for c in more.classes if c not in old.classes))
    collections = (*old.collections, *(c for c in more.collections if c not in old.collections))
    code = np.array([classes.index(c) for c in more.classes] or [0], np.int16)[more.class_code]
    group = np.array([collections.index(c) for c in more.collections] or [0], np.int16)[more.collection]  # fmt: skip
    n = len(old)
    things = Things(
        np.concatenate([old.eid, more.eid]), np.concatenate([old.class_code, code]),
        np.concatenate([old.collection, group]), pa.chunked_array([*old.name.chunks, *more.name.chunks], pa.string()),
        classes, collections,
    )  # fmt: skip
    late = scene._late | {eid: n + k for k, eid in enumerate(more.eid.tolist())}
    return things, late, thing + n


def _hides(table: pa.Table) -> Flags:
    """Whether bodies stand in the way of sight: buildings and what they are built of, not the hulls of those drawn in parts."""
    built = np.isin(table["collection"].to_numpy(zero_copy_only=False), _HIDING)
    return np.asarray(built & ~table["hollow"].to_numpy(zero_copy_only=False).astype(bool))
