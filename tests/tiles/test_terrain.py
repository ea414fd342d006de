import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from tiles.check_terrain import check_terrain, decode_terrain
from tiles.ground import FADE_M, Ground
from tiles.quantized import oct_encode, step_for
from tiles.rtin import post_errors, triangulate
from tiles.terrain import build_terrain, tolerance_of
from tiles.water import Water
from twin.terrain import Mosaic, Terrain


def decode(path):
    """Independent, loop by loop as the specification words it."""
    blob = path.read_bytes()
    head = struct.unpack_from("<3d2f4d3d", blob)
    (n,) = struct.unpack_from("<I", blob, 88)
    at, out = 92, []
    for _ in range(3):
        value, values = 0, []
        for code in struct.unpack_from(f"<{n}H", blob, at):
            value += (code >> 1) ^ -(code & 1)
            values.append(value)
        out.append(np.array(values))
        at += 2 * n
    (count,) = struct.unpack_from("<I", blob, at)
    highest, indices = 0, []
    for code in struct.unpack_from(f"<{3 * count}H", blob, at + 4):
        indices.append(highest - code)
        highest += code == 0
    at += 4 + 6 * count
    edges = []
    for _ in range(4):
        (m,) = struct.unpack_from("<I", blob, at)
        edges.append(struct.unpack_from(f"<{m}H", blob, at + 4))
        at += 4 + 2 * m
    kinds = {}
    while at < len(blob):
        kind, size = struct.unpack_from("<BI", blob, at)
        kinds[kind] = blob[at + 5 : at + 5 + size]
        at += 5 + size
    assert at == len(blob)
    octs = np.frombuffer(kinds[1], np.uint8).reshape(n, 2)
    u, v, h = out
    height = head[3] + h / 32767 * (np.float64(head[4]) - head[3])
    return {"u": u, "v": v, "h": height, "tri": np.array(indices).reshape(-1, 3), "edges": edges,
            "oct": octs, "kinds": kinds, "centre": head[:3], "low": head[3], "high": head[4], "sphere": head[5:9],
            "horizon": head[9:]}  # fmt: skip


def all_tiles(folder):
    return {
        tuple(map(int, p.relative_to(folder).with_suffix("").parts)): p
        for p in folder.glob("*/*/*.terrain")
    }


@pytest.fixture(scope="module")
def deep(built):
    """The finest level, decoded."""
    tiles = all_tiles(built / "terrain")
    z = max(t[0] for t in tiles)
    return z, {t[1:]: decode(p) for t, p in tiles.items() if t[0] == z}


def lonlat(z, x, y, tile):
    size = 180 / 2**z
    return x * size - 180 + tile["u"] / 32767 * size, y * size - 90 + tile["v"] / 32767 * size


def test_heights_are_those_of_the_dem(deep, make_city):
    z, tiles = deep
    terrain = make_city().terrain()
    checked = 0
    for (x, y), tile in tiles.items():
        height = terrain.height(*lonlat(z, x, y, tile))
        known = np.isfinite(height)
        # u and v are rounded to 1/32767 of 600 m, on slopes up to 1:2
        assert np.abs(tile["h"] - height)[known].max(initial=0) < 0.02
        checked += known.sum()
    assert checked > 2000


def test_neighbours_share_their_edge_to_the_bit(deep):
    _, tiles = deep
    pairs = 0
    for (x, y), tile in tiles.items():
        for other, mine, theirs, along in (((x + 1, y), 2, 0, "v"), ((x, y + 1), 3, 1, "u")):
            if other in tiles:
                a, b = tile["edges"][mine], tiles[other]["edges"][theirs]
                left = dict(zip(tile[along][list(a)], tile["h"][list(a)], strict=True))
                right = dict(
                    zip(tiles[other][along][list(b)], tiles[other]["h"][list(b)], strict=True)
                )
                assert left == right
                pairs += 1
    assert pairs > 10


def test_triangles_cover_the_tile_once_and_look_up(deep):
    _, tiles = deep
    tile = next(iter(tiles.values()))
    p = np.column_stack([tile["u"], tile["v"]]).astype(float)
    a, b, c = (p[tile["tri"][:, k]] for k in range(3))
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert area.min() > 0
    assert area.sum() == pytest.approx(32767.0**2)


