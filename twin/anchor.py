"""How things are tied to space: nothing floats.

Every entity, stream, alarm and case ends with a place (longitude, latitude, ellipsoidal height),
the height of the ground there and the 单元网格 it lies in; or with the sentence that says why not.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from twin.containment import PolygonIndex
from twin.errors import InvalidRequestError
from twin.heights import REFERENCES, Heights
from twin.terrain import Surface

__all__ = ["ANCHORS", "Grids", "anchor_points", "inherit_anchors"]

Array = NDArray[np.float64]
Text = NDArray[np.object_]
Grids = tuple[Text, ArrayLike, ArrayLike]
"""Polygons of the 单元网格 (EPSG:4490), their eids, their 15-digit codes; same length."""

ANCHORS = pa.schema(
    [
        ("akind", pa.string()),  # point | part | entity | none
        ("lon", pa.float64()), ("lat", pa.float64()),  # degrees, EPSG:4490
        ("z", pa.float64()), ("ground_z", pa.float64()),  # metres above the ellipsoid
        ("grid_eid", pa.string()), ("grid_code", pa.string()),
        ("method", pa.string()),  # geometry | terrain | parent | host | none
        ("confidence", pa.float64()),
        ("evidence", pa.string()),  # JSON object
        ("reason", pa.string()),  # why there is no anchor; null where there is one
    ]
)  # fmt: skip
"""Columns of :func:`anchor_points`: one row per subject, in the order given."""

_NO_PLACE = "no coordinates: neither geometry nor anything it belongs to gives a place"
_OFF_WORLD = "coordinates outside the world: longitude within ±180 and latitude within ±90 degrees"


def _grid_cells(lon: Array, lat: Array, grids: Grids | None) -> tuple[Text, Text]:
    """Eid and code of the 单元网格 each place lies in; None outside all of them.

    Where cells overlap, the one of the lower code wins, whatever the order they are given in.
    """
    nothing: Text = np.full(len(lon), None, dtype=object)
    if grids is None or len(grids[0]) == 0:
        return nothing, nothing.copy()
    shapes, eids, codes = (np.asarray(part, dtype=object) for part in grids)
    keys = np.array([f"{c or '~'} {e}" for c, e in zip(codes, eids, strict=True)])
    rank = np.empty(len(keys), np.int64)
    rank[np.argsort(keys, kind="stable")] = np.arange(len(keys))
    at = PolygonIndex(shapes, rank).locate(lon, lat)
    return np.append(eids, [None])[at], np.append(codes, [None])[at]


def _ground(lon: Array, lat: Array, terrain: Surface | None) -> Array:
    if terrain is None:
        return np.full(len(lon), np.nan)
    return terrain.height(lon, lat)


def _heights(
    z: Array, lon: Array, lat: Array, references: Text, ground: Array, heights: Heights
) -> Array:
    """Ellipsoidal heights, reference by reference; a missing height is the ground's."""
    out = np.full(len(z), np.nan)
    for reference in REFERENCES:
        rows = references == reference
        if rows.any():
            out[rows] = heights.to_ellipsoid(
                z[rows], lon[rows], lat[rows], reference, ground=ground[rows]
            )
    return np.where(np.isnan(out), ground, out)


def _references(z_reference: str | ArrayLike, n: int) -> Text:
    given = np.asarray(z_reference, dtype=object)
    references: Text = np.broadcast_to(given, (n,)).copy()
    references[[r is None or r == "" for r in references]] = "ground"
    unknown = sorted({str(r) for r in set(references.tolist()) - set(REFERENCES)})
    if unknown:
        known = ", ".join(REFERENCES)
        raise InvalidRequestError(f"height reference {unknown[0]!r}; expected one of {known}")
    return references


