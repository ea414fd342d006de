"""Finished tilesets: counted, placed, checked, never followed out of their folder."""

import gzip
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyproj
import pytest

from loaders.discovery import discover, scan
from loaders.propose import propose
from loaders.registry import loader_for
from loaders.tileset import TilesetLoader
from loaders.tileset.members import ZipMembers
from twin.errors import SourceError, UnsafeSourceError

TO_ECEF = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)


def b3dm(batch: dict | None = None, length: int | None = None) -> bytes:
    feature = b'{"BATCH_LENGTH":1}  '
    table = json.dumps(batch or {}).encode()
    table += b" " * (-len(table) % 8)
    size = 28 + len(feature) + len(table)
    return struct.pack("<4s6I", b"b3dm", 1, length or size, len(feature), 0, len(table), 0) + feature + table  # fmt: skip


def region(west: float, south: float, east: float, north: float) -> dict:
    return {"region": [*np.deg2rad([west, south, east, north]).tolist(), 5.0, 60.0]}


def tileset(folder: Path, root: dict, version: str = "1.0", name: str = "tileset.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"asset": {"version": version}, "geometricError": 100, "root": root}
    (folder / name).write_text(json.dumps(document))
    return folder / name


PLACE = {"boundingVolume": region(114.0, 30.0, 114.01, 30.02), "geometricError": 10}


def text(path: Path) -> str:
    return " | ".join(scan([path])[0].findings)


def test_a_tileset_is_one_record_with_its_region_and_counts(tmp_path: Path) -> None:
    root = PLACE | {
        "content": {"uri": "a.b3dm"},
        "children": [PLACE | {"content": {"url": "b.b3dm"}}],
    }
    path = tileset(tmp_path / "set", root)
    (tmp_path / "set" / "a.b3dm").write_bytes(b3dm({"id": [1], "height": [2]}))
    (tmp_path / "set" / "b.b3dm").write_bytes(b3dm())
    layer = scan([path])[0]
    assert (layer.kind, layer.format, layer.name) == ("tileset", "3D Tiles 1.0", "set")
    assert layer.bounds == pytest.approx((114.0, 30.0, 114.01, 30.02))
    assert "2 tiles, 2 levels, 2 contents (2 b3dm)" in text(path)
    assert "features carry height, id" in text(path)
    (batch,) = loader_for(path).read(layer, propose([layer]).layers[0])
    row = batch.records.to_pylist()[0]
    assert (row["class_code"], row["fault"]) == ("tileset", None)
    assert json.loads(row["attributes"])["missing"] == 0


def test_boxes_and_spheres_lie_where_another_library_puts_them(tmp_path: Path) -> None:
    x, y, z = TO_ECEF.transform(114.0, 30.0, 20.0)
    matrix = np.eye(4)
    lam, phi = np.deg2rad([114.0, 30.0])
    east = [-np.sin(lam), np.cos(lam), 0]
    north = [-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)]
    matrix[:3, 0], matrix[:3, 1] = east, north
    matrix[:3, 2] = np.cross(east, north)
    matrix[:3, 3] = x, y, z
    want = (
        113.998964,
        29.999098,
        114.001036,
        30.000902,
    )  # 100 m: 1/96,486 and 1/110,852 of a degree
    for volume in ({"box": [0, 0, 0, 100, 0, 0, 0, 100, 0, 0, 0, 10]}, {"sphere": [0, 0, 0, 100]}):
        root = {
            "boundingVolume": volume,
            "transform": matrix.T.ravel().tolist(),
            "geometricError": 1,
        }
        path = tileset(tmp_path / next(iter(volume)), root)
        assert scan([path])[0].bounds == pytest.approx(want, abs=2e-5)


def test_a_tileset_that_is_nowhere_says_what_to_do(tmp_path: Path) -> None:
    path = tileset(tmp_path, {"boundingVolume": {"box": [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]}})
    layer = scan([path])[0]
    assert layer.bounds is None
    (batch,) = loader_for(path).read(layer, propose([layer]).layers[0])
    assert "does not lie on the Earth" in batch.records["fault"][0].as_py()


