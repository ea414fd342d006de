"""Cut a folded text into pieces: known names, what looks like a name, numbers, the rest."""

import re
from typing import NamedTuple

from address.grammar import TOKEN_HEADS, Token, token_at
from address.lexicon import (
    PROVINCE_LETTERS,
    Division,
    Names,
    divisions,
    national_names,
    short_admin,
    towns_of,
)

__all__ = ["WHOLE", "Piece", "segment"]


WHOLE = ""
"""In the set of names to avoid: names that repeat their town are taken whole."""


class Piece(NamedTuple):
    """A piece of the folded text.

    ``kind`` is ``node`` (a name of the gazetteer), ``admin`` (a division of the country),
    ``generic`` (a name known by its
    last word; ``level`` says which), ``rest`` (Han text nobody knows), ``token`` (a numbered part),
    ``relation``,
    ``sep``.
    """

    start: int
    end: int
    kind: str
    text: str
    level: str = ""
    token: Token | None = None


_ROAD_TAIL = "高速公路|公路|大道|大街|胡同|国道|省道|县道|高架|高速|路|街|道|巷"
_ZONES = (
    "经济技术开发区 高新技术产业开发区 高新技术开发区 经济开发区 开发区 高新区 经开区 "
    "工业园区(?=[\u4e00-\u9fa5]) 自由贸易试验区 自贸区 综合保税区 保税区"
)
_ZONE_TAILS = "新区(?![路街大]) 试验区 开发区 高新区 经开区 度假区 自贸区 保税区 示范区 工业园区 管理区"
_STREET_TAILS = (
    r"街道办事处|街道|办事处|(?<![市集乡城])镇(?!中心(?:小学|幼儿|卫生|校|医院)|中学|小学|大[道街]|政府|[镇海江]|[东西南北中]?[路街])|乡(?!村|路|政|镇)|苏木"
    r"|(?:农|林|牧|渔|茶|园艺|良种|原种)场(?![路街大]|附近|公司)"
)
_COMMUNITY_TAILS = (
    r"居民委员会|居委会|村民委员会|村委会|村委|行政村|社区(?!卫生|医院|中心|服务|活动|学校)"
    r"|(?<![新农乡度])村(?![委路镇口民乡]|新|小区|公路|花园|村(?![委民])|[东西南北中]{0,2}(?:路|街|大街|大道))"
)
_ROAD_TAILS = (
    r"[一二三四五六]环(?:[东西南北中]{0,2}(?:路|高架|快速路)(?:辅路)?)?(?![\u4e00-\u9fa5]{0,2}路)"
    r"|高速公路|公路|大道|大街|胡同|高架路?|(?<!路)辅路|高速(?!公路|服务|出口|收费)"
    r"|(?<![十叉字岔灯个])路(?!灯|边|局|网|桥|政|演|由|过|上|人|段)"
    r"|街(?!道|坊|区|头|办)|(?<![街频通渠管轨])道(?!口|班|路|闸|桥|具|馆)|巷(?!口)"
)
_ESTATES = (
    "小区 花园 家园 公寓 花苑 名苑 新苑 雅苑 佳苑 新村 新城 名城 小镇 名邸 山庄 别墅 "
    "公馆 豪庭 华庭 名都 家属院 宿舍 大院 街坊 国际城 国际(?!机场|会展|学校|医院) 大厦 大楼 广场 中心城 中心 "
    "工业园 科技园 产业园 "
    "创业园 软件园 物流园 园区 商城 商厦"
)
_SHORT_ESTATE = (
    r"[苑园庭轩郡府城厦湾](?=$|[,()\dA-Za-z#甲乙丙丁负]|地下|[一二三四五六七八九十]{1,2}[期区里]|[东西南北][一二三]?区)"
)
"""One-character last words of an estate count where the name surely ends."""
_PLACES = (
    r"大学 学院 中学 小学 幼儿园 学校 医院 卫生院 卫生室 酒店 宾馆 饭店 旅馆 银行 超市 商场 "
    r"市场 公司 集团 地铁站 火车站 汽车站 公交站 "
    r"服务站 加油站 派出所 分局 法院 政府 博物馆 图书馆 体育馆 公园 机场(?:T\d(?:航站楼)?)? 航站楼 百货 购物中心 写字楼 店 厂 局 站 所 馆"
)


_AGAIN = "小区 大厦 广场 大楼 公寓 花园 住宅区 家属院 国际 中心 园区 城"