def _evidence(references: Text, given: NDArray[np.bool_], ground: Array, cell: Text) -> pa.Array:
    """JSON per row; there are few distinct texts, so they are made once."""
    known = np.isfinite(ground)
    in_cell = np.array([c is not None for c in cell], dtype=bool)
    code = (
        np.select([references == r for r in REFERENCES], range(len(REFERENCES)), 0) * 8
        + given * 4 + known * 2 + in_cell
    )  # fmt: skip
    texts = []
    for k in range(8 * len(REFERENCES)):
        height = "source" if k & 4 else "ground" if k & 2 else "none"
        texts.append(
            f'{{"z_reference":"{REFERENCES[k // 8]}","height":"{height}",'
            f'"terrain":{"true" if k & 2 else "false"},"grid":{"true" if k & 1 else "false"}}}'
        )
    return pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), pa.array(texts)).cast(
        pa.string()
    )


def anchor_points(
    lon: ArrayLike,
    lat: ArrayLike,
    z: ArrayLike | None,
    z_reference: str | ArrayLike,
    terrain: Surface | None,
    grids: Grids | None = None,
    heights: Heights | None = None,
) -> pa.Table:
    """Anchor places to the ground and to the 单元网格.

    Parameters
    ----------
    lon, lat : array_like of float, shape (n,)
        Degrees, EPSG:4490; NaN where unknown.
    z : array_like of float, shape (n,), or None
        Heights in metres; NaN (or None for all) where the source has none.
    z_reference : str or array_like of str, shape (n,)
        ``1985``, ``ellipsoid`` or ``ground`` (height above ground); null counts as ``ground``.
    terrain : Surface or None
        The city's ground.
    grids : (polygons, eids, codes), optional
        The 单元网格.
    heights : Heights, optional
        Needed where ``z_reference`` is ``1985``.

    Returns
    -------
    pyarrow.Table
        Columns :data:`ANCHORS`. ``method`` is ``geometry`` where the source gave the height,
        ``terrain`` where it is the ground's or above the ground; confidence 1.0, less 0.2 without
        any height and 0.1 outside all cells. Rows without a usable place have akind and method
        ``none``, confidence 0 and a ``reason``.

    Raises
    ------
    InvalidRequestError
        If a height reference is unknown, or ``1985`` is used without ``heights``.
    """
    x, y = np.asarray(lon, np.float64).ravel(), np.asarray(lat, np.float64).ravel()
    values = np.full(len(x), np.nan) if z is None else np.asarray(z, np.float64).ravel()
    references = _references(z_reference, len(x))
    if heights is None and (references == "1985").any():
        raise InvalidRequestError("1985 heights need the city's undulation; give heights")
    missing = ~(np.isfinite(x) & np.isfinite(y))
    placed = ~missing & (np.abs(x) <= 180) & (np.abs(y) <= 90)
    x, y = np.where(placed, x, np.nan), np.where(placed, y, np.nan)
    ground = _ground(x, y, terrain)
    z_out = _heights(values, x, y, references, ground, heights or Heights())
    z_out[~placed] = np.nan
    grid_eid, grid_code = _grid_cells(x, y, grids)
    measured = placed & np.isfinite(values) & (references != "ground")
    in_cell = np.array([e is not None for e in grid_eid], dtype=bool)
    method = np.where(placed, np.where(measured, "geometry", "terrain"), "none").astype(object)
    method[placed & ~measured & np.isnan(ground)] = "geometry"
    trust = np.where(placed, 1.0 - 0.2 * np.isnan(z_out) - 0.1 * ~in_cell, 0.0)
    reason = np.full(len(x), None, dtype=object)
    reason[missing], reason[~missing & ~placed] = _NO_PLACE, _OFF_WORLD
    columns = [
        pa.array(np.where(placed, "point", "none").astype(object), pa.string()),
        *(pa.array(v, from_pandas=True) for v in (x, y, z_out, ground)),
        pa.array(grid_eid, pa.string()), pa.array(grid_code, pa.string()),
        pa.array(method, pa.string()), pa.array(trust),
        _evidence(references, np.isfinite(values), ground, grid_eid), pa.array(reason, pa.string()),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=ANCHORS)


