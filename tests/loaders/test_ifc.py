"""IFC: placement by hand, structure, shared shapes, text, and files that misbehave."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely
from numpy.typing import NDArray

from loaders.base import Batch
from loaders.ifc import IfcLoader
from loaders.ifc.crsnames import crs_from_name
from loaders.ifc.georeference import find_georeference
from loaders.ifc.opening import open_model
from twin.plan import LayerPlan

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "real"))

import models

ORIGIN = np.array([508_210.0, 3_373_140.0, 23.5])
TURN = np.deg2rad(30.0)


def by_hand(x: float, y: float, z: float) -> list[float]:
    """Model metres → EPSG:4547 of the fixture, written out."""
    return [
        ORIGIN[0] + np.cos(TURN) * x - np.sin(TURN) * y,
        ORIGIN[1] + np.sin(TURN) * x + np.cos(TURN) * y,
        ORIGIN[2] + z,
    ]


def load(path: Path, plan: LayerPlan | None = None) -> Batch:
    layer = IfcLoader().scan(path)[0]
    batches = list(IfcLoader().read(layer, plan or LayerPlan(str(path), kind="model")))
    meshes = [b.meshes for b in batches if b.meshes is not None]
    return Batch(
        pa.concat_tables([b.records for b in batches]),
        pa.concat_tables(meshes) if meshes else None,
        findings=tuple(f for b in batches for f in b.findings),
    )


def corners(batch: Batch, name: str) -> NDArray[np.float64]:
    """World corners of a record's mesh, distinct, rounded to a tenth of a millimetre."""
    row = next(r for r in batch.records.to_pylist() if r["name"] == name)
    assert batch.meshes is not None
    mesh = next(m for m in batch.meshes.to_pylist() if m["mesh_id"] == row["mesh_id"])
    local = np.frombuffer(mesh["positions"], "<f4").reshape(-1, 3).astype(float)
    matrix = np.array(row["matrix"]).reshape(4, 4)
    return np.unique(np.round(local @ matrix[:3, :3].T + matrix[:3, 3], 4), axis=0)


@pytest.fixture
def model(ifc: Path) -> Batch:
    return load(ifc)


def test_corners_stand_where_the_map_conversion_says(model: Batch) -> None:
    want = np.array(
        [by_hand(x, y, z) for x in (10.0, 10.5) for y in (0.0, 0.5) for z in (0.0, 3.0)]
    )
    found = corners(model, "柱1")
    assert found.shape == (8, 3)
    assert np.abs(np.sort(found, axis=0) - np.sort(want, axis=0)).max() < 1e-3


def test_mapped_items_share_one_mesh(model: Batch) -> None:
    rows = {r["name"]: r for r in model.records.to_pylist()}
    assert rows["柱1"]["mesh_id"] == rows["柱2"]["mesh_id"] != rows["墙"]["mesh_id"]
    offset = np.array(rows["柱2"]["matrix"]) - np.array(rows["柱1"]["matrix"])
    assert offset[[3, 7, 11]] == pytest.approx([10 * np.cos(TURN), 10 * np.sin(TURN), 0.0])
    assert model.meshes is not None
    assert model.meshes["mesh_id"].to_pylist() == list(
        dict.fromkeys(model.meshes["mesh_id"].to_pylist())
    )


def test_a_box_has_flat_outward_normals_and_positive_volume(model: Batch) -> None:
    assert model.meshes is not None
    for mesh in model.meshes.to_pylist():
        points = np.frombuffer(mesh["positions"], "<f4").reshape(-1, 3)
        normals = np.frombuffer(mesh["normals"], "<f4").reshape(-1, 3)
        triangles = np.frombuffer(mesh["indices"], "<u4").reshape(-1, 3)
        assert (len(points), len(triangles), len(mesh["colors"])) == (24, 12, 96)
        assert np.abs(np.abs(normals).max(axis=1) - 1).max() < 1e-6
        a, b, c = (points[triangles[:, i]].astype(float) for i in range(3))
        assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 > 0
        assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), normals[triangles[:, 0]]) > 0).all()


