"""Which system a source is really in: what it declares, weighed against what its numbers say.

Nothing is assumed silently: every verdict carries the sentence that led to it, a confidence, the
other systems that come into question, and what speaks against it. What the plan gives always wins,
but is checked like anything else. What numbers cannot tell is decided by ground that is already
trusted (:mod:`twin.crs.confirm`), or by a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

from twin.crs import names
from twin.crs.candidates import (
    CAUTION,
    Candidate,
    candidates_of,
    family_of,
    same_degrees_either_way,
    unit_variants,
)
from twin.crs.clues import Clue
from twin.crs.names import SWAPPED
from twin.crs.placement import (
    FAR,
    NEAR,
    NO_DEGREES,
    Box,
    distance,
    gap,
    in_shifted_ground,
    like_degrees,
    misfit,
    near_expected,
    place,
    reaches_in,
    show,
    usable,
)
from twin.crs.transforms import accuracy, is_geographic
from twin.errors import CrsError

__all__ = ["CrsVerdict", "Evidence", "judge"]

_ARCTIC = 72.0  # degrees north; few cities lie beyond
_UNCONFIRMED = 0.55
"""The most that a system gets which contradicts what the source declares."""


@dataclass(frozen=True, slots=True)
class CrsVerdict:
    """What a source is taken to be in.

    ``crs`` is canonical (see :mod:`twin.crs.names`) or None where nothing is believable; ``why``
    one sentence; ``confidence`` between 0 and 1 (a load asks for 0.6, below a person decides);
    ``findings`` what speaks against it or should be known; ``candidates`` the systems that came
    into question, best first.
    """

    crs: str | None
    why: str
    confidence: float
    findings: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides a declaration and numbers.

    ``stated`` is False where the declared system is the format's default (GeoJSON without ``crs``,
    KML) and not the source's own word; ``clues`` are what names say; ``degrees`` that the
    coordinate columns are named longitude and latitude; ``grids`` the city's local grids
    (``LOCAL:<name>``); ``city`` where trusted things lie (degrees).
    """

    stated: bool = True
    clues: Sequence[Clue] = ()
    degrees: bool = False
    grids: Sequence[str] = ()
    city: Box | None = None


def judge(
    declared: str | None,
    bounds: tuple[float, float, float, float] | None,
    *,
    expected: str | None = None,
    given: str | None = None,
    evidence: Evidence | None = None,
) -> CrsVerdict:
    """Decide which coordinate reference system a source is in.

    Parameters
    ----------
    declared : str or None
        What the source says of itself: WKT (also ESRI's), ``EPSG:n``, URN, a name; None if nothing.
    bounds : tuple or None
        (xmin, ymin, xmax, ymax) in the source's units; None, NaN or all zero if unknown.
    expected : str, optional
        The city's own system: decides about numbers that fit several.
    given : str, optional
        What the plan says. It wins; contradictions become findings and lower the confidence.
    evidence : Evidence, optional
        What else is known.

    Returns
    -------
    CrsVerdict

    Raises
    ------
    CrsError
        If ``expected`` or ``given`` is no known system; a bad declaration is a finding.

    Examples
    --------
    >>> judge(None, (38_505_000, 3_370_000, 38_511_000, 3_376_000), expected="EPSG:4547").crs
    'EPSG:4526'
    >>> judge("EPSG:4326", (22.49, 113.91, 22.54, 113.96)).crs
    'EPSG:4326@yx'
    >>> undeclared = judge(None, (113.91, 22.49, 113.96, 22.54))
    >>> undeclared.confidence < 0.6, [c.crs for c in undeclared.candidates]
    (True, ['EPSG:4490', 'GCJ-02', 'BD-09'])
    """
    more = evidence or Evidence()
    box = usable(bounds)
    city = names.canonical(expected) if expected else None
    found = names.find(declared)
    placeable = found if found is not None and _placeable(found) else None
    unknown: tuple[str, ...] = ()
    if placeable is None and (declared or "").strip():
        what = "not known" if found is None else "none that can be placed on the Earth"
        unknown = (f"the declared system {(declared or '')[:80]!r} is {what}",)
    found = placeable
    if given:
        return _judge_given(names.canonical(given), found, box, city, unknown)
    if found is not None and (more.stated or box is None):
        return _judge_declared(found, box, city, more)
    if box is None:
        why = "nothing known is declared and there are no bounds to judge by"
        return CrsVerdict(None, why, 0.0, unknown)
    if found is not None:
        return _judge_default(found, box, city, more)
    verdict = _infer(box, city, None, more)
    note = _datum_note(verdict.crs) if verdict.crs else ()
    return replace(verdict, findings=unknown + verdict.findings + note)


