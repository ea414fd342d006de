"""The page's own client on the ground: heights of the tiles are those of the base's terrain."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tiles.ground import Ground
from twin.city import City
from twin.store import Store
from twin.store.scene import Scene

pytestmark = [pytest.mark.page, pytest.mark.slow]
ASK = """async (places) => { const provider = window.__citytwin.viewer.terrainProvider;
  const found = await Cesium.sampleTerrainMostDetailed(provider, places.map(([x, y]) => Cesium.Cartographic.fromDegrees(x, y)));
  return {heights: found.map((each) => each.height), metadata: provider.hasMetadata, normals: provider.hasVertexNormals,
    water: provider.hasWaterMask}; }"""


def heights(page: Page, city: Path) -> tuple[Any, np.ndarray]:
    """What CesiumJS finds at a hundred places, and what the ground of the base is there."""
    rng = np.random.default_rng(2)
    with Store.open(City.open(city), read_only=True) as store:
        surface = Scene(store).terrain()
        assert surface is not None
        ground = Ground(surface)
        west, south, east, north = ground.inner
        lon, lat = rng.uniform(west, east, 100), rng.uniform(south, north, 100)
        truth = ground.height(lon, lat)
    return page.evaluate(ASK, np.column_stack([lon, lat]).tolist()), truth


def test_the_client_stands_on_the_ground_of_the_base(page: Page, demo_city: Path) -> None:
    found, truth = heights(page, demo_city)
    assert found["metadata"]
    # the allowed stray of the finest level, and posts between which the DEM bends
    assert np.abs(np.array(found["heights"]) - truth).max() < 1.0
    assert np.abs(np.array(found["heights"]) - truth).mean() < 0.15