def test_header_bounds_the_tile(deep, to_ecef):
    z, tiles = deep
    for (x, y), tile in tiles.items():
        lon, lat = lonlat(z, x, y, tile)
        points = np.column_stack(to_ecef.transform(lon, lat, tile["h"]))
        centre, radius = np.array(tile["sphere"][:3]), tile["sphere"][3]
        assert np.linalg.norm(points - centre, axis=1).max() <= radius + 0.05
        assert tile["low"] <= tile["h"].min()
        assert tile["h"].max() <= tile["high"]
        assert 1.0 <= np.linalg.norm(tile["horizon"]) < 1.01


def test_normals_are_those_of_the_surface(deep, to_ecef, frame):
    z, tiles = deep
    (x, y), tile = max(tiles.items(), key=lambda t: np.ptp(t[1]["h"]))
    octs = tile["oct"] / 255 * 2 - 1
    n = np.column_stack([octs, 1 - np.abs(octs).sum(axis=1)])
    fold = n[:, 2] < 0
    n[fold, :2] = (1 - np.abs(n[fold, 1::-1])) * np.where(n[fold, :2] >= 0, 1, -1)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    lon, lat = lonlat(z, x, y, tile)
    p = np.column_stack(to_ecef.transform(lon, lat, tile["h"]))
    a, b, c = (p[tile["tri"][:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    agree = np.einsum("ij,ij->i", face, n[tile["tri"]].mean(axis=1))
    # triangles are flat where the surface bends by less than the tolerance
    assert np.degrees(np.arccos(np.clip(agree, -1, 1))).max() < 12
    assert np.degrees(np.arccos(np.clip(agree, -1, 1))).mean() < 2


def test_oct_encoding_of_the_axes():
    axes = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, 0, -1]], dtype=float)
    assert oct_encode(axes).tolist() == [[255, 128], [128, 255], [128, 128], [0, 128], [255, 255]]


def test_the_world_has_a_surface_and_the_city_no_cliff(built, make_city):
    layer = json.loads((built / "terrain" / "layer.json").read_text())
    tiles = all_tiles(built / "terrain")
    assert {(0, 0, 0), (0, 1, 0)} <= set(tiles)
    for z, ranges in enumerate(layer["available"]):
        for r in ranges:
            for x in range(r["startX"], r["endX"] + 1):
                for y in range(r["startY"], r["endY"] + 1):
                    assert (z, x, y) in tiles
    terrain = make_city().terrain()
    ground = Ground(terrain)
    west, _, _, north = terrain.bounds
    lat = np.full(400, north - 0.006)
    lon = west - np.linspace(-0.001, 0.03, 400)
    z = ground.height(lon, lat)
    assert np.isfinite(z).all()
    assert np.abs(np.diff(z)).max() < 0.5
    away = (west - lon) * 111_320 * np.cos(np.deg2rad(north)) > 1.05 * FADE_M
    assert set(z[away].tolist()) == {ground.plain}


def inside(xy, triangle):
    """Barycentric coordinates of places in a triangle, and which lie in it."""
    (ax, ay), (bx, by), (cx, cy) = triangle
    det = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    u = ((by - cy) * (xy[:, 0] - cx) + (cx - bx) * (xy[:, 1] - cy)) / det
    v = ((cy - ay) * (xy[:, 0] - cx) + (ax - cx) * (xy[:, 1] - cy)) / det
    w = np.column_stack([u, v, 1 - u - v])
    return w, (w >= -1e-9).all(axis=1)


def test_triangles_stray_from_the_ground_no_more_than_is_allowed(deep, make_city):
    z, tiles = deep
    ground = Ground(make_city().terrain())
    fewer = 0
    for (x, y), tile in tiles.items():
        lon = (x * 64 + np.arange(65)) * (180 / 2**z / 64) - 180
        lat = (y * 64 + np.arange(65)) * (180 / 2**z / 64) - 90
        truth = ground.height(*np.meshgrid(lon, lat)).ravel()
        grid = np.column_stack([v.ravel() for v in np.meshgrid(np.arange(65), np.arange(65))])
        corners = np.column_stack([tile["u"], tile["v"]]) * 64 / 32767
        found = np.full(65 * 65, np.nan)
        for t in tile["tri"]:
            weight, within = inside(grid, corners[t].round())
            found[within] = weight[within] @ tile["h"][t]
        assert np.abs(found - truth).max() <= tolerance_of(z) + 1 / 128
        fewer += len(tile["u"]) < 65 * 65 / 2
    assert fewer > len(tiles) / 2


