"""Geometry of a batch in the base's coordinates: transformed, lifted, checked, boxed.

Plain shapes that are certainly sound go through compiled loops over the WKB column; the others
become objects, are repaired or get their reason (:mod:`twin.validity`).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from twin import crs, validity, wkb
from twin.crs.distinct import distinct_points
from twin.heights import Heights

__all__ = ["Placed", "place", "refuse_heights"]

LOWEST, HIGHEST = -12_000.0, 9_500.0
"""Metres above the ellipsoid between which the surface of the Earth, its mines and its towers lie."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placed:
    """Geometry of n records in EPSG:4490 and ellipsoidal metres.

    ``wkb`` binary, null where there is none; ``boxes`` (n, 6) xmin, ymin, zmin, xmax, ymax, zmax, NaN
    where unknown; ``repaired`` (n,) bool; ``reason`` (n,) text or None where the record cannot be
    used.
    """

    wkb: pa.Array
    boxes: FloatArray
    repaired: NDArray[np.bool_]
    reason: NDArray[np.object_]


def place(
    column: pa.Array,
    source_crs: str,
    heights: Heights,
    z_reference: str,
    z_factor: float = 1.0,
) -> Placed:
    """Bring a WKB column into the base's coordinates.

    Parameters
    ----------
    column : pyarrow.Array of binary, length n
        ISO WKB in ``source_crs``; null where a record has no geometry.
    source_crs : str
    heights : Heights
        Of the city.
    z_reference : str
        ``1985`` lifts z above the ellipsoid, anything else leaves it.
    z_factor : float
        Turns the source's z into metres.
    """
    n = len(column)
    found = wkb.read(column)
    lon, lat = _geographic(found, source_crs)
    sound, flat = wkb.certain(found, lon, lat, validity.MIN_AREA_DEG2, validity.MIN_WIDTH_DEG)
    z = found.z * z_factor
    if found.has_z.any() and z_reference == "1985":
        z = heights.to_ellipsoid(z, lon, lat, "1985")
    boxes = np.full((n, 6), np.nan)
    boxes[:, [0, 1, 3, 4]] = flat
    sound &= _heights_into(boxes, found, z)
    placed = wkb.replaced(column, found, lon, lat, z)
    repaired, reason = np.zeros(n, dtype=bool), np.full(n, None, dtype=object)
    doubtful = np.flatnonzero(~sound & (found.kind != 0))
    if len(doubtful):
        general = _general(
            column.take(pa.array(doubtful)), source_crs, heights, z_reference, z_factor
        )
        boxes[doubtful], repaired[doubtful], reason[doubtful] = (
            general.boxes,
            general.repaired,
            general.reason,
        )
        mask = np.zeros(n, dtype=bool)
        mask[doubtful] = True
        placed = pc.replace_with_mask(placed, pa.array(mask), general.wkb)
    return Placed(placed, boxes, repaired, reason)


def _geographic(found: wkb.Coordinates, source_crs: str) -> tuple[FloatArray, FloatArray]:
    """Degrees of all coordinates; a corner that closes its ring is not projected a second time, nor any corner of solids.

    Footprints with heights come from city models, where each level of detail repeats the corners of the others.
    """
    if found.has_z.any():
        return _once(found, source_crs)
    closing, opening = wkb.ring_ends(found)
    if not len(closing):
        lon, lat, _ = crs.to_geographic(source_crs, found.x, found.y, found.z)
        return lon, lat
    once = np.ones(len(found.x), dtype=bool)
    once[closing] = False
    out = np.empty((2, len(found.x)))
    x, y, z = found.x[once], found.y[once], found.z[: len(found.x) - len(closing)]
    out[0, once], out[1, once], _ = crs.to_geographic(source_crs, x, y, z)
    out[:, closing] = out[:, opening]
    return out[0], out[1]


