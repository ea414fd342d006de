"""Where a model stands: coordinate operation, property set, latitude and longitude, huge coordinates, or nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import ifcopenshell
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.conversions import Conversion, number, read_conversions
from loaders.ifc.sites import SitePlace, convergence, site_place, tangent
from loaders.ifc.units import length_unit
from twin import crs as systems
from twin.errors import CrsError, PlanError

__all__ = ["Georeference", "find_georeference", "given_placement", "placement_matrix"]

Box = tuple[float, float, float, float]
HUGE = 50_000.0
"""Metres from the origin beyond which model coordinates are those of a projected system."""
_NEAR_AREA = 1.0
"""Degrees outside a system's area of use that are still common practice."""


@dataclass(frozen=True, slots=True)
class Georeference:
    """How model coordinates (metres) become source CRS coordinates.

    ``matrix`` is (4, 4) float64, row-major, from model metres to ``crs`` (easting or longitude,
    northing or latitude, height in metres). ``method`` is ``map_conversion``,
    ``rigid_operation``, ``epset``, ``lat_lon``, ``coordinates``, ``plan`` or ``none``. ``near`` is
    (longitude, latitude) of where the model roughly stands, even if that is too uncertain to place
    it by.
    """

    crs: str | None
    matrix: NDArray[np.float64]
    method: str
    evidence: str
    findings: tuple[str, ...] = ()
    confidence: float = 0.0
    near: tuple[float, float] | None = None


