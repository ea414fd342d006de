import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.cog import RasterSpec, write_cog
from twin.errors import CityError, InvalidRequestError
from twin.heights import GeoidGrid, Heights
from twin.terrain import Mosaic, Terrain

CELL, WEST, NORTH = 10.0, 505_000.0, 3_376_000.0
TRANSFORM = (CELL, 0.0, WEST, 0.0, -CELL, NORTH)
LEVEL = (1e-4, 0.0, 114.0, 0.0, -1e-4, 30.5)


def hills(e, n):
    """A smooth ground in metres, whose curvature bounds the error of 10 m cells below 2 cm."""
    return 25.0 + 8.0 * np.sin((e - WEST) / 300.0) * np.cos((n - NORTH) / 400.0)


def dem(rows=120, cols=150):
    col, row = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    return hills(WEST + CELL * col, NORTH - CELL * row).astype(np.float32)


def test_a_projected_dem_keeps_its_heights_at_independent_places():
    data, transform = Terrain.from_dem(dem(), TRANSFORM, "EPSG:4547", Heights(-12.8))
    assert data.dtype == np.float32
    rng = np.random.default_rng(0)
    e = rng.uniform(WEST + 30, WEST + 1470, 5000)
    n = rng.uniform(NORTH - 1170, NORTH - 30, 5000)
    lon, lat = pyproj.Transformer.from_crs(4547, 4490, always_xy=True).transform(e, n)
    error = Terrain(data, transform).height(lon, lat) - (hills(e, n) - 12.8)
    assert np.abs(error).max() < 0.02


def test_the_resolution_is_that_of_the_source():
    data, transform = Terrain.from_dem(dem(), TRANSFORM, "EPSG:4547", Heights())
    geod = pyproj.Geod(ellps="GRS80")
    lon, lat = transform[2], transform[5]
    east = geod.inv(lon, lat, lon + transform[0], lat)[2]
    north = geod.inv(lon, lat, lon, lat + transform[4])[2]
    assert east == pytest.approx(CELL, rel=0.01)
    assert north == pytest.approx(CELL, rel=0.01)
    assert data.shape[0] == pytest.approx(120, abs=4)
    assert data.shape[1] == pytest.approx(150, abs=4)


def test_a_longitude_latitude_dem_keeps_its_cells():
    source = dem(40, 50)
    data, transform = Terrain.from_dem(source, LEVEL, "EPSG:4490", Heights(-12.8))
    assert transform == LEVEL
    assert np.allclose(data, source - np.float32(12.8), atol=1e-5)


def test_a_geoid_grid_is_applied_cell_by_cell():
    grid = GeoidGrid(np.array([[-10.0, -20.0], [-10.0, -20.0]]), 114.0, 30.0, 1.0, 1.0)
    flat = np.zeros((4, 5000), np.float32)
    data, _ = Terrain.from_dem(flat, LEVEL, "EPSG:4490", Heights(grid))
    lon = 114.0 + (np.arange(5000) + 0.5) * 1e-4
    assert np.allclose(data[0], -10.0 - 10.0 * (lon - 114.0), atol=1e-5)


def test_ellipsoidal_dems_are_not_lifted_again():
    data, _ = Terrain.from_dem(dem(4, 4), LEVEL, "EPSG:4490", Heights(-12.8), reference="ellipsoid")
    assert np.allclose(data, dem(4, 4))
    with pytest.raises(InvalidRequestError, match="above ground"):
        Terrain.from_dem(dem(4, 4), LEVEL, "EPSG:4490", Heights(), reference="ground")


def test_many_small_blocks_give_the_same_grid_as_one(monkeypatch):
    whole, transform = Terrain.from_dem(dem(), TRANSFORM, "EPSG:4547", Heights(-12.8))
    monkeypatch.setattr("twin.resample._BLOCK_CELLS", 1000)
    parts, again = Terrain.from_dem(dem(), TRANSFORM, "EPSG:4547", Heights(-12.8))
    assert again == transform
    assert np.allclose(parts, whole, atol=1e-3, equal_nan=True)


def test_gaps_stay_gaps_and_do_not_spread():
    source = dem()
    source[50:60, 50:60] = np.nan
    data, transform = Terrain.from_dem(source, TRANSFORM, "EPSG:4547", Heights())
    to_lonlat = pyproj.Transformer.from_crs(4547, 4490, always_xy=True)
    inside = to_lonlat.transform(WEST + 550.0, NORTH - 550.0)
    beside = to_lonlat.transform(WEST + 640.0, NORTH - 550.0)
    terrain = Terrain(data, transform)
    assert np.isnan(terrain.height(*inside))
    assert terrain.height(*beside) == pytest.approx(hills(WEST + 640, NORTH - 550), abs=0.02)


def test_beside_a_gap_the_height_is_that_of_the_known_cells():
    cells = np.full((6, 6), 7.0)
    cells[2, 2] = np.nan
    terrain = Terrain(cells, (1.0, 0.0, 100.0, 0.0, -1.0, 36.0))
    lon, lat = np.random.default_rng(2).uniform([100, 30], [106, 36], (500, 2)).T
    heights = terrain.height(lon, lat)
    gap = (lon > 102) & (lon < 103) & (lat > 33) & (lat < 34)
    assert np.isnan(heights[gap]).all()
    assert heights[~gap] == pytest.approx(7.0)


