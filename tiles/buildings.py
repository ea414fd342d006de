"""The layer of LoD1 buildings: districts of tiles below block massing, with an explicit and an implicit face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tiles.districts import Area, District, area_of, make_district
from tiles.faces import mass, quarters, write_faces
from tiles.features import Layer, Progress, Write
from tiles.membership import LAST_LEVEL
from tiles.outlines import BuildingRows, Plan, TableRows, plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.terrain import Surface

__all__ = ["areas", "build_buildings"]

ROWS_AT_ONCE = 50_000
"""Buildings whose shapes are read together: some 20 MB."""


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
    plan = plan_of(source)
    if plan is None:
        return Layer(None)
    done, made = 0, []
    for area in areas(source, plan):
        made.append(make_district(area, terrain, write))
        done += len(area.key)
        if progress is not None:
            progress(done, len(plan.row))
    return finish(made, plan.left_out, terrain, write)


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
    table = source.rows(numbers, _box([m.cell(i) for i in which]))
    found = table["row"].to_numpy()
    table = table.drop_columns("row")
    if not np.array_equal(found, numbers):
        order = np.argsort(found)
        table = table.take(pa.array(order[np.searchsorted(found[order], numbers)]))
    for i in which:
        own = plan.rows_of(i)
        part = table.slice(own.start - places.start, own.stop - own.start)
        size = plan.size[own].astype(np.float64)
        yield area_of(m.cell(i), part, m.key[own], m.tile_level[own], size)


def _box(cells: list[tuple[int, int, int]]) -> tuple[float, float, float, float]:
    """West, south, east, north of some cells, degrees."""
    west, south, east, north = 180.0, 90.0, -180.0, -90.0
    for level, x, y in cells:
        width = 360.0 / 2 ** min(level, LAST_LEVEL)
        west, south = min(west, x * width - 180.0), min(south, y * width - 90.0)
        east, north = max(east, (x + 1) * width - 180.0), max(north, (y + 1) * width - 90.0)
    return west, south, east, north
