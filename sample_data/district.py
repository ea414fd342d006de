"""The fictional district 临江示范区: where it lies, how the ground runs, where its hero sites stand.

Everything the generators share stands here, so that a building, its address, its IFC model and its
sensors agree without asking each other. Coordinates are CGCS2000 / 3-degree Gauss-Kruger CM 114E
(EPSG:4547: easting, northing in metres, no zone prefix); heights are 1985 national heights in
metres.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ADMIN_CODE",
    "BRIDGE",
    "CITYJSON_BLOCK",
    "CRS",
    "EXTENT",
    "GEOID_UNDULATION",
    "LAS_BLOCK",
    "OFFICE",
    "SEED",
    "TOWER",
    "Site",
    "ground_height",
    "river_easting",
]

SEED = 20260701
CRS = "EPSG:4547"
EXTENT = (505_000.0, 3_370_000.0, 511_000.0, 3_376_000.0)
"""(min easting, min northing, max easting, max northing), 6 × 6 km."""

ADMIN_CODE = "429871"
"""Fictional: 42 is Hubei, 98 and 71 are not in use."""

PROVINCE, CITY, COUNTY = "湖北省", "云梦泽市", "临江示范区"
GEOID_UNDULATION = -12.80
"""Metres; ellipsoidal height = 1985 height + this constant (the city's ``[heights]`` setting)."""

RIVER_HALF_WIDTH = 160.0


@dataclass(frozen=True, slots=True)
class Site:
    """A place with a detailed model: local origin (south-west corner), size and rotation.

    ``rotation`` is degrees counter-clockwise from grid east to the model's x axis; ``width`` runs
    along x and
    ``depth`` along y, in metres. The footprint layer holds the same rectangle, so that fusing can
    find it.
    """

    name: str
    easting: float
    northing: float
    rotation: float
    width: float
    depth: float
    floors: int
    floor_height: float

    def corners(self) -> NDArray[np.float64]:
        """Footprint ring, shape (5, 2), EPSG:4547, counter-clockwise, closed."""
        angle = np.deg2rad(self.rotation)
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        local = np.array(
            [[0, 0], [self.width, 0], [self.width, self.depth], [0, self.depth], [0, 0]],
            dtype=float,
        )
        return np.asarray(local @ axes + (self.easting, self.northing), dtype=np.float64)


TOWER = Site("临江花园5号楼", 508_210.0, 3_373_140.0, 8.0, 38.0, 15.0, 18, 2.9)
"""Residential: 2 units × 18 storeys × 4 rooms a storey and unit: 101 … 1804."""
OFFICE = Site("临江国际中心", 508_420.0, 3_372_640.0, -6.0, 44.0, 32.0, 12, 4.0)
BRIDGE = Site("临江大桥", 506_690.0, 3_372_900.0, 0.0, 520.0, 26.0, 1, 0.0)
"""Deck axis runs east over the river at northing 3 372 913; no footprint in the building layer."""
CITYJSON_BLOCK = (508_600.0, 3_373_600.0, 508_840.0, 3_373_840.0)
"""A block whose buildings also exist as CityJSON LoD2 with roof shapes (same footprints as the GIS layer)."""
LAS_BLOCK = (508_200.0, 3_373_080.0, 508_320.0, 3_373_200.0)


def river_easting(northing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Easting of the river's centre line at a northing (EPSG:4547, metres; same shape out as in)."""
    t = (np.asarray(northing, dtype=float) - EXTENT[1]) / 6000.0
    return 507_000.0 + 260.0 * np.sin(2.2 * np.pi * t) - 180.0 * (t - 0.5)


def ground_height(
    easting: NDArray[np.float64], northing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Height of the bare ground.

    Parameters
    ----------
    easting, northing : ndarray of float64, same shape
        EPSG:4547, metres.

    Returns
    -------
    ndarray of float64
        1985 height, metres: a river plain at 21–26 m that rises to a wooded hill (about 95 m) in
        the north-east;
        the river bed lies near 14 m, the water table stands at 18.5 m.
    """
    e = np.asarray(easting, dtype=float)
    n = np.asarray(northing, dtype=float)
    plain = (
        23.0
        + 1.6 * np.sin((e - 505_000) / 900.0) * np.cos((n - 3_370_000) / 1100.0)
        + (e - 505_000) * 2.5e-4
    )
    hill = 68.0 * np.exp(-(((e - 510_150) / 620.0) ** 2 + ((n - 3_375_150) / 540.0) ** 2))
    shoulder = 18.0 * np.exp(-(((e - 509_350) / 500.0) ** 2 + ((n - 3_375_500) / 420.0) ** 2))
    offset = np.abs(e - river_easting(n))
    bank = 1.0 / (1.0 + np.exp((offset - RIVER_HALF_WIDTH - 25.0) / 9.0))
    return (plain + hill + shoulder) * (1.0 - bank) + 14.0 * bank
