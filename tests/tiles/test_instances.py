"""Repeats: shapes stored once and placed by instances stand where single ones would."""

import json
import struct

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tiles.check_glb import BadTileError, read_content
from tiles.check_tileset import TilesetCheck
from tiles.furniture import build_furniture
from tiles.glb import container
from tiles.models import build_models
from tiles.repeats import Y_UP, decomposed
from tiles.street_shapes import KINDS, kind_of, street_shape
from twin import codes
from twin.schema import MESHES


def document_of(blob):
    size = struct.unpack_from("<I", blob, 12)[0]
    return json.loads(blob[20 : 20 + size]), blob[28 + size :]


def rotation(q):
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_matrix_is_its_translation_rotation_and_scale(seed):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=4)
    turned = rotation(q / np.linalg.norm(q))
    matrix = np.eye(4)[None].repeat(3, axis=0)
    matrix[0, :3, :3] = turned * rng.uniform(0.1, 5, 3)
    matrix[1, :3, :3] = turned * (-1.0, 1.0, 1.0)
    matrix[2, :3, :3] = turned @ [[1.0, 0.3, 0], [0, 1, 0], [0, 0, 1]]
    matrix[:, :3, 3] = rng.uniform(-400, 400, (3, 3))
    shift, quaternion, scale, whole = decomposed(matrix)
    assert whole.tolist() == [True, False, False]
    points = rng.uniform(-3, 3, (20, 3))
    placed = (points * scale[0]) @ rotation(quaternion[0].astype(float)).T + shift[0]
    expected = (points @ matrix[0, :3, :3].T + matrix[0, :3, 3]) @ Y_UP.T
    assert np.abs(placed - expected).max() < 1e-4


def column(radius=0.2, height=3.0, sides=60):
    """A round column: enough vertices that repeating it pays."""
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    low = np.column_stack([ring * radius, np.zeros(sides)])
    high = np.column_stack([ring * radius, np.full(sides, height)])
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    faces = np.concatenate([np.stack([i, j, j + sides], 1), np.stack([i, j + sides, i + sides], 1)])
    normal = np.tile(np.column_stack([ring, np.zeros(sides)]), (2, 1))
    row = {
        "mesh_id": "column", "positions": np.concatenate([low, high]).astype("<f4").tobytes(),
        "normals": normal.astype("<f4").tobytes(), "colors": None, "indices": faces.astype("<u4").tobytes(),
    }  # fmt: skip
    return pa.Table.from_pylist([row], MESHES), np.concatenate([low, high])


def test_mapped_items_are_stored_once_and_stand_where_they_should(tmp_path, frame):
    shapes, points = column()
    rng = np.random.default_rng(4)
    rows, wanted = [], {}
    home = frame(114.05, 22.54, 5.0)
    for i in range(30):
        turn, local = rng.uniform(0, 2 * np.pi), np.eye(4)
        local[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        local[:3, :3] *= rng.uniform(0.5, 1.5)
        local[:3, 3] = rng.uniform(-20, 20, 3)
        if i == 7:
            local[:3, 0] *= -1  # mirrored: drawn by itself
        matrix = home @ local
        wanted[f"e{i}"] = points @ matrix[:3, :3].T + matrix[:3, 3]
        rows.append(
            {
                "eid": f"e{i}", "class_code": "element", "name": "", "storey": "1", "building_eid": "b",
                "asset": "a", "mesh_id": "column", "matrix": matrix.ravel().tolist(),
                "lon": 114.05, "lat": 22.54, "zmin": 0.0, "zmax": 9.0,
            }
        )  # fmt: skip
    folder = tmp_path / "models"
    folder.mkdir()
    build_models(
        pa.Table.from_pylist(rows), lambda _: shapes, lambda n, b: (folder / n).write_bytes(b),
        exterior=0.0,
    )  # fmt: skip
    run = TilesetCheck(tmp_path)
    run.run(folder / "tileset.json")
    assert run.findings == []
    assert set(run.eid) == set(wanted)
    root = json.loads((folder / "tileset.json").read_text())["root"]
    blob = (folder / root["content"]["uri"]).read_bytes()
    document, _ = document_of(blob)
    single, shared = document["nodes"]
    assert "extensions" not in single
    used = shared["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    assert document["accessors"][used["TRANSLATION"]]["count"] == 29
    assert "EXT_mesh_gpu_instancing" in document["extensionsRequired"]
    matrix = np.array(root["transform"]).reshape(4, 4).T
    found = read_content(blob).points @ matrix[:3, :3].T + matrix[:3, 3]
    tree = shapely.STRtree(shapely.points(found[:, :2]))
    for expected in wanted.values():
        near = tree.query_nearest(shapely.points(expected[:, :2]), all_matches=False)[1]
        assert np.linalg.norm(found[near][:, :2] - expected[:, :2], axis=1).max() < 0.001
    assert len(found) == 30 * len(points)


def test_furniture_stands_at_its_place_as_the_shape_of_its_class(built, city, frame):
    root = json.loads((built / "furniture" / "tileset.json").read_text())["root"]
    blob = (built / "furniture" / root["content"]["uri"]).read_bytes()
    document, _ = document_of(blob)
    assert len(document["nodes"]) == 3  # trees, lamps, manholes; a bridge is no point
    matrix = np.array(root["transform"]).reshape(4, 4).T
    found = read_content(blob).points @ matrix[:3, :3].T + matrix[:3, 3]
    table = city.furniture().to_pylist()
    lamp = street_shape("lamp")
    for row in table[1::4]:
        pole = np.linalg.inv(frame(row["lon"], row["lat"], row["z"]))
        local = found @ pole[:3, :3].T + pole[:3, 3]
        near = local[np.linalg.norm(local[:, :2], axis=1) < 0.2]
        assert near[:, 2].min() == pytest.approx(0.0, abs=0.002)
        assert near[:, 2].max() == pytest.approx(lamp.high[2], abs=0.01)
    notes = build_furniture(city.furniture(), None, lambda *_: None).notes
    assert notes == ["10 of a class that has no shape or without a place, left out"]


def test_shapes_are_closed_to_the_eye_and_their_classes_are_in_the_standard():
    known = set(codes.components()["code"].to_pylist())
    for kind, listed in KINDS.items():
        assert set(listed.split()) <= known
        assert {kind_of(c) for c in listed.split()} == {kind}
        shape = street_shape(kind)
        (part,) = shape.primitives
        corner = part.positions[part.indices.reshape(-1, 3)].astype(float)
        face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normal = part.normals[part.indices.reshape(-1, 3)[:, 0]]
        assert (np.einsum("ij,ij->i", face, normal) > 0).all()
        # outwards: the volume under the faces is positive
        assert np.einsum("ij,ij->i", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])).sum() > 0


def test_the_checker_sees_a_rotation_that_is_none(built):
    root = json.loads((built / "furniture" / "tileset.json").read_text())["root"]
    document, binary = document_of((built / "furniture" / root["content"]["uri"]).read_bytes())
    attributes = document["nodes"][0]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    turned = dict(attributes, ROTATION=attributes["TRANSLATION"])
    document["nodes"][0]["extensions"]["EXT_mesh_gpu_instancing"]["attributes"] = turned
    with pytest.raises(BadTileError) as caught:
        read_content(container(json.dumps(document).encode(), binary))
    assert caught.value.rule == "instance-rotation"
