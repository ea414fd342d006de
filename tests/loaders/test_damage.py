"""Damaged files, each of a kind that mutants brought to light: what is left is read, the rest is told, nothing escapes."""

import json
import re
import sqlite3
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import laspy
import numpy as np
import pyarrow as pa
import pyproj
import pytest
from PIL import Image
from vector_files import WRITERS
from workbooks import write_xlsx

from api.loading import load_layers
from loaders import discovery, textfiles
from loaders.base import Batch, LayerInfo
from loaders.discovery import scan
from loaders.foreseen import DEFECT, foreseen
from loaders.gdalio import refuse_overlaps
from loaders.propose import propose
from loaders.registry import loader_for, read_points
from loaders.tables import TableLoader
from twin.city import City
from twin.errors import InvalidRequestError, SourceError
from twin.heights import Heights
from twin.ingest.staging import _readable
from twin.plan import LayerPlan
from twin.resample import Resampled
from twin.schema import RECORDS
from twin.store import Store

_FEATURE = (
    '{"type":"Feature","properties":{"id":"%s"},"geometry":{"type":"Point","coordinates":[114,30]}}'
)
POI = "编号,名称,经度,纬度\nA,甲,114.1,30.5\nB,乙,114.2,30.6\nC,丙,114.3,30.7\n"


def rows(layer: LayerInfo) -> list[dict]:
    batches = loader_for(layer.path).read(layer, propose([layer]).layers[0])
    return [row for batch in batches for row in batch.records.to_pylist()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(table: Callable[..., Path], end: str, encoding: str) -> None:
    layer = scan([table("兴趣点.csv", POI.replace("\n", end), encoding)])[0]
    assert [r["key"] for r in rows(layer)] == ["A", "B", "C"]
    assert layer.count in (3, None)


@pytest.mark.parametrize("most", [1 << 22, 1], ids=["parsed", "by lines"])
def test_a_line_of_blanks_is_no_record_and_shifts_no_reason(
    table: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(textfiles, "_PARSED_BYTES", most)
    text = POI.replace("B,乙,114.2,30.6\n", "\t\nB,少\n  \nD,丁,114.2,30.6\n")
    layer = scan([table("兴趣点.csv", text)])[0]
    told = [(r["row"], r["key"], r["fault"]) for r in rows(layer)]
    few = "2 fields where 4 are expected: 'B,少'"
    assert told == [(0, "A", None), (1, None, few), (2, "D", None), (3, "C", None)]
    assert layer.count in (4, None)


def test_a_table_without_one_readable_place_is_still_a_table(table: Callable[..., Path]) -> None:
    layer = scan([table("兴趣点.csv", "编号,经度,纬度\nA,东,北\nB,x,y\n")])[0]
    assert layer.bounds is None
    assert all(r["fault"] for r in rows(layer))


def test_column_names_with_undecodable_bytes_are_kept_as_far_as_they_go(tmp_path: Path) -> None:
    path = tmp_path / "点.csv"
    path.write_bytes("编号,经度,纬度,名\n".encode() + b"A,114.1,30.5,\x8a\xff\nB,114.2,30.6,b\n")
    assert len(rows(scan([path])[0])) == 2


def test_lines_are_not_counted_where_a_quote_stays_open(table: Callable[..., Path]) -> None:
    text = POI + '"\nD,丁,114.4,30.8\n'
    layer = scan([table("兴趣点.csv", text)])[0]
    assert layer.count is None
    assert len(rows(layer)) == 5


def test_whole_numbers_past_exact_floats_are_out_of_range_and_no_crash(
    table: Callable[..., Path],
) -> None:
    text = "编号,楼高,层数,经度,纬度\nA,9,-9223372036854775808,114.1,30.5\n"
    assert "outside" in rows(scan([table("建筑.csv", text)])[0])[0]["fault"]


def test_a_workbook_with_a_damaged_part_says_so(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"一": [["编号", "经度", "纬度"], ["A", 114.1, 30.5]]})
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("xl/worksheets/sheet1.xml")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"damaged workbook|no workbook"):
        loader_for(path).scan(path)


