"""Abstract tests of OGC API – Features Part 2 (18-058r1): systems by reference, transformed as pyproj does."""

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

PART = "ogcapi-features-2/1.0/conf/crs"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
SYSTEMS = ("4490", "4326", "3857", "4547")
ITEMS = "/collections/buildings/items"


def coordinates(page: dict) -> np.ndarray:
    shapes = [shapely.geometry.shape(f["geometry"]) for f in page.get("features", [page])]
    return shapely.get_coordinates(shapes)


@pytest.mark.conformance(PART)
def test_collections_say_their_systems(get):
    """/conf/crs/crs-uri, fc-md-crs-list, fc-md-storageCrs, default-crs"""
    for one in get("/collections")["collections"]:
        assert one["crs"][0] in (CRS84, CRS84H)
        assert one["storageCrs"] in one["crs"]
        assert {CRS84, *(EPSG + code for code in SYSTEMS)} <= set(one["crs"])
    listed = {one["id"]: one for one in get("/collections")["collections"]}
    assert listed["pipes"]["storageCrs"] == CRS84H
    assert listed["grids"]["storageCrs"] == CRS84


@pytest.mark.conformance(PART)
@pytest.mark.parametrize("code", SYSTEMS)
def test_answers_in_another_system_in_the_order_of_its_axes(client, get, ids, code):
    """/conf/crs/crs-parameter, crs-parameter-transform, ogc-crs-header"""
    plain = coordinates(get(ITEMS, limit=40))
    there = Transformer.from_crs(
        "EPSG:4490" if code != "4326" and code != "3857" else "EPSG:4326",
        f"EPSG:{code}",
        always_xy=True,
    )
    x, y = there.transform(plain[:, 0], plain[:, 1])
    northing_first = CRS.from_epsg(int(code)).axis_info[0].direction == "north"
    expected = np.column_stack([y, x] if northing_first else [x, y])
    found = client.get(ITEMS, params={"limit": 40, "crs": EPSG + code})
    assert found.headers["content-crs"] == f"<{EPSG}{code}>"
    np.testing.assert_allclose(
        coordinates(found.json()), expected, rtol=0, atol=2e-4 if abs(x[0]) > 200 else 2e-9
    )
    one = client.get(f"{ITEMS}/{ids.tower}", params={"crs": EPSG + code})
    assert one.headers["content-crs"] == f"<{EPSG}{code}>"
    np.testing.assert_array_equal(coordinates(one.json()), coordinates(found.json())[:5])


@pytest.mark.conformance(PART)
def test_heights_stay_and_crs84_has_none(client, get, ids):
    path = f"/collections/pipes/items/{ids.pipe}"
    assert client.get(path).headers["content-crs"] == f"<{CRS84H}>"
    assert get(path, crs=CRS84)["geometry"]["coordinates"] == [[114.0, 30.4005], [114.01, 30.4005]]
    swapped = get(path, crs=EPSG + "4490")["geometry"]["coordinates"]
    assert swapped == [[30.4005, 114.0, 8.0], [30.4005, 114.01, 7.0]]


@pytest.mark.conformance(PART)
@pytest.mark.parametrize("code", SYSTEMS)
def test_boxes_in_another_system(get, code):
    """/conf/crs/bbox-crs-parameter, bbox-crs-action: as the shape of the box in degrees does"""
    there = Transformer.from_crs("EPSG:4490", f"EPSG:{code}", always_xy=True)
    back = Transformer.from_crs(f"EPSG:{code}", "EPSG:4490", always_xy=True)
    northing_first = CRS.from_epsg(int(code)).axis_info[0].direction == "north"
    shapes = {
        f["id"]: shapely.geometry.shape(f["geometry"]) for f in get(ITEMS, limit=40)["features"]
    }
    for west, south, east, north in (
        (114.00041, 30.40041, 114.0034, 30.4021),
        (113.9, 30.3, 114.0011, 30.4011),
    ):
        x, y = there.transform([west, east], [south, north])
        numbers = [y[0], x[0], y[1], x[1]] if northing_first else [x[0], y[0], x[1], y[1]]
        ring = shapely.segmentize(shapely.box(x[0], y[0], x[1], y[1]), (x[1] - x[0]) / 50)
        ring = shapely.transform(
            ring, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))
        )
        expected = {name for name, shape in shapes.items() if shape.intersects(ring)}
        page = get(ITEMS, limit=40, bbox=",".join(map(repr, numbers)), **{"bbox-crs": EPSG + code})
        assert {f["id"] for f in page["features"]} == expected
        assert 0 < len(expected) < 40


@pytest.mark.conformance(PART)
@pytest.mark.parametrize("parameter", ["crs", "bbox-crs", "filter-crs"])
def test_systems_that_are_not_offered_are_400(client, parameter):
    """/conf/crs/crs-parameter-invalid, bbox-crs-parameter-invalid"""
    query = {"crs": "", "bbox-crs": "&bbox=1,2,3,4", "filter-crs": "&filter=floors%3D1"}[parameter]
    for given in ("http://www.opengis.net/def/crs/0/unknown", EPSG + "27700", "'"):
        assert client.get(f"{ITEMS}?{parameter}={given}{query}").status_code == 400
