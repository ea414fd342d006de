"""CityJSON: areas against shapely, LoDs, templates, sequences, broken geometry."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from loaders.base import Batch
from loaders.cityjson import CityJsonLoader

from twin.plan import LayerPlan


def load(path: Path) -> list[Batch]:
    layer = CityJsonLoader().scan(path)[0]
    return list(CityJsonLoader().read(layer, LayerPlan(str(path), kind="model")))


def triangles_of(batch: Batch, mesh_id: str) -> NDArray[np.float64]:
    """Local corners of a mesh's triangles, shape (m, 3, 3)."""
    assert batch.meshes is not None
    mesh = next(m for m in batch.meshes.to_pylist() if m["mesh_id"] == mesh_id)
    points = np.frombuffer(mesh["positions"], "<f4").reshape(-1, 3).astype(float)
    return points[np.frombuffer(mesh["indices"], "<u4").reshape(-1, 3)]


def volume(corners: NDArray[np.float64]) -> float:
    return float(
        np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    )


def surface(corners: NDArray[np.float64]) -> float:
    return float(
        np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        ).sum()
        / 2
    )


def test_the_finest_solid_is_closed_and_stands_in_its_place(cityjson: Path) -> None:
    (batch,) = load(cityjson)
    row = batch.records.to_pylist()[0]
    corners = triangles_of(batch, row["mesh_id"])
    assert volume(corners) == pytest.approx(10 * 20 * 8)
    assert surface(corners) == pytest.approx(2 * (200 + 80 + 160))
    matrix = np.array(row["matrix"]).reshape(4, 4)
    world = corners.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    assert world.min(axis=0) == pytest.approx([508_000, 3_373_000, 20], abs=1e-3)
    assert world.max(axis=0) == pytest.approx([508_010, 3_373_020, 28], abs=1e-3)
    assert np.abs(corners).max() <= 20


def test_roof_wall_and_ground_have_their_colours(cityjson: Path) -> None:
    (batch,) = load(cityjson)
    assert batch.meshes is not None
    mesh = batch.meshes.to_pylist()[0]
    normals = np.frombuffer(mesh["normals"], "<f4").reshape(-1, 3)
    colors = np.frombuffer(mesh["colors"], np.uint8).reshape(-1, 4)
    assert set(map(tuple, colors[normals[:, 2] > 0.9].tolist())) == {COLORS["RoofSurface"]}
    assert set(map(tuple, colors[normals[:, 2] < -0.9].tolist())) == {COLORS["GroundSurface"]}
    assert set(map(tuple, colors[np.abs(normals[:, 2]) < 0.1].tolist())) == {COLORS["WallSurface"]}


def test_footprint_attributes_parents_and_lower_lods(cityjson: Path) -> None:
    (batch,) = load(cityjson)
    first, part, broken = batch.records.to_pylist()
    plan = shapely.from_wkb(first["geometry"])
    assert plan.equals(shapely.box(508_000, 3_373_000, 508_010, 3_373_020))
    assert (first["name"], first["class_code"], first["lod"]) == ("一号楼", "building", "2.2")
    said = json.loads(first["attributes"])
    assert (said["height_m"], said["floors"]) == (8.0, 2)
    assert {a["scheme"]: a["value"] for a in first["aliases"]} == {
        "cityjson.id": "B1",
        "building.code": "429871LJ0001",
    }
    assert (part["parent_key"], part["relation"], part["class_code"]) == (
        "B1",
        "part_of",
        "building_part",
    )
    assert batch.representations is not None
    assert [(r["key"], r["lod"]) for r in batch.representations.to_pylist()] == [("B1", "1")]
    assert "no geometry of it can be used" in broken["fault"]


def test_a_face_with_a_hole_has_the_area_shapely_gives_it() -> None:
    shell = np.array(
        [[0, 0, 0], [10, 0, 0], [10, 0, 10], [0, 0, 10]], dtype=float
    )  # an upright wall …
    hole = np.array([[2, 0, 2], [2, 0, 5], [5, 0, 5], [5, 0, 2]], dtype=float)  # … with a window
    faces = Faces([[np.arange(4), np.arange(4, 8)]], ["WallSurface"], 0, "3")
    made = triangulate(
        "w", faces, np.concatenate([shell, hole]) + np.array([500000.0, 3400000.0, 0])
    )
    assert made is not None
    mesh, _ = made
    corners = mesh.positions[mesh.indices].astype(float)
    assert surface(corners) == pytest.approx(
        shapely.Polygon(shell[:, [0, 2]], [hole[:, [0, 2]]]).area
    )
    assert mesh.normals == pytest.approx(np.tile([0.0, -1.0, 0.0], (len(mesh.normals), 1)))


