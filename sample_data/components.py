"""50,000 管理部件 along the roads, at crossings, among the buildings and in the parks."""

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.city import City
from sample_data.district import ADMIN_CODE, SEED

__all__ = ["Components", "build_components", "code_table"]

COUNT = 50_000

# code, share, where (road: both kerbs; lane: on the carriageway; crossing; yard: among buildings;
# green), distance
# from the kerb (road: outwards, lane: inwards) in metres
_MIX: tuple[tuple[str, int, str, float], ...] = (
    ("01037", 6500, "road", 1.0),
    ("04002", 12500, "road", 1.8),
    ("01001", 2300, "lane", 3.5),
    ("01002", 2600, "lane", 5.0),
    ("01003", 2500, "lane", 1.6),
    ("01004", 3400, "lane", 0.3),
    ("01005", 900, "road", 2.6),
    ("01007", 1500, "road", 3.0),
    ("01011", 950, "lane", 6.5),
    ("01010", 380, "lane", 4.2),
    ("01006", 500, "road", 0.8),
    ("01013", 1100, "road", 2.2),
    ("01028", 260, "road", 3.4),
    ("01030", 420, "road", 3.2),
    ("01027", 330, "road", 3.6),
    ("01048", 190, "yard", 0.0),
    ("01060", 160, "road", 3.3),
    ("01050", 900, "crossing", 3.0),
    ("01077", 420, "crossing", 2.0),
    ("02014", 760, "crossing", 1.0),
    ("02010", 1100, "road", 1.2),
    ("02012", 520, "crossing", 4.0),
    ("02004", 240, "road", 2.4),
    ("02017", 700, "lane", 0.1),
    ("02025", 420, "road", 3.8),
    ("02021", 700, "road", 0.6),
    ("02034", 240, "crossing", 0.8),
    ("02044", 6, "ring", 1.0),
    ("03005", 1500, "road", 2.4),
    ("03008", 260, "yard", 0.0),
    ("03004", 90, "yard", 0.0),
    ("03001", 70, "green", 0.0),
    ("03002", 60, "green", 0.0),
    ("03010", 20, "green", 0.0),
    ("04003", 2300, "yard", 0.0),
    ("04007", 700, "green", 0.0),
    ("04005", 380, "road", 3.0),
    ("04006", 50, "green", 0.0),
    ("04008", 300, "green", 0.0),
    ("04001", 40, "green", 0.0),
    ("01018", 700, "yard", 0.0),
    ("01046", 260, "yard", 0.0),
    ("01075", 320, "yard", 0.0),
    ("01054", 460, "yard", 0.0),
    ("01039", 420, "green", 0.0),
    ("01059", 120, "yard", 0.0),
    ("02038", 500, "yard", 0.0),
    ("01069", 60, "bank", 0.0),
    ("01067", 40, "bank", 0.0),
    ("01070", 180, "bank", 0.0),
    ("01073", 40, "bank", 0.0),
    ("01072", 8, "bank", 0.0),
    ("01074", 120, "trunk", 2.0),
    ("01045", 120, "road", 3.4),
    ("02007", 4, "trunk", 0.0),
    ("01049", 60, "yard", 0.0),
)
_OWNERS = {
    "01001": ("区水务局", "云梦泽水务集团"),
    "01002": ("区水务局", "临江排水公司"),
    "01003": ("区水务局", "临江排水公司"),
    "01004": ("区水务局", "临江排水公司"),
    "01005": ("区供电公司", "云梦泽供电公司"),
    "01007": ("区通信发展办", "通信铁塔公司"),
    "01010": ("区住建局", "临江热力公司"),
    "01011": ("区住建局", "华云燃气公司"),
    "01013": ("区消防救援大队", "云梦泽水务集团"),
    "01028": ("区供电公司", "云梦泽供电公司"),
    "01048": ("区供电公司", "云梦泽供电公司"),
    "01050": ("区公安分局", "区公安分局"),
    "01049": ("区住建局", "华云燃气公司"),
}
_BY_MAJOR = {
    "01": ("区城管局", "区市政设施管理中心"),
    "02": ("区交警大队", "区交通设施管理中心"),
    "03": ("区城管局", "区环境卫生服务中心"),
    "04": ("区园林局", "区园林绿化服务中心"),
    "05": ("区城管局", "区房屋管理中心"),
}


