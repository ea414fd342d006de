"""Times as tables write them → UTC: formats, zones, clock changes, dates in several columns."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.columns import BLANKS, Faults, to_number, to_text

__all__ = [
    "DEFAULT_ZONE",
    "DateParts",
    "TimeReader",
    "date_order_of",
    "looks_like_times",
    "time_parts",
    "to_time",
]

DEFAULT_ZONE = "Asia/Shanghai"
"""Zone of times that name none, where neither plan nor city say another."""
UTC = pa.timestamp("us", tz="UTC")
Micros = NDArray[np.int64]

_CLOCK = (
    r"(?:[T ,]?\s*(?P<ap1>上午|下午|凌晨|早上|中午|晚上|AM|PM|am|pm)?\s*(?P<h>\d{1,2})"
    r"(?:\s*[:时点]\s*(?P<mi>\d{1,2})|(?P<mi2>\d{2})|[时点]整?)?\s*分?"
    r"(?:\s*:?\s*(?P<s>\d{2}))?\s*秒?(?:[.,:](?P<f>\d{1,9}))?\s*(?P<ap2>[AaPp]\.?[Mm]\.?)?)?"
)
_ZONE = r"\s*(?P<z>Z|z|[+-]\d{1,2}(?::?\d{2})?|UTC|GMT|CST\+8|北京时间)?(?:\[[\w/+-]+\])?$"
_YEAR_FIRST = (
    r"^(?P<y>\d{4})\s*[-/.年]\s*(?P<mo>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*日?"
    r"(?:\s*(?:\(?(?:星期|周)[一二三四五六日天]\)?))?"
)
_COMPACT = r"^(?P<y>\d{4})(?P<mo>\d{2})(?P<d>\d{2})"
_YEAR_LAST = r"^(?P<a>\d{1,2})\s*[-/.]\s*(?P<b>\d{1,2})\s*[-/.]\s*(?P<y>\d{4})"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NAMED = r"^(?:[A-Za-z]{3,9},?\s+)?(?P<d>\d{1,2})[ -](?P<m>[A-Za-z]{3})[a-z]*\.?[ -](?P<y>\d{4})"
_FORMS = (_YEAR_FIRST, _COMPACT, _YEAR_LAST, _NAMED)
_AFTERNOON = ("下午", "晚上", "pm")
_OFFSETS = {"": None, "z": 0, "utc": 0, "gmt": 0, "cst+8": 28_800, "北京时间": 28_800}
_EPOCHS = ((10, 1_000_000), (13, 1_000), (16, 1))
_EXCEL_DAY_0 = -25_569 * 86_400 * 1_000_000
"""Microseconds from 1970 to day 0 of spreadsheets (1899-12-30)."""


class TimeReader:
    """Reads the time columns of one layer; what it had to assume is in ``findings``.

    Parameters
    ----------
    zone : str or None
        Zone of the tz database for times that name none; :data:`DEFAULT_ZONE` where None.
    date_order : str or None
        ``dmy`` or ``mdy`` for dates such as 3/4/2026; judged by the first batch where None.
    """

    def __init__(self, zone: str | None = None, date_order: str | None = None) -> None:
        self.zone = zone or DEFAULT_ZONE
        self.date_order = date_order
        self._findings: dict[str, int] = {}

    def findings(self) -> tuple[str, ...]:
        """Sentences about what was assumed, with how many times it happened; empties the list."""
        out = tuple(f"{text}: {n:,} times" for text, n in self._findings.items())
        self._findings.clear()
        return out

    def read(self, column: pa.Array | pa.ChunkedArray, faults: Faults, label: str) -> pa.Array:
        """Column as UTC timestamps; see :func:`to_time`."""
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_null(array.type):
            return pa.nulls(len(array), UTC)
        if pa.types.is_temporal(array.type) and not pa.types.is_time(array.type):
            if pa.types.is_timestamp(array.type) and array.type.tz:
                return array.cast(UTC)
            micros = array.cast(pa.timestamp("us")).cast(pa.int64())
            valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)
            local = pc.fill_null(micros, 0).to_numpy(zero_copy_only=False)
            return self._utc(local, valid, faults, label)
        text = to_text(array)
        local, offset, valid = self._parsed(text)
        naive = valid & (offset == _NAIVE)
        out = local - np.where(offset == _NAIVE, 0, offset) * 1_000_000
        read = pa.array(out, pa.timestamp("us"), mask=~(valid & ~naive)).cast(UTC)
        if naive.any():
            self._note(f"{label}: no time zone is written, taken as {self.zone}", int(naive.sum()))
            read = pc.coalesce(read, self._utc(local, naive, faults, label))
        wrong = pc.and_(
            pc.invert(pc.or_(text.is_null(), pc.fill_null(pc.is_in(text, BLANKS), True))),
            pa.array(~valid),
        ).to_numpy(zero_copy_only=False)
        faults.add(wrong, lambda i: f"{label}: {str(array[i].as_py())[:60]!r} is not a time")
        return read

    def _utc(self, local: Micros, valid: NDArray[np.bool_], faults: Faults, label: str) -> pa.Array:
        """UTC of clock times of the layer's zone, hours that a clock change leaves out are faults."""
        out = np.zeros(len(local), dtype=np.int64)
        missed = np.zeros(len(local), dtype=bool)
        if valid.any():
            stamps = pd.DatetimeIndex(local[valid].astype("datetime64[us]"))
            first = stamps.tz_localize(
                self.zone, ambiguous=np.ones(len(stamps), bool), nonexistent="NaT"
            )
            second = stamps.tz_localize(
                self.zone, ambiguous=np.zeros(len(stamps), bool), nonexistent="NaT"
            )
            gap = np.asarray(first.isna())
            values = first.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]")
            out[valid] = np.where(gap, 0, values.astype(np.int64))
            missed[np.flatnonzero(valid)[gap]] = True
            twice = int(((first != second) & ~gap).sum())
            if twice:
                self._note(
                    f"{label}: hour that a clock change of {self.zone} repeats, taken as the first of the two",
                    twice,
                )
        faults.add(
            missed,
            lambda i: (
                f"{label}: {np.datetime64(int(local[i]), 'us').item():%Y-%m-%d %H:%M} does not exist in {self.zone}: the clock"
                " was put forward; give the right time_zone"
            ),
        )
        return pa.array(out, pa.timestamp("us"), mask=~(valid & ~missed)).cast(UTC)

    def _note(self, text: str, n: int) -> None:
        self._findings[text] = self._findings.get(text, 0) + n

    def _parsed(self, text: pa.Array) -> tuple[Micros, NDArray[np.int64], NDArray[np.bool_]]:
        """Microseconds of the written clock time, offset in seconds (or none), and what was read."""
        n = len(text)
        micros, offset = np.zeros(n, np.int64), np.full(n, _NAIVE)
        done = np.zeros(n, dtype=bool)
        for form in _FORMS:
            if done.all():
                break
            parts = pc.extract_regex(text, form + _CLOCK + _ZONE)
            here = np.asarray(parts.is_valid().to_numpy(zero_copy_only=False), bool) & ~done
            if not here.any():
                continue
            found = parts.filter(pa.array(here))
            value, real = self._civil(found, form)
            at = np.flatnonzero(here)[real]
            micros[at], offset[at] = value[real], _zone_offsets(pc.struct_field(found, "z"))[real]
            done[at] = True
        seconds, is_epoch = _epochs(text, ~done)
        micros[is_epoch], offset[is_epoch] = seconds[is_epoch], 0
        days, is_serial = _serials(text, ~(done | is_epoch))
        micros[is_serial] = days[is_serial]
        return micros, offset, done | is_epoch | is_serial

    def _civil(self, parts: pa.Array, form: str) -> tuple[Micros, NDArray[np.bool_]]:
        y = _part(parts, "y")
        if form is _YEAR_LAST:
            a, b = _part(parts, "a"), _part(parts, "b")
            mo, d = (a, b) if self._order(a, b, parts) == "mdy" else (b, a)
        elif form is _NAMED:
            names = pc.utf8_lower(pc.struct_field(parts, "m"))
            month = pc.index_in(names, value_set=pa.array(_MONTHS))
            mo = np.asarray(pc.fill_null(month, -1).to_numpy(zero_copy_only=False), np.int64) + 1
            d = _part(parts, "d")
        else:
            mo, d = _part(parts, "mo"), _part(parts, "d")
        h, s = _part(parts, "h"), _part(parts, "s")
        mi = np.maximum(_part(parts, "mi"), _part(parts, "mi2"))
        h = _on_24_hours(h, parts)
        return _micros(y, mo, d, h, mi, s, pc.struct_field(parts, "f"))

    def _order(self, a: Micros, b: Micros, parts: pa.Array) -> str:
        if self.date_order is None:
            half_day = pc.any(pc.not_equal(pc.struct_field(parts, "ap2"), "")).as_py()
            self.date_order = _order_of(a, b, bool(half_day))
            if not ((a > 12).any() or (b > 12).any()):
                self._note(
                    f"dates such as {a[0]}/{b[0]} may be day/month or month/day; read as {self.date_order}"
                    " (date_order in the plan decides)",
                    len(a),
                )
        return self.date_order


