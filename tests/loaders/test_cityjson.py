"""CityJSON: areas against shapely, LoDs, templates, sequences, broken geometry."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from loaders.base import Batch
from loaders.cityjson import CityJsonLoader, document
from loaders.cityjson.scanning import pack
from loaders.citymodel.classes import SURFACE_COLORS
from twin.plan import LayerPlan
from twin.shading import shaded


def load(path: Path) -> list[Batch]:
    layer = CityJsonLoader().scan(path)[0]
    return list(CityJsonLoader().read(layer, LayerPlan(str(path), kind="model")))


def triangles_of(batch: Batch, mesh_id: str) -> NDArray[np.float64]:
    """Local corners of a mesh's triangles, shape (m, 3, 3)."""
    assert batch.meshes is not None
    mesh = next(m for m in shaded(batch.meshes).to_pylist() if m["mesh_id"] == mesh_id)
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
    mesh_id = batch.records["mesh_id"][0].as_py()
    mesh = next(m for m in shaded(batch.meshes).to_pylist() if m["mesh_id"] == mesh_id)
    normals = np.frombuffer(mesh["normals"], "<f4").reshape(-1, 3)
    colors = np.frombuffer(mesh["colors"], np.uint8).reshape(-1, 4)
    assert set(map(tuple, colors[normals[:, 2] > 0.9].tolist())) == {SURFACE_COLORS["RoofSurface"]}
    assert set(map(tuple, colors[normals[:, 2] < -0.9].tolist())) == {
        SURFACE_COLORS["GroundSurface"]
    }
    assert set(map(tuple, colors[np.abs(normals[:, 2]) < 0.1].tolist())) == {
        SURFACE_COLORS["WallSurface"]
    }


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


def one_object(tmp_path: Path, item: dict, **more: object) -> Batch:
    """A document of one object over the corners of a unit square and a point above it."""
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [1, 1, 1], "translate": [0, 0, 0]},
        "CityObjects": {"A": item},
        "vertices": [[0, 0, 0], [4, 0, 0], [4, 2, 0], [0, 2, 0], [0, 0, 3], [4, 0, 3]],
        **more,
    }
    path = tmp_path / "one.city.json"
    path.write_text(json.dumps(document))
    (batch,) = load(path)
    return batch


def test_semantic_surfaces_are_kept_as_data_with_their_areas(tmp_path: Path) -> None:
    surfaces = [{"type": "GroundSurface"}, {"type": "WallSurface", "slope": 90.0}]
    semantics = {"surfaces": surfaces, "values": [0, 1]}
    geometry = {
        "type": "MultiSurface",
        "lod": "2",
        "boundaries": [[[0, 3, 2, 1]], [[0, 1, 5, 4]]],
        "semantics": semantics,
    }
    batch = one_object(tmp_path, {"type": "Building", "geometry": [geometry]})
    assert batch.meshes is not None
    (mesh,) = shaded(batch.meshes).to_pylist()
    said = json.loads(mesh["surfaces"])
    assert (said["surfaces"], said["area_m2"], said["faces"]) == (surfaces, [8.0, 12.0], [1, 1])
    place = np.frombuffer(mesh["surface"], "<i4")
    points = np.frombuffer(mesh["positions"], "<f4").reshape(-1, 3)
    corners = points[np.frombuffer(mesh["indices"], "<u4").reshape(-1, 3)]
    assert sorted(place.tolist()) == [0, 0, 1, 1]
    assert np.abs(corners[place == 0][:, :, 2]).max() == 0  # the ground lies at the bottom
    assert np.ptp(corners[place == 1][:, :, 1]) == 0  # the wall stands in one plane
    attributes = json.loads(batch.records["attributes"][0].as_py())
    assert attributes["surface_area_m2"] == {"GroundSurface": 8.0, "WallSurface": 12.0}


