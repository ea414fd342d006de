"""Letters, mixed English, Hong Kong, Macao and Taiwan (kinds 41, 42, 55)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(41, "Room 706, Block B, No. 88 Keji Road, Yanta District, Xi'an", {"city": "西安市", "county": "雁塔区", "road_py": "keji", "road_no": "88", "building": "B", "room": "706"}),
    FieldCase(41, "12/F, Bldg 3, 1000 Zhongshan Rd (N), Putuo District, Shanghai", {"city": "上海市", "county": "普陀区", "road_py": "zhongshanbei", "road_no": "1000", "building": "3", "floor": "12"}),
    FieldCase(41, "No. 9, Lane 35, Huaihai Road, Shanghai, China", {"city": "上海市", "road_py": "huaihai", "lane": "35", "road_no": "9"}),
    FieldCase(41, "Flat 3B, 27 Jianshe Avenue, Hankou, Wuhan, Hubei 430000", {"road_py": "jianshe", "road_no": "27", "room": "3B"}),
    FieldCase(42, "环球金融中心52F", {"compound": "环球金融中心", "floor": "52"}),
    FieldCase(42, "深圳湾科技生态园Tower 9 Room 1203", {"building": "9", "room": "1203"}),
    FieldCase(42, "SOHO东海广场A座2801", {"compound": "SOHO东海广场", "building": "A", "room": "2801"}),
    FieldCase(42, "陆家嘴环路1000号恒生银行大厦Tower B 18楼", {"road": "陆家嘴环路", "road_no": "1000", "building": "B", "floor": "18"}, {"city": "上海市"}),
    FieldCase(42, "新天地Building 3 5F", {"building": "3", "floor": "5"}),
    FieldCase(55, "香港九龍旺角彌敦道700號地下", {"road": "弥敦道", "road_no": "700", "floor": "G"}),
    FieldCase(55, "香港中環皇后大道中99號中環中心12樓", {"road": "皇后大道中", "road_no": "99", "floor": "12"}),
    FieldCase(55, "台北市信義區信義路五段7號89樓", {"city": "台北市", "county": "信义区", "road": "信义路五段", "road_no": "7", "floor": "89"}),
    FieldCase(55, "臺中市西屯區臺灣大道三段99號之1", {"city": "台中市", "county": "西屯区", "road": "台湾大道三段", "road_no": "99", "road_no_sub": "1"}),
    FieldCase(55, "新北市板橋區文化路一段188巷12弄5號3樓之2", {"city": "新北市", "county": "板桥区", "road": "文化路一段", "road_no": "5", "floor": "3"}),
    FieldCase(55, "澳門新馬路71號地下A舖", {"road": "新马路", "road_no": "71", "floor": "G", "room": "A"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r科技路 n88号 bB座 f7层 s706室",
        "S江北街道 r建设大道 n27号 f3层 s302室",
        "S江北街道 r柳巷路 n35弄 b9号 s101室",
        "S江北街道 r中山北路 n1000号 b3号楼 u1单元 f12层 s1201室",
        "S江南街道 r环湖路 n1号 c环球金融中心 bA座 f52层 s5201室",
        "S江南街道 r环湖路 n1号 c环球金融中心 bB座 f52层 s5202室",
    )


MATCHES = [
    MatchCase(41, "Room 706, Block B, No. 88 Keji Road", "exact", "科技路88号B座7层706室"),
    MatchCase(41, "Rm 101, No 9, Lane 35, Liuxiang Rd.", "exact", "柳巷路35弄9号101室"),
    MatchCase(41, "Unit 1, Building 3, 1000 North Zhongshan Road", "exact", "中山北路1000号3号楼1单元"),
    MatchCase(41, "302 Shi, 27 Hao, Jianshe Dadao", "exact", "建设大道27号3层302室"),
    MatchCase(41, "Jianshe Da Dao 27 hao", "exact", "建设大道27号"),
    MatchCase(41, "Room 101, No. 9, Lane 35, Liulang Road", "none"),
    MatchCase(42, "环球金融中心Tower A 5201室", "exact", "A座52层5201室"),
    MatchCase(42, "环球金融中心A座52F 5201", "exact", "A座52层5201室"),
    MatchCase(42, "科技路88号Block B Room 706", "exact", "B座7层706室"),
    MatchCase(42, "科技路No.88 B座706", "exact", "B座7层706室"),
    MatchCase(55, "科技路88號B座7樓706室", "exact", "B座7层706室"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)
