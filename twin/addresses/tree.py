"""The address tree now, and as it was."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from twin.store import Store, statement

__all__ = [
    "events_after", "gone", "names", "nodes_at", "some_nodes", "state", "touched", "tree_about",
    "whole_tree",
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


def touched(store: Store, seq: int) -> dict[str, list[str]]:
    """Nodes that the edits after a number touched, with what happened to each."""
    table = store.table(statement("address_touched"), {"seq": seq})
    return dict(zip(table["node_id"].to_pylist(), table["events"].to_pylist(), strict=True))


def some_nodes(store: Store, ids: Sequence[str], deep: bool = False) -> pa.Table:
    """Nodes as they are, retired ones too (``there`` says which); where ``deep``, with all below them."""
    name = "read_address_below" if deep else "read_address_each"
    return store.table(statement(name), {"ids": list(ids)})


def tree_about(store: Store, ids: Sequence[str], above: Sequence[str] | None = None) -> pa.Table:
    """The part of `whole_tree` that the codes of some nodes and of all below them hang on; those are ``asked``.

    ``above`` holds all that is above the nodes, where that is known and nothing is below them.
    """
    if above is not None:
        given = {"ids": list(ids), "above": list(above)}
        return store.table(statement("address_tree_given"), given)
    return store.table(statement("address_tree_about"), {"ids": list(ids)})
