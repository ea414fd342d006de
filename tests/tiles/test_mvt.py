import json

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from tiles.mvt import build_mvt, one_tile, reach
from tiles.mvt_encode import EXTENT
from tiles.mvt_ready import feature_ids

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
    for key, features in tiles.items():
        for f in features:
            row = rows[f["properties"]["eid"]]
            attributes = json.loads(row["attributes"])
            truth = {
                "eid": row["eid"], "class": "components", "name": row["name"], "floors": attributes["floors"],
            }  # fmt: skip
            # the last zoom has everything that is plain, those above what is drawn with
            assert f["properties"] == truth | ({"code": attributes["code"]} if key[0] == 16 else {})
            assert f["id"] == int(row["eid"].replace("-", "")[-13:], 16)


def random_things(n):
    """Points, pairs of points, lines and polygons of all sizes over some kilometres, with all sorts of attributes."""
    rng = np.random.default_rng(11)
    shapes, rows = [], []
    for i in range(n):
        x, y = 114.0 + rng.random() * 0.05, 30.4 + rng.random() * 0.04
        size = 10 ** rng.uniform(-4.5, -2)
        kind = i % 5
        around = [(x + size * dx, y + size * dy) for dx, dy in rng.random((6, 2))]
        if kind == 0:
            shapes.append(shapely.Point(x, y, 5.0))
        elif kind == 1:
            shapes.append(shapely.MultiPoint(around[:3]))
        elif kind == 2:
            shapes.append(shapely.LineString(around))
        else:
            shapes.append(shapely.Point(x, y).buffer(size, quad_segs=5 * kind))
        row = {
            "用途": "住宅" if i % 2 else "办公",
            "floors": int(rng.integers(1, 9)),
            "odd": [1],
            "none": None,
        }
        if i % 3 == 0:
            row |= {
                "share": float(rng.integers(0, 3)),
                "yes": bool(i % 2),
                "long": "x" * 300,
                "big": 2**60,
            }
        rows.append(json.dumps(row))
    wkb = [shapely.to_wkb(s, output_dimension=3 if s.has_z else 2) for s in shapes]
    order = rng.permutation(n)
    return pa.table(
        {
            "eid": [f"0190{i * 7919 % 65536:04x}-0000-7000-8000-{i:012x}" for i in order],
            "class_code": ["building"] * n,
            "name": [None if i % 4 else f"第{i}" for i in order],
            "wkb": pa.array([wkb[i] for i in order], pa.binary()),
            "attributes": [rows[i] for i in order],
            "height_m": pa.array([float(i) if i % 2 else None for i in order], pa.float64()),
        }
    )


def test_a_tile_made_alone_has_the_bytes_of_the_build():
    table, files = random_things(600), {}
    build_mvt(table, "buildings", files.__setitem__)
    bounds = shapely.bounds(shapely.from_wkb(table["wkb"].to_pylist()))
    tiles = [name for name in files if name.endswith(".mvt")]
    assert {name.split("/")[0] for name in tiles} == {"13", "14", "15", "16"}
    for name in tiles[:: max(1, len(tiles) // 150)]:
        z, x, y = map(int, name.removesuffix(".mvt").split("/"))
        west, south, east, north = reach(z, x, y)
        near = (
            (bounds[:, 0] <= east)
            & (bounds[:, 2] >= west)
            & (bounds[:, 1] <= north)
            & (bounds[:, 3] >= south)
        )
        assert near.sum() < 600 or z < 15
        few = table.take(np.flatnonzero(near)[::-1])
        assert one_tile(few, "buildings", z, x, y) == files[name]
    assert one_tile(table, "buildings", 14, 0, 0) == b""
    assert one_tile(table, "buildings", 3, 6, 3) == b""


def test_all_kinds_of_shapes_live_in_one_layer_and_their_types_are_told():
    table, files = random_things(200), {}
    build_mvt(table, "buildings", files.__setitem__, version=42)
    seen = {}
    for name, blob in files.items():
        if name.startswith("16/"):
            for f in mapbox_vector_tile.decode(blob)["buildings"]["features"]:
                seen[f["geometry"]["type"].removeprefix("Multi")] = f["properties"]
    assert set(seen) == {"Point", "LineString", "Polygon"}
    document = json.loads(files["tilejson.json"])
    assert document["version"] == "1.42.0"
    assert document["vector_layers"][0]["fields"] == {
        "eid": "String", "class": "String", "name": "String", "用途": "String", "floors": "Number",
        "share": "Number", "yes": "Boolean", "big": "Number", "height_m": "Number",
    }  # fmt: skip


def test_gdal_reads_the_tiles(built, city, gdal):
    """GDAL's MVT driver on the finest level: every feature, its attributes and where it is."""
    meta, table = gdal(f"MVT:{built / 'mvt' / 'grids' / '16'}", "grids")
    rows = {r["eid"]: r for r in city.flat("grids").to_pylist()}
    assert set(table["eid"].to_pylist()) == set(rows)
    assert "3857" in meta["crs"]
    names = dict(zip(table["eid"].to_pylist(), table["name"].to_pylist(), strict=True))
    assert names == {key: row["name"] for key, row in rows.items()}


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
