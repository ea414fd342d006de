"""Deliveries whose systems are doubtful land where they belong, or are refused with what to do."""

import json
import sys
import tomllib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image
from typer.testing import CliRunner

from api import pipeline
from api.cli import app
from api.scanning import scan_sources
from twin import crs
from twin.city import City
from twin.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "twin" / "crs"))
import town

HERE = (114.05, 30.48)


@pytest.fixture(scope="module")
def made():
    return town.build(11, *HERE, n=900)


@pytest.fixture
def delivery(tmp_path, made):
    """A folder as departments hand it over: one layer that says where it is, and doubtful ones."""
    folder = tmp_path / "交付"
    folder.mkdir()
    ids = [f"B{i:04}" for i in range(len(made.footprints))]
    gpd.GeoDataFrame(
        {"编号": ids, "名称": ids}, geometry=town.numbers("EPSG:4547", made.footprints), crs=4547
    ).to_file(folder / "建筑物.gpkg", layer="建筑物")
    shifted = shapely.to_geojson(town.numbers("GCJ-02", made.footprints)).tolist()
    features = [
        {"type": "Feature", "properties": {"编号": k, "名称": k}, "geometry": json.loads(g)}
        for k, g in zip(ids, shifted, strict=True)
    ]
    (folder / "a_建筑.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8"
    )
    xy = shapely.get_coordinates(town.numbers("BD-09", made.shops))
    pd.DataFrame(
        {"名称": [f"店{i}" for i in range(len(xy))], "lng": xy[:, 0], "lat": xy[:, 1]}
    ).to_csv(folder / "兴趣点.csv", index=False)
    return folder


def city(folder, **more):
    return City.init(folder, source_crs=more.pop("crs", "EPSG:4490"), **more)


def by_file(report):
    return {Path(layer.path).name: layer for layer in report.layers}


def ground_error(city, source_key, truth):
    """Largest distance in metres between the centres of a source's records and the truth, by key."""
    sql = (
        "SELECT s.key, g.wkb FROM source_record s JOIN geometry g ON g.eid = s.eid "
        "AND g.dataset_id = s.dataset_id WHERE s.source_key = $k"
    )
    with Store.open(city, read_only=True) as store:
        rows = store.table(sql, {"k": source_key})
    at = shapely.get_coordinates(
        shapely.centroid(shapely.from_wkb(np.array(rows["wkb"].to_pylist(), dtype=object)))
    )
    there = shapely.get_coordinates(shapely.centroid(truth))
    tree = shapely.STRtree(shapely.points(there))
    near = tree.query_nearest(shapely.points(at), return_distance=True, all_matches=False)[1]
    assert len(at) > 0
    return float(near.max() * town.METRES)


def test_a_mixed_delivery_lands_on_one_ground_the_sure_layer_first(tmp_path, delivery, made):
    here = city(tmp_path / "city")
    report = pipeline.load(here, [delivery])
    layers = by_file(report)
    assert Path(report.layers[0].path).name == "建筑物.gpkg"
    assert {name: (layer.status, layer.crs) for name, layer in layers.items()} == {
        "建筑物.gpkg": ("loaded", "EPSG:4547"),
        "a_建筑.geojson": ("loaded", "GCJ-02"),
        "兴趣点.csv": ("loaded", "BD-09"),
    }
    assert "judged and loaded after" in " ".join(layers["a_建筑.geojson"].findings)
    assert layers["a_建筑.geojson"].balance.merged == len(made.footprints)  # the same buildings
    assert ground_error(here, "兴趣点.csv", made.shops) < 0.01


def test_what_was_decided_stands_in_the_base_with_its_evidence(tmp_path, delivery):
    here = city(tmp_path / "city")
    pipeline.load(here, [delivery])
    with Store.open(here, read_only=True) as store:
        rows = store.table(
            "SELECT source_key, crs_found, crs_used, crs_why, crs_confidence, findings FROM dataset"
        ).to_pylist()
    poi = next(row for row in rows if row["source_key"] == "兴趣点.csv")
    assert (poi["crs_found"], poi["crs_used"]) == (None, "BD-09")
    assert poi["crs_confidence"] >= 0.8
    assert "fit the trusted layers without being moved" in poi["crs_why"]
    said = "\n".join(poi["findings"])
    assert "candidate BD-09 (90%)" in said
    assert "candidate EPSG:4490 (" in said
    assert "compared with trusted layers" in said


