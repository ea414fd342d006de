"""Made-up streets in real counties: a gazetteer of any size with the traps of a real one, seeded."""

import random

import pyarrow as pa

from address.divisions import path_of
from address.grammar import display_of
from address.lexicon import towns_of
from twin.schema import ADDRESS_NODES

COUNTIES = ["330102", "330106", "320106", "320505", "420111", "510107", "370202", "210102",
            "130102", "610113", "440106", "350203", "310110", "500112"]  # fmt: skip
STEMS = [
    "长虹",
    "凤起",
    "梧桐",
    "望江",
    "临湖",
    "青石",
    "古井",
    "槐荫",
    "丹霞",
    "沧浪",
    "鹤鸣",
    "麓山",
    "晓塘",
    "芦花",
    "碧水",
    "紫藤",
    "松涛",
    "云栖",
    "白鹭",
    "金沙",
    "玉泉",
    "石塔",
    "雨花",
    "柳浦",
    "虹桥",
    "星海",
    "桃源",
    "兰亭",
    "竹园",
    "枫林",
    "春晖",
    "秋实",
    "文昌",
    "崇文",
    "尚德",
    "仁和",
    "永定",
    "安康",
    "建业",
    "兴业",
    "振华",
    "光华",
    "新民",
    "民主",
    "和平",
    "友谊",
    "团结",
    "胜利",
    "解放",
    "人民",
    "中山",
    "延安",
    "南京",
    "北京",
    "青年",
    "学府",
    "科技",
    "创新",
    "工业",
    "纺织",
    "钢铁",
    "造船",
    "机场",
    "车站",
    "码头",
    "滨河",
    "沿江",
    "环湖",
    "山前",
    "岭南",
    "塘头",
    "桥西",
    "东方红",
    "五四",
    "八一",
    "七一",
    "三里河",
    "双清",
    "九华",
    "百步亭",
    "万寿",
    "千佛山",
    "小营",
    "大观园",
    "天目山",
    "黄河",
    "长江",
    "珠江",
]
TAILS = [
    "路",
    "路",
    "路",
    "街",
    "大道",
    "东路",
    "西路",
    "南路",
    "北路",
    "中路",
    "巷",
    "支路",
    "大街",
]
HOUSES = [
    "阳光花园",
    "锦绣家园",
    "翡翠城",
    "御景湾",
    "紫荆苑",
    "汇景新城",
    "梧桐公馆",
    "金色港湾",
    "世纪名都",
    "香榭丽舍",
    "保利国际",
    "绿地中心",
    "万科魅力城",
    "碧桂园",
    "春江花月",
    "云顶山庄",
    "观澜府",
    "水岸名邸",
    "凤凰新村",
    "和谐小区",
    "银杏苑",
    "丽景华庭",
    "书香门第",
    "东方名城",
    "天鹅湖畔",
    "枫丹白露",
    "中央公园",
    "江南小镇",
    "龙湖天街",
    "星河湾",
]
TOWERS = ["国际大厦", "商务中心", "财富广场", "创业大厦", "科技大厦", "环球中心", "金融广场"]
VILLAGES = ["石桥村", "红星村", "前进村", "柳林村", "杨家村", "大湾村", "龙泉村", "新民村"]
HAMLETS = ["张家宅", "东李家宅", "王家湾", "赵家屯", "陈家浜", "上塘", "下塘"]


