"""What a text means: ids, codes, names, addresses, streams, cases, ranked and explained."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from address import Match
from address.codes import split_code
from api.access.view import View
from api.deps import Language
from api.state import CityState, utc_now
from twin.store.read import cards, rows

__all__ = ["Candidate", "find", "find_code"]

WHY: Final = {
    "eid": ("实体标识", "entity id"),
    "alias": ("编码 {0}", "identifier {0}"),
    "successor": ("原标识 {0} 已由其承接", "{0} went into it"),
    "name.exact": ("名称相同", "this is its name"),
    "name.prefix": ("名称以此开头", "its name begins so"),
    "name.part": ("名称包含此词", "its name contains this"),
    "address.exact": ("标准地址", "standard address"),
    "address.ambiguous": (
        "标准地址之一（有多处符合）",
        "one of several standard addresses that fit",
    ),
    "address.partial": ("标准地址，缺 {0}", "standard address; {0} is not in the gazetteer"),
    "code": ("地址编码", "address code"),
    "code.former": ("曾用地址编码，{0} 止", "former address code, until {0}"),
    "code.successor": ("原地址 {0} 已由其承接", "came after the address {0}"),
    "node": ("地址标识", "address id"),
    "address.suggest": ("地址联想", "address that begins so"),
    "stream.exact": ("数据流编号", "datastream key"),
    "stream.prefix": ("数据流编号以此开头", "datastream key begins so"),
    "stream.part": ("感知设备名称包含此词", "the device's name contains this"),
    "case.exact": ("案件编号", "case number"),
    "case.prefix": ("案件编号以此开头", "case number begins so"),
}
"""Reasons in Chinese and English."""

SCORES: Final = {
    "eid": 1.0, "node": 1.0, "code": 0.99, "code.former": 0.96, "code.successor": 0.95, "alias": 0.99,
    "stream.exact": 0.98, "case.exact": 0.98, "name.exact": 0.97,
    "address.exact": 0.96, "successor": 0.95, "address.ambiguous": 0.86, "name.prefix": 0.8,
    "stream.prefix": 0.75, "case.prefix": 0.72, "address.partial": 0.7, "name.part": 0.65,
    "stream.part": 0.6, "address.suggest": 0.5,
}  # fmt: skip
"""How sure each way of finding is by itself; addresses are weighed by their own confidence too."""

UUID_TEXT: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
MOST_STEPS: Final = 32
MOST_TRIED: Final = 500
"""Candidates looked through for a caller who sees a part of the city."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that may be meant.

    ``location`` is longitude, latitude (degrees) and metres above the ellipsoid, null where
    unknown; ``bbox`` the thing's box in the same units; ``note`` what an address differs in from
    the text (a sentence in the language asked for).
    """

    kind: str
    id: str | int
    score: float
    why: str
    eid: str | None = None
    name: str | None = None
    full: str | None = None
    class_code: str | None = None
    collection: str | None = None
    location: dict[str, float | None] | None = None
    bbox: tuple[float, ...] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Hit:
    """A thing found, before it is described."""

    eid: str
    reason: str
    detail: str = ""


def find(
    state: CityState, text: str, limit: int, language: Language, view: View | None = None
) -> list[Candidate]:
    """Candidates for a text, best first.

    Parameters
    ----------
    state : CityState
    text : str
        An id, a code, a name, an address, a stream's key or a case's number, as people write it.
    limit : int
        At most so many.
    language : str
        ``zh`` or ``en``, for the reasons.
    view : View, optional
        Only what it shows.
    """
    if view is not None:
        return _shown(find(state, text, MOST_TRIED, language), view)[:limit]
    wanted = unicodedata.normalize("NFKC", text).strip()
    found = _things(state, wanted, limit, language)
    found += _streams(state, wanted, limit, language)
    found += _cases(state, wanted, limit, language)
    found += find_code(state, wanted, language)
    found += _addresses(state, wanted, limit, language)
    ranked = sorted(found, key=lambda candidate: -candidate.score)
    return _merged(ranked)[:limit]


def _shown(found: list[Candidate], view: View) -> list[Candidate]:
    """The candidates that are seen; reasons that may name others are left out."""
    nodes = view.nodes(str(entry.id) for entry in found if entry.kind == "address")
    kept = []
    for entry in found:
        eid = entry.eid if view.sight.has(entry.eid) else None
        if entry.kind == "address":
            shown = str(entry.id) in nodes
        elif entry.kind == "datastream":
            shown = view.stream(int(entry.id))
        elif entry.kind == "case":
            shown = view.case(_case_row(entry)) is not None
        else:
            shown = eid is not None
        if shown:
            kept.append(replace(entry, eid=eid, why="", note=None, **_own_place(entry, eid)))
    return kept


def _own_place(entry: Candidate, eid: str | None) -> dict[str, Any]:
    """Nothing to change, but for an address that names a thing which is not seen: what came from that is left out."""
    if entry.kind != "address" or eid is not None or entry.eid is None:
        return {}
    return {"location": None, "bbox": None, "class_code": None, "collection": None}


def _case_row(entry: Candidate) -> dict[str, Any]:
    place = entry.location or {}
    return {"eid": entry.eid, "lon": place.get("lon"), "lat": place.get("lat")}


def _why(reason: str, language: Language, detail: str = "") -> str:
    return WHY[reason][language == "en"].format(detail)


def _things(state: CityState, wanted: str, limit: int, language: Language) -> list[Candidate]:
    spellings = dict.fromkeys(
        (wanted, wanted.lower(), wanted.upper())
    )  # an IFC GlobalId keeps its case
    hits = [
        _hit_by_id(row)
        for spelling in spellings
        for row in rows(state.store, "found_by_id", q=spelling, limit=limit)
    ]
    named = rows(state.store, "found_by_name", q=wanted, valid_at=utc_now(), limit=limit)
    hits += [_Hit(row["eid"], f"name.{row['how']}") for row in named]
    known = cards(state.store, [hit.eid for hit in hits], utc_now())
    if _is_uuid(wanted) and wanted.lower() not in known:
        hits.append(_Hit(wanted.lower(), "eid"))
    hits += _successors(
        state, [hit.eid for hit in hits if hit.eid not in known or known[hit.eid]["retired"]]
    )
    known = cards(state.store, [hit.eid for hit in hits], utc_now())
    return [_described(hit, known[hit.eid], language) for hit in hits if hit.eid in known]


def _hit_by_id(row: dict[str, Any]) -> _Hit:
    scheme = row["scheme"]
    return _Hit(row["eid"], "eid") if scheme == "eid" else _Hit(row["eid"], "alias", scheme)


def _is_uuid(text: str) -> bool:
    return UUID_TEXT.fullmatch(text) is not None


def _successors(state: CityState, gone: Iterable[str]) -> list[_Hit]:
    """What came after ids that are no more, however many steps away."""
    found: list[_Hit] = []
    for start in dict.fromkeys(gone):
        seen, front = {start}, [start]
        while front and len(seen) < MOST_STEPS:
            old = front.pop()
            if not _is_uuid(old):
                continue
            for row in rows(state.store, "lineage_of", eid=old):
                if row["from_eid"] == old and row["to_eid"] not in seen:
                    seen.add(row["to_eid"])
                    front.append(row["to_eid"])
                    found.append(_Hit(row["to_eid"], "successor", start))
    return found


def _described(hit: _Hit, card: dict[str, Any], language: Language) -> Candidate:
    retired = {"zh": "（已注销）", "en": " (no more)"}[language] if card["retired"] else ""
    score = SCORES[hit.reason] - (0.3 if card["retired"] and hit.reason.startswith("name") else 0.0)
    return Candidate(
        kind="entity",
        id=card["eid"],
        eid=card["eid"],
        name=card["name"],
        full=card["full"],
        score=score,
        why=_why(hit.reason, language, hit.detail) + retired,
        class_code=card["class_code"],
        collection=card["collection"],
        **_place_of(card),
    )


def _place_of(card: dict[str, Any]) -> dict[str, Any]:
    if card["lon"] is None:
        return {"location": None, "bbox": None}
    edges = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")
    flat = ("xmin", "ymin", "xmax", "ymax")
    names = edges if card["zmin"] is not None else flat
    box = None if card["xmin"] is None else tuple(card[name] for name in names)
    return {"location": {name: card[name] for name in ("lon", "lat", "z")}, "bbox": box}


def _streams(state: CityState, wanted: str, limit: int, language: Language) -> list[Candidate]:
    return [
        Candidate(
            kind="datastream",
            id=row["id"],
            eid=row["eid"],
            name=row["name"],
            full=f"{row['key']} {row['property']}",
            score=SCORES[f"stream.{row['how']}"],
            why=_why(f"stream.{row['how']}", language),
            location={name: row[name] for name in ("lon", "lat", "z")},
        )
        for row in rows(state.store, "found_streams", q=wanted, limit=limit)
    ]


def _cases(state: CityState, wanted: str, limit: int, language: Language) -> list[Candidate]:
    found = []
    for row in rows(state.store, "found_cases", q=wanted, limit=limit):
        reason = "case.exact" if row["exact"] else "case.prefix"
        place = (
            {name: row[name] for name in ("lon", "lat", "z")} if row["lon"] is not None else None
        )
        found.append(
            Candidate(
                kind="case",
                id=row["id"],
                eid=row["eid"],
                name=row["key"],
                full=row["title"],
                score=SCORES[reason],
                why=_why(reason, language),
                class_code=row["code"],
                location=place,
            )
        )
    return found


def _addresses(state: CityState, wanted: str, limit: int, language: Language) -> list[Candidate]:
    """Addresses, each with the thing it names where it names one."""
    with state.addresses() as (index, told):
        match = told.geocode(wanted)
        typed = [] if match.status == "exact" else index.suggest(wanted, limit)
    nodes: dict[str, tuple[str, float, str]] = {}
    if match.status != "none" and match.node_id is not None:
        reason = f"address.{match.status}"
        nodes[match.node_id] = (
            match.full or "",
            SCORES[reason] * match.confidence,
            _address_why(match, language),
        )
        for other in match.alternatives[:limit]:
            nodes.setdefault(
                other.node_id,
                (
                    other.full,
                    SCORES["address.ambiguous"] * other.score,
                    _why("address.ambiguous", language),
                ),
            )
    for step, entry in enumerate(typed):
        score = SCORES["address.suggest"] - 0.005 * step
        nodes.setdefault(entry.node_id, (entry.full, score, _why("address.suggest", language)))
    bound = (
        {row["node_id"]: row for row in rows(state.store, "nodes", nodes=list(nodes))}
        if nodes
        else {}
    )
    known = cards(state.store, [row["eid"] for row in bound.values() if row["eid"]], utc_now())
    found = [
        _address(state, node, *nodes[node], bound[node], known.get(bound[node]["eid"] or ""))
        for node in nodes
        if node in bound
    ]
    if found and found[0].id == match.node_id:
        found[0] = _told(found[0], match, language)
    return found


def _told(candidate: Candidate, match: Match, language: Language) -> Candidate:
    """The answer with what a reader should know of it, and where it is when that is not its node's place."""
    note = "；".join(f.say(language) for f in match.faults if not f.code.endswith(_SILENT))
    at = match.location
    if at is None or at.method in ("node", "children", "parent"):
        return replace(candidate, note=note or None)
    place: dict[str, float | None] = {"lon": at.lon, "lat": at.lat, "z": None}
    return replace(candidate, note=note or None, location=place, bbox=None)


