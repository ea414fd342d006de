"""About 60,000 standard addresses: every lot, every building, and the rooms of the compounds surveyed so far."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.city import City, lonlat
from sample_data.district import CITY, COUNTY, PROVINCE, SEED, ground_height

__all__ = ["Addresses", "build_addresses"]

COUNT = 60_000
OFFICE, OFFICE_ROOMS, OFFICE_GROUND = 1, 10, 7
"""The office that has a model: its place among the buildings, rooms of a storey (A401 …) and of the lowest one."""
PARTS = (
    "province",
    "city",
    "county",
    "street",
    "community",
    "road",
    "number",
    "compound",
    "building",
    "unit",
    "floor",
    "room",
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """One entry per address: its twelve parts, the whole, EPSG:4490 degrees, 1985 height, 楼栋编码 (None for lots)."""

    code: NDArray[np.object_]
    parts: dict[str, NDArray[np.object_]]
    full: NDArray[np.object_]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    z: NDArray[np.float64]
    building_code: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Rooms:
    """One entry per flat or office: index of the building, unit (0 = none), storey, room number within the storey."""

    building: NDArray[np.int64]
    unit: NDArray[np.int64]
    floor: NDArray[np.int64]
    room: NDArray[np.int64]
    units: NDArray[np.int64]
    per_floor: NDArray[np.int64]


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Repeat index i counts[i] times; also the running number within each."""
    owner = np.repeat(np.arange(counts.size), counts)
    return owner, np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)


def _surveyed(city: City, budget: int) -> _Rooms:
    """Rooms of the hero tower, then of the office, then building by building in a seeded order of compounds."""
    b = city.buildings
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(b.geometry)).reshape(-1, 5, 2)
    side = np.hypot(*(box[:, 1:3] - box[:, :2]).transpose(2, 0, 1))
    long, short = side.max(axis=1), side.min(axis=1)
    home = (b.usage == "住宅") & (b.floors >= 4) & np.char.endswith(b.label.astype(str), "号楼")
    office = (b.usage == "办公") & (b.floors >= 8)
    units = np.where(home, np.where(short > 20, 1, np.maximum(np.round(long / 19.0), 1)), 0).astype(
        np.int64
    )
    rooms = np.where(home, np.where(short > 20, 6, np.where(b.floors > 11, 4, 2)), 8).astype(
        np.int64
    )
    units[0], rooms[0] = 2, 4
    rooms[OFFICE] = OFFICE_ROOMS
    size = np.where(home | office, np.maximum(units, 1) * rooms * b.floors, 0)
    lot_rank = np.random.default_rng([SEED, 60]).permutation(city.lots.road.size)
    rank = np.where(
        city.lots.compound == "临江花园", -3, np.where(city.lots.compound == "江畔里", -2, lot_rank)
    )[b.lot]
    rank[0], rank[1] = -9, -8
    order = np.lexsort((np.arange(rank.size), rank))
    order = order[size[order] > 0]
    order = order[: int(np.searchsorted(np.cumsum(size[order]), budget, side="right"))]
    owner, serial = _expand(size[order])
    at = order[owner]
    per_floor, block = rooms[at], np.maximum(units[at], 1) * rooms[at]
    there = (at != OFFICE) | (serial // block > 0) | (serial % block < OFFICE_GROUND)
    at, serial, per_floor, block = at[there], serial[there], per_floor[there], block[there]
    within = serial % block
    return _Rooms(
        at,
        np.where(units[at] > 0, within // per_floor + 1, 0),
        serial // block + 1,
        within % per_floor + 1,
        units[at],
        per_floor,
    )


def _room_places(city: City, rooms: _Rooms) -> NDArray[np.float64]:
    """Middle of each flat: along the building's long axis by unit and room, shape (n, 3), EPSG:4547 and 1985."""
    geometry = city.buildings.geometry
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(geometry)).reshape(-1, 5, 2)
    a, b = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    long = np.where((np.hypot(*a.T) >= np.hypot(*b.T))[:, None], a, b)
    long *= np.where(long[:, :1] < 0, -1.0, 1.0)
    units = np.maximum(rooms.units, 1)
    share = ((np.maximum(rooms.unit, 1) - 1) + (rooms.room - 0.5) / rooms.per_floor) / units - 0.5
    xy = city.buildings.centres()[rooms.building] + 0.92 * share[:, None] * long[rooms.building]
    storey = city.buildings.height[rooms.building] / np.maximum(
        city.buildings.floors[rooms.building], 1
    )
    z = ground_height(xy[:, 0], xy[:, 1]) + (rooms.floor - 1) * storey + 1.2
    return np.column_stack([xy, z])


def build_addresses(city: City) -> Addresses:
    """Rows for lots, then buildings, then rooms."""
    lots, b = city.lots, city.buildings
    street, community = city.place(lots.x, lots.y)
    named = np.flatnonzero(np.isin(lots.kind.astype(str), ["compound", "village"]))
    rooms = _surveyed(city, COUNT - b.code.size - named.size)
    lot = np.concatenate([named, b.lot, b.lot[rooms.building]])
    n, nb = named.size, b.code.size
    blank = np.full(n, "", dtype=object)
    numbers = [
        f"{'A' if b_ == OFFICE else ''}{f}{r:02d}室"
        for b_, f, r in zip(rooms.building, rooms.floor, rooms.room, strict=True)
    ]
    label = b.label
    parts: dict[str, NDArray[np.object_]] = {
        "province": np.full(lot.size, PROVINCE, dtype=object),
        "city": np.full(lot.size, CITY, dtype=object),
        "county": np.full(lot.size, COUNTY, dtype=object),
        "street": street[lot],
        "community": community[lot],
        "road": lots.road[lot],
        "number": lots.number[lot],
        "compound": lots.compound[lot],
        "building": np.concatenate([blank, label, label[rooms.building]]),
        "unit": np.concatenate(
            [
                np.full(n + nb, "", dtype=object),
                np.array([f"{u}单元" if u else "" for u in rooms.unit], dtype=object),
            ]
        ),
        "floor": np.concatenate(
            [
                np.full(n + nb, "", dtype=object),
                np.array([f"{f}层" for f in rooms.floor], dtype=object),
            ]
        ),
        "room": np.concatenate(
            [np.full(n + nb, "", dtype=object), np.array(numbers, dtype=object)]
        ),
    }
    lane = lots.kind[lot] == "lane"
    parts["number"] = np.where(lane, parts["building"], parts["number"])
    parts["building"] = np.where(lane, "", parts["building"])
    full = sum((parts[p] for p in PARTS[1:] if p != "floor"), start=parts["province"])
    centre = b.centres()
    place = np.vstack(
        [
            np.column_stack(
                [lots.x[named], lots.y[named], ground_height(lots.x[named], lots.y[named])]
            ),
            np.column_stack([centre, ground_height(centre[:, 0], centre[:, 1])]),
            _room_places(city, rooms),
        ]
    )
    lon, lat = lonlat(place[:, 0], place[:, 1])
    code = city.admin.community_code[city.admin.grid_community[city.admin.locate(lots.x, lots.y)]][
        lot
    ]
    serial = np.array([f"{c}{i + 1:08d}" for i, c in enumerate(code)], dtype=object)
    owner = np.concatenate([np.full(n, None, dtype=object), b.code, b.code[rooms.building]])
    return Addresses(
        serial, parts, full, np.round(lon, 8), np.round(lat, 8), np.round(place[:, 2], 2), owner
    )
