"""Separated text (CSV, TSV …) as columns of text, one row out per record in, in batches."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
from numpy.typing import NDArray

from loaders.encoding import decide_text
from loaders.heads import MAX_COLUMNS, Head, find_head
from twin.errors import SourceError, UnsafeSourceError

__all__ = [
    "TextTable",
    "after_lines",
    "count_records",
    "delimiter_of",
    "looks_like_table",
    "open_text",
    "text_batches",
]

DELIMITERS = ",\t;|"
_HEAD_BYTES = 1 << 18
_SAMPLE_ROWS = 1_000
_BLOCK = 8 << 20
_LONGEST_LINE = 4 << 20
"""A line longer than this (4 MiB) is no record of a table."""
_COUNTED_BYTES = 256 << 20
_PARSED_BYTES = 4 << 20
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANK_LINE = re.compile(rb"\n[ \t]+[\r\n]")

Numbered = Iterator[tuple[pa.Table, NDArray[np.int64], list[str | None]]]


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text table whose head was read.

    ``lines`` is the number of physical lines above the first record; ``sample`` holds the first records as text,
    padded to the width of the table.
    """

    path: Path
    encoding: str
    delimiter: str
    head: Head
    lines: int
    sample: tuple[tuple[str, ...], ...]
    findings: tuple[str, ...]


def delimiter_of(lines: Sequence[str]) -> str:
    """Comma, tab, semicolon or bar: the one that parts the first lines most evenly.

    Examples
    --------
    >>> delimiter_of(["a;b;c", "1,5;2,5;x"]), delimiter_of(["name,type", "A,x;y;z"]), delimiter_of(["one"])
    (';', ',', ',')
    """
    best, best_score = ",", (0.0, 0.0)
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths or max(widths) < 2:
            continue
        usual = max(set(widths), key=lambda w: (widths.count(w), w))
        even = widths.count(usual) / len(widths)
        if usual > 1 and (even >= 0.5, even * usual) > best_score:
            best, best_score = delimiter, (even >= 0.5, even * usual)
    return best


def looks_like_table(head: bytes) -> bool:
    """Whether the first bytes of a text file are lines parted evenly by a delimiter (comments above allowed)."""
    if b"\0" in head[:64] and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    text = head.decode("utf-8", "replace")
    lines = [line for line in text.splitlines()[:-1] if line.strip() and not line.startswith("#")]
    if not lines and len(head) >= 4096:
        return _is_wide_header(text)
    if len(lines) < 2:
        return False
    delimiter = delimiter_of(lines[:20])
    try:
        widths = [len(row) for row in csv.reader(lines[:20], delimiter=delimiter) if row]
    except csv.Error:
        return False
    usual = max(set(widths), key=widths.count)
    return usual > 1 and widths.count(usual) * 5 >= len(widths) * 4


def _is_wide_header(text: str) -> bool:
    """Whether a first line that goes on past all that was read is one of many short column names."""
    names = text.split(max(DELIMITERS, key=text.count))
    distinct = len({n.strip().lower() for n in names if n.strip()})
    return distinct >= 20 and distinct >= 0.9 * len(names) and max(map(len, names)) <= 80


def open_text(path: Path, given: str | None = None) -> TextTable:
    """Read the head of a text table.

    Raises
    ------
    SourceError
        If the file is empty or has no column names.
    UnsafeSourceError
        If it has more than :data:`loaders.heads.MAX_COLUMNS` columns.
    """
    encoding, findings = _encoding_of(path, given)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        text = file.read(_HEAD_BYTES)
        whole = not file.read(1)
    lines = _physical(text, whole)
    if not any(line.strip() for line in lines):
        if text.strip():
            raise UnsafeSourceError(
                path,
                f"its first line is longer than {_HEAD_BYTES:,} characters; a table has short lines",
            )
        raise SourceError(path, "is empty; a CSV table needs a first line with column names")
    comments = _comments(lines)
    body = lines[comments:]
    delimiter = delimiter_of([line for line in body[:40] if line.strip()])
    if comments and body and _names_columns(lines[comments - 1], body[0], delimiter):
        comments -= 1
        body = [lines[comments].lstrip("# "), *body]
    rows, ends = _parsed(body, delimiter)
    head = find_head(rows[:60])
    if not head.names:
        raise SourceError(
            path, "has no column names; a CSV table needs a line that names its columns"
        )
    if len(head.names) > MAX_COLUMNS:
        raise UnsafeSourceError(
            path, f"has {len(head.names):,} columns; a table has at most {MAX_COLUMNS:,}"
        )
    width = len(head.names)
    sample = [_of_width(row, width) for row in rows[head.first :] if row][:_SAMPLE_ROWS]
    if comments:
        findings.append(f"{comments} comment lines passed over")
    skipped = comments + (ends[head.first - 1] if head.first else 0)
    findings += head.findings
    return TextTable(path, encoding, delimiter, head, skipped, tuple(sample), tuple(findings))


