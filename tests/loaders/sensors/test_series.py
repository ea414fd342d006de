"""Tables of readings: wide and long, times in parts, stations, units, missing markers; nothing is lost on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loaders.discovery import scan
from loaders.propose import propose
from loaders.tables import TableLoader
from twin.plan import LayerPlan


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str, str], Path]:
    def make(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def both(
    path: Path, **changes: object
) -> tuple[list[dict], list[dict], tuple[str, ...], LayerPlan]:
    """Streams, readings, what reading told, and the plan of the readings."""
    infos = scan([path])
    assert [i.kind for i in infos] == ["streams", "observations"]
    plans = [replace(p, **changes) for p in propose(infos).layers]
    loader = TableLoader()
    streams = [r for b in loader.read(infos[0], plans[0]) for r in b.records.to_pylist()]
    batches = list(loader.read(infos[1], plans[1]))
    readings = [r for b in batches for r in b.records.to_pylist()]
    return streams, readings, tuple(f for b in batches for f in b.findings), plans[1]


WIDE = """No,year,month,day,hour,PM2.5 (µg/m³),温度(℃),wd,station
1,2013,3,1,0,3,-2.3,E,Changping
2,2013,3,1,1,NA,-2.5,N,Changping
3,2013,3,1,24,-999,-3,N,Changping
4,2013,13,1,2,5,6,N,Changping
5,2013,3,1,3,离线,-3.5,N,Changping
6,2013,3,1,4,4,-4,N,Changping
7,2013,3,1,5,5,-3,N,Changping
8,2013,3,1,6,6,-3,N,Changping
"""


def test_a_wide_table_is_a_stream_a_column_and_a_reading_a_cell(table) -> None:
    streams, readings, told, plan = both(table("PRSA.csv", WIDE))
    assert [(s["key"], s["unit"], s["thing_key"]) for s in streams] == [
        ("Changping/PM2.5", "ug/m3", "Changping"),
        ("Changping/温度", "Cel", "Changping"),
    ]
    assert plan.missing == (-999.0,)
    good = {
        (r["stream_key"], r["phenomenon_time"]): r["result"] for r in readings if not r["fault"]
    }
    assert good["Changping/温度", datetime(2013, 2, 28, 16, tzinfo=UTC)] == -2.3
    assert good["Changping/温度", datetime(2013, 3, 1, 16, tzinfo=UTC)] == -3.0
    assert len([k for k in good if k[0].endswith("PM2.5")]) == 4
    faults = [r["fault"] for r in readings if r["fault"]]
    assert sorted(faults) == sorted(
        [
            "year/month/day/hour: '2013-13-01 02:00:00' is not a time",
            "year/month/day/hour: '2013-13-01 02:00:00' is not a time",
            "PM2.5 (µg/m³): '离线' is not a number",
        ]
    )
    cells = 8 * 2
    empty = next(int(f.split()[0]) for f in told if "cells" in f)
    assert len(readings) + empty == cells
    assert any("taken as Asia/Shanghai: 7 times" in f for f in told)


def test_every_batch_size_gives_the_same_readings(table) -> None:
    path = table("PRSA.csv", WIDE)
    info = scan([path])[1]
    plan = propose([info]).layers[0]

    def rows(size: int) -> list[tuple[object, ...]]:
        batches = list(TableLoader().read(info, plan, size))
        assert all(b.records.num_rows <= max(size, 2) for b in batches)
        return sorted(tuple(map(str, r.values())) for b in batches for r in b.records.to_pylist())

    assert rows(3) == rows(65_536)


def test_columns_that_are_sensors_are_stations_of_their_own(table) -> None:
    text = ",773869,767541\n2012-03-01 00:00:00,64.3,67.6\n2012-03-01 00:05:00,62.6,65.1\n"
    streams, readings, _, plan = both(table("metr-la.csv", text), time_zone="America/Los_Angeles")
    assert plan.station == "*"
    assert [(s["key"], s["thing_key"]) for s in streams] == [("773869",) * 2, ("767541",) * 2]
    assert readings[0]["phenomenon_time"] == datetime(2012, 3, 1, 8, tzinfo=UTC)
    assert sorted(r["result"] for r in readings) == [62.6, 64.3, 65.1, 67.6]


def test_a_table_without_a_station_is_called_like_its_file(table) -> None:
    text = "day,TMin,TMax\n2022-03-31,5.7,9.5\n2022-03-30,6.9,11.8\n"
    streams, readings, _, _ = both(table("桥温.csv", text))
    assert [s["key"] for s in streams] == ["桥温/TMin", "桥温/TMax"]
    assert len(readings) == 4


def test_a_long_table_with_places_describes_its_streams(table) -> None:
    text = (
        "站点名称,监测指标,单位,监测时间,监测值,经度,纬度\n"
        "一号,水位,米,2026-07-01 08:00,1.5,114.1,30.5\n"
        "一号,流量,m³/s,2026-07-01 08:00,30,114.1,30.5\n"
        "二号,水位,米,2026-07-01T08:00:00Z,2.5,114.2,30.6\n"
        "二号,水位,米,2026-07-01 09:00,-,114.2,30.6\n"
    )
    streams, readings, _, _ = both(table("水情.csv", text))
    assert [(s["key"], s["property"], s["unit"], s["x"]) for s in streams] == [
        ("一号/水位", "水位", "m", 114.1),
        ("一号/流量", "流量", "m3/s", 114.1),
        ("二号/水位", "水位", "m", 114.2),
    ]
    assert [r["fault"] for r in readings] == [None, None, None, "no result"]
    assert readings[0]["phenomenon_time"] == datetime(2026, 7, 1, 0, tzinfo=UTC)
    assert readings[2]["phenomenon_time"] == datetime(2026, 7, 1, 8, tzinfo=UTC)


def test_a_plan_may_convert_readings(table) -> None:
    text = "time,level_ft\n2026-07-01 08:00,10\n2026-07-01 09:00,20\n"
    path = table("w.csv", text)
    streams, readings, _, _ = both(path)
    assert (streams[0]["unit"], readings[0]["result"]) == ("[ft_i]", 10.0)
    streams, readings, _, _ = both(path, units={"level_ft": "ft -> m"})
    assert (streams[0]["unit"], readings[0]["result"]) == ("m", pytest.approx(3.048))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Date,Latitude,Longitude,Magnitude\n" + "".join(f"30/08/1991 12:0{i}:00,4{i}.5,-12{i}.5,{i}\n" for i in range(6)), "features"),
        ("编号,名称,竣工日期,高度\nA,甲楼,2001-05-01,12\nB,乙楼,2002-05-01,15\n", "features"),
        ("测点编号,监测时间,监测值\nS1,2026-06-30 08:00:00,1.5\n", "observations"),
        ("sensor_id,latitude,longitude\n773869,34.15,-118.3\n", "streams"),
    ],
)  # fmt: skip
def test_events_things_and_bare_readings_are_not_taken_for_series(
    table, text: str, kind: str
) -> None:
    assert [i.kind for i in scan([table("a.csv", text)])] == [kind]
