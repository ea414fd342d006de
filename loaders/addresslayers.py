"""Addresses that come as a layer with geometry (GeoPackage, Shapefile, GeoJSON): its columns, and a place for each."""

import numpy as np
import pyarrow as pa
import shapely

from loaders.base import Batch
from loaders.columns import Faults
from loaders.fieldnames import canonical_fields
from loaders.keys import KeyLedger
from loaders.tablekinds import mapped_table
from twin.plan import LayerPlan

__all__ = ["address_batch"]

_X, _Y = "\x00x", "\x00y"
"""Columns made of the geometry; no source has them."""


def address_batch(
    table: pa.Table, geometry: str, plan: LayerPlan, start: int, ledger: KeyLedger
) -> Batch:
    """One batch of a layer under :data:`twin.schema.ADDRESSES`.

    Parameters
    ----------
    table : pyarrow.Table
        As read; the geometry (WKB in the source's CRS) in the column `geometry`, where there is one. A line or an area
        stands for a point on it.
    geometry : str
    plan : LayerPlan
        Its fields, or those the table of names knows.
    start : int
        Number of the first record.
    ledger : KeyLedger
        Of this layer.
    """
    names = [name for name in table.column_names if name != geometry]
    columns = {name: table[name].combine_chunks() for name in names}
    fields = dict(plan.fields) or canonical_fields(names, "addresses")
    if geometry in table.column_names:
        shapes = shapely.from_wkb(
            np.array(table[geometry].to_pylist(), dtype=object), on_invalid="ignore"
        )
        points = shapely.point_on_surface(shapes)
        fields = {name: to for name, to in fields.items() if to not in ("x", "y")}
        fields |= {_X: "x", _Y: "y"}
        for name, values in ((_X, shapely.get_x(points)), (_Y, shapely.get_y(points))):
            columns[name] = pa.array(values, pa.float64(), from_pandas=True)
    rows = np.arange(start, start + table.num_rows, dtype=np.int64)
    faults = Faults(table.num_rows)
    return Batch(mapped_table("addresses", columns, rows, plan, fields, faults, ledger))
