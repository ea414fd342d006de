import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from address.fields import county_of, fields_of
from address.parse import parse, split_fields
from address.standardise import standardise


def values(text: str) -> dict[str, str]:
    return {element.level: element.value for element in parse(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "湖北省武汉市洪山区珞喻路1037号",
            {
                "province": "湖北省",
                "city": "武汉市",
                "county": "洪山区",
                "road": "珞喻路",
                "number": "1037",
            },
        ),
        (
            "鄂武汉武昌区中北路九号",
            {
                "province": "湖北省",
                "city": "武汉市",
                "county": "武昌区",
                "road": "中北路",
                "number": "9",
            },
        ),
        ("平安里十四弄三号楼二〇一", {"number": "14弄", "building": "3", "room": "201"}),
        ("锦绣家园7-1-902", {"compound": "锦绣家园", "building": "7", "unit": "1", "room": "902"}),
        ("锦绣家园7#902", {"building": "7", "room": "902"}),
        ("锦绣家园7栋三门902", {"building": "7", "unit": "3", "room": "902"}),
        ("建国路93号院甲5号楼", {"road": "建国路", "number": "93", "building": "甲5"}),
        ("建国路乙61号", {"number": "乙61"}),
        ("沿河街18号附2号", {"road": "沿河街", "number": "18-2"}),
        ("沿河街18号之二", {"number": "18-2"}),
        ("国贸大厦负二层", {"compound": "国贸大厦", "floor": "-2"}),
        ("国贸大厦B2层", {"floor": "-2"}),
        ("国贸大厦地下二层", {"floor": "-2"}),
        ("和平路77号26楼2603室", {"number": "77", "floor": "26", "room": "2603"}),
        ("青山村九组15号", {"community": "青山村", "group": "9", "number": "15"}),
        ("318国道川藏段66号", {"road": "318国道", "number": "66"}),
        ("图书馆对面30米", {"poi": "图书馆", "relation": "对面", "distance": "30"}),
        ("门诊楼三层东侧配电间", {"building": "门诊楼", "floor": "3", "room": "配电间"}),
        ("长江路12号门前井盖W0456", {"facility": "井盖W0456"}),
    ],
)
def test_elements_of_own_wordings(text: str, expected: dict[str, str]) -> None:
    found = values(text)
    assert {level: found.get(level) for level in expected} == expected


@pytest.mark.parametrize("text", ["重庆中路9号", "上海路88号", "北京西路3号", "山西路21号"])
def test_a_road_named_after_a_place_is_a_road(text: str) -> None:
    assert set(values(text)) == {"road", "number"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("上海卢湾区淮海中路", "310101"),
        ("天津塘沽区解放路", "120116"),
        ("湖北襄樊市樊城区长虹路", "420606"),
        ("吉林吉林船营区", "220204"),
        ("青海西宁城东区", "630102"),
        ("海南海口龙华区", "460106"),
        ("辽宁朝阳双塔区", "211302"),
        ("广东省东莞市虎门镇", "441900"),
        ("湖北省仙桃市", "429004"),
        ("南京鼓楼区中山北路", "320106"),
        ("福州鼓楼区五四路", "350102"),
    ],
)
def test_divisions_fit_each_other(text: str, code: str) -> None:
    assert county_of(text) == code


def test_every_former_name_leads_to_a_division_of_today() -> None:
    from address.lexicon import divisions, former_divisions

    assert all(code in divisions() for _, _, codes in former_divisions() for code in codes)


def test_spans_are_of_the_given_text() -> None:
    text = "临江花园五號樓二單元１２０３"
    found = {element.level: text[element.start : element.end] for element in parse(text)}
    assert found == {
        "compound": "临江花园",
        "building": "五號樓",
        "unit": "二單元",
        "room": "１２０３",
    }


def test_a_full_address_becomes_columns() -> None:
    fields = split_fields("湖北省云梦泽市临江示范区江北街道临江大道35号临江花园5号楼2单元1203室")
    assert {k: fields[k] for k in ("road", "number", "compound", "building", "unit", "room")} == {
        "road": "临江大道",
        "number": "35号",
        "compound": "临江花园",
        "building": "5号楼",
        "unit": "2单元",
        "room": "1203室",
    }


def test_western_order() -> None:
    fields = fields_of("Suite 908, Block C, 16 North Linjiang Avenue, Hongshan District, Wuhan")
    assert {k: fields[k] for k in ("room", "building", "road_no", "road_py")} == {
        "room": "908",
        "building": "C",
        "road_no": "16",
        "road_py": "linjiangbei",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Room 1203, Building 5, No. 35 Linjiang Avenue, Jianghan District, Wuhan",
            [("room", "1203"), ("building", "5"), ("number", "35"), ("road", "Linjiang Avenue"),
             ("county", "Jianghan District"), ("city", "Wuhan")],
        ),
        ("16/F, Linjiang Garden, 16 Linjiang Rd.", [("floor", "16"), ("compound", "Linjiang Garden"), ("number", "16"), ("road", "Linjiang Rd")]),
        ("linjiang dadao 35 hao 5 hao lou", [("road", "linjiang dadao"), ("number", "35"), ("building", "5")]),
        ("Lane 296, Jianghui Road", [("number", "296弄"), ("road", "Jianghui Road")]),
    ],
)  # fmt: skip
def test_letters_are_cut_into_elements_too(text: str, expected: list[tuple[str, str]]) -> None:
    found = parse(text)
    assert [(e.level, e.value) for e in found] == expected
    assert all(text[e.start : e.end] == e.text for e in found)


NAMES = st.sampled_from(["临江大道", "解放东路", "学院路", "柳巷", "建设大街"])
HOUSES = st.sampled_from(["临江花园", "阳光小区", "国际大厦", "锦绣家园"])
NUMBER = st.integers(1, 999)
FORMS = {
    "building": ["{}号楼", "{}栋", "{}幢", "{}座"],
    "unit": ["{}单元"],
    "room": ["{}室", "{}房"],
}


@st.composite
def addresses(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(["", "湖北省武汉市", "武汉市洪山区", "上海市静安区"]))
    text += draw(NAMES) + f"{draw(NUMBER)}" + draw(st.sampled_from(["号", "弄"]))
    text += draw(st.one_of(st.just(""), HOUSES))
    if draw(st.booleans()):
        text += draw(st.sampled_from(FORMS["building"])).format(draw(st.integers(1, 99)))
        if draw(st.booleans()):
            text += draw(st.sampled_from(FORMS["unit"])).format(draw(st.integers(1, 9)))
        if draw(st.booleans()):
            floor, room = draw(st.integers(1, 33)), draw(st.integers(1, 20))
            text += draw(st.sampled_from(FORMS["room"])).format(f"{floor}{room:02d}")
    return text


@settings(max_examples=150, deadline=None)
@given(addresses())
def test_standard_form_is_a_fixed_point(text: str) -> None:
    once = standardise(text)
    assert once
    assert standardise(once) == once
    levels = [(e.level, e.value) for e in parse(once)]
    assert levels == [(e.level, e.value) for e in parse(standardise(once))]


@settings(max_examples=100, deadline=None)
@given(
    st.text(alphabet="临江大道花园一二三0123456789号楼栋单元室层弄-#,路街村镇A市区座", max_size=24)
)
def test_writing_twice_changes_nothing_whatever_the_text(text: str) -> None:
    once = standardise(text)
    assert standardise(once) == once
