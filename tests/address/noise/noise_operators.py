"""Noise of every kind people make, each with the answer a person would still give.

An operator takes a draft (standard wording of a node) and changes it, or gives None where it does
not apply.
"""

import random
import re
from collections.abc import Callable

import noise_spelling as spelling
import noise_words as words
from noise_world import Draft, World

from address.grammar import core_of, implied_floor
from address.lexicon import former_divisions, short_admin
from address.pinyin import readings, spellings

Operator = Callable[[random.Random, World, Draft], Draft | None]
OPERATORS: list[tuple[str, int, tuple[str, ...], Operator]] = []
ROOM = ("room",)
DEEP = ("room", "room", "unit", "building", "number")
ANY = ("room", "room", "building", "number", "unit")
_ADMIN = ("province", "city", "county", "street", "community")


def operator(number: int, levels: tuple[str, ...] = ANY) -> Callable[[Operator], Operator]:
    """Register under a kind of §4 and the levels of node it starts from."""

    def add(function: Operator) -> Operator:
        OPERATORS.append((function.__name__, number, levels, function))
        return function

    return add


def lead(rng: random.Random, draft: Draft, most: int = 4) -> None:
    """Leave out some of the front, as people do."""
    cut = rng.choice([(), ("province",), ("province", "city"), ("province", "city", "street"),
                      ("street",), ("province", "city", "county")][: most + 2])  # fmt: skip
    draft.drop(*cut)


def numbered(draft: Draft) -> list[str]:
    return [lv for lv, _ in draft.parts if lv in ("number", "building", "unit", "floor", "room", "group")]


# ── how numbers are spelled (1, 2) ──


def _numerals(how: str) -> Operator:
    def run(rng: random.Random, world: World, draft: Draft) -> Draft | None:
        lead(rng, draft)
        levels = [lv for lv in numbered(draft) if re.search(r"\d", draft.get(lv))]
        if not levels:
            return None
        for level in rng.sample(levels, rng.randint(1, len(levels))):
            draft.put(level, spelling.numerals(draft.get(level), rng, how))
        return draft

    return run


for _how, _number in (("unit", 1), ("place", 2), ("bank", 1), ("nian", 1)):
    _made = _numerals(_how)
    _made.__name__ = f"numerals_{_how}"
    operator(_number)(_made)


def _whole(name: str, number: int, change: Callable[[str, random.Random], str]) -> None:
    """An operator that respells the whole text."""

    def run(rng: random.Random, world: World, draft: Draft) -> Draft | None:
        lead(rng, draft)
        text = draft.text()
        parts = [(lv, change(w, rng)) for lv, w in draft.parts]
        if "".join(w for _, w in parts) == text:
            return None
        draft.parts = parts
        return draft

    run.__name__ = name
    operator(number)(run)


_whole("full_width", 3, lambda w, rng: spelling.full_width(w))
_whole("traditional", 4, lambda w, rng: spelling.traditional(w))
_whole("radicals", 5, lambda w, rng: spelling.radicals(w))
_whole("zero_width", 5, lambda w, rng: spelling.zero_width(w, rng))
_whole("spaced", 45, lambda w, rng: " ".join(re.findall(r"\d+|[A-Z]+|[^\dA-Z]", w)) if re.search(r"\d", w) else w)


# ── divisions (6-9, 37, 39, 40) ──


def _dropping(name: str, *levels: str) -> None:
    def run(rng: random.Random, world: World, draft: Draft) -> Draft | None:
        if not draft.has(*levels):
            return None
        draft.drop(*levels)
        return draft

    run.__name__ = name
    operator(6)(run)


_dropping("no_province", "province")
_dropping("no_county", "county")
_dropping("no_street", "street")
_dropping("county_only", "province", "city", "street")
_dropping("street_only", "province", "city", "county")
_dropping("no_divisions", "province", "city", "county", "street")


def _short(name: str) -> str:
    forms = short_admin(name) if name else ()
    return forms[-1] if forms else name


