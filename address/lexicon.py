"""Names that can stand in an address, and where in a text they stand."""

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Generic, TypeVar

from address.normalise import fold, read_table

__all__ = [
    "Division",
    "Names",
    "divisions",
    "former_divisions",
    "former_seats",
    "national_names",
    "short_admin",
    "towns_of",
]

T = TypeVar("T")

PROVINCE_LETTERS = dict(
    zip(
        "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川蜀贵黔云滇藏陕秦甘陇青宁新",
        [
            "11",
            "12",
            "13",
            "14",
            "15",
            "21",
            "22",
            "23",
            "31",
            "32",
            "33",
            "34",
            "35",
            "36",
            "37",
            "41",
            "42",
            "43",
            "44",
            "45",
            "46",
            "50",
            "51",
            "51",
            "52",
            "52",
            "53",
            "53",
            "54",
            "61",
            "61",
            "62",
            "62",
            "63",
            "64",
            "65",
        ],
        strict=True,
    )
)
CITY_LETTERS = {
    "深": "440300", "穗": "440100", "莞": "441900", "佛": "440600", "蓉": "510100",
    "杭": "330100", "甬": "330200", "温": "330300", "宁": "320100", "锡": "320200",
    "苏": "320500", "厦": "350200", "榕": "350100", "青": "370200", "济": "370100",
    "郑": "410100", "汉": "420100", "长": "430100", "邕": "450100", "昆": "530100",
    "筑": "520100", "沈": "210100", "连": "210200", "哈": "230100", "石": "130100",
}  # fmt: skip
"""One-character names of cities; read only behind the letter of their province."""
_SHORT_FORMS = {
    "内蒙古自治区": ("内蒙古", "内蒙"),
    "呼和浩特市": ("呼和浩特", "呼市"),
    "齐齐哈尔市": ("齐齐哈尔", "齐市"),
    "哈尔滨市": ("哈尔滨", "哈市"),
    "乌鲁木齐市": ("乌鲁木齐", "乌市"),
    "巴音郭楞蒙古自治州": ("巴音郭楞州", "巴音郭楞", "巴州"),
    "黔东南苗族侗族自治州": ("黔东南州", "黔东南"),
    "黔南布依族苗族自治州": ("黔南州", "黔南"),
    "黔西南布依族苗族自治州": ("黔西南州", "黔西南"),
    "前郭尔罗斯蒙古族自治县": ("前郭县", "前郭"),
    "浦东新区": ("浦东",),
    "锡林郭勒盟": ("锡林郭勒", "锡盟"),
    "博尔塔拉蒙古自治州": ("博尔塔拉州", "博尔塔拉", "博州"),
    "克孜勒苏柯尔克孜自治州": ("克孜勒苏州", "克孜勒苏", "克州"),
    "科尔沁左翼中旗": ("科左中旗",),
    "科尔沁左翼后旗": ("科左后旗",),
    "科尔沁右翼前旗": ("科右前旗",),
    "科尔沁右翼中旗": ("科右中旗",),
    "察哈尔右翼前旗": ("察右前旗",),
    "察哈尔右翼中旗": ("察右中旗",),
    "察哈尔右翼后旗": ("察右后旗",),
    "达尔罕茂明安联合旗": ("达茂旗",),
    "莫力达瓦达斡尔族自治旗": ("莫力达瓦旗", "莫力达瓦", "莫旗"),
    "上海市": ("上海", "申城"),
}
_OFFSHORE_SHORT = ("香港", "澳门", "台湾", "台北", "高雄", "台中", "台南", "基隆")
_ETHNIC = [
    "满族",
    "回族",
    "蒙古族",
    "蒙古",
    "土家族",
    "苗族",
    "侗族",
    "瑶族",
    "壮族",
    "彝族",
    "白族",
    "傣族",
    "藏族",
    "羌族",
    "黎族",
    "畲族",
    "朝鲜族",
    "哈萨克族",
    "哈萨克",
    "哈尼族",
    "布依族",
    "傈僳族",
    "景颇族",
    "拉祜族",
    "佤族",
    "纳西族",
    "仡佬族",
    "水族",
    "毛南族",
    "仫佬族",
    "各族",
    "达斡尔族",
    "撒拉族",
    "东乡族",
    "保安族",
    "裕固族",
    "土族",
    "独龙族",
    "怒族",
    "普米族",
    "布朗族",
    "锡伯",
    "塔吉克",
    "柯尔克孜",
    "维吾尔",
    "鄂伦春",
    "鄂温克族",
    "德昂族",
]


@dataclass(frozen=True, slots=True)
class Division:
    """An administrative division.

    Parameters
    ----------
    code : str
        6 digits (9 for a town).
    name : str
    level : str
        ``province``, ``city``, ``county`` or ``street``.
    """

    code: str
    name: str
    level: str