def _placeable(crs: str) -> bool:
    """Whether a declared system can be placed on the Earth at all."""
    try:
        accuracy(crs)
    except CrsError:
        return False
    return True


def _infer(box: Box, expected: str | None, declared: str | None, more: Evidence) -> CrsVerdict:
    """Verdict from the numbers and what names say."""
    found = candidates_of(
        box,
        expected=expected,
        declared=declared,
        clues=more.clues,
        degrees=more.degrees,
        grids=more.grids,
        city=more.city,
    )
    known = family_of(expected) is not None or any(family_of(c.crs) for c in more.clues)
    return _best(found, box, known)


def _best(found: Sequence[Candidate], box: Box, datum_known: bool) -> CrsVerdict:
    """Verdict for the best of several candidates."""
    if not found:
        kind = "degrees" if like_degrees(box) else "metres"
        return CrsVerdict(
            None,
            f"{show(box)} look like {kind}, but of no system that can be told "
            "from the numbers; give the system in the plan",
            0.0,
        )
    best = found[0]
    findings: tuple[str, ...] = ()
    if names.zone_of(best.crs) is not None:
        whose = ", taken as that of the city's system" if datum_known else ""
        findings = (
            "the datum is not in the numbers: CGCS2000, Xian 1980 and Beijing 1954 look "
            f"alike{whose}",
        )
    return CrsVerdict(best.crs, best.why, best.confidence, findings, tuple(found))


def _datum_note(crs: str) -> tuple[str, ...]:
    """What must be known about the accuracy of placing this system."""
    metres = accuracy(crs)
    if metres is not None and metres <= 5:
        return ()
    if metres is None:
        return (
            f"{crs}: no public relation of its datum to CGCS2000; it is placed as if there were no "
            "shift, which may be wrong by 100 m; give local parameters for better",
        )
    return (
        f"{crs}: the public relation of its datum to CGCS2000 is used, good to about "
        f"{metres:.0f} m; give local parameters for better",
    )


def _swapped_home(crs: str, box: Box, expected: str | None, city: Box | None) -> bool:
    """Whether degrees lead nowhere as they are, and home with their axes swapped.

    Latitudes of the far west of China are longitudes of the Barents Sea, and both are degrees.
    """
    if crs.endswith(SWAPPED) or not is_geographic(crs):
        return False
    here, there = place(crs, box), place(crs + SWAPPED, box)
    if here is None or there is None:
        return False
    if city is not None and distance(there, city) <= NEAR < distance(here, city):
        return True
    if near_expected(crs, box, expected) is False and near_expected(crs + SWAPPED, box, expected):
        return True
    return here[1] > _ARCTIC and in_shifted_ground(there)


def _objection(
    crs: str, box: Box, expected: str | None, city: Box | None = None
) -> tuple[float, str | None]:
    """Factor on the confidence, and the sentence, if the numbers speak against a system."""
    if not is_geographic(crs) and like_degrees(box):
        return 0.0, f"{crs} has metres, but {show(box)} look like degrees"
    if is_geographic(crs) and max(abs(v) for v in box) > NO_DEGREES:
        return 0.0, f"{crs} has degrees, but {show(box)} look like metres"
    if _swapped_home(crs, box, expected, city):
        return 0.0, f"{show(box)} lead into the city only with latitude before longitude"
    out = misfit(crs, box)
    if out > FAR:
        far = f", by {out:.1f}°" if isfinite(out) else ""
        if not reaches_in(crs, box):
            return 0.0, f"{show(box)} lie outside its area of use{far}: it cannot be right"
        return 0.6, f"some of the data lie far outside the area {crs} is meant for: {show(box)}"
    zone = names.zone_of(crs) is not None
    there = place(crs, box)
    if city is not None and there is not None and (zone or _utm(crs)) and gap(there, city) > NEAR:
        # a zone's meridian is in its name alone: the same numbers fit any other zone
        far = f"{gap(there, city) * 111:.0f} km from everything that is trusted"
        return 0.6, f"as {crs} the data lie {far}"
    if out > NEAR:
        factor = 0.6 if zone else 0.7
        return factor, f"{show(box)} lie {out:.1f}° outside the area {crs} is meant for"
    if near_expected(crs, box, expected) is False:
        local = expected is not None and not is_geographic(expected)
        factor = 0.6 if local and (zone or _utm(crs)) else 0.7
        return factor, f"the data lie outside the area of the city's system {expected}"
    return 1.0, None