def _encoding_of(path: Path, given: str | None) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        start = file.read(4096)
    if given is None and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        for zeros, encoding in ((start[1::2], "UTF-16-LE"), (start[0::2], "UTF-16-BE")):
            other = start[0::2] if encoding.endswith("LE") else start[1::2]
            if len(start) > 8 and zeros.count(0) * 3 > len(zeros) * 2 and 0 not in other:
                return encoding, [f"text read as {encoding}: every second byte is zero"]
    verdict = decide_text(path, given)
    return verdict.encoding, [
        f"text read as {verdict.encoding}: {verdict.why}",
        *verdict.findings,
    ]


def _physical(text: str, whole: bool) -> list[str]:
    """Lines with their ends, parted at line ends only; the last one is left out where it may go on."""
    lines = list(io.StringIO(text, newline=""))
    return lines if whole else lines[:-1]


def _comments(lines: Sequence[str]) -> int:
    """Number of comment lines (``#``) at the top, with empty lines among them."""
    n = 0
    for i, line in enumerate(lines):
        if line.startswith("#"):
            n = i + 1
        elif line.strip():
            break
    return n if n < len(lines) else 0


def _names_columns(comment: str, first: str, delimiter: str) -> bool:
    """Whether the last comment line is a header: ``#id,name`` over ``1,x``."""
    n = comment.count(delimiter)
    return n > 0 and n == first.count(delimiter)


