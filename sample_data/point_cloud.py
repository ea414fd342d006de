"""The point cloud of the tower's block: LAS 1.4, point format 7, coloured and classified.

EPSG:4547 metres, 1985 heights, classes of the ASPRS table: 2 ground, 3 low and 5 high vegetation,
6 building.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import laspy
import numpy as np
import shapely
from laspy.vlrs.known import WktCoordinateSystemVlr
from numpy.typing import NDArray

from sample_data.district import LAS_BLOCK, SEED, TOWER, ground_height

__all__ = ["WKT", "write"]

GROUND, LOW_VEGETATION, HIGH_VEGETATION, BUILDING = 2, 3, 5, 6
GROUND_POINTS, TREES, SHRUBS = 80_000, 70, 60
ROOF_DENSITY, WALL_DENSITY = 14.0, 9.0
"""Points per square metre."""
WKT = (
    'PROJCS["CGCS2000 / 3-degree Gauss-Kruger CM 114E",'
    'GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",'
    'SPHEROID["CGCS2000",6378137,298.257222101,AUTHORITY["EPSG","1024"]],'
    'AUTHORITY["EPSG","1043"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],'
    'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4490"]],'
    'PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",114],PARAMETER["scale_factor",1],'
    'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],'
    'UNIT["metre",1,AUTHORITY["EPSG","9001"]],AUTHORITY["EPSG","4547"]]'
)
"""EPSG:4547 as the WKT 1 that LAS 1.4 asks for."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Points:
    """Points of one class: ``xyz`` (n, 3) metres, ``rgb`` (n, 3) 0–1."""

    xyz: Array
    rgb: Array
    label: int


def write(path: Path, buildings: Iterable[tuple[Array, float]] | None = None) -> None:
    """Write the point cloud.

    Parameters
    ----------
    path : Path
        The file to write; its bytes are the same on every run with the same buildings.
    buildings : iterable of (ring, height), optional
        Further buildings: closed ring, shape (n, 2), EPSG:4547 metres, and height above ground in
        metres. What lies outside the block or on the tower is left out.
    """
    rng = np.random.default_rng([SEED, 11])
    solids = _solids(buildings or ())
    built = shapely.union_all([polygon for polygon, _ in solids])
    parts = [_ground(rng, built)]
    for number, (polygon, height) in enumerate(solids):
        parts.append(_building(rng, polygon, height, number))
    parts.append(_trees(rng, built))
    parts.append(_shrubs(rng, built))
    xyz = np.concatenate([part.xyz for part in parts])
    rgb = np.concatenate([part.rgb for part in parts])
    label = np.repeat([part.label for part in parts], [len(part.xyz) for part in parts])
    west, south, east, north = LAS_BLOCK
    inside = (xyz[:, 0] >= west) & (xyz[:, 0] < east) & (xyz[:, 1] >= south) & (xyz[:, 1] < north)
    order = rng.permutation(np.flatnonzero(inside))
    _save(path, xyz[order], rgb[order], label[order])


def _solids(buildings: Iterable[tuple[Array, float]]) -> list[tuple[shapely.Polygon, float]]:
    """The tower first, then what does not touch it and lies in the block."""
    tower = shapely.Polygon(TOWER.corners())
    block = shapely.box(*LAS_BLOCK)
    solids = [(tower, TOWER.floors * TOWER.floor_height + 0.45)]
    for ring, height in buildings:
        polygon = shapely.Polygon(ring)
        if polygon.intersects(block) and not polygon.intersects(tower):
            solids.append((polygon, float(height)))
    return solids


def _inside(rng: np.random.Generator, polygon: shapely.Polygon, count: int) -> Array:
    """About ``count`` uniform points of a polygon, shape (m, 2)."""
    west, south, east, north = polygon.bounds
    many = int(count * (east - west) * (north - south) / polygon.area)
    points = rng.uniform((west, south), (east, north), (many, 2))
    return points[shapely.contains_xy(polygon, points)]


def _ground(rng: np.random.Generator, built: shapely.Geometry) -> _Points:
    """Bare ground outside the buildings: lawn, paths around the tower, a street in the south."""
    block = shapely.box(*LAS_BLOCK)
    xy = _inside(rng, block, GROUND_POINTS)
    xy = xy[~shapely.contains_xy(built, xy)]
    z = ground_height(xy[:, 0], xy[:, 1]) + rng.normal(0.0, 0.02, len(xy))
    distance = shapely.distance(shapely.points(xy), shapely.Polygon(TOWER.corners()))
    paved = (distance < 4.0) | (np.abs(distance - 16.0) < 2.5)
    street = xy[:, 1] < LAS_BLOCK[1] + 12.0
    rgb = np.where(paved[:, None], (0.66, 0.64, 0.60), (0.38, 0.50, 0.27))
    rgb = np.where(street[:, None], (0.32, 0.32, 0.34), rgb)
    return _Points(np.column_stack([xy, z]), _grained(rng, rgb, 0.05), GROUND)