def test_textures_and_materials_go_with_the_mesh_and_images_with_the_batch(tmp_path: Path) -> None:
    (tmp_path / "appearances").mkdir()
    content = b"\x89PNG\r\n\x1a\n" + b"picture"
    (tmp_path / "appearances" / "wall.png").write_bytes(content)
    (tmp_path.parent / "secret.png").write_bytes(content + b"!")
    appearance = {
        "materials": [{"name": "red", "diffuseColor": [1.0, 0.0, 0.0], "transparency": 0.5}],
        "textures": [
            {"type": "PNG", "image": "../secret.png"},
            {"type": "PNG", "image": "appearances/wall.png"},
        ],
        "vertices-texture": [[0.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.0, 0.5]],
    }
    geometry = {
        "type": "MultiSurface",
        "lod": "2",
        "boundaries": [[[0, 3, 2, 1]], [[0, 1, 5, 4]]],
        "material": {"": {"values": [0, None]}},
        "texture": {"": {"values": [[[0, 0, 1, 2, 3]], [[1, 0, 1, 2, 3]]]}},
    }
    batch = one_object(
        tmp_path, {"type": "Building", "geometry": [geometry]}, appearance=appearance
    )
    assert batch.meshes is not None
    assert batch.images is not None
    (mesh,) = shaded(batch.meshes).to_pylist()
    digest = hashlib.sha256(content).hexdigest()
    assert batch.images.to_pylist() == [{"image": f"{digest}.png", "content": content}]
    outside, inside = json.loads(mesh["textures"])
    assert (outside["image"], inside["image"]) == (None, f"{digest}.png")
    assert any("secret.png" in f for f in batch.findings)
    uv = np.frombuffer(mesh["uv"], "<f4").reshape(-1, 2)
    points = np.frombuffer(mesh["positions"], "<f4").reshape(-1, 3)
    wall = {
        tuple((p + np.array([2, 1, 0])).round(3)): tuple(t)
        for p, t in zip(points, uv, strict=True)
        if p[1] < 0
    }
    assert wall[4.0, 0.0, 3.0] == (1.0, 0.5)
    colors = np.frombuffer(mesh["colors"], np.uint8).reshape(-1, 4)
    assert (255, 0, 0, 128) in set(map(tuple, colors.tolist()))
    assert np.frombuffer(mesh["texture"], "<i4").tolist() == [0, 0, 1, 1]


def test_extension_types_addresses_groups_and_extra_members_are_kept(tmp_path: Path) -> None:
    item = {
        "type": "+NoiseBarrier",
        "attributes": {"+db": 3, "measuredHeight": "tall"},
        "+extra": {"a": [1]},
        "address": [{"street": "Weg", "location": {"type": "MultiPoint", "boundaries": [5]}}],
        "parents": ["P", "Q"],
        "geometry": [{"type": "MultiPoint", "lod": "0", "boundaries": [1, 2]}],
    }
    batch = one_object(tmp_path, item)
    (row,) = batch.records.to_pylist()
    said = json.loads(row["attributes"])
    assert (row["class_code"], row["role"], row["parent_key"]) == ("other", "point", "P")
    assert said["cityjson_type"] == "+NoiseBarrier"
    assert (said["+db"], said["+extra"], said["measuredHeight"]) == (3, {"a": [1]}, "tall")
    assert said["further_parents"] == ["Q"]
    assert said["address_parts"][0]["location"] == [[4.0, 0.0, 3.0]]
    assert shapely.from_wkb(row["geometry"]).wkt == "MULTIPOINT Z ((4 0 0), (4 2 0))"


def test_faces_that_are_none_fall_out_and_are_counted(tmp_path: Path) -> None:
    boundaries = [
        [[0, 1, 2, 3]],
        [[0, 1, 99]],
        [[0, 1]],
        [["a", 1, 2]],
        [],
        [[0, 1, -7]],
        [[0, 1, 5, 4]],
    ]
    geometry = {
        "type": "MultiSurface",
        "lod": "2",
        "boundaries": boundaries,
        "semantics": {"surfaces": [{"type": "WallSurface"}], "values": [None, 0, 0, 0, 0, 0, 0]},
    }
    batch = one_object(tmp_path, {"type": "Building", "geometry": [geometry]})
    (row,) = batch.records.to_pylist()
    said = json.loads(row["attributes"])
    assert row["fault"] is None
    assert said["notes"] == ["5 faces of LoD 2 were skipped (corners missing or out of range)"]
    assert said["surface_area_m2"] == {"WallSurface": 12.0}


