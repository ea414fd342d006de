"""Tables of texts in, tables of answers out: CSV, Parquet and XLSX, in batches."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import xlsxwriter

from address import parse
from loaders.fieldnames import canonical_fields
from loaders.tablesources import OpenTable, open_tables
from twin.errors import InvalidRequestError, SourceError

__all__ = ["EXTENSIONS", "TextSource", "Writer", "open_source", "unused_names", "writer_for"]

EXTENSIONS: Final = (".csv", ".parquet", ".xlsx")
"""Kinds of files answers are written to."""

SHEET_ROWS: Final = 1_048_575
"""Rows of a sheet beside its head; what is more goes to a further sheet."""

CELL: Final = 32_767
"""Characters of a cell at most."""

_PARTS: Final = (
    "province", "city", "county", "street", "community", "road", "number", "compound",
    "building", "unit", "floor", "room",
)  # fmt: skip
_PLACE: Final = frozenset(("road", "number", "compound", "building", "village", "poi", "community"))


class TextSource:
    """A table whose rows are asked for.

    Attributes
    ----------
    name : str
        Of the file.
    columns : tuple of str
        The column that holds the text, or the columns its parts are in.
    count : int or None
        Rows, where known before reading.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], count: int | None) -> None:
        self.path = path
        self.name = path.name
        self.columns = columns
        self.count = count

    def batches(self, size: int = 16_384) -> Iterator[tuple[pa.Table, list[str]]]:
        """Rows as they stand, and the text of each (empty where there is none)."""
        for table in _batches(self.path, size):
            yield table, _texts(table, self.columns)


def open_source(path: Path, column: str | None = None) -> TextSource:
    """A table of texts.

    Parameters
    ----------
    path : Path
        CSV (any usual encoding and separator), Parquet, XLSX, XLS, ODS, JSON, or text with a line each.
    column : str, optional
        Column of the text; when absent it is found: by its name, else the parts of a split address, else the column
        whose values look most like addresses.

    Raises
    ------
    SourceError
        If the file is no table.
    InvalidRequestError
        If the column is not there, or none looks like addresses.
    """
    if not path.is_file():
        raise SourceError(path, "there is no such file")
    first = next(_batches(path, 1_000), None)
    if first is None or not first.column_names:
        raise SourceError(path, "holds no rows")
    names = tuple(first.column_names)
    if column is None:
        columns = _found(first, names)
    elif column in names:
        columns = (column,)
    else:
        raise InvalidRequestError(
            f"{path} has no column {column!r}; it has: {', '.join(names)}", "column"
        )
    if not columns:
        raise InvalidRequestError(
            f"no column of {path} looks like addresses ({', '.join(names)}); name it with --column",
            "column",
        )
    return TextSource(path, columns, _count(path))


def _found(first: pa.Table, names: tuple[str, ...]) -> tuple[str, ...]:
    for kind, wanted in (("addresses", "full"), ("cases", "address_text"), ("features", "address")):
        named = canonical_fields(names, kind)
        whole = [name for name, canonical in named.items() if canonical == wanted]
        if whole:
            return (whole[0],)
    parts = {canonical: name for name, canonical in canonical_fields(names, "addresses").items()}
    if len(parts.keys() & _PLACE) >= 1 and len(parts.keys() & set(_PARTS)) >= 2:
        return tuple(parts[part] for part in _PARTS if part in parts)
    if len(names) == 1:
        return names
    best, most = "", 0.3
    for name in names:
        texts = [t for t in _texts(first.slice(0, 200).select([name]), (name,)) if t]
        likely = sum(any(e.level in _PLACE for e in parse(t)) for t in texts if not _is_number(t))
        if texts and likely / len(texts) > most:
            best, most = name, likely / len(texts)
    return (best,) if best else ()


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()


def _texts(table: pa.Table, columns: tuple[str, ...]) -> list[str]:
    parts = [pc.fill_null(table[name].cast(pa.string()), "") for name in columns]
    joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "")
    texts: list[str] = pc.utf8_trim_whitespace(joined).to_pylist()
    return texts


def _batches(path: Path, size: int) -> Iterator[pa.Table]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(size):
                    yield pa.Table.from_batches([batch])
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(path, f"is no readable Parquet file ({error})") from error
        return
    if suffix == ".txt":
        yield from _lines(path, size)
        return
    for columns, _, reasons in _table(path).batches(size):
        table = pa.table(dict(columns))
        if any(reasons):
            told = pa.array(reasons, pa.string())
            table = table.append_column("unreadable", told)
        yield table


def _table(path: Path) -> OpenTable:
    """The first sheet with rows."""
    tables = open_tables(path)
    return next((t for t in tables if t.types), tables[0])


def _lines(path: Path, size: int) -> Iterator[pa.Table]:
    rows: list[str] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.strip():
                rows.append(line.strip())
            if len(rows) == size:
                yield pa.table({"text": rows})
                rows = []
    if rows:
        yield pa.table({"text": rows})


