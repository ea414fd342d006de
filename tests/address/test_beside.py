"""Places told by something near them: crossings, so many metres to a side, across the street."""

import math

import pyarrow as pa
import pytest

from address.batch import match_batch
from address.index import AddressIndex
from address.nodes import build_nodes

LON, LAT = 114.0, 30.0
STEP = 1e-3
"""Degrees between doors, about 100 m."""


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot((a[0] - b[0]) * math.cos(math.radians(a[1])), a[1] - b[1]) * 111_195


@pytest.fixture(scope="module")
def index() -> AddressIndex:
    """东湖路 runs east and crosses 云梦路 at its middle; 远山路 crosses neither."""
    from address_town import TOP, table

    rows = []
    for k, number in enumerate(range(1, 22, 2)):
        away = (k - 5) * STEP
        rows.append({"road": "东湖路", "number": f"{number}号", "lon": LON + away, "lat": LAT})
        rows.append({"road": "云梦路", "number": f"{number}号", "lon": LON, "lat": LAT + away})
        rows.append(
            {"road": "远山路", "number": f"{number}号", "lon": LON + away, "lat": LAT + 0.2}
        )
    return AddressIndex.from_nodes(
        build_nodes(table([{**TOP, "street": "江北街道", **row} for row in rows]))
    )


@pytest.mark.parametrize(
    "text",
    [
        "东湖路与云梦路交叉口",
        "云梦路和东湖路路口",
        "东湖路云梦路口",
        "市民反映东湖路与云梦路交汇处积水",
    ],
)
def test_two_roads_meet_at_one_place(index: AddressIndex, text: str) -> None:
    at = index.geocode(text).location
    assert at is not None
    assert at.method == "crossing"
    assert metres((at.lon, at.lat), (LON, LAT)) <= at.error_m <= 200


def test_roads_that_do_not_meet_have_no_crossing(index: AddressIndex) -> None:
    at = index.geocode("东湖路与远山路交叉口").location
    assert at is not None
    assert at.method != "crossing"
    assert at.error_m > 300


@pytest.mark.parametrize(
    ("text", "east", "north"),
    [
        ("东湖路11号东侧50米", 50, 0),
        ("东湖路11号往北两百米", 0, 200),
        ("东湖路11号西南方向约300米处", -212, -212),
        ("东湖路11号南边一百五十米", 0, -150),
    ],
)
def test_a_told_direction_moves_the_place(
    index: AddressIndex, text: str, east: int, north: int
) -> None:
    door, at = index.geocode("东湖路11号").location, index.geocode(text).location
    assert door is not None
    assert at is not None
    wide = 111_195 * math.cos(math.radians(LAT))
    truth = (door.lon + east / wide, door.lat + north / 111_195)
    assert metres((at.lon, at.lat), truth) < 2
    assert at.error_m == pytest.approx(door.error_m + 0.5 * math.hypot(east, north), abs=1)


@pytest.mark.parametrize(
    ("tail", "more"), [("对面", 60), ("附近", 200), ("对面约80米", 80), ("门口", 0)]
)
def test_what_has_no_direction_widens_the_error(
    index: AddressIndex, tail: str, more: float
) -> None:
    door, at = index.geocode("东湖路11号").location, index.geocode("东湖路11号" + tail).location
    assert door is not None
    assert at is not None
    assert (at.lon, at.lat) == (door.lon, door.lat)
    assert at.error_m == pytest.approx(door.error_m + more)


def test_a_column_is_placed_as_its_rows(index: AddressIndex) -> None:
    texts = [
        "东湖路与云梦路交叉口",
        "东湖路11号东侧50米",
        "东湖路11号",
        "東湖路11號對面",
        "东湖路12号旁边",
    ]
    rows = match_batch(index, pa.array(texts)).to_pylist()
    for text, row in zip(texts, rows, strict=True):
        at = index.geocode(text).location
        assert at is not None
        assert (row["lon"], row["lat"], row["method"], row["error_m"]) == pytest.approx(
            (at.lon, at.lat, at.method, at.error_m)
        )
