"""3,000 cases of the last quarter, located the way people say it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_data.city import City
from sample_data.components import Components, code_table
from sample_data.district import SEED
from sample_data.pois import Pois
from sample_data.sensors import HISTORY_END

__all__ = ["STAGES", "UNITS", "Cases", "build_cases"]

COUNT = 3_000
STAGES = ("上报", "受理", "立案", "派遣", "处置", "反馈", "核查", "结案", "作废")
_STAGE_SHARE = (0.012, 0.01, 0.012, 0.018, 0.05, 0.02, 0.018, 0.835, 0.025)
_SOURCES = ("监督员上报", "12345热线", "公众举报", "视频智能识别", "物联感知", "领导交办")
_SOURCE_SHARE = (0.52, 0.2, 0.12, 0.1, 0.04, 0.02)
# code, share, text, unit in charge
_MATTERS: tuple[tuple[str, int, str, str], ...] = (
    ("06010", 14, "路边有暴露垃圾未清理", "区环境卫生服务中心"),
    ("06011", 7, "堆了一堆建筑垃圾，好几天没人拉走", "区环境卫生服务中心"),
    ("06013", 8, "路面破损，有坑，电动车容易摔", "区市政设施管理中心"),
    ("06012", 7, "道路不洁，有泥水", "区环境卫生服务中心"),
    ("07001", 9, "墙上贴满小广告", "区城管执法大队"),
    ("09009", 12, "机动车乱停放，堵住路口", "区交警大队"),
    ("09010", 8, "非机动车乱停放占用盲道", "区城管执法大队"),
    ("09011", 6, "共享单车堆积", "区城管执法大队"),
    ("09005", 7, "店外经营，桌椅摆到人行道上", "区城管执法大队"),
    ("09001", 6, "流动商贩占道", "区城管执法大队"),
    ("06028", 5, "夜间噪声扰民", "区生态环境分局"),
    ("06027", 3, "油烟直排，味道很大", "区生态环境分局"),
    ("08004", 4, "工地扬尘，没有洒水", "区住建局"),
    ("08002", 3, "施工占道，没有围挡", "区住建局"),
    ("06036", 6, "楼道口乱堆杂物", "街道综合执法中心"),
    ("06001", 4, "楼顶私搭乱建", "区城管执法大队"),
    ("06042", 6, "垃圾箱满溢", "区环境卫生服务中心"),
    ("06025", 3, "水面有漂浮物", "区水务局"),
    ("06040", 4, "私装地锁占车位", "街道综合执法中心"),
    ("09012", 4, "消防通道被占用", "区消防救援大队"),
    ("06050", 3, "路缘石缺损", "区市政设施管理中心"),
    ("06051", 3, "盲道砖缺损", "区市政设施管理中心"),
    ("10002", 2, "线缆脱落垂到路上", "区通信发展办"),
    ("06007", 3, "沿街晾晒衣物", "街道综合执法中心"),
)
UNITS: tuple[dict[str, str], ...] = (
    *({"code": code, "area": "", "unit": unit} for code, _, _, unit in _MATTERS),
    {"code": "", "area": "", "unit": "区城管局"},
)
"""Responsible units by type, as `PUT /case-units` takes them."""
_PARTS_TEXT = {
    "01": "井盖松动、缺失或设施损坏",
    "02": "交通设施损坏",
    "03": "环卫设施损坏",
    "04": "树木或绿化设施损坏",
    "05": "设施异常",
}


@dataclass(frozen=True, slots=True)
class Cases:
    """One entry per case; times are local ISO text, ``closed`` None while open; ``x``, ``y`` EPSG:4547 or NaN.

    ``truth_x``, ``truth_y`` is where it really happened, for measuring how well addresses anchor.
    """

    key: NDArray[np.object_]
    kind: NDArray[np.object_]
    code: NDArray[np.object_]
    title: NDArray[np.object_]
    description: NDArray[np.object_]
    address: NDArray[np.object_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    truth_x: NDArray[np.float64]
    truth_y: NDArray[np.float64]
    reported: NDArray[np.object_]
    closed: NDArray[np.object_]
    stage: NDArray[np.object_]
    source: NDArray[np.object_]
    unit: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a caller knows about a place."""

    road: str
    number: str
    compound: str
    building: str
    street: str
    community: str
    poi: str
    draw: NDArray[np.float64]


