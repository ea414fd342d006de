"""What numbers, names and declarations say without any ground to compare with."""

import pytest

from twin import crs
from twin.crs.placement import in_shifted_ground

LOADS = 0.6
NANSHAN = (113.91, 22.49, 113.96, 22.54)
CITY = (505_000.0, 3_370_000.0, 511_000.0, 3_376_000.0)  # EPSG:4547


def judged(declared, bounds, expected=None, **evidence):
    return crs.judge(declared, bounds, expected=expected, evidence=crs.Evidence(**evidence))


# --- GeoJSON without crs, KML --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "loads"),
    [
        (NANSHAN, False),
        ((121.4, 31.2, 121.5, 31.3), False),
        ((120.0, 23.0, 121.6, 25.1), False),
        ((126.9, 37.4, 127.1, 37.6), True),  # Seoul
        ((105.7, 20.9, 105.9, 21.1), True),  # Hanoi
        ((77.0, 28.4, 77.3, 28.8), True),  # Delhi
        ((106.8, 47.8, 107.0, 48.0), True),  # Ulaanbaatar
        ((13.3, 52.4, 13.5, 52.6), True),
        ((-180.0, -85.0, 180.0, 84.0), True),  # a map of the world is no Chinese web map
    ],
)
def test_the_default_of_a_format_is_believed_only_where_no_map_is_shifted(bounds, loads):
    verdict = judged("EPSG:4326", bounds, stated=False)
    assert (verdict.confidence >= LOADS) == loads
    assert verdict.crs == "EPSG:4326"
    assert "not stated by the file" in verdict.why
    if not loads:
        assert [c.crs for c in verdict.candidates] == ["EPSG:4326", "GCJ-02", "BD-09"]


def test_what_the_source_says_itself_loads_with_the_caution():
    verdict = judged("EPSG:4326", NANSHAN)
    assert (verdict.crs, verdict.confidence) == ("EPSG:4326", 0.85)
    assert "GCJ-02 or BD-09 cannot be excluded" in verdict.findings[0]


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "columns", "fields", "system", "loads"),
    [
        ("poi_gcj02", [], [], "GCJ-02", True),
        ("百度坐标_poi", [], [], "BD-09", True),
        ("poi", ["bd09_lng", "bd09_lat"], [], "BD-09", True),
        ("poi", ["wgs_lon", "wgs_lat"], [], "EPSG:4490", True),
        ("roads", [], ["osm_id", "highway"], "EPSG:4490", True),
        ("shanghai_osm_roads", [], [], "EPSG:4490", True),
        ("poi_wgs84", [], [], "EPSG:4490", True),
        ("高德poi", [], [], "GCJ-02", False),  # whose maps they are is not what system they are in
        ("amap_shops", [], [], "GCJ-02", False),
        ("cosmos", ["lng", "lat"], [], "EPSG:4490", False),
        ("poi", ["lng", "lat"], [], "EPSG:4490", False),
    ],
)  # fmt: skip
def test_names_are_clues_of_the_weight_they_deserve(name, columns, fields, system, loads):
    verdict = judged(None, NANSHAN, clues=crs.clues_of(name, columns, fields))
    assert verdict.confidence >= LOADS or not loads
    assert verdict.confidence < LOADS or loads
    assert system in [c.crs for c in verdict.candidates][:2]
    if loads:
        assert verdict.crs == system


def test_a_name_against_a_declaration_is_refused():
    verdict = judged("EPSG:4490", NANSHAN, clues=crs.clues_of("nanshan_gcj02"))
    assert verdict.confidence < LOADS
    assert "speaks of GCJ-02, but the source declares EPSG:4490" in " ".join(verdict.findings)


def test_columns_named_as_degrees_decide_outside_china_alone():
    assert judged(None, (8.4, 48.9, 8.5, 49.1), degrees=True).confidence == 0.7
    assert judged(None, (8.4, 48.9, 8.5, 49.1)).confidence == 0.5
    assert judged(None, NANSHAN, degrees=True).confidence == 0.5
    assert crs.named_as_degrees(["经度", "纬度"])
    assert not crs.named_as_degrees(["x坐标", "纬度"])