def _rows_of(keys: Text, wanted: Text) -> NDArray[np.int64]:
    """Row of each wanted key among ``keys``; -1 where there is none."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    ours = np.array([k or "" for k in keys], dtype=str)
    theirs = np.array([k or "" for k in wanted], dtype=str)
    order = np.argsort(ours, kind="stable")
    at = np.minimum(np.searchsorted(ours[order], theirs), len(ours) - 1)
    found = (ours[order][at] == theirs) & (theirs != "")
    return np.where(found, order[at], -1)


def _sources(own: NDArray[np.bool_], parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row that each row takes its place from: itself, or the nearest ancestor that has one, or -1.

    Steps up all rows at once; rows that form a ring never find one.
    """
    at = np.where(own, np.arange(len(own)), parent)
    for _ in range(64):
        climbing = (at >= 0) & ~own[at]
        if not climbing.any():
            break
        at[climbing] = parent[at[climbing]]
    else:
        at[(at >= 0) & ~own[at]] = -1
    return at


def inherit_anchors(
    anchors: pa.Table,
    subjects: ArrayLike,
    belongs_to: ArrayLike,
    *,
    method: str = "parent",
    hosts: pa.Table | None = None,
    host_ids: ArrayLike | None = None,
) -> pa.Table:
    """Give subjects without a place the place of what they belong to.

    Parameters
    ----------
    anchors : pyarrow.Table, columns :data:`ANCHORS`, n rows
        Own anchors of the subjects.
    subjects : array_like of str, shape (n,)
        Their ids.
    belongs_to : array_like of str or None, shape (n,)
        Id of the parent (a subject of the same call or a host) or null.
    method : str
        ``parent`` or ``host``: what to write as the method of an inherited anchor.
    hosts : pyarrow.Table, columns :data:`ANCHORS`, optional
        Anchors of things that are not among the subjects.
    host_ids : array_like of str, optional
        Their ids, same length as ``hosts``.

    Returns
    -------
    pyarrow.Table
        Same rows; inherited ones have akind ``part``, the parent's place, ground and cell, 0.9
        times its confidence and an evidence naming it. What still has no place says so in
        ``reason``.

    Raises
    ------
    InvalidRequestError
        If the method is neither ``parent`` nor ``host``.
    """
    if method not in ("parent", "host"):
        raise InvalidRequestError(f"method {method!r}; expected parent or host", "method")
    n = anchors.num_rows
    everything = anchors if hosts is None else pa.concat_tables([anchors, hosts])
    ids: Text = np.asarray(subjects, dtype=object)
    if hosts is not None:
        ids = np.concatenate([ids, np.asarray(host_ids, dtype=object)])
    wanted: Text = np.full(len(ids), None, dtype=object)
    wanted[:n] = np.asarray(belongs_to, dtype=object)
    own = np.asarray(everything["method"].to_numpy(zero_copy_only=False) != "none", dtype=bool)
    source = _sources(own, _rows_of(ids, wanted))[:n]
    inherits = (source >= 0) & (source != np.arange(n))
    orphan = source < 0
    out = everything.take(np.where(source >= 0, source, np.arange(n)))
    named = [f'{{"{method}":"{i}"}}' for i in ids[source]]
    patch = {
        "akind": np.where(inherits, "part", out["akind"]),
        "method": np.where(inherits, method, out["method"]),
        "confidence": np.where(inherits, 0.9, 1.0) * out["confidence"].to_numpy(),
        "evidence": np.where(inherits, named, out["evidence"]),
        "reason": _orphan_reasons(orphan, wanted[:n], out["reason"].to_numpy(zero_copy_only=False)),
    }
    for name, values in patch.items():
        at = out.schema.get_field_index(name)
        kind = ANCHORS.field(name).type
        out = out.set_column(at, ANCHORS.field(name), pa.array(values, kind, from_pandas=True))
    return out


def _orphan_reasons(orphan: NDArray[np.bool_], wanted: Text, reason: Text) -> Text:
    """Why a subject has no place, when it had none itself."""
    out: Text = np.full(len(reason), None, dtype=object)
    for i in np.flatnonzero(orphan):
        out[i] = reason[i] or _NO_PLACE
        if wanted[i] is not None:
            out[i] += f" (it belongs to {wanted[i]}, which has no place either)"
    return out