@pytest.mark.parametrize("values", [[[0, 0], None], [[0, 0], [1, 1]], [None, [1, 1]]])
def test_semantics_of_shells_may_be_null(tmp_path: Path, values: list) -> None:
    square, wall = [[0, 1, 2, 3]], [[0, 1, 5, 4]]
    geometry = {
        "type": "Solid",
        "lod": "2",
        "boundaries": [[square, wall], [square, wall]],
        "semantics": {
            "surfaces": [{"type": "RoofSurface"}, {"type": "WallSurface"}],
            "values": values,
        },
    }
    batch = one_object(tmp_path, {"type": "Building", "geometry": [geometry]})
    said = json.loads(batch.records["attributes"][0].as_py())
    want = {
        "RoofSurface": 20.0 * (values[0] is not None),
        "WallSurface": 20.0 * (values[1] is not None),
    }
    assert said["surface_area_m2"] == {k: v for k, v in want.items() if v}


def test_packing_takes_out_number_lists_and_nothing_else() -> None:
    text = (
        b'{"CityObjects": {"a\\"b": {"attributes": {"vertices": [[1]], "boundaries": [[2]], "values": [3]},'
        b' "geometry": [{"boundaries" : [ [[0 , 1,2],[3,4, 5]], [[6,7,8]] ], "semantics": {"values": [0,null,1]}}]}},'
        b' "vertices": [[1,2,-3],[4,5,6]]}'
    )
    rest, packed = pack(text, by_line=False)
    document = json.loads(rest)
    item = document["CityObjects"]['a"b']
    (geometry,) = item["geometry"]
    assert item["attributes"] == {"vertices": [[1]], "boundaries": [[2]], "values": [3]}
    k = geometry["boundaries"]
    assert packed.list_of(k).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert packed.inner_of(k).tolist() == [3, 3, 3]
    a, b, *_ = packed.spans_of(np.array([k]))[0].tolist()
    assert packed.outer[a:b].tolist() == [2, 1]
    assert packed.list_of(geometry["semantics"]["values"]).tolist() == [0, -1, 1]
    assert packed.list_of(document["vertices"]).tolist() == [1, 2, -3, 4, 5, 6]


@pytest.mark.parametrize(
    "lists",
    [
        "[[1.5,2,3]]",
        "[[0,[1],2]]",
        "[[1,2,12345678901234567890]]",
        "[[4,null,6]]",
        "[]",
        "[[]]",
        '[["1",2,3]]',
        "[[1,2,]]",
        "[[1 2]]",
        "[[1e3,2,3]]",
        "[[1,2,3]",
    ],
)
def test_lists_that_are_not_whole_numbers_equally_deep_stay_as_they_are(lists: str) -> None:
    text = f'{{"vertices":{lists}}}'.encode()
    rest, packed = pack(text, by_line=False)
    assert rest == text
    assert packed.bounds.shape == (5, 1)


