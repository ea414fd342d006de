"""Scores of predictions, against numbers counted by hand."""

import json

from address.model import FAULT_TEXTS, FAULT_TEXTS_EN
from address.scoring import score_folder


def put(folder, track, rows):
    folder.mkdir(exist_ok=True)
    lines = (json.dumps({"qid": str(i), **row}) for i, row in enumerate(rows))
    (folder / f"{track}.jsonl").write_text("\n".join(lines))


def test_scores_are_what_a_hand_count_gives(tmp_path):
    gold, said = tmp_path / "gold", tmp_path / "said"
    put(gold, "match", [
        {"expect_status": "exact", "expect_ids": ["a"]},
        {"expect_status": "partial", "expect_deepest": "b"},
        {"expect_status": "none"},
        {"expect_status": "exact", "expect_ids": ["c"]},
    ])  # fmt: skip
    put(said, "match", [
        {"ids": ["a"], "status": "exact", "confidence": 0.95},
        {"ids": ["b"], "status": "exact", "confidence": 0.95},
        {"ids": ["z"], "status": "exact", "confidence": 0.35},
    ])  # fmt: skip
    put(gold, "pair", [{"label": "exact"}, {"label": "partial"}, {"label": "none"}])
    put(said, "pair", [{"label": "exact"}, {"label": "exact"}, {"label": "none"}])
    put(gold, "hard", [{"expect": {"road": "甲路", "room": "1"}}, {"expect": {"none": True}}])
    put(said, "hard", [{"canon": {"road": "甲路"}}, {"canon": {}}])
    put(gold, "geocode", [{"expect": {"lon": 114.0, "lat": 0.0, "town": "甲"}}] * 2)
    put(said, "geocode", [{"lon": 114.001, "lat": 0.0, "town": "甲", "error_m": 120.0},
                          {"lon": 114.01, "lat": 0.0, "town": "乙", "error_m": 120.0}])  # fmt: skip

    scores = score_folder(gold, said)

    assert scores["match"] == {"top1": 50.0, "top1_and_status": 25.0, "sure_share": 50.0, "sure_precision": 100.0,
                               "calibration_error": round(0.5 * 0.05 + 0.25 * 0.35 + 0.25 * 0.0, 4)}  # fmt: skip
    assert scores["pair"] == {"macro_f1": round(100 * (2 / 3 + 0 + 1) / 3, 2)}
    assert scores["hard"] == {"all_fields": 50.0, "fields": round(100 * 2 / 3, 2)}
    assert scores["geocode"] == {
        "median_m": 611.6,
        "within_300_m": 50.0,
        "town": 50.0,
        "error_m_covers": 50.0,
    }


def test_every_fault_has_a_sentence_in_both_languages():
    assert FAULT_TEXTS.keys() == FAULT_TEXTS_EN.keys()
