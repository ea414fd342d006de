"""The compiled path answers what the reference answers, or leaves the text to it."""

import pickle
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from address.batch import RESULT, match_batch
from address.door_numbers import numbers_below
from address.fast import FastPath
from address.grammar import token_at
from address.index import AddressIndex
from address.kernel import work
from address.kernel.folding import fold_points, fold_table, numeral_table, watch_table
from address.kernel.near import CODES, COSTS, near, near_of
from address.kernel.tokens import KINDS, head_table, read_token, token_text
from address.late import Late
from address.match import match_by_reference, read_query, ways
from address.model import RANK
from address.normalise import normalise
from address.roads import ancestor, number_of
from address.walk import code_points

sys.path.insert(0, str(Path(__file__).parent / "noise"))

import examine
from noise_city import city_nodes
from noise_world import World

_WORDS = [
    "号",
    "弄",
    "支弄",
    "号楼",
    "栋",
    "幢",
    "座",
    "#",
    "单元",
    "门",
    "梯",
    "层",
    "F",
    "楼",
    "室",
    "房",
    "房间",
    "铺",
    "户",
    "期",
    "组",
    "队",
    "村民小组",
    "区",
    "东区",
    "号院",
    "附",
    "之",
    "-",
    ",",
    "(",
    ")",
    "甲",
    "乙",
    "第",
    "B",
    "A",
    "3",
    "12",
    "501",
    "负",
    "地下",
    "一",
    "二",
    "三十",
    "百",
    "十",
    "〇",
    "两",
    "壹",
    "路",
    "街",
    "大街",
    "原",
    "又名",
    "旧",
    "现为",
    "至",
    "到",
    "收",
    "憧",
    "动",
    "是",
    "事",
    "电话",
    "路灯",
    "口",
    "出",
    "团",
    "连",
    "O",
    "l",
    "巷",
    "公里",
    "桥",
    "年",
    "米",
    "中学",
    "桩号",
    "K",
    "B1",
    "G",
    "3F",
    "L2F",
    "１２",
    "（",
    "）",
    "／",
    "－",
    "Ⅱ",
    "㎡",
    "號",
    "樓",
    "，",
]


@pytest.fixture(scope="module")
def city() -> AddressIndex:
    return AddressIndex.from_nodes(city_nodes(3, 3, 5))


@pytest.fixture(scope="module")
def noisy(city: AddressIndex) -> list[str]:
    """Texts of every operator, exact, ambiguous and absent places."""
    samples = examine.draw(World(city_nodes(3, 3, 5)), 11, 12)
    return [sample.text for sample in samples]


def _joined(size: int) -> st.SearchStrategy[str]:
    part = st.sampled_from(_WORDS) | st.integers(0, 1300).map(str)
    return st.lists(part, min_size=1, max_size=size).map("".join)


def _folded(text: str) -> str | None:
    points = code_points(text)
    out, spans = np.zeros(4 * len(points) + 8, np.uint32), np.zeros(4 * len(points) + 8, np.int32)
    tables = fold_table(), numeral_table(), watch_table()
    size = fold_points(points, len(points), *tables, out, spans, spans.copy())
    return None if size < 0 else str(out[:size].tobytes().decode("utf-32-le"))


@given(_joined(9))
@settings(max_examples=1500, deadline=None)
def test_folding_is_that_of_the_reference_or_refused(text: str) -> None:
    folded = _folded("园" + text)
    assert folded is None or folded == normalise("园" + text).text


def test_usual_texts_are_folded_here() -> None:
    told = {
        "临江花园５號樓二单元十二层１２０３室": "临江花园5号楼2单元12层1203室",
        "柳巷路三百六十六弄廿三号二〇三室": "柳巷路366弄23号203室",
        "临江花园5幢二门一二零三": "临江花园5幢2门1203",
        "临江花园5幢二梯一二零三": "临江花园5幢2梯1203",
        "人民路88号，1 栋（2单元）": "人民路88号,1栋(2单元)",
    }
    assert {text: _folded(text) for text in told} == told


def test_what_is_mended_is_left_to_the_reference() -> None:
    for text in (
        "张三13812345678人民路88号",
        "人民路88号1憧",
        "人民路88、90号",
        "4o1室",
        "原人民路(原88号)",
    ):
        assert _folded(text) is None