@pytest.mark.parametrize(("given", "instead"), [
    ('r="B3"', 'r="B4294967295"'), ('r="B3"', 'r="ZZZZZZZ3"'), ('<row r="3"', '<row r="4294967295"'), ("A1:D1", "A1:ZZZZZZ99999999"),
])  # fmt: skip
def test_cells_where_no_sheet_reaches_are_refused_before_they_are_read(
    tmp_path: Path, given: str, instead: str
) -> None:
    sheet = [["编号", "经度", "纬度"], ["A", 114.1, 30.5], ["B", 114.2, 30.6]]
    source = write_xlsx(tmp_path / "a.xlsx", {"一": sheet}, {"一": ["A1:D1"]})
    path = tmp_path / "b.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(given.encode(), instead.encode()))
    try:
        assert len(rows(loader_for(path).scan(path)[0])) == 2
    except SourceError as err:
        assert "no workbook" in err.reason or "past" in err.reason or "spans" in err.reason


def test_a_world_file_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jgw").write_text("1" * 200_000 + "\n0\n0\n-1\n0\n0\n")
    with pytest.raises(SourceError, match="GDAL cannot read it"):
        loader_for(tmp_path / "a.jpg").scan(tmp_path / "a.jpg")


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e-9])
def test_a_raster_whose_pixels_have_no_size_is_refused(size: float) -> None:
    transform = (size, 0.0, 500_000.0, 0.0, -10.0, 3_400_000.0)
    with pytest.raises(InvalidRequestError, match=r"pixels"):
        Resampled(lambda *_: np.zeros((3, 4)), (3, 4), transform, "EPSG:4547", Heights(0.0))


@pytest.mark.parametrize("bounds", [[-180, -90, {"a": 1}, 90], ["x", 0, 1, 2], [None] * 4, 7])
def test_bounds_that_are_no_numbers_do_not_stop_a_terrain(tmp_path: Path, bounds: object) -> None:
    document = {"format": "quantized-mesh-1.0", "tiles": ["{z}/{x}/{y}.terrain"], "bounds": bounds}
    (tmp_path / "layer.json").write_text(json.dumps(document))
    assert scan([tmp_path / "layer.json"])[0].format == "quantized-mesh-1.0"


def test_a_tileset_built_otherwise_than_the_standard_says_is_a_source_error(tmp_path: Path) -> None:
    root = {"boundingVolume": [1], "transform": [{}] * 16, "geometricError": {}}
    path = tmp_path / "tileset.json"
    path.write_text(json.dumps({"asset": [], "root": root}))
    with pytest.raises(SourceError, match="is no tileset"):
        loader_for(path).scan(path)


def test_extended_records_longer_than_the_file_are_left_out(tmp_path: Path) -> None:
    header = laspy.LasHeader(point_format=6, version="1.4")
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = np.arange(3), np.arange(3), np.arange(3)
    cloud.evlrs = laspy.vlrs.vlrlist.VLRList([laspy.VLR("a", 1, "b", b"1234")])
    cloud.write(tmp_path / "a.las")
    content = bytearray((tmp_path / "a.las").read_bytes())
    at = struct.unpack_from("<Q", content, 235)[0]
    struct.pack_into("<Q", content, at + 20, 1 << 62)
    (tmp_path / "a.las").write_bytes(content)
    layer = scan([tmp_path / "a.las"])[0]
    assert any("beyond the file" in f for f in layer.findings)
    stream = read_points(layer, LayerPlan(str(layer.path), kind="points"))
    assert sum(len(b["x"]) for b in stream.batches()) == 3


def test_a_line_of_bytes_among_points_is_left_out_and_counted(tmp_path: Path) -> None:
    lines = [b"%d %d %d %d" % (i * 2, i % 3, i % 5, i) for i in range(20)]
    lines[15] = b"3\xff1 2 \x80 1"
    (tmp_path / "a.xyz").write_bytes(b"x y z i\r" + b"\r".join(lines) + b"\r")
    layer = scan([tmp_path / "a.xyz"])[0]
    stream = read_points(layer, LayerPlan(str(layer.path), kind="points"))
    assert sum(len(b["x"]) for b in stream.batches()) == 19
    assert "1 of 20 lines are no points" in " ".join(stream.findings)


