import pytest
from address_town import TOP, table

from address.doors import Doors
from address.geocode import distance_m
from address.index import AddressIndex
from address.suggest import _spells


@pytest.fixture(scope="module")
def streets() -> AddressIndex:
    """Two towns with roads of one name, and many names with one beginning."""
    rows = [
        {"road": "长乐路", "number": f"{n}号", "street": town, "lon": lon + n * 1e-4, "lat": 30.0}
        for town, lon in (("江东街道", 114.0), ("江西街道", 114.5))
        for n in range(1, 120)
    ]
    rows += [
        {
            "street": "江东街道",
            "road": f"临{c}路",
            "number": "1弄",
            "lon": 114.0,
            "lat": 30.1 + k / 1000,
        }
        for k, c in enumerate("安宁康泰平和顺利兴旺发达春夏秋冬")
    ]
    rows.append({"street": "江东街道", "road": "临安大道", "number": "甲12号"})
    rows.append({"street": "江东街道", "road": "临安大道", "number": "12号之3"})
    return AddressIndex.build([table([{**TOP, **row} for row in rows])])


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("临安", "临安路"),
        ("临安大", "临安大道"),
        ("临安大道12", "临安大道12号之3"),
        ("临安大道甲", "临安大道甲12号"),
        ("linanlu", "临安路"),
        ("linanlu1", "临安路1弄"),
        ("lal1", "临安路1弄"),
        ("lin'anda", "临安大道"),
        ("laddao", "临安大道"),
        ("临andad", "临安大道"),
        ("临adadao12", "临安大道甲12号"),
        ("la大", "临安大道"),
        ("临al1", "临安路1弄"),
        ("长乐路119", "长乐路119号"),
        ("cll119", "长乐路119号"),
        ("江东街道长乐路11", "长乐路11号"),
        ("江东cllu", "长乐路"),
        ("临江示范区江东街道chang", "长乐路"),
    ],
)
def test_what_is_typed_comes_first(streets: AddressIndex, typed: str, first: str) -> None:
    assert streets.suggest(typed)[0].text == first


def test_a_town_in_front_leaves_the_other_town_out(streets: AddressIndex) -> None:
    assert {s.full for s in streets.suggest("江西街道长乐路7号")} == {
        "湖北省云梦泽市临江示范区江西街道长乐路7号"
    }


@pytest.mark.parametrize("lon", [114.002, 114.502])
def test_the_nearest_comes_first(streets: AddressIndex, lon: float) -> None:
    found = streets.suggest("长乐路", 10, (lon, 30.0))
    away = [abs((s.lon or 0) - lon) for s in found]
    assert away == sorted(away)
    assert away[0] < 1e-6
    assert (found[0].text, len(found)) == ("长乐路20号", 10)


def test_the_shortest_names_come_before_doors_and_longer_names(streets: AddressIndex) -> None:
    texts = [s.text for s in streets.suggest("临", 17)]
    assert texts[:16] == sorted(texts[:16])
    assert {len(t) for t in texts[:16]} == {3}
    assert texts[16] == "临安大道"


@pytest.mark.parametrize(
    ("name", "typed", "left"),
    [("临江大道", "", "临江大道"), ("临江", "linj", ""), ("临江", "ljx", None), ("临江", "lj", ""),
     ("长乐路", "zhangle", "路"), ("长乐路", "chang乐", "路"), ("临江", "江", None)],
)  # fmt: skip
def test_letters_are_read_over_characters(name: str, typed: str, left: str | None) -> None:
    assert _spells(name, typed) == left


def test_doors_of_the_flat_tree_are_those_of_brute_force(streets: AddressIndex) -> None:
    doors, place = Doors(streets), streets.place
    rows = [r for r in range(len(streets)) if streets.level_of(r) == "number" and place.at(r)]
    for k in range(200):
        lon, lat = 113.999 + (k * 37 % 100) * 2e-4, 29.999 + (k * 61 % 100) * 1.2e-3
        away = {
            r: (place.lon[r] - lon) ** 2 * doors.scale**2 + (place.lat[r] - lat) ** 2 for r in rows
        }
        least = min(away.values())
        metres = float(distance_m(place.lon[[min(away, key=away.__getitem__)]], place.lat[[min(
            away, key=away.__getitem__)]], lon, lat)[0])  # fmt: skip
        expected = [r for r in rows if away[r] <= least * (1 + 1e-12)] if metres < 999 else []
        assert sorted(doors.near(lon, lat, 1000.0)) == expected
