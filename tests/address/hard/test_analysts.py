"""What an analyst met in a week: shops in malls, rooms of a floor, telephones, hotline forms, houses before their address."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(7, "三沙市西沙区", {"province": "海南省", "city": "三沙市", "county": "西沙区"}),
    FieldCase(36, "三沙市南沙区永暑礁", {"city": "三沙市", "county": "南沙区"}),
    FieldCase(36, "南沙区进港大道100号", {"city": "广州市", "county": "南沙区", "road": "进港大道"}),
    FieldCase(8, "鼓浪屿龙头路100号", {"city": "厦门市", "town": "鼓浪屿街道", "road": "龙头路", "road_no": "100"}),
    FieldCase(35, "陆家嘴环路1000号", {"road": "陆家嘴环路", "town": None}),
    FieldCase(35, "解放碑步行街1号", {"road": "解放碑步行街", "town": None}),
    FieldCase(13, "万象城星巴克", {"compound": "万象城", "poi": "星巴克"}),
    FieldCase(13, "罗湖区万象城优衣库", {"county": "罗湖区", "compound": "万象城"}),
    FieldCase(35, "万象城路8号", {"road": "万象城路", "road_no": "8"}),
    FieldCase(24, "万象城夹层M02", {"compound": "万象城", "floor": "夹层", "room": "M02"}),
    FieldCase(24, "新天地夹层M05铺", {"compound": "新天地", "floor": "夹层", "room": "M05"}),
    FieldCase(25, "万象城M02号铺", {"compound": "万象城", "room": "M02", "building": None}),
    FieldCase(25, "万达广场1F-23号铺", {"compound": "万达广场", "floor": "1", "room": "23", "road_no": None}),
    FieldCase(12, "人民路35号商铺", {"road": "人民路", "road_no": "35"}),
    FieldCase(23, "临江花园10楼03室", {"compound": "临江花园", "floor": "10", "room": "03"}),
    FieldCase(43, "文一西路969号 400-820-8820", {"road": "文一西路", "road_no": "969", "building": None}),
    FieldCase(43, "临江花园5栋1203（王女士 010-62345678转801）", {"building": "5", "room": "1203", "tenant": None}),
    FieldCase(43, "临江花园5栋1203 (010)62345678", {"building": "5", "room": "1203", "unit": None}),
    FieldCase(50, "收货地址：文一西路969号", {"road": "文一西路", "road_no": "969", "poi": None}),
    FieldCase(50, "事发地点：人民路35号", {"road": "人民路", "road_no": "35", "poi": None}),
    FieldCase(50, "具体位置在临江大道21号门前", {"road": "临江大道", "road_no": "21", "relation": "门前"}),
    FieldCase(50, "人民路35号楼道里堆满杂物", {"road": "人民路", "road_no": "35", "unit": None}),
    FieldCase(50, "临江花园5号楼2号楼道101室", {"building": "5", "unit": "2", "room": "101"}),
    FieldCase(44, "1203室2单元5号楼临江花园", {"compound": "临江花园", "building": "5", "unit": "2", "room": "1203"}),
    FieldCase(44, "301室3层2单元5栋阳光花园，人民路3号", {"compound": "阳光花园", "building": "5", "floor": "3", "room": "301", "road_no": "3"}),
]  # fmt: skip
MATCHES = [
    MatchCase(23, "临江花园5号楼10楼03室", "exact", "5号楼10层1003室"),
    MatchCase(23, "临江花园5号楼10层3室", "exact", "5号楼10层1003室"),
    MatchCase(23, "临江花园6号楼10楼03室", "exact", "6号楼1003室"),
    MatchCase(23, "临江花园5号楼10楼07室", "partial", "5号楼10层", "room"),
    MatchCase(44, "101室1单元7号楼甲子路1号", "exact", "甲子路1号7号楼1单元101室"),
    MatchCase(44, "7号楼甲子路1号", "exact", "甲子路1号7号楼"),
    MatchCase(50, "我要反映人民路5号楼道里没有灯", "exact", "人民路5号"),
    MatchCase(43, "甲子路1号7号楼 400-820-8820", "exact", "甲子路1号7号楼"),
]


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r甲子路 n1号 b7号楼 u1单元 s101室",
        "S江北街道 r甲子路 n1号 b8号楼",
        "S城关镇 r人民路 n5号",
        "S江北街道 m花园社区 c临江花园 b5号楼 f10层 s1003室",
        "S江北街道 m花园社区 c临江花园 b6号楼 s1003室",
    )


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("江南街道甲子路1号7号楼", "江南街道"),
        ("江南镇甲子路1号7号楼", "江南镇"),
        ("城关镇甲子路1号7号楼", "城关镇"),
        ("江北街道办事处甲子路1号7号楼", None),
        ("甲子路1号7号楼江南街道办事处", None),  # who sits there, not where it is
    ],
)
def test_a_street_that_is_not_that_of_the_answer_is_told(
    town: AddressIndex, text: str, given: str | None
) -> None:
    found = town.match(text)
    assert (found.full or "").endswith("江北街道甲子路1号7号楼")
    told = [(f.given, f.used) for f in found.faults if f.code == "STREET.conflict"]
    assert told == ([] if given is None else [(given, "江北街道")])
