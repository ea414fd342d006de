"""Rows of a table of readings → datastreams and readings."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.checks import check_not_future
from loaders.columns import Faults, build_table, to_number, to_text
from loaders.positions import to_ordinate
from loaders.sensors.series import EACH_COLUMN
from loaders.times import DateParts, TimeReader
from twin.plan import LayerPlan
from twin.schema import OBSERVATIONS, STREAMS
from twin.units import conversion, convert, ucum, unit_in_name

__all__ = ["readings", "streams_of"]

Columns = Mapping[str, pa.Array]
Numbered = tuple[Columns, NDArray[np.int64], list[str | None]]


def _by_role(plan: LayerPlan) -> dict[str, str]:
    return {canonical: name for name, canonical in plan.fields.items()}


def _stations(columns: Columns, plan: LayerPlan, n: int) -> pa.Array:
    """Station of each row: the station column, else the plan's one station."""
    role = _by_role(plan)
    if "station" in role:
        return to_text(columns[role["station"]])
    return pa.array([plan.station] * n, pa.string())


def _key(station: pa.Array, quantity: pa.Array | str) -> pa.Array:
    """Datastream key: ``station/quantity``; the quantity alone where a column is a station."""
    n = len(station)
    text = pa.array([quantity] * n, pa.string()) if isinstance(quantity, str) else quantity
    own = pc.fill_null(pc.equal(station, EACH_COLUMN), False)
    joined = pc.binary_join_element_wise(station, pc.fill_null(text, "value"), "/")
    return pc.if_else(own, text, joined)


def _times(columns: Columns, plan: LayerPlan, reader: TimeReader, faults: Faults) -> pa.Array:
    role = _by_role(plan)
    if "phenomenon_time" in role:
        return reader.read(columns[role["phenomenon_time"]], faults, role["phenomenon_time"])
    parts = {p: role[p] for p in (*DateParts.ORDER, "date", "clock") if p in role}
    joined = DateParts(parts).joined(columns, faults)
    return reader.read(joined, faults, "/".join(parts.values()))


def _figures(
    column: pa.Array, name: str, plan: LayerPlan, faults: Faults
) -> tuple[pa.Array, pa.Array]:
    """Figures of a column in the unit wanted, null where a marker says that nothing was measured; and those nulls."""
    given, wanted = conversion(plan.units[name]) if name in plan.units else (None, None)
    number = to_number(column, faults, name, (given,) if given else ())
    blank = number.is_null()
    if plan.missing:
        marked = pc.is_in(number, value_set=pa.array(plan.missing, pa.float64()))
        number, blank = pc.if_else(marked, None, number), pc.or_(blank, marked)
    if given and wanted:
        values = np.asarray(number.to_numpy(zero_copy_only=False), np.float64)
        number = pa.array(convert(values, given, wanted), mask=np.isnan(values))
    return number, blank


def readings(
    batches: Iterable[Numbered], plan: LayerPlan, reader: TimeReader, batch_size: int
) -> Iterator[tuple[pa.Table, tuple[str, ...]]]:
    """Readings of a table, at most ``batch_size`` at a time, with findings.

    A row of a long table is a reading; a row of a wide one holds as many as it has filled variable columns
    (an empty cell, or a missing marker, is no reading). A row whose time cannot be read gives all its readings a fault.
    """
    wide = bool(plan.variables)
    step = max(1, batch_size // max(1, len(plan.variables)))
    empty = 0
    for columns, rows, reasons in batches:
        for start in range(0, len(rows), step):
            part = {n: c.slice(start, step) for n, c in columns.items()}
            broken = reasons[start : start + step]
            if wide:
                table, blank = _wide_readings(part, broken, plan, reader)
                empty += blank
            else:
                table = _long_readings(part, broken, plan, reader)
            yield table, ()
    told = list(reader.findings())
    if empty:
        told.append(f"{empty:,} cells without a figure are no readings")
    if told:
        yield OBSERVATIONS.empty_table(), tuple(told)


def _row_faults(reasons: list[str | None]) -> Faults:
    faults = Faults(len(reasons))
    broken = np.array([r is not None for r in reasons], dtype=bool)
    faults.add(broken, lambda i: str(reasons[i]))
    return faults


def _require(column: pa.Array, faults: Faults, reason: str) -> None:
    missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False), bool)
    faults.add(missing & ~faults.mask, reason)


def _long_readings(
    columns: Columns, reasons: list[str | None], plan: LayerPlan, reader: TimeReader
) -> pa.Table:
    n, role = len(reasons), _by_role(plan)
    faults = _row_faults(reasons)
    time = _times(columns, plan, reader, faults)
    station = _stations(columns, plan, n)
    result, _ = _figures(columns[role["result"]], role["result"], plan, faults)
    _require(station, faults, "no station")
    _require(time, faults, "no time")
    _require(result, faults, "no result")
    check_not_future(time, faults, "time")
    key = _key(station, to_text(columns[role["property"]])) if "property" in role else station
    out = {"stream_key": key, "phenomenon_time": time, "result": result, "fault": faults.array()}
    if "quality" in role:
        out["quality"] = to_text(columns[role["quality"]])
    return build_table(OBSERVATIONS, n, out)