def test_missing_damaged_and_outside_contents_are_told_and_not_followed(tmp_path: Path) -> None:
    contents = [
        "gone.b3dm",
        "cut.b3dm",
        "odd.b3dm",
        "../secret.b3dm",
        "https://x.test/a.b3dm",
        "%2e%2e/s.glb",
    ]
    path = tileset(
        tmp_path / "set", PLACE | {"children": [PLACE | {"content": {"uri": u}} for u in contents]}
    )
    (tmp_path / "secret.b3dm").write_bytes(b3dm())
    (tmp_path / "set" / "cut.b3dm").write_bytes(b3dm(length=99_999))
    (tmp_path / "set" / "odd.b3dm").write_bytes(b"<html>no")
    told = text(path)
    assert "1 contents are missing: gone.b3dm" in told
    assert "3 contents lie outside of the set or on the network" in told
    assert "cut.b3dm says it is 99,999 bytes long" in told
    assert "odd.b3dm begins with b'<htm'" in told


def test_external_tilesets_are_walked_once_and_loops_end(tmp_path: Path) -> None:
    inner = PLACE | {
        "content": {"uri": "../tileset.json"},
        "children": [PLACE | {"content": {"uri": "c.b3dm"}}],
    }
    tileset(tmp_path / "sub", inner, name="inner.json")
    (tmp_path / "sub" / "c.b3dm").write_bytes(b3dm())
    path = tileset(tmp_path, PLACE | {"content": {"uri": "sub/inner.json"}})
    assert "3 tiles" in text(path)
    assert "2 tileset documents" in text(path)


def test_packed_documents_and_contents_are_read(tmp_path: Path) -> None:
    path = tileset(tmp_path, PLACE | {"content": {"uri": "a.b3dm"}})
    path.write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "a.b3dm").write_bytes(gzip.compress(b3dm()))
    assert "1 contents (1 b3dm)" in text(path)


def test_implicit_tiles_are_counted_from_their_subtrees(tmp_path: Path) -> None:
    root = PLACE | {
        "content": {"uri": "c/{level}_{x}_{y}.glb"},
        "implicitTiling": {
            "subdivisionScheme": "QUADTREE", "subtreeLevels": 2, "availableLevels": 2,
            "subtrees": {"uri": "s/{level}.{x}.{y}.json"},
        },
    }  # fmt: skip
    path = tileset(tmp_path, root, "1.1")
    (tmp_path / "s").mkdir()
    (tmp_path / "c").mkdir()
    bits = bytes([0b10011])  # the root, tile (0, 0) and tile (1, 1)
    (tmp_path / "s" / "b.bin").write_bytes(bits)
    subtree = {
        "buffers": [{"byteLength": 1, "uri": "b.bin"}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 1}],
        "tileAvailability": {"bitstream": 0},
        "contentAvailability": [{"bitstream": 0}],
        "childSubtreeAvailability": {"constant": 0},
    }
    (tmp_path / "s" / "0.0.0.json").write_text(json.dumps(subtree))
    (tmp_path / "c" / "1_1_1.glb").write_bytes(struct.pack("<4sII", b"glTF", 2, 12))
    assert "3 tiles, 2 levels, 3 contents (1 glb)" in text(path)
    assert "2 contents are missing: c/0_0_0.glb, c/1_0_0.glb" in text(path)


@pytest.mark.parametrize("flag", [0x1, 0x20], ids=["encrypted", "patched"])
def test_an_archive_whose_contents_cannot_be_unpacked_is_refused_by_name(
    tmp_path: Path, flag: int
) -> None:
    path = tileset(tmp_path / "set", PLACE | {"content": {"uri": "a.b3dm"}})
    with zipfile.ZipFile(tmp_path / "a.3tz", "w") as out:
        out.write(path, "tileset.json")
        out.writestr("a.b3dm", b3dm())
    packed = bytearray((tmp_path / "a.3tz").read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.rindex(mark) + offset] |= flag
    (tmp_path / "a.3tz").write_bytes(packed)
    with pytest.raises(SourceError, match=r"a\.b3dm cannot be unpacked .*; pack it again"):
        TilesetLoader().scan(tmp_path / "a.3tz")


def test_damage_behind_the_first_bytes_of_a_packed_content_is_a_fault_of_the_archive(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "a.3tz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.b3dm", np.random.default_rng(1).bytes(300_000))
    packed = bytearray((tmp_path / "a.3tz").read_bytes())
    packed[200_000] ^= 0xFF
    (tmp_path / "a.3tz").write_bytes(packed)
    with ZipMembers(tmp_path / "a.3tz").open("a.b3dm") as file:
        assert len(file.read(12)) == 12
        with pytest.raises(SourceError, match=r"a\.b3dm cannot be unpacked .*CRC"):
            file.read()


