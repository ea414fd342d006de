"""The address tree of a city: its codes, single edits, and how it was at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyarrow.compute as pc

from address import LEVELS, AddressIndex
from address.codes import SCHEME, serials_wanted, zoned_codes
from address.coordinates import coordinate_codes
from address.elements import describe
from api.address_areas import official_codes
from twin import addresses
from twin.addresses import Editor
from twin.addresses.tree import events_after
from twin.ingest.source import utc_now
from twin.store import Store

__all__ = ["editor", "index_at", "number_addresses"]

_CODES: Final = ("code", "coordinate_code")


def number_addresses(
    store: Store, ids: Sequence[str] | None = None, above: Sequence[str] | None = None
) -> int:
    """Give nodes their codes, height range and main address; what has them keeps them.

    Parameters
    ----------
    store : Store
    ids : sequence of str, optional
        Only these nodes and all below them; the whole tree where absent.
    above : sequence of str, optional
        All that is above them, where nothing is below them.

    Returns
    -------
    int
        Nodes with a zoned code.
    """
    tree = addresses.whole_tree(store) if ids is None else addresses.tree_about(store, ids, above)
    if tree.num_rows == 0:
        return 0
    official = official_codes(store)
    serials = addresses.give_serials(store, serials_wanted(tree, official))
    places = (pc.fill_null(tree[name], float("nan")).to_numpy() for name in ("lon", "lat", "z"))
    told = tree.select(["node_id"])
    told = told.append_column("code", zoned_codes(tree, serials, store.city.admin_code, official))
    told = told.append_column("coordinate_code", coordinate_codes(*places))
    same = [
        pc.fill_null(pc.equal(told[name], tree[name]), False).combine_chunks() for name in _CODES
    ]
    both_null = [
        pc.and_(pc.is_null(told[name]), pc.is_null(tree[name])).combine_chunks() for name in _CODES
    ]
    kept = pc.and_(pc.or_(same[0], both_null[0]), pc.or_(same[1], both_null[1]))
    if ids is not None:
        kept = pc.or_(kept, pc.invert(tree["asked"].combine_chunks()))
    changed = told.filter(pc.invert(kept))
    if changed.num_rows:
        addresses.write_codes(store, changed, SCHEME, utc_now())
    if ids is None:
        addresses.write_heights(store)
        if changed.num_rows:
            addresses.mark_numbered(store)
    return len(told) - int(told["code"].null_count)


def editor(store: Store, actor: str) -> Editor:
    """What edits the tree of a base in someone's name."""
    return Editor(store, describe, LEVELS, actor)


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
