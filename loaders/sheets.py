"""Spreadsheets (XLSX, XLSM, XLSB, XLS, ODS): every sheet a table, values of formulas, merged cells filled."""

import datetime as dt
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.heads import MAX_COLUMNS, Head, find_head
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["EXTENSIONS", "SheetTable", "open_sheets", "sheet_batches"]

EXTENSIONS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".et")
MAX_UNPACKED = 2 * 1024**3
"""A workbook that unpacks to more than 2 GiB is refused."""
MAX_CELLS = 60_000_000
"""A sheet whose corners span more cells is refused: readers hold it whole."""
MAX_ROWS = 1 << 20
"""Rows that a sheet can have."""
_REFERENCE = re.compile(
    rb"<(?:\w+:)?(?:c|row)\b[^>]{0,200}?\br=[\"']([A-Za-z]{0,20})(\d{1,20})[\"']"
)
_REPEATED = re.compile(rb'number-(?:columns|rows)-repeated="(\d+)"[^>/]{0,400}?office:value')
_OLE = b"\xd0\xcf\x11\xe0"
TRIAL_SECONDS = 120
_TRIAL = """
import sys
import python_calamine as calamine
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    book = calamine.load_workbook(sys.argv[1])
    for meta in book.sheets_metadata:
        if meta.typ == calamine.SheetTypeEnum.WorkSheet:
            book.get_sheet_by_name(meta.name)
except Exception:
    pass
"""
"""A trial reading: what the reader raises is told later, only that it ends the process matters."""
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError)
"""What unpacking a damaged workbook raises."""
_ERRORS = {"#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"}
_SAMPLE_ROWS = 1_000

Cell = Any
Rows = list[list[Cell]]


@dataclass(frozen=True, slots=True)
class SheetTable:
    """One sheet whose head was read; ``count`` is the number of records, ``sample`` the first ones as text."""

    path: Path
    name: str
    head: Head
    count: int
    sample: tuple[tuple[str, ...], ...]
    findings: tuple[str, ...]
    rows: Rows


def open_sheets(path: Path, only: str | None = None) -> list[SheetTable]:
    """Sheets of a workbook that hold a table; empty sheets and charts are left out.

    Raises
    ------
    SourceError
        If it is no workbook, or has a password.
    UnsafeSourceError
        If it unpacks to more than :data:`MAX_UNPACKED`, or a sheet spans more than :data:`MAX_CELLS` cells.
    """
    import python_calamine as calamine

    _refuse_bombs(path)
    _try_binary(path)
    try:
        book = calamine.load_workbook(str(path))
    except calamine.PasswordError as err:
        raise SourceError(path, "is locked with a password; save it without one") from err
    except (calamine.CalamineError, OSError, ValueError) as err:
        raise SourceError(path, f"is no workbook that can be read: {err}") from err
    out = []
    for meta in book.sheets_metadata:
        if only is not None and meta.name != only:
            continue
        if meta.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        try:
            sheet = book.get_sheet_by_name(meta.name)
            rows: Rows = sheet.to_python(skip_empty_area=True)
            merged = sheet.merged_cell_ranges or []
            start = sheet.start or (0, 0)
        except (calamine.CalamineError, ValueError, OSError) as err:
            out.append(_broken(path, meta.name, str(err)))
            continue
        _fill_merged(rows, merged, start)
        table = _table_of(path, meta.name, rows)
        if table is not None:
            hidden = meta.visible != calamine.SheetVisibleEnum.Visible
            more = ("the sheet is hidden",) if hidden else ()
            out.append(replace(table, findings=(*table.findings, *more)))
    return out


def _broken(path: Path, name: str, reason: str) -> SheetTable:
    return SheetTable(path, name, Head((), 0), 0, (), (f"the sheet cannot be read: {reason}",), [])


def _table_of(path: Path, name: str, rows: Rows) -> SheetTable | None:
    """The table of a sheet; None where it has no cells or a single one."""
    top = [[_text(c) or "" for c in row] for row in rows[:60]]
    head = find_head(top)
    if not head.names or (len(head.names) == 1 and len(rows) <= head.first):
        return None
    if len(head.names) > MAX_COLUMNS:
        raise UnsafeSourceError(
            path,
            f"sheet {name!r} has {len(head.names):,} columns; a table has at most {MAX_COLUMNS:,}",
        )
    records = [row for row in rows[head.first :] if any(c != "" for c in row)]
    width = len(head.names)
    sample = tuple(
        tuple(_text(c) or "" for c in [*row[:width], *[""] * (width - len(row))])
        for row in records[:_SAMPLE_ROWS]
    )
    empty = len(rows) - head.first - len(records)
    findings = [*head.findings, *([f"{empty} empty rows passed over"] if empty else [])]
    return SheetTable(path, name, head, len(records), sample, tuple(findings), records)


def _fill_merged(rows: Rows, merged: Sequence[Any], start: tuple[int, int]) -> None:
    """Cells that are merged down (a street over its rows) all hold the value; merged across they stay as they are."""
    for (top, left), (bottom, right) in merged:
        if bottom == top or bottom - top > 1_000_000:
            continue
        i = top - start[0]
        if not 0 <= i < len(rows):
            continue
        first, last = max(left - start[1], 0), min(right - start[1], len(rows[i]) - 1)
        for j in range(first, last + 1):
            if rows[i][j] == "":
                continue
            for row in rows[i + 1 : bottom - start[0] + 1]:
                if j < len(row) and row[j] == "" and any(c != "" for c in row):
                    row[j] = rows[i][j]


