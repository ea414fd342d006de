"""Ids, codes, names, addresses, streams, cases: who is meant, and why."""

import pytest

CHAIN = "湖北省云梦泽市临江示范区滨江街道临江大道35号临江花园5号楼"


def candidates(get, text: str, **params) -> list[dict]:
    found = get("/resolve", q=text, **params)
    assert found["query"] == text.strip()
    scores = [candidate["score"] for candidate in found["candidates"]]
    assert scores == sorted(scores, reverse=True)
    return found["candidates"]


@pytest.mark.parametrize(
    ("text", "thing", "why"),
    [
        ("LJ-0005", "tower", "building.code"),
        ("lj-0005", "tower", "building.code"),
        ("2O2Fr$t4X7Zf8NOew3FNr2", "room", "ifc.guid"),
        ("429871001001001", "grid", "grid.code"),
        ("临江花园5号楼", "tower", "名称相同"),
        (" 临江花园５号楼 ", "tower", "名称相同"),
    ],
)
def test_codes_and_names_lead_to_their_thing(get, ids, text, thing, why):
    best = candidates(get, text)[0]
    assert (best["kind"], best["eid"]) == ("entity", getattr(ids, thing))
    assert why in best["why"]


def test_a_component_by_its_17_digits(get, ids):
    best = candidates(get, "42987101001000007")[0]
    assert best["eid"] == ids.component(7)
    assert best["location"]["lon"] == pytest.approx(114.0007)
    assert (best["collection"], best["class_code"]) == ("components", "01001")


def test_an_id_in_any_case(get, ids):
    best = candidates(get, ids.pipe.upper())[0]
    assert (best["eid"], best["name"], best["score"]) == (ids.pipe, "燃气主干管", 1.0)


def test_an_address_down_to_the_room_gives_the_room_and_its_height(get, ids):
    best = candidates(get, "临江花园5号楼2单元301")[0]
    assert (best["kind"], best["eid"], best["collection"]) == ("address", ids.room, "rooms")
    assert best["full"] == CHAIN + "2单元3层301室"
    assert best["location"] == pytest.approx({"lon": 114.00015, "lat": 30.40015, "z": 16.0})
    assert best["bbox"] == pytest.approx([114.0001, 30.4001, 16.0, 114.0002, 30.4002, 19.0])


def test_what_an_address_differs_in_is_told(get):
    text = "西岭街道临江大道35号临江花园5号楼"
    best = next(c for c in candidates(get, text) if c["kind"] == "address")
    assert best["note"] == "文中为“西岭街道”，标准地址属“滨江街道”"
    best = next(c for c in candidates(get, text, lang="en") if c["kind"] == "address")
    assert "西岭街道" in best["note"]
    assert "standard address lies in" in best["note"]
    assert candidates(get, CHAIN)[0]["note"] is None


def test_an_address_nothing_is_bound_to_still_has_a_place(get):
    found = [c for c in candidates(get, CHAIN + "2单元") if c["kind"] == "address"]
    assert found[0]["eid"] is None
    assert found[0]["location"] == pytest.approx({"lon": 114.00015, "lat": 30.40015, "z": 10.0})


def test_one_thing_is_listed_once(get, ids):
    listed = [c["eid"] for c in candidates(get, "临江花园5号楼") if c["eid"] == ids.tower]
    assert len(listed) == 1


def test_streams_and_cases_by_key_and_by_beginning(get, ids):
    stream = candidates(get, "GAS-0001")[0]
    assert (stream["kind"], stream["id"], stream["eid"], stream["name"]) == (
        "datastream",
        1,
        ids.tower,
        "5号楼燃气探测器",
    )
    assert candidates(get, "gas-")[0]["kind"] == "datastream"
    case = candidates(get, "AJ20260601001")[0]
    assert (case["kind"], case["id"], case["location"]["lon"]) == ("case", ids.case, 114.0002)
    assert candidates(get, "AJ2026")[0]["score"] < case["score"]


def test_names_rank_by_how_well_they_fit(get, ids):
    found = candidates(get, "住宅1", limit=50)
    assert found[0]["name"].startswith("住宅1")
    assert {c["name"] for c in found} == {f"住宅{n}号楼" for n in (1, *range(10, 20))}
    assert candidates(get, "号楼", limit=3)[0]["why"].startswith("名称包含")


def test_an_id_that_went_into_another_leads_there(get, ids):
    best = candidates(get, ids.merged)[0]
    assert (best["eid"], ids.merged in best["why"]) == (ids.tower, True)
    old = candidates(get, ids.old)
    assert [c["eid"] for c in old] == [ids.old, ids.courtyard]
    assert "已注销" in old[0]["why"]


def test_reasons_in_english(get):
    assert candidates(get, "LJ-0005", lang="en")[0]["why"] == "identifier building.code"


def test_what_means_nothing_has_no_candidates(get):
    assert candidates(get, "zzzz-0000-nothing") == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"q": " "},
        {"q": "x" * 500},
        {"q": "a\x07"},
        {"q": "x", "limit": "-1"},
        {"q": "x", "z": "1"},
    ],
)
def test_bad_questions_are_400(client, params):
    assert client.get("/resolve", params=params).status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE entity; --",
        "%",
        "_",
        "' OR 1=1 --",
        "\\",
        "{0}",
        "$q",
        "*",
        '"',
        "（",
        "a" * 400,
        "号" * 400,
    ],
)
def test_hostile_questions_are_answered_like_any_other(client, text):
    found = client.get("/resolve", params={"q": text})
    assert found.status_code == 200
    assert all(
        c["kind"] in ("entity", "address", "datastream", "case") for c in found.json()["candidates"]
    )
    for path in ("/geocode", "/suggest", "/address/parse"):
        assert client.get(path, params={"q": text}).status_code == 200
    if text in ("%", "_", "*"):
        assert found.json()["candidates"] == []  # nothing is a wildcard


def test_geocoding_gives_the_place_and_what_was_understood(get, ids):
    found = get("/geocode", q="临江花园5号楼2单元301")
    assert (found["status"], found["eid"], found["full"]) == (
        "exact",
        ids.room,
        CHAIN + "2单元3层301室",
    )
    assert (found["lon"], found["lat"], found["z"]) == pytest.approx((114.00015, 30.40015, 16.0))
    assert get("/geocode", q="火星路1号")["status"] == "none"


def test_geocoding_names_what_the_gazetteer_has_not(get):
    found = get("/geocode", q="临江花园5号楼2单元999")
    assert (found["status"], found["missing"]) == ("partial", "room")
    assert any("999" in fault["text"] for fault in found["faults"])


def test_reverse_and_suggest_and_parse(get):
    at = get("/reverse", lon="114.00015", lat="30.40015")
    assert at["full"].startswith("湖北省云梦泽市临江示范区")
    assert any(s["full"].startswith(CHAIN[:20]) for s in get("/suggest", q="临江花")["suggestions"])
    parts = get("/address/parse", q="临江大道35号5号楼")["elements"]
    assert [(p["level"], p["value"]) for p in parts][:2] == [("road", "临江大道"), ("number", "35")]


@pytest.mark.parametrize(
    "params",
    [
        {"lon": "181", "lat": "30"},
        {"lon": "114"},
        {"lon": "a", "lat": "30"},
        {"lon": "114", "lat": "inf"},
    ],
)
def test_places_outside_the_world_are_400(client, params):
    assert client.get("/reverse", params=params).status_code == 400
