import random
import time

import pyarrow as pa
import pytest
from address_town import table, town_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from address.index import AddressIndex
from address.match import match_by_reference
from address.nodes import build_nodes

HOME = "湖北省云梦泽市临江示范区江北街道临江大道35号临江花园5号楼2单元12层1203室"


@pytest.mark.parametrize(
    "text",
    [
        "临江花园5号楼2单元1203室",
        "临江大道35号临江花园5栋2-1203",
        "湖北省云梦泽市临江示范区江北街道临江社区临江大道35号临江花园5号楼2单元1203室",
        "临江花园五号楼二单元十二层1203",
        "臨江花園５號樓２單元１２０３室",
        "临江花园5#2-1203",
        "临江花园5幢2门1203房",
        "临江花园5-2-1203",
        "临江大道35号5号楼2单元12楼1203",
        "鄂临江示范区临江花园5座二单元一二〇三室",
        "云梦泽临江大道35号临江花园5号楼2单元I203室",
        "1203室，2单元，5号楼，临江花园，临江大道35号，临江示范区",
        "王小明13812345678 临江花园5号楼2单元1203室",
        "临江花圆5号楼2单元1203室",
        "林江花园5号楼2单元1203室",
        "临江示范区临江示范区临江花园5号楼2单元1203室",
        "江南街道临江大道35号临江花园5号楼2单元1203室",
        "临江花园（5号楼2单元1203室）",
        "临江花园5号楼2单元1203室隔壁",
        "临江花园5号楼2单元1203室丰巢快递柜",
        "临江大街35号临江花园5号楼2单元1203",
    ],
)
def test_one_home_in_many_wordings(index: AddressIndex, text: str) -> None:
    found = index.match(text)
    assert (found.status, found.full) == ("exact", HOME)


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("古墩路17号", "古墩路17号"),
        ("古敦路17号", "古墩路17号"),
        ("古墩街17号", "古墩路17号"),
        ("人民路88号江南大厦A栋1501", "江南大厦A座15层1501室"),
        ("江南大厦A楼B1层", "江南大厦A座地下1层"),
        ("江南大厦A座-1F", "江南大厦A座地下1层"),
        ("柳巷路三百六十六弄2号101", "柳巷路366弄2号1层101室"),
        ("柳巷路366-2-101", "柳巷路366弄2号1层101室"),
        ("柳巷路366弄1号0201室", "柳巷路366弄1号2层201室"),
        ("解放东路7-2号", "解放东路7号之2"),
        ("解放东路七号之二", "解放东路7号之2"),
        ("石桥村27号", "石桥村27号"),
        ("石桥村委会27号", "石桥村27号"),
        ("市民中心", "人民路100号市民中心"),
        ("三门路甲12号", "三门路甲12号"),
        ("明湖中学实验楼", "明湖中学实验楼"),
        ("Room 101, No. 2, Lane 366, Liuxiang Road", "柳巷路366弄2号1层101室"),
    ],
)
def test_doors_lanes_towers_villages_and_places(index: AddressIndex, text: str, tail: str) -> None:
    found = index.match(text)
    assert found.status == "exact"
    assert (found.full or "").endswith(tail)


@pytest.mark.parametrize(
    ("text", "tail", "missing"),
    [
        ("临江花园5号楼2单元9903室", "临江花园5号楼2单元", "room"),
        ("临江花园5号楼4单元101室", "临江花园5号楼", "unit"),
        ("临江花园66号楼101", "临江花园", "building"),
        ("临江大道9999号3栋", "临江大道", "number"),
        ("江北街道琅嬛路5号", "江北街道", "road"),
    ],
)
def test_what_is_not_there_is_named_and_not_invented(
    index: AddressIndex, text: str, tail: str, missing: str
) -> None:
    found = index.match(text)
    assert (found.status, found.missing) == ("partial", missing)
    assert (found.full or "").endswith(tail)
    assert any(fault.code.endswith("missing") for fault in found.faults) or missing == "road"


@pytest.mark.parametrize("text", ["解放东路9号", "江北街道人民路88号不存在楼"])
def test_it_never_jumps_to_another_road(index: AddressIndex, text: str) -> None:
    found = index.match(text)
    assert "解放西路" not in (found.full or "")


