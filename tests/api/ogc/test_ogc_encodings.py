"""JSON-FG against its schema; CSV, GeoParquet and FlatGeobuf read back by pandas, geopandas and GDAL."""

import io
import json
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from jsonschema import Draft202012Validator

ITEMS = "/collections/buildings/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
JSONFG = "json-fg-1/1.0/conf/"
SCHEMA = (
    Path(__file__).parent / "data" / "jsonfg-root-object.min.json"
)  # schemas.opengis.net, Apache-2.0


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.conformance(JSONFG + "core")
@pytest.mark.conformance(JSONFG + "types-schemas")
def test_jsonfg_holds_to_its_schema(get, ids, schema):
    """/req/core/schema-valid, metadata, time, coordinates; /req/types-schemas/feature-type"""
    for path in (
        ITEMS,
        "/collections/pipes/items",
        f"{ITEMS}/{ids.tower}",
        f"/collections/pipes/items/{ids.pipe}",
    ):
        for crs in ({}, {"crs": EPSG + "4547"}):
            root = get(path, f="jsonfg", **crs)
            assert not list(schema.iter_errors(root)), path
            assert root["featureType"] == path.split("/")[2]
            assert f"http://www.opengis.net/spec/{JSONFG}core" in root["conformsTo"]
            for feature in root.get("features", [root]):
                assert feature["time"] == {"interval": ["2026-01-01T00:00:00Z", ".."]}
                assert "coordRefSys" not in (feature["place"] or {})
                assert feature["place"] != feature["geometry"]
                if crs:
                    assert root["coordRefSys"] == EPSG + "4547"
                    assert (
                        shapely.geometry.shape(feature["place"]).bounds[0] > 3e6
                    )  # northing first
                assert -180 <= shapely.geometry.shape(feature["geometry"]).bounds[0] <= 180


@pytest.mark.conformance(JSONFG + "prisms")
def test_buildings_are_prisms_from_their_foot_to_their_top(get, ids, schema):
    """/req/prisms/coordinates, metadata: conftest gives building n the heights 10 … 13 + 3 n m"""
    root = get(ITEMS, f="jsonfg", limit=40)
    assert not list(schema.iter_errors(root))
    assert root["coordRefSys"] == "http://www.opengis.net/def/crs/OGC/0/CRS84h"
    places = {f["id"]: f["place"] for f in root["features"]}
    for n in range(39):
        place = places[ids.building(n)]
        assert (place["type"], place["lower"], place["upper"]) == ("Prism", 10.0, 13.0 + 3 * n)
        assert shapely.equals_exact(shapely.geometry.shape(place["base"]), ids.shape(n), 1e-9)
    anchored = places[ids.building(39)]
    assert (anchored["lower"], anchored["upper"]) == (10.0, 130.0)


def expected(get, **more) -> dict[str, dict]:
    return {f["id"]: f for f in get(ITEMS, limit=1000, **more)["features"]}


def test_csv_holds_what_geojson_holds(client, get):
    found = client.get(ITEMS, params={"f": "csv", "filter": "floors <= 20"})
    assert found.headers["content-type"].startswith("text/csv")
    assert found.content.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(io.BytesIO(found.content))
    features = expected(get, filter="floors <= 20")
    assert len(features) == 20
    assert set(table["eid"]) == set(features)
    for row in table.to_dict("records"):
        feature = features[row["eid"]]
        assert (row["name"], row["floors"]) == (
            feature["properties"]["name"],
            feature["properties"]["floors"],
        )
        assert shapely.equals_exact(
            shapely.from_wkt(row["geometry"]), shapely.geometry.shape(feature["geometry"]), 1e-8
        )


@pytest.mark.parametrize("code", [None, "4547", "4326"])
@pytest.mark.parametrize("form", ["parquet", "fgb"])
def test_files_are_read_by_geopandas(client, get, tmp_path, form, code):
    given = {"f": form, "bbox": "114,30.4,114.0045,30.4005"} | (
        {"crs": EPSG + code} if code else {}
    )
    found = client.get(ITEMS, params=given)
    path = tmp_path / f"b.{form}"
    path.write_bytes(found.content)
    frame = geopandas.read_parquet(path) if form == "parquet" else geopandas.read_file(path)
    features = expected(get, bbox=given["bbox"])
    assert set(frame["eid"]) == set(features)
    assert len(frame) == 5
    shapes = np.array([shapely.geometry.shape(features[eid]["geometry"]) for eid in frame["eid"]])
    assert frame.crs.equals((code and f"EPSG:{code}") or frame.crs)
    there = frame.to_crs("EPSG:4490" if code == "4547" else "EPSG:4326") if code else frame
    assert shapely.hausdorff_distance(there.geometry.to_numpy(), shapes).max() < 1e-8
    assert frame["floors"].tolist() == [
        features[eid]["properties"]["floors"] for eid in frame["eid"]
    ]
    if form == "parquet":
        geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
        assert geo["columns"]["geometry"]["geometry_types"] == ["Polygon"]
        np.testing.assert_allclose(geo["columns"]["geometry"]["bbox"], frame.total_bounds)


def test_nothing_found_is_a_file_of_nothing(client, tmp_path):
    for form in ("parquet", "fgb", "csv"):
        found = client.get(ITEMS, params={"f": form, "bbox": "1,1,2,2"})
        assert found.status_code == 200, form
        path = tmp_path / f"b.{form}"
        path.write_bytes(found.content)
        rows = {"parquet": geopandas.read_parquet, "fgb": geopandas.read_file, "csv": pd.read_csv}[
            form
        ](path)
        assert len(rows) == 0
