import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import crs
from twin.crs.boxes import placed_boxes
from twin.crs.names import Zone, zone_code, zone_of
from twin.errors import CrsError
from twin.validity import repair

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

ESRI_114 = (
    '\ufeffPROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",'
    '500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER['
    '"Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
PROJECTED = ["EPSG:4547", "EPSG:4526", "EPSG:2383", "EPSG:2435", "EPSG:4508", "EPSG:3857"]
CITY = (505_000.0, 3_370_000.0, 511_000.0, 3_376_000.0)  # EPSG:4547
PREFIXED = (38_505_000.0, 3_370_000.0, 38_511_000.0, 3_376_000.0)  # EPSG:4526
NANSHAN = (113.91, 22.49, 113.96, 22.54)

china_lon, china_lat = st.floats(73.5, 134.5), st.floats(3.5, 53.5)


# --- shifted web maps ---------------------------------------------------------------------------


@given(st.lists(st.tuples(china_lon, china_lat), min_size=1, max_size=40))
@pytest.mark.parametrize("name", ["GCJ-02", "BD-09", "BD-09MC"])
def test_shifted_coordinates_come_back_to_the_tenth_decimal(name, places):
    lon, lat = np.array(places).T
    x, y, _ = crs.from_geographic(name, lon, lat)
    back_lon, back_lat, _ = crs.to_geographic(name, x, y)
    assert np.abs(back_lon - lon).max() < 1e-10
    assert np.abs(back_lat - lat).max() < 1e-10


def test_gcj02_of_tiananmen_is_the_published_value():
    # the vector that the open libraries for GCJ-02 test themselves by
    lon, lat, _ = crs.from_geographic("GCJ-02", [116.404], [39.915])
    assert lon[0] == pytest.approx(116.41024449916938, abs=1e-9)
    assert lat[0] == pytest.approx(39.91640428150164, abs=1e-9)


def test_the_world_outside_china_is_not_shifted():
    places = np.array([[-0.12, 51.5], [139.7, 35.7], [151.2, -33.9], [-74.0, 40.7]]).T
    for there in (crs.from_geographic, crs.to_geographic):
        lon, lat, _ = there("GCJ-02", *places)
        assert lon.tolist() == places[0].tolist()
        assert lat.tolist() == places[1].tolist()


@pytest.mark.parametrize("name", ["GCJ-02", "BD-09", "BD-09MC", "EPSG:4547", "EPSG:2414"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_stays_none(name, bad):
    for there in (crs.to_geographic, crs.from_geographic):
        x, y, _ = there(name, [bad, 114.0], [30.0, bad])
        assert np.isnan(x).all()
        assert np.isnan(y).all()


@pytest.mark.real
def test_664_places_agree_with_the_table_of_the_web_maps():
    path = DATA / "china" / "coord-pairs" / "gcoord" / "china-cities.json"
    if not path.exists():
        pytest.skip(f"the shared real data are not beside the checkout: {path}")
    rows = [row["coords"] for row in json.loads(path.read_text(encoding="utf-8"))]
    column = {name: np.array([row[name] for row in rows]).T for name in rows[0]}
    # the table has 7 decimals; its GCJ-02 is rounded by the map service itself (7e-6 degrees)
    for source, target, tolerance in (("GCJ-02", "GCJ02", 8e-6), ("BD-09", "BD09", 8e-6)):
        x, y, _ = crs.from_geographic(source, *column["WGS84"])
        assert (
            max(np.abs(x - column[target][0]).max(), np.abs(y - column[target][1]).max())
            < tolerance
        )
    lon, lat, _ = crs.to_geographic("BD-09MC", *column["BD09MC"])
    again, north, _ = crs.to_geographic("BD-09", *column["BD09"])
    assert np.abs(lon - again).max() < 2e-7
    assert np.abs(lat - north).max() < 2e-7
    x, y, _ = crs.from_geographic("EPSG:3857", *column["WGS84"])
    assert np.abs(x - column["EPSG3857"][0]).max() < 1e-3
    assert np.abs(y - column["EPSG3857"][1]).max() < 1e-3


# --- projected systems --------------------------------------------------------------------------


def test_all_192_chinese_zones_are_what_the_registry_says():
    seen = 0
    for family, geodetic in (("CGCS2000", 4490), ("Xian 1980", 4610), ("Beijing 1954", 4214)):
        for width, numbers in ((3, range(25, 46)), (6, range(13, 24))):
            for number in numbers:
                for prefixed in (True, False):
                    meridian = 3 * number if width == 3 else 6 * number - 3
                    zone = Zone(family, width, meridian, prefixed)
                    code = zone_code(zone)
                    registered = pyproj.CRS(code)
                    values = {p.name: p.value for p in registered.coordinate_operation.params}
                    assert values["Longitude of natural origin"] == meridian
                    assert values["False easting"] == 500_000 + number * 1_000_000 * prefixed
                    assert registered.geodetic_crs.to_epsg() == geodetic
                    assert zone_of(code) == zone
                    seen += 1
    assert seen == 192


@pytest.mark.parametrize("code", [4547, 4526, 4508, 4497, 3857, 2326, 28992, 2263, 25832, 32650])
def test_projected_systems_agree_with_proj_used_by_hand(code):
    area = pyproj.CRS(code).area_of_use.bounds
    west, south, east, north = (
        np.average(area[0::2], weights=w) if i % 2 == 0 else np.average(area[1::2], weights=w)
        for i, w in enumerate(((2, 1), (2, 1), (1, 2), (1, 2)))
    )
    lon, lat = (v.ravel() for v in np.meshgrid([west, east], [south, north]))
    target = 4490 if code in (4547, 4526, 4508, 4497) else 4326
    by_hand = pyproj.Transformer.from_crs(target, code, always_xy=True)
    x, y = by_hand.transform(lon, lat)
    got_lon, got_lat, _ = crs.to_geographic(f"EPSG:{code}", x, y)
    assert np.abs(got_lon - lon).max() < 2e-7  # 2 cm: datum steps of old systems are not exact
    assert np.abs(got_lat - lat).max() < 2e-7
    back_x, back_y, _ = crs.from_geographic(f"EPSG:{code}", got_lon, got_lat)
    assert np.abs(back_x - x).max() < 1e-3 / 0.3
    assert np.abs(back_y - y).max() < 1e-3 / 0.3


def test_the_meridian_arc_of_a_zone_is_the_ellipsoids():
    # On the central meridian the northing is the arc of the ellipsoid from the equator
    geod = pyproj.Geod(a=6378137.0, rf=298.257222101)
    x, y, _ = crs.from_geographic("EPSG:4547", [114.0], [30.5])
    assert x[0] == pytest.approx(500_000.0, abs=1e-6)
    assert y[0] == pytest.approx(geod.inv(114.0, 0.0, 114.0, 30.5)[2], abs=1e-6)


@settings(deadline=None)
@given(st.sampled_from(PROJECTED), st.floats(112.6, 115.4), st.floats(22.0, 45.0))
def test_projected_coordinates_come_back(name, lon, lat):
    x, y, _ = crs.from_geographic(name, [lon], [lat])
    back_lon, back_lat, _ = crs.to_geographic(name, x, y)
    assert abs(back_lon[0] - lon) < 1e-10
    assert abs(back_lat[0] - lat) < 1e-10


def test_one_relation_serves_all_of_beijing_1954():
    # three parameters of EPSG 1920 by hand, through geocentric coordinates
    cart = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        "+step +proj=cart +ellps=krass"
    )
    x, y, z = cart.transform(114.0, 30.0, 0.0)
    lon, lat, _ = crs.ecef_to_geographic(x + 15.8, y - 154.4, z - 82.3)
    got_lon, got_lat, _ = crs.to_geographic("EPSG:4214", [114.0], [30.0])
    assert got_lon[0] == pytest.approx(float(lon), abs=1e-9)
    assert got_lat[0] == pytest.approx(float(lat), abs=1e-9)
    assert crs.accuracy("EPSG:2414") == 50.0
    assert crs.accuracy("EPSG:2362") is None


def test_a_local_grid_is_turned_moved_and_scaled():
    crs.define_local(
        "试验", crs.Grid("EPSG:4547", 505_000.0, 3_370_000.0, rotation=90.0, scale=2.0)
    )
    lon, lat, _ = crs.to_geographic("LOCAL:试验", [10.0], [0.0])
    expected_lon, expected_lat, _ = crs.to_geographic("EPSG:4547", [505_000.0], [3_370_020.0])
    assert lon[0] == pytest.approx(expected_lon[0], abs=1e-12)
    assert lat[0] == pytest.approx(expected_lat[0], abs=1e-12)
    x, y, _ = crs.from_geographic("LOCAL:试验", lon, lat)
    assert (x[0], y[0]) == (pytest.approx(10.0, abs=1e-6), pytest.approx(0.0, abs=1e-6))
    with pytest.raises(CrsError, match="not defined"):
        crs.to_geographic("LOCAL:nowhere", [0.0], [0.0])
    with pytest.raises(CrsError, match="projected base"):
        crs.define_local("bad", crs.Grid("EPSG:4490", 0, 0))


def test_threads_share_transformers_without_mixing_numbers():
    x = np.linspace(505_000, 511_000, 2000)
    y = np.linspace(3_370_000, 3_376_000, 2000)
    expected = crs.to_geographic("EPSG:4547", x, y)[0]

    def agrees(_):
        return np.array_equal(crs.to_geographic("EPSG:4547", x, y)[0], expected)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(agrees, range(60)))


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("EPSG:4547", "EPSG:4547"), ("4547", "EPSG:4547"), ("epsg:21463", "EPSG:21463"),
        ("urn:ogc:def:crs:EPSG::4547", "EPSG:4547"), ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"),
        ("http://www.opengis.net/def/crs/EPSG/0/4490", "EPSG:4490"), ("OGC:CRS84", "EPSG:4326"),
        (ESRI_114, "EPSG:4547"), ("CGCS2000_3_Degree_GK_CM_114E", "EPSG:4547"),
        ("CGCS2000_3_Degree_GK_Zone_38", "EPSG:4526"), ("CGCS2000_GK_Zone_19", "EPSG:4497"),
        ("Xian_1980_3_Degree_GK_CM_114E", "EPSG:2383"), ("西安80 3度带38带", "EPSG:2362"),
        ("Beijing_1954_3_Degree_GK_Zone_38", "EPSG:2414"), ("国家2000", "EPSG:4490"),
        ("GCS_China_Geodetic_Coordinate_System_2000", "EPSG:4490"), ("北京54", "EPSG:4214"),
        ("gcj02", "GCJ-02"), ("火星坐标系", "GCJ-02"), ("bd09ll", "BD-09"), ("BD09MC", "BD-09MC"),
        ("EPSG:4547@yx", "EPSG:4547@yx"), ("EPSG:7415", "EPSG:28992"), ("LOCAL:武汉", "LOCAL:武汉"),
    ],
)  # fmt: skip
def test_every_way_of_writing_a_system_has_one_spelling(written, meant):
    assert crs.canonical(written) == meant


