"""Values of the wrong type cost themselves, with a finding in plain words; the rest of the model is loaded."""

import json
import re
from pathlib import Path

import ifcopenshell
import pytest

from loaders.ifc import IfcLoader
from loaders.ifc.wrongtypes import without_wrong_types
from twin.errors import SourceError
from twin.plan import LayerPlan

EVERY = {"场地", "临江花园5号楼", "3层", "301", "1单元", "柱1", "柱2", "墙"}


def changed(path: Path, kind: str, place: int, value: str) -> Path:
    """The file with one attribute of the first statement of a class written otherwise."""
    text = path.read_text("ascii")
    found = re.search(rf"={kind}\((.*)\);", text)
    assert found, kind
    parts = re.findall(r"(?:'[^']*'|\([^()]*\)|[^,()])+", found[1])
    parts[place] = value
    out = path.with_name("changed.ifc")
    out.write_text(text[: found.start(1)] + ",".join(parts) + text[found.end(1) :], "ascii")
    return out


def loaded(path: Path) -> tuple[dict[str, dict], list[str]]:
    layer = IfcLoader().scan(path)[0]
    batches = list(IfcLoader().read(layer, LayerPlan(str(path), kind="model")))
    rows = {r["name"]: r for b in batches for r in b.records.to_pylist()}
    return rows, [f for b in batches for f in b.findings]


SPOKEN = [
    ("IFCUNITASSIGNMENT", 0, "42", "IfcUnitAssignment #"),
    ("IFCUNITASSIGNMENT", 0, ".T.", "Units is True where a list of IfcUnit is expected"),
    ("IFCPRODUCTDEFINITIONSHAPE", 2, "('a')", "Representations is ('a',) where a list of"),
    ("IFCSHAPEREPRESENTATION", 2, "(3)", "RepresentationType is (3,) where IfcLabel is expected"),
    ("IFCPROPERTYSINGLEVALUE", 0, "#1", "IfcPropertySingleValue #"),
    ("IFCRELDEFINESBYPROPERTIES", 4, ".T.", "RelatedObjects is True where a list of"),
    ("IFCRELDEFINESBYPROPERTIES", 5, "'words'", "RelatingPropertyDefinition is words where"),
    ("IFCRELASSOCIATESMATERIAL", 5, "42", "RelatingMaterial is 42 where IfcMaterialSelect"),
    ("IFCRELCONTAINEDINSPATIALSTRUCTURE", 4, "42", "RelatedElements is 42 where a list of"),
    ("IFCBUILDINGSTOREY", 9, "('x')", "Elevation is ('x',) where IfcLengthMeasure is expected"),
]
SILENT = [
    ("IFCLOCALPLACEMENT", 1, "'words'"),
    ("IFCLOCALPLACEMENT", 0, "17.5"),
    ("IFCAXIS2PLACEMENT3D", 0, "$"),
    ("IFCCARTESIANPOINT", 0, "()"),
    ("IFCGEOMETRICREPRESENTATIONCONTEXT", 5, "$"),
    ("IFCSIUNIT", 3, "$"),
    ("IFCMAPPEDITEM", 1, "42"),
    ("IFCREPRESENTATIONMAP", 1, "$"),
    ("IFCRELAGGREGATES", 4, "3"),
    ("IFCRELASSIGNSTOGROUP", 6, "'x'"),
    ("IFCPROPERTYSET", 4, "$"),
    ("IFCMATERIAL", 0, "$"),
    ("IFCMAPCONVERSION", 0, "$"),
]


@pytest.mark.parametrize(("kind", "place", "value", "words"), SPOKEN)
def test_a_value_of_the_wrong_type_is_left_out_and_told(
    ifc: Path, kind: str, place: int, value: str, words: str
) -> None:
    rows, findings = loaded(changed(ifc, kind, place, value))
    assert set(rows) == EVERY
    assert any(words in f and "left out" in f for f in findings), findings
    assert sum(row["mesh_id"] is not None for row in rows.values()) >= 2, rows


@pytest.mark.parametrize(("kind", "place", "value"), SILENT)
def test_what_is_missing_or_wrong_where_something_is_required_costs_no_other_object(
    ifc: Path, kind: str, place: int, value: str
) -> None:
    rows, _ = loaded(changed(ifc, kind, place, value))
    assert set(rows) == EVERY
    shaped = {name for name, row in rows.items() if row["mesh_id"] is not None}
    assert len(shaped & {"301", "柱1", "柱2", "墙"}) >= 2, shaped


def test_sound_members_of_a_list_stay(ifc: Path) -> None:
    model = ifcopenshell.open(str(ifc))
    rel = model.by_type("IfcRelContainedInSpatialStructure")[0]
    before = rel.RelatedElements
    text = ifc.read_text("ascii")
    members = ",".join(f"#{e.id()}" for e in before)
    ifc.write_text(text.replace(f"({members})", f"({members},#1)"), "ascii")
    rows, findings = loaded(ifc)
    mended = ifcopenshell.open(str(ifc))
    told = without_wrong_types(mended)
    kept = mended.by_type("IfcRelContainedInSpatialStructure")[0].RelatedElements
    assert [e.id() for e in kept] == [e.id() for e in before]
    assert len(told) == 1
    assert "RelatedElements" in told[0]
    assert json.loads(rows["墙"]["attributes"])["storey"] == "3层", findings


def test_a_sound_model_is_left_as_it_is(ifc: Path) -> None:
    model = ifcopenshell.open(str(ifc))
    before = model.to_string()
    assert without_wrong_types(model) == []
    assert model.to_string() == before


def test_a_number_beyond_all_bounds_is_left_out(ifc: Path) -> None:
    rows, findings = loaded(changed(ifc, "IFCBUILDINGSTOREY", 9, "1.E400"))
    assert set(rows) == EVERY
    layer = IfcLoader().scan(ifc.with_name("changed.ifc"))[0]
    told = [*findings, *layer.findings]
    assert any("1 numbers beyond all bounds" in f for f in told), told


def test_where_the_model_cannot_stand_the_message_says_what_to_do(
    ifc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loaders.ifc import tasks

    def stumble(strict: bool) -> None:
        raise TypeError("'bool' object is not iterable")

    with pytest.raises(SourceError, match=r"contradict the IFC schema.*new export") as err:
        tasks._attempted(ifc, stumble)
    assert "bool" in err.value.reason


def test_a_statement_at_which_the_parser_gives_up_is_left_out_alone(ifc: Path) -> None:
    text = ifc.read_text("ascii")
    fire = re.search(r"(#\d+)=IFCPROPERTYSINGLEVALUE\('FireRating'[^;]*;", text)
    assert fire
    ifc.write_text(text.replace(fire[0], f"{fire[1]}=IFCDIRECTION((1..2));"), "ascii")
    rows, findings = loaded(ifc)
    assert set(rows) == EVERY
    assert any("the parser cannot read" in f and fire[1] in f for f in findings), findings
