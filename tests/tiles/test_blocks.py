"""The content of building tiles: placement, what odd footprints become, roofs, and the same bytes in columns."""

import gzip
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tiles.blocks import DEFAULT_HEIGHT_M, SKIRT_M, content, prepare
from tiles.check_glb import read_content
from tiles.fitted import CLOSE_ENOUGH_M, fitted, place
from tiles.footprints import footprints_of
from tiles.meshopt import decode_attributes, encode_attributes
from tiles.packing import pack
from tiles.placement import frame_at, to_local

LON, LAT = 114.05, 30.5
SQUEEZE = np.cos(np.deg2rad(LAT))
PROJ = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)


def at(points: Any, lon: float = LON, lat: float = LAT) -> np.ndarray[Any, Any]:
    """Metres east and north of a place as degrees."""
    return np.asarray(points, float) / 111_320.0 / [SQUEEZE, 1] + [lon, lat]


def polygon(outer: Any, *holes: Any) -> shapely.Polygon:
    return shapely.Polygon(at(outer), [at(h) for h in holes])


def table(shapes: list[Any], **more: Any) -> pa.Table:
    n = len(shapes)
    wkb = [s if s is None or isinstance(s, bytes) else shapely.to_wkb(s) for s in shapes]
    columns = {
        "eid": [f"{i:08d}" for i in range(n)],
        "class_code": ["building"] * n,
        "name": pa.array([None if i % 3 else f"{i}号楼" for i in range(n)], pa.string()),
        "height_m": [10.0 + i for i in range(n)],
        "floors": pa.array([None] * n, pa.int32()),
        "base_z": [5.0] * n,
        "wkb": pa.array(wkb, pa.binary()),
    } | more
    return pa.table(columns)


def frame_of(blocks: Any) -> np.ndarray[Any, Any]:
    box = blocks.box
    middle = (box[:, :2].min(axis=0) + box[:, 2:].max(axis=0)) / 2
    return frame_at(middle[0], middle[1], float(blocks.base.min()))


def drawn(rows: pa.Table, **how: Any) -> tuple[bytes, np.ndarray[Any, Any], Any]:
    blocks = prepare(rows, None, **how)
    frame = frame_of(blocks)
    return content(blocks, np.arange(len(blocks)), frame, **how)[0], frame, blocks


def roofs_of(read: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Corners (t, 3, 3) of the triangles that look up, local metres, and the feature of each."""
    local = read.z_up
    corners = local[read.triangles]
    up = read.normals[read.triangles[:, 0], 1] > 0.3
    return corners[up], read.ids[read.triangles[up, 0]]


def areas(corners: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Signed area of triangles seen from above, m²."""
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


SQUARE = [(0, 0), (20, 0), (20, 12), (0, 12)]
L_SHAPE = [(0, 0), (20, 0), (20, 6), (8, 6), (8, 14), (0, 14)]


@pytest.fixture
def read(tmp_path: Path, glb: Any) -> Any:
    def reader(blob: bytes) -> Any:
        path = tmp_path / "tile.glb"
        path.write_bytes(blob)
        read_content(blob)  # the checker agrees
        return glb(path)

    return reader


def test_every_vertex_lies_within_a_millimetre_of_where_proj_puts_it(read: Any) -> None:
    """Corners 240 m and 2 km from the middle, buildings 10 to 400 m high."""
    rng = np.random.default_rng(3)
    for reach in (240.0, 2000.0):
        places = rng.uniform(-reach, reach, (60, 2))
        shapes = [polygon(np.array(L_SHAPE) + p) for p in places]
        heights = rng.uniform(10, 400, 60)
        blob, frame, blocks = drawn(table(shapes, height_m=heights))
        tile = read(blob)
        world = tile.z_up @ frame[:3, :3].T + frame[:3, 3]
        corners = shapely.get_coordinates(shapes).reshape(60, -1, 2)
        worst = 0.0
        for i in range(60):
            lon, lat = corners[i].T
            levels = (blocks.bottom[i], blocks.top[i])
            exact = np.concatenate(
                [np.column_stack(PROJ.transform(lon, lat, np.full(len(lon), h))) for h in levels]
            )
            mine = world[tile.ids == i]
            gap = np.linalg.norm(mine[:, None] - exact[None], axis=2).min(axis=1)
            worst = max(worst, float(gap.max()))
        assert worst < 0.001, (reach, worst)


@pytest.mark.parametrize("degrees", [0.004, 0.02, 0.3])
def test_the_fit_is_the_exact_placement_or_gives_way_to_it(degrees: float) -> None:
    rng = np.random.default_rng(1)
    lon, lat = LON + rng.uniform(-1, 1, 500) * degrees, LAT + rng.uniform(-1, 1, 500) * degrees
    low, high = rng.uniform(-50, 50, 500), rng.uniform(50, 1000, 500)
    frame = frame_at(LON, LAT, 0.0)
    box = (float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max()))
    fit = fitted(frame, box, 0.0)
    assert fit.close == (degrees < 0.1)
    for compiled in (True, False):
        found = place(fit, frame, lon, lat, low, high, compiled=compiled)
        for mine, h in zip(found, (low, high), strict=True):
            miss = np.abs(mine - to_local(frame, lon, lat, h)).max()
            assert miss < 2 * CLOSE_ENOUGH_M


