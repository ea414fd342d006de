"""Small sources of every kind, written by other libraries than the loaders use where there is one."""

import importlib.util
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid
import laspy
import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from affine import Affine

_SPEC = importlib.util.spec_from_file_location(
    "workbooks", Path(__file__).with_name("workbooks.py")
)
_WORKBOOKS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_WORKBOOKS)
write_ods = _WORKBOOKS.write_ods
sys.path.insert(0, str(Path(__file__).parent))  # vector_files.py and citygml_town.py beside this

from citygml_town import house, town  # noqa: E402

REAL = next(
    (p / "shared" / "data" for p in Path(__file__).resolve().parents if (p / "shared").is_dir()),
    Path("no shared data"),
)


@pytest.fixture(scope="session")
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the folder of real data (../shared/data) is not here")
    return REAL


def write_dbf(
    path: Path,
    fields: list[tuple[str, str, int]],
    rows: list[list[str]],
    encoding: str,
    ldid: int = 0,
) -> None:
    """A DBF by hand: header, descriptors, records; text in ``encoding``."""
    size = 1 + sum(f[2] for f in fields)
    out = struct.pack(
        "<BBBBIHH16xBB2x", 3, 126, 7, 1, len(rows), 32 + 32 * len(fields) + 1, size, 0, ldid
    )
    for name, kind, width in fields:
        out += struct.pack(
            "<11sc4xBB14x", name.encode(encoding), kind.encode(), width, 3 if kind == "N" else 0
        )
    out += b"\r"
    for row in rows:
        out += b" "
        for value, (_, kind, width) in zip(row, fields, strict=True):
            raw = value.encode(encoding)[:width]
            out += raw.rjust(width) if kind == "N" else raw.ljust(width)
    path.write_bytes(out + b"\x1a")