_TYPOS = {
    "临江": "林江",
    "锦绣": "锦秀",
    "解放": "解方",
    "长虹": "长红",
    "云梦": "云蒙",
    "文昌": "文昌",
    "幸福": "辛福",
    "花园": "花圆",
    "古城": "古成",
}


def _typo(text: str) -> str:
    for right, wrong in _TYPOS.items():
        if right in text:
            return text.replace(right, wrong, 1)
    return text


def _digits(text: str) -> str:
    return text.translate(str.maketrans("0123456789", "０１２３４５６７８９"))


def _numeral(text: str) -> str:
    return (
        text.translate(str.maketrans("123456789", "一二三四五六七八九"))
        if len(text) == 3 and text[0] != "0"
        else text
    )


def _flat(p: _Place) -> str:
    """A unit and a room somebody might name."""
    return f"{1 + int(p.draw[3] * 2)}单元{1 + int(p.draw[4] * 6)}0{1 + int(p.draw[5] * 2)}"


_WAYS: tuple[Callable[[_Place], str], ...] = (
    lambda p: f"{p.road}{p.number}",
    lambda p: f"{p.road}{p.number}旁边",
    lambda p: f"{p.street}{p.road}{p.number}门口",
    lambda p: f"临江示范区{p.street}{p.community}{p.road}{p.number}{p.compound}{p.building}",
    lambda p: f"{p.compound}{p.building}" if p.compound else f"{p.road}{p.number}附近",
    lambda p: (
        f"{p.compound}{p.building}{_flat(p)}"
        if p.building.endswith("号楼")
        else f"{p.road}{p.number}对面"
    ),
    lambda p: (
        f"{p.compound}{p.building.removesuffix('号楼')}栋"
        if p.building.endswith("号楼")
        else f"{p.compound or p.road}附近"
    ),
    lambda p: f"{p.poi}门前",
    lambda p: f"{p.road}（{p.poi}旁）",
    lambda p: f"{p.community}{p.compound or p.road}{p.building}",
    lambda p: _typo(f"{p.road}{p.number}{p.compound}"),
    lambda p: _digits(f"{p.road}{p.number}"),
    lambda p: (
        f"{p.compound}{_numeral(p.building)}"
        if p.building.endswith("号楼")
        else f"{p.road} {p.number} 路边"
    ),
    lambda p: (
        f"湖北省云梦泽市临江示范区 {p.road}{p.number.removesuffix('号')}-{1 + int(p.draw[3] * 3)}号"
        if p.number
        else p.community
    ),
    lambda p: f"{p.road}与{p.compound or p.community}交汇处",
)
_WAY_SHARE = np.array([14, 8, 8, 10, 12, 9, 7, 6, 4, 6, 4, 4, 3, 3, 2], dtype=float)


def build_cases(city: City, parts: Components, pois: Pois) -> Cases:
    """Cases in the order of their report."""
    rng = np.random.default_rng([SEED, 90])
    is_part = rng.random(COUNT) < 0.22
    share = np.array([m[1] for m in _MATTERS], dtype=float)
    matter = rng.choice(len(_MATTERS), COUNT, p=share / share.sum())
    part = rng.choice(parts.code.size, COUNT)
    building = rng.choice(city.buildings.code.size, COUNT, p=_where_people_are(city))
    at = np.where(
        is_part[:, None],
        np.column_stack([parts.x, parts.y])[part],
        city.buildings.centres()[building] + rng.normal(0, 9, (COUNT, 2)),
    )
    at = at.clip((505_002, 3_370_002), (510_998, 3_375_998))
    near = _nearest_building(city, at[is_part])
    building[is_part] = near
    table, names = code_table("管理事项"), code_table("管理部件")
    code = np.where(
        is_part, parts.code[part], np.array([m[0] for m in _MATTERS], dtype=object)[matter]
    )
    title = np.array(
        [names[c] + "损坏" if p else table[c] for c, p in zip(code, is_part, strict=True)],
        dtype=object,
    )
    text = np.array(
        [
            _PARTS_TEXT[c[:2]] if p else _MATTERS[m][2]
            for c, p, m in zip(code, is_part, matter, strict=True)
        ],
        dtype=object,
    )
    unit = np.where(
        is_part, parts.owner[part], np.array([m[3] for m in _MATTERS], dtype=object)[matter]
    )
    address = _addresses(city, building, at, pois, rng)
    stage, reported, closed, stamp = _times(rng)
    given = rng.random(COUNT) < 0.6
    key = np.array(
        [f"AJ{d[2:10].replace('-', '')}{i + 1:05d}" for i, d in enumerate(stamp)], dtype=object
    )
    description = np.array(
        [f"{a}，{t}，请尽快处理。" for a, t in zip(address, text, strict=True)], dtype=object
    )
    return Cases(
        key,
        np.where(is_part, "管理部件", "管理事项").astype(object),
        code,
        title,
        description,
        address,
        np.where(given, np.round(at[:, 0], 2), np.nan),
        np.where(given, np.round(at[:, 1], 2), np.nan),
        at[:, 0],
        at[:, 1],
        reported,
        closed,
        stage,
        rng.choice(np.array(_SOURCES, dtype=object), COUNT, p=_SOURCE_SHARE),
        unit,
    )