_SILENT = (".unused", ".several")
"""Faults that are no news to whoever asked: words of the text that tell no place, and the list itself."""


def find_code(
    state: CityState, wanted: str, language: Language, view: View | None = None
) -> list[Candidate]:
    """Addresses that have or had a code or id; what was retired leads to what came after it."""
    if view is not None:
        return _shown(find_code(state, wanted, language), view)
    parts = split_code(wanted)
    text = "".join(parts) if parts is not None else wanted
    reasons: dict[str, str] = {}
    for row in rows(state.store, "address_codes", code=text):
        until = row["valid_to"]
        word = "code" if until is None else "code.former"
        reasons[row["node_id"]] = _why(word, language, str(until or "")[:10])
    if rows(state.store, "address_node", node_id=text):
        reasons[text] = _why("node", language)
    found: list[Candidate] = []
    seen: set[str] = set()
    front = [(node, why, SCORES["code"]) for node, why in reasons.items()]
    while front and len(seen) < MOST_STEPS:
        node, why, score = front.pop(0)
        if node in seen:
            continue
        seen.add(node)
        known = rows(state.store, "address_node", node_id=node)
        if not known:
            continue
        row = known[0]
        gone = row["status"] == "retired"
        after = _why("code.successor", language, row["full"])
        front += [(other, after, SCORES["code.successor"]) for other in row["replaced_by"] or ()]
        mark = {"zh": "（已注销）", "en": " (no more)"}[language] if gone else ""
        cards_of = cards(state.store, [row["eid"]] if row["eid"] else [], utc_now())
        entry = {"eid": row["eid"], "name": row["name"]}
        candidate = _address(
            state, node, row["full"], score, why + mark, entry, cards_of.get(row["eid"] or "")
        )
        if gone and candidate.location is None and row["lon"] is not None:
            place = {name: row[name] for name in ("lon", "lat", "z")}
            candidate = replace(candidate, location=place)
        found.append(candidate)
    return found