def _utm(crs: str) -> bool:
    """Whether a system is a zone of UTM on WGS 84."""
    code = names.plain(crs).removeprefix("EPSG:")
    return code.isdigit() and (32601 <= int(code) <= 32660 or 32701 <= int(code) <= 32760)


def _close_by(crs: str, box: Box, expected: str | None) -> list[Candidate]:
    """Systems like the declared one that explain the numbers: axes swapped, zone number, unit, zone."""
    found = []
    if not crs.endswith(SWAPPED) and _objection(crs + SWAPPED, box, expected)[0] >= 0.7:
        why = f"declared {crs}, with its axes swapped: {show(box)}"
        # eastings and northings of a zone, and degrees, have ranges of their own; others may not
        plain = is_geographic(crs) or names.zone_of(crs) is not None
        found.append(Candidate(crs + SWAPPED, why, 0.8 if plain else _UNCONFIRMED))
    zone = names.zone_of(crs)
    if zone is not None:
        other = names.zone_code(replace(zone, prefixed=not zone.prefixed))
        if other is not None and _objection(other, box, None)[0] >= 0.7:
            has = "have" if not zone.prefixed else "lack"
            why = f"declared {crs}, but the eastings {has} the zone number: {show(box)}"
            found.append(Candidate(other, why, 0.85))
    return found + (unit_variants(crs, box) if not like_degrees(box) else [])


def _repaired(crs: str, box: Box, expected: str | None, more: Evidence) -> CrsVerdict | None:
    """What explains numbers that the declared system does not."""
    close = _close_by(crs, box, expected)
    guess = _infer(box, expected, crs, more)
    kept = {c.crs: c for c in close}
    for c in guess.candidates:
        kept.setdefault(c.crs, replace(c, confidence=min(c.confidence, _UNCONFIRMED)))
    found = tuple(sorted(kept.values(), key=lambda c: -c.confidence))
    if not found:
        return None
    findings = guess.findings if found[0].crs == guess.crs else ()
    return CrsVerdict(found[0].crs, found[0].why, found[0].confidence, findings, found)


def _judge_declared(crs: str, box: Box | None, expected: str | None, more: Evidence) -> CrsVerdict:
    """Verdict for a source that declares a known system."""
    if box is None:
        return CrsVerdict(
            crs, f"declared as {crs}; no bounds to check it by", 0.8, _datum_note(crs)
        )
    factor, objection = _objection(crs, box, expected, more.city)
    if factor > 0:
        return _accepted(crs, box, expected, more, factor, objection)
    better = _repaired(crs, box, expected, more)
    wrong = f"the source declares {crs}: {objection}"
    if better is None:
        return CrsVerdict(None, f"{wrong}; no other system explains the numbers", 0.0, (wrong,))
    return replace(better, findings=(wrong, *better.findings, *_datum_note(better.crs or crs)))