def write_shp(path: Path, points: list[tuple[float, float] | None], index: bool = True) -> None:
    """A point shapefile by hand; None is a null shape."""
    records, offsets, at = b"", b"", 50
    for number, point in enumerate(points, 1):
        body = struct.pack("<i", 0) if point is None else struct.pack("<idd", 1, *point)
        records += struct.pack(">ii", number, len(body) // 2) + body
        offsets += struct.pack(">ii", at, len(body) // 2)
        at += 4 + len(body) // 2
    given = [p for p in points if p is not None]
    xs, ys = zip(*given, strict=True)

    def header(words: int) -> bytes:
        return struct.pack(">7i", 9994, 0, 0, 0, 0, 0, words) + struct.pack(
            "<ii8d", 1000, 1, min(xs), min(ys), max(xs), max(ys), 0, 0, 0, 0
        )

    path.write_bytes(header(50 + len(records) // 2) + records)
    if index:
        path.with_suffix(".shx").write_bytes(header(50 + len(offsets) // 2) + offsets)


@pytest.fixture
def shapefile(tmp_path: Path) -> Callable[..., Path]:
    def make(
        encoding: str = "gbk",
        *,
        index: bool = True,
        cpg: str | None = None,
        ldid: int = 0,
        stem: str = "建筑物",
    ) -> Path:
        path = tmp_path / f"{stem}.shp"
        write_shp(path, [(100.0 + i, 200.0) for i in range(4)], index)
        rows = [
            ["A1", "临江花园一号楼", "12.5"],
            ["A2", "滨江大道幼儿园", "8"],
            ["A1", "重复的编号", "9"],
            ["A4", "太高的房屋", "5000"],
        ]
        write_dbf(
            path.with_suffix(".dbf"),
            [("编号", "C", 10), ("名称", "C", 40), ("高度", "N", 12)],
            rows,
            encoding,
            ldid,
        )
        if cpg is not None:
            path.with_suffix(".cpg").write_text(cpg)
        return path

    return make


@pytest.fixture
def geopackage(tmp_path: Path) -> Path:
    path = tmp_path / "道路.gpkg"
    lines = shapely.linestrings([[[i, 0, 5], [i, 10, 6]] for i in range(5)])
    wkb = shapely.to_wkb(lines, output_dimension=3, flavor="iso")
    pyogrio.raw.write(
        path,
        wkb,
        [np.array([f"R{i}" for i in range(5)], dtype=object), np.arange(5.0)],
        ["编号", "宽度"],
        layer="roads",
        geometry_type="LineString Z",
        crs="EPSG:4547",
        driver="GPKG",
    )
    return path


@pytest.fixture
def geojson(tmp_path: Path) -> Path:
    path = tmp_path / "绿地.geojson"
    square = [[[114.0, 30.0], [114.1, 30.0], [114.1, 30.1], [114.0, 30.0]]]
    shapes = [
        {"type": "Polygon", "coordinates": square},
        None,
        {"type": "Polygon", "coordinates": square},
    ]
    features = [
        {"type": "Feature", "properties": {"id": f"G{i}", "name": f"公园{i}"}, "geometry": s}
        for i, s in enumerate(shapes)
    ]
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    )
    return path


POI = "编号,名称,经度,纬度\nP1,临江小学,114.1,30.5\nP2,坏坐标,一百一十四,30.5\nP3,列太少\nP1,重复,114.2,30.5\nP5,没有坐标,,\n"
ADDRESSES = "地址编码,省,市,区县,道路,门牌号,户室,标准地址,X,Y\n1,湖北省,云梦泽市,临江示范区,临江大道,35号,301室,,508210,3373140\n2,,,,,,,,,\n3,,,,,,12室,某12室,1,2\n"
STREAMS = "数据流编号,设备名称,监测主题,监测项,单位,x,y,预警上限,预警下限\nS1,井盖,燃气,甲烷浓度,%,1,2,10,1\nS2,井盖,燃气,甲烷浓度,%,1,2,待定,1\nS3,井盖,燃气,甲烷浓度,%,,,10,1\nS4,井盖,燃气,甲烷浓度,%,1,2,1,10\n"
READINGS = "数据流编号,监测时间,监测值\nS1,2026-06-30 08:00:00,1.5\nS1,2099-01-01 00:00:00,1\nS1,,1\nS1,2026-02-30 08:00,2\nS1,2026-06-30T00:00:00Z,离线\n"
CASES = "案件编号,案件类别,类型代码,问题描述,上报时间,案件状态\nC1,管理事项,01001,路灯不亮,2026-06-01 08:00,结案\nC2,管理事项,99999,无,2026-06-01 08:00,结案\n,管理事项,01001,无,2026-06-01 08:00,结案\n"


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str, str], Path]:
    def make(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return make


@pytest.fixture
def series(table: Callable[..., Path]) -> Path:
    """Readings that describe their streams: one good in each of two, one without a figure."""
    text = "站点名称,监测指标,单位,监测时间,监测值\n一号,水位,米,2026-06-30 08:00,1.5\n一号,流量,m³/s,2026-06-30 08:00,30\n一号,流量,m³/s,2026-06-30 09:00,停机\n"
    return table("水情.csv", text)


@pytest.fixture
def sensorthings(table: Callable[..., Path]) -> Path:
    """A thing with a datastream and three readings, one of them no figure."""
    readings = [
        {"phenomenonTime": f"2026-06-30T0{i}:00:00Z", "result": r}
        for i, r in enumerate([1.5, "x", 2])
    ]
    stream = {
        "name": "d",
        "unitOfMeasurement": {"symbol": "m"},
        "ObservedProperty": {"name": "Level"},
        "Observations": readings,
    }
    return table("thing.json", json.dumps({"name": "t", "Datastreams": [stream]}))


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """An OpenDocument sheet under a title: one good point, one with text for a figure, one whose id was used."""
    rows = [
        ["普查表"],
        ["编号", "经度", "纬度"],
        ["A", 114.1, 30.5],
        ["B", "东边", 30.5],
        ["A", 114.2, 30.6],
    ]
    return write_ods(tmp_path / "普查.ods", "部件", rows)


def cube(z: float, semantics: bool = True) -> dict[str, object]:
    """A closed 10 × 20 × 8 block as CityJSON solid over vertices 0–7; ground, roof, four walls."""
    shell = [
        [[0, 3, 2, 1]],
        [[4, 5, 6, 7]],
        [[0, 1, 5, 4]],
        [[1, 2, 6, 5]],
        [[2, 3, 7, 6]],
        [[3, 0, 4, 7]],
    ]
    out: dict[str, object] = {"type": "Solid", "lod": "2.2", "boundaries": [shell]}
    if semantics:
        kinds = [{"type": k} for k in ("GroundSurface", "RoofSurface", "WallSurface")]
        out["semantics"] = {"surfaces": kinds, "values": [[0, 1, 2, 2, 2, 2]]}
    return out


def block_vertices(x: float, y: float, z: float) -> list[list[int]]:
    base = [(0, 0), (10, 0), (10, 20), (0, 20)]
    return [
        [int((x + a) * 1000), int((y + b) * 1000), int(h * 1000)]
        for h in (z, z + 8)
        for a, b in base
    ]


CITYJSON = {
    "type": "CityJSON",
    "version": "2.0",
    "transform": {"scale": [0.001] * 3, "translate": [508_000.0, 3_373_000.0, 0.0]},
    "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4547"},
}


@pytest.fixture
def cityjson(tmp_path: Path) -> Path:
    path = tmp_path / "街区.city.json"
    lod1 = cube(0, semantics=False) | {"lod": "1"}
    document = {
        **CITYJSON,
        "CityObjects": {
            "B1": {
                "type": "Building",
                "attributes": {
                    "name": "一号楼",
                    "measuredHeight": 8.0,
                    "storeysAboveGround": 2,
                    "楼栋编码": "429871LJ0001",
                },
                "children": ["B1-part"],
                "geometry": [cube(0), lod1],
            },
            "B1-part": {"type": "BuildingPart", "parents": ["B1"], "geometry": [cube(0)]},
            "B2": {
                "type": "Building",
                "geometry": [{"type": "Solid", "lod": "2", "boundaries": [[[[0, 1, 999]]]]}],
            },
        },
        "vertices": block_vertices(0, 0, 20),
    }
    path.write_text(json.dumps(document, ensure_ascii=False))
    return path


@pytest.fixture
def citygml(tmp_path: Path) -> Path:
    """Two houses, one of them with a part, and a member that only links elsewhere."""
    part = '<bldg:consistsOfBuildingPart><bldg:BuildingPart gml:id="a1"/></bldg:consistsOfBuildingPart>'
    link = '<core:cityObjectMember xlink:href="other.gml#b"/>'
    path = tmp_path / "街区.gml"
    path.write_text(town(house("a", 0, part), link, house("b", 20)), encoding="utf-8")
    return path


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    path = tmp_path / "dem.tif"
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    data[0, 0] = -9999
    profile = {
        "driver": "GTiff",
        "height": 3,
        "width": 4,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4547",
        "nodata": -9999,
        "transform": Affine(10, 0, 500_000, 0, -10, 3_400_000),
    }
    with rasterio.open(path, "w", **profile) as out:
        out.write(data, 1)
    return path


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.las"
    las = laspy.create(point_format=3, file_version="1.2")
    las.header.scales = [0.001] * 3
    las.x, las.y, las.z = (
        np.array([1.0, 2.0, 4.0]),
        np.array([10.0, 11.0, 12.0]),
        np.array([0.0, 5.0, 9.0]),
    )
    las.classification = np.array([2, 6, 6], dtype=np.uint8)
    las.write(path)
    return path


class IfcWriter:
    """Just enough IFC to place boxes: spatial tree, one shared shape, property sets."""

    def __init__(self, schema: str = "IFC4", milli: bool = True) -> None:
        self.file = ifcopenshell.file(schema=schema)
        self.unit = 0.001 if milli else 1.0
        f = self.file.create_entity
        length = f(
            "IfcSIUnit", UnitType="LENGTHUNIT", Prefix="MILLI" if milli else None, Name="METRE"
        )
        self.metre = f("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
        origin = f("IfcCartesianPoint", (0.0, 0.0, 0.0))
        self.axes = f("IfcAxis2Placement3D", origin)
        self.context = f(
            "IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, self.axes, None
        )
        self.project = self.root(
            "IfcProject",
            Name="P",
            RepresentationContexts=[self.context],
            UnitsInContext=f("IfcUnitAssignment", [length]),
        )

    def root(
        self, kind: str, guid: str | None = None, **attributes: object
    ) -> ifcopenshell.entity_instance:
        history = {} if self.file.schema != "IFC2X3" else {"OwnerHistory": self._history()}
        return self.file.create_entity(
            kind, GlobalId=guid or ifcopenshell.guid.new(), **history, **attributes
        )

    def _history(self) -> ifcopenshell.entity_instance:
        f = self.file.create_entity
        who = f(
            "IfcPersonAndOrganization",
            f("IfcPerson", FamilyName="a"),
            f("IfcOrganization", Name="b"),
        )
        return f(
            "IfcOwnerHistory",
            who,
            f("IfcApplication", f("IfcOrganization", Name="b"), "1", "c", "d"),
            None,
            "NOCHANGE",
            None,
            None,
            None,
            1,
        )

    def placed(self, x: float, y: float, z: float) -> ifcopenshell.entity_instance:
        f, k = self.file.create_entity, 1 / self.unit
        return f(
            "IfcLocalPlacement",
            None,
            f("IfcAxis2Placement3D", f("IfcCartesianPoint", (x * k, y * k, z * k))),
        )

    def box(self, dx: float, dy: float, dz: float) -> ifcopenshell.entity_instance:
        """A block from the origin, metres."""
        f, k = self.file.create_entity, 1 / self.unit
        middle = f("IfcAxis2Placement2D", f("IfcCartesianPoint", (dx * k / 2, dy * k / 2)))
        profile = f("IfcRectangleProfileDef", "AREA", None, middle, dx * k, dy * k)
        up = f("IfcDirection", (0.0, 0.0, 1.0))
        return f("IfcExtrudedAreaSolid", profile, self.axes, up, dz * k)

    def shape(
        self, items: list[ifcopenshell.entity_instance], kind: str = "SweptSolid"
    ) -> ifcopenshell.entity_instance:
        f = self.file.create_entity
        return f(
            "IfcProductDefinitionShape",
            None,
            None,
            [f("IfcShapeRepresentation", self.context, "Body", kind, items)],
        )

    def mapped(self, source: ifcopenshell.entity_instance) -> ifcopenshell.entity_instance:
        f = self.file.create_entity
        unmoved = f(
            "IfcCartesianTransformationOperator3D",
            None,
            None,
            f("IfcCartesianPoint", (0.0, 0.0, 0.0)),
        )
        return self.shape([f("IfcMappedItem", source, unmoved)], "MappedRepresentation")


@pytest.fixture
def ifc_writer() -> type[IfcWriter]:
    return IfcWriter


@pytest.fixture
def ifc(tmp_path: Path) -> Path:
    """Site, building (楼栋编码), storey, zone 1单元 with room 301, two columns of one shape, a wall; IfcMapConversion."""
    w = IfcWriter()
    f = w.file.create_entity
    crs = f("IfcProjectedCRS", Name="EPSG:4547", MapUnit=w.metre)
    angle = np.deg2rad(30.0)
    f(
        "IfcMapConversion",
        w.context,
        crs,
        508_210.0,
        3_373_140.0,
        23.5,
        float(np.cos(angle)),
        float(np.sin(angle)),
        0.001,
    )
    site = w.root("IfcSite", Name="场地", ObjectPlacement=w.placed(0, 0, 0))
    building = w.root("IfcBuilding", Name="临江花园5号楼", ObjectPlacement=w.placed(0, 0, 0))
    storey = w.root(
        "IfcBuildingStorey", Name="3层", Elevation=6000.0, ObjectPlacement=w.placed(0, 0, 6)
    )
    space = w.root(
        "IfcSpace",
        Name="301",
        LongName="住宅",
        ObjectPlacement=w.placed(1, 1, 6),
        Representation=w.shape([w.box(4, 5, 2.8)]),
    )
    zone = w.root("IfcZone", Name="1单元")
    source = f(
        "IfcRepresentationMap",
        w.axes,
        f("IfcShapeRepresentation", w.context, "Body", "SweptSolid", [w.box(0.5, 0.5, 3)]),
    )
    columns = [
        w.root(
            "IfcColumn",
            Name=f"柱{i}",
            ObjectPlacement=w.placed(10 * i, 0, 0),
            Representation=w.mapped(source),
        )
        for i in (1, 2)
    ]
    wall = w.root(
        "IfcWall",
        Name="墙",
        ObjectPlacement=w.placed(0, 0, 0),
        Representation=w.shape([w.box(20, 0.2, 3)]),
    )
    for parent, children in (
        (w.project, [site]),
        (site, [building]),
        (building, [storey]),
        (storey, [space]),
    ):
        w.root("IfcRelAggregates", RelatingObject=parent, RelatedObjects=children)
    w.root(
        "IfcRelContainedInSpatialStructure",
        RelatingStructure=storey,
        RelatedElements=[*columns, wall],
    )
    w.root("IfcRelAssignsToGroup", RelatingGroup=zone, RelatedObjects=[space])
    code = f("IfcPropertySingleValue", "楼栋编码", None, f("IfcLabel", "429871LJ0005"))
    fire = f("IfcPropertySingleValue", "FireRating", None, f("IfcLabel", "REI60"))
    for target, name, prop in ((building, "CIM", code), (wall, "Pset_WallCommon", fire)):
        w.root(
            "IfcRelDefinesByProperties",
            RelatedObjects=[target],
            RelatingPropertyDefinition=w.root("IfcPropertySet", Name=name, HasProperties=[prop]),
        )
    w.root(
        "IfcRelAssociatesMaterial",
        RelatedObjects=[wall],
        RelatingMaterial=f("IfcMaterial", "混凝土"),
    )
    path = tmp_path / "tower.ifc"
    w.file.write(str(path))
    return path


@pytest.fixture
def texts() -> dict[str, str]:
    return {
        "poi": POI,
        "addresses": ADDRESSES,
        "streams": STREAMS,
        "observations": READINGS,
        "cases": CASES,
    }


@pytest.fixture
def ply(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.ply"
    path.write_text(
        "ply\nformat ascii 1.0\nelement vertex 2\nproperty double x\nproperty double y\nproperty double z\n"
        "end_header\n1 2 3\n4 5 6\n"
    )
    return path


@pytest.fixture
def tileset(tmp_path: Path) -> Path:
    place = {"region": [*np.deg2rad([114.0, 30.0, 114.01, 30.02]).tolist(), 5.0, 60.0]}
    root = {"boundingVolume": place, "geometricError": 1, "content": {"uri": "a.glb"}}
    path = tmp_path / "tileset.json"
    path.write_text(json.dumps({"asset": {"version": "1.1"}, "geometricError": 9, "root": root}))
    (tmp_path / "a.glb").write_bytes(struct.pack("<4sII", b"glTF", 2, 12))
    return path
