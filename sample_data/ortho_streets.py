"""Streets of the aerial photograph: markings, crossings, traffic, bridges."""

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray

from sample_data.canvas import Canvas, Colour
from sample_data.city import City

__all__ = ["ASPHALT", "paint_bridges", "paint_markings", "paint_traffic", "park_cars"]

ASPHALT: Colour = (92, 93, 96)
_WHITE: Colour = (198, 198, 194)
_PAINTS: tuple[Colour, ...] = (
    (226, 226, 224), (44, 46, 50), (200, 202, 204), (150, 40, 38), (70, 90, 130), (214, 190, 120),
)  # fmt: skip
_PAINT_SHARE = (0.36, 0.24, 0.2, 0.07, 0.09, 0.04)

Geometries = NDArray[np.object_]
Floats = NDArray[np.float64]


def paint_markings(flat: Canvas, city: City) -> None:
    """Planted medians and dashed lanes of the main roads, centre lines of the others, zebras."""
    roads = city.roads
    for grade, median in (("expressway", 4.0), ("arterial", 3.0)):
        lines = _trimmed(roads.geometry[(roads.grade == grade) & ~roads.bridge], 24.0)
        flat.lines(lines, (96, 118, 74), median)
        for offset in (-12.8, -9.2, -5.6, 5.6, 9.2, 12.8):
            flat.lines(_dashes(shapely.offset_curve(lines, offset)), _WHITE, 0.9)
    minor = np.isin(roads.grade.astype(str), ["secondary", "local"])
    flat.lines(_trimmed(roads.geometry[minor], 20.0), (190, 168, 92), 0.9)
    _paint_zebras(flat, city)


def _trimmed(lines: Geometries, gap: float) -> Geometries:
    """Lines without their ends."""
    long = lines[shapely.length(lines) > 2.5 * gap]
    return np.array(
        [shapely.ops.substring(line, gap, line.length - gap) for line in long], dtype=object
    )


def _segments(lines: Geometries, start: Floats, end: Floats) -> Geometries:
    """Straight pieces between two stations of each line."""
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, start))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, end))
    return np.asarray(shapely.linestrings(np.stack([a, b], axis=1)))


def _every(lines: Geometries, step: float) -> tuple[NDArray[np.int64], Floats]:
    """Line number and station of points every ``step`` metres."""
    count = (shapely.length(lines) // step).astype(np.int64)
    owner = np.repeat(np.arange(lines.size), count)
    first = np.repeat(np.cumsum(count) - count, count)
    return owner.astype(np.int64), np.asarray((np.arange(owner.size) - first) * step, np.float64)


def _dashes(lines: Geometries) -> Geometries:
    """6 m dashes every 15 m."""
    owner, station = _every(lines, 15.0)
    return _segments(lines[owner], station, station + 6.0)


def _paint_zebras(flat: Canvas, city: City) -> None:
    """Zebra crossings at both ends of every piece of road."""
    roads = city.roads
    use = (shapely.length(roads.geometry) > 80) & ~roads.bridge
    lines, half = roads.geometry[use], roads.width[use] / 2
    share = np.arange(-0.9, 0.95, 0.1)
    for end in (1.0, -1.0):
        at, ahead, side = _frames(lines, np.full(lines.size, end * 23.0), end)
        middle = at[:, None] + side[:, None] * (share * half[:, None])[..., None]
        bars = np.stack([middle - 2 * ahead[:, None], middle + 2 * ahead[:, None]], axis=2)
        flat.lines(np.asarray(shapely.linestrings(bars.reshape(-1, 2, 2))), (206, 206, 202), 0.9)


def _frames(lines: Geometries, station: Floats, step: float = 1.0) -> tuple[Floats, Floats, Floats]:
    """Point, unit vector along and unit vector to the left at stations of lines, each (n, 2)."""
    at = shapely.get_coordinates(shapely.line_interpolate_point(lines, station))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, station + step)) - at
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-6)[:, None]
    return at, ahead, np.column_stack([-ahead[:, 1], ahead[:, 0]])


def _cars(flat: Canvas, centre: Floats, along: Floats, rng: np.random.Generator) -> None:
    """Cars at ``centre``, ``along`` being half their length as a vector, both (n, 2)."""
    unit = along / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    wide = np.column_stack([-unit[:, 1], unit[:, 0]])
    sides = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    corners = np.stack([centre + i * along + j * wide for i, j in sides], axis=1)
    pick = rng.choice(len(_PAINTS), len(centre), p=_PAINT_SHARE)
    flat.quads(corners, [_PAINTS[i] for i in pick])


def park_cars(
    flat: Canvas,
    lines: Geometries,
    offset: float,
    taken: float,
    rng: np.random.Generator,
    *,
    stalls: bool = False,
) -> None:
    """Cars parked square to lines, on both sides.

    Parameters
    ----------
    offset : float
        Distance of the cars' middle from the line, metres.
    taken : float
        Share of the stalls with a car.
    stalls : bool
        Whether to draw the lines between the stalls.
    """
    owner, station = _every(lines, 2.9)
    at, _, side = _frames(lines[owner], station)
    if stalls:
        marks = np.stack([at - 6.0 * side, at + 6.0 * side], axis=1)
        flat.lines(np.asarray(shapely.linestrings(marks)), (168, 168, 166), 0.4)
    at, _, side = _frames(lines[owner], station + 1.45)
    for sign in (-1.0, 1.0):
        here = rng.random(len(at)) < taken
        _cars(flat, at[here] + sign * offset * side[here], 2.2 * side[here], rng)


def paint_traffic(flat: Canvas, city: City, rng: np.random.Generator, count: int = 9000) -> None:
    """Cars, lorries and buses on the lanes."""
    roads = city.roads
    weight = shapely.length(roads.geometry) * roads.width
    piece = rng.choice(roads.key.size, count, p=weight / weight.sum())
    lines = roads.geometry[piece]
    at, ahead, side = _frames(lines, rng.uniform(0, 0.98, count) * shapely.length(lines))
    lanes = np.maximum((roads.width[piece] / 2 - 3) // 3.5, 1)
    lane = rng.choice([-1.0, 1.0], count) * (2.6 + 3.5 * rng.integers(0, lanes))
    half = np.where(rng.random(count) < 0.1, 5.5, 2.3)[:, None]
    _cars(flat, at + side * lane[:, None], ahead * half, rng)


def paint_bridges(flat: Canvas, shade: Canvas, city: City) -> None:
    """Decks over the river with the shadow they throw on the water."""
    roads = city.roads
    for line, w in zip(roads.geometry[roads.bridge], roads.width[roads.bridge], strict=True):
        one = np.array([line], dtype=object)
        shadow = shapely.transform(one, lambda xy: xy + np.array([-8.0, 12.0]))
        shade.areas(shapely.buffer(shadow, w / 2, cap_style="flat"), 150)
        shade.areas(shapely.buffer(one, w / 2 + 1, cap_style="flat"), 0)
        flat.areas(shapely.buffer(one, w / 2 + 1.2, cap_style="flat"), (184, 182, 176))
        flat.areas(shapely.buffer(one, w / 2 - 1.5, cap_style="flat"), (104, 104, 106))
        flat.lines(one, (204, 186, 110), 1.0)
        for lane in (-w / 4, w / 4):
            flat.lines(_dashes(shapely.offset_curve(one, lane)), (206, 206, 202), 0.9)
