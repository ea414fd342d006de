"""Scan tells of every file: layers, and what it left out with the reason."""

import json

from typer.testing import CliRunner

from api.cli import app

POINT = '{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[114,30]}}'


def delivery(folder):
    (folder / "点.geojson").write_text(POINT, encoding="utf-8")
    (folder / "图.dwg").write_bytes(b"AC1032")
    (folder / "readme.md").write_text("x")
    (folder / "lost.shx").write_bytes(b"x")
    return folder


def test_every_file_of_a_folder_is_a_layer_or_is_left_out_with_a_reason(tmp_path):
    done = CliRunner().invoke(app, ["scan", str(delivery(tmp_path)), "--json"])
    rows = {row["file"].rsplit("/", 1)[-1]: row for row in json.loads(done.stdout)}

    assert {name: row["kind"] for name, row in rows.items()} == {
        "点.geojson": "features",
        "图.dwg": "skipped",
        "readme.md": "skipped",
        "lost.shx": "skipped",
    }
    assert "save them as DXF" in rows["图.dwg"]["findings"][0]
    assert "belongs to a .shp that is not here" in rows["lost.shx"]["findings"][0]


def test_the_table_counts_what_was_not_recognised(tmp_path):
    done = CliRunner().invoke(app, ["scan", str(delivery(tmp_path))])

    assert "3 files not recognised" in done.stdout


def test_a_plan_names_no_file_that_was_left_out(tmp_path):
    plan = tmp_path / "plan.toml"
    CliRunner().invoke(app, ["scan", str(delivery(tmp_path)), "--plan", str(plan)])

    assert plan.read_text(encoding="utf-8").count("[[layer]]") == 1