def ply(folder: Path, properties: str, line: str) -> Path:
    """A cloud of one vertex with a property for each letter."""
    named = "".join(f"property double {name}\n" for name in properties)
    path = folder / "a.ply"
    path.write_text(f"ply\nformat ascii 1.0\nelement vertex 1\n{named}end_header\n{line}\n")
    return path


def test_a_cloud_that_names_a_property_twice_is_refused(tmp_path: Path) -> None:
    path = ply(tmp_path, "xyzz", "1 2 3 4")
    with pytest.raises(SourceError, match="carry 'z' twice"):
        loader_for(path).scan(path)


def test_figures_of_undecodable_bytes_are_told_as_they_are(
    shapefile: Callable[..., Path],
) -> None:
    path = shapefile("utf-8", cpg="UTF-8")
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"12.5", b"1\xa02\xff"))
    faults = [r["fault"] for r in rows(scan([path])[0])]
    assert len(faults) == 4


@pytest.mark.parametrize("scale", ["1e-320", "0", "-1", "NaN", "1e999"])
def test_a_system_that_cannot_be_computed_is_none(
    store: Store, shapefile: Callable[..., Path], scale: str
) -> None:
    path = shapefile()
    text = pyproj.CRS("EPSG:4547").to_wkt("WKT1_ESRI")
    path.with_suffix(".prj").write_text(text.replace('"Scale_Factor",1.0', f'"Scale_Factor",{scale}'))  # fmt: skip
    info = scan([path])[0]
    told = load_layers(store, Heights(0.0), [(info, propose([info]).layers[0])])[0]
    assert told.status != "loaded"
    assert DEFECT not in told.reason


def test_an_extract_that_repeats_an_object_says_how_many_are_left(tmp_path: Path) -> None:
    path = WRITERS["osm"](tmp_path)
    way = re.search(r'<way id="10">.*?</way>', path.read_text())[0]
    path.write_text(path.read_text().replace(way, way * 3))
    layer = next(i for i in scan([path]) if i.name == "buildings")
    batches = list(loader_for(path).read(layer, propose([layer]).layers[0]))
    assert (layer.count, sum(b.records.num_rows for b in batches)) == (7, 5)
    assert "of 7 objects of this layer 5 were read" in " ".join(f for b in batches for f in b.findings)  # fmt: skip


@pytest.mark.parametrize("objects", [True, [1], "x", 7])
def test_city_objects_that_are_no_objects_are_one_faulty_record(
    cityjson: Path, objects: object
) -> None:
    document = json.loads(cityjson.read_text()) | {"CityObjects": objects, "geometry-templates": {"templates": 3}}  # fmt: skip
    cityjson.write_text(json.dumps(document))
    assert [r["fault"] for r in rows(scan([cityjson])[0])] == ["CityObjects is no JSON object"]


def test_a_base_whose_own_words_are_damaged_is_a_source_error(geopackage: Path) -> None:
    content = geopackage.read_bytes()
    at = content.index(b"CREATE TABLE gpkg_geometry_columns")
    geopackage.write_bytes(content[:at] + b"CR\xf8ATE" + content[at + 6 :])
    with pytest.raises(SourceError):
        loader_for(geopackage).scan(geopackage)


@pytest.mark.parametrize("ends", [[0, 3, 0, 5, 6], [0, 600, 4, 5, 6]])
def test_shapes_whose_ends_run_backwards_are_refused(tmp_path: Path, ends: list[int]) -> None:
    good = pa.array([b"abc", b"de", None, b"f"], pa.binary())
    validity, _, data = good.buffers()
    broken = pa.Array.from_buffers(
        pa.binary(), 4, [validity, pa.py_buffer(np.array(ends, np.int32)), data]
    )
    refuse_overlaps(tmp_path, pa.record_batch({"a": good}))
    refuse_overlaps(tmp_path, pa.record_batch({"a": good}).slice(2))
    with pytest.raises(SourceError, match="mixes up"):
        refuse_overlaps(tmp_path, pa.record_batch({"a": broken, "n": pa.array(range(4))}))


