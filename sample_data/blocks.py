"""How each kind of block is built up: rows, towers, courts, lanes, halls.

A pattern lays out buildings in the block's own frame (x along its rows, y across, origin in the middle) within ±lx, ±ly;
what does not fit into the real plot is dropped afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.district import SEED
from sample_data.land import Blocks
from sample_data.shapes import Placing, outlines

__all__ = ["place_buildings"]

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class _Plot:
    """Half sizes of the block in its own frame and its random source."""

    lx: float
    ly: float
    rng: Rng
    u: float
    v: float


def _rows(
    plot: _Plot,
    out: Placing,
    *,
    floors: tuple[int, int],
    depth: float,
    pitch: float,
    length: tuple[float, float],
    year: int,
    south: float = -1.0,
    north: float = 1.0,
    use: str = "住宅",
    template: str = "slab",
) -> None:
    """Parallel slabs facing south, with a path between and a garden left free in the middle."""
    rng = plot.rng
    y = south * plot.ly + depth / 2 + 2
    span = rng.uniform(*length)
    while y < north * plot.ly - depth / 2:
        x = -plot.lx + 3 + rng.uniform(0, 8)
        while x + span < plot.lx:
            garden = abs(x + span / 2) < 45 and abs(y) < 34
            if not garden:
                out.add(
                    template,
                    x + span / 2,
                    y,
                    span,
                    depth,
                    floors=int(rng.integers(floors[0], floors[1] + 1)),
                    storey=2.9,
                    use=use,
                    part="楼",
                    year=year,
                )
            x += span + (9 if floors[1] < 9 else 16)
        y += pitch


def _slab(plot: _Plot, out: Placing) -> None:
    new = plot.rng.random() < 0.4
    year = int(plot.rng.integers(2003, 2016) if new else plot.rng.integers(1984, 2003))
    if new:
        _rows(plot, out, floors=(9, 11), depth=13.5, pitch=43, length=(42, 56), year=year)
    else:
        _rows(plot, out, floors=(5, 7), depth=11.5, pitch=27.5, length=(44, 62), year=year)


def _tower(plot: _Plot, out: Placing) -> None:
    rng = plot.rng
    year = int(rng.integers(2008, 2025))
    shape = str(rng.choice(["cross", "wings", "slab", "chamfer"]))
    width, depth = (42.0, 15.0) if shape == "slab" else (33.0, 25.0)
    pitch_x, pitch_y = width + 22, depth + 38
    top = int(rng.integers(22, 33))
    for j, y in enumerate(np.arange(-plot.ly + depth / 2 + 3, plot.ly - depth / 2, pitch_y)):
        for x in np.arange(
            -plot.lx + width / 2 + 4 + (pitch_x / 2) * (j % 2), plot.lx - width / 2, pitch_x
        ):
            out.add(
                shape,
                x,
                y,
                width,
                depth,
                floors=top - 2 * int(rng.integers(0, 4)),
                storey=2.9,
                use="住宅",
                part="楼",
                year=year,
            )
    for x in np.arange(-plot.lx + 20, plot.lx - 20, 120):
        out.add(
            "rect",
            x,
            -plot.ly + pitch_y / 2 + depth / 2 + 14,
            18,
            9,
            floors=1,
            storey=4.2,
            use="配套设施",
            part="配套用房",
            year=year,
        )


def _mixed(plot: _Plot, out: Placing) -> None:
    year = int(plot.rng.integers(2006, 2022))
    _rows(plot, out, floors=(6, 8), depth=12.5, pitch=29, length=(40, 52), year=year, north=0.15)
    _rows(
        plot,
        out,
        floors=(18, 28),
        depth=16,
        pitch=52,
        length=(34, 44),
        year=year,
        south=0.22,
        template="wings",
    )


def _court(plot: _Plot, out: Placing) -> None:
    """Perimeter houses: closed, three-sided and two-sided courts."""
    rng = plot.rng
    year = int(rng.integers(1956, 1992))
    for y in np.arange(-plot.ly + 30, plot.ly - 24, 66):
        for x in np.arange(-plot.lx + 32, plot.lx - 28, 70):
            shape = str(rng.choice(["court", "you", "ell", "court", "you"]))
            turn = float(rng.integers(0, 4)) * np.pi / 2
            out.add(
                shape,
                x,
                y,
                54,
                54,
                floors=int(rng.integers(4, 8)),
                storey=3.1,
                use="住宅",
                part="楼",
                year=year,
                angle=turn if shape != "court" else 0.0,
            )


def _lanes(
    plot: _Plot,
    out: Placing,
    *,
    house: tuple[float, float],
    lane: float,
    use: str,
    floors: tuple[int, int],
    years: tuple[int, int],
    keep: float,
) -> None:
    """Dense detached houses, two rows back to back between lanes."""
    rng = plot.rng
    w, d = house
    ys = np.arange(-plot.ly + d / 2 + 1, plot.ly - d / 2, d + lane)
    xs = np.arange(-plot.lx + w / 2 + 1, plot.lx - w / 2, w + 2.2)
    x, y = np.meshgrid(xs, ys)
    x = x + (np.arange(ys.size)[:, None] % 3) * 2.0 + 3.0 * ((xs // 62) % 2)
    take = rng.random(x.shape) < keep
    for px, py in zip(x[take], y[take], strict=True):
        out.add(
            "ell" if rng.random() < 0.12 else "rect",
            px + rng.uniform(-0.4, 0.4),
            py + rng.uniform(-0.7, 0.7),
            w - rng.uniform(0.3, 2.6),
            d - rng.uniform(0.4, 3.0),
            floors=int(rng.integers(floors[0], floors[1] + 1)),
            storey=3.2,
            use=use,
            part="户",
            year=int(rng.integers(*years)),
        )


def _village(plot: _Plot, out: Placing) -> None:
    _lanes(
        plot,
        out,
        house=(12.5, 13.0),
        lane=3.4,
        use="住宅",
        floors=(2, 6),
        years=(1988, 2016),
        keep=0.92,
    )


def _old_town(plot: _Plot, out: Placing) -> None:
    _lanes(
        plot,
        out,
        house=(15.5, 12.5),
        lane=3.6,
        use="住宅",
        floors=(1, 3),
        years=(1930, 1985),
        keep=0.86,
    )


def _cbd(plot: _Plot, out: Placing) -> None:
    rng = plot.rng
    core = np.exp(-(((plot.v - 2913) / 520) ** 2))
    for y in np.arange(-plot.ly + 28, plot.ly - 24, 74):
        for x in np.arange(-plot.lx + 27, plot.lx - 23, 62):
            kind = rng.random()
            year = int(rng.integers(2004, 2025))
            if kind < 0.62:
                shape = str(rng.choice(["rect", "chamfer", "cross", "round", "wings", "chamfer"]))
                side = rng.uniform(32, 42)
                top = int(rng.integers(14, 26) + core * rng.integers(8, 34))
                out.add(
                    shape,
                    x,
                    y,
                    side,
                    side * rng.uniform(0.85, 1.1),
                    floors=top,
                    storey=3.9,
                    use="办公",
                    part="大厦",
                    year=year,
                )
            elif kind < 0.86:
                out.add(
                    str(rng.choice(["ell", "you", "step", "court"])),
                    x,
                    y,
                    52,
                    46,
                    floors=int(rng.integers(3, 7)),
                    storey=5.0,
                    use="商业",
                    part="广场",
                    year=year,
                )
            else:
                out.add(
                    "wings",
                    x,
                    y,
                    40,
                    30,
                    floors=int(rng.integers(16, 30)),
                    storey=3.3,
                    use="酒店",
                    part="酒店",
                    year=year,
                )


def _commerce(plot: _Plot, out: Placing) -> None:
    rng = plot.rng
    year = int(rng.integers(1998, 2022))
    for y in np.arange(-plot.ly + 38, plot.ly - 30, 84):
        for x in np.arange(-plot.lx + 52, plot.lx - 46, 106):
            shape = str(rng.choice(["step", "court", "ell", "rect", "chamfer"]))
            out.add(
                shape,
                x,
                y,
                92,
                66,
                floors=int(rng.integers(3, 7)),
                storey=5.2,
                use="商业",
                part="商城",
                year=year,
            )


def _industry(plot: _Plot, out: Placing) -> None:
    rng = plot.rng
    year = int(rng.integers(1996, 2021))
    y = -plot.ly + 26
    while y < plot.ly - 20:
        depth = rng.uniform(30, 52)
        x = -plot.lx + 6
        while x < plot.lx - 40:
            width = rng.uniform(48, 118)
            draw = rng.random()
            if draw < 0.72:
                out.add(
                    "rect",
                    x + width / 2,
                    y,
                    width,
                    depth,
                    floors=int(rng.integers(1, 3)),
                    storey=rng.uniform(7, 9.5),
                    use="工业",
                    part="厂房",
                    year=year,
                )
            elif draw < 0.86:
                out.add(
                    "slab",
                    x + width / 2,
                    y,
                    min(width, 60),
                    15,
                    floors=int(rng.integers(3, 6)),
                    storey=3.6,
                    use="工业",
                    part="综合楼",
                    year=year,
                )
            else:
                for i in range(int(width // 20)):
                    out.add(
                        "round",
                        x + 10 + 20 * i,
                        y,
                        15,
                        15,
                        floors=1,
                        storey=12.0,
                        use="工业",
                        part="储罐",
                        year=year,
                    )
            x += width + 12
        y += 66


def _school(plot: _Plot, out: Placing) -> None:
    """Teaching buildings in the east half, the sports ground in the west half (left free)."""
    rng = plot.rng
    year = int(rng.integers(1985, 2019))
    east = plot.lx * 0.42
    out.add(
        "comb",
        east,
        plot.ly * 0.42,
        74,
        48,
        floors=5,
        storey=3.6,
        use="教育",
        part="教学楼",
        year=year,
    )
    out.add(
        "you",
        east,
        -plot.ly * 0.12,
        62,
        40,
        floors=4,
        storey=3.6,
        use="教育",
        part="实验楼",
        year=year,
    )
    out.add(
        "rect",
        east - 14,
        -plot.ly * 0.62,
        44,
        30,
        floors=2,
        storey=6.0,
        use="教育",
        part="体育馆",
        year=year,
    )
    out.add(
        "slab",
        east + 34,
        -plot.ly * 0.62,
        36,
        14,
        floors=6,
        storey=3.3,
        use="教育",
        part="宿舍楼",
        year=year,
    )
    out.add(
        "rect",
        -plot.lx * 0.45,
        plot.ly * 0.78,
        50,
        14,
        floors=3,
        storey=3.6,
        use="教育",
        part="行政楼",
        year=year,
    )


def _university(plot: _Plot, out: Placing) -> None:
    rng = plot.rng
    parts = ["图书馆", "教学楼", "实验楼", "学院楼", "宿舍楼", "宿舍楼", "食堂", "行政楼"]
    for j, y in enumerate(np.arange(-plot.ly + 32, plot.ly - 26, 70)):
        for i, x in enumerate(np.arange(-plot.lx + 44, plot.lx - 36, 90)):
            part = parts[(i + 3 * j) % len(parts)]
            shape = {"图书馆": "cross", "食堂": "rect", "宿舍楼": "comb"}.get(
                part, str(rng.choice(["you", "ell", "court", "tee"]))
            )
            out.add(
                shape,
                x,
                y,
                68,
                46,
                floors=int(rng.integers(4, 9)),
                storey=3.6,
                use="教育",
                part=part,
                year=2001 + j,
            )


def _hospital(plot: _Plot, out: Placing) -> None:
    year = int(plot.rng.integers(1992, 2016))
    out.add(
        "court",
        -plot.lx * 0.4,
        -plot.ly * 0.45,
        72,
        50,
        floors=5,
        storey=4.0,
        use="医疗",
        part="门诊楼",
        year=year,
    )
    out.add(
        "tee",
        plot.lx * 0.3,
        plot.ly * 0.1,
        78,
        44,
        floors=17,
        storey=3.8,
        use="医疗",
        part="住院楼",
        year=year,
    )
    out.add(
        "wings",
        -plot.lx * 0.4,
        plot.ly * 0.5,
        60,
        34,
        floors=8,
        storey=3.8,
        use="医疗",
        part="医技楼",
        year=year,
    )
    out.add(
        "rect",
        plot.lx * 0.45,
        -plot.ly * 0.6,
        40,
        18,
        floors=3,
        storey=4.0,
        use="医疗",
        part="急诊楼",
        year=year,
    )
    out.add(
        "slab",
        plot.lx * 0.3,
        plot.ly * 0.75,
        56,
        14,
        floors=6,
        storey=3.2,
        use="医疗",
        part="后勤楼",
        year=year,
    )


def _civic(plot: _Plot, out: Placing) -> None:
    out.add(
        "cross",
        -plot.lx * 0.35,
        plot.ly * 0.45,
        90,
        44,
        floors=9,
        storey=4.0,
        use="行政办公",
        part="区政务中心",
        year=2012,
    )
    out.add(
        "arc",
        -plot.lx * 0.4,
        -plot.ly * 0.35,
        88,
        52,
        floors=3,
        storey=6.0,
        use="文化",
        part="文化艺术中心",
        year=2014,
    )
    out.add(
        "round",
        plot.lx * 0.2,
        -plot.ly * 0.5,
        58,
        58,
        floors=4,
        storey=5.5,
        use="文化",
        part="区图书馆",
        year=2015,
    )
    out.add(
        "wings",
        plot.lx * 0.3,
        plot.ly * 0.55,
        62,
        36,
        floors=14,
        storey=3.9,
        use="行政办公",
        part="公共服务大楼",
        year=2013,
    )
    out.add(
        "rect",
        plot.lx * 0.72,
        -plot.ly * 0.55,
        40,
        26,
        floors=10,
        storey=3.8,
        use="办公",
        part="城市运行管理中心",
        year=2019,
    )


def _station(plot: _Plot, out: Placing) -> None:
    out.add(
        "rect",
        0,
        0,
        min(190, plot.lx * 1.5),
        46,
        floors=3,
        storey=7.0,
        use="交通",
        part="客运站房",
        year=2011,
    )
    out.add(
        "rect",
        -plot.lx * 0.5,
        plot.ly * 0.55,
        70,
        24,
        floors=5,
        storey=3.8,
        use="交通",
        part="调度楼",
        year=2011,
    )
    out.add(
        "step",
        plot.lx * 0.5,
        plot.ly * 0.55,
        80,
        40,
        floors=4,
        storey=5.0,
        use="商业",
        part="换乘商业",
        year=2013,
    )


def _park(plot: _Plot, out: Placing) -> None:
    for _ in range(4):
        x, y = plot.rng.uniform(-0.85, 0.85, 2) * (plot.lx, plot.ly)
        out.add(
            "chamfer", x, y, 11, 11, floors=1, storey=5.0, use="公园设施", part="亭榭", year=2006
        )


def _farm(plot: _Plot, out: Placing) -> None:
    """Hamlets along the field roads, each an irregular cluster of farmhouses."""
    rng = plot.rng
    for _ in range(max(int(plot.lx * plot.ly / 10_500), 1)):
        cx, cy = rng.uniform(-0.75, 0.75, 2) * (plot.lx, plot.ly)
        reach = rng.uniform(45, 85)
        for y in np.arange(-reach, reach, 17.5):
            for x in np.arange(-reach, reach, 15.5):
                if np.hypot(x, y * 1.3) < reach and rng.random() < 0.8:
                    out.add(
                        "ell" if rng.random() < 0.2 else "rect",
                        cx + x,
                        cy + y + rng.uniform(-1, 1),
                        12.5 - rng.uniform(0, 2),
                        11 - rng.uniform(0, 2),
                        floors=int(rng.integers(1, 4)),
                        storey=3.2,
                        use="住宅",
                        part="户",
                        year=int(rng.integers(1985, 2018)),
                    )


def _lake(plot: _Plot, out: Placing) -> None:
    for x, y in ((-0.9, -0.88), (0.88, -0.86), (0.9, 0.9), (-0.86, 0.9)):
        out.add(
            "ell",
            plot.lx * x,
            plot.ly * y,
            26,
            18,
            floors=2,
            storey=4.2,
            use="公园设施",
            part="游客服务站",
            year=2010,
        )


def _nothing(plot: _Plot, out: Placing) -> None:
    """Kept free, or built by hand."""


_PATTERNS: dict[str, Callable[[_Plot, Placing], None]] = {
    "slab": _slab, "tower": _tower, "mixed": _mixed, "court": _court, "village": _village, "old_town": _old_town,
    "cbd": _cbd, "commerce": _commerce, "industry": _industry, "school": _school, "university": _university,
    "hospital": _hospital, "civic": _civic, "station": _station, "park": _park, "farm": _farm, "lake": _lake,
    "hero": _tower, "square": _nothing, "old_block": _nothing, "bank": _nothing, "wood": _nothing, "pocket": _nothing,
}  # fmt: skip
_SHOPS = {"slab", "court", "mixed", "old_town", "village"}


def _frontage(plot: shapely.Polygon, rng: Rng, block: int, out: Placing) -> None:
    """Two-storey shop houses along the longer edges of a plot, set 2 m back."""
    ring = shapely.get_coordinates(plot.simplify(6.0).exterior)
    year = int(rng.integers(1990, 2012))
    for a, b in zip(ring[:-1], ring[1:], strict=True):
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
                out.add(
                    "rect",
                    c[0],
                    c[1],
                    width,
                    9.0,
                    floors=int(rng.integers(1, 4)),
                    storey=3.8,
                    use="商业",
                    part="商铺",
                    year=year,
                    angle=float(np.arctan2(along[1], along[0])),
                    block=block,
                )
            at += width + 3.0


def place_buildings(blocks: Blocks) -> tuple[Placing, NDArray[np.object_]]:
    """Lay out every block.

    Returns
    -------
    Placing
        In columns; ``block`` filled in.
    ndarray of Polygon
        Outlines, EPSG:4547, each within its plot; they may still overlap one another where patterns meet.
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
            for name in Placing.__slots__:
                column = getattr(part, name)
                getattr(everything, name).extend(column[i] for i in keep)
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
    _PATTERNS[zone](
        _Plot(lx, ly, rng, float(blocks.u[index]), float(blocks.v[index]) - 3_370_000.0), local
    )
    place = np.column_stack([local.x, local.y]).reshape(-1, 2) + shift
    local.x = list(origin[0] + place[:, 0] * cos - place[:, 1] * sin)
    local.y = list(origin[1] + place[:, 0] * sin + place[:, 1] * cos)
    local.angle = [a + angle for a in local.angle]
    local.block = [index] * len(local.x)
    return local