def _wide_readings(
    columns: Columns, reasons: list[str | None], plan: LayerPlan, reader: TimeReader
) -> tuple[pa.Table, int]:
    n = len(reasons)
    faults = _row_faults(reasons)
    time = _times(columns, plan, reader, faults)
    station = _stations(columns, plan, n)
    _require(station, faults, "no station")
    _require(time, faults, "no time")
    check_not_future(time, faults, "time")
    row_fault, empty = faults.array(), 0
    broken = np.array([r is not None for r in reasons], dtype=bool)
    out = []
    for at, name in enumerate(plan.variables):
        own = Faults(n)
        result, blank = _figures(columns[name], name, plan, own)
        quality = _quality_of(name, columns)
        table = {
            "stream_key": _key(station, unit_in_name(name)[0]),
            "phenomenon_time": time,
            "result": result,
            "fault": pc.coalesce(row_fault, own.array()),
        }
        if quality is not None:
            table["quality"] = to_text(columns[quality])
        none = np.asarray(blank.to_numpy(zero_copy_only=False), bool) & ~own.mask
        keep = ~none | (broken & (at == 0))  # a broken row is one record, told once
        empty += int((none & ~broken).sum())
        out.append(build_table(OBSERVATIONS, n, table).filter(pa.array(keep)))
    return pa.concat_tables(out).combine_chunks(), empty


def _quality_of(name: str, columns: Columns) -> str | None:
    for other in columns:
        if other != name and other.lower().startswith(name.lower()):
            rest = other[len(name) :].strip(" _:-").lower()
            if rest in ("qualityindex", "quality", "qc", "flag", "qf", "质量", "质量码", "标志"):
                return other
    return None


def streams_of(batches: Iterable[Numbered], plan: LayerPlan) -> pa.Table:
    """Datastreams that a table of readings speaks of, in the order in which they are met; schema STREAMS.

    The first row of a station gives its place and name.
    """
    role = _by_role(plan)
    wanted = [c for c in ("x", "y", "z", "thing_name", "property", "unit") if c in role]
    seen: dict[tuple[str | None, ...], dict[str, object]] = {}
    for columns, rows, reasons in batches:
        keep = pa.array([r is None for r in reasons])
        station = _stations(columns, plan, len(rows))
        part: dict[str, pa.Array] = {"station": station}
        for canonical in wanted:
            column = columns[role[canonical]]
            part[canonical] = (
                to_ordinate(column, Faults(len(rows)), canonical)
                if canonical in ("x", "y", "z")
                else to_text(column)
            )
        table = pa.table(part).filter(keep).filter(pc.is_valid(pc.field("station")))
        by = [c for c in ("station", "property") if c in table.column_names]
        rest = [c for c in table.column_names if c not in by]
        first = table.group_by(by, use_threads=False).aggregate([(c, "first") for c in rest])
        for row in first.to_pylist():
            key = tuple(row[c] for c in by)
            known = seen.setdefault(key, {c: row.get(c) for c in by})
            for c in rest:
                if known.get(c) is None:
                    known[c] = row[f"{c}_first"]
    return _stream_table(list(seen.values()), plan)


def _stream_table(stations: list[dict[str, object]], plan: LayerPlan) -> pa.Table:
    rows: list[dict[str, object]] = []
    for station in stations:
        if not plan.variables:
            rows.append(_stream(station, station.get("property"), station.get("unit"), plan))
            continue
        for name in plan.variables:
            quantity, written = unit_in_name(name)
            given, wanted = conversion(plan.units[name]) if name in plan.units else (written, None)
            rows.append(_stream(station, quantity, wanted or given, plan))
    for i, row in enumerate(rows):
        row["row"] = i
    return pa.Table.from_pylist(rows, schema=STREAMS)


def _stream(
    station: Mapping[str, object], quantity: object, unit: object, plan: LayerPlan
) -> dict[str, object]:
    name = str(station["station"])
    text = None if quantity is None else str(quantity)
    alone = name == EACH_COLUMN
    parted = bool(plan.variables) or "property" in plan.fields.values()
    key = text if alone else f"{name}/{text or 'value'}" if parted else name
    reference = plan.z_reference if plan.z_reference in ("1985", "ellipsoid") else "ground"
    return {
        "key": key,
        "thing_key": text if alone else name,
        "thing_name": station.get("thing_name") or (text if alone else name),
        "property": None if alone else text,
        "unit": ucum(str(unit)) if unit else None,
        "x": station.get("x"),
        "y": station.get("y"),
        "z": station.get("z"),
        "z_reference": reference,
    }
