"""A gazetteer in any format, checked before and while it is loaded."""

import csv
import json

import geopandas
import pytest
import shapely
from typer.testing import CliRunner

from api import pipeline
from api.addresses import open_index
from api.cli import app
from api.gazetteers import read_gazetteer
from twin.city import City
from twin.errors import SourceError
from twin.store import Store

HEAD = ("编号", "县区", "街道", "道路", "门牌号", "经度", "纬度")
ROWS = [(f"r{n}", "临江示范区", "江北街道", "古墩路", f"{n}号", 114.1 + n / 1e5, 30.42) for n in (1, 3, 5, 9, 11)] + [
    ("x", "临江示范区", "江北街道", "古敦路", "2号", 114.1, 30.42),
    ("y", "临江示范区", "江北街道", "古墩路", "1号", 114.1, 30.42),
    ("z", "临江示范区", "江北街道", "", "", 114.1, 30.42),
]  # fmt: skip


def twin(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "地址.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEAD, *ROWS])
    return path


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "地址.gpkg"
    frame = geopandas.GeoDataFrame(
        [dict(zip(HEAD[:5], row[:5], strict=True)) for row in ROWS],
        geometry=[shapely.Point(row[5], row[6]) for row in ROWS], crs="EPSG:4490",
    ).to_crs("EPSG:4547")  # fmt: skip
    frame.to_file(path, layer="标准地址", engine="pyogrio")
    return path


def counts(report):
    return {k["kind"]: k["count"] for k in report["kinds"] if k["count"]}


def test_check_tells_kinds_rows_and_details(table):
    report = json.loads(twin("address", "check", table, "--json").stdout)
    assert (report["rows"], counts(report)) == (8, {"duplicate": 1, "hole": 1, "spelling": 1})
    by_kind = {f["kind"]: f for f in report["faults"]}
    assert by_kind["duplicate"]["row_numbers"] == [0, 6]
    assert by_kind["hole"]["details"]["missing"] == [7]
    assert "not certain" in report["findings"][0]
    shown = twin("address", "check", table).stdout
    assert "门牌号断号" in shown
    assert "古敦路" in shown
    english = twin("address", "check", table, "--lang", "en", "--kind", "hole").stdout
    assert "holes in the numbering" in english
    assert "古敦路" not in english


def test_a_geopackage_in_another_system_is_the_same_gazetteer(package, table):
    a, b = read_gazetteer(package), read_gazetteer(table)
    assert a.findings == ()
    assert a.nodes["node_id"].to_pylist() == b.nodes["node_id"].to_pylist()
    for name in ("lon", "lat"):
        for x, y in zip(a.nodes[name].to_pylist(), b.nodes[name].to_pylist(), strict=True):
            assert (x is None and y is None) or x == pytest.approx(y, abs=1e-8)
    assert open_index(None, package).match("古墩路5号").status == "exact"


def test_a_geopackage_loads_as_addresses_by_plan_and_the_report_is_kept(package, tmp_path):
    city = City.init(tmp_path / "city", admin_code="429871")
    plan = tmp_path / "plan.toml"
    plan.write_text(f'[[layer]]\npath = "{package.name}"\nkind = "addresses"\n', encoding="utf-8")
    report = pipeline.load(city, [], plan)
    assert [(r.status, r.kind) for r in report.layers] == [("loaded", "addresses")]
    kept = json.loads(twin("address", "check", "--city", city.path, "--json").stdout)
    assert counts(kept) == {"duplicate": 1, "hole": 1, "spelling": 1}
    pipeline.load(city, [], plan)  # again: the report is replaced, not doubled
    with Store.open(city, read_only=True) as store:
        assert store.scalar("SELECT count(*) FROM address_fault") == 3


def test_places_are_checked_against_the_outlines_of_the_base(table, tmp_path):
    towns = tmp_path / "街道.geojson"
    outline = shapely.box(114.2, 30.4, 114.3, 30.5)
    geopandas.GeoDataFrame({"名称": ["江北街道"], "code": ["429871007"]}, geometry=[outline], crs="EPSG:4326").to_file(
        towns, engine="pyogrio")  # fmt: skip
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'[[layer]]\npath = "{towns.name}"\nclass_code = "subdistrict"\nname_field = "名称"\ncrs = "EPSG:4490"\n'
        f'[[layer]]\npath = "{table.name}"\nkind = "addresses"\ncrs = "EPSG:4490"\n', encoding="utf-8")  # fmt: skip
    city = City.init(tmp_path / "city", admin_code="429871")
    pipeline.load(city, [], plan)
    report = json.loads(twin("address", "check", table, "--city", city.path, "--json").stdout)
    assert counts(report)["outside"] == 6  # every placed door; the road itself has no place
    with Store.open(city, read_only=True) as store:
        codes = store.table("SELECT code FROM address_node WHERE level = 'number'")[
            "code"
        ].to_pylist()
    assert {code[:9] for code in codes} == {"429871007"}  # the digits of the base's own layer


def test_a_table_of_something_else_is_refused_with_what_is_expected(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="full addresses"):
        read_gazetteer(path)
