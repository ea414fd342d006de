"""Write addresses, streams, readings and cases: tables whose rows are no things of their own geometry."""

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from twin import crs
from twin.addresses.settling import settle
from twin.cases import register_cases
from twin.heights import Heights
from twin.ingest.source import Balance, Quarantined, Source, write_dataset, write_quarantine
from twin.live import Counts, register_streams
from twin.live.archive import Archive
from twin.live.history import insert_observations
from twin.store import Store, run

__all__ = ["load_addresses", "load_cases", "load_observations", "load_streams", "located"]

Register = Callable[[duckdb.DuckDBPyConnection, pa.Table], Counts]


def load_streams(store: Store, source: Source, streams: pa.Table, heights: Heights) -> Balance:
    """Load a sensor table (schema STREAMS, source CRS); see :func:`load_cases` for the result."""
    streams = _located(source, streams)
    z = np.asarray(streams["z"].to_numpy(zero_copy_only=False), dtype=float)
    lon, lat = (
        np.asarray(streams[c].to_numpy(zero_copy_only=False), dtype=float) for c in ("lon", "lat")
    )
    reference = np.array(streams["z_reference"].to_pylist(), dtype=object)
    z_ell = np.where(reference == "ellipsoid", z, np.nan)
    known = reference == "1985"
    z_ell[known] = heights.to_ellipsoid(z[known], lon[known], lat[known], "1985")
    streams = streams.append_column("z_ell", pa.array(z_ell, from_pandas=True))
    return _load(
        store,
        source,
        streams,
        lambda con, rows: register_streams(
            con, rows, source.dataset_id, source.started, keep_known=source.mode == "append"
        ),
    )


def load_observations(store: Store, source: Source, observations: pa.Table) -> Balance:
    """Load past readings (schema OBSERVATIONS); repeated ones are unchanged, the first one stays."""
    return _load(
        store,
        source,
        observations,
        lambda con, rows: insert_observations(con, rows, source.started, Archive.of(store)),
    )


def load_cases(store: Store, source: Source, cases: pa.Table) -> Balance:
    """Load a table of cases.

    Parameters
    ----------
    store : Store
    source : Source
    cases : pyarrow.Table
        Columns of :data:`twin.schema.CASES`; ``x``, ``y`` in the source's CRS, null where unknown.

    Returns
    -------
    Balance
        Closed over all rows given.
    """
    located = _located(source, cases)
    return _load(
        store,
        source,
        located,
        lambda con, rows: register_cases(con, rows, source.dataset_id, source.started),
    )


def load_addresses(
    store: Store,
    source: Source,
    addresses: pa.Table,
    heights: Heights,
    build_nodes: Callable[[pa.Table], pa.Table],
    describe: Callable[[pa.Table], pa.Table],
    check: Callable[[pa.Table, pa.Table], pa.Table] | None = None,
    levels: Sequence[str] = (),
) -> Balance:
    """Load a gazetteer table.

    Parameters
    ----------
    store : Store
    source : Source
    addresses : pyarrow.Table
        Columns of :data:`twin.schema.ADDRESSES`; ``x``, ``y`` in the source's CRS.
    heights : Heights
        Turns ``z`` into ellipsoidal heights where the source's reference is ``1985``.
    build_nodes : callable
        ``address.build_nodes``: rows with ``lon``, ``lat`` in, :data:`twin.schema.ADDRESS_NODES`
        out.
    describe : callable
        ``address.elements.describe``: type, core and number of each node.
    check : callable, optional
        ``address.faults.check``: rows and nodes in, what is wrong with them out; kept with the load.
    levels : sequence of str
        ``address.LEVELS``, by which nodes are found again that were renamed or moved since.

    Returns
    -------
    Balance
        Rows that name the same node as an earlier row of the table are ``merged``.
    """
    placed = _lifted(source, _located(source, addresses), heights)
    good = placed.filter(pc.is_null(placed["fault"]))
    keys = pc.coalesce(good["key"], pc.binary_join_element_wise("full", good["full"], ":"))
    good = good.set_column(good.schema.get_field_index("key"), "key", keys)
    nodes = build_nodes(good)
    faults = check(placed, nodes) if check is not None else None
    told = describe(nodes)
    for name in told.column_names[1:]:
        nodes = nodes.append_column(name, told[name])
    with store.transaction() as con:
        quarantined = write_quarantine(con, source, _rejected(placed))
        nodes = settle(con, nodes, levels)
        con.register("good", good)
        con.register("nodes", nodes)
        quarantined += write_quarantine(con, source, _duplicate_addresses(con))
        counts = dict(run(con, "addresses_fate", source_key=source.key).fetchall())
        balance = Balance(
            n_in=addresses.num_rows,
            loaded=counts.get("create", 0) + counts.get("change", 0),
            changed=counts.get("change", 0),
            merged=counts.get("merge", 0),
            unchanged=counts.get("unchanged", 0),
            quarantined=quarantined,
        )
        if balance.loaded + balance.merged:
            run(con, "addresses_write", source_key=source.key, dataset_id=source.dataset_id)
            run(con, "addresses_names", source_key=source.key)
            if pc.any(nodes["kept"]).as_py():
                run(
                    con,
                    "addresses_refull",
                    roots=nodes.filter(nodes["kept"])["node_id"].to_pylist(),
                )
        if faults is not None:
            _write_faults(con, source, faults)
        con.execute("DROP TABLE address_fate")
        con.unregister("good")
        con.unregister("nodes")
        write_dataset(con, source, balance)
    return balance


