"""What each vector format means, value by value: shapes, attributes, CRS, and what is told about the rest."""

import json
import math
import sqlite3
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import ezdxf
import numpy as np
import osmium
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pyogrio.raw
import pytest
import shapely
from vector_files import INP, KML, OSM, SQUARE, WRITERS, dxf, feature, text

from loaders.discovery import scan, scan_all
from loaders.propose import propose
from loaders.registry import loader_for
from twin.errors import SourceError

ROOT = Path(__file__).resolve().parents[2]


def layers(path):
    """Layer name → (info, rows as dicts with attributes parsed and geometry as object)."""
    out = {}
    for info in scan([path]):
        plan = propose([info]).layers[0]
        rows, said = [], []
        for batch in loader_for(info.path).read(info, plan):
            said += batch.findings
            for row in batch.records.to_pylist():
                row["attributes"] = json.loads(row["attributes"] or "{}")
                row["shape"] = shapely.from_wkb(row["geometry"]) if row["geometry"] else None
                rows.append(row)
        out[info.name] = (info, rows, said, plan)
    return out


# -- DXF


def test_a_drawing_comes_layer_by_layer_with_outlines_texts_blocks_and_data(tmp_path):
    info, rows, _, plan = layers(dxf(tmp_path))["JMD"]
    house, circle, label, cover, half, endless = rows

    assert (house["shape"].area, plan.class_code) == (200.0, "building")
    assert circle["shape"].area == pytest.approx(math.pi * 100, rel=2e-3)
    assert circle["shape"].hausdorff_distance(shapely.Point(50, 50).buffer(10, 400)) < 0.011
    assert (label["attributes"]["text"], label["shape"].coords[0][:2]) == ("砖3", (5.0, 5.0))
    assert (cover["key"], cover["attributes"]["block"]) == ("W7", "井盖")
    assert cover["shape"].centroid.distance(shapely.Point(100, 100)) < 1e-6
    assert half["shape"].length == pytest.approx(
        math.pi * 5, rel=1e-3
    )  # a bulge of 1 is a half circle
    assert "a line without end" in endless["fault"]
    assert "within 0.01 drawing units" in " ".join(info.findings)


def test_geodata_places_a_drawing_and_names_its_crs(tmp_path):
    document = ezdxf.new("R2018")
    space = document.modelspace()
    space.add_line((0, 0), (10, 0))
    geodata = space.new_geodata()
    geodata.setup_local_grid(design_point=(0, 0, 0), reference_point=(500_000, 3_400_000, 0))
    document.saveas(tmp_path / "a.dxf")
    (info, (row,), _, _) = layers(tmp_path / "a.dxf")["0"]

    assert info.crs == "EPSG:3395"  # the grid ezdxf writes
    assert row["shape"].coords[0][:2] == pytest.approx((500_000, 3_400_000))
    assert row["shape"].length == pytest.approx(10)


def test_a_hatch_with_an_island_is_an_area_with_a_hole(tmp_path):
    document = ezdxf.new("R2010")
    hatch = document.modelspace().add_hatch()
    for a, b in ((0, 10), (2, 8), (4, 6)):
        hatch.paths.add_polyline_path([(a, a), (b, a), (b, b), (a, b)], is_closed=True)
    document.saveas(tmp_path / "a.dxf")
    (_, (row,), _, _) = layers(tmp_path / "a.dxf")["0"]

    assert row["shape"].area == 100 - 36 + 4


def test_gbk_drawing_text_is_read_by_its_bytes_when_the_header_lies(tmp_path):
    document = ezdxf.new("R2000", setup=False)
    document.encoding = "gbk"
    document.header["$DWGCODEPAGE"] = "ANSI_936"
    document.modelspace().add_text("临江花园滨江大道小学", dxfattribs={"layer": "注记"})
    document.saveas(tmp_path / "a.dxf")
    path = tmp_path / "a.dxf"
    path.write_bytes(path.read_bytes().replace(b"ANSI_936", b"ANSI_1252"))
    read = layers(path)

    assert read["注记"][1][0]["attributes"]["text"] == "临江花园滨江大道小学"


