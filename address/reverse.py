"""From a place to an address: building outline or nearest door, then floor by height, then room."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

from address.distance import distance_m
from address.doors import Doors
from address.model import RANK, Candidate, Fault, Location, Match

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["Outlines", "Reverse"]

_INDOORS = (RANK["floor"], RANK["room"])
_FAR_M = 1000.0
_STOREY_M = 4.0
_UNDERFOOT_M = 0.5  # a point may lie this far below the floor it belongs to
_POLAR = 85.0  # degrees; beyond it nothing is answered
_KEPT = 512
_MOST_ROOMS = 20_000

Ints = npt.NDArray[np.int64]


class Outlines:
    """Footprints of buildings by the key they have in their own layer.

    Parameters
    ----------
    keys : sequence of str
        ``building_key`` of each.
    outlines : sequence of shapely geometry
        Polygons in degrees, EPSG:4490.
    """

    def __init__(self, keys: Sequence[str], outlines: Sequence[shapely.Geometry]) -> None:
        self.keys = list(keys)
        self._shapes = np.asarray(outlines, dtype=object)
        self._tree = shapely.STRtree(self._shapes)

    def at(self, lon: float, lat: float) -> list[str]:
        """Keys of the buildings a place lies in or on the edge of, the smallest first."""
        found = self._tree.query(shapely.points(lon, lat), predicate="intersects")
        areas = shapely.area(self._shapes[found])
        return [self.keys[i] for _, i in sorted(zip(areas.tolist(), found.tolist(), strict=True))]


class Reverse:
    """Doors, buildings and places of interest by place.

    A building or place of interest within half a metre of the node above it is left to that node.

    Parameters
    ----------
    index : AddressIndex
    outlines : Outlines, optional
        With them a point inside a building gets that building, however near another door is.
    """

    def __init__(self, index: "AddressIndex", outlines: Outlines | None = None) -> None:
        self.index = index
        self.outlines = outlines
        self.doors = Doors(index)
        self._building = self._by_key() if outlines is not None else {}
        self._rooms: OrderedDict[int, tuple[Ints, npt.NDArray[np.float64]]] = OrderedDict()

    def _by_key(self) -> dict[str, int]:
        """Widest node of each building key."""
        index = self.index
        rows = index.rows()
        rows = rows[np.argsort(index.levels_array[rows], kind="stable")]
        keys = index.column("building_key", rows)
        known = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
        found: dict[str, int] = {}
        for row, key in zip(rows[known].tolist(), keys.drop_null().to_pylist(), strict=True):
            if key not in found:
                found[key] = self._building_above(row)
        return found

    def _building_above(self, row: int) -> int:
        """The building a node lies in, or the node itself."""
        rank = RANK["building"]
        return next((r for r in self.index.above(row) if self.index.levels[r] == rank), row)

    def at(self, lon: float, lat: float, z: float | None) -> Match:
        """See `address.index.AddressIndex.reverse`."""
        if not (abs(lon) <= 180.0 and abs(lat) <= _POLAR) or (z is not None and z != z):
            return _nowhere(lon, lat)
        index = self.index
        rows = self._around(lon, lat)
        if not rows:
            return _nowhere(lon, lat)
        row = rows[0]
        deeper = self._inside(row, lon, lat, z) if z is not None else row
        place = index.place.at(deeper) or (lon, lat)
        at = index.place.at(row) or place
        away = float(distance_m(np.array([lon]), np.array([lat]), *at)[0])
        height = float(index.place.z[deeper])
        return Match(
            "exact" if len(rows) == 1 else "ambiguous",
            index.id_of(deeper),
            index.text_of("code", deeper),
            index.text_of("full", deeper),
            index.level_of(deeper),
            index.text_of("eid", deeper),
            confidence=round(float(np.exp(-away / 250.0)), 3),
            alternatives=tuple(
                Candidate(
                    index.id_of(r),
                    index.text_of("full", r) or "",
                    index.level_of(r),
                    1.0,
                )
                for r in rows[1:10]
            ),
            location=Location(*place, height if height == height else None, "node", round(away, 1)),
        )

    def _around(self, lon: float, lat: float) -> list[int]:
        """The building whose outline holds the place, else the nearest doors, equals in order."""
        if self.outlines is not None:
            for key in self.outlines.at(lon, lat):
                if key in self._building:
                    return [self._building[key]]
        index = self.index
        rows = self.doors.near(lon, lat, _FAR_M)
        return sorted(rows, key=lambda r: (index.levels[r] != RANK["number"], index.id_of(r)))

    def _inside(self, row: int, lon: float, lat: float, z: float) -> int:
        """Room, else floor, of the storey a height lies in, nearest in plan; else the node."""
        rows, heights = self._storeys(row)
        if not len(rows):
            return row
        levels = np.unique(heights)
        under = levels[levels <= z + _UNDERFOOT_M]
        if not len(under):
            return row
        over = levels[levels > under[-1] + _UNDERFOOT_M]
        tall = over[0] - under[-1] if len(over) else _STOREY_M
        if z - under[-1] > max(tall, _STOREY_M):
            return row
        storey = rows[np.abs(heights - under[-1]) <= _UNDERFOOT_M]
        index = self.index
        rooms = storey[index.levels_array[storey] == RANK["room"]]
        storey = rooms if len(rooms) else storey
        flat = distance_m(index.place.lon[storey], index.place.lat[storey], lon, lat)
        return int(storey[np.argmin(np.where(np.isnan(flat), np.inf, flat))])

    def _storeys(self, row: int) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Floors and rooms below a node that have a height, in order of row; kept."""
        kept = self._rooms.get(row)
        if kept is not None:
            self._rooms.move_to_end(row)
            return kept
        index = self.index
        found: list[int] = []
        queue = [row]
        while queue and len(found) < _MOST_ROOMS:
            for child in index.children(queue.pop()):
                if index.levels[child] in _INDOORS:
                    found.append(child)
                if index.levels[child] != RANK["room"]:
                    queue.append(child)
        rows = np.array(sorted(found), dtype=np.int64)
        heights = np.asarray(index.place.z[rows], dtype=np.float64)
        known = ~np.isnan(heights)
        self._rooms[row] = rows[known], heights[known]
        if len(self._rooms) > _KEPT:
            self._rooms.popitem(last=False)
        return self._rooms[row]


def _nowhere(lon: float, lat: float) -> Match:
    return Match("none", faults=(Fault("PLACE.outside", "place", f"{lon}, {lat}", "", 1.0),))