def test_the_first_doubtful_layer_of_a_city_is_refused_and_the_plan_says_what_comes_into_question(
    tmp_path, delivery
):
    here = city(tmp_path / "city")
    only = delivery / "a_建筑.geojson"
    run = CliRunner()
    refused = run.invoke(app, ["load", str(only), "--city", str(here.path), "--json"])
    assert refused.exit_code == 2
    layer = json.loads(refused.stdout)["layers"][0]
    assert layer["status"] == "refused"
    assert "GCJ-02" in layer["reason"]
    assert [c["crs"] for c in layer["crs_candidates"]] == ["EPSG:4326", "GCJ-02", "BD-09"]

    plan = tmp_path / "plan.toml"
    assert run.invoke(app, ["scan", str(only), "--plan", str(plan)]).exit_code == 0
    text = plan.read_text(encoding="utf-8")
    assert "crs" not in tomllib.loads(text)["layer"][0]
    line = next(row for row in text.splitlines() if row.startswith('# crs = "GCJ-02"'))
    plan.write_text(text.replace(line, line.removeprefix("# ")), encoding="utf-8")
    loaded = run.invoke(app, ["load", "--plan", str(plan), "--city", str(here.path), "--json"])
    assert loaded.exit_code == 0, loaded.stdout
    layer = json.loads(loaded.stdout)["layers"][0]
    assert (layer["status"], layer["crs"]) == ("loaded", "GCJ-02")


def test_a_base_tells_a_wrong_declaration(tmp_path, delivery, made):
    here = city(tmp_path / "city")
    pipeline.load(here, [delivery / "建筑物.gpkg"])
    wrong = tmp_path / "道路.gpkg"
    streets = gpd.GeoDataFrame(geometry=town.numbers("GCJ-02", made.streets), crs=4326)
    streets.to_file(wrong)
    (layer,) = pipeline.load(here, [wrong]).layers
    assert layer.status == "refused"
    assert layer.crs == "GCJ-02"
    assert 'set crs = "GCJ-02"' in layer.reason


def test_a_few_records_far_off_do_not_spoil_the_judgement_of_the_rest(tmp_path, made):
    far = np.append(
        town.numbers("EPSG:4547", made.footprints), [shapely.box(9e9, 1e9, 9e9 + 10, 1e9 + 10)]
    )
    gpd.GeoDataFrame({"编号": range(len(far))}, geometry=far, crs=4547).to_file(
        tmp_path / "房屋.gpkg"
    )
    (layer,) = pipeline.load(city(tmp_path / "city"), [tmp_path / "房屋.gpkg"]).layers
    assert (layer.status, layer.crs) == ("loaded", "EPSG:4547")
    assert layer.balance.quarantined == 1
    assert any("a few records lie far off" in finding for finding in layer.findings)


def test_a_citys_own_grid_is_read_from_its_settings(tmp_path, made):
    here = city(tmp_path / "city", crs="EPSG:4547")
    settings = here.path / "city.toml"
    grid = (
        '[crs.local."城建网"]\nbase = "EPSG:4547"\ndx = 490000.0\ndy = 3360000.0\nrotation = 1.5\n'
    )
    settings.write_text(settings.read_text(encoding="utf-8") + grid, encoding="utf-8")
    here = City.open(here.path)
    assert here.grids["城建网"].rotation == 1.5
    gpd.GeoDataFrame(geometry=town.numbers("EPSG:4547", made.footprints), crs=4547).to_file(
        tmp_path / "建筑.gpkg"
    )
    pipeline.load(here, [tmp_path / "建筑.gpkg"])
    local = town.numbers("LOCAL:城建网", made.shops)
    pd.DataFrame(
        {"名称": range(len(local)), "x": shapely.get_x(local), "y": shapely.get_y(local)}
    ).to_csv(tmp_path / "设施.csv", index=False)
    (layer,) = pipeline.load(here, [tmp_path / "设施.csv"]).layers
    assert (layer.status, layer.crs) == ("loaded", "LOCAL:城建网")
    assert ground_error(here, "设施.csv", made.shops) < 0.01


