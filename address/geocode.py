"""Where an address is: its node, a door between its neighbours, or what holds it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from address.arena import PLACED, Arena
from address.distance import distance_m
from address.model import LEVELS, RANK, Location, Match, changed
from address.numbering import error_of_kinds, error_of_parents, place_number
from address.roads import RoadDoors, ancestor, doors_of, number_of

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["OTHER_KIND", "Places", "geocode", "interpolate", "locate"]

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
            self._lift(np.flatnonzero((levels == rank) & (parents >= 0)), parents)

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
        base = _ERROR.get(level, 20_000.0)
        if places.own[step]:
            if step == row:
                return Location(*at, height, "node", base)
            below = {
                "building": 25.0,
                "unit": 25.0,
                "floor": 20.0,
                "number": 90.0,
                "compound": 150.0,
            }.get(level, base)
            return Location(*at, height, "parent", below)
        spread = float(places.spread_m[step])
        if step == row:
            return Location(*at, None, "children", max(30.0, spread))
        constant, share = error_of_parents().get(level, (base, 1.0))
        return Location(*at, None, "parent", round(constant + share * spread, 1))
    return None


def geocode(index: "AddressIndex", text: str, focus: tuple[float, float] | None = None) -> Match:
    """See `address.index.AddressIndex.geocode`."""
    found = index.match(text, focus)
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
    if number is None or index.levels[road] != RANK["road"]:
        return None
    known = doors_of(index, road)
    if known is None:
        return None
    placed = place_number(known.doors, *number, known.repeated)
    lon, lat = known.degrees(placed.x, placed.y)
    part = _part_around(index, known, road, placed.x, placed.y)
    return Location(lon, lat, None, "interpolated", placed.error_m), part


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
