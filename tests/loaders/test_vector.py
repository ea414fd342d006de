"""Vector files: encodings, lost parts, odd geometry."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from loaders.base import Batch
from loaders.columns import Faults
from loaders.encoding import decide
from loaders.propose import propose
from loaders.surfaces import plain_geometry
from loaders.vector import VectorLoader
from loaders.wkb import checked
from twin.errors import PlanError, SourceError
from twin.plan import LayerPlan

NAMES = ["临江花园一号楼", "滨江大道幼儿园", "重复的编号", "太高的房屋"]


def load(path: Path, plan: LayerPlan | None = None) -> tuple[list[str], Batch]:
    """Findings of the scan and the only batch."""
    layer = VectorLoader().scan(path)[0]
    (batch,) = VectorLoader().read(layer, plan or propose([layer]).layers[0])
    return list(layer.findings), batch


@pytest.mark.parametrize(
    ("encoding", "cpg", "ldid", "reason"),
    [
        ("gbk", None, 0, "byte statistics"),
        ("gbk", None, 0x4D, "language id 0x4d"),
        ("gbk", "GBK", 0, ".cpg says so"),
        ("gbk", "UTF-8", 0, "byte statistics"),  # a lying .cpg
        ("utf-8", None, 0, "valid UTF-8"),
        ("utf-8", None, 0x4D, "valid UTF-8"),  # a lying header
        ("gb18030", "ISO-8859-1", 0, "byte statistics"),
    ],
)
def test_chinese_names_are_readable_whatever_is_declared(
    shapefile: Callable[..., Path], encoding: str, cpg: str | None, ldid: int, reason: str
) -> None:
    findings, batch = load(shapefile(encoding, cpg=cpg, ldid=ldid))
    assert batch.records["name"].to_pylist() == NAMES
    assert any(reason in f for f in findings), findings


def test_traditional_chinese_in_big5_is_told_from_gbk() -> None:
    text = ["臺北市中正區重慶南路", "國立臺灣大學圖書館", "信義區松仁路號樓"]
    assert decide([t.encode("big5") for t in text]).encoding == "CP950"
    assert (
        decide([t.encode("gbk") for t in ["临江大道三十五号", "市政公用设施"]]).encoding
        == "GB18030"
    )
    assert decide([t.encode("cp1252") for t in ["Café", "Straße", "Äpfel"]]).encoding == "CP1252"


def test_a_lost_index_is_computed_and_not_written_beside_the_source(
    shapefile: Callable[..., Path],
) -> None:
    path = shapefile(index=False)
    findings, batch = load(path)
    assert any(".shx is missing" in f and "4 records" in f for f in findings)
    assert shapely.get_x(shapely.from_wkb(batch.records["geometry"].to_pylist())).tolist() == [
        100,
        101,
        102,
        103,
    ]
    assert not path.with_suffix(".shx").exists()


def test_duplicate_ids_and_impossible_heights_are_named(shapefile: Callable[..., Path]) -> None:
    _, batch = load(shapefile())
    faults = batch.records["fault"].to_pylist()
    assert faults[:2] == [None, None]
    assert faults[2] == "duplicate id 'A1': the first record with it was kept"
    assert faults[3] == "height_m 5000 is outside 0–1000 m"
    assert json.loads(batch.records["attributes"][0].as_py()) == {"height_m": 12.5}


def test_a_plan_that_names_a_missing_field_is_refused(shapefile: Callable[..., Path]) -> None:
    with pytest.raises(PlanError, match=r"'code_' is not in the layer.*编号"):
        load(shapefile(), LayerPlan("x", key_field="code_"))


def column(*wkb: bytes | None) -> tuple[pa.Array, list[str | None], list[str]]:
    faults = Faults(len(wkb))
    array, _, findings = checked(pa.array(wkb, pa.binary()), faults, required=True)
    return array, faults.array().to_pylist(), findings


def test_heights_are_kept_and_measures_dropped_with_a_word() -> None:
    array, faults, findings = column(
        struct.pack("<BI4d", 1, 3001, 1.0, 2.0, 3.0, 99.0),
        struct.pack("<BI3d", 1, 2001, 1.0, 2.0, 99.0),
    )
    zm, m = shapely.from_wkb(array.to_pylist())
    assert shapely.get_coordinates(zm, include_z=True).tolist() == [[1.0, 2.0, 3.0]]
    assert (shapely.has_z(m), shapely.has_m(m), shapely.has_m(zm)) == (False, False, False)
    assert faults == [None, None]
    assert findings == ["measure values (M) of 2 geometries dropped"]


def test_nan_infinite_empty_cut_and_missing_geometries_are_faults() -> None:
    line = struct.Struct("<BII4d")
    nan, inf = line.pack(1, 2, 2, 0, 0, 1, float("nan")), line.pack(1, 2, 2, 0, 0, float("inf"), 1)
    _, faults, _ = column(
        nan, inf, line.pack(1, 2, 2, 0, 0, 1, 1), struct.pack("<BII", 1, 2, 0), nan[:20], None
    )
    assert faults[:4] == ["coordinate is NaN or infinite"] * 2 + [None, "geometry is empty"]
    assert "cannot be read" in str(faults[4])
    assert faults[5] == "no geometry"


def test_a_tin_becomes_a_multipolygon_of_the_same_area() -> None:
    def triangle(points: list[tuple[float, float, float]]) -> bytes:
        ring = b"".join(struct.pack("<3d", *p) for p in [*points, points[0]])
        return struct.pack("<BIII", 1, 1017, 1, 4) + ring

    tin = (
        struct.pack("<BII", 1, 1016, 2)
        + triangle([(0, 0, 1), (4, 0, 1), (4, 3, 2)])
        + triangle([(0, 0, 1), (4, 3, 2), (0, 3, 2)])
    )
    geometry = plain_geometry(tin)
    assert geometry is not None
    assert (geometry.geom_type, geometry.area, shapely.has_z(geometry)) == (
        "MultiPolygon",
        12.0,
        True,
    )


def test_an_arc_is_followed_within_a_thousandth() -> None:
    half = struct.pack("<BII6d", 1, 8, 3, 1.0, 0.0, 0.0, 1.0, -1.0, 0.0)
    arc = plain_geometry(half)
    assert arc is not None
    assert arc.length == pytest.approx(np.pi, rel=1e-3)
    assert np.abs(np.hypot(*shapely.get_coordinates(arc).T) - 1).max() < 1e-12


def test_an_open_ring_and_a_cut_record_do_not_stop_the_layer() -> None:
    ring = struct.pack("<BIII6d", 1, 3, 1, 3, 0.0, 0.0, 2.0, 0.0, 2.0, 2.0)
    closed = plain_geometry(ring)
    assert closed is not None
    assert closed.area == 2.0
    assert plain_geometry(ring[:-5]) is None


@pytest.mark.real
def test_nanshan_in_every_form_has_the_same_names_heights_and_count(real: Path) -> None:
    base = real / "china" / "derived"
    truth = json.loads((real / "china" / "GROUND_TRUTH.json").read_text())[
        "china/derived/nanshan_4547_gbk_nocpg/建筑物.shp"
    ]["truth"]["layers"][0]
    rows = []
    for source in (
        "nanshan_4547_gbk_nocpg/建筑物.shp",
        "nanshan_missing_shx/building.shp",
        "nanshan_wgs84.geojson",
        "nanshan_gcj02.geojson",
    ):
        layer = VectorLoader().scan(base / source)[0]
        assert layer.count == truth["features"]
        (batch,) = VectorLoader().read(layer, propose([layer]).layers[0])
        attributes = [json.loads(a) for a in batch.records["attributes"].to_pylist()]
        assert sum(a["height_m"] for a in attributes) == pytest.approx(95_469.0)
        assert all(a["floors"] == int(a["floors"]) for a in attributes)
        rows.append((batch.records["key"].to_pylist(), batch.records["name"].to_pylist()))
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert rows[0][1][0] == "南山建筑3956号"
    projected = VectorLoader().scan(base / "nanshan_4547_gbk_nocpg" / "建筑物.shp")[0]
    assert projected.bounds == pytest.approx(truth["bounds"], abs=1e-6)
    assert projected.crs == "EPSG:4547"


@pytest.mark.real
def test_counts_of_real_vector_layers_match_their_truth(real: Path) -> None:
    truth = json.loads((real / "vector" / "GROUND_TRUTH.json").read_text())
    loader, checked = VectorLoader(), 0
    for name, entry in sorted(truth.items()):
        layers = (entry.get("truth") or {}).get("layers")
        path = real / name
        if (
            not layers
            or not path.exists()
            or not loader.supports(path)
            or path.stat().st_size > 300_000
            or name.endswith((".gdb", ".zip"))
        ):
            continue
        try:
            by_name = {layer.name: layer for layer in loader.scan(path)}
        except SourceError:
            assert "inval" in path.name, name
            continue
        for want in layers:
            if want["name"] not in by_name or want.get("features", -1) < 0:
                continue
            layer = by_name[want["name"]]
            try:
                rows = sum(
                    b.records.num_rows for b in loader.read(layer, LayerPlan(str(path), layer.name))
                )
            except SourceError:
                assert "invalid" in path.name, name
                continue
            read = sum(want.get("types", {}).values()) + want.get("null_geom", 0)
            assert rows in (want["features"], read), name
            checked += 1
    assert checked > 100
