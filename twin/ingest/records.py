"""Write the things of one layer: keep, create, merge or change, all in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from twin.garbage import collect_young, collection_paused
from twin.heights import Heights
from twin.ids import uuid7_array
from twin.ingest.fresh import is_acquainted, write_fresh
from twin.ingest.freshmodels import write_fresh_model
from twin.ingest.fusing import add_model_outlines, decide_merges, write_merged
from twin.ingest.rekeying import count_moved, keep_rekeyed
from twin.ingest.reloading import Reload, Reloading
from twin.ingest.rowgroups import ROW_GROUP
from twin.ingest.source import Balance, Quarantined, Source, write_dataset, write_quarantine
from twin.ingest.staging import Staging
from twin.store import Store, run

__all__ = ["OneRecord", "RecordBatch", "load_records"]

MOST_HELD = 4 * ROW_GROUP
"""Records of a first delivery that are held in memory, ordered and written together."""
MOST_HELD_BYTES = 256 * 1024**2
"""Bytes of them at which fewer are written together."""
MOST_MODEL_BYTES = 128 * 1024**2
"""Records of a model's first delivery that are held in memory; a larger model goes through the temporary tables."""


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
    def images(self) -> pa.Table | None:
        """Texture images the meshes point at (:data:`twin.schema.IMAGES`)."""
        ...

    @property
    def findings(self) -> Sequence[str]:
        """What reading the batch brought to light beyond single records."""
        ...

    @property
    def links(self) -> pa.Table | None:
        """Relations between records beside those to parents (:data:`twin.schema.LINKS`)."""
        ...


@dataclass(frozen=True, slots=True)
class OneRecord:
    """A batch of records with nothing beside them."""

    records: pa.Table
    meshes: pa.Table | None = None
    representations: pa.Table | None = None
    links: pa.Table | None = None
    images: pa.Table | None = None
    findings: tuple[str, ...] = ()


def load_records(
    store: Store,
    source: Source,
    batches: Iterable[RecordBatch],
    heights: Heights,
    progress: Callable[[int], None] | None = None,
    on_reload: Callable[[Reload], None] | None = None,
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
    on_reload : callable, optional
        Told what this delivery says against the one before.

    Returns
    -------
    Balance
        Closed: ``n_in = loaded + merged + unchanged + quarantined``.

    Raises
    ------
    LawError
        If the balance does not close; nothing is written then.
    """
    alone = store.on_one_thread() if source.kind == "model" else nullcontext()
    with collection_paused(), alone, store.transaction() as con:
        known = _is_known(con, source)
        staging = Staging(con, source, heights, store.assets, known)
        try:
            balance, reload = _load(con, source, staging, batches, progress, known)
        finally:
            staging.meshes.drop()
    if on_reload is not None:
        on_reload(reload)
    return balance


def _load(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    staging: Staging,
    batches: Iterable[RecordBatch],
    progress: Callable[[int], None] | None,
    known: bool,
) -> tuple[Balance, Reload]:
    """Stage, decide and write inside the open transaction."""
    balance = Balance()
    findings = dict.fromkeys(source.findings)
    as_one = source.kind == "model" and not known
    in_parts = source.kind != "model" and not known
    for batch in batches:
        rejected = staging.add(batch.records, batch.meshes, batch.representations, batch.images)
        staging.add_links(batch.links)
        balance = balance.plus(quarantined=write_quarantine(con, source, rejected))
        findings |= dict.fromkeys(batch.findings)
        collect_young()
        in_parts = in_parts and (staging.plain or balance.loaded > 0)
        as_one = as_one and staging.held_bytes < MOST_MODEL_BYTES and not staging.linked
        if not (as_one or in_parts):
            staging.stage()
        elif in_parts and (staging.held >= MOST_HELD or staging.held_bytes >= MOST_HELD_BYTES):
            part = _settle_part(con, source, staging, _whole_groups(staging.held))
            balance = balance.plus(**part.as_dict())
        if progress is not None:
            progress(staging.n_in)
    if in_parts:
        balance = balance.plus(**_settle_part(con, source, staging, staging.held).as_dict())
        reload = Reload(added=balance.loaded + balance.merged)
    elif as_one and staging.held and not is_acquainted(con, staging.box(), staging.table()):
        balance = balance.plus(**write_fresh_model(con, source, staging).as_dict())
        reload = Reload(added=balance.loaded)
    else:
        staging.stage()
        settled, reload = _settle(con, source, staging)
        balance = balance.plus(**settled.as_dict())
    balance = balance.plus(n_in=staging.n_in, repaired=staging.repaired)
    write_dataset(con, replace(source, findings=tuple(findings)), balance)
    run(con, "ingest_drop_staging")
    return balance, reload


def _is_known(con: duckdb.DuckDBPyConnection, source: Source) -> bool:
    """Whether an earlier delivery of this source made things."""
    found = con.execute(
        "SELECT 1 FROM source_record WHERE source_key = $key AND subject_kind = 'entity' LIMIT 1",
        {"key": source.key},
    ).fetchone()
    return found is not None


def _whole_groups(held: int) -> int:
    """How many of the records held are written now, so that no row group stays half empty."""
    size = next((size for size in (MOST_HELD, ROW_GROUP) if held >= size), held)
    return held - held % size


def _settle_part(
    con: duckdb.DuckDBPyConnection, source: Source, staging: Staging, rows: int
) -> Balance:
    """Write the first ``rows`` held of a first delivery: straight where nothing in the base can be one of its things.

    The general way takes all that is held.
    """
    if not rows:
        return Balance()
    if not staging.plain or is_acquainted(con, staging.box(), staging.table()):
        staging.stage()
        balance, _ = _settle(con, source, staging)
        run(con, "ingest_staging")
        return balance
    return write_fresh(con, source, staging.take(rows))


def _settle(
    con: duckdb.DuckDBPyConnection, source: Source, staging: Staging
) -> tuple[Balance, Reload]:
    """Decide what becomes of each staged record, write it, and tell it from the delivery before."""
    refused = 0
    add_model_outlines(con, staging)
    run(con, "ingest_fate", source_key=source.key)
    keep_rekeyed(con, source, staging.meshes, staging.assets)
    reloading = Reloading(con, source)
    reloading.know_again()
    if source.mode == "append":
        refused = write_quarantine(con, source, _changes_refused(con))
    decide_merges(con, source)
    _assign_ids(con)
    reloading.compare()
    balance = _write(con, source, staging)
    return balance.plus(quarantined=refused), reloading.write()


def _changes_refused(con: duckdb.DuckDBPyConnection) -> Quarantined:
    """Take records out of staging that would change a known one, in a delivery that only adds."""
    rows = (
        con.execute(
            'SELECT s."row", s.key, s.name, s.class_code, s.attributes FROM staged s JOIN fate f USING (key) '
            "WHERE f.fate = 'change' ORDER BY s.\"row\""
        )
        .to_arrow_table()
        .to_pylist()
    )
    con.execute("DELETE FROM staged WHERE key IN (SELECT key FROM fate WHERE fate = 'change')")
    con.execute("DELETE FROM fate WHERE fate = 'change'")
    return Quarantined(
        rows=[r["row"] for r in rows],
        reasons=[
            f"its id {r['key']!r} is known with other content, and the plan's mode append only adds; mode update would change it"
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


def _write(con: duckdb.DuckDBPyConnection, source: Source, staging: Staging) -> Balance:
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
    asset = staging.write_meshes()
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
