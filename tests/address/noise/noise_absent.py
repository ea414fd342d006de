"""Letters for Chinese, and places that are not there."""

import random
import re

import noise_words as words
from noise_operators import ROOM, lead, operator
from noise_world import Draft, World

from address.pinyin import spellings

_B = re.compile(r"^(.+?)(号楼|栋|幢|座|号)$")

# ── letters (41, 42) ──


@operator(42, ROOM)
def english_words(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft)
    room = draft.get("room").removesuffix("室")
    building = _B.match(draft.get("building"))
    if building is not None and building[1].isalpha() and rng.random() < 0.6:
        draft.put(
            "building",
            rng.choice(
                [f"Tower {building[1]} ", f"Block {building[1]}, ", f" {building[1]} Tower "]
            ),
        )
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
    if (
        stem == road
        or stem[-1] in "公支"
        or not re.fullmatch(r"\d+(号|弄)", number)
        or draft.has("floor")
    ):
        return None
    same = [
        n
        for n in world.by_level["road"]
        if _letters(re.sub(r"(大道|大街|路|街)$", "", world.core[n])) == _letters(stem)
    ]
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
        parts.append(
            f"No. {building[1]}"
            if lane
            else f"{rng.choice(['Building', 'Bldg', 'Block'])} {building[1]}"
        )
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
    if (
        stem == road
        or not re.fullmatch(r"\d+(号|弄)", number)
        or draft.has("floor")
        or draft.has("unit")
    ):
        return None
    if sum(
        _letters(world.core[n]) == _letters(road) for n in world.by_level["road"]
    ) > 1 or not re.fullmatch(r"[\u4e00-\u9fa5]+", stem):
        return None
    building = _B.match(draft.get("building"))
    room = draft.get("room").removesuffix("室")
    text = f"{_letters(stem)} {_letters(road[len(stem) :])} {number[:-1]} {'Hao' if number.endswith('号') else 'Nong'}"
    if building:
        text += f" {building[1]} {'Hao' if number.endswith('弄') else rng.choice(['Dong', 'Zhuang', 'Hao Lou'])}"
    if room:
        text += f" {room} Shi"
    draft.parts = [("lead", text)]
    draft.accept = world.meant(Draft(draft.node, world.draft(draft.node).parts))
    return draft if len(draft.accept) == 1 else None


# ── what is not there (51, 53) ──


def absent(rng: random.Random, world: World, draft: Draft, level: str, words_: str) -> Draft | None:
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
    return absent(rng, world, draft, "room", f"{rng.randint(61, 98)}{rng.randint(10, 49)}室")


@operator(51, ("room", "building"))
def no_such_building(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    word = "号" if draft.get("building").endswith("号") else rng.choice(["号楼", "栋", "幢"])
    return absent(rng, world, draft, "building", f"{rng.randint(601, 899)}{word}")


@operator(51, ROOM)
def no_such_unit(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    return absent(rng, world, draft, "unit", f"{rng.randint(31, 60)}单元")


@operator(51, ("room", "building", "number"))
def no_such_door(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    lead(rng, draft, 2)
    draft.drop("compound", "phase")
    if not draft.has("road"):
        return None
    return absent(
        rng,
        world,
        draft,
        "number",
        f"{rng.randint(30001, 39999)}" + ("弄" if draft.get("number").endswith("弄") else "号"),
    )


@operator(51, ("room", "building", "number"))
def no_such_road(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    draft.drop("compound", "phase", *(("province",) if rng.random() < 0.5 else ()))
    if not draft.has("street", "road"):
        return None
    return absent(
        rng,
        world,
        draft,
        "road",
        rng.choice(words.NO_ROADS) + rng.choice(["路", "街", "大道", "巷"]),
    )


@operator(51, ("number",))
def no_such_village(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("community", "village"):
        return None
    return absent(rng, world, draft, "village", rng.choice(words.NO_VILLAGES))


@operator(51, ("room", "building", "number"))
def no_such_city(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    if not draft.has("road"):
        return None
    far = "".join(rng.choice(words.STREETS_FAR))
    tail = (
        rng.choice(words.NO_ROADS)
        + f"路{rng.randint(1, 99)}号{rng.randint(1, 9)}栋{rng.randint(101, 999)}室"
    )
    draft.parts = [("lead", far + tail)]
    draft.status = "none"
    return draft


@operator(53, ("road",))
def nothing(rng: random.Random, world: World, draft: Draft) -> Draft | None:
    draft.parts = [("lead", rng.choice(words.NOTHING))]
    draft.status = "none"
    return draft
