"""Buildings, units, floors, rooms, doors, lanes and villages as people write them."""

import random
import re

import noise_spelling as spelling
from noise_operators import ROOM, lead, operator
from noise_world import Draft, World

from address.grammar import implied_floor

# ── buildings, units, floors, rooms (20-26) ──

_B = re.compile(r"^(.+?)(号楼|栋|幢|座|号)$")


@operator(20, ("room", "building", "unit"))
def building_word(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = _B.match(draft.get("building"))
    if found is None:
        return None
    letters = found[1][0].isalpha()
    forms = (
        ["座", "栋", "幢", "楼", "号楼"]
        if letters
        else ["号楼", "栋", "幢", "座", "#", "#楼", "号"]
    )
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
    forms = (
        [
            f"{b}-{unit}-{room}",
            f"{b}#{unit}-{room}",
            f"{b}栋{unit}-{room}",
            f"{b}/{unit}/{room}",
            f"{b}幢{unit}门{room}",
            f"{b}－{unit}－{room}室",
            f"{b}—{unit}—{room}",
            f"{b}#-{unit}-{room}",
        ]
        if unit
        else [
            f"{b}-{room}",
            f"{b}#{room}",
            f"{b}/{room}",
            f"{b}栋{room}",
            f"{b}－{room}室",
            f"{b}#-{room}",
        ]
    )
    draft.drop("building", "unit")
    draft.put("room", rng.choice(forms))
    draft.accept = {draft.node}
    return draft


@operator(22, ROOM)
def door_without_word(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    if not draft.has("road", "number", "building") or not re.fullmatch(
        r"\d+(号|弄)", draft.get("number")
    ):
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
    forms = [
        f"{floor}层{room}",
        f"{floor}楼{room}室",
        f"{floor}F-{room}",
        f"第{spelling.in_words(int(floor))}层{room}室",
        f"{spelling.in_words(int(floor))}楼{room}",
        f"{floor}F{room}",
        f"{floor}/F {room}室",
        f"{floor}层-{room}",
    ]
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
    forms = [
        f"B{n}层",
        f"-{n}层",
        f"负{word}楼",
        f"负{n}层",
        f"地下{word}层",
        f"地下{n}楼",
        f"B{n}F",
        f"-{n}F",
        f"负{word}层",
    ]
    if world.level[draft.node] == "floor":
        forms += [f"B{n}", f"LB{n}"]
    draft.put("floor", rng.choice(forms))
    return draft


@operator(25, ROOM)
def room_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    room = draft.get("room").removesuffix("室")
    forms = [
        room,
        f"{room}房",
        f"{room}房间",
        f"{room}号房",
        f"{room}户",
        f"{room}号",
        f"{room} 室",
    ]
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
    draft.put(
        "number",
        rng.choice(
            [
                f"{a}号之{b}",
                f"{a}-{b}号",
                f"{a}号附{b}号",
                f"{a}号之{word}",
                f"{a}号附{b}",
                f"{a}附{b}号",
                f"{a}号-{b}号",
            ]
        ),
    )
    return draft


@operator(28, ("number", "building", "room"))
def stem_number(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"([甲乙丙丁])(\d+)号", draft.get("number"))
    if found is None:
        return None
    a, b = found[1], found[2]
    draft.put(
        "number",
        rng.choice(
            [
                f"{b}号{a}",
                f"{a}字{b}号",
                f"{b}{a}号",
                f"{a}{spelling.in_words(int(b))}号",
                f"{a}{b}号",
            ]
        ),
    )
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
    draft.put(
        "number",
        rng.choice(
            [
                f"{number}-{last}号",
                f"{number}~{last}号",
                f"{number}、{last}号",
                f"{number}至{last}号",
                f"{number}号-{last}号",
            ]
        ),
    )
    return draft


@operator(30, ("building", "room"))
def lane_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    found = re.fullmatch(r"(\d+)弄", draft.get("number"))
    if found is None:
        return None
    draft.put(
        "number",
        rng.choice(
            [
                f"{found[1]} 弄",
                f"{found[1]}弄，",
                f"{spelling.by_digit(found[1])}弄",
                f"{found[1]}弄内",
                f"{found[1]}弄小区",
            ]
        ),
    )
    return draft


@operator(18, ("number", "village", "group"))
def village_form(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("community"):
        return None
    lead(rng, draft)
    name = draft.get("community")
    if not name.endswith("村") or draft.has("road"):
        return None
    draft.put(
        "community",
        rng.choice(
            [name + "村委会", name[:-1] + "村委会", name + "村民委员会", name, name + "委会"]
        ),
    )
    found = re.fullmatch(r"(\d+)(队|组)", draft.get("group"))
    if found:
        draft.put(
            "group",
            rng.choice(
                [
                    f"{found[1]}组",
                    f"{found[1]}队",
                    f"{spelling.in_words(int(found[1]))}组",
                    f"第{spelling.in_words(int(found[1]))}村民小组",
                    f"{found[1]}村民小组",
                ]
            ),
        )
    return draft
