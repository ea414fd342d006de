"""Point clouds as tiles: every point once, where it belongs, whatever the cloud is like."""

import hashlib
import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyproj
import pytest

from tests.tiles.conftest import SCANNED, enu, scan, stored_cloud
from tiles.check_glb import read_content
from tiles.check_tileset import TilesetCheck
from tiles.points import build_points, gathering, layer, octree
from twin.cloud import CloudAsset, CloudSpec, write_cloud
from twin.cloud.placed import PlacedCloud
from twin.terrain import Terrain


@pytest.fixture
def small_tiles(monkeypatch):
    """Limits so low that twenty thousand points make a deep tree of many blocks."""
    monkeypatch.setattr(gathering, "MOST", 3000)
    monkeypatch.setattr(octree, "LEAF", 400)
    monkeypatch.setattr(octree, "SMALL", 30)


def built(folder: Path, *clouds: PlacedCloud):
    out = folder / "points"

    def write(name: str, blob: bytes) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(blob)

    told = []
    found = build_points(clouds, write, lambda *step: told.append(step))
    assert told[-1] == (sum(len(c.asset) for c in clouds),) * 2
    return out, found


def hashes(out: Path):
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in out.rglob("*.*")}  # fmt: skip


def shown(out: Path):
    """ECEF, class and intensity of every point of a tileset, along the transforms."""
    parts = []

    def visit(tile, parent):
        matrix = parent @ np.array(tile.get("transform", np.eye(4).ravel())).reshape(4, 4).T
        uri = tile.get("content", {}).get("uri", "")
        if uri.endswith(".glb"):
            read = read_content((out / uri).read_bytes())
            xyz = read.points @ matrix[:3, :3].T + matrix[:3, 3]
            parts.append(np.column_stack([xyz, *read.attributes.values()]))
        elif uri:
            visit(json.loads((out / uri).read_text())["root"], matrix)
        for child in tile.get("children", ()):
            visit(child, matrix)

    visit(json.loads((out / "tileset.json").read_text())["root"], np.eye(4))
    return np.concatenate(parts)


def expected(columns, crs="EPSG:4547", undulation=-12.5):
    """ECEF of the same points by PROJ alone, with class and intensity."""
    real = [columns[c] * SCANNED.scale[i] + SCANNED.offset[i] for i, c in enumerate("xyz")]
    lon, lat = pyproj.Transformer.from_crs(crs, 4490, always_xy=True).transform(*real[:2])
    ecef = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
    xyz = ecef.transform(lon, lat, real[2] + undulation)
    return np.column_stack([*xyz, columns["classification"], columns["intensity"]])


def ordered(points):
    """In the order of intensity, which is each point's number in its cloud, and of place."""
    return points[np.lexsort((points[:, 1], points[:, 4]))]


def checked(out: Path):
    run = TilesetCheck(out.parent)
    run.run(out / "tileset.json")
    assert run.findings == []
    return run


def test_every_point_is_shown_once_within_a_millimetre_with_what_it_carries(tmp_path, small_tiles):
    columns = scan()
    out, made = built(tmp_path, stored_cloud(columns, tmp_path))
    run = checked(out)
    assert made.features == 20_000
    assert run.tiles > 20
    got, want = ordered(shown(out)), ordered(expected(columns))
    assert np.array_equal(got[:, 3:], want[:, 3:])
    off = np.linalg.norm(got[:, :3] - want[:, :3], axis=1)
    assert off.max() < 0.001  # half a step of 2^-10 m along three axes, and the polynomial
    assert Counter(got[:, 3]) == Counter(columns["classification"].tolist())


def test_what_a_level_leaves_out_is_no_farther_than_its_error(tmp_path, small_tiles):
    out, _ = built(tmp_path, stored_cloud(scan(), tmp_path))
    root = json.loads((out / "tileset.json").read_text())["root"]

    def points(tile):
        own = read_content((out / tile["content"]["uri"]).read_bytes()).points
        below = [points(child) for child in tile.get("children", ())]
        later = np.concatenate([np.concatenate(b) for b in below]) if below else np.zeros((0, 3))
        return own, later

    own, later = points(root)
    nearest = np.array([np.sqrt(((own - p) ** 2).sum(axis=1).min()) for p in later[::25]])
    assert 0.2 * root["geometricError"] < nearest.max() <= root["geometricError"]
    errors = {child["geometricError"] for child in root["children"]}
    assert max(errors) < root["geometricError"]


