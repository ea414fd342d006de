"""The aerial photograph: the district's own layers painted as a plane would see them at eleven in the morning.

Flat colours are drawn at a finer scale and averaged down; texture, light and shadow are then laid over in arrays.
"""

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from PIL import Image

from sample_data import ortho_roofs
from sample_data.canvas import Canvas, Colour, noise
from sample_data.city import City
from sample_data.components import Components
from sample_data.district import SEED, ground_height
from sample_data.land import road_surface
from sample_data.layout import hill_outline

__all__ = ["PIXEL", "render"]

PIXEL = 1.25
SIZE = 4800
FINE = 7200
"""Pixels across while drawing."""

_GROUND: dict[str, Colour] = {
    "slab": (112, 122, 92), "tower": (104, 124, 86), "mixed": (106, 122, 88), "court": (126, 124, 106), "hero": (100, 126, 84),
    "old_block": (112, 120, 92), "village": (150, 142, 126), "old_town": (146, 138, 124), "cbd": (158, 155, 148), "civic": (134, 142, 116),
    "commerce": (160, 156, 148), "industry": (158, 154, 144), "school": (124, 132, 104), "university": (110, 128, 90),
    "hospital": (140, 142, 126), "square": (176, 168, 154), "station": (160, 156, 148), "farm": (122, 128, 84), "park": (92, 118, 70),
    "lake": (92, 120, 72), "bank": (98, 122, 76), "wood": (64, 88, 52), "pocket": (96, 118, 74),
}  # fmt: skip
_ASPHALT: Colour = (92, 93, 96)
_PAVING: Colour = (164, 160, 152)
_WATER: dict[str, Colour] = {
    "河流": (74, 98, 92),
    "湖泊": (58, 92, 92),
    "池塘": (70, 98, 84),
    "坑塘": (86, 104, 88),
}
_ROUGH = {"farm": 15, "wood": 70, "park": 34, "lake": 34, "bank": 34, "pocket": 34}