def test_a_damaged_feature_of_a_flatgeobuf_costs_itself_only(tmp_path: Path) -> None:
    path = WRITERS["flatgeobuf"](tmp_path)
    whole = rows(scan([path])[0])
    content = path.read_bytes()
    at = content.rindex(np.array([1.0, 0.0, 1.0, 10.0]).tobytes()) - 4  # how many numbers it has
    path.write_bytes(content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :])
    layer = scan([path])[0]
    left = rows(layer)
    good = [(r["key"], r["geometry"]) for r in left if not r["fault"]]
    assert len(good) == 2
    assert set(good) < {(r["key"], r["geometry"]) for r in whole}
    batches = loader_for(path).read(layer, propose([layer]).layers[0])
    said = " ".join(f for batch in batches for f in batch.findings)
    assert len(left) == 3 or "the header says 3 records, the layer holds 2" in said


def test_a_name_of_half_a_million_characters_takes_no_time(table: Callable[..., Path]) -> None:
    name = "a <" * 150_000
    path = table("点.geojson", json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {name: 1}, "geometry": {"type": "Point", "coordinates": [114.1, 30.5]}}]}))  # fmt: skip
    started = time.process_time()
    assert len(rows(scan([path])[0])) == 1
    assert time.process_time() - started < 5


def test_a_cloud_cut_inside_its_header_is_a_source_error(tmp_path: Path) -> None:
    cloud = laspy.LasData(laspy.LasHeader(point_format=6, version="1.4"))
    cloud.x, cloud.y, cloud.z = np.arange(3), np.arange(3), np.arange(3)
    cloud.write(tmp_path / "a.las")
    whole = (tmp_path / "a.las").read_bytes()
    for size in (0, 4, 103, 110, 230, 240, 250, 300, 374):
        (tmp_path / "a.las").write_bytes(whole[:size])
        (layer,) = scan([tmp_path / "a.las"])  # SourceErrors are told as its finding
        assert DEFECT not in " ".join(layer.findings)
        assert size >= 230 or layer.format == "unreadable"


@pytest.mark.parametrize("properties", [7, "x", [1], True, None])
def test_features_of_a_bare_list_may_have_no_properties(
    table: Callable[..., Path], properties: object
) -> None:
    shape = {"type": "Point", "coordinates": [114.1, 30.5]}
    good = {"type": "Feature", "properties": {"id": "A"}, "geometry": shape}
    path = table("a.json", json.dumps([good, good | {"properties": properties}]))
    assert len(rows(scan([path])[0])) == 2


def test_vertices_with_too_few_numbers_are_no_cloud(tmp_path: Path) -> None:
    path = ply(tmp_path, "xyzi", "1 2")
    with pytest.raises(SourceError, match="does not carry the 4 numbers"):
        loader_for(path).scan(path)


def test_a_table_of_places_is_no_cloud_because_it_has_many_numbers(
    table: Callable[..., Path],
) -> None:
    lines = "".join(f"{i},{700 + i},34.1{i},-118.3{i}\n" for i in range(9))
    layer = scan([table("点.csv", "index,sensor_id,latitude,longitude\n" + lines)])[0]
    assert (layer.format, layer.count) == ("CSV", 9)
    named = scan([table("云.csv", "x,y,z,intensity\n" + lines)])[0]
    assert named.kind == "points"


def test_a_header_longer_than_what_is_looked_at_is_still_a_table(
    table: Callable[..., Path],
) -> None:
    names = ",".join(f"Column_{i}_Identifier_Of_Something" for i in range(180))
    text = names + "\n" + "\n".join(",".join(f"v{i}{j}" for i in range(180)) for j in "abc")
    assert scan([table("结果.txt", text)])[0].count == 3
    assert not TableLoader().supports(table("说明.txt", "a word, another, " * 400))


def test_raster_tables_of_a_geopackage_are_told(geopackage: Path) -> None:
    with sqlite3.connect(geopackage) as base:
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES ('dem', 'tiles', 'dem', 4326)"
        )
    base.close()
    said = " ".join(scan([geopackage])[0].findings)
    assert "raster tables (dem) are not read from a GeoPackage" in said
    with sqlite3.connect(geopackage) as base:
        base.execute("DELETE FROM gpkg_contents WHERE data_type = 'features'")
        base.execute("DELETE FROM gpkg_geometry_columns")
        base.execute("DROP TABLE roads")
    base.close()
    with pytest.raises(SourceError, match="gdal_translate GPKG"):
        loader_for(geopackage).scan(geopackage)


