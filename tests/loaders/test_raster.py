"""Rasters."""

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.errors
from affine import Affine
from PIL import Image
from rasterio.control import GroundControlPoint

from loaders.base import RasterLayer
from loaders.discovery import scan
from loaders.propose import propose
from loaders.raster import RasterLoader, opening
from loaders.registry import read_raster
from twin.crs import judge
from twin.errors import PlanError, SourceError, UnsafeSourceError
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
    monkeypatch.setattr(opening, "MAX_PIXELS", 11)
    with pytest.raises(UnsafeSourceError, match="cut it into tiles"):
        RasterLoader().scan(dem)


@pytest.mark.real
def test_real_dems_match_their_truth(real: Path) -> None:
    path = real / "raster" / "opengeos-dsm" / "dtm.tif"
    found = read_raster(scan([path])[0], LayerPlan(str(path)))
    assert found.data.shape == (259, 283)
    assert float(np.nanmin(found.data)) == pytest.approx(6.9064, abs=1e-3)
    assert float(np.nanmax(found.data)) == pytest.approx(22.1182, abs=1e-3)


def read(path: Path, **plan: object) -> RasterLayer:
    layer = scan([path])[0]
    return read_raster(layer, replace(propose([layer]).layers[0], **plan))


def findings(path: Path) -> str:
    return " | ".join(scan([path])[0].findings)


def test_text_grids_of_every_writer_are_the_same_dem(tmp_path: Path) -> None:
    want = [[1.5, 2.5, np.nan], [4.0, 5.25, 6.0]]
    head = "ncols 3\nnrows 2\nxllcorner 500\nyllcorner 100\ncellsize 10\nNODATA_value -9999\n"
    (tmp_path / "esri.asc").write_text(head + "1.5 2.5 -9999\n4 5.25 6\n")
    (tmp_path / "comma.asc").write_text(head + "1,5 2,5 -9999\n4 5,25 6\n")
    (tmp_path / "grass.asc").write_text(
        "north: 120\nsouth: 100\neast: 530\nwest: 500\nrows: 2\ncols: 3\n1.5 2.5 *\n4 5.25 6\n"
    )
    (tmp_path / "surfer.grd").write_text(
        "DSAA\n3 2\n505 525\n105 115\n1.5 6\n4 5.25 6\n1.5 2.5 1.70141e+38\n"
    )
    floats = struct.pack("<6f", 4, 5.25, 6, 1.5, 2.5, 1.70141e38)
    (tmp_path / "surfer6.grd").write_bytes(
        struct.pack("<4shh6d", b"DSBB", 3, 2, 505, 525, 105, 115, 1.5, 6) + floats
    )
    for path in sorted(tmp_path.iterdir()):
        layer = scan([path])[0]
        assert (layer.geometry_type, layer.bounds) == ("dem", (500.0, 100.0, 530.0, 120.0))
        with read(path) as found:
            assert np.array_equal(found.data, np.array(want, np.float32), equal_nan=True), path.name


@pytest.mark.parametrize("rows", [3, 2_000_000])
def test_a_text_grid_cut_short_is_refused_at_once(tmp_path: Path, rows: int) -> None:
    """GDAL looks for a row that is not there for minutes, twice as long with every row more."""
    head = f"ncols 4\nnrows {rows + 60}\nxllcorner 500\nyllcorner 100\ncellsize 10\n"
    (tmp_path / "cut.asc").write_text(head + "1 22 3 4\n" * rows)
    with pytest.raises(SourceError, match=f"{rows + 60:,} rows of 4 values, but it holds {rows:,}"):
        read(tmp_path / "cut.asc")


def test_the_last_rows_of_a_text_grid_may_be_missing(tmp_path: Path) -> None:
    head = "ncols 4\nnrows 40\nxllcorner 500\nyllcorner 100\ncellsize 10\n"
    (tmp_path / "cut.asc").write_text(head + "1 2 3 4\n" * 38)
    with read(tmp_path / "cut.asc") as found:
        assert np.isnan(found.data[38:]).all()


def test_an_xyz_list_on_a_regular_grid_is_a_dem_and_another_is_not(tmp_path: Path) -> None:
    lines = [f"{500 + 10 * c} {120 - 10 * r} {r + c / 10}" for r in range(3) for c in range(12)]
    (tmp_path / "dem.xyz").write_text("\n".join(lines))
    with read(tmp_path / "dem.xyz") as found:
        assert found.data.shape == (3, 12)
        assert found.data[2, 3] == pytest.approx(2.3)
    (tmp_path / "cloud.xyz").write_text("\n".join(f"{i * 1.7} {i**2} 3" for i in range(40)))
    assert not RasterLoader().supports(tmp_path / "cloud.xyz")