SHELL = "[[[0,1,2,3]],[[0,1,5,4]]]"
SURFACES = '[{"type":"GroundSurface"},{"type":"WallSurface","x":"a]\\"}"}]'
PLAIN = '{"type":"MultiSurface","lod":"1","boundaries":[[[0,1,2]]]}'
GEOMETRIES = {
    "plain": PLAIN,
    "semantics first": f'{{"semantics":{{"values":[1,0],"surfaces":{SURFACES}}},"lod":2.20,"boundaries":{SHELL},"type":"MultiSurface"}}',
    "a solid": f'{{"type":"Solid","lod":1,"boundaries":[{SHELL}],"semantics":{{"surfaces":{SURFACES},"values":[[0,null]]}}}}',
    "blanks": f'{{ "type" : "MultiSurface" , "lod" : "2" , "boundaries" : {SHELL} }}',
    "too few values": f'{{"type":"MultiSurface","lod":"2","boundaries":{SHELL},"semantics":{{"surfaces":{SURFACES},"values":[1]}}}}',
    "no values": f'{{"type":"MultiSurface","lod":"2","boundaries":{SHELL},"semantics":{{"surfaces":{SURFACES},"values":null}}}}',
    "no LoD": f'{{"type":"MultiSurface","boundaries":{SHELL}}}',
    "LoD null": f'{{"type":"MultiSurface","lod":null,"boundaries":{SHELL}}}',
    "another member": f'{{"type":"MultiSurface","lod":"2","boundaries":{SHELL},"material":{{"m":{{"value":0}}}}}}',
    "too deep": f'{{"type":"MultiSurface","lod":"2","boundaries":[{SHELL}]}}',
    "no vertex 9": '{"type":"MultiSurface","lod":"2","boundaries":[[[0,1,9]],[[0,1,2,3]]]}',
    "said twice": f'{{"type":"MultiSurface","lod":"2","lod":"3","boundaries":{SHELL}}}',
    "an escape": f'{{"type":"MultiSurface","lod":"2","boundari\\u0065s":{SHELL}}}',
    "points": '{"type":"MultiPoint","lod":"2","boundaries":[0,1]}',
    "no face": '{"type":"MultiSurface","lod":"2","boundaries":[]}',
    "wrong surfaces": f'{{"type":"MultiSurface","lod":"2","boundaries":{SHELL},"semantics":{{"surfaces":[{{"type":}}],"values":[0,0]}}}}',
    "wrong LoD": f'{{"type":"MultiSurface","lod":1.2.3,"boundaries":{SHELL}}}',
    "no end": f'{{"type":"MultiSurface","lod":"2","boundaries":{SHELL}',
}  # fmt: skip
VERTICES = "[[0,0,0],[4,0,0],[4,2,0],[0,2,0],[0,0,3],[4,0,3]]"


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("beside", ["", f",{PLAIN}"])
@pytest.mark.parametrize(
    "rest",
    [
        f',"vertices":{VERTICES}',
        f',"vertices":[[9,9,9]],"vertices":{VERTICES}',
        ',"vertices":[[0,0,0],[4,0],[4,2,0]]',
        "",
    ],
)
def test_plain_geometries_read_as_rows_are_the_same_as_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, beside: str, rest: str
) -> None:
    head = '{"type":"CityJSON","version":"2.0","transform":{"scale":[0.5,0.5,0.5],"translate":[7,8,9]},"CityObjects":{},"vertices":[]}'
    feature = (
        '{{"type":"CityJSONFeature","CityObjects":{{"{}":{{"type":"Building","geometry":{}}}}}{}}}'
    )
    path = tmp_path / "block.city.jsonl"
    lines = [
        head,
        feature.format("a", f"[{PLAIN}]", f',"vertices":{VERTICES}'),
        feature.format("b", f"[{GEOMETRIES[name]}{beside}]", rest),
        feature.format("c", f"[{PLAIN},{PLAIN}]", f',"vertices":{VERTICES}'),
    ]
    path.write_text("\n".join(lines))
    (rows,) = load(path)
    monkeypatch.setattr(document, "pack", lambda text, by_line, plain=False: pack(text, by_line))  # noqa: ARG005
    (one_by_one,) = load(path)
    assert rows.records.to_pylist() == [
        said | {"fault": row["fault"] if row["fault"] and "no valid JSON" in row["fault"] else said["fault"]}
        for row, said in zip(rows.records.to_pylist(), one_by_one.records.to_pylist(), strict=True)
    ]  # fmt: skip
    assert rows.meshes == one_by_one.meshes
    assert rows.representations == one_by_one.representations


def test_a_number_in_place_of_geometries_is_no_reference_to_others(tmp_path: Path) -> None:
    plain = json.loads(PLAIN)
    path = tmp_path / "block.city.json"
    objects = {
        "A": {"type": "Building", "geometry": [plain]},
        "B": {"type": "Building", "geometry": 0},
    }
    whole = {"type": "CityJSON", "version": "2.0", "CityObjects": objects, "vertices": []}
    path.write_text(json.dumps(whole | {"vertices": json.loads(VERTICES)}, separators=(",", ":")))
    (batch,) = load(path)
    assert batch.records["mesh_id"].null_count == 1
    assert "its geometry is no list" in batch.records["fault"][1].as_py()


def test_a_broken_line_does_not_spoil_the_next() -> None:
    text = b'{"vertices":[[1,2,3]\n{"a":"un"closed}\n{"vertices":[[4,5,6]]}\n'
    rest, packed = pack(text, by_line=True)
    lines = rest.split(b"\n")
    assert lines[0] == b'{"vertices":[[1,2,3]'
    assert lines[2] == b'{"vertices":0}'
    assert packed.list_of(0).tolist() == [4, 5, 6]


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
