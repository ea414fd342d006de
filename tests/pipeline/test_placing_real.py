"""Real Chinese data: every dataset lands on the right ground or is refused; none lands wrong."""

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from api import pipeline
from api.placing import Placer
from loaders.discovery import discover, scan
from loaders.propose import propose
from twin import crs
from twin.city import City
from twin.store import Store

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Several features with id"),  # of the reader, on real data
    pytest.mark.filterwarnings("ignore:'crs' was not provided"),  # that is what is tested
]
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
METRES = 111_319.490793

# file → where it must lie if it is loaded by itself into an empty city; None: it must be refused
UNREADABLE = "mapv-bd09/drive.txt"
"""All numbers of a track in one line of a megabyte."""
ALONE = {
    "buildings-shenzhen-nanshan/nanshan-building.geojson": None,  # no crs member
    "coord-pairs/gcoord/china-cities.json": None,
    "derived/nanshan_4490.gpkg": "nanshan",
    "derived/nanshan_gcj02.geojson": "nanshan",  # its name says GCJ-02
    "derived/nanshan_wgs84.geojson": "nanshan",
    "derived/nanshan_4547_gbk_nocpg/建筑物.shp": "nanshan",
    "derived/nanshan_missing_shx/building.shp": "nanshan",
    "derived/shanghai_metro_poi_gbk.csv": None,
    "derived/shanghai_osm_buildings.geojson": "as written",  # OpenStreetMap is in WGS 84
    "derived/shanghai_osm_pois.geojson": "as written",
    "derived/shanghai_osm_roads.geojson": "as written",
    "gdal-chinese-dbf/chinese.dbf": None,
    "mapshaper-encodings/gbk.dbf": None,
    "mapshaper-encodings/utf8.dbf": None,
    "mapshaper-encodings/ldid/chinese.shp": None,  # declared degrees, y = 625
    "mapv-bd09/poi-yiheyuan-meishi.json": None,
    "mapv-bd09/point-mc.csv": None,
    "pygeo-tutorial/data-sample/metrodata-sample.csv": None,
    "pygeo-tutorial/data-sample/metrostop2.csv": None,
    "pygeo-tutorial/data-sample/上海poi/shanghai_Theatr_Cinema.csv": None,
    "pygeo-tutorial/data-sample/上海poi/shanghai_bus.csv": None,
    "pygeo-tutorial/data-sample/上海poi/shanghai_food.csv": None,
    "pygeo-tutorial/data-sample/上海poi/shanghai_hotpot.csv": None,
    "pygeo-tutorial/data-sample/上海poi/shanghai_urban.csv": None,
    "pygeo-tutorial/data-sample/上海poi/中学.csv": None,
    "pygeo-tutorial/data-sample/上海poi/幼儿园.csv": None,
    "pygeo-tutorial/shapefile/sz.shp": None,
    "pygeo-tutorial/shapefile/metroline2/metroline2.shp": None,
    "pygeo-tutorial/shapefile/shanghai_shp/区县界_area.shp": "as written",
    "transbigdata/busline.json": "as written",
    "transbigdata/busstop.json": "as written",
    "transbigdata/sz.json": None,
}

# how Nanshan may come: numbers in one system, declared as another or not at all
FORMS = {
    "gcj-undeclared": ("GCJ-02", None), "bd-undeclared": ("BD-09", None),
    "wgs-undeclared": ("EPSG:4490", None), "swapped-undeclared": ("EPSG:4490@yx", None),
    "gcj-swapped": ("GCJ-02@yx", None), "bdmc-undeclared": ("BD-09MC", None),
    "gcjmc-undeclared": ("GCJ-02MC", None), "3857-undeclared": ("EPSG:3857", None),
    "bdmc-as-3857": ("BD-09MC", 3857), "gcj-as-4326": ("GCJ-02", 4326), "gcj-as-4490": ("GCJ-02", 4490),
    "bd-as-4490": ("BD-09", 4490), "zone38-undeclared": ("EPSG:4526", None),
    "zoneless-undeclared": ("EPSG:4547", None), "six-degrees": ("EPSG:4508", None),
    "northing-first": ("EPSG:4547@yx", None), "wrong-meridian": ("EPSG:4547", 4548),
    "prefix-undeclared-in-prj": ("EPSG:4526", 4547), "metres-as-degrees": ("EPSG:4547", 4490),
    "degrees-as-metres": ("EPSG:4490", 4547), "beijing54-as-cgcs": ("EPSG:2435", 4547),
    "cgcs-as-xian80": ("EPSG:4547", 2383), "gcj-projected": (("EPSG:4547", "GCJ-02"), 4547),
    "right": ("EPSG:4547", 4547),
}  # fmt: skip


