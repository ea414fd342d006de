import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tiles
from tiles import meshopt
from tiles.check_glb import _Reader


@pytest.fixture
def folder(built, tmp_path):
    out = tmp_path / "tiles"
    shutil.copytree(built, out)
    return out


def rules(folder, known=None):
    """Rules broken, apart from the manifest's hashes."""
    return {f.rule for f in tiles.check(folder, known)} - {"file-changed"}


def edit_json(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def glb_of(folder, layer="buildings"):
    return next((folder / layer).rglob("*.glb"))


def edit_glb(path, change):
    """Change the JSON of a glb and put it back together, aligned."""
    blob = path.read_bytes()
    size = struct.unpack_from("<I", blob, 12)[0]
    document = json.loads(blob[20 : 20 + size])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-(20 + len(text)) % 8)
    rest = blob[20 + size :]
    path.write_bytes(
        struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
        + text
        + rest
    )


def patch_view(path, pick, data):
    """Overwrite the start of a compressed buffer view; its stream comes anew, at the end."""
    blob = path.read_bytes()
    size = struct.unpack_from("<I", blob, 12)[0]
    document = json.loads(blob[20 : 20 + size])
    binary = blob[28 + size :]
    index = pick(document)
    view = document["bufferViews"][index]
    said = view["extensions"]["EXT_meshopt_compression"]
    rows = data + _Reader(document, binary).view(index)[0][len(data) :]
    if said["mode"] != "ATTRIBUTES":
        encode = {"TRIANGLES": meshopt.encode_triangles, "INDICES": meshopt.encode_sequence}
        stream = encode[said["mode"]](np.frombuffer(rows, f"<u{said['byteStride']}"))
    else:
        said.pop("filter", None)
        shape = said["count"], said["byteStride"]
        stream = meshopt.encode_attributes(np.frombuffer(rows, np.uint8).reshape(shape))
    said |= {"byteOffset": len(binary), "byteLength": len(stream)}
    binary += stream + bytes(-len(stream) % 8)
    text = json.dumps(document).encode()
    text += b" " * (-(20 + len(text)) % 8)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(binary))
    chunks = [head, struct.pack("<I4s", len(text), b"JSON"), text]
    path.write_bytes(b"".join([*chunks, struct.pack("<I4s", len(binary), b"BIN\0"), binary]))


def attribute(name):
    def pick(d):
        return d["accessors"][d["meshes"][0]["primitives"][0]["attributes"][name]]["bufferView"]

    return pick


def test_a_fresh_city_is_clean(built, city):
    known = set()
    for table in (city.buildings(), city.meshes(), city.pipes(), city.furniture()):
        known |= set(table["eid"].to_pylist())
    assert tiles.check(built, known) == []


def test_the_hash_of_every_file_is_compared(folder):
    path = folder / "imagery" / "tilejson.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert [(f.path, f.rule) for f in tiles.check(folder)] == [
        ("imagery/tilejson.json", "file-changed")
    ]


def test_entities_unknown_to_the_base_are_named(folder, city):
    known = set(city.buildings()["eid"].to_pylist()) | set(city.meshes()["eid"].to_pylist())
    known |= set(city.furniture()["eid"].to_pylist())
    found = [f for f in tiles.check(folder, known) if f.rule == "eid-unknown"]
    assert len(found) == 2


def shrink_box(d):
    d["root"]["boundingVolume"]["box"][11] -= 3


def raise_error(d):
    d["root"]["children"][0]["geometricError"] = 1e6


TILESETS = [
    ("buildings", shrink_box, "outside-box"),
    (
        "buildings",
        lambda d: d["root"]["transform"].__setitem__(12, d["root"]["transform"][12] + 50),
        None,
    ),
    (
        "buildings",
        lambda d: d["root"]["children"][0].__setitem__("geometricError", 5.0),
        "leaf-error",
    ),
    ("models", raise_error, "error-rises"),
    (
        "models",
        lambda d: d["root"]["children"][0]["content"].__setitem__("uri", "nowhere.glb"),
        "content-missing",
    ),
    ("models", lambda d: d["root"]["children"].append(d["root"]["children"][0]), "eid-twice"),
    (
        "models",
        lambda d: d["root"]["content"].__setitem__("uri", "../../etc/passwd"),
        "content-missing",
    ),
    ("scene", lambda d: d["root"]["boundingVolume"]["box"].__setitem__(0, 0.0), "outside-box"),
    ("pipes", lambda d: d.pop("geometricError"), "tileset-json"),
    ("pipes", lambda d: d["asset"].__setitem__("version", "1.0"), "tileset-version"),
]


