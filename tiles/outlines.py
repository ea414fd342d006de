"""Buildings by their outline first, by their shape when their turn comes.

A plan needs a box and a height of every building, some forty bytes; the shapes of a whole city never stand in
memory together. :class:`BuildingRows` is what the tiler asks for both; :class:`TableRows` answers from a
table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from tiles.blocks import DEFAULT_HEIGHT_M, HIGHEST_M, M_PER_DEGREE
from tiles.folder import digest_table
from tiles.membership import Membership, members, place, size_level
from tiles.palette import FLOOR_HEIGHT
from tiles.source import floats, geometries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

__all__ = ["OUTLINE", "BuildingRows", "Plan", "TableRows", "plan_of", "size_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Box = tuple[float, float, float, float]

OUTLINE = pa.schema(
    [
        ("row", pa.int64()),  # what :meth:`BuildingRows.rows` knows it by
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

    def rows(self, numbers: Ints, box: Box) -> pa.Table:
        """Some buildings (:data:`tiles.source.BUILDINGS` and ``row``), in any order; all lie in the box."""
        ...


@runtime_checkable
class StreamedSource(Protocol):
    """A source that has :class:`BuildingRows` of its own."""

    def building_rows(self) -> AbstractContextManager[BuildingRows]:
        """The buildings, all of one moment for as long as the block runs."""
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
        columns |= {n: floats(self.table, n) for n in ("height_m", "floors")}
        return pa.table(columns).to_batches()

    def rows(self, numbers: Ints, box: Box) -> pa.Table:  # noqa: ARG002 - only for sources on disk
        """The rows of those numbers."""
        found = self.table.take(pa.array(numbers))
        return found.append_column("row", pa.array(numbers))


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
    """Every building's place in the tree, 25 bytes each.

    ``row`` and ``size`` are in the order of ``membership``; ``left_out`` counts buildings without a box.
    """

    membership: Membership
    row: Ints
    size: NDArray[np.float32]
    left_out: int

    def rows_of(self, i: int) -> slice:
        """Places of district ``i``."""
        start = self.membership.start
        return slice(int(start[i]), int(start[i + 1]))


def plan_of(rows: BuildingRows) -> Plan | None:
    """Read the outlines and distribute the buildings; None where there are none with a box."""
    parts, left_out = [], 0
    for batch in rows.outlines():
        table = pa.Table.from_batches([batch])
        box = np.column_stack([floats(table, n) for n in ("xmin", "ymin", "xmax", "ymax")])
        known = np.isfinite(box).all(axis=1)
        left_out += int((~known).sum())
        box = box[known]
        size = size_of(box, floats(table, "height_m")[known], floats(table, "floors")[known])
        key, inside = place(box)
        number = table["row"].to_numpy()[known]
        parts.append((number, key, inside, size_level(size), size.astype(np.float32)))
    if not sum(len(p[0]) for p in parts):
        return None
    row, key, inside, large, size32 = (np.concatenate([p[i] for p in parts]) for i in range(5))
    del parts
    found = members(key, inside, large)
    return Plan(found, row[found.order], size32[found.order], left_out)
