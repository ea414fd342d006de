"""The battery tells good from bad: its outcomes on files made here, and its exit code."""

import json
import multiprocessing
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import corrections  # noqa: E402
import isolation  # noqa: E402
import misbehaving  # noqa: E402
import truth  # noqa: E402

POINTS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"高度": h},
            "geometry": {"type": "Point", "coordinates": [114 + h / 100, 30]},
        }
        for h in (3, 4)
    ],
}


def test_a_folder_ends_loaded_refused_and_skipped_and_the_truth_is_compared(tmp_path):
    folder = tmp_path / "data" / "vector"
    folder.mkdir(parents=True)
    (folder / "good.geojson").write_text(json.dumps(POINTS), encoding="utf-8")
    (folder / "wrong.geojson").write_text(json.dumps(POINTS), encoding="utf-8")
    (folder / "broken.gpkg").write_bytes(b"SQLite format 3\0" + b"\xff" * 64)
    (folder / "notes.txt").write_text("nothing")
    layer = {"name": "x", "geom_type": "Point", "bounds_read": [114.03, 30, 114.04, 30]}
    layer |= {"高度_min_max_sum": [3, 4, 7], "features": 2}
    truth = {
        "vector/good.geojson": {"truth": {"layers": [layer]}},
        "vector/wrong.geojson": {"truth": {"layers": [layer | {"features": 3}]}},
    }
    (folder / "GROUND_TRUTH.json").write_text(json.dumps(truth), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, HERE / "battery.py", folder, "--json", "--ground-truth", "--quiet"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)
    outcomes = {Path(row["path"]).name: row["outcome"] for row in told["sources"]}

    assert done.returncode == 0, done.stderr
    assert outcomes["good.geojson"] == outcomes["wrong.geojson"] == "loaded"
    assert (outcomes["broken.gpkg"], outcomes["notes.txt"]) == ("refused", "skipped")
    assert {Path(c["path"]).name: c["verdict"] for c in told["compared"]} == {
        "good.geojson": "match",
        "wrong.geojson": "differs",
    }


ROWS = """<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row><c><v>name</v></c></row><row><c/></row><row><c><v>1</v></c></row><row/></sheetData></worksheet>"""


@pytest.mark.parametrize(("rows", "verdict"), [(1, "corrected"), (3, "differs"), (4, "match")])
def test_a_truth_whose_reader_was_wrong_is_reckoned_anew(tmp_path, monkeypatch, rows, verdict):
    """The reference counts four rows, of which one holds a value: one is right, and nothing but one or its own four."""
    file = tmp_path / "vector" / "a.xlsx"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", ROWS)
    told = {"vector/a.xlsx": {"truth": {"layers": [{"name": "S", "features": 4}]}}}
    (file.parent / "GROUND_TRUTH.json").write_text(json.dumps(told), encoding="utf-8")
    layer = {"layer": "S", "format": "XLSX", "outcome": "loaded", "rows": rows, "bounds": None}
    layer |= {"first": None, "null_geometries": 0}
    row = {"path": str(file), "outcome": "loaded", "layers": [layer]}
    known = {"vector/a.xlsx": (corrections.filled_rows, "rows without a cell")}
    monkeypatch.setattr(corrections, "CORRECTIONS", known)
    monkeypatch.setattr(truth, "CORRECTIONS", known)

    (compared,) = truth.compare([file.parent], [row])
    assert compared.verdict == verdict


def calls(path):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
    return {}


def reaches(path):
    try:
        calls(path)
    except OSError:
        return {}
    return {}


@pytest.mark.parametrize(
    ("work", "how"),
    [(misbehaving.dies, "crashed"), (misbehaving.sleeps, "hung"), (misbehaving.grows, "too big")],
)
def test_a_child_that_dies_sleeps_or_grows_is_told_apart(tmp_path, work, how):
    context = multiprocessing.get_context("spawn")  # a forked child would hold what this run holds
    ending = isolation.run(work, tmp_path, tmp_path, 4.0, 300 * 2**20, context)

    assert ending.how == how


def test_an_attempt_to_reach_the_network_is_counted(tmp_path):
    context = multiprocessing.get_context("fork")
    ending = isolation.run(reaches, tmp_path, tmp_path, 20.0, 2**31, context)

    assert ending.how == "done", ending.detail
    assert ending.value["network"]["attempts"] >= 1