def test_blocks_that_explode_without_end_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("loaders.dxf.drawing.MOST_ROWS", 1000)
    document = ezdxf.new("R2010")
    for level in range(12):
        block = document.blocks.new(f"B{level}")
        for i in range(8):
            if level:
                block.add_blockref(f"B{level - 1}", (i, level), dxfattribs={"layer": f"L{i % 2}"})
            else:
                block.add_line((0, 0), (1, i), dxfattribs={"layer": f"L{i % 2}"})
    document.modelspace().add_blockref("B11", (0, 0))
    document.saveas(tmp_path / "a.dxf")

    assert "explode to more than" in scan([tmp_path / "a.dxf"])[0].findings[0]


# -- OpenStreetMap


def test_osm_buildings_ways_and_relations_with_their_tags(tmp_path):
    info, rows, _, plan = layers(text(tmp_path, "a.osm", OSM))["buildings"]
    by_key = {row["key"]: row for row in rows}

    assert (info.crs, info.bounds, plan.class_code) == (
        "EPSG:4326",
        (114.0, 30.0, 114.1, 30.1),
        "building",
    )
    assert by_key["w10"]["shape"].equals(shapely.Polygon(SQUARE))
    assert by_key["w10"]["attributes"] == {"building": "yes", "height_m": 12, "wikidata": "Q1"}
    assert len(by_key["r20"]["shape"].geoms[0].interiors) == 1
    assert "not closed" in by_key["w11"]["fault"]
    assert "not all in the extract" in by_key["w12"]["fault"]
    assert "rings cannot be closed" in by_key["r21"]["fault"]


@pytest.mark.parametrize(
    "options", ["pbf_compression=zlib", "pbf_compression=lz4", "pbf_compression=none"]
)
def test_pbf_blobs_of_any_compression_say_the_same_as_xml(tmp_path, options):
    xml, pbf = text(tmp_path, "a.osm", OSM), tmp_path / "a.osm.pbf"
    file = osmium.io.File(str(pbf), f"pbf,{options}")
    with osmium.SimpleWriter(file) as writer:
        for thing in osmium.FileProcessor(str(xml)):
            writer.add(thing)
    one, two = layers(xml)["buildings"][1], layers(pbf)["buildings"][1]

    assert [(r["key"], r["geometry"], r["fault"]) for r in one] == [
        (r["key"], r["geometry"], r["fault"]) for r in two
    ]


def test_every_tagged_object_of_an_extract_is_in_one_layer(tmp_path):
    extra = '<node id="50" lat="30" lon="114"><tag k="amenity" v="school"/></node><node id="51" lat="30" lon="114"><tag k="power" v="pole"/></node>'
    roads = '<way id="60"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way><way id="61"><nd ref="1"/><nd ref="2"/><tag k="waterway" v="river"/></way>'
    xml = OSM.replace('<way id="10">', extra + '<way id="10">').replace(
        '<relation id="20">', roads + '<relation id="20">'
    )
    read = layers(text(tmp_path, "a.osm", xml))

    assert {name: len(rows) for name, (_, rows, _, _) in read.items()} == {
        "buildings": 5, "roads": 1, "water": 1, "poi": 1, "other": 1,
    }  # fmt: skip
    assert all(info.count == len(rows) for info, rows, _, _ in read.values())


# -- GeoParquet


POLYGONS = shapely.from_wkt(
    [
        "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 0.5, 2 0.5, 2 1, 1 0.5))",
        None,
        "POLYGON ((9 9, 8 9, 8 8, 9 9))",
    ]
)


