"""The address tree now, and as it was."""

from collections.abc import Sequence
from datetime import datetime

import duckdb
import pyarrow as pa

from twin.store import Store, run, statement

__all__ = [
    "below", "events_after", "gone", "names", "nodes_at", "some_nodes", "state", "touched",
    "tree_about", "tree_node", "whole_tree",
]  # fmt: skip


def whole_tree(store: Store) -> pa.Table:
    """Every node, retired ones too: ``node_id``, ``parent_id``, ``level``, ``name``, ``lon``, ``lat``, ``z``, codes."""
    return store.table(statement("address_tree"))


def nodes_at(store: Store, moment: datetime) -> pa.Table:
    """The tree as it was (:data:`twin.schema.ADDRESS_NODES`): names, parents and nodes of that time.

    Parameters
    ----------
    store : Store
    moment : datetime
        UTC without a zone. What was loaded before any event counts as there since ever.
    """
    return store.table(statement("address_nodes_at"), {"moment": moment})


def names(store: Store) -> pa.Table:
    """Former names and aliases of nodes that are there: ``node_id``, ``name``, ``core``, ``kind``, ``level``."""
    return store.table(statement("read_address_names"))


def gone(store: Store) -> pa.Table:
    """Retired nodes: ``node_id``, ``level``, ``name``, ``core``, ``parent_id``, ``full``, ``replaced_by``."""
    return store.table(statement("read_address_gone"))


def events_after(store: Store, moment: datetime) -> int:
    """Number of events after a moment (UTC without a zone)."""
    return int(
        store.scalar("SELECT count(*) FROM address_event WHERE at_time > $at", {"at": moment})
    )


def state(store: Store) -> tuple[str, int]:
    """What an index of the tree depends on.

    Returns
    -------
    str
        Another one after every load, binding and numbering of the whole tree.
    int
        Number of the last edit.
    """
    with store.cursor() as con:
        whole, seq = con.execute(statement("read_address_state")).fetchall()[0]
    return str(whole), int(seq)


def touched(store: Store, seq: int) -> tuple[int, dict[str, list[str]]]:
    """Nodes that the edits after a number touched, with what happened to each; and the number of the last of them."""
    with store.cursor() as con:
        events = con.execute(statement("address_touched"), {"seq": seq}).fetchall()
    happened: dict[str, list[str]] = {}
    for _, node_id, event in events:
        happened.setdefault(node_id, []).append(event)
    return (events[-1][0] if events else seq), happened


def below(
    con: duckdb.DuckDBPyConnection, ids: Sequence[str], living: bool = False
) -> list[pa.Table]:
    """What lies below some nodes, layer by layer: ``node_id``, ``parent_id``, ``name``.

    Parameters
    ----------
    con : duckdb connection
        Of an open transaction.
    ids : sequence of str
    living : bool
        Only what is there now.
    """
    out: list[pa.Table] = []
    above = pa.table({"node_id": pa.array(ids, pa.string())})
    while above.num_rows:
        layer = run(con, "read_address_children", incoming=above, living=living).to_arrow_table()
        if layer.num_rows:
            out.append(layer)
        above = layer.select(["node_id"])
    return out


def some_nodes(store: Store, ids: Sequence[str], deep: bool = False) -> pa.Table:
    """Nodes as they are, retired ones too (``there`` says which); where ``deep``, with all below them."""
    if len(ids) == 1 and not deep:
        return store.table(statement("read_address_one"), {"id": ids[0]})
    name = "read_address_below" if deep else "read_address_each"
    return store.table(statement(name), {"ids": list(ids)})


def tree_about(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> pa.Table:
    """The part of `whole_tree` that the codes of some nodes and of all below them hang on; those are ``asked``.

    ``con`` is the connection of an open transaction.
    """
    return con.execute(statement("address_tree_about"), {"ids": list(ids)}).to_arrow_table()


def tree_node(con: duckdb.DuckDBPyConnection, node_id: str) -> pa.Table:
    """One row of `whole_tree`, in an open transaction."""
    return con.execute(statement("address_tree_node"), {"id": node_id}).to_arrow_table()