def test_archives_are_read_and_bad_ones_refused(tmp_path: Path) -> None:
    path = tileset(tmp_path / "set", PLACE | {"content": {"uri": "a.b3dm"}})
    with zipfile.ZipFile(tmp_path / "a.3tz", "w") as out:
        out.write(path, "tileset.json")
        out.writestr("a.b3dm", b3dm())
    assert "1 contents (1 b3dm)" in text(tmp_path / "a.3tz")
    with zipfile.ZipFile(tmp_path / "evil.3tz", "w") as out:
        out.writestr("tileset.json", "{}")
        out.writestr("../../etc/x.glb", b"x")
    with pytest.raises(UnsafeSourceError, match="outside of itself"):
        TilesetLoader().scan(tmp_path / "evil.3tz")
    with zipfile.ZipFile(tmp_path / "bomb.3tz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.glb", bytes(200 << 20))
    with pytest.raises(UnsafeSourceError, match="unpack it yourself"):
        TilesetLoader().scan(tmp_path / "bomb.3tz")


@pytest.mark.parametrize(
    "content", ["{}", '{"root":[]}', "[1]", "{", '{"root":{"children":[1,null]}}']
)
def test_documents_that_are_none_are_source_errors_or_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "tileset.json").write_text(content)
    try:
        layers = TilesetLoader().scan(tmp_path / "tileset.json")
    except SourceError as err:
        assert "is no tileset" in err.reason
        return
    assert "damaged" in " ".join(layers[0].findings)


def test_a_terrain_set_is_counted_and_its_gaps_told(tmp_path: Path) -> None:
    tile = struct.pack("<3d2f4d3d", *[0.0] * 3, 12.0, 34.0, *[0.0] * 7) + struct.pack("<I", 0)
    document = {
        "format": "quantized-mesh-1.0", "tiles": ["{z}/{x}/{y}.terrain"], "bounds": [-180, -90, 180, 90],
        "available": [[], [{"startX": 3, "startY": 1, "endX": 3, "endY": 2}]],
    }  # fmt: skip
    (tmp_path / "layer.json").write_text(json.dumps(document))
    (tmp_path / "1" / "3").mkdir(parents=True)
    (tmp_path / "1" / "3" / "1.terrain").write_bytes(gzip.compress(tile))
    layer = scan([tmp_path])[0]
    assert (layer.kind, layer.format) == ("tileset", "quantized-mesh-1.0")
    assert layer.bounds == (
        90.0,
        0.0,
        180.0,
        90.0,
    )  # of the deepest level, where the set claims the world
    assert "1 of them packed" in text(tmp_path / "layer.json")
    assert "1 tiles are missing: 1/3/2.terrain" in text(tmp_path / "layer.json")
    assert "heights 12.0 to 34.0 m" in text(tmp_path / "layer.json")


def test_in_a_folder_a_tileset_is_one_source_and_its_neighbours_stay(tmp_path: Path) -> None:
    tileset(tmp_path / "set", PLACE | {"content": {"uri": "sub/tileset.json"}})
    tileset(tmp_path / "set" / "sub", PLACE)
    (tmp_path / "set" / "poi.csv").write_text("name,x,y\na,1,2\n")
    names = [p.relative_to(tmp_path).as_posix() for p in discover([tmp_path])]
    assert names == ["set/tileset.json", "set/poi.csv"]


@pytest.mark.real
def test_real_tilesets_have_the_tiles_and_gaps_of_their_truth(real: Path) -> None:
    truths = json.loads((real / "tiles3d" / "GROUND_TRUTH.json").read_text())
    same = 0
    for name, entry in truths.items():
        truth, path = entry["truth"], real / name
        if "tileset" not in truth or truth["implicit"] or not TilesetLoader().supports(path):
            continue
        try:
            files = TilesetLoader().read_files(path)
        except SourceError:
            continue
        told = " ".join(files.findings)
        if "tileset documents" in told or "are damaged" in told or ".json" in told:
            continue  # the truth looks into no other documents and counts tiles that are no objects
        assert (files.attributes["tiles"], files.attributes["missing"]) == (
            truth["tiles"],
            truth["missing_local"],
        ), name
        same += 1
    assert same > 300
