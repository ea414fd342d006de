"""Which nodes of a delivery the base knows: by place in the tree and name, also a former one."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from twin.store import run

__all__ = ["settle"]


def settle(
    con: duckdb.DuckDBPyConnection, nodes: pa.Table, levels: Sequence[str], at_all: bool = False
) -> pa.Table:
    """Nodes of a delivery under the ids the base has for them.

    Parameters
    ----------
    con : duckdb connection
        Of an open transaction.
    nodes : pyarrow.Table
        :data:`twin.schema.ADDRESS_NODES` with ``core``; ids as computed from the names, so those of a node that was
        renamed or moved since are others than the base's.
    levels : sequence of str
        From the widest to the narrowest.
    at_all : bool
        Also where nothing ever happened to the tree, so that ids are what they were (the default spares the work).

    Returns
    -------
    pyarrow.Table
        The same columns and ``kept``: whether the base's name goes before the delivery's, which uses a former one.
    """
    happened = con.execute("SELECT count(*) FROM address_event").fetchone()
    if not at_all and (happened is None or happened[0] == 0):
        return nodes.append_column("kept", pa.repeat(pa.scalar(False), nodes.num_rows))
    con.register("given", nodes)
    run(con, "addresses_settle_begin")
    for level in levels:
        run(con, "addresses_settle", level=level)
    settled = run(con, "addresses_settle_end").to_arrow_table()
    con.unregister("given")
    con.execute("DROP TABLE settled")
    return settled
