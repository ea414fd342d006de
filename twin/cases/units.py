"""Which unit (责任单位) is responsible: who owns or keeps the thing, else whose area and matter it is by the city's table."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from twin.cases.nearby import box_around, metres_from
from twin.cases.reporting import NewCase, code_names
from twin.errors import InvalidRequestError
from twin.store import run

__all__ = ["MOST_RULES", "replace_units", "responsible", "units"]

MOST_RULES: Final = 20_000
NEAR_M: Final = 20.0
"""How far from the place of a case the 管理部件 it is about may stand."""


def units(con: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    """The table of units: ``code`` (beginning of a type), ``area`` (beginning of a 单元网格 code), ``unit``."""
    found = con.execute("SELECT code, area, unit FROM case_unit ORDER BY ALL").fetchall()
    return [dict(zip(("code", "area", "unit"), row, strict=True)) for row in found]


def replace_units(con: duckdb.DuckDBPyConnection, rules: Sequence[Mapping[str, str]]) -> None:
    """Write the table anew.

    Raises
    ------
    InvalidRequestError
        If there are too many rules, one is not as :func:`units` says, or two say of the same code and area another unit.
    """
    if len(rules) > MOST_RULES:
        raise InvalidRequestError(f"{len(rules)} rules: expected at most {MOST_RULES}.", "units")
    beginnings = {code[:n] for _, code in code_names() for n in range(6)}
    kept: dict[tuple[str, str], str] = {}
    for at, rule in enumerate(rules):
        code, area, unit = rule["code"], rule["area"], rule["unit"].strip()
        if code not in beginnings:
            raise InvalidRequestError(
                f"rule {at}: code {code!r} begins no type of cases.", f"units[{at}].code"
            )
        if not (area == "" or (area.isascii() and area.isdigit() and len(area) <= 15)):
            raise InvalidRequestError(
                f"rule {at}: area {area!r}: expected up to 15 digits of a 单元网格 code.",
                f"units[{at}].area",
            )
        if not unit or kept.setdefault((code, area), unit) != unit:
            raise InvalidRequestError(
                f"rule {at}: code {code!r} in area {area!r}: expected one unit.",
                f"units[{at}].unit",
            )
    con.execute("DELETE FROM case_unit")
    rows = [{"code": code, "area": area, "unit": unit} for (code, area), unit in kept.items()]
    if rows:
        con.register("incoming_unit", pa.Table.from_pylist(rows))
        con.execute("INSERT INTO case_unit SELECT code, area, unit FROM incoming_unit")
        con.unregister("incoming_unit")


def responsible(
    con: duckdb.DuckDBPyConnection, new: NewCase, place: Mapping[str, Any]
) -> dict[str, Any]:
    """The responsible unit of a report, with the evidence.

    Parameters
    ----------
    con : duckdb connection
    new : NewCase
    place : mapping
        Its anchor: ``lon``, ``lat`` (degrees), ``eid``, ``grid_code``.

    Returns
    -------
    dict
        ``unit`` (None where nobody is found) and ``by``: ``report`` (the report names it), ``relation`` (``responsible_for``
        the thing), ``owner`` (权属单位 of the thing), ``table`` (rule of code and area) or ``none``; with ``eid`` and
        ``distance_m``, or ``code`` and ``area`` of the rule.
    """
    if new.unit:
        return {"unit": new.unit, "by": "report"}
    owned = _owner(con, new, place)
    if owned is not None:
        return owned
    grid = place.get("grid_code") or ""
    found = run(con, "unit_by_table", "twin.cases", code=new.code or "", grid=grid).fetchone()
    if found is None:
        return {"unit": None, "by": "none"}
    return {"unit": found[0], "by": "table", "code": found[1], "area": found[2], "grid_code": grid}


def _owner(
    con: duckdb.DuckDBPyConnection, new: NewCase, place: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Who owns or keeps the thing a case is about: the thing it is tied to, or the nearest component of its type."""
    lon, lat = place.get("lon"), place.get("lat")
    code = new.code if new.kind == "管理部件" and lon is not None and lat is not None else None
    if code is None and place.get("eid") is None:
        return None
    lon, lat = lon or 0.0, lat or 0.0
    bound = {"code": code, "eid": place.get("eid"), **box_around(lon, lat, NEAR_M)}
    table = run(con, "unit_of_things", "twin.cases", **bound).to_arrow_table()
    if not table.num_rows:
        return None
    x, y = (table[name].to_numpy() for name in ("lon", "lat"))
    away = metres_from(lon, lat, x, y)
    tied = np.array(table["tied"].to_pylist(), bool)
    away = np.where(tied, 0.0, away)
    at = int(
        np.lexsort((table["by"].to_numpy(zero_copy_only=False).astype(str) != "relation", away))[0]
    )
    if away[at] > NEAR_M:
        return None
    row = table.slice(at, 1).to_pylist()[0]
    told = {"unit": row["unit"], "by": row["by"], "eid": row["eid"]}
    return told | {"distance_m": round(float(away[at]), 1)}