@pytest.fixture(scope="module")
def china(tmp_path_factory):
    """A copy of the folder: GDAL may write beside what it reads."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")
    target = tmp_path_factory.mktemp("data") / "china"
    shutil.copytree(SHARED / "china", target, copy_function=shutil.copyfile)
    return target


@pytest.fixture(scope="module")
def nanshan(china):
    """The footprints of Nanshan in WGS 84."""
    _, _, wkb, _ = pyogrio.raw.read(china / "derived" / "nanshan_wgs84.geojson", columns=[])
    return shapely.from_wkb(wkb)


@pytest.fixture(scope="module")
def base(china, tmp_path_factory):
    """A city that holds Nanshan."""
    here = City.init(tmp_path_factory.mktemp("base") / "city", source_crs="EPSG:4490")
    pipeline.load(here, [china / "derived" / "nanshan_wgs84.geojson"])
    return here


def placed(city, *, source=None):
    """Shapes in a base, of one source where it is named."""
    with Store.open(city, read_only=True) as store:
        rows = store.table(
            "SELECT g.wkb FROM geometry g JOIN dataset d USING (dataset_id) "
            "WHERE g.wkb IS NOT NULL AND ($s IS NULL OR d.source_key = $s)",
            {"s": source},
        )
    return shapely.from_wkb(np.array(rows["wkb"].to_pylist(), dtype=object))


def metres_off(shapes, truth):
    """Distance of each shape's middle from the nearest true one, metres."""
    at, there = (shapely.get_coordinates(shapely.centroid(s)) for s in (shapes, truth))
    squeeze = np.cos(np.deg2rad(22.52))
    scale = METRES * np.array([squeeze, 1.0])
    tree = shapely.STRtree(shapely.points(there * scale))
    return tree.query_nearest(shapely.points(at * scale), return_distance=True, all_matches=False)[
        1
    ]


def test_the_table_names_every_dataset(china):
    there = {str(p.relative_to(china)) for p in discover([china])} - {"GROUND_TRUTH.json"}
    assert there == {*ALONE, UNREADABLE}


def test_a_track_in_one_line_is_no_table_and_says_so(china, tmp_path):
    city = City.init(tmp_path / "city", source_crs="EPSG:4490")
    (layer,) = pipeline.load(city, [china / UNREADABLE]).layers
    assert layer.status == "failed"
    assert "first line is longer" in layer.reason


@pytest.mark.parametrize("name", sorted(ALONE))
def test_each_dataset_alone_lands_right_or_is_refused(china, nanshan, tmp_path, name):
    city = City.init(tmp_path / "city", source_crs="EPSG:4490")
    report = pipeline.load(city, [china / name])
    statuses = {layer.status for layer in report.layers}
    if ALONE[name] is None:
        assert statuses == {"refused"}, [(x.layer, x.crs, x.crs_why) for x in report.layers]
        assert all(layer.reason and "plan" in layer.reason for layer in report.layers)
        return
    assert statuses == {"loaded"}
    shapes = placed(city)
    if ALONE[name] == "nanshan":
        assert len(shapes) >= 1_482
        assert metres_off(shapes, nanshan).max() < 0.5
    else:
        _, _, wkb, _ = pyogrio.raw.read(china / name, columns=[])
        written = shapely.bounds(shapely.from_wkb(wkb))
        assert np.nanmin(shapely.bounds(shapes), axis=0) == pytest.approx(
            np.nanmin(written, axis=0), abs=1e-6
        )


