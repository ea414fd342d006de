"""Habits of writing: glued, lower case, spoken digits, brackets round words, mixtures of all."""

import random
import re

import noise_houses
import noise_slips
import noise_spelling as spelling
from noise_absent import absent
from noise_operators import OPERATORS, ROOM, lead, numbered, operator
from noise_world import Draft, World

from address.grammar import implied_floor
from address.lexicon import short_admin

_B = re.compile(r"^(.+?)(号楼|栋|幢|座|号)$")


@operator(20, ("room", "building", "unit"))
def building_habit(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = _B.match(draft.get("building"))
    if found is None or not found[1].isdigit():
        return None
    word = spelling.in_words(int(found[1]))
    draft.put(
        "building",
        rng.choice(
            [
                f"第{found[1]}栋",
                f"第{word}幢",
                f"{found[1]}＃楼",
                f"{word}号楼",
                f"{found[1]}栋楼",
                f"{found[1]}(栋)",
                f"{found[1]}#楼(栋)",
                f"{found[1]} 号楼",
            ]
        ),
    )
    return draft


@operator(20, ("room", "building"))
def letter_glued(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = _B.match(draft.get("building"))
    if found is None or not found[1].isalpha() or draft.has("floor"):
        return None
    letter, room = found[1], draft.get("room").removesuffix("室")
    if room and room.isdigit():
        draft.drop("building")
        draft.put(
            "room",
            rng.choice(
                [
                    f"{letter}座{room}",
                    f"{letter}-{room}",
                    f"{letter.lower()}座{room}室",
                    f"{letter}栋-{room}",
                    f"{letter}楼{room}",
                ]
            ),
        )
        draft.accept = {draft.node}
    else:
        draft.put("building", rng.choice([f"{letter.lower()}座", f"{letter}栋", f"{letter}楼"]))
    return draft


@operator(22, ("number", "building"))
def door_habit(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"(\d+)号", draft.get("number"))
    if found is None or not draft.has("road"):
        return None
    n = found[1]
    draft.put(
        "number",
        rng.choice(
            [
                f"{n}#",
                f"门牌{n}号",
                f"{n}号内",
                f"{n}号院内",
                f"({n}号)",
                f"{n}(号)",
                f"{n} 号",
                f"{n}号大院",
                f"{n}号门",
            ]
        ),
    )
    return draft


@operator(2, ("room", "building", "number"))
def spoken_digits(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    levels = [lv for lv in numbered(draft) if re.search(r"1\d|\d1", draft.get(lv))]
    if not levels:
        return None
    level = rng.choice(levels)
    draft.put(level, spelling.by_digit(draft.get(level), "零").replace("一", "幺"))
    return draft


@operator(45, ("room", "unit", "building"))
def words_bracketed(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """3(栋)2(单元)501(室)."""
    lead(rng, draft)
    changed = False
    for level, word in (("building", "栋"), ("building", "幢"), ("unit", "单元"), ("room", "室")):
        text = draft.get(level)
        if text.endswith(word):
            draft.put(
                level,
                text.removesuffix(word)
                + rng.choice(["(", "（"]).replace("(", f"({word})").replace("（", f"（{word}）"),
            )
            changed = True
    return draft if changed else None


@operator(23, ROOM)
def floor_and_short_room(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """5楼01室, 501室(5楼)."""
    lead(rng, draft)
    room = draft.get("room").removesuffix("室")
    floor = implied_floor(room)
    if floor is None or not room.isdigit() or draft.has("floor"):
        return None
    draft.put(
        "room",
        rng.choice(
            [
                f"{room}室（{floor}楼）",
                f"{room}({floor}层)",
                f"{floor}楼{room}号",
                f"{floor} 层 {room} 室",
            ]
        ),
    )
    draft.accept = {draft.node}
    return draft


@operator(21, ROOM)
def unit_joined(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    unit, room = draft.get("unit").removesuffix("单元"), draft.get("room").removesuffix("室")
    if not unit.isdigit() or draft.has("floor") or not room.isdigit():
        return None
    word = spelling.in_words(int(unit))
    draft.drop("unit")
    draft.put(
        "room",
        rng.choice(
            [
                f"{unit}单元-{room}",
                f"{unit}-{room}室",
                f"{word}单元{room}",
                f"{unit}单元{room}号",
                f"{word}-{room}",
                f" {unit}单元 {room}",
            ]
        ),
    )
    draft.accept = {draft.node}
    return draft


@operator(8, ANY_LEVELS := ("room", "number", "building"))
def mixed_short(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """Some divisions short, some long: 浙江杭州市上城."""
    for level in ("province", "city", "county"):
        if rng.random() < 0.5 and draft.get(level):
            forms = short_admin(draft.get(level))
            draft.put(level, min(forms, key=len) if forms else draft.get(level))
    return draft


@operator(45, ANY_LEVELS)
def divisions_joined(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """浙江省-杭州市-上城区-小营街道."""
    mark = rng.choice(["-", "/", " ", ">", "，"])
    for level in ("province", "city", "county", "street"):
        if draft.get(level):
            draft.put(level, draft.get(level) + mark)
    return draft if draft.has("county") else None


@operator(15, ANY_LEVELS)
def country_first(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    draft.parts.insert(
        0,
        ("lead", rng.choice(["中国", "中国，", "中华人民共和国", "CN ", "华东区 ", "收货地址："])),
    )
    return draft


@operator(40, ANY_LEVELS)
def street_office(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    street = draft.get("street")
    if not street.endswith("街道"):
        return None
    draft.put("street", rng.choice([street + "办事处", street[:-2] + "街办", street + "办"]))
    draft.drop("province")
    return draft


@operator(37, ANY_LEVELS)
def county_for_district(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """余杭县 for 余杭区: the name of before, or just a wrong word."""
    county = draft.get("county")
    if (
        len(county) < 3
        or county.endswith("新区")
        or county[-1] not in "区县"
        or not draft.has("city", "street")
    ):
        return None
    draft.put("county", county[:-1] + ("县" if county[-1] == "区" else "区"))
    draft.accept = {draft.node} if len(world.meant(draft)) == 1 else set()
    return draft if draft.accept else None


@operator(14, ROOM)
def room_twice(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    room = draft.get("room")
    draft.put(
        "room",
        rng.choice([f"{room}{room}", f"{room} {room.removesuffix('室')}", f"{room}({room})"]),
    )
    return draft


@operator(12, ("room", "building"))
def other_compound(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """The right door with an estate name nobody lists."""
    if draft.has("compound") or not draft.has("road", "number", "building"):
        return None
    draft.put(
        "number", draft.get("number") + rng.choice(["金辉华府", "锦官新苑", "翰林雅居", "绿野香洲"])
    )
    return draft


@operator(13, ("room", "building", "unit"))
def compound_with_tail(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    name = draft.get("compound")
    if not name or name.endswith(("小区", "大厦", "中心", "广场", "公寓")):
        return None
    draft.drop("province", "city", "road", "number")
    draft.put("compound", name + "小区")
    return draft


@operator(44, ("room", "building", "unit"))
def road_behind(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """锦绣家园3号楼501 中山路88号 上城区."""
    if not draft.has("compound", "road", "number", "county"):
        return None
    tail = f"{draft.get('road')}{draft.get('number')}"
    front = [
        p
        for p in draft.parts
        if p[0] not in ("province", "city", "county", "street", "road", "number")
    ]
    draft.parts = front
    ids = world.meant(draft)
    draft.accept = {draft.node}
    draft.ends = rng.choice([f"，{tail}", f"（{tail}）", f" {tail}"])
    return draft if ids else None


@operator(45, ANY_LEVELS)
def odd_marks(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    text = draft.text()
    at = rng.randrange(len(draft.parts))
    marks = ["\n", "\t", "😀", "。", "&nbsp;", "\u3000", "~", "*", "…", "<br>"]
    draft.parts.insert(at, ("mark", rng.choice(marks)))
    return draft if text else None


@operator(43, ANY_LEVELS)
def postcode_around(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    code = str(rng.randint(100000, 859999))
    lead(rng, draft)
    if rng.random() < 0.5:
        draft.parts.insert(0, ("lead", rng.choice([f"({code})", f"邮编：{code}，", f"{code},"])))
    else:
        draft.ends = rng.choice([f"（邮编{code}）", f" {code}", f"，邮政编码：{code}"])
    return draft


@operator(51, ("room", "building", "number"))
def other_direction(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    """解放西路 where there is only 解放东路: another road, not a slip."""
    found = re.fullmatch(r"(.+)([东西南北])(路|街|大道)", draft.get("road"))
    if found is None or not draft.has("street", "county"):
        return None
    wrong = found[1] + rng.choice([d for d in "东西南北" if d != found[2]]) + found[3]
    if wrong in world.named or world.alike(wrong) - {draft.get("road")} - {
        w for w in world.named if w.startswith(found[1])
    }:
        return None
    if any(name in world.named for name in (found[1] + found[3], found[1] + "中" + found[3])):
        return None
    draft.drop("compound", "phase")
    return absent(rng, world, draft, "road", wrong)


@operator(51, ROOM)
def no_such_floor(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    if not draft.has("floor"):
        draft.parts.insert(len(draft.parts) - 1, ("floor", ""))
    building = next(
        (n for n in world.chain(draft.node) if world.level[n] in ("unit", "building")), None
    )
    own = {world.level[c] for c in world.children.get(world.parent[draft.node], [])}
    if building is None or world.level[world.parent[draft.node]] != "floor" or len(own) > 1:
        return None
    return absent(rng, world, draft, "floor", f"{rng.randint(71, 90)}层")


@operator(48, ("number", "building"))
def beside(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    draft.ends = rng.choice(
        [
            "旁边的小店",
            "门口的快递柜",
            "附近的公交站",
            "楼下便利店",
            "（物业办公室旁）",
            "北侧绿化带",
            "东门门卫室",
        ]
    )
    return draft


def _mixture(count: int) -> None:
    quiet = ("numerals_unit", "numerals_place", "full_width", "traditional", "no_province", "short_divisions", "no_street",
             "contact", "tenant", "relation", "separated", "building_word", "unit_form", "room_form", "typed_letters",
             "repeated_divisions", "zero_width", "postcode_around", "building_habit", "zone_added")  # fmt: skip
    alike = (
        "numerals_unit",
        "numerals_place",
        "typed_letters",
        "building_habit",
        "unit_form",
        "building_word",
    )
    runs = {name: (levels, run) for name, _, levels, run in OPERATORS if name in quiet}

    def run(rng: random.Random, world: World, draft: Draft) -> Draft | None:
        level = world.level[draft.node]
        names = [n for n, (levels, _) in runs.items() if level in levels and n not in alike]
        names.append(rng.choice([n for n in alike if level in runs[n][0]]))
        changed = 0
        for name in rng.sample(names, min(len(names), count + 2)):
            if changed == count:
                break
            copy = Draft(draft.node, list(draft.parts), draft.ends)
            made = runs[name][1](rng, world, copy)
            if made is None or made.status != "exact" or (made.ends and draft.ends):
                continue
            lead_words = [w for lv, w in made.parts if lv == "lead"]
            if len(lead_words) > 1:
                continue
            draft.parts, draft.ends, draft.accept = (
                made.parts,
                made.ends,
                made.accept or draft.accept,
            )
            changed += 1
        return draft if changed == count else None

    run.__name__ = f"mixture_{count}"
    operator(45, ("room", "building", "number"))(run)


_mixture(2)
_mixture(3)
_mixture(4)
__all__ = ["noise_houses", "noise_slips"]
