"""What the compiled loops of one tile do, in NumPy columns: the same numbers without a compiler.

Each function is the twin of one of the same name in :mod:`tiles.rings` or :mod:`tiles.extrusion`
and takes and gives the same arrays.
"""

import numpy as np
from numpy.typing import NDArray

from tiles.extrusion import COPIES, DIRECTIONS, PLAIN_SPOT, RUN, Soup, Style, next_of
from tiles.rings import TOLERANCE_ACROSS, TOLERANCE_UP, Rings

__all__ = ["clean", "extrude", "gather", "ranges", "snap"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Steps = NDArray[np.int32]


def ranges(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """All numbers of some ranges one after another, and where each range begins among them."""
    size = last - first
    start = np.concatenate([[0], np.cumsum(size)])
    return np.repeat(first - start[:-1], size) + np.arange(start[-1]), start


def gather(
    ring_start: Ints, polygon_start: Ints, first: Ints, last: Ints
) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """See :func:`tiles.rings.gather`."""
    polygon, polygons = ranges(first, last)
    ring, rings = ranges(polygon_start[polygon], polygon_start[polygon + 1])
    vertex, vertices = ranges(ring_start[ring], ring_start[ring + 1])
    owner = np.repeat(np.arange(len(first)), last - first)
    return vertex, vertices[rings[polygons]], vertices, rings, owner


def snap(low: Floats, high: Floats, feature_start: Ints, per_metre: float) -> tuple[Steps, Steps]:
    """See :func:`tiles.rings.snap`."""
    foot, head = low * per_metre, high * per_metre
    below, above = np.rint(foot), np.rint(head)
    start, count = feature_start[:-1], np.diff(feature_start)
    start, count = start[count > 0], count[count > 0]
    if not len(start):
        return below.astype(np.int32), above.astype(np.int32)
    across, upward = TOLERANCE_ACROSS * per_metre, TOLERANCE_UP * per_metre
    for c in range(2):
        step = np.rint((high[start, c] - low[start, c]) * per_metre)
        moved = below[:, c] + np.repeat(step, count)
        near = np.maximum.reduceat(np.abs(moved - head[:, c]), start) <= across
        above[:, c] = np.where(np.repeat(near, count), moved, above[:, c])
    for exact, out in ((foot[:, 2], below), (head[:, 2], above)):
        lowest, highest = np.minimum.reduceat(exact, start), np.maximum.reduceat(exact, start)
        level = np.rint((lowest + highest) / 2)
        one = (level - lowest <= upward) & (highest - level <= upward)
        out[:, 2] = np.where(np.repeat(one, count), np.repeat(level, count), out[:, 2])
    return below.astype(np.int32), above.astype(np.int32)


def clean(
    at: Steps, ring_start: Ints, polygon_start: Ints, owner: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """See :func:`tiles.rings.clean`."""
    n_rings = len(ring_start) - 1
    ring = np.repeat(np.arange(n_rings), np.diff(ring_start))
    after = np.arange(1, len(at) + 1)
    filled = np.diff(ring_start) > 0
    after[ring_start[1:][filled] - 1] = ring_start[:-1][filled]
    keep = (at[:, :2] != at[after, :2]).any(axis=1) if len(at) else np.zeros(0, bool)
    count = np.bincount(ring[keep], minlength=n_rings)
    polygon = np.repeat(np.arange(len(owner)), np.diff(polygon_start))
    outer = np.zeros(n_rings, bool)
    outer[polygon_start[:-1][np.diff(polygon_start) > 0]] = True
    good = count >= np.where(outer, 2, 3)
    alive = np.zeros(len(owner), bool)
    alive[polygon[outer & good]] = True
    good &= alive[polygon]
    kept = np.flatnonzero(keep & good[ring])
    count, outer, polygon = count[good], outer[good], polygon[good]
    rings_out = np.concatenate([[0], np.cumsum(count)])
    flip = np.repeat((_twice_area(at[kept], rings_out) < 0) == outer, count)
    place = np.arange(len(kept))
    mirrored = np.repeat(rings_out[:-1] + rings_out[1:] - 1, count) - place
    kept = kept[np.where(flip, mirrored, place)]
    per_polygon = np.bincount(polygon, minlength=len(owner))[alive]
    return kept, rings_out, np.concatenate([[0], np.cumsum(per_polygon)]), owner[alive]


def _twice_area(at: Steps, ring_start: Ints) -> Ints:
    if not len(at):
        return np.zeros(0, np.int64)
    start, count = ring_start[:-1], np.diff(ring_start)
    x = at[:, 0].astype(np.int64) - np.repeat(at[start, 0].astype(np.int64), count)
    y = at[:, 1].astype(np.int64) - np.repeat(at[start, 1].astype(np.int64), count)
    after = next_of(ring_start)
    return np.asarray(np.add.reduceat(x * y[after] - x[after] * y, start))


def _directions_of(dx: Floats, dy: Floats) -> Ints:
    across, along = np.abs(dy), np.abs(dx)
    t = np.minimum(across, along) / np.maximum(across, along)
    k = np.rint(t * (16.0 + 5.5615 * (1.0 - t))).astype(np.int64)
    k = np.where(along > across, 32 - k, k)
    k = np.where(dy < 0, 64 - k, k)
    return np.where(dx < 0, 128 - k, k) & (len(DIRECTIONS) - 1)


def _first(i: Ints, n: int) -> tuple[Ints, Ints]:
    run = i // RUN * RUN
    return run * COPIES + i - run, np.minimum(RUN, n - run)


def extrude(rings: Rings, triangles: Ints, count: Ints, style: Style) -> Soup:
    """See :func:`tiles.extrusion.extrude`."""
    n = len(rings.low)
    after = next_of(rings.ring_start)
    polygon = np.repeat(np.arange(len(rings.owner)), np.diff(rings.polygon_start))
    polygon = np.repeat(polygon, np.diff(rings.ring_start))
    f = rings.owner[polygon]
    run = (rings.low[after] - rings.low)[:, :2].astype(np.float64)
    dx, dy = run[:, 0], run[:, 1]
    normal = DIRECTIONS[_directions_of(dx, dy)]
    bay = style.bay_steps[f]
    plain = bay == 0
    bays = np.rint(np.sqrt(dx * dx + dy * dy) / np.where(plain, np.inf, bay)).astype(np.int32) * 16
    base, step = _first(np.arange(n), n)
    ahead = np.empty_like(after)
    ahead[after] = np.arange(n)
    out = Soup(
        np.empty((COPIES * n, 3), np.int32), np.zeros((COPIES * n, 4), np.int8),
        np.full((COPIES * n, 4), 255, np.uint8), np.empty(COPIES * n, np.int64),
        np.empty((COPIES * n, 2), np.int32), np.empty(6 * n + 3 * len(triangles), np.int64),
    )  # fmt: skip
    for c in range(COPIES):
        v, ground = base + c * step, c in (1, 3)
        at = rings.low if ground else rings.high
        out.at[v] = np.stack([at[:, 0], at[:, 2], -at[:, 1]], axis=1)
        out.feature[v] = f
        out.color[v, :3] = (style.roof if c == 0 else style.foot if ground else style.wall)[f]
        row = style.foot_v[f] if ground else style.head_v[f]
        out.uv[v, 1] = PLAIN_SPOT if c == 0 else np.where(plain, PLAIN_SPOT, row)
        out.uv[v, 0] = bays[ahead] if c >= 3 else 0
        if c:
            out.normal[v] = normal if c < 3 else normal[ahead]
        else:
            out.normal[v, 1] = 127
    a, b = base + step, (base + 3 * step)[after]
    head, far = base + 2 * step, (base + 4 * step)[after]
    walls = np.stack([a, b, head, head, b, far], axis=1).reshape(-1, 3)
    owner = np.concatenate([np.repeat(polygon, 2), np.repeat(np.arange(len(count)), count)])
    order = np.argsort(owner, kind="stable")
    out.corners[:] = np.concatenate([walls, base[triangles]])[order].ravel()
    return out