class City:
    """Rows of a tree, made parent by parent."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str | None, str, str]] = {}

    def put(self, parent: str | None, level: str, name: str) -> str:
        full = (parent or "") + name
        self.rows.setdefault(full, (parent, level, name))
        return full

    def rooms(self, rng: random.Random, parent: str, floors: int, each: int) -> None:
        for floor in range(1, floors + 1):
            own = rng.random() < 0.7
            up = self.put(parent, "floor", f"{floor}层") if own else parent
            for room in range(1, each + 1):
                self.put(up, "room", f"{floor}{room:02d}室")

    def estate(self, rng: random.Random, door: str, big: bool) -> None:
        kind = rng.random()
        above = door
        if kind < 0.6:
            above = self.put(door, "compound", rng.choice(STEMS) + rng.choice(HOUSES))
            if rng.random() < 0.15:
                above = self.put(above, "phase", rng.choice(["一期", "二期", "东区", "西区"]))
        word = rng.choice(["号楼", "栋", "幢"])
        for number in range(1, rng.randint(2, 6 if big else 3)):
            building = self.put(above, "building", f"{number}{word}")
            for unit in range(1, rng.randint(2, 4)) if rng.random() < 0.7 else (0,):
                at = self.put(building, "unit", f"{unit}单元") if unit else building
                self.rooms(rng, at, rng.randint(2, 5), 2)

    def tower(self, rng: random.Random, door: str) -> None:
        above = door
        if rng.random() < 0.6:
            above = self.put(door, "compound", rng.choice(STEMS) + rng.choice(TOWERS))
        for letter in "AB"[: rng.randint(1, 2)]:
            building = self.put(above, "building", display_of("building", letter))
            for floor in (1, 2):
                under = self.put(building, "floor", f"地下{floor}层")
                if rng.random() < 0.5:
                    self.put(under, "room", f"B{floor}01室")
            self.rooms(rng, building, rng.randint(3, 8), 2)


def doors(city: City, rng: random.Random, road: str, big: bool) -> None:
    """Doors of a road: plain, lanes with buildings, estates, towers, sub-numbers, 甲 numbers."""
    for _ in range(rng.randint(3, 10 if big else 5)):
        number = rng.randint(1, 1500)
        kind = rng.random()
        if kind < 0.3:
            city.put(road, "number", f"{number}号")
        elif kind < 0.5:
            lane = city.put(road, "number", f"{number}弄")
            for house in range(1, rng.randint(2, 6)):
                building = city.put(lane, "building", f"{house}号")
                city.rooms(rng, building, rng.randint(2, 4), 2)
        elif kind < 0.75:
            city.estate(rng, city.put(road, "number", f"{number}号"), big)
        elif kind < 0.88:
            city.tower(rng, city.put(road, "number", f"{number}号"))
        elif kind < 0.94:
            city.put(road, "number", f"{number}号之{rng.randint(1, 9)}")
        else:
            city.put(road, "number", f"{rng.choice('甲乙丙')}{number}号")


def city_nodes(counties: int = 4, towns: int = 4, roads: int = 6, seed: int = 1) -> pa.Table:
    """A tree in the first so many counties, with so many towns each and so many roads a town.

    Examples
    --------
    >>> len(city_nodes(1, 1, 1)) > 5
    True
    """
    rng = random.Random(seed)
    city = City()
    for code in COUNTIES[:counties]:
        province, mid, county = path_of(code)
        top = city.put(None, "province", province)
        if mid != province:
            top = city.put(top, "city", mid)
        home = city.put(top, "county", county)
        for town in rng.sample(towns_of()[code], min(towns, len(towns_of()[code]))):
            street = city.put(home, "street", town.name)
            for _ in range(roads):
                name = rng.choice(STEMS) + rng.choice(TAILS)
                doors(city, rng, city.put(street, "road", name), counties > 4)
            for village in rng.sample(VILLAGES, 1):
                at = city.put(street, "community", village)
                city.put(at, "number", f"{rng.randint(1, 60)}号")
                city.put(at, "group", f"{rng.randint(1, 9)}组")
                for hamlet in rng.sample(HAMLETS, 2):
                    inner = city.put(at, "village", hamlet)
                    for number in rng.sample(range(1, 60), 4):
                        city.put(inner, "number", f"{number}号")
    ids = sorted(city.rows)
    told = {
        "node_id": ids,
        "parent_id": [city.rows[i][0] for i in ids],
        "level": [city.rows[i][1] for i in ids],
        "name": [city.rows[i][2] for i in ids],
        "full": ids,
        "status": ["active"] * len(ids),
    }
    return pa.table(
        {f.name: pa.array(told.get(f.name, [None] * len(ids)), f.type) for f in ADDRESS_NODES}
    )
