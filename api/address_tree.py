"""The address tree of a city: its codes, single edits, and how it was at a time."""

from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from address import LEVELS, AddressIndex
from address.codes import SCHEME, Official, serials_wanted, zoned_codes
from address.coordinates import coordinate_codes
from address.elements import describe
from api.address_areas import official_codes
from twin import addresses
from twin.addresses import Edited, Editor, Finish
from twin.addresses.tree import events_after
from twin.ingest.source import utc_now
from twin.store import Connection, Store

__all__ = ["editor", "index_at", "number_addresses", "number_edited"]

_CODES: Final = ("code", "coordinate_code")
_DECIDED: Final = frozenset(("province", "city", "county", "street", "community"))
"""Levels whose digits others give: the national table, the base's own layers."""
_ABOVE: Final = pa.schema(
    [
        ("node_id", pa.string()),
        ("level", pa.string()),
        ("name", pa.string()),
        ("parent_id", pa.string()),
        ("code", pa.string()),
        ("asked", pa.bool_()),
    ]
)


def number_addresses(store: Store) -> int:
    """Give nodes their codes, height range and main address; what has them keeps them.

    Parameters
    ----------
    store : Store

    Returns
    -------
    int
        Nodes with a zoned code.
    """
    tree = addresses.whole_tree(store)
    if tree.num_rows == 0:
        return 0
    official = official_codes(store)
    with store.transaction() as con:
        serials = addresses.give_serials(con, serials_wanted(tree, official))
    told = _coded(store, tree, serials, official)
    changed = told.filter(pc.invert(_kept(told, tree)))
    if changed.num_rows:
        with store.transaction() as con:
            addresses.write_codes(con, changed, SCHEME, utc_now())
    addresses.write_heights(store)
    if changed.num_rows:
        addresses.mark_numbered(store)
    return len(told) - int(told["code"].null_count)


def number_edited(con: Connection, store: Store, index: AddressIndex, said: Edited) -> None:
    """Codes of what an edit touched and of all below it.

    Parameters
    ----------
    con : duckdb connection
        Of the transaction of the edit.
    store : Store
    index : AddressIndex
        As the base was before the edit.
    said : Edited
        Not the end of a node.
    """
    if said.event in ("insert", "rename"):
        own = addresses.tree_node(con, said.node_id)
        above = _above(index, own["parent_id"][0].as_py())
        if above is not None and own["level"][0].as_py() not in _DECIDED:
            tree = pa.concat_tables(
                [own.append_column("asked", pa.array([True])), above], promote_options="default"
            )
            row = index.row_of(said.node_id)
            if (
                not _number(con, store, tree, None)
                or row is None
                or next(iter(index.children(row)), None) is None
            ):
                return
    tree = addresses.tree_about(con, [said.node_id, *said.into, *said.moved])
    _number(con, store, tree, official_codes(store))


def _number(con: Connection, store: Store, tree: pa.Table, official: Official | None) -> bool:
    """Code the asked nodes of a part of the tree; whether a zoned code has changed.

    With `official` all divisions are in `tree`, and the codes of those above are told anew too.
    """
    based = tree if official is None else tree.drop_columns(["asked"])
    serials = addresses.give_serials(con, serials_wanted(based, official))
    told = _coded(store, based, serials, official)
    kept = pc.or_(_kept(told, tree), pc.invert(tree["asked"].combine_chunks()))
    changed = told.filter(pc.invert(kept))
    if changed.num_rows == 0:
        return False
    addresses.write_codes(con, changed, SCHEME, utc_now())
    return _code_changed(told, tree)


def _code_changed(told: pa.Table, tree: pa.Table) -> bool:
    """Whether an asked node had another zoned code before."""
    return any(
        asked and old is not None and new != old
        for asked, old, new in zip(
            tree["asked"].to_pylist(), tree["code"].to_pylist(), told["code"].to_pylist(),
            strict=True,
        )
    )  # fmt: skip


def _coded(store: Store, tree: pa.Table, serials: pa.Table, official: Official | None) -> pa.Table:
    """``node_id``, ``code``, ``coordinate_code`` of every node of a tree."""
    places = (pc.fill_null(tree[name], float("nan")).to_numpy() for name in ("lon", "lat", "z"))
    told = tree.select(["node_id"])
    told = told.append_column("code", zoned_codes(tree, serials, store.city.admin_code, official))
    return told.append_column("coordinate_code", coordinate_codes(*places))


def _kept(told: pa.Table, tree: pa.Table) -> pa.BooleanArray:
    """Which nodes have both codes already."""
    same = [
        pc.fill_null(pc.equal(told[name], tree[name]), False).combine_chunks() for name in _CODES
    ]
    both_null = [
        pc.and_(pc.is_null(told[name]), pc.is_null(tree[name])).combine_chunks() for name in _CODES
    ]
    return pc.and_(pc.or_(same[0], both_null[0]), pc.or_(same[1], both_null[1]))


def _above(index: AddressIndex, parent_id: str | None) -> pa.Table | None:
    """A node and what is above it, with their codes; None where the index has it not."""
    row = None if parent_id is None else index.row_of(parent_id)
    if row is None:
        return None
    rows = [
        {
            "node_id": index.id_of(at), "level": index.level_of(at), "name": index.written_of(at),
            "parent_id": index.id_of(int(index.parent[at])) if index.parent[at] >= 0 else None,
            "code": index.text_of("code", at), "asked": False,
        }
        for at in index.above(row)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_ABOVE)


def editor(store: Store, actor: str, finish: Finish | None = None) -> Editor:
    """What edits the tree of a base in someone's name."""
    return Editor(store, describe, LEVELS, actor, finish)


def index_at(store: Store, moment: datetime) -> AddressIndex | None:
    """Index of the tree as it was; None where nothing has happened since, so that the present one answers.

    Parameters
    ----------
    store : Store
    moment : datetime
        UTC without a zone.
    """
    if events_after(store, moment) == 0:
        return None
    return AddressIndex.from_nodes(addresses.nodes_at(store, moment))