def _address_why(match: Match, language: Language) -> str:
    said = _why(f"address.{match.status}", language, match.missing or "")
    repairs = "；".join(match.corrections)
    return f"{said}：{repairs}" if repairs else said


def _address(
    state: CityState,
    node: str,
    full: str,
    score: float,
    why: str,
    row: dict[str, Any],
    card: dict[str, Any] | None,
) -> Candidate:
    place: dict[str, Any] = {"location": None, "bbox": None}
    if card is not None:
        place = _place_of(card)
    if place["location"] is None:
        with state.addresses() as (index, _):
            located = index.locate(node)
        if located is not None:
            place["location"] = {"lon": located.lon, "lat": located.lat, "z": located.z}
    return Candidate(
        kind="address",
        id=node,
        eid=row["eid"],
        name=row["name"],
        full=full,
        score=score,
        why=why,
        class_code=card["class_code"] if card else None,
        collection=card["collection"] if card else None,
        **place,
    )


def _merged(ranked: list[Candidate]) -> list[Candidate]:
    """One candidate for each thing: the best, knowing why else it was found."""
    kept: dict[tuple[str, str], Candidate] = {}
    for candidate in ranked:
        place = candidate.eid if candidate.kind in ("entity", "address") else None
        key = ("thing", place) if place else (candidate.kind, str(candidate.id))
        best = kept.get(key)
        if best is None:
            kept[key] = candidate
            continue
        whys = best.why if candidate.why in best.why else f"{best.why}; {candidate.why}"
        kept[key] = replace(
            best, why=whys, full=best.full or candidate.full, name=best.name or candidate.name
        )
    return list(kept.values())
