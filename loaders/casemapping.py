"""Foreign case tables (数字城管 exports, 311 service requests): stages and codes under the base's names, or their own."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import pyarrow as pa
import pyarrow.compute as pc

from loaders.checks import STAGES
from loaders.columns import to_text
from twin import codes
from twin.plan import LayerPlan

__all__ = ["CaseMapping", "case_mapping", "known_stages"]

_MOST_VALUES = 40


@dataclass(frozen=True, slots=True)
class CaseMapping:
    """The plan of a case table with its value tables, and what a person should know."""

    plan: LayerPlan
    findings: tuple[str, ...]


@cache
def known_stages() -> dict[str, str]:
    """What other systems call a stage → the stage here (``twin/codes/case_stages.csv``), in lower case."""
    text = files("twin.codes").joinpath("case_stages.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["value"].lower(): row["stage"] for row in rows}


def case_mapping(sample: Mapping[str, pa.Array], plan: LayerPlan, stem: str) -> CaseMapping:
    """Complete the plan of a case table.

    Parameters
    ----------
    sample : mapping of column → pyarrow.Array
        The first rows.
    plan : LayerPlan
        With ``fields``.
    stem : str
        Name of the file: the code scheme of a table whose codes no table here has.

    Returns
    -------
    CaseMapping
        ``values.stage`` for stages that have another name, ``code_scheme`` where most codes are unknown.
    """
    role = {c: n for n, c in plan.fields.items()}
    values = dict(plan.values)
    notes = dict(plan.notes)
    findings: list[str] = []
    if "stage" in role:
        met = _distinct(sample[role["stage"]])
        table = {v: known_stages()[v.lower()] for v in met if v.lower() in known_stages()}
        if table:
            values["stage"] = table
            notes["values.stage"] = (
                "what the table calls the stages of a case; correct what is wrong"
            )
        lost = [v for v in met if v not in STAGES and v.lower() not in known_stages()]
        if lost:
            findings.append(
                f"stages no table here has: {', '.join(lost[:8])}; map them in the plan with values.stage"
            )
    scheme = plan.code_scheme
    if scheme is None and _is_foreign(sample, role):
        scheme = stem
        notes["code_scheme"] = (
            "most types of this table are in no code table of the base; they are kept as they are, under this name"
        )
        findings.append(
            "case types are those of another system: kept under their own names (code_scheme in the plan)"
        )
    return CaseMapping(
        replace(plan, values=values, code_scheme=scheme, notes=notes), tuple(findings)
    )


def _distinct(column: pa.Array) -> list[str]:
    return [str(v) for v in pc.unique(to_text(column)).to_pylist() if v is not None][:_MOST_VALUES]


def _is_foreign(sample: Mapping[str, pa.Array], role: Mapping[str, str]) -> bool:
    """Whether most case types of the first rows are in no table (or the table has no types at all)."""
    if "code" not in role:
        return True
    given = to_text(sample[role["code"]]).drop_null()
    if not len(given):
        return False
    known = [t["code"].combine_chunks() for t in (codes.components(), codes.matters())]
    hits = pc.sum(pc.is_in(given, value_set=pa.concat_arrays(known))).as_py()
    shaped = pc.sum(pc.match_substring_regex(given, r"^\d{5}$")).as_py()
    return bool(2 * hits < len(given) and 2 * shaped < len(given))
