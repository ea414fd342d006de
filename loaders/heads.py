"""Where a table begins: titles above the header, headers of several rows, rows of units, comments."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from twin.units import named_unit, unit_in_name

__all__ = ["MAX_COLUMNS", "Head", "find_head", "unique_names"]

MAX_COLUMNS = 4_096
"""A table with more columns is refused."""
_NUMBER = re.compile(r"^[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?%?$")
_TIME = re.compile(r"^\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}|月)|^\d{1,2}[:/]\d{1,2}[:/]\d{2,4}")
_RDB = re.compile(r"^\d+[sdnSDN]$")
_MOST_TITLES = 20

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a table.

    ``names`` are unique column names without the units that stood in rows of their own, ``first`` the number of rows
    above the first record, ``units`` column → unit as written (of a row of units, or of the name itself), ``titles``
    the texts above the header.
    """

    names: tuple[str, ...]
    first: int
    units: dict[str, str] = field(default_factory=dict)
    titles: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def find_head(rows: Sequence[Row]) -> Head:
    """Find the header among the first rows of a table.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first rows as they stand (some dozens suffice), empty cells as ``""``.

    Returns
    -------
    Head
        With no names where all rows are empty.

    Examples
    --------
    >>> find_head([["2026年部件普查"], ["编号", "高度", ""], ["", "地上", "地下"], ["A1", "3", "4"]]).names
    ('编号', '高度/地上', '高度/地下')
    >>> head = find_head([["时间", "温度"], ["", "℃"], ["2026-07-01", "31"]])
    >>> head.first, head.units
    (2, {'温度': '℃'})
    """
    cells = [[c.strip().lstrip("\ufeff") for c in row] for row in rows]
    width = _usual_width(cells)
    at = _header_row(cells, width)
    if at is None:
        return Head((), len(rows))
    findings: list[str] = []
    titles = tuple(" ".join(c for c in row if c) for row in cells[:at] if any(row))
    if titles:
        findings.append(f"{len(titles)} lines above the header passed over: {titles[0][:60]!r}")
    header = _filled(cells[at], max((len(r) for r in cells[at : at + 20]), default=width))
    below = at + 1
    if below < len(cells) and _is_second_header(header, cells[below], cells[below + 1 : below + 4]):
        header = _joined(header, cells[below])
        findings.append("a header of two rows joined into one")
        below += 1
    elif sum(map(bool, header)) * 2 < len(header):
        header, below = [""] * len(header), at
        findings.append("no header: the columns are numbered")
    names = unique_names(header)
    units: dict[str, str] = {}
    if below < len(cells) and _is_types(cells[below]):
        findings.append("the row of column widths under the header passed over")
        below += 1
    elif below < len(cells) and _is_units(names, cells[below]):
        units = {
            n: u for n, u in zip(names, cells[below], strict=False) if u and u not in ("-", "/")
        }
        findings.append("the row under the header holds units")
        below += 1
    for name in names:
        found = unit_in_name(name)[1]
        if found is not None:
            units.setdefault(name, found)
    if sum(bool(_NUMBER.match(n)) for n in names) * 2 > len(names) > 1:
        findings.append("most column names are figures; the header may be missing")
    return Head(tuple(names), below, units, titles, tuple(findings))


def unique_names(names: Row) -> list[str]:
    """Column names, each once: empty ones become ``column_3``, repeated ones get their place appended."""
    out: list[str] = []
    seen: set[str] = set()
    for i, name in enumerate(names):
        plain = re.sub(r"[\r\n]+", " ", name.strip()) or f"column_{i + 1}"
        if plain in seen:
            plain = f"{plain}_{i + 1}"
        seen.add(plain)
        out.append(plain)
    return out


def _usual_width(cells: Sequence[Row]) -> int:
    """Number of filled cells most rows have (the larger of two)."""
    counts = Counter(n for row in cells if (n := sum(map(bool, row))))
    if not counts:
        return 0
    most = max(counts.values())
    return max(n for n, k in counts.items() if 2 * k >= most)


def _header_row(cells: Sequence[Row], width: int) -> int | None:
    """First row that is wide enough to name the columns; rows of one or two texts above it are titles."""
    filled = [i for i, row in enumerate(cells) if any(row)]
    if not filled:
        return None
    for i in filled[:_MOST_TITLES]:
        n = sum(map(bool, cells[i]))
        row = cells[i]
        unnamed_first = len(row) > 1 and not row[0] and all(row[1:])  # an index without a name
        if unnamed_first or (n >= min(width, 0.5 * width + 0.5) and (n > 1 or width <= 1)):
            return i if not cells[i][0].startswith("#") or n > 1 else None
    return filled[0]


def _filled(row: Row, width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _texts_only(row: Row) -> bool:
    return not any(_NUMBER.match(c) or _TIME.match(c) for c in row if c)


def _is_second_header(header: Row, row: Row, after: Sequence[Row]) -> bool:
    """Whether a row names the columns that the header above leaves open (merged cells)."""
    gaps = [i for i, name in enumerate(header[: len(row)]) if not name]
    if not gaps or not _texts_only(row):
        return False
    named = sum(bool(row[i]) for i in gaps)
    mostly = named * 2 > len(gaps)
    overlap = any(row[i] and not row[i - 1] for i in range(1, len(row)))
    data_below = any(not _texts_only(r) for r in after) or not after
    blank = any(not c for c in row) or all(row)
    return mostly and data_below and (overlap or blank)


def _joined(header: Row, row: Row) -> list[str]:
    out: list[str] = []
    parent = ""
    for i, name in enumerate(header):
        child = row[i] if i < len(row) else ""
        parent = name or (parent if child else "")
        out.append(f"{parent}/{child}" if parent and child and child != parent else parent or child)
    return out


def _is_types(row: Row) -> bool:
    given = [c for c in row if c]
    return bool(given) and all(_RDB.match(c) for c in given)


def _is_units(names: Sequence[str], row: Row) -> bool:
    """Whether most filled cells of a row are units (and none is a figure or a time)."""
    given = [c.strip("()（）[]") for c in row if c and c not in ("-", "/")]
    if not given or not _texts_only([c for c in given if c != "1"]) or len(row) > len(names):
        return False
    return sum(named_unit(c) is not None for c in given) * 2 > len(given)
