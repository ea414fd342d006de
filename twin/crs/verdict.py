"""Which system a source is really in: what it declares, weighed against what its numbers say.

Nothing is assumed silently: every verdict carries the sentence that led to it, a confidence, and
what speaks against it. What the plan gives always wins, but is checked like anything else.
"""

from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from twin.crs import names
from twin.crs.names import SWAPPED, Zone
from twin.crs.transforms import (
    accuracy,
    area_of_use,
    from_geographic,
    is_geographic,
    to_geographic,
)

__all__ = ["CrsVerdict", "judge"]

Box = tuple[float, float, float, float]

_CHINA: Box = (73.0, 3.0, 136.0, 54.0)
_EARTH_EDGE = 20_037_508.35  # Web Mercator metres at ±180°
_NO_DEGREES = 1000.0  # beyond this a number is no faulty degree but a metre
_NEAR, _FAR = 1.0, 3.5  # degrees outside the area of use: still common practice; cannot be right


@dataclass(frozen=True, slots=True)
class CrsVerdict:
    """What a source is taken to be in.

    ``crs`` is canonical (see :mod:`twin.crs.names`) or None where nothing is believable; ``why``
    one sentence; ``confidence`` between 0 and 1 (below 0.5 a person should decide); ``findings``
    what speaks against it or should be known.
    """

    crs: str | None
    why: str
    confidence: float
    findings: tuple[str, ...] = ()


def _usable(bounds: tuple[float, ...] | None) -> Box | None:
    """Finite bounds with some extent or at least a place; a box of only zeros says nothing."""
    if bounds is None or len(bounds) != 4 or not all(isfinite(v) for v in bounds):
        return None
    return None if not any(bounds) else (bounds[0], bounds[1], bounds[2], bounds[3])


def _show(box: Box) -> str:
    return f"x {box[0]:.10g} … {box[2]:.10g}, y {box[1]:.10g} … {box[3]:.10g}"


def _like_degrees(box: Box) -> bool:
    return min(box) >= -180.5 and max(box) <= 180.5


def _place(crs: str, box: Box) -> Box | None:
    """Longitude/latitude box of bounds (corners and middle); None where the projection fails."""
    x = np.array([box[0], box[2], box[0], box[2], (box[0] + box[2]) / 2])
    y = np.array([box[1], box[1], box[3], box[3], (box[1] + box[3]) / 2])
    if is_geographic(crs):
        first, second = (y, x) if crs.endswith(SWAPPED) else (x, y)
        if np.abs(first).max() > 180.5 or np.abs(second).max() > 90.0 + 1e-6:
            return None
    lon, lat, _ = to_geographic(crs, x, y, np.zeros(5))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _distance(place: Box, area: Box) -> float:
    """Degrees by which a box reaches out of an area."""
    out = (area[0] - place[0], area[1] - place[1], place[2] - area[2], place[3] - area[3])
    return max(0.0, *out)


def _misfit(crs: str, box: Box) -> float:
    """Degrees by which data lie outside the system's area of use; infinite if not projectable."""
    place = _place(crs, box)
    if place is None:
        return float("inf")
    area = area_of_use(crs)
    return 0.0 if area is None else _distance(place, area)


def _reaches_in(crs: str, box: Box) -> bool:
    """Whether part of the bounds lies in the area of use (a few records may be far off)."""
    area = area_of_use(crs)
    if area is None:
        return False
    edge = np.linspace(0.0, 1.0, 9)
    lon = area[0] + (area[2] - area[0]) * np.tile(edge, 9)
    lat = area[1] + (area[3] - area[1]) * np.repeat(edge, 9)
    x, y, _ = from_geographic(crs, lon, lat, np.zeros(81))
    wide = bool(np.nanmin(x) <= box[2] and np.nanmax(x) >= box[0])
    return wide and bool(np.nanmin(y) <= box[3] and np.nanmax(y) >= box[1])


def _near_expected(crs: str, box: Box, expected: str | None) -> bool | None:
    """Whether the data fall into the area the city's system is for; None if that cannot be said."""
    place, area = _place(crs, box), area_of_use(expected) if expected else None
    if place is None or area is None:
        return None
    return _distance(place, area) <= _NEAR


def _prefix(easting: float) -> int | None:
    """Zone number in front of an easting: 38 505 000 → 38; None where there is none of China."""
    number, rest = divmod(easting, 1_000_000.0)
    known = 13 <= number <= 23 or 25 <= number <= 45
    return int(number) if known and 100_000 <= rest <= 900_000 else None


