"""Next month's delivery, through the command line: what was added, changed, moved, split, merged or is gone."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import shapely
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from api.cli import app
from api.scan_console import scan_report
from api.scanning import scan_sources
from twin.city import City
from twin.store import Store

D = 0.0002


def twin(*arguments: object) -> str:
    """What the command prints, run in this process as a person's shell would."""
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def box(i: float, width: float = 1.0) -> shapely.Polygon:
    """A block ``width`` × 1 grid steps wide (about 19 m and 22 m), ``i`` steps east."""
    return shapely.box(114 + i * D, 30, 114 + (i + width) * D, 30 + D)


def deliver(folder: Path, rows: Sequence[tuple[str, shapely.Polygon, float]], keyed: bool) -> Path:
    folder.mkdir(parents=True)
    features = [
        {
            "type": "Feature",
            "properties": ({"编号": name} if keyed else {}) | {"名称": f"楼{name}", "高度": height},
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for name, shape, height in rows
    ]
    path = folder / "建筑.geojson"
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


JUNE = [
    ("A", box(0, 2), 10.0),
    ("B", box(5), 10.0),
    ("C", box(8), 10.0),
    ("D1", box(12), 10.0),
    ("D2", box(13), 10.0),
    ("E", box(18), 10.0),
    ("F", box(22), 10.0),
]
JULY = [
    ("A1", box(0), 10.0),
    ("A2", box(1), 10.0),
    ("B", box(5), 12.5),
    ("C", box(8.25), 10.0),
    ("D", box(12, 2), 10.0),
    ("F", box(22), 10.0),
    ("N", box(30), 10.0),
]


def load(city: Path, plan: Path, root: Path) -> dict[str, Any]:
    done = twin("load", "--plan", plan, "--root", root, "--city", city, "--json")
    (layer,) = json.loads(done)["layers"]
    assert layer["status"] == "loaded", layer["reason"]
    return layer


def eids(city: Path) -> dict[str, tuple[str, bool]]:
    """Name → eid and whether it has ended."""
    with Store.open(City.open(city), read_only=True) as store:
        rows = store.table(
            "SELECT name, eid::VARCHAR AS eid, valid_to IS NOT NULL AS ended FROM entity"
        ).to_pylist()
    return {r["name"]: (r["eid"], r["ended"]) for r in rows}


@pytest.mark.parametrize("keyed", [True, False], ids=["keys", "no keys"])
def test_a_full_delivery_is_told_apart_from_the_one_before(tmp_path: Path, keyed: bool) -> None:
    city, plan = tmp_path / "city", tmp_path / "plan.toml"
    deliver(tmp_path / "2026-06", JUNE, keyed)
    deliver(tmp_path / "2026-07", JULY, keyed)
    twin("init", city)
    twin("scan", tmp_path / "2026-06", "--plan", plan)
    text = plan.read_text(encoding="utf-8")
    assert 'mode = "replace"' in text
    plan.write_text(text.replace('"2026-06/建筑.geojson"', '"建筑*.geojson"'), encoding="utf-8")
    first = load(city, plan, tmp_path / "2026-06")["reload"]
    assert (first["added"], first["changed"], first["gone"]) == (7, 0, 0)
    before = eids(city)
    layer = load(city, plan, tmp_path / "2026-07")
    reload = layer["reload"]
    counts = {k: v for k, v in reload.items() if k != "events"}
    assert counts == {
        "added": 4, "changed": 1, "moved": 1, "split": 1, "merged": 2, "replaced": 0, "gone": 1, "ended": 4,
    }  # fmt: skip
    moved = next(e for e in reload["events"] if e["event"] == "moved")
    assert (moved["name"], moved["distance_m"]) == ("楼C", pytest.approx(4.81, abs=0.02))
    split = next(e for e in reload["events"] if e["event"] == "split")
    assert split["eid"] == before["楼A"][0]
    assert [part["share"] for part in split["into"]] == [0.5, 0.5]
    after = eids(city)
    assert after["楼B"] == before["楼B"]
    assert after["楼C"] == before["楼C"]
    assert {n for n, (_, ended) in after.items() if ended} == {"楼A", "楼D1", "楼D2", "楼E"}
    assert {part["eid"] for part in split["into"]} == {after["楼A1"][0], after["楼A2"][0]}
    again = load(city, plan, tmp_path / "2026-07")
    assert again["balance"]["unchanged"] == 7
    assert not any(v for k, v in again["reload"].items() if k != "events")
    assert json.loads(twin("verify", "--city", city, "--json"))["broken"] == 0


def test_what_comes_back_stands_again_under_its_old_id(tmp_path: Path) -> None:
    city, plan = tmp_path / "city", tmp_path / "plan.toml"
    deliver(tmp_path / "a", JUNE, True)
    deliver(tmp_path / "b", JUNE[:5], True)
    twin("init", city)
    twin("scan", tmp_path / "a" / "建筑.geojson", "--plan", tmp_path / "a" / "plan.toml")
    plan = tmp_path / "a" / "plan.toml"
    load(city, plan, tmp_path / "a")
    before = eids(city)
    assert load(city, plan, tmp_path / "b")["reload"]["ended"] == 2
    back = load(city, plan, tmp_path / "a")["reload"]
    assert (back["added"], back["changed"]) == (0, 2)
    assert eids(city) == before
    assert json.loads(twin("verify", "--city", city, "--json"))["broken"] == 0


def test_without_a_plan_nothing_ends_and_the_report_says_how_it_would(tmp_path: Path) -> None:
    city = tmp_path / "city"
    twin("init", city)
    twin("load", deliver(tmp_path / "a", JUNE, True), "--city", city)
    done = twin("load", deliver(tmp_path / "b", JUNE[:6], True), "--city", city)
    assert 'mode = "replace"' in " ".join(done.split())
    assert not any(ended for _, ended in eids(city).values())


def test_append_adds_and_refuses_to_change(tmp_path: Path) -> None:
    city, plan = tmp_path / "city", tmp_path / "plan.toml"
    twin("init", city)
    deliver(tmp_path / "a", JUNE[:3], True)
    deliver(tmp_path / "b", [("A", box(0, 2), 99.0), *JUNE[1:5]], True)
    twin("scan", tmp_path / "a", "--plan", plan)
    text = plan.read_text(encoding="utf-8").replace('mode = "replace"', 'mode = "append"')
    plan.write_text(text.replace("a/建筑", "建筑"), encoding="utf-8")
    load(city, plan, tmp_path / "a")
    layer = load(city, plan, tmp_path / "b")
    balance = layer["balance"]
    assert (balance["loaded"], balance["unchanged"], balance["quarantined"]) == (2, 2, 1)
    with Store.open(City.open(city), read_only=True) as store:
        assert "only adds" in store.scalar("SELECT reason FROM quarantine")
        assert store.scalar("SELECT height_m FROM entity WHERE name = '楼A'") == 10.0


def test_a_plan_converts_units_maps_values_and_dry_run_tells_the_same_balance(
    tmp_path: Path,
) -> None:
    city, plan = tmp_path / "city", tmp_path / "plan.toml"
    twin("init", city)
    (tmp_path / "b.csv").write_text(
        "ID,TYPE,HEIGHT,lon,lat\n1,RES,100,114.1,30.5\n2,ROAD,x,114.2,30.6\n3,,50,114.3,30.7\n"
    )
    plan.write_text(
        """
[[layer]]
path = "b.csv"
class_code = "poi"
class_field = "TYPE"
key_field = "ID"
crs = "EPSG:4490"
fields.lon = "x"
fields.lat = "y"
fields.height = { field = "HEIGHT", unit = "ft" }
values.class_code = { RES = "building", ROAD = "road" }
""",
        encoding="utf-8",
    )
    dry = json.loads(twin("load", "--plan", plan, "--city", city, "--dry-run", "--json"))
    done = json.loads(twin("load", "--plan", plan, "--city", city, "--json"))
    assert dry["total"] == done["total"]
    assert (done["total"]["loaded"], done["total"]["quarantined"]) == (2, 1)
    with Store.open(City.open(city), read_only=True) as store:
        rows = store.table("SELECT class_code, height_m FROM entity ORDER BY height_m").to_pylist()
    assert [r["class_code"] for r in rows] == ["poi", "building"]
    assert [r["height_m"] for r in rows] == pytest.approx([15.24, 30.48])


def test_files_called_alike_in_two_folders_do_not_end_each_other(tmp_path: Path) -> None:
    city, plan = tmp_path / "city", tmp_path / "plan.toml"
    deliver(tmp_path / "东区", JUNE[:2], True)
    deliver(tmp_path / "西区", [("A", box(50), 5.0)], True)
    twin("init", city)
    twin("scan", tmp_path / "东区", tmp_path / "西区", "--plan", plan)
    assert 'source = "东区/建筑.geojson"' in plan.read_text(encoding="utf-8")
    twin("load", "--plan", plan, "--city", city)
    twin("load", "--plan", plan, "--city", city)
    with Store.open(City.open(city), read_only=True) as store:
        assert store.scalar("SELECT count(*) FROM entity WHERE valid_to IS NULL") == 3


def test_scan_prints_a_table_that_fits_and_says_each_finding_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path / "a", JUNE, True)
    (tmp_path / "a" / "读数.csv").write_text(
        "时间,温度(℃)\n2026-07-01 08:00,31\n", encoding="utf-8"
    )
    for i in range(4):
        (tmp_path / "a" / f"空{i}.csv").write_text("甲,乙\n一,二\n", encoding="utf-8")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    rows = scan_sources([tmp_path / "a"]).rows
    page = io.StringIO()
    Console(file=page, width=100).print(*scan_report(rows), sep="\n")
    lines = page.getvalue().splitlines()
    assert "坐标系" in lines[0]
    assert max(map(cell_len, lines)) <= 100
    assert any("建筑.geojson" in line and "EPSG:4490" in line and "7" in line for line in lines)
    assert page.getvalue().count("no columns for coordinates") == 1


def test_scan_speaks_the_language_of_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path / "a", JUNE, True)
    monkeypatch.setenv("LC_ALL", "C")
    assert twin("scan", tmp_path / "a").split()[:2] == ["file", "layer"]
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert twin("scan", tmp_path / "a").split()[:2] == ["文件", "图层"]
