"""Buildings by their outline first, by their shape when their turn comes.

A plan needs a box and a height of every building, some forty bytes; the shapes of a whole city never stand in
memory together. :class:`BuildingRows` is what the tiler asks for both; :class:`TableRows` answers from a
table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from tiles.blocks import DEFAULT_HEIGHT_M, HIGHEST_M
from tiles.folder import digest_table
from tiles.membership import (
    LAST_LEVEL,
    Membership,
    members,
    members_within,
    morton,
    place,
    size_level,
)
from tiles.palette import FLOOR_HEIGHT
from tiles.placement import M_PER_DEGREE
from tiles.source import floats, geometries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

__all__ = [
    "OUTLINE", "BuildingRows", "EditedRows", "Plan", "StreamedSource", "TableRows", "plan_of", "plan_within",
    "size_of",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Box = tuple[float, float, float, float]

OUTLINE = pa.schema(
    [
        ("row", pa.int64()), ("thing", pa.int64()),  # what :meth:`BuildingRows.rows` knows it by
        ("base_z", pa.float64()),
        ("xmin", pa.float64()), ("ymin", pa.float64()), ("xmax", pa.float64()), ("ymax", pa.float64()),
        ("height_m", pa.float64()),
        ("floors", pa.int32()),
    ]
)  # fmt: skip
"""Box in degrees, height above ground and floors of a building; null where unknown."""


@runtime_checkable
class BuildingRows(Protocol):
    """The buildings of a city at one moment: all answers are of the same state."""

    def stamp(self) -> str:
        """Changes with whatever can change an answer."""
        ...

    def outlines(self) -> Iterable[pa.RecordBatch]:
        """All buildings (:data:`OUTLINE`), in batches, in any order."""
        ...

    def rows(self, wanted: pa.Table, box: Box) -> pa.Table:
        """Some buildings (:data:`tiles.source.BUILDINGS` and ``row``), in any order.

        ``wanted`` has the columns ``row``, ``thing`` and ``base_z`` of the outlines; the middles of all lie in
        ``box`` (west, south, east, north in degrees).
        """
        ...


@runtime_checkable
class StreamedSource(Protocol):
    """A source that has :class:`BuildingRows` of its own."""

    def building_rows(self) -> AbstractContextManager[BuildingRows]:
        """The buildings, all of one moment for as long as the block runs."""
        ...


@runtime_checkable
class EditedRows(BuildingRows, Protocol):
    """Buildings whose base knows what changed."""

    def position(self) -> int:
        """Place in the log of changes that the answers stand at."""
        ...

    def changed(self, since: int) -> list[str] | None:
        """Eids of the buildings that changed after a place; None where that cannot be said one by one."""
        ...

    def near(self, eids: list[str], box: Box) -> Iterable[pa.RecordBatch]:
        """Outlines of some buildings, and of all that meet a box."""
        ...


class TableRows:
    """A table of :data:`tiles.source.BUILDINGS` as :class:`BuildingRows`."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def stamp(self) -> str:
        """Hash of the table."""
        return digest_table(self.table)

    def outlines(self) -> Iterable[pa.RecordBatch]:
        """All rows, numbered from 0."""
        bounds = shapely.bounds(geometries(self.table))
        columns = {"row": np.arange(self.table.num_rows)}
        columns |= {n: bounds[:, i] for i, n in enumerate(("xmin", "ymin", "xmax", "ymax"))}
        columns["thing"] = columns["row"]
        columns |= {n: floats(self.table, n) for n in ("base_z", "height_m", "floors")}
        batches: list[pa.RecordBatch] = pa.table(columns).to_batches()
        return batches

    def rows(self, wanted: pa.Table, box: Box) -> pa.Table:  # noqa: ARG002 - only for sources on disk
        """The rows of those numbers."""
        return self.table.take(wanted["row"]).append_column("row", wanted["row"])


