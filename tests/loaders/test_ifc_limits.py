"""Models that crash, hang or cannot be parsed cost their element or get a clear refusal, never the load."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from loaders.ifc import IfcLoader
from loaders.ifc.shapes import Limits, ShapeRun
from twin.errors import SourceError
from twin.plan import LayerPlan


def rows_of(path: Path) -> tuple[dict[str, dict], list[str]]:
    layer = IfcLoader().scan(path)[0]
    batches = list(IfcLoader().read(layer, LayerPlan(str(path), kind="model")))
    rows = {r["name"]: r for b in batches for r in b.records.to_pylist()}
    return rows, [f for b in batches for f in b.findings]


def columns(w, count: int = 3) -> None:
    for i in range(count):
        w.root(
            "IfcColumn",
            Name=f"good{i}",
            ObjectPlacement=w.placed(3 * i, 0, 0),
            Representation=w.shape([w.box(1, 1, 3)]),
        )


def cut_forever(w, depth: int):
    """A block cut by half spaces, one cut inside the other: kernels recurse until their stack ends."""
    f = w.file.create_entity
    solid, half = w.box(2, 1, 3), f("IfcHalfSpaceSolid", f("IfcPlane", w.axes), False)
    for _ in range(depth):
        solid = f("IfcBooleanClippingResult", "DIFFERENCE", solid, half)
    w.root(
        "IfcColumn",
        Name="poison",
        ObjectPlacement=w.placed(9, 0, 0),
        Representation=w.shape([solid], "Clipping"),
    )


def test_an_element_that_crashes_the_kernel_gets_a_box_and_the_rest_its_shapes(
    ifc_writer, tmp_path: Path
) -> None:
    w = ifc_writer(milli=False)
    columns(w)
    cut_forever(w, 30_000)
    path = tmp_path / "deep.ifc"
    w.file.write(str(path))
    rows, findings = rows_of(path)
    assert all(rows[f"good{i}"]["mesh_id"] for i in range(3))
    assert rows["poison"]["mesh_id"] == f"box-{rows['poison']['mesh_id'].split('-')[1]}"
    assert json.loads(rows["poison"]["attributes"])["shape_from"] == "box"
    assert any("crashed" in f for f in findings), findings
    assert any("bounding box only" in f for f in findings), findings


def test_a_shape_that_holds_itself_costs_only_itself(ifc_writer, tmp_path: Path) -> None:
    w = ifc_writer(milli=False)
    columns(w)
    f = w.file.create_entity
    half = f("IfcHalfSpaceSolid", f("IfcPlane", w.axes), False)
    first = f("IfcBooleanClippingResult", "DIFFERENCE", w.box(1, 1, 1), half)
    second = f("IfcBooleanClippingResult", "DIFFERENCE", first, half)
    first.FirstOperand = second
    w.root(
        "IfcColumn",
        Name="ring",
        ObjectPlacement=w.placed(9, 0, 0),
        Representation=w.shape([second], "Clipping"),
    )
    path = tmp_path / "ring.ifc"
    w.file.write(str(path))
    rows, _ = rows_of(path)
    assert all(rows[f"good{i}"]["mesh_id"] for i in range(3))
    assert json.loads(rows["ring"]["attributes"])["shape_from"] == "box"


def test_an_element_past_its_time_or_memory_gets_the_box_of_its_definition(
    ifc_writer, tmp_path: Path
) -> None:
    """A circle 10 million kilometres wide (millimetres taken for metres) wants a billion triangles."""
    w = ifc_writer(milli=False)
    columns(w)
    f = w.file.create_entity
    place = f("IfcAxis2Placement2D", f("IfcCartesianPoint", (0.0, 0.0)))
    circle = f("IfcCircleProfileDef", "AREA", None, place, 1e10)
    up = f("IfcDirection", (0.0, 0.0, 1.0))
    huge = w.root(
        "IfcColumn",
        Name="huge",
        ObjectPlacement=w.placed(9, 0, 0),
        Representation=w.shape([f("IfcExtrudedAreaSolid", circle, w.axes, up, 1.0)]),
    )
    limits = Limits(many_s=0.6, alone_s=0.3, step_s=0.3, ladder_s=3.0, memory=5e8)
    ids = [e.id() for e in w.file.by_type("IfcColumn")]
    run = ShapeRun(w.file, ids, tmp_path, 1.0, limits)
    assert list(run.follow()) is not None
    found = run.shapes()
    assert (found.step, found.failed) == ({huge.id(): "box"}, {}), found


def test_bounding_boxes_come_from_the_definition(ifc_writer) -> None:
    from loaders.ifc.boxes import defined_box

    w = ifc_writer()
    cut_forever(w, 3)
    low, high, matrix = defined_box(w.file.by_type("IfcColumn")[0], 0.001)
    assert np.round(low, 6).tolist() == [0, 0, 0]
    assert np.round(high, 6).tolist() == [2, 1, 3]
    assert matrix[:3, 3].tolist() == pytest.approx([9, 0, 0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'<?xml version="1.0"?><ifcXML xmlns="http://www.buildingsmart-tech.org/ifcXML"/>',
            "ifcXML",
        ),
        (b"SQLite format 3\0" + b"\0" * 100, "SQLite"),
        (b"HEADER;\nFILE_SCHEMA(('IFC4'));\nENDSEC;", "first line"),
        (
            b"ISO-10303-21;\nHEADER;\nFILE_SCHEMA(('AUTOMOTIVE_DESIGN'));\nENDSEC;\nDATA;\nENDSEC;\n",
            "not IFC",
        ),
        (b"ISO-10303-21;\nHEADER;\n", "names no schema"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "no IFC STEP file"),
        (b"", "no IFC STEP file"),
    ],
)
def test_what_is_no_model_is_refused_with_what_it_is(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd.ifc"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        IfcLoader().scan(path)


def test_a_zipped_model_is_read_and_a_bomb_is_not(ifc: Path, tmp_path: Path) -> None:
    whole = tmp_path / "tower.ifczip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(ifc, "tower.ifc")
    rows, findings = rows_of(whole)
    assert len(rows) == 8
    assert rows["墙"]["mesh_id"]
    assert any("inside the archive" in f for f in findings)
    bomb = tmp_path / "bomb.ifczip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.ifc", b" " * 60_000_000)
    with pytest.raises(SourceError, match="unpacks to"):
        IfcLoader().scan(bomb)
    two = tmp_path / "two.ifczip"
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.ifc", b"x")
        archive.writestr("b.ifc", b"x")
    with pytest.raises(SourceError, match="holds one model"):
        IfcLoader().scan(two)


def test_a_file_that_was_cut_off_keeps_what_is_there(ifc: Path, tmp_path: Path) -> None:
    text = ifc.read_text(encoding="ascii")
    lines = text.splitlines()
    wall = next(k for k, line in enumerate(lines) if "IFCRELASSOCIATESMATERIAL" in line)
    path = tmp_path / "cut.ifc"
    path.write_text("\n".join(lines[:wall]) + "\n" + lines[wall][:20])
    rows, _ = rows_of(path)
    assert {"柱1", "柱2", "墙", "301"} <= set(rows)
    assert rows["墙"]["mesh_id"]


@pytest.mark.parametrize("schema", ["IFC4X3_ADD1", "IFC4X3_RC4", "IFC4X3_TC1", "IFC4_ADD2", "ifc4"])
def test_schema_names_of_every_stage_open(ifc: Path, schema: str, tmp_path: Path) -> None:
    path = tmp_path / "draft.ifc"
    path.write_text(ifc.read_text(encoding="ascii").replace("'IFC4'", f"'{schema}'"))
    layer = IfcLoader().scan(path)[0]
    assert layer.count == 8


def test_values_are_si_and_own_units_count(ifc_writer) -> None:
    from loaders.ifc.properties import PropertyBook

    w = ifc_writer()
    f = w.file.create_entity
    wall = w.root("IfcWall", Name="W")
    inch = f("IfcConversionBasedUnit", f("IfcDimensionalExponents", 1, 0, 0, 0, 0, 0, 0), "LENGTHUNIT", "INCH",
             f("IfcMeasureWithUnit", f("IfcLengthMeasure", 0.0254), w.metre))  # fmt: skip
    props = [
        f("IfcPropertySingleValue", "Width", None, f("IfcPositiveLengthMeasure", 240.0)),
        f("IfcPropertySingleValue", "Pipe", None, f("IfcLengthMeasure", 2.0), inch),
        f("IfcPropertySingleValue", "Note", None, f("IfcLabel", "240")),
        f(
            "IfcPropertyListValue",
            "Steps",
            None,
            [f("IfcLengthMeasure", 100.0), f("IfcLengthMeasure", 250.0)],
        ),
        f("IfcPropertySingleValue", "Nothing"),
    ]
    pset = w.root("IfcPropertySet", Name="P", HasProperties=props)
    area = f("IfcQuantityArea", Name="NetSideArea", AreaValue=12.5e6)
    length = f("IfcQuantityLength", Name="Length", LengthValue=5000.0)
    qto = w.root("IfcElementQuantity", Name="Q", Quantities=[area, length])
    for one in (pset, qto):
        w.root("IfcRelDefinesByProperties", RelatedObjects=[wall], RelatingPropertyDefinition=one)
    assert PropertyBook(w.file).sets_of(wall.id()) == {
        "P": {"Width": 0.24, "Pipe": 0.0508, "Note": "240", "Steps": [0.1, 0.25]},
        "Q": {"NetSideArea": 12.5, "Length": 5.0},
    }


def test_groups_systems_and_flow_become_relations(ifc_writer) -> None:
    from loaders.ifc.structure import build_nodes, links_of

    w = ifc_writer()
    building = w.root("IfcBuilding", Name="B")
    a, b = (w.root("IfcPipeSegment", Name=n) for n in "ab")
    ports = [w.root("IfcDistributionPort", FlowDirection=d) for d in ("SOURCE", "SINK")]
    system = w.root("IfcDistributionSystem", Name="供水")
    for element, port in zip((a, b), ports, strict=True):
        w.root("IfcRelNests", RelatingObject=element, RelatedObjects=[port])
    w.root("IfcRelConnectsPorts", RelatingPort=ports[1], RelatedPort=ports[0])
    w.root("IfcRelAssignsToGroup", RelatingGroup=system, RelatedObjects=[a, b])
    w.root("IfcRelServicesBuildings", RelatingSystem=system, RelatedBuildings=[building])
    nodes, _ = build_nodes(w.file)
    name = {n.key: n.entity.Name for n in nodes}
    found = {(name[x.source], x.kind, name[x.target]) for x in links_of(w.file, nodes)}
    assert found == {
        ("a", "member_of", "供水"),
        ("b", "member_of", "供水"),
        ("供水", "serves", "B"),
        ("a", "flows_to", "b"),
    }