def _zone_candidates(box: Box, expected: str | None, declared: str | None) -> list[str]:
    """Gauss-Kruger systems whose numbers look like these, best first."""
    model = names.zone_of(declared or "") or names.zone_of(expected or "")
    family = model.family if model else "CGCS2000"
    number = _prefix(box[0])
    found: list[Zone | None] = []
    if number is not None and number == _prefix(box[2]):
        wide = number <= 23
        meridian = 6 * number - 3 if wide else 3 * number
        found.append(Zone(family, 6 if wide else 3, meridian, prefixed=True))
    elif model is not None and box[0] > 0 and box[2] < 1_000_000:
        found.append(replace(model, prefixed=False))
    return [code for z in found if z is not None and (code := names.zone_code(z)) is not None]


def _swap(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


def _from_degrees(box: Box, expected: str | None) -> list[tuple[str, str, float]]:
    """Candidates (crs, why, confidence) for numbers that look like degrees."""
    caution = "GCJ-02 or BD-09 cannot be excluded by numbers alone"
    found = []
    for crs, numbers in (("EPSG:4490", box), ("EPSG:4490" + SWAPPED, _swap(box))):
        if max(abs(numbers[1]), abs(numbers[3])) > 90:
            continue
        inside = _distance(numbers, _CHINA) == 0
        order = "latitude before longitude" if crs.endswith(SWAPPED) else "longitude and latitude"
        if inside:
            near = _near_expected(crs, box, expected)
            trust = 0.75 if near else 0.4 if near is False else 0.65
            found.append((crs, f"{_show(box)} look like {order} in China; {caution}", trust))
    if not found and max(abs(box[1]), abs(box[3])) <= 90:
        found.append(("EPSG:4326", f"{_show(box)} look like degrees outside China", 0.5))
    return sorted(found, key=lambda c: -c[2])


def _from_metres(
    box: Box, expected: str | None, declared: str | None
) -> list[tuple[str, str, float]]:
    """Candidates (crs, why, confidence) for numbers that look like metres."""
    found = []
    for suffix, numbers in (("", box), (SWAPPED, _swap(box))):
        swapped = " with the northing first" if suffix else ""
        for code in _zone_candidates(numbers, expected, declared):
            if _misfit(code, numbers) > _NEAR:
                continue
            zone = names.zone_of(code)
            prefixed = zone is not None and zone.prefixed
            near = _near_expected(code, numbers, expected)
            trust = (0.8 if prefixed else 0.6) * (0.6 if near is False else 1.0) - 0.05 * bool(
                suffix
            )
            what = (
                f"a zone number before the easting ({int(numbers[0] // 1e6)})"
                if prefixed
                else "eastings without zone number; the meridian is that of the expected system"
            )
            found.append((code + suffix, f"{_show(box)} show {what}{swapped}", trust))
        if (
            not suffix
            and max(abs(v) for v in box) <= _EARTH_EDGE
            and min(box[0], box[1]) > 1_000_000
        ):
            near = _near_expected("EPSG:3857", box, expected)
            if near or (
                near is None and _distance(_place("EPSG:3857", box) or _CHINA, _CHINA) == 0
            ):
                why = f"{_show(box)} fit Web Mercator; Baidu's Mercator (BD-09MC) fits as well"
                found.append(("EPSG:3857", why, 0.45))
    return sorted(found, key=lambda c: -c[2])


def _infer(box: Box, expected: str | None, declared: str | None) -> CrsVerdict:
    """Verdict from the numbers alone."""
    found = (
        _from_degrees(box, expected)
        if _like_degrees(box)
        else _from_metres(box, expected, declared)
    )
    if not found:
        kind = "degrees" if _like_degrees(box) else "metres"
        return CrsVerdict(
            None,
            f"{_show(box)} look like {kind}, but of no system that can be told "
            "from the numbers; give the system in the plan",
            0.0,
        )
    best = found[0]
    findings = tuple(f"{crs} is possible too: {why}" for crs, why, _ in found[1:])
    if names.zone_of(best[0]) is not None:
        findings += (
            "the datum is not in the numbers: CGCS2000, Xian 1980 and Beijing 1954 look alike",
        )
    return CrsVerdict(best[0], best[1], best[2], findings)


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


def _objection(crs: str, box: Box, expected: str | None) -> tuple[float, str | None]:
    """Factor on the confidence, and the sentence, if the numbers speak against a system."""
    if not is_geographic(crs) and _like_degrees(box):
        return 0.0, f"{crs} has metres, but {_show(box)} look like degrees"
    if is_geographic(crs) and max(abs(v) for v in box) > _NO_DEGREES:
        return 0.0, f"{crs} has degrees, but {_show(box)} look like metres"
    misfit = _misfit(crs, box)
    if misfit > _FAR:
        far = f", by {misfit:.1f}°" if isfinite(misfit) else ""
        if not _reaches_in(crs, box):
            return 0.0, f"{_show(box)} lie outside its area of use{far}: it cannot be right"
        return 0.6, f"some of the data lie far outside the area {crs} is meant for: {_show(box)}"
    if misfit > _NEAR:
        return 0.6, f"{_show(box)} lie {misfit:.1f}° outside the area {crs} is meant for"
    if _near_expected(crs, box, expected) is False:
        return 0.7, f"the data lie outside the area of the city's system {expected}"
    return 1.0, None


def _repaired(crs: str, box: Box, expected: str | None) -> CrsVerdict | None:
    """A system close to the declared one that explains the numbers: axes swapped, zone number."""
    if not crs.endswith(SWAPPED) and _objection(crs + SWAPPED, box, expected)[0] >= 0.7:
        return CrsVerdict(
            crs + SWAPPED, f"declared {crs}, with its axes swapped: {_show(box)}", 0.8
        )
    zone = names.zone_of(crs)
    if zone is not None:
        other = names.zone_code(replace(zone, prefixed=not zone.prefixed))
        if other is not None and _objection(other, box, None)[0] >= 0.7:
            has = "have" if not zone.prefixed else "lack"
            return CrsVerdict(
                other, f"declared {crs}, but the eastings {has} the zone number: {_show(box)}", 0.85
            )
    guess = _infer(box, expected, crs)
    return guess if guess.crs is not None else None


def _judge_declared(crs: str, box: Box | None, expected: str | None) -> CrsVerdict:
    """Verdict for a source that declares a known system."""
    if box is None:
        return CrsVerdict(
            crs, f"declared as {crs}; no bounds to check it by", 0.8, _datum_note(crs)
        )
    factor, objection = _objection(crs, box, expected)
    if factor > 0:
        findings = () if objection is None else (objection,)
        return CrsVerdict(
            crs,
            f"declared as {crs}, and {_show(box)} fit it",
            0.95 * factor,
            findings + _datum_note(crs),
        )
    better = _repaired(crs, box, expected)
    wrong = f"the source declares {crs}: {objection}"
    if better is None:
        return CrsVerdict(None, f"{wrong}; no other system explains the numbers", 0.0, (wrong,))
    return replace(better, findings=(wrong, *better.findings, *_datum_note(better.crs or crs)))


def judge(
    declared: str | None,
    bounds: tuple[float, float, float, float] | None,
    *,
    expected: str | None = None,
    given: str | None = None,
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

    Returns
    -------
    CrsVerdict

    Raises
    ------
    CrsError
        If ``expected`` or ``given`` is no known system; a bad declaration is a finding.

    Examples
    --------
    >>> judge(None, (38_505_000, 3_370_000, 38_511_000, 3_376_000)).crs
    'EPSG:4526'
    >>> judge("EPSG:4326", (22.49, 113.91, 22.54, 113.96)).crs
    'EPSG:4326@yx'
    """
    box = _usable(bounds)
    city = names.canonical(expected) if expected else None
    found = names.find(declared)
    unknown = (
        ()
        if found or not (declared or "").strip()
        else (f"the declared system {(declared or '')[:80]!r} is not known",)
    )
    if given:
        return _judge_given(names.canonical(given), found, box, city, unknown)
    if found is not None:
        return _judge_declared(found, box, city)
    if box is None:
        why = "nothing known is declared and there are no bounds to judge by"
        return CrsVerdict(None, why, 0.0, unknown)
    verdict = _infer(box, city, None)
    note = _datum_note(verdict.crs) if verdict.crs else ()
    return replace(verdict, findings=unknown + verdict.findings + note)


def _judge_given(
    given: str, found: str | None, box: Box | None, expected: str | None, unknown: tuple[str, ...]
) -> CrsVerdict:
    """Verdict for the system of the plan."""
    findings = list(unknown)
    trust = 1.0
    if found is not None and found != given:
        findings.append(f"the source declares {found}, the plan says {given}")
        trust = 0.9
    if box is not None:
        factor, objection = _objection(given, box, expected)
        trust *= max(factor, 0.3)
        if objection is not None:
            other = _repaired(given, box, expected) if factor == 0 else None
            hint = f" ({other.crs} would fit)" if other else ""
            findings.append(f"the plan says {given}: {objection}{hint}")
    return CrsVerdict(given, f"the plan says {given}", trust, (*findings, *_datum_note(given)))