def size_of(box: Floats, height: Floats, floors: Floats) -> Floats:
    """Diagonal of a building's box, metres; the height is the one that is drawn.

    Parameters
    ----------
    box : ndarray of float64, shape (n, 4)
        West, south, east, north in degrees.
    height, floors : ndarray of float64, shape (n,)
        NaN where unknown.
    """
    believed = (height > 0) & (height <= HIGHEST_M)
    counted = (floors > 0) & (floors * FLOOR_HEIGHT <= HIGHEST_M)
    tall = np.where(believed, height, np.where(counted, floors * FLOOR_HEIGHT, DEFAULT_HEIGHT_M))
    width = (box[:, 2] - box[:, 0]) * M_PER_DEGREE * np.cos(np.deg2rad((box[:, 1] + box[:, 3]) / 2))
    depth = (box[:, 3] - box[:, 1]) * M_PER_DEGREE
    size: Floats = np.sqrt(width * width + depth * depth + tall * tall)
    return size


@dataclass(frozen=True, slots=True)
class Plan:
    """Every building's place in the tree, some forty bytes each.

    ``row``, ``thing``, ``base_z`` and ``size`` are in the order of ``membership``; ``left_out`` counts
    buildings without a box.
    """

    membership: Membership
    row: Ints
    thing: Ints
    base_z: Floats
    size: NDArray[np.float32]
    left_out: int

    def rows_of(self, i: int) -> slice:
        """Places of district ``i``."""
        start = self.membership.start
        return slice(int(start[i]), int(start[i + 1]))

    def wanted(self, places: slice, some: NDArray[np.bool_] | None = None) -> pa.Table:
        """What to ask :meth:`BuildingRows.rows` for, in the order of the plan."""
        columns = {n: getattr(self, n)[places] for n in ("row", "thing", "base_z")}
        return pa.table(columns if some is None else {n: v[some] for n, v in columns.items()})


def plan_of(outlines: Iterable[pa.RecordBatch]) -> Plan | None:
    """Distribute the buildings of some outlines; None where there are none with a box."""
    return _plan(outlines, members)


def plan_within(batches: Iterable[pa.RecordBatch], cell: tuple[int, int, int]) -> Plan | None:
    """The plan of one district from outlines that hold all of its buildings, and perhaps others."""
    level, x, y = cell
    own = morton(np.array([x]), np.array([y]))[0]

    def only(key: Ints) -> NDArray[np.bool_]:
        return np.asarray((key >> (2 * (LAST_LEVEL - level))) == own)

    return _plan(batches, partial(members_within, level), only)


def _plan(
    batches: Iterable[pa.RecordBatch],
    distribute: Callable[[Ints, NDArray[np.int8], NDArray[np.int8]], Membership],
    only: Callable[[Ints], NDArray[np.bool_]] | None = None,
) -> Plan | None:
    parts, left_out = [], 0
    for batch in batches:
        columns, unknown = _columns(pa.Table.from_batches([batch]))
        left_out += unknown
        if only is not None:
            here = only(columns[3])
            columns = [c[here] for c in columns]
        parts.append(columns)
    if not sum(len(p[0]) for p in parts):
        return None
    row, thing, base_z, key, inside, size = (
        np.concatenate([p[i] for p in parts]) for i in range(6)
    )
    del parts
    found = distribute(key, inside, size_level(size.astype(np.float64)))
    o = found.order
    return Plan(found, row[o], thing[o], base_z[o], size[o], left_out)


def _columns(table: pa.Table) -> tuple[list[NDArray[Any]], int]:
    """Row, thing, ground, key, depth inside and size of the buildings with a box, and the number of others."""
    box = np.column_stack([floats(table, n) for n in ("xmin", "ymin", "xmax", "ymax")])
    known = np.isfinite(box).all(axis=1)
    box = box[known]
    refs = [table[n].to_numpy()[known] for n in ("row", "thing")]
    size = size_of(box, floats(table, "height_m")[known], floats(table, "floors")[known])
    columns = [*refs, floats(table, "base_z")[known], *place(box), size.astype(np.float32)]
    return columns, int((~known).sum())
