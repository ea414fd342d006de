"""About 1,500 points of interest, as a map company would deliver them: in GCJ-02."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sample_data.city import City, lonlat
from sample_data.district import SEED
from twin.crs import from_geographic

__all__ = ["Pois", "build_pois"]

COUNT = 1_500
_SHOPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "餐饮服务;中餐厅",
        ("江鲜馆", "家常菜馆", "热干面馆", "老火锅", "牛肉粉馆", "烧烤店", "小龙虾馆", "粥铺"),
    ),
    ("餐饮服务;饮品店", ("茶饮店", "咖啡馆", "甜品屋")),
    ("购物服务;便利店", ("便利店", "生活超市", "烟酒店", "水果店")),
    ("购物服务;专卖店", ("服饰店", "手机专营店", "家电商城", "文具店", "花店", "眼镜店")),
    ("医疗保健服务;药店", ("大药房", "诊所", "口腔门诊")),
    ("生活服务;美容美发", ("理发店", "美容院", "洗衣店", "照相馆", "快递驿站")),
    ("金融服务;银行", ("农商银行支行", "建设银行支行", "邮政储蓄所", "工商银行支行")),
    ("汽车服务;汽车维修", ("汽修厂", "洗车店", "轮胎店")),
    ("住宿服务;宾馆", ("快捷酒店", "商务宾馆", "公寓酒店")),
    ("科教文化服务;培训", ("书店", "培训中心", "琴行", "画室")),
)
_FRONT = (
    "老街",
    "江边",
    "巷口",
    "福满",
    "聚贤",
    "同心",
    "好又多",
    "汉味",
    "楚香",
    "晨光",
    "百姓",
    "喜来",
    "金满堂",
    "一品",
    "四季",
    "乐家",
    "康泰",
    "万家",
    "阿婆",
    "小城",
    "云边",
    "状元",
    "桥头",
    "顺意",
    "鸿运",
)
_LOTS = {
    "教育": "科教文化服务;学校",
    "医疗": "医疗保健服务;综合医院",
    "工业": "公司企业;工厂",
    "行政办公": "政府机构;政府机关",
    "文化": "科教文化服务;文化场馆",
    "交通": "交通设施服务;汽车站",
    "公园设施": "风景名胜;公园",
    "酒店": "住宿服务;星级酒店",
    "办公": "商务住宅;楼宇",
    "商业": "购物服务;商场",
    "住宅": "商务住宅;住宅小区",
}


@dataclass(frozen=True, slots=True)
class Pois:
    """One entry per point; ``lng``, ``lat`` in GCJ-02 degrees, ``easting``, ``northing`` the truth in EPSG:4547."""

    key: NDArray[np.object_]
    name: NDArray[np.object_]
    category: NDArray[np.object_]
    address: NDArray[np.object_]
    lng: NDArray[np.float64]
    lat: NDArray[np.float64]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]


def build_pois(city: City) -> Pois:
    """Named lots first, then shops in the shop houses and on village streets until the count is reached."""
    rng = np.random.default_rng([SEED, 80])
    lots, b = city.lots, city.buildings
    first = np.unique(b.lot, return_index=True)[1]
    named = np.flatnonzero(lots.compound != "")
    usage = b.usage[first][named]
    street, _ = city.place(lots.x, lots.y)
    where = street + lots.road + lots.number
    name = list(lots.compound[named])
    category = [_LOTS[u] for u in usage]
    address = list(where[named])
    xy = [np.column_stack([lots.x, lots.y])[named]]
    shops = np.flatnonzero((b.usage == "商业") & (lots.compound[b.lot] == ""))
    count = COUNT - named.size
    pick = np.sort(rng.choice(shops, min(count, shops.size), replace=False))
    front = rng.integers(0, len(_FRONT), pick.size)
    trade = rng.integers(0, len(_SHOPS), pick.size)
    for at, f, t in zip(pick, front, trade, strict=True):
        group, kinds = _SHOPS[t]
        kind = kinds[int(rng.integers(0, len(kinds)))]
        road = str(lots.road[b.lot[at]])
        name.append(f"{_FRONT[f]}{kind}（{road}店）" if f % 2 else f"{_FRONT[f]}{kind}")
        category.append(group)
        address.append(str(where[b.lot[at]]))
    xy.append(b.centres()[pick])
    place = np.vstack(xy)
    lng, lat, _ = from_geographic("GCJ-02", *lonlat(place[:, 0], place[:, 1]))
    key = np.array([f"POI{i + 1:06d}" for i in range(len(place))], dtype=object)
    return Pois(
        key,
        np.array(name, dtype=object),
        np.array(category, dtype=object),
        np.array(address, dtype=object),
        np.round(lng, 8),
        np.round(lat, 8),
        place[:, 0],
        place[:, 1],
    )
