"""Standard addresses of a city that does not exist, any number of them, in Arrow batches.

``python tests/bench/address/town.py 1000000 FILE.parquet`` writes a table; the same seed and count
give the same bytes. Nothing is taken from a real gazetteer.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from twin.schema import ADDRESSES

SCHEMA = ADDRESSES.append(pa.field("lon", pa.float64())).append(pa.field("lat", pa.float64()))

_STEM = (
    "春夏秋冬梅兰竹菊松柏桃李杏荷莲桂枫杨柳榆槐桐梧樟楠江河湖海溪泉渊潭湾洲岭峰岗坡谷原林森田园"
    "云霞虹霓雪霜露雨风雷星月日晨曦晓晴岚烟金银铜铁玉珠翠碧青蓝紫丹朱赤彩锦绣华荣昌盛兴隆泰康宁"
    "安和平顺祥瑞福禄寿喜德仁义礼智信诚忠孝勤俭文武艺书画琴棋诗词歌赋学思明辉光耀朗清静雅秀丽美"
    "嘉佳良善贤达通远志宏伟建设创新开拓进取团结友爱民生富强复振飞腾跃鸿鹏凤凰龙麟鹤鹿骏马牛羊"
)
_ROAD = ("路", "路", "路", "街", "大道", "巷", "东路", "西路", "南路", "北路", "一路", "二路")
_ESTATE = ("花园", "小区", "家园", "新村", "名苑", "华庭", "公寓", "雅苑", "国际城", "新城")
_TOWN = ("街道", "街道", "镇")
_PER_ROAD = 60  # doors
_BATCH = 200_000

Ints = npt.NDArray[np.int64]


class Town:
    """The frame: counties, towns, roads with their doors, estates at some of the doors."""

    def __init__(self, seed: int, addresses: int) -> None:
        self.seed = seed
        draw = np.random.default_rng(seed)
        roads = max(40, addresses // 500)
        counties = max(2, min(14, roads // 300))
        self.county = _names(draw, counties, 2, ("区", "区", "县"))
        self.town_county = np.repeat(np.arange(counties), 12)
        self.town = _names(draw, counties * 12, 2, _TOWN)
        self.community = _names(draw, counties * 12 * 6, 2, ("社区", "社区", "村"))
        self.road = _names(draw, roads, 2, _ROAD, distinct=False)
        self.road_town = draw.integers(0, len(self.town), roads)
        centre = draw.uniform([113.6, 30.2], [114.8, 31.0], (len(self.town), 2))
        self.origin = centre[self.road_town] + draw.normal(0, 0.02, (roads, 2))
        angle = draw.uniform(0, 2 * np.pi, roads)
        self.heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.estate = _names(draw, max(50, addresses // 900), 3, _ESTATE, distinct=False)

    def place(
        self, road: Ints, number: Ints, across: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Degrees of a door: 12 m of road a number, odd and even on two sides."""
        along = (number * 12.0 / 111_000)[:, None] * self.heading[road]
        side = np.where(number % 2 == 0, 1.0, -1.0) * (0.0002 + across)
        normal = np.stack([-self.heading[road][:, 1], self.heading[road][:, 0]], axis=1)
        return self.origin[road] + along + side[:, None] * normal


def _names(
    draw: np.random.Generator, count: int, size: int, tails: tuple[str, ...], distinct: bool = True
) -> npt.NDArray[np.str_]:
    stems = np.array(list(_STEM))
    picked = stems[draw.integers(0, len(stems), (count * 2, size))]
    ends = np.array(tails)[draw.integers(0, len(tails), count * 2)]
    names = ["".join(row) + end for row, end in zip(picked.tolist(), ends.tolist(), strict=True)]
    if distinct:
        names = list(dict.fromkeys(names))
    return np.array(names[:count])


def batches(addresses: int, seed: int = 7) -> Iterator[pa.RecordBatch]:
    """The addresses, in batches of some 200,000.

    Parameters
    ----------
    addresses : int
        Rows in all.
    seed : int

    Yields
    ------
    pyarrow.RecordBatch
        `SCHEMA`: the columns of ``twin.schema.ADDRESSES`` and ``lon``, ``lat`` in degrees.
    """
    town = Town(seed, addresses)
    draw = np.random.default_rng([seed, 1])
    written = 0
    while written < addresses:
        columns = _estates(town, draw, 220)
        count = min(len(columns["road"]), addresses - written)
        yield _batch(town, {k: v[:count] for k, v in columns.items()}, written)
        written += count