def _any(words: str) -> str:
    return "|".join(words.split())


_TAIL_HEADS = "".join(
    sorted(
        {word[0] for words in (_ZONE_TAILS, _ESTATES, _PLACES) for word in words.split()}
        | set("经高旅农街办镇乡苏林牧渔茶园良原居村行社一二三四五六公大胡道辅路巷苑庭轩郡府城厦湾")
    )
)
"""Every character a last word of a name can begin with: elsewhere no pattern is tried."""
_AFTER_ROAD = (
    "地铁站|站(?![前街点])|[一二三四五六七八九十]?小学|中学|幼儿园|医院|支行|分行|店$|菜市?场|社区|居委|大桥|隧道|立交"
)
_NO_ROAD = r"(?![路街道巷镇乡村区市县]|大道|大街|[东西南北中]路)"
_GENERIC = re.compile(
    rf"""
    (?P<numbered>\d{{1,3}}(?:号路(?![边口灯牌旁])|号大街|国道|省道|县道|号线)
      |[GSXY]\d{{1,4}}(?:[\u4e00-\u9fa5]{{0,6}}?(?:高速公路|高速|国道|省道|公路|县道))?)
  | (?P<zone>{_any(_ZONES)})
  | [\u4e00-\u9fa5A-Za-z]{{1,9}}?(?=[{_TAIL_HEADS}])
    (?:
      (?P<devzone>(?:经济技术|高新技术产业|经济|高新技术|旅游|农业)?(?:{_any(_ZONE_TAILS)}))
    | (?P<street>{_STREET_TAILS})
    | (?P<community>{_COMMUNITY_TAILS})
    | (?P<road>(?:大?道[东西中](?![\u4e00-\u9fa5])|{_ROAD_TAILS})(?!(?:{_ROAD_TAIL})(?!灯)|派出所|辅路|{_AFTER_ROAD})(?:[东西南北中上下一二三四五六七八九]段(?!路))?)
    | (?P<compound>(?:{_any(_ESTATES)}|{_SHORT_ESTATE})(?:{_any(_AGAIN)})?(?:[一二三四五六七八九十]{{1,2}}[区里村])?{_NO_ROAD})
    | (?P<poi>(?:{_any(_PLACES)})(?:[\u4e00-\u9fa5]{{1,4}}(?:校区|院区|分院|分校))?(?:\([\u4e00-\u9fa5A-Za-z0-9]{{1,10}}\))?(?!{_any(_AGAIN)}|宿舍){_NO_ROAD})
    )
    """,
    re.VERBOSE,
)
_DIGIT_NAME = re.compile(
    r"[\u4e00-\u9fa5]{2,4}\d{1,4}(?:国际新城|国际|新城|花园|公馆|小区|广场|中心|创意园|产业园|文创园|城)(?![路街])"
)
_BRANCH = re.compile(r"[\u4e00-\u9fa5A-Za-z]{2,10}\([\u4e00-\u9fa5A-Za-z0-9]{1,12}[店行部馆]\)")
_KINDS = ("numbered", "zone", "devzone", "street", "community", "road", "compound", "poi")
_RELATION = re.compile(
    r"(?:[东西南北]{1,2}(?:侧|边|面|方向)?)?(?:约|大约)?(?P<d>\d{1,4})米(?:处|左右)?"
    r"|斜对面|正对面|对面|对过|旁边|旁|附近|隔壁|门口|门前|路口|交叉口|交汇处|交界处|十字路口|丁字路口"
    r"|口(?=$|[,()]|附近)|[前后旁](?=路灯|灯杆|消[防火]|井盖|雨水|污水|电线|信号|变电|配电|垃圾|公交)|院内|内$|楼下|楼上|后面|前面|背后|[东西南北]{1,2}侧|[东西南北]{1,2}[边面](?!街|路)"
    r"|后门|前门|[东西南北正侧后]门(?!(?:[内外]|口)?(?:路|街|大街|大道|桥|村|镇|新村|小区))"
)
_LEAD = re.compile(
    r"(?:^中国(?!银行|移动|联通|电信|石油|石化|人寿|平安|建设|农业|工商|邮政|[\u4e00-\u9fa5]{0,6}公司)|中华人民共和国|地址[是:,]*|(?:我们?|咱们?)?家?就?住(?![院宅房户])在?|(?:我们?|咱们?)(?:小区|公司|单位|家|这边|这里)?(?:就?[是在])|本人|家住|其居住的?|居住[在于]|位于|在(?=[\u4e00-\u9fa5]{2})"
    r"|(?:市民|投诉人|来电人|居民|业主|群众)(?:来电|致电)?(?:反映|投诉|咨询|举报|称|表示)|其居住的?"
    r"|(?:您好|你好|麻烦|请问|(?:我要|我想)?(?:投诉|反映|咨询|举报)))(?=[\u4e00-\u9fa5,])"
)
_FACILITY_WORDS = (
    "路灯杆 路灯 灯杆 井盖 消防栓 消火栓 桥墩 配电箱 变电箱 变压器 电线杆 信号灯 监控杆 "
    "垃圾箱 垃圾桶 公交站牌 充电桩 交通灯"
)
_FACILITY = re.compile(
    rf"(?:\d{{1,4}}号)?(?:雨水|污水|电力|通信|通讯|市政|供水|燃气|自来水)?(?:{_any(_FACILITY_WORDS)})"
    r"(?:编?号)?(?:[A-Za-z]{0,3}-?\d{1,8})?"
)
_FACILITY_HEADS = frozenset("0123456789雨污电通市供燃自路灯井消桥配变信监垃公充交")
_SPACE = re.compile(
    r"(?:会议室|教室|办公室|诊室|病房|机房|实验室|车位|车库|仓库|宿舍|包间)[A-Z]?\d{0,2}-?\d{1,4}(?!\d)"
)
_SPACE_HEADS = frozenset("会教办诊病机实车仓宿包")
_THINGS = re.compile(
    rf"{_any(_FACILITY_WORDS)}|会议室|教室|办公室|诊室|病房|机房|实验室|车位|车库|仓库|宿舍|包间"
)
_DIVISION_END = re.compile(r"[市区县]")
_HAN_RUN = re.compile(r"[\u4e00-\u9fa5A-Za-z]+")
_TRAP = re.compile(
    rf"[东西南北中]?[一二三四五六七八九十]?(?:{_ROAD_TAIL}|新村|[一二三四五六七八九十]村|花园|大厦|饭店|酒店|宾馆|银行|公寓|小区|广场|商厦|餐厅|菜馆"
    r"|医院|大学|学院|中学|小学|车站|机场|公园|火车站|中心|书店|超市|影院|剧院|商场|市场|[农林牧渔茶]场"
    r"|大桥|大楼|宿舍|家园|家属院|家属区|名苑|名城|山庄|电器|制药|制造|服务区)"
    rf"|陆(?=\d)|[\u4e00-\u9fa5](?:{_ROAD_TAIL})(?!口|街道|镇|乡|办事处)|门[东西南北中内外]{{0,2}}(?:{_ROAD_TAIL})"
)
_JOINS = re.compile(r"[与及跟]|和(?!平|谐|睦|县|田|顺|义|兴)")
_WHOLE_WORD = re.compile(r"与|和|及|近|到")