HOLE = [(4, 3), (4, 8), (9, 8), (9, 3)]
TOUCHING = [(0, 3), (6, 2), (6, 8)]
ODD = {
    "plain": polygon(SQUARE),
    "clockwise": polygon(SQUARE[::-1]),
    "hole": polygon(SQUARE, HOLE),
    "hole turned the other way": polygon(SQUARE, HOLE[::-1]),
    "hole that touches the wall": polygon(SQUARE, TOUCHING),
    "two holes": polygon(SQUARE, HOLE, [(12, 3), (12, 8), (17, 8), (17, 3)]),
    "parts": shapely.MultiPolygon([polygon(SQUARE), polygon(np.add(L_SHAPE, [40, 0]))]),
    "repeated corners": polygon([p for p in L_SHAPE for _ in range(3)]),
    "corners on a line": polygon([(0, 0), (5, 0), (10, 0), (20, 0), (20, 12), (0, 12), (0, 6)]),
    "Z": shapely.force_3d(polygon(L_SHAPE), 77.0),
    "collection": shapely.GeometryCollection([shapely.Point(LON, LAT), polygon(L_SHAPE)]),
    "collection in a collection": shapely.GeometryCollection(
        [shapely.GeometryCollection([shapely.MultiPolygon([polygon(SQUARE)])])]
    ),
    "other byte order": shapely.to_wkb(polygon(L_SHAPE), byte_order=0),
    "EWKB": shapely.to_wkb(shapely.set_srid(polygon(L_SHAPE), 4490), include_srid=True),
    "comb": polygon([(0, 0), (60, 0)] + [(60 - i, 10 if i % 4 < 2 else 2) for i in range(61)]),
}  # fmt: skip


def test_roofs_and_walls_of_sound_footprints_have_the_areas_they_should(read: Any) -> None:
    blob, frame, blocks = drawn(table(list(ODD.values())))
    assert blocks.notes == ()
    tile = read(blob)
    corners, owner = roofs_of(tile)
    for i, (name, shape) in enumerate(ODD.items()):
        whole = shapely.from_wkb(shape) if isinstance(shape, bytes) else shape
        polygons = [g for g in shapely.get_parts(shapely.get_parts(whole)) if g.area]
        polygons = [q for g in polygons for q in shapely.get_parts(g) if q.area]

        def flat(lonlat: Any, top: float = float(blocks.top[i])) -> Any:
            return to_local(frame, lonlat[:, 0], lonlat[:, 1], np.full(len(lonlat), top))[:, :2]

        plane = [shapely.transform(q, flat) for q in polygons]
        mine = areas(corners[owner == i])
        assert (mine > 0).all(), name
        assert mine.sum() == pytest.approx(sum(q.area for q in plane), abs=0.02), name
        walls = tile.triangles[
            (tile.ids[tile.triangles[:, 0]] == i)
            & (np.abs(tile.normals[tile.triangles[:, 0], 1]) < 0.3)
        ]
        a, b, c = (tile.z_up[walls[:, k]] for k in range(3))
        wall = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
        high = float(blocks.top[i] - blocks.bottom[i])
        assert wall == pytest.approx(sum(q.length for q in plane) * high, rel=1e-3), name


