"""Small sources of every kind the loaders read, each in a folder of its own: what mutants are made from."""

import gzip
import importlib.util
import io
import json
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import laspy
import numpy as np
import osmium
import py7zr
import pyogrio.raw
import rasterio
import shapely
from affine import Affine
from PIL import Image

from loaders.discovery import survey
from loaders.skipped import part_of

LARGEST = 200_000
"""Bytes of a real source (all its files) that is still taken as a seed."""


def _fixtures() -> ModuleType:
    """The writers beside the loaders' tests."""
    path = Path(__file__).resolve().parents[1] / "loaders" / "conftest.py"
    spec = importlib.util.spec_from_file_location("loader_fixtures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIXTURES = _fixtures()
from citygml_town import CITY_3, house, town  # noqa: E402 -- beside the fixtures, which say where
from vector_files import WRITERS, feature  # noqa: E402
from workbooks import write_ods, write_xlsx  # noqa: E402

FEATURES = {"type": "FeatureCollection", "features": [feature(n) for n in range(4)]}
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[114, 30], [114.001, 30], [114.001, 30.001], [114, 30.001], [114, 30]]],
}
BUILDINGS = "编号,楼高,层数,WKT\n" + "".join(
    f'B{i},{9 + i},{3 + i},"POLYGON((114.0{i} 30,114.0{i}1 30,114.0{i}1 30.01,114.0{i} 30))"\n'
    for i in range(5)
)
WIDE = "监测时间,PM2.5 (µg/m³),温度(℃),水位(m)\n" + "".join(
    f"2026-06-30 {h:02d}:00,{30 + h},{20 + h / 2},{h / 10}\n" for h in range(8)
)
SWMM = """[TITLE]
雨水管网
[OPTIONS]
FLOW_UNITS CMS
[JUNCTIONS]
J1 10 2 0 0 0
J2 9 2 0 0 0
[OUTFALLS]
O1 8 FREE NO
[CONDUITS]
C1 J1 J2 100 0.013 0 0 0 0
C2 J2 O1 100 0.013 0 0 0 0
[XSECTIONS]
C1 CIRCULAR 0.8 0 0 0 1
C2 CIRCULAR 1.0 0 0 0 1
[COORDINATES]
J1 500000 3400000
J2 500100 3400000
O1 500200 3400000
[VERTICES]
C1 500050 3400010
"""
ASCII_GRID = (
    "ncols 4\nnrows 3\nxllcorner 500000\nyllcorner 3400000\ncellsize 10\nNODATA_value -9999\n"
    + ("1 2 3 4\n5 6 7 -9999\n9 10 11 12.5\n")
)
PLY = "ply\nformat ascii 1.0\nelement vertex 3\nproperty double x\nproperty double y\nproperty double z\nproperty uchar red\nend_header\n"
TREE = {
    "type": "FeatureCollection",
    "name": "数字",
    "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}},
    "features": [
        {
            "type": "Feature",
            "id": i,
            "properties": {"编号": f"T{i}", "列表": [1, {"a": None}], "高度": 3.5 * i, "日期": "2026-06-30"},
            "geometry": {"type": "LineString", "coordinates": [[500000 + i, 3400000, 5], [500010, 3400010 + i, 6]]},
        }
        for i in range(4)
    ],
}  # fmt: skip
REGION = {"region": [1.98968, 0.52360, 1.98985, 0.52377, 5.0, 60.0]}
THING = {
    "name": "井盖一号",
    "Locations": [{"location": {"type": "Point", "coordinates": [114.1, 30.5]}}],
    "Datastreams": [
        {
            "name": "水位",
            "unitOfMeasurement": {"symbol": "m"},
            "ObservedProperty": {"name": "水位"},
            "Observations": [
                {"phenomenonTime": f"2026-06-30T0{i}:00:00Z", "result": 1.5 * i} for i in range(4)
            ],
        }
    ],
}
NGSI = [
    {
        "id": f"urn:ngsi-ld:Room:{i}",
        "type": "Room",
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [114, 30]}},
        "temperature": {"type": "Property", "value": 20 + i, "unitCode": "CEL", "observedAt": "2026-06-30T00:00:00Z"},
    }
    for i in range(3)
]  # fmt: skip


def write_seeds(folder: Path) -> list[Path]:
    """Write one source of every kind, each into a folder of its own; the folders, in order of kind."""
    for name, write in _SEEDS.items():
        own = folder / name
        own.mkdir(parents=True)
        write(own)
    return [folder / name for name in _SEEDS]


