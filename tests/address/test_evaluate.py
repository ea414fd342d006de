import json
import subprocess
import sys
from pathlib import Path

import pytest

from address.compare import compare
from address.evaluate import run

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "address"


@pytest.mark.parametrize(
    ("a", "b", "label"),
    [
        ("临江大道35号临江花园5号楼", "临江花园五栋", "exact"),
        ("临江大道35号", "临江大道37号", "none"),
        ("武汉市临江大道35号", "宜昌市临江大道35号", "none"),
        ("临江花园5号楼2单元1203", "临江花园5号楼2单元1204", "partial"),
    ],
)
def test_two_addresses_compared(a: str, b: str, label: str) -> None:
    assert compare(a, b).label == label
    assert compare(b, a).label == label


@pytest.mark.real
def test_the_visible_set_is_answered_well(tmp_path: Path) -> None:
    if not (DATA / "dev").is_dir():
        pytest.skip("the address evaluation set is not beside the checkout")
    report = run(DATA / "dev", None, tmp_path)
    scored = subprocess.run(
        [sys.executable, str(DATA / "score.py"), str(DATA / "dev"), str(tmp_path)],
        capture_output=True,
        check=True,
    )
    score = json.loads(scored.stdout)
    assert score["match"]["top1_and_status"] >= 98.5
    assert min(score["match"]["top1"].values()) >= 93
    assert score["match"]["high_conf_precision"] >= 99.9
    assert score["reverse"]["hit"] == 100
    assert score["parse"]["f1_ncap"] >= 86  # 80 texts: two points either way are chance
    assert score["parse"]["f1_swei"] >= 94
    assert score["autocomplete"]["all"]["target_in_10"] >= 98
    assert report["match"]["p50_ms"] < 1