def _admin_at(
    text: str, position: int, names: Names[Division], seen: bool, scope: frozenset[str] = frozenset()
) -> str | None:
    """Longest division name at a place that is not the beginning of something else.

    ``scope`` holds the codes already named: a short name has to fit one of them.
    """
    for name in names.at(text, position):
        end = position + len(name)
        if names.get(name)[0].level == "street":
            if scope and _fits_scope(names.get(name), scope) and not _TRAP.match(text, end):
                return name
            continue
        full = (
            any(division.name == name for division in names.get(name))
            or (name[-1] in "省市区县旗盟州" and len(name) > 2)
            or name[-1] in "县市"
        )
        blocked = (
            (not full and bool(_TRAP.match(text, end) or _TOWN_AFTER.match(text, end)))
            or (full and len(name) == 2 and text[end : end + 1] in ("街", "路"))
            or (_ROAD_AFTER.match(text, end) is not None and not names.at(text, end))
        )
        if not full and not scope and not seen and _NAME_GOES_ON.match(text, end):
            blocked = blocked or names.get(name)[0].level == "county"
        if name in _EVERYWHERE and not (scope and _fits_scope(names.get(name), scope)):
            blocked = blocked or position > 0
        if blocked and not _goes_on(names.get(name), text, end, names):
            continue
        if not full and seen and len(name) == 2 and not _FOLLOWS.match(text, end):
            continue
        if not full and scope and not _fits_scope(names.get(name), scope):
            continue
        if (
            name[-1] == "市"
            and name[:-1] in names.entries
            and _splits_better(text, end, names, name)
        ):
            return name[:-1]
        return name
    return None


