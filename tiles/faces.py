"""The two faces of a district: explicit pages with tight boxes, and implicit quadtrees below explicit massing.

Both refer to the same contents. ``tileset.json`` and its ``page_*.json`` name every tile;
``implicit.json`` and its ``implicit_*.json`` name massing, tops and roots of quadtrees, whose subtrees say
what lies below. A root's volume is the region of its district's cell, halved by clients at each level, so
that contents need no box of their own; everything in a cell lies strictly inside of it. All that has
something below is replaced by it (refine REPLACE), and all that is there has a content: a district's massing gives
way to its top and its root, which shows massing of the rest; inner cells show massing, leaves their buildings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiles.districts import District, Part, file_of, name_of
from tiles.massing import step_of
from tiles.placement import to_local
from tiles.subtrees import LEVELS
from tiles.tree import Tile

__all__ = ["explicit", "implicit"]

Floats = NDArray[np.float64]
Cell = tuple[int, int, int]

EARTH_M = 6_371_000.0


def explicit(district: District) -> Tile:
    """A district with all its tiles."""
    d = district
    own = [d.top] if d.top else []
    tiles = [_tile(d, p) for p in [*own, *d.leaves]]
    # all beside one another: one distance decides for the whole district
    return tiles[0] if d.massing is None else _massed(d, tiles, f"page_{name_of(d.cell)}.json")


def _tile(d: District, part: Part) -> Tile:
    down = part.cell[0]
    cell = (
        d.cell[0] + down,
        (d.cell[1] << down) + part.cell[1],
        (d.cell[2] << down) + part.cell[2],
    )
    name = file_of(d.cell, part.cell)
    # CesiumJS draws an ADD tile as soon as it is there, also while the massing above it stands
    return Tile(d.frame, part.low, part.high, 0.0, "REPLACE", name, cell, features=part.features)


def _massed(d: District, children: list[Tile], page: str) -> Tile:
    assert d.massing is not None  # noqa: S101 - callers have looked
    m, name = d.massing, f"massing/{name_of(d.cell)}.glb"
    tile = Tile(d.frame, m.low, m.high, m.deviation, "REPLACE", name, d.cell, page)
    tile.children = children
    return tile


def implicit(district: District) -> Tile:
    """A district with its top, and a root for everything below."""
    d, folder = district, name_of(district.cell)
    children = [_tile(d, d.top)] if d.top else []
    if d.massing is None:
        return children[0]
    if d.levels:
        region = _region(d)
        low, high = _around(d, region)
        root = Tile(
            d.frame, low, high, d.root_error, "REPLACE", f"{folder}/{{level}}_{{x}}_{{y}}.glb", d.cell,
            implicit={
                "subdivisionScheme": "QUADTREE",
                "subtreeLevels": LEVELS,
                "availableLevels": d.levels,
                "subtrees": {"uri": f"{folder}/{{level}}_{{x}}_{{y}}.subtree"},
            },
            region=region,
        )  # fmt: skip
        children.append(root)
    return _massed(d, children, "")


def _region(d: District) -> list[float]:
    """West, south, east, north of the cell (radians), and whole steps around what stands in it (metres)."""
    level, x, y = d.cell
    width = 360.0 / 2**level
    west, south = x * width - 180.0, y * width - 90.0
    sides = np.deg2rad([west, south, west + width, south + width]).tolist()
    step = max(1.0, step_of(level))  # massing is rounded to it
    low, high = d.span
    return [*sides, float(np.floor(low / step) * step), float(np.ceil(high / step) * step)]


def _around(d: District, region: list[float]) -> tuple[Floats, Floats]:
    """Box in the district's frame around a region, curved as it is."""
    west, south, east, north = np.rad2deg(region[:4])
    lon, lat = np.array([west, east, east, west]), np.array([south, south, north, north])
    points = np.concatenate([to_local(d.frame, lon, lat, np.full(4, h)) for h in region[4:]])
    reach = float(np.hypot(points[:, 0], points[:, 1]).max())
    bulge = reach * reach / (2 * EARTH_M) * 1.1 + 0.1
    return points.min(axis=0) - bulge, points.max(axis=0) + bulge
