"""Collections and items: counts, boxes, filters, paging, time; against shapes computed here."""

import re
from datetime import datetime

import pytest
import shapely

BUILDINGS = 40
MINE = "/collections/buildings/items"


def eids(page: dict) -> list[str]:
    return [feature["id"] for feature in page["features"]]


def follow(get, page: dict, rel: str) -> dict | None:
    found = [link["href"] for link in page["links"] if link["rel"] == rel]
    assert len(found) <= 1
    return get(found[0]) if found else None


def test_landing_leads_to_everything_it_names(client):
    landing = client.get("/landing").json()
    rels = {link["rel"]: link["href"] for link in landing["links"]}
    assert {"self", "service-desc", "conformance", "data"} <= rels.keys()
    for link in landing["links"]:
        if link["rel"] in ("self", "service-desc", "conformance", "data", "describedby", "status"):
            found = client.get(link["href"])
            assert found.status_code == 200
            assert found.headers["content-type"].replace(" ", "") == link["type"]


def test_declared_conformance_is_the_core_of_features(get):
    assert (
        "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
        in get("/conformance")["conformsTo"]
    )


def test_collections_count_what_is_there_now_and_say_where(get):
    listed = {entry["id"]: entry for entry in get("/collections", lang="en")["collections"]}
    counts = {name: entry["itemCount"] for name, entry in listed.items()}
    assert counts == {"buildings": 40, "rooms": 1, "pipes": 1, "grids": 1, "components": 300}
    assert listed["buildings"]["extent"]["spatial"]["bbox"][0] == pytest.approx(
        [114.0, 30.4, 10.0, 114.0094, 30.4034, 127.0]
    )
    assert listed["buildings"]["extent"]["temporal"]["interval"] == [["2026-01-01T00:00:00Z", None]]
    assert listed["components"]["classes"] == [{"code": "01001", "title": "供水井盖", "count": 300}]


@pytest.mark.parametrize(
    ("headers", "params", "title"),
    [
        ({"accept-language": "en-US,en;q=0.8"}, {}, "Building"),
        ({"accept-language": "zh-CN"}, {}, "建筑"),
        ({"accept-language": "en"}, {"lang": "zh"}, "建筑"),
        ({"accept-language": "fr"}, {}, "建筑"),
    ],
)
def test_titles_in_the_language_asked_for(client, headers, params, title):
    found = client.get("/collections/buildings", headers=headers, params=params)
    assert found.json()["title"] == title
    assert found.headers["content-language"] == ("en" if title == "Building" else "zh")


def test_an_item_carries_its_shape_and_its_attributes(client, ids):
    found = client.get(f"{MINE}/{ids.courtyard}")
    assert found.headers["content-type"] == "application/geo+json"
    feature = found.json()
    assert feature["id"] == ids.courtyard
    assert shapely.equals_exact(shapely.geometry.shape(feature["geometry"]), ids.shape(1), 1e-9)
    properties = feature["properties"]
    assert (properties["name"], properties["height_m"], properties["floors"]) == (
        "住宅1号楼",
        6.0,
        2,
    )
    assert (properties["usage"], properties["year_built"]) == ("住宅", 2001)


def test_heights_of_a_line_are_kept(get, ids):
    pipe = get(f"/collections/pipes/items/{ids.pipe}")
    assert pipe["geometry"]["coordinates"] == [[114.0, 30.4005, 8.0], [114.01, 30.4005, 7.0]]


def test_a_thing_that_is_only_a_mesh_shows_the_middle_of_its_box(get, ids):
    room = get(f"/collections/rooms/items/{ids.room}")
    assert room["geometry"]["type"] == "Point"
    assert room["geometry"]["coordinates"] == pytest.approx([114.00015, 30.40015, 16.0])


def test_paging_visits_every_item_once_and_can_go_back(get):
    page = get(MINE, limit=7)
    seen, pages = eids(page), [page]
    while (page := follow(get, page, "next")) is not None and len(pages) < 10:
        assert page["numberMatched"] == BUILDINGS
        assert page["numberReturned"] == len(page["features"])
        seen += eids(page)
        pages.append(page)
    assert len(seen) == len(set(seen)) == BUILDINGS
    assert seen == sorted(seen)
    assert eids(follow(get, pages[-1], "prev")) == eids(pages[-2])
    assert follow(get, pages[0], "prev") is None


def test_a_page_tells_when_it_was_made(get):
    stamp = get(MINE, limit=1)["timeStamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", stamp)
    datetime.fromisoformat(stamp)


def test_a_box_keeps_its_other_parameters_on_the_next_page(get):
    page = get(MINE, bbox="114,30.4,114.01,30.4005", floors=3, limit=1)
    assert page["numberMatched"] == 1
    wide = get(MINE, bbox="114,30.4,114.01,30.4005", limit=4)
    assert wide["numberMatched"] == 10
    assert len(eids(follow(get, wide, "next"))) == 4


