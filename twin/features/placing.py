"""The anchor of one thing, computed anew after an edit: ground, unit grid, address; as for a whole load."""

from collections.abc import Mapping
from typing import Any, Final

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import shapely

from twin.anchor import ANCHORS, anchor_points
from twin.heights import Heights
from twin.ingest.anchoring import NEAR_DOOR_M, representative
from twin.store import run
from twin.terrain import Surface

__all__ = ["anchor_again"]

HERE: Final = "twin.features"
_DEGREE_M = 111_320.0


def anchor_again(
    con: duckdb.DuckDBPyConnection,
    eid: str,
    terrain: Surface | None,
    heights: Heights,
    stamp: Mapping[str, Any],
) -> None:
    """Write the anchor of a thing inside the open transaction.

    Parameters
    ----------
    con : duckdb connection
    eid : str
    terrain : Surface or None
        The city's ground.
    heights : Heights
        Of the city.
    stamp : Mapping
        ``at_time``: UTC without a zone.
    """
    place = run(con, "edit_anchor_place", HERE, eid=eid).to_arrow_table()
    lon, lat, z = representative(place)
    parent = place["parent"][0].as_py()
    if not np.isfinite(lon[0]) and parent is not None:
        anchor = run(con, "edit_anchor_of", HERE, eid=parent).to_arrow_table()
        if anchor.num_rows:
            moved = anchor.to_pylist()[0] | {"akind": "part", "method": "parent"}
            _write(con, eid, pa.Table.from_pylist([moved], schema=_SCHEMA), stamp)
            return
    grids = run(con, "edit_grids", HERE, lon=float(lon[0]), lat=float(lat[0])).to_arrow_table()
    cells = (
        shapely.from_wkb(grids["wkb"].to_numpy(zero_copy_only=False)),
        grids["eid"].to_numpy(zero_copy_only=False),
        grids["code"].to_numpy(zero_copy_only=False),
    )
    reference = np.where(np.isnan(z), "ground", "ellipsoid").astype(object)
    anchor = anchor_points(
        lon, lat, z, reference, terrain, cells if grids.num_rows else None, heights
    )
    row = anchor.to_pylist()[0] | {"node_id": None}
    if np.isfinite(lon[0]) and np.isfinite(lat[0]):
        _address(con, eid, float(lon[0]), float(lat[0]), row)
    _write(con, eid, pa.Table.from_pylist([row], schema=_SCHEMA), stamp)


_SCHEMA: Final = ANCHORS.append(pa.field("node_id", pa.string()))


def _address(
    con: duckdb.DuckDBPyConnection, eid: str, lon: float, lat: float, row: dict[str, Any]
) -> None:
    """The address node of the thing, with the distance of the door as evidence."""
    found = run(
        con, "edit_address", HERE, eid=eid, lon=lon, lat=lat,
        scale=max(float(np.cos(np.deg2rad(lat))), 1e-6), reach=NEAR_DOOR_M / _DEGREE_M,
    ).fetchone()  # fmt: skip
    if found is None:
        return
    row["node_id"] = found[0]
    if found[1] is not None:
        evidence = orjson.loads(row["evidence"] or "{}")
        row["evidence"] = orjson.dumps(
            {**evidence, "nearest_door_m": round(found[1] * _DEGREE_M, 1)}
        ).decode()


def _write(
    con: duckdb.DuckDBPyConnection, eid: str, anchor: pa.Table, stamp: Mapping[str, Any]
) -> None:
    run(con, "edit_anchor_write", HERE, incoming=anchor, eid=eid, **stamp)
