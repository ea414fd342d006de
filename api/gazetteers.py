"""A gazetteer file without a city: its rows in degrees, its tree."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from address import build_nodes
from api.placing import CONFIDENT, Placer
from api.planning import planned_layers
from loaders.foreseen import foreseen
from loaders.registry import loader_for
from twin.errors import SourceError
from twin.ingest.tables import located
from twin.schema import ADDRESSES

__all__ = ["Gazetteer", "read_gazetteer"]


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
    chosen = [one for one in planned_layers([path], plan) if one[1].kind == "addresses"]
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
    return Gazetteer(rows, build_nodes(rows), tuple(findings))
