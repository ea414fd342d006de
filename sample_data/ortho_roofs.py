"""Roofs and cast shadows of the aerial photograph."""

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.buildings import Buildings
from sample_data.canvas import Canvas, Colour

__all__ = ["cast_shadows", "paint_roofs"]

_SUN = np.array([-0.36, 0.52])
"""Metres a shadow runs (east, north) per metre of height: sun in the south-south-east, about 58° high."""

_TILES: tuple[Colour, ...] = (
    (140, 84, 66),
    (128, 76, 62),
    (118, 108, 100),
    (150, 100, 78),
    (110, 96, 88),
    (96, 100, 108),
)
_CONCRETE: tuple[Colour, ...] = (
    (166, 162, 154),
    (152, 150, 146),
    (178, 172, 162),
    (144, 142, 140),
    (162, 156, 144),
)
_SHEET: tuple[Colour, ...] = (
    (92, 124, 156),
    (176, 180, 184),
    (104, 140, 170),
    (160, 164, 168),
    (150, 92, 80),
    (188, 190, 190),
)
_GLASS: tuple[Colour, ...] = ((150, 154, 158), (132, 138, 146), (168, 168, 166), (120, 128, 136))


def cast_shadows(shade: Canvas, buildings: Buildings) -> None:
    """Sweep every outline along the sun's direction: footprint, moved footprint and the quads between."""
    reach = np.minimum(buildings.height, 150.0)[:, None] * _SUN
    rings = shapely.get_exterior_ring(buildings.geometry)
    xy, owner = shapely.get_coordinates(rings, return_index=True)
    moved = xy + reach[owner]
    shade.rings(shapely.linearrings(moved, indices=owner), 235)
    same = owner[1:] == owner[:-1]
    corners = np.stack([xy[:-1], xy[1:], moved[1:], moved[:-1]], axis=1)[same]
    shade.quads(corners, 235)
    shade.rings(rings, 0)


def _palette(
    buildings: Buildings, rng: np.random.Generator
) -> tuple[list[Colour], NDArray[np.bool_]]:
    """Roof colour of each building, and whether the roof is pitched."""
    n = buildings.code.size
    use, small = buildings.usage.astype(str), shapely.area(buildings.geometry) < 260
    rectangular = np.isin(buildings.template.astype(str), ["rect", "slab"])
    old_slab = (use == "住宅") & (buildings.floors < 8) & rectangular
    lot_draw = rng.random(int(buildings.lot.max()) + 1)[buildings.lot]
    draw = np.where(small, rng.random(n), lot_draw)
    pitched = (small & rectangular & (draw < 0.55)) | (old_slab & ~small & (draw < 0.5))
    pitched |= (use == "工业") & (buildings.template == "rect")
    pool = np.where(use == "工业", 2, np.where(buildings.floors > 13, 3, np.where(pitched, 0, 1)))
    pools = (_TILES, _CONCRETE, _SHEET, _GLASS)
    blue = small & ~pitched & (draw > 0.9)
    pick = np.where(pool == 2, rng.random(n), np.where(small, rng.random(n), lot_draw * 7.3 % 1.0))
    tone = rng.normal(0.0, 4.0, n)
    colours = []
    for i in range(n):
        choice = pools[2] if blue[i] else pools[int(pool[i])]
        base = choice[int(pick[i] * len(choice))]
        colours.append((int(base[0] + tone[i]), int(base[1] + tone[i]), int(base[2] + tone[i])))
    return colours, pitched


def _tint(colour: Colour, factor: float, add: int = 0) -> Colour:
    return tuple(max(0, min(255, int(c * factor) + add)) for c in colour)  # type: ignore[return-value]  # three in, three out


def paint_roofs(
    flat: Canvas, shade: Canvas, buildings: Buildings, rng: np.random.Generator
) -> None:
    """Roof planes, parapets, ridges and plant rooms; roofs lie in the sun."""
    order = np.argsort(buildings.height, kind="stable")
    b = buildings.take(order)
    colours, pitched = _palette(b, rng)
    rings = shapely.get_exterior_ring(b.geometry)
    edge = [_tint(c, 1.14, 8) for c in colours]
    flat.rings(rings, edge)
    inner = shapely.buffer(b.geometry, -0.9, join_style="mitre")
    for kind in (3, 6):
        at = np.flatnonzero(shapely.get_type_id(inner) == kind)
        for i in at:
            flat.areas(inner[i : i + 1], colours[i])
    _halves(flat, b, colours, pitched)
    court = np.flatnonzero(shapely.get_num_interior_rings(b.geometry) > 0)
    flat.holes(b.geometry[court], (106, 122, 84))
    shade.rings(rings, 0)
    _plant_rooms(flat, b, colours, ~pitched, rng)


def _box(b: Buildings) -> NDArray[np.float64]:
    """Corners of the tightest rectangle, long side first, shape (n, 4, 2)."""
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(b.geometry)).reshape(-1, 5, 2)[
        :, :4
    ]
    wide = np.hypot(*(box[:, 1] - box[:, 0]).T) >= np.hypot(*(box[:, 2] - box[:, 1]).T)
    return np.where(wide[:, None, None], box, np.roll(box, -1, axis=1))


def _halves(flat: Canvas, b: Buildings, colours: list[Colour], pitched: NDArray[np.bool_]) -> None:
    """The northern half of a pitched roof lies in half shade; the ridge catches the light."""
    at = np.flatnonzero(pitched)
    box = _box(b.take(at))
    ridge = np.stack([(box[:, 0] + box[:, 3]) / 2, (box[:, 1] + box[:, 2]) / 2], axis=1)
    first_is_north = (box[:, 0, 1] + box[:, 1, 1]) > (box[:, 2, 1] + box[:, 3, 1])
    near, far = box[:, :2], box[:, 2:]
    north = np.where(first_is_north[:, None, None], near, far[:, ::-1])
    flat.quads(
        np.stack([north[:, 0], north[:, 1], ridge[:, 1], ridge[:, 0]], axis=1),
        [_tint(colours[i], 0.8) for i in at],
    )
    flat.lines(np.asarray(shapely.linestrings(ridge)), (188, 176, 160), 0.8)


def _plant_rooms(
    flat: Canvas,
    b: Buildings,
    colours: list[Colour],
    flat_roof: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Stair heads, lift houses and cooling plant on flat roofs, with their small shadows."""
    size = shapely.area(b.geometry)
    centre = shapely.get_coordinates(shapely.point_on_surface(b.geometry))
    for share, scale in ((0.0, 0.16), (0.26, 0.1), (-0.26, 0.1)):
        at = np.flatnonzero(
            flat_roof & (size > (120 if share == 0 else 420)) & (rng.random(size.size) < 0.8)
        )
        box = _box(b.take(at))
        long = box[:, 1] - box[:, 0]
        unit = long / np.maximum(np.hypot(*long.T), 1e-6)[:, None]
        side = np.column_stack([-unit[:, 1], unit[:, 0]])
        half = np.clip(np.sqrt(size[at]) * scale, 1.6, 7.0)[:, None]
        middle = centre[at] + long * share
        corners = np.stack(
            [
                middle + sx * half * unit + sy * half * 0.75 * side
                for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            ],
            axis=1,
        )
        inside = shapely.contains_properly(b.geometry[at], shapely.polygons(corners))
        at, corners = at[inside], corners[inside]
        flat.quads(corners + _SUN * 3.2, [_tint(colours[i], 0.62) for i in at])
        flat.quads(corners, [_tint(colours[i], 1.1, 6) for i in at])