def test_features_that_a_reader_passes_over_are_told(table: Callable[..., Path]) -> None:
    point = {"type": "Point", "coordinates": [114.1, 30.5]}
    features = [{"type": "Feature", "id": i, "featureType": f"t{i % 2}", "geometry": point, "properties": {"a": i}, "place": None, "time": None} for i in range(4)]  # fmt: skip
    del features[2]["type"]
    document = {"type": "FeatureCollection", "conformsTo": ["[ogc-json-fg-1-0.1:core]"], "features": features}  # fmt: skip
    layers = scan([table("点.json", json.dumps(document))])
    assert sum(len(rows(layer)) for layer in layers) == 3
    assert "holds 4 features, its layers 3" in " ".join(layers[0].findings)


def test_bytes_of_a_drawing_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    path = WRITERS["dxf"](tmp_path)
    path.write_bytes(path.read_bytes().replace("砖3".encode(), b"\xe7\xa0\x8f\xff3").replace(b"JMD", b"J\xffD"))  # fmt: skip
    layers = scan([path])
    said = json.dumps([layer.name for layer in layers]).encode()
    texts = [r["attributes"].encode() for layer in layers for r in rows(layer)]
    assert said
    assert len(texts) == 6


def test_a_table_of_more_chunks_than_bytes_is_not_believed(tmp_path: Path) -> None:
    cloud = laspy.LasData(laspy.LasHeader(point_format=1, version="1.2"))
    cloud.x, cloud.y, cloud.z = np.arange(60), np.arange(60) % 7, np.arange(60) % 5
    cloud.write(tmp_path / "a.laz")
    content = bytearray((tmp_path / "a.laz").read_bytes())
    table = struct.unpack_from("<q", content, struct.unpack_from("<I", content, 96)[0])[0]
    struct.pack_into("<I", content, table + 4, 0x7FFF0000)
    (tmp_path / "a.laz").write_bytes(content)
    layer = scan([tmp_path / "a.laz"])[0]
    stream = read_points(layer, LayerPlan(str(layer.path), kind="points"))
    assert sum(len(b["x"]) for b in stream.batches()) == 60
    assert "table of chunks is damaged" in " ".join(stream.findings)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store.open(City.init(tmp_path / "city")) as opened:
        yield opened


