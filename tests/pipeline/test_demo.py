"""The sample city end to end, through the command line."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from sample_data.broken import BROKEN
from sample_data.district import CRS, GEOID_UNDULATION, OFFICE, TOWER
from twin.cases import Asked, CaseOffice
from twin.city import City
from twin.ingest import anchors_pending
from twin.ingest.meshes import read_asset
from twin.store import Store

ROOT = Path(__file__).resolve().parents[2]


def twin(*arguments, check=True):
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", check=check, cwd=ROOT,
    )  # fmt: skip


def opened(folder):
    return Store.open(City.open(folder), read_only=True)


def test_the_demo_prints_counts_balances_tiles_and_timings(demo):
    _, report = demo

    layers = {layer["layer"]: layer for layer in report["load"]["layers"]}
    assert layers["建筑物"]["balance"]["n_in"] > 11_000
    assert layers["components"]["balance"]["loaded"] == 50_000
    assert all(layer["status"] == "loaded" for layer in layers.values())
    assert {row["layer"] for row in report["tiles"]["layers"]} >= {"buildings", "models", "terrain"}
    assert set(report["timings"]) == {"generate", "load", "tile"}


def test_every_balance_closes(demo):
    for layer in demo[1]["load"]["layers"]:
        b = layer["balance"]
        assert b["n_in"] == b["loaded"] + b["merged"] + b["unchanged"] + b["quarantined"], layer


def test_counts_of_cases_by_street_cell_and_type_equal_those_of_their_places(demo_city):
    """Every case is put into the polygons of the grid anew, and counted by hand."""
    with opened(demo_city) as store:
        cells = store.table("SELECT g.wkb, l.value AS code FROM geometry g JOIN entity e USING (eid) JOIN alias l USING (eid) WHERE e.collection = 'grids' AND l.scheme = 'grid.code' AND g.wkb IS NOT NULL").to_pylist()  # fmt: skip
        cells.sort(key=lambda row: row["code"])
        tree = shapely.STRtree(shapely.from_wkb([row["wkb"] for row in cells]))
        office = CaseOffice(store)
        cases = office.listed(Asked(limit=10_000)).cases
        assert len(cases) > 2_900
        assert all(case["lon"] is not None or case["not_placed"] for case in cases)
        assert sum(case["lon"] is not None for case in cases) > 0.9 * len(cases)
        where = {}
        placed = [case for case in cases if case["lon"] is not None]
        points = shapely.points([(case["lon"], case["lat"]) for case in placed])
        for at, cell in zip(*tree.query(points, "intersects").tolist(), strict=True):
            where.setdefault(placed[at]["id"], cells[cell]["code"])  # the lowest code of an edge
        for by, digits in (("street", 9), ("community", 12), ("grid", 15)):
            by_hand = Counter(
                (
                    where.get(case["id"], "")[:digits] or None,
                    case["kind"],
                    case["code"],
                    case["stage"],
                )
                for case in cases
            )
            assert office.counts(Asked(), by) == dict(by_hand)
        streets = {area for area, *_ in office.counts(Asked(), "street") if area}
        assert set(office.area_names(streets)) == streets
        units = {row["code"]: row["unit"] for row in office.units() if row["code"]}
        matters = [case for case in cases if case["kind"] == "管理事项" and case["code"] in units]
        assert len(matters) > 2_000
        assert all(units[case["code"]] == case["unit"] for case in matters)


def test_every_law_holds_and_every_tile_is_sound(demo_city):
    done = twin("verify", "--city", demo_city, "--tiles", "--json")

    laws = json.loads(done.stdout)["laws"]
    assert {law["law"] for law in laws if law["broken"]} == set()
    assert {law["law"] for law in laws if law["checked"]} >= {
        "conservation", "identity", "nothing_floats_entities", "nothing_floats_cases", "tiles_sound"
    }  # fmt: skip


def test_every_broken_record_is_in_quarantine_with_a_reason_a_person_understands(demo_city):
    with opened(demo_city) as store:
        rows = store.table("SELECT source, reason FROM quarantine").to_pylist()

    assert len(rows) >= 40
    assert {row["source"].split("#")[0] for row in rows} >= {
        "建筑物.shp", "道路.gpkg", "部件.gpkg", "行政.gpkg", "标准地址.csv", "传感器.csv", "历史读数.csv", "案件.csv"
    }  # fmt: skip
    for row in rows:
        assert len(row["reason"].split()) > 1, row
        assert "Error" not in row["reason"], row
    told = {(row["source"].split("#")[0], row["reason"]) for row in rows}
    assert len(told) >= 30, "reasons that differ, not one sentence for all"
    assert len(rows) >= sum(1 for b in BROKEN if b.fate == "quarantine")


def test_loading_the_same_sources_again_changes_nothing(demo_city, tmp_path):
    folder = tmp_path / "city"
    shutil.copytree(demo_city, folder, ignore=shutil.ignore_patterns("tiles"))
    before = _counts(folder)

    done = twin("load", "--plan", folder / "inbox/sample/plan.toml", "--city", folder, "--json")

    total = json.loads(done.stdout)["total"]
    assert (total["loaded"], total["merged"]) == (0, 0)
    assert total["unchanged"] + total["quarantined"] == total["n_in"]
    assert _counts(folder) == before


def _counts(folder):
    tables = ("entity", "entity_history", "geometry", "alias", "relation", "address_node", "anchor", "datastream",
              "observation", "case_file")  # fmt: skip
    with opened(folder) as store:
        return {name: store.scalar(f"SELECT count(*) FROM {name}") for name in tables}  # noqa: S608


def test_a_dry_run_tells_the_balance_and_writes_nothing(tmp_path, demo_city):
    folder = tmp_path / "city"
    twin("init", folder, "--crs", CRS, "--undulation", GEOID_UNDULATION)
    source = demo_city / "inbox/sample/道路.gpkg"

    done = twin("load", source, "--city", folder, "--dry-run", "--json")

    assert json.loads(done.stdout)["total"]["loaded"] > 300
    assert not (folder / "base.duckdb").exists()


@pytest.mark.parametrize("site", [TOWER, OFFICE], ids=["tower", "office"])
def test_parts_of_a_model_stand_within_a_centimetre_of_where_they_should(demo_city, site):
    """Vertices by ifcopenshell, map conversion by hand, pyproj to ECEF; against the base."""
    model = ifcopenshell.open(str(demo_city / f"inbox/sample/bim/{site.name}.ifc"))
    conversion = model.by_type("IfcMapConversion")[0]
    turn = np.array([conversion.XAxisAbscissa, conversion.XAxisOrdinate])
    turn /= np.linalg.norm(turn)
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    spaces = sorted(model.by_type("IfcSpace"), key=lambda s: s.GlobalId)[:8]
    placed = _placed(demo_city, [s.GlobalId for s in spaces])

    for space in spaces:
        x, y, z = (
            np.array(ifcopenshell.geom.create_shape(settings, space).geometry.verts)
            .reshape(-1, 3)
            .T
        )
        east = conversion.Eastings + turn[0] * x - turn[1] * y
        north = conversion.Northings + turn[1] * x + turn[0] * y
        lon, lat = pyproj.Transformer.from_crs(CRS, "EPSG:4490", always_xy=True).transform(
            east, north
        )
        height = conversion.OrthogonalHeight + z + GEOID_UNDULATION
        target = np.array(
            pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(
                lon, lat, height
            )
        ).T
        gaps = np.linalg.norm(placed[space.GlobalId][:, None] - target[None], axis=2)
        assert gaps.min(axis=0).max() < 0.01


def _placed(folder, guids):
    """Vertices of things in ECEF, by GlobalId."""
    with opened(folder) as store:
        rows = store.table(
            "SELECT a.value, g.asset, g.mesh_id, g.matrix FROM alias a JOIN geometry g USING (eid) "
            "WHERE a.scheme = 'ifc.guid' AND g.mesh_id IS NOT NULL AND a.value IN (SELECT unnest($guids))",
            {"guids": guids},
        ).to_pylist()
        out = {}
        for row in rows:
            meshes = read_asset(store.assets, row["asset"])
            at = meshes["mesh_id"].to_pylist().index(row["mesh_id"])
            xyz = np.frombuffer(meshes["positions"][at].as_py(), "<f4").reshape(-1, 3).astype(float)
            matrix = np.array(row["matrix"]).reshape(4, 4)
            out[row["value"]] = xyz @ matrix[:3, :3].T + matrix[:3, 3]
    return out


def test_footprints_lie_where_pyproj_puts_the_source(demo_city):
    meta, _, wkb, fields = pyogrio.raw.read(
        demo_city / "inbox/sample/建筑物.shp",
        encoding="GBK",
        columns=["楼栋编码"],
        max_features=200,
    )
    move = pyproj.Transformer.from_crs(CRS, "EPSG:4490", always_xy=True)
    with opened(demo_city) as store:
        rows = store.table(
            "SELECT a.value, g.wkb FROM alias a JOIN geometry g USING (eid) JOIN dataset d ON d.dataset_id = g.dataset_id "
            "WHERE a.scheme = 'building.code' AND d.source_key = '建筑物.shp' AND g.role = 'footprint'"
        ).to_pylist()
    base = {r["value"]: shapely.from_wkb(r["wkb"]) for r in rows}
    geod = pyproj.Geod(ellps="GRS80")

    checked = 0
    for code, shape in zip(fields[0], shapely.from_wkb(wkb), strict=True):
        if code in base and shape is not None and shape.is_valid:
            lon, lat = move.transform(*shape.centroid.coords[0])
            found = base[code].centroid
            assert geod.inv(lon, lat, found.x, found.y)[2] < 0.01
            checked += 1
    assert checked > 150
    assert meta is not None


def test_sensors_stand_where_the_table_puts_them(demo_city):
    move = pyproj.Transformer.from_crs(CRS, "EPSG:4490", always_xy=True)
    geod = pyproj.Geod(ellps="GRS80")
    with (demo_city / "inbox/sample/传感器.csv").open(encoding="utf-8-sig") as file:
        table = {row["数据流编号"]: row for row in csv.DictReader(file)}
    with opened(demo_city) as store:
        rows = store.table("SELECT key, lon, lat FROM datastream WHERE lon IS NOT NULL").to_pylist()

    assert len(rows) >= 590
    for row in rows[:100]:
        given = table[row["key"]]
        lon, lat = move.transform(float(given["x"]), float(given["y"]))
        assert geod.inv(lon, lat, row["lon"], row["lat"])[2] < 0.01


def test_the_tower_is_one_thing_from_footprint_model_and_gazetteer(demo_city):
    with opened(demo_city) as store:
        eid = store.scalar(
            "SELECT eid::VARCHAR FROM alias WHERE scheme = 'building.code' AND value = '429871LJ0005'"
        )
        sources = store.table(
            "SELECT DISTINCT source_key FROM source_record WHERE eid = $eid::UUID", {"eid": eid}
        )["source_key"].to_pylist()
        address = store.scalar(
            'SELECT "full" FROM address_node WHERE eid = $eid::UUID', {"eid": eid}
        )

    assert sorted(sources) == ["临江花园5号楼.ifc", "建筑物.shp"]
    assert address.endswith("临江花园5号楼")


def test_an_address_down_to_the_room_finds_the_room_of_the_model(demo_city):
    done = twin("geocode", "临江花园5号楼2单元1203室", "--city", demo_city, "--json")

    answer = json.loads(done.stdout)
    assert answer["status"] == "exact"
    with opened(demo_city) as store:
        room = store.table(
            "SELECT collection, attributes ->> 'number' AS number FROM entity WHERE eid = $e::UUID",
            {"e": answer["eid"]},
        ).to_pylist()
    assert room == [{"collection": "rooms", "number": "1203"}]


def test_a_load_killed_at_any_moment_leaves_a_base_that_verifies_and_completes(demo_city, tmp_path):
    sample = demo_city / "inbox/sample"
    seed = random.Random(7)
    tries = int(os.environ.get("TWIN_KILL_TRIES", "2"))
    folder = tmp_path / "city"
    twin("init", folder, "--crs", CRS, "--undulation", GEOID_UNDULATION)

    for _ in range(tries):
        process = subprocess.Popen(
            [sys.executable, "-c", "from api.cli import main; main()", "load", "--plan", str(sample / "plan.toml"), "--city", str(folder)],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(seed.uniform(1.5, 9.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if (folder / "base.duckdb").exists():
            assert _broken(folder) == []

    twin("load", "--plan", sample / "plan.toml", "--city", folder)
    assert _broken(folder) == []
    with opened(folder) as store:
        assert not anchors_pending(store)


def _broken(folder):
    laws = json.loads(twin("verify", "--city", folder, "--json", check=False).stdout)["laws"]
    return [r["law"] for r in laws if r["broken"]]


def test_every_room_of_the_two_models_has_its_address(demo_city):
    with Store.open(City.open(demo_city), read_only=True) as store:
        rows = store.table(
            "SELECT e.attributes ->> 'number' AS number, e.attributes ->> 'storey_number' AS storey, n.core, f.core AS floor "
            "FROM entity e LEFT JOIN address_binding b ON b.eid = e.eid AND b.kind = 'rooms' "
            "LEFT JOIN address_node n ON n.node_id = b.node_id LEFT JOIN address_node f ON f.node_id = n.parent_id "
            "WHERE e.collection = 'rooms'"
        ).to_pylist()
    assert len(rows) == 261
    assert all((row["number"], row["storey"]) == (row["core"], row["floor"]) for row in rows)
