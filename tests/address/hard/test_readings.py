"""Names inside names, quarters before roads, words of time, and what stands in a house (fields only)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, named

FIELDS = [
    FieldCase(1, "长春市南关区大经路三百六十号二栋五门二零六", {"city": "长春市", "county": "南关区", "road": "大经路", "road_no": "360", "building": "2", "unit": "5", "room": "206"}),
    FieldCase(7, "粤深南山科苑路15号", {"province": "广东省", "city": "深圳市", "county": "南山区", "road": "科苑路", "road_no": "15"}),
    FieldCase(7, "沪徐汇田林十三村22号402室", {"city": "上海市", "county": "徐汇区", "compound": "田林十三村", "building": "22", "room": "402"}),
    FieldCase(7, "内蒙古科左中旗保康镇双胜村二组", {"province": "内蒙古自治区", "town": "保康镇", "community": "双胜村", "group": "2"}),
    FieldCase(8, "中国福建厦门思明区湖滨南路20号", {"province": "福建省", "city": "厦门市", "county": "思明区", "road": "湖滨南路", "road_no": "20"}),
    FieldCase(8, "余杭良渚金家渡路88号", {"county": "余杭区", "town": "良渚街道", "road": "金家渡路", "road_no": "88"}, {"city": "杭州市"}),
    FieldCase(8, "建国门外大街1号", {"road": "建国门外大街", "road_no": "1"}, {"city": "北京市"}),
    FieldCase(9, "烟台经济技术开发区长江路97号", {"city": "烟台市", "devzone": "经济技术开发区", "road": "长江路", "road_no": "97"}),
    FieldCase(9, "苏州工业园区星湖街328号", {"city": "苏州市", "devzone": "苏州工业园区", "road": "星湖街", "road_no": "328"}),
    FieldCase(12, "珠江新城华夏路16号富力盈凯广场45F-4501", {"road": "华夏路", "road_no": "16", "compound": "富力盈凯广场", "floor": "45", "room": "4501"}, {"city": "广州市"}),
    FieldCase(18, "腾冲市和顺镇水碓社区三社", {"county": "腾冲市", "town": "和顺镇", "community": "水碓社区", "group": "3"}),
    FieldCase(20, "中海国际社区二期9栋二梯1503", {"compound": "中海国际社区", "building": "9", "unit": "2", "room": "1503"}),
    FieldCase(20, "体育西路103号维多利广场A塔3楼", {"road": "体育西路", "road_no": "103", "compound": "维多利广场", "building": "A", "floor": "3"}),
    FieldCase(23, "佳灵路20号九峰国际3楼", {"road": "佳灵路", "road_no": "20", "compound": "九峰国际", "floor": "3"}),
    FieldCase(23, "民权路28号英利国际金融中心32楼05单元", {"road": "民权路", "road_no": "28", "compound": "英利国际金融中心", "floor": "32"}),
    FieldCase(24, "4号楼屋顶层电梯机房", {"building": "4", "floor": "顶层", "room": "电梯机房"}),
    FieldCase(25, "湖滨南路388号之二国贸大厦15B", {"road": "湖滨南路", "road_no": "388", "road_no_sub": "2", "compound": "国贸大厦", "room": "15B"}),
    FieldCase(27, "成华区建设路2号附8号", {"county": "成华区", "road": "建设路", "road_no": "2", "road_no_sub": "8"}, {"city": "成都市"}),
    FieldCase(28, "东四十条甲22号", {"road_no": "22", "road_no_prefix": "甲"}, {"city": "北京市"}),
    FieldCase(33, "沪昆高速K156+200处应急车道", {"road": "沪昆高速", "km": "K156+200"}),
    FieldCase(35, "天津市和平区沙市道54号", {"city": "天津市", "county": "和平区", "road": "沙市道", "road_no": "54"}),
    FieldCase(35, "解放东路和平里小区6栋", {"road": "解放东路", "compound": "和平里小区", "building": "6"}),
    FieldCase(35, "龙湖滟澜山3座801", {"compound": "龙湖滟澜山", "building": "3", "room": "801"}),
    FieldCase(35, "汉口路300号解放日报大厦5楼501室", {"road": "汉口路", "road_no": "300", "compound": "解放日报大厦", "floor": "5", "room": "501", "county": None}, {"city": "上海市"}),
    FieldCase(35, "滨江国际大厦夹层201", {"compound": "滨江国际大厦", "floor": "夹层", "room": "201"}),
    FieldCase(41, "Unit 1801, Tower 2, 88 Zhongshan Road, Gulou District, Nanjing", {"city": "南京市", "county": "鼓楼区", "building": "2", "room": "1801"}),
    FieldCase(42, "星河COCO Park福华三路268号B1层", {"road": "福华三路", "road_no": "268", "floor": "-1"}, {"city": "深圳市"}),
    FieldCase(49, "实验楼负一层变电所", {"building": "实验楼", "floor": "-1", "room": "变电所"}),
    FieldCase(50, "师傅你好，昨天晚上在丽水路58号停电了", {"road": "丽水路", "road_no": "58"}, {"city": "杭州市"}),
    FieldCase(50, "刚才在长春路与东风街路口看到两车相撞", {"intersection": ["长春路", "东风街"]}),
]  # fmt: skip
MATCHES: list[MatchCase] = []


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)