def _count(path: Path) -> int | None:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    return None if suffix == ".txt" else _table(path).count


class Writer(Protocol):
    """Where answers go; use as a context."""

    files: list[Path]

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def rows(self, table: pa.Table) -> None:
        """Add answered rows, in the order of the file."""

    def review(self, table: pa.Table) -> None:
        """Add rows that a person should look at."""

    def report(self, lines: list[tuple[str, Any]], whole: Mapping[str, Any]) -> None:
        """Write the report: lines for a sheet (headings have the value None), or the whole as JSON."""


def writer_for(path: Path) -> Writer:
    """Writer of a file by its ending.

    Raises
    ------
    InvalidRequestError
        If the ending is none of `EXTENSIONS`.
    """
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return _Workbook(path)
    if suffix in (".csv", ".parquet"):
        return _Flat(path)
    raise InvalidRequestError(f"{path}: answers are written as {', '.join(EXTENSIONS)}", "out")


class _Flat:
    """CSV or Parquet: the rows, beside them ``NAME.review`` of the same kind and ``NAME.report.json``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beside = path.with_name(f"{path.stem}.review{path.suffix}")
        self.files = [path]
        self._stack = ExitStack()
        self._open: dict[Path, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def rows(self, table: pa.Table) -> None:
        self._write(self.path, table)

    def review(self, table: pa.Table) -> None:
        self._write(self.beside, table)
        if self.beside not in self.files:
            self.files.append(self.beside)

    def report(self, lines: list[tuple[str, Any]], whole: Mapping[str, Any]) -> None:  # noqa: ARG002
        path = self.path.with_name(f"{self.path.stem}.report.json")
        self.files.append(path)
        files = [str(file) for file in self.files]
        path.write_bytes(orjson.dumps({**whole, "files": files}, option=orjson.OPT_INDENT_2))

    def _write(self, path: Path, table: pa.Table) -> None:
        sink = self._open.get(path)
        if sink is None:
            sink = self._open[path] = self._sink(path, table.schema)
        sink.write_table(table.cast(sink.schema) if isinstance(sink, pq.ParquetWriter) else table)

    def _sink(self, path: Path, schema: pa.Schema) -> Any:  # noqa: ANN401 -- either writer
        if path.suffix.lower() == ".parquet":
            return self._stack.enter_context(pq.ParquetWriter(path, schema))
        file: IO[bytes] = self._stack.enter_context(path.open("wb"))
        file.write(b"\xef\xbb\xbf")  # spreadsheets take UTF-8 for the local code page without it
        return self._stack.enter_context(pc_csv.CSVWriter(file, schema))


class _Workbook:
    """One workbook: sheets 结果, 复核, 报告."""

    def __init__(self, path: Path) -> None:
        self.files = [path]
        self._book = xlsxwriter.Workbook(
            str(path),
            {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
             "nan_inf_to_errors": True},
        )  # fmt: skip
        self._bold = self._book.add_format({"bold": True})
        self._sheets: dict[str, tuple[Any, int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._book.close()

    def rows(self, table: pa.Table) -> None:
        self._write("结果 results", table)

    def review(self, table: pa.Table) -> None:
        self._write("复核 review", table)

    def report(self, lines: list[tuple[str, Any]], whole: Mapping[str, Any]) -> None:  # noqa: ARG002
        sheet = self._book.add_worksheet("报告 report")
        sheet.set_column(0, 0, 36)
        sheet.set_column(1, 1, 60)
        for at, (name, value) in enumerate(lines):
            if value is None:
                sheet.write_string(at, 0, name, self._bold)
            else:
                sheet.write_string(at, 0, name)
                _cell(sheet, at, 1, value)

    def _write(self, name: str, table: pa.Table) -> None:
        columns = [column.to_pylist() for column in table.columns]
        for row in zip(*columns, strict=True):
            sheet, at, part = self._sheets.get(name) or self._begin(name, 1, table.column_names)
            if at > SHEET_ROWS:
                sheet, at, part = self._begin(name, part + 1, table.column_names)
            for number, value in enumerate(row):
                _cell(sheet, at, number, value)
            self._sheets[name] = (sheet, at + 1, part)

    def _begin(self, name: str, part: int, columns: list[str]) -> tuple[Any, int, int]:
        sheet = self._book.add_worksheet(name if part == 1 else f"{name} {part}")
        sheet.freeze_panes(1, 0)
        for number, column in enumerate(columns):
            sheet.write_string(0, number, column, self._bold)
        return sheet, 1, part


def _cell(sheet: Any, row: int, column: int, value: Any) -> None:  # noqa: ANN401 -- any plain value
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        sheet.write_string(row, column, str(value)[:CELL])
    else:
        sheet.write_number(row, column, value)


def unused_names(taken: Mapping[str, Any] | list[str], wanted: str) -> str:
    """A column name that is not taken yet."""
    names = set(taken)
    while wanted in names:
        wanted += "_"
    return wanted
