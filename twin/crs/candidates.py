"""Systems that a box of numbers could be in, each with the sentence and the confidence it deserves.

Numbers alone rarely decide: GCJ-02 and BD-09 look like any degrees, the datum of a Gauss-Kruger
zone is not in its eastings, two feet look alike. What only ground that is already trusted can tell
apart stays below the confidence a load asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pyproj import CRS
from pyproj.exceptions import CRSError

from twin.crs import names
from twin.crs.clues import Clue
from twin.crs.names import SWAPPED, Family, Zone
from twin.crs.placement import (
    FAR,
    NEAR,
    Box,
    distance,
    in_shifted_ground,
    like_degrees,
    misfit,
    near_expected,
    place,
    show,
    swap,
)
from twin.crs.transforms import area_of_use
from twin.errors import CrsError

__all__ = [
    "CAUTION", "Candidate", "candidates_of", "family_of", "same_degrees", "unit_variants", "zones_near",
]  # fmt: skip

CAUTION = "GCJ-02 or BD-09 cannot be excluded by numbers alone"
_EARTH_EDGE = 20_037_508.35  # Web Mercator metres at ±180°
_FAMILIES: tuple[Family, ...] = ("CGCS2000", "Xian 1980", "Beijing 1954")
_FAMILY_TRUST = (0.5, 0.35, 0.25)
_SAME = frozenset({"EPSG:4326", "EPSG:4490"})
_FAMILY_DEGREES: dict[str, Family] = {
    "EPSG:4490": "CGCS2000", "EPSG:4610": "Xian 1980", "EPSG:4214": "Beijing 1954",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A system a source could be in; ``confidence`` between 0 and 1."""

    crs: str
    why: str
    confidence: float


def same_degrees(a: str, b: str) -> bool:
    """Whether two names mean the same place for the same numbers (WGS 84 is taken as CGCS2000)."""
    return a == b or {a, b} <= _SAME


def family_of(crs: str | None) -> Family | None:
    """Chinese datum of a system's name."""
    if crs is None:
        return None
    zone = names.zone_of(crs)
    return zone.family if zone is not None else _FAMILY_DEGREES.get(names.plain(crs))


def candidates_of(
    box: Box,
    *,
    expected: str | None = None,
    declared: str | None = None,
    clues: Sequence[Clue] = (),
    degrees: bool = False,
    grids: Sequence[str] = (),
    city: Box | None = None,
) -> list[Candidate]:
    """Systems a box of numbers could be in, best first.

    Parameters
    ----------
    box : (xmin, ymin, xmax, ymax)
        In the source's units.
    expected : str, optional
        The city's own system; decides about meridian and datum.
    declared : str, optional
        What the source says, though its numbers contradict it; its datum may still be true.
    clues : sequence of Clue
        What names say.
    degrees : bool
        The columns are named longitude and latitude.
    grids : sequence of str
        The city's local grids, ``LOCAL:<name>``.
    city : box of degrees, optional
        Where things lie that are trusted already.
    """
    if like_degrees(box):
        found = _from_degrees(box, expected, degrees)
    else:
        family = next((f for c in clues if (f := family_of(c.crs)) is not None), None)
        found = _from_metres(box, expected, declared, family, city)
    found += _from_grids(box, grids, expected, city)
    return sorted(_with_clues(found, box, clues, expected), key=lambda c: -c.confidence)


def _from_degrees(box: Box, expected: str | None, named: bool) -> list[Candidate]:
    found: list[Candidate] = []
    for suffix, numbers in (("", box), (SWAPPED, swap(box))):
        if max(abs(numbers[1]), abs(numbers[3])) > 90 or not in_shifted_ground(numbers):
            continue
        order = "latitude before longitude" if suffix else "longitude and latitude"
        off = near_expected("EPSG:4490" + suffix, box, expected) is False
        trust = (0.35 if off else 0.5) - 0.05 * bool(suffix)
        why = f"{show(box)} look like {order} in China"
        found.append(Candidate("EPSG:4490" + suffix, f"{why}; {CAUTION}", trust))
        found += [
            Candidate(crs + suffix, f"{why}; such numbers can be {crs}", trust - less)
            for crs, less in ((names.GCJ02, 0.15), (names.BD09, 0.2))
        ]
    if not found and max(abs(box[1]), abs(box[3])) <= 90:
        told = "named longitude and latitude, " if named else ""
        why = f"{show(box)} are {told}degrees outside the area of shifted maps"
        if not named:
            why = f"{show(box)} look like degrees outside China"
        found.append(Candidate("EPSG:4326", why, 0.7 if named else 0.5))
    elif not found and max(abs(box[0]), abs(box[2])) <= 90:
        found.append(
            Candidate(
                "EPSG:4326" + SWAPPED, f"{show(box)} look like latitude before longitude", 0.5
            )
        )
    return found