def test_a_projection_that_only_resembles_a_zone_keeps_its_own_numbers():
    other = ESRI_114.replace("114.0", "114.333333").replace("500000.0", "800000.0")
    name = crs.canonical(other)
    assert name.startswith("PROJCRS[")
    x, _, _ = crs.from_geographic(name, [114.333333], [30.0])
    assert x[0] == pytest.approx(800_000.0, abs=1e-3)


@pytest.mark.parametrize("junk", ["", "nonsense", "EPSG:99999999", "CGCS2000_3_Degree_GK_CM_113E"])
def test_what_means_nothing_is_refused_with_what_would_do(junk):
    with pytest.raises(CrsError, match=r"expected EPSG:n"):
        crs.canonical(junk)


def test_file_names_may_speak_of_their_system():
    assert crs.hint("兴趣点_gcj02.csv") == "GCJ-02"
    assert crs.hint("建筑物.shp") is None


# --- geometry -----------------------------------------------------------------------------------


def test_wkb_keeps_order_nulls_and_heights():
    shapes = [
        shapely.Point(508_000, 3_373_000, 31.5),
        None,
        shapely.box(*CITY),
        shapely.LineString([(505_000, 3_370_000), (506_000, 3_371_000)]),
    ]
    raw = pa.array([None if s is None else shapely.to_wkb(s) for s in shapes], pa.binary())
    out = crs.transform_wkb("EPSG:4547", raw)
    by_hand = pyproj.Transformer.from_crs(4547, 4490, always_xy=True)
    assert out[1] is None
    assert shapely.has_z(out).tolist() == [True, False, False, False]
    assert shapely.get_coordinates(out[0], include_z=True)[0] == pytest.approx(
        (*by_hand.transform(508_000, 3_373_000), 31.5), abs=1e-12
    )
    assert shapely.get_coordinates(out[3])[1] == pytest.approx(
        by_hand.transform(506_000, 3_371_000), abs=1e-12
    )
    listed = crs.transform_wkb("EPSG:4547", [*raw.to_pylist(), b"\x00not wkb"])
    assert listed[4] is None
    assert shapely.equals_exact(listed[2], out[2])


