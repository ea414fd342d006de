"""Contents made when they are asked for, with the bytes a build writes.

The plan of the whole city is made once (some microseconds a building) and kept, some forty bytes a building; single
edits are taken over into it. Then a tile costs reading its own buildings and drawing them. Massing is not made so: that of a
whole city needs every building.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from tiles.blocks import FACADE
from tiles.buildings import stamped
from tiles.districts import area_of, make_part, name_of
from tiles.folder import read_manifest
from tiles.membership import LAST_LEVEL, place, unmorton
from tiles.outlines import EditedRows, Plan, StreamedSource, TableRows, plan_of, renewed
from tiles.packing import pack
from tiles.palette import facade
from tiles.source import geometries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tiles.outlines import BuildingRows
    from tiles.source import TileSource
    from twin.terrain import Surface

__all__ = ["Drawn", "OnDemand"]

NAME = re.compile(
    r"buildings/(\d{1,2})_(\d{1,8})_(\d{1,8})/(?:top|(\d{1,2})_(\d{1,8})_(\d{1,8}))\.glb"
)
CACHE_BYTES = 64 << 20
TRIES = 3
Cell = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A content, the hash of its bytes, and its form for the wire (gzip)."""

    data: bytes
    digest: str
    packed: bytes
    media: str = "model/gltf-binary"


def _drawn_from(data: bytes) -> Drawn:
    return Drawn(data, hashlib.sha256(data).hexdigest(), pack(data))


@dataclass(slots=True)
class _State:
    """One state of the base; the plan is made when it is first needed."""

    raw: str
    terrain: Surface | None = None
    stamp: str = ""
    ground: str = ""
    plan: Plan | None = None
    district: dict[Cell, int] | None = None
    position: int = -1
    commits: int | None = None
    before: tuple[Plan, int] | None = None
    """A plan of the same ground, and the place in the log of changes it was made at."""


def _picture() -> Drawn:
    png = facade().png
    return Drawn(png, hashlib.sha256(png).hexdigest(), b"", "image/png")


class OnDemand:
    """Makes contents of a city's buildings; safe to use from any thread.

    Parameters
    ----------
    source : TileSource
    out : Path
        The tiles folder.
    """

    def __init__(self, source: TileSource, out: Path) -> None:
        self._source, self._out = source, out
        self._lock = threading.Lock()
        self._state = _State("")
        self._manifest: tuple[int, str] = (-1, "")
        self._cache: OrderedDict[tuple[str, str], Drawn] = OrderedDict()
        self._held = 0

    def draw(self, name: str) -> Drawn | None:
        """A content by its path in the tiles folder.

        Returns
        -------
        Drawn or None
            None where the file in the folder, if there is one, is the answer: it is of another kind, it is as new
            as the base, or the base has no such tile.
        """
        if name == f"buildings/{FACADE}" and not (self._out / name).is_file():
            return _picture()
        match = NAME.fullmatch(name)
        if match is None:
            return None
        level, x, y = (int(v) for v in match.groups()[:3])
        part = None if match[4] is None else (int(match[4]), int(match[5]), int(match[6]))
        if level > LAST_LEVEL or (part is not None and level + part[0] > LAST_LEVEL):
            return None
        commits = self._source.commits() if isinstance(self._source, StreamedSource) else None
        state = self._state_after(commits)
        if state is not None:
            if self._is_built(state.stamp) and (self._out / name).is_file():
                return None
            found = self._cached(state, name)
            if found is not None:
                return found
        for _ in range(TRIES):
            with self._rows() as rows:
                state = self._at(rows.stamp(), commits)
                if self._is_built(state.stamp) and (self._out / name).is_file():
                    return None
                try:
                    return self._drawn(rows, state, name, (level, x, y), part)
                except _MovedError:  # rows were moved without a change of the base
                    with self._lock:
                        state.district = state.before = None
        return None

    def warm(self) -> None:
        """Plan the city as it is and draw one content, so that the first who asks does not wait for that.

        Nothing is done where the layer in the folder is of this state of the base.
        """
        with self._rows() as rows:
            state = self._at(rows.stamp())
            if self._is_built(state.stamp):
                return
            with self._lock:
                self._plan(rows, state)
                plan = state.plan
        if plan is not None:
            level = int(plan.membership.tile_level[0])
            cell = plan.membership.cell(0)
            x, y = unmorton(plan.membership.key[:1] >> (2 * (LAST_LEVEL - level)))
            down = level - cell[0]
            own = (down, int(x[0]) - (cell[1] << down), int(y[0]) - (cell[2] << down))
            self.draw(f"buildings/{name_of(cell)}/{name_of(own) if down else 'top'}.glb")

    @contextmanager
    def _rows(self) -> Iterator[BuildingRows]:
        if isinstance(self._source, StreamedSource):
            with self._source.building_rows() as rows:
                yield rows
        else:
            yield TableRows(self._source.buildings())

    def _state_after(self, commits: int | None) -> _State | None:
        """The state of the base after so many transactions; None where it has to be asked for."""
        with self._lock:
            return self._state if commits is not None and self._state.commits == commits else None

    def _at(self, raw: str, commits: int | None = None) -> _State:
        """The state of the base of a stamp, which was not read before ``commits`` transactions."""
        with self._lock:
            if self._state.raw != raw:
                terrain = self._source.terrain()
                ground = "none" if terrain is None else terrain.digest()
                was = self._state
                kept = (was.plan, was.position) if was.plan is not None else was.before
                same = kept is not None and ground == was.ground
                self._state = _State(raw, terrain, stamped(raw, ground), ground)
                self._state.before = kept if same else None
            self._state.commits = commits
            return self._state

    def _is_built(self, stamp: str) -> bool:
        """Whether the layer in the folder is of this state of the base."""
        try:
            written = (self._out / "manifest.json").stat().st_mtime_ns
        except OSError:
            return False
        with self._lock:
            if written != self._manifest[0]:
                entry = read_manifest(self._out).get("buildings", {})
                self._manifest = written, str(entry.get("input", ""))
            return self._manifest[1] == stamp

    def _drawn(
        self, rows: BuildingRows, state: _State, name: str, cell: Cell, part: Cell | None
    ) -> Drawn | None:
        found = self._cached(state, name)
        if found is not None:
            return found
        with self._lock:
            districts = self._plan(rows, state)  # others wait for it
            plan, i = state.plan, districts.get(cell)
        if plan is None or i is None or (part is not None and part[0] == 0):
            return None
        data = _made(rows, plan, i, part, state.terrain)
        if data is None:
            return None
        made = _drawn_from(data)
        self._keep((state.stamp, name), made)
        return made

    def _cached(self, state: _State, name: str) -> Drawn | None:
        """A content that was made in a state of the base."""
        with self._lock:
            found = self._cache.get((state.stamp, name))
            if found is not None:
                self._cache.move_to_end((state.stamp, name))
            return found

    @staticmethod
    def _plan(rows: BuildingRows, state: _State) -> dict[Cell, int]:
        """Number of each district; the plan is made where there is none."""
        if state.district is None:
            state.plan = None
            if isinstance(rows, EditedRows):
                state.position = rows.position()
                if state.before is not None and state.position >= 0:
                    state.plan = renewed(state.before[0], rows, state.before[1])
            if state.plan is None:
                state.plan = plan_of(rows.outlines())
            state.before = None
            state.district = {} if state.plan is None else _cells(state.plan)
        return state.district

    def _keep(self, key: tuple[str, str], made: Drawn) -> None:
        with self._lock:
            if key in self._cache or len(made.data) > CACHE_BYTES:
                return
            self._cache[key] = made
            self._held += len(made.data) + len(made.packed)
            while self._held > CACHE_BYTES:
                _, old = self._cache.popitem(last=False)
                self._held -= len(old.data) + len(old.packed)