def test_structure_classes_parents_and_attributes(model: Batch) -> None:
    rows = {r["name"]: r for r in model.records.to_pylist()}
    said = {name: json.loads(r["attributes"]) for name, r in rows.items()}
    codes = {n: r["class_code"] for n, r in rows.items()}
    assert codes == {
        "场地": "other",
        "临江花园5号楼": "building",
        "3层": "storey",
        "1单元": "unit",
        "301": "room",
        "柱1": "element",
        "柱2": "element",
        "墙": "element",
    }
    building = rows["临江花园5号楼"]
    assert (rows["301"]["parent_key"], rows["301"]["relation"]) == (rows["3层"]["key"], "part_of")
    assert (rows["墙"]["parent_key"], rows["墙"]["relation"]) == (rows["3层"]["key"], "located_in")
    assert rows["1单元"]["parent_key"] == building["key"]
    room = said["301"]
    assert (
        room["number"],
        room["storey"],
        room["elevation_m"],
        room["unit"],
        room["building_key"],
    ) == ("301", "3层", 6.0, "1单元", building["key"])
    assert said["墙"]["material"] == "混凝土"
    assert said["墙"]["properties"] == {"Pset_WallCommon": {"FireRating": "REI60"}}
    aliases = {a["scheme"]: a["value"] for a in building["aliases"]}
    assert aliases == {"ifc.guid": building["key"], "building.code": "429871LJ0005"}


def test_a_room_has_its_outline_and_the_building_its_footprint(model: Batch) -> None:
    rows = {r["name"]: r for r in model.records.to_pylist()}
    room = shapely.from_wkb(rows["301"]["geometry"])
    want = shapely.Polygon([by_hand(x, y, 0)[:2] for x, y in ((1, 1), (5, 1), (5, 6), (1, 6))])
    assert rows["301"]["role"] == "solid"
    assert room.symmetric_difference(want).area < 1e-3
    assert shapely.get_coordinates(room, include_z=True)[:, 2] == pytest.approx(ORIGIN[2] + 6.0)
    plan = shapely.from_wkb(rows["临江花园5号楼"]["geometry"])
    parts = [(0, 0, 20, 0.2), (10, 0, 10.5, 0.5), (20, 0, 20.5, 0.5), (1, 1, 5, 6)]
    rings = [
        shapely.Polygon([by_hand(x, y, 0)[:2] for x, y in ((a, b), (c, b), (c, d), (a, d))])
        for a, b, c, d in parts
    ]
    assert plan.symmetric_difference(shapely.union_all(rings)).area < 0.05


@pytest.mark.parametrize(
    ("east", "scale", "map_unit"),
    [
        (508_210.0, 0.001, True),
        (508_210.0, None, True),
        (508_210.0, 1.0, True),
        (508_210.0, None, False),
        (508_210_000.0, 0.001, True),
    ],
)
def test_the_slips_of_authoring_tools_come_to_the_same_place(
    ifc_writer: type, east: float, scale: float | None, map_unit: bool
) -> None:
    w = ifc_writer()
    north = 3_373_140.0 * (1000 if east > 1e8 else 1)
    crs = w.file.create_entity(
        "IfcProjectedCRS",
        Name="CGCS2000 / 3-degree Gauss-Kruger CM 114E",
        MapUnit=w.metre if map_unit else None,
    )
    w.file.create_entity(
        "IfcMapConversion", w.context, crs, east, north, 0.0, 2.0, 0.0, scale
    )  # (2, 0): not normalised
    found = find_georeference(w.file, None)
    assert (found.crs, found.method) == ("EPSG:4547", "map_conversion")
    assert found.matrix @ [10.0, 20.0, 3.0, 1.0] == pytest.approx(
        [508_220.0, 3_373_160.0, 3.0, 1.0]
    )


def test_feet_are_kept_as_the_units_of_the_crs(ifc_writer: type) -> None:
    w = ifc_writer(milli=False)
    f = w.file.create_entity
    ratio = f("IfcMeasureWithUnit", f("IfcLengthMeasure", 0.3048), w.metre)
    foot = f(
        "IfcConversionBasedUnit",
        f("IfcDimensionalExponents", 1, 0, 0, 0, 0, 0, 0),
        "LENGTHUNIT",
        "FOOT",
        ratio,
    )
    f(
        "IfcMapConversion",
        w.context,
        f("IfcProjectedCRS", Name="EPSG:2263", MapUnit=foot),
        1000.0,
        2000.0,
        10.0,
        1.0,
        0.0,
        1 / 0.3048,
    )
    found = find_georeference(w.file, None)
    assert found.matrix @ [3.048, 0.0, 1.0, 1.0] == pytest.approx([1010.0, 2000.0, 4.048, 1.0])


def test_latitude_and_longitude_are_the_weaker_evidence(ifc_writer: type) -> None:
    w = ifc_writer()
    w.root(
        "IfcSite",
        RefLatitude=(30, 30, 0, 0),
        RefLongitude=(114, 0, 0, 0),
        RefElevation=21_500.0,
        ObjectPlacement=w.placed(0, 0, 0),
    )
    found = find_georeference(w.file, None)
    assert (found.crs, found.method) == ("EPSG:4326", "lat_lon")
    lon, lat, z, _ = found.matrix @ [100.0, 100.0, 1.0, 1.0]
    assert (lon - 114.0) * 95_971.2 == pytest.approx(
        100.0, abs=0.05
    )  # length of a degree at 30.5° N, GRS 80 tables
    assert (lat - 30.5) * 110_860.5 == pytest.approx(100.0, abs=0.05)
    assert z == pytest.approx(22.5)