def _goes_on(found: list[Division], text: str, end: int, names: Names[Division]) -> bool:
    """A division, or a town, of the one named follows: 哈尔滨道里, 武都马街镇."""
    for inner in names.at(text, end):
        for division in names.get(inner):
            if division.level == "county" and any(
                d.level != "county" and division.code.startswith(_stem(d.code)) for d in found
            ):
                return True
    return any(
        text.startswith(town.name, end)
        for division in found
        if division.level == "county" or division.code in _NO_COUNTIES
        for town in towns_of().get(division.code, ())
    )


_NO_COUNTIES = ("441900", "442000", "460400", "620200")


def _fits_scope(found: list[Division], scope: frozenset[str]) -> bool:
    """One of the divisions holds, or lies in, one that was named before."""
    return any(
        division.code.startswith(_stem(code)) or code.startswith(_stem(division.code))
        for division in found
        for code in scope
    )


def _stem(code: str) -> str:
    return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code


def _splits_better(text: str, end: int, names: Names[Division], name: str) -> bool:
    """青岛市南区 is 青岛 and its 市南区, not 青岛市 and some 南区."""
    codes = {division.code[:4] for division in names.get(name)}
    own = [d for inner in names.at(text, end) for d in names.get(inner) if d.code[:4] in codes]
    return not own and any(
        division.code[:4] in codes
        and (division.name == inner or _goes_on([division], text, end - 1 + len(inner), names))
        for inner in names.at(text, end - 1)
        for division in names.get(inner)
    )


_NAME_GOES_ON = re.compile(r"[\u4e00-\u9fa5]{1,2}[\dA-Z]")
_EVERYWHERE = frozenset(("东区", "西区", "南区", "北区", "城区", "郊区", "矿区", "新区", "市区"))
_ROAD_AFTER = re.compile(r"(?:路|街(?!道)|大道|大街|巷)")
_TOWN_AFTER = re.compile(r"(?:街道|镇|乡|村|社区|段(?=\d|$|,))(?![\u4e00-\u9fa5]?[市县])")
_FOLLOWS = re.compile(r"[\u4e00-\u9fa5,(]")


def segment(
    text: str,
    known: Names[int] | None = None,
    avoid: frozenset[str] = frozenset(),
    begin: int = 0,
) -> list[Piece]:
    """Cut a folded text.

    Parameters
    ----------
    text : str
        Folded (see `address.normalise.normalise`).
    known : Names, optional
        Names of a gazetteer; they win over what merely looks like a name.

    avoid : frozenset of str
        Names of the gazetteer that are to be read as something else this time.
    begin : int
        Where to begin; what stands before was read already and holds no division.

    Returns
    -------
    list of Piece
        In order, without overlap; separators included.
    """
    nation = national_names()
    pieces: list[Piece] = []
    position, size, seen_admin = begin, len(text), False
    if size > 1 and not begin and text[0] in PROVINCE_LETTERS and (known is None or not known.at(text, 0)):
        position = _letter_province(text, pieces, nation)
    reader = _Reader(text, known, nation, avoid)
    while position < size:
        piece = _separator_at(text, position)
        if piece is None and known is None:
            piece = _new_division(text, position, pieces)
        if piece is None:
            piece = reader.at(position, seen_admin)
        pieces.append(piece)
        reader.after_road = piece.level == "road"
        if piece.kind == "admin":
            seen_admin = True
            if known is None:
                reader.scope |= {division.code for division in nation.get(piece.text)}
        position = piece.end
    return pieces


def _separator_at(text: str, position: int) -> Piece | None:
    character = text[position]
    if character not in ",()-~+&" or (character == "-" and token_at(text, position) is not None):
        return None
    return Piece(position, position + 1, "sep", character)


def _letter_province(text: str, pieces: list[Piece], nation: Names[Division]) -> int:
    """京朝阳…, 沪嘉定…: the letter counts when a division of that province follows."""
    code = PROVINCE_LETTERS[text[0]]
    first = nation.at(text, 0)
    for name in nation.at(text, 1):
        if first and (len(name) < 3 or name[-1] not in "市区县州" or first[0][-1] in "省市区县"):
            continue  # 津南开区 is 津 and 南开区, 津南区 is one name
        if any(division.code.startswith(code) for division in nation.get(name)):
            full = divisions()[code + "0000"].name
            pieces.append(Piece(0, 1, "admin", full, "province"))
            return 1
    return 0


