"""A town of the imagination: streets, footprints and shops, somewhere on Earth, from a seed."""

from dataclasses import dataclass

import numpy as np
import shapely

METRES = 111_319.490793


@dataclass(frozen=True)
class Town:
    """Everything in longitude and latitude."""

    lon: float
    lat: float
    footprints: np.ndarray
    streets: np.ndarray
    shops: np.ndarray


def build(seed: int, lon: float, lat: float, n: int = 700) -> Town:
    """Irregular blocks of 60–140 m between bent streets, footprints of all sizes in them, shops in most."""
    rng = np.random.default_rng(seed)
    half = 1_100.0
    cuts = [np.cumsum(rng.uniform(60.0, 140.0, 40)) - half for _ in range(2)]
    columns, rows = (c[c < half] for c in cuts)
    lines = [np.column_stack([np.full(25, x), np.linspace(-half, half, 25)]) for x in columns]
    lines += [np.column_stack([np.linspace(-half, half, 25), np.full(25, y)]) for y in rows]
    bend = rng.uniform(0.001, 0.003, 2)
    streets = shapely.linestrings([_bent(line, bend) for line in lines[::1]])

    at = np.column_stack([rng.uniform(-half, half, n), rng.uniform(-half, half, n)])
    sizes = rng.uniform(8.0, 40.0, (n, 2)) / 2
    angle = rng.uniform(0, np.pi, n)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])[None] * sizes[:, None]
    turn = np.stack(
        [
            np.stack([np.cos(angle), -np.sin(angle)], -1),
            np.stack([np.sin(angle), np.cos(angle)], -1),
        ],
        1,
    )
    rings = np.einsum("nij,nkj->nki", turn, corners) + at[:, None]
    boxes = shapely.polygons(rings)
    free = shapely.distance(boxes, shapely.union_all(streets)) > 4.0
    footprints = boxes[free]
    inside = shapely.get_coordinates(shapely.centroid(footprints)) + rng.normal(
        0, 3.0, (len(footprints), 2)
    )
    shops = shapely.points(inside[rng.random(len(inside)) < 0.8])

    def place(shapes):
        squeeze = np.cos(np.deg2rad(lat))
        return shapely.transform(
            shapes,
            lambda xy: np.column_stack(
                [lon + xy[:, 0] / METRES / squeeze, lat + xy[:, 1] / METRES]
            ),
        )

    return Town(lon, lat, place(footprints), place(streets), place(shops))


def _bent(line, bend):
    x, y = line.T
    return np.column_stack([x + 120 * np.sin(bend[0] * y), y + 120 * np.sin(bend[1] * x)])


def jittered(shapes, metres: float, seed: int):
    """The same things as another survey has them: each moved a little by itself."""
    rng = np.random.default_rng(seed)
    out = shapes.copy()
    moves = rng.normal(0, metres / METRES, (len(shapes), 2))
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    return shapely.set_coordinates(out, xy + moves[owner])


def numbers(system: str, shapes):
    """The same things in the numbers of another system."""
    from twin import crs

    return shapely.transform(
        shapes, lambda xy: np.column_stack(crs.from_geographic(system, xy[:, 0], xy[:, 1])[:2])
    )


def bounds(shapes):
    """(xmin, ymin, xmax, ymax)."""
    return tuple(float(v) for v in shapely.total_bounds(shapes))


def metres_apart(a: str, b: str, shapes) -> float:
    """Largest distance between where two systems put the same numbers."""
    from twin import crs

    xy = shapely.get_coordinates(shapes)[::7]
    lon, lat, _ = crs.to_geographic(a, *xy.T)
    there_lon, there_lat, _ = crs.to_geographic(b, *xy.T)
    d = np.hypot((lon - there_lon) * np.cos(np.deg2rad(lat)), lat - there_lat) * METRES
    return float(np.max(np.where(np.isfinite(d), d, np.inf)))
