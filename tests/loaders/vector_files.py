"""Small vector files of every format, each written by another library than reads it, or by hand."""

import json
import zipfile
from pathlib import Path

import ezdxf
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio.raw
import shapely

SQUARE = [[114.0, 30.0], [114.001, 30.0], [114.001, 30.001], [114.0, 30.001], [114.0, 30.0]]
KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>设施</name>
<Placemark><name>甲</name><ExtendedData><Data name="宽度"><value>12</value></Data></ExtendedData>
<LineString><coordinates>114,30,5 114.1,30.1,6</coordinates></LineString></Placemark>
<Placemark><name>乙</name></Placemark></Document></kml>"""
GML = """<?xml version="1.0"?><ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml">
<gml:featureMember><ogr:井盖 fid="a.0"><ogr:geom><gml:Point srsName="urn:ogc:def:crs:EPSG::4490"><gml:pos>30 114</gml:pos></gml:Point></ogr:geom>
<ogr:名称>甲</ogr:名称></ogr:井盖></gml:featureMember>
<gml:featureMember><ogr:井盖 fid="a.1"><ogr:名称>乙</ogr:名称></ogr:井盖></gml:featureMember></ogr:FeatureCollection>"""
OSM = """<?xml version='1.0' encoding='UTF-8'?><osm version="0.6"><bounds minlat="30" minlon="114" maxlat="30.1" maxlon="114.1"/>
<node id="1" lat="30" lon="114"/><node id="2" lat="30" lon="114.001"/><node id="3" lat="30.001" lon="114.001"/><node id="4" lat="30.001" lon="114"/>
<node id="5" lat="30.0003" lon="114.0003"/><node id="6" lat="30.0003" lon="114.0006"/><node id="7" lat="30.0006" lon="114.0006"/>
<way id="10"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/><nd ref="1"/><tag k="building" v="yes"/><tag k="height" v="12 m"/><tag k="name" v="甲"/><tag k="wikidata" v="Q1"/></way>
<way id="11"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="building" v="yes"/></way>
<way id="12"><nd ref="1"/><nd ref="2"/><nd ref="99"/><tag k="building" v="house"/></way>
<way id="13"><nd ref="5"/><nd ref="6"/><nd ref="7"/><nd ref="5"/></way>
<relation id="20"><member type="way" ref="10" role="outer"/><member type="way" ref="13" role="inner"/><tag k="type" v="multipolygon"/><tag k="building" v="school"/></relation>
<relation id="21"><member type="way" ref="77" role="outer"/><tag k="type" v="multipolygon"/><tag k="building" v="yes"/></relation></osm>"""
TOPOJSON = {
    "type": "Topology",
    "arcs": [[[114.0, 30.0], [114.1, 30.0], [114.1, 30.1], [114.0, 30.0]]],
    "objects": {
        "绿地": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0]], "properties": {"id": "T1"}},
                {"type": "Polygon", "arcs": [[0]], "properties": {"id": "T1"}},
            ],
        }
    },
}
INP = """[TITLE]
样例
[JUNCTIONS]
;ID  Elev
J1   10   0
J2   20   0
J3   30   0
[COORDINATES]
J1  500000 3400000
J2  500100 3400000
[OPTIONS]
 UNITS LPS
"""


def feature(n, geometry=None):
    geometry = geometry or {"type": "Point", "coordinates": [114 + n / 100, 30]}
    return {"type": "Feature", "properties": {"id": f"S{n}", "名称": "点"}, "geometry": geometry}


def parquet(folder: Path) -> Path:
    """Four points as native coordinates, one null; the third repeats an id; CRS as PROJJSON with its code."""
    points = [{"x": 500_000.0 + i, "y": 3_400_000.0} for i in range(4)]
    points[3] = None
    column = {
        "encoding": "point",
        "geometry_types": ["Point"],
        "crs": {"type": "ProjectedCRS", "name": "x", "id": {"authority": "EPSG", "code": 4547}},
    }
    geo = {"version": "1.1.0", "primary_column": "位置", "columns": {"位置": column}}
    table = pa.table(
        {
            "id": ["P1", "P2", "P1", "P4"],
            "位置": pa.array(points, pa.struct([("x", pa.float64()), ("y", pa.float64())])),
            "高度": [1.0, 2.0, 3.0, None],
        }
    ).replace_schema_metadata({b"geo": json.dumps(geo).encode()})
    pq.write_table(table, folder / "部件.parquet")
    return folder / "部件.parquet"


def written(folder: Path, name: str, driver: str) -> Path:
    """Three lines by GDAL's writer."""
    lines = shapely.linestrings([[[i, 0], [i, 10]] for i in range(3)])
    pyogrio.raw.write(
        folder / name,
        shapely.to_wkb(lines),
        [np.array(["道路一", "道路二", "道路三"], dtype=object), np.arange(3.0)],
        ["name", "width"] if driver == "MapInfo File" else ["名称", "宽度"],
        geometry_type="LineString",
        crs="EPSG:4547",
        driver=driver,
        **({"encoding": "UTF-8"} if driver == "MapInfo File" else {}),
    )
    return folder / name


def dxf(folder: Path) -> Path:
    """One layer: a closed outline, a circle, a text, a block with attribute, an arc of bulge 1, an endless line."""
    document = ezdxf.new("R2018")
    block = document.blocks.new("井盖")
    block.add_circle((0, 0), 1)
    block.add_attdef("编号", (0, 0))
    space = document.modelspace()
    on = {"layer": "JMD"}
    space.add_lwpolyline([(0, 0), (10, 0), (10, 20), (0, 20)], close=True, dxfattribs=on)
    space.add_circle((50, 50), 10, dxfattribs=on)
    space.add_text("砖3", dxfattribs=on | {"insert": (5, 5)})
    reference = space.add_blockref("井盖", (100, 100), dxfattribs=on)
    reference.add_auto_attribs({"编号": "W7"})
    space.add_lwpolyline([(0, 0, 1), (10, 0, 0)], format="xyb", dxfattribs=on)
    space.add_xline((0, 0), (1, 1), dxfattribs=on)
    document.saveas(folder / "地形.dxf")
    return folder / "地形.dxf"


def text(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def kmz(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "设施.kmz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("doc.kml", KML)
    return folder / "设施.kmz"


def sequence(folder: Path) -> Path:
    lines = [json.dumps(feature(1)), '{"type": "Feature", "prop', json.dumps(feature(2))]
    return text(folder, "点位.geojsonl", "\n".join(lines))


WRITERS = {
    "parquet": parquet,
    "flatgeobuf": lambda folder: written(folder, "道路.fgb", "FlatGeobuf"),
    "tab": lambda folder: written(folder, "道路.tab", "MapInfo File"),
    "mif": lambda folder: written(folder, "道路.mif", "MapInfo File"),
    "filegdb": lambda folder: written(folder, "库.gdb", "OpenFileGDB"),
    "kml": lambda folder: text(folder, "设施.kml", KML),
    "kmz": kmz,
    "gml": lambda folder: text(folder, "井盖.gml", GML),
    "dxf": dxf,
    "osm": lambda folder: text(folder, "城区.osm", OSM),
    "topojson": lambda folder: text(folder, "绿地.topojson", json.dumps(TOPOJSON)),
    "sequence": sequence,
    "network": lambda folder: text(folder, "管网.inp", INP),
}
"""Kind → what writes it into a folder."""