def _new_division(text: str, position: int, pieces: list[Piece]) -> Piece | None:
    """A city or county that the tables do not have, after its province or city."""
    last = pieces[-1] if pieces else None
    if last is None:
        pattern, level = _NEW_CITY_FIRST, "city"
    elif last.kind == "admin" and last.text in _PROVINCES:
        pattern, level = _NEW_CITY, "city"
    elif last.level == "city" and last.kind == "generic":
        pattern, level = _NEW_COUNTY, "county"
    else:
        return None
    found = pattern.match(text, position)
    if found is None:
        return None
    nation = national_names()
    for name in nation.at(text, position):
        end = position + len(name)
        if name[-1] in "省市区县州盟旗" or nation.at(text, end):
            return None
        if _goes_on(nation.get(name), text, end, nation):
            return None
    return Piece(position, found.end(), "generic", found[0], level)


_NEW_CITY = re.compile(r"[\u4e00-\u9fa5]{2,5}?(?:市(?![场民政区辖])|自治州|地区|盟)")
_NEW_COUNTY = re.compile(r"[\u4e00-\u9fa5]{2,6}?(?:示范区|新区|(?<!小)区(?!域)|县|旗)")
_NEW_CITY_FIRST = re.compile(
    r"[\u4e00-\u9fa5]{2,4}?市(?=[\u4e00-\u9fa5]{2,5}?(?:示范|(?<!小))(?:区|县)(?!域))"
)
_PROVINCES = frozenset(
    form
    for division in divisions().values()
    if division.level == "province"
    for form in (division.name, *short_admin(division.name))
)


class _Reader:
    """What begins at a place of one text."""

    def __init__(
        self, text: str, known: Names[int] | None, nation: Names[Division], avoid: frozenset[str]
    ) -> None:
        self.text, self.known, self.nation, self.avoid = text, known, nation, avoid
        self.split = WHOLE not in avoid
        self.scope: frozenset[str] = frozenset()
        self.after_road = False
        self.firm = False
        self.full: dict[int, str] | None = None
        self.things = _THINGS.search(text) is not None

    def at(self, position: int, seen_admin: bool) -> Piece:
        """Piece that begins at a place that is no separator: the surest reading first."""
        text = self.text
        piece = self._node(position)
        if piece is not None:
            return piece
        name = _admin_at(text, position, self.nation, seen_admin, self.scope)
        if name is not None and name not in self.avoid:
            return Piece(position, position + len(name), "admin", name)
        piece = _thing_at(text, position) if self.things else None
        piece = piece or _numbered_at(text, position)
        if piece is not None:
            return piece
        if self.after_road and text[position] in "与和及跟" and _JOINS.match(text, position):
            return Piece(position, position + 1, "sep", text[position])
        head = text[position]
        for kind, pattern, heads in _WORDS:
            if head in heads and (found := pattern.match(text, position)) is not None:
                return Piece(position, found.end(), kind, found[0])
        for level, pattern, sign in (("poi", _BRANCH, "("), ("compound", _DIGIT_NAME, "")):
            if sign in text and (found := pattern.match(text, position)) is not None:
                return Piece(position, found.end(), "generic", found[0], level)
        return self._unknown(position)

    def _node(self, position: int) -> Piece | None:
        """Longest name of the gazetteer that does not run into a road of another name."""
        known, text = self.known, self.text
        if known is None:
            return None
        for name in known.at(text, position):
            end = position + len(name)
            cuts = name[-1] not in _ROAD_LAST and _ROAD_AFTER.match(text, end)
            if not cuts and name[-1] not in _NAMED_WORD:
                cuts = _DIRECTED_ROAD.match(text, end)
            if name in self.avoid or (cuts and not known.at(text, end)):
                continue
            level = known.level_of(known.get(name)[0]) if known.level_of is not None else ""
            if level == "community" and self.split and self._repeats_town(name, position):
                continue
            return Piece(position, end, "node", name, level)
        return None

    def _repeats_town(self, name: str, position: int) -> bool:
        """合庆镇前哨村 under 合庆镇: taken whole only where the town is said before it."""
        known, before = self.known, self.text[:position]
        return known is not None and any(
            name[:cut] in known.entries and name[cut:] in known.entries
            and not before.endswith(name[:cut])
            for cut in range(2, len(name) - 1)
        )  # fmt: skip

    def _unknown(self, position: int) -> Piece:
        """A name nobody knows: by its last word, else up to the next thing that is known."""
        text = self.text
        run = _HAN_RUN.match(text, position)
        if run is None:
            return Piece(position, position + 1, "rest", text[position])
        end = min(run.end(), position + _LONGEST_NAME)
        self.firm = False
        limit = next((i for i in range(position + 1, end) if self._stops(position, i)), end)
        generic = _GENERIC.match(text, position, limit)
        if generic is None and limit < end and not self.firm and self.known is None:
            generic = _GENERIC.match(text, position)
        if generic is not None:
            return Piece(position, generic.end(), "generic", generic[0], _level_of(generic))
        limit = next((i for i in range(position + 1, limit) if self._begins(position, i)), limit)
        kind = "sep" if limit - position == 1 and _WHOLE_WORD.match(text, position) else "rest"
        return Piece(position, limit, kind, text[position:limit])

    def _division(self, inner: int) -> bool:
        """A division written in full begins at a place."""
        if self.full is None:
            text, entries = self.text, self.nation.entries
            self.full = {
                start: text[start : found.end()]
                for found in _DIVISION_END.finditer(text)
                for start in range(max(0, found.start() - 10), found.start() - 1)
                if text[start : found.end()] in entries
            }
        name = self.full.get(inner)
        return name is not None and name == _admin_at(
            self.text, inner, self.nation, True, self.scope
        )

    def _stops(self, position: int, inner: int) -> bool:
        """A name cannot run over this place: a known name, a relation, 与 after a road."""
        text = self.text
        if self.known is not None and (found := self.known.at(text, inner)) and len(found[0]) > 2:
            return True
        if inner - position < 1:
            return False
        if self.known is None and self._division(inner):
            self.firm = True
            return True
        if inner - position < 2:
            return False
        joins = text[inner - 1] in _ROAD_LAST and _WHOLE_WORD.match(text, inner) is not None
        if self.things and text[inner] in _FACILITY_HEADS and _FACILITY.match(text, inner) is not None:
            return True
        return joins or (
            text[inner] in _RELATION_HEADS and _RELATION.match(text, inner) is not None
        )

    def _begins(self, position: int, inner: int) -> bool:
        """Something that is surely not part of a nameless run begins here."""
        text = self.text
        if (not text[inner].isalpha() or text[inner].isascii() or text[inner] in "地负") and (
            token_at(text, inner) is not None
        ):
            return True
        if inner - position < 2:
            return False
        name = _admin_at(text, inner, self.nation, True)
        return name is not None and name[-1] in "省市区县"