@dataclass(frozen=True, slots=True)
class Components:
    """One entry per component; ``code`` is the 5-digit type, ``identifier`` the 17-digit 标识码; EPSG:4547."""

    identifier: NDArray[np.object_]
    code: NDArray[np.object_]
    name: NDArray[np.object_]
    department: NDArray[np.object_]
    owner: NDArray[np.object_]
    state: NDArray[np.object_]
    since: NDArray[np.object_]
    grid_code: NDArray[np.object_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def code_table(kind: str) -> dict[str, str]:
    """Code → name of the GB/T 47678.5-2026 table for ``管理部件`` or ``管理事项``."""
    text = files("twin.codes").joinpath("gbt47678_5_2026.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["code"]: row["name"] for row in rows if row["kind"] == kind}


def _along(
    city: City, where: str, count: int, out: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Evenly spaced points beside the kerbs (``road``) or on the carriageway (``lane``), clear of the crossings."""
    roads = city.roads
    use = ~roads.bridge
    if where == "ring":
        use &= roads.name == "环城路"
    if where == "trunk":
        use &= roads.grade == "arterial"
    lines, half = roads.geometry[use], roads.width[use] / 2
    length = np.maximum(shapely.length(lines) - 50.0, 1.0)
    total = np.concatenate([[0.0], np.cumsum(length)])
    at = (np.arange(count) + rng.uniform(0.3, 0.7, count)) * total[-1] / count
    piece = np.clip(np.searchsorted(total, at, side="right") - 1, 0, lines.size - 1)
    station = 25.0 + at - total[piece]
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines[piece], station))
    ahead = (
        shapely.get_coordinates(shapely.line_interpolate_point(lines[piece], station + 1.0)) - here
    )
    normal = np.column_stack([-ahead[:, 1], ahead[:, 0]]) / np.hypot(*ahead.T)[:, None]
    side = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    reach = half[piece] - out if where == "lane" else half[piece] + out
    return np.asarray(here + normal * (side * reach + rng.uniform(-0.2, 0.2, count))[:, None])


def _at_crossings(
    city: City, count: int, out: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points at the corners of crossings."""
    roads = city.roads
    ends = np.concatenate([roads.start, roads.end])
    degree = np.bincount(ends, minlength=len(roads.nodes))
    half = np.zeros(len(roads.nodes))
    np.maximum.at(half, ends, np.tile(roads.width, 2) / 2)
    nodes = np.flatnonzero(degree >= 3)
    pick = nodes[np.arange(count) % nodes.size]
    turn = (
        (np.arange(count) // nodes.size) * (np.pi / 2) + np.pi / 4 + rng.uniform(-0.12, 0.12, count)
    )
    reach = (half[pick] + out) * np.sqrt(2.0)
    return np.asarray(
        roads.nodes[pick] + np.column_stack([np.cos(turn), np.sin(turn)]) * reach[:, None]
    )


def _scattered(city: City, where: str, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random points in yards, parks or along the bank, not within buildings, roads or water."""
    if where == "yard":
        homes = np.isin(city.buildings.usage.astype(str), ["住宅", "教育", "医疗", "办公"])
        pick = rng.choice(np.flatnonzero(homes), 3 * count)
        box = shapely.bounds(city.buildings.geometry[pick])
        reach = np.hypot(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) / 2 + 2.0
        turn = rng.uniform(0, 2 * np.pi, pick.size)
        xy = (
            city.buildings.centres()[pick]
            + np.column_stack([np.cos(turn), np.sin(turn)]) * reach[:, None]
        )
    else:
        kinds = ("防护绿地",) if where == "bank" else ("公园绿地", "街旁绿地")
        area = shapely.union_all([g.geometry for g in city.green if g.kind in kinds])
        x0, y0, x1, y1 = area.bounds
        xy = rng.uniform((x0, y0), (x1, y1), (60 * count + 600, 2))
        xy = xy[shapely.contains_xy(area, xy[:, 0], xy[:, 1])]
    return np.asarray(xy, dtype=np.float64)


def _free(city: City, xy: NDArray[np.float64], surface: shapely.Geometry) -> NDArray[np.float64]:
    """Those points that lie in no building, on no road and in the district."""
    point = shapely.points(xy)
    hit = np.unique(
        shapely.STRtree(city.buildings.geometry).query(point, predicate="intersects")[0]
    )
    free = np.ones(len(xy), dtype=bool)
    free[hit] = False
    free &= ~shapely.contains_xy(surface, xy[:, 0], xy[:, 1])
    return xy[free & (city.admin.locate(xy[:, 0], xy[:, 1]) >= 0)]


def build_components(city: City) -> Components:
    """Place the mix; points of one code are numbered in placing order."""
    surface = city.pavement
    shapely.prepare(surface)
    parts: list[NDArray[np.float64]] = []
    codes: list[NDArray[np.object_]] = []
    shares = np.array([m[1] for m in _MIX])
    counts = np.floor(shares * COUNT / shares.sum()).astype(int)
    counts[1] += COUNT - counts.sum()
    for i, ((code, _, where, out), count) in enumerate(zip(_MIX, counts, strict=True)):
        rng = np.random.default_rng([SEED, 50, i])
        if where in ("road", "lane", "ring", "trunk"):
            xy = _along(city, where, int(count), out, rng)
        elif where == "crossing":
            xy = _at_crossings(city, int(count), out, rng)
        else:
            xy = _free(city, _scattered(city, where, int(count), rng), surface)[:count]
        parts.append(xy)
        codes.append(np.full(len(xy), code, dtype=object))
    return _columns(city, np.vstack(parts).round(3), np.concatenate(codes))


def _columns(city: City, xy: NDArray[np.float64], code: NDArray[np.object_]) -> Components:
    rng = np.random.default_rng([SEED, 51])
    inside = city.admin.locate(xy[:, 0], xy[:, 1])
    keep = inside >= 0
    xy, code, inside = xy[keep], code[keep], inside[keep]
    _, first, inverse = np.unique(code.astype(str), return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    serial = np.empty(code.size, dtype=np.int64)
    serial[order] = np.arange(code.size) - np.searchsorted(inverse[order], inverse[order])
    table = code_table("管理部件")
    unique = np.array([code[i] for i in first], dtype=object)
    bodies = [_OWNERS.get(c, _BY_MAJOR[c[:2]]) for c in unique]
    day = np.datetime64("2012-01-01") + rng.integers(0, 5200, code.size)
    return Components(
        identifier=np.array(
            [f"{ADMIN_CODE}{c}{s + 1:06d}" for c, s in zip(code, serial, strict=True)], dtype=object
        ),
        code=code,
        name=np.array([table[c] for c in unique], dtype=object)[inverse],
        department=np.array([b[0] for b in bodies], dtype=object)[inverse],
        owner=np.array([b[1] for b in bodies], dtype=object)[inverse],
        state=rng.choice(
            np.array(["完好", "破损", "丢失", "废弃"], dtype=object),
            code.size,
            p=[0.955, 0.032, 0.008, 0.005],
        ),
        since=day.astype(str).astype(object),
        grid_code=city.admin.grid_code[inside],
        x=xy[:, 0],
        y=xy[:, 1],
    )
