"""Villages, groups, farms and the corps (kinds 18, 19)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(18, "湖南省浏阳市沿溪镇沙龙村八组21号", {"city": "长沙市", "county": "浏阳市", "town": "沿溪镇", "community": "沙龙村", "group": "8", "road_no": "21"}),
    FieldCase(18, "惠南镇桥北村3队王家宅12号", {"town": "惠南镇", "community": "桥北村", "group": "3", "village": "王家宅", "road_no": "12"}, {"city": "上海市"}),
    FieldCase(18, "新场镇仁义村东张家宅5号", {"town": "新场镇", "community": "仁义村", "village": "东张家宅", "road_no": "5"}, {"city": "上海市"}),
    FieldCase(18, "大河镇红星村村委会", {"town": "大河镇", "community": "红星村"}),
    FieldCase(18, "双桥乡李家湾村第二村民小组", {"town": "双桥乡", "community": "李家湾村", "group": "2"}),
    FieldCase(18, "柳林镇前进村赵家屯6号", {"town": "柳林镇", "community": "前进村", "village": "赵家屯", "road_no": "6"}),
    FieldCase(19, "新疆生产建设兵团第八师石河子市石河子乡", {"province": "新疆维吾尔自治区", "city": "石河子市"}),
    FieldCase(19, "新疆兵团一师阿拉尔市十团5连", {"province": "新疆维吾尔自治区", "city": "阿拉尔市", "town": "10团", "community": "5连"}),
    FieldCase(19, "黑龙江省建三江管理局七星农场第十管理区", {"province": "黑龙江省", "town": "七星农场"}),
    FieldCase(19, "红旗林场3号", {"town": "红旗林场"}),
    FieldCase(19, "第六师五家渠市102团12连8号", {"city": "五家渠市", "town": "102团", "community": "12连", "road_no": "8"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def land() -> AddressIndex:
    return town_of(
        "S惠民镇 m仁义村 v张家宅 n5号",
        "S惠民镇 m仁义村 v东张家宅 n5号",
        "S惠民镇 m仁义村 v东张家宅 n9号",
        "S惠民镇 m桥北村 g3队 v王家宅 n12号",
        "S惠民镇 m桥北村 n27号",
        "S惠民镇 m桥北村 g8组 n21号",
        "S七星农场 m第十管理区 n3号",
        "S102团 m12连 n8号",
        "S102团 m2连 n9号",
    )


MATCHES = [
    MatchCase(18, "仁义村东张家宅5号", "exact", "东张家宅5号"),
    MatchCase(18, "仁义村张家宅5号", "exact", "仁义村张家宅5号"),
    MatchCase(18, "仁义村张家宅9号", "partial", "仁义村张家宅", "number"),
    MatchCase(18, "桥北村3队王家宅12号", "exact", "王家宅12号"),
    MatchCase(18, "桥北村王家宅12号", "exact", "王家宅12号"),
    MatchCase(18, "桥北村八组21号", "exact", "8组21号"),
    MatchCase(18, "桥北村第8村民小组21号", "exact", "8组21号"),
    MatchCase(18, "桥北村村委会27号", "exact", "桥北村27号"),
    MatchCase(18, "惠民镇桥北村王家宅3队12号", "exact", "王家宅12号"),
    MatchCase(19, "七星农场第十管理区3号", "exact", "第十管理区3号"),
    MatchCase(19, "102团12连8号", "exact", "12连8号"),
    MatchCase(19, "一〇二团十二连8号", "exact", "12连8号"),
    MatchCase(19, "102团2连8号", "partial", "102团2连", "number"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(land: AddressIndex, case: MatchCase) -> None:
    check_match(land, case)
