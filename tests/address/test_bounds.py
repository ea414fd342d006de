"""Whatever is typed: a clean answer, the work counted and bounded, the laws of writing kept."""

import random

import pytest
from address_town import table, town_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from address.descend import MAX_STEPS
from address.fields import county_of, fields_of
from address.index import AddressIndex
from address.match import ways
from address.nodes import build_nodes
from address.normalise import MAX_CHARACTERS, normalise
from address.parse import parse
from address.query import MAX_ITEMS, read_query
from address.standardise import standardise

HOSTILE = [
    "路" * 10_000_000,
    "1" * 1_000_000,
    "(" * 100_000,
    "()[]{}" * 20_000,
    "1-" * 50_000 + "1",
    "1-1-1-1-1-1-1-1",
    "\x00\x01\x02\x1b" * 1000,
    "😀👍🏽" * 300,
    "'; DROP TABLE address; --" * 20,
    "临江花园1层" + "1层" * 190,
    "临江花园" + "1层2楼3层" * 60,
    "临江花园" + "1单元" * 130,
    "临江大道" + "1号" * 190,
    "临江大道" * 2_500_000,
    "石桥村张家宅1号" * 50,
    "三环路" * 130,
    "朝阳区" * 130,
    "عنوان الشارع " * 30,
    "улица Ленина, дом 5 " * 20,
    "ถนนสุขุมวิท " * 30,
    "\ud800\udc00\ud800临江" * 50,
    "\u202e\u202d临江路1号" * 40,
    "%E4%B8%AD" * 40,
    "",
    " ",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_work_is_bounded(index: AddressIndex, text: str) -> None:
    assert len(normalise(text).given) <= MAX_CHARACTERS
    query = read_query(index, text)
    ways(index, query)
    assert len(query.items) <= MAX_ITEMS
    assert query.items.steps <= MAX_STEPS + MAX_ITEMS
    assert all(e.end <= MAX_CHARACTERS for e in parse(text))
    found = index.match(text)
    assert (found.status == "none") == (found.node_id is None)


@pytest.mark.parametrize("text", [t for t in HOSTILE if "临江" not in t and "石桥" not in t])
def test_nothing_is_found_in_what_names_nothing(index: AddressIndex, text: str) -> None:
    assert index.match(text).status == "none"


def test_a_name_said_over_and_over_is_looked_up_once(
    index: AddressIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    near = index.repairs.near
    monkeypatch.setattr(index.repairs, "near", lambda text: (asked.append(text), near(text))[1])
    index.match("林江大道" * 100)
    assert asked
    assert len(asked) == len(set(asked))


def test_the_counter_counts(index: AddressIndex) -> None:
    query = read_query(index, "临江花园5号楼2单元1203室")
    ways(index, query)
    assert 4 <= query.items.steps < 200


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read(index: AddressIndex, text: str) -> None:
    source = normalise(text)
    for element in parse(text):
        assert 0 <= element.start <= element.end <= len(text)
    for position in range(len(source.text)):
        a, b = source.span(position, position + 1)
        assert 0 <= a < b <= len(text)
    fields_of(text)
    county_of(text)
    assert index.match(text) == index.match(text)


PIECES = st.sampled_from(
    ["湖北省", "武汉市", "江岸区", "浦东", "临江花园", "临江大道", "中山路", "西段", "石桥村", "八组",
     "3", "12", "501", "1203B", "甲", "号", "弄", "栋", "号楼", "单元", "层", "室", "-", "#", ",", "(", ")",
     "附", "之", "B1", "负一楼", "对面", "近", "与", "路口", "一期", "东区", "K12+300", "301国道", "6号大街"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_standard_form_of_any_mixture_is_a_fixed_point(pieces: list[str]) -> None:
    once = standardise("".join(pieces))
    assert standardise(once) == once


IGNORED = st.sampled_from(["", " ", "　", "\u200b", "，", "\t", "\n"])
FRONT = st.sampled_from(
    ["", "地址：", "中国", "收件人：张三，", "13800138000，", "请送到", "430000 "]
)
BEHIND = st.sampled_from(
    ["", "。", "，谢谢", "（送货上门）", " 李四 13900139000", "旁边", "！！", "😀"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000), FRONT, BEHIND, st.lists(IGNORED, min_size=6, max_size=6), st.booleans()
)
def test_noise_never_changes_the_id(
    index: AddressIndex, number: int, front: str, behind: str, gaps: list[str], wide: bool
) -> None:
    building, unit, room = (
        (3, 5, 7)[number % 3],
        number % 2 + 1,
        f"{number % 13 + 1}0{number % 4 + 1}",
    )
    parts = [
        "临江示范区",
        "临江大道35号",
        "临江花园",
        f"{building}号楼",
        f"{unit}单元",
        f"{room}室",
    ]
    plain = index.match("".join(parts))
    text = front + "".join(gap + part for gap, part in zip(gaps, parts, strict=True)) + behind
    if wide:
        text = "".join(chr(ord(c) + 0xFEE0) if "0" <= c <= "9" else c for c in text)
    assert plain.status == "exact"
    assert index.match(text).node_id == plain.node_id, text


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_rows_in_any_order_give_the_same_answers(index: AddressIndex, seed: int) -> None:
    rows = town_rows()
    random.Random(seed).shuffle(rows)
    other = AddressIndex.from_nodes(build_nodes(table(rows)))
    for text in (
        "临江花园5号楼1203",
        "人民路",
        "古敦路18号",
        "江南大厦A座1501",
        "石桥村27号",
        "不存在路1号",
    ):
        assert other.match(text) == index.match(text)
