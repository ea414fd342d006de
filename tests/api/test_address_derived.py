"""Addresses that buildings and their models tell, where the gazetteer has none."""

import csv
import uuid

import orjson
import pyarrow as pa
import pytest

from address import AddressIndex
from address.derive import derive_buildings
from api import pipeline
from api.address_binding import bind_addresses
from api.address_book import AddressBook
from api.address_edits import Edits
from api.address_tree import number_addresses
from api.gazetteers import loaded_faults
from twin.city import City
from twin.store import Store
from twin.store.read import address_nodes
from twin.verify import verify

TOP = ("湖北省", "云梦泽市", "临江示范区", "江北街道")
HEAD = (
    "编号",
    "省",
    "市",
    "县区",
    "街道",
    "道路",
    "门牌号",
    "楼栋",
    "房号",
    "楼栋编码",
    "经度",
    "纬度",
)
BUILDINGS = {
    "B1": ("甲楼", "临江示范区江北街道甲子路1号5号楼"),  # the gazetteer ends at the door
    "B2": ("乙楼", "江北街道甲子路2号"),  # the gazetteer has it, without a code
    "B3": ("丙楼", None),
    "B4": ("丁楼", "火星路9号"),
    "B5": ("戊楼", None),  # named by its code
    "B6": ("己楼", "江北街道甲子路2号"),  # taken by B2
    "B7": ("庚楼", None),
}