def _building(
    rng: np.random.Generator, polygon: shapely.Polygon, height: float, number: int
) -> _Points:
    """Roof and façades; floors show as darker window bands."""
    ring = shapely.get_coordinates(polygon.exterior)
    base = float(ground_height(ring[:, 0], ring[:, 1]).min())
    roof = _inside(rng, polygon, int(polygon.area * ROOF_DENSITY))
    top = base + height + rng.normal(0.0, 0.015, len(roof))
    along = rng.uniform(0.0, polygon.exterior.length, int(polygon.length * height * WALL_DENSITY))
    foot = shapely.get_coordinates(shapely.line_interpolate_point(polygon.exterior, along))
    up = rng.uniform(0.0, height, len(along))
    wall = np.column_stack([foot + rng.normal(0.0, 0.015, foot.shape), base + up])
    window = ((up % 2.9) > 0.9) & ((up % 2.9) < 2.4) & ((along % 3.0) > 1.2)
    paint = ((0.88, 0.80, 0.69), (0.80, 0.72, 0.62), (0.72, 0.52, 0.44))[number % 3]
    rgb = np.concatenate(
        [
            np.broadcast_to((0.46, 0.47, 0.49), (len(roof), 3)),
            np.where(window[:, None], (0.30, 0.40, 0.47), paint),
        ]
    )
    xyz = np.concatenate([np.column_stack([roof, top]), wall])
    return _Points(xyz, _grained(rng, rgb, 0.03), BUILDING)


def _open_places(
    rng: np.random.Generator, built: shapely.Geometry, count: int, away: float
) -> Array:
    """Up to ``count`` places ``away`` metres from buildings and off the street, shape (n, 2)."""
    west, south, east, north = LAS_BLOCK
    free = shapely.difference(
        shapely.box(west + 4, south + 16, east - 4, north - 4), shapely.buffer(built, away)
    )
    points = rng.uniform((west, south), (east, north), (count * 30, 2))
    return points[shapely.contains_xy(free, points)][:count]


def _trees(rng: np.random.Generator, built: shapely.Geometry) -> _Points:
    """Crowns as fuzzy ellipsoids, with trunks."""
    places = _open_places(rng, built, TREES, 4.5)
    each = 480
    size = rng.uniform(1.4, 2.6, len(places)).repeat(each)
    tall = rng.uniform(4.5, 8.0, len(places)).repeat(each)
    way = rng.normal(size=(len(places) * each, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    reach = rng.uniform(0.7, 1.0, len(way))
    xy = places.repeat(each, axis=0) + way[:, :2] * (size * reach)[:, None]
    centre = ground_height(*places.T).repeat(each) + tall - size
    xyz = np.column_stack([xy, centre + way[:, 2] * size * reach * 1.15])
    trunk = rng.random(len(xyz)) < 0.06
    xyz[trunk, :2] = places.repeat(each, axis=0)[trunk] + rng.normal(0.0, 0.08, (trunk.sum(), 2))
    xyz[trunk, 2] = (centre - rng.uniform(0.0, 1.0, len(xyz)) * (tall - size))[trunk]
    rgb = np.where(trunk[:, None], (0.36, 0.28, 0.20), (0.22, 0.40, 0.16))
    return _Points(xyz, _grained(rng, rgb, 0.07), HIGH_VEGETATION)


def _shrubs(rng: np.random.Generator, built: shapely.Geometry) -> _Points:
    """Low round shrubs near the paths."""
    places = _open_places(rng, built, SHRUBS, 1.5)
    each = 110
    way = rng.normal(size=(len(places) * each, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    xy = places.repeat(each, axis=0) + way[:, :2] * 0.7
    z = ground_height(*places.T).repeat(each) + np.abs(way[:, 2]) * 0.9
    rgb = np.broadcast_to((0.34, 0.50, 0.20), (len(xy), 3))
    return _Points(np.column_stack([xy, z]), _grained(rng, rgb, 0.06), LOW_VEGETATION)


def _grained(rng: np.random.Generator, rgb: Array, spread: float) -> Array:
    """Colours with brightness noise, clipped to 0–1."""
    return np.clip(np.asarray(rgb) + rng.normal(0.0, spread, (len(rgb), 1)), 0.0, 1.0)


def _save(path: Path, xyz: Array, rgb: Array, label: NDArray[np.int64]) -> None:
    """Write LAS with fixed dates and identifiers."""
    header = laspy.LasHeader(version="1.4", point_format=7)
    header.offsets = np.array([LAS_BLOCK[0], LAS_BLOCK[1], 0.0])
    header.scales = np.full(3, 0.001)
    header.creation_date = date(2026, 7, 1)
    header.uuid = uuid5(NAMESPACE_URL, "urn:citytwin:sample-data:point-cloud")
    header.system_identifier = "citytwin sample data"
    header.generating_software = "citytwin sample data"
    header.global_encoding.wkt = True
    header.vlrs.append(WktCoordinateSystemVlr(WKT))
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = xyz[:, 0], xyz[:, 1], xyz[:, 2]
    cloud.red, cloud.green, cloud.blue = (rgb.T * 65535).round().astype(np.uint16)
    cloud.classification = label.astype(np.uint8)
    cloud.return_number = np.ones(len(xyz), dtype=np.uint8)
    cloud.number_of_returns = np.ones(len(xyz), dtype=np.uint8)
    cloud.intensity = (rgb.mean(axis=1) * 40_000).astype(np.uint16)
    cloud.gps_time = np.arange(len(xyz)) * 2e-5
    cloud.write(str(path))
