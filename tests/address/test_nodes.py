import random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from address_town import TOP, table, town_rows

from address.codes import check_characters
from address.nodes import build_nodes
from twin.schema import ADDRESS_NODES


def one(**parts: Any) -> pa.Table:
    return build_nodes(table([{**TOP, **parts}]))


def test_every_parent_exists_and_ids_are_unique(town: pa.Table) -> None:
    ids = set(town["node_id"].to_pylist())
    assert len(ids) == len(town)
    assert {p for p in town["parent_id"].to_pylist() if p is not None} <= ids
    assert town.schema.equals(ADDRESS_NODES)
    assert pc.sum(pc.is_null(town["parent_id"])).as_py() == 1


def test_order_of_rows_does_not_matter(town: pa.Table) -> None:
    rows = town_rows()
    random.Random(7).shuffle(rows)
    assert build_nodes(table(rows)).equals(town)


def test_spelling_of_a_number_does_not_change_the_id() -> None:
    a = one(
        street="江北街道",
        road="临江大道",
        number="35号",
        building="5号楼",
        unit="2单元",
        room="1203室",
    )
    b = one(
        street="江北街道", road="临江大道", number="35", building="5栋", unit="2", room="１２０３"
    )
    assert a["node_id"].to_pylist() == b["node_id"].to_pylist()


def test_floors_come_from_room_numbers() -> None:
    nodes = one(
        street="江北街道", road="临江大道", number="35号", building="5号楼", room="1203室"
    ).to_pylist()
    floor = next(n for n in nodes if n["level"] == "floor")
    room = next(n for n in nodes if n["level"] == "room")
    assert (floor["name"], room["parent_id"]) == ("12层", floor["node_id"])
    assert room["full"].endswith("临江大道35号5号楼12层1203室")


def test_a_row_with_only_the_full_string_is_cut(town: pa.Table) -> None:
    text = "湖北省云梦泽市临江示范区江北街道临江大道35号临江花园5号楼2单元1203室"
    ids = set(build_nodes(table([{"full": text}]))["node_id"].to_pylist())
    deep = town.filter(pc.ends_with(town["full"], "临江花园5号楼2单元12层1203室"))["node_id"][
        0
    ].as_py()
    assert deep in ids


def test_a_road_stands_below_its_street_and_the_community_beside_it(town: pa.Table) -> None:
    by_id = {n["node_id"]: n for n in town.to_pylist()}
    road = next(n for n in by_id.values() if n["name"] == "临江大道")
    community = next(n for n in by_id.values() if n["name"] == "临江社区")
    assert road["parent_id"] == community["parent_id"]
    assert by_id[road["parent_id"]]["name"] == "江北街道"


def test_faulty_rows_are_left_out() -> None:
    assert len(build_nodes(table([{**TOP, "road": "临江大道", "fault": "no number"}]))) == 0


def test_check_character_of_the_standard() -> None:
    """ISO/IEC 7064 MOD 37,36: the GRid example A1-2425G-ABC1234002-M."""
    assert bytes(check_characters(["A12425GABC1234002"])) == b"M"
