"""What is not there, not enough, or no address (kinds 51-53)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(51, "琅嬛路9999号88栋", {"road": "琅嬛路", "road_no": "9999", "building": "88"}),
    FieldCase(51, "广州市越秀区并不存在路5号", {"city": "广州市", "county": "越秀区", "road_no": "5"}),
    FieldCase(51, "海淀区云霄飞车大街77号", {"county": "海淀区", "road": "云霄飞车大街", "road_no": "77"}, {"city": "北京市"}),
    FieldCase(52, "解放路15号", {"road": "解放路", "road_no": "15"}),
    FieldCase(52, "6号楼", {"building": "6"}),
    FieldCase(52, "新华街", {"road": "新华街"}),
    FieldCase(53, "明天下午三点开会", {}),
    FieldCase(53, "谢谢你帮我", {}),
    FieldCase(53, "13800138000", {}),
    FieldCase(53, "hello world", {}),
    FieldCase(53, "!!!???", {}),
    FieldCase(53, "我想问一下社保怎么办理", {}),
    FieldCase(53, "100元买了两斤苹果", {}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r球场路 n72号 c翠微花园 b6号楼 u3单元 f2层 s201室",
        "S江北街道 r球场路 n72号 c翠微花园 b6号楼 u1单元 f2层 s201室",
        "S江北街道 r球场路 n80弄 b3号 s101室",
        "S江南街道 r人民路 n88号",
        "S江北街道 r人民路 n88号",
        "S江南街道 m石桥村 v李家宅 n6号",
        "S江南街道 r长虹路 n5号 bA座 f8层 s801室",
    )


MATCHES = [
    MatchCase(51, "翠微花园6号楼3单元9901室", "partial", "6号楼3单元", "room"),
    MatchCase(51, "翠微花园6号楼9单元101室", "partial", "翠微花园6号楼", "unit"),
    MatchCase(51, "翠微花园46号楼3单元201室", "partial", "翠微花园", "building"),
    MatchCase(51, "球场路5000号", "partial", "球场路", "number"),
    MatchCase(51, "江北街道飞霞路72号", "partial", "江北街道", "road"),
    MatchCase(51, "临江示范区飞霞路72号翠微里3栋", "partial", "临江示范区", "road"),
    MatchCase(51, "球场路80弄33号101室", "partial", "球场路80弄", "building"),
    MatchCase(51, "长虹路5号A座18层", "partial", "长虹路5号A座", "floor"),
    MatchCase(51, "长虹路5号A座9层901室", "partial", "长虹路5号A座", "floor"),
    MatchCase(51, "石桥村王家宅6号", "partial", "石桥村", "village"),
    MatchCase(51, "武汉市江岸区球场路72号", "none"),
    MatchCase(51, "广东省深圳市福田区深南大道1号", "none"),
    MatchCase(51, "长虹路7号A座801室", "partial", "长虹路", "number"),
    MatchCase(51, "江南街道球场路5000号", "partial", "球场路", "number"),
    MatchCase(52, "人民路88号", "ambiguous"),
    MatchCase(52, "江南街道人民路88号", "exact", "江南街道人民路88号"),
    MatchCase(52, "3号楼", "none"),
    MatchCase(52, "501", "none"),
    MatchCase(52, "翠微花园6号楼201", "ambiguous"),
    MatchCase(53, "今晚吃什么", "none"),
    MatchCase(53, "帮我查一下快递到哪里了", "none"),
    MatchCase(53, "SELECT * FROM road WHERE id = 72", "none"),
    MatchCase(53, "2024-05-06 12:30:00", "none"),
    MatchCase(53, "https://example.com/a?b=72", "none"),
    MatchCase(53, "球场上有人踢球", "none"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)
