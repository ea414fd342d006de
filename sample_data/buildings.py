"""The building layer: outlines with codes, names, heights, and the lots that carry house numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data import names
from sample_data.blocks import place_buildings
from sample_data.cityjson_block import footprints
from sample_data.district import ADMIN_CODE, CITYJSON_BLOCK, OFFICE, SEED, TOWER, Site
from sample_data.land import Blocks
from sample_data.layout import Roads
from sample_data.shapes import Kind, Placing

__all__ = ["Buildings", "Lots", "build_buildings", "build_lots"]

Strings = NDArray[np.object_]
ROOF = 1.75
"""Plinth and parapet of the two modelled buildings, metres."""


@dataclass(frozen=True, slots=True)
class Buildings:
    """One entry per building; ``lot`` indexes :class:`Lots`; ``height`` metres above ground, geometry EPSG:4547.

    ``label`` is the building within its lot (5号楼, 12号, empty where the lot is the building).
    """

    code: Strings
    name: Strings
    label: Strings
    height: NDArray[np.float64]
    floors: NDArray[np.int32]
    usage: Strings
    year: NDArray[np.int32]
    lot: NDArray[np.int64]
    block: NDArray[np.int64]
    template: Strings
    angle: NDArray[np.float64]
    geometry: Strings

    def take(self, index: NDArray[np.int64]) -> "Buildings":
        """The buildings of ``index``, in that order."""
        return Buildings(*(getattr(self, name)[index] for name in self.__slots__))

    def centres(self) -> NDArray[np.float64]:
        """Centroids, shape (n, 2)."""
        return np.asarray(shapely.get_coordinates(shapely.centroid(self.geometry)))


@dataclass(frozen=True, slots=True)
class Lots:
    """Properties with an address: compounds, villages, single buildings.

    ``road`` + ``number`` (empty for villages), ``compound`` (empty for single buildings), entrance
    ``x``, ``y``.
    """

    compound: Strings
    kind: Strings
    road: Strings
    number: Strings
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    block: NDArray[np.int64]


_ALONE = {"商铺", "大厦", "广场", "酒店", "商城", "亭榭", "游客服务站", "换乘商业"}


def _clear(geometry: Strings, keep_out: shapely.Geometry) -> NDArray[np.bool_]:
    """True for outlines that touch no earlier outline (1 m clearance) and none of ``keep_out``."""
    shapely.prepare(keep_out)
    ok = ~shapely.intersects(keep_out, geometry)
    first, second = shapely.STRtree(geometry).query(
        shapely.buffer(geometry, 0.5, quad_segs=1), predicate="intersects"
    )
    for i, j in sorted(zip(*(np.sort([first, second], axis=0)[:, first < second]), strict=True)):
        if ok[i]:
            ok[j] = False
    return np.asarray(ok)


def _add_site(placing: Placing, site: Site, block: int, kind: Kind, year: int) -> shapely.Polygon:
    """A building with a detailed model, exactly where the model stands."""
    ring = site.corners()
    x, y = ring[:4].mean(axis=0)
    angle = float(np.deg2rad(site.rotation))
    size = (site.width, site.depth)
    placing.add(kind, "rect", (x, y), size, site.floors, year, angle=angle, block=block)
    return shapely.Polygon(np.round(ring, 4))


def build_buildings(blocks: Blocks) -> tuple[Buildings, list[dict[str, Any]]]:
    """All buildings of the district with their lots still open (``lot`` = −1), heroes first.

    Returns
    -------
    Buildings
    list of dict
        The footprints of the CityJSON block, which are entries 2 … of the buildings.
    """
    placing = Placing()
    hero, civic, old = (
        int(np.flatnonzero(blocks.zone == zone)[0]) for zone in ("hero", "civic", "old_block")
    )
    flat, office = Kind("住宅", "楼", TOWER.floor_height), Kind("办公", "大厦", OFFICE.floor_height)
    shapes = [
        _add_site(placing, TOWER, hero, flat, 2016),
        _add_site(placing, OFFICE, civic, office, 2018),
    ]
    block = footprints()
    for plan in block:
        x, y = np.mean(plan["ring"][:-1], axis=0)
        kind = Kind(plan["usage"], "旧", 3.0)
        placing.add(kind, "rect", (x, y), (40, 12), plan["floors"], plan["year_built"], block=old)
        shapes.append(shapely.Polygon(plan["ring"], plan["holes"]))
    field, outlines = place_buildings(blocks)
    placing.extend(field, np.arange(len(field.x)))
    geometry = np.array([*shapes, *outlines], dtype=object)
    heroes = [shapely.Polygon(s.corners()).buffer(9.0) for s in (TOWER, OFFICE)]
    keep_out = shapely.union_all([*heroes, shapely.box(*CITYJSON_BLOCK).buffer(4.0)])
    fixed = len(shapes)
    free = fixed + np.flatnonzero(_clear(geometry[fixed:], keep_out))
    return _columns(placing, geometry, np.concatenate([np.arange(fixed), free]), block), block


def _columns(
    placing: Placing, geometry: Strings, keep: NDArray[np.int64], block: list[dict[str, Any]]
) -> Buildings:
    rng = np.random.default_rng([SEED, 30])
    floors = np.array(placing.floors, dtype=np.int32)[keep]
    storey = np.array(placing.storey)[keep]
    height = np.round(floors * storey + rng.uniform(0.4, 1.8, keep.size), 1)
    height[:2] = np.round(floors[:2] * storey[:2] + ROOF, 2)
    height[2 : 2 + len(block)] = [plan["height_m"] for plan in block]
    serial = np.array([f"{ADMIN_CODE}{i + 1:06d}" for i in range(keep.size)], dtype=object)
    serial[:2] = f"{ADMIN_CODE}LJ0005", f"{ADMIN_CODE}LJ0001"
    serial[2 : 2 + len(block)] = [plan["code"] for plan in block]
    name = np.array(placing.part, dtype=object)[keep]
    name[2 : 2 + len(block)] = [plan["name"] for plan in block]
    return Buildings(
        code=serial,
        name=name,
        label=name.copy(),
        height=height,
        floors=floors,
        usage=np.array(placing.use, dtype=object)[keep],
        year=np.array(placing.year, dtype=np.int32)[keep],
        lot=np.full(keep.size, -1),
        block=np.array(placing.block)[keep],
        template=np.array(placing.template, dtype=object)[keep],
        angle=np.array(placing.angle)[keep],
        geometry=geometry[keep],
    )


def build_lots(buildings: Buildings, blocks: Blocks, roads: Roads) -> tuple[Buildings, Lots]:
    """Group the buildings into lots, number the lots along the roads and name everything."""
    part = buildings.label
    alone = np.isin(part.astype(str), list(_ALONE))
    centre = shapely.get_coordinates(shapely.centroid(buildings.geometry))
    group = np.where(alone, blocks.face.size + np.arange(part.size), buildings.block)
    first = np.unique(group, return_index=True)[1]
    lot_of = np.unique(group, return_inverse=True)[1]
    lots = _open_lots(buildings, blocks, first, alone[first], centre)
    lots = _number(lots, roads)
    label = _labels(buildings, blocks, lot_of, centre, alone)
    names_of = lots.compound[lot_of]
    name = np.array([c + t for c, t in zip(names_of, label, strict=True)], dtype=object)
    single = alone & (names_of == "")
    name[single] = [
        r + n + p
        for r, n, p in zip(
            lots.road[lot_of][single], lots.number[lot_of][single], part[single], strict=True
        )
    ]
    lane = lots.kind[lot_of] == "lane"
    name[lane] = lots.road[lot_of][lane] + label[lane]
    old = np.flatnonzero(blocks.zone[buildings.block] == "old_block")
    name[old] = buildings.name[old]
    done = Buildings(
        buildings.code,
        name,
        label,
        buildings.height,
        buildings.floors,
        buildings.usage,
        buildings.year,
        lot_of,
        buildings.block,
        buildings.template,
        buildings.angle,
        buildings.geometry,
    )
    return done, lots


def _open_lots(
    buildings: Buildings,
    blocks: Blocks,
    first: NDArray[np.int64],
    alone: NDArray[np.bool_],
    centre: NDArray[np.float64],
) -> Lots:
    """Names and entrances; house numbers are still empty."""
    rng = np.random.default_rng([SEED, 31])
    pools = {
        "residence": iter(names.compounds()),
        "village": iter(names.VILLAGES),
        "lane": iter(names.LANES),
        "school": iter(names.schools()),
        "firm": iter(names.companies()),
    }
    fixed = {
        "hero": "临江花园",
        "old_block": "江畔里",
        "civic": "区政务中心",
        "station": "临江客运站",
        "lake": "明月湖公园",
        "square": "市民广场",
    }
    hospitals, colleges = (
        iter(("临江示范区人民医院", "古城中医院", "明湖妇幼保健院")),
        iter(("云梦职业学院东区", "云梦职业学院西区")),
    )
    compound, kind, road, number, x, y = [], [], [], [], [], []
    for at, single in zip(first, alone, strict=True):
        zone = str(blocks.zone[buildings.block[at]])
        tag, title = "compound", ""
        if single:
            tag, title = "single", _single_name(str(buildings.label[at]), rng)
            title = "临江国际中心" if at == 1 else title
        elif zone in fixed:
            title = fixed[zone]
        elif zone in ("village", "farm"):
            tag, title = "village", next(pools["village"])
        elif zone == "old_town":
            tag = "lane"
        elif zone == "hospital":
            title = next(hospitals)
        elif zone == "university":
            title = next(colleges)
        else:
            title = next(pools[{"school": "school", "industry": "firm"}.get(zone, "residence")])
        compound.append(title)
        kind.append(tag)
        road.append(next(pools["lane"]) if tag == "lane" else "")
        number.append("")
        point = centre[at] if single else _entrance(blocks.plot[buildings.block[at]], zone, rng)
        x.append(float(point[0]))
        y.append(float(point[1]))
    titles, tags, ways, numbers = (
        np.array(column, dtype=object) for column in (compound, kind, road, number)
    )
    return Lots(titles, tags, ways, numbers, np.array(x), np.array(y), buildings.block[first])


_TOWER_NAMES = ("中心", "大厦", "国际", "金融大厦", "商务中心", "科技大厦")


def _single_name(part: str, rng: np.random.Generator) -> str:
    """Name of a building that stands alone; shops have none."""
    if part == "商铺":
        return ""
    first = str(
        rng.choice(
            [
                "云泽",
                "楚天",
                "长江",
                "荆楚",
                "江汉",
                "新世界",
                "中和",
                "泰合",
                "天元",
                "恒泰",
                "万松",
                "银泰",
                "瑞丰",
                "九州",
            ]
        )
    )
    second = str(rng.choice(list("鑫盛源华通达宏远安泰嘉"))) + str(
        rng.choice(list("广信和诚润腾顺利昌隆"))
    )
    return first + second + (str(rng.choice(_TOWER_NAMES)) if part == "大厦" else part)


def _entrance(plot: shapely.Polygon, zone: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gate of a compound: the middle of one side of its plot; the southern one for the hero compound."""
    x0, y0, x1, y1 = plot.bounds
    side = 0 if zone == "hero" else int(rng.integers(0, 4))
    aim = [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)][side]
    edge = plot.exterior
    return np.array(edge.interpolate(edge.project(shapely.Point(aim))).coords[0])


