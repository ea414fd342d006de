"""The plan of the district: a road net that bends with the river, and the blocks between the roads.

Roads are drawn in a frame (u, v) that follows the river: u is the distance east of the river's
centre line, v the northing. Near the river a line of constant u runs parallel to the bank; away
from it the frame relaxes to the national grid. Everything here is EPSG:4547, metres.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.district import EXTENT, ground_height, river_easting

__all__ = [
    "CROSSINGS",
    "LAKE",
    "RIVER_EDGE",
    "RoadLine",
    "Roads",
    "build_roads",
    "faces",
    "frame",
    "hill_outline",
    "ring_area",
    "river_band",
    "unframe",
]

RIVER_EDGE = 178.0
"""Distance from the centre line at which the water meets the bank (1985 height 18.5 m)."""

CROSSINGS = (350.0, 2020.0, 2913.0, 4300.0, 5650.0)
"""v − 3 370 000 of the roads that cross the river on a bridge."""

_N0 = EXTENT[1]
_KINDS = {"expressway": 44.0, "arterial": 34.0, "secondary": 20.0, "local": 11.0}


@dataclass(frozen=True, slots=True)
class RoadLine:
    """A named road as drawn: class (快速路, 主干路 …) and paved width in metres between the kerbs."""

    name: str
    grade: str
    width: float
    line: shapely.geometry.base.BaseGeometry


@dataclass(frozen=True, slots=True)
class Roads:
    """The road net, cut at every crossing; all arrays have one entry per piece.

    ``start`` and ``end`` index ``nodes`` (shape (m, 2)); ``heading`` is "ew" or "ns", ``bridge``
    says that the piece spans the river. ``name`` is the name of the road, ``key`` the id of the
    piece (``LJ-R0001`` …).
    """

    key: NDArray[np.object_]
    name: NDArray[np.object_]
    grade: NDArray[np.object_]
    width: NDArray[np.float64]
    geometry: NDArray[np.object_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    heading: NDArray[np.object_]
    bridge: NDArray[np.bool_]
    nodes: NDArray[np.float64]


def _follow(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the river's bend that a line at u takes part in: 1 at the bank, 0 far away."""
    return np.exp(-((np.maximum(np.abs(u) - 300.0, 0.0) / 700.0) ** 2))


