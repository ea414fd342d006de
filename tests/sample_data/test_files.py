"""The files of the sample city as somebody else's reader sees them."""

import csv
import hashlib
import re
from collections import Counter

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer

from sample_data.broken import BROKEN, broken_in
from sample_data.district import EXTENT, OFFICE, TOWER, ground_height
from sample_data.make import generate
from twin.plan import Plan

TO_LONLAT = Transformer.from_crs("EPSG:4547", "EPSG:4490", always_xy=True)


def rows(path, encoding="utf-8-sig"):
    with path.open(encoding=encoding, newline="") as source:
        return list(csv.DictReader(source))


def read(path, layer=None):
    meta, _, wkb, fields = pyogrio.raw.read(path, layer=layer)
    with np.errstate(invalid="ignore"):  # one record holds NaN on purpose
        geometry = shapely.from_wkb(wkb)
    return geometry, dict(zip(meta["fields"], fields, strict=True)), meta


@pytest.fixture(scope="module")
def addresses(sample):
    return rows(sample[0] / "标准地址.csv", "gb18030")


@pytest.fixture(scope="module")
def houses(sample):
    geometry, fields, _ = read(sample[0] / "建筑物.shp")
    sound = len(geometry) - len(broken_in("建筑物.shp"))
    return geometry[:sound], {k: v[:sound] for k, v in fields.items()}


def test_another_process_writes_the_same_bytes(sample, tmp_path):
    counts = generate(tmp_path)
    first, other = (
        {
            f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in folder.rglob("*")
            if f.is_file()
        }
        for folder in (sample[0], tmp_path)
    )
    assert first == other
    assert counts == sample[1]
    assert len(first) == 23


def test_counts_are_what_was_ordered(sample):
    counts = sample[1]
    assert 11_500 <= counts["建筑物.shp"] <= 12_500
    assert counts["部件.gpkg:components"] - len(broken_in("部件.gpkg", "components")) == 50_000
    assert 59_000 <= counts["标准地址.csv"] <= 61_000
    assert counts["传感器.csv"] - len(broken_in("传感器.csv")) == 600
    assert counts["案件.csv"] - len(broken_in("案件.csv")) == 3_000
    assert counts["兴趣点_gcj02.csv"] - len(broken_in("兴趣点_gcj02.csv")) == 1_500
    assert counts["历史读数.csv"] - len(broken_in("历史读数.csv")) == 600 * 24
    assert counts["行政.gpkg:subdistricts"] == 6
    assert counts["行政.gpkg:communities"] == 36


def test_every_file_of_the_plan_exists_and_the_plan_names_every_data_file(sample):
    out = sample[0]
    plan = Plan.read(out / "plan.toml")
    named = {layer.path for layer in plan.layers}
    assert all((out / path).exists() for path in named)
    data = {f.relative_to(out).as_posix() for f in out.rglob("*") if f.is_file()}
    sidecars = {"建筑物.dbf", "建筑物.shx", "建筑物.prj"}
    assert data - named == sidecars | {"plan.toml"}


def test_plan_fields_are_columns_of_their_tables(sample):
    out = sample[0]
    for layer in Plan.read(out / "plan.toml").layers:
        if layer.path.endswith(".csv"):
            with (out / layer.path).open(encoding=layer.encoding or "utf-8-sig") as source:
                header = set(next(csv.reader(source)))
        elif layer.kind == "features":
            header = set(pyogrio.read_info(out / layer.path, layer=layer.layer or None)["fields"])
        else:
            continue
        wanted = {*layer.fields, layer.key_field, layer.name_field, layer.class_field} - {None}
        assert wanted <= header, layer.path


def test_shapefile_is_gbk_without_cpg_and_names_its_zone(sample):
    out = sample[0]
    assert not (out / "建筑物.cpg").exists()
    dbf = (out / "建筑物.dbf").read_bytes()
    assert dbf[29] == 0x4D
    assert "楼栋编码".encode("gbk") in dbf[:400]
    assert "CGCS2000_3_Degree_GK_CM_114E" in (out / "建筑物.prj").read_text()


