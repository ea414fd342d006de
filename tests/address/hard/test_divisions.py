"""Provinces, cities, counties, towns, development zones (kinds 6-9, 34-40, 56)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(6, "西湖区文二路391号", {"road": "文二路", "road_no": "391", "county": "西湖区", "city": "杭州市"}, {"city": "杭州市"}),
    FieldCase(6, "浙江省西湖区文二路391号", {"province": "浙江省", "city": "杭州市", "county": "西湖区"}),
    FieldCase(6, "成都市天府大道中段530号", {"province": "四川省", "city": "成都市", "road": "天府大道中段", "road_no": "530"}),
    FieldCase(6, "余姚市阳明东路88号", {"province": "浙江省", "city": "宁波市", "county": "余姚市", "road": "阳明东路"}),
    FieldCase(7, "粤深圳南山科技南路16号", {"province": "广东省", "city": "深圳市", "county": "南山区", "road": "科技南路", "road_no": "16"}),
    FieldCase(7, "内蒙呼市新城区海拉尔东街3号", {"province": "内蒙古自治区", "city": "呼和浩特市", "county": "新城区", "road": "海拉尔东街"}),
    FieldCase(7, "新疆巴州库尔勒市人民东路", {"province": "新疆维吾尔自治区", "city": "巴音郭楞蒙古自治州", "county": "库尔勒市"}),
    FieldCase(7, "黔东南凯里市韶山南路12号", {"province": "贵州省", "city": "黔东南苗族侗族自治州", "county": "凯里市"}),
    FieldCase(7, "前郭县哈萨尔路9号", {"province": "吉林省", "city": "松原市", "county": "前郭尔罗斯蒙古族自治县"}),
    FieldCase(8, "浙江杭州余杭五常街道荆长大道", {"province": "浙江省", "city": "杭州市", "county": "余杭区", "town": "五常街道", "road": "荆长大道"}),
    FieldCase(8, "上海浦东张江镇碧波路690号", {"city": "上海市", "county": "浦东新区", "town": "张江镇", "road": "碧波路"}),
    FieldCase(8, "吉林吉林船营河南街12号", {"province": "吉林省", "city": "吉林市", "county": "船营区", "road": "河南街"}),
    FieldCase(8, "海南海口美兰国兴大道", {"province": "海南省", "city": "海口市", "county": "美兰区", "road": "国兴大道"}),
    FieldCase(8, "青海西宁城西五四西路", {"province": "青海省", "city": "西宁市", "county": "城西区", "road": "五四西路"}),
    FieldCase(9, "合肥高新区望江西路800号创新产业园A3栋", {"city": "合肥市", "devzone": "高新区", "road": "望江西路", "road_no": "800", "building": "A3"}),
    FieldCase(9, "苏州市工业园区星湖街328号", {"city": "苏州市", "road": "星湖街", "road_no": "328", "devzone": "工业园区"}),
    FieldCase(9, "昆山市经济技术开发区前进东路88号", {"city": "苏州市", "county": "昆山市", "devzone": "经济技术开发区", "road": "前进东路"}),
    FieldCase(9, "上海自贸区富特北路211号", {"city": "上海市", "devzone": "自贸区", "road": "富特北路", "road_no": "211"}),
    FieldCase(9, "郑州经开区第八大街160号", {"city": "郑州市", "devzone": "经开区", "road_no": "160"}),
    FieldCase(34, "中山大道西段9号", {"road": "中山大道西段", "road_no": "9"}),
    FieldCase(34, "人民东路东段201号", {"road": "人民东路东段", "road_no": "201"}),
    FieldCase(34, "建设路北段西侧18号", {"road": "建设路北段", "road_no": "18"}),
    FieldCase(35, "上海市静安区南京西路1788号", {"city": "上海市", "county": "静安区", "road": "南京西路", "road_no": "1788"}),
    FieldCase(35, "青岛市市南区香港中路12号", {"city": "青岛市", "county": "市南区", "road": "香港中路"}),
    FieldCase(35, "天津市和平区西安道45号", {"city": "天津市", "county": "和平区", "road": "西安道", "road_no": "45"}),
    FieldCase(35, "南京市北京东路41号", {"city": "南京市", "road": "北京东路", "road_no": "41"}),
    FieldCase(35, "长春市西安新村8栋", {"city": "长春市", "compound": "西安新村", "building": "8"}),
    FieldCase(36, "福州市鼓楼区八一七北路", {"province": "福建省", "city": "福州市", "county": "鼓楼区"}),
    FieldCase(36, "徐州鼓楼区中山北路", {"province": "江苏省", "city": "徐州市", "county": "鼓楼区"}),
    FieldCase(36, "枣庄市市中区光明中路", {"city": "枣庄市", "county": "市中区"}),
    FieldCase(36, "长春市朝阳区红旗街", {"city": "长春市", "county": "朝阳区"}),
    FieldCase(36, "鼓楼区中山路1号", {"county": "鼓楼区", "city": "开封市"}, {"city": "开封市"}),
    FieldCase(37, "上海市南汇区惠南镇人民东路", {"city": "上海市", "county": "浦东新区"}),
    FieldCase(37, "宁波江东区百丈东路", {"city": "宁波市", "county": "鄞州区", "road": "百丈东路"}),
    FieldCase(37, "北京市宣武区广安门内大街", {"city": "北京市", "county": "西城区"}),
    FieldCase(37, "安徽省六安市寿县寿春镇", {"province": "安徽省", "city": "淮南市", "county": "寿县"}),
    FieldCase(37, "安徽巢湖地区庐江县", {"province": "安徽省", "city": "合肥市", "county": "庐江县"}),
    FieldCase(37, "杭州市下城区武林路100号", {"city": "杭州市", "county": "拱墅区", "road": "武林路"}),
    FieldCase(38, "广东东莞长安镇德政中路", {"province": "广东省", "city": "东莞市", "county": "东莞市", "town": "长安镇", "road": "德政中路"}),
    FieldCase(38, "湖北潜江市园林街道章华中路", {"province": "湖北省", "city": "潜江市", "county": "潜江市", "town": "园林街道"}),
    FieldCase(38, "海南省儋州市那大镇文化北路", {"province": "海南省", "city": "儋州市", "county": "儋州市", "town": "那大镇"}),
    FieldCase(38, "新疆石河子市北四路", {"province": "新疆维吾尔自治区", "city": "石河子市", "county": "石河子市"}),
    FieldCase(38, "嘉峪关市新华中路", {"province": "甘肃省", "city": "嘉峪关市", "road": "新华中路"}),
    FieldCase(39, "江苏省杭州市西湖区龙井路1号", {"province": "浙江省", "city": "杭州市", "county": "西湖区"}),
    FieldCase(39, "海南海口东方市八所镇", {"province": "海南省", "city": "东方市", "county": "东方市"}),
    FieldCase(39, "河北省郑州市金水区花园路", {"province": "河南省", "city": "郑州市", "county": "金水区"}),
    FieldCase(56, "新疆伊犁哈萨克自治州察布查尔锡伯自治县孙扎齐牛录镇", {"province": "新疆维吾尔自治区", "city": "伊犁哈萨克自治州", "county": "察布查尔锡伯自治县", "town": "孙扎齐牛录镇"}),
    FieldCase(56, "甘肃省临夏回族自治州积石山保安族东乡族撒拉族自治县吹麻滩镇", {"province": "甘肃省", "city": "临夏回族自治州", "county": "积石山保安族东乡族撒拉族自治县", "town": "吹麻滩镇"}),
    FieldCase(56, "云南省双江拉祜族佤族布朗族傣族自治县勐勐镇", {"province": "云南省", "city": "临沧市", "county": "双江拉祜族佤族布朗族傣族自治县", "town": "勐勐镇"}),
    FieldCase(56, "贵州黔西南布依族苗族自治州望谟县王母街道", {"province": "贵州省", "city": "黔西南布依族苗族自治州", "county": "望谟县"}),
    FieldCase(56, "云南双江县沙河乡", {"county": "双江拉祜族佤族布朗族傣族自治县", "town": "沙河乡"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def country() -> AddressIndex:
    return town_of(
        "P浙江省 C杭州市 D上城区 S彭埠街道 r明石路 n12号",
        "P浙江省 C杭州市 D钱塘区 S下沙街道 r学源街 n258号",
        "P浙江省 C杭州市 D余杭区 S五常街道 r荆长大道 n50号",
        "P上海市 C上海市 D静安区 S彭浦镇 r汶水路 n70号",
        "P上海市 C上海市 D静安区 S江宁路街道 r胶州路 n100号",
        "P上海市 C上海市 D普陀区 S长寿路街道 r胶州路 n900号",
        "P上海市 C上海市 D黄浦区 S南京东路街道 r北京东路 n20号",
        "P江苏省 C南京市 D鼓楼区 S湖南路街道 r中山北路 n30号",
        "P江苏省 C徐州市 D鼓楼区 S环城街道 r中山北路 n31号",
        "P广东省 C东莞市 D东莞市 S虎门镇 r人民中路 n6号",
        "P新疆维吾尔自治区 C伊犁哈萨克自治州 D察布查尔锡伯自治县 S孙扎齐牛录镇 r牛录街 n3号",
        "P四川省 C成都市 D高新区 S桂溪街道 r天府大道北段 n1700号",
        "P四川省 C成都市 D高新区 S桂溪街道 r天府大道中段 n530号",
        top="",
    )


MATCHES = [
    MatchCase(6, "余杭区荆长大道50号", "exact", "荆长大道50号"),
    MatchCase(6, "五常街道荆长大道50号", "exact", "荆长大道50号"),
    MatchCase(7, "沪静安汶水路70号", "exact", "汶水路70号"),
    MatchCase(8, "浙江杭州余杭五常荆长大道50号", "exact", "荆长大道50号"),
    MatchCase(9, "成都高新区天府大道北段1700号", "exact", "天府大道北段1700号"),
    MatchCase(34, "静安区胶州路900号", "exact", "普陀区长寿路街道胶州路900号"),
    MatchCase(34, "胶州路100号", "exact", "静安区江宁路街道胶州路100号"),
    MatchCase(34, "胶州路", "ambiguous"),
    MatchCase(34, "天府大道北段530号", "partial", "天府大道北段", "number"),
    MatchCase(35, "上海黄浦北京东路20号", "exact", "北京东路20号"),
    MatchCase(36, "徐州鼓楼区中山北路31号", "exact", "徐州市鼓楼区环城街道中山北路31号"),
    MatchCase(36, "南京鼓楼区中山北路31号", "partial", "南京市鼓楼区湖南路街道中山北路", "number"),
    MatchCase(37, "上海市闸北区汶水路70号", "exact", "汶水路70号"),
    MatchCase(37, "杭州市江干区学源街258号", "exact", "钱塘区下沙街道学源街258号"),
    MatchCase(37, "杭州市江干区明石路12号", "exact", "上城区彭埠街道明石路12号"),
    MatchCase(38, "东莞虎门人民中路6号", "exact", "人民中路6号"),
    MatchCase(39, "江苏省杭州市余杭区荆长大道50号", "exact", "浙江省杭州市余杭区五常街道荆长大道50号"),
    MatchCase(40, "静安区彭浦镇胶州路100号", "exact", "江宁路街道胶州路100号"),
    MatchCase(40, "余杭区仓前镇荆长大道50号", "exact", "五常街道荆长大道50号"),
    MatchCase(40, "上海市黄浦区外滩街道北京东路20号", "exact", "南京东路街道北京东路20号"),
    MatchCase(56, "伊犁州察布查尔县孙扎齐牛录镇牛录街3号", "exact", "牛录街3号"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(country: AddressIndex, case: MatchCase) -> None:
    check_match(country, case)
