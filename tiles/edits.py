"""Which districts and tiles an edit touches, told from the base's log of changes without looking at the whole city.

The layer keeps the district of every building (:func:`write_homes`) and, with each district's record, its
buildings. A building that the log names is looked up in them (where it was) and in the base (where it is). What
cannot be told so (a load of many, a district that has to part or to join, a place where none was) is left to the plan
of the whole city, which gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tiles import membership
from tiles.districts import MEMBER, tile_keys
from tiles.eids import eid_words
from tiles.membership import LAST_LEVEL, members_within, unmorton

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Splice", "districts_of", "home_of", "housed", "spliced", "stand", "write_homes"]

Cell = tuple[int, int, int]
Rows = NDArray[np.void]
HOME = np.dtype([("high", "<u8"), ("low", "<u8"), ("district", "<i4")])


def housed(words: Rows, district: int) -> Rows:
    """Ids with their district; not sorted."""
    out = np.empty(len(words), HOME)
    out["high"], out["low"], out["district"] = words["high"], words["low"], district
    return out


def write_homes(path: Path, homes: list[Rows]) -> None:
    """Write the district of every building in one step, sorted by eid."""
    found = np.concatenate(homes) if homes else np.empty(0, HOME)
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(found[np.lexsort((found["low"], found["high"]))].view(np.uint8).data)
    beside.replace(path)


def districts_of(path: Path, eids: Sequence[str], moved: dict[str, int]) -> dict[str, int]:
    """District of each of some buildings that have one.

    Parameters
    ----------
    path : Path
        As :func:`write_homes` writes it.
    eids : sequence of str
    moved : dict
        What has changed since, -1 for none.
    """
    found = {e: moved[e] for e in eids if e in moved}
    rest = [e for e in eids if e not in moved]
    if rest and path.stat().st_size:
        homes = np.memmap(path, HOME, "r")
        high = homes["high"]
        for eid, word in zip(rest, eid_words(pa.array(rest, pa.string())), strict=True):
            first = int(np.searchsorted(high, word["high"], side="left"))
            while first < len(homes) and high[first] == word["high"]:
                if homes["low"][first] == word["low"]:
                    found[eid] = int(homes["district"][first])
                    break
                first += 1
    return {e: n for e, n in found.items() if n >= 0}


@dataclass(frozen=True, slots=True)
class Splice:
    """Buildings of a district after an edit, and the tiles, (level, key), that are not as they were."""

    members: Rows
    dirty: set[tuple[int, int]]


def spliced(level: int, old: Rows, gone: Rows, new: Rows) -> Splice:
    """Put buildings of a district in the place of others.

    Parameters
    ----------
    level : int
        Of the district.
    old : ndarray of :data:`tiles.districts.MEMBER`
    gone : ndarray of :data:`tiles.eids.WORDS`
        Buildings that changed or are not here any more.
    new : ndarray of :data:`tiles.districts.MEMBER`
        Those that changed and are here now; their ``level`` is found.
    """
    left = np.isin(old["low"], gone["low"]) & np.isin(old["high"], gone["high"])
    kept = old[~left]
    both = np.concatenate([kept, new]).astype(MEMBER, copy=False)
    dirty = _tiles(old[left])
    if len(both):
        found = members_within(level, both["key"], both["inside"])
        both["level"][found.order] = found.tile_level
        other = np.flatnonzero(both["level"][: len(kept)] != kept["level"])
        dirty |= _tiles(kept[other]) | _tiles(both[other]) | _tiles(both[len(kept) :])
    return Splice(both, dirty)


def _tiles(members: Rows) -> set[tuple[int, int]]:
    return set(zip(members["level"].tolist(), tile_keys(members).tolist(), strict=True))


def home_of(key: int, where: dict[Cell, int]) -> int | None:
    """The district a key lies in, by the cells of all districts; None where there is none."""
    x, y = unmorton(np.array([key]))
    for level in range(membership.FIRST_DISTRICT, LAST_LEVEL + 1):
        up = LAST_LEVEL - level
        number = where.get((level, int(x[0]) >> up, int(y[0]) >> up))
        if number is not None:
            return number
    return None


def stand(where: dict[Cell, int], counts: list[int], numbers: set[int]) -> bool:
    """Whether some districts are districts still with new counts: none empty or too full, none that would join."""
    for (level, x, y), n in where.items():
        if n not in numbers:
            continue
        if not counts[n] or (counts[n] > membership.DISTRICT_FEATURES and level < LAST_LEVEL):
            return False
        if level > membership.FIRST_DISTRICT:
            above = sum(
                counts[i] for c, i in where.items()
                if c[0] >= level and (c[1] >> (c[0] - level + 1), c[2] >> (c[0] - level + 1)) == (x >> 1, y >> 1)
            )  # fmt: skip
            if above <= membership.DISTRICT_FEATURES:
                return False
    return True