def test_no_building_overlaps_another(houses):
    geometry, _ = houses
    assert shapely.is_valid(geometry).all()
    first, second = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    pairs = first < second
    shared = shapely.area(shapely.intersection(geometry[first[pairs]], geometry[second[pairs]]))
    assert shared.size == 0 or shared.max() == 0.0


@pytest.mark.parametrize("file", ["水系.geojson", "道路.gpkg"])
def test_no_building_stands_in_water_or_on_a_road(sample, houses, file):
    geometry, fields, _ = read(sample[0] / file)
    sound = slice(0, len(geometry) - sum(b.file == file for b in BROKEN))
    if file == "道路.gpkg":
        taken = shapely.buffer(geometry[sound], fields["宽度"][sound] / 2)
    else:
        back = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
        taken = shapely.transform(
            geometry[sound], lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))
        )
    hit = shapely.STRtree(houses[0]).query(taken, predicate="intersects")
    assert hit.size == 0


def test_hero_sites_stand_where_their_models_do(houses):
    geometry, fields = houses
    for code, site, name in (
        ("429871LJ0005", TOWER, "临江花园5号楼"),
        ("429871LJ0001", OFFICE, "临江国际中心"),
    ):
        at = np.flatnonzero(fields["楼栋编码"] == code)
        assert fields["名称"][at].tolist() == [name]
        assert fields["层数"][at[0]] == site.floors
        expected = shapely.Polygon(site.corners())
        assert shapely.hausdorff_distance(geometry[at[0]], expected) < 1e-3


def test_building_codes_are_unique_and_formed(houses):
    codes = houses[1]["楼栋编码"]
    assert len(set(codes)) == codes.size
    assert all(re.fullmatch(r"429871(LJ\d{4}|CJ\d{4}|\d{6})", code) for code in codes)


def test_grids_are_gap_free_and_nest_in_communities_and_subdistricts(sample):
    path = sample[0] / "行政.gpkg"
    grid, fields, _ = read(path, "grids")
    sound = slice(0, len(grid) - len(broken_in("行政.gpkg", "grids")))
    grid, code = grid[sound], fields["网格编码"][sound].astype(str)
    assert shapely.coverage_is_valid(grid)
    assert shapely.area(shapely.box(*EXTENT)) == pytest.approx(shapely.area(grid).sum(), abs=0.01)
    for layer, digits in (("communities", 12), ("subdistricts", 9)):
        upper, columns, _ = read(path, layer)
        assert set(shapely.get_type_id(upper)) == {3}
        for shape, prefix in zip(upper, columns["编码"], strict=True):
            inside = grid[np.char.startswith(code, prefix)]
            assert len(prefix) == digits
            assert shapely.equals(shapely.coverage_union_all(inside), shape)


def test_grid_codes_run_without_gaps_from_north_west(sample):
    grid, fields, _ = read(sample[0] / "行政.gpkg", "grids")
    sound = len(grid) - len(broken_in("行政.gpkg", "grids"))
    code = fields["网格编码"][:sound]
    assert all(re.fullmatch(r"429871\d{9}", c) for c in code)
    serial = Counter(c[:12] for c in code)
    for community, count in serial.items():
        members = sorted(c for c in code if c.startswith(community))
        assert members == [f"{community}{i + 1:03d}" for i in range(count)]
        centre = {c: shapely.centroid(g) for c, g in zip(code, grid, strict=False)}
        assert centre[members[0]].y >= centre[members[-1]].y - 150.0


def test_component_codes_have_17_digits_and_known_types(sample):
    _, fields, _ = read(sample[0] / "部件.gpkg")
    sound = fields["标识码"].size - len(broken_in("部件.gpkg", "components"))
    text, kind = fields["标识码"][:sound], fields["类别代码"][:sound]
    assert len(set(text)) == sound
    assert all(
        re.fullmatch(r"429871\d{11}", t) and t[6:11] == k for t, k in zip(text, kind, strict=True)
    )
    assert len(set(kind)) > 45