def test_vertices_without_a_place_are_named_by_the_validity_check():
    with np.errstate(invalid="ignore"):
        ring = shapely.Polygon([(505_000, 3_370_000), (1e12, 1e12), (506_000, 3_371_000)])
    out = crs.transform_wkb("EPSG:4547", [shapely.to_wkb(ring)])
    assert np.isinf(shapely.get_coordinates(out[0])).all(axis=1).tolist() == [
        False, True, False, False,
    ]  # fmt: skip
    assert "1 of 4 vertices" in repair(out)[2][0]


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "layer", "system"),
    [
        ("nanshan_4490.gpkg", "建筑物", "EPSG:4490"),
        ("nanshan_4490.gpkg", "建筑物_投影4547", "EPSG:4547"),
        ("nanshan_4547_gbk_nocpg/建筑物.shp", None, ESRI_114),
        ("nanshan_gcj02.geojson", None, "GCJ-02"),
    ],
)
def test_real_footprints_land_on_the_same_ground_from_every_system(file, layer, system, tmp_path):
    import shutil

    import pyogrio

    folder = DATA / "china" / "derived"
    if not folder.exists():
        pytest.skip(f"the shared real data are not beside the checkout: {folder}")
    for source in (folder / file, folder / "nanshan_wgs84.geojson"):
        for sidecar in source.parent.glob(source.stem + ".*"):
            target = tmp_path / source.parent.name / sidecar.name
            target.parent.mkdir(exist_ok=True)
            shutil.copy(sidecar, target)
    name = Path(file)
    parent = (folder / file).parent.name
    _, _, wkb, _ = pyogrio.raw.read(tmp_path / parent / name.name, layer=layer, columns=[])
    _, _, truth, _ = pyogrio.raw.read(tmp_path / "derived" / "nanshan_wgs84.geojson", columns=[])
    here = shapely.get_coordinates(shapely.centroid(crs.transform_wkb(system, list(wkb))))
    there = shapely.get_coordinates(shapely.centroid(shapely.from_wkb(truth)))
    metres = np.hypot(*((here - there) * (111_320 * np.cos(np.deg2rad(22.5)), 110_750)).T)
    assert metres.max() < 0.5
    assert len(metres) == 1482


