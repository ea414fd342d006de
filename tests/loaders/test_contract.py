"""One battery over every loader: rows are kept, faults are no exceptions, batches bounded, sources untouched."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from vector_files import WRITERS

from loaders.base import LayerInfo
from loaders.discovery import scan
from loaders.propose import propose
from loaders.registry import loader_for
from twin.errors import SourceError, UnsafeSourceError, UnsupportedFormatError
from twin.schema import RECORDS, schema_of

KINDS = (
    "shapefile",
    "geopackage",
    "geojson",
    "poi",
    "addresses",
    "streams",
    "observations",
    "cases",
    "ifc",
    "cityjson",
    "citygml",
    "cloud",
    "workbook",
    "series",
    "sensorthings",
    *WRITERS,
    "ply",
    "tileset",
)


@dataclass(frozen=True)
class Expected:
    """What a source must come to: rows, faulty rows, declared CRS, loader."""

    rows: int
    faulty: tuple[int, ...]
    crs: str | None
    loader: str
    kind: str = "features"


EXPECTED = {
    "shapefile": Expected(4, (2, 3), None, "vector"),
    "geopackage": Expected(5, (), "EPSG:4547", "vector"),
    "geojson": Expected(3, (1,), "EPSG:4326", "vector"),
    "poi": Expected(5, (1, 2, 3, 4), None, "tables"),
    "addresses": Expected(3, (1, 2), None, "tables", "addresses"),
    "streams": Expected(4, (1, 2, 3), None, "tables", "streams"),
    "observations": Expected(5, (1, 2, 3, 4), None, "tables", "observations"),
    "cases": Expected(3, (1, 2), None, "tables", "cases"),
    "ifc": Expected(8, (), "EPSG:4547", "ifc", "model"),
    "cityjson": Expected(3, (2,), "EPSG:4547", "cityjson", "model"),
    "citygml": Expected(4, (2,), "EPSG:4547", "citygml", "model"),
    "cloud": Expected(1, (), None, "points", "points"),
    "workbook": Expected(3, (1, 2), None, "tables"),
    "series": Expected(3, (2,), None, "tables", "observations"),
    "sensorthings": Expected(3, (1,), None, "sensors", "observations"),
    "parquet": Expected(4, (2, 3), "EPSG:4547", "parquet"),
    "flatgeobuf": Expected(3, (), "EPSG:4547", "vector"),
    "tab": Expected(3, (), "PROJCS", "vector"),
    "mif": Expected(3, (), "PROJCS", "vector"),
    "filegdb": Expected(3, (), "EPSG:4547", "vector"),
    "kml": Expected(2, (1,), "EPSG:4326", "vector"),
    "kmz": Expected(2, (1,), "EPSG:4326", "vector"),
    "gml": Expected(2, (1,), "EPSG:4490", "vector"),
    "dxf": Expected(6, (5,), None, "dxf"),
    "osm": Expected(5, (1, 2, 4), "EPSG:4326", "osm"),
    "topojson": Expected(2, (1,), None, "vector"),
    "sequence": Expected(3, (2,), "EPSG:4326", "vector"),
    "network": Expected(3, (2,), None, "networks"),
    "ply": Expected(1, (), None, "points", "points"),
    "tileset": Expected(1, (), "EPSG:4326", "tileset", "tileset"),
}


@pytest.fixture(params=KINDS)
def case(
    request: pytest.FixtureRequest, texts: dict[str, str], table: Callable[..., Path]
) -> tuple[str, Path]:
    kind: str = request.param
    if kind in WRITERS:
        return kind, WRITERS[kind](request.getfixturevalue("tmp_path"))
    if kind in texts:
        return kind, table(f"{kind}.csv", texts[kind], "gbk" if kind == "addresses" else "utf-8")
    source = request.getfixturevalue(kind)
    return kind, source() if kind == "shapefile" else source


def digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def read(layer: LayerInfo, batch_size: int = 65_536) -> list:
    return list(loader_for(layer.path).read(layer, propose([layer]).layers[0], batch_size))


def test_rows_faults_crs_and_schema(case: tuple[str, Path]) -> None:
    kind, path = case
    want = EXPECTED[kind]
    layers = [layer for layer in scan([path]) if layer.kind == want.kind]
    said = [layer.crs.split("[")[0] if layer.crs else None for layer in layers]
    assert said == [want.crs]
    assert (layers[0].kind, loader_for(path).name) == (want.kind, want.loader)
    assert layers[0].count in (None, want.rows)
    batches = read(layers[0])
    schema = RECORDS if want.kind in ("points", "tileset") else schema_of(want.kind)
    assert all(b.records.schema.equals(schema) for b in batches)
    faults = [f for b in batches for f in b.records["fault"].to_pylist()]
    assert len(faults) == want.rows
    assert tuple(i for i, f in enumerate(faults) if f) == want.faulty
    if "row" in schema.names:
        assert [r for b in batches for r in b.records["row"].to_pylist()] == list(range(want.rows))


def test_small_batches_give_the_same_rows_in_the_same_order(case: tuple[str, Path]) -> None:
    kind, path = case
    layer = scan([path])[-1]
    whole, small = read(layer), read(layer, batch_size=2)
    assert all(b.records.num_rows <= 2 for b in small)
    column = "result" if EXPECTED[kind].kind == "observations" else "row"
    for name in (column, "fault"):
        joined = [
            [v for b in batches for v in b.records[name].to_pylist()] for batches in (whole, small)
        ]
        assert joined[0] == joined[1]


def test_the_source_is_untouched_and_nothing_is_written_beside_it(case: tuple[str, Path]) -> None:
    _, path = case
    before = digest(path.parent)
    read(scan([path])[-1])
    assert digest(path.parent) == before


@pytest.mark.parametrize(
    "name",
    [
        "a.ifc",
        "a.shp",
        "a.gpkg",
        "a.geojson",
        "a.city.json",
        "a.tif",
        "a.las",
        "a.laz",
        "a.ply",
        "a.xyz",
        "a.asc",
        "a.hgt",
        "a.img",
        "a.jp2",
        "a.3tz",
        "tileset.json",
        "layer.json",
        "a.csv",
        "a.xlsx",
        "a.ods",
        "a.json",
        "a.gml",
        "a.kml",
        "a.fgb",
    ],
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 40, b"{", b"<a>"])
def test_rubbish_is_a_source_error_and_nothing_else(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    try:
        loader = loader_for(path)
        layers = loader.scan(path)
    except SourceError as err:
        assert str(path) in str(err)
        return
    for layer in layers:  # some rubbish is a one-column table
        rows = [b.records.num_rows for b in loader.read(layer, propose([layer]).layers[0])]
        assert sum(rows) <= 2


def test_a_missing_file_and_an_unknown_kind_say_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        scan([tmp_path / "nichts.shp"])
    (tmp_path / "a.docx").write_bytes(b"PK")
    with pytest.raises(UnsupportedFormatError, match="convert it"):
        loader_for(tmp_path / "a.docx")


@pytest.mark.parametrize(
    "content",
    [
        b'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/vsicurl/http://x.test/a.shp</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><gml>&x;</gml>',
    ],
)
def test_files_that_fetch_or_expand_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "harmless.gml"
    path.write_bytes(content)
    with pytest.raises(UnsafeSourceError):
        loader_for(path).scan(path)


def test_discovery_skips_sidecars_and_is_stable(
    shapefile: Callable[..., Path], geopackage: Path, cityjson: Path
) -> None:
    folder = shapefile(cpg="GBK").parent
    (folder / ".hidden.csv").write_text("a,b\n1,2\n")
    (folder / "notes.txt").write_text("x")
    names = [layer.path.name for layer in scan([folder])]
    assert names == ["建筑物.shp", "街区.city.json", "道路.gpkg"]
    assert names == [layer.path.name for layer in scan([folder])]
