"""Buildings block by block: the pattern of each block laid into its plot, shops along its edges."""

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.district import EXTENT, SEED
from sample_data.land import Blocks
from sample_data.patterns import PATTERNS, Plot
from sample_data.shapes import Kind, Placing, outlines

__all__ = ["place_buildings"]

Rng = np.random.Generator

_SHOP = Kind("商业", "商铺", 3.8)
_SHOPS = {"slab", "court", "mixed", "old_town", "village"}


def _frontage(plot: shapely.Polygon, rng: Rng, block: int, out: Placing) -> None:
    """Two-storey shop houses along the longer edges of a plot, set 2 m back."""
    ring = shapely.get_coordinates(shapely.get_exterior_ring(plot.simplify(6.0)))
    year = int(rng.integers(1990, 2012))
    for a, b in pairwise(ring):
        length = float(np.hypot(*(b - a)))
        if length < 70 or rng.random() < 0.35:
            continue
        along = (b - a) / length
        inward = (
            np.array([along[1], -along[0]])
            if not shapely.is_ccw(plot.exterior)
            else np.array([-along[1], along[0]])
        )
        at = 16.0
        while at < length - 34:
            width = rng.uniform(16, 30)
            if rng.random() < 0.8:
                c = a + along * (at + width / 2) + inward * 7.2
                turn = float(np.arctan2(along[1], along[0]))
                floors = int(rng.integers(1, 4))
                out.add(
                    _SHOP, "rect", (c[0], c[1]), (width, 9.0), floors, year, angle=turn, block=block
                )
            at += width + 3.0


def place_buildings(blocks: Blocks) -> tuple[Placing, NDArray[np.object_]]:
    """Lay out every block.

    Returns
    -------
    Placing
        In columns; ``block`` filled in.
    ndarray of Polygon
        Outlines, EPSG:4547, each within its plot; they may still overlap one another
        where patterns meet.
    """
    everything = Placing()
    shapes = []
    for index in range(blocks.face.size):
        plot, zone = blocks.plot[index], str(blocks.zone[index])
        if plot.is_empty or plot.area < 1500:
            continue
        rng = np.random.default_rng([SEED, 10, index])
        shops = Placing()
        inner = plot.buffer(-3.0)
        if zone in _SHOPS:
            _frontage(plot, rng, index, shops)
            inner = plot.buffer(-13.5, join_style="mitre")
        for part, room in ((shops, plot), (_fill(blocks, index, zone, inner, rng), inner)):
            polygons = outlines(part)
            shapely.prepare(room)
            keep = np.flatnonzero(shapely.contains_properly(room, polygons))
            shapes.append(polygons[keep])
            everything.extend(part, keep)
    return everything, np.concatenate(shapes)


def _fill(blocks: Blocks, index: int, zone: str, inner: shapely.Polygon, rng: Rng) -> Placing:
    """Run the block's pattern and turn it into place."""
    local = Placing()
    if inner.is_empty:
        return local
    angle = float(blocks.angle[index])
    origin = np.array([inner.centroid.x, inner.centroid.y])
    flat = shapely.get_coordinates(inner) - origin
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = flat @ (cos, sin), flat @ (-sin, cos)
    lx, ly = (x.max() - x.min()) / 2, (y.max() - y.min()) / 2
    shift = np.array([(x.max() + x.min()) / 2, (y.max() + y.min()) / 2])
    PATTERNS[zone](Plot(lx, ly, rng, float(blocks.v[index]) - EXTENT[1]), local)
    place = np.column_stack([local.x, local.y]).reshape(-1, 2) + shift
    local.x = list(origin[0] + place[:, 0] * cos - place[:, 1] * sin)
    local.y = list(origin[1] + place[:, 0] * sin + place[:, 1] * cos)
    local.angle = [a + angle for a in local.angle]
    local.block = [index] * len(local.x)
    return local
