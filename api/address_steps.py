"""From edits of the base to steps of its index: what differs between the two at the nodes that were touched."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from address import AddressIndex
from address.model import RANK
from twin import addresses
from twin.store import Store
from twin.store.read import rows

__all__ = ["past_of", "steps"]

_CODED: Final = frozenset(("province", "city", "county", "street", "community"))
"""Levels whose name decides digits of all codes below."""
_OWN: Final = ("code", "eid", "key", "building_key")

_GONE: Final = ("node_id", "level", "name", "core", "parent_id", "full", "replaced_by")

Row = dict[str, Any]


def steps(
    store: Store, index: AddressIndex, happened: Mapping[str, Sequence[str]], nodes: list[Row]
) -> list[Row]:
    """Edits (`address.edits.apply`) after which the index has the touched nodes as the base has them.

    Parameters
    ----------
    store : Store
    index : AddressIndex
    happened : mapping
        Node → events, of `twin.addresses.touched`.
    nodes : list of dict
        Those nodes as the base has them (`twin.addresses.some_nodes`).
    """
    now = {row["node_id"]: row for row in nodes}
    there = {node: row for node, row in now.items() if row["there"]}
    away = [
        node for node in now
        if (at := index.row_of(node)) is not None
        and (node not in there or there[node]["parent_id"] != _parent(index, at))
    ]  # fmt: skip
    out = [{"op": "retire", "id": node} for node in _tops(index, away)]
    moved = set(away)
    fresh = [node for node in there if node in moved or index.row_of(node) is None]
    if moved:
        new = addresses.some_nodes(store, fresh, deep=True).to_pylist() if fresh else []
    else:
        new = [there[node] for node in fresh]  # what is new holds only what is new
    coming = _parents_first(new)
    out += [_insertion(row) for row in coming]
    came = {row["node_id"] for row in coming}
    stay = [node for node in there if node not in came]
    out += [
        {"op": "rename", "id": node, "name": there[node]["name"]}
        for node in stay
        if "rename" in happened[node]
    ]
    deep = [node for node in stay if there[node]["level"] in _CODED and "rename" in happened[node]]
    below = addresses.some_nodes(store, deep, deep=True).to_pylist() if deep else []
    known = {
        row["node_id"]: row for row in [*(there[node] for node in stay), *below] if row["there"]
    }
    return out + [told for row in known.values() if (told := _changed(index, row)) is not None]


def past_of(store: Store, nodes: list[Row]) -> dict[str, list[Any]]:
    """Other names (``names``) and retirement (``gone``) of the touched nodes (``ids``), as the history wants them.

    Parameters
    ----------
    store : Store
    nodes : list of dict
        As for `steps`.
    """
    named = [row["node_id"] for row in nodes if row["there"] and row["named"]]
    return {
        "ids": [row["node_id"] for row in nodes],
        "names": rows(store, "address_names_of", ids=named) if named else [],
        "gone": [{name: row[name] for name in _GONE} for row in nodes if not row["there"]],
    }


def _parent(index: AddressIndex, row: int) -> str | None:
    up = int(index.parent[row])
    return None if up < 0 else index.id_of(up)


def _tops(index: AddressIndex, ids: list[str]) -> list[str]:
    """Those of some nodes that lie below none of the others; the others go with them."""
    at = {row: node for node in ids if (row := index.row_of(node)) is not None}
    return [
        node
        for row, node in at.items()
        if not any(up in at for up in index.above(row) if up != row)
    ]


def _parents_first(found: list[Row]) -> list[Row]:
    """Nodes that come into the index, in an order in which they can."""
    left = {row["node_id"]: row for row in found if row["there"]}
    out: list[Row] = []
    while left:
        ready = [row for row in left.values() if row["parent_id"] not in left]
        ready.sort(key=lambda row: (RANK.get(row["level"], 99), row["node_id"]))
        if not ready:
            break  # a ring, which no edit makes
        out += ready
        for row in ready:
            del left[row["node_id"]]
    return out


def _insertion(row: Row) -> Row:
    told = {"op": "insert", "id": row["node_id"], "parent": row["parent_id"]}
    told |= {name: row[name] for name in ("level", "name", "lon", "lat", "z", "status", *_OWN)}
    return {key: value for key, value in told.items() if value is not None}


def _changed(index: AddressIndex, row: Row) -> Row | None:
    at = index.row_of(row["node_id"])
    if at is None or all(index.text_of(name, at) == row[name] for name in _OWN):
        return None
    return {"op": "told", "id": row["node_id"], **{name: row[name] for name in _OWN}}