def _accepted(
    crs: str, box: Box, expected: str | None, more: Evidence, factor: float, objection: str | None
) -> CrsVerdict:
    """Verdict for a declaration that the numbers allow."""
    findings = [] if objection is None else [objection]
    why = f"declared as {crs}, and {show(box)} fit it"
    trust = 0.95 * factor
    others: list[Candidate] = []
    there = place(crs, box)
    if is_geographic(crs) and there is not None and in_shifted_ground(there):
        trust = min(trust, 0.85)
        findings.append(f"declared as {crs} in China; {CAUTION}")
        suffix = SWAPPED if crs.endswith(SWAPPED) else ""
        others = [
            Candidate(c + suffix, f"degrees in China can be {c} whatever they declare", 0.2)
            for c in (names.GCJ02, names.BD09)
        ]
    elif crs == "EPSG:3857" and there is not None and in_shifted_ground(there):
        findings.append(f"declared as {crs} in China; BD-09MC or GCJ-02MC cannot be excluded")
        others = [
            Candidate(c, f"Mercator metres in China can be {c} whatever they declare", 0.2)
            for c in (names.BD09MC, names.GCJ02MC)
        ]
    elif misfit(crs, box) > NEAR and (close := _close_by(crs, box, expected)):
        trust, others = min(trust, _UNCONFIRMED), close
        findings.append(f"{close[0].crs} fits better: {close[0].why}")
    elif factor < 0.7:
        guesses = candidates_of(box, expected=expected, declared=None, city=more.city)
        others = [replace(c, confidence=min(c.confidence, 0.5)) for c in guesses if c.crs != crs]
    for clue in more.clues:
        if same_degrees_either_way(clue.crs, crs) or clue.weight < 0.7:
            continue
        if clue.crs in names.SHIFTED and is_geographic(clue.crs) == is_geographic(crs):
            findings.append(f"{clue.words}, but the source declares {crs}")
            others.insert(0, Candidate(clue.crs, clue.words, 0.5))
            trust = min(trust, _UNCONFIRMED)
    found = sorted([Candidate(crs, why, trust), *_unique(others)], key=lambda c: -c.confidence)
    return CrsVerdict(crs, why, trust, (*findings, *_datum_note(crs)), tuple(found))


def _unique(found: Sequence[Candidate]) -> list[Candidate]:
    """The first of each system."""
    return list({c.crs: c for c in reversed(found)}.values())[::-1]


def _judge_default(crs: str, box: Box, expected: str | None, more: Evidence) -> CrsVerdict:
    """Verdict where only the format says which system it is."""
    there = place(crs, box)
    factor, objection = _objection(crs, box, expected)
    said = "not stated by the file, only the default of its format"
    if factor > 0 and there is not None and not in_shifted_ground(there):
        why = f"{crs}: {said}, and {show(box)} fit it"
        findings = () if objection is None else (objection,)
        only = Candidate(crs, why, 0.85 * max(factor, 0.72))
        return CrsVerdict(crs, why, only.confidence, findings, (only,))
    guess = _infer(box, expected, None, more)
    wrong = () if factor > 0 else (f"{crs} is {said}: {objection}",)
    if factor == 0:
        guess = replace(guess, confidence=min(guess.confidence, _UNCONFIRMED))
    found = tuple(
        replace(c, crs=crs, why=f"{said}; {c.why}") if same_degrees_either_way(c.crs, crs) else c
        for c in guess.candidates
    )
    best = guess if not found else replace(guess, crs=found[0].crs, why=found[0].why)
    return replace(best, findings=wrong + guess.findings, candidates=found)


def _judge_given(
    given: str, found: str | None, box: Box | None, expected: str | None, unknown: tuple[str, ...]
) -> CrsVerdict:
    """Verdict for the system of the plan."""
    findings = list(unknown)
    trust = 1.0
    if found is not None and not same_degrees_either_way(found, given):
        findings.append(f"the source declares {found}, the plan says {given}")
        trust = 0.9
    others: tuple[Candidate, ...] = ()
    if box is not None:
        factor, objection = _objection(given, box, expected)
        trust *= max(factor, 0.3)
        if objection is not None:
            other = _repaired(given, box, expected, Evidence()) if factor == 0 else None
            hint = f" ({other.crs} would fit)" if other else ""
            findings.append(f"the plan says {given}: {objection}{hint}")
            others = other.candidates if other else ()
            # a person has decided about what is unusual, but not about what cannot be
            trust = trust if factor == 0 else max(trust, 0.65)
    why = f"the plan says {given}"
    return CrsVerdict(given, why, trust, (*findings, *_datum_note(given)), others)