def test_a_tile_named_by_its_corner_stands_on_the_geoid(tmp_path: Path) -> None:
    cells = (np.arange(1201 * 1201) % 700).astype(">i2").reshape(1201, 1201)
    cells[0, 0] = -32768
    (tmp_path / "N30E114.hgt").write_bytes(cells.tobytes())
    layer = scan([tmp_path / "N30E114.hgt"])[0]
    assert layer.bounds == pytest.approx(
        (114 - 1 / 2400, 30 - 1 / 2400, 115 + 1 / 2400, 31 + 1 / 2400)
    )
    assert propose([layer]).layers[0].z_reference == "1985"
    with read(layer.path) as found:
        assert np.isnan(found.data[0, 0])
        assert found.data[5, 7] == cells[5, 7]


def test_units_scales_and_depths_become_metres(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.array([[[100, -9999]]], np.int16), nodata=-9999)
    with rasterio.open(path, "r+") as out:
        out.scales, out.offsets, out.units = (0.1,), (5.0,), ("US survey foot",)
    with read(path) as found:
        assert found.data[0, 0] == pytest.approx(15 * 1200 / 3937)
        assert np.isnan(found.data[0, 1])
    assert "US survey foot" in findings(path)
    plain = write(tmp_path / "水深.tif", np.array([[[12.5, 3]]], np.float32))
    assert "depth_m" in findings(plain)
    with read(plain, fields={"band 1": "depth_m"}) as found:
        assert found.data.tolist() == [[-12.5, -3.0]]
    with pytest.raises(PlanError, match="a unit of m, ft"):
        read(plain, fields={"band 1": "height_furlong"})


@pytest.mark.parametrize(
    ("crs", "reference"),
    [("EPSG:7415", "1985"), ("EPSG:4979", "ellipsoid"), ("EPSG:4547", "1985")],
)
def test_the_vertical_system_decides_the_reference(
    tmp_path: Path, crs: str, reference: str
) -> None:
    path = write(tmp_path / "dem.tif", np.full((1, 4, 4), 7, np.float32), crs=crs)
    layer = scan([path])[0]
    assert propose([layer]).layers[0].z_reference == reference
    assert judge(layer.crs, None).crs == {"EPSG:7415": "EPSG:28992"}.get(crs, crs)


def test_south_up_and_rotated_rasters_keep_their_place(tmp_path: Path) -> None:
    data = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    up = write(tmp_path / "up.tif", data, transform=Affine(2, 0, 10, 0, 2, 10))
    assert scan([up])[0].bounds == (10.0, 10.0, 16.0, 14.0)
    turned = write(tmp_path / "turned.tif", data, transform=Affine(0, 2, 10, 2, 0, 10))
    with read(turned) as found:
        assert found.transform == (0.0, 2.0, 10.0, 2.0, 0.0, 10.0)
    assert scan([turned])[0].bounds == (10.0, 10.0, 14.0, 16.0)


def test_a_picture_is_placed_by_its_world_file_and_prj(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 60, 3), 120, np.uint8)).save(tmp_path / "photo.jpg")
    assert not RasterLoader().supports(tmp_path / "photo.jpg")
    (tmp_path / "photo.jgw").write_text("2\n0\n0\n-2\n500001\n3399999\n")
    (tmp_path / "photo.prj").write_text('PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["x"]]')
    layer = scan([tmp_path])[0]
    assert layer.bounds == (500_000.0, 3_399_920.0, 500_120.0, 3_400_000.0)
    assert (layer.geometry_type, "114E" in (layer.crs or "")) == ("imagery", True)