def _prefix(easting: float) -> int | None:
    """Zone number in front of an easting: 38 505 000 → 38; None where there is none of China."""
    number, rest = divmod(easting, 1_000_000.0)
    known = 13 <= number <= 23 or 25 <= number <= 45
    return int(number) if known and 100_000 <= rest <= 900_000 else None


def zones_near(longitude: float, family: Family) -> list[Zone]:
    """Zones of a datum, 3° and 6°, without zone number, whose numbers could lie at a longitude."""
    found = [
        Zone(family, 3, m, prefixed=False)
        for m in range(75, 136, 3)
        if abs(m - longitude) <= 1.5 + NEAR
    ]
    found += [
        Zone(family, 6, m, prefixed=False)
        for m in range(75, 136, 6)
        if abs(m - longitude) <= 3 + NEAR
    ]
    return sorted(found, key=lambda zone: (abs(zone.meridian - longitude), zone.width))


def _zones(
    box: Box, expected: str | None, declared: str | None, said: Family | None, city: Box | None
) -> list[tuple[Zone, float, str]]:
    """Zones whose numbers look like these, with confidence and what tells them."""
    model = names.zone_of(expected or "") or names.zone_of(declared or "")
    family = said or (model.family if model else family_of(declared))
    number = _prefix(box[0])
    if number is not None and number == _prefix(box[2]):
        wide = number <= 23
        meridian = 6 * number - 3 if wide else 3 * number
        zone = Zone(family or "CGCS2000", 6 if wide else 3, meridian, prefixed=True)
        what = f"a zone number before the easting ({number})"
        if family is not None:
            return [(zone, 0.8, what)]
        return [
            (replace(zone, family=f), trust, f"{what}; its datum is not in the numbers")
            for f, trust in zip(_FAMILIES, _FAMILY_TRUST, strict=True)
        ]
    if not (box[0] > 0 and box[2] < 1_000_000):
        return []
    # A 6° zone and a neighbour's 3° zone have the same numbers: only known ground can confirm this one.
    what = "eastings without zone number; the meridian is that of the expected system"
    found = [] if model is None else [
        (replace(model, family=family or model.family, prefixed=False), 0.55, what)
    ]  # fmt: skip
    if city is not None:
        here = (city[0] + city[2]) / 2
        what = f"eastings without zone number; the zone is one the city (at {here:.1f}°) lies in"
        for each in [family] if family else _FAMILIES:
            found += [(zone, 0.3, what) for zone in zones_near(here, each)]
    return found


def _from_metres(
    box: Box,
    expected: str | None,
    declared: str | None,
    said: Family | None,
    city: Box | None,
) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    for suffix, numbers in (("", box), (SWAPPED, swap(box))):
        swapped = " with the northing first" if suffix else ""
        for zone, trust, what in _zones(numbers, expected, declared, said, city):
            code = names.zone_code(zone)
            if code is None or misfit(code, numbers) > NEAR:
                continue
            off = near_expected(code, numbers, expected) is False
            sure = trust * (0.6 if off else 1.0) - 0.05 * bool(suffix)
            if code + suffix not in found:
                why = f"{show(box)} show {what}{swapped}"
                found[code + suffix] = Candidate(code + suffix, why, sure)
    return [*found.values(), *_from_mercator(box, expected, city)]