def _write_faults(con: duckdb.DuckDBPyConnection, source: Source, faults: pa.Table) -> None:
    """Keep what is wrong with a gazetteer; the report of an earlier delivery goes."""
    con.execute("DELETE FROM address_fault WHERE source = $source", {"source": source.key})
    con.register("faults", faults)
    run(con, "addresses_faults", source_key=source.key, dataset_id=source.dataset_id,
        at_time=source.started)  # fmt: skip
    con.unregister("faults")


def _duplicate_addresses(con: duckdb.DuckDBPyConnection) -> Quarantined:
    rows = run(con, "addresses_duplicates").to_arrow_table().to_pylist()
    return Quarantined(
        rows=[r["row"] for r in rows],
        reasons=[
            f"its code {r['key']!r} was already used by record {r['first_row']} of this table"
            for r in rows
        ],
        records=rows,
    )


def _load(store: Store, source: Source, table: pa.Table, register: Register) -> Balance:
    """Quarantine faulty rows, register the others, quarantine what was refused; one transaction."""
    good = table.filter(pc.is_null(table["fault"]))
    with store.transaction() as con:
        quarantined = write_quarantine(con, source, _rejected(table))
        counts = register(con, good)
        refused = good.take(counts.rejected["position"])
        quarantined += write_quarantine(
            con, source, _as_quarantined(refused, counts.rejected["reason"].to_pylist())
        )
        balance = Balance(
            n_in=table.num_rows,
            loaded=counts.loaded + counts.changed,
            changed=counts.changed,
            unchanged=counts.unchanged,
            quarantined=quarantined,
        )
        write_dataset(con, source, balance)
    return balance


def _rejected(table: pa.Table) -> Quarantined:
    """The rows a loader found faulty."""
    bad = table.filter(pc.is_valid(table["fault"]))
    return _as_quarantined(bad, bad["fault"].to_pylist())


def _as_quarantined(rows: pa.Table, reasons: Sequence[str]) -> Quarantined:
    records: list[dict[str, Any]] = [
        {k: v for k, v in r.items() if v is not None} for r in rows.to_pylist()
    ]
    numbers = rows["row"].to_pylist() if "row" in rows.column_names else list(range(rows.num_rows))
    return Quarantined(rows=numbers, reasons=reasons, records=records)


def _lifted(source: Source, table: pa.Table, heights: Heights) -> pa.Table:
    """The table with ``z`` above the ellipsoid."""
    if source.z_reference != "1985":
        return table
    z, lon, lat = (
        np.asarray(table[c].to_numpy(zero_copy_only=False), dtype=float)
        for c in ("z", "lon", "lat")
    )
    lifted = pa.array(heights.to_ellipsoid(z, lon, lat, "1985"), from_pandas=True)
    return table.set_column(table.schema.get_field_index("z"), "z", lifted)


def _located(source: Source, table: pa.Table) -> pa.Table:
    return located(source.crs_used, table)


def located(system: str | None, table: pa.Table) -> pa.Table:
    """The table with ``lon`` and ``lat`` (degrees, EPSG:4490), null where a row has no usable place.

    Parameters
    ----------
    system : str or None
        System of ``x`` and ``y``; None where nobody knows it: nothing has a place then.
    table : pyarrow.Table
        With columns ``x`` and ``y``.
    """
    if system is None:
        empty = pa.nulls(table.num_rows, pa.float64())
        return table.append_column("lon", empty).append_column("lat", empty)
    x, y = (np.asarray(table[c].to_numpy(zero_copy_only=False), dtype=float) for c in ("x", "y"))
    lon, lat, _ = crs.to_geographic(system, x, y)
    off = (np.abs(lon) > 180) | (np.abs(lat) > 90)  # such as a row with its axes swapped
    lon, lat = np.where(off, np.nan, lon), np.where(off, np.nan, lat)
    return table.append_column("lon", pa.array(lon, from_pandas=True)).append_column(
        "lat", pa.array(lat, from_pandas=True)
    )
