"""The address tree in the base: ids and codes that stay, edits with events, how it was, what old names mean."""

import csv
from datetime import datetime

import pytest

from address.codes import split_code
from api import pipeline
from api.address_book import AddressBook
from api.address_tree import editor, index_at, number_addresses
from twin.addresses import NewNode
from twin.city import City
from twin.errors import ConflictError, NotFoundError
from twin.store import Store
from twin.verify import verify

HEAD = (
    "编号",
    "省",
    "市",
    "县区",
    "街道",
    "社区",
    "道路",
    "门牌号",
    "小区",
    "楼栋",
    "单元",
    "房号",
    "别名",
    "经度",
    "纬度",
)
TOP = ("湖北省", "云梦泽市", "临江示范区")
JUNE = datetime(2026, 6, 1)


def rows(more=()):
    for n in (1, 3, 5, 9, 11):
        yield (
            f"r{n}",
            *TOP,
            "江北街道",
            "",
            "古墩路",
            f"{n}号",
            "",
            "",
            "",
            "",
            "",
            114.1 + n / 1e4,
            30.42,
        )
    for building in (5, 6):
        for room in ("101室", "102室", "201室"):
            yield (f"g{building}{room}", *TOP, "江北街道", "临江社区", "临江大道", "35号", "临江花园",
                   f"{building}号楼", "2单元", room, "", 114.08, 30.4)  # fmt: skip
    yield (
        "k",
        *TOP,
        "江北街道",
        "",
        "临江大道",
        "35号",
        "临江花园",
        "",
        "",
        "",
        "江畔里;滨江苑",
        114.08,
        30.4,
    )
    yield ("m", *TOP, "江南街道", "", "人民路", "12号", "", "", "", "", "", 114.12, 30.43)
    yield from more


def write(path, lines):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(lines)
    plan = path.with_suffix(".toml")
    plan.write_text(
        f'[[layer]]\npath = "{path.name}"\nkind = "addresses"\ncrs = "EPSG:4490"\n',
        encoding="utf-8",
    )
    return plan


@pytest.fixture
def city(tmp_path):
    made = City.init(tmp_path / "city", admin_code="429871")
    report = pipeline.load(made, [], write(tmp_path / "标准地址.csv", rows()))
    assert report.total.quarantined == 0
    return made


def nodes(store):
    found = store.table(
        'SELECT * EXCLUDE (eid, dataset_id) FROM address_node ORDER BY "full"'
    ).to_pylist()
    return {node["full"].removeprefix("".join(TOP)): node for node in found}


def sound(store):
    return [(r.law, r.examples) for r in verify(store) if r.broken]


def test_nodes_carry_what_the_standard_asks_for(city):
    with Store.open(city) as store:
        tree = nodes(store)
        road, door = tree["江北街道古墩路"], tree["江北街道古墩路11号"]
        assert (road["element_type"], tree["江北街道"]["element_type"]) == ("41", "23")
        assert (door["number_core"], door["number_type"], door["core"]) == ("11", "号", "11")
        assert (door["status"], door["quality"], road["quality"]) == (
            "active",
            "placed",
            "unplaced",
        )
        assert tree["江北街道临江大道35号临江花园"]["aliases"] == ["江畔里", "滨江苑"]
        code = split_code(door["code"])
        assert (code.division, code.town, code.community, code.building) == (
            "429871",
            "901",
            "000",
            "00005",
        )
        assert road["code"][:16] == door["code"][:16]
        assert road["code"][16:-1] == "0" * 14
        room = split_code(tree["江北街道临江大道35号临江花园5号楼2单元2层201室"]["code"])
        assert (room.unit, room.floor, room.room) == ("02", "502", "0201")
        assert door["coordinate_code"].startswith("wt")
        assert sound(store) == []