def test_default_sites_and_huge_coordinates_are_not_believed_in_silence(ifc_writer: type) -> None:
    w = ifc_writer()
    w.root("IfcSite", RefLatitude=(42, 21, 31, 181945), RefLongitude=(-71, -3, -24, -263305))
    found = find_georeference(w.file, None)
    assert found.crs is None
    assert any("Boston" in f for f in found.findings)
    far = find_georeference(ifc_writer().file, (508_000.0, 3_370_000.0, 508_100.0, 3_370_100.0))
    assert far.crs is None
    assert any("projected" in f for f in far.findings)


def test_a_placement_in_the_plan_wins(ifc: Path) -> None:
    fields = {
        "placement.easting": "1000",
        "placement.northing": "2000",
        "placement.height": "5",
        "placement.rotation": "90",
    }
    found = corners(
        load(ifc, LayerPlan(str(ifc), kind="model", crs="EPSG:4547", fields=fields)), "柱1"
    )
    assert found.min(axis=0) == pytest.approx([999.5, 2010.0, 5.0], abs=1e-3)


def test_crs_names_in_prose_are_understood() -> None:
    assert crs_from_name("EPSG:25832+5783") == "EPSG:25832"
    assert crs_from_name("4549") == "EPSG:4549"
    assert crs_from_name("CGCS2000_3_Degree_GK_Zone_39") == "EPSG:4527"
    assert crs_from_name("WGS 84 / UTM zone 50S") == "EPSG:32750"
    assert crs_from_name("武汉2000") is None


def test_repeated_and_empty_guids_lose_nothing(ifc_writer: type, tmp_path: Path) -> None:
    w = ifc_writer()
    guid = "0KMpiAlnb52RgQuM1CwVfd"
    for i in range(3):
        w.root(
            "IfcColumn",
            guid,
            Name=f"C{i}",
            ObjectPlacement=w.placed(i, 0, 0),
            Representation=w.shape([w.box(1, 1, 1)]),
        )
    path = tmp_path / "twice.ifc"
    w.file.write(str(path))
    batch = load(path)
    assert batch.records["key"].to_pylist() == [guid, f"{guid}#2", f"{guid}#3"]
    assert [a is not None for a in batch.records["aliases"].to_pylist()] == [True, False, False]
    assert batch.records["mesh_id"].null_count == 0


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_raw_bytes_in_names_are_read_and_not_dropped(
    ifc: Path, encoding: str, tmp_path: Path
) -> None:
    text = ifc.read_text(encoding="ascii")
    wall = "\\X2\\5899\\X0\\"
    assert wall in text
    path = tmp_path / "raw.ifc"
    path.write_bytes(text.replace(wall, "承重墙体").encode(encoding))
    model, findings = open_model(path)
    assert [w.Name for w in model.by_type("IfcWall")] == ["承重墙体"]
    assert any(encoding.upper() in f for f in findings)


@pytest.mark.parametrize("schema", ["IFC4X3_RC2", "IFC4X3", "IFC4x1"])
def test_schemas_that_were_never_released_are_mapped(
    ifc: Path, schema: str, tmp_path: Path
) -> None:
    path = tmp_path / "draft.ifc"
    path.write_text(ifc.read_text(encoding="ascii").replace("'IFC4'", f"'{schema}'"))
    model, findings = open_model(path)
    assert len(model.by_type("IfcColumn")) == 2
    assert any(schema in f for f in findings)


def test_a_model_stands_in_the_base_where_its_conversion_puts_it(ifc: Path) -> None:
    """Loaded into a city, its corners in degrees beside the bare iterator's through the conversion and pyproj."""
    row = models.compared(ifc)
    assert (row.bare, row.here, row.spaces, row.rooms) == (4, 4, 1, 1)
    assert (row.ids, row.ids_astray, row.compared, row.boxes) == (4, 0, 4, 0)
    assert row.off is not None
    assert row.off < 0.001
    assert row.faults() == []


@pytest.mark.real
def test_japanese_names_escaped_byte_by_byte_are_readable(real: Path) -> None:
    model, _ = open_model(real / "ifc" / "c_ja_ac16_sjis.ifc")
    assert [s.Name for s in model.by_type("IfcBuildingStorey")] == ["1階", "2階", "屋根"]