def _number(lots: Lots, roads: Roads) -> Lots:
    """House numbers: odd on the north and west side, even on the other, rising away from the road's start."""
    usable = np.flatnonzero(~roads.bridge & (roads.grade != "expressway"))
    lines = roads.geometry[usable]
    points = np.asarray(shapely.points(lots.x, lots.y))
    numbered = np.flatnonzero(lots.kind != "village")
    numbered = numbered[lots.kind[numbered] != "lane"]
    nearest = shapely.STRtree(lines).query_nearest(points[numbered], all_matches=False)[1]
    foot = shapely.get_coordinates(
        shapely.line_interpolate_point(
            lines[nearest], shapely.line_locate_point(lines[nearest], points[numbered])
        )
    )
    name, ew = roads.name[usable][nearest], roads.heading[usable][nearest] == "ew"
    px, py = lots.x[numbered], lots.y[numbered]
    odd = np.where(ew, py > foot[:, 1], px < foot[:, 0])
    along = np.where(ew, np.abs(foot[:, 0] - 507_000.0), foot[:, 1] - 3_370_000.0)
    road, number = lots.road.copy(), lots.number.copy()
    road[numbered] = name
    for title in np.unique(name.astype(str)):
        for side in (True, False):
            at = np.flatnonzero((name == title) & (odd == side))
            at = at[np.argsort(along[at], kind="stable")]
            pinned = np.flatnonzero(lots.compound[numbered[at]] == "临江花园")
            spacing = 22.0 if pinned.size == 0 else _pinned_spacing(along[at], int(pinned[0]))
            rank = _ranks(along[at], spacing)
            number[numbered[at]] = [f"{2 * r + (1 if side else 2)}号" for r in rank]
    return Lots(lots.compound, lots.kind, road, number, lots.x, lots.y, lots.block)