def test_heights_are_told_by_the_terrain(tmp_path, made):
    here = city(tmp_path / "city", undulation=-12.8)
    cells = 120
    west, north = HERE[0] - 0.015, HERE[1] + 0.015
    slope = np.linspace(10.0, 60.0, cells, dtype=np.float32)[None, :].repeat(
        cells, 0
    )  # 1985 heights
    with rasterio.open(
        tmp_path / "dem.tif", "w", driver="GTiff", width=cells, height=cells, count=1,
        dtype="float32", crs="EPSG:4490", transform=Affine(0.03 / cells, 0, west, 0, -0.03 / cells, north),
    ) as out:  # fmt: skip
        out.write(slope, 1)
    xy = shapely.get_coordinates(made.shops)
    ground = np.interp(xy[:, 0], west + (np.arange(cells) + 0.5) * 0.03 / cells, slope[0])
    for name, z in (("井盖85", ground), ("井盖椭球", ground - 12.8)):
        frame = gpd.GeoDataFrame(
            {"编号": range(len(xy))}, geometry=shapely.points(xy[:, 0], xy[:, 1], z), crs=4326
        )
        frame.to_file(tmp_path / f"{name}.gpkg", layer=name)
    files = ["dem.tif", "井盖85.gpkg", "井盖椭球.gpkg"]
    report = by_file(pipeline.load(here, [tmp_path / f for f in files]))
    assert [layer.status for layer in report.values()] == ["loaded"] * 3
    assert "the terrain was believed" in " ".join(report["井盖85.gpkg"].findings)
    with Store.open(here, read_only=True) as store:
        taken = dict(
            store.table("SELECT source_key, z_reference FROM dataset WHERE kind = 'features'")
            .to_pandas().itertuples(index=False)
        )  # fmt: skip
        gap = store.table(
            "SELECT abs(max(g.zmin) - min(g.zmin)) AS gap FROM geometry g JOIN source_record s "
            "ON s.eid = g.eid AND g.dataset_id = s.dataset_id "
            "WHERE g.lod IS DISTINCT FROM 'lifted' GROUP BY s.key"
        )["gap"].to_numpy()
    assert taken == {"井盖85.gpkg": "1985", "井盖椭球.gpkg": "ellipsoid"}
    assert np.nanmax(gap) < 0.01  # both deliveries stand at the same heights


def test_a_table_without_coordinates_needs_no_system(tmp_path):
    (tmp_path / "标准地址.csv").write_text(
        "地址编码,标准地址,路,门牌号\nA1,临江大道35号,临江大道,35号\nA2,临江大道37号,临江大道,37号\n",
        encoding="utf-8",
    )
    (tmp_path / "台账.csv").write_text("编号,备注\n1,甲\n2,乙\n", encoding="utf-8")
    report = by_file(
        pipeline.load(city(tmp_path / "city"), [tmp_path / "标准地址.csv", tmp_path / "台账.csv"])
    )
    assert report["标准地址.csv"].status == "loaded"
    assert report["台账.csv"].status == "refused"
    assert "no columns that say where its records are" in report["台账.csv"].reason


# --- the picture --------------------------------------------------------------------------------


def like(image, colour, tolerance=40):
    """Number of pixels of about a colour, outside the legend."""
    pixels = np.asarray(image)[:, :1_120].astype(int)
    return int((np.abs(pixels - np.array(colour)).max(axis=2) < tolerance).sum())


def test_the_map_shows_sure_layers_solid_and_doubtful_ones_at_each_place(tmp_path, delivery):
    target = tmp_path / "map.png"
    alone = delivery / "a_建筑.geojson"
    done = CliRunner().invoke(app, ["scan", str(alone), "--map", str(target)])
    assert done.exit_code == 0
    doubtful = Image.open(target)
    assert doubtful.size == (1600, 1000)
    blue = (31, 119, 180)
    second, third = (94, 157, 201), (157, 195, 222)
    assert all(like(doubtful, colour) > 200 for colour in (blue, second, third))

    sure = scan_sources([delivery / "建筑物.gpkg"], pictured=True)
    from api.scan_map import draw_scan

    picture = draw_scan(sure)
    pale = (190, 214, 229)  # the blue at the strength of a filled footprint
    assert like(picture, pale, 6) > 3_000
    assert like(doubtful, pale, 6) < like(picture, pale, 6) / 3  # hollow, not filled


def test_the_map_draws_each_candidate_where_its_system_puts_it(tmp_path, delivery, made):
    found = scan_sources([delivery / "兴趣点.csv"], pictured=True)
    from api.scan_map import _places

    places = _places(0, found.rows[0], found.shapes[0])
    assert [p.crs for p in places] == ["EPSG:4490", "GCJ-02", "BD-09"]
    truth = shapely.get_coordinates(made.shops).mean(axis=0)
    off = [
        np.abs(shapely.get_coordinates(p.shapes).mean(axis=0) - truth).max() * town.METRES
        for p in places
    ]
    assert off[2] < 0.01
    assert min(off[:2]) > 100


def test_a_scan_beside_a_city_uses_its_base_and_draws_it_below(tmp_path, delivery):
    here = city(tmp_path / "city")
    pipeline.load(here, [delivery / "建筑物.gpkg"])
    found = scan_sources([delivery / "兴趣点.csv"], city=City.open(here.path), pictured=True)
    assert (found.rows[0].crs, found.rows[0].confidence >= 0.8) == ("BD-09", True)
    assert found.plan.layers[0].crs == "BD-09"
    assert len(found.ground) > 100
    assert crs.canonical(found.plan.layers[0].crs) == "BD-09"