@pytest.mark.parametrize("encoding", ["WKB", "WKT", "polygon", "interleaved"])
def test_geoparquet_encodings_hold_the_same_shapes(tmp_path, encoding):
    if encoding == "WKB":
        column = pa.array(shapely.to_wkb(POLYGONS), pa.binary())
    elif encoding == "WKT":
        column = pa.array(shapely.to_wkt(POLYGONS, rounding_precision=-1), pa.string())
    else:
        rings = [
            None if p is None else [list(r.coords) for r in (p.exterior, *p.interiors)]
            for p in POLYGONS
        ]
        if encoding == "interleaved":
            column = pa.array(rings, pa.list_(pa.list_(pa.list_(pa.float64(), 2))))
        else:
            named = [
                None if p is None else [[{"x": x, "y": y} for x, y in r] for r in p] for p in rings
            ]
            column = pa.array(named)
    about = {
        "encoding": "polygon" if encoding == "interleaved" else encoding,
        "geometry_types": ["Polygon"],
        "crs": None,
    }
    geo = {"version": "1.1.0", "primary_column": "g", "columns": {"g": about}}
    table = pa.table({"g": column, "n": [1, 2, 3]}).replace_schema_metadata(
        {b"geo": json.dumps(geo).encode()}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (info, rows, _, _) = layers(tmp_path / "a.parquet")["a"]

    assert info.crs is None
    assert [r["shape"] and r["shape"].equals(p) for r, p in zip(rows, POLYGONS, strict=True)] == [
        True,
        None,
        True,
    ]
    assert [r["fault"] for r in rows] == [None, "no geometry", None]


def test_crs_absent_is_crs84_and_a_second_geometry_is_kept_as_text(tmp_path):
    points = shapely.to_wkb(shapely.points([[1.0, 2.0]]))
    columns = {name: {"encoding": "WKB", "geometry_types": []} for name in ("入口", "g")}
    geo = {"version": "1.0.0", "primary_column": "g", "columns": columns}
    table = pa.table({"g": points, "入口": points}).replace_schema_metadata(
        {b"geo": json.dumps(geo).encode()}
    )
    pa.feather.write_feather(table, tmp_path / "a.feather")
    (info, (row,), _, _) = layers(tmp_path / "a.feather")["a"]

    assert info.crs == "OGC:CRS84"
    assert row["attributes"]["入口"] == "POINT (1 2)"
    assert "kept as text" in " ".join(info.findings)


def test_values_in_partition_folders_come_along(tmp_path):
    folder = tmp_path / "district=云梦" / "year=2026"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"n": [1]}), folder / "a.parquet")

    assert layers(folder / "a.parquet")["a"][1][0]["attributes"] == {
        "n": 1,
        "district": "云梦",
        "year": "2026",
    }


@pytest.mark.parametrize(
    "content", [b"PAR1", b"PAR1" + b"\xff" * 60 + b"PAR1", b"ARROW1\0\0" + b"\xff" * 40, b""]
)
def test_a_broken_parquet_file_is_refused(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)

    assert "no Parquet" in scan([tmp_path / "a.parquet"])[0].findings[0]


# -- network models


def test_a_water_network_gives_pipes_through_their_bends_with_units_made_metric(tmp_path):
    model = INP.replace("UNITS LPS", "UNITS GPM").replace(
        "[OPTIONS]",
        "[PIPES]\nP1 J1 J2 1000 12 100 0 Open ; main\nP2 J1 J3 5 6 100\n[VERTICES]\nP1 500050 3400020\n[OPTIONS]",
    )
    read = layers(text(tmp_path, "管网.inp", model))
    info, (main, lost), _, plan = read["pipes"]

    assert (info.format, plan.class_code, info.count) == ("EPANET", "pipe_water", 2)
    assert main["shape"].wkt == "LINESTRING (500000 3400000, 500050 3400020, 500100 3400000)"
    assert main["attributes"]["length_m"] == pytest.approx(304.8)
    assert main["attributes"]["diameter_mm"] == pytest.approx(304.8)
    assert (main["attributes"]["length_ft"], main["attributes"]["diameter_in"]) == ("1000", "12")
    assert lost["fault"] == "its node J3 has no coordinates in the file"


