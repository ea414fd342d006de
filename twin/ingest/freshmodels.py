"""The straight way of a model's first delivery: parts, rooms and shapes that nothing in the base can be one of."""

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from twin.fingerprint import uuid_array
from twin.ids import uuid7_bytes
from twin.ingest.fresh import write_shapes, write_things
from twin.ingest.fusing import model_outlines
from twin.ingest.source import Balance, Source
from twin.ingest.staging import Staging
from twin.store import run

__all__ = ["write_fresh_model"]

_OUTLINED = pa.array(["building", "bridge", "tunnel"])
_ORDER = [("hilbert", "ascending"), ("row", "ascending")]
_THING = (
    "eid", "class_code", "edition", "collection", "name", "attributes", "key", "record_hash", "aliases",
)  # fmt: skip
"""What is written of a thing besides its shapes."""
_SHAPE = (
    "eid", "role", "lod", "wkb", "mesh_id", "matrix", "xmin", "ymin", "zmin", "xmax", "ymax", "zmax", "hilbert",
)  # fmt: skip


def write_fresh_model(con: duckdb.DuckDBPyConnection, source: Source, staging: Staging) -> Balance:
    """Write all that is held as new things, with their shapes, parents and identifiers.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    source : Source
        New to the base.
    staging : Staging
        Holds the whole layer, keys unique; nothing of it is in the temporary tables.
    """
    extras = [staging.take_representations(), _outlines(con, staging)]
    things = staging.take()
    n = things.num_rows
    things = things.append_column("eid", uuid_array(uuid7_bytes(n)))
    stamp: dict[str, Any] = {"dataset_id": source.dataset_id, "at_time": source.started}
    order = pc.sort_indices(things.select(["hilbert", "row"]), _ORDER)
    write_things(con, source, things.select(_THING).take(order))
    run(con, "ingest_fresh_changes", incoming=things, **stamp)
    shapes = _shapes(things, [e for e in extras if e is not None])
    write_shapes(con, source, shapes, staging.write_meshes())
    tied = _tied(things)
    if tied.num_rows:
        run(con, "ingest_fresh_relations", incoming=tied, **stamp)
    return Balance(loaded=n)


def _outlines(con: duckdb.DuckDBPyConnection, staging: Staging) -> pa.Table | None:
    """Outlines of models that have none of their own."""
    things = staging.table()
    bare = pc.and_(pc.is_in(things["class_code"], _OUTLINED), pc.is_null(things["wkb"]))
    if not len(staging.meshes) or not pc.any(bare).as_py():
        return None
    return model_outlines(con, things, staging)


def _shapes(things: pa.Table, extras: list[pa.Table]) -> pa.Table:
    """All representations, each with the id of its thing; those of a thing that is not there fall out."""
    parts = [things.select(_SHAPE)]
    for extra in extras:
        at = pc.index_in(extra["key"], value_set=things["key"].combine_chunks())
        kept = extra.append_column("eid", _ids_at(things, at)).filter(pc.is_valid(at))
        parts.append(kept.select(_SHAPE))
    return pa.concat_tables(parts)


def _tied(things: pa.Table) -> pa.Table:
    """Rows (src, dst, kind) of the things whose parent is among them."""
    children = things.filter(pc.is_valid(things["parent_key"]))
    at = pc.index_in(children["parent_key"], value_set=things["key"].combine_chunks())
    kind = pc.fill_null(children["relation"], "part_of")
    tied = pa.table({"src": children["eid"], "dst": _ids_at(things, at), "kind": kind})
    other = pc.not_equal(children["key"], children["parent_key"])
    return tied.filter(pc.and_(pc.is_valid(at), other))


def _ids_at(things: pa.Table, at: pa.ChunkedArray) -> pa.Array:
    """Ids of the things at these places, null where there is none."""
    ids = things["eid"].combine_chunks().storage.take(at.combine_chunks())
    return pa.ExtensionArray.from_storage(pa.uuid(), ids)