def _from_mercator(box: Box, expected: str | None, city: Box | None) -> list[Candidate]:
    """Web Mercator and the Mercators of shifted maps, as far as they lead to China or the city."""
    if max(abs(v) for v in box) > _EARTH_EDGE or box[0] < 1_000_000 or box[1] < 0:
        return []
    found = []
    for crs, trust in (("EPSG:3857", 0.45), (names.BD09MC, 0.4), (names.GCJ02MC, 0.35)):
        there = place(crs, box)
        if there is None or near_expected(crs, box, expected) is False:
            continue
        if city is not None and distance(city, there) > NEAR and distance(there, city) > NEAR:
            continue
        if in_shifted_ground(there) or expected is not None:
            why = f"{show(box)} fit Web Mercator; Baidu's Mercator (BD-09MC) fits as well"
            if crs != "EPSG:3857":
                why = f"{show(box)} fit the Mercator of {crs.removesuffix('MC')}"
            found.append(Candidate(crs, why, trust))
    return found


def _from_grids(
    box: Box, grids: Sequence[str], expected: str | None, city: Box | None
) -> list[Candidate]:
    """The city's own grids, where the numbers lead into the city."""
    found = []
    for grid in grids:
        there = place(grid, box)
        if there is None:
            continue
        inside = city is not None and distance(there, city) <= 0.2
        if inside or (city is None and near_expected(grid, box, expected)):
            why = f"{show(box)} fit the city's grid {grid}"
            found.append(Candidate(grid, why, 0.65 if inside and len(grids) == 1 else 0.5))
    return found


def _with_clues(
    found: list[Candidate], box: Box, clues: Sequence[Clue], expected: str | None
) -> list[Candidate]:
    """Candidates a clue speaks for gain its weight, in the order of axes the numbers show."""
    out = list(found)
    for clue in clues:
        for crs in (clue.crs, clue.crs + SWAPPED):
            already = next((c for c in out if same_degrees_either_way(c.crs, crs)), None)
            if already is not None:
                best = max(already.confidence, clue.weight - 0.05 * crs.endswith(SWAPPED))
                merged = replace(already, why=f"{clue.words}; {already.why}", confidence=best)
                out[out.index(already)] = merged
                break
            if _fits(crs, box) and near_expected(crs, box, expected) is not False:
                out.append(Candidate(crs, f"{clue.words}, and {show(box)} fit it", clue.weight))
                break
    return out


def same_degrees_either_way(a: str, b: str) -> bool:
    """:func:`same_degrees` of two names whose mark for swapped axes agrees."""
    return a.endswith(SWAPPED) == b.endswith(SWAPPED) and same_degrees(
        names.plain(a), names.plain(b)
    )


def _fits(crs: str, box: Box) -> bool:
    try:
        return misfit(crs, box) <= NEAR and (area_of_use(crs) is not None)
    except CrsError:
        return False


def unit_variants(crs: str, box: Box) -> list[Candidate]:
    """The same projection counted in feet or in metres, where that brings the numbers home."""
    bare = names.plain(crs)
    if bare in names.SHIFTED or bare.startswith("LOCAL:"):
        return []
    try:
        parsed = CRS.from_user_input(bare)
    except CRSError:
        return []
    if not parsed.is_projected or parsed.is_bound:
        return []
    area = area_of_use(crs)
    unit = parsed.axis_info[0].unit_name
    found = []
    for factor, name in ((1.0, "metre"), (1200 / 3937, "US survey foot"), (0.3048, "foot")):
        if area is None or abs(parsed.axis_info[0].unit_conversion_factor - factor) < 1e-3:
            continue
        scale = factor / parsed.axis_info[0].unit_conversion_factor
        there = place(crs, (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale))
        if there is not None and distance(there, area) <= NEAR < FAR:
            sibling = _in_unit(parsed, factor, name)
            why = f"{show(box)} fit {crs} when they are counted in {name}, not {unit}"
            if factor < 1:
                why += "; US survey and international feet differ by 2 mm per kilometre"
            found.append(Candidate(sibling, why, 0.5))
    return found[:1]


@lru_cache(maxsize=64)
def _in_unit(parsed: CRS, factor: float, name: str) -> str:
    """Canonical name of a projection with its coordinates in another unit."""
    document = parsed.to_json_dict()
    unit: object = "metre" if factor == 1.0 else {
        "type": "LinearUnit", "name": name, "conversion_factor": factor,
    }  # fmt: skip
    for axis in document["coordinate_system"]["axis"]:
        axis["unit"] = unit
    document.pop("id", None)
    document["name"] = f"{document['name']} in {name}"
    return names.canonical(CRS.from_json_dict(document).to_wkt())
