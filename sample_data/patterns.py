"""How each kind of block is built up: rows, towers, courts, lanes, halls.

A pattern lays out buildings in the block's own frame (x along its rows, y across, origin in the
middle) within ±lx, ±ly; what does not fit into the real plot is dropped afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sample_data.shapes import Kind, Placing

__all__ = ["PATTERNS", "Plot"]

_HOME = Kind("住宅", "楼", 2.9)
_OLD_HOME = Kind("住宅", "楼", 3.1)
_HOUSE = Kind("住宅", "户", 3.2)
_ANNEX = Kind("配套设施", "配套用房", 4.2)
_TOWER = Kind("办公", "大厦", 3.9)
_PODIUM = Kind("商业", "广场", 5.0)
_HOTEL = Kind("酒店", "酒店", 3.3)
_MALL = Kind("商业", "商城", 5.2)
_HALL = Kind("工业", "厂房", 8.2)
_WORKS = Kind("工业", "综合楼", 3.6)
_TANK = Kind("工业", "储罐", 12.0)
_PAVILION = Kind("公园设施", "亭榭", 5.0)
_SERVICE = Kind("公园设施", "游客服务站", 4.2)

# what a fixed ensemble consists of: kind, template, place as a share of (lx, ly), size, floors
_Piece = tuple[Kind, str, tuple[float, float], tuple[float, float], int]
_SCHOOL: tuple[_Piece, ...] = (
    (Kind("教育", "教学楼", 3.6), "comb", (0.42, 0.42), (74, 48), 5),
    (Kind("教育", "实验楼", 3.6), "you", (0.42, -0.12), (62, 40), 4),
    (Kind("教育", "体育馆", 6.0), "rect", (0.28, -0.62), (44, 30), 2),
    (Kind("教育", "宿舍楼", 3.3), "slab", (0.72, -0.62), (36, 14), 6),
    (Kind("教育", "行政楼", 3.6), "rect", (-0.45, 0.78), (50, 14), 3),
)
_HOSPITAL: tuple[_Piece, ...] = (
    (Kind("医疗", "门诊楼", 4.0), "court", (-0.4, -0.45), (72, 50), 5),
    (Kind("医疗", "住院楼", 3.8), "tee", (0.3, 0.1), (78, 44), 17),
    (Kind("医疗", "医技楼", 3.8), "wings", (-0.4, 0.5), (60, 34), 8),
    (Kind("医疗", "急诊楼", 4.0), "rect", (0.45, -0.6), (40, 18), 3),
    (Kind("医疗", "后勤楼", 3.2), "slab", (0.3, 0.75), (56, 14), 6),
)
_CIVIC: tuple[_Piece, ...] = (
    (Kind("行政办公", "区政务中心", 4.0), "cross", (-0.35, 0.45), (90, 44), 9),
    (Kind("文化", "文化艺术中心", 6.0), "arc", (-0.4, -0.35), (88, 52), 3),
    (Kind("文化", "区图书馆", 5.5), "round", (0.2, -0.5), (58, 58), 4),
    (Kind("行政办公", "公共服务大楼", 3.9), "wings", (0.3, 0.55), (62, 36), 14),
    (Kind("办公", "城市运行管理中心", 3.8), "rect", (0.72, -0.55), (40, 26), 10),
)
_STATION: tuple[_Piece, ...] = (
    (Kind("交通", "客运站房", 7.0), "rect", (0.0, 0.0), (170, 46), 3),
    (Kind("交通", "调度楼", 3.8), "rect", (-0.5, 0.6), (70, 24), 5),
    (Kind("商业", "换乘商业", 5.0), "step", (0.5, 0.6), (80, 40), 4),
)


@dataclass(frozen=True, slots=True)
class Plot:
    """Half sizes of a block in its own frame (m), its random source, metres north of the edge."""

    lx: float
    ly: float
    rng: np.random.Generator
    v: float

    def columns(self, width: float, gap: float, shift: float = 0.0) -> list[float]:
        """Middles of things ``width`` wide and ``gap`` apart, west to east."""
        start = -self.lx + width / 2 + 3 + shift
        return [float(x) for x in np.arange(start, self.lx - width / 2, width + gap)]

    def rows(self, depth: float, gap: float) -> list[float]:
        """Middles of things ``depth`` deep and ``gap`` apart, south to north."""
        return [
            float(y) for y in np.arange(-self.ly + depth / 2 + 2, self.ly - depth / 2, depth + gap)
        ]

    def pick(self, *choices: str) -> str:
        """One of the choices."""
        return choices[int(self.rng.integers(0, len(choices)))]

    def whole(self, low: int, high: int) -> int:
        """Random whole number from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))


@dataclass(frozen=True, slots=True)
class _Row:
    """Slabs of one sort: floors, depth and pitch of the rows, length of a slab, gap between, shape."""

    floors: tuple[int, int]
    depth: float
    pitch: float
    length: tuple[float, float]
    gap: float
    template: str = "slab"


