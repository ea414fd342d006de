"""Where a model stands: map conversion, its IFC2x3 property set, latitude and longitude, or nothing."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import ifcopenshell
import ifcopenshell.util.placement
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.units import length_unit

__all__ = ["Georeference", "crs_from_name", "find_georeference", "placement_matrix"]

SEMI_MAJOR, E2 = 6_378_137.0, 0.006_694_379_990_141_3
"""WGS 84 ellipsoid: metres, squared eccentricity (GRS 80 differs by 0.1 mm)."""
_DEFAULT_SITES = (
    ("Boston", 42.35, -71.06),
    ("Boston", 42.2125, -71.0333),
    ("London", 51.5, -0.1167),
    ("Budapest", 47.4979, 19.0402),
)
"""Where authoring tools put a project nobody has placed (town, latitude, longitude; within 0.02°)."""


@dataclass(frozen=True, slots=True)
class Georeference:
    """How model coordinates (metres) become source CRS coordinates.

    ``matrix`` is (4, 4) float64, row-major, from model metres to ``crs`` (easting or longitude,
    northing or latitude,
    height in metres). ``method`` is ``map_conversion``, ``epset``, ``lat_lon``, ``plan`` or
    ``none``.
    """

    crs: str | None
    matrix: NDArray[np.float64]
    method: str
    evidence: str
    findings: tuple[str, ...] = ()
    confidence: float = field(default=0.0)


def crs_from_name(name: str | None) -> str | None:
    """Code or WKT a CRS name stands for; None where it is prose nobody can resolve.

    Examples
    --------
    >>> crs_from_name("urn:ogc:def:crs:EPSG::4547"), crs_from_name("CGCS2000_3_Degree_GK_CM_114E")
    ('EPSG:4547', 'EPSG:4547')
    >>> crs_from_name("CGCS2000 / 3-degree GK zone 38"), crs_from_name("ETRS89 / UTM zone 32N")
    ('EPSG:4526', 'EPSG:25832')
    """
    text = (name or "").strip()
    if re.match(r"(PROJCS|PROJCRS|GEOGCS|GEOGCRS|COMPD_CS|COMPOUNDCRS)\[", text, re.I):
        return text
    if found := re.search(r"EPSG\D{0,3}(\d{4,6})", text, re.I) or re.fullmatch(r"(\d{4,5})", text):
        return f"EPSG:{found[1]}"
    folded = re.sub(r"[\s_/\-()°]+", " ", text.lower())
    if "cgcs2000" in folded or "cgcs 2000" in folded or "国家大地坐标" in text:
        return _cgcs2000(folded)
    if found := re.search(r"utm\s*(?:zone)?\s*(\d{1,2})\s*([ns]?)", folded):
        zone, south = int(found[1]), found[2] == "s"
        if 1 <= zone <= 60:
            if "etrs" in folded and 28 <= zone <= 38 and not south:
                return f"EPSG:{25800 + zone}"
            if not any(d in folded for d in ("nad", "ed50", "sirgas", "gda")):
                return f"EPSG:{(32700 if south else 32600) + zone}"
    return None


def _cgcs2000(folded: str) -> str | None:
    six = bool(re.search(r"\b6 ?(deg|度)", folded))
    if found := re.search(r"cm ?(\d{2,3}) ?e?|(\d{2,3}) ?(?:e\b|度|central)", folded):
        meridian = int(found[1] or found[2])
        if not six and 75 <= meridian <= 135 and meridian % 3 == 0:
            return f"EPSG:{4534 + (meridian - 75) // 3}"
        if six and 75 <= meridian <= 135 and (meridian - 75) % 6 == 0:
            return f"EPSG:{4502 + (meridian - 75) // 6}"
    if found := re.search(r"zone ?(\d{2})|(\d{2}) ?带", folded):
        zone = int(found[1] or found[2])
        if 25 <= zone <= 45:
            return f"EPSG:{4513 + zone - 25}"
        if 13 <= zone <= 23:
            return f"EPSG:{4491 + zone - 13}"
    return None


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


def _map_unit(crs: Any) -> float | None:  # noqa: ANN401 (IFC entity, untyped)
    """Metres in one unit of the projected CRS; None where it is not stated."""
    unit = getattr(crs, "MapUnit", None)
    if unit is None:
        return None
    if unit.is_a("IfcSIUnit"):
        prefix = {None: 1.0, "MILLI": 1e-3, "CENTI": 1e-2, "DECI": 0.1, "KILO": 1e3}
        return prefix.get(unit.Prefix, 1.0)
    if unit.is_a("IfcConversionBasedUnit"):
        measure = unit.ConversionFactor
        return float(measure.ValueComponent.wrappedValue) if measure else None
    return None


@dataclass(frozen=True, slots=True)
class _Conversion:
    """Raw numbers of a map conversion, however the file writes them."""

    crs_name: str | None
    map_unit: float | None
    east: float
    north: float
    height: float
    abscissa: float | None
    ordinate: float | None
    scale: float | None


def _from_entity(model: ifcopenshell.file) -> tuple[_Conversion | None, list[str]]:
    if model.schema == "IFC2X3":
        return None, []
    operations = model.by_type("IfcMapConversion")
    findings = (
        [f"{len(operations)} map conversions; the first is used"] if len(operations) > 1 else []
    )
    for op in operations:
        target = op.TargetCRS
        return _Conversion(
            getattr(target, "Name", None),
            _map_unit(target),
            _number(op.Eastings) or 0.0,
            _number(op.Northings) or 0.0,
            _number(op.OrthogonalHeight) or 0.0,
            _number(op.XAxisAbscissa),
            _number(op.XAxisOrdinate),
            _number(op.Scale),
        ), findings
    return None, findings


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # text or number; anything else is caught
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _from_sets(model: ifcopenshell.file) -> _Conversion | None:
    """``ePSet_MapConversion`` and ``ePSet_ProjectedCRS`` of IFC2x3, in any spelling."""
    values: dict[str, Any] = {}
    for pset in model.by_type("IfcPropertySet"):
        folded = re.sub(r"[\s_\-]", "", pset.Name or "").lower()
        if folded.endswith(("mapconversion", "projectedcrs")):
            for prop in pset.HasProperties or ():
                nominal = getattr(prop, "NominalValue", None)
                if nominal is not None:
                    values[f"{folded[-6:]}.{re.sub(r'[^a-z]', '', prop.Name.lower())}"] = (
                        nominal.wrappedValue
                    )
    get = {k.split(".", 1)[1]: v for k, v in values.items() if k.startswith("ersion")}
    crs = {k.split(".", 1)[1]: v for k, v in values.items() if k.startswith("tedcrs")}
    east, north = _number(get.get("eastings")), _number(get.get("northings"))
    if east is None or north is None:
        return None
    name = crs.get("name") or get.get("targetcrs")
    return _Conversion(
        str(name) if name else None,
        None,
        east,
        north,
        _number(get.get("orthogonalheight")) or 0.0,
        _number(get.get("xaxisabscissa")),
        _number(get.get("xaxisordinate")),
        _number(get.get("scale")),
    )


def _solve(raw: _Conversion, unit: float, method: str, findings: list[str]) -> Georeference:
    """Numbers → matrix, with the known slips of authoring tools undone and said."""
    map_unit = raw.map_unit
    east, north, height = raw.east, raw.north, raw.height
    if unit < 0.5 and (abs(north) > 2e7 or abs(east) > 1e8):
        east, north, height, map_unit = east * unit, north * unit, height * unit, 1.0
        findings.append("Eastings and Northings were written in project units; converted to metres")
    metres = map_unit or 1.0
    if map_unit is None:
        findings.append("the map unit is not stated; metres assumed")
    scale = raw.scale or 1.0
    factor = scale * metres / unit
    if not 0.9 < factor < 1.1:
        if raw.scale is not None and not 0.9 < scale < 1.1:
            findings.append(
                f"Scale {scale:g} does not fit the units; 1 model metre = 1 map metre assumed"
            )
        factor = scale if 0.9 < scale < 1.1 else 1.0
    x, y = (1.0 if raw.abscissa is None else raw.abscissa), (raw.ordinate or 0.0)
    if x == 0.0 and y == 0.0:
        x = 1.0
        findings.append("the direction of the x axis is (0, 0); grid east assumed")
    rotation = math.degrees(math.atan2(y, x))
    crs = crs_from_name(raw.crs_name)
    if crs is None:
        findings.append(
            f"the CRS is named {raw.crs_name!r}, which names no known system; give the layer's crs in the plan"
        )
    evidence = f"E {east:.3f} N {north:.3f} H {height:.3f}, rotated {rotation:.4f}°, scale {factor:.8g}, CRS {raw.crs_name!r}"
    matrix = placement_matrix(east, north, height * metres, rotation, factor, metres)
    return Georeference(crs, matrix, method, evidence, tuple(findings), 0.95 if crs else 0.6)


def _degrees(parts: Any) -> float | None:  # noqa: ANN401 (tuple of ints or None)
    if not parts:
        return None
    sign = -1.0 if any(p < 0 for p in parts) else 1.0
    weights: tuple[float, ...] = (1.0, 1 / 60, 1 / 3600, 1 / 3.6e9)
    return float(sign * sum(abs(p) * w for p, w in zip(parts, weights, strict=False)))


def _true_north(model: ifcopenshell.file) -> float:
    """Degrees counter-clockwise from true east to the model's x axis."""
    for context in model.by_type("IfcGeometricRepresentationContext", include_subtypes=False):
        north = getattr(context, "TrueNorth", None)
        if north is not None:
            x, y = north.DirectionRatios[:2]
            if x or y:
                return 90.0 - math.degrees(math.atan2(y, x))
    return 0.0