@given(_joined(5))
@settings(max_examples=1500, deadline=None)
def test_tokens_are_those_of_the_grammar_or_refused(text: str) -> None:
    folded = normalise("园" + text).text
    points, values, out = code_points(folded), np.zeros(512, np.uint32), np.zeros(5, np.int64)
    for position in range(1, len(folded)):
        told = read_token(points, len(points), position, values, 0, head_table(), out)
        wanted = token_at(folded, position)
        if told == 1:
            assert wanted is not None
            found = int(out[1]), KINDS[out[0]], token_text(values, int(out[2]), int(out[3]))
            assert found == (wanted.end, wanted.kind, wanted.value.upper())
        elif told == 0:
            assert wanted is None


def _same(index: AddressIndex, fast: FastPath, text: str) -> bool:
    """The compiled path answered, and as the reference does."""
    found = fast.read(text)
    if found is None:
        return False
    reference = ways(index, read_query(index, text))
    got = [(w.row, round(w.cost, 9), w.missing, w.given, w.anchor, w.depth) for w in found[1]]
    assert got == [
        (w.row, round(w.cost, 9), w.missing, w.given, w.anchor, w.depth) for w in reference
    ], text
    for mine, theirs in zip(found[1], reference, strict=True):
        assert sorted(map(repr, mine.faults)) == sorted(map(repr, theirs.faults)), text
    mine, theirs = index.match(text), match_by_reference(index, text)
    assert (mine.status, mine.node_id, mine.confidence, mine.missing) == (
        theirs.status, theirs.node_id, theirs.confidence, theirs.missing,
    ), text  # fmt: skip
    assert (mine.alternatives, mine.elements) == (theirs.alternatives, theirs.elements), text
    assert (mine.full, mine.code, mine.level, mine.eid) == (
        theirs.full, theirs.code, theirs.level, theirs.eid,
    ), text  # fmt: skip
    assert sorted(map(repr, mine.faults)) == sorted(map(repr, theirs.faults)), text
    assert sorted(mine.corrections) == sorted(theirs.corrections), text
    assert index.match(text) == mine  # now that its like was met
    return True


def test_noisy_texts_get_the_answers_of_the_reference(city: AddressIndex, noisy: list[str]) -> None:
    city.warm()
    answered = sum(_same(city, city.fast, text) for text in noisy)
    assert answered > len(noisy) // 3


