import pytest

import address.match as matching
from address.confidence import SIGNS, _coefficients, confidence, signs_of
from address.index import AddressIndex

TEXTS = [
    "临江花园5号楼2单元1203", "古墩路17号", "古敦路17号", "古墩街17号", "古墩路99号", "人民路88号",
    "临江花园", "临江示范区江北街道", "江北街道人民路88号江南大厦", "云梦泽市", "上海市", "你好",
    "没有的路5号", "临江花圆5号楼", "张三 13800000000 临江花园5号楼2单元1203室 放门口", "3号楼", "人民路",
    "临江花园5号楼9单元", "临江花园5号楼2单元9901", "学院路5号明湖中学实验楼", "", "石桥村27号",
]  # fmt: skip


def test_a_plain_answer_is_surer_than_a_repaired_or_one_of_several(index: AddressIndex) -> None:
    plain, repaired = index.match("江北街道古墩路17号"), index.match("古敦路17号")
    several = index.match("人民路")
    assert several.status == "ambiguous"
    assert plain.confidence >= 0.98
    assert plain.confidence > max(repaired.confidence, several.confidence)


def test_that_nothing_is_there_is_surer_for_a_sentence_than_for_an_address(
    index: AddressIndex,
) -> None:
    idle, doubtful = index.match("今天天气不错我们去散步"), index.match("风河路18号3单元")
    assert (idle.status, doubtful.status) == ("none", "none")
    assert idle.confidence > doubtful.confidence > 0


def test_each_sign_has_a_weight_and_nothing_else_is_signed(
    index: AddressIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: set[str] = set()

    def recorded(*given: object) -> dict[str, float]:
        signs = signs_of(*given)  # type: ignore[arg-type]  # handed on as they come
        met.update(signs)
        return signs

    monkeypatch.setattr(matching, "signs_of", recorded)
    for text in TEXTS:
        matching.match_by_reference(index, text)  # the compiled path signs what it has not met
    weights = _coefficients()[1]
    assert met <= set(SIGNS) == set(weights)
    assert {"cost", "gap", "nothing", "missing_number", "homophone", "rivals"} <= met


def test_chances_rise_with_the_score_and_none_is_certain() -> None:
    _, _, scores, chances = _coefficients()
    assert len(scores) == len(chances)
    assert scores == sorted(set(scores))
    assert chances == sorted(chances)
    assert 0 < chances[0] < chances[-1] < 1
    assert not [c for c in chances if 0.9 <= c < 0.98]


@pytest.mark.parametrize(
    "sign", ["rivals", "nothing", "unread_missing", "conflict_missing", "cost"]
)
def test_signs_of_trouble_lower_the_chance(sign: str) -> None:
    assert confidence({sign: 3.0}) < confidence({})


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_text_has_the_same_chance(index: AddressIndex, text: str) -> None:
    first, again = index.match(text), index.match(text)
    assert first == again
    assert 0.0 <= first.confidence <= 1.0