@pytest.mark.parametrize(
    "text", ["湖北省武汉市江岸区中山大道1号", "今天天气不错", "你好", "", "   ", "四川省成都市"]
)
def test_what_lies_elsewhere_or_is_no_address_is_none(index: AddressIndex, text: str) -> None:
    assert index.match(text).status == "none"


def test_a_missing_unit_is_ambiguous_and_both_are_listed(index: AddressIndex) -> None:
    found = index.match("临江花园5号楼1203室")
    listed = {found.full, *(other.full for other in found.alternatives)}
    assert found.status == "ambiguous"
    assert {HOME, HOME.replace("2单元", "1单元")} <= listed


def test_two_roads_of_one_name_are_ambiguous_until_the_street_is_said(index: AddressIndex) -> None:
    assert index.match("人民路").status == "ambiguous"
    assert index.match("江南街道人民路").status == "exact"


def test_the_focus_orders_equals(index: AddressIndex) -> None:
    assert "江北街道" in (index.match("人民路", focus=(114.15, 30.44)).full or "")


def test_faults_explain_themselves(index: AddressIndex) -> None:
    found = index.match("江南街道古敦路17号")
    assert {fault.code for fault in found.faults} == {"ROAD.homophone", "STREET.conflict"}
    assert found.corrections == ("古敦路→古墩路",)
    assert all(fault.text for fault in found.faults)
    assert found.confidence < index.match("江北街道古墩路17号").confidence


@pytest.mark.parametrize(
    "text",
    ["路" * 10_000_000, "\x00\x01\x02" * 500, "😀" * 400, "'; DROP TABLE address; --",
     "1-" * 300, "号" * 400,
     "Ἀθῆναι Αθήνα 12", "((((((((((" * 40, "临江花园" * 100, "人民路88号" * 80, "\ud800临江"],
)  # fmt: skip
def test_hostile_text_costs_no_more_than_a_page_of_addresses(
    index: AddressIndex, text: str
) -> None:
    """The length that is read is bounded; the yardstick is our own work in the same seconds."""
    assert index.match(text).status in ("none", "exact", "ambiguous", "partial")

    def asked(what: list[str]) -> float:
        begun = time.process_time()
        for one in what:
            index.match(one)
            index.suggest(one)
        return time.process_time() - begun

    page = [f"江北街道古墩路{number}号" for number in range(100)]
    assert min(asked([text]) for _ in range(3)) < 3 * min(asked(page) for _ in range(3))


NOISE = st.sampled_from(["", " ", ",", "，", "地址：", "\u200b"])
TAILS = st.sampled_from(
    ["", " ", "。", "附近", "旁边", "门口", "，谢谢", " 张三 13700001111", "（快递放门口）"]
)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_noise_a_person_would_ignore_keeps_the_id(index: AddressIndex, data: st.DataObject) -> None:
    building, unit = data.draw(st.sampled_from([3, 5, 7])), data.draw(st.sampled_from([1, 2]))
    room = f"{data.draw(st.integers(1, 13))}0{data.draw(st.integers(1, 4))}"
    plain = index.match(f"临江花园{building}号楼{unit}单元{room}室")
    assert plain.status == "exact"
    word = data.draw(st.sampled_from(["号楼", "栋", "幢", "#", "座"]))
    end = data.draw(st.sampled_from(["室", "房", ""]))
    lead = data.draw(
        st.sampled_from(
            ["", "临江示范区", "云梦泽市", "湖北省云梦泽市临江示范区", "临江大道35号", "江北街道"]
        )
    )
    text = (
        data.draw(NOISE) + lead + data.draw(NOISE) + f"临江花园{building}{word}" + data.draw(NOISE)
    )
    text += f"{unit}单元{room}{end}" + data.draw(TAILS)
    assert index.match(text).node_id == plain.node_id, text


def test_order_of_the_gazetteer_never_changes_an_answer(index: AddressIndex) -> None:
    rows = town_rows()
    random.Random(3).shuffle(rows)
    other = AddressIndex.from_nodes(build_nodes(table(rows)))
    for text in ("临江花园5号楼1203", "人民路", "古墩路18号", "临江花园9号楼", "江南大厦"):
        assert other.match(text) == index.match(text)