def test_a_post_left_out_has_none_below_it():
    rng = np.random.default_rng(3)
    z = np.cumsum(np.cumsum(rng.normal(0, 0.01, (193, 193)), axis=0), axis=1)
    errors = post_errors(z, np.zeros((6, 2)))[64:129, 64:129]
    for tolerance in (0.0, 0.05, 0.4, 1e9):
        posts, triangles = triangulate(errors, tolerance, False)
        x, y = posts[triangles] % 65, posts[triangles] // 65
        twice = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (
            y[:, 1] - y[:, 0]
        )
        assert twice.min() > 0
        assert twice.sum() == 2 * 64 * 64
        assert set(np.flatnonzero(errors.ravel() > tolerance)) <= set(posts.tolist())


def test_far_levels_follow_the_curve_of_the_earth(built, to_ecef):
    tile = decode(built / "terrain" / "0" / "1" / "0.terrain")
    lon, lat = tile["u"] / 32767 * 180, tile["v"] / 32767 * 180 - 90
    p = np.column_stack(to_ecef.transform(lon, lat, tile["h"]))
    middle = np.linalg.norm(p[tile["tri"]].mean(axis=1), axis=1)
    assert middle.min() > 6_356_752 - 2 * tolerance_of(0)


def a_hole(bounds_gap=40):
    z = 50 + np.mgrid[0:300, 0:300][1] * 0.5
    z[120 : 120 + bounds_gap, 150:200] = np.nan
    return Terrain(z.astype(np.float32), (1e-4, 0.0, 114.0, 0.0, -1e-4, 30.5))


def test_a_hole_is_filled_from_its_rim_and_every_edge_still_fits(tmp_path):
    terrain = a_hole()
    ground = Ground(terrain)
    filled = ground.height(np.array([114.0175]), np.array([30.486]))
    assert filled[0] == pytest.approx(50 + 0.5 * 174.5, abs=6)
    files = {}
    build_terrain(terrain, "hole", files.__setitem__)
    for name, blob in files.items():
        path = tmp_path / "terrain" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob)
    assert check_terrain(tmp_path / "terrain", tmp_path) == []


def test_a_grid_of_places_has_the_heights_of_the_places():
    rng = np.random.default_rng(7)
    cells = rng.normal(30, 9, (70, 90)).astype(np.float32)
    cells[10:20, 30:40] = np.nan
    one = Terrain(cells, (1e-4, 0.0, 114.0, 0.0, -1e-4, 30.5))
    beside = Terrain(cells[:, ::-1].copy(), (1e-4, 0.0, 114.009, 0.0, -1e-4, 30.5))
    lon, lat = np.linspace(113.9995, 114.02, 301), np.linspace(30.4925, 30.5005, 207)
    for surface in (one, Mosaic([one]), Mosaic([one, beside])):
        truth = surface.height(*np.meshgrid(lon, lat))
        assert np.isfinite(truth).sum() > 10_000
        assert np.array_equal(surface.grid(lon, lat), truth, equal_nan=True)
    lon, lat = lon[(lon > 114.001) & (lon < 114.004)], lat[(lat > 30.4935) & (lat < 30.4995)]
    truth = one.height(*np.meshgrid(lon, lat))
    assert np.array_equal(Mosaic([one, beside]).grid(lon, lat), truth, equal_nan=True)


def test_water_is_where_the_polygons_are():
    lake = shapely.Point(114.08, 30.46).buffer(0.003, quad_segs=32)
    lake = lake.difference(shapely.Point(114.08, 30.46).buffer(0.001))
    pond = shapely.box(114.0850, 30.4600, 114.0860, 30.4605)
    table = pa.table({"wkb": shapely.to_wkb(np.array([shapely.MultiPolygon([lake, pond])]))})
    water, z = Water.of(table), 14
    size = 180 / 2**z
    seen = 0
    for x in range(int((114.07 + 180) / size), int((114.09 + 180) / size) + 1):
        for y in range(int((30.45 + 90) / size), int((30.47 + 90) / size) + 1):
            k = (np.arange(256) + 0.5) / 256 * size
            lon, lat = np.meshgrid(x * size - 180 + k, (y + 1) * size - 90 - k)
            truth = shapely.contains_xy(lake, lon, lat) | shapely.contains_xy(pond, lon, lat)
            mask = water.mask(z, x, y)
            if mask is None:
                assert not truth.any()
            else:
                assert len(mask) == 65_536
                drawn = np.frombuffer(mask, np.uint8).reshape(256, 256) == 255
                assert (drawn != truth).sum() <= 2  # a centre on an edge may fall either way
                seen += int(drawn.sum())
    assert seen > 5000
    assert (
        water.mask(20, int((114.0825 + 180) / (180 / 2**20)), int(120.46 / (180 / 2**20)))
        == b"\xff"
    )
    assert water.mask(z, 0, 0) is None
    assert not Water.of(None)