def _parsed(lines: Sequence[str], delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Rows of the first lines, and after how many physical lines each ends."""
    rows: list[list[str]] = []
    ends: list[int] = []
    reader = csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
            if len(rows) > _SAMPLE_ROWS + 60:
                break
    except csv.Error:
        pass  # a field past csv's limit: what came before is the sample
    if len(rows) > 1 and ends[0] > 20 and len(rows) * 4 < len(lines):
        return _parsed_without_quotes(lines, delimiter)
    if not rows:
        return _parsed_without_quotes(lines, delimiter)
    return rows, ends


def _parsed_without_quotes(
    lines: Sequence[str], delimiter: str
) -> tuple[list[list[str]], list[int]]:
    rows = [line.rstrip("\r\n").split(delimiter) for line in lines[: _SAMPLE_ROWS + 60]]
    return rows, list(range(1, len(rows) + 1))


def _of_width(row: Sequence[str], width: int) -> tuple[str, ...]:
    return (*row[:width], *[""] * (width - len(row)))


def count_records(table: TextTable) -> int | None:
    """Records of a table; None where size makes counting slow, or quotes and empty lines make it a guess."""
    size = table.path.stat().st_size
    if size > _COUNTED_BYTES or table.encoding.upper().startswith("UTF-16"):
        return None
    if not _is_sound(table):
        return None  # lines will be taken as they come
    if size < _PARSED_BYTES:
        return _parsed_count(table)
    n, last, empty = 0, b"\n", 0
    with table.path.open("rb") as file:
        while block := file.read(1 << 22):
            if b'"' in block or block.count(b"\r") > block.count(b"\r\n") + 1:
                return None
            n += block.count(b"\n")
            joined = last[-3:] + block
            empty += joined.count(b"\n\n") + joined.count(b"\n\r\n")
            empty += _BLANK_LINE.search(joined) is not None
            last = block
    n += not last.endswith(b"\n")
    return max(0, n - table.lines) if not empty else None


def _parsed_count(table: TextTable) -> int | None:
    with table.path.open(encoding=table.encoding, errors="replace", newline="") as file:
        for _ in range(table.lines):
            file.readline()
        reader = csv.reader((line.replace("\0", "") for line in file), delimiter=table.delimiter)
        try:
            width = len(table.head.names)
            return sum(1 for row in reader if len(row) == width or any(c.strip() for c in row))
        except csv.Error:
            return None


class _Recoded(io.RawIOBase):
    """Text as UTF-8 bytes; what cannot be decoded becomes U+FFFD."""

    def __init__(self, text: IO[str]) -> None:
        self._text, self._left = text, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 -- any writable buffer
        if not self._left:
            self._left = self._text.read(1 << 20).encode("utf-8", "replace")
        n = min(len(buffer), len(self._left))
        buffer[:n] = self._left[:n]
        self._left = self._left[n:]
        return n

    def close(self) -> None:
        self._text.close()
        super().close()


def _from_first_record(table: TextTable) -> IO[bytes]:
    """The file from its first record on, as UTF-8."""
    if table.encoding.upper() in ("UTF-8", "UTF-8-SIG"):
        raw = table.path.open("rb")
        raw.seek(after_lines(raw, table.lines))
        return raw
    text = table.path.open(encoding=table.encoding, errors="replace", newline="")
    for _ in range(table.lines):
        text.readline()
    return io.BufferedReader(_Recoded(text), 1 << 20)


def after_lines(file: IO[bytes], lines: int) -> int:
    """Offset of the line after the first ``lines``, which lie in the head; a carriage return alone ends a line too."""
    head = file.read(4 * _HEAD_BYTES)  # bytes of the characters that the head was found in
    ends = (match.end() for match in _LINE_END.finditer(head))
    return next(islice(ends, lines - 1, None), len(head)) if lines else 0


def _is_sound(table: TextTable) -> bool:
    """Whether quotes come in pairs and no line is longer than a record can be."""
    if table.encoding.upper().startswith("UTF-16"):
        return True
    quotes, run = 0, 0
    with table.path.open("rb") as file:
        while block := file.read(1 << 20):
            quotes += block.count(b'"')
            run = 0 if b"\n" in block else run + len(block)
            if run >= _LONGEST_LINE:
                return b"\r" in block
    return quotes % 2 == 0


def text_batches(table: TextTable, batch_size: int) -> Numbered:
    """Records of a text table as columns of text.

    Yields
    ------
    (pyarrow.Table, ndarray of int64, list of str or None)
        At most ``batch_size`` rows, the number of each record (0 = first after the header), and for records with too
        many or too few fields the reason; their cells are null.
    """
    if not _is_sound(table):
        yield from _line_by_line(table, batch_size)
        return
    names = table.head.names
    broken: list[tuple[int, str]] = []
    blank = 0
    empty = f" \t\r\n{table.delimiter}"

    def note(row: Any) -> str:  # noqa: ANN401 (pyarrow.csv.InvalidRow, untyped)
        nonlocal blank
        text = row.text or ""
        if text and not text.strip(empty):  # spaces and separators alone are no record
            blank += 1
            return "skip"
        broken.append((row.number - 1 - blank, _ragged(row.actual_columns, len(names), text)))
        return "skip"

    options = {
        "read_options": pv.ReadOptions(use_threads=False, column_names=names, block_size=_BLOCK),
        "parse_options": pv.ParseOptions(
            delimiter=table.delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        "convert_options": pv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            check_utf8=False,
        ),
    }
    with _from_first_record(table) as file:
        if not file.peek(1):  # type: ignore[attr-defined]  # both are buffered readers
            return
        try:
            reader = pv.open_csv(file, **options)
        except StopIteration:
            return
        except pa.ArrowInvalid as err:
            if "Empty CSV" in str(err):
                return
            raise SourceError(table.path, f"cannot be read as CSV: {err}") from err
        yield from _numbered(table.path, reader, broken, batch_size)


def _ragged(given: int, expected: int, text: str) -> str:
    return f"{given} fields where {expected} are expected: {text[:120]!r}"


def _line_by_line(table: TextTable, batch_size: int) -> Numbered:
    """Records of a table whose quotes do not close or whose lines have no end: a line is a record as far as it goes."""
    width = len(table.head.names)
    rows: list[tuple[str, ...] | None] = []
    reasons: list[str | None] = []
    at = 0
    with io.TextIOWrapper(
        _from_first_record(table), encoding="utf-8", errors="replace", newline=""
    ) as text:
        for cells, reason in _records(text, table.delimiter, width):
            rows.append(cells)
            reasons.append(reason)
            if len(rows) == batch_size:
                yield _as_table(rows, table.head.names), np.arange(at, at + len(rows)), reasons
                at, rows, reasons = at + len(rows), [], []
    if rows:
        yield _as_table(rows, table.head.names), np.arange(at, at + len(rows)), reasons


def _records(
    text: IO[str], delimiter: str, width: int
) -> Iterator[tuple[tuple[str, ...] | None, str | None]]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            while (rest := text.readline(_LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
                pass
            yield None, f"a line longer than {_LONGEST_LINE:,} characters: {line[:60]!r}"
            continue
        plain = line.rstrip("\r\n")
        if not plain.strip():
            continue
        cells = plain.split(delimiter)
        if plain.count('"') % 2 == 0:
            try:
                cells = next(csv.reader([plain.replace("\0", "")], delimiter=delimiter))
            except (csv.Error, StopIteration):
                cells = plain.split(delimiter)
        reason = None
        if plain.count('"') % 2 and len(cells) != width:
            reason = f"a quote is opened and not closed: {plain[:120]!r}"
        elif len(cells) != width:
            reason = _ragged(len(cells), width, plain)
        yield (None, reason) if reason else (tuple(cells), None)


def _as_table(rows: Sequence[tuple[str, ...] | None], names: Sequence[str]) -> pa.Table:
    columns = [
        pa.array([None if row is None else row[i] for row in rows], pa.string())
        for i in range(len(names))
    ]
    return pa.Table.from_arrays(columns, names=list(names))


def _numbered(
    path: Path, reader: pv.CSVStreamingReader, broken: list[tuple[int, str]], batch_size: int
) -> Iterator[Any]:
    """Number good records around the broken ones and put those back in their places."""
    at = 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            batch = None
        except pa.ArrowInvalid as err:
            raise SourceError(path, f"breaks off after record {at}: {err}") from err
        good = batch.num_rows if batch is not None else 0
        if batch is None and not broken:
            return
        bad = np.array([n for n, _ in broken], dtype=np.int64)
        inside = bad < at + good + np.arange(len(bad))
        inside = np.ones(len(bad), bool) if batch is None else inside
        taken, rest = (
            [b for b, i in zip(broken, inside, strict=True) if i],
            [b for b, i in zip(broken, inside, strict=True) if not i],
        )
        broken[:] = rest
        total = good + len(taken)
        rows = np.arange(at, at + total, dtype=np.int64)
        reasons: list[str | None] = [None] * total
        for number, reason in taken:
            reasons[min(max(0, number - at), total - 1)] = reason
        table = _spread(batch, reader.schema, reasons)
        for start in range(0, total, batch_size):
            part = slice(start, start + batch_size)
            yield table.slice(start, batch_size), rows[part], reasons[part]
        at += total
        if batch is None:
            return


def _spread(batch: pa.RecordBatch | None, schema: pa.Schema, reasons: list[str | None]) -> pa.Table:
    """The good rows at their places, nulls where a reason stands."""
    broken = np.array([r is not None for r in reasons], dtype=bool)
    if batch is None:
        return (
            schema.empty_table()
            if not len(reasons)
            else pa.table({f.name: pa.nulls(len(reasons), f.type) for f in schema})
        )
    table = pa.Table.from_batches([batch])
    if not broken.any():
        return table
    index = np.cumsum(~broken) - 1
    return table.take(pa.array(index, mask=broken))
