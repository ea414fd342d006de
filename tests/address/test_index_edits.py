import dataclasses
import json
import multiprocessing
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from address.index import AddressIndex
from twin.errors import ConflictError, InvalidRequestError, NotFoundError, SourceError
from twin.schema import ADDRESS_NODES

Row = dict[str, Any]
_SCHEMA = ADDRESS_NODES.remove(ADDRESS_NODES.get_field_index("full")).append(
    pa.field("aliases", pa.list_(pa.string()))
)


def rebuilt(rows: dict[str, Row]) -> AddressIndex:
    """An index built anew from plain rows."""
    columns = [pa.array([r.get(f.name) for r in rows.values()], f.type) for f in _SCHEMA]
    return AddressIndex.from_nodes(pa.table(columns, schema=_SCHEMA))


def rounded(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: rounded(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [rounded(v) for v in value]
    # a mean of a few decimals never lies where this rounds up or down by its last bit
    return round(value + 1.234e-8, 7) if isinstance(value, float) else value


def said(index: AddressIndex, texts: list[str], places: list[tuple[float, float]]) -> Any:
    """All answers about some texts and places."""
    return rounded(
        [
            [index.geocode(text) for text in texts],
            [index.suggest(text[:k], 10) for text in texts for k in (1, 2, 5, 30)],
            [index.suggest(typed, 10, places[0]) for typed in ("临", "gdl", "rml1", "新")],
            [index.reverse(lon, lat) for lon, lat in places],
        ]
    )


def below(rows: dict[str, Row], top: str) -> set[str]:
    """A node and what lies below it."""
    out, size = {top}, 0
    while size != len(out):
        size = len(out)
        out |= {i for i, r in rows.items() if r["parent_id"] in out}
    return out


NAMES = {
    "street": ["江东街道", "江北街道", "新桥镇"],
    "community": ["新桥社区", "石桥村"],
    "road": ["新桥路", "古墩路", "人民路", "古敦路"],
    "number": ["2号", "35号", "399弄", "甲12号", "12号之3"],
    "compound": ["新桥花园", "临江花园"],
    "building": ["5号楼", "9栋", "新桥楼", "A座"],
    "unit": ["1单元", "9单元"],
    "floor": ["3层", "30层"],
    "room": ["301室", "3001室", "会议室"],
    "poi": ["新桥中心", "市民中心"],
}
ORDER = list(NAMES)


def edit_both(index: AddressIndex, rows: dict[str, Row], data: st.DataObject) -> str:
    """Draw an edit and make it in the index and in the plain rows; the node it was made to."""
    op = data.draw(st.sampled_from(["insert", "insert", "retire", "rename", "alias", "move"]))
    rank = {level: k for k, level in enumerate(ORDER)}
    ids = sorted(rows, key=lambda i: (rank.get(rows[i]["level"], -1), i))
    wide = [i for i in ids if rows[i]["level"] not in ("unit", "floor", "room")]
    node = data.draw(st.sampled_from(wide))
    row = rows[node]
    lon, lat = data.draw(st.sampled_from([(None, None), (114.1003, 30.4203), (114.13, 30.45)]))
    level = row["level"]
    if op == "insert":
        level = data.draw(st.sampled_from(ORDER[rank.get(level, -1) + 1 :] or ["poi"]))
        name = data.draw(st.sampled_from(NAMES[level]))
        new = index.insert(node, level, name, lon=lon, lat=lat, key="k", aliases=["新名处"])
        assert index.written_of(index.row_of(new) or 0) == name
        rows[new] = {
            "node_id": new, "parent_id": node, "level": level, "name": name, "lon": lon, "lat": lat,
            "key": "k", "aliases": ["新名处"], "status": "active",
        }  # fmt: skip
    elif op == "retire":
        index.retire(node)
        for gone in below(rows, node):
            del rows[gone]
    elif op == "rename" and level in NAMES:
        name = data.draw(st.sampled_from(NAMES[level]))
        index.rename(node, name)
        rows[node] = row | {"name": name}
    elif op == "alias":
        name = data.draw(st.sampled_from(["别处", "临江花园", "老新桥"]))
        index.alias(node, name)
        rows[node] = row | {"aliases": [*(row.get("aliases") or []), name]}
    elif op == "move":
        index.move(node, lon, lat)
        rows[node] = row | {"lon": lon, "lat": lat, "z": None}
    return node


def test_a_place_within_a_place_gives_its_middle_to_all_above(town: pa.Table) -> None:
    rows: dict[str, Row] = {r["node_id"]: r for r in town.drop_columns(["full"]).to_pylist()}
    index = rebuilt(rows)
    outer = next(i for i, r in rows.items() if r["level"] == "poi" and r["name"] == "市民中心")
    inner = index.insert(outer, "poi", "新桥中心", lon=114.1003, lat=30.4203)
    rows[inner] = rows[outer] | {
        "node_id": inner, "parent_id": outer, "name": "新桥中心", "lon": 114.1003, "lat": 30.4203, "key": None,
    }  # fmt: skip
    index.move(outer, None, None)
    rows[outer] = rows[outer] | {"lon": None, "lat": None, "z": None}
    fresh = rebuilt(rows)
    for node in (outer, rows[outer]["parent_id"]):
        told = index.locate(node)
        assert told is not None
        assert (told.lon, told.lat) == pytest.approx((114.1003, 30.4203))
        assert fresh.locate(node) == told


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_answers_after_edits_are_those_of_a_fresh_build(
    town: pa.Table, data: st.DataObject
) -> None:
    keep = town.filter(
        pa.array([b != "B7" and b != "B3" for b in town["building_key"].to_pylist()])
    )
    rows: dict[str, Row] = {r["node_id"]: r for r in keep.drop_columns(["full"]).to_pylist()}
    index = rebuilt(rows)
    texts = ["江北街道古墩路35号", "人民路", "临江花园5号楼2单元1203室", "新桥路2号", "市民中心"]
    for _ in range(data.draw(st.integers(1, 8))):
        with suppress(ConflictError):
            node = edit_both(index, rows, data)
            if not rows:
                return
            if node in rows:
                texts.append(index.full_of(index.row_of(node) or 0)[-16:])
    texts += ["别处", "老新桥", "新名处", "临江花园9栋"]
    places = [(114.1001, 30.4202), (114.13, 30.4501), (114.08, 30.4)]
    fresh = rebuilt(rows)
    assert len(index) == len(fresh)
    assert said(index, texts, places) == said(fresh, texts, places)
    assert index.table().equals(fresh.table())
    again = AddressIndex.from_nodes(index.columns())
    assert again.table().equals(fresh.table())


@pytest.fixture
def path(index: AddressIndex, tmp_path: Path) -> Path:
    path = tmp_path / "town.addresses"
    index.save(path)
    return path


def road_of(index: AddressIndex) -> str:
    found = index.match("江北街道古墩路").node_id
    assert found is not None
    return found


def test_an_inserted_door_is_matched_placed_suggested_and_found_from_its_place(path: Path) -> None:
    index = AddressIndex.open(path)
    assert index.match("古墩路801号").missing == "number"
    new = index.insert(road_of(index), "number", "801号", lon=114.3, lat=30.5)
    answer = index.geocode("古墩路801号")
    assert (answer.status, answer.node_id) == ("exact", new)
    assert answer.full == "湖北省云梦泽市临江示范区江北街道古墩路801号"
    assert answer.location is not None
    assert (answer.location.lon, answer.location.lat) == (114.3, 30.5)
    assert [s.text for s in index.suggest("gdl801")] == ["古墩路801号"]
    assert index.reverse(114.3001, 30.5).node_id == new


def test_a_retired_node_is_gone_with_what_lies_below(path: Path) -> None:
    index = AddressIndex.open(path)
    home = "临江花园5号楼2单元1203室"
    building = index.match("临江花园5号楼").node_id
    assert building is not None
    before = len(index)
    index.retire(building)
    assert index.match(home).missing == "building"
    assert index.locate(building) is None
    assert before - len(index) == 1 + 2 + 2 * 13 + 2 * 13 * 4
    with pytest.raises(NotFoundError):
        index.retire(building)


def test_a_renamed_road_keeps_its_id_and_its_doors(path: Path) -> None:
    index = AddressIndex.open(path)
    road = road_of(index)
    door = index.match("古墩路35号").node_id
    index.rename(road, "明月路")
    assert index.match("明月路35号").node_id == door
    assert index.match("明月路35号").full == "湖北省云梦泽市临江示范区江北街道明月路35号"
    assert index.match("古墩路35号").status != "exact"
    index.alias(road, "古墩路")
    assert index.match("古墩路35号").node_id == door


def test_edits_that_make_no_sense_are_refused_and_not_written(path: Path) -> None:
    index = AddressIndex.open(path)
    road = road_of(index)
    with pytest.raises(ConflictError, match="is there already"):
        index.insert(road, "number", "35")
    with pytest.raises(NotFoundError):
        index.insert("0" * 16, "number", "35")
    with pytest.raises(InvalidRequestError, match="cannot lie below"):
        index.insert(index.match("古墩路35号").node_id, "street", "江东街道")
    with pytest.raises(InvalidRequestError, match="needs a level"):
        index.insert(road, "galaxy", "银河")
    with pytest.raises(InvalidRequestError, match="name is needed"):
        index.rename(road, " ")
    assert len(AddressIndex.open(path)) == len(index)


def test_other_openings_see_an_edit_at_once_and_a_new_one_later(path: Path) -> None:
    writer, reader = AddressIndex.open(path), AddressIndex.open(path)
    assert reader.match("古墩路801号").status == "partial"
    writer.insert(road_of(writer), "number", "801号")
    assert reader.match("古墩路801号").status == "exact"
    reader.insert(road_of(reader), "number", "803号")
    assert writer.match("古墩路803号").status == "exact"
    assert AddressIndex.open(path).match("古墩路803号").status == "exact"


def test_a_saved_index_holds_its_edits_and_others_move_over_to_it(path: Path) -> None:
    writer, reader = AddressIndex.open(path), AddressIndex.open(path)
    door = writer.insert(road_of(writer), "number", "801号", lon=114.3, lat=30.5, eid="E1")
    writer.save(path)
    log = path.with_name(path.name + ".edits")
    for index in (reader, AddressIndex.open(path)):
        found = index.match("古墩路801号")
        assert (found.node_id, found.eid, index.edited) == (door, "E1", False)
    AddressIndex.open(path).insert(road_of(reader), "number", "803号")
    assert reader.match("古墩路803号").status == "exact"
    assert len(log.read_bytes().splitlines()) == 2  # the edits of the old build are gone


def test_a_line_cut_short_is_no_edit_and_a_changed_one_is_an_error(path: Path) -> None:
    index = AddressIndex.open(path)
    road = road_of(index)
    index.insert(road, "number", "801号")
    log = path.with_name(path.name + ".edits")
    whole = log.read_bytes()
    log.write_bytes(whole + b'0badc0de {"op": "ins')
    again = AddressIndex.open(path)
    assert again.match("古墩路801号").status == "exact"
    again.insert(road, "number", "803号")
    assert [json.loads(line[9:]).get("name") for line in log.read_bytes().splitlines()] == [
        None, "801号", "803号",
    ]  # fmt: skip
    log.write_bytes(whole.replace("801号".encode(), "802号".encode()))
    with pytest.raises(SourceError, match="log of edits is damaged"):
        AddressIndex.open(path)


def test_a_log_of_another_build_is_passed_over(index: AddressIndex, path: Path) -> None:
    edited = AddressIndex.open(path)
    edited.insert(road_of(edited), "number", "801号")
    other = path.with_name("other.addresses")
    AddressIndex.from_nodes(index.table().slice(0, 400)).save(other)
    shutil.copy(path.with_name(path.name + ".edits"), other.with_name(other.name + ".edits"))
    assert len(AddressIndex.open(other)) == 400


def test_more_edits_than_spare_rows(index: AddressIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("address.build.SPARE", 3)
    small = AddressIndex.from_nodes(index.table())
    monkeypatch.setattr("address.edits.SPARE", 3)
    road = road_of(small)
    for number in range(1001, 1031, 2):
        small.insert(road, "number", f"{number}号", lon=114.2, lat=30.4)
    assert [small.match(f"古墩路{n}号").status for n in (1001, 1015, 1029)] == ["exact"] * 3
    building = small.insert(small.match("古墩路1029号").node_id, "building", "1号楼")
    assert small.match("古墩路1029号1号楼").node_id == building


def _insert_many(path: Path, first: int) -> None:
    index = AddressIndex.open(path)
    for number in range(first, first + 40, 2):
        index.insert(road_of(index), "number", f"{number}号")


def test_two_processes_write_at_the_same_time(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_insert_many, [(path, 2001), (path, 3002)])
    index = AddressIndex.open(path)
    numbers = [*range(2001, 2041, 2), *range(3002, 3042, 2)]
    assert {index.match(f"江北街道古墩路{n}号").status for n in numbers} == {"exact"}


@pytest.mark.parametrize("sync", [False, True])
def test_an_edit_outlives_the_process_that_is_killed_after_it(path: Path, sync: bool) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom address.index import AddressIndex\n"
        "index = AddressIndex.open(Path(sys.argv[1]), sync=sys.argv[2] == 'True')\n"
        "index.insert(sys.argv[3], 'number', '801号')\nos.kill(os.getpid(), 9)"
    )
    road = road_of(AddressIndex.open(path))
    done = subprocess.run([sys.executable, "-c", code, str(path), str(sync), road], check=False)
    assert done.returncode == -9
    assert AddressIndex.open(path).match("古墩路801号").status == "exact"