@pytest.mark.parametrize("layer", ["gas", "water", "drainage", "heat"])
def test_pipes_meet_exactly_in_their_nodes(sample, layer):
    geometry, fields, _ = read(sample[0] / "管线.gpkg", layer)
    sound = len(geometry) - len(broken_in("管线.gpkg", layer))
    ends = [shapely.get_coordinates(shapely.get_point(geometry[:sound], i)) for i in (0, -1)]
    place: dict[str, tuple[float, float]] = {}
    for names, points in zip((fields["起点"], fields["终点"]), ends, strict=True):
        for name, point in zip(names[:sound], points, strict=True):
            assert place.setdefault(name, tuple(point)) == tuple(point)
    assert len(place) < 1.35 * sound  # pipes share nodes
    assert (fields["埋深"][:sound] >= 0.9).all()


def test_all_144_rooms_of_the_tower_have_an_address_inside_it(addresses, houses):
    tower = [r for r in addresses if r["楼栋编码"] == "429871LJ0005" and r["户室"]]
    wanted = {
        (f"{u}单元", f"{f}层", f"{f}{r:02d}室")
        for u in (1, 2)
        for f in range(1, 19)
        for r in range(1, 5)
    }
    assert {(r["单元"], r["楼层"], r["户室"]) for r in tower} == wanted
    assert len(tower) == 144
    shape = shapely.Polygon(np.column_stack(TO_LONLAT.transform(*TOWER.corners().T)))
    assert all(shape.contains(shapely.Point(float(r["经度"]), float(r["纬度"]))) for r in tower)
    assert "湖北省云梦泽市临江示范区滨江街道花园社区临江大道35号临江花园5号楼2单元1203室" in {
        r["标准地址"] for r in tower
    }


def test_whole_addresses_are_their_parts_and_unique(addresses):
    sound = addresses[: -len(broken_in("标准地址.csv"))]
    parts = ["省", "市", "区县", "街道", "社区", "路", "门牌号", "小区", "楼栋", "单元", "户室"]
    assert all("".join(r[p] for p in parts) == r["标准地址"] for r in sound)
    assert len({r["标准地址"] for r in sound}) == len(sound)
    assert len({r["地址编码"] for r in sound}) == len(sound)


def test_addresses_lie_in_the_community_they_name(sample, addresses):
    shapes, fields, _ = read(sample[0] / "行政.gpkg", "communities")
    back = Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
    sound = addresses[: -len(broken_in("标准地址.csv")) : 17]
    xy = back.transform([float(r["经度"]) for r in sound], [float(r["纬度"]) for r in sound])
    index, at = shapely.STRtree(shapes).query(shapely.points(*xy), predicate="intersects")
    assert len(set(index)) == len(sound)
    wrong = [i for i, a in zip(index, at, strict=True) if sound[i]["社区"] != fields["名称"][a]]
    assert wrong == []


def test_house_numbers_are_odd_on_one_side_and_rise_along_the_road(sample, addresses):
    number = {}
    for r in addresses[: -len(broken_in("标准地址.csv"))]:
        if r["路"] == "临江大道" and not r["楼栋"] and not r["户室"]:
            number.setdefault(
                int(r["门牌号"].removesuffix("号")), (float(r["经度"]), float(r["纬度"]))
            )
    assert len(number) > 12
    south_of = {n: place[1] for n, place in number.items()}
    odd, even = ([south_of[n] for n in number if n % 2 == k] for k in (1, 0))
    assert min(odd) > np.median(even)
    for side in (1, 0):
        lon = [number[n][0] for n in sorted(number) if n % 2 == side]
        assert lon == sorted(lon)


def test_terrain_is_the_ground_everybody_uses(sample):
    with rasterio.open(sample[0] / "dem_1985.tif") as source:
        assert source.crs.to_epsg() == 4547
        assert source.dtypes == ("float32",)
        rng = np.random.default_rng(3)
        row, col = rng.integers(0, source.height, 500), rng.integers(0, source.width, 500)
        a, _, west, _, e, north = source.transform[:6]
        x, y = west + a * (col + 0.5), north + e * (row + 0.5)
        assert np.abs(source.read(1)[row, col] - ground_height(x, y)).max() < 1e-4
        west, south, east, north = source.bounds
    assert shapely.box(west, south, east, north).contains(shapely.box(*EXTENT))


