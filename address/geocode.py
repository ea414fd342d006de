"""Where an address is: its node, a door between its neighbours, or what holds it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from address.arena import PLACED, Arena
from address.beside import CROSSING, beside
from address.distance import distance_m
from address.model import LEVELS, RANK, Location, Match, changed
from address.numbering import Doors, Placed, error_of_kinds, error_of_parents, place_numbers
from address.roads import RoadDoors, ancestor, doors_of, number_of

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = [
    "METHODS",
    "OTHER_KIND",
    "Places",
    "geocode",
    "interpolate",
    "interpolate_many",
    "locate",
    "locate_many",
]

OTHER_KIND = "NUMBER.kind"
"""Fault of a door answered by a lane of its number, or the reverse."""
_VOTERS = 5
_DOORSTEP_M = 30.0
_ERROR = {
    "room": 12.0,
    "floor": 15.0,
    "unit": 15.0,
    "building": 25.0,
    "poi": 60.0,
    "compound": 120.0,
    "number": 60.0,
    "village": 300.0,
    "community": 600.0,
    "road": 900.0,
    "street": 2500.0,
}
_ERROR_BELOW = {
    "building": 25.0,
    "unit": 25.0,
    "floor": 20.0,
    "number": 90.0,
    "compound": 150.0,
}
"""Of what lies below a node with a place of its own; of the others the error of the node."""
_ANY_ERROR = 20_000.0
_LEAST_SPREAD_M = 30.0
METHODS = ("node", "children", "parent", "interpolated", CROSSING)
"""How a place was found, in the order `locate_many` numbers them."""


class Places:
    """Place of every node: its own, or the middle of what lies below.

    Attributes
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Degrees, EPSG:4490; NaN where neither the node nor anything below it has a place.
    z : ndarray of float64, shape (n,)
        Metres above the ellipsoid, of the node itself; NaN where unknown.
    spread_m : ndarray of float64, shape (n,)
        Metres from the middle to the farthest part; 0 for a node with its own place.
    own : ndarray of bool, shape (n,)
    """

    def __init__(
        self,
        lon: npt.NDArray[np.float64],
        lat: npt.NDArray[np.float64],
        z: npt.NDArray[np.float64],
        parents: npt.NDArray[np.int32],
        levels: npt.NDArray[np.uint8],
    ) -> None:
        self.lon, self.lat, self.z = lon.copy(), lat.copy(), z
        self.own: npt.NDArray[np.bool_] | _Own = ~(np.isnan(lon) | np.isnan(lat))
        self.spread_m = np.zeros(len(lon))
        for rank in range(len(LEVELS), 0, -1):
            rows = np.flatnonzero((levels == rank) & (parents >= 0))
            within = rows[levels[parents[rows]] == rank]  # a place within a place
            if len(within):
                for some in reversed(_generations(within, parents)):
                    self._lift(some, parents)
                rows = np.setdiff1d(rows, within, assume_unique=True)
            self._lift(rows, parents)

    def _lift(self, rows: npt.NDArray[np.intp], parents: npt.NDArray[np.int32]) -> None:
        """Give the parents of some rows without a place the middle of those rows."""
        rows = rows[~np.isnan(self.lon[rows]) & ~self.own[parents[rows]]]
        if not len(rows):
            return
        up = parents[rows]
        target, inverse = np.unique(up, return_inverse=True)
        count = np.bincount(inverse)
        old = ~np.isnan(self.lon[target])  # levels may be skipped, so a parent can be met twice
        lon = np.bincount(inverse, self.lon[rows]) / count
        lat = np.bincount(inverse, self.lat[rows]) / count
        self.lon[target] = np.where(old, self.lon[target], lon)
        self.lat[target] = np.where(old, self.lat[target], lat)
        away = (
            distance_m(self.lon[rows], self.lat[rows], self.lon[up], self.lat[up])
            + self.spread_m[rows]
        )
        np.maximum.at(self.spread_m, up, away)

    @classmethod
    def mapped(cls, arena: Arena) -> "Places":
        """Places as an arena holds them."""
        places = cls.__new__(cls)
        places.lon, places.lat, places.z = arena["lon"], arena["lat"], arena["z"]
        places.spread_m, places.own = arena["spread_m"], _Own(arena["flags"])
        return places

    def at(self, row: int) -> tuple[float, float] | None:
        """Degrees; None where unknown."""
        lon = self.lon[row]
        return None if np.isnan(lon) else (float(lon), float(self.lat[row]))


def _generations(
    rows: npt.NDArray[np.intp], parents: npt.NDArray[np.int32]
) -> list[npt.NDArray[np.intp]]:
    """Rows apart by how many of them stand above each: first those below none of the others."""
    out = []
    below = np.isin(parents[rows], rows)
    while len(rows):
        out.append(rows[~below] if not below.all() else rows)
        rows = rows[below] if not below.all() else rows[:0]
        below = np.isin(parents[rows], rows)
    return out


class _Own:
    """Whether nodes have a place of their own."""

    def __init__(self, flags: npt.NDArray[np.uint8]) -> None:
        self._flags = flags

    def __getitem__(self, rows: npt.NDArray[np.integer] | int) -> npt.NDArray[np.bool_]:
        return np.asarray(self._flags[rows] & PLACED != 0)


def locate(index: "AddressIndex", row: int) -> Location | None:
    """Place of a node, or of the nearest ancestor that has one."""
    places = index.place
    for step in index.above(row):
        at = places.at(step)
        if at is None:
            continue
        level = index.level_of(step)
        z = float(places.z[step])
        height = z if z == z and step == row else None
        base = _ERROR.get(level, _ANY_ERROR)
        if places.own[step]:
            if step == row:
                return Location(*at, height, "node", base)
            below = _ERROR_BELOW.get(level, base)
            return Location(*at, height, "parent", below)
        spread = float(places.spread_m[step])
        if step == row:
            return Location(*at, None, "children", max(_LEAST_SPREAD_M, spread))
        constant, share = error_of_parents().get(level, (base, 1.0))
        return Location(*at, None, "parent", round(constant + share * spread, 1))
    return None


Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def locate_many(index: "AddressIndex", rows: Ints) -> tuple[Floats, Floats, Ints, Floats]:
    """As `locate`, for many nodes at once.

    Parameters
    ----------
    index : AddressIndex
    rows : ndarray of int64, shape (n,)
        -1 for none.

    Returns
    -------
    lon, lat : ndarray of float64, shape (n,)
        Degrees, EPSG:4490; NaN where unknown.
    method : ndarray of int64, shape (n,)
        Place in `METHODS`, -1 where unknown.
    error_m : ndarray of float64, shape (n,)
        Metres; NaN where unknown.
    """
    places, parents = index.place, index.arena["parent"]
    step = rows.copy()
    while True:
        up = np.flatnonzero((step >= 0) & np.isnan(places.lon[step]))
        if not len(up):
            break
        step[up] = parents[step[up]]
    at = np.maximum(step, 0)
    known, itself = step >= 0, step == rows
    own, level = places.own[at] & known, index.levels_array[at]
    spread = places.spread_m[at].astype(np.float64)
    error = np.where(itself, _by_rank(_ERROR)[level], _by_rank(_ERROR | _ERROR_BELOW)[level])
    middle = known & ~own
    error = np.where(middle & itself, np.maximum(_LEAST_SPREAD_M, spread), error)
    for row in np.flatnonzero(middle & ~itself).tolist():
        name = LEVELS[level[row] - 1]
        constant, share = error_of_parents().get(name, (_ERROR.get(name, _ANY_ERROR), 1.0))
        error[row] = round(constant + share * float(spread[row]), 1)
    method = np.where(itself, np.where(own, 0, 1), 2)
    return (
        np.where(known, places.lon[at], np.nan),
        np.where(known, places.lat[at], np.nan),
        np.where(known, method, -1),
        np.where(known, error, np.nan),
    )


def _by_rank(errors: dict[str, float]) -> Floats:
    return np.array([_ANY_ERROR, *(errors.get(level, _ANY_ERROR) for level in LEVELS)])


def geocode(index: "AddressIndex", text: str, focus: tuple[float, float] | None = None) -> Match:
    """See `address.index.AddressIndex.geocode`."""
    return beside(index, text, _placed_match(index, index.match(text, focus)))


def _placed_match(index: "AddressIndex", found: Match) -> Match:
    """An answer with the place of its node, or of the door that is missing."""
    if found.node_id is None:
        return found
    row = index.row_of(found.node_id)
    if row is None:
        return found
    if found.status == "partial" and found.missing == "number":
        door = next((e.value for e in found.elements if e.level == "number"), "")
        between = interpolate(index, row, door)
        if between is not None:
            place, part = between
            named = any(e.level == "street" for e in found.elements)
            if part != row and not named:
                found = changed(
                    found,
                    node_id=index.id_of(part),
                    code=index.text_of("code", part),
                    full=index.text_of("full", part),
                    eid=index.text_of("eid", part),
                )
            return changed(found, location=place)
    at = locate(index, row)
    swapped = any(fault.code == OTHER_KIND for fault in found.faults)
    if swapped and at is not None and at.method == "node" and index.levels[row] == RANK["number"]:
        at = replace(at, error_m=max(at.error_m, error_of_kinds()))
    return changed(found, location=at)


def interpolate(index: "AddressIndex", road: int, door: str) -> tuple[Location, int] | None:
    """Place of a door number nobody lists, among the doors of its road.

    Parameters
    ----------
    index : AddressIndex
    road : int
        Row of the road.
    door : str
        Core of the number: ``35``, ``399弄``.

    Returns
    -------
    (Location, int) or None
        The place (`address.numbering.place_number`) and the row of the road in the street whose
        doors lie around it. None where the road has no placed door.
    """
    number = number_of(door)
    return None if number is None else interpolate_many(index, [(road, *number)])[0]


def interpolate_many(
    index: "AddressIndex", asked: list[tuple[int, int, bool]]
) -> list[tuple[Location, int] | None]:
    """As `interpolate`, for many numbers at once.

    Parameters
    ----------
    index : AddressIndex
    asked : list of (int, int, bool)
        Row of the road, number, whether it is a lane.

    Returns
    -------
    list of (Location, int) or None
    """
    is_road = RANK["road"]
    doors = {
        road: doors_of(index, road) if index.levels[road] == is_road else None
        for road in sorted({road for road, _, _ in asked})
    }
    questions = sorted({question for question in asked if doors[question[0]] is not None})
    out: dict[tuple[int, int, bool], tuple[Location, int]] = {}
    for question, placed in zip(questions, _placed(doors, questions), strict=True):
        known = doors[question[0]]
        assert known is not None  # noqa: S101 (questions of other roads are left out)
        part = _part_around(index, known, question[0], placed.x, placed.y)
        at = known.degrees(placed.x, placed.y)
        out[question] = Location(*at, None, "interpolated", placed.error_m), part
    return [out.get(question) for question in asked]


def _placed(
    doors: dict[int, RoadDoors | None], questions: list[tuple[int, int, bool]]
) -> list[Placed]:
    """Places of numbers on the planes of their roads."""
    on = {road: known for road, known in doors.items() if known is not None}
    if not questions:
        return []
    row = {road: k for k, road in enumerate(on)}
    every = [known.doors for known in on.values()]
    starts = np.cumsum([0, *(len(one.numbers) for one in every)])
    joined = Doors(
        np.concatenate([one.numbers for one in every]),
        np.concatenate([one.places for one in every]),
        np.concatenate([one.lane for one in every]),
    )
    places, error = place_numbers(
        joined,
        starts,
        np.concatenate([known.repeated for known in on.values()]),
        np.array([row[road] for road, _, _ in questions]),
        np.array([number for _, number, _ in questions]),
        np.array([lane for _, _, lane in questions]),
    )
    return [
        Placed(x, y, metres) for (x, y), metres in zip(places.tolist(), error.tolist(), strict=True)
    ]


def _part_around(index: "AddressIndex", known: RoadDoors, road: int, x: float, y: float) -> int:
    """Node of the road in the street of most doors nearby, nearer doors counting more."""
    county = ancestor(index, road, "county")
    votes: dict[int, float] = {}
    away = np.hypot(known.doors.places[:, 0] - x, known.doors.places[:, 1] - y)
    for at in np.argsort(away, kind="stable")[:_VOTERS].tolist():
        part = int(known.parts[at])
        if county < 0 or index.is_below(part, county):
            votes[part] = votes.get(part, 0.0) + 1.0 / (away[at] + _DOORSTEP_M)
    return max(votes, key=lambda part: (votes[part], -part), default=road)
