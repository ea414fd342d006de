"""One face for tables of every file format: names, first rows, count, and the records in batches."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.jsontables import json_columns, json_records
from loaders.sheets import EXTENSIONS, SheetTable, open_sheets, sheet_batches
from loaders.textfiles import TextTable, count_records, open_text, text_batches
from twin.errors import SourceError

__all__ = ["OpenTable", "is_workbook", "open_tables"]

Columns = dict[str, pa.Array]
Batches = Iterator[tuple[Columns, NDArray[np.int64], list[str | None]]]
_SAMPLE = 1_000
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table whose head and first rows were read.

    ``types`` is column → type as read, ``units`` column → unit as written in the head, ``sample`` the first rows in
    columns; ``batches`` gives the records: columns, record numbers, and reasons of those that could not be parted.
    """

    name: str
    format: str
    types: Mapping[str, str]
    sample: Columns
    count: int | None
    encoding: str | None
    batches: Callable[[int], Batches]
    units: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


def is_workbook(path: Path, head: bytes) -> bool:
    """Whether the content is that of a workbook, whatever the extension says (a CSV may be a renamed XLSX)."""
    if head.startswith(_OLE):
        return path.suffix.lower() in (*EXTENSIONS, ".csv")
    return head.startswith(_ZIP) and path.suffix.lower() in (*EXTENSIONS, ".csv")


def open_tables(
    path: Path, encoding: str | None = None, only: str | None = None
) -> list[OpenTable]:
    """Tables of a file: the sheets of a workbook, else one.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        What the plan says.
    only : str, optional
        Name of the one sheet that is wanted.

    Raises
    ------
    SourceError
        If the file holds no table.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if is_workbook(path, head):
        sheets = open_sheets(path, only)
        if not sheets:
            raise SourceError(path, "holds no sheet with a table")
        return [_of_sheet(sheet) for sheet in sheets]
    if path.suffix.lower() in EXTENSIONS and head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<":
        raise SourceError(path, "is a web page named like a workbook; save it as XLSX or CSV")
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"[", b"{") and path.suffix.lower() != ".csv":
        return [_of_json(path, encoding)]
    return [_of_text(open_text(path, encoding))]


def _of_sheet(sheet: SheetTable) -> OpenTable:
    def batches(size: int) -> Batches:
        for table, rows, reasons in sheet_batches(sheet, size):
            yield {n: table[n].combine_chunks() for n in table.column_names}, rows, reasons

    first = next(sheet_batches(sheet, _SAMPLE), None)
    names = sheet.head.names
    sample = (
        {n: first[0][n].combine_chunks() for n in names}
        if first is not None
        else {n: pa.nulls(0, pa.string()) for n in names}
    )
    return OpenTable(
        sheet.name,
        sheet.path.suffix.lower().lstrip(".").upper(),
        {n: "float" if pa.types.is_floating(c.type) else "object" for n, c in sample.items()},
        sample,
        sheet.count,
        None,
        batches,
        sheet.head.units,
        sheet.findings,
    )


def _of_text(table: TextTable) -> OpenTable:
    def batches(size: int) -> Batches:
        for part, rows, reasons in text_batches(table, size):
            yield {n: part[n].combine_chunks() for n in part.column_names}, rows, reasons

    columns = list(zip(*table.sample, strict=True)) or [()] * len(table.head.names)
    sample = {
        n: pa.array([v if v != "" else None for v in c], pa.string())
        for n, c in zip(table.head.names, columns, strict=True)
    }
    extension = table.path.suffix.lower().lstrip(".")
    return OpenTable(
        table.path.stem,
        {"tsv": "TSV"}.get(extension, "CSV"),
        dict.fromkeys(table.head.names, "object"),
        sample,
        count_records(table),
        table.encoding,
        batches,
        table.head.units,
        table.findings,
    )


def _of_json(path: Path, encoding: str | None) -> OpenTable:
    records, findings = json_records(path, encoding)
    sample = json_columns(records[:_SAMPLE])

    def batches(size: int) -> Batches:
        for start in range(0, len(records), size):
            part = records[start : start + size]
            columns = json_columns(part)
            columns |= {n: pa.nulls(len(part), pa.string()) for n in sample if n not in columns}
            reasons = [None if record else "is no object" for record in part]
            yield columns, np.arange(start, start + len(part), dtype=np.int64), reasons

    return OpenTable(
        path.stem,
        path.suffix.lower().lstrip(".").upper(),
        {n: str(c.type) for n, c in sample.items()},
        sample,
        len(records),
        None,
        batches,
        {},
        tuple(findings),
    )
