"""The layer of LoD1 buildings: districts of tiles below block massing, with an explicit and an implicit face."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tiles.blocks import FACADE
from tiles.districts import Area, District, area_of, make_district, name_of
from tiles.edits import Index, housed, touched, write_index
from tiles.faces import mass, quarters, write_faces
from tiles.features import Layer, Progress, Write
from tiles.folder import FORMAT, digest_of
from tiles.membership import LAST_LEVEL
from tiles.outlines import BuildingRows, EditedRows, Plan, TableRows, plan_of
from tiles.packing import with_packed
from tiles.palette import facade
from tiles.records import FOLDER, Record, Shelf, digest_parts, write_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tiles.folder import Staging
    from tiles.workers import Made, Workers
    from twin.terrain import Surface

__all__ = ["areas", "build_buildings", "refresh_buildings", "stamped"]

ROWS_AT_ONCE = 100_000
"""Buildings whose shapes are read together: some 40 MB."""


def build_buildings(
    rows: BuildingRows | pa.Table,
    terrain: Surface | None,
    write: Write,
    progress: Progress | None = None,
) -> Layer:
    """Write the whole layer: contents, subtrees, and both faces.

    Parameters
    ----------
    rows : BuildingRows or pyarrow.Table
        A table has the schema :data:`tiles.source.BUILDINGS`.
    terrain : Surface or None
    write : callable
    progress : callable, optional

    Returns
    -------
    Layer
        ``root`` is None where there is nothing to draw.
    """
    source = TableRows(rows) if isinstance(rows, pa.Table) else rows
    plan = plan_of(source.outlines())
    if plan is None:
        return Layer(None)
    write = with_packed(write)
    done, made = 0, []
    for area in areas(source, plan):
        made.append(make_district(area, terrain, write))
        done += len(area.members)
        if progress is not None:
            progress(done, len(plan.row))
    return finish(made, plan.left_out, terrain, write)


def refresh_buildings(
    source: BuildingRows,
    terrain: Surface | None,
    ground: str,
    staging: Staging,
    shelf: Shelf,
    crew: Workers,
    progress: Progress | None = None,
) -> Layer:
    """Write the whole layer as :func:`build_buildings` does, and make only districts that are not on the shelf.

    Parameters
    ----------
    source : BuildingRows
    terrain : Surface or None
    ground : str
        Hash of the terrain and of the format.
    staging : Staging
    shelf : Shelf
        Where districts of the same digest are taken from.
    crew : Workers
    progress : callable, optional
    """
    index = shelf.index() if isinstance(source, EditedRows) else None
    if index is not None and isinstance(source, EditedRows):
        plans = touched(index, source, ground)
        if plans is not None:
            run = _Refresh(ground, staging, shelf, progress, sum(index.counts))
            if run.edit(index, plans, source, terrain, crew):
                run.keep_index(source.position(), index.left_out)
                return finish(run.districts(), index.left_out, terrain, with_packed(staging.write))
    plan = plan_of(source.outlines())
    if plan is None:
        return Layer(None)
    run = _Refresh(ground, staging, shelf, progress, len(plan.row))
    for made in crew.run(run.missing(areas(source, plan)), terrain):
        run.store(made)
    if isinstance(source, EditedRows):
        run.keep_index(source.position(), plan.left_out)
    return finish(run.districts(), plan.left_out, terrain, with_packed(staging.write))


class _Refresh:
    """One run over the districts of a plan: what is there already, what has to be made."""

    def __init__(
        self, ground: str, staging: Staging, shelf: Shelf, progress: Progress | None, total: int
    ) -> None:
        self.total, self.ground = total, ground
        self.staging, self.shelf, self.progress = staging, shelf, progress
        self._made: dict[int, District] = {}
        self._count: dict[int, int] = {}
        self._words: list[NDArray[np.void]] = []
        self._waiting: deque[tuple[int, NDArray[np.void], list[str]]] = deque()
        self._done = 0

    def districts(self) -> list[District]:
        """What was made or taken, in the order of the plan."""
        return [d for _, d in sorted(self._made.items())]

    def missing(
        self, found: Iterable[Area], numbers: Sequence[int] | None = None
    ) -> Iterator[Area]:
        """Areas that have to be made; all others are taken from the shelf."""
        for k, area in enumerate(found):
            i = k if numbers is None else numbers[k]
            self._count[i] = len(area.members)
            self._words.append(housed(area.members, i))
            digests = digest_parts(area, self.ground)
            if not self._take(i, self.shelf.find(area.cell, digest_of(*digests))):
                self._waiting.append((i, area.members, digests))
                yield area

    def edit(
        self, index: Index, plans: dict[int, Plan], source: BuildingRows, terrain: Surface | None,
        crew: Workers,
    ) -> bool:  # fmt: skip
        """Make the districts of some plans and take all others; False where one is not to be had."""
        for i, cell in enumerate(index.cells):
            if i not in plans:
                self._count[i] = index.counts[i]
                if not self._take(i, self.shelf.find(cell)):
                    return False
        others = np.array(index.words)
        self._words.append(others[~np.isin(others["district"], list(plans))])
        found = (a for plan in plans.values() for a in areas(source, plan))
        for made in crew.run(self.missing(found, list(plans)), terrain):
            self.store(made)
        return True

    def keep_index(self, position: int, left_out: int) -> None:
        """Write down where every building is, and what the base's log said last."""
        cells = [d.cell for d in self.districts()]
        counts = [n for _, n in sorted(self._count.items())]
        words = np.concatenate(self._words)
        index = Index(position, self.ground, cells, counts, left_out, words)
        write_index(self.staging.path / FOLDER / "index", index)

    def store(self, made: Made) -> None:
        """Write what was made for the area that waits longest."""
        i, members, digests = self._waiting.popleft()
        for name, data in made.files:
            self.staging.write(name, data)
        files = {name: self.staging.files[name] for name, _ in made.files}
        for part, digest in zip(made.district.parts, digests, strict=True):
            part.digest = digest
        self._keep(i, Record(digest_of(*digests), files, made.district, members))

    def _take(self, i: int, hit: tuple[Path, Record] | None) -> bool:
        """Take the files of a district that is on the shelf."""
        if hit is None:
            return False
        layer, record = hit
        if not all(self.staging.adopt(n, layer, f) for n, f in record.files.items()):
            return False
        self._keep(i, record)
        return True

    def _keep(self, i: int, record: Record) -> None:
        write_record(self.staging.path / FOLDER / name_of(record.district.cell), record)
        self._made[i] = record.district
        self._done += self._count[i]
        if self.progress is not None:
            self.progress(self._done, self.total)