def render(city: City, parts: Components) -> tuple[NDArray[np.uint8], float]:
    """Paint the district.

    Returns
    -------
    ndarray of uint8, shape (4800, 4800, 3)
        RGB, north up.
    float
        Pixel size in metres.
    """
    rng = np.random.default_rng([SEED, 100])
    flat = Canvas(FINE, "RGB", (140, 138, 122))
    rough = Canvas(SIZE // 2, "L", 12)
    _paint_land(flat, rough, city, rng)
    _paint_roads(flat, city)
    _paint_yards(flat, city)
    _paint_water(flat, rough, city)
    shade = Canvas(FINE, "L", 0)
    ortho_roofs.cast_shadows(shade, city.buildings)
    _paint_cars(flat, city, rng)
    _plant(flat, shade, city, parts, rng)
    _paint_bridges(flat, shade, city)
    ortho_roofs.paint_roofs(flat, shade, city.buildings, rng)
    return _light(flat, rough, shade, rng), PIXEL


def _paint_land(flat: Canvas, rough: Canvas, city: City, rng: np.random.Generator) -> None:
    blocks = city.blocks
    for zone in np.unique(blocks.zone.astype(str)):
        at = blocks.zone == zone
        flat.areas(blocks.face[at], _GROUND[zone])
        rough.areas(blocks.face[at], _ROUGH.get(zone, 12))
    for index in np.flatnonzero(blocks.zone == "farm"):
        _paint_fields(flat, blocks.face[index], rng)
    hill = np.array([hill_outline(30.0)], dtype=object)
    flat.areas(hill, (60, 84, 48))
    rough.areas(hill, 80)
    woods = [g.geometry for g in city.green if g.kind == "林地"]
    flat.areas(np.array(woods, dtype=object), (56, 82, 46))
    meadow = np.array(
        [g.geometry for g in city.green if g.kind in ("公园绿地", "街旁绿地", "防护绿地")],
        dtype=object,
    )
    flat.areas(meadow, (98, 124, 72))
    inner = shapely.buffer(meadow, -14.0)
    flat.lines(shapely.boundary(inner), (176, 166, 144), 3.2)


_CROPS: tuple[Colour, ...] = ((116, 132, 70), (134, 142, 80), (150, 146, 92), (100, 122, 62), (162, 150, 108), (124, 138, 84),
                              (106, 116, 64), (140, 128, 92), (92, 116, 66))  # fmt: skip


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


def _paint_roads(flat: Canvas, city: City) -> None:
    roads = city.roads
    flat.areas(np.array([road_surface(roads, 4.2)], dtype=object), (150, 147, 140))
    surface = road_surface(roads)
    for polygon in shapely.get_parts(surface):
        flat.areas(np.array([polygon], dtype=object), _ASPHALT)
    blocks = shapely.difference(city.blocks.face, road_surface(roads, 4.2))
    # faces were covered by the exterior of the road union: lay them back in
    for zone in np.unique(city.blocks.zone.astype(str)):
        flat.areas(blocks[city.blocks.zone == zone], _GROUND[zone])
    _repaint_inside(flat, city, blocks)
    _paint_markings(flat, city)


def _repaint_inside(flat: Canvas, city: City, blocks: NDArray[np.object_]) -> None:
    rng = np.random.default_rng([SEED, 101])
    for index in np.flatnonzero(city.blocks.zone == "farm"):
        _paint_fields(flat, blocks[index], rng)
    for kind, colour in (
        ("林地", (56, 82, 46)),
        ("公园绿地", (98, 124, 72)),
        ("街旁绿地", (98, 124, 72)),
        ("防护绿地", (98, 124, 72)),
    ):
        area = np.array([g.geometry for g in city.green if g.kind == kind], dtype=object)
        if area.size:
            flat.areas(area, colour)
            if kind != "林地":
                flat.lines(shapely.boundary(shapely.buffer(area, -14.0)), (176, 166, 144), 3.2)
    ring = shapely.boundary(shapely.buffer(city.blocks.plot, -6.0))
    built = ~np.isin(
        city.blocks.zone.astype(str),
        ["farm", "park", "bank", "lake", "wood", "pocket", "village", "old_town"],
    )
    flat.lines(ring[built & ~shapely.is_empty(ring)], (140, 139, 134), 5.0)


def _paint_markings(flat: Canvas, city: City) -> None:
    roads = city.roads
    short = shapely.line_interpolate_point(roads.geometry, 0.0)
    assert short.size == roads.key.size
    for grade, median in (("expressway", 4.0), ("arterial", 3.0)):
        lines = _trimmed(roads.geometry[(roads.grade == grade) & ~roads.bridge], 24.0)
        flat.lines(lines, (96, 118, 74), median)
        for offset in (-1, 1):
            for lane in (5.6, 9.2, 12.8):
                flat.lines(
                    _dashes(shapely.offset_curve(lines, offset * lane)), (196, 196, 192), 0.9
                )
    minor = _trimmed(roads.geometry[np.isin(roads.grade.astype(str), ["secondary", "local"])], 20.0)
    flat.lines(minor, (190, 168, 92), 0.9)
    _paint_crossings(flat, city)


def _trimmed(lines: NDArray[np.object_], gap: float) -> NDArray[np.object_]:
    """Lines without their ends."""
    long = lines[shapely.length(lines) > 2.5 * gap]
    return np.array(
        [shapely.ops.substring(line, gap, line.length - gap) for line in long], dtype=object
    )


def _dashes(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """6 m dashes every 15 m."""
    length = shapely.length(lines)
    count = np.maximum((length // 15).astype(int), 0)
    owner = np.repeat(np.arange(lines.size), count)
    station = np.concatenate([np.arange(n) * 15.0 for n in count]) if owner.size else np.zeros(0)
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines[owner], station))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines[owner], station + 6.0))
    return np.asarray(shapely.linestrings(np.stack([a, b], axis=1)))


def _paint_crossings(flat: Canvas, city: City) -> None:
    """Zebra crossings at both ends of every piece of road."""
    roads = city.roads
    use = (shapely.length(roads.geometry) > 80) & ~roads.bridge
    lines, half = roads.geometry[use], roads.width[use] / 2
    for end in (1.0, -1.0):
        at = shapely.get_coordinates(shapely.line_interpolate_point(lines, end * 23.0))
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, end * 24.0)) - at
        side = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        for k in np.arange(-0.9, 0.95, 0.1):
            mid = at + side * (k * half)[:, None]
            a, b = mid - 2.0 * ahead, mid + 2.0 * ahead
            flat.lines(shapely.linestrings(np.stack([a, b], axis=1)), (206, 206, 202), 0.9)


def _paint_yards(flat: Canvas, city: City) -> None:
    """Paving around buildings, sports grounds of schools, the square."""
    b = city.buildings
    paved = ~np.isin(city.blocks.zone[b.block].astype(str), ["farm", "park", "lake"])
    flat.areas(shapely.buffer(b.geometry[paved], 4.5, quad_segs=1), (150, 147, 139))
    for index in np.flatnonzero(np.isin(city.blocks.zone.astype(str), ["school"])):
        _sports_ground(flat, city.blocks.plot[index], float(city.blocks.angle[index]))
    for index in np.flatnonzero(city.blocks.zone == "square"):
        plot = city.blocks.plot[index]
        rings = np.array([plot.buffer(-12.0 * k) for k in range(1, 6)], dtype=object)
        for k, ring in enumerate(rings[~shapely.is_empty(rings)]):
            flat.areas(
                np.array([ring], dtype=object), (188, 178, 162) if k % 2 else (160, 150, 138)
            )
        flat.areas(np.array([plot.centroid.buffer(16)], dtype=object), (84, 126, 140))