class Names(Generic[T]):
    """Names with what they stand for, found in a text by their first two characters.

    Examples
    --------
    >>> names = Names([("临江", 1), ("临江大道", 2)])
    >>> names.at("临江大道35号", 0)
    ['临江大道', '临江']
    """

    def __init__(self, pairs: Iterable[tuple[str, T]] = ()) -> None:
        self.entries: dict[str, list[T]] = {}
        self.lengths: dict[str, tuple[int, ...]] = {}
        self.level_of: Callable[[T], str] | None = None
        for name, entry in pairs:
            self.add(name, entry)

    def add(self, name: str, entry: T) -> None:
        """Let `name` (folded, at least one character) stand for `entry` too."""
        known = self.entries.get(name)
        if known is not None:
            if entry not in known[-4:]:
                known.append(entry)
            return
        self.entries[name] = [entry]
        head = name[:2]
        lengths = self.lengths.get(head, ())
        if len(name) not in lengths:
            self.lengths[head] = tuple(sorted((*lengths, len(name)), reverse=True))

    def discard(self, name: str, entry: T) -> None:
        """Take `entry` away from `name`; unknown pairs are ignored."""
        known = self.entries.get(name)
        if known and entry in known:
            known.remove(entry)
            if not known:
                del self.entries[name]

    def get(self, name: str) -> list[T]:
        """What `name` stands for; empty where nothing."""
        return self.entries.get(name, [])

    def at(self, text: str, position: int) -> list[str]:
        """Names that begin at `position`, longest first."""
        lengths = self.lengths.get(text[position : position + 2])
        if lengths is None:
            return []
        entries = self.entries
        return [
            name
            for length in lengths
            if (name := text[position : position + length]) in entries and len(name) == length
        ]


def short_admin(name: str) -> tuple[str, ...]:
    """Short forms in use of the name of a division of county level or above.

    Examples
    --------
    >>> short_admin("云南省"), short_admin("湘西土家族苗族自治州"), short_admin("通县")
    (('云南',), ('湘西州', '湘西'), ())
    """
    if name in _SHORT_FORMS:
        return _SHORT_FORMS[name]
    for suffix, again in (
        ("自治区", ""),
        ("自治州", "州"),
        ("自治县", "县"),
        ("自治旗", "旗"),
        ("特别行政区", ""),
    ):
        if name.endswith(suffix):
            stem = name[: -len(suffix)]
            changed = True
            while changed:
                changed = False
                for people in _ETHNIC:
                    if stem.endswith(people) and len(stem) - len(people) >= 2:
                        stem, changed = stem[: -len(people)], True
            return tuple(
                s for s in (stem + again if again else "", stem) if len(s) >= 2 and s != name
            )
    for suffix in ("地区", "新区", "林区"):
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return (name[: -len(suffix)],)
    if name[-1] in "省市区县盟旗" and len(name) >= 3:
        return (name[:-1],)
    return ()


@cache
def divisions() -> dict[str, Division]:
    """Current divisions from province to county by 6-digit code, without 市辖区 and the like."""
    out = {}
    for row in chain(read_table("divisions.csv"), read_table("offshore.csv")):
        if len(row["code"]) != 6:
            continue
        code, name = row["code"], row["name"]
        level = "province" if code.endswith("0000") else "city" if code.endswith("00") else "county"
        if name in ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"):
            continue
        out[code] = Division(code, name, level)
    return out


@cache
def former_divisions() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Former names: name, province code, codes of the divisions that hold the land today."""
    return tuple(
        (row["name"], row["province"], tuple(row["current"].split("|")))
        for row in read_table("divisions_former.csv")
    )


@cache
def former_seats() -> dict[tuple[str, str], tuple[str, ...]]:
    """What became of a county-level city that the prefecture-level city around it is named after.

    By name and 6-digit code of the city of today: 日喀则市 of 日喀则地区 is 桑珠孜区.
    """
    return {
        (row["name"], row["city"]): tuple(row["current"].split("|"))
        for row in read_table("divisions_seats.csv")
    }


@cache
def towns_of() -> dict[str, tuple[Division, ...]]:
    """Towns and subdistricts by county code."""
    raw = files("address").joinpath("data", "towns.csv.gz").read_bytes()
    out = {}
    for line in gzip.decompress(raw).decode("utf-8").splitlines():
        if line.startswith("#") or line.startswith("county"):
            continue
        county, _, names = line.partition(",")
        out[county] = tuple(
            Division(county + name[:3], name[3:], "street") for name in names.split("|")
        )
    return out


@cache
def national_names() -> Names[Division]:
    """Names of all divisions of county level and above, with their short and former names."""
    names: Names[Division] = Names()
    current = divisions()
    for division in current.values():
        folded = fold(division.name)
        offshore = division.code[:2] in ("71", "81", "82")
        names.add(folded, division)
        for short in short_admin(folded):
            if not short[0].isdigit() and (not offshore or short in _OFFSHORE_SHORT):
                names.add(short, division)
    for name, _, codes in former_divisions():
        for code in codes:
            if code in current:
                names.add(fold(name), current[code])
    for row in read_table("offshore.csv"):
        if len(row["code"]) == 9:
            names.add(fold(row["name"]), Division(row["code"], row["name"], "street"))
    return names
