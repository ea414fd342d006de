"""Latitude, longitude and north of a model's site, and how far they can be believed."""

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import ifcopenshell
import ifcopenshell.util.placement
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.conversions import number
from loaders.ifc.structure import attribute_of
from twin import crs as systems

__all__ = ["SitePlace", "convergence", "site_place", "tangent", "true_north"]

SEMI_MAJOR, E2 = 6_378_137.0, 0.006_694_379_990_141_3
"""WGS 84 ellipsoid: metres, squared eccentricity (GRS 80 differs by 0.1 mm)."""
_DEFAULTS = (
    ("Boston", 42.3584, -71.0603),
    ("Boston", 42.2125, -71.0333),
    ("London", 51.5, -0.1167),
    ("Budapest", 47.4979, 19.0402),
    ("Munich", 48.1391, 11.5802),
    ("Chicago", 41.8744, -87.6394),
    ("Tokyo", 35.7, 139.7667),
    ("Dubai", 24.4667, 54.4167),
    ("Nijmegen/Zeist", 52.15, 5.3833),
    ("Oslo", 59.9167, 10.75),
    ("Beijing", 39.9167, 116.3833),
)
"""Where authoring tools put a project nobody has placed (town, latitude, longitude; within 0.02°)."""


@dataclass(frozen=True, slots=True)
class SitePlace:
    """Place of the site's own origin.

    ``north`` is degrees counter-clockwise from true east to the model's x axis, None where the file
    does not say; ``without`` moves the site's origin to 0, 0, 0 (model metres); ``default`` names
    the town an authoring tool starts with.
    """

    lat: float
    lon: float
    height: float
    north: float | None
    without: NDArray[np.float64]
    confidence: float
    default: str | None
    findings: tuple[str, ...]


def _degrees(parts: Any) -> float | None:  # noqa: ANN401 (tuple of ints or None)
    if not parts or not all(isinstance(p, int | float) for p in parts):
        return None
    sign = -1.0 if any(p < 0 for p in parts) else 1.0
    weights: tuple[float, ...] = (1.0, 1 / 60, 1 / 3600, 1 / 3.6e9)
    return float(sign * sum(abs(p) * w for p, w in zip(parts, weights, strict=False)))


def true_north(model: ifcopenshell.file) -> float | None:
    """Degrees counter-clockwise from true east to the model's x axis; None where it is not said."""
    for context in model.by_type("IfcGeometricRepresentationContext", include_subtypes=False):
        north = attribute_of(context, "TrueNorth")
        ratios = attribute_of(north, "DirectionRatios")
        if isinstance(ratios, tuple) and len(ratios) >= 2:
            x, y = ratios[:2]
            if x or y:
                return 90.0 - math.degrees(math.atan2(y, x))
    return None


def site_place(model: ifcopenshell.file, unit: float) -> SitePlace | None:
    """Place of the first site with a latitude and longitude that mean something.

    Parameters
    ----------
    model : ifcopenshell.file
    unit : float
        Metres in one project length unit.

    Returns
    -------
    SitePlace or None
        ``confidence``: 0.65 with seconds, 0.4 with whole minutes only, 0.1 for a tool's default.
    """
    found: list[tuple[float, float, Any]] = []
    for site in model.by_type("IfcSite"):
        lat, lon = _degrees(site.RefLatitude), _degrees(site.RefLongitude)
        if lat is None or lon is None or abs(lat) > 89 or abs(lon) > 180:
            continue
        if abs(lat) > 1e-9 or abs(lon) > 1e-9:
            found.append((lat, lon, site))
    if not found:
        return None
    lat, lon, site = found[0]
    findings = []
    apart = max(math.hypot(lat - a, lon - b) for a, b, _ in found) * 111.0
    if apart > 0.5:
        findings.append(
            f"{len(found)} sites whose latitudes and longitudes lie up to {apart:.1f} km apart; the first is used"
        )
    default = next(
        (t for t, a, b in _DEFAULTS if abs(lat - a) < 0.02 and abs(lon - b) < 0.02), None
    )
    fine = any(any(p for p in list(v)[2:]) for v in (site.RefLatitude, site.RefLongitude))
    confidence = 0.1 if default else 0.65 if fine else 0.4
    if not fine and not default:
        findings.append("latitude and longitude are whole minutes: up to a kilometre off")
    without = np.eye(4)
    if hasattr(site.ObjectPlacement, "is_a"):
        with contextlib.suppress(RuntimeError, AttributeError, TypeError, ValueError):
            stands = ifcopenshell.util.placement.get_local_placement(site.ObjectPlacement)
            without[:3, 3] = -stands[:3, 3] * unit
    height = (number(site.RefElevation) or 0.0) * unit
    north = true_north(model)
    return SitePlace(lat, lon, height, north, without, confidence, default, tuple(findings))


def tangent(lat: float, lon: float) -> NDArray[np.float64]:
    """Metres east and north of a place → degrees, to first order (1 cm within 300 m at 60°)."""
    phi = math.radians(lat)
    w = math.sqrt(1 - E2 * math.sin(phi) ** 2)
    per_lon = math.degrees(w / (SEMI_MAJOR * math.cos(phi)))
    per_lat = math.degrees(w**3 / (SEMI_MAJOR * (1 - E2)))
    return np.array(
        [[per_lon, 0, 0, lon], [0, per_lat, 0, lat], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64
    )


def convergence(crs: str, lon: float, lat: float) -> float:
    """Convergence of the meridians: degrees clockwise from true north to grid north.

    Measured by a step of a thousandth of a degree along the meridian: positive where grid north
    lies east of true north (east of the central meridian, north of the equator).
    """
    x, y, _ = systems.from_geographic(crs, [lon, lon], [lat, lat + 1e-3])
    return -math.degrees(math.atan2(float(x[1] - x[0]), float(y[1] - y[0])))
