import math

import numpy as np
import pyarrow as pa
import pytest
from address_town import TOP, table

from address.index import AddressIndex
from address.nodes import build_nodes
from address.numbering import Doors, place_number, place_numbers
from address.roads import doors_of, forget_roads, number_of


def road(numbers: list[int], bend: float = 0.0, seed: int = 0) -> Doors:
    """A road that runs east, 2 m a number, odd doors 20 m north of it."""
    n = np.array(sorted(numbers))
    rng = np.random.default_rng(seed)
    x, y = 2.0 * n, bend * np.sin(n / 200.0) + np.where(n % 2 == 1, 20.0, -20.0)
    places = np.stack([x, y], axis=1) + rng.normal(0, 4, (len(n), 2))
    return Doors(n, places, np.zeros(len(n), dtype=bool))


def miss(doors: Doors, wanted: int, bend: float = 0.0) -> float:
    truth = 2.0 * wanted, bend * math.sin(wanted / 200.0) + (20.0 if wanted % 2 else -20.0)
    found = place_number(doors, wanted, lane=False)
    return math.hypot(found.x - truth[0], found.y - truth[1])


@pytest.mark.parametrize("wanted", [50, 101, 222, 333, 404])
def test_a_number_lies_on_its_side_of_a_bent_road(wanted: int) -> None:
    doors = road(list(range(2, 500, 22)) + list(range(1, 500, 26)), bend=300.0)
    assert miss(doors, wanted, 300.0) < 15.0


@pytest.mark.parametrize("wanted", [95, 126, 160])
def test_one_wrong_place_does_not_drag_its_neighbours(wanted: int) -> None:
    doors = road(list(range(2, 300, 15)))
    at = int(np.abs(doors.numbers - 122).argmin())
    doors.places[at] = (-9000.0, 4000.0)
    assert miss(doors, wanted) < 40.0


def test_a_place_that_far_numbers_share_counts_little() -> None:
    shared = (3000.0, 3000.0)
    doors = road([10, 60, 110, 160, 210, 260, 310, 360])
    for at in (2, 4, 6):
        doors.places[at] = shared
    assert doors.repeated().tolist() == [i in (2, 4, 6) for i in range(8)]
    assert miss(doors, 186) < 80.0


def test_the_error_grows_with_what_is_not_known() -> None:
    many, few = road(list(range(2, 500, 10))), road([2, 240, 480])
    near, far = place_number(many, 246, False), place_number(few, 120, False)
    beyond = place_number(few, 1500, False)
    assert near.error_m < far.error_m < beyond.error_m


def test_many_questions_at_once_are_answered_as_one_by_one() -> None:
    roads = [road(list(range(2, 300, 14)), bend=200.0, seed=1), road([7]), road([3, 30, 90, 400])]
    together = Doors(*(np.concatenate([getattr(r, name) for r in roads])
                       for name in ("numbers", "places", "lane")))  # fmt: skip
    starts = np.cumsum([0] + [len(r.numbers) for r in roads])
    asked = [(2, 60, True), (0, 121, False), (1, 9, False), (0, 5000, True), (2, 1, False)]
    which, wanted, lane = (np.array(column) for column in zip(*asked, strict=True))
    repeated = np.concatenate([r.repeated() for r in roads])
    places, error = place_numbers(together, starts, repeated, which, wanted, lane)
    for (r, number, as_lane), at, metres in zip(asked, places, error, strict=True):
        alone = place_number(roads[r], number, as_lane)
        assert (alone.x, alone.y, alone.error_m) == (at[0], at[1], metres)


def test_past_the_last_number_a_place_does_not_run_away() -> None:
    doors = road(list(range(2, 100, 8)))
    near, far = place_number(doors, 200, False), place_number(doors, 90_000, False)
    assert 100 < near.x - 194 < 300
    assert far.x - 194 < 1500
    assert far.error_m > near.error_m


