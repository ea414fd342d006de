"""How things are spelled: numerals, widths, radicals, slips (kinds 1-5, 16, 17, 46)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(1, "西安市雁塔区翠华路七十二号院九号楼一单元三〇四室", {"city": "西安市", "county": "雁塔区", "road": "翠华路", "road_no": "72", "building": "9", "unit": "1", "room": "304"}),
    FieldCase(1, "长乐坊廿六弄十一号", {"lane": "26", "building": "11"}),
    FieldCase(1, "南昌市青云谱区洪都大道壹佰叁拾陆号", {"city": "南昌市", "county": "青云谱区", "road": "洪都大道", "road_no": "136"}),
    FieldCase(1, "梧桐苑十七栋一千二百零三室", {"compound": "梧桐苑", "building": "17", "room": "1203"}),
    FieldCase(1, "五一路一百二十号", {"road": "五一路", "road_no": "120"}),
    FieldCase(1, "三元里大道九百零八号", {"road": "三元里大道", "road_no": "908"}),
    FieldCase(2, "龙吴路一八三二弄", {"road": "龙吴路", "lane": "1832"}, {"city": "上海市"}),
    FieldCase(2, "龙吴路一千八百三十二弄", {"road": "龙吴路", "lane": "1832"}, {"city": "上海市"}),
    FieldCase(2, "解放大道二零六号", {"road": "解放大道", "road_no": "206"}),
    FieldCase(2, "解放大道两百零六号", {"road": "解放大道", "road_no": "206"}),
    FieldCase(3, "长沙市开福区芙蓉中路５６号Ｂ座１８０２室", {"city": "长沙市", "county": "开福区", "road": "芙蓉中路", "road_no": "56", "building": "B", "room": "1802"}),
    FieldCase(3, "锦江　花园　６＃３０２", {"building": "6", "room": "302"}),
    FieldCase(3, "碧水湾３－１－７０１", {"compound": "碧水湾", "building": "3", "unit": "1", "room": "701"}),
    FieldCase(4, "廣東省珠海縣", {"province": "广东省", "city": "珠海市"}),
    FieldCase(4, "臺州市椒江區解放南路30號東昇大廈四樓", {"city": "台州市", "county": "椒江区", "road": "解放南路", "road_no": "30", "compound": "东升大厦", "floor": "4"}),
    FieldCase(4, "瀋陽市鐵西區興華北街９號樓２單元３０１室", {"city": "沈阳市", "county": "铁西区", "road": "兴华北街"}),
    FieldCase(5, "⻄安市⻓安区⻘年街12号", {"city": "西安市", "county": "长安区", "road": "青年街", "road_no": "12"}),
    FieldCase(5, "\u200b苏州市\u200d姑苏区人\ufeff民路33号", {"city": "苏州市", "county": "姑苏区", "road": "人民路", "road_no": "33"}),
    FieldCase(5, "⻩⽯市⿊⻰路5号", {"city": "黄石市", "road": "黑龙路", "road_no": "5"}),
    FieldCase(16, "武汉市江汉区建设大到88号", {"city": "武汉市", "county": "江汉区", "road_no": "88"}),
    FieldCase(16, "紫荆园9憧1502窒", {"compound": "紫荆园", "building": "9", "room": "1502"}),
    FieldCase(16, "紫荆园9动二单园301事", {"compound": "紫荆园", "building": "9", "unit": "2", "room": "301"}),
    FieldCase(46, "玉兰苑3号楼12O1室", {"compound": "玉兰苑", "building": "3", "room": "1201"}),
    FieldCase(46, "中兴路l08号", {"road": "中兴路", "road_no": "108"}),
    FieldCase(46, "中兴路56弄I3号2o4室", {"road": "中兴路", "lane": "56", "building": "13", "room": "204"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    return town_of(
        "S江北街道 r龙吴路 n1832弄 b11号 f3层 s304室",
        "S江北街道 r龙吴路 n26弄 b1号",
        "S江北街道 r翠华路 n72号 c梧桐苑 b17栋 u1单元 f12层 s1203室",
        "S江南街道 r古墩路 n108号 c紫荆园 b9幢 u2单元 f3层 s301室",
        "S江南街道 r古墩路 n108号 c紫荆园 b13幢 u2单元 f2层 s204室",
        "S江南街道 r长青大道 n56号 bB座 f18层 s1802室",
        "S江南街道 r洪都南大道 n5号",
        "S江南街道 r洪都北大道 n7号",
        "S江南街道 r望江门外直街 n9号",
    )


MATCHES = [
    MatchCase(1, "龙吴路廿六弄一号", "exact", "龙吴路26弄1号"),
    MatchCase(1, "翠华路柒拾贰号", "exact", "翠华路72号"),
    MatchCase(2, "龙吴路一八三二弄十一号三零四", "exact", "1832弄11号3层304室"),
    MatchCase(2, "龙吴路一千八百三十二弄十一号三〇四室", "exact", "1832弄11号3层304室"),
    MatchCase(3, "长青大道５６号Ｂ座１８０２", "exact", "长青大道56号B座18层1802室"),
    MatchCase(4, "長青大道56號B座18樓1802室", "exact", "B座18层1802室"),
    MatchCase(5, "⻓⻘大道56号\u200bB座", "exact", "长青大道56号B座"),
    MatchCase(16, "古敦路108号", "exact", "古墩路108号"),
    MatchCase(16, "翠花路72号", "exact", "翠华路72号"),
    MatchCase(16, "紫荆圆9憧2单元301窒", "exact", "9幢2单元3层301室"),
    MatchCase(16, "古墩陆108号", "exact", "古墩路108号"),
    MatchCase(17, "望江门直街9号", "exact", "望江门外直街9号"),
    MatchCase(17, "龙路吴1832弄", "exact", "龙吴路1832弄"),
    MatchCase(17, "翠华街72号梧桐苑17栋", "exact", "梧桐苑17栋"),
    MatchCase(17, "长青路56号", "exact", "长青大道56号"),
    MatchCase(17, "望江门门外直街9号", "exact", "望江门外直街9号"),
    MatchCase(17, "洪都南大道7号", "partial", "洪都南大道", "number"),
    MatchCase(46, "古墩路1O8号紫荆园l3幢2单元2O4", "exact", "13幢2单元2层204室"),
    MatchCase(46, "古墩路1o8号", "exact", "古墩路108号"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)