_NAIVE = np.int64(1 << 40)


def _order_of(a: Micros, b: Micros, half_day: bool) -> str:
    """``mdy`` where a second number is no month (or, in doubt, where clocks have 12 hours), else ``dmy``."""
    if (b > 12).any() and not (a > 12).any():
        return "mdy"
    if (a > 12).any():
        return "dmy"
    return "mdy" if half_day else "dmy"


def date_order_of(column: pa.Array) -> tuple[str | None, bool]:
    """Order of day and month in a sample of dates, and whether the sample proves it; None where no date needs it.

    Examples
    --------
    >>> date_order_of(pa.array(["07/27/2017 03:37 PM"])), date_order_of(pa.array(["3/4/2026"]))
    (('mdy', True), ('dmy', False))
    >>> date_order_of(pa.array(["2026-03-04"]))
    (None, False)
    """
    parts = pc.extract_regex(to_text(column), _YEAR_LAST + _CLOCK + _ZONE)
    parts = parts.filter(parts.is_valid())
    if not len(parts):
        return None, False
    a, b = _part(parts, "a"), _part(parts, "b")
    half_day = bool(pc.any(pc.not_equal(pc.struct_field(parts, "ap2"), "")).as_py())
    return _order_of(a, b, half_day), bool((a > 12).any() or (b > 12).any())


