"""The compiled cut gives the bytes of GEOS's, or leaves a shape to it."""

import numpy as np
import shapely

from tiles import mvt_clip
from tiles.mvt_encode import EXTENT
from tiles.mvt_features import commands
from tiles.mvt_level import on_grid

EDGES = (-mvt_clip.BUFFER, EXTENT + mvt_clip.BUFFER)


def outlines(n, rng):
    """Small polygons with corners on whole units around the edges and corners of a tile, many of them touching."""
    out = []
    while len(out) < n:
        x, y = rng.choice(EDGES, 2) + rng.integers(-14, 15, 2)
        along = rng.integers(*EDGES)
        x, y = ((along, y), (x, along), (x, y))[len(out) % 3]
        angle = np.sort(rng.random(rng.integers(3, 10))) * 2 * np.pi
        r = rng.integers(3, 20)
        ring = np.rint(np.column_stack([x + r * np.cos(angle), y + r * np.sin(angle)]))
        shape = shapely.Polygon(ring)
        if shape.is_valid and shape.area > 0:
            out.append(shape)
    return np.array(out, dtype=object)


def test_what_is_cut_by_the_loop_is_what_geos_cuts():
    rng = np.random.default_rng(11)
    column, row = 26_761, 19_292
    x0, y0 = column * EXTENT, row * EXTENT
    there = shapely.transform(outlines(2000, rng), lambda p: p + np.array((x0, y0)))
    level = on_grid(there)
    rows = np.arange(len(there))
    done, begin, end, left = mvt_clip._cut(
        level.x, level.y, level.ring_start, level.first, level.last, level.kind, rows, x0, y0
    )
    whole, at = commands(mvt_clip._clipped(level, rows, x0, y0), rows, x0, y0)
    for k in np.flatnonzero(~left).tolist():
        assert done[begin[k] : end[k]].tobytes() == whole[at[k] : at[k + 1]].tobytes(), there[k]
    assert left.mean() < 0.4
    assert (end > begin).mean() > 0.3
    assert (~left & (end == begin)).any()
    every, first, last = mvt_clip.crossing_commands(level, rows, x0, y0)
    for k in rows.tolist():
        assert every[first[k] : last[k]].tobytes() == whole[at[k] : at[k + 1]].tobytes()