def _where_people_are(city: City) -> NDArray[np.float64]:
    """Chance of each building to see a case: floors, more in the old quarters."""
    weight = np.sqrt(city.buildings.floors.astype(float)) * np.where(
        city.buildings.year < 1990, 1.8, 1.0
    )
    return np.asarray(weight / weight.sum())


def _nearest_building(city: City, at: NDArray[np.float64]) -> NDArray[np.int64]:
    import shapely

    return np.asarray(
        shapely.STRtree(city.buildings.geometry).query_nearest(
            shapely.points(at), all_matches=False
        )[1]
    )


def _addresses(
    city: City,
    building: NDArray[np.int64],
    at: NDArray[np.float64],
    pois: Pois,
    rng: np.random.Generator,
) -> NDArray[np.object_]:
    import shapely

    lots, b = city.lots, city.buildings
    street, community = city.place(at[:, 0], at[:, 1])
    spots = np.asarray(shapely.points(pois.easting, pois.northing))
    poi = shapely.STRtree(spots).query_nearest(shapely.points(at), all_matches=False)[1]
    way = rng.choice(len(_WAYS), COUNT, p=_WAY_SHARE / _WAY_SHARE.sum())
    draw = rng.random((COUNT, 6))
    out = np.empty(COUNT, dtype=object)
    for i, (k, w) in enumerate(zip(building, way, strict=True)):
        lot = b.lot[k]
        number = lots.number[lot] or (b.label[k] if lots.kind[lot] == "lane" else "")
        label = "" if lots.kind[lot] == "lane" else b.label[k]
        place = _Place(
            lots.road[lot] or lots.compound[lot],
            number,
            lots.compound[lot] if lots.road[lot] else "",
            label,
            street[i],
            community[i],
            pois.name[poi[i]],
            draw[i],
        )
        if not lots.road[lot]:
            place = _Place(
                lots.compound[lot],
                b.label[k],
                "",
                "",
                street[i],
                community[i],
                pois.name[poi[i]],
                draw[i],
            )
        out[i] = _WAYS[w](place)
    return out


def _times(
    rng: np.random.Generator,
) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.object_], list[str]]:
    """Stage, report and closing times over 90 days; open cases are among the latest."""
    minutes = np.sort(rng.integers(0, 90 * 1440, COUNT))
    hour = np.array([7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 19, 21])[rng.integers(0, 12, COUNT)]
    start = HISTORY_END - np.timedelta64(90, "D")
    report = np.sort(
        start
        + (minutes // 1440).astype("timedelta64[D]")
        + (hour * 60 + minutes % 60).astype("timedelta64[m]")
    )
    stage = rng.choice(np.array(STAGES, dtype=object), COUNT, p=_STAGE_SHARE)
    old = np.arange(COUNT) < COUNT * 0.85
    stage[old & ~np.isin(stage.astype(str), ["结案", "作废"])] = "结案"
    close = report + (np.exp(rng.normal(5.6, 0.9, COUNT)) + 20).astype("timedelta64[m]")
    done = np.isin(stage.astype(str), ["结案", "作废"])
    late = done & (close > HISTORY_END)
    stage[late], done[late] = "处置", False
    iso = report.astype("datetime64[s]").astype(str)
    ended = close.astype("datetime64[s]").astype(str).tolist()
    closed = np.full(COUNT, None, dtype=object)
    closed[done] = [f"{moment}+08:00" for moment, d in zip(ended, done, strict=True) if d]
    reported = np.array([f"{moment}+08:00" for moment in iso.tolist()], dtype=object)
    return stage.astype(object), reported, closed, [str(moment) for moment in iso.tolist()]
