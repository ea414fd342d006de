"""Tables (CSV, JSON): points of interest, addresses, streams, observations and cases, mapped by the plan."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.checks import check_positions
from loaders.columns import Faults, to_number, to_text
from loaders.features import feature_records
from loaders.fieldnames import canonical_fields
from loaders.gdalio import head_of, refuse_dangerous
from loaders.keys import KeyLedger
from loaders.tablekinds import kind_of_columns, mapped_table
from loaders.textfiles import csv_columns, csv_tables, json_columns, json_records
from loaders.wkb import checked, from_wkt
from twin.errors import PlanError
from twin.plan import LayerPlan

__all__ = ["TableLoader"]

Columns = dict[str, pa.Array]


class TableLoader:
    """Comma, tab, semicolon or bar separated text, and JSON lists of objects."""

    name = "tables"

    def supports(self, path: Path) -> bool:
        """Whether the extension is that of a text table, or a ``.json`` starts like a list or object."""
        extension = path.suffix.lower()
        if extension in (".csv", ".tsv"):
            return path.is_file()
        return extension in (".json", ".jsonl") and head_of(path).lstrip(b"\xef\xbb\xbf \r\n\t")[
            :1
        ] in (b"[", b"{")

    def scan(self, path: Path) -> list[LayerInfo]:
        """The one layer of a table; its kind is judged by its columns.

        Raises
        ------
        SourceError
            If the file is empty, no table, or must not be opened.
        """
        refuse_dangerous(path)
        count: int | None = None
        encoding: str | None = None
        if path.suffix.lower() in (".csv", ".tsv"):
            names, _, encoding, findings = csv_columns(path)
            fields = dict.fromkeys(names, "object")
        else:
            records, findings = json_records(path)
            columns = json_columns(records[:1000])
            fields, count = {n: str(c.type) for n, c in columns.items()}, len(records)
        kind = kind_of_columns(list(fields))
        mapped = set(canonical_fields(fields, kind).values())
        geometry = (
            "Point"
            if kind == "features" and {"x", "y"} <= mapped
            else "Unknown"
            if "wkt" in mapped
            else None
        )
        if kind == "features" and geometry is None:
            findings.append(
                "no columns for coordinates were found; name them in the plan as x and y (or wkt)"
            )
        return [
            LayerInfo(
                path,
                path.stem,
                kind,
                path.suffix.lower().lstrip(".").upper(),
                count,
                geometry,
                fields,
                encoding=encoding,
                findings=tuple(findings),
            )
        ]

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
        fields = plan.fields or canonical_fields(layer.fields, kind)
        missing = [f for f in fields if f not in layer.fields]
        if missing:
            raise PlanError(
                f"{layer.path}: the plan maps columns that are not there: {', '.join(missing)};"
                f" there are {', '.join(layer.fields)}"
            )
        ledger = KeyLedger()
        for columns, rows, reasons in _batches(layer, plan, batch_size):
            faults = Faults(len(rows))
            broken = np.array([r is not None for r in reasons], dtype=bool)
            faults.add(broken, [str(r) for r in reasons].__getitem__)
            _report_mojibake(columns, faults)
            if kind == "features":
                yield _feature_batch(columns, rows, plan, fields, faults, ledger)
            else:
                yield Batch(mapped_table(kind, columns, rows, plan, fields, faults, ledger))


def _batches(
    layer: LayerInfo, plan: LayerPlan, batch_size: int
) -> Iterator[tuple[Columns, NDArray[np.int64], list[str | None]]]:
    if layer.path.suffix.lower() in (".csv", ".tsv"):
        encoding = plan.encoding or layer.encoding or csv_columns(layer.path)[2]
        for table, rows, reasons in csv_tables(layer.path, encoding, batch_size):
            yield {n: table[n].combine_chunks() for n in table.column_names}, rows, reasons
        return
    records, _ = json_records(layer.path, plan.encoding)
    for start in range(0, len(records), batch_size):
        part = records[start : start + batch_size]
        columns = json_columns(part)
        columns |= {n: pa.nulls(len(part), pa.string()) for n in layer.fields if n not in columns}
        reasons = [None if record else "is no object" for record in part]
        yield columns, np.arange(start, start + len(part), dtype=np.int64), reasons


def _report_mojibake(columns: Columns, faults: Faults) -> None:
    """Fault records with text that could not be decoded."""
    for name, column in columns.items():
        if pa.types.is_string(column.type):
            text = to_text(column)
            bad = pc.fill_null(pc.match_substring(text, "\ufffd"), False).to_numpy(
                zero_copy_only=False
            )
            faults.add(bad, f"{name}: text cannot be read in the table's character set")
            columns[name] = text


def _feature_batch(
    columns: Columns,
    rows: NDArray[np.int64],
    plan: LayerPlan,
    fields: Mapping[str, str],
    faults: Faults,
    ledger: KeyLedger,
) -> Batch:
    source = {canonical: name for name, canonical in fields.items()}
    used = {source[c] for c in ("x", "y", "z", "wkt") if c in source}
    rest = {n: c for n, c in columns.items() if n not in used}
    findings: list[str] = []
    if "wkt" in source and not {"x", "y"} <= source.keys():
        text = to_text(columns[source["wkt"]])
        geoms = from_wkt(text.to_numpy(zero_copy_only=False))
        faults.add(
            shapely.is_missing(geoms) & text.is_valid().to_numpy(zero_copy_only=False),
            f"{source['wkt']}: is no WKT geometry",
        )
    elif {"x", "y"} <= source.keys():
        geoms = _points(columns, source, faults)
    else:
        return Batch(feature_records(rest, None, None, plan, fields, rows, faults, ledger))
    wkb = pa.array(shapely.to_wkb(geoms, output_dimension=3, flavor="iso"), pa.binary())
    already = faults.mask
    own = Faults(len(rows))
    wkb, geoms, findings = checked(wkb, own, required=True)
    reasons = own.array()
    faults.add(own.mask & ~already, lambda i: str(reasons[i].as_py()))
    return Batch(
        feature_records(rest, wkb, geoms, plan, fields, rows, faults, ledger),
        findings=tuple(findings),
    )


def _points(columns: Columns, source: Mapping[str, str], faults: Faults) -> NDArray[np.object_]:
    """Points from columns x, y and z; None where a coordinate is missing or no number."""
    x = to_number(columns[source["x"]], faults, source["x"], ("°", "度"))
    y = to_number(columns[source["y"]], faults, source["y"], ("°", "度"))
    check_positions(x, y, faults, required=True)
    ordinates = [x, y]
    if "z" in source:
        ordinates.append(to_number(columns[source["z"]], faults, source["z"], ("m", "米")))
    values = np.column_stack([o.to_numpy(zero_copy_only=False) for o in ordinates])
    present = np.isfinite(values[:, :2]).all(axis=1)
    geoms = np.full(len(values), None, dtype=object)
    flat = np.isnan(values).any(axis=1)
    geoms[present & ~flat] = shapely.points(values[present & ~flat])
    geoms[present & flat] = shapely.points(values[present & flat, :2])
    return geoms