def _sports_ground(flat: Canvas, plot: shapely.Polygon, angle: float) -> None:
    if plot.is_empty:
        return
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    x0, _, x1, _ = plot.bounds
    centre = (
        np.array([plot.centroid.x, plot.centroid.y]) + np.array([-0.22 * (x1 - x0), -10.0]) @ turn
    )
    spine = shapely.LineString(np.array([[0, -42.0], [0, 42.0]]) @ turn + centre)
    for radius, colour in ((44.0, (168, 92, 74)), (35.0, (92, 138, 78))):
        flat.areas(np.array([spine.buffer(radius) & plot], dtype=object), colour)
    field = shapely.Polygon(np.array([[-30, -46], [30, -46], [30, 46], [-30, 46]]) @ turn + centre)
    flat.lines(
        np.array([field.exterior, (spine.buffer(9.0) & field).exterior], dtype=object),
        (214, 222, 206),
        1.0,
    )


def _paint_water(flat: Canvas, rough: Canvas, city: City) -> None:
    for kind, colour in _WATER.items():
        area = np.array([w.geometry for w in city.water if w.kind == kind], dtype=object)
        if area.size:
            flat.areas(
                shapely.buffer(area, 5.0), (150, 142, 120) if kind != "河流" else (132, 130, 118)
            )
            flat.areas(area, colour)
            rough.areas(area, 4)


