"""Times: forms, zones and clock changes against the standard library, times in several columns."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.columns import Faults
from loaders.times import DateParts, TimeReader, date_order_of, time_parts, to_time


def read(text: str, zone: str | None = None, order: str | None = None) -> datetime | None:
    value = to_time(pa.array([text]), Faults(1), "t", zone, order)[0].as_py()
    return value if value is None else value.astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("20130301 0700", datetime(2013, 3, 1, 7)),
        ("2013/3/1 7:00", datetime(2013, 3, 1, 7)),
        ("2026年7月1日 下午8时30分", datetime(2026, 7, 1, 20, 30)),
        ("2026-7-1 上午12:10", datetime(2026, 7, 1, 0, 10)),
        ("2026-07-01 中午12:10", datetime(2026, 7, 1, 12, 10)),
        ("07/27/2017 03:37:23 PM", datetime(2017, 7, 27, 15, 37, 23)),
        ("30/08/1991 12:39:58", datetime(1991, 8, 30, 12, 39, 58)),
        ("2026-06-30 24:00", datetime(2026, 7, 1)),
        ("1-Jul-2026 08:00", datetime(2026, 7, 1, 8)),
        ("42736.5", datetime(2017, 1, 1, 12)),
        ("44197", datetime(2021, 1, 1)),
        ("2026-07-01 8时", datetime(2026, 7, 1, 8)),
    ],
)
def test_clock_times_are_those_of_the_zone_given(text: str, want: datetime) -> None:
    assert read(text, "UTC") == want.replace(tzinfo=UTC)
    assert read(text) == want.replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-07-01 24:10", "2026-13-01", "12:30", "2026-02-29", "13/13/2026", "昨天", "123456"],
)
def test_what_is_no_time_is_a_fault(text: str) -> None:
    faults = Faults(1)
    assert to_time(pa.array([text]), faults, "t")[0].as_py() is None
    assert faults.array()[0].as_py() == f"t: {text!r} is not a time"


@pytest.mark.parametrize(
    ("text", "hours"), [("+08", 8), ("+0800", 8), ("-05:00", -5), ("Z", 0), (" UTC", 0), ("+8", 8)]
)
def test_an_offset_that_is_written_wins_over_the_zone(text: str, hours: int) -> None:
    found = read(f"2026-07-01T12:00:00{text}", "America/New_York")
    assert found == datetime(2026, 7, 1, 12 - hours, tzinfo=UTC)


def test_hours_a_clock_change_leaves_out_are_faults_and_doubled_ones_are_told() -> None:
    reader, faults = TimeReader("America/New_York"), Faults(3)
    column = pa.array(["2026-03-08 02:30", "2026-11-01 01:30", "2026-07-01 00:00"])
    read = reader.read(column, faults, "time").to_pylist()
    assert read[0] is None
    assert [t.hour for t in read[1:]] == [5, 4]
    assert "does not exist in America/New_York" in faults.array()[0].as_py()
    assert faults.array().to_pylist()[1:] == [None, None]
    told = reader.findings()
    assert any("repeats" in f and f.endswith(": 1 times") for f in told)
    assert any("no time zone is written" in f and "3 times" in f for f in told)
    assert reader.findings() == ()


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2037, 12, 31)),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]),
)
def test_any_clock_time_is_what_the_standard_library_makes_of_it(when: datetime, zone: str) -> None:
    when = when.replace(microsecond=0)
    aware = when.replace(tzinfo=ZoneInfo(zone), fold=0)
    exists = aware.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == when
    assert read(when.isoformat(), zone) == (aware.astimezone(UTC) if exists else None)


def test_the_order_of_day_and_month_is_judged_by_the_whole_column_and_kept() -> None:
    reader = TimeReader("UTC")
    first = reader.read(pa.array(["03/04/2026", "13/04/2026"]), Faults(2), "d").to_pylist()
    later = reader.read(pa.array(["03/05/2026"]), Faults(1), "d").to_pylist()
    assert [t.month for t in (*first, *later)] == [4, 4, 5]
    assert date_order_of(pa.array(["03/04/2026 11:00 PM"])) == ("mdy", False)
    assert read("03/04/2026", "UTC", "mdy") == datetime(2026, 3, 4, tzinfo=UTC)


def test_times_in_parts_and_split_clocks_are_joined() -> None:
    faults = Faults(3)
    parts = DateParts({"year": "年", "month": "月", "day": "日", "hour": "时"})
    table = {"年": [2013, 2013, 2013], "月": [3, 12, 2], "日": [1, 31, 30], "时": [0, 24, 1]}
    joined = parts.joined({n: pa.array(v) for n, v in table.items()}, faults)
    read = TimeReader("UTC").read(joined, faults, "t").to_pylist()
    assert read[:2] == [datetime(2013, 3, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)]
    assert read[2] is None
    clocks = DateParts({"date": "d", "clock": "t"}).joined(
        {"d": pa.array(["2020-01-01"] * 4), "t": pa.array(["700", "0.5", "08:15", "下午3:05"])},
        faults,
    )
    got = TimeReader("UTC").read(clocks, Faults(4), "t").to_pylist()
    assert [(t.hour, t.minute) for t in got] == [(7, 0), (12, 0), (8, 15), (15, 5)]


def test_a_month_without_a_year_is_no_time() -> None:
    assert time_parts(["month", "value"]) == {}
    assert time_parts(["监测日期", "监测时间", "值"]) == {"date": "监测日期", "clock": "监测时间"}
