import json
import struct

import numpy as np
import pytest

from tiles.quantized import oct_encode, step_for
from tiles.terrain import FADE_M, Ground


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
    kind, size = struct.unpack_from("<BI", blob, at)
    assert (kind, size) == (1, 2 * n)
    octs = np.frombuffer(blob, np.uint8, size, at + 5).reshape(n, 2)
    assert at + 5 + size == len(blob)
    u, v, h = out
    height = head[3] + h / 32767 * (np.float64(head[4]) - head[3])
    return {"u": u, "v": v, "h": height, "tri": np.array(indices).reshape(-1, 3), "edges": edges,
            "oct": octs, "centre": head[:3], "low": head[3], "high": head[4], "sphere": head[5:9],
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
    assert checked > 5000


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
    assert np.degrees(np.arccos(np.clip(agree, -1, 1))).max() < 8
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


def test_steps_are_powers_of_two_that_span_the_range():
    assert step_for(0, 90) == 1 / 256
    assert step_for(-100, 5000) == 0.25
