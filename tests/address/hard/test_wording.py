"""What surrounds an address: repeats, order, separators, contacts, sentences (kinds 14, 15, 43-45, 50)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(14, "江苏苏州 江苏省苏州市姑苏区十全街655号", {"province": "江苏省", "city": "苏州市", "county": "姑苏区", "road": "十全街", "road_no": "655"}),
    FieldCase(14, "武汉武汉市武昌区武昌区中南路14号", {"city": "武汉市", "county": "武昌区", "road": "中南路", "road_no": "14"}),
    FieldCase(14, "四川省四川省成都市成都市武侯区科华北路", {"province": "四川省", "city": "成都市", "county": "武侯区", "road": "科华北路"}),
    FieldCase(14, "丽景湾丽景湾6栋1001", {"compound": "丽景湾", "building": "6", "room": "1001"}),
    FieldCase(15, "万达公馆郑州市二七区大学路40号5号楼", {"city": "郑州市", "county": "二七区", "road": "大学路", "road_no": "40", "building": "5"}),
    FieldCase(15, "滨江花城江西省南昌市红谷滩区3栋2单元", {"province": "江西省", "city": "南昌市", "county": "红谷滩区", "building": "3", "unit": "2"}),
    FieldCase(15, "春晖小区(合肥市包河区)8栋301", {"city": "合肥市", "county": "包河区", "compound": "春晖小区", "building": "8", "room": "301"}),
    FieldCase(43, "收件人：赵敏 13912345678 南昌市东湖区八一大道357号", {"city": "南昌市", "county": "东湖区", "road": "八一大道", "road_no": "357"}),
    FieldCase(43, "长春市朝阳区工农大路1055号，孙丽，0431-85621234，邮编130021", {"city": "长春市", "county": "朝阳区", "road": "工农大路", "road_no": "1055"}),
    FieldCase(43, "翡翠湾12栋801请放丰巢，到了打电话", {"compound": "翡翠湾", "building": "12", "room": "801"}),
    FieldCase(43, "电话138 1234 5678，翡翠湾12栋801，周先生收", {"compound": "翡翠湾", "building": "12", "room": "801"}),
    FieldCase(44, "902室，2单元，8号楼，紫竹苑，金水区，郑州市，河南省", {"province": "河南省", "city": "郑州市", "county": "金水区", "compound": "紫竹苑", "building": "8", "unit": "2", "room": "902"}),
    FieldCase(44, "88号,中山路,鹿城区,温州市,浙江省", {"province": "浙江省", "city": "温州市", "county": "鹿城区", "road": "中山路", "road_no": "88"}),
    FieldCase(44, "3栋 滨河小区 建设路12号 涪城区 绵阳", {"city": "绵阳市", "county": "涪城区", "road": "建设路", "road_no": "12", "compound": "滨河小区", "building": "3"}),
    FieldCase(45, "山东省|济南市|历下区|泺源大街|66号", {"province": "山东省", "city": "济南市", "county": "历下区", "road": "泺源大街", "road_no": "66"}),
    FieldCase(45, "济南市_历下区_泺源大街66号_3层", {"city": "济南市", "county": "历下区", "road": "泺源大街", "road_no": "66", "floor": "3"}),
    FieldCase(45, "历下区、泺源大街66号、银座大厦、A座、1203", {"county": "历下区", "road": "泺源大街", "road_no": "66", "compound": "银座大厦", "building": "A", "room": "1203"}),
    FieldCase(45, "泺源大街66号【银座大厦A座1203】", {"road": "泺源大街", "road_no": "66", "compound": "银座大厦", "building": "A", "room": "1203"}),
    FieldCase(50, "你好，我想反映一下，江岸区球场路72号门口有人乱停车", {"county": "江岸区", "road": "球场路", "road_no": "72"}, {"city": "武汉市"}),
    FieldCase(50, "我家住在翠微花园6号楼3单元201，楼上天天装修到半夜", {"compound": "翠微花园", "building": "6", "unit": "3", "room": "201"}),
    FieldCase(50, "昨天晚上10点左右在浦东新区世纪大道100号附近听到很大的噪音", {"county": "浦东新区", "road": "世纪大道", "road_no": "100"}, {"city": "上海市"}),
    FieldCase(50, "市民来电反映其居住的武侯区玉林北路18号2栋电梯坏了三天没人修", {"county": "武侯区", "road": "玉林北路", "road_no": "18", "building": "2"}, {"city": "成都市"}),
    FieldCase(50, "麻烦派人来看看，东湖路35号院2号楼下水道堵了", {"road": "东湖路", "road_no": "35", "building": "2"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r球场路 n72号 c翠微花园 b6号楼 u3单元 f2层 s201室",
        "S江北街道 r球场路 n72号 c翠微花园 b8号楼 u1单元 f3层 s301室",
        "S江北街道 r泺源大街 n66号 c银座大厦 bA座 f12层 s1203室",
        "S江南街道 r东湖路 n35号 b2号楼",
        "S江南街道 r东湖路 n12号",
    )


HOME = "翠微花园6号楼3单元2层201室"
MATCHES = [
    MatchCase(14, "临江示范区云梦泽市临江示范区球场路72号翠微花园6号楼3单元201", "exact", HOME),
    MatchCase(14, "球场路72号球场路72号翠微花园6号楼3单元201", "exact", HOME),
    MatchCase(14, "翠微花园翠微花园6号楼3单元201室", "exact", HOME),
    MatchCase(14, "泺源大街66号银座大厦(泺源大街66号)A座1203", "exact", "A座12层1203室"),
    MatchCase(15, "翠微花园云梦泽市临江示范区6号楼3单元201", "exact", HOME),
    MatchCase(15, "翠微花园6号楼3单元201室，江北街道", "exact", HOME),
    MatchCase(15, "东湖路35号江南街道2号楼", "exact", "东湖路35号2号楼"),
    MatchCase(43, "钱小姐 13700009999 翠微花园6号楼3单元201", "exact", HOME),
    MatchCase(43, "翠微花园6号楼3单元201（孙先生13700009999）", "exact", HOME),
    MatchCase(43, "翠微花园6号楼3单元201，放门卫，谢谢", "exact", HOME),
    MatchCase(43, "邮编430010，球场路72号翠微花园6号楼3单元201，吴敏收", "exact", HOME),
    MatchCase(44, "201室 3单元 6号楼 翠微花园 球场路72号 临江示范区", "exact", HOME),
    MatchCase(44, "201,3单元,6号楼,翠微花园,江北街道,云梦泽市", "exact", HOME),
    MatchCase(44, "1203室/A座/银座大厦/泺源大街66号", "exact", "A座12层1203室"),
    MatchCase(45, "翠微花园|6号楼|3单元|201", "exact", HOME),
    MatchCase(45, "球场路72号·翠微花园·6号楼·3单元·201室", "exact", HOME),
    MatchCase(45, "球场路72号【翠微花园6号楼3单元201室】", "exact", HOME),
    MatchCase(45, "翠微花园 6 号楼 3 单元 201 室", "exact", HOME),
    MatchCase(50, "您好，我是球场路72号翠微花园6号楼3单元201的业主，楼道灯坏了", "exact", HOME),
    MatchCase(50, "市民反映东湖路35号2号楼垃圾三天没有清运，请尽快处理", "exact", "东湖路35号2号楼"),
    MatchCase(50, "请问东湖路12号什么时候通水？", "exact", "东湖路12号"),
    MatchCase(50, "今天早上8点翠微花园6号楼停水了", "exact", "翠微花园6号楼"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)


def test_two_addresses_in_one_text_are_told(town: AddressIndex) -> None:
    found = town.match("从东湖路12号搬到翠微花园6号楼3单元201")
    assert (found.full or "").endswith((HOME, "东湖路12号"))
    listed = " ".join([found.full or "", *(other.full for other in found.alternatives)])
    assert "东湖路12号" in listed
    assert HOME in listed