# --- geocentric ---------------------------------------------------------------------------------


def test_geocentric_points_agree_with_proj():
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-180, 180, 500), rng.uniform(-90, 90, 500)
    h = rng.uniform(-9_000, 9_000, 500)
    by_hand = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
    ours = np.array(crs.geographic_to_ecef(lon, lat, h))
    assert np.abs(ours - np.array(by_hand.transform(lon, lat, h))).max() < 1e-8
    back = np.array(crs.ecef_to_geographic(*ours))
    assert np.abs(back - [lon, lat, h]).max(axis=1) == pytest.approx([0, 0, 0], abs=1e-8)


def test_the_local_frame_points_east_north_and_up():
    frame = crs.enu_matrix(114.0, 30.5, 25.0)
    there = frame @ [3.0, 4.0, 5.0, 1.0]
    topocentric = pyproj.Transformer.from_pipeline(
        "+proj=topocentric +ellps=WGS84 +lon_0=114 +lat_0=30.5 +h_0=25"
    )
    assert topocentric.transform(*there[:3]) == pytest.approx((3.0, 4.0, 5.0), abs=1e-8)


def turned(x, y, z, degrees, scale=1.0):
    angle = np.deg2rad(degrees)
    out = np.eye(4)
    out[:2, :2] = scale * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    out[:3, 3] = x, y, z
    return out