def _from_site(model: ifcopenshell.file, unit: float, findings: list[str]) -> Georeference | None:
    for site in model.by_type("IfcSite"):
        lat, lon = _degrees(site.RefLatitude), _degrees(site.RefLongitude)
        if (
            lat is None
            or lon is None
            or abs(lat) > 89
            or abs(lon) > 180
            or (abs(lat) < 1e-9 and abs(lon) < 1e-9)
        ):
            continue
        height = (_number(site.RefElevation) or 0.0) * unit
        for town, default_lat, default_lon in _DEFAULT_SITES:
            if abs(lat - default_lat) < 0.02 and abs(lon - default_lon) < 0.02:
                findings.append(
                    f"latitude {lat:.5f} and longitude {lon:.5f} are the authoring tool's default ({town}) and were not used"
                )
                return None
        findings.append(
            "placed by the site's latitude and longitude only: expect metres to tens of metres of error"
        )
        local = placement_matrix(0.0, 0.0, height, _true_north(model))
        matrix = _tangent(lat, lon) @ local @ _without_site(site, unit)
        return Georeference(
            "EPSG:4326",
            matrix,
            "lat_lon",
            f"lat {lat:.8f} lon {lon:.8f} height {height:.3f} m",
            tuple(findings),
            0.5,
        )
    return None


