"""A gazetteer file without a city: its rows in degrees, its tree."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from address import build_nodes
from address.faults import FAULT_KINDS, FAULTS, check
from api.address_areas import base_areas
from api.address_remote import ask_server
from api.placing import CONFIDENT, Placer
from api.planning import Planned, planned_layers
from loaders.foreseen import foreseen
from loaders.registry import loader_for
from loaders.tablekinds import kind_of_columns
from twin.city import City
from twin.errors import CityInUseError, SourceError
from twin.ingest.tables import located
from twin.schema import ADDRESSES
from twin.store import Store
from twin.store.read import rows as rows_of

__all__ = [
    "FaultReport",
    "Gazetteer",
    "check_file",
    "faults_of",
    "loaded_faults",
    "read_gazetteer",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Rows (`twin.schema.ADDRESSES` with ``lon``, ``lat``) and tree (`twin.schema.ADDRESS_NODES`) of a file.

    ``findings`` tell what was assumed about it.
    """

    rows: pa.Table
    nodes: pa.Table
    findings: tuple[str, ...] = ()


def read_gazetteer(path: Path, plan: Path | None = None) -> Gazetteer:
    """Every address layer of a file.

    Parameters
    ----------
    path : Path
        CSV, workbook, Parquet or GeoPackage; full strings or split fields.
    plan : Path, optional
        Plan file that names columns and coordinate system where the proposal is not right.

    Raises
    ------
    SourceError
        If the file holds no table of addresses.
    """
    chosen = [
        one
        for one in map(_as_addresses, planned_layers([path], plan))
        if one[1].kind == "addresses"
    ]
    if not chosen:
        raise SourceError(
            path,
            "holds no table of addresses: expected a column of full addresses, or columns of its elements "
            "(街道, 道路, 门牌号 …); a plan file can name them",
        )
    placer = Placer()
    parts: list[pa.Table] = []
    findings: list[str] = []
    for info, layer in chosen:
        with foreseen(info.path):
            verdict = placer.first_look((info, layer))
            rows = pa.concat_tables(
                [ADDRESSES.empty_table()]
                + [batch.records for batch in loader_for(info.path).read(info, layer)]
            )
        if verdict.confidence < CONFIDENT:
            findings.append(
                f"{info.shown}: coordinates taken as {verdict.crs}, which is not certain: {verdict.why}"
            )
        parts.append(located(verdict.crs, rows))
    rows = pa.concat_tables(parts).combine_chunks()
    rows = rows.filter(pc.or_(pc.is_valid(rows["full"]), pc.is_valid(rows["fault"])))
    return Gazetteer(rows, build_nodes(rows), tuple(findings))


def _as_addresses(planned: Planned) -> Planned:
    """A layer of things whose columns are those of addresses, taken as addresses."""
    info, layer = planned
    if layer.kind == "features" and kind_of_columns(info.fields) == "addresses":
        return info, replace(layer, kind="addresses")
    return planned


@dataclass(frozen=True, slots=True)
class FaultReport:
    """Faults of a gazetteer (`address.faults.FAULTS`) with what was read.

    ``rows`` and ``nodes`` count the table and its tree.
    """

    source: str
    rows: int
    nodes: int
    levels: dict[str, int]
    faults: pa.Table
    findings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Counts of each kind, and every fault."""
        faults = [
            {**fault, "details": orjson.loads(fault["details"])}
            for fault in self.faults.to_pylist()
        ]
        counts: Counter[str] = Counter()
        for fault in faults:  # buildings without an address are told together, by reason
            together = fault["kind"] == "unaddressed"
            counts[fault["kind"]] += fault["details"].get("count", 1) if together else 1
        return {
            "source": self.source,
            "rows": self.rows,
            "nodes": self.nodes,
            "levels": self.levels,
            "kinds": [
                {"kind": kind, "zh": zh, "en": en, "count": counts[kind]}
                for kind, (zh, en) in FAULT_KINDS.items()
            ],
            "faults": faults,
            "findings": list(self.findings),
        }


def check_file(path: Path, city: City | None = None, plan: Path | None = None) -> FaultReport:
    """Read a gazetteer file and tell what is wrong with it; nothing is written.

    Parameters
    ----------
    path : Path
    city : City, optional
        Its outlines of towns and communities say which places lie outside.
    plan : Path, optional
    """
    gazetteer = read_gazetteer(path, plan)
    areas: dict[tuple[str, str], shapely.Geometry] = {}
    if city is not None:
        with Store.open(city, read_only=True) as store:
            areas = base_areas(store)
    faults = check(gazetteer.rows, gazetteer.nodes, areas)
    levels = gazetteer.nodes["level"].value_counts().to_pylist()
    return FaultReport(
        path.name,
        gazetteer.rows.num_rows,
        gazetteer.nodes.num_rows,
        {entry["values"]: entry["counts"] for entry in levels},
        faults,
        gazetteer.findings,
    )


def loaded_faults(city: City) -> dict[str, Any]:
    """As `faults_of`, in a city's folder; where a server holds it, of that server."""
    try:
        opened = Store.open(city, read_only=True)
    except CityInUseError:
        found: dict[str, Any] = ask_server(city, "/address/faults")
        return found
    with opened as store:
        return faults_of(store)


def faults_of(store: Store) -> dict[str, Any]:
    """What the loads of a base found, in the shape of :meth:`FaultReport.to_json`."""
    rows = rows_of(store, "address_faults")
    levels = store.table("SELECT level, count(*) AS n FROM address_node GROUP BY level ORDER BY n")
    faults = pa.Table.from_pylist(
        [{name: row[name] for name in FAULTS.names} for row in rows], schema=FAULTS
    )
    sources = sorted({row["source"] for row in rows})
    counts = dict(zip(levels["level"].to_pylist(), levels["n"].to_pylist(), strict=True))
    return FaultReport(", ".join(sources), 0, sum(counts.values()), counts, faults).to_json()