@pytest.mark.parametrize(
    ("code", "x", "y", "unit"),
    [(4547, 508_210.0, 3_373_140.0, 1.0), (4526, 38_440_000.0, 4_373_140.0, 1.0),
     (2326, 836_000.0, 819_000.0, 1.0), (2263, 990_000.0, 200_000.0, 1200 / 3937),
     (28992, 85_000.0, 446_000.0, 1.0)],
)  # fmt: skip
def test_meshes_stand_within_a_millimetre_of_every_vertex_transformed(code, x, y, unit):
    rng = np.random.default_rng(3)
    vertices = rng.uniform(-60, 60, (400, 3))
    vertices *= (60 / np.linalg.norm(vertices, axis=1))[:, None].clip(max=1)
    matrices = np.array([turned(x + 100 * k, y, 30.0 * k, 8.0 * k, 1 / unit) for k in range(4)])
    got = crs.local_to_ecef_matrices(f"EPSG:{code}", matrices, -12.8).reshape(-1, 4, 4)
    datum = 4490 if code in (4547, 4526) else 4326
    flat = pyproj.Transformer.from_crs(code, datum, always_xy=True)
    cart = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
    homogeneous = np.column_stack([vertices, np.ones(len(vertices))])
    for matrix, placed in zip(matrices, got, strict=True):
        source = homogeneous @ matrix.T
        lon, lat = flat.transform(source[:, 0], source[:, 1])
        exact = np.column_stack(cart.transform(lon, lat, source[:, 2] - 12.8))
        assert np.linalg.norm((homogeneous @ placed.T)[:, :3] - exact, axis=1).max() < 1e-3


def test_meshes_in_degrees_and_with_a_sloping_geoid_stand_right_too():
    per_degree = 111_319.5
    matrix = turned(114.0, 30.0, 20.0, 0.0, 1 / per_degree)
    vertices = np.random.default_rng(1).uniform(-40, 40, (200, 3))

    def geoid(lon, lat):
        return -12.8 + 5.0 * (lon - 114.0) + 9.0 * (lat - 30.0)

    placed = crs.local_to_ecef_matrices("EPSG:4490", matrix.reshape(1, 16), geoid).reshape(4, 4)
    lon, lat = 114.0 + vertices[:, 0] / per_degree, 30.0 + vertices[:, 1] / per_degree
    cart = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
    exact = np.column_stack(cart.transform(lon, lat, 20.0 + vertices[:, 2] + geoid(lon, lat)))
    got = (np.column_stack([vertices, np.ones(200)]) @ placed.T)[:, :3]
    assert np.linalg.norm(got - exact, axis=1).max() < 1e-3