def test_boxes_agree_with_exact_intersection(get, ids, rng):
    shapes = [ids.shape(number) for number in range(BUILDINGS)]
    sizes = set()
    for _ in range(25):
        west, south = 113.999 + 0.01 * rng.random(), 30.399 + 0.004 * rng.random()
        box = (west, south, west + 0.004 * rng.random(), south + 0.002 * rng.random())
        expected = {
            ids.building(n) for n, shape in enumerate(shapes) if shape.intersects(shapely.box(*box))
        }
        page = get(MINE, bbox=",".join(map(repr, box)), limit=100)
        assert set(eids(page)) == expected
        assert page["numberMatched"] == len(expected)
        sizes.add(len(expected))
    assert len(sizes) > 4


def test_a_box_in_the_empty_corner_of_a_triangle_does_not_meet_it(get, ids):
    corner = "114.00135,30.40035,114.00139,30.40039"
    assert shapely.box(*map(float, corner.split(","))).intersects(shapely.box(*ids.shape(1).bounds))
    assert get(MINE, bbox=corner)["numberMatched"] == 0


def test_six_numbers_ask_for_heights_too(get, ids):
    everywhere = "114,30.4,{},114.01,30.41,{}"
    assert get(MINE, bbox=everywhere.format(-50, 9))["numberMatched"] == 0
    above = get(MINE, bbox=everywhere.format(100, 500), limit=100)
    # building n reaches from 10 m to 13 + 3 n m, so n ≥ 29 reach 100 m; 39 has no heights of its
    # own: it stands on its anchor at 10 m and is 120 m high
    assert set(eids(above)) == {ids.building(n) for n in range(29, BUILDINGS)}
    assert get(MINE, bbox=everywhere.format(131, 500))["numberMatched"] == 0
    assert get("/collections/grids/items", bbox=everywhere.format(100, 500))["numberMatched"] == 1


def test_a_box_over_the_antimeridian_has_two_halves(get):
    assert get(MINE, bbox="113,30,-170,31")["numberMatched"] == BUILDINGS
    assert get(MINE, bbox="170,30,-170,31")["numberMatched"] == 0
    assert get(MINE, bbox="170,30,114.0001,30.4001")["numberMatched"] == 1


@pytest.mark.parametrize(
    ("params", "matched"),
    [
        ({"name": "临江花园5号楼"}, 1),
        ({"name": "临江花园"}, 0),
        ({"usage": "商业"}, 20),
        ({"floors": "7"}, 1),
        ({"height_m": "21"}, 1),
        ({"year_built": "2007"}, 1),
        ({"year_built": "2007.0"}, 1),
        ({"usage": "住宅", "class_code": "building"}, 20),
        ({'a/b"c': "x"}, 40),
        ({"usage": "住宅", "bbox": "114,30.4,114.0055,30.4005"}, 3),
    ],
)
def test_properties_filter(get, params, matched):
    assert get(MINE, limit=1, **params)["numberMatched"] == matched


def test_the_largest_page_is_the_servers(client, ids):
    page = client.get("/collections/components/items", params={"limit": 10**17}).json()
    assert page["numberReturned"] == 300
    assert client.get("/collections/components/items", params={"limit": 10**30}).status_code == 400
    beyond = client.get(MINE, params={"offset": 10**9}).json()
    assert (beyond["numberMatched"], beyond["numberReturned"]) == (BUILDINGS, 0)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "临江花园5号楼"),
        ({"valid_at": "2026-03-01T00:00:00Z"}, "临江花园5号楼"),
        ({"valid_at": "2025-06-01"}, "5号地块在建楼"),
        ({"known_at": "2025-06-01T08:00:00+08:00"}, "5号地块在建楼"),
        ({"valid_at": "2025-06-01", "known_at": "2025-06-01"}, "5号地块在建楼"),
    ],
)
def test_an_item_as_it_was_then(get, ids, params, name):
    assert get(f"{MINE}/{ids.tower}", **params)["properties"]["name"] == name


def test_the_past_has_its_own_numbers(get):
    assert get(MINE, valid_at="2025-06-01")["numberMatched"] == 1
    assert get(MINE, valid_at="2024-06-01")["numberMatched"] == 0
    assert get(MINE, valid_at="2026-02-01")["numberMatched"] == 41  # the warehouse still stood
    assert get(MINE, datetime="2026-02-01/..")["numberMatched"] == 41
    assert get(MINE, datetime="2026-06-01/..")["numberMatched"] == 40
    assert get(MINE, datetime="../2025-12-31")["numberMatched"] == 1
    assert get(MINE, datetime="2025-02-01T00:00:00Z/2027-01-01T00:00:00Z")["numberMatched"] == 41
