"""What a table of readings looks like: which columns are time, station, quantity, value; long or wide."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loaders.columns import BLANKS, Faults, to_number, to_text
from loaders.fieldnames import canonical_fields, folded
from loaders.times import looks_like_times, time_parts
from twin.units import unit_in_name

__all__ = ["EACH_COLUMN", "Series", "sentinels", "series_of"]

EACH_COLUMN = "*"
"""Station of a wide table whose columns are sensors, each a station of its own."""
_TIME_WORDS = re.compile(
    r"^(date|time|datetime|timestamp|day|dt|ts|utc|localtime|datetimeutc|utctime|iso8601|日期|时间|日期时间|时刻|column1"
    r"|(obs|observation|sample|sampling|reading|measure|measured|measurement|record|recorded|result|activitystart"
    r"|监测|观测|采集|采样|测量|记录|数据|上报)(date|time|datetime|at|日期|时间)+(utc)?)$"
)
_ROW_NUMBERS = re.compile(
    r"^(no|nr|index|idx|id|fid|oid|objectid|row|rownumber|序号|编号|column1|unnamed.*)$"
)
_QUALITY = re.compile(r"(quality(index|flag|code)?|flag|qc|_cd|质量码?|标志|resultquality)$", re.I)
_SENTINELS = (
    -99.0,
    -999.0,
    -9999.0,
    -99999.0,
    -999999.0,
    -999.9,
    -99.9,
    999.0,
    9999.0,
    99999.0,
    999999.0,
    999.9,
    9999.9,
)
_MEASURED = 0.8

Columns = Mapping[str, pa.Array]


@dataclass(frozen=True, slots=True)
class Series:
    """How a table of readings is to be read.

    ``fields`` maps columns to ``phenomenon_time`` or parts of a time (``year``, ``date`` …), ``station``,
    ``thing_name``, ``property``, ``result``, ``unit``, ``quality`` and places; ``variables`` are the columns of a wide
    table, ``station`` stands where no column does; ``notes`` say why.
    """

    fields: Mapping[str, str]
    variables: tuple[str, ...] = ()
    station: str | None = None
    missing: tuple[float, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


def series_of(columns: Columns, stem: str) -> Series | None:
    """Judge a table by its names and its first rows.

    Parameters
    ----------
    columns : mapping of column name → pyarrow.Array
        The first rows.
    stem : str
        Name of the file (or sheet): the station of a wide table without one.

    Returns
    -------
    Series or None
        None where the table holds no readings, or readings of datastreams that another table describes
        (stream, time, value and nothing else).
    """
    names = list(columns)
    known = canonical_fields([_plain(n) for n in names], "observations")
    role = {n: known.get(_plain(n)) for n in names}
    time = _time_fields(columns, role)
    if not time:
        return None
    places = (
        {n: c for n, c in canonical_fields(names, "streams").items() if c in ("x", "y", "z")}
        if _has_xy(names)
        else {}
    )
    taken = {*time, *places}
    station = _station(columns, role, taken)
    fields = dict(time) | places
    if station is not None:
        fields[station] = "station"
    by_role = {c: n for n, c in role.items() if c is not None and n not in fields}
    if "result" in by_role:
        return _long(fields, by_role, places, station, stem)
    return _wide(columns, fields, by_role, places, station, stem)


def _plain(name: str) -> str:
    """A column's name for comparing: without unit, and of an URN the part that speaks."""
    text = unit_in_name(name)[0]
    if text.lower().startswith(("urn:", "http:", "https:")):
        text = re.split(r"[:/#]", text)[-1]
    return text


def _has_xy(names: Sequence[str]) -> bool:
    return {"x", "y"} <= set(canonical_fields(names, "streams").values())


def _time_fields(columns: Columns, role: Mapping[str, str | None]) -> dict[str, str]:
    """Columns that give the time of a reading: one, or parts."""
    names = list(columns)
    parts = time_parts(list(names))
    if "year" in parts or ("clock" in parts and not looks_like_times(columns[parts["clock"]])):
        return {name: part for part, name in parts.items()}
    if "date" in parts and "clock" in parts and _is_clock(columns[parts["clock"]]):
        return {name: part for part, name in parts.items()}
    named = [
        n for n in names if role[n] == "phenomenon_time" or _TIME_WORDS.match(folded(_plain(n)))
    ]
    named += [
        n for n in names[:1] if n not in named and re.match(r"column_\d+$|unnamed", n.lower())
    ]
    for name in named:
        if looks_like_times(columns[name]) or _is_epoch(columns[name]):
            return {name: "phenomenon_time"}
    return {}


def _is_clock(column: pa.Array) -> bool:
    text = to_text(column).drop_null()
    return bool(len(text)) and bool(
        pc.all(
            pc.match_substring_regex(
                text, r"^\d{1,2}([:：]\d{2}){0,2}(\.\d+)?$|^\d{3,4}$|^0?\.\d+$"
            )
        ).as_py()
    )


def _is_epoch(column: pa.Array) -> bool:
    text = to_text(column).drop_null()
    shaped = r"^1\d{9}(\d{3}){0,2}(\.\d+)?$|^(19|20)\d{6}(\d{2}){0,3}$"
    return bool(len(text)) and bool(pc.all(pc.match_substring_regex(text, shaped)).as_py())


def _distinct(column: pa.Array) -> int:
    return len(pc.unique(to_text(column)).drop_null())


