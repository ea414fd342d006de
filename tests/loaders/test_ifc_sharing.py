"""Repeated shapes: one is computed, the others are placed as the geometry iterator places them."""

import zipfile
from pathlib import Path

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import pytest

from loaders.ifc.columns import read_columns, text_blocks
from loaders.ifc.extent import placement_bounds
from loaders.ifc.layout import read_layout
from loaders.ifc.sharing import shared_shapes
from loaders.ifc.structure import build_nodes


def turned(w, above, x: float, ratios=None, axis=None):
    f = w.file.create_entity
    place = f(
        "IfcAxis2Placement3D",
        f("IfcCartesianPoint", (x, 2.0, 0.5)),
        f("IfcDirection", axis) if axis else None,
        f("IfcDirection", ratios) if ratios else None,
    )
    return f("IfcLocalPlacement", above, place)


@pytest.fixture
def crowd(ifc_writer, tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """Columns of one map, turned upon turned; one styled, one scaled, one cut, one of another class."""
    w = ifc_writer(milli=False)
    f = w.file.create_entity
    part = f("IfcShapeRepresentation", w.context, "Body", "SweptSolid", [w.box(0.5, 0.4, 3)])
    source = f("IfcRepresentationMap", w.axes, part)
    base = turned(w, None, 1.0, (0.6, 0.8, 0.0))
    ids = {}
    places = {
        "a": turned(w, base, 1.0),
        "b": turned(w, base, 5.0, (0.0, 1.0, 0.2), (0.1, 0.0, 1.0)),
        "c": turned(w, turned(w, base, 2.0, (1.0, 1.0, 0.0)), 9.0),
        "styled": turned(w, base, 11.0),
        "scaled": turned(w, base, 13.0),
        "cut": turned(w, base, 15.0),
        "flat": turned(w, base, 17.0, (0.0, 0.0, 1.0)),
    }
    for name, place in places.items():
        shape = w.mapped(source)
        item = shape.Representations[0].Items[0]
        if name == "styled":
            red = f("IfcSurfaceStyleRendering", f("IfcColourRgb", None, 1.0, 0.0, 0.0))
            red.ReflectanceMethod = "FLAT"
            f("IfcStyledItem", item, [f("IfcSurfaceStyle", "red", "BOTH", [red])])
        if name == "scaled":
            item.MappingTarget.Scale = 2.0
        column = w.root("IfcColumn", Name=name, ObjectPlacement=place, Representation=shape)
        ids[name] = column.id()
        if name == "cut":
            window = w.shape([w.box(0.2, 0.6, 1)])
            hole = w.root("IfcOpeningElement", ObjectPlacement=place, Representation=window)
            w.root("IfcRelVoidsElement", RelatingBuildingElement=column, RelatedOpeningElement=hole)
    beam = w.root("IfcBeam", Name="beam", ObjectPlacement=base, Representation=w.mapped(source))
    ids["beam"] = beam.id()
    path = tmp_path / "crowd.ifc"
    w.file.write(str(path))
    return path, ids


def test_what_looks_alike_is_computed_once_and_stands_where_the_iterator_puts_it(crowd) -> None:
    path, ids = crowd
    model = ifcopenshell.open(str(path))
    nodes, _ = build_nodes(model)
    shaped, repeats = shared_shapes(model, nodes, read_layout(model, 1.0, text_blocks(path)))
    names = {step: name for name, step in ids.items()}
    assert {names[s] for s in repeats.step.tolist()} == {"b", "c"}
    assert {names[s] for s in repeats.first.tolist()} == {"a"}
    assert {names[s] for s in shaped} == set(ids) - {"b", "c"}
    made = {}
    for name in "abc":
        settings = ifcopenshell.geom.settings()
        shape = ifcopenshell.geom.create_shape(settings, model.by_id(ids[name]))
        made[name] = np.frombuffer(shape.transformation_buffer).reshape(4, 4).T.copy()
    matrices, fits = repeats.placed(np.array([made["a"]] * 2))
    assert fits.all()
    for step, matrix in zip(repeats.step.tolist(), matrices, strict=True):
        assert matrix == pytest.approx(made[names[step]], abs=1e-12)


def test_a_first_object_that_stands_elsewhere_is_no_model_for_others(crowd) -> None:
    path, _ = crowd
    model = ifcopenshell.open(str(path))
    _, repeats = shared_shapes(
        model, build_nodes(model)[0], read_layout(model, 1.0, text_blocks(path))
    )
    moved = repeats.origin.copy()
    moved[:, 0, 3] += 0.25
    assert not repeats.placed(moved)[1].any()
    far = repeats.origin.copy()  # a shape far off got an origin of its own, whole metres away
    far[:, :3, 3] += repeats.origin[:, :3, :3] @ np.array([7000.0, -3.0, 0.0])
    matrices, fits = repeats.placed(far)
    assert fits.all()
    want = repeats.place[:, :3, :3] @ np.array([7000.0, -3.0, 0.0]) + repeats.place[:, :3, 3]
    assert matrices[:, :3, 3] == pytest.approx(want, abs=1e-9)


def test_a_zipped_model_has_the_same_meshes_and_places(crowd, tmp_path: Path) -> None:
    from loaders.ifc import IfcLoader
    from twin.plan import LayerPlan

    path, ids = crowd
    packed = tmp_path / "crowd.ifczip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "crowd.ifc")
    seen = []
    for one in (path, packed):
        layer = IfcLoader().scan(one)[0]
        batches = list(IfcLoader().read(layer, LayerPlan(str(one), kind="model")))
        rows = {r["name"]: r for b in batches for r in b.records.to_pylist()}
        seen.append({name: (rows[name]["mesh_id"], rows[name]["matrix"]) for name in ids})
    assert seen[0] == seen[1]
    assert len({seen[0][name][0] for name in "abc"}) == 1
    assert len({mesh for mesh, _ in seen[0].values()}) >= 4


def test_columns_hold_what_the_parser_reads(crowd) -> None:
    path, ids = crowd
    model = ifcopenshell.open(str(path))
    columns = read_columns(text_blocks(path))
    for step in ids.values():
        row = int(columns.product.rows(np.array([step]))[0])
        element = model.by_id(step)
        there = element.ObjectPlacement.id(), element.Representation.id()
        assert tuple(columns.product.values[row].tolist()) == there
        parts = tuple(r.id() for r in element.Representation.Representations)
        assert columns.shapes[there[1]] == parts
    for point in model.by_type("IfcCartesianPoint"):
        row = int(columns.point.rows(np.array([point.id()]))[0])
        if len(point.Coordinates) == 3:
            assert tuple(columns.point.values[row].tolist()) == point.Coordinates
        else:
            assert row == -1


def test_a_step_that_is_written_twice_or_otherwise_is_not_in_the_columns() -> None:
    text = (
        b"#1=IFCDIRECTION((0.,0.,1.));\n#2=IFCDIRECTION((1.,0.,0.));\n#2=IFCDIRECTION((0.,1.,0.));\n"
        b"#3=IFCDIRECTION((1.,0.,'x'));\n# 4 = IFCDIRECTION ((1.,2.,3.E1)) ;#5 =IFCDIRECTION((1.,2., -3.));"
    )
    direction = read_columns([text]).direction
    assert direction.rows(np.array([1, 2, 3, 5, 9])).tolist() == [0, -1, -1, 1, -1]
    assert direction.values.tolist() == [[0, 0, 1], [1, 2, -3]]


def test_what_the_text_does_not_tell_is_asked_of_the_model(crowd) -> None:
    path, ids = crowd
    model = ifcopenshell.open(str(path))
    nodes, _ = build_nodes(model)
    known = read_layout(model, 1.0, text_blocks(path))
    unknown = read_layout(model, 1.0, [b""])
    shaped, repeats = shared_shapes(model, nodes, unknown)
    assert (set(shaped), len(repeats.step)) == (set(ids.values()), 0)
    upright = [n for n in nodes if n.step not in (ids["b"], ids["flat"])]
    bounds = placement_bounds(upright, 1.0)
    assert placement_bounds(upright, 1.0, unknown) == bounds
    assert placement_bounds(upright, 1.0, known) == pytest.approx(bounds)