def _tangent(lat: float, lon: float) -> NDArray[np.float64]:
    """Metres east and north of a place → degrees, to first order (1 cm within 300 m at 60°)."""
    phi = math.radians(lat)
    w = math.sqrt(1 - E2 * math.sin(phi) ** 2)
    per_lon = math.degrees(w / (SEMI_MAJOR * math.cos(phi)))
    per_lat = math.degrees(w**3 / (SEMI_MAJOR * (1 - E2)))
    return np.array(
        [[per_lon, 0, 0, lon], [0, per_lat, 0, lat], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64
    )


def _without_site(site: Any, unit: float) -> NDArray[np.float64]:  # noqa: ANN401 (IFC entity)
    """Shift that puts the site's own origin to 0, 0 (its latitude is that of this point)."""
    shift = np.eye(4)
    if hasattr(site.ObjectPlacement, "is_a"):
        origin = ifcopenshell.util.placement.get_local_placement(site.ObjectPlacement)[:3, 3] * unit
        shift[:3, 3] = -origin
    return shift


def find_georeference(
    model: ifcopenshell.file, bounds: tuple[float, float, float, float] | None
) -> Georeference:
    """Georeference of a model by the strongest evidence in it.

    Parameters
    ----------
    model : ifcopenshell.file
        Any schema.
    bounds : tuple of float or None
        (xmin, ymin, xmax, ymax) of the placements, model metres: huge ones are projected
        coordinates already.

    Returns
    -------
    Georeference
        ``crs`` is None where the model does not say where it is.
    """
    unit = length_unit(model)
    raw, findings = _from_entity(model)
    if raw is not None:
        return _solve(raw, unit, "map_conversion", findings)
    raw = _from_sets(model)
    if raw is not None:
        return _solve(raw, unit, "epset", findings)
    if bounds is not None and max(abs(b) for b in bounds) > 50_000:
        findings.append(
            f"coordinates lie near x {bounds[0]:.0f} y {bounds[1]:.0f} m, as in a projected CRS, "
            "but none is named; give it in the plan"
        )
        return Georeference(
            None, np.eye(4), "none", "huge coordinates without a CRS", tuple(findings), 0.0
        )
    placed = _from_site(model, unit, findings)
    if placed is not None:
        return placed
    findings.append(
        "the model does not say where it is; give crs and placement.easting, .northing, .height, .rotation in the plan's fields"
    )
    return Georeference(None, np.eye(4), "none", "no georeference", tuple(findings), 0.0)
