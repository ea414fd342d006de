"""Names the district is made of; every list is consumed in a seeded order, so that no name comes twice."""

import numpy as np

from sample_data.district import SEED

__all__ = [
    "COMMUNITIES",
    "LANES",
    "STREETS",
    "SURNAMES",
    "VILLAGES",
    "companies",
    "compounds",
    "schools",
]

STREETS = ("滨江街道", "古城街道", "明湖街道", "望山街道", "工业园街道", "北湖街道")
COMMUNITIES = (
    "花园社区",
    "文庙社区",
    "金桥社区",
    "江畔社区",
    "书院社区",
    "柳湾社区",
    "荷塘社区",
    "松林社区",
    "锦绣社区",
    "望月社区",
    "明珠社区",
    "长虹社区",
    "新民社区",
    "安居社区",
    "幸福社区",
    "建设社区",
    "国贸社区",
    "楚才社区",
    "莲花社区",
    "翠湖社区",
    "北湖社区",
    "西园社区",
    "东风社区",
    "和平社区",
    "解放社区",
    "朝阳社区",
    "桃源社区",
    "红旗社区",
    "团结社区",
    "胜利社区",
    "光明社区",
    "春晓社区",
    "云溪社区",
    "青山社区",
    "银河社区",
    "凤凰社区",
    "龙泉社区",
    "梅苑社区",
    "紫荆社区",
    "石桥社区",
)
VILLAGES = (
    "柳湾村",
    "石桥村",
    "杨家湾",
    "李家墩",
    "黄泥塘村",
    "松树岭村",
    "何家嘴",
    "周家大湾",
    "白鹭洲村",
    "东升村",
    "荷叶塘村",
    "陈家台",
    "张家畈",
    "彭家墩",
    "金鸡村",
    "菱角湖村",
    "枫树湾",
    "王家嘴",
    "曾家台",
    "鲁家湾",
    "七里庙村",
    "红星村",
    "前进村",
    "三岔口村",
    "汪家墩",
    "范家湾",
    "蔡家嘴",
    "余家台",
    "郑家畈",
    "万家村",
)
LANES = (
    "状元巷",
    "文庙巷",
    "铁匠巷",
    "油坊巷",
    "盐仓巷",
    "学宫巷",
    "衙前巷",
    "米市巷",
    "豆腐巷",
    "水井巷",
    "观音巷",
    "武圣巷",
    "绣花巷",
    "竹器巷",
)
SURNAMES = tuple("王李张刘陈杨黄赵周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕")
_FIRST = (
    "滨江",
    "翠湖",
    "云溪",
    "锦绣",
    "江南",
    "金色",
    "阳光",
    "书香",
    "碧水",
    "紫薇",
    "丽景",
    "盛世",
    "东方",
    "长江",
    "明珠",
    "银杏",
    "香樟",
    "桂花",
    "玉兰",
    "望江",
    "凤凰",
    "名流",
    "世纪",
    "星河",
    "天悦",
    "观澜",
    "御景",
    "和谐",
    "安康",
    "新华",
    "红旗",
    "建设",
)
_LAST = ("花园", "家园", "苑", "小区", "新村", "雅居", "华府", "名城", "公馆", "里", "豪庭", "嘉园")
_TRADES = (
    "机电",
    "纺织",
    "食品",
    "医药",
    "汽车部件",
    "光电",
    "包装",
    "建材",
    "精密机械",
    "化工",
    "电缆",
    "新材料",
    "物流",
    "轴承",
)


def _shuffled(items: list[str], stream: int) -> list[str]:
    return [items[i] for i in np.random.default_rng([SEED, 20, stream]).permutation(len(items))]


def compounds() -> list[str]:
    """Residential compounds, 384 different names; 临江花园 is kept out."""
    return _shuffled([a + b for a in _FIRST for b in _LAST], 1)


def schools() -> list[str]:
    """Schools, in a seeded order."""
    base = ["临江", "滨江", "花园", "明湖", "楚才", "锦绣", "文昌", "古城", "望山", "长虹"]
    return _shuffled([b + k for b in base for k in ("小学", "中学", "实验学校")], 2)


def companies() -> list[str]:
    """Firms of the industrial area."""
    return _shuffled(
        [
            a + b + "有限公司"
            for a in ("华云", "江泽", "楚天", "鄂中", "临江", "泰丰")
            for b in _TRADES
        ],
        3,
    )
