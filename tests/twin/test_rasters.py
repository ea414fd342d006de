"""Rasters into the base and out again as one ground and its photos."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from twin.city import City
from twin.heights import Heights
from twin.ingest import Source, load_raster
from twin.store import Store
from twin.store.rasters import imagery_of, terrain_of
from twin.terrain import Mosaic, Terrain
from twin.verify import verify


@dataclass
class Raster:
    data: np.ndarray
    transform: tuple
    findings: list = field(default_factory=list)

    @property
    def kind(self) -> str:
        return "dem" if self.data.ndim == 2 else "imagery"

    @property
    def shape(self) -> tuple[int, int]:
        return self.data.shape[:2]

    def window(self, a: int, b: int, c: int, d: int) -> np.ndarray:
        return self.data[a:b, c:d]


def source(key: str, crs: str = "EPSG:4490", z: str = "1985") -> Source:
    return Source(key, key, key, "GTiff", "raster", "0", crs, crs, "declared", 1.0, z)


@pytest.fixture
def store(tmp_path: Path):
    city = City.init(tmp_path / "city", undulation=-10.0)
    with Store.open(city) as opened:
        yield opened


def slope(cols: slice, value: float = 0.0) -> Raster:
    col = np.arange(200)[None, cols] * np.ones((50, 1))
    return Raster(
        (col + value).astype(np.float32), (1e-4, 0, 114 + 1e-4 * cols.start, 0, -1e-4, 30.0)
    )


def test_tiles_of_a_dem_become_one_ground(store):
    heights = Heights(-10.0)
    for name, cols in (("w.tif", slice(0, 100)), ("e.tif", slice(100, 200))):
        assert load_raster(store, source(name), slope(cols), heights).loaded == 1
    ground = terrain_of(store)
    assert isinstance(ground, Mosaic)
    lon = 114 + 1e-4 * (np.array([0.5, 99.75, 100.0, 100.25, 199.5]))
    assert ground.height(lon, np.full(5, 29.9975)) == pytest.approx(
        [-10.0, 89.25, 89.5, 89.75, 189.0], abs=1e-3
    )
    assert all(law.broken == 0 for law in verify(store))


def test_the_same_raster_again_changes_nothing_and_a_new_delivery_replaces_its_own(store):
    heights = Heights(-10.0)
    load_raster(store, source("a.tif"), slope(slice(0, 100)), heights)
    load_raster(store, source("b.tif"), slope(slice(100, 200)), heights)
    again = load_raster(store, source("a.tif"), slope(slice(0, 100)), heights)
    assert (again.n_in, again.unchanged, again.loaded) == (1, 1, 0)
    changed = load_raster(store, source("a.tif"), slope(slice(0, 100), 50.0), heights)
    assert (changed.loaded, changed.changed) == (1, 1)
    assert store.scalar("SELECT count(*) FROM raster") == 2
    assert terrain_of(store).height(114.0005, 29.999) == pytest.approx(50.0 + 4.5 - 10.0, abs=1e-3)


def test_one_dem_is_a_plain_terrain_and_findings_stand_in_its_dataset(store):
    raster = slope(slice(0, 100))
    raster.findings.append("7 pixels lie in damaged blocks")
    load_raster(store, source("a.tif", z="ellipsoid"), raster, Heights(-10.0))
    assert isinstance(terrain_of(store), Terrain)
    assert terrain_of(store).height(114.00055, 29.999) == pytest.approx(5.0, abs=1e-3)
    assert store.scalar("SELECT findings FROM dataset") == ["7 pixels lie in damaged blocks"]


def test_photos_lie_side_by_side_newest_first(store):
    for name, colour in (("old.tif", 50), ("new.tif", 90)):
        pixels = np.full((30, 40, 4), colour, np.uint8)
        load_raster(
            store,
            source(name, "EPSG:4547"),
            Raster(pixels, (1, 0, 500_000, 0, -1, 3_400_000)),
            Heights(),
        )
    photos = imagery_of(store)
    assert [int(cog.window(0, 0, 1, 0, 1)[0, 0, 0]) for cog, _, _ in photos] == [90, 50]
    assert photos[0][1:] == ((1.0, 0.0, 500_000.0, 0.0, -1.0, 3_400_000.0), "EPSG:4547")