@operator(7)
def province_letter(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    letters = {"上海市": "沪", "浙江省": "浙", "江苏省": "苏", "广东省": "粤", "湖北省": "鄂", "天津市": "津", "北京市": "京", "重庆市": "渝", "河南省": "豫", "山东省": "鲁", "福建省": "闽", "四川省": "川", "安徽省": "皖", "河北省": "冀"}
    full = draft.get("province") or draft.get("city")
    name = next((n for n in letters if full.startswith(n)), "")
    if not name or not draft.get("county"):
        return None
    draft.drop("province")
    draft.put("city", letters[name])
    return draft


@operator(8)
def short_divisions(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    for level in ("province", "city", "county"):
        draft.put(level, _short(draft.get(level)))
    return draft


@operator(8)
def short_street(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    street = re.sub(r"(街道|镇|乡)$", "", draft.get("street"))
    if len(street) < 2 or street == draft.get("street") or not draft.has("county"):
        return None
    draft.put("street", street)
    draft.drop("province")
    return draft


@operator(9)
def zone_added(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("county"):
        return None
    draft.put("county", draft.get("county") + rng.choice(words.ZONES))
    return draft


@operator(9)
def zone_for_street(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("county", "street"):
        return None
    draft.drop("street", "province")
    draft.put("county", draft.get("county") + rng.choice(words.ZONES))
    return draft


_OLD: dict[str, list[str]] = {}
for _name, _province, _codes in former_divisions():
    for _code in _codes:
        _OLD.setdefault(_code, []).append(_name)


@operator(37)
def old_county(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    from address.lexicon import divisions

    name = draft.get("county")
    codes = [c for c, d in divisions().items() if d.name == name and d.level == "county"]
    province = world.name[world.chain(draft.node)[0]]
    codes = [c for c in codes if divisions()[c[:2] + "0000"].name == province]
    olds = [o for c in codes for o in _OLD.get(c, []) if o[-1] in "区县市"]
    if not olds:
        return None
    draft.put("county", rng.choice(olds))
    return draft


def _other(rng: random.Random, world: World, level: str, node: int, same: str) -> str | None:
    """Name of another node of a level below the same node of level `same`."""
    home = next((n for n in world.chain(node) if world.level[n] == same), None)
    own = {world.name[n] for n in world.chain(node)}
    found = [
        n for n in world.by_level.get(level, [])
        if world.name[n] not in own and (home is None or home in world.chain(n))
    ]  # fmt: skip
    return world.name[rng.choice(found)] if found else None


def _elsewhere(world: World, draft: Draft, level: str, name: str) -> bool:
    """Whether the road (or the first name) also exists below the wrong division."""
    first = next((world.core[n] for n in world.chain(draft.node) if world.level[n] in ("road", "village", "compound")), "")
    return any(
        any(world.level[m] == level and world.name[m] == name for m in world.chain(n))
        for near in world.alike(first)
        for n in world.named.get(near, [])
    )


@operator(39)
def wrong_county(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    name = _other(rng, world, "county", draft.node, "city")
    ids = world.meant(Draft(draft.node, [p for p in draft.parts if p[0] not in ("county", "street")]))
    if name is None or len(ids) > 1 or _elsewhere(world, draft, "county", name):
        return None
    draft.put("county", name)
    if rng.random() < 0.6:
        draft.drop("street")
    draft.accept = ids
    return draft


@operator(40)
def wrong_street(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    name = _other(rng, world, "street", draft.node, "county")
    ids = world.meant(Draft(draft.node, [p for p in draft.parts if p[0] != "street"]))
    if name is None or len(ids) > 1 or _elsewhere(world, draft, "street", name) or not draft.has("street"):
        return None
    draft.put("street", name)
    draft.accept = ids
    return draft


@operator(40)
def unknown_street(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("county", "street"):
        return None
    ids = world.meant(Draft(draft.node, [p for p in draft.parts if p[0] != "street"]))
    if len(ids) > 1:
        return None
    draft.put("street", rng.choice(["城关", "新桥", "双龙", "红光", "永宁"]) + rng.choice(["镇", "街道", "乡"]))
    draft.accept = ids
    return draft


@operator(39)
def wrong_city(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """The right road under a city of another province: never followed there."""
    draft.drop("street", "community")
    province, city, county = rng.choice(words.STREETS_FAR)
    for level, name in (("province", province), ("city", city), ("county", county)):
        draft.put(level, name)
    draft.status = "none"
    return draft if draft.has("city", "county") else None


# ── order, repeats, wording (12-15, 43-45, 47, 48, 50) ──


@operator(14)
def repeated_divisions(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    levels = [lv for lv in ("province", "city", "county") if draft.get(lv)]
    if not levels:
        return None
    form = rng.choice((_short, str))
    again = "".join(form(draft.get(lv)) for lv in levels[rng.randint(0, len(levels) - 1):])
    draft.parts.insert(0, ("lead", again + rng.choice(["", " ", "，"])))
    return draft


@operator(14)
def repeated_road(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("road", "number"):
        return None
    again = draft.get("road") + draft.get("number")
    form = rng.choice(["{a}{a}", "{a}({a})", "{a} {a}"])
    draft.drop("road")
    draft.put("number", form.format(a=again))
    return draft


@operator(14, ("room", "building", "unit"))
def repeated_compound(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("compound"):
        return None
    draft.put("compound", draft.get("compound") + rng.choice(["", " ", "（"]).replace("（", "") + draft.get("compound"))
    return draft


@operator(15, ("room", "building", "unit"))
def late_divisions(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    at = "compound" if draft.has("compound") else "number"
    if not draft.has("county") or not draft.has(at):
        return None
    late = rng.choice([draft.get("city") + draft.get("county"), draft.get("county"), draft.get("county") + draft.get("street")])
    draft.drop("province", "city", "county", "street")
    draft.put(at, draft.get(at) + late)
    ids = world.meant(draft)
    draft.accept = ids if len(ids) == 1 else set()
    return draft if draft.accept else None


@operator(12, ("room", "building", "unit"))
def compound_first(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("compound", "road", "number"):
        return None
    front = rng.choice(["{c}({r}{n})", "{c}，{r}{n}，", "{c}（{r}{n}）"])
    text = front.format(c=draft.get("compound"), r=draft.get("road"), n=draft.get("number"))
    draft.drop("road", "number")
    draft.put("compound", text)
    draft.accept = {draft.node}
    return draft


@operator(13, ("room", "building", "unit", "compound", "poi"))
def compound_only(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("compound") and not draft.has("poi"):
        return None
    draft.drop("road", "number", "province", rng.choice(("city", "street")))
    return draft


@operator(13, ("room", "building", "unit"))
def without_compound(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("compound", "road"):
        return None
    draft.drop("compound", "phase", "province")
    return draft


def _around(name: str, number: int, before: list[str], after: list[str], levels: tuple[str, ...] = ANY) -> None:
    def run(rng: random.Random, world: World, draft: Draft) -> Draft | None:
        lead(rng, draft)
        if before and (not after or rng.random() < 0.5):
            draft.parts.insert(0, ("lead", rng.choice(before)))
        else:
            draft.ends = rng.choice(after)
        return draft

    run.__name__ = name
    operator(number, levels)(run)


_around("contact", 43, words.CONTACTS_BEFORE, words.CONTACTS_AFTER)
_around("tenant", 47, [], words.TENANTS, ROOM)
_around("tenant_bracketed", 47, [], [f"（{t}）" for t in words.TENANTS if "（" not in t], ROOM)
_around("relation", 11, [], words.RELATIONS)
_around("facility", 48, [], words.FACILITIES, ("number", "building"))
_around("old_plate", 54, [], ["(原{n}号)", "（旧门牌{n}号）", "(原门牌号{n}号)"], ("number",))


@operator(50)
def sentence(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    before, _, after = rng.choice(words.SENTENCES).partition("{}")
    draft.parts.insert(0, ("lead", before))
    draft.ends = after
    return draft


@operator(44)
def turned(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if rng.random() < 0.5:
        draft.drop("province", "street")
    if len(draft.parts) < 4:
        return None
    road, number = draft.get("road"), draft.get("number")
    if road and number:
        draft.drop("number")
        draft.put("road", road + number)
    mark = rng.choice([",", "，", " ", "、", " / "])
    draft.parts = [(lv, w + mark) for lv, w in reversed(draft.parts)]
    draft.accept = {draft.node}
    return draft


@operator(45)
def separated(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    mark = rng.choice([" ", "，", "|", "_", "/", "、", "·", "  ", "-"])
    draft.parts = [(lv, w + (mark if n < len(draft.parts) - 1 else "")) for n, (lv, w) in enumerate(draft.parts)]
    return draft


@operator(45, ("room", "building", "unit"))
def bracketed(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    a, b = rng.choice(["（）", "()", "[]", "【】", "〔〕"])
    at = next((n for n, (lv, _) in enumerate(draft.parts) if lv in ("compound", "building")), None)
    if at is None or at == 0:
        return None
    draft.parts.insert(at, ("mark", a))
    draft.ends = b
    return draft


@operator(10, ("number", "building", "room"))
def near_road(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("road"):
        return None
    other = world.name[rng.choice(world.by_level["road"])]
    if other == draft.get("road"):
        return None
    form = rng.choice(["(近{})", "（{}口）", "（靠近{}）"])
    if draft.has("number") and rng.random() < 0.5:
        draft.put("number", draft.get("number") + form.format(other))
    else:
        draft.ends = form.format(other)
    return draft


@operator(57, ("number",))
def second_door(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("road"):
        return None
    other = world.name[rng.choice(world.by_level["road"])]
    draft.ends = rng.choice(["（{}{}号）", "(又名{}{}号)"]).format(other, rng.randint(9001, 9999))
    return draft if other != draft.get("road") else None


# ── mistakes (16, 17, 46) ──


def _misspelt(rng: random.Random, world: World, draft: Draft, make: Callable[[str], str | None]) -> Draft | None:
    levels = [lv for lv in ("road", "compound", "village") if draft.has(lv)]
    if not levels:
        return None
    level = levels[0]
    name = draft.get(level)
    wrong = make(name)
    if wrong is None or wrong == name or world.alike(wrong) - {core_of(level, name)}:
        return None
    draft.put(level, wrong)
    if level != "compound":
        draft.drop("compound", *(("phase",) if rng.random() < 0.5 else ()))
    if rng.random() < 0.5:
        draft.drop("province", "city")
    standard = Draft(draft.node, [(lv, w) for lv, w in draft.parts])
    ids = world.meant(standard)
    if len(ids) > 1:
        return None
    draft.accept = ids
    return draft


_STEM = re.compile(r"^(.*?)((?:[东西南北中]|[一二三四五六七八九十]+)?(?:公路|大道|大街|支路|路|街|道|巷|弄|[宅浜湾屯]|小区|花园|苑|城|园))$")


def _stem(name: str) -> tuple[str, str]:
    found = _STEM.match(name)
    return (found[1], found[2]) if found else (name, "")


_BY_SOUND: dict[str, list[str]] = {}
for _character in "安古敦墩新心兴星华花骅明鸣名阳洋杨扬江姜将红虹洪宏鸿平苹萍长常昌和河荷合东冬冻南男兰蓝林临琳淋北贝西溪希金京晶经山珊杉文闻纹景井静境政正振镇中忠钟众学雪血大达打水税通桐童同福富府付园圆元源远龙隆泷容荣凤丰枫封锋峰天田添甜塘唐堂糖浦普埔谱桥侨乔海亥泉全权泽则宝保堡青清卿轻庆建健剑渔鱼余于盛胜圣绿律吕":
    _BY_SOUND.setdefault(readings(_character)[0], []).append(_character)


@operator(16, ("room", "number", "building"))
def homophone(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        stem, tail = _stem(name)
        places = [n for n, c in enumerate(stem) if len(_BY_SOUND.get(readings(c)[0], [])) > 1 and c not in "东西南北中上下大小一二三四五六七八九十新老"]
        if not places:
            return None
        at = rng.choice(places)
        others = [c for c in _BY_SOUND[readings(stem[at])[0]] if c != stem[at] and c not in "东西南北中大新"]
        return stem[:at] + rng.choice(others) + stem[at + 1 :] + tail if others else None

    return _misspelt(rng, world, draft, make)


@operator(16, ("room", "number", "building"))
def look_alike(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        stem, tail = _stem(name)
        places = [n for n, c in enumerate(stem) if c in words.SHAPES]
        if not places or len(stem) < 2:
            return None
        at = rng.choice(places)
        return stem[:at] + words.SHAPES[stem[at]] + stem[at + 1 :] + tail

    return _misspelt(rng, world, draft, make)


@operator(16, ROOM)
def unit_word_misspelt(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    pairs = [("building", "栋", "拣"), ("building", "幢", "憧"), ("building", "幢", "撞"), ("building", "栋", "动"), ("room", "室", "窒"), ("room", "室", "是"), ("room", "室", "事"), ("unit", "单元", "单园"), ("unit", "单元", "丹元"), ("building", "号楼", "号搂")]
    fit = [(lv, a, b) for lv, a, b in pairs if draft.get(lv).endswith(a)]
    if not fit:
        return None
    level, right, wrong = rng.choice(fit)
    draft.put(level, draft.get(level).removesuffix(right) + wrong)
    return draft


@operator(17, ("room", "number", "building"))
def dropped_character(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        stem, tail = _stem(name)
        if len(stem) < 3 and not name.endswith(("家宅", "家浜", "家湾", "家屯")):
            return None
        at = rng.randrange(len(stem))
        if name.endswith(("宅", "浜", "湾", "屯")):
            at = name.find("家")  # without its family name it is another hamlet
        return None if at < 1 or stem[at : at + 1] in tuple("东西南北中大小新老一二三四五六七八九十") else stem[:at] + stem[at + 1 :] + tail

    return _misspelt(rng, world, draft, make)


@operator(17, ("room", "number", "building"))
def swapped_characters(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        stem, tail = _stem(name)
        if len(stem) < 2:
            return None
        at = rng.randrange(len(stem) - 1)
        return stem[:at] + stem[at + 1] + stem[at] + stem[at + 2 :] + tail

    return _misspelt(rng, world, draft, make)


@operator(17, ("room", "number", "building"))
def doubled_character(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        stem, tail = _stem(name)
        if len(stem) < 2:
            return None
        at = rng.randrange(len(stem))
        return None if stem[at] in "东西南北中一二三四五六七八九十" else stem[: at + 1] + stem[at:] + tail

    return _misspelt(rng, world, draft, make)


@operator(17, ("room", "number", "building"))
def other_road_word(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        for word in ("大道", "大街", "路", "街"):
            if name.endswith(word) and not name.endswith(("公路", "支路", "高架路", "辅路")):
                return name.removesuffix(word) + rng.choice([w for w in ("路", "街", "大道", "大街") if w != word])
        return None

    if not draft.has("road"):
        return None
    stem = re.sub(r"(大道|大街|路|街)$", "", draft.get("road"))
    if sum(name.startswith(stem) and len(name) - len(stem) <= 2 for name in world.named) > 1:
        return None
    return _misspelt(rng, world, draft, make)


@operator(46, DEEP)
def typed_letters(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    levels = [lv for lv in numbered(draft) if re.search(r"\d\d", draft.get(lv)) and re.search(r"[01]", draft.get(lv))]
    if not levels:
        return None
    level = rng.choice(levels)
    old = draft.get(level)
    places = [n for n, c in enumerate(old) if c in "01"]
    at = rng.choice(places)
    new = old[:at] + rng.choice({"0": "Oo", "1": "lI"}[old[at]]) + old[at + 1 :]
    if not re.search(r"\d", new):
        return None
    draft.put(level, new)
    return draft


# ── buildings, units, floors, rooms (20-26) ──

_B = re.compile(r"^(.+?)(号楼|栋|幢|座|号)$")


@operator(20, ("room", "building", "unit"))
def building_word(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = _B.match(draft.get("building"))
    if found is None:
        return None
    letters = found[1][0].isalpha()
    forms = ["座", "栋", "幢", "楼", "号楼"] if letters else ["号楼", "栋", "幢", "座", "#", "#楼", "号"]
    draft.put("building", found[1] + rng.choice(forms))
    return draft


@operator(21, ROOM)
def chained(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    building, unit = _B.match(draft.get("building")), draft.get("unit").removesuffix("单元")
    room = draft.get("room").removesuffix("室")
    if building is None or not re.fullmatch(r"[A-Z]?\d+[A-Z]?", room) or draft.has("floor"):
        return None
    b = building[1]
    forms = [f"{b}-{unit}-{room}", f"{b}#{unit}-{room}", f"{b}栋{unit}-{room}", f"{b}/{unit}/{room}", f"{b}幢{unit}门{room}", f"{b}－{unit}－{room}室", f"{b}—{unit}—{room}", f"{b}#-{unit}-{room}"] if unit else [f"{b}-{room}", f"{b}#{room}", f"{b}/{room}", f"{b}栋{room}", f"{b}－{room}室", f"{b}#-{room}"]
    draft.drop("building", "unit")
    draft.put("room", rng.choice(forms))
    draft.accept = {draft.node}
    return draft


@operator(22, ROOM)
def door_without_word(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    if not draft.has("road", "number", "building") or not re.fullmatch(r"\d+(号|弄)", draft.get("number")):
        return None
    building, unit = _B.match(draft.get("building")), draft.get("unit").removesuffix("单元")
    room = draft.get("room").removesuffix("室")
    if building is None or draft.has("floor"):
        return None
    number = draft.get("number")[:-1]
    chain = "-".join(x for x in (number, building[1], unit, room) if x)
    draft.drop("number", "building", "unit", "compound", "phase")
    draft.put("room", chain)
    draft.accept = {draft.node}
    return draft


@operator(23, ROOM)
def floor_said(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    room = draft.get("room").removesuffix("室")
    floor = implied_floor(room)
    if floor is None or floor.startswith("-") or draft.has("floor") or not room.isdigit():
        return None
    forms = [f"{floor}层{room}", f"{floor}楼{room}室", f"{floor}F-{room}", f"第{spelling.in_words(int(floor))}层{room}室", f"{spelling.in_words(int(floor))}楼{room}", f"{floor}F{room}", f"{floor}/F {room}室", f"{floor}层-{room}"]
    draft.put("room", rng.choice(forms))
    draft.accept = {draft.node}
    return draft


@operator(24, ("floor", "floor", "room"))
def basement(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"地下(\d)层", draft.get("floor"))
    if found is None:
        return None
    n = found[1]
    word = spelling.DIGITS[int(n)]
    forms = [f"B{n}层", f"-{n}层", f"负{word}楼", f"负{n}层", f"地下{word}层", f"地下{n}楼", f"B{n}F", f"-{n}F", f"负{word}层"]
    if world.level[draft.node] == "floor":
        forms += [f"B{n}", f"LB{n}"]
    draft.put("floor", rng.choice(forms))
    return draft


@operator(25, ROOM)
def room_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    room = draft.get("room").removesuffix("室")
    forms = [room, f"{room}房", f"{room}房间", f"{room}号房", f"{room}户", f"{room}号", f"{room} 室"]
    if room.isdigit() and len(room) == 3:
        forms.append(f"0{room}室")
    if room[-1].isalpha():
        forms.append(f"{room.lower()}室")
    draft.put("room", rng.choice(forms))
    return draft


@operator(26, ("room", "unit"))
def unit_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    unit = draft.get("unit").removesuffix("单元")
    if not unit.isdigit():
        return None
    word = spelling.in_words(int(unit))
    forms = [f"{unit}门", f"{word}单元", f"{unit}梯", f"{word}门", f"第{word}单元"]
    draft.put("unit", rng.choice(forms))
    return draft


@operator(52, ROOM)
def no_unit(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    if not draft.has("unit"):
        return None
    draft.drop("unit")
    return draft


@operator(52, ("road", "compound"))
def bare_name(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    draft.drop("province", "city", "county", "street", "number")
    return draft if len(draft.parts) == 1 else None


# ── doors, lanes, villages (18, 27-30) ──


@operator(27, ("number", "building", "room"))
def sub_number(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"(\d+)号(?:之|附)(\d+)号?", draft.get("number"))
    if found is None:
        return None
    a, b = found[1], found[2]
    word = spelling.in_words(int(b))
    if draft.has("building") and not draft.has("compound"):
        draft.put("number", rng.choice([f"{a}-{b}号", f"{a}号之{word}", f"{a}号附{b}号"]))
        return draft
    draft.put("number", rng.choice([f"{a}号之{b}", f"{a}-{b}号", f"{a}号附{b}号", f"{a}号之{word}", f"{a}号附{b}", f"{a}附{b}号", f"{a}号-{b}号"]))
    return draft


@operator(28, ("number", "building", "room"))
def stem_number(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"([甲乙丙丁])(\d+)号", draft.get("number"))
    if found is None:
        return None
    a, b = found[1], found[2]
    draft.put("number", rng.choice([f"{b}号{a}", f"{a}字{b}号", f"{b}{a}号", f"{a}{spelling.in_words(int(b))}号", f"{a}{b}号"]))
    return draft


@operator(29, ("number", "building"))
def door_range(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"(\d+)号", draft.get("number"))
    if found is None or not draft.has("road"):
        return None
    number = int(found[1])
    last = number + rng.choice([2, 4, 6])
    road = world.parent[next(n for n in world.chain(draft.node) if world.level[n] == "number")]
    cores = {world.core[n] for n in world.children[road]}
    if str(last) in cores or f"{number}-{last}" in cores:
        return None
    draft.put("number", rng.choice([f"{number}-{last}号", f"{number}~{last}号", f"{number}、{last}号", f"{number}至{last}号", f"{number}号-{last}号"]))
    return draft


@operator(30, ("building", "room"))
def lane_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"(\d+)弄", draft.get("number"))
    if found is None:
        return None
    draft.put("number", rng.choice([f"{found[1]} 弄", f"{found[1]}弄，", f"{spelling.by_digit(found[1])}弄", f"{found[1]}弄内", f"{found[1]}弄小区"]))
    return draft


@operator(18, ("number", "village", "group"))
def village_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("community"):
        return None
    lead(rng, draft)
    name = draft.get("community")
    if not name.endswith("村") or draft.has("road"):
        return None
    draft.put("community", rng.choice([name + "村委会", name[:-1] + "村委会", name + "村民委员会", name, name + "委会"]))
    found = re.fullmatch(r"(\d+)(队|组)", draft.get("group"))
    if found:
        draft.put("group", rng.choice([f"{found[1]}组", f"{found[1]}队", f"{spelling.in_words(int(found[1]))}组", f"第{spelling.in_words(int(found[1]))}村民小组", f"{found[1]}村民小组"]))
    return draft


# ── letters (41, 42) ──


@operator(42, ROOM)
def english_words(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    room = draft.get("room").removesuffix("室")
    building = _B.match(draft.get("building"))
    if building is not None and building[1].isalpha() and rng.random() < 0.6:
        draft.put("building", rng.choice([f"Tower {building[1]} ", f"Block {building[1]}, ", f" {building[1]} Tower "]))
    else:
        draft.put("room", rng.choice([f" Room {room}", f" Rm.{room}", f"Room{room}", f"RM {room}"]))
    return draft


def _letters(name: str) -> str:
    return "".join(spellings(name)[0]).capitalize()


@operator(41, ("room", "building", "number"))
def western(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """Room 101, Building 3, No. 5, Linjiang Road, … District."""
    road, number = draft.get("road"), draft.get("number")
    stem = re.sub(r"(大道|大街|路|街)$", "", road)
    if stem == road or stem[-1] in "公支" or not re.fullmatch(r"\d+(号|弄)", number) or draft.has("floor"):
        return None
    same = [n for n in world.by_level["road"] if _letters(re.sub(r"(大道|大街|路|街)$", "", world.core[n])) == _letters(stem)]
    if len(same) > 1 or not re.fullmatch(r"[\u4e00-\u9fa5]+", stem):
        return None
    word = {"大道": "Avenue", "大街": "Street", "街": "Street"}.get(road[len(stem) :], "Road")
    parts = []
    room, unit = draft.get("room").removesuffix("室"), draft.get("unit").removesuffix("单元")
    building = _B.match(draft.get("building"))
    lane = number.endswith("弄")
    if room:
        parts.append(f"{rng.choice(['Room', 'Rm', 'Rm.', 'Flat', 'Suite'])} {room}")
    if unit:
        parts.append(f"Unit {unit}")
    if building:
        parts.append(f"No. {building[1]}" if lane else f"{rng.choice(['Building', 'Bldg', 'Block'])} {building[1]}")
    parts.append(f"Lane {number[:-1]}" if lane else f"No. {number[:-1]}")
    name, tail = _letters(stem), f"{word}{rng.choice(['', '.'])}"
    if rng.random() < 0.5 and not lane:
        parts[-1] = f"{number[:-1]} {name} {tail}"
    else:
        parts.append(f"{name} {tail}")
    county = draft.get("county")
    if county.endswith(("区", "县")) and rng.random() < 0.7:
        parts.append(f"{_letters(county[:-1])} {'District' if county.endswith('区') else 'County'}")
    draft.parts = [("lead", ", ".join(parts))]
    draft.accept = world.meant(Draft(draft.node, world.draft(draft.node).parts))
    return draft if len(draft.accept) == 1 else None


@operator(41, ("room", "building", "number"))
def pinyin_in_order(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """Linjiang Lu 5 Hao 3 Dong 101 Shi."""
    road, number = draft.get("road"), draft.get("number")
    stem = re.sub(r"(大道|大街|路|街)$", "", road)
    if stem == road or not re.fullmatch(r"\d+(号|弄)", number) or draft.has("floor") or draft.has("unit"):
        return None
    if sum(_letters(world.core[n]) == _letters(road) for n in world.by_level["road"]) > 1 or not re.fullmatch(r"[\u4e00-\u9fa5]+", stem):
        return None
    building = _B.match(draft.get("building"))
    room = draft.get("room").removesuffix("室")
    text = f"{_letters(stem)} {_letters(road[len(stem):])} {number[:-1]} {'Hao' if number.endswith('号') else 'Nong'}"
    if building:
        text += f" {building[1]} {'Hao' if number.endswith('弄') else rng.choice(['Dong', 'Zhuang', 'Hao Lou'])}"
    if room:
        text += f" {room} Shi"
    draft.parts = [("lead", text)]
    draft.accept = world.meant(Draft(draft.node, world.draft(draft.node).parts))
    return draft if len(draft.accept) == 1 else None


# ── what is not there (51, 53) ──


def _absent(rng: random.Random, world: World, draft: Draft, level: str, words_: str) -> Draft | None:
    """Everything from `level` on becomes a lie; the answer is what stood above."""
    at = next((n for n, (lv, _) in enumerate(draft.parts) if lv == level), None)
    if at is None:
        return None
    node = next(n for n in world.chain(draft.node) if world.level[n] == level)
    above = world.parent[node]
    if level == "room" and world.level[above] == "floor":
        above = world.parent[above]
    ids = world.meant(Draft(draft.node, draft.parts[:]))
    if len(ids) > 1:
        return None
    found = {above}
    if any(world.level[n] in ("road", "village", "compound") for n in world.chain(above)):
        found |= world.meant(Draft(above, draft.parts[:at]))
    draft.put(level, words_)
    draft.status, draft.missing, draft.deepest = "partial", level, frozenset(found)
    return draft


@operator(51, ROOM)
def no_such_room(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    return _absent(rng, world, draft, "room", f"{rng.randint(61, 98)}{rng.randint(10, 49)}室")


@operator(51, ("room", "building"))
def no_such_building(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    word = "号" if draft.get("building").endswith("号") else rng.choice(["号楼", "栋", "幢"])
    return _absent(rng, world, draft, "building", f"{rng.randint(601, 899)}{word}")


@operator(51, ROOM)
def no_such_unit(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    return _absent(rng, world, draft, "unit", f"{rng.randint(31, 60)}单元")


@operator(51, ("room", "building", "number"))
def no_such_door(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    draft.drop("compound", "phase")
    if not draft.has("road"):
        return None
    return _absent(rng, world, draft, "number", f"{rng.randint(30001, 39999)}" + ("弄" if draft.get("number").endswith("弄") else "号"))


@operator(51, ("room", "building", "number"))
def no_such_road(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    draft.drop("compound", "phase", *(("province",) if rng.random() < 0.5 else ()))
    if not draft.has("street", "road"):
        return None
    return _absent(rng, world, draft, "road", rng.choice(words.NO_ROADS) + rng.choice(["路", "街", "大道", "巷"]))


@operator(51, ("number",))
def no_such_village(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("community", "village"):
        return None
    return _absent(rng, world, draft, "village", rng.choice(words.NO_VILLAGES))


@operator(51, ("room", "building", "number"))
def no_such_city(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("road"):
        return None
    far = "".join(rng.choice(words.STREETS_FAR))
    tail = rng.choice(words.NO_ROADS) + f"路{rng.randint(1, 99)}号{rng.randint(1, 9)}栋{rng.randint(101, 999)}室"
    draft.parts = [("lead", far + tail)]
    draft.status = "none"
    return draft


@operator(53, ("road",))
def nothing(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    draft.parts = [("lead", rng.choice(words.NOTHING))]
    draft.status = "none"
    return draft