def test_heights_are_bilinear_between_cell_centres():
    terrain = Terrain(np.array([[0.0, 10.0], [20.0, 30.0]]), (1.0, 0.0, 100.0, 0.0, -1.0, 32.0))
    at = terrain.height([100.5, 101.0, 101.0, 100.75, 100.1], [31.5, 31.5, 31.0, 30.75, 31.9])
    # by hand: centre, halfway east, the middle of four, a corner of weights, beyond the last centre
    assert at.tolist() == pytest.approx([0.0, 5.0, 15.0, 0.25 * 10 + 0.75 * 20, 0.0])


def test_outside_the_grid_there_is_no_height():
    terrain = Terrain(np.ones((3, 3)), (1.0, 0.0, 100.0, 0.0, -1.0, 33.0))
    assert np.isnan(terrain.height([99.9, 103.1, 101, 101, np.nan], [31, 31, 33.1, 29.9, 31])).all()
    assert terrain.height([100.0, 103.0], [33.0, 30.0]).tolist() == [1.0, 1.0]  # edges belong to it
    assert terrain.bounds == (100.0, 30.0, 103.0, 33.0)


@settings(deadline=None)
@given(st.floats(0.5, 9.4), st.floats(0.5, 9.4), st.floats(-3, 3), st.floats(-3, 3))
def test_a_tilted_plane_is_reproduced(x, y, slope_x, slope_y):
    col, row = np.meshgrid(np.arange(10) + 0.5, np.arange(10) + 0.5)
    terrain = Terrain(slope_x * col + slope_y * row, (1.0, 0.0, 100.0, 0.0, -1.0, 40.0))
    assert terrain.height([100.0 + x], [40.0 - y])[0] == pytest.approx(
        slope_x * x + slope_y * y, abs=1e-9
    )


def stored(folder, cells, transform):
    spec = RasterSpec(*cells.shape, "dem", transform, "EPSG:4490")
    return folder / write_cog(folder, spec, lambda a, b, c, d: cells[a:b, c:d])


def test_a_stored_terrain_answers_as_the_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.terrain._AT_ONCE", 100)
    cells, transform = Terrain.from_dem(dem(700, 800), TRANSFORM, "EPSG:4547", Heights(-12.8))
    cells[300:330, 500:520] = np.nan
    memory, disk = Terrain(cells, transform), Terrain.open(stored(tmp_path, cells, transform))
    west, south, east, north = memory.bounds
    lon, lat = np.random.default_rng(5).uniform([west, south], [east, north], (3000, 2)).T
    assert np.array_equal(memory.height(lon, lat), disk.height(lon, lat), equal_nan=True)
    assert disk.bounds == memory.bounds
    assert disk.sample().mean() == pytest.approx(memory.sample().mean(), abs=0.05)


def test_a_missing_or_damaged_terrain_says_what_to_do(tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"no raster" * 9)
    whole = stored(tmp_path, dem(4, 4), LEVEL)
    (tmp_path / "cut.tif").write_bytes(whole.read_bytes()[:300])
    for name in ("none.tif", "bad.tif", "cut.tif"):
        with pytest.raises(CityError, match="load its source again"):
            Terrain.open(tmp_path / name)
    with pytest.raises(InvalidRequestError, match="invertible"):
        Terrain(np.ones((2, 2)), (0.0, 0.0, 1.0, 0.0, 0.0, 1.0))
    with pytest.raises(InvalidRequestError, match="lies outside"):
        Terrain.from_dem(dem(4, 4), (1.0, 0, 1e12, 0, -1.0, 1e12), "EPSG:4547", Heights())


def test_two_touching_grids_are_one_ground_without_a_step():
    col, row = np.meshgrid(np.arange(40) + 0.5, np.arange(20) + 0.5)
    whole = Terrain(3.0 * col + 2.0 * row, (1e-3, 0.0, 114.0, 0.0, -1e-3, 30.0))
    left = Terrain(whole.data[:, :20].copy(), whole.transform)
    right = Terrain(whole.data[:, 20:].copy(), (1e-3, 0.0, 114.02, 0.0, -1e-3, 30.0))
    lon, lat = np.random.default_rng(1).uniform([114.0, 29.98], [114.04, 30.0], (4000, 2)).T
    for parts in ([left, right], [right, left]):
        assert Mosaic(parts).height(lon, lat) == pytest.approx(whole.height(lon, lat), abs=1e-6)


def test_the_finest_grid_that_knows_a_place_decides():
    coarse = Terrain(np.full((10, 10), 5.0), (1e-3, 0.0, 114.0, 0.0, -1e-3, 30.0))
    cells = np.full((40, 40), 9.0)
    cells[:, :8] = np.nan
    fine = Terrain(cells, (1e-4, 0.0, 114.002, 0.0, -1e-4, 29.998))
    ground = Mosaic([coarse, fine])
    at = ground.height([114.004, 114.0024, 114.0095, 114.02], [29.996, 29.996, 29.996, 29.996])
    assert at[:3].tolist() == pytest.approx([9.0, 5.0, 5.0])
    assert np.isnan(at[3])
    assert ground.bounds == pytest.approx((114.0, 29.99, 114.01, 30.0))
    assert ground.cell == fine.cell


def test_of_two_equally_fine_grids_the_first_decides():
    a, b = (Terrain(np.full((4, 4), v), LEVEL) for v in (1.0, 2.0))
    place = (114.0002, 30.4998)
    assert (Mosaic([a, b]).height(*place), Mosaic([b, a]).height(*place)) == (1.0, 2.0)
    assert Mosaic([a, b]).digest() != Mosaic([b, a]).digest()