@pytest.fixture
def city(tmp_path):
    made = City.init(tmp_path / "city", admin_code="429871")
    with (tmp_path / "标准地址.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for n in (1, 2, 3):
            writer.writerow((f"a{n}", *TOP, "甲子路", f"{n}号", "", "", "", 114.1 + n / 1e3, 30.4))
        for room in ("101室", "102室"):
            writer.writerow((f"r{room}", *TOP, "甲子路", "3号", "8号楼", room, "B5", 114.103, 30.4))
    shapes = []
    for at, (key, (name, address)) in enumerate(BUILDINGS.items()):
        west, south = 114.1 + at / 1e3, 30.41
        ring = [
            [west, south],
            [west + 2e-4, south],
            [west + 2e-4, south + 2e-4],
            [west, south + 2e-4],
            [west, south],
        ]
        told = {"楼栋编码": key, "名称": name, "地址": address, "height_m": 12.0}
        shapes.append(
            {
                "type": "Feature",
                "properties": told,
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    document = {"type": "FeatureCollection", "features": shapes}
    (tmp_path / "楼栋.geojson").write_bytes(orjson.dumps(document))
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[layer]]\npath = "标准地址.csv"\nkind = "addresses"\ncrs = "EPSG:4490"\n'
        '[[layer]]\npath = "楼栋.geojson"\nkind = "features"\nclass_code = "building"\ncrs = "EPSG:4326"\n'
        'key_field = "楼栋编码"\nkey_scheme = "building.code"\n'
        'fields = { "名称" = "name", "地址" = "address", "楼栋编码" = "building_code" }\n',
        encoding="utf-8",
    )
    report = pipeline.load(made, [], plan)
    assert report.total.quarantined == 0
    return made


def tree(store):
    rows = store.table(
        'SELECT "full", level, source, eid::VARCHAR AS eid, code, zmin, zmax, lon FROM address_node WHERE valid_to IS NULL'
    ).to_pylist()
    return {row["full"].removeprefix("".join(TOP)): row for row in rows}


def building(store, key):
    return store.scalar(
        "SELECT eid::VARCHAR FROM alias WHERE scheme = 'building.code' AND value = $k", {"k": key}
    )


def test_a_building_with_an_address_becomes_one_and_the_others_are_told_why(city):
    with Store.open(city) as store:
        found = tree(store)
        new = found["甲子路1号5号楼"]
        assert new["eid"] == building(store, "B1")
        assert new["source"].startswith("derived: address attribute 临江示范区")
        assert (len(new["code"]), new["lon"]) == (31, pytest.approx(114.1001))
        assert found["甲子路2号"]["eid"] == building(store, "B2")
        assert not found["甲子路2号"]["source"].startswith("derived")
        assert not any("火星" in full for full in found)
        why = {f["full"]: f["details"] for f in loaded(city, store, "unaddressed")}
        assert (why["丙楼"]["count"], why["丙楼"]["names"]) == (2, ["丙楼", "庚楼"])
        assert (why["丁楼"]["count"], why["丁楼"]["addresses"]) == (1, ["火星路9号"])
        told = {name: details["why"] for name, details in why.items()}
        assert set(told) == {"丙楼", "丁楼", "己楼"}
        assert "no address attribute" in told["丙楼"]
        assert "does not fit" in told["丁楼"]
        assert [f["full"].removeprefix("".join(TOP)) for f in loaded(city, store, "derived")] == [
            "甲子路1号5号楼"
        ]
        assert [law.law for law in verify(store) if law.broken] == []
    assert (
        AddressBook.shared(city.path / "addresses.index").index.match("甲子路1号5栋").status
        == "exact"
    )


def loaded(city, store, kind):
    return [
        {"full": row["full"], "details": orjson.loads(row["details"])}
        for row in store.table(
            "SELECT * FROM address_fault WHERE kind = $kind", {"kind": kind}
        ).to_pylist()
    ]


def put(store, name, collection, above, **attributes):
    """A part of a model, as a loader would leave it."""
    eid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{collection}{name}{attributes}{above}"))
    with store.transaction() as con:
        con.execute(
            "INSERT INTO entity (eid, collection, name, attributes, lifecycle) VALUES (?, ?, ?, ?, 'active')",
            [eid, collection, name, orjson.dumps(attributes).decode()],
        )
        con.execute("INSERT INTO relation (src, dst, kind) VALUES (?, ?, 'part_of')", [eid, above])
        if collection == "rooms":
            con.execute(
                "INSERT INTO geometry (gid, eid, role, zmin, zmax) VALUES (?, ?, 'mesh', 20.0, 23.0)",
                [eid, eid],
            )
    return eid


def test_rooms_and_storeys_of_models_become_addresses_of_their_building(city):
    with Store.open(city) as store:
        known, fresh, none = (building(store, key) for key in ("B5", "B1", "B3"))
        first = put(store, "1F", "storeys", known, storey_number=1)
        second = put(store, "2F", "storeys", known, storey_number=2)
        rooms = [
            put(store, n, "rooms", first, number=n, storey="1F", storey_number=1)
            for n in ("101", "103")
        ]
        put(store, "弱电间", "rooms", second, storey="2F", storey_number=2)
        for n in ("201", "201"):
            put(
                store,
                f"{n}x{uuid.uuid4()}",
                "rooms",
                second,
                number=n,
                storey="2F",
                storey_number=2,
            )
        lobby = put(store, "B1", "storeys", fresh, storey_number=-1)
        put(store, "B101", "rooms", lobby, number="B101", storey="B1", storey_number=-1)
        put(
            store,
            "301",
            "rooms",
            put(store, "3F", "storeys", none, storey_number=3),
            number="301",
            storey="3F",
        )
        before = set(tree(store))
        said = bind_addresses(store)
        number_addresses(store)
        found = tree(store)
        new = {full: found[full] for full in set(found) - before}
        assert set(new) == {
            "甲子路3号8号楼1层103室", "甲子路3号8号楼2层", "甲子路1号5号楼地下1层", "甲子路1号5号楼地下1层B101室",
        }  # fmt: skip
        assert said["derived"] == len(new)
        room = new["甲子路3号8号楼1层103室"]
        assert (room["eid"], room["zmin"], room["zmax"]) == (rooms[1], 20.0, 23.0)
        assert "room 103" in room["source"]
        assert found["甲子路3号8号楼1层101室"]["eid"] == rooms[0]
        assert all(row["code"] for row in new.values())
        listed = store.table(
            "SELECT evidence FROM address_binding WHERE kind = 'rooms' AND node_id IS NULL"
        )
        assert sorted(listed["evidence"].to_pylist())[0].startswith("no address has room")
        assert len(loaded(city, store, "derived")) == 1 + len(new)
        assert [r.law for r in verify(store) if r.broken and r.law.startswith("address")] == []

        assert "derived" not in bind_addresses(store)  # nothing more the second time
        why = "SELECT evidence FROM address_binding WHERE eid = $eid AND kind = 'buildings'"
        told = [store.scalar(why, {"eid": building(store, key)}) for key in ("B1", "B2")]
        assert all("address attribute" in text for text in told)
        book = AddressBook.of(store)
        node = book.index.match("甲子路3号8号楼103室").node_id
        Edits(store, book, "tester", None).retire(node, [])
        bind_addresses(store)
        assert "甲子路3号8号楼1层103室" not in tree(store)  # what was retired stays so


def test_the_report_of_loads_says_what_was_added(city):
    counts = {row["kind"]: row["count"] for row in loaded_faults(city)["kinds"]}
    assert (counts["derived"], counts["unaddressed"]) == (1, 4)


def test_a_doubtful_address_adds_nothing(city):
    with Store.open(city, read_only=True) as store:
        nodes = address_nodes(store)
        index = AddressIndex.from_nodes(nodes)
        texts = [
            "江北街道甲紫路1号7号楼",
            "江北街道甲子路",
            "江南街道甲子路1号7号楼",
            "甲子路1号7号楼301室",
        ]
        given = pa.table(
            {
                "eid": [f"e{n}" for n in range(4)],
                "address": texts,
                "lon": [1.0] * 4,
                "lat": [1.0] * 4,
            }
        )
        table, bound, refused = derive_buildings(nodes, given, index.match)
        assert (table.num_rows, bound, sorted(refused)) == (0, [], ["e0", "e1", "e2", "e3"])
