import pytest
from hypothesis import given
from hypothesis import strategies as st

from address.normalise import MAX_CHARACTERS, normalise, number_of


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("十", 10), ("十二", 12), ("三十", 30), ("一百零八", 108), ("一百二", 120),
     ("二〇三", 203), ("廿三", 23), ("卅", 30),
     ("壹佰贰拾", 120), ("二千二百八十一", 2281), ("二二八一", 2281), ("一千零一", 1001)],
)  # fmt: skip
def test_chinese_numerals_have_the_value_a_reader_gives_them(numeral: str, value: int) -> None:
    assert number_of(numeral) == value


@pytest.mark.parametrize(
    ("given_text", "folded"),
    [
        ("１７号Ｂ座", "17号B座"),
        ("浦東大道三號樓", "浦东大道3号楼"),
        ("⻄安路⻓街", "西安路长街"),
        ("七十二号院四号楼二〇八室", "72号院4号楼208室"),
        ("9o5室", "905室"),
        ("45号之三", "45号之3"),
        ("张三13912345678，临江大道1号", ",临江大道1号"),
        ("临江大道1号，电话：027-87654321", "临江大道1号"),
        ("430070湖北省", ",湖北省"),
        ("临江大道1号\u200b2栋", "临江大道1号2栋"),
        ("5 号楼", "5号楼"),
    ],
)
def test_what_people_type_is_folded(given_text: str, folded: str) -> None:
    assert normalise(given_text).text == folded


@pytest.mark.parametrize(
    "name",
    [
        "五角场街道",
        "三门路",
        "八一路",
        "四平村",
        "九江市",
        "百色市",
        "六安市",
        "千山区",
        "十里铺镇",
        "三门峡市",
    ],
)
def test_numerals_in_names_stay(name: str) -> None:
    assert normalise(name).text == name


def test_a_six_digit_room_or_door_is_no_postcode() -> None:
    assert normalise("430070号").text == "430070号"


def test_spans_lead_back_to_what_was_given() -> None:
    text = "  四十八號院,李四 13800138000 五單元二〇三室"
    folded = normalise(text)
    for word, source in (("48", "四十八"), ("单元", "單元"), ("203", "二〇三")):
        start = folded.text.index(word)
        a, b = folded.span(start, start + len(word))
        assert text[a:b] == source


@given(st.text(max_size=60))
def test_spans_stay_inside_and_never_run_backwards(text: str) -> None:
    folded = normalise(text)
    last = 0
    for i in range(len(folded.text)):
        a, b = folded.span(i, i + 1)
        assert 0 <= a <= b <= len(text)
        assert a >= last
        last = a


def test_only_the_beginning_of_a_novel_is_read() -> None:
    assert len(normalise("路" * 10_000_000).text) == MAX_CHARACTERS
