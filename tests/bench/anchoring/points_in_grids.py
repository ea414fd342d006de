"""12,000,000 管理部件 into 40,000 irregular 单元网格, beside GEOS: ``STRtree.query(predicate="within")`` of a sample.

Run: ``python tests/bench/anchoring/points_in_grids.py [POINTS]``. Prints CPU seconds and the ratio per point;
both must agree on every point of the sample.
"""

import sys
import time

import numpy as np
import shapely

from twin.containment import PolygonIndex

SIDE = 200
SAMPLE = 300_000


def cells() -> np.ndarray:
    """200 × 200 cells of about 160 m whose borders are bent: 12 corners each, neighbours share theirs."""
    rng = np.random.default_rng(7)
    step = 1.0 / SIDE
    knot = np.stack(np.meshgrid(np.arange(SIDE + 1), np.arange(SIDE + 1), indexing="ij"), -1) * step
    knot[1:-1, 1:-1] += rng.uniform(-0.2, 0.2, knot[1:-1, 1:-1].shape) * step

    def bent(a: np.ndarray, b: np.ndarray, seed: int) -> np.ndarray:
        share = np.array([1 / 3, 2 / 3])[:, None, None, None]
        along = a + (b - a) * share
        return along + np.random.default_rng(seed).uniform(-0.04, 0.04, along.shape) * step

    across, up = bent(knot[:-1], knot[1:], 1), bent(knot[:, :-1], knot[:, 1:], 2)
    south, north = across[:, :, :-1], across[::-1, :, 1:]
    west, east = up[::-1, :-1], up[:, 1:]
    corners = [
        knot[:-1, :-1],
        *south,
        knot[1:, :-1],
        *east,
        knot[1:, 1:],
        *north,
        knot[:-1, 1:],
        *west,
    ]
    ring = np.stack([*corners, corners[0]], axis=2).reshape(SIDE * SIDE, -1, 2)
    return np.asarray(shapely.polygons(ring))


def main() -> None:
    """Print what both need."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12_000_000
    grids = cells()
    xy = np.random.default_rng(3).uniform(0, 1, (count, 2))
    PolygonIndex(grids).locate(xy[:10, 0], xy[:10, 1])  # compiled, or read from its cache
    start = time.process_time()
    index = PolygonIndex(grids)
    built = time.process_time() - start
    found = index.locate(xy[:, 0], xy[:, 1])
    ours = time.process_time() - start
    sample = shapely.points(xy[:SAMPLE])
    start = time.process_time()
    point, cell = shapely.STRtree(grids).query(sample, predicate="within")
    geos = (time.process_time() - start) / SAMPLE
    expected = np.full(SAMPLE, -1)
    expected[point] = cell
    differ = int((expected != found[:SAMPLE]).sum())
    sys.stdout.write(
        f"{count:,} points in {len(grids):,} grids: {ours:.1f} CPU-s ({built:.2f} of them for the index), "
        f"{geos * count / ours:.0f} times as fast as GEOS's tree; {differ} of {SAMPLE:,} points differ\n"
    )


if __name__ == "__main__":
    main()
