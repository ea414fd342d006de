"""Footprints of the base by their size: what a model's outline may be fitted to."""

import math

import pyarrow as pa

from twin.store.store import Store, run

__all__ = ["footprints_like", "has_footprints"]

_DEGREE_M = 111_320.0


def has_footprints(store: Store) -> bool:
    """Whether the base holds any building footprint a model could be fitted to."""
    with store.cursor() as cursor:
        return run(cursor, "read_has_footprints").fetchone() is not None


def footprints_like(
    store: Store,
    least: float,
    most: float,
    near: tuple[float, float] | None = None,
    radius: float = 3_000.0,
) -> pa.Table:
    """Building footprints whose box is about as large as wanted.

    Parameters
    ----------
    store : Store
    least, most : float
        Metres: the longer side of the box is at least ``least``, no side longer than ``most``.
    near : (lon, lat), optional
        Degrees; only footprints within ``radius`` metres of it.
    radius : float

    Returns
    -------
    pyarrow.Table
        Columns eid, name, wkb (EPSG:4490), xmin, ymin (degrees), ground_z (metres above the
        ellipsoid, null where unknown); at most 200,000 rows.
    """
    lon, lat = near if near is not None else (0.0, 0.0)
    reach = radius / _DEGREE_M if near is not None else 400.0
    wide = reach / max(0.1, math.cos(math.radians(lat)))
    with store.cursor() as cursor:
        return run(
            cursor,
            "read_footprints_like",
            least=least / _DEGREE_M,
            most=most / _DEGREE_M,
            west=lon - wide,
            east=lon + wide,
            south=lat - reach,
            north=lat + reach,
        ).to_arrow_table()
