from typing import Any

import numpy as np
import pytest
import shapely
from address_town import TOP, table
from hypothesis import given, settings
from hypothesis import strategies as st

from address.distance import METRES_PER_DEGREE
from address.doors import Doors
from address.index import AddressIndex
from address.nodes import build_nodes

LIMIT = 1000.0


def row(**parts: Any) -> dict[str, Any]:
    return {**TOP, "street": "江北街道", "road": "长堤路", **parts}


def brute(lon: np.ndarray, lat: np.ndarray, x: float, y: float) -> list[int]:
    away = np.hypot((lon - x) * np.cos(np.deg2rad((lat + y) / 2)), lat - y) * METRES_PER_DEGREE
    return np.flatnonzero((away <= away.min() + 1e-6) & (away <= LIMIT)).tolist()


def doors(lon: np.ndarray, lat: np.ndarray) -> tuple[Doors, list[int]]:
    """Doors at some places, and the place each row of the tree stands for."""
    rows = [
        row(number=f"{n + 1}号", lon=x, lat=y)
        for n, (x, y) in enumerate(zip(lon, lat, strict=True))
    ]
    index = AddressIndex.from_nodes(build_nodes(table(rows)))
    return Doors(index), [
        int(index.core_of_row(r)) - 1 if index.level_of(r) == "number" else -1
        for r in range(len(index))
    ]


@pytest.mark.parametrize("latitude", [0.0, 18.2, 31.2, 53.5, 84.0, -33.0])
def test_the_nearest_are_those_of_brute_force(latitude: float) -> None:
    rng = np.random.default_rng(3)
    lon, lat = 121 + rng.normal(0, 0.1, 800), latitude + rng.normal(0, 0.05, 800)
    lon[:60], lat[:60] = lon[60:120], lat[60:120]
    grid, place = doors(lon, lat)
    hits = 0
    for _ in range(300):
        x, y = 121 + rng.normal(0, 0.1), latitude + rng.normal(0, 0.05)
        found = sorted(place[r] for r in grid.near(x, y, LIMIT))
        assert found == brute(lon, lat, x, y)
        hits += bool(found)
    assert hits > 100


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=30),
    st.tuples(st.integers(-6, 18), st.integers(-6, 18)),
)
def test_equals_are_all_found(places: list[tuple[int, int]], point: tuple[int, int]) -> None:
    lon, lat = (np.array(v) / 1024 for v in zip(*places, strict=True))
    x, y = point[0] / 1024, point[1] / 1024
    grid, place = doors(lon, lat)
    assert sorted(place[r] for r in grid.near(x, y, LIMIT)) == brute(lon, lat, x, y)


@pytest.mark.parametrize(
    "place", [(float("nan"), 30.0), (114.0, float("inf")), (181.0, 30.0), (114.0, 91.0),
              (114.0, 89.99), (-114.0, 30.0)],
)  # fmt: skip
def test_places_off_the_map_are_refused(index: AddressIndex, place: tuple[float, float]) -> None:
    found = index.reverse(*place)
    assert (found.status, found.node_id) == ("none", None)
    assert [f.code for f in found.faults] == ["PLACE.outside"]


def test_a_height_that_is_no_number_is_refused(index: AddressIndex) -> None:
    assert index.reverse(114.085, 30.40, float("nan")).status == "none"


def test_two_doors_at_one_place_are_both_told() -> None:
    rows = [row(number=f"{n}号", lon=114.0, lat=30.0) for n in (1, 3)]
    rows.append(row(number="5号", lon=114.002, lat=30.0))
    found = AddressIndex.from_nodes(build_nodes(table(rows))).reverse(114.0001, 30.0)
    assert found.status == "ambiguous"
    told = {found.full, *(a.full for a in found.alternatives)}
    assert {(t or "")[-2:] for t in told} == {"1号", "3号"}


def house() -> AddressIndex:
    rows = [
        row(number="8号", compound="堤上居", building="1号楼", room=f"{f}0{r}室", building_key="H1",
            lon=114.0 + r * 1e-5, lat=30.0, z=20.0 + 3.0 * (f - 1))
        for f in (1, 2, 3) for r in (1, 2, 3)
    ]  # fmt: skip
    rows.append(row(number="10号", lon=114.0004, lat=30.0))
    return AddressIndex.from_nodes(build_nodes(table(rows)))


@pytest.mark.parametrize(
    ("z", "room"),
    [(19.6, "101室"), (20.1, "101室"), (22.4, "101室"), (22.6, "201室"), (25.4, "201室"),
     (26.0, "301室"), (29.5, "301室")],
)  # fmt: skip
def test_the_storey_is_the_one_whose_floor_lies_underfoot(z: float, room: str) -> None:
    found = house().reverse(114.0 + 0.9e-5, 30.0, z)
    assert (found.full or "").endswith(room)


@pytest.mark.parametrize("z", [12.0, 80.0])
def test_above_the_roof_and_below_the_ground_there_is_no_room(z: float) -> None:
    assert house().reverse(114.0, 30.0, z).level in ("building", "number")


def test_an_outline_holds_its_building_though_a_door_is_nearer() -> None:
    index = house()
    point = (114.00035, 30.0)
    assert (index.reverse(*point).full or "").endswith("10号")
    index.set_outlines(
        ["H1", "unknown"],
        [
            shapely.box(113.9998, 29.9999, 114.00039, 30.0001),
            shapely.box(114.0003, 29.99, 114.0004, 30.01),
        ],
    )
    found = index.reverse(*point)
    assert (found.level, found.status) == ("building", "exact")
    assert (index.reverse(*point, 23.5).full or "").endswith("203室")
    assert (index.reverse(114.00041, 30.0).full or "").endswith("10号")