def _estates(town: Town, draw: np.random.Generator, count: int) -> dict[str, Ints]:
    """Rooms of some estates and lanes, and doors without any, as numbers."""
    road = draw.integers(0, len(town.road), count)
    number = draw.integers(1, _PER_ROAD * 4, count)
    kind = draw.choice(4, count, p=[0.2, 0.15, 0.45, 0.2])  # estate, lane, doors, village
    buildings = np.where(kind >= 2, 0, draw.integers(1, 31, count))
    at = np.repeat(np.arange(count), buildings)
    building = _counted(buildings)
    units = np.where(kind[at] == 1, 1, draw.integers(1, 5, len(at)))  # a lane has no units
    floors = draw.integers(3, 29, len(at))
    wide = draw.integers(2, 5, len(at))
    rooms = units * floors * wide
    inner = np.repeat(np.arange(len(at)), rooms)
    nth = _counted(rooms) - 1
    per_unit = (floors * wide)[inner]
    unit, rest = nth // per_unit + 1, nth % per_unit
    floor, room = rest // wide[inner] + 1, rest % wide[inner] + 1
    estate = at[inner]
    plain = np.flatnonzero(kind >= 2)
    doors = draw.integers(20, 120, len(plain))
    bare = np.repeat(plain, doors)
    zero = np.zeros(len(bare), np.int64)
    joined = np.concatenate([estate, bare])
    order = np.arange(len(joined))
    return {
        "road": road[joined],
        "number": np.concatenate([number[estate], number[bare] + 2 * (_counted(doors) - 1)]),
        "kind": kind[joined],
        "estate": ((road * 7 + number) % len(town.estate))[joined],
        "community": (town.road_town[road] * 6 + number % 6)[joined],
        "building": np.concatenate([building[inner], zero]),
        "unit": np.concatenate([unit, zero]),
        "floor": np.concatenate([floor, zero]),
        "room": np.concatenate([floor * 100 + room, zero]),
        "order": order,
    }


def _counted(sizes: Ints) -> Ints:
    """1 up to n for each n, one after the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes) + 1


def _batch(town: Town, at: dict[str, Ints], begun: int) -> pa.RecordBatch:
    count = len(at["road"])
    towns = town.road_town[at["road"]]
    inside = at["building"] > 0
    estate, lane, village = at["kind"] == 0, at["kind"] == 1, at["kind"] == 3
    place = town.place(at["road"], at["number"], 0.0001 * at["building"])
    numbers = _numbered(at["number"], "号")
    numbers = np.where(lane, _numbered(at["number"], "弄"), numbers)
    columns = {
        "row": pa.array(np.arange(begun, begun + count)),
        "key": pa.array([f"A{n:08d}" for n in range(begun, begun + count)]),
        "province": pa.array(["湖北省"]).take(pa.array(np.zeros(count, np.int64))),
        "city": pa.array(["云梦泽市"]).take(pa.array(np.zeros(count, np.int64))),
        "county": pa.array(town.county).take(pa.array(town.town_county[towns])),
        "street": pa.array(town.town).take(pa.array(towns)),
        "community": pa.array(town.community).take(pa.array(at["community"])),
        "road": pa.array(town.road).take(pa.array(at["road"], mask=village)),
        "number": pa.array(numbers),
        "compound": pa.array(town.estate).take(pa.array(at["estate"], mask=~estate)),
        "building": _texts(at["building"], np.where(lane, "号", "号楼"), inside),
        "unit": _texts(at["unit"], np.array("单元"), inside & ~lane),
        "floor": _texts(at["floor"], np.array("层"), inside),
        "room": _texts(at["room"], np.array("室"), inside),
        "z": pa.array(20.0 + 3.0 * at["floor"], mask=~inside),
        "building_key": pa.array(np.char.add("B", (at["estate"] * 100 + at["building"]).astype(str)), mask=~inside),
        "status": pa.array(["active"]).take(pa.array(np.zeros(count, np.int64))),
        "lon": pa.array(place[:, 0]),
        "lat": pa.array(place[:, 1]),
    }  # fmt: skip
    return pa.record_batch(
        [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in SCHEMA],
        schema=SCHEMA,
    )  # fmt: skip


def _numbered(values: Ints, tail: str) -> npt.NDArray[np.str_]:
    words = np.array([f"{n}{tail}" for n in range(int(values.max(initial=0)) + 1)])
    return np.asarray(words[values])


def _texts(values: Ints, tails: npt.NDArray[np.str_], keep: npt.NDArray[np.bool_]) -> pa.Array:
    words = np.array([str(n) for n in range(int(values.max(initial=0)) + 1)])
    return pa.array(np.char.add(words[values], tails), mask=~keep)


def main() -> None:
    """Write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("addresses", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    told = parser.parse_args()
    with pq.ParquetWriter(told.file, SCHEMA) as sink:
        for batch in batches(told.addresses, told.seed):
            sink.write_batch(batch)


if __name__ == "__main__":
    main()
