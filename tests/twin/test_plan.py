"""The plan file: a round trip with its comments, and errors that name entry, line and the nearest key."""

from pathlib import Path

import pytest

from twin.errors import PlanError
from twin.plan import LayerPlan, Plan

FULL = LayerPlan(
    "2026-*/建筑.shp",
    layer="建筑*",
    source="建筑",
    class_code="building",
    key_field="BH",
    mode="replace",
    crs="EPSG:4547",
    crs_evidence="the .prj",
    z_reference="1985",
    z_unit="ft",
    time_zone="Asia/Shanghai",
    date_order="dmy",
    variables=("PM2.5", "温度"),
    missing=(-999.0,),
    fields={"HEIGHT": "height_m", "类 型": "usage"},
    units={"HEIGHT": "ft"},
    values={"stage": {"Closed": "结案"}},
    notes={"class_code": "the name says so (90 % sure)", "fields.HEIGHT": "feet?", "nowhere": "x"},
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_survives_its_file_and_its_comments_stand_above_their_keys(tmp_path: Path) -> None:
    text = Plan([FULL, LayerPlan("b.csv", skip=True)], "citytwin-2026").to_toml()
    read = Plan.read(written(tmp_path, text))
    assert read.edition == "citytwin-2026"
    assert list(read.layers) == [FULL, LayerPlan("b.csv", skip=True)]
    lines = text.splitlines()
    assert lines[lines.index('class_code = "building"') - 1] == "# the name says so (90 % sure)"
    assert lines[lines.index('HEIGHT = "height_m"') - 1] == "# feet?"
    assert "# x" in lines


def test_both_ways_of_giving_a_unit_mean_the_same(tmp_path: Path) -> None:
    forward = '[[layer]]\npath = "a"\nfields.HEIGHT = { to = "height_m", unit = "ft" }\n'
    backward = '[[layer]]\npath = "a"\nfields.height_m = { field = "HEIGHT", unit = "ft" }\n'
    apart = '[[layer]]\npath = "a"\nfields.HEIGHT = "height_m"\nunits.HEIGHT = "ft"\n'
    plans = [Plan.read(written(tmp_path, t)).layers[0] for t in (forward, backward, apart)]
    assert plans[0] == plans[1] == plans[2]
    assert plans[0].units == {"HEIGHT": "ft"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[[layer]]\npath = "a"\nclas_code = "b"',
            "line 3.*'clas_code'.*did you mean 'class_code'",
        ),
        ('[[layer]]\npath = "a"\nid_field = "b"', "line 3.*did you mean 'key_field'"),
        (
            '[[layer]]\npath = "a"\n\n[[layer]]\npath = "b"\nmode = "replce"',
            r"line 6, layer 2 \(b\).*did you mean 'replace'",
        ),
        ('[[layer]]\npath = "a"\ntime_zone = "Asia/Beijing"', "line 3.*no zone"),
        (
            '[[layer]]\npath = "a"\n[layer.units]\nH = "furlong"',
            "line 4.*'furlong' is no known unit",
        ),
        ('[[layer]]\npath = "a"\nmissing = ["NA"]', "line 3.*list of numbers"),
        ('[[layer]]\npath = "a"\nskip = "yes"', "line 3.*true or false"),
        ('[[layer]]\npath = "a"\nkind = 3', "line 3.*text in quotes"),
        ('[[layer]]\npath = "a"\nvalues.stage = "x"', "line 3.*values"),
        ('[[layer]]\nkind = "features"', "no path"),
        ('[[layers]]\npath = "a"', "line 1.*'layers' is no part of a plan"),
        ("[[layer]\n", "not a plan file"),
    ],
)
def test_a_wrong_plan_says_where_and_what_would_do(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        Plan.read(written(tmp_path, text))
