"""Serials and codes of address nodes: given once, kept for ever."""

import secrets
from datetime import datetime

import pyarrow as pa

from twin.store import Store, run, statement

__all__ = ["give_serials", "mark_numbered", "settle_mains", "write_codes", "write_heights"]


def give_serials(store: Store, wants: pa.Table) -> pa.Table:
    """Serial of each node that needs one; new nodes get the next of their scope.

    Parameters
    ----------
    store : Store
    wants : pyarrow.Table
        ``node_id``, ``scope``, ``part``, ``sort_key``. New nodes of one scope are counted in the order of their keys, so
        the same delivery gives the same serials; a serial that was given is never given again.

    Returns
    -------
    pyarrow.Table
        ``node_id``, ``serial``.
    """
    with store.transaction() as con:
        con.register("wants", wants)
        given = run(con, "address_serials").to_arrow_table()
        con.unregister("wants")
    return given


def write_codes(store: Store, codes: pa.Table, edition: str, moment: datetime) -> None:
    """Write codes (``node_id``, ``code``, ``coordinate_code``); those that change stay known with the time they ended."""
    with store.transaction() as con:
        con.register("codes", codes)
        run(con, "address_codes_write", edition=edition, at_time=moment)
        con.unregister("codes")


def write_heights(store: Store) -> None:
    """Height ranges of nodes from the things they name; main and auxiliary addresses."""
    with store.transaction() as con:
        run(con, "address_heights")
        run(con, "address_mains")


def mark_numbered(store: Store) -> None:
    """Note that the codes of the whole tree were given anew: an index of the tree before is no longer true."""
    with store.transaction() as con:
        run(con, "address_numbered", stamp=secrets.token_hex(8))


def settle_mains(store: Store) -> None:
    """Find main and auxiliary addresses anew where a main one has ended."""
    if store.scalar(statement("read_address_mains_ended")):
        with store.transaction() as con:
            run(con, "address_mains")