def looks_like_times(column: pa.Array) -> bool:
    """Whether most of a sample of texts are dates or times as people write them (bare numbers are not)."""
    text = to_text(column).drop_null()
    if not len(text):
        return False
    dated = pc.match_substring_regex(text, r"[-/.年:月A-Za-z]")
    if 2 * pc.sum(dated).as_py() < len(text):
        return False
    faults = Faults(len(text))
    read = TimeReader("UTC").read(text, faults, "")
    return bool(read.null_count * 5 < len(text))


def _part(parts: pa.Array, name: str) -> Micros:
    text = pc.struct_field(parts, name)
    number = pc.if_else(pc.equal(text, ""), None, text).cast(pa.int64())
    return np.asarray(pc.fill_null(number, 0).to_numpy(zero_copy_only=False), np.int64)


def _on_24_hours(h: Micros, parts: pa.Array) -> Micros:
    """Hours of 上午/下午, am/pm on the clock of 24 hours."""
    for name in ("ap1", "ap2"):
        mark = pc.utf8_lower(pc.replace_substring(pc.struct_field(parts, name), ".", ""))
        late = pc.is_in(mark, pa.array(_AFTERNOON)).to_numpy(zero_copy_only=False)
        given = pc.fill_null(pc.not_equal(mark, ""), False).to_numpy(zero_copy_only=False)
        noon = pc.fill_null(pc.equal(mark, "中午"), False).to_numpy(zero_copy_only=False)
        h = np.where(late & (h < 12), h + 12, np.where(given & ~late & ~noon & (h == 12), 0, h))
        h = np.where(noon & (h < 11), h + 12, h)
    return h


