"""Models through the whole load: refused with an offer, placed by the plan, and known again under new ids."""

import re
import secrets
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid
import pytest
import shapely

from api import pipeline
from twin import crs
from twin.city import City
from twin.store import Store
from twin.verify import verify

EAST, NORTH, TURN = 508_210.0, 3_373_140.0, 25.0
_PARTS = ((0, 0, 30, 9), (0, 9, 11, 24))


def model(path: Path, names: tuple[str, ...] = ("南翼", "西翼")) -> None:
    """A building of two slabs in an L, without any georeference."""
    file = ifcopenshell.file(schema="IFC4")
    f = file.create_entity

    def root(kind: str, **more: object):
        return f(kind, ifcopenshell.guid.new(), **more)

    axes = f("IfcAxis2Placement3D", f("IfcCartesianPoint", (0.0, 0.0, 0.0)))
    context = f("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, axes, None)
    metre = f("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
    project = root(
        "IfcProject",
        Name="P",
        RepresentationContexts=[context],
        UnitsInContext=f("IfcUnitAssignment", [metre]),
    )
    building, storey = (
        root("IfcBuilding", Name="A座"),
        root("IfcBuildingStorey", Name="1层", Elevation=0.0),
    )
    slabs = []
    for name, (x0, y0, x1, y1) in zip(names, _PARTS, strict=True):
        corner = f("IfcAxis2Placement2D", f("IfcCartesianPoint", ((x0 + x1) / 2, (y0 + y1) / 2)))
        profile = f("IfcRectangleProfileDef", "AREA", None, corner, float(x1 - x0), float(y1 - y0))
        solid = f("IfcExtrudedAreaSolid", profile, axes, f("IfcDirection", (0.0, 0.0, 1.0)), 0.3)
        shape = f(
            "IfcProductDefinitionShape",
            None,
            None,
            [f("IfcShapeRepresentation", context, "Body", "SweptSolid", [solid])],
        )
        slabs.append(
            root(
                "IfcSlab",
                Name=name,
                ObjectPlacement=f("IfcLocalPlacement", None, axes),
                Representation=shape,
            )
        )
    root("IfcRelAggregates", RelatingObject=project, RelatedObjects=[building])
    root("IfcRelAggregates", RelatingObject=building, RelatedObjects=[storey])
    root("IfcRelContainedInSpatialStructure", RelatingStructure=storey, RelatedElements=slabs)
    file.write(str(path))


def footprints(path: Path) -> None:
    """The L where it stands, and forty other houses, in EPSG:4547."""
    whole = shapely.union_all([shapely.box(*p) for p in _PARTS])
    house = shapely.affinity.translate(
        shapely.affinity.rotate(whole, TURN, origin=(0, 0)), EAST, NORTH
    )
    others = [
        shapely.box(EAST + 60 * k, NORTH + 100, EAST + 60 * k + 20 + k / 3, NORTH + 112)
        for k in range(40)
    ]
    rows = ["key,name,wkt"]
    rows += [
        f'h{k},{"A座" if not k else f"{k}号"},"{s.wkt}"' for k, s in enumerate([house, *others])
    ]
    path.write_text("\n".join(rows), encoding="utf-8")


def plan_of(path: Path, placement: str) -> Path:
    plan = path.with_suffix(".toml")
    plan.write_text(
        f'[[layer]]\npath = "{path.name}"\nkind = "model"\nz_reference = "ellipsoid"\n{placement}\n'
    )
    return plan


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City.init(tmp_path / "city", source_crs="EPSG:4547")
    footprints(tmp_path / "buildings.csv")
    plan = tmp_path / "footprints.toml"
    plan.write_text(
        '[[layer]]\npath = "buildings.csv"\nkind = "features"\nclass_code = "building"\ncrs = "EPSG:4547"\n'
        'key_field = "key"\nname_field = "name"\n[layer.fields]\nwkt = "wkt"\n'
    )
    report = pipeline.load(city, [], plan)
    assert report.total.loaded == 41, report
    return city


def renamed(source: Path, target: Path) -> None:
    """The same file with other GlobalIds and other step numbers."""
    text = source.read_text()
    text = re.sub(
        r"(=IFC\w+\()'[0-3][0-9A-Za-z_$]{21}'", lambda m: f"{m[1]}'{ifcopenshell.guid.new()}'", text
    )
    target.write_text(re.sub(r"#(\d+)", lambda m: f"#{int(m[1]) + 700}", text))


def test_a_model_that_is_nowhere_is_refused_with_its_place_on_offer(
    city: City, tmp_path: Path
) -> None:
    path = tmp_path / "a.ifc"
    model(path)
    layer = pipeline.load(city, [path]).layers[0]
    assert layer.status == "refused"
    found = re.search(
        r"placement = \{ crs = \"EPSG:4547\", easting = ([\d.]+), northing = ([\d.]+), height = \S+, rotation_deg = ([\d.]+)",
        layer.reason or "",
    )
    assert found is not None, layer.reason
    assert (float(found[1]), float(found[2]), float(found[3])) == pytest.approx(
        (EAST, NORTH, TURN), abs=0.02
    )
    assert "clearly" in (layer.reason or "")

    entry = (layer.reason or "").partition("of the plan: ")[2]
    placed = pipeline.load(city, [], plan_of(path, entry)).layers[0]
    assert (placed.status, placed.balance.merged, placed.balance.loaded) == ("loaded", 1, 3), placed
    with Store.open(city) as store:
        box = store.table(
            "SELECT min(xmin) AS x, min(ymin) AS y FROM geometry WHERE mesh_id IS NOT NULL"
        ).to_pylist()[0]
    _, lat, _ = crs.to_geographic("EPSG:4547", [EAST], [NORTH])
    assert box["y"] == pytest.approx(
        float(lat[0]), abs=2e-7
    )  # the model's origin is its southernmost corner


def test_a_model_exported_again_under_new_ids_keeps_its_eids(city: City, tmp_path: Path) -> None:
    path = tmp_path / "a.ifc"
    model(path)
    plan = plan_of(
        path,
        f'placement = {{ crs = "EPSG:4547", easting = {EAST}, northing = {NORTH}, rotation_deg = {TURN} }}',
    )
    pipeline.load(city, [], plan)
    with Store.open(city) as store:
        before = store.table(
            "SELECT value, eid::VARCHAR AS eid FROM alias WHERE scheme = 'ifc.guid'"
        ).to_pylist()
        named = dict(
            store.table(
                "SELECT name, eid::VARCHAR AS eid FROM entity WHERE collection IN ('elements', 'storeys')"
            )
            .to_pandas()
            .values.tolist()
        )
    renamed(path, tmp_path / f"{secrets.token_hex(4)}.ifc")
    next(tmp_path.glob("????????.ifc")).replace(path)
    balance = pipeline.load(city, [], plan).layers[0].balance
    assert (balance.n_in, balance.changed, balance.gone, balance.moved) == (4, 4, 0, 0)
    with Store.open(city) as store:
        after = store.table(
            "SELECT value, eid::VARCHAR AS eid FROM alias WHERE scheme = 'ifc.guid' AND valid_to IS NULL"
        ).to_pylist()
        again = dict(
            store.table(
                "SELECT name, eid::VARCHAR AS eid FROM entity WHERE collection IN ('elements', 'storeys')"
            )
            .to_pandas()
            .values.tolist()
        )
        broken = [law for law in verify(store) if law.broken]
    assert again == named
    assert len(after) == 2 * len(before) == 8
    assert {a["eid"] for a in after} == {b["eid"] for b in before}
    assert broken == []


def test_a_wing_that_moved_is_told(city: City, tmp_path: Path) -> None:
    path = tmp_path / "a.ifc"
    model(path)
    plan = plan_of(
        path,
        f'placement = {{ crs = "EPSG:4547", easting = {EAST}, northing = {NORTH}, rotation_deg = {TURN} }}',
    )
    pipeline.load(city, [], plan)
    file = ifcopenshell.open(str(path))
    slab = file.by_type("IfcSlab")[1]
    there = file.create_entity(
        "IfcAxis2Placement3D", file.create_entity("IfcCartesianPoint", (0.0, 2.0, 0.0))
    )
    slab.ObjectPlacement = file.create_entity("IfcLocalPlacement", None, there)
    file.write(str(path))
    balance = pipeline.load(city, [], plan).layers[0].balance
    assert (balance.changed, balance.moved, balance.gone) == (
        2,
        2,
        0,
    )  # the slab, and the building's outline with it
