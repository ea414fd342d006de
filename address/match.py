"""Find the standard address a text means: structure first, never an invention."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from address.aliases import former_names
from address.confidence import confidence, signs_of
from address.descend import Way, descend
from address.divisions import admin_level
from address.model import RANK, Candidate, Element, Fault, Match, Status, read_later
from address.normalise import Normalised, normalise
from address.parse import elements_of
from address.query import Item, Items, Query, read_query, reread

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = [
    "Way", "answer_of", "elements_in", "match", "match_by_reference", "match_of", "several", "ways",
]  # fmt: skip

_ADMIN = frozenset(("province", "city", "county", "street"))
_ANCHORS = frozenset(
    RANK[x]
    for x in ("community", "group", "village", "road", "number", "compound", "poi", "building")
)
_CONFLICT = {"province": 9.0, "city": 6.0, "county": 1.2, "street": 0.6, "community": 0.5}
_ELSEWHERE = 30.0
"""Cost of an answer in another city than the one named: never given."""
_SAME = 0.011


def match(index: "AddressIndex", text: str, focus: tuple[float, float] | None = None) -> Match:
    """See `address.index.AddressIndex.match`."""
    if not len(index):
        return Match("none")
    fast = index.quick()
    answer = fast.match(text, focus) if fast is not None else None
    if answer is not None:
        return read_later(answer, partial(elements_in, index, text))
    return match_by_reference(index, text, focus)


def elements_in(index: "AddressIndex", text: str) -> tuple[Element, ...]:
    """Elements of a text, by the names of an index."""
    return _elements_of(index, normalise(text))


def _elements_of(index: "AddressIndex", source: Normalised) -> tuple[Element, ...]:
    return tuple(elements_of(source, index.names))


def match_by_reference(
    index: "AddressIndex", text: str, focus: tuple[float, float] | None = None
) -> Match:
    """As `match`, without the compiled path."""
    query = read_query(index, text)
    found = ways(index, query)
    if not found or found[0].cost > 0.5:
        again = reread(index, query)
        if again is not None:
            other = ways(index, again)
            if other and (not found or _better(other[0], found[0])):
                query, found = again, other
    if found:
        answer = answer_of(index, query, found, focus)
    else:
        sure = confidence(signs_of(index, query, [], []))
        answer = Match("none", faults=_outside(query), confidence=sure)
        if query.source.starts is not None:
            return answer
    return read_later(answer, partial(_elements_of, index, query.source))


def _better(a: Way, b: Way) -> bool:
    """Complete before partial, then cheaper."""
    return (a.missing is not None, a.cost) < (b.missing is not None, b.cost - 0.05)


def _outside(query: Query) -> tuple[Fault, ...]:
    return tuple(
        Fault("PLACE.outside", item.piece.level or "name", item.piece.text, "", 1.0)
        for item in query.items
        if item.piece.kind in ("admin", "generic")
    )


def ways(index: "AddressIndex", query: Query) -> list[Way]:
    """Ways to read the query, cheapest first; those within a hair of the first are its rivals."""
    items = query.items
    items.steps = 0
    evidence = [
        i
        for i in items
        if i.nodes
        and all(index.level_of(r) in _ADMIN or index.level_of(r) == "community" for r in i.nodes)
    ]
    outside = [i for i in items if i.piece.kind == "admin"]
    found: list[Way] = []
    anchors = []
    for number, item in enumerate(items[:40]):
        rows = [row for row in item.nodes if index.levels[row] in _ANCHORS]
        if rows:
            anchors.append((all(index.levels[row] != RANK["road"] for row in rows), number, rows))
    for _, number, rows in sorted(anchors):
        found += _from_anchor(index, items, number, rows, evidence, outside)
        if any(way.missing is None and way.cost < 0.02 for way in found):
            break  # what follows says the same place from another side
    if not found or min(way.cost for way in found) > 0.5:
        found += _repaired(index, items, evidence, outside)
    found = [way for way in found if _plausible(way)]
    if not any(way.missing is None for way in found):
        found += _from_admin(index, items, evidence, outside)
    return _best(index, found)


def _plausible(way: Way) -> bool:
    """A place in another county, or under a repaired name, needs its door to be right."""
    if way.missing is None or way.missing not in ("number", "building"):
        return way.cost < 20
    far = any(
        f.code in ("COUNTY.conflict", "CITY.conflict", "PROVINCE.conflict") for f in way.faults
    )
    guessed = any(
        f.code.endswith((".spelling", ".homophone", ".suffix", ".omitted")) for f in way.faults
    )
    return not far and not (guessed and way.missing == "number")


def _best(index: "AddressIndex", found: list[Way]) -> list[Way]:
    """Cheapest way to each node, in order of cost, then depth, then id."""
    cheapest: dict[int, Way] = {}
    for way in found:
        known = cheapest.get(way.row)
        if known is None or way.cost < known.cost:
            cheapest[way.row] = way
    return sorted(
        cheapest.values(),
        key=lambda w: (round(w.cost, 3), -index.levels[w.row], index.id_of(w.row)),
    )


def _conflicts(
    index: "AddressIndex", row: int, evidence: list[Item], outside: list[Item]
) -> Iterator[tuple[float, Fault]]:
    """What the named divisions say against a node."""
    items = sorted((*evidence, *outside), key=lambda item: item.piece.start)
    above = set(index.above(row))
    fits, wrong = _named_divisions(index, above, evidence)
    local = bool(fits & {"city", "county"})

    def against(level: str, given: str, penalty: float, cost: float) -> tuple[float, Fault]:
        used = next((index.core_of_row(r) for r in above if index.level_of(r) == level), "")
        return cost, Fault(f"{level.upper()}.conflict", level, given, used, penalty)

    for item in evidence:
        fault = _renamed(index, item, above)
        if fault is not None:
            yield 0.0, fault
    for level, given in wrong.items():
        if level not in fits and level in _CONFLICT:
            far = not local and level in ("province", "city") and _is_sure(given, items)
            yield against(level, given, 0.03, _ELSEWHERE if far else _CONFLICT[level])
    for item in outside:
        level = _level_outside(item)
        far = not local and level in ("province", "city") and _is_sure(item.piece.text, items)
        cost = _ELSEWHERE if far else _CONFLICT.get(level, 1.2)
        found = against(level, item.piece.text, 0.06, cost)
        if level not in fits and found[1].used:
            yield found


def _renamed(index: "AddressIndex", item: Item, above: set[int]) -> Fault | None:
    """A division called by a name it no longer has; where it was split, the part taken is told."""
    given = item.piece.text
    for row in item.nodes:
        if row not in above or index.levels[row] not in (RANK["city"], RANK["county"]):
            continue
        used = index.core_of_row(row)
        if given != used and given in former_names(used):
            parts = {
                index.core_of_row(r) for r in item.nodes if index.levels[r] == index.levels[row]
            }
            what = "split" if len(parts) > 1 else "renamed"
            level = index.level_of(row)
            return Fault(f"{level.upper()}.{what}", level, given, used, 0.0)
    return None


def _is_sure(name: str, items: list[Item]) -> bool:
    """A division written in full, or the first thing said: no estate that is called so."""
    return name[-1] in "省市区县州盟旗" or (
        items[0].piece.text == name and not items[0].piece.start
    )


def _named_divisions(
    index: "AddressIndex", above: set[int], evidence: list[Item]
) -> tuple[set[str], dict[str, str]]:
    """Levels at which a division named in the text holds a node, and names of those that do not."""
    fits: set[str] = set()
    wrong: dict[str, str] = {}
    settled = any(index.levels[r] == RANK["community"] for r in above)
    for item in evidence:
        levels = {index.level_of(r) for r in item.nodes}
        if not settled:
            levels.discard("community")  # a road hangs below its street
        if any(r in above for r in item.nodes):
            fits |= levels
        else:
            wrong |= dict.fromkeys(levels, item.piece.text)
    return fits, wrong


def _level_outside(item: Item) -> str:
    return item.piece.level or admin_level(item.piece.text)


def _from_anchor(
    index: "AddressIndex",
    items: Items,
    number: int,
    rows: list[int],
    evidence: list[Item],
    outside: list[Item],
) -> list[Way]:
    """Ways that start at a named road, compound, village or place."""
    before = 0.0
    for item in items[:number]:
        if item.nodes and any(
            index.levels[r] in _ANCHORS and index.level_of(r) not in ("community",)
            for r in item.nodes
        ):
            before += 0.9
        elif item.options:
            before += 0.5
        elif item.piece.kind in ("rest", "generic"):
            before += 0.7 if item.piece.level == "road" else 0.05
    scored = []
    for row in rows:
        against = list(_conflicts(index, row, evidence, outside))
        scored.append((sum(cost for cost, _ in against), row, [fault for _, fault in against]))
    scored.sort(key=lambda x: (x[0], index.id_of(x[1])))
    out: list[Way] = []
    where_named = (
        False  # half an answer elsewhere is none beside half an answer where the text says
    )
    for cost, row, faults in scored[:60]:
        for way in descend(index, items, number + 1, row, 0):
            if not cost:
                where_named = True
            elif where_named and way.missing is not None:
                continue
            whole = way.cost + cost + before * (1.0 if way.missing is None else 2.0)
            out += [replace(way, cost=whole, faults=faults + way.faults, anchor=row)]
    return out


def _from_admin(
    index: "AddressIndex", items: list[Item], evidence: list[Item], outside: list[Item]
) -> list[Way]:
    """The deepest division that is named, where nothing below it could be found."""
    rows = sorted(
        {r for item in evidence for r in item.nodes},
        key=lambda r: (-index.levels[r], index.id_of(r)),
    )
    unread = [
        i
        for i in items
        if i not in evidence
        and i.piece.kind in ("generic", "rest", "token", "node")
        and i.piece.kind != "relation"
    ]
    out = []
    for row in rows[:50]:
        against = [
            (c, f)
            for c, f in _conflicts(index, row, evidence, outside)
            if index.levels[row] > RANK.get(f.level, 99)
        ]
        above = set(index.above(row))
        unmet = sum(1 for item in evidence if not any(r in above for r in item.nodes))
        short = sum(
            0.3
            for item in evidence
            if row in item.nodes and item.piece.text != index.core_of_row(row)
        )
        beyond = [i for i in outside if RANK.get(_level_outside(i), 0) > index.levels[row]]
        if any(c >= _ELSEWHERE for c, _ in against):
            continue
        cost = sum(c for c, _ in against) + 2.0 * unmet + short + 4.0
        missing, given = None, ""
        if beyond:
            continue
        if unread:
            missing, given = _missing_of(unread)
        elif not against:
            cost -= 4.0
        out.append(Way(row, cost, missing, given, [f for _, f in against], row))
    return out


def _missing_of(unread: list[Item]) -> tuple[str, str]:
    for item in unread:
        if item.piece.kind == "generic":
            return item.piece.level, item.piece.text
    first = unread[0]
    if first.options:
        return first.certain_level, first.piece.text
    return "road", first.piece.text


def _repaired(
    index: "AddressIndex", items: Items, evidence: list[Item], outside: list[Item]
) -> list[Way]:
    """Ways that start at a name nearly like one that nobody knows."""
    out: list[Way] = []
    near = cache(index.repairs.near)  # a text may say one name over and over
    for first, last, written in _windows(items):
        inside = items[first : last + 1]
        said = [item for item in evidence if item not in inside]
        beyond = [item for item in outside if item not in inside]
        for row, code, cost in near(written)[:40]:
            against = list(_conflicts(index, row, said, beyond))
            far = sum(c for c, _ in against)
            if far > 1.0:
                continue
            level = index.level_of(row)
            used = index.core_of_row(row)
            fault = Fault(f"{level.upper()}.{code}", level, written, used, round(cost / 10, 3))
            for way in descend(index, items, last + 1, row, 0):
                faults = [f for _, f in against] + [fault, *way.faults]
                out.append(replace(way, cost=way.cost + far + cost, faults=faults, anchor=row))
    return out


def _windows(items: list[Item]) -> Iterator[tuple[int, int, str]]:
    """Runs of one to three neighbours that may be one misspelt name: first, last, text."""
    for first, item in enumerate(items):
        if not _is_wordy(item):
            continue
        text, unknown = "", False
        for last in range(first, min(first + 3, len(items))):
            piece = items[last].piece
            if not _is_wordy(items[last]) or (
                last > first and piece.start != items[last - 1].piece.end
            ):
                break
            text += piece.text
            unknown = unknown or piece.kind in ("rest", "generic")
            if unknown and 2 <= len(text) <= 14:
                yield first, last, text


def _is_wordy(item: Item) -> bool:
    """Han words, no numbered part; of the known names only short ones."""
    piece = item.piece
    if piece.kind in ("rest", "generic"):
        return piece.level != "facility"
    return piece.kind in ("admin", "node") and len(piece.text) <= 3


_REPAIRED = (".homophone", ".spelling", ".suffix", ".omitted")
"""Ends of the codes of what was set right."""


def answer_of(
    index: "AddressIndex", query: Query, found: list[Way], focus: tuple[float, float] | None
) -> Match:
    """The answer that ways to read a text come to, without its elements.

    Parameters
    ----------
    found : list of Way
        As `ways` gives them, at least one.
    focus : (lon, lat) or None
        Degrees, EPSG:4490: the nearest of equals comes first.
    """
    best = found[0]
    rivals = [
        w
        for w in found[1:]
        if w.cost - best.cost < _SAME and (w.missing is None) == (best.missing is None)
    ]
    rivals = [
        w
        for w in rivals
        if not index.is_below(w.row, best.row) and not index.is_below(best.row, w.row)
    ]
    if focus is not None and rivals:
        pool = sorted([best, *rivals], key=lambda w: _far(index, w.row, focus))
        best, rivals = pool[0], pool[1:]
    said = _other_street(index, query, best)
    if said is not None:
        blamed = replace(best, faults=[*best.faults, said])
        found, best = [blamed if w is best else w for w in found], blamed
    status: Status = "exact"
    faults = list(best.faults)
    if best.missing is not None:
        status = "partial"
        if index.levels[best.row] <= RANK["province"]:
            sure = confidence(signs_of(index, query, found, rivals))
            return Match("none", faults=tuple(faults), confidence=sure)
    elif rivals:
        status = "ambiguous"
        faults.append(several(index, best.row, len(rivals)))
    others = rivals + [w for w in found[:12] if w not in rivals and w is not best]
    sure = confidence(signs_of(index, query, [best, *others], rivals))
    told = ((w.row, index.full_of(w.row), w.cost) for w in others[:10])
    full = index.full_of(best.row)
    return match_of(index, status, best.row, full, sure, faults, told, best.missing)


def several(index: "AddressIndex", row: int, rivals: int) -> Fault:
    """That so many others fit as well as a node."""
    return Fault("PLACE.several", index.level_of(row), "", str(rivals + 1), 0.1)


def match_of(
    index: "AddressIndex",
    status: Status,
    row: int,
    full: str,
    sure: float,
    faults: list[Fault],
    others: Iterable[tuple[int, str, float]],
    missing: str | None,
) -> Match:
    """The answer that is a node, without its elements; `others` are row, standard string and cost of each."""
    return Match(
        status,
        index.id_of(row),
        index.text_of("code", row),
        full,
        index.level_of(row),
        index.text_of("eid", row),
        sure,
        (),
        tuple(f"{f.given}→{f.used}" for f in faults if f.code.endswith(_REPAIRED)),
        tuple(faults),
        tuple(
            Candidate(index.id_of(r), name, index.level_of(r), round(1 / (1 + cost), 3))
            for r, name, cost in others
        ),
        missing,
    )


_STREET_END = re.compile(r"(?:街道办事处|街道办|街道|办事处|镇|乡)$")


def _other_street(index: "AddressIndex", query: Query, best: Way) -> Fault | None:
    """A town or subdistrict the gazetteer has not, said in front of a place that lies in another."""
    rank, community = RANK["street"], RANK["community"]
    own = next((index.core_of_row(r) for r in index.above(best.row) if index.levels[r] == rank), "")
    if not own or any(fault.level == "street" for fault in best.faults):
        return None
    for item in query.items:
        piece = item.piece
        if piece.kind == "token" or (item.nodes and index.levels[item.nodes[0]] > community):
            return None
        if piece.kind == "generic" and piece.level == "street":
            if _STREET_END.sub("", piece.text) == _STREET_END.sub("", own):
                return None
            return Fault("STREET.conflict", "street", piece.text, own, 0.06)
    return None


def _far(index: "AddressIndex", row: int, focus: tuple[float, float]) -> float:
    place = index.place.at(row)
    if place is None:
        return float("inf")
    return (place[0] - focus[0]) ** 2 + (place[1] - focus[1]) ** 2
