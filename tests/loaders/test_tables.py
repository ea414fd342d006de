"""Tables: values, times, encodings, broken lines; kinds and proposals."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import shapely

from loaders.columns import Faults, json_objects, to_number
from loaders.discovery import scan
from loaders.propose import class_of_words, propose
from loaders.tablekinds import kind_of_columns
from loaders.tables import TableLoader
from loaders.times import to_time
from twin.plan import LayerPlan, Plan

Table = Callable[..., Path]


def rows_of(path: Path) -> list[dict[str, object]]:
    layer = TableLoader().scan(path)[0]
    plan = propose([layer]).layers[0]
    return [r for b in TableLoader().read(layer, plan) for r in b.records.to_pylist()]


def test_reasons_name_column_and_value(table: Table, texts: dict[str, str]) -> None:
    assert [r["fault"] for r in rows_of(table("poi.csv", texts["poi"], "gbk"))] == [
        None,
        "经度: '一百一十四' is not a coordinate",
        "2 fields where 4 are expected: 'P3,列太少'",
        "duplicate id 'P1': the first record with it was kept",
        "no coordinates",
    ]
    assert [r["fault"] for r in rows_of(table("s.csv", texts["streams"]))] == [
        None,
        "预警上限: '待定' is not a number",
        "no coordinates",
        "warn_low lies above warn_high",
    ]
    assert [r["fault"] for r in rows_of(table("r.csv", texts["observations"]))] == [
        None,
        "time 2098-12-31 16:00 lies in the future",
        "no time",
        "监测时间: '2026-02-30 08:00' is not a time",
        "监测值: '离线' is not a number",
    ]
    assert [r["fault"] for r in rows_of(table("c.csv", texts["cases"]))] == [
        None,
        "code '99999' is not in the table of 管理事项",
        "no case number",
    ]
    assert [r["fault"] for r in rows_of(table("a.csv", texts["addresses"]))] == [
        None,
        "no address text",
        "a room, floor or unit without road, compound or building",
    ]


def test_points_addresses_and_times_have_their_values(table: Table, texts: dict[str, str]) -> None:
    poi = rows_of(table("poi.csv", texts["poi"], "gb18030"))[0]
    assert (poi["key"], poi["name"], poi["class_code"]) == ("P1", "临江小学", "poi")
    assert shapely.from_wkb(poi["geometry"]).equals(shapely.Point(114.1, 30.5))
    address = rows_of(table("a.csv", texts["addresses"]))[0]
    assert (address["full"], address["road"], address["x"]) == (
        "湖北省云梦泽市临江示范区临江大道35号301室",
        "临江大道",
        508_210.0,
    )
    reading = rows_of(table("r.csv", texts["observations"]))[0]
    assert reading["phenomenon_time"] == datetime(2026, 6, 30, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-07-01T08:30:00Z", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("2026-07-01 08:30:00.25+05:30", datetime(2026, 7, 1, 3, 0, 0, 250_000, tzinfo=UTC)),
        ("2026/7/1 8:30", datetime(2026, 7, 1, 0, 30, tzinfo=UTC)),
        ("2026年7月1日 8时30分", datetime(2026, 7, 1, 0, 30, tzinfo=UTC)),
        ("20260701083000", datetime(2026, 7, 1, 0, 30, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 28, 16, 0, tzinfo=UTC)),
        ("1782894600", datetime(2026, 7, 1, 8, 30, tzinfo=UTC)),
        ("1782894600500", datetime(2026, 7, 1, 8, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-02-29", None),
        ("2026-07-01 25:00", None),
        ("昨天", None),
    ],
)
def test_times_are_utc_and_without_a_zone_those_of_china(text: str, want: datetime | None) -> None:
    faults = Faults(1)
    assert to_time(pa.array([text]), faults, "时间")[0].as_py() == want
    assert faults.array().to_pylist() == [None if want else f"时间: {text!r} is not a time"]


def test_numbers_are_read_as_people_write_them_and_nothing_else() -> None:
    faults = Faults(8)
    read = to_number(
        pa.array(["12.5", " １２ ", "1,234.5", "DN300", "12米", "12 feet", "-", None]),
        faults,
        "高",
        ["米"],
    )
    assert read.to_pylist() == [12.5, 12.0, 1234.5, 300.0, 12.0, None, None, None]
    assert faults.array().to_pylist() == [None] * 5 + ["高: '12 feet' is not a number", None, None]


def test_json_of_columns_is_what_a_json_library_reads_back() -> None:
    columns = {
        "名": pa.array(['引"号', "反\\斜", "换\n行\t", None]),
        "n": pa.array([1.5, float("nan"), -0.25, 1e300]),
        "i": pa.array([1, None, 3, 4]),
        "b": pa.array([True, False, None, None]),
        "l": pa.array([[1, 2], None, [], None]),
        "blob": pa.array([b"x"] * 4),
    }
    assert [json.loads(t) for t in json_objects(columns, 4).to_pylist()] == [
        {"名": '引"号', "n": 1.5, "i": 1, "b": True, "l": [1, 2]},
        {"名": "反\\斜", "b": False},
        {"名": "换\n行\t" if False else "换\n行", "n": -0.25, "i": 3, "l": []},
        {"n": 1e300, "i": 4},
    ]


def test_rows_all_of_whose_members_are_null_stay() -> None:
    assert json_objects({"a": pa.array(["x", None, "z"])}, 3).to_pylist() == [
        '{"a":"x"}',
        "{}",
        '{"a":"z"}',
    ]


def test_quoted_line_breaks_broken_rows_and_batches_keep_their_numbers(table: Table) -> None:
    lines = ["id,名称,x,y"] + [f'{i},"第\n{i}行",1,2' for i in range(50)]
    lines[11], lines[31] = "broken", "1,2,3,4,5,6"
    path = table("points.csv", "\n".join(lines) + "\n")
    layer = TableLoader().scan(path)[0]
    plan = LayerPlan(str(path), key_field="id", name_field="名称", fields={"x": "x", "y": "y"})
    rows = [r for b in TableLoader().read(layer, plan, batch_size=7) for r in b.records.to_pylist()]
    assert [r["row"] for r in rows] == list(range(50))
    assert [r["row"] for r in rows if r["fault"]] == [10, 30]
    assert all(
        r["key"] == str(r["row"]) and r["name"] == f"第\n{r['row']}行"
        for r in rows
        if not r["fault"]
    )


def test_json_tables_and_bare_feature_lists(table: Table) -> None:
    path = table(
        "poi.json",
        json.dumps(
            [
                {"id": 1, "名称": "甲", "lon": 114.0, "lat": 30.0},
                "no object",
                {"id": 2, "lon": 1.0, "lat": 2.0},
            ]
        ),
    )
    rows = rows_of(path)
    assert [r["key"] for r in rows] == ["1", None, "2"]
    assert [bool(r["fault"]) for r in rows] == [False, True, False]
    feature = {
        "type": "Feature",
        "properties": {"height": 9},
        "geometry": {"type": "Point", "coordinates": [3, 4]},
    }
    (only,) = rows_of(table("list.json", json.dumps([feature])))
    assert shapely.from_wkb(only["geometry"]).equals(shapely.Point(3, 4))
    assert json.loads(str(only["attributes"])) == {"height_m": 9}


def test_kinds_and_classes_are_told_by_words() -> None:
    assert kind_of_columns(["案件编号", "问题描述", "上报时间", "案件状态"]) == "cases"
    assert kind_of_columns(["name", "address", "lat", "lon"]) == "features"
    assert kind_of_columns(["stream", "time", "value"]) == "observations"
    assert class_of_words("heat", "管线") == "pipe_heat"
    assert class_of_words("Theatres", "shanghai_Theatr_Cinema") is None
    assert class_of_words("单元网格", "行政") == "grid_unit"


def test_a_proposal_survives_its_file_and_leaves_the_system_to_be_judged(
    table: Table, texts: dict[str, str], tmp_path: Path
) -> None:
    table("兴趣点_gcj02.csv", texts["poi"])
    table("历史读数.csv", texts["observations"])
    table("标准地址.csv", texts["addresses"], "gbk")
    plan = propose(scan([tmp_path]))
    assert [(p.kind, p.crs) for p in plan.layers] == [
        ("features", None),
        ("addresses", None),
        ("observations", None),
    ]
    file = tmp_path / "plan.toml"
    file.write_text(plan.to_toml(), encoding="utf-8")
    assert list(Plan.read(file).layers) == list(plan.layers)


@pytest.mark.real
def test_a_gb18030_table_of_real_stops(real: Path) -> None:
    rows = rows_of(real / "china" / "derived" / "shanghai_metro_poi_gbk.csv")
    assert len(rows) == 449
    assert rows[0]["name"] == "人民广场(地铁站)"
    box = shapely.total_bounds(shapely.from_wkb([r["geometry"] for r in rows]))
    assert 120.8 < box[0] < box[2] < 122.0
    assert 30.6 < box[1] < box[3] < 31.9