def test_control_points_place_a_raster_only_where_they_agree(tmp_path: Path) -> None:
    data = np.full((1, 100, 100), 5, np.float32)
    fit = [GroundControlPoint(r, c, 500 + 2 * c + r, 900 - 2 * r) for r in (0, 99) for c in (0, 99)]
    path = tmp_path / "gcp.tif"
    kind = {"driver": "GTiff", "width": 100, "height": 100, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", **kind, gcps=fit, crs="EPSG:4547") as out:
        out.write(data)
    with read(path) as found:
        assert found.transform == pytest.approx((2, 1, 500, 0, -2, 900))
    assert scan([path])[0].crs == "EPSG:4547"
    fit[3].x += 90
    with rasterio.open(path, "w", **kind, gcps=fit, crs="EPSG:4547") as out:
        out.write(data)
    with pytest.raises(SourceError, match="gdalwarp -tps"):
        read(path)


def test_the_plan_places_a_raster_without_georeference(tmp_path: Path) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = write(tmp_path / "b.tif", np.ones((1, 2, 4), np.float32), crs=None, transform=None)
    with pytest.raises(SourceError, match=r"bounds = \"xmin"):
        read(path)
    with read(path, fields={"bounds": "100, 200, 140, 220"}) as found:
        assert found.transform == (10.0, 0.0, 100.0, 0.0, -10.0, 220.0)
    with pytest.raises(PlanError, match="are empty"):
        read(path, fields={"bounds": "100 200 100 220"})


def test_wide_bands_are_stretched_and_nir_is_left_out(tmp_path: Path) -> None:
    data = np.stack([np.linspace(100, 5000, 2500).reshape(50, 50)] * 4).astype(np.uint16)
    path = write(tmp_path / "rgbn.tif", data, photometric="RGB")
    with read(path) as found:
        pixels = found.data
        assert any("bands 4" in f for f in found.findings)
    assert pixels[0, 0].tolist() == [0, 0, 0, 255]
    assert pixels[-1, -1, 0] == 255
    assert int(pixels[25, 0, 0]) == pytest.approx(255 * (2550.5 - 198) / (4902 - 198), abs=2)
    with read(path, fields={"band 4": "red", "band 3": "green", "band 1": "blue"}) as found:
        assert found.data.shape == (50, 50, 4)


def test_palettes_grey_alpha_and_masks_are_rgba(tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", np.array([[[0, 1]]], np.uint8), photometric="palette")
    with rasterio.open(path, "r+") as out:
        out.write_colormap(1, {0: (10, 20, 30, 255), 1: (40, 50, 60, 255)})
    with read(path) as found:
        assert found.data.tolist() == [[[10, 20, 30, 255], [40, 50, 60, 255]]]
    grey = write(tmp_path / "g.tif", np.array([[[9, 8]], [[255, 0]]], np.uint8), ALPHA="YES")
    with read(grey) as found:
        assert found.data.tolist() == [[[9, 9, 9, 255], [8, 8, 8, 0]]]


@pytest.mark.parametrize("value", [0, 255])
def test_an_undeclared_collar_is_unknown_and_dark_roofs_are_not(tmp_path: Path, value: int) -> None:
    data = np.full((3, 60, 80), value, np.uint8)
    data[:, 10:50, 12:70] = 90
    data[:, 20:24, 30:34] = value
    path = write(tmp_path / "rgb.tif", data, photometric="RGB")
    with read(path) as found:
        alpha = found.data[..., 3]
        assert any("collar" in f for f in found.findings)
    want = np.zeros((60, 80), np.uint8)
    want[10:50, 12:70] = 255
    assert np.array_equal(alpha, want)


def test_windows_join_to_the_whole(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 255, (3, 70, 90), np.uint8)
    with read(write(tmp_path / "x.tif", data, photometric="RGB")) as found:
        parts = [
            np.concatenate([found.window(r, r + 35, c, c + 30) for c in (0, 30, 60)], 1)
            for r in (0, 35)
        ]
        assert np.array_equal(np.concatenate(parts), found.data)


def test_damaged_blocks_are_unknown_and_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(50, 5, (1, 128, 128)).astype(np.float32)
    path = write(
        tmp_path / "dem.tif", noise, tiled=True, blockxsize=64, blockysize=64, compress="deflate"
    )
    raw = bytearray(path.read_bytes())
    with rasterio.open(path) as source:
        at = int(source.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    raw[at : at + 200] = b"\xff" * 200
    path.write_bytes(raw)
    with read(path) as found:
        heights = found.data
        assert found.findings[-1] == "4,096 pixels lie in damaged blocks and are unknown"
    assert np.isnan(heights[64:, 64:]).all()
    assert np.array_equal(heights[:64], noise[0, :64])


def test_a_header_that_promises_too_much_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=60_000, height=60_000, count=1, dtype="uint8",
        tiled=True, SPARSE_OK=True, transform=Affine(1, 0, 5, 0, -1, 5), BIGTIFF="YES",
    ):  # fmt: skip
        pass
    with path.open("r+b") as file:
        file.truncate(90_000)
    with pytest.raises((UnsafeSourceError, SourceError), match=r"promises|cannot read"):
        RasterLoader().scan(path)


def test_photo_numbers_are_no_heights(tmp_path: Path) -> None:
    path = write(tmp_path / "dem.tif", np.full((1, 9, 9), 40_000, np.float32))
    with pytest.raises(SourceError, match="none of its numbers"):
        read(path)


@pytest.mark.real
def test_real_rasters_have_the_size_place_and_range_of_their_truth(
    real: Path, tmp_path: Path
) -> None:
    truths = json.loads((real / "raster" / "GROUND_TRUTH.json").read_text())
    seen = 0
    for name, entry in truths.items():
        truth, path = entry["truth"], real / name
        if "width" not in truth or not path.is_file() or not RasterLoader().supports(path):
            continue
        copy = tmp_path / path.parent.name
        if not copy.is_dir():
            shutil.copytree(path.parent, copy)
        try:
            layer = RasterLoader().scan(copy / path.name)[0]
        except UnsafeSourceError:
            assert truth["width"] * truth["height"] > 1 << 26, name
            continue
        seen += 1
        assert layer.count == truth["width"] * truth["height"], name
        if layer.bounds is not None and not truth["gcps"]:
            assert sorted(layer.bounds) == pytest.approx(sorted(truth["bounds"]), rel=1e-9, abs=1e-5), name  # fmt: skip
    assert seen > 300