def test_measures_come_in_metres_whatever_the_model_counts_in(
    ifc_writer: type, tmp_path: Path
) -> None:
    """Millimetres with areas in m² as authoring tools write it, volumes in no stated unit (so mm³)."""
    w = ifc_writer()
    f = w.file.create_entity
    assignment = w.project.UnitsInContext
    square = f("IfcSIUnit", UnitType="AREAUNIT", Name="SQUARE_METRE")
    assignment.Units = [*assignment.Units, square]
    building = w.root("IfcBuilding", Name="楼", ObjectPlacement=w.placed(0, 0, 0))
    w.root("IfcRelAggregates", RelatingObject=w.project, RelatedObjects=[building])
    inch = f(
        "IfcConversionBasedUnit",
        f("IfcDimensionalExponents", 1, 0, 0, 0, 0, 0, 0),
        "LENGTHUNIT",
        "INCH",
        f("IfcMeasureWithUnit", f("IfcLengthMeasure", 0.0254), w.metre),
    )
    quantities = [
        f("IfcQuantityLength", "Height", None, None, 2760.0),
        f("IfcQuantityLength", "Width", None, inch, 10.0),
        f("IfcQuantityArea", "NetFloorArea", None, None, 27.36),
        f("IfcQuantityVolume", "NetVolume", None, None, 75.51e9),
        f("IfcQuantityCount", "Doors", None, None, 3),
    ]
    properties = [
        f("IfcPropertySingleValue", "Reach", None, f("IfcPositiveLengthMeasure", 1500.0)),
        f("IfcPropertySingleValue", "Load", None, f("IfcReal", 1500.0)),
    ]
    for kind, name, member in (
        ("IfcElementQuantity", "Qto_BuildingBaseQuantities", {"Quantities": quantities}),
        ("IfcPropertySet", "Pset", {"HasProperties": properties}),
    ):
        w.root(
            "IfcRelDefinesByProperties",
            RelatedObjects=[building],
            RelatingPropertyDefinition=w.root(kind, Name=name, **member),
        )
    path = tmp_path / "measures.ifc"
    w.file.write(str(path))
    row = next(r for r in load(path).records.to_pylist() if r["name"] == "楼")
    said = json.loads(row["attributes"])["properties"]
    assert said["Qto_BuildingBaseQuantities"] == {
        "Height": 2.76,
        "Width": 0.254,
        "NetFloorArea": 27.36,
        "NetVolume": 75.51,
        "Doors": 3,
    }
    assert said["Pset"] == {"Reach": 1.5, "Load": 1500.0}  # a plain number has no unit


RED, GREEN, BLUE = [255, 0, 0, 128], [0, 255, 0, 128], [0, 0, 255, 128]


@pytest.mark.parametrize("mapped", [False, True])
def test_faces_have_the_colours_of_their_map(
    ifc_writer: type, tmp_path: Path, mapped: bool
) -> None:
    """Bottom red, top green, sides blue; a triangle without area shifts no colour to its neighbour."""
    w = ifc_writer()
    f = w.file.create_entity
    points = [
        (x, y, z) for z in (0.0, 1e3) for x, y in ((0.0, 0.0), (1e3, 0.0), (1e3, 1e3), (0.0, 1e3))
    ]
    faces = [(1, 3, 2), (1, 2, 2), (1, 4, 3), (5, 6, 7), (5, 7, 8)]
    faces += [
        t for a, b in ((1, 2), (2, 3), (3, 4), (4, 1)) for t in ((a, b, b + 4), (a, b + 4, a + 4))
    ]
    solid = f(
        "IfcTriangulatedFaceSet", f("IfcCartesianPointList3D", points), None, True, faces, None
    )
    colors = f("IfcColourRgbList", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])
    f("IfcIndexedColourMap", solid, 0.5, colors, [1, 2, 1, 2, 2, *[3] * 8])
    shape = w.shape([solid], "Tessellation")
    if mapped:
        source = f("IfcRepresentationMap", w.axes, shape.Representations[0])
        shape = w.mapped(source)
    w.root("IfcColumn", Name="c", ObjectPlacement=w.placed(0, 0, 0), Representation=shape)
    path = tmp_path / "painted.ifc"
    w.file.write(str(path))
    batch = load(path)
    assert batch.meshes is not None
    mesh = batch.meshes.to_pylist()[0]
    normals = np.frombuffer(mesh["normals"], "<f4").reshape(-1, 3)
    seen = np.frombuffer(mesh["colors"], np.uint8).reshape(-1, 4)
    corners = np.frombuffer(mesh["indices"], "<u4")
    assert len(corners) == 36
    for up, color in ((-1, RED), (1, GREEN), (0, BLUE)):
        there = corners[np.abs(normals[corners][:, 2] - up) < 0.01]
        assert len(there) == (24 if up == 0 else 6)
        assert (seen[there] == color).all()
