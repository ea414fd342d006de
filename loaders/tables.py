"""Tables (CSV, workbooks, JSON): points of interest, addresses, datastreams, readings and cases, mapped by the plan."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.columns import Faults, to_text
from loaders.features import feature_records
from loaders.fieldnames import canonical_fields
from loaders.gdalio import head_of, refuse_dangerous
from loaders.keys import KeyLedger
from loaders.positions import PLACES, geometries, xy_columns
from loaders.sensors.melting import readings, streams_of
from loaders.sheets import EXTENSIONS
from loaders.suggest import base_name, is_series, suggest
from loaders.tablekinds import mapped_table
from loaders.tablesources import OpenTable, open_tables
from loaders.textfiles import looks_like_table
from loaders.times import TimeReader
from loaders.valuemaps import with_values
from loaders.wkb import checked
from twin.errors import PlanError, SourceError
from twin.plan import LayerPlan
from twin.schema import schema_of

__all__ = ["TableLoader"]

Columns = dict[str, pa.Array]
_TEXT = (".csv", ".tsv", ".tab", ".psv")
_MAYBE = (".txt", ".rdb", ".dat")
_X, _Y = "\x00x", "\x00y"
"""Names of the two columns made out of one that holds a pair; no source has them."""


class TableLoader:
    """Comma, tab, semicolon or bar separated text, sheets of workbooks, and JSON lists of objects."""

    name = "tables"

    def supports(self, path: Path) -> bool:
        """Whether the extension is that of a table, and the content does not speak against it."""
        extension = path.suffix.lower()
        if extension in _TEXT:
            return path.is_file()
        if extension in EXTENSIONS:
            return path.is_file()
        if extension in _MAYBE:
            return looks_like_table(head_of(path))
        return extension in (".json", ".jsonl", ".ndjson") and head_of(path).lstrip(
            b"\xef\xbb\xbf \r\n\t"
        )[:1] in (b"[", b"{")

    def scan(self, path: Path) -> list[LayerInfo]:
        """The layers of a table file (sheets; datastreams and readings of a table of readings), judged by its first rows.

        Raises
        ------
        SourceError
            If the file is empty, no table, or must not be opened.
        """
        refuse_dangerous(path)
        out = []
        for table in open_tables(path):
            if not table.types:
                out.append(
                    LayerInfo(path, table.name, "features", "unreadable", findings=table.findings)
                )
                continue
            for layer in suggest(path, table):
                readings_of = layer.kind == "observations" and layer.plan.variables
                out.append(
                    LayerInfo(
                        path,
                        layer.name,
                        layer.kind,
                        table.format,
                        None if readings_of or layer.name != table.name else table.count,
                        layer.geometry_type,
                        table.types,
                        layer.crs,
                        layer.bounds,
                        table.encoding,
                        (*table.findings, *layer.findings),
                        suggestion=layer.plan,
                    )
                )
        return out

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records of the table under the schema of the plan's kind.

        Raises
        ------
        SourceError
            If the file cannot be read.
        PlanError
            If the plan maps a column that is not there.
        """
        refuse_dangerous(layer.path)
        kind = layer.kind if plan.kind == "features" else plan.kind
        table = _opened(layer, plan)
        plan = _completed(layer, plan, kind)
        _check_names(layer, plan)
        reader = TimeReader(plan.time_zone, plan.date_order)
        if is_series(plan) and kind in ("streams", "observations"):
            yield from _series(table, kind, plan, reader, batch_size)
            return
        ledger = KeyLedger()
        for columns, rows, reasons in table.batches(batch_size):
            faults = Faults(len(rows))
            broken = np.array([r is not None for r in reasons], dtype=bool)
            faults.add(broken, [str(r) for r in reasons].__getitem__)
            findings = _report_unreadable(columns, faults)
            if kind == "features":
                batch = _feature_batch(columns, rows, plan, faults, ledger)
            else:
                batch = _kind_batch(kind, columns, rows, plan, faults, ledger, reader)
            yield replace(batch, findings=(*batch.findings, *findings))
        if told := reader.findings():
            yield Batch(schema_of(kind).empty_table(), findings=told)


def _opened(layer: LayerInfo, plan: LayerPlan) -> OpenTable:
    name = base_name(layer.name)
    tables = open_tables(layer.path, plan.encoding or layer.encoding)
    for table in tables:
        if table.name == name or len(tables) == 1:
            return table
    raise SourceError(
        layer.path, f"has no sheet {name!r}; it has {', '.join(t.name for t in tables)}"
    )