_LOW = _Row((5, 7), 11.5, 27.5, (44, 62), 9)
_MIDDLE = _Row((9, 11), 13.5, 43, (42, 56), 16)
_SOUTH = _Row((6, 8), 12.5, 29, (40, 52), 9)
_NORTH = _Row((18, 28), 16, 52, (34, 44), 16, "wings")


def _lay_rows(
    plot: Plot, out: Placing, row: _Row, year: int, south: float = -1.0, north: float = 1.0
) -> None:
    """Parallel slabs facing south, with a garden left free in the middle."""
    y = south * plot.ly + row.depth / 2 + 2
    span = float(plot.rng.uniform(*row.length))
    while y < north * plot.ly - row.depth / 2:
        for x in plot.columns(span, row.gap, float(plot.rng.uniform(0, 8))):
            if abs(x) > 45 or abs(y) > 34:
                out.add(
                    _HOME, row.template, (x, y), (span, row.depth), plot.whole(*row.floors), year
                )
        y += row.pitch


def _slab(plot: Plot, out: Placing) -> None:
    if plot.rng.random() < 0.4:
        _lay_rows(plot, out, _MIDDLE, plot.whole(2003, 2015))
    else:
        _lay_rows(plot, out, _LOW, plot.whole(1984, 2002))


def _mixed(plot: Plot, out: Placing) -> None:
    year = plot.whole(2006, 2021)
    _lay_rows(plot, out, _SOUTH, year, north=0.15)
    _lay_rows(plot, out, _NORTH, year, south=0.22)


def _tower(plot: Plot, out: Placing) -> None:
    """Staggered point blocks over gardens, with a few low annexes."""
    year, top = plot.whole(2008, 2024), plot.whole(22, 32)
    shape = plot.pick("cross", "wings", "slab", "chamfer")
    size = (42.0, 15.0) if shape == "slab" else (33.0, 25.0)
    for j, y in enumerate(plot.rows(size[1], 38)):
        for x in plot.columns(size[0], 22, (size[0] + 22) / 2 * (j % 2)):
            out.add(_HOME, shape, (x, y), size, top - 2 * plot.whole(0, 3), year)
    for x in plot.columns(18, 102):
        out.add(_ANNEX, "rect", (x, -plot.ly + 1.5 * size[1] + 33), (18, 9), 1, year)


def _court(plot: Plot, out: Placing) -> None:
    """Perimeter houses: closed, three-sided and two-sided courts."""
    year = plot.whole(1956, 1991)
    for y in plot.rows(54, 12):
        for x in plot.columns(54, 16):
            shape = plot.pick("court", "you", "ell", "court", "you")
            turn = 0.0 if shape == "court" else plot.whole(0, 3) * np.pi / 2
            out.add(_OLD_HOME, shape, (x, y), (54, 54), plot.whole(4, 7), year, angle=turn)


