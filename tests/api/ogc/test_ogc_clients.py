"""Clients as people use them: OWSLib, and GDAL's OAPIF driver through pyogrio in a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest
import shapely
from owslib.ogcapi.features import Features

ITEMS = "/collections/buildings/items"
COUNTS = {"buildings": 40, "components": 300, "pipes": 1, "grids": 1}
CODES = ("4490", "4326", "3857", "4547")
ASK = """
import json, sys
import pyogrio, pyproj, shapely
root, codes, names = json.loads(sys.argv[1])
b = f"OAPIF:{root}/collections/buildings"
out = {"paged": {}, "counted": {}, "systems": {}}
for name in names:
    frame = pyogrio.read_dataframe(f"OAPIF:{root}/collections/{name}", PAGE_SIZE=17)
    out["paged"][name] = [len(frame), frame["id"].nunique()]
    out["counted"][name] = pyogrio.read_info(f"OAPIF:{root}/collections/{name}", force_feature_count=True)["features"]
out["box"] = len(pyogrio.read_dataframe(b, bbox=(114, 30.4, 114.0045, 30.4005)))
out["where"] = sorted(pyogrio.read_dataframe(b, where="floors > 30 AND usage = '住宅'")["floors"].tolist())
for code in codes:
    frame = pyogrio.read_dataframe(b, CRS=f"http://www.opengis.net/def/crs/EPSG/0/{code}").sort_values("id")
    back = frame.to_crs("EPSG:4490" if code in ("4490", "4547") else "EPSG:4326").geometry.to_numpy()
    out["systems"][code] = [pyproj.CRS.from_epsg(code).equals(frame.crs, ignore_axis_order=True), shapely.get_coordinates(back).tolist()]
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def owslib(address) -> Features:
    return Features(address)


def test_owslib_finds_collections_schemas_and_items(owslib):
    assert owslib.conformance()["conformsTo"]
    assert owslib.api()["openapi"] == "3.0.3"
    assert set(owslib.feature_collections()) == {
        "buildings",
        "rooms",
        "pipes",
        "grids",
        "components",
    }
    assert owslib.collection("buildings")["id"] == "buildings"
    assert "floors" in owslib.collection_queryables("buildings")["properties"]
    page = owslib.collection_items(
        "buildings", limit=3, bbox=[114, 30.4, 114.0045, 30.4005], filter="floors > 2"
    )
    assert (page["numberMatched"], len(page["features"])) == (3, 3)
    one = owslib.collection_item("buildings", page["features"][0]["id"])
    assert one["properties"] == page["features"][0]["properties"]


@pytest.fixture(scope="module")
def gdal(address) -> dict:
    """What GDAL read; the loaders of this process take its network drivers away."""
    asked = json.dumps([address, CODES, list(COUNTS)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK, asked],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_gdal_reads_every_item_page_by_page(gdal):
    assert gdal["paged"] == {name: [count, count] for name, count in COUNTS.items()}
    assert gdal["counted"] == COUNTS


def test_gdal_filters_and_boxes(gdal):
    assert gdal["box"] == 5
    assert gdal["where"] == [32, 34, 36, 38, 40]


@pytest.mark.parametrize("code", CODES)
def test_gdal_reads_every_system_with_its_axes(gdal, get, code):
    same, back = gdal["systems"][code]
    assert same
    features = sorted(get(ITEMS, limit=40)["features"], key=lambda f: f["id"])
    plain = shapely.get_coordinates([shapely.geometry.shape(f["geometry"]) for f in features])
    np.testing.assert_allclose(np.array(back)[:, :2], plain, atol=2e-9)