def test_every_standard_string_finds_its_own_node(index: AddressIndex, town: pa.Table) -> None:
    wrong = [
        (node["full"], found.full)
        for node in town.to_pylist()
        if (found := index.match(node["full"])).node_id != node["node_id"]
    ]
    assert wrong == []


def test_an_empty_gazetteer_answers_none() -> None:
    empty = AddressIndex.from_nodes(build_nodes(table([])))
    assert empty.match("临江花园").status == "none"
    assert empty.suggest("临") == []
    assert empty.reverse(114.0, 30.0).status == "none"


def test_a_retired_address_is_not_found(town: pa.Table) -> None:
    at = town.schema.get_field_index("status")
    gone = [("retired" if f.endswith("市民中心") else "active") for f in town["full"].to_pylist()]
    index = AddressIndex.from_nodes(town.set_column(at, "status", pa.array(gone, pa.string())))
    assert not (index.match("市民中心").full or "").endswith("市民中心")


VILLAGES = (
    ("湖北省", "云梦泽市", "临江示范区", "合庆镇", "庆丰村", "", "顾家宅", "1号"),
    ("湖北省", "云梦泽市", "临江示范区", "合庆镇", "合庆镇庆丰村", "", "邬家宅", "3号"),
    ("湖北省", "云梦泽市", "临江示范区", "合庆镇", "合庆镇联群村", "", "朱家宅", "2号"),
    ("湖北省", "云梦泽市", "临江示范区", "合庆镇", "红星村", "1队", "", "5号"),
    ("湖北省", "云梦泽市", "临江示范区", "祝桥镇", "红星村", "", "", "7号"),
)


@pytest.fixture(scope="module")
def villages() -> AddressIndex:
    levels = ("province", "city", "county", "street", "community", "group", "village", "number")
    nodes: dict[tuple[str, ...], dict[str, str | None]] = {}
    for chain in VILLAGES:
        above: tuple[str, ...] = ()
        for level, name in zip(levels, chain, strict=True):
            if name:
                own = (*above, name)
                up = nodes[above]["node_id"] if above else None
                row = {"node_id": f"N{len(nodes):03d}", "parent_id": up, "level": level}
                nodes.setdefault(own, {**row, "name": name})
                above = own
    kinds = {"lon": pa.float64(), "lat": pa.float64(), "z": pa.float64(), "status": pa.string()}
    columns = [(name, pa.string()) for name in ("node_id", "parent_id", "level", "name")]
    return AddressIndex.from_nodes(
        pa.Table.from_pylist(list(nodes.values()), pa.schema([*columns, *kinds.items()]))
    )


@pytest.mark.parametrize(
    ("text", "status", "tail"),
    [
        ("临江示范区合庆镇庆丰村", "exact", "合庆镇庆丰村"),
        ("临江示范区合庆镇庆丰村顾家宅1号", "exact", "合庆镇庆丰村顾家宅1号"),
        ("临江示范区合庆镇合庆镇庆丰村邬家宅3号", "exact", "合庆镇合庆镇庆丰村邬家宅3号"),
        ("临江示范区合庆镇庆丰村蝴蝶谷屯72号", "partial", "示范区合庆镇庆丰村"),
        ("临江示范区合庆镇联群村朱家宅2号", "exact", "合庆镇合庆镇联群村朱家宅2号"),
        ("合庆镇联群村委会朱家宅2号", "exact", "合庆镇合庆镇联群村朱家宅2号"),
        ("临江示范区联群村", "exact", "合庆镇合庆镇联群村"),
    ],
)
def test_a_village_that_repeats_its_town_does_not_stand_in_for_another(
    villages: AddressIndex, text: str, status: str, tail: str
) -> None:
    for found in (villages.match(text), match_by_reference(villages, text)):
        assert (found.status, (found.full or "").endswith(tail)) == (status, True), found


def test_half_an_answer_lies_where_the_text_says(villages: AddressIndex) -> None:
    text = "临江示范区合庆镇红星村1队蝴蝶谷屯33号"
    for found in (villages.match(text), match_by_reference(villages, text)):
        assert found.status == "partial"
        assert (found.full or "").endswith("合庆镇红星村1队"), found