@pytest.mark.parametrize("form", sorted(FORMS))
def test_nanshan_in_any_form_beside_its_base_lands_right_or_is_refused(
    base, nanshan, tmp_path, form
):
    numbers, declared = FORMS[form]
    shapes = nanshan
    for system in reversed(numbers if isinstance(numbers, tuple) else (numbers,)):
        shapes = shapely.transform(
            shapes,
            lambda xy, s=system: np.column_stack(crs.from_geographic(s, xy[:, 0], xy[:, 1])[:2]),
        )
    file = tmp_path / "送来的图层.gpkg"
    meta = {} if declared is None else {"crs": f"EPSG:{declared}"}
    pyogrio.raw.write(
        file, shapely.to_wkb(shapes), [], [], geometry_type="Polygon", driver="GPKG",
        **{"crs": None, **meta},
    )  # fmt: skip
    (info,) = scan([file])
    (plan,) = propose([info]).layers
    with Store.open(base, read_only=True) as store:
        from twin.store.trusted import StoredGround

        ground = StoredGround(store)
        verdict = Placer(base, trusted=ground, extent=ground.extent).verdict((info, plan))
    if verdict.confidence >= 0.6:
        there = crs.transform_shapes(verdict.crs, shapes)
        assert metres_off(there, nanshan).max() < 0.5
    else:
        assert verdict.findings
    must_load = {"gcj-undeclared", "bd-undeclared", "wgs-undeclared", "bdmc-undeclared", "right",
                 "zone38-undeclared", "zoneless-undeclared", "northing-first"}  # fmt: skip
    assert verdict.confidence >= 0.6 or form not in must_load
    must_ask = {"gcj-as-4326", "gcj-as-4490", "bd-as-4490", "bdmc-as-3857", "gcj-projected"}
    assert verdict.confidence < 0.6 or form not in must_ask


def test_nanshan_of_another_survey_is_told_by_the_base(base, china, nanshan, tmp_path):
    """The original file, 10 multipolygons of 5,438 outlines, says nothing of its system."""
    report = pipeline.load(
        base, [china / "buildings-shenzhen-nanshan" / "nanshan-building.geojson"], dry_run=True
    )
    assert [(x.status, x.crs) for x in report.layers] == [("loaded", "EPSG:4326")]


def test_shops_of_shanghai_are_told_by_its_footprints(china, tmp_path):
    """14,398 restaurants in degrees without a word; footprints of OpenStreetMap around the Bund."""
    city = City.init(tmp_path / "city", source_crs="EPSG:4490")
    osm = [china / "derived" / f"shanghai_osm_{x}.geojson" for x in ("roads", "buildings")]
    food = china / "pygeo-tutorial" / "data-sample" / "上海poi" / "shanghai_food.csv"
    layer = pipeline.load(city, [food, *osm]).layers[-1]
    assert (Path(layer.path).name, layer.status, layer.crs) == (
        "shanghai_food.csv",
        "loaded",
        "EPSG:4490",
    )
    frame = gpd.pd.read_csv(food)
    shifted = np.column_stack(crs.from_geographic("GCJ-02", frame["lon"], frame["lat"])[:2])
    again = tmp_path / "餐饮.csv"
    frame.assign(lon=shifted[:, 0], lat=shifted[:, 1]).to_csv(again, index=False)
    (layer,) = pipeline.load(city, [again], dry_run=True).layers
    assert (layer.status, layer.crs) == ("loaded", "GCJ-02")


def inside_its_area(declared, bounds):
    """Whether pyproj, asked directly, puts bounds into the area the declared system is for."""
    system = pyproj.CRS(declared)
    if system.area_of_use is None or not (system.is_geographic or system.is_projected):
        return False
    if not system.is_geographic and np.abs(bounds).max() <= 180.5:
        return False  # degrees under a system of metres
    to_degrees = pyproj.Transformer.from_crs(system, 4326, always_xy=True)
    lon, lat = to_degrees.transform(np.array(bounds)[[0, 2, 0, 2]], np.array(bounds)[[1, 3, 3, 1]])
    west, south, east, north = system.area_of_use.bounds
    inside = (lon >= west - 0.3) & (lon <= east + 0.3) & (lat >= south - 0.3) & (lat <= north + 0.3)
    return bool(inside.all())


def test_declarations_of_other_countries_are_believed(tmp_path):
    """Every vector layer of the shared data that lies, by PROJ itself, in the area of its system."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")
    target = tmp_path / "vector"
    shutil.copytree(SHARED / "vector", target, copy_function=shutil.copyfile)
    judged, doubted = 0, []
    for info in scan([target]):
        if info.crs is None or info.bounds is None or not inside_its_area(info.crs, info.bounds):
            continue
        verdict = crs.judge(
            info.crs,
            info.bounds,
            expected="EPSG:4490",
            evidence=crs.Evidence(stated=info.crs_stated),
        )
        judged += 1
        if verdict.confidence < 0.6 or verdict.crs != crs.canonical(info.crs):
            doubted.append((info.name, verdict.crs, verdict.confidence, verdict.findings))
    assert judged > 80
    assert doubted == []
