"""Rasters and point clouds."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.errors
import shapely
from affine import Affine

from loaders import raster
from loaders.points import PointsLoader
from loaders.registry import read_raster, scan
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan


def test_a_dem_has_nan_for_nodata_and_its_transform(dem: Path) -> None:
    layer = scan([dem])[0]
    assert (layer.kind, layer.geometry_type, layer.crs) == ("raster", "dem", "EPSG:4547")
    assert layer.bounds == (500_000.0, 3_399_970.0, 500_040.0, 3_400_000.0)
    found = read_raster(layer, LayerPlan(str(dem), kind="raster"))
    assert found.data.dtype == np.float32
    assert np.isnan(found.data[0, 0])
    assert found.data[1].tolist() == [4, 5, 6, 7]
    assert found.transform == (10.0, 0.0, 500_000.0, 0.0, -10.0, 3_400_000.0)
    assert [p.name for p in dem.parent.iterdir()] == ["dem.tif"]


def write(path: Path, data: np.ndarray, **more: object) -> Path:
    profile = {
        "driver": "GTiff",
        "height": data.shape[1],
        "width": data.shape[2],
        "count": data.shape[0],
        "dtype": data.dtype.name,
        "crs": "EPSG:4547",
        "transform": Affine(2, 0, 10, 0, -2, 10),
    } | more
    with rasterio.open(path, "w", **profile) as out:
        out.write(data)
    return path


def test_an_orthophoto_is_rgba_with_unknown_pixels_transparent(tmp_path: Path) -> None:
    data = np.full((3, 2, 2), 90, dtype=np.uint8)
    data[:, 0, 0] = 0
    path = write(tmp_path / "ortho.tif", data, nodata=0)
    found = read_raster(scan([path])[0], LayerPlan(str(path), kind="raster"))
    assert (found.kind, found.data.shape) == ("imagery", (2, 2, 4))
    assert found.data[0, 0, 3] == 0
    assert found.data[1, 1].tolist() == [90, 90, 90, 255]


def test_undeclared_nodata_and_impossible_heights_are_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "d.tif", np.array([[[-9999, 12, -1e36, 9e9]]], dtype=np.float32))
    found = read_raster(scan([path])[0], LayerPlan(str(path), kind="raster"))
    assert np.isnan(found.data).tolist() == [[True, False, True, True]]


def test_too_large_and_unplaced_rasters_are_refused(
    dem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        bare = write(
            tmp_path / "bare.tif", np.zeros((1, 2, 2), np.float32), crs=None, transform=None
        )
    layer = scan([bare])[0]
    assert any("no georeference" in f for f in layer.findings)
    with pytest.raises(SourceError, match="has no georeference"):
        read_raster(layer, LayerPlan(str(bare)))
    monkeypatch.setattr(raster, "MAX_PIXELS", 11)
    with pytest.raises(UnsafeSourceError, match="cut it into tiles"):
        raster.RasterLoader().scan(dem)


def test_a_cloud_is_one_record_with_box_and_classes(cloud: Path) -> None:
    layer = scan([cloud])[0]
    assert layer.bounds == (1.0, 10.0, 4.0, 12.0)
    (batch,) = PointsLoader().read(layer, LayerPlan(str(cloud), kind="points"))
    row = batch.records.to_pylist()[0]
    assert row["class_code"] == "point_cloud"
    assert shapely.from_wkb(row["geometry"]).equals(shapely.box(1, 10, 4, 12))
    assert json.loads(row["attributes"]) == {
        "points": 3,
        "format": "LAS 1.2",
        "classes": {"2": 1, "6": 2},
        "z_min": 0.0,
        "z_max": 9.0,
    }


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("laspy/simple1_3.las", "does not match the points"),
        ("pdal/las/permutations/1.2-no-points.las", None),
    ],
)
def test_headers_that_lie_are_found_out(real: Path, name: str, finding: str | None) -> None:
    layer = PointsLoader().scan(real / "pointcloud" / name)[0]
    (batch,) = PointsLoader().read(layer, LayerPlan("x"))
    if finding is None:
        assert batch.records["fault"][0].as_py() == "the cloud has no points"
    else:
        assert any(finding in f for f in batch.findings)


@pytest.mark.real
def test_real_dems_match_their_truth(real: Path) -> None:
    path = real / "raster" / "opengeos-dsm" / "dtm.tif"
    found = read_raster(scan([path])[0], LayerPlan(str(path)))
    assert found.data.shape == (259, 283)
    assert float(np.nanmin(found.data)) == pytest.approx(6.9064, abs=1e-3)
    assert float(np.nanmax(found.data)) == pytest.approx(22.1182, abs=1e-3)