def test_a_sewer_model_takes_diameters_from_its_cross_sections(tmp_path):
    model = """[OPTIONS]\nFLOW_UNITS CMS\n[JUNCTIONS]\nA 1\nB 2\n[CONDUITS]\nC1 A B 40 0.01 0 0\n[XSECTIONS]\nC1 CIRCULAR 0.8 0 0 0\n
[SUBCATCHMENTS]\nS1 * A 1 25 500\n[POLYGONS]\nS1 0 0\nS1 10 0\nS1 10 10\n[COORDINATES]\nA 0 0\nB 30 40\n"""
    read = layers(text(tmp_path, "a.inp", model))

    assert read["conduits"][1][0]["attributes"]["diameter_mm"] == 800
    assert read["conduits"][3].class_code == "pipe_drainage"
    assert read["subcatchments"][1][0]["shape"].area == 50


# -- what GDAL reads


def test_features_that_gdal_passes_over_are_told(tmp_path):
    features = [None, feature(1), 3, feature(2)]
    path = text(
        tmp_path, "a.geojson", json.dumps({"type": "FeatureCollection", "features": features})
    )
    info, rows, said, _ = layers(path)["a"]

    assert (info.count, len(rows)) == (4, 2)
    assert "the header says 4 records, the layer holds 2" in said


def test_an_open_ring_is_closed_and_told_and_nan_is_a_fault(tmp_path):
    ring = [[0, 0], [4, 0], [4, 4], [0, 4]]
    features = [
        feature(1, {"type": "Polygon", "coordinates": [ring]}),
        feature(2, {"type": "Point", "coordinates": [1, math.nan]}),
    ]
    path = text(
        tmp_path, "a.geojson", json.dumps({"type": "FeatureCollection", "features": features})
    )
    _, rows, said, _ = layers(path)["a"]

    assert rows[0]["shape"].area == 16
    assert any("open rings" in s for s in said)
    assert rows[1]["fault"] in ("coordinate is NaN or infinite", "geometry is empty")


def test_kml_folders_are_layers_and_extended_data_are_fields(tmp_path):
    folders = KML.replace("<name>设施</name>", "<Folder><name>道路</name>").replace(
        "</Document>",
        "</Folder><NetworkLink><Link><href>http://192.0.2.1/a.kml</href></Link></NetworkLink></Document>",
    )
    read = layers(text(tmp_path, "a.kml", folders))
    info, rows, _, _ = read["道路"]

    assert rows[0]["shape"].wkt == "LINESTRING Z (114 30 5, 114.1 30.1 6)"
    assert "12" in [str(v) for v in rows[0]["attributes"].values()]
    assert "holds network links, which are not followed" in info.findings


@pytest.mark.parametrize("before", [9_000, 200_000])
def test_a_document_type_is_found_however_far_down_it_stands(tmp_path, before):
    bomb = (
        f'<?xml version="1.0"?><!--{"x" * before}--><!DOCTYPE a [<!ENTITY x "y">]>'
        + KML.split("?>", 1)[1]
    )
    with zipfile.ZipFile(tmp_path / "a.kmz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("doc.kml", bomb)
    text(tmp_path, "a.kml", bomb)

    for name in ("a.kml", "a.kmz"):
        (layer,) = scan([tmp_path / name])
        assert "document type" in layer.findings[0]
        assert layer.path.name == name


def test_a_shapefile_that_claims_more_than_it_holds_is_refused_or_told(tmp_path):
    head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, 2**30) + struct.pack(
        "<ii8d", 1000, 5, 0, 0, 1, 1, 0, 0, 0, 0
    )
    body = struct.pack("<i4dii", 5, 0, 0, 1, 1, 2**31 - 1, 2**31 - 1)
    (tmp_path / "a.shp").write_bytes(head + struct.pack(">ii", 1, 2**29) + body)

    assert "record 1 claims 1073741824 bytes" in scan([tmp_path / "a.shp"])[0].findings[0]


def test_table_rows_without_a_shape_are_told(shapefile):
    path = shapefile(cpg="GBK")
    data = bytearray(path.with_suffix(".dbf").read_bytes())
    data[4:8] = (7).to_bytes(4, "little")
    path.with_suffix(".dbf").write_bytes(bytes(data))

    assert (
        "the .dbf has 7 records, the .shp 4: 3 table rows have no shape and are left out"
        in scan([path])[0].findings
    )