def test_tiles_tell_of_water_and_of_what_lies_below_them(make_city, tmp_path):
    table = pa.table(
        {
            "wkb": shapely.to_wkb(
                np.array([shapely.box(114.085, 30.462, 114.09, 30.465), shapely.Point(114, 30)])
            )
        }
    )
    files = {}
    build_terrain(make_city().terrain(), "wet", files.__setitem__, water=table)
    layer = json.loads(files["layer.json"])
    assert layer["extensions"] == ["octvertexnormals", "watermask", "metadata"]
    wet = {name for name in files if name.endswith(".terrain.gz")}
    assert wet
    for name, blob in files.items():
        if name.endswith(".terrain"):
            mesh = decode_terrain(blob)
            assert (mesh.mask is not None) == (f"{name}.gz" in wet)
            z, x, _ = map(int, name.removesuffix(".terrain").split("/"))
            assert (mesh.available is not None) == (z % 10 == 0)
            if z == 0:
                below = {
                    (k, r["startX"], r["endX"])
                    for k, rs in enumerate(mesh.available, 1)
                    for r in rs
                }
                told = {
                    (k, r["startX"], r["endX"])
                    for k, rs in enumerate(layer["available"])
                    for r in rs
                    if 1 <= k <= 10
                }
                assert below <= told
                assert bool(below) == (x == 1)
    for name in wet:
        assert gzip.decompress(files[name]) == files[name.removesuffix(".gz")]


@pytest.mark.slow
def test_without_a_compiler_the_bytes_are_the_same(built, tmp_path):
    """Three tiles of the city, every kernel as plain Python and NumPy."""
    code = """
import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])
from conftest import City
from tiles import terrain
ground = terrain.Ground(City().terrain())
step, ranges = terrain.step_for(*ground.span), terrain._ranges(ground.terrain, terrain._deepest(ground.terrain))
for z in (0, 12, len(ranges) - 1):
    x0, y0, _, _ = ranges[z]
    for x, y, blob in terrain._block(ground, z, (x0, y0, x0, y0), step):
        Path(sys.argv[2], f"{z}-{x}-{y}").write_bytes(blob)
"""
    subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=True,
    )  # fmt: skip
    made = sorted(tmp_path.iterdir())
    assert len(made) == 3
    for path in made:
        z, x, y = path.name.split("-")
        assert (
            (built / "terrain" / z / x / f"{y}.terrain").read_bytes().startswith(path.read_bytes())
        )


def test_a_client_of_others_reads_the_tiles(built, clients):
    """npm @here/quantized-mesh-decoder: vertices, triangles, edges and extensions as this suite's own reader."""
    paths = sorted((built / "terrain").glob("*/*/*.terrain"))[::7]
    done = subprocess.run(
        ["node", "decode_terrain.mjs", *map(str, paths)], cwd=clients, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(paths) > 5
    for theirs, path in zip(found, paths, strict=True):
        mine = decode(path)
        assert (
            theirs["vertices"]
            == np.concatenate(
                [
                    mine["u"],
                    mine["v"],
                    np.rint(
                        (mine["h"] - mine["low"]) / (np.float64(mine["high"]) - mine["low"]) * 32767
                    ),
                ]
            )
            .astype(int)
            .tolist()
        )
        assert theirs["triangles"] == mine["tri"].ravel().tolist()
        assert theirs["edges"] == [list(e) for e in mine["edges"]]
        assert theirs["normals"] == mine["oct"].ravel().tolist()
        assert (theirs["metadata"] is not None) == (int(path.parts[-3]) % 10 == 0)


def test_steps_are_powers_of_two_that_span_the_range():
    assert step_for(0, 90) == 1 / 256
    assert step_for(-100, 5000) == 0.25