def test_a_sequence_keeps_its_lines_and_names_the_broken_one(
    tmp_path: Path, cityjson: Path
) -> None:
    document = json.loads(cityjson.read_text())
    objects = document["CityObjects"]
    head = {k: document[k] for k in ("type", "version", "transform", "metadata")} | {
        "CityObjects": {},
        "vertices": [],
    }
    lines = [json.dumps(head)]
    lines += [
        json.dumps(
            {
                "type": "CityJSONFeature",
                "id": key,
                "CityObjects": {key: objects[key]},
                "vertices": document["vertices"],
            }
        )
        for key in ("B1", "B2")
    ]
    lines.insert(2, "{broken")
    path = tmp_path / "block.city.jsonl"
    path.write_text("\n".join(lines) + "\n")
    rows = [r for b in load(path) for r in b.records.to_pylist()]
    assert [r["key"] for r in rows] == ["B1", None, "B2"]
    assert "line 3 is no valid JSON" in rows[1]["fault"]
    assert shapely.from_wkb(rows[0]["geometry"]).area == pytest.approx(200)


def test_templates_are_shared_and_placed(tmp_path: Path) -> None:
    square = {"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2, 3]]]}
    matrix = [2, 0, 0, 1, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]
    trees = {
        f"T{i}": {
            "type": "SolitaryVegetationObject",
            "geometry": [
                {
                    "type": "GeometryInstance",
                    "template": 0,
                    "boundaries": [i],
                    "transformationMatrix": matrix,
                }
            ],
        }
        for i in range(2)
    }
    document = {
        "type": "CityJSON",
        "version": "1.1",
        "transform": {"scale": [1, 1, 1], "translate": [0, 0, 0]},
        "CityObjects": trees,
        "vertices": [[100, 200, 5], [300, 400, 6]],
        "geometry-templates": {
            "templates": [square],
            "vertices-templates": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]],
        },
    }
    path = tmp_path / "trees.city.json"
    path.write_text(json.dumps(document))
    (batch,) = load(path)
    rows = batch.records.to_pylist()
    assert batch.meshes is not None
    assert batch.meshes.num_rows == 1
    assert {r["class_code"] for r in rows} == {"green"}
    corners = triangles_of(batch, "template/0").reshape(-1, 3)
    for row, at in zip(rows, ([101, 200, 5], [301, 400, 6]), strict=True):
        m = np.array(row["matrix"]).reshape(4, 4)
        world = corners @ m[:3, :3].T + m[:3, 3]
        assert world.min(axis=0) == pytest.approx(at)
        assert world.max(axis=0) == pytest.approx([at[0] + 2, at[1] + 2, at[2]])


@pytest.mark.real
def test_delft_has_its_objects_and_every_building_a_footprint(real: Path) -> None:
    path = real / "cityjson" / "cjio" / "delft.json"
    document = json.loads(path.read_text())
    layer = CityJsonLoader().scan(path)[0]
    assert layer.count == len(document["CityObjects"])
    assert layer.crs == "EPSG:7415"
    rows = [r for b in load(path) for r in b.records.to_pylist()]
    assert [r["key"] for r in rows] == list(document["CityObjects"])
    shaped = [
        r
        for r, item in zip(rows, document["CityObjects"].values(), strict=True)
        if item.get("geometry")
    ]
    assert sum(
        r["geometry"] is not None and r["mesh_id"] is not None for r in shaped
    ) >= 0.99 * len(shaped)
    vertices = (
        np.array(document["vertices"]) * document["transform"]["scale"]
        + document["transform"]["translate"]
    )
    low, high = vertices[:, :2].min(axis=0), vertices[:, :2].max(axis=0)
    boxes = shapely.bounds(shapely.from_wkb([r["geometry"] for r in shaped if r["geometry"]]))
    assert boxes[:, :2].min(axis=0) == pytest.approx(low, abs=0.01)
    assert boxes[:, 2:].max(axis=0) == pytest.approx(high, abs=0.01)
