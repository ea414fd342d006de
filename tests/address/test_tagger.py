import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from address import tag
from address.normalise import MAX_CHARACTERS
from address.tagger import CONVENTIONS
from address.tagger.decode import transition_sizes
from address.tagger.features import FEATURES, features_of
from address.tagger.model import Model, load_model, read_model, write_model
from address.tagger.names import lexicon
from address.tagger.tokens import CLASSES, TAILS, folded_points, tokens_of

TOOLS = Path(__file__).resolve().parents[1] / "bench" / "address"


def labelled(text: str, convention: str = "ncap") -> list[tuple[str, str]]:
    return [(span.label, span.text) for span in tag(text, convention)]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_plain_address_is_cut_down_to_the_room(convention: str) -> None:
    assert labelled("湖北省武汉市洪山区珞喻路88号临江花园5栋2单元1203室", convention) == [
        ("province", "湖北省"),
        ("city", "武汉市"),
        ("county", "洪山区"),
        ("road", "珞喻路"),
        ("road_no", "88号"),
        ("poi", "临江花园"),
        ("building", "5栋"),
        ("unit", "2单元"),
        ("room", "1203室"),
    ]


def test_a_chain_keeps_its_order_across_the_dashes() -> None:
    assert labelled("杭州市西湖区文三路临江花园5-2-1203")[-3:] == [
        ("building", "5"),
        ("unit", "2"),
        ("room", "1203"),
    ]


def test_a_repeated_division_is_named_once() -> None:
    spans = labelled("浙江省杭州市浙江省杭州市余杭区临平街道")
    assert [label for label, _ in spans].count("city") == 1
    assert spans[-2:] == [("county", "余杭区"), ("town", "临平街道")]


def test_a_number_is_never_cut() -> None:
    for convention in CONVENTIONS:
        for span in tag("杭州市西湖区文三路12345号67幢89012室", convention):
            assert not (
                span.end < 23
                and span.text[-1].isdigit()
                and "杭州市西湖区文三路12345号67幢89012室"[span.end].isdigit()
            )


@pytest.mark.parametrize(
    "written",
    [
        "湖北省武漢市洪山區珞喻路８８號臨江花園５棟２單元１２０３室",
        "湖北省武汉市洪山区珞喻路88号临江花园5栋2单元1203室",
    ],
)
def test_spans_are_of_the_text_that_was_given(written: str) -> None:
    plain = tag("湖北省武汉市洪山区珞喻路88号临江花园5栋2单元1203室")
    assert [(s.label, s.start, s.end) for s in tag(written)] == [
        (s.label, s.start, s.end) for s in plain
    ]
    assert all(s.text == written[s.start : s.end] for s in tag(written))


@settings(deadline=None, max_examples=60)
@given(
    st.text(max_size=60)
    | st.text("浙江省杭州市余杭区文一西路号幢单元室0123456789-A丰巢,", max_size=60),
    st.sampled_from(CONVENTIONS),
)
def test_spans_stand_in_order_without_overlap_and_come_again(text: str, convention: str) -> None:
    spans = tag(text, convention)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(
        span.start < span.end <= len(text) and span.text == text[span.start : span.end]
        for span in spans
    )
    assert all(0.4 < span.probability <= 1 for span in spans)
    assert {span.label for span in spans} <= set(read_model(convention).labels)
    assert tag(text, convention) == spans


def test_what_is_no_address_does_no_harm() -> None:
    assert tag("") == []
    long = "杭州市西湖区文三路88号" * 900_000
    assert tag(long) == tag(long[:MAX_CHARACTERS])
    for text in (
        "\x00\x01\x7f" * 20,
        "🏠🏢\U00020000\U0010ffff" * 9,
        "\ud800\udfff路",
        "'; DROP TABLE address; --",
        "Улица Ленина, 5",
        "شارع ٥",
    ):
        assert all(text[span.start : span.end] == span.text for span in tag(text))