# --- what a declaration cannot mean ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "bounds", "expected", "system", "loads"),
    [
        # New York's grid in feet, declared as its twin in metres, and the reverse
        ("EPSG:32118", (913_175.0, 120_121.0, 1_067_382.0, 272_844.0), None, "EPSG:2263", False),
        ("EPSG:2263", (278_336.0, 36_613.0, 325_338.0, 83_163.0), None, "EPSG:32118", False),
        # degrees under a system of metres
        ("EPSG:3857", NANSHAN, None, "EPSG:4490", False),
        ("EPSG:3857", (8.4, 48.9, 8.5, 49.1), None, "EPSG:4326", False),
        # metres under degrees
        ("EPSG:4490", CITY, "EPSG:4547", "EPSG:4547", False),
        # the next zone: its meridian is in its name alone
        ("EPSG:4548", CITY, "EPSG:4547", "EPSG:4547", False),
        ("EPSG:32651", (460_000.0, 3_370_000.0, 470_000.0, 3_380_000.0), "EPSG:4547", None, False),
        # latitude first, told by the range and, in the far west, by the place
        ("EPSG:4326", (22.49, 113.91, 22.54, 113.96), None, "EPSG:4326@yx", True),
        ("EPSG:4326", (43.79, 87.60, 43.81, 87.62), None, "EPSG:4326@yx", True),
        ("EPSG:4547", (3_370_000.0, 505_000.0, 3_376_000.0, 511_000.0), None, "EPSG:4547@yx", True),
    ],
)
def test_a_declaration_that_cannot_be_right_is_repaired_or_refused(
    declared, bounds, expected, system, loads
):
    verdict = judged(declared, bounds, expected)
    assert (verdict.confidence >= LOADS) == loads
    if system is not None:
        assert system in [c.crs for c in verdict.candidates]


def test_a_declared_system_of_feet_in_its_place_is_believed():
    verdict = judged("EPSG:2263", (913_175.0, 120_121.0, 1_067_382.0, 272_844.0))
    assert (verdict.crs, verdict.confidence) == ("EPSG:2263", 0.95)


def test_the_datum_of_a_zone_number_needs_the_city_or_a_name():
    box = (38_505_000.0, 3_370_000.0, 38_511_000.0, 3_376_000.0)
    assert judged(None, box).confidence < LOADS
    assert {c.crs for c in judged(None, box).candidates} == {"EPSG:4526", "EPSG:2362", "EPSG:2414"}
    assert judged(None, box, "EPSG:4547").crs == "EPSG:4526"
    named = judged(None, box, clues=crs.clues_of("宗地_西安80"))
    assert (named.crs, named.confidence >= LOADS) == ("EPSG:2362", True)


def test_a_citys_own_grid_is_a_candidate_where_it_leads_into_the_city():
    crs.define_local("试验城", crs.Grid("EPSG:4547", 480_000.0, 3_350_000.0, rotation=2.0))
    west, south, _ = crs.to_geographic("EPSG:4547", [505_000.0], [3_370_000.0])
    city = (
        float(west[0]) - 0.05,
        float(south[0]) - 0.05,
        float(west[0]) + 0.1,
        float(south[0]) + 0.1,
    )
    box = (25_000.0, 20_000.0, 28_000.0, 23_000.0)
    verdict = judged(None, box, "EPSG:4547", grids=["LOCAL:试验城"], city=city)
    assert (verdict.crs, verdict.confidence >= LOADS) == ("LOCAL:试验城", True)
    elsewhere = judged(
        None, box, "EPSG:4547", grids=["LOCAL:试验城"], city=(120.0, 30.0, 120.1, 30.1)
    )
    assert elsewhere.confidence < LOADS


def test_the_ground_of_shifted_maps_ends_at_the_border():
    inside = {"深圳": (114.06, 22.54), "乌鲁木齐": (87.62, 43.82), "拉萨": (91.1, 29.65),
              "哈尔滨": (126.5, 45.8), "三亚": (109.5, 18.25), "喀什": (75.99, 39.47)}  # fmt: skip
    outside = {"Seoul": (127.0, 37.55), "Hanoi": (105.8, 21.03), "Delhi": (77.2, 28.6),
               "Ulaanbaatar": (106.9, 47.9), "Almaty": (76.9, 43.2), "Manila": (121.0, 14.6),
               "Fukuoka": (130.4, 33.6), "Dhaka": (90.4, 23.8), "Vladivostok": (131.9, 43.1)}  # fmt: skip
    assert all(in_shifted_ground((*at, *at)) for at in inside.values())
    assert not any(in_shifted_ground((*at, *at)) for at in outside.values())


def test_gcj02_mercator_is_the_mercator_of_gcj02():
    lon, lat = 116.404, 39.915
    shifted = crs.from_geographic("GCJ-02", [lon], [lat])
    by_hand = crs.from_geographic("EPSG:3857", shifted[0], shifted[1])
    x, y, _ = crs.from_geographic("GCJ-02MC", [lon], [lat])
    assert (x[0], y[0]) == (
        pytest.approx(by_hand[0][0], abs=1e-6),
        pytest.approx(by_hand[1][0], abs=1e-6),
    )
    back = crs.to_geographic("GCJ-02MC", x, y)
    assert (back[0][0], back[1][0]) == (
        pytest.approx(lon, abs=1e-10),
        pytest.approx(lat, abs=1e-10),
    )
    assert crs.canonical("gcj02mc") == "GCJ-02MC"
