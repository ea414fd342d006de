"""Damaged sources end loaded or refused: a seeded share of the ten thousand, and what was found by them."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import counting  # noqa: E402

MUTANTS = 90


def fuzz(*arguments: object) -> dict:
    done = subprocess.run(
        [sys.executable, HERE / "fuzz.py", "--json", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout) | {"code": done.returncode, "words": done.stderr}


def test_mutants_of_every_kind_end_loaded_or_refused():
    told = fuzz("--count", MUTANTS, "--seed", 2026, "--jobs", 2, "--seconds", 120)

    assert told["bad"] == []
    assert told["code"] == 0
    assert set(told["outcomes"]) == {"loaded", "refused"}
    assert told["outcomes"]["loaded"] > MUTANTS / 4
    assert len({m["seed"] for m in told["mutants"]}) == told["seeds"]


def test_a_mutant_is_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        fuzz("--count", 1, "--first", 7, "--seed", 5, "--jobs", 1, "--keep", tmp_path / name)
    a, b = ([p.read_bytes() for p in sorted((tmp_path / n).rglob("*")) if p.is_file()] for n in "ab")  # fmt: skip

    assert a == b
    assert len(a) >= 1


def test_a_record_and_a_damaged_rest_in_one_line_may_count_as_two(tmp_path):
    (tmp_path / "a.geojsonl").write_text('{"type": "Feature"}\n{"type": "Feature"}ure"}\n{"ty\n')

    assert counting.counted(tmp_path / "a.geojsonl") == (3, 4)
