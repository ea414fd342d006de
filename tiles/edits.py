"""Which districts an edit touches, told from the base's log of changes without looking at the whole city.

The layer keeps an :class:`Index` of its districts and of the building in each. A building that the log names is
looked up in it (where it was) and in the base (where it is); only those districts are planned anew. What
cannot be told so (a load of many, a district that has to part or to join, a place where none was, a change that is
no building's own) is left to the plan of the whole city, which gives the same bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from tiles import membership
from tiles.eids import eid_words
from tiles.membership import LAST_LEVEL, unmorton
from tiles.outlines import EditedRows, Plan, plan_of, plan_within

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Index", "housed", "read_index", "touched", "write_index"]

Cell = tuple[int, int, int]
Words = NDArray[np.void]
HOME = np.dtype([("high", "<u8"), ("low", "<u8"), ("district", "<i4")])
NOWHERE = (0.0, 1.0, 0.0, -1.0)


@dataclass(frozen=True, slots=True)
class Index:
    """Districts of a layer in order, and the district of every building.

    Parameters
    ----------
    position : int
        Place in the log of changes the layer stands at.
    ground : str
        Hash of the terrain and of the format.
    cells : list of (level, x, y)
    counts : list of int
        Buildings of each district, drawn or not.
    left_out : int
        Buildings without a box.
    words : ndarray of :data:`HOME`
        Sorted by eid.
    """

    position: int
    ground: str
    cells: list[Cell]
    counts: list[int]
    left_out: int
    words: Words

    def districts_of(self, eids: list[str]) -> set[int]:
        """Districts the buildings stood in."""
        wanted = eid_words(pa.array(eids, pa.string()))
        high = self.words["high"]
        first = np.searchsorted(high, wanted["high"], side="left")
        last = np.searchsorted(high, wanted["high"], side="right")
        found = set()
        for word, a, b in zip(wanted, first.tolist(), last.tolist(), strict=True):
            run = self.words[a:b]
            found |= set(run["district"][run["low"] == word["low"]].tolist())
        return found


def housed(words: NDArray[np.void], district: int) -> Words:
    """Ids with their district; not sorted."""
    out = np.empty(len(words), HOME)
    out["high"], out["low"], out["district"] = words["high"], words["low"], district
    return out


def write_index(path: Path, index: Index) -> None:
    """Write the index in one step."""
    words = index.words[np.lexsort((index.words["low"], index.words["high"]))]
    meta = {
        "position": index.position,
        "ground": index.ground,
        "cells": index.cells,
        "counts": index.counts,
        "left_out": index.left_out,
    }
    text = orjson.dumps(meta)
    text += b" " * (-len(text) % 8)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(struct.pack("<Q", len(text)) + text + words.tobytes())
    beside.replace(path)


def read_index(path: Path) -> Index | None:
    """The index of a layer, ids mapped from disk; None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            meta = orjson.loads(file.read(size))
        words = np.memmap(path, HOME, "r", 8 + size) if sum(meta["counts"]) else np.empty(0, HOME)
        cells = [(c[0], c[1], c[2]) for c in meta["cells"]]
        return Index(
            meta["position"], meta["ground"], cells, meta["counts"], meta["left_out"], words
        )
    except (OSError, ValueError, KeyError, struct.error):
        return None


def touched(index: Index, rows: EditedRows, ground: str) -> dict[int, Plan] | None:
    """Plans of the districts that changed since the index was written, by their number.

    Returns
    -------
    dict or None
        None where the whole city has to be planned.
    """
    known = index.ground == ground and not index.left_out
    eids = rows.changed(index.position) if known else None
    if eids is None:
        return None
    where = {c: i for i, c in enumerate(index.cells)}
    numbers = index.districts_of(eids)
    now = plan_of(rows.near(eids, NOWHERE)) if eids else None
    if now is not None:
        if now.left_out:
            return None
        found = {_home(int(k), where) for k in now.membership.key}
        if None in found:
            return None
        numbers |= {n for n in found if n is not None}
    plans = {}
    counts = list(index.counts)
    for n in sorted(numbers):
        plan = plan_within(rows.near([], _box(index.cells[n])), index.cells[n])
        if plan is None:
            return None
        plans[n], counts[n] = plan, len(plan.row)
    return plans if _stand(index.cells, counts, numbers) else None


def _home(key: int, where: dict[Cell, int]) -> int | None:
    """Number of the district a key lies in."""
    x, y = unmorton(np.array([key]))
    for level in range(membership.FIRST_DISTRICT, LAST_LEVEL + 1):
        up = LAST_LEVEL - level
        number = where.get((level, int(x[0]) >> up, int(y[0]) >> up))
        if number is not None:
            return number
    return None


def _stand(cells: list[Cell], counts: list[int], numbers: set[int]) -> bool:
    """Whether districts with new counts are still districts: none too full, none that would join."""
    for n in numbers:
        level, x, y = cells[n]
        if counts[n] > membership.DISTRICT_FEATURES and level < LAST_LEVEL:
            return False
        if level > membership.FIRST_DISTRICT:
            above = sum(
                k for c, k in zip(cells, counts, strict=True)
                if c[0] >= level and (c[1] >> (c[0] - level + 1), c[2] >> (c[0] - level + 1)) == (x >> 1, y >> 1)
            )  # fmt: skip
            if above <= membership.DISTRICT_FEATURES:
                return False
    return True


def _box(cell: Cell) -> tuple[float, float, float, float]:
    width = 360.0 / 2 ** cell[0]
    west, south = cell[1] * width - 180.0, cell[2] * width - 90.0
    return west, south, west + width, south + width