def stamped(stamp: str, ground: str) -> str:
    """What the manifest says the layer was made of.

    Parameters
    ----------
    stamp : str
        Of the buildings (:meth:`tiles.outlines.BuildingRows.stamp`).
    ground : str
        Hash of the terrain.
    """
    return digest_of(str(FORMAT), digest_of(stamp, ground))


def finish(made: list[District], left_out: int, terrain: Surface | None, write: Write) -> Layer:
    """Write what lies above the districts."""
    notes: dict[str, int] = {"without a polygon, left out": left_out} if left_out else {}
    for district in made:
        for text, n in district.notes.items():
            notes[text] = notes.get(text, 0) + n
    said = [f"{n} {text}" for text, n in notes.items()]
    districts = [d for d in made if d.features]
    if not districts:
        return Layer(None, 0, said)
    write(FACADE, facade().png)
    top = quarters(districts)
    mass(top, terrain, write)
    root, _ = write_faces(top, write)
    return Layer(root, sum(d.features for d in districts), said)


def areas(source: BuildingRows, plan: Plan) -> Iterator[Area]:
    """What each district is made of, in the order of the plan; shapes are read for some at a time."""
    start, n = plan.membership.start, len(plan.membership.district_level)
    first = 0
    while first < n:
        last = int(np.searchsorted(start, start[first] + ROWS_AT_ONCE, side="right")) - 1
        last = max(first + 1, min(last, n))
        yield from _some(source, plan, range(first, last))
        first = last


def _some(source: BuildingRows, plan: Plan, which: range) -> Iterator[Area]:
    """Areas of neighbouring districts, with one question to the source."""
    m = plan.membership
    places = slice(int(m.start[which[0]]), int(m.start[which[-1] + 1]))
    numbers = plan.row[places]
    table = source.rows(plan.wanted(places), _box([m.cell(i) for i in which]))
    found = table["row"].to_numpy()
    table = table.drop_columns("row")
    if not np.array_equal(found, numbers):
        order = np.argsort(found)
        table = table.take(pa.array(order[np.searchsorted(found[order], numbers)]))
    table = table.combine_chunks()
    for i in which:
        own = plan.rows_of(i)
        part = table.slice(own.start - places.start, own.stop - own.start)
        yield area_of(m.cell(i), part, plan.members(own))


def _box(cells: list[tuple[int, int, int]]) -> tuple[float, float, float, float]:
    """West, south, east, north of some cells, degrees."""
    west, south, east, north = 180.0, 90.0, -180.0, -90.0
    for level, x, y in cells:
        width = 360.0 / 2 ** min(level, LAST_LEVEL)
        west, south = min(west, x * width - 180.0), min(south, y * width - 90.0)
        east, north = max(east, (x + 1) * width - 180.0), max(north, (y + 1) * width - 90.0)
    return west, south, east, north
