"""The address tree now, and as it was."""

from datetime import datetime

import pyarrow as pa

from twin.store import Store, statement

__all__ = ["edition", "events_after", "gone", "names", "nodes_at", "whole_tree"]


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


def edition(store: Store) -> str:
    """Edition of the tree: another one after every load and every edit."""
    return str(store.scalar(statement("read_address_edition")))
