"""Doors, lanes, roads and estates with numbers, re-plated doors (kinds 27-32, 54)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(27, "凤起路45号之3", {"road": "凤起路", "road_no": "45", "road_no_sub": "3"}),
    FieldCase(27, "凤起路45-3号", {"road_no": "45", "road_no_sub": "3"}),
    FieldCase(27, "凤起路45号附3号", {"road_no": "45", "road_no_sub": "3"}),
    FieldCase(27, "凤起路45号-3", {"road_no": "45", "road_no_sub": "3"}),
    FieldCase(27, "凤起路45附3", {"road_no": "45", "road_no_sub": "3"}),
    FieldCase(27, "凤起路四十五号之三", {"road_no": "45", "road_no_sub": "3"}),
    FieldCase(28, "西直门南大街甲16号", {"road": "西直门南大街", "road_no_prefix": "甲", "road_no": "16"}, {"city": "北京市"}),
    FieldCase(28, "西直门南大街16号甲", {"road_no_prefix": "甲", "road_no": "16"}),
    FieldCase(28, "西直门南大街乙字16号", {"road_no_prefix": "乙", "road_no": "16"}),
    FieldCase(28, "西直门南大街16甲号", {"road_no_prefix": "甲", "road_no": "16"}),
    FieldCase(28, "西直门南大街丙16号院2号楼", {"road_no_prefix": "丙", "road_no": "16", "building": "2"}),
    FieldCase(29, "北门大街116-118号", {"road": "北门大街", "road_no": "116-118"}),
    FieldCase(29, "北门大街1-3号", {"road_no": "1-3"}),
    FieldCase(29, "北门大街45、47号", {"road": "北门大街", "road_no": "45-47"}),
    FieldCase(29, "北门大街20~26号", {"road_no": "20-26"}),
    FieldCase(30, "瑞金二路118弄15支弄7号", {"road": "瑞金二路", "lane": "118", "building": "7"}, {"city": "上海市"}),
    FieldCase(30, "沪太支路538号", {"road": "沪太支路", "road_no": "538"}, {"city": "上海市"}),
    FieldCase(30, "东三环南路辅路15号", {"road": "东三环南路辅路", "road_no": "15"}),
    FieldCase(30, "愚园路608弄66号后门", {"road": "愚园路", "lane": "608", "building": "66"}, {"city": "上海市"}),
    FieldCase(31, "杭州市钱塘区12号大街99号", {"city": "杭州市", "county": "钱塘区", "road": "12号大街", "road_no": "99"}),
    FieldCase(31, "205国道368号", {"road": "205国道", "road_no": "368"}),
    FieldCase(31, "济南市经七路18号", {"city": "济南市", "road": "经七路", "road_no": "18"}),
    FieldCase(31, "纬三路26号", {"road": "纬三路", "road_no": "26"}),
    FieldCase(31, "二马路五号", {"road": "二马路", "road_no": "5"}),
    FieldCase(31, "S225省道15号", {"road": "S225省道", "road_no": "15"}),
    FieldCase(32, "曹杨八村66号202室", {"compound": "曹杨八村", "building": "66", "room": "202"}, {"city": "上海市"}),
    FieldCase(32, "朝阳区安慧里三区7号楼", {"county": "朝阳区", "compound": "安慧里三区", "building": "7"}, {"city": "北京市"}),
    FieldCase(32, "车公庄5号院乙2号楼", {"compound": "车公庄5号院", "building": "乙2"}, {"city": "北京市"}),
    FieldCase(32, "鞍山四村三委28号", {"compound": "鞍山四村"}, {"city": "上海市"}),
    FieldCase(54, "长江路188号(原126号)", {"road": "长江路", "road_no": "188"}),
    FieldCase(54, "长江路188号（旧门牌126号）2栋", {"road": "长江路", "road_no": "188", "building": "2"}),
    FieldCase(54, "长江路原126号现188号", {"road": "长江路", "road_no": "188"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r凤起路 n45号之3",
        "S江北街道 r凤起路 n45号",
        "S江北街道 r凤起路 n18号附2号 b1栋",
        "S江北街道 r西直门南大街 n甲16号",
        "S江北街道 r西直门南大街 n16号",
        "S江北街道 r北门大街 n116号",
        "S江北街道 r北门大街 n30号",
        "S江北街道 r瑞金二路 n118弄 b7号 s101室",
        "S江北街道 r12号大街 n99号 c云栖苑 b3幢",
        "S江南街道 r经七路 n18号",
        "S江南街道 r经八路 n19号",
        "S江南街道 r曹杨路 n500号 c曹杨八村 b66号 s202室",
        "S江南街道 r长江路 n188号 b2栋",
        "S江南街道 r长江路 n190号 b1-2栋",
        "S江南街道 r东三环南路辅路 n15号",
    )


MATCHES = [
    *(
        MatchCase(27, f"凤起路{form}", "exact", "凤起路45号之3")
        for form in ("45号之3", "45号之三", "45-3号", "45号附3号", "45号-3", "45附3号", "45之3", "45号3号")[:7]
    ),
    MatchCase(27, "凤起路18-2号1栋", "exact", "凤起路18号附2号1栋"),
    *(
        MatchCase(28, f"西直门南大街{form}", "exact", "西直门南大街甲16号")
        for form in ("甲16号", "16号甲", "甲字16号", "16甲号", "甲十六号")
    ),
    MatchCase(28, "西直门南大街16号", "exact", "西直门南大街16号"),
    MatchCase(28, "西直门南大街乙16号", "partial", "西直门南大街", "number"),
    MatchCase(29, "北门大街116-118号", "exact", "北门大街116号"),
    MatchCase(29, "北门大街28、30号", "exact", "北门大街30号"),
    MatchCase(29, "北门大街116至120号", "exact", "北门大街116号"),
    MatchCase(30, "瑞金二路118弄7号101", "exact", "118弄7号101室"),
    MatchCase(30, "东三环南路辅路15号", "exact", "辅路15号"),
    MatchCase(31, "12号大街99号云栖苑3幢", "exact", "云栖苑3幢"),
    MatchCase(31, "十二号大街99号", "exact", "12号大街99号"),
    MatchCase(31, "经七路18号", "exact", "经七路18号"),
    MatchCase(31, "经7路18号", "exact", "经七路18号"),
    MatchCase(31, "经八路18号", "partial", "经八路", "number"),
    MatchCase(32, "曹杨八村66号202", "exact", "曹杨八村66号202室"),
    MatchCase(32, "曹杨8村66号202室", "exact", "曹杨八村66号202室"),
    MatchCase(32, "曹杨九村66号202室", "none"),
    MatchCase(54, "长江路188号(原126号)2栋", "exact", "长江路188号2栋"),
    MatchCase(54, "长江路188号（旧门牌126号）", "exact", "长江路188号"),
    MatchCase(54, "长江路190号1-2栋", "exact", "长江路190号1-2栋"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)