def test_codes_do_not_depend_on_the_order_of_rows_and_stay_when_more_comes(city, tmp_path):
    turned = City.init(tmp_path / "turned", admin_code="429871")
    pipeline.load(turned, [], write(tmp_path / "b.csv", list(rows())[::-1]))
    with Store.open(turned) as store:
        other = {full: (n["node_id"], n["code"]) for full, n in nodes(store).items()}
    with Store.open(city) as store:
        before = {full: (n["node_id"], n["code"]) for full, n in nodes(store).items()}
    assert other == before

    more = [
        (f"r{n}", *TOP, "江北街道", "", "古墩路", f"{n}号", "", "", "", "", "", 114.1, 30.42)
        for n in (2, 7)
    ]
    report = pipeline.load(city, [], write(tmp_path / "标准地址.csv", rows(more)))
    assert (report.total.loaded, report.total.unchanged) == (2, 13)
    with Store.open(city) as store:
        after = {full: (n["node_id"], n["code"]) for full, n in nodes(store).items()}
        assert {full: after[full] for full in before} == before
        new = [split_code(after[f"江北街道古墩路{n}号"][1]).building for n in (2, 7)]
        assert new == ["00006", "00007"]  # the next serials, though 2 would sort between 1 and 3
        assert sound(store) == []


def test_a_serial_is_not_given_again_after_retirement(city, tmp_path):
    with Store.open(city) as store:
        old = nodes(store)["江北街道古墩路11号"]
        editor(store, "tester").retire(old["node_id"])
        road = nodes(store)["江北街道古墩路"]["node_id"]
        made = editor(store, "tester").insert(road, NewNode("number", "13号"))
        number_addresses(store)
        new = nodes(store)["江北街道古墩路13号"]
        assert new["node_id"] == made.node_id
        assert split_code(new["code"]).building == "00006"
        assert (
            store.scalar("SELECT count(*) FROM address_code WHERE code = $c", {"c": old["code"]})
            == 1
        )
        assert sound(store) == []


def test_a_renamed_road_keeps_its_ids_and_codes_and_old_texts_lead_to_it(city):
    with Store.open(city) as store:
        before = nodes(store)
        said = editor(store, "tester").rename(before["江北街道古墩路"]["node_id"], "文澜路", JUNE)
        number_addresses(store)
        after = nodes(store)
        assert (said.before[-3:], said.full[-3:], said.touched) == ("古墩路", "文澜路", 6)
        for n in (1, 3, 5, 9, 11):
            old, new = before[f"江北街道古墩路{n}号"], after[f"江北街道文澜路{n}号"]
            assert (old["node_id"], old["code"]) == (new["node_id"], new["code"])
        history = AddressBook.of(store).history
        found = history.geocode("江北街道古墩路5号")
        assert (found.status, found.full[-5:], found.node_id) == (
            "exact", "文澜路5号", before["江北街道古墩路5号"]["node_id"])  # fmt: skip
        assert found.location.lon == pytest.approx(114.1005)
        fault = next(f for f in found.faults if f.code == "ROAD.renamed")
        assert (fault.given, fault.used) == ("古墩路", "文澜路")
        assert history.match("文澜路5号").faults == ()
        partial = history.match("古墩路7号")
        assert (partial.status, partial.missing, partial.full[-3:]) == (
            "partial",
            "number",
            "文澜路",
        )


def test_as_of_a_time_before_the_rename_the_old_name_is_the_name(city):
    with Store.open(city) as store:
        road = nodes(store)["江北街道古墩路"]["node_id"]
        editor(store, "tester").rename(road, "文澜路", JUNE)
        then = index_at(store, datetime(2026, 5, 31))
        found = then.match("古墩路5号")
        assert (found.status, found.full, found.faults) == (
            "exact",
            "".join(TOP) + "江北街道古墩路5号",
            (),
        )
        assert then.match("文澜路5号").status in ("partial", "none")
        assert index_at(store, datetime(2026, 6, 2)) is None


def test_the_old_delivery_does_not_undo_an_edit(city, tmp_path):
    with Store.open(city) as store:
        tree = nodes(store)
        editor(store, "tester").rename(tree["江北街道古墩路"]["node_id"], "文澜路")
        editor(store, "tester").retire(tree["江南街道人民路12号"]["node_id"])
    more = [("r13", *TOP, "江北街道", "", "古墩路", "13号", "", "", "", "", "", 114.2, 30.42)]
    pipeline.load(city, [], write(tmp_path / "标准地址.csv", rows(more)))
    with Store.open(city) as store:
        after = nodes(store)
        assert "江北街道古墩路" not in after
        assert after["江北街道文澜路13号"]["parent_id"] == tree["江北街道古墩路"]["node_id"]
        assert len(after) == len(tree) + 1
        assert after["江南街道人民路12号"]["status"] == "retired"
        assert sound(store) == []


