"""The address tree of a city: its codes after a load, single edits, and how it was at a time."""

from datetime import datetime

import pyarrow as pa

from address import LEVELS, AddressIndex
from address.codes import SCHEME, coordinate_code, serials_wanted, zoned_codes
from address.elements import describe
from address.history import History
from api.gazetteers import official_codes
from twin import addresses
from twin.addresses import Editor
from twin.addresses.numbering import write_heights
from twin.addresses.tree import events_after
from twin.ingest.source import utc_now
from twin.store import Store
from twin.store.read import address_nodes

__all__ = ["editor", "history_of", "index_at", "number_addresses", "present_index"]


def number_addresses(store: Store) -> int:
    """Give every node its codes, height range and main address; what has them keeps them.

    Returns
    -------
    int
        Nodes with a zoned code.
    """
    tree = addresses.whole_tree(store)
    if tree.num_rows == 0:
        return 0
    official = official_codes(store)
    serials = addresses.give_serials(store, serials_wanted(tree, official))
    zoned = zoned_codes(tree, serials, store.city.admin_code, official)
    places = zip(*(tree[name].to_pylist() for name in ("lon", "lat", "z")), strict=True)
    coordinate = [
        coordinate_code(lon, lat, z) if lon is not None and lat is not None else None
        for lon, lat, z in places
    ]
    told = pa.table(
        {
            "node_id": tree["node_id"],
            "code": pa.array(zoned, pa.string()),
            "coordinate_code": pa.array(coordinate, pa.string()),
        }
    )
    changed = [
        a != b or c != d
        for a, b, c, d in zip(
            zoned,
            tree["code"].to_pylist(),
            coordinate,
            tree["coordinate_code"].to_pylist(),
            strict=True,
        )
    ]
    told = told.filter(pa.array(changed, pa.bool_()))
    if told.num_rows:
        addresses.write_codes(store, told, SCHEME, utc_now())
    write_heights(store)
    return sum(code is not None for code in zoned)


def editor(store: Store, actor: str) -> Editor:
    """What edits the tree of a base in someone's name."""
    return Editor(store, describe, LEVELS, actor)


def history_of(store: Store, index: AddressIndex) -> History:
    """Former names, aliases and retired addresses of a base, over the index of what is now."""
    return History(index, addresses.names(store), addresses.gone(store))


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


def present_index(store: Store) -> AddressIndex:
    """Index of the tree as it is."""
    return AddressIndex.from_nodes(address_nodes(store))