def frame(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Easting and northing of frame coordinates, shape (n, 2)."""
    u, v = np.broadcast_arrays(np.asarray(u, dtype=float), np.asarray(v, dtype=float))
    sway = 42.0 * (1.0 - np.exp(-(((v - _N0 - 3250.0) / 1000.0) ** 2)))
    n = v + sway * np.sin(u / 760.0 + (v - _N0) / 900.0) * (1.0 - _follow(u))
    e = 507_000.0 + u + (river_easting(n) - 507_000.0) * _follow(u)
    return np.column_stack([e, n])


def unframe(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frame coordinates (u, v) of points, shape (n, 2); fixed-point iteration, good to a metre."""
    u, v = points[:, 0] - 507_000.0, points[:, 1].copy()
    for _ in range(12):
        off = frame(u, v) - points
        u, v = u - off[:, 0], v - off[:, 1]
    return np.column_stack([u, v])


def _smooth_ring(points: list[tuple[float, float]], rounds: int = 4) -> shapely.Polygon:
    """Corner-cut polygon (Chaikin)."""
    ring = np.array(points, dtype=float)
    for _ in range(rounds):
        after = np.roll(ring, -1, axis=0)
        ring = np.stack([0.75 * ring + 0.25 * after, 0.25 * ring + 0.75 * after], axis=1).reshape(
            -1, 2
        )
    return shapely.Polygon(ring)


LAKE: shapely.Polygon = _smooth_ring(
    [
        (509_060, 3_371_330),
        (509_230, 3_371_215),
        (509_450, 3_371_330),
        (509_600, 3_371_270),
        (509_655, 3_371_500),
        (509_560, 3_371_650),
        (509_590, 3_371_880),
        (509_380, 3_371_905),
        (509_240, 3_371_760),
        (509_010, 3_371_800),
        (508_965, 3_371_560),
    ]
)
"""明月湖, the district's lake, with a headland on its northern shore."""


def hill_outline(height: float = 38.0) -> shapely.Polygon:
    """Area in the north-east whose ground lies above ``height`` (1985, metres)."""
    angle = np.linspace(0.0, 2 * np.pi, 240, endpoint=False)
    radius = np.linspace(20.0, 2200.0, 1100)
    e = 510_050.0 + np.outer(np.cos(angle), radius)
    n = 3_375_200.0 + np.outer(np.sin(angle), radius)
    low = ground_height(e, n) < height
    reach = radius[np.where(low.any(axis=1), low.argmax(axis=1), radius.size - 1)]
    ring = np.column_stack([510_050.0 + np.cos(angle) * reach, 3_375_200.0 + np.sin(angle) * reach])
    return _cut_to_district(shapely.Polygon(ring))


def river_band(half_width: float = RIVER_EDGE) -> shapely.Polygon:
    """The river as a polygon of the given half width, cut at the district's edge."""
    n = np.linspace(EXTENT[1] - 200.0, EXTENT[3] + 200.0, 321)
    centre = river_easting(n)
    left, right = (
        np.column_stack([centre - half_width, n]),
        np.column_stack([centre + half_width, n]),
    )
    return _cut_to_district(shapely.Polygon(np.vstack([left, right[::-1]])))


def _cut_to_district(area: shapely.Polygon) -> shapely.Polygon:
    """The part of one area within the district, which must be one piece."""
    part = shapely.intersection(shapely.make_valid(area), shapely.box(*EXTENT))
    assert isinstance(part, shapely.Polygon)
    return part


# (name, grade, u, v from, v to): roads along the river; v relative to the southern edge
_ALONG: tuple[tuple[str, str, float, float, float], ...] = (
    ("云梦大道", "arterial", -1180, -300, 6300),
    ("西园路", "secondary", -1480, 250, 5750),
    ("文昌路", "secondary", -880, 250, 5750),
    ("古城路", "arterial", -580, -300, 6300),
    ("滨江西路", "secondary", -285, -300, 6300),
    ("滨江东路", "secondary", 285, -300, 6300),
    ("珠江街", "local", 490, 2020, 3560),
    ("江汉大道", "arterial", 690, -300, 6300),
    ("金融街", "local", 880, 2020, 3560),
    ("花园路", "secondary", 1060, 250, 5750),
    ("科技大道", "arterial", 1525, -300, 6300),
    ("明湖路", "arterial", 1915, -300, 5150),
    ("楚才路", "secondary", 2310, 2020, 4720),
    ("工业三路", "secondary", 2310, -300, 1180),
    ("云泽大道", "arterial", 2690, -300, 4300),
    ("望山路", "secondary", 3140, 250, 4300),
)
# (west name, east name, grade, v, u from, u to): roads across; None = the side has none
_ACROSS: tuple[tuple[str | None, str | None, str, float, float, float], ...] = (
    ("安居西路", "安居东路", "secondary", 790, -1900, 4200),
    ("幸福西路", "幸福东路", "arterial", 1180, -2100, 4200),
    ("柳湾路", "莲花路", "secondary", 1600, -1750, 1915),
    ("建设西路", "建设东路", "arterial", 2020, -2100, 4200),
    ("文庙路", "国贸路", "secondary", 2460, -1750, 3650),
    ("临江西大道", "临江大道", "arterial", 2913, -2100, 4200),
    (None, "花苑路", "secondary", 3240, 285, 3650),
    ("书院路", "锦绣路", "arterial", 3560, -1750, 3650),
    ("解放西路", "解放东路", "secondary", 3890, -1750, 3650),
    ("长虹西路", "长虹东路", "arterial", 4300, -2100, 4200),
    ("新民路", "松林路", "secondary", 4720, -1750, 2350),
    ("北湖西路", "北湖东路", "arterial", 5150, -2100, 2000),
    (None, "望月路", "local", 1390, 2690, 3650),
    (None, "荷塘路", "local", 1780, 2690, 3650),
)
_BANK = 285.0


def _ring_road() -> shapely.LineString:
    corners = [
        (505_330, 3_370_350),
        (510_640, 3_370_350),
        (510_640, 3_374_020),
        (510_250, 3_374_330),
        (509_250, 3_374_500),
        (508_960, 3_375_000),
        (508_640, 3_375_650),
        (505_330, 3_375_650),
    ]
    ring = shapely.Polygon(corners)
    ring = ring.buffer(-260, quad_segs=8).buffer(260, quad_segs=8)
    return shapely.LineString(ring.exterior.coords)


def _stations(start: float, end: float, crossing: list[float]) -> NDArray[np.float64]:
    """Every 25 m from start to end, and exactly where other roads cross, so that crossings share a vertex."""
    inner = [c for c in crossing if start <= c <= end]
    return np.unique(
        np.concatenate([np.linspace(start, end, max(int((end - start) / 25), 2)), inner])
    )


def ring_area() -> shapely.Polygon:
    """Everything within the ring road."""
    return shapely.Polygon(_ring_road().coords)


def _across(item: tuple[str | None, str | None, str, float, float, float]) -> list[RoadLine]:
    west, east, grade, v, u0, u1 = item
    width, y = _KINDS[grade], _N0 + v
    crossing = [road[2] for road in _ALONG]
    parts: list[tuple[str | None, float, float]] = [(west, u0, -_BANK), (east, max(u0, _BANK), u1)]
    if v in CROSSINGS:
        parts.append((_BRIDGES[v], -_BANK, _BANK))
    return [
        RoadLine(
            name, grade, width, shapely.LineString(frame(_stations(a, b, crossing), np.array(y)))
        )
        for name, a, b in parts
        if name is not None
    ]


_BRIDGES = {
    350.0: "环城南桥",
    2020.0: "建设大桥",
    2913.0: "临江大桥",
    4300.0: "长虹大桥",
    5650.0: "环城北桥",
}


def _drawn() -> list[RoadLine]:
    """All roads as drawn, not yet cut at their crossings."""
    lines = [RoadLine("环城路", "expressway", _KINDS["expressway"], _ring_road())]
    for name, grade, u, v0, v1 in _ALONG:
        v = _N0 + _stations(v0, v1, [item[3] for item in _ACROSS])
        lines.append(
            RoadLine(name, grade, _KINDS[grade], shapely.LineString(frame(np.full(v.shape, u), v)))
        )
    for item in _ACROSS:
        lines.extend(_across(item))
    keep = shapely.difference(
        shapely.box(*EXTENT), shapely.union_all([hill_outline(39.0), LAKE.buffer(25.0)])
    )
    inside = ring_area().buffer(1.0)
    cut = [
        r.line.intersection(keep if r.grade in ("arterial", "expressway") else keep & inside)
        for r in lines
    ]
    return [RoadLine(r.name, r.grade, r.width, line) for r, line in zip(lines, cut, strict=True)]


def build_roads() -> Roads:
    """Cut the drawn roads at their crossings and drop the stubs that lead nowhere."""
    drawn = [r for r in _drawn() if not r.line.is_empty]
    lines = np.array([r.line for r in drawn], dtype=object)
    noded = shapely.get_parts(
        shapely.node(
            shapely.set_precision(shapely.multilinestrings(shapely.get_parts(lines)), 0.01)
        )
    )
    noded = _merge_runs(noded)
    noded = noded[~_is_stub(noded)]
    noded = _merge_runs(noded)
    middle = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    index, owner = shapely.STRtree(lines).query_nearest(middle, all_matches=False)
    source = np.empty(noded.size, dtype=np.int64)
    source[index] = owner
    order = np.lexsort((shapely.get_y(middle), shapely.get_x(middle), source))
    noded, source, middle = noded[order], source[order], middle[order]
    ends = np.vstack([shapely.get_coordinates(shapely.get_point(noded, i)) for i in (0, -1)])
    nodes, index = np.unique(np.round(ends, 2), axis=0, return_inverse=True)
    index = index.reshape(2, -1)
    span = shapely.get_coordinates(shapely.get_point(noded, -1)) - shapely.get_coordinates(
        shapely.get_point(noded, 0)
    )
    on_river = np.abs(shapely.get_x(middle) - river_easting(shapely.get_y(middle))) < 60.0
    name = np.array([drawn[i].name for i in source], dtype=object)
    ew = np.abs(span[:, 0]) > np.abs(span[:, 1])
    ring_bridge = on_river & (name == "环城路")
    name[ring_bridge & (shapely.get_y(middle) < _N0 + 3000)] = _BRIDGES[350.0]
    name[ring_bridge & (shapely.get_y(middle) > _N0 + 3000)] = _BRIDGES[5650.0]
    return Roads(
        key=np.array([f"LJ-R{i + 1:04d}" for i in range(noded.size)], dtype=object),
        name=name,
        grade=np.array([drawn[i].grade for i in source], dtype=object),
        width=np.array([drawn[i].width for i in source]),
        geometry=noded,
        start=index[0],
        end=index[1],
        heading=np.where(ew, "ew", "ns").astype(object),
        bridge=on_river,
        nodes=nodes,
    )


def _merge_runs(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Join pieces that meet where nothing branches off."""
    return np.asarray(shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines))))


def _is_stub(lines: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Pieces under 90 m with a loose end inside the district."""
    ends = np.round(
        np.vstack([shapely.get_coordinates(shapely.get_point(lines, i)) for i in (0, -1)]), 1
    )
    _, inverse, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    loose = (count[inverse.reshape(-1)] == 1).reshape(2, -1).any(axis=0)
    return np.asarray(loose & (shapely.length(lines) < 90.0))


def faces(roads: Roads, extra: NDArray[np.object_] | None = None) -> NDArray[np.object_]:
    """The gap-free partition of the district by road centre lines and the river's middle.

    Parameters
    ----------
    roads : Roads
    extra : ndarray of LineString, optional
        Further cuts.

    Returns
    -------
    ndarray of Polygon
        Ordered by centroid, north to south in rows of 50 m and west to east; they share their
        vertices exactly.
    """
    n = np.linspace(EXTENT[1] - 10, EXTENT[3] + 10, 241)
    middle = shapely.linestrings(np.column_stack([river_easting(n), n]))
    edge = shapely.get_exterior_ring(shapely.box(*EXTENT))
    cuts = [*roads.geometry, middle, edge] + ([] if extra is None else list(extra))
    net = shapely.set_precision(shapely.multilinestrings(cuts), 0.01)
    net = shapely.node(shapely.set_precision(shapely.node(net), 0.01))
    cells = shapely.get_parts(shapely.polygonize(shapely.get_parts(net)))
    cells = cells[
        shapely.contains_xy(
            shapely.box(*EXTENT), *shapely.get_coordinates(shapely.point_on_surface(cells)).T
        )
    ]
    centre = shapely.get_coordinates(shapely.centroid(cells))
    return np.asarray(cells[np.lexsort((centre[:, 0], -np.round(centre[:, 1] / 50.0)))])
