"""The compiled cut reads what the reference reads: the same patterns, pieces and elements."""

import importlib
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from address import grammar, last_words, segment
from address.cutting import pieces_of, read_pieces
from address.kernel.patterns import CLASSES, MARK, SHEET, SPENT, TEXT, Programs, run
from address.lexicon import national_names
from address.normalise import MAX_CHARACTERS, normalise
from address.parse import elements_of, parse, parse_batch, warm

sys.path.insert(0, str(Path(__file__).parent / "hard"))
WORDS = "路街道市区县号弄楼室东西南北和与近,()-12AB村镇地下负第一社组栋单元广场附之甲期"


def texts(seed: int, mutants: int) -> list[str]:
    """Every text of the hard cases, and some of them with pieces cut out and put in."""
    out = [
        case.text
        for name in ("strangers", "travellers", "doors", "buildings", "divisions", "relative")
        for listed in vars(importlib.import_module(f"test_{name}")).values()
        if isinstance(listed, list)
        for case in listed
        if hasattr(case, "text")
    ]
    rng, names = random.Random(seed), list(national_names().entries)
    for _ in range(mutants):
        text = list(rng.choice(out))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text) + 1)
            choice = rng.random()
            if choice < 0.3:
                del text[at : at + rng.randint(1, 3)]
            else:
                text[at:at] = rng.choice(names) if choice < 0.6 else rng.choice(WORDS)
        out.append("".join(text))
    return out


def test_there_is_something_to_read() -> None:
    assert len(texts(1, 100)) > 500


@pytest.mark.parametrize(
    ("pattern", "kinds"),
    [
        (last_words.GENERIC, last_words.KINDS),
        (grammar.TOKEN, grammar.TOKEN_KINDS),
        (last_words.TRAP, ()),
        (last_words.RELATION, ()),
        (last_words.FACILITY, ()),
        (last_words.LEAD, ()),
        (last_words.NEW_COUNTY, ()),
    ],
)
def test_a_program_ends_where_its_pattern_ends(pattern: object, kinds: tuple[str, ...]) -> None:
    programs = Programs()
    start = programs.add(pattern, {kind: number for number, kind in enumerate(kinds)})
    table = programs.table()
    sheet = np.zeros(SHEET, np.int32)
    compared = 0
    for text in texts(2, 150):
        folded = normalise(text).text
        points = np.frombuffer(folded.encode("utf-32-le"), np.uint32).astype(np.int32)
        if len(points) == 0 or points.max() >= 0x10000:
            continue
        sheet[TEXT : TEXT + len(points)] = points
        sheet[CLASSES : CLASSES + len(points)] = table[table[1] + points]
        for at in range(len(folded)):
            for end in (len(folded), min(len(folded), at + 4)):
                found = pattern.match(folded, at, end)
                assert run(table, sheet, start, at, end) == (found.end() if found else -1), (folded, at)  # fmt: skip
                compared += 1
                if found and kinds:
                    assert kinds[sheet[MARK]] == next(k for k in kinds if found[k] is not None)
    assert sheet[SPENT] == 0
    assert compared > 5_000


def test_pieces_are_those_of_the_reference() -> None:
    for text in texts(3, 1_500):
        folded = normalise(text).text
        assert pieces_of(folded) == segment.segment(folded), folded


def test_elements_and_spans_are_those_of_the_reference() -> None:
    warm()
    listed = texts(4, 1_500)
    for text in listed:
        assert parse(text) == elements_of(normalise(text)), text
    assert sum(read_pieces(text) is not None for text in listed) > 0.8 * len(listed)


@pytest.mark.parametrize(
    "text",
    [
        "", ",", "\x00\x01", "𠮷野路3号", "\ud800人民路3号", "1" * 500, "路" * 500, "-1" * 300, "人民路" * 300,
        "(" * 400, "湖 北 省 武 汉 市 洪 山 区 雄 楚 大 道 1 5 3 号", "人民路5号,1,2,3,4,5,6,7,8,9,10",
    ],
)  # fmt: skip
def test_odd_texts_are_read_alike(text: str) -> None:
    warm()
    assert parse(text) == elements_of(normalise(text))


def test_a_text_of_ten_megabytes_is_read_at_its_head() -> None:
    warm()
    text = "武汉市洪山区珞喻路1037号" + "华" * 10_000_000
    assert parse(text) == parse(text[:MAX_CHARACTERS])


def test_what_the_machine_does_not_know_is_told() -> None:
    import re

    with pytest.raises(ValueError, match="not known"):
        Programs().add(re.compile(r"(a)\1"))


def test_a_column_is_parsed_row_by_row() -> None:
    import pyarrow as pa

    rows = ["临江花园五栋2-1203", None, "", "临江花园五栋2-1203", "人民路3号"]
    table = parse_batch(pa.array(rows, pa.string()))
    told = table["elements"].to_pylist()
    assert told[0] == told[3]
    assert told[1] is None
    assert told[2] == []
    assert [(e["level"], e["value"], e["start"], e["end"]) for e in told[4]] == [
        ("road", "人民路", 0, 3),
        ("number", "3", 3, 5),
    ]
