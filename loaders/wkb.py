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
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from loaders.columns import Faults
from loaders.surfaces import plain_geometry
from twin import wkb

__all__ = ["checked", "from_wkt", "role_of"]

GeometryArray = NDArray[np.object_]
_DIMENSION = np.array([-1, 0, 1, 2, 0, 1, 2, -1], dtype=np.int8)
"""Dimension of each kind of :class:`twin.wkb.Coordinates`; the last one serves OTHER."""


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
) -> tuple[pa.Array, NDArray[np.int8], list[str]]:
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
    (pyarrow.Array of binary, ndarray of int8, list of str)
        The column as the base can read it, the dimension of each geometry (0 points, 1 lines, 2
        areas, the highest in a collection; -1 where there is none), and findings for the whole
        batch. Z is kept.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.cast(pa.binary()) if array.type != pa.binary() else array
    kind, finite = wkb.kinds(array)
    dimension = _DIMENSION[kind]
    if required:
        faults.add(kind == 0, "no geometry")
    faults.add(~finite, "coordinate is NaN or infinite")
    others = np.flatnonzero(kind == wkb.OTHER)
    if not len(others):
        return array, dimension, []
    own = Faults(len(others))
    rewritten, dimension[others], findings = _checked_objects(
        array.take(pa.array(others)).to_numpy(zero_copy_only=False), own
    )
    reasons = own.array().to_pylist()
    for at, reason in zip(others.tolist(), reasons, strict=True):
        if reason is not None:
            faults.add(np.arange(len(array)) == at, reason)
    mask = np.zeros(len(array), dtype=bool)
    mask[others] = True
    return pc.replace_with_mask(array, pa.array(mask), rewritten), dimension, findings


def _checked_objects(
    raw: NDArray[np.object_], faults: Faults
) -> tuple[pa.Array, NDArray[np.int8], list[str]]:
    """The same for records that are not plain (none is null), through objects."""
    exotic = _exotic(pa.array(raw, pa.binary()))
    geoms: GeometryArray = np.full(len(raw), None, dtype=object)
    with np.errstate(invalid="ignore"):  # NaN coordinates are reported below
        geoms[~exotic] = shapely.from_wkb(raw[~exotic], on_invalid="ignore")
    changed = np.zeros(len(raw), dtype=bool)
    findings: list[str] = []
    for i in np.flatnonzero(shapely.is_missing(geoms)):
        geoms[i] = plain_geometry(raw[i])
        changed[i] = geoms[i] is not None
    if changed.any():
        findings.append(
            f"{changed.sum()} geometries rewritten as plain types (arcs, surface patches, collections, open rings)"
        )
    faults.add(
        shapely.is_missing(geoms),
        "geometry cannot be read (damaged or of a type the base has no place for)",
    )
    measured = shapely.has_m(geoms)
    if measured.any():
        geoms[measured] = _without_measures(geoms[measured])
        changed |= measured
        findings.append(f"measure values (M) of {measured.sum()} geometries dropped")
    faults.add(shapely.is_empty(geoms) & ~shapely.is_missing(geoms), "geometry is empty")
    faults.add(_not_finite(geoms), "coordinate is NaN or infinite")
    if changed.any():
        raw = raw.copy()
        raw[changed] = shapely.to_wkb(geoms[changed], output_dimension=3, flavor="iso")
    return pa.array(raw, pa.binary()), shapely.get_dimensions(geoms).astype(np.int8), findings


def _not_finite(geoms: GeometryArray) -> NDArray[np.bool_]:
    xy, index = shapely.get_coordinates(geoms, return_index=True)
    out = np.zeros(len(geoms), dtype=bool)
    bad = ~np.isfinite(xy).all(axis=1)
    if bad.any():
        out[index[bad]] = True
    return out


def role_of(dimension: NDArray[np.int8], building: NDArray[np.bool_]) -> pa.Array:
    """Role of each geometry by its dimension: footprint (area of a building), area, centreline, point or none."""
    names = pa.array(["none", "point", "centreline", "area", "footprint"])
    index = np.clip(dimension.astype(np.int64) + 1, 0, 3)
    return names.take(pa.array(np.where((index == 3) & building, 4, index)))


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
