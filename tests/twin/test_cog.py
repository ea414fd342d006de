"""The base's own GeoTIFF: read back by GDAL, whole or in windows, with overviews; damage is told."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from twin.cog import Cog, RasterSpec, write_cog
from twin.cog.writer import halved
from twin.errors import CityError

PLACE = (2.0, 0.0, 500_000.0, 0.0, -2.0, 3_400_000.0)


def photo(rows=1300, cols=900):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (rows, cols, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:600, :560] = 0
    return pixels


def ground(rows=1300, cols=900):
    heights = np.cumsum(np.random.default_rng(1).normal(size=(rows, cols)), axis=1)
    heights[200:300] = np.nan
    return heights.astype(np.float32)


def write(folder, data, crs="EPSG:4547", transform=PLACE, **more):
    kind = "dem" if data.ndim == 2 else "imagery"
    spec = RasterSpec(data.shape[0], data.shape[1], kind, transform, crs)
    return folder / write_cog(folder, spec, lambda a, b, c, d: data[a:b, c:d], **more)


@pytest.mark.parametrize("data", [photo(), ground()], ids=["photo", "ground"])
def test_gdal_reads_the_same_pixels_place_and_system(tmp_path, data):
    path = write(tmp_path, data)
    with rasterio.open(path) as source:
        read = source.read(1) if data.ndim == 2 else source.read().transpose(1, 2, 0)
        assert np.array_equal(read, data, equal_nan=data.ndim == 2)
        assert tuple(source.transform)[:6] == PLACE
        assert source.crs.to_epsg() == 4547
        assert source.overviews(1) == [2, 4]
        assert source.tags(ns="IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"
        assert source.block_shapes[0] == (512, 512)
    if data.ndim == 3:
        with rasterio.open(path) as source:
            assert [c.name for c in source.colorinterp] == ["red", "green", "blue", "alpha"]


def test_it_is_cloud_optimised_directories_first_and_the_coarsest_data_before_the_finest(tmp_path):
    path = write(tmp_path, photo())
    with rasterio.open(path) as source:
        first = int(source.get_tag_item("IFD_OFFSET", "TIFF", bidx=1))
        full = int(source.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    with rasterio.open(path, overview_level=1) as source:
        coarse = int(source.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    assert first == 16
    assert first < coarse < full


def test_a_rotated_raster_keeps_its_transform(tmp_path):
    turned = (1.5, 0.5, 10.0, 0.5, -1.5, 20.0)
    path = write(tmp_path, ground(40, 50), "EPSG:4490", turned)
    with rasterio.open(path) as source:
        assert tuple(source.transform)[:6] == turned
        assert source.crs.to_epsg() == 4490
    assert Cog(path).transform == turned


@pytest.mark.parametrize("data", [photo(), ground()], ids=["photo", "ground"])
def test_windows_and_cells_are_those_of_the_array(tmp_path, data):
    cog = Cog(write(tmp_path, data))
    assert (cog.shape, cog.dtype, cog.levels[0]) == (data.shape, data.dtype, data.shape[:2])
    equal = data.dtype.kind == "f"
    for window in ((0, 9999, 0, 9999), (500, 530, 505, 520), (1299, 1300, 0, 1), (7, 7, 0, 5)):
        a, b, c, d = window
        assert np.array_equal(cog.window(0, *window), data[a:b, c:d], equal_nan=equal)
    rows, cols = np.random.default_rng(3).integers(0, [[1300], [900]], (2, 700)).reshape(2, 7, 100)
    assert np.array_equal(cog[rows, cols], data[rows, cols], equal_nan=equal)


def test_overviews_are_means_of_what_is_known(tmp_path):
    data = ground()
    overview = Cog(write(tmp_path, data)).window(1, 0, 650, 0, 450)
    four = data.reshape(650, 2, 450, 2).astype(np.float64)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(four).sum(axis=(1, 3))
        want = np.nansum(four, axis=(1, 3)) / known
    assert overview == pytest.approx(want, abs=1e-3, nan_ok=True)
    pixels = np.array(
        [[[200, 0, 0, 255], [9, 9, 9, 0]], [[100, 0, 0, 255], [9, 9, 9, 0]]], np.uint8
    )
    assert halved(pixels).tolist() == [[[150, 0, 0, 128]]]


def test_the_name_is_the_content_not_the_windows_it_came_in(tmp_path):
    data = photo()
    whole, parts = write(tmp_path, data), write(tmp_path, data, window_bytes=1)
    assert whole == parts
    before = whole.read_bytes()
    whole.unlink()
    assert write(tmp_path, data).read_bytes() == before
    data[700, 800, 0] ^= 1
    assert write(tmp_path, data) != whole
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".tif", ".tif"]


def test_every_pixel_is_asked_for_once_and_windows_are_bounded(tmp_path):
    asked = np.zeros((1300, 5000), int)

    def window(a, b, c, d):
        asked[a:b, c:d] += 1
        assert (b - a) * (d - c) * 4 <= 1 << 21
        return np.ones((b - a, d - c), np.float32)

    write_cog(
        tmp_path, RasterSpec(1300, 5000, "dem", PLACE, "EPSG:4547"), window, window_bytes=1 << 21
    )
    assert (asked == 1).all()


def test_unknown_tiles_take_no_room(tmp_path):
    empty = np.full((4000, 4000), np.nan, np.float32)
    path = write(tmp_path, empty)
    assert path.stat().st_size < 5_000
    assert np.isnan(Cog(path)[np.array([5, 3999]), np.array([7, 3999])]).all()


@pytest.mark.parametrize("harm", ["cut", "profile", "bytes", "none"])
def test_damage_and_foreign_files_say_what_to_do(tmp_path, harm):
    path = write(tmp_path, ground(600, 600))
    raw = bytearray(path.read_bytes())
    if harm == "cut":
        path.write_bytes(raw[:200])
    elif harm == "bytes":
        raw[-3000:] = b"\xff" * 3000
        path.write_bytes(raw)
    elif harm == "profile":
        with rasterio.open(path) as source:
            rasterio.shutil.copy(source, tmp_path / "x.tif", driver="GTiff", BIGTIFF="YES")
        path = tmp_path / "x.tif"
    else:
        path = tmp_path / "none.tif"
    with pytest.raises(CityError, match="load its source again"):
        Cog(path).window(0, 0, 600, 0, 600)
