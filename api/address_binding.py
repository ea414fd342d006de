"""Addresses tied to things of the base, and addresses that things tell where the gazetteer has none."""

from functools import cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from address import AddressIndex, bind_buildings, bind_rooms
from address.bindings import BINDINGS, bind_parts
from address.derive import derive_buildings, derive_parts
from address.elements import describe
from address.history import History
from twin import addresses
from twin.ingest.binding import (
    address_nodes,
    bindings_kept,
    buildings_to_bind,
    buildings_unbound,
    parts_to_bind,
    rooms_to_bind,
    write_bindings,
    write_derived,
    write_derived_report,
)
from twin.store import Store

__all__ = ["bind_addresses"]

_PARTS: Final = {"units": "unit", "storeys": "floor"}


def bind_addresses(store: Store) -> dict[str, int]:
    """Tie address nodes to buildings first, then to the units, storeys and rooms of their models.

    Buildings with an address attribute, and storeys and numbered rooms of models, become addresses where the gazetteer has
    none; the report of faults says which (``derived``), and which buildings have no address (``unaddressed``).

    Returns
    -------
    dict
        New or moved bindings by kind of thing, and ``derived``: nodes added.
    """
    nodes = address_nodes(store)
    if nodes.num_rows == 0:
        return {}
    bound = {"buildings": _write_buildings(store, bind_buildings(nodes, buildings_to_bind(store)))}
    added, refused = _from_buildings(store)
    parts = {name: _bind_parts(store, name) for name in _PARTS}
    rooms = bind_rooms(address_nodes(store), rooms_to_bind(store))
    added += _from_models(store, parts["storeys"], rooms)
    if added:
        parts = {name: _bind_parts(store, name) for name in _PARTS}
        rooms = bind_rooms(address_nodes(store), rooms_to_bind(store))
    for name, table in (*parts.items(), ("rooms", rooms)):
        bound[name] = write_bindings(store, table, name)
    write_derived_report(store, refused)
    return bound | ({"derived": added} if added else {})


def _bind_parts(store: Store, collection: str) -> pa.Table:
    return bind_parts(address_nodes(store), parts_to_bind(store, collection), _PARTS[collection])


def _write_buildings(store: Store, found: pa.Table) -> int:
    """Write bindings by code and name, and those by an address attribute where these have none."""
    kept = bindings_kept(store).cast(BINDINGS)
    by_code = found.filter(pc.is_valid(found["node_id"]))
    kept = kept.filter(pc.invert(pc.is_in(kept["eid"], value_set=by_code["eid"].combine_chunks())))
    without = found.filter(
        pc.invert(pc.is_in(found["eid"], value_set=kept["eid"].combine_chunks()))
    )
    return write_bindings(store, pa.concat_tables([without, kept]), "buildings")


def _from_buildings(store: Store) -> tuple[int, dict[str, str]]:
    """Addresses from the attributes of buildings; how many, and why the others have none."""
    nodes, unbound = address_nodes(store), buildings_unbound(store)

    @cache
    def matcher() -> History:
        return History(
            AddressIndex.from_nodes(nodes), addresses.names(store), addresses.gone(store)
        )

    table, more, refused = derive_buildings(nodes, unbound, lambda text: matcher().match(text))
    added = _written(store, table)
    if more or added:
        found = bind_buildings(nodes, buildings_to_bind(store))
        new = [row for row in more if row["node_id"] is not None]
        eids = pa.array([row["eid"] for row in new], pa.string())
        rest = found.filter(pc.invert(pc.is_in(found["eid"], value_set=eids)))
        with_new = pa.concat_tables([rest, pa.Table.from_pylist(new, schema=BINDINGS)])
        _write_buildings(store, with_new)
    return added, refused


def _from_models(store: Store, storeys: pa.Table, rooms: pa.Table) -> int:
    """Addresses from storeys and rooms that were not bound because the gazetteer has none of the kind there."""
    things = parts_to_bind(store, "storeys"), rooms_to_bind(store)
    missing = [
        thing.filter(pc.is_in(thing["eid"], value_set=_without(table)))
        for thing, table in zip(things, (storeys, rooms), strict=True)
    ]
    return _written(store, derive_parts(address_nodes(store), *missing))


def _without(table: pa.Table) -> pa.Array:
    """Things for which no address is there at all."""
    none = pc.and_(
        pc.is_null(table["node_id"]), pc.starts_with(table["evidence"], "no address has")
    )
    return table.filter(none)["eid"].combine_chunks()


def _written(store: Store, derived: pa.Table) -> int:
    if not derived.num_rows:
        return 0
    told = describe(derived)
    for name in told.column_names[1:]:
        derived = derived.append_column(name, told[name])
    return write_derived(store, derived)
