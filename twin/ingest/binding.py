"""What the address engine needs to bind addresses to things, and how its bindings are written."""

from collections.abc import Mapping

import pyarrow as pa

from twin.ingest.source import utc_now
from twin.store import Store, run, statement

__all__ = [
    "address_nodes",
    "bindings_kept",
    "buildings_to_bind",
    "buildings_unbound",
    "parts_to_bind",
    "rooms_to_bind",
    "write_bindings",
    "write_derived",
    "write_derived_report",
]


def address_nodes(store: Store) -> pa.Table:
    """The address tree of the base (:data:`twin.schema.ADDRESS_NODES`)."""
    return store.table(statement("address_nodes"))


def buildings_to_bind(store: Store) -> pa.Table:
    """Buildings with ``eid``, ``building_key`` (楼栋编码) and ``name``."""
    return store.table(statement("bind_buildings"))


def rooms_to_bind(store: Store) -> pa.Table:
    """Rooms with ``eid``, ``building_eid``, ``building_key``, ``unit``, ``storey``, ``number``, ``elevation``."""
    return store.table(statement("bind_rooms"))


def parts_to_bind(store: Store, collection: str) -> pa.Table:
    """Storeys or units with ``eid``, ``building_eid``, ``building_key``, ``name``, ``storey_number``."""
    return store.table(statement("bind_parts"), {"collection": collection})


def write_bindings(
    store: Store, bindings: pa.Table, kind: str, dataset_id: str | None = None
) -> int:
    """Write bindings (columns ``node_id``, ``eid``, ``score``, ``evidence``); returns how many are new or moved.

    Rows without ``node_id`` were not bound: they stay listed with their evidence in ``address_binding``. ``kind`` is that
    of the things (``buildings``, ``rooms`` …): its list is written anew.
    """
    with store.transaction() as con:
        con.register("bindings", bindings)
        row = run(con, "bind_count").fetchone()
        run(con, "bind_write", at_time=utc_now(), dataset_id=dataset_id, kind=kind)
        con.unregister("bindings")
    return int(row[0]) if row else 0


def buildings_unbound(store: Store) -> pa.Table:
    """Buildings that no address names: ``eid``, ``name``, ``address``, ``lon``, ``lat`` (degrees)."""
    return store.table(statement("derive_buildings"))


def bindings_kept(store: Store) -> pa.Table:
    """Bindings (``node_id``, ``eid``, ``score``, ``evidence``) of buildings by their address attribute that hold."""
    return store.table(statement("derive_kept"))


def write_derived(store: Store, nodes: pa.Table) -> int:
    """Write addresses that things tell (``address.derive.DERIVED`` with their elements); returns how many are new.

    A node that was there and was retired does not come back.
    """
    before = store.scalar("SELECT count(*) FROM address_node")
    with store.transaction() as con:
        con.register("derived", nodes)
        run(con, "derive_write")
        con.unregister("derived")
    return int(store.scalar("SELECT count(*) FROM address_node")) - int(before)


def write_derived_report(store: Store, refused: Mapping[str, str]) -> None:
    """Keep what was derived, and the buildings without an address with the reason, among the faults of gazetteers."""
    table = pa.table(
        {
            "eid": pa.array(list(refused), pa.string()),
            "why": pa.array(list(refused.values()), pa.string()),
        }
    )
    with store.transaction() as con:
        con.register("refused", table)
        run(con, "derive_faults", at_time=utc_now())
        con.unregister("refused")