def real_seeds(sources: Iterable[Path], folder: Path) -> list[Path]:
    """Copies of small real sources with the files that belong to them, each in a folder of its own."""
    out = []
    for number, path in enumerate(survey(sources).sources):
        whole = path.parent if path.name in ("tileset.json", "layer.json") else path
        parts = [whole] if whole.is_dir() else [whole, *_belonging(whole)]
        files = [f for p in parts for f in (p.rglob("*") if p.is_dir() else [p]) if f.is_file()]
        if not files or sum(f.stat().st_size for f in files) > LARGEST or len(files) > 200:
            continue
        own = folder / f"{number}-{path.name[-40:]}"
        own.mkdir(parents=True)
        for part in parts:
            if part.is_dir():
                shutil.copytree(part, own / part.name, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(part, own / part.name)
        out.append(own)
    return out


def _belonging(path: Path) -> list[Path]:
    return [p for p in path.parent.iterdir() if p.is_file() and part_of(p) == path]


def _text(name: str, content: str, encoding: str = "utf-8") -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content.encode(encoding))


def _json(name: str, content: object) -> Callable[[Path], object]:
    return _text(name, json.dumps(content, ensure_ascii=False))


def _shapefile(folder: Path) -> None:
    path = folder / "建筑物.shp"
    FIXTURES.write_shp(path, [(500_000.0 + i, 3_400_000.0) for i in range(4)])
    rows = [["A1", "一号楼", "12.5"], ["A2", "幼儿园", "8"], ["A3", "商店", "9"], ["A4", "厂房", "50"]]  # fmt: skip
    fields = [("编号", "C", 10), ("名称", "C", 40), ("高度", "N", 12)]
    FIXTURES.write_dbf(path.with_suffix(".dbf"), fields, rows, "gbk")
    path.with_suffix(".prj").write_text('PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]')  # fmt: skip
    path.with_suffix(".cpg").write_text("GBK")


