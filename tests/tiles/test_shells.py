"""The outer shell of a building: what is seen from outside, from afar; all of it, by storey, near."""

import json

import numpy as np
import pyarrow as pa
import pytest

import tiles.shells
from tiles.check_glb import read_content
from tiles.check_tileset import TilesetCheck
from tiles.models import build_models
from tiles.shell import visible


def cubes(sizes):
    """Triangles of axis-parallel boxes (low, high), twelve each."""
    points, triangles = [], []
    for low, high in sizes:
        corner = np.array([[(low, high)[i >> k & 1][k] for k in range(3)] for i in range(8)])
        quads = [(0, 2, 6, 4), (1, 5, 7, 3), (0, 4, 5, 1), (2, 3, 7, 6), (0, 1, 3, 2), (4, 6, 7, 5)]
        start = 8 * len(points)
        points.append(corner)
        triangles += [(a + start, b + start, c + start) for a, b, c, _ in quads]
        triangles += [(a + start, c + start, d + start) for a, _, c, d in quads]
    return np.concatenate(points).astype(float), np.array(triangles, dtype=np.int64)


def test_what_is_inside_a_closed_box_is_not_seen_and_behind_glass_it_is():
    points, triangles = cubes([((0, 0, 0), (20, 20, 10)), ((5, 5, 2), (8, 8, 5))])
    seen, cell = visible(points, triangles, np.zeros(24, dtype=bool))
    assert cell == pytest.approx(30 / 512)
    assert seen[12:].sum() == 0
    # the floor is seen only by those who look from below: the ground would hide it, but nothing is lost
    assert seen[:12].sum() >= 10
    glass = np.zeros(24, dtype=bool)
    glass[2:4] = glass[8:10] = True
    seen, _ = visible(points, triangles, glass)
    assert seen[12:].any()
    assert seen[glass].any()


@pytest.fixture
def tower(tmp_path, city, frame, monkeypatch):
    """A house of three storeys: walls that close it, and a cupboard in each storey."""
    monkeypatch.setattr(tiles.shells, "LEAST_TRIANGLES", 40)
    home, rows = frame(114.05, 22.54, 5.0), []
    for storey in range(3):
        z = 3.0 * storey
        for k, (x, y, size) in enumerate(
            [
                (0, 0, (12, 0.3, 3)), (0, 9.7, (12, 0.3, 3)), (0, 0, (0.3, 10, 3)), (11.7, 0, (0.3, 10, 3)),
                (0, 0, (12, 10, 0.2)), (4, 4, (0.8, 0.8, 1.4)),
            ]
        ):  # fmt: skip
            local = np.diag([*size, 1.0])
            local[:3, 3] = x, y, z + (0.3 if k == 5 else 0)
            rows.append(("wall" if k < 4 else "slab" if k == 4 else "cupboard", storey, local))
    roof = np.diag([12.0, 10.0, 0.2, 1.0])
    roof[2, 3] = 9.0
    rows.append(("roof", 2, roof))
    classes = {"wall": "IfcWall", "slab": "IfcSlab", "cupboard": "IfcFurniture", "roof": "IfcRoof"}
    table = pa.Table.from_pylist(
        [
            {
                "eid": f"{kind}{i:02d}", "class_code": "element", "name": kind, "storey": f"{storey + 1}F",
                "building_eid": "house", "asset": "a", "mesh_id": "cube",
                "matrix": (home @ local).ravel().tolist(), "lon": 114.05, "lat": 22.54, "zmin": 0.0,
                "zmax": 9.0, "ifc_class": classes[kind],
            }
            for i, (kind, storey, local) in enumerate(rows)
        ]
    )  # fmt: skip
    folder = tmp_path / "models"
    folder.mkdir()
    layer = build_models(table, city.asset, lambda n, b: (folder / n).write_bytes(b))
    return table, layer, folder


def texts_of(glb, path, name):
    return glb(path).properties[name]


def test_from_afar_a_house_is_its_shell_and_near_its_storeys(tower, glb):
    table, layer, folder = tower
    assert layer.features == table.num_rows
    root = json.loads((folder / "tileset.json").read_text())["root"]
    assert "content" not in root
    (far,) = root["children"]
    assert far["refine"] == "REPLACE"
    drawn = set(texts_of(glb, folder / far["content"]["uri"], "eid"))
    hidden = set(table["eid"].to_pylist()) - drawn
    assert {e for e in hidden if e.startswith("cupboard")} == {
        e for e in table["eid"].to_pylist() if "cup" in e
    }
    assert not {e for e in hidden if e.startswith(("wall", "roof"))}
    shown = [c for c in far["children"] if "content" in c]
    whole = sum(read_content((folder / c["content"]["uri"]).read_bytes()).triangles for c in shown)
    assert read_content((folder / far["content"]["uri"]).read_bytes()).triangles < 0.6 * whole
    storeys = [set(texts_of(glb, folder / c["content"]["uri"], "storey")) for c in shown]
    assert sorted(map(sorted, storeys)) == [["1F"], ["2F"], ["3F"]]
    inside = [g for c in far["children"] for g in c.get("children", ())]
    assert {n for g in inside for n in texts_of(glb, folder / g["content"]["uri"], "name")} == {
        "cupboard"
    }
    # never less than what is missing one step nearer: a cupboard of 0.8 × 0.8 × 1.4 m
    assert far["geometricError"] >= max(c["geometricError"] for c in far["children"]) > 1.4


def test_storeys_and_disciplines_are_told_in_every_tile(tower, glb):
    table, _, folder = tower
    told = dict(zip(table["eid"].to_pylist(), table["storey"].to_pylist(), strict=True))
    trades = {
        "wall": "architecture",
        "roof": "architecture",
        "slab": "structure",
        "cupboard": "furnishing",
    }
    for path in sorted(folder.glob("*.glb")):
        properties = glb(path).properties
        assert properties["storey"] == [told[e] for e in properties["eid"]]
        assert properties["discipline"] == [trades[n] for n in properties["name"]]


def test_every_entity_outlives_the_shell_once(tower):
    table, _, folder = tower
    run = TilesetCheck(folder.parent)
    run.run(folder / "tileset.json")
    assert run.findings == []
    assert set(run.eid) == set(table["eid"].to_pylist())


def test_a_storey_that_would_be_drawn_before_its_shell_is_gone_is_found(tower):
    folder = tower[2]
    document = json.loads((folder / "tileset.json").read_text())
    for storey in document["root"]["children"][0]["children"]:
        assert storey["refine"] == "REPLACE"
    document["root"]["children"][0]["children"][0]["refine"] = "ADD"
    (folder / "tileset.json").write_text(json.dumps(document))
    run = TilesetCheck(folder.parent)
    run.run(folder / "tileset.json")
    assert [f.rule for f in run.findings] == ["drawn-early"]
