"""Everything about one thing, and ids that never become unknown."""

import pytest
import shapely


def test_one_answer_holds_everything(get, ids):
    tower = get(f"/entities/{ids.tower}")
    assert (tower["name"], tower["class"]["en"], tower["floors"]) == (
        "临江花园5号楼",
        "Building",
        1,
    )
    assert tower["attributes"]["usage"] == "商业"
    assert {(a["scheme"], a["value"]) for a in tower["aliases"]} == {
        ("source:建筑物", "B-0001"),
        ("building.code", "LJ-0005"),
    }
    assert shapely.equals_exact(shapely.geometry.shape(tower["geometry"]), ids.shape(0), 1e-9)
    assert tower["bbox"] == pytest.approx([114.0, 30.4, 10.0, 114.0004, 30.4004, 13.0])
    assert tower["anchor"]["grid"] == {"eid": ids.grid, "code": "001", "name": "网格001"}
    assert tower["anchor"]["address"] == "湖北省云梦泽市临江示范区滨江街道临江大道35号临江花园5号楼"
    assert tower["anchor"]["evidence"] == {"rule": "inside"}
    assert [(c["eid"], c["kind"]) for c in tower["children"]] == [(ids.room, "part_of")]
    assert [r["role"] for r in tower["representations"]] == ["footprint"]
    assert tower["datasets"][0]["source_key"] == "建筑物.shp"
    assert tower["fusion"][0]["evidence"] == {"iou": 0.91}
    assert (tower["conflicts"][0]["field"], tower["conflicts"][0]["offered"]) == ("floors", "18")
    assert [(s["key"], s["unit"]) for s in tower["streams"]] == [("GAS-0001", "%")]
    assert [c["key"] for c in tower["cases"]] == ["AJ20260601001"]
    assert [s["name"] for s in tower["history"]] == ["临江花园5号楼", "5号地块在建楼"]


def test_a_room_knows_its_building(get, ids):
    room = get(f"/entities/{ids.room}")
    assert (room["parent"]["eid"], room["parent"]["name"]) == (ids.tower, "临江花园5号楼")
    assert room["anchor"]["z"] == 16.0
    assert room["addresses"][0]["full"].endswith("5号楼2单元3层301室")


def test_history_lists_every_state_newest_first(get, ids):
    states = get(f"/entities/{ids.tower}/history")["states"]
    assert [(s["known_from"], s["known_to"], s["is_current"]) for s in states] == [
        ("2026-01-01T00:00:00Z", None, True),
        ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
    ]


def test_an_earlier_state_is_read_by_time(get, ids):
    then = get(f"/entities/{ids.tower}", valid_at="2025-06-01")
    assert (then["name"], then["valid_to"]) == ("5号地块在建楼", "2026-01-01T00:00:00Z")


def test_before_its_first_state_a_thing_is_not_there_yet(client, ids):
    found = client.get(f"/entities/{ids.tower}", params={"valid_at": "2020-01-01"})
    assert found.status_code == 404
    assert "2025-01-01" in found.json()["detail"]


def test_a_thing_that_is_no_more_is_410_with_what_came_after(client, ids):
    gone = client.get(f"/entities/{ids.old}")
    assert gone.status_code == 410
    content = gone.json()
    assert content["last_state"]["name"] == "旧仓库"
    assert [s["eid"] for s in content["successors"]] == [ids.courtyard]
    assert (
        client.get(f"/entities/{ids.old}", params={"valid_at": "2026-02-01"}).json()["name"]
        == "旧仓库"
    )


def test_an_id_that_went_into_another_is_410_too(client, ids):
    gone = client.get(f"/entities/{ids.merged.upper()}")
    assert gone.status_code == 410
    assert gone.json()["successors"] == [
        {"eid": ids.tower, "kind": "merged_into", "href": f"/entities/{ids.tower}"}
    ]
    assert client.get(f"/entities/{ids.merged}/history").json()["lineage"][0]["to_eid"] == ids.tower
    assert client.get(f"/entities/{ids.lost}").status_code == 404