def _micros(
    y: Micros, mo: Micros, d: Micros, h: Micros, mi: Micros, s: Micros, fraction: pa.Array | None
) -> tuple[Micros, NDArray[np.bool_]]:
    """Microseconds since 1970 of clock times, and which of them exist (24:00 is the next day's start)."""
    months = (y - 1970) * 12 + np.clip(mo, 1, 12) - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + d - 1
    real = (y >= 1) & (mo >= 1) & (mo <= 12) & (d >= 1) & (h <= 24) & (mi <= 59) & (s <= 60)
    real &= (h < 24) | ((mi == 0) & (s == 0))
    real &= days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) == months
    micros = ((days * 24 + h) * 3600 + mi * 60 + s) * 1_000_000
    if fraction is not None:
        padded = pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, 6, "0"), 0, 6)
        micros = micros + pc.fill_null(padded, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
    return micros, real


def _zone_offsets(zone: pa.Array) -> NDArray[np.int64]:
    """Seconds east of Greenwich of each zone text; ``_NAIVE`` where none is written."""
    distinct = pc.unique(zone).to_pylist()
    table: dict[str, int | None] = {}
    for text in distinct:
        plain = (text or "").lower()
        if plain[:1] in "+-" and plain:
            digits = plain[1:].replace(":", "").zfill(2)
            hours, minutes = int(digits[:-2] or 0), int(digits[-2:])
            if len(digits) <= 2:
                hours, minutes = int(digits), 0
            table[text] = (hours * 3600 + minutes * 60) * (-1 if plain[0] == "-" else 1)
        else:
            table[text] = _OFFSETS.get(plain)
    code = pc.index_in(zone, value_set=pa.array(distinct, pa.string()), skip_nulls=False)
    seconds = np.array([_NAIVE if (v := table[t]) is None else v for t in distinct], np.int64)
    return np.asarray(seconds[code.to_numpy(zero_copy_only=False)], np.int64)


def _numeric(text: pa.Array, pattern: str, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    found = pc.struct_field(pc.extract_regex(text, pattern), "e")
    number = pc.if_else(pc.equal(found, ""), None, found).cast(pa.float64())
    values = np.asarray(number.to_numpy(zero_copy_only=False), np.float64)
    return np.where(wanted, values, np.nan)


def _epochs(text: pa.Array, wanted: NDArray[np.bool_]) -> tuple[Micros, NDArray[np.bool_]]:
    """Seconds, milliseconds or microseconds since 1970, told by their number of digits."""
    out, mask = np.zeros(len(text), np.int64), np.zeros(len(text), dtype=bool)
    if not wanted.any():
        return out, mask
    for digits, scale in _EPOCHS:
        values = _numeric(text, rf"^(?P<e>\d{{{digits}}}(?:\.\d+)?)$", wanted)
        here = np.isfinite(values)
        out[here] = (values[here] * scale).astype(np.int64)
        mask |= here
    return out, mask


def _serials(text: pa.Array, wanted: NDArray[np.bool_]) -> tuple[Micros, NDArray[np.bool_]]:
    """Day numbers of spreadsheets (1955–2119), rounded to the second; they are clock times without a zone."""
    if not wanted.any():
        return np.zeros(len(text), np.int64), np.zeros(len(text), dtype=bool)
    values = _numeric(text, r"^(?P<e>[2-7]\d{4}(?:\.\d+)?)$", wanted)
    mask = np.isfinite(values)
    seconds = np.round(np.where(mask, values, 0.0) * 86_400).astype(np.int64)
    return seconds * 1_000_000 + _EXCEL_DAY_0, mask


class DateParts:
    """A time that stands in several columns: a date and a clock, or year, month, day, hour, minute, second.

    Parameters
    ----------
    columns : mapping of part → source column
        ``date`` and ``clock``, or ``year`` … ``second``.
    """

    ORDER = ("year", "month", "day", "hour", "minute", "second")

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = dict(columns)

    def joined(self, table: Mapping[str, pa.Array], faults: Faults) -> pa.Array:
        """One text column ``2026-07-01 08:00:00`` out of the parts; null where a part of the date is missing."""
        if "date" in self.columns:
            date, clock = to_text(table[self.columns["date"]]), None
            if "clock" in self.columns:
                clock = to_text(table[self.columns["clock"]])
            day = pc.struct_field(
                pc.extract_regex(date, r"^(?P<d>.*?)(?:[T ]0{1,2}:00(?::00)?)?$"), "d"
            )
            padded = _padded_clock(clock) if clock is not None else None
            return date if padded is None else pc.binary_join_element_wise(day, padded, " ")
        parts = []
        for name in self.ORDER:
            if name not in self.columns:
                default = {"month": "1", "day": "1"}.get(name, "0")
                parts.append(pa.array([default] * len(next(iter(table.values())))))
                continue
            number = to_number(table[self.columns[name]], faults, self.columns[name])
            whole = pc.floor(number).cast(pa.int64(), safe=False).cast(pa.string())
            parts.append(whole)
        padded = [pc.utf8_lpad(p, 4 if i == 0 else 2, "0") for i, p in enumerate(parts)]
        date = pc.binary_join_element_wise(*padded[:3], "-")
        return pc.binary_join_element_wise(date, pc.binary_join_element_wise(*padded[3:], ":"), " ")


def _padded_clock(clock: pa.Array) -> pa.Array:
    """Clocks as texts: ``700`` is 07:00, a part of a day (0.5) is 12:00, ``0 days 08:00:00`` is 08:00:00."""
    short = pc.fill_null(pc.match_substring_regex(clock, r"^\d{1,4}$"), False)
    four = pc.utf8_lpad(clock, 4, "0")
    part = pc.fill_null(pc.match_substring_regex(clock, r"^(0?\.\d+|1899-12-3\d.*)$"), False)
    clock = pc.if_else(short, four, clock)
    if not pc.any(part).as_py():
        return clock
    texts = [
        _day_part(t) if p else t for t, p in zip(clock.to_pylist(), part.to_pylist(), strict=True)
    ]
    return pa.array(texts, pa.string())


def _day_part(text: str) -> str:
    if found := re.match(r"1899-12-3\d[T ](.*)$", text):
        return found[1]
    seconds = round(float(text) * 86_400)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def to_time(
    column: pa.Array | pa.ChunkedArray,
    faults: Faults,
    label: str,
    zone: str | None = None,
    date_order: str | None = None,
) -> pa.Array:
    """Column as UTC timestamps; what cannot be read as a time is a fault.

    Parameters
    ----------
    column : pyarrow.Array or ChunkedArray
        ISO 8601, ``2026/7/1 8:30``, ``2026年7月1日 下午8时30分``, ``20260701083000``, ``20260701 0830``,
        ``07/01/2026 08:30 PM``, ``1-Jul-2026``, seconds, milliseconds or microseconds since 1970, day numbers of
        spreadsheets, or Arrow dates and timestamps. 24:00 is the start of the next day.
    faults : Faults
        Receives ``label`` and the value where no time could be read.
    label : str
        The column's name as the source writes it.
    zone : str, optional
        Zone of the tz database for times that name none; :data:`DEFAULT_ZONE` where None.
    date_order : str, optional
        ``dmy`` or ``mdy``; judged by the column where None.

    Returns
    -------
    pyarrow.Array of timestamp[us, tz=UTC]
    """
    return TimeReader(zone, date_order).read(column, faults, label)


def time_parts(names: Sequence[str]) -> dict[str, str]:
    """Part → column for columns that give a time in parts; empty where they do not.

    Examples
    --------
    >>> time_parts(["No", "year", "month", "day", "hour", "PM2.5"])
    {'year': 'year', 'month': 'month', 'day': 'day', 'hour': 'hour'}
    >>> time_parts(["日期", "时间", "值"]), time_parts(["month", "value"])
    ({'date': '日期', 'clock': '时间'}, {})
    """
    out: dict[str, str] = {}
    for part, spellings in _PART_NAMES.items():
        for name in names:
            if re.sub(r"[\s_()（）]", "", name).lower() in spellings:
                out.setdefault(part, name)
    if {"year", "month", "day"} <= out.keys() or ("year" in out and "month" in out):
        order = [p for p in DateParts.ORDER if p in out]
        return {p: out[p] for p in order}
    if {"date", "clock"} <= out.keys():
        return {"date": out["date"], "clock": out["clock"]}
    return {}


_PART_NAMES: Mapping[str, tuple[str, ...]] = {
    "year": ("year", "yr", "yyyy", "年", "年份"),
    "month": ("month", "mo", "mm", "mon", "月", "月份"),
    "day": ("day", "dd", "dayofmonth", "日"),
    "hour": ("hour", "hr", "hh", "时", "小时", "时刻"),
    "minute": ("minute", "min", "分", "分钟"),
    "second": ("second", "sec", "ss", "秒"),
    "date": (
        "date",
        "日期",
        "监测日期",
        "观测日期",
        "采集日期",
        "obsdate",
        "sampledate",
        "readingdate",
        "activitystartdate",
    ),
    "clock": (
        "time",
        "时间",
        "监测时间",
        "观测时间",
        "采集时间",
        "时刻",
        "clock",
        "obstime",
        "sampletime",
        "readingtime",
        "activitystarttime/time",
    ),
}