def test_order_and_room_do_not_change_a_byte(tmp_path, small_tiles, monkeypatch):
    cloud = stored_cloud(scan(), tmp_path)
    whole, _ = built(tmp_path / "a", cloud)
    again, _ = built(tmp_path / "b", cloud)
    monkeypatch.setattr(gathering, "HELD", 2500)
    spilled, _ = built(tmp_path / "c", cloud)
    assert hashes(whole) == hashes(again) == hashes(spilled)


def test_few_points_wait_in_memory(tmp_path, monkeypatch):
    """Half a million points through chunks of 65,536: what Python holds stays below a third of them."""
    monkeypatch.setattr(gathering, "MOST", 40_000)
    monkeypatch.setattr(gathering, "HELD", 60_000)
    cloud = stored_cloud(scan(500_000), tmp_path)
    built(tmp_path / "warm", stored_cloud(scan(2000), tmp_path))
    tracemalloc.start()
    built(tmp_path, cloud)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        peak < 500_000 * 20 * 1.3
    )  # rows of all points would be 10 MB; a chunk in work takes 7 MB


def test_points_in_one_place_are_dealt_out(tmp_path, small_tiles, monkeypatch):
    monkeypatch.setattr(layer, "MOST_IN_TILE", 2500)
    columns = {name: np.repeat(column[:1], 9000) for name, column in scan(10).items()}
    out, made = built(tmp_path, stored_cloud(columns, tmp_path))
    checked(out)
    assert made.features == 9000
    sizes = [len(read_content(p.read_bytes()).points) for p in out.rglob("*.glb")]
    assert max(sizes) <= 2500
    assert sum(sizes) == 9000


def test_one_point_is_a_tileset(tmp_path):
    columns = scan(1)
    out, made = built(tmp_path, stored_cloud(columns, tmp_path))
    checked(out)
    assert made.features == 1
    assert shown(out)[0, :3] == pytest.approx(expected(columns)[0, :3], abs=0.001)


def test_points_that_are_nowhere_are_left_out_and_counted(tmp_path):
    xyz = np.random.default_rng(1).uniform(0, 90, (3, 3000))
    columns = scan(3000) | dict(zip("xyz", xyz, strict=True))
    columns["x"] += 507_000
    columns["y"] += 3_370_000
    columns["x"][5] = np.nan
    columns["z"][6] = np.inf
    columns["y"][7] = 1e12
    out, made = built(tmp_path, stored_cloud(columns, tmp_path, CloudSpec()))
    checked(out)
    assert made.features == 2997
    assert made.notes == ["扫描: 3 points without a place within 1000 km are left out"]


def test_a_cloud_without_points_is_no_layer(tmp_path):
    nowhere = {c: np.full(4, np.nan) for c in "xyz"}
    for columns in ({c: np.zeros(0, np.int32) for c in "xyz"}, nowhere):
        out, made = built(tmp_path, stored_cloud(columns, tmp_path, CloudSpec()))
        assert (made.root, made.features, out.exists()) == (None, 0, False)
        assert made.notes == ["扫描: has no point that has a place"]


def colors_of(tmp_path: Path, columns):
    out, _ = built(tmp_path, stored_cloud(columns, tmp_path))
    blob = next(out.rglob("*.glb")).read_bytes()
    return blob, read_content(blob)


def test_colors_are_linear_whatever_their_width(tmp_path):
    """sRGB 188 is half the light of 255 (IEC 61966-2-1); 8-bit numbers in 16-bit fields are 8 bits."""
    from tiles.points.colors import Colors

    for bits, top in ((8, 255), (16, 65_535)):
        found = Colors({"color_bits": bits, "classes": {}}, ["red", "green", "blue"])
        channel = np.array([0, round(top * 188 / 255), top], np.uint16)
        packed = found.of(dict.fromkeys(("red", "green", "blue"), channel), np.zeros(3, np.uint8), np.zeros(3))  # fmt: skip
        assert [int(v) & 255 for v in packed] == [0, 128, 255]
        assert [int(v) >> 16 for v in packed] == [0, 128, 255]


def test_clouds_without_colors_show_their_classes_and_bare_ones_their_height(tmp_path):
    classes = scan(500)
    for name in ("red", "green", "blue"):
        del classes[name]
    bare = {name: classes[name] for name in "xyz"}
    from tiles.points.colors import Colors

    found = Colors({"color_bits": None, "classes": {"2": 1, "6": 1}}, list(classes))
    ground, house = found.of({}, np.array([2, 6], np.uint8), np.zeros(2))
    assert ground != house
    _, read = colors_of(tmp_path / "classes", classes) if (tmp_path / "classes").mkdir() is None else (0, 0)  # fmt: skip
    assert set(read.attributes) == {"classification", "intensity"}
    (tmp_path / "bare").mkdir()
    blob, read = colors_of(tmp_path / "bare", bare)
    assert read.attributes == {}
    assert b"EXT_structural_metadata" not in blob


