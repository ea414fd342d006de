"""Buildings by their outline first, by their shape when their turn comes.

A plan needs a box of every building, some forty bytes; the shapes of a whole city never stand in
memory together. :class:`BuildingRows` is what the tiler asks for both; :class:`TableRows` answers from a
table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from tiles.districts import MEMBER
from tiles.folder import digest_table
from tiles.membership import Membership, members, place
from tiles.source import floats, geometries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "ASKED", "OUTLINE", "BuildingRows", "EditedRows", "Plan", "StreamedSource", "TableRows", "plan_of", "renewed",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Box = tuple[float, float, float, float]

OUTLINE = pa.schema(
    [
        ("row", pa.int64()), ("thing", pa.int64()),  # what :meth:`BuildingRows.rows` knows it by
        ("base_z", pa.float64()),
        ("xmin", pa.float64()), ("ymin", pa.float64()), ("xmax", pa.float64()), ("ymax", pa.float64()),
    ]
)  # fmt: skip
"""Height of the ground (m) and box (degrees) of a building; null where unknown."""

ASKED = pa.schema([("eid", pa.string()), *(OUTLINE.field(n) for n in ("row", "thing", "base_z"))])
"""What :meth:`EditedRows.outlines_of` is asked."""


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

    def commits(self) -> int:
        """Another number after each change of what it tells."""
        ...

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

    def things_of(self, eids: list[str]) -> list[int]:
        """``thing`` of those that are in the base, whether they stand or not."""
        ...

    def places(self) -> str:
        """Changes when the heights of the ground are computed anew."""
        ...

    def above(self, eids: list[str]) -> list[str]:
        """Buildings, and all whose drawing depends on them."""
        ...

    def outlines_of(
        self, known: pa.Table, *, places: str | None, beside: pa.Table | None = None
    ) -> pa.Table:
        """Outlines of some buildings, with ``eid``; of none that is not drawn.

        ``known`` has ``eid`` and ``row``, ``thing``, ``base_z`` as they were when :meth:`places` was
        ``places``, null where unknown. ``beside`` has ``row`` and ``thing`` of others that
        :meth:`rows` will be asked for.
        """
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
        columns["base_z"] = floats(self.table, "base_z")
        batches: list[pa.RecordBatch] = pa.table(columns).to_batches()
        return batches

    def rows(self, wanted: pa.Table, box: Box) -> pa.Table:  # noqa: ARG002 - only for sources on disk
        """The rows of those numbers."""
        return self.table.take(wanted["row"]).append_column("row", wanted["row"])


@dataclass(frozen=True, slots=True)
class Plan:
    """Every building's place in the tree, some forty bytes each.

    ``row``, ``thing``, ``base_z`` and ``inside`` (:func:`tiles.membership.place`) are in the order of
    ``membership``; ``left_out`` counts
    buildings without a box.
    """

    membership: Membership
    row: Ints
    thing: Ints
    base_z: Floats
    inside: NDArray[np.int8]
    left_out: int

    def rows_of(self, i: int) -> slice:
        """Places of district ``i``."""
        start = self.membership.start
        return slice(int(start[i]), int(start[i + 1]))

    def members(self, places: slice) -> NDArray[np.void]:
        """Buildings of some places (:data:`tiles.districts.MEMBER`), eids left open."""
        m = self.membership
        out = np.zeros(places.stop - places.start, MEMBER)
        out["key"], out["level"] = m.key[places], m.tile_level[places]
        for name in ("row", "thing", "base_z", "inside"):
            out[name] = getattr(self, name)[places]
        return out

    def wanted(self, places: slice, some: NDArray[np.bool_] | None = None) -> pa.Table:
        """What to ask :meth:`BuildingRows.rows` for, in the order of the plan."""
        columns = {n: getattr(self, n)[places] for n in ("row", "thing", "base_z")}
        return pa.table(columns if some is None else {n: v[some] for n, v in columns.items()})


def plan_of(outlines: Iterable[pa.RecordBatch]) -> Plan | None:
    """Distribute the buildings of some outlines; None where there are none with a box."""
    parts, left_out = [], 0
    for batch in outlines:
        columns, unknown = _columns(pa.Table.from_batches([batch]))
        left_out += unknown
        parts.append(columns)
    if not sum(len(p[0]) for p in parts):
        return None
    columns = [np.concatenate([p[i] for p in parts]) for i in range(5)]
    del parts
    return _planned(columns, left_out)


def renewed(plan: Plan, rows: EditedRows, since: int) -> Plan | None:
    """A plan after some edits: what changed is taken out and put in, all else stays where it is in the base.

    Parameters
    ----------
    plan : Plan
    rows : EditedRows
    since : int
        Place in the log of changes at which the plan was made.

    Returns
    -------
    Plan or None
        None where the log does not tell it, or nothing would be left. A building that was written anew in the base under
        its old id is not found in the plan: whoever reads its row gets none, and has to plan anew.
    """
    eids = rows.changed(since)
    if eids is None or rows.position() <= since:
        return None
    if not eids:
        return plan
    eids = rows.above(eids)
    unknown = pa.Table.from_pylist([{"eid": eid} for eid in eids], ASKED)
    found = rows.outlines_of(unknown, places=None).drop_columns("eid")
    fresh, _ = _columns(found)
    stays = np.flatnonzero(~np.isin(plan.thing, rows.things_of(eids)))
    old: list[NDArray[Any]] = [plan.row, plan.thing, plan.base_z, plan.membership.key, plan.inside]
    columns = [np.concatenate([a[stays], b]) for a, b in zip(old, fresh, strict=True)]
    return _planned(columns, plan.left_out) if len(columns[0]) else None


def _planned(columns: Sequence[NDArray[Any]], left_out: int) -> Plan:
    row, thing, base_z, key, inside = columns
    found = members(key, inside)
    o = found.order
    return Plan(found, row[o], thing[o], base_z[o], inside[o], left_out)


def _columns(table: pa.Table) -> tuple[list[NDArray[Any]], int]:
    """Row, thing, ground, key and depth inside of the buildings with a box, and the number of others."""
    box = np.column_stack([floats(table, n) for n in ("xmin", "ymin", "xmax", "ymax")])
    known = np.isfinite(box).all(axis=1)
    box = box[known]
    refs = [table[n].to_numpy()[known] for n in ("row", "thing")]
    columns = [*refs, floats(table, "base_z")[known], *place(box)]
    return columns, int((~known).sum())
