"""What the command over the official validator makes of its reports; the validator itself runs by hand (``validators.py``)."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import validators  # noqa: E402

REPORT = [
    {"type": "CONTENT_VALIDATION_WARNING", "severity": "WARNING", "message": "a.glb", "causes": [
        {"type": "ACCESSOR_MAX_MISMATCH", "severity": "WARNING", "message": "max"},
        {"type": "UNSUPPORTED_EXTENSION", "severity": "INFO", "message": "not looked at"},
    ]},
    {"type": "BOUNDING_VOLUMES_INCONSISTENT", "severity": "ERROR", "message": "box"},
]  # fmt: skip


def test_every_message_counts_once_and_no_summary_does():
    assert [i["type"] for i in validators.leaves(REPORT)] == [
        "ACCESSOR_MAX_MISMATCH",
        "BOUNDING_VOLUMES_INCONSISTENT",
    ]


def test_a_city_without_tiles_is_not_clean():
    verdict = validators.Verdict("city", 12, 0, 0, 0, 0, {})
    assert not verdict.clean
    assert verdict.line().endswith("NOT CLEAN |")


def test_without_a_validator_it_says_how_to_get_one(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    assert validators.main([]) == 2

    assert "npm install && npm run build" in capsys.readouterr().err
