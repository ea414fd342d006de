"""The aerial photograph: the district's own layers painted as a plane would see them at noon.

Flat colours are drawn at a finer scale and averaged down; texture, light and shadow are then laid
over in arrays.
"""

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from sample_data import ortho_land, ortho_roofs, ortho_streets
from sample_data.canvas import Canvas, Colour, noise
from sample_data.city import City
from sample_data.components import Components
from sample_data.district import EXTENT, SEED, ground_height

__all__ = ["PIXEL", "render"]

PIXEL = 1.25
SIZE = 4800
FINE = 7200
"""Pixels across while drawing."""
_STRIP = 240
"""Rows that are toned at once."""

_GREENS: tuple[Colour, ...] = (
    (62, 86, 44),
    (72, 98, 50),
    (54, 78, 42),
    (82, 106, 56),
    (66, 92, 54),
    (92, 108, 60),
    (50, 72, 38),
)
_TREES = {
    "slab": 0.3,
    "tower": 0.42,
    "mixed": 0.36,
    "court": 0.22,
    "hero": 0.5,
    "old_block": 0.3,
    "village": 0.12,
    "school": 0.2,
    "university": 0.42,
    "hospital": 0.25,
    "civic": 0.25,
    "farm": 0.018,
    "park": 0.55,
    "lake": 0.5,
    "bank": 0.45,
    "wood": 1.0,
    "pocket": 0.6,
    "old_town": 0.12,
    "industry": 0.06,
    "cbd": 0.12,
    "commerce": 0.06,
    "square": 0.12,
}
"""Share of the random points of each zone that become trees."""


def render(city: City, parts: Components) -> tuple[NDArray[np.uint8], float]:
    """Paint the district.

    Parameters
    ----------
    city : City
    parts : Components
        Street trees are drawn where their components stand.

    Returns
    -------
    ndarray of uint8, shape (4800, 4800, 3)
        RGB, north up.
    float
        Pixel size in metres.
    """
    rng = np.random.default_rng([SEED, 100])
    flat = Canvas(FINE, "RGB", ortho_streets.ASPHALT)
    rough = Canvas(SIZE // 2, "L", 8)
    shade = Canvas(FINE, "L", 0)
    ortho_land.paint_ground(flat, rough, city, rng)
    ortho_streets.paint_markings(flat, city)
    ortho_land.paint_yards(flat, city, rng)
    ortho_land.paint_water(flat, rough, city)
    ortho_roofs.cast_shadows(shade, city.buildings)
    ortho_streets.paint_traffic(flat, city, rng)
    _plant(flat, shade, city, parts, rng)
    ortho_streets.paint_bridges(flat, shade, city)
    ortho_roofs.paint_roofs(flat, shade, city.buildings, rng)
    return _light(flat, rough, shade, rng), PIXEL


def _wild_trees(city: City, rng: np.random.Generator) -> NDArray[np.float64]:
    """Trees of yards, parks and woods, clear of roads, water and houses, shape (n, 2)."""
    xy = rng.uniform(EXTENT[:2], EXTENT[2:], (420_000, 2))
    point, face = shapely.STRtree(city.blocks.face).query(shapely.points(xy), "intersects")
    chance = np.zeros(len(xy))
    chance[point] = [_TREES.get(z, 0.0) for z in city.blocks.zone[face]]
    xy = xy[rng.random(len(xy)) < chance]
    taken = ortho_land.treeless(city)
    shapely.prepare(taken)
    xy = xy[~shapely.contains_xy(taken, xy[:, 0], xy[:, 1])]
    hit = shapely.STRtree(city.buildings.geometry).query(shapely.points(xy), "intersects")[0]
    return np.delete(xy, np.unique(hit), axis=0)


def _plant(
    flat: Canvas, shade: Canvas, city: City, parts: Components, rng: np.random.Generator
) -> None:
    """Crowns with a lit side, on their shadows."""
    street = np.column_stack([parts.x, parts.y])[
        np.isin(parts.code.astype(str), ["04001", "04002", "04003"])
    ]
    wild = _wild_trees(city, rng)
    every = np.vstack([street, wild])
    radius = np.concatenate([rng.uniform(2.0, 3.1, len(street)), rng.uniform(1.6, 4.4, len(wild))])
    tone = rng.integers(0, len(_GREENS), len(every))
    shade.dots(every + (-0.6, 0.9) * radius[:, None], radius, [120] * len(every))
    shade.dots(every, radius * 0.9, [0] * len(every))
    flat.dots(every, radius, [_GREENS[i] for i in tone])
    lit = [(int(r * 1.16) + 6, int(g * 1.16) + 6, int(b * 1.16) + 6) for r, g, b in _GREENS]
    flat.dots(every + (0.28, -0.3) * radius[:, None], radius * 0.55, [lit[i] for i in tone])


def _light(
    flat: Canvas, rough: Canvas, shade: Canvas, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Average down, lay texture and shadow over, tone; strip by strip, to stay in the cache."""
    small = (SIZE, SIZE)
    colour = np.asarray(flat.image.resize(small, Image.Resampling.BOX))
    dark = np.asarray(shade.image.resize(small, Image.Resampling.BOX))
    amount = np.asarray(rough.image.resize(small, Image.Resampling.BILINEAR))
    grain = rng.standard_normal((SIZE // 2, SIZE // 2), dtype=np.float32)
    fine = np.asarray(Image.fromarray(grain).resize(small, Image.Resampling.BILINEAR))
    blots, drift = noise(SIZE, 9, rng), noise(SIZE, 42, rng)
    wide = 0.035 * noise(SIZE // 8, 24, rng) + 0.03 * noise(SIZE // 8, 110, rng) + _relief()
    broad = np.asarray(Image.fromarray(wide).resize(small, Image.Resampling.BILINEAR))
    out = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
    for top in range(0, SIZE, _STRIP):
        rows = slice(top, top + _STRIP)
        wave = 0.5 * fine[rows] + 0.7 * blots[rows] + 0.6 * drift[rows]
        night = dark[rows] * np.float32(1 / 255)
        light = (broad[rows] + 0.02 * fine[rows]) * (1.0 - 0.52 * night)
        light *= 1.0 + amount[rows] * np.float32(0.55 / 255) * wave
        strip = colour[rows] * light[..., None] * np.array([1.08, 1.06, 1.03], np.float32)
        strip += np.array([4, 5, 8], np.float32)
        strip[..., 2] += 9.0 * night
        out[rows] = np.clip(strip, 0, 255, out=strip)
    return out


def _relief() -> NDArray[np.float32]:
    """Hillshade of the ground at an eighth of the size, sun in the south-east, 1 on level ground."""
    west, south, east, north = EXTENT
    n = SIZE // 8
    z = ground_height(*np.meshgrid(np.linspace(west, east, n), np.linspace(north, south, n)))
    down, right = np.gradient(z, (east - west) / n)
    shade = 1.0 + (-0.6 * right - 0.8 * down)
    return np.asarray(np.clip(shade, 0.62, 1.35), dtype=np.float32)
