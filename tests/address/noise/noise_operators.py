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

from address.lexicon import former_divisions, short_admin

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
    return [
        lv
        for lv, _ in draft.parts
        if lv in ("number", "building", "unit", "floor", "room", "group")
    ]


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


_whole("full_width", 3, lambda w, _: spelling.full_width(w))
_whole("traditional", 4, lambda w, _: spelling.traditional(w))
_whole("radicals", 5, lambda w, _: spelling.radicals(w))
_whole("zero_width", 5, lambda w, rng: spelling.zero_width(w, rng))
_whole(
    "spaced",
    45,
    lambda w, _: " ".join(re.findall(r"\d+|[A-Z]+|[^\dA-Z]", w)) if re.search(r"\d", w) else w,
)


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
    letters = {
        "上海市": "沪",
        "浙江省": "浙",
        "江苏省": "苏",
        "广东省": "粤",
        "湖北省": "鄂",
        "天津市": "津",
        "北京市": "京",
        "重庆市": "渝",
        "河南省": "豫",
        "山东省": "鲁",
        "福建省": "闽",
        "四川省": "川",
        "安徽省": "皖",
        "河北省": "冀",
    }
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
    first = next(
        (
            world.core[n]
            for n in world.chain(draft.node)
            if world.level[n] in ("road", "village", "compound")
        ),
        "",
    )
    return any(
        any(world.level[m] == level and world.name[m] == name for m in world.chain(n))
        for near in world.alike(first)
        for n in world.named.get(near, [])
    )


@operator(39)
def wrong_county(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    name = _other(rng, world, "county", draft.node, "city")
    ids = world.meant(
        Draft(draft.node, [p for p in draft.parts if p[0] not in ("county", "street")])
    )
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
    if (
        name is None
        or len(ids) > 1
        or _elsewhere(world, draft, "street", name)
        or not draft.has("street")
    ):
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
    draft.put(
        "street",
        rng.choice(["城关", "新桥", "双龙", "红光", "永宁"]) + rng.choice(["镇", "街道", "乡"]),
    )
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
    again = "".join(form(draft.get(lv)) for lv in levels[rng.randint(0, len(levels) - 1) :])
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
    draft.put(
        "compound",
        draft.get("compound")
        + rng.choice(["", " ", "（"]).replace("（", "")
        + draft.get("compound"),
    )
    return draft


@operator(15, ("room", "building", "unit"))
def late_divisions(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    at = "compound" if draft.has("compound") else "number"
    if not draft.has("county") or not draft.has(at):
        return None
    late = rng.choice(
        [
            draft.get("city") + draft.get("county"),
            draft.get("county"),
            draft.get("county") + draft.get("street"),
        ]
    )
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


def _around(
    name: str, number: int, before: list[str], after: list[str], levels: tuple[str, ...] = ANY
) -> None:
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
    draft.parts = [
        (lv, w + (mark if n < len(draft.parts) - 1 else ""))
        for n, (lv, w) in enumerate(draft.parts)
    ]
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
