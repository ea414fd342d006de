"""The layer of LoD1 buildings: districts of tiles below block massing, with an explicit and an implicit face."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tiles.blocks import FACADE
from tiles.districts import Area, area_of, make_district, name_of
from tiles.edits import housed, write_homes
from tiles.features import Layer, Progress, Write
from tiles.folder import FORMAT, digest_of
from tiles.membership import LAST_LEVEL
from tiles.outlines import BuildingRows, EditedRows, Plan, TableRows, plan_of
from tiles.packing import with_packed
from tiles.palette import facade
from tiles.records import FOLDER, Record, Shelf, digest_parts, read_record, write_record
from tiles.retile import layer_of
from tiles.upper import Upper, keep_upper, upper_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tiles.folder import Staging
    from tiles.nodes import Node
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
    """
    source = TableRows(rows) if isinstance(rows, pa.Table) else rows
    plan = plan_of(source.outlines())
    if plan is None:
        return Layer(None)
    write = with_packed(write)
    done, upper = 0, Upper(left_out=plan.left_out)
    blocks = {}
    for area in areas(source, plan):
        made = make_district(area, terrain, write)
        upper.add(made)
        blocks[made.cell] = made.blocks
        done += len(area.members)
        if progress is not None:
            progress(done, len(plan.row))
    found = layer_of(upper)
    if found.features:
        write(FACADE, facade().png)
        upper.finish(blocks.__getitem__, terrain, write, lambda _n, _b: None)
        found = layer_of(upper)
    return found


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
    plan = plan_of(source.outlines())
    if plan is None:
        return Layer(None)
    write = with_packed(staging.write)
    upper = Upper(ground=ground, left_out=plan.left_out)
    if isinstance(source, EditedRows):
        upper.position, upper.places = source.position(), source.places()
    run = _Refresh(ground, staging, shelf, progress, upper, len(plan.row))
    for made in crew.run(run.missing(areas(source, plan)), terrain):
        run.store(made)
    run.drain()
    del plan  # the largest thing in memory, and done with
    records = staging.path / FOLDER
    write_homes(records / "homes", run.homes)

    def keep(node: Node, blocks: NDArray[np.void]) -> None:
        (records / f"{node.name}.blocks").write_bytes(blocks.tobytes())

    if layer_of(upper).features:
        write(FACADE, facade().png)
        upper.finish(
            lambda c: read_record(records / name_of(c)).district.blocks, terrain, write, keep
        )
    (records / "upper").write_bytes(upper_bytes(upper))
    keep_upper(records / "upper", upper)
    return layer_of(upper)


class _Refresh:
    """One run over the districts of a plan: what is there already, what has to be made."""

    def __init__(
        self, ground: str, staging: Staging, shelf: Shelf, progress: Progress | None, upper: Upper,
        total: int,
    ) -> None:  # fmt: skip
        self.total, self.ground, self.upper = total, ground, upper
        self.staging, self.shelf, self.progress = staging, shelf, progress
        self.homes: list[NDArray[np.void]] = []
        self._waiting: deque[tuple[Area, list[str]] | Record] = deque()
        self._done = 0

    def missing(self, found: Iterable[Area]) -> Iterator[Area]:
        """Areas that have to be made; all others are taken from the shelf."""
        for i, area in enumerate(found):
            self.homes.append(housed(area.members, i))
            digests = digest_parts(area, self.ground)
            hit = self.shelf.find(area.cell, digest_of(*digests))
            record = None if hit is None else self._taken(*hit, area)
            self._waiting.append((area, digests) if record is None else record)
            self.drain()
            if record is None:
                yield area

    def _taken(self, layer: Path, record: Record, area: Area) -> Record | None:
        """A record whose files were taken over, with the rows of now."""
        if not all(self.staging.adopt(n, layer, f) for n, f in record.files.items()):
            return None
        return replace(record, members=area.members)

    def store(self, made: Made) -> None:
        """Write what was made for the area that waits longest, and what was taken before it."""
        self.drain()
        area, digests = self._waiting.popleft()  # type: ignore[misc] # records were drained
        for name, data in made.files:
            self.staging.write(name, data)
        files = {name: self.staging.files[name] for name, _ in made.files}
        for part, digest in zip(made.district.parts, digests, strict=True):
            part.digest = digest
        self._keep(Record(digest_of(*digests), files, made.district, area.members))

    def drain(self) -> None:
        """Keep what was taken from the shelf and waits for nobody."""
        while self._waiting and isinstance(self._waiting[0], Record):
            found = self._waiting.popleft()
            assert isinstance(found, Record)  # noqa: S101 - just looked
            self._keep(found)

    def _keep(self, record: Record) -> None:
        write_record(self.staging.path / FOLDER / name_of(record.district.cell), record)
        self.upper.add(record.district)
        self._done += len(record.members)
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
