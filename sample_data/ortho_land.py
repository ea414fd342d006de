"""The ground of the aerial photograph: fields, lawns, paving, water."""

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.canvas import Canvas, Colour
from sample_data.city import City
from sample_data.layout import hill_outline
from sample_data.ortho_streets import ASPHALT, park_cars

__all__ = ["paint_ground", "paint_water", "paint_yards", "treeless"]

_GROUND: dict[str, Colour] = {
    "slab": (112, 122, 92),
    "tower": (104, 124, 86),
    "mixed": (106, 122, 88),
    "court": (126, 124, 106),
    "hero": (100, 126, 84),
    "old_block": (112, 120, 92),
    "village": (150, 142, 126),
    "old_town": (146, 138, 124),
    "cbd": (158, 155, 148),
    "civic": (128, 138, 108),
    "commerce": (160, 156, 148),
    "industry": (150, 147, 136),
    "school": (120, 130, 100),
    "university": (110, 128, 90),
    "hospital": (126, 134, 108),
    "square": (176, 168, 154),
    "station": (160, 156, 148),
    "farm": (122, 128, 84),
    "park": (96, 122, 72),
    "lake": (96, 122, 72),
    "bank": (98, 122, 76),
    "wood": (64, 88, 52),
    "pocket": (96, 118, 74),
}
_ROUGH = {"farm": 15, "wood": 70, "park": 34, "lake": 34, "bank": 34, "pocket": 34}
_WATER: dict[str, Colour] = {
    "河流": (74, 98, 92),
    "湖泊": (58, 92, 92),
    "池塘": (70, 98, 84),
    "坑塘": (86, 104, 88),
}
_MEADOW: Colour = (98, 124, 72)
_PATH: Colour = (176, 166, 144)
_CROPS: tuple[Colour, ...] = (
    (116, 132, 70),
    (134, 142, 80),
    (150, 146, 92),
    (100, 122, 62),
    (162, 150, 108),
    (124, 138, 84),
    (106, 116, 64),
    (140, 128, 92),
    (92, 116, 66),
)
_UNBUILT = ("farm", "park", "bank", "lake", "wood", "pocket")
_LOTS = {
    "cbd": 0.6,
    "civic": 0.2,
    "commerce": 0.7,
    "hospital": 0.3,
    "station": 0.7,
    "industry": 0.3,
    "university": 0.3,
    "school": 0.08,
}
"""Zones with car parks, and the share of the free places that are used."""

Geometries = NDArray[np.object_]


def paint_ground(flat: Canvas, rough: Canvas, city: City, rng: np.random.Generator) -> None:
    """Pavements, then every block in the colour of its use, fields, woods and meadows.

    Parameters
    ----------
    flat, rough : Canvas
        Colours, and the strength of the texture (0 … 255).
    """
    blocks = city.blocks
    flat.areas(shapely.difference(blocks.face, city.pavement), (150, 147, 140))
    inner = shapely.difference(blocks.face, city.kerbs)
    for zone in np.unique(blocks.zone.astype(str)):
        at = blocks.zone == zone
        flat.areas(inner[at], _GROUND[zone])
        rough.areas(inner[at], _ROUGH.get(zone, 12))
    for index in np.flatnonzero(blocks.zone == "farm"):
        _paint_fields(flat, inner[index], rng)
    flat.areas(_green(city, "林地"), (56, 82, 46))
    flat.lines(_trails(), (170, 158, 132), 3.4)
    for kind in ("公园绿地", "街旁绿地", "防护绿地"):
        meadow = _green(city, kind)
        flat.areas(meadow, _MEADOW)
        flat.lines(shapely.boundary(shapely.buffer(meadow, -14.0)), _PATH, 3.2)
    _paint_park_paths(flat, city)


def _green(city: City, kind: str) -> Geometries:
    return np.array([g.geometry for g in city.green if g.kind == kind], dtype=object)