def _mistyped(rng: random.Random, name: str, pool: str) -> str:
    """A name with one character wrong, missing, doubled, too many or swapped, or another last word."""
    if len(name) < 2:
        return name
    at = rng.randrange(len(name) - 1)
    return rng.choice(
        [
            name[:at] + rng.choice(pool) + name[at + 1 :],
            name[:at] + name[at + 1 :],
            name[:at] + name[at] + name[at:],
            name[:at] + rng.choice(pool) + name[at:],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
            name.rstrip("路街道巷大东西南北") + rng.choice(["路", "街", "大道", "公路", "支路", "巷", "家宅"]),
        ]
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mistyped_names_get_the_answers_of_the_reference(city: AddressIndex, seed: int) -> None:
    rng = random.Random(seed)
    city.warm()
    named = ("road", "compound", "poi", "village", "community", "street")
    deep = [r for r in range(city.built) if city.level_of(r) in ("room", "number", "building")]
    pool = "".join({city.core_of_row(r) for r in range(city.built) if city.level_of(r) in named})
    answered, repaired = 0, 0
    for row in rng.choices(deep, k=250):
        parts = {city.level_of(step): city.written_of(step) for step in city.above(row)}
        level = rng.choice([level for level in parts if level in named] or ["number"])
        parts[level] = _mistyped(rng, parts[level], pool)
        for left_out in rng.sample(("province", "city", "street", "floor", "community"), 2):
            if left_out != level:
                parts.pop(left_out, None)
        text = "".join(reversed(parts.values()))
        answered += _same(city, city.fast, text)
        repaired += bool(city.match(text).corrections)
    assert answered > 200
    assert repaired > 50


@pytest.mark.parametrize("seed", [4, 5])
def test_names_nearby_are_those_of_the_reference(city: AddressIndex, seed: int) -> None:
    rng = random.Random(seed)
    names = [city.tails.names.text(number) for number in range(len(city.tails.names))]
    pool, found = "".join(names), 0
    space, near_keys = work.work(), near_of(city.arena, Late())
    tables = work.nodes_of(city.arena), work.words_of(city.arena, Late()), near_keys
    for name in rng.choices(names, k=600):
        written = _mistyped(rng, name, pool)
        if not 2 <= len(written) <= 14:
            continue
        space["text"][: len(written)] = code_points(written)
        space["state"][work.ERROR] = 0
        count = near(space, *tables, 0, len(written))
        assert not space["state"][work.ERROR]
        told = [
            (row, CODES[kind], float(COSTS[kind])) for row, kind in space["near"][:count].tolist()
        ]
        assert told == [tuple(repair) for repair in city.repairs.near(written)[:40]], written
        found += count > 0
    assert found > 250


def test_doors_below_a_road_are_read_as_by_the_reference(city: AddressIndex) -> None:
    names = ("first", "level", "core", "word_start", "word_points", "lon")
    arrays = [city.arena[name] for name in names]
    placed = np.zeros(len(arrays[-1]))
    for road in (r for r in range(city.built) if city.level_of(r) in ("road", "village")):
        table = numbers_below(road, *arrays[:-1], placed)
        wanted = [
            (child, road, *number)
            for child in city.children(road)
            if city.level_of(child) == "number"
            and (number := number_of(city.core_of_row(child))) is not None
        ]
        assert [tuple(row) for row in table.tolist()] == wanted
        assert not len(numbers_below(road, *arrays[:-1], np.full(len(placed), np.nan)))


def test_many_texts_are_answered_as_one_by_one(city: AddressIndex, noisy: list[str]) -> None:
    city.warm()
    texts = [*noisy[::3], *noisy[:20], "", "路", "\ud800路1号"]
    for some in (texts, texts[:-1]):
        for text, found in zip(some, city.geocode_each(some), strict=True):
            alone = city.geocode(text)
            assert found == alone, text
            assert found.elements == alone.elements, text


def test_every_node_is_found_by_its_standard_string(city: AddressIndex) -> None:
    city.warm()
    rows = random.Random(3).sample(range(city.built), 300)
    answered = sum(_same(city, city.fast, city.full_of(row)) for row in rows)
    assert answered > 270


@given(_joined(5))
@settings(max_examples=400, deadline=None)
def test_any_end_of_an_address(city: AddressIndex, end: str) -> None:
    city.warm()
    row = 1 + hash(end) % (city.built - 1)
    named = next((r for r in city.above(row) if city.level_of(r) in ("road", "village")), row)
    _same(city, city.fast, city.full_of(named) + end)
    _same(city, city.fast, city.core_of_row(named) + end)


def _turned_and_told(city: AddressIndex) -> list[str]:
    """Doors and rooms in wordings that the two engines decide on in different places."""
    rng, out = random.Random(9), []
    levels = city.levels_array
    numbers = np.flatnonzero(levels == RANK["number"]).tolist()
    rooms = np.flatnonzero(levels == RANK["room"]).tolist()
    for row in rng.sample(numbers, 40):
        road = f"{city.core_of_row(city.parent[row])}{city.core_of_row(row)}号"
        street = city.core_of_row(ancestor(city, row, "street")) if row else ""
        heads = ("江丕街道", "西岭镇", "西岭街道办事处", f"{street}办事处", "西岭镇某小区")
        out += [head + road for head in heads]
        out += [road + tail for tail in ("对面", "东侧50米", " 400-820-8820", "西岭街道办事处")]
        out.append(f"7号楼{road}")
    for row in rng.sample(rooms, 40):
        house = city.full_of(city.parent[row])
        out += [f"{house}3楼0{k}室" for k in (1, 2)] + [f"{house}3层{k}室" for k in (1, 12)]
        out.append(f"{city.core_of_row(row)}室2单元5号楼{house}")
    return out


def test_a_column_is_matched_row_by_row(city: AddressIndex, noisy: list[str]) -> None:
    rng = random.Random(5)
    texts: list[str | None] = [
        *noisy,
        *rng.choices(noisy, k=50),
        *_turned_and_told(city),
        "",
        None,
        "路",
        "🙂" * 500,
        "\x00",
    ]
    rng.shuffle(texts)
    table = match_batch(city, pa.array(texts, pa.string()))
    assert table.schema == RESULT
    for text, row in zip(texts, table.to_pylist(), strict=True):
        found = city.geocode(text or "")
        told = (row["status"], row["node_id"], row["full"], row["level"], row["missing"])
        assert told == (found.status, found.node_id, found.full, found.level, found.missing), text
        assert row["confidence"] == found.confidence, text
        assert sorted(row["faults"]) == sorted(fault.code for fault in found.faults), text
        at = found.location
        place = (None,) * 4 if at is None else (at.lon, at.lat, at.method, at.error_m)
        assert (row["lon"], row["lat"], row["method"], row["error_m"]) == pytest.approx(place), text


def test_places_of_a_column_are_those_of_the_geocoder(index: AddressIndex) -> None:
    texts = [index.full_of(row) for row in range(index.built)]
    texts += ["古墩路17号", "古墩路18号", "古墩路33号之1", "古墩路777号", "古墩路24号", "临江花园5号楼", "古敦路19号",
              "临江花园5号楼2单元9903室", "柳巷路366弄9号", "人民路99号", "江南街道人民路", "石桥村"]  # fmt: skip
    methods = set()
    for text, row in zip(texts, match_batch(index, pa.array(texts)).to_pylist(), strict=True):
        found = index.geocode(text)
        at = found.location
        place = (None,) * 4 if at is None else (at.lon, at.lat, at.method, at.error_m)
        assert (row["node_id"], row["full"]) == (found.node_id, found.full), text
        assert (row["lon"], row["lat"], row["method"], row["error_m"]) == place, text
        methods.add(row["method"])
    assert {"node", "children", "interpolated"} <= methods


def test_a_column_without_places_says_the_same(city: AddressIndex, noisy: list[str]) -> None:
    texts = pa.array(noisy[::5])
    table = match_batch(city, texts, located=False)
    assert table["lon"].null_count == len(texts)
    for text, row in zip(texts.to_pylist(), table.to_pylist(), strict=True):
        found = city.match(text)
        assert (row["status"], row["node_id"], row["confidence"]) == (
            found.status, found.node_id, found.confidence,
        ), text  # fmt: skip


def test_workers_share_one_file(tmp_path: Path, city: AddressIndex) -> None:
    rows = range(0, city.built, 1 + city.built // 30)
    texts = pa.chunked_array([[city.full_of(row)] for row in rows])
    with pytest.raises(ValueError, match="file"):
        match_batch(city, pa.array([str(n) for n in range(25_000)]), workers=2)
    city.save(tmp_path / "city.addresses")
    opened = AddressIndex.open(tmp_path / "city.addresses")
    assert match_batch(opened, texts, workers=2).equals(match_batch(city, texts))


def test_edits_are_seen_at_once(city: AddressIndex) -> None:
    index = AddressIndex.from_nodes(city_nodes(3, 3, 5))
    index.warm()
    road = next(r for r in range(index.built) if index.level_of(r) == "road")
    text = index.full_of(road) + "7771号"
    assert index.match(text).status == "partial"
    node = index.insert(index.id_of(road), "number", "7771号")
    assert (index.match(text).status, index.match(text).node_id) == ("exact", node)
    index.rename(index.id_of(road), "蓬莱新造路")
    assert index.match("蓬莱新造路7771号").node_id == node
    index.retire(node)
    assert index.match("蓬莱新造路7771号").status == "partial"
    assert match_batch(index, pa.array(["蓬莱新造路7771号"]))["status"].to_pylist() == ["partial"]


def test_elements_are_read_when_they_are_asked_for(index: AddressIndex) -> None:
    index.warm()
    text = index.full_of(next(r for r in range(index.built) if index.level_of(r) == "room"))
    found, placed = index.match(text), index.geocode(text)
    assert [e.level for e in found.elements][-1] == "room"
    assert placed.location is not None
    assert replace(placed, location=None) == found == pickle.loads(pickle.dumps(found))  # noqa: S301
