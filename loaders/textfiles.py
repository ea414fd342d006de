"""CSV and JSON tables as columns of text, one row out per record in, in batches."""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pv
import shapely
from numpy.typing import NDArray

from loaders.encoding import decide_text
from twin.errors import SourceError, UnsafeSourceError

__all__ = [
    "csv_columns",
    "csv_header",
    "csv_tables",
    "delimiter_of",
    "json_columns",
    "json_records",
]

MAX_JSON = 2 * 1024**3
"""A JSON table is read at once; past 2 GiB it is refused."""
_LIST_KEYS = (
    "observations",
    "value",
    "data",
    "records",
    "rows",
    "features",
    "items",
    "result",
    "results",
    "list",
)


def delimiter_of(header: str) -> str:
    """Comma, tab, semicolon or bar: whichever parts the header line most often."""
    return max(",\t;|", key=header.count)


def _text(path: Path, encoding: str) -> IO[bytes]:
    """The file as UTF-8 bytes, decoded from ``encoding`` on the way; what cannot be decoded becomes U+FFFD."""
    if encoding.upper() in ("UTF-8", "UTF-8-SIG"):
        return path.open("rb")
    return codecs.EncodedFile(path.open("rb"), "utf-8", encoding, "replace")


def csv_header(path: Path, encoding: str) -> tuple[list[str], str]:
    """Column names and delimiter of a CSV file.

    Raises
    ------
    SourceError
        If the file is empty or has no column names.
    """
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        first = file.readline(1 << 20)
        if not first.strip():
            raise SourceError(path, "is empty; a CSV table needs a first line with column names")
        delimiter = delimiter_of(first)
        file.seek(0)
        names = next(csv.reader(file, delimiter=delimiter))
    out: list[str] = []
    for i, name in enumerate(n.strip().lstrip("\ufeff") for n in names):
        plain = name or f"column_{i + 1}"
        out.append(plain if plain not in out else f"{plain}_{i + 1}")
    return out, delimiter


def csv_columns(path: Path, given: str | None = None) -> tuple[list[str], str, str, list[str]]:
    """Column names, delimiter, encoding and findings of a CSV file."""
    verdict = decide_text(path, given)
    names, delimiter = csv_header(path, verdict.encoding)
    return (
        names,
        delimiter,
        verdict.encoding,
        [f"text read as {verdict.encoding}: {verdict.why}", *verdict.findings],
    )


def csv_tables(
    path: Path, encoding: str, batch_size: int
) -> Iterator[tuple[pa.Table, NDArray[np.int64], list[str | None]]]:
    """Records of a CSV file as text columns.

    Yields
    ------
    (pyarrow.Table, ndarray of int64, list of str or None)
        At most ``batch_size`` rows, the number of each record (0 = first after the header), and for records with too
        many or too few fields the reason; their cells are null.
    """
    names, delimiter = csv_header(path, encoding)
    broken: list[tuple[int, str]] = []

    def note(row: Any) -> str:  # noqa: ANN401 (pyarrow.csv.InvalidRow, untyped)
        broken.append(
            (
                row.number - 2,
                f"{row.actual_columns} fields where {row.expected_columns} are expected: {(row.text or '')[:120]!r}",
            )
        )
        return "skip"

    options = {
        "read_options": pv.ReadOptions(
            use_threads=False, column_names=names, skip_rows_after_names=1, block_size=8 << 20
        ),
        "parse_options": pv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        "convert_options": pv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            check_utf8=False,
        ),
    }
    with _text(path, encoding) as file:
        try:
            reader = pv.open_csv(file, **options)
        except (pa.ArrowInvalid, StopIteration) as err:
            if (
                path.stat().st_size < 1 << 16
                and len(path.read_text(encoding=encoding, errors="replace").splitlines()) < 2
            ):
                return
            raise SourceError(path, f"cannot be read as CSV: {err}") from err
        yield from _numbered(path, reader, broken, batch_size)


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


def json_records(path: Path, given: str | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """Objects of a JSON table: a list of objects, an object that holds one, or one object per line.

    Raises
    ------
    UnsafeSourceError
        If the file is larger than 2 GiB.
    SourceError
        If it is no JSON or holds no list of objects.
    """
    if path.stat().st_size > MAX_JSON:
        raise UnsafeSourceError(
            path, "a JSON table larger than 2 GiB; save it as CSV or one object per line in parts"
        )
    verdict = decide_text(path, given)
    raw = path.read_bytes()
    if verdict.encoding != "UTF-8":
        raw = raw.decode(verdict.encoding, "replace").encode()
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as err:
        try:
            document = [orjson.loads(line) for line in io.BytesIO(raw) if line.strip()]
        except orjson.JSONDecodeError:
            raise SourceError(path, f"is no JSON: {err}") from err
    if isinstance(document, dict):
        lists = [document[k] for k in _LIST_KEYS if isinstance(document.get(k), list)]
        lists += [
            v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], dict)
        ]
        document = lists[0] if lists else None
    if not isinstance(document, list) or not any(isinstance(r, dict) for r in document[:100]):
        raise SourceError(path, "holds no list of objects; a JSON table is [{…}, {…}]")
    document = [_flat(r) if isinstance(r, dict) else {} for r in document]
    return document, [f"text read as {verdict.encoding}: {verdict.why}"]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A GeoJSON feature of a bare list as one flat object with its geometry as WKT."""
    if record.get("type") != "Feature" or not isinstance(record.get("geometry"), dict):
        return record
    geometry = shapely.from_geojson(orjson.dumps(record["geometry"]), on_invalid="ignore")
    wkt = "unreadable" if shapely.is_missing(geometry) else shapely.to_wkt(geometry, -1)
    return {**(record.get("properties") or {}), "geometry": wkt}


def json_columns(records: list[dict[str, Any]]) -> dict[str, pa.Array]:
    """Columns of a list of objects; a member of mixed types becomes text.

    Parameters
    ----------
    records : list of dict
        Members that an object does not have are null.
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    out: dict[str, pa.Array] = {}
    for name in names:
        values = [record.get(name) for record in records]
        try:
            out[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            out[name] = pa.array(
                [
                    v if v is None or isinstance(v, str) else orjson.dumps(v).decode()
                    for v in values
                ],
                pa.string(),
            )
    return out