def _paint_cars(flat: Canvas, city: City, rng: np.random.Generator) -> None:
    """Traffic on the lanes."""
    roads = city.roads
    count = 9000
    piece = rng.choice(
        roads.key.size,
        count,
        p=(weight := shapely.length(roads.geometry) * roads.width) / weight.sum(),
    )
    lines = roads.geometry[piece]
    station = rng.uniform(0, 1, count) * shapely.length(lines)
    at = shapely.get_coordinates(shapely.line_interpolate_point(lines, station))
    ahead = (
        shapely.get_coordinates(
            shapely.line_interpolate_point(lines, np.maximum(station - 1.0, 0.0))
        )
        - at
    )
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-6)[:, None]
    side = np.column_stack([-ahead[:, 1], ahead[:, 0]])
    lane = rng.choice([-1.0, 1.0], count) * (
        2.6 + 3.5 * rng.integers(0, np.maximum((roads.width[piece] / 2 - 3) // 3.5, 1))
    )
    centre = at + side * lane[:, None]
    long, wide = ahead * np.where(rng.random(count) < 0.1, 5.5, 2.3)[:, None], side * 1.0
    corners = np.stack(
        [centre - long - wide, centre + long - wide, centre + long + wide, centre - long + wide],
        axis=1,
    )
    paint = [
        (226, 226, 224),
        (44, 46, 50),
        (200, 202, 204),
        (150, 40, 38),
        (70, 90, 130),
        (214, 190, 120),
    ]
    pick = rng.choice(len(paint), count, p=[0.36, 0.24, 0.2, 0.07, 0.09, 0.04])
    flat.quads(corners, [paint[i] for i in pick])


_GREENS: tuple[Colour, ...] = (
    (62, 86, 44),
    (72, 98, 50),
    (54, 78, 42),
    (82, 106, 56),
    (66, 92, 54),
    (92, 108, 60),
    (50, 72, 38),
)


def _plant(
    flat: Canvas, shade: Canvas, city: City, parts: Components, rng: np.random.Generator
) -> None:
    """Street trees where the components are, and groups in yards, parks and on the hill."""
    street = np.column_stack([parts.x, parts.y])[
        np.isin(parts.code.astype(str), ["04002", "04003", "04001"])
    ]
    xy = rng.uniform((505_000, 3_370_000), (511_000, 3_376_000), (420_000, 2))
    keep_out = [road_surface(city.roads, 1.0), *(w.geometry for w in city.water)]
    at = city.admin.grid
    del at
    density = {"slab": 0.3, "tower": 0.42, "mixed": 0.36, "court": 0.22, "hero": 0.5, "old_block": 0.3, "village": 0.12, "school": 0.2,
               "university": 0.42, "hospital": 0.25, "civic": 0.25, "farm": 0.018, "park": 0.55, "lake": 0.5, "bank": 0.45, "wood": 1.0,
               "pocket": 0.6, "old_town": 0.12, "industry": 0.06, "cbd": 0.1, "commerce": 0.06, "square": 0.12}  # fmt: skip
    point, face = shapely.STRtree(city.blocks.face).query(
        shapely.points(xy), predicate="intersects"
    )
    chance = np.zeros(len(xy))
    chance[point] = [density.get(z, 0.0) for z in city.blocks.zone[face]]
    xy = xy[rng.random(len(xy)) < chance]
    taken = shapely.union_all(keep_out)
    shapely.prepare(taken)
    xy = xy[~shapely.contains_xy(taken, xy[:, 0], xy[:, 1])]
    hit = shapely.STRtree(city.buildings.geometry).query(
        shapely.points(xy), predicate="intersects"
    )[0]
    xy = np.delete(xy, np.unique(hit), axis=0)
    every = np.vstack([street, xy])
    radius = np.concatenate([rng.uniform(2.0, 3.1, len(street)), rng.uniform(1.6, 4.4, len(xy))])
    tone = rng.integers(0, len(_GREENS), len(every))
    shade.dots(every + (-0.6, 0.9) * radius[:, None], radius, [120] * len(every))  # type: ignore[list-item]  # grey levels on an L canvas
    flat.dots(every, radius, [_GREENS[i] for i in tone])
    bright = [tuple(min(int(c * 1.16) + 6, 255) for c in _GREENS[i]) for i in tone]
    flat.dots(every + (0.28, -0.3) * radius[:, None], radius * 0.55, bright)  # type: ignore[arg-type]  # triples
    for clear in (every,):
        shade.dots(clear, radius * 0.9, [0] * len(clear))  # type: ignore[list-item]  # grey levels on an L canvas


def _paint_bridges(flat: Canvas, shade: Canvas, city: City) -> None:
    roads = city.roads
    lines, width = roads.geometry[roads.bridge], roads.width[roads.bridge]
    for line, w in zip(lines, width, strict=True):
        one = np.array([line], dtype=object)
        shadow = shapely.transform(one, lambda xy: xy + (-8.0, 12.0))
        shade.areas(shapely.buffer(shadow, w / 2, cap_style="flat"), 150)
        shade.areas(shapely.buffer(one, w / 2 + 1, cap_style="flat"), 0)
        flat.areas(shapely.buffer(one, w / 2 + 1.2, cap_style="flat"), (184, 182, 176))
        flat.areas(shapely.buffer(one, w / 2 - 1.5, cap_style="flat"), (104, 104, 106))
        flat.lines(one, (204, 186, 110), 1.0)
        for lane in (-w / 4, w / 4):
            flat.lines(_dashes(shapely.offset_curve(one, lane)), (206, 206, 202), 0.9)


def _light(
    flat: Canvas, rough: Canvas, shade: Canvas, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Average down, lay texture and shadow over, tone."""
    small = (SIZE, SIZE)
    colour = np.asarray(flat.image.resize(small, Image.Resampling.BOX), dtype=np.float32)
    dark = np.asarray(shade.image.resize(small, Image.Resampling.BOX), dtype=np.float32) / 255.0
    amount = (
        np.asarray(rough.image.resize(small, Image.Resampling.BILINEAR), dtype=np.float32) / 255.0
    )
    grain = rng.standard_normal((SIZE // 2, SIZE // 2), dtype=np.float32)
    fine = np.asarray(Image.fromarray(grain).resize(small, Image.Resampling.BILINEAR))
    wave = 0.5 * fine + 0.7 * noise(SIZE, 9, rng) + 0.6 * noise(SIZE, 42, rng)
    light = (
        1.0
        + amount * 0.55 * wave
        + 0.035 * noise(SIZE, 190, rng)
        + 0.02 * fine
        + 0.03 * noise(SIZE, 900, rng)
    )
    light *= _relief()
    light *= 1.0 - 0.58 * dark
    colour *= light[..., None]
    colour[..., 2] += 9.0 * dark
    return np.asarray(np.clip(colour * (1.08, 1.06, 1.03) + (4, 5, 8), 0, 255), dtype=np.uint8)


def _relief() -> NDArray[np.float32]:
    """Hillshade of the ground, sun in the south-east, 1 on level ground."""
    e = np.linspace(505_000, 511_000, 601)
    z = ground_height(*np.meshgrid(e, np.linspace(3_376_000, 3_370_000, 601)))
    dn, de = np.gradient(z, 10.0)
    shade = 1.0 + 1.1 * (-de * 0.6 - dn * 0.8) * 0.9
    picture = Image.fromarray(np.clip(shade, 0.62, 1.35).astype(np.float32))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
