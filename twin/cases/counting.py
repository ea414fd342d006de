"""Counts of cases by 街道, 社区 or 单元网格, type and stage."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import duckdb

from twin.cases.listing import Asked, bound_of
from twin.cases.reporting import code_names
from twin.cases.stages import CLOSED, stages
from twin.store import statement

__all__ = ["DIGITS", "counted", "groups_of", "told"]

DIGITS: Final = {"street": 9, "community": 12, "grid": 15}
"""Digits of a 单元网格 code that name a 街道, 社区 and the cell."""

Group = tuple[str | None, str | None, str | None, str]
"""Area (None: outside all), kind, type, stage."""


def groups_of(con: duckdb.DuckDBPyConnection, asked: Asked, by: str) -> dict[Group, int]:
    """Cases of each group, of all that are asked for; ``limit`` and ``offset`` do not count."""
    text = statement("found", "twin.cases") + statement("counts", "twin.cases")
    with bound_of(con, asked) as bound:
        rows = con.execute(text, {**bound, "digits": DIGITS[by]}).fetchall()
    return {(area, kind, code, stage): n for area, kind, code, stage, n in rows}


def counted(cases: Iterable[Mapping[str, Any]], by: str) -> dict[Group, int]:
    """The same of cases that are told already."""
    groups: dict[Group, int] = {}
    for case in cases:
        area = (case["grid_code"] or "")[: DIGITS[by]] or None
        key = (area, case["kind"], case["code"], case["stage"])
        groups[key] = groups.get(key, 0) + 1
    return groups


def told(groups: Mapping[Group, int], names: Mapping[str, str]) -> dict[str, Any]:
    """Groups as a document.

    Parameters
    ----------
    groups : mapping
    names : mapping of str to str
        Names of areas by code.

    Returns
    -------
    dict
        ``total``, ``open``, ``by_stage``, and ``areas``: each with
        ``code`` (None: outside all), ``name``, the same numbers and ``by_class``.
    """
    areas: dict[str | None, dict[tuple[str | None, str | None], dict[str, int]]] = {}
    for (area, kind, code, stage), n in groups.items():
        stage_counts = areas.setdefault(area, {}).setdefault((kind, code), {})
        stage_counts[stage] = stage_counts.get(stage, 0) + n
    rows = []
    for area in sorted(areas, key=lambda code: (code is None, code)):
        classes = [
            {"kind": kind, "code": code, "name": code_names().get((kind or "", code or "")), **_sums([by_stage])}
            for (kind, code), by_stage in areas[area].items()
        ]  # fmt: skip
        classes.sort(key=lambda row: (-row["total"], row["kind"] or "", row["code"] or ""))
        whole = _sums(areas[area].values())
        rows.append({"code": area, "name": names.get(area or ""), **whole, "by_class": classes})
    every = [by_stage for area in areas.values() for by_stage in area.values()]
    return {**_sums(every), "areas": rows}


def _sums(parts: Iterable[Mapping[str, int]]) -> dict[str, Any]:
    total: dict[str, int] = {}
    for part in parts:
        for stage, n in part.items():
            total[stage] = total.get(stage, 0) + n
    ordered = {stage: total[stage] for stage in stages() if stage in total}
    still = sum(n for stage, n in total.items() if stage not in CLOSED)
    return {"total": sum(total.values()), "open": still, "by_stage": ordered}
