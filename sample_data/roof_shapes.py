"""Closed building solids with roof shapes, as polygons with the CityGML surface they belong to.

Outlines are open rings of (x, y), counter-clockwise, metres; heights are metres. Every solid is a
closed two-manifold whose faces turn counter-clockwise seen from outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import shapely

__all__ = ["Face", "block", "court", "flat", "gable", "hip"]

Corner = tuple[float, float, float]
Outline = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Face:
    """A planar polygon: outer ring, then holes; ``surface`` is Ground, Wall or RoofSurface."""

    rings: tuple[tuple[Corner, ...], ...]
    surface: str


def _level(outline: Outline, z: float) -> tuple[Corner, ...]:
    return tuple((x, y, z) for x, y in outline)


def _walls(outline: Outline, low: float, high: float) -> list[Face]:
    """Vertical faces to the right of the direction of travel."""
    pairs = zip(outline, [*outline[1:], outline[0]], strict=True)
    return [
        Face((((*a, low), (*b, low), (*b, high), (*a, high)),), "WallSurface") for a, b in pairs
    ]


def _ground(outline: Outline, z: float, holes: Sequence[Outline] = ()) -> Face:
    """Face downwards; ``holes`` are given counter-clockwise like the outline."""
    rings = (_level(outline[::-1], z), *(_level(hole, z) for hole in holes))
    return Face(rings, "GroundSurface")


def _roof(*corners: Corner) -> Face:
    return Face((corners,), "RoofSurface")


def block(outline: Outline, low: float, high: float, holes: Sequence[Outline] = ()) -> list[Face]:
    """Prism over an outline; ``holes`` are counter-clockwise."""
    faces = [_ground(outline, low, holes), *_walls(outline, low, high)]
    for hole in holes:
        faces += _walls(hole[::-1], low, high)
    top = (_level(outline, high), *(_level(hole[::-1], high) for hole in holes))
    return [*faces, Face(top, "RoofSurface")]


def flat(
    outline: Outline, low: float, roof: float, parapet: float, head: Outline, head_top: float
) -> list[Face]:
    """Flat roof behind a parapet 0.3 m thick, with a stair head that rises from it.

    Parameters
    ----------
    outline : sequence of (x, y)
        Outer wall, metres.
    low, roof, parapet : float
        Heights of the ground, the roof and the parapet's top.
    head : sequence of (x, y)
        Rectangle of the stair head, well inside the outline.
    head_top : float
        Height of its top.
    """
    inset = shapely.buffer(shapely.Polygon(outline), -0.3, join_style="mitre")
    corners = shapely.get_coordinates(shapely.orient_polygons(inset).exterior)[:-1].round(3)
    inner = [(float(x), float(y)) for x, y in corners]
    return [
        _ground(outline, low),
        *_walls(outline, low, parapet),
        Face((_level(outline, parapet), _level(inner[::-1], parapet)), "RoofSurface"),
        *_walls(inner[::-1], roof, parapet),
        Face((_level(inner, roof), _level(head[::-1], roof)), "RoofSurface"),
        *_walls(head, roof, head_top),
        _roof(*_level(head, head_top)),
    ]


def gable(outline: Outline, low: float, eaves: float, ridge: float) -> list[Face]:
    """Saddle roof over a rectangle whose first edge runs along the ridge."""
    a, b, c, d = outline
    west: Corner = ((a[0] + d[0]) / 2, (a[1] + d[1]) / 2, ridge)
    east: Corner = ((b[0] + c[0]) / 2, (b[1] + c[1]) / 2, ridge)
    south, _, north, _ = _walls(outline, low, eaves)
    return [
        _ground(outline, low),
        south,
        Face((((*b, low), (*c, low), (*c, eaves), east, (*b, eaves)),), "WallSurface"),
        north,
        Face((((*d, low), (*a, low), (*a, eaves), west, (*d, eaves)),), "WallSurface"),
        _roof((*a, eaves), (*b, eaves), east, west),
        _roof((*c, eaves), (*d, eaves), west, east),
    ]


def hip(outline: Outline, low: float, eaves: float, ridge: float) -> list[Face]:
    """Hipped roof over an axis-parallel rectangle that is wider than deep; four equal slopes."""
    a, b, c, d = outline
    half = (d[1] - a[1]) / 2
    west: Corner = (a[0] + half, a[1] + half, ridge)
    east: Corner = (b[0] - half, b[1] + half, ridge)
    return [
        _ground(outline, low),
        *_walls(outline, low, eaves),
        _roof((*a, eaves), (*b, eaves), east, west),
        _roof((*b, eaves), (*c, eaves), east),
        _roof((*c, eaves), (*d, eaves), west, east),
        _roof((*d, eaves), (*a, eaves), west),
    ]


def court(outline: Outline, yard: Outline, low: float, eaves: float, ridge: float) -> list[Face]:
    """Four wings around a yard under one ring-shaped saddle roof.

    Both rings are rectangles; the yard may begin at any corner.
    """
    first = min(
        range(4), key=lambda i: abs(yard[i][0] - outline[0][0]) + abs(yard[i][1] - outline[0][1])
    )
    yard = [*yard[first:], *yard[:first]]
    crest = [
        ((x + u) / 2, (y + v) / 2, ridge) for (x, y), (u, v) in zip(outline, yard, strict=True)
    ]
    faces = [
        _ground(outline, low, [yard]),
        *_walls(outline, low, eaves),
        *_walls(yard[::-1], low, eaves),
    ]
    for i in range(4):
        j = (i + 1) % 4
        faces.append(_roof((*outline[i], eaves), (*outline[j], eaves), crest[j], crest[i]))
        faces.append(_roof((*yard[j], eaves), (*yard[i], eaves), crest[i], crest[j]))
    return faces