def placement_matrix(
    east: float,
    north: float,
    height: float,
    rotation: float,
    scale: float = 1.0,
    xy_unit: float = 1.0,
) -> NDArray[np.float64]:
    """Matrix from model metres to a projected CRS.

    Parameters
    ----------
    east, north : float
        CRS units, of the model's origin.
    height, rotation, scale : float
        Metres; degrees counter-clockwise from grid east to the model's x axis; map metres per model
        metre.
    xy_unit : float
        Metres in one CRS unit.

    Returns
    -------
    ndarray of float64, shape (4, 4)
    """
    angle = math.radians(rotation)
    c, s = math.cos(angle) * scale / xy_unit, math.sin(angle) * scale / xy_unit
    return np.array(
        [[c, -s, 0, east], [s, c, 0, north], [0, 0, scale, height], [0, 0, 0, 1]], dtype=np.float64
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to understand the numbers of an operation; CRS units and metres."""

    east: float
    north: float
    height: float
    said: str | None
    moved: bool = True


def _readings(raw: Conversion, unit: float, crs_unit: float) -> list[_Reading]:
    """Ways to understand eastings and northings: map unit, metres, project units; axes swapped; not at all."""
    stated = raw.map_unit
    if stated is not None and abs(stated / crs_unit - 1.0) < 1e-4:
        stated = crs_unit  # feet of the survey and international ones: the numbers are the system's
    factors: dict[float, str | None] = {}
    if stated is not None:
        factors[stated] = None
    factors.setdefault(crs_unit, "the map unit is not stated; that of the system assumed")
    if stated is not None and stated != crs_unit:
        factors[crs_unit] = (
            "Eastings and Northings are not in the stated map unit but in the system's"
        )
    factors.setdefault(1.0, "Eastings and Northings were taken as metres")
    factors.setdefault(
        unit, "Eastings and Northings were written in project units; converted to metres"
    )
    out = []
    for swapped in (False, True):
        a, b = (raw.north, raw.east) if swapped else (raw.east, raw.north)
        for factor, said in factors.items():
            words = "; ".join(
                t
                for t in (
                    said,
                    "easting and northing stand the other way round" if swapped else None,
                )
                if t
            )
            k = factor / crs_unit
            rise = raw.map_unit if factor == stated and raw.map_unit is not None else factor
            out.append(_Reading(a * k, b * k, raw.height * rise, words or None))
    twice = (
        "the model's own coordinates are map coordinates already; the offset was not applied twice"
    )
    out.insert(1, _Reading(0.0, 0.0, 0.0, twice, moved=False))
    return out


def _misfit(crs: str, x: float, y: float) -> tuple[float, float, float]:
    """Degrees outside the area of use, and longitude and latitude; infinite where there is no place."""
    try:
        lon, lat, _ = systems.to_geographic(crs, [x], [y])
        area = systems.area_of_use(crs)
    except CrsError:
        return math.inf, math.nan, math.nan
    place = float(lon[0]), float(lat[0])
    if not all(math.isfinite(v) for v in place):
        return math.inf, *place
    if area is None:
        return 0.0, *place
    out = (area[0] - place[0], area[1] - place[1], place[0] - area[2], place[1] - area[3])
    return max(0.0, *out), *place


def _factor(raw: Conversion, unit: float, findings: list[str]) -> float:
    """Map metres per model metre; the units cancel, whether the file's Scale holds them or not."""
    scale = raw.scale or 1.0
    for metres in (raw.map_unit or 1.0, unit):
        if 0.9 < scale * metres / unit < 1.1:
            return scale * metres / unit
    if 0.9 < scale < 1.1:
        return scale
    if raw.scale is not None:
        findings.append(
            f"Scale {scale:g} does not fit the units; 1 model metre = 1 map metre assumed"
        )
    return 1.0


def _rotation(raw: Conversion, findings: list[str]) -> float:
    x, y = (1.0 if raw.abscissa is None else raw.abscissa), (raw.ordinate or 0.0)
    if x == 0.0 and y == 0.0:
        findings.append("the direction of the x axis is (0, 0); grid east assumed")
        return 0.0
    return math.degrees(math.atan2(y, x))


def _solve(
    raw: Conversion, unit: float, box: Box | None, site: SitePlace | None, given: str | None
) -> Georeference:
    """Numbers → matrix, with the known slips of authoring tools undone and said."""
    findings: list[str] = []
    named = raw.crs
    crs = given or (named.crs if named else None)
    crs_unit = systems.unit_metres(crs) if crs and not systems.is_geographic(crs) else 1.0
    factor, rotation = _factor(raw, unit, findings), _rotation(raw, findings)
    middle = np.array([0.0, 0.0, 0.0, 1.0])
    if box is not None:
        middle[:2] = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    huge = bool(np.abs(middle[:2]).max() > HUGE)

    def matrix_of(reading: _Reading) -> NDArray[np.float64]:
        if not reading.moved:
            return placement_matrix(0.0, 0.0, 0.0, 0.0, 1.0, crs_unit)
        out = placement_matrix(
            reading.east, reading.north, reading.height, rotation, factor, crs_unit
        )
        out[:, :3] *= raw.factors
        return out

    readings = [r for r in _readings(raw, unit, crs_unit) if r.moved or huge]
    if crs is None:
        return _unresolved(raw, readings[0], matrix_of(readings[0]), site, findings)
    scored = []
    for order, reading in enumerate(readings):
        x, y = (matrix_of(reading) @ middle)[:2]
        misfit, lon, lat = _misfit(crs, float(x), float(y))
        off = 0.0
        if site is not None and site.confidence >= 0.4 and math.isfinite(misfit):
            off = round(math.hypot(lon - site.lon, lat - site.lat) / 2.0)
        scored.append(((misfit > _NEAR_AREA, off, order), reading, misfit, (lon, lat)))
    _, best, misfit, place = min(scored, key=lambda s: s[0])
    confidence = named.confidence if named and not given else 0.95
    if best.said:
        findings.append(best.said)
        confidence -= 0.05
    if misfit > _NEAR_AREA:
        findings.append(
            f"E {raw.east:g} N {raw.north:g} lie outside the area {crs} is meant for, in any unit"
        )
        confidence = 0.3
    findings += _disagreements(site, place, rotation, crs, best)
    evidence = (
        f"E {best.east:.3f} N {best.north:.3f} H {best.height:.3f}, rotated {rotation:.4f}°, "
        f"scale {factor:.8g}, CRS {raw.written!r}" + (f" ({named.how})" if named else "")
    )
    near = place if all(math.isfinite(v) for v in place) and misfit <= _NEAR_AREA else None
    return Georeference(
        crs, matrix_of(best), raw.method, evidence, tuple(findings), confidence, near
    )


def _unresolved(
    raw: Conversion,
    reading: _Reading,
    matrix: NDArray[np.float64],
    site: SitePlace | None,
    findings: list[str],
) -> Georeference:
    """An operation into a system nobody knows: the plan must name it."""
    findings.append(
        f"the CRS is named {raw.written!r}, which names no known system; give the layer's crs in the plan"
    )
    evidence = f"E {reading.east:.3f} N {reading.north:.3f}, CRS {raw.written!r}"
    near = (site.lon, site.lat) if site else None
    return Georeference(None, matrix, raw.method, evidence, tuple(findings), 0.0, near)


def _disagreements(
    site: SitePlace | None,
    place: tuple[float, float],
    rotation: float,
    crs: str,
    reading: _Reading,
) -> list[str]:
    """What the site's latitude and the direction of north say against a map conversion."""
    if site is None or not all(math.isfinite(v) for v in place):
        return []
    out = []
    metres = 111_320.0 * math.hypot(
        (place[0] - site.lon) * math.cos(math.radians(site.lat)), place[1] - site.lat
    )
    if metres > 50_000 and not site.default:
        out.append(
            f"the site's latitude and longitude lie {metres / 1000:.0f} km from the map conversion, which was used"
        )
    if site.north is not None and reading.moved:
        turned = site.north + convergence(crs, *place)
        gap = abs((rotation - turned + 180.0) % 360.0 - 180.0)
        if gap > 2.0:
            out.append(
                f"true north turns the model by {turned:.2f}° on the grid, the map conversion, "
                f"which was used, by {rotation:.2f}°"
            )
    return out


def _from_site(site: SitePlace, given: str | None) -> Georeference:
    """Place by latitude, longitude and true north."""
    findings = (
        *site.findings,
        "placed by the site's latitude and longitude only: expect metres to tens of metres of error",
    )
    evidence = f"lat {site.lat:.8f} lon {site.lon:.8f} height {site.height:.3f} m"
    if site.default:
        why = (
            f"latitude {site.lat:.5f} and longitude {site.lon:.5f} are the authoring tool's default "
            f"({site.default}) and were not used"
        )
        return Georeference(None, np.eye(4), "none", evidence, (*site.findings, why), 0.0)
    turn = site.north or 0.0
    crs = given or "EPSG:4326"
    if systems.is_geographic(crs):
        matrix = tangent(site.lat, site.lon) @ placement_matrix(0.0, 0.0, site.height, turn)
    else:
        x, y, _ = systems.from_geographic(crs, [site.lon], [site.lat])
        turn += convergence(crs, site.lon, site.lat)
        unit = systems.unit_metres(crs)
        matrix = placement_matrix(float(x[0]), float(y[0]), site.height, turn, 1.0, unit)
    return Georeference(
        crs,
        matrix @ site.without,
        "lat_lon",
        evidence,
        findings,
        site.confidence,
        (site.lon, site.lat),
    )


def _rigid_degrees(raw: Conversion) -> Georeference:
    """A rigid operation in degrees: latitude and longitude of the origin."""
    first, second = raw.east, raw.north
    crs = raw.crs.crs if raw.crs else "EPSG:4326"
    swapped = abs(second) > 90 or (
        _misfit(crs, second, first)[0] < _misfit(crs, first, second)[0] and abs(first) <= 90
    )
    lon, lat = (second, first) if swapped else (first, second)
    if abs(lat) <= 90 and abs(first) <= 90 and _misfit(crs, second, first)[0] == 0.0:
        lon, lat = second, first  # the first axis of a geographic system is latitude
    matrix = tangent(lat, lon) @ placement_matrix(0.0, 0.0, raw.height, 0.0)
    evidence = f"lat {lat:.8f} lon {lon:.8f} H {raw.height:.3f}, CRS {raw.written!r}"
    return Georeference(crs, matrix, "rigid_operation", evidence, (), 0.8, (lon, lat))


def find_georeference(
    model: ifcopenshell.file, bounds: Box | None, given: str | None = None
) -> Georeference:
    """Georeference of a model by the strongest evidence in it.

    Parameters
    ----------
    model : ifcopenshell.file
        Any schema.
    bounds : tuple of float or None
        (xmin, ymin, xmax, ymax) of the model's coordinates, metres: huge ones are projected
        coordinates already.
    given : str, optional
        CRS the plan names; wins over the file's own.

    Returns
    -------
    Georeference
        ``crs`` is None where the model does not say where it is.
    """
    unit = length_unit(model)
    site = site_place(model, unit)
    solved = [
        _rigid_degrees(raw)
        if raw.method.endswith("angle")
        else _solve(raw, unit, bounds, site, given)
        for raw in read_conversions(model)
    ]
    if solved:
        best = max(solved, key=lambda g: g.confidence)
        if len(solved) > 1:
            note = f"{len(solved)} coordinate operations; the one by {best.evidence} is used"
            best = replace(best, findings=(note, *best.findings))
        if best.confidence >= 0.5 or site is None or site.default or given:
            return best
        return _second_best(best, _from_site(site, given))
    if bounds is not None and max(abs(b) for b in bounds) > HUGE:
        return _from_coordinates(bounds, given, site)
    if site is not None:
        return _from_site(site, given)
    nothing = (
        "the model does not say where it is; give its placement in the plan, e.g. placement = "
        '{ crs = "EPSG:…", easting = …, northing = …, height = …, rotation_deg = … }'
    )
    return Georeference(None, np.eye(4), "none", "no georeference", (nothing,))


def _second_best(operation: Georeference, site: Georeference) -> Georeference:
    """The site's latitude where the coordinate operation makes no sense."""
    if site.confidence <= operation.confidence or site.crs is None:
        return replace(operation, near=operation.near or site.near)
    return replace(site, findings=(*operation.findings, *site.findings))


def _from_coordinates(bounds: Box, given: str | None, site: SitePlace | None) -> Georeference:
    """Coordinates that are a projected system's already; which one, the numbers or the plan must tell."""
    where = f"x {bounds[0]:.0f} y {bounds[1]:.0f} m"
    findings = (
        ()
        if given
        else (
            f"coordinates lie near {where}, as in a projected CRS, but none is named; give it in the plan",
        )
    )
    unit = systems.unit_metres(given) if given and not systems.is_geographic(given) else 1.0
    matrix = placement_matrix(0.0, 0.0, 0.0, 0.0, 1.0, unit)
    near = (site.lon, site.lat) if site and not site.default else None
    return Georeference(
        given,
        matrix,
        "coordinates",
        f"huge coordinates: {where}",
        findings,
        0.8 if given else 0.0,
        near,
    )


def given_placement(plan_path: str, crs: str | None, placement: Mapping[str, Any]) -> Georeference:
    """Placement the plan gives.

    Parameters
    ----------
    plan_path : str
        For the message.
    crs : str or None
        The layer's system, where the placement names none.
    placement : mapping
        ``easting``, ``northing`` (units of ``crs``) or ``lon``, ``lat`` (degrees); ``height``
        (metres), ``rotation_deg`` (counter-clockwise from grid or true east to the model's x axis),
        ``scale`` (map metres per model metre), ``crs``.

    Raises
    ------
    PlanError
        If a number is missing or none.
    """
    values = {k: number(v) for k, v in placement.items() if k != "crs"}
    height, turn = (
        values.get("height", 0.0),
        values.get("rotation_deg", values.get("rotation", 0.0)),
    )
    scale = values.get("scale", 1.0)
    place = (values.get("easting"), values.get("northing"))
    degrees = (values.get("lon"), values.get("lat"))
    known = {"easting", "northing", "lon", "lat", "height", "rotation_deg", "rotation", "scale"}
    if set(values) - known or None in (height, turn, scale) or (None in place and None in degrees):
        raise PlanError(
            f"{plan_path}: the placement needs easting and northing, or lon and lat, as numbers, and may have "
            f"height, rotation_deg, scale and crs; given {dict(placement)}"
        )
    system = str(placement.get("crs") or crs or "")
    if place[0] is not None and place[1] is not None:
        if not system or systems.is_geographic(system):
            raise PlanError(
                f"{plan_path}: easting and northing need a projected crs; given {system or 'none'}. "
                "Write crs into the placement, or give lon and lat"
            )
        matrix = placement_matrix(
            place[0],
            place[1],
            height or 0.0,
            turn or 0.0,
            scale or 1.0,
            systems.unit_metres(system),
        )
    else:
        system = "EPSG:4490"
        lon, lat = degrees[0] or 0.0, degrees[1] or 0.0
        matrix = tangent(lat, lon) @ placement_matrix(
            0, 0, height or 0.0, turn or 0.0, scale or 1.0
        )
    return Georeference(system, matrix, "plan", "given in the plan", (), 1.0)