def _completed(layer: LayerInfo, plan: LayerPlan, kind: str) -> LayerPlan:
    """The plan with the mapping of the loader where it gives none."""
    if plan.fields or plan.variables:
        return plan
    own = layer.suggestion
    if own is None or own.kind != kind:
        return replace(plan, fields=canonical_fields(layer.fields, kind))
    given = {
        name: getattr(own, name)
        for name in (
            "fields",
            "units",
            "values",
            "variables",
            "missing",
            "station",
            "date_order",
            "code_scheme",
        )
        if not getattr(plan, name)
    }
    return replace(plan, **given)


def _check_names(layer: LayerInfo, plan: LayerPlan) -> None:
    asked = [*plan.fields, *plan.variables]
    missing = [f for f in asked if f not in layer.fields]
    if missing:
        raise PlanError(
            f"{layer.path}: the plan maps columns that are not there: {', '.join(missing)};"
            f" there are {', '.join(layer.fields)}"
        )


def _series(
    table: OpenTable, kind: str, plan: LayerPlan, reader: TimeReader, batch_size: int
) -> Iterator[Batch]:
    if kind == "streams":
        found = streams_of(table.batches(batch_size), plan)
        for start in range(0, found.num_rows, batch_size):
            yield Batch(found.slice(start, batch_size))
        return
    for part, findings in readings(table.batches(batch_size), plan, reader, batch_size):
        yield Batch(part, findings=findings)


def _report_unreadable(columns: Columns, faults: Faults) -> list[str]:
    """Fault records with text that could not be decoded; take zero bytes out of texts and say so."""
    zeros = 0
    for name, column in columns.items():
        if pa.types.is_string(column.type):
            text = to_text(column)
            bad = pc.fill_null(pc.match_substring(text, "\ufffd"), False).to_numpy(
                zero_copy_only=False
            )
            faults.add(bad, f"{name}: text cannot be read in the table's character set")
            null = pc.fill_null(pc.match_substring(text, "\x00"), False)
            if pc.any(null).as_py():
                zeros += pc.sum(null).as_py()
                text = to_text(pc.replace_substring(text, "\x00", ""))
            columns[name] = text
    return [f"zero bytes taken out of {zeros:,} texts"] if zeros else []


def _feature_batch(
    columns: Columns,
    rows: NDArray[np.int64],
    plan: LayerPlan,
    faults: Faults,
    ledger: KeyLedger,
) -> Batch:
    fields = plan.fields
    source = {c: name for name, c in fields.items() if c in PLACES}
    rest = {n: c for n, c in columns.items() if fields.get(n) not in PLACES}
    geoms = geometries(columns, source, faults)
    if geoms is None:
        return Batch(feature_records(rest, None, None, plan, fields, rows, faults, ledger))
    wkb = pa.array(shapely.to_wkb(geoms, output_dimension=3, flavor="iso"), pa.binary())
    already = faults.mask
    own = Faults(len(rows))
    wkb, dimension, findings = checked(wkb, own, required=True)
    reasons = own.array()
    faults.add(own.mask & ~already, lambda i: str(reasons[i].as_py()))
    return Batch(
        feature_records(rest, wkb, dimension, plan, fields, rows, faults, ledger),
        findings=tuple(findings),
    )


def _kind_batch(
    kind: str,
    columns: Columns,
    rows: NDArray[np.int64],
    plan: LayerPlan,
    faults: Faults,
    ledger: KeyLedger,
    reader: TimeReader,
) -> Batch:
    fields = dict(plan.fields)
    columns = with_values(columns, plan, fields)
    source = {c: n for n, c in fields.items() if c in ("x", "y", "lonlat", "latlon")}
    if {"x", "y"} <= source.keys():
        columns[source["x"]], columns[source["y"]] = xy_columns(columns, source, faults)
    elif source.keys() & {"lonlat", "latlon"}:
        columns[_X], columns[_Y] = xy_columns(columns, source, faults)
        fields |= {_X: "x", _Y: "y"}
        pair = source.get("lonlat") or source["latlon"]
        columns.pop(pair)
        fields.pop(pair)
    return Batch(mapped_table(kind, columns, rows, plan, fields, faults, ledger, reader))
