"""Places said by other places: crossings, directions, landmarks, posts (kinds 10-13, 33, 48, 57)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(10, "衡山路和天平路交叉口", {"intersection": ["衡山路", "天平路"]}, {"city": "上海市"}),
    FieldCase(10, "长沙市五一大道与韶山北路交汇处", {"city": "长沙市", "intersection": ["五一大道", "韶山北路"]}),
    FieldCase(10, "天河路/体育东路", {"intersection": ["天河路", "体育东路"]}, {"city": "广州市"}),
    FieldCase(10, "建国西路（近岳阳路）", {"road": "建国西路", "near_road": "岳阳路"}, {"city": "上海市"}),
    FieldCase(10, "建国西路281号近岳阳路", {"road": "建国西路", "road_no": "281", "near_road": "岳阳路"}, {"city": "上海市"}),
    FieldCase(10, "中山路(延安路口)", {"intersection": ["中山路", "延安路"]}),
    FieldCase(11, "市民广场东门旁边", {"relation": "旁边", "sub_poi": "东门"}),
    FieldCase(11, "新华书店往东80米", {"poi": "新华书店", "distance_m": "80"}),
    FieldCase(11, "中心小学后门对面", {"poi": "中心小学", "sub_poi": "后门", "relation": "对面"}),
    FieldCase(11, "青年路25号对面", {"road": "青年路", "road_no": "25", "relation": "对面"}),
    FieldCase(11, "县医院斜对面100米", {"poi": "县医院", "relation": "斜对面", "distance_m": "100"}),
    FieldCase(12, "星巴克(国贸店)建国门外大街1号国贸商城B1层", {"poi": "星巴克(国贸店)", "road": "建国门外大街", "road_no": "1", "compound": "国贸商城", "floor": "-1"}, {"city": "北京市"}),
    FieldCase(12, "淮海中路999号环贸广场3层302", {"road": "淮海中路", "road_no": "999", "compound": "环贸广场", "floor": "3", "room": "302"}, {"city": "上海市"}),
    FieldCase(12, "如家酒店（火车站店），胜利路16号", {"poi": "如家酒店(火车站店)", "road": "胜利路", "road_no": "16"}),
    FieldCase(13, "人民医院", {"poi": "人民医院"}),
    FieldCase(13, "武汉市东湖磨山景区", {"city": "武汉市"}),
    FieldCase(13, "徐家汇地铁站8号口", {"poi": "徐家汇地铁站", "sub_poi": "8号口"}, {"city": "上海市"}),
    FieldCase(33, "沪宁高速K45+800", {"road": "沪宁高速", "km": "K45+800"}),
    FieldCase(33, "G42沪蓉高速公路K1088+200米处", {"road": "G42沪蓉高速公路", "km": "K1088+200"}),
    FieldCase(33, "318国道1210公里", {"road": "318国道", "km": "K1210"}),
    FieldCase(33, "中环路外圈K12+300", {"road": "中环路", "km": "K12+300"}, {"city": "上海市"}),
    FieldCase(33, "S32申嘉湖高速桩号K33+050", {"road": "S32申嘉湖高速", "km": "K33+050"}),
    FieldCase(48, "和平路120号门口消防栓X017", {"road": "和平路", "road_no": "120", "facility": "消防栓X017"}),
    FieldCase(48, "滨河大道路灯杆L-1203", {"road": "滨河大道", "facility": "路灯杆L-1203"}),
    FieldCase(48, "解放路大桥3号桥墩", {"facility": "3号桥墩"}),
    FieldCase(48, "学府路46号旁雨水井盖YS2231", {"road": "学府路", "road_no": "46", "facility": "雨水井盖YS2231"}),
    FieldCase(57, "南京东路2号/中山东一路23号", {"road": "南京东路", "road_no": "2"}, {"city": "上海市"}),
    FieldCase(57, "福州路89号（四川中路126弄）", {"road": "福州路", "road_no": "89"}, {"city": "上海市"}),
    FieldCase(57, "江西中路200号又名九江路111号", {"road": "江西中路", "road_no": "200"}, {"city": "上海市"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r衡山路 n10号 c衡山大厦 bA座",
        "S江北街道 r天平路 n3号",
        "S江北街道 r青年路 n25号",
        "S江北街道 r青年路 n27号 o新华书店",
        "S江南街道 r胜利路 n16号 o如家酒店",
        "S江南街道 r滨河大道 n1号",
        "S江南街道 r滨河大道 n2号 o市民广场",
        "S江南街道 r南京东路 n2号 c和平饭店",
        "S江南街道 r四川中路 n23号",
    )


MATCHES = [
    MatchCase(10, "衡山路10号近天平路", "exact", "衡山路10号"),
    MatchCase(10, "衡山路10号(近天平路)", "exact", "衡山路10号"),
    MatchCase(10, "衡山路10号（天平路口）", "exact", "衡山路10号"),
    MatchCase(11, "青年路25号对面", "exact", "青年路25号"),
    MatchCase(11, "新华书店往东80米", "exact", "新华书店"),
    MatchCase(11, "市民广场北门旁边", "exact", "市民广场"),
    MatchCase(12, "新华书店青年路27号", "exact", "新华书店"),
    MatchCase(12, "青年路27号新华书店", "exact", "新华书店"),
    MatchCase(12, "胜利路16号如家酒店(江南店)", "exact", "如家酒店"),
    MatchCase(13, "新华书店", "exact", "青年路27号新华书店"),
    MatchCase(13, "和平饭店", "exact", "和平饭店"),
    MatchCase(13, "江南街道市民广场", "exact", "市民广场"),
    MatchCase(33, "滨河大道K3+200", "exact", "滨河大道"),
    MatchCase(48, "青年路25号门前井盖W12", "exact", "青年路25号"),
    MatchCase(48, "滨河大道2号东侧路灯杆L1203", "exact", "滨河大道2号"),
    MatchCase(57, "南京东路2号/四川中路23号", "exact", "南京东路2号"),
    MatchCase(57, "南京东路2号和平饭店(四川中路23号)", "exact", "和平饭店"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)