def test_a_long_mesh_is_right_around_the_centre_asked_for():
    matrix = turned(506_690.0, 3_372_900.0, 0.0, 0.0)[None]
    far = np.array([[5_000.0, 0.0, 30.0]])
    exact = crs.to_geographic("EPSG:4547", [511_690.0], [3_372_900.0])
    target = np.array(crs.geographic_to_ecef(exact[0], exact[1], [30.0]))[:, 0]
    around_origin = crs.local_to_ecef_matrices("EPSG:4547", matrix).reshape(4, 4)
    around_centre = crs.local_to_ecef_matrices("EPSG:4547", matrix, centres=far).reshape(4, 4)
    assert np.linalg.norm((around_centre @ [*far[0], 1.0])[:3] - target) < 1e-6
    assert np.linalg.norm((around_origin @ [*far[0], 1.0])[:3] - target) == pytest.approx(
        5_000**2 / (2 * 6.378e6), rel=0.05
    )  # the Earth's sag that an affine map leaves out


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "bounds", "expected", "system", "least", "words"),
    [
        (ESRI_114, CITY, None, "EPSG:4547", 0.9, "declared as"),
        ("EPSG:4326", NANSHAN, "EPSG:4547", "EPSG:4326", 0.8, "declared as"),
        (None, PREFIXED, "EPSG:4547", "EPSG:4526", 0.75, "zone number"),
        (None, PREFIXED, None, "EPSG:4526", 0.45, "its datum is not in the numbers"),
        (
            None,
            (19_460_000.0, 3_370_000.0, 19_500_000.0, 3_376_000.0),
            None,
            "EPSG:4497",
            0.45,
            "zone",
        ),
        (None, PREFIXED, "EPSG:2414", "EPSG:2414", 0.75, "zone number"),
        (None, CITY, "EPSG:4547", "EPSG:4547", 0.55, "expected system"),
        (None, CITY, "EPSG:4526", "EPSG:4547", 0.55, "expected system"),
        (None, NANSHAN, None, "EPSG:4490", 0.45, "GCJ-02 or BD-09 cannot be excluded"),
        ("EPSG:4547", PREFIXED, None, "EPSG:4526", 0.8, "have the zone number"),
        ("EPSG:4526", CITY, None, "EPSG:4547", 0.8, "lack the zone number"),
        ("EPSG:4547", (CITY[1], CITY[0], CITY[3], CITY[2]), None, "EPSG:4547@yx", 0.75, "swapped"),
        ("EPSG:4326", (22.49, 113.91, 22.54, 113.96), None, "EPSG:4326@yx", 0.75, "swapped"),
        ("EPSG:4490", (43.7, 87.5, 43.9, 87.7), None, "EPSG:4490@yx", 0.75, "swapped"),
        ("EPSG:4326", CITY, "EPSG:4547", "EPSG:4547", 0.55, "expected system"),
        ("EPSG:4547", NANSHAN, None, "EPSG:4490", 0.45, "longitude and latitude"),
        (
            "EPSG:2263",
            (913_175, 120_122, 1_067_380, 272_844),
            "EPSG:4547",
            "EPSG:2263",
            0.6,
            "declared",
        ),
        ("EPSG:4547", None, None, "EPSG:4547", 0.75, "no bounds"),
    ],
)
def test_verdicts_name_the_system_the_trust_and_the_reason(
    declared, bounds, expected, system, least, words
):
    verdict = crs.judge(declared, bounds, expected=expected)
    assert verdict.crs == system
    assert least <= verdict.confidence <= 1
    assert words in verdict.why


@pytest.mark.parametrize(
    ("declared", "bounds", "expected"),
    [
        (None, None, "EPSG:4547"),
        ("nonsense", None, None),
        (None, CITY, None),
        ("EPSG:4547", (0.0, 0.0, 100.0, 100.0), None),
        ("EPSG:4547", (0.0, 0.0, 50_000.0, 50_000.0), None),
        ("EPSG:4326", (-248.7, 625.6, -248.7, 625.6), None),
        ("EPSG:4326", (84_000.0, 446_000.0, 85_000.0, 447_000.0), "EPSG:4547"),
    ],
)
def test_what_cannot_be_told_is_not_guessed(declared, bounds, expected):
    verdict = crs.judge(declared, bounds, expected=expected)
    assert verdict.crs is None
    assert verdict.confidence == 0


