"""Where a reported case stands: the ground below it and the 单元网格 around it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import shapely

from twin.anchor import anchor_points
from twin.store import statement
from twin.store.rasters import terrain_in

__all__ = ["place_case"]


def place_case(
    con: duckdb.DuckDBPyConnection,
    assets: Path,
    lon: float | None,
    lat: float | None,
    named: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Anchor one case by its coordinates, else by what its address text names.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
    assets : Path
        The city's asset folder, for its terrain.
    lon, lat : float or None
        Degrees, EPSG:4490.
    named : mapping, optional
        What the text names: a row of :data:`twin.ingest.anchoring.MATCHED`.

    Returns
    -------
    dict
        One row of :data:`twin.anchor.ANCHORS` and ``node_id``; where the case cannot be placed it says why.
    """
    by_text = lon is None and named is not None and named["lon"] is not None
    if by_text and named is not None:
        lon, lat = named["lon"], named["lat"]
    grids = None
    if lon is not None and lat is not None:
        rows = con.execute(statement("grids_at", "twin.cases"), {"lon": lon, "lat": lat}).fetchall()
        if rows:
            shapes, eids, codes = zip(*rows, strict=True)
            grids = (shapely.from_wkb(list(shapes)), list(eids), list(codes))
    terrain = terrain_in(con, assets)
    place = np.array([lon, lat], np.float64)  # None becomes NaN
    anchor = anchor_points(place[:1], place[1:], None, "ground", terrain, grids)
    row: dict[str, Any] = anchor.to_pylist()[0]
    if by_text and named is not None:
        told = {name: named[name] for name in ("node_id", "confidence", "evidence")}
        return row | told | {"akind": "address", "method": "address"}
    return row | {"node_id": None}
