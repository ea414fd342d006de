"""A source as the base knows it, and the balance of one load."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from twin.errors import LawError
from twin.ids import uuid7
from twin.store import run

__all__ = ["Balance", "Quarantined", "Source", "utc_now", "write_dataset", "write_quarantine"]


def utc_now() -> datetime:
    """Now, as the base stores times: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Source:
    """One layer of one file, with what was decided about it.

    ``key`` names the source across deliveries (file name and layer, no folder): the same source
    loaded
    again next month updates what it made this month. ``mode`` is ``replace``, ``append`` or ``update`` (see
    :class:`twin.plan.LayerPlan`); ``z_factor`` turns heights of geometries into metres.
    """

    key: str
    path: str
    layer: str
    format: str
    kind: str
    sha256: str
    crs_found: str | None
    crs_used: str
    crs_why: str
    crs_confidence: float
    z_reference: str = "ground"
    encoding: str | None = None
    licence: str | None = None
    findings: Sequence[str] = ()
    mode: str = "update"
    z_factor: float = 1.0
    dataset_id: str = field(default_factory=lambda: str(uuid7()))
    started: datetime = field(default_factory=utc_now)

    @property
    def scheme(self) -> str:
        """Alias scheme of this source's own keys."""
        return f"source:{self.key}"


@dataclass(frozen=True, slots=True)
class Balance:
    """Where every record of a load went: ``n_in = loaded + merged + unchanged + quarantined``.

    ``changed`` counts those of ``loaded`` that were known before, ``moved`` those of them that stand
    elsewhere now; ``repaired`` those whose geometry
    was
    mended; ``gone`` the records an earlier delivery had and this one has not (they are kept in the
    base).
    """

    n_in: int = 0
    loaded: int = 0
    changed: int = 0
    merged: int = 0
    unchanged: int = 0
    quarantined: int = 0
    repaired: int = 0
    gone: int = 0
    moved: int = 0

    def checked(self, what: str) -> "Balance":
        """Itself, if it closes.

        Raises
        ------
        LawError
            If records were lost or invented.
        """
        out = self.loaded + self.merged + self.unchanged + self.quarantined
        if out != self.n_in:
            raise LawError(
                f"{what}: {self.n_in} records in but {out} accounted for; nothing of this layer was written."
            )
        return self

    def plus(self, **changes: int) -> "Balance":
        """The balance with some counts raised."""
        return replace(self, **{name: getattr(self, name) + by for name, by in changes.items()})

    def as_dict(self) -> dict[str, int]:
        """Counts by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Records that could not be loaded, in columns of equal length."""

    rows: Sequence[int]
    reasons: Sequence[str]
    records: Sequence[Any]


def write_quarantine(con: duckdb.DuckDBPyConnection, source: Source, rejected: Quarantined) -> int:
    """Write rejected records inside the open transaction; returns how many."""
    if not len(rejected.rows):
        return 0
    table = pa.table(
        {
            "row_number": pa.array(rejected.rows, pa.int64()),
            "reason": pa.array(rejected.reasons, pa.string()),
            "record": pa.array(
                [orjson.dumps(r, default=str).decode() for r in rejected.records], pa.string()
            ),
        }
    )
    stamp: dict[str, Any] = {
        "dataset_id": source.dataset_id,
        "source": source.key,
        "at_time": source.started,
    }
    run(con, "ingest_quarantine", incoming=table, **stamp)
    return int(table.num_rows)


def write_dataset(con: duckdb.DuckDBPyConnection, source: Source, balance: Balance) -> None:
    """Write the dataset row of a load whose balance closes (else LawError).

    Where the load changed anything, what has no anchor yet is listed as pending: a load that is
    killed before anchoring leaves nothing that floats unlisted.
    """
    balance.checked(source.key)
    if balance.loaded + balance.merged:
        run(con, "anchor_pending", dataset_id=source.dataset_id, at_time=source.started)
    row = {
        "dataset_id": uuid.UUID(source.dataset_id),
        "source_key": source.key,
        "path": source.path,
        "layer": source.layer,
        "format": source.format,
        "kind": source.kind,
        "sha256": source.sha256,
        "licence": source.licence,
        "encoding": source.encoding,
        "crs_found": source.crs_found,
        "crs_used": source.crs_used,
        "crs_why": source.crs_why,
        "crs_confidence": source.crs_confidence,
        "z_reference": source.z_reference,
        "n_in": balance.n_in,
        "n_loaded": balance.loaded,
        "n_changed": balance.changed,
        "n_merged": balance.merged,
        "n_unchanged": balance.unchanged,
        "n_quarantined": balance.quarantined,
        "n_repaired": balance.repaired,
        "n_gone": balance.gone,
        "findings": list(source.findings),
        "loaded_at": source.started,
        "seconds": (utc_now() - source.started).total_seconds(),
    }
    names = ", ".join(row)
    values = ", ".join(f"${name}" for name in row)
    con.execute(f"INSERT INTO dataset ({names}) VALUES ({values})", row)  # noqa: S608 -- names are this function's own