def _station(columns: Columns, role: Mapping[str, str | None], taken: set[str]) -> str | None:
    """The column that names the station: by its name, else the text that parts rows of one time."""
    rows = len(next(iter(columns.values())))
    for name, canonical in role.items():
        if canonical in ("stream_key", "station") and name not in taken:
            if rows < 4 or _distinct(columns[name]) * 2 <= rows or _distinct(columns[name]) == 1:
                return name
            others = [to_text(columns[n]) for n in taken if n in columns]
            if others and _distinct(others[0]) * 2 <= rows:
                return name  # every station once a time
    times = [n for n in taken if n in columns]
    key = [to_text(columns[n]) for n in times]
    if not key or rows < 4:
        return None
    when = pc.binary_join_element_wise(*[pc.fill_null(k, "") for k in key], "|")
    if _distinct(when) * 10 > rows * 9:
        return None
    for name, column in columns.items():
        if name in taken or _is_measured(column) or role[name] in ("property", "unit", "quality"):
            continue
        pair = pc.binary_join_element_wise(when, pc.fill_null(to_text(column), ""), "|")
        if _distinct(pair) * 20 >= rows * 19 and _distinct(column) * 2 <= rows:
            return name
    return None


def _long(
    fields: dict[str, str],
    by_role: Mapping[str, str],
    places: Mapping[str, str],
    station: str | None,
    stem: str,
) -> Series | None:
    """A row a reading; None where nothing in it describes its datastreams."""
    describes = "property" in by_role or "unit" in by_role or bool(places)
    if not describes and station is not None:
        return None
    for canonical in ("result", "property", "unit", "quality", "thing_name"):
        if canonical in by_role:
            fields[by_role[canonical]] = canonical
    notes = {"kind": "one reading a row: a time and a value"}
    if station is None:
        notes["station"] = "no column names the station; the file's name stands for it"
    return Series(fields, (), None if station else stem, (), notes)


def _wide(
    columns: Columns,
    fields: dict[str, str],
    by_role: Mapping[str, str],
    places: Mapping[str, str],
    station: str | None,
    stem: str,
) -> Series | None:
    """A column a quantity or sensor; None for lists of events and of things that merely carry a date."""
    rows = len(next(iter(columns.values())))
    left = [n for n in columns if n not in fields and not _is_row_number(n, columns[n])]
    quality = [n for n in left if _QUALITY.search(n)]
    variables = [n for n in left if n not in quality and _is_measured(columns[n])]
    others = [n for n in left if n not in variables and n not in quality]
    if not variables or len(variables) < len([n for n in others if _distinct(columns[n]) > 1]):
        return None
    if places and station is None:
        xy = [to_text(columns[n]) for n, c in places.items() if c in ("x", "y")]
        spots = _distinct(pc.binary_join_element_wise(*[pc.fill_null(t, "") for t in xy], "|"))
        if spots * 3 > rows and spots > 1:
            return None  # events, each at a place of its own
    if "thing_name" in by_role:
        fields[by_role["thing_name"]] = "thing_name"
    notes = {"variables": "columns of figures, each a quantity measured over time"}
    where: str | None = None
    if station is None:
        codes = all(re.fullmatch(r"[A-Za-z]{0,3}\d{3,}", n) for n in variables)
        where = EACH_COLUMN if codes else stem
        notes["station"] = (
            "each column is a sensor of its own"
            if codes
            else "no column names the station; the file's name stands for it"
        )
    findings = []
    lost = [n for n in others if n not in fields]
    if lost:
        findings.append(
            f"columns that hold no figures are not kept with the readings: {', '.join(lost)}"
        )
    missing = sentinels([columns[n] for n in variables])
    if missing:
        notes["missing"] = "figures far from all others that stand for 'nothing measured'"
    return Series(fields, tuple(variables), where, missing, notes, tuple(findings))


def _is_row_number(name: str, column: pa.Array) -> bool:
    if not _ROW_NUMBERS.match(folded(name)):
        return False
    numbers = to_number(column, Faults(len(column)), name).drop_null().to_numpy()
    return len(numbers) < 2 or bool((np.diff(numbers) > 0).all())


def _is_measured(column: pa.Array) -> bool:
    """Whether at least four fifths of what is written in a column are figures."""
    text = to_text(column).drop_null()
    given = text.filter(pc.invert(pc.is_in(text, value_set=BLANKS)))
    if not len(given):
        return False
    number = to_number(given, Faults(len(given)), "")
    return bool((len(given) - number.null_count) >= _MEASURED * len(given))


def sentinels(columns: Sequence[pa.Array]) -> tuple[float, ...]:
    """Figures such as -999 and 9999 that stand far outside everything else a column holds.

    Examples
    --------
    >>> sentinels([pa.array(["1.5", "2", "-999", "3"])]), sentinels([pa.array(["998", "999", "1000"])])
    ((-999.0,), ())
    """
    found: set[float] = set()
    for column in columns:
        number = to_number(column, Faults(len(column)), "").drop_null()
        values = np.asarray(number.to_numpy(zero_copy_only=False), np.float64)
        candidate = np.isin(values, _SENTINELS)
        rest = values[~candidate]
        if not candidate.any() or not len(rest):
            continue
        span = max(float(np.ptp(rest)), float(np.abs(rest).max()) * 0.1, 1e-9)
        for value in np.unique(values[candidate]):
            gap = max(rest.min() - value, value - rest.max())
            if gap > 2 * span and abs(value) > 3 * np.abs(rest).max():
                found.add(float(value))
    return tuple(sorted(found))