def test_a_repaired_declaration_is_always_listed_as_a_finding():
    for declared, bounds in (("EPSG:4547", PREFIXED), ("EPSG:4326", CITY), ("EPSG:4547", NANSHAN)):
        verdict = crs.judge(declared, bounds, expected="EPSG:4547")
        assert verdict.findings[0].startswith(f"the source declares {declared}")


def test_the_plan_wins_and_contradictions_are_said():
    agreed = crs.judge("EPSG:4547", CITY, given="EPSG:4547")
    assert (agreed.crs, agreed.confidence, agreed.findings) == ("EPSG:4547", 1.0, ())
    other = crs.judge("EPSG:4549", CITY, given="EPSG:4547")
    assert (other.crs, other.confidence) == ("EPSG:4547", 0.9)
    assert "the source declares EPSG:4549" in other.findings[0]
    wrong = crs.judge(None, (CITY[1], CITY[0], CITY[3], CITY[2]), given="EPSG:4547")
    assert wrong.crs == "EPSG:4547"
    assert wrong.confidence <= 0.3
    assert "EPSG:4547@yx would fit" in wrong.findings[0]


def test_old_datums_say_how_well_they_can_be_placed():
    assert "100 m" in crs.judge("EPSG:2362", PREFIXED).findings[0]
    assert "about 50 m" in crs.judge("EPSG:2414", PREFIXED).findings[0]
    assert crs.judge("EPSG:4526", PREFIXED).findings == ()


def test_one_record_far_off_does_not_condemn_the_layer():
    verdict = crs.judge("EPSG:4547", (0.0, 0.0, CITY[2], CITY[3]))
    assert verdict.crs == "EPSG:4547"
    assert 0.5 <= verdict.confidence < 0.7
    assert "some of the data" in verdict.findings[0]


def test_web_mercator_and_baidus_are_not_told_apart_silently():
    verdict = crs.judge(None, (12_675_000.0, 2_570_000.0, 12_690_000.0, 2_580_000.0))
    assert verdict.crs == "EPSG:3857"
    assert verdict.confidence < 0.5
    assert "BD-09MC" in verdict.why


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 4),
       st.sampled_from([None, "EPSG:4547", "EPSG:4326", "GCJ-02", "BD-09MC", "junk"]),
       st.sampled_from([None, "EPSG:4547", "EPSG:2362"]))  # fmt: skip
@settings(deadline=None)
def test_any_numbers_get_a_verdict(bounds, declared, expected):
    verdict = crs.judge(declared, bounds, expected=expected)
    assert 0 <= verdict.confidence <= 1
    assert verdict.why


def test_boxes_of_placed_meshes_are_those_of_their_corners() -> None:
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(-179, 179, 500), rng.uniform(-89, 89, 500)
    height = rng.uniform(-10_000, 100_000, 500)
    frames = np.array([crs.enu_matrix(*at) for at in zip(lon, lat, height, strict=True)])
    low = rng.uniform(-200, 0, (500, 3))
    boxes = np.hstack([low, low + rng.uniform(0, 300, (500, 3))])
    columns = [[x, y, z] for z in (2, 5) for y in (1, 4) for x in (0, 3)]
    corners = boxes[:, columns]
    placed = np.einsum("nij,nmj->nmi", frames[:, :3, :3], corners) + frames[:, None, :3, 3]
    found = np.stack(crs.ecef_to_geographic(*placed.reshape(-1, 3).T), axis=1).reshape(500, 8, 3)
    want = np.concatenate([found.min(axis=1), found.max(axis=1)], axis=1)
    got = placed_boxes(boxes, frames.reshape(-1, 16))
    assert np.abs(got - want)[:, [0, 1, 3, 4]].max() < 1e-11
    assert np.abs(got - want)[:, [2, 5]].max() < 1e-6
    assert np.isnan(placed_boxes(boxes[:1], np.full((1, 16), np.nan))).all()