def _made(
    rows: BuildingRows, plan: Plan, i: int, part: Cell | None, terrain: Surface | None
) -> bytes | None:
    """Content of a tile of district ``i``; None where the plan has none."""
    own, cell = plan.rows_of(i), plan.membership.cell(i)
    key, level = plan.membership.key[own], plan.membership.tile_level[own]
    depth = cell[0] if part is None else cell[0] + part[0]
    mine = level == depth
    if part is not None:
        x, y = unmorton(key >> (2 * (LAST_LEVEL - depth)))
        mine &= (x == (cell[1] << part[0]) + part[1]) & (y == (cell[2] << part[0]) + part[2])
    if not mine.any():
        return None
    width = 360.0 / 2 ** cell[0]
    west, south = cell[1] * width - 180.0, cell[2] * width - 90.0
    numbers, key = plan.row[own][mine], key[mine]
    found = rows.rows(plan.wanted(own, mine), (west, south, west + width, south + width))
    table = _aligned(found, numbers, key)
    return make_part(area_of(cell, table, plan.members(own)[mine]), terrain)


class _MovedError(Exception):
    """Rows are not those of the plan."""


def _aligned(table: pa.Table, numbers: NDArray[np.int64], key: NDArray[np.int64]) -> pa.Table:
    """The table in the order of the plan; every shape must stand where the plan has it."""
    found = table["row"].to_numpy()
    order = np.argsort(found)
    if len(found) != len(numbers) or not np.array_equal(found[order], np.sort(numbers)):
        raise _MovedError
    table = table.take(pa.array(order[np.searchsorted(found[order], numbers)]))
    table = table.drop_columns("row")
    if not np.array_equal(place(shapely.bounds(geometries(table)))[0], key):
        raise _MovedError
    return table


def _cells(plan: Plan) -> dict[Cell, int]:
    """Number of each district by its cell."""
    m = plan.membership
    first = m.key[m.start[:-1]] >> (2 * (LAST_LEVEL - m.district_level.astype(np.int64)))
    x, y = unmorton(first)
    cells = zip(m.district_level.tolist(), x.tolist(), y.tolist(), strict=True)
    return {c: i for i, c in enumerate(cells)}
