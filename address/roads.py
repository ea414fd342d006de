"""Doors of a road with their places, kept for the roads asked last."""

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from address.distance import METRES_PER_DEGREE
from address.door_numbers import numbers_below
from address.model import RANK
from address.numbering import Doors

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["RoadDoors", "ancestor", "doors_of", "forget_roads", "number_of"]

_DOOR = re.compile(r"^[甲乙丙丁戊己庚辛]?(\d{1,9})")
_LANES = ("弄", "巷", "里", "胡同")
_KEPT = 4096
_NEIGHBOUR_M = 3000.0
_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RoadDoors:
    """Placed doors of a road in its county, and of its continuation beyond the county's border.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        In order of number, then row.
    parts : ndarray of int64, shape (n,)
        Row of the road node each door stands under: a road has one in every street it runs through.
    doors : Doors
        Metres on a plane that touches at `lon`, `lat`.
    lon, lat : float
        Degrees, EPSG:4490.
    repeated : ndarray of bool, shape (n,)
        ``doors.repeated()``.
    """

    rows: _Rows
    parts: _Rows
    doors: Doors
    lon: float
    lat: float
    repeated: npt.NDArray[np.bool_]

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """Place on the plane as lon, lat."""
        wide = METRES_PER_DEGREE * float(np.cos(np.deg2rad(self.lat)))
        return self.lon + x / wide, self.lat + y / METRES_PER_DEGREE


_roads: "WeakKeyDictionary[AddressIndex, OrderedDict[tuple[str, int], RoadDoors | None]]" = (
    WeakKeyDictionary()
)


def forget_roads(index: "AddressIndex") -> None:
    """Read the doors anew: to be called when nodes were inserted, retired, renamed or moved."""
    _roads.pop(index, None)


def number_of(core: str) -> tuple[int, bool] | None:
    """Number of a door and whether it is a lane; None where the core has no number.

    Examples
    --------
    >>> number_of("399弄"), number_of("甲12"), number_of("临")
    ((399, True), (12, False), None)
    """
    found = _DOOR.match(core)
    return None if found is None else (int(found[1]), core.endswith(_LANES))


def doors_of(index: "AddressIndex", road: int) -> RoadDoors | None:
    """Placed doors of a road; None where it has none."""
    county = ancestor(index, road, "county")
    kept = _roads.setdefault(index, OrderedDict())
    key = (index.core_of_row(road), county)
    if key in kept:
        kept.move_to_end(key)
        return kept[key]
    found = kept[key] = _read(index, road, county)
    if len(kept) > _KEPT:
        kept.popitem(last=False)
    return found


def ancestor(index: "AddressIndex", row: int, level: str) -> int:
    """Ancestor of a level, or -1."""
    rank = RANK[level]
    return next((r for r in index.above(row) if index.levels[r] == rank), -1)


def _read(index: "AddressIndex", road: int, county: int) -> RoadDoors | None:
    city = index.parent[county] if county >= 0 else -1
    own, other = [], []
    for part in index.names.get(index.core_of_row(road)) or [road]:
        if index.levels[part] != RANK["road"]:
            continue
        if part == road or (county >= 0 and index.is_below(part, county)):
            own.append(part)
        elif city >= 0 and index.is_below(part, city):
            other.append(part)
    rows, parts, numbers, lanes = _children(index, own)
    if not len(rows):
        return None
    lon, lat = index.place.lon[rows], index.place.lat[rows]
    middle = (float(np.median(lon)), float(np.median(lat)))
    places = _plane(lon, lat, middle)
    if other:
        more = _children(index, other)
        beyond = _plane(index.place.lon[more[0]], index.place.lat[more[0]], middle)
        apart = np.full(len(beyond), np.inf)
        for place in places:
            apart = np.minimum(apart, np.hypot(*(beyond - place).T))
        near = apart < _NEIGHBOUR_M
        rows, parts, numbers, lanes = (
            np.concatenate([a, b[near]])
            for a, b in zip((rows, parts, numbers, lanes), more, strict=True)
        )
        places = np.concatenate([places, beyond[near]])
    order = np.lexsort((rows, numbers))
    doors = Doors(numbers[order], places[order], lanes[order].astype(np.bool_))
    return RoadDoors(rows[order], parts[order], doors, *middle, doors.repeated())


def _plane(
    lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], middle: tuple[float, float]
) -> npt.NDArray[np.float64]:
    wide = np.cos(np.deg2rad(middle[1]))
    return np.stack([(lon - middle[0]) * wide, lat - middle[1]], axis=1) * METRES_PER_DEGREE


def _children(index: "AddressIndex", roads: list[int]) -> tuple[_Rows, _Rows, _Rows, _Rows]:
    """Rows, road rows, numbers and kind (1 = lane) of the placed doors of some road nodes."""
    arena = index.arena
    names = ("first", "level", "core", "word_start", "word_points", "lon")
    given = tuple(arena[name] for name in names)
    tables = [
        _edited_children(index, part) if index.is_edited(part) else numbers_below(part, *given)
        for part in roads
    ]
    table = np.concatenate(tables) if tables else np.zeros((0, 4), np.int64)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def _edited_children(index: "AddressIndex", road: int) -> _Rows:
    """As `numbers_below` (`address.door_numbers`), where the slice of the build is not the whole truth."""
    found: list[tuple[int, int, int, int]] = []
    for child in index.children(road):
        if index.levels[child] != RANK["number"]:
            continue
        number = number_of(index.core_of_row(child))
        if number is not None:
            found.append((child, road, *number))
    table = np.array(found, dtype=np.int64).reshape(-1, 4)
    return table[~np.isnan(index.place.lon[table[:, 0]])]