BAD = {
    "bow-tie": polygon([(0, 0), (20, 12), (20, 0), (0, 6)]),
    "spike": polygon([(0, 0), (20, 0), (20, 12), (20, 40), (20, 12), (0, 12)]),
    "self-touching": polygon([(0, 0), (20, 0), (10, 6), (20, 12), (0, 12), (10, 6)]),
    "crossing itself often": polygon([(i * 7 % 20, i * 11 % 13) for i in range(40)]),
    "hole outside": polygon(SQUARE, [(30, 3), (30, 8), (39, 8)]),
    "hole larger than the outline": polygon(HOLE, SQUARE),
    "thin as a hair": polygon([(0, 0), (100, 0), (100, 0.0004), (0, 0.0004)]),
    "10 km long": polygon([(0, 0), (10_000, 0), (10_000, 30), (0, 30)]),
    "half a square metre far away": polygon(np.array(SQUARE) / 20 + 3000),
}  # fmt: skip


def test_what_is_broken_is_drawn_and_stops_nothing(read: Any) -> None:
    blob, _, blocks = drawn(table(list(BAD.values())))
    assert len(blocks) == len(BAD)
    tile = read(blob)
    assert set(tile.ids) == set(range(len(BAD)))
    corners, owner = roofs_of(tile)
    assert (areas(corners) > 0).all()
    long = list(BAD).index("10 km long")
    assert areas(corners[owner == long]).sum() == pytest.approx(300_000, rel=0.01)
    bow = list(BAD).index("bow-tie")
    assert 100 < areas(corners[owner == bow]).sum() < 260


def test_what_cannot_be_drawn_is_left_out_and_said(read: Any) -> None:
    nan = shapely.to_wkb(polygon(SQUARE))[:-16] + struct.pack("<2d", np.nan, 1.0)
    shapes = [
        None, b"", b"\x01\x03", b"no geometry", nan, shapely.Point(LON, LAT), shapely.Polygon(),
        polygon([(0, 0), (5, 0), (9, 0)]), polygon(np.array(SQUARE) / 1000),
        shapely.box(10.0, 95.0, 10.1, 95.1), polygon(SQUARE),
    ]  # fmt: skip
    blob, _, blocks = drawn(table(shapes))
    assert blocks.eid.tolist() == ["00000010"]
    assert blocks.notes == (
        "8 without a polygon, left out",
        "2 without area or smaller than 100 cm², left out",
    )
    assert len(read(blob).triangles) == 10


@pytest.mark.parametrize("height", [float("nan"), float("inf"), -3.0, 0.0, 5000.0])
def test_no_height_stops_the_build(height: float, read: Any) -> None:
    rows = table([polygon(SQUARE)], height_m=[height], base_z=[float("nan")])
    blob, _, blocks = drawn(rows)
    assert (blocks.top - blocks.base).tolist() == [DEFAULT_HEIGHT_M]
    assert np.ptp(read(blob).z_up[:, 2]) == pytest.approx(DEFAULT_HEIGHT_M + SKIRT_M, abs=0.002)


def test_a_polygon_of_70_000_corners_keeps_all_its_walls(read: Any) -> None:
    angle = np.linspace(0, 2 * np.pi, 70_000, endpoint=False)
    ring = (
        np.column_stack([np.cos(angle), np.sin(angle)]) * (300 + 20 * np.sin(90 * angle))[:, None]
    )
    blob, _, blocks = drawn(table([polygon(ring), polygon(SQUARE)]))
    assert blocks.notes == ("1 with more than 16384 corners, roof drawn coarser",)
    found = read_content(blob)
    assert found.triangles > 2 * 70_000 + 10_000
    assert len(found.points) == 5 * (70_000 + 4)


