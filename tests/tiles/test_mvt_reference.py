"""Compiled vector tiles have the bytes of the plain ones: documents by Python, shapes by GEOS."""

import json

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely

from tiles.mvt import build_mvt
from tiles.mvt_encode import EXTENT
from tiles.mvt_reference import reference_tile
from tiles.wkb import shapes_of

DOCUMENTS = [
    '{"a": 1, "b": 1.0, "c": true, "d": "x", "e": null, "f": [1, {"g": "]"}], "usage": "住宅"}',
    '{"a": -3, "b": -0.0, "c": false, "n": 9007199254740993, "m": 123456789012345678901234567890}',
    '{"a": 0.1, "b": 1e3, "c": 12345.678901234567, "q": "a\\"b", "t": "\\u4e2d"}',
    '{ "a" : -0.25 , "long": "' + "长" * 256 + '", "longer": "' + "长" * 257 + '", "o": {"x": {}} }',
    '{"a": 2, "a": 3, "eid": "no", "name": "no", "empty": "", "floors": 99, "height_m": 1}',
    json.dumps({f"k{i:02d}": i for i in range(70)} | {"usage": "many"}),
    "{}", "", None, '{"-": -0, "z": 0, "y": 300, "x": -64, "w": 64, "v": 99999999999999.5}',
]  # fmt: skip


def shapes(n, seed):
    """All kinds of shapes, many of them not valid, some that GEOS has to read."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        x, y = 114.0 + rng.random() * 0.02, 30.4 + rng.random() * 0.02
        size = 10 ** rng.uniform(-5, -2)
        ring = np.array([x, y]) + size * rng.standard_normal((int(rng.integers(3, 12)), 2))
        star = [
            (x + size * r * np.cos(t), y + size * r * np.sin(t))
            for t, r in zip(np.linspace(0, 6.2, 40), rng.uniform(0.3, 1, 40), strict=True)
        ]
        disc = shapely.Point(x, y).buffer(size, quad_segs=24)
        out.append(
            [
                lambda p=ring: shapely.Polygon(p),
                lambda p=star: shapely.Polygon(p),
                lambda d=disc: d,
                lambda d=disc, s=size: d.difference(shapely.affinity.scale(d, 0.6, 0.97)) or s,
                lambda p=ring: shapely.LineString(p),
                lambda p=star: shapely.MultiLineString([p[:20], p[20:]]),
                lambda p=ring: shapely.MultiPoint(p),
                lambda q=(x, y): shapely.Point(q),
                lambda d=disc, s=size: shapely.MultiPolygon(
                    [d, shapely.affinity.translate(d, 2.1 * s, 0)]
                ),
                lambda p=ring: shapely.LinearRing(p),
            ][i % 10]()
        )
    return out


def table_of(geometry):
    n = len(geometry)
    rng = np.random.default_rng(3)
    wkb = [
        shapely.to_wkb(g, byte_order=0 if i % 7 == 0 else 1) if g is not None else None
        for i, g in enumerate(geometry)
    ]
    return pa.table(
        {
            "eid": [f"0190{i * 7919 % 65536:04x}-0000-7000-8000-{i:012x}" for i in range(n)],
            "class_code": ["building"] * n,
            "name": [None if i % 4 else f"第{i}" for i in range(n)],
            "wkb": pa.array(wkb, pa.binary()),
            "attributes": [DOCUMENTS[i // 3 % len(DOCUMENTS)] for i in range(n)],
            "height_m": pa.array([float(i) if i % 2 else None for i in range(n)], pa.float64()),
            "floors": pa.array(rng.integers(1, 300, n), pa.int32()),
        }
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_random_shapes_and_documents_have_the_bytes_of_the_plain_way(seed):
    table, files = table_of([*shapes(300, seed), None, shapely.Polygon()]), {}
    build_mvt(table, "buildings", files.__setitem__)
    names = [name for name in files if name.endswith(".mvt")]
    assert {name.split("/")[0] for name in names} == {"13", "14", "15", "16"}
    rng = np.random.default_rng(seed)
    few = [n for n in names if n.startswith(("13", "14", "15"))]
    for name in {*few[:30], *rng.choice(names, 25).tolist()}:
        z, x, y = map(int, name.removesuffix(".mvt").split("/"))
        assert files[name] == reference_tile(table, "buildings", z, x, y), name


def test_polygons_are_valid_and_stay_where_they_are():
    """Above the last zoom an outline strays by at most the tolerance and the rounding."""
    geometry = [g for g in shapes(300, 5) if g.geom_type.endswith("Polygon") and g.is_valid]
    table, files = table_of(geometry), {}
    build_mvt(table, "buildings", files.__setitem__)
    seen = 0
    for name, blob in files.items():
        if not name.endswith(".mvt"):
            continue
        z, x, y = map(int, name.removesuffix(".mvt").split("/"))
        for f in mapbox_vector_tile.decode(blob, default_options={"y_coord_down": True})[
            "buildings"
        ]["features"]:
            found = shapely.geometry.shape(f["geometry"])
            assert found.is_valid, (name, f["id"])
            whole = shapely.transform(geometry[f["id"]], lambda p, at=(z, x, y): in_tile(p, *at))
            if (
                min(whole.bounds) > 0
                and max(whole.bounds) < EXTENT
                and whole.minimum_clearance > 20
            ):
                assert found.hausdorff_distance(whole) < 4 + 1
                seen += 1
    assert seen > 20


def in_tile(lonlat, z, x, y):
    """Degrees → units of a tile, y down."""
    lon, lat = lonlat.T
    v = 0.5 - np.log(np.tan(np.pi / 4 + np.deg2rad(lat) / 2)) / (2 * np.pi)
    return np.column_stack([(lon / 360 + 0.5) * 2**z - x, v * 2**z - y]) * EXTENT


def test_shapes_of_any_kind_are_read_as_by_geos():
    geometry = [*shapes(60, 9), None, shapely.Polygon(), shapely.GeometryCollection([shapely.Point(1, 2)])]  # fmt: skip
    wkb = [None if g is None else shapely.to_wkb(g, byte_order=i % 5 > 0) for i, g in enumerate(geometry)]  # fmt: skip
    wkb += [b"\x01\x03\x00\x00\x00\xff\xff\xff\xff", b"damaged", shapely.to_wkb(shapely.Point(1, 2, 3))]  # fmt: skip
    column = pa.array(wkb, pa.binary())
    one, two = shapes_of(column), shapes_of(column, compiled=False)
    assert one.kind.tolist() == two.kind.tolist()
    assert set(one.kind.tolist()) == {0, 1, 2, 3}
    for i in range(len(wkb)):
        assert runs(one, i) == runs(two, i)


def runs(s, i):
    cuts = s.ring_start
    return [
        (s.x[cuts[r] : cuts[r + 1]].tolist(), s.y[cuts[r] : cuts[r + 1]].tolist(), bool(s.outer[r]))
        for r in range(s.first[i], s.last[i])
    ]
