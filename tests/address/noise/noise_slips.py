"""Slips of ear, eye and keyboard in names and numbers."""

import random
import re
from collections.abc import Callable

import noise_words as words
from noise_operators import DEEP, ROOM, lead, numbered, operator
from noise_world import Draft, World

from address.grammar import core_of
from address.pinyin import readings

# ── mistakes (16, 17, 46) ──


def _misspelt(
    rng: random.Random, world: World, draft: Draft, make: Callable[[str], str | None]
) -> Draft | None:
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


_STEM = re.compile(
    r"^(.*?)((?:[东西南北中]|[一二三四五六七八九十]+)?(?:公路|大道|大街|支路|路|街|道|巷|弄|[宅浜湾屯]|小区|花园|苑|城|园))$"
)


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
        places = [
            n
            for n, c in enumerate(stem)
            if len(_BY_SOUND.get(readings(c)[0], [])) > 1
            and c not in "东西南北中上下大小一二三四五六七八九十新老"
        ]
        if not places:
            return None
        at = rng.choice(places)
        others = [
            c
            for c in _BY_SOUND[readings(stem[at])[0]]
            if c != stem[at] and c not in "东西南北中大新"
        ]
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
    pairs = [
        ("building", "栋", "拣"),
        ("building", "幢", "憧"),
        ("building", "幢", "撞"),
        ("building", "栋", "动"),
        ("room", "室", "窒"),
        ("room", "室", "是"),
        ("room", "室", "事"),
        ("unit", "单元", "单园"),
        ("unit", "单元", "丹元"),
        ("building", "号楼", "号搂"),
    ]
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
        return (
            None
            if at < 1 or stem[at : at + 1] in tuple("东西南北中大小新老一二三四五六七八九十")
            else stem[:at] + stem[at + 1 :] + tail
        )

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
        return (
            None
            if stem[at] in "东西南北中一二三四五六七八九十"
            else stem[: at + 1] + stem[at:] + tail
        )

    return _misspelt(rng, world, draft, make)


@operator(17, ("room", "number", "building"))
def other_road_word(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    def make(name: str) -> str | None:
        for word in ("大道", "大街", "路", "街"):
            if name.endswith(word) and not name.endswith(("公路", "支路", "高架路", "辅路")):
                return name.removesuffix(word) + rng.choice(
                    [w for w in ("路", "街", "大道", "大街") if w != word]
                )
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
    levels = [
        lv
        for lv in numbered(draft)
        if re.search(r"\d\d", draft.get(lv)) and re.search(r"[01]", draft.get(lv))
    ]
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
