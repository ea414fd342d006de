"""What lies between the roads: a use for every block, and the water and green layers."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.district import CITYJSON_BLOCK, EXTENT, SEED, TOWER, ground_height
from sample_data.layout import (
    LAKE,
    RIVER_EDGE,
    Roads,
    faces,
    hill_outline,
    ring_area,
    river_band,
    unframe,
)

__all__ = ["Blocks", "Patch", "build_blocks", "green_patches", "road_surface", "water_patches"]


@dataclass(frozen=True, slots=True)
class Blocks:
    """One entry per face of the road net.

    ``face`` is the cell of the partition, ``plot`` the part of it clear of kerbs, water and
    setbacks (may be empty), ``zone`` its use, ``angle`` the direction of its rows (radians from
    east, within ±45°).
    """

    face: NDArray[np.object_]
    plot: NDArray[np.object_]
    zone: NDArray[np.object_]
    angle: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Patch:
    """A named area of water or green, EPSG:4547."""

    key: str
    name: str
    kind: str
    geometry: shapely.Geometry


def road_surface(roads: Roads, margin: float = 0.0) -> shapely.Geometry:
    """Union of all road surfaces widened by ``margin`` metres on each side."""
    return shapely.union_all(shapely.buffer(roads.geometry, roads.width / 2 + margin, quad_segs=4))


def build_blocks(roads: Roads) -> Blocks:
    """Faces, plots and zones of the district."""
    cells = faces(roads)
    taken = shapely.union_all(
        [road_surface(roads, 4.5), river_band(RIVER_EDGE + 12), LAKE.buffer(30.0)]
    )
    shapely.prepare(cells)
    plot = shapely.make_valid(shapely.difference(cells, taken))
    plot = np.array(
        [max(shapely.get_parts(p), key=shapely.area, default=shapely.Polygon()) for p in plot],
        dtype=object,
    )
    plot = shapely.intersection(plot, shapely.box(*EXTENT).buffer(-8.0))
    centre = shapely.get_coordinates(shapely.centroid(cells))
    uv = unframe(centre)
    return Blocks(
        cells,
        plot,
        _zones(cells, centre, uv[:, 0], uv[:, 1] - EXTENT[1]),
        _angles(plot),
        uv[:, 0],
        uv[:, 1],
    )


def _angles(plot: NDArray[np.object_]) -> NDArray[np.float64]:
    """Direction of the longer side of each plot's tightest rectangle, folded to ±45°."""
    out = np.zeros(plot.size)
    some = ~shapely.is_empty(plot)
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(plot[some])).reshape(-1, 5, 2)
    side = box[:, 1] - box[:, 0]
    angle = np.arctan2(side[:, 1], side[:, 0])
    out[some] = (angle + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return out


def _nearest(
    centre: NDArray[np.float64], free: NDArray[np.bool_], point: tuple[float, float]
) -> int:
    distance = np.hypot(*(centre - point).T)
    distance[~free] = np.inf
    return int(distance.argmin())


_PINNED: tuple[tuple[str, tuple[float, float]], ...] = (
    ("hero", (TOWER.easting, TOWER.northing)),
    (
        "old_block",
        ((CITYJSON_BLOCK[0] + CITYJSON_BLOCK[2]) / 2, (CITYJSON_BLOCK[1] + CITYJSON_BLOCK[3]) / 2),
    ),
    ("civic", (508_300, 3_372_650)),
    ("square", (507_900, 3_373_080)),
    ("hospital", (508_720, 3_372_700)),
    ("hospital", (506_050, 3_373_900)),
    ("hospital", (509_900, 3_371_300)),
    ("university", (509_900, 3_372_650)),
    ("university", (509_850, 3_372_250)),
    ("park", (508_700, 3_373_080)),
    ("park", (506_000, 3_372_250)),
    ("park", (507_700, 3_374_900)),
    ("park", (509_900, 3_373_700)),
    ("park", (508_050, 3_371_300)),
    ("park", (505_600, 3_374_500)),
    ("station", (507_950, 3_370_600)),
    ("village", (509_900, 3_374_150)),
    ("village", (505_650, 3_375_150)),
    ("village", (505_800, 3_370_600)),
    ("old_town", (506_100, 3_373_400)),
    *(
        ("school", p)
        for p in [
            (508_100, 3_373_750),
            (509_100, 3_373_400),
            (510_000, 3_373_100),
            (509_100, 3_372_250),
            (510_350, 3_371_900),
            (508_700, 3_371_600),
            (507_900, 3_371_700),
            (506_050, 3_371_300),
            (505_950, 3_372_700),
            (505_850, 3_374_450),
            (506_250, 3_375_300),
            (508_700, 3_374_500),
            (507_900, 3_374_450),
            (505_700, 3_371_000),
        ]
    ),
)


def _zones(
    cells: NDArray[np.object_],
    centre: NDArray[np.float64],
    u: NDArray[np.float64],
    v: NDArray[np.float64],
) -> NDArray[np.object_]:
    """Use of every face, from where it lies; a seeded draw decides within an area."""
    rng = np.random.default_rng([SEED, 2])
    draw = rng.random(cells.size)
    zone = np.where(
        draw < 0.34, "slab", np.where(draw < 0.62, "tower", np.where(draw < 0.82, "mixed", "court"))
    )
    zone = zone.astype(object)
    old = (u < -350) & (u > -1700) & (v > 1700) & (v < 4000)
    zone[old] = np.where(draw[old] < 0.45, "slab", np.where(draw[old] < 0.75, "old_town", "court"))
    village = (
        ((u < -700) & (v > 4200))
        | ((u > 1000) & (v > 3900) & (v < 4800))
        | ((u < -700) & (v < 900))
    )
    zone[village & (draw < 0.42)] = "village"
    zone[(u > 1000) & (v < 1180) & (v > 340)] = np.where(
        draw[(u > 1000) & (v < 1180) & (v > 340)] < 0.8, "industry", "slab"
    )
    zone[(u > 240) & (u < 1060) & (v > 1990) & (v < 3560)] = "cbd"
    zone[(u > 1060) & (u < 1560) & (v > 2440) & (v < 2930)] = "cbd"
    zone[(u > 240) & (u < 1060) & (v > 3560) & (v < 4300) & (draw < 0.45)] = "commerce"
    zone[(u > 1500) & (u < 2700) & (v > 2000) & (v < 3600) & (draw > 0.86)] = "commerce"
    outside = ~shapely.contains(ring_area(), shapely.point_on_surface(cells))
    zone[outside] = "farm"
    zone[outside & (v < 900) & (u > 900)] = "industry"
    size = shapely.area(cells)
    zone[(size < 9_000) & ~outside] = "pocket"
    free = ~outside & (size > 20_000)
    for use, point in _PINNED:
        at = _nearest(centre, free, point)
        zone[at], free[at] = use, False
    zone[np.abs(u) < 285] = "bank"
    zone[shapely.intersects(cells, LAKE.buffer(-30))] = "lake"
    zone[ground_height(centre[:, 0], centre[:, 1]) > 33] = "wood"
    zone[(centre[:, 1] > 3_374_600) & (centre[:, 0] > 508_900)] = "wood"
    return zone


def _blob(centre: tuple[float, float], size: float, rng: np.random.Generator) -> shapely.Polygon:
    """Smooth irregular closed shape, about ``size`` metres across."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waves = [rng.uniform(0.05, 0.16) * np.sin(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5)]
    radius = size / 2 * (1 + np.sum(waves, axis=0))
    return shapely.Polygon(
        np.column_stack(
            [centre[0] + radius * np.cos(angle), centre[1] + 0.7 * radius * np.sin(angle)]
        )
    )


_PARKS = (
    "中央公园",
    "人民公园",
    "临江公园",
    "翠湖公园",
    "望山公园",
    "莲花公园",
    "儿童公园",
    "文化公园",
)


def water_patches(blocks: Blocks) -> list[Patch]:
    """River, lake, the ponds of the parks and the fish ponds of the farmland."""
    rng = np.random.default_rng([SEED, 3])
    out = [
        Patch("LJ-W0001", "云泽江", "河流", river_band()),
        Patch("LJ-W0002", "明月湖", "湖泊", LAKE),
    ]
    for name, at in zip(_PARKS, np.flatnonzero(blocks.zone == "park"), strict=False):
        inner = blocks.plot[at].buffer(-35)
        if not inner.is_empty:
            point = inner.representative_point()
            shape = _blob((point.x, point.y), rng.uniform(70, 120), rng) & inner
            out.append(Patch(f"LJ-W{len(out) + 1:04d}", name + "水面", "池塘", shape))
    for at in np.flatnonzero(blocks.zone == "farm"):
        for pond in _fish_ponds(blocks.plot[at], rng):
            out.append(Patch(f"LJ-W{len(out) + 1:04d}", f"养殖塘{len(out) - 7}号", "坑塘", pond))
    return out


def _fish_ponds(plot: shapely.Polygon, rng: np.random.Generator) -> list[shapely.Polygon]:
    """A run of rectangular ponds in one corner of a field."""
    if plot.area < 60_000:
        return []
    inner = plot.buffer(-30)
    x0, y0, x1, y1 = inner.bounds
    x, y = rng.uniform(x0, x0 + 0.3 * (x1 - x0)), rng.uniform(y0, y0 + 0.5 * (y1 - y0))
    boxes = [
        shapely.box(x + 68 * i, y + 46 * j, x + 68 * i + 60, y + 46 * j + 38)
        for i in range(5)
        for j in range(3)
    ]
    ponds = [shapely.buffer(b.buffer(-6), 6, quad_segs=3) for b in boxes if inner.contains(b)]
    return ponds if len(ponds) < 13 else ponds[:12]


def green_patches(blocks: Blocks, water: list[Patch]) -> list[Patch]:
    """Wood, parks, the river promenade and the lake park; water is cut out."""
    wet = shapely.union_all([w.geometry for w in water])
    slopes = shapely.union_all(blocks.plot[blocks.zone == "wood"])
    hill = shapely.difference(shapely.intersection(hill_outline(34.0), slopes), wet)
    out = [Patch("LJ-G0001", "望月山森林公园", "林地", hill)]
    names = {"bank": "滨江绿带", "lake": "明月湖公园", "wood": "望月山林地", "pocket": "街头绿地"}
    kinds = {"bank": "防护绿地", "lake": "公园绿地", "wood": "林地", "pocket": "街旁绿地"}
    wood = out[0].geometry
    parks = iter(_PARKS)
    for at in np.flatnonzero(np.isin(blocks.zone, ["bank", "lake", "park", "wood", "pocket"])):
        zone = str(blocks.zone[at])
        shape = shapely.difference(blocks.plot[at], wet)
        if zone == "wood":
            shape = shapely.difference(shape, wood)
        shape = shapely.union_all([p for p in shapely.get_parts(shape) if p.area > 200])
        if shape.area < 300:
            continue
        serial = f"LJ-G{len(out) + 1:04d}"
        name = next(parks) if zone == "park" else names[zone]
        out.append(Patch(serial, name, kinds.get(zone, "公园绿地"), shape))
    return out