def _once(found: wkb.Coordinates, source_crs: str) -> tuple[FloatArray, FloatArray]:
    """Degrees of all coordinates, each place asked once; heights have a say in geocentric systems alone."""
    if crs.is_geocentric(source_crs):
        lon, lat, _ = crs.to_geographic(source_crs, found.x, found.y, found.z)
        return lon, lat
    first, place = distinct_points(found.x, found.y)
    lon, lat, _ = crs.to_geographic(source_crs, found.x[first], found.y[first])
    return lon[place], lat[place]


def refuse_heights(boxes: FloatArray, reason: NDArray[np.object_]) -> None:
    """Give every record without a reason one, whose box (see :class:`Placed`) reaches where nothing can be; in place."""
    beyond = (boxes[:, 2] < LOWEST) | (boxes[:, 5] > HIGHEST)
    for i in np.flatnonzero(beyond).tolist():
        low, high = boxes[i, [2, 5]].tolist()
        reason[i] = reason[i] or (
            f"its heights {low:g} … {high:g} m lie outside {LOWEST:,.0f} … {HIGHEST:,.0f} m; is the unit another?"
        )


def _heights_into(boxes: FloatArray, found: wkb.Coordinates, z: FloatArray) -> NDArray[np.bool_]:
    """Fill zmin and zmax; False where a height that should be there is infinite."""
    fine = np.ones(len(boxes), dtype=bool)
    rows = np.flatnonzero(found.has_z & (np.diff(found.first) > 0))
    if not len(rows):
        return fine
    starts, ends = found.first[rows], found.first[rows + 1]
    edges = np.stack([starts, ends], axis=1).reshape(-1)
    padded = np.append(z, np.nan)
    boxes[rows, 2] = np.fmin.reduceat(padded, edges)[::2]
    boxes[rows, 5] = np.fmax.reduceat(padded, edges)[::2]
    infinite = np.isinf(np.append(found.z, 0.0))
    fine[rows] = ~np.logical_or.reduceat(infinite, edges)[::2]
    return fine


def _general(
    column: pa.Array, source_crs: str, heights: Heights, z_reference: str, z_factor: float
) -> Placed:
    """The way through GEOS: any type, repaired where it can be."""
    geoms = crs.transform_wkb(source_crs, column)
    given = ~shapely.is_missing(geoms)
    geoms, repaired, reason = validity.repair(geoms)
    reason = np.where(given, reason, np.array(None, dtype=object))
    geoms = _lifted(geoms, heights, z_reference, z_factor)
    boxes = np.full((len(geoms), 6), np.nan)
    boxes[:, [0, 1, 3, 4]] = shapely.bounds(geoms)
    has_z = shapely.has_z(geoms)
    if has_z.any():
        boxes[has_z, 2], boxes[has_z, 5] = _z_ranges(geoms[has_z])
    out = pa.array(shapely.to_wkb(geoms, output_dimension=3, flavor="iso"), pa.binary())
    return Placed(out, boxes, repaired, reason)


def _lifted(
    geoms: NDArray[np.object_], heights: Heights, z_reference: str, z_factor: float
) -> NDArray[np.object_]:
    """Heights of 3D geometries in metres above the ellipsoid."""
    three_d = shapely.has_z(geoms)
    known = z_reference == "1985"
    if not (known or z_factor != 1.0) or not three_d.any():
        return geoms
    xyz = shapely.get_coordinates(geoms[three_d], include_z=True)
    xyz[:, 2] *= z_factor
    if known:
        xyz[:, 2] = heights.to_ellipsoid(xyz[:, 2], xyz[:, 0], xyz[:, 1], "1985")
    geoms = geoms.copy()
    geoms[three_d] = shapely.set_coordinates(geoms[three_d].copy(), xyz)
    return geoms


def _z_ranges(geoms: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest z of each geometry, NaN where it has none."""
    xyz, index = shapely.get_coordinates(geoms, include_z=True, return_index=True)
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    return np.fmin.reduceat(xyz[:, 2], starts), np.fmax.reduceat(xyz[:, 2], starts)
