"""Serials and codes of address nodes: given once, kept for ever."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from twin.store import Store, run, statement

__all__ = ["give_serials", "mark_numbered", "settle_mains", "write_codes", "write_heights"]


def give_serials(con: duckdb.DuckDBPyConnection, wants: pa.Table) -> pa.Table:
    """Serial of each node that needs one; new nodes get the next of their scope.

    Parameters
    ----------
    con : duckdb connection
        Of an open transaction.
    wants : pyarrow.Table
        ``node_id``, ``scope``, ``part``, ``sort_key``. New nodes of one scope are counted in the order of their keys, so
        the same delivery gives the same serials; a serial that was given is never given again.

    Returns
    -------
    pyarrow.Table
        ``node_id``, ``serial``.
    """
    if wants.num_rows == 0:
        return pa.schema([("node_id", pa.string()), ("serial", pa.int64())]).empty_table()
    if wants.num_rows == 1:
        return _give_serial(con, wants.to_pylist()[0])
    con.register("wants", wants)
    given = run(con, "address_serials").to_arrow_table()
    con.unregister("wants")
    return given


def _give_serial(con: duckdb.DuckDBPyConnection, want: Mapping[str, Any]) -> pa.Table:
    """The same for one node: by the index, where the statement for many reads the table."""
    asked = {name: want[name] for name in ("node_id", "scope", "part")}
    top, own = con.execute(
        "SELECT coalesce(max(serial), 0), max(serial) FILTER (node_id = $node_id) "
        "FROM address_serial WHERE scope = $scope AND part = $part",
        asked,
    ).fetchall()[0]
    if own is None:
        own = top + 1
        con.execute(
            "INSERT INTO address_serial VALUES ($node_id, $scope, $part, $serial)",
            asked | {"serial": own},
        )
    return pa.table({"node_id": [want["node_id"]], "serial": [int(own)]})


def write_codes(
    con: duckdb.DuckDBPyConnection, codes: pa.Table, edition: str, moment: datetime
) -> None:
    """Write codes; those that change stay known with the time they ended.

    Parameters
    ----------
    con : duckdb connection
        Of an open transaction.
    codes : pyarrow.Table
        ``node_id``, ``code``, ``coordinate_code`` (null where there is none).
    edition : str
        Of the zoned code.
    moment : datetime
        UTC without a zone.
    """
    if codes.num_rows == 1:
        run(con, "address_code_write", edition=edition, at_time=moment, **codes.to_pylist()[0])
        return
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


def settle_mains(con: duckdb.DuckDBPyConnection) -> None:
    """Find main and auxiliary addresses anew where a main one has ended (in the open transaction ``con``)."""
    ended = con.execute(statement("read_address_mains_ended")).fetchone()
    if ended is not None and ended[0]:
        run(con, "address_mains")
