"""Subdistricts, communities and unit grids: one gap-free partition, nested exactly, with standard codes."""

import heapq
from dataclasses import dataclass

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray

from sample_data import names
from sample_data.district import ADMIN_CODE, TOWER, river_easting
from sample_data.layout import Roads, faces

__all__ = ["Admin", "build_admin"]

LARGEST = 75_000.0
"""Unit grids above this area (m²) are cut in two, again and again."""


@dataclass(frozen=True, slots=True)
class Admin:
    """Unit grids with the community and subdistrict each lies in; community and subdistrict tables beside.

    ``grid_code`` = 6 (区划) + 3 (街道) + 3 (社区) + 3 (顺序); the other codes are its prefixes.
    """

    grid: NDArray[np.object_]
    grid_code: NDArray[np.object_]
    grid_community: NDArray[np.int64]
    community: NDArray[np.object_]
    community_code: NDArray[np.object_]
    community_name: NDArray[np.object_]
    community_street: NDArray[np.int64]
    street: NDArray[np.object_]
    street_code: NDArray[np.object_]
    street_name: NDArray[np.object_]

    def locate(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index of the grid of each point (EPSG:4547); −1 outside the district."""
        out = np.full(np.shape(x), -1, dtype=np.int64)
        point, cell = shapely.STRtree(self.grid).query(shapely.points(x, y), predicate="intersects")
        out[point[::-1]] = cell[::-1]
        return out


def _halving(cell: shapely.Polygon) -> list[shapely.LineString]:
    """Cuts that bring a cell under the largest area, across its longer side each time."""
    if cell.area <= LARGEST:
        return []
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(cell))[:4]
    long, short = box[1] - box[0], box[3] - box[0]
    if np.hypot(*long) < np.hypot(*short):
        long, short = short, long
    middle = box.mean(axis=0)
    cut = shapely.LineString([middle - 0.55 * short, middle + 0.55 * short])
    parts = shapely.get_parts(shapely.ops.split(cell, cut))
    return (
        [_overshoot(cut, cell), *(line for part in parts for line in _halving(part))]
        if len(parts) > 1
        else []
    )


def _overshoot(cut: shapely.LineString, cell: shapely.Polygon) -> shapely.LineString:
    """The cut within the cell, 5 cm longer at both ends, so that it meets the edge for certain."""
    ends = shapely.get_coordinates(shapely.intersection(cut, cell))[[0, -1]]
    step = 0.05 * (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    return shapely.LineString([ends[0] - step, ends[1] + step])


def _neighbours(cells: NDArray[np.object_]) -> dict[int, list[int]]:
    """Cells that share an edge, not across the river."""
    first, second = shapely.STRtree(cells).query(cells, predicate="touches")
    shared = shapely.length(shapely.intersection(cells[first], cells[second])) > 20.0
    centre = shapely.get_coordinates(shapely.centroid(cells))
    east = centre[:, 0] > river_easting(centre[:, 1])
    out: dict[int, list[int]] = {i: [] for i in range(cells.size)}
    for i, j in zip(first[shared], second[shared], strict=True):
        if east[i] == east[j]:
            out[int(i)].append(int(j))
    return out


def _grow(cells: NDArray[np.object_], seeds: list[int]) -> NDArray[np.int64]:
    """Contiguous regions around seed cells: nearest seed along the neighbourhood graph, shares of area kept even."""
    near, centre, size = (
        _neighbours(cells),
        shapely.get_coordinates(shapely.centroid(cells)),
        shapely.area(cells),
    )
    owner = np.full(cells.size, -1, dtype=np.int64)
    held = np.zeros(len(seeds))
    queue = [(0.0, k, s) for k, s in enumerate(seeds)]
    heapq.heapify(queue)
    while queue:
        _, k, cell = heapq.heappop(queue)
        if owner[cell] >= 0:
            continue
        owner[cell] = k
        held[k] += size[cell]
        for other in near[cell]:
            if owner[other] < 0:
                reach = float(np.hypot(*(centre[other] - centre[seeds[k]])))
                heapq.heappush(queue, (reach + float(np.sqrt(held[k])), k, other))
    return owner


def _spread(cells: NDArray[np.object_], count: int) -> list[int]:
    """Seed cells far apart: farthest-point sampling over centroids."""
    centre = shapely.get_coordinates(shapely.centroid(cells))
    chosen = [int(np.hypot(*(centre - (TOWER.easting, TOWER.northing)).T).argmin())]
    gap = np.hypot(*(centre - centre[chosen[0]]).T)
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, np.hypot(*(centre - centre[chosen[-1]]).T))
    return chosen


def _dissolve(cells: NDArray[np.object_], owner: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array(
        [shapely.coverage_union_all(cells[owner == k]) for k in range(int(owner.max()) + 1)],
        dtype=object,
    )


def _reading_order(shapes: NDArray[np.object_], band: float) -> NDArray[np.int64]:
    """North to south in bands, west to east within a band."""
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    return np.lexsort((centre[:, 0], -np.floor(centre[:, 1] / band)))


def build_admin(roads: Roads, count: int = 36) -> Admin:
    """Grow communities of whole blocks, cut the blocks to unit grids, and gather subdistricts of communities."""
    face = faces(roads)
    grid = faces(roads, np.array([line for cell in face for line in _halving(cell)], dtype=object))
    inside = shapely.STRtree(face).query(shapely.point_on_surface(grid), predicate="intersects")
    owner = np.empty(grid.size, dtype=np.int64)
    owner[inside[0]] = _grow(face, _spread(face, count))[inside[1]]
    community = _dissolve(grid, owner)
    street_of = _grow(community, _spread(community, len(names.STREETS)))
    street = _dissolve(community, street_of)
    street_name = np.array(_street_names(street), dtype=object)
    street_code = np.array(
        [f"{ADMIN_CODE}{names.STREETS.index(n) + 1:03d}" for n in street_name], dtype=object
    )
    community_code = np.empty(community.size, dtype=object)
    for k in range(street.size):
        members = np.flatnonzero(street_of == k)
        for i, c in enumerate(members[_reading_order(community[members], 400.0)]):
            community_code[c] = f"{street_code[k]}{i + 1:03d}"
    grid_code = np.empty(grid.size, dtype=object)
    for c in range(community.size):
        members = np.flatnonzero(owner == c)
        for i, g in enumerate(members[_reading_order(grid[members], 150.0)]):
            grid_code[g] = f"{community_code[c]}{i + 1:03d}"
    hero = int(owner[shapely.contains_xy(grid, TOWER.easting, TOWER.northing).argmax()])
    rest = iter(names.COMMUNITIES[1:])
    community_name = np.array(
        [names.COMMUNITIES[0] if c == hero else next(rest) for c in range(community.size)],
        dtype=object,
    )
    return Admin(
        grid,
        grid_code,
        owner,
        community,
        community_code,
        community_name,
        street_of,
        street,
        street_code,
        street_name,
    )


def _street_names(street: NDArray[np.object_]) -> list[str]:
    """滨江街道 holds the hero tower; the others are named by where they lie."""
    aims = [
        (TOWER.easting, TOWER.northing),
        (505_800, 3_373_000),
        (509_600, 3_371_900),
        (509_600, 3_374_200),
        (508_500, 3_370_500),
        (507_200, 3_375_500),
    ]
    out: list[str] = [""] * street.size
    for name, aim in zip(names.STREETS, aims, strict=True):
        free = [k for k in range(street.size) if not out[k]]
        gap = shapely.distance(street[free], shapely.Point(aim)) + 1e-3 * shapely.distance(
            shapely.centroid(street[free]), shapely.Point(aim)
        )
        out[free[int(np.argmin(gap))]] = name
    return out