def test_photograph_covers_the_district_and_shows_water_and_wood(sample):
    path = sample[0] / "正射影像.tif"
    assert path.stat().st_size < 60e6
    with rasterio.open(path) as source:
        assert tuple(source.bounds) == EXTENT
        assert source.count == 3
        assert source.res == (1.25, 1.25)

        def colour(x, y, size=40):
            row, col = int((EXTENT[3] - y) / 1.25), int((x - EXTENT[0]) / 1.25)
            window = rasterio.windows.Window(col - size, row - size, 2 * size, 2 * size)
            return source.read(window=window).reshape(3, -1).mean(axis=1)

        lake, wood, city = (
            colour(509_350, 3_371_550),
            colour(510_100, 3_375_100),
            colour(507_700, 3_372_700),
        )
    assert lake[2] > lake[0] + 15  # blue over red
    assert wood[1] > max(wood[0], wood[2]) + 15  # green
    assert np.ptp(city) < 25  # grey


def test_pois_are_in_gcj02_and_not_in_wgs84(sample):
    table = rows(sample[0] / "兴趣点_gcj02.csv")
    villages = {r["名称"]: r for r in table if r["名称"] == "临江花园"}
    tower_lon, tower_lat = TO_LONLAT.transform(TOWER.easting, TOWER.northing)
    garden = villages["临江花园"]
    east = (float(garden["lng"]) - tower_lon) * 111_320 * np.cos(np.radians(tower_lat))
    north = (float(garden["lat"]) - tower_lat) * 110_900
    # the shift at this place is about 553 m east and 257 m south; the gate lies 230 m south of the tower
    assert 350 < east < 750
    assert -640 < north < -380


def test_histories_stay_between_the_thresholds(sample):
    out = sample[0]
    limits = {r["数据流编号"]: r for r in rows(out / "传感器.csv")[: -len(broken_in("传感器.csv"))]}
    readings = rows(out / "历史读数.csv")[: -len(broken_in("历史读数.csv"))]
    assert len({(r["数据流编号"], r["监测时间"]) for r in readings}) == 14_400
    assert {r["监测时间"][-6:] for r in readings} == {"+08:00"}
    for r in readings:
        limit, value = limits[r["数据流编号"]], float(r["监测值"])
        assert not limit["报警上限"] or value < float(limit["报警上限"])
        assert not limit["报警下限"] or value > float(limit["报警下限"])


def test_sensor_hosts_exist(sample, houses):
    out = sample[0]
    pipes = {
        layer: set(read(out / "管线.gpkg", layer)[1]["编号"])
        for layer in ("gas", "water", "drainage", "heat")
    }
    known = {
        "gbt47678.component": set(read(out / "部件.gpkg")[1]["标识码"]),
        "building.code": set(houses[1]["楼栋编码"]),
        "source:道路.gpkg#roads": set(read(out / "道路.gpkg")[1]["编号"]),
        **{f"source:管线.gpkg#{layer}": keys for layer, keys in pipes.items()},
    }
    bridge = (out / "bim" / "临江大桥.ifc").read_text(encoding="utf-8")
    sensors = rows(out / "传感器.csv")[: -len(broken_in("传感器.csv"))]
    assert len({r["监测主题"] for r in sensors}) == 14
    for r in sensors:
        scheme, value = r["宿主类型"], r["宿主编码"]
        assert f"'{value}'" in bridge if scheme == "ifc.guid" else value in known[scheme]


def test_cases_are_written_as_people_speak(sample, addresses):
    cases = rows(sample[0] / "案件.csv")[: -len(broken_in("案件.csv"))]
    standard = {r["标准地址"] for r in addresses}
    assert sum(r["地址描述"] in standard for r in cases) < 0.02 * len(cases)
    assert 0.55 < sum(bool(r["x"]) for r in cases) / len(cases) < 0.65
    assert sum("旁边" in r["地址描述"] for r in cases) > 50
    assert all(r["结案时间"] > r["上报时间"] for r in cases if r["结案时间"])
    assert {r["案件状态"] for r in cases} >= {
        "上报",
        "立案",
        "派遣",
        "处置",
        "核查",
        "结案",
        "作废",
    }