def _lay_lanes(
    plot: Plot,
    out: Placing,
    house: tuple[float, float],
    lane: float,
    floors: tuple[int, int],
    years: tuple[int, int],
) -> None:
    """Dense detached houses along lanes, some lots empty."""
    rng, (w, d) = plot.rng, house
    for j, row in enumerate(plot.rows(d, lane)):
        for column in plot.columns(w, 2.2):
            x, y = column + (j % 3) * 2.0 + 3.0 * (column // 62 % 2), row + rng.uniform(-0.7, 0.7)
            size = (w - rng.uniform(0.3, 2.6), d - rng.uniform(0.4, 3.0))
            shape = "ell" if rng.random() < 0.12 else "rect"
            if rng.random() < 0.9:
                out.add(_HOUSE, shape, (x, y), size, plot.whole(*floors), plot.whole(*years))


def _village(plot: Plot, out: Placing) -> None:
    _lay_lanes(plot, out, (12.5, 13.0), 3.4, (2, 5), (1988, 2015))


def _old_town(plot: Plot, out: Placing) -> None:
    _lay_lanes(plot, out, (15.5, 12.5), 3.6, (1, 2), (1930, 1984))


def _cbd(plot: Plot, out: Placing) -> None:
    """Office towers, higher towards the bridge, podiums and hotels."""
    rng = plot.rng
    core = float(np.exp(-(((plot.v - 2913) / 520) ** 2)))
    for y in plot.rows(50, 24):
        for x in plot.columns(48, 14):
            kind, year = rng.random(), plot.whole(2004, 2024)
            if kind < 0.62:
                shape = plot.pick("rect", "chamfer", "cross", "round", "wings", "chamfer")
                side = rng.uniform(32, 42)
                floors = plot.whole(14, 25) + int(core * plot.whole(8, 33))
                out.add(_TOWER, shape, (x, y), (side, side * rng.uniform(0.85, 1.1)), floors, year)
            elif kind < 0.86:
                shape = plot.pick("ell", "you", "step", "court")
                out.add(_PODIUM, shape, (x, y), (52, 46), plot.whole(3, 6), year)
            else:
                out.add(_HOTEL, "wings", (x, y), (40, 30), plot.whole(16, 29), year)


def _commerce(plot: Plot, out: Placing) -> None:
    year = plot.whole(1998, 2021)
    for y in plot.rows(66, 18):
        for x in plot.columns(92, 14):
            shape = plot.pick("step", "court", "ell", "rect", "chamfer")
            out.add(_MALL, shape, (x, y), (92, 66), plot.whole(3, 6), year)


def _industry(plot: Plot, out: Placing) -> None:
    """Halls of all sizes, office wings, rows of tanks."""
    rng, year = plot.rng, plot.whole(1996, 2020)
    for y in plot.rows(52, 14):
        depth = rng.uniform(30, 52)
        x = -plot.lx + 6
        while x < plot.lx - 40:
            width, draw = rng.uniform(48, 118), rng.random()
            if draw < 0.72:
                out.add(_HALL, "rect", (x + width / 2, y), (width, depth), plot.whole(1, 2), year)
            elif draw < 0.86:
                size = (min(width, 60.0), 15.0)
                out.add(_WORKS, "slab", (x + width / 2, y), size, plot.whole(3, 5), year)
            else:
                for i in range(int(width // 20)):
                    out.add(_TANK, "round", (x + 10 + 20 * i, y), (15, 15), 1, year)
            x += width + 12


def _ensemble(pieces: tuple[_Piece, ...], first: int, last: int) -> Callable[[Plot, Placing], None]:
    """Pattern of a fixed set of buildings, built in a year between two."""

    def lay(plot: Plot, out: Placing) -> None:
        year = plot.whole(first, last)
        for kind, template, share, size, floors in pieces:
            out.add(kind, template, (share[0] * plot.lx, share[1] * plot.ly), size, floors, year)

    return lay


_CAMPUS = ("图书馆", "教学楼", "实验楼", "学院楼", "宿舍楼", "宿舍楼", "食堂", "行政楼")


def _university(plot: Plot, out: Placing) -> None:
    fixed = {"图书馆": "cross", "食堂": "rect", "宿舍楼": "comb"}
    for j, y in enumerate(plot.rows(46, 24)):
        for i, x in enumerate(plot.columns(68, 22)):
            part = _CAMPUS[(i + 3 * j) % len(_CAMPUS)]
            shape = fixed.get(part) or plot.pick("you", "ell", "court", "tee")
            out.add(Kind("教育", part, 3.6), shape, (x, y), (68, 46), plot.whole(4, 8), 2001 + j)


def _park(plot: Plot, out: Placing) -> None:
    for _ in range(4):
        x, y = plot.rng.uniform(-0.85, 0.85, 2) * (plot.lx, plot.ly)
        out.add(_PAVILION, "chamfer", (x, y), (11, 11), 1, 2006)


def _lake(plot: Plot, out: Placing) -> None:
    for x, y in ((-0.9, -0.88), (0.88, -0.86), (0.9, 0.9), (-0.86, 0.9)):
        out.add(_SERVICE, "ell", (plot.lx * x, plot.ly * y), (26, 18), 2, 2010)


def _farm(plot: Plot, out: Placing) -> None:
    """Hamlets among the fields, each an irregular cluster of farmhouses."""
    rng = plot.rng
    for _ in range(max(int(plot.lx * plot.ly / 8_300), 1)):
        cx, cy = rng.uniform(-0.75, 0.75, 2) * (plot.lx, plot.ly)
        reach = rng.uniform(45, 85)
        for y in np.arange(-reach, reach, 17.5):
            for x in np.arange(-reach, reach, 15.5):
                shape = "ell" if rng.random() < 0.2 else "rect"
                size = (12.5 - rng.uniform(0, 2), 11 - rng.uniform(0, 2))
                if np.hypot(x, y * 1.3) < reach and rng.random() < 0.8:
                    place = (cx + x, cy + y + rng.uniform(-1, 1))
                    out.add(_HOUSE, shape, place, size, plot.whole(1, 3), plot.whole(1985, 2017))


def _nothing(plot: Plot, out: Placing) -> None:
    """Kept free, or built by hand."""


PATTERNS: dict[str, Callable[[Plot, Placing], None]] = {
    "slab": _slab,
    "tower": _tower,
    "mixed": _mixed,
    "court": _court,
    "village": _village,
    "old_town": _old_town,
    "cbd": _cbd,
    "commerce": _commerce,
    "industry": _industry,
    "school": _ensemble(_SCHOOL, 1985, 2018),
    "university": _university,
    "hospital": _ensemble(_HOSPITAL, 1992, 2015),
    "civic": _ensemble(_CIVIC, 2012, 2015),
    "station": _ensemble(_STATION, 2011, 2013),
    "park": _park,
    "farm": _farm,
    "lake": _lake,
    "hero": _tower,
    "square": _nothing,
    "old_block": _nothing,
    "bank": _nothing,
    "wood": _nothing,
    "pocket": _nothing,
}
"""Use of a block → what lays it out."""