def test_a_wrong_call_is_refused() -> None:
    with pytest.raises(ValueError, match="ncap, swei"):
        tag("文三路88号", "none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="floor is 40"):
        tag("文三路88号", floor=40)


def test_the_weights_say_where_they_come_from_and_stay_small() -> None:
    data = Path(sys.modules["address"].__file__).parent / "data"
    for convention in CONVENTIONS:
        assert "github.com/" in read_model(convention).about
        assert "none of the test split" in read_model(convention).about
    assert (
        sum((data / f"tagger_{convention}.npz").stat().st_size for convention in CONVENTIONS)
        < 2_500_000
    )


def tiny(path: Path, text: str) -> tuple[Model, np.ndarray, np.ndarray]:
    """A model of two labels with chosen weights for some features of a text; its scores and moves."""
    points = folded_points(text)
    starts, codes, values = (np.empty(len(points), np.int32) for _ in range(3))
    n = tokens_of(points, starts, codes, values)
    out = np.empty((n, FEATURES), np.uint32)
    features_of(codes, values, n, *lexicon(), CLASSES, TAILS, out)
    rng = np.random.default_rng(7)
    known = np.unique(out[:, :4] >> np.uint32(4))
    weights = np.round(rng.normal(0, 0.8, (len(known), 9)) * 20) / 20
    moves = rng.normal(0, 0.5, transition_sizes(2)[-1]).astype(np.float16).astype(float)
    write_model(
        path,
        ("one", "two"),
        "for a test",
        known,
        np.full(len(known), 9, np.uint8),
        np.tile(np.arange(9, dtype=np.uint8), len(known)),
        weights.ravel(),
        moves,
    )
    rows = {int(feature): number for number, feature in enumerate(known)}
    score = np.array(
        [
            sum(weights[rows[int(f)]] for f in token >> np.uint32(4) if int(f) in rows)
            for token in out
        ]
    )
    return load_model(path), score, moves


def paths(n: int) -> list[tuple[int, ...]]:
    """All tag sequences: 4 × label + begin 0, inside 1, end 2, single 3; 8 is outside."""

    def fits(a: int, b: int) -> bool:
        is_open = a < 8 and a % 4 in (0, 1)
        goes_on = b < 8 and b % 4 in (1, 2)
        return is_open == goes_on and (not is_open or a // 4 == b // 4)

    every = itertools.product(range(9), repeat=n)
    return [p for p in every if fits(8, p[0]) and fits(p[-1], 8) and all(map(fits, p, p[1:]))]


def weigh(path: tuple[int, ...], score: np.ndarray, moves: np.ndarray) -> float:
    ends = (0, *transition_sizes(2))
    total, last, outside = sum(score[i, t] for i, t in enumerate(path)), 2, True
    for t in path:
        if t == 8:
            total += moves[ends[3] + last] if outside else moves[ends[2] + last]
            outside = True
        elif t % 4 in (0, 3):
            total += moves[(ends[1] if outside else 0) + 2 * last + t // 4]
            last, outside = t // 4, False
    return math.exp(total + (moves[ends[5] + last] if outside else moves[ends[4] + last]))


def test_probabilities_are_those_of_all_readings_counted_one_by_one(tmp_path: Path) -> None:
    text = "路口8号院"
    model, score, moves = tiny(tmp_path / "tiny.npz", text)
    spans: dict[tuple[str, int, int], float] = {}
    whole = 0.0
    for path in paths(len(text)):
        weight = weigh(path, score, moves)
        whole += weight
        begin = 0
        for i, t in enumerate(path):
            if t < 8 and t % 4 in (0, 3):
                begin = i
            if t < 8 and t % 4 in (2, 3):
                key = (model.labels[t // 4], begin, i + 1)
                spans[key] = spans.get(key, 0.0) + weight
    found = model.spans(text, 0.05)
    assert found
    for label, start, end, probability in found:
        assert probability == pytest.approx(spans[label, start, end] / whole, rel=1e-6)
    best = max(
        sum(spans[key] / whole - 0.05 for key in chosen)
        for count in range(1, 6)
        for chosen in itertools.combinations([k for k in spans if spans[k] / whole > 0.05], count)
        if all(a[2] <= b[1] or b[2] <= a[1] for a, b in itertools.combinations(chosen, 2))
    )
    assert sum(p - 0.05 for *_, p in found) == pytest.approx(best, rel=1e-6)


@pytest.mark.slow
def test_training_learns_a_small_language_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    import train_tagger

    (tmp_path / "ncap").mkdir()
    blocks = []
    for number, (road, place) in enumerate(
        itertools.product(("云台路", "临江大道", "柳荫街"), ("翠湖苑", "金桂公馆", "望江楼"))
    ):
        words = [(c, "road", i) for i, c in enumerate(road)] + [
            (str(10 + number), "roadno", 0),
            ("号", "roadno", 1),
        ]
        words += [(c, "poi", i) for i, c in enumerate(place)] + [
            ("-", "redundant", 0),
            (str(number), "houseno", 0),
        ]
        blocks.append("\n".join(f"{word} {'I' if i else 'B'}-{name}" for word, name, i in words))
    (tmp_path / "ncap" / "train.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    rows = train_tagger.read(tmp_path / "ncap" / "train.txt", "ncap")
    assert rows[0] == (
        "云台路10号翠湖苑-0",
        [("road", 0, 3), ("road_no", 3, 6), ("poi", 6, 9), ("building", 10, 11)],
    )
    train_tagger.train(
        rows, tmp_path / "w.npz", "for a test", least=1, dense=5, drop=300, epochs=20, most=10**6
    )
    f1, whole, _ = train_tagger.measure(load_model(tmp_path / "w.npz"), rows, 0.4)
    assert (f1, whole) == (100, 100)