def test_several_clouds_stand_under_one_root(tmp_path, small_tiles):
    one, other = scan(), scan(5000, seed=8)
    other["y"] = other["y"] + 3_000_000
    clouds = [stored_cloud(one, tmp_path), replace(stored_cloud(other, tmp_path), eid="b")]
    out, made = built(tmp_path, *clouds)
    checked(out)
    assert made.features == 25_000
    assert {p.parent.name for p in out.rglob("*.glb")} == {clouds[0].eid, "b"}
    want = np.concatenate([expected(one), expected(other)])
    assert np.abs(ordered(shown(out)) - ordered(want)).max() < 0.001


def test_heights_above_ground_stand_on_the_ground(tmp_path):
    columns = scan(2000)
    name, _ = write_cloud(tmp_path, SCANNED, "EPSG:4547", "ground", [columns])
    slope = np.add.outer(np.zeros(80), np.arange(120.0)).astype(np.float32)
    ground = Terrain(slope, (1e-4, 0.0, 114.074, 0.0, -1e-4, 30.459))
    out, _ = built(tmp_path, PlacedCloud("a", "", CloudAsset(tmp_path / name), ground=ground))
    checked(out)
    flat = expected(columns, undulation=0.0)
    got, want = ordered(shown(out)), ordered(flat)
    frame = enu(114.08, 30.46, 0)
    lift = (got[:, :3] - want[:, :3]) @ frame[:3, 2]
    lon, _, _ = pyproj.Transformer.from_crs(4978, 4979, always_xy=True).transform(*want[:, :3].T)
    assert lift == pytest.approx((lon - 114.07405) / 1e-4, abs=0.01)


def test_the_official_gltf_validator_has_nothing_to_say(tmp_path, clients, small_tiles):
    out, _ = built(tmp_path, stored_cloud(scan(4000), tmp_path))
    files = [str(p) for p in out.rglob("*.glb")]
    words = [str(Path(sys.executable).parent / "node"), "validate_gltf.mjs", *files]
    done = subprocess.run(words, cwd=clients, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda d: d["nodes"][0].__setitem__("translation", [1e5, 0, 0]), "outside-box"),
        (lambda d: d["accessors"][0]["max"].__setitem__(0, 1e9), "accessor-bounds"),
        (lambda d: d["accessors"][2].__setitem__("componentType", 5123), "schema"),
    ],
)
def test_the_checker_sees_a_damaged_tile(tmp_path, change, rule):
    from tiles.check_glb import _container
    from tiles.glb import container

    out, _ = built(tmp_path, stored_cloud(scan(100), tmp_path))
    path = next(out.rglob("*.glb"))
    document, binary = _container(path.read_bytes())
    change(document)
    path.write_bytes(container(json.dumps(document).encode(), binary))
    run = TilesetCheck(tmp_path)
    run.run(out / "tileset.json")
    assert [f.rule for f in run.findings] == [rule]


REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "pointcloud"
FILES = [
    ("laspy/autzen_trim.laz", "EPSG:2994"),
    ("ahn3-3dfier/ahn3/ahn3_cropped_1.laz", "EPSG:28992"),
    ("pdal/autzen/autzen-dd.las", "EPSG:4326"),
    ("laspy/simple.copc.laz", "EPSG:2994"),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "crs"), FILES)
def test_real_clouds_are_whole(tmp_path, name, crs, clients):
    import laspy

    if not (REAL / name).is_file():
        pytest.skip("the shared real data is not on this machine")
    from loaders.points.las import open_las

    stream = open_las(REAL / name)
    stored, _ = write_cloud(tmp_path, stream.spec, crs, "ellipsoid", stream.batches())
    out, made = built(tmp_path, PlacedCloud("real", "", CloudAsset(tmp_path / stored)))
    checked(out)
    truth = laspy.read(REAL / name)
    assert made.features == len(truth)
    got = shown(out)
    assert Counter(got[:, 3].astype(int)) == Counter(np.asarray(truth.classification).tolist())
    files = [str(p) for p in out.rglob("*.glb")]
    words = [str(Path(sys.executable).parent / "node"), "validate_gltf.mjs", *files]
    done = subprocess.run(words, cwd=clients, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
