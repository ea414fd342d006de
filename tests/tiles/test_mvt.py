import json

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from tiles.mvt import build_mvt, feature_ids
from tiles.mvt_encode import EXTENT

MERCATOR = pyproj.Transformer.from_crs(4326, 3857, always_xy=True)
WORLD = 20037508.342789244


def decoded(folder, collection):
    """{(z, x, y): features} by another library, y down."""
    out = {}
    for path in sorted(folder.glob("*/*/*.mvt")):
        z, x, y = map(int, path.relative_to(folder).with_suffix("").parts)
        layers = mapbox_vector_tile.decode(
            path.read_bytes(), default_options={"y_coord_down": True}
        )
        assert list(layers) == [collection]
        assert layers[collection]["extent"] == EXTENT
        out[z, x, y] = layers[collection]["features"]
    return out


def to_lonlat(key, xy):
    z, x, y = key
    px = ((x + xy[0] / EXTENT) / 2**z * 2 - 1) * WORLD
    py = (1 - (y + xy[1] / EXTENT) / 2**z * 2) * WORLD
    return MERCATOR.transform(px, py, direction="INVERSE")


def test_every_point_is_in_its_tile_at_every_zoom(built, city):
    table = city.flat("components")
    points = dict(
        zip(table["eid"].to_pylist(), shapely.from_wkb(table["wkb"].to_pylist()), strict=True)
    )
    tiles = decoded(built / "mvt" / "components", "components")
    assert {k[0] for k in tiles} == {15, 16}
    for zoom in (15, 16):
        seen = set()
        for key, features in tiles.items():
            if key[0] != zoom:
                continue
            for f in features:
                name = f["properties"]["eid"]
                x, y = f["geometry"]["coordinates"]
                lon, lat = to_lonlat(key, (x, y))
                unit = 360 / 2**zoom / EXTENT
                assert abs(lon - points[name].x) < 0.51 * unit
                assert abs(lat - points[name].y) < 0.51 * unit
                if 0 <= x < EXTENT and 0 <= y < EXTENT:
                    seen.add(name)
        assert seen == set(points)


def test_properties_and_ids_survive(built, city):
    tiles = decoded(built / "mvt" / "components", "components")
    rows = {r["eid"]: r for r in city.flat("components").to_pylist()}
    for f in next(iter(tiles.values())):
        row = rows[f["properties"]["eid"]]
        attributes = json.loads(row["attributes"])
        assert f["properties"] == {
            "eid": row["eid"], "class": "components", "name": row["name"],
            "code": attributes["code"], "floors": attributes["floors"],
        }  # fmt: skip
        assert f["id"] == int(row["eid"].replace("-", "")[-13:], 16)


def test_polygons_keep_their_area_and_their_hole(built, city):
    tiles = decoded(built / "mvt" / "grids", "grids")
    table = city.flat("grids")
    truth = dict(
        zip(table["eid"].to_pylist(), shapely.from_wkb(table["wkb"].to_pylist()), strict=True)
    )
    area = dict.fromkeys(truth, 0.0)
    for key, features in tiles.items():
        if key[0] != 16:
            continue
        for f in features:
            shape = shapely.geometry.shape(f["geometry"])
            assert shape.is_valid
            inner = shapely.clip_by_rect(shape, 0, 0, EXTENT, EXTENT)
            mercator = inner.area * (2 * WORLD / 2**16 / EXTENT) ** 2
            area[f["properties"]["eid"]] += mercator
    for name, shape in truth.items():
        flat = shapely.transform(shape, lambda p: np.column_stack(MERCATOR.transform(*p.T)))
        assert area[name] == pytest.approx(flat.area, rel=2e-3)


def test_tiles_are_clipped_to_their_buffer(built):
    for features in decoded(built / "mvt" / "grids", "grids").values():
        for f in features:
            low_x, low_y, high_x, high_y = shapely.geometry.shape(f["geometry"]).bounds
            assert min(low_x, low_y) >= -64
            assert max(high_x, high_y) <= EXTENT + 64


def test_far_zooms_have_fewer_vertices_and_no_specks(tmp_path):
    circle = shapely.Point(114.08, 30.46).buffer(0.01, quad_segs=256)
    speck = shapely.Point(114.09, 30.47).buffer(0.00002)
    table = pa.table(
        {
            "eid": ["00" * 16, "11" * 16],
            "class_code": ["water"] * 2,
            "name": ["a", "b"],
            "wkb": shapely.to_wkb(np.array([circle, speck])),
            "attributes": ["{}", None],
        }
    )
    files = {}
    build_mvt(table, "water", files.__setitem__)
    count = {}
    for name, blob in files.items():
        if name.endswith(".mvt"):
            z = int(name.split("/")[0])
            features = mapbox_vector_tile.decode(blob)["water"]["features"]
            count[z] = count.get(z, 0) + sum(
                len(shapely.get_coordinates(shapely.geometry.shape(f["geometry"])))
                for f in features
            )
            assert z == 16 or all(f["properties"]["name"] == "a" for f in features) or z > 12
    assert count[9] < 40 < count[16]


def test_lines_cross_tiles_and_odd_geometries_pass(tmp_path):
    line = shapely.LineString([(114.0, 30.40), (114.02, 30.42), (114.02, 30.42)])
    multi = shapely.MultiLineString(
        [[(114.0, 30.4), (114.001, 30.4)], [(114.0, 30.401), (114.001, 30.401)]]
    )
    dot = shapely.LineString([(114, 30.4), (114 + 1e-9, 30.4)])
    wkb = [*shapely.to_wkb(np.array([line, multi, dot])).tolist(), None]
    table = pa.table(
        {
            "eid": [f"{i:032x}" for i in range(4)],
            "class_code": ["road"] * 4,
            "name": [None] * 4,
            "wkb": pa.array(wkb, pa.binary()),
            "attributes": ['{"width_m": 7.5, "oneway": true}'] * 4,
        }
    )
    files = {}
    layer = build_mvt(table, "roads", files.__setitem__)
    assert layer.notes == ["roads: 1 without geometry, left out"]
    length = 0.0
    for name, blob in files.items():
        if name.startswith("16/"):
            for f in mapbox_vector_tile.decode(blob, default_options={"y_coord_down": True})[
                "roads"
            ]["features"]:
                assert f["properties"]["width_m"] == 7.5
                if f["id"] == 0:
                    inner = shapely.clip_by_rect(
                        shapely.geometry.shape(f["geometry"]), 0, 0, EXTENT, EXTENT
                    )
                    length += inner.length
                if f["id"] == 1:
                    assert f["geometry"]["type"] == "MultiLineString"
                assert f["id"] != 2
    flat = shapely.transform(line, lambda p: np.column_stack(MERCATOR.transform(*p.T)))
    assert length * 2 * WORLD / 2**16 / EXTENT == pytest.approx(flat.length, rel=1e-4)


def test_ids_are_below_what_javascript_holds():
    assert feature_ids(np.array(["f" * 32], dtype=object))[0] == 2**52 - 1