def test_what_no_reader_foresaw_costs_its_own_source_only(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    for name in ("a.csv", "b.csv", "c.csv"):
        (folder / name).write_text(POI)
    known = discovery.loader_for
    whole = known(folder / "a.csv")

    class Broken:
        def scan(self, path: Path) -> list[LayerInfo]:
            return whole.scan(path)[3]

    monkeypatch.setattr(discovery, "loader_for", lambda p: Broken() if p.stem == "a" else known(p))
    layers = scan([folder])
    assert [layer.format for layer in layers] == ["unreadable", "CSV", "CSV"]
    assert DEFECT in layers[0].findings[0]
    assert "IndexError: list index out of range" in layers[0].findings[0]

    def read(_: object, layer: LayerInfo, plan: LayerPlan, size: int = 9) -> Iterator[Batch]:
        return iter(()) if layer.path.stem == "c" else [][size]

    plans = [LayerPlan(str(i.path), class_code="poi", crs="EPSG:4490", fields={"经度": "x", "纬度": "y"}) for i in layers]  # fmt: skip
    monkeypatch.setattr(type(whole), "read", read)
    told = load_layers(store, Heights(0.0), list(zip(layers, plans, strict=True)))
    by_name = {Path(t.path).name: t for t in told}
    assert [by_name[n].status for n in ("a.csv", "b.csv", "c.csv")] == ["failed", "failed", "loaded"]  # fmt: skip
    assert "IndexError" in by_name["b.csv"].reason
    assert DEFECT in by_name["b.csv"].reason


def test_a_corner_beyond_all_systems_costs_its_faces_only(store: Store, cityjson: Path) -> None:
    document = json.loads(cityjson.read_text())
    document["vertices"][3][0] = 1e308
    cityjson.write_text(json.dumps(document))
    info = scan([cityjson])[0]
    plan = replace(propose([info]).layers[0], crs="EPSG:4547")
    told = load_layers(store, Heights(0.0), [(info, plan)])[0]
    assert told.status == "loaded", told.reason
    assert (told.balance.n_in, told.balance.loaded) == (3, 2)  # the third has no geometry at all


def test_a_rejected_arc_that_has_no_text_is_kept_by_its_size() -> None:
    ring = struct.pack("<BII10d", 1, 8, 5, 0, 0, 1, 1, 2, 0, 1, -1, 0, 0)
    circle = struct.pack("<BII", 1, 10, 1) + ring
    point = struct.pack("<BI2d", 1, 1, 2, 3)
    row = dict.fromkeys(RECORDS.names)
    records = pa.Table.from_pylist([row | {"geometry": circle}, row | {"geometry": point}], schema=RECORDS)  # fmt: skip
    told = [r["geometry"] for r in _readable(records)]
    assert told == ["a shape of 98 bytes that has no plain text", "POINT (2 3)"]


def test_heights_where_nothing_can_be_go_to_quarantine(
    store: Store, table: Callable[..., Path]
) -> None:
    path = table("点.geojson", json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"id": f"P{z}"}, "geometry": {"type": "Point", "coordinates": [114.1, 30.5, z]}}
        for z in (20, 4_500_000, -90_000)]}))  # fmt: skip
    info = scan([path])[0]
    plan = LayerPlan(str(path), kind="features", class_code="poi", crs="EPSG:4490")
    balance = load_layers(store, Heights(0.0), [(info, plan)])[0].balance
    assert (balance.n_in, balance.loaded, balance.quarantined) == (3, 1, 2)
    reasons = store.table("SELECT reason FROM quarantine ORDER BY row_number")["reason"].to_pylist()
    assert all("is the unit another?" in r for r in reasons)


def test_the_last_net_lets_a_stopped_statement_through():
    """DuckDB answers Ctrl-C with a RuntimeError: it ends the load, it is no defect of a source."""
    with pytest.raises(RuntimeError, match="Query interrupted"), foreseen(Path("a.csv")):
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()


@pytest.mark.parametrize("separator", ["", "\x1e"])
def test_records_of_a_sequence_that_are_no_features_cost_themselves_only(
    tmp_path: Path, separator: str
) -> None:
    path = tmp_path / "points.geojsonl"
    odd = ["[1]", '{"type":"../x"}', _FEATURE % "b" + " rest", '{"type":"Fea', r'{"a":"\ub9"}']
    lines = [_FEATURE % "a", *odd, '{"type":"Point","coordinates":[114,30]}', _FEATURE % "c"]
    path.write_text("".join(f"{separator}{line}\n" for line in lines))
    layer = scan([path])[0]
    assert layer.count == 8
    assert "5 of 8 records are no features" in " ".join(layer.findings)
    found = rows(layer)
    assert [r["key"] for r in found if not r["fault"]] == ["a", None, "c"]
    faulty = [r for r in found if r["fault"]]
    assert [json.loads(r["attributes"])["record"] for r in faulty] == odd
    assert [r["fault"].split(":")[0] for r in faulty] == [
        "record 2 is no feature but a bare value or list",
        "record 3 is no feature",
        "record 4 is no JSON",
        "record 5 is no JSON",
        "record 6 is no JSON",
    ]


def test_a_sequence_without_a_feature_says_why(tmp_path: Path) -> None:
    path = tmp_path / "points.geojsonl"
    path.write_text('{"type":"x"}\n')
    (layer,) = scan([path])
    assert "record 1 is no feature: its type is 'x'" in " ".join(layer.findings)


def test_a_field_may_be_called_as_a_geometry_is(geopackage: Path) -> None:
    with sqlite3.connect(geopackage) as base:
        base.execute("ALTER TABLE roads ADD COLUMN wkb_geometry TEXT DEFAULT 'text'")
    found = rows(scan([geopackage])[0])
    assert [json.loads(row["attributes"])["wkb_geometry"] for row in found] == ["text"] * 5
    assert all(row["geometry"] is not None and row["fault"] is None for row in found)