@pytest.mark.parametrize("first", [[*ODD.values()], [*ODD.values(), *BAD.values()]])
def test_columns_give_the_bytes_of_the_compiled_loops(first: list[Any]) -> None:
    """Within 4 km on the fine grid, and beyond, where each point is rounded for itself."""
    rng = np.random.default_rng(11)
    shapes = list(first)
    for k in range(60):
        turn = rng.uniform(0, 2 * np.pi)
        n = int(rng.integers(3, 12))
        angle = np.sort(rng.uniform(0, 2 * np.pi, n))
        ring = np.column_stack([np.cos(angle + turn), np.sin(angle + turn)]) * rng.uniform(
            2, 30, (n, 1)
        )
        shapes.append(polygon(np.add(ring, [50 * k, 300])))
    n = len(shapes)
    rows = table(
        shapes,
        height_m=rng.choice([np.nan, 3.0, 12.5, 320.0], n),
        usage=rng.choice(["住宅", "办公", "", "工业"], n),
        roof_shape=rng.choice(["gabled", "hipped", "1030", "dome", ""], n),
    )
    fast, frame, _ = drawn(rows)
    slow, _, blocks = drawn(rows, compiled=False)
    assert fast == slow
    small = np.array([3])
    one = content(blocks, small, frame, compiled=False)
    other = content(prepare(rows, None), small, frame)
    assert one[0] == other[0]
    assert np.array_equal(one[1], other[1])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_elements_are_packed_alike_in_columns(data: st.DataObject) -> None:
    count, stride = data.draw(st.integers(1, 700)), data.draw(st.sampled_from([4, 8, 12, 64, 256]))
    highest = data.draw(st.sampled_from([0, 1, 3, 20, 255]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rows = np.cumsum(
        np.random.default_rng(seed).integers(0, highest + 1, (count, stride)), axis=0
    ).astype(np.uint8)
    stream = encode_attributes(rows, compiled=False)
    assert stream == encode_attributes(rows)
    assert np.array_equal(decode_attributes(stream, count, stride), rows)


def test_footprints_are_read_as_geos_reads_them() -> None:
    rows = table([*ODD.values(), None, b"junk that is no geometry"])
    mine, geos = footprints_of(rows), footprints_of(rows, compiled=False)
    assert len(mine) == len(geos) == len(ODD) + 2
    for i in range(len(mine)):
        found = []
        for f in (mine, geos):
            a, b = f.polygon_start[f.first[i]], f.polygon_start[f.last[i]]
            v, w = f.ring_start[a], f.ring_start[b]
            found.append(
                (
                    f.lon[v:w].tolist(),
                    f.lat[v:w].tolist(),
                    np.diff(f.ring_start[a : b + 1]).tolist(),
                )
            )
        assert found[0] == found[1], i


RIDGED = [[(0, 0), (20, 0), (20, 8), (0, 8)], [(0, 0), (8, 0), (8, 20), (0, 20)]]


@pytest.mark.parametrize("outline", RIDGED)
def test_a_gabled_roof_has_two_slopes_a_level_ridge_and_two_gables(outline: Any, read: Any) -> None:
    rows = table([polygon(outline)], height_m=[12.0], roof_shape=["gabled"], roof_height_m=[3.0])
    tile = read(drawn(rows)[0])
    top = tile.z_up[:, 2].max()
    ridge = np.unique(np.round(tile.z_up[tile.z_up[:, 2] > top - 0.01], 1), axis=0)
    assert np.ptp(ridge[:, :2], axis=0).max() == pytest.approx(20, abs=0.1)  # along the long side
    corners, _ = roofs_of(tile)
    sloped = np.ptp(corners[..., 2], axis=1) > 0.01
    assert areas(corners[sloped]).sum() == pytest.approx(160, rel=0.005)
    tilt = tile.normals[tile.triangles[:, 0]]
    tilted = np.unique(np.round(tilt[(tilt[:, 1] > 0.3) & (tilt[:, 1] < 0.95)], 2), axis=0)
    assert len(tilted) == 2
    assert tilted[0, 1] == pytest.approx(4 / 5, abs=0.01)  # 3 up over 4 across
    a, b, c = (tile.z_up[tile.triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    upper = (np.min([a[:, 2], b[:, 2], c[:, 2]], axis=0) > top - 3.01) & (np.abs(tilt[:, 1]) < 0.1)
    assert np.linalg.norm(face[upper], axis=1).sum() / 2 == pytest.approx(2 * 8 * 3 / 2, rel=0.005)


def test_a_hipped_roof_rises_equally_from_every_edge(read: Any) -> None:
    hexagon = [(10 * np.cos(a), 10 * np.sin(a)) for a in np.arange(6) * np.pi / 3]
    shapes = [polygon(RIDGED[0]), polygon(np.add(hexagon, [40, 0]))]
    rows = table(
        shapes, height_m=[12.0] * 2, roof_shape=["hipped", "1040"], roof_height_m=[3.0] * 2
    )
    tile = read(drawn(rows)[0])
    corners, owner = roofs_of(tile)
    sloped = np.ptp(corners[..., 2], axis=1) > 0.01
    for i, (area, ridge) in enumerate(((160.0, 12.0), (259.8, 0.0))):
        mine = corners[sloped & (owner == i)]
        assert areas(mine).sum() == pytest.approx(area, rel=0.005)
        high = mine.reshape(-1, 3)
        top = high[high[:, 2] > high[:, 2].max() - 0.01]
        assert np.ptp(top[:, 0]) == pytest.approx(ridge, abs=0.1)
        assert np.ptp(high[:, 2]) == pytest.approx(3.0, abs=0.01)
        normal = np.cross(mine[:, 1] - mine[:, 0], mine[:, 2] - mine[:, 0])
        steep = normal[:, 2] / np.linalg.norm(normal, axis=1)
        assert np.ptp(steep) < 0.01, "one slope"


def test_roofs_that_cannot_be_pitched_are_flat_and_counted(read: Any) -> None:
    rows = table(
        [polygon(L_SHAPE), polygon(SQUARE), polygon(SQUARE, HOLE)],
        roof_shape=["gabled", "dome", "hipped"],
    )
    blob, _, blocks = drawn(rows)
    assert blocks.notes == (
        "2 with a gabled or hipped roof over no convex outline, drawn flat",
        "1 with another shape of roof, drawn flat",
    )
    corners, _ = roofs_of(read(blob))
    assert np.ptp(corners[..., 2], axis=1).max() < 0.01


def test_the_facade_may_lie_beside_the_contents(read: Any) -> None:
    blocks = prepare(table([polygon(SQUARE)]), None)
    rows, frame = np.arange(1), frame_of(blocks)
    inside, beside = (
        content(blocks, rows, frame)[0],
        content(blocks, rows, frame, facade_uri="../facade.png")[0],
    )
    assert b"image/png" in inside
    assert read(beside).document["images"] == [{"uri": "../facade.png"}]
    assert len(inside) - len(beside) > 200


def test_packed_contents_come_back_and_are_smaller_than_in_one_piece(make_city: Any) -> None:
    blocks = prepare(make_city(600).buildings(), None)
    blob = content(blocks, np.arange(600), frame_of(blocks))[0]
    packed = pack(blob)
    assert gzip.decompress(packed) == blob
    assert zlib.decompress(packed, 31) == blob
    assert pack(blob) == packed
    assert len(packed) < 0.97 * len(gzip.compress(blob, 1))
    assert gzip.decompress(pack(b"{}" * 3000)) == b"{}" * 3000
    assert gzip.decompress(pack(blob[:27])) == blob[:27]
    broken = blob[:20] + b"?" + blob[21:]
    assert gzip.decompress(pack(broken)) == broken


def test_a_building_costs_at_most_175_bytes_of_which_most_is_what_only_it_knows() -> None:
    """800 footprints with eight corners, eid, class, name, height and storeys."""
    rng = np.random.default_rng(5)
    shapes, floors = [], rng.integers(1, 33, 800)
    for i in range(800):
        w, d, (p, q) = rng.uniform(10, 24), rng.uniform(8, 15), rng.uniform(0.3, 0.6, 2)
        ring = np.array(
            [(0, 0), (1, 0), (1, 1), (0.8, 1), (0.8, q), (0.6 * p, q), (0.6 * p, 1), (0, 1)]
        ) * [w, d]
        turn = rng.uniform(0, 6.3)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shapes.append(polygon(ring @ spin + [30 * (i % 28), 30 * (i // 28)]))
    words = rng.integers(0, 2**32, (800, 3))
    eid = [
        f"01930f2a-7c{a % 256:02x}-7{b % 4096:03x}-{0x8000 + c % 0x4000:04x}-{a:08x}{b % 65536:04x}"
        for a, b, c in words.tolist()
    ]
    rows = table(
        shapes,
        eid=eid,
        floors=pa.array(floors, pa.int32()),
        height_m=floors * 3.0 + rng.integers(0, 10, 800) / 10,
    )
    packed = pack(drawn(rows)[0])
    assert len(packed) / 800 <= 150


def test_the_official_validator_finds_nothing_wrong_with_any_of_it(
    clients: Path, tmp_path: Path
) -> None:
    shapes = [*ODD.values(), *BAD.values()]
    words = ["gabled", "hipped", ""] * len(shapes)
    rows = table(shapes, roof_shape=words[: len(shapes)], usage=["住宅"] * len(shapes))
    path = tmp_path / "tile.glb"
    path.write_bytes(drawn(rows)[0])
    node = Path(sys.executable).parent / "node"
    done = subprocess.run(
        [str(node), "validate_gltf.mjs", str(path)],
        cwd=clients,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == []
