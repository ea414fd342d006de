"""The whole district in memory: what every writer starts from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.admin import Admin, build_admin
from sample_data.buildings import Buildings, Lots, build_buildings, build_lots
from sample_data.district import CITY, COUNTY, CRS, PROVINCE
from sample_data.land import Blocks, Patch, build_blocks, green_patches, road_surface, water_patches
from sample_data.layout import Roads, build_roads
from twin.crs import to_geographic

__all__ = ["City", "build_city", "lonlat"]


@dataclass(frozen=True)
class City:
    """Roads, land, buildings and administration, EPSG:4547; ``old_block`` are the footprints of the CityJSON block."""

    roads: Roads
    blocks: Blocks
    water: list[Patch]
    green: list[Patch]
    buildings: Buildings
    lots: Lots
    admin: Admin
    old_block: list[dict[str, Any]]

    @cached_property
    def pavement(self) -> shapely.Geometry:
        """Carriageways of all roads."""
        return road_surface(self.roads)

    @cached_property
    def kerbs(self) -> shapely.Geometry:
        """Carriageways and the footways beside them (4.2 m)."""
        return road_surface(self.roads, 4.2)

    def place(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """Names of the subdistrict and the community of points (EPSG:4547) inside the district."""
        community = self.admin.grid_community[self.admin.locate(x, y)]
        street = self.admin.community_street[community]
        return self.admin.street_name[street], self.admin.community_name[community]

    def building_addresses(self) -> NDArray[np.object_]:
        """Standard address of every building, province to 楼栋."""
        lot = self.buildings.lot
        street, community = self.place(self.lots.x, self.lots.y)
        head = np.array([PROVINCE + CITY + COUNTY], dtype=object) + street + community
        head = head + self.lots.road + self.lots.number + self.lots.compound
        return np.asarray(head[lot] + self.buildings.label)


def build_city() -> City:
    """Draw the district; seeded, so always the same."""
    roads = build_roads()
    blocks = build_blocks(roads)
    water = water_patches(blocks)
    buildings, old_block = build_buildings(blocks)
    wet = shapely.union_all([w.geometry for w in water])
    shapely.prepare(wet)
    dry = np.flatnonzero(~shapely.intersects(wet, buildings.geometry))
    buildings = buildings.take(dry)
    buildings, lots = build_lots(buildings, blocks, roads)
    return City(
        roads,
        blocks,
        water,
        green_patches(blocks, water),
        buildings,
        lots,
        build_admin(roads),
        old_block,
    )


def lonlat(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """CGCS2000 longitude and latitude (degrees, EPSG:4490) of points in EPSG:4547."""
    lon, lat, _ = to_geographic(CRS, np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    return lon, lat