def _ranks(along: NDArray[np.float64], spacing: float) -> NDArray[np.int64]:
    """Rising ranks, at least one apart, near distance / spacing."""
    base = (
        np.floor((along - along.min()) / spacing).astype(np.int64)
        if along.size
        else np.zeros(0, dtype=np.int64)
    )
    steps = np.arange(along.size)
    return np.asarray(np.maximum.accumulate(base - steps) + steps)


def _pinned_spacing(along: NDArray[np.float64], at: int) -> float:
    """Spacing that gives the hero compound number 35 (rank 17) on 临江大道."""
    for spacing in np.arange(20.0, 120.0, 0.25):
        if _ranks(along, float(spacing))[at] == 17:
            return float(spacing)
    return 40.0


_OWN = {"school", "industry", "university", "hospital", "civic", "station"}


def _labels(
    buildings: Buildings,
    blocks: Blocks,
    lot_of: NDArray[np.int64],
    centre: NDArray[np.float64],
    alone: NDArray[np.bool_],
) -> Strings:
    """Building labels within each lot: 5号楼 counted row by row from the south, 12号 in villages and lanes."""
    label = buildings.label.copy()
    label[alone] = ""
    angle = blocks.angle[buildings.block]
    across = -centre[:, 0] * np.sin(angle) + centre[:, 1] * np.cos(angle)
    along = centre[:, 0] * np.cos(angle) + centre[:, 1] * np.sin(angle)
    order = np.lexsort((along, np.round(across / 14.0), lot_of))
    order = order[~alone[order]]
    starts = np.flatnonzero(np.diff(lot_of[order], prepend=-1))
    for begin, end in zip(starts, [*starts[1:], order.size], strict=True):
        members = order[begin:end]
        zone = str(blocks.zone[buildings.block[members[0]]])
        _label_lot(label, members, zone)
    return label


def _label_lot(label: Strings, members: NDArray[np.int64], zone: str) -> None:
    if zone in ("village", "farm", "old_town"):
        label[members] = [f"{i + 1}号" for i in range(members.size)]
    elif zone == "old_block":
        label[members] = [f"{m - 1}号楼" for m in members]
    elif zone in _OWN:
        seen: dict[str, int] = {}
        for m in members:
            part = str(label[m])
            seen[part] = seen.get(part, 0) + 1
            label[m] = part if seen[part] == 1 else f"{seen[part]}号{part}"
    else:
        others = members[members != 0]
        free = [i for i in range(1, others.size + 2) if not (zone == "hero" and i == 5)]
        label[others] = [f"{n}号楼" for n in free[: others.size]]
        label[members[members == 0]] = "5号楼"