def _refuse_bombs(path: Path) -> None:
    """Refuse workbooks that unpack to too much or whose cells lie too far apart, without loading them."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(path, archive)
    except _BROKEN as err:
        raise SourceError(path, f"is a damaged workbook: {err}; save it again") from err


def _try_binary(path: Path) -> None:
    """Read a workbook of binary records (XLS, XLSB) in a process of its own first.

    Its cells can claim any row and column, and the reader sets aside room for all between them: where that is more than
    the machine has it does not raise, it ends the process.
    """
    with path.open("rb") as file:
        binary = file.read(4) == _OLE or path.suffix.lower() == ".xlsb"
    if not binary:
        return
    command = [sys.executable, "-I", "-c", _TRIAL, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TRIAL_SECONDS, check=False)  # noqa: S603 -- our own words, no shell
    except subprocess.TimeoutExpired as err:
        raise UnsafeSourceError(
            path, f"is not read within {TRIAL_SECONDS} s; save it as XLSX or CSV"
        ) from err
    if done.returncode != 0:
        raise UnsafeSourceError(
            path,
            "its cells claim more room than they can need, or end their reader; save it again as XLSX",
        )


def _check_parts(path: Path, archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    size = sum(p.file_size for p in parts)
    if size > MAX_UNPACKED or len(parts) > 20_000:
        raise UnsafeSourceError(path, f"unpacks to {size:,} bytes in {len(parts):,} parts")
    for part in parts:
        if re.match(r"xl/worksheets/[^/]+\.xml$", part.filename):
            _check_span(path, archive, part)
        elif part.filename == "content.xml":
            _check_repeats(path, archive, part)


def _check_span(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    first_row, last_row, columns = 1 << 30, 0, set[bytes]()
    read, tail = 0, b""
    with archive.open(part) as file:
        while block := file.read(1 << 20):
            read += len(block)
            if read > MAX_UNPACKED:
                raise UnsafeSourceError(path, "unpacks to more than it says")
            found = [(c, int(r)) for c, r in _REFERENCE.findall(tail + block)]
            if any(r > MAX_ROWS for c, r in found if not c):
                raise UnsafeSourceError(path, f"{part.filename} has a row past {MAX_ROWS:,}")
            cells_at = [r for c, r in found if c]
            if cells_at:
                columns.update(c for c, _ in found if c)
                first_row, last_row = min(first_row, *cells_at), max(last_row, *cells_at)
            tail = block[-256:]
    if not columns:
        return
    at = [_column_number(c) for c in columns]
    cells = (last_row - first_row + 1) * (max(at) - min(at) + 1)
    if cells > MAX_CELLS:
        raise UnsafeSourceError(
            path,
            f"{part.filename} spans {cells:,} cells between its corners; clear the cells that lie far off, or save as CSV",
        )


def _column_number(letters: bytes) -> int:
    n = 0
    for letter in letters:
        n = n * 26 + (letter & 0x5F) - 64
    return n


def _check_repeats(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    with archive.open(part) as file:
        tail = b""
        while block := file.read(1 << 20):
            if any(int(n) > 100_000 for n in _REPEATED.findall(tail + block)):
                raise UnsafeSourceError(path, "a filled cell is repeated more than 100,000 times")
            tail = block[-600:]


def _text(cell: Cell) -> str | None:
    """A cell as people see it; None for an empty one or an error value."""
    if isinstance(cell, str):
        return None if cell == "" or cell in _ERRORS else cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        if cell.date() <= dt.date(1900, 1, 1):
            return cell.time().isoformat()
        rounded = (cell + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
        return rounded.isoformat(sep=" ")
    if isinstance(cell, dt.timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return None if cell is None else str(cell)


def sheet_batches(
    table: SheetTable, batch_size: int
) -> Iterator[tuple[pa.Table, NDArray[np.int64], list[str | None]]]:
    """Records of a sheet as columns: figures stay figures, everything else is text.

    Yields
    ------
    (pyarrow.Table, ndarray of int64, list of None)
        At most ``batch_size`` rows and the number of each record (0 = first after the header).
    """
    names = table.head.names
    numeric = [_is_numeric(table.rows, j) for j in range(len(names))]
    for start in range(0, len(table.rows), batch_size):
        part = table.rows[start : start + batch_size]
        columns = [_column(part, j, numeric[j]) for j in range(len(names))]
        rows = np.arange(start, start + len(part), dtype=np.int64)
        yield pa.Table.from_arrays(columns, names=list(names)), rows, [None] * len(part)


def _is_numeric(rows: Rows, j: int) -> bool:
    """Whether all filled cells of a column are figures."""
    return all(
        isinstance(c, float | int) and not isinstance(c, bool)
        for row in rows
        if j < len(row) and (c := row[j]) != ""
    )


def _column(rows: Rows, j: int, numeric: bool) -> pa.Array:
    cells = [row[j] if j < len(row) else "" for row in rows]
    if numeric:
        return pa.array([None if c == "" else float(c) for c in cells], pa.float64())
    return pa.array([_text(c) for c in cells], pa.string())
