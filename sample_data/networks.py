"""Utility pipes under the roads: four networks, each connected at its nodes, with depth and diameter."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.city import City
from sample_data.district import SEED, ground_height

__all__ = ["NETWORKS", "Pipes", "build_pipes"]


@dataclass(frozen=True, slots=True)
class Network:
    """Where a utility lies: offset from the road's middle (m east and north), cover (m), sizes by road grade (mm)."""

    layer: str
    prefix: str
    title: str
    offset: float
    depth: tuple[float, float]
    trunk: tuple[int, ...]
    branch: tuple[int, ...]
    materials: tuple[str, ...]
    grades: tuple[str, ...]
    over_river: bool
    house: int


_ALL = ("expressway", "arterial", "secondary", "local")
NETWORKS: tuple[Network, ...] = (
    Network(
        "gas",
        "LJ-GAS",
        "燃气",
        4.5,
        (0.9, 1.5),
        (325, 273, 219),
        (159, 108),
        ("钢管", "PE100"),
        ("arterial", "secondary", "local"),
        False,
        63,
    ),
    Network(
        "water",
        "LJ-WAT",
        "供水",
        -4.0,
        (1.1, 1.9),
        (1000, 800, 600),
        (400, 300, 200),
        ("球墨铸铁", "PE", "钢管"),
        _ALL,
        True,
        110,
    ),
    Network(
        "drainage",
        "LJ-DRN",
        "排水",
        1.2,
        (2.2, 5.2),
        (1500, 1200, 1000),
        (800, 600, 500),
        ("钢筋混凝土", "HDPE"),
        _ALL,
        False,
        300,
    ),
    Network(
        "heat",
        "LJ-HET",
        "供热",
        -6.5,
        (1.4, 2.3),
        (720, 529, 426),
        (325, 219),
        ("预制保温钢管",),
        ("arterial", "secondary"),
        False,
        159,
    ),
)


@dataclass(frozen=True, slots=True)
class Pipes:
    """One entry per pipe of one network; ``depth`` metres from ground to axis, ``diameter`` mm."""

    layer: str
    key: NDArray[np.object_]
    name: NDArray[np.object_]
    geometry: NDArray[np.object_]
    depth: NDArray[np.float64]
    diameter: NDArray[np.int32]
    material: NDArray[np.object_]
    year: NDArray[np.int32]
    node_from: NDArray[np.object_]
    node_to: NDArray[np.object_]


def build_pipes(city: City) -> list[Pipes]:
    """All networks in the order of :data:`NETWORKS`."""
    return [
        _build(city, net, np.random.default_rng([SEED, 40, i])) for i, net in enumerate(NETWORKS)
    ]


def _mains(
    city: City, net: Network
) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.object_]]:
    """Mains along the roads in pieces under 90 m: geometry, grade and name of the road."""
    roads = city.roads
    use = np.isin(roads.grade.astype(str), net.grades)
    if not net.over_river:
        use &= ~roads.bridge
    if net.layer == "heat":
        use &= (shapely.get_x(shapely.centroid(roads.geometry)) > 506_900) | (
            roads.grade == "arterial"
        )
    lines = roads.geometry[use]
    moved = shapely.transform(lines, lambda xy: xy + np.array([net.offset, net.offset]))
    count = np.maximum(np.ceil(shapely.length(moved) / 90.0).astype(int), 1)
    owner = np.repeat(np.arange(moved.size), count)
    step = np.concatenate([np.arange(n) for n in count])
    pieces = _cut(moved[owner], step / count[owner], (step + 1) / count[owner])
    return pieces, roads.grade[use][owner], roads.name[use][owner]


def _cut(
    lines: NDArray[np.object_], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Part of each line between two shares of its length, five vertices each; neighbours share end points exactly."""
    share = start[:, None] + (end - start)[:, None] * np.linspace(0.0, 1.0, 5)
    share[:, -1] = end
    points = shapely.line_interpolate_point(lines[:, None], share, normalized=True)
    return np.asarray(
        shapely.linestrings(np.round(shapely.get_coordinates(points).reshape(-1, 5, 2), 3))
    )


def _branches(
    city: City, mains: NDArray[np.object_], rng: np.random.Generator
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """House connections: from the nearest node of a main to a point inside each served plot, and their names."""
    lots = city.lots
    served = np.flatnonzero(
        (lots.kind == "compound") | ((lots.kind == "single") & (lots.compound != ""))
    )
    ends = shapely.get_point(mains, -1)
    plots = city.blocks.plot[lots.block[served]]
    gate = np.column_stack([lots.x[served], lots.y[served]])
    nearest = shapely.STRtree(ends).query_nearest(shapely.points(gate), all_matches=False)[1]
    inner = shapely.get_coordinates(shapely.point_on_surface(plots))
    reach = gate + (inner - gate) * rng.uniform(0.08, 0.25, served.size)[:, None]
    single = lots.kind[served] == "single"
    reach[single] = gate[single]
    start = shapely.get_coordinates(ends[nearest])
    near = np.hypot(*(reach - start).T) < 160.0
    lines = shapely.linestrings(np.round(np.stack([start, reach], axis=1), 3))
    return np.asarray(lines)[near], (lots.compound[served])[near]


def _build(city: City, net: Network, rng: np.random.Generator) -> Pipes:
    mains, grade, road = _mains(city, net)
    branches, customer = _branches(city, mains, rng)
    lines = np.concatenate([mains, branches])
    trunk = np.isin(grade.astype(str), ["arterial", "expressway"])
    size = np.where(trunk, rng.choice(net.trunk, mains.size), rng.choice(net.branch, mains.size))
    _, road_index = np.unique(road.astype(str), return_inverse=True)
    pick = rng.integers(0, 1 << 30, road_index.max() + 1)[road_index]
    size = np.where(
        trunk,
        np.array(net.trunk)[pick % len(net.trunk)],
        np.array(net.branch)[pick % len(net.branch)],
    )
    diameter = np.concatenate([size, np.full(branches.size, net.house)])
    year = np.concatenate([1996 + pick % 27, rng.integers(2000, 2025, branches.size)])
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    low, high = net.depth
    wave = 0.5 + 0.5 * np.sin(middle[:, 0] / 410.0 + net.offset) * np.cos(middle[:, 1] / 530.0)
    depth = (
        low
        + (high - low) * wave
        + 0.05 * ground_height(middle[:, 0], middle[:, 1]).clip(20, 30)
        - 1.0
    )
    node = np.round(shapely.get_coordinates(shapely.get_point(lines[:, None], [0, -1])), 3)
    _, serial = np.unique(node, axis=0, return_inverse=True)
    ends = np.array(
        [f"{net.prefix}-N{i + 1:05d}" for i in serial.reshape(-1)], dtype=object
    ).reshape(-1, 2)
    label = np.concatenate([road + net.title + "管", customer + net.title + "支管"])
    return Pipes(
        net.layer,
        np.array([f"{net.prefix}{i + 1:05d}" for i in range(lines.size)], dtype=object),
        label,
        lines,
        np.maximum(depth, low).round(2),
        diameter.astype(np.int32),
        np.array(net.materials, dtype=object)[(diameter + year) % len(net.materials)],
        year.astype(np.int32),
        ends[:, 0],
        ends[:, 1],
    )