def test_a_door_that_was_replaced_leads_to_what_replaced_it(city):
    with Store.open(city) as store:
        tree, edit = nodes(store), editor(store, "tester")
        nine, eleven = (tree[f"江北街道古墩路{n}号"]["node_id"] for n in (9, 11))
        edit.retire(nine, [eleven])
        found = AddressBook.of(store).history.match("古墩路9号")
        assert (found.status, found.node_id) == ("exact", eleven)
        assert found.faults[0].code == "NUMBER.renamed"
        edit.retire(tree["江北街道古墩路3号"]["node_id"])
        ended = AddressBook.of(store).history.match("古墩路3号")
        assert (ended.status, ended.missing, ended.full[-3:]) == ("partial", "number", "古墩路")
        assert ended.faults[0].code == "NUMBER.retired"


def test_a_split_leads_to_all_parts_and_a_child_to_its_own(city):
    with Store.open(city) as store:
        tree, edit = nodes(store), editor(store, "tester")
        road = tree["江北街道古墩路"]["node_id"]
        doors = {tree[f"江北街道古墩路{n}号"]["node_id"]: int(n > 5) for n in (1, 3, 5, 9, 11)}
        with pytest.raises(ConflictError, match="no share"):
            edit.split(road, [NewNode("road", "古墩东路"), NewNode("road", "古墩西路")], {})
        said = edit.split(
            road, [NewNode("road", "古墩东路"), NewNode("road", "古墩西路")], doors, JUNE
        )
        number_addresses(store)
        after = nodes(store)
        assert after["江北街道古墩西路9号"]["node_id"] == tree["江北街道古墩路9号"]["node_id"]
        assert after["江北街道古墩西路9号"]["code"] != tree["江北街道古墩路9号"]["code"]
        history = AddressBook.of(store).history
        found = history.match("古墩路9号")
        assert (found.status, found.full[-6:]) == ("exact", "古墩西路9号")
        both = history.match("江北街道古墩路")
        assert both.status == "ambiguous"
        assert {both.node_id, both.alternatives[0].node_id} == set(said.into)
        then = index_at(store, datetime(2026, 1, 1))
        assert then.match("古墩路9号").node_id == tree["江北街道古墩路9号"]["node_id"]
        assert sound(store) == []


def test_a_merge_moves_the_doors_and_refuses_two_of_one_number(city):
    with Store.open(city) as store:
        tree, edit = nodes(store), editor(store, "tester")
        into = edit.insert(tree["江北街道"]["node_id"], NewNode("road", "长虹路")).node_id
        edit.merge(tree["江北街道古墩路"]["node_id"], into)
        assert "江北街道长虹路5号" in nodes(store)
        assert AddressBook.of(store).history.match("古墩路5号").full.endswith("长虹路5号")
        other = edit.insert(tree["江北街道"]["node_id"], NewNode("road", "短虹路")).node_id
        edit.insert(other, NewNode("number", "5号"))
        with pytest.raises(ConflictError, match="长虹路5号"):
            edit.merge(other, into)
        assert sound(store) == []  # the refused merge left nothing behind


def test_an_alias_is_understood(city):
    with Store.open(city) as store:
        found = AddressBook.of(store).history.match("滨江苑5号楼2单元101")
        assert (found.status, found.full[-16:]) == ("exact", "临江花园5号楼2单元1层101室")
        assert found.faults[0].code == "COMPOUND.alias"


def test_a_former_name_that_another_road_has_now_means_that_road(city):
    with Store.open(city) as store:
        tree, edit = nodes(store), editor(store, "tester")
        edit.rename(tree["江北街道古墩路"]["node_id"], "文澜路")
        new = edit.insert(tree["江北街道"]["node_id"], NewNode("road", "古墩路")).node_id
        door = edit.insert(new, NewNode("number", "5号")).node_id
        found = AddressBook.of(store).history.match("古墩路5号")
        assert (found.node_id, found.faults) == (door, ())


def test_edits_that_cannot_be_done_say_why(city):
    with Store.open(city) as store:
        tree, edit = nodes(store), editor(store, "tester")
        with pytest.raises(NotFoundError, match="nowhere"):
            edit.rename("nowhere", "x路")
        with pytest.raises(ConflictError, match="古墩路11号 is there already"):
            edit.rename(tree["江北街道古墩路9号"]["node_id"], "11号")
        with pytest.raises(ConflictError, match="does not lie below"):
            edit.insert(tree["江北街道古墩路9号"]["node_id"], NewNode("road", "x路"))
        assert store.scalar("SELECT count(*) FROM address_event") == 0