def _ogr(name: str, driver: str, **more: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        x, y = 500_000, 3_400_000
        shapes = [shapely.box(x + i, y, x + i + 1, y + 1) for i in range(3)]
        shapes[1] = shapely.MultiPolygon(
            [shapes[1].difference(shapely.box(x + 1.2, y + 0.2, x + 1.4, y + 0.4))]
        )
        pyogrio.raw.write(
            folder / name,
            shapely.to_wkb(shapes),
            [
                np.array(["a", "b", None], dtype=object),
                np.arange(3.0),
                np.arange(3, dtype=np.int32),
            ],
            ["code", "height", "floors"],
            geometry_type="Unknown" if driver == "GPKG" else "MultiPolygon",
            crs="EPSG:4547",
            driver=driver,
            promote_to_multi=driver != "GPKG",
            **more,
        )

    return write


def _polygons(folder: Path) -> None:
    _ogr("plots.shp", "ESRI Shapefile")(folder)


def _ifc(folder: Path) -> None:
    w = FIXTURES.IfcWriter()
    f = w.file.create_entity
    crs = f("IfcProjectedCRS", Name="EPSG:4547", MapUnit=w.metre)
    f("IfcMapConversion", w.context, crs, 508_210.0, 3_373_140.0, 23.5, 1.0, 0.0, 0.001)
    site = w.root("IfcSite", Name="场地", ObjectPlacement=w.placed(0, 0, 0))
    building = w.root("IfcBuilding", Name="5号楼", ObjectPlacement=w.placed(0, 0, 0))
    storey = w.root("IfcBuildingStorey", Name="1层", Elevation=0.0, ObjectPlacement=w.placed(0, 0, 0))  # fmt: skip
    wall = w.root("IfcWall", Name="墙", Tag="17", ObjectPlacement=w.placed(1, 1, 0), Representation=w.shape([w.box(4, 0.2, 3)]))  # fmt: skip
    room = w.root("IfcSpace", Name="101", ObjectPlacement=w.placed(1, 1, 0), Representation=w.shape([w.box(4, 5, 3)]))  # fmt: skip
    for whole, parts in ((w.project, [site]), (site, [building]), (building, [storey]), (storey, [room])):  # fmt: skip
        w.root("IfcRelAggregates", RelatingObject=whole, RelatedObjects=parts)
    w.root("IfcRelContainedInSpatialStructure", RelatedElements=[wall], RelatingStructure=storey)
    value = f("IfcPropertySingleValue", Name="宽度", NominalValue=f("IfcLengthMeasure", 200.0))
    pset = w.root("IfcPropertySet", Name="Pset_WallCommon", HasProperties=[value])
    w.root("IfcRelDefinesByProperties", RelatedObjects=[wall], RelatingPropertyDefinition=pset)
    w.file.write(str(folder / "楼.ifc"))


def _cityjson() -> dict[str, object]:
    return {
        **FIXTURES.CITYJSON,
        "CityObjects": {
            "B1": {
                "type": "Building",
                "attributes": {"name": "一号楼", "measuredHeight": 8.0},
                "children": ["B1-part"],
                "geometry": [FIXTURES.cube(0)],
            },
            "B1-part": {
                "type": "BuildingPart",
                "parents": ["B1"],
                "geometry": [FIXTURES.cube(0, semantics=False)],
            },
            "B2": {"type": "Building", "geometry": []},
        },
        "vertices": FIXTURES.block_vertices(0, 0, 20),
    }


def _cityjson_sequence(folder: Path) -> None:
    whole = _cityjson()
    objects, vertices = whole.pop("CityObjects"), whole["vertices"]
    lines = [whole | {"CityObjects": {}, "vertices": []}]
    lines += [
        {"type": "CityJSONFeature", "id": f"F{i}", "CityObjects": {f"F{i}": objects["B1"] | {"children": []}}, "vertices": vertices}
        for i in range(3)
    ]  # fmt: skip
    (folder / "街区.city.jsonl").write_text("\n".join(map(json.dumps, lines)))


def _geotiff(name: str, bands: int, dtype: str, **more: object) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        data = np.arange(bands * 20 * 24).reshape(bands, 20, 24).astype(dtype)
        profile = {
            **{"driver": "GTiff", "height": 20, "width": 24, "count": bands, "dtype": dtype},
            **{"crs": "EPSG:4547", "transform": Affine(2, 0, 500_000, 0, -2, 3_400_000)},
        }
        with rasterio.open(folder / name, "w", **profile | more) as out:
            out.write(data)

    return write


def _hgt(folder: Path) -> None:
    heights = np.zeros((1201, 1201), dtype=">i2")
    heights[:600] = 40
    (folder / "N30E114.hgt").write_bytes(heights.tobytes())


def _picture(folder: Path) -> None:
    Image.new("RGB", (8, 6), (200, 90, 10)).save(folder / "正射.jpg")
    (folder / "正射.jgw").write_text("1\n0\n0\n-1\n500000\n3400000\n")


def _las(name: str, version: str, kind: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        header = laspy.LasHeader(point_format=kind, version=version)
        header.scales, header.offsets = [0.01] * 3, [500_000, 3_400_000, 0]
        cloud = laspy.LasData(header)
        i = np.arange(60)
        cloud.x, cloud.y, cloud.z = 500_000 + i / 10, 3_400_000 + i % 7, i % 11
        cloud.classification = i % 5
        cloud.write(folder / name)

    return write


def _binary_ply(folder: Path) -> None:
    head = PLY.replace("ascii", "binary_little_endian").encode()
    body = b"".join(struct.pack("<3dB", 500_000 + i, 3_400_000, i, i) for i in range(3))
    (folder / "云.ply").write_bytes(head + body)


def _b3dm() -> bytes:
    head, table = b'{"BATCH_LENGTH":1}  ', b'{"id":[7]}      '
    size = 28 + len(head) + len(table)
    return struct.pack("<4s6I", b"b3dm", 1, size, len(head), 0, len(table), 0) + head + table


def _glb() -> bytes:
    text = b'{"asset":{"version":"2.0"},"meshes":[],"nodes":[],"scenes":[{}]}'
    text += b" " * (-len(text) % 4)
    return struct.pack("<4s4I", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def _tileset(folder: Path) -> None:
    place = {"boundingVolume": REGION, "geometricError": 10}
    root = place | {
        "content": {"uri": "a.b3dm"},
        "children": [place | {"content": {"uri": "b.glb"}}, place | {"contents": [{"uri": "a.b3dm"}]}],
    }  # fmt: skip
    _json("tileset.json", {"asset": {"version": "1.1"}, "geometricError": 100, "root": root})(folder)  # fmt: skip
    (folder / "a.b3dm").write_bytes(_b3dm())
    (folder / "b.glb").write_bytes(_glb())


def _implicit(folder: Path) -> None:
    document = {"buffers": [{"byteLength": 8}], "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 1}]}  # fmt: skip
    document |= {
        "tileAvailability": {"bitstream": 0, "availableCount": 3},
        "contentAvailability": [{"bitstream": 0}],
        "childSubtreeAvailability": {"constant": 0},
    }
    head = json.dumps(document).encode()
    head += b" " * (-len(head) % 8)
    tree = struct.pack("<IIQQ", 0x74627573, 1, len(head), 8) + head + b"\x15" + b"\0" * 7
    (folder / "s").mkdir()
    (folder / "s" / "0.0.0.subtree").write_bytes(tree)
    tiling = {"subdivisionScheme": "QUADTREE", "subtreeLevels": 2, "availableLevels": 2, "subtrees": {"uri": "s/{level}.{x}.{y}.subtree"}}  # fmt: skip
    root = {"boundingVolume": REGION, "geometricError": 10, "refine": "REPLACE", "content": {"uri": "c/{level}.{x}.{y}.glb"}, "implicitTiling": tiling}  # fmt: skip
    _json("tileset.json", {"asset": {"version": "1.1"}, "geometricError": 100, "root": root})(folder)  # fmt: skip
    (folder / "c").mkdir()
    for name in ("0.0.0", "1.0.0", "1.0.1"):
        (folder / "c" / f"{name}.glb").write_bytes(_glb())


def _terrain(folder: Path) -> None:
    tiles = [[{"startX": 0, "startY": 0, "endX": 1, "endY": 0}]]
    document = {"tilejson": "2.1.0", "format": "quantized-mesh-1.0", "tiles": ["{z}/{x}/{y}.terrain"], "bounds": [-180, -90, 180, 90], "available": tiles, "scheme": "tms"}  # fmt: skip
    _json("layer.json", document)(folder)
    head = struct.pack("<3d2f4d3dI", 0, 0, 6.4e6, 0, 50, 0, 0, 6.4e6, 1, 0, 0, 0, 0)
    for x in (0, 1):
        (folder / "0" / str(x)).mkdir(parents=True)
        (folder / "0" / str(x) / "0.terrain").write_bytes(gzip.compress(head))


def _oblique(folder: Path) -> None:
    tile = folder / "倾斜" / "Data" / "Tile_+000_+000"
    tile.mkdir(parents=True)
    (folder / "倾斜" / "metadata.xml").write_text(
        '<?xml version="1.0"?><ModelMetadata version="1"><SRS>EPSG:4547</SRS><SRSOrigin>507500,3371500,20</SRSOrigin></ModelMetadata>'
    )
    (tile / "Tile_+000_+000.osgb").write_bytes(struct.pack("<QII", 0x1AFB45456C910EA1, 1, 161))


def _pbf(folder: Path) -> None:
    xml = folder / "x.osm"
    WRITERS["osm"](folder).rename(xml)
    with osmium.SimpleWriter(str(folder / "城区.osm.pbf")) as out:
        for thing in osmium.FileProcessor(str(xml)):
            out.add(thing)
    xml.unlink()


def _members(folder: Path) -> list[tuple[str, bytes]]:
    """A shapefile set, a table and a layer, as archives hold them."""
    inner = folder / "inner"
    inner.mkdir()
    _shapefile(inner)
    _text("兴趣点.csv", FIXTURES.POI)(inner)
    _json("点.geojson", FEATURES)(inner)
    out = [(p.name, p.read_bytes()) for p in sorted(inner.iterdir())]
    shutil.rmtree(inner)
    return out


def _zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "交付.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in _members(folder):
            out.writestr(f"数据/{name}", content)


def _7z(folder: Path) -> None:
    with py7zr.SevenZipFile(folder / "交付.7z", "w") as out:
        for name, content in _members(folder):
            out.writestr(content, name)


def _tar(name: str, mode: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with tarfile.open(folder / name, mode) as out:
            for member, content in _members(folder):
                info = tarfile.TarInfo(member)
                info.size = len(content)
                out.addfile(info, io.BytesIO(content))

    return write


def _gz(folder: Path) -> None:
    (folder / "点.geojson.gz").write_bytes(gzip.compress(json.dumps(TREE).encode()))


def _workbook(folder: Path) -> None:
    rows = [["普查表"], ["编号", "经度", "纬度", "高度"], *([f"P{i}", 114.1, 30.5, i] for i in range(4))]  # fmt: skip
    write_xlsx(folder / "普查.xlsx", {"部件": rows, "二": rows}, {"部件": ["A1:D1"]})


def _ods(folder: Path) -> None:
    write_ods(folder / "普查.ods", "部件", [["编号", "经度", "纬度"], ["A", 114.1, 30.5], ["B", 114.2, 30.6]])  # fmt: skip


_GRIDDED = "\n".join(
    f"{x} {y} {x % 7}" for y in range(3400000, 3400005) for x in range(500000, 500006)
)
_CLOUD = "\n".join(f"{500000 + i * 1.37:.2f} {3400000 + i % 5} {i % 9} {i} {i % 255}" for i in range(40))  # fmt: skip
_SEEDS: dict[str, Callable[[Path], object]] = {
    **WRITERS,
    "flatgeobuf": _ogr("地块.fgb", "FlatGeobuf"),
    "tab": _ogr("plots.tab", "MapInfo File", encoding="UTF-8"),
    "filegdb": _ogr("库.gdb", "OpenFileGDB"),
    "shapefile": _shapefile,
    "polygons": _polygons,
    "geopackage": _ogr("地块.gpkg", "GPKG", layer="plots"),
    "geojson": _json("绿地.geojson", TREE),
    "geojson-degrees": _json("点.geojson", FEATURES),
    "json-table": _json(
        "表.json", [{"编号": f"A{i}", "经度": 114.1, "纬度": 30 + i / 9} for i in range(5)]
    ),
    "poi": _text("兴趣点.csv", FIXTURES.POI),
    "poi-gbk": _text("兴趣点.csv", FIXTURES.POI, "gbk"),
    "buildings": _text("建筑.csv", BUILDINGS),
    "addresses": _text("地址.csv", FIXTURES.ADDRESSES, "gbk"),
    "streams": _text("传感器.csv", FIXTURES.STREAMS.replace(",1,2,", ",508210,3373140,")),
    "readings": _text("读数.csv", FIXTURES.READINGS),
    "wide": _text("一号站.csv", WIDE),
    "cases": _text("案件.csv", FIXTURES.CASES),
    "tsv": _text("点.tsv", FIXTURES.POI.replace(",", "\t")),
    "xlsx": _workbook,
    "ods": _ods,
    "sensorthings": _json("thing.json", THING),
    "ngsi": _json("rooms.json", NGSI),
    "ifc": _ifc,
    "cityjson": _json("街区.city.json", _cityjson()),
    "cityjsonseq": _cityjson_sequence,
    "citygml": _text("街区.gml", town(house("a", 400), house("b", 420))),
    "citygml3": _text(
        "三.gml",
        CITY_3
        + '<cityObjectMember><bldg:Building gml:id="x"><gml:name>甲</gml:name></bldg:Building></cityObjectMember></CityModel>',
    ),
    "swmm": _text("雨水.inp", SWMM),
    "osm-pbf": _pbf,
    "dem": _geotiff("dem.tif", 1, "float32", nodata=-9999),
    "dem-packed": _geotiff(
        "dem.tif", 1, "int16", compress="deflate", tiled=True, blockxsize=16, blockysize=16
    ),
    "ortho": _geotiff("正射.tif", 3, "uint8", compress="lzw"),
    "picture": _picture,
    "asc": _text("dem.asc", ASCII_GRID),
    "grid-xyz": _text("dem.xyz", _GRIDDED),
    "hgt": _hgt,
    "las": _las("云.las", "1.2", 3),
    "las14": _las("云.las", "1.4", 7),
    "laz": _las("云.laz", "1.2", 1),
    "ply": _text("云.ply", PLY + "500000 3400000 1 7\n500001 3400000 2 8\n500000 3400001 3 9\n"),
    "ply-binary": _binary_ply,
    "cloud-xyz": _text("云.xyz", _CLOUD),
    "tileset": _tileset,
    "implicit": _implicit,
    "terrain": _terrain,
    "oblique": _oblique,
    "zip": _zip,
    "7z": _7z,
    "tar": _tar("交付.tar", "w"),
    "tgz": _tar("交付.tar.gz", "w:gz"),
    "gz": _gz,
}
"""Kind → what writes it into a folder."""