def test_the_order_of_doors_with_one_number_does_not_matter() -> None:
    doors = road([2, 40, 80, 80, 120, 160])
    turned = Doors(doors.numbers, doors.places[[0, 1, 3, 2, 4, 5]], doors.lane)
    a, b = place_number(doors, 100, False), place_number(turned, 100, False)
    assert (a.x, a.y, a.error_m) == pytest.approx((b.x, b.y, b.error_m), abs=0.2)


@pytest.mark.parametrize("count", [1, 2, 200])
def test_any_number_of_doors_gives_a_finite_place(count: int) -> None:
    found = place_number(road([7 * k + 1 for k in range(count)]), 9_999, True)
    assert np.isfinite([found.x, found.y, found.error_m]).all()
    assert found.error_m > 0


@pytest.mark.parametrize(
    ("core", "number"),
    [("35", (35, False)), ("399弄", (399, True)), ("甲12", (12, False)), ("12-3", (12, False)),
     ("3巷", (3, True)), ("临", None), ("", None)],
)  # fmt: skip
def test_numbers_of_doors(core: str, number: tuple[int, bool] | None) -> None:
    assert number_of(core) == number


def two_streets() -> AddressIndex:
    rows = [
        {**TOP, "street": "江北街道" if n < 100 else "江南街道", "road": "长堤路",
         "number": f"{n}号", "lon": 114.0 + n * 2e-5, "lat": 30.0}
        for n in range(2, 200, 14)
    ]  # fmt: skip
    return AddressIndex.from_nodes(build_nodes(table(rows)))


@pytest.mark.parametrize(("number", "street"), [(40, "江北街道"), (65, "江北街道"),
                                                (161, "江南街道"), (250, "江南街道")])  # fmt: skip
def test_the_street_is_that_of_the_doors_around(number: int, street: str) -> None:
    found = two_streets().geocode(f"临江示范区长堤路{number}号")
    assert (found.status, found.missing) == ("partial", "number")
    assert found.full == f"湖北省云梦泽市临江示范区{street}长堤路"


def test_a_street_in_the_text_stands() -> None:
    found = two_streets().geocode("临江示范区江南街道长堤路21号")
    assert found.full == "湖北省云梦泽市临江示范区江南街道长堤路"
    assert found.location is not None
    assert found.location.lon == pytest.approx(114.0 + 21 * 2e-5, abs=2e-4)


def test_doors_of_a_road_are_kept_until_forgotten() -> None:
    index = two_streets()
    row = index.names.get("长堤路")[0]
    first = doors_of(index, row)
    assert first is not None
    assert first.doors.numbers.tolist() == list(range(2, 200, 14))
    assert doors_of(index, row) is first
    forget_roads(index)
    assert doors_of(index, row) is not first


def test_a_road_of_another_county_is_never_used_unless_it_goes_on_there() -> None:
    near = [{**TOP, "street": "江北街道", "road": "人民路", "number": f"{n}号",
             "lon": 114.0 + n * 2e-5, "lat": 30.0} for n in (2, 40, 80)]  # fmt: skip
    far = [{**row, "county": "下游县", "lon": 115.0 + i * 1e-4, "number": f"{100 + i}号"}
           for i, row in enumerate(near)]  # fmt: skip
    index = AddressIndex.from_nodes(build_nodes(table(near + far)))
    road = next(
        r for r in index.names.get("人民路") if "示范区" in (index.text_of("full", r) or "")
    )
    known = doors_of(index, road)
    assert known is not None
    assert known.doors.numbers.tolist() == [2, 40, 80]


def test_a_road_without_doors_is_answered_by_its_street() -> None:
    rows = [{**TOP, "street": "江北街道", "road": "长堤路", "number": f"{n}号",
             "lon": 114.0 + n * 1e-4, "lat": 30.0} for n in (2, 40, 80)]  # fmt: skip
    rows.append({**TOP, "street": "江北街道", "road": "新修路"})
    found = AddressIndex.from_nodes(build_nodes(table(rows))).geocode("江北街道新修路5号")
    assert found.location is not None
    assert found.location.method == "parent"
    assert found.location.error_m > 300.0
    assert pa.scalar(found.location.lon).as_py() == pytest.approx(114.0 + 122 / 3 * 1e-4)
