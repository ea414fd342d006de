"""Write the things of one layer: keep, create, merge or change, all in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from twin.heights import Heights
from twin.ids import uuid7_array
from twin.ingest.fusing import add_model_outlines, decide_merges, write_merged
from twin.ingest.rekeying import count_moved, keep_rekeyed
from twin.ingest.source import Balance, Quarantined, Source, write_dataset, write_quarantine
from twin.ingest.staging import Staging
from twin.store import Store, run

__all__ = ["RecordBatch", "load_records"]


class RecordBatch(Protocol):
    """What a loader yields (see ``loaders.base.Batch``)."""

    @property
    def records(self) -> pa.Table:
        """Rows of :data:`twin.schema.RECORDS`, source CRS."""
        ...

    @property
    def meshes(self) -> pa.Table | None:
        """Shapes the records point at."""
        ...

    @property
    def representations(self) -> pa.Table | None:
        """Further representations of the records."""
        ...

    @property
    def findings(self) -> Sequence[str]:
        """What reading the batch brought to light beyond single records."""
        ...

    @property
    def links(self) -> pa.Table | None:
        """Relations between records beside those to parents (:data:`twin.schema.LINKS`)."""
        ...


def load_records(
    store: Store,
    source: Source,
    batches: Iterable[RecordBatch],
    heights: Heights,
    progress: Callable[[int], None] | None = None,
) -> Balance:
    """Load one layer of things.

    Parameters
    ----------
    store : Store
    source : Source
        With the CRS and the height reference that apply.
    batches : iterable of RecordBatch
        In the source's CRS.
    heights : Heights
        Of the city.
    progress : callable, optional
        Called with the number of records read after each batch.

    Returns
    -------
    Balance
        Closed: ``n_in = loaded + merged + unchanged + quarantined``.

    Raises
    ------
    LawError
        If the balance does not close; nothing is written then.
    """
    with store.transaction() as con:
        staging = Staging(con, source, heights)
        quarantined = 0
        findings = dict.fromkeys(source.findings)
        for batch in batches:
            rejected = staging.add(batch.records, batch.meshes, batch.representations)
            staging.add_links(batch.links)
            quarantined += write_quarantine(con, source, rejected)
            findings |= dict.fromkeys(batch.findings)
            if progress is not None:
                progress(staging.n_in)
        quarantined += write_quarantine(con, source, _duplicate_keys(con))
        add_model_outlines(con, staging)
        run(con, "ingest_fate", source_key=source.key)
        keep_rekeyed(con, source, staging.meshes, store.assets)
        decide_merges(con, source)
        _assign_ids(con)
        balance = _write(con, store, source, staging)
        balance = balance.plus(
            n_in=staging.n_in, quarantined=quarantined, repaired=staging.repaired
        )
        write_dataset(con, replace(source, findings=tuple(findings)), balance)
        run(con, "ingest_drop_staging")
    return balance


def _duplicate_keys(con: duckdb.DuckDBPyConnection) -> Quarantined:
    """Take records out of staging whose key an earlier record of the layer has.

    Records *without* keys are told apart by a counter instead: identical twins are two things.
    """
    run(con, "ingest_number_twins")
    rows = run(con, "ingest_duplicate_keys").to_arrow_table().to_pylist()
    run(con, "ingest_drop_duplicates")
    return Quarantined(
        rows=[r["row"] for r in rows],
        reasons=[
            f"its id {r['key']!r} was already used by record {r['first_row']} of this layer"
            for r in rows
        ],
        records=rows,
    )


def _assign_ids(con: duckdb.DuckDBPyConnection) -> None:
    """Give every record that becomes a new thing an eid, in the order of the source."""
    keys = con.execute(
        "SELECT key FROM fate WHERE fate = 'create' ORDER BY \"row\""
    ).to_arrow_table()
    if keys.num_rows:
        issued = keys.append_column("eid", pa.array(list(uuid7_array(keys.num_rows)), pa.string()))
        con.register("issued", issued)
        con.execute(
            "UPDATE fate SET eid = issued.eid::UUID FROM issued WHERE fate.key = issued.key"
        )
        con.unregister("issued")


def _write(
    con: duckdb.DuckDBPyConnection, store: Store, source: Source, staging: Staging
) -> Balance:
    """Write what the fates say; the order matters (history before change)."""
    stamp: dict[str, Any] = {"dataset_id": source.dataset_id, "at_time": source.started}
    counts = dict(con.execute("SELECT fate, count(*) FROM fate GROUP BY fate").fetchall())
    gone = run(con, "ingest_gone", source_key=source.key).fetchone()
    balance = Balance(
        loaded=counts.get("create", 0) + counts.get("change", 0),
        changed=counts.get("change", 0),
        moved=count_moved(con, source) if counts.get("change", 0) else 0,
        merged=counts.get("merge", 0),
        unchanged=counts.get("unchanged", 0),
        gone=gone[0] if gone else 0,
    )
    if balance.loaded + balance.merged == 0:
        return balance
    asset, n_meshes, n_triangles, size = staging.meshes.write(store.assets)
    if asset is not None:
        con.execute(
            "INSERT INTO mesh_asset SELECT $asset, $n, $t, $b, $d WHERE NOT EXISTS (FROM mesh_asset WHERE asset = $asset)",
            {"asset": asset, "n": n_meshes, "t": n_triangles, "b": size, "d": source.dataset_id},
        )
    run(con, "ingest_supersede", **stamp)
    run(con, "ingest_change_entities", **stamp)
    run(con, "ingest_create_entities", **stamp)
    write_merged(con, source)
    run(con, "ingest_drop_old_geometry", source_key=source.key)
    run(con, "ingest_geometry", dataset_id=source.dataset_id, asset=asset)
    run(con, "ingest_aliases", **stamp, scheme=source.scheme)
    run(con, "ingest_source_records", dataset_id=source.dataset_id, source_key=source.key)
    run(con, "ingest_relations", **stamp, source_key=source.key)
    run(con, "ingest_changes", **stamp)
    return balance