def _trails() -> Geometries:
    """A walk around the hill at half height, and switchbacks from the ring road to its top."""
    ring = shapely.get_coordinates(hill_outline(56.0))
    turn = np.arange(len(ring)) * (2.0 * np.pi / (len(ring) - 1))
    sway = 22.0 * np.sin(turn * 9.0) + 12.0 * np.sin(turn * 23.0)
    around = ring + sway[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    t = np.linspace(0.0, 1.0, 160)
    zigzag = 60.0 * np.sin(t * 26.0) * np.sqrt(t * (1.0 - t))
    up = np.column_stack([509_330.0 + 820.0 * t - zigzag, 3_374_500.0 + 650.0 * t + zigzag])
    return np.array([shapely.LineString(around), shapely.LineString(up)], dtype=object)


def _paint_fields(flat: Canvas, face: shapely.Polygon, rng: np.random.Generator) -> None:
    """Strips of different crops, parted by paths and ditches."""
    x0, y0, x1, y1 = face.bounds
    cells = []
    x = x0
    while x < x1:
        width = rng.uniform(70, 150)
        y = y0
        while y < y1:
            depth = rng.uniform(18, 44)
            cells.append(shapely.box(x + 1.5, y + 0.8, x + width - 1.5, y + depth - 0.8))
            y += depth
        x += width
    field = shapely.intersection(np.array(cells, dtype=object), face)
    field = field[shapely.area(field) > 60]
    tone = rng.integers(0, len(_CROPS), field.size)
    for k, colour in enumerate(_CROPS):
        flat.areas(field[tone == k], colour)


def _paint_park_paths(flat: Canvas, city: City) -> None:
    """Two winding paths across every park."""
    for index in np.flatnonzero(city.blocks.zone == "park"):
        plot = city.blocks.plot[index]
        if plot.is_empty:
            continue
        x0, y0, x1, y1 = plot.bounds
        t = np.linspace(0.0, 1.0, 60)
        wave = np.sin(t * 2 * np.pi + index) * 0.14
        across = np.column_stack([x0 + (x1 - x0) * t, y0 + (y1 - y0) * (0.36 + wave)])
        along = np.column_stack([x0 + (x1 - x0) * (0.64 + wave), y0 + (y1 - y0) * t])
        paths = shapely.intersection(np.array(shapely.linestrings([across, along])), plot)
        flat.lines(paths, _PATH, 3.4)


def paint_yards(flat: Canvas, city: City, rng: np.random.Generator) -> None:
    """Lanes and car parks inside the blocks, paving around buildings, sports grounds, the square."""
    zone = city.blocks.zone.astype(str)
    built = ~np.isin(zone, [*_UNBUILT, "village", "old_town", "square"])
    _paint_lanes(flat, city, np.flatnonzero(built), rng)
    b = city.buildings
    paved = ~np.isin(zone[b.block], ["farm", "park", "lake"])
    flat.areas(shapely.buffer(b.geometry[paved], 4.2, quad_segs=1), (150, 147, 139))
    _paint_car_parks(flat, city, np.flatnonzero(np.isin(zone, list(_LOTS))), rng)
    for spine, field in _pitches(city):
        for radius, colour in ((44.0, (168, 92, 74)), (35.0, (92, 138, 78))):
            flat.areas(np.array([spine.buffer(radius)]), colour)
        circle = spine.interpolate(0.5, normalized=True).buffer(9.0)
        flat.lines(np.array([field.exterior, circle.exterior]), (214, 222, 206), 1.0)
    for index in np.flatnonzero(zone == "square"):
        plot = city.blocks.plot[index]
        rings = np.array([plot.buffer(-12.0 * k) for k in range(1, 6)], dtype=object)
        for k, ring in enumerate(rings[~shapely.is_empty(rings)]):
            flat.areas(np.array([ring]), (188, 178, 162) if k % 2 else (160, 150, 138))
        flat.areas(np.array([plot.centroid.buffer(16)]), (84, 126, 140))


def _turned(local: NDArray[np.float64], angle: float, plot: shapely.Polygon) -> NDArray[np.float64]:
    """Points of a plot's own frame (origin at its centroid) in EPSG:4547."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.asarray(local @ turn + (plot.centroid.x, plot.centroid.y))


def _paint_lanes(
    flat: Canvas, city: City, blocks: NDArray[np.int64], rng: np.random.Generator
) -> None:
    """A ring lane and a cross of lanes in every built-up block, cars parked beside the cross."""
    plots = city.blocks.plot[blocks]
    ring = shapely.boundary(shapely.buffer(plots, -6.0))
    flat.lines(ring[~shapely.is_empty(ring)], (138, 137, 132), 4.6)
    lanes = []
    for index, plot in zip(blocks, plots, strict=True):
        if plot.is_empty or plot.area < 9000:
            continue
        angle = float(city.blocks.angle[index])
        for local in ([[-400, 0], [400, 0]], [[0, -400], [0, 400]]):
            line = shapely.LineString(_turned(np.array(local, dtype=float), angle, plot))
            lanes.append(shapely.intersection(line, plot.buffer(-6.0)))
    parts = shapely.get_parts(np.array(lanes, dtype=object))
    parts = parts[shapely.length(parts) > 40]
    flat.lines(parts, (146, 144, 136), 16.0)
    flat.lines(parts, (122, 122, 122), 5.6)
    park_cars(flat, parts, 5.6, 0.3, rng)


def _paint_car_parks(
    flat: Canvas, city: City, blocks: NDArray[np.int64], rng: np.random.Generator
) -> None:
    """Car parks on free ground: asphalt with stalls, half of them taken."""
    tree = shapely.STRtree(city.buildings.geometry)
    aisles = []
    for index in blocks:
        plot = city.blocks.plot[index]
        share = _LOTS[str(city.blocks.zone[index])]
        reach = np.arange(-180.0, 181.0, 45.0)
        centre = np.stack(np.meshgrid(reach, reach * 0.9), axis=-1).reshape(-1, 2)
        corners = np.array([[-19, -16], [19, -16], [19, 16], [-19, 16]], dtype=float)
        angle = float(city.blocks.angle[index])
        placed = _turned((centre[:, None] + corners).reshape(-1, 2), angle, plot).reshape(-1, 4, 2)
        lots = np.asarray(shapely.polygons(placed))
        ok = shapely.contains_properly(plot.buffer(-11.0), lots) & (rng.random(lots.size) < share)
        hit = tree.query(shapely.buffer(lots, 5.0), predicate="intersects")[0]
        ok[np.unique(hit)] = False
        flat.areas(lots[ok], ASPHALT)
        for k in (0.27, 0.73):
            a = placed[ok, 0] + (placed[ok, 3] - placed[ok, 0]) * k
            b = placed[ok, 1] + (placed[ok, 2] - placed[ok, 1]) * k
            aisles.append(np.asarray(shapely.linestrings(np.stack([a, b], axis=1))))
    park_cars(flat, np.concatenate(aisles), 3.4, 0.6, rng, stalls=True)


def _pitches(city: City) -> list[tuple[shapely.LineString, shapely.Polygon]]:
    """Spine of the running track and the football field of every school."""
    out = []
    for index in np.flatnonzero(city.blocks.zone == "school"):
        plot, angle = city.blocks.plot[index], float(city.blocks.angle[index])
        x0, _, x1, _ = plot.bounds
        shift = np.array([-0.22 * (x1 - x0), -10.0])
        spine = shapely.LineString(_turned(np.array([[0, -42.0], [0, 42.0]]) + shift, angle, plot))
        corners = np.array([[-30.0, -46.0], [30, -46], [30, 46], [-30, 46]])
        out.append((spine, shapely.Polygon(_turned(corners + shift, angle, plot))))
    return out


def treeless(city: City) -> shapely.Geometry:
    """Where no tree grows whatever the zone: carriageways, water, running tracks, trails."""
    wet = [w.geometry for w in city.water]
    tracks = [spine.buffer(46.0) for spine, _ in _pitches(city)]
    paths = shapely.buffer(_trails(), 3.5)
    return shapely.union_all([city.pavement, *wet, *tracks, *paths])


def paint_water(flat: Canvas, rough: Canvas, city: City) -> None:
    """Water with its banks."""
    for kind, colour in _WATER.items():
        area = np.array([w.geometry for w in city.water if w.kind == kind], dtype=object)
        if area.size:
            bank = (150, 142, 120) if kind != "河流" else (132, 130, 118)
            flat.areas(shapely.buffer(area, 5.0), bank)
            flat.areas(area, colour)
            rough.areas(area, 4)
