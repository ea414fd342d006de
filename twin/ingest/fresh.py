"""The straight way of a first delivery: things that nothing in the base can be one of."""

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from twin.fingerprint import uuid_array
from twin.ids import uuid7_bytes
from twin.ingest.hot import hot_columns
from twin.ingest.rowgroups import in_row_groups, ordered
from twin.ingest.source import Balance, Source
from twin.store import run

__all__ = ["is_acquainted", "write_fresh", "write_shapes", "write_things"]

Box = tuple[float, float, float, float]
_MET_BY_PLACE = pa.array(["buildings", "bridges"])
"""Collections whose things are known by where they stand."""
_THING = ("eid", "class_code", "edition", "collection", "name", "attributes", "key", "record_hash")
_SHAPE = (
    "eid", "role", "lod", "wkb", "mesh_id", "matrix", "xmin", "ymin", "zmin", "xmax", "ymax", "zmax", "hilbert",
)  # fmt: skip


def is_acquainted(con: duckdb.DuckDBPyConnection, box: Box | None, held: pa.Table) -> bool:
    """Whether the base may know some of the things held, by identifier or by place.

    By place, what was there before the transaction counts: parts of the same delivery are not looked through again
    and again.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    box : tuple of float or None
        xmin, ymin, xmax, ymax of all of them, degrees.
    held : pyarrow.Table
        Columns ``aliases`` and ``collection``.
    """
    if box is not None and pc.any(pc.is_in(held["collection"], _MET_BY_PLACE)).as_py():
        bounds: dict[str, Any] = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        with con.cursor() as before:
            if run(before, "ingest_known_within", **bounds).fetchone():
                return True
    if held["aliases"].null_count == held.num_rows:
        return False
    return (
        run(con, "ingest_known_aliases", incoming=held.select(["aliases"])).fetchone() is not None
    )


def write_fresh(con: duckdb.DuckDBPyConnection, source: Source, things: pa.Table) -> Balance:
    """Write things as new ones.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    source : Source
    things : pyarrow.Table
        Columns of the table ``staged``, keys unique and unknown to the base.
    """
    n = things.num_rows
    stamp: dict[str, Any] = {"dataset_id": source.dataset_id, "at_time": source.started}
    named = things.append_column("eid", uuid_array(uuid7_bytes(n)))
    write_things(con, source, named)
    run(con, "ingest_fresh_change", incoming=named, **stamp)
    write_shapes(con, source, named)
    return Balance(loaded=n)


def write_things(con: duckdb.DuckDBPyConnection, source: Source, things: pa.Table) -> None:
    """Write new things with what they are called and what they came from; not their shapes.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    source : Source
    things : pyarrow.Table
        Columns of the table ``staged`` and ``eid``, in the order they shall lie in.
    """
    stamp: dict[str, Any] = {"dataset_id": source.dataset_id, "at_time": source.started}
    rows = in_row_groups(things.select(_THING))
    hot = [hot_columns(con, piece) for piece in rows["attributes"].chunks]
    for i, name in enumerate(("height_m", "floors")):
        rows = rows.append_column(name, pa.chunked_array([columns[i] for columns in hot]))
    run(con, "ingest_fresh", incoming=rows, source_key=source.key, scheme=source.scheme, **stamp)
    if things["aliases"].null_count < things.num_rows:
        run(con, "ingest_fresh_aliases", incoming=things, **stamp)


def write_shapes(
    con: duckdb.DuckDBPyConnection, source: Source, shapes: pa.Table, asset: str | None = None
) -> None:
    """Write representations of new things in Hilbert order.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    source : Source
    shapes : pyarrow.Table
        Columns of the table ``staged`` and ``eid``; rows without shape and mesh are left out.
    asset : str, optional
        File of the meshes.
    """
    shapes = shapes.select(_SHAPE)
    if shapes["wkb"].null_count:
        there = pc.or_(pc.is_valid(shapes["wkb"]), pc.is_valid(shapes["mesh_id"]))
        shapes = shapes.filter(there)
    rows = in_row_groups(ordered(shapes, "hilbert"))
    run(con, "ingest_fresh_shapes", incoming=rows, asset=asset, dataset_id=source.dataset_id)
