"""From a place to an address: the nearest door, then the floor by height, then the room."""

from typing import TYPE_CHECKING

import numpy as np
import shapely

from address.geocode import distance_m
from address.model import RANK, Candidate, Location, Match
from address.roads import METRES_PER_DEGREE

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Reverse"]

_DOORS = tuple(RANK[level] for level in ("number", "building", "poi"))
_FAR_M = 1000.0
_STOREY_M = 4.0


class Reverse:
    """Nearest doors and buildings, by an STR tree over local metres.

    Doors of one place share one answer: the narrower of door and building within 0.5 m wins only
    where it has its own
    place, so a door with buildings yields the building nearest to the point.
    """

    def __init__(self, index: "AddressIndex") -> None:
        self.index = index
        place = index.place
        levels = index.levels_array
        usable = np.isin(levels, _DOORS) & ~np.isnan(place.lon)
        rows = np.flatnonzero(usable)
        inherited = levels[rows] != RANK["number"]
        up = index.parents_array[rows]
        same = inherited & (up >= 0)
        same[same] &= (
            distance_m(
                place.lon[rows[same]],
                place.lat[rows[same]],
                place.lon[up[same]],
                place.lat[up[same]],
            )
            < 0.5
        )
        self.rows = rows[~same & (place.own[rows] | (levels[rows] == RANK["number"]))]
        self.middle = float(np.mean(place.lat[self.rows])) if len(self.rows) else 0.0
        self.scale = float(np.cos(np.deg2rad(self.middle)))
        self.tree = shapely.STRtree(
            shapely.points(place.lon[self.rows] * self.scale, place.lat[self.rows])
        )

    def at(self, lon: float, lat: float, z: float | None) -> Match:
        """See `address.index.AddressIndex.reverse`."""
        if not len(self.rows) or not (np.isfinite(lon) and np.isfinite(lat)):
            return Match("none")
        point = shapely.points(lon * self.scale, lat)
        near = self.tree.query_nearest(
            point, max_distance=_FAR_M / METRES_PER_DEGREE, all_matches=True
        )
        if not len(near):
            return Match("none")
        index = self.index
        rows = sorted(
            (int(r) for r in self.rows[near]), key=lambda r: (index.levels[r] != RANK["number"], r)
        )
        row = rows[0]
        deeper = self._inside(row, lon, lat, z) if z is not None else row
        away = float(
            distance_m(
                np.array([lon]), np.array([lat]), index.place.lon[row], index.place.lat[row]
            )[0]
        )
        place = index.place.at(deeper) or (lon, lat)
        height = float(index.place.z[deeper])
        return Match(
            "exact" if len(rows) == 1 else "ambiguous",
            index.ids[deeper].as_py(),
            index.text_of("code", deeper),
            index.text_of("full", deeper),
            index.level_of(deeper),
            index.text_of("eid", deeper),
            confidence=round(float(np.exp(-away / 250.0)), 3),
            alternatives=tuple(
                Candidate(
                    index.ids[r].as_py(), index.text_of("full", r) or "", index.level_of(r), 1.0
                )
                for r in rows[1:10]
            ),
            location=Location(
                place[0], place[1], height if height == height else None, "node", round(away, 1)
            ),
        )

    def _inside(self, row: int, lon: float, lat: float, z: float) -> int:
        """Room nearest to a point in space, among the rooms with heights below a node."""
        index = self.index
        rooms: list[int] = []
        queue = [row]
        while queue and len(rooms) < 5000:
            for child in index.children(queue.pop()):
                level = index.levels[child]
                if level == RANK["room"]:
                    rooms.append(child)
                else:
                    queue.append(child)
        at = np.array(rooms, dtype=np.int64)
        at = at[~np.isnan(index.place.z[at]) & ~np.isnan(index.place.lon[at])] if len(at) else at
        if not len(at):
            return row
        heights = index.place.z[at]
        flat = distance_m(index.place.lon[at], index.place.lat[at], lon, lat)
        off = np.abs(heights - z)
        if off.min() > _STOREY_M:
            return row
        level_z = heights[np.argmin(off)]
        same = np.abs(heights - level_z) < 0.5
        return int(at[same][np.argmin(flat[same])])