def test_a_file_that_hides_another_kind_is_not_opened_by_the_other_driver(tmp_path):
    pointer = b"<OGRWFSDataSource><URL>http://192.0.2.1/wfs</URL></OGRWFSDataSource>"
    (tmp_path / "a.gml").write_bytes(b"<!-- " + b"x" * 5000 + b" -->" + pointer)
    with pytest.raises(SourceError):
        loader_for(tmp_path / "a.gml").scan(tmp_path / "a.gml")

    code = "from loaders.gdalio import pyogrio; print(*pyogrio.list_drivers(), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert {"WFS", "OAPIF", "HTTP", "GDALG", "OGR_VRT"}.isdisjoint(done.stdout.splitlines())
    assert "GPKG" in done.stdout.splitlines()
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["gml", "kml", "flatgeobuf", "filegdb", "mif", "parquet", "dxf"])
def test_a_file_cut_anywhere_is_refused_or_keeps_count(tmp_path, kind):
    path = WRITERS[kind](tmp_path)
    if path.is_dir():
        path = max(path.glob("*.gdbtable"), key=lambda p: p.stat().st_size)
    whole = path.read_bytes()
    for part in np.linspace(0, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:part])
        source = path.parent if path.parent.suffix == ".gdb" else path
        for info in scan([source]):
            if info.format == "unreadable":
                assert info.findings[0]
                continue
            try:
                batches = list(loader_for(info.path).read(info, propose([info]).layers[0]))
            except SourceError:
                continue
            n = sum(b.records.num_rows for b in batches)
            told = " ".join(f for b in batches for f in b.findings)
            assert info.count in (None, n) or str(info.count) in told


@pytest.mark.parametrize("declared", ["TIN", "POLYHEDRALSURFACE", "TRIANGLE"])
def test_a_geopackage_of_surfaces_is_read_as_polygons(tmp_path, declared):
    path = tmp_path / "a.gpkg"
    squares = shapely.to_wkb(shapely.box([0, 2], [0, 2], [1, 3], [1, 3]))
    pyogrio.raw.write(
        path,
        squares,
        [np.arange(2)],
        ["n"],
        geometry_type="Polygon",
        crs="EPSG:4547",
        driver="GPKG",
    )
    with sqlite3.connect(path) as base:
        base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = ?", (declared,))
    base.close()
    before = path.read_bytes()
    info, rows, _, _ = layers(path)["a"]

    assert [row["shape"].area for row in rows] == [1, 1]
    assert (info.crs, path.read_bytes() == before) == ("EPSG:4547", True)


def test_a_picture_cache_called_db_is_no_source_but_a_spatial_database_is(tmp_path):
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    pyogrio.raw.write(
        tmp_path / "a.db", shapely.to_wkb(shapely.points([[1.0, 2.0]])), [np.arange(1)], ["n"],
        geometry_type="Point", crs="EPSG:4547", driver="SQLite",
    )  # fmt: skip
    scanned = scan_all([tmp_path])

    assert [layer.path.name for layer in scanned.layers] == ["a.db"]
    assert [s.path.name for s in scanned.skipped] == ["Thumbs.db"]


def test_a_sequence_with_record_separators_may_run_over_lines(tmp_path):
    records = [json.dumps(feature(n), indent=1) for n in (1, 2)]
    path = text(tmp_path, "a.geojsons", "".join(f"\x1e{r}\n" for r in [*records, '{"type": ']))
    info, rows, _, _ = layers(path)["a"]

    assert [row["fault"] is None for row in rows] == [True, True, False]
    assert info.count == 3


def test_a_table_without_any_column_keeps_its_number_of_rows(tmp_path):
    pyogrio.raw.write(
        tmp_path / "a.gpkg",
        None,
        [np.arange(5)],
        ["n"],
        layer="t",
        driver="GPKG",
        geometry_type=None,
    )
    with sqlite3.connect(tmp_path / "a.gpkg") as base:
        base.execute("ALTER TABLE t DROP COLUMN n")
    base.close()
    info, rows, _, _ = layers(tmp_path / "a.gpkg")["t"]

    assert (info.count, len(rows), dict(info.fields)) == (5, 5, {})