@pytest.mark.parametrize(("layer", "change", "rule"), TILESETS)
def test_a_mutilated_tileset_goes_red(folder, layer, change, rule):
    edit_json(folder / layer / "tileset.json", change)
    found = {f.rule for f in tiles.check(folder)}
    assert "file-changed" in found
    if rule:
        assert rule in found


def feature_ids(d):
    primitive = d["meshes"][0]["primitives"][0]
    return primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]


def table(d):
    return d["extensions"]["EXT_structural_metadata"]["propertyTables"][0]


def schema(d):
    return d["extensions"]["EXT_structural_metadata"]["schema"]["classes"]["feature"]


def one_vertex_more(d):
    d["accessors"][0]["count"] += 1


GLBS = [
    (lambda d: d["accessors"][0]["min"].__setitem__(1, -99.0), "accessor-bounds"),
    (one_vertex_more, "accessor-range"),
    (lambda d: d["bufferViews"][1].__setitem__("byteLength", 10**9), "view-range"),
    (lambda d: feature_ids(d).__setitem__("featureCount", 3), "feature-count"),
    (lambda d: table(d)["properties"].pop("eid"), "property-required"),
    (lambda d: table(d).__setitem__("count", 500), "feature-unused"),
    (lambda d: schema(d)["properties"].pop("name"), "schema"),
    (lambda d: d.pop("meshes"), "glb-structure"),
]


@pytest.mark.parametrize(("change", "rule"), GLBS)
def test_a_mutilated_content_goes_red(folder, change, rule):
    edit_glb(glb_of(folder), change)
    found = rules(folder)
    expected = {rule} if rule != "feature-unused" else {"feature-unused", "feature-count"}
    assert found & expected


def test_the_official_gltf_validator_has_nothing_to_say(built, clients):
    contents = sorted(map(str, built.rglob("*.glb")))
    assert contents
    node = Path(sys.executable).parent / "node"
    words = [node, "validate_gltf.mjs", *contents]
    done = subprocess.run(words, cwd=clients, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-1000:] + done.stdout[:2000]


def test_damaged_bytes_go_red(folder):
    path = glb_of(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert rules(folder) == {"glb-length"}
    path.write_bytes(b"b3dm" + whole[4:])
    assert rules(folder) == {"glb-header"}
    path.write_bytes(whole)
    patch_view(path, attribute("NORMAL"), b"\x05\x05\x05\x00" * 8)
    assert rules(folder) == {"normal-unit"}
    path.write_bytes(whole)
    patch_view(path, attribute("_FEATURE_ID_0"), np.float32(1e5).tobytes())
    assert rules(folder) == {"feature-id"}
    path.write_bytes(whole)
    patch_view(path, attribute("POSITION"), np.float32([np.nan]).tobytes())
    assert rules(folder) & {"accessor-bounds", "position-finite"}
    path.write_bytes(whole)
    patch_view(
        path,
        lambda d: d["accessors"][d["meshes"][0]["primitives"][0]["indices"]]["bufferView"],
        b"\xff\xff",
    )
    assert rules(folder) == {"index-range"}


def test_broken_terrain_goes_red(folder):
    layer = json.loads((folder / "terrain" / "layer.json").read_text())
    z = layer["maxzoom"]
    r = layer["available"][z][0]
    path = folder / "terrain" / str(z) / str(r["startX"]) / f"{r['startY']}.terrain"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert rules(folder) == {"terrain-decode"}
    other = folder / "terrain" / str(z) / str(r["startX"]) / f"{r['startY'] + 2}.terrain"
    path.write_bytes(other.read_bytes())
    assert "terrain-edge" in rules(folder)
    path.unlink()
    assert rules(folder) == {"file-missing", "terrain-missing"}
    path.write_bytes(whole)
    edit_json(folder / "terrain" / "layer.json", lambda d: d.__setitem__("scheme", "xyz"))
    assert rules(folder) == {"layer-json"}


def test_broken_tilejson_and_tiles_go_red(folder):
    edit_json(folder / "mvt" / "grids" / "tilejson.json", lambda d: d.__setitem__("maxzoom", 20))
    edit_json(
        folder / "imagery" / "tilejson.json", lambda d: d.__setitem__("bounds", [10, 0, -10, 0])
    )
    next((folder / "imagery").glob("17/*/*.webp")).write_bytes(b"not a picture")
    assert rules(folder) == {"tilejson-zoom", "tilejson-bounds", "tile-kind"}
