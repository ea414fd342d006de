import json

import numpy as np
import pyarrow as pa
import pytest

from tiles.check_glb import read_content
from tiles.models import build_models


def tiles_of(folder, glb):
    """(tile, content, matrix) of every glb of a small tileset."""
    out = []

    def visit(tile, parent):
        matrix = parent @ np.array(tile.get("transform", np.eye(4).ravel())).reshape(4, 4).T
        out.append((tile, glb(folder / tile["content"]["uri"]), matrix))
        for child in tile.get("children", []):
            visit(child, matrix)

    visit(json.loads((folder / "tileset.json").read_text())["root"], np.eye(4))
    return out


def test_meshes_stand_where_their_matrices_put_them(built, city, vertices):
    found = vertices(built / "models") | vertices(built / "rooms")
    corner = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1, 1] for i in range(8)], dtype=float)
    for row in city.meshes().to_pylist():
        expected = (np.array(row["matrix"]).reshape(4, 4) @ corner.T).T[:, :3]
        mine = found[row["eid"]]
        assert len(mine) == 24
        gap = np.linalg.norm(expected[:, None] - mine[None], axis=2).min(axis=1)
        assert gap.max() < 0.001


def test_faces_agree_with_normals_even_where_a_matrix_mirrors(built, glb):
    for _, content, _ in tiles_of(built / "models", glb):
        a, b, c = (content.positions[content.triangles[:, k]].astype(float) for k in range(3))
        face = np.cross(b - a, c - a)
        face /= np.linalg.norm(face, axis=1, keepdims=True)
        normal = content.normals[content.triangles[:, 0]]
        assert np.einsum("ij,ij->i", face, normal).min() > 0.97


def test_large_parts_come_first_small_ones_by_storey(built, glb):
    tiles = tiles_of(built / "models", glb)
    root, storeys = tiles[0], tiles[1:]
    names = root[1].properties["name"]
    assert sorted(names) == sorted(
        ["构件1000", "构件1001", "构件1010", "构件1011", "构件1020", "构件1021", "构件1100"]
    )
    assert sorted(s[1].properties["storey"][0] for s in storeys) == ["1层", "2层", "3层"]
    # what the root leaves out is a pane of 1.2 × 0.4 × 1.4 m; its ECEF-aligned box is the measure
    pane = np.sqrt(1.2**2 + 0.4**2 + 1.4**2)
    assert pane <= root[0]["geometricError"] < 1.8 * pane
    assert all(s[0]["geometricError"] == 0 for s in storeys)


def test_glass_is_blended_and_walls_are_opaque(built, glb):
    tiles = tiles_of(built / "models", glb)
    assert [m.get("alphaMode") for m in tiles[0][1].document["materials"]] == [None]
    assert tiles[1][1].document["materials"][0]["alphaMode"] == "BLEND"
    assert set(tiles[1][1].colors[:, 3]) == {90}


def test_rooms_are_a_translucent_layer_of_their_own(built, glb, city):
    ((tile, content, _),) = tiles_of(built / "rooms", glb)
    rooms = [r["eid"] for r in city.meshes().to_pylist() if r["class_code"] == "room"]
    assert sorted(content.properties["eid"]) == sorted(rooms)
    assert content.document["materials"][0]["alphaMode"] == "BLEND"
    assert tile["geometricError"] == 0
    # class colour #a9c7e8, linear light: ((0xa9/255+0.055)/1.055)^2.4 × 255 = 101
    assert set(map(tuple, content.colors[:, :3])) == {(101, 146, 206)}
    models = {e for _, c, _ in tiles_of(built / "models", glb) for e in c.properties["eid"]}
    assert not models & set(rooms)


def test_height_is_that_of_the_entity(built, glb):
    content = tiles_of(built / "models", glb)[0][1]
    i = content.properties["name"].index("构件1100")
    assert content.properties["height_m"][i] == pytest.approx(6.0)


def test_what_has_no_shape_is_counted_and_missing_normals_are_made(city):
    table = city.meshes()
    rows = table.to_pylist()
    rows[0]["mesh_id"] = "nowhere"
    rows[1]["matrix"] = None
    rows[2]["matrix"] = [float("nan")] * 16
    shapes = city.asset("a")
    bare = shapes.set_column(
        shapes.column_names.index("normals"),
        shapes.schema.field("normals"),
        pa.nulls(3, pa.binary()),
    )
    written = {}
    layer = build_models(
        pa.Table.from_pylist(rows, table.schema), lambda _: bare, written.__setitem__
    )
    assert layer.notes == ["3 placed meshes without a shape, left out"]
    assert layer.features == len(rows) - 3
    for name, blob in written.items():
        if name.endswith(".glb"):
            assert read_content(blob).triangles % 12 == 0