def _thing_at(text: str, position: int) -> Piece | None:
    """A lamp post, a manhole, a meeting room with its number."""
    head = text[position]
    if head in _FACILITY_HEADS and (found := _FACILITY.match(text, position)) is not None:
        return Piece(position, found.end(), "generic", found[0], "facility")
    if head in _SPACE_HEADS and (found := _SPACE.match(text, position)) is not None:
        return Piece(position, found.end(), "generic", found[0], "room")
    return None


def _numbered_at(text: str, position: int) -> Piece | None:
    """A numbered part, or a road whose name is a number."""
    if text[position] not in TOKEN_HEADS:
        return None
    token = token_at(text, position)
    if text[position].isdigit() or text[position] in "GSXY":
        generic = _GENERIC.match(text, position)
        if (
            generic is not None
            and generic["numbered"]
            and (token is None or generic.end() >= token.end)
        ):
            return Piece(position, generic.end(), "generic", generic[0], "road")
    if token is None:
        return None
    return Piece(position, token.end, "token", text[position : token.end], "", token)


def _level_of(generic: re.Match[str]) -> str:
    kind = next(k for k in _KINDS if generic[k] is not None)
    return {"numbered": "road", "zone": "devzone"}.get(kind, kind)


_NAMED_WORD = frozenset("省市区县旗盟州镇乡道村社路街巷弄0123456789号)")
_DIRECTED_ROAD = re.compile(r"[东西南北中]{1,2}(?:大道|大街|路|街(?!道))")
_RELATION_HEADS = frozenset("东西南北约大0123456789斜正对旁附隔门路交十丁口前后院内楼背侧")
_WORDS = (
    ("sep", _LEAD, frozenset("中地我咱家就住位在您你麻请投反咨举市来居业群其本")),
    ("relation", _RELATION, _RELATION_HEADS),
)
"""Kind, pattern and the characters it can begin with."""
_LONGEST_NAME = 32
"""Characters of a run that are looked at for the name of one thing."""
_ROAD_LAST = "路街道巷弄"
