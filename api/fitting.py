"""Models that do not say well enough where they are: what to make of it, and where they might stand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from loaders.base import LayerInfo
from loaders.ifc import IfcLoader
from twin import crs
from twin.crs import CrsVerdict
from twin.errors import TwinError
from twin.heights import Heights
from twin.placement import Fits, fit_outline
from twin.plan import LayerPlan
from twin.store import Store
from twin.store.footprints import footprints_like, has_footprints

__all__ = ["offered_placement", "planned_crs", "weighed"]

NEAR_M = 3_000.0
"""Metres around the place a model gives itself within which footprints are tried first."""


def planned_crs(plan: LayerPlan) -> str | None:
    """CRS the plan gives, in its own entry or in that of the placement."""
    if plan.placement:
        degrees = "lon" in plan.placement
        return "EPSG:4490" if degrees else str(plan.placement.get("crs") or plan.crs or "") or None
    return plan.crs


def weighed(verdict: CrsVerdict, info: LayerInfo, plan: LayerPlan) -> CrsVerdict:
    """The verdict with what the model itself says of its certainty.

    A placement in the plan is taken as it is. A model that is nowhere stays nowhere, whatever CRS
    the plan names: the numbers of its own origin are no place.
    """
    if info.kind != "model" or not info.format.startswith("IFC"):
        return verdict
    if plan.placement or any(name.startswith("placement.") for name in plan.fields):
        given = planned_crs(plan)
        return CrsVerdict(given, "the plan gives a placement", 1.0) if given else verdict
    if info.crs is None and info.bounds is None:
        return CrsVerdict(None, "the model does not say where it is", 0.0, verdict.findings)
    if plan.crs is not None and "lat_lon" in info.crs_evidence:
        return CrsVerdict(
            crs.canonical(plan.crs), f"the plan says {plan.crs}", 1.0, verdict.findings
        )
    if plan.crs is None and info.crs_confidence < verdict.confidence:
        return replace(verdict, confidence=info.crs_confidence, why=info.crs_evidence)
    return verdict


def offered_placement(store: Store, heights: Heights, info: LayerInfo) -> str | None:
    """Where the model's outline fits a footprint of the base, as an entry for the plan.

    Returns
    -------
    str or None
        One sentence with score, lead and what to paste; None for what is no IFC model or where the
        base has no footprints. Nothing is placed by it.
    """
    if info.kind != "model" or not info.format.startswith("IFC"):
        return None
    if not has_footprints(store):
        return "the base has no footprint to fit it to; load footprints first"
    try:
        outline, _ = IfcLoader().outline(info.path)
    except TwinError as err:
        return f"its outline could not be taken for a fit: {err}"
    if outline.is_empty or outline.area <= 1.0:
        return "it has no walls, slabs or the like whose outline could be fitted to a footprint"
    known, system = _footprints(store, outline, info)
    if known is None or known.num_rows == 0:
        return "the base has no footprint of its size to fit it to; load footprints first"
    lonlat = shapely.from_wkb(known["wkb"].to_numpy(zero_copy_only=False))
    fits = fit_outline(outline, _projected(lonlat, system))
    return _sentence(fits, known, system, heights)


def _footprints(
    store: Store, outline: BaseGeometry, info: LayerInfo
) -> tuple[pa.Table | None, str]:
    """Footprints of about the outline's size, near the model's own place if it has one; and a system in metres."""
    shape = shapely.oriented_envelope(outline)
    ring = shapely.get_coordinates(shape)
    sides = np.sort(np.hypot(*(ring[1:3] - ring[0:2]).T))
    size = (float(sides[0]) * 0.7, float(np.hypot(*sides)) * 1.3)
    if info.near is not None:
        found = footprints_like(store, *size, near=info.near, radius=NEAR_M)
        if found.num_rows:
            return found, _metric(store, *info.near)
    found = footprints_like(store, *size)
    if found.num_rows == 0:
        return None, ""
    lon, lat = float(found["xmin"][0].as_py()), float(found["ymin"][0].as_py())
    return found, _metric(store, lon, lat)


def _metric(store: Store, lon: float, lat: float) -> str:
    """The city's own projected system, or the 3° zone or UTM zone of a place."""
    own = store.city.source_crs
    if not crs.is_geographic(own) and crs.unit_metres(own) == 1.0:
        return own
    if 73.5 <= lon <= 136.5 and 3 <= lat <= 54:
        return f"EPSG:{4534 + round(lon / 3) - 25}"
    return f"EPSG:{(32600 if lat >= 0 else 32700) + int((lon + 180) // 6) + 1}"


def _projected(shapes: np.ndarray, system: str) -> np.ndarray:
    xy = shapely.get_coordinates(shapes)
    x, y, _ = crs.from_geographic(system, xy[:, 0], xy[:, 1])
    return np.asarray(
        shapely.set_coordinates(shapely.force_2d(shapes), np.column_stack([x, y])), dtype=object
    )


def _sentence(fits: Fits, known: pa.Table, system: str, heights: Heights) -> str:
    if not fits.fits:
        return "its outline fits no footprint of the base"
    best = fits.fits[0]
    row = {
        name: known[name][best.index].as_py()
        for name in ("eid", "name", "ground_z", "xmin", "ymin")
    }
    height = row["ground_z"]
    if height is not None:
        zero = heights.to_ellipsoid(np.zeros(1), [row["xmin"]], [row["ymin"]], "1985")
        height -= float(zero[0])
    level = f"{height:.2f}" if height is not None else "0.0"
    entry = (
        f'placement = {{ crs = "{system}", easting = {best.east:.3f}, northing = {best.north:.3f}, '
        f"height = {level}, rotation_deg = {best.rotation % 360.0:.4f} }}"
    )
    called = f"{row['name']} ({row['eid']})" if row["name"] else str(row["eid"])
    sure = "clearly" if fits.clear else "but not clearly"
    turn = ""
    if fits.turn_margin < 0.05:
        other = next(f for f in fits.fits[1:] if f.index == best.index)
        turn = f"; turned to {other.rotation:.1f}° it fits with {other.iou:.2f}: check which way it faces"
    base = "" if height is not None else "; the ground's height is not known, so height is a guess"
    return (
        f"its outline fits the footprint of {called} {sure}: overlap {best.iou:.2f}, "
        f"{fits.margin:.2f} more than the next footprint{turn}{base}. To place it there, check the "
        f"place and write into its entry of the plan: {entry}"
    )
