"""Geometry columns: what a source hands over as WKB, made readable without being changed.

Rings, vertices and heights stay as they are. What the base cannot hold is turned into the nearest
plain
type and said so: measures (M) are dropped, TIN and polyhedral surfaces become multipolygons, open
rings
are closed.
"""

from contextlib import suppress

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from loaders.columns import Faults
from loaders.surfaces import plain_geometry

__all__ = ["checked", "from_wkt", "role_of"]

GeometryArray = NDArray[np.object_]


def _exotic(array: pa.Array) -> NDArray[np.bool_]:
    """Which values have a WKB type that shapely does not read (collections count, for what may be in them)."""
    n = len(array)
    offsets = np.frombuffer(array.buffers()[1], np.int32)[
        array.offset : array.offset + n + 1
    ].astype(np.int64)
    long_enough = np.diff(offsets) >= 5
    out = np.zeros(n, dtype=bool)
    if long_enough.any():
        data = np.frombuffer(array.buffers()[2], np.uint8)
        start = offsets[:-1][long_enough]
        code = sum(data[start + 1 + k].astype(np.int64) << (8 * k) for k in range(4))
        out[long_enough] = (data[start] != 1) | (code % 1000 >= 7)
    valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    return np.asarray(out & valid, dtype=bool)


def _without_measures(geoms: GeometryArray) -> GeometryArray:
    flat = np.where(shapely.has_z(geoms), geoms, shapely.force_2d(geoms))
    return np.asarray(
        shapely.from_wkb(shapely.to_wkb(flat, output_dimension=3, flavor="iso")), dtype=object
    )


def checked(
    column: pa.Array | pa.ChunkedArray, faults: Faults, required: bool
) -> tuple[pa.Array, GeometryArray, list[str]]:
    """Read a WKB column and report what is wrong with it.

    Parameters
    ----------
    column : pyarrow.Array of binary, length n
        ISO WKB in the source CRS; null where the record has none.
    faults : Faults
        Receives records whose geometry is missing (if ``required``), unreadable, empty or has NaN
        or infinite x or y.
    required : bool
        Whether a record without geometry is a fault.

    Returns
    -------
    (pyarrow.Array of binary, ndarray of shapely geometries, list of str)
        The column as the base can read it, the same as objects, and findings for the whole batch. Z
        is kept.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.cast(pa.binary()) if array.type != pa.binary() else array
    raw = array.to_numpy(zero_copy_only=False)
    missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    exotic = _exotic(array)
    geoms: GeometryArray = np.full(len(raw), None, dtype=object)
    with np.errstate(invalid="ignore"):  # NaN coordinates are reported below
        geoms[~exotic] = shapely.from_wkb(raw[~exotic], on_invalid="ignore")
    changed = np.zeros(len(raw), dtype=bool)
    findings: list[str] = []
    for i in np.flatnonzero(~missing & shapely.is_missing(geoms)):
        geoms[i] = plain_geometry(raw[i])
        changed[i] = geoms[i] is not None
    if changed.any():
        findings.append(
            f"{changed.sum()} geometries rewritten as plain types (arcs, surface patches, collections, open rings)"
        )
    faults.add(
        ~missing & shapely.is_missing(geoms),
        "geometry cannot be read (damaged or of a type the base has no place for)",
    )
    measured = shapely.has_m(geoms)
    if measured.any():
        geoms[measured] = _without_measures(geoms[measured])
        changed |= measured
        findings.append(f"measure values (M) of {measured.sum()} geometries dropped")
    if required:
        faults.add(missing, "no geometry")
    faults.add(shapely.is_empty(geoms) & ~shapely.is_missing(geoms), "geometry is empty")
    faults.add(_not_finite(geoms), "coordinate is NaN or infinite")
    if changed.any():
        raw = raw.copy()
        raw[changed] = shapely.to_wkb(geoms[changed], output_dimension=3, flavor="iso")
        array = pa.array(raw, pa.binary())
    return array, geoms, findings


def _not_finite(geoms: GeometryArray) -> NDArray[np.bool_]:
    xy, index = shapely.get_coordinates(geoms, return_index=True)
    out = np.zeros(len(geoms), dtype=bool)
    bad = ~np.isfinite(xy).all(axis=1)
    if bad.any():
        out[index[bad]] = True
    return out


def from_wkt(texts: GeometryArray) -> GeometryArray:
    """Geometries of WKT texts, shape (n,); None where a text is none, or a curve (which WKT readers here do not know)."""
    try:
        return np.asarray(shapely.from_wkt(texts, on_invalid="ignore"), dtype=object)
    except (NotImplementedError, shapely.errors.GEOSException):
        out: GeometryArray = np.full(len(texts), None, dtype=object)
        for i, text in enumerate(texts.tolist()):
            with suppress(NotImplementedError, shapely.errors.GEOSException):
                out[i] = shapely.from_wkt(text, on_invalid="ignore")
        return out


def role_of(geoms: GeometryArray, building: NDArray[np.bool_]) -> pa.Array:
    """Role of each geometry: footprint (polygon of a building), area, centreline, point or none."""
    dimension = shapely.get_dimensions(geoms)
    names = np.array(["none", "point", "centreline", "area", "footprint"], dtype=object)
    index = np.where(shapely.is_missing(geoms), 0, np.clip(dimension + 1, 0, 3))
    return pa.array(names[np.where((index == 3) & building, 4, index)], pa.string())
