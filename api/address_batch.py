"""Answer a whole table of addresses: rows with their answers, a report, and the tail that a person should see."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from address import Match
from api.address_notes import notes_of
from api.address_tables import TextSource, Writer, open_source, unused_names, writer_for
from api.addresses import Geocoder, match_texts

__all__ = ["ANSWERS", "SURE", "BatchReport", "answer_columns", "geocode_file", "geocode_source"]

ANSWERS: Final = pa.schema(
    [
        ("addr_status", pa.string()),
        ("addr_full", pa.string()),
        ("addr_id", pa.string()),
        ("addr_code", pa.string()),
        ("addr_level", pa.string()),
        ("addr_eid", pa.string()),
        ("addr_confidence", pa.float64()),
        ("addr_lon", pa.float64()),  # degrees, EPSG:4490
        ("addr_lat", pa.float64()),
        ("addr_z", pa.float64()),  # metres above the ellipsoid
        ("addr_method", pa.string()),
        ("addr_error_m", pa.float64()),
        ("addr_missing", pa.string()),
        ("addr_faults", pa.string()),  # codes with ; between
        ("addr_note", pa.string()),
        ("addr_alternatives", pa.string()),  # at most three, with | between
    ]
)
"""Columns that are put after those of the file."""

SURE: Final = 0.9
"""What is exact and at least so sure needs no look."""


@dataclass(slots=True)
class BatchReport:
    """What became of a table.

    Attributes
    ----------
    source, column : str
    rows, empty : int
        All rows, and those without a text.
    status, level, method : Counter
    bins : list of int
        Rows per tenth of confidence.
    faults : Counter
        Rows by code of their faults; `examples` has a text for each.
    review : int
        Rows of the review list.
    files : list of str
    """

    source: str = ""
    column: str = ""
    rows: int = 0
    empty: int = 0
    status: Counter[str] = field(
        default_factory=lambda: Counter({"exact": 0, "ambiguous": 0, "partial": 0, "none": 0})
    )
    level: Counter[str] = field(default_factory=Counter)
    method: Counter[str] = field(default_factory=Counter)
    bins: list[int] = field(default_factory=lambda: [0] * 10)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    review: int = 0
    files: list[str] = field(default_factory=list)

    def add(self, text: str, match: Match) -> bool:
        """Count an answer; whether a person should look at it."""
        self.rows += 1
        self.empty += not text
        self.status[match.status] += 1
        self.bins[min(9, int(match.confidence * 10))] += 1
        if match.level is not None:
            self.level[match.level] += 1
        if match.location is not None:
            self.method[match.location.method] += 1
        for code in {f.code for f in match.faults}:
            self.faults[code] += 1
            self.examples.setdefault(code, text)
        look = match.status != "exact" or match.confidence < SURE
        self.review += look
        return look

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "source": self.source,
            "column": self.column,
            "rows": self.rows,
            "empty": self.empty,
            "status": dict(self.status),
            "confidence": [
                {"from": i / 10, "to": (i + 1) / 10, "rows": n} for i, n in enumerate(self.bins)
            ],
            "levels": dict(self.level.most_common()),
            "methods": dict(self.method.most_common()),
            "faults": [
                {"code": code, "rows": n, "example": self.examples[code]}
                for code, n in sorted(self.faults.items(), key=lambda x: (-x[1], x[0]))
            ],
            "review": self.review,
            "files": self.files,
        }

    def lines(self) -> list[tuple[str, Any]]:
        """The report as lines of a sheet: headings have no value."""
        return [
            ("来源 source", self.source), ("列 column", self.column), ("行数 rows", self.rows),
            ("空白 empty", self.empty), ("待复核 to review", self.review), ("", None),
            ("状态 status", None), *self.status.items(), ("", None),
            ("可信度 confidence", None),
            *((f"{i / 10:.1f}–{(i + 1) / 10:.1f}", n) for i, n in enumerate(self.bins)), ("", None),
            ("级别 level", None), *self.level.most_common(), ("", None),
            ("定位方式 method", None), *self.method.most_common(), ("", None),
            ("问题 fault", None), *sorted(self.faults.items(), key=lambda x: (-x[1], x[0])),
        ]  # fmt: skip


def answer_columns(texts: Sequence[str], answers: Sequence[Match]) -> pa.Table:
    """Columns `ANSWERS` of answers; a row without a text says so."""
    rows = [_row(text, match) for text, match in zip(texts, answers, strict=True)]
    return pa.Table.from_pylist(rows, schema=ANSWERS)


def _row(text: str, match: Match) -> dict[str, Any]:
    place = match.location
    row: dict[str, Any] = {
        "addr_status": match.status,
        "addr_full": match.full,
        "addr_id": match.node_id,
        "addr_code": match.code,
        "addr_level": match.level,
        "addr_eid": match.eid,
        "addr_confidence": match.confidence,
        "addr_missing": match.missing,
        "addr_faults": ";".join(f.code for f in match.faults) or None,
        "addr_note": "；".join(notes_of(match)) or (None if text else "空白"),
        "addr_alternatives": " | ".join(c.full for c in match.alternatives[:3]) or None,
    }
    if place is not None:
        row |= {
            "addr_lon": place.lon,
            "addr_lat": place.lat,
            "addr_z": place.z,
            "addr_method": place.method,
            "addr_error_m": place.error_m,
        }
    return row


def geocode_file(
    index: Geocoder,
    source: Path,
    target: Path,
    column: str | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> BatchReport:
    """Answer every row of a file.

    Parameters
    ----------
    index : AddressIndex or History
    source : Path
        See `api.address_tables.open_source`.
    target : Path
        ``.csv`` and ``.parquet`` get a second file ``NAME.review`` with the review list; ``.xlsx`` has three sheets.
    column : str, optional
        Column of the text; found when absent.
    progress : callable, optional
        Told the file's name, rows done, rows expected.

    Returns
    -------
    BatchReport

    Raises
    ------
    SourceError, InvalidRequestError
    """
    given = open_source(source, column)
    with writer_for(target) as writer:
        return geocode_source(lambda: index, given, writer, progress)


def geocode_source(
    index: Callable[[], Geocoder],
    given: TextSource,
    writer: Writer,
    progress: Callable[[str, int, int | None], None] | None = None,
    batch: int = 16_384,
    steady: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> BatchReport:
    """Answer the rows of an open source into a writer, so many at a time inside ``steady``; see `geocode_file`."""
    report = BatchReport(given.name, "+".join(given.columns))
    for table, texts in given.batches(batch):
        with steady():
            answers = match_texts(index(), texts)
        look = [report.add(text, match) for text, match in zip(texts, answers, strict=True)]
        answered = table
        for name, values in zip(ANSWERS.names, answer_columns(texts, answers).columns, strict=True):
            answered = answered.append_column(unused_names(table.column_names, name), values)
        writer.rows(answered)
        tail = answered.filter(pa.array(look, pa.bool_()))
        if tail.num_rows:
            writer.review(tail)
        if progress is not None:
            progress(given.name, report.rows, given.count)
    writer.report(report.lines(), report.to_json())
    report.files = [str(path) for path in writer.files]
    return report
